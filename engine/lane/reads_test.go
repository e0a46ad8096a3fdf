package lane_test

import (
	"fmt"
	"testing"
	"time"

	"backstop/actions"
	"backstop/engine/lane"
)

// Money waits for the reading: it begins with the step that takes a bare fill, though another has just ended. Only
// where several began within the second does it wait, and what fills meanwhile is served by one.
func TestABareFillIsReadAtOnceAndABurstTogether(t *testing.T) {
	d := newDesk(t, stopRule)
	reads, longest := 0, time.Duration(0)
	for i := range 8 {
		id := fmt.Sprint("E", i)
		d.set(id, filled(75))
		b := d.postback(id)
		came := d.now
		for !b.Reads.Book {
			if b.Wake.IsZero() || b.Wake.Sub(d.now) > 250*time.Millisecond {
				t.Fatalf("fill %d: no reading comes: wake at %s, now %s", i, b.Wake, d.now)
			}
			d.now = b.Wake
			b = d.step()
		}
		reads, longest = reads+1, max(longest, d.now.Sub(came))
		if waited := d.now.Sub(came); i < 3 && waited > 0 {
			t.Errorf("fill %d waited %s for its reading", i, waited)
		}
		d.readBook()
		r := d.take(actions.Place)
		d.apply(r, "S"+id)
		d.step(lane.Input{Outcome: &lane.Outcome{RequestID: r.ID, Attempt: r.Attempts, OrderID: "S" + id}})
	}
	if longest == 0 || longest > 200*time.Millisecond {
		t.Errorf("in a burst of %d readings the longest wait was %s", reads, longest)
	}
}
