package enginetest

import (
	"strings"
	"time"

	"backstop/actions"
	"backstop/engine/paper"
)

// key is a place: a symbol in a product.
type key struct{ symbol, product string }

func keyOf(o paper.BookOrder) key { return key{o.Tradingsymbol, o.Product} }

func (w *world) keys() []key {
	var all []key
	for _, s := range symbols {
		for _, p := range w.products() {
			all = append(all, key{s, p})
		}
	}
	return all
}

// watcher looks at the exchange all the while: how long something is bare or covered twice, and what explains it.
type watcher struct {
	bare    map[key]time.Time // since when some open quantity had no live exit
	bareAll map[key]time.Time // the same, whatever explains it: it is to be told
	over    map[key]time.Time // since when our live exits were more than the position
	excused map[key]string    // why a place may stay bare until it is flat
	seen    map[string]bool   // rejected orders that were taken for an excuse
	kind    map[string]string // what each order of ours was sent as last
	byHand  map[string]string // our orders that a person cancelled, or the trigger that a person moved to
	lapsed  map[key]int       // how many of our orders the exchange took away
	outage  time.Time         // until when
	said    map[string]time.Time
}

func newWatcher() watcher {
	return watcher{bare: map[key]time.Time{}, bareAll: map[key]time.Time{}, over: map[key]time.Time{}, excused: map[key]string{}, seen: map[string]bool{},
		kind: map[string]string{}, byHand: map[string]string{}, lapsed: map[key]int{}, said: map[string]time.Time{}}
}

// told notes a message that says that a place is not protected.
func (v *watcher) told(text string, now time.Time) {
	if _, rest, ok := strings.Cut(text, "NOT PROTECTED "); ok {
		symbol, _, _ := strings.Cut(rest, " ")
		v.said[symbol] = now
	}
}

// excuse says why a place may stay bare, until it is flat.
func (w *world) excuse(k key, why string, truly bool) {
	if truly && w.watch.excused[k] != carried {
		w.watch.excused[k] = why
	}
}

// refused is the broker's word that it will not do it.
func (w *world) refused(r actions.Request, e *actions.Error) {
	if e.Class != actions.ClassProcessing && e.Class != actions.ClassNotFound && r.Call.Method == actions.Place {
		k := key{r.Key.Tradingsymbol, r.Key.Product}
		if r.Call.Params.OrderType == "LIMIT" {
			w.watch.lapsed[k]++ // a second exit: the stop stays
			return
		}
		w.excuse(k, "the broker refused: "+e.Message, true)
	}
}

// place is what the exchange holds of one place.
type place struct {
	net, open                        int
	stops, triggered, targets, exits int // of ours, live
	others, wrong                    int // of others, live; of ours on the side that adds
	unsure                           int // of others, part of which may be no exits
}

func (w *world) place(k key) place {
	p := place{net: w.x.NetQuantity(user, "NFO", k.symbol, k.product)}
	p.open = abs(p.net)
	for _, o := range w.x.Book() {
		if keyOf(o) != k {
			continue
		}
		if ours(o) && o.Status == "REJECTED" && !w.watch.seen[o.OrderID] {
			w.watch.seen[o.OrderID] = true
			w.excuse(k, "rejected: "+o.StatusMessage, true)
		}
		switch {
		case !o.Live():
		case !ours(o):
			if sign(o)*p.net < 0 {
				p.others += o.Remaining
				if o.Filled > 0 {
					p.unsure += o.Remaining // what filled of it may have been an entry: then the rest is no exit
				}
			}
		case sign(o)*p.net >= 0:
			p.wrong += o.Remaining
		case w.watch.kind[o.OrderID] == "MARKET":
			p.exits += o.Remaining
		case o.OrderType == "SL" || w.watch.kind[o.OrderID] == "SL":
			p.stops += o.Remaining
			if o.Status == "OPEN" {
				p.triggered += o.Remaining
			}
		default:
			p.targets += o.Remaining
		}
	}
	return p
}

// look samples the exchange once a second.
func (w *world) look() {
	w.sample()
	w.at(time.Second, w.look)
}

// Limits of what faults explain, and of what needs none.
const (
	bareFaulty, bareClean = 90 * time.Second, 5 * time.Second
	overFaulty, overClean = 70 * time.Second, 5 * time.Second
	tellFaulty, tellClean = 90 * time.Second, 14 * time.Second
	outageOver            = 45 * time.Second // what waits for an address is tried every 30 s
)

func (w *world) faulty() bool {
	return w.c.Faults != (paper.Faults{}) || w.c.Crashes > 0 || w.c.Commits > 0 || w.c.Forge > 0
}

// limit is how long something may last. What a person does on the phone no postback tells: the next reconciliation does.
func (w *world) limit(faulty, clean time.Duration) time.Duration {
	switch p := w.c.People; {
	case w.faulty():
		return faulty
	case p.Hands, p.Touch, p.Flips:
		return clean + 15*time.Second
	}
	return clean
}

// sample judges the present moment.
func (w *world) sample() {
	v := &w.watch
	for _, k := range w.keys() {
		p := w.place(k)
		if p.net == 0 {
			delete(v.excused, k)
		}
		ours := p.exits + max(p.stops, p.targets)
		bare, over := p.open-min(p.open, p.others+ours), ours+p.wrong-p.open
		outage := w.p == nil || w.now.Before(v.outage.Add(outageOver)) // nobody is there, or nothing gets through
		mark(v.bare, k, bare > 0 && v.excused[k] == "" && !outage, w.now)
		// of two groups one may have a stop and the other a target: to be told of, even both together are not enough
		mark(v.bareAll, k, p.open > p.others+p.exits+p.stops+p.targets && !outage && v.excused[k] != carried, w.now)
		mark(v.over, k, over > 0 && !outage, w.now)
		if since, ok := v.bare[k]; ok {
			lasts := w.now.Sub(since)
			w.stats.Bare = max(w.stats.Bare, lasts)
			if lasts > w.limit(bareFaulty, bareClean) {
				w.break_("%v: %d of %d bare for %s and nothing explains it", k, bare, p.open, lasts)
			}
		}
		if since, ok := v.over[k]; ok && w.now.Sub(since) > w.limit(overFaulty, overClean) {
			w.break_("invariant 4: %v holds %d, live exits of ours stops %d targets %d exits %d wrong %d for %s", k, p.net, p.stops, p.targets, p.exits, p.wrong, w.now.Sub(since))
		}
		if since, ok := v.bareAll[k]; ok && w.now.Sub(since) > w.limit(tellFaulty, tellClean) && v.said[k.symbol].Before(since.Add(-5*time.Minute)) {
			w.break_("%v: %d bare for %s and nobody was told", k, bare, w.now.Sub(since))
		}
	}
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

// night is midnight: the exchange's book begins anew, and what is held is carried over.
func (w *world) night() {
	w.x.NextDay()
	w.x.Drain()
	for _, k := range w.keys() {
		if w.x.NetQuantity(user, "NFO", k.symbol, k.product) != 0 {
			w.excuse(k, carried, true)
		}
	}
	w.watch.over = map[key]time.Time{}
	w.log("the next day")
	for range 3 {
		w.at(w.some(8*time.Minute), w.entry)
	}
	w.run(w.now.Add(10 * time.Minute))
}
