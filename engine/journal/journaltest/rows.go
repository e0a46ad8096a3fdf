package journaltest

import (
	"bytes"
	"context"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"backstop/actions"
	"backstop/engine/journal"
	"backstop/engine/order"
)

// wanted is what a store shows of one full commit.
func wanted(t *testing.T, c *journal.Commit, account string, n int) everything {
	t.Helper()
	w := fullCommit(account, n, time.UTC)
	for i := range c.Inputs {
		if c.Inputs[i].Seq == 0 || c.Events[i].Seq == 0 {
			t.Fatal("a row got no number")
		}
		w.Inputs[i].Seq, w.Events[i].Seq, w.Inputs[i].Step = c.Inputs[i].Seq, c.Events[i].Seq, c.Inputs[i].Step
	}
	e := everything{w.Inputs, w.Events, w.Actions, w.Requests, w.Orders,
		journal.Snapshot{Orders: slices.Clone(w.Orders), Actions: slices.Clone(w.Actions), Requests: slices.Clone(w.Requests), Docs: w.Docs}}
	slices.Reverse(e.Inputs)
	slices.Reverse(e.Events)
	slices.Reverse(e.Actions)
	slices.Reverse(e.Requests)
	slices.Reverse(e.Orders)
	return e
}

func comesBack(t *testing.T, open Open) {
	s, reopen := open(t)
	if !reflect.DeepEqual(all(t, s, "AB"), everything{}) {
		t.Error("an empty store has rows")
	}
	commit(t, s, &journal.Commit{Account: "AB"})
	c := fullCommit("AB", 1000, order.IST)
	commit(t, s, c)
	other := fullCommit("CD", 1000, order.IST) // the same ids in another account
	commit(t, s, other)
	want := wanted(t, c, "AB", 1000)
	same(t, "before reopening", all(t, s, "AB"), want)
	s = reopen()
	same(t, "after reopening", all(t, s, "AB"), want)
	same(t, "the other account", all(t, s, "CD"), wanted(t, other, "CD", 1000))
	if n := len(list(t, s.Requests, journal.Query{})); n != 4 {
		t.Errorf("%d requests of all accounts", n)
	}
	more := &journal.Commit{Account: "AB", Inputs: []journal.Input{{Account: "AB"}}, Events: []journal.Event{{Account: "AB", ID: "e"}}}
	commit(t, s, more)
	if more.Inputs[0].Seq <= other.Inputs[1].Seq || more.Events[0].Seq <= other.Events[1].Seq {
		t.Errorf("numbers %d and %d after reopening", more.Inputs[0].Seq, more.Events[0].Seq)
	}
}

func replaced(t *testing.T, open Open) {
	s, reopen := open(t)
	write := func(id string, state actions.State) *journal.Commit {
		c := &journal.Commit{Account: "AB",
			Events:   []journal.Event{{Account: "AB", ID: id, RulesVersion: string(state), Decisions: []journal.Decision{{Why: string(state)}}}},
			Orders:   []journal.OrderRow{{Account: "AB", OrderID: id, Day: today, Status: string(state), Group: string(state), Doc: []byte(state)}},
			Actions:  []actions.Action{action("AB", id, state, noon)},
			Requests: []actions.Request{request("AB", id, state, noon)}}
		commit(t, s, c)
		return c
	}
	first := write("1", actions.Waiting)
	write("2", actions.Waiting)
	again := write("1", actions.Failed)
	third := write("3", actions.Waiting)
	if again.Events[0].Seq != first.Events[0].Seq || third.Events[0].Seq <= again.Events[0].Seq {
		t.Errorf("event numbers %d, then %d, then another %d", first.Events[0].Seq, again.Events[0].Seq, third.Events[0].Seq)
	}
	// A row that comes twice in one commit counts as the later one.
	commit(t, s, &journal.Commit{Account: "AB", Actions: []actions.Action{action("AB", "4", actions.Waiting, noon), action("AB", "4", actions.Failed, noon)},
		Events: []journal.Event{{Account: "AB", ID: "4"}, {Account: "AB", ID: "4", RulesVersion: "failed"}}})
	for _, again := range []func() journal.Store{func() journal.Store { return s }, reopen} {
		s := again()
		var have []string
		for _, e := range list(t, s.Events, journal.Query{Account: "AB", Limit: 1}) {
			have = append(have, "event "+e.ID+" "+e.RulesVersion)
		}
		for _, a := range list(t, s.Actions, journal.Query{Account: "AB", Limit: 1}) {
			have = append(have, "action "+a.ID+" "+string(a.State))
		}
		for _, r := range list(t, s.Requests, journal.Query{Account: "AB"}) {
			have = append(have, "request "+r.ID+" "+string(r.State))
		}
		for _, o := range list(t, s.Orders, journal.Query{Account: "AB"}) {
			have = append(have, "order "+o.OrderID+" "+o.Status+" "+o.Group+" "+string(o.Doc))
		}
		same(t, "rows", have, []string{"event 4 failed", "event 3 waiting", "event 2 waiting", "event 1 failed",
			"action 4 failed", "action 3 waiting", "action 2 waiting", "action 1 failed",
			"request 3 waiting", "request 2 waiting", "request 1 failed",
			"order 3 waiting waiting waiting", "order 2 waiting waiting waiting", "order 1 failed failed failed"})
		if n := len(load(t, s, "AB", "2026-11-24").Actions); n != 2 {
			t.Errorf("%d actions are not final", n)
		}
	}
}

func docs(t *testing.T, open Open) {
	s, reopen := open(t)
	doc := func(kind, id, body string) journal.Doc { return journal.Doc{Kind: kind, ID: id, Body: []byte(body)} }
	commit(t, s, &journal.Commit{Account: "AB", Docs: []journal.Doc{doc("slot", "2", "two"), doc("slot", "1", "one"), doc("run", "1", "run"),
		doc("run", "2", ""), doc("run", "", "no id")}})
	commit(t, s, &journal.Commit{Account: "CD", Docs: []journal.Doc{doc("slot", "1", "of CD")}})
	commit(t, s, &journal.Commit{Account: "AB", Docs: []journal.Doc{{Kind: "slot", ID: "1"}, doc("slot", "2", "changed"), {Kind: "slot", ID: "none"},
		doc("gone", "1", "x"), {Kind: "gone", ID: "1"}, {Kind: "back", ID: "1"}, doc("back", "1", "here")}})
	s = reopen()
	same(t, "docs", load(t, s, "AB", "").Docs, []journal.Doc{doc("back", "1", "here"), doc("run", "", "no id"), doc("run", "1", "run"),
		doc("run", "2", ""), doc("slot", "2", "changed")})
	same(t, "docs of the other", load(t, s, "CD", "").Docs, []journal.Doc{doc("slot", "1", "of CD")})
}

func unshared(t *testing.T, open Open) {
	s, reopen := open(t)
	c := fullCommit("AB", 1, order.IST)
	commit(t, s, c)
	want := wanted(t, c, "AB", 1)
	scramble(reflect.ValueOf(c).Elem())
	have := all(t, s, "AB")
	same(t, "after the commit was scrambled", have, want)
	scramble(reflect.ValueOf(&have).Elem())
	same(t, "after what was read was scrambled", all(t, s, "AB"), want)
	same(t, "after reopening", all(t, reopen(), "AB"), want)
}

func failedLeavesNothing(t *testing.T, open Open) {
	s, reopen := open(t)
	c := fullCommit("AB", 1, order.IST)
	commit(t, s, c)
	want := wanted(t, c, "AB", 1)

	unwritable := fullCommit("AB", 1, order.IST)
	unwritable.Docs = append(unwritable.Docs, journal.Doc{Kind: unwritable.Docs[0].Kind, ID: unwritable.Docs[0].ID})
	unwritable.Events[0].RulesVersion = "changed"
	unwritable.Actions[1].Args = map[string]any{"no JSON": make(chan int)}
	foreign := fullCommit("AB", 50, order.IST)
	foreign.Requests[1].Account = "CD"
	nameless := fullCommit("AB", 60, order.IST)
	nameless.Orders[1].OrderID = ""
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	for _, x := range []struct {
		name string
		ctx  context.Context
		c    *journal.Commit
	}{{"unwritable", t.Context(), unwritable}, {"foreign", t.Context(), foreign}, {"nameless", t.Context(), nameless},
		{"cancelled", cancelled, fullCommit("AB", 70, order.IST)}} {
		err := s.Commit(x.ctx, x.c)
		if err == nil {
			t.Fatalf("%s: the commit was taken", x.name)
		}
		if x.ctx == cancelled && !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", x.name, err)
		}
		if x.c.Inputs[0].Seq != 0 || x.c.Events[0].Seq != 0 {
			t.Errorf("%s: a row got a number", x.name)
		}
		same(t, x.name, all(t, s, "AB"), want)
	}
	next := fullCommit("AB", 80, order.IST)
	commit(t, s, next)
	s = reopen()
	if n := len(list(t, s.Inputs, journal.Query{})); n != 4 {
		t.Errorf("%d inputs after two good commits of two", n)
	}
}

func oddText(t *testing.T, open Open) {
	s, reopen := open(t)
	odd := []string{"a\x00b", "\x00", "\xff\xfe bad \xc3", "'; DROP TABLE inputs; --", "\u202eevil\u202c", "𝄞 हिन्दी", strings.Repeat("x", 5000), "%_?"}
	c := &journal.Commit{Account: "AB\x00'"}
	for _, text := range odd {
		c.Inputs = append(c.Inputs, journal.Input{Account: c.Account, Kind: journal.InputUpdate, OrderID: text, Status: text, Ignored: text, Doc: []byte(text)})
		c.Events = append(c.Events, journal.Event{Account: c.Account, ID: text, OrderID: text, Group: text, Doc: []byte(text)})
		c.Orders = append(c.Orders, journal.OrderRow{Account: c.Account, OrderID: text, Day: today, Status: text, Group: text, Doc: []byte(text)})
		c.Docs = append(c.Docs, journal.Doc{Kind: "slot", ID: text, Body: []byte(text)})
	}
	commit(t, s, c)
	s = reopen()
	for _, text := range odd {
		q := journal.Query{Account: c.Account, OrderID: text}
		in, e, o := list(t, s.Inputs, q), list(t, s.Events, q), list(t, s.Orders, q)
		if len(in) != 1 || in[0].OrderID != text || in[0].Status != text || in[0].Ignored != text || string(in[0].Doc) != text {
			t.Errorf("input of %.20q: %+v", text, in)
		}
		if len(e) != 1 || e[0].ID != text || e[0].Group != text || string(e[0].Doc) != text {
			t.Errorf("event of %.20q: %+v", text, e)
		}
		if len(o) != 1 || o[0].OrderID != text || o[0].Status != text || string(o[0].Doc) != text {
			t.Errorf("order of %.20q: %+v", text, o)
		}
	}
	snap := load(t, s, c.Account, today)
	if len(snap.Docs) != len(odd) || len(snap.Orders) != len(odd) {
		t.Errorf("%d docs and %d orders of %d", len(snap.Docs), len(snap.Orders), len(odd))
	}
	for _, d := range snap.Docs {
		if d.ID != string(d.Body) {
			t.Errorf("doc %.20q has the body %.20q", d.ID, d.Body)
		}
	}
}

func bigRows(t *testing.T, open Open) {
	s, reopen := open(t)
	big := bytes.Repeat([]byte("0123456789abcdef"), 64<<10) // 1 MB
	commit(t, s, &journal.Commit{Account: "AB",
		Inputs: []journal.Input{{Account: "AB", Doc: big}},
		Events: []journal.Event{{Account: "AB", ID: "e", Doc: big, Decisions: []journal.Decision{{Explain: big}}}},
		Orders: []journal.OrderRow{{Account: "AB", OrderID: "o", Day: today, Doc: big}},
		Docs:   []journal.Doc{{Kind: "slot", ID: "s", Body: big}}})
	have := all(t, reopen(), "AB")
	for i, b := range [][]byte{have.Inputs[0].Doc, have.Events[0].Doc, have.Events[0].Decisions[0].Explain, have.Orders[0].Doc, have.Load.Docs[0].Body} {
		if !bytes.Equal(b, big) {
			t.Errorf("big row %d: %d bytes of %d", i, len(b), len(big))
		}
	}
}

func times(t *testing.T, open Open) {
	s, reopen := open(t)
	odd := []time.Time{{}, noon, noon.Add(time.Millisecond), time.Unix(0, 0), time.Date(1960, 1, 1, 0, 0, 0, 1e6, order.IST),
		time.Date(2199, 12, 31, 23, 59, 59, 999e6, time.FixedZone("", -9*3600))}
	c := &journal.Commit{Account: "AB"}
	for i, at := range odd {
		c.Inputs = append(c.Inputs, journal.Input{Account: "AB", At: at, Began: at})
		r := request("AB", string(rune('a'+i)), actions.Waiting, at)
		r.NotUntil = at
		c.Requests = append(c.Requests, r)
	}
	commit(t, s, c)
	have := all(t, reopen(), "AB")
	for i, at := range odd {
		in, r := have.Inputs[len(odd)-1-i], have.Requests[len(odd)-1-i]
		for _, x := range []time.Time{in.At, in.Began, r.Created, r.Updated, r.NotUntil} {
			if !x.Equal(at) || x.Location() != time.UTC || x.IsZero() != at.IsZero() {
				t.Errorf("%v came back as %v", at, x)
			}
		}
	}
}
