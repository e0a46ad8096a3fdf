package rulestest

import (
	"bytes"
	"encoding/json"
	"maps"
	"regexp"
	"strconv"
	"time"

	"backstop/engine/kite"
	"backstop/engine/order"
)

// Defaults of an inline update of an order that nothing is known of.
const (
	defaultOption   = "NIFTY26DEC24500CE"
	defaultShare    = "INFY"
	defaultQuantity = 75
	defaultPrice    = 100
)

// inline gives an update written in the step, filled up with what is known of its order and sensible defaults. It
// goes through Kite's own decoder.
func (s *scenario) inline(st *step, give func(order.Update) error) error {
	id, _ := st.fields["order_id"].(string)
	at := st.update
	if st.answers != nil {
		found, err := s.answered(st.answers)
		if err != nil {
			return err
		}
		id = found
		if at == nil {
			at = st.answers.node
		}
	} else if id == "" {
		if id = s.last; id == "" {
			id = "1"
		}
	}
	if st.answers == nil {
		s.last = id
	}
	if !s.now.After(s.stamp) && st.after == 0 && st.at == "" { // a second later than the one before
		s.now = s.stamp.Add(time.Second)
	}
	s.stamp = s.now
	fields := s.filled(id, st.fields)
	raw, err := json.Marshal(fields)
	if err != nil {
		return &stepError{at, err.Error(), ""}
	}
	var u order.Update
	var bad error
	if err := kite.DecodeAny(bytes.NewReader(raw), func(got order.Update, err error) error { u, bad = got, err; return nil }); err != nil {
		return &stepError{at, err.Error(), ""}
	}
	if bad != nil {
		return &stepError{at, bad.Error(), ""}
	}
	s.orders[id] = fields
	return give(u)
}

// filled is an update whole: what is written, over what is known of the order, over the file's defaults, over
// sensible ones; and what follows from these.
func (s *scenario) filled(id string, written map[string]any) map[string]any {
	known, old := s.orders[id]
	m := s.defaults(written)
	if old {
		m = maps.Clone(known)
		for _, moved := range []string{"status", "order_timestamp", "exchange_update_timestamp", "exchange_timestamp", "status_message", "status_message_raw",
			"pending_quantity", "cancelled_quantity", "average_price"} {
			delete(m, moved)
		}
	}
	maps.Copy(m, written)
	m["order_id"] = id
	fill := func(name string, v any) {
		if _, ok := m[name]; !ok {
			m[name] = v
		}
	}
	fill("user_id", s.file.account)
	fill("placed_by", m["user_id"])
	fill("status", "COMPLETE")
	status, _ := m["status"].(string)
	quantity, before := number(m["quantity"]), number(known["filled_quantity"])
	if _, ok := written["filled_quantity"]; !ok {
		switch status {
		case "COMPLETE":
			m["filled_quantity"] = quantity
		case "REJECTED":
			m["filled_quantity"] = 0
		default:
			m["filled_quantity"] = before
		}
	}
	filled := number(m["filled_quantity"])
	switch average := known["average_price"]; {
	case filled == 0:
		fill("average_price", 0)
	case average != nil && filled == before && number(average) > 0:
		fill("average_price", average)
	case status == "COMPLETE":
		fill("average_price", s.likelyPrice(m))
	default:
		fill("average_price", 0) // Kite tells none while a part is filled
	}
	if over(status) {
		fill("pending_quantity", 0)
	} else {
		fill("pending_quantity", quantity-filled)
	}
	if status == "CANCELLED" {
		fill("cancelled_quantity", quantity-filled)
	}
	now := s.now.In(order.IST).Format(time.DateTime)
	fill("order_timestamp", now)
	fill("exchange_update_timestamp", now)
	return m
}

// likelyPrice is what an order filled at where the test does not say: its limit, of a stop its trigger, else the last
// price.
func (s *scenario) likelyPrice(m map[string]any) any {
	if kind, _ := m["order_type"].(string); kind == "SL" || kind == "SL-M" {
		if trigger := number(m["trigger_price"]); trigger > 0 {
			return trigger
		}
	}
	if price := number(m["price"]); price > 0 {
		return price
	}
	exchange, _ := m["exchange"].(string)
	symbol, _ := m["tradingsymbol"].(string)
	return s.prices[exchange+":"+symbol].Rupees()
}

var derivative = regexp.MustCompile(`\d(CE|PE|FUT)$|FUT$|\d(CE|PE)$`)

// defaults are the fields of an order that nothing is known of.
func (s *scenario) defaults(written map[string]any) map[string]any {
	m := map[string]any{"variety": "regular", "transaction_type": order.Buy, "product": "MIS", "order_type": "LIMIT", "validity": "DAY", "quantity": defaultQuantity}
	for name, v := range s.file.defaults {
		m[name] = v
	}
	has := func(name string) (string, bool) {
		for _, from := range []map[string]any{written, s.file.defaults} {
			if v, ok := from[name].(string); ok {
				return v, true
			}
		}
		return "", false
	}
	exchange, hasExchange := has("exchange")
	symbol, hasSymbol := has("tradingsymbol")
	switch {
	case hasExchange && hasSymbol:
	case hasSymbol && derivative.MatchString(symbol):
		m["exchange"] = "NFO"
	case hasSymbol:
		m["exchange"] = "NSE"
	case exchange == "NSE" || exchange == "BSE":
		m["tradingsymbol"] = defaultShare
	default:
		m["tradingsymbol"] = defaultOption
		if !hasExchange {
			m["exchange"] = "NFO"
		}
	}
	if kind, _ := has("order_type"); kind != "MARKET" {
		if _, ok := m["price"]; !ok {
			m["price"] = defaultPrice
		}
	}
	return m
}

// number reads a JSON or YAML number; 0 where there is none.
func number(v any) float64 {
	switch v := v.(type) {
	case int:
		return float64(v)
	case int64:
		return float64(v)
	case float64:
		return v
	case json.Number:
		x, _ := v.Float64() // 0 where it is none
		return x
	case string:
		x, _ := strconv.ParseFloat(v, 64) // the same
		return x
	}
	return 0
}
