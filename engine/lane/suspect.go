package lane

import (
	"time"

	"backstop/actions"
	"backstop/engine/order"
)

// An order that should have moved and of which nothing came: the price went through its limit or trigger, it hangs in
// a status on the way, it triggered, or it is a market exit. Perhaps its push was lost, so the book is read sooner than
// the schedule says.
const (
	suspectAfter = 2 * time.Second // a push may still be on its way
	suspectGap   = 5 * time.Second // between two readings for no better reason
	suspectReads = 3               // that showed nothing new: then it moves as it likes, at the schedule's pace
)

// suspect is an order that should have moved.
type suspect struct {
	since time.Time
	reads int // of the book, that showed it as it was
}

// due is when the book is to be read for it next; zero: not any more.
func (s *suspect) due(lastRead time.Time) time.Time {
	if s.reads >= suspectReads {
		return time.Time{}
	}
	return later(s.since.Add(suspectAfter), lastRead.Add(suspectGap))
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// suspectPassed looks at the orders of an instrument whose price is told: those that it went through should have moved.
// A price alone is reason to read, never to act.
func (l *Lane) suspectPassed(last map[string]order.Price) {
	for k := range l.watched {
		p, told := last[k.Instrument()]
		if !told || !l.o.Hours.IsOpen(k.Exchange, l.meta.Now) {
			continue
		}
		for _, o := range l.book.At(k) {
			if passed(o, p) {
				l.suspectOrder(o.ID)
			} else {
				delete(l.suspects, o.ID)
			}
		}
	}
}

// passed says whether a price lies beyond what an order waits for.
func passed(o *order.Order, last order.Price) bool {
	s := o.Seen(order.Claimed)
	if !s.Live() {
		return false
	}
	row, sign := &s.Row, order.Price(o.Sign())
	switch {
	case row.Status == order.StatusTriggerPending:
		return row.TriggerPrice > 0 && (last-row.TriggerPrice)*sign > 0
	case row.Status == order.StatusOpen:
		return row.Price > 0 && (row.Price-last)*sign > 0
	}
	return false
}

func (l *Lane) suspectOrder(id string) {
	if l.suspects[id] == nil {
		l.suspects[id] = &suspect{since: l.meta.Now}
	}
}

// clearSuspect: something came of an order. One that hangs in a status on the way goes on being looked at.
func (l *Lane) clearSuspect(o *order.Order) {
	if l.o.Assume {
		return
	}
	delete(l.suspects, o.ID)
	s := o.Seen(order.Claimed)
	if s.Live() && s.Row.Status == order.StatusNone && s.Row.Variety != "amo" && l.o.Hours.IsOpen(s.Row.Exchange, l.meta.Now) {
		l.suspectOrder(o.ID)
	}
}

// readSuspects counts a reading that showed an order as it was.
func (l *Lane) readSuspects(began time.Time) {
	for id, s := range l.suspects {
		if s.since.Before(began) {
			s.reads++
		}
		if o, ok := l.book.Order(id); !ok || !o.Seen(order.Claimed).Live() {
			delete(l.suspects, id)
		}
	}
}

// suspectsDue is when the book is to be read for orders that should have moved; zero: for none.
func (l *Lane) suspectsDue() (due time.Time) {
	sooner := func(t time.Time) {
		if !t.IsZero() && (due.IsZero() || t.Before(due)) {
			due = t
		}
	}
	for _, s := range l.suspects {
		sooner(s.due(l.readBegan))
	}
	for id := range l.awake {
		for i := range l.slots[id].Orders {
			if at := l.movesSince(l.slots[id], &l.slots[id].Orders[i]); !at.IsZero() {
				sooner(later(at.Add(suspectAfter), l.readBegan.Add(suspectGap)))
			}
		}
	}
	return due
}

// movesSince is since when an order of a slot should be filling: a stop that triggered, an exit at the market; zero for
// others.
func (l *Lane) movesSince(s *slot, so *slotOrder) time.Time {
	switch {
	case so.Ended || so.OrderID == "" || so.Planned || so.Hand:
		return time.Time{}
	case so.Exit || s.Kind == actions.SlotExit:
		return so.Turned
	case s.Kind == actions.SlotStop:
		return so.Triggered
	}
	return time.Time{}
}
