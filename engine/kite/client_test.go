package kite

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"backstop/actions"
	"backstop/engine/order"
)

const (
	testKey   = "key-of-the-app"
	testToken = "token-of-the-day"
)

// seen is one request as the server had it.
type seen struct {
	method, path string
	form         url.Values
	header       http.Header
}

// kiteServer answers with handler and remembers what it was asked.
type kiteServer struct {
	*httptest.Server
	mu   sync.Mutex
	seen []seen
}

func (s *kiteServer) requests() []seen {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.seen)
}

func serve(t testing.TB, handler http.HandlerFunc) (*kiteServer, *Client) {
	t.Helper()
	s := &kiteServer{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseForm(); err != nil {
			t.Error(err)
		}
		s.mu.Lock()
		s.seen = append(s.seen, seen{r.Method, r.URL.Path, r.Form, r.Header})
		s.mu.Unlock()
		handler(w, r)
	}))
	c := newClient(t, s.URL)
	t.Cleanup(s.Close)
	return s, c
}

func newClient(t testing.TB, base string) *Client {
	t.Helper()
	c := New(Options{UserID: "AB1234", APIKey: testKey, AccessToken: func() string { return testToken },
		BaseURL: base, Timeout: 5 * time.Second})
	t.Cleanup(c.CloseIdle)
	return c
}

func says(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

func failure(status int, errorType, message string) http.HandlerFunc {
	return says(status, fmt.Sprintf(`{"status":"error","message":%q,"error_type":%q}`, message, errorType))
}

const placed = `{"status":"success","data":{"order_id":"251124000123456"}}`

var (
	stop = actions.Call{Method: actions.Place, Variety: "regular", Params: actions.Params{
		Exchange: "NFO", Tradingsymbol: "NIFTY25NOVFUT", TransactionType: "SELL", Quantity: 75, Product: "NRML",
		OrderType: "SL", Price: 95_950_000, TriggerPrice: 96_000_000, Validity: "DAY", Tag: "bsabcdefghijklmnop23"}}
	move   = actions.Call{Method: actions.Modify, Variety: "regular", OrderID: "251124000123456", Params: stop.Params}
	cancel = actions.Call{Method: actions.Cancel, Variety: "regular", OrderID: "251124000123456"}
)

func classOf(t testing.TB, err error) actions.Class {
	t.Helper()
	if err == nil {
		return actions.ClassNone
	}
	var e *actions.Error
	if !errors.As(err, &e) {
		t.Fatalf("%v is no *actions.Error", err)
	}
	if e.Op == "" || e.Message == "" || e.Hint == "" {
		t.Errorf("without operation, message or hint: %+v", e)
	}
	return e.Class
}

func TestDoSendsWhatKiteReads(t *testing.T) {
	t.Parallel()
	s, c := serve(t, says(200, placed))
	awkward := actions.Call{Method: actions.Place, Variety: "amo", Params: actions.Params{
		Exchange: "NSE", Tradingsymbol: "M&M", TransactionType: "BUY", Quantity: 100000000, Product: "CNC", OrderType: "MARKET",
		Price: 1_234_567_500_000, TriggerPrice: 2_500, MarketProtection: MarketProtectionAuto}}
	iceberg := actions.Call{Method: actions.Place, Variety: "iceberg", Params: actions.Params{Exchange: "NSE", Quantity: 100, Validity: "TTL", ValidityTTL: 5,
		Disclosed: 10, IcebergLegs: 5, IcebergQuantity: 20}}
	leg := actions.Call{Method: actions.Cancel, Variety: "co", OrderID: "2", Params: actions.Params{ParentOrderID: "1"}}
	for _, want := range []struct {
		call         actions.Call
		method, path string
		form         string
	}{
		{stop, "POST", "/orders/regular", "exchange=NFO&order_type=SL&price=95.95&product=NRML&quantity=75&tag=bsabcdefghijklmnop23&tradingsymbol=NIFTY25NOVFUT&transaction_type=SELL&trigger_price=96&validity=DAY"},
		{awkward, "POST", "/orders/amo", "exchange=NSE&market_protection=-1&order_type=MARKET&price=1234567.5&product=CNC&quantity=100000000&tradingsymbol=M%26M&transaction_type=BUY&trigger_price=0.0025"},
		{iceberg, "POST", "/orders/iceberg", "disclosed_quantity=10&exchange=NSE&iceberg_legs=5&iceberg_quantity=20&quantity=100&validity=TTL&validity_ttl=5"},
		{move, "PUT", "/orders/regular/251124000123456", "order_type=SL&price=95.95&quantity=75&trigger_price=96&validity=DAY"},
		{cancel, "DELETE", "/orders/regular/251124000123456", ""},
		{leg, "DELETE", "/orders/co/2", "parent_order_id=1"}, // trap 1: gokiteconnect never sends it
	} {
		id, err := c.Do(t.Context(), want.call)
		if err != nil || id != "251124000123456" {
			t.Fatal(id, err)
		}
		all := s.requests()
		got := all[len(all)-1]
		if got.method != want.method || got.path != want.path || got.form.Encode() != want.form {
			t.Errorf("%s %s %s\nwant %s %s %s", got.method, got.path, got.form.Encode(), want.method, want.path, want.form)
		}
		if want.call.Path() != got.path {
			t.Errorf("a dry run shows %s", want.call.Path())
		}
		if h := got.header; h.Get("X-Kite-Version") != "3" || h.Get("Authorization") != "token "+testKey+":"+testToken ||
			want.method != "DELETE" && h.Get("Content-Type") != "application/x-www-form-urlencoded" {
			t.Error(h)
		}
	}
}

func TestTrap1ParentOrderIDIsSentOnCancel(t *testing.T) {
	t.Parallel()
	s, c := serve(t, says(200, placed))
	call := cancel
	call.Variety, call.Params.ParentOrderID = "co", "251124000123400"
	if _, err := c.Do(t.Context(), call); err != nil || s.requests()[0].form.Get("parent_order_id") != "251124000123400" {
		t.Error(err, s.requests())
	}
}

// Traps 5, 6 and 14, and the time of day alone of docs/kite.md 8.3: gokiteconnect fails the whole call for each.
func TestTraps5And6And14OddRowsFailNoBook(t *testing.T) {
	t.Parallel()
	s, c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/orders":
			says(200, `{"status":"success","data":[
				{"order_id":"1","status":"OPEN","meta":"","account_id":"AB1234"},
				{"order_id":"2","status":"OPEN","meta":"{\"gtt\":1}"},
				{"order_id":"3","status":"OPEN","instrument_token":"779521"},
				{"order_id":"4","status":"OPEN","exchange_timestamp":"16:00:36"},
				{"order_id":"5","status":"OPEN","price":"x"}]}`)(w, r)
		case "/orders/1/trades":
			says(200, `{"status":"success","data":[{"trade_id":"1","order_id":"1","quantity":5,"average_price":1.5,"instrument_token":"7","fill_timestamp":"16:00:36"}]}`)(w, r)
		case "/portfolio/positions":
			says(200, `{"status":"success","data":{"day":[],"net":[{"exchange":"NSE","tradingsymbol":"SBIN","product":"MIS","quantity":5,"overnight_quantity":0,"instrument_token":"7"}]}}`)(w, r)
		default:
			t.Error(r.URL.Path)
		}
	})
	before := time.Now()
	rows, unreadable, err := c.Orders(t.Context())
	if err != nil || len(rows) != 4 || unreadable != 1 {
		t.Fatal(rows, unreadable, err)
	}
	for _, u := range rows {
		if u.Account != "AB1234" || u.Source != order.SourceBook || u.Began.Before(before) || u.Received.Before(u.Began) || len(u.Raw) == 0 {
			t.Errorf("%+v", u)
		}
	}
	if trades, err := c.Trades(t.Context(), "1"); err != nil || len(trades) != 1 || trades[0].Price != 1_500_000 {
		t.Error(trades, err)
	}
	if rows, err := c.Positions(t.Context()); err != nil || len(rows) != 1 || rows[0].Quantity != 5 {
		t.Error(rows, err)
	}
	if got := s.requests(); len(got) != 3 {
		t.Error(got)
	}
}

// A list of trades or positions with a hole in it says so: a sum over the rest would be wrong in silence.
func TestHolesAreTold(t *testing.T) {
	t.Parallel()
	_, c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/trades") {
			says(200, `{"data":[{"order_id":"1","quantity":5,"average_price":1},{"order_id":"1","quantity":5}]}`)(w, r)
			return
		}
		says(200, `{"data":{"net":[{"exchange":"NSE","tradingsymbol":"SBIN","product":"MIS","quantity":5,"overnight_quantity":0},{}]}}`)(w, r)
	})
	trades, err := c.Trades(t.Context(), "1")
	if len(trades) != 1 || classOf(t, err) != actions.ClassOther || !strings.Contains(err.Error(), "row 2 (order 1): average_price") {
		t.Error(trades, err)
	}
	rows, err := c.Positions(t.Context())
	if len(rows) != 1 || classOf(t, err) != actions.ClassOther || !strings.Contains(err.Error(), "row 2") {
		t.Error(rows, err)
	}
}

// Trap 10, docs/kite.md 3.10: several orders in one reply, in both shapes.
func TestTrap10AutosliceRepliesInBothShapes(t *testing.T) {
	t.Parallel()
	refused := `{"error":{"code":400,"error_type":"MarginException","message":"Insufficient funds.","data":null}}`
	for body, want := range map[string]struct {
		id    string
		class actions.Class
	}{
		`[{"order_id":"11"},{"order_id":"12"}]`:                    {"11", ""},
		`[` + refused + `,{"order_id":"12"}]`:                      {"12", ""},
		`[` + refused + `]`:                                        {"", actions.ClassMargin},
		`[{"error":{"code":500,"error_type":"GeneralException"}}]`: {"", actions.ClassAmbiguous},
		`[]`:              {"", actions.ClassAmbiguous},
		`[1,null,"x",[]]`: {"", actions.ClassAmbiguous},
		`{"order_id":"10","children":[{"order_id":"11"}]}`:               {"10", ""},
		`{"order_id":"","children":[` + refused + `,{"order_id":"11"}]}`: {"11", ""},
		`{"children":[` + refused + `]}`:                                 {"", actions.ClassMargin},
		`{"order_id":251124000123456}`:                                   {"251124000123456", ""},
	} {
		_, c := serve(t, says(200, `{"status":"success","data":`+body+`}`))
		id, err := c.Do(t.Context(), stop)
		if id != want.id || classOf(t, err) != want.class {
			t.Errorf("%s: %q %v", body, id, err)
		}
	}
}

// Trap 12: an error_type that nobody knows.
func TestTrap12UnknownErrorType(t *testing.T) {
	t.Parallel()
	_, c := serve(t, failure(400, "BrandNewException", "no"))
	_, err := c.Do(t.Context(), stop)
	if classOf(t, err) != actions.ClassOther {
		t.Error(err)
	}
}

// Trap 16 and the daily token: it is asked for at every call, and without one nothing is sent.
func TestTrap16TheTokenIsAskedForAtEveryCall(t *testing.T) {
	t.Parallel()
	s, _ := serve(t, says(200, placed))
	var token string
	c := New(Options{APIKey: testKey, AccessToken: func() string { return token }, BaseURL: s.URL + "/"})
	t.Cleanup(c.CloseIdle)
	for _, token = range []string{"", "one\r\nX: y", "first", "second"} {
		_, err := c.Do(t.Context(), stop)
		bad := token == "" || strings.Contains(token, "\n")
		if bad && classOf(t, err) != actions.ClassSession || !bad && err != nil {
			t.Errorf("%q: %v", token, err)
		}
	}
	got := s.requests()
	if len(got) != 2 || got[0].header.Get("Authorization") != "token "+testKey+":first" || got[1].header.Get("Authorization") != "token "+testKey+":second" {
		t.Error(got)
	}
	if _, err := New(Options{APIKey: testKey, BaseURL: s.URL}).Do(t.Context(), stop); classOf(t, err) != actions.ClassSession {
		t.Error(err)
	}
}

func TestAlive(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]actions.Class{
		`{"status":"success","data":{"user_id":"AB1234","user_name":"x","meta":{"demat_consent":"physical"}}}`: "",
		`{"status":"success","data":{"user_id":"ab1234"}}`:                                                     "",
		`{"status":"success","data":{}}`:                                                                       "",
		`{"status":"success","data":{"user_id":"ZZ9999"}}`:                                                     actions.ClassSession,
	} {
		s, c := serve(t, says(200, body))
		if err := c.Alive(t.Context()); classOf(t, err) != want || s.requests()[0].path != "/user/profile" {
			t.Errorf("%s: %v", body, err)
		}
	}
	for errorType, want := range map[string]actions.Class{
		"TokenException": actions.ClassSession, "PermissionException": actions.ClassPermission,
	} {
		_, c := serve(t, failure(403, errorType, "no"))
		if err := c.Alive(t.Context()); classOf(t, err) != want {
			t.Errorf("%s: %v", errorType, err)
		}
	}
}

// What can't be sent never leaves.
func TestUnsoundCallsAreRefusedHere(t *testing.T) {
	t.Parallel()
	s, c := serve(t, says(200, placed))
	change := func(f func(*actions.Call)) actions.Call { call := move; f(&call); return call }
	for name, call := range map[string]actions.Call{
		"no variety":   change(func(c *actions.Call) { c.Variety = "" }),
		"a path":       change(func(c *actions.Call) { c.Variety = "../user" }),
		"no id":        change(func(c *actions.Call) { c.OrderID = "" }),
		"a path as id": change(func(c *actions.Call) { c.OrderID = "1/../../session/token" }),
		"a query":      change(func(c *actions.Call) { c.OrderID = "1?x=y" }),
		"a line end":   change(func(c *actions.Call) { c.OrderID = "1\n" }),
		"planned":      change(func(c *actions.Call) { c.OrderID = "planned 1" }),
		"method":       change(func(c *actions.Call) { c.Method = "convert" }),
		"quantity":     change(func(c *actions.Call) { c.Params.Quantity = -1 }),
		"price":        change(func(c *actions.Call) { c.Params.Price = -1 }),
		"tag":          change(func(c *actions.Call) { c.Params.Tag = strings.Repeat("x", TagLength+1) }),
	} {
		if _, err := c.Do(t.Context(), call); classOf(t, err) != actions.ClassInternal {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := c.Trades(t.Context(), "1/.."); classOf(t, err) != actions.ClassInternal {
		t.Error(err)
	}
	for _, o := range []Options{
		{APIKey: testKey, BaseURL: "ftp://x"}, {APIKey: testKey, BaseURL: "x"}, {APIKey: testKey, BaseURL: "http://"},
		{APIKey: testKey, BaseURL: "http://a:b@x"}, {APIKey: testKey, BaseURL: "http://x?y"}, {APIKey: testKey, BaseURL: ":"},
		{BaseURL: s.URL}, {APIKey: "a b", BaseURL: s.URL},
	} {
		o.AccessToken = func() string { return testToken }
		c := New(o)
		if err := c.Alive(t.Context()); classOf(t, err) != actions.ClassInternal {
			t.Errorf("%s: %v", o.BaseURL, err)
		}
		if err := c.Instruments(t.Context(), nil); classOf(t, err) != actions.ClassInternal {
			t.Errorf("%s: %v", o.BaseURL, err)
		}
	}
	if got := s.requests(); len(got) != 0 {
		t.Error(got)
	}
}

// Each call finds its own reply, whatever else is under way.
func TestCallsAtOnce(t *testing.T) {
	t.Parallel()
	_, c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		parts := strings.Split(r.URL.Path, "/")
		switch {
		case r.URL.Path == "/orders":
			says(200, `{"data":[{"order_id":"7","status":"OPEN"}]}`)(w, r)
		default:
			says(200, `{"data":{"order_id":"`+parts[len(parts)-1]+`"}}`)(w, r)
		}
	})
	var wg sync.WaitGroup
	for i := range 40 {
		wg.Go(func() {
			call := cancel
			call.OrderID = fmt.Sprint(1000 + i)
			if id, err := c.Do(t.Context(), call); err != nil || id != call.OrderID {
				t.Error(id, err)
			}
			if rows, _, err := c.Orders(t.Context()); err != nil || rows[0].OrderID != "7" {
				t.Error(rows, err)
			}
		})
	}
	wg.Wait()
}

func TestTheCapOfTheDayIsTheOneThatLasts(t *testing.T) {
	t.Parallel()
	var d dayCap
	at := func(s int) time.Time { return tested.Add(time.Duration(s) * time.Second) }
	for _, step := range []struct {
		second int
		day    bool
	}{{0, false}, {60, false}, {99, false}, {100, true}, {160, true}, {460, true}, {761, false}, {800, false}} {
		if got := d.refused(at(step.second)); got != step.day {
			t.Errorf("at %d s: %v", step.second, got)
		}
	}
	d.taken()
	if d.refused(at(1000)) {
		t.Error("a placement was taken since")
	}

	_, c := serve(t, failure(429, "NetworkException", "Maximum allowed order requests exceeded"))
	if _, err := c.Do(t.Context(), stop); classOf(t, err) != actions.ClassMinuteCap {
		t.Error(err)
	}
	c.cap.first = time.Now().Add(-capLasts)
	_, err := c.Do(t.Context(), stop)
	if classOf(t, err) != actions.ClassOrderCap || classOf(t, err).Waits() {
		t.Error(err)
	}
	if _, err := c.Do(context.Background(), cancel); classOf(t, err) != actions.ClassMinuteCap {
		t.Error("a cancel counts for nothing:", err)
	}
}
