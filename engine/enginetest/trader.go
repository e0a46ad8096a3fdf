package enginetest

import (
	"net/url"
	"strconv"
	"time"

	"backstop/engine/paper"
)

// products are those that the day trades.
func (w *world) products() []string {
	if w.c.People.Products {
		return []string{"MIS", "NRML"}
	}
	return []string{"MIS"}
}

// trade plans the day: a trader places entries through the app, prices wander and jump, liquidity comes in
// parts, and a person also acts by phone.
func (w *world) trade() {
	for range w.c.Entries {
		w.at(w.some(15*time.Minute)+2*time.Second, w.entry)
	}
	for _, s := range symbols {
		w.wander(s)
	}
	if w.c.People.Hands {
		for range 1 + w.market.IntN(3) {
			w.at(w.some(18*time.Minute), w.hand)
		}
	}
	if w.c.People.Touch {
		for range 1 + w.market.IntN(4) {
			w.at(time.Minute+w.some(17*time.Minute), w.touch)
		}
	}
}

func (w *world) some(d time.Duration) time.Duration { return time.Duration(w.market.Int64N(int64(d))) }

// wander moves a price every second or so, by ticks, sometimes by a jump through stops, with thin or deep books.
func (w *world) wander(symbol string) {
	w.at(500*time.Millisecond+w.some(2*time.Second), func() {
		p := w.x.Price("NFO", symbol)
		move := float64(w.market.IntN(41)-20) * 0.05
		if w.market.IntN(60) == 0 {
			move = p * (float64(w.market.IntN(60)-30) / 100)
		}
		p = max(20, min(300, p+move))
		depth := -1
		if w.market.IntN(3) == 0 {
			depth = lot * (1 + w.market.IntN(3))
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
	symbol, products := symbols[w.market.IntN(len(symbols))], w.products()
	product := products[w.market.IntN(len(products))]
	side := "BUY"
	if w.c.People.Shorts && w.market.IntN(3) == 0 {
		side = "SELL"
	}
	p := w.x.Price("NFO", symbol)
	limit := float64(int((p+float64(w.market.IntN(9)-2)*0.5)*20)) / 20
	v := url.Values{"exchange": {"NFO"}, "tradingsymbol": {symbol}, "transaction_type": {side}, "product": {product},
		"quantity": {strconv.Itoa(lot * (1 + w.market.IntN(4)))}, "order_type": {"LIMIT"}, "validity": {"DAY"},
		"price": {strconv.FormatFloat(limit, 'f', 2, 64)}}
	id, e := w.x.PlaceVia(user, apiKey, "regular", v)
	w.log("trader: %s %s %s %s @ %.2f -> %s %v", side, v.Get("quantity"), symbol, product, limit, id, e)
	w.push()
	cancel, after := w.market.IntN(4) == 0, w.some(30*time.Second)
	if e == nil && cancel {
		w.at(after, func() {
			if _, e := w.x.Cancel(user, "regular", id); e == nil {
				w.log("trader: cancels %s", id)
			}
			w.push()
		})
	}
}

// hand is a person on the phone: sells what is held, some of it, or more.
func (w *world) hand() {
	if w.calm {
		return
	}
	symbol, products := symbols[w.market.IntN(len(symbols))], w.products()
	product, some, flip := products[w.market.IntN(len(products))], w.market.IntN(2) == 0, w.market.IntN(3) == 0
	net := w.x.NetQuantity(user, "NFO", symbol, product)
	if net == 0 {
		return
	}
	side, quantity := "SELL", net
	if net < 0 {
		side, quantity = "BUY", -net
	}
	switch {
	case w.c.People.Flips && flip:
		quantity += lot
	case quantity > lot && some:
		quantity = lot
	}
	id, e := w.x.PlaceByHand(user, url.Values{"exchange": {"NFO"}, "tradingsymbol": {symbol}, "transaction_type": {side},
		"product": {product}, "quantity": {strconv.Itoa(quantity)}, "order_type": {"MARKET"}, "market_protection": {"-1"}, "validity": {"DAY"}})
	w.log("phone: %s %d %s %s -> %s %v", side, quantity, symbol, product, id, e)
	w.push()
}

// touch is a person who moves or cancels one of Backstop's live stops.
func (w *world) touch() {
	pick, cancel := w.market.IntN(8), w.market.IntN(3) == 0
	if w.calm {
		return
	}
	for _, o := range w.x.Book() {
		if !o.Live() || !ours(o) || o.Status != "TRIGGER PENDING" {
			continue
		}
		if pick--; pick > 0 {
			continue
		}
		if cancel {
			if e := w.x.CancelByHand(o.OrderID); e == nil {
				w.log("phone: cancels stop %s", o.OrderID)
				w.watch.byHand[o.OrderID] = "cancelled"
				w.excuse(keyOf(o), "a person cancelled the stop", !w.c.Wants.Replace)
			}
			break
		}
		away := float64(sign(o)) * 2 // further from the market
		v := url.Values{"trigger_price": {money(o.TriggerPrice + away)}, "price": {money(o.Price + away)}}
		if e := w.x.ModifyByHand(o.OrderID, v); e == nil {
			w.log("phone: moves stop %s to %s", o.OrderID, v.Get("trigger_price"))
			w.watch.byHand[o.OrderID] = v.Get("trigger_price")
		}
		break
	}
	w.push()
}

func money(p float64) string { return strconv.FormatFloat(p, 'f', 2, 64) }

// trouble plans what no rule can help.
func (w *world) trouble() {
	t := w.c.Trouble
	if t.Outage {
		w.at(2*time.Minute+w.some(14*time.Minute), func() {
			f := w.c.Faults
			dead := w.market.IntN(2) == 0
			f.DeadSession, f.AddressDenied = dead, !dead
			w.log("OUTAGE: session %v, address %v", dead, !dead)
			w.inj.Set(f)
			w.watch.outage = w.now.Add(time.Minute)
			w.at(time.Minute, func() {
				w.log("outage ends")
				if !w.calm {
					w.inj.Set(w.c.Faults)
				}
			})
		})
	}
	if t.Lapse > 0 {
		w.lapse()
	}
}

// lapse is the exchange that cancels a stop of ours with a word, as limit price protection does.
func (w *world) lapse() {
	w.at(time.Minute, func() {
		if w.calm {
			return
		}
		for _, o := range w.x.Book() {
			if o.Live() && ours(o) && w.market.Float64() < w.c.Trouble.Lapse {
				w.log("the exchange cancels %s", o.OrderID)
				_ = w.x.ExchangeCancel(o.OrderID, "Order cancelled by the exchange: limit price protection") // live, so it can
				w.watch.lapsed[keyOf(o)]++
			}
		}
		w.push()
		w.lapse()
	})
}

// misfortune strikes a placement of ours before the exchange takes it.
func (w *world) misfortune() {
	switch t := w.c.Trouble; {
	case w.strikes(w.wire, t.Reject):
		w.x.RejectNext(user, "RMS:Blocked for this test")
	case w.strikes(w.wire, t.Refuse):
		w.x.RefuseNext(user, &paper.APIError{HTTPStatus: 400, ErrorType: "MarginException", Message: "Insufficient funds. Required margin is 1.00 but available margin is 0.00."})
	}
}
