package enginetest

import (
	"context"
	"fmt"
	"math"

	"backstop/actions"
	"backstop/engine/journal"
	"backstop/engine/paper"
)

// judge looks at the exchange's true book and the journal's rows, after all has come to rest, and says what is
// wrong. It shares no code with the engine: positions are added up anew in the ledger.
func (w *world) judge() error {
	book := w.book()
	w.judgeDoubles(book)
	w.judgeEvents(book)
	if err := w.judgeAcked(); err != nil {
		return err
	}
	if err := w.judgeRest(); err != nil {
		return err
	}
	for _, k := range w.keys() {
		w.judgeCover(k)
	}
	w.judgeHands(book)
	return nil
}

// judgeDoubles: a placement reached the exchange twice only where the first was hidden for longer than its absence
// takes to prove; then at most one of the two is alive.
func (w *world) judgeDoubles(book []paper.BookOrder) {
	const name = "invariant 2, every placement reaches the exchange once"
	seen, live := map[string]int{}, map[string]int{}
	for _, o := range book {
		if !ours(o) {
			continue
		}
		seen[o.Tag]++
		if o.Live() {
			live[o.Tag]++
		}
		most := 1
		if o.Variety == "iceberg" {
			most = icebergLegs // one after the other
		}
		if seen[o.Tag] == most+1 {
			w.stats.Doubles++
			if !w.audit.hiddenTags[o.Tag] && w.watch.late.IsZero() {
				w.broke(name, "tag %s stands on %d orders", o.Tag, most+1)
			}
		}
		if live[o.Tag] == 2 && (o.Variety != "iceberg" || !w.audit.hiddenTags[o.Tag]) { // twins of one that was hidden are known by their third leg
			w.broke(name, "two live orders have tag %s: the later one was not cancelled", o.Tag)
		}
	}
}

// judgeEvents: every order of the book is decided exactly once: one terminal event, and the fills told add up.
func (w *world) judgeEvents(book []paper.BookOrder) {
	const name = "invariant 1, every update is decided once"
	a := &w.audit
	for _, o := range book {
		if a.refuted[o.OrderID] || a.old[o.OrderID] {
			continue
		}
		if a.fills[o.OrderID] != int64(o.Filled) {
			w.broke(name, "%s filled %d, its events told %d", w.short(o.OrderID), o.Filled, a.fills[o.OrderID])
		}
		if want := map[bool]int{true: 0, false: 1}[o.Live()]; a.ends[o.OrderID] != want {
			w.broke(name, "%s is %s and has %d terminal events", w.short(o.OrderID), o.Status, a.ends[o.OrderID])
		}
	}
}

// judgeAcked: what was answered 200 is in the journal, as the store itself gives it back.
func (w *world) judgeAcked() error {
	kept := map[string]bool{}
	for before := ""; ; {
		rows, next, err := w.store.Inputs(context.Background(), journal.Query{Limit: 1000, Before: before, Kind: string(journal.InputUpdate)})
		if err != nil {
			return err
		}
		for _, row := range rows {
			kept[string(row.Doc)] = true
		}
		if next == "" {
			break
		}
		before = next
	}
	for _, body := range w.audit.acked {
		if !kept[body] {
			w.broke("invariant 3, 200 comes after the commit", "answered and not in the journal: %.120s", body)
		}
	}
	return nil
}

// judgeRest: nothing hangs: no request is under way, no message was lost.
func (w *world) judgeRest() error {
	const name = "everything comes to rest"
	for _, state := range []actions.State{actions.Running, actions.Unknown, actions.Accepted} {
		rows, _, err := w.store.Requests(context.Background(), journal.Query{Limit: 10, State: string(state)})
		if err != nil {
			return err
		}
		for _, r := range rows {
			w.broke(name, "%s is still %s", w.call(&r), r.State)
		}
	}
	for _, state := range []actions.State{actions.Running, actions.Unknown} {
		rows, _, err := w.store.Actions(context.Background(), journal.Query{Limit: 10, State: string(state)})
		if err != nil {
			return err
		}
		for _, a := range rows {
			w.broke(name, "action %s (%s) is still %s", a.ID, a.Type, a.State)
		}
	}
	return nil
}

// judgeCover: at rest the live exits of ours are exactly what is open and not taken by a person's own live exit,
// and none stands without a position. Where a stop has triggered and hangs, the target beside it is gone. Where
// something that no rule can help explains it there may be less, never more.
func (w *world) judgeCover(k key) {
	const name = "invariant 4, what is live is what is open"
	p := w.place(k)
	want := max(0, p.open-p.others)
	if w.c.Mode == "dry-run" {
		want = 0
	}
	if have := p.stops + p.exits; have > want+p.unsure || have < want && w.watch.excused[k] == "" {
		w.broke(name, "%v holds %d, others' exits take %d, live stops %d and exits %d of ours cover it", k, p.net, p.others, p.stops, p.exits)
	}
	wish := max(0, want-p.triggered)
	less := !w.c.Wants.Targets || w.c.Poor || w.watch.excused[k] != "" || w.watch.lapsed[k] > 0
	if have := p.targets + p.exits; have > wish+p.unsure && p.targets > 0 || have < wish && !less {
		w.broke(name, "%v holds %d, others' exits take %d, triggered %d, live targets cover %d", k, p.net, p.others, p.triggered, p.targets)
	}
	if p.wrong > 0 {
		w.broke(name, "%v holds %d, and exits of ours for %d would add to it", k, p.net, p.wrong)
	}
}

// judgeHands: a trigger that a person moved stays moved.
func (w *world) judgeHands(book []paper.BookOrder) {
	for _, o := range book {
		moved := w.watch.byHand[o.OrderID]
		if moved == "" || moved == "cancelled" || o.Status != "TRIGGER PENDING" {
			continue
		}
		if have := money(o.TriggerPrice); have != moved {
			w.broke("a moved stop stays moved", "%s was moved to %s, and stands at %s", w.short(o.OrderID), moved, have)
		}
	}
}

// end is what is held and what stands behind it, place by place: what must not depend on the way of the process.
func (w *world) end() []string {
	var all []string
	for _, k := range w.keys() {
		p := w.place(k)
		low := math.Inf(1)
		for _, o := range w.book() {
			if keyOf(o) == k && ours(o) && o.Status == "TRIGGER PENDING" {
				low = min(low, o.TriggerPrice)
			}
		}
		all = append(all, fmt.Sprintf("%v: %d held, stops %d from %.2f, targets %d, exits %d", k, p.net, p.stops, low, p.targets, p.exits))
	}
	return all
}
