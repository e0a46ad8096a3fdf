package enginetest_test

import (
	"testing"

	"backstop/engine/enginetest"
)

// Stops that the exchange keeps as triggers, under the same faults and crashes.
func TestGTTsUnderFaults(t *testing.T) {
	days := uint64(40)
	if *manyDays > 0 {
		days = uint64(*manyDays)
	}
	for seed := *firstSeed; seed < *firstSeed+days; seed++ {
		c, err := enginetest.GTTDay(seed)
		if err != nil {
			t.Fatal(err)
		}
		r, err := enginetest.Run(c)
		if err != nil {
			t.Fatal(err)
		}
		if len(r.Broken) > 0 {
			small, _ := enginetest.Shrink(c, 500)
			t.Errorf("seed %d: %s\n%s", seed, r.Broken[0], enginetest.Story(small))
		}
	}
}
