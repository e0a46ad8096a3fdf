package lane

import (
	"fmt"
	"slices"

	"backstop/actions"
	"backstop/engine/order"
)

// ask turns the steps into requests: what waits is brought up to date, what is no longer wanted is skipped, what
// is new is written down. An order with a request in flight is left alone.
func (l *Lane) ask(s *slot, steps []step) bool {
	changed := false
	matched := map[string]bool{}
	busy := map[string]bool{}
	for _, id := range l.openRequests() { // of whichever slot: an exit takes the stop's order over
		if r := l.requests[id]; r.State.InFlight() {
			busy[r.Call.OrderID] = true
		}
	}
	for _, st := range steps {
		if st.method != actions.Place && st.orderID != "" && busy[st.orderID] || st.mark() == s.Blocked {
			continue
		}
		id := l.stepID(s, st)
		if r := l.waitingChange(s, st); r != nil {
			id = r.ID // put back by the broker, perhaps until later: asked for again it is the same
		}
		matched[id] = true
		if r, ok := l.requests[id]; ok && r.State == actions.Waiting {
			if r.Call.Params.Tag != "" {
				st.params.Tag = r.Call.Params.Tag
			}
			if r.Call.Params != st.params {
				r.Call.Params = st.params
				l.touch(r)
				changed = true
			}
			continue
		}
		l.write(s, st, id)
		changed = true
	}
	for _, r := range l.slotRequests(s) {
		if r.State == actions.Waiting && !matched[r.ID] && !(r.Call.Method != actions.Place && r.Call.OrderID != "" && busy[r.Call.OrderID]) {
			l.drop(s, r)
			changed = true
		}
	}
	return changed
}

// waitingChange is the slot's request that waits to change the order as the step does, whatever its id counts.
func (l *Lane) waitingChange(s *slot, st step) *actions.Request {
	if st.method == actions.Place {
		return nil
	}
	for _, r := range l.slotRequests(s) {
		if r.State == actions.Waiting && r.Call.Method == st.method && r.Call.OrderID == st.orderID {
			return r
		}
	}
	return nil
}

// drop takes back a request that has not left and is not wanted any more.
func (l *Lane) drop(s *slot, r *actions.Request) {
	why := actions.WhySuperseded
	if g := l.group(order.Confirmed, s.Key, s.Group); g != nil && g.Open() == 0 {
		why = actions.WhyFlat
	}
	l.set(r, actions.Skipped, why)
	if r.Call.Method == actions.Place {
		s.Orders = slices.DeleteFunc(s.Orders, func(so slotOrder) bool { return so.Request == r.ID && so.OrderID == "" })
		l.touchSlot(s)
	}
}

func (l *Lane) slotRequests(s *slot) []*actions.Request {
	var rs []*actions.Request
	for _, id := range l.openRequests() {
		if r := l.requests[id]; r.Slot == s.ID {
			rs = append(rs, r)
		}
	}
	return rs
}

// openRequests are the ids of requests that are not final, sorted.
func (l *Lane) openRequests() []string {
	if l.openIDs == nil {
		l.openIDs = sortedKeys(l.open)
	}
	return l.openIDs
}

// stepID names a step by the broker's facts: of a placement the slot, slice and generation; of a change the
// order and how many changes it had.
func (l *Lane) stepID(s *slot, st step) string {
	if st.method == actions.Place {
		return l.placeID(s, st.slice, s.generation(st.slice))
	}
	if st.method.GTT() {
		n := 0
		if s.GTT != nil {
			n = s.GTT.Count
		}
		return actions.ID(string(st.method), l.o.Account, s.ID, st.orderID, fmt.Sprint(n))
	}
	_, so := l.slotOf(st.orderID)
	n := 0
	if so != nil {
		n = so.Mods
		if st.method == actions.Cancel {
			n = so.Cancels
		}
	}
	return actions.ID(string(st.method), l.o.Account, s.ID, st.orderID, fmt.Sprint(n))
}

// generation is how many orders of a slice ended before.
func (s *slot) generation(slice int) int {
	n := 0
	for _, so := range s.Orders {
		if so.Slice == slice && so.Ended {
			n++
		}
	}
	return n
}

func (s *slot) byOrder(id string) *slotOrder {
	for i := range s.Orders {
		if s.Orders[i].OrderID == id && id != "" {
			return &s.Orders[i]
		}
	}
	return nil
}

// orderOf is the slot's order that a request is about.
func (s *slot) orderOf(r *actions.Request) *slotOrder {
	if r.Call.Method.GTT() {
		return nil
	}
	for i := range s.Orders {
		so := &s.Orders[i]
		if r.Call.Method == actions.Place && so.Request == r.ID || r.Call.Method != actions.Place && so.OrderID == r.Call.OrderID {
			return so
		}
	}
	return nil
}

// write makes a new request of a step.
func (l *Lane) write(s *slot, st step, id string) {
	r := &actions.Request{ID: id, Account: l.o.Account, ActionID: s.Owner, For: l.purpose(s), Slot: s.ID, Key: s.Key,
		Call:     actions.Call{Method: st.method, Variety: st.variety, OrderID: st.orderID, Params: st.params},
		Priority: st.priority, OrderID: st.orderID, Created: l.meta.Now, Assumed: s.Assumed}
	if st.method.GTT() {
		if s.GTT == nil {
			s.GTT = &trigger{}
		}
		s.GTT.Count++
		l.touchSlot(s)
	}
	if st.method == actions.Place {
		r.Call.Params.Tag = actions.Tag(id)
		s.Orders = append(s.Orders, slotOrder{Slice: st.slice, Gen: s.generation(st.slice), Request: id})
		l.touchSlot(s)
	}
	l.newRequest(r, l.o.Mode == DryRun)
	if a, ok := l.actions[s.Owner]; ok && !slices.Contains(a.Requests, id) {
		a.Requests = append(a.Requests, id)
		l.dirty.actions[a.ID] = true
	}
}

// purpose says what a request is for: the rule whose wish it is, or what it keeps true by itself.
func (l *Lane) purpose(s *slot) string {
	if s.Over {
		return "over_exited"
	}
	if s.Rule != "" {
		return s.Rule
	}
	return "keep " + string(s.Kind)
}

// newRequest writes a request down; it leaves at the end of the step, when every stage lets it.
func (l *Lane) newRequest(r *actions.Request, dry bool) {
	r.State, r.Updated = actions.Waiting, l.meta.Now
	if dry && l.o.Mode != DryRun {
		r.State, r.Why = actions.Planned, actions.WhyDryRun
	}
	l.requests[r.ID] = r
	l.touch(r)
}

// noteUnmoved remembers the prices to which the broker refused to move a stop, so that its quantity goes on being kept true where it
// stands: asked for with every change of it, the refused prices would hold that back too.
func (l *Lane) noteUnmoved(s *slot, so *slotOrder, r *actions.Request) {
	if so == nil || s.Kind != actions.SlotStop || r.Call.Method != actions.Modify || so.Exit {
		return
	}
	if o, ok := l.book.Order(so.OrderID); ok {
		row, p := &o.Seen(order.Confirmed).Row, r.Call.Params
		if row.Status == order.StatusTriggerPending && (p.TriggerPrice != row.TriggerPrice || p.Price != row.Price) {
			s.Unmoved = &unmoved{p.TriggerPrice, p.Price}
		}
	}
}

// refused learns that the broker refused a slot's request for good.
func (l *Lane) refused(s *slot, r *actions.Request, e *actions.Error) {
	so := s.orderOf(r)
	l.touchSlot(s)
	if l.learnFreeze(r, e) { // in slices from here on
		if so != nil && r.Call.Method == actions.Place {
			so.Ended = true
		}
		s.Blocked = ""
		return
	}
	switch {
	case so == nil:
	case r.Call.Method == actions.Place:
		so.Ended = true
	case r.Call.Method == actions.Modify:
		so.Sent.OrderType = "" // what it has now is not known to be ours
		so.Stubborn = so.Stubborn || so.Hand || s.Kind == actions.SlotTarget
	}
	s.Blocked, s.Refused = mark(r.Call.Method, r.Call.OrderID, r.Call.Params), e
	if e.Class != actions.ClassModificationCap {
		l.noteUnmoved(s, so, r)
	}
	switch {
	case s.Kind == actions.SlotExit:
		l.exitRefused(s, r, e)
		return
	case r.Call.Method == actions.Modify && e.Class == actions.ClassModificationCap && so != nil:
		so.Mods = modificationsMost // replaced from here on
		s.Blocked = ""
	case s.Kind == actions.SlotTarget && (e.Class == actions.ClassMargin || e.Class == actions.ClassHoldings) && l.stopLive(s):
		e = &actions.Error{Class: actions.ClassSecondExit, Op: e.Op, Message: e.Message, Hint: "the stop stays; a second exit beside it needs margin or holdings of its own"}
		r.Error = e
		l.touch(r)
	}
	a := l.actions[s.Owner]
	answers := a != nil && !a.State.Final() && l.hasOnError(a)
	if a == nil || a.State.Final() {
		l.tellFailed(a, r, e)
		l.emitFailed(s, r, e)
	} else {
		l.failAction(a, e)
	}
	if r.Call.Method == actions.Place && s.Kind == actions.SlotStop && e.Class == actions.ClassBeyondMarket && !answers {
		l.beyondMarket(s)
	}
}
