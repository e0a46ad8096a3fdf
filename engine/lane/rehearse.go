package lane

import (
	"maps"
	"slices"
	"time"

	"backstop/actions"
)

// Rehearsal drives a lane through time that is told and not lived: what the lane wants to be woken for happens when
// its moment is passed. The dry-run command and rule tests run on it.
type Rehearsal struct {
	lane *Lane
	now  time.Time
	wake time.Time
	told []Story // of the start, for the first who asks

	errands []Errand // that Carry brings to other lanes
	ends    []ErrandEnd
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
	r.errands, r.ends = append(r.errands, b.Errands...), append(r.ends, b.Ends...)
	return b.Steps
}

// Carry brings what the lanes of one rehearsal ask of each other to them, and how it ended back, until nothing is under
// way. told is what from, the lane that may have asked, has just told; what follows becomes part of it. lane gives an
// account's.
func Carry(t time.Time, told []Story, from *Rehearsal, lane func(account string) (*Rehearsal, error)) (_ []Story, err error) {
	for todo := []*Rehearsal{from}; len(todo) > 0; todo = todo[1:] {
		give := func(account string, in Input) {
			to, failed := lane(account)
			if failed != nil {
				err = failed
				return
			}
			for _, s := range to.Take(t, in) {
				told = joined(told, s)
			}
			todo = append(todo, to)
		}
		r := todo[0]
		errands, ends := r.errands, r.ends
		r.errands, r.ends = nil, nil
		for i := range errands {
			give(errands[i].To, Input{Errand: &errands[i]})
		}
		for i := range ends {
			give(ends[i].From, Input{ErrandEnd: &ends[i]})
		}
		if err != nil {
			return told, err
		}
	}
	return told, nil
}

// joined makes a story part of the one whose action it goes on with, of the last where there is none.
func joined(told []Story, s Story) []Story {
	if len(told) == 0 {
		return append(told, s)
	}
	into := &told[len(told)-1]
	for i := range told {
		if slices.ContainsFunc(s.Actions, func(a actions.Action) bool { return told[i].action(a.ID) != nil }) {
			into = &told[i]
		}
	}
	for _, a := range s.Actions {
		if have := into.action(a.ID); have != nil {
			*have = a
		} else {
			into.Actions = append(into.Actions, a)
		}
	}
	into.Events, into.Decisions = append(into.Events, s.Events...), append(into.Decisions, s.Decisions...)
	into.Requests, into.Explained = append(into.Requests, s.Requests...), append(into.Explained, s.Explained...)
	return told
}

// action is the story's action of an id, nil for none.
func (s *Story) action(id string) *actions.Action {
	i := slices.IndexFunc(s.Actions, func(a actions.Action) bool { return a.ID == id })
	if i < 0 {
		return nil
	}
	return &s.Actions[i]
}
