package enginetest

import (
	"time"

	"backstop/engine/paper"
)

// ledger adds up what filled, order by order, from the exchange's book alone.
type ledger struct {
	net     map[key]int
	spans   map[string]span      // prices of each order's fills
	filled  map[string]int       // by order
	paid    map[string]float64   // by order, in rupees
	entered map[side]span        // prices at which others entered
	began   map[string]time.Time // the second of an order's first fill
	met     map[second]*met      // what others filled that began to fill in that second
	entries map[key]time.Time    // when others entered last
	surplus map[key]int          // signed: what orders of ours filled beyond what was held
	since   map[key]time.Time    // since when there is a surplus
	covers  map[string]bool      // tags of orders of ours that take a surplus back
	asked   map[string]bool      // tags of entries that a rule placed: they count as a person's
}

type side struct {
	key
	sign int
}

type span struct{ low, high float64 }

// second is a place and side within one second of the exchange's clock.
type second struct {
	side
	at time.Time
}

// met is what filled there.
type met struct {
	prices  span
	entered bool // some of it beyond what was held
}

func newLedger() ledger {
	return ledger{net: map[key]int{}, spans: map[string]span{}, filled: map[string]int{}, paid: map[string]float64{}, entered: map[side]span{}, began: map[string]time.Time{}, met: map[second]*met{}, entries: map[key]time.Time{},
		surplus: map[key]int{}, since: map[key]time.Time{}, covers: map[string]bool{}, asked: map[string]bool{}}
}

// follow takes what filled since the last look.
func (l *ledger) follow(w *world) {
	for _, o := range w.watch.truth {
		n := o.Filled - l.filled[o.OrderID]
		if n == 0 {
			continue
		}
		paid := o.AveragePrice * float64(o.Filled)
		price := (paid - l.paid[o.OrderID]) / float64(n)
		l.filled[o.OrderID], l.paid[o.OrderID] = o.Filled, paid
		l.fill(w, o, n, price)
	}
}

func (l *ledger) fill(w *world, o paper.BookOrder, n int, price float64) {
	k, s := keyOf(o), sign(o)
	// An order has one turn, for Kite's rows tell no more than its sum and one time: where it fills in parts, what others
	// filled between the first and the last may have met another position (docs/rules.md, groups and roles).
	if began, later := l.began[o.OrderID]; !later {
		l.began[o.OrderID] = w.now.Truncate(time.Second)
	} else {
		for at, m := range l.met {
			if at.key == k && !at.at.Before(began) {
				l.enter(w, at.side, m.prices)
			}
		}
	}
	l.spans[o.OrderID] = widen(l.spans, o.OrderID, span{price, price})
	if o.APIKey == "" { // of the phone: no postback tells it
		w.explain(explains["postback lost"])
	}
	w.log("the exchange: %s fills %d at %.2f", w.short(o.OrderID), n, price)
	before := l.net[k]
	l.net[k] += s * n
	beyond := n // what did not reduce
	if before*s < 0 {
		beyond = max(0, n-abs(before))
	}
	switch {
	case !ours(o) || l.asked[o.Tag]:
		// what takes part of a surplus of ours is an entry for as long as nobody knows that it is one
		l.meet(w, second{side{k, s}, l.began[o.OrderID]}, l.spans[o.OrderID], beyond > 0 || l.surplus[k]*s < 0)
	case l.covers[o.Tag]: // what takes a surplus back may add to what another group holds
		l.surplus[k] -= clamp(-s*n, l.surplus[k])
		if beyond > 0 && w.watch.excused[k] == "" && w.watch.lifted[k] != "" {
			w.watch.excused[k] = w.watch.lifted[k]
		}
	case beyond > 0:
		l.surplus[k] += s * beyond
		if at := (second{side{k, s}, l.began[o.OrderID]}); l.met[at] != nil { // theirs was too much: an exit of ours never enters
			l.meet(w, at, l.met[at].prices, true)
		}
		w.stats.OverExited++
		w.log("the exchange: %s filled %d more than was held", w.short(o.OrderID), beyond)
	default:
		l.surplus[k] -= clamp(-s*n, l.surplus[k])
	}
	l.surplus[k] = clamp(l.surplus[k], l.net[k]) // never more than is held
	if l.surplus[k] == 0 {
		delete(l.since, k)
	} else if _, ok := l.since[k]; !ok {
		l.since[k] = w.now
	}
}

// clamp is as much of n as has the sign of limit and is no more than it.
func clamp(n, limit int) int {
	switch {
	case limit > 0:
		return min(max(n, 0), limit)
	case limit < 0:
		return max(min(n, 0), limit)
	}
	return 0
}

// widen is what is in spans at a place, with prices more.
func widen[K comparable](spans map[K]span, at K, more span) span {
	have, ok := spans[at]
	if !ok {
		return more
	}
	return span{min(have.low, more.low), max(have.high, more.high)}
}

// meet takes a fill of somebody else. Kite's clock has seconds, and of orders that begin to fill within one their ids
// decide which met the position (ARCHITECTURE.md, the same-second problem): where one of them entered, any may have.
func (l *ledger) meet(w *world, at second, prices span, entered bool) {
	m := l.met[at]
	if m == nil {
		m = &met{prices: prices}
		l.met[at] = m
	}
	m.prices, m.entered = span{min(m.prices.low, prices.low), max(m.prices.high, prices.high)}, m.entered || entered
	if m.entered {
		l.enter(w, at.side, m.prices)
	}
}

func (l *ledger) enter(w *world, s side, prices span) {
	l.entered[s] = widen(l.entered, s, prices)
	l.entries[s.key] = w.now
	for id := range w.audit.reloaded { // the rules may move the stops of what enters now
		for _, o := range w.watch.truth {
			if o.OrderID == id && keyOf(o) == s.key {
				delete(w.audit.reloaded, id)
			}
		}
	}
}

// check is invariant 4 over what filled: more exited than entered only by a race, and then taken back at once.
func (l *ledger) check(w *world) {
	for _, k := range w.keys() {
		since, ok := l.since[k]
		// On its way back it waits for somebody who takes it, is priced again, and in the end cancelled and sold anew
		// (docs/rules.md, exit_position): what counts is for how long nothing is on its way. And where a person's exit
		// filled in the same second, which of the two was too much is open: then it is held, behind a stop or an exit of the person's own, as the person's.
		if p := w.place(k); ok && p.exits+p.stops+p.others >= p.open && p.wrong == p.met {
			l.since[k] = w.now
			continue
		}
		if ok && w.p != nil && !w.now.Before(w.watch.outage) && w.watch.excused[k] == "" && w.beyond(since, w.watch.explained) > overClean {
			w.broke("invariant 4, a surplus is taken back", "%v: exits of ours filled %d more than was held, and nothing has taken it back for %s", k, abs(l.surplus[k]), w.now.Sub(since))
		}
	}
}

// nextDay carries what is held over night.
func (l *ledger) nextDay(w *world) {
	net := map[key]int{}
	for _, k := range w.keys() {
		net[k] = w.x.NetQuantity(user, "NFO", k.symbol, k.product)
	}
	entered := l.entered
	*l = newLedger()
	l.net = net
	for k, paid := range entered { // what goes on was entered yesterday
		if net[k.key] != 0 {
			l.entered[k] = paid
		}
	}
}
