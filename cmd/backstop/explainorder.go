package main

import (
	"context"
	"encoding/json"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"backstop/actions"
	"backstop/engine/journal"
	"backstop/engine/order"
	"backstop/rules"
)

// query asks for the row with this id.
func query(id string) journal.Query { return journal.Query{ID: id, Limit: 1} }

// pageRows is how many rows of one kind the page of an order shows at most.
const pageRows = 1000

// explainOrder prints one page: what came, what it meant, what was decided and why, and what the broker answered.
func (p *program) explainOrder(ctx context.Context, r *record, id string, asJSON bool) error {
	q := journal.Query{OrderID: id, Limit: pageRows}
	orders, _, err := r.store.Orders(ctx, q)
	inputs, _, err2 := r.store.Inputs(ctx, q)
	events, _, err3 := r.store.Events(ctx, q)
	requests, _, err4 := r.store.Requests(ctx, q)
	for _, err := range []error{err, err2, err3, err4} {
		if err != nil {
			return storeFails("journal: %v", err)
		}
	}
	if len(orders)+len(inputs)+len(events)+len(requests) == 0 {
		return notFound(id)
	}
	if asJSON {
		return p.orderObject(ctx, r, id, events)
	}
	slices.Reverse(inputs)
	slices.Reverse(events)
	slices.Reverse(requests)
	out := p.out
	for _, row := range orders {
		p.orderHead(row)
	}
	out.line("%s", out.bold("what came"))
	for _, in := range inputs {
		p.orderInput(in)
	}
	out.line("%s", out.bold("what it meant, and what the rules said"))
	shown := map[string]bool{}
	for i := range events {
		if err := p.orderEvent(ctx, r, &events[i], shown); err != nil {
			return err
		}
	}
	if len(events) == 0 {
		out.line("  nothing: no event")
	}
	p.whyNothing(orders, inputs, events, len(requests))
	others := slices.DeleteFunc(requests, func(x actions.Request) bool { return shown[x.ActionID] })
	if len(others) > 0 {
		out.line("%s", out.bold("what Backstop did with this order"))
	}
	for i := range others {
		p.explainRequest(&others[i], "  ")
	}
	return nil
}

// orderHead says which order it is and how it stands.
func (p *program) orderHead(row journal.OrderRow) {
	var o order.Order
	if json.Unmarshal(row.Doc, &o) != nil {
		p.out.line("order %s of %s: %s", row.OrderID, row.Account, row.Status)
		return
	}
	p.out.line("%s (account %s)", p.out.bold(printable(updateLine(o.Row()))), row.Account)
	if o.Link != nil {
		p.out.line("  placed by Backstop as %s, request %s", o.Link.Role, o.Link.Request)
	}
	if o.Baseline {
		p.out.line("  it was in the book before the first arming: left alone")
	}
	if o.Ahead() {
		p.out.line("  %s", p.out.warn("the broker's own channel has not confirmed this yet"))
	}
}

// orderInput is one update, or another input that names the order.
func (p *program) orderInput(in journal.Input) {
	what := string(in.Kind)
	if in.Kind == journal.InputUpdate {
		what = string(in.Source) + " " + in.Status
		if in.Filled > 0 {
			what += ", filled " + strconv.FormatInt(in.Filled, 10)
		}
	}
	if in.Ignored != "" {
		what += ": ignored, " + in.Ignored
	}
	p.out.line("  %s  %s  %s", clock(in.At), printable(what), p.out.faint("(journal show "+strconv.FormatInt(in.Seq, 10)+")"))
}

// orderEvent is an event with every decision and what followed.
func (p *program) orderEvent(ctx context.Context, r *record, e *journal.Event, shown map[string]bool) error {
	line := string(e.Kind)
	var event order.Event
	if json.Unmarshal(e.Doc, &event) == nil {
		line = eventLine(&event)
	}
	p.out.line("  %s  %s", clock(e.At), printable(line))
	if len(e.Decisions) == 0 {
		p.out.line("    no rule listens to %s", e.Kind)
	}
	for _, d := range e.Decisions {
		if !d.Matched {
			why := whyNot(d.Why, string(e.Kind))
			if needed := neededOf(&d); needed != "" {
				why += " (" + needed + ")"
			}
			p.out.line("    %s", p.out.faint(d.Rule+": "+printable(why)))
			continue
		}
		p.out.line("    %s %s", p.out.good("match"), d.Rule)
		ids, err := r.actionsOf(ctx, whoseOf(e, &d))
		if err != nil {
			return err
		}
		for _, id := range ids {
			shown[id] = true
			if err := p.explainAction(ctx, r, id, "      "); err != nil {
				return err
			}
		}
	}
	return nil
}

// neededOf is what would have had to differ for a decision, "" where that is not kept.
func neededOf(d *journal.Decision) string {
	var x rules.Explanation
	if d.Matched || json.Unmarshal(d.Explain, &x) != nil {
		return ""
	}
	return x.Needed
}

// whyNothing says in one place why nothing was done with an order.
func (p *program) whyNothing(orders []journal.OrderRow, inputs []journal.Input, events []journal.Event, requests int) {
	if requests > 0 || slices.ContainsFunc(events, func(e journal.Event) bool {
		return slices.ContainsFunc(e.Decisions, func(d journal.Decision) bool { return d.Matched })
	}) {
		return
	}
	out := p.out
	out.line("%s", out.bold("why nothing happened"))
	ignored := 0
	for _, in := range inputs {
		if in.Ignored != "" {
			ignored++
		}
	}
	if len(events) == 0 {
		switch {
		case len(orders) > 0 && baseline(orders[0]):
			out.line("  it was in the book before Backstop first began to watch this account: such orders are left alone (the setting adopt: today acts on them)")
		case len(inputs) > 0 && ignored == len(inputs):
			out.line("  every update of it was ignored: the reasons stand above")
		default:
			out.line("  no update of it told something new")
		}
		return
	}
	heard := false
	for i := range events {
		for _, d := range events[i].Decisions {
			heard = true
			why := whyNot(d.Why, string(events[i].Kind))
			if needed := neededOf(&d); needed != "" {
				why += ": " + needed
			}
			out.line("  %s, on %s: %s", d.Rule, events[i].Kind, printable(why))
		}
	}
	if !heard {
		out.line("  no rule listens to what happened to it")
	}
}

// baseline says whether an order was there before the first arming.
func baseline(row journal.OrderRow) bool {
	var o order.Order
	return json.Unmarshal(row.Doc, &o) == nil && o.Baseline
}

// whose are the facts by which a decision's actions are found.
type whose struct {
	decision, rule, account, orderID string
	at                               time.Time
	planned                          []string // an id for each step of then
}

func whoseOf(e *journal.Event, d *journal.Decision) whose {
	return whose{d.ID, d.Rule, e.Account, e.OrderID, e.At, d.Actions}
}

// actionsOf are the ids of a decision's actions: of each step of then those that were begun (an of: begins one for each that
// fits), else the planned one; then those of on_error.
func (r *record) actionsOf(ctx context.Context, w whose) ([]string, error) {
	begun, err := r.begun(ctx, w, journal.Query{OrderID: w.orderID, Limit: pageRows})
	if err == nil && slices.ContainsFunc(w.planned, func(id string) bool {
		return !slices.ContainsFunc(begun, func(a actions.Action) bool { return a.ID == id })
	}) { // of other orders, or not begun
		begun, err = r.begun(ctx, w, journal.Query{Account: w.account, Rule: w.rule, Since: w.at, Limit: pageRows})
	}
	if err != nil {
		return nil, err
	}
	var ids []string
	take := func(step string) (found bool) {
		for _, a := range begun {
			if strings.HasPrefix(a.Step+"/", step+"/") {
				ids, found = append(ids, a.ID), true
			}
		}
		return found
	}
	for i, planned := range w.planned {
		if !take("then/" + strconv.Itoa(i)) {
			ids = append(ids, planned)
		}
	}
	take("on_error")
	return ids, nil
}

// begun are a decision's actions among those of a query, oldest first.
func (r *record) begun(ctx context.Context, w whose, q journal.Query) (list []actions.Action, err error) {
	for more := true; more; more = q.Before != "" {
		var rows []actions.Action
		if rows, q.Before, err = r.store.Actions(ctx, q); err != nil {
			return nil, storeFails("journal: %v", err)
		}
		for _, a := range rows {
			if a.Decision == w.decision {
				list = append(list, a)
			}
		}
	}
	slices.Reverse(list)
	return list, nil
}

// clock is a moment of the day in IST.
func clock(t time.Time) string { return t.In(order.IST).Format("15:04:05.000") }

// orderObject prints the page as one object of the API's rows.
func (p *program) orderObject(ctx context.Context, r *record, id string, events []journal.Event) error {
	of := url.Values{"order_id": {id}, "limit": {strconv.Itoa(pageRows)}}
	withRaw := url.Values{"order_id": of["order_id"], "limit": of["limit"], "raw": {"true"}}
	page := orderPage{Order: json.RawMessage("null"), Actions: []json.RawMessage{}}
	read := func(path string, q url.Values) (rows []json.RawMessage, err error) {
		var answer struct {
			Data []json.RawMessage `json:"data"`
		}
		err = r.get(ctx, path, q, &answer)
		slices.Reverse(answer.Data) // a page of one order is read from its beginning
		return answer.Data, err
	}
	orders, err := read("orders", of)
	if err != nil {
		return err
	}
	if len(orders) > 0 {
		page.Order = orders[0]
	}
	if page.Updates, err = read("updates", withRaw); err != nil {
		return err
	}
	if page.Decisions, err = read("decisions", of); err != nil {
		return err
	}
	for i, raw := range page.Decisions { // each whole: with the values of its condition
		var row struct {
			ID string `json:"id"`
		}
		var whole json.RawMessage
		if json.Unmarshal(raw, &row) == nil && r.get(ctx, "decisions/"+row.ID, nil, &whole) == nil {
			page.Decisions[i] = whole
		}
	}
	if page.Requests, err = read("requests", of); err != nil {
		return err
	}
	for _, e := range slices.Backward(events) {
		for _, d := range e.Decisions {
			ids, err := r.actionsOf(ctx, whoseOf(&e, &d))
			if err != nil {
				return err
			}
			for _, id := range ids {
				var row struct {
					Requests []string `json:"requests"`
				}
				var raw json.RawMessage
				if r.get(ctx, "actions/"+id, nil, &raw) != nil || json.Unmarshal(raw, &row) != nil {
					continue // not begun
				}
				page.Actions = append(page.Actions, raw)
				for _, id := range row.Requests {
					var request json.RawMessage
					if r.get(ctx, "requests/"+id, nil, &request) == nil {
						page.Requests = append(page.Requests, request)
					}
				}
			}
		}
	}
	return p.out.json(page)
}
