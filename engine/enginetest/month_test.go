package enginetest_test

import (
	"flag"
	"fmt"
	"testing"
	"time"

	"backstop/engine/enginetest"
	"backstop/engine/journal"
	"backstop/engine/journal/memory"
	"backstop/engine/order"
)

var monthDays = flag.Int("month", 0, "how many trading days TestMonth lives")

// first is the month's first day.
var first = time.Date(2026, 11, 2, 0, 0, 0, 0, order.IST)

// TestMonth lives a month three times: Backstop, Backstop without its reconciler, and a plain script, under the very
// same people, prices and faults.
func TestMonth(t *testing.T) {
	if *monthDays == 0 {
		t.SkipNow()
	}
	for _, m := range []struct {
		name string
		enginetest.Month
	}{
		{"Backstop", enginetest.Month{Reconciler: true}},
		{"Backstop without its reconciler", enginetest.Month{}},
		{"a script that places a stop on COMPLETE", enginetest.Month{Script: true}},
	} {
		began := time.Now()
		r := month(t, m.Month, first, *monthDays)
		fmt.Printf("%s: %d trading days in %s\n%s", m.name, *monthDays, time.Since(began).Round(time.Second), r.Tally)
		if m.Reconciler {
			fmt.Print(r.Stats)
		}
		for _, b := range r.Broken {
			t.Errorf("%s: %s", m.name, b)
		}
	}
}

// Over nights, a weekend with the hour of Muhurat in it and Monday's open, nothing is lost, doubled or left standing;
// and the yardstick measures: a plain script doubles, and leaves bare.
func TestAFewDaysOfAMonth(t *testing.T) {
	if *monthDays > 0 {
		t.SkipNow()
	}
	t.Parallel()
	thursday := first.AddDate(0, 0, 3)
	r := month(t, enginetest.Month{Reconciler: true}, thursday, 3)
	for _, b := range r.Broken {
		t.Error(b)
	}
	if r.Lost+r.Doubled+r.Orphaned+r.Reversed > 0 || r.Nights == 0 || r.Entries == 0 {
		t.Errorf("Backstop:\n%s", r.Tally)
	}
	script := month(t, enginetest.Month{Script: true}, thursday, 3)
	if script.Doubled == 0 || script.Uncovered < 10*r.Uncovered {
		t.Errorf("the script:\n%sbeside Backstop:\n%s", script.Tally, r.Tally)
	}
}

func month(t *testing.T, m enginetest.Month, from time.Time, days int) enginetest.MonthResult {
	t.Helper()
	m.Seed, m.Days, m.First = *firstSeed, days, from
	m.Open = func() (journal.Store, error) { return memory.New(), nil }
	if *story {
		m.Log = func(format string, args ...any) { fmt.Printf(format+"\n", args...) }
	}
	r, err := m.Run()
	if err != nil {
		t.Fatal(err)
	}
	return r
}
