package lane

import (
	"fmt"
	"slices"
	"time"

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
	p.Tag = ""
	return fmt.Sprintf("%s %s %+v", m, orderID, p)
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
	for _, id := range sortedKeys(l.slots) {
		if l.idle[id] {
			continue
		}
		if l.deriveSlot(l.slots[id]) {
			changed = true
		}
		if l.resting(l.slots[id]) {
			l.idle[id] = true
		}
	}
	l.refreshActions()
	return changed
}

func (l *Lane) deriveSlot(s *slot) bool {
	l.noteEnded(s)
	l.takeWish(s)
	if l.held(s) {
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
	if !l.armed || s.Wish != nil || s.Kind == actions.SlotExit && s.Active || len(l.slotRequests(s)) > 0 || l.liveQuantity(s) > 0 {
		return false
	}
	if a := l.actions[s.Owner]; a != nil && !a.State.Final() {
		return false
	}
	g := l.group(order.Confirmed, s.Key, s.Group)
	return s.Kind == actions.SlotExit || g != nil && g.Open() == 0
}

// held says whether nothing may be derived yet: a reading is owed, or the account is not armed.
func (l *Lane) held(s *slot) bool {
	return !l.armed || !s.Reread.IsZero() && !l.meta.LastGood.After(s.Reread)
}

// keepSteps are the changes that bring a stop's or target's orders to what is wanted.
func (l *Lane) keepSteps(s *slot) []step {
	g := l.group(order.Confirmed, s.Key, s.Group)
	if g == nil || l.exiting(s.Key, s.Group) {
		return nil
	}
	want := l.wanted(s, g)
	orders := l.liveOrders(s)
	flying := l.flyingPlacement(s)
	if want == 0 {
		return l.cancels(s, orders)
	}
	if flying > 0 {
		return nil // a placement whose fate is not seen: wait for it
	}
	total := int64(0)
	for _, o := range orders {
		total += o.remaining
	}
	params, ok := l.slotParams(s, g)
	if !ok {
		return nil
	}
	switch {
	case len(orders) == 0:
		params.Quantity = want
		return []step{l.placement(s, params)}
	case want > total && allBegun(orders):
		params.Quantity = want - total
		return []step{l.placement(s, params)}
	default:
		return l.adjust(s, orders, want, total, params)
	}
}

func allBegun(orders []live) bool {
	for _, o := range orders {
		if !o.begun {
			return false
		}
	}
	return true
}

// adjust modifies the order that has not begun to fill, and cancels what must shrink and has.
func (l *Lane) adjust(s *slot, orders []live, want, total int64, params actions.Params) []step {
	var steps []step
	for _, o := range orders {
		if o.begun {
			continue
		}
		quantity := max(0, o.remaining+want-total)
		total += quantity - o.remaining
		if quantity == 0 || o.Mods >= modificationsMost {
			steps = append(steps, l.cancelStep(s, o.slotOrder))
			continue
		}
		p := params
		p.Quantity = quantity
		if row := &o.o.Seen(order.Confirmed).Row; !sameValues(row, p) {
			steps = append(steps, step{method: actions.Modify, orderID: o.OrderID, slice: o.Slice, params: p, variety: variety(row), priority: priorityOf(s)})
		}
	}
	for _, o := range orders {
		if total > want && o.begun { // can't be shrunk: cancelled, seen terminal, the rest placed
			steps = append(steps, l.cancelStep(s, o.slotOrder))
			total -= o.remaining
		}
	}
	return steps
}

// modificationsMost is where an order is replaced in place of modified: Kite refuses the 26th (kite-facts 3.9).
const modificationsMost = 20

func sameValues(row *order.Update, p actions.Params) bool {
	return row.Quantity == p.Quantity && row.Price == p.Price && row.TriggerPrice == p.TriggerPrice
}

func variety(row *order.Update) string {
	if row.Variety == "" {
		return "regular"
	}
	return row.Variety
}

func priorityOf(s *slot) actions.Priority {
	switch s.Kind {
	case actions.SlotStop:
		return actions.PriorityStop
	case actions.SlotTarget:
		return actions.PriorityTarget
	default:
		return actions.PriorityExit
	}
}

// cancels ends every live order of a slot that wants none.
func (l *Lane) cancels(s *slot, orders []live) []step {
	var steps []step
	for _, o := range orders {
		steps = append(steps, l.cancelStep(s, o.slotOrder))
	}
	return steps
}

func (l *Lane) cancelStep(s *slot, so *slotOrder) step {
	st := step{method: actions.Cancel, orderID: so.OrderID, slice: so.Slice, variety: "regular", priority: actions.PriorityCancelExit}
	if s.Kind == actions.SlotExit {
		st.priority = actions.PriorityExit
	}
	if o, ok := l.book.Order(so.OrderID); ok {
		st.variety = variety(o.Row())
	}
	return st
}

// placement is a new order in the lowest free slice.
func (l *Lane) placement(s *slot, p actions.Params) step {
	slice := 0
	for _, so := range s.Orders {
		if r := l.requests[so.Request]; !so.Ended && so.OrderID == "" && r != nil && r.State == actions.Waiting {
			slice = so.Slice // written down and not gone yet
			break
		}
		if !so.Ended && so.Slice >= slice {
			slice = so.Slice + 1
		}
	}
	return step{method: actions.Place, slice: slice, params: p, variety: "regular", priority: priorityOf(s)}
}

// wanted is how much the slot's orders together shall have live.
func (l *Lane) wanted(s *slot, g *order.Group) int64 {
	if !s.Active || s.Left != "" {
		return 0
	}
	open := max(0, l.shareOf(s, g))
	if s.Kind == actions.SlotTarget {
		if !l.stopReady(s) {
			return 0
		}
		if s.Most > 0 {
			open = min(open, s.Most)
		}
	}
	return open
}

// shareOf is the open quantity that is the slot's to cover: the group's, less what adopted exits take; with
// per: fill that fill's own.
func (l *Lane) shareOf(s *slot, g *order.Group) int64 {
	left := g.Open() - g.Adopted()
	if s.Part == 0 {
		return left
	}
	parts := l.partsOf(g)
	others := g.Exited // what no slot's own orders took: first fill first
	for _, p := range parts {
		others -= p.took
	}
	adopted := g.Adopted()
	for _, p := range parts {
		rest := max(0, p.share-p.took)
		by := min(rest, max(0, others))
		rest, others = rest-by, others-by
		by = min(rest, adopted)
		rest, adopted = rest-by, adopted-by
		if p.part == s.Part {
			return rest
		}
	}
	return 0
}

// part is one fill of a group with per: fill, and what its own exits took.
type part struct{ part, share, took int64 }

func (l *Lane) partsOf(g *order.Group) []part {
	byPart := map[int64]*part{}
	for _, id := range sortedKeys(l.slots) {
		s := l.slots[id]
		if s.Group != g.ID || s.Key != g.Key || s.Part == 0 {
			continue
		}
		p, ok := byPart[s.Part]
		if !ok {
			p = &part{part: s.Part, share: s.Share}
			byPart[s.Part] = p
		}
		for _, so := range s.Orders {
			p.took += g.ByOrder[so.OrderID]
		}
	}
	parts := make([]part, 0, len(byPart))
	for _, p := range byPart {
		parts = append(parts, *p)
	}
	slices.SortFunc(parts, func(a, b part) int { return int(a.part - b.part) })
	return parts
}

// stopReady says whether a target may be live: the stop beside it is live and has not triggered, or none is
// wanted. A triggered stop takes the target away at once, not at its fill.
func (l *Lane) stopReady(s *slot) bool {
	stop, ok := l.slots[slotID(actions.SlotStop, s.Key, s.Group, s.Part)]
	if !ok || !stop.Active || stop.Left != "" {
		return true
	}
	orders := l.liveOrders(stop)
	for _, o := range orders {
		if st := o.o.Seen(order.Confirmed).Row.Status; st == order.StatusOpen {
			return false
		}
	}
	return len(orders) > 0
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
		if so.Ended || r == nil || r.Call.Method != actions.Place {
			continue
		}
		if o, ok := l.book.Order(so.OrderID); ok && o.Seen(order.Confirmed).Known && o.Seen(order.Confirmed).Row.Status != order.StatusNone {
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
		if st.method != actions.Place && busy[st.orderID] || st.mark() == s.Blocked {
			continue
		}
		id := l.stepID(s, st)
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
		if r.State == actions.Waiting && !matched[r.ID] && !(r.Call.Method != actions.Place && busy[r.Call.OrderID]) {
			l.drop(s, r)
			changed = true
		}
	}
	return changed
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
	return sortedKeys(l.open)
}

// stepID names a step by the broker's facts: of a placement the slot, slice and generation; of a change the
// order and how many changes it had.
func (l *Lane) stepID(s *slot, st step) string {
	if st.method == actions.Place {
		facts := []string{"place", l.o.Account, string(s.Kind), s.Key.Exchange, s.Key.Tradingsymbol, s.Key.Product}
		if s.Kind == actions.SlotExit {
			facts = append(facts, string(l.meta.Day), s.Group)
		} else {
			facts = append(facts, s.Group, fmt.Sprint(s.Part))
		}
		return actions.ID(append(facts, fmt.Sprint(st.slice), fmt.Sprint(s.generation(st.slice)))...)
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

// refused learns that the broker refused a slot's request for good.
func (l *Lane) refused(s *slot, r *actions.Request, e *actions.Error) {
	so := s.orderOf(r)
	l.touchSlot(s)
	switch {
	case so == nil:
	case r.Call.Method == actions.Place:
		so.Ended = true
	case r.Call.Method == actions.Modify:
		so.Sent.OrderType = "" // what it has now is not known to be ours
	}
	s.Blocked = mark(r.Call.Method, r.Call.OrderID, r.Call.Params)
	switch {
	case s.Kind == actions.SlotExit:
		l.exitRefused(s, so, r, e)
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
	if a == nil || a.State.Final() {
		l.tellFailed(a, r, e)
		l.emitFailed(s, r, e)
	} else {
		l.failAction(a, e)
	}
	if r.Call.Method == actions.Place && s.Kind == actions.SlotStop && e.Class == actions.ClassBeyondMarket {
		l.beyondMarket(s)
	}
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
	if a := l.actions[s.Owner]; a != nil {
		if rule, ok := l.rule(a.Rule); ok && rule.HasOnError {
			return // on_error replaces the default exit
		}
	}
	l.openExit(s.Key, []string{s.Group}, s.Owner, s.Rule, actions.Standing{})
}

func (l *Lane) losingSide(s *slot, g *order.Group) bool {
	entry, told := g.EntryPrice()
	return told && (s.Trigger-entry)*order.Price(g.Sign) < 0
}

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
			if s.Kind != actions.SlotExit && seen.Row.Status == order.StatusCancelled && so.Cancels == 0 && !l.cancelSent(so.OrderID) {
				l.lostOrder(s, o)
			}
			continue
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
	if s.Kind == actions.SlotExit || so.Exit || placed == nil || placed.State != actions.Done || l.changing(so.OrderID) || so.Sent.OrderType == "" || row.Status == order.StatusNone {
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
	if len(s.Replaced) > replaceMost && s.Kind == actions.SlotStop {
		l.openExit(s.Key, []string{s.Group}, s.Owner, s.Rule, actions.Standing{})
	}
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
	case g == nil:
		return actions.Waiting, actions.WhyConfirm
	case g.Open() == 0:
		return actions.Skipped, actions.WhyFlat
	case !l.armed:
		return actions.Waiting, actions.WhyConfirm
	case s.Left != "":
		return actions.Skipped, s.Left
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

// stands says whether the confirmed layer has reached what an action stands on.
func (l *Lane) stands(st actions.Standing) bool {
	if st.OrderID == "" {
		return true
	}
	o, ok := l.book.Order(st.OrderID)
	return ok && o.Seen(order.Confirmed).Reaches(st.Status, st.Filled)
}
