package journaltest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"backstop/actions"
	"backstop/engine/journal"
	"backstop/engine/order"
)

// Kept is what RunKeeping needs of a store.
type Kept struct {
	Open   Open
	Import func(t *testing.T, export io.Reader) (journal.Store, error)
}

// RunKeeping has a store pass the contract of journal.Keeper.
func RunKeeping(t *testing.T, k Kept) {
	tests := []struct {
		name string
		test func(*testing.T, Kept)
	}{
		{"what was written verifies", verifies},
		{"an export comes back row by row", roundTrip},
		{"a damaged export is refused", damagedExport},
		{"prune keeps what is needed and verifies", pruneKeeps},
		{"prune again and again", pruneAgain},
	}
	for _, x := range tests {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			x.test(t, k)
		})
	}
}

func keeper(t *testing.T, s journal.Store) journal.Keeper {
	t.Helper()
	k, ok := s.(journal.Keeper)
	if !ok {
		t.Fatalf("%T keeps no journal", s)
	}
	return k
}

// Verify is what is wrong with a store.
func Verify(t *testing.T, s journal.Store) (found []journal.Finding, seen journal.Verified) {
	t.Helper()
	seen, err := journal.Verify(t.Context(), keeper(t, s), func(f journal.Finding) { found = append(found, f) })
	must(t, err)
	return found, seen
}

func sound(t *testing.T, when string, s journal.Store) journal.Verified {
	t.Helper()
	found, seen := Verify(t, s)
	for _, f := range found {
		t.Errorf("%s: %+v", when, f)
	}
	return seen
}

// Export is a store's export.
func Export(t *testing.T, s journal.Store) string {
	t.Helper()
	var b bytes.Buffer
	must(t, keeper(t, s).ReadRows(t.Context(), func(read journal.Read) error { return journal.WriteLines(&b, "test", read) }))
	return b.String()
}

// days fills a store with three days of two accounts: rows of every table, replaced ones, deleted docs.
func days(t *testing.T, s journal.Store) {
	t.Helper()
	for day := range 3 {
		at := noon.AddDate(0, 0, day-2)
		for n := range 4 {
			for _, account := range []string{"AB", "CD", "an\x00 odd ₹"} {
				c := fullCommit(account, 1000*day+100*n, order.IST)
				c.At, c.Exits, c.Risk = at.Add(time.Duration(n)*time.Minute), 10, n
				c.Inputs[0].Doc, c.Inputs[1].OrderID = []byte("\xff\xfe"), "\xff\x00"
				for i := range c.Orders {
					c.Orders[i].Day = order.DayOf(at)
				}
				for i := range c.Requests {
					c.Requests[i].Created, c.Requests[i].State = at, []actions.State{actions.Done, actions.Waiting}[i]
					c.Actions[i].Created, c.Actions[i].State = at, []actions.State{actions.Done, actions.Waiting}[i]
				}
				c.Docs = append(c.Docs, journal.Doc{Kind: "lane", ID: account, Body: fmt.Append(nil, n)}, journal.Doc{Kind: "gone", ID: fmt.Sprint(n), Body: []byte("x")},
					journal.Doc{Kind: "gone", ID: fmt.Sprint(n - 1)})
				commit(t, s, c)
				commit(t, s, &journal.Commit{Account: account, At: c.At, Events: []journal.Event{{ID: c.Events[0].ID, Account: account, OrderID: c.Events[0].OrderID, RulesVersion: "late"}},
					Orders: []journal.OrderRow{{OrderID: "always", Account: account, Day: order.DayOf(at), Status: fmt.Sprint(n)}}})
			}
		}
	}
	must(t, s.SaveInstruments(t.Context(), today, func(add func(order.Instrument) error) error {
		for i := range 2 * journal.PartRows {
			if err := add(order.Instrument{Exchange: "NFO", Tradingsymbol: fmt.Sprint("X", i), TickSize: 50_000}); err != nil {
				return err
			}
		}
		return nil
	}))
}

func verifies(t *testing.T, k Kept) {
	s, reopen := k.Open(t)
	if seen := sound(t, "empty", s); seen.Rows != 0 {
		t.Errorf("%d rows in an empty store", seen.Rows)
	}
	days(t, s)
	seen := sound(t, "days", s)
	if seen.Steps != 72 || seen.Rows < 300 {
		t.Errorf("looked at %+v", seen)
	}
	s = reopen()
	if again := sound(t, "reopened", s); again != seen {
		t.Errorf("looked at %+v, and again at %+v", seen, again)
	}
	commit(t, s, fullCommit("AB", 5000, order.IST))
	sound(t, "after reopening and a commit", s)
	inputs := list(t, s.Inputs, journal.Query{Limit: 7})
	if inputs[0].Step != 73 || inputs[len(inputs)-1].Step != 1 {
		t.Errorf("the newest input is of step %d, the oldest of %d", inputs[0].Step, inputs[len(inputs)-1].Step)
	}
}

func roundTrip(t *testing.T, k Kept) {
	s, _ := k.Open(t)
	days(t, s)
	_, err := keeper(t, s).Prune(t.Context(), "2026-11-22", noon)
	must(t, err)
	export := Export(t, s)
	if !strings.HasPrefix(export, `{"backstop_journal":1,"by":"test"}`+"\n"+`{"table":"cut",`) {
		t.Errorf("it begins %.200s", export)
	}
	back, err := k.Import(t, strings.NewReader(export))
	must(t, err)
	if again := Export(t, back); again != export {
		a, b := strings.Split(export, "\n"), strings.Split(again, "\n")
		for i := range min(len(a), len(b)) {
			if a[i] != b[i] {
				t.Fatalf("line %d:\nwas %.300s\nis  %.300s", i+1, a[i], b[i])
			}
		}
		t.Fatalf("%d lines, and again %d", len(a), len(b))
	}
	sound(t, "imported", back)
	for _, account := range []string{"AB", "CD", "an\x00 odd ₹"} {
		same(t, "all of "+account, all(t, back, account), all(t, s, account))
	}
	// Both go on alike.
	for _, s := range []journal.Store{s, back} {
		commit(t, s, fullCommit("AB", 7000, order.IST))
		sound(t, "a commit later", s)
	}
	if a, b := Export(t, s), Export(t, back); a != b {
		t.Error("a commit later they differ")
	}
}

func damagedExport(t *testing.T, k Kept) {
	s, _ := k.Open(t)
	commit(t, s, Numbered("AB", 1))
	export := Export(t, s)
	lines := strings.SplitAfter(export, "\n")
	for name, text := range map[string]string{
		"no end":          strings.Join(lines[:len(lines)-2], ""),
		"half a line":     export[:len(export)/2],
		"a missing row":   strings.Join(slices.Delete(slices.Clone(lines), 2, 3), ""),
		"a changed value": strings.Replace(export, `"COMPLETE"`, `"REJECTED"`, 1),
		"no head":         strings.Join(lines[1:], ""),
		"something else":  "account,order\nAB,1\n",
		"an odd table":    strings.Replace(export, `"table":"docs"`, `"table":"users"`, 1),
		"nothing":         "",
	} {
		_, err := k.Import(t, strings.NewReader(text))
		if !errors.Is(err, journal.ErrLines) && !errors.Is(err, journal.ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
	newer := strings.Replace(export, `"backstop_journal":1`, `"backstop_journal":9`, 1)
	if _, err := k.Import(t, strings.NewReader(newer)); !errors.Is(err, journal.ErrNewer) {
		t.Errorf("an export of a newer version: %v", err)
	}
}

func pruneKeeps(t *testing.T, k Kept) {
	s, reopen := k.Open(t)
	days(t, s)
	before := map[string]*journal.Snapshot{}
	for _, account := range []string{"AB", "CD", "an\x00 odd ₹"} {
		before[account] = load(t, s, account, today)
	}
	pruned, err := keeper(t, s).Prune(t.Context(), today, noon)
	must(t, err)
	for _, table := range journal.PrunedTables() {
		if pruned[table] == 0 {
			t.Errorf("nothing of %s was pruned: %v", table, pruned)
		}
	}
	for _, again := range []func() journal.Store{func() journal.Store { return s }, reopen} {
		s := again()
		sound(t, "pruned", s)
		for account, want := range before {
			same(t, "what is loaded of "+account, load(t, s, account, today), want)
		}
		for _, in := range list(t, s.Inputs, journal.Query{}) {
			if in.Step <= 48 {
				t.Errorf("input %d of step %d is there", in.Seq, in.Step)
			}
		}
		for _, r := range list(t, s.Requests, journal.Query{}) {
			if r.State.Final() && r.Created.Before(noon.AddDate(0, 0, -1)) {
				t.Errorf("request %s of %v is there", r.ID, r.Created)
			}
		}
	}
	more := fullCommit("AB", 9000, order.IST)
	s = reopen()
	commit(t, s, more)
	if newest := list(t, s.Inputs, journal.Query{Limit: 1000}); newest[0].Seq != more.Inputs[1].Seq || newest[0].Seq != 73+1 {
		t.Errorf("the numbers go on with %d", more.Inputs[1].Seq)
	}
	sound(t, "a commit later", s)
}

func pruneAgain(t *testing.T, k Kept) {
	s, reopen := k.Open(t)
	if pruned, err := keeper(t, s).Prune(t.Context(), today, noon); err != nil || len(pruned) != 0 {
		t.Errorf("of an empty store: %v, %v", pruned, err)
	}
	days(t, s)
	for _, day := range []order.Day{"2026-01-01", "2026-11-21", "2026-11-22", "2026-11-22", today, "2026-12-24", "2026-12-24"} {
		_, err := keeper(t, s).Prune(t.Context(), day, noon)
		must(t, err)
		sound(t, "pruned to "+string(day), s)
	}
	s = reopen()
	sound(t, "reopened", s)
	next := fullCommit("AB", 9000, order.IST)
	next.At = noon.AddDate(0, 2, 0)
	commit(t, s, next)
	if next.Inputs[0].Seq != 73 || next.Inputs[0].Step != 73 {
		t.Errorf("the numbers go on with input %d of step %d", next.Inputs[0].Seq, next.Inputs[0].Step)
	}
	_, err := keeper(t, s).Prune(t.Context(), "2027-01-01", noon)
	must(t, err)
	sound(t, "and once more", s)
	for _, bad := range []order.Day{"", "yesterday"} {
		if _, err := keeper(t, s).Prune(t.Context(), bad, noon); err == nil {
			t.Errorf("%q was taken for a day", bad)
		}
	}
}
