package lane

import (
	"time"

	"backstop/engine/journal"
)

// Rehearsal drives a lane through time that is told and not lived: what the lane wants to be woken for happens when
// its moment is passed. The dry-run command and rule tests run on it.
type Rehearsal struct {
	lane *Lane
	now  time.Time
	wake time.Time
}

// NewRehearsal makes a lane that tells what it does, and starts it.
func NewRehearsal(o Options, snap *journal.Snapshot, start time.Time) (*Rehearsal, error) {
	o.Tell = true
	l, err := New(o, snap, start)
	if err != nil {
		return nil, err
	}
	return &Rehearsal{lane: l, now: start}, nil
}

// Now is how far time has come.
func (r *Rehearsal) Now() time.Time { return r.now }

// View is a picture of the lane as it stands.
func (r *Rehearsal) View() View { return r.lane.View() }

// Take lets time pass until t, which may lag, and then gives the inputs; it tells what happened on the way.
func (r *Rehearsal) Take(t time.Time, inputs ...Input) []Story {
	var told []Story
	for !r.wake.IsZero() && r.wake.After(r.now) && !r.wake.After(t) {
		told = append(told, r.step(r.wake, nil)...)
	}
	return append(told, r.step(t, inputs)...)
}

func (r *Rehearsal) step(t time.Time, inputs []Input) []Story {
	if t.After(r.now) {
		r.now = t
	}
	b := r.lane.Step(r.now, Unlimited, inputs)
	r.wake = b.Wake
	return b.Steps
}
