package engine

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"backstop/actions"
	"backstop/actions/actionstest"
	"backstop/engine/journal"
	"backstop/engine/journal/memory"
	"backstop/engine/lane"
	"backstop/engine/market"
	"backstop/engine/order"
	"backstop/rules"
)

// With the real lane: one rule, one desk.
const stopRule = `
version: 1
rules:
  - name: stop
    on: [partial_fill, fill]
    when: order.role == "entry"
    then:
      - place_stop_loss: { trigger_price: loss(20) }
      - telegram: "Stop at ${action.trigger_price}"
`

// exchange is a broker with a book: what is placed appears in it.
func exchange() *broker { return actionstest.NewBroker("AB1234", time.Now, infy...) }

// fill adds a filled entry to the book and gives the postback that tells it.
func fill(x *broker, id string) order.Update {
	u := x.Set(id, func(u *order.Update) {
		u.Status, u.Exchange, u.Tradingsymbol, u.TransactionType, u.OrderType, u.Product = order.StatusComplete, "NSE", "INFY", order.Buy, "LIMIT", "MIS"
		u.Quantity, u.FilledQuantity, u.Price, u.AveragePrice = 10, 10, 1500*order.Rupee, 1500*order.Rupee
		u.OrderTimestamp = time.Now()
	})
	u.Source, u.Raw = order.SourcePostback, []byte(id)
	return u
}

func trading(t testing.TB, x *broker, store *memory.Store, desk *channel) Options {
	t.Helper()
	set, problems := rules.Parse("rules.yaml", []byte(stopRule), rules.Options{Specs: actions.Builtin(), Channels: []string{"telegram"}})
	if errs := problems.Errors(); len(errs) > 0 {
		t.Fatal(errs)
	}
	return Options{Store: store, Hours: market.Always(), MarketAlways: true, ReconcileSpec: "@every 15s", Channels: map[string]actions.Channel{"telegram": desk},
		Accounts: []AccountOptions{{ID: "AB1234", APIKey: "k", Broker: x, Lane: lane.Options{Mode: lane.Live, Confirm: true, Rules: set, ChatID: "42"}}}}
}

// states are the requests of the journal by state.
func states(t *testing.T, s journal.Store) map[actions.State]int {
	t.Helper()
	rows, _, err := s.Requests(context.Background(), journal.Query{Account: "AB1234"})
	if err != nil {
		t.Fatal(err)
	}
	n := map[actions.State]int{}
	for _, r := range rows {
		n[r.State]++
	}
	return n
}

func TestAFillGetsItsStop(t *testing.T) {
	bubble(t, func(t *testing.T) {
		x, store, desk := exchange(), memory.New(), &channel{}
		e, _, end := start(t, trading(t, x, store, desk))
		time.Sleep(2 * time.Second)
		if r := e.Ready(); !r.Ready {
			t.Fatalf("%+v", r)
		}
		u := fill(x, "261123000000100")
		began := time.Now()
		if ignored, err := e.Submit(t.Context(), u); err != nil || ignored != "" || time.Since(began) > 0 {
			t.Fatal(ignored, err, time.Since(began))
		}
		if ignored, err := e.Submit(t.Context(), u); err != nil || ignored != "duplicate" {
			t.Error(ignored, err)
		}
		time.Sleep(30 * time.Second)
		if len(x.Tags()) != 1 || !actions.IsTag(x.Tags()[0]) || states(t, store)[actions.Done] != 1 {
			t.Errorf("placed %v, requests %v", x.Tags(), states(t, store))
		}
		if desk.Count() != 1 || !strings.HasPrefix(desk.Said()[0], "Stop at 1200") {
			t.Error(desk.Said())
		}
		v := e.Views()[0]
		if len(v.Groups) != 1 || v.Groups[0].Covered != 10 || v.Unknown+v.Waiting != 0 {
			t.Errorf("%+v", v)
		}
		end()
	})
}

// TestInvariant2ARestartFindsWhatWasSent: the answer to a placement is lost with the process; the next start finds
// the order by its tag and sends nothing.
func TestInvariant2ARestartFindsWhatWasSent(t *testing.T) {
	bubble(t, func(t *testing.T) {
		x, store, desk := exchange(), memory.New(), &channel{}
		o := trading(t, x, store, desk)
		e, _, end := start(t, o)
		time.Sleep(2 * time.Second)
		// The order reaches the exchange, and from then on the process writes nothing more.
		x.Fault("place", actionstest.ReplyLost)
		store.FailIf(func(c *journal.Commit) error {
			for _, in := range c.Inputs {
				if in.Kind == journal.InputOutcome {
					return errDisk
				}
			}
			return nil
		})
		if _, err := e.Submit(t.Context(), fill(x, "261123000000100")); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		time.Sleep(time.Second)
		end()
		if len(x.Tags()) != 1 {
			t.Fatal("placed", x.Tags())
		}
		o.Store = store.Reopen()
		_, again, end := start(t, o)
		time.Sleep(time.Minute)
		if len(x.Tags()) != 1 || states(t, again)[actions.Done] != 1 {
			t.Errorf("placed %v, requests %v", x.Tags(), states(t, again))
		}
		end()
	})
}

// TestReconcileFindsWhatNoPostbackTold, and two readings on demand at once are one.
func TestReconcileFindsWhatNoPostbackTold(t *testing.T) {
	bubble(t, func(t *testing.T) {
		x, store := exchange(), memory.New()
		e, _, end := start(t, trading(t, x, store, &channel{}))
		time.Sleep(2 * time.Second)
		fill(x, "261123000000100")
		before := x.Count("orders")
		var all sync.WaitGroup
		for range 5 {
			all.Go(func() {
				if err := e.Reconcile(t.Context(), "AB1234"); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if n := x.Count("orders") - before; n > 2 {
			t.Error(n, "readings for five demands")
		}
		time.Sleep(20 * time.Second)
		if len(x.Tags()) != 1 {
			t.Error("placed", x.Tags())
		}
		end()
	})
}

// TestManyCommitsFail: with a journal that fails at random through the whole life of many fills, in the end each
// has its one stop, and none two.
func TestManyCommitsFail(t *testing.T) {
	bubble(t, func(t *testing.T) {
		x, store, desk := exchange(), memory.New(), &channel{}
		e, _, end := start(t, trading(t, x, store, desk))
		time.Sleep(2 * time.Second)
		n := 0
		store.FailIf(func(*journal.Commit) error {
			if n++; n%4 == 1 {
				return errDisk
			}
			return nil
		})
		for i := range 10 {
			u := fill(x, fmt.Sprintf("26112300000020%d", i))
			if _, err := e.Submit(t.Context(), u); err != nil && !errors.Is(err, ErrJournal) {
				t.Error(err)
			}
			time.Sleep(3 * time.Second)
		}
		store.FailIf(nil)
		time.Sleep(2 * time.Minute)
		seen := map[string]bool{}
		for _, tag := range x.Tags() {
			if seen[tag] {
				t.Error("sent twice:", tag)
			}
			seen[tag] = true
		}
		if v := e.Views()[0]; len(x.Tags()) != 10 || v.Unknown+v.Waiting != 0 || v.Stopped != "" {
			t.Errorf("placed %d; %+v", len(x.Tags()), v)
		}
		for _, g := range e.Views()[0].Groups {
			if g.Open != g.Covered {
				t.Errorf("%+v", g)
			}
		}
		end()
	})
}
