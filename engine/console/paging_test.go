package console

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"testing"

	"pgregory.net/rapid"

	"backstop/actions"
	"backstop/engine/journal"
	"backstop/engine/order"
)

// event makes the n-th event with so many decisions, by rules r0, r1 …; every third is matched.
func event(n, decisions int, account string) journal.Event {
	e := journal.Event{Seq: int64(n), ID: fmt.Sprintf("%018d", n), Account: account, At: noon, Kind: order.KindFill, OrderID: "1"}
	for i := range decisions {
		rule := fmt.Sprintf("r%d", i)
		e.Decisions = append(e.Decisions, journal.Decision{ID: e.ID + "-" + rule, Rule: rule, Matched: (n+i)%3 == 0})
	}
	return e
}

// TestDecisionPagesGiveEachRowOnce: pages end inside events, events come while the pages are walked, and filters
// leave rows of an event out; yet the pages together are what was there, each once, newest first.
func TestDecisionPagesGiveEachRowOnce(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s, d := scene()
		s.events = nil
		accounts := []string{"AB1234", "CD5678"}
		for n := range rapid.IntRange(0, 40).Draw(t, "events") {
			s.events = append(s.events, event(n, rapid.IntRange(0, 6).Draw(t, "decisions"), rapid.SampledFrom(accounts).Draw(t, "account")))
		}
		limit := rapid.IntRange(1, 9).Draw(t, "limit")
		rule := rapid.SampledFrom([]string{"", "", "r0", "r3"}).Draw(t, "rule")
		account := rapid.SampledFrom([]string{"", "AB1234"}).Draw(t, "of")
		matched := rapid.SampledFrom([]string{"", "", "true", "false"}).Draw(t, "matched")
		arrivals := rapid.SliceOfN(rapid.IntRange(0, 2), 200, 200).Draw(t, "arrivals")

		var want []string
		for i := len(s.events) - 1; i >= 0; i-- {
			for _, dec := range s.events[i].Decisions {
				if eq(rule, dec.Rule) && eq(account, s.events[i].Account) && eq(matched, strconv.FormatBool(dec.Matched)) {
					want = append(want, dec.ID)
				}
			}
		}
		reads := 0
		s.afterRead = func() {
			for range arrivals[reads%len(arrivals)] {
				s.events = append(s.events, event(len(s.events), 3, accounts[len(s.events)%2]))
			}
			reads++
		}
		got := walk(t, s, d, "decisions", url.Values{"limit": {strconv.Itoa(limit)}, "rule": {rule}, "account": {account}, "matched": {matched}}, limit, false)
		if !slices.Equal(got, want) {
			t.Fatalf("pages give\n%v\nwant\n%v", got, want)
		}
	})
}

// TestListPagesGiveEachRowOnce does the same for the lists whose rows are the store's.
func TestListPagesGiveEachRowOnce(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s, d := scene()
		s.inputs, s.actions, s.requests, s.orders, d.views[0].Positions = nil, nil, nil, nil, nil
		limit, n := rapid.IntRange(1, 7).Draw(t, "limit"), rapid.IntRange(0, 30).Draw(t, "rows")
		var newest, sorted []string
		for i := range n {
			id := fmt.Sprintf("%03d", i+1)
			s.inputs = append(s.inputs, journal.Input{Seq: int64(i + 1), Kind: journal.InputUpdate})
			s.actions = append(s.actions, actions.Action{ID: id})
			s.requests = append(s.requests, actions.Request{ID: id})
			s.orders = append(s.orders, journal.OrderRow{OrderID: id})
			d.views[0].Positions = append(d.views[0].Positions, Position{Account: "AB1234", Key: order.Key{Exchange: "NSE", Tradingsymbol: id}})
			newest = slices.Insert(newest, 0, id)
			sorted = append(sorted, id)
		}
		for _, list := range []string{"updates", "actions", "requests", "orders"} {
			if got := walk(t, s, d, list, url.Values{"limit": {strconv.Itoa(limit)}}, limit, true); !slices.Equal(got, newest) {
				t.Fatalf("%s: pages give %v", list, got)
			}
		}
		if got := walk(t, s, d, "positions", url.Values{"limit": {strconv.Itoa(limit)}}, limit, true); !slices.Equal(got, sorted) {
			t.Fatalf("positions: pages give %v", got)
		}
	})
}

// walk reads a list to its end and returns what names its rows. No page is larger than limit, and none but the
// last smaller.
func walk(t *rapid.T, s *shelf, d *driver, list string, query url.Values, limit int, numbered bool) []string {
	h := New(options(s, d))
	var names []string
	for range 1000 {
		answer := decoded[page[struct {
			ID            string
			OrderID       string `json:"order_id"`
			Tradingsymbol string
		}]](t, ask(h, "GET", api+list+"?"+query.Encode(), ""))
		if len(answer.Data) > limit || len(answer.Data) < limit && answer.Next != "" {
			t.Fatalf("%s: a page of %d rows, limit %d, next %q", list, len(answer.Data), limit, answer.Next)
		}
		for _, row := range answer.Data {
			name := max(row.ID, row.Tradingsymbol)
			if name == "" {
				name = row.OrderID
			}
			if numbered {
				n, _ := strconv.Atoi(name)
				name = fmt.Sprintf("%03d", n)
			}
			names = append(names, name)
		}
		if answer.Next == "" {
			return names
		}
		query.Set("before", answer.Next)
	}
	t.Fatalf("%s: no end", list)
	return nil
}

// TestDecisionsScanIsBounded: a filter that fits nothing ends a page short and goes on with the next.
func TestDecisionsScanIsBounded(t *testing.T) {
	t.Parallel()
	s, d := scene()
	s.events = nil
	const total = eventsScanMax + 2*eventsPageMax
	for n := range total {
		s.events = append(s.events, event(n, 1, "AB1234"))
		s.events[n].Decisions[0].Matched = n == 0
	}
	h := New(options(s, d))
	first := decoded[page[decisionID]](t, ask(h, "GET", api+"decisions?limit=1000&matched=true", ""))
	if len(first.Data) != 0 || first.Next == "" {
		t.Fatalf("first page: %d rows, next %q", len(first.Data), first.Next)
	}
	second := decoded[page[decisionID]](t, ask(h, "GET", api+"decisions?limit=1000&matched=true&before="+first.Next, ""))
	if len(second.Data) != 1 || second.Next != "" {
		t.Fatalf("second page: %d rows, next %q", len(second.Data), second.Next)
	}
}

type decisionID struct{ ID string }

// TestDecisionMadeLate: an event that is written anew while its page is read is read again, not lost.
func TestDecisionMadeLate(t *testing.T) {
	t.Parallel()
	s, d := scene()
	s.events = []journal.Event{event(0, 2, "AB1234"), event(1, 2, "AB1234"), event(2, 3, "AB1234"), event(3, 2, "AB1234")}
	reads := 0
	s.afterRead = func() {
		if reads++; reads == 2 { // between the page and the look for the cursor behind its last event
			s.events = append(slices.Delete(slices.Clone(s.events), 2, 3), event(2, 3, "AB1234"))
		}
	}
	h := New(options(s, d))
	var got []string
	target := api + "decisions?limit=3"
	for next := ""; ; {
		answer := decoded[page[decisionID]](t, ask(h, "GET", target+next, ""))
		for _, row := range answer.Data {
			got = append(got, row.ID[17:])
		}
		if answer.Next == "" {
			break
		}
		next = "&before=" + answer.Next
	}
	want := []string{"2-r0", "2-r1", "2-r2", "3-r0", "3-r1", "1-r0", "1-r1", "0-r0", "0-r1"}
	if !slices.Equal(got, want) {
		t.Errorf("got %v; want %v", got, want)
	}
}
