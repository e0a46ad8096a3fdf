package lane

import (
	"fmt"
	"time"

	"backstop/actions"
	"backstop/engine/order"
)

// A stop that triggered and does not fill: the price ran through its limit. It is priced again by its offset, so far
// apart and so often, then the position is left with a protected MARKET.
const (
	unfilledAfter = 5 * time.Second
	repricesMost  = 2
)

// unfilledAt is when a triggered stop that has not filled is looked at next.
func (so *slotOrder) unfilledAt() time.Time {
	if so.Repriced.After(so.Triggered) {
		return so.Repriced.Add(unfilledAfter)
	}
	return so.Triggered.Add(unfilledAfter)
}

// unfilled looks after a slot's triggered stops that have not filled. It says whether they take the turn: then the
// slot's other steps wait.
func (l *Lane) unfilled(s *slot, g *order.Group, orders []live) (steps []step, takes bool) {
	if s.Kind != actions.SlotStop || s.IfUnfilled == "" && len(orders) == 0 {
		return nil, false
	}
	if l.liveQuantity(s) > max(0, l.wanted(s, g)) {
		return nil, false // something else took a part of it: first what stands there for that must go
	}
	for _, o := range orders {
		row := &o.o.Seen(order.Confirmed).Row
		if row.Status != order.StatusOpen || o.Triggered.IsZero() || o.Exit || o.Hand || l.meta.Now.Before(o.unfilledAt()) {
			continue
		}
		if !o.Unfilled {
			o.Unfilled = true
			l.touchSlot(s)
			l.emit(order.Event{ID: actions.ID("event", l.o.Account, o.OrderID, "unfilled_stop"), Kind: order.KindUnfilledStop, OrderID: o.OrderID, Key: s.Key,
				Group: s.Group, Role: order.RoleStopLoss, Status: row.Status, Filled: row.FilledQuantity, Quantity: o.remaining})
		}
		if s.IfUnfilled == "leave" || s.Left != "" || g.Open() == 0 {
			continue
		}
		st := l.repriced(s, g, o)
		if s.IfUnfilled == "exit" || o.Reprices >= repricesMost || st.mark() == s.Blocked || o.Mods >= modificationsMost {
			l.say("unfilled "+o.OrderID, fmt.Sprintf("STOP NOT FILLED %s %d (%s): order %s triggered and the price ran through its limit %s. Backstop exits with a protected MARKET.",
				s.Key.Tradingsymbol, o.remaining, l.o.Account, o.OrderID, row.Price), sayOnce)
			l.openExit(s.Key, []string{s.Group}, 0, s.Owner, s.Rule, actions.Standing{})
			return nil, true
		}
		steps, takes = append(steps, st), true
	}
	return steps, takes
}

// repriced is a triggered stop with its limit moved away by the offset once more.
func (l *Lane) repriced(s *slot, g *order.Group, o live) step {
	row := &o.o.Seen(order.Confirmed).Row
	inst, _ := l.instrument(s.Key)
	w := stopWish{Trigger: s.Trigger, Limit: s.Limit, OrderType: "SL", sign: g.Sign}
	offset := max((w.Trigger-w.limit(inst))*order.Price(g.Sign), 2*inst.TickSize)
	how := order.Down
	if g.Sign < 0 {
		how = order.Up
	}
	p := actions.Params{Exchange: s.Key.Exchange, Tradingsymbol: s.Key.Tradingsymbol, Product: s.Key.Product, TransactionType: g.ExitSide(),
		Quantity: row.Quantity, OrderType: "LIMIT", Price: max((row.Price-order.Price(g.Sign)*offset).Round(inst.TickSize, how), inst.TickSize), Validity: "DAY"}
	return step{method: actions.Modify, orderID: o.OrderID, slice: o.Slice, params: p, variety: variety(row), priority: actions.PriorityExit}
}
