package enginetest

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"time"

	"backstop/engine"
	"backstop/engine/journal"
	"backstop/engine/kite"
	"backstop/engine/lane"
	"backstop/engine/market"
)

// process is Backstop as it runs: the Turner of the service, with what waits for it. A crash throws it away.
type process struct {
	turner  *engine.Turner
	inbox   []lane.Input
	waiting []func(ok bool) // those who wait for the commit of an update, by its place in the inbox; nil for others
	kept    []lane.Input    // of a failed turn: what nobody would say again
	reads   int             // a failed turn drops the readings under way: their number tells old from new
	wake    time.Time
	retry   time.Time // after a failed turn
}

// disk is the journal as the turner sees it: commits fail, and the process may die before or after one.
type disk struct {
	journal.Store
	w *world
}

var errDisk = errors.New("disk full")

// Commit may also fail although it was written down, as a lost connection to a database does.
func (d disk) Commit(ctx context.Context, c *journal.Commit) error {
	w := d.w
	if w.strikes(w.dice, w.c.Crashes) {
		w.dying = "before the commit"
		return errDisk
	}
	if w.strikes(w.dice, w.c.Commits) {
		if w.dice.IntN(3) == 0 {
			return errors.Join(d.Store.Commit(ctx, c), errors.New("the connection was lost after the commit"))
		}
		return errDisk
	}
	if err := d.Store.Commit(ctx, c); err != nil {
		return err
	}
	if w.strikes(w.dice, w.c.Crashes) {
		w.dying = "after the commit"
	}
	return nil
}

func (w *world) options() lane.Options {
	hours := w.c.Hours
	if hours == nil {
		hours = market.Always()
	}
	return lane.Options{Account: user, Mode: lane.Live, Confirm: w.c.Confirm, Rules: w.c.Rules, Hours: hours, ChatID: "42",
		Instruments: w.list, Reasons: kite.Reason}
}

// boot starts the process from what the store kept.
func (w *world) boot() {
	w.life++
	w.p = &process{turner: engine.NewTurner(disk{w.store, w}, w.options()), wake: w.now}
	w.log("process %d starts", w.life)
	w.reconcile()
}

// reconcile reads the book every 15 seconds.
func (w *world) reconcile() {
	w.alive(15*time.Second, func() {
		w.take(lane.Input{Control: &lane.Control{Verb: lane.Reconcile}}, nil)
		w.reconcile()
	})
}

// crash kills the process: what was in memory is gone, and so is what was under way inside it.
func (w *world) crash(where string) {
	w.log("CRASH %s", where)
	w.stats.Crashes++
	w.p, w.dying = nil, ""
	w.life++
	w.at(time.Duration(1+w.dice.IntN(20))*time.Second, w.boot)
}

// strikes says whether chance strikes. The first seconds are spared: what happens before the first arming is the
// baseline, and is left alone.
func (w *world) strikes(dice *rand.Rand, p float64) bool {
	return !w.calm && p > 0 && w.now.Sub(w.began) > 2*time.Second && dice.Float64() < p
}

// take puts an input before the process; answer is called with whether its commit was durable.
func (w *world) take(in lane.Input, answer func(ok bool)) {
	w.p.inbox, w.p.waiting = append(w.p.inbox, in), append(w.p.waiting, answer)
}

// due says whether the process makes a turn now.
func (w *world) due() bool {
	p := w.p
	if p == nil || w.now.Before(p.retry) {
		return false
	}
	return len(p.inbox) >= max(1, w.c.Batch) || len(p.inbox) > 0 && w.idle() || !p.wake.IsZero() && !p.wake.After(w.now)
}

// turn makes one turn, and only what is durable is answered, sent and told.
func (w *world) turn() {
	w.stats.Steps++
	p := w.p
	inputs, answers := append(p.kept, p.inbox...), append(make([]func(bool), len(p.kept)), p.waiting...)
	p.inbox, p.waiting, p.kept = nil, nil, nil
	batch, err := p.turner.Turn(context.Background(), w.now, lane.Grant{Exits: 8, Risk: 8, Next: w.now.Add(time.Second)}, inputs)
	if errors.Is(err, engine.ErrInvariant) {
		w.break_("the lane broke: %.700v", err)
		return
	}
	if w.dying != "" {
		w.crash(w.dying)
		return
	}
	if err != nil {
		w.stats.FailedCommits++
		w.log("the turn fails: %v", err)
		for _, answer := range answers {
			if answer != nil {
				answer(false)
			}
		}
		p.kept, p.reads = engine.Again(inputs), p.reads+1
		p.retry = w.now.Add(200 * time.Millisecond)
		p.wake = p.retry
		return
	}
	for _, answer := range answers {
		if answer != nil {
			answer(true)
		}
	}
	p.wake = batch.Wake
	for _, r := range batch.Sends {
		w.alive(time.Millisecond, func() { w.send(r) })
	}
	for _, m := range batch.Messages {
		w.alive(50*time.Millisecond, func() { w.tell(m) })
	}
	w.read(batch.Reads)
}

// break_ notes that something is wrong, and the day ends.
func (w *world) break_(format string, args ...any) {
	text := sprintf(format, args...)
	w.log("BROKEN %s", text)
	w.broken = append(w.broken, w.now.Format("15:04:05.000 ")+strings.ReplaceAll(text, "\n", " | "))
}
