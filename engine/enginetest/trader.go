package enginetest

import (
	"net/url"
	"strconv"
	"time"
)

// trade plans the day: a trader places entries through the app, prices wander and jump, liquidity comes in
// parts, and, with Hands, a person also acts by phone.
func (w *world) trade() {
	for range w.c.Entries {
		w.at(w.some(15*time.Minute)+2*time.Second, w.entry)
	}
	for _, s := range symbols {
		w.wander(s)
	}
	if w.c.Hands {
		for range 1 + w.rng.IntN(3) {
			w.at(w.some(18*time.Minute), w.hand)
		}
	}
}

func (w *world) some(d time.Duration) time.Duration { return time.Duration(w.rng.Int64N(int64(d))) }

// wander moves a price every second or so, by ticks, sometimes by a jump through stops, with thin or deep books.
func (w *world) wander(symbol string) {
	w.at(500*time.Millisecond+w.some(2*time.Second), func() {
		p := w.x.Price("NFO", symbol)
		move := float64(w.rng.IntN(41)-20) * 0.05
		if w.rng.IntN(60) == 0 {
			move = p * (float64(w.rng.IntN(60)-30) / 100)
		}
		p = max(20, min(300, p+move))
		depth := -1
		if w.rng.IntN(3) == 0 {
			depth = lot * (1 + w.rng.IntN(3))
		}
		if w.calm {
			depth = -1
		}
		_ = w.x.SetDepth("NFO", symbol, depth) // the symbols are the exchange's own
		_ = w.x.SetPrice("NFO", symbol, p)
		if !w.calm {
			w.wander(symbol)
		}
	})
}

// entry places a buy or a sell, at the market or near it, of one to four lots.
func (w *world) entry() {
	if w.calm {
		return
	}
	symbol := symbols[w.rng.IntN(len(symbols))]
	side := "BUY"
	if w.c.Hands && w.rng.IntN(5) == 0 {
		side = "SELL"
	}
	p := w.x.Price("NFO", symbol)
	limit := float64(int((p+float64(w.rng.IntN(9)-2)*0.5)*20)) / 20
	v := url.Values{"exchange": {"NFO"}, "tradingsymbol": {symbol}, "transaction_type": {side}, "product": {"MIS"},
		"quantity": {strconv.Itoa(lot * (1 + w.rng.IntN(4)))}, "order_type": {"LIMIT"}, "validity": {"DAY"},
		"price": {strconv.FormatFloat(limit, 'f', 2, 64)}}
	id, e := w.x.PlaceVia(user, apiKey, "regular", v)
	w.log("trader: %s %s %s @ %.2f -> %s %v", side, v.Get("quantity"), symbol, limit, id, e)
	w.push()
	if e == nil && w.rng.IntN(4) == 0 {
		w.at(w.some(30*time.Second), func() {
			if _, e := w.x.Cancel(user, "regular", id); e == nil {
				w.log("trader: cancels %s", id)
			}
			w.push()
		})
	}
}

// hand is a person on the phone: sells what is held, or some of it.
func (w *world) hand() {
	if w.calm {
		return
	}
	symbol := symbols[w.rng.IntN(len(symbols))]
	net := w.x.NetQuantity(user, "NFO", symbol, "MIS")
	if net == 0 {
		return
	}
	side, quantity := "SELL", net
	if net < 0 {
		side, quantity = "BUY", -net
	}
	if quantity > lot && w.rng.IntN(2) == 0 {
		quantity = lot
	}
	id, e := w.x.PlaceByHand(user, url.Values{"exchange": {"NFO"}, "tradingsymbol": {symbol}, "transaction_type": {side},
		"product": {"MIS"}, "quantity": {strconv.Itoa(quantity)}, "order_type": {"MARKET"}, "market_protection": {"-1"}, "validity": {"DAY"}})
	w.log("phone: %s %d %s -> %s %v", side, quantity, symbol, id, e)
	w.push()
}
