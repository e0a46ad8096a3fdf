package lane

import (
	"fmt"
	"slices"
	"time"

	"backstop/actions"
	"backstop/engine/journal"
	"backstop/engine/order"
)

// With hold: gtt a stop is no order of the day but a trigger that Zerodha keeps (docs/kite.md 4.1), and the target beside it its
// second leg. It is placed, resized and deleted with the group. A trigger has no tag: what became of a change whose answer is
// lost is found by reading the list and comparing all that it says. What triggers is an order of the group from then on; where
// none came of it, or the broker ended the trigger, a plain stop takes its place until the next day.

// trigger is what the broker keeps of a slot.
type trigger struct {
	ID    string         `json:"id,omitempty"` // "" while there is none, or none known
	Has   actions.Params `json:"has"`          // as it was last set or read
	Count int            `json:"count"`        // how many changes were asked for
	Off   string         `json:"off,omitempty"`
	Seek  actions.Params `json:"seek,omitzero"` // placed, perhaps, when a day ended: looked for once
	Met   time.Time      `json:"met,omitzero"`  // when it was seen triggered, while no word came of its order
}

// GTTs is an answer of the list of triggers.
type GTTs struct {
	Began time.Time
	Rows  []actions.GTTRow
	Err   error
}

// How often the list of triggers is read while some are kept, and sooner while something is not known.
const (
	gttsEvery = 5 * time.Minute
	gttsSoon  = 2 * time.Second
)

// gttProducts are those in which Zerodha takes triggers.
func gttProduct(product string) bool {
	return product == "NRML" || product == "CNC" || product == "MTF"
}

// byGTT says whether a slot's stop is to be a trigger now.
func (l *Lane) byGTT(s *slot) bool {
	return s.Kind == actions.SlotStop && l.hold(s) == holdGTT && (s.GTT == nil || s.GTT.Off == "")
}

// twoLegs is the target that is the second leg of a stop's trigger, nil for none: one that is for less, or that has an
// order of its own, stays beside it.
func (l *Lane) twoLegs(s *slot) *slot {
	t, ok := l.slots[slotID(actions.SlotTarget, s.Key, s.Group, s.Part)]
	if !ok || !t.Active || t.Left != "" || t.Doubt != "" || t.Most > 0 || t.Price == 0 || l.flyingPlacement(t) > 0 ||
		slices.ContainsFunc(l.liveOrders(t), func(o live) bool { return o.FromGTT }) {
		return nil
	}
	return t
}

// legOf says whether a target is a leg of the trigger of the stop beside it.
func (l *Lane) legOf(t *slot) bool {
	stop, ok := l.slots[slotID(actions.SlotStop, t.Key, t.Group, t.Part)]
	return ok && stop.Active && stop.Left == "" && l.byGTT(stop) && l.twoLegs(stop) == t
}

// keepsGTT says whether the broker keeps a trigger of the slot, or may: then the slot goes on until that is deleted, whatever
// became of its group. A placement whose answer is not known when the day ends is looked for in the morning.
func (l *Lane) keepsGTT(s *slot) bool {
	if s.GTT == nil {
		return false
	}
	for _, r := range l.slotRequests(s) {
		if r.Call.Method == actions.PlaceGTT && r.State.InFlight() {
			s.GTT.Seek = r.Call.Params
		}
	}
	return s.GTT.ID != "" || s.GTT.Seek.Quantity > 0
}

// gttParams are the trigger that a stop wants to be.
func (l *Lane) gttParams(s *slot, g *order.Group, quantity int64) (actions.Params, bool) {
	inst, ok := l.instrument(s.Key)
	if !ok || s.Trigger == 0 {
		return actions.Params{}, false
	}
	w := stopWish{Trigger: s.Trigger, Limit: s.Limit, OrderType: "SL", sign: g.Sign}
	p := actions.Params{Exchange: s.Key.Exchange, Tradingsymbol: s.Key.Tradingsymbol, Product: s.Key.Product, TransactionType: g.ExitSide(),
		Quantity: quantity, OrderType: "LIMIT", TriggerPrice: s.Trigger, Price: w.limit(inst)}
	if t := l.twoLegs(s); t != nil && len(l.liveOrders(t)) == 0 {
		p.TargetPrice = t.Price
	}
	p.LastPrice = l.lastPrice(s.Key)
	if entry, told := g.EntryPrice(); p.LastPrice == 0 && told {
		p.LastPrice = entry
	}
	return p, p.LastPrice > 0
}

// beyond says whether the market has passed a trigger already: the broker would take it for one on the other side.
func beyond(p *actions.Params) bool {
	sign := -order.Price(order.SignOf(p.TransactionType)) // of the position
	return (p.LastPrice-p.TriggerPrice)*sign <= 0 || p.TargetPrice > 0 && (p.TargetPrice-p.LastPrice)*sign <= 0
}

// gttSteps keep a stop's trigger in step with its group. It says whether the slot's orders are none of its own then.
func (l *Lane) gttSteps(s *slot) (steps []step, kept bool) {
	if s.Kind == actions.SlotTarget {
		if l.legOf(s) {
			return l.cancels(s, l.liveOrders(s)), true
		}
		return nil, false
	}
	t := s.GTT
	if !l.byGTT(s) && (t == nil || t.ID == "" && !l.gttFlying(s)) {
		return nil, false
	}
	if l.gttFlying(s) {
		return nil, true
	}
	g, want := l.group(order.Confirmed, s.Key, s.Group), int64(0)
	if g != nil && l.byGTT(s) && !l.exiting(s.Key, s.Group) && len(l.liveOrders(s)) == 0 && l.flyingPlacement(s) == 0 {
		want = l.wanted(s, g)
	}
	id := ""
	if t != nil {
		id = t.ID
	}
	switch {
	case want == 0 && id == "":
		return nil, false
	case id == "" && !l.gttsKnown(s) && l.listFails(s, g):
		l.gttOff(s, "the list of GTTs can't be read")
		return nil, false
	case !l.gttsKnown(s) || l.gttMet(s) && !l.exiting(s.Key, s.Group): // the list says first what has become of it
		return nil, true
	case want == 0:
		return []step{{method: actions.DeleteGTT, orderID: id, variety: "gtt", priority: actions.PriorityCancelExit}}, true
	}
	p, ok := l.gttParams(s, g, want)
	switch most := l.most(s.Key); {
	case !ok:
		return nil, true
	case most > 0 && want > most:
		l.gttOff(s, fmt.Sprintf("%d is more than the exchange takes in one order", want))
		return nil, id != ""
	case id != "" && sameGTT(p, t.Has), id != "" && !t.Met.IsZero():
		return nil, true
	case id == "" && beyond(&p): // a plain stop is refused by name, and the position is closed
		l.gttOff(s, "the market has passed the trigger")
		return nil, false
	case id == "":
		return []step{{method: actions.PlaceGTT, params: p, variety: "gtt", priority: actions.PriorityStop}}, true
	case (p.TargetPrice == 0) != (t.Has.TargetPrice == 0): // one leg and two are different kinds
		return []step{{method: actions.DeleteGTT, orderID: id, variety: "gtt", priority: actions.PriorityStop}}, true
	}
	return []step{{method: actions.ModifyGTT, orderID: id, params: p, variety: "gtt", priority: actions.PriorityStop}}, true
}

// sameGTT compares all that a trigger has.
func sameGTT(a, b actions.Params) bool {
	a.LastPrice, b.LastPrice = 0, 0
	return a == b
}

// gttFlying says whether a change of the slot's trigger is on its way.
func (l *Lane) gttFlying(s *slot) bool {
	return slices.ContainsFunc(l.slotRequests(s), func(r *actions.Request) bool { return r.Call.Method.GTT() && r.State.InFlight() })
}

// gttsKnown says whether the list was read since the start of the day, and since the slot's last change ended: what was
// placed before is found there in place of being placed again.
func (l *Lane) gttsKnown(s *slot) bool {
	return l.o.Assume || l.o.Mode == DryRun || !l.gttsRead.Before(l.started) && !l.gttsRead.Before(s.GTTAsked)
}

// listFor is how long a position stands bare for a list that can't be read, before a plain stop covers it.
const listFor = 30 * time.Second

// listFails says whether nothing was ever asked for the slot and its group has stood bare for long.
func (l *Lane) listFails(s *slot, g *order.Group) bool {
	t, bare := l.told[bareCause(g)]
	return bare && (s.GTT == nil || s.GTT.Count == 0) && l.meta.Now.Sub(t.Since) >= listFor
}

// gttStanding is what a slot's trigger may still sell or buy.
func (l *Lane) gttStanding(s *slot) int64 {
	if s.GTT != nil && s.GTT.ID != "" {
		return s.GTT.Has.Quantity
	}
	for _, r := range l.slotRequests(s) {
		if r.Call.Method == actions.PlaceGTT && r.State.InFlight() {
			return r.Call.Params.Quantity
		}
	}
	return 0
}

// gttCovers is how much of a group triggers cover.
func (l *Lane) gttCovers(g *order.Group) int64 {
	var n int64
	for _, id := range l.byPlace[g.Key] {
		if s := l.slots[id]; s.Group == g.ID && s.GTT != nil && s.GTT.ID != "" {
			n += s.GTT.Has.Quantity
		}
	}
	return min(n, g.Open())
}

// gttOff leaves the slot to plain orders until the next day, and tells why.
func (l *Lane) gttOff(s *slot, why string) {
	if s.GTT == nil {
		s.GTT = &trigger{}
	}
	s.GTT.Off = why
	l.touchSlot(s)
	l.say("gtt off "+s.ID, fmt.Sprintf("NO GTT %s (%s): %s. A plain stop takes its place until the end of the day; the trigger is tried again tomorrow.",
		s.Key.Tradingsymbol, l.o.Account, sentence(why)), sayOnce)
}

// gttTaken learns that a change of a trigger was made.
func (l *Lane) gttTaken(r *actions.Request) {
	l.set(r, actions.Done, "")
	s, ok := l.slots[r.Slot]
	if !ok || s.GTT == nil {
		return
	}
	switch r.Call.Method {
	case actions.PlaceGTT:
		s.GTT.ID, s.GTT.Has = r.OrderID, r.Call.Params
	case actions.ModifyGTT:
		s.GTT.Has = r.Call.Params
	case actions.DeleteGTT:
		s.GTT.ID, s.GTT.Has, s.GTT.Met = "", actions.Params{}, time.Time{}
	}
	s.GTTAsked = r.Ended
	l.touchSlot(s)
	l.touchKey(s.Key)
}

// gttRefused learns that the broker refused a change for good. Of a change or deletion the list says why: it has
// triggered, or somebody ended it.
func (l *Lane) gttRefused(r *actions.Request, e *actions.Error) {
	r.Error = e
	l.set(r, actions.Failed, "")
	s, ok := l.slots[r.Slot]
	if !ok || s.GTT == nil {
		return
	}
	s.GTTAsked = l.meta.Now
	l.touchSlot(s)
	if r.Call.Method == actions.PlaceGTT {
		l.gttOff(s, e.Message)
		return
	}
	if s.GTT.Count > gttTries {
		l.tellFailed(nil, r, e)
	}
}

// gttTries is after how many changes of one trigger a refusal is told: before, the list explains it.
const gttTries = 10

// nextGTTs is when the list of triggers is to be read; zero where no slot lives on it.
func (l *Lane) nextGTTs() time.Time {
	if _, asked := l.asked["gtts"]; asked || l.o.Assume || l.o.Mode == DryRun || !l.armed {
		return time.Time{}
	}
	var due time.Time
	sooner := func(t time.Time) {
		if t.Before(l.started) {
			t = l.started
		}
		if due.IsZero() || t.Before(due) {
			due = t
		}
	}
	for id := range l.gtts {
		s := l.slots[id]
		if !l.byGTT(s) && (s.GTT == nil || s.GTT.ID == "") {
			continue
		}
		switch {
		case l.gttFlying(s), s.GTT != nil && !s.GTT.Met.IsZero(), l.gttMet(s):
			sooner(l.gttsRead.Add(gttsSoon))
		case !l.gttsKnown(s):
			sooner(l.gttsRead)
		case s.GTT != nil && s.GTT.ID != "" && l.o.Hours.IsOpen(s.Key.Exchange, l.meta.Now):
			sooner(l.gttsRead.Add(gttsEvery))
		}
	}
	if due.IsZero() {
		return due
	}
	if again, ok := l.asked["gtts again"]; ok && again.After(due) {
		due = again
	}
	return due
}

// gttMet says whether an order that nobody's slot placed came, where the trigger would have placed one, since the list was
// read.
func (l *Lane) gttMet(s *slot) bool {
	if s.GTT == nil || s.GTT.ID == "" || l.o.Assume || l.o.Mode == DryRun {
		return false
	}
	for _, o := range l.book.At(s.Key) {
		if o.Link == nil && o.Row().TransactionType == s.GTT.Has.TransactionType && o.Row().OrderType == "LIMIT" && o.Row().Quantity == s.GTT.Has.Quantity &&
			!o.FirstSeen.Before(l.gttsRead) {
			return true
		}
	}
	return false
}

// legMet is the role of an order that is in everything what a leg of one of our triggers would place, before the list has
// said that it did.
func (l *Lane) legMet(o *order.Order) order.Role {
	row := o.Row()
	for _, id := range l.byPlace[o.Key()] {
		s := l.slots[id]
		if o.Link != nil || s.GTT == nil || s.GTT.ID == "" || row.OrderType != "LIMIT" || row.TransactionType != s.GTT.Has.TransactionType || row.Quantity != s.GTT.Has.Quantity {
			continue
		}
		switch row.Price {
		case s.GTT.Has.Price:
			return order.RoleStopLoss
		case s.GTT.Has.TargetPrice:
			return order.RoleTarget
		}
	}
	return order.RoleUnknown
}

// takeGTTs learns what the broker keeps: what became of changes, what triggered, what somebody else did.
func (l *Lane) takeGTTs(in *GTTs) {
	delete(l.asked, "gtts")
	if in.Err != nil {
		l.noteError(in.Err)
		wait := gttsSoon
		if l.meta.Dead {
			wait = readsLater
		}
		l.asked["gtts again"] = l.meta.Now.Add(wait)
		return
	}
	in.Began = in.Began.UTC().Round(0)
	l.journalJSON(journal.InputGTTs, in)
	delete(l.asked, "gtts again")
	l.sessionLives()
	l.gttsRead = in.Began
	byID, owned := map[string]*actions.GTTRow{}, map[string]bool{}
	for i := range in.Rows {
		byID[in.Rows[i].ID] = &in.Rows[i]
	}
	for id := range l.gtts {
		if s := l.slots[id]; s.GTT != nil && s.GTT.ID != "" {
			owned[s.GTT.ID] = true
		}
	}
	for _, id := range sortedKeys(l.gtts) {
		s := l.slots[id]
		l.settleGTT(s, in, byID, owned)
		if s.GTT != nil && s.GTT.Seek.Quantity > 0 && !l.gttFlying(s) {
			if s.GTT.ID == "" {
				l.findGTT(s, s.GTT.Seek, in.Rows, owned)
			}
			s.GTT.Seek = actions.Params{}
		}
		if s.GTT != nil && s.GTT.ID != "" {
			l.observeGTT(s, byID[s.GTT.ID], in.Began)
		} else if want, ok := l.wantedGTT(s); ok {
			l.findGTT(s, want, in.Rows, owned)
		}
		l.touchSlot(s)
		l.touchKey(s.Key)
	}
	l.deleteDoubles(in.Rows, owned)
}

// wantedGTT is the trigger that a slot without one would place.
func (l *Lane) wantedGTT(s *slot) (actions.Params, bool) {
	g := l.group(order.Confirmed, s.Key, s.Group)
	if g == nil || g.Open() == 0 || !l.byGTT(s) || l.gttFlying(s) {
		return actions.Params{}, false
	}
	return l.gttParams(s, g, l.wanted(s, g))
}

// settleGTT settles what is unknown of a slot's trigger by the list.
func (l *Lane) settleGTT(s *slot, in *GTTs, byID map[string]*actions.GTTRow, owned map[string]bool) {
	for _, r := range l.slotRequests(s) {
		if !r.Call.Method.GTT() || r.State != actions.Unknown || !in.Began.After(r.Ended) {
			continue
		}
		row := byID[r.Call.OrderID]
		active := row != nil && row.Status == "active"
		switch r.Call.Method {
		case actions.PlaceGTT:
			if l.findGTT(s, r.Call.Params, in.Rows, owned) {
				r.OrderID = s.GTT.ID
				l.set(r, actions.Done, "")
				l.touchSlot(s)
				continue
			}
			r.Absent++
			if in.Began.Sub(r.Ended) >= absentLate {
				r.AbsentLate++
			}
			l.touch(r)
			if r.Absent >= absentReads && r.AbsentLate >= 2 && in.Began.Sub(r.Ended) >= absentFor {
				l.set(r, actions.Waiting, actions.WhySettle)
			}
		case actions.ModifyGTT:
			if p, ok := rowParams(row); active && (!ok || !sameGTT(p, r.Call.Params)) {
				l.set(r, actions.Waiting, actions.WhySettle)
				continue
			}
			l.gttTaken(r)
		case actions.DeleteGTT:
			if active {
				l.set(r, actions.Waiting, actions.WhySettle)
				continue
			}
			if row != nil && row.Status == "triggered" { // it was met before: its order is the group's
				l.set(r, actions.Done, "")
				continue
			}
			l.gttTaken(r)
		}
	}
}

func rowParams(row *actions.GTTRow) (actions.Params, bool) {
	if row == nil {
		return actions.Params{}, false
	}
	return row.Params()
}

// findGTT looks for a trigger of these values that no slot owns, and takes it for the slot's: one that is active, else one that
// has met its price by now.
func (l *Lane) findGTT(s *slot, want actions.Params, rows []actions.GTTRow, owned map[string]bool) bool {
	return l.takeGTT(s, want, rows, owned, func(row *actions.GTTRow) bool { return row.Status == "active" }) || l.takeGTT(s, want, rows, owned, l.freshlyMet)
}

// freshlyMet says whether a trigger became an order of today's book that nobody knows as ours: of one that was known as the
// slot's, and of one of an earlier day, there is none.
func (l *Lane) freshlyMet(row *actions.GTTRow) bool {
	met := slices.IndexFunc(row.Legs, func(leg actions.GTTLeg) bool { return leg.Met })
	if row.Status != "triggered" || met < 0 {
		return false
	}
	o, ok := l.book.Order(row.Legs[met].OrderID)
	return ok && o.Link == nil
}

func (l *Lane) takeGTT(s *slot, want actions.Params, rows []actions.GTTRow, owned map[string]bool, fits func(*actions.GTTRow) bool) bool {
	for i := range rows {
		p, ok := rows[i].Params()
		if owned[rows[i].ID] || !ok || !sameGTT(p, want) || !fits(&rows[i]) {
			continue
		}
		if s.GTT == nil {
			s.GTT = &trigger{}
		}
		s.GTT.ID, s.GTT.Has, s.GTT.Met = rows[i].ID, p, time.Time{}
		owned[rows[i].ID] = true
		l.touchSlot(s)
		return true
	}
	return false
}

// observeGTT looks at what became of a slot's trigger.
func (l *Lane) observeGTT(s *slot, row *actions.GTTRow, began time.Time) {
	t := s.GTT
	if l.gttFlying(s) || began.Before(s.GTTAsked) {
		return
	}
	end := func() { t.ID, t.Has, t.Met = "", actions.Params{}, time.Time{} }
	status := "gone"
	if row != nil {
		status = row.Status
	}
	switch status {
	case "active":
		l.noteMovedGTT(s, row)
	case "triggered":
		met := slices.IndexFunc(row.Legs, func(leg actions.GTTLeg) bool { return leg.Met })
		known := false
		if met >= 0 {
			_, known = l.book.Order(row.Legs[met].OrderID)
		}
		if t.Met.IsZero() {
			t.Met = l.meta.Now
		}
		switch {
		case met < 0: // its result is still to come
		case known:
			l.gttFired(s, row, met)
			end()
		case row.Legs[met].OrderID != "" && l.meta.LastGood.After(t.Met.Add(takenFor)): // of an earlier day: the quantities tell what it did
			end()
		case row.Legs[met].OrderID != "":
			l.readNow = true
		default:
			end()
			l.gttOff(s, fmt.Sprintf("it triggered and no order came of it: %s", row.Legs[met].Failed))
		}
	case "deleted", "gone":
		end()
		if !s.Replace {
			s.Left = actions.WhyPerson
		}
	default: // disabled, cancelled, rejected, expired
		end()
		why := "Zerodha ended it: " + status
		if row.Reason != "" {
			why += ", " + row.Reason
		}
		l.gttOff(s, why)
	}
}

// noteMovedGTT: prices that a person changed stay so.
func (l *Lane) noteMovedGTT(s *slot, row *actions.GTTRow) {
	p, ok := row.Params()
	if !ok || sameGTT(p, s.GTT.Has) {
		return
	}
	if p.TriggerPrice != s.GTT.Has.TriggerPrice || p.Price != s.GTT.Has.Price {
		s.Trigger, s.Limit, s.Person = p.TriggerPrice, p.Price, true
	}
	if t := l.twoLegs(s); t != nil && p.TargetPrice > 0 && p.TargetPrice != s.GTT.Has.TargetPrice {
		t.Price, t.Person = p.TargetPrice, true
		l.touchSlot(t)
	}
	s.GTT.Has = p
}

// gttFired takes the order of a trigger for the group's: it is the stop, triggered, or the target.
func (l *Lane) gttFired(s *slot, row *actions.GTTRow, met int) {
	owner, leg := s, row.Legs[met]
	if t := l.twoLegs(s); t != nil && len(row.Legs) == 2 && met != row.StopLeg() {
		owner = t
	}
	id := actions.ID("gtt order", l.o.Account, row.ID, leg.OrderID)
	if _, known := l.requests[id]; known {
		return
	}
	p := actions.Params{Exchange: row.Exchange, Tradingsymbol: row.Tradingsymbol, TransactionType: leg.TransactionType, Quantity: leg.Quantity,
		Product: leg.Product, OrderType: leg.OrderType, Price: leg.Price, Validity: "DAY"}
	r := &actions.Request{ID: id, Account: l.o.Account, For: l.purpose(owner), Slot: owner.ID, Key: owner.Key, OrderID: leg.OrderID, Attempts: 1,
		Call: actions.Call{Method: actions.Place, Variety: "regular", Params: p}, Priority: priorityOf(owner), Created: l.meta.Now, Ended: l.meta.Now}
	l.requests[id] = r
	so := slotOrder{Slice: len(owner.Orders), Request: id, OrderID: leg.OrderID, Sent: p, FromGTT: true}
	if owner.Kind == actions.SlotStop {
		so.Triggered = l.meta.Now
	}
	owner.Orders = append(owner.Orders, so)
	l.touchSlot(owner)
	l.set(r, actions.Accepted, "")
	l.noteOrderID(r)
	o, _ := l.book.Order(leg.OrderID)
	l.tie(o)
	l.touchKey(o.Key())
}

// deleteDoubles deletes triggers that are one of ours a second time.
func (l *Lane) deleteDoubles(rows []actions.GTTRow, owned map[string]bool) {
	for i := range rows {
		row := &rows[i]
		p, ok := row.Params()
		if row.Status != "active" || owned[row.ID] || !ok {
			continue
		}
		for _, id := range sortedKeys(l.gtts) {
			s := l.slots[id]
			if s.GTT == nil || s.GTT.ID == "" || !sameGTT(p, s.GTT.Has) {
				continue
			}
			rid := actions.ID("delete double gtt", l.o.Account, row.ID)
			if _, asked := l.requests[rid]; asked {
				break
			}
			l.say("double gtt "+row.ID, fmt.Sprintf("DOUBLED %s (%s): GTTs %s and %s are one. Backstop keeps %s and deletes the other.",
				row.Tradingsymbol, l.o.Account, s.GTT.ID, row.ID, s.GTT.ID), sayOnce)
			l.newRequest(&actions.Request{ID: rid, Account: l.o.Account, For: "doubled gtt", Key: s.Key, OrderID: row.ID, Created: l.meta.Now,
				Call: actions.Call{Method: actions.DeleteGTT, Variety: "gtt", OrderID: row.ID}, Priority: actions.PriorityExit}, l.o.Mode == DryRun)
			break
		}
	}
}
