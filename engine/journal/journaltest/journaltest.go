// Package journaltest is what every store of the journal passes: the contract of journal.Store as tests.
//
// It promises that two stores which pass give the same rows, numbers, order and pages for the same commits, so
// that nothing above them can tell which one it has. It looks at stores through the interface alone and imports
// the records and the memory store, its reference. Run fails where a store breaks the contract.
package journaltest

import (
	"context"
	"errors"
	"reflect"
	"testing"
	"time"

	"backstop/actions"
	"backstop/engine/journal"
	"backstop/engine/order"
)

// Open makes an empty store for one test, and gives it with a function that closes it and opens the same rows
// again. Whatever is open at the end of the test is for Open to close.
type Open func(t *testing.T) (store journal.Store, reopen func() journal.Store)

// Run has a store pass the contract.
func Run(t *testing.T, open func(t *testing.T) (store journal.Store, reopen func() journal.Store)) {
	tests := []struct {
		name string
		test func(*testing.T, Open)
	}{
		{"what is committed comes back", comesBack},
		{"rows are replaced in their place", replaced},
		{"docs are replaced and deleted", docs},
		{"nothing is shared with the caller", unshared},
		{"a failed commit leaves nothing", failedLeavesNothing},
		{"odd text", oddText},
		{"big rows", bigRows},
		{"times", times},
		{"numbers rise", numbersRise},
		{"load selects", loadSelects},
		{"lists filter", listsFilter},
		{"lists page", listsPage},
		{"a garbled cursor", garbledCursor},
		{"as the reference", asReference},
		{"instruments", instruments},
		{"closed", closed},
	}
	for _, x := range tests {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			x.test(t, open)
		})
	}
}

// noon is an instant of the day that the tests live in.
var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, order.IST)

const today = order.Day("2026-11-23")

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func commit(t *testing.T, s journal.Store, c *journal.Commit) {
	t.Helper()
	must(t, s.Commit(t.Context(), c))
}

func load(t *testing.T, s journal.Store, account string, day order.Day) *journal.Snapshot {
	t.Helper()
	snap, err := s.Load(t.Context(), account, day)
	must(t, err)
	return snap
}

// list is every row that a list has for a query, page after page.
func list[T any](t *testing.T, read func(context.Context, journal.Query) ([]T, string, error), q journal.Query) []T {
	t.Helper()
	var all []T
	for pages := 0; ; pages++ {
		rows, next, err := read(t.Context(), q)
		must(t, err)
		all = append(all, rows...)
		if next == "" {
			return all
		}
		if len(rows) == 0 || pages > 10_000 {
			t.Fatalf("page %d has %d rows and a next one: %q", pages, len(rows), next)
		}
		q.Before = next
	}
}

// same fails where what came back is not what was written.
func same(t *testing.T, what string, have, want any) {
	t.Helper()
	if !reflect.DeepEqual(have, want) {
		t.Errorf("%s:\nhave %+v\nwant %+v", what, have, want)
	}
}

// everything is all that a store shows of an account, newest first.
type everything struct {
	Inputs   []journal.Input
	Events   []journal.Event
	Actions  []actions.Action
	Requests []actions.Request
	Orders   []journal.OrderRow
	Load     journal.Snapshot
}

func all(t *testing.T, s journal.Store, account string) everything {
	t.Helper()
	q := journal.Query{Account: account}
	return everything{list(t, s.Inputs, q), list(t, s.Events, q), list(t, s.Actions, q), list(t, s.Requests, q),
		list(t, s.Orders, q), *load(t, s, account, "")}
}

func closed(t *testing.T, open Open) {
	s, reopen := open(t)
	commit(t, s, &journal.Commit{Account: "AB", Docs: []journal.Doc{{Kind: "slot", ID: "1", Body: []byte("x")}}})
	must(t, s.Close())
	if err := s.Close(); err != nil {
		t.Errorf("closing again: %v", err)
	}
	err := s.Commit(t.Context(), &journal.Commit{Account: "AB", Docs: []journal.Doc{{Kind: "slot", ID: "2", Body: []byte("x")}}})
	if !errors.Is(err, journal.ErrClosed) {
		t.Errorf("commit to a closed store: %v", err)
	}
	if _, err := s.Load(t.Context(), "AB", ""); !errors.Is(err, journal.ErrClosed) {
		t.Errorf("load of a closed store: %v", err)
	}
	if n := len(load(t, reopen(), "AB", "").Docs); n != 1 {
		t.Errorf("%d docs after reopening", n)
	}
}
