package memory

import (
	"context"

	"backstop/engine/journal"
)

// key names a row that later commits replace.
type key struct{ account, id string }

// table keeps rows in the order in which they were first written. A row's sequence number is its place from 1,
// which it keeps when it is replaced.
type table[T any] struct {
	rows      []T
	places    map[key]int64
	byAccount map[string][]int64
}

// append adds a row and gives its number.
func (t *table[T]) append(account string, row T) int64 {
	t.rows = append(t.rows, row)
	seq := int64(len(t.rows))
	if t.byAccount == nil {
		t.byAccount = map[string][]int64{}
	}
	t.byAccount[account] = append(t.byAccount[account], seq)
	return seq
}

// put adds a row or replaces the one with its key, and gives its number.
func (t *table[T]) put(k key, row T) int64 {
	if seq, ok := t.places[k]; ok {
		t.rows[seq-1] = row
		return seq
	}
	seq := t.append(k.account, row)
	if t.places == nil {
		t.places = map[key]int64{}
	}
	t.places[k] = seq
	return seq
}

// of calls each for an account's rows, oldest first.
func (t *table[T]) of(account string, each func(*T) error) error {
	for _, seq := range t.byAccount[account] {
		if err := each(&t.rows[seq-1]); err != nil {
			return err
		}
	}
	return nil
}

// page lists copies of the rows that match, newest first.
func page[T, R any](ctx context.Context, s *Store, t *table[T], q journal.Query, match func(*T) bool,
	copied func(*T) (R, error)) ([]R, string, error) {
	before, limit, err := q.Page()
	if err != nil {
		return nil, "", err
	}
	unlock, err := s.read(ctx)
	if err != nil {
		return nil, "", err
	}
	defer unlock()
	var rows []R
	last := int64(0)
	for seq := range t.downFrom(q.Account, before) {
		row := &t.rows[seq-1]
		if !match(row) {
			continue
		}
		if len(rows) == limit {
			return rows, journal.Cursor(last), nil
		}
		r, err := copied(row)
		if err != nil {
			return nil, "", err
		}
		rows, last = append(rows, r), seq
	}
	return rows, "", nil
}

// downFrom yields the numbers below before, newest first, of one account or of all.
func (t *table[T]) downFrom(account string, before int64) func(yield func(int64) bool) {
	return func(yield func(int64) bool) {
		if account != "" {
			own := t.byAccount[account]
			for i := len(own) - 1; i >= 0; i-- {
				if own[i] < before && !yield(own[i]) {
					return
				}
			}
			return
		}
		for seq := min(int64(len(t.rows)), before-1); seq >= 1; seq-- {
			if !yield(seq) {
				return
			}
		}
	}
}
