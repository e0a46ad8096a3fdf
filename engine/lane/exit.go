package lane

import (
	"slices"
	"time"

	"backstop/actions"
	"backstop/engine/order"
	"backstop/rules"
)

// A protected MARKET hangs as a LIMIT where the price ran away: it is asked for again so often, so far apart,
// for Kite takes the band from the last price each time (docs/kite.md 3.7). Then it is cancelled and sold anew.
const (
	repriceEvery = 3 * time.Second
	repriceMost  = 20
)

// wishExit asks for the position to be flat.
func (l *Lane) wishExit(run *run, at site, rule *rules.Rule, step *rules.Step, a *actions.Action, args rules.Args, dry bool) {
	key := at.Key
	if key.Tradingsymbol == "" {
		l.failAction(a, &actions.Error{Class: actions.ClassRefused, Op: a.Type, Message: "the event has no position"})
		return
	}
	if run.Part == "on_error" && !step.IfReads("error.type") && l.covered(run) {
		l.setAction(a, actions.Skipped, actions.WhyCovered)
		l.say("kept "+a.ID, l.keptText(run), sayOnce)
		return
	}
	if run.Part == "on_error" && !step.IfReads("error.type") && l.winningSide(run) {
		l.setAction(a, actions.Skipped, actions.WhyWinning)
		l.say("kept "+a.ID, l.winningText(run), sayOnce)
		return
	}
	h := l.book.Holding(order.Claimed, key)
	var groups []string
	var open int64
	side := order.Sell
	for _, g := range h.Groups {
		if g.Open() > 0 && !g.Stock() {
			groups = append(groups, g.ID)
			open += g.Open()
			side = g.ExitSide()
		}
	}
	if open == 0 {
		l.setAction(a, actions.Skipped, actions.WhyFlat)
		return
	}
	part, bad := l.partFits(key, open, args)
	if bad != nil {
		l.failAction(a, bad)
		return
	}
	quantity := open
	if part > 0 {
		quantity = part
	}
	l.echo(a, map[string]any{"quantity": int(quantity)})
	if dry && l.o.Mode != DryRun {
		l.planOnce(a, actions.Params{Exchange: key.Exchange, Tradingsymbol: key.Tradingsymbol, Product: key.Product,
			TransactionType: side, Quantity: quantity, OrderType: "MARKET", MarketProtection: -1, Validity: "DAY"})
		return
	}
	s := l.openExit(key, groups, part, a.ID, rule.Name, run.Stands)
	a.Slot = s.ID
	l.changeAction(a, actions.Waiting, actions.WhyConfirm)
}

// covered says whether a live stop covers the whole of the event's group.
func (l *Lane) covered(run *run) bool {
	g := l.group(order.Confirmed, run.Event.Key, run.Event.Group)
	if g == nil || g.Open() == 0 {
		return false
	}
	var stops int64
	for _, c := range g.Live {
		if c.Role == order.RoleStopLoss {
			stops += c.Quantity
		}
	}
	return stops >= g.Open()
}

// winningSide says whether the refused stop's trigger lay on the winning side of the entry.
func (l *Lane) winningSide(run *run) bool {
	if run.Error == nil || run.Error.Action != "place_stop_loss" {
		return false
	}
	g := l.group(order.Claimed, run.Event.Key, run.Event.Group)
	if g == nil {
		return false
	}
	for _, s := range l.slotsAt(g.Key) {
		if s.Kind == actions.SlotStop && s.Group == g.ID && s.Trigger > 0 {
			entry, told := g.EntryPrice()
			return told && (s.Trigger-entry)*order.Price(g.Sign) >= 0
		}
	}
	return false
}

// openExit is the one exit slot of a position: asked for again, it is the same. quantity 0 is all of the groups.
func (l *Lane) openExit(k order.Key, groups []string, quantity int64, owner, rule string, stands actions.Standing) *slot {
	id := exitID(k)
	s, ok := l.slots[id]
	if !ok {
		s = &slot{ID: id, Kind: actions.SlotExit, Key: k}
		l.addSlot(s)
	}
	w := &wish{Stands: stands, Quantity: quantity, Confirmed: l.stands(stands), Before: s.Wish}
	switch {
	case !s.Active:
		s.Blocked = ""
	case s.Goal == 0:
		w.Groups = slices.Clone(s.Groups)
	}
	for _, g := range groups {
		if !slices.Contains(w.Groups, g) {
			w.Groups = append(w.Groups, g)
		}
	}
	if before, ok := l.actions[s.Owner]; ok && before.ID != owner && before.Slot == s.ID {
		l.overtake(before)
	}
	s.Wish, s.Owner, s.Rule = w, owner, rule
	l.touchSlot(s)
	l.touchKey(k) // the stops and targets of the place hand over
	return s
}

// exiting says whether an exit of the whole position has taken the group's orders over.
func (l *Lane) exiting(k order.Key, group string) bool {
	s, ok := l.slots[exitID(k)]
	return ok && s.Active && s.Goal == 0 && slices.Contains(s.Groups, group)
}

// exitSteps bring the position to flat: live stops become exits (one order, never two, never none), every other
// exit is cancelled, what is left is sold anew, and what hangs is priced again.
func (l *Lane) exitSteps(s *slot) []step {
	if s.Over {
		return l.overSteps(s)
	}
	if !s.Active {
		return nil
	}
	if s.Goal > 0 {
		return l.partSteps(s)
	}
	h := l.book.Holding(order.Confirmed, s.Key)
	var open, standing int64
	var steps []step
	side := ""
	for _, g := range h.Groups {
		if !slices.Contains(s.Groups, g.ID) {
			continue
		}
		if g.Open() > 0 {
			open, side = open+g.Open(), g.ExitSide()
		}
		more, stands := l.turnExits(s, g)
		steps = append(steps, more...)
		standing += stands
	}
	own, stands := l.ownExits(s, side, open)
	steps = append(steps, own...)
	standing += stands + l.flyingPlacement(s)
	if open == 0 && standing == 0 && len(steps) == 0 && l.exitSeen(s) {
		l.closeExit(s)
		return nil
	}
	if rest := open - standing; rest > 0 && side != "" {
		steps = append(steps, l.placements(s, actions.Params{Exchange: s.Key.Exchange, Tradingsymbol: s.Key.Tradingsymbol,
			Product: s.Key.Product, TransactionType: side, OrderType: "MARKET", MarketProtection: -1, Validity: "DAY"}, rest)...)
	}
	return steps
}

// exitSeen says whether the confirmed layer knows the groups that the exit is for: before that nothing is open
// because nothing is known.
func (l *Lane) exitSeen(s *slot) bool {
	for _, id := range s.Groups {
		c, k := l.group(order.Claimed, s.Key, id), l.group(order.Confirmed, s.Key, id)
		if c != nil && c.Filled > 0 && (k == nil || k.Filled < c.Filled) {
			return false
		}
	}
	return true
}

// turnExits turns a group's live stops of ours into exits and cancels its other live exits. standing is what
// they can still fill: two that could both fill never live at once.
func (l *Lane) turnExits(s *slot, g *order.Group) (steps []step, standing int64) {
	left := g.Open()
	for _, c := range g.Live {
		o, ok := l.book.Order(c.OrderID)
		if !ok || l.exitOrder(s, c.OrderID) {
			continue
		}
		seen := o.Seen(order.Confirmed)
		remaining := seen.Remaining()
		standing += remaining
		owner, so := l.slotOf(c.OrderID)
		if so == nil || owner.Kind != actions.SlotStop || so.Stubborn || so.Mods >= modificationsMost || left == 0 {
			if !l.cancelling(c.OrderID, s.ID) {
				steps = append(steps, step{method: actions.Cancel, orderID: c.OrderID, variety: variety(&seen.Row), priority: actions.PriorityExit,
					params: actions.Params{ParentOrderID: seen.Row.ParentOrderID}})
			}
			continue
		}
		if !so.Exit || seen.Row.Status == order.StatusTriggerPending || l.hangs(so, seen) { // turned is what the row shows, not what was asked
			steps = append(steps, l.turned(s, g, so, seen, min(remaining, left)))
		}
		left -= min(remaining, left)
	}
	for _, other := range l.slotsAt(g.Key) { // a stop on its way may still fill: it counts until it is seen
		if other.Kind != actions.SlotExit && other.Group == g.ID {
			standing += l.flyingPlacement(other) + l.gttStanding(other)
		}
	}
	return steps, standing
}

// turned is a live stop as the protected MARKET of a quantity.
func (l *Lane) turned(s *slot, g *order.Group, so *slotOrder, seen *order.Seen, quantity int64) step {
	p := so.Sent
	p.Exchange, p.Tradingsymbol, p.Product, p.TransactionType = s.Key.Exchange, s.Key.Tradingsymbol, s.Key.Product, g.ExitSide()
	p.Quantity = seen.Row.FilledQuantity + quantity
	p.OrderType, p.Price, p.TriggerPrice, p.MarketProtection, p.Tag = "MARKET", 0, 0, -1, ""
	p.Validity = "DAY"
	return step{method: actions.Modify, orderID: so.OrderID, params: p, variety: variety(&seen.Row), priority: actions.PriorityExit}
}

// hangs says whether an exit's remainder waits as a LIMIT and it is time to price it again.
func (l *Lane) hangs(so *slotOrder, seen *order.Seen) bool {
	return !l.o.Assume && !so.Planned && seen.Live() && seen.Row.Status == order.StatusOpen && !so.Turned.IsZero() &&
		!l.meta.Now.Before(so.Turned.Add(repriceEvery)) && so.Tries < repriceMost
}

// exitOrder says whether the order is one that this exit slot placed itself.
func (l *Lane) exitOrder(s *slot, id string) bool { return s.byOrder(id) != nil }

// slotOf finds the slot and placement of an order.
func (l *Lane) slotOf(orderID string) (*slot, *slotOrder) {
	r, ok := l.requests[l.links[orderID]]
	if !ok {
		return nil, nil
	}
	s, ok := l.slots[r.Slot]
	if !ok {
		return nil, nil
	}
	if so := s.byOrder(orderID); so != nil {
		return s, so
	}
	return nil, nil
}

// ownExits looks after the orders that the exit placed itself: what hangs is priced again, then sold anew. One that
// stands on the other side, or for more than most, would turn the position: it is cancelled, seen ended, and what is
// left sold anew.
func (l *Lane) ownExits(s *slot, side string, most int64) (steps []step, standing int64) {
	for _, o := range l.liveOrders(s) {
		standing += o.remaining
		seen := o.o.Seen(order.Confirmed)
		switch {
		case standing > most, seen.Row.TransactionType != side, o.Tries >= repriceMost, o.Stubborn:
			steps = append(steps, l.cancelStep(s, o.slotOrder))
		case l.hangs(o.slotOrder, seen):
			p := o.Sent
			p.Quantity, p.OrderType, p.Price, p.TriggerPrice, p.MarketProtection, p.Tag = seen.Row.Quantity, "MARKET", 0, 0, -1, ""
			steps = append(steps, step{method: actions.Modify, orderID: o.OrderID, slice: o.Slice, params: p, variety: variety(&seen.Row), priority: actions.PriorityExit})
		}
	}
	return steps, standing
}

func (l *Lane) closeExit(s *slot) {
	if !s.Active {
		return
	}
	s.Active, s.Blocked, s.Surplus = false, "", 0
	l.touchSlot(s)
	l.wakeSlots(s.Key)
	for _, other := range l.slotsAt(s.Key) { // should a group open again, its stop is asked for again, though it was refused before
		if other.Kind == actions.SlotStop && other.Blocked != "" && slices.Contains(s.Groups, other.Group) {
			other.Blocked = ""
			l.touchSlot(other)
		}
	}
}

// exitRefused: a stop that can't be turned is cancelled and the quantity sold anew; an exit that is refused for
// good gives the position back, so that the stop it took away is placed again first.
func (l *Lane) exitRefused(s *slot, r *actions.Request, e *actions.Error) {
	if r.Call.Method == actions.Modify {
		if owner, turned := l.slotOf(r.Call.OrderID); turned != nil {
			turned.Stubborn = true
			if o, ok := l.book.Order(turned.OrderID); ok && s.Goal > 0 && o.Seen(order.Confirmed).Row.Status == order.StatusTriggerPending {
				turned.Exit, turned.Turned = false, time.Time{} // it is the stop that it was
			}
			s.Blocked = ""
			l.touchSlot(owner)
		}
		l.tellFailed(nil, r, e)
		return
	}
	if r.Call.Method == actions.Cancel {
		s.Reread, s.Blocked = l.meta.Now, ""
		return
	}
	if l.liveQuantity(s)+l.flyingPlacement(s) > 0 { // of several, the others go on
		l.tellFailed(nil, r, e)
		return
	}
	s.Active = false
	l.wakeSlots(s.Key) // what it took is covered again
	if a := l.actions[s.Owner]; a != nil && !a.State.Final() {
		l.failAction(a, e)
		return
	}
	l.tellFailed(nil, r, e)
	l.emitFailed(s, r, e)
}

// exitState is the state of the action that asked for the exit.
func (l *Lane) exitState(s *slot) (actions.State, string) {
	switch {
	case s.Wish != nil:
		return actions.Waiting, actions.WhyConfirm
	case !s.Active && l.o.Mode == DryRun:
		return actions.Planned, ""
	case !s.Active:
		return actions.Done, ""
	case l.o.Mode == DryRun || slices.ContainsFunc(s.Orders, func(so slotOrder) bool { return so.Planned && !so.Ended }):
		return actions.Planned, ""
	case s.Goal > 0 && l.liveQuantity(s)+l.flyingPlacement(s) == 0 && !l.turning(s):
		return actions.Waiting, actions.WhySlot // stops make room first
	case l.exitSeen(s):
		return actions.Accepted, ""
	default:
		return actions.Waiting, actions.WhyConfirm
	}
}
