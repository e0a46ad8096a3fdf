package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"backstop/engine/journal"
	"backstop/engine/order"
)

// What Load reads, each by an index.
const (
	loadOrders   = `SELECT ` + orderColumns + ` FROM orders WHERE account = ? AND day >= ? ORDER BY place`
	loadActions  = `SELECT ` + docColumns + ` FROM actions WHERE account = ? AND final = 0 ORDER BY place`
	loadRequests = `SELECT ` + docColumns + ` FROM requests WHERE place IN (SELECT place FROM requests WHERE account = ? AND final = 0
		UNION SELECT place FROM requests WHERE account = ? AND created >= ?) ORDER BY place`
	loadEveryRequest = `SELECT ` + docColumns + ` FROM requests WHERE account = ? ORDER BY place`
	loadDocs         = `SELECT kind, id, body FROM docs WHERE account = ? ORDER BY kind, id`
)

// Load gives an account's state as one commit left it: rows in the order in which they were first written, docs
// by kind and id.
func (s *Store) Load(ctx context.Context, account string, day order.Day) (*journal.Snapshot, error) {
	snap, err := s.load(ctx, account, day)
	if err != nil {
		return nil, fmt.Errorf("load account %s: %w", account, err)
	}
	return snap, nil
}

func (s *Store) load(ctx context.Context, account string, day order.Day) (snap *journal.Snapshot, err error) {
	start, err := journal.StartOf(day)
	if err != nil {
		return nil, err
	}
	if err := s.reading(); err != nil {
		return nil, err
	}
	tx, err := s.readers.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, tx.Rollback()) }()
	snap = &journal.Snapshot{}
	if snap.Orders, err = every(ctx, tx, "orders", scanOrder, loadOrders, account, string(day)); err != nil {
		return nil, err
	}
	if snap.Actions, err = every(ctx, tx, "actions", scanAction, loadActions, account); err != nil {
		return nil, err
	}
	requests, args := loadRequests, []any{account, account, instant(start)}
	if day == "" {
		requests, args = loadEveryRequest, args[:1]
	}
	if snap.Requests, err = every(ctx, tx, "requests", scanRequest, requests, args...); err != nil {
		return nil, err
	}
	snap.Docs, err = every(ctx, tx, "docs", scanDocRow, loadDocs, account)
	return snap, err
}

func scanDocRow(r row) (int64, journal.Doc, error) {
	var d journal.Doc
	err := r.Scan(&d.Kind, &d.ID, &d.Body)
	if d.Body == nil {
		d.Body = []byte{}
	}
	return 0, d, err
}

// every reads all rows of a query.
func every[T any](ctx context.Context, tx *sql.Tx, table string, scan func(row) (int64, T, error), query string, args ...any) ([]T, error) {
	rows, err := tx.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", table, err)
	}
	list, _, err := collect(rows, 0, scan)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", table, err)
	}
	return list, nil
}
