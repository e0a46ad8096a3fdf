package rules

import (
	"encoding/json"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"backstop/engine/order"
)

// stepsOf compiles a file whose one rule has these actions, indented by six.
func stepsOf(t *testing.T, then string) []*Step {
	t.Helper()
	set, problems := Parse("r.yaml", []byte("version: 1\nvars: { pct: 20 }\nrules:\n  - name: r\n    on: [partial_fill, fill]\n    then:\n"+then), testOptions())
	if set == nil {
		t.Fatal(problems)
	}
	return set.Rules()[0].Then
}

func TestArgs(t *testing.T) {
	t.Parallel()
	steps := stepsOf(t, `
      - place_stop_loss: { trigger_price: loss(vars.pct), limit_offset: 0.1 + 0.2, order_type: SL, loosen: true, step: "${round_tick(0.26)}" }
        id: stop
      - place_target: { price: action.trigger_price * 2, quantity: steps.stop.quantity, per: fill }
      - telegram: "${order.tradingsymbol} ${action.price}/${steps.stop.order_id}/${96.0} $${x} ${order.average_price + 0.05} ${order.is_exit} ${order.tags}"
      - cancel_siblings: { roles: [stop_loss, target] }
      - telegram: { text: "missing: ${action.roles}", silent: order.quantity > 5 }
      - test_risk: { wait: 1m30s, weight: 2.5 }
      - log: ${action.wait} ${action.weight} ${event.time}
`)
	w := aFill()
	w.Event.Time = time.Date(2025, 11, 24, 4, 0, 0, 0, time.UTC)
	eval := func(i int) Args {
		t.Helper()
		a, err := steps[i].Evaluate(w)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	stop := eval(0)
	if p, ok := stop.Price("trigger_price"); !ok || p != 96*order.Rupee {
		t.Errorf("trigger_price %v %v", p, ok)
	}
	if p, _ := stop.Price("limit_offset"); p.String() != "0.3" {
		t.Errorf("limit_offset %v", p)
	}
	if p, _ := stop.Price("step"); p.String() != "0.25" {
		t.Errorf("step %v", p)
	}
	if _, ok := stop.Price("limit_price"); ok || stop.Has("limit_price") || stop.Has("per") || !stop.Has("order_type") {
		t.Error("what was written, and what was not")
	}
	if stop.Enum("order_type") != "SL" || stop.Enum("per") != "group" || stop.Enum("if_cancelled") != "leave" || !stop.Bool("loosen") {
		t.Errorf("enums and defaults: %v", stop)
	}
	want := []string{"trigger_price", "limit_offset", "order_type", "per", "step", "loosen", "if_cancelled", "if_unfilled"}
	if !reflect.DeepEqual(stop.Names(), want) {
		t.Errorf("names %v", stop.Names())
	}

	// The next actions read them, also after the lane has kept them as JSON.
	kept := map[string]any{}
	raw, _ := json.Marshal(stop.Map())
	if err := json.Unmarshal(raw, &kept); err != nil {
		t.Fatal(err)
	}
	kept["quantity"], kept["order_id"] = 75.0, "2401"
	w.Action, w.Steps = kept, map[string]map[string]any{"stop": kept}
	target := eval(1)
	if p, _ := target.Price("price"); p != 192*order.Rupee {
		t.Errorf("price %v", p)
	}
	if q, ok := target.Quantity("quantity"); !ok || q != 75 {
		t.Errorf("quantity %v", q)
	}
	w.Action = target.Map()
	text := eval(2)
	if got := text.Text("text"); got != "NIFTY25NOV24500CE 192/2401/96 ${x} 120.05 false scalp, x" {
		t.Errorf("text %q", got)
	}
	if text.Text("to") != "telegram" || text.Has("to") {
		t.Errorf("to %q", text.Text("to"))
	}
	roles := eval(3)
	if !reflect.DeepEqual(roles.Roles("roles"), []order.Role{order.RoleStopLoss, order.RoleTarget}) {
		t.Errorf("roles %v", roles.Roles("roles"))
	}
	raw, _ = json.Marshal(roles.Map())
	kept = map[string]any{}
	_ = json.Unmarshal(raw, &kept)
	w.Action = kept
	if a := eval(4); a.Text("text") != "missing: stop_loss, target" || !a.Bool("silent") {
		t.Errorf("list %v", a)
	}
	risk := eval(5)
	if d, _ := risk.Duration("wait"); d != 90*time.Second {
		t.Errorf("duration %v", d)
	}
	if x, _ := risk.Number("weight"); x != 2.5 {
		t.Errorf("number %v", x)
	}
	w.Action = risk.Map()
	if a := eval(6); a.Text("text") != "1m30s 2.5 2025-11-24 09:30:00" {
		t.Errorf("text %q", a.Text("text"))
	}
}

func TestArgsErrors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ step, says string }{
		{`place_stop_loss: { trigger_price: 0 - order.average_price }`, "place_stop_loss.trigger_price: 0 - order.average_price: the price -120 is negative"},
		{`place_stop_loss: { trigger_price: loss(100) }`, "0 is no price"},
		{`place_stop_loss: { trigger_price: order.average_price ** 300 }`, "no number"},
		{`place_stop_loss: { trigger_price: order.average_price * 1e12 }`, "out of range"},
		{`place_stop_loss: { trigger_price: order.average_price / order.price }`, "division by zero"},
		{`place_target: { price: 1, quantity: order.quantity / 2 }`, "place_target.quantity: order.quantity / 2: 37.5 is no whole quantity"},
		{`place_target: { price: 1, quantity: order.quantity - 80 }`, "negative"},
		{`place_target: { price: 1, quantity: order.quantity - 75 }`, "asks for nothing"},
		{`place_target: { price: 1, quantity: order.quantity * 1e9 }`, "out of range"},
		{`log: "${order.quantity / order.price}"`, "log.text"},
	} {
		_, err := stepsOf(t, "      - "+c.step+"\n")[0].Evaluate(aFill())
		if err == nil || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), "rule r") {
			t.Errorf("%s: %v; want %q", c.step, err, c.says)
		}
	}
	steps := stepsOf(t, "      - place_stop_loss: { trigger_price: 5 }\n        if: order.quantity / order.price > 1\n      - place_target: { price: action.trigger_price }\n      - log: \"id ${action.order_id}\"\n")
	if _, err := steps[0].Enabled(aFill()); err == nil || !strings.Contains(err.Error(), "if") {
		t.Errorf("if: %v", err)
	}
	if _, err := steps[1].Evaluate(&Words{}); err == nil || !strings.Contains(err.Error(), "action.trigger_price is not known") {
		t.Errorf("an action that was skipped: %v", err)
	}
	if a, err := steps[2].Evaluate(&Words{}); err != nil || a.Text("text") != "id " {
		t.Errorf("an absent text is empty: %v %v", a, err)
	}
}

func TestEnabled(t *testing.T) {
	t.Parallel()
	set, problems := Parse("r.yaml", []byte(`
version: 1
rules:
  - name: r
    on: action_failed
    then: [cancel_order]
    on_error:
      - exit_position
      - exit_position: {}
        if: error.type != "margin" and order.quantity > 5
`), testOptions())
	if set == nil {
		t.Fatal(problems)
	}
	r := set.Rules()[0]
	w := aFill()
	w.Error.Type = "margin"
	if on, err := r.OnError[0].Enabled(w); !on || err != nil || r.OnError[0].IfReads("error.type") {
		t.Error("no if is true and reads nothing")
	}
	if on, err := r.OnError[1].Enabled(w); on || err != nil || !r.OnError[1].IfReads("error.type") || r.OnError[1].IfReads("error.message") {
		t.Error("if names error.type")
	}
	w.Error.Type = "tick"
	if on, _ := r.OnError[1].Enabled(w); !on || !r.HasOnError || r.OnError[1].Index != 1 || r.OnError[1].Action != "exit_position" {
		t.Error("if")
	}
}

func TestFunctions(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		side, expression string
		want             float64
	}{
		{"BUY", "loss(20)", 96}, {"SELL", "loss(20)", 144}, {"BUY", "profit(50)", 180}, {"SELL", "profit(50)", 60},
		{"BUY", "gain()", -1.25}, {"SELL", "gain()", 1.25}, {"BUY", "loss(0.1)", 119.88}, {"BUY", "loss(20, 100)", 80}, {"SELL", "loss(20, 100.5)", 120.6}, {"SELL", "profit(50, 60 * 2)", 60}, {"BUY", "loss(vars.pct)", 96},
		{"BUY", "round_tick(96.03)", 96.05}, {"BUY", "round_tick(96.02)", 96}, {"BUY", "round_tick(96)", 96},
		{"BUY", "min(3, 2.5, 7)", 2.5}, {"BUY", "max(loss(20), 90, order.quantity)", 96}, {"BUY", "abs(0 - 2.5)", 2.5},
		{"BUY", "abs(position.quantity)", 75}, {"BUY", "order.is_exit ? 1 : 2.5", 2.5}, {"BUY", "7", 7}, {"BUY", "-(1.5) + 2", 0.5},
	} {
		w := aFill()
		w.Group.Side = c.side
		a, err := stepsOf(t, "      - test_risk: { weight: '"+c.expression+"' }\n")[0].Evaluate(w)
		if got, _ := a.Number("weight"); err != nil || math.Abs(got-c.want) > 1e-9 {
			t.Errorf("%s %s = %v, %v; want %v", c.side, c.expression, got, err, c.want)
		}
	}
}

func TestGlob(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text, pattern string
		want          bool
	}{
		{"NFO:NIFTY25NOV", "NFO:NIFTY*", true}, {"NFO:BANKNIFTY", "NFO:NIFTY*", false}, {"", "", true}, {"", "*", true}, {"a", "", false},
		{"abc", "a?c", true}, {"abc", "a?", false}, {"abcabc", "*c", true}, {"abcab", "*c", false}, {"é", "?", true}, {"a.c", "a.c", true}, {"abc", "a.c", false},
		{strings.Repeat("a", 5000), strings.Repeat("*a", 200) + "b", false},
	} {
		if Glob(c.text, c.pattern) != c.want {
			t.Errorf("%.20q like %.20q: want %v", c.text, c.pattern, c.want)
		}
	}
}
