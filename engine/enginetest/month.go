package enginetest

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"backstop/engine/journal"
	"backstop/engine/lane"
	"backstop/engine/market"
)

// Month says what a simulated month is made of: trading days by the real calendar, one after the other on one exchange
// and one journal, with nights, weekends and holidays between them. The same Month is the same month.
type Month struct {
	Seed       uint64
	First      time.Time // a day that the calendar trades on, in IST
	Days       int       // trading days
	Reconciler bool      // the schedule of readings; without it the book is read only where something asks for it
	Script     bool      // in Backstop's place a plain script that places a stop on COMPLETE
	Open       func() (journal.Store, error)
	Log        func(format string, args ...any) // nil: silent
}

// MonthResult is what came of a month.
type MonthResult struct {
	Tally
	Stats  Stats
	Broken []string // what is wrong, of Backstop with its reconciler alone
}

// The clock of a trading day: when the session dies, the person logs in, the day's two busy quarters of an hour begin,
// the evening's prices, MIS is squared off, and faults end.
var (
	sessionDies = at(6, 0)
	logsIn      = at(8, 40)
	firstBusy   = at(9, 16)
	secondBusy  = at(14, 45)
	tidies      = at(15, 5)
	squaresOff  = at(15, 20)
	faultsEnd   = at(15, 25)
)

func at(hour, minute int) time.Duration {
	return time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute
}

const monthRules = `
  - name: stop
    on: [partial_fill, fill]
    when: order.role == "entry"
    then:
      - place_stop_loss:
          trigger_price: loss(12)
          if_cancelled: replace
      - telegram: "stop for ${order.tradingsymbol} at ${action.trigger_price}"
  - name: target
    on: [partial_fill, fill]
    when: order.role == "entry"
    then:
      - place_target: { price: profit(40) }
`

// Run lives the month.
func (m Month) Run() (MonthResult, error) {
	set, err := ruleSet(monthRules)
	if err != nil {
		return MonthResult{}, err
	}
	c := Config{Seed: m.Seed, Batch: 50, Confirm: true, Mode: lane.Live, Start: m.First.Add(sessionDies), Hours: market.Default(),
		Wants: Wants{Replace: true, Behind: 0.12}, Open: m.Open, Rules: set, Log: m.Log}
	w, err := newWorld(c)
	if err != nil {
		return MonthResult{}, err
	}
	defer w.store.Close()
	w.month = &month{Month: m, hours: market.Default(), tally: newTally(), dead: true, asked: true}
	w.boot()
	w.watchSession()
	w.look()
	day := m.First
	for n := 0; n < m.Days && len(w.broken) == 0; day = day.AddDate(0, 0, 1) {
		open, shut, trades := w.month.hours.Session("NFO", day)
		if !trades { // a weekend, a holiday: nobody logs in, and the exchange's day goes on
			w.run(day.Add(sessionDies))
			w.month.dead = true
			continue
		}
		w.morning(day)
		if shut.Sub(open) > at(4, 0) {
			n++
			w.busyDay(n, day)
		}
		if err := w.dayEnds(shut); err != nil {
			return MonthResult{}, err
		}
	}
	r := MonthResult{Tally: w.month.tally.sum(w), Stats: w.stats, Broken: w.broken}
	return r, nil
}

// month is what a world has of a month.
type month struct {
	Month
	hours *market.Calendar
	tally *tally
	dead  bool // there is no session
	asked bool // what the process was told of it last: it lives
}

// morning begins the exchange's day without a session, until the person logs in.
func (w *world) morning(day time.Time) {
	m := w.month
	w.run(day.Add(sessionDies))
	w.newDay()
	m.dead = true
	w.run(day.Add(logsIn + time.Duration(day.YearDay()%25)*time.Minute))
	m.dead, w.calm = false, false
}

// busyDay is what people, prices and faults do on a day of full hours.
func (w *world) busyDay(n int, day time.Time) {
	for i, begins := range []time.Duration{firstBusy, secondBusy} {
		w.run(day.Add(begins))
		for _, e := range w.month.events(n, i) {
			w.at(e.At, func() { w.happen(e) })
		}
	}
	w.run(day.Add(tidies))
	w.settlePrices(rand.New(rand.NewPCG(w.month.Seed, uint64(n))))
	w.run(day.Add(squaresOff))
	w.x.SquareOff(user)
	w.explain(explains["postback lost"])
	w.changed()
	w.run(day.Add(faultsEnd))
}

// dayEnds lives on until after the close, and judges. What is held goes over night.
func (w *world) dayEnds(shut time.Time) error {
	w.calm, w.faults = true, faults{}
	w.run(shut.Add(5 * time.Minute))
	w.x.EndOfDay()
	w.push()
	w.changed()
	w.run(shut.Add(7 * time.Minute))
	w.month.tally.close(w)
	if w.month.judged() && len(w.broken) == 0 {
		return w.judgeDay()
	}
	return nil
}

// judgeDay looks at the day's book once all of it has ended.
func (w *world) judgeDay() error {
	book := w.book()
	w.judgeDoubles(book)
	w.judgeEvents(book)
	return w.judgeRest()
}

// newDay is the exchange's own: the book is empty, and what was held is carried over.
func (w *world) newDay() {
	w.x.NextDay()
	w.x.Drain()
	w.changed()
	for _, k := range w.keys() {
		if w.x.NetQuantity(user, "NFO", k.symbol, k.product) != 0 {
			w.month.tally.Nights++
		}
	}
	w.month.tally.nextDay()
	w.ledger.nextDay(w)
	w.audit.nextDay()
	w.watch.over = map[key]time.Time{}
}

// settlePrices brings both prices near the one of every morning, so that the night's close lies near what was paid.
func (w *world) settlePrices(dice *rand.Rand) {
	for _, s := range symbols {
		w.happen(Event{Kind: Price, Symbol: s, Price: float64(int(opening) - 3 + dice.IntN(7)), Depth: -1})
	}
}

// events are those of one busy quarter of an hour: people, prices, faults and crashes, all drawn from the seed.
func (m *month) events(n, part int) []Event {
	d := &drawer{Rand: rand.New(rand.NewPCG(m.Seed, uint64(n*10+part))), people: People{Hands: true, Shorts: true, Products: true, Calm: true},
		trouble: Trouble{Network: true, Crashes: true, Disk: true, Outage: n%3 == 0, Lapse: n%4 == 0}}
	d.trade(false)
	for _, s := range symbols {
		d.prices(s)
		for range d.IntN(3) {
			d.spike(s)
		}
	}
	d.network()
	d.process()
	d.spells()
	slices.SortStableFunc(d.events, func(a, b Event) int { return cmp.Compare(a.At, b.At) })
	for i := range d.events {
		if d.events[i].Name != "" {
			d.events[i].Name = fmt.Sprintf("%d%c-%s", n, 'a'+part, d.events[i].Name)
		}
	}
	return d.events
}

// spike is a price that runs through stops and comes back.
func (d *drawer) spike(symbol string) {
	at, to := time.Minute+d.some(tradedFor-2*time.Minute), opening*0.8
	if d.IntN(2) == 0 {
		to = opening * 1.25
	}
	d.add(Event{At: at, Kind: Price, Symbol: symbol, Price: to, Depth: -1})
	d.add(Event{At: at + 2*time.Second + d.some(20*time.Second), Kind: Price, Symbol: symbol, Price: opening, Depth: -1})
}

// watchSession asks every half minute whether the session lives, as the service does, while it is not known to.
func (w *world) watchSession() {
	m := w.month
	w.at(30*time.Second, func() {
		if w.p != nil && !m.Script && (m.dead || !m.asked) && m.asked == m.dead {
			m.asked = !m.dead
			w.take(lane.Input{Session: &lane.Session{Alive: m.asked, Why: "Incorrect `api_key` or `access_token`."}}, nil)
		}
		w.watchSession()
	})
}

// trading says whether the market of the symbols is open, and has been for a moment.
func (m *month) trading(now time.Time) bool {
	return m.hours.IsOpen("NFO", now)
}

// every is how long the schedule of readings waits: outside the market's hours a quarter of an hour.
func (w *world) every() time.Duration {
	if w.month != nil && !w.month.hours.AnyOpen(w.now) {
		return 15 * time.Minute
	}
	return 15 * time.Second
}

// judged says whether the checkers' word counts: what they ask is promised with the reconciler alone.
func (m *month) judged() bool { return m.Reconciler && !m.Script }
