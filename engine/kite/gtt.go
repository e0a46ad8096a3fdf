package kite

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	kiteconnect "github.com/zerodha/gokiteconnect/v4"

	"backstop/actions"
	"backstop/engine/order"
)

// doGTT makes one change of a GTT: POST, PUT or DELETE /gtt/triggers (docs/kite.md 4.1). gokiteconnect carries it; what it
// writes of condition and orders is not what Kite's page says (trap 3), so the form is ours.
func (c *Client) doGTT(ctx context.Context, call actions.Call) (string, error) {
	op := string(call.Method)
	id := 0
	if call.Method != actions.PlaceGTT {
		n, err := strconv.Atoi(call.OrderID)
		if err != nil || n <= 0 {
			return "", internal(op, "no trigger id: "+clip(call.OrderID))
		}
		id = n
	}
	w := &wire{limit: changeReplyMax}
	if call.Method != actions.DeleteGTT {
		form, err := gttForm(call.Params)
		if err != nil {
			return "", internal(op, err.Error())
		}
		w.amend = func(r *http.Request) error {
			setBody(r, []byte(form.Encode()))
			return nil
		}
	}
	r, e := c.call(ctx, op, true, w, func(k *kiteconnect.Client) {
		none := kiteconnect.GTTParams{Trigger: &kiteconnect.GTTSingleLegTrigger{}}
		switch call.Method { // w has the reply
		case actions.PlaceGTT:
			_, _ = k.PlaceGTT(none)
		case actions.ModifyGTT:
			_, _ = k.ModifyGTT(id, none)
		case actions.DeleteGTT:
			_, _ = k.DeleteGTT(id)
		}
	})
	if e != nil {
		return "", e
	}
	found := ""
	if r.data.kind == kindObject {
		m := membersOf(r.data.raw, true)
		for m.next() {
			if string(m.name) == "trigger_id" {
				found, _ = identifier(m.value) // "" counts as none
			}
		}
	}
	if found == "" {
		return "", unsure(op, true, w.status, "the reply names no trigger id")
	}
	return found, nil
}

// gttForm is a GTT as Kite reads it: the condition and the orders are JSON in form fields. The lower trigger comes first.
func gttForm(p actions.Params) (url.Values, error) {
	if p.Quantity <= 0 || p.Price <= 0 || p.TriggerPrice <= 0 || p.LastPrice <= 0 {
		return nil, errors.New("a GTT without a quantity, price, trigger or last price")
	}
	type leg struct {
		Exchange        string      `json:"exchange"`
		Tradingsymbol   string      `json:"tradingsymbol"`
		TransactionType string      `json:"transaction_type"`
		Quantity        int64       `json:"quantity"`
		OrderType       string      `json:"order_type"`
		Product         string      `json:"product"`
		Price           order.Price `json:"price"`
	}
	kind, triggers := "single", []order.Price{p.TriggerPrice}
	stop := leg{p.Exchange, p.Tradingsymbol, p.TransactionType, p.Quantity, "LIMIT", p.Product, p.Price}
	legs := []leg{stop}
	if p.TargetPrice > 0 {
		target := stop
		target.Price = p.TargetPrice
		kind, triggers, legs = "two-leg", append(triggers, p.TargetPrice), append(legs, target)
		if p.TargetPrice < p.TriggerPrice {
			triggers[0], triggers[1] = triggers[1], triggers[0]
			legs[0], legs[1] = legs[1], legs[0]
		}
	}
	condition, err := json.Marshal(struct {
		Exchange      string        `json:"exchange"`
		Tradingsymbol string        `json:"tradingsymbol"`
		TriggerValues []order.Price `json:"trigger_values"`
		LastPrice     order.Price   `json:"last_price"`
	}{p.Exchange, p.Tradingsymbol, triggers, p.LastPrice})
	if err != nil {
		return nil, err
	}
	orders, err := json.Marshal(legs)
	if err != nil {
		return nil, err
	}
	return url.Values{"type": {kind}, "condition": {string(condition)}, "orders": {string(orders)}}, nil
}

// GTTs are the account's triggers (GET /gtt/triggers). gokiteconnect loses what became of one that was met (trap 4), so the
// reply is read here. Where rows can't be read, the others come together with an error that names the first: a hidden one
// could be placed a second time.
func (c *Client) GTTs(ctx context.Context) ([]actions.GTTRow, error) {
	const op = "gtts"
	w := &wire{limit: bookMax}
	if _, e := c.call(ctx, op, false, w, func(k *kiteconnect.Client) {
		_, _ = k.GetGTTs() // w has the reply
	}); e != nil {
		return nil, e
	}
	rows, unreadable, err := DecodeGTTs(w.body)
	if err == nil && len(unreadable) > 0 {
		err = unreadable[0]
	}
	if err != nil {
		return rows, c.unreadable(op, w.status, err)
	}
	return rows, nil
}

// DecodeGTTs reads a reply of GET /gtt/triggers.
func DecodeGTTs(envelope []byte) (rows []actions.GTTRow, unreadable []RowError, err error) {
	r, err := openReply(envelope)
	if err != nil {
		return nil, nil, fmt.Errorf("gtts: %w", err)
	}
	data, err := r.list("gtts")
	if err != nil {
		return nil, nil, err
	}
	eachRow(data, func(index int, v value) {
		row, err := readGTT(v.raw)
		if err != nil {
			unreadable = append(unreadable, RowError{index, "", bytes.Clone(v.raw), err})
			return
		}
		rows = append(rows, row)
	})
	return rows, unreadable, nil
}

// gttWire is a row as Kite writes it. Meta and result are {} or text or null where there is nothing to say.
type gttWire struct {
	ID        json.Number     `json:"id"`
	Status    string          `json:"status"`
	Meta      json.RawMessage `json:"meta"`
	Condition struct {
		Exchange      string        `json:"exchange"`
		Tradingsymbol string        `json:"tradingsymbol"`
		TriggerValues []json.Number `json:"trigger_values"`
	} `json:"condition"`
	Orders []struct {
		Product         string          `json:"product"`
		OrderType       string          `json:"order_type"`
		TransactionType string          `json:"transaction_type"`
		Quantity        json.Number     `json:"quantity"`
		Price           json.Number     `json:"price"`
		Result          json.RawMessage `json:"result"`
	} `json:"orders"`
}

func readGTT(raw []byte) (actions.GTTRow, error) {
	var w gttWire
	if err := json.Unmarshal(raw, &w); err != nil {
		return actions.GTTRow{}, err
	}
	row := actions.GTTRow{ID: w.ID.String(), Status: w.Status, Exchange: w.Condition.Exchange, Tradingsymbol: w.Condition.Tradingsymbol}
	if !plainID(row.ID) || row.Status == "" || row.Tradingsymbol == "" || len(w.Orders) == 0 || len(w.Orders) != len(w.Condition.TriggerValues) {
		return row, errors.New("id, status, condition or orders are missing")
	}
	var meta struct {
		Reason string `json:"rejection_reason"`
	}
	_ = json.Unmarshal(w.Meta, &meta) // a text, or nothing: no reason told
	row.Reason = oneLine(meta.Reason)
	for i, o := range w.Orders {
		trigger, err := order.ParsePrice(w.Condition.TriggerValues[i].String())
		if err != nil {
			return row, fmt.Errorf("trigger_values: %w", err)
		}
		price, err := order.ParsePrice(o.Price.String())
		if err != nil {
			return row, fmt.Errorf("price: %w", err)
		}
		quantity, err := integerOf(o.Quantity.String())
		if err != nil {
			return row, fmt.Errorf("quantity: %w", err)
		}
		leg := actions.GTTLeg{Product: o.Product, TransactionType: o.TransactionType, OrderType: o.OrderType, Quantity: quantity, Price: price}
		leg.Met, leg.OrderID, leg.Failed = gttResult(o.Result)
		row.Triggers, row.Legs = append(row.Triggers, trigger), append(row.Legs, leg)
	}
	return row, nil
}

// gttResult reads what became of a leg: met is false where it has none. Triggered is not executed: the order may have been
// refused, and then there is none.
func gttResult(raw json.RawMessage) (met bool, orderID, failed string) {
	var result struct {
		Order *struct {
			Status  string `json:"status"`
			OrderID string `json:"order_id"`
			Reason  string `json:"rejection_reason"`
		} `json:"order_result"`
	}
	if json.Unmarshal(raw, &result) != nil || result.Order == nil {
		return false, "", ""
	}
	o := result.Order
	if o.OrderID == "" || o.Status == "failed" {
		failed = oneLine(o.Reason)
		if failed == "" {
			failed = "no reason told"
		}
		return true, "", failed
	}
	return true, o.OrderID, ""
}
