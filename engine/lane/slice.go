package lane

import (
	"fmt"
	"strings"

	"backstop/actions"
	"backstop/engine/order"
)

// A quantity above what the exchange takes in one order is sliced. The limits come from the settings, and from the
// broker's own refusal, which names it and is remembered: Kite tells it nowhere else.

// freezeName is under what an instrument's limit stands: its underlying.
func (l *Lane) freezeName(k order.Key) string {
	if i, ok := l.instrument(k); ok && i.Name != "" {
		return strings.ToUpper(i.Name)
	}
	return k.Tradingsymbol
}

// most is the greatest quantity of one order, 0 where no limit is known: whole lots.
func (l *Lane) most(k order.Key) int64 {
	name := l.freezeName(k)
	limit, learned := l.freeze[name]
	if !learned {
		limit = l.o.Freeze[name]
	}
	if i, ok := l.instrument(k); ok && i.LotSize > 1 && limit >= i.LotSize {
		limit -= limit % i.LotSize
	}
	return limit
}

// learnFreeze remembers the limit that a refusal names, and says whether it was news.
func (l *Lane) learnFreeze(r *actions.Request, e *actions.Error) bool {
	if e.Class != actions.ClassFreeze || l.o.FreezeLimit == nil || r.Call.Method != actions.Place && r.Call.Method != actions.Modify {
		return false
	}
	limit, named := l.o.FreezeLimit(e.Message)
	if !named || limit >= r.Call.Params.Quantity {
		return false
	}
	name := l.freezeName(r.Key)
	l.freeze[name] = limit
	l.dirty.freeze[name] = true
	return l.most(r.Key) > 0 && l.most(r.Key) < r.Call.Params.Quantity
}

// placements are new orders for a quantity, as many as the limit asks for, in the lowest free slices. What is
// written down and has not gone yet comes first.
func (l *Lane) placements(s *slot, p actions.Params, quantity int64) []step {
	waiting, next := l.waitingSlices(s)
	var steps []step
	for most := l.most(s.Key); quantity > 0; {
		p.Quantity = quantity
		if most > 0 {
			p.Quantity = min(quantity, most)
		}
		slice := next
		if len(waiting) > 0 {
			slice, waiting = waiting[0], waiting[1:]
		} else {
			next++
		}
		steps = append(steps, step{method: actions.Place, slice: slice, params: p, variety: "regular", priority: priorityOf(s)})
		quantity -= p.Quantity
	}
	return steps
}

// waitingSlices are the slices of placements that have not gone yet, and the lowest one that is free.
func (l *Lane) waitingSlices(s *slot) (waiting []int, next int) {
	for i := range s.Orders {
		so := &s.Orders[i]
		if so.Ended {
			continue
		}
		if r := l.requests[so.Request]; so.OrderID == "" && r != nil && r.State == actions.Waiting {
			waiting = append(waiting, so.Slice)
		}
		if so.Slice >= next {
			next = so.Slice + 1
		}
	}
	return waiting, next
}

// stillWaiting are the placements that have not gone yet, while others of the slot are on their way: no new ones.
func (l *Lane) stillWaiting(s *slot, p actions.Params, quantity int64) []step {
	waiting, _ := l.waitingSlices(s)
	if len(waiting) == 0 || quantity <= 0 {
		return nil
	}
	steps := l.placements(s, p, quantity)
	return steps[:min(len(steps), len(waiting))]
}

// sliceAgain places a refused order of a rule in slices, now that the limit is known.
func (l *Lane) sliceAgain(r *actions.Request) bool {
	a, ok := l.actions[r.ActionID]
	if !ok || a.State.Final() || r.Call.Method != actions.Place || r.Call.Variety == "iceberg" {
		return false
	}
	a.Requests = without(a.Requests, r.ID)
	l.writeSlices(a, *r, r.Call.Params.Quantity)
	l.refreshAction(a)
	return true
}

// writeSlices writes a rule's order down, as many as the limit asks for.
func (l *Lane) writeSlices(a *actions.Action, r actions.Request, quantity int64) {
	planned := r.State == actions.Planned
	for n := 0; quantity > 0; n++ {
		one := r
		one.OrderID, one.Error, one.Attempts, one.Why, one.Told = "", nil, 0, "", false
		for again := 0; ; again++ { // one that was refused keeps its id
			one.ID = sliceID(a, n, again)
			if _, tried := l.requests[one.ID]; !tried {
				break
			}
		}
		one.Call.Params.Quantity = quantity
		if most := l.most(one.Key); most > 0 && one.Call.Variety != "iceberg" { // its legs are the slices
			one.Call.Params.Quantity = min(quantity, most)
		}
		one.Call.Params.Disclosed = min(one.Call.Params.Disclosed, one.Call.Params.Quantity)
		one.Call.Params.Tag = actions.Tag(one.ID)
		quantity -= one.Call.Params.Quantity
		a.Requests = append(a.Requests, one.ID)
		l.newRequest(&one, planned)
	}
	l.dirty.actions[a.ID] = true
}

// sliceID names a slice of a rule's order; one that is not sliced is the first.
func sliceID(a *actions.Action, n, again int) string {
	if n == 0 && again == 0 {
		return actions.ID("place order", a.ID)
	}
	return actions.ID("place order", a.ID, "slice", fmt.Sprint(n), fmt.Sprint(again))
}

func without(ids []string, id string) []string {
	var out []string
	for _, x := range ids {
		if x != id {
			out = append(out, x)
		}
	}
	return out
}
