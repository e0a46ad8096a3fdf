package paper

import (
	"encoding/json"
	"net/url"
	"strconv"
)

// icebergLeg is one leg of an iceberg: each an order of its own, the next
// placed when the one before it is filled (docs/kite.md 1.6).
type icebergLeg struct {
	Leg       int `json:"leg"` // from 1
	Legs      int `json:"legs"`
	Quantity  int `json:"leg_quantity"`
	Total     int `json:"total_quantity"`
	Remaining int `json:"remaining_quantity"` // behind this leg
}

// asIceberg cuts the leg of the request out of the whole: 2 to 50 legs of
// iceberg_quantity, the last with what is left (docs/kite.md 3.2).
func (o *order) asIceberg(t terms) (terms, *APIError) {
	legs, err := strconv.Atoi(o.request.params.Get("iceberg_legs"))
	if err != nil || legs < 2 || legs > 50 {
		return t, invalid("iceberg_legs")
	}
	size, err := strconv.Atoi(o.request.params.Get("iceberg_quantity"))
	if err != nil || size <= 0 || (t.quantity+size-1)/size != legs {
		return t, invalid("iceberg_quantity")
	}
	if t.orderType != "LIMIT" && t.orderType != "MARKET" {
		return t, invalid("order_type")
	}
	if t.quantity%o.listing.LotSize != 0 {
		return t, inputError(textLot, o.listing.LotSize)
	}
	leg := icebergLeg{Leg: o.request.leg + 1, Legs: legs, Quantity: size, Total: t.quantity}
	t.quantity = min(size, t.quantity-o.request.leg*size)
	leg.Remaining = leg.Total - o.request.leg*size - t.quantity
	o.slice = &leg
	o.Meta = json.RawMessage(encode(map[string]icebergLeg{"iceberg": leg}))
	return t, nil
}

// placeNextSlice places the leg behind a filled one. A refused one ends the
// iceberg without a word: there is no order to tell of.
func (x *Exchange) placeNextSlice(o *order) {
	if o.slice.Remaining == 0 {
		return
	}
	p := o.request
	p.leg++
	// Each leg counts to the day's orders, not to a second's (docs/kite.md 3.9).
	if o.account.countPlacement(x.now, Limits{OrdersPerDay: x.opts.Limits.OrdersPerDay}) == nil {
		_, _ = x.place(p)
	}
}

// asCover reads a cover order: MIS, LIMIT or MARKET, with the trigger of the
// stop that follows it (docs/kite.md 1.6). The second leg is an ordinary stop.
func (o *order) asCover(t terms) (terms, *APIError) {
	if o.ParentOrderID != "" {
		return t, nil
	}
	l := o.listing
	entry := t.price
	if t.orderType == "MARKET" {
		entry = l.ltp
	}
	switch {
	case o.Product != "MIS":
		return t, invalid("product")
	case t.orderType != "LIMIT" && t.orderType != "MARKET":
		return t, invalid("order_type")
	case t.trigger == 0:
		return t, missing("trigger_price")
	case t.triggerFine || t.trigger%l.tick != 0:
		return t, inputError(textTickTrigger, l.tick.fixed())
	case o.buy() && entry > 0 && t.trigger >= entry:
		return t, inputError(textTriggerSellLTP)
	case !o.buy() && entry > 0 && t.trigger <= entry:
		return t, inputError(textTriggerBuyLTP)
	}
	o.stopAt = t.trigger
	return t, nil
}

// placeStopLeg places the second leg for what has filled: SL-M where the
// exchange has it, SL within the automatic protection elsewhere, and at the
// market where the price has gone beyond the trigger already.
func (x *Exchange) placeStopLeg(o *order) {
	l, trigger := o.listing, o.stopAt
	o.stopAt = 0
	side := "SELL"
	if !o.buy() {
		side = "BUY"
	}
	params := url.Values{"exchange": {l.Exchange}, "tradingsymbol": {l.Tradingsymbol}, "transaction_type": {side}, "product": {"MIS"},
		"quantity": {strconv.Itoa(o.FilledQuantity)}, "order_type": {"SL-M"}, "market_protection": {"-1"}, "trigger_price": {trigger.String()}}
	if l.isOption() || l.isBSE() {
		limit, _ := protectAt(l, side == "BUY", -1, trigger)
		params.Set("order_type", "SL")
		params.Set("price", limit.String())
	}
	if o.Tag != "" {
		params.Set("tag", string(o.Tag))
	}
	p := placement{account: o.account, app: o.app, placedBy: o.PlacedBy, variety: "co", parent: o.OrderID, params: params}
	if _, e := x.place(p); e != nil {
		params.Set("order_type", "MARKET")
		params.Del("trigger_price")
		_, _ = x.place(p) // a market that is shut leaves the position bare, as the broker would
	}
}

// exitCover makes the second leg an exit at the market: what its cancel asks
// for.
func (x *Exchange) exitCover(o *order) *APIError {
	if o.listing.ltp == 0 {
		return orderError(textNotTraded)
	}
	o.OrderTimestamp = stamp(x.now)
	o.triggered, o.protection, o.TriggerPrice = true, -1, 0
	o.toMarket()
	x.enterState(o, statusOpen)
	x.push(o, statusUpdate, true)
	x.match(o, true)
	return nil
}

// slicesMax is the most that autoslice makes of one order (docs/kite.md 3.9).
const slicesMax = 10

// Slice is one order of an autoslice, or why there is none.
type Slice struct {
	OrderID string
	Error   *APIError
}

// placeSliced places an order beyond the freeze quantity with autoslice=true
// as several, each for itself; some may fail (docs/kite.md 3.10). sliced is false for any
// other.
func (x *Exchange) placeSliced(p placement) (placed Placed, sliced bool, e *APIError) {
	if p.params.Get("autoslice") != "true" || p.variety != "regular" && p.variety != "amo" {
		return Placed{}, false, nil
	}
	t, l, e := x.read(p)
	if e != nil {
		return Placed{}, true, e
	}
	if l.FreezeQuantity == 0 || t.quantity <= l.FreezeQuantity {
		return Placed{}, false, nil
	}
	most := l.FreezeQuantity / l.LotSize * l.LotSize
	switch {
	case t.quantity%l.LotSize != 0:
		return Placed{}, true, inputError(textLot, l.LotSize)
	case (t.quantity+most-1)/most > slicesMax:
		return Placed{}, true, inputError(textSlicesOwn, slicesMax)
	}
	placed.OrderID = x.newOrderID() // of no order: the slices' tags name it (docs/kite.md 1.6)
	p.tags = []string{"autoslice", "autoslice:" + placed.OrderID}
	for left := t.quantity; left > 0; left -= most {
		part := p
		part.params = url.Values{}
		for k, v := range p.params {
			part.params[k] = v
		}
		part.params.Set("quantity", strconv.Itoa(min(left, most)))
		var s Slice
		if len(placed.Slices) > 0 {
			s.Error = p.account.countPlacement(x.now, Limits{OrdersPerDay: x.opts.Limits.OrdersPerDay})
		}
		if s.Error == nil {
			s.OrderID, s.Error = x.place(part)
		}
		placed.Slices = append(placed.Slices, s)
	}
	return placed, true, nil
}
