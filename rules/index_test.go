package rules

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"backstop/engine/order"
)

// drawCondition is a condition of a few parts, most of them such that the index may read them.
func drawCondition(t *rapid.T) string {
	texts := map[string][]string{"order.exchange": {`"NFO"`, `"NSE"`, `"BSE"`}, "order.tradingsymbol": {`"X"`, `"Y"`, `""`},
		"order.product": {`"MIS"`, `"NRML"`, `"CNC"`}, "order.transaction_type": {`"BUY"`, `"SELL"`}, "order.role": {`"entry"`, `"exit"`}}
	var parts []string
	for range rapid.IntRange(1, 4).Draw(t, "parts") {
		w := rapid.SampledFrom(slices.Sorted(maps.Keys(texts))).Draw(t, "word")
		a, b := rapid.SampledFrom(texts[w]).Draw(t, "a"), rapid.SampledFrom(texts[w]).Draw(t, "b")
		parts = append(parts, rapid.SampledFrom([]string{
			w + " == " + a, a + " == " + w, w + " in [" + a + ", " + b + "]", w + " != " + a, "(" + w + " == " + a + " or " + w + " == " + b + ")",
			"not (" + w + " == " + a + ")", "order.quantity > 70", "order.quantity > 90", `order.tag == "mine"`,
		}).Draw(t, "part"))
	}
	return strings.Join(parts, " and ")
}

func TestTheIndexDecidesAsEvaluatingEveryRuleDoes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var b strings.Builder
		b.WriteString("version: 1\nrules:\n")
		for i := range rapid.IntRange(1, 12).Draw(t, "rules") {
			fmt.Fprintf(&b, "  - name: r%d\n    on: %s\n", i, rapid.SampledFrom([]string{"fill", "rejected", "[fill, rejected]"}).Draw(t, "on"))
			switch rapid.IntRange(0, 8).Draw(t, "special") {
			case 0:
				b.WriteString("    enabled: false\n")
			case 1:
				b.WriteString("    accounts: [ZZ0000]\n")
			}
			if rapid.IntRange(0, 5).Draw(t, "when") > 0 {
				fmt.Fprintf(&b, "    when: '%s'\n", drawCondition(t))
			}
			b.WriteString("    then: [cancel_order]\n")
		}
		set, problems := Parse("r.yaml", []byte(b.String()), testOptions())
		if set == nil {
			t.Fatal(problems)
		}
		f := Facts{"AB1234", rapid.SampledFrom([]string{"NFO", "NSE", ""}).Draw(t, "exchange"), rapid.SampledFrom([]string{"X", "Y"}).Draw(t, "symbol"),
			rapid.SampledFrom([]string{"MIS", "NRML"}).Draw(t, "product"), rapid.SampledFrom([]string{"BUY", "SELL"}).Draw(t, "side"),
			rapid.SampledFrom([]string{"entry", "exit", ""}).Draw(t, "role")}
		w := &Words{Order: OrderWords{Exchange: f.Exchange, Tradingsymbol: f.Tradingsymbol, Product: f.Product, TransactionType: f.TransactionType,
			Role: cmp.Or(f.Role, "entry"), Quantity: 80}}
		kind := rapid.SampledFrom([]order.Kind{order.KindFill, order.KindRejected, order.KindOpen}).Draw(t, "kind")
		facing := set.Facing(kind, f)
		rec := set.Record()
		rest := rec.Rest(kind, f, func(rule string) bool {
			return slices.ContainsFunc(facing, func(r *Rule) bool { return r.Name == rule })
		})
		var have, want []string
		for _, m := range rest {
			why := m.Why
			if r, ok := set.Rule(m.Rule); ok && slices.Contains(facing, r) {
				_, why, _ = r.Match(w)
			}
			have = append(have, m.Rule+": "+why)
		}
		for _, r := range set.Rules() {
			why := ""
			switch {
			case !r.Listens(kind):
				continue
			case !r.Enabled:
				why = "enabled"
			case !r.Concerns(f.Account):
				why = "accounts"
			default:
				_, why, _ = r.Match(w)
			}
			want = append(want, r.Name+": "+why)
		}
		if !slices.Equal(have, want) {
			t.Fatalf("indexed %q\nall evaluated %q\n%s", have, want, b.String())
		}
	})
}

// What the index tells of a rule that did not face an event reads as the evaluation of it would.
func TestWhatTheIndexExplainsReadsAsTheEvaluation(t *testing.T) {
	t.Parallel()
	for _, when := range []string{`order.exchange == "NSE"`, `order.exchange in ["NSE", "BSE"]`, `"NSE" == order.exchange`} {
		r := ruleWith(t, when+" and order.quantity > 1")
		rec := (&Set{rules: []*Rule{r}}).Record()
		rest := rec.Rest(r.On[0], Facts{Exchange: "NFO"}, func(string) bool { return false })
		want := r.ExplainMiss(&Words{Order: OrderWords{Exchange: "NFO"}})
		if len(rest) != 1 || rest[0].Explain == nil || rest[0].Explain.String() != want.String() || rest[0].Explain.Needed != want.Needed {
			t.Errorf("%s: indexed %+v, evaluated %+v", when, rest[0].Explain, want)
		}
	}
}

// BenchmarkManyRules is what one event costs under so many rules of which three match, indexed and all evaluated.
func BenchmarkManyRules(b *testing.B) {
	for _, n := range []int{1, 100, 1000, 10_000} {
		set := manyRules(b, n)
		f := Facts{"AB1234", "NFO", "S0", "MIS", "BUY", "entry"}
		w := &Words{Order: OrderWords{Exchange: f.Exchange, Tradingsymbol: f.Tradingsymbol, Product: f.Product, TransactionType: f.TransactionType, Quantity: 75}}
		b.Run(fmt.Sprintf("rules=%d/indexed", n), func(b *testing.B) {
			for b.Loop() {
				for _, r := range set.Facing(order.KindFill, f) {
					_, _, _ = r.Match(w)
				}
			}
		})
		b.Run(fmt.Sprintf("rules=%d/all", n), func(b *testing.B) {
			for b.Loop() {
				for _, r := range set.Rules() {
					if r.Listens(order.KindFill) && r.Concerns(f.Account) {
						_, _, _ = r.Match(w)
					}
				}
			}
		})
	}
}

// manyRules are n rules, each for an instrument of its own but the first three, which share one.
func manyRules(tb testing.TB, n int) *Set {
	var src strings.Builder
	src.WriteString("version: 1\nrules:\n")
	for i := range n {
		fmt.Fprintf(&src, "  - { name: r%d, on: fill, when: 'order.exchange == \"NFO\" and order.tradingsymbol == \"S%d\"', then: [cancel_order] }\n", i, max(0, i-2))
	}
	set, problems := Parse("r.yaml", []byte(src.String()), testOptions())
	if set == nil {
		tb.Fatal(problems)
	}
	return set
}
