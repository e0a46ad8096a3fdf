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

// The broker's positions are a check on what the order book gives. A difference that lasts over three readings is either
// a conversion (what is missing in one product of an instrument is there in another), which takes the group and what
// stands behind it along, or it is told, and nothing that adds risk goes out there until it is gone.

// differsReads is how many readings in a row must show a difference.
const differsReads = 3

// How often the positions are read for the check: while something is held, and while they differ.
const (
	checkEvery  = time.Minute
	recheckSoon = 4 * time.Second
)

// difference is what the broker's positions tell beyond what its order book gives, at one place.
type difference struct {
	Key   order.Key `json:"key"`
	Have  int64     `json:"have"` // by the order book
	Told  int64     `json:"told"` // by the positions
	Reads int       `json:"reads"`
	Since time.Time `json:"since"`
}

// nextCheck is when the positions are read to hold them against the order book; zero where nothing is held.
func (l *Lane) nextCheck() time.Time {
	if l.o.Assume || !l.armed || l.meta.Dead {
		return time.Time{}
	}
	open := len(l.meta.Differs) > 0
	for k := range l.watched {
		open = open || l.o.Hours.IsOpen(k.Exchange, l.meta.Now)
	}
	if !open {
		return time.Time{}
	}
	gap := checkEvery
	if slices.ContainsFunc(l.meta.Differs, func(d difference) bool { return d.Reads < differsReads }) {
		gap = recheckSoon
	}
	return l.checked.Add(gap)
}

// onlyCheck takes a reading that nothing else wants: of it only the rows that differ are kept, and nothing where nothing
// did or does. The others change nothing.
func (l *Lane) onlyCheck(p *Positions) bool {
	if !p.Differ && (!l.book.OvernightKnown() || l.o.Assume || l.pricesWanted() || l.lastPriceWanted() || l.teach(p.Rows)) {
		return false
	}
	if !p.Differ {
		p.Rows, p.Differ = l.rowsThatDiffer(p.Rows), true
	}
	if len(p.Rows) > 0 || len(l.meta.Differs) > 0 {
		l.journalJSON(journal.InputPositions, p)
	}
	l.checkPositions(p)
	return true
}

// rowsThatDiffer are the places at which the positions tell other than the order book gives, also those that they don't
// name.
func (l *Lane) rowsThatDiffer(rows []actions.PositionRow) []actions.PositionRow {
	told := map[order.Key]actions.PositionRow{}
	for _, row := range rows {
		told[row.Key] = row
	}
	var differ []actions.PositionRow
	for _, k := range l.placesWith(told) {
		row := told[k]
		row.Key = k
		if have, want := l.heldAt(k), toldAt(row); k.Tradingsymbol != "" && have != want && have*row.Multiplier != want {
			differ = append(differ, row)
		}
	}
	return differ
}

// checkPositions holds a reading of the positions against the confirmed layer.
func (l *Lane) checkPositions(p *Positions) {
	l.checked = l.meta.Now
	if !l.armed || !l.bookRead() {
		return
	}
	rows := p.Rows
	if !p.Differ {
		rows = l.rowsThatDiffer(rows)
	}
	before := l.meta.Differs
	var differs []difference
	for _, row := range rows {
		k := row.Key
		have, want := l.heldAt(k), toldAt(row)
		if have == want || l.claimedAt(k) {
			continue
		}
		d := difference{Key: k, Have: have, Told: want, Reads: 1, Since: l.meta.Now}
		if i := slices.IndexFunc(before, func(b difference) bool { return b.Key == k && b.Have == have && b.Told == want }); i >= 0 {
			d.Since, d.Reads = before[i].Since, before[i].Reads
			if d.Reads < differsReads && l.meta.LastGood.After(d.Since) { // the book was read after it was seen first
				d.Reads++
			}
		}
		differs = append(differs, d)
	}
	if len(before) == 0 && len(differs) == 0 {
		return
	}
	l.meta.Differs = differs
	l.dirty.meta = true
	if slices.ContainsFunc(differs, func(d difference) bool { return d.Reads < differsReads }) {
		l.readNow = true
	}
	l.convert()
	l.tellDiffers()
}

// placesWith are all places that either side knows, sorted.
func (l *Lane) placesWith(told map[order.Key]actions.PositionRow) []order.Key {
	keys := slices.Clone(l.book.Keys())
	for k := range told {
		if !slices.Contains(keys, k) {
			keys = append(keys, k)
		}
	}
	slices.SortFunc(keys, func(a, b order.Key) int {
		return strings.Compare(a.Instrument()+" "+a.Product, b.Instrument()+" "+b.Product)
	})
	return keys
}

// heldAt is the place's position, and of delivery what today changed: the broker's positions don't hold what is held.
func (l *Lane) heldAt(k order.Key) int64 {
	n := l.book.Holding(order.Confirmed, k).Position
	if k.Product == "CNC" || k.Product == "MTF" {
		for _, o := range l.meta.Overnight {
			if o.Key == k {
				n -= o.Quantity
			}
		}
	}
	return n
}

func toldAt(row actions.PositionRow) int64 {
	if row.Product == "CNC" || row.Product == "MTF" {
		return row.Quantity - row.Overnight
	}
	return row.Quantity
}

// convert takes groups along where what is missing in one product stands in another.
func (l *Lane) convert() {
	for i := range l.meta.Differs {
		from := &l.meta.Differs[i]
		n := from.Have - from.Told // what is missing, signed as it was held
		if from.Reads < differsReads || n == 0 || from.Have*n <= 0 {
			continue
		}
		j := slices.IndexFunc(l.meta.Differs, func(to difference) bool {
			return to.Key != from.Key && to.Key.Instrument() == from.Key.Instrument() && to.Reads >= differsReads && to.Told-to.Have == n
		})
		if j < 0 {
			continue
		}
		to := l.meta.Differs[j]
		l.moveGroups(from.Key, to.Key, n, from.Since)
		l.meta.Differs = slices.DeleteFunc(l.meta.Differs, func(d difference) bool { return d.Key == from.Key || d.Key == to.Key })
		l.convert()
		return
	}
}

// moveGroups takes n of a place's open groups to another product, the oldest first, with the stops and targets behind
// them. What stands behind a group that has moved as a whole is cancelled there first.
func (l *Lane) moveGroups(from, to order.Key, n int64, at time.Time) {
	left := magnitude(n)
	for _, g := range slices.Clone(l.book.Holding(order.Confirmed, from).Groups) {
		if take := min(left, g.Open()); take > 0 && g.Sign*n > 0 {
			left -= take
			row := order.Overnight{Key: to, Quantity: g.Sign * take, Tag: g.Tag, Ours: !g.Baseline, Side: g.Side(), Since: l.meta.Day, Entry: g.First}
			row.AveragePrice, _ = g.EntryPrice()
			if g.Since != "" {
				row.Since = g.Since
			}
			if !g.Carried || g.FirstEntry() != "" {
				row.Group = g.ID
			}
			if o, ok := l.book.Order(g.FirstEntry()); ok {
				entry := *o.Row()
				entry.Raw = nil
				row.Entry = &entry
			}
			l.meta.Moves = append(l.meta.Moves, order.Move{At: at, From: from, Row: row})
			l.moveSlots(from, g.ID, to, g.ID)
		}
	}
	l.book.SetMoves(l.meta.Moves)
	l.touchKey(from)
	l.touchKey(to)
	l.alertOnce(fmt.Sprintf("CONVERTED %s %d (%s): from %s to %s, by hand or by the broker. What stands behind it goes along.", from.Tradingsymbol, magnitude(n), l.o.Account, from.Product, to.Product))
}

// moveSlots opens the slots of a group at its new place or for the group that it has become, as they are for the old one.
func (l *Lane) moveSlots(from order.Key, group string, to order.Key, now string) {
	for _, s := range l.slotsAt(from) {
		if s.Kind == actions.SlotExit || s.Group != group {
			continue
		}
		id := slotID(s.Kind, to, now, s.Part)
		if _, there := l.slots[id]; there {
			continue
		}
		moved := *s
		moved.ID, moved.Key, moved.Group, moved.After = id, to, now, s.ID
		moved.Orders, moved.Blocked, moved.Refused, moved.Replaced, moved.Fills, moved.GTT = nil, "", nil, nil, slices.Clone(s.Fills), nil
		if s.Wish != nil {
			w := *s.Wish
			moved.Wish = &w
		}
		l.addSlot(&moved)
	}
}

// waitsForOld says whether what stood behind the group in the product that it had, or behind the one that it was, may still
// fill: two that could both fill never live at once.
func (l *Lane) waitsForOld(s *slot) bool {
	old, ok := l.slots[s.After]
	if s.After == "" || !ok {
		return false
	}
	if l.group(order.Confirmed, s.Key, s.Group) == nil { // what has become of the old one is not confirmed
		return true
	}
	open := int64(0)
	if g := l.group(order.Confirmed, old.Key, old.Group); g != nil {
		open = g.Open()
	}
	if l.liveQuantity(old)+l.flyingPlacement(old)+l.gttStanding(old) > open {
		return true
	}
	s.After = ""
	l.touchSlot(s)
	return false
}

// tellDiffers tells what differs over three readings, and again while it lasts.
func (l *Lane) tellDiffers() {
	for _, k := range l.book.Keys() {
		if !slices.ContainsFunc(l.meta.Differs, func(d difference) bool { return d.Key == k }) {
			l.forget("differs " + k.Instrument() + " " + k.Product)
		}
	}
	for _, d := range l.meta.Differs {
		if d.Reads < differsReads {
			continue
		}
		l.say("differs "+d.Key.Instrument()+" "+d.Key.Product, fmt.Sprintf("POSITION DIFFERS %s %s (%s): the order book gives %d, Zerodha's positions say %d, over three readings since %s. Nothing that adds risk is sent there; exits are of what the order book gives. Look at the position in Kite.",
			d.Key.Tradingsymbol, d.Key.Product, l.o.Account, d.Have, d.Told, d.Since.In(order.IST).Format("15:04:05")), sayAgain)
	}
}

// differing is the difference that holds new risk in an instrument back, nil for none.
func (l *Lane) differing(k order.Key) *difference {
	for i := range l.meta.Differs {
		if d := &l.meta.Differs[i]; d.Reads >= differsReads && d.Key.Instrument() == k.Instrument() {
			return d
		}
	}
	return nil
}
