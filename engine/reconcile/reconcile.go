package reconcile

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// ClosedEvery is how often the book is read outside market hours.
const ClosedEvery = 15 * time.Minute

// nap is the longest sleep: a laptop that slept, or a clock that was set, is noticed after it.
const nap = time.Minute

// Reader reads one account's order book and waits until it was folded.
type Reader interface {
	Reconcile(ctx context.Context, account string) error
}

// Options are a reconciler's settings. Every field is needed.
type Options struct {
	Accounts []string
	Schedule Schedule
	Reader   Reader
	Open     func(t time.Time) bool // whether any segment trades at t
	Log      *slog.Logger
	Now      func() time.Time
}

// Run reads every account at once and then as the schedule says, until ctx is done.
func Run(ctx context.Context, o Options) {
	var readers sync.WaitGroup
	for _, account := range o.Accounts {
		readers.Go(func() { o.run(ctx, account) })
	}
	readers.Wait()
}

// run keeps one account read. The next reading is counted from the end of the one before: a slow broker is not
// read back to back.
func (o Options) run(ctx context.Context, account string) {
	failing := false
	for {
		err := o.Reader.Reconcile(ctx, account)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil && !failing:
			o.Log.Warn("the order book could not be read; it is tried again as scheduled", "account", account, "error", err)
		case err == nil && failing:
			o.Log.Info("the order book is read again", "account", account)
		}
		failing = err != nil
		if !o.sleep(ctx, o.due(o.Now())) {
			return
		}
	}
}

// due is when to read next after a reading that ended at last; zero: only on demand.
func (o Options) due(last time.Time) time.Time {
	if o.Schedule.Off() {
		return time.Time{}
	}
	quarter := last.Add(ClosedEvery)
	at := o.Schedule.Next(last)
	for !at.IsZero() && at.Before(quarter) {
		if o.Open(at) {
			return at
		}
		at = o.Schedule.Next(at)
	}
	if at.IsZero() || !o.Open(quarter) {
		return quarter
	}
	return at
}

// sleep waits until the moment, in naps; false when ctx ended.
func (o Options) sleep(ctx context.Context, until time.Time) bool {
	if until.IsZero() {
		<-ctx.Done()
		return false
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return false
		case <-timer.C:
		}
		left := until.Sub(o.Now())
		if left <= 0 {
			return true
		}
		timer.Reset(min(left, nap))
	}
}
