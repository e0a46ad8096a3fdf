//go:build unix

package crashtest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"backstop/engine/journal/sqlite"
)

const copyRules = `version: 1
rules:
  - name: copy
    accounts: %s
    on: fill
    when: order.role == "entry"
    then:
      - place_order: { account: %s, exchange: "${order.exchange}", tradingsymbol: "${order.tradingsymbol}", transaction_type: "${order.transaction_type}", quantity: order.filled_quantity, product: "${order.product}", order_type: LIMIT, price: round_tick(order.average_price - 5) }
      - telegram: "copied as ${action.order_id}"
`

// TestAnOrderInAnotherAccountOutlivesKills: serve dies at each moment between the fill in one account and the order in the
// other; in the end each fill has one order there.
func TestAnOrderInAnotherAccountOutlivesKills(t *testing.T) {
	points := []string{"errand", "errand:2", "commit:4", "send", "record", "outcome"}
	if !*whole {
		points = points[:2]
	}
	t.Parallel()
	w := newWorld(t, *seed, 2)
	mine, hers := w.accounts[0], w.accounts[1]
	w.must(os.WriteFile(filepath.Join(w.dir, "rules.yaml"), fmt.Appendf(nil, copyRules, mine.user, hers.user), 0o600))
	w.must(w.exchange.price(symbols[0], 300))
	copied := func() (n int) {
		book, err := w.exchange.book()
		w.must(err)
		for _, r := range book {
			if r.User == hers.user && r.ours() {
				n++
			}
		}
		return n
	}
	w.start() // what comes after this is news
	w.ready()
	w.serve.kill()
	for i, point := range points {
		w.position(mine, symbols[0], 1) // nobody is there
		w.start("BACKSTOP_TEST_CRASH=" + point)
		if !w.serve.within(8 * time.Second) {
			t.Errorf("serve was to be killed at %s", point)
			w.serve.kill()
		}
		w.start()
		w.until("the order is copied", 40*time.Second, func() bool { return copied() > i })
		w.ready()
		w.until("nothing is on its way", 60*time.Second, func() bool {
			store, err := sqlite.OpenReadOnly(context.Background(), w.data)
			w.must(err)
			defer func() { _ = store.Close() }() // only read
			open, err := underWay(store)
			w.must(err)
			return len(open) == 0
		})
		if n := copied(); n != i+1 {
			t.Fatalf("killed at %s: %d orders in the other account, want %d", point, n, i+1)
		}
		w.serve.kill()
	}
}
