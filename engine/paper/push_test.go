package paper

import (
	"encoding/json"
	"fmt"
	"testing"
)

// Vectors of our own, by the formula of docs/kite.md 1.4.
func TestChecksum(t *testing.T) {
	for _, v := range [][4]string{
		{"220303000308932", "2022-03-03 09:24:25", "my_api_secret", "60f6735188cce077a723b8d53432ffcb985cdc0437474e3b55dd5991aacd936c"},
		{"230411401989627", "2023-04-11 14:21:05", "test_secret", "46fa2920259d245f665d1dd2afa9c257fd761585fe92ead573637836b06fcf8e"},
		{"2042130686722629633", "2026-04-09 12:11:11", "kite_secret", "859d05fde58edd1d6b4a4626e27d67757bad0595c4fb1ec0a098385b15af4ce9"},
	} {
		equal(t, v[0], Checksum(v[0], v[1], v[2]), v[3])
	}
}

func TestPushBodies(t *testing.T) {
	x, _ := exchange(t)
	id := mustPlace(t, x, "tag", "my tag", "price", "120.05")
	all := x.Drain()
	complete := all[len(all)-1]
	r := bookRow(t, x, id)
	guid, exchangeID := r["guid"], r["exchange_order_id"]
	tail := fmt.Sprintf(`"placed_by":"AB1234","order_id":"%s","exchange_order_id":"%s","parent_order_id":null,"status":"COMPLETE",`+
		`"status_message":null,"status_message_raw":null,"order_timestamp":"2026-11-02 10:00:00","exchange_update_timestamp":"2026-11-02 10:00:00",`+
		`"exchange_timestamp":"2026-11-02 10:00:00","variety":"regular","exchange":"NFO","tradingsymbol":"NIFTY26NOV24500CE","instrument_token":9216770,`+
		`"order_type":"LIMIT","transaction_type":"BUY","validity":"DAY","product":"NRML","quantity":65,"disclosed_quantity":0,"price":120.05,`+
		`"trigger_price":0,"average_price":120,"filled_quantity":65,"pending_quantity":0,"cancelled_quantity":0,"market_protection":0,"meta":{},"tag":"my tag",`, id, exchangeID)
	equal(t, "postback", string(complete.PostbackBody()), fmt.Sprintf(`{"user_id":"AB1234","unfilled_quantity":0,"app_id":1001,"checksum":"%s",%s"guid":"%s"}`,
		Checksum(id, "2026-11-02 10:00:00", "my_api_secret"), tail, guid))
	equal(t, "frame", string(complete.StreamFrame()), fmt.Sprintf(`{"type":"order","id":"","data":{"account_id":"AB1234","unfilled_quantity":0,"checksum":"",%s"tags":["my tag"],"guid":"%s"}}`, tail, guid))
}

func TestPushOfUpdateKeepsAverageZero(t *testing.T) {
	x, _ := exchange(t)
	id := mustPlace(t, x, "quantity", "130")
	ok(t, x.Fill(id, 65, 100))
	all := x.Drain()
	var body fields
	if err := json.Unmarshal(all[1].PostbackBody(), &body); err != nil {
		t.Fatal(err)
	}
	has(t, body, fields{"status": "UPDATE", "average_price": 0, "filled_quantity": 65, "pending_quantity": 65, "unfilled_quantity": 0})
	has(t, bookRow(t, x, id), fields{"status": "OPEN", "average_price": 0})
}

func TestByHandHasNoPostback(t *testing.T) {
	x, _ := exchange(t)
	id, e := x.PlaceByHand(user, with("order_type", "MARKET", "price", ""))
	if e != nil {
		t.Fatal(e)
	}
	open, _ := x.PlaceByHand(user, with())
	if e := x.ModifyByHand(open, values("price", "99")); e != nil {
		t.Fatal(e)
	}
	if e := x.CancelByHand(open); e != nil {
		t.Fatal(e)
	}
	equal(t, "pushes", pushes(x), "OPEN COMPLETE OPEN UPDATE CANCELLED")
	has(t, bookRow(t, x, id), fields{"placed_by": user, "status": "COMPLETE"})
	// By hand, but the app's order: the app is told.
	id = mustPlace(t, x)
	x.Drain()
	x.CancelByHand(id)
	equal(t, "pushes", pushes(x), "CANCELLED:http")
}

func TestPushGoesToThePlacingApp(t *testing.T) {
	x, _ := exchange(t, func(o *Options) { o.HideStreamOpen = true })
	x.AddAccount(user, "second", "second_secret", "tok")
	x.AddAccount("CD5678", "second", "", "tok2")
	id, e := x.PlaceVia(user, "second", "regular", with("price", "120"))
	if e != nil {
		t.Fatal(e)
	}
	x.Place("CD5678", "regular", with("price", "120"))
	all := x.Drain()
	equal(t, "pushes", len(all), 2) // no OPEN
	equal(t, "app", all[0].APIKey, "second")
	var body fields
	_ = json.Unmarshal(all[0].PostbackBody(), &body)
	has(t, body, fields{"app_id": 1002, "user_id": user, "checksum": Checksum(id, "2026-11-02 10:00:00", "second_secret")})
	_ = json.Unmarshal(all[1].PostbackBody(), &body)
	has(t, body, fields{"user_id": "CD5678"})
	equal(t, "book of the other", len(decode[[]fields](t, x.OrdersJSON("CD5678"))), 1)
}

func TestListenersSeeOrderAndMayCall(t *testing.T) {
	x, _ := exchange(t)
	var seen []string
	stop := x.Listen(Listener{Update: func(p Push) {
		seen = append(seen, p.row.TransactionType[:1]+":"+p.Status)
		if p.Status == "OPEN" && p.row.TransactionType == "BUY" {
			x.Place(user, "regular", with("transaction_type", "SELL", "price", "120"))
		}
	}})
	mustPlace(t, x, "price", "120")
	equal(t, "seen", fmt.Sprint(seen), "[B:OPEN B:COMPLETE S:OPEN S:COMPLETE]")
	equal(t, "left for Drain", len(x.Drain()), 0)
	stop()
	mustPlace(t, x, "price", "120")
	equal(t, "after stop", len(seen), 4)
	equal(t, "drained", pushes(x), "OPEN COMPLETE:http")
}
