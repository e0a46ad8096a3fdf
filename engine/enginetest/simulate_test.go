package enginetest_test

import (
	"flag"
	"fmt"
	"os"
	"testing"
	"time"

	"backstop/actions"
	"backstop/engine/enginetest"
	"backstop/engine/journal"
	"backstop/engine/journal/memory"
	"backstop/engine/journal/sqlite"
	"backstop/engine/paper"
	"backstop/rules"
)

var (
	firstSeed = flag.Uint64("seed", 1, "first seed of TestSimulateMany")
	manySeeds = flag.Int("seeds", 0, "how many seeds TestSimulateMany runs")
	verbose   = flag.Bool("story", false, "tell each day's story")
)

const simRules = `
version: 1
rules:
  - name: stop
    on: [partial_fill, fill]
    when: order.role == "entry"
    then:
      - place_stop_loss:
          trigger_price: loss(20)
          if_cancelled: replace
      - telegram: "stop for ${order.tradingsymbol} at ${action.trigger_price}"
  - name: target
    on: [partial_fill, fill]
    when: order.role == "entry"
    then:
      - place_target: { price: profit(30) }
`

func simSet(t testing.TB) *rules.Set {
	set, problems := rules.Parse("rules.yaml", []byte(simRules), rules.Options{Specs: actions.Builtin(), Channels: []string{"telegram"}})
	if errs := problems.Errors(); len(errs) > 0 {
		t.Fatal(errs)
	}
	return set
}

// day is the configuration of one seed: which faults strike follows from the seed.
func day(t testing.TB, seed uint64) enginetest.Config {
	c := enginetest.Config{Seed: seed, Batch: 1, Entries: 4, Confirm: seed%4 != 3, Rules: simSet(t),
		Open: func() (journal.Store, error) { return memory.New(), nil }}
	if seed%2 == 0 {
		c.Batch = 50
	}
	if seed%3 != 0 {
		c.Faults = paper.Faults{Lose: 0.1, Double: 0.1, Reorder: 0.1, ReplyLost: 0.1, TooMany: 0.05, ServerError: 0.05, BookFail: 0.05,
			BookShort: 0.05, BookLate: 5 * time.Second}
	}
	if seed%5 == 0 {
		c.Crashes = 0.02
	}
	if seed%7 == 0 {
		c.Commits = 0.02
	}
	if seed%4 == 2 {
		c.Hands = true
	}
	if seed%4 != 3 && seed%3 != 0 { // without confirm a forged postback is believed, as the setting says
		c.Forge = 0.2
	}
	if *verbose {
		c.Log = func(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }
	}
	return c
}

func simulate(t testing.TB, first uint64, n int) {
	began := time.Now()
	var sum enginetest.Stats
	broken := 0
	for seed := first; seed < first+uint64(n); seed++ {
		stats, bad, err := enginetest.Simulate(day(t, seed))
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		sum.Add(stats)
		if len(bad) == 0 {
			continue
		}
		broken++
		for _, b := range bad {
			t.Errorf("seed %d: %s", seed, b)
		}
		t.Errorf("repeat: go test ./engine/enginetest -run TestSimulateMany -args -seed %d -seeds 1 -story", seed)
		if broken == 5 {
			t.Fatal("five broken days are enough")
		}
	}
	if sum.Sends == 0 {
		t.Error("nothing was ever sent: the days are empty")
	}
	t.Logf("%d days in %s, %d broken: %+v", n, time.Since(began).Round(time.Millisecond), broken, sum)
}

func TestSimulateSeeds(t *testing.T) {
	if *manySeeds > 0 {
		t.SkipNow()
	}
	simulate(t, 1, 150)
}

func TestSimulateMany(t *testing.T) {
	if *manySeeds == 0 {
		t.SkipNow()
	}
	simulate(t, *firstSeed, *manySeeds)
}

func TestSimulateOnSQLite(t *testing.T) {
	for seed := uint64(35); seed <= 105; seed += 35 {
		c := day(t, seed)
		c.Open = func() (journal.Store, error) {
			return sqlite.Open(t.Context(), t.TempDir(), sqlite.Options{})
		}
		_, bad, err := enginetest.Simulate(c)
		if err != nil || len(bad) > 0 {
			t.Errorf("seed %d: %v %v", seed, bad, err)
		}
	}
}
