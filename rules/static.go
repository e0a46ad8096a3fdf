package rules

import (
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"
)

// What can be known of a condition without an event: some words are assumed, the others are not known. A word
// may also be known only by its beginning (the tag of Backstop's own orders).
type assumption map[string]any

// beginning is a text of which only the beginning is known.
type beginning string

// truth is an answer that may be open.
type truth int

const (
	open truth = iota
	never
	always
)

func truthOf(b bool) truth {
	if b {
		return always
	}
	return never
}

// static evaluates conditions with assumptions; constants of vars count as known where vars is set.
type static struct {
	assume assumption
	vars   map[string]constant
}

func (a assumption) with(more assumption) assumption {
	out := assumption{}
	for k, v := range a {
		out[k] = v
	}
	for k, v := range more {
		out[k] = v
	}
	return out
}

// mayHold says whether a condition can be true under assumptions. nil is no condition.
func (r *Rule) mayHold(assume assumption) bool {
	if r.condition == nil {
		return true
	}
	s := static{assume, r.condition.scope.vars}
	return s.condition(r.condition.root) != never
}

// mayBe says whether an expression can be true.
func (s static) mayBe(e *expression) bool { return s.condition(e.root) != never }

// condition decides a condition, contradictions between its parts included: `x == 1 and x == 2` is never true.
func (s static) condition(n ast.Node) truth {
	b, _ := n.(*ast.BinaryNode)
	switch {
	case b != nil && isOr(b):
		out := never
		for _, p := range alternatives(b) {
			out = either(out, s.condition(p))
		}
		if out == open && s.contradict(alternatives(b), true) {
			return always
		}
		return out
	case b != nil && isAnd(b):
		return s.chain(operands(b))
	}
	if v, ok := s.value(n); ok {
		if is, ok := v.(bool); ok {
			return truthOf(is)
		}
	}
	return open
}

func (s static) chain(parts []ast.Node) truth {
	if s.contradict(parts, false) {
		return never
	}
	narrowed := static{s.assume.with(nil), s.vars}
	allowed := map[string][]any{}
	for _, p := range parts {
		word, values, ok := s.pins(p)
		if !ok {
			continue
		}
		if have, ok := allowed[word]; ok {
			values = slices.DeleteFunc(slices.Clone(have), func(v any) bool { return !slices.Contains(values, v) })
		}
		allowed[word] = values
		if len(values) == 0 {
			return never
		}
		if _, known := s.assume[word]; len(values) == 1 && !known {
			narrowed.assume[word] = values[0]
		}
	}
	out := always
	for _, p := range parts {
		out = both(out, s.condition(p))
		if out == never || narrowed.condition(p) == never {
			return never
		}
	}
	return out
}

// pins recognises `word == literal` and `word in [literals]`.
func (s static) pins(n ast.Node) (word string, values []any, ok bool) {
	if path := pathOf(n); path != nil && path[0] != "vars" { // a bare condition: order.is_exit
		return dotted(path), []any{true}, true
	}
	if u, is := n.(*ast.UnaryNode); is && u.Operator != "-" {
		if path := pathOf(u.Node); path != nil && path[0] != "vars" {
			return dotted(path), []any{false}, true
		}
	}
	b, is := n.(*ast.BinaryNode)
	if !is || b.Operator != "==" && b.Operator != "in" {
		return "", nil, false
	}
	left, right := b.Left, b.Right
	if b.Operator == "==" && pathOf(left) == nil {
		left, right = right, left
	}
	path := pathOf(left)
	v, known := s.value(right)
	if path == nil || path[0] == "vars" || !known {
		return "", nil, false
	}
	list, isList := v.([]any)
	switch {
	case b.Operator == "in" && isList:
		return dotted(path), list, true
	case b.Operator == "==" && !isList:
		return dotted(path), []any{v}, true
	}
	return "", nil, false
}

func either(a, b truth) truth {
	switch {
	case a == always || b == always:
		return always
	case a == never && b == never:
		return never
	}
	return open
}

func both(a, b truth) truth {
	switch {
	case a == never || b == never:
		return never
	case a == always && b == always:
		return always
	}
	return open
}

// value is what a node gives, as far as it is known. Numbers are float64.
func (s static) value(n ast.Node) (any, bool) {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.IntegerNode:
		return float64(n.Value), true
	case *ast.FloatNode:
		return n.Value, true
	case *ast.BoolNode:
		return n.Value, true
	case *ast.IdentifierNode, *ast.MemberNode:
		return s.word(pathOf(n))
	case *ast.ArrayNode:
		list := []any{}
		for _, e := range n.Nodes {
			v, ok := s.value(e)
			if _, nested := v.([]any); !ok || nested {
				return nil, false
			}
			list = append(list, v)
		}
		return list, true
	case *ast.UnaryNode:
		return s.unary(n)
	case *ast.BinaryNode:
		return s.binary(n)
	case *ast.ConditionalNode:
		switch s.condition(n.Cond) {
		case always:
			return s.value(n.Exp1)
		case never:
			return s.value(n.Exp2)
		}
	case *ast.CallNode:
		return s.like(n)
	}
	return nil, false
}

func (s static) word(path []string) (any, bool) {
	if len(path) == 2 && path[0] == "vars" {
		c, ok := s.vars[path[1]]
		if !ok || c.unset || c.env {
			return nil, false
		}
		return loose(c.value), true
	}
	v, ok := s.assume[dotted(path)]
	return v, ok
}

// loose turns whole numbers into float64.
func loose(v any) any {
	switch v := v.(type) {
	case int:
		return float64(v)
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = loose(e)
		}
		return out
	}
	return v
}

func (s static) unary(n *ast.UnaryNode) (any, bool) {
	v, ok := s.value(n.Node)
	if !ok {
		return nil, false
	}
	switch x := v.(type) {
	case bool:
		return !x, n.Operator != "-"
	case float64:
		if n.Operator == "-" {
			return -x, true
		}
	}
	return nil, false
}

func (s static) like(n *ast.CallNode) (any, bool) {
	if callee, ok := n.Callee.(*ast.IdentifierNode); !ok || callee.Value != "like" || len(n.Arguments) != 2 {
		return nil, false
	}
	text, okText := s.value(n.Arguments[0])
	pattern, okPattern := s.value(n.Arguments[1])
	t, isText := text.(string)
	p, isPattern := pattern.(string)
	return Glob(t, p), okText && okPattern && isText && isPattern
}

func (s static) binary(n *ast.BinaryNode) (any, bool) {
	if isAnd(n) || isOr(n) {
		t := s.condition(n)
		return t == always, t != open
	}
	left, okLeft := s.value(n.Left)
	right, okRight := s.value(n.Right)
	if _, list := left.([]any); !okLeft || !okRight || list {
		return nil, false
	}
	if b, ok := left.(beginning); ok {
		return b.against(n.Operator, right)
	}
	if b, ok := right.(beginning); ok {
		return b.against(n.Operator, left)
	}
	if list, ok := right.([]any); ok {
		return slices.ContainsFunc(list, func(v any) bool { return v == left }), n.Operator == "in"
	}
	switch l := left.(type) {
	case string:
		if r, ok := right.(string); ok {
			return ofTexts(n.Operator, l, r)
		}
	case float64:
		if r, ok := right.(float64); ok {
			return ofNumbers(n.Operator, l, r)
		}
	case bool:
		if r, ok := right.(bool); ok && (n.Operator == "==" || n.Operator == "!=") {
			return (l == r) == (n.Operator == "=="), true
		}
	}
	return nil, false
}

// against compares a text of which the beginning is known: it differs from all that begin otherwise.
func (b beginning) against(operator string, v any) (any, bool) {
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	for _, e := range list {
		if text, ok := e.(string); !ok || strings.HasPrefix(text, string(b)) {
			return nil, false
		}
	}
	switch operator {
	case "==", "in":
		return false, true
	case "!=":
		return true, true
	}
	return nil, false
}

func ofTexts(operator, l, r string) (any, bool) {
	switch operator {
	case "==":
		return l == r, true
	case "!=":
		return l != r, true
	case "contains":
		return strings.Contains(l, r), true
	case "startsWith":
		return strings.HasPrefix(l, r), true
	case "endsWith":
		return strings.HasSuffix(l, r), true
	case "+":
		return l + r, true
	}
	return nil, false
}

func ofNumbers(operator string, l, r float64) (any, bool) {
	c := compareNumbers(l, r)
	switch operator {
	case "==":
		return c == 0, true
	case "!=":
		return c != 0, true
	case "<":
		return c < 0, true
	case "<=":
		return c <= 0, true
	case ">":
		return c > 0, true
	case ">=":
		return c >= 0, true
	case "+":
		return l + r, true
	case "-":
		return l - r, true
	case "*":
		return l * r, true
	case "/":
		return l / r, r != 0
	}
	return nil, false
}
