package rules

import (
	"slices"
	"strconv"

	"gopkg.in/yaml.v3"

	"backstop/engine/order"
)

func itoa(n int) string { return strconv.Itoa(n) }

// readRule reads one rule; mistakes in it don't keep the rest from being read.
func (r *reader) readRule(n *yaml.Node) *Rule {
	rule := &Rule{Enabled: true, By: ByRule, Pos: Position{n.Line, n.Column}, File: r.src.name}
	fields := r.fields(n, "a rule", ruleTable)
	if f, ok := fields["name"]; ok {
		rule.Pos = Position{f.value.Line, f.value.Column}
		rule.Name, _ = r.name(f.value, "a rule's name")
		if r.how.as != "" && rule.Name != "" {
			if rule.Name = r.how.as + "-" + rule.Name; !slug.MatchString(rule.Name) {
				r.failNode(f.value, "bad-name", rule.Name+" is too long for a name", "take a shorter as: where it is included")
			}
		}
	} else {
		r.fail(place{n.Line, n.Column}, 1, "missing-field", "a rule needs a name", "write name: stop-behind-entry")
	}
	if f, ok := fields["description"]; ok {
		rule.Description, _ = r.plain(f.value, "description")
	}
	if f, ok := fields["enabled"]; ok {
		if on, ok := r.boolean(f.value, "enabled"); ok {
			rule.Enabled = on
		}
	}
	if f, ok := fields["mode"]; ok {
		rule.Mode, _ = r.choice(f.value, ruleTable, "mode")
	}
	if f, ok := fields["accounts"]; ok {
		rule.Accounts = r.readAccounts(f.value)
	}
	r.readOn(rule, n, fields)
	r.readTiming(rule, fields)
	r.readWhen(rule, fields)
	steps := map[string]Spec{}
	if f, ok := fields["then"]; ok {
		rule.Then = r.readSteps(rule, f, steps, false)
	} else if !r.damaged {
		r.fail(place{n.Line, n.Column}, 1, "missing-field", "a rule needs actions", "write then: with one action a line, behind `- `")
	}
	if f, ok := fields["on_error"]; ok {
		rule.HasOnError = true
		rule.OnError = r.readSteps(rule, f, steps, true)
	}
	for _, list := range [][]*Step{rule.Then, rule.OnError} {
		for _, s := range list {
			rule.Reads = rule.Reads.or(s.reads())
			rule.note(s.allRead())
		}
	}
	rule.Reads = rule.Reads.or(rule.WhenReads)
	r.needsOf(rule)
	r.lint(rule, fields)
	rule.content = r.contentOf(rule, n)
	return rule
}

func (r *reader) readAccounts(n *yaml.Node) []string {
	list, ok := r.list(n, "accounts", true)
	if !ok {
		return nil
	}
	var out []string
	for _, e := range list {
		id, ok := r.plain(e, "an account")
		switch {
		case !ok:
		case slices.Contains(out, id):
			r.failNode(e, "duplicate-field", id+" is listed twice", "keep one of them")
		default:
			out = append(out, id)
		}
	}
	if len(list) == 0 {
		r.failNode(n, "empty-value", "the list of accounts is empty", "leave accounts out for all")
	}
	return out
}

func (r *reader) readOn(rule *Rule, n *yaml.Node, fields map[string]pair) {
	f, ok := fields["on"]
	if !ok {
		r.fail(place{n.Line, n.Column}, 1, "missing-field", "a rule needs on", "write on: fill, or another kind")
		return
	}
	if f.value.Kind == yaml.MappingNode && !r.skip[f.value] {
		r.readSchedule(rule, f.value)
		return
	}
	list, ok := r.list(f.value, "on", true)
	if !ok {
		return
	}
	if len(list) == 0 {
		r.failNode(f.value, "empty-value", "on lists nothing", "write a kind, such as fill")
	}
	for _, e := range list {
		r.readKind(rule, e)
	}
}

func (r *reader) readKind(rule *Rule, n *yaml.Node) {
	text, ok := r.plain(n, "a kind")
	if !ok {
		return
	}
	i := slices.IndexFunc(order.Kinds(), func(k order.KindDoc) bool { return string(k.Kind) == text })
	switch {
	case i < 0:
		hint := didYouMean(text, kindNames(false))
		if near, ok := otherKindNames[text]; ok {
			hint = "did you mean " + near + "?"
		}
		r.failNode(n, "unknown-kind", "unknown kind "+text, hint)
	case text == string(order.KindSchedule):
		r.failNode(n, "missing-field", "a schedule needs its time", `write on: { schedule: "12 15 * * 1-5" }`)
	case !order.Kinds()[i].Built:
		r.failNode(n, "not-in-this-version", "kind "+text+": not in this version", laterHint)
	case slices.Contains(rule.On, order.Kind(text)):
		r.failNode(n, "duplicate-field", text+" is listed twice", "keep one of them")
	default:
		rule.On = append(rule.On, order.Kind(text))
	}
}

// otherKindNames are other words for kinds, by which people know them from Kite.
var otherKindNames = map[string]string{"complete": "fill", "completed": "fill", "COMPLETE": "fill", "executed": "fill", "filled": "fill",
	"update": "modified", "UPDATE": "modified", "REJECTED": "rejected", "reject": "rejected", "CANCEL": "cancelled", "CANCELLED": "cancelled",
	"canceled": "cancelled", "cancel": "cancelled", "partial": "partial_fill", "OPEN": "open", "placed": "open", "trigger": "triggered"}

func (r *reader) readWhen(rule *Rule, fields map[string]pair) {
	f, ok := fields["when"]
	if !ok {
		return
	}
	l, ok := r.scalar(f.value, "when")
	if !ok || r.eatenComment(f.value, false) {
		return
	}
	rule.When = oneLine(unwrap(l.trim()).String())
	e, ok := r.expression(l, &r.scope, wantBool)
	if !ok {
		return
	}
	rule.condition = e
	if rule.After == nil { // it is asked before the condition
		rule.leads = leadsOf(e)
	}
	rule.WhenReads = e.read.reads()
	rule.note(e.read)
}

// note keeps what the rule counts with recent().
func (r *Rule) note(all read) {
	for _, c := range all.recents {
		if !slices.Contains(r.Recents, c) {
			r.Recents = append(r.Recents, c)
		}
	}
}
