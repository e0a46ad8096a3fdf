package main

import (
	"fmt"
	"io"
	"time"
)

// progress shows on a terminal how far a long run has come: on standard error, one line that is written over, and only
// where standard output is not the same screen. A nil progress shows nothing.
type progress struct {
	w     io.Writer
	last  time.Time
	shown bool
}

// progressEvery is how often the line changes.
const progressEvery = 200 * time.Millisecond

// progress is for a run that prints nothing as it goes, or whose output goes elsewhere.
func (p *program) progress(quiet bool) *progress {
	if !isTerminal(p.stderr) || p.env["TERM"] == "dumb" || !quiet && p.out.terminal {
		return nil
	}
	return &progress{w: p.stderr, last: time.Now()}
}

func (p *progress) show(n int, what string) {
	if p == nil || time.Since(p.last) < progressEvery {
		return
	}
	p.last, p.shown = time.Now(), true
	fmt.Fprintf(p.w, "\r%s", plural(n, what))
}

// end takes the line away.
func (p *progress) end() {
	if p != nil && p.shown {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
}
