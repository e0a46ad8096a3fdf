package console

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"backstop/engine/journal"
)

// eventIDLength is how many characters of a decision's id are its event's (actions.ID); a dash and the rule's
// name follow.
const eventIDLength = 18

// errMoved means that an event changed its place while its page was read: a decision that waited was made.
var errMoved = errors.New("an event moved while its page was read")

// decisions lists one row for each event and rule that listens.
func (c *console) decisions(r *http.Request) (any, *problem) {
	q, from, p := c.list(r, "decisions")
	if p != nil {
		return nil, p
	}
	if q.Kind, p = parseKind(r); p != nil {
		return nil, p
	}
	matched, p := parseBool(r, "matched")
	if p != nil {
		return nil, p
	}
	ctx, cancel := read(r)
	defer cancel()
	var err error
	for range pageTriesMax {
		w := decisionWalk{store: c.Store, query: q, matched: matched, limit: q.Limit, rows: []decisionRow{}}
		var next cursor
		if next, err = w.page(ctx, from); err == nil {
			answer := page[decisionRow]{Data: w.rows}
			if next != (cursor{}) {
				next.List = "decisions"
				answer.Next = next.text()
			}
			return answer, nil
		}
		if !errors.Is(err, errMoved) {
			break
		}
	}
	return nil, c.unread(ctx, err)
}

// decisionWalk reads events and gathers their decisions. One row of the store holds several decisions, so a page
// can end inside an event; the cursor then names the event, the index of its next decision, and the store's own
// cursor behind the event.
type decisionWalk struct {
	store   journal.Store
	query   journal.Query
	matched *bool
	limit   int
	rows    []decisionRow
}

// page gathers up to limit rows and says where the next page begins; zero at the end.
func (w *decisionWalk) page(ctx context.Context, from cursor) (cursor, error) {
	if from.Event != "" {
		events, _, err := w.store.Events(ctx, journal.Query{ID: from.Event, Account: w.query.Account, Limit: 1})
		if err != nil {
			return cursor{}, err
		}
		if len(events) > 0 { // else it was pruned
			if index, full := w.take(&events[0], from.Index); full {
				from.Index = index
				return from, nil
			}
		}
	}
	before, end := from.Store, from.End
	for seen := 0; !end; {
		if seen >= eventsScanMax {
			return cursor{Store: before}, nil
		}
		// The very first event is read alone: behind it the store's cursor is fixed, while the top of the list
		// moves with every new event.
		n := 1
		if before != "" {
			n = min(w.limit, eventsPageMax)
		}
		events, next, err := w.events(ctx, before, n)
		if err != nil {
			return cursor{}, err
		}
		for i := range events {
			if index, full := w.take(&events[i], 0); full {
				behind, err := w.behind(ctx, before, events[:i+1], len(events), next)
				return cursor{Event: events[i].ID, Index: index, Store: behind, End: behind == ""}, err
			}
		}
		seen += max(len(events), 1)
		before, end = next, next == ""
	}
	return cursor{}, nil
}

// behind is the store's cursor behind the last of events, which are the first of the total that one reading from
// before gave; next is the cursor behind all of them.
func (w *decisionWalk) behind(ctx context.Context, before string, events []journal.Event, total int, next string) (string, error) {
	if len(events) == total {
		return next, nil
	}
	again, behind, err := w.events(ctx, before, len(events))
	if err != nil {
		return "", err
	}
	if len(again) != len(events) || again[len(again)-1].ID != events[len(events)-1].ID {
		return "", errMoved
	}
	return behind, nil
}

func (w *decisionWalk) events(ctx context.Context, before string, n int) ([]journal.Event, string, error) {
	q := w.query
	q.Before, q.Limit = before, n
	return w.store.Events(ctx, q)
}

// take adds an event's decisions from an index on. It stops at the first one that would be a row too many and
// returns its index.
func (w *decisionWalk) take(e *journal.Event, from int) (index int, full bool) {
	for i := from; i < len(e.Decisions); i++ {
		d := &e.Decisions[i]
		if w.query.Rule != "" && d.Rule != w.query.Rule || w.matched != nil && d.Matched != *w.matched {
			continue
		}
		if len(w.rows) == w.limit {
			return i, true
		}
		w.rows = append(w.rows, newDecisionRow(e, d))
	}
	return 0, false
}

// decision is one decision whole: its row, each part of its condition with its value (kept of matched ones), and
// the event as it was.
func (c *console) decision(r *http.Request) (any, *problem) {
	id := r.PathValue("id")
	if len(id) <= eventIDLength || id[eventIDLength] != '-' {
		return nil, missing("decision", id)
	}
	ctx, cancel := read(r)
	defer cancel()
	events, _, err := c.Store.Events(ctx, journal.Query{ID: id[:eventIDLength], Limit: 1})
	if err != nil {
		return nil, c.unread(ctx, err)
	}
	for i := range events {
		for j := range events[i].Decisions {
			if d := &events[i].Decisions[j]; d.ID == id {
				return struct {
					decisionRow
					EventID string          `json:"event_id"`
					Explain json.RawMessage `json:"explain"`
					Doc     json.RawMessage `json:"doc"`
				}{newDecisionRow(&events[i], d), events[i].ID, object(d.Explain), object(events[i].Doc)}, nil
			}
		}
	}
	return nil, missing("decision", id)
}
