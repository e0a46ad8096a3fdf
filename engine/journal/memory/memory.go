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
	mu       sync.RWMutex // guards all below
	owner    *Store       // the handle that is open, nil after Close
	inputs   table[journal.Input]
	events   table[journal.Event]
	orders   table[journal.OrderRow]
	actions  table[action]
	requests table[request]
	docs     map[string]map[docKey][]byte // by account

	day         order.Day
	instruments []order.Instrument
}

type docKey struct{ kind, id string }

var _ journal.Store = (*Store)(nil)

// New is an empty store.
func New() *Store {
	d := &data{docs: map[string]map[docKey][]byte{}}
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
	if err := c.Check(); err != nil {
		return err
	}
	d := s.data
	owned, err := ownedActions(c.Actions)
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.owner != s {
		return fmt.Errorf("commit: %w", journal.ErrClosed)
	}
	for i := range c.Inputs {
		in := ownedInput(&c.Inputs[i])
		in.Seq = d.inputs.append(in.Account, in)
		d.inputs.rows[in.Seq-1].Seq = in.Seq
		c.Inputs[i].Seq = in.Seq
	}
	for i := range c.Events {
		e := ownedEvent(&c.Events[i])
		e.Seq = d.events.put(key{e.Account, e.ID}, e)
		d.events.rows[e.Seq-1].Seq = e.Seq
		c.Events[i].Seq = e.Seq
	}
	for i := range c.Orders {
		o := c.Orders[i]
		o.Doc = ownedBytes(o.Doc)
		d.orders.put(key{o.Account, o.OrderID}, o)
	}
	for i := range owned {
		d.actions.put(key{owned[i].row.Account, owned[i].row.ID}, owned[i])
	}
	for i := range c.Requests {
		r := ownedRequest(&c.Requests[i])
		d.requests.put(key{r.Account, r.ID}, r)
	}
	d.putDocs(c)
	return nil
}

func (d *data) putDocs(c *journal.Commit) {
	if len(c.Docs) == 0 {
		return
	}
	docs := d.docs[c.Account]
	if docs == nil {
		docs = map[docKey][]byte{}
		d.docs[c.Account] = docs
	}
	for _, x := range c.Docs {
		k := docKey{x.Kind, x.ID}
		if x.Body == nil {
			delete(docs, k)
			continue
		}
		docs[k] = append([]byte{}, x.Body...)
	}
}

// SaveInstruments replaces the kept list with what fill yields, or keeps the old one where fill fails.
func (s *Store) SaveInstruments(ctx context.Context, day order.Day, fill func(add func(order.Instrument) error) error) error {
	if _, err := journal.StartOf(day); err != nil {
		return fmt.Errorf("save instruments: %w", err)
	}
	var list []order.Instrument
	err := fill(func(i order.Instrument) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		list = append(list, i)
		return nil
	})
	if err != nil {
		return fmt.Errorf("save instruments: %w", err)
	}
	s.data.mu.Lock()
	defer s.data.mu.Unlock()
	if s.data.owner != s {
		return fmt.Errorf("save instruments: %w", journal.ErrClosed)
	}
	s.data.day, s.data.instruments = day, list
	return nil
}

// Instruments calls each for the kept list, in the order in which it was saved.
func (s *Store) Instruments(ctx context.Context, each func(order.Instrument)) (order.Day, error) {
	unlock, err := s.read(ctx)
	if err != nil {
		return "", fmt.Errorf("instruments: %w", err)
	}
	day, list := s.data.day, s.data.instruments // a saved list is never changed, only replaced
	unlock()
	for _, i := range list {
		each(i)
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
