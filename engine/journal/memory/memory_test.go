package memory_test

import (
	"context"
	"errors"
	"io"
	"testing"

	"backstop/engine/journal"
	"backstop/engine/journal/journaltest"
	"backstop/engine/journal/memory"
)

func TestTheContract(t *testing.T) {
	journaltest.Run(t, func(t *testing.T) (journal.Store, func() journal.Store) {
		s := memory.New()
		return s, func() journal.Store { return s.Reopen() }
	})
}

func TestKeeping(t *testing.T) {
	journaltest.RunKeeping(t, journaltest.Kept{
		Open: func(t *testing.T) (journal.Store, func() journal.Store) {
			s := memory.New()
			return s, func() journal.Store { return s.Reopen() }
		},
		Import: func(_ *testing.T, export io.Reader) (journal.Store, error) { return memory.Import(export) },
	})
}

func TestFaults(t *testing.T) {
	s := memory.New()
	full := errors.New("the disk is full")
	write := func() error {
		return s.Commit(context.Background(), &journal.Commit{Account: "AB", Inputs: []journal.Input{{Account: "AB"}}})
	}
	s.FailNext(2, full)
	if a, b, c := write(), write(), write(); !errors.Is(a, full) || !errors.Is(b, full) || c != nil {
		t.Errorf("of three commits with two faults: %v, %v, %v", a, b, c)
	}
	s.FailIf(func(c *journal.Commit) error {
		if len(c.Inputs) == 1 {
			return full
		}
		return nil
	})
	if err := write(); !errors.Is(err, full) {
		t.Errorf("a commit that is refused: %v", err)
	}
	s.FailIf(nil)
	if err := write(); err != nil {
		t.Errorf("after the faults: %v", err)
	}
	if rows, _, err := s.Inputs(context.Background(), journal.Query{}); err != nil || len(rows) != 2 {
		t.Errorf("%d inputs of two good commits: %v", len(rows), err)
	}
}

func TestAReopenedStoreShutsTheOldHandleOut(t *testing.T) {
	old := memory.New()
	now := old.Reopen()
	c := &journal.Commit{Account: "AB", Inputs: []journal.Input{{Account: "AB"}}}
	if err := old.Commit(context.Background(), c); !errors.Is(err, journal.ErrClosed) {
		t.Errorf("the old handle: %v", err)
	}
	if err := old.Close(); err != nil {
		t.Error(err)
	}
	if err := now.Commit(context.Background(), c); err != nil {
		t.Errorf("the new handle: %v", err)
	}
}

func BenchmarkCommit(b *testing.B) {
	s := memory.New()
	c := journaltest.Typical("AB")
	b.ReportAllocs()
	for b.Loop() {
		if err := s.Commit(context.Background(), c); err != nil {
			b.Fatal(err)
		}
	}
}
