package engine

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"backstop/engine/lane"
	"backstop/engine/order"
)

// account is one account's goroutine with what serves it.
type account struct {
	id     string
	apiKey string // whose secret signs this account's postbacks
	dry    bool   // mode dry-run: nothing leaves

	inbox    *inbox
	pacer    *Pacer
	senders  *senders
	reads    *reads
	stream   *stream
	messages *messengers
	metrics  *accountMetrics
	log      *slog.Logger
	clock    func() time.Time
	crash    crash
	other    func(id string) *account // nil where there is none
	alarm    *alarm
	alert    func(text string)
	setAside func(ctx context.Context, u *order.Update, user, why string) (ignored string, err error)

	// Of the goroutine alone.
	turner   *Turner
	hold     *Hold     // of the step under way
	kept     []entry   // given to the next turn: what a failed one must not lose
	wake     time.Time // when the lane wants to be stepped although nothing came
	failures int       // turns in a row that failed
	since    time.Time // when the first of them did
	retryAt  time.Time // not before: the journal is given time
	refusal  error     // why updates are refused until then
	stopped  string    // the broken invariant that stopped the lane
	alertAt  time.Time // when a stopped lane is told again
	readers  []readWaiter
	closing  bool // nothing new leaves

	peeks   chan chan lane.View // asks for a fresh view
	asked   chan struct{}       // the session is another one now
	started atomic.Bool
	finish  chan struct{} // closed: commit what waits, and end
	quiet   chan struct{} // closed: nothing new leaves any more
	quieted chan struct{} // closed by the goroutine when it knows
	done    chan struct{} // closed when the goroutine has ended

	alerting chan struct{} // capacity 1: an alert is on its way

	mu    sync.Mutex
	shown shown
}

// shown is what others see of the account without asking its goroutine.
type shown struct {
	view     lane.View
	failure  string    // why the last turn failed, "" when it was durable
	lastGood time.Time // start of the last good reading that was folded since the process began
}

// readWaiter waits for a good or bad reading that began after since.
type readWaiter struct {
	since time.Time
	done  chan<- error
}

func (a *account) now() time.Time { return a.clock() }

// post puts what the engine itself has to say to the lane into the inbox. It never waits and never drops while
// the goroutine lives.
func (a *account) post(in lane.Input) {
	if !a.inbox.put(entry{input: in, arrived: a.now()}) {
		a.log.Warn("came after the end; it is settled at the next start", "input", kindOf(&in))
	}
}

// run is the account's goroutine: it ends when finish is closed and nothing waits any more.
func (a *account) run() {
	a.started.Store(true)
	defer close(a.done)
	timer := time.NewTimer(0) // the first step is at once: it asks for the readings that arm the lane
	defer timer.Stop()
	quiet, finish := a.quiet, a.finish
	for {
		select {
		case <-a.inbox.ready:
		case <-timer.C:
		case asked := <-a.peeks:
			asked <- a.look()
			continue
		case <-quiet:
			a.closing, quiet = true, nil
			close(a.quieted)
		case <-finish:
			a.last()
			return
		}
		a.round()
		timer.Reset(a.idle(a.now()))
	}
}

// round takes what waits and turns it.
func (a *account) round() {
	now := a.now()
	if now.Before(a.retryAt) {
		a.refuse(a.refusal, a.inbox.take(batchMax))
		return
	}
	entries := a.inbox.take(batchMax)
	a.turn(now, entries)
	a.inbox.done(entries)
	if a.stopped != "" && !now.Before(a.alertAt) {
		a.sound(now)
	}
}

// last commits what still waits; a journal that fails now is not tried again.
func (a *account) last() {
	a.closing, a.retryAt = true, time.Time{}
	for {
		if entries := a.inbox.take(batchMax); len(entries) > 0 || len(a.kept) > 0 {
			a.turn(a.now(), entries)
			if len(a.kept) > 0 && a.inbox.depth() == 0 {
				a.log.Error("outcomes were not written down; they are settled by reading at the next start", "inputs", len(a.kept), "error", a.refusal)
				for i := range a.kept {
					a.kept[i].answer(answer{err: a.refusal})
				}
				a.kept = nil
			}
		}
		if a.inbox.close() {
			break
		}
	}
	a.endReaders(ErrClosing)
	a.look()
}

// idle is how long the goroutine may sleep.
func (a *account) idle(now time.Time) time.Duration {
	due := a.retryAt
	if !due.After(now) {
		due = a.wake
		least := wakeLeast
		if a.stopped != "" {
			least = time.Second // without a grant the lane asks ten times a second whether there is one
		}
		if !due.IsZero() {
			due = later(due, now.Add(least))
		}
	}
	if a.stopped != "" && (due.IsZero() || a.alertAt.Before(due)) {
		due = later(a.alertAt, now.Add(wakeLeast))
	}
	if due.IsZero() {
		return time.Hour
	}
	return due.Sub(now)
}

// reserve asks the pacer for what the next step may send: nothing once stopped or closing, and never more than
// there are senders.
func (a *account) reserve(now time.Time) *Hold {
	if a.stopped != "" || a.closing || a.dry {
		return a.pacer.Reserve(now, 0, 0)
	}
	free := a.senders.free()
	return a.pacer.Reserve(now, free, free-sendersExits)
}

// failed keeps what must not be lost for the next turn and refuses the rest. Each failure in a row gives the
// journal twice the time.
func (a *account) failed(now time.Time, err error, entries []entry) {
	a.refuse(err, entries)
	if a.failures++; a.failures == 1 {
		a.since = now
		a.log.Error("nothing of this step has happened; postbacks are refused until a step is durable again", "error", err)
	}
	a.alarm.failing(now, a.since, err)
	a.refusal = err
	a.retryAt = now.Add(min(retryFirst<<min(a.failures-1, 10), retryLast))
	a.mu.Lock()
	a.shown.failure = err.Error()
	a.mu.Unlock()
}

// refuse answers with an error, save what is kept for the next turn: who waits for that goes on waiting.
func (a *account) refuse(err error, entries []entry) {
	for i := range entries {
		if again(&entries[i].input) {
			a.kept = append(a.kept, entries[i])
			continue
		}
		entries[i].answer(answer{err: err})
	}
}

// recovered notes a durable turn.
func (a *account) recovered() {
	if a.failures == 0 {
		return
	}
	a.failures, a.retryAt, a.refusal = 0, time.Time{}, nil
	a.log.Info("steps are durable again")
	a.alarm.durable()
	a.mu.Lock()
	a.shown.failure = ""
	a.mu.Unlock()
}

// folded tells those who wait for a reading. entries are durable.
func (a *account) folded(entries []entry) {
	for i := range entries {
		e := &entries[i]
		if e.read != nil {
			a.readers = append(a.readers, readWaiter{e.arrived, e.read})
		}
		r := e.input.Read
		if r == nil {
			continue
		}
		if r.Err == nil {
			a.mu.Lock()
			a.shown.lastGood = r.Began
			a.mu.Unlock()
		}
		a.metrics.read(r)
		waiting := a.readers[:0]
		for _, w := range a.readers {
			if r.Began.Before(w.since) {
				waiting = append(waiting, w)
				continue
			}
			w.done <- r.Err
		}
		a.readers = waiting
	}
}

func (a *account) endReaders(err error) {
	for _, w := range a.readers {
		w.done <- err
	}
	a.readers = nil
}

// look makes a fresh view and shows it.
func (a *account) look() lane.View {
	v, ok := a.turner.View()
	a.mu.Lock()
	defer a.mu.Unlock()
	if ok {
		a.shown.view = v
	}
	a.shown.view.Account, a.shown.view.Stopped = a.id, a.stopped
	return a.shown.view
}

// view is the lane as it stands; where its goroutine is busy for long, or is not running, as it stood.
func (a *account) view() lane.View {
	if !a.started.Load() {
		return a.seen().view
	}
	asked := make(chan lane.View, 1)
	timer := time.NewTimer(viewTimeout)
	defer timer.Stop()
	select {
	case a.peeks <- asked:
		return <-asked
	case <-a.done:
	case <-timer.C:
	}
	return a.seen().view
}

func (a *account) seen() shown {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.shown
}

// say logs one line of the lane's.
func (a *account) say(l *lane.Log) {
	level := slog.LevelInfo
	switch l.Level {
	case "warn":
		level = slog.LevelWarn
	case "error":
		level = slog.LevelError
	}
	a.log.Log(context.Background(), level, l.Text, l.Attrs...)
}

// kindOf names an input for the log.
func kindOf(in *lane.Input) string {
	switch {
	case in.Update != nil:
		return "update of order " + in.Update.OrderID
	case in.Read != nil:
		return "book"
	case in.Trades != nil:
		return "trades of order " + in.Trades.OrderID
	case in.Positions != nil:
		return "positions"
	case in.GTTs != nil:
		return "gtts"
	case in.Prices != nil:
		return "prices"
	case in.Outcome != nil:
		return "outcome of request " + in.Outcome.RequestID
	case in.Delivery != nil:
		return "delivery of action " + in.Delivery.ActionID
	case in.Session != nil:
		return "session"
	case in.Stream != nil:
		return "stream"
	case in.Rules != nil:
		return "rules"
	case in.Control != nil:
		return string(in.Control.Verb)
	case in.Errand != nil:
		return "errand of " + in.Errand.From
	case in.ErrandEnd != nil:
		return "end of an errand in " + in.ErrandEnd.By
	case in.Loaded:
		return "instruments loaded"
	}
	return "nothing"
}
