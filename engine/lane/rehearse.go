package lane

import (
	"maps"
	"time"
)

// Rehearsal drives a lane through time that is told and not lived: what the lane wants to be woken for happens when
// its moment is passed. The dry-run command and rule tests run on it.
type Rehearsal struct {
	lane *Lane
	now  time.Time
	wake time.Time
	told []Story // of the start, for the first who asks
}

// NewRehearsal makes a lane that tells what it does, and starts it. memory is what state.* holds.
func NewRehearsal(o Options, memory map[string]any, start time.Time) (*Rehearsal, error) {
	o.Tell = true
	l, err := New(o, nil, start)
	if err != nil {
		return nil, err
	}
	if len(memory) > 0 {
		l.memory = maps.Clone(memory)
	}
	r := &Rehearsal{lane: l, now: start}
	r.told = r.step(start, nil) // schedules begin to count here
	return r, nil
}

// Memory is what state.* holds now.
func (r *Rehearsal) Memory() map[string]any { return maps.Clone(r.lane.memory) }

// Now is how far time has come.
func (r *Rehearsal) Now() time.Time { return r.now }

// View is a picture of the lane as it stands.
func (r *Rehearsal) View() View { return r.lane.View() }

// Take lets time pass until t, which may lag, and then gives the inputs; it tells what happened on the way.
func (r *Rehearsal) Take(t time.Time, inputs ...Input) []Story {
	told := r.told
	r.told = nil
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
