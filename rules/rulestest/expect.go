package rulestest

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"backstop/actions"
	"backstop/engine/order"
	"backstop/rules"
)

// expectation is one element of expect: an action by its name, or one of the other kinds below.
type expectation struct {
	node *yaml.Node // the element
	key  *yaml.Node // its name
	kind string
	want want
}

// The kinds of expectations beside actions.
const (
	kindEvent   = "event"
	kindRequest = "request"
	kindState   = "state"
	kindRule    = "rule"
	kindIgnored = "ignored"
)

var otherKinds = []string{kindEvent, kindRequest, kindState, kindRule, kindIgnored}

// matched is what the rule expectation says of a rule that acted.
const matched = "matched"

// builtin are the actions by name.
var builtin = func() map[string]rules.Spec {
	out := map[string]rules.Spec{}
	for _, s := range actions.Builtin() {
		out[s.Name] = s
	}
	return out
}()

// want is a value that is expected: a subset for mappings, by value for numbers, exact for texts unless it is a
// pattern ({ like: "Stop*" }).
type want struct {
	node    *yaml.Node
	pattern string
	isGlob  bool
	list    []want
	fields  []wantField
}

type wantField struct {
	key   *yaml.Node
	value want
}

func (w want) kind() yaml.Kind {
	if w.node == nil {
		return 0
	}
	return w.node.Kind
}

// field is what is wanted of a name.
func (w want) field(name string) (want, bool) {
	for _, f := range w.fields {
		if f.key.Value == name {
			return f.value, true
		}
	}
	return want{}, false
}

func (r *reader) readWant(n *yaml.Node, depth int) want {
	n = followed(n)
	w := want{node: n}
	if depth > depthMost {
		r.fail(n, codeType, "too deep", "")
		return w
	}
	switch n.Kind {
	case yaml.SequenceNode:
		for _, e := range n.Content {
			w.list = append(w.list, r.readWant(e, depth+1))
		}
	case yaml.MappingNode:
		list, _ := r.fields(n, "what is expected", nil)
		if len(list) == 1 && list[0].key.Value == "like" {
			w.pattern, w.isGlob = r.readLike(list[0].value)
			return w
		}
		for _, p := range list {
			w.fields = append(w.fields, wantField{p.key, r.readWant(p.value, depth+1)})
		}
	}
	return w
}

func (r *reader) readLike(n *yaml.Node) (string, bool) {
	text, ok := r.text(n, "like")
	return text, ok
}

// accepts says whether got is what is wanted.
func (w want) accepts(got any) bool {
	if w.isGlob {
		text, ok := got.(string)
		return ok && rules.Glob(text, w.pattern)
	}
	switch w.kind() {
	case yaml.ScalarNode:
		return scalarAccepts(w.node, got)
	case yaml.SequenceNode:
		list, ok := got.([]any)
		if !ok || len(list) != len(w.list) {
			return false
		}
		for i, e := range w.list {
			if !e.accepts(list[i]) {
				return false
			}
		}
		return true
	case yaml.MappingNode:
		fields, ok := got.(map[string]any)
		if !ok {
			return len(w.fields) == 0
		}
		for _, f := range w.fields {
			if !f.value.accepts(fields[f.key.Value]) {
				return false
			}
		}
		return true
	}
	return true
}

// scalarAccepts compares numbers by value and all else as text; null is what is absent.
func scalarAccepts(n *yaml.Node, got any) bool {
	switch v := got.(type) {
	case nil:
		return n.Tag == "!!null" || n.Value == ""
	case bool:
		return n.Value == strconv.FormatBool(v)
	case float64:
		x, err := strconv.ParseFloat(n.Value, 64)
		return err == nil && math.Abs(x-v) < 1e-9*max(1, math.Abs(v))
	case string:
		return n.Tag != "!!null" && n.Value == v
	default:
		return false
	}
}

func (r *reader) readExpectation(n *yaml.Node) *expectation {
	x := &expectation{node: n}
	switch n.Kind {
	case yaml.ScalarNode:
		x.key, x.want = n, want{node: &yaml.Node{Kind: yaml.MappingNode, Line: n.Line, Column: n.Column}}
	case yaml.MappingNode:
		list, ok := r.fields(n, "an expectation", nil)
		if !ok || len(list) == 0 {
			return nil
		}
		if len(list) > 1 {
			r.fail(list[1].key, codeUnknown, "a second expectation in the same element", "write - before "+list[1].key.Value+", or indent it below "+list[0].key.Value+":")
			return nil
		}
		x.key, x.want = list[0].key, r.readWant(list[0].value, 0)
		if x.want.kind() == yaml.ScalarNode && x.want.node.Tag == "!!null" {
			x.want = want{node: &yaml.Node{Kind: yaml.MappingNode, Line: n.Line, Column: n.Column}}
		}
	default:
		r.fail(n, codeType, "an expectation is an action, event, request, state, rule or ignored", `write - place_stop_loss: { quantity: 75 }`)
		return nil
	}
	x.kind = x.key.Value
	if !r.checkExpectation(x) {
		return nil
	}
	return x
}

// short is the field that a plain value of a kind stands for.
func short(kind string) string {
	switch kind {
	case kindEvent:
		return "kind"
	case kindRequest:
		return "method"
	case kindIgnored:
		return "reason"
	}
	return builtin[kind].Short
}

func (r *reader) checkExpectation(x *expectation) bool {
	spec, isAction := builtin[x.kind]
	if !isAction && !slices.Contains(otherKinds, x.kind) {
		r.fail(x.key, codeUnknown, "nothing is called "+x.kind+": it is no action and no event, request, state, rule or ignored", didYouMean(x.kind, expectationNames()))
		return false
	}
	if x.want.isGlob || x.want.kind() == yaml.ScalarNode {
		name := short(x.kind)
		if name == "" {
			r.fail(x.want.node, codeType, x.kind+" takes a mapping of what to expect", "write "+x.kind+": { … }, or the bare name")
			return false
		}
		x.want = want{node: &yaml.Node{Kind: yaml.MappingNode, Line: x.want.node.Line, Column: x.want.node.Column},
			fields: []wantField{{&yaml.Node{Kind: yaml.ScalarNode, Value: name, Line: x.key.Line, Column: x.key.Column}, x.want}}}
	}
	if x.want.kind() != yaml.MappingNode {
		r.fail(x.want.node, codeType, x.kind+" takes a mapping of what to expect", "")
		return false
	}
	known := knownFields(x.kind, spec)
	if known == nil {
		return true
	}
	good := true
	for _, f := range x.want.fields {
		if !slices.Contains(known, f.key.Value) {
			r.fail(f.key, codeUnknown, fmt.Sprintf("%s has no %s", x.kind, f.key.Value), didYouMean(f.key.Value, known))
			good = false
		}
	}
	if kind, ok := x.want.field("kind"); ok && x.kind == kindEvent && !kind.isGlob {
		if names := eventKinds(); !slices.Contains(names, kind.node.Value) {
			r.fail(kind.node, codeUnknown, "unknown kind "+kind.node.Value, didYouMean(kind.node.Value, names))
			good = false
		}
	}
	return good
}

func expectationNames() []string {
	return append(slices.Sorted(maps.Keys(builtin)), otherKinds...)
}

func eventKinds() []string {
	var out []string
	for _, k := range order.Kinds() {
		out = append(out, string(k.Kind))
	}
	return out
}

// besideParams can be expected of every action beside its own parameters and results.
var besideParams = []string{"rule", "state", "why", "error", "order_id", "account"}

// knownFields are the names that can stand in an expectation; nil: any.
func knownFields(kind string, spec rules.Spec) []string {
	switch kind {
	case kindState, kindRule:
		return nil
	case kindIgnored:
		return []string{"reason", "order_id"}
	case kindEvent:
		return append(jsonNames(reflect.TypeFor[order.Event]()), jsonNames(reflect.TypeFor[order.Key]())...)
	case kindRequest:
		return append([]string{"method", "path", "for", "state", "error", "account", "order_id"}, jsonNames(reflect.TypeFor[actions.Params]())...)
	}
	names := append(slices.Clone(besideParams), jsonNames(reflect.TypeFor[actions.Params]())...)
	for _, list := range [][]rules.Param{spec.Params, spec.Results} {
		for _, p := range list {
			names = append(names, p.Name)
		}
	}
	if kind == "place_stop_loss" {
		names = append(names, "limit_price")
	}
	if kind == "set" {
		return nil
	}
	return names
}

func jsonNames(t reflect.Type) []string {
	var out []string
	for i := range t.NumField() {
		if name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ","); name != "" && name != "-" && t.Field(i).Type.Kind() != reflect.Pointer {
			out = append(out, name)
		}
	}
	return out
}

// asJSON turns a value into texts, numbers (float64), booleans, lists and mappings.
func asJSON(v any) any {
	b, err := json.Marshal(v)
	if err != nil {
		return nil
	}
	var out any
	if json.Unmarshal(b, &out) != nil {
		return nil
	}
	return out
}

// refusal lets the broker refuse a request of a rule.
type refusal struct {
	node   *yaml.Node
	rule   string
	action string
	nth    int
	class  actions.Class
	text   string
}

// refusable are the errors that a broker can answer with.
func refusable() []string {
	var out []string
	for _, c := range actions.Reasons() {
		switch c {
		case actions.ClassSecondExit, actions.ClassGuardrail, actions.ClassRefuted, actions.ClassDayOver, actions.ClassInternal, actions.ClassSession, actions.ClassAddress:
		default:
			out = append(out, string(c))
		}
	}
	return out
}

func (r *reader) readRefusals(n *yaml.Node) []*refusal {
	list, _ := r.fields(n, "refuse", nil)
	var out []*refusal
	for _, p := range list {
		f := &refusal{node: p.key, text: "refused by the test"}
		f.rule, f.action, f.nth = splitName(p.key.Value)
		typ := p.value
		if p.value.Kind == yaml.MappingNode {
			fields, _ := r.fields(p.value, "a refusal", refusalFields)
			if m, ok := byName(fields, "message"); ok {
				f.text, _ = r.text(m.value, "message")
			}
			t, ok := byName(fields, "type")
			if !ok {
				r.fail(p.value, codeMissing, "a refusal needs a type", "write { type: margin, message: \"…\" }")
				continue
			}
			typ = t.value
		}
		text, ok := r.text(typ, "a refusal")
		if ok && !slices.Contains(refusable(), text) {
			r.fail(typ, codeUnknown, "the broker refuses with no error of type "+text, didYouMean(text, refusable()))
		}
		f.class = actions.Class(text)
		out = append(out, f)
	}
	return out
}
