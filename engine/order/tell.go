package order

import (
	"fmt"
	"time"
)

// Tell gives the events between what was told of an order and what is claimed now, and marks them told. Called
// after every fold that changed something; the sum of Event.Fill over an order's events is its filled quantity,
// and a terminal event comes once. closed says that the order's session has ended, so that a cancel without a
// word means expiry. ID is left to the caller where it needs more than the broker's facts. The slice is the book's own until
// the next Tell.
func (b *Book) Tell(o *Order, closed bool, now time.Time) []Event {
	s := o.Seen(Claimed)
	if !s.Known {
		return nil
	}
	if o.Baseline && s.Row.FilledQuantity > o.Told.Filled { // it filled after the first arming: looked after now
		o.Baseline = false
		b.Touch(o.Key())
	}
	t := teller{o: o, holding: b.Holding(Claimed, o.Key()), known: b.known, now: now, filled: o.Told.Filled}
	t.events = append(b.events[:0], b.Correct(o, now)...)
	first := o.Told == (Told{})
	switch row := &s.Row; {
	case o.Told.Terminal: // a fill that turned up after the end
		t.fills(KindPartialFill, false)
	case row.Status == StatusComplete:
		t.fills(KindFill, true)
	case row.Status == StatusCancelled:
		t.fills(KindPartialFill, false)
		t.event(cancelKind(row, closed))
	case row.Status == StatusRejected:
		t.event(KindRejected)
	default:
		t.live(first)
		t.fills(KindPartialFill, false)
	}
	o.Told = Told{s.Row.FilledQuantity, o.Told.Terminal || s.Terminal(), o.Told.Status, valuesOf(&s.Row)}
	o.mark(o.Told.Filled)
	if s.Row.Status.rank() > o.Told.Status.rank() {
		o.Told.Status = s.Row.Status
	}
	if b.known {
		o.Roled, o.Entered = true, max(0, o.Told.Filled-b.exited(o))
	}
	b.events = t.events
	return t.events
}

// mark remembers how far the events have told, so that Refute knows which of them stay true.
func (o *Order) mark(filled int64) {
	if n := len(o.Marks); filled > 0 && (n == 0 || o.Marks[n-1] < filled) {
		o.Marks = append(o.Marks, filled)
	}
	for len(o.Marks) > 1 && o.Marks[1] <= o.Seen(Confirmed).Row.FilledQuantity {
		o.Marks = o.Marks[1:]
	}
}

// sure is how much of what the broker's own channels show was told by events that tell no more than that.
func (o *Order) sure(confirmed int64) int64 {
	var most int64
	for _, m := range o.Marks {
		if m <= confirmed {
			most = m
		}
	}
	return most
}

// MarkBaseline takes an order as it stands without events: it was in the book before the first arming. What
// happens to it later is told; a later fill makes its group one that Backstop looks after.
func (o *Order) MarkBaseline() {
	s := o.Seen(Claimed)
	o.Baseline = true
	o.Told = Told{s.Row.FilledQuantity, s.Terminal(), s.Row.Status, valuesOf(&s.Row)}
	o.mark(o.Told.Filled)
}

// Adopt takes an order of the baseline on: its events are told as if it were new. False where it is none.
func (b *Book) Adopt(o *Order) bool {
	if !o.Baseline {
		return false
	}
	o.Baseline, o.Told, o.Marks, o.Roled, o.Entered = false, Told{}, nil, false, 0
	b.Touch(o.Key())
	return true
}

// teller collects one order's events.
type teller struct {
	o       *Order
	holding *Holding
	known   bool
	now     time.Time
	filled  int64 // told so far
	events  []Event
}

// live tells what a working order does: it opened, waits, triggered, or its values changed.
func (t *teller) live(first bool) {
	row, told := t.o.Row(), t.o.Told
	stop := row.OrderType == "SL" || row.OrderType == "SL-M"
	switch {
	case row.Status == StatusOpen && told.Status != StatusOpen && stop:
		t.event(KindTriggered)
	case row.Status == StatusOpen && told.Status == StatusNone && row.FilledQuantity == 0:
		t.event(KindOpen)
	case row.Status == StatusTriggerPending && told.Status == StatusNone:
		t.event(KindTriggerPending)
	}
	if !first && told.Values != valuesOf(row) && told.Values != (values{}) {
		t.event(KindModified)
	}
}

// fills tells what is filled and not told: the part up to flat as an exit's partial fill, then the rest.
func (t *teller) fills(kind Kind, always bool) {
	filled, told := t.o.Row().FilledQuantity, t.o.Told.Filled
	exits, enters := int64(0), int64(0)
	for _, p := range t.holding.Parts(t.o.ID) {
		if p.Exit {
			exits += p.Quantity
		} else {
			enters += p.Quantity
		}
	}
	if t.known && exits > told && enters > 0 {
		t.part(KindPartialFill, exits-told, exits, RoleExit)
		t.part(kind, filled-exits, filled, RoleEntry)
		return
	}
	if filled > told || always {
		t.part(kind, filled-told, filled, t.role())
	}
}

func (t *teller) role() Role {
	if !t.known {
		return RoleUnknown
	}
	return t.holding.Role(t.o.ID)
}

// event tells what is no fill, with what is filled and told so far.
func (t *teller) event(kind Kind) { t.part(kind, 0, t.filled, t.role()) }

func (t *teller) part(kind Kind, fill, filled int64, role Role) {
	row := t.o.Row()
	e := Event{Kind: kind, Account: t.o.Account, OrderID: t.o.ID, Key: t.o.Key(), Source: row.Source, Time: t.now,
		Role: role, Status: row.Status, Filled: filled, Fill: fill, Confirmed: t.o.Seen(Confirmed).Reaches(row.Status, filled)}
	if t.known {
		e.Group = t.groupOf(role)
	}
	t.filled = filled
	t.events = append(t.events, e)
}

// groupOf is the group of the order's exit part or entry part.
func (t *teller) groupOf(role Role) string {
	for _, p := range t.holding.Parts(t.o.ID) {
		if p.Exit == role.IsExit() {
			return p.Group
		}
	}
	return t.holding.GroupOf(t.o.ID)
}

// cancelKind tells a cancel from an end by IOC, TTL or the day.
func cancelKind(row *Update, closed bool) Kind {
	if closed || row.Validity == "IOC" {
		return KindExpired
	}
	if row.Validity == "TTL" && row.ValidityTTL > 0 && !row.ExchangeTimestamp.IsZero() &&
		brokerTime(row).Sub(row.ExchangeTimestamp) >= time.Duration(row.ValidityTTL)*time.Minute {
		return KindExpired
	}
	return KindCancelled
}

// Facts are the broker's facts that name an event: what an id is made of, never a journal number.
func (e *Event) Facts(o *Order) []string {
	facts := []string{e.Account, e.OrderID, string(e.Kind), fmt.Sprint(e.Filled)}
	if e.Kind == KindModified {
		v := o.Told.Values
		// the time as well: values may go back and forth, and each way is an event of its own
		facts = append(facts, fmt.Sprint(v.Quantity), v.Price.String(), v.Trigger.String(), v.Type)
		facts = append(facts, o.Row().OrderTimestamp.UTC().Format(time.RFC3339))
	}
	if o.Corrections > 0 {
		facts = append(facts, fmt.Sprintf("corrected %d", o.Corrections), string(e.Role))
	}
	if n := len(o.Refuted); n > 0 {
		facts = append(facts, fmt.Sprintf("refuted %d", n))
	}
	return facts
}
