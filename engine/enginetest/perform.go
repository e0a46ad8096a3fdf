package enginetest

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"backstop/actions"
	"backstop/engine/order"
	"backstop/engine/paper"
)

// perform does at the exchange what a request asks for.
func (w *world) perform(r *actions.Request, fault string) (string, *paper.APIError) {
	if r.Call.Method.GTT() {
		return w.performGTT(r)
	}
	p := r.Call.Params
	v := url.Values{}
	set := func(name, value string) {
		if value != "" && value != "0" {
			v.Set(name, value)
		}
	}
	set("quantity", strconv.FormatInt(p.Quantity, 10))
	set("price", p.Price.String())
	set("trigger_price", p.TriggerPrice.String())
	set("order_type", p.OrderType)
	set("validity", p.Validity)
	if p.MarketProtection != 0 {
		set("market_protection", strconv.FormatFloat(p.MarketProtection, 'f', -1, 64))
	}
	switch r.Call.Method {
	case actions.Place:
		switch fault {
		case "rejected":
			w.x.RejectNext(user, "RMS:Blocked for this test")
		case "margin":
			w.x.RefuseNext(user, &paper.APIError{HTTPStatus: 400, ErrorType: "MarginException",
				Message: "Insufficient funds. Required margin is 1.00 but available margin is 0.00."})
		}
		set("exchange", p.Exchange)
		set("tradingsymbol", p.Tradingsymbol)
		set("transaction_type", p.TransactionType)
		set("product", p.Product)
		set("tag", p.Tag)
		set("validity_ttl", strconv.FormatInt(p.ValidityTTL, 10))
		set("disclosed_quantity", strconv.FormatInt(p.Disclosed, 10))
		set("iceberg_legs", strconv.FormatInt(p.IcebergLegs, 10))
		set("iceberg_quantity", strconv.FormatInt(p.IcebergQuantity, 10))
		id, e := w.x.PlaceVia(user, apiKey, r.Call.Variety, v)
		w.watch.kind[id] = p.OrderType
		return id, e
	case actions.Modify:
		id, e := w.x.Modify(user, r.Call.Variety, r.Call.OrderID, v)
		if e == nil && !(w.watch.kind[id] == "SL" && p.OrderType == "LIMIT") { // a stop that hangs and is priced anew is a stop
			w.watch.kind[id] = p.OrderType
		}
		return id, e
	default:
		return w.x.Cancel(user, r.Call.Variety, r.Call.OrderID)
	}
}

// performGTT changes a trigger at the exchange.
func (w *world) performGTT(r *actions.Request) (string, *paper.APIError) {
	p, id := r.Call.Params, r.Call.OrderID
	number, _ := strconv.Atoi(id) // 0 is no trigger's, and refused as such
	leg := func(price order.Price) string {
		return fmt.Sprintf(`{"exchange":%q,"tradingsymbol":%q,"transaction_type":%q,"quantity":%d,"order_type":"LIMIT","product":%q,"price":%s}`,
			p.Exchange, p.Tradingsymbol, p.TransactionType, p.Quantity, p.Product, price)
	}
	kind, at, legs := "single", []string{p.TriggerPrice.String()}, []string{leg(p.Price)}
	if p.TargetPrice > 0 {
		kind, at, legs = "two-leg", append(at, p.TargetPrice.String()), append(legs, leg(p.TargetPrice))
		if p.TargetPrice < p.TriggerPrice {
			slices.Reverse(at)
			slices.Reverse(legs)
		}
	}
	v := url.Values{"type": {kind}, "orders": {"[" + strings.Join(legs, ",") + "]"},
		"condition": {fmt.Sprintf(`{"exchange":%q,"tradingsymbol":%q,"trigger_values":[%s],"last_price":%s}`, p.Exchange, p.Tradingsymbol, strings.Join(at, ","), p.LastPrice)}}
	switch r.Call.Method {
	case actions.PlaceGTT:
		n, e := w.x.PlaceGTT(user, apiKey, v)
		return strconv.Itoa(n), e
	case actions.ModifyGTT:
		return id, w.x.ModifyGTT(user, number, v)
	default:
		return id, w.x.DeleteGTT(user, number)
	}
}

// call tells a request in a line of a story.
func (w *world) call(r *actions.Request) string {
	p := r.Call.Params
	again := ""
	if r.Attempts > 1 {
		again = fmt.Sprintf(", attempt %d", r.Attempts)
	}
	what := fmt.Sprintf("%s %d at %s", p.OrderType, p.Quantity, p.Price)
	if p.TriggerPrice > 0 {
		what = fmt.Sprintf("%s %d at %s behind %s", p.OrderType, p.Quantity, p.Price, p.TriggerPrice)
	}
	switch r.Call.Method {
	case actions.PlaceGTT, actions.ModifyGTT:
		return fmt.Sprintf("%s %s %s of %s %s target %s%s", r.Call.Method, r.Call.OrderID, what, short(p.Tradingsymbol), p.Product, p.TargetPrice, again)
	case actions.DeleteGTT:
		return fmt.Sprintf("delete gtt %s%s", r.Call.OrderID, again)
	case actions.Place:
		return fmt.Sprintf("place %s %s of %s %s for %s%s", p.TransactionType, what, short(p.Tradingsymbol), p.Product, r.For, again)
	case actions.Modify:
		return fmt.Sprintf("modify %s to %s%s", w.short(r.Call.OrderID), what, again)
	default:
		return fmt.Sprintf("cancel %s%s", w.short(r.Call.OrderID), again)
	}
}

// name gives an order of ours a short name: S1 a stop, T1 a target, X1 an exit.
func (w *world) name(id string, r *actions.Request) {
	if r.Call.Method != actions.Place {
		return
	}
	letter := map[string]string{"SL": "S", "SL-M": "S", "LIMIT": "T"}[r.Call.Params.OrderType]
	if letter == "" {
		letter = "X"
	}
	w.watch.count[letter]++
	w.watch.names[id] = fmt.Sprintf("%s%d", letter, w.watch.count[letter])
}

// short is an order's name in a story.
func (w *world) short(id string) string {
	if n, ok := w.watch.names[id]; ok {
		return n
	}
	return id
}
