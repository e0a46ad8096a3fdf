package console

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"backstop/actions"
	"backstop/engine/journal"
	"backstop/engine/order"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestAnswers compares every address's answer, names and all, with testdata/answers.txt.
func TestAnswers(t *testing.T) {
	t.Parallel()
	s, d := scene()
	h := New(options(s, d))
	var got bytes.Buffer
	for _, line := range []string{
		"GET /healthz", "GET /readyz", "GET /api/v1/status", "GET /api/v1/updates", "GET /api/v1/updates?raw=1&ignored=true", "GET /api/v1/updates?raw=1&ignored=false",
		"GET /api/v1/orders", "GET /api/v1/positions", "GET /api/v1/decisions", "GET /api/v1/decisions/" + fillID + "-stop-behind-entry",
		"GET /api/v1/decisions/" + fillID + "-big-fills", "GET /api/v1/actions", "GET /api/v1/actions/" + stopID, "GET /api/v1/requests", "GET /api/v1/requests/" + place,
		"GET /api/v1/rules", "POST /api/v1/kill", "POST /api/v1/actions/" + stopID + "/approve",
		"GET /api/v1/actions/unknown", "GET /api/v1/updates?acount=AB1234", "GET /",
	} {
		method, target, _ := strings.Cut(line, " ")
		w := ask(h, method, target, "", "Content-Type", "application/json")
		fmt.Fprintf(&got, "%s\n%d %s\n", line, w.Code, w.Header().Get("Content-Type"))
		if strings.HasPrefix(w.Header().Get("Content-Type"), "text/") {
			got.Write(w.Body.Bytes())
		} else if err := json.Indent(&got, w.Body.Bytes(), "", "  "); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		got.WriteString("\n")
	}
	golden := filepath.Join("testdata", "answers.txt")
	if *update {
		if err := os.WriteFile(golden, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(want, got.Bytes()) {
		t.Errorf("answers changed: run go test ./engine/console -update and read the difference\n%s", got.Bytes())
	}
}

// TestRowsCarryTheContractsNames holds the rows against the names that programs rely on.
func TestRowsCarryTheContractsNames(t *testing.T) {
	t.Parallel()
	s, d := scene()
	h := New(options(s, d))
	for list, names := range map[string]string{
		"updates":   "id account source received_at order_id status filled_quantity ignored",
		"decisions": "id account event rule matched why rules_version",
		"actions":   "id account rule type state order_id attempts error created_at updated_at",
		"requests":  "id action for method path params state why order_id attempts error",
	} {
		answer := decoded[page[map[string]any]](t, ask(h, "GET", api+list, ""))
		if len(answer.Data) < 2 {
			t.Fatalf("%s: %d rows", list, len(answer.Data))
		}
		for _, row := range answer.Data {
			for name := range strings.FieldsSeq(names) {
				if _, ok := row[name]; !ok {
					t.Errorf("%s: a row lacks %s: %v", list, name, row)
				}
			}
		}
	}
}

func TestHealth(t *testing.T) {
	t.Parallel()
	s, d := scene()
	h := New(options(s, d))
	wantCode(t, ask(h, "GET", "/readyz", ""), 200, `"status":"ready"`)
	d.checks = append(d.checks, Check{"reconciler", false, "last reading 5 minutes ago"})
	wantCode(t, ask(h, "GET", "/readyz", ""), 503, `"status":"not ready"`, `{"name":"reconciler","ok":false,"text":"last reading 5 minutes ago"}`)
	wantCode(t, ask(h, "GET", api+"status", ""), 200, `"ready":false`)
	d.checks = nil
	wantCode(t, ask(h, "GET", "/readyz", ""), 503, `"checks":[]`)
	wantCode(t, ask(h, "GET", "/metrics", ""), 200, "backstop_updates_total 3")
	o := options(s, d)
	o.Metrics = nil
	wantCode(t, ask(New(o), "GET", "/metrics", ""), 404)
}

func TestIndexForBrowsers(t *testing.T) {
	t.Parallel()
	w := ask(New(options(scene())), "GET", "/", "", "Accept", "text/html,*/*")
	wantCode(t, w, 200, `<a href="/api/v1/updates">`, "<td>POST</td><td>/api/v1/pause</td>")
	if got := w.Header().Get("Content-Type"); got != "text/html; charset=utf-8" {
		t.Errorf("Content-Type %q", got)
	}
}

func TestControl(t *testing.T) {
	t.Parallel()
	s, d := scene()
	h := New(options(s, d))
	type status struct {
		Accounts []struct {
			Account string
			Paused  bool
		}
	}
	w := post(h, api+"pause", `{"account":"AB1234"}`)
	wantCode(t, w, 200)
	if got := decoded[status](t, w); !got.Accounts[0].Paused || got.Accounts[1].Paused {
		t.Errorf("after the pause of one: %+v", got)
	}
	wantCode(t, post(h, api+"pause", " {} "), 200)
	w = post(h, api+"resume", "", "Content-Type", "application/json; charset=utf-8")
	wantCode(t, w, 200)
	if got := decoded[status](t, w); got.Accounts[0].Paused || got.Accounts[1].Paused {
		t.Errorf("after the resume of all: %+v", got)
	}
	wantCode(t, post(h, api+"reconcile", `{"account":"CD5678"}`), 200)
	if got, want := strings.Join(d.words, ","), "pause AB1234,pause ,resume ,reconcile CD5678"; got != want {
		t.Errorf("the engine heard %q; want %q", got, want)
	}

	for _, body := range []string{`{"account":""}`, `{"account":null}`, `{"account":5}`, `{"acount":"AB1234"}`, `{"account":"AB1234","all":true}`, `[]`, `null`, `{`, `{}{}`} {
		wantCode(t, post(h, api+"pause", body), 400, `"error_type":"InputException"`)
	}
	wantCode(t, post(h, api+"pause", `{"account":"XX0000"}`), 404, "AB1234, CD5678")
	wantCode(t, post(h, api+"pause", `{"account":"`+strings.Repeat("x", bodyMax)+`"}`), 413)
	if len(d.words) != 4 {
		t.Errorf("a refused body reached the engine: %v", d.words)
	}

	d.err = &actions.Error{Class: actions.ClassSession, Op: "orders", Message: "Incorrect access_token", Hint: "run backstop login"}
	wantCode(t, post(h, api+"reconcile", ""), 502, "Incorrect access_token (run backstop login)")
	d.err = errors.New("dial postgres://user:hunter2@db")
	if w := post(h, api+"pause", ""); w.Code != 503 || strings.Contains(w.Body.String(), "hunter2") {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
}

// TestPauseOutlivesItsAsker: who asks and hangs up has asked.
func TestPauseOutlivesItsAsker(t *testing.T) {
	t.Parallel()
	s, d := scene()
	ctx, hangUp := context.WithCancel(t.Context())
	hangUp()
	r := httptest.NewRequestWithContext(ctx, "POST", "http://localhost"+api+"pause", nil)
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	New(options(s, d)).ServeHTTP(w, r)
	wantCode(t, w, 200)
	if !d.Views()[0].Paused {
		t.Error("not paused")
	}
}

func TestMethodsAndAddresses(t *testing.T) {
	t.Parallel()
	h := New(options(scene()))
	for _, c := range []struct {
		method, target, allow string
		code                  int
		says                  string
	}{
		{"POST", api + "updates", "GET, HEAD", 405, "takes GET"},
		{"DELETE", "/healthz", "GET, HEAD", 405, ""},
		{"GET", api + "pause", "POST", 405, "takes POST"},
		{"GET", api + "actions/" + stopID + "/retry", "POST", 405, ""},
		{"OPTIONS", api + "pause", "POST", 405, ""},
		{"GET", api + "update", "", 404, "did you mean /api/v1/updates?"},
		{"GET", api + "updates/", "", 404, ""},
		{"GET", "/favicon.ico", "", 404, "no such address; /"},
		{"GET", api + "actions/unknown", "", 404, `no action \"unknown\"`},
		{"GET", api + "requests/unknown", "", 404, ""},
		{"GET", api + "decisions/unknown", "", 404, ""},
		{"GET", api + "decisions/" + fillID, "", 404, ""},
		{"GET", api + "decisions/" + fillID + "-other", "", 404, ""},
		{"GET", api + "decisions/yyyyyyyyyyyyyyyyyy-other", "", 404, ""},
		{"POST", api + "actions/" + stopID + "/reject", "", 501, "not in this version"},
		{"POST", api + "actions/unknown/retry", "", 404, `no action \"unknown\"`},
		{"POST", api + "orders/unknown/adopt", "", 404, `no order \"unknown\"`},
		{"POST", api + "kill", "", 501, "not in this version"},
	} {
		w := ask(h, c.method, c.target, "", "Content-Type", "application/json")
		if w.Code != c.code || w.Header().Get("Allow") != c.allow || !strings.Contains(w.Body.String(), c.says) {
			t.Errorf("%s %s: %d, Allow %q, %s", c.method, c.target, w.Code, w.Header().Get("Allow"), w.Body)
		}
		if e := decoded[map[string]string](t, w); e["status"] != "error" || e["error_type"] == "" || e["message"] == "" {
			t.Errorf("%s %s: no envelope: %s", c.method, c.target, w.Body)
		}
	}
	wantCode(t, ask(h, "HEAD", api+"updates", ""), 200)
}

func TestBadQueries(t *testing.T) {
	t.Parallel()
	h := New(options(scene()))
	other := cursor{List: "orders", Store: "at-1"}.text()
	for query, says := range map[string]string{
		"updates?limit=0":             "from 1 to 1000",
		"updates?limit=1001":          "from 1 to 1000",
		"updates?limit=ten":           `not \"ten\"`,
		"updates?limt=10":             "did you mean limit?",
		"actions?status=done":         "did you mean state?",
		"updates?account=A&account=B": "twice",
		"updates?rule=tell":           "does not take rule; it takes limit, before, account",
		"updates?%zz":                 "can't be read",
		"updates?raw=maybe":           "raw must be true or false",
		"updates?before=5":            "before is no cursor",
		"updates?before=" + other:     "a cursor of orders, not of updates",
		"decisions?before=e30":        "before is no cursor",
		"positions?before=" + cursor{List: "positions", Row: "gone"}.text(): "begin again",
		"updates?since=yesterday":                          "since must be",
		"updates?since=-5m":                                "since must be",
		"actions?state=wating":                             "did you mean waiting?",
		"decisions?event=fil":                              "did you mean fill?",
		"decisions?matched=2":                              "matched must be",
		"status?account=AB1234":                            "does not take account; it takes none",
		"updates?account=" + strings.Repeat("x", queryMax): "longer than",
	} {
		wantCode(t, ask(h, "GET", api+query, ""), 400, `"error_type":"InputException"`, says)
	}
}

func TestFiltersReachTheStore(t *testing.T) {
	t.Parallel()
	s, d := scene()
	h := New(options(s, d))
	midnight := "2025-11-24T00:00:00+05:30"
	for query, want := range map[string]journal.Query{
		"updates?account=AB1234&order_id=101&state=complete": {Account: "AB1234", OrderID: "101", State: "COMPLETE", Kind: "update", Limit: 100},
		"orders?state=TRIGGER+PENDING&limit=7":               {State: "TRIGGER PENDING", Limit: 7},
		"actions?rule=tell&state=FAILED":                     {Rule: "tell", State: "failed", Limit: 100},
		"requests?since=15m&order_id=":                       {Limit: 100},
		"requests?since=2025-11-24":                          {Limit: 100},
		"requests?since=2025-11-24T00:00:00%2B05:30":         {Limit: 100},
		"requests?since=" + midnight:                         {Limit: 100},
		"requests?since=2d":                                  {Limit: 100},
	} {
		wantCode(t, ask(h, "GET", api+query, ""), 200)
		got := s.asked[len(s.asked)-1]
		if v, err := url.ParseQuery(query[strings.Index(query, "?")+1:]); err == nil && v.Has("since") {
			moments := map[string]string{"15m": "2025-11-24T11:45:00+05:30", "2d": "2025-11-22T12:00:00+05:30"}
			moment, ok := moments[v.Get("since")]
			if !ok {
				moment = midnight
			}
			if at := got.Since.In(order.IST).Format("2006-01-02T15:04:05-07:00"); at != moment {
				t.Errorf("%s: since %s, want %s", query, at, moment)
			}
			got.Since = want.Since
		}
		if got != want {
			t.Errorf("%s asked %+v; want %+v", query, got, want)
		}
	}
	rows := decoded[page[map[string]any]](t, ask(h, "GET", api+"positions?account=CD5678", ""))
	if len(rows.Data) != 0 {
		t.Errorf("positions of an account without any: %v", rows)
	}
}

// TestInvariant7NoSecretInTheRulesSource: what a user wrote in clear stays in the file.
func TestInvariant7NoSecretInTheRulesSource(t *testing.T) {
	t.Parallel()
	o := options(scene())
	kept := []string{"${env.TELEGRAM_BOT_TOKEN}", "${env.B}", "chat_id: 42", "trigger_price: loss(25)", "# a comment", "${env.Q}"}
	secrets := []string{"7000000001:AAFakeFakeFakeFakeFakeFakeFakeFake", "hunter2", "tr0ub4dor", "s3cret word"}
	source := `channels:
  desk: { telegram: { token: "${env.TELEGRAM_BOT_TOKEN}", chat_id: 42 } }
  bare: { telegram: { token: ` + secrets[0] + ` } } # a comment
vars: { admin_password: 'hunter2', api_key: ${env.B} }
mail:
  password: tr0ub4dor
  "client_secret": "s3cret word"
  token: '${env.Q}'
then: place_stop_loss: { trigger_price: loss(25) }
text: "see ` + secrets[0] + `"
`
	o.Rules = func() RulesInfo { return RulesInfo{Source: source} }
	body := decoded[map[string]any](t, ask(New(o), "GET", api+"rules", ""))["source"].(string)
	for _, text := range kept {
		if !strings.Contains(body, text) {
			t.Errorf("%q is gone:\n%s", text, body)
		}
	}
	for _, text := range secrets {
		if strings.Contains(body, text) {
			t.Errorf("%q is shown:\n%s", text, body)
		}
	}
}

func TestStoreFailureIsToldWithoutItsText(t *testing.T) {
	t.Parallel()
	s, d := scene()
	s.err = errors.New("dial postgres://user:hunter2@db")
	o := options(s, d)
	var log bytes.Buffer
	o.Log = slog.New(slog.NewTextHandler(&log, nil))
	h := New(o)
	for _, path := range []string{"updates", "orders", "decisions", "decisions/" + fillID + "-tell", "actions", "actions/x", "requests", "requests/x"} {
		w := ask(h, "GET", api+path, "")
		wantCode(t, w, http.StatusServiceUnavailable, "the journal can't be read now")
		if strings.Contains(w.Body.String(), "hunter2") || w.Header().Get("Retry-After") == "" {
			t.Errorf("%s: %v %s", path, w.Header(), w.Body)
		}
	}
	if strings.Count(log.String(), "read the journal") != 8 {
		t.Errorf("log: %s", log.String())
	}
}

// A request is listed with what left for the broker, which of a modify and a cancel is not all that is known of it.
func TestRequestsListWhatLeaves(t *testing.T) {
	t.Parallel()
	whole := actions.Params{Exchange: "NFO", Tradingsymbol: "NIFTY26DEC24500CE", TransactionType: "SELL", Quantity: 75, Product: "MIS",
		OrderType: "SL", Price: 93_100_000, TriggerPrice: 96_000_000, Validity: "DAY"}
	for method, want := range map[actions.Method]string{
		actions.Modify: `{"quantity":75,"order_type":"SL","price":93.1,"trigger_price":96,"validity":"DAY"}`,
		actions.Cancel: `{}`,
	} {
		row := newRequestRow(actions.Request{Call: actions.Call{Method: method, Variety: "regular", OrderID: "1", Params: whole}})
		if got, err := json.Marshal(row.Params); err != nil || string(got) != want {
			t.Errorf("%s: %s %v, want %s", method, got, err, want)
		}
	}
}
