package paper

import (
	"strings"
	"testing"
)

func TestFundsRefusedWithError(t *testing.T) {
	x, _ := exchange(t)
	ok(t, x.SetFunds(user, 10000, RefuseWithError))
	_, e := x.Place(user, "regular", with("quantity", "130"))
	refused(t, e, 400, classMargin, "Insufficient funds. Required margin is 13000.00 but available margin is 10000.00.")
	id := mustPlace(t, x)
	_, e = x.Place(user, "regular", with())
	refused(t, e, 400, classMargin, "Insufficient funds. Required margin is 6500.00 but available margin is 3500.00.")
	_, e = x.Modify(user, "regular", id, values("quantity", "195"))
	refused(t, e, 400, classMargin, "Insufficient funds. Required margin is 19500.00 but available margin is 10000.00.")
	mustCancel(t, x, id)
	mustPlace(t, x)
	ok(t, x.SetFunds(user, -1, RefuseWithError))
	mustPlace(t, x, "quantity", "1755")
}

func TestFundsRefusedInBook(t *testing.T) {
	x, _ := exchange(t)
	ok(t, x.SetFunds(user, 100.5, RefuseInBook))
	id := mustPlace(t, x)
	r := bookRow(t, x, id)
	has(t, r, fields{"status": "REJECTED", "pending_quantity": 0, "exchange_order_id": nil, "exchange_timestamp": nil,
		"status_message": "Insufficient funds. Required margin is 6500.00 but available margin is 100.50. Check the orderbook for open orders."})
	if raw := r["status_message_raw"].(string); !strings.HasPrefix(raw, "RMS:Margin Exceeds,Required:6500.00, Available:100.50") {
		t.Errorf("raw text %q", raw)
	}
	equal(t, "pushes", pushes(x), "REJECTED:http")
}

// A first exit costs nothing, a second one beside it does.
func TestSecondExitNeedsMargin(t *testing.T) {
	x, _ := exchange(t)
	mustPlace(t, x, "price", "120")
	ok(t, x.SetFunds(user, 8000, RefuseWithError))
	mustPlace(t, x, "transaction_type", "SELL", "price", "130")
	_, e := x.Place(user, "regular", with("transaction_type", "SELL", "order_type", "SL", "price", "105", "trigger_price", "110"))
	refused(t, e, 400, classMargin, "Insufficient funds. Required margin is 191100.00 but available margin is 200.00.")
	ok(t, x.SetFunds(user, 300000, RefuseWithError))
	mustPlace(t, x, "transaction_type", "SELL", "order_type", "SL", "price", "105", "trigger_price", "110")
	body, _ := x.MarginsJSON(user, "equity")
	has(t, decode[fields](t, body), fields{"net": 300000 - 7800 - 191100})
}

func TestHoldings(t *testing.T) {
	x, _ := exchange(t)
	sell := func(quantity string) (string, *APIError) {
		return x.Place(user, "regular", with("exchange", "NSE", "tradingsymbol", "SBIN", "product", "CNC", "transaction_type", "SELL", "quantity", quantity, "price", "810"))
	}
	ok(t, x.SetHolding(user, Holding{Exchange: "NSE", Tradingsymbol: "SBIN", Quantity: 10, T1Quantity: 2, AveragePrice: 700}))
	first, e := sell("8")
	if e != nil {
		t.Fatal(e)
	}
	_, e = sell("5")
	refused(t, e, 400, classHolding, textHoldings)
	ok(t, x.Fill(first, 8, 0))
	_, e = sell("5")
	refused(t, e, 400, classHolding, textHoldings)
	h := decode[[]fields](t, x.HoldingsJSON(user))[0]
	has(t, h, fields{"quantity": 10, "used_quantity": 8, "t1_quantity": 2, "opening_quantity": 12, "pnl": 1200})
	ok(t, x.SetHolding(user, Holding{Exchange: "NSE", Tradingsymbol: "SBIN", Quantity: 20, NeedsAuthorisation: true}))
	_, e = sell("10")
	refused(t, e, 428, classHolding, "10 quantity needs authorisation at depository.")
	x.NextDay()
	has(t, decode[[]fields](t, x.HoldingsJSON(user))[0], fields{"quantity": 12, "t1_quantity": 0})
}

func TestPositions(t *testing.T) {
	x, _ := exchange(t)
	ok(t, x.SetOvernight(user, "NFO", option, "NRML", 130, 110))
	mustPlace(t, x, "price", "120")
	setPrice(t, x, 125)
	mustPlace(t, x, "transaction_type", "SELL", "price", "125", "quantity", "260")
	p := decode[map[string][]fields](t, x.PositionsJSON(user))
	// Long 130@110 and 65@120, sold 260@125.
	has(t, p["net"][0], fields{
		"quantity": -65, "overnight_quantity": 130, "multiplier": 1, "average_price": 125, "last_price": 125, "close_price": 120,
		"buy_quantity": 195, "buy_value": 22100, "sell_quantity": 260, "sell_value": 32500, "value": 10400,
		"pnl": 2275, "unrealised": 2275, "m2m": 975, "day_buy_quantity": 65, "day_sell_quantity": 260, "day_sell_price": 125,
	})
	has(t, p["day"][0], fields{"quantity": -195, "overnight_quantity": 0, "buy_quantity": 65, "sell_quantity": 260, "close_price": 0})
	equal(t, "net", x.NetQuantity(user, "NFO", option, "NRML"), -65)

	ok(t, x.SetOvernight(user, "NFO", option, "NRML", -65, 110))
	p = decode[map[string][]fields](t, x.PositionsJSON(user))
	has(t, p["net"][0], fields{"quantity": -260, "overnight_quantity": -65, "sell_quantity": 325, "sell_value": 39650, "average_price": 122})

	mustPlace(t, x, "exchange", "MCX", "tradingsymbol", "CRUDEOIL26DECFUT", "quantity", "2", "price", "5800")
	ok(t, x.SetPrice("MCX", "CRUDEOIL26DECFUT", 5810))
	p = decode[map[string][]fields](t, x.PositionsJSON(user))
	has(t, p["net"][1], fields{"quantity": 2, "multiplier": 100, "average_price": 5800, "pnl": 2000})
}

func TestMargins(t *testing.T) {
	x, _ := exchange(t)
	ok(t, x.SetFunds(user, 10000, RefuseWithError))
	mustPlace(t, x, "price", "120")
	body, _ := x.MarginsJSON(user, "")
	m := decode[map[string]fields](t, body)
	has(t, m["equity"], fields{"enabled": true, "net": 2200})
	_, e := x.MarginsJSON(user, "gold")
	refused(t, e, 400, classInput, "Invalid `segment`.")
}

func TestTrades(t *testing.T) {
	x, _ := exchange(t)
	id := mustPlace(t, x, "quantity", "130")
	ok(t, x.Fill(id, 65, 99.95))
	ok(t, x.Fill(id, 65, 100))
	has(t, bookRow(t, x, id), fields{"average_price": 99.975})
	body, _ := x.TradesJSON(user, id)
	trades := decode[[]fields](t, body)
	equal(t, "trades", len(trades), 2)
	has(t, trades[0], fields{"order_id": id, "quantity": 65, "average_price": 99.95, "order_timestamp": "10:00:00", "fill_timestamp": "2026-11-02 10:00:00"})
	if trades[0]["trade_id"] == trades[1]["trade_id"] {
		t.Error("two trades share an id")
	}
	empty := mustPlace(t, x)
	body, _ = x.TradesJSON(user, empty)
	equal(t, "unfilled", string(body), `{"status":"success","data":[]}`)
	for _, bad := range []error{x.Fill(id, 1, 0), x.Fill("1", 1, 0), x.Fill(empty, 66, 0), x.Fill(empty, 0, 0), x.Fill(empty, 65, -1), x.SetPrice("NFO", option, 0), x.SetPrice("NFO", "X", 1)} {
		if bad == nil {
			t.Error("a wrong fill or price was taken")
		}
	}
}

func TestSessions(t *testing.T) {
	x, c := exchange(t, func(o *Options) { o.TokensDieAtSix = true })
	alive := func() bool { _, ok := x.Authenticate("paper_key", "paper_token"); return ok }
	if !alive() {
		t.Fatal("the first token is dead")
	}
	c.advance(20*3600e9 - 1)
	if !alive() {
		t.Error("dead before 06:00")
	}
	c.advance(1)
	if alive() {
		t.Error("alive after 06:00")
	}
	token := x.RequestToken(user, "paper_key")
	sum := Checksum("paper_key", token, "my_api_secret") // the same concatenation (docs/kite.md 5.1)
	s, e := x.exchangeToken("paper_key", token, sum)
	if e != nil {
		t.Fatal(e)
	}
	if u, ok := x.Authenticate("paper_key", s.token); !ok || u != user {
		t.Error("the new token does not open")
	}
	_, e = x.exchangeToken("paper_key", token, sum)
	refused(t, e, 403, classToken, "Token is invalid or has expired.")
	_, e = x.exchangeToken("paper_key", token, "0")
	refused(t, e, 403, classToken, "Invalid `checksum`.")
	x.KillSessions(user)
	if _, ok := x.Authenticate("paper_key", s.token); ok {
		t.Error("alive after the logout")
	}
}
