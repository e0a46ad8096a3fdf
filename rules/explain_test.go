package rules

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestExplain(t *testing.T) {
	t.Parallel()
	r := ruleWith(t, `order.exchange == "NFO" and (order.is_exit or loss(vars.pct) > 100 or order.role == "entry") and not (order.quantity / 2 > 5) and any(group.orders, .role == "exit")`)
	got := r.Explain(aFill())
	want := `order.exchange == "NFO" and (order.is_exit or loss(vars.pct) > 100 or order.role == "entry") and not (order.quantity / 2 > 5) and any(group.orders, .role == "exit") = false
  order.exchange == "NFO" = true
    order.exchange = "NFO"
  order.is_exit or loss(vars.pct) > 100 or order.role == "entry" = true
    order.is_exit = false
    loss(vars.pct) > 100 = false
      loss(vars.pct) = 96
        vars.pct = 20
    order.role == "entry" = true
      order.role = "entry"
  not (order.quantity / 2 > 5) = false
    order.quantity / 2 > 5 = true
      order.quantity / 2 = 37.5
        order.quantity = 75
  any(group.orders, .role == "exit") = not evaluated
`
	if got.String() != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if _, err := json.Marshal(got); err != nil {
		t.Error(err)
	}
	for _, c := range []struct{ when, says string }{
		{`order.is_exit ? order.price > 1 : order.quantity / order.price > 1`, "order.quantity / order.price > 1 = error: division by zero"},
		{`order.is_exit ? order.price > 1 : true`, "order.price > 1 = not evaluated"},
		{`order.quantity / order.price > 1 and order.is_exit`, "order.is_exit = not evaluated"},
		{`first(group.orders).role == "entry"`, `first(group.orders).role = "entry"`},
		{`order.tags == ["scalp", "x"]`, `order.tags = ["scalp", "x"]`},
		{`order.quantity in vars.list`, "vars.list = [1, 2.5]"},
	} {
		if text := ruleWith(t, c.when).Explain(aFill()).String(); !strings.Contains(text, c.says) {
			t.Errorf("%s: %q not in\n%s", c.when, c.says, text)
		}
	}
	if x := (&Rule{}).Explain(aFill()); x.Value != "true" {
		t.Error("no condition")
	}
}

// Values of the environment are never printed.
func TestExplainHidesEnvironment(t *testing.T) {
	t.Parallel()
	set, problems := Parse("r.yaml", []byte("version: 1\nvars: { s: \"${env.TELEGRAM_BOT_TOKEN}\" }\nrules:\n  - name: r\n    on: fill\n    when: order.tag == vars.s\n    then: [log: x]\n"), testOptions())
	if set == nil {
		t.Fatal(problems)
	}
	r := set.Rules()[0]
	_, why, _ := r.Match(aFill())
	if text := r.Explain(aFill()).String() + why; strings.Contains(text, "123:token") || !strings.Contains(text, "(from the environment)") {
		t.Error(text)
	}
}
