package lane_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"backstop/engine/lane"
)

// A stream that stands has the book read; one that stands again is told to the rules.
func TestAStreamThatIsBackHasTheBookReadAndIsTold(t *testing.T) {
	d := newDesk(t, `version: 1
rules:
  - name: gap
    on: reconnected
    then: [{ telegram: "gap: ${event.kind}" }]
`)
	d.wait(5 * time.Second)
	d.readBook()
	if d.wait(5 * time.Second); d.want.Book {
		t.Fatal("nothing waits on the book")
	}
	if d.step(lane.Input{Stream: &lane.Stream{}}); !d.want.Book {
		t.Error("the book is not read")
	}
	if len(d.tells) > 0 {
		t.Errorf("the first connection is no gap: %q", d.tells)
	}
	d.step(lane.Input{Stream: &lane.Stream{Back: true, Why: "nothing came for 5s"}})
	if !slices.ContainsFunc(d.tells, func(s string) bool { return strings.Contains(s, "gap: reconnected") }) {
		t.Errorf("%q", d.tells)
	}
}
