package postback

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"backstop/engine/order"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// check is a door's check for tests: "bad …" is malformed with these words, "wrong" has the wrong checksum, "odd"
// can't be read for a reason that is nobody's business, everything else is an update.
func check(body []byte, received time.Time) (order.Update, error) {
	switch s := string(body); {
	case s == "":
		return order.Update{}, Malformed("the body is empty")
	case strings.HasPrefix(s, "bad"):
		return order.Update{}, fmt.Errorf("decoding: %w", Malformed(s))
	case s == "wrong":
		return order.Update{}, fmt.Errorf("kite: %w", ErrChecksum)
	case s == "odd":
		return order.Update{}, errors.New("open /etc/secret: no such file")
	}
	return order.Update{OrderID: "1", Received: received, Raw: body}, nil
}

func doors(keys ...string) []Door {
	var out []Door
	for _, k := range keys {
		out = append(out, Door{Key: k, Check: check})
	}
	return out
}

func taken(context.Context, string, order.Update) (string, error) { return "", nil }

func receiver(t testing.TB, o Options) *Receiver {
	t.Helper()
	if o.Doors == nil {
		o.Doors = doors("k")
	}
	if o.Submit == nil {
		o.Submit = taken
	}
	r, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func post(r http.Handler, target, body string, headers ...string) *httptest.ResponseRecorder {
	q := httptest.NewRequest(http.MethodPost, target, strings.NewReader(body))
	for i := 0; i < len(headers); i += 2 {
		q.Header.Add(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	r.ServeHTTP(w, q)
	return w
}

// wantEnvelope checks an answer whole.
func wantEnvelope(t *testing.T, name string, code int, header http.Header, body []byte, want int, kind string) {
	t.Helper()
	if code != want {
		t.Errorf("%s: %d, not %d: %s", name, code, want, body)
	}
	if got := header.Get("Content-Type"); got != "application/json" {
		t.Errorf("%s: Content-Type %q", name, got)
	}
	if want == http.StatusOK {
		if string(body) != `{"status":"success"}` {
			t.Errorf("%s: %s", name, body)
		}
		return
	}
	var e map[string]string
	if err := json.Unmarshal(body, &e); err != nil || len(e) != 3 || e["status"] != "error" || e["error_type"] != kind || e["message"] == "" {
		t.Errorf("%s: %s (%v)", name, body, err)
	}
}

func TestEveryAnswerOfTheContract(t *testing.T) {
	t.Parallel()
	var updates atomic.Int64
	submit := func(_ context.Context, _ string, u order.Update) (string, error) {
		if string(u.Raw) == "full disk" {
			return "", errors.New("disk full: /var/lib/backstop")
		}
		updates.Add(1)
		if u.OrderID != "1" || u.Received.IsZero() {
			return "", errors.New("the update did not come through")
		}
		return "duplicate", nil
	}
	one := httptest.NewServer(receiver(t, Options{Submit: submit}))
	defer one.Close()
	two := httptest.NewServer(receiver(t, Options{Doors: doors("k", "other"), Submit: submit}))
	defer two.Close()
	none := httptest.NewServer(receiver(t, Options{Doors: []Door{}, Submit: submit}))
	defer none.Close()
	exact, over := strings.Repeat("x", bodyMax), strings.Repeat("x", bodyMax+1)
	for _, c := range []struct {
		name, method, url, body string
		header                  string
		code                    int
		kind                    string
		want                    string // a header: value
	}{
		{"genuine", "POST", one.URL + "/postback/k", "{}", "", 200, "", ""},
		{"without a key", "POST", one.URL + "/postback", "{}", "", 200, "", ""},
		{"as a form", "POST", one.URL + "/postback/k", "{}", "Content-Type: application/x-www-form-urlencoded;charset=UTF-8", 200, "", ""},
		{"with a query", "POST", one.URL + "/postback/k?a=b", "{}", "", 200, "", ""},
		{"identity", "POST", one.URL + "/postback/k", "{}", "Content-Encoding: Identity", 200, "", ""},
		{"64 KiB", "POST", one.URL + "/postback/k", exact, "", 200, "", ""},
		{"two keys", "POST", two.URL + "/postback/other", "{}", "", 200, "", ""},

		{"malformed", "POST", one.URL + "/postback/k", "bad json", "", 400, inputException, ""},
		{"empty", "POST", one.URL + "/postback/k", "", "", 400, inputException, ""},
		{"odd", "POST", one.URL + "/postback/k", "odd", "", 400, inputException, ""},
		{"callback", "GET", one.URL + "/kite/callback?request_token=x&status=success", "", "", 400, inputException, ""},
		{"callback, posted", "POST", one.URL + "/kite/callback", "{}", "", 405, generalException, "Allow: GET"},
		{"checksum", "POST", one.URL + "/postback/k", "wrong", "", 401, tokenException, ""},
		{"root", "GET", one.URL + "/", "", "", 404, generalException, ""},
		{"unknown key", "POST", one.URL + "/postback/K", "{}", "", 404, generalException, ""},
		{"no key", "POST", one.URL + "/postback/", "{}", "", 404, generalException, ""},
		{"beyond the key", "POST", one.URL + "/postback/k/", "{}", "", 404, generalException, ""},
		{"stuck to it", "POST", one.URL + "/postbackk", "{}", "", 404, generalException, ""},
		{"a slash within", "POST", one.URL + "/postback/k%2Fk", "{}", "", 404, generalException, ""},
		{"doubled slash", "POST", one.URL + "//postback/k", "{}", "", 404, generalException, ""},
		{"dots", "POST", one.URL + "/x/../postback/k", "{}", "", 404, generalException, ""},
		{"the private side", "GET", one.URL + "/metrics", "", "", 404, generalException, ""},
		{"two keys, without one", "POST", two.URL + "/postback", "{}", "", 404, generalException, ""},
		{"two keys, without one, got", "GET", two.URL + "/postback", "", "", 404, generalException, ""},
		{"none", "POST", none.URL + "/postback", "{}", "", 404, generalException, ""},
		{"got", "GET", one.URL + "/postback/k", "", "", 405, generalException, "Allow: POST"},
		{"put", "PUT", one.URL + "/postback", "{}", "", 405, generalException, "Allow: POST"},
		{"options", "OPTIONS", one.URL + "/postback/k", "", "", 405, generalException, "Allow: POST"},
		{"over 64 KiB", "POST", one.URL + "/postback/k", over, "", 413, inputException, ""},
		{"compressed", "POST", one.URL + "/postback/k", "{}", "Content-Encoding: gzip", 415, inputException, ""},
		{"twice compressed", "POST", one.URL + "/postback/k", "{}", "Content-Encoding: identity, br", 415, inputException, ""},
		{"full disk", "POST", one.URL + "/postback/k", "full disk", "", 503, networkException, "Retry-After: 1"},
	} {
		for _, chunked := range []bool{false, true} {
			var body io.Reader = strings.NewReader(c.body)
			if chunked {
				body = io.MultiReader(body) // hides the length
			}
			q, err := http.NewRequest(c.method, c.url, body)
			if err != nil {
				t.Fatal(err)
			}
			if name, value, ok := strings.Cut(c.header, ": "); ok {
				q.Header.Set(name, value)
			}
			reply, err := http.DefaultTransport.RoundTrip(q)
			if err != nil {
				t.Fatalf("%s: %v", c.name, err)
			}
			got, err := io.ReadAll(reply.Body)
			reply.Body.Close()
			if err != nil {
				t.Errorf("%s: %v", c.name, err)
			}
			wantEnvelope(t, c.name, reply.StatusCode, reply.Header, got, c.code, c.kind)
			if name, value, ok := strings.Cut(c.want, ": "); ok && reply.Header.Get(name) != value {
				t.Errorf("%s: %s is %q", c.name, name, reply.Header.Get(name))
			}
			if bytes.Contains(got, []byte("/etc")) || bytes.Contains(got, []byte("/var")) {
				t.Errorf("%s: internals in %s", c.name, got)
			}
		}
	}
	if got := updates.Load(); got != 14 {
		t.Errorf("%d updates", got)
	}
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
}

func TestTheReasonOfA400IsShownAndBounded(t *testing.T) {
	t.Parallel()
	r := receiver(t, Options{})
	for body, want := range map[string]string{
		"bad: order_id is missing":           "decoding: bad: order_id is missing",
		"bad \"quotes\" <script>":            `decoding: bad "quotes" <script>`,
		"bad \x1b[2J\u202e\xff\n\x00":        "decoding: bad \uFFFD[2J\uFFFD\uFFFD\uFFFD\uFFFD",
		"bad " + strings.Repeat("é", 100000): "decoding: bad " + strings.Repeat("é", 121) + "…",
	} {
		if len(body) > bodyMax {
			body = body[:bodyMax]
		}
		var e struct{ Message string }
		if err := json.Unmarshal(post(r, "/postback/k", body).Body.Bytes(), &e); err != nil || e.Message != want {
			t.Errorf("%q\n%q\n%v", e.Message, want, err)
		}
	}
}

func TestNewRefusesDoorsThatCannotBe(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]Options{
		"no Submit":    {Doors: doors("k")},
		"empty key":    {Doors: doors(""), Submit: taken},
		"slash":        {Doors: doors("a/b"), Submit: taken},
		"stands twice": {Doors: doors("a", "a"), Submit: taken},
		"no Check":     {Doors: []Door{{Key: "a"}}, Submit: taken},
	} {
		if _, err := New(o); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestEachAnswerIsObserved(t *testing.T) {
	t.Parallel()
	clock := time.Date(2026, 11, 23, 10, 0, 0, 0, order.IST)
	var codes []int
	r := receiver(t, Options{
		Now: func() time.Time { return clock },
		Submit: func(context.Context, string, order.Update) (string, error) {
			clock = clock.Add(3 * time.Millisecond)
			return "", nil
		},
		Observe: func(code int, d time.Duration) {
			codes = append(codes, code)
			if want := map[int]time.Duration{200: 3 * time.Millisecond}[code]; d != want {
				t.Errorf("%d took %s", code, d)
			}
		},
	})
	post(r, "/postback/k", "{}")
	post(r, "/postback/k", "wrong")
	post(r, "/postback/x", "{}")
	if fmt.Sprint(codes) != "[200 401 404]" {
		t.Errorf("%v", codes)
	}
}

func TestTheUpdateKeepsTheRawBody(t *testing.T) {
	t.Parallel()
	var raws []string
	r := receiver(t, Options{Submit: func(_ context.Context, _ string, u order.Update) (string, error) {
		raws = append(raws, string(u.Raw))
		return "", nil
	}})
	var want []string
	for _, n := range []int{1, bodyFirst - 1, bodyFirst, bodyFirst + 1, 3 * bodyFirst, bodyMax} {
		want = append(want, strings.Repeat(fmt.Sprint(n), n)[:n])
		post(r, "/postback", want[len(want)-1])
	}
	for i := range want {
		if i >= len(raws) || raws[i] != want[i] {
			t.Fatalf("body %d of %d bytes did not come through", i, len(want[i]))
		}
	}
}

// quiet is a writer that keeps nothing, with the deadlines of a connection.
type quiet struct{ header http.Header }

func (q *quiet) Header() http.Header             { return q.header }
func (q *quiet) Write(b []byte) (int, error)     { return len(b), nil }
func (q *quiet) WriteHeader(int)                 {}
func (q *quiet) SetReadDeadline(time.Time) error { return nil }

func BenchmarkHandler(b *testing.B) {
	body := bytes.Repeat([]byte("x"), 900)
	for name, observe := range map[string]func(int, time.Duration){"plain": nil, "observed": func(int, time.Duration) {}} {
		b.Run(name, func(b *testing.B) {
			door := Door{Key: "k", Check: func(body []byte, received time.Time) (order.Update, error) {
				return order.Update{Received: received, Raw: body}, nil
			}}
			r := receiver(b, Options{Doors: []Door{door}, Observe: observe})
			w := &quiet{header: http.Header{}}
			reader := bytes.NewReader(body)
			q := httptest.NewRequest(http.MethodPost, "/postback/k", reader)
			b.ReportAllocs()
			for b.Loop() {
				reader.Reset(body)
				r.ServeHTTP(w, q)
			}
		})
	}
}
