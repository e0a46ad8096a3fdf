package rules

import (
	"fmt"
	"slices"
	"time"

	"github.com/expr-lang/expr/ast"

	"backstop/engine/order"
)

// Recent is what a call of recent() counts. What it needs must be remembered from before, so its values are read
// when the file is.
type Recent struct {
	Kind     order.Kind
	Within   time.Duration
	BySymbol bool // of the event's symbol, else of the account
}

// String names it in Words.Recent.
func (c Recent) String() string {
	of := "account"
	if c.BySymbol {
		of = "symbol"
	}
	return fmt.Sprintf("%s %s %s", c.Kind, c.Within, of)
}

// recentOf reads a call; false where it is not written as it must be, which is told where it is resolved.
func recentOf(n *ast.CallNode) (Recent, bool) {
	var texts []string
	for _, a := range n.Arguments {
		t, ok := a.(*ast.StringNode)
		if !ok {
			return Recent{}, false
		}
		texts = append(texts, t.Value)
	}
	if len(texts) < 2 || len(texts) == 3 && texts[2] != "symbol" && texts[2] != "account" {
		return Recent{}, false
	}
	d, err := time.ParseDuration(texts[1])
	if err != nil || d <= 0 || d > longest || !slices.Contains(kindNames(false), texts[0]) {
		return Recent{}, false
	}
	return Recent{order.Kind(texts[0]), d, len(texts) == 3 && texts[2] == "symbol"}, true
}

// recent checks a call and notes what it counts.
func (v *resolver) recent(n *ast.CallNode) {
	if c, ok := recentOf(n); ok {
		v.e.read.recents = append(v.e.read.recents, c)
		return
	}
	for i, a := range n.Arguments {
		t, ok := a.(*ast.StringNode)
		if !ok {
			v.fail(a, "wrong-arguments", "recent() takes texts that are written out", `write recent("rejected", "5m")`)
			return
		}
		d, err := time.ParseDuration(t.Value)
		switch {
		case i == 0 && !slices.Contains(kindNames(false), t.Value):
			v.fail(a, "unknown-kind", "unknown kind "+t.Value, didYouMean(t.Value, kindNames(false)))
			return
		case i == 1 && (err != nil || d <= 0 || d > longest):
			v.fail(a, "bad-duration", t.Value+" is no duration between 1ms and 168h", "write a number and its unit: 10s, 5m, 1h30m")
			return
		case i == 2 && t.Value != "symbol" && t.Value != "account":
			v.fail(a, "unknown-value", "recent() counts for the account or the symbol, not for "+t.Value, `write recent("rejected", "5m", "symbol")`)
			return
		}
	}
}
