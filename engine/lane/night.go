package lane

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"backstop/actions"
	"backstop/engine/journal"
	"backstop/engine/order"
)

// What goes over a night: the open groups (order.Standing), with the stops and targets that are held until their group is
// flat. The broker's day orders have died; in the morning the quantities that it tells say what of each group there
// still is, and when the market opens each slot is derived afresh, under the ids of the new day.

// The ways to hold a stop.
const (
	holdDay       = "day"
	holdUntilFlat = "until_flat"
	holdGTT       = "gtt"
)

// hold is what follows for a slot at the close. A target is held as the stop beside it is.
func (l *Lane) hold(s *slot) string {
	if s.Kind == actions.SlotTarget {
		if stop, ok := l.slots[slotID(actions.SlotStop, s.Key, s.Group, s.Part)]; ok {
			s = stop
		}
	}
	switch {
	case s.Key.Product == "MIS" || s.Key.Product == "CO":
		return holdDay
	case s.Hold == holdGTT && !gttProduct(s.Key.Product):
		return holdUntilFlat
	case s.Hold != "":
		return s.Hold
	default:
		return holdUntilFlat
	}
}

// standOver keeps what is open when the day ends.
func (l *Lane) standOver() {
	if !l.book.OvernightKnown() { // nobody told all day: what stood before stands, and what was claimed since
		l.book.SetOvernight(l.meta.Stood)
	}
	for _, id := range sortedKeys(l.slots) {
		if s := l.slots[id]; s.Kind == actions.SlotExit && s.Active && !s.Over {
			l.tellExitOver(s)
			s.Active = false // what it would have taken is covered again in the morning
		}
	}
	l.meta.Stood = l.book.Standing()
	if l.o.Assume { // the broker would have closed what is intraday
		l.meta.Stood = slices.DeleteFunc(l.meta.Stood, func(o order.Overnight) bool { return o.Product == "MIS" || o.Product == "CO" })
	}
}

func (l *Lane) tellExitOver(s *slot) {
	var open int64
	for _, id := range s.Groups {
		if g := l.group(order.Confirmed, s.Key, id); g != nil {
			open += g.Open()
		}
	}
	if s.Goal > 0 {
		open = l.exitLeft(s)
	}
	if open > 0 {
		l.alertOnce(fmt.Sprintf("EXIT NOT FINISHED %s %s %d (%s): the day ended before all was sold or bought back. Stops that are held over the night are placed again in the morning; the exit is not.",
			s.Key.Tradingsymbol, s.Key.Product, open, l.o.Account))
	}
}

// alertOnce tells something that nothing keeps as told: it is said at one moment only.
func (l *Lane) alertOnce(text string) {
	l.batch.Logs = append(l.batch.Logs, Log{"warn", text, nil})
	if !l.o.Assume {
		l.alert(text, text)
	}
}

// stood is the row of a group that stood when the day ended, nil where it was flat.
func (l *Lane) stood(k order.Key, group string) *order.Overnight {
	for i := range l.meta.Stood {
		if o := &l.meta.Stood[i]; o.Key == k && o.GroupID() == group {
			return o
		}
	}
	return nil
}

// overnight is how a slot goes into the next day.
type overnight struct {
	share, most int64 // what of its share and of its most is left
}

// heldOver are the slots that go on tomorrow. What others of their place do counts for them, so that all are looked at
// before one changes.
func (l *Lane) heldOver() map[string]overnight {
	over := map[string]overnight{}
	for id, s := range l.slots {
		if l.keepsGTT(s) && l.stood(s.Key, s.Group) == nil {
			over[id] = overnight{s.Share, s.Most}
			continue
		}
		if s.Kind == actions.SlotExit || l.hold(s) == holdDay || !s.Active && s.Wish == nil && s.Left == "" || l.stood(s.Key, s.Group) == nil {
			continue
		}
		o := overnight{s.Share, s.Most}
		if s.Wish != nil && !s.Wish.Keep {
			o.most = s.Wish.Most
		}
		if g := l.group(order.Claimed, s.Key, s.Group); g != nil && s.Part > 0 {
			if o.share = l.shareOf(s, g); o.share <= 0 {
				continue
			}
		}
		if o.most > 0 {
			if o.most -= l.took(s); o.most <= 0 {
				continue
			}
		}
		over[id] = o
	}
	return over
}

// toMorning makes a slot ready for the next day: none of its orders lives any more.
func (l *Lane) toMorning(s *slot, o overnight) {
	if s.Left == leftClose || s.Left == leftSquareOff {
		s.Left = ""
	}
	if s.Wish != nil { // asked for on a claim: it counts where the morning shows the quantity
		l.useWish(s, s.Wish)
	}
	s.Share, s.Most = o.share, o.most
	if s.GTT != nil {
		s.GTT.Off = "" // tried again
	}
	s.Wish, s.Orders, s.Blocked, s.Refused, s.Replaced, s.Fills = nil, nil, "", nil, nil, nil
	s.Reread, s.Lapsed, s.Morning, s.Doubt, s.After, s.First = time.Time{}, time.Time{}, true, "", "", true
}

// took is what a slot's own orders have filled of its group.
func (l *Lane) took(s *slot) int64 {
	g := l.group(order.Confirmed, s.Key, s.Group)
	if g == nil {
		return 0
	}
	var n int64
	for _, so := range s.Orders {
		n += g.ByOrder[so.OrderID]
	}
	return n
}

// firedByStanding says whether a rule's memory of having acted is of a group that still stands.
func (l *Lane) firedByStanding(id string) bool {
	return slices.ContainsFunc(l.meta.Stood, func(o order.Overnight) bool {
		return o.Group != "" && strings.HasSuffix(id, " "+o.Group)
	})
}

// unlookedAfter are carried quantities as those of a baseline.
func unlookedAfter(rows []order.Overnight) []order.Overnight {
	rows = slices.Clone(rows)
	for i := range rows {
		rows[i].Ours = false
	}
	return rows
}

// setOvernight makes carried quantities the day's.
func (l *Lane) setOvernight(rows []order.Overnight) {
	l.meta.Overnight, l.meta.NightsOf, l.meta.Stood = rows, l.meta.Day, nil
	l.dirty.meta = true
	l.book.SetOvernight(rows)
}

// takePositions learns what was carried in (once a day) and the last prices.
func (l *Lane) takePositions(p *Positions) {
	delete(l.asked, "positions")
	if p.Err != nil {
		l.noteError(p.Err)
		wait := 2 * time.Second
		if l.meta.Dead {
			wait = readsDead
		}
		l.asked["positions again"] = l.meta.Now.Add(wait)
		return
	}
	l.sessionLives()
	if order.DayOf(p.Began) != l.meta.Day && !l.o.Assume {
		return // begun before midnight: what was carried in then was yesterday's
	}
	p.Began = p.Began.UTC().Round(0)
	delete(l.asked, "prices")
	delete(l.asked, "positions again")
	if l.onlyCheck(p) {
		return
	}
	l.journalJSON(journal.InputPositions, p)
	last := map[string]order.Price{}
	for _, row := range p.Rows {
		l.learnMultiplier(&row)
		if row.LastPrice > 0 && !l.freshTick(row.Instrument()) {
			last[row.Instrument()] = row.LastPrice
		}
	}
	for _, row := range p.Holdings {
		if _, told := last[row.Instrument()]; !told && row.LastPrice > 0 && !l.freshTick(row.Instrument()) {
			last[row.Instrument()] = row.LastPrice
		}
	}
	if l.book.OvernightKnown() && !l.o.Assume {
		l.takePrices(last)
		l.checkPositions(p)
		if l.lastPriceWanted() || l.multiplierWanted() { // not in it: a position that is not there yet
			l.asked["positions again"] = l.meta.Now.Add(readsLater)
		}
		return
	}
	defer l.takePrices(last)
	told := l.carriedIn(p)
	if again := l.tooEarly(told); !again.IsZero() {
		l.asked["positions again"] = again
		return
	}
	rows := order.Carry(l.meta.Stood, told)
	l.tellNight(l.meta.Stood, rows)
	l.setOvernight(slices.DeleteFunc(rows, func(o order.Overnight) bool { return o.Claim && o.Quantity == 0 }))
	l.nights = true
	l.lookEverywhere()
	if l.bookRead() {
		l.arm(false)
	}
}

// carriedIn is what the broker says was carried into today, one row a place. Delivery is in the holdings; where the broker
// counts it among the positions besides it is the same. On a day without a session of its exchange nothing can have been
// traded there (others may trade: MCX on the evening of a holiday), and the positions may still be those of the last
// session: then what is held now is what will be carried in.
func (l *Lane) carriedIn(p *Positions) []order.Overnight {
	rests := func(exchange string) bool { return !l.o.Assume && !l.tradesToday(exchange) }
	at := map[order.Key]order.Overnight{}
	for _, row := range p.Rows {
		o := order.Overnight{Key: row.Key, Quantity: row.Overnight, AveragePrice: row.AveragePrice, Close: row.ClosePrice}
		if rests(row.Exchange) {
			o.Quantity = row.Quantity
		}
		at[row.Key] = o
	}
	for _, row := range p.Holdings {
		o := order.Overnight{Key: row.Key, Quantity: row.Quantity, AveragePrice: row.AveragePrice, Close: row.ClosePrice}
		switch have := at[row.Key]; {
		case rests(row.Exchange) && have.Quantity != 0: // bought or sold in the last session, and not delivered yet
			o.Quantity += have.Quantity
		case have.Quantity > o.Quantity:
			o = have
		}
		at[row.Key] = o
	}
	if !p.Whole && !l.o.Assume { // nobody told what of delivery there is: what stood stands
		for _, s := range l.meta.Stood {
			if s.Product == "CNC" || s.Product == "MTF" {
				o := at[s.Key]
				o.Quantity = l.stoodAt(s.Key)
				at[s.Key] = o
			}
		}
	}
	var rows []order.Overnight
	for k, o := range at {
		o.Key = k
		if stood := l.stoodAt(k); rests(k.Exchange) && order.Missing(l.meta.Stood, []order.Overnight{o}, k) {
			o.Quantity = stood // nothing was traded since
		}
		if o.Quantity != 0 || o.Close > 0 {
			rows = append(rows, o)
		}
	}
	for _, s := range l.meta.Stood {
		if _, told := at[s.Key]; !told && rests(s.Exchange) {
			at[s.Key] = order.Overnight{}
			rows = append(rows, order.Overnight{Key: s.Key, Quantity: l.stoodAt(s.Key)})
		}
	}
	slices.SortFunc(rows, func(x, y order.Overnight) int {
		return strings.Compare(x.Instrument()+" "+x.Product, y.Instrument()+" "+y.Product)
	})
	return rows
}

// tradesToday says whether an exchange has a session on the lane's day.
func (l *Lane) tradesToday(exchange string) bool {
	return !l.o.Hours.Close(exchange, l.meta.Now).IsZero()
}

// stoodAt is what stood at a place when the day before ended.
func (l *Lane) stoodAt(k order.Key) int64 {
	var n int64
	for _, o := range l.meta.Stood {
		if o.Key == k {
			n += o.Quantity
		}
	}
	return n
}

// believedBefore is how long before the market opens a quantity that became less over night is believed.
const believedBefore = 10 * time.Minute

// tooEarly is when the quantities are to be read again, where they show less than what stood and the broker may not have
// rolled its books yet: a position that is believed to be gone loses its stop. Zero: they are believed.
func (l *Lane) tooEarly(told []order.Overnight) time.Time {
	var again time.Time
	for _, s := range l.meta.Stood {
		if l.o.Assume || !order.Missing(l.meta.Stood, told, s.Key) {
			continue
		}
		open := l.o.Hours.NextOpen(s.Exchange, l.meta.Now)
		if at := open.Add(-believedBefore); !open.IsZero() && order.DayOf(open) == l.meta.Day && l.meta.Now.Before(at) && (again.IsZero() || at.Before(again)) {
			again = at
		}
	}
	return again
}

// tellNight says what of the groups that stood is gone, and what is there that stood in none.
func (l *Lane) tellNight(stood, rows []order.Overnight) {
	var gone, found []string
	for _, o := range rows {
		if o.Claim && o.Quantity == 0 {
			l.say("refuted "+o.Group, fmt.Sprintf("REFUTED %s (%s): a postback said that %d of %s %s were filled, no reading came through that day, and the morning's quantities do not show it. Nothing was sent on it.",
				o.Group, l.o.Account, o.Gone, o.Tradingsymbol, o.Product), sayOnce)
			continue
		}
		if o.Gone > 0 && o.Ours {
			how := "was closed while nobody looked"
			if l.expired(o.Key) {
				how = "has expired"
			}
			gone = append(gone, fmt.Sprintf("%s %s %d %s", o.Tradingsymbol, o.Product, o.Gone, how))
		}
		if o.Group == "" && l.meta.ArmedMode != "" {
			before := order.Overnight{}
			if i := slices.IndexFunc(stood, func(s order.Overnight) bool { return s.Key == o.Key && s.Group == "" }); i >= 0 {
				before = stood[i]
			}
			if more := o.Quantity - before.Quantity; more*o.Quantity > 0 {
				found = append(found, fmt.Sprintf("%s %s %d", o.Tradingsymbol, o.Product, more))
			}
		}
	}
	if len(gone) > 0 {
		l.say("gone over night", fmt.Sprintf("CLOSED OVER NIGHT (%s): %s. Nothing is placed for it any more.", l.o.Account, listed(gone)), sayOnce)
	}
	if len(found) > 0 {
		l.say("found in the morning", fmt.Sprintf("CARRIED IN WITHOUT AN ENTRY (%s): %s. It was entered while nobody looked; Backstop leaves it alone. Place a stop in Kite, or exit.",
			l.o.Account, listed(found)), sayOnce)
	}
}

// listedMost bounds what one message lists.
const listedMost = 20

func listed(lines []string) string {
	if more := len(lines) - listedMost; more > 0 {
		return strings.Join(lines[:listedMost], "; ") + fmt.Sprintf("; and %d more", more)
	}
	return strings.Join(lines, "; ")
}

// expired says whether an instrument's contract ended before today.
func (l *Lane) expired(k order.Key) bool {
	i, ok := l.instrument(k)
	return ok && i.Expiry != "" && order.Day(i.Expiry) < l.meta.Day
}

// Why a slot is left alone for the day.
const (
	leftClose     = "the close"
	leftSquareOff = "the square-off"
)

// openedFor is how long a market has been open before the first order of the day goes: a clock that is a little ahead of
// the exchange's would have it refused.
const openedFor = time.Second

// waitsForMorning says whether a slot that comes from an earlier day can't be placed yet. When it can, it is looked at
// whether its trigger still makes sense: a split or bonus over night would make it sell at once.
func (l *Lane) waitsForMorning(s *slot) bool {
	if !s.Morning {
		return false
	}
	if s.GTT != nil && (s.GTT.ID != "" || s.GTT.Seek.Quantity > 0) || l.legOf(s) { // the broker kept it over the night
		s.Morning = false
		l.touchSlot(s)
		return false
	}
	if !l.o.Assume && !l.o.Hours.IsOpen(s.Key.Exchange, l.meta.Now.Add(-openedFor)) {
		return true
	}
	if _, known := l.instrument(s.Key); !known {
		return true
	}
	s.Morning = false
	l.touchSlot(s)
	g := l.group(order.Confirmed, s.Key, s.Group)
	if g == nil || g.Open() == 0 || s.Left != "" {
		return false
	}
	s.Doubt = l.doubt(s, g)
	if s.Doubt == "" {
		return false
	}
	l.say("doubt "+s.ID, fmt.Sprintf("NOT PLACED AGAIN %s %s %d (%s): the %s at %s was held over the night, and %s. Is it still meant? A rule that matches moves it; else place one in Kite, or exit.",
		s.Key.Tradingsymbol, g.ExitSide(), g.Open(), l.o.Account, slotWord(s.Kind), max(s.Trigger, s.Price), s.Doubt), sayOnce)
	l.emit(order.Event{ID: actions.ID("event", l.o.Account, s.ID, "action_failed", "morning", string(l.meta.Day)), Kind: order.KindActionFailed,
		OrderID: g.FirstEntry(), Key: s.Key, Group: s.Group, Reason: string(actions.ClassCircuit), Message: s.Doubt, Cause: string(s.Kind),
		Hint: "place one in Kite, or exit"})
	return false
}

func slotWord(k actions.SlotKind) string {
	if k == actions.SlotTarget {
		return "target"
	}
	return "stop"
}

// nightMove is how far from the last close a trigger may lie in the morning, in per cent.
const nightMove = 20

// doubt says why a price of yesterday is not taken for today's, "" where it is: a stop's trigger may lie so far from the
// last close on either side, a target so far on the side where it fills at once. Options move further than that by
// themselves, and their contracts change with what befalls the share: of them the broker's own circuit is the bound.
func (l *Lane) doubt(s *slot, g *order.Group) string {
	i, _ := l.instrument(s.Key)
	if l.o.Assume || i.Type == "CE" || i.Type == "PE" {
		return ""
	}
	last := order.Price(0)
	for _, o := range l.meta.Overnight {
		if o.Key == s.Key {
			last = max(last, o.Close)
		}
	}
	if last == 0 {
		return "Zerodha tells no close of the day before to hold it against"
	}
	away := (last - s.Price) * order.Price(g.Sign)
	if s.Kind == actions.SlotStop {
		away = max(s.Trigger-last, last-s.Trigger)
	}
	if away*100 > last*nightMove {
		return fmt.Sprintf("that is more than %d %% away from the last close %s", nightMove, last)
	}
	return ""
}

// morningAt is when a slot of an earlier day is looked at: when its market has opened.
func (l *Lane) morningAt(s *slot) time.Time {
	if !s.Morning || l.o.Assume {
		return time.Time{}
	}
	open := l.o.Hours.NextOpen(s.Key.Exchange, l.meta.Now)
	if open.IsZero() {
		return open
	}
	return open.Add(openedFor)
}

// midnight is the next one in India.
func midnight(t time.Time) time.Time {
	y, m, d := t.In(order.IST).Date()
	return time.Date(y, m, d+1, 0, 0, 0, 0, order.IST)
}
