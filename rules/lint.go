package rules

import (
	"fmt"
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"

	"backstop/engine/order"
)

// Warnings are about rules that can be carried out, but hardly mean what was wanted. They look at each rule by
// itself (lint) and at all of them together (lintAcross), with what can be known without an event (static).

// lint warns of one rule. A rule that an error keeps from being whole may lack fields.
func (r *reader) lint(rule *Rule, fields map[string]pair) {
	if f, ok := fields["when"]; ok && rule.condition != nil {
		r.lintCondition(rule, f)
	}
	if _, ok := fields["when"]; ok && rule.condition == nil {
		return // what it matches is not known
	}
	r.lintOnce(rule, fields)
	r.lintLoop(rule)
	r.lintCancel(rule)
	r.lintRisk(rule)
	for _, s := range append(slices.Clone(rule.Then), rule.OnError...) {
		if s.guard != nil {
			r.lintConstant(s.guard)
		}
	}
	r.lintStops(rule, fields)
}

func (r *reader) warnStep(s *Step, code, message, hint string) {
	r.add(SeverityWarning, place{s.Pos.Line, s.Pos.Column}, len([]rune(s.Action)), code, message, hint)
}

// failStep is a mistake in a step that only the whole rule shows.
func (r *reader) failStep(s *Step, code, message, hint string) {
	r.add(SeverityError, place{s.Pos.Line, s.Pos.Column}, len([]rune(s.Action)), code, message, hint)
}

// kindAssumption is what an event's kind says of the order: what has ended does not change any more.
func kindAssumption(k order.Kind) assumption {
	a := assumption{"event.kind": string(k)}
	if slices.Contains(ownKinds, k) {
		a = absent.with(a)
	}
	switch k {
	case order.KindFlat:
		a["group.open_quantity"] = 0.0
	case order.KindFill:
		a["order.status"] = string(order.StatusComplete)
	case order.KindRejected:
		a["order.status"] = string(order.StatusRejected)
	case order.KindCancelled, order.KindExpired:
		a["order.status"] = string(order.StatusCancelled)
	}
	return a
}

// absent are the words of an order, group, position and instrument where there is none.
var absent = func() assumption {
	a := assumption{}
	for _, name := range []string{"order", "group", "position", "instrument"} {
		for word, f := range families[name].fields {
			switch typeName(f.Type) {
			case "text":
				a[name+"."+word] = ""
			case "number":
				a[name+"."+word] = 0.0
			case "bool":
				a[name+"."+word] = false
			}
		}
	}
	return a
}()

// lintCondition warns of conditions that are never true, on any kind or on one of them, and of parts that
// always are.
func (r *reader) lintCondition(rule *Rule, f pair) {
	e := rule.condition
	if r.lintConstant(e) {
		return
	}
	for _, p := range e.parts {
		if (static{nil, nil}).condition(p.node) == always {
			from, to := e.spans.of(p.node)
			r.warnAt(e.source.slice(from, to), "always-true", "this is always true: whatever comes, one side of its or holds", "did you mean and, or `not in [a, b]`?")
			return
		}
	}
	if (static{nil, nil}).condition(e.root) == never {
		r.warnAt(e.source, "never-true", "this condition is never true: its parts contradict each other", "did you mean or, or `in [a, b]`?")
		return
	}
	var dead []string
	for _, k := range rule.On {
		if (static{kindAssumption(k), nil}).condition(e.root) == never {
			dead = append(dead, string(k))
		}
	}
	switch {
	case len(dead) == 0:
	case len(dead) == len(rule.On):
		r.warnAt(e.source, "never-true", "this condition is never true on "+strings.Join(dead, ", "), "change on, or the condition")
	default:
		r.warnAt(e.source, "never-true", "this condition is never true on "+strings.Join(dead, ", ")+", which on lists", "take it out of on, or change the condition")
	}
}

// lintConstant warns of parts that read no word at all.
func (r *reader) lintConstant(e *expression) bool {
	found := false
	for _, p := range e.parts {
		if readsWords(p.node) {
			continue
		}
		from, to := e.spans.of(p.node)
		at := e.source.slice(from, to)
		switch (static{nil, nil}).condition(p.node) {
		case always:
			r.warnAt(at, "always-true", "this is always true: it reads no word", "leave it out")
			found = true
		case never:
			r.warnAt(at, "never-true", "this is never true: it reads no word", "to switch a rule off write enabled: false")
			found = true
		case open:
		}
	}
	return found
}

func readsWords(n ast.Node) bool {
	return ast.Find(n, func(n ast.Node) bool {
		switch n.(type) {
		case *ast.IdentifierNode, *ast.PointerNode:
			return true
		}
		return false
	}) != nil
}

var fills = []order.Kind{order.KindPartialFill, order.KindFill}

func (r *Rule) listensToFills() bool { return r.Listens(fills[0]) || r.Listens(fills[1]) }

// lintOnce warns of rules that `once` keeps from what they list or protect.
func (r *reader) lintOnce(rule *Rule, fields map[string]pair) {
	f, ok := fields["once"]
	if !ok || rule.Once == ByNone {
		return
	}
	at := func(message, hint string) { r.warnNode(f.value, "once-shadows", message, hint) }
	for _, s := range rule.Then {
		protects := s.Action == "place_stop_loss" || s.Action == "place_target" || s.Action == "exit_position"
		if protects && rule.listensToFills() && (rule.Once == ByDay || rule.Once == BySymbol) {
			at(fmt.Sprintf("after the first %s acts no more: what is entered later gets no %s", onceOf(rule.Once), s.Action), "write once: group, or leave once out")
			return
		}
		if rule.Listens(order.KindPartialFill) && rule.Listens(order.KindFill) && (s.literalOf("per") == "fill" || s.readsFill()) {
			at("the first part of a fill uses it up: later parts, and fill, are never acted on", "leave once out, or listen to fill alone")
			return
		}
	}
}

func onceOf(b By) string {
	if b == ByDay {
		return "match of the day the rule"
	}
	return "match in a symbol the rule"
}

// readsFill says whether a step tells of this fill alone.
func (s *Step) readsFill() bool {
	for _, p := range s.params {
		if p.text != nil && (p.text.read.words["event.fill_quantity"] || p.text.read.words["event.fill_price"]) {
			return true
		}
	}
	return false
}

// literalOf is a literal parameter as written, "" where it was not.
func (s *Step) literalOf(name string) string {
	for _, p := range s.params {
		if p.spec.Name == name {
			text, _ := p.literal.(string)
			return text
		}
	}
	return ""
}

// ownEvents are what an action's own orders give.
var ownEvents = map[string]struct {
	role  order.Role
	kinds []order.Kind
}{
	"place_stop_loss": {order.RoleStopLoss, []order.Kind{order.KindOpen, order.KindTriggerPending, order.KindTriggered, order.KindModified,
		order.KindPartialFill, order.KindFill, order.KindRejected, order.KindCancelled, order.KindExpired}},
	"place_target": {order.RoleTarget, []order.Kind{order.KindOpen, order.KindModified, order.KindPartialFill, order.KindFill,
		order.KindRejected, order.KindCancelled, order.KindExpired}},
	"exit_position": {order.RoleExit, []order.Kind{order.KindOpen, order.KindModified, order.KindPartialFill, order.KindFill,
		order.KindRejected, order.KindCancelled, order.KindExpired}},
}

// lintLoop warns of a rule that the events of its own orders match again.
func (r *reader) lintLoop(rule *Rule) {
	for _, s := range rule.Then {
		if s.Action == "place_order" {
			r.lintOrderLoop(rule, s)
		}
	}
	if rule.Once == ByGroup || rule.Once == ByDay {
		return
	}
	for _, s := range rule.Then {
		own, ok := ownEvents[s.Action]
		if !ok {
			continue
		}
		for _, k := range own.kinds {
			if !rule.Listens(k) || !rule.matchesOwn(own.role, k) {
				continue
			}
			r.warnStep(s, "loop", fmt.Sprintf("the %s of its own order matches this rule again", k),
				`add order.role == "entry" to when`)
			break
		}
	}
}

// orderKinds are what an order that opens a group gives, in the end its group's flat.
var orderKinds = []order.Kind{order.KindOpen, order.KindTriggerPending, order.KindTriggered, order.KindPartialFill, order.KindFill,
	order.KindRejected, order.KindCancelled, order.KindExpired, order.KindFlat}

// lintOrderLoop warns of a rule that places an order whose own events, or whose group's flat, match it again. What
// counts (a limit a day, memory, recent) ends that by itself; once a group or an order does not, since each order
// opens another.
func (r *reader) lintOrderLoop(rule *Rule, s *Step) {
	if rule.MaxPerDay > 0 || rule.Once == ByDay || rule.Once == BySymbol || s.guard != nil && s.guard.read.counts() || rule.condition != nil && rule.condition.read.counts() {
		return
	}
	if to := s.literalText("account"); to != "" && len(rule.Accounts) > 0 && !slices.Contains(rule.Accounts, to) {
		return // its events come in an account that the rule does not look at
	}
	own := assumption{"order.tag": beginning(ownTag), "group.tag": s.literalText("tag")}
	for param, words := range map[string][]string{"exchange": {"order.exchange"}, "tradingsymbol": {"order.tradingsymbol"}, "product": {"order.product"},
		"transaction_type": {"order.transaction_type", "group.side"}, "order_type": {"order.order_type"}} {
		for _, word := range words {
			if text := s.literalText(param); text != "" {
				own[word] = text
			}
		}
	}
	if role := s.literalOf("role"); role != "" && role != string(order.RoleEntry) {
		return
	}
	for _, k := range orderKinds {
		a := kindAssumption(k).with(own)
		if k == order.KindFlat { // of its group; the order that ended it is another one
			a = assumption{"event.kind": string(k), "group.tag": own["group.tag"], "group.open_quantity": 0.0}
		} else {
			a["order.role"], a["order.is_exit"] = string(order.RoleEntry), false
		}
		if rule.Listens(k) && rule.mayHold(a) {
			r.warnStep(s, "loop", fmt.Sprintf("the %s of its own order matches this rule again, until max_chain stops it", k),
				"write max_per_day: 1, or let when tell its own orders from others (group.tag)")
			return
		}
	}
}

// counts says whether something is read that changes each time: memory, or how often something happened.
func (rd read) counts() bool {
	for w := range rd.words {
		if strings.HasPrefix(w, "state.") || strings.HasPrefix(w, "day.") {
			return true
		}
	}
	return rd.functions[recentName]
}

// onlyVars says whether nothing is read but constants.
func (rd read) onlyVars() bool {
	for w := range rd.words {
		if !strings.HasPrefix(w, "vars.") {
			return false
		}
	}
	return true
}

// literalText is a text parameter that reads nothing but vars, "" where it was not written or is worked out.
func (s *Step) literalText(name string) string {
	for _, p := range s.params {
		switch {
		case p.spec.Name != name:
		case p.text != nil && p.text.read.onlyVars():
			text, _ := p.text.value(&Words{})
			return text
		case p.literal != nil:
			return s.literalOf(name)
		}
	}
	return ""
}

// matchesOwn says whether the rule can match an entry of one side and then the exit that it placed behind it.
func (r *Rule) matchesOwn(role order.Role, k order.Kind) bool {
	other := map[string]string{order.Buy: order.Sell, order.Sell: order.Buy}
	for side, exit := range other {
		entered := false
		for _, on := range r.On {
			entered = entered || r.mayHold(entryAssumption(side).with(kindAssumption(on)))
		}
		again := kindAssumption(k).with(assumption{"order.role": string(role), "order.is_exit": true, "order.transaction_type": exit,
			"order.tag": beginning(ownTag), "group.side": side})
		if entered && r.mayHold(again) {
			return true
		}
	}
	return false
}

// ownTag begins every tag that Backstop puts on an order.
const ownTag = "bs"

// entryAssumption is an entry of one side.
func entryAssumption(side string) assumption {
	return assumption{"order.role": string(order.RoleEntry), "order.is_exit": false, "order.transaction_type": side, "group.side": side}
}

// lintCancel warns of a rule that cancels entries of the whole account, other programs' and a person's too.
func (r *reader) lintCancel(rule *Rule) {
	var all read
	if rule.condition != nil {
		all = rule.condition.read
	}
	if all.words["order.tag"] || all.words["order.tags"] || all.words["group.tag"] || !rule.mayHold(entryAssumption(order.Buy)) && !rule.mayHold(entryAssumption(order.Sell)) {
		return
	}
	live := []order.Kind{order.KindOpen, order.KindTriggerPending, order.KindTriggered, order.KindModified, order.KindPartialFill}
	for _, s := range rule.Then {
		if s.where != nil && !(static{entryAssumption(order.Buy), s.where.scope.vars}).mayBe(s.where) && !(static{entryAssumption(order.Sell), s.where.scope.vars}).mayBe(s.where) {
			continue
		}
		if s.Action == "cancel_order" && slices.ContainsFunc(live, rule.Listens) {
			r.warnStep(s, "cancels-entries", "this cancels entries of the whole account, whoever placed them", `add order.tag == "…" to when, or order.is_exit`)
		}
	}
}

// lintRisk warns of actions that add risk without a limit or an answer to failure.
func (r *reader) lintRisk(rule *Rule) {
	for _, s := range append(slices.Clone(rule.Then), rule.OnError...) {
		if !s.Spec.AddsRisk {
			continue
		}
		if r.set.guardrails.MaxOrderValue == 0 {
			r.warnStep(s, "risk-without-limit", s.Action+" adds risk and no guardrail limits its value", "write guardrails: { max_order_value: 500000 }")
		}
		if !rule.HasOnError {
			r.warnStep(s, "risk-without-on-error", s.Action+" adds risk and the rule has no on_error", "write on_error: with a telegram")
		}
	}
}
