package journal

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"

	"backstop/engine/order"
	"backstop/rules"
)

// DocRules is the kind of the docs that keep a version of the rules: rules.Record as JSON, by its version. With it an
// event's row needs only the decisions of the rules that faced it, and Whole tells those of the rest.
const DocRules = "rules"

// DocRulesText is the kind of the docs that keep the text of a version of the rules: rules.Kept as JSON, by its version.
const DocRulesText = "rules_text"

// FactsOf are what an event's row says of its order, for the rules' leads.
func FactsOf(e *order.Event) rules.Facts {
	f := rules.Facts{Account: e.Account, Exchange: e.Key.Exchange, Tradingsymbol: e.Key.Tradingsymbol, Product: e.Key.Product}
	if e.OrderID != "" {
		f.TransactionType, f.Role = e.Side, string(e.Role)
	}
	return f
}

// Whole is the store with every decision of an event told: those that were written down, and of the rules that did
// not face it the reason. It filters events by rule among all of them.
func Whole(s Store) Store { return &whole{Store: s, records: map[[2]string]*rules.Record{}} }

type whole struct {
	Store
	mu      sync.Mutex
	records map[[2]string]*rules.Record // by account and version; nil: none is kept
}

// Events lists events, newest first, each with all its decisions.
func (w *whole) Events(ctx context.Context, q Query) ([]Event, string, error) {
	rule := q.Rule
	q.Rule = ""
	_, limit, err := q.Page()
	if err != nil {
		return nil, "", err
	}
	var rows []Event
	for {
		q.Limit = limit - len(rows)
		page, next, err := w.Store.Events(ctx, q)
		if err != nil {
			return nil, "", err
		}
		for i := range page {
			if err := w.complete(ctx, &page[i]); err != nil {
				return nil, "", err
			}
			if rule == "" || slices.ContainsFunc(page[i].Decisions, func(d Decision) bool { return d.Rule == rule }) {
				rows = append(rows, page[i])
			}
		}
		if next == "" || len(rows) == limit {
			return rows, next, nil
		}
		q.Before = next
	}
}

// complete adds the decisions of the rules that did not face the event, in the order of the file.
func (w *whole) complete(ctx context.Context, e *Event) error {
	if e.RulesVersion == "" {
		return nil
	}
	rec, err := w.record(ctx, e.Account, e.RulesVersion)
	if err != nil || rec == nil {
		return err
	}
	var told order.Event
	if err := json.Unmarshal(e.Doc, &told); err != nil {
		return fmt.Errorf("event %s: %w", e.ID, err)
	}
	kept := map[string]Decision{}
	for _, d := range e.Decisions {
		kept[d.Rule] = d
	}
	var all []Decision
	for _, m := range rec.Rest(e.Kind, FactsOf(&told), func(rule string) bool { _, ok := kept[rule]; return ok }) {
		d, ok := kept[m.Rule]
		if !ok {
			d = Decision{ID: e.ID + "-" + m.Rule, Rule: m.Rule, Why: m.Why}
			if m.Explain != nil {
				if d.Explain, err = json.Marshal(m.Explain); err != nil {
					return fmt.Errorf("event %s: %w", e.ID, err)
				}
			}
		}
		delete(kept, m.Rule)
		all = append(all, d)
	}
	for _, d := range e.Decisions { // of a rule that the record lacks: it was written down, so it is told
		if _, left := kept[d.Rule]; left {
			all = append(all, d)
		}
	}
	e.Decisions = all
	return nil
}

// after is a day behind every order: a Load of it gives little besides the docs.
const after = order.Day("9999-12-31")

func (w *whole) record(ctx context.Context, account, version string) (*rules.Record, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	key := [2]string{account, version}
	if rec, ok := w.records[key]; ok {
		return rec, nil
	}
	snap, err := w.Load(ctx, account, after)
	if err != nil {
		return nil, err
	}
	for _, d := range snap.Docs {
		if d.Kind != DocRules {
			continue
		}
		rec := &rules.Record{}
		if err := json.Unmarshal(d.Body, rec); err != nil {
			return nil, fmt.Errorf("rules %s: %w", d.ID, err)
		}
		w.records[[2]string{account, d.ID}] = rec
	}
	return w.records[key], nil
}
