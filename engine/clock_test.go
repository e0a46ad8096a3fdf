package engine

import (
	"strings"
	"testing"
	"time"
)

func TestTheClockNeverFallsAndNeverStandsStill(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 11, 25, 10, 0, 0, 0, time.UTC)
	wall, elapsed := start, time.Duration(0)
	var told []string
	c := newClock(func() time.Time { return wall }, func(text string) { told = append(told, text) })
	c.elapsed = func() time.Duration { return elapsed }
	pass := func(d time.Duration) { wall, elapsed = wall.Add(d), elapsed+d }
	want := func(what string, at time.Time) {
		t.Helper()
		if got := c.now(); !got.Equal(at) {
			t.Errorf("%s: %s, want %s", what, got.Format(time.TimeOnly), at.Format(time.TimeOnly))
		}
	}
	want("at first", start)
	pass(time.Minute)
	want("a minute on", start.Add(time.Minute))
	wall = wall.Add(time.Hour)
	want("set an hour on", start.Add(61*time.Minute))
	wall = wall.Add(-time.Hour)
	want("set back", start.Add(61*time.Minute))
	pass(20 * time.Second)
	want("20 s after that", start.Add(61*time.Minute+10*time.Second))
	if len(told) != 1 || !strings.Contains(told[0], "CLOCK SET BACK (by 1h0m0s)") {
		t.Errorf("told: %q", told)
	}
	pass(2 * time.Hour)
	want("two hours later it is right again", wall)
	wall = wall.Add(-2 * time.Second)
	c.now()
	if len(told) != 1 {
		t.Errorf("a small correction is told: %q", told)
	}
	c.notBefore(wall.Add(time.Minute))
	want("the journal is ahead", wall.Add(time.Minute))
	if len(told) != 2 {
		t.Errorf("a journal that is ahead is not told: %q", told)
	}
}
