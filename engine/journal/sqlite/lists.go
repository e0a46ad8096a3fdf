package sqlite

import (
	"context"
	"fmt"
	"strings"

	"backstop/actions"
	"backstop/engine/journal"
	"backstop/engine/order"
)

// statement is a SELECT under construction. Names of tables and columns are ours, values are always bound.
type statement struct {
	where []string
	args  []any
}

// and adds a condition with its values.
func (s *statement) and(condition string, args ...any) {
	s.where = append(s.where, condition)
	s.args = append(s.args, args...)
}

// is adds a filter on a column where one is asked for.
func (s *statement) is(column, value string) {
	if value != "" {
		s.and(column+" = ?", value)
	}
}

// since adds the filter on a column of times.
func (s *statement) since(column string, q journal.Query) {
	if !q.Since.IsZero() {
		s.and(column+" >= ?", journal.Instant(q.Since))
	}
}

// page reads a page, newest first.
func page[T any](ctx context.Context, s *Store, table journal.Table, q journal.Query, where statement, of func(*journal.Row) (T, error)) ([]T, string, error) {
	before, limit, err := q.Page()
	if err != nil {
		return nil, "", err
	}
	if err := s.reading(); err != nil {
		return nil, "", err
	}
	number := specs[table].number
	where.is("account", q.Account)
	where.and(number+" < ?", before)
	rows, err := s.readers.QueryContext(ctx, "SELECT "+columnsOf(table)+" FROM "+string(table)+" WHERE "+strings.Join(where.where, " AND ")+
		" ORDER BY "+number+" DESC LIMIT ?", append(where.args, limit+1)...)
	if err != nil {
		return nil, "", fmt.Errorf("read %s: %w", table, told(err))
	}
	list, last, err := collect(rows, limit, func(from row) (n int64, x T, err error) {
		r, err := scan(table, from)
		if err == nil {
			x, err = of(&r)
		}
		return r.Seq, x, err
	})
	if err != nil {
		return nil, "", fmt.Errorf("read %s: %w", table, told(err))
	}
	if last == 0 {
		return list, "", nil
	}
	return list, journal.Cursor(last), nil
}

// orderIs filters by a column whose index leaves out the empty.
func (s *statement) orderIs(q journal.Query) {
	if q.OrderID != "" {
		s.and("order_id = ? AND order_id <> ''", q.OrderID)
	}
}

// Inputs lists inputs, newest first.
func (s *Store) Inputs(ctx context.Context, q journal.Query) ([]journal.Input, string, error) {
	var w statement
	w.orderIs(q)
	w.is("status", q.State)
	w.is("kind", q.Kind)
	w.since("at", q)
	if q.ID != "" {
		// A number that is not written as one matches no row.
		w.and("seq = CAST(? AS INTEGER) AND CAST(seq AS TEXT) = ?", q.ID, q.ID)
	}
	if q.Ignored != nil {
		w.and("(ignored <> '') = ?", *q.Ignored)
	}
	return page(ctx, s, journal.TableInputs, q, w, (*journal.Row).Input)
}

// eventByID finds an event whose order is not told.
const eventByID = "seq IN (SELECT seq FROM events INDEXED BY events_order WHERE id = ?)"

// Events lists events, newest first.
func (s *Store) Events(ctx context.Context, q journal.Query) ([]journal.Event, string, error) {
	var w statement
	w.orderIs(q)
	if q.ID != "" && q.OrderID == "" { // the index is led by the order: it is read through, some hundredths of the table
		w.and(eventByID, q.ID)
	} else {
		w.is("id", q.ID)
	}
	w.is("kind", q.Kind)
	w.since("at", q)
	if q.Rule != "" {
		w.and("EXISTS (SELECT 1 FROM json_each(decisions) WHERE value ->> 'rule' = ?)", q.Rule)
	}
	return page(ctx, s, journal.TableEvents, q, w, (*journal.Row).Event)
}

// Actions lists actions by creation, newest first.
func (s *Store) Actions(ctx context.Context, q journal.Query) ([]actions.Action, string, error) {
	var w statement
	w.is("order_id", q.OrderID)
	w.is("rule", q.Rule)
	w.is("state", q.State)
	w.is("id", q.ID)
	w.since("created", q)
	return page(ctx, s, journal.TableActions, q, w, (*journal.Row).Action)
}

// Requests lists requests by creation, newest first.
func (s *Store) Requests(ctx context.Context, q journal.Query) ([]actions.Request, string, error) {
	var w statement
	if q.OrderID != "" {
		w.and("(order_id = ? OR target_id = ?)", q.OrderID, q.OrderID)
	}
	w.is("rule", q.Rule)
	w.is("state", q.State)
	w.is("id", q.ID)
	w.since("created", q)
	return page(ctx, s, journal.TableRequests, q, w, (*journal.Row).Request)
}

// Orders lists orders by creation, newest first.
func (s *Store) Orders(ctx context.Context, q journal.Query) ([]journal.OrderRow, string, error) {
	var w statement
	w.is("order_id", q.OrderID)
	w.is("order_id", q.ID)
	w.is("status", q.State)
	if !q.Since.IsZero() {
		w.and("day >= ?", string(order.DayOf(q.Since)))
	}
	return page(ctx, s, journal.TableOrders, q, w, (*journal.Row).Order)
}
