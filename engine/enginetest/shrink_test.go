package enginetest_test

import (
	"strings"
	"testing"

	"backstop/engine/enginetest"
	"backstop/engine/paper"
)

// planted fails once Backstop has a live stop of more than one lot: what it takes is an entry, and a price where that
// does not fill at once.
func planted(book []paper.BookOrder) string {
	for _, o := range book {
		if strings.HasPrefix(o.Tag, "bs") && o.Status == "TRIGGER PENDING" && o.Quantity > 65 {
			return "a stop of more than a lot"
		}
	}
	return ""
}

func TestAFailingDayShrinksToAHandfulOfEvents(t *testing.T) {
	t.Parallel()
	c, err := enginetest.Day(5)
	if err != nil {
		t.Fatal(err)
	}
	c.Extra = planted
	whole := len(c.Events)
	small, lived := enginetest.Shrink(c, 400)
	t.Logf("%d events shrunk to %d in %d days", whole, len(small.Events), lived)
	if n := len(small.Events); n == 0 || n > 5 || whole < 100 {
		t.Errorf("%d events shrunk to %d", whole, n)
	}
	story := enginetest.Story(small)
	for _, want := range []string{"lots of", "place SELL SL", "broken: extra: a stop of more than a lot"} {
		if !strings.Contains(story, want) {
			t.Errorf("the story lacks %q:\n%s", want, story)
		}
	}
}

func TestADayThatHoldsShrinksToItself(t *testing.T) {
	t.Parallel()
	c, err := enginetest.Day(5)
	if err != nil {
		t.Fatal(err)
	}
	same, lived := enginetest.Shrink(c, 400)
	if len(same.Events) != len(c.Events) || lived != 1 {
		t.Errorf("%d events of %d after %d days", len(same.Events), len(c.Events), lived)
	}
}
