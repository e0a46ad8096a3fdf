package paper

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	user   = "AB1234"
	option = "NIFTY26NOV24500CE" // lot 65, tick 0.05, LTP 120
)

// clock is virtual time.
type clock struct{ at time.Time }

func (c *clock) now() time.Time          { return c.at }
func (c *clock) advance(d time.Duration) { c.at = c.at.Add(d) }

// tenAM is in trading hours of 2 November 2026.
func tenAM() *clock { return &clock{time.Date(2026, 11, 2, 10, 0, 0, 0, ist)} }

func exchange(t *testing.T, change ...func(*Options)) (*Exchange, *clock) {
	t.Helper()
	c := tenAM()
	o := Options{Now: c.now, Seed: 7, APISecret: "my_api_secret"}
	for _, f := range change {
		f(&o)
	}
	return New(o), c
}

// with is the parameters of an order: a buy of one lot of the option at 100
// LIMIT NRML, changed by key, value, key, value. An empty value removes.
func with(pairs ...string) url.Values {
	v := url.Values{
		"exchange": {"NFO"}, "tradingsymbol": {option}, "transaction_type": {"BUY"}, "quantity": {"65"},
		"product": {"NRML"}, "order_type": {"LIMIT"}, "price": {"100"}, "validity": {"DAY"},
	}
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] == "" {
			v.Del(pairs[i])
			continue
		}
		v.Set(pairs[i], pairs[i+1])
	}
	return v
}

func values(pairs ...string) url.Values {
	v := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		v.Set(pairs[i], pairs[i+1])
	}
	return v
}

func mustPlace(t *testing.T, x *Exchange, pairs ...string) string {
	t.Helper()
	id, e := x.Place(user, "regular", with(pairs...))
	if e != nil {
		t.Fatalf("place %v: %v", pairs, e)
	}
	return id
}

func mustModify(t *testing.T, x *Exchange, id string, pairs ...string) {
	t.Helper()
	if _, e := x.Modify(user, "regular", id, values(pairs...)); e != nil {
		t.Fatalf("modify %v: %v", pairs, e)
	}
}

func mustCancel(t *testing.T, x *Exchange, id string) {
	t.Helper()
	if _, e := x.Cancel(user, "regular", id); e != nil {
		t.Fatalf("cancel: %v", e)
	}
}

func setPrice(t *testing.T, x *Exchange, price float64) {
	t.Helper()
	if err := x.SetPrice("NFO", option, price); err != nil {
		t.Fatal(err)
	}
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func refused(t *testing.T, e *APIError, status int, class, message string) {
	t.Helper()
	if e == nil {
		t.Fatalf("accepted; want %s: %s", class, message)
	}
	if e.HTTPStatus != status || e.ErrorType != class || e.Message != message {
		t.Errorf("refused with %d %s: %s\nwant %d %s: %s", e.HTTPStatus, e.ErrorType, e.Message, status, class, message)
	}
}

// fields is a decoded JSON object.
type fields map[string]any

func decode[T any](t *testing.T, body []byte) T {
	t.Helper()
	var envelope struct {
		Status string `json:"status"`
		Data   T      `json:"data"`
	}
	if err := json.Unmarshal(body, &envelope); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	if envelope.Status != "success" {
		t.Fatalf("status %q in %s", envelope.Status, body)
	}
	return envelope.Data
}

func bookRow(t *testing.T, x *Exchange, id string) fields {
	t.Helper()
	for _, r := range decode[[]fields](t, x.OrdersJSON(user)) {
		if r["order_id"] == id {
			return r
		}
	}
	t.Fatalf("no order %s in the book", id)
	return nil
}

func history(t *testing.T, x *Exchange, id string) []fields {
	t.Helper()
	body, e := x.OrderHistoryJSON(user, id)
	if e != nil {
		t.Fatal(e)
	}
	return decode[[]fields](t, body)
}

// statuses of the order's history, joined.
func statuses(t *testing.T, x *Exchange, id string) string {
	t.Helper()
	var all []string
	for _, r := range history(t, x, id) {
		all = append(all, r["status"].(string))
	}
	return strings.Join(all, " > ")
}

// has checks fields of a row; numbers are float64.
func has(t *testing.T, row fields, want fields) {
	t.Helper()
	for k, v := range want {
		if n, isInt := v.(int); isInt {
			v = float64(n)
		}
		if row[k] != v {
			t.Errorf("%s is %v, want %v", k, row[k], v)
		}
	}
}

// pushes is what Drain gives, as status or status:http.
func pushes(x *Exchange) string {
	var all []string
	for _, p := range x.Drain() {
		s := p.Status
		if p.Postback {
			s += ":http"
		}
		all = append(all, s)
	}
	return strings.Join(all, " ")
}

func equal[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s:\n got %v\nwant %v", what, got, want)
	}
}

// posted is the data that a control endpoint answers.
func posted(t *testing.T, url, body string) json.RawMessage {
	t.Helper()
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	answer, err := transport.RoundTrip(must(http.NewRequest("POST", url, strings.NewReader(body))))
	ok(t, err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	ok(t, err)
	return decode[json.RawMessage](t, text)
}
