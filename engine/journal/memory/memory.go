// Package memory keeps a journal in memory: for tests, the simulator and dry runs, and as the reference that
// other stores are compared with.
//
// It promises the semantics of journal.Store to the letter but durability, without chance or clock: the same
// commits give the same rows and numbers. Nothing that goes in or comes out is shared with the caller. It
// imports the records alone. journaltest, which every store passes, would fail if the promise broke.
package memory

import (
	"context"
	"fmt"
	"sync"

	"backstop/engine/journal"
	"backstop/engine/order"
)

// Store is a journal in memory.
type Store struct {
	committing sync.Mutex // held through a commit, so that commits and their faults come one after the other
	data       *data

	faults
}

// data is what outlives a handle.
type data struct {
	mu     sync.RWMutex // guards all below
	owner  *Store       // the handle that is open, nil after Close
	tables map[journal.Table]*table
	last   journal.Step
}

var _ journal.Store = (*Store)(nil)

// New is an empty store.
func New() *Store {
	d := &data{tables: map[journal.Table]*table{}}
	for _, t := range journal.Tables() {
		d.tables[t] = &table{}
	}
	d.owner = &Store{data: d}
	return d.owner
}

// Reopen gives a new handle on the same rows, as a process that starts again has one. The old handle, closed or
// not, fails from now on with journal.ErrClosed, as a process that was killed writes nothing more. Faults that
// were asked for stay with the old handle.
func (s *Store) Reopen() *Store {
	s.data.mu.Lock()
	defer s.data.mu.Unlock()
	s.data.owner = &Store{data: s.data}
	return s.data.owner
}

// Commit writes c, or nothing where it fails.
func (s *Store) Commit(ctx context.Context, c *journal.Commit) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	s.committing.Lock()
	defer s.committing.Unlock()
	if err := s.fault(c); err != nil {
		return err
	}
	if c.Empty() {
		return s.open()
	}
	if err := c.Check(); err != nil {
		return err
	}
	rows, err := c.Encode()
	if err != nil {
		return err
	}
	d := s.data
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.owner != s {
		return fmt.Errorf("commit: %w", journal.ErrClosed)
	}
	step := rows.Step
	step.Seq, step.Previous, step.FirstInput = d.last.Seq+1, d.last.Sum, int64(len(d.tables[journal.TableInputs].rows))+1
	put := func(list []journal.Row, number func(i int, seq int64)) {
		for i := range list {
			r := owned(list[i])
			r.Step = step.Seq
			number(i, d.tables[r.Table].put(r))
		}
	}
	none := func(int, int64) {}
	put(rows.Inputs, func(i int, seq int64) { c.Inputs[i].Seq, c.Inputs[i].Step = seq, step.Seq })
	put(rows.Events, func(i int, seq int64) { c.Events[i].Seq = seq })
	put(rows.Orders, none)
	put(rows.Actions, none)
	put(rows.Requests, none)
	put(rows.Docs, none)
	docs := d.tables[journal.TableDocs]
	for i := range rows.Gone {
		if place, ok := docs.places[rows.Gone[i].Key()]; ok {
			docs.remove(docs.rows[place-1])
		}
	}
	last := step.Row()
	d.tables[journal.TableSteps].put(last)
	step.Sum = last.Sum
	d.last = step
	return nil
}

// open fails where the handle is closed.
func (s *Store) open() error {
	s.data.mu.RLock()
	defer s.data.mu.RUnlock()
	if s.data.owner != s {
		return fmt.Errorf("commit: %w", journal.ErrClosed)
	}
	return nil
}

// SaveInstruments replaces the kept list with what fill yields, or keeps the old one where fill fails.
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
	parts, part := &table{}, []order.Instrument(nil)
	flush := func() error {
		if len(part) == 0 {
			return nil
		}
		r, err := journal.InstrumentsRow(int64(len(parts.rows))+1, part)
		parts.put(r)
		part = part[:0]
		return err
	}
	err := fill(func(i order.Instrument) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		if part = append(part, i); len(part) < journal.PartRows {
			return nil
		}
		return flush()
	})
	if err == nil {
		err = flush()
	}
	if err != nil {
		return err
	}
	list := &table{}
	list.put(journal.InstrumentListRow(day, int64(len(parts.rows))))
	s.data.mu.Lock()
	defer s.data.mu.Unlock()
	if s.data.owner != s {
		return journal.ErrClosed
	}
	s.data.tables[journal.TableInstrumentList], s.data.tables[journal.TableInstruments] = list, parts
	return nil
}

// Instruments calls each for the kept list, in the order in which it was saved.
func (s *Store) Instruments(ctx context.Context, each func(order.Instrument)) (day order.Day, err error) {
	unlock, err := s.read(ctx)
	if err != nil {
		return "", fmt.Errorf("instruments: %w", err)
	}
	list, parts := s.data.tables[journal.TableInstrumentList], s.data.tables[journal.TableInstruments] // never changed, only replaced
	unlock()
	for r := range list.all {
		day, _ = r.InstrumentList()
	}
	for r := range parts.all {
		if err := r.EachInstrument(each); err != nil {
			return "", fmt.Errorf("instruments: %w", err)
		}
	}
	return day, nil
}

// Close ends this handle; Reopen gives another.
func (s *Store) Close() error {
	s.committing.Lock()
	defer s.committing.Unlock()
	s.data.mu.Lock()
	defer s.data.mu.Unlock()
	if s.data.owner == s {
		s.data.owner = nil
	}
	return nil
}

// read locks the rows for reading while this handle is open.
func (s *Store) read(ctx context.Context) (unlock func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.data.mu.RLock()
	if s.data.owner != s {
		s.data.mu.RUnlock()
		return nil, journal.ErrClosed
	}
	return s.data.mu.RUnlock, nil
}
