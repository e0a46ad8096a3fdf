package enginetest

import (
	"container/heap"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"strconv"
	"strings"
	"time"

	"backstop/actions"
	"backstop/engine/journal"
	"backstop/engine/kite"
	"backstop/engine/lane"
	"backstop/engine/market"
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
	Hands   bool         // a person also exits and cancels by phone
	Confirm bool         // requests stand on the order book
	Open    func() (journal.Store, error)
	Rules   *rules.Set
	Log     func(format string, args ...any) // nil: silent
}

// world is the exchange, the network and the process in virtual time.
type world struct {
	c       Config
	rng     *rand.Rand
	now     time.Time
	queue   events
	seq     int
	x       *paper.Exchange
	inj     *paper.Injector
	store   journal.Store
	lane    *lane.Lane
	life    int // which incarnation of the process this is
	inbox   []lane.Input
	acked   []string // raw postbacks that were answered 200
	waiting []func(ok bool)
	wake    time.Time
	list    instruments
	panics  []string
	stats   Stats
	calm    bool
	held    map[string]int // true positions, and since when
	moved   map[string]time.Time
}

// Stats count what a day saw.
type Stats struct {
	Steps, Crashes, FailedCommits, Sends, Reads, Postbacks, Lost, Forged int
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

// instruments is the exchange's list as the lane looks it up.
type instruments map[string]order.Instrument

func (i instruments) Instrument(exchange, symbol string) (order.Instrument, bool) {
	row, ok := i[exchange+":"+symbol]
	return row, ok
}
func (i instruments) Loaded() bool { return len(i) > 0 }

// Simulate runs one day and returns what is wrong with it, nothing where the promise held.
func Simulate(c Config) (Stats, []string, error) {
	w := &world{c: c, rng: rand.New(rand.NewPCG(c.Seed, 7)), now: time.Date(2026, 11, 23, 9, 30, 0, 0, order.IST)}
	store, err := c.Open()
	if err != nil {
		return w.stats, nil, err
	}
	defer store.Close()
	w.store, w.held, w.moved = store, map[string]int{}, map[string]time.Time{}
	w.x = paper.New(paper.Options{Now: func() time.Time { return w.now }, Seed: c.Seed, OpenDelay: 50 * time.Millisecond})
	w.inj = paper.NewInjector(c.Seed, c.Faults)
	w.list = instruments{}
	if _, err := kite.DecodeInstruments(strings.NewReader(string(w.x.InstrumentsCSV(""))), func(i order.Instrument) error {
		w.list[i.Exchange+":"+i.Tradingsymbol] = i
		return nil
	}); err != nil {
		return w.stats, nil, err
	}
	for _, s := range symbols {
		if err := w.x.SetPrice("NFO", s, 120); err != nil {
			return w.stats, nil, err
		}
	}
	w.boot()
	w.trade()
	w.run(w.now.Add(20 * time.Minute))
	w.quiet()
	w.run(w.now.Add(5 * time.Minute))
	bad := w.panics
	if len(bad) == 0 {
		bad, err = judge(w)
	}
	return w.stats, bad, err
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
		if w.life == life && w.lane != nil {
			run()
		}
	})
}

// run lets the world go on until the moment given.
func (w *world) run(until time.Time) {
	for len(w.panics) == 0 {
		next := until
		if len(w.queue) > 0 && w.queue[0].at.Before(next) {
			next = w.queue[0].at
		}
		if w.lane != nil && !w.wake.IsZero() && w.wake.Before(next) {
			next = w.wake
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
		if w.lane != nil && (len(w.inbox) >= max(1, w.c.Batch) || len(w.inbox) > 0 && w.idle() || !w.wake.IsZero() && !w.wake.After(w.now)) {
			w.turn()
		}
	}
}

// idle says whether nothing else happens at this moment: what waits is stepped then.
func (w *world) idle() bool { return len(w.queue) == 0 || w.queue[0].at.After(w.now) }

func (w *world) options() lane.Options {
	return lane.Options{Account: user, Mode: lane.Live, Confirm: w.c.Confirm, Rules: w.c.Rules, Hours: market.Always(),
		Instruments: w.list, Reasons: kite.Reason}
}

// boot starts the process from what the store kept.
func (w *world) boot() {
	snap, err := w.store.Load(context.Background(), user, order.DayOf(w.now))
	if err != nil {
		w.panics = append(w.panics, "load: "+err.Error())
		return
	}
	w.life++
	w.lane, err = lane.New(w.options(), snap, w.now)
	if err != nil {
		w.panics = append(w.panics, "start: "+err.Error())
		return
	}
	w.inbox, w.waiting, w.wake = nil, nil, w.now
	w.log("process %d starts", w.life)
	w.reconcile(w.life)
}

// reconcile reads the book every 15 seconds.
func (w *world) reconcile(life int) {
	w.at(15*time.Second, func() {
		if w.life == life && w.lane != nil {
			w.inbox = append(w.inbox, lane.Input{Control: &lane.Control{Verb: lane.Reconcile}})
			w.reconcile(life)
		}
	})
}

// crash kills the process: what was in memory is gone, and so is what was under way inside it.
func (w *world) crash(where string) {
	w.log("CRASH %s", where)
	w.stats.Crashes++
	w.lane, w.inbox, w.waiting = nil, nil, nil
	w.life++
	w.at(time.Duration(1+w.rng.IntN(20))*time.Second, w.boot)
}

func (w *world) chance(p float64) bool { return !w.calm && p > 0 && w.rng.Float64() < p }

// turn makes one step: commit, and only then answer and send.
func (w *world) turn() {
	defer func() {
		if r := recover(); r != nil {
			w.panics = append(w.panics, fmt.Sprintf("%s: %v", w.now.Format("15:04:05.000"), r))
		}
	}()
	w.stats.Steps++
	inputs, answers := w.inbox, w.waiting
	w.inbox, w.waiting = nil, nil
	batch := w.lane.Step(w.now, lane.Grant{Exits: 8, Risk: 8, Next: w.now.Add(time.Second)}, inputs)
	if w.chance(w.c.Crashes) {
		w.crash("before the commit")
		return
	}
	err := error(nil)
	if w.chance(w.c.Commits) {
		err = errors.New("disk full")
	} else {
		err = w.store.Commit(context.Background(), &batch.Commit)
	}
	if err != nil {
		w.stats.FailedCommits++
		w.log("commit fails: %v", err)
		for _, answer := range answers {
			answer(false)
		}
		snap, lerr := w.store.Load(context.Background(), user, order.DayOf(w.now))
		if lerr == nil {
			w.lane, lerr = lane.New(w.options(), snap, w.now)
		}
		if lerr != nil {
			w.panics = append(w.panics, "reload: "+lerr.Error())
		}
		w.wake = w.now
		return
	}
	if w.chance(w.c.Crashes) {
		w.crash("after the commit")
		return
	}
	for _, answer := range answers {
		answer(true)
	}
	w.wake = batch.Wake
	for _, r := range batch.Sends {
		w.alive(time.Millisecond, func() { w.send(r) })
	}
	for _, m := range batch.Messages {
		w.log("message: %s", m.Message.Text)
		w.alive(50*time.Millisecond, func() {
			w.inbox = append(w.inbox, lane.Input{Delivery: &lane.Delivery{ActionID: m.ID}})
		})
	}
	w.read(batch.Reads)
}

// push takes what the exchange tells to the network: postbacks may be lost, doubled, late or out of order.
func (w *world) push() {
	w.look()
	for _, p := range w.x.Drain() {
		if !p.Postback {
			continue
		}
		body := p.PostbackBody()
		d := w.inj.Postback()
		w.stats.Postbacks++
		if d.Lost {
			w.stats.Lost++
			w.log("postback lost: %s %s", p.OrderID, p.Status)
			continue
		}
		if w.chance(w.c.Forge) {
			w.at(time.Second, func() { w.forge(body) })
		}
		times := 1
		if d.Doubled {
			times = 2
		}
		for range times {
			delay := 2*time.Millisecond + d.Late
			if d.After {
				delay += 300 * time.Millisecond
			}
			w.at(delay, func() { w.deliver(body) })
		}
	}
}

// forge sends a seen body again as a complete fill: its checksum covers two fields only, so it verifies.
func (w *world) forge(body []byte) {
	var row map[string]any
	if err := json.Unmarshal(body, &row); err != nil || row["status"] == "COMPLETE" || row["status"] == "REJECTED" {
		return
	}
	row["status"], row["filled_quantity"], row["average_price"] = "COMPLETE", row["quantity"], row["price"]
	row["pending_quantity"], row["cancelled_quantity"] = 0, 0
	forged, err := json.Marshal(row)
	if err != nil {
		w.panics = append(w.panics, err.Error())
		return
	}
	w.log("FORGED fill of %v", row["order_id"])
	w.stats.Forged++
	w.deliver(forged)
}

// deliver is one POST at the receiver: verified, decoded, answered 200 only after the commit, never retried.
func (w *world) deliver(body []byte) {
	if w.lane == nil {
		w.stats.Lost++
		return
	}
	if _, err := kite.Verify(body, secret); err != nil {
		w.panics = append(w.panics, "a true postback is refused: "+err.Error())
		return
	}
	u, err := kite.DecodePostback(body, w.now)
	if err != nil {
		w.panics = append(w.panics, "a true postback does not decode: "+err.Error())
		return
	}
	w.log("postback %s %s filled %d", u.OrderID, u.RawStatus, u.FilledQuantity)
	w.inbox = append(w.inbox, lane.Input{Update: &u})
	w.waiting = append(w.waiting, func(ok bool) {
		if ok {
			w.acked = append(w.acked, string(body))
		}
	})
}

// send is one request on its way: the answer may be lost though the exchange took it.
func (w *world) send(r actions.Request) {
	if w.chance(w.c.Crashes) {
		w.crash("before the send")
		return
	}
	w.stats.Sends++
	v := w.inj.Request(string(r.Call.Method))
	out := &lane.Outcome{RequestID: r.ID, Attempt: r.Attempts}
	answer := 20 * time.Millisecond
	if v.Refusal == nil && !v.HTML {
		id, e := w.call(r)
		if e != nil {
			class, hint := kite.Classify(e.HTTPStatus, e.ErrorType, e.Message)
			out.Err = &actions.Error{Class: class, Message: e.Message, Hint: hint, Op: string(r.Call.Method)}
		}
		out.OrderID = id
		if e == nil {
			w.watch(r)
		}
		w.log("send %s %s %s %+v -> %s %v", r.ID, r.Call.Method, r.Call.OrderID, r.Call.Params, id, e)
	}
	switch {
	case v.Refusal != nil:
		class, hint := kite.Classify(v.Refusal.HTTPStatus, v.Refusal.ErrorType, v.Refusal.Message)
		out.Err = &actions.Error{Class: class, Message: v.Refusal.Message, Hint: hint}
	case v.HTML:
		out.Err = &actions.Error{Class: actions.ClassAmbiguous, Message: "502 Bad Gateway"}
	case v.Drop, v.HTMLDone:
		w.log("reply lost: %s", r.ID)
		out.Err, out.OrderID = &actions.Error{Class: actions.ClassAmbiguous, Message: "connection reset"}, ""
	case v.Hang > 0:
		w.log("reply hangs: %s", r.ID)
		out.Err, out.OrderID = &actions.Error{Class: actions.ClassAmbiguous, Message: "timed out"}, ""
		answer = 7 * time.Second
	}
	w.push()
	w.alive(answer, func() {
		if w.chance(w.c.Crashes) {
			w.crash("before the answer is recorded")
			return
		}
		w.inbox = append(w.inbox, lane.Input{Outcome: out})
	})
}

func (w *world) call(r actions.Request) (string, *paper.APIError) {
	p := r.Call.Params
	v := url.Values{}
	set := func(name, value string) {
		if value != "" && value != "0" {
			v.Set(name, value)
		}
	}
	set("quantity", strconv.FormatInt(p.Quantity, 10))
	set("price", p.Price.String())
	set("trigger_price", p.TriggerPrice.String())
	set("order_type", p.OrderType)
	set("validity", p.Validity)
	if p.MarketProtection != 0 {
		set("market_protection", strconv.FormatFloat(p.MarketProtection, 'f', -1, 64))
	}
	switch r.Call.Method {
	case actions.Place:
		set("exchange", p.Exchange)
		set("tradingsymbol", p.Tradingsymbol)
		set("transaction_type", p.TransactionType)
		set("product", p.Product)
		set("tag", p.Tag)
		return w.x.PlaceVia(user, apiKey, r.Call.Variety, v)
	case actions.Modify:
		return w.x.Modify(user, r.Call.Variety, r.Call.OrderID, v)
	default:
		return w.x.Cancel(user, r.Call.Variety, r.Call.OrderID)
	}
}

// read answers the readings that a step asked for.
func (w *world) read(reads lane.Reads) {
	if reads.Book {
		w.stats.Reads++
		began := w.now
		w.alive(30*time.Millisecond, func() {
			in := &lane.Read{Began: began, Ended: w.now}
			v := w.inj.Request("book")
			if v.Refusal != nil || v.HTML || v.Drop || v.Hang > 0 {
				in.Err = &actions.Error{Class: actions.ClassAmbiguous, Op: "orders", Message: "the reading failed"}
			} else if rows, unreadable, err := kite.DecodeBook(w.x.ReadBook(user, v.Reading(w.now)), began, w.now); err != nil {
				in.Err = err
			} else {
				in.Rows, in.Unreadable = rows, len(unreadable)
			}
			w.inbox = append(w.inbox, lane.Input{Read: in})
		})
	}
	if reads.Positions {
		began := w.now
		w.alive(30*time.Millisecond, func() {
			rows, _, err := kite.DecodePositions(w.x.PositionsJSON(user))
			w.inbox = append(w.inbox, lane.Input{Positions: &lane.Positions{Began: began, Rows: rows, Err: err}})
		})
	}
	for _, id := range reads.Trades {
		w.alive(30*time.Millisecond, func() {
			body, e := w.x.TradesJSON(user, id)
			in := &lane.Trades{OrderID: id}
			if e != nil {
				in.Err = e
			} else {
				in.Rows, _, in.Err = kite.DecodeTrades(body)
			}
			w.inbox = append(w.inbox, lane.Input{Trades: in})
		})
	}
}

// quiet ends all faults: from here on nothing explains a missing stop.
func (w *world) quiet() {
	w.calm = true
	w.inj.Set(paper.Faults{})
	w.log("all quiet")
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
}
