package paper

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"time"
)

// runGTTs fires what the LTP of this tick has reached or jumped over, in the
// market's hours only (docs/kite.md 4.1): a gap fires on the day's first tick.
func (x *Exchange) runGTTs(l *listing) {
	for _, g := range slices.Clone(x.armed) {
		if g.listing != l {
			continue
		}
		if i := slices.IndexFunc(g.legs, func(leg *gttLeg) bool { return leg.met(l.ltp) }); i >= 0 {
			x.fire(g, g.legs[i])
		}
	}
}

// fire is the one shot of a trigger: an ordinary DAY LIMIT order under the
// whole check. Placed or not, the trigger is over, its other leg with it.
func (x *Exchange) fire(g *gtt, leg *gttLeg) {
	x.endGTT(g, gttTriggered, "")
	leg.result = &gttResult{at: x.now, ltp: g.listing.ltp}
	a := g.account
	if len(a.failNextGTT) > 0 {
		leg.result.failure, a.failNextGTT = a.failNextGTT[0], a.failNextGTT[1:]
		return
	}
	// It counts to the day's orders (docs/kite.md 3.9), not to a second's or a minute's.
	if e := a.countPlacement(x.now, Limits{OrdersPerDay: x.opts.Limits.OrdersPerDay}); e != nil {
		leg.result.failure = e.Message
		return
	}
	id, e := x.place(placement{account: a, app: g.app, placedBy: a.user, variety: "regular", checked: true, gtt: g, params: url.Values{
		"exchange": {g.listing.Exchange}, "tradingsymbol": {g.listing.Tradingsymbol}, "transaction_type": {leg.side},
		"quantity": {strconv.Itoa(leg.quantity)}, "product": {leg.product}, "order_type": {"LIMIT"},
		"price": {leg.price.String()}, "validity": {"DAY"},
	}})
	if e != nil {
		leg.result.failure = e.Message
		return
	}
	leg.result.orderID = id
}

// FireGTT fires a leg (0 or 1) of an active trigger wherever the price is.
func (x *Exchange) FireGTT(triggerID, leg int) error {
	x.enter()
	defer x.leave()
	g, e := x.activeGTT("", triggerID)
	if e != nil {
		return e
	}
	if leg < 0 || leg >= len(g.legs) {
		return fmt.Errorf("paper: fire: GTT %d has no leg %d", triggerID, leg)
	}
	x.fire(g, g.legs[leg])
	return nil
}

// FailNextGTT lets the order of the user's next met trigger fail with that
// text: triggered, and nothing placed.
func (x *Exchange) FailNextGTT(user, text string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if a := x.accounts[user]; a != nil {
		a.failNextGTT = append(a.failNextGTT, text)
	}
}

// SetGTTPostbacks says whether the orders that triggers place are told by
// HTTP postback; Kite's pages do not say it (docs/kite.md 4.1). At the start they are.
func (x *Exchange) SetGTTPostbacks(on bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.gttSilent = !on
}

// expireGTTs ends those whose time is over.
func (x *Exchange) expireGTTs() {
	for _, g := range slices.Clone(x.armed) {
		if !x.now.Before(g.expires) {
			x.endGTT(g, gttExpired, "")
		}
	}
}

// gttRow is a trigger as GET /gtt/triggers shows it.
type gttRow struct {
	ID            int           `json:"id"`
	UserID        string        `json:"user_id"`
	ParentTrigger nullable      `json:"parent_trigger"`
	Type          string        `json:"type"`
	CreatedAt     stamp         `json:"created_at"`
	UpdatedAt     stamp         `json:"updated_at"`
	ExpiresAt     stamp         `json:"expires_at"`
	Status        string        `json:"status"`
	Condition     gttWatch      `json:"condition"`
	Orders        []gttOrderRow `json:"orders"`
	Meta          any           `json:"meta"`
}

type gttWatch struct {
	Exchange        string   `json:"exchange"`
	LastPrice       amount   `json:"last_price"`
	Tradingsymbol   string   `json:"tradingsymbol"`
	TriggerValues   []amount `json:"trigger_values"`
	InstrumentToken uint32   `json:"instrument_token"`
}

type gttOrderRow struct {
	Exchange        string        `json:"exchange"`
	Tradingsymbol   string        `json:"tradingsymbol"`
	Product         string        `json:"product"`
	OrderType       string        `json:"order_type"`
	TransactionType string        `json:"transaction_type"`
	Quantity        int           `json:"quantity"`
	Price           amount        `json:"price"`
	Result          *gttResultRow `json:"result"`
}

type gttResultRow struct {
	AccountID       string `json:"account_id"`
	Exchange        string `json:"exchange"`
	Tradingsymbol   string `json:"tradingsymbol"`
	Validity        string `json:"validity"`
	Product         string `json:"product"`
	OrderType       string `json:"order_type"`
	TransactionType string `json:"transaction_type"`
	Quantity        int    `json:"quantity"`
	Price           amount `json:"price"`
	Meta            string `json:"meta"` // JSON in a string, of the trigger and the app
	Timestamp       stamp  `json:"timestamp"`
	TriggeredAt     amount `json:"triggered_at"` // the price that met it
	OrderResult     struct {
		Status          string `json:"status"` // success, failed
		OrderID         string `json:"order_id"`
		RejectionReason string `json:"rejection_reason"`
	} `json:"order_result"`
}

func (g *gtt) row() gttRow {
	l := g.listing
	r := gttRow{ID: g.id, UserID: g.account.user, Type: g.kind, CreatedAt: stamp(g.created), UpdatedAt: stamp(g.updated),
		ExpiresAt: stamp(g.expires), Status: g.status, Condition: gttWatch{Exchange: l.Exchange, LastPrice: g.lastPrice,
			Tradingsymbol: l.Tradingsymbol, InstrumentToken: l.token}}
	switch {
	case g.reason != "":
		r.Meta = map[string]string{"rejection_reason": g.reason}
	case g.status == gttActive:
		r.Meta = emptyObject
	}
	for _, leg := range g.legs {
		r.Condition.TriggerValues = append(r.Condition.TriggerValues, leg.trigger)
		r.Orders = append(r.Orders, gttOrderRow{l.Exchange, l.Tradingsymbol, leg.product, "LIMIT", leg.side, leg.quantity, leg.price, g.resultRow(leg)})
	}
	return r
}

func (g *gtt) resultRow(leg *gttLeg) *gttResultRow {
	if leg.result == nil {
		return nil
	}
	var appID int64
	if g.app != nil {
		appID = g.app.id
	}
	r := &gttResultRow{AccountID: g.account.user, Exchange: g.listing.Exchange, Tradingsymbol: g.listing.Tradingsymbol, Validity: "DAY",
		Product: leg.product, OrderType: "LIMIT", TransactionType: leg.side, Quantity: leg.quantity, Price: leg.price,
		Meta: fmt.Sprintf(`{"app_id":%d,"gtt":%d}`, appID, g.id), Timestamp: stamp(leg.result.at), TriggeredAt: leg.result.ltp}
	r.OrderResult.Status, r.OrderResult.OrderID, r.OrderResult.RejectionReason = "success", leg.result.orderID, leg.result.failure
	if leg.result.orderID == "" {
		r.OrderResult.Status = "failed"
	}
	return r
}

// GTTsJSON is the answer of GET /gtt/triggers: the active ones, and the others
// of the last 7 days.
func (x *Exchange) GTTsJSON(user string) []byte {
	x.enter()
	defer x.leave()
	rows := []gttRow{}
	if a := x.accounts[user]; a != nil {
		for _, g := range a.gtts {
			if g.status == gttActive || x.now.Sub(g.updated) < gttListed {
				rows = append(rows, g.row())
			}
		}
	}
	return success(rows)
}

// GTTJSON is the answer of GET /gtt/triggers/:id, however old it is.
func (x *Exchange) GTTJSON(user string, triggerID int) ([]byte, *APIError) {
	x.enter()
	defer x.leave()
	g, e := x.findGTT(user, triggerID)
	if e != nil {
		return nil, e
	}
	return success(g.row()), nil
}

// BookGTT is one trigger of the true book, for a judge.
type BookGTT struct {
	User          string       `json:"user"`
	APIKey        string       `json:"api_key"` // "" by hand
	TriggerID     int          `json:"trigger_id"`
	Type          string       `json:"type"`
	Status        string       `json:"status"`
	Exchange      string       `json:"exchange"`
	Tradingsymbol string       `json:"tradingsymbol"`
	Legs          []BookGTTLeg `json:"legs"`
	PlacedAt      time.Time    `json:"placed_at"`
	ExpiresAt     time.Time    `json:"expires_at"`
}

// BookGTTLeg is a leg of a BookGTT; prices are rupees, quantities units.
type BookGTTLeg struct {
	Trigger         float64 `json:"trigger"`
	Above           bool    `json:"above"` // met at or over the trigger; else at or under
	TransactionType string  `json:"transaction_type"`
	Product         string  `json:"product"`
	Quantity        int     `json:"quantity"`
	Price           float64 `json:"price"`
	Met             bool    `json:"met"`
	OrderID         string  `json:"order_id"` // of the order it placed
	Failure         string  `json:"failure"`  // why it placed none
}

// Live tells whether the trigger can still fire.
func (b BookGTT) Live() bool { return b.Status == gttActive }

// GTTs are all triggers of all users, as they are. No fault touches them.
func (x *Exchange) GTTs() []BookGTT {
	x.enter()
	defer x.leave()
	all := []BookGTT{}
	for _, user := range x.users {
		for _, g := range x.accounts[user].gtts {
			b := BookGTT{User: user, TriggerID: g.id, Type: g.kind, Status: g.status, Exchange: g.listing.Exchange,
				Tradingsymbol: g.listing.Tradingsymbol, PlacedAt: g.created, ExpiresAt: g.expires}
			if g.app != nil {
				b.APIKey = g.app.key
			}
			for _, leg := range g.legs {
				bl := BookGTTLeg{Trigger: leg.trigger.rupees(), Above: leg.above, TransactionType: leg.side, Product: leg.product,
					Quantity: leg.quantity, Price: leg.price.rupees()}
				if r := leg.result; r != nil {
					bl.Met, bl.OrderID, bl.Failure = true, r.orderID, r.failure
				}
				b.Legs = append(b.Legs, bl)
			}
			all = append(all, b)
		}
	}
	return all
}
