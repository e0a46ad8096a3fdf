package journaltest

import (
	"errors"
	"fmt"
	"math/rand"
	"slices"
	"strings"
	"testing"
	"time"

	"backstop/actions"
	"backstop/engine/journal"
	"backstop/engine/journal/memory"
	"backstop/engine/order"
)

func yes() *bool { v := true; return &v }
func no() *bool  { return new(bool) }

func listsFilter(t *testing.T, open Open) {
	s, reopen := open(t)
	at := func(minute int) time.Time { return noon.Add(time.Duration(minute) * time.Minute) }
	ab := &journal.Commit{Account: "AB",
		Inputs: []journal.Input{
			{At: at(0), Kind: journal.InputUpdate, OrderID: "1", Status: "OPEN", Doc: []byte("a")},
			{At: at(1), Kind: journal.InputUpdate, OrderID: "1", Status: "OPEN", Ignored: "a duplicate", Doc: []byte("b")},
			{At: at(2), Kind: journal.InputOutcome, Doc: []byte("c")},
			{At: at(3), Kind: journal.InputUpdate, OrderID: "2", Status: "COMPLETE", Doc: []byte("d")}},
		Events: []journal.Event{
			{ID: "a", At: at(0), Kind: order.KindOpen, OrderID: "1", Decisions: []journal.Decision{{Rule: "stop"}, {Rule: "target"}}},
			{ID: "b", At: at(1), Kind: order.KindFill, OrderID: "1", Decisions: []journal.Decision{{Rule: "stop"}}},
			{ID: "c", At: at(2), Kind: order.KindFill, OrderID: "2"}},
		Orders: []journal.OrderRow{
			{OrderID: "1", Day: "2026-11-20", Status: "COMPLETE", Group: "1"},
			{OrderID: "2", Day: today, Status: "OPEN", Group: "1"}},
		Actions: []actions.Action{
			{ID: "a", Rule: "stop", State: actions.Waiting, OrderID: "1", Created: at(0)},
			{ID: "b", Rule: "stop", State: actions.Done, OrderID: "1", Created: at(1)},
			{ID: "c", Rule: "target", State: actions.Done, OrderID: "2", Created: at(2)}},
		Requests: []actions.Request{
			{ID: "a", For: "stop", State: actions.Waiting, OrderID: "1", Created: at(0)},
			{ID: "b", For: "keep-stop", State: actions.Done, Call: actions.Call{OrderID: "1"}, Created: at(1)},
			{ID: "c", For: "stop", State: actions.Done, OrderID: "2", Created: at(2)}}}
	own(ab)
	cd := &journal.Commit{Account: "CD",
		Inputs:   []journal.Input{{At: at(4), Kind: journal.InputUpdate, OrderID: "1", Status: "OPEN", Doc: []byte("e")}},
		Events:   []journal.Event{{ID: "a", At: at(4), Kind: order.KindOpen, OrderID: "1", Decisions: []journal.Decision{{Rule: "stop"}}}},
		Orders:   []journal.OrderRow{{OrderID: "1", Day: today, Status: "OPEN"}},
		Actions:  []actions.Action{{ID: "a", Rule: "stop", State: actions.Done, OrderID: "1", Created: at(4)}},
		Requests: []actions.Request{{ID: "a", For: "stop", State: actions.Done, OrderID: "1", Created: at(4)}}}
	own(cd)
	commit(t, s, ab)
	commit(t, s, cd)
	s = reopen()
	third := fmt.Sprint(ab.Inputs[2].Seq)
	for _, x := range []struct {
		list string
		q    journal.Query
		want string // account and id, newest first
	}{
		{"inputs", journal.Query{}, "CDe ABd ABc ABb ABa"},
		{"inputs", journal.Query{Account: "AB"}, "ABd ABc ABb ABa"},
		{"inputs", journal.Query{Account: "nobody"}, ""},
		{"inputs", journal.Query{OrderID: "1"}, "CDe ABb ABa"},
		{"inputs", journal.Query{OrderID: "1", Account: "AB"}, "ABb ABa"},
		{"inputs", journal.Query{Kind: "outcome"}, "ABc"},
		{"inputs", journal.Query{State: "OPEN"}, "CDe ABb ABa"},
		{"inputs", journal.Query{Ignored: yes()}, "ABb"},
		{"inputs", journal.Query{Ignored: no()}, "CDe ABd ABc ABa"},
		{"inputs", journal.Query{Since: at(2)}, "CDe ABd ABc"},
		{"inputs", journal.Query{Since: at(2).Add(1)}, "CDe ABd"},
		{"inputs", journal.Query{ID: third}, "ABc"},
		{"inputs", journal.Query{ID: third, Account: "CD"}, ""},
		{"inputs", journal.Query{ID: "none"}, ""},
		{"inputs", journal.Query{ID: "0" + third}, ""},
		{"events", journal.Query{}, "CDa ABc ABb ABa"},
		{"events", journal.Query{ID: "a"}, "CDa ABa"},
		{"events", journal.Query{OrderID: "1", Account: "AB"}, "ABb ABa"},
		{"events", journal.Query{Kind: "fill"}, "ABc ABb"},
		{"events", journal.Query{Rule: "stop"}, "CDa ABb ABa"},
		{"events", journal.Query{Rule: "target"}, "ABa"},
		{"events", journal.Query{Rule: "sto"}, ""},
		{"events", journal.Query{Since: at(1)}, "CDa ABc ABb"},
		{"orders", journal.Query{}, "CD1 AB2 AB1"},
		{"orders", journal.Query{OrderID: "1"}, "CD1 AB1"},
		{"orders", journal.Query{ID: "2"}, "AB2"},
		{"orders", journal.Query{State: "OPEN"}, "CD1 AB2"},
		{"orders", journal.Query{Since: noon}, "CD1 AB2"},
		{"actions", journal.Query{}, "CDa ABc ABb ABa"},
		{"actions", journal.Query{Account: "AB", Rule: "stop"}, "ABb ABa"},
		{"actions", journal.Query{State: "done"}, "CDa ABc ABb"},
		{"actions", journal.Query{OrderID: "1", State: "done"}, "CDa ABb"},
		{"actions", journal.Query{ID: "a", Account: "AB"}, "ABa"},
		{"actions", journal.Query{Since: at(2)}, "CDa ABc"},
		{"requests", journal.Query{}, "CDa ABc ABb ABa"},
		{"requests", journal.Query{OrderID: "1"}, "CDa ABb ABa"},
		{"requests", journal.Query{Rule: "keep-stop"}, "ABb"},
		{"requests", journal.Query{State: "waiting"}, "ABa"},
		{"requests", journal.Query{ID: "a"}, "CDa ABa"},
		{"requests", journal.Query{Since: at(2)}, "CDa ABc"},
	} {
		if have := strings.Join(names(t, s, x.list, x.q), " "); have != x.want {
			t.Errorf("%s %+v: have %s, want %s", x.list, x.q, have, x.want)
		}
		if have := strings.Join(names(t, s, x.list, limited(x.q, 1)), " "); have != x.want {
			t.Errorf("%s %+v one by one: have %s, want %s", x.list, x.q, have, x.want)
		}
	}
}

func limited(q journal.Query, n int) journal.Query { q.Limit = n; return q }

// own fills the account in.
func own(c *journal.Commit) {
	for i := range c.Inputs {
		c.Inputs[i].Account = c.Account
	}
	for i := range c.Events {
		c.Events[i].Account = c.Account
	}
	for i := range c.Orders {
		c.Orders[i].Account = c.Account
	}
	for i := range c.Actions {
		c.Actions[i].Account = c.Account
	}
	for i := range c.Requests {
		c.Requests[i].Account = c.Account
	}
}

// names are account and id of a list's rows; an input goes by its doc.
func names(t *testing.T, s journal.Store, of string, q journal.Query) []string {
	t.Helper()
	var out []string
	switch of {
	case "inputs":
		for _, x := range list(t, s.Inputs, q) {
			out = append(out, x.Account+string(x.Doc))
		}
	case "events":
		for _, x := range list(t, s.Events, q) {
			out = append(out, x.Account+x.ID)
		}
	case "orders":
		for _, x := range list(t, s.Orders, q) {
			out = append(out, x.Account+x.OrderID)
		}
	case "actions":
		for _, x := range list(t, s.Actions, q) {
			out = append(out, x.Account+x.ID)
		}
	case "requests":
		for _, x := range list(t, s.Requests, q) {
			out = append(out, x.Account+x.ID)
		}
	}
	return out
}

var lists = []string{"inputs", "events", "orders", "actions", "requests"}

// many is a commit with n rows in every list, ids from start.
func many(account string, start, n int) *journal.Commit {
	c := &journal.Commit{Account: account}
	for i := start; i < start+n; i++ {
		id := fmt.Sprintf("%06d", i)
		c.Inputs = append(c.Inputs, journal.Input{Account: account, Doc: []byte(id)})
		c.Events = append(c.Events, journal.Event{Account: account, ID: id})
		c.Orders = append(c.Orders, orderRow(account, id, today))
		c.Actions = append(c.Actions, action(account, id, actions.Done, noon))
		c.Requests = append(c.Requests, request(account, id, actions.Done, noon))
	}
	return c
}

func listsPage(t *testing.T, open Open) {
	s, _ := open(t)
	commit(t, s, many("AB", 0, 1050))
	for _, x := range []struct{ limit, want int }{{0, 100}, {-3, 100}, {1, 1}, {999, 999}, {1000, 1000}, {1001, 1000}} {
		in, next, err := s.Inputs(t.Context(), journal.Query{Limit: x.limit})
		must(t, err)
		if len(in) != x.want || next == "" || string(in[0].Doc) != "001049" {
			t.Errorf("limit %d: %d inputs from %s, next %q", x.limit, len(in), in[0].Doc, next)
		}
		r, next, err := s.Requests(t.Context(), journal.Query{Limit: x.limit, Account: "AB"})
		must(t, err)
		if len(r) != x.want || next == "" {
			t.Errorf("limit %d: %d requests, next %q", x.limit, len(r), next)
		}
	}
	for _, of := range lists {
		for _, limit := range []int{50, 350, 1000} {
			have := names(t, s, of, journal.Query{Limit: limit})
			slices.Reverse(have)
			if len(have) != 1050 || !slices.IsSorted(have) || len(slices.Compact(have)) != 1050 {
				t.Errorf("%s by %d: %d rows, or out of order", of, limit, len(have))
			}
		}
	}
	// A page goes on where the page before ended, whatever was written since.
	first, next, err := s.Actions(t.Context(), journal.Query{Limit: 3})
	must(t, err)
	late := many("AB", 2000, 2)
	late.Actions = append(late.Actions, first[2])
	commit(t, s, late)
	second, _, err := s.Actions(t.Context(), journal.Query{Limit: 3, Before: next})
	must(t, err)
	if first[2].ID != "001047" || second[0].ID != "001046" {
		t.Errorf("after %s comes %s", first[2].ID, second[0].ID)
	}
	// The page that holds the last row has no next.
	in, next, err := s.Inputs(t.Context(), journal.Query{Account: "AB", Limit: 1000, Before: journal.Cursor(1001)})
	must(t, err)
	if next != "" || len(in) == 0 {
		t.Errorf("the last page has %d rows and the next %q", len(in), next)
	}
}

func garbledCursor(t *testing.T, open Open) {
	s, _ := open(t)
	commit(t, s, many("AB", 0, 3))
	for _, before := range []string{"x", "-1", "0", "1.5", " 1", "01", "+1", "99999999999999999999", "1; DROP TABLE inputs", "\x00", "\xff", strings.Repeat("9", 10_000)} {
		q := journal.Query{Before: before}
		_, _, e1 := s.Inputs(t.Context(), q)
		_, _, e2 := s.Events(t.Context(), q)
		_, _, e3 := s.Actions(t.Context(), q)
		_, _, e4 := s.Requests(t.Context(), q)
		_, _, e5 := s.Orders(t.Context(), q)
		for i, err := range []error{e1, e2, e3, e4, e5} {
			if !errors.Is(err, journal.ErrCursor) {
				t.Errorf("list %d took the cursor %.20q: %v", i, before, err)
			} else if len(err.Error()) > 300 {
				t.Errorf("list %d: an error of %d characters", i, len(err.Error()))
			}
		}
	}
	for _, before := range []string{"1", "9223372036854775807"} {
		if _, next, err := s.Inputs(t.Context(), journal.Query{Before: before}); err != nil || next != "" {
			t.Errorf("cursor %s: next %q, %v", before, next, err)
		}
	}
}

// asReference writes the same chance commits to the store and to memory, and asks both the same.
func asReference(t *testing.T, open Open) {
	s, reopen := open(t)
	reference := memory.New()
	dice := rand.New(rand.NewSource(1))
	accounts := []string{"AB", "CD", "EF"}
	id := func() string { return fmt.Sprint("id ", dice.Intn(60)) }
	states := actions.States()
	at := func() time.Time { return noon.Add(time.Duration(dice.Intn(100)-50) * time.Hour) }
	for range 100 {
		c := &journal.Commit{Account: accounts[dice.Intn(len(accounts))]}
		for range dice.Intn(4) {
			c.Inputs = append(c.Inputs, journal.Input{At: at(), Kind: []journal.InputKind{journal.InputUpdate, journal.InputTimer}[dice.Intn(2)],
				OrderID: id(), Status: "OPEN", Ignored: []string{"", "a duplicate"}[dice.Intn(2)]})
			e := id()
			c.Events = append(c.Events, journal.Event{ID: e, At: at(), Kind: order.KindFill, OrderID: e, Decisions: []journal.Decision{{Rule: id()}}})
			c.Orders = append(c.Orders, journal.OrderRow{OrderID: id(), Day: order.DayOf(at()), Status: "OPEN"})
			c.Actions = append(c.Actions, actions.Action{ID: id(), State: states[dice.Intn(len(states))], Rule: id(), OrderID: id(), Created: at()})
			c.Requests = append(c.Requests, actions.Request{ID: id(), State: states[dice.Intn(len(states))], For: id(), OrderID: id(),
				Call: actions.Call{OrderID: id()}, Created: at()})
			c.Docs = append(c.Docs, journal.Doc{Kind: "slot", ID: id(), Body: [][]byte{nil, []byte("x")}[dice.Intn(2)]})
		}
		own(c)
		commit(t, s, c)
		numbers := []any{c.Inputs, c.Events}
		commit(t, reference, c)
		same(t, "numbers", numbers, []any{c.Inputs, c.Events})
	}
	s = reopen()
	for _, account := range accounts {
		same(t, "all of "+account, all(t, s, account), all(t, reference, account))
		for _, day := range []order.Day{"2026-11-22", today, "2026-11-25"} {
			same(t, "load", load(t, s, account, day), load(t, reference, account, day))
		}
	}
	for range 40 {
		q := journal.Query{Limit: 1 + dice.Intn(9)}
		for _, set := range []func(){func() { q.Account = accounts[dice.Intn(3)] }, func() { q.OrderID = id() }, func() { q.Rule = id() },
			func() { q.State = string(states[dice.Intn(len(states))]) }, func() { q.ID = id() }, func() { q.Since = at() },
			func() { q.Ignored = yes() }, func() { q.Before = fmt.Sprint(1 + dice.Intn(100)) }} {
			if dice.Intn(4) == 0 {
				set()
			}
		}
		for _, of := range lists {
			same(t, fmt.Sprintf("%s %+v", of, q), names(t, s, of, q), names(t, reference, of, q))
		}
	}
}
