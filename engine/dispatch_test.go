package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"backstop/actions"
	"backstop/engine/journal"
	"backstop/engine/lane"
	"backstop/engine/order"
)

// outcomes notes what comes back from sends.
type outcomes struct {
	mu  sync.Mutex
	all []lane.Outcome
}

func (o *outcomes) step(b *lane.Batch, now time.Time, grant lane.Grant, inputs []lane.Input) {
	each(b, now, grant, inputs)
	o.mu.Lock()
	defer o.mu.Unlock()
	for i := range inputs {
		if out := inputs[i].Outcome; out != nil {
			o.all = append(o.all, *out)
		}
	}
}

func TestStagesInTheirOrder(t *testing.T) {
	t.Parallel()
	var names []string
	for _, s := range stages {
		names = append(names, s.name)
	}
	if !slices.Equal(names, []string{"after", "send", "record"}) {
		t.Error(names)
	}
}

func TestOutcomeByClass(t *testing.T) {
	for name, c := range map[string]struct {
		method actions.Method
		do     func(ctx context.Context) (string, error)
		class  actions.Class
		after  time.Duration
	}{
		"accepted":          {actions.Cancel, func(context.Context) (string, error) { return "", nil }, actions.ClassNone, 0},
		"placed":            {actions.Place, func(context.Context) (string, error) { return "77", nil }, actions.ClassNone, 0},
		"placed without id": {actions.Place, func(context.Context) (string, error) { return "", nil }, actions.ClassAmbiguous, 0},
		"refused":           {actions.Place, func(context.Context) (string, error) { return "", &actions.Error{Class: actions.ClassMargin} }, actions.ClassMargin, 0},
		"wrapped": {actions.Place, func(context.Context) (string, error) {
			return "", fmt.Errorf("x: %w", &actions.Error{Class: actions.ClassTick})
		}, actions.ClassTick, 0},
		"no class":            {actions.Place, func(context.Context) (string, error) { return "", &actions.Error{} }, actions.ClassAmbiguous, 0},
		"nil in an error":     {actions.Place, func(context.Context) (string, error) { return "", (*actions.Error)(nil) }, actions.ClassAmbiguous, 0},
		"of nobody":           {actions.Place, func(context.Context) (string, error) { return "", errors.New("EOF") }, actions.ClassAmbiguous, 0},
		"panic":               {actions.Place, func(context.Context) (string, error) { panic("nil map") }, actions.ClassAmbiguous, 0},
		"hangs":               {actions.Place, func(ctx context.Context) (string, error) { <-ctx.Done(); return "", ctx.Err() }, actions.ClassAmbiguous, sendTimeout},
		"hangs and is deaf":   {actions.Place, func(context.Context) (string, error) { time.Sleep(time.Minute); return "1", nil }, actions.ClassAmbiguous, sendTimeout + grace},
		"answers in the last": {actions.Place, func(context.Context) (string, error) { time.Sleep(sendTimeout + grace/2); return "1", nil }, actions.ClassNone, sendTimeout + grace/2},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				got := make(chan lane.Outcome, 2)
				m, _ := newEngineMetrics(nil)
				s := newSenders(&broker{OnDo: func(ctx context.Context, _ actions.Call) (string, error) { return c.do(ctx) }},
					func(in lane.Input) { got <- *in.Outcome }, m.of("A"), nil)
				began := time.Now()
				s.start(actions.Request{ID: "r", Attempts: 3, Call: actions.Call{Method: c.method}})
				out := <-got
				class := actions.ClassNone
				if out.Err != nil {
					class = out.Err.Class
				}
				if class != c.class || out.RequestID != "r" || out.Attempt != 3 || time.Since(began) != c.after {
					t.Errorf("%+v (%v) after %s", out, out.Err, time.Since(began))
				}
				s.wait(t.Context())
				time.Sleep(2 * time.Minute)
				if len(got) > 0 {
					t.Error("a second outcome")
				}
			})
		})
	}
}

// TestInvariant2AnOutcomeIsNeverLost: while commits fail again and again every outcome ends in the journal, once.
func TestInvariant2AnOutcomeIsNeverLost(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := &broker{OnDo: func(_ context.Context, c actions.Call) (string, error) {
			time.Sleep(time.Duration(len(c.OrderID)*37) * time.Millisecond)
			return "1", nil
		}}
		e, store, _ := start(t, Options{Accounts: []AccountOptions{scripted("A", b, each)}})
		n := 0
		store.FailIf(func(*journal.Commit) error {
			if n++; n%3 != 0 {
				return errDisk
			}
			return nil
		})
		for i := range 200 {
			_, _ = e.Submit(t.Context(), update("A", fmt.Sprintf("%0*d", 1+i%13, i)))
			time.Sleep(300 * time.Millisecond)
		}
		store.FailIf(nil)
		time.Sleep(time.Minute)
		got := kept(t, store, "A", journal.InputOutcome)
		slices.Sort(got)
		if len(got) == 0 || len(slices.Compact(slices.Clone(got))) != len(got) || len(got) != b.Count("do") {
			t.Errorf("%d outcomes for %d calls", len(got), b.Count("do"))
		}
	})
}

// TestNoMoreInFlightThanSenders: a hanging broker holds up neither acknowledgements nor the grant for exits, and
// never more is claimed than can leave at once.
func TestNoMoreInFlightThanSenders(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var mu sync.Mutex
		flying, most := 0, 0
		b := &broker{OnDo: func(ctx context.Context, _ actions.Call) (string, error) {
			mu.Lock()
			flying++
			most = max(most, flying)
			mu.Unlock()
			<-ctx.Done()
			mu.Lock()
			flying--
			mu.Unlock()
			return "", ctx.Err()
		}}
		waiting, claimed := 0, 0
		out := &outcomes{}
		e, _, _ := start(t, Options{Accounts: []AccountOptions{scripted("A", b, func(batch *lane.Batch, now time.Time, grant lane.Grant, inputs []lane.Input) {
			out.step(&lane.Batch{}, now, lane.Grant{}, inputs)
			for i := range inputs {
				if inputs[i].Update != nil {
					waiting++
				}
			}
			for ; waiting > 0 && grant.Exits > 0; grant.Exits-- {
				waiting--
				claimed++
				batch.Sends = append(batch.Sends, request(fmt.Sprint("r", claimed), now))
			}
			if waiting > 0 {
				batch.Wake = now.Add(100 * time.Millisecond)
			}
		})}})
		for i := range 60 {
			began := time.Now()
			if _, err := e.Submit(t.Context(), update("A", fmt.Sprint(i))); err != nil || time.Since(began) > 0 {
				t.Fatalf("acknowledged after %s, %v", time.Since(began), err)
			}
			time.Sleep(50 * time.Millisecond)
		}
		time.Sleep(time.Minute)
		mu.Lock()
		defer mu.Unlock()
		out.mu.Lock()
		defer out.mu.Unlock()
		if most != sendersMax || len(out.all) != 60 {
			t.Errorf("at most %d in flight, %d outcomes", most, len(out.all))
		}
		for _, o := range out.all {
			if o.Err == nil || o.Err.Class != actions.ClassAmbiguous {
				t.Errorf("%+v", o)
			}
		}
	})
}

// TestTheSameRequestWaitsForItsEarlierAttempt: a lane that was read back may claim again what still hangs.
func TestTheSameRequestWaitsForItsEarlierAttempt(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var got []int // written by one attempt at a time
		m, _ := newEngineMetrics(nil)
		flying := atomic.Bool{}
		s := newSenders(&broker{OnDo: func(context.Context, actions.Call) (string, error) {
			if flying.Swap(true) {
				t.Error("two at once")
			}
			time.Sleep(time.Second)
			flying.Store(false)
			return "1", nil
		}}, func(in lane.Input) { got = append(got, in.Outcome.Attempt) }, m.of("A"), nil)
		for i := range 3 {
			s.start(actions.Request{ID: "r", Attempts: i + 1})
		}
		if s.free() != sendersMax-3 {
			t.Error(s.free())
		}
		time.Sleep(4 * time.Second)
		s.wait(t.Context())
		if !slices.Equal(got, []int{1, 2, 3}) || s.free() != sendersMax || len(s.flying) != 0 {
			t.Error(got, s.free(), s.flying)
		}
	})
}

// TestShutdownAnswersAll: what was taken is committed and answered, requests in flight are waited for, and what
// came of them is in the journal.
func TestShutdownAnswersAll(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := &broker{OnDo: func(context.Context, actions.Call) (string, error) { time.Sleep(5 * time.Second); return "1", nil }}
		var ending atomic.Int64
		e, store, end := start(t, Options{Accounts: []AccountOptions{scripted("A", b, func(batch *lane.Batch, now time.Time, grant lane.Grant, inputs []lane.Input) {
			each(batch, now, grant, inputs)
			if at := ending.Load(); at > 0 && now.UnixMilli() > at+200 && grant.Exits+grant.Risk > 0 {
				t.Errorf("granted %+v although the end has begun", grant)
			}
		})}})
		if _, err := e.Submit(t.Context(), update("A", "first")); err != nil {
			t.Fatal(err)
		}
		store.FailIf(func(*journal.Commit) error { time.Sleep(100 * time.Millisecond); return nil })
		var all sync.WaitGroup
		var mu sync.Mutex
		answers := map[string]error{}
		for i := range 1000 {
			all.Go(func() {
				time.Sleep(time.Duration(i) * time.Millisecond)
				id := fmt.Sprint(i)
				_, err := e.Submit(context.Background(), update("A", id))
				mu.Lock()
				defer mu.Unlock()
				answers[id] = err
			})
		}
		time.Sleep(500 * time.Millisecond)
		reading := make(chan error, 1)
		go func() { reading <- e.Reconcile(context.Background(), "A") }()
		began := time.Now()
		ending.Store(began.UnixMilli())
		end()
		all.Wait()
		if took := time.Since(began); took > 8*time.Second {
			t.Error("the end took", took)
		}
		durable := kept(t, store, "A", journal.InputUpdate)
		ok := 0
		for id, err := range answers {
			switch {
			case err == nil && !slices.Contains(durable, id):
				t.Error("acknowledged and not durable:", id)
			case err == nil:
				ok++
			case !errors.Is(err, ErrClosing):
				t.Error(id, err)
			}
		}
		if ok < 400 || ok > 700 {
			t.Error(ok, "acknowledged")
		}
		if sent, got := b.Count("do"), kept(t, store, "A", journal.InputOutcome); len(got) != sent || sent < 1 {
			t.Errorf("%d sent, %d outcomes", sent, len(got))
		}
		if err := <-reading; !errors.Is(err, ErrClosing) {
			t.Error("a reconcile during the end:", err)
		}
		if _, err := e.Submit(t.Context(), update("A", "late")); !errors.Is(err, ErrClosing) {
			t.Error(err)
		}
		if err := e.Control(t.Context(), "A", lane.Control{}); !errors.Is(err, ErrClosing) {
			t.Error(err)
		}
		if err := e.Run(t.Context()); err == nil {
			t.Error("ran twice")
		}
		_ = e.Views()
	})
}

func TestInboxAtTheEnd(t *testing.T) {
	t.Parallel()
	b := newInbox()
	waits := entry{input: lane.Input{Control: &lane.Control{}}, reply: make(chan answer, 1)}
	if !b.put(waits) || !b.put(entry{}) || b.depth() != 2 || b.close() {
		t.Error("an open inbox")
	}
	b.refuse()
	if b.put(waits) || b.put(entry{read: make(chan error, 1)}) || !b.put(entry{input: lane.Input{Outcome: &lane.Outcome{}}}) {
		t.Error("a refusing inbox")
	}
	if err := b.submit(t.Context(), nil, waits); !errors.Is(err, ErrClosing) || len(b.rooms) != 0 {
		t.Error(err, len(b.rooms))
	}
	if n := len(b.take(batchMax)); n != 3 || !b.close() || b.put(entry{}) {
		t.Error("a closed inbox after", n)
	}
}

// TestUpdatesWaitForRoom: what floods in waits, and the engine's own inputs pass it by.
func TestUpdatesWaitForRoom(t *testing.T) {
	t.Parallel()
	b := newInbox()
	for range updatesMax {
		if err := b.submit(t.Context(), nil, entry{}); err != nil {
			t.Fatal(err)
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := b.submit(ended, nil, entry{}); !errors.Is(err, context.Canceled) || !b.put(entry{}) {
		t.Error(err)
	}
	if n := len(b.take(batchMax)); n != batchMax || len(b.ready) != 1 {
		t.Error(n)
	}
	if err := b.submit(t.Context(), nil, entry{}); err != nil {
		t.Error(err)
	}
}

// TestShutdownIsBounded: a broker that never answers and a store that fails keep nobody waiting for ever.
func TestShutdownIsBounded(t *testing.T) {
	bubble(t, func(t *testing.T) {
		deaf := make(chan struct{})
		b := &broker{OnDo: func(context.Context, actions.Call) (string, error) { <-deaf; return "1", nil },
			OnOrders: func(context.Context) ([]order.Update, int, error) { <-deaf; return nil, 0, nil }}
		c := &channel{OnSend: func(context.Context, actions.Message) error { <-deaf; return nil }}
		e, store, end := start(t, Options{Accounts: []AccountOptions{scripted("A", b, everything)}, Channels: map[string]actions.Channel{"desk": c}})
		for i := range 3 {
			_, _ = e.Submit(t.Context(), update("A", fmt.Sprint(i)))
		}
		store.FailIf(func(*journal.Commit) error { return errDisk })
		began := time.Now()
		end()
		if took := time.Since(began); took > shutdownMax+5*time.Second {
			t.Error("the end took", took)
		}
		close(deaf)
		synctest.Wait()
	})
}
