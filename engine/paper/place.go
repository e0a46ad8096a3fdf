package paper

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Place places an order with the parameters of POST /orders/:variety
// (docs/kite.md 3.2), through the user's first app. It answers like Kite: an
// order id when the order was accepted for processing (which promises no
// more), a refusal when the pre-check kept it out of the book.
func (x *Exchange) Place(user, variety string, params url.Values) (orderID string, err *APIError) {
	return x.PlaceVia(user, "", variety, params)
}

// PlaceVia is Place through the app with that api_key, which then is the one
// whose HTTP postbacks tell of the order (docs/kite.md 1.1).
func (x *Exchange) PlaceVia(user, apiKey, variety string, params url.Values) (orderID string, err *APIError) {
	placed, err := x.PlaceWhole(user, apiKey, variety, params)
	return placed.OrderID, err
}

// Placed is what a placement answers.
type Placed struct {
	OrderID string
	Slices  []Slice // with autoslice alone (docs/kite.md 3.10)
}

// PlaceWhole is PlaceVia with the slices of autoslice.
func (x *Exchange) PlaceWhole(user, apiKey, variety string, params url.Values) (Placed, *APIError) {
	x.enter()
	defer x.leave()
	a, err := x.account(user)
	if err != nil {
		return Placed{}, err
	}
	ap := a.app(apiKey)
	if ap == nil {
		return Placed{}, wrongToken()
	}
	if err := a.countPlacement(x.now, x.opts.Limits); err != nil {
		return Placed{}, err
	}
	if len(a.refuseNext) > 0 {
		err, a.refuseNext = a.refuseNext[0], a.refuseNext[1:]
		return Placed{}, err
	}
	p := placement{account: a, app: ap, placedBy: user, variety: variety, params: params, checked: true}
	if placed, sliced, err := x.placeSliced(p); sliced {
		return placed, err
	}
	id, err := x.place(p)
	return Placed{OrderID: id}, err
}

// PlaceByHand places as the user does on the phone or the web: visible in the
// book and on the WebSocket, but no api_key gets an HTTP postback (docs/kite.md 1.1).
// params are those of Place, and variety (regular when left out); market
// protection is set by the order window.
func (x *Exchange) PlaceByHand(user string, params url.Values) (orderID string, err *APIError) {
	x.enter()
	defer x.leave()
	a, err := x.account(user)
	if err != nil {
		return "", err
	}
	return x.place(placement{account: a, placedBy: user, variety: or(params.Get("variety"), "regular"), params: protectedByHand(params), checked: true})
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
// that text (docs/kite.md 1.3: rejected by exchange or full RMS).
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
	checked           bool     // false for the broker's own orders, which ask for no funds
	gtt               *gtt     // the trigger that places it
	parent            string   // the first leg of a cover order
	leg               int      // of an iceberg, from 0
	tags              []string // the system's
}

// place checks and books one order.
func (x *Exchange) place(p placement) (string, *APIError) {
	t, l, e := x.read(p)
	if e != nil {
		return "", e
	}
	o := &order{account: p.account, app: p.app, listing: l, placed: x.now, protection: t.protection, request: p}
	if p.gtt != nil {
		o.gtt, o.silent = p.gtt.id, x.gttSilent
	}
	o.row = row{
		AccountID: p.account.user, PlacedBy: p.placedBy, Variety: p.variety, OrderTimestamp: stamp(x.now),
		Exchange: l.Exchange, Tradingsymbol: l.Tradingsymbol, InstrumentToken: l.token, ParentOrderID: nullable(p.parent),
		TransactionType: p.params.Get("transaction_type"), Product: p.params.Get("product"), Meta: emptyObject, Tag: nullable(p.params.Get("tag")),
	}
	if o.Tag != "" {
		o.addTags(string(o.Tag))
	}
	o.addTags(p.tags...)
	if t, e = x.shape(o, t); e != nil {
		return "", e
	}
	if e := x.hours(o); e != nil {
		return "", e
	}
	if e := x.check(l, o.buy(), t, false); e != nil {
		return "", e
	}
	x.take(o, t)
	o.PendingQuantity = o.Quantity
	message, raw, e := x.judge(o)
	if e != nil {
		return "", e
	}
	return x.book(o, message, raw), nil
}

// read takes the fields of a placement that every variety has.
func (x *Exchange) read(p placement) (t terms, l *listing, e *APIError) {
	for _, f := range []string{"exchange", "tradingsymbol", "transaction_type", "quantity", "product", "order_type"} {
		if strings.TrimSpace(p.params.Get(f)) == "" {
			return t, nil, missing(f)
		}
	}
	if t, e = (terms{validity: "DAY"}).read(p.params); e != nil {
		return t, nil, e
	}
	if e = t.complete(); e != nil {
		return t, nil, e
	}
	if side := p.params.Get("transaction_type"); side != "BUY" && side != "SELL" {
		return t, nil, invalid("transaction_type")
	}
	l = x.listings[p.params.Get("exchange")+":"+p.params.Get("tradingsymbol")]
	switch {
	case l == nil || l.isIndex() || l.expired:
		return t, nil, inputError(textUnknownInstrumentOwn)
	case !slices.Contains(productsOf(l), p.params.Get("product")):
		return t, nil, invalid("product")
	case len(p.params.Get("tag")) > 20:
		return t, nil, inputError(textTagOwn)
	}
	return t, l, nil
}

// shape gives the order what its variety asks for.
func (x *Exchange) shape(o *order, t terms) (terms, *APIError) {
	switch o.Variety {
	case "regular":
		return t, nil
	case "amo":
		o.queued = true
		return t, nil
	case "iceberg":
		return o.asIceberg(t)
	case "co":
		return o.asCover(t)
	}
	return t, inputError("Invalid `variety`.")
}

// hours asks whether the order may come now: an AMO while its market is shut,
// any other while it is open. Without Options.Open both always may.
func (x *Exchange) hours(o *order) *APIError {
	switch open := x.isOpen(o.listing); {
	case o.queued && open && x.opts.Open != nil:
		return inputError(textAMOHoursOwn)
	case !o.queued && !open && x.opts.ConvertToAMO && o.Variety == "regular":
		o.Variety, o.queued = "amo", true
	case !o.queued && !open:
		return refuse(http.StatusBadRequest, classOrder, textNoAMO)
	}
	if o.request.checked && o.Product == "MIS" && o.account.squared[o.Exchange] {
		return orderError(textSquaredOffOwn)
	}
	return nil
}

// judge asks funds and holdings, and what tests have said of the next order.
// A message ends the order REJECTED in the book.
func (x *Exchange) judge(o *order) (message, raw string, e *APIError) {
	a := o.account
	if o.request.checked {
		short, rawShort := x.checkMoney(o)
		if short != nil && (a.refusal == RefuseWithError || short.HTTPStatus == http.StatusPreconditionRequired) {
			return "", "", short
		}
		if short != nil {
			message, raw = short.Message+" Check the orderbook for open orders.", rawShort
		}
	}
	if o.OrderType == "MARKET" && o.listing.ltp == 0 && !o.queued {
		message, raw = textNotTraded, textNotTraded
	}
	if o.request.checked && len(a.rejectNext) > 0 {
		message, raw, a.rejectNext = a.rejectNext[0], a.rejectNext[0], a.rejectNext[1:]
	}
	return message, raw, nil
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
	if o.queued && message == "" {
		x.queue(o)
		return o.OrderID
	}
	x.submit(o, message, raw)
	return o.OrderID
}

// submit sends the order on its way to the exchange. A message rejects it.
func (x *Exchange) submit(o *order, message, raw string) {
	x.enterState(o, statusValidation)
	if message != "" {
		x.close(o, statusRejected, message, raw)
		return
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
}

// take writes terms into the order's row. A protected market order becomes a
// LIMIT (docs/kite.md 3.7).
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
		if o.listing.ltp > 0 && !o.queued {
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
	if x.isOpen(o.listing) { // what is released before the open waits for the first tick
		x.match(o, true)
	}
}
