package rules

import (
	"fmt"
	"strings"
	"testing"
)

// rulesOfPeople is a file of n rules as people write them.
func rulesOfPeople(n int) string {
	var b strings.Builder
	b.WriteString("version: 1\nvars: { stop_pct: 20, symbols: [INFY, TCS] }\nrules:\n")
	for i := range n {
		fmt.Fprintf(&b, `  - name: stop-%d
    on: [partial_fill, fill]
    when: order.role == "entry" and order.product == "MIS" and order.exchange == "NFO" and like(order.tradingsymbol, "NIFTY%d*")
    then:
      - place_stop_loss: { trigger_price: loss(vars.stop_pct) }
      - telegram: "Stop behind ${order.tradingsymbol} ${action.quantity} at ${action.trigger_price}"
    on_error:
      - exit_position: {}
        if: error.type == "margin"
      - telegram: "No stop for ${order.tradingsymbol}: ${error.message} ${error.hint}"
`, i, i)
	}
	return b.String()
}

// BenchmarkCheck is a whole check: parse, compile, lint.
func BenchmarkCheck(b *testing.B) {
	for _, n := range []int{10, 1000} {
		src := []byte(rulesOfPeople(n))
		b.Run(fmt.Sprint(n, " rules"), func(b *testing.B) {
			for b.Loop() {
				set, problems := Parse("r.yaml", src, testOptions())
				if set == nil || len(problems) > 0 || len(set.Rules()) != n {
					b.Fatalf("%d problems, the first %.500s", len(problems), problems.Error())
				}
			}
		})
	}
}
