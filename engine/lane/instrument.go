package lane

import (
	"backstop/engine/order"
)

// assumedTick is taken in dry-run and rule tests where the instrument is unknown; the service never assumes.
const assumedTick = 5 * order.Rupee / 100

// instrument is the day's row of a place; in dry-run and rule tests a plain one stands in.
func (l *Lane) instrument(k order.Key) (order.Instrument, bool) {
	if l.o.Instruments != nil {
		if i, ok := l.o.Instruments.Instrument(k.Exchange, k.Tradingsymbol); ok && i.TickSize > 0 {
			return i, true
		}
	}
	if !l.o.Assume {
		return order.Instrument{}, false
	}
	return order.Instrument{Exchange: k.Exchange, Tradingsymbol: k.Tradingsymbol, TickSize: assumedTick, LotSize: 1,
		Type: guessType(k)}, true
}

// guessType tells options by the end of their symbol on a derivatives exchange.
func guessType(k order.Key) string {
	n := len(k.Tradingsymbol)
	derivatives := k.Exchange == "NFO" || k.Exchange == "BFO" || k.Exchange == "CDS" || k.Exchange == "BCD" || k.Exchange == "MCX"
	if derivatives && n > 2 && (k.Tradingsymbol[n-2:] == "CE" || k.Tradingsymbol[n-2:] == "PE") {
		return k.Tradingsymbol[n-2:]
	}
	return ""
}

// assumedOf names what a dry run takes for granted about an event.
func (l *Lane) assumedOf(e *order.Event) []string {
	if !l.o.Assume || e.Key.Tradingsymbol == "" {
		return nil
	}
	var names []string
	known := false
	if l.o.Instruments != nil {
		_, known = l.o.Instruments.Instrument(e.Key.Exchange, e.Key.Tradingsymbol)
	}
	if !known {
		names = append(names, "tick_size")
	}
	if o, ok := l.book.Order(e.OrderID); ok {
		if _, standIn := o.Trades[assumedTrade]; standIn && o.Row().AveragePrice == 0 {
			names = append(names, "average_price")
		}
	}
	return names
}

// assumedTrade is the id of the trade that stands in for an average that no payload told.
const assumedTrade = "assumed"

// assumeTrade lets the limit price stand in for an average price that is not told.
func (l *Lane) assumeTrade(o *order.Order) {
	row := o.Row()
	if row.FilledQuantity == 0 || row.AveragePrice > 0 || row.Price <= 0 {
		return
	}
	if o.Trades == nil {
		o.Trades = map[string]order.Trade{}
	}
	o.Trades[assumedTrade] = order.Trade{TradeID: assumedTrade, OrderID: o.ID, Quantity: row.FilledQuantity, Price: row.Price}
	l.book.Touch(o.Key())
}
