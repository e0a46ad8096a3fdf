package lane

import (
	"slices"
	"time"

	"backstop/actions"
	"backstop/engine/order"
)

// noteEnded learns which of the slot's orders ended, and whether somebody else moved or cancelled one.
func (l *Lane) noteEnded(s *slot) {
	for i := range s.Orders {
		so := &s.Orders[i]
		o, ok := l.book.Order(so.OrderID)
		if so.Ended || !ok || so.OrderID == "" {
			continue
		}
		seen := o.Seen(order.Confirmed)
		if !seen.Known {
			continue
		}
		if seen.Terminal() {
			so.Ended = true
			l.touchSlot(s)
			if s.Kind != actions.SlotExit && seen.Row.Status == order.StatusCancelled && so.Cancels == 0 && !l.cancelSent(so.OrderID) && !(so.Exit && l.partExit(s.Key) != nil) {
				l.lostOrder(s, o)
			}
			continue
		}
		if s.Kind == actions.SlotStop && !so.Exit && so.Triggered.IsZero() && seen.Row.Status == order.StatusOpen {
			so.Triggered = l.meta.Now
			l.touchSlot(s)
		}
		l.noteMoved(s, so, &seen.Row)
	}
}

// cancelSent says whether we asked for the order's end.
func (l *Lane) cancelSent(orderID string) bool {
	return l.cancelled[orderID]
}

// noteMoved: a price that a person moved stays moved.
func (l *Lane) noteMoved(s *slot, so *slotOrder, row *order.Update) {
	placed := l.requests[so.Request]
	if s.Kind == actions.SlotExit || so.Exit || placed == nil || l.changing(so.OrderID) || row.Status == order.StatusNone {
		return
	}
	if placed.State.InFlight() && placed.Attempts == 1 && so.Mods == 0 { // its answer is still on the way, and a person was faster
		so.Sent = placed.Call.Params
	} else if placed.State != actions.Done && placed.State != actions.Planned || so.Sent.OrderType == "" {
		return
	}
	if s.Kind == actions.SlotStop && row.Status == order.StatusOpen {
		return // triggered: an SL-M shows as LIMIT from here
	}
	if row.Price == so.Sent.Price && row.TriggerPrice == so.Sent.TriggerPrice {
		return
	}
	so.Sent.Price, so.Sent.TriggerPrice, so.Sent.OrderType = row.Price, row.TriggerPrice, row.OrderType
	s.Person = true
	if s.Kind == actions.SlotTarget {
		s.Price = row.Price
	} else {
		s.Trigger, s.Limit, s.OrderType = row.TriggerPrice, row.Price, row.OrderType
	}
	l.touchSlot(s)
}

// changing says whether a modify of ours is on its way or was never settled.
func (l *Lane) changing(orderID string) bool {
	for id := range l.open {
		if r := l.requests[id]; r.Call.Method == actions.Modify && r.Call.OrderID == orderID && r.State.InFlight() {
			return true
		}
	}
	return false
}

// Replacements of a stop that somebody other than a person took away.
const (
	replaceMost   = 3
	replaceWithin = 10 * time.Minute
)

// lostOrder: a stop that a person cancelled stays cancelled; one that the exchange took is replaced a few times,
// then the position is left; one that the close took is not replaced.
func (l *Lane) lostOrder(s *slot, o *order.Order) {
	row := &o.Seen(order.Confirmed).Row
	if row.FilledQuantity >= row.Quantity && row.Quantity > 0 {
		return
	}
	now := l.meta.Now
	over := l.o.Hours.SquareOff(s.Key.Exchange, s.Key.Product, now)
	inside := l.o.Hours.IsOpen(s.Key.Exchange, now) && (over.IsZero() || now.Before(over))
	l.touchSlot(s)
	switch {
	case l.o.Assume:
	case !inside:
		s.Left = "the close"
		return
	case row.StatusMessage == "" && !s.Replace:
		s.Left = actions.WhyPerson
		return
	}
	if row.StatusMessage == "" {
		return // if_cancelled: replace
	}
	s.Replaced = slices.DeleteFunc(append(s.Replaced, now), func(t time.Time) bool { return now.Sub(t) > replaceWithin })
	switch {
	case len(s.Replaced) <= replaceMost:
	case s.Kind == actions.SlotTarget:
		s.Left = "the exchange"
	default:
		l.openExit(s.Key, []string{s.Group}, 0, s.Owner, s.Rule, actions.Standing{})
	}
}
