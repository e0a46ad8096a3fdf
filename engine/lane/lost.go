package lane

import (
	"fmt"
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
		if s.Kind == actions.SlotStop && !so.Exit && !so.Hand && so.Triggered.IsZero() && seen.Row.Status == order.StatusOpen {
			if so.Hand = byHand(so, &seen.Row); !so.Hand {
				so.Triggered = l.meta.Now
			}
			l.touchSlot(s)
		}
		l.noteMoved(s, so, &seen.Row)
	}
}

// byHand says whether a stop that is open did not trigger: a person made it a LIMIT at another price. One that triggered
// keeps its type and limit; an SL-M shows as a LIMIT then, and what we priced again is one.
func byHand(so *slotOrder, row *order.Update) bool {
	return so.Sent.OrderType == "SL" && row.OrderType == "LIMIT" && row.Price != so.Sent.Price
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
	for w := s.Wish; w != nil; w = w.Before { // what was asked before that was known
		w.Keep = true
	}
	if s.Kind == actions.SlotTarget {
		s.Price = row.Price
	} else {
		s.Trigger, s.Limit, s.OrderType = row.TriggerPrice, row.Price, row.OrderType
	}
	l.touchSlot(s)
}

// movedByClaim says whether a postback claims other prices of a slot's live order than those that we set: a person may have
// moved it. What a rule asks for waits until a reading has shown which; a forger gets no more than that second.
func (l *Lane) movedByClaim(s *slot) bool {
	for _, o := range l.liveOrders(s) {
		if row := o.o.Row(); !o.o.Valued.IsZero() && !l.changing(o.OrderID) && o.Sent.OrderType != "" && row.Status == order.StatusTriggerPending &&
			(row.Price != o.Sent.Price || row.TriggerPrice != o.Sent.TriggerPrice) {
			l.readNow = true
			return true
		}
	}
	return false
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

// endSlack is how much sooner than the calendar's the broker's clock may have ended a session.
const endSlack = 5 * time.Second

// auctionBurst is how long from the beginning of a closing auction the exchange cancels what can't stay (docs/kite.md 6.1).
const auctionBurst = time.Minute

// endedBy says what of the day's own ended an order at the moment that its row tells: the square-off of its product, the
// closing auction, or the close. "": none, somebody took it away.
func (l *Lane) endedBy(s *slot, row *order.Update) string {
	at := row.Latest()
	if at.IsZero() || at.After(l.meta.Now) {
		at = l.meta.Now
	}
	h, exchange := l.o.Hours, s.Key.Exchange
	over := h.SquareOff(exchange, s.Key.Product, at)
	auction := h.Auction(exchange, at)
	switch {
	case !over.IsZero() && !at.Before(over) && h.IsOpen(exchange, at):
		return leftSquareOff
	case !auction.IsZero() && !at.Before(auction) && at.Before(auction.Add(auctionBurst)):
		return leftClose
	case !h.IsOpen(exchange, at) || !h.IsOpen(exchange, at.Add(endSlack)):
		return leftClose
	}
	return ""
}

// lapsedFor is how long the orders that a session's end takes away are collected before they are told together.
const lapsedFor = 10 * time.Second

// observeLapsed tells which stops and targets the square-off or the close has ended, all of them in one message.
func (l *Lane) observeLapsed() {
	var again, over []string
	told := false
	for id := range l.lapsing {
		told = told || !l.slots[id].Lapsed.IsZero() && !l.meta.Now.Before(l.slots[id].Lapsed.Add(lapsedFor))
	}
	if !told {
		return
	}
	for _, id := range sortedKeys(l.lapsing) {
		s := l.slots[id]
		delete(l.lapsing, id)
		s.Lapsed = time.Time{}
		l.touchSlot(s)
		g := l.group(order.Confirmed, s.Key, s.Group)
		if g == nil || g.Open() == 0 {
			continue
		}
		line := fmt.Sprintf("%s %s %s %d at %s (%s)", slotWord(s.Kind), s.Key.Tradingsymbol, g.ExitSide(), g.Open(), max(s.Trigger, s.Price), s.Left)
		if l.hold(s) == holdDay {
			over = append(over, line)
		} else {
			again = append(again, line)
		}
	}
	text := fmt.Sprintf("ENDED WITH THE SESSION (%s): ", l.o.Account)
	if len(over) > 0 {
		l.alertOnce(text + listed(over) + ". Nothing is placed in their place: hold is day. Exit, or place a GTT in Kite, if the position goes on.")
	}
	if len(again) > 0 {
		l.alertOnce(text + listed(again) + ". Placed again when the market opens; until then nothing covers the position.")
	}
}

// lostOrder: a stop that a person cancelled stays cancelled; one that the exchange took is replaced a few times,
// then the position is left; one that the close took is not replaced.
func (l *Lane) lostOrder(s *slot, o *order.Order) {
	row := &o.Seen(order.Confirmed).Row
	if row.FilledQuantity >= row.Quantity && row.Quantity > 0 {
		return
	}
	now := l.meta.Now
	l.touchSlot(s)
	switch ended := l.endedBy(s, row); {
	case l.o.Assume:
	case ended != "":
		s.Left, s.Lapsed = ended, now
		l.touchSlot(s)
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
