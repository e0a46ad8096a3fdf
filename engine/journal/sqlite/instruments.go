package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"backstop/engine/journal"
	"backstop/engine/order"
)

// Rows of instruments. A part is written by a task of its own, so that commits go in between and never wait for
// a list, let alone for the broker that sends it.
const (
	partRows   = 1000
	dropPerRun = 10 // parts of an old list that one task deletes
)

// instrumentRow is an instrument as a part holds it: prices as whole numbers and short names, since 100,000 of
// them are read at start.
type instrumentRow struct {
	Exchange      string `json:"e,omitempty"`
	Tradingsymbol string `json:"t,omitempty"`
	Token         int64  `json:"i,omitempty"`
	Name          string `json:"n,omitempty"`
	Expiry        string `json:"x,omitempty"`
	Strike        int64  `json:"k,omitempty"` // millionths of a rupee, as the tick
	TickSize      int64  `json:"s,omitempty"`
	LotSize       int64  `json:"l,omitempty"`
	Type          string `json:"y,omitempty"`
	Segment       string `json:"g,omitempty"`
}

func rowOf(i order.Instrument) instrumentRow {
	return instrumentRow{i.Exchange, i.Tradingsymbol, i.Token, i.Name, i.Expiry, int64(i.Strike), int64(i.TickSize), i.LotSize, i.Type, i.Segment}
}

func (r *instrumentRow) instrument() order.Instrument {
	return order.Instrument{Exchange: r.Exchange, Tradingsymbol: r.Tradingsymbol, Token: r.Token, Name: r.Name, Expiry: r.Expiry,
		Strike: order.Price(r.Strike), TickSize: order.Price(r.TickSize), LotSize: r.LotSize, Type: r.Type, Segment: r.Segment}
}

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
	part, rows := 0, make([]instrumentRow, 0, partRows)
	flush := func() error {
		if len(rows) == 0 {
			return nil
		}
		text, err := json.Marshal(rows)
		if err != nil {
			return err
		}
		part, rows = part+1, rows[:0]
		return s.exec(ctx, len(text), `INSERT INTO instruments (list, part, rows) VALUES (?, ?, ?)`, list, part, string(text))
	}
	err = fill(func(i order.Instrument) error {
		if rows = append(rows, rowOf(i)); len(rows) < partRows {
			return nil
		}
		return flush()
	})
	if err == nil {
		err = flush()
	}
	if err == nil {
		err = s.exec(ctx, 0, `INSERT INTO instrument_list (one, list, day) VALUES (1, ?, ?)
			ON CONFLICT (one) DO UPDATE SET list = excluded.list, day = excluded.day`, list, string(day))
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
		if err := s.exec(ctx, dropPerRun*partRows*100, `DELETE FROM instruments WHERE rowid IN (SELECT rowid FROM instruments
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
	var list int64
	switch err := tx.QueryRowContext(ctx, `SELECT list, day FROM instrument_list`).Scan(&list, &day); {
	case errors.Is(err, sql.ErrNoRows):
		return "", nil
	case err != nil:
		return "", err
	}
	rows, err := tx.QueryContext(ctx, `SELECT part, rows FROM instruments WHERE list = ? ORDER BY part`, list)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	held := make([]instrumentRow, 0, partRows)
	for rows.Next() {
		var part int64
		var text sql.RawBytes
		if err := rows.Scan(&part, &text); err != nil {
			return "", err
		}
		clear(held[:cap(held)]) // the decoder leaves what a row does not name
		if err := json.Unmarshal(text, &held); err != nil {
			return "", corrupt("instruments", fmt.Sprint(part), err)
		}
		for i := range held {
			each(held[i].instrument())
		}
	}
	return day, rows.Err()
}
