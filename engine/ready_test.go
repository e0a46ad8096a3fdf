package engine

import (
	"context"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"backstop/actions"
	"backstop/engine/journal"
	"backstop/engine/journal/memory"
	"backstop/engine/lane"
	"backstop/engine/market"
	"backstop/rules"
)

func TestTheSessionIsAskedFor(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var answer atomic.Pointer[actions.Error] // nil: alive
		answer.Store(&actions.Error{Class: actions.ClassDown, Message: "no route to host"})
		b := &broker{OnAlive: func(context.Context) error {
			if e := answer.Load(); e != nil {
				return e
			}
			return nil
		}}
		e, store, _ := start(t, Options{Accounts: []AccountOptions{scripted("A", b, nil)}})
		told := func() []string { return kept(t, store, "A", journal.InputSession) }
		if b.Count("alive") != 1 || len(told()) != 0 {
			t.Error("an answer that says nothing:", b.Calls(), told())
		}
		answer.Store(&actions.Error{Class: actions.ClassSession, Message: "token is invalid"})
		time.Sleep(sessionEvery + time.Second)
		if !slices.Equal(told(), []string{"false"}) || e.Views()[0].Session {
			t.Error(told())
		}
		time.Sleep(2 * sessionEvery)
		if b.Count("alive") != 4 {
			t.Error(b.Count("alive"), "asked while dead")
		}
		answer.Store(nil)
		time.Sleep(sessionEvery)
		if n := b.Count("alive"); !e.Views()[0].Session || n != 5 {
			t.Error(n, told())
		}
		time.Sleep(10 * sessionEvery)
		if b.Count("alive") != 5 {
			t.Error("asked while alive")
		}
	})
}

func TestReadyNamesEachCheck(t *testing.T) {
	bubble(t, func(t *testing.T) {
		failing := atomic.Bool{}
		ao := scripted("A", &broker{}, func(b *lane.Batch, now time.Time, _ lane.Grant, _ []lane.Input) {
			if b.Reads.Book && failing.Load() {
				b.Reads.Book = false
			}
		})
		ao.Lane.Rules = &rules.Set{}
		e, _, _ := start(t, Options{Accounts: []AccountOptions{ao}, ReconcileSpec: "@every 15s", MarketAlways: true})
		bad := func() []string {
			var names []string
			for _, c := range e.Ready().Checks {
				if !c.OK {
					names = append(names, c.Name)
				}
			}
			return names
		}
		if r := e.Ready(); !r.Ready || len(r.Checks) != 6 {
			t.Errorf("%+v", r)
		}
		failing.Store(true)
		time.Sleep(59 * time.Second)
		if got := bad(); got != nil {
			t.Error("within a minute:", got)
		}
		time.Sleep(20 * time.Second)
		if got := bad(); !slices.Equal(got, []string{"reconciler"}) {
			t.Error(got)
		}
		failing.Store(false)
		time.Sleep(2 * time.Minute)
		if got := bad(); got != nil {
			t.Error("recovered:", got)
		}
	})
}

func TestReadyWithoutSchedule(t *testing.T) {
	bubble(t, func(t *testing.T) {
		ao := scripted("A", &broker{}, nil)
		ao.Lane.Rules = &rules.Set{}
		e, _, _ := start(t, Options{Accounts: []AccountOptions{ao}, ReconcileSpec: "off", MarketAlways: true})
		time.Sleep(time.Hour)
		if r := e.Ready(); !r.Ready || !strings.Contains(r.Checks[3].Text, "reconcile is off") {
			t.Errorf("%+v", r)
		}
		ao.Lane.Rules = nil
		e, err := New(Options{Accounts: []AccountOptions{ao}, Store: memory.New()})
		if err != nil {
			t.Fatal(err)
		}
		if r := e.Ready(); r.Ready || r.Checks[1].OK || r.Checks[3].OK { // nothing has run yet
			t.Errorf("%+v", r)
		}
	})
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	good := func() Options {
		return Options{Accounts: []AccountOptions{scripted("A", &broker{}, nil)}, Store: memory.New(), Hours: market.Always()}
	}
	for want, change := range map[string]func(o *Options){
		"a store":      func(o *Options) { o.Store = nil },
		"an account":   func(o *Options) { o.Accounts = nil },
		"a broker":     func(o *Options) { o.Accounts[0].Broker = nil },
		"twice":        func(o *Options) { o.Accounts = append(o.Accounts, o.Accounts[0]) },
		"every 5s":     func(o *Options) { o.ReconcileSpec = "@every 1s" },
		"market hours": func(o *Options) { o.Hours, o.Accounts[0].build = nil, nil },
		"closed":       func(o *Options) { _ = o.Store.Close() },
	} {
		o := good()
		change(&o)
		if _, err := New(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q in it", err, want)
		}
	}
	if _, err := New(good()); err != nil {
		t.Error(err)
	}
}

func TestMetrics(t *testing.T) {
	bubble(t, func(t *testing.T) {
		registry := prometheus.NewPedanticRegistry()
		desk := &channel{}
		takes := &broker{OnDo: func(context.Context, actions.Call) (string, error) { return "1", nil }}
		e, _, _ := start(t, Options{Accounts: []AccountOptions{scripted("A", takes, everything)}, Channels: map[string]actions.Channel{"desk": desk}, Registerer: registry})
		for _, id := range []string{"1", "2", "3"} {
			if _, err := e.Submit(t.Context(), update("A", id)); err != nil {
				t.Error(err)
			}
		}
		if _, err := e.Submit(t.Context(), update("ZZ9999", "1")); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if problems, err := testutil.GatherAndLint(registry); err != nil || len(problems) > 0 {
			t.Error(problems, err)
		}
		if err := testutil.GatherAndCompare(registry, strings.NewReader(`
# HELP backstop_updates_total Updates that were acknowledged, by source and why they changed nothing (none: they did).
# TYPE backstop_updates_total counter
backstop_updates_total{account="",ignored="unknown_user",source="postback"} 1
backstop_updates_total{account="A",ignored="none",source="postback"} 3
# HELP backstop_requests_answered_total Outcomes of requests; class none is accepted.
# TYPE backstop_requests_answered_total counter
backstop_requests_answered_total{account="A",class="none",method="cancel"} 3
# HELP backstop_messages_total Deliveries by channel; class none is delivered.
# TYPE backstop_messages_total counter
backstop_messages_total{channel="desk",class="none"} 3
# HELP backstop_lane_stopped 1 where a broken invariant stopped the account's lane.
# TYPE backstop_lane_stopped gauge
backstop_lane_stopped{account="A"} 0
# HELP backstop_inbox_entries Inputs that wait for the lane's next step.
# TYPE backstop_inbox_entries gauge
backstop_inbox_entries{account="A"} 0
`), "backstop_updates_total", "backstop_requests_answered_total", "backstop_messages_total", "backstop_lane_stopped", "backstop_inbox_entries"); err != nil {
			t.Error(err)
		}
	})
}

func TestIgnoredReasonsAreAClosedList(t *testing.T) {
	t.Parallel()
	for why, want := range map[string]string{"": "none", "duplicate": "duplicate", "stale": "stale", "impossible: a negative price": "impossible",
		"refuted: the broker's book never showed it": "refuted", "unknown user": "unknown_user", "anything else": "other"} {
		if got := ignoredClass(why); got != want {
			t.Errorf("%q is %q", why, got)
		}
	}
}
