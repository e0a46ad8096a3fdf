package paper

import (
	"fmt"
	"net/http"
)

// holding is stock in the user's demat account (docs/kite.md 7.2).
type holding struct {
	listing            *listing
	quantity, t1       int
	average            amount
	needsAuthorisation bool
	authorised         int // today, at the depository
	mtf                int // bought with the broker's money, counted apart
	mtfAverage         amount
}

// Holding is what SetHolding puts into an account.
type Holding struct {
	Exchange      string  `json:"exchange"`
	Tradingsymbol string  `json:"tradingsymbol"`
	Quantity      int     `json:"quantity"`      // delivered
	T1Quantity    int     `json:"t1_quantity"`   // bought, not yet delivered
	AveragePrice  float64 `json:"average_price"` // rupees
	// MTFQuantity is held on the broker's money, counted apart from Quantity.
	MTFQuantity     int     `json:"mtf_quantity"`
	MTFAveragePrice float64 `json:"mtf_average_price"` // rupees
	// NeedsAuthorisation answers sales with HTTP 428 (no DDPI, no TPIN, docs/kite.md 3.8).
	NeedsAuthorisation bool `json:"needs_authorisation"`
}

// SetHolding sets one holding of a user.
func (x *Exchange) SetHolding(user string, h Holding) error {
	x.enter()
	defer x.leave()
	a, e := x.account(user)
	if e != nil {
		return e
	}
	l, err := x.listing(h.Exchange, h.Tradingsymbol)
	if err != nil {
		return err
	}
	mine := a.holding(l)
	if mine == nil {
		mine = &holding{listing: l}
		a.holdings = append(a.holdings, mine)
	}
	mine.mtf, mine.mtfAverage = h.MTFQuantity, amountOf(h.MTFAveragePrice)
	mine.quantity, mine.t1, mine.average, mine.needsAuthorisation = h.Quantity, h.T1Quantity, amountOf(h.AveragePrice), h.NeedsAuthorisation
	return nil
}

// Authorise lets so much of a holding be sold today, as the depository's TPIN
// does (docs/kite.md 3.8); it is asked for where NeedsAuthorisation says so.
func (x *Exchange) Authorise(user, exchange, tradingsymbol string, quantity int) error {
	x.enter()
	defer x.leave()
	a, e := x.account(user)
	if e != nil {
		return e
	}
	l, err := x.listing(exchange, tradingsymbol)
	if err != nil {
		return err
	}
	h := a.holding(l)
	if h == nil {
		return fmt.Errorf("paper: authorise: no holding of %s", l.key())
	}
	h.authorised = quantity
	return nil
}

func (a *account) holding(l *listing) *holding {
	for _, h := range a.holdings {
		if h.listing == l {
			return h
		}
	}
	return nil
}

// SetFunds limits a user's money to so many rupees and says where the user is
// told of a shortfall, of funds or of holdings. Negative: no limit, as at the start.
func (x *Exchange) SetFunds(user string, rupees float64, form Refusal) error {
	x.enter()
	defer x.leave()
	a, e := x.account(user)
	if e != nil {
		return e
	}
	a.limited, a.funds, a.refusal = rupees >= 0, amountOf(rupees), form
	return nil
}

// free is what of the stock in a delivery product may still be sold.
func (h *holding) free(product string) int {
	switch {
	case h == nil:
		return 0
	case product == "MTF":
		return h.mtf
	}
	return h.quantity + h.t1
}

// checkMoney asks funds and, for a sale of delivery, holdings. raw is the OMS's text
// for status_message_raw.
func (x *Exchange) checkMoney(o *order) (e *APIError, raw string) {
	a := o.account
	if (o.Product == "CNC" || o.Product == "MTF") && !o.buy() {
		h := a.holding(o.listing)
		free := h.free(o.Product) + a.net(o.listing, o.Product) - a.pending(o, false)
		if o.remaining() > free {
			return refuse(http.StatusBadRequest, classHolding, textHoldings), "RMS:Rule: Check holdings including BO for entity account-" + a.user
		}
		if h != nil && h.needsAuthorisation && o.remaining() > h.authorised {
			return refuse(http.StatusPreconditionRequired, classHolding, "%d quantity needs authorisation at depository.", o.remaining()), ""
		}
		return nil, ""
	}
	if !a.limited {
		return nil, ""
	}
	need, free := a.margin(o), a.free(o)
	if need <= free {
		return nil, ""
	}
	return refuse(http.StatusBadRequest, classMargin, textFunds, need.cents(), free.cents()),
		"RMS:Margin Exceeds,Required:" + need.cents() + ", Available:" + free.cents() + " for entity account-" + a.user
}

// cents is the amount with exactly two decimals.
func (a amount) cents() string { return (a - a%(rupee/100)).fixed() }

// pending is what earlier live orders of the instrument and product on that
// side have left.
func (a *account) pending(o *order, buy bool) int {
	n := 0
	for _, other := range o.listing.live {
		if other.OrderID == o.OrderID {
			break
		}
		if other.account == a && other.Product == o.Product && other.buy() == buy {
			n += other.remaining()
		}
	}
	return n
}

// rate is the share of the value blocked for one more unit: our rough
// stand-in for SPAN, good enough to run out of money in a plausible way.
func rate(l *listing, product string, buy bool) (percent int, base amount) {
	switch {
	case l.isOption() && buy:
		return 100, 0
	case l.isOption():
		return 12, amountOf(l.Strike)
	case l.isDerivative():
		return 15, 0
	case product == "MIS" || product == "MTF":
		return 20, 0
	}
	return 100, 0
}

// margin is what the order blocks: only the part that adds to the position. So
// the first exit is free, and a second one beside it is not.
func (a *account) margin(o *order) amount {
	net := a.net(o.listing, o.Product)
	if o.buy() {
		net = -net
	}
	adds := o.remaining() - max(net-a.pending(o, o.buy()), 0)
	if adds <= 0 {
		return 0
	}
	price := max(o.Price, o.TriggerPrice)
	if price == 0 {
		price = o.listing.ltp
	}
	percent, base := rate(o.listing, o.Product, o.buy())
	if base == 0 {
		base = price
	}
	return base.times(adds*o.listing.Multiplier) * amount(percent) / 100
}

// free is what the funds still allow, leaving out the order itself.
func (a *account) free(except *order) amount {
	left := a.funds - a.used()
	for _, l := range a.liveListings() {
		for _, o := range l.live {
			if o.account == a && (except == nil || o.OrderID != except.OrderID) {
				left -= a.margin(o)
			}
		}
	}
	return left
}

// liveListings are the instruments that the account has traded or may trade.
func (a *account) liveListings() []*listing {
	var all []*listing
	for _, p := range a.positions {
		all = addListing(all, p.listing)
	}
	for _, l := range a.watched {
		all = addListing(all, l)
	}
	return all
}

func addListing(all []*listing, l *listing) []*listing {
	for _, have := range all {
		if have == l {
			return all
		}
	}
	return append(all, l)
}

// used is what the positions block.
func (a *account) used() amount {
	var sum amount
	for _, p := range a.positions {
		n := p.net()
		if n == 0 {
			continue
		}
		r := p.row(true)
		percent, base := rate(p.listing, p.product, n > 0)
		if base == 0 {
			base = r.AveragePrice
		}
		sum += base.times(max(n, -n)*p.listing.Multiplier) * amount(percent) / 100
	}
	return sum
}
