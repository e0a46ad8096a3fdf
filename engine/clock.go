package engine

import (
	"fmt"
	"sync"
	"time"
)

// clock is the engine's time: the wall's, except that it never falls and never stands still. Where the wall is set
// back, or was wrong when the journal was written, it goes on at half the pace from where it was until the wall has
// caught up: what needs time to pass (a proof of absence, a pace, a reading that must have begun later) gets it then
// too, and the journal's times rise.
type clock struct {
	wall    func() time.Time
	elapsed func() time.Duration // since some moment, by a clock that nobody sets
	told    func(text string)    // that the wall went back

	mu     sync.Mutex
	last   time.Time
	at     time.Duration // elapsed, when last was given
	behind bool          // told, and not yet caught up
}

// clockStep is from which difference on a person is told; less is a clock that is being kept right.
const clockStep = 5 * time.Second

func newClock(wall func() time.Time, told func(text string)) *clock {
	began := time.Now()
	return &clock{wall: wall, elapsed: func() time.Duration { return time.Since(began) }, told: told}
}

// now has no monotonic reading: what is compared before and after it was journalled must be the same.
func (c *clock) now() time.Time {
	wall, elapsed := c.wall().Round(0), c.elapsed()
	c.mu.Lock()
	defer c.mu.Unlock()
	t := wall
	if !c.last.IsZero() {
		if least := c.last.Add((elapsed - c.at) / 2); t.Before(least) {
			t = least
		}
	}
	c.last, c.at = t, elapsed
	switch back := t.Sub(wall); {
	case back > clockStep && !c.behind:
		c.behind = true
		c.told(fmt.Sprintf("CLOCK SET BACK (by %s): Backstop's own time never falls, so it goes on at half its pace from %s until "+
			"this machine's clock has caught up. Look whether the clock is right.", back.Round(time.Second), t.Format("2006-01-02 15:04:05")))
	case back <= 0:
		c.behind = false
	}
	return t
}

// notBefore makes t the least that now says: the journal holds times up to it.
func (c *clock) notBefore(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t.After(c.last) {
		c.last, c.at = t, c.elapsed()
	}
}
