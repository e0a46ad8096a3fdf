package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const dryRunRules = `version: 1
channels: { desk: { telegram: { token: "x", chat_id: "7" } } }
rules:
  - name: stop
    on: [partial_fill, fill]
    when: order.role == "entry"
    then:
      - place_stop_loss: { trigger_price: loss(20), hold: day }
      - telegram: "Stop at ${action.trigger_price}"
  - name: cash
    on: fill
    when: order.exchange == "NSE"
    then: [cancel_order]
  - name: rejected
    on: rejected
    then: [cancel_order]
`

const dryRunFill = `{"user_id":"AB1234","order_id":"1","status":"COMPLETE","order_timestamp":"2026-11-23 09:24:25","exchange":"NFO","tradingsymbol":"NIFTY26DEC24500CE","transaction_type":"BUY","product":"MIS","quantity":75,"filled_quantity":75,"average_price":100}` + "\n"

func dryRunRulesFile(t *testing.T) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "rules.yaml")
	if err := os.WriteFile(name, []byte(dryRunRules), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func keys(v any) string {
	m, _ := v.(map[string]any)
	return strings.Join(slices.Sorted(maps.Keys(m)), " ")
}

// TestDryRunJSONHasTheFieldsOfTheContract goes through an update's object field by field.
func TestDryRunJSONHasTheFieldsOfTheContract(t *testing.T) {
	t.Parallel()
	var out, errs bytes.Buffer
	args := []string{"dry-run", "--json", "--data", t.TempDir(), "--rules", dryRunRulesFile(t), "-"}
	if code := run(context.Background(), args, strings.NewReader(dryRunFill+dryRunFill), &out, &errs, nil); code != 0 {
		t.Fatal(code, errs.String())
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 2 {
		t.Fatalf("%d objects of 2 updates:\n%s", len(lines), out.String())
	}
	var got map[string]any
	if err := json.Unmarshal([]byte(lines[0]), &got); err != nil {
		t.Fatal(err)
	}
	list := func(name string, i int) map[string]any {
		all, _ := got[name].([]any)
		if i >= len(all) {
			t.Fatalf("%s has %d elements", name, len(all))
		}
		m, _ := all[i].(map[string]any)
		return m
	}
	equal := func(what, got, want string) {
		if got != want {
			t.Errorf("%s: %s\nwant %s", what, got, want)
		}
	}
	equal("object", keys(got), "actions decisions events requests update")
	update, _ := got["update"].(map[string]any)
	if update["source"] != "replay" || update["order_id"] != "1" || update["status"] != "COMPLETE" || update["filled_quantity"] != 75.0 || update["average_price"] != 100.0 {
		t.Errorf("update %v", update)
	}
	e := list("events", 0)
	if e["kind"] != "fill" || e["order_id"] != "1" || e["fill_quantity"] != 75.0 || e["role"] != "entry" {
		t.Errorf("event %v", e)
	}
	equal("matched", keys(list("decisions", 0)), "actions assumed event id matched rule why")
	if d := list("decisions", 0); d["event"] != "fill" || d["rule"] != "stop" || d["matched"] != true || d["why"] != "" {
		t.Errorf("matched %v", d)
	}
	equal("not matched", keys(list("decisions", 1)), "event id matched needed rule why")
	if d := list("decisions", 1); d["why"] != `when: order.exchange == "NSE"` || d["needed"] != `order.exchange is "NFO"; needed "NSE"` {
		t.Errorf("not matched %v", d)
	}
	equal("not listening", keys(list("decisions", 2)), "event id matched rule why")
	if d := list("decisions", 2); d["why"] != "on" {
		t.Errorf("not listening %v", d)
	}
	equal("action", keys(list("actions", 0)), "assumed id order_id rule state type")
	message, _ := list("actions", 1)["message"].(map[string]any)
	if want := map[string]any{"channel": "desk", "type": "telegram", "chat_id": "7", "text": "Stop at 80"}; !maps.Equal(message, want) {
		t.Errorf("message %v", message)
	}
	r := list("requests", 0)
	equal("request", keys(r), "assumed for id method params path")
	params, _ := r["params"].(map[string]any)
	tag, _ := params["tag"].(string)
	if want := map[string]any{"exchange": "NFO", "tradingsymbol": "NIFTY26DEC24500CE", "transaction_type": "SELL", "quantity": 75.0, "product": "MIS",
		"order_type": "SL", "trigger_price": 80.0, "price": 77.6, "validity": "DAY", "tag": tag}; !maps.Equal(params, want) || len(tag) != 20 {
		t.Errorf("params %v", params)
	}
	if r["method"] != "POST" || r["path"] != "/orders/regular" || r["for"] != "stop" {
		t.Errorf("request %v", r)
	}
	if want := `"ignored":"duplicate","events":[],"decisions":[],"actions":[],"requests":[]}`; !strings.HasSuffix(lines[1], want) {
		t.Errorf("the same again: %s", lines[1])
	}
}

// TestDryRunStreams: what an update led to is told before the next one is there.
func TestDryRunStreams(t *testing.T) {
	t.Parallel()
	payloads, give := io.Pipe()
	read, told := io.Pipe()
	done := make(chan int)
	var errs bytes.Buffer
	args := []string{"dry-run", "--json", "--data", t.TempDir(), "--rules", dryRunRulesFile(t), "-"}
	go func() {
		code := run(context.Background(), args, payloads, told, &errs, nil)
		_ = told.Close()
		done <- code
	}()
	lines := bufio.NewReader(read)
	for i := range 50 {
		if _, err := io.WriteString(give, dryRunFill); err != nil {
			t.Fatal(err)
		}
		line, err := lines.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		if i > 0 != strings.Contains(line, `"ignored":"duplicate"`) {
			t.Fatalf("update %d: %s", i, line)
		}
	}
	_ = give.Close()
	if code := <-done; code != 0 {
		t.Error(code, errs.String())
	}
}
