//go:build unix

package crashtest

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"backstop/actions"
	"backstop/engine/journal"
	"backstop/engine/journal/sqlite"
)

// ledger is what the journal holds, read beside whoever writes it.
type ledger struct {
	acknowledged []string // what the exchange saw answered 200, noted before the journal was read

	raw    map[string]bool     // updates, byte for byte
	told   map[string]int64    // fills that events told, by user and order
	ends   map[string]int      // terminal events
	gone   map[string]bool     // orders whose claim was refuted: what was told is taken back
	open   []string            // requests that are not at their end
	fallen []string            // lanes whose time fell
	known  map[string]struct{} // orders
}

// pages reads a list of the journal to its end.
func pages[T any](list func(context.Context, journal.Query) ([]T, string, error), q journal.Query, each func(*T)) error {
	for q.Limit = 1000; ; {
		rows, next, err := list(context.Background(), q)
		if err != nil {
			return err
		}
		for i := range rows {
			each(&rows[i])
		}
		if q.Before = next; next == "" {
			return nil
		}
	}
}

func readLedger(folder string) (*ledger, error) {
	store, err := sqlite.OpenReadOnly(context.Background(), folder)
	if err != nil {
		return nil, err
	}
	defer func() { _ = store.Close() }() // only read
	l := &ledger{raw: map[string]bool{}, told: map[string]int64{}, ends: map[string]int{}, gone: map[string]bool{}, known: map[string]struct{}{}}
	later := map[string]time.Time{}
	err = pages(store.Inputs, journal.Query{}, func(in *journal.Input) {
		if in.Kind == journal.InputUpdate {
			l.raw[string(in.Doc)] = true
		}
		if t, ok := later[in.Account]; ok && in.At.After(t) { // newest first
			l.fallen = append(l.fallen, fmt.Sprintf("%s: input %d is of %s, the one after it of %s", in.Account, in.Seq, in.At, t))
		}
		later[in.Account] = in.At
	})
	if err != nil {
		return nil, err
	}
	var bad error
	err = pages(store.Events, journal.Query{}, func(e *journal.Event) {
		var doc struct {
			Fill int64 `json:"fill_quantity"`
		}
		if err := json.Unmarshal(e.Doc, &doc); err != nil {
			bad = err
		}
		id := e.Account + " " + e.OrderID
		l.told[id] += doc.Fill
		switch e.Kind {
		case "fill", "cancelled", "expired", "rejected":
			l.ends[id]++
		case "refuted":
			l.gone[id] = true
		}
	})
	if err != nil || bad != nil {
		return nil, fmt.Errorf("events: %w %w", err, bad)
	}
	if l.open, err = underWay(store); err != nil {
		return nil, err
	}
	err = pages(store.Orders, journal.Query{}, func(o *journal.OrderRow) { l.known[o.Account+" "+o.OrderID] = struct{}{} })
	return l, err
}

// judging says what a judge must not ask for.
type judging struct {
	lost bool // part of the journal was lost: what it acknowledged, and told of orders, may be gone
}

// judgeKept: what was answered 200 is in the journal. It needs no rest.
func judgeKept(l *ledger) (wrong []string) {
	for _, line := range l.acknowledged {
		if !l.raw[line] {
			wrong = append(wrong, fmt.Sprintf("invariant 3: answered 200 and not in the journal: %.200s", line))
		}
	}
	return wrong
}

// judgeBook: every order of the exchange was decided exactly once. It holds after one reconciliation.
func judgeBook(l *ledger, book []row, j judging) (wrong []string) {
	for _, o := range book {
		id := o.User + " " + o.OrderID
		if _, ok := l.known[id]; !ok {
			wrong = append(wrong, fmt.Sprintf("lost: order %s is %s at the exchange and not in the journal", id, o.Status))
			continue
		}
		if j.lost || l.gone[id] {
			continue
		}
		if l.told[id] != int64(o.Filled) {
			wrong = append(wrong, fmt.Sprintf("invariant 1: order %s filled %d, its events told %d", id, o.Filled, l.told[id]))
		}
		want := 1
		if o.live() {
			want = 0
		}
		if l.ends[id] != want {
			wrong = append(wrong, fmt.Sprintf("invariant 1: order %s is %s and has %d terminal events", id, o.Status, l.ends[id]))
		}
	}
	return append(wrong, l.fallen...)
}

// judgeTags: nothing was doubled. It needs no rest.
func judgeTags(book []row) (wrong []string) {
	seen := map[string]string{}
	for _, o := range book {
		if !o.ours() {
			continue
		}
		if other := seen[o.Tag]; other != "" {
			wrong = append(wrong, fmt.Sprintf("invariant 2: doubled: tag %s is on %s and %s", o.Tag, other, o.OrderID))
		}
		seen[o.Tag] = o.OrderID
	}
	return wrong
}

// judgeCover: each position has stops of ours of its size, less what a person's own live exit would take of it (a
// resting entry is one where the position flipped), targets of at most its size, and nothing of ours stands where there
// is no position. It holds at rest.
func judgeCover(book []row) (wrong []string) {
	type place struct{ net, stops, others, wrong, persons int }
	places := map[string]*place{}
	at := func(o row) *place {
		id := o.User + " " + o.Tradingsymbol
		if places[id] == nil {
			places[id] = &place{}
		}
		return places[id]
	}
	for _, o := range book {
		at(o).net += o.sign() * o.Filled
	}
	for _, o := range book {
		p := at(o)
		switch {
		case !o.live():
		case !o.ours():
			if o.sign()*p.net < 0 {
				p.persons += o.Remaining
			}
		case o.sign()*p.net >= 0:
			p.wrong += o.Remaining
		case o.OrderType == "SL":
			p.stops += o.Remaining
		default:
			p.others += o.Remaining
		}
	}
	for id, p := range places {
		net := max(p.net, -p.net)
		switch {
		case p.wrong > 0:
			wrong = append(wrong, fmt.Sprintf("invariant 4: %s holds %d, and %d of ours would add to it", id, p.net, p.wrong))
		case p.stops > net || p.others > net:
			wrong = append(wrong, fmt.Sprintf("invariant 4: %s holds %d, stops %d, targets and exits %d", id, p.net, p.stops, p.others))
		case p.stops+p.persons < net:
			wrong = append(wrong, fmt.Sprintf("bare: %s holds %d, stops cover %d (targets and exits %d)", id, p.net, p.stops, p.others))
		}
	}
	return wrong
}

// verdict is what became of a world.
type verdict struct {
	orders, stops, fills, acknowledged int
	rested                             time.Duration // until all was at rest
}

// judge reconciles once, judges what must hold then, and waits until the rest holds too: the paces, and the proof of
// absence (20 s), take their time.
func (w *world) judge(j judging, most time.Duration) verdict {
	w.t.Helper()
	began := time.Now()
	w.until("every postback was sent", 60*time.Second, func() bool { done, err := w.exchange.delivered(); return err == nil && done })
	before, err := w.exchange.book() // what Backstop places from here on is another matter
	w.must(err)
	w.until("a reconciliation ends", 60*time.Second, func() bool { return w.reconcile() == nil })
	book, l := w.look()
	atOnce := judgeTags(book)
	if !j.lost {
		atOnce = append(atOnce, judgeKept(l)...)
	}
	atOnce = append(atOnce, judgeKnown(l, before)...)
	w.condemn("after one reconciliation", atOnce)
	var wrong []string
	for good := 0; good < 2; time.Sleep(300 * time.Millisecond) {
		if time.Since(began) > most {
			w.condemn(fmt.Sprintf("%s after the last crash", most), wrong)
			w.t.FailNow()
		}
		if wrong = w.unrest(); len(wrong) > 0 { // cheap, so asked first
			good = 0
			continue
		}
		book, l = w.look()
		wrong = append(judgeBook(l, book, j), judgeTags(book)...)
		wrong = append(wrong, judgeCover(book)...)
		if !j.lost {
			wrong = append(wrong, judgeKept(l)...)
		}
		wrong = append(wrong, l.open...)
		if good++; len(wrong) > 0 {
			good = 0
		}
	}
	w.verify()
	v := verdict{orders: len(book), acknowledged: len(l.acknowledged), rested: time.Since(began)}
	for _, o := range book {
		if o.ours() && o.OrderType == "SL" {
			v.stops++
		}
		if o.Filled > 0 {
			v.fills++
		}
	}
	return v
}

// unrest is what still moves, or is bare.
func (w *world) unrest() []string {
	w.t.Helper()
	book, err := w.exchange.book()
	w.must(err)
	store, err := sqlite.OpenReadOnly(context.Background(), w.data)
	w.must(err)
	defer func() { _ = store.Close() }() // only read
	open, err := underWay(store)
	w.must(err)
	return append(open, judgeCover(book)...)
}

// underWay are the requests that are not at their end.
func underWay(store *sqlite.Store) (open []string, err error) {
	for _, state := range []string{"waiting", "running", "unknown", "accepted"} {
		err := pages(store.Requests, journal.Query{State: state}, func(r *actions.Request) {
			open = append(open, fmt.Sprintf("%s: request %s (%s, %s) is %s %s", r.Account, r.ID, r.Call.Method, r.For, r.State, r.Why))
		})
		if err != nil {
			return nil, err
		}
	}
	return open, nil
}

// verify reads the whole journal against its checksums: no kill leaves half a step.
func (w *world) verify() {
	w.t.Helper()
	store, err := sqlite.OpenReadOnly(context.Background(), w.data)
	w.must(err)
	defer func() { _ = store.Close() }() // only read
	var wrong []string
	_, err = journal.Verify(context.Background(), store, func(f journal.Finding) { wrong = append(wrong, fmt.Sprintf("%+v", f)) })
	w.must(err)
	w.condemn("the journal", wrong)
}

// judgeKnown: after one reconciliation no order of the exchange is unknown.
func judgeKnown(l *ledger, book []row) (wrong []string) {
	for _, o := range book {
		if _, ok := l.known[o.User+" "+o.OrderID]; !ok {
			wrong = append(wrong, fmt.Sprintf("lost: order %s of %s is %s at the exchange and not in the journal after one reconciliation", o.OrderID, o.User, o.Status))
		}
	}
	return wrong
}

// look reads the exchange and then the journal, which so knows no less.
func (w *world) look() ([]row, *ledger) {
	w.t.Helper()
	book, err := w.exchange.book()
	w.must(err)
	record, err := os.ReadFile(filepath.Join(w.dir, "kept", "postbacks.jsonl"))
	w.must(err)
	l, err := readLedger(w.data)
	w.must(err)
	for line := range strings.Lines(string(record)) {
		if line, whole := strings.CutSuffix(line, "\n"); whole {
			l.acknowledged = append(l.acknowledged, line)
		}
	}
	return book, l
}

// condemn tells what is wrong.
func (w *world) condemn(when string, wrong []string) {
	w.t.Helper()
	if len(wrong) == 0 {
		return
	}
	more := ""
	if len(wrong) > 20 {
		more = fmt.Sprintf("\n… and %d more", len(wrong)-20)
		wrong = wrong[:20]
	}
	w.t.Errorf("%s:\n%s%s", when, strings.Join(wrong, "\n"), more)
}
