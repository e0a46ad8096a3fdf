package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"backstop/actions"
)

// errLeftBehind means that a call did not come back in spite of its deadline.
var errLeftBehind = errors.New("no answer, and the call does not end at its deadline")

// call runs f with a deadline and waits for it no longer than that and a moment of grace, so that an adapter that
// ignores its context holds nothing up, and one that panics harms nobody.
func call[T any](ctx context.Context, timeout time.Duration, f func(context.Context) (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	came := make(chan result, 1)
	go func() {
		var r result
		defer func() {
			if p := recover(); p != nil {
				r = result{err: fmt.Errorf("panic: %s", panicText(p))}
			}
			came <- r
		}()
		r.value, r.err = f(ctx)
	}()
	select {
	case r := <-came:
		return r.value, r.err
	case <-ctx.Done():
	}
	late := time.NewTimer(grace)
	defer late.Stop()
	select {
	case r := <-came:
		return r.value, r.err
	case <-late.C:
		var none T
		return none, errLeftBehind
	}
}

// asError is an error in actions' words; one that is none of them gets the class given.
func asError(err error, op string, class actions.Class) *actions.Error {
	if err == nil {
		return nil
	}
	var e *actions.Error
	if errors.As(err, &e) {
		if e == nil {
			return &actions.Error{Class: class, Op: op, Message: "an error without words"}
		}
		known := *e
		if known.Class == actions.ClassNone {
			known.Class = class
		}
		return &known
	}
	return &actions.Error{Class: class, Op: op, Message: err.Error()}
}
