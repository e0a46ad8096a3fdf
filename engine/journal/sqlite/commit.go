package sqlite

import (
	"encoding/json"
	"fmt"

	"backstop/actions"
	"backstop/engine/journal"
)

// pageBytes is SQLite's page.
const pageBytes = 4096

// encoded is a commit with its JSON written: by the caller's goroutine, so that the writer's only writes.
type encoded struct {
	commit    *journal.Commit
	decisions []string
	actions   []string
	requests  []string

	firstInput int64
	events     []int64 // numbers given
}

// newTask encodes a commit. What can't be encoded fails here, alone.
func newTask(c *journal.Commit) (*task, error) {
	x := &encoded{commit: c, events: make([]int64, len(c.Events))}
	t := &task{write: x.write, written: x.number}
	for i := range c.Events {
		e := &c.Events[i]
		text, err := encodeDecisions(e.Decisions)
		if err != nil {
			return nil, fmt.Errorf("commit: event %s: %w", e.ID, err)
		}
		x.decisions = append(x.decisions, text)
		t.add(len(text) + len(e.Doc))
	}
	for i := range c.Actions {
		text, err := encodeAction(&c.Actions[i])
		if err != nil {
			return nil, fmt.Errorf("commit: action %s: %w", c.Actions[i].ID, err)
		}
		x.actions = append(x.actions, text)
		t.add(len(text))
	}
	for i := range c.Requests {
		text, err := encodeRequest(&c.Requests[i])
		if err != nil {
			return nil, fmt.Errorf("commit: request %s: %w", c.Requests[i].ID, err)
		}
		x.requests = append(x.requests, text)
		t.add(len(text))
	}
	for i := range c.Inputs {
		t.add(len(c.Inputs[i].Doc))
	}
	for i := range c.Orders {
		t.add(len(c.Orders[i].Doc))
	}
	for i := range c.Docs {
		t.add(len(c.Docs[i].Body))
	}
	return t, nil
}

// add counts a row: a page of its own for its place in the table or an index, and those that it fills.
func (t *task) add(bytes int) {
	t.bytes += bytes
	t.pages += 1 + bytes/pageBytes
}

// write writes the rows into the transaction.
func (x *encoded) write(t *transaction) error {
	c := x.commit
	x.firstInput = t.inputSeq + 1
	for i := range c.Inputs {
		in := &c.Inputs[i]
		if _, err := t.input.ExecContext(background, t.inputSeq+1, in.Account, instant(in.At), string(in.Kind), string(in.Source),
			instant(in.Began), in.OrderID, in.Status, in.Filled, in.Ignored, blob(in.Doc)); err != nil {
			return fmt.Errorf("write inputs: %w", err)
		}
		t.inputSeq++
	}
	for i := range c.Events {
		seq, err := t.writeEvent(&c.Events[i], x.decisions[i])
		if err != nil {
			return fmt.Errorf("write events: %w", err)
		}
		x.events[i] = seq
	}
	for i := range c.Orders {
		o := &c.Orders[i]
		if _, err := t.order.ExecContext(background, o.OrderID, o.Account, string(o.Day), o.Status, o.Group, blob(o.Doc)); err != nil {
			return fmt.Errorf("write orders: %w", err)
		}
	}
	for i := range c.Actions {
		if err := t.writeAction(&c.Actions[i], x.actions[i]); err != nil {
			return fmt.Errorf("write actions: %w", err)
		}
	}
	for i := range c.Requests {
		if err := t.writeRequest(&c.Requests[i], x.requests[i]); err != nil {
			return fmt.Errorf("write requests: %w", err)
		}
	}
	for i := range c.Docs {
		if err := t.writeDoc(c.Account, &c.Docs[i]); err != nil {
			return fmt.Errorf("write docs: %w", err)
		}
	}
	return nil
}

// number gives the caller's rows their numbers, once they are durable.
func (x *encoded) number() {
	for i := range x.commit.Inputs {
		x.commit.Inputs[i].Seq = x.firstInput + int64(i)
	}
	for i := range x.commit.Events {
		x.commit.Events[i].Seq = x.events[i]
	}
}

// writeEvent adds an event, or replaces the one with its id under the number that it has.
func (t *transaction) writeEvent(e *journal.Event, decisions string) (int64, error) {
	result, err := t.event.ExecContext(background, t.eventSeq+1, e.ID, e.Account, instant(e.At), string(e.Kind), e.OrderID, e.Group,
		e.RulesVersion, decisions, blob(e.Doc))
	if err != nil {
		return 0, err
	}
	added, err := result.RowsAffected()
	if err != nil {
		return 0, err
	}
	if added == 1 {
		t.eventSeq++
		return t.eventSeq, nil
	}
	var seq int64
	err = t.eventAgain.QueryRowContext(background, instant(e.At), string(e.Kind), e.OrderID, e.Group, e.RulesVersion, decisions, blob(e.Doc),
		e.ID, e.Account).Scan(&seq)
	return seq, err
}

func (t *transaction) writeAction(a *actions.Action, doc string) error {
	_, err := t.action.ExecContext(background, a.ID, a.Account, a.Rule, string(a.State), a.State.Final(), a.OrderID, instant(a.Created), doc)
	return err
}

func (t *transaction) writeRequest(r *actions.Request, doc string) error {
	_, err := t.request.ExecContext(background, r.ID, r.Account, r.For, string(r.State), r.State.Final(), r.OrderID, r.Call.OrderID,
		instant(r.Created), doc)
	return err
}

func (t *transaction) writeDoc(account string, d *journal.Doc) error {
	if d.Body == nil {
		_, err := t.docGone.ExecContext(background, account, d.Kind, d.ID)
		return err
	}
	_, err := t.doc.ExecContext(background, account, d.Kind, d.ID, d.Body)
	return err
}

// encodeDecisions writes JSON, "[]" for none.
func encodeDecisions(list []journal.Decision) (string, error) {
	if len(list) == 0 {
		return "[]", nil
	}
	b, err := json.Marshal(list)
	return string(b), err
}
