package paper

import (
	"strconv"
	"testing"
	"time"
)

const (
	begin = "PUT ORDER REQ RECEIVED > VALIDATION PENDING"
	going = begin + " > OPEN PENDING"
)

func TestLifeOfLimitModifiedAndCancelled(t *testing.T) {
	x, c := exchange(t)
	id := mustPlace(t, x, "tag", "t1")
	equal(t, "id", len(id), 19)
	c.advance(84 * time.Second)
	mustModify(t, x, id, "price", "101")
	c.advance(time.Minute)
	mustCancel(t, x, id)

	equal(t, "statuses", statuses(t, x, id), going+" > OPEN > MODIFY VALIDATION PENDING > MODIFY PENDING > MODIFIED > OPEN > CANCEL PENDING > CANCELLED")
	h := history(t, x, id)
	has(t, h[0], fields{"order_timestamp": "2026-11-02 10:00:00", "exchange_order_id": nil, "exchange_timestamp": nil, "price": 100, "pending_quantity": 65})
	has(t, h[2], fields{"exchange_order_id": nil})
	if h[3]["exchange_order_id"] == nil {
		t.Error("no exchange_order_id at OPEN")
	}
	// The new price appears with the last OPEN only; the exchange's time moves with MODIFIED.
	has(t, h[5], fields{"order_timestamp": "2026-11-02 10:01:24", "price": 100, "exchange_timestamp": "2026-11-02 10:00:00", "modified": false})
	has(t, h[6], fields{"price": 100, "exchange_timestamp": "2026-11-02 10:01:24"})
	has(t, h[7], fields{"price": 101, "modified": true})
	has(t, h[9], fields{
		"order_timestamp": "2026-11-02 10:02:24", "exchange_timestamp": "2026-11-02 10:01:24", "exchange_update_timestamp": "2026-11-02 10:02:24",
		"quantity": 65, "pending_quantity": 65, "cancelled_quantity": 65, "filled_quantity": 0, "status_message": nil, "tag": "t1", "guid": h[0]["guid"],
	})
	equal(t, "pushes", pushes(x), "OPEN UPDATE:http CANCELLED:http")
}

func TestLifeOfStop(t *testing.T) {
	x, c := exchange(t)
	id := mustPlace(t, x, "transaction_type", "SELL", "order_type", "SL", "price", "105", "trigger_price", "110")
	has(t, bookRow(t, x, id), fields{"status": "TRIGGER PENDING", "order_type": "SL"})
	equal(t, "pushes", pushes(x), "")
	setPrice(t, x, 110.05)
	has(t, bookRow(t, x, id), fields{"status": "TRIGGER PENDING"})
	c.advance(time.Second)
	setPrice(t, x, 109) // a gap over the trigger
	equal(t, "statuses", statuses(t, x, id), going+" > TRIGGER PENDING > OPEN > COMPLETE")
	has(t, bookRow(t, x, id), fields{"average_price": 109, "filled_quantity": 65, "pending_quantity": 0, "order_timestamp": "2026-11-02 10:00:00"})
	equal(t, "pushes", pushes(x), "OPEN:http COMPLETE:http")
}

func TestStopTriggersWhenReached(t *testing.T) {
	x, _ := exchange(t)
	sell := mustPlace(t, x, "transaction_type", "SELL", "order_type", "SL", "price", "105", "trigger_price", "110")
	buy := mustPlace(t, x, "order_type", "SL", "price", "135", "trigger_price", "130")
	setPrice(t, x, 129.95)
	has(t, bookRow(t, x, buy), fields{"status": "TRIGGER PENDING"})
	setPrice(t, x, 130)
	has(t, bookRow(t, x, buy), fields{"status": "COMPLETE", "average_price": 130})
	setPrice(t, x, 110)
	has(t, bookRow(t, x, sell), fields{"status": "COMPLETE", "average_price": 110})
}

func TestDepthIsShared(t *testing.T) {
	x, _ := exchange(t)
	ok(t, x.SetDepth("NFO", option, 130))
	first, second := mustPlace(t, x, "price", "110"), mustPlace(t, x, "price", "110", "quantity", "130")
	setPrice(t, x, 110)
	has(t, bookRow(t, x, first), fields{"status": "COMPLETE"})
	has(t, bookRow(t, x, second), fields{"status": "OPEN", "filled_quantity": 65})
	late := mustPlace(t, x, "price", "110") // nothing is left of this tick
	has(t, bookRow(t, x, late), fields{"filled_quantity": 0})
	setPrice(t, x, 110)
	has(t, bookRow(t, x, late), fields{"status": "COMPLETE"})
	has(t, bookRow(t, x, second), fields{"status": "COMPLETE", "average_price": 110})
}

func TestHistoryIsBounded(t *testing.T) {
	x, _ := exchange(t, func(o *Options) { o.HistoryRowsMax = 6 })
	id := mustPlace(t, x)
	mustModify(t, x, id, "price", "99")
	equal(t, "rows", len(history(t, x, id)), 6)
	has(t, history(t, x, id)[5], fields{"status": "OPEN", "price": 99})
}

func TestStopGapBeyondLimitHangs(t *testing.T) {
	x, _ := exchange(t)
	id := mustPlace(t, x, "transaction_type", "SELL", "order_type", "SL", "price", "105", "trigger_price", "110")
	setPrice(t, x, 90)
	has(t, bookRow(t, x, id), fields{"status": "OPEN", "filled_quantity": 0, "order_type": "SL"})
	equal(t, "pushes", pushes(x), "OPEN:http")
	mustModify(t, x, id, "price", "95") // no trigger side is asked any more
	setPrice(t, x, 96)                  // comes up to the limit and through it
	has(t, bookRow(t, x, id), fields{"status": "COMPLETE", "average_price": 95})
}

func TestStopMarketOfFuture(t *testing.T) {
	x, _ := exchange(t)
	id := mustPlace(t, x, "tradingsymbol", "NIFTY26NOVFUT", "transaction_type", "SELL", "order_type", "SL-M", "price", "", "trigger_price", "24500", "market_protection", "2")
	has(t, bookRow(t, x, id), fields{"status": "TRIGGER PENDING", "order_type": "SL-M", "price": 0, "market_protection": 0})
	ok(t, x.SetDepth("NFO", "NIFTY26NOVFUT", 0))
	ok(t, x.SetPrice("NFO", "NIFTY26NOVFUT", 24490))
	has(t, bookRow(t, x, id), fields{"status": "OPEN", "order_type": "LIMIT", "price": 24000.2, "market_protection": 0})
	ok(t, x.SetDepth("NFO", "NIFTY26NOVFUT", -1))
	ok(t, x.SetPrice("NFO", "NIFTY26NOVFUT", 24480))
	has(t, bookRow(t, x, id), fields{"status": "COMPLETE", "average_price": 24480})
}

func TestProtectedMarketRemainderHangs(t *testing.T) {
	x, _ := exchange(t)
	ok(t, x.SetDepth("NFO", option, 65))
	id := mustPlace(t, x, "quantity", "195", "order_type", "MARKET", "price", "", "market_protection", "2", "tag", "mine")
	row := bookRow(t, x, id)
	has(t, row, fields{"status": "OPEN", "order_type": "LIMIT", "price": 122.4, "market_protection": 0, "filled_quantity": 65, "pending_quantity": 130, "average_price": 0, "tag": "mine"})
	equal(t, "tags", sprint(row["tags"]), "[mine mktp mktp:2.00]")
	setPrice(t, x, 123) // beyond the protection
	has(t, bookRow(t, x, id), fields{"status": "OPEN", "filled_quantity": 65})
	// MARKET again prices it anew, and takes the tick's 65.
	mustModify(t, x, id, "order_type", "MARKET", "market_protection", "-1")
	has(t, bookRow(t, x, id), fields{"price": 125.45, "filled_quantity": 130, "status": "OPEN"})
	setPrice(t, x, 123)
	has(t, bookRow(t, x, id), fields{"status": "COMPLETE", "average_price": 122})
	equal(t, "pushes", pushes(x), "OPEN UPDATE:http UPDATE:http UPDATE:http COMPLETE:http")
}

func sprint(v any) string {
	s := "["
	for i, e := range v.([]any) {
		if i > 0 {
			s += " "
		}
		s += e.(string)
	}
	return s + "]"
}

func TestAutomaticBand(t *testing.T) {
	for _, test := range []struct {
		kind string
		ltp  float64
		want float64
	}{
		{"EQ", 99, 2}, {"EQ", 100, 1}, {"EQ", 500, 1}, {"FUT", 501, 0.5},
		{"CE", 9, 5}, {"PE", 10, 3}, {"CE", 100, 2}, {"CE", 500, 2}, {"CE", 501, 1},
	} {
		l := list(Instrument{InstrumentType: test.kind, LastPrice: test.ltp, TickSize: 0.05}, 1)
		if got := automaticBand(l); got != test.want {
			t.Errorf("band of %s at %v is %v, want %v", test.kind, test.ltp, got, test.want)
		}
	}
	l := list(Instrument{InstrumentType: "EQ", LastPrice: 156.69, TickSize: 0.01}, 1)
	limit, _ := protect(l, true, 2) // the sample of docs/kite.md 3.7
	equal(t, "limit", limit.String(), "159.82")
	limit, _ = protect(l, false, 2)
	equal(t, "limit of a sale", limit.String(), "153.56")
}

func TestImmediateOrCancel(t *testing.T) {
	x, _ := exchange(t)
	ok(t, x.SetDepth("NFO", option, 65))
	id := mustPlace(t, x, "quantity", "130", "price", "120", "validity", "IOC")
	has(t, bookRow(t, x, id), fields{"status": "CANCELLED", "filled_quantity": 65, "pending_quantity": 65, "cancelled_quantity": 65, "average_price": 0})
	equal(t, "statuses", statuses(t, x, id), going+" > OPEN > OPEN > CANCELLED")
	equal(t, "pushes", pushes(x), "OPEN UPDATE:http CANCELLED:http")
}

func TestAverageOnCancelled(t *testing.T) {
	x, _ := exchange(t, func(o *Options) { o.AverageOnCancelled = true })
	ok(t, x.SetDepth("NFO", option, 65))
	id := mustPlace(t, x, "quantity", "130", "price", "121", "validity", "IOC")
	has(t, bookRow(t, x, id), fields{"status": "CANCELLED", "average_price": 120})
}

func TestTimeToLive(t *testing.T) {
	x, c := exchange(t)
	id := mustPlace(t, x, "validity", "TTL", "validity_ttl", "2")
	c.advance(2*time.Minute - time.Second)
	x.Advance()
	has(t, bookRow(t, x, id), fields{"status": "OPEN", "validity_ttl": 2})
	c.advance(time.Second)
	x.Advance()
	equal(t, "pushes", pushes(x), "OPEN CANCELLED:http")
	has(t, bookRow(t, x, id), fields{"status": "CANCELLED", "cancelled_quantity": 65, "order_timestamp": "2026-11-02 10:00:00"})
}

func TestOpenDelay(t *testing.T) {
	x, c := exchange(t, func(o *Options) { o.OpenDelay = time.Second })
	id := mustPlace(t, x, "price", "121")
	has(t, bookRow(t, x, id), fields{"status": "OPEN PENDING", "exchange_order_id": nil})
	_, e := x.Cancel(user, "regular", id)
	refused(t, e, 400, classInput, textCancelProcessed)
	_, e = x.Modify(user, "regular", id, values("price", "100"))
	refused(t, e, 400, classInput, textModifyProcessed)
	setPrice(t, x, 100)
	has(t, bookRow(t, x, id), fields{"status": "OPEN PENDING"})
	c.advance(time.Second)
	x.Advance()
	has(t, bookRow(t, x, id), fields{"status": "COMPLETE", "average_price": 100})
}

func TestEndOfDayAndNextDay(t *testing.T) {
	x, c := exchange(t)
	open := mustPlace(t, x)
	stop := mustPlace(t, x, "transaction_type", "SELL", "order_type", "SL", "price", "105", "trigger_price", "110")
	held := mustPlace(t, x, "price", "120")
	x.Drain()
	x.EndOfDay()
	has(t, bookRow(t, x, open), fields{"status": "CANCELLED", "status_message": nil})
	has(t, bookRow(t, x, stop), fields{"status": "CANCELLED"})
	has(t, bookRow(t, x, held), fields{"status": "COMPLETE"})
	equal(t, "pushes", pushes(x), "CANCELLED:http CANCELLED:http")
	c.advance(23 * time.Hour)
	x.NextDay()
	equal(t, "book", string(x.OrdersJSON(user)), `{"status":"success","data":[]}`)
	p := decode[map[string][]fields](t, x.PositionsJSON(user))
	has(t, p["net"][0], fields{"quantity": 65, "overnight_quantity": 65, "average_price": 120, "day_buy_quantity": 0})
	equal(t, "day rows", len(p["day"]), 0)
}

func TestSquareOff(t *testing.T) {
	x, _ := exchange(t)
	mustPlace(t, x, "price", "120", "product", "MIS", "quantity", "1755")
	mustPlace(t, x, "price", "120", "product", "MIS", "quantity", "130")
	stop := mustPlace(t, x, "product", "MIS", "transaction_type", "SELL", "order_type", "SL", "price", "105", "trigger_price", "110")
	kept := mustPlace(t, x, "price", "110")
	x.Drain()
	ids := x.SquareOff(user)
	equal(t, "orders", len(ids), 2) // 1885 over a freeze quantity of 1800
	has(t, bookRow(t, x, stop), fields{"status": "CANCELLED"})
	has(t, bookRow(t, x, kept), fields{"status": "OPEN"})
	has(t, bookRow(t, x, ids[0]), fields{"status": "COMPLETE", "placed_by": "RMSADMIN", "account_id": user, "transaction_type": "SELL", "quantity": 1755})
	equal(t, "left", x.NetQuantity(user, "NFO", option, "MIS"), 0)
	equal(t, "pushes", pushes(x), "CANCELLED:http OPEN COMPLETE OPEN COMPLETE")
}

func TestFromOutside(t *testing.T) {
	x, _ := exchange(t)
	const lpp = "The order was cancelled by the exchange because the price is outside the current allowed limit price protection range"
	a, b := mustPlace(t, x), mustPlace(t, x)
	x.RejectNext(user, "17070 : The Price is out of the LPP range")
	d := mustPlace(t, x)
	if e := x.ExchangeCancel(a, lpp); e != nil {
		t.Fatal(e)
	}
	if e := x.Reject(b, "no"); e != nil {
		t.Fatal(e)
	}
	has(t, bookRow(t, x, a), fields{"status": "CANCELLED", "status_message": lpp, "cancelled_quantity": 65})
	has(t, bookRow(t, x, b), fields{"status": "REJECTED", "status_message": "no", "pending_quantity": 0, "cancelled_quantity": 0})
	equal(t, "statuses", statuses(t, x, d), begin+" > REJECTED")
	refused(t, x.Reject(b, "again"), 400, classInput, textCancelProcessed)
	equal(t, "pushes", pushes(x), "OPEN OPEN REJECTED:http CANCELLED:http REJECTED:http")
	x.RefuseNext(user, &APIError{503, classNetwork, "Request failed (kitetrade-oms)"})
	_, e := x.Place(user, "regular", with())
	refused(t, e, 503, classNetwork, "Request failed (kitetrade-oms)")
}

func TestModifyQuantityIsTotal(t *testing.T) {
	x, _ := exchange(t)
	id := mustPlace(t, x, "quantity", "195")
	ok(t, x.Fill(id, 65, 99.5))
	_, e := x.Modify(user, "regular", id, values("quantity", "65"))
	if e != nil {
		t.Fatal(e) // nothing is left: complete
	}
	has(t, bookRow(t, x, id), fields{"status": "COMPLETE", "quantity": 65, "average_price": 99.5})

	id = mustPlace(t, x, "quantity", "195")
	ok(t, x.Fill(id, 130, 0))
	_, e = x.Modify(user, "regular", id, values("quantity", "65"))
	refused(t, e, 400, classInput, "Quantity cannot be less than the filled quantity 130.")
	mustModify(t, x, id, "quantity", "260")
	has(t, bookRow(t, x, id), fields{"status": "OPEN", "quantity": 260, "filled_quantity": 130, "pending_quantity": 130})
}

func TestModifyTypes(t *testing.T) {
	x, _ := exchange(t)
	stop := func() string {
		return mustPlace(t, x, "transaction_type", "SELL", "order_type", "SL", "price", "105", "trigger_price", "110")
	}
	id := stop()
	mustModify(t, x, id, "order_type", "LIMIT", "price", "125")
	has(t, bookRow(t, x, id), fields{"status": "OPEN", "order_type": "LIMIT", "trigger_price": 0, "price": 125})
	id = stop()
	mustModify(t, x, id, "order_type", "MARKET", "market_protection", "-1")
	has(t, bookRow(t, x, id), fields{"status": "COMPLETE", "order_type": "LIMIT", "average_price": 120})
	id = mustPlace(t, x)
	mustModify(t, x, id, "order_type", "MARKET", "market_protection", "5")
	has(t, bookRow(t, x, id), fields{"status": "COMPLETE", "price": 126})
	id = stop()
	mustModify(t, x, id, "trigger_price", "112", "price", "107")
	has(t, bookRow(t, x, id), fields{"status": "TRIGGER PENDING", "trigger_price": 112, "price": 107})
}

func TestOrderIDForms(t *testing.T) {
	at := time.Date(2026, 4, 9, 12, 11, 11, 325e6, ist)
	flakes := New(Options{Now: func() time.Time { return at }})
	last := ""
	for range 5000 { // more than one millisecond's sequence
		id := flakes.newOrderID()
		if id <= last || len(id) != 19 {
			t.Fatalf("id %s after %s", id, last)
		}
		last = id
	}
	first, _ := strconv.ParseInt(last, 10, 64)
	equal(t, "placement time", first>>22+snowflakeEpoch, at.UnixMilli()+1) // 5000 do not fit into one
	dated := New(Options{Now: func() time.Time { return at }, IDForm: Dated})
	id := dated.newOrderID()
	equal(t, "length", len(id), 15)
	equal(t, "date", id[:6], "260409")
	early := New(Options{Now: func() time.Time { return time.Date(2000, 1, 1, 0, 0, 0, 0, ist) }})
	if id := early.newOrderID(); id[0] == '-' {
		t.Errorf("id %s before the epoch", id)
	}
}
