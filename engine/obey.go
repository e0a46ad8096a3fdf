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

// ErrUnknownOrder means that no account's journal has an order of that id.
var ErrUnknownOrder = errors.New("no such order")

// Adopt gives a person's word that an order of the baseline is taken on to the lane of its account, and returns when it is
// durable. One that was decided already stays as it is, and that is no error.
func (e *Engine) Adopt(ctx context.Context, c lane.Control) error {
	rows, _, err := e.store.Orders(ctx, journal.Query{OrderID: c.OrderID, Limit: 1})
	switch {
	case err != nil:
		return fmt.Errorf("%w: %w", ErrJournal, err)
	case len(rows) == 0:
		return fmt.Errorf("%w: %s", ErrUnknownOrder, c.OrderID)
	}
	c.Verb = lane.Adopt
	return e.say(ctx, rows[0].Account, c)
}

// Obey gives a person's word about one action or request (retry, resolve) to the lane of its account, and returns when
// it is durable. What can't be followed as things stand is a *NotFollowed; an id that nobody knows ErrUnknownAction.
func (e *Engine) Obey(ctx context.Context, c lane.Control) error {
	account, row, err := e.named(ctx, c.ID)
	if err != nil {
		return err
	}
	c.Action = row
	return e.say(ctx, account, c)
}

// say gives a word to a lane and waits until it is durable, or was not followed.
func (e *Engine) say(ctx context.Context, account string, c lane.Control) error {
	a := e.byID[account]
	if a == nil {
		return fmt.Errorf("%w: %s", ErrUnknownAccount, account)
	}
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
