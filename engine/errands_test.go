package engine

import (
	"context"
	"strings"
	"testing"
	"time"

	"backstop/actions"
	"backstop/actions/actionstest"
	"backstop/engine/journal"
	"backstop/engine/journal/memory"
	"backstop/rules"
)

const hedgeRule = `
version: 1
rules:
  - name: hedge
    accounts: AB1234
    on: fill
    when: order.role == "entry"
    then:
      - place_order: { account: CD5678, exchange: NSE, tradingsymbol: INFY, transaction_type: SELL, quantity: 10, product: MIS, order_type: LIMIT, price: 1600 }
      - telegram: "hedged by ${action.order_id}"
    on_error: [telegram: "not hedged: ${error.message}"]
`

// TestInvariant2AnOrderInAnotherAccountIsPlacedOnce loses the commit of each moment of the way there and back, with the
// process behind it; the next start goes on.
func TestInvariant2AnOrderInAnotherAccountIsPlacedOnce(t *testing.T) {
	has := func(c *journal.Commit, account string, kind journal.InputKind) bool {
		for _, in := range c.Inputs {
			if in.Account == account && in.Kind == kind {
				return true
			}
		}
		return false
	}
	for name, dies := range map[string]func(c *journal.Commit) bool{
		"never":                   func(*journal.Commit) bool { return false },
		"before it is taken":      func(c *journal.Commit) bool { return has(c, "CD5678", journal.InputErrand) },
		"before it is answered":   func(c *journal.Commit) bool { return has(c, "CD5678", journal.InputOutcome) },
		"before the end is known": func(c *journal.Commit) bool { return has(c, "AB1234", journal.InputErrandEnd) },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				mine, hers, store, desk := exchange(), actionstest.NewBroker("CD5678", time.Now, infy...), memory.New(), &channel{}
				o := trading(t, mine, store, desk)
				set, problems := rules.Parse("rules.yaml", []byte(hedgeRule), rules.Options{Specs: actions.Builtin(), Channels: []string{"telegram"}})
				if errs := problems.Errors(); len(errs) > 0 {
					t.Fatal(errs)
				}
				o.Accounts[0].Lane.Rules = set
				second := o.Accounts[0]
				second.ID, second.Broker = "CD5678", hers
				o.Accounts = append(o.Accounts, second)
				e, _, end := start(t, o)
				time.Sleep(2 * time.Second)
				died := false
				store.FailIf(func(c *journal.Commit) error {
					if died = died || dies(c); died {
						return errDisk // nothing is written any more
					}
					return nil
				})
				if _, err := e.Submit(t.Context(), fill(mine, "261123000000100")); err != nil {
					t.Fatal(err)
				}
				time.Sleep(2 * time.Second)
				end()
				o.Store = store.Reopen()
				_, again, end := start(t, o)
				time.Sleep(time.Minute)
				rows, _, err := again.Requests(context.Background(), journal.Query{Account: "CD5678"})
				if err != nil || len(rows) != 1 || rows[0].State != actions.Done || len(hers.Tags()) != 1 || len(mine.Tags()) > 0 {
					t.Errorf("her requests %+v, her orders %v, mine %v (%v)", rows, hers.Tags(), mine.Tags(), err)
				}
				said := 0
				for _, text := range desk.Said() {
					if strings.HasPrefix(text, "hedged by "+rows[0].OrderID) {
						said++
					}
				}
				if said != 1 {
					t.Errorf("told %q", desk.Said())
				}
				end()
			})
		})
	}
}
