package paper

import (
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestRefusals(t *testing.T) {
	const (
		tick     = "Tick size for this script is "
		kindly   = ". Kindly enter price in the multiple of tick size for this script"
		kindlyTP = ". Kindly enter trigger price in the multiple of tick size for this script"
		infy     = "exchange NSE tradingsymbol INFY product CNC quantity 1"
		sell     = "transaction_type SELL "
	)
	tests := []struct {
		name, params, class, message string
	}{
		{"exchange missing", "exchange -", classInput, "Missing or empty field `exchange`"},
		{"tradingsymbol missing", "tradingsymbol -", classInput, "Missing or empty field `tradingsymbol`"},
		{"side missing", "transaction_type -", classInput, "Missing or empty field `transaction_type`"},
		{"quantity missing", "quantity -", classInput, "Missing or empty field `quantity`"},
		{"quantity zero", "quantity 0", classInput, "Missing or empty field `quantity`"},
		{"quantity negative", "quantity -65", classInput, "Invalid `quantity`."},
		{"product missing", "product -", classInput, "Missing or empty field `product`"},
		{"order type missing", "order_type -", classInput, "Missing or empty field `order_type`"},
		{"price missing", "price -", classInput, "Missing or empty field `price`"},
		{"price of SL missing", "order_type SL price - trigger_price 130", classInput, "Missing or empty field `price`"},
		{"trigger missing", "order_type SL price 130", classInput, "Missing or empty field `trigger_price`"},
		{"ttl missing", "validity TTL", classInput, "Missing or empty field `validity_ttl`"},
		{"side unknown", "transaction_type HOLD", classInput, "Invalid `transaction_type`."},
		{"type unknown", "order_type STOP", classInput, "Invalid `order_type`."},
		{"validity unknown", "validity GTC", classInput, "Invalid `validity`."},
		{"product wrong", "product CNC", classInput, "Invalid `product`."},
		{"price no number", "price NaN", classInput, "Invalid `price`."},
		{"instrument unknown", "tradingsymbol NIFTY99", classInput, textUnknownInstrumentOwn},
		{"index", "exchange NSE product MIS quantity 1 tradingsymbol NIFTY_50", classInput, textUnknownInstrumentOwn},
		{"lot", "quantity 66", classInput, "Quantity should be in multiples of lot size 65"},
		{"freeze", "quantity 1820", classInput, "Quantity 1820 is more than the freeze quantity limit of 1800 for this instrument."},
		{"disclosed in a derivative", "disclosed_quantity 65", classInput, "Invalid `disclosed_quantity`."},
		{"tick 0.05", "price 100.02", classInput, tick + "0.05" + kindly},
		{"tick finer than money", "price 100.000001", classInput, tick + "0.05" + kindly},
		{"tick 0.10", infy + " price 1500.05", classInput, tick + "0.10" + kindly},
		{"tick 0.01", "exchange NSE tradingsymbol IDEA product CNC quantity 1 price 8.505", classInput, tick + "0.01" + kindly},
		{"tick 1", "exchange MCX tradingsymbol CRUDEOIL26DECFUT quantity 1 price 5800.50", classInput, tick + "1.00" + kindly},
		{"tick of trigger", "order_type SL price 131 trigger_price 130.01", classInput, tick + "0.05" + kindlyTP},
		{"lower circuit", infy + " price 1349.90", classOrder, "Your order price is lower than the current lower circuit limit of 1350.00. Place an order within the daily range."},
		{"upper circuit", infy + " price 1650.10", classOrder, "Your order price is higher than the current upper circuit limit of 1650.00. Place an order within the daily range."},
		{"trigger above circuit", infy + " order_type SL price 1651 trigger_price 1650.10", classInput, "Trigger price for stoploss buy orders cannot be above the upper circuit price. Please try placing the order with trigger price below 1650.00"},
		{"trigger below circuit", infy + " " + sell + "product MIS order_type SL price 1349 trigger_price 1349.90", classInput, "Trigger price for stoploss sell orders cannot be below the lower circuit price. Please try placing the order with trigger price above 1350.00"},
		{"buy trigger at LTP", "order_type SL price 125 trigger_price 120", classInput, "Trigger price for stoploss buy orders should be higher than the last traded price"},
		{"sell trigger at LTP", sell + "order_type SL price 115 trigger_price 120", classInput, "Trigger price for stoploss sell orders should be lower than the last traded price"},
		{"sell trigger above LTP", sell + "order_type SL price 115 trigger_price 121", classInput, "Trigger price for stoploss sell orders should be lower than the last traded price"},
		{"buy trigger above limit", "order_type SL price 125 trigger_price 126", classInput, "Trigger price can't be higher than price"},
		{"sell trigger below limit", sell + "order_type SL price 110 trigger_price 109", classInput, "Trigger price can't be lesser than price"},
		{"buy far below", "price 40", classOrder, textFarFromLTP},
		{"sell far above", sell + "price 200", classOrder, textFarFromLTP},
		{"MARKET unprotected", "order_type MARKET price -", classInput, "Market orders without market protection are not allowed via API. Please set market protection or use a Limit order."},
		{"MARKET protection 0", "order_type MARKET price - market_protection 0", classInput, textMarketProtection},
		{"SL-M unprotected", "tradingsymbol NIFTY26NOVFUT order_type SL-M price - trigger_price 24600", classInput, textMarketProtection},
		{"protection too wide", "order_type MARKET price - market_protection 101", classInput, "Invalid `market_protection`."},
		{"SL-M option", "order_type SL-M price - trigger_price 130 market_protection -1", classInput, textStopMarketOptionsOwn},
		{"SL-M BSE", "exchange BSE tradingsymbol RELIANCE product MIS quantity 1 order_type SL-M price - trigger_price 1410 market_protection 1", classInput, textStopMarketBSEOwn},
		{"SL-M BFO", "exchange BFO tradingsymbol SENSEX26DEC80000CE quantity 20 order_type SL-M price - trigger_price 430 market_protection 1", classInput, textStopMarketBSEOwn},
		{"IOC at MCX", "exchange MCX tradingsymbol CRUDEOIL26DECFUT quantity 1 price 5800 validity IOC", classInput, textMCXImmediateOwn},
		{"tag of 21", "tag " + strings.Repeat("x", 21), classInput, textTagOwn},
		{"CNC sale without holdings", infy + " " + sell + "price 1500", classHolding, textHoldings},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			x, _ := exchange(t)
			words := strings.Fields(test.params)
			for i := 1; i < len(words); i += 2 {
				words[i] = strings.ReplaceAll(strings.TrimSuffix(words[i], "-"), "_", " ")
			}
			_, e := x.Place(user, "regular", with(words...))
			refused(t, e, 400, test.class, test.message)
			equal(t, "book", string(x.OrdersJSON(user)), `{"status":"success","data":[]}`)
			equal(t, "pushes", pushes(x), "")
		})
	}
}

func TestRefusalsOfWhoAndWhen(t *testing.T) {
	x, _ := exchange(t, func(o *Options) { o.Open = func(ex string, _ time.Time) bool { return ex == "NSE" } })
	_, e := x.Place(user, "regular", with())
	refused(t, e, 400, classOrder, "Your order could not be converted to a After Market Order (AMO).")
	_, e = x.Place("XX", "regular", with())
	refused(t, e, 403, classToken, "Incorrect `api_key` or `access_token`.")
	_, e = x.PlaceVia(user, "other", "regular", with())
	refused(t, e, 403, classToken, textWrongToken)
	_, e = x.Place(user, "bo", with())
	refused(t, e, 400, classInput, "Invalid `variety`.")
	equal(t, "body", string(e.Body()), `{"status":"error","message":"Invalid `+"`variety`"+`.","error_type":"InputException"}`)
}

func TestRefusalsOfModifyAndCancel(t *testing.T) {
	x, _ := exchange(t)
	open := mustPlace(t, x)
	stop := mustPlace(t, x, "transaction_type", "SELL", "order_type", "SL", "price", "108", "trigger_price", "110")
	done := mustPlace(t, x)
	mustCancel(t, x, done)
	x.AddAccount("CD5678", "other", "s", "t")

	for _, test := range []struct {
		name, id, params string
		status           int
		class, message   string
	}{
		{"finished", done, "price 101", 400, classInput, "Order cannot be modified as it is being processed. Try later."},
		{"unknown", "1", "price 101", 404, classGeneral, "Couldn't find that `order_id`."},
		{"LIMIT to SL", open, "order_type SL trigger_price 130 price 131", 400, classInput, "A LIMIT order cannot be modified to SL."},
		{"LIMIT to SL-M", open, "order_type SL-M trigger_price 130", 400, classInput, "A LIMIT order cannot be modified to SL-M."},
		{"LIMIT to MARKET unprotected", open, "order_type MARKET", 400, classInput, textMarketProtection},
		{"SL to MARKET unprotected", stop, "order_type MARKET", 400, classInput, textMarketProtection},
		{"SL trigger through LTP", stop, "trigger_price 125", 400, classInput, textTriggerSellLTP},
		{"SL limit over trigger", stop, "price 111", 400, classInput, textTriggerLesser},
		{"tick", open, "price 100.01", 400, classInput, "Tick size for this script is 0.05. Kindly enter price in the multiple of tick size for this script"},
		{"lot", open, "quantity 70", 400, classInput, "Quantity should be in multiples of lot size 65"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, e := x.Modify(user, "regular", test.id, values(strings.Fields(test.params)...))
			refused(t, e, test.status, test.class, test.message)
		})
	}
	_, e := x.Cancel(user, "regular", done)
	refused(t, e, 400, classInput, "Order cannot be cancelled as it is being processed. Try later.")
	_, e = x.Cancel("CD5678", "regular", open)
	refused(t, e, 404, classGeneral, textUnknownOrder)
	_, e = x.Cancel(user, "amo", open)
	refused(t, e, 404, classGeneral, textUnknownOrder)
	equal(t, "untouched", bookRow(t, x, open)["modified"].(bool), false)
}

func TestModificationCap(t *testing.T) {
	x, _ := exchange(t)
	id := mustPlace(t, x)
	for i := range 25 {
		mustModify(t, x, id, "price", strconv.Itoa(99-i%2))
	}
	_, e := x.Modify(user, "regular", id, values("price", "97"))
	refused(t, e, 429, classNetwork, "Maximum allowed order modifications exceeded.")
	mustCancel(t, x, id) // a cancel is no modification
}

func TestOrderCaps(t *testing.T) {
	x, c := exchange(t, func(o *Options) { o.Limits = Limits{OrdersPerSecond: 2, OrdersPerMinute: 4, OrdersPerDay: 6} })
	place := func() *APIError { _, e := x.Place(user, "regular", with()); return e }
	for range 2 {
		if e := place(); e != nil {
			t.Fatal(e)
		}
	}
	refused(t, place(), 429, classNetwork, "Too many requests")
	c.advance(time.Second)
	_, e := x.Place(user, "regular", with("quantity", "1")) // counts though refused
	refused(t, e, 400, classInput, "Quantity should be in multiples of lot size 65")
	place()
	c.advance(2 * time.Second)
	refused(t, place(), 429, classNetwork, "Maximum allowed order requests exceeded")
	c.advance(time.Minute)
	place()
	place()
	c.advance(time.Hour)
	refused(t, place(), 429, classNetwork, "Maximum allowed order requests exceeded")
	c.advance(24 * time.Hour)
	if e := place(); e != nil {
		t.Errorf("next day: %v", e)
	}
}
