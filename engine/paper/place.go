package paper

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Place places an order with the parameters of POST /orders/:variety
// (kite-facts §3.2), through the user's first app. It answers like Kite: an
// order id when the order was accepted for processing (which promises no
// more), a refusal when the pre-check kept it out of the book.
func (x *Exchange) Place(user, variety string, params url.Values) (orderID string, err *APIError) {
	return x.PlaceVia(user, "", variety, params)
}

// PlaceVia is Place through the app with that api_key, which then is the one
// whose HTTP postbacks tell of the order (§1.1).
func (x *Exchange) PlaceVia(user, apiKey, variety string, params url.Values) (orderID string, err *APIError) {
	x.enter()
	defer x.leave()
	a, err := x.account(user)
	if err != nil {
		return "", err
	}
	ap := a.app(apiKey)
	if ap == nil {
		return "", wrongToken()
	}
	if err := a.countPlacement(x.now, x.opts.Limits); err != nil {
		return "", err
	}
	if len(a.refuseNext) > 0 {
		err, a.refuseNext = a.refuseNext[0], a.refuseNext[1:]
		return "", err
	}
	return x.place(placement{account: a, app: ap, placedBy: user, variety: variety, params: params, checked: true})
}

// PlaceByHand places as the user does on the phone or the web: visible in the
// book and on the WebSocket, but no api_key gets an HTTP postback (§1.1).
// params are those of Place; market protection is set by the order window.
func (x *Exchange) PlaceByHand(user string, params url.Values) (orderID string, err *APIError) {
	x.enter()
	defer x.leave()
	a, err := x.account(user)
	if err != nil {
		return "", err
	}
	return x.place(placement{account: a, placedBy: user, variety: "regular", params: protectedByHand(params), checked: true})
}

func protectedByHand(params url.Values) url.Values {
	by := url.Values{}
	for k, v := range params {
		by[k] = v
	}
	if by.Get("market_protection") == "" {
		by.Set("market_protection", "-1")
	}
	return by
}

// RejectNext accepts the user's next order and then ends it REJECTED with
// that text (§1.3: rejected by exchange or full RMS).
func (x *Exchange) RejectNext(user, text string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if a := x.accounts[user]; a != nil {
		a.rejectNext = append(a.rejectNext, text)
	}
}

// RefuseNext answers the user's next placement through an app with that error.
func (x *Exchange) RefuseNext(user string, err *APIError) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if a := x.accounts[user]; a != nil && err != nil {
		a.refuseNext = append(a.refuseNext, err)
	}
}

// placement is one order on its way into the book.
type placement struct {
	account           *account
	app               *app // nil: by hand or by the broker
	placedBy, variety string
	params            url.Values
	checked           bool // false for the broker's own orders, which ask for no funds
	gtt               *gtt // the trigger that places it
}

// place checks and books one order.
func (x *Exchange) place(p placement) (string, *APIError) {
	a, params := p.account, p.params
	if p.variety != "regular" {
		return "", inputError("Invalid `variety`.")
	}
	for _, f := range []string{"exchange", "tradingsymbol", "transaction_type", "quantity", "product", "order_type"} {
		if strings.TrimSpace(params.Get(f)) == "" {
			return "", missing(f)
		}
	}
	t, e := terms{validity: "DAY"}.read(params)
	if e != nil {
		return "", e
	}
	if e := t.complete(); e != nil {
		return "", e
	}
	side, product, tag := params.Get("transaction_type"), params.Get("product"), params.Get("tag")
	if side != "BUY" && side != "SELL" {
		return "", invalid("transaction_type")
	}
	l := x.listings[params.Get("exchange")+":"+params.Get("tradingsymbol")]
	if l == nil || l.isIndex() || l.expired {
		return "", inputError(textUnknownInstrumentOwn)
	}
	if !slices.Contains(productsOf(l), product) {
		return "", invalid("product")
	}
	if len(tag) > 20 {
		return "", inputError(textTagOwn)
	}
	if !x.isOpen(l) {
		return "", refuse(http.StatusBadRequest, classOrder, textNoAMO)
	}
	buy := side == "BUY"
	if e := x.check(l, buy, t, false); e != nil {
		return "", e
	}

	o := &order{account: a, app: p.app, listing: l, placed: x.now, protection: t.protection}
	if p.gtt != nil {
		o.gtt, o.silent = p.gtt.id, x.gttSilent
	}
	o.row = row{
		AccountID: a.user, PlacedBy: p.placedBy, Variety: p.variety, OrderTimestamp: stamp(x.now),
		Exchange: l.Exchange, Tradingsymbol: l.Tradingsymbol, InstrumentToken: l.token,
		TransactionType: side, Product: product, Meta: emptyObject, Tag: nullable(tag),
	}
	if tag != "" {
		o.addTags(tag)
	}
	untraded := t.orderType == "MARKET" && l.ltp == 0
	x.take(o, t)
	o.PendingQuantity = o.Quantity

	var message, raw string
	if p.checked {
		e, rawShort := x.checkMoney(o)
		if e != nil && (a.refusal == RefuseWithError || e.HTTPStatus == http.StatusPreconditionRequired) {
			return "", e
		}
		if e != nil {
			message, raw = e.Message+" Check the orderbook for open orders.", rawShort
		}
	}
	if untraded {
		message, raw = textNotTraded, textNotTraded
	}
	if p.checked && len(a.rejectNext) > 0 {
		message, raw, a.rejectNext = a.rejectNext[0], a.rejectNext[0], a.rejectNext[1:]
	}
	return x.book(o, message, raw), nil
}

// productsOf are the products that an instrument can be traded in.
func productsOf(l *listing) []string {
	if l.Segment == "NSE" || l.Segment == "BSE" {
		return []string{"CNC", "MIS", "MTF"}
	}
	return []string{"NRML", "MIS"}
}

// book gives the order its id and first states. A message rejects it.
func (x *Exchange) book(o *order, message, raw string) (orderID string) {
	o.OrderID, o.GUID = x.newOrderID(), x.letters(15)
	x.orders[o.OrderID] = o
	x.sequence = append(x.sequence, o)
	o.account.watched = addListing(o.account.watched, o.listing)
	x.enterState(o, statusPut)
	x.enterState(o, statusValidation)
	if message != "" {
		x.close(o, statusRejected, message, raw)
		return o.OrderID
	}
	x.enterState(o, statusOpenPending)
	o.listing.live = append(o.listing.live, o)
	if o.Validity == "TTL" {
		o.expires = x.now.Add(time.Duration(o.ValidityTTL) * time.Minute)
	}
	if x.opts.OpenDelay > 0 {
		o.opensAt = x.now.Add(x.opts.OpenDelay)
	}
	if !o.opensAt.IsZero() || !o.expires.IsZero() {
		x.timed = append(x.timed, o)
	}
	if o.opensAt.IsZero() {
		x.open(o)
	}
	return o.OrderID
}

// take writes terms into the order's row. A protected market order becomes a
// LIMIT (§3.7).
func (x *Exchange) take(o *order, t terms) {
	o.OrderType, o.Validity, o.ValidityTTL = t.orderType, t.validity, t.ttl
	o.Quantity, o.DisclosedQuantity, o.protection = t.quantity, t.disclosed, t.protection
	o.Price, o.TriggerPrice = t.price, t.trigger
	switch t.orderType {
	case "LIMIT":
		o.TriggerPrice = 0
	case "SL-M":
		o.Price = 0
	case "MARKET":
		o.TriggerPrice, o.Price = 0, 0
		if o.listing.ltp > 0 {
			o.toMarket()
		}
	}
}

// toMarket gives the order the limit of its market protection at this LTP.
func (o *order) toMarket() {
	limit, percent := protect(o.listing, o.buy(), o.protection)
	o.OrderType, o.Price = "LIMIT", limit
	o.addTags(protectionTags(percent)...)
}

// open is the moment the exchange has the order.
func (x *Exchange) open(o *order) {
	o.opensAt = time.Time{}
	o.ExchangeOrderID = nullable(x.newExchangeOrderID(o.listing))
	o.ExchangeTimestamp, o.ExchangeUpdateTimestamp = stamp(x.now), stamp(x.now)
	if o.OrderType == "SL" || o.OrderType == "SL-M" {
		x.enterState(o, statusTriggerPending)
		x.trigger(o) // the price may have gone there while OpenDelay lasted
		return
	}
	x.enterState(o, statusOpen)
	x.push(o, statusOpen, false)
	x.match(o, true)
}
