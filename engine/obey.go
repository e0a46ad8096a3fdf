package engine

import (
	"context"
	"errors"
	"fmt"

	"backstop/actions"
	"backstop/engine/journal"
	"backstop/engine/lane"
)

// ErrUnknownAction means that no action and no request of any account has the id that a person named.
var ErrUnknownAction = errors.New("no such action")

// NotFollowed is why a person's word about an action was not followed: nothing has changed.
type NotFollowed struct{ Why string }

func (e *NotFollowed) Error() string { return e.Why }

// Obey gives a person's word about one action or request (retry, resolve) to the lane of its account, and returns when
// it is durable. What can't be followed as things stand is a *NotFollowed; an id that nobody knows ErrUnknownAction.
func (e *Engine) Obey(ctx context.Context, c lane.Control) error {
	account, row, err := e.named(ctx, c.ID)
	if err != nil {
		return err
	}
	a := e.byID[account]
	if a == nil {
		return fmt.Errorf("%w: %s", ErrUnknownAccount, account)
	}
	c.Action = row
	reply := make(chan answer, 1)
	if !a.inbox.put(entry{input: lane.Input{Control: &c}, arrived: a.now(), reply: reply}) {
		return ErrClosing
	}
	why, err := wait(ctx, reply)
	if err == nil && why != "" {
		return &NotFollowed{why}
	}
	return err
}

// named finds the account of an action's or request's id, and the action as the journal keeps it: one that has ended
// is in no lane's memory.
func (e *Engine) named(ctx context.Context, id string) (account string, row *actions.Action, err error) {
	action := func(id string) (*actions.Action, error) {
		rows, _, err := e.store.Actions(ctx, journal.Query{ID: id, Limit: 1})
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrJournal, err)
		}
		if len(rows) == 0 {
			return nil, nil
		}
		return &rows[0], nil
	}
	if id == "" {
		return "", nil, ErrUnknownAction
	}
	if row, err = action(id); err != nil || row != nil {
		if row != nil {
			account = row.Account
		}
		return account, row, err
	}
	requests, _, err := e.store.Requests(ctx, journal.Query{ID: id, Limit: 1})
	switch {
	case err != nil:
		return "", nil, fmt.Errorf("%w: %w", ErrJournal, err)
	case len(requests) == 0:
		return "", nil, fmt.Errorf("%w: %s", ErrUnknownAction, id)
	}
	if owner := requests[0].ActionID; owner != "" {
		if row, err = action(owner); err != nil {
			return "", nil, err
		}
	}
	return requests[0].Account, row, nil
}
