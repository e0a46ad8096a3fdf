package enginetest

import (
	"fmt"
	"time"
)

// Tally counts what a month came to, from the exchange's book alone: whoever acts on the updates is judged by the same
// rule, Backstop or a script. Too much counts once it has lasted for over half a minute that no fault explains.
type Tally struct {
	Entries   int           // orders of people that filled
	Orders    int           // that the program placed
	Lost      int           // entries behind which nothing ever covered what was open
	Doubled   int           // orders of the program by which more was covered than open, for over half a minute
	Orphaned  int           // exits that stood for over half a minute with less open than they cover
	Reversed  int           // positions that an exit of the program opened the other way, and that stood for over half a minute
	Uncovered time.Duration // during which some open quantity of a place had no live exit, in market hours, summed over places
	Longest   time.Duration
	Nights    int // places that were held over a night
	Updates   int
	Decisions int
	Explained time.Duration // what of Uncovered lay within what faults explain
}

// overLong is for how long too much may be live, or stand the other way, beyond what a fault explains.
const overLong = 30 * time.Second

// tally follows the places of a month.
type tally struct {
	Tally
	last    time.Time
	bare    map[key]time.Duration // for how long without a break
	waiting map[key]int           // entries that filled and were not covered since
	over    map[key]time.Time
	byOrder map[key]bool // what is over began with an order of the program's
	seen    map[string]int
	net     map[key]int
	turned  map[key]turn
}

// turn is a fill of an exit that was more than was open.
type turn struct {
	sign  int
	since time.Time
}

func newTally() *tally {
	return &tally{bare: map[key]time.Duration{}, waiting: map[key]int{}, over: map[key]time.Time{}, byOrder: map[key]bool{}, seen: map[string]int{}, net: map[key]int{}, turned: map[key]turn{}}
}

// follow looks at the exchange: what is bare counts from the look before until this one.
func (t *tally) follow(w *world) {
	open, since := w.month.trading(w.now), w.now.Sub(t.last)
	first := t.last.IsZero()
	t.last = w.now
	t.orders(w)
	for _, k := range w.keys() {
		p := w.place(k)
		t.net[k] = p.net
		covered := min(p.open, p.others+p.exits+max(p.stops, p.targets))
		if from := t.turned[k]; from.sign*p.net <= 0 {
			delete(t.turned, k)
		} else if w.beyond(from.since, w.watch.excess) > overLong {
			delete(t.turned, k)
			t.Reversed++
			w.log("TALLY %v: an exit opened %d the other way", k, p.net)
		}
		if covered >= p.open {
			if p.open == 0 && t.bare[k] > time.Minute {
				t.Lost += t.waiting[k] // it was closed by others, and nothing had covered it
			}
			t.waiting[k], t.bare[k] = 0, 0
		} else if open && !first {
			t.bare[k] += since
			t.Uncovered += since
			t.Longest = max(t.Longest, t.bare[k])
			if w.now.Before(w.watch.explained) || w.p == nil || w.now.Before(w.watch.outage) {
				t.Explained += since
			}
		}
		if p.exits+max(p.stops, p.targets)+p.wrong <= p.open+p.back || !open {
			delete(t.over, k)
			t.byOrder[k] = false
		} else if from, ok := t.over[k]; !ok {
			t.over[k] = w.now
		} else if !from.IsZero() && w.beyond(from, w.watch.excess) > overLong {
			t.over[k] = time.Time{} // counted
			w.log("TALLY %v: more is live than open: %+v", k, p)
			if t.byOrder[k] {
				t.Doubled++
			} else {
				t.Orphaned++
			}
		}
	}
}

// orders looks at what is new in the book.
func (t *tally) orders(w *world) {
	for _, o := range w.book() {
		before, known := t.seen[o.OrderID]
		t.seen[o.OrderID] = o.Filled
		k := keyOf(o)
		if !known && ours(o) {
			t.Orders++
			t.byOrder[k] = true
		}
		if o.Filled == before {
			continue
		}
		if ours(o) {
			if n := sign(o) * (o.Filled - before); t.net[k]*n >= 0 || abs(n) > abs(t.net[k]) {
				t.turned[k] = turn{sign(o), w.now}
			}
		} else if before == 0 && sign(o)*w.ledger.net[k] > 0 {
			t.Entries++
			t.waiting[k]++
		}
	}
}

// close counts what the day ends with and no exit ever stood behind.
func (t *tally) close(w *world) {
	for k, n := range t.waiting {
		if n > 0 && w.place(k).open > 0 {
			t.Lost += n
			w.log("TALLY %v: %d entries that nothing ever stood behind", k, n)
		}
	}
	t.waiting, t.over, t.byOrder = map[key]int{}, map[key]time.Time{}, map[key]bool{}
}

// nextDay begins with an empty book.
func (t *tally) nextDay() { t.seen = map[string]int{} }

func (t *tally) sum(w *world) Tally {
	t.Updates, t.Decisions = len(w.audit.kept), w.audit.decisions
	return t.Tally
}

// String is a short table.
func (t Tally) String() string {
	return fmt.Sprintf("  entries that filled %d, places held over a night %d, orders placed %d, updates %d, decisions %d\n"+
		"  lost %d, doubled %d, orphaned %d, reversed %d\n  uncovered %s (the longest %s; explained by faults %s)\n",
		t.Entries, t.Nights, t.Orders, t.Updates, t.Decisions, t.Lost, t.Doubled, t.Orphaned, t.Reversed,
		t.Uncovered.Round(time.Second), t.Longest.Round(time.Second), t.Explained.Round(time.Second))
}
