package lane_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"backstop/engine/journal"
	"backstop/engine/journal/memory"
	"backstop/engine/lane"
	"backstop/engine/order"
)

// manyRules have leads of every kind, and conditions that the index can't read.
const manyRules = stopRule + `
  - name: nfo
    on: [fill, partial_fill, rejected]
    when: order.exchange == "NFO" and order.quantity > 10
    then: [log: nfo]
  - name: nse
    on: [fill, rejected]
    when: order.exchange in ["NSE", "BSE"] and order.tradingsymbol == "INFY"
    then: [log: nse]
  - name: sold
    on: [fill, open]
    when: order.transaction_type == "SELL" and order.role == "exit"
    then: [log: sold]
  - name: exits
    on: fill
    when: order.role == "exit" and order.exchange == "NSE"
    then: [log: exits]
  - name: hers
    on: fill
    accounts: [ZZ0000]
    when: order.exchange == "NFO"
    then: [log: hers]
  - name: off
    on: fill
    enabled: false
    then: [log: off]
  - name: went-flat
    on: flat
    when: order.exchange == "NFO" and order.role == "entry"
    then: [log: flat]
`

// What the journal tells of an event, with the rules that did not face it, is what evaluating every rule gives.
func TestEveryRulesWordIsToldThoughOnlyThoseThatFacedTheEventAreWritten(t *testing.T) {
	play := func(tell bool) (*desk, []journal.Event) {
		d := newDesk(t, manyRules, func(o *lane.Options) { o.Tell = tell })
		d.set("E1", filled(75))
		d.postback("E1")
		d.readBook()
		d.set("R1", func(u *order.Update) { u.Status, u.StatusMessage = order.StatusRejected, "Insufficient funds" })
		d.postback("R1")
		d.set("X1", func(u *order.Update) { u.TransactionType = order.Sell; filled(75)(u) })
		d.postback("X1")
		d.now = d.now.Add(2 * time.Second)
		d.readBook()
		var rows []journal.Event
		for _, e := range d.rows {
			rows = append(rows, e)
		}
		return d, rows
	}
	indexed, faced := play(false)
	_, all := play(true)
	store := memory.New()
	for _, e := range faced {
		e.Seq = 0
		if err := store.Commit(t.Context(), &journal.Commit{Account: "AB1234", At: indexed.now, Events: []journal.Event{e}, Docs: indexed.snap.Docs}); err != nil {
			t.Fatal(err)
		}
	}
	whole := journal.Whole(store)
	said := func(e journal.Event) (lines []string) {
		for _, d := range e.Decisions {
			if r, _ := indexed.opts.Rules.Rule(d.Rule); r.Listens(e.Kind) {
				lines = append(lines, fmt.Sprint(d.ID, " ", d.Matched, " ", d.Why))
			}
		}
		return lines
	}
	written, told := 0, 0
	for _, e := range all {
		rows, _, err := whole.Events(t.Context(), journal.Query{ID: e.ID})
		if err != nil || len(rows) != 1 {
			t.Fatalf("event %s %s: %d rows, %v", e.ID, e.Kind, len(rows), err)
		}
		if have, want := said(rows[0]), said(e); !slices.Equal(have, want) {
			t.Errorf("%s of %s\ntold      %q\nevaluated %q", e.Kind, e.OrderID, have, want)
		}
		told += len(rows[0].Decisions)
	}
	for _, e := range faced {
		written += len(e.Decisions)
	}
	if written >= told {
		t.Errorf("%d decisions are written of %d that are told", written, told)
	}
	rows, _, err := whole.Events(t.Context(), journal.Query{Rule: "nse"}) // a rule that never faced one
	if err != nil || len(rows) < 2 {
		t.Errorf("rule nse decided %d events, %v", len(rows), err)
	}
}
