package enginetest

import (
	"math"
	"slices"
	"strings"
	"time"

	"backstop/actions"
	"backstop/engine/paper"
)

// key is a place: a symbol in a product.
type key struct{ symbol, product string }

func (k key) String() string { return short(k.symbol) + " " + k.product }

func keyOf(o paper.BookOrder) key { return key{o.Tradingsymbol, o.Product} }

// keys are the places that the day trades.
func (w *world) keys() []key {
	var all []key
	for _, s := range symbols {
		all = append(all, key{s, "MIS"}, key{s, "NRML"})
	}
	return all
}

// watcher looks at the exchange all the while: how long something is bare or covered twice, and what explains it.
type watcher struct {
	truth     []paper.BookOrder // the exchange's book
	stale     bool              // it changed since
	bare      map[key]time.Time // since when some open quantity had no live exit
	bareAll   map[key]time.Time // the same, whatever explains it: it is to be told
	over      map[key]time.Time // since when our live exits were more than the position
	excused   map[key]string    // why a place may stay bare until it is flat
	lifted    map[key]string    // the excuse that ended last: a surplus that is taken back may bring its place back
	met       map[string]bool   // orders that triggers placed
	seen      map[string]bool   // rejected orders that were taken for an excuse
	kind      map[string]string // what each order of ours was sent as last
	byHand    map[string]string // our orders that a person cancelled, or the trigger that a person moved to
	moved     map[key]bool      // places where a person moved a stop
	lapsed    map[key]int       // how many of our orders the exchange took away
	outage    time.Time         // until when nothing gets through
	explained time.Time         // until when faults explain what is bare
	excess    time.Time         // and what is covered twice: a forgery does not
	late      time.Time         // when the book last showed new orders late
	said      map[string]time.Time
	names     map[string]string // short names of orders
	ids       map[string]string // and the way back, of entries
	count     map[string]int
}

func newWatcher() watcher {
	return watcher{stale: true, bare: map[key]time.Time{}, bareAll: map[key]time.Time{}, over: map[key]time.Time{}, excused: map[key]string{}, met: map[string]bool{}, lifted: map[key]string{},
		seen: map[string]bool{}, kind: map[string]string{}, byHand: map[string]string{}, moved: map[key]bool{}, lapsed: map[key]int{},
		said: map[string]time.Time{}, names: map[string]string{}, ids: map[string]string{}, count: map[string]int{}}
}

// changed notes that the exchange's book is another.
func (w *world) changed() { w.watch.stale, w.audit.body = true, nil }

// book is the exchange's true book; whatever filled since it was looked at last goes into the ledger.
func (w *world) book() []paper.BookOrder {
	if w.watch.stale {
		w.watch.truth = w.x.Book()
		w.watch.stale = slices.ContainsFunc(w.watch.truth, onItsWay) // it opens without a word
		w.ledger.follow(w)
	}
	return w.watch.truth
}

// onItsWay says whether the exchange does not have the order yet.
func onItsWay(o paper.BookOrder) bool {
	return o.Live() && o.Status != "OPEN" && o.Status != "TRIGGER PENDING"
}

// told notes a message that says that a place is not protected, or that what fills it is a surplus.
func (v *watcher) told(text string, now time.Time) {
	for _, head := range []string{"NOT PROTECTED ", "OVER EXITED "} {
		if _, rest, ok := strings.Cut(text, head); ok {
			symbol, _, _ := strings.Cut(rest, " ")
			v.said[symbol] = now
		}
	}
}

// excuse says why a place may stay bare, until it is flat.
func (w *world) excuse(k key, why string, truly bool) {
	if truly && w.watch.excused[k] != carried {
		w.watch.excused[k] = why
	}
}

// refused is the broker's word that it will not do it.
func (w *world) refused(r *actions.Request, e *actions.Error) {
	k := key{r.Key.Tradingsymbol, r.Key.Product}
	switch {
	case e.Class == actions.ClassProcessing || e.Class == actions.ClassNotFound || r.Call.Method == actions.Cancel:
	case r.Call.Params.OrderType == "LIMIT":
		w.watch.lapsed[k]++ // a second exit, or a larger one: the stop stays
	case r.Call.Method == actions.Place:
		w.excuse(k, "the broker refused: "+e.Message, true)
	}
}

// place is what the exchange holds of one place.
type place struct {
	net, open                        int
	stops, triggered, targets, exits int // of ours, live
	others, wrong                    int // of others, live; of ours on the side that adds
	back                             int // of ours, live: what takes a surplus back
	met                              int // of wrong: what closes again that which takes a surplus back beyond what is held
	unsure                           int // of others, part of which may be no exits
}

// added is what of ours is live on a side that adds to a place.
type added struct{ stops, targets, exits int }

func (w *world) place(k key) place {
	p := place{net: w.ledger.net[k]}
	p.open = abs(p.net)
	legs, covers := w.legs(), 0
	var wrong [2]added // what sells and what buys
	for _, o := range w.book() {
		if keyOf(o) != k {
			continue
		}
		if leg, met := legs[o.OrderID]; met && o.Live() && sign(o)*p.net < 0 { // a trigger of ours placed it
			if leg {
				p.stops, p.triggered = p.stops+o.Remaining, p.triggered+o.Remaining
			} else {
				p.targets += o.Remaining
			}
			continue
		}
		if ours(o) && o.Status == "REJECTED" && !w.watch.seen[o.OrderID] {
			w.watch.seen[o.OrderID] = true
			w.excuse(k, "rejected: "+o.StatusMessage, true)
		}
		stop, adds := o.OrderType == "SL" || w.watch.kind[o.OrderID] == "SL", &wrong[(sign(o)+1)/2]
		switch {
		case !o.Live():
		case !ours(o) || w.ledger.asked[o.Tag]:
			if sign(o)*p.net < 0 {
				p.others += o.Remaining
				if o.Filled > 0 {
					p.unsure += o.Remaining // what filled of it may have been an entry: then the rest is no exit
				}
			}
		case w.ledger.covers[o.Tag] && sign(o)*p.net >= 0:
			p.back += o.Remaining
		case sign(o)*p.net >= 0 && w.watch.kind[o.OrderID] == "MARKET":
			adds.exits += o.Remaining
		case sign(o)*p.net >= 0 && stop:
			adds.stops += o.Remaining
		case sign(o)*p.net >= 0:
			adds.targets += o.Remaining
		case w.watch.kind[o.OrderID] == "MARKET":
			p.exits += o.Remaining
			if w.ledger.covers[o.Tag] {
				covers += o.Remaining
			}
		case stop:
			p.stops += o.Remaining
			if o.Status == "OPEN" {
				p.triggered += o.Remaining
			}
		default:
			p.targets += o.Remaining
		}
	}
	for _, g := range w.x.GTTs() {
		if stop := stopLeg(g); g.Live() && g.Tradingsymbol == k.symbol && stop.Product == k.product && p.net*signOf(stop.TransactionType) < 0 {
			p.stops += stop.Quantity
		}
	}
	for _, side := range wrong {
		p.wrong += side.exits + max(side.stops, side.targets) // of a stop and a target one fills
	}
	p.met = min(p.wrong, max(0, covers-p.open))
	return p
}

// legs are the orders that triggers placed, and whether they are stops.
func (w *world) legs() map[string]bool {
	met := map[string]bool{}
	for _, g := range w.x.GTTs() {
		for _, leg := range g.Legs {
			if leg.OrderID != "" && g.APIKey != "" {
				met[leg.OrderID] = leg == stopLeg(g)
				if !w.watch.met[leg.OrderID] { // a fresh order is pushed by nobody: the next reading of the book shows it
					w.watch.met[leg.OrderID] = true
					w.explain(20 * time.Second)
				}
			}
		}
	}
	return met
}

// stopLeg is the leg of a trigger that limits the loss: the lower one of what sells, the upper one of what buys.
func stopLeg(g paper.BookGTT) paper.BookGTTLeg {
	if len(g.Legs) == 2 && g.Legs[0].TransactionType == "BUY" {
		return g.Legs[1]
	}
	return g.Legs[0]
}

func signOf(transactionType string) int {
	if transactionType == "SELL" {
		return -1
	}
	return 1
}

// Limits of what needs no fault to explain it: a book reading and a request, and what must be told.
const (
	bareClean = 5 * time.Second
	overClean = 5 * time.Second
	tellClean = 14 * time.Second
)

// sample judges the present moment by what the exchange holds.
func (w *world) sample() {
	if w.c.Extra != nil {
		if wrong := w.c.Extra(w.book()); wrong != "" {
			w.broke("extra", "%s", wrong)
		}
	}
	w.book()
	if w.c.Mode == "dry-run" {
		return
	}
	v := &w.watch
	if w.month != nil {
		w.month.tally.follow(w)
		if !w.month.trading(w.now) { // the exchange takes no stop
			clear(v.bare)
			clear(v.bareAll)
			clear(v.over)
			return
		}
	}
	for _, k := range w.keys() {
		p := w.place(k)
		if p.net == 0 && p.wrong == 0 { // flat, and not by an exit of one group that took what another holds
			if v.excused[k] != "" {
				v.lifted[k] = v.excused[k]
			}
			delete(v.excused, k)
		}
		ours := p.exits + max(p.stops, p.targets)
		bare, over := p.open-min(p.open, p.others+ours), ours+p.wrong-p.open-p.back-2*p.met // once on either side
		outage := w.p == nil || w.now.Before(v.outage)                                      // nobody is there, or nothing gets through
		mark(v.bare, k, bare > 0 && v.excused[k] == "" && !outage, w.now)
		// of two groups one may have a stop and the other a target: to be told of, even both together are not enough
		mark(v.bareAll, k, p.open > p.others+p.exits+p.stops+p.targets && !outage && v.excused[k] != carried, w.now)
		mark(v.over, k, over > 0 && !outage, w.now)
		if since, ok := v.bare[k]; ok {
			w.stats.Bare = max(w.stats.Bare, w.now.Sub(since))
			w.stats.Unexplained = max(w.stats.Unexplained, w.beyond(since, v.explained))
			if w.beyond(since, v.explained) > bareClean {
				w.broke("bare", "%v: %d of %d bare for %s, the last fault explains it until %s", k, bare, p.open, w.now.Sub(since), clock(v.explained.Sub(w.began)))
			}
		}
		if since, ok := v.over[k]; ok && w.beyond(since, v.excess) > overClean {
			w.broke("invariant 4, no more is live than is open", "%v holds %d, live of ours: stops %d, targets %d, exits %d, on the wrong side %d, for %s", k, p.net, p.stops, p.targets, p.exits, p.wrong, w.now.Sub(since))
		}
		if since, ok := v.bareAll[k]; ok && w.beyond(since, v.explained) > tellClean && v.said[k.symbol].Before(since.Add(-5*time.Minute)) {
			w.broke("bare is told", "%v: %d bare for %s and nobody was told", k, bare, w.now.Sub(since))
		}
	}
	w.ledger.check(w)
}

// beyond is how long something has lasted that no fault explains.
func (w *world) beyond(since, explained time.Time) time.Duration {
	if explained.After(since) {
		since = explained
	}
	return w.now.Sub(since)
}

// mark keeps since when something holds.
func mark(since map[key]time.Time, k key, holds bool, now time.Time) {
	if !holds {
		delete(since, k)
	} else if _, ok := since[k]; !ok {
		since[k] = now
	}
}

// carried is told once, as a list of what was open before.
const carried = "carried over night"

// ours says whether Backstop placed an order.
func ours(o paper.BookOrder) bool { return strings.HasPrefix(o.Tag, "bs") }

func sign(o paper.BookOrder) int {
	if o.TransactionType == "SELL" {
		return -1
	}
	return 1
}

func abs(n int) int { return int(math.Abs(float64(n))) }
