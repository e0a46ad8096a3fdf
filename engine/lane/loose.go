package lane

import (
	"fmt"
	"maps"
	"slices"

	"backstop/actions"
	"backstop/engine/order"
)

// An exit that a rule placed by itself has no slot that keeps it true. It must not outlive what it exits: an order that
// Backstop placed as an exit never becomes an entry (invariant 4).

// noteLoose finds the orders that keepLoose looks after.
func (l *Lane) noteLoose(o *order.Order) {
	if o.Link != nil && o.Link.Loose && o.Link.Role.IsExit() {
		l.loose[o.ID] = true
	}
}

// keepLoose makes exits of rules smaller as their group gets smaller, and cancels them when it is flat.
func (l *Lane) keepLoose() bool {
	changed := false
	for _, id := range slices.Sorted(maps.Keys(l.loose)) {
		o, ok := l.book.Order(id)
		if !ok || o.Seen(order.Confirmed).Terminal() {
			delete(l.loose, id)
			continue
		}
		seen := o.Seen(order.Confirmed)
		g := l.group(order.Confirmed, o.Key(), o.Link.Group)
		if !l.armed || !seen.Live() || l.changing(id) || l.cancelling(id, "") {
			continue
		}
		open := int64(0) // its entry turned out to be an exit: what stands behind it would open a position
		switch {
		case g == nil:
		case o.Link.Role != order.RoleTarget:
			open = g.Open()
		case !l.stopTriggered(g): // else its stop has the turn: two that could both fill never live at once
			open = max(0, g.Open()-g.Adopted())
		}
		if seen.Remaining() <= open {
			changed = l.dropLoose(id, "") || changed
			continue
		}
		row := &seen.Row
		r := &actions.Request{Account: l.o.Account, For: "keep exit", Key: o.Key(), OrderID: id, Created: l.meta.Now, Priority: actions.PriorityCancelExit,
			Call: actions.Call{Method: actions.Cancel, Variety: variety(row), OrderID: id}}
		if placed := l.requests[o.Link.Request]; placed != nil {
			r.For = placed.For
		}
		facts := []string{"keep exit", l.o.Account, id, fmt.Sprint(open), fmt.Sprint(row.FilledQuantity)}
		if open > 0 && row.FilledQuantity == 0 && row.Status != order.StatusNone && l.modifications(id) < modificationsMost {
			r.Priority, r.Call.Method = actions.PriorityExit, actions.Modify
			r.Call.Params = actions.Params{Exchange: row.Exchange, Tradingsymbol: row.Tradingsymbol, Product: row.Product, TransactionType: row.TransactionType,
				Quantity: open, OrderType: row.OrderType, Price: row.Price, TriggerPrice: row.TriggerPrice, Validity: row.Validity}
		}
		r.ID = actions.ID(append(facts, string(r.Call.Method))...)
		changed = l.dropLoose(id, r.ID) || changed
		if before, ok := l.requests[r.ID]; ok && (!before.State.Final() || before.State == actions.Failed && before.Call.Method == actions.Modify) {
			if before.State != actions.Failed {
				continue
			}
			r.Call.Method, r.Call.Params = actions.Cancel, actions.Params{} // it can't be made smaller
			if r.ID = actions.ID(append(facts, "cancel")...); l.requests[r.ID] != nil && !l.requests[r.ID].State.Final() {
				continue
			}
		}
		if before, ok := l.requests[r.ID]; ok && before.State == actions.Failed {
			continue // refused: told, and not asked again as it was
		}
		l.newRequest(r, l.o.Mode == DryRun)
		changed = true
	}
	return changed
}

// dropLoose takes back what waits to make an order smaller and is not wanted any more: it was asked for a group, or a fill, that
// has moved on. but is what is wanted now.
func (l *Lane) dropLoose(orderID, but string) bool {
	dropped := false
	for _, id := range l.openRequests() {
		if r := l.requests[id]; id != but && r.State == actions.Waiting && r.Call.Method == actions.Modify && r.Call.OrderID == orderID && r.Slot == "" && r.ActionID == "" {
			l.set(r, actions.Skipped, actions.WhySuperseded)
			dropped = true
		}
	}
	return dropped
}

// stopTriggered says whether a stop of the group has triggered and is about to fill.
func (l *Lane) stopTriggered(g *order.Group) bool {
	for _, id := range l.byPlace[g.Key] {
		s := l.slots[id]
		if s.Kind != actions.SlotStop || s.Group != g.ID {
			continue
		}
		for _, o := range l.keptOrders(s) {
			if o.o.Seen(order.Confirmed).Row.Status == order.StatusOpen {
				return true
			}
		}
	}
	return false
}

// looseTargets is how much of a group targets take that rules placed by themselves.
func (l *Lane) looseTargets(g *order.Group) int64 {
	if len(l.loose) == 0 {
		return 0
	}
	var n int64
	for _, c := range g.Live {
		if l.loose[c.OrderID] && c.Role == order.RoleTarget {
			n += c.Quantity
		}
	}
	return n
}
