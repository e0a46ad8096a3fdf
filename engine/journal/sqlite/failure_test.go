package sqlite

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"

	"backstop/engine/journal"
	"backstop/engine/journal/journaltest"
)

// inTheWriter runs f in the writer's goroutine, in a transaction of its own.
func inTheWriter(t *testing.T, s *Store, f func(*transaction) error) error {
	t.Helper()
	return s.writer.submit(context.Background(), &task{write: f})
}

func TestAFailedCommitLeavesNothingAndTheNextIsTrue(t *testing.T) {
	folder := t.TempDir()
	s := open(t, folder)
	if err := s.Commit(t.Context(), journaltest.Numbered("AB", 0)); err != nil {
		t.Fatal(err)
	}
	// No more pages for this connection: SQLite's "disk is full", in the middle of a transaction.
	var pages int
	if err := s.readers.QueryRowContext(t.Context(), "PRAGMA page_count").Scan(&pages); err != nil {
		t.Fatal(err)
	}
	if err := inTheWriter(t, s, func(t *transaction) error {
		_, err := t.conn.ExecContext(background, fmt.Sprintf("PRAGMA max_page_count = %d", pages+2))
		return err
	}); err != nil {
		t.Fatal(err)
	}
	big := journaltest.Numbered("AB", 1)
	big.Docs[0].Body = make([]byte, 1<<20)
	err := s.Commit(t.Context(), big)
	if err == nil {
		t.Fatal("a full disk took a commit")
	}
	if big.Inputs[0].Seq != 0 || big.Events[0].Seq != 0 {
		t.Error("a row that failed got a number")
	}
	next := journaltest.Numbered("AB", 2)
	if err := s.Commit(t.Context(), next); err != nil {
		t.Fatalf("with room again: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, folder)
	rows, _, err := s.Inputs(t.Context(), journal.Query{})
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) != 2 || rows[0].Seq != next.Inputs[0].Seq || rows[0].OrderID != next.Inputs[0].OrderID {
		t.Errorf("kept: %d inputs", len(rows))
	}
	if n := count(t, s, "docs", "AB"); n != 3 {
		t.Errorf("kept: %d docs", n)
	}
}

func TestAGroupFailsOrSucceedsWhole(t *testing.T) {
	s := open(t, t.TempDir())
	hold, held := make(chan struct{}), make(chan struct{})
	var group sync.WaitGroup
	group.Go(func() {
		_ = inTheWriter(t, s, func(*transaction) error { close(held); <-hold; return nil })
	})
	<-held
	broken := errors.New("the disk broke")
	results := make(chan error, 3)
	for i := range 2 {
		group.Go(func() { results <- s.Commit(t.Context(), journaltest.Numbered("AB", i)) })
	}
	for len(s.writer.queue) < 2 { // both wait
		runtime.Gosched()
	}
	group.Go(func() { results <- inTheWriter(t, s, func(*transaction) error { return broken }) })
	for len(s.writer.queue) < 3 {
		runtime.Gosched()
	}
	close(hold)
	group.Wait()
	for range 3 {
		if err := <-results; !errors.Is(err, broken) {
			t.Errorf("one of the group: %v", err)
		}
	}
	if n := count(t, s, "inputs", "AB"); n != 0 {
		t.Errorf("%d inputs are left", n)
	}
	next := journaltest.Numbered("AB", 3)
	if err := s.Commit(t.Context(), next); err != nil || next.Inputs[0].Seq != 1 {
		t.Errorf("the next commit has number %d: %v", next.Inputs[0].Seq, err)
	}
}

func TestACommitIsWithdrawnBeforeItIsTakenAndNeverAfter(t *testing.T) {
	s := open(t, t.TempDir())
	hold, held := make(chan struct{}), make(chan struct{})
	var group sync.WaitGroup
	taken, cancelTaken := context.WithCancel(t.Context())
	first := make(chan error, 1)
	group.Go(func() {
		first <- s.writer.submit(taken, &task{write: func(tx *transaction) error {
			close(held)
			<-hold
			rows, err := journaltest.Numbered("taken", 0).Encode()
			if err != nil {
				return err
			}
			tx.wave.add(tx, rows)
			return tx.wave.flush(tx)
		}})
	})
	<-held
	waiting, cancelWaiting := context.WithCancel(t.Context())
	second := make(chan error, 1)
	group.Go(func() { second <- s.Commit(waiting, journaltest.Numbered("waiting", 0)) })
	for len(s.writer.queue) < 1 {
		runtime.Gosched()
	}
	cancelWaiting()
	if err := <-second; !errors.Is(err, context.Canceled) {
		t.Errorf("the one that waited: %v", err)
	}
	cancelTaken()
	select {
	case err := <-first:
		t.Errorf("the one that was taken did not wait for the truth: %v", err)
	default:
	}
	close(hold)
	if err := <-first; err != nil {
		t.Errorf("the one that was taken: %v", err)
	}
	group.Wait()
	if taken, waiting := count(t, s, "inputs", "taken"), count(t, s, "inputs", "waiting"); taken != 1 || waiting != 0 {
		t.Errorf("%d of the taken, %d of the withdrawn", taken, waiting)
	}
}

func TestClosingFinishesWhatIsUnderWay(t *testing.T) {
	folder := t.TempDir()
	s := open(t, folder)
	var group sync.WaitGroup
	var mu sync.Mutex
	good := 0
	for g := range 20 {
		group.Go(func() {
			for n := range 1000 {
				err := s.Commit(context.Background(), journaltest.Numbered(fmt.Sprint(g), n))
				if errors.Is(err, journal.ErrClosed) {
					return
				}
				mu.Lock()
				if good++; err != nil {
					t.Error(err)
				}
				if good == 100 {
					group.Go(func() {
						if err := s.Close(); err != nil {
							t.Error(err)
						}
					})
				}
				mu.Unlock()
			}
		})
	}
	group.Wait()
	s = open(t, folder)
	var n int
	if err := s.readers.QueryRowContext(t.Context(), "SELECT count(*) FROM inputs").Scan(&n); err != nil || n != good {
		t.Errorf("%d commits were acknowledged, %d are there: %v", good, n, err)
	}
}
