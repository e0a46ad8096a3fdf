package engine

import (
	"slices"
	"strings"
	"testing"
	"time"

	"backstop/actions"
	"backstop/actions/actionstest"
	"backstop/engine/journal"
	"backstop/engine/journal/memory"
	"backstop/engine/lane"
	"backstop/engine/order"
	"backstop/rules"
)

func parsed(t *testing.T, text string) *rules.Set {
	t.Helper()
	set, problems := rules.Parse("rules.yaml", []byte(text), rules.Options{Specs: actions.Builtin(), Channels: []string{"telegram", "desk"}})
	if errs := problems.Errors(); len(errs) > 0 {
		t.Fatal(errs)
	}
	return set
}

// TestInvariant6AReloadMovesNoLiveOrder: the stop of a rule that is changed, gone or renamed lives on as it is, and is
// kept true: it shrinks to what is open and goes with it.
func TestInvariant6AReloadMovesNoLiveOrder(t *testing.T) {
	for name, text := range map[string]string{
		"changed": strings.Replace(stopRule, "loss(20)", "loss(5)", 1),
		"gone":    "version: 1\nrules:\n  - name: other\n    on: flat\n    then:\n      - log: flat\n",
		"renamed": strings.Replace(stopRule, "name: stop", "name: new", 1),
		"off":     strings.Replace(stopRule, "name: stop", "name: stop\n    enabled: false", 1),
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				x, store, desk := exchange(), memory.New(), &channel{}
				e, kept, end := start(t, trading(t, x, store, desk))
				time.Sleep(2 * time.Second)
				if _, err := e.Submit(t.Context(), fill(x, "261123000000100")); err != nil {
					t.Fatal(err)
				}
				time.Sleep(30 * time.Second)
				before, _, err := kept.Requests(t.Context(), journal.Query{})
				if err != nil || len(x.Tags()) != 1 {
					t.Fatalf("placed %v: %v", x.Tags(), err)
				}
				if err := e.SetRules(t.Context(), parsed(t, text)); err != nil {
					t.Fatal(err)
				}
				time.Sleep(5 * time.Minute)
				after, _, err := kept.Requests(t.Context(), journal.Query{})
				if err != nil || len(after) != len(before) {
					t.Errorf("%d requests before and %d after: %v", len(before), len(after), err)
				}
				if v := e.Views()[0]; len(v.Groups) != 1 || v.Groups[0].Covered != 10 {
					t.Errorf("%+v", v.Groups)
				}
				// A person sells all of it: the stop goes although its rule is another one now.
				u := x.Set("261123000000200", func(u *order.Update) {
					u.Status, u.Exchange, u.Tradingsymbol, u.TransactionType, u.OrderType, u.Product = order.StatusComplete, "NSE", "INFY", order.Sell, "MARKET", "MIS"
					u.Quantity, u.FilledQuantity, u.AveragePrice, u.OrderTimestamp = 10, 10, 1510*order.Rupee, time.Now()
				})
				u.Source, u.Raw = order.SourcePostback, []byte("sold")
				if _, err := e.Submit(t.Context(), u); err != nil {
					t.Fatal(err)
				}
				time.Sleep(30 * time.Second)
				rows, _, err := kept.Requests(t.Context(), journal.Query{})
				if err != nil || !slices.ContainsFunc(rows, func(r actions.Request) bool { return r.Call.Method == actions.Cancel && r.State == actions.Done }) {
					t.Errorf("the stop of a flat group stayed: %+v %v", rows, err)
				}
				end()
			})
		})
	}
}

const timedRules = `
version: 1
rules:
  - name: same
    on: open
    for: 1m
    once: order
    then:
      - telegram: "same ${order.order_id}"
  - name: changed
    on: open
    for: 1m
    then:
      - telegram: "changed ${order.order_id}"
  - name: gone
    on: open
    for: 1m
    then:
      - telegram: "gone ${order.order_id}"
`

// TestTimersOfUnchangedRulesLiveOn: over a reload in the middle of for: those of rules that are changed or gone end, and say so.
func TestTimersOfUnchangedRulesLiveOn(t *testing.T) {
	bubble(t, func(t *testing.T) {
		x, store, desk := exchange(), memory.New(), &channel{}
		o := trading(t, x, store, desk)
		o.Accounts[0].Lane.Rules = parsed(t, timedRules)
		e, kept, end := start(t, o)
		time.Sleep(2 * time.Second)
		u := x.Set("261123000000300", func(u *order.Update) {
			u.Status, u.Exchange, u.Tradingsymbol, u.TransactionType, u.OrderType, u.Product = order.StatusOpen, "NSE", "INFY", order.Buy, "LIMIT", "MIS"
			u.Quantity, u.Price, u.OrderTimestamp = 10, 1500*order.Rupee, time.Now()
		})
		u.Source, u.Raw = order.SourcePostback, []byte("open")
		if _, err := e.Submit(t.Context(), u); err != nil {
			t.Fatal(err)
		}
		time.Sleep(30 * time.Second)
		text := "# a comment, and another place in the file\n" + strings.Replace(timedRules, `telegram: "changed`, `telegram: "is changed`, 1)
		text = text[:strings.Index(text, "  - name: gone")]
		if err := e.SetRules(t.Context(), parsed(t, text)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Minute)
		if said := desk.Said(); len(said) != 1 || said[0] != "same 261123000000300" {
			t.Errorf("%q", said)
		}
		events, _, err := kept.Events(t.Context(), journal.Query{Kind: string(order.KindOpen)})
		if err != nil || len(events) != 1 {
			t.Fatalf("%+v %v", events, err)
		}
		why := map[string]string{}
		for _, d := range events[0].Decisions {
			why[d.Rule] = d.Why
		}
		if why["changed"] != "for: the rule was changed meanwhile" || why["gone"] != why["changed"] || why["same"] != "" {
			t.Errorf("%q", why)
		}
		end()
	})
}

// TestAChannelOfNewRulesIsHeard: a reload may bring a channel, and another token for one that there is.
func TestAChannelOfNewRulesIsHeard(t *testing.T) {
	bubble(t, func(t *testing.T) {
		x, store, desk, other := exchange(), memory.New(), &channel{}, &actionstest.Channel{}
		e, _, end := start(t, trading(t, x, store, desk))
		time.Sleep(2 * time.Second)
		e.UseChannels(map[string]actions.Channel{"desk": other, "telegram": other})
		text := strings.Replace(stopRule, `telegram: "Stop at ${action.trigger_price}"`, `telegram: { to: desk, text: "Stop" }`, 1)
		set, problems := rules.Parse("rules.yaml", []byte(text+"channels:\n  desk: { telegram: { token: \"${env.T}\", chat_id: \"7\" } }\n"),
			rules.Options{Specs: actions.Builtin(), Env: func(string) (string, bool) { return "1:x", true }})
		if errs := problems.Errors(); len(errs) > 0 {
			t.Fatal(errs)
		}
		if err := e.SetRules(t.Context(), set); err != nil {
			t.Fatal(err)
		}
		if _, err := e.Submit(t.Context(), fill(x, "261123000000100")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(30 * time.Second)
		if said := other.Said(); len(said) != 1 || said[0] != "Stop" || desk.Count() != 0 {
			t.Errorf("%q", said)
		}
		end()
	})
}

// TestAPlannedExitIsPlannedOnce: in dry-run no fill will ever come, and no remainder is priced again.
func TestAPlannedExitIsPlannedOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		x, store, desk := exchange(), memory.New(), &channel{}
		o := trading(t, x, store, desk)
		o.Accounts[0].Lane.Mode = lane.DryRun
		o.Accounts[0].Lane.Rules = parsed(t, "version: 1\nrules:\n  - name: out\n    on: fill\n    when: order.role == \"entry\"\n    then:\n      - exit_position: {}\n      - telegram: out\n")
		e, kept, end := start(t, o)
		time.Sleep(2 * time.Second)
		if _, err := e.Submit(t.Context(), fill(x, "261123000000100")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Minute)
		rows, _, err := kept.Requests(t.Context(), journal.Query{})
		if err != nil || len(rows) != 1 || rows[0].State != actions.Planned {
			t.Errorf("%d requests: %+v %v", len(rows), rows, err)
		}
		if said := desk.Said(); len(said) != 1 || said[0] != "[dry-run] out" {
			t.Errorf("%q", said)
		}
		end()
	})
}
