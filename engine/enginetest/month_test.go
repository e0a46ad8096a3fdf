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
		r := month(t, m.Month, *firstSeed, *monthDays)
		fmt.Printf("%s: %d trading days in %s\n%s", m.name, *monthDays, time.Since(began).Round(time.Millisecond), r.Tally)
		for _, b := range r.Broken {
			t.Errorf("%s: %s", m.name, b)
		}
	}
}

func month(t *testing.T, m enginetest.Month, seed uint64, days int) enginetest.MonthResult {
	t.Helper()
	m.Seed, m.Days, m.First = seed, days, time.Date(2026, 11, 2, 0, 0, 0, 0, order.IST)
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
