package enginetest_test

import (
	"flag"
	"fmt"
	"strings"
	"testing"
	"time"

	"backstop/engine/enginetest"
	"backstop/engine/journal"
	"backstop/engine/journal/memory"
	"backstop/engine/kite"
	"backstop/engine/lane"
	"backstop/engine/market"
	"backstop/engine/order"
	"backstop/engine/paper"
	"backstop/engine/replay"
	"backstop/rules"
)

var replaySeed = flag.Uint64("replay", 0, "one seed for TestInvariant8")

// exchangeList is the paper exchange's list of instruments.
type exchangeList map[string]order.Instrument

func (l exchangeList) Instrument(exchange, symbol string) (order.Instrument, bool) {
	i, ok := l[exchange+":"+symbol]
	return i, ok
}
func (l exchangeList) Loaded() bool { return len(l) > 0 }

func listOf(t testing.TB, seed uint64, now time.Time) exchangeList {
	list := exchangeList{}
	x := paper.New(paper.Options{Now: func() time.Time { return now }, Seed: seed})
	if _, err := kite.DecodeInstruments(strings.NewReader(string(x.InstrumentsCSV(""))), func(i order.Instrument) error {
		list[i.Exchange+":"+i.Tradingsymbol] = i
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return list
}

func decode(in *journal.Input) (order.Update, error) {
	return kite.DecodeKept(in.Source, in.Doc, in.At)
}

// TestInvariant8ReplayingTheJournalGivesTheSameRows: whatever the day was like, with crashes and failed commits, what
// the journal kept of each step's inputs gives every row of the step again, byte for byte.
func TestInvariant8ReplayingTheJournalGivesTheSameRows(t *testing.T) {
	t.Parallel()
	first, last := uint64(1), uint64(30)
	if *replaySeed > 0 {
		first, last = *replaySeed, *replaySeed
	}
	steps := 0
	for seed := first; seed <= last; seed++ {
		c, err := enginetest.Day(seed)
		if err != nil {
			t.Fatal(err)
		}
		store := memory.New()
		c.Open = func() (journal.Store, error) { return store, nil }
		result, err := enginetest.Run(c)
		if err != nil || len(result.Broken) > 0 {
			t.Fatalf("seed %d: %v %v", seed, result.Broken, err)
		}
		sets := map[string]*rules.Set{}
		for _, set := range []*rules.Set{c.Rules, c.Changed} {
			if set != nil {
				sets[set.Version()] = set
			}
		}
		start := c.Start
		if start.IsZero() {
			start = time.Date(2026, 11, 23, 9, 30, 0, 0, order.IST)
		}
		hours := c.Hours
		if hours == nil {
			hours = market.Always()
		}
		o := replay.Options{Rules: func(version string) *rules.Set { return sets[version] }, Decode: decode,
			Lane: lane.Options{Hours: hours, Instruments: listOf(t, seed, start), Reasons: kite.Reason}}
		err = store.Reopen().ReadRows(t.Context(), func(read journal.Read) error {
			return replay.Run(t.Context(), read, o, func(s replay.Step) error {
				steps++
				if len(s.Differs) > 0 {
					for i, in := range s.Inputs {
						t.Logf("then %s %s", in.Kind, in.Doc)
						if i < len(s.Batch.Commit.Inputs) {
							t.Logf("now  %s %s", s.Batch.Commit.Inputs[i].Kind, s.Batch.Commit.Inputs[i].Doc)
						}
					}
					return fmt.Errorf("step %d at %v of %d inputs: %+v", s.Seq, s.At, len(s.Inputs), s.Differs)
				}
				return nil
			})
		})
		if err != nil {
			t.Errorf("seed %d: %v", seed, err)
		}
		if seed%5 == 0 { // and as a comparison: each version beside what it recorded
			a, err := replay.CompareJournal(t.Context(), store.Reopen(), o, replay.Question{New: o.Rules})
			if err != nil || len(a.Changes) > 0 {
				t.Errorf("seed %d: %d differences of %d events: %+v %v", seed, len(a.Changes), a.Events, a.Changes, err)
			}
		}
	}
	if steps == 0 {
		t.Error("nothing was replayed")
	}
	t.Logf("%d steps", steps)
}
