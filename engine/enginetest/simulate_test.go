package enginetest_test

import (
	"flag"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"backstop/engine/enginetest"
)

var (
	firstSeed = flag.Uint64("seed", 1, "first seed of TestSimulateMany")
	manyDays  = flag.Int("days", 0, "how many days TestSimulateMany lives")
	story     = flag.Bool("story", false, "tell each day's story")
)

// brokenDay is one that failed.
type brokenDay struct {
	seed uint64
	what []string
}

// simulate lives days on so many cores, and tells how far it is.
func simulate(t testing.TB, first uint64, n, workers int, progress bool) {
	began := time.Now()
	var mu sync.Mutex // guards sum and broken
	var sum enginetest.Stats
	var broken []brokenDay
	var next atomic.Uint64
	var wait sync.WaitGroup
	told := began
	for range workers {
		wait.Go(func() {
			for {
				i := next.Add(1) - 1
				if i >= uint64(n) {
					return
				}
				seed := first + i
				r, err := live(seed)
				if err != nil {
					r.Broken = append(r.Broken, err.Error())
				}
				mu.Lock()
				sum.Add(r.Stats)
				if len(r.Broken) > 0 {
					broken = append(broken, brokenDay{seed, r.Broken})
					if progress {
						fmt.Printf("seed %d: %s\n", seed, r.Broken[0])
					}
				}
				if progress && time.Since(told) > 10*time.Second {
					told = time.Now()
					fmt.Printf("%6d of %d days, %d broken, %.1f days/s\n", i+1, n, len(broken), float64(i+1)/time.Since(began).Seconds())
				}
				enough := len(broken) >= 5
				mu.Unlock()
				if enough {
					return
				}
			}
		})
	}
	wait.Wait()
	for i, b := range broken {
		for _, what := range b.what {
			t.Errorf("seed %d: %s", b.seed, what)
		}
		t.Errorf("repeat: make simulate SEED=%d DAYS=1 STORY=1", b.seed)
		if i == 0 && progress {
			t.Errorf("%s", shrunk(t, b.seed))
		}
	}
	if sum.Requests == 0 && n >= 10 { // a single one may be all dry-run
		t.Error("nothing was ever sent: the days are empty")
	}
	took := time.Since(began)
	text := fmt.Sprintf("%d days in %s, %.1f days/s, broken %d\n%s", sum.Days, took.Round(time.Millisecond), float64(sum.Days)/took.Seconds(), len(broken), sum)
	if progress {
		fmt.Print(text)
		return
	}
	t.Log(text)
}

func live(seed uint64) (enginetest.Result, error) {
	c, err := enginetest.Day(seed)
	if err != nil {
		return enginetest.Result{}, err
	}
	if *story {
		c.Log = func(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }
	}
	return enginetest.Run(c)
}

// shrunk is the shortest story of a day that fails.
func shrunk(t testing.TB, seed uint64) string {
	c, err := enginetest.Day(seed)
	if err != nil {
		t.Fatal(err)
	}
	c, _ = enginetest.Shrink(c, 500)
	return enginetest.Story(c)
}

func TestSimulateMany(t *testing.T) {
	if *manyDays == 0 {
		t.SkipNow()
	}
	simulate(t, *firstSeed, *manyDays, 2, true)
}

func TestSimulateSeeds(t *testing.T) {
	if *manyDays > 0 {
		t.SkipNow()
	}
	t.Parallel()
	simulate(t, 1, 60, 1, false)
}
