package engine

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"backstop/actions"
	"backstop/engine/journal"
	"backstop/engine/lane"
	"backstop/engine/order"
	"backstop/rules"
)

// streamer is a stream in the test's hands: each connection runs the next script, the last one again and again.
type streamer struct {
	mu      sync.Mutex
	scripts []func(ctx context.Context, to StreamSink) error
	began   []time.Time
}

func (s *streamer) Stream(ctx context.Context, to StreamSink) error {
	s.mu.Lock()
	s.began = append(s.began, time.Now())
	f := s.scripts[0]
	if len(s.scripts) > 1 {
		s.scripts = s.scripts[1:]
	}
	s.mu.Unlock()
	return f(ctx, to)
}

func (s *streamer) calls() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.began)
}

func (s *streamer) now(scripts ...func(ctx context.Context, to StreamSink) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.scripts = scripts
}

// stands beats every second for a while, then breaks; zero: until the end.
func stands(for_ time.Duration, updates ...order.Update) func(ctx context.Context, to StreamSink) error {
	return func(ctx context.Context, to StreamSink) error {
		to.Open()
		for _, u := range updates {
			to.Frame("order", "")
			if err := to.Update(u); err != nil {
				return err
			}
		}
		began := time.Now()
		for for_ == 0 || time.Since(began) < for_ {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(time.Second):
				to.Frame("heartbeat", "")
			}
		}
		return &actions.Error{Class: actions.ClassDown, Message: "cut"}
	}
}

func fails(class actions.Class) func(context.Context, StreamSink) error {
	return func(context.Context, StreamSink) error {
		return &actions.Error{Class: class, Op: "stream", Message: "no: " + string(class)}
	}
}

// streamed runs an engine with one account and its stream.
func streamed(t *testing.T, b actions.Broker, s Streamer, must bool) (e *Engine, alerts func() []string, inputs func() []lane.Stream) {
	t.Helper()
	var mu sync.Mutex
	var told []string
	var took []lane.Stream
	ao := scripted("A", b, func(batch *lane.Batch, _ time.Time, _ lane.Grant, in []lane.Input) {
		for i := range in {
			if in[i].Stream != nil {
				mu.Lock()
				took = append(took, *in[i].Stream)
				mu.Unlock()
			}
		}
	})
	ao.Lane.Rules = &rules.Set{}
	ao.Streamer, ao.StreamMust = s, must
	e, _, _ = start(t, Options{Accounts: []AccountOptions{ao}, ReconcileSpec: "@every 15s", MarketAlways: true, Registerer: prometheus.NewRegistry(),
		Alert: func(text string) { mu.Lock(); told = append(told, text); mu.Unlock() }})
	return e, func() []string { mu.Lock(); defer mu.Unlock(); return slices.Clone(told) }, func() []lane.Stream { mu.Lock(); defer mu.Unlock(); return slices.Clone(took) }
}

func streamCheck(t *testing.T, e *Engine) Check {
	t.Helper()
	checks := e.Ready().Checks
	i := slices.IndexFunc(checks, func(c Check) bool { return c.Name == "stream" })
	if i < 0 {
		t.Fatalf("%+v", checks)
	}
	return checks[i]
}

// Every connection asks for a reading, and each but the first is told as a gap.
func TestStreamHasTheBookReadAfterEachConnection(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := &streamer{scripts: []func(context.Context, StreamSink) error{stands(time.Minute), stands(0)}}
		e, alerts, inputs := streamed(t, &broker{}, s, false)
		if c := streamCheck(t, e); !c.OK || !strings.Contains(c.Text, "connected") {
			t.Error(c)
		}
		if got := inputs(); len(got) != 1 || got[0].Back {
			t.Error(got)
		}
		time.Sleep(time.Minute + 3*time.Second)
		if got := inputs(); len(got) != 2 || !got[1].Back || got[1].Why != "cut" {
			t.Error(got)
		}
		if got := testutil.ToFloat64(e.metrics.again.WithLabelValues("A")); got != 1 {
			t.Error("reconnects ", got)
		}
		if got := testutil.ToFloat64(e.metrics.frames.WithLabelValues("A", "heartbeat")); got < 60 {
			t.Error("heartbeats ", got)
		}
		if got := testutil.ToFloat64(e.metrics.streams.WithLabelValues("A")); got != 1 || len(alerts()) > 0 {
			t.Error(got, alerts())
		}
	})
}

// A flapping stream is tried less and less often; one that stood for long is tried at once.
func TestStreamIsTriedWithPatience(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := &streamer{scripts: []func(context.Context, StreamSink) error{stands(time.Second)}}
		_, _, _ = streamed(t, &broker{}, s, false)
		time.Sleep(time.Hour)
		if n := s.calls(); n < 35 || n > 150 {
			t.Errorf("%d connections in an hour of flapping", n)
		}
		s.now(stands(10*time.Minute), stands(0))
		time.Sleep(2 * time.Minute)
		before := s.calls()
		time.Sleep(10 * time.Minute)
		if s.calls() != before+1 {
			t.Error("a long connection that broke")
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		if gap := s.began[before].Sub(s.began[before-1]) - 10*time.Minute; gap > 2*time.Second {
			t.Error("came back after ", gap)
		}
	})
}

// auto: a plan without a stream is said once, and tried again with the next session only; nothing is unready.
func TestStreamFallsBackOnceWhereThePlanHasNone(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := &streamer{scripts: []func(context.Context, StreamSink) error{fails(actions.ClassPermission)}}
		e, alerts, _ := streamed(t, &broker{}, s, false)
		time.Sleep(5 * time.Hour)
		if n := s.calls(); n != 1 {
			t.Errorf("tried %d times", n)
		}
		if c := streamCheck(t, e); !c.OK || !strings.Contains(c.Text, "none: no: permission") || !e.Ready().Ready || len(alerts()) > 0 {
			t.Error(c, alerts())
		}
		s.now(stands(0)) // the plan was changed
		e.AskSession("A")
		time.Sleep(time.Second)
		if c := streamCheck(t, e); s.calls() != 2 || !strings.Contains(c.Text, "connected") {
			t.Error(c)
		}
	})
}

// on: the same is tried for ever, told every five minutes while a market is open, and leaves the service unready.
func TestStreamThatWasAskedForIsMissedAloud(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := &streamer{scripts: []func(context.Context, StreamSink) error{fails(actions.ClassPermission)}}
		e, alerts, _ := streamed(t, &broker{}, s, true)
		time.Sleep(11 * time.Minute)
		if got := alerts(); len(got) < 2 || len(got) > 3 || !strings.HasPrefix(got[0], "NO STREAM (A, for ") || !strings.Contains(got[0], "no: permission.") {
			t.Errorf("%q", got)
		}
		if c := streamCheck(t, e); c.OK || e.Ready().Ready || s.calls() < 10 {
			t.Error(c, s.calls())
		}
		s.now(stands(0))
		time.Sleep(2 * time.Minute)
		if got := alerts(); !strings.HasPrefix(got[len(got)-1], "The stream stands again (A)") || !e.Ready().Ready {
			t.Errorf("%q", got)
		}
	})
}

// The same refusal under a dead session is the session's: nothing is tried until it is another one.
func TestStreamWaitsForTheSession(t *testing.T) {
	for _, class := range []actions.Class{actions.ClassPermission, actions.ClassSession} {
		t.Run(string(class), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				b := &mortal{}
				b.dead.Store(true)
				s := &streamer{scripts: []func(context.Context, StreamSink) error{fails(class)}}
				e, alerts, _ := streamed(t, b, s, true)
				time.Sleep(3 * time.Hour)
				if n := s.calls(); n != 1 {
					t.Errorf("tried %d times", n)
				}
				for _, text := range alerts() {
					if strings.Contains(text, "STREAM") || strings.Contains(text, "stream") {
						t.Error("the session is told, not this: ", text)
					}
				}
				b.dead.Store(false)
				s.now(stands(0))
				e.AskSession("A")
				time.Sleep(5 * time.Second)
				if c := streamCheck(t, e); !c.OK || s.calls() != 2 {
					t.Error(c, s.calls())
				}
			})
		})
	}
}

// mortal is a broker whose session can be dead.
type mortal struct {
	broker
	dead atomic.Bool
}

func (b *mortal) Alive(context.Context) error {
	if b.dead.Load() {
		return &actions.Error{Class: actions.ClassSession, Message: "dead"}
	}
	return nil
}

// What comes goes through the lane in its order; another user's is kept with its reason and never folded.
func TestStreamUpdatesGoThroughTheLane(t *testing.T) {
	bubble(t, func(t *testing.T) {
		own, none, other, next := update("A", "1"), update("", "2"), update("B", "4"), update("A", "3")
		s := &streamer{scripts: []func(context.Context, StreamSink) error{stands(0, own, none, other, next)}}
		e, _, _ := streamed(t, &broker{}, s, false)
		if got := kept(t, e.store, "A", journal.InputUpdate); !slices.Equal(got, []string{"1", "2", "3"}) {
			t.Error(got)
		}
		rows, _, err := e.store.Inputs(context.Background(), journal.Query{Kind: string(journal.InputUpdate), Limit: 10})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rows {
			if r.OrderID == "4" && (r.Source != order.SourceStream || r.Ignored != "another session's user: B" || r.Account != "") {
				t.Errorf("%+v", r)
			}
		}
		for ignored, want := range map[string]float64{"none": 3, "foreign_user": 1} {
			account := "A"
			if ignored != "none" {
				account = ""
			}
			if got := testutil.ToFloat64(e.metrics.updates.WithLabelValues(account, "stream", ignored)); got != want {
				t.Error(ignored, got)
			}
		}
	})
}

// Garbage has the book read, and not more often than every fifteen seconds.
func TestStreamReadsTheBookForWhatItCantRead(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := &streamer{scripts: []func(context.Context, StreamSink) error{func(ctx context.Context, to StreamSink) error {
			to.Open()
			for range 60 {
				to.Frame("unreadable", "not JSON")
				time.Sleep(time.Second)
			}
			<-ctx.Done()
			return ctx.Err()
		}}}
		_, _, inputs := streamed(t, &broker{}, s, false)
		time.Sleep(time.Minute)
		if got := inputs(); len(got) != 1+4 || got[1].Back {
			t.Error(got)
		}
	})
}

// An adapter that panics is tried again like one that failed.
func TestStreamOutlivesAnAdapterThatPanics(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := &streamer{scripts: []func(context.Context, StreamSink) error{func(context.Context, StreamSink) error { panic("broken") },
			func(context.Context, StreamSink) error { return errors.New("plain") }, stands(0)}}
		e, _, _ := streamed(t, &broker{}, s, false)
		time.Sleep(time.Minute)
		if c := streamCheck(t, e); !strings.Contains(c.Text, "connected") {
			t.Error(c)
		}
		synctest.Wait()
	})
}

// priced is a stream that stands and tells prices on demand.
type priced struct {
	mu   sync.Mutex
	sink StreamSink
}

func (p *priced) Stream(ctx context.Context, to StreamSink) error {
	p.mu.Lock()
	p.sink = to
	p.mu.Unlock()
	return stands(0)(ctx, to)
}

func (p *priced) to() StreamSink {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.sink
}

// Prices of what is open reach the lane once a second at most, together, and only where they moved.
func TestStreamGivesPricesOncePerSecond(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var mu sync.Mutex
		var took []map[string]order.Price
		var at []time.Time
		open, s := []string{"NSE:INFY", "NSE:NOBODY"}, &priced{}
		ao := scripted("A", &broker{List: []order.Instrument{{Exchange: "NSE", Tradingsymbol: "INFY", Token: 258, TickSize: 1}, {Exchange: "NSE", Tradingsymbol: "TCS", Token: 514, TickSize: 1}}},
			func(batch *lane.Batch, now time.Time, _ lane.Grant, in []lane.Input) {
				mu.Lock()
				defer mu.Unlock()
				batch.Watch, open = &open, slices.Clone(open)
				for i := range in {
					if in[i].Prices != nil {
						batch.Watch = nil
						took, at = append(took, in[i].Prices.Last), append(at, now)
					}
				}
			})
		ao.Lane.Rules, ao.Lane.Instruments, ao.Streamer = &rules.Set{}, nil, s
		e, _, _ := start(t, Options{Accounts: []AccountOptions{ao}, MarketAlways: true, Registerer: prometheus.NewRegistry()})
		synctest.Wait()
		to := s.to()
		if got := to.Wanted(); !slices.Equal(got, []int64{258}) {
			t.Fatal("wanted:", got)
		}
		if c := streamCheck(t, e); !strings.Contains(c.Text, "it tells prices of 1 instrument") {
			t.Error(c)
		}
		for n := range 40 { // ten a second, for four seconds
			to.Ticks([]Tick{{258, order.Price(n/20+1) * order.Rupee}, {514, order.Price(n+1) * order.Rupee}})
			time.Sleep(100 * time.Millisecond)
		}
		mu.Lock()
		got, times := slices.Clone(took), slices.Clone(at)
		mu.Unlock()
		if len(got) != 2 || got[0]["NSE:INFY"] != order.Rupee || got[1]["NSE:INFY"] != 2*order.Rupee || len(got[0]) != 1 {
			t.Fatal(got)
		}
		if times[1].Sub(times[0]) < time.Second {
			t.Error(times)
		}
		time.Sleep(pricesAgain)
		to.Ticks([]Tick{{258, 2 * order.Rupee}}) // unchanged, and long ago: a lane may have dropped it
		time.Sleep(time.Second)
		mu.Lock()
		defer mu.Unlock()
		if len(took) != 3 {
			t.Error(took)
		}
	})
}
