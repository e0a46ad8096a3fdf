package paper

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"time"
)

// Statuses of a GTT (docs/kite.md 4.1).
const (
	gttActive    = "active"
	gttTriggered = "triggered"
	gttDisabled  = "disabled"
	gttExpired   = "expired"
	gttCancelled = "cancelled"
	gttRejected  = "rejected"
	gttDeleted   = "deleted"
)

const (
	gttActiveMax = 500 // of one account (docs/kite.md 3.9)
	gttListed    = 7 * 24 * time.Hour
	// A trigger stays this far from the last price: 0.25 %, below 50 rupees 9
	// paise (docs/kite.md 4.1).
	gttGapCheap = 9 * rupee / 100
	gttCheap    = 50 * rupee
)

// gtt is one trigger order. It outlives the day: only its trigger, its
// expiry, a person or the broker ends it.
type gtt struct {
	id                        int
	account                   *account
	app                       *app // nil: by hand
	created, updated, expires time.Time
	status, reason            string
	gttTerms
}

// gttTerms are what a modify replaces whole.
type gttTerms struct {
	kind      string // single, two-leg
	listing   *listing
	lastPrice amount // as the client said it; it decides the direction
	legs      []*gttLeg
}

// gttLeg is a trigger value with the order behind it.
type gttLeg struct {
	trigger, price amount
	above          bool // met when the LTP is at or over the trigger; else at or under
	quantity       int
	side, product  string
	result         *gttResult
}

// gttResult is what became of the order of a leg that was met.
type gttResult struct {
	at               time.Time
	ltp              amount
	orderID, failure string
}

// PlaceGTT keeps a trigger with the parameters of POST /gtt/triggers (docs/kite.md 4.1):
// type, condition and orders. apiKey is the app that places it, whose HTTP
// postbacks tell of the order to come; "" is the user's first.
func (x *Exchange) PlaceGTT(user, apiKey string, params url.Values) (triggerID int, e *APIError) {
	x.enter()
	defer x.leave()
	a, e := x.account(user)
	if e != nil {
		return 0, e
	}
	ap := a.app(apiKey)
	if ap == nil {
		return 0, wrongToken()
	}
	return x.placeGTT(a, ap, params)
}

// PlaceGTTByHand is PlaceGTT from the phone or the web.
func (x *Exchange) PlaceGTTByHand(user string, params url.Values) (triggerID int, e *APIError) {
	x.enter()
	defer x.leave()
	a, e := x.account(user)
	if e != nil {
		return 0, e
	}
	return x.placeGTT(a, nil, params)
}

func (x *Exchange) placeGTT(a *account, ap *app, params url.Values) (int, *APIError) {
	terms, e := x.readGTT(params)
	if e != nil {
		return 0, e
	}
	active := 0
	for _, g := range x.armed {
		if g.account == a {
			active++
		}
	}
	if active >= gttActiveMax {
		return 0, inputError(textGTTCapOwn, gttActiveMax)
	}
	x.counters.gtt++
	g := &gtt{id: 105_000 + x.counters.gtt, account: a, app: ap, created: x.now, updated: x.now, status: gttActive, gttTerms: terms}
	g.expires = x.now.AddDate(1, 0, 0)
	// With the contract (docs/kite.md 4.1); a list of instruments older than the clock binds nothing.
	if ends, ok := terms.listing.expiryEnd(); ok && ends.After(x.now) && ends.Before(g.expires) {
		g.expires = ends
	}
	a.gtts = append(a.gtts, g)
	x.armed = append(x.armed, g)
	return g.id, nil
}

// ModifyGTT replaces type, condition and orders of an active trigger.
func (x *Exchange) ModifyGTT(user string, triggerID int, params url.Values) *APIError {
	x.enter()
	defer x.leave()
	g, e := x.activeGTT(user, triggerID)
	if e != nil {
		return e
	}
	terms, e := x.readGTT(params)
	if e != nil {
		return e
	}
	if terms.listing != g.listing {
		return invalid("condition")
	}
	g.gttTerms, g.updated = terms, x.now
	return nil
}

// DeleteGTT ends an active trigger; it stays listed as deleted.
func (x *Exchange) DeleteGTT(user string, triggerID int) *APIError {
	x.enter()
	defer x.leave()
	g, e := x.activeGTT(user, triggerID)
	if e != nil {
		return e
	}
	x.endGTT(g, gttDeleted, "")
	return nil
}

// EndGTT ends an active trigger as the broker does: disabled, cancelled,
// rejected or expired, with its reason.
func (x *Exchange) EndGTT(triggerID int, status, reason string) *APIError {
	x.enter()
	defer x.leave()
	g, e := x.activeGTT("", triggerID)
	if e != nil {
		return e
	}
	if !slices.Contains([]string{gttDisabled, gttCancelled, gttRejected, gttExpired}, status) {
		return invalid("status")
	}
	x.endGTT(g, status, reason)
	return nil
}

func (x *Exchange) endGTT(g *gtt, status, reason string) {
	g.status, g.reason, g.updated = status, reason, x.now
	if i := slices.Index(x.armed, g); i >= 0 {
		x.armed = slices.Delete(x.armed, i, i+1)
	}
}

// findGTT finds a trigger of that user, or of anyone's when user is empty.
func (x *Exchange) findGTT(user string, triggerID int) (*gtt, *APIError) {
	for _, u := range x.users {
		for _, g := range x.accounts[u].gtts {
			if g.id == triggerID && (user == "" || user == u) {
				return g, nil
			}
		}
	}
	return nil, refuse(http.StatusNotFound, classGeneral, textUnknownGTTOwn)
}

func (x *Exchange) activeGTT(user string, triggerID int) (*gtt, *APIError) {
	g, e := x.findGTT(user, triggerID)
	if e == nil && g.status != gttActive {
		return nil, inputError(textGTTEndedOwn, g.status)
	}
	return g, e
}

// gttCondition and gttOrder are the JSON of the form fields. Unknown fields
// are ignored: the official Go client sends whole orders (docs/kite.md 8.4).
type gttCondition struct {
	Exchange      string    `json:"exchange"`
	Tradingsymbol string    `json:"tradingsymbol"`
	TriggerValues []float64 `json:"trigger_values"`
	LastPrice     float64   `json:"last_price"`
}

type gttOrder struct {
	Exchange        string  `json:"exchange"`
	Tradingsymbol   string  `json:"tradingsymbol"`
	TransactionType string  `json:"transaction_type"`
	OrderType       string  `json:"order_type"`
	Product         string  `json:"product"`
	Quantity        float64 `json:"quantity"`
	Price           float64 `json:"price"`
}

// readGTT checks lightly: funds, holdings, ticks, lots and the day's band are
// asked when it is met (docs/kite.md 4.1).
func (x *Exchange) readGTT(params url.Values) (gttTerms, *APIError) {
	var none gttTerms
	var c gttCondition
	var orders []gttOrder
	kind := params.Get("type")
	for _, f := range []struct {
		name string
		into any
	}{{"type", nil}, {"condition", &c}, {"orders", &orders}} {
		text := params.Get(f.name)
		if text == "" {
			return none, missing(f.name)
		}
		if f.into != nil && json.Unmarshal([]byte(text), f.into) != nil {
			return none, invalid(f.name)
		}
	}
	legs := map[string]int{"single": 1, "two-leg": 2}[kind]
	if legs == 0 {
		return none, invalid("type")
	}
	l := x.listings[c.Exchange+":"+c.Tradingsymbol]
	if l == nil || l.isIndex() || l.expired {
		return none, inputError(textUnknownInstrumentOwn)
	}
	if c.LastPrice <= 0 || c.LastPrice > amountLimit || len(c.TriggerValues) != legs {
		return none, invalid("condition")
	}
	if len(orders) != legs {
		return none, invalid("orders")
	}
	t := gttTerms{kind: kind, listing: l, lastPrice: amountOf(c.LastPrice)}
	for i, o := range orders {
		leg, e := readGTTLeg(l, kind, o)
		if e != nil {
			return none, e
		}
		value := c.TriggerValues[i]
		if value <= 0 || value > amountLimit {
			return none, invalid("condition")
		}
		leg.trigger = amountOf(value)
		leg.above = leg.trigger > t.lastPrice
		if kind == "two-leg" {
			leg.above = i == 1
		}
		t.legs = append(t.legs, leg)
	}
	return t, t.checkTriggers()
}

func readGTTLeg(l *listing, kind string, o gttOrder) (*gttLeg, *APIError) {
	quantity := int(o.Quantity)
	switch {
	case o.Exchange != l.Exchange || o.Tradingsymbol != l.Tradingsymbol:
		return nil, invalid("orders")
	case o.TransactionType != "BUY" && o.TransactionType != "SELL":
		return nil, invalid("transaction_type")
	case o.OrderType != "LIMIT":
		return nil, invalid("order_type")
	case float64(quantity) != o.Quantity || quantity <= 0 || quantity > 1e8:
		return nil, invalid("quantity")
	case o.Price <= 0 || o.Price > amountLimit:
		return nil, invalid("price")
	case o.Product == "MIS" || !slices.Contains(productsOf(l), o.Product):
		return nil, invalid("product")
	case kind == "two-leg" && o.TransactionType == "BUY" && !l.isDerivative():
		return nil, inputError(textGTTBuyOCOOwn)
	}
	return &gttLeg{side: o.TransactionType, product: o.Product, quantity: quantity, price: amountOf(o.Price)}, nil
}

// checkTriggers holds the triggers against the last price: the client's for
// their sides, the market's for what is met or too near.
func (t gttTerms) checkTriggers() *APIError {
	if t.kind == "two-leg" {
		if t.legs[0].trigger >= t.lastPrice {
			return inputError(textGTTFirst)
		}
		if t.legs[1].trigger <= t.lastPrice {
			return inputError(textGTTSecondOwn)
		}
	}
	ltp := t.listing.ltp
	if ltp == 0 {
		ltp = t.lastPrice
	}
	gap := ltp / 400
	if ltp < gttCheap {
		gap = gttGapCheap
	}
	for _, leg := range t.legs {
		if leg.trigger == t.lastPrice || leg.met(ltp) {
			return inputError(textGTTMet)
		}
		if away := max(ltp-leg.trigger, leg.trigger-ltp); away < gap {
			return inputError("%s", textGTTNearOwn)
		}
	}
	return nil
}

func (leg *gttLeg) met(ltp amount) bool {
	return ltp > 0 && (leg.above && ltp >= leg.trigger || !leg.above && ltp <= leg.trigger)
}
