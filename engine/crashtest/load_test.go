//go:build unix

package crashtest

import (
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

var (
	loadRate    = flag.Int("rate", 2000, "postbacks a second of the load")
	loadSeconds = flag.Int("seconds", 12, "how long the load lasts")
)

// The load: so many accounts, each with an app of its own, and entries that fill a lot at a time, each with a postback.
const (
	loadAccounts = 200
	loadEntries  = 8
	loadLots     = 20
	loadKills    = 3
)

// TestLoad fills 200 accounts' entries at 2,000 postbacks a second, with kills in between, and judges once the paces have
// let everything through. The rate that is reached is told, not asked for: it is the machine's.
func TestLoad(t *testing.T) {
	if !*whole {
		t.Skip("make crash runs it")
	}
	w := newWorld(t, *seed, loadAccounts)
	w.start()
	w.ready()
	rows := w.entries()
	time.Sleep(2 * time.Second) // what the entries made of work is done

	before := w.counts()
	began := time.Now()
	filling := make(chan int)
	go func() { filling <- w.fillAll(rows, *loadRate, time.Duration(*loadSeconds)*time.Second) }()
	var best float64
	spent := cpu{}
	for kill := range loadKills + 1 {
		best = max(best, w.fastest(time.Duration(*loadSeconds)*time.Second/(loadKills+1)))
		if kill < loadKills {
			spent.add(w.serve)
			w.serve.kill()
			w.start()
		}
	}
	fills := <-filling
	took := time.Since(began)
	w.ready()
	spent.add(w.serve)
	w.until("every postback was sent", 120*time.Second, func() bool { done, err := w.exchange.delivered(); return err == nil && done })
	after := w.counts()
	fmt.Fprintf(os.Stderr, "load: %d fills in %s (%.0f/s) over %d accounts, %d kills; %d postbacks acknowledged, %d met a dead service; "+
		"best second %.0f acknowledged; processor time: serve %.1f s, exchange %.1f s\n", fills, took.Round(100*time.Millisecond),
		float64(fills)/took.Seconds(), loadAccounts, loadKills, after.Delivered-before.Delivered, after.Failed-before.Failed, best,
		spent.seconds, processorSeconds(w.paper.cmd.Process.Pid))
	v := w.judge(judging{}, 6*time.Minute)
	fmt.Fprintf(os.Stderr, "load: %d orders, %d stops, %d fills, at rest %s after the load; 0 fills without their stop, 0 doubled, 0 lost\n",
		v.orders, v.stops, v.fills, v.rested.Round(time.Second))
}

// entries places what will be filled.
func (w *world) entries() []string {
	ids := make([]string, loadAccounts*loadEntries)
	var all sync.WaitGroup
	var next atomic.Int64
	for _, s := range symbols {
		w.must(w.exchange.price(s, 300))
	}
	for range 8 { // connections
		all.Go(func() {
			for n := next.Add(1) - 1; n < int64(len(ids)); n = next.Add(1) - 1 {
				a, symbol := w.accounts[n%loadAccounts], symbols[n/loadAccounts%4]
				for end := time.Now().Add(30 * time.Second); ; time.Sleep(200 * time.Millisecond) {
					id, err := w.exchange.entry(a, symbol, loadLots, 290)
					if err == nil {
						ids[n] = id
						break
					}
					if time.Now().After(end) {
						w.t.Errorf("an entry: %v", err)
						return
					}
				}
			}
		})
	}
	all.Wait()
	if w.t.Failed() {
		w.t.FailNow()
	}
	return ids
}

// fillAll fills a lot of one entry after the other at that rate, many in one call, and gives how many were filled.
func (w *world) fillAll(ids []string, rate int, d time.Duration) (filled int) {
	const tick = 50 * time.Millisecond
	began, next := time.Now(), 0
	for time.Since(began) < d {
		due := min(int(time.Since(began).Seconds()*float64(rate)), len(ids)*loadLots)
		if due == next {
			if next == len(ids)*loadLots {
				break
			}
			time.Sleep(tick / 5)
			continue
		}
		var fills []map[string]any
		for ; next < due; next++ {
			fills = append(fills, map[string]any{"order_id": ids[next%len(ids)], "quantity": lot})
		}
		var reply struct{ Filled int }
		if err := w.exchange.control("fills", map[string]any{"fills": fills}, &reply); err != nil {
			w.t.Error(err)
			return filled
		}
		filled += reply.Filled
		time.Sleep(tick)
	}
	return filled
}

// counts are the postbacks so far.
type counts struct{ Due, Delivered, Failed, Lost int }

func (w *world) counts() (c counts) {
	w.must(w.exchange.look("postbacks", &c))
	return c
}

// fastest watches for so long and gives the most acknowledgements in a second.
func (w *world) fastest(d time.Duration) (best float64) {
	for end := time.Now().Add(d); time.Now().Before(end); {
		before, began := w.counts(), time.Now()
		time.Sleep(min(time.Second, max(0, time.Until(end))))
		if took := time.Since(began).Seconds(); took > 0.9 {
			best = max(best, float64(w.counts().Delivered-before.Delivered)/took)
		}
	}
	return best
}

// cpu adds up the processor time of several processes.
type cpu struct{ seconds float64 }

func (c *cpu) add(p *process) { c.seconds += processorSeconds(p.cmd.Process.Pid) }

// processorSeconds is what a running process has used; 0 where the system doesn't tell.
func processorSeconds(pid int) float64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(text), ") ") // behind the name
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0
	}
	user, _ := strconv.ParseFloat(fields[11], 64)
	system, _ := strconv.ParseFloat(fields[12], 64)
	return (user + system) / 100 // clock ticks
}
