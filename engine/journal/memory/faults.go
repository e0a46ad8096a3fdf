package memory

import (
	"sync"

	"backstop/engine/journal"
)

// faults are the failures that a test asked for.
type faults struct {
	mu   sync.Mutex // guards all below
	left int
	err  error
	when func(*journal.Commit) error
}

// FailNext makes the next n commits fail with err and write nothing; 0 ends that.
func (f *faults) FailNext(n int, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.left, f.err = n, err
}

// FailIf has every commit shown to when before it is written; an error fails it and nothing is written. when is
// called for one commit at a time, may block (a disk that hangs) and may read the store, but not commit. nil ends
// it.
func (f *faults) FailIf(when func(*journal.Commit) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.when = when
}

// fault is the failure that c meets, or nil.
func (f *faults) fault(c *journal.Commit) error {
	f.mu.Lock()
	if f.left > 0 {
		f.left--
		defer f.mu.Unlock()
		return f.err
	}
	when := f.when
	f.mu.Unlock()
	if when == nil {
		return nil
	}
	return when(c)
}
