package lane_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"backstop/actions"
	"backstop/engine/lane"
	"backstop/engine/order"
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

// A reading that lacks orders which others have shown may lack one that a person placed meanwhile: nothing is placed on its
// word alone. The next reading begins with the same step, and whatever comes of it, what is bare waits for two seconds at most.
func TestAPartOfABookPlacesNothingForTwoSecondsAtMost(t *testing.T) {
	for name, next := range map[string]func(d *desk, missing *order.Update){
		"the next one is whole": func(d *desk, missing *order.Update) {
			d.book["K1"] = missing
			d.readBook()
		},
		"the next one lacks it too": func(d *desk, _ *order.Update) { d.readBook() },
		"no other comes": func(d *desk, _ *order.Update) {
			for until := d.now.Add(2 * time.Second); d.now.Before(until) && len(d.sends) == 0; {
				b := d.step(lane.Input{Read: &lane.Read{Began: d.now, Ended: d.now, Err: errors.New("no answer")}})
				if b.Wake.IsZero() || b.Wake.After(until) {
					t.Fatalf("the lane wakes at %s, and the stop is due at %s", b.Wake, until)
				}
				d.now = b.Wake
			}
			d.step()
		},
	} {
		d := newDesk(t, stopRule)
		missing := d.set("K1", func(*order.Update) {})
		d.postback("K1")
		d.readBook()
		d.now = d.now.Add(5 * time.Second)
		d.set("E1", filled(75))
		d.postback("E1")
		delete(d.book, "K1")
		if b := d.readBook(); !b.Reads.Book {
			t.Errorf("%s: no other reading begins", name)
		}
		d.none()
		next(d, missing)
		if len(d.sends) != 1 || d.sends[0].Call.Params.Quantity != 75 {
			t.Errorf("%s: one stop for 75, not %s", name, show(d.sends))
		}
	}
}
