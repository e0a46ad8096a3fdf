package sqlite

import (
	"testing"

	"backstop/engine/journal"
	"backstop/engine/journal/journaltest"
)

func TestTheContract(t *testing.T) {
	journaltest.Run(t, func(t *testing.T) (journal.Store, func() journal.Store) {
		folder := t.TempDir()
		s := open(t, folder)
		return s, func() journal.Store {
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			s = open(t, folder)
			return s
		}
	})
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
