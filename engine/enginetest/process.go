package enginetest

import (
	"context"
	"errors"
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
	hanging bool      // a commit has not returned
}

// disk is the journal as the turner sees it: commits fail, and the process may die before or after one.
type disk struct {
	journal.Store
	w *world
}

var errDisk = errors.New("disk full")

// Commit may also fail although it was written down, as a lost connection to a database does, or hang.
func (d disk) Commit(ctx context.Context, c *journal.Commit) error {
	w := d.w
	struck := w.meets("commit")
	switch struck.Fault {
	case "crash before":
		w.dying = "before the commit"
		return errDisk
	case "fails":
		return errDisk
	}
	if err := d.Store.Commit(ctx, c); err != nil {
		return err
	}
	w.wrote = true
	w.checkCommit(c)
	switch struck.Fault {
	case "lost":
		return errors.New("the connection was lost after the commit")
	case "crash after":
		w.dying = "after the commit"
	case "hangs":
		w.stats.HungCommits++
		w.hangs = struck.For
	}
	return nil
}

func (w *world) options() lane.Options {
	hours := w.c.Hours
	if hours == nil {
		hours = market.Always()
	}
	return lane.Options{Account: user, Mode: w.c.Mode, Confirm: w.c.Confirm, Rules: w.rules, Hours: hours, Venue: "paper", ChatID: "42",
		Instruments: w.list, Reasons: kite.Reason}
}

// boot starts the process from what the store kept.
func (w *world) boot() {
	w.life++
	if w.month != nil && w.month.Script {
		w.p = &process{}
		return
	}
	w.p = &process{turner: engine.NewTurner(disk{w.store, w}, w.options()), wake: w.now}
	if w.life > 1 {
		w.log("the process starts again")
		w.explain(w.audit.afterCrash())
	}
	w.reconcile()
}

// reconcile reads the book every 15 seconds.
func (w *world) reconcile() {
	if w.month != nil && !w.month.Reconciler {
		return
	}
	w.alive(w.every(), func() {
		w.take(lane.Input{Control: &lane.Control{Verb: lane.Reconcile}}, nil)
		w.reconcile()
	})
}

// crash kills the process: what was in memory is gone, and so is what was under way inside it.
func (w *world) crash(where string) {
	w.log("CRASH %s", where)
	w.stats.Crashes++
	w.p, w.dying, w.hangs = nil, "", 0
	w.life++
	w.at(downFor, w.boot)
}

// downFor is how long a crashed process is away.
const downFor = 7 * time.Second

// take puts an input before the process; answer is called with whether its commit was durable.
func (w *world) take(in lane.Input, answer func(ok bool)) {
	w.p.inbox, w.p.waiting = append(w.p.inbox, in), append(w.p.waiting, answer)
}

// due says whether the process makes a turn now.
func (w *world) due() bool {
	p := w.p
	if p == nil || p.hanging || w.now.Before(p.retry) {
		return false
	}
	return len(p.inbox) >= max(1, w.c.Batch) || len(p.inbox) > 0 && w.idle() || !p.wake.IsZero() && !p.wake.After(w.now)
}

// turn makes one turn, and only what is durable is answered, sent and told.
func (w *world) turn() {
	w.stats.Steps++
	p := w.p
	inputs, answers := append(p.kept, p.inbox...), append(make([]func(bool), len(p.kept)), p.waiting...)
	p.inbox, p.waiting, p.kept, w.wrote = nil, nil, nil, false
	batch, err := p.turner.Turn(context.Background(), w.now, lane.Grant{Exits: 8, Risk: 8, Next: w.now.Add(time.Second)}, inputs)
	if errors.Is(err, engine.ErrInvariant) {
		w.broke("invariant 9, no step breaks", "%.900v", err)
		return
	}
	if err == nil || w.wrote { // a crash or a lost answer behind the commit takes nothing of it back
		w.audit.learned(inputs)
	}
	if w.dying != "" {
		w.crash(w.dying)
		return
	}
	if err != nil {
		w.stats.FailedCommits++
		w.log("the commit fails: %v", err)
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
	if w.hangs > 0 { // nothing of it leaves before the commit returns
		w.log("the commit hangs for %s", w.hangs)
		p.hanging = true
		w.alive(w.hangs, func() {
			p.hanging = false
			w.release(answers, batch)
		})
		w.hangs = 0
		return
	}
	w.release(answers, batch)
}

// release lets a durable batch take effect.
func (w *world) release(answers []func(bool), batch lane.Batch) {
	p := w.p
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
