package memory

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"backstop/actions"
	"backstop/engine/journal"
	"backstop/engine/order"
)

// Load gives an account's state, rows in the order in which they were first written, docs by kind and id.
func (s *Store) Load(ctx context.Context, account string, day order.Day) (*journal.Snapshot, error) {
	start, err := journal.StartOf(day)
	if err != nil {
		return nil, fmt.Errorf("load %s: %w", account, err)
	}
	unlock, err := s.read(ctx)
	if err != nil {
		return nil, fmt.Errorf("load %s: %w", account, err)
	}
	defer unlock()
	d, snap := s.data, &journal.Snapshot{}
	_ = d.orders.of(account, func(o *journal.OrderRow) error {
		if o.Day >= day {
			snap.Orders = append(snap.Orders, copiedOrder(o))
		}
		return nil
	})
	err = d.actions.of(account, func(a *action) error {
		if a.row.State.Final() {
			return nil
		}
		x, err := a.copied()
		snap.Actions = append(snap.Actions, x)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("load %s: %w", account, err)
	}
	_ = d.requests.of(account, func(r *request) error {
		if !r.State.Final() || !r.Created.Before(start) {
			snap.Requests = append(snap.Requests, ownedRequest(r))
		}
		return nil
	})
	for k, body := range d.docs[account] {
		snap.Docs = append(snap.Docs, journal.Doc{Kind: k.kind, ID: k.id, Body: append([]byte{}, body...)})
	}
	slices.SortFunc(snap.Docs, func(a, b journal.Doc) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.ID, b.ID))
	})
	return snap, nil
}

// Inputs lists inputs, newest first.
func (s *Store) Inputs(ctx context.Context, q journal.Query) ([]journal.Input, string, error) {
	return page(ctx, s, &s.data.inputs, q, func(in *journal.Input) bool {
		return is(q.Account, in.Account) && is(q.OrderID, in.OrderID) && is(q.State, in.Status) &&
			is(q.ID, strconv.FormatInt(in.Seq, 10)) && is(q.Kind, string(in.Kind)) &&
			(q.Ignored == nil || *q.Ignored == (in.Ignored != "")) && since(q, in.At)
	}, func(in *journal.Input) (journal.Input, error) { return ownedInput(in), nil })
}

// Events lists events, newest first.
func (s *Store) Events(ctx context.Context, q journal.Query) ([]journal.Event, string, error) {
	return page(ctx, s, &s.data.events, q, func(e *journal.Event) bool {
		return is(q.Account, e.Account) && is(q.OrderID, e.OrderID) && is(q.ID, e.ID) && is(q.Kind, string(e.Kind)) &&
			(q.Rule == "" || slices.ContainsFunc(e.Decisions, func(d journal.Decision) bool { return d.Rule == q.Rule })) &&
			since(q, e.At)
	}, func(e *journal.Event) (journal.Event, error) { return ownedEvent(e), nil })
}

// Actions lists actions by creation, newest first.
func (s *Store) Actions(ctx context.Context, q journal.Query) ([]actions.Action, string, error) {
	return page(ctx, s, &s.data.actions, q, func(a *action) bool {
		return is(q.Account, a.row.Account) && is(q.OrderID, a.row.OrderID) && is(q.Rule, a.row.Rule) &&
			is(q.State, string(a.row.State)) && is(q.ID, a.row.ID) && since(q, a.row.Created)
	}, func(a *action) (actions.Action, error) { return a.copied() })
}

// Requests lists requests by creation, newest first.
func (s *Store) Requests(ctx context.Context, q journal.Query) ([]actions.Request, string, error) {
	return page(ctx, s, &s.data.requests, q, func(r *request) bool {
		return is(q.Account, r.Account) && (is(q.OrderID, r.OrderID) || is(q.OrderID, r.Call.OrderID)) && is(q.Rule, r.For) &&
			is(q.State, string(r.State)) && is(q.ID, r.ID) && since(q, r.Created)
	}, func(r *request) (actions.Request, error) { return ownedRequest(r), nil })
}

// Orders lists orders by creation, newest first.
func (s *Store) Orders(ctx context.Context, q journal.Query) ([]journal.OrderRow, string, error) {
	day := order.Day("")
	if !q.Since.IsZero() {
		day = order.DayOf(q.Since)
	}
	return page(ctx, s, &s.data.orders, q, func(o *journal.OrderRow) bool {
		return is(q.Account, o.Account) && is(q.OrderID, o.OrderID) && is(q.ID, o.OrderID) && is(q.State, o.Status) && o.Day >= day
	}, func(o *journal.OrderRow) (journal.OrderRow, error) { return copiedOrder(o), nil })
}

// is says whether a filter lets have through.
func is(want, have string) bool { return want == "" || want == have }

func since(q journal.Query, at time.Time) bool { return q.Since.IsZero() || !at.Before(q.Since) }

func copiedOrder(o *journal.OrderRow) journal.OrderRow {
	x := *o
	x.Doc = ownedBytes(x.Doc)
	return x
}
