package memory

import (
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
	snap, err := s.load(ctx, account, day)
	if err != nil {
		return nil, fmt.Errorf("load account %s: %w", account, err)
	}
	return snap, nil
}

func (s *Store) load(ctx context.Context, account string, day order.Day) (*journal.Snapshot, error) {
	start, err := journal.StartOf(day)
	if err != nil {
		return nil, err
	}
	unlock, err := s.read(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	d, snap := s.data, &journal.Snapshot{}
	if snap.Orders, err = some(d.tables[journal.TableOrders].of(account), func(o *journal.OrderRow) bool { return o.Day >= day }, orderOf); err != nil {
		return nil, err
	}
	if snap.Actions, err = some(d.tables[journal.TableActions].of(account), func(a *actions.Action) bool { return !a.State.Final() }, actionOf); err != nil {
		return nil, err
	}
	if snap.Requests, err = some(d.tables[journal.TableRequests].of(account), func(r *actions.Request) bool {
		return !r.State.Final() || !r.Created.Before(start)
	}, requestOf); err != nil {
		return nil, err
	}
	docs := slices.SortedFunc(d.tables[journal.TableDocs].of(account), byKey)
	snap.Docs, err = some(slices.Values(docs), func(*journal.Doc) bool { return true }, docOf)
	return snap, err
}

// some are the rows that fit.
func some[T any](rows func(func(*journal.Row) bool), fits func(*T) bool, of func(journal.Row) (T, error)) ([]T, error) {
	var list []T
	for r := range rows {
		x, err := of(owned(*r))
		if err != nil {
			return nil, err
		}
		if fits(&x) {
			list = append(list, x)
		}
	}
	return list, nil
}

func inputOf(r journal.Row) (journal.Input, error)     { return r.Input() }
func eventOf(r journal.Row) (journal.Event, error)     { return r.Event() }
func orderOf(r journal.Row) (journal.OrderRow, error)  { return r.Order() }
func actionOf(r journal.Row) (actions.Action, error)   { return r.Action() }
func requestOf(r journal.Row) (actions.Request, error) { return r.Request() }
func docOf(r journal.Row) (journal.Doc, error)         { return r.Doc() }

// page lists the rows that match, newest first.
func page[T any](ctx context.Context, s *Store, t journal.Table, q journal.Query, of func(journal.Row) (T, error), match func(*T) bool) ([]T, string, error) {
	before, limit, err := q.Page()
	if err != nil {
		return nil, "", err
	}
	unlock, err := s.read(ctx)
	if err != nil {
		return nil, "", err
	}
	defer unlock()
	var rows []T
	last := int64(0)
	for r := range s.data.tables[t].downFrom(q.Account, before) {
		x, err := of(owned(*r))
		if err != nil {
			return nil, "", err
		}
		if !match(&x) {
			continue
		}
		if len(rows) == limit {
			return rows, journal.Cursor(last), nil
		}
		rows, last = append(rows, x), r.Seq
	}
	return rows, "", nil
}

// Inputs lists inputs, newest first.
func (s *Store) Inputs(ctx context.Context, q journal.Query) ([]journal.Input, string, error) {
	return page(ctx, s, journal.TableInputs, q, inputOf, func(in *journal.Input) bool {
		return is(q.Account, in.Account) && is(q.OrderID, in.OrderID) && is(q.State, in.Status) &&
			is(q.ID, strconv.FormatInt(in.Seq, 10)) && is(q.Kind, string(in.Kind)) &&
			(q.Ignored == nil || *q.Ignored == (in.Ignored != "")) && since(q, in.At)
	})
}

// Events lists events, newest first.
func (s *Store) Events(ctx context.Context, q journal.Query) ([]journal.Event, string, error) {
	return page(ctx, s, journal.TableEvents, q, eventOf, func(e *journal.Event) bool {
		return is(q.Account, e.Account) && is(q.OrderID, e.OrderID) && is(q.ID, e.ID) && is(q.Kind, string(e.Kind)) &&
			(q.Rule == "" || slices.ContainsFunc(e.Decisions, func(d journal.Decision) bool { return d.Rule == q.Rule })) &&
			since(q, e.At)
	})
}

// Actions lists actions by creation, newest first.
func (s *Store) Actions(ctx context.Context, q journal.Query) ([]actions.Action, string, error) {
	return page(ctx, s, journal.TableActions, q, actionOf, func(a *actions.Action) bool {
		return is(q.Account, a.Account) && is(q.OrderID, a.OrderID) && is(q.Rule, a.Rule) &&
			is(q.State, string(a.State)) && is(q.ID, a.ID) && since(q, a.Created)
	})
}

// Requests lists requests by creation, newest first.
func (s *Store) Requests(ctx context.Context, q journal.Query) ([]actions.Request, string, error) {
	return page(ctx, s, journal.TableRequests, q, requestOf, func(r *actions.Request) bool {
		return is(q.Account, r.Account) && (is(q.OrderID, r.OrderID) || is(q.OrderID, r.Call.OrderID)) && is(q.Rule, r.For) &&
			is(q.State, string(r.State)) && is(q.ID, r.ID) && since(q, r.Created)
	})
}

// Orders lists orders by creation, newest first.
func (s *Store) Orders(ctx context.Context, q journal.Query) ([]journal.OrderRow, string, error) {
	day := order.Day("")
	if !q.Since.IsZero() {
		day = order.DayOf(q.Since)
	}
	return page(ctx, s, journal.TableOrders, q, orderOf, func(o *journal.OrderRow) bool {
		return is(q.Account, o.Account) && is(q.OrderID, o.OrderID) && is(q.ID, o.OrderID) && is(q.State, o.Status) && o.Day >= day
	})
}

// is says whether a filter lets have through.
func is(want, have string) bool { return want == "" || want == have }

func since(q journal.Query, at time.Time) bool { return q.Since.IsZero() || !at.Before(q.Since) }
