package enginetest

import (
	"fmt"
	"strings"
	"time"
)

// Stats count what days saw.
type Stats struct {
	Days, Events, Steps                    int
	Crashes, FailedCommits, HungCommits    int
	Postbacks, Lost, Doubled, Late, Forged int
	Requests, Refused                      int
	LostPlace, LostModify, LostCancel      int // replies that never came
	Reads, Failed, Stale, Short, Hidden    int
	Messages, OverExited, Doubles          int
	Bare, Unexplained                      time.Duration // the longest at all, and beyond what faults explain
}

// Add sums days up.
func (s *Stats) Add(o Stats) {
	s.Days, s.Events, s.Steps = s.Days+o.Days, s.Events+o.Events, s.Steps+o.Steps
	s.Crashes, s.FailedCommits, s.HungCommits = s.Crashes+o.Crashes, s.FailedCommits+o.FailedCommits, s.HungCommits+o.HungCommits
	s.Postbacks, s.Lost, s.Doubled, s.Late, s.Forged = s.Postbacks+o.Postbacks, s.Lost+o.Lost, s.Doubled+o.Doubled, s.Late+o.Late, s.Forged+o.Forged
	s.Requests, s.Refused = s.Requests+o.Requests, s.Refused+o.Refused
	s.LostPlace, s.LostModify, s.LostCancel = s.LostPlace+o.LostPlace, s.LostModify+o.LostModify, s.LostCancel+o.LostCancel
	s.Reads, s.Failed, s.Stale, s.Short, s.Hidden = s.Reads+o.Reads, s.Failed+o.Failed, s.Stale+o.Stale, s.Short+o.Short, s.Hidden+o.Hidden
	s.Messages, s.OverExited, s.Doubles = s.Messages+o.Messages, s.OverExited+o.OverExited, s.Doubles+o.Doubles
	s.Bare, s.Unexplained = max(s.Bare, o.Bare), max(s.Unexplained, o.Unexplained)
}

// String is a short table.
func (s Stats) String() string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, "  "+format+"\n", args...) }
	line("days %d, events from outside %d, steps %d", s.Days, s.Events, s.Steps)
	line("crashes %d, commits failed %d, hung %d", s.Crashes, s.FailedCommits, s.HungCommits)
	line("postbacks %d: lost %d, doubled %d, late or out of order %d, forged besides %d", s.Postbacks, s.Lost, s.Doubled, s.Late, s.Forged)
	line("requests %d: refused %d, replies lost to place %d, modify %d, cancel %d", s.Requests, s.Refused, s.LostPlace, s.LostModify, s.LostCancel)
	line("readings %d: failed %d, stale %d, short %d, with orders hidden %d", s.Reads, s.Failed, s.Stale, s.Short, s.Hidden)
	line("messages %d; stop and target both filled %d, placements doubled by a hidden order %d", s.Messages, s.OverExited, s.Doubles)
	line("longest bare %s, of it unexplained by a fault %s", s.Bare.Round(time.Millisecond), s.Unexplained.Round(time.Millisecond))
	return b.String()
}
