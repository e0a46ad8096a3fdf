package lane

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"backstop/actions"
	"backstop/engine/order"
	"backstop/rules"
)

// An exit of a part of the position leaves the rest covered all the time: stops give up what it takes, by being turned
// into it where it takes the whole of one and by shrinking where not, and only what no live exit stands before any more
// is sold by an order of its own. So no two that together could sell more than is open ever live at once.

// exitID names the exit of a position.
func exitID(k order.Key) string { return fmt.Sprintf("exit %s %s", k.Instrument(), k.Product) }

// partExit is the exit of a part of the position that is under way at a place, nil for none.
func (l *Lane) partExit(k order.Key) *slot {
	if s, ok := l.slots[exitID(k)]; ok && s.Active && s.Goal > 0 {
		return s
	}
	return nil
}

// beginExit takes what wishes ask for. However often it is asked for it is one exit: as much as the greatest of them.
func (l *Lane) beginExit(s *slot, groups []string, quantity int64, all bool) {
	all = all || s.Active && s.Goal == 0
	if s.Active && s.Goal > 0 {
		quantity = max(quantity, l.exitLeft(s))
	}
	s.Active, s.Since, s.Groups, s.Goal, s.Base = true, l.meta.Now, groups, 0, 0
	if open, exited := l.exitGroups(s); !all && quantity < open {
		s.Goal, s.Base = quantity, exited-s.Found
	}
	s.Found = 0
	l.touchSlot(s)
	l.wakeSlots(s.Key) // stops and targets make room
}

// exitGroups is what the exit's groups have open, and what was ever exited of them.
func (l *Lane) exitGroups(s *slot) (open, exited int64) {
	for _, g := range l.book.Holding(order.Confirmed, s.Key).Groups {
		if slices.Contains(s.Groups, g.ID) {
			open, exited = open+g.Open(), exited+g.Exited
		}
	}
	return open, exited
}

// exitLeft is what a part exit still has to sell. What anybody else sold meanwhile counts: it sells no more than was
// asked for, and rather less.
func (l *Lane) exitLeft(s *slot) int64 {
	open, exited := l.exitGroups(s)
	return min(open, max(0, s.Goal-(exited-s.Base)))
}

// partShare is what a part exit takes of one group.
type partShare struct {
	*order.Group
	take   int64  // of its open quantity
	turned []live // stops of the group that are the exit's: what they have left is among take
	rest   int64  // of take, what an order more is to sell
	room   int64  // of what is open, what no live exit stands before
}

// shares spread a part exit over its groups, the oldest first. own is what the orders that it placed itself can still
// fill.
func (l *Lane) shares(s *slot) (shares []partShare, own int64) {
	for _, o := range l.liveOrders(s) {
		own += o.remaining
	}
	own += l.flyingPlacement(s)
	need, ownLeft := l.exitLeft(s), own
	for _, g := range l.book.Holding(order.Confirmed, s.Key).Groups {
		if g.Open() == 0 || !slices.Contains(s.Groups, g.ID) {
			continue
		}
		p := partShare{Group: g}
		stops, begun := l.untouched(g)
		for _, o := range stops {
			if o.Exit {
				p.turned = append(p.turned, o)
			}
		}
		committed := remainingOf(p.turned)
		p.take = max(committed, min(need, g.Open()-begun), 0)
		byOwn := min(ownLeft, p.take-committed)
		ownLeft -= byOwn
		p.rest = p.take - committed - byOwn
		spare := remainingOf(stops) - committed - (g.Open() - p.take) // beyond what the rest needs
		for _, o := range stops {
			if !o.Exit && !o.Stubborn && o.Mods < modificationsMost && o.remaining <= min(p.rest, spare) {
				p.turned = append(p.turned, o)
				p.rest, spare = p.rest-o.remaining, spare-o.remaining
			}
		}
		need -= min(need, p.take)
		p.room = l.roomOf(s, &p) - byOwn
		for _, other := range l.slotsAt(g.Key) { // a trigger may still sell what it gives up
			if other.Group == g.ID && other.GTT != nil {
				p.room = min(p.room, g.Open()-l.gttStanding(other)-byOwn)
			}
		}
		shares = append(shares, p)
	}
	return shares, own
}

// untouched are a group's live stops that can be the exit's or are it, the newest first, and what is left of those that
// fill by themselves.
func (l *Lane) untouched(g *order.Group) (stops []live, begun int64) {
	slots := slices.DeleteFunc(l.slotsAt(g.Key), func(s *slot) bool { return s.Kind != actions.SlotStop || s.Group != g.ID })
	slices.SortFunc(slots, func(a, b *slot) int { return cmp.Compare(a.Part, b.Part) })
	for _, s := range slots {
		for _, o := range l.liveOrders(s) {
			if o.begun && !o.Exit {
				begun += o.remaining
				continue
			}
			stops = append(stops, o)
		}
	}
	slices.Reverse(stops)
	return stops, begun
}

func remainingOf(orders []live) (n int64) {
	for _, o := range orders {
		n += o.remaining
	}
	return n
}

// roomOf is how much of a group no live exit but the exit's own orders stands before: a stop and a target may stand
// before the same, all else adds up. What is on its way counts.
func (l *Lane) roomOf(s *slot, p *partShare) int64 {
	var stops, targets, others int64
	for _, c := range p.Live {
		if l.exitOrder(s, c.OrderID) {
			continue
		}
		n := max(c.Quantity, l.growing(c.OrderID))
		switch owner, _ := l.slotOf(c.OrderID); {
		case slices.ContainsFunc(p.turned, func(o live) bool { return o.OrderID == c.OrderID }), owner == nil:
			others += n
		case owner.Kind == actions.SlotTarget:
			targets += n
		default:
			stops += n
		}
	}
	for _, other := range l.slotsAt(p.Key) {
		switch flying := l.flyingPlacement(other); {
		case other.Group != p.ID || other.Kind == actions.SlotExit:
		case other.Kind == actions.SlotTarget:
			targets += flying
		default:
			stops += flying
		}
	}
	return p.Open() - max(stops, targets) - others
}

// growing is what an order will have left by a change that is on its way, 0 for none.
func (l *Lane) growing(orderID string) int64 {
	for id := range l.open {
		if r := l.requests[id]; r.Call.Method == actions.Modify && r.Call.OrderID == orderID && r.State.InFlight() {
			if o, ok := l.book.Order(orderID); ok {
				return r.Call.Params.Quantity - o.Seen(order.Confirmed).Row.FilledQuantity
			}
		}
	}
	return 0
}

// partSteps sell a part of the position.
func (l *Lane) partSteps(s *slot) []step {
	left := l.exitLeft(s)
	shares, own := l.shares(s)
	var steps []step
	var turned, room int64
	side := ""
	for i := range shares {
		p := &shares[i]
		side = p.ExitSide()
		turned += remainingOf(p.turned)
		room += max(0, p.room)
		for _, o := range p.turned {
			if st, ok := l.turn(s, p.Group, o); ok {
				steps = append(steps, st)
			}
		}
		steps = append(steps, l.makeRoom(s, p)...)
	}
	fromOwn, _ := l.ownExits(s, side, max(0, left-turned))
	steps = append(steps, fromOwn...)
	if left == 0 && own == 0 && turned == 0 && len(steps) == 0 && l.exitSeen(s) {
		l.closeExit(s)
		return nil
	}
	if rest := min(left-turned-own, room); rest > 0 && side != "" {
		steps = append(steps, l.placements(s, actions.Params{Exchange: s.Key.Exchange, Tradingsymbol: s.Key.Tradingsymbol,
			Product: s.Key.Product, TransactionType: side, OrderType: "MARKET", MarketProtection: -1, Validity: "DAY"}, rest)...)
	}
	return steps
}

// turn makes a stop the exit of its own quantity, prices it again where it hangs, and ends it where it can't be that.
func (l *Lane) turn(s *slot, g *order.Group, o live) (step, bool) {
	seen := o.o.Seen(order.Confirmed)
	switch {
	case o.Stubborn || o.Mods >= modificationsMost:
		return l.cancelOf(s, o.OrderID)
	case o.Exit && seen.Row.Status != order.StatusTriggerPending && !l.hangs(o.slotOrder, seen):
		return step{}, false
	}
	return l.turned(s, g, o.slotOrder, seen, o.remaining), true
}

// cancelOf ends an order for the exit, once.
func (l *Lane) cancelOf(s *slot, orderID string) (step, bool) {
	o, ok := l.book.Order(orderID)
	if !ok || l.cancelling(orderID, s.ID) {
		return step{}, false
	}
	return step{method: actions.Cancel, orderID: orderID, variety: variety(&o.Seen(order.Confirmed).Row), priority: actions.PriorityExit}, true
}

// makeRoom ends what would stand before a quantity that the exit takes and does not shrink by itself: exits without a
// slot, the newest first, and stops that the broker won't shrink.
func (l *Lane) makeRoom(s *slot, p *partShare) []step {
	var steps []step
	end := func(orderID string) {
		if st, ok := l.cancelOf(s, orderID); ok {
			steps = append(steps, st)
		}
	}
	others := int64(0)
	for _, c := range p.Live {
		if owner, so := l.slotOf(c.OrderID); owner == nil && !l.exitOrder(s, c.OrderID) {
			others += c.Quantity
		} else if owner != nil && owner.Kind == actions.SlotStop && !so.Exit && p.room < p.rest && strings.HasPrefix(owner.Blocked, fmt.Sprintf("%s %s ", actions.Modify, c.OrderID)) {
			end(c.OrderID)
		}
	}
	for _, c := range slices.Backward(p.Live) {
		if owner, _ := l.slotOf(c.OrderID); owner == nil && !l.exitOrder(s, c.OrderID) && others > p.Open()-p.take {
			end(c.OrderID)
			others -= c.Quantity
		}
	}
	return steps
}

// takeExit takes those of an exit's wishes that the confirmed layer has reached; the others go on waiting.
func (l *Lane) takeExit(s *slot) {
	var taken, waits []*wish
	for w := s.Wish; w != nil; w = w.Before {
		if l.stands(w.Stands) {
			taken = append(taken, w)
		} else {
			waits = append(waits, w)
		}
	}
	if len(taken) == 0 {
		return
	}
	if w := taken[0]; w == s.Wish && w.Quantity > 0 && !w.Confirmed {
		l.quantityAgain(s, w)
	}
	var groups []string
	quantity, all := int64(0), slices.ContainsFunc(taken, func(w *wish) bool { return w.Quantity == 0 })
	for _, w := range taken {
		if quantity = max(quantity, w.Quantity); all && w.Quantity > 0 {
			continue // of the whole position; all of it is asked for of the others
		}
		for _, g := range w.Groups {
			if !slices.Contains(groups, g) {
				groups = append(groups, g)
			}
		}
	}
	s.Wish = nil
	for _, w := range slices.Backward(waits) {
		w.Before, s.Wish = s.Wish, w
	}
	l.beginExit(s, groups, quantity, all)
}

// quantityAgain takes a wish's quantity anew, for it was evaluated on a claim.
func (l *Lane) quantityAgain(s *slot, w *wish) {
	a := l.actions[s.Owner]
	if a == nil {
		return
	}
	run := l.runs[a.Decision]
	rule, ok := l.rule(a.Rule)
	if run == nil || !ok || stepOf(rule, run) == nil {
		return
	}
	args, err := stepOf(rule, run).Evaluate(l.wordsAt(run, run.siteOf(a.ID)))
	if err != nil {
		return
	}
	if n, written := args.Quantity("quantity"); written {
		w.Quantity = n
		l.echo(a, map[string]any{"quantity": int(n)})
	}
}

// partFits is how much an exit_position asks for, 0 for all, or why it can't be had.
func (l *Lane) partFits(k order.Key, open int64, args rules.Args) (int64, *actions.Error) {
	n, written := args.Quantity("quantity")
	if !written || n >= open {
		return 0, nil
	}
	if inst, known := l.instrument(k); known && inst.LotSize > 1 && n%inst.LotSize != 0 {
		return 0, &actions.Error{Class: actions.ClassRefused, Op: "exit_position", Message: fmt.Sprintf("%d is no multiple of the lot of %d", n, inst.LotSize),
			Hint: "write whole lots: floor(group.open_quantity / 2 / instrument.lot_size) * instrument.lot_size"}
	}
	return n, nil
}

// keptOrders are a slot's live orders less those that a part exit has taken over.
func (l *Lane) keptOrders(s *slot) []live {
	orders := l.liveOrders(s)
	p := l.shareAt(s.Key, s.Group)
	if p == nil || s.Kind != actions.SlotStop {
		return orders
	}
	return slices.DeleteFunc(orders, func(o live) bool {
		return slices.ContainsFunc(p.turned, func(t live) bool { return t.OrderID == o.OrderID })
	})
}

// exitTake is how much of a group's open quantity a part exit has for itself.
func (l *Lane) exitTake(g *order.Group) int64 {
	if p := l.shareAt(g.Key, g.ID); p != nil {
		return p.take
	}
	return 0
}

// shareAt is what a part exit takes of a group, nil where none is under way.
func (l *Lane) shareAt(k order.Key, group string) *partShare {
	s := l.partExit(k)
	if s == nil {
		return nil
	}
	shares, _ := l.shares(s)
	for i := range shares {
		if shares[i].ID == group {
			return &shares[i]
		}
	}
	return nil
}

// turning says whether a stop is a part exit's order.
func (l *Lane) turning(s *slot) bool {
	shares, _ := l.shares(s)
	return slices.ContainsFunc(shares, func(p partShare) bool { return len(p.turned) > 0 })
}
