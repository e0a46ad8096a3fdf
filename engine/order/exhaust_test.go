package order

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// life is everything that may be seen of one order, and how it must end.
type life struct {
	name     string
	given    []sketch // orders that are there before
	seen     []sketch
	partial  []int // which of seen may be missing: the final state is told without them
	filled   int64
	terminal Kind // "" for an order that still lives
	position int64
	role     Role
}

func lives() []life {
	const pb, ws, book = SourcePostback, SourceStream, SourceBook
	held := []sketch{{id: "251121000000000", raw: "COMPLETE", at: -60, quantity: 75, filled: 75, average: 100}}
	amo := func(u *Update) { u.Variety = "amo" }
	return []life{
		{name: "limit order fills whole", filled: 75, terminal: KindFill, position: 75, role: RoleEntry, partial: []int{0, 1}, seen: []sketch{
			{source: ws, raw: "PUT ORDER REQ RECEIVED", at: 0, quantity: 75, price: 120},
			{source: ws, raw: "OPEN", at: 0, quantity: 75, price: 120, tag: "mine", tags: []string{"mine"}},
			{source: pb, raw: "COMPLETE", at: 5, quantity: 75, filled: 75, price: 120, average: 119.95, tag: "mine"},
			{source: ws, raw: "COMPLETE", at: 5, quantity: 75, filled: 75, price: 120, average: 119.95, tag: "mine"},
			{source: book, raw: "COMPLETE", at: 5, quantity: 75, filled: 75, price: 120, average: 119.95, tag: "mine", tags: []string{"mine", "mktp"}},
		}},
		{name: "partial fills", filled: 75, terminal: KindFill, position: 75, role: RoleEntry, partial: []int{0, 1, 2, 3}, seen: []sketch{
			{source: ws, raw: "OPEN", at: 0, quantity: 75, price: 120},
			{source: pb, raw: "UPDATE", at: 2, quantity: 75, filled: 25, price: 120},
			{source: book, raw: "OPEN", at: 2, quantity: 75, filled: 25, price: 120},
			{source: ws, raw: "UPDATE", at: 3, quantity: 75, filled: 50, price: 120},
			{source: pb, raw: "COMPLETE", at: 5, quantity: 75, filled: 75, price: 120, average: 119.95},
			{source: book, raw: "COMPLETE", at: 5, quantity: 75, filled: 75, price: 120, average: 119.95},
		}},
		{name: "cancelled after partial fills, pending kept", filled: 50, terminal: KindCancelled, position: 50, role: RoleEntry, partial: []int{0, 1, 2}, seen: []sketch{
			{source: ws, raw: "OPEN", at: 0, quantity: 75, price: 120},
			{source: pb, raw: "UPDATE", at: 2, quantity: 75, filled: 25, price: 120},
			{source: ws, raw: "UPDATE", at: 3, quantity: 75, filled: 50, price: 120},
			{source: ws, raw: "CANCEL PENDING", at: 9, quantity: 75, filled: 50, price: 120},
			{source: pb, raw: "CANCELLED", at: 9, quantity: 75, filled: 50, cancelled: 25, price: 120, average: 119},
			{source: book, raw: "CANCELLED", at: 9, quantity: 75, filled: 50, cancelled: 25, price: 120, average: 119},
		}},
		{name: "cancelled unfilled, pending kept", terminal: KindCancelled, role: RoleEntry, partial: []int{0, 1}, seen: []sketch{
			{source: ws, raw: "OPEN", at: 0, quantity: 10, price: 120},
			{source: book, raw: "OPEN", at: 0, quantity: 10, price: 120},
			{source: pb, raw: "CANCELLED", at: 9, quantity: 10, cancelled: 10, price: 120},
			{source: pb, raw: "CANCELLED", at: 9, quantity: 10, cancelled: 10, price: 120, message: "twice (docs/kite.md 1.3)"},
			{source: book, raw: "CANCELLED", at: 9, quantity: 10, cancelled: 10, price: 120},
		}},
		{name: "stop waits, triggers, fills", given: held, filled: 75, terminal: KindFill, role: RoleStopLoss, partial: []int{0, 1, 2, 3}, seen: []sketch{
			{source: ws, raw: "TRIGGER PENDING", at: 0, side: Sell, typ: "SL", quantity: 75, price: 79, trigger: 80},
			{source: book, raw: "TRIGGER PENDING", at: 0, side: Sell, typ: "SL", quantity: 75, price: 79, trigger: 80},
			{source: pb, raw: "OPEN", at: 7, side: Sell, typ: "SL", quantity: 75, price: 79, trigger: 80},
			{source: pb, raw: "UPDATE", at: 8, side: Sell, typ: "SL", quantity: 75, filled: 50, price: 79, trigger: 80},
			{source: pb, raw: "COMPLETE", at: 8, side: Sell, typ: "SL", quantity: 75, filled: 75, price: 79, trigger: 80, average: 79.5},
			{source: book, raw: "COMPLETE", at: 8, side: Sell, typ: "SL", quantity: 75, filled: 75, price: 79, trigger: 80, average: 79.5},
		}},
		{name: "modified up and down, interim rows show old values", filled: 50, terminal: KindFill, position: 50, role: RoleEntry, partial: []int{0, 1, 2, 3, 4}, seen: []sketch{
			{source: ws, raw: "OPEN", at: 0, quantity: 75, price: 120},
			{source: ws, raw: "MODIFY PENDING", at: 4, quantity: 75, price: 120},
			{source: pb, raw: "UPDATE", at: 4, quantity: 100, price: 121},
			{source: ws, raw: "MODIFY VALIDATION PENDING", at: 6, quantity: 100, price: 121},
			{source: book, raw: "OPEN", at: 6, quantity: 50, price: 119.5},
			{source: pb, raw: "COMPLETE", at: 8, quantity: 50, filled: 50, price: 119.5, average: 119.5},
		}},
		{name: "modified and still open", role: RoleEntry, partial: []int{0, 1, 3}, seen: []sketch{
			{source: ws, raw: "OPEN", at: 0, quantity: 75, price: 120},
			{source: ws, raw: "MODIFY PENDING", at: 4, quantity: 75, price: 120},
			{source: ws, raw: "OPEN", at: 4, quantity: 75, price: 121},
			{source: pb, raw: "UPDATE", at: 4, quantity: 75, price: 121},
			{source: book, raw: "OPEN", at: 4, quantity: 75, price: 121},
		}},
		{name: "rejected", terminal: KindRejected, role: RoleEntry, partial: []int{0, 1}, seen: []sketch{
			{source: ws, raw: "PUT ORDER REQ RECEIVED", at: 0, quantity: 75, price: 120},
			{source: ws, raw: "VALIDATION PENDING", at: 0, quantity: 75, price: 120},
			{source: pb, raw: "REJECTED", at: 0, quantity: 75, price: 120, message: "RMS:Margin Exceeds", edit: func(u *Update) { u.ExchangeUpdateTimestamp = time.Time{} }},
			{source: ws, raw: "REJECTED", at: 0, quantity: 75, price: 120, message: "RMS:Margin Exceeds", edit: func(u *Update) { u.ExchangeUpdateTimestamp = time.Time{} }},
			{source: book, raw: "REJECTED", at: 0, quantity: 75, price: 120, message: "RMS:Margin Exceeds", edit: func(u *Update) { u.ExchangeUpdateTimestamp = time.Time{} }},
		}},
		{name: "immediate-or-cancel ends in part", filled: 10, terminal: KindExpired, position: 10, role: RoleEntry, partial: []int{0, 1}, seen: []sketch{
			{source: ws, raw: "OPEN", at: 0, quality: "IOC", quantity: 75, price: 120},
			{source: pb, raw: "UPDATE", at: 0, quality: "IOC", quantity: 75, filled: 10, price: 120},
			{source: pb, raw: "CANCELLED", at: 0, quality: "IOC", quantity: 75, filled: 10, cancelled: 65, price: 120},
			{source: book, raw: "CANCELLED", at: 0, quality: "IOC", quantity: 75, filled: 10, cancelled: 65, price: 120},
		}},
		{name: "everything in one second", filled: 75, terminal: KindFill, position: 75, role: RoleEntry, partial: []int{0, 1, 2, 3}, seen: []sketch{
			{source: ws, raw: "OPEN PENDING", quantity: 75, price: 120},
			{source: ws, raw: "OPEN", quantity: 75, price: 120},
			{source: pb, raw: "UPDATE", quantity: 75, filled: 25, price: 120},
			{source: ws, raw: "UPDATE", quantity: 75, filled: 25, price: 120},
			{source: pb, raw: "COMPLETE", quantity: 75, filled: 75, price: 120, average: 120},
			{source: ws, raw: "COMPLETE", quantity: 75, filled: 75, price: 120, average: 120.01},
		}},
		{name: "postbacks alone", filled: 75, terminal: KindFill, position: 75, role: RoleEntry, partial: []int{0, 1, 2}, seen: []sketch{
			{source: pb, raw: "UPDATE", at: 1, quantity: 75, price: 121},
			{source: pb, raw: "UPDATE", at: 2, quantity: 75, filled: 25, price: 121},
			{source: pb, raw: "UPDATE", at: 3, quantity: 75, filled: 50, price: 121},
			{source: pb, raw: "COMPLETE", at: 5, quantity: 75, filled: 75, price: 121, average: 120.5},
		}},
		{name: "update postbacks of an order that lives on", filled: 50, position: 50, role: RoleEntry, partial: []int{0, 1}, seen: []sketch{
			{source: pb, raw: "UPDATE", at: 1, quantity: 75, price: 121},
			{source: pb, raw: "UPDATE", at: 2, quantity: 75, filled: 25, price: 121},
			{source: pb, raw: "UPDATE", at: 3, quantity: 75, filled: 50, price: 121},
			{source: book, raw: "OPEN", at: 3, quantity: 75, filled: 50, price: 121},
			{source: book, raw: "OPEN", at: 3, quantity: 75, filled: 50, price: 121, edit: func(u *Update) { u.Began = second(30) }},
		}},
		{name: "an exit by hand that crosses flat", given: held, filled: 100, terminal: KindFill, position: -25, role: RoleEntry, partial: []int{0, 1, 2, 3}, seen: []sketch{
			{source: ws, raw: "OPEN", at: 0, side: Sell, quantity: 100, price: 120},
			{source: pb, raw: "UPDATE", at: 2, side: Sell, quantity: 100, filled: 50, price: 120},
			{source: book, raw: "OPEN", at: 2, side: Sell, quantity: 100, filled: 50, price: 120},
			{source: pb, raw: "UPDATE", at: 3, side: Sell, quantity: 100, filled: 90, price: 120},
			{source: pb, raw: "COMPLETE", at: 5, side: Sell, quantity: 100, filled: 100, price: 120, average: 121},
			{source: book, raw: "COMPLETE", at: 5, side: Sell, quantity: 100, filled: 100, price: 120, average: 121},
		}},
		{name: "first updates are bare", filled: 75, terminal: KindFill, position: 75, role: RoleEntry, partial: []int{0, 1, 2}, seen: []sketch{
			{source: pb, raw: "UPDATE", at: 0, edit: func(u *Update) { u.Exchange, u.Tradingsymbol, u.Product, u.TransactionType = "", "", "", "" }},
			{source: ws, raw: "PUT ORDER REQ RECEIVED", at: 0, quantity: 75, edit: func(u *Update) { u.Product, u.TransactionType, u.Account = "", "", "" }},
			{source: pb, raw: "UPDATE", at: 2, quantity: 75, filled: 25, price: 121},
			{source: pb, raw: "COMPLETE", at: 5, quantity: 75, filled: 75, price: 121, average: 120.5, edit: func(u *Update) { u.ExchangeOrderID = "11" }},
			{source: book, raw: "COMPLETE", at: 5, quantity: 75, filled: 75, price: 121, average: 120.5},
		}},
		{name: "after-market order cancelled before it was sent", terminal: KindCancelled, role: RoleEntry, partial: []int{0, 1}, seen: []sketch{
			{source: book, raw: "AMO REQ RECEIVED", at: 0, quantity: 5, price: 10, edit: amo},
			{source: book, raw: "MODIFY AMO REQ RECEIVED", at: 3, quantity: 6, price: 10, edit: amo},
			{source: book, raw: "CANCELLED AMO", at: 5, quantity: 6, cancelled: 6, price: 10, edit: amo},
			{source: book, raw: "CANCELLED", at: 5, quantity: 6, cancelled: 6, price: 10, edit: func(u *Update) { amo(u); u.Began = second(60) }},
		}},
	}
}

// begin is the life's world before its own order is seen.
func (l *life) begin(t *testing.T) *world {
	w := newWorld(t)
	for _, s := range l.given {
		w.see(s)
	}
	w.events = nil
	return w
}

func (l *life) updates() []*Update {
	var all []*Update
	for i, s := range l.seen {
		u := s.row()
		u.Raw = fmt.Append(u.Raw, i)
		all = append(all, u)
	}
	return all
}

const lifeID = "251121000000001"

// ending is what must not depend on the order of arrival.
func ending(b *Book) string {
	o, _ := b.Order(lifeID)
	return seen(o.Seen(Claimed)) + "\n" + seen(o.Seen(Confirmed)) + "\n" +
		picture(b.Holding(Claimed, o.Key())) + picture(b.Holding(Confirmed, o.Key()))
}

// final is what must not even depend on the partial ones: all but when it was first seen to be placed and filled.
func final(b *Book) string {
	o, _ := b.Order(lifeID)
	h := b.Holding(Claimed, o.Key())
	row := o.Seen(Claimed).Row
	row.Received, row.Began = time.Time{}, time.Time{}
	row.ExchangeOrderID, row.Tags = "", nil // only some rows carry them
	doc, _ := json.Marshal(&row)
	return fmt.Sprint(string(doc), h.Position, h.Surplus, h.Role(o.ID), h.GroupOf(o.ID))
}

// told sums up events as they come, and says what is wrong with them.
type told struct {
	Sum      int64
	Terminal Kind
}

func (s *told) take(events []Event) error {
	for _, e := range events {
		s.Sum += e.Fill
		switch {
		case e.Fill < 0 && e.Kind != KindRoleChanged:
			return fmt.Errorf("%s takes a fill back: %d", e.Kind, e.Fill)
		case e.Filled != s.Sum:
			return fmt.Errorf("%s says %d filled, told were %d", e.Kind, e.Filled, s.Sum)
		}
		switch e.Kind {
		case KindFill, KindRejected, KindCancelled, KindExpired:
			if s.Terminal != "" {
				return fmt.Errorf("%s after %s", e.Kind, s.Terminal)
			}
			s.Terminal = e.Kind
		}
	}
	return nil
}

func (l *life) check(s told) error {
	if s.Sum != l.filled || s.Terminal != l.terminal {
		return fmt.Errorf("told %d and %q, want %d and %q", s.Sum, s.Terminal, l.filled, l.terminal)
	}
	return nil
}

// permutations calls f with every order of 0..n-1.
func permutations(n int, f func([]int)) {
	p := make([]int, n)
	for i := range p {
		p[i] = i
	}
	var walk func(int)
	walk = func(k int) {
		if k == n {
			f(p)
			return
		}
		for i := k; i < n; i++ {
			p[k], p[i] = p[i], p[k]
			walk(k + 1)
			p[k], p[i] = p[i], p[k]
		}
	}
	walk(0)
}

func TestInvariant1EveryPermutationFoldsToTheSameOrder(t *testing.T) {
	for _, l := range lives() {
		t.Run(l.name, func(t *testing.T) {
			t.Parallel()
			updates, want := l.updates(), ""
			permutations(len(updates), func(p []int) {
				w, s := l.begin(t), told{}
				for _, i := range append(slices.Clone(p), p...) { // and the whole once more
					if err := s.take(w.fold(updates[i])); err != nil {
						t.Fatalf("%v: %v", p, err)
					}
				}
				if err := l.check(s); err != nil {
					t.Fatalf("%v: %v", p, err)
				}
				got := ending(w.Book)
				if want == "" {
					want = got
					h := w.Holding(Claimed, nifty)
					if h.Position != l.position || h.Role(lifeID) != l.role {
						t.Fatalf("position %d, role %q, want %d, %q", h.Position, h.Role(lifeID), l.position, l.role)
					}
				}
				if got != want {
					t.Fatalf("%v ends as\n%s\nelse as\n%s", p, got, want)
				}
			})
		})
	}
}

// TestInvariant1EveryDuplicationEndsTheSame walks every sequence in which each update comes once or twice, or, if
// it is a partial one, not at all. There are millions, so it goes from state to state (how often each came, and
// everything that the book keeps of the order) and visits no state twice.
func TestInvariant1EveryDuplicationEndsTheSame(t *testing.T) {
	for _, l := range lives() {
		t.Run(l.name, func(t *testing.T) {
			t.Parallel()
			l.exhaust(t)
		})
	}
}

type state struct {
	counts [6]byte
	order  *Order // nil: not seen
	told   told
}

func (s *state) key() string {
	if s.order == nil {
		return ""
	}
	o := *s.order
	o.FirstSeen, o.Claimed = time.Time{}, time.Time{}
	o.Claims = slices.Sorted(slices.Values(o.Claims))
	o.Layers[Claimed].Row.Received, o.Layers[Confirmed].Row.Received = time.Time{}, time.Time{}
	doc, _ := json.Marshal(&o)
	return fmt.Sprint(s.counts, s.told, string(doc))
}

func (l *life) exhaust(t *testing.T) {
	updates, base := l.updates(), l.begin(t)
	whole, partly, ends := "", "", 0
	visited := map[string]bool{}
	var walk func(s state)
	walk = func(s state) {
		if k := s.key(); visited[k] {
			return
		} else {
			visited[k] = true
		}
		if all, some := l.came(s.counts); some {
			ends++
			b := l.with(base, s.order)
			if err := l.check(s.told); err != nil {
				t.Fatalf("%v: %v", s.counts, err)
			}
			if got := final(b); partly == "" {
				partly = got
			} else if got != partly {
				t.Fatalf("%v ends as\n%s\nelse as\n%s", s.counts, got, partly)
			}
			if got := ending(b); all && whole == "" {
				whole = got
			} else if all && got != whole {
				t.Fatalf("%v ends as\n%s\nelse as\n%s", s.counts, got, whole)
			}
		}
		for i, u := range updates {
			if s.counts[i] == 2 {
				continue
			}
			next := state{s.counts, nil, s.told}
			next.counts[i]++
			b := l.with(base, s.order)
			o := b.Fold(u, start).Order
			if err := next.told.take(b.Tell(o, false, start)); err != nil {
				t.Fatalf("%v then %d: %v", s.counts, i, err)
			}
			next.order = o
			walk(next)
		}
	}
	walk(state{})
	if ends == 0 {
		t.Fatal("no sequence ended")
	}
}

// with is the world before, with the order in a state of its own.
func (l *life) with(base *world, o *Order) *Book {
	b := NewBook(account)
	b.SetOvernight(nil)
	for _, g := range base.Orders() {
		b.Restore(g)
	}
	if o != nil {
		c := *o
		c.Claims = slices.Clone(o.Claims)
		b.Restore(&c)
	}
	return b
}

// came says whether every update came, and whether all that may not be missing came.
func (l *life) came(counts [6]byte) (all, enough bool) {
	all, enough = true, true
	for i := range l.seen {
		if counts[i] == 0 {
			all = false
			enough = enough && slices.Contains(l.partial, i)
		}
	}
	return all, enough
}

func TestLivesNameSixUpdatesAtMost(t *testing.T) {
	for _, l := range lives() {
		if len(l.seen) > len(state{}.counts) || strings.TrimSpace(l.name) == "" {
			t.Errorf("%s: %d updates", l.name, len(l.seen))
		}
	}
}
