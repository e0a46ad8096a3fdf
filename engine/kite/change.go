package kite

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	kiteconnect "github.com/zerodha/gokiteconnect/v4"

	"backstop/actions"
)

// Do makes one change: POST, PUT or DELETE /orders/:variety (docs/kite.md 3.1 to 3.3). The order id means that
// Kite took it for processing, not that the exchange did. Of a modify only what Kite lets one modify is sent.
//
// An error is an *actions.Error. ClassAmbiguous: the change may have happened. That is a time-out or a broken
// connection once a connection was had, a 5xx, a NetworkException other than 429 and the caps, a reply that
// can't be read, and a success without an order id. Every other class: it has not.
func (c *Client) Do(ctx context.Context, call actions.Call) (string, error) {
	if call.Method.GTT() {
		return c.doGTT(ctx, call)
	}
	op := string(call.Method)
	if why := sound(call); why != "" {
		return "", internal(op, why)
	}
	p := call.Params
	w := &wire{limit: changeReplyMax, amend: func(r *http.Request) error { return amend(r, call) }}
	r, e := c.call(ctx, op, true, w, func(k *kiteconnect.Client) {
		switch call.Method { // w has the reply
		case actions.Place:
			_, _ = k.PlaceOrder(call.Variety, kiteconnect.OrderParams{
				Exchange: p.Exchange, Tradingsymbol: p.Tradingsymbol, TransactionType: p.TransactionType,
				Quantity: int(p.Quantity), Product: p.Product, OrderType: p.OrderType, Validity: p.Validity,
				ValidityTTL: int(p.ValidityTTL), DisclosedQuantity: int(p.Disclosed), IcebergLegs: int(p.IcebergLegs), IcebergQty: int(p.IcebergQuantity),
				Price: p.Price.Rupees(), TriggerPrice: p.TriggerPrice.Rupees(),
				MarketProtection: p.MarketProtection, Tag: p.Tag,
			})
		case actions.Modify:
			_, _ = k.ModifyOrder(call.Variety, call.OrderID, kiteconnect.OrderParams{
				Quantity: int(p.Quantity), OrderType: p.OrderType, Validity: p.Validity,
				Price: p.Price.Rupees(), TriggerPrice: p.TriggerPrice.Rupees(), MarketProtection: p.MarketProtection,
			})
		case actions.Cancel:
			var parent *string
			if p.ParentOrderID != "" {
				parent = &p.ParentOrderID
			}
			_, _ = k.CancelOrder(call.Variety, call.OrderID, parent)
		}
	})
	var id string
	if e == nil {
		id, e = c.orderIDOf(op, w.status, r)
	}
	if call.Method == actions.Place {
		c.count(e)
	}
	if e != nil {
		return "", e
	}
	return id, nil
}

// count follows the cap of the day, and makes the class of its refusal.
func (c *Client) count(e *actions.Error) {
	switch {
	case e == nil:
		c.cap.taken()
	case e.Class == actions.ClassMinuteCap && c.cap.refused(time.Now()):
		e.Class, e.Hint = capTexts[1].class, capTexts[1].hint
	}
}

// sound says why a call can't be put into a request, or "". It keeps foreign text out of paths.
func sound(call actions.Call) string {
	p := call.Params
	switch {
	case call.Variety == "" || strings.Trim(call.Variety, "abcdefghijklmnopqrstuvwxyz") != "":
		return "no variety: " + clip(call.Variety)
	case call.Method != actions.Place && call.Method != actions.Modify && call.Method != actions.Cancel:
		return "no method: " + clip(string(call.Method))
	case call.Method != actions.Place && !plainID(call.OrderID):
		return "no order id: " + clip(call.OrderID)
	case call.Method != actions.Cancel && (p.Quantity < 0 || p.Price < 0 || p.TriggerPrice < 0 || p.ValidityTTL < 0 || p.Disclosed < 0 || p.IcebergLegs < 0 || p.IcebergQuantity < 0):
		return "a negative quantity or price"
	case call.Method != actions.Cancel && int64(int(p.Quantity)) != p.Quantity:
		return "a quantity beyond this machine's integers"
	case len(p.Tag) > TagLength:
		return "a tag longer than " + strconv.Itoa(TagLength) + " characters"
	}
	return ""
}

// plainID says whether s can stand in a path as an order id.
func plainID(s string) bool {
	if s == "" || len(s) > 64 {
		return false
	}
	for _, c := range s {
		if (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && c != '-' && c != '_' {
			return false
		}
	}
	return true
}

// amend puts right what gokiteconnect does to a request: parent_order_id, which it drops (trap 1), and numbers,
// which it writes as floats (a price of 1234567.5 as 1.2345675e+06).
func amend(r *http.Request, call actions.Call) error {
	p := call.Params
	if call.Method == actions.Cancel {
		if p.ParentOrderID != "" {
			q := r.URL.Query()
			q.Set("parent_order_id", p.ParentOrderID)
			r.URL.RawQuery = q.Encode()
		}
		return nil
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return err
	}
	set := func(name, text string, told bool) {
		if told {
			form.Set(name, text)
		}
	}
	set("price", p.Price.String(), p.Price != 0)
	set("trigger_price", p.TriggerPrice.String(), p.TriggerPrice != 0)
	set("market_protection", strconv.FormatFloat(p.MarketProtection, 'f', -1, 64), p.MarketProtection != 0)
	setBody(r, []byte(form.Encode()))
	return nil
}
