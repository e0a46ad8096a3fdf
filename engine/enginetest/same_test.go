package enginetest_test

import (
	"fmt"
	"slices"
	"testing"

	"backstop/engine/enginetest"
	"backstop/engine/journal"
	"backstop/engine/journal/sqlite"
)

// lived is a day that must hold, changed as change says.
func lived(t *testing.T, seed uint64, people enginetest.People, trouble enginetest.Trouble, change func(*enginetest.Config)) enginetest.Result {
	t.Helper()
	c, err := enginetest.Day(seed)
	if err != nil {
		t.Fatal(err)
	}
	c.Events, c.Mode = enginetest.Draw(seed, people, trouble, false), ""
	if change != nil {
		change(&c)
	}
	r, err := enginetest.Run(c)
	if err != nil || len(r.Broken) > 0 {
		t.Fatalf("seed %d: %v %v", seed, r.Broken, err)
	}
	return r
}

func batch(n int) func(*enginetest.Config) { return func(c *enginetest.Config) { c.Batch = n } }

func onSQLite(t *testing.T) func(*enginetest.Config) {
	return func(c *enginetest.Config) {
		c.Open = func() (journal.Store, error) { return sqlite.Open(t.Context(), t.TempDir(), sqlite.Options{}) }
	}
}

// How many inputs wait for a step, and which store keeps them, is nothing that the exchange could see, whatever
// strikes the network.
func TestBatchesAndStoresChangeNoBook(t *testing.T) {
	t.Parallel()
	people, trouble := enginetest.People{Hands: true, Shorts: true}, enginetest.Trouble{Network: true, Outage: true}
	for seed := uint64(1); seed <= 8; seed++ {
		one := fmt.Sprint(lived(t, seed, people, trouble, batch(1)).Book)
		if fmt.Sprint(lived(t, seed, people, trouble, batch(50)).Book) != one {
			t.Errorf("seed %d: 50 inputs a step end in another book", seed)
		}
		if seed <= 3 && fmt.Sprint(lived(t, seed, people, trouble, onSQLite(t)).Book) != one {
			t.Errorf("seed %d: SQLite ends in another book", seed)
		}
	}
}

// Where prices trigger nothing, a day with crashes and a failing disk ends with what a day without them ends with.
func TestInvariant2CrashesChangeNothingInTheEnd(t *testing.T) {
	t.Parallel()
	people := enginetest.People{Calm: true, Products: true, Shorts: true}
	for seed := uint64(1); seed <= 24; seed++ {
		if c, err := enginetest.Day(seed); err != nil || !c.Wants.Targets {
			continue // with a stop a fill, fills that merge in a crash share one
		}
		calm := lived(t, seed, people, enginetest.Trouble{}, nil)
		hard := lived(t, seed, people, enginetest.Trouble{Network: true, Crashes: true, Disk: true}, nil)
		if !slices.Equal(calm.End, hard.End) {
			t.Errorf("seed %d:\nwithout %v\nwith    %v", seed, calm.End, hard.End)
		}
	}
}

// The same day twice writes the same rows, byte for byte.
func TestInvariant8TheSameDayTwiceWritesTheSameJournal(t *testing.T) {
	t.Parallel()
	for seed := uint64(20); seed < 24; seed++ {
		digest := func() string {
			c, err := enginetest.Day(seed)
			if err != nil {
				t.Fatal(err)
			}
			c.Digest = true
			r, err := enginetest.Run(c)
			if err != nil {
				t.Fatal(err)
			}
			return r.Digest
		}
		if one := digest(); digest() != one {
			t.Errorf("seed %d wrote another journal the second time", seed)
		}
	}
}
