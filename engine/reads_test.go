package engine

import (
	"context"
	"errors"
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

// answers collects what readings post.
func answers() (post func(lane.Input), got chan lane.Input) {
	got = make(chan lane.Input, 100)
	return func(in lane.Input) { got <- in }, got
}

func TestReadsAreCoalesced(t *testing.T) {
	bubble(t, func(t *testing.T) {
		flying := atomic.Int64{}
		b := &broker{OnOrders: func(context.Context) ([]order.Update, int, error) {
			if flying.Add(1) > 1 {
				t.Error("two readings of the book at once")
			}
			time.Sleep(time.Second)
			flying.Add(-1)
			return []order.Update{update("A", "1")}, 2, nil
		}}
		post, got := answers()
		r := newReads(b, NewPacer(1), post, time.Now)
		began := time.Now()
		r.want(lane.Reads{Book: true})
		synctest.Wait() // on its way: what is wanted now must begin later
		for range 5 {
			r.want(lane.Reads{Book: true})
		}
		time.Sleep(10 * time.Second)
		if b.Count("orders") != 2 || len(got) != 2 {
			t.Errorf("%d readings, %d answers", b.Count("orders"), len(got))
		}
		first, second := (<-got).Read, (<-got).Read
		if !first.Began.Equal(began) || !first.Ended.Equal(began.Add(time.Second)) || !second.Began.Equal(first.Ended) || first.Err != nil ||
			len(first.Rows) != 1 || first.Unreadable != 2 {
			t.Errorf("%+v, %+v", first, second)
		}
		r.stop()
	})
}

func TestEachReadIsAnsweredOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := &broker{OnOrders: func(context.Context) ([]order.Update, int, error) { panic("rows") }}
		post, got := answers()
		r := newReads(b, NewPacer(1), post, time.Now)
		r.want(lane.Reads{Book: true, Positions: true, Trades: []string{"1", "2"}})
		time.Sleep(time.Second)
		var book, positions, trades int
		for range len(got) {
			switch in := <-got; {
			case in.Read != nil:
				var e *actions.Error
				if book++; !errors.As(in.Read.Err, &e) || e.Class != actions.ClassDown {
					t.Errorf("%+v", in.Read)
				}
			case in.Positions != nil:
				positions++
			case in.Trades != nil:
				trades++
			}
		}
		if book != 1 || positions != 1 || trades != 2 {
			t.Error(book, positions, trades)
		}
		r.stop()
	})
}

func TestReadsEndAtTheirDeadlineAndAtTheEnd(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := &broker{OnOrders: func(ctx context.Context) ([]order.Update, int, error) { <-ctx.Done(); return nil, 0, ctx.Err() }}
		post, got := answers()
		r := newReads(b, NewPacer(1), post, time.Now)
		began := time.Now()
		r.want(lane.Reads{Book: true})
		if in := <-got; in.Read.Err == nil || time.Since(began) != readTimeout {
			t.Errorf("%+v after %s", in.Read, time.Since(began))
		}
		r.want(lane.Reads{Book: true})
		synctest.Wait()
		r.want(lane.Reads{Book: true})
		r.stop()
		if len(got) != 2 {
			t.Error(len(got), "answers at the end")
		}
		r.want(lane.Reads{Book: true})
		synctest.Wait()
		if len(got) != 2 {
			t.Error("a reading after the end")
		}
	})
}

// TestAReadingOfALaneThatWasThrownAwayIsNobodys: it may have begun before the failure, so it proves nothing now.
func TestAReadingOfALaneThatWasThrownAwayIsNobodys(t *testing.T) {
	bubble(t, func(t *testing.T) {
		n := atomic.Int64{}
		b := &broker{OnOrders: func(context.Context) ([]order.Update, int, error) {
			rows := make([]order.Update, n.Add(1))
			time.Sleep(time.Second) // deaf
			return rows, 0, nil
		}}
		post, got := answers()
		r := newReads(b, NewPacer(1), post, time.Now)
		r.want(lane.Reads{Book: true})
		synctest.Wait()
		r.reset()
		failed := time.Now()
		r.want(lane.Reads{Book: true})
		time.Sleep(10 * time.Second)
		if len(got) != 1 {
			t.Fatal(len(got), "answers")
		}
		if in := <-got; len(in.Read.Rows) != 2 || in.Read.Began.Before(failed) {
			t.Errorf("%+v", in.Read)
		}
		r.stop()
	})
}

// TestAFailedStepIsFollowedByAReading through the whole loop: the lane that was read back asks, and the reading
// that it gets began after the failure, although another was on its way.
func TestAFailedStepIsFollowedByAReading(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := &broker{OnOrders: func(ctx context.Context) ([]order.Update, int, error) {
			select {
			case <-time.After(3 * time.Second):
				return nil, 0, nil
			case <-ctx.Done():
				return nil, 0, ctx.Err()
			}
		}}
		var mu sync.Mutex
		var began []time.Time
		ao := scripted("A", b, nil)
		ao.build = func(o lane.Options, _ *journal.Snapshot, _ time.Time) (Stepper, error) {
			asked := false
			return &script{account: "A", view: lane.View{Session: true}, add: func(b *lane.Batch, _ time.Time, _ lane.Grant, inputs []lane.Input) {
				b.Reads.Book = !asked
				asked = true
				mu.Lock()
				defer mu.Unlock()
				for i := range inputs {
					if r := inputs[i].Read; r != nil {
						began = append(began, r.Began)
					}
				}
			}}, nil
		}
		e, store, _ := start(t, Options{Accounts: []AccountOptions{ao}})
		time.Sleep(time.Second)
		store.FailNext(1, errDisk)
		_, _ = e.Submit(t.Context(), update("A", "1"))
		failed := time.Now()
		time.Sleep(10 * time.Second)
		mu.Lock()
		defer mu.Unlock()
		if len(began) != 1 || began[0].Before(failed) {
			t.Errorf("failed at %s, readings began at %s", failed, began)
		}
	})
}

// TestReconcileWaitsForAReadingOfItsOwn: one that was on its way before may have missed what the caller means.
func TestReconcileWaitsForAReadingOfItsOwn(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := &broker{OnOrders: func(context.Context) ([]order.Update, int, error) { time.Sleep(3 * time.Second); return nil, 0, nil }}
		e, _, _ := start(t, Options{Accounts: []AccountOptions{scripted("A", b, nil)}})
		time.Sleep(10 * time.Second)
		for _, wait := range []time.Duration{0, 2 * time.Second} {
			go func() { _ = e.Reconcile(context.Background(), "A") }()
			time.Sleep(wait + time.Millisecond)
			began := time.Now()
			if err := e.Reconcile(t.Context(), "A"); err != nil {
				t.Error(err)
			}
			if took, want := time.Since(began), 6*time.Second-wait-time.Millisecond; took != want {
				t.Errorf("took %s, want %s", took, want)
			}
		}
		never := scripted("N", &broker{}, func(b *lane.Batch, _ time.Time, _ lane.Grant, _ []lane.Input) { b.Reads.Book = false })
		e, _, _ = start(t, Options{Accounts: []AccountOptions{never}})
		began := time.Now()
		if err := e.Reconcile(t.Context(), "N"); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != reconcileMax {
			t.Error(err, time.Since(began))
		}
	})
}
