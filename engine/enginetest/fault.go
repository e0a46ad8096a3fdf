package enginetest

import (
	"time"
)

// faults are those that wait for a call, and those that last now.
type faults struct {
	next   map[string][]Event // armed strikes, by point
	spells []spell
}

type spell struct {
	fault string
	until time.Time
}

// explains is how long after a fault something may still be bare, or covered twice, that would not be without it.
// Faults that overlap add up. What is not here explains nothing.
var explains = map[string]time.Duration{
	"postback lost": 17 * time.Second, "postback late": 17 * time.Second, // until the next reconciliation
	"postback reordered": time.Second, "postback forged": 35 * time.Second, // until it is refuted
	"place lost": 5 * time.Second, "place hangs": 12 * time.Second, "place 429": 3 * time.Second, "place 5xx": 26 * time.Second, // until its absence is proved
	"place 5xx done": 5 * time.Second, "place hidden": 65 * time.Second, "place lost and hidden": 65 * time.Second,
	"modify lost": 6 * time.Second, "modify hangs": 13 * time.Second, "modify 429": 3 * time.Second, "modify 5xx": 6 * time.Second, "modify 5xx done": 6 * time.Second,
	"cancel lost": 6 * time.Second, "cancel hangs": 13 * time.Second, "cancel 429": 3 * time.Second, "cancel 5xx": 6 * time.Second, "cancel 5xx done": 6 * time.Second,
	"book fails": 6 * time.Second, "book hangs": 14 * time.Second, "book 429": 6 * time.Second, "book 5xx": 6 * time.Second, "book stale": 12 * time.Second, "book short": 12 * time.Second,
	"positions fails": 3 * time.Second, "positions 429": 3 * time.Second, "trades fails": 3 * time.Second, "trades 429": 3 * time.Second,
	"commit fails": 3 * time.Second, "commit lost": 26 * time.Second, "commit hangs": 10 * time.Second,
}

// Spells explain as long as they last, and so much after their end.
var afterSpell = map[string]time.Duration{
	"session": 50 * time.Second, "address": 33 * time.Second, "429": 12 * time.Second, "5xx": 30 * time.Second,
	"books fail": 12 * time.Second, "books late": 65 * time.Second, "disk full": 6 * time.Second, "postbacks lost": 17 * time.Second,
}

// explainMost bounds what faults explain together.
const explainMost = 3 * time.Minute

// explain notes that a fault explains so much from now on.
func (w *world) explain(d time.Duration) {
	w.watch.explained = w.longer(w.watch.explained, d)
	w.watch.excess = w.longer(w.watch.excess, d)
}

func (w *world) longer(until time.Time, d time.Duration) time.Time {
	if until.Before(w.now) {
		until = w.now
	}
	if most := w.now.Add(explainMost); until.Add(d).After(most) {
		return most
	}
	return until.Add(d)
}

// arm lets a strike wait for its call, or begins a spell.
func (w *world) arm(e Event) {
	if w.calm {
		return
	}
	if e.Kind == Spell {
		w.log("for %s: %s", e.For, e.Fault)
		w.faults.spells = append(w.faults.spells, spell{e.Fault, w.now.Add(e.For)})
		w.explain(e.For + afterSpell[e.Fault])
		if e.Fault == "session" || e.Fault == "address" {
			w.watch.outage = w.now.Add(e.For + afterSpell[e.Fault])
		}
		return
	}
	if w.faults.next == nil {
		w.faults.next = map[string][]Event{}
	}
	w.faults.next[e.Point] = append(w.faults.next[e.Point], e)
}

// meets is what strikes a call at a point, "" for nothing.
func (w *world) meets(point string) Event {
	if w.month != nil && w.month.dead {
		if f := atPoint("session", point); f != "" {
			return Event{Point: point, Fault: f}
		}
	}
	if w.calm {
		return Event{}
	}
	for _, s := range w.faults.spells {
		if w.now.Before(s.until) {
			if f := atPoint(s.fault, point); f != "" {
				return Event{Point: point, Fault: f}
			}
		}
	}
	waiting := w.faults.next[point]
	if len(waiting) == 0 {
		return Event{}
	}
	e := waiting[0]
	w.faults.next[point] = waiting[1:]
	if e.Fault == "forged" { // an entry may look like an exit to it; but nothing is sent on its word
		w.watch.explained = w.longer(w.watch.explained, explains["postback forged"])
	} else {
		w.explain(explains[point+" "+e.Fault])
	}
	return e
}

// atPoint is what a spell does to a call at a point.
func atPoint(spell, point string) string {
	order := point == "place" || point == "modify" || point == "cancel"
	call := order || point == "book" || point == "positions" || point == "trades"
	switch {
	case spell == "session" && call, spell == "address" && order, spell == "429" && call:
		return spell
	case spell == "5xx" && order:
		return "5xx"
	case spell == "5xx" && call, spell == "books fail" && point == "book":
		return "fails"
	case spell == "books late" && point == "book":
		return "late"
	case spell == "disk full" && point == "commit":
		return "fails"
	case spell == "postbacks lost" && point == "postback":
		return "lost"
	}
	return ""
}
