package lane

import (
	"fmt"
	"slices"

	"backstop/actions"
	"backstop/engine/order"
)

// A journal that begins anew, or from a backup, meets orders that carry our tags and that it knows nothing of. A tag
// is made of the broker's facts and the rule alone, so the slot that one of them belongs to comes to the same tag.
const (
	foundSlices      = 8  // orders of a slot at a time
	foundGenerations = 64 // orders of a slice in a day
)

// noteStray remembers an order with a tag of ours and no request behind it, as the broker's own channels show it.
func (l *Lane) noteStray(o *order.Order) {
	if l.o.Assume || o.Link != nil || !o.Seen(order.Confirmed).Known || strayTag(o) == "" || slices.Contains(l.strays[o.Key()], o.ID) {
		return
	}
	l.strays[o.Key()] = append(l.strays[o.Key()], o.ID)
}

func strayTag(o *order.Order) string {
	row := &o.Seen(order.Confirmed).Row
	for _, tag := range append([]string{row.Tag}, row.Tags...) {
		if actions.IsTag(tag) {
			return tag
		}
	}
	return ""
}

// takeFound gives a slot the orders that an earlier journal placed for it: they are kept true like any other, and what
// ended counts among its generations.
func (l *Lane) takeFound(s *slot) {
	if len(l.strays[s.Key]) == 0 || l.o.Mode == DryRun {
		return
	}
	var left []string
	for _, id := range l.strays[s.Key] {
		o, ok := l.book.Order(id)
		if !ok || o.Link != nil {
			continue
		}
		if !l.takeStray(s, o) {
			left = append(left, id)
		}
	}
	l.strays[s.Key] = left
}

func (l *Lane) takeStray(s *slot, o *order.Order) bool {
	tag := strayTag(o)
	for slice := range foundSlices {
		for gen := range foundGenerations {
			id := l.placeID(s, slice, gen)
			if actions.Tag(id) != tag {
				continue
			}
			if _, known := l.requests[id]; known {
				return false // a request of its own looks after it
			}
			row := &o.Seen(order.Confirmed).Row
			p := actions.Params{Exchange: row.Exchange, Tradingsymbol: row.Tradingsymbol, TransactionType: row.TransactionType, Quantity: row.Quantity,
				Product: row.Product, OrderType: row.OrderType, Price: row.Price, TriggerPrice: row.TriggerPrice, Validity: row.Validity, Tag: tag}
			r := &actions.Request{ID: id, Account: l.o.Account, ActionID: s.Owner, For: l.purpose(s), Slot: s.ID, Key: s.Key, OrderID: o.ID,
				Call: actions.Call{Method: actions.Place, Variety: variety(row), Params: p}, Priority: priorityOf(s), Created: l.meta.Now, Ended: l.meta.Now}
			l.requests[id] = r
			s.Orders = append(s.Orders, slotOrder{Slice: slice, Gen: gen, Request: id, OrderID: o.ID, Sent: p, Ended: o.Seen(order.Confirmed).Terminal()})
			if s.Kind == actions.SlotExit && !s.Over {
				s.Found += row.FilledQuantity
			}
			l.touchSlot(s)
			l.set(r, actions.Accepted, "")
			l.tie(o)
			if a, ok := l.actions[s.Owner]; ok && !slices.Contains(a.Requests, id) {
				a.Requests = append(a.Requests, id)
				l.dirty.actions[a.ID] = true
			}
			return true
		}
	}
	return false
}

// placeID names a slot's placement by the broker's facts: the slot, slice and generation.
func (l *Lane) placeID(s *slot, slice, gen int) string {
	facts := []string{"place", l.o.Account, string(s.Kind), s.Key.Exchange, s.Key.Tradingsymbol, s.Key.Product}
	if s.Kind == actions.SlotExit {
		facts = append(facts, string(l.meta.Day), s.Group)
	} else {
		facts = append(facts, s.Group, fmt.Sprint(s.Part))
		if g := l.group(order.Confirmed, s.Key, s.Group); g != nil && g.Carried { // each day has orders of its own
			facts = append(facts, string(l.meta.Day))
		}
	}
	return actions.ID(append(facts, fmt.Sprint(slice), fmt.Sprint(gen))...)
}
