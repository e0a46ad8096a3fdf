package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"backstop/actions"
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
type exchange struct {
	broker
	mu    sync.Mutex
	book  []order.Update
	tags  []string
	reply error // of the next placement, which happens all the same
}

func (x *exchange) Do(_ context.Context, c actions.Call) (string, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	p := c.Params
	if c.Method != actions.Place {
		return c.OrderID, nil
	}
	id := fmt.Sprintf("2611230000000%02d", len(x.book)+1)
	x.book = append(x.book, order.Update{Account: "AB1234", OrderID: id, Status: order.StatusTriggerPending, RawStatus: "TRIGGER PENDING", Variety: "regular",
		Exchange: p.Exchange, Tradingsymbol: p.Tradingsymbol, TransactionType: p.TransactionType, OrderType: p.OrderType, Product: p.Product,
		Quantity: p.Quantity, Price: p.Price, TriggerPrice: p.TriggerPrice, Tag: p.Tag, OrderTimestamp: time.Now(), ExchangeUpdateTimestamp: time.Now()})
	x.tags = append(x.tags, p.Tag)
	if err := x.reply; err != nil {
		x.reply = nil
		return "", err
	}
	return id, nil
}

// placed are the tags of all placements that reached the exchange.
func (x *exchange) placed() []string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return slices.Clone(x.tags)
}

func (x *exchange) Orders(context.Context) ([]order.Update, int, error) {
	x.called("orders")
	x.mu.Lock()
	defer x.mu.Unlock()
	return append([]order.Update(nil), x.book...), 0, nil
}

// fill adds a filled entry to the book and gives the postback that tells it.
func (x *exchange) fill(id string) order.Update {
	x.mu.Lock()
	defer x.mu.Unlock()
	u := order.Update{Account: "AB1234", Source: order.SourcePostback, OrderID: id, Status: order.StatusComplete, RawStatus: "COMPLETE", Variety: "regular",
		Exchange: "NSE", Tradingsymbol: "INFY", TransactionType: order.Buy, OrderType: "LIMIT", Product: "MIS", Quantity: 10, FilledQuantity: 10,
		Price: 1500 * order.Rupee, AveragePrice: 1500 * order.Rupee, OrderTimestamp: time.Now(), ExchangeUpdateTimestamp: time.Now(), Raw: []byte(id)}
	row := u
	row.Source = order.SourceBook
	x.book = append(x.book, row)
	return u
}

func trading(t testing.TB, x *exchange, store *memory.Store, desk *channel) Options {
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
		x, store, desk := &exchange{}, memory.New(), &channel{}
		e, _, end := start(t, trading(t, x, store, desk))
		time.Sleep(2 * time.Second)
		if r := e.Ready(); !r.Ready {
			t.Fatalf("%+v", r)
		}
		u := x.fill("261123000000100")
		began := time.Now()
		if ignored, err := e.Submit(t.Context(), u); err != nil || ignored != "" || time.Since(began) > 0 {
			t.Fatal(ignored, err, time.Since(began))
		}
		if ignored, err := e.Submit(t.Context(), u); err != nil || ignored != "duplicate" {
			t.Error(ignored, err)
		}
		time.Sleep(30 * time.Second)
		if len(x.placed()) != 1 || !actions.IsTag(x.tags[0]) || states(t, store)[actions.Done] != 1 {
			t.Errorf("placed %v, requests %v", x.placed(), states(t, store))
		}
		if desk.count() != 1 || !strings.HasPrefix(desk.said()[0], "Stop at 1200") {
			t.Error(desk.said())
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
		x, store, desk := &exchange{}, memory.New(), &channel{}
		o := trading(t, x, store, desk)
		e, _, end := start(t, o)
		time.Sleep(2 * time.Second)
		// The order reaches the exchange, and from then on the process writes nothing more.
		x.mu.Lock()
		x.reply = &actions.Error{Class: actions.ClassAmbiguous, Message: "cut off"}
		x.mu.Unlock()
		store.FailIf(func(c *journal.Commit) error {
			for _, in := range c.Inputs {
				if in.Kind == journal.InputOutcome {
					return errDisk
				}
			}
			return nil
		})
		if _, err := e.Submit(t.Context(), x.fill("261123000000100")); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		time.Sleep(time.Second)
		end()
		if len(x.placed()) != 1 {
			t.Fatal("placed", x.placed())
		}
		o.Store = store.Reopen()
		_, again, end := start(t, o)
		time.Sleep(time.Minute)
		if len(x.placed()) != 1 || states(t, again)[actions.Done] != 1 {
			t.Errorf("placed %v, requests %v", x.placed(), states(t, again))
		}
		end()
	})
}

// TestReconcileFindsWhatNoPostbackTold, and two readings on demand at once are one.
func TestReconcileFindsWhatNoPostbackTold(t *testing.T) {
	bubble(t, func(t *testing.T) {
		x, store := &exchange{}, memory.New()
		e, _, end := start(t, trading(t, x, store, &channel{}))
		time.Sleep(2 * time.Second)
		x.fill("261123000000100")
		before := x.count("orders")
		var all sync.WaitGroup
		for range 5 {
			all.Go(func() {
				if err := e.Reconcile(t.Context(), "AB1234"); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if n := x.count("orders") - before; n > 2 {
			t.Error(n, "readings for five demands")
		}
		time.Sleep(20 * time.Second)
		if len(x.placed()) != 1 {
			t.Error("placed", x.placed())
		}
		end()
	})
}

// TestManyCommitsFail: with a journal that fails at random through the whole life of many fills, in the end each
// has its one stop, and none two.
func TestManyCommitsFail(t *testing.T) {
	bubble(t, func(t *testing.T) {
		x, store, desk := &exchange{}, memory.New(), &channel{}
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
			u := x.fill(fmt.Sprintf("26112300000020%d", i))
			if _, err := e.Submit(t.Context(), u); err != nil && !errors.Is(err, ErrJournal) {
				t.Error(err)
			}
			time.Sleep(3 * time.Second)
		}
		store.FailIf(nil)
		time.Sleep(2 * time.Minute)
		seen := map[string]bool{}
		for _, tag := range x.placed() {
			if seen[tag] {
				t.Error("sent twice:", tag)
			}
			seen[tag] = true
		}
		if v := e.Views()[0]; len(x.placed()) != 10 || v.Unknown+v.Waiting != 0 || v.Stopped != "" {
			t.Errorf("placed %d; %+v", len(x.placed()), v)
		}
		for _, g := range e.Views()[0].Groups {
			if g.Open != g.Covered {
				t.Errorf("%+v", g)
			}
		}
		end()
	})
}
