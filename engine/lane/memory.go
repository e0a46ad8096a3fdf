package lane

import (
	"slices"
	"time"

	"backstop/actions"
	"backstop/engine/order"
	"backstop/rules"
)

// What an account remembers beside its orders: state.* (set), and the events that some rule looks back for (after,
// recent). Both are rows of the same transaction as the step that wrote them.

// happened is one event that some rule may look back for.
type happened struct {
	ID      string       `json:"id"`
	Kind    order.Kind   `json:"kind"`
	At      time.Time    `json:"at"`
	OrderID string       `json:"order_id,omitempty"`
	Group   string       `json:"group,omitempty"`
	Key     order.Key    `json:"key,omitzero"`
	Status  order.Status `json:"status,omitempty"`
	Filled  int64        `json:"filled,omitempty"`
}

// happenedMost bounds how many events are remembered: beyond, the oldest are forgotten.
const happenedMost = 10_000

// useRules takes a set of rules, and what follows from it alone.
func (l *Lane) useRules(set *rules.Set) {
	l.o.Rules = set
	l.recents, l.dayKinds, l.timed = nil, map[order.Kind]bool{}, false
	l.needs, l.remember, l.furthest, l.due, l.staleAt = rules.Reads{}, nil, 0, time.Time{}, time.Time{}
	if set == nil {
		return
	}
	l.needs, l.remember = set.Needs(), set.Remember()
	for _, r := range set.Rules() {
		l.timed = l.timed || r.For > 0
		for _, c := range r.Recents {
			if !slices.Contains(l.recents, c) {
				l.recents = append(l.recents, c)
			}
		}
		if r.Reads.Day {
			for _, k := range r.On {
				l.dayKinds[k] = true
			}
		}
	}
	for _, within := range l.remember {
		l.furthest = max(l.furthest, within)
	}
}

// keepEvent remembers an event for as long as some rule looks back for its kind.
func (l *Lane) keepEvent(e *order.Event) {
	if l.remember[e.Kind] == 0 || l.pastIDs[e.ID] {
		return
	}
	l.pastIDs[e.ID] = true
	h := &happened{e.ID, e.Kind, l.meta.Now, e.OrderID, e.Group, e.Key, e.Status, e.Filled}
	l.past = append(l.past, h)
	l.dirty.past[h.ID] = h
}

// forgetEvents drops what no rule looks back for any more.
func (l *Lane) forgetEvents() {
	n := max(0, len(l.past)-happenedMost)
	for n < len(l.past) && l.meta.Now.Sub(l.past[n].At) > l.furthest {
		n++
	}
	l.dropEvents(func(i int) bool { return i < n }, n > 0)
}

// unkeepEvents drops what a refuted order told and the broker's own channels don't show.
func (l *Lane) unkeepEvents(orderID string) {
	l.dropEvents(func(i int) bool {
		h := l.past[i]
		return h.OrderID == orderID && !l.stands(actions.Standing{OrderID: h.OrderID, Status: h.Status, Filled: h.Filled})
	}, true)
}

func (l *Lane) dropEvents(drop func(i int) bool, any bool) {
	if !any {
		return
	}
	kept := l.past[:0:0]
	for i, h := range l.past {
		if drop(i) {
			l.dirty.past[h.ID] = nil
			delete(l.pastIDs, h.ID)
		} else {
			kept = append(kept, h)
		}
	}
	l.past = kept
}

// before says whether the kind that a rule asks for happened shortly before the event.
func (l *Lane) before(e *order.Event, a *rules.After) bool {
	return slices.ContainsFunc(l.past, func(h *happened) bool {
		if h.ID == e.ID || h.Kind != a.Kind || h.At.After(e.Time) || e.Time.Sub(h.At) > a.Within {
			return false
		}
		switch a.Of {
		case rules.ByOrder:
			return h.OrderID != "" && h.OrderID == e.OrderID
		case rules.BySymbol:
			return h.Key.Tradingsymbol != "" && h.Key.Instrument() == e.Key.Instrument()
		default:
			return h.Group != "" && h.Group == e.Group && h.Key == e.Key
		}
	})
}

// recentWords counts what recent() asks for.
func (l *Lane) recentWords(k order.Key) map[string]int {
	if len(l.recents) == 0 {
		return nil
	}
	out := make(map[string]int, len(l.recents))
	for _, c := range l.recents {
		n := 0
		for _, h := range l.past {
			if h.Kind == c.Kind && l.meta.Now.Sub(h.At) <= c.Within && (!c.BySymbol || h.Key.Instrument() == k.Instrument()) {
				n++
			}
		}
		out[c.String()] = n
	}
	return out
}

// setMemory writes what a set says.
func (l *Lane) setMemory(a *actions.Action, args rules.Args, dry bool) {
	if dry && l.o.Mode != DryRun { // others may live by it
		l.setAction(a, actions.Planned, actions.WhyDryRun)
		return
	}
	next := make(map[string]any, len(l.memory)+1)
	for name, v := range l.memory {
		next[name] = v
	}
	for _, name := range args.Names() {
		next[name] = args.Map()[name]
		l.dirty.memory[name] = true
	}
	l.memory = next
	l.setAction(a, actions.Done, "")
}
