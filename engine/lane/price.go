package lane

import (
	"maps"
	"slices"
	"time"

	"backstop/actions"
	"backstop/engine/journal"
	"backstop/engine/order"
)

// Prices are last prices by instrument (EXCHANGE:SYMBOL), in rupees, as somebody saw them.
type Prices struct {
	Last map[string]order.Price `json:"last"`
}

// tickFresh is how long a tick stands before a price of the positions, which may lag, counts again.
const tickFresh = time.Minute

// takeTicks takes what the stream says of prices, as far as it matters: some rule or guardrail lives on them, the
// exchange trades, and the price is another one. The rest is not journalled, so that a quiet day costs nothing and a
// lively one at most one row a second: nothing that the lane decides depends on it.
func (l *Lane) takeTicks(last map[string]order.Price) {
	if l.o.Assume {
		l.journalJSON(journal.InputPrices, Prices{last})
		l.takePrices(last)
		return
	}
	l.suspectPassed(last)
	if !l.pricesWanted() {
		return
	}
	moved := map[string]order.Price{}
	for instrument, p := range last {
		if p > 0 && l.prices[instrument] != p && l.tradesNow(instrument) {
			moved[instrument] = p
		}
	}
	if len(moved) == 0 {
		return
	}
	l.journalJSON(journal.InputPrices, Prices{moved})
	for instrument := range moved {
		l.ticked[instrument] = l.meta.Now
	}
	l.takePrices(moved)
}

// tradesNow says whether an instrument's exchange trades: before and after, its price is none that anybody could have.
func (l *Lane) tradesNow(instrument string) bool {
	for k := range l.watched {
		if k.Instrument() == instrument {
			return l.o.Hours.IsOpen(k.Exchange, l.meta.Now)
		}
	}
	return false
}

// freshTick says whether the stream told an instrument's price lately.
func (l *Lane) freshTick(instrument string) bool {
	at, ok := l.ticked[instrument]
	return ok && l.meta.Now.Sub(at) < tickFresh
}

// allTicked says whether the stream told the price of everything that is open lately: then no positions are read for it.
func (l *Lane) allTicked() bool {
	for k := range l.watched {
		if !l.freshTick(k.Instrument()) {
			return false
		}
	}
	return true
}

// noteWatch remembers whether something is open at a place.
func (l *Lane) noteWatch(k order.Key, h *order.Holding) {
	open := len(h.Open()) > 0 && (!h.Carried || traded(h))
	if open == l.watched[k] {
		return
	}
	l.watchNews = true
	if open {
		l.watched[k] = true
	} else {
		delete(l.watched, k)
	}
}

// watch says whose prices are wanted, where that has changed. All that is open counts, whether or not a rule lives on
// prices now: rules may change.
func (l *Lane) watch() {
	if !l.watchNews || !l.armed || l.o.Assume {
		return
	}
	l.watchNews = false
	names := map[string]bool{}
	for k := range l.watched {
		names[k.Instrument()] = true
	}
	list := slices.Sorted(maps.Keys(names))
	l.batch.Watch = &list
	for instrument := range l.ticked {
		if !names[instrument] {
			delete(l.ticked, instrument)
		}
	}
}

// takePrices learns last prices and tells the groups whose instrument moved.
func (l *Lane) takePrices(last map[string]order.Price) {
	next := make(map[string]order.Price, len(l.prices)+len(last))
	for instrument, p := range l.prices {
		next[instrument] = p
	}
	moved := map[string]bool{}
	for instrument, p := range last {
		if p > 0 {
			moved[instrument] = l.prices[instrument] != p
			next[instrument] = p
		}
	}
	l.prices = next
	if l.o.Rules == nil || !l.o.Rules.Listens(order.KindPrice) || !l.book.OvernightKnown() {
		return
	}
	for _, k := range l.book.Keys() {
		if !moved[k.Instrument()] {
			continue
		}
		for _, g := range slices.Clone(l.book.Holding(order.Claimed, k).Open()) {
			if g.Open() > 0 && !g.Baseline {
				l.emit(order.Event{ID: actions.ID("event", l.o.Account, k.Instrument(), k.Product, g.ID, "price", next[k.Instrument()].String(), l.meta.Now.UTC().Format(time.RFC3339Nano)),
					Kind: order.KindPrice, OrderID: g.FirstEntry(), Group: g.ID, Key: k})
			}
		}
	}
}

// pricesWanted says whether some rule or guardrail lives on the last prices of what is open.
func (l *Lane) pricesWanted() bool {
	if l.o.Rules == nil || !l.armed || !(l.needs.LastPrice || l.needs.DayLast || l.o.Rules.Listens(order.KindPrice) || l.o.Rules.Guardrails().MaxDailyLoss > 0) {
		return false
	}
	return slices.ContainsFunc(l.book.Keys(), func(k order.Key) bool {
		h := l.book.Holding(order.Claimed, k)
		return len(h.Open()) > 0 && (!h.Carried || traded(h))
	})
}

// traded says whether anything of a place is open but shares that are held.
func traded(h *order.Holding) bool {
	return slices.ContainsFunc(h.Open(), func(g *order.Group) bool { return g.Open() > 0 && !g.Stock() })
}

// movedNothing says whether a price event's rules matched and yet left everything as it was: a trailing stop is asked for
// with each price, and moves by steps. Such an event and its actions are not written down; the price is.
func (l *Lane) movedNothing(e journal.Event) bool {
	if e.Kind != order.KindPrice || !l.fresh[e.ID] {
		return false
	}
	var idle []string
	for _, d := range e.Decisions {
		if _, goesOn := l.runs[d.ID]; goesOn || !d.Matched && worthKeeping(&journal.Event{Decisions: []journal.Decision{d}}) {
			return false
		}
		for _, id := range d.Actions {
			a, ok := l.actions[id]
			if !ok || !idleAction(a) {
				return false
			}
			idle = append(idle, id)
		}
	}
	for _, id := range idle {
		delete(l.dirty.actions, id)
	}
	return true
}

// idleAction says whether a wish for a stop or a target ended without changing anything.
func idleAction(a *actions.Action) bool {
	return (a.Type == "place_stop_loss" || a.Type == "place_target") && (a.State == actions.Skipped || a.State == actions.Done) &&
		a.Error == nil && len(a.Requests) == 0
}
