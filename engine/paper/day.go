package paper

import (
	"net/url"
	"slices"
	"strconv"
)

// Advance does what has fallen due at Options.Now: what Options.Hours bring, delayed opens, the morning
// of AMOs, expiries of TTLs and of GTTs. Every other method does it too; a caller in virtual time calls it
// after moving the clock.
func (x *Exchange) Advance() {
	x.enter()
	x.leave()
}

func (x *Exchange) runTimed() {
	x.runDays()
	x.expireGTTs()
	for _, o := range slices.Clone(x.timed) {
		if o.queued && !x.now.Before(o.releaseAt) {
			x.release(o)
			continue
		}
		if !o.opensAt.IsZero() && !x.now.Before(o.opensAt) {
			if o.expires.IsZero() {
				x.forgetTimed(o)
			}
			x.open(o)
		}
		if !o.done() && !o.expires.IsZero() && !x.now.Before(o.expires) {
			x.close(o, statusCancelled, "", "") // TTL (docs/kite.md 1.6)
		}
	}
}

// EndOfDay cancels every order still live but for queued AMOs, as the session's close does with
// DAY orders (docs/kite.md 3.14). No text is published for it; status_message is null.
func (x *Exchange) EndOfDay() {
	x.enter()
	defer x.leave()
	x.endOfDay()
}

// endOfDay is EndOfDay at some exchanges; none named are all.
func (x *Exchange) endOfDay(exchanges ...string) {
	for _, o := range slices.Clone(x.sequence) {
		if !o.done() && !o.queued && o.on(exchanges...) {
			o.stopAt = 0
			x.close(o, statusCancelled, "", "")
		}
	}
}

// NextDay ends the day and begins the next: the book and the trades are empty
// (docs/kite.md 3.5), positions are carried over night, closes are taken, CNC purchases
// become T1 holdings, MTF purchases the holdings' mtf. Contracts whose last day
// was passed since the day before are over, with their positions. Triggers
// stay. The clock is the caller's.
func (x *Exchange) NextDay() {
	x.enter()
	defer x.leave()
	x.nextDay()
}

func (x *Exchange) nextDay() {
	x.endOfDay()
	x.squared, x.wasOpen = map[string]bool{}, map[string]bool{}
	for _, user := range x.users {
		if x.onBook != nil {
			x.onBook(user, x.day, x.readBook(user, BookRead{}))
		}
	}
	for _, l := range x.listed {
		end, has := l.expiryEnd()
		l.expired = l.expired || has && end.After(x.day) && !end.After(x.now)
	}
	x.day = x.now
	for _, user := range x.users {
		a := x.accounts[user]
		a.trades = nil
		a.deliverHoldings()
		var kept []*position
		for _, p := range a.positions {
			n, price := p.net(), p.row(true).AveragePrice
			switch {
			case n == 0 || p.listing.expired:
			case p.product == "CNC" || p.product == "MTF":
				a.deliver(p.listing, p.product, n, price)
			default:
				kept = append(kept, &position{listing: p.listing, product: p.product, overnight: n, overnightPrice: price})
			}
		}
		a.positions, a.watched, a.squared = kept, nil, map[string]bool{}
	}
	queued := slices.DeleteFunc(x.timed, func(o *order) bool { return !o.queued })
	x.orders, x.sequence, x.timed = map[string]*order{}, nil, nil
	for _, o := range queued {
		x.orders[o.OrderID] = o
		x.sequence, x.timed = append(x.sequence, o), append(x.timed, o)
	}
	for _, l := range x.listed {
		l.close, l.LastPrice = l.ltp, l.ltp.rupees()
		l.open, l.high, l.low, l.volume = l.ltp, l.ltp, l.ltp, 0
	}
}

// deliverHoldings makes yesterday's purchases whole holdings and forgets what
// was sold out, and the day's authorisations.
func (a *account) deliverHoldings() {
	for _, h := range a.holdings {
		h.quantity, h.t1, h.authorised = h.quantity+h.t1, 0, 0
	}
}

// deliver moves a day's purchase or sale of delivery into the holdings: CNC by
// way of T1, MTF at once.
func (a *account) deliver(l *listing, product string, quantity int, price amount) {
	h := a.holding(l)
	if h == nil {
		h = &holding{listing: l}
		a.holdings = append(a.holdings, h)
	}
	into, average := &h.quantity, &h.average
	if product == "MTF" {
		into, average = &h.mtf, &h.mtfAverage
	}
	switch {
	case quantity > 0:
		*average = (average.times(*into) + price.times(quantity)).per(*into + quantity)
		if product == "CNC" {
			into = &h.t1
		}
		*into += quantity
	default:
		*into = max(*into+quantity, 0)
	}
	if h.quantity+h.t1+h.mtf == 0 {
		a.holdings = slices.DeleteFunc(a.holdings, func(have *holding) bool { return have == h })
	}
}

// squareOffBy is placed_by of the broker's own orders; it differs from the
// user's id (docs/kite.md 1.6).
const squareOffBy = "RMSADMIN"

// SquareOff ends the user's MIS trading as the broker does (docs/kite.md 3.14): live MIS
// orders are cancelled, then open MIS positions closed by protected market
// orders of the broker's. Those have no HTTP postback. No MIS order is taken
// any more that day. It returns their ids.
func (x *Exchange) SquareOff(user string) (orderIDs []string) {
	x.enter()
	defer x.leave()
	a := x.accounts[user]
	if a == nil {
		return nil
	}
	return x.squareOff(a, exchanges...)
}

// squareOff is SquareOff at some exchanges.
func (x *Exchange) squareOff(a *account, exchanges ...string) (orderIDs []string) {
	for _, o := range slices.Clone(x.sequence) {
		if o.account == a && o.Product == "MIS" && !o.done() && !o.queued && o.on(exchanges...) {
			o.stopAt = 0
			x.close(o, statusCancelled, "", "")
		}
	}
	for _, p := range slices.Clone(a.positions) {
		n := p.net()
		side := "SELL"
		if n < 0 {
			n, side = -n, "BUY"
		}
		elsewhere := !slices.Contains(exchanges, p.listing.Exchange)
		for p.product == "MIS" && n > 0 && !elsewhere {
			slice := n
			if p.listing.FreezeQuantity > 0 {
				slice = min(n, p.listing.FreezeQuantity/p.listing.LotSize*p.listing.LotSize)
			}
			id, e := x.place(placement{account: a, placedBy: squareOffBy, variety: "regular", params: url.Values{
				"exchange": {p.listing.Exchange}, "tradingsymbol": {p.listing.Tradingsymbol}, "transaction_type": {side},
				"quantity": {strconv.Itoa(slice)}, "product": {"MIS"}, "order_type": {"MARKET"}, "market_protection": {"-1"},
			}})
			if e != nil {
				break // an odd quantity, or the market is shut; the rest stays open
			}
			orderIDs = append(orderIDs, id)
			n -= slice
		}
	}
	for _, exchange := range exchanges {
		a.squared[exchange] = true
	}
	return orderIDs
}
