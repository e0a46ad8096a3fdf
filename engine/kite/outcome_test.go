package kite

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"backstop/actions"
)

// rawServer speaks for itself: each connection that got a request is handed to speak, and then closed.
func rawServer(t testing.TB, readRequest bool, speak func(net.Conn)) (base string, requests *atomic.Int32) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	requests = new(atomic.Int32)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			if readRequest {
				r, err := http.ReadRequest(bufio.NewReader(conn))
				if err != nil {
					_ = conn.Close()
					continue
				}
				_, _ = io.Copy(io.Discard, r.Body)
				requests.Add(1)
			}
			speak(conn)
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() { _ = l.Close(); <-done })
	return "http://" + l.Addr().String(), requests
}

type carrier func(*http.Request) (*http.Response, error)

func (f carrier) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// The whole of what can become of a change, and what each means: ClassAmbiguous where it may have happened, and
// another class only where it has not. Traps 7, 8 and 9 of docs/kite.md 8.4 are among them.
func TestEveryEndOfAChangeHasItsClass(t *testing.T) {
	t.Parallel()
	const html = `<!DOCTYPE html><html><body><h1>Bad gateway</h1></body></html>`
	write := func(text string) func(net.Conn) {
		return func(c net.Conn) { _, _ = io.WriteString(c, text) }
	}
	hang := func(c net.Conn) { _, _ = c.Read(make([]byte, 1)) }
	const head = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"
	replies := map[string]struct {
		h    http.HandlerFunc
		want actions.Class
	}{
		"success":                       {says(200, placed), actions.ClassNone},
		"trap 7: 200 with an error":     {failure(200, "InputException", "Missing or empty field `product`"), actions.ClassRefused},
		"trap 7: 200, NetworkException": {failure(200, "NetworkException", "request 1 timed out"), actions.ClassAmbiguous},
		"trap 7: 200, GeneralException": {failure(200, "GeneralException", "sorry"), actions.ClassAmbiguous},
		"trap 8: HTML 502":              {says(502, html), actions.ClassAmbiguous},
		"trap 8: HTML 503":              {says(503, html), actions.ClassAmbiguous},
		"trap 8: HTML 504":              {says(504, html), actions.ClassAmbiguous},
		"trap 8: HTML 429":              {says(429, html), actions.ClassBusy},
		"HTML 403":                      {says(403, html), actions.ClassAddress},
		"HTML 400":                      {says(400, html), actions.ClassRefused},
		"empty 400":                     {says(400, ""), actions.ClassRefused},
		"HTML 200":                      {says(200, html), actions.ClassAmbiguous},
		"empty 200":                     {says(200, ""), actions.ClassAmbiguous},
		"204":                           {says(204, ""), actions.ClassAmbiguous},
		"200, no data":                  {says(200, `{"status":"success"}`), actions.ClassAmbiguous},
		"200, null":                     {says(200, `{"status":"success","data":null}`), actions.ClassAmbiguous},
		"200, no order id":              {says(200, `{"status":"success","data":{}}`), actions.ClassAmbiguous},
		"200, empty order id":           {says(200, `{"status":"success","data":{"order_id":""}}`), actions.ClassAmbiguous},
		"200, cut off":                  {says(200, placed[:30]), actions.ClassAmbiguous},
		"200, more behind":              {says(200, placed+placed), actions.ClassAmbiguous},
		"200, far too long":             {says(200, `{"x":"`+strings.Repeat("x", changeReplyMax)+`","data":{"order_id":"1"}}`), actions.ClassAmbiguous},
		"500":                           {failure(500, "GeneralException", "sorry"), actions.ClassAmbiguous},
		"503 of Kite":                   {failure(503, "NetworkException", "Request failed (kitetrade-oms)"), actions.ClassAmbiguous},
		"400, NetworkException":         {failure(400, "NetworkException", "request 1 timed out"), actions.ClassAmbiguous},
		"408":                           {says(408, ""), actions.ClassAmbiguous},
		"429":                           {failure(429, "NetworkException", "Too many requests"), actions.ClassBusy},
		"25 modifications":              {failure(429, "NetworkException", "Maximum allowed order modifications exceeded."), actions.ClassModificationCap},
		"minute":                        {failure(429, "NetworkException", "Maximum allowed order requests exceeded"), actions.ClassMinuteCap},
		"margin":                        {failure(400, "MarginException", "Insufficient funds."), actions.ClassMargin},
		"session":                       {failure(403, "TokenException", "Token is invalid or has expired."), actions.ClassSession},
		"address":                       {failure(403, "PermissionException", "IP not allowed to place orders for this app"), actions.ClassAddress},
		"processing":                    {failure(400, "InputException", "Order cannot be modified as it is being processed. Try later."), actions.ClassProcessing},
		"redirect": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
		}, actions.ClassAmbiguous},
		"broken gzip": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = io.WriteString(w, placed)
		}, actions.ClassAmbiguous},
		"broken 400": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "500")
			w.WriteHeader(400)
			_, _ = io.WriteString(w, `{"status":"error"`)
		}, actions.ClassAmbiguous},
	}
	for name, r := range replies {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, call := range []actions.Call{stop, move, cancel} {
				s, c := serve(t, r.h)
				id, err := c.Do(t.Context(), call)
				if got := classOf(t, err); got != r.want || (id != "") != (r.want == actions.ClassNone) {
					t.Errorf("%s: %q %v (%s), want %s", call.Method, id, err, got, r.want)
				}
				if n := len(s.requests()); n != 1 {
					t.Errorf("%s: %d requests", call.Method, n)
				}
			}
		})
	}

	connections := map[string]struct {
		read  bool
		speak func(net.Conn)
	}{
		"closed at once":       {false, func(net.Conn) {}},
		"closed after reading": {true, func(net.Conn) {}},
		"trap 9: no answer":    {true, hang},
		"half a head":          {true, write("HTTP/1.1 200")},
		"no body":              {true, write(head)},
		"half a body":          {true, write(head + placed)},
		"a body that hangs":    {true, func(c net.Conn) { write(head + placed)(c); hang(c) }},
		"no HTTP":              {true, write("hello\r\n\r\n")},
		"broken chunks":        {true, write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")},
	}
	for name, k := range connections {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, call := range []actions.Call{stop, move, cancel} {
				base, requests := rawServer(t, k.read, k.speak)
				c := newClient(t, base)
				c.o.Timeout = 100 * time.Millisecond
				_, err := c.Do(t.Context(), call)
				if got := classOf(t, err); got != actions.ClassAmbiguous {
					t.Errorf("%s: %v (%s)", call.Method, err, got)
				}
				if n := requests.Load(); k.read && n != 1 {
					t.Errorf("%s: %d requests", call.Method, n)
				}
			}
		})
	}
}

// A connection that was never made is certain: nothing left.
func TestNotSentIsCertain(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := l.Addr().String()
	_ = l.Close()
	plain := httptest.NewServer(says(200, placed))
	t.Cleanup(plain.Close)
	stranger := httptest.NewUnstartedServer(says(200, placed))
	stranger.Config.ErrorLog = quiet()
	stranger.StartTLS()
	t.Cleanup(stranger.Close)
	dial := func(f func(context.Context) error) http.RoundTripper {
		x := NewTransport()
		x.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) { return nil, f(ctx) }
		return x
	}
	for name, c := range map[string]*Client{
		"refused":            New(Options{BaseURL: "http://" + closed}),
		"no TLS there":       New(Options{BaseURL: "https://" + plain.Listener.Addr().String()}),
		"foreign cert":       New(Options{BaseURL: stranger.URL}),
		"no such host":       New(Options{Transport: dial(func(context.Context) error { return &net.DNSError{Err: "no such host", Name: "api.kite.trade"} })}),
		"dialling too long":  New(Options{Transport: dial(func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }), Timeout: 50 * time.Millisecond}),
		"through a wrapper":  New(Options{BaseURL: "http://" + closed, Transport: carrier(NewTransport().RoundTrip)}),
		"proxy out of reach": New(Options{BaseURL: plain.URL, Transport: dial(func(context.Context) error { return errors.New("proxy user:secret@host") })}),
	} {
		c.o.APIKey, c.o.AccessToken, c.bad = testKey, func() string { return testToken }, ""
		t.Cleanup(c.CloseIdle)
		for _, call := range []actions.Call{stop, move, cancel} {
			_, err := c.Do(t.Context(), call)
			if classOf(t, err) != actions.ClassDown || !strings.Contains(err.Error(), "not sent") || strings.Contains(err.Error(), "secret") {
				t.Errorf("%s, %s: %v", name, call.Method, err)
			}
		}
		if _, _, err := c.Orders(t.Context()); classOf(t, err) != actions.ClassDown {
			t.Errorf("%s: %v", name, err)
		}
		ctx, end := context.WithTimeout(t.Context(), 50*time.Millisecond)
		if err := c.Instruments(ctx, nil); classOf(t, err) != actions.ClassDown {
			t.Errorf("%s: %v", name, err)
		}
		end()
	}
}

// A carrier that doesn't say what it did is taken to have sent.
func TestAForeignTransportIsTakenToHaveSent(t *testing.T) {
	t.Parallel()
	c := New(Options{APIKey: testKey, AccessToken: func() string { return testToken },
		Transport: carrier(func(*http.Request) (*http.Response, error) { return nil, errors.New("boom") })})
	_, err := c.Do(t.Context(), stop)
	if classOf(t, err) != actions.ClassAmbiguous || strings.Contains(err.Error(), "boom") {
		t.Error(err)
	}
}

// The caller's context ends a call: before anything is sent for certain, afterwards ambiguously.
func TestContexts(t *testing.T) {
	t.Parallel()
	ctx, end := context.WithCancel(t.Context())
	released := make(chan struct{})
	s, c := serve(t, func(http.ResponseWriter, *http.Request) { end(); <-released })
	defer close(released)
	_, err := c.Do(ctx, stop)
	if classOf(t, err) != actions.ClassAmbiguous {
		t.Error(err)
	}
	_, err = c.Do(ctx, stop)
	if classOf(t, err) != actions.ClassDown || len(s.requests()) != 1 {
		t.Error(err)
	}
	if _, _, err := c.Orders(ctx); classOf(t, err) != actions.ClassDown {
		t.Error(err)
	}
}

// A connection that the other side closed while it lay idle never doubles a change and is never called unsent
// when it may have been sent.
func TestStaleConnections(t *testing.T) {
	t.Parallel()
	s, c := serve(t, says(200, placed))
	for i := range 30 {
		_, err := c.Do(t.Context(), stop)
		if class := classOf(t, err); class != actions.ClassNone && class != actions.ClassAmbiguous {
			t.Error(err)
		}
		if n := len(s.requests()); n > i+1 {
			t.Fatalf("%d requests for %d changes", n, i+1)
		}
		s.CloseClientConnections()
	}
}

// Trap 9: our own time-out and Kite's 503 are two things; and the status survives trap 8's HTML.
func TestTraps8And9KeepStatusAndCause(t *testing.T) {
	t.Parallel()
	var e *actions.Error
	_, c := serve(t, says(503, "<html>"))
	if _, err := c.Do(t.Context(), stop); !errors.As(err, &e) || e.Status != 503 || e.Message != "Kite answered 503 Service Unavailable" {
		t.Error(err)
	}
	base, _ := rawServer(t, true, func(c net.Conn) { _, _ = c.Read(make([]byte, 1)) })
	c = newClient(t, base)
	c.o.Timeout = 50 * time.Millisecond
	began := time.Now()
	if _, err := c.Do(t.Context(), stop); !errors.As(err, &e) || e.Status != 0 || e.Message != "no answer in time" || time.Since(began) > 2*time.Second {
		t.Error(err, time.Since(began))
	}
}

// Trap 13: gokiteconnect prints to standard output when a request fails. Trap 15: SetDebug would log the token.
// Kite's own words might repeat a secret. None of it may get out. (Not parallel: it swaps os.Stdout.)
func TestSecretsNeverLeave(t *testing.T) {
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, stderr := os.Stdout, os.Stderr
	os.Stdout, os.Stderr = write, write
	echo := func(status int) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			failure(status, "InputException", "bad header "+r.Header.Get("Authorization"))(w, r)
		}
	}
	broken, _ := rawServer(t, true, func(net.Conn) {})
	var told []string
	for _, h := range []http.HandlerFunc{echo(400), echo(403), echo(500), echo(200), says(502, "<html>"), says(200, "x"),
		says(200, `{"data":[{"order_id":"`+testToken+`","price":"`+testToken+`"}]}`), says(200, `{"data":[[`), nil} {
		var c *Client
		if h != nil {
			_, c = serve(t, h)
		} else {
			c = newClient(t, broken)
		}
		for _, call := range []actions.Call{stop, move, cancel} {
			_, err := c.Do(t.Context(), call)
			told = append(told, fmt.Sprintf("%v %+v", err, err))
		}
		_, _, err := c.Orders(t.Context())
		_, err2 := c.Trades(t.Context(), "1")
		_, err3 := c.Positions(t.Context())
		told = append(told, fmt.Sprint(err, err2, err3, c.Alive(t.Context()), c.Instruments(t.Context(), nil)))
	}
	os.Stdout, os.Stderr = stdout, stderr
	_ = write.Close()
	printed, err := io.ReadAll(read)
	if err != nil || len(printed) > 0 {
		t.Errorf("printed %q %v", printed, err)
	}
	for _, text := range told {
		if strings.Contains(text, testToken) || strings.Contains(text, testKey) {
			t.Errorf("a secret in %s", text)
		}
	}
}

// Of gokiteconnect these calls are used and no other: not SetDebug, which logs the token (trap 15), and none of
// alerts and basket margins, which lose what they are given (traps 2, 11). Those of GTT carry a form of ours, and their
// replies are read here (traps 3, 4).
func TestTraps2And11And15AreNotTouched(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	used := map[string]bool{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(file, "_test.go") || !strings.Contains(string(text), "gokiteconnect/v4") {
			continue
		}
		for _, m := range regexp.MustCompile(`\bk\.([A-Z]\w+)\(`).FindAllStringSubmatch(string(text), -1) {
			used[m[1]] = true
		}
	}
	got := slices.Sorted(maps.Keys(used))
	want := []string{"CancelOrder", "DeleteGTT", "GenerateSession", "GetGTTs", "GetHoldings", "GetLTP", "GetOrderTrades", "GetOrders", "GetPositions", "GetUserProfile", "InvalidateAccessToken", "ModifyGTT", "ModifyOrder", "PlaceGTT", "PlaceOrder",
		"SetAccessToken", "SetAppName", "SetBaseURI", "SetHTTPClient"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
