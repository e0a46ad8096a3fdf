package enginetest

import (
	"context"
	"encoding/json"
	"math"
	"strings"

	"backstop/engine/journal"
	"backstop/engine/paper"
)

// judge looks at the exchange's true book and the journal's rows, after all has come to rest, and says what is
// wrong. It shares no code with the engine: positions are added up anew here.
func (w *world) judge() error {
	say := w.break_
	book := w.x.Book()
	if d := doubled(book); len(d) > 0 {
		say("invariant 2: a placement reached the exchange twice: %v", d)
	}
	if err := judgeEvents(w, book, say); err != nil {
		return err
	}
	if err := judgeAcked(w, say); err != nil {
		return err
	}
	if err := judgeRest(w, say); err != nil {
		return err
	}
	for _, k := range w.keys() {
		w.judgeCover(k, say)
	}
	w.judgeHands(book, say)
	return nil
}

// ours says whether Backstop placed an order.
func ours(o paper.BookOrder) bool { return strings.HasPrefix(o.Tag, "bs") }

// doubled are tags of ours on more than one order.
func doubled(book []paper.BookOrder) []string {
	seen := map[string]int{}
	var twice []string
	for _, o := range book {
		if ours(o) {
			seen[o.Tag]++
			if seen[o.Tag] == 2 {
				twice = append(twice, o.Tag)
			}
		}
	}
	return twice
}

// judgeEvents: every order of the book is decided exactly once: one terminal event, and the fills told add up.
func judgeEvents(w *world, book []paper.BookOrder, say func(string, ...any)) error {
	fills, ends, refuted := map[string]int64{}, map[string]int{}, map[string]bool{}
	for before := ""; ; {
		rows, next, err := w.store.Events(context.Background(), journal.Query{Limit: 1000, Before: before})
		if err != nil {
			return err
		}
		for _, row := range rows {
			var e struct {
				Fill int64 `json:"fill_quantity"`
			}
			if err := json.Unmarshal(row.Doc, &e); err != nil {
				return err
			}
			fills[row.OrderID] += e.Fill
			switch row.Kind {
			case "fill", "cancelled", "expired", "rejected":
				ends[row.OrderID]++
			case "refuted":
				refuted[row.OrderID] = true // what was told of the forged fill was taken back
			}
		}
		if next == "" {
			break
		}
		before = next
	}
	for _, o := range book {
		if refuted[o.OrderID] {
			continue
		}
		if fills[o.OrderID] != int64(o.Filled) {
			say("invariant 1: order %s filled %d, its events told %d", o.OrderID, o.Filled, fills[o.OrderID])
		}
		if want := map[bool]int{true: 0, false: 1}[o.Live()]; ends[o.OrderID] != want {
			say("invariant 1: order %s is %s and has %d terminal events", o.OrderID, o.Status, ends[o.OrderID])
		}
	}
	return nil
}

// judgeAcked: what was answered 200 is in the journal.
func judgeAcked(w *world, say func(string, ...any)) error {
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
	for _, body := range w.acked {
		if !kept[body] {
			say("invariant 3: answered 200 and not in the journal: %.80s", body)
		}
	}
	return nil
}

// judgeRest: nothing hangs: no request is under way, no message was lost.
func judgeRest(w *world, say func(string, ...any)) error {
	for _, state := range []string{"running", "unknown", "accepted"} {
		rows, _, err := w.store.Requests(context.Background(), journal.Query{Limit: 10, State: state})
		if err != nil {
			return err
		}
		for _, r := range rows {
			say("request %s (%s %s) is still %s", r.ID, r.Call.Method, r.OrderID, r.State)
		}
	}
	for _, state := range []string{"running", "unknown"} {
		rows, _, err := w.store.Actions(context.Background(), journal.Query{Limit: 10, State: state})
		if err != nil {
			return err
		}
		for _, a := range rows {
			say("action %s (%s) is still %s", a.ID, a.Type, a.State)
		}
	}
	return nil
}

// judgeCover: at rest the live exits of ours are exactly what is open and not taken by a person's own live exit,
// and none stands without a position. Where a stop has triggered and hangs, the target beside it is gone. Where
// something that no rule can help explains it there may be less, never more.
func (w *world) judgeCover(k key, say func(string, ...any)) {
	p := w.place(k)
	want := max(0, p.open-p.others)
	if have := p.stops + p.exits; have > want+p.unsure || have < want && w.watch.excused[k] == "" {
		say("invariant 4: %v holds %d, others' exits take %d, live stops %d and exits %d of ours cover it", k, p.net, p.others, p.stops, p.exits)
	}
	wish := max(0, want-p.triggered)
	less := !w.c.Wants.Targets || w.c.Trouble.Poor || w.watch.excused[k] != "" || w.watch.lapsed[k] > 0
	if have := p.targets + p.exits; have > wish+p.unsure && p.targets > 0 || have < wish && !less {
		say("invariant 4: %v holds %d, others' exits take %d, triggered %d, live targets cover %d", k, p.net, p.others, p.triggered, p.targets)
	}
	if p.wrong > 0 {
		say("invariant 4: %v holds %d, and exits of ours for %d would add to it", k, p.net, p.wrong)
	}
}

// judgeHands: a trigger that a person moved stays moved.
func (w *world) judgeHands(book []paper.BookOrder, say func(string, ...any)) {
	for _, o := range book {
		moved := w.watch.byHand[o.OrderID]
		if moved == "" || moved == "cancelled" || o.Status != "TRIGGER PENDING" {
			continue
		}
		if have := money(o.TriggerPrice); have != moved {
			say("a person moved %s to %s, and it stands at %s", o.OrderID, moved, have)
		}
	}
}

func sign(o paper.BookOrder) int {
	if o.TransactionType == "SELL" {
		return -1
	}
	return 1
}

func abs(n int) int { return int(math.Abs(float64(n))) }
