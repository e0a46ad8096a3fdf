package paper

import (
	"net/http"
	"strings"
	"testing"

	kiteconnect "github.com/zerodha/gokiteconnect/v4"
)

func TestQuotesAndSocketsHaveTheirLimits(t *testing.T) {
	x, c := exchange(t, func(o *Options) { o.Limits = KiteLimits() })
	s, h := served(t, x, ServerOptions{})
	k := official(t, h.URL)
	_, err := k.GetLTP("NSE:INFY")
	ok(t, err)
	if _, err = k.GetOHLC("NSE:INFY"); err == nil || !strings.Contains(err.Error(), textTooMany) {
		t.Errorf("a second quote in one second: %v", err)
	}
	_, err = k.GetOrders()
	ok(t, err)
	c.advance(2e9)
	if _, err = k.GetQuote(make([]string, 501)...); err == nil || !strings.Contains(err.Error(), "At most 500") {
		t.Errorf("501 quotes: %v", err)
	}
	dial := func() (int, func()) {
		r := must(http.NewRequest("GET", h.URL+"/ws?api_key=paper_key&access_token=paper_token", nil))
		for k, v := range map[string]string{"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="} {
			r.Header.Set(k, v)
		}
		transport := &http.Transport{}
		answer, err := transport.RoundTrip(r)
		ok(t, err)
		return answer.StatusCode, func() { answer.Body.Close(); transport.CloseIdleConnections() }
	}
	for range 3 {
		status, end := dial()
		defer end()
		equal(t, "socket", status, 101)
	}
	status, end := dial()
	end()
	equal(t, "the fourth", status, 429)
	equal(t, "sockets", s.Sockets(), 3)
}

func TestCalculatorsByTheOfficialClient(t *testing.T) {
	x, _ := exchange(t)
	_, h := served(t, x, ServerOptions{})
	k := official(t, h.URL)
	orders := []kiteconnect.OrderMarginParam{
		{Exchange: "NFO", Tradingsymbol: option, TransactionType: "BUY", Variety: "regular", Product: "NRML", OrderType: "LIMIT", Quantity: 65, Price: 100},
		{Exchange: "NSE", Tradingsymbol: share, TransactionType: "SELL", Variety: "regular", Product: "MIS", OrderType: "MARKET", Quantity: 10},
	}
	margins, err := k.GetOrderMargins(kiteconnect.GetMarginParams{OrderParams: orders})
	ok(t, err)
	equal(t, "premium", margins[0].OptionPremium, 6500)
	equal(t, "brokerage", margins[0].Charges.Brokerage, 20)
	equal(t, "var", margins[1].VAR, 3000)
	equal(t, "leverage", margins[1].Leverage, 5)
	mustPlace(t, x, append(shares(), "product", "MIS", "quantity", "10")...)
	basket, err := k.GetBasketMargins(kiteconnect.GetBasketParams{OrderParams: orders, ConsiderPositions: true})
	ok(t, err)
	equal(t, "initial", basket.Initial.Total, 9500)
	equal(t, "final", basket.Final.Total, 6500)
	charges, err := k.GetOrderCharges(kiteconnect.GetChargesParams{OrderParams: []kiteconnect.OrderChargesParam{
		{OrderID: "1", Exchange: "NSE", Tradingsymbol: share, TransactionType: "SELL", Variety: "regular", Product: "MIS", OrderType: "MARKET", Quantity: 10, AveragePrice: 1000}}})
	ok(t, err)
	equal(t, "brokerage", charges[0].Charges.Brokerage, 3)
	full, err := k.GetFullUserProfile()
	ok(t, err)
	equal(t, "user", full.UserID, user)
	converted, err := k.ConvertPosition(kiteconnect.ConvertPositionParams{Exchange: "NSE", TradingSymbol: share, OldProduct: "MIS", NewProduct: "CNC",
		PositionType: "day", TransactionType: "BUY", Quantity: 10})
	ok(t, err)
	equal(t, "converted", converted, true)
}
