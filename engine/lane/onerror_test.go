package lane_test

import (
	"slices"
	"strings"
	"testing"

	"backstop/actions"
	"backstop/engine/order"
)

const answered = `
version: 1
rules:
  - name: stop
    on: fill
    when: order.role == "entry"
    then: [place_stop_loss: { trigger_price: TRIGGER }]
    on_error: [{ EXIT }, { telegram: "no stop: ${error.type}" }]
`

// What answers a failure is told in any case: the exit in front of it may be skipped because nothing is to be sold.
func TestWhatFollowsASkippedExitInOnErrorGoesOn(t *testing.T) {
	for name, c := range map[string]struct {
		trigger, exit string
		flat          bool
	}{
		"a trigger on the winning side": {"150", "exit_position: {}", false},
		"a position that is flat":       {"loss(20)", `exit_position: {}, if: 'error.type != ""'`, true},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t, strings.NewReplacer("TRIGGER", c.trigger, "EXIT", c.exit).Replace(answered))
			d.opened("E1", filled(75))
			r := d.take(actions.Place)
			if c.flat {
				d.set("X1", func(u *order.Update) { u.TransactionType = "SELL"; filled(75)(u) })
				d.postback("X1")
			}
			d.refuse(r, actions.ClassBeyondMarket)
			d.readBook()
			if slices.ContainsFunc(d.sends, func(r actions.Request) bool { return r.Call.Method == actions.Place }) {
				t.Errorf("sold: %s", show(d.sends))
			}
			if told := d.byRules(); !slices.Contains(told, "no stop: beyond_market") {
				t.Errorf("told %q", told)
			}
		})
	}
}
