package rules

import (
	"strings"
	"testing"
	"time"
)

// No expression can hang or exhaust the engine: what could grow is refused, the rest is linear in what it reads.
func TestBounded(t *testing.T) {
	t.Parallel()
	w := aFill()
	for range 5000 {
		w.Group.Orders = append(w.Group.Orders, w.Order)
	}
	heavy := ruleWith(t, strings.Repeat(`count(group.orders, .tradingsymbol matches "^(N+I*)+X$" or like(.tag, "*a*b*c*")) == 5 or `, 20)+"order.is_exit")
	ends(t, "heavy", func() {
		if ok, _, err := heavy.Match(w); ok || err != nil {
			t.Error(ok, err)
		}
	})
	for _, when := range []string{
		strings.Repeat("(", 1900) + "true" + strings.Repeat(")", 1900),
		strings.Repeat("(", 3000),
		strings.Repeat("not ", 900) + "true",
		strings.Repeat("[", 3000),
		strings.Repeat("-", 3000) + "5 > 1",
		strings.Repeat("max(", 900),
		strings.Repeat("true ? ", 500) + "true" + strings.Repeat(" : true", 500),
		strings.Repeat("true and ", 440) + "true",
		strings.Repeat("group.orders[0].tags", 190),
	} {
		ends(t, when, func() {
			_, _ = Parse("r.yaml", []byte("version: 1\nrules:\n  - name: r\n    on: fill\n    when: '"+when+"'\n    then: [cancel_order]\n"), testOptions())
		})
	}
}

// ends fails the test where f hangs. The bound tells a hang from a slow machine under the race detector; how long a
// thing takes is for a benchmark to say.
func ends(t *testing.T, what string, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	select {
	case <-done:
	case <-time.After(2 * time.Minute):
		t.Fatalf("%.20s… hangs", what)
	}
}
