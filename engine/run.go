package engine

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"backstop/actions"
	"backstop/engine/journal"
	"backstop/engine/lane"
	"backstop/engine/order"
)

// This file is the only one that commits and the only one that releases, in that order.

// ErrJournal means that the journal could not be written or read: nothing of the step has happened.
var ErrJournal = errors.New("the journal can't be written or read")

// ErrInvariant means that the lane's step broke an invariant: nothing of the step has happened.
var ErrInvariant = errors.New("broken invariant")

// Stepper decides: a *lane.Lane, or a script in tests.
type Stepper interface {
	Step(now time.Time, grant lane.Grant, inputs []lane.Input) lane.Batch
	View() lane.View
}

var _ Stepper = (*lane.Lane)(nil)

// Journal is what a Turner needs of a journal.Store.
type Journal interface {
	Commit(ctx context.Context, c *journal.Commit) error
	Load(ctx context.Context, account string, day order.Day) (*journal.Snapshot, error)
}

// Turner steps one account's lane and makes each step durable, and does nothing else: no goroutine, no clock. The
// service and the simulator run the same one. It belongs to one goroutine.
type Turner struct {
	journal Journal
	options lane.Options
	build   func(o lane.Options, snap *journal.Snapshot, now time.Time) (Stepper, error)
	stepped func(*lane.Batch) // sees a batch before it is durable; nil where nobody does
	lane    Stepper           // nil: to be read back from the journal
}

// NewTurner is the turner of the account that o names. Its lane is read from the journal by the first Turn, or by
// Load.
func NewTurner(j Journal, o lane.Options) *Turner {
	return &Turner{journal: j, options: o, build: buildLane}
}

// Turn steps and commits. With a nil error the batch is durable: the caller may release it. With any other it is
// empty and must be taken as if Turn had not been called, except that the lane was read back from the journal (or
// will be by the next Turn, where the journal can't be read either), and so asks for a reading of the order book;
// the caller refuses the updates among the inputs and gives Again(inputs) to a later Turn. The error wraps
// ErrInvariant where Step panicked, else ErrJournal.
func (t *Turner) Turn(ctx context.Context, now time.Time, grant lane.Grant, inputs []lane.Input) (lane.Batch, error) {
	if t.lane == nil {
		if err := t.Load(ctx, now); err != nil {
			return lane.Batch{}, err
		}
	}
	batch, err := t.step(now, grant, inputs)
	if err == nil {
		if t.stepped != nil {
			t.stepped(&batch)
		}
		err = t.commit(ctx, &batch.Commit)
	}
	if err != nil {
		t.lane = nil
		return lane.Batch{}, errors.Join(err, t.Load(ctx, now))
	}
	for i := range inputs {
		if inputs[i].Rules != nil {
			t.options.Rules = inputs[i].Rules // a lane that is read back begins with the rules that it had
		}
	}
	return batch, nil
}

// step turns a panic of the lane into an error.
func (t *Turner) step(now time.Time, grant lane.Grant, inputs []lane.Input) (b lane.Batch, err error) {
	defer func() {
		if p := recover(); p != nil {
			b, err = lane.Batch{}, &brokenStep{text: panicText(p), stack: string(debug.Stack())}
		}
	}()
	return t.lane.Step(now, grant, inputs), nil
}

func (t *Turner) commit(ctx context.Context, c *journal.Commit) error {
	if c.Empty() {
		return nil
	}
	if err := t.journal.Commit(ctx, c); err != nil {
		return fmt.Errorf("%w: commit: %w", ErrJournal, err)
	}
	return nil
}

// View is the lane's picture; false where there is no lane, or none that can show itself.
func (t *Turner) View() (v lane.View, ok bool) {
	if t.lane == nil {
		return lane.View{}, false
	}
	defer func() {
		if recover() != nil {
			v, ok = lane.View{}, false
		}
	}()
	return t.lane.View(), true
}

// Again are the inputs of a failed Turn that must not be lost: what came of requests and messages that have left,
// and what nobody would say again. Updates and controls are refused to whoever waits; readings are asked for anew.
func Again(inputs []lane.Input) []lane.Input {
	var kept []lane.Input
	for i := range inputs {
		if again(&inputs[i]) {
			kept = append(kept, inputs[i])
		}
	}
	return kept
}

func again(in *lane.Input) bool {
	return in.Outcome != nil || in.Delivery != nil || in.Rules != nil || in.Session != nil || in.Stream != nil || in.Loaded || in.Errand != nil || in.ErrandEnd != nil
}

// turn runs one round of an account's duties for what was taken and what an earlier round kept.
func (a *account) turn(now time.Time, entries []entry) {
	if len(a.kept) > 0 {
		entries = append(a.kept, entries...)
		a.kept = nil
	}
	if err := a.tried(now, entries); errors.Is(err, ErrInvariant) {
		a.stop(now, err)
		a.isolate(now, entries)
	}
}

// isolate goes on after a panic, with nothing allowed to leave any more: all inputs once more together, for it may
// have been the claim of a request that broke; if that breaks too each by itself, so that one poisoned input is
// refused and no other with it.
func (a *account) isolate(now time.Time, entries []entry) {
	if !errors.Is(a.tried(now, entries), ErrInvariant) {
		return
	}
	if err := a.tried(now, nil); err != nil { // the state itself is broken, or the journal failed meanwhile
		a.failed(now, err, entries)
		return
	}
	for i := range entries {
		switch err := a.tried(now, entries[i:i+1]); {
		case err == nil:
		case errors.Is(err, ErrInvariant):
			a.log.Error("an input breaks the stopped lane and is refused", "input", kindOf(&entries[i].input), "error", err)
			entries[i].answer(answer{err: err})
		default: // the journal: the rest waits for it
			a.failed(now, err, entries[i+1:])
			return
		}
	}
}

// tried makes one turn. If it is durable it is released; if the journal failed everything of it is refused or
// kept; if the lane broke, the caller decides what becomes of the entries.
func (a *account) tried(now time.Time, entries []entry) error {
	inputs := make([]lane.Input, len(entries))
	for i := range entries {
		inputs[i] = entries[i].input
	}
	hold := a.reserve(now)
	a.hold = hold
	ctx, cancel := context.WithTimeout(context.Background(), commitTimeout) // a shutdown doesn't cut a commit short
	defer cancel()
	grant := hold.Grant()
	if a.dry && a.stopped == "" {
		grant = lane.Unlimited // it plans, and nothing leaves
	}
	batch, err := a.turner.Turn(ctx, now, grant, inputs)
	if err == nil {
		if len(entries) > 0 {
			a.crash.at(CrashAnswer)
		}
		a.release(batch, entries, hold)
		return nil
	}
	hold.Used(now, 0, 0)
	a.metrics.failures.Inc()
	a.reads.reset() // the lane is a new one: what the old one asked for is not its answer
	if !errors.Is(err, ErrInvariant) {
		a.failed(now, err, entries)
	}
	return err
}

// stepped sees what a step came to while it is being made durable. What the step does not use of its hold is given back, and
// the readings that it asked for begin: they change nothing, at the broker or here, and what waits for them is money.
func (a *account) stepped(b *lane.Batch) {
	a.hold.Keep(departures(b.Sends))
	a.reads.want(b.Reads)
}

// departures counts requests: what reduces risk, and what adds it.
func departures(sends []actions.Request) (exits, risk int) {
	for i := range sends {
		if sends[i].Priority == actions.PriorityRisk {
			risk++
		} else {
			exits++
		}
	}
	return exits, risk
}

// release lets a durable batch take effect: answers first, then money, then the rest.
func (a *account) release(b lane.Batch, entries []entry, hold *Hold) {
	now := a.now()
	if !b.Commit.Empty() { // nothing to write is no proof that it can be
		a.recovered()
	}
	a.metrics.took(&b, entries)
	ignored := make([]string, len(entries))
	for _, answer := range b.Answers {
		if answer.Input < len(entries) {
			ignored[answer.Input] = answer.Ignored
		}
	}
	for i := range entries {
		entries[i].answer(answer{ignored: ignored[i]})
		if entries[i].input.Update != nil {
			a.metrics.answered(now.Sub(entries[i].arrived))
		}
	}
	if len(b.Sends) > 0 {
		a.crash.at(CrashRelease)
	}
	a.releaseSends(now, b.Sends, hold)
	for i := range b.Messages {
		a.messages.send(a.post, &b.Messages[i])
	}
	if b.Watch != nil {
		a.stream.prices.watch(*b.Watch)
	}
	a.carry(&b)
	a.folded(entries)
	for i := range b.Logs {
		a.say(&b.Logs[i])
	}
	a.wake = b.Wake
}

// releaseSends hands claimed requests to the senders. That none leaves beyond what is held (nothing in dry-run, once
// the lane is stopped and at the end) is the lane's to keep; it is checked here again, and what would leave all the
// same is answered as failed.
func (a *account) releaseSends(now time.Time, sends []actions.Request, hold *Hold) {
	exits, risk := departures(sends)
	grant := hold.Grant()
	if exits > grant.Exits || risk > grant.Risk {
		hold.Used(now, 0, 0)
		a.stop(now, fmt.Errorf("%w: the lane claimed %d requests where %d were allowed", ErrInvariant, len(sends), grant.Exits+grant.Risk))
		for i := range sends {
			a.post(lane.Input{Outcome: &lane.Outcome{RequestID: sends[i].ID, Attempt: sends[i].Attempts, Err: &actions.Error{
				Class: actions.ClassInternal, Op: string(sends[i].Call.Method), Message: "not sent: the lane is stopped",
				Hint: "a mistake in Backstop: please report it"}}})
		}
		return
	}
	hold.Used(now, exits, risk)
	for i := range sends {
		a.senders.start(sends[i])
	}
}

// keep writes an update that belongs to no account into the journal with its reason.
func (e *Engine) keep(ctx context.Context, u *order.Update, why string) error {
	ctx, cancel := context.WithTimeout(ctx, commitTimeout)
	defer cancel()
	status, now := u.RawStatus, e.now()
	if status == "" {
		status = string(u.Status)
	}
	if err := e.store.Commit(ctx, &journal.Commit{Account: u.Account, At: now, Inputs: []journal.Input{{Account: u.Account, At: now,
		Kind: journal.InputUpdate, Source: u.Source, OrderID: u.OrderID, Status: status, Filled: u.FilledQuantity, Ignored: why, Doc: u.Raw}}}); err != nil {
		return fmt.Errorf("%w: commit: %w", ErrJournal, err)
	}
	return nil
}
