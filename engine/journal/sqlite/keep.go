package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"time"

	"backstop/engine/journal"
	"backstop/engine/order"
)

var _ journal.Keeper = (*Store)(nil)

// watchEvery is how often a long reading looks how far the WAL has grown.
const watchEvery = 100 * time.Millisecond

// watched gives a context for a long reading. Nothing that is committed while a reading lasts can be moved into the
// main file for good, so that the WAL grows with it; at its bound the reading is ended, never the commits.
func (s *Store) watched(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		ticker := time.NewTicker(watchEvery)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
			if info, err := os.Stat(s.path + "-wal"); err == nil && info.Size() > s.walMax {
				cancel(fmt.Errorf("%w: the WAL has grown to %d MB", journal.ErrOutgrown, info.Size()>>20))
			}
		}
	}()
	return ctx, func() { cancel(nil); <-done }
}

// why is a failure under a watched context in its own words.
func why(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); err != nil && errors.Is(cause, journal.ErrOutgrown) {
		return cause
	}
	return told(err)
}

// ReadRows gives the rows as they were at one moment. It ends with journal.ErrOutgrown where commits fill the WAL to
// its bound meanwhile.
func (s *Store) ReadRows(ctx context.Context, read func(journal.Read) error) error {
	if err := s.reading(); err != nil {
		return fmt.Errorf("read rows: %w", err)
	}
	ctx, end := s.watched(ctx)
	defer end()
	tx, err := s.readers.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return fmt.Errorf("read rows: %w", why(ctx, err))
	}
	defer func() { _ = tx.Rollback() }() // only read
	return read(func(t journal.Table, each func(journal.Row) error) error {
		if err := rowsOf(ctx, tx, t, each); err != nil {
			return fmt.Errorf("read %s: %w", t, why(ctx, err))
		}
		return nil
	})
}

func rowsOf(ctx context.Context, tx *sql.Tx, t journal.Table, each func(journal.Row) error) (err error) {
	rows, err := tx.QueryContext(ctx, "SELECT "+columnsOf(t)+" FROM "+specs[t].from)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		r, err := scan(t, rows)
		if err != nil {
			return err
		}
		if err := each(r); err != nil {
			return err
		}
	}
	return rows.Err()
}

// Structure is SQLite's own check of its pages and indexes.
func (s *Store) Structure(ctx context.Context) (lines []string, err error) {
	if err := s.reading(); err != nil {
		return nil, fmt.Errorf("check: %w", err)
	}
	ctx, end := s.watched(ctx)
	defer end()
	rows, err := s.readers.QueryContext(ctx, "PRAGMA integrity_check(100)")
	if err != nil {
		return nil, fmt.Errorf("check: %w", why(ctx, err))
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			return nil, fmt.Errorf("check: %w", why(ctx, err))
		}
		if line != "ok" {
			lines = append(lines, line)
		}
	}
	if err := why(ctx, rows.Err()); errors.Is(err, journal.ErrDamaged) {
		return append(lines, err.Error()), nil
	} else if err != nil {
		return nil, fmt.Errorf("check: %w", err)
	}
	return lines, nil
}

// pruneRows is how many rows one task of a prune removes: commits go in between.
const pruneRows = 500

// Prune removes the days before day, some rows at a time. It begins with one transaction that writes the cut, from
// which on the rows before it count as removed; one that is cut short leaves what the next one takes away.
func (s *Store) Prune(ctx context.Context, day order.Day, now time.Time) (journal.Pruned, error) {
	pruned, err := s.prune(ctx, day, now)
	if err != nil {
		return pruned, fmt.Errorf("prune: %w", err)
	}
	return pruned, nil
}

func (s *Store) prune(ctx context.Context, day order.Day, now time.Time) (journal.Pruned, error) {
	start, err := journal.StartOf(day)
	switch {
	case err != nil:
		return nil, err
	case day == "":
		return nil, errors.New("a day is needed")
	case s.closed.Load():
		return nil, journal.ErrClosed
	case s.writer == nil:
		return nil, journal.ErrReadOnly
	}
	s.saving.Lock()
	defer s.saving.Unlock()
	var first int64 // found beside the writer: it may have a long way to look
	err = s.readers.QueryRowContext(ctx, `SELECT seq FROM steps WHERE at IS NULL OR at >= ? OR seq = (SELECT max(seq) FROM steps) ORDER BY seq LIMIT 1`,
		journal.Instant(start)).Scan(&first)
	if errors.Is(err, sql.ErrNoRows) {
		return journal.Pruned{}, nil
	}
	if err != nil {
		return nil, told(err)
	}
	begun := false
	cut := &task{write: func(t *transaction) (err error) { begun, err = t.cut(first, day, now); return err }}
	cut.add(0)
	if err := s.writer.submit(ctx, cut); err != nil || !begun {
		return journal.Pruned{}, err
	}
	pruned := journal.Pruned{}
	for _, table := range journal.PrunedTables() {
		after := int64(0)
		for more := true; more; {
			var removed int64
			run := &task{write: func(t *transaction) (err error) {
				removed, after, more, err = t.remove(table, day, first, after)
				return err
			}}
			run.pages = 3 * pruneRows
			if err := s.writer.submit(ctx, run); err != nil {
				return pruned, err
			}
			pruned[table] += removed
		}
	}
	return pruned, nil
}

// cut writes that the journal begins with step first from now on, with the older rows that stay; false where it
// begins there and nothing is left to remove.
func (t *transaction) cut(first int64, day order.Day, now time.Time) (bool, error) {
	c := journal.Cut{First: first, At: now}
	before, err := scan(journal.TableSteps, t.conn.QueryRowContext(background, "SELECT "+columnsOf(journal.TableSteps)+" FROM steps WHERE seq = ?", first-1))
	switch {
	case errors.Is(err, sql.ErrNoRows): // nothing is older; what a prune that was cut short has left is
		var was int64
		err := t.conn.QueryRowContext(background, "SELECT coalesce(max(first), 0) FROM cut").Scan(&was)
		return was == first, err
	case err != nil:
		return false, err
	}
	c.Previous = before.Sum
	for _, table := range []journal.Table{journal.TableInputs, journal.TableEvents, journal.TableOrders, journal.TableActions, journal.TableRequests, journal.TableDocs} {
		if err := t.eachKept(table, day, first, func(r *journal.Row) { c.Writes = journal.AppendKept(c.Writes, r) }); err != nil {
			return false, err
		}
	}
	r := c.Row()
	if _, err := t.conn.ExecContext(background, "DELETE FROM cut"); err != nil {
		return false, err
	}
	_, err = t.conn.ExecContext(background, insertInto(journal.TableCut, false, 1, ""), values(args(nil, &r, false))...)
	return true, err
}

// prunable is the condition by which Prune removes rows of a table, as journal.Row.Prunable has it. The newest row
// stays: numbers go on from it.
func prunable(table journal.Table) string {
	number := specs[table].number
	newest := fmt.Sprintf(" AND %s < (SELECT max(%s) FROM %s)", number, number, table)
	switch table {
	case journal.TableSteps:
		return "seq < :first"
	case journal.TableOrders:
		return "step < :first AND day < :day" + newest
	case journal.TableActions, journal.TableRequests:
		return "step < :first AND final <> 0" + newest
	default:
		return "step < :first" + newest
	}
}

// kept are the rows of a table that prunable leaves, found by an index.
var kept = map[journal.Table]string{
	journal.TableInputs:   "seq = (SELECT max(seq) FROM inputs)",
	journal.TableEvents:   "seq = (SELECT max(seq) FROM events)",
	journal.TableOrders:   "place IN (SELECT max(place) FROM orders UNION SELECT place FROM orders WHERE account IN (SELECT DISTINCT account FROM orders) AND day >= :day)",
	journal.TableActions:  "place IN (SELECT max(place) FROM actions UNION SELECT place FROM actions WHERE final = 0)",
	journal.TableRequests: "place IN (SELECT max(place) FROM requests UNION SELECT place FROM requests WHERE final = 0)",
	journal.TableDocs:     "TRUE",
}

// eachKept gives the rows that only removed steps tell of and that stay.
func (t *transaction) eachKept(table journal.Table, day order.Day, first int64, each func(*journal.Row)) (err error) {
	rows, err := t.conn.QueryContext(background, fmt.Sprintf("SELECT %s FROM %s WHERE step < :first AND %s", columnsOf(table), table, kept[table]),
		sql.Named("first", first), sql.Named("day", string(day)))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		r, err := scan(table, rows)
		if err != nil {
			return err
		}
		each(&r)
	}
	return rows.Err()
}

// remove removes some rows with numbers after a place and says how far it came and whether there may be more.
func (t *transaction) remove(table journal.Table, day order.Day, first, after int64) (removed, last int64, more bool, err error) {
	number := specs[table].number
	named := []any{sql.Named("first", first), sql.Named("day", string(day)), sql.Named("after", after), sql.Named("n", pruneRows)}
	var looked int64
	if err := t.conn.QueryRowContext(background, fmt.Sprintf("SELECT count(*), coalesce(max(n), :after) FROM (SELECT %s AS n FROM %s WHERE %s > :after ORDER BY %s LIMIT :n)",
		number, table, number, number), named...).Scan(&looked, &last); err != nil || looked == 0 {
		return 0, after, false, err
	}
	result, err := t.conn.ExecContext(background, fmt.Sprintf("DELETE FROM %s WHERE %s > :after AND %s <= :last AND %s", table, number, number, prunable(table)),
		append(named, sql.Named("last", last))...)
	if err != nil {
		return 0, after, false, err
	}
	removed, err = result.RowsAffected()
	return removed, last, looked == pruneRows && (table == journal.TableSteps && last < first || table != journal.TableSteps), err
}
