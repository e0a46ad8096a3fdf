package enginetest

import (
	"fmt"
	"slices"
	"strings"
)

// Shrink finds fewer events of a day that fail the same checker, and says how many days it lived for that. It takes
// away what it can, half of the events first, single ones in the end, and lives at most so many days.
func Shrink(c Config, most int) (Config, int) {
	c.Log = nil
	lived := 0
	checker := ""
	fails := func(events []Event) bool {
		lived++
		try := c
		try.Events = events
		r, err := Run(try)
		if err != nil || len(r.Broken) == 0 {
			return false
		}
		name, _, _ := strings.Cut(r.Broken[0], ":")
		if checker == "" {
			checker = name
		}
		return name == checker
	}
	if !fails(c.Events) {
		return c, lived
	}
	events := c.Events
	for size := (len(events) + 1) / 2; size > 0 && lived < most; {
		taken := false
		for from := len(events) - size; from > -size && lived < most; from -= size { // what comes late matters least
			fewer := slices.Delete(slices.Clone(events), max(from, 0), from+size)
			if fails(fewer) {
				events, taken = fewer, true
			}
		}
		if size == 1 && !taken {
			break
		}
		if !taken || size > 1 {
			size = max(1, size/2)
		}
	}
	c.Events = events
	return c, lived
}

// Story tells a day that fails: what was done to it, then what came of it.
func Story(c Config) string {
	var b strings.Builder
	fmt.Fprintf(&b, "the shortest story that fails, %d events:\n", len(c.Events))
	for _, e := range c.Events {
		fmt.Fprintln(&b, " ", e)
	}
	b.WriteString("what came of it:\n")
	c.Log = func(format string, args ...any) { fmt.Fprintf(&b, "  "+format+"\n", args...) }
	r, err := Run(c)
	if err != nil {
		fmt.Fprintln(&b, err)
	}
	for _, broken := range r.Broken {
		fmt.Fprintln(&b, "broken:", broken)
	}
	return b.String()
}
