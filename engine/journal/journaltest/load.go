package journaltest

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"backstop/actions"
	"backstop/engine/journal"
	"backstop/engine/order"
)

func loadSelects(t *testing.T, open Open) {
	s, reopen := open(t)
	midnight := time.Date(2026, 11, 23, 0, 0, 0, 0, order.IST)
	c := &journal.Commit{Account: "AB"}
	for _, day := range []order.Day{"2026-11-20", today, "2026-11-24"} {
		c.Orders = append(c.Orders, orderRow("AB", "order of "+string(day), day))
	}
	states := append(actions.States(), "a state of a later version")
	want := map[string]bool{"order of 2026-11-23": true, "order of 2026-11-24": true}
	for _, state := range states {
		for name, created := range map[string]time.Time{"before": midnight.Add(-time.Millisecond), "at": midnight, "after": noon} {
			id := name + " " + string(state)
			c.Actions = append(c.Actions, action("AB", id, state, created))
			c.Requests = append(c.Requests, request("AB", id, state, created))
			want["action "+id] = !state.Final()
			want["request "+id] = !state.Final() || name != "before"
		}
	}
	commit(t, s, c)
	commit(t, s, &journal.Commit{Account: "CD", Orders: []journal.OrderRow{orderRow("CD", "foreign", today)},
		Actions: []actions.Action{action("CD", "foreign", actions.Waiting, noon)}, Requests: []actions.Request{request("CD", "foreign", actions.Waiting, noon)}})
	s = reopen()
	snap, have := load(t, s, "AB", today), map[string]bool{}
	for _, o := range snap.Orders {
		have[o.OrderID] = true
	}
	for _, a := range snap.Actions {
		have["action "+a.ID] = true
	}
	for _, r := range snap.Requests {
		have["request "+r.ID] = true
	}
	for id, is := range want {
		if have[id] != is {
			t.Errorf("%s: loaded %v, want %v", id, have[id], is)
		}
		delete(have, id)
	}
	if len(have) > 0 {
		t.Errorf("loaded too: %v", have)
	}
	if n := len(load(t, s, "AB", "").Requests); n != len(c.Requests) {
		t.Errorf("%d of %d requests of every day", n, len(c.Requests))
	}
	if _, err := s.Load(t.Context(), "AB", "23 Nov"); err == nil {
		t.Error("a day that is none was taken")
	}
	if snap := load(t, s, "nobody", today); len(snap.Orders)+len(snap.Actions)+len(snap.Requests)+len(snap.Docs) != 0 {
		t.Errorf("an unknown account has rows: %+v", snap)
	}
}

func numbersRise(t *testing.T, open Open) {
	s, reopen := open(t)
	const accounts, commits, rows = 5, 40, 3
	var group sync.WaitGroup
	seen := make([][]int64, accounts)
	for a := range accounts {
		group.Go(func() {
			account := fmt.Sprint("account ", a)
			for n := range commits {
				c := &journal.Commit{Account: account}
				for r := range rows {
					id := fmt.Sprint(n, " ", r)
					c.Inputs = append(c.Inputs, journal.Input{Account: account, OrderID: id})
					c.Events = append(c.Events, journal.Event{Account: account, ID: id})
				}
				if err := s.Commit(t.Context(), c); err != nil {
					t.Errorf("%s: %v", account, err)
					return
				}
				for _, in := range c.Inputs {
					seen[a] = append(seen[a], in.Seq)
				}
			}
		})
	}
	group.Wait()
	s = reopen()
	numbers := map[int64]bool{}
	for a := range accounts {
		q := journal.Query{Account: fmt.Sprint("account ", a), Limit: 17}
		in, events := list(t, s.Inputs, q), list(t, s.Events, q)
		if len(in) != commits*rows || len(events) != commits*rows {
			t.Fatalf("%d inputs and %d events of %d", len(in), len(events), commits*rows)
		}
		for i := range in {
			place := commits*rows - 1 - i
			id := fmt.Sprint(place/rows, " ", place%rows)
			if in[i].OrderID != id || in[i].Seq != seen[a][place] || events[i].ID != id {
				t.Fatalf("row %d is input %d of %s and event %s, want %d of %s", place, in[i].Seq, in[i].OrderID, events[i].ID, seen[a][place], id)
			}
			if i > 0 && (in[i].Seq >= in[i-1].Seq || events[i].Seq >= events[i-1].Seq) {
				t.Fatalf("numbers do not rise within %s", q.Account)
			}
			if numbers[in[i].Seq] {
				t.Fatalf("number %d was given twice", in[i].Seq)
			}
			numbers[in[i].Seq] = true
		}
	}
}

func instruments(t *testing.T, open Open) {
	s, reopen := open(t)
	read := func() (order.Day, []order.Instrument) {
		t.Helper()
		var list []order.Instrument
		day, err := s.Instruments(t.Context(), func(i order.Instrument) { list = append(list, i) })
		must(t, err)
		return day, list
	}
	save := func(day order.Day, n int) []order.Instrument {
		t.Helper()
		var list []order.Instrument
		must(t, s.SaveInstruments(t.Context(), day, func(add func(order.Instrument) error) error {
			for i := range n {
				x := full[order.Instrument](i*100, time.UTC)
				list = append(list, x)
				if err := add(x); err != nil {
					return err
				}
			}
			return nil
		}))
		return list
	}
	if day, list := read(); day != "" || list != nil {
		t.Errorf("an empty store has instruments of %q: %v", day, list)
	}
	save("2026-11-20", 700)
	want := save(today, 300)
	check := func(when string) {
		t.Helper()
		day, list := read()
		if day != today {
			t.Errorf("%s: of %q", when, day)
		}
		same(t, when, list, want)
	}
	check("the later list")
	broken := errors.New("the line broke")
	err := s.SaveInstruments(t.Context(), "2026-11-24", func(add func(order.Instrument) error) error {
		if err := add(order.Instrument{Exchange: "NSE", Tradingsymbol: "HALF"}); err != nil {
			return err
		}
		return broken
	})
	if !errors.Is(err, broken) {
		t.Errorf("a broken list was saved: %v", err)
	}
	check("after a list that broke")
	commit(t, s, fullCommit("AB", 1, order.IST))
	s = reopen()
	check("after reopening")
	want = save(today, 0)
	check("an empty list")
}
