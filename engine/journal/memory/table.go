package memory

import (
	"slices"

	"backstop/engine/journal"
)

// table keeps rows in the order in which they were first written. A row's number is its place from 1, which it
// keeps when it is replaced; a row that was pruned leaves its place empty.
type table struct {
	rows      []*journal.Row
	places    map[journal.Key]int64
	byAccount map[string][]int64
}

// put adds a row, or replaces the one with its key, and gives its number. The row is the table's own from then on.
func (t *table) put(r journal.Row) int64 {
	key := r.Key()
	if seq, ok := t.places[key]; ok && key != (journal.Key{}) {
		r.Seq = seq
		t.rows[seq-1] = &r
		return seq
	}
	r.Seq = int64(len(t.rows)) + 1
	t.insert(&r)
	return r.Seq
}

// insert adds a row under the number that it has.
func (t *table) insert(r *journal.Row) {
	for int64(len(t.rows)) < r.Seq-1 {
		t.rows = append(t.rows, nil)
	}
	t.rows = append(t.rows, r)
	if t.byAccount == nil {
		t.byAccount, t.places = map[string][]int64{}, map[journal.Key]int64{}
	}
	t.byAccount[r.Account()] = append(t.byAccount[r.Account()], r.Seq)
	if key := r.Key(); key != (journal.Key{}) {
		t.places[key] = r.Seq
	}
}

// remove empties a place.
func (t *table) remove(r *journal.Row) {
	t.rows[r.Seq-1] = nil
	delete(t.places, r.Key())
	own := t.byAccount[r.Account()]
	if i, ok := slices.BinarySearch(own, r.Seq); ok {
		t.byAccount[r.Account()] = slices.Delete(own, i, i+1)
	}
}

// all are the rows that are there, oldest first.
func (t *table) all(yield func(*journal.Row) bool) {
	for _, r := range t.rows {
		if r != nil && !yield(r) {
			return
		}
	}
}

// of are an account's rows, oldest first.
func (t *table) of(account string) func(yield func(*journal.Row) bool) {
	return func(yield func(*journal.Row) bool) {
		for _, seq := range t.byAccount[account] {
			if !yield(t.rows[seq-1]) {
				return
			}
		}
	}
}

// downFrom yields the rows with numbers below before, newest first, of one account or of all.
func (t *table) downFrom(account string, before int64) func(yield func(*journal.Row) bool) {
	return func(yield func(*journal.Row) bool) {
		if account != "" {
			own := t.byAccount[account]
			for i := len(own) - 1; i >= 0; i-- {
				if own[i] < before && !yield(t.rows[own[i]-1]) {
					return
				}
			}
			return
		}
		for seq := min(int64(len(t.rows)), before-1); seq >= 1; seq-- {
			if r := t.rows[seq-1]; r != nil && !yield(r) {
				return
			}
		}
	}
}

// owned is a row whose bytes are nobody else's. Its text and numbers can't be changed.
func owned(r journal.Row) journal.Row {
	r.Values = slices.Clone(r.Values)
	for i, v := range r.Values {
		if b, ok := v.([]byte); ok {
			r.Values[i] = append([]byte{}, b...)
		}
	}
	return r
}
