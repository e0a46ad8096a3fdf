package rules

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/vm"
)

// Explanation is one sub-expression with what it gave, and below it those that it is made of.
type Explanation struct {
	Source    string        `json:"source"`
	Value     string        `json:"value,omitempty"` // as written in an expression: "NFO", 75, true
	Evaluated bool          `json:"evaluated"`       // false: what came before it had decided already
	Error     string        `json:"error,omitempty"`
	Parts     []Explanation `json:"parts,omitempty"`
}

// NotEvaluated is what String shows in place of a value where none was needed.
const NotEvaluated = "not evaluated"

// String shows the tree, each level indented by two spaces.
func (x Explanation) String() string {
	var b strings.Builder
	x.write(&b, 0)
	return b.String()
}

func (x Explanation) write(b *strings.Builder, depth int) {
	what := x.Value
	switch {
	case x.Error != "":
		what = "error: " + x.Error
	case !x.Evaluated:
		what = NotEvaluated
	}
	fmt.Fprintf(b, "%s%s = %s\n", strings.Repeat("  ", depth), x.Source, what)
	for _, p := range x.Parts {
		p.write(b, depth+1)
	}
}

// Explain evaluates the condition anew and shows each sub-expression with its value. A rule without a condition
// is explained as `true`.
func (r *Rule) Explain(w *Words) Explanation {
	if r.condition == nil {
		return Explanation{Source: "true", Value: "true", Evaluated: true}
	}
	x := explainer{r.condition, w}
	return x.node(r.condition.root, true)
}

type explainer struct {
	e *expression
	w *Words
}

// facet is one sub-expression as explain shows and evaluates it.
type facet struct {
	source  string      // on one line
	program *vm.Program // nil: it has no value to show, only a whole order or the like
}

// facet compiles a sub-expression once; a rule set explains every event that it matches.
func (x explainer) facet(n ast.Node) *facet {
	if known, ok := x.e.facets.Load(n); ok {
		p, _ := known.(*facet)
		return p
	}
	from, to := x.e.spans.of(n)
	text := x.e.source.slice(from, to).String()
	p := &facet{source: oneLine(text)}
	if program, err := compile(text, x.e.scope, wantAny); err == nil {
		p.program = program
	}
	x.e.facets.Store(n, p)
	return p
}

// node explains n; live is false where it is not evaluated.
func (x explainer) node(n ast.Node, live bool) Explanation {
	out := Explanation{Source: x.facet(n).source, Evaluated: live}
	switch b, _ := n.(*ast.BinaryNode); {
	case b != nil && isAnd(b):
		x.chain(&out, operands(b), live, "false")
		return out
	case b != nil && isOr(b):
		x.chain(&out, alternatives(b), live, "true")
		return out
	}
	if c, ok := n.(*ast.ConditionalNode); ok {
		cond := x.node(c.Cond, live)
		decided := live && cond.Error == ""
		out.Parts = []Explanation{cond, x.node(c.Exp1, decided && cond.Value == "true"), x.node(c.Exp2, decided && cond.Value == "false")}
	} else {
		for _, child := range x.children(n) {
			out.Parts = append(out.Parts, x.node(child, live))
		}
	}
	if live {
		out.Value, out.Error = x.evaluate(n)
	}
	return out
}

// chain explains the operands of `and` (decided by the first false) or `or` (by the first true).
func (x explainer) chain(out *Explanation, nodes []ast.Node, live bool, decides string) {
	open := live
	for _, n := range nodes {
		p := x.node(n, open)
		out.Parts = append(out.Parts, p)
		if open {
			out.Value, out.Error = p.Value, p.Error
			open = p.Error == "" && p.Value != decides
		}
	}
}

// children are the parts of n that are worth a line: no literals, nothing inside of a loop.
func (x explainer) children(n ast.Node) []ast.Node {
	var nodes []ast.Node
	switch n := n.(type) {
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

func (x explainer) evaluate(n ast.Node) (value, problem string) {
	if path := pathOf(n); len(path) == 2 && path[0] == "vars" && x.e.scope.vars[path[1]].env {
		return "(from the environment)", ""
	}
	p := x.facet(n).program
	if p == nil {
		return "…", ""
	}
	v, err := run(p, x.w)
	if err != nil {
		return "", err.Error()
	}
	return literal(v), ""
}

// literal shows a value as it would be written in an expression.
func literal(v any) string {
	switch v := v.(type) {
	case string:
		return strconv.Quote(v)
	case []string:
		quoted := make([]string, len(v))
		for i, s := range v {
			quoted[i] = strconv.Quote(s)
		}
		return "[" + strings.Join(quoted, ", ") + "]"
	case []OrderWords:
		return fmt.Sprintf("(%d orders)", len(v))
	case []any:
		shown := make([]string, len(v))
		for i, e := range v {
			shown[i] = literal(e)
		}
		return "[" + strings.Join(shown, ", ") + "]"
	}
	text, err := show(v)
	if err != nil {
		return "…"
	}
	return text
}

// alternatives are the parts of a chain of `or`, nested ones included.
func alternatives(n ast.Node) []ast.Node {
	if b, ok := n.(*ast.BinaryNode); ok && isOr(b) {
		return append(alternatives(b.Left), alternatives(b.Right)...)
	}
	return []ast.Node{n}
}
