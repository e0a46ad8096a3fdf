package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"

	"backstop/actions"
	"backstop/engine/lane"
	"backstop/engine/order"
)

// Streamer pushes an account's order updates by itself, and the last prices that are wanted. Stream makes one connection and serves it until it ends or ctx
// does, and says why, never nil: ClassSession where there is no session or another one now, ClassPermission where it
// was refused, by a dead session or for good, any other class where it may be tried again.
type Streamer interface {
	Stream(ctx context.Context, to StreamSink) error
}

// StreamSink is where a stream's frames go. Its functions are called one at a time, in the order in which the frames
// came.
type StreamSink struct {
	Open   func()                     // the connection stands
	Frame  func(kind, text string)    // one of AccountOptions.FrameKinds, and its words where it has any
	Update func(u order.Update) error // an error ends the connection
	// Wanted may be called at any time, beside the others: whose last prices Ticks takes, by the broker's token.
	Wanted func() []int64
	Ticks  func(ticks []Tick)
}

// Tick is the last price of an instrument.
type Tick struct {
	Token int64
	Last  order.Price
}

// foreignStream is why an update changes nothing that a stream brings of another user than its own.
const foreignStream = "another session's user"

// frameUnreadable is the kind of a frame that may have been an update, frameError what the broker complains of.
const (
	frameUnreadable = "unreadable"
	frameError      = "error"
)

// stream keeps an account's stream connected, and knows how it stands.
type stream struct {
	a        *account
	broker   actions.Broker
	streamer Streamer             // nil: off
	must     bool                 // stream: on
	trading  func(time.Time) bool // whether any segment trades
	off      string               // why there is none
	metrics  streamMetrics
	prices   *prices
	renewed  chan struct{} // capacity 1: the session may be another one

	// Of the goroutine alone.
	delay    *backoff.ExponentialBackOff
	opened   bool                 // it stood once
	told     time.Time            // that it is down; zero: nobody was told
	noted    map[string]time.Time // by kind of frame: when one was logged, and the book read for one that is unreadable
	lastText string               // why it is down, as logged

	mu     sync.Mutex
	status streamStatus
}

// streamStatus is what others see.
type streamStatus struct {
	up       bool
	since    time.Time // up or down since
	heard    time.Time // when something came last
	why      string    // while it is down
	fallback bool      // auto: the plan has none
}

func newStream(a *account, broker actions.Broker, o *AccountOptions, listed lane.Instruments, m streamMetrics, trading func(time.Time) bool, now time.Time) *stream {
	s := &stream{prices: newPrices(a, listed), a: a, broker: broker, streamer: o.Streamer, must: o.StreamMust, trading: trading, off: o.StreamOff, metrics: m, renewed: make(chan struct{}, 1),
		noted: map[string]time.Time{}, delay: backoff.NewExponentialBackOff()}
	s.delay.InitialInterval, s.delay.MaxInterval, s.delay.Multiplier = streamRetryFirst, streamRetryLast, 2
	s.status = streamStatus{since: now, why: "not connected yet"}
	return s
}

// run connects until ctx is done. A fall-back to postbacks and readings ends with the session: the next one may be of
// another plan.
func (s *stream) run(ctx context.Context) {
	var giving sync.WaitGroup
	defer giving.Wait()
	giving.Go(func() { s.prices.run(ctx) })
	for ctx.Err() == nil {
		select {
		case <-s.renewed: // this connection is of the session as it is now
		default:
		}
		err := s.connect(ctx)
		if ctx.Err() != nil {
			break
		}
		ended := s.a.now()
		stood := s.down(ended, err)
		if stood >= streamSteady {
			s.delay.Reset()
		}
		refused, dead := s.judge(ctx, err)
		switch {
		case dead: // which is told by itself
			s.awaitSession(ctx)
		case refused && !s.must:
			s.fallBack()
			s.awaitRenewal(ctx)
		default:
			s.tellDown(ended)
			s.pause(ctx, s.delay.NextBackOff())
		}
	}
	s.metrics.down()
}

// connect makes one connection. A panic of the adapter's is one more way to end.
func (s *stream) connect(ctx context.Context) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %s", panicText(p))
		}
	}()
	return s.streamer.Stream(ctx, StreamSink{Open: s.open, Frame: s.frame, Update: func(u order.Update) error { return s.take(ctx, u) },
		Wanted: s.prices.wanted, Ticks: s.prices.ticks})
}

// open has the book read for what came before, and tells the rules where that was a gap.
func (s *stream) open() {
	now := s.a.now()
	s.mu.Lock()
	why := s.status.why
	s.status = streamStatus{up: true, since: now, heard: now}
	s.mu.Unlock()
	s.metrics.up(s.opened)
	in := &lane.Stream{Back: s.opened}
	if s.opened {
		in.Why = why
	}
	s.opened = true
	s.lastText = ""
	s.a.post(lane.Input{Stream: in})
	s.a.log.Info("the stream of updates stands", "again", in.Back)
	if !s.told.IsZero() {
		s.told = time.Time{}
		s.alert(fmt.Sprintf("The stream stands again (%s); the order book is read for what was missed.", s.a.id))
	}
}

// frame counts what came.
func (s *stream) frame(kind, text string) {
	now := s.a.now()
	s.mu.Lock()
	s.status.heard = now
	s.mu.Unlock()
	s.metrics.frame(kind)
	if text == "" && kind != frameUnreadable {
		return
	}
	level := slog.LevelInfo
	if kind == frameUnreadable || kind == frameError {
		level = slog.LevelWarn
	}
	again := !s.noted[kind].IsZero() && now.Sub(s.noted[kind]) < streamNoteEvery
	if again {
		level = slog.LevelDebug // a flood of them fills no log
	} else {
		s.noted[kind] = now
	}
	s.a.log.Log(context.Background(), level, "a frame of the stream is no update", "kind", kind, "text", text)
	if kind == frameUnreadable && !again { // it may have been one: the book is read for it
		s.a.post(lane.Input{Stream: &lane.Stream{Why: "a frame could not be read"}})
	}
}

// take gives an update to the lane. Nobody waits for it to be durable: were it lost, its step would be too, and the
// lane that is read back asks for a reading.
func (s *stream) take(ctx context.Context, u order.Update) error {
	a := s.a
	u.Source = order.SourceStream
	if u.Account == a.id || u.Account == "" {
		u.Account = a.id
		return a.inbox.submit(ctx, a.quiet, entry{input: lane.Input{Update: &u}, arrived: a.now()})
	}
	user := u.Account
	why := foreignStream + ": " + user
	u.Account = "" // not among the rows of an account that never took it
	_, err := a.setAside(ctx, &u, user, why)
	return err
}

// down notes the end of a connection and gives how long it stood.
func (s *stream) down(now time.Time, err error) (stood time.Duration) {
	e := asError(err, "stream", actions.ClassDown)
	text := "it ended"
	if e != nil {
		text = e.Message
	}
	s.mu.Lock()
	wasUp, since := s.status.up, s.status.since
	if wasUp {
		stood, since = now.Sub(since), now
	}
	s.status.up, s.status.since, s.status.why = false, since, text
	s.mu.Unlock()
	s.metrics.down()
	if text != s.lastText {
		s.lastText = text
		s.a.log.Warn("the stream of updates is down; postbacks and the order book go on", "why", text)
	}
	return stood
}

// judge says what a refusal means: a dead session and a plan without a stream look the same from outside, so the
// session is asked for.
func (s *stream) judge(ctx context.Context, err error) (refused, dead bool) {
	e := asError(err, "stream", actions.ClassDown)
	if e == nil || e.Class != actions.ClassPermission && e.Class != actions.ClassSession {
		return false, false
	}
	if e.Class == actions.ClassSession {
		return false, true
	}
	if !s.a.askSession(ctx, s.broker, func(alive bool) { refused, dead = alive, !alive }) {
		return false, false // nobody knows: it is tried again
	}
	return refused, dead
}

// fallBack says once that there will be no stream.
func (s *stream) fallBack() {
	s.mu.Lock()
	why := s.status.why
	s.status.fallback = true
	s.mu.Unlock()
	s.a.log.Warn("no stream of updates with this app: postbacks and the order book tell of every update (a personal app has none; stream: off says that it is meant)", "why", why)
}

// tellDown tells the alerts channel of a stream that was asked for and is down for long while a market is open.
func (s *stream) tellDown(now time.Time) {
	s.mu.Lock()
	st := s.status
	s.mu.Unlock()
	if !s.must || !s.trading(now) || now.Sub(st.since) < streamTellAfter || !s.told.IsZero() && now.Sub(s.told) < alarmEvery {
		return
	}
	s.told = now
	s.alert(fmt.Sprintf("NO STREAM (%s, for %s): %s. Updates come by postback and by reading the order book. Backstop keeps trying; stream: auto does without.",
		s.a.id, now.Sub(st.since).Round(time.Second), strings.TrimSuffix(oneLine(errors.New(st.why)), ".")))
}

func (s *stream) alert(text string) {
	if s.a.alert != nil {
		s.a.alert(text)
	}
}

// awaitSession waits until the session may be another one, or is known to live.
func (s *stream) awaitSession(ctx context.Context) {
	tick := time.NewTicker(sessionEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.renewed:
			s.pause(ctx, streamRetryFirst) // a login is asked for at the same time
			return
		case <-tick.C:
			if s.a.view().Session {
				return
			}
		}
	}
}

// awaitRenewal waits until the session may be another one.
func (s *stream) awaitRenewal(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-s.renewed:
	}
}

func (s *stream) pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// renew says that the session may be another one.
func (s *stream) renew() {
	select {
	case s.renewed <- struct{}{}:
	default: // it will be looked at already
	}
}

// heard is when something came last.
func (s *stream) heard() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.status.heard
}

// check is the stream as one condition of readiness. Only a stream that was asked for makes a service unready.
func (s *stream) check(now time.Time) (ok bool, text string) {
	s.mu.Lock()
	st := s.status
	s.mu.Unlock()
	ago := func(t time.Time) time.Duration { return now.Sub(t).Round(time.Second) }
	const without = "; postbacks and the order book tell of updates"
	switch {
	case s.streamer == nil:
		return true, strings.TrimSuffix("off: "+s.off, ": ") + without
	case st.up:
		return true, fmt.Sprintf("connected; the last data came %s ago", ago(st.heard)) + s.prices.text()
	case st.fallback:
		return true, "none: " + st.why + without
	}
	return !s.must || now.Sub(st.since) < streamTellAfter, fmt.Sprintf("not connected for %s: %s%s", ago(st.since), st.why, without)
}
