package sqlite

import (
	"database/sql/driver"
	"fmt"

	"backstop/engine/journal"
)

// Rows that one statement writes. What a wave has of a table is written in as few statements as these make.
var chunks = []int{16, 4, 1}

// newTask encodes a commit, so that the writer's goroutine only writes. What can't be encoded fails here, alone.
func newTask(c *journal.Commit) (*task, error) {
	rows, err := c.Encode()
	if err != nil {
		return nil, err
	}
	t := &task{rows: rows}
	t.written = func() {
		for i := range c.Inputs {
			c.Inputs[i].Seq, c.Inputs[i].Step = rows.Inputs[i].Seq, rows.Inputs[i].Step
		}
		for i := range c.Events {
			c.Events[i].Seq = rows.Events[i].Seq
		}
	}
	t.bytes = rows.Bytes()
	t.pages = rows.Len() + t.bytes/pageBytes
	return t, nil
}

// add counts a row: a page of its own for its place in the table or an index, and those that it fills.
func (t *task) add(bytes int) {
	t.bytes += bytes
	t.pages += 1 + bytes/pageBytes
}

// wave is commits whose rows are written together, table by table. It has each account once, so that no row in it
// replaces another of another commit.
type wave struct {
	accounts                                                        map[string]bool
	steps, inputs, events, orders, actions, requests, docs, deleted []*journal.Row
	args                                                            []driver.NamedValue
}

// add numbers a commit's rows and puts them into the wave.
func (w *wave) add(t *transaction, x *journal.Rows) {
	s := &x.Step
	s.Seq, s.Previous, s.FirstInput = t.step.Seq+1, t.step.Sum, t.inputSeq+1
	for i := range x.Inputs {
		t.inputSeq++
		x.Inputs[i].Seq = t.inputSeq
	}
	step := s.Row()
	s.Sum = step.Sum
	t.step = journal.Step{Seq: s.Seq, Sum: s.Sum}
	w.accounts[s.Account] = true
	w.steps = append(w.steps, &step)
	for _, x := range []struct {
		to   *[]*journal.Row
		rows []journal.Row
	}{{&w.inputs, x.Inputs}, {&w.events, x.Events}, {&w.orders, x.Orders}, {&w.actions, x.Actions}, {&w.requests, x.Requests},
		{&w.docs, x.Docs}, {&w.deleted, x.Gone}} {
		for i := range x.rows {
			x.rows[i].Step = s.Seq
			*x.to = append(*x.to, &x.rows[i])
		}
	}
}

// flush writes the wave and empties it.
func (w *wave) flush(t *transaction) error {
	if len(w.steps) == 0 {
		return nil
	}
	if err := w.writeEvents(t); err != nil {
		return fmt.Errorf("write events: %w", err)
	}
	for _, x := range []struct {
		table journal.Table
		rows  []*journal.Row
	}{{journal.TableSteps, w.steps}, {journal.TableInputs, w.inputs}, {journal.TableOrders, w.orders}, {journal.TableActions, w.actions},
		{journal.TableRequests, w.requests}, {journal.TableDocs, w.docs}} {
		numbered, conflict := x.table == journal.TableSteps || x.table == journal.TableInputs, ""
		if !numbered {
			conflict = replacing(x.table)
		}
		for rest := x.rows; len(rest) > 0; {
			n, _, err := w.insert(t, rest, numbered, conflict)
			if err != nil {
				return fmt.Errorf("write %s: %w", x.table, err)
			}
			rest = rest[n:]
		}
	}
	for _, r := range w.deleted {
		if _, err := t.docGone.ExecContext(background, r.Values[:3]...); err != nil {
			return fmt.Errorf("write docs: %w", err)
		}
	}
	clear(w.accounts)
	for _, rows := range []*[]*journal.Row{&w.steps, &w.inputs, &w.events, &w.orders, &w.actions, &w.requests, &w.docs, &w.deleted} {
		clear(*rows)
		*rows = (*rows)[:0]
	}
	return nil
}

// insert writes as many rows as the largest chunk that they fill, and says how many those were and how many were
// new or changed.
func (w *wave) insert(t *transaction, rows []*journal.Row, numbered bool, conflict string) (n int, affected int64, err error) {
	for _, n = range chunks {
		if n <= len(rows) {
			break
		}
	}
	w.args = w.args[:0]
	for _, r := range rows[:n] {
		w.args = args(w.args, r, numbered)
	}
	affected, err = t.insert(rows[0].Table, numbered, n, conflict, w.args)
	clear(w.args)
	return n, affected, err
}

// newEvent is the conflict clause by which an event that is there stays.
var newEvent = "ON CONFLICT (" + specs[journal.TableEvents].key + ") DO NOTHING"

// writeEvents adds events, and replaces those that were there under the numbers that they have. Nearly all are new.
func (w *wave) writeEvents(t *transaction) error {
	for rest := w.events; len(rest) > 0; {
		before := t.eventSeq
		for i, r := range rest {
			r.Seq = before + 1 + int64(i)
		}
		n, added, err := w.insert(t, rest, true, newEvent)
		if err != nil {
			return err
		}
		if added == int64(n) {
			t.eventSeq += added
			rest = rest[n:]
			continue
		}
		if _, err := t.conn.ExecContext(background, "DELETE FROM events WHERE seq > ?", before); err != nil {
			return err
		}
		for i := range n {
			if err := w.writeEvent(t, rest[i:i+1]); err != nil {
				return err
			}
		}
		rest = rest[n:]
	}
	return nil
}

// writeEvent adds or replaces one.
func (w *wave) writeEvent(t *transaction, one []*journal.Row) error {
	one[0].Seq = t.eventSeq + 1
	_, added, err := w.insert(t, one, true, newEvent)
	switch {
	case err != nil:
		return err
	case added == 1:
		t.eventSeq++
		return nil
	}
	return t.eventAgain.QueryRowContext(background, append(values(args(nil, one[0], false)), key(one[0])...)...).Scan(&one[0].Seq)
}
