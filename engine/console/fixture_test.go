package console

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"backstop/actions"
	"backstop/engine/journal"
	"backstop/engine/order"
)

// shelf is a store that only lists: rows in order of arrival, cursors that mean nothing outside.
type shelf struct {
	journal.Store // what the console must never call panics
	mu            sync.Mutex
	inputs        []journal.Input
	events        []journal.Event
	actions       []actions.Action
	requests      []actions.Request
	orders        []journal.OrderRow
	asked         []journal.Query
	err           error
	afterRead     func() // called with the lock held
}

func shelved[R any](s *shelf, rows []R, q journal.Query, fits func(R) bool) ([]R, string, error) {
	s.asked = append(s.asked, q)
	if s.err != nil {
		return nil, "", s.err
	}
	top := len(rows)
	if q.Before != "" {
		var err error
		if top, err = strconv.Atoi(strings.TrimPrefix(q.Before, "at-")); err != nil {
			return nil, "", err
		}
	}
	limit := q.Limit
	if limit == 0 {
		limit = 100
	}
	var found []R
	for i := top - 1; i >= 0; i-- {
		if !fits(rows[i]) {
			continue
		}
		if len(found) == limit {
			return found, fmt.Sprintf("at-%d", i+1), nil
		}
		found = append(found, rows[i])
	}
	return found, "", nil
}

func eq(want, have string) bool { return want == "" || want == have }

func (s *shelf) hold() func() {
	s.mu.Lock()
	return func() {
		if s.afterRead != nil {
			s.afterRead()
		}
		s.mu.Unlock()
	}
}

func (s *shelf) Inputs(_ context.Context, q journal.Query) ([]journal.Input, string, error) {
	defer s.hold()()
	return shelved(s, s.inputs, q, func(in journal.Input) bool {
		return eq(q.Account, in.Account) && eq(q.Kind, string(in.Kind)) && eq(q.OrderID, in.OrderID) && eq(q.State, in.Status) &&
			!in.At.Before(q.Since) && (q.Ignored == nil || *q.Ignored == (in.Ignored != ""))
	})
}

func (s *shelf) Events(_ context.Context, q journal.Query) ([]journal.Event, string, error) {
	defer s.hold()()
	return shelved(s, s.events, q, func(e journal.Event) bool {
		return eq(q.Account, e.Account) && eq(q.Kind, string(e.Kind)) && eq(q.OrderID, e.OrderID) && eq(q.ID, e.ID) && !e.At.Before(q.Since) &&
			(q.Rule == "" || slices.ContainsFunc(e.Decisions, func(d journal.Decision) bool { return d.Rule == q.Rule }))
	})
}

func (s *shelf) Actions(_ context.Context, q journal.Query) ([]actions.Action, string, error) {
	defer s.hold()()
	return shelved(s, s.actions, q, func(a actions.Action) bool {
		return eq(q.Account, a.Account) && eq(q.State, string(a.State)) && eq(q.Rule, a.Rule) && eq(q.OrderID, a.OrderID) && eq(q.ID, a.ID)
	})
}

func (s *shelf) Requests(_ context.Context, q journal.Query) ([]actions.Request, string, error) {
	defer s.hold()()
	return shelved(s, s.requests, q, func(r actions.Request) bool {
		return eq(q.Account, r.Account) && eq(q.State, string(r.State)) && eq(q.Rule, r.For) && eq(q.OrderID, r.OrderID) && eq(q.ID, r.ID)
	})
}

func (s *shelf) Orders(_ context.Context, q journal.Query) ([]journal.OrderRow, string, error) {
	defer s.hold()()
	return shelved(s, s.orders, q, func(o journal.OrderRow) bool {
		return eq(q.Account, o.Account) && eq(q.State, o.Status) && eq(q.OrderID, o.OrderID)
	})
}

// driver is an engine that does as told and remembers it.
type driver struct {
	mu     sync.Mutex
	views  []View
	checks []Check
	words  []string
	err    error
}

func (d *driver) Views() []View {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.views)
}

func (d *driver) Ready() []Check { return d.checks }

func (d *driver) Control(ctx context.Context, account string, verb Verb) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.words = append(d.words, string(verb)+" "+account)
	if ctx.Err() != nil {
		return errors.New("the word ended with its asker")
	}
	for i := range d.views {
		if account == "" || account == d.views[i].Account {
			d.views[i].Paused = verb == Pause
		}
	}
	return d.err
}

func (d *driver) Reconcile(_ context.Context, account string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.words = append(d.words, "reconcile "+account)
	return d.err
}

func (d *driver) Obey(_ context.Context, w Word) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.words = append(d.words, fmt.Sprintf("%s %s by %s: %q %v %q", w.Verb, w.ID, w.By, w.OrderID, w.Failed, w.Why))
	return d.err
}

// noon is when all tests happen: 12:00 IST of a trading day.
var noon = time.Date(2025, 11, 24, 6, 30, 0, 123_456_789, time.UTC)

const (
	fillID  = "aaaaaaaaaaaaaaaaaa"
	flatID  = "bbbbbbbbbbbbbbbbbb"
	stopID  = "cccccccccccccccccc"
	place   = "dddddddddddddddddd"
	alertID = "eeeeeeeeeeeeeeeeee"
)

// scene is a small day: an entry, its stop refused at first, a duplicate, a flat group.
func scene() (*shelf, *driver) {
	key := order.Key{Exchange: "NFO", Tradingsymbol: "NIFTY25NOV24500CE", Product: "NRML"}
	book := order.NewBook("AB1234")
	book.Fold(&order.Update{Account: "AB1234", Source: order.SourceBook, OrderID: "101", Status: order.StatusComplete, Exchange: key.Exchange,
		Tradingsymbol: key.Tradingsymbol, Product: key.Product, Variety: "regular", TransactionType: order.Buy, OrderType: "LIMIT", Quantity: 75,
		FilledQuantity: 75, Price: 120 * order.Rupee, AveragePrice: 119_950_000, Raw: []byte("{}")}, noon.Add(-time.Minute))
	folded, _ := book.Order("101")
	doc, _ := json.Marshal(folded)
	earlier := noon.Add(-time.Minute)
	s := &shelf{
		inputs: []journal.Input{
			{Seq: 1, Account: "AB1234", At: earlier, Kind: journal.InputStart, Doc: []byte(`{}`)},
			{Seq: 2, Account: "AB1234", At: earlier, Kind: journal.InputUpdate, Source: order.SourcePostback, OrderID: "101", Status: "COMPLETE", Filled: 75,
				Doc: []byte("{\"order_id\": \"101\",  \"status\":\"COMPLETE\"}")},
			{Seq: 3, Account: "AB1234", At: noon, Kind: journal.InputUpdate, Source: order.SourceStream, OrderID: "101", Status: "COMPLETE", Filled: 75,
				Ignored: "duplicate", Doc: []byte("not <utf8> \xff")},
		},
		events: []journal.Event{
			{Seq: 1, ID: fillID, Account: "AB1234", At: earlier, Kind: order.KindFill, OrderID: "101", Group: "101", RulesVersion: "v1", Doc: []byte(`{"id":"x","fill_quantity":75}`),
				Decisions: []journal.Decision{
					{ID: fillID + "-stop-behind-entry", Rule: "stop-behind-entry", Matched: true, Actions: []string{stopID}, Explain: []byte(`[{"part":"order.role == \"entry\"","value":true}]`)},
					{ID: fillID + "-big-fills", Rule: "big-fills", Why: "when: order.quantity > 1000"},
				}},
			{Seq: 2, ID: "zzzzzzzzzzzzzzzzzz", Account: "AB1234", At: noon, Kind: order.KindModified, OrderID: "102", RulesVersion: "v1"},
			{Seq: 3, ID: flatID, Account: "AB1234", At: noon, Kind: order.KindFlat, RulesVersion: "v1",
				Decisions: []journal.Decision{{ID: flatID + "-tell", Rule: "tell", Matched: true, Actions: []string{alertID}}}},
		},
		actions: []actions.Action{
			{ID: stopID, Account: "AB1234", Decision: fillID + "-stop-behind-entry", Rule: "stop-behind-entry", Type: "place_stop_loss", Step: "then/0", State: actions.Failed,
				OrderID: "101", Slot: "stop 101", Requests: []string{place}, Attempts: 1, Args: map[string]any{"trigger_price": 96.05},
				Error: &actions.Error{Class: actions.ClassMargin, Op: "place", Message: "Insufficient funds", Hint: "add funds", Status: 400}, Created: earlier, Updated: noon},
			{ID: alertID, Account: "AB1234", Decision: flatID + "-tell", Rule: "tell", Type: "telegram", Step: "then/0", State: actions.Done, Attempts: 1,
				Message: &actions.Message{Channel: "desk", Type: "telegram", ChatID: "42", Text: "flat & <done>"}, Created: noon, Updated: noon},
		},
		requests: []actions.Request{
			{ID: place, Account: "AB1234", ActionID: stopID, For: "stop-behind-entry", Slot: "stop 101", Key: key, State: actions.Failed, OrderID: "103", Attempts: 1,
				Call: actions.Call{Method: actions.Place, Variety: "regular", Params: actions.Params{Exchange: "NFO", Tradingsymbol: key.Tradingsymbol, TransactionType: "SELL",
					Quantity: 75, Product: "NRML", OrderType: "SL", Price: 93_150_000, TriggerPrice: 96_050_000, Validity: "DAY", Tag: "bs" + place}},
				Error:   &actions.Error{Class: actions.ClassMargin, Message: "Insufficient funds", Hint: "add funds"},
				Created: earlier, Updated: noon, Sent: earlier, Ended: noon, Stands: actions.Standing{OrderID: "101", Status: order.StatusComplete, Filled: 75}},
			{ID: "ffffffffffffffffff", Account: "AB1234", For: "keep-stop", State: actions.Waiting, Why: actions.WhyConfirm, OrderID: "103",
				Call: actions.Call{Method: actions.Cancel, Variety: "regular", OrderID: "103"}, Created: noon, Updated: noon},
		},
		orders: []journal.OrderRow{
			{Account: "AB1234", OrderID: "100", Day: "2025-11-24", Status: "OPEN", Doc: []byte("of another version")},
			{Account: "AB1234", OrderID: "101", Day: "2025-11-24", Status: "COMPLETE", Group: "101", Doc: doc},
		},
	}
	d := &driver{
		views: []View{
			{Account: "AB1234", Mode: "live", Armed: true, Session: true, LastRead: noon, Orders: 2, Waiting: 1, Missed: Missed{Updates: 1, LongestSeconds: 4},
				Positions: []Position{{"AB1234", key, 75, 75, 0}, {"AB1234", order.Key{Exchange: "BSE", Tradingsymbol: "INFY", Product: "CNC"}, -5, 0, -5}},
				Groups:    []Group{{"AB1234", "101", key, "BUY", 75, 0, 119_950_000}, {"AB1234", "overnight", key, "SELL", 5, 5, 0}}},
			{Account: "CD5678", Mode: "dry-run", SessionWhy: "log in"},
		},
		checks: []Check{{"journal", true, "writable"}, {"session AB1234", true, "alive"}},
	}
	return s, d
}

// options are a console over the scene, on loopback.
func options(s *shelf, d *driver) Options {
	registry := prometheus.NewRegistry()
	counter := prometheus.NewCounter(prometheus.CounterOpts{Name: "backstop_updates_total", Help: "Updates."})
	registry.MustRegister(counter)
	counter.Add(3)
	return Options{Store: s, Engine: d, Metrics: registry, Version: "0.1.0", Now: func() time.Time { return noon }, Rules: func() RulesInfo {
		return RulesInfo{File: "rules.yaml", Version: "v1", Mode: "live", Source: "version: 1\n", Rules: []Rule{
			{Name: "stop-behind-entry", Description: "a stop", Enabled: true, On: []string{"partial_fill", "fill"}}, {Name: "tell", On: []string{"flat"}, Accounts: []string{"AB1234"}}}}
	}}
}

// ask sends one request to loopback, with headers given as name, value.
func ask(h http.Handler, method, target, body string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.Host = "127.0.0.1:8788"
	for i := 0; i < len(headers); i += 2 {
		if headers[i] == "Host" {
			r.Host = headers[i+1]
			continue
		}
		r.Header.Add(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// post is ask for a POST as a program sends it.
func post(h http.Handler, target, body string, headers ...string) *httptest.ResponseRecorder {
	return ask(h, "POST", target, body, append([]string{"Content-Type", "application/json"}, headers...)...)
}

// decoded is an answer's JSON.
func decoded[T any](t interface {
	Helper()
	Fatalf(string, ...any)
}, w *httptest.ResponseRecorder) (v T) {
	t.Helper()
	if err := json.Unmarshal(w.Body.Bytes(), &v); err != nil {
		t.Fatalf("%d %s: %v", w.Code, w.Body, err)
	}
	return v
}

func wantCode(t *testing.T, w *httptest.ResponseRecorder, code int, contains ...string) {
	t.Helper()
	if w.Code != code {
		t.Errorf("got %d %s; want %d", w.Code, w.Body, code)
	}
	for _, text := range contains {
		if !strings.Contains(w.Body.String(), text) {
			t.Errorf("got %s; want it to contain %q", w.Body, text)
		}
	}
}
