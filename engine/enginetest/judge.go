package enginetest

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"backstop/actions"
	"backstop/engine/journal"
	"backstop/engine/paper"
)

// judge looks at the exchange's true book and the journal's rows, after all has come to rest, and says what is
// wrong. It shares no code with the engine: positions are added up anew here.
func judge(w *world) ([]string, error) {
	var bad []string
	say := func(format string, args ...any) { bad = append(bad, fmt.Sprintf(format, args...)) }
	book := w.x.Book()
	if d := doubled(book); len(d) > 0 {
		say("invariant 2: a placement reached the exchange twice: %v", d)
	}
	if err := judgeEvents(w, book, say); err != nil {
		return nil, err
	}
	if err := judgeAcked(w, say); err != nil {
		return nil, err
	}
	judgeCover(book, say)
	return bad, nil
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

// judgeCover: at rest the live exits of ours are exactly what is open and not taken by a person's own live exit,
// and none stands without a position. Where a stop has triggered and hangs, the target beside it is gone.
func judgeCover(book []paper.BookOrder, say func(string, ...any)) {
	for _, s := range symbols {
		net := 0
		for _, o := range book {
			if o.Tradingsymbol == s {
				net += sign(o) * o.Filled
			}
		}
		stops, triggered, targets, others := 0, 0, 0, 0
		for _, o := range book {
			if o.Tradingsymbol != s || !o.Live() || sign(o)*net > 0 && !ours(o) {
				continue
			}
			switch {
			case !ours(o):
				others += o.Remaining
			case o.OrderType == "SL":
				stops -= sign(o) * o.Remaining
				if o.Status == "OPEN" {
					triggered -= sign(o) * o.Remaining
				}
			default:
				targets -= sign(o) * o.Remaining
			}
		}
		var want int
		if net > 0 {
			want = max(0, net-others)
		} else {
			want = min(0, net+others)
		}
		if stops != want {
			say("invariant 4: %s holds %d, others' exits take %d, live stops cover %d", s, net, others, stops)
		}
		if targets != want-triggered {
			say("invariant 4: %s holds %d, others' exits take %d, triggered %d, live targets cover %d", s, net, others, triggered, targets)
		}
	}
}

func sign(o paper.BookOrder) int {
	if o.TransactionType == "SELL" {
		return -1
	}
	return 1
}

// watchFor is how long a change at the exchange explains that an exit is larger than the position: a reading that
// hides young orders, the schedule of readings, and an answer that hangs.
const watchFor = 30 * time.Second

// watch looks at the exchange at the moment when it takes a placement or change of ours: the live stops together
// are never more than what is held, unless something filled just now.
func (w *world) watch(r actions.Request) {
	symbol := r.Key.Tradingsymbol
	if r.Call.Method == actions.Cancel || symbol == "" || r.Priority != actions.PriorityStop {
		return
	}
	net, stops := 0, 0
	for _, o := range w.x.Book() {
		if o.Tradingsymbol != symbol {
			continue
		}
		net += sign(o) * o.Filled
		if o.Live() && ours(o) && o.OrderType == "SL" {
			stops -= sign(o) * o.Remaining
		}
	}
	w.look()
	if (stops > 0 && stops > net || stops < 0 && stops < net) && w.now.Sub(w.moved[symbol]) > watchFor {
		w.panics = append(w.panics, fmt.Sprintf("invariant 4: %s at %s: holds %d, live stops %d after %s %+v", symbol, w.now.Format("15:04:05"), net, stops, r.Call.Method, r.Call.Params))
	}
}

// look notes when a position shrinks or turns, so that watch knows how long ago: one that grows explains no
// stop that is too large.
func (w *world) look() {
	for _, s := range symbols {
		net, held := w.x.NetQuantity(user, "NFO", s, "MIS"), w.held[s]
		if net > 0 && net < held || net < 0 && net > held || net*held <= 0 && held != 0 {
			w.moved[s] = w.now
		}
		w.held[s] = net
	}
}
