package rulestest

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"backstop/actions"
	"backstop/engine/lane"
	"backstop/engine/order"
	"backstop/rules"
)

// happening is one thing that followed from a step, as an expectation can name it.
type happening struct {
	kind   string
	id     string
	fields []map[string]any // one for each request of an action; at least one
	order  []string         // the fields that are shown, in this order
	state  actions.State    // of actions and requests
	why    string           // of an action that was not done
	serves string           // of a request: the action that it serves
	rule   string
	taken  bool // an expectation has matched it
}

// happened is all that followed from one step.
type happened struct {
	list      []*happening
	decisions []lane.Decided
	explained []lane.Explained
	state     map[string]any
}

// happenings turns the stories of a step into what expectations can name. acted are the actions that earlier steps
// have shown as done: they don't happen twice.
func happenings(told []lane.Story, acted map[string]bool) *happened {
	h := &happened{}
	latest := map[string]actions.Action{}
	var ids []string
	var requests []*actions.Request
	for i := range told {
		t := &told[i]
		if t.Ignored != "" {
			h.add(&happening{kind: kindIgnored, fields: []map[string]any{{"reason": t.Ignored, "order_id": t.Update.OrderID}}, order: []string{"reason"}})
		}
		for _, e := range t.Events {
			h.add(eventHappening(&e))
		}
		h.decisions = append(h.decisions, t.Decisions...)
		for _, a := range t.Actions {
			if _, ok := latest[a.ID]; !ok {
				ids = append(ids, a.ID)
			}
			latest[a.ID] = a
		}
		for j := range t.Requests {
			requests = append(requests, &t.Requests[j])
		}
		h.explained = append(h.explained, t.Explained...)
	}
	for _, id := range ids {
		a := latest[id]
		if a.Type == "" || acted[id] {
			continue
		}
		acted[id] = a.State.Final() || a.State == actions.Done
		h.add(actionHappening(&a, requests))
	}
	for _, r := range requests {
		h.add(requestHappening(r))
	}
	return h
}

func (h *happened) add(x *happening) { h.list = append(h.list, x) }

func eventHappening(e *order.Event) *happening {
	fields, _ := asJSON(e).(map[string]any)
	if key, ok := fields["key"].(map[string]any); ok {
		maps.Copy(fields, key)
	}
	for _, gone := range []string{"key", "previous"} {
		delete(fields, gone)
	}
	shown := []string{"kind"}
	if e.Fill > 0 {
		shown = append(shown, "fill_quantity")
	}
	for _, name := range []string{"role", "cause", "reason"} {
		if text, ok := fields[name].(string); ok && text != "" {
			shown = append(shown, name)
		}
	}
	return &happening{kind: kindEvent, id: e.ID, fields: []map[string]any{fields}, order: shown}
}

func actionHappening(a *actions.Action, requests []*actions.Request) *happening {
	base, _ := asJSON(a.Args).(map[string]any)
	if base == nil {
		base = map[string]any{}
	}
	maps.Copy(base, map[string]any{"rule": a.Rule, "state": string(a.State), "account": a.Account})
	if to, ok := a.Args["account"].(string); ok && to != "" {
		base["account"] = to // which it names
	}
	if a.Why != "" {
		base["why"] = a.Why
	}
	if a.Error != nil {
		base["error"] = string(a.Error.Class)
	}
	if _, ok := base["order_id"]; !ok {
		base["order_id"] = a.OrderID
	}
	if a.Message != nil {
		base["to"], base["text"], base["silent"] = a.Message.Channel, a.Message.Text, a.Message.Silent
	}
	x := &happening{kind: a.Type, id: a.ID, state: a.State, why: cmp.Or(a.Why, errorText(a.Error)), rule: a.Rule, order: shownOf(a.Type, base)}
	for _, r := range requests {
		if r.ActionID == a.ID {
			fields := maps.Clone(base)
			sent, _ := asJSON(r.Call.Params).(map[string]any)
			maps.Copy(fields, sent)
			x.fields = append(x.fields, fields)
		}
	}
	if x.fields == nil {
		x.fields = []map[string]any{base}
	}
	return x
}

func errorText(e *actions.Error) string {
	if e == nil {
		return ""
	}
	return string(e.Class) + ", " + e.Message
}

// shownOf are the fields of an action that tell it from another.
func shownOf(kind string, fields map[string]any) []string {
	switch kind {
	case "place_stop_loss":
		return []string{"quantity", "trigger_price"}
	case "place_target":
		return []string{"quantity", "price"}
	case "telegram":
		return []string{"text"}
	}
	var out []string
	for _, p := range builtin[kind].Params {
		if v, ok := fields[p.Name]; ok && v != nil && v != false && v != "" && p.Default == "" {
			out = append(out, p.Name)
		}
	}
	if builtin[kind].Params == nil || kind == "set" {
		for _, name := range slices.Sorted(maps.Keys(fields)) {
			if !slices.Contains(besideParams, name) && !slices.Contains(out, name) {
				out = append(out, name)
			}
		}
	}
	return out
}

func requestHappening(r *actions.Request) *happening {
	fields, _ := asJSON(r.Call.Sent()).(map[string]any)
	if fields == nil {
		fields = map[string]any{}
	}
	id := r.Call.OrderID
	if id == "" {
		id = r.OrderID
	}
	maps.Copy(fields, map[string]any{"method": r.Call.Method.HTTP(), "path": r.Call.Path(), "for": r.For, "state": string(r.State), "account": r.Account, "order_id": id})
	shown := []string{"method"}
	for _, name := range []string{"transaction_type", "quantity", "order_type", "trigger_price", "price"} {
		if v, ok := fields[name]; ok && v != float64(0) && v != "" {
			shown = append(shown, name)
		}
	}
	x := &happening{kind: kindRequest, id: r.ID, fields: []map[string]any{fields}, order: append(shown, "for"), state: r.State, serves: r.ActionID, rule: r.For}
	if r.Error != nil {
		fields["error"] = string(r.Error.Class)
		x.why = errorText(r.Error)
	}
	return x
}

// counts says whether something was done: what was skipped, waits or failed is found only where it is asked for.
func (x *happening) counts() bool {
	return x.state != actions.Skipped && x.state != actions.Waiting
}

// line is how a happening would be written under expect.
func (x *happening) line() string {
	text := x.yaml(x.order)
	if x.state == actions.Skipped || x.state == actions.Waiting || x.state == actions.Failed {
		text += " (" + string(x.state)
		if x.why != "" {
			text += ": " + x.why
		}
		text += ")"
	}
	return text
}

// yaml writes a happening with some of its fields.
func (x *happening) yaml(names []string) string {
	f := x.fields[0]
	if len(names) == 1 && names[0] == short(x.kind) {
		return x.kind + ": " + yamlValue(f[names[0]])
	}
	var parts []string
	for _, n := range names {
		if v, ok := f[n]; ok {
			parts = append(parts, n+": "+yamlValue(v))
		}
	}
	if parts == nil {
		return x.kind + ": {}"
	}
	return x.kind + ": { " + strings.Join(parts, ", ") + " }"
}

// takes says whether the expectation is met by this happening.
func (x *happening) takes(w *expectation) bool {
	if x.kind != w.kind {
		return false
	}
	if builtin[x.kind].Name != "" {
		_, byState := w.want.field("state")
		_, byWhy := w.want.field("why")
		_, byError := w.want.field("error")
		if !(byState || byWhy || byError) && (!x.counts() || x.state == actions.Failed) {
			return false
		}
	}
	return slices.ContainsFunc(x.fields, func(f map[string]any) bool { return w.want.accepts(f) })
}

// misfits are the fields of an expectation that this happening has otherwise; closeness is how many fit.
func (x *happening) misfits(w *expectation) (names []string, closeness int) {
	best := -1
	for _, f := range x.fields {
		var bad []string
		for _, field := range w.want.fields {
			if !field.value.accepts(f[field.key.Value]) {
				bad = append(bad, field.key.Value)
			}
		}
		if good := len(w.want.fields) - len(bad); good > best {
			best, names = good, bad
		}
	}
	return names, best
}

// isAs says whether a decision is as a rule expectation wants: matched, or why not.
func isAs(d *lane.Decided, w want) bool {
	if w.isGlob {
		return !d.Matched && rules.Glob(d.Why, w.pattern)
	}
	if w.node.Value == matched {
		return d.Matched
	}
	return !d.Matched && d.Why == w.node.Value
}
