package lane

import (
	"slices"
	"time"

	"backstop/actions"
	"backstop/engine/order"
)

// Prices are last prices by instrument (EXCHANGE:SYMBOL), in rupees, as somebody saw them.
type Prices struct {
	Last map[string]order.Price `json:"last"`
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
					Kind: order.KindPrice, OrderID: firstOf(g.Entries), Group: g.ID, Key: k})
			}
		}
	}
}

// pricesWanted says whether some rule or guardrail lives on the last prices of what is open.
func (l *Lane) pricesWanted() bool {
	if l.o.Rules == nil || !l.armed || !(l.needs.LastPrice || l.needs.DayLast || l.o.Rules.Listens(order.KindPrice) || l.o.Rules.Guardrails().MaxDailyLoss > 0) {
		return false
	}
	return slices.ContainsFunc(l.book.Keys(), func(k order.Key) bool { return len(l.book.Holding(order.Claimed, k).Open()) > 0 })
}
