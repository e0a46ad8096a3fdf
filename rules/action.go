package rules

import (
	"fmt"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"backstop/engine/order"
)

// besideAction are the fields that stand beside an action's name.
var besideAction = paramNames(besideTable, false)

// readSteps reads a sequence of actions. ids are those of the rule so far; it adds to them.
func (r *reader) readSteps(rule *Rule, f pair, ids map[string]Spec, inError bool) []*Step {
	list, ok := r.list(f.value, f.key.Value, false)
	if !ok {
		return nil
	}
	if len(list) == 0 && !inError {
		r.failNode(f.value, "empty-value", f.key.Value+" lists nothing", "write at least one action")
	}
	var out []*Step
	var before *Spec
	for i, e := range list {
		known := make(map[string]Spec, len(ids))
		for id, spec := range ids {
			known[id] = spec
		}
		sc := r.scope.inSequence(before, known, inError)
		s := r.readStep(e, &sc, ids)
		if s == nil {
			before = &Spec{} // told; its words are not told again
			continue
		}
		s.Index, s.rule = i, rule.Name
		before = &s.Spec
		out = append(out, s)
	}
	return out
}

// readStep reads one action: its bare name, or a mapping of its name to its parameters.
func (r *reader) readStep(n *yaml.Node, sc *scope, ids map[string]Spec) *Step {
	switch {
	case r.skip[n]:
		return nil
	case n.Kind == yaml.ScalarNode:
		spec, ok := r.action(n)
		if !ok {
			return nil
		}
		s := &Step{Action: spec.Name, Spec: spec, Pos: Position{n.Line, n.Column}}
		r.required(s, n)
		r.defaultTo(s, n)
		return s
	case !r.mapping(n, "an action", "write - telegram: \"…\", or the bare name: - cancel_order"):
		return nil
	}
	var name *yaml.Node
	var value *yaml.Node
	beside := map[string]pair{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, v := n.Content[i], n.Content[i+1]
		switch {
		case r.skip[key]:
		case slices.Contains(besideAction, key.Value):
			beside[key.Value] = pair{key, v}
		case name == nil:
			name, value = key, v
		default:
			r.secondAction(name, key)
		}
	}
	if name == nil {
		if len(n.Content) > 0 {
			r.failNode(n, "missing-field", "an action is missing beside "+n.Content[0].Value, "write - telegram: \"…\" and "+n.Content[0].Value+": below it, in the same column")
		} else {
			r.failNode(n, "empty-value", "an action is missing here", "write its name, such as cancel_order")
		}
		return nil
	}
	spec, ok := r.action(name)
	if !ok {
		return nil
	}
	s := &Step{Action: spec.Name, Spec: spec, Pos: Position{name.Line, name.Column}}
	if spec.Free {
		s.Spec = freeSpec(spec, value)
	}
	r.readBeside(s, beside, sc, ids)
	r.readParams(s, name, value, sc)
	r.checkOf(s, beside)
	return s
}

// freeSpec is the spec of an action whose parameters are the user's own names.
func freeSpec(spec Spec, n *yaml.Node) Spec {
	spec.Params = nil
	if n.Kind == yaml.MappingNode {
		for i := 0; i+1 < len(n.Content); i += 2 {
			spec.Params = append(spec.Params, Param{Name: n.Content[i].Value, Type: ParamAny})
		}
	}
	return spec
}

func (r *reader) secondAction(first, key *yaml.Node) {
	if spec, ok := r.spec(first.Value); ok && slices.ContainsFunc(spec.Params, func(p Param) bool { return p.Name == key.Value }) {
		r.failNode(key, "unknown-field", key.Value+" is a parameter of "+first.Value, "indent it below "+first.Value+":")
		return
	}
	if _, ok := r.spec(key.Value); ok {
		r.failNode(key, "unknown-field", "a second action in the same element", "write - before "+key.Value)
		return
	}
	r.failNode(key, "unknown-field", "unknown field "+key.Value+" of an action", didYouMean(key.Value, besideAction))
}

// action finds the spec of an action's name.
func (r *reader) action(n *yaml.Node) (Spec, bool) {
	spec, ok := r.spec(n.Value)
	switch {
	case !ok:
		var names []string
		for _, s := range r.o.Specs {
			if !s.Later {
				names = append(names, s.Name)
			}
		}
		r.failNode(n, "unknown-action", "unknown action "+n.Value, didYouMean(n.Value, names))
		return Spec{}, false
	case spec.Later:
		r.failNode(n, "not-in-this-version", spec.Name+": not in this version", laterHint)
		return Spec{}, false
	}
	return spec, true
}

func (r *reader) readBeside(s *Step, beside map[string]pair, sc *scope, ids map[string]Spec) {
	if f, ok := beside["if"]; ok {
		if l, ok := r.scalar(f.value, "if"); ok && !r.eatenComment(f.value, false) {
			s.guard, _ = r.expression(l, sc, wantBool)
		}
	}
	r.readOf(s, beside, sc)
	f, ok := beside["id"]
	if !ok {
		return
	}
	id, ok := r.plain(f.value, "id")
	if !ok {
		return
	}
	if !identifier.MatchString(id) {
		r.failNode(f.value, "bad-name", fmt.Sprintf("%q can't be an id", id), "letters, digits and _, so that steps."+"ID"+".* can name it")
		return
	}
	if _, twice := ids[id]; twice {
		r.failNode(f.value, "duplicate-name", "the id "+id+" is taken by an earlier action", "give it another")
		return
	}
	s.ID = id
	ids[id] = s.Spec
}

// readParams reads what an action is given.
func (r *reader) readParams(s *Step, name, n *yaml.Node, sc *scope) {
	switch {
	case r.skip[n]:
		return
	case s.Spec.Free && len(n.Content) == 0:
		r.failNode(n, "wrong-type", s.Action+" takes names and what they shall be", "write "+s.Action+": { count: 1 }")
		return
	case n.Kind == yaml.MappingNode:
		r.readMapping(s, name, n, sc)
	case s.Spec.Short != "" && n.Kind == yaml.ScalarNode:
		i := slices.IndexFunc(s.Spec.Params, func(p Param) bool { return p.Name == s.Spec.Short })
		if i >= 0 {
			r.readParam(s, s.Spec.Params[i], n, sc)
		}
	case s.Spec.Short != "" && n.Style&yaml.FlowStyle != 0:
		r.failNode(n, "yaml-flow", "YAML reads a leading `[` as a list", "put the value in quotes: "+s.Action+": "+mended(r.rawValue(n)))
		return
	default:
		r.failNode(n, "wrong-type", s.Action+" takes a mapping of parameters", emptyAction(s.Spec))
		return
	}
	r.defaultTo(s, name)
}

func (r *reader) readMapping(s *Step, name, n *yaml.Node, sc *scope) {
	if s.Spec.Free {
		r.memoryNames(n)
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if key := n.Content[i]; !s.Spec.Free && slices.Contains(besideAction, key.Value) && !r.skip[key] {
			r.failNode(key, "unknown-field", key.Value+" stands beside the action, not inside", "write it below "+s.Action+": in the same column")
			r.drop(key)
		}
	}
	fields := r.fields(n, s.Action, s.Spec.Params)
	for _, p := range s.Spec.Params {
		if f, ok := fields[p.Name]; ok {
			r.readParam(s, p, f.value, sc)
		}
	}
	for _, p := range s.Spec.Params {
		if _, written := fields[p.Name]; p.Required && !written {
			r.missing(s, name, p)
		}
	}
	r.readWith(s, name, fields)
	for _, only := range s.Spec.OneOf {
		first := ""
		for _, param := range only {
			f, ok := fields[param]
			if ok && first != "" {
				r.failNode(f.key, "exclusive", param+" and "+first+" exclude each other", "keep one of them")
			} else if ok {
				first = param
			}
		}
	}
}

// readWith tells of a parameter that the word of another one excludes, or asks for.
func (r *reader) readWith(s *Step, name *yaml.Node, fields map[string]pair) {
	for _, p := range s.Spec.Params {
		if p.With == nil {
			continue
		}
		word, known := s.wordOf(p.With.Param)
		f, written := fields[p.Name]
		fits := slices.Contains(p.With.Words, word)
		switch {
		case !known:
		case written && !fits:
			hint := "leave it out, or write " + p.With.Param + ": " + p.With.Words[0]
			r.failNode(f.key, "exclusive", fmt.Sprintf("%s is of %s %s, not of %s", p.Name, p.With.Param, strings.Join(p.With.Words, " and "), word), hint)
		case !written && fits && p.With.Needed:
			r.failNode(name, "missing-field", fmt.Sprintf("%s with %s: %s needs %s", s.Action, p.With.Param, word, p.Name), "write "+p.Name+": "+p.example())
		}
	}
}

// wordOf is what an Enum says, its default where it is not written; false where what was written is no word of it.
func (s *Step) wordOf(name string) (string, bool) {
	for _, p := range s.params {
		if p.spec.Name == name {
			word, ok := p.literal.(string)
			return word, ok
		}
	}
	word := paramNamed(s.Spec.Params, name).Default
	return word, word != ""
}

func (r *reader) missing(s *Step, at *yaml.Node, p Param) {
	r.failNode(at, "missing-field", s.Action+" needs "+p.Name, "write "+s.Action+": { "+p.Name+": "+exampleOf(p)+" }")
}

func (r *reader) required(s *Step, at *yaml.Node) {
	for _, p := range s.Spec.Params {
		if p.Required {
			r.missing(s, at, p)
		}
	}
}

func exampleOf(p Param) string {
	switch {
	case p.Name == "trigger_price":
		return "loss(20)"
	case p.Type == ParamPrice:
		return "profit(50)"
	case p.Type == ParamText:
		return `"…"`
	}
	return "…"
}

// defaultTo finds the channel of a message that names none.
func (r *reader) defaultTo(s *Step, at *yaml.Node) {
	for _, p := range s.Spec.Params {
		if p.Type != ParamName || slices.ContainsFunc(s.params, func(q param) bool { return q.spec.Name == p.Name }) {
			continue
		}
		if s.channel = r.defaultChannel(); s.channel == "" && !r.damaged {
			r.failNode(at, "unknown-channel", s.Action+" does not say where to", "write "+p.Name+": NAME, or alerts: NAME at the top of the file")
		}
	}
}

// readParam reads one parameter by its type.
func (r *reader) readParam(s *Step, p Param, n *yaml.Node, sc *scope) {
	out := param{spec: p}
	ok := false
	switch p.Type {
	case ParamPrice, ParamQuantity, ParamNumber:
		out.expression, ok = r.readExpression(n, p.Name, sc, wantNumber)
		ok = ok && r.constantFits(&out)
	case ParamAny:
		out.expression, ok = r.readExpression(n, p.Name, sc, r.memoryWant(p.Name))
	case ParamBool:
		out.expression, ok = r.readExpression(n, p.Name, sc, wantBool)
	case ParamText:
		var l located
		if l, ok = r.scalar(n, p.Name); ok {
			if ok = !r.eatenComment(n, true); ok {
				out.text, ok = r.template(l, sc)
				ok = ok && r.closedText(p, n, out.text)
			}
		}
	case ParamEnum:
		if ok = !r.refused(n, p); ok {
			out.literal, ok = r.oneOf(n, p.Name, p.Enum, p.Later)
		}
	case ParamDuration:
		out.literal, ok = r.duration(n, p.Name)
	case ParamRoleList:
		out.literal, ok = r.roles(n, p.Name)
	case ParamName:
		var name string
		if name, ok = r.plain(n, p.Name); ok && !r.isChannel(name) {
			r.failNode(n, "unknown-channel", "there is no channel "+name, didYouMean(name, r.channelNames()))
			ok = false
		}
		out.literal = name
	}
	if !ok { // told; the parameter still counts as written
		out = param{spec: p}
	}
	s.params = append(s.params, out)
}

// refused tells why a word of Kite's is none of the language.
func (r *reader) refused(n *yaml.Node, p Param) bool {
	i := slices.IndexFunc(p.Refused, func(x Refused) bool { return n.Kind == yaml.ScalarNode && x.Word == n.Value })
	if i < 0 {
		return false
	}
	r.failNode(n, "unknown-value", fmt.Sprintf("%s %s is refused: %s", p.Name, n.Value, p.Refused[i].Why), oneOfHint(p.Enum, p.Later))
	return true
}

// closedText checks a literal text against the words that the parameter can be.
func (r *reader) closedText(p Param, n *yaml.Node, t *template) bool {
	if p.Account && len(r.o.Accounts) > 0 && len(t.segments) == 1 && t.segments[0].expression == nil && !slices.Contains(r.o.Accounts, t.segments[0].literal) {
		r.failNode(n, "unknown-account", "there is no account "+t.segments[0].literal, didYouMean(t.segments[0].literal, r.o.Accounts))
		return false
	}
	if len(p.Words) == 0 || len(t.segments) != 1 || t.segments[0].expression != nil || slices.Contains(p.Words, t.segments[0].literal) {
		return true
	}
	hint := "it is one of: " + strings.Join(p.Words, ", ")
	if near := nearest(t.segments[0].literal, p.Words); near != "" {
		hint = "did you mean " + near + "?"
	}
	r.failNode(n, "unknown-value", fmt.Sprintf("%s is never %s", p.Name, t.segments[0].literal), hint)
	return false
}

func (r *reader) readExpression(n *yaml.Node, what string, sc *scope, w want) (*expression, bool) {
	l, ok := r.scalar(n, what)
	if !ok || r.mistakenNumber(n, l) || r.eatenComment(n, false) {
		return nil, false
	}
	return r.expression(l, sc, w)
}

// constantFits evaluates a parameter that reads nothing but constants: a price of -5 is told now, not at the first match.
func (r *reader) constantFits(p *param) bool {
	e := p.expression
	for w := range e.read.words {
		if path := splitDots(w); path[0] != "vars" || e.scope.vars[path[1]].unset {
			return true
		}
	}
	if _, _, err := p.value(&Words{}); err != nil {
		r.failAt(e.source, "bad-number", p.spec.Name+": "+err.Error(), "write another number")
		return false
	}
	return true
}

func (r *reader) roles(n *yaml.Node, what string) ([]order.Role, bool) {
	list, ok := r.list(n, what, true)
	if !ok {
		return nil, false
	}
	var out []order.Role
	for _, e := range list {
		text, one := r.oneOf(e, "a role", roleNames(), nil)
		ok = ok && one
		out = append(out, order.Role(text))
	}
	if len(list) == 0 {
		r.failNode(n, "empty-value", what+" lists nothing", "leave it out for all exits")
		ok = false
	}
	return out, ok
}

// reads is what a step must know.
func (s *Step) reads() Reads { return s.allRead().reads() }

// allRead is every word that a step reads.
func (s *Step) allRead() read {
	var all read
	for _, e := range []*expression{s.guard, s.where} {
		if e != nil {
			all.add(e.read)
		}
	}
	for _, p := range s.params {
		if p.expression != nil {
			all.add(p.expression.read)
		}
		if p.text != nil {
			all.add(p.text.read)
		}
	}
	return all
}
