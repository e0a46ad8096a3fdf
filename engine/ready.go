package engine

import (
	"fmt"
	"time"

	"backstop/engine/lane"
)

// Readiness says whether the engine is armed, check by check.
type Readiness struct {
	Ready  bool    `json:"ready"`
	Checks []Check `json:"checks"`
}

// Check is one condition of readiness.
type Check struct {
	Name    string `json:"name"`    // journal, rules, session, reconciler, lane, stream, instruments
	Account string `json:"account"` // "" of what all share
	OK      bool   `json:"ok"`
	Text    string `json:"text"`
}

// Readings are recent within this many gaps of the schedule and, inside market hours, never older than recentMax
// or three gaps, whichever is longer.
const (
	recentGaps = 3
	recentMax  = time.Minute
)

// open says whether any segment trades at t.
func (e *Engine) open(t time.Time) bool { return e.always || e.hours == nil || e.hours.AnyOpen(t) }

// Ready says, account by account, what stands between the engine and its promise.
func (e *Engine) Ready() Readiness {
	r := Readiness{Ready: true}
	add := func(name, account string, ok bool, text string) {
		r.Checks = append(r.Checks, Check{name, account, ok, text})
		r.Ready = r.Ready && ok
	}
	for i, v := range e.Views() {
		a := e.accounts[i]
		s := a.seen()
		ok, text := s.failure == "", "the last step was written"
		if !ok {
			text = s.failure
		}
		add("journal", a.id, ok, text)
		ok, text = e.rules.Load() != nil, "valid"
		if !ok {
			text = "there are no rules"
		}
		add("rules", a.id, ok, text)
		ok, text = v.Session, "alive"
		if !ok {
			text = "dead: " + v.SessionWhy
		}
		add("session", a.id, ok, text)
		ok, text = e.recent(s.lastGood)
		add("reconciler", a.id, ok, text)
		ok, text = laneCheck(&v)
		add("lane", a.id, ok, text)
		ok, text = a.stream.check(e.now())
		add("stream", a.id, ok, text)
	}
	if e.list != nil {
		ok, text := e.list.check()
		add("instruments", "", ok, text)
	}
	return r
}

func laneCheck(v *lane.View) (ok bool, text string) {
	switch {
	case v.Stopped != "":
		return false, "stopped: " + v.Stopped
	case !v.Armed:
		return false, "not armed: the order book and overnight quantities have not been read yet"
	default:
		return true, "armed"
	}
}

// recent says whether the order book was read lately.
func (e *Engine) recent(last time.Time) (ok bool, text string) {
	now := e.now()
	if last.IsZero() {
		return false, "the order book has not been read since the start"
	}
	age := now.Sub(last)
	text = fmt.Sprintf("the order book was read %s ago", age.Round(time.Second))
	switch {
	case e.schedule.Off():
		return true, text + "; reconcile is off: only at the start and on demand"
	case !e.open(now):
		return true, text + "; the markets are closed"
	}
	most := max(recentGaps*e.schedule.Gap(now), recentMax)
	if age > most {
		return false, fmt.Sprintf("%s; at most %s is recent", text, most)
	}
	return true, text
}
