package rules

import (
	"slices"

	"backstop/engine/order"
)

// Of says for which open groups, orders or positions an action runs.
type Of string

// What `of:` can say. OfEvent is an action without it.
const (
	OfEvent   Of = ""
	OfOrder   Of = "order"
	OfGroup   Of = "group"
	OfSymbol  Of = "symbol"
	OfTag     Of = "tag"
	OfAccount Of = "account"
)

// readOf reads of: and where:.
func (r *reader) readOf(s *Step, beside map[string]pair, sc *scope) {
	if f, ok := beside["of"]; ok {
		text, _ := r.choice(f.value, besideTable, "of")
		s.Of = Of(text)
	}
	f, ok := beside["where"]
	if !ok {
		return
	}
	if _, ok := beside["of"]; !ok {
		r.failNode(f.key, "missing-field", "where chooses among those that of names, and there is no of", "write of: account too, or if: in place of where:")
	}
	if l, ok := r.scalar(f.value, "where"); ok && !r.eatenComment(f.value, false) {
		s.where, _ = r.expression(l, sc, wantBool)
	}
}

// checkOf refuses what makes no sense beside of:.
func (r *reader) checkOf(s *Step, beside map[string]pair) {
	if s.Of != OfEvent && s.literalOf("per") == "fill" {
		r.failNode(beside["of"].key, "exclusive", "per: fill is of the event's own fill, and of: runs for others", "leave one of them out")
	}
}

// ownKinds are kinds whose events are of no order and no group.
var ownKinds = []order.Kind{order.KindSchedule, order.KindStarted, order.KindSessionExpired, order.KindReconnected, order.KindGuardrail}

// needsOf tells actions that need a group, order or position where the event has none.
func (r *reader) needsOf(rule *Rule) {
	if len(rule.On) == 0 || slices.ContainsFunc(rule.On, func(k order.Kind) bool { return !slices.Contains(ownKinds, k) }) {
		return
	}
	for _, s := range append(slices.Clone(rule.Then), rule.OnError...) {
		at := place{s.Pos.Line, s.Pos.Column}
		switch {
		case s.Of == OfEvent && s.Spec.On != UnitNone:
			r.fail(at, len([]rune(s.Action)), "missing-field", string(rule.On[0])+" is of no order: "+s.Action+" needs of", "write of: account below "+s.Action+":, in the same column")
		case s.Of != OfEvent && s.Of != OfAccount:
			r.fail(at, len([]rune(s.Action)), "not-here", string(rule.On[0])+" is of no order: of: "+string(s.Of)+" names nothing", "write of: account, and where: to choose among them")
		}
	}
}
