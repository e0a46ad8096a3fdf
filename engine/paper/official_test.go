package paper

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	kiteconnect "github.com/zerodha/gokiteconnect/v4"
	"github.com/zerodha/gokiteconnect/v4/models"
	kiteticker "github.com/zerodha/gokiteconnect/v4/ticker"
)

// served is an exchange behind HTTP, closed with the test.
func served(t *testing.T, x *Exchange, o ServerOptions) (*Server, *httptest.Server) {
	t.Helper()
	o.Heartbeat = 20 * time.Millisecond
	s := NewServer(x, o)
	h := httptest.NewServer(s)
	t.Cleanup(func() { s.Close(); h.Close() })
	return s, h
}

// official is Kite's own Go client against the server.
func official(t *testing.T, base string) *kiteconnect.Client {
	t.Helper()
	c := kiteconnect.New("paper_key")
	transport := &http.Transport{}
	c.SetHTTPClient(&http.Client{Transport: transport, Timeout: 5 * time.Second})
	c.SetBaseURI(base)
	c.SetAccessToken("paper_token")
	t.Cleanup(transport.CloseIdleConnections)
	return c
}

func params() kiteconnect.OrderParams {
	return kiteconnect.OrderParams{Exchange: "NFO", Tradingsymbol: option, TransactionType: "BUY", Quantity: 65,
		Product: "NRML", OrderType: "LIMIT", Price: 100.05, Validity: "DAY", Tag: "tag1"}
}

func TestOfficialClient(t *testing.T) {
	x, _ := exchange(t)
	_, h := served(t, x, ServerOptions{})
	k := official(t, h.URL)

	placed, err := k.PlaceOrder("regular", params())
	ok(t, err)
	p := params()
	p.Price = 119
	modified, err := k.ModifyOrder("regular", placed.OrderID, p)
	ok(t, err)
	equal(t, "modified", modified.OrderID, placed.OrderID)
	ok(t, x.Fill(placed.OrderID, 65, 0))
	second, err := k.PlaceOrder("regular", params())
	ok(t, err)
	cancelled, err := k.CancelOrder("regular", second.OrderID, nil)
	ok(t, err)
	equal(t, "cancelled", cancelled.OrderID, second.OrderID)
	market := params()
	market.OrderType, market.Price, market.MarketProtection = "MARKET", 0, kiteconnect.MarketProtectionAuto
	_, err = k.PlaceOrder("regular", market)
	ok(t, err)

	orders, err := k.GetOrders()
	ok(t, err)
	equal(t, "orders", len(orders), 3)
	o := orders[0]
	equal(t, "status", o.Status, "COMPLETE")
	equal(t, "average", o.AveragePrice, 119)
	equal(t, "modified", o.Modified, true)
	equal(t, "time", o.OrderTimestamp.Format(time.RFC3339), "2026-11-02T10:00:00+05:30")
	equal(t, "tag", o.Tag+o.Tags[0], "tag1tag1")
	equal(t, "protected", strings.Join(orders[2].Tags, " ")+" "+orders[2].OrderType, "tag1 mktp mktp:2.00 LIMIT")
	rows, err := k.GetOrderHistory(placed.OrderID)
	ok(t, err)
	equal(t, "history", len(rows), 9)
	trades, err := k.GetTrades()
	ok(t, err)
	equal(t, "trades", len(trades), 2)
	trades, err = k.GetOrderTrades(placed.OrderID)
	ok(t, err)
	equal(t, "trade", trades[0].AveragePrice, 119)
	positions, err := k.GetPositions()
	ok(t, err)
	equal(t, "net", positions.Net[0].Quantity, 130)
	equal(t, "day", positions.Day[0].DayBuyQuantity, 130)
	ok(t, x.SetHolding(user, Holding{Exchange: "NSE", Tradingsymbol: "INFY", Quantity: 3}))
	holdings, err := k.GetHoldings()
	ok(t, err)
	equal(t, "holding", holdings[0].Quantity, 3)

	instruments, err := k.GetInstruments()
	ok(t, err)
	equal(t, "instruments", len(instruments), len(DefaultInstruments()))
	nfo, err := k.GetInstrumentsByExchange("BFO")
	ok(t, err)
	equal(t, "BFO", nfo[0].Tradingsymbol+nfo[0].Segment, "SENSEX26DEC80000CEBFO-OPT")
	equal(t, "expiry", nfo[0].Expiry.Format(time.DateOnly), "2026-12-31")
	equal(t, "lot", nfo[0].LotSize, 20)

	quotes, err := k.GetQuote("NSE:INFY", "NFO:"+option, "NSE:NONE")
	ok(t, err)
	equal(t, "quotes", len(quotes), 2)
	equal(t, "upper circuit", quotes["NSE:INFY"].UpperCircuitLimit, 1650)
	ltp, err := k.GetLTP("NFO:" + option)
	ok(t, err)
	equal(t, "ltp", ltp["NFO:"+option].LastPrice, 120)
	ohlc, err := k.GetOHLC("NSE:INFY")
	ok(t, err)
	equal(t, "ohlc", ohlc["NSE:INFY"].OHLC.Close, 1500)

	profile, err := k.GetUserProfile()
	ok(t, err)
	equal(t, "user", profile.UserID, user)
	margins, err := k.GetUserMargins()
	ok(t, err)
	equal(t, "margins", margins.Equity.Enabled, true)
	equity, err := k.GetUserSegmentMargins("equity")
	ok(t, err)
	equal(t, "net", equity.Net, 1e7)
}

func TestOfficialClientRefusals(t *testing.T) {
	x, _ := exchange(t)
	_, h := served(t, x, ServerOptions{})
	k := official(t, h.URL)
	wants := func(err error, status int, class, message string) {
		t.Helper()
		var e kiteconnect.Error
		if !errors.As(err, &e) {
			t.Fatalf("error %v", err)
		}
		refused(t, &APIError{e.Code, e.ErrorType, e.Message}, status, class, message)
	}
	p := params()
	p.Price = 100.03
	_, err := k.PlaceOrder("regular", p)
	wants(err, 400, classInput, "Tick size for this script is 0.05. Kindly enter price in the multiple of tick size for this script")
	_, err = k.CancelOrder("regular", "77", nil)
	wants(err, 404, classGeneral, "Couldn't find that `order_id`.")
	x.SetPersonal("paper_key", true)
	_, err = k.GetQuote("NSE:INFY")
	wants(err, 403, classPermission, "Insufficient permission for that call")
	k.SetAccessToken("wrong")
	_, err = k.GetOrders()
	wants(err, 403, classToken, "Incorrect `api_key` or `access_token`.")
}

func TestOfficialClientSession(t *testing.T) {
	x, _ := exchange(t)
	_, h := served(t, x, ServerOptions{RedirectURLs: map[string]string{"paper_key": "http://127.0.0.1:1/back?a=b"}})
	k := official(t, h.URL)
	x.KillSessions(user)
	if _, err := k.GetUserProfile(); err == nil {
		t.Fatal("a dead session opened")
	}
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	answer, err := transport.RoundTrip(must(http.NewRequest("GET", h.URL+"/connect/login?v=3&api_key=paper_key&redirect_params="+url.QueryEscape("s=1"), nil)))
	ok(t, err)
	answer.Body.Close()
	back, err := answer.Location()
	ok(t, err)
	equal(t, "params", back.Query().Get("a")+back.Query().Get("s")+back.Query().Get("status"), "b1success")
	s, err := k.GenerateSession(back.Query().Get("request_token"), "my_api_secret")
	ok(t, err)
	equal(t, "user", s.UserID, user)
	_, err = k.GetUserProfile()
	ok(t, err)
	if _, err := k.InvalidateAccessToken(); err != nil {
		t.Fatal(err)
	}
	if _, err := k.GetUserProfile(); err == nil {
		t.Error("alive after it was invalidated")
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func TestOfficialTicker(t *testing.T) {
	x, _ := exchange(t)
	s, h := served(t, x, ServerOptions{})
	ticker := kiteticker.New("paper_key", "paper_token")
	ticker.SetRootURL(url.URL{Scheme: "ws", Host: strings.TrimPrefix(h.URL, "http://"), Path: "/ws"})
	ticker.SetAutoReconnect(false)
	connected, beats := make(chan bool, 1), make(chan bool, 1)
	orders, seen := make(chan kiteconnect.Order, 100), make(chan models.Tick, 100)
	ticker.OnConnect(func() { connected <- true })
	ticker.OnMessage(func(kind int, b []byte) {
		if kind == kiteticker.BinaryMessage && len(b) == 1 {
			select {
			case beats <- true:
			default:
			}
		}
	})
	ticker.OnOrderUpdate(func(o kiteconnect.Order) { orders <- o })
	ticker.OnTick(func(k models.Tick) { seen <- k })
	served := make(chan bool)
	go func() { ticker.Serve(); close(served) }()
	receive(t, connected)
	receive(t, beats)

	infy, index := uint32(408065), uint32(256265)
	ok(t, ticker.Subscribe([]uint32{infy, index}))
	first := receive(t, seen)
	equal(t, "mode", first.Mode, "quote")
	equal(t, "price", first.LastPrice, 1500)
	equal(t, "index", receive(t, seen).IsIndex, true)
	ok(t, ticker.SetMode(kiteticker.ModeFull, []uint32{infy}))
	receive(t, seen)
	ok(t, x.SetPrice("NSE", "INFY", 1512.30))
	full := receive(t, seen)
	equal(t, "mode", full.Mode, "full")
	equal(t, "price", full.LastPrice, 1512.30)
	equal(t, "high", full.OHLC.High, 1512.30)
	equal(t, "open", full.OHLC.Open, 1500)
	equal(t, "time", full.Timestamp.Unix(), tenAM().at.Unix())
	ok(t, ticker.SetMode(kiteticker.ModeLTP, []uint32{infy}))
	equal(t, "mode", receive(t, seen).Mode, "ltp")
	ok(t, ticker.Unsubscribe([]uint32{infy}))

	// An order by hand is seen too (docs/kite.md 2.1).
	id, e := x.PlaceByHand(user, with("price", "120", "tag", "hand"))
	if e != nil {
		t.Fatal(e)
	}
	o := receive(t, orders)
	equal(t, "order", o.OrderID+o.Status+o.AccountID, id+"OPEN"+user)
	o = receive(t, orders)
	equal(t, "status", o.Status, "COMPLETE")
	equal(t, "tags", strings.Join(o.Tags, ""), "hand")
	equal(t, "average", o.AveragePrice, 120)

	ticker.Stop()
	s.DropSockets()
	receive(t, served)
}

func receive[T any](t *testing.T, c chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(3 * time.Second):
		t.Fatal("nothing came in 3 s")
		panic("unreachable")
	}
}

func TestSocketRefused(t *testing.T) {
	x, _ := exchange(t)
	_, h := served(t, x, ServerOptions{})
	dial := func(query string) int {
		r := must(http.NewRequest("GET", h.URL+"/ws?"+query, nil))
		for k, v := range map[string]string{"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="} {
			r.Header.Set(k, v)
		}
		transport := &http.Transport{}
		defer transport.CloseIdleConnections()
		answer, err := transport.RoundTrip(r)
		ok(t, err)
		answer.Body.Close()
		return answer.StatusCode
	}
	equal(t, "wrong token", dial("api_key=paper_key&access_token=x"), 403)
	equal(t, "right token", dial("api_key=paper_key&access_token=paper_token"), 101)
	x.SetPersonal("paper_key", true)
	equal(t, "personal app", dial("api_key=paper_key&access_token=paper_token"), 403)
}
