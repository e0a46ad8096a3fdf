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
var (
	loadOrders   = `SELECT ` + columnsOf(journal.TableOrders) + ` FROM orders WHERE account = ? AND day >= ? ORDER BY place`
	loadActions  = `SELECT ` + columnsOf(journal.TableActions) + ` FROM actions WHERE account = ? AND final = 0 ORDER BY place`
	loadRequests = `SELECT ` + columnsOf(journal.TableRequests) + ` FROM requests WHERE place IN (SELECT place FROM requests WHERE account = ? AND final = 0
		UNION SELECT place FROM requests WHERE account = ? AND created >= ?) ORDER BY place`
	loadEveryRequest = `SELECT ` + columnsOf(journal.TableRequests) + ` FROM requests WHERE account = ? ORDER BY place`
	loadDocs         = `SELECT ` + columnsOf(journal.TableDocs) + ` FROM docs WHERE account = ? ORDER BY kind, id`
)

// Load gives an account's state as one commit left it: rows in the order in which they were first written, docs
// by kind and id. A row that is not what was written is a journal.ErrDamaged.
func (s *Store) Load(ctx context.Context, account string, day order.Day) (*journal.Snapshot, error) {
	snap, err := s.load(ctx, account, day)
	if err != nil {
		return nil, fmt.Errorf("load account %s: %w", account, told(err))
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
	if snap.Orders, err = every(ctx, tx, journal.TableOrders, (*journal.Row).Order, loadOrders, account, string(day)); err != nil {
		return nil, err
	}
	if snap.Actions, err = every(ctx, tx, journal.TableActions, (*journal.Row).Action, loadActions, account); err != nil {
		return nil, err
	}
	requests, args := loadRequests, []any{account, account, journal.Instant(start)}
	if day == "" {
		requests, args = loadEveryRequest, args[:1]
	}
	if snap.Requests, err = every(ctx, tx, journal.TableRequests, (*journal.Row).Request, requests, args...); err != nil {
		return nil, err
	}
	snap.Docs, err = every(ctx, tx, journal.TableDocs, (*journal.Row).Doc, loadDocs, account)
	return snap, err
}

// every reads all rows of a query, each checked.
func every[T any](ctx context.Context, tx *sql.Tx, table journal.Table, of func(*journal.Row) (T, error), query string, args ...any) ([]T, error) {
	rows, err := tx.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", table, err)
	}
	list, _, err := collect(rows, 0, func(from row) (n int64, x T, err error) {
		r, err := scan(table, from)
		if err == nil {
			err = r.Whole()
		}
		if err != nil {
			return 0, x, err
		}
		x, err = of(&r)
		return r.Seq, x, err
	})
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", table, err)
	}
	return list, nil
}
