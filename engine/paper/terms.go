package paper

import (
	"math"
	"net/url"
	"slices"
	"strconv"
)

// terms are the parts of an order that a modify may change (docs/kite.md 3.2).
type terms struct {
	orderType, validity string
	ttl                 int // minutes
	quantity, disclosed int
	price, trigger      amount
	fine                bool // price finer than any tick
	triggerFine         bool
	protection          float64 // percent; -1 automatic; 0 none
}

// terms are those the order has now.
func (o *order) terms() terms {
	t := terms{orderType: o.OrderType, validity: o.Validity, ttl: o.ValidityTTL, quantity: o.Quantity,
		disclosed: o.DisclosedQuantity, price: o.Price, trigger: o.TriggerPrice}
	if o.OrderType == "SL-M" || o.queued || o.Variety == "amo" {
		t.protection = o.protection
	}
	return t
}

// read overlays what params hold; what is absent stays. A zero counts as
// absent, since the official client cannot send one (docs/kite.md 8.2).
func (t terms) read(params url.Values) (terms, *APIError) {
	if v := params.Get("order_type"); v != "" {
		if !slices.Contains([]string{"MARKET", "LIMIT", "SL", "SL-M"}, v) {
			return t, invalid("order_type")
		}
		t.orderType = v
	}
	if v := params.Get("validity"); v != "" {
		if !slices.Contains([]string{"DAY", "IOC", "TTL"}, v) {
			return t, invalid("validity")
		}
		t.validity = v
	}
	for _, f := range []struct {
		name string
		into *int
	}{{"quantity", &t.quantity}, {"disclosed_quantity", &t.disclosed}, {"validity_ttl", &t.ttl}} {
		v := params.Get(f.name)
		if v == "" {
			continue
		}
		n, err := strconv.Atoi(v)
		if err != nil || n < 0 || n > 1e8 {
			return t, invalid(f.name)
		}
		if n != 0 {
			*f.into = n
		}
	}
	for _, f := range []struct {
		name string
		into *amount
		fine *bool
	}{{"price", &t.price, &t.fine}, {"trigger_price", &t.trigger, &t.triggerFine}} {
		v := params.Get(f.name)
		if v == "" {
			continue
		}
		a, exact, ok := parseAmount(v)
		if !ok {
			return t, invalid(f.name)
		}
		if a != 0 {
			*f.into, *f.fine = a, !exact
		}
	}
	if v := params.Get("market_protection"); v != "" {
		p, err := strconv.ParseFloat(v, 64)
		if err != nil || math.IsNaN(p) || p != -1 && (p < 0 || p > 100) {
			return t, invalid("market_protection")
		}
		t.protection = p
	}
	return t, nil
}

// complete asks for the fields that the order type needs.
func (t terms) complete() *APIError {
	switch {
	case t.quantity == 0:
		return missing("quantity")
	case t.orderType == "":
		return missing("order_type")
	case t.price == 0 && (t.orderType == "LIMIT" || t.orderType == "SL"):
		return missing("price")
	case t.trigger == 0 && (t.orderType == "SL" || t.orderType == "SL-M"):
		return missing("trigger_price")
	case t.validity == "TTL" && t.ttl == 0:
		return missing("validity_ttl")
	}
	return nil
}

// check is the pre-check ("mini RMS", docs/kite.md 1.3) of price, type and quantity. A
// stop whose trigger was hit is checked by its price alone.
func (x *Exchange) check(l *listing, buy bool, t terms, triggered bool) *APIError {
	if t.quantity%l.LotSize != 0 {
		return inputError(textLot, l.LotSize)
	}
	if l.FreezeQuantity > 0 && t.quantity > l.FreezeQuantity {
		return inputError("Quantity %d is more than the freeze quantity limit of %d for this instrument.", t.quantity, l.FreezeQuantity)
	}
	if t.disclosed > t.quantity || t.disclosed > 0 && l.isDerivative() {
		return invalid("disclosed_quantity")
	}
	if t.validity == "IOC" && l.Exchange == "MCX" {
		return inputError(textMCXImmediateOwn)
	}
	if t.orderType == "SL-M" && l.isBSE() {
		return inputError(textStopMarketBSEOwn)
	}
	if t.orderType == "SL-M" && l.isOption() {
		return inputError(textStopMarketOptionsOwn)
	}
	if (t.orderType == "MARKET" || t.orderType == "SL-M") && t.protection == 0 {
		return inputError(textMarketProtection)
	}
	priced, stop := t.orderType == "LIMIT" || t.orderType == "SL", (t.orderType == "SL" || t.orderType == "SL-M") && !triggered
	if priced && (t.fine || t.price%l.tick != 0) {
		return inputError("Tick size for this script is %s. Kindly enter price in the multiple of tick size for this script", l.tick.fixed())
	}
	if stop && (t.triggerFine || t.trigger%l.tick != 0) {
		return inputError(textTickTrigger, l.tick.fixed())
	}
	if stop {
		if e := checkTrigger(l, buy, t); e != nil {
			return e
		}
	}
	if !priced {
		return nil
	}
	if l.lower > 0 && t.price < l.lower {
		return orderError("Your order price is lower than the current lower circuit limit of %s. Place an order within the daily range.", l.lower.fixed())
	}
	if l.upper > 0 && t.price > l.upper {
		return orderError("Your order price is higher than the current upper circuit limit of %s. Place an order within the daily range.", l.upper.fixed())
	}
	if far := x.opts.FarFromLTP; t.orderType == "LIMIT" && far > 0 && l.ltp > 0 {
		// Only the passive side can be far: a buy below, a sell above.
		away := t.price - l.ltp
		if buy {
			away = -away
		}
		if float64(away) > far/100*float64(l.ltp) {
			return orderError(textFarFromLTP)
		}
	}
	return nil
}

// checkTrigger holds a stop's trigger against circuit band, limit and LTP (docs/kite.md 3.8).
func checkTrigger(l *listing, buy bool, t terms) *APIError {
	if buy && l.upper > 0 && t.trigger > l.upper {
		return inputError("Trigger price for stoploss buy orders cannot be above the upper circuit price. Please try placing the order with trigger price below %s", l.upper.fixed())
	}
	if !buy && l.lower > 0 && t.trigger < l.lower {
		return inputError("Trigger price for stoploss sell orders cannot be below the lower circuit price. Please try placing the order with trigger price above %s", l.lower.fixed())
	}
	if t.orderType == "SL" && buy && t.trigger > t.price {
		return inputError(textTriggerHigher)
	}
	if t.orderType == "SL" && !buy && t.trigger < t.price {
		return inputError(textTriggerLesser)
	}
	if l.ltp > 0 && buy && t.trigger <= l.ltp {
		return inputError(textTriggerBuyLTP)
	}
	if l.ltp > 0 && !buy && t.trigger >= l.ltp {
		return inputError(textTriggerSellLTP)
	}
	return nil
}

// automaticBand is the protection of market_protection -1, in percent (docs/kite.md 3.7).
func automaticBand(l *listing) float64 {
	type band struct {
		below   amount
		percent float64
	}
	bands, beyond := []band{{100 * rupee, 2}, {500*rupee + 1, 1}}, 0.5
	if l.isOption() {
		bands, beyond = []band{{10 * rupee, 5}, {100 * rupee, 3}, {500*rupee + 1, 2}}, 1
	}
	for _, b := range bands {
		if l.ltp < b.below {
			return b.percent
		}
	}
	return beyond
}

// protect is the limit that a protected market order becomes and its band in
// percent (docs/kite.md 3.7): LTP×(1±band), rounded to the tick towards the LTP and kept
// within the circuit band.
func protect(l *listing, buy bool, protection float64) (limit amount, percent float64) {
	return protectAt(l, buy, protection, l.ltp)
}

// protectAt is protect at another price than the LTP.
func protectAt(l *listing, buy bool, protection float64, price amount) (limit amount, percent float64) {
	percent = protection
	if percent == -1 {
		percent = automaticBand(l)
	}
	room := amount(math.Round(float64(price) * percent / 100))
	if buy {
		limit = max((price + room).floorTick(l.tick), price)
		if l.upper > 0 {
			limit = min(limit, l.upper)
		}
		return limit, percent
	}
	limit = max(min((price-room).ceilTick(l.tick), price), l.tick)
	return max(limit, l.lower), percent
}
