package lane

import (
	"fmt"

	"backstop/actions"
	"backstop/engine/order"
)

// Kite takes 25 modifications of an order. Before that an order that a rule goes on changing is replaced: cancelled,
// seen ended, and what is left of it placed anew. Slots do the same with theirs.

// modifications counts the changes of an order that may have reached the broker.
func (l *Lane) modifications(orderID string) int {
	n := 0
	for _, r := range l.requests {
		if r.Call.Method == actions.Modify && r.Call.OrderID == orderID && r.Attempts > 0 && r.State != actions.Planned {
			n++
		}
	}
	return n
}

// replaceOrder cancels an order so that placeAnew can place what is left of it with other values.
func (l *Lane) replaceOrder(run *run, a *actions.Action, o *order.Order, p actions.Params, dry bool) {
	row := o.Row()
	role := l.book.Holding(order.Claimed, o.Key()).Role(o.ID)
	r := &actions.Request{ID: actions.ID("replace", a.ID), Account: l.o.Account, ActionID: a.ID, For: a.Rule, Key: o.Key(), Since: run.Since, Anew: &p,
		Call:     actions.Call{Method: actions.Cancel, Variety: variety(row), OrderID: o.ID, Params: actions.Params{ParentOrderID: row.ParentOrderID}},
		Priority: actions.PriorityCancelEntry, OrderID: o.ID, Created: l.meta.Now, Stands: run.Stands, Role: role,
		Group: l.book.Holding(order.Claimed, o.Key()).GroupOf(o.ID), GroupTag: o.GroupTag()}
	if role.IsExit() {
		r.Priority = actions.PriorityCancelExit
	}
	a.Requests = append(a.Requests, r.ID)
	l.newRequest(r, dry)
	l.say("replace "+o.ID, fmt.Sprintf("REPLACED %s %s %d (%s): order %s was modified %d times and Kite takes 25; Backstop cancels it and places what is left anew.",
		row.Tradingsymbol, row.TransactionType, row.Quantity, l.o.Account, o.ID, l.modifications(o.ID)), sayOnce)
	l.refreshAction(a)
}

// placeAnew places what is left of an order that has ended to be replaced, once the broker's own channel shows it.
func (l *Lane) placeAnew(a *actions.Action) {
	if a.Type != "modify_order" || len(a.Requests) != 1 {
		return
	}
	r := l.requests[a.Requests[0]]
	if r == nil || r.Anew == nil || r.State != actions.Done && r.State != actions.Skipped {
		return
	}
	o, ok := l.book.Order(r.Call.OrderID)
	if !ok || !o.Seen(order.Confirmed).Terminal() {
		return
	}
	row := &o.Seen(order.Confirmed).Row
	left := r.Anew.Quantity - row.FilledQuantity
	if row.Status != order.StatusCancelled || left <= 0 {
		return // it filled on the way
	}
	next := actions.Request{Account: l.o.Account, ActionID: a.ID, For: a.Rule, Key: r.Key, Created: l.meta.Now, Since: r.Since, Role: r.Role, Group: r.Group, GroupTag: r.GroupTag,
		Whole: left, Call: actions.Call{Method: actions.Place, Variety: "regular", Params: *r.Anew}, Priority: actions.PriorityRisk}
	if r.Role.IsExit() {
		next.Priority = actions.PriorityStop
	}
	l.writeSlices(a, next, left)
}
