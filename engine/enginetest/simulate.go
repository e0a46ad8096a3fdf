package enginetest

import (
	"container/heap"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"strings"
	"time"

	"backstop/engine/journal"
	"backstop/engine/kite"
	"backstop/engine/lane"
	"backstop/engine/order"
	"backstop/engine/paper"
	"backstop/rules"
)

// Config says what one simulated day is made of. The same Config gives the same day.
type Config struct {
	Seed    uint64  // of the exchange's own ids
	Events  []Event // all that happens from outside, in order of time
	Batch   int     // inputs that wait before a step is made; 1 steps at once
	Confirm bool    // requests stand on the order book
	Mode    lane.Mode
	Start   time.Time  // zero: 9:30 of a plain day
	Hours   lane.Hours // nil: always open
	Poor    bool       // there is no money for a second exit
	Wants   Wants
	Open    func() (journal.Store, error)
	Rules   *rules.Set
	Changed *rules.Set                          // the rules after a Reload
	Extra   func(book []paper.BookOrder) string // one checker more: what is wrong, or ""
	Log     func(format string, args ...any)    // nil: silent
	Digest  bool                                // sum up every commit
}

// Wants is what the rules ask for, in the judge's words.
type Wants struct {
	Targets bool    // every open quantity has a target beside its stop
	Replace bool    // a stop that a person cancelled is placed again
	Behind  float64 // how far a stop stands behind its entry, of its price
	Changed float64 // the same after a Reload
	Trails  bool    // it follows the price from there, which a stream tells
}

// Result is what came of a day.
type Result struct {
	Book   []paper.BookOrder // the exchange's, in the end
	Broken []string          // what is wrong: the checker, a colon and the facts; none where the promise held
	Stats  Stats
	Digest string   // of every commit, where asked for
	End    []string // what is held and what stands behind it, place by place
}

// world is the exchange, the network, people and the process in virtual time. Nothing in it is left to chance: what
// strikes is in the events.
type world struct {
	c      Config
	began  time.Time
	now    time.Time
	queue  queue
	seq    int
	x      *paper.Exchange
	inj    *paper.Injector // for the exchange's own words of refusal
	store  journal.Store
	list   instruments
	rules  *rules.Set
	faults faults

	p     *process // nil: it is down
	life  int      // which incarnation of the process this is
	dying string   // where in a turn the process dies
	wrote bool     // the turn's commit is in the store, whatever the turn heard of it
	hangs time.Duration
	calm  bool // no faults any more

	month  *month // nil: a single day
	watch  watcher
	ledger ledger
	audit  audit
	broken []string
	stats  Stats
	digest hash.Hash
}

type happening struct {
	at  time.Time
	seq int
	run func()
}

type queue []happening

func (q queue) Len() int { return len(q) }
func (q queue) Less(i, j int) bool {
	return q[i].at.Before(q[j].at) || q[i].at.Equal(q[j].at) && q[i].seq < q[j].seq
}
func (q queue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *queue) Push(x any)   { *q = append(*q, x.(happening)) }
func (q *queue) Pop() any     { old := *q; x := old[len(old)-1]; *q = old[:len(old)-1]; return x }

const (
	user   = "AB1234"
	apiKey = "paper_key"
	secret = "paper_secret"
)

// lot is the lot size of the symbols at the paper exchange.
const lot = 65

// symbols are those that the day trades; oldSymbol is only held from before the first arming.
var symbols = []string{"NIFTY26NOV24500CE", "NIFTY26NOV24500PE"}

const oldSymbol = "NIFTY26DEC24500CE"

// instruments is the exchange's list as the lane looks it up.
type instruments map[string]order.Instrument

func (i instruments) Instrument(exchange, symbol string) (order.Instrument, bool) {
	row, ok := i[exchange+":"+symbol]
	return row, ok
}
func (i instruments) Loaded() bool { return len(i) > 0 }

// newWorld is a world in which nothing has happened yet. Its store is the caller's to close.
func newWorld(c Config) (*world, error) {
	w := &world{c: c, now: c.Start, rules: c.Rules, watch: newWatcher(), ledger: newLedger(), audit: newAudit()}
	if w.now.IsZero() {
		w.now = time.Date(2026, 11, 23, 9, 30, 0, 0, order.IST)
	}
	if c.Mode == "" {
		w.c.Mode = lane.Live
	}
	if c.Digest {
		w.digest = sha256.New()
	}
	w.began, w.now = w.now, w.now.Add(-time.Minute)
	w.watch.explained, w.watch.excess = w.began, w.began
	var err error
	if w.store, err = c.Open(); err != nil {
		return nil, err
	}
	if err := w.market(); err != nil {
		return nil, errors.Join(err, w.store.Close())
	}
	w.schedule()
	return w, nil
}

// Run lives one day.
func Run(c Config) (Result, error) {
	w, err := newWorld(c)
	if err != nil {
		return Result{}, err
	}
	defer w.store.Close()
	w.boot()
	w.look()
	w.run(w.began.Add(tradedFor))
	w.quiet()
	w.run(w.now.Add(quietFor))
	if len(w.broken) == 0 {
		if err := w.judge(); err != nil {
			return Result{}, err
		}
	}
	r := Result{Book: w.x.Book(), Broken: w.broken, Stats: w.stats, End: w.end()}
	r.Stats.Days = 1
	if c.Digest {
		r.Digest = fmt.Sprintf("%x", w.digest.Sum(nil))
	}
	return r, nil
}

// market opens the exchange.
func (w *world) market() error {
	w.x = paper.New(paper.Options{Now: func() time.Time { return w.now }, Seed: w.c.Seed, OpenDelay: 50 * time.Millisecond})
	w.inj = paper.NewInjector(w.c.Seed, paper.Faults{})
	w.list = instruments{}
	if _, err := kite.DecodeInstruments(strings.NewReader(string(w.x.InstrumentsCSV(""))), func(i order.Instrument) error {
		w.list[i.Exchange+":"+i.Tradingsymbol] = i
		return nil
	}); err != nil {
		return err
	}
	for _, s := range symbols {
		if err := w.x.SetPrice("NFO", s, opening); err != nil {
			return err
		}
	}
	if w.c.Poor {
		return w.x.SetFunds(user, 150_000, paper.RefuseWithError) // buys options, and writes none
	}
	return nil
}

// schedule lays the day's events in the queue. What was before the first start happens at once, and an instant
// passes, so that it is no news.
func (w *world) schedule() {
	for _, e := range w.c.Events {
		if e.At < 0 {
			w.happen(e)
		}
	}
	w.now = w.began
	w.x.Advance()
	w.x.Drain()
	for _, e := range w.c.Events {
		if e.At >= 0 {
			w.at(e.At, func() { w.happen(e) })
		}
	}
}

func (w *world) log(format string, args ...any) {
	if w.c.Log != nil {
		w.c.Log("%s  %s", clock(w.now.Sub(w.began)), fmt.Sprintf(format, args...))
	}
}

func (w *world) at(d time.Duration, run func()) {
	w.seq++
	heap.Push(&w.queue, happening{w.now.Add(d), w.seq, run})
}

// alive schedules something that dies with the process.
func (w *world) alive(d time.Duration, run func()) {
	life := w.life
	w.at(d, func() {
		if w.life == life && w.p != nil {
			run()
		}
	})
}

// run lets the world go on until the moment given.
func (w *world) run(until time.Time) {
	for len(w.broken) == 0 {
		next := until
		if len(w.queue) > 0 && w.queue[0].at.Before(next) {
			next = w.queue[0].at
		}
		if w.p != nil && !w.p.hanging && !w.p.wake.IsZero() && w.p.wake.Before(next) {
			next = w.p.wake
		}
		if next.After(w.now) {
			w.now = next
		}
		if !w.now.Before(until) {
			return
		}
		w.x.Advance()
		w.push()
		w.book() // each fill at its own price: a stop stands behind the group as it was then (docs/rules.md, `loss`)
		if len(w.queue) > 0 && !w.queue[0].at.After(w.now) {
			heap.Pop(&w.queue).(happening).run()
			w.push()
		}
		if w.due() {
			w.turn()
		}
		if w.watch.stale {
			w.sample()
		}
	}
}

// idle says whether nothing else happens at this moment: what waits is stepped then.
func (w *world) idle() bool { return len(w.queue) == 0 || w.queue[0].at.After(w.now) }

// quiet ends all faults: from here on nothing explains a missing stop. Prices stand, and everything that is offered
// is taken.
func (w *world) quiet() {
	w.calm = true
	w.faults = faults{}
	for _, s := range symbols {
		_ = w.x.SetDepth("NFO", s, -1) // the symbols are the exchange's own
		_ = w.x.SetPrice("NFO", s, w.x.Price("NFO", s))
	}
	w.log("all quiet")
	w.push()
}

// look samples the exchange once a second, of a shut market once a minute, and after each change besides.
func (w *world) look() {
	w.sample()
	again := time.Second
	if w.month != nil && !w.month.trading(w.now) {
		again = time.Minute
	}
	w.at(again, w.look)
}

// broke notes that something is wrong, and the day ends. The checker's name begins with the invariant's number of
// ARCHITECTURE.md, where it has one.
func (w *world) broke(checker, format string, args ...any) {
	if w.month != nil && !w.month.judged() {
		return
	}
	text := strings.ReplaceAll(fmt.Sprintf(format, args...), "\n", " | ")
	w.log("BROKEN %s: %s", checker, text)
	w.broken = append(w.broken, checker+": "+text)
}
