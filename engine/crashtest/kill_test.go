//go:build unix

package crashtest

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

var (
	crashes = flag.Int("crashes", 0, "kill -9 so often; 0: a sample")
	seed    = flag.Uint64("seed", 1, "seed of the first world; each further one has the next")
	whole   = flag.Bool("whole", false, "the cases and the load whole, not a sample")
)

// wholeOnly leaves a long case to make crash.
func wholeOnly(t *testing.T) {
	t.Helper()
	if !*whole {
		t.Skip("make crash runs it")
	}
	t.Parallel()
}

// worldKills is how many kills one world sees: a day's book stays as small as a day's.
const worldKills = 50

// births are the crash points of a first start; deaths those of a service that trades.
var (
	births = []string{"migration", "migration+300us", "load", "instruments", "instruments:9", "sync", "commit"}
	deaths = []string{"load", "commit", "outcome", "answer", "release", "send", "record", "sync", "checkpoint"}
)

// TestKills ends serve at random moments and at every crash point while a trader trades, lets it come to rest, and
// judges.
func TestKills(t *testing.T) {
	t.Parallel()
	if *crashes == 0 {
		(&campaign{t: t, ended: map[string]int{}}).sample()
		return
	}
	c := &campaign{t: t, ended: map[string]int{}}
	began := time.Now()
	type day struct {
		seed  uint64
		kills int
	}
	days := make(chan day)
	var all sync.WaitGroup
	for range 2 {
		all.Go(func() {
			for d := range days {
				t.Run(fmt.Sprintf("seed=%d", d.seed), func(t *testing.T) {
					defer func() {
						if t.Failed() {
							fmt.Fprintf(os.Stderr, "repeat with: make crash SEED=%d CRASHES=%d CASES=none\n", d.seed, d.kills)
						}
					}()
					(&campaign{t: t, parent: c}).world(d.seed, d.kills)
				})
			}
		})
	}
	left := *crashes
	for s := *seed; left > 0; s++ {
		n := min(left, worldKills)
		days <- day{s, n}
		left -= n
	}
	close(days)
	all.Wait()
	t.Logf("%d kills in %s: %s", c.total(), time.Since(began).Round(time.Second), c)
	if t.Failed() {
		return
	}
	t.Logf("%d orders, %d stops, %d fills, %d acknowledged updates; 0 fills without their stop, 0 doubled, 0 lost", c.sum.orders, c.sum.stops, c.sum.fills, c.sum.acknowledged)
}

// campaign counts over worlds.
type campaign struct {
	t      *testing.T
	parent *campaign

	mu    sync.Mutex
	ended map[string]int // kills, by where
	sum   verdict
}

func (c *campaign) count(where string) {
	if c.parent != nil {
		c = c.parent
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended[where]++
}

func (c *campaign) add(v verdict) {
	if c.parent != nil {
		c = c.parent
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sum.orders += v.orders
	c.sum.stops += v.stops
	c.sum.fills += v.fills
	c.sum.acknowledged += v.acknowledged
}

func (c *campaign) total() (n int) {
	for _, k := range c.ended {
		n += k
	}
	return n
}

func (c *campaign) String() string {
	var parts []string
	for _, where := range slices.Sorted(maps.Keys(c.ended)) {
		parts = append(parts, fmt.Sprintf("%s %d", where, c.ended[where]))
	}
	return strings.Join(parts, ", ")
}

// world is one day with so many kills.
func (c *campaign) world(seed uint64, kills int) {
	w := newWorld(c.t, seed, 3)
	for _, point := range births { // the folder is made under kills
		if kills > 0 {
			w.start("BACKSTOP_TEST_CRASH=" + point)
			c.end(w, point, time.Second)
			kills--
		}
	}
	w.start()
	w.ready()
	trader := w.trade(seed, 25*time.Millisecond)
	w.serve.kill()
	c.count("random")
	for kills--; kills > 0; kills-- {
		time.Sleep(time.Duration(w.dice.IntN(150)) * time.Millisecond)
		c.life(w)
	}
	time.Sleep(time.Duration(w.dice.IntN(150)) * time.Millisecond)
	w.start()
	w.ready()
	trader.end()
	v := w.judge(judging{}, 100*time.Second)
	c.add(v)
	fmt.Fprintf(os.Stderr, "seed %d: %d orders, %d stops, %d fills, at rest after %s; %d kills so far\n", seed, v.orders, v.stops, v.fills,
		v.rested.Round(time.Second), c.parent.locked())
}

// sample is one kill at each of the points that leave nothing to be proved absent, which takes 20 s.
func (c *campaign) sample() {
	w := newWorld(c.t, *seed, 1)
	for _, point := range []string{"migration+300us", "instruments"} {
		w.start("BACKSTOP_TEST_CRASH=" + point)
		c.end(w, point, 2*time.Second)
	}
	w.start()
	w.ready()
	w.serve.kill()
	c.count("random")
	for _, point := range []string{"commit:2", "record", "outcome", "load", "checkpoint"} {
		w.start("BACKSTOP_TEST_CRASH=" + point)
		if point == "record" { // its stop is accepted, and nobody knows; the next life dies over its target
			w.position(w.accounts[0], symbols[0], 2)
		}
		if point == "checkpoint" {
			w.ready()
			w.covered(60 * time.Second)
			_ = w.serve.cmd.Process.Signal(syscall.SIGTERM) // it is killed in the middle of its end
		}
		c.end(w, point, 3*time.Second)
	}
	w.start()
	w.ready()
	v := w.judge(judging{}, 60*time.Second)
	c.t.Logf("%s; %d orders, %d stops, at rest after %s", c, v.orders, v.stops, v.rested.Round(time.Second))
}

func (c *campaign) locked() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.total()
}

// life is one life of serve: it starts, trades, and dies.
func (c *campaign) life(w *world) {
	if w.dice.IntN(100) < 40 {
		most := 600
		if w.dice.IntN(4) == 0 { // long enough for readings, paces and second thoughts
			most = 3000
		}
		w.start()
		time.Sleep(time.Duration(w.dice.IntN(most)) * time.Millisecond)
		w.serve.kill()
		c.count("random")
		return
	}
	point := deaths[w.dice.IntN(len(deaths))]
	spec := fmt.Sprintf("%s:%d", point, 1+w.dice.IntN(6))
	switch point {
	case "load":
		spec = "load"
	case "checkpoint": // comes with the end in good order; it is killed in the middle
		spec = fmt.Sprintf("checkpoint+%dus", w.dice.IntN(3000))
	}
	w.start("BACKSTOP_TEST_CRASH=" + spec)
	if point == "checkpoint" {
		time.Sleep(time.Duration(100+w.dice.IntN(500)) * time.Millisecond)
		_ = w.serve.cmd.Process.Signal(syscall.SIGTERM) // it may be gone already
	}
	most := 4 * time.Second
	if point == "checkpoint" {
		most = 10 * time.Second // what is in flight is waited for
	}
	c.end(w, point, most)
}

// end waits until the process has ended at its point; where it was not reached the process is killed.
func (c *campaign) end(w *world, point string, most time.Duration) {
	if !w.serve.within(most) {
		w.serve.kill()
		c.count("random")
		return
	}
	point, _, _ = strings.Cut(strings.NewReplacer("+", ":").Replace(point), ":")
	switch {
	case w.serve.killed():
		c.count(point)
	case point == "checkpoint" && w.serve.code() == 0:
		c.count("in good order") // the end was quicker
	default:
		w.t.Errorf("serve ended by itself with code %d where it was to be killed at %s:\n%s", w.serve.code(), point, w.serve.tail())
	}
}
