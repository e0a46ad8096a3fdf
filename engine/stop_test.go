package engine

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"backstop/engine/journal"
	"backstop/engine/lane"
	"backstop/engine/order"
)

// alerts collects what a stopped lane says.
type alerts struct {
	mu    sync.Mutex
	texts []string
}

func (a *alerts) tell(text string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.texts = append(a.texts, text)
}

func (a *alerts) all() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.texts)
}

// poisoned panics for the update with the id poison.
func poisoned(b *lane.Batch, now time.Time, grant lane.Grant, inputs []lane.Input) {
	for i := range inputs {
		if u := inputs[i].Update; u != nil && u.OrderID == "poison" {
			panic(lane.BrokenInvariant{What: "token ABCDEFGHIJKLMNOPQRSTUVWXYZ123456 of order 261123000000001"})
		}
	}
	each(b, now, grant, inputs)
}

func TestInvariant9APanicStopsOneAccountAlone(t *testing.T) {
	bubble(t, func(t *testing.T) {
		told := &alerts{}
		bad, good := &broker{}, &broker{}
		ao := scripted("BAD", bad, nil)
		ao.build = func(o lane.Options, _ *journal.Snapshot, _ time.Time) (Stepper, error) {
			return &script{account: o.Account, add: poisoned, view: lane.View{Session: true, Armed: true, Groups: []lane.GroupView{
				{Key: order.Key{Exchange: "NSE", Tradingsymbol: "INFY", Product: "MIS"}, Side: "BUY", Open: 75, Covered: 25},
				{Key: order.Key{Exchange: "NSE", Tradingsymbol: "TCS", Product: "MIS"}, Side: "BUY", Open: 10, Covered: 10}}}}, nil
		}
		e, store, _ := start(t, Options{Accounts: []AccountOptions{ao, scripted("GOOD", good, each)}, Alert: told.tell})
		submit := func(account, id string) error {
			_, err := e.Submit(t.Context(), update(account, id))
			return err
		}
		if err := errors.Join(submit("BAD", "1"), submit("GOOD", "1")); err != nil {
			t.Fatal(err)
		}

		// The poison comes together with others: it is refused, they are taken.
		var all sync.WaitGroup
		failures := make([]error, 5)
		for i, id := range []string{"2", "3", "poison", "4", "5"} {
			all.Go(func() { failures[i] = submit("BAD", id) })
		}
		all.Wait()
		for i, err := range failures {
			if (i == 2) != errors.Is(err, ErrInvariant) || i != 2 && err != nil {
				t.Errorf("update %d: %v", i, err)
			}
		}
		synctest.Wait()
		before := bad.Count("do")
		if err := errors.Join(submit("BAD", "6"), submit("GOOD", "2")); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if bad.Count("do") != before || good.Count("do") != 2 {
			t.Errorf("sent for the stopped account: %v; for the other: %v", bad.Calls(), good.Calls())
		}
		if ids := kept(t, store, "BAD", journal.InputUpdate); len(ids) != 6 || slices.Contains(ids, "poison") {
			t.Error("journalled", ids)
		}
		for _, c := range e.Ready().Checks {
			if c.Name == "lane" && c.OK != (c.Account == "GOOD") {
				t.Errorf("%+v", c)
			}
		}
		v := e.Views()
		if v[0].Stopped != "broken invariant: token … of order 261123000000001" && v[0].Stopped != "token … of order 261123000000001" || v[1].Stopped != "" {
			t.Errorf("stopped: %q, %q", v[0].Stopped, v[1].Stopped)
		}

		// It is told at once and every minute, with what is uncovered, and reading goes on.
		reads := bad.Count("orders")
		if err := e.Reconcile(t.Context(), "BAD"); err != nil || bad.Count("orders") != reads+1 {
			t.Error("a stopped lane reads on:", err, bad.Count("orders")-reads)
		}
		time.Sleep(3*time.Minute + time.Second)
		texts := told.all()
		if len(texts) != 4 {
			t.Errorf("told %d times", len(texts))
		}
		for _, text := range texts {
			if !strings.Contains(text, "NOT COVERED: INFY MIS 50 of 75 (BUY).") || strings.Contains(text, "TCS") || strings.Contains(text, "ABCDEF") {
				t.Error(text)
			}
		}
	})
}

// TestInvariant9ABrokenClaimStillTakesUpdates: where it is a request's claim that breaks, the update itself is
// taken and acknowledged by the step that is granted nothing.
func TestInvariant9ABrokenClaimStillTakesUpdates(t *testing.T) {
	bubble(t, func(t *testing.T) {
		claims := func(_ *lane.Batch, _ time.Time, grant lane.Grant, inputs []lane.Input) {
			if len(inputs) > 0 && inputs[0].Update != nil && grant.Exits > 0 {
				panic("more live than open")
			}
		}
		live, dry := scripted("A", &broker{}, claims), scripted("D", &broker{}, claims)
		dry.Lane.Mode = lane.DryRun
		e, store, _ := start(t, Options{Accounts: []AccountOptions{live, dry}})
		for i, account := range e.Accounts() {
			for _, id := range []string{"1", "2"} {
				if _, err := e.Submit(t.Context(), update(account, id)); err != nil {
					t.Error(err)
				}
			}
			if ids := kept(t, store, account, journal.InputUpdate); !slices.Equal(ids, []string{"1", "2"}) {
				t.Error("journalled", ids)
			}
			if v := e.Views()[i]; v.Stopped != "more live than open" {
				t.Errorf("%q", v.Stopped)
			}
		}
	})
}

// TestInvariant9ALaneThatCanNotStepRefuses: every step panics; updates are refused, the process lives, and the
// end is orderly.
func TestInvariant9ALaneThatCanNotStepRefuses(t *testing.T) {
	bubble(t, func(t *testing.T) {
		told := &alerts{}
		e, _, end := start(t, Options{Alert: told.tell, Accounts: []AccountOptions{scripted("A", &broker{}, func(*lane.Batch, time.Time, lane.Grant, []lane.Input) {
			panic(fmt.Errorf("always"))
		})}})
		for range 3 {
			if _, err := e.Submit(t.Context(), update("A", "1")); !errors.Is(err, ErrInvariant) {
				t.Error("answered", err)
			}
			time.Sleep(10 * time.Second)
		}
		if len(told.all()) == 0 {
			t.Error("not told")
		}
		end()
	})
}

func TestInvariant5NothingLeavesInDryRun(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := &broker{}
		ao := scripted("A", b, each)
		ao.Lane.Mode = lane.DryRun
		e, store, _ := start(t, Options{Accounts: []AccountOptions{ao}})
		if _, err := e.Submit(t.Context(), update("A", "1")); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if b.Count("do") != 0 || e.Views()[0].Stopped == "" {
			t.Errorf("a lane that sends in dry-run: %v, stopped %q", b.Calls(), e.Views()[0].Stopped)
		}
		if ids := kept(t, store, "A", journal.InputOutcome); !slices.Equal(ids, []string{"1"}) {
			t.Error("outcomes", ids)
		}
	})
}

func TestAHangingAlertIsNotPiledUp(t *testing.T) {
	bubble(t, func(t *testing.T) {
		told, gate := &alerts{}, make(chan struct{})
		e, _, _ := start(t, Options{Accounts: []AccountOptions{scripted("A", &broker{}, poisoned)}, Alert: func(text string) {
			told.tell(text)
			<-gate
			panic("and it breaks")
		}})
		_, _ = e.Submit(t.Context(), update("A", "poison"))
		time.Sleep(5 * time.Minute)
		if _, err := e.Submit(t.Context(), update("A", "1")); err != nil || len(told.all()) != 1 {
			t.Error(err, told.all())
		}
		close(gate)
		time.Sleep(time.Minute + time.Second)
		if len(told.all()) != 2 {
			t.Error(told.all())
		}
	})
}

func TestInvariant7APanicTextHoldsNoSecret(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"plain":                           "plain",
		"order 1953341975595868160 twice": "order 1953341975595868160 twice",
		"request bsabcdefghijklmnopqr is": "request bsabcdefghijklmnopqr is",
		"Authorization: token key:abcdefghijklmnopqrstuvwxyz012345\nnext":      "Authorization: token key:… next",
		"https://api.telegram.org/bot123456:AAF-abcdefghijklmnopqrstuvwx/send": "https://api.telegram.org/bot123456:…/send",
		"broken invariant: slot": "slot",
		"\x00bell\a":             "bell",
		"₹ 100 क":                "₹ 100 क",
	} {
		if got := panicText(in); got != want {
			t.Errorf("%q gives %q, want %q", in, got, want)
		}
	}
	if got := []rune(panicText(strings.Repeat("a ", 1000))); len(got) != panicTextMax+1 {
		t.Error(len(got), "characters")
	}
	if got := panicText(lane.BrokenInvariant{What: "x"}); got != "x" {
		t.Error(got)
	}
}
