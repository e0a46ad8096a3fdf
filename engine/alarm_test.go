package engine

import (
	"strings"
	"sync"
	"testing"
	"time"

	"backstop/engine/journal"
)

// told notes what a person is told.
type told struct {
	mu    sync.Mutex
	texts []string
}

func (d *told) tell(text string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.texts = append(d.texts, text)
}

func (d *told) count(word string) (n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, t := range d.texts {
		if strings.Contains(t, word) {
			n++
		}
	}
	return n
}

func TestAJournalThatFailsIsToldOnceForAllAccountsAndAgainWhileItLasts(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var desk told
		e, store, _ := start(t, Options{Alert: desk.tell, Accounts: []AccountOptions{scripted("A", &broker{}, everything), scripted("B", &broker{}, everything)}})
		store.FailIf(func(*journal.Commit) error { return errDisk })
		fail := func(d time.Duration) {
			for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(time.Second) {
				for _, id := range []string{"A", "B"} {
					_, _ = e.Submit(t.Context(), update(id, "1")) // refused
				}
			}
		}
		fail(alarmAfter / 2)
		if n := desk.count("JOURNAL FAILS"); n != 0 {
			t.Errorf("told %d times after half of the time", n)
		}
		fail(alarmAfter)
		if n := desk.count("JOURNAL FAILS (for 1"); n != 1 || desk.count("disk is full") != 1 {
			t.Errorf("told %d times: %q", n, desk.texts)
		}
		fail(alarmEvery)
		if n := desk.count("JOURNAL FAILS"); n != 2 {
			t.Errorf("told %d times while it lasted", n)
		}
		store.FailIf(nil)
		time.Sleep(retryLast)
		if _, err := e.Submit(t.Context(), update("A", "2")); err != nil {
			t.Fatal(err)
		}
		if n := desk.count("is written again"); n != 1 {
			t.Errorf("the end was told %d times", n)
		}
	})
}
