package memory

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"backstop/engine/journal"
	"backstop/engine/order"
)

var _ journal.Keeper = (*Store)(nil)

func byKey(a, b *journal.Row) int {
	x, y := a.Key(), b.Key()
	return cmp.Or(cmp.Compare(x.Account, y.Account), cmp.Compare(x.Kind, y.Kind), cmp.Compare(x.ID, y.ID))
}

// ReadRows gives the rows as they are at one moment.
func (s *Store) ReadRows(ctx context.Context, read func(journal.Read) error) error {
	unlock, err := s.read(ctx)
	if err != nil {
		return fmt.Errorf("read rows: %w", err)
	}
	rows := map[journal.Table][]journal.Row{}
	for _, t := range journal.Tables() {
		list := slices.Collect(s.data.tables[t].all)
		if t == journal.TableDocs {
			slices.SortFunc(list, byKey)
		}
		for _, r := range list {
			x := owned(*r)
			if unnumbered(t) {
				x.Seq = 0
			}
			rows[t] = append(rows[t], x)
		}
	}
	unlock()
	return read(func(t journal.Table, each func(journal.Row) error) error {
		for _, r := range rows[t] {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := each(r); err != nil {
				return err
			}
		}
		return nil
	})
}

// unnumbered says whether the rows of a table have no number that others see.
func unnumbered(t journal.Table) bool {
	return t == journal.TableDocs || t == journal.TableCut || t == journal.TableInstrumentList
}

// Structure finds nothing: there is none below the rows.
func (s *Store) Structure(context.Context) ([]string, error) { return nil, nil }

// Import is a store with the rows of an export.
func Import(r io.Reader) (*Store, error) {
	s := New()
	_, err := journal.ReadLines(r, func(row journal.Row) error {
		x := owned(row)
		t := s.data.tables[row.Table]
		if unnumbered(row.Table) {
			t.put(x)
		} else if x.Seq <= int64(len(t.rows)) {
			return fmt.Errorf("%w: the rows of %s do not rise", journal.ErrLines, row.Table)
		} else {
			t.insert(&x)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("import: %w", err)
	}
	d := s.data
	for r := range d.tables[journal.TableSteps].all {
		d.last = journal.StepOf(r)
	}
	return s, nil
}

// Prune removes the days before day.
func (s *Store) Prune(ctx context.Context, day order.Day, now time.Time) (journal.Pruned, error) {
	start, err := journal.StartOf(day)
	if err != nil || day == "" {
		return nil, fmt.Errorf("prune: %w", cmp.Or(err, fmt.Errorf("a day is needed")))
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("prune: %w", err)
	}
	s.committing.Lock()
	defer s.committing.Unlock()
	d := s.data
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.owner != s {
		return nil, fmt.Errorf("prune: %w", journal.ErrClosed)
	}
	cut := journal.Cut{At: now}
	var before *journal.Row
	for r := range d.tables[journal.TableSteps].all {
		if at := journal.StepOf(r).At; at.IsZero() || !at.Before(start) || r.Seq == d.last.Seq {
			cut.First = r.Seq
			break
		}
		before = r
	}
	if before == nil {
		return journal.Pruned{}, nil
	}
	cut.Previous = before.Sum
	pruned := journal.Pruned{}
	for _, t := range append(journal.PrunedTables(), journal.TableDocs) {
		var remove []*journal.Row
		kept := d.tables[t].last()
		for r := range d.tables[t].all {
			switch {
			case t == journal.TableSteps:
				if r.Seq < cut.First {
					remove = append(remove, r)
				}
			case r.Step >= cut.First:
			case r.Prunable(day) && r != kept:
				remove = append(remove, r)
			default:
				cut.Writes = journal.AppendKept(cut.Writes, r)
			}
		}
		for _, r := range remove {
			d.tables[t].remove(r)
		}
		pruned[t] += int64(len(remove))
	}
	delete(pruned, journal.TableDocs)
	d.tables[journal.TableCut] = &table{}
	d.tables[journal.TableCut].put(cut.Row())
	return pruned, nil
}

// last is the newest row: it stays, so that numbers go on from it.
func (t *table) last() *journal.Row {
	if len(t.rows) == 0 {
		return nil
	}
	return t.rows[len(t.rows)-1]
}
