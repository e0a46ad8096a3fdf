package rules

import (
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/vm"
)

// probe is one sub-expression of an expression, compiled by itself, so that an explanation costs what an evaluation
// costs. Probes are made once, when the expression is first explained.
type probe struct {
	source string
	text   located // where it stands in the file
	kind   probeKind
	node   ast.Node
	parts  []*probe

	inverted bool // the comparison is written with a `not` inside: `not in`

	program *vm.Program
	shown   string // in place of a value: of what must not be printed, or has none to show
}

type probeKind int

const (
	probeAtom probeKind = iota
	probeAnd
	probeOr
	probeNot
	probeChoice // cond ? a : b
)

// probed is the expression's tree of probes.
func (e *expression) probed() *probe {
	e.once.Do(func() { e.probe = e.probeOf(e.root) })
	return e.probe
}

func (e *expression) probeOf(n ast.Node) *probe {
	from, to := e.spans.of(n)
	p := &probe{text: e.source.slice(from, to), node: n}
	p.source = oneLine(p.text.String())
	var parts []ast.Node
	switch b, _ := n.(*ast.BinaryNode); {
	case b != nil && isAnd(b):
		p.kind, parts = probeAnd, operands(b)
	case b != nil && isOr(b):
		p.kind, parts = probeOr, alternatives(b)
	default:
		parts = partsOf(n)
		e.compileProbe(p)
	}
	switch n := n.(type) {
	case *ast.ConditionalNode:
		p.kind = probeChoice
	case *ast.UnaryNode:
		if n.Operator != "not" && n.Operator != "!" {
			break
		}
		if inner, _ := e.spans.of(n.Node); inner != from {
			p.kind = probeNot
			break
		}
		p.node, p.inverted, parts = n.Node, true, partsOf(n.Node) // `a not in b`: one comparison, not the opposite of one
	}
	for _, child := range parts {
		p.parts = append(p.parts, e.probeOf(child))
	}
	return p
}

func (e *expression) compileProbe(p *probe) {
	if path := pathOf(p.node); len(path) == 2 && path[0] == "vars" && e.scope.vars[path[1]].env {
		p.shown = "(from the environment)"
		return
	}
	program, err := compile(p.text.String(), e.scope, wantAny)
	if err != nil { // only a whole order or the like: it has no value to show
		p.shown = "…"
		return
	}
	p.program = program
}

// partsOf are the parts of n that are worth a line: no literals, nothing inside of a loop.
func partsOf(n ast.Node) []ast.Node {
	var nodes []ast.Node
	switch n := n.(type) {
	case *ast.ConditionalNode:
		return []ast.Node{n.Cond, n.Exp1, n.Exp2}
	case *ast.UnaryNode:
		nodes = []ast.Node{n.Node}
	case *ast.BinaryNode:
		nodes = []ast.Node{n.Left, n.Right}
	case *ast.CallNode:
		nodes = n.Arguments
	case *ast.BuiltinNode:
		for _, a := range n.Arguments {
			if _, loop := a.(*ast.PredicateNode); !loop {
				nodes = append(nodes, a)
			}
		}
	case *ast.ArrayNode:
		nodes = n.Nodes
	}
	var out []ast.Node
	for _, c := range nodes {
		if !isLiteral(c) {
			out = append(out, c)
		}
	}
	return out
}

func isLiteral(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.StringNode, *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		return true
	case *ast.UnaryNode:
		return n.Operator == "-" && isLiteral(n.Node)
	case *ast.ArrayNode:
		for _, e := range n.Nodes {
			if !isLiteral(e) {
				return false
			}
		}
		return true
	}
	return false
}

// alternatives are the parts of a chain of `or`, nested ones included.
func alternatives(n ast.Node) []ast.Node {
	if b, ok := n.(*ast.BinaryNode); ok && isOr(b) {
		return append(alternatives(b.Left), alternatives(b.Right)...)
	}
	return []ast.Node{n}
}

// Clause is a sub-expression of a condition with its place in the file: what a test can see true and false. Its
// parts are those of the Explanation of the same condition, one for one.
type Clause struct {
	Source string
	Pos    Position
	Width  int  // of it on its first line, in characters
	Counts bool // it is true or false by itself: a part of `and`, `or`, `not` and `? :`, or such a chain
	Parts  []Clause
}

// WhereSuffix stands behind the place of an action for its `where:`; its `if:` has the place alone.
const WhereSuffix = " where"

// Conditions are the rule's own condition and those of its actions, by where they stand: when, then/0, on_error/1, and
// with WhereSuffix.
func (r *Rule) Conditions() map[string]Clause {
	out := map[string]Clause{}
	if r.condition != nil {
		out["when"] = clauseOf(r.condition.probed(), true)
	}
	for part, steps := range map[string][]*Step{"then": r.Then, "on_error": r.OnError} {
		for _, s := range steps {
			if s.guard != nil {
				out[part+"/"+itoa(s.Index)] = clauseOf(s.guard.probed(), true)
			}
			if s.where != nil {
				out[part+"/"+itoa(s.Index)+WhereSuffix] = clauseOf(s.where.probed(), true)
			}
		}
	}
	return out
}

func clauseOf(p *probe, counts bool) Clause {
	at := p.text.at[0]
	c := Clause{Source: p.source, Pos: Position{at.line, at.column}, Width: p.text.width(), Counts: counts}
	logic := counts && p.kind != probeAtom
	if p.kind == probeNot || p.kind == probeChoice { // true and false with its parts
		c.Counts = false
	}
	for _, part := range p.parts {
		c.Parts = append(c.Parts, clauseOf(part, logic))
	}
	return c
}
