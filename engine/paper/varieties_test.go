package paper

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

const share = "INFY" // NSE, tick 0.10, LTP 1500

func shares(pairs ...string) []string {
	return append([]string{"exchange", "NSE", "tradingsymbol", share, "product", "CNC", "quantity", "5", "price", "1500"}, pairs...)
}

func mustPlaceAs(t *testing.T, x *Exchange, variety string, pairs ...string) string {
	t.Helper()
	id, e := x.Place(user, variety, with(pairs...))
	if e != nil {
		t.Fatalf("place %s: %v", variety, e)
	}
	return id
}

func TestAnAMOWaitsForItsMorning(t *testing.T) {
	weekday := func(exchange string, at time.Time) bool {
		at = at.In(ist)
		minute := at.Hour()*60 + at.Minute()
		return at.Weekday() != time.Saturday && at.Weekday() != time.Sunday && minute >= 9*60+15 && minute < 15*60+30
	}
	for _, c := range []struct {
		name  string
		pairs []string
		at    string // released
		first string // status then
	}{
		{"shares", shares("price", "1490"), "2026-11-09 09:00:00", "OPEN"},
		{"shares at the market", shares("order_type", "MARKET", "price", "", "market_protection", "-1"), "2026-11-09 09:00:00", "OPEN"},
		{"a stop of shares", shares("order_type", "SL", "transaction_type", "SELL", "trigger_price", "1450", "price", "1440"), "2026-11-09 09:15:00", "TRIGGER PENDING"},
		{"F&O", nil, "2026-11-09 09:15:00", "OPEN"},
		{"F&O at the market", []string{"order_type", "MARKET", "price", "", "market_protection", "-1"}, "2026-11-09 09:15:00", "COMPLETE"},
	} {
		t.Run(c.name, func(t *testing.T) {
			x, k := exchange(t, func(o *Options) { o.Open = weekday })
			ok(t, x.SetHolding(user, Holding{Exchange: "NSE", Tradingsymbol: share, Quantity: 5}))
			k.at = time.Date(2026, 11, 6, 20, 0, 0, 0, ist) // a Friday
			_, e := x.Place(user, "regular", with(c.pairs...))
			refused(t, e, 400, classOrder, textNoAMO)
			id := mustPlaceAs(t, x, "amo", c.pairs...)
			equal(t, "queued", statuses(t, x, id), "PUT ORDER REQ RECEIVED > AMO REQ RECEIVED")
			x.NextDay() // the book of the morning has it
			k.at = time.Date(2026, 11, 8, 23, 0, 0, 0, ist)
			equal(t, "pushes", pushes(x), "")
			k.at, _ = time.ParseInLocation(stampLayout, c.at, ist)
			k.advance(-time.Second)
			has(t, bookRow(t, x, id), fields{"status": "AMO REQ RECEIVED", "variety": "amo", "exchange_order_id": nil})
			k.advance(time.Second)
			has(t, bookRow(t, x, id), fields{"status": c.first, "variety": "amo", "order_timestamp": c.at})
			equal(t, "way", strings.HasPrefix(statuses(t, x, id), "PUT ORDER REQ RECEIVED > AMO REQ RECEIVED > VALIDATION PENDING > OPEN PENDING > "), true)
		})
	}
}

func TestAnAMOThatHasOpenedIsCancelledAsRegular(t *testing.T) {
	x, c := exchange(t)
	id := mustPlaceAs(t, x, "amo")
	_, e := x.Cancel(user, "regular", id)
	refused(t, e, 404, classGeneral, textUnknownOrder)
	c.advance(24 * time.Hour)
	_, e = x.Cancel(user, "amo", id)
	if e == nil || e.HTTPStatus != 504 || e.ErrorType != classNetwork || !strings.HasSuffix(e.Message, "timed out") {
		t.Errorf("cancelled as amo: %v", e)
	}
	mustModify(t, x, id, "price", "99")
	mustCancel(t, x, id)
	has(t, bookRow(t, x, id), fields{"status": "CANCELLED", "variety": "amo"})
}

func TestAQueuedAMOCanBeChangedAndCancelledInSilence(t *testing.T) {
	x, _ := exchange(t)
	id := mustPlaceAs(t, x, "amo")
	if _, e := x.Modify(user, "amo", id, values("price", "90", "quantity", "130")); e != nil {
		t.Fatal(e)
	}
	has(t, bookRow(t, x, id), fields{"status": "MODIFY AMO REQ RECEIVED", "price": 90, "quantity": 130, "modified": true})
	x.EndOfDay()
	if _, e := x.Cancel(user, "amo", id); e != nil {
		t.Fatal(e)
	}
	has(t, bookRow(t, x, id), fields{"status": "CANCELLED AMO", "cancelled_quantity": 130, "pending_quantity": 130})
	equal(t, "pushes", pushes(x), "")
	_, e := x.Cancel(user, "amo", id)
	refused(t, e, 400, classInput, textCancelProcessed)
}

func TestTheMorningJudgesAnAMOAnew(t *testing.T) {
	x, _ := exchange(t)
	id := mustPlaceAs(t, x, "amo")
	ok(t, x.SetCircuit("NFO", option, 110, 200))
	equal(t, "released", x.ReleaseAMOs(), 1)
	has(t, bookRow(t, x, id), fields{"status": "REJECTED"})
	equal(t, "pushes", pushes(x), "REJECTED:http")
	x, _ = exchange(t, func(o *Options) {
		o.ConvertToAMO, o.Open = true, func(string, time.Time) bool { return false }
	})
	id = mustPlace(t, x)
	has(t, bookRow(t, x, id), fields{"status": "AMO REQ RECEIVED", "variety": "amo"})
}

func TestAnIcebergShowsOneLegAtATime(t *testing.T) {
	x, _ := exchange(t, func(o *Options) { o.Limits = Limits{OrdersPerSecond: 1, OrdersPerDay: 100} })
	first := mustPlaceAs(t, x, "iceberg", "quantity", "325", "iceberg_legs", "3", "iceberg_quantity", "130", "tag", "ice")
	has(t, bookRow(t, x, first), fields{"quantity": 130, "variety": "iceberg", "status": "OPEN"})
	meta := string(encode(bookRow(t, x, first)["meta"]))
	equal(t, "meta", meta, `{"iceberg":{"leg":1,"leg_quantity":130,"legs":3,"remaining_quantity":195,"total_quantity":325}}`)
	equal(t, "orders", len(x.Book()), 1)
	ok(t, x.Fill(first, 65, 0))
	equal(t, "orders", len(x.Book()), 1)
	ok(t, x.Fill(first, 65, 0))
	second := x.Book()[1].OrderID
	ok(t, x.Fill(second, 130, 0))
	third := x.Book()[2]
	equal(t, "last leg", fmt.Sprintf("%d %s", third.Quantity, third.Tag), "65 ice")
	ok(t, x.Fill(third.OrderID, 65, 0))
	equal(t, "orders", len(x.Book()), 3)
	equal(t, "position", x.NetQuantity(user, "NFO", option, "NRML"), 325)
	equal(t, "counted", len(x.accounts[user].placements), 3)

	for _, bad := range [][]string{{"iceberg_legs", "1"}, {"iceberg_legs", "51"}, {"iceberg_quantity", "65"}, {"iceberg_quantity", ""}} {
		_, e := exchangeOf(t).Place(user, "iceberg", with(append([]string{"quantity", "325", "iceberg_legs", "3", "iceberg_quantity", "130"}, bad...)...))
		if e == nil {
			t.Errorf("%v was accepted", bad)
		}
	}
}

func exchangeOf(t *testing.T) *Exchange {
	x, _ := exchange(t)
	return x
}

func TestACancelledIcebergLegIsTheLast(t *testing.T) {
	x, _ := exchange(t)
	id := mustPlaceAs(t, x, "iceberg", "quantity", "130", "iceberg_legs", "2", "iceberg_quantity", "65")
	if _, e := x.Cancel(user, "iceberg", id); e != nil {
		t.Fatal(e)
	}
	equal(t, "orders", len(x.Book()), 1)
}

func TestAutosliceMakesOrdersWithinTheFreezeQuantity(t *testing.T) {
	x, _ := exchange(t)
	ok(t, x.SetFunds(user, 250_000, RefuseWithError)) // 1755 at 100 cost 175,500 rupees
	placed, e := x.PlaceWhole(user, "", "regular", with("quantity", "3900", "autoslice", "true", "tag", "t"))
	if e != nil {
		t.Fatal(e)
	}
	equal(t, "slices", len(placed.Slices), 3)
	has(t, bookRow(t, x, placed.Slices[0].OrderID), fields{"quantity": 1755, "status": "OPEN"})
	tags := bookRow(t, x, placed.Slices[0].OrderID)["tags"].([]any)
	equal(t, "tags", fmt.Sprint(tags), "[t autoslice autoslice:"+placed.OrderID+"]")
	equal(t, "second", placed.Slices[1].Error.ErrorType, classMargin)
	has(t, bookRow(t, x, placed.Slices[2].OrderID), fields{"quantity": 390})
	equal(t, "orders", len(x.Book()), 2)

	_, e = x.PlaceWhole(user, "", "regular", with("quantity", "19500", "autoslice", "true"))
	refused(t, e, 400, classInput, fmt.Sprintf(textSlicesOwn, slicesMax))
	placed, e = x.PlaceWhole(user, "", "regular", with("autoslice", "true"))
	if e != nil || placed.Slices != nil || placed.OrderID == "" {
		t.Errorf("below the freeze quantity: %v %v", placed, e)
	}

	_, h := served(t, x, ServerOptions{})
	k := official(t, h.URL)
	p := params()
	p.Quantity, p.Autoslice = 1820, true
	answer, err := k.PlaceOrder("regular", p)
	ok(t, err)
	equal(t, "children", len(answer.Children), 2)
	equal(t, "refused child", answer.Children[0].Error.ErrorType, classMargin)
	x.SetFlatAutoslice(true)
	if _, err := k.PlaceOrder("regular", p); err == nil || !strings.Contains(err.Error(), "parsing") {
		t.Errorf("the official client reads the flat form now: %v", err)
	}
}

func TestACoverOrderHasItsStopWithIt(t *testing.T) {
	x, _ := exchange(t)
	cover := []string{"product", "MIS", "trigger_price", "90"}
	entry := mustPlaceAs(t, x, "co", cover...)
	equal(t, "orders", len(x.Book()), 1)
	setPrice(t, x, 100)
	x.Drain()
	stop := x.Book()[1]
	equal(t, "stop", strings.TrimSpace(fmt.Sprintln(stop.ParentOrderID == entry, stop.Variety, stop.TransactionType, stop.OrderType, stop.TriggerPrice, stop.Quantity, stop.Status)),
		"true co SELL SL 90 65 TRIGGER PENDING")
	has(t, bookRow(t, x, stop.OrderID), fields{"parent_order_id": entry})
	_, e := x.Cancel(user, "co", stop.OrderID)
	refused(t, e, 400, classInput, "Missing or empty field `parent_order_id`")
	if _, e := x.Modify(user, "co", stop.OrderID, values("trigger_price", "95", "price", "94")); e != nil {
		t.Fatal(e)
	}
	if _, e := x.CancelLeg(user, "co", stop.OrderID, entry); e != nil {
		t.Fatal(e)
	}
	has(t, bookRow(t, x, stop.OrderID), fields{"status": "COMPLETE", "order_type": "LIMIT"})
	equal(t, "flat", x.NetQuantity(user, "NFO", option, "MIS"), 0)

	for name, c := range map[string]struct {
		pairs []string
		text  string
	}{
		"no trigger":    {[]string{"product", "MIS"}, "Missing or empty field `trigger_price`"},
		"NRML":          {[]string{"trigger_price", "90"}, "Invalid `product`."},
		"the wrong way": {[]string{"product", "MIS", "trigger_price", "110"}, textTriggerSellLTP},
	} {
		_, e := exchangeOf(t).Place(user, "co", with(c.pairs...))
		if e == nil || e.Message != c.text {
			t.Errorf("%s: %v", name, e)
		}
	}
}

func TestACoverOrdersStopFollowsWhatFilled(t *testing.T) {
	x, _ := exchange(t)
	entry := mustPlaceAs(t, x, "co", "product", "MIS", "trigger_price", "90", "quantity", "130")
	ok(t, x.Fill(entry, 65, 0))
	if _, e := x.Cancel(user, "co", entry); e != nil {
		t.Fatal(e)
	}
	equal(t, "stop", x.Book()[1].Quantity, 65)
	setPrice(t, x, 89.5)
	equal(t, "stopped", x.NetQuantity(user, "NFO", option, "MIS"), 0)

	// Beyond the trigger before it filled: out at the market.
	mustPlaceAs(t, x, "co", "product", "MIS", "trigger_price", "80", "price", "85")
	setPrice(t, x, 75)
	equal(t, "out", x.NetQuantity(user, "NFO", option, "MIS"), 0)
	orders := len(x.Book())
	entry = mustPlaceAs(t, x, "co", "product", "MIS", "trigger_price", "60", "price", "70", "quantity", "130")
	ok(t, x.Fill(entry, 65, 0))
	x.EndOfDay()
	equal(t, "orders", len(x.Book()), orders+1)
}

func TestAPositionIsConvertedWithoutAnOrder(t *testing.T) {
	x, _ := exchange(t)
	mustPlace(t, x, "product", "MIS", "price", "121", "quantity", "130")
	x.Drain()
	convert := func(pairs ...string) *APIError {
		v := values("exchange", "NFO", "tradingsymbol", option, "transaction_type", "BUY", "position_type", "day", "quantity", "65",
			"old_product", "MIS", "new_product", "NRML")
		for i := 0; i < len(pairs); i += 2 {
			v.Set(pairs[i], pairs[i+1])
		}
		return x.Convert(user, v)
	}
	if e := convert(); e != nil {
		t.Fatal(e)
	}
	equal(t, "MIS", x.NetQuantity(user, "NFO", option, "MIS"), 65)
	equal(t, "NRML", x.NetQuantity(user, "NFO", option, "NRML"), 65)
	equal(t, "pushes", pushes(x), "")
	for _, r := range decode[map[string][]fields](t, x.PositionsJSON(user))["net"] {
		has(t, r, fields{"quantity": 65, "average_price": 120})
	}
	refused(t, convert("quantity", "130"), 400, classInput, fmt.Sprintf(textConvertOwn, 65))
	refused(t, convert("transaction_type", "SELL"), 400, classInput, fmt.Sprintf(textConvertOwn, 0))
	refused(t, convert("position_type", "overnight"), 400, classInput, fmt.Sprintf(textConvertOwn, 0))
	refused(t, convert("new_product", "CNC"), 400, classInput, "Invalid `new_product`.")
	ok(t, x.SetFunds(user, 100, RefuseWithError))
	equal(t, "no funds", convert("quantity", "65").ErrorType, classMargin)

	ok(t, x.SetFunds(user, -1, RefuseWithError))
	ok(t, x.SetOvernight(user, "NFO", option, "NRML", -65, 130))
	if e := convert("position_type", "overnight", "transaction_type", "SELL", "old_product", "NRML", "new_product", "MIS"); e != nil {
		t.Fatal(e)
	}
	equal(t, "short carried over", x.NetQuantity(user, "NFO", option, "MIS"), 0)
}

func TestPurchasesBecomeHoldingsOverTwoNights(t *testing.T) {
	x, c := exchange(t)
	mustPlace(t, x, shares()...)
	holding := func() fields { return decode[[]fields](t, x.HoldingsJSON(user))[0] }
	for _, want := range []fields{{"t1_quantity": 5, "quantity": 0, "opening_quantity": 5}, {"t1_quantity": 0, "quantity": 5, "average_price": 1500}} {
		c.advance(24 * time.Hour)
		x.NextDay()
		has(t, holding(), want)
	}
	mustPlace(t, x, shares("transaction_type", "SELL", "price", "1490")...)
	has(t, holding(), fields{"used_quantity": 5})
	c.advance(24 * time.Hour)
	x.NextDay()
	equal(t, "holdings", len(decode[[]fields](t, x.HoldingsJSON(user))), 0)
}

func TestMTFPurchasesBecomeTheHoldingsMTF(t *testing.T) {
	x, c := exchange(t)
	sell := with(shares("product", "MTF", "transaction_type", "SELL", "price", "1490")...)
	_, e := x.Place(user, "regular", sell)
	refused(t, e, 400, classHolding, textHoldings)
	mustPlace(t, x, shares("product", "MTF")...)
	c.advance(24 * time.Hour)
	x.NextDay()
	equal(t, "no position", x.NetQuantity(user, "NSE", share, "MTF"), 0)
	row := decode[[]fields](t, x.HoldingsJSON(user))[0]
	has(t, row, fields{"quantity": 0, "t1_quantity": 0, "opening_quantity": 0})
	has(t, row["mtf"].(map[string]any), fields{"quantity": 5, "average_price": 1500, "used_quantity": 0, "value": 7500})
	if _, e := x.Place(user, "regular", sell); e != nil {
		t.Fatal(e)
	}
	has(t, decode[[]fields](t, x.HoldingsJSON(user))[0]["mtf"].(map[string]any), fields{"used_quantity": 5})
	x.NextDay()
	equal(t, "holdings", len(decode[[]fields](t, x.HoldingsJSON(user))), 0)
}

func TestAnAuthorisationLastsADay(t *testing.T) {
	x, c := exchange(t)
	ok(t, x.SetHolding(user, Holding{Exchange: "NSE", Tradingsymbol: share, Quantity: 10, NeedsAuthorisation: true}))
	sell := func() *APIError {
		_, e := x.Place(user, "regular", with(shares("transaction_type", "SELL", "price", "1600")...))
		return e
	}
	refused(t, sell(), 428, classHolding, "5 quantity needs authorisation at depository.")
	ok(t, x.Authorise(user, "NSE", share, 10))
	if e := sell(); e != nil {
		t.Fatal(e)
	}
	c.advance(24 * time.Hour)
	x.NextDay()
	refused(t, sell(), 428, classHolding, "5 quantity needs authorisation at depository.")
}

func TestNoMISAfterTheSquareOff(t *testing.T) {
	x, _ := exchange(t)
	mustPlace(t, x, "product", "MIS", "price", "121")
	equal(t, "orders", len(x.SquareOff(user)), 1)
	_, e := x.Place(user, "regular", with("product", "MIS"))
	refused(t, e, 400, classOrder, textSquaredOffOwn)
	mustPlace(t, x)
	x.NextDay()
	mustPlace(t, x, "product", "MIS")
}

func TestANarrowedBandCancelsWhatRestsOutside(t *testing.T) {
	x, _ := exchange(t)
	low := mustPlace(t, x)
	mustPlace(t, x, "price", "115")
	n, err := x.Narrow("NFO", option, 110, 130)
	ok(t, err)
	equal(t, "cancelled", n, 1)
	has(t, bookRow(t, x, low), fields{"status": "CANCELLED", "status_message": textPriceProtection})
}

func TestTheClockCanBeSetForward(t *testing.T) {
	x, _ := exchange(t, func(o *Options) { o.TokensDieAtSix = true })
	if _, alive := x.Authenticate("paper_key", "paper_token"); !alive {
		t.Fatal("dead at once")
	}
	if x.Skip(-time.Hour) == nil {
		t.Error("the clock went back")
	}
	ok(t, x.Skip(19*time.Hour+59*time.Minute))
	if _, alive := x.Authenticate("paper_key", "paper_token"); !alive {
		t.Error("dead before six")
	}
	ok(t, x.Skip(time.Minute))
	if _, alive := x.Authenticate("paper_key", "paper_token"); alive {
		t.Error("alive after six")
	}
}

func TestDepthIsOfTheOrdersThatRest(t *testing.T) {
	x, _ := exchange(t)
	for _, price := range []string{"100", "102", "100", "99", "98", "97", "96"} {
		mustPlace(t, x, "price", price)
	}
	mustPlace(t, x, "transaction_type", "SELL", "price", "125")
	q, _ := x.Quote("NFO:" + option)
	text, err := json.Marshal(q.bids)
	ok(t, err)
	equal(t, "bids", string(text), `[{"price":102,"quantity":65,"orders":1},{"price":100,"quantity":130,"orders":2},{"price":99,"quantity":65,"orders":1},{"price":98,"quantity":65,"orders":1},{"price":97,"quantity":65,"orders":1}]`)
	equal(t, "ask", q.asks[0], level{125 * rupee, 65, 1})
	packet := q.packet("full")
	equal(t, "length", len(packet), packetFull)
	equal(t, "best bid", fmt.Sprint(packet[64:76]), "[0 0 0 65 0 0 39 216 0 1 0 0]")
	equal(t, "best ask", fmt.Sprint(packet[124:136]), "[0 0 0 65 0 0 48 212 0 1 0 0]")
}
