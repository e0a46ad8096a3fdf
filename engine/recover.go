package engine

import (
	"context"
	"fmt"
	"time"

	"backstop/engine/journal"
	"backstop/engine/lane"
	"backstop/engine/order"
)

// Load builds the lane from what the journal keeps, at the start and after a step that failed. What was running
// becomes unknown there (it may have left), and the new lane's first step asks for the readings that settle it.
func (t *Turner) Load(ctx context.Context, now time.Time) error {
	t.lane = nil
	snap, err := lane.Load(now, func(day order.Day) (*journal.Snapshot, error) { return t.journal.Load(ctx, t.options.Account, day) })
	if err != nil {
		return fmt.Errorf("%w: load %s: %w", ErrJournal, t.options.Account, err)
	}
	l, err := t.rebuild(snap, now)
	if err != nil {
		return fmt.Errorf("%w: what it keeps of %s: %w", ErrJournal, t.options.Account, err)
	}
	t.lane = l
	return nil
}

func (t *Turner) rebuild(snap *journal.Snapshot, now time.Time) (l Stepper, err error) {
	defer func() {
		if p := recover(); p != nil {
			l, err = nil, fmt.Errorf("%w: %s", ErrInvariant, panicText(p))
		}
	}()
	return t.build(t.options, snap, now)
}

func buildLane(o lane.Options, snap *journal.Snapshot, now time.Time) (Stepper, error) {
	l, err := lane.New(o, snap, now)
	if err != nil {
		return nil, err
	}
	return l, nil
}
