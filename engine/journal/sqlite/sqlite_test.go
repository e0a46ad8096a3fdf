package sqlite

import (
	"io"
	"testing"

	"backstop/engine/journal"
	"backstop/engine/journal/journaltest"
)

func TestTheContract(t *testing.T) {
	journaltest.Run(t, reopenable)
}

func TestKeeping(t *testing.T) {
	journaltest.RunKeeping(t, journaltest.Kept{Open: reopenable, Import: func(t *testing.T, export io.Reader) (journal.Store, error) {
		folder := t.TempDir()
		if _, err := Import(t.Context(), folder, export); err != nil {
			return nil, err
		}
		return open(t, folder), nil
	}})
}

// reopenable is an empty store, and a function that closes and opens it again.
func reopenable(t *testing.T) (journal.Store, func() journal.Store) {
	folder := t.TempDir()
	s := open(t, folder)
	return s, func() journal.Store {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = open(t, folder)
		return s
	}
}

func open(t testing.TB, folder string) *Store {
	t.Helper()
	s, err := Open(t.Context(), folder, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}
