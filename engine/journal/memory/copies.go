package memory

import (
	"encoding/json"
	"fmt"
	"slices"

	"backstop/actions"
	"backstop/engine/journal"
)

// action is a kept action. Its arguments are kept as JSON, for they come back with JSON's types from any store.
type action struct {
	row  actions.Action
	args []byte
}

// request is a kept request.
type request = actions.Request

// ownedBytes is a copy that is nil where there is nothing.
func ownedBytes(b []byte) []byte {
	if len(b) == 0 {
		return nil
	}
	return slices.Clone(b)
}

// owned is a copy that is nil where there is nothing.
func owned[T any](s []T) []T {
	if len(s) == 0 {
		return nil
	}
	return slices.Clone(s)
}

// pointer is a copy of what p points to.
func pointer[T any](p *T) *T {
	if p == nil {
		return nil
	}
	v := *p
	return &v
}

func ownedInput(in *journal.Input) journal.Input {
	x := *in
	journal.InUTC(&x)
	x.Doc = ownedBytes(x.Doc)
	return x
}

func ownedEvent(e *journal.Event) journal.Event {
	x := *e
	journal.InUTC(&x)
	x.Doc, x.Decisions = ownedBytes(x.Doc), owned(x.Decisions)
	for i := range x.Decisions {
		d := &x.Decisions[i]
		d.Actions, d.Assumed, d.Explain = owned(d.Actions), owned(d.Assumed), ownedBytes(d.Explain)
	}
	return x
}

func ownedRequest(r *actions.Request) actions.Request {
	x := *r
	x.Error, x.Assumed = pointer(x.Error), owned(x.Assumed)
	journal.InUTC(&x)
	return x
}

// plainAction copies all of an action but its arguments.
func plainAction(a *actions.Action) actions.Action {
	x := *a
	x.Message, x.Error = pointer(x.Message), pointer(x.Error)
	x.Requests, x.Assumed, x.Args = owned(x.Requests), owned(x.Assumed), nil
	journal.InUTC(&x)
	return x
}

// ownedActions copies actions, or fails for one whose arguments can't be written.
func ownedActions(list []actions.Action) ([]action, error) {
	out := make([]action, len(list))
	for i := range list {
		out[i].row = plainAction(&list[i])
		if len(list[i].Args) == 0 {
			continue
		}
		args, err := json.Marshal(list[i].Args)
		if err != nil {
			return nil, fmt.Errorf("commit: action %s: %w", list[i].ID, err)
		}
		out[i].args = args
	}
	return out, nil
}

// copied is a copy of a kept action for a caller.
func (a *action) copied() (actions.Action, error) {
	x := plainAction(&a.row)
	if a.args != nil {
		if err := json.Unmarshal(a.args, &x.Args); err != nil {
			return x, fmt.Errorf("action %s: %w", x.ID, err)
		}
	}
	return x, nil
}
