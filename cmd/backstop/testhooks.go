package main

import (
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"backstop/engine"
	"backstop/engine/journal/sqlite"
)

// testHooks are what tests of crashes need of the running service. The zero value, that of production, has none.
type testHooks struct {
	crash func(point string) // ends the process at a named moment
	now   func() time.Time   // the engine's clock; nil: time.Now
}

// clock is the engine's clock, wrong where a test wants it so.
func (h testHooks) clock() time.Time {
	if h.now != nil {
		return h.now()
	}
	return time.Now()
}

// The variables that set them. They are for tests alone, and refused unless every account trades on paper.
const (
	crashVariable = "BACKSTOP_TEST_CRASH" // POINT[:N][+DURATION]: end at the Nth time, that long after it
	clockVariable = "BACKSTOP_TEST_CLOCK" // a file that holds by how much the clock is wrong, such as -90s; it may change
)

// testHooks reads the variables.
func (s *settings) testHooks(accounts []account) (testHooks, error) {
	var h testHooks
	for _, name := range []string{crashVariable, clockVariable} {
		if _, ok := s.env.lookup(name); !ok {
			continue
		}
		for _, a := range accounts {
			if !a.onLoopback() {
				return h, misuse("%s: this is for tests on the paper exchange: unset it, or point KITE_BASE_URL at backstop paper", name)
			}
		}
	}
	if spec, ok := s.env.lookup(crashVariable); ok {
		crash, err := parseCrash(spec, endProcess)
		if err != nil {
			return h, err
		}
		h.crash = crash
	}
	if file, ok := s.env.lookup(clockVariable); ok {
		h.now = wrongClock(file, time.Now)
	}
	return h, nil
}

// parseCrash reads POINT[:N][+DURATION]. end is called once, at the Nth time (default the first) that the point is
// reached; with a duration that much later, while the process goes on.
func parseCrash(spec string, end func()) (func(point string), error) {
	rest, after, delayed := strings.Cut(spec, "+")
	point, count, counted := strings.Cut(rest, ":")
	n, delay := int64(1), time.Duration(0)
	var err error
	if counted {
		n, err = strconv.ParseInt(count, 10, 32)
	}
	if delayed && err == nil {
		delay, err = time.ParseDuration(after)
	}
	if err != nil || n < 1 || delay < 0 {
		return nil, misuse("%s: want POINT[:N][+DURATION], not %q", crashVariable, spec)
	}
	names := []string{sqlite.CrashMigration, sqlite.CrashCheckpoint, sqlite.CrashSync}
	for _, p := range engine.CrashPoints() {
		names = append(names, string(p))
	}
	known := false
	for _, name := range names {
		known = known || name == point
	}
	if !known {
		return nil, misuse("%s: there is no crash point %q; there are %s", crashVariable, point, strings.Join(names, ", "))
	}
	var seen atomic.Int64
	return func(at string) {
		if at != point || seen.Add(1) != n {
			return
		}
		if delayed {
			time.AfterFunc(delay, end)
			return
		}
		end()
	}, nil
}

// endProcess ends this process as kill -9 does, and never returns.
func endProcess() {
	if self, err := os.FindProcess(os.Getpid()); err == nil {
		_ = self.Kill() // there is nobody to tell
	}
	select {}
}

// wrongClock is a clock that is wrong by what the file says at the moment; one that can't be read is right.
func wrongClock(file string, now func() time.Time) func() time.Time {
	const every = 20 * time.Millisecond
	var wrong, read atomic.Int64
	return func() time.Time {
		t := now()
		if at := t.UnixNano(); at-read.Load() > int64(every) {
			text, _ := os.ReadFile(file)
			d, _ := time.ParseDuration(strings.TrimSpace(string(text)))
			wrong.Store(int64(d))
			read.Store(at)
		}
		return t.Add(time.Duration(wrong.Load())).Round(0) // without the monotonic reading, which would hide the step
	}
}
