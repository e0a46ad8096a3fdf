package rules

import (
	"fmt"
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"
)

// resolver walks an expression, reports each word and function that does not exist or is not allowed at its
// place, and notes what the expression reads.
type resolver struct {
	r     *reader
	e     *expression
	bad   bool
	loop  int  // how many loops we are in
	names bool // inside a loop over orders
}

// resolve says whether every word of one part of e is known.
func (r *reader) resolve(e *expression, n ast.Node) bool {
	v := &resolver{r: r, e: e}
	v.walk(n)
	return !v.bad
}

func (v *resolver) fail(n ast.Node, code, message, hint string) {
	from, to := v.e.spans.of(n)
	v.failAt(from, to, code, message, hint)
}

func (v *resolver) failAt(from, to int, code, message, hint string) {
	v.bad = true
	v.r.failAt(v.e.source.slice(from, to), code, message, hint)
}

// refuse is fail for what the language leaves out for good.
func (v *resolver) refuse(n ast.Node, what, hint string) { v.fail(n, "not-allowed", what, hint) }

func (v *resolver) walk(n ast.Node) {
	switch n := n.(type) {
	case *ast.IdentifierNode:
		v.root(n)
	case *ast.MemberNode:
		v.member(n)
	case *ast.NilNode:
		v.refuse(n, "nothing is ever nil here", `an absent text is "" and an absent number 0`)
	case *ast.UnaryNode:
		v.walk(n.Node)
	case *ast.BinaryNode:
		v.binary(n)
	case *ast.ConditionalNode:
		v.walk(n.Cond)
		v.walk(n.Exp1)
		v.walk(n.Exp2)
	case *ast.ArrayNode:
		for _, e := range n.Nodes {
			v.walk(e)
		}
	case *ast.SliceNode:
		v.walk(n.Node)
		for _, e := range []ast.Node{n.From, n.To} {
			if e != nil {
				v.walk(e)
			}
		}
	case *ast.CallNode:
		v.call(n)
	case *ast.BuiltinNode:
		v.builtin(n)
	case *ast.PredicateNode:
		v.walk(n.Node)
	case *ast.ChainNode:
		v.refuse(n, "`?.` is not part of the language", "every word always has a value: write a plain `.`")
	case *ast.MapNode, *ast.BytesNode:
		v.refuse(n, "only texts, numbers, true, false and lists are values here", "write a text in quotes")
	case *ast.VariableDeclaratorNode, *ast.SequenceNode:
		v.refuse(n, "`let` and `;` are not part of the language", "write the expression out, or put a constant under vars")
	}
}

func (v *resolver) binary(n *ast.BinaryNode) {
	switch n.Operator {
	case "..":
		v.refuse(n, "ranges (`..`) are not part of the language", "compare with <= and >=")
		return
	case "??":
		if !isState(n.Left) {
			v.refuse(n, "only state.* can be unset: `??` stands behind it", `every other word always has a value: an absent text is "" and an absent number 0`)
			return
		}
	case "==", "!=":
		if _, none := n.Right.(*ast.NilNode); none && isState(n.Left) {
			v.walk(n.Left)
			return
		}
	case "matches":
		if !v.constantText(n.Right) {
			v.fail(n.Right, "dynamic-pattern", "the pattern of matches must be written out", `write it in quotes, or use like(text, "NIFTY*")`)
		}
		v.checkGlob(n.Right)
	}
	v.walk(n.Left)
	v.walk(n.Right)
	v.checkClosed(n)
}

func (v *resolver) constantText(n ast.Node) bool {
	if _, ok := n.(*ast.StringNode); ok {
		return true
	}
	path := pathOf(n)
	return len(path) == 2 && path[0] == "vars"
}

// isState says whether a node is a word of memory, which may be unset.
func isState(n ast.Node) bool {
	path := pathOf(n)
	return len(path) == 2 && path[0] == "state"
}

// root is a word without a dot.
func (v *resolver) root(n *ast.IdentifierNode) {
	name := n.Value
	lower := strings.ToLower(name)
	switch {
	case slices.Contains(roots, name), name == "vars", name == "state", name == "action", name == "steps":
		v.fail(n, "bare-family", name+" stands for many words", "write one of them, such as "+v.exampleOf(name))
	case name == "env":
		v.envHere(n)
	case lower == "true" || lower == "yes" || lower == "on":
		v.fail(n, "unknown-word", "unknown word "+name, "write true")
	case lower == "false" || lower == "no" || lower == "off":
		v.fail(n, "unknown-word", "unknown word "+name, "write false")
	case lower == "null" || lower == "none":
		v.fail(n, "unknown-word", "unknown word "+name, `an absent text is "" and an absent number 0`)
	case isFunctionName(name):
		v.fail(n, "unknown-word", name+" is a function", "write "+usageOf(name))
	default:
		v.fail(n, "unknown-word", "unknown word "+name, v.hintForRoot(name))
	}
}

func (v *resolver) hintForRoot(name string) string {
	for _, list := range [][]string{statusNames, kindNames(true), roleNames(), {"BUY", "SELL", "NSE", "BSE", "NFO", "BFO", "CDS", "MCX", "MIS", "NRML", "CNC", "MTF", "LIMIT", "MARKET", "SL", "SLM", "CE", "PE", "FUT", "EQ"}} {
		if slices.Contains(list, name) {
			return fmt.Sprintf("a text stands in quotes: %q", name)
		}
	}
	for _, root := range []string{"order", "event", "group", "position", "day", "instrument", "account"} {
		if _, ok := families[root].fields[name]; ok {
			return "did you mean " + root + "." + name + "?"
		}
	}
	if _, ok := v.e.scope.vars[name]; ok {
		return "did you mean vars." + name + "?"
	}
	if near := nearest(name, append(slices.Clone(roots), "vars", "state", "action", "steps")); near != "" {
		return "did you mean " + near + "?"
	}
	return fmt.Sprintf("a word has a dot (order.status); a text stands in quotes: %q", name)
}

func (v *resolver) exampleOf(root string) string {
	switch root {
	case "vars":
		if len(v.e.scope.varList) > 0 {
			return "vars." + v.e.scope.varList[0]
		}
		return "vars.stop_pct"
	case "state":
		return "state.count"
	case "action":
		return "action.order_id"
	case "steps":
		return "steps.ID.order_id"
	case "order":
		return "order.status"
	case "event":
		return "event.kind"
	}
	return root + "." + families[root].names[0]
}
