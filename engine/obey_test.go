package engine

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"backstop/actions"
	"backstop/engine/journal"
	"backstop/engine/journal/memory"
	"backstop/engine/lane"
)

// TestInvariant2ARetryIsANewGenerationAndNeverASecondOrder, by the whole service: the broker refuses a stop, a person
// asks for it again, twice, and the process starts anew in between.
func TestInvariant2ARetryIsANewGenerationAndNeverASecondOrder(t *testing.T) {
	bubble(t, func(t *testing.T) {
		x, store, desk := exchange(), memory.New(), &channel{}
		o := trading(t, x, store, desk)
		x.OnDo = func(_ context.Context, c actions.Call) (string, error) {
			return "", &actions.Error{Class: actions.ClassMargin, Op: string(c.Method), Message: "Insufficient funds."}
		}
		e, _, end := start(t, o)
		time.Sleep(2 * time.Second)
		if _, err := e.Submit(t.Context(), fill(x, "261123000000100")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Second)
		rows, _, err := store.Actions(t.Context(), journal.Query{State: string(actions.Failed)})
		if err != nil || len(rows) != 1 {
			t.Fatal(rows, err)
		}
		id := rows[0].ID
		var refused *NotFollowed
		if err := e.Obey(t.Context(), lane.Control{Verb: lane.Resolve, ID: id, OrderID: "none"}); !errors.As(err, &refused) {
			t.Error(err)
		}
		if err := e.Obey(t.Context(), lane.Control{Verb: lane.Retry, ID: "none"}); !errors.Is(err, ErrUnknownAction) {
			t.Error(err)
		}
		x.OnDo = nil
		if err := e.Obey(t.Context(), lane.Control{Verb: lane.Retry, ID: id, By: "asha"}); err != nil {
			t.Fatal(err)
		}
		if err := e.Obey(t.Context(), lane.Control{Verb: lane.Retry, ID: rows[0].Requests[0], By: "asha"}); !errors.As(err, &refused) {
			t.Error("a second word while the first is under way:", err)
		}
		synctest.Wait()
		end()
		o.Store = store.Reopen()
		_, again, end := start(t, o)
		time.Sleep(time.Minute)
		if len(x.Tags()) != 1 || states(t, again)[actions.Done] != 1 || states(t, again)[actions.Failed] != 1 {
			t.Errorf("placed %v, requests %v", x.Tags(), states(t, again))
		}
		said, _, err := again.Inputs(t.Context(), journal.Query{Kind: string(journal.InputControl)})
		if err != nil || len(said) != 1 || !strings.Contains(string(said[0].Doc), `"by":"asha"`) {
			t.Errorf("the journal has %d words: %v", len(said), err)
		}
		end()
	})
}
