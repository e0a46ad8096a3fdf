package sqlite

import (
	"context"
	"database/sql"
	"errors"
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
		s.and(column+" >= ?", instant(q.Since))
	}
}

// page reads a page, newest first by the column number.
func page[T any](ctx context.Context, s *Store, table, columns, number string, q journal.Query, where statement,
	scan func(row) (int64, T, error)) ([]T, string, error) {
	before, limit, err := q.Page()
	if err != nil {
		return nil, "", err
	}
	if err := s.reading(); err != nil {
		return nil, "", err
	}
	where.is("account", q.Account)
	where.and(number+" < ?", before)
	rows, err := s.readers.QueryContext(ctx, "SELECT "+columns+" FROM "+table+" WHERE "+strings.Join(where.where, " AND ")+
		" ORDER BY "+number+" DESC LIMIT ?", append(where.args, limit+1)...)
	if err != nil {
		return nil, "", fmt.Errorf("read %s: %w", table, err)
	}
	list, last, err := collect(rows, limit, scan)
	if err != nil {
		return nil, "", fmt.Errorf("read %s: %w", table, err)
	}
	if last == 0 {
		return list, "", nil
	}
	return list, journal.Cursor(last), nil
}

// collect reads up to limit rows (0: all) and closes them; more is the number of the last where there are more.
func collect[T any](rows *sql.Rows, limit int, scan func(row) (int64, T, error)) (list []T, more int64, err error) {
	defer func() { err = errors.Join(err, rows.Close()) }()
	last := int64(0)
	for rows.Next() {
		if limit > 0 && len(list) == limit {
			return list, last, nil
		}
		number, x, err := scan(rows)
		if err != nil {
			return nil, 0, err
		}
		list, last = append(list, x), number
	}
	return list, 0, rows.Err()
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
	return page(ctx, s, "inputs", inputColumns, "seq", q, w, scanInput)
}

// Events lists events, newest first.
func (s *Store) Events(ctx context.Context, q journal.Query) ([]journal.Event, string, error) {
	var w statement
	w.orderIs(q)
	w.is("id", q.ID)
	w.is("kind", q.Kind)
	w.since("at", q)
	if q.Rule != "" {
		w.and("EXISTS (SELECT 1 FROM json_each(decisions) WHERE value ->> 'rule' = ?)", q.Rule)
	}
	return page(ctx, s, "events", eventColumns, "seq", q, w, scanEvent)
}

// Actions lists actions by creation, newest first.
func (s *Store) Actions(ctx context.Context, q journal.Query) ([]actions.Action, string, error) {
	var w statement
	w.is("order_id", q.OrderID)
	w.is("rule", q.Rule)
	w.is("state", q.State)
	w.is("id", q.ID)
	w.since("created", q)
	return page(ctx, s, "actions", docColumns, "place", q, w, scanAction)
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
	return page(ctx, s, "requests", docColumns, "place", q, w, scanRequest)
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
	return page(ctx, s, "orders", orderColumns, "place", q, w, scanOrder)
}
