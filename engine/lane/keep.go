package lane

import (
	"slices"

	"backstop/actions"
	"backstop/engine/order"
)

// keepSteps are the changes that bring a stop's or target's orders to what is wanted.
func (l *Lane) keepSteps(s *slot) []step {
	if steps, kept := l.gttSteps(s); kept {
		return steps
	}
	g := l.group(order.Confirmed, s.Key, s.Group)
	switch {
	case l.exiting(s.Key, s.Group) && (g == nil || g.Open() > 0): // flat by the book, what stands would open a position, whatever is claimed
		return nil
	case g == nil: // its entry turned out to be an exit: what stands behind it would open a position
		return l.cancels(s, l.liveOrders(s))
	}
	want := l.wanted(s, g)
	orders := l.keptOrders(s)
	if steps, takes := l.unfilled(s, g, orders); takes {
		return steps
	}
	flying := l.flyingPlacement(s)
	if want == 0 {
		return l.cancels(s, orders)
	}
	total := int64(0)
	for _, o := range orders {
		total += o.remaining
	}
	params, ok := l.slotParams(s, g)
	switch {
	case !ok:
		return nil
	case flying > 0: // a placement whose fate is not seen: wait for it
		return l.stillWaiting(s, params, want-total-flying)
	case len(orders) == 0:
		return l.placements(s, params, want)
	case want > total && allBegun(orders):
		return l.placements(s, params, want-total)
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
	most := l.most(s.Key)
	for _, o := range orders {
		if o.begun {
			continue
		}
		quantity := max(0, o.remaining+want-total)
		if most > 0 {
			quantity = min(quantity, max(most, o.remaining))
		}
		total += quantity - o.remaining
		// A target that the broker won't shrink is replaced: it could sell more than is open. A stop stays: none is worse.
		stuck := o.Stubborn && s.Kind == actions.SlotTarget && quantity < o.remaining
		p := params
		p.Quantity = quantity
		row := &o.o.Seen(order.Confirmed).Row
		if u := s.Unmoved; u != nil && p.TriggerPrice == u.Trigger && p.Price == u.Limit { // it stays where it is, and its quantity true
			p.OrderType, p.TriggerPrice, p.Price = row.OrderType, row.TriggerPrice, row.Price
		}
		switch same := sameValues(row, p); {
		case quantity == 0, stuck, !same && o.Mods >= modificationsMost:
			steps = append(steps, l.cancelStep(s, o.slotOrder))
		case !same:
			steps = append(steps, step{method: actions.Modify, orderID: o.OrderID, slice: o.Slice, params: p, variety: variety(row), priority: priorityOf(s)})
		}
	}
	for _, o := range orders {
		if total <= want || !o.begun {
			continue
		}
		row := &o.o.Seen(order.Confirmed).Row
		if keep := o.remaining - (total - want); o.Hand && keep > 0 && row.FilledQuantity == 0 && o.Mods < modificationsMost && !o.Stubborn { // a person's LIMIT stays one
			p := params
			p.OrderType, p.Quantity, p.Price, p.TriggerPrice = "LIMIT", keep, row.Price, 0
			steps = append(steps, step{method: actions.Modify, orderID: o.OrderID, slice: o.Slice, params: p, variety: variety(row), priority: priorityOf(s)})
			total -= o.remaining - keep
			continue
		}
		steps = append(steps, l.cancelStep(s, o.slotOrder)) // can't be shrunk: cancelled, seen terminal, the rest placed
		total -= o.remaining
	}
	if most > 0 && want > total { // more than the live orders may grow to
		steps = append(steps, l.placements(s, params, want-total)...)
	}
	return steps
}

// modificationsMost is where an order is replaced in place of modified: Kite refuses the 26th (docs/kite.md 3.9).
const modificationsMost = 20

func sameValues(row *order.Update, p actions.Params) bool {
	return row.Quantity == p.Quantity && row.Price == p.Price && row.TriggerPrice == p.TriggerPrice
}

// variety is under which an order is changed: the book's own, but an after-market order that has opened is changed as a
// regular one, although the book goes on showing amo (docs/kite.md 6.2).
func variety(row *order.Update) string {
	if row.Variety == "" || row.Variety == "amo" && row.Status != order.StatusNone {
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

// wanted is how much the slot's orders together shall have live.
func (l *Lane) wanted(s *slot, g *order.Group) int64 {
	if !s.Active || s.Left != "" || s.Doubt != "" {
		return 0
	}
	open := max(0, l.shareOf(s, g))
	if s.Kind == actions.SlotTarget {
		if !l.stopReady(s) {
			return 0
		}
		open = max(0, open-l.looseTargets(g))
		if s.Most > 0 {
			open = min(open, max(0, s.Most-l.took(s)))
		}
	}
	return open
}

// shareOf is the open quantity that is the slot's to cover: the group's, less what adopted exits and a part exit take; with
// per: fill that fill's own, and never more than is open: shares add up what was claimed.
func (l *Lane) shareOf(s *slot, g *order.Group) int64 {
	left := g.Open() - g.Adopted() - l.exitTake(g)
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
		rest = min(rest, max(0, left))
		left -= rest
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
	for _, s := range l.slotsAt(g.Key) {
		if s.Group != g.ID || s.Part == 0 {
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
	if !ok || !stop.Active || stop.Left != "" || stop.Doubt != "" {
		return true
	}
	fired := func(o live) bool { return o.FromGTT }
	if l.byGTT(stop) && !slices.ContainsFunc(l.liveOrders(stop), fired) {
		return stop.GTT != nil && stop.GTT.ID != "" || slices.ContainsFunc(l.liveOrders(s), fired)
	}
	orders := l.keptOrders(stop)
	for _, o := range orders {
		if st := o.o.Seen(order.Confirmed).Row.Status; st == order.StatusOpen {
			return false
		}
	}
	return len(orders) > 0
}
