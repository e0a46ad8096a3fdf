package paper

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	kiteconnect "github.com/zerodha/gokiteconnect/v4"
)

const future = "NIFTY26DECFUT" // lot 65, tick 0.10, LTP 24650

// gttOf is the parameters of a trigger on the option: single at the first
// value, or two-leg at both, selling 65 at the trigger.
func gttOf(last float64, at ...float64) url.Values {
	kind := "single"
	if len(at) == 2 {
		kind = "two-leg"
	}
	var orders []string
	for _, v := range at {
		orders = append(orders, gttOrderText("SELL", "NRML", 65, v))
	}
	return gttText(kind, option, last, at, orders...)
}

func gttText(kind, symbol string, last float64, at []float64, orders ...string) url.Values {
	condition := encode(map[string]any{"exchange": "NFO", "tradingsymbol": symbol, "trigger_values": at, "last_price": last})
	return values("type", kind, "condition", string(condition), "orders", "["+strings.Join(orders, ",")+"]")
}

func gttOrderText(side, product string, quantity int, price float64) string {
	return fmt.Sprintf(`{"exchange":"NFO","tradingsymbol":%q,"transaction_type":%q,"quantity":%d,"order_type":"LIMIT","product":%q,"price":%v}`,
		option, side, quantity, product, price)
}

func mustGTT(t *testing.T, x *Exchange, params url.Values) int {
	t.Helper()
	id, e := x.PlaceGTT(user, "", params)
	if e != nil {
		t.Fatalf("place GTT: %v", e)
	}
	return id
}

func gttRowOf(t *testing.T, x *Exchange, id int) fields {
	t.Helper()
	body, e := x.GTTJSON(user, id)
	if e != nil {
		t.Fatal(e)
	}
	return decode[fields](t, body)
}

func legOf(row fields, i int) map[string]any { return row["orders"].([]any)[i].(map[string]any) }

func resultOf(t *testing.T, row fields, i int) map[string]any {
	t.Helper()
	result, is := legOf(row, i)["result"].(map[string]any)
	if !is {
		t.Fatalf("leg %d has no result", i)
	}
	return result["order_result"].(map[string]any)
}

func TestATriggerFiresOnceWhereTheLastPriceSaysItLies(t *testing.T) {
	for _, c := range []struct {
		name          string
		last, trigger float64
		quiet, fires  float64 // LTPs
	}{
		{"below, reached", 120, 100, 100.05, 100},
		{"below, jumped over", 120, 100, 101, 70},
		{"above, reached", 120, 140, 139.95, 140},
		{"above, jumped over", 120, 140, 130, 200},
	} {
		t.Run(c.name, func(t *testing.T) {
			x, _ := exchange(t)
			id := mustGTT(t, x, gttOf(c.last, c.trigger))
			setPrice(t, x, c.quiet)
			equal(t, "status before", gttRowOf(t, x, id)["status"].(string), "active")
			setPrice(t, x, c.fires)
			row := gttRowOf(t, x, id)
			equal(t, "status", row["status"].(string), "triggered")
			order := resultOf(t, row, 0)
			equal(t, "order", order["status"].(string), "success")
			has(t, bookRow(t, x, order["order_id"].(string)), fields{"order_type": "LIMIT", "validity": "DAY", "variety": "regular",
				"price": c.trigger, "quantity": 65, "transaction_type": "SELL", "product": "NRML"})
			setPrice(t, x, c.last)
			setPrice(t, x, c.fires)
			equal(t, "orders", len(x.Book()), 1)
		})
	}
}

func TestATriggeredLegTellsItsOrder(t *testing.T) {
	x, c := exchange(t)
	id := mustGTT(t, x, gttOf(120, 100, 150))
	c.advance(time.Hour)
	x.Drain()
	setPrice(t, x, 151)
	row := gttRowOf(t, x, id)
	has(t, row, fields{"status": "triggered", "type": "two-leg", "created_at": "2026-11-02 10:00:00", "updated_at": "2026-11-02 11:00:00"})
	if row["meta"] != nil {
		t.Errorf("meta is %v", row["meta"])
	}
	if legOf(row, 0)["result"] != nil {
		t.Error("the other leg has a result")
	}
	result := legOf(row, 1)["result"].(map[string]any)
	has(t, result, fields{"account_id": user, "validity": "DAY", "triggered_at": 151, "timestamp": "2026-11-02 11:00:00",
		"meta": fmt.Sprintf(`{"app_id":1001,"gtt":%d}`, id)})
	// It is told as an order of the app, and its row says nothing of the trigger.
	equal(t, "pushes", pushes(x), "OPEN COMPLETE:http")
	b := x.Book()[0]
	equal(t, "trigger", b.GTT, id)
	equal(t, "app", b.APIKey, "paper_key")
	equal(t, "tag", b.Tag, "")
	if meta := bookRow(t, x, b.OrderID)["meta"].(map[string]any); len(meta) != 0 {
		t.Errorf("meta of the order: %v", meta)
	}

	x.SetGTTPostbacks(false)
	mustGTT(t, x, gttOf(151, 170))
	x.Drain()
	setPrice(t, x, 171)
	equal(t, "silent", pushes(x), "OPEN COMPLETE")
}

func TestAnOCOLegThatFailsLeavesNothing(t *testing.T) {
	x, _ := exchange(t)
	id := mustGTT(t, x, gttOf(120, 100, 150))
	ok(t, x.SetCircuit("NFO", option, 110, 200))
	setPrice(t, x, 99)
	row := gttRowOf(t, x, id)
	equal(t, "status", row["status"].(string), "triggered")
	has(t, resultOf(t, row, 0), fields{"status": "failed", "order_id": "",
		"rejection_reason": "Your order price is lower than the current lower circuit limit of 110.00. Place an order within the daily range."})
	setPrice(t, x, 151)
	equal(t, "orders", len(x.Book()), 0)
	equal(t, "armed", x.GTTs()[0].Live(), false)
	equal(t, "failure", x.GTTs()[0].Legs[0].Failure != "", true)
}

func TestWhatATriggersOrderMeets(t *testing.T) {
	failure := func(t *testing.T, x *Exchange, id int) string {
		t.Helper()
		order := resultOf(t, gttRowOf(t, x, id), 0)
		equal(t, "order", order["status"].(string), "failed")
		return order["rejection_reason"].(string)
	}
	t.Run("no funds", func(t *testing.T) {
		x, _ := exchange(t)
		ok(t, x.SetFunds(user, 10, RefuseWithError))
		id := mustGTT(t, x, gttOf(120, 100))
		setPrice(t, x, 100)
		equal(t, "reason", strings.HasPrefix(failure(t, x, id), "Insufficient funds."), true)
	})
	t.Run("rejected in the book", func(t *testing.T) {
		x, _ := exchange(t)
		x.RejectNext(user, "no")
		id := mustGTT(t, x, gttOf(120, 100))
		setPrice(t, x, 100)
		order := resultOf(t, gttRowOf(t, x, id), 0)
		equal(t, "order", order["status"].(string), "success")
		has(t, bookRow(t, x, order["order_id"].(string)), fields{"status": "REJECTED"})
	})
	t.Run("no authorisation", func(t *testing.T) {
		x, _ := exchange(t)
		ok(t, x.SetHolding(user, Holding{Exchange: "NSE", Tradingsymbol: "INFY", Quantity: 5, NeedsAuthorisation: true}))
		id := mustGTT(t, x, values("type", "single", "condition", `{"exchange":"NSE","tradingsymbol":"INFY","trigger_values":[1400],"last_price":1500}`,
			"orders", `[{"exchange":"NSE","tradingsymbol":"INFY","transaction_type":"SELL","quantity":5,"order_type":"LIMIT","product":"CNC","price":1399}]`))
		ok(t, x.SetPrice("NSE", "INFY", 1400))
		equal(t, "reason", failure(t, x, id), "5 quantity needs authorisation at depository.")
	})
	t.Run("asked for", func(t *testing.T) {
		x, _ := exchange(t)
		x.FailNextGTT(user, "Segment disabled.")
		id := mustGTT(t, x, gttOf(120, 100))
		setPrice(t, x, 100)
		equal(t, "reason", failure(t, x, id), "Segment disabled.")
	})
	t.Run("the day's cap", func(t *testing.T) {
		x, _ := exchange(t, func(o *Options) { o.Limits = Limits{OrdersPerDay: 1} })
		mustPlace(t, x)
		id := mustGTT(t, x, gttOf(120, 101))
		setPrice(t, x, 101)
		equal(t, "reason", failure(t, x, id), textOrderCap)
	})
}

func TestTriggersWaitForTheMarketsHours(t *testing.T) {
	open := false
	x, _ := exchange(t, func(o *Options) { o.Open = func(string, time.Time) bool { return open } })
	id := mustGTT(t, x, gttOf(120, 100))
	setPrice(t, x, 90)
	equal(t, "shut", gttRowOf(t, x, id)["status"].(string), "active")
	open = true
	setPrice(t, x, 91) // the gap fires on the first tick
	equal(t, "open", gttRowOf(t, x, id)["status"].(string), "triggered")
}

func TestTriggersOutliveTheDay(t *testing.T) {
	x, c := exchange(t)
	id := mustGTT(t, x, gttOf(120, 100, 150))
	gone := mustGTT(t, x, gttOf(120, 80))
	x.EndOfDay()
	c.advance(24 * time.Hour)
	x.NextDay()
	equal(t, "status", gttRowOf(t, x, id)["status"].(string), "active")
	if e := x.DeleteGTT(user, gone); e != nil {
		t.Fatal(e)
	}
	refused(t, x.DeleteGTT(user, gone), 400, classInput, fmt.Sprintf(textGTTEndedOwn, "deleted"))
	listed := func() string {
		var all []string
		for _, r := range decode[[]fields](t, x.GTTsJSON(user)) {
			all = append(all, r["status"].(string))
		}
		return strings.Join(all, " ")
	}
	equal(t, "list", listed(), "active deleted")
	c.advance(7 * 24 * time.Hour)
	equal(t, "list after 7 days", listed(), "active")
	equal(t, "by id", gttRowOf(t, x, gone)["status"].(string), "deleted")

	// The contract's last day is 23 November.
	equal(t, "expires", gttRowOf(t, x, id)["expires_at"].(string), "2026-11-24 00:00:00")
	ok(t, x.SetOvernight(user, "NFO", option, "NRML", 65, 100))
	c.at = time.Date(2026, 11, 24, 0, 0, 0, 0, ist)
	x.NextDay()
	equal(t, "after the contract", gttRowOf(t, x, id)["status"].(string), "expired")
	equal(t, "position", x.NetQuantity(user, "NFO", option, "NRML"), 0)
	_, e := x.Place(user, "regular", with())
	refused(t, e, 400, classInput, textUnknownInstrumentOwn)

	year := mustGTT(t, x, values("type", "single", "condition", `{"exchange":"NSE","tradingsymbol":"INFY","trigger_values":[1400],"last_price":1500}`,
		"orders", `[{"exchange":"NSE","tradingsymbol":"INFY","transaction_type":"BUY","quantity":5,"order_type":"LIMIT","product":"CNC","price":1400}]`))
	equal(t, "a year", gttRowOf(t, x, year)["expires_at"].(string), "2027-11-24 00:00:00")
}

func TestGTTRefusals(t *testing.T) {
	sell := gttOrderText("SELL", "NRML", 65, 100)
	for name, c := range map[string]struct {
		params url.Values
		text   string
	}{
		"no type":           {values("condition", "{}", "orders", "[]"), "Missing or empty field `type`"},
		"unknown type":      {gttText("triple", option, 120, []float64{100}, sell), "Invalid `type`."},
		"no JSON":           {values("type", "single", "condition", "x", "orders", "[]"), "Invalid `condition`."},
		"one value for two": {gttText("two-leg", option, 120, []float64{100}, sell), "Invalid `condition`."},
		"one order for two": {gttText("two-leg", option, 120, []float64{100, 150}, sell), "Invalid `orders`."},
		"no such contract":  {gttText("single", "NIFTY26NOV1CE", 120, []float64{100}, sell), textUnknownInstrumentOwn},
		"another contract":  {gttText("single", future, 24650, []float64{24000}, sell), "Invalid `orders`."},
		"MIS":               {gttText("single", option, 120, []float64{100}, gttOrderText("SELL", "MIS", 65, 100)), "Invalid `product`."},
		"CNC":               {gttText("single", option, 120, []float64{100}, gttOrderText("SELL", "CNC", 65, 100)), "Invalid `product`."},
		"MARKET":            {gttText("single", option, 120, []float64{100}, strings.Replace(sell, "LIMIT", "MARKET", 1)), "Invalid `order_type`."},
		"no price":          {gttText("single", option, 120, []float64{100}, gttOrderText("SELL", "NRML", 65, 0)), "Invalid `price`."},
		"first too high":    {gttOf(120, 121, 150), textGTTFirst},
		"second too low":    {gttOf(120, 100, 119), textGTTSecondOwn},
		"at the last price": {gttOf(120, 120), textGTTMet},
		"met already":       {gttOf(140, 130), textGTTMet}, // the market stands at 120
		"too near":          {gttOf(120, 119.75), textGTTNearOwn},
		"buy OCO of shares": {values("type", "two-leg", "condition", `{"exchange":"NSE","tradingsymbol":"INFY","trigger_values":[1400,1600],"last_price":1500}`,
			"orders", `[{"exchange":"NSE","tradingsymbol":"INFY","transaction_type":"BUY","quantity":1,"order_type":"LIMIT","product":"CNC","price":1400},
			{"exchange":"NSE","tradingsymbol":"INFY","transaction_type":"BUY","quantity":1,"order_type":"LIMIT","product":"CNC","price":1600}]`), textGTTBuyOCOOwn},
	} {
		t.Run(name, func(t *testing.T) {
			x, _ := exchange(t)
			_, e := x.PlaceGTT(user, "", c.params)
			refused(t, e, 400, classInput, c.text)
			id := mustGTT(t, x, gttOf(120, 90))
			refused(t, x.ModifyGTT(user, id, c.params), 400, classInput, c.text)
			equal(t, "kept", x.GTTs()[0].Legs[0].Trigger, 90)
		})
	}
	x, _ := exchange(t)
	_, e := x.GTTJSON(user, 1)
	refused(t, e, 404, classGeneral, textUnknownGTTOwn)
	ok(t, x.SetPrice("NSE", "IDEA", 8.50))
	cheap := func(trigger string) *APIError {
		_, e := x.PlaceGTT(user, "", values("type", "single", "condition", `{"exchange":"NSE","tradingsymbol":"IDEA","trigger_values":[`+trigger+`],"last_price":8.5}`,
			"orders", `[{"exchange":"NSE","tradingsymbol":"IDEA","transaction_type":"SELL","quantity":1,"order_type":"LIMIT","product":"CNC","price":8}]`))
		return e
	}
	refused(t, cheap("8.42"), 400, classInput, textGTTNearOwn)
	if e := cheap("8.41"); e != nil {
		t.Error("9 paise are enough below 50 rupees:", e)
	}
	for range gttActiveMax - 1 {
		mustGTT(t, x, gttOf(120, 90))
	}
	_, e = x.PlaceGTT(user, "", gttOf(120, 90))
	refused(t, e, 400, classInput, fmt.Sprintf(textGTTCapOwn, gttActiveMax))
}

func TestAModifiedTriggerTurnsWithItsLastPrice(t *testing.T) {
	x, c := exchange(t)
	id := mustGTT(t, x, gttOf(120, 100))
	c.advance(time.Minute)
	if e := x.ModifyGTT(user, id, gttOf(120, 140)); e != nil {
		t.Fatal(e)
	}
	has(t, gttRowOf(t, x, id), fields{"updated_at": "2026-11-02 10:01:00", "created_at": "2026-11-02 10:00:00"})
	setPrice(t, x, 90)
	equal(t, "the old trigger", x.GTTs()[0].Live(), true)
	setPrice(t, x, 140)
	equal(t, "the new one", x.GTTs()[0].Live(), false)
	other := mustGTT(t, x, gttOf(140, 100))
	refused(t, x.ModifyGTT("XX", other, gttOf(140, 110)), 404, classGeneral, textUnknownGTTOwn)
}

func TestGTTsByTheOfficialClientAndTheControls(t *testing.T) {
	x, _ := exchange(t)
	_, h := served(t, x, ServerOptions{})
	k := official(t, h.URL)
	params := kiteconnect.GTTParams{Tradingsymbol: option, Exchange: "NFO", LastPrice: 120, TransactionType: "SELL", Product: "NRML",
		Trigger: &kiteconnect.GTTOneCancelsOtherTrigger{Lower: kiteconnect.TriggerParams{TriggerValue: 100, LimitPrice: 95, Quantity: 65},
			Upper: kiteconnect.TriggerParams{TriggerValue: 150, LimitPrice: 149, Quantity: 65}}}
	placed, err := k.PlaceGTT(params)
	ok(t, err)
	params.Trigger = &kiteconnect.GTTSingleLegTrigger{TriggerParams: kiteconnect.TriggerParams{TriggerValue: 105, LimitPrice: 104, Quantity: 65}}
	modified, err := k.ModifyGTT(placed.TriggerID, params)
	ok(t, err)
	equal(t, "modified", modified.TriggerID, placed.TriggerID)
	second, err := k.PlaceGTT(params)
	ok(t, err)
	deleted, err := k.DeleteGTT(second.TriggerID)
	ok(t, err)
	equal(t, "deleted", deleted.TriggerID, second.TriggerID)
	ended, err := k.PlaceGTT(params)
	ok(t, err)
	post := func(path, body string) json.RawMessage { return posted(t, h.URL+"/paper/"+path, body) }
	post("gtt/end", fmt.Sprintf(`{"trigger_id":%d,"status":"disabled","text":"Corporate action."}`, ended.TriggerID))
	post("gtt/trigger", fmt.Sprintf(`{"trigger_id":%d,"leg":0}`, placed.TriggerID))
	var hand struct {
		ID int `json:"trigger_id"`
	}
	body := encode(map[string]any{"params": map[string]string{"type": "single", "condition": gttOf(120, 90).Get("condition"), "orders": gttOf(120, 90).Get("orders")}})
	ok(t, json.Unmarshal(post("hand/gtt/place", string(body)), &hand))
	post("hand/gtt/delete", fmt.Sprintf(`{"trigger_id":%d}`, hand.ID))

	all, err := k.GetGTTs()
	ok(t, err)
	var told []string
	for _, g := range all {
		told = append(told, g.Status+g.Meta.RejectionReason)
	}
	equal(t, "all", strings.Join(told, " "), "triggered deleted disabledCorporate action. deleted")
	one, err := k.GetGTT(placed.TriggerID)
	ok(t, err)
	equal(t, "trigger", one.Condition.TriggerValues[0], 105)
	equal(t, "price", one.Orders[0].Price, 104)
	equal(t, "created", one.CreatedAt.Format(time.RFC3339), "2026-11-02T10:00:00+05:30")
	orders, err := k.GetOrders()
	ok(t, err)
	equal(t, "order", orders[0].Status+orders[0].OrderType, "COMPLETELIMIT")
}
