package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"backstop/actions"
	"backstop/engine/journal"
	"backstop/engine/journal/memory"
	"backstop/engine/lane"
	"backstop/rules"
)

// everything releases one of each for every update.
func everything(b *lane.Batch, now time.Time, grant lane.Grant, inputs []lane.Input) {
	each(b, now, grant, inputs)
	for i := range inputs {
		if u := inputs[i].Update; u != nil {
			b.Messages = append(b.Messages, message("message "+u.OrderID, "desk"))
			b.Reads.Book = true
		}
	}
}

func TestInvariant3NothingIsReleasedBeforeTheCommit(t *testing.T) {
	bubble(t, func(t *testing.T) {
		desk, b := &channel{}, &broker{}
		e, store, _ := start(t, Options{Accounts: []AccountOptions{scripted("A", b, everything)}, Channels: map[string]actions.Channel{"desk": desk}})
		released := func() int { return b.Count("do") + b.Count("orders") + desk.Count() }

		store.FailIf(func(*journal.Commit) error { return errDisk })
		before := released()
		if _, err := e.Submit(t.Context(), update("A", "1")); !errors.Is(err, ErrJournal) || !errors.Is(err, errDisk) {
			t.Fatal("answered", err)
		}
		synctest.Wait()
		if n := released() - before; n != 0 {
			t.Errorf("%d calls left although the commit failed", n)
		}
		if r := e.Ready(); r.Ready || r.Checks[0].OK || !strings.Contains(r.Checks[0].Text, "disk is full") {
			t.Errorf("ready: %+v", r)
		}

		// While the disk is full each is refused at once, and with a durable commit it works again.
		if _, err := e.Submit(t.Context(), update("A", "2")); !errors.Is(err, ErrJournal) {
			t.Error("answered", err)
		}
		store.FailIf(nil)
		time.Sleep(retryLast)
		if _, err := e.Submit(t.Context(), update("A", "3")); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if b.Count("do") != 1 || desk.Count() != 1 || !e.Ready().Checks[0].OK {
			t.Error("after the failure:", b.Calls(), desk.Said(), e.Ready())
		}
		if ids := kept(t, store, "A", journal.InputUpdate); !slices.Equal(ids, []string{"3"}) {
			t.Error("journalled", ids)
		}
	})
}

func TestInvariant3AHangingCommitHoldsEverythingBack(t *testing.T) {
	bubble(t, func(t *testing.T) {
		desk, b := &channel{}, &broker{}
		e, store, _ := start(t, Options{Accounts: []AccountOptions{scripted("A", b, everything)}, Channels: map[string]actions.Channel{"desk": desk}})
		before := b.Count("orders")
		gate := make(chan struct{})
		store.FailIf(func(*journal.Commit) error { <-gate; return nil })
		answered := make(chan error, 1)
		go func() {
			_, err := e.Submit(context.Background(), update("A", "1"))
			answered <- err
		}()
		time.Sleep(time.Second)
		if len(answered) > 0 || b.Count("do") > 0 || desk.Count() > 0 { // a reading may begin: it changes nothing
			t.Error("something left before the commit was durable")
		}
		close(gate)
		if err := <-answered; err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if b.Count("do") != 1 || desk.Count() != 1 || b.Count("orders") != before+1 {
			t.Error("after the commit:", b.Calls(), desk.Said())
		}
	})
}

func TestInvariant3AcknowledgedMeansDurable(t *testing.T) {
	bubble(t, func(t *testing.T) {
		e, store, _ := start(t, Options{Accounts: []AccountOptions{scripted("A", &broker{}, nil)}})
		commits := atomic.Int64{}
		store.FailIf(func(c *journal.Commit) error {
			time.Sleep(5 * time.Millisecond)
			if commits.Add(1)%7 == 3 {
				return errDisk
			}
			return nil
		})
		const submits = 2000
		var acked sync.Map
		var all sync.WaitGroup
		refused := atomic.Int64{}
		for i := range submits {
			all.Go(func() {
				time.Sleep(time.Duration(i) * 3 * time.Millisecond / 10)
				id := fmt.Sprint(i)
				if _, err := e.Submit(context.Background(), update("A", id)); err != nil {
					refused.Add(1)
					return
				}
				acked.Store(id, true)
			})
		}
		all.Wait()
		durable := map[string]bool{}
		for _, id := range kept(t, store, "A", journal.InputUpdate) {
			if durable[id] {
				t.Error("twice in the journal:", id)
			}
			durable[id] = true
		}
		n := 0
		acked.Range(func(id, _ any) bool {
			n++
			if !durable[id.(string)] {
				t.Error("acknowledged and not durable:", id)
			}
			return true
		})
		if n+int(refused.Load()) != submits || n == 0 || refused.Load() == 0 {
			t.Errorf("%d acknowledged, %d refused", n, refused.Load())
		}
		if c := commits.Load(); c > submits/5 {
			t.Errorf("%d commits for %d updates: that is no group commit", c, submits)
		}
	})
}

func TestUnknownUserIsKeptWithItsReason(t *testing.T) {
	bubble(t, func(t *testing.T) {
		e, store, _ := start(t, Options{Accounts: []AccountOptions{scripted("A", &broker{}, nil)}})
		for _, user := range []string{"ZZ9999", ""} {
			if ignored, err := e.Submit(t.Context(), update(user, "1")); err != nil || ignored != "unknown user" {
				t.Error(ignored, err)
			}
			rows, _, err := store.Inputs(t.Context(), journal.Query{OrderID: "1"})
			if err != nil || rows[0].Ignored != "unknown user" || rows[0].Account != user || string(rows[0].Doc) != `{"order_id":"1"}` {
				t.Errorf("%+v, %v", rows, err)
			}
		}
		store.FailIf(func(*journal.Commit) error { return errDisk })
		if _, err := e.Submit(t.Context(), update("ZZ9999", "2")); !errors.Is(err, ErrJournal) {
			t.Error("answered", err)
		}
		if err := e.Control(t.Context(), "ZZ9999", lane.Control{Verb: lane.Pause}); !errors.Is(err, ErrUnknownAccount) {
			t.Error(err)
		}
		if err := e.Reconcile(t.Context(), "ZZ9999"); !errors.Is(err, ErrUnknownAccount) {
			t.Error(err)
		}
	})
}

func TestControlIsDurableOrRefused(t *testing.T) {
	bubble(t, func(t *testing.T) {
		e, store, _ := start(t, Options{Accounts: []AccountOptions{scripted("A", &broker{}, nil)}})
		if err := e.Control(t.Context(), "A", lane.Control{Verb: lane.Pause}); err != nil {
			t.Error(err)
		}
		store.FailIf(func(*journal.Commit) error { return errDisk })
		if err := e.Control(t.Context(), "A", lane.Control{Verb: lane.Resume}); !errors.Is(err, ErrJournal) {
			t.Error(err)
		}
		store.FailIf(nil)
		time.Sleep(retryLast)
		if ids := kept(t, store, "A", journal.InputControl); !slices.Equal(ids, []string{"reconcile", "pause"}) {
			t.Error("journalled", ids)
		}
	})
}

// TestRulesOutliveAFailure: new rules whose step failed are given to the next lane, and a lane that is read back
// begins with the rules that were durable last.
func TestRulesOutliveAFailure(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var mu sync.Mutex
		var built []*rules.Set
		var given []*rules.Set
		ao := scripted("A", &broker{}, nil)
		ao.build = func(o lane.Options, _ *journal.Snapshot, _ time.Time) (Stepper, error) {
			mu.Lock()
			defer mu.Unlock()
			built = append(built, o.Rules)
			return &script{account: "A", view: lane.View{Session: true}, add: func(b *lane.Batch, now time.Time, _ lane.Grant, inputs []lane.Input) {
				for i := range inputs {
					if inputs[i].Rules != nil {
						given = append(given, inputs[i].Rules)
						b.Commit.Inputs = append(b.Commit.Inputs, journal.Input{Account: "A", At: now, Kind: journal.InputRules})
					}
				}
			}}, nil
		}
		e, store, _ := start(t, Options{Accounts: []AccountOptions{ao}})
		first, second := &rules.Set{}, &rules.Set{}
		if err := e.SetRules(t.Context(), first); err != nil {
			t.Fatal(err)
		}
		store.FailNext(1, errDisk)
		if err := e.SetRules(t.Context(), second); err != nil {
			t.Error("rules that were kept through a failure:", err)
		}
		store.FailNext(1, errDisk)
		_, _ = e.Submit(t.Context(), update("A", "1"))
		mu.Lock()
		defer mu.Unlock()
		if len(given) != 3 || given[0] != first || given[1] != second || given[2] != second {
			t.Error("given", given)
		}
		if len(built) != 3 || built[0] != nil || built[1] != first || built[2] != second {
			t.Error("built with", built)
		}
	})
}

func TestTurnerThrowsAFailedStepAway(t *testing.T) {
	t.Parallel()
	store, now := memory.New(), time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	turner := NewTurner(store, lane.Options{Account: "A"})
	builds := 0
	turner.build = func(o lane.Options, _ *journal.Snapshot, _ time.Time) (Stepper, error) {
		builds++
		return &script{account: "A", add: func(_ *lane.Batch, _ time.Time, _ lane.Grant, inputs []lane.Input) {
			if len(inputs) == 1 && inputs[0].Control != nil {
				panic(lane.BrokenInvariant{What: "by hand"})
			}
		}}, nil
	}
	one := []lane.Input{{Update: ptr(update("A", "1"))}}
	b, err := turner.Turn(t.Context(), now, lane.Unlimited, one)
	if err != nil || len(b.Answers) != 1 || builds != 1 {
		t.Fatal(b, err, builds)
	}
	store.FailNext(1, errDisk)
	b, err = turner.Turn(t.Context(), now, lane.Unlimited, one)
	if !errors.Is(err, ErrJournal) || errors.Is(err, ErrInvariant) || len(b.Answers) != 0 || builds != 2 {
		t.Error(b, err, builds)
	}
	b, err = turner.Turn(t.Context(), now, lane.Unlimited, []lane.Input{{Control: &lane.Control{}}})
	if !errors.Is(err, ErrInvariant) || errors.Is(err, ErrJournal) || len(b.Answers) != 0 || builds != 3 {
		t.Error(b, err, builds)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err = turner.Turn(ended, now, lane.Unlimited, one); !errors.Is(err, ErrJournal) {
		t.Error(err)
	}
	if ids := kept(t, store, "A", journal.InputUpdate); !slices.Equal(ids, []string{"1"}) {
		t.Error("journalled", ids)
	}
	again := Again([]lane.Input{one[0], {Outcome: &lane.Outcome{}}, {Read: &lane.Read{}}, {Delivery: &lane.Delivery{}}, {Control: &lane.Control{}},
		{Rules: &rules.Set{}}, {Session: &lane.Session{}}, {Loaded: true}, {Trades: &lane.Trades{}}, {Positions: &lane.Positions{}}})
	if len(again) != 5 {
		t.Error("again:", again)
	}
}

func ptr[T any](v T) *T { return &v }

// watched is a journal that says when a commit begins.
type watched struct {
	Journal
	commits func()
}

func (w watched) Commit(ctx context.Context, c *journal.Commit) error {
	w.commits()
	return w.Journal.Commit(ctx, c)
}

func TestAReadingBeginsBesideTheCommitThatAskedForIt(t *testing.T) {
	t.Parallel()
	asked := 0
	turner := NewTurner(watched{memory.New(), func() {
		if asked != 1 {
			t.Errorf("the commit begins and %d readings have begun", asked)
		}
	}}, lane.Options{Account: "A"})
	turner.build = scripted("A", nil, nil).build
	turner.stepped = func(b *lane.Batch) {
		if b.Reads.Book {
			asked++
		}
	}
	if _, err := turner.Turn(t.Context(), time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC), lane.Unlimited, []lane.Input{{Control: &lane.Control{Verb: lane.Reconcile}}}); err != nil || asked != 1 {
		t.Error(err, asked)
	}
}
