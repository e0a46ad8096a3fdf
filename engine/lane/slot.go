package lane

import (
	"fmt"
	"slices"

	"backstop/actions"
	"backstop/engine/order"
)

// step is one change that a slot wants next.
type step struct {
	method   actions.Method
	orderID  string
	slice    int
	params   actions.Params
	variety  string
	priority actions.Priority
}

// mark names what a step asks for, so that what the broker refused is not asked again as it was.
func (s step) mark() string { return mark(s.method, s.orderID, s.params) }

func mark(m actions.Method, orderID string, p actions.Params) string {
	return fmt.Sprintf("%s %s %+v", m, orderID, struct { // of what a slot asks for; it is kept, so it stays as it is
		Exchange, Tradingsymbol, TransactionType string
		Quantity                                 int64
		Product, OrderType                       string
		Price, TriggerPrice                      order.Price
		Validity                                 string
		MarketProtection                         float64
		Tag, ParentOrderID                       string
	}{p.Exchange, p.Tradingsymbol, p.TransactionType, p.Quantity, p.Product, p.OrderType, p.Price, p.TriggerPrice, p.Validity, p.MarketProtection, "", p.ParentOrderID})
}

// live is an order of a slot as the confirmed layer shows it.
type live struct {
	*slotOrder
	o         *order.Order
	remaining int64
	begun     bool // filled in part, or triggered: its quantity is left alone
}

// deriveSlots derives every slot's next requests from wanted, known and in flight. It says whether anything
// changed.
func (l *Lane) deriveSlots() bool {
	changed := false
	seen := map[string]bool{}
	for ids := l.unseen(seen); len(ids) > 0; ids = l.unseen(seen) { // one may wake another, or open a new one
		for _, id := range ids {
			seen[id] = true
			if l.deriveSlot(l.slots[id]) {
				changed = true
			}
			if l.resting(l.slots[id]) {
				delete(l.awake, id)
			}
		}
	}
	l.refreshActions()
	return changed
}

// unseen are the ids of the slots to look at that were not seen yet, sorted.
func (l *Lane) unseen(seen map[string]bool) []string {
	var ids []string
	for id := range l.awake {
		if !seen[id] {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

func (l *Lane) deriveSlot(s *slot) bool {
	l.takeFound(s)
	l.noteEnded(s)
	l.takeWish(s)
	if l.held(s) || l.waitsForMorning(s) || l.waitsForOld(s) {
		return false
	}
	var steps []step
	if s.Kind == actions.SlotExit {
		steps = l.exitSteps(s)
	} else {
		steps = l.keepSteps(s)
	}
	return l.ask(s, steps)
}

// resting says whether a slot has nothing to do until its place changes: nothing open, live or under way.
func (l *Lane) resting(s *slot) bool {
	if l.held(s) || s.Morning || s.GTT != nil && s.GTT.ID != "" || !s.Lapsed.IsZero() || s.Wish != nil || s.Kind == actions.SlotExit && s.Active || len(l.slotRequests(s)) > 0 || !l.o.Assume && l.liveQuantity(s) > 0 {
		return false
	}
	if a := l.actions[s.Owner]; a != nil && !a.State.Final() {
		return false
	}
	if l.o.Assume { // nothing is on its way: what is live and has not begun waits for its place to change
		return !slices.ContainsFunc(l.liveOrders(s), func(o live) bool { return o.begun })
	}
	g := l.group(order.Confirmed, s.Key, s.Group)
	return s.Kind == actions.SlotExit || g != nil && g.Open() == 0
}

// held says whether nothing may be derived yet: a reading is owed, or the account is not armed.
func (l *Lane) held(s *slot) bool {
	return !l.armed || !s.Reread.IsZero() && !l.meta.LastGood.After(s.Reread)
}

// liveOrders are the slot's orders that the confirmed layer shows alive.
func (l *Lane) liveOrders(s *slot) []live {
	var orders []live
	for i := range s.Orders {
		so := &s.Orders[i]
		if so.Ended || so.OrderID == "" {
			continue
		}
		o, ok := l.book.Order(so.OrderID)
		if !ok || !o.Seen(order.Confirmed).Live() {
			continue
		}
		row := &o.Seen(order.Confirmed).Row
		begun := row.FilledQuantity > 0 || s.Kind == actions.SlotStop && row.Status == order.StatusOpen
		orders = append(orders, live{so, o, o.Seen(order.Confirmed).Remaining(), begun})
	}
	return orders
}

// flyingPlacement is the quantity of placements that may have left and are not seen.
func (l *Lane) flyingPlacement(s *slot) int64 {
	var n int64
	for i := range s.Orders {
		so := &s.Orders[i]
		r := l.requests[so.Request]
		if r == nil || r.Call.Method != actions.Place {
			continue
		}
		o, ok := l.book.Order(so.OrderID)
		seen := so.Ended || ok && o.Seen(order.Confirmed).Known && o.Seen(order.Confirmed).Row.Status != order.StatusNone
		if unanswered := r.State == actions.Running || r.State == actions.Unknown; seen && !(ok && unanswered && l.earlierAttempt(r, o)) {
			continue
		}
		if r.State.InFlight() || r.State == actions.Done {
			n += max(1, r.Call.Params.Quantity)
		}
	}
	return n
}

// slotParams are what the slot's orders shall be, without quantity.
func (l *Lane) slotParams(s *slot, g *order.Group) (actions.Params, bool) {
	inst, ok := l.instrument(s.Key)
	if !ok {
		return actions.Params{}, false
	}
	if s.Kind == actions.SlotTarget {
		return actions.Params{Exchange: s.Key.Exchange, Tradingsymbol: s.Key.Tradingsymbol, Product: s.Key.Product,
			TransactionType: g.ExitSide(), OrderType: "LIMIT", Price: s.Price, Validity: "DAY"}, true
	}
	w := stopWish{Trigger: s.Trigger, Limit: s.Limit, OrderType: s.OrderType, sign: g.Sign}
	return l.stopParams(&w, g, inst, 0), true
}

// stopLive says whether the stop beside a target is live.
func (l *Lane) stopLive(s *slot) bool {
	stop, ok := l.slots[slotID(actions.SlotStop, s.Key, s.Group, s.Part)]
	return ok && len(l.liveOrders(stop)) > 0
}

// emitFailed tells rules of a failure that came after its action had ended.
func (l *Lane) emitFailed(s *slot, r *actions.Request, e *actions.Error) {
	l.emit(order.Event{ID: actions.ID("event", l.o.Account, r.ID, "action_failed", string(e.Class)), Kind: order.KindActionFailed,
		OrderID: r.OrderID, Key: s.Key, Group: s.Group, Reason: string(e.Class), Hint: e.Hint, Message: e.Message, Cause: string(s.Kind)})
}

// beyondMarket exits by default where a stop, the first or one that replaces another, is refused because the
// market is already beyond it: the position has lost what it was meant to lose. Only where its trigger lies on the
// losing side of the entry: a wrong sign never sells a healthy position. A refused move comes as a modify and
// leaves the old stop alive.
func (l *Lane) beyondMarket(s *slot) {
	g := l.group(order.Confirmed, s.Key, s.Group)
	if g == nil || !l.losingSide(s, g) {
		return
	}
	l.openExit(s.Key, []string{s.Group}, 0, s.Owner, s.Rule, actions.Standing{})
}

// hasOnError says whether the rule of an action under way answers its failure itself: that replaces the default exit.
// A sequence that has ended answers no more.
func (l *Lane) hasOnError(a *actions.Action) bool {
	run := l.runs[a.Decision]
	rule, ok := l.rule(a.Rule)
	if ok && rule.HasOnError && a.Retries > 0 {
		return true // it had its say, and a person is at it
	}
	return ok && rule.HasOnError && run != nil && run.Part != "on_error" && run.holds(a.ID)
}

func (l *Lane) losingSide(s *slot, g *order.Group) bool {
	entry, told := g.EntryPrice()
	return told && (s.Trigger-entry)*order.Price(g.Sign) < 0
}

// slotState is the state that a slot gives to the action that wished last.
func (l *Lane) slotState(s *slot, a *actions.Action) (actions.State, string) {
	for _, id := range a.Requests {
		if r := l.requests[id]; r != nil {
			a.Attempts = max(a.Attempts, r.Attempts)
		}
	}
	var states []actions.State
	why := ""
	for _, r := range l.slotRequests(s) {
		states = append(states, r.State)
		if r.State == actions.Waiting {
			why = r.Why
		}
	}
	if len(states) > 0 {
		return actions.Combine(states), why
	}
	if s.Kind == actions.SlotExit {
		return l.exitState(s)
	}
	run := l.runs[a.Decision]
	if run != nil && !l.stands(run.Stands) {
		return actions.Waiting, actions.WhyConfirm
	}
	g := l.group(order.Confirmed, s.Key, s.Group)
	switch {
	case g == nil && l.armed && l.group(order.Claimed, s.Key, s.Group) == nil: // what looked like its entry was none
		return actions.Skipped, actions.WhyFlat
	case g == nil:
		return actions.Waiting, actions.WhyConfirm
	case g.Open() == 0:
		return actions.Skipped, actions.WhyFlat
	case !l.armed:
		return actions.Waiting, actions.WhyConfirm
	case s.Left != "":
		return actions.Skipped, s.Left
	case s.Doubt != "":
		return actions.Skipped, s.Doubt
	case s.Morning:
		return actions.Waiting, actions.WhySlot
	case s.GTT != nil && s.GTT.ID != "" || l.legOf(s):
		return actions.Done, ""
	case l.held(s): // what it wants is derived again from a reading that is owed
		return actions.Waiting, actions.WhySlot
	case s.Kind == actions.SlotTarget && !l.stopReady(s):
		return actions.Waiting, actions.WhySlot
	case l.liveQuantity(s) == 0 && l.wanted(s, g) > 0:
		return actions.Waiting, actions.WhySlot
	case l.o.Mode == DryRun:
		return actions.Planned, ""
	}
	return actions.Done, ""
}

func (l *Lane) liveQuantity(s *slot) int64 {
	var n int64
	for _, o := range l.liveOrders(s) {
		n += o.remaining
	}
	return n
}

// claimedAt says whether something of a place is claimed and not confirmed.
func (l *Lane) claimedAt(k order.Key) bool {
	for id := range l.ahead {
		if o, ok := l.book.Order(id); ok && o.Key() == k && o.Ahead() {
			return true
		}
	}
	return false
}

// standingOf is what an event's requests stand on.
func standingOf(e *order.Event) actions.Standing {
	st := actions.Standing{OrderID: e.OrderID, Status: e.Status, Filled: e.Filled}
	if e.Kind == order.KindFlat || e.Kind == order.KindPrice {
		st.Key = e.Key
	}
	return st
}

// stands says whether the confirmed layer has reached what an action stands on.
func (l *Lane) stands(st actions.Standing) bool {
	if st.Key.Tradingsymbol != "" && l.claimedAt(st.Key) {
		return false
	}
	if st.OrderID == "" {
		return true
	}
	o, ok := l.book.Order(st.OrderID)
	return ok && o.Seen(order.Confirmed).Reaches(st.Status, st.Filled)
}
