package enginetest

import (
	"container/heap"
	"fmt"
	"math/rand/v2"
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
	Seed    uint64
	Batch   int          // inputs that wait before a step is made; 1 steps at once
	Crashes float64      // chance of a crash at each commit, send and record
	Commits float64      // chance that a commit fails
	Faults  paper.Faults // of the exchange's answers, readings and postbacks
	Entries int          // orders that the trader places
	Forge   float64      // chance that somebody who saw a postback sends it again as a fill
	Confirm bool         // requests stand on the order book
	Start   time.Time    // zero: 9:30 of a plain day
	Night   bool         // 20 minutes in, the exchange ends its day and begins the next
	Hours   lane.Hours   // nil: always open
	People  People
	Trouble Trouble
	Wants   Wants
	Open    func() (journal.Store, error)
	Rules   *rules.Set
	Log     func(format string, args ...any) // nil: silent
}

// People say who acts beside Backstop, and how.
type People struct {
	Shorts   bool // the trader also sells first
	Hands    bool // a person exits by phone, in whole or in part
	Flips    bool // and sells more than is held
	Touch    bool // and moves and cancels Backstop's stops
	Products bool // NRML beside MIS
}

// Trouble is what no rule can help.
type Trouble struct {
	Outage bool    // the session is dead, or the address refused, for a minute
	Reject float64 // chance that an order of ours ends REJECTED after it was taken
	Refuse float64 // chance that a placement of ours is refused for margin
	Lapse  float64 // chance a minute and stop that the exchange cancels it
	Poor   bool    // there is no money for a second exit
}

// Wants is what the rules ask for, in the judge's words.
type Wants struct {
	Targets bool // every open quantity has a target beside its stop
	Replace bool // a stop that a person cancelled is placed again
}

// world is the exchange, the network, people and the process in virtual time. What each of them leaves to chance has
// a dice of its own, so that the same seed gives the same market whatever the process does.
type world struct {
	c      Config
	market *rand.Rand // prices and people
	wire   *rand.Rand // the network
	dice   *rand.Rand // crashes and disks
	began  time.Time
	now    time.Time
	queue  events
	seq    int
	x      *paper.Exchange
	inj    *paper.Injector // of requests and readings
	posts  *paper.Injector // of postbacks
	store  journal.Store
	list   instruments

	p     *process // nil: it is down
	life  int      // which incarnation of the process this is
	dying string   // where in a turn the process dies
	calm  bool     // no faults any more
	acked []string // raw postbacks that were answered 200

	watch  watcher
	broken []string
	stats  Stats
}

// Stats count what a day saw.
type Stats struct {
	Steps, Crashes, FailedCommits, Sends, Reads, Postbacks, Lost, Forged, Messages int
	Bare                                                                           time.Duration // the longest that no trouble explains
}

// Add sums two days.
func (s *Stats) Add(o Stats) {
	s.Steps += o.Steps
	s.Crashes += o.Crashes
	s.FailedCommits += o.FailedCommits
	s.Sends += o.Sends
	s.Reads += o.Reads
	s.Postbacks += o.Postbacks
	s.Lost += o.Lost
	s.Forged += o.Forged
	s.Messages += o.Messages
	s.Bare = max(s.Bare, o.Bare)
}

type event struct {
	at  time.Time
	seq int
	run func()
}

type events []event

func (e events) Len() int { return len(e) }
func (e events) Less(i, j int) bool {
	return e[i].at.Before(e[j].at) || e[i].at.Equal(e[j].at) && e[i].seq < e[j].seq
}
func (e events) Swap(i, j int) { e[i], e[j] = e[j], e[i] }
func (e *events) Push(x any)   { *e = append(*e, x.(event)) }
func (e *events) Pop() any     { old := *e; x := old[len(old)-1]; *e = old[:len(old)-1]; return x }

const (
	user   = "AB1234"
	apiKey = "paper_key"
	secret = "paper_secret"
)

// lot is the lot size of the symbols at the paper exchange.
const lot = 65

var symbols = []string{"NIFTY26NOV24500CE", "NIFTY26NOV24500PE"}

func sprintf(format string, args ...any) string { return fmt.Sprintf(format, args...) }

// instruments is the exchange's list as the lane looks it up.
type instruments map[string]order.Instrument

func (i instruments) Instrument(exchange, symbol string) (order.Instrument, bool) {
	row, ok := i[exchange+":"+symbol]
	return row, ok
}
func (i instruments) Loaded() bool { return len(i) > 0 }

// Simulate runs one day and returns what is wrong with it, nothing where the promise held.
func Simulate(c Config) (Stats, []string, error) {
	_, stats, bad, err := Run(c)
	return stats, bad, err
}

// Run is Simulate that also gives the exchange's book in the end.
func Run(c Config) (book []paper.BookOrder, stats Stats, bad []string, err error) {
	dice := func(n uint64) *rand.Rand { return rand.New(rand.NewPCG(c.Seed, n)) }
	w := &world{c: c, market: dice(7), wire: dice(8), dice: dice(9), now: c.Start}
	if w.now.IsZero() {
		w.now = time.Date(2026, 11, 23, 9, 30, 0, 0, order.IST)
	}
	w.began = w.now
	if w.store, err = c.Open(); err != nil {
		return nil, w.stats, nil, err
	}
	defer w.store.Close()
	w.x = paper.New(paper.Options{Now: func() time.Time { return w.now }, Seed: c.Seed, OpenDelay: 50 * time.Millisecond})
	w.inj, w.posts = paper.NewInjector(c.Seed, c.Faults), paper.NewInjector(c.Seed+1, c.Faults)
	w.watch = newWatcher()
	w.list = instruments{}
	if _, err := kite.DecodeInstruments(strings.NewReader(string(w.x.InstrumentsCSV(""))), func(i order.Instrument) error {
		w.list[i.Exchange+":"+i.Tradingsymbol] = i
		return nil
	}); err != nil {
		return nil, w.stats, nil, err
	}
	for _, s := range symbols {
		if err := w.x.SetPrice("NFO", s, 120); err != nil {
			return nil, w.stats, nil, err
		}
	}
	if c.Trouble.Poor {
		if err := w.x.SetFunds(user, 150_000, paper.RefuseWithError); err != nil { // buys options, and writes none
			return nil, w.stats, nil, err
		}
	}
	w.boot()
	w.trade()
	w.trouble()
	w.look()
	w.run(w.now.Add(20 * time.Minute))
	if c.Night && len(w.broken) == 0 {
		w.night()
	}
	w.quiet()
	w.run(w.now.Add(5 * time.Minute))
	if len(w.broken) == 0 {
		if err := w.judge(); err != nil {
			return nil, w.stats, nil, err
		}
	}
	return w.x.Book(), w.stats, w.broken, nil
}

func (w *world) log(format string, args ...any) {
	if w.c.Log != nil {
		w.c.Log("%s %s", w.now.Format("15:04:05.000"), fmt.Sprintf(format, args...))
	}
}

func (w *world) at(d time.Duration, run func()) {
	w.seq++
	heap.Push(&w.queue, event{w.now.Add(d), w.seq, run})
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
		if w.p != nil && !w.p.wake.IsZero() && w.p.wake.Before(next) {
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
		if len(w.queue) > 0 && !w.queue[0].at.After(w.now) {
			heap.Pop(&w.queue).(event).run()
			w.push()
		}
		if w.due() {
			w.turn()
		}
	}
}

// idle says whether nothing else happens at this moment: what waits is stepped then.
func (w *world) idle() bool { return len(w.queue) == 0 || w.queue[0].at.After(w.now) }

// quiet ends all faults: from here on nothing explains a missing stop.
func (w *world) quiet() {
	w.calm = true
	w.inj.Set(paper.Faults{})
	w.posts.Set(paper.Faults{})
	w.log("all quiet")
}
