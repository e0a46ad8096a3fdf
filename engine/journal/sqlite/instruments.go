package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"backstop/engine/journal"
	"backstop/engine/order"
)

// dropPerRun is how many parts of an old list one task deletes, so that commits go in between.
const dropPerRun = 10

// SaveInstruments replaces the kept list with what fill yields. The new list is written beside the old one and
// becomes the kept one in one transaction; where fill fails, or the process ends, the old one stays.
func (s *Store) SaveInstruments(ctx context.Context, day order.Day, fill func(add func(order.Instrument) error) error) error {
	if err := s.saveInstruments(ctx, day, fill); err != nil {
		return fmt.Errorf("save instruments: %w", err)
	}
	return nil
}

func (s *Store) saveInstruments(ctx context.Context, day order.Day, fill func(add func(order.Instrument) error) error) error {
	if _, err := journal.StartOf(day); err != nil {
		return err
	}
	if err := s.reading(); err != nil {
		return err
	}
	if s.writer == nil {
		return journal.ErrReadOnly
	}
	s.saving.Lock()
	defer s.saving.Unlock()
	if err := s.dropLists(ctx); err != nil { // what a save that broke off left
		return err
	}
	list, err := s.nextList(ctx)
	if err != nil {
		return err
	}
	parts, part := int64(0), make([]order.Instrument, 0, journal.PartRows)
	flush := func() error {
		if len(part) == 0 {
			return nil
		}
		r, err := journal.InstrumentsRow(parts+1, part)
		if err != nil {
			return err
		}
		parts, part = parts+1, part[:0]
		text, _ := r.Values[0].(string)
		return s.exec(ctx, len(text), `INSERT INTO instruments (list, part, sum, rows) VALUES (?, ?, ?, ?)`, list, r.Seq, int64(r.Sum), text)
	}
	err = fill(func(i order.Instrument) error {
		if part = append(part, i); len(part) < journal.PartRows {
			return nil
		}
		return flush()
	})
	if err == nil {
		err = flush()
	}
	if err == nil {
		r := journal.InstrumentListRow(day, parts)
		err = s.exec(ctx, 0, `INSERT INTO instrument_list (one, list, day, parts, sum) VALUES (1, ?, ?, ?, ?)
			ON CONFLICT (one) DO UPDATE SET list = excluded.list, day = excluded.day, parts = excluded.parts, sum = excluded.sum`,
			list, string(day), parts, int64(r.Sum))
	}
	if err != nil {
		return err
	}
	return s.dropLists(ctx)
}

// nextList is a number that no list has.
func (s *Store) nextList(ctx context.Context) (int64, error) {
	var list int64
	err := s.readers.QueryRowContext(ctx, `SELECT 1 + max(coalesce((SELECT max(list) FROM instruments), 0),
		coalesce((SELECT max(list) FROM instrument_list), 0))`).Scan(&list)
	return list, err
}

// dropLists deletes the parts of every list but the kept one, some at a time.
func (s *Store) dropLists(ctx context.Context) error {
	for {
		var left bool
		if err := s.readers.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM instruments
			WHERE list NOT IN (SELECT list FROM instrument_list))`).Scan(&left); err != nil || !left {
			return err
		}
		if err := s.exec(ctx, dropPerRun*journal.PartRows*100, `DELETE FROM instruments WHERE rowid IN (SELECT rowid FROM instruments
			WHERE list NOT IN (SELECT list FROM instrument_list) LIMIT ?)`, dropPerRun); err != nil {
			return err
		}
	}
}

// exec runs one statement as a task of the writer.
func (s *Store) exec(ctx context.Context, bytes int, query string, args ...any) error {
	t := &task{write: func(t *transaction) error {
		_, err := t.conn.ExecContext(background, query, args...)
		return err
	}}
	t.add(bytes)
	return s.writer.submit(ctx, t)
}

// Instruments calls each for the kept list, in the order in which it was saved.
func (s *Store) Instruments(ctx context.Context, each func(order.Instrument)) (order.Day, error) {
	day, err := s.instruments(ctx, each)
	if err != nil {
		return "", fmt.Errorf("instruments: %w", err)
	}
	return day, nil
}

func (s *Store) instruments(ctx context.Context, each func(order.Instrument)) (day order.Day, err error) {
	if err := s.reading(); err != nil {
		return "", err
	}
	tx, err := s.readers.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, tx.Rollback()) }()
	r, err := scan(journal.TableInstrumentList, tx.QueryRowContext(ctx, "SELECT "+columnsOf(journal.TableInstrumentList)+" FROM instrument_list"))
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return "", nil
	case err != nil:
		return "", err
	}
	if err := r.Whole(); err != nil {
		return "", err
	}
	day, parts := r.InstrumentList()
	rows, err := tx.QueryContext(ctx, "SELECT "+columnsOf(journal.TableInstruments)+" FROM "+specs[journal.TableInstruments].from)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		r, err := scan(journal.TableInstruments, rows)
		if err == nil {
			err = r.Whole()
		}
		if err == nil {
			err = r.EachInstrument(each)
		}
		if err != nil {
			return "", err
		}
		parts--
	}
	if err := rows.Err(); err != nil {
		return "", err
	}
	if parts != 0 {
		return "", fmt.Errorf("%w: %d parts of the list are missing", journal.ErrDamaged, parts)
	}
	return day, nil
}
