package rules

import (
	"errors"
	"strings"
	"sync"
	"testing"

	"backstop/engine/order"
)

// ruleWith compiles a file of one rule with this condition.
func ruleWith(t testing.TB, when string) *Rule {
	t.Helper()
	set, problems := Parse("r.yaml", []byte("version: 1\nvars: { pct: 20, name: scalp, list: [1, 2.5], late: \"${env.NOPE}\" }\nrules:\n  - name: r\n    on: [fill, rejected]\n    when: |\n      "+
		strings.ReplaceAll(when, "\n", "\n      ")+"\n    then: [{ log: x }]\n"), testOptions())
	if set == nil {
		t.Fatalf("%s: %v", when, problems)
	}
	return set.Rules()[0]
}

// aFill is a bought option that filled at 120.
func aFill() *Words {
	w := &Words{}
	w.Event.Kind, w.Event.FillQuantity, w.Event.FillPrice = "fill", 75, 120
	w.Order.Exchange, w.Order.Tradingsymbol, w.Order.TransactionType = "NFO", "NIFTY25NOV24500CE", "BUY"
	w.Order.Product, w.Order.Role, w.Order.Status, w.Order.Quantity, w.Order.FilledQuantity = "NRML", "entry", "COMPLETE", 75, 75
	w.Order.AveragePrice, w.Order.Value, w.Order.Tags = 120, 9000, []string{"scalp", "x"}
	w.Group.Side, w.Group.EntryPrice, w.Group.LastPrice, w.Group.OpenQuantity = "BUY", 120, 118.5, 75
	w.Group.Orders = []OrderWords{w.Order, {Role: "target", Status: "OPEN"}}
	w.Instrument.TickSize, w.Instrument.LotSize = 0.05, 75
	w.Position.Quantity = -75
	return w
}

func TestMatch(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ when, why string }{
		{`order.exchange == "NFO"`, ""},
		{`order.exchange == "NSE"`, `when: order.exchange == "NSE"`},
		{`order.exchange == "NFO" and order.product == "MIS" and order.is_exit`, `when: order.product == "MIS"`},
		{`order.exchange == "NFO" and (order.role == "entry" and (order.product == "MIS"))`, `when: order.product == "MIS"`},
		{`order.exchange == "NFO" && (order.is_exit or order.product == "MIS") && true`, `when: order.is_exit or order.product == "MIS"`},
		{"order.exchange == \"NFO\"\nand order.product ==\n  \"MIS\"", `when: order.product == "MIS"`},
		{`not (order.role == "entry")`, `when: not (order.role == "entry")`},
		{`1 < order.quantity < 50`, `when: order.quantity < 50`},
		{`order.role in ["entry", "exit"] and order.role not in ["entry"]`, `when: order.role not in ["entry"]`},
		{`like(order.tradingsymbol, "NIFTY*CE") and order.tradingsymbol matches "^NIFTY.*CE$"`, ""},
		{`any(group.orders, .role == "target") and count(group.orders, #.status == "OPEN") == 1`, ""},
		{`"scalp" in order.tags and vars.name in order.tags`, ""},
		{`order.average_price * 1.1 == 132 and 0.1 + 0.2 == 0.3 and not (0.1 + 0.2 > 0.3)`, ""},
		{`order.quantity == 75.0 and order.average_price == 120`, ""},
		{`order.quantity / 2 == 37.5 and order.quantity % 2 == 1`, ""},
		{`loss(vars.pct) == 96 and profit(50) == 180 and gain() == -1.25`, ""},
		{`(order.is_exit ? 1 : 2.5) == 2.5`, ""},
		{`order.quantity in vars.list`, `when: order.quantity in vars.list`},
		{`order.status_message == "" and order.price == 0`, ""},
		{`abs(position.quantity) == order.quantity and max(1, 2.5) == 2.5 and min(3, 2) == 2`, ""},
		{`order.tradingsymbol | lower() | hasPrefix("nifty")`, ""},
	} {
		ok, why, err := ruleWith(t, c.when).Match(aFill())
		if err != nil || ok != (c.why == "") || why != c.why {
			t.Errorf("%s: %v, %q, %v; want %q", c.when, ok, why, err, c.why)
		}
	}
}

// A run-time error is an error, whatever stands beside it; a part that is not reached gives none.
func TestMatchErrors(t *testing.T) {
	t.Parallel()
	empty := &Words{}
	for _, c := range []struct {
		when, says string
		words      *Words
	}{
		{`order.quantity / order.filled_quantity > 1`, "division by zero", empty},
		{`order.quantity % order.filled_quantity > 1`, "integer divide by zero", empty},
		{`loss(20) > 1`, "group.side is not known", empty},
		{`gain() > 1`, "group.last_price is not known", func() *Words { w := aFill(); w.Group.LastPrice = 0; return w }()},
		{`profit(5) > 1`, "group.entry_price is not known", func() *Words { w := aFill(); w.Group.EntryPrice = 0; return w }()},
		{`round_tick(5) > 1`, "instrument.tick_size is not known", empty},
		{`order.quantity * 9000000000000000000 > 1`, "too large", aFill()},
		{`order.quantity + 9223372036854775807 > 1`, "too large", aFill()},
		{`0 - order.quantity - 9223372036854775807 < 1`, "too large", aFill()},
		{`order.average_price ** 400 > 1`, "no number", aFill()},
		{`group.orders[5].role == "x"`, "out of range", empty},
		{`vars.late > 5`, "vars.late is not set in the environment", empty},
	} {
		ok, why, err := ruleWith(t, c.when).Match(c.words)
		var e *EvalError
		if ok || why != "" || !errors.As(err, &e) || !strings.Contains(err.Error(), c.says) || e.Rule != "r" || e.Where != "when" {
			t.Errorf("%s: %v, %q, %v; want an error with %q", c.when, ok, why, err, c.says)
		}
	}
	if ok, why, err := ruleWith(t, `order.quantity > 0 and order.quantity / order.filled_quantity > 1`).Match(empty); ok || err != nil || why != "when: order.quantity > 0" {
		t.Errorf("a part that is not reached: %v, %q, %v", ok, why, err)
	}
}

func TestListens(t *testing.T) {
	t.Parallel()
	r := ruleWith(t, "order.is_exit")
	if !r.Listens(order.KindFill) || r.Listens(order.KindOpen) || !r.Concerns("AB1234") {
		t.Error("listens to fill and rejected, for all accounts")
	}
	r = &Rule{Accounts: []string{"AB1234"}}
	if !r.Concerns("AB1234") || r.Concerns("CD5678") {
		t.Error("accounts")
	}
}

// A set is shared by all lanes: the race detector looks on, and all see the same.
func TestMatchConcurrently(t *testing.T) {
	t.Parallel()
	set, problems := parseFile(t, "testdata/good/everything.yaml")
	if set == nil {
		t.Fatal(problems)
	}
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			for i := range 50 {
				w := aFill()
				w.Order.Product, w.Order.Price, w.Order.Quantity = "MIS", 120, i
				for _, r := range set.Rules() {
					ok, _, err := r.Match(w)
					if err != nil || r.Name == "stop" && !ok {
						t.Errorf("%s: %v, %v", r.Name, ok, err)
					}
					r.Explain(w)
					for _, s := range r.Then {
						args, err := s.Evaluate(w)
						if err != nil {
							t.Errorf("%s %s: %v", r.Name, s.Action, err)
						}
						w.Action = args.Map()
						if s.ID != "" {
							w.Steps = map[string]map[string]any{s.ID: {"order_id": "1", "trigger_price": 96.0, "quantity": 75.0}}
						}
					}
				}
			}
		})
	}
	wait.Wait()
}

func BenchmarkMatch(b *testing.B) {
	r := ruleWith(b, `order.exchange == "NFO" and order.transaction_type == "BUY" and order.role == "entry" and order.average_price > 100.5`)
	w := aFill()
	b.ReportAllocs()
	for b.Loop() {
		if ok, _, err := r.Match(w); !ok || err != nil {
			b.Fatal(ok, err)
		}
	}
}

func BenchmarkMatchMissesFirst(b *testing.B) {
	r := ruleWith(b, `order.exchange == "NSE" and order.transaction_type == "BUY" and order.role == "entry"`)
	w := aFill()
	b.ReportAllocs()
	for b.Loop() {
		if ok, _, err := r.Match(w); ok || err != nil {
			b.Fatal(ok, err)
		}
	}
}
