package rules

import (
	"slices"
	"strconv"
	"strings"

	"github.com/expr-lang/expr/ast"
)

// needed says in words what would have had to differ for p to be want, from what it gave; "" where nothing is known
// (it was not evaluated, or failed).
func (p *probe) needed(x *Explanation, want bool) string {
	wanted := "true"
	if !want {
		wanted = "false"
	}
	if !x.Evaluated || x.Error != "" || x.Value == wanted {
		return ""
	}
	switch p.kind {
	case probeAnd, probeOr:
		return p.neededOfChain(x, want)
	case probeNot:
		return p.parts[0].needed(&x.Parts[0], !want)
	case probeChoice:
		for i := 1; i <= 2; i++ {
			if x.Parts[i].Evaluated {
				return p.parts[i].needed(&x.Parts[i], want)
			}
		}
		return ""
	case probeAtom:
	}
	return p.neededOfAtom(x, want)
}

// neededOfChain: where one part had decided, that one; where every part stood against it, any of them.
func (p *probe) neededOfChain(x *Explanation, want bool) string {
	all := (p.kind == probeAnd) == want // every part must be as wanted: the one that was not is told
	var ways []string
	for i, part := range p.parts {
		way := part.needed(&x.Parts[i], want)
		if way == "" || slices.Contains(ways, way) {
			continue
		}
		if all {
			return way
		}
		ways = append(ways, way)
	}
	return strings.Join(ways, ", or ")
}

// comparisons are how an operator's other side is asked for: where it must hold, and where it must not.
var comparisons = map[string][2]string{
	"==":         {"", "anything but "},
	"!=":         {"anything but ", ""},
	"<":          {"less than ", "at least "},
	"<=":         {"at most ", "more than "},
	">":          {"more than ", "at most "},
	">=":         {"at least ", "less than "},
	"in":         {"one of ", "none of "},
	"contains":   {"a text with ", "a text without "},
	"startsWith": {"a text that begins with ", "a text that does not begin with "},
	"endsWith":   {"a text that ends with ", "a text that does not end with "},
	"matches":    {"a text that matches ", "a text that does not match "},
}

// mirrored is the operator with its sides exchanged.
var mirrored = map[string]string{"==": "==", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}

func (p *probe) neededOfAtom(x *Explanation, want bool) string {
	i := 0
	if want == p.inverted {
		i = 1
	}
	switch n := p.node.(type) {
	case *ast.BinaryNode:
		left, right, op := n.Left, n.Right, n.Operator
		if other, ok := mirrored[op]; ok && isLiteral(left) {
			left, right, op = right, left, other
		}
		if words, ok := comparisons[op]; ok {
			return p.shows(x, left, " is ") + "; needed " + words[i] + p.shows(x, right, "")
		}
	case *ast.CallNode:
		if id, ok := n.Callee.(*ast.IdentifierNode); ok && id.Value == "like" && len(n.Arguments) == 2 {
			return p.shows(x, n.Arguments[0], " is ") + "; needed one " + []string{"like ", "unlike "}[i] + p.shows(x, n.Arguments[1], "")
		}
	}
	return p.source + " is " + x.Value + "; needed " + strconv.FormatBool(want)
}

// shows is a side of a comparison: a literal as it stands, a word with its value behind verb, or in brackets where
// there is none.
func (p *probe) shows(x *Explanation, n ast.Node, verb string) string {
	for i, part := range p.parts {
		if part.node != n {
			continue
		}
		value := x.Parts[i].Value
		if verb != "" {
			return part.source + verb + value
		}
		return part.source + " (" + value + ")"
	}
	if b, ok := n.(*ast.ArrayNode); ok {
		var list []string
		for _, e := range b.Nodes {
			list = append(list, p.literalText(e))
		}
		return strings.Join(list, ", ")
	}
	return p.literalText(n)
}

func (p *probe) literalText(n ast.Node) string {
	switch n := n.(type) {
	case *ast.StringNode:
		return literal(n.Value)
	case *ast.IntegerNode:
		return literal(n.Value)
	case *ast.FloatNode:
		return literal(n.Value)
	case *ast.BoolNode:
		return literal(n.Value)
	case *ast.UnaryNode:
		return n.Operator + p.literalText(n.Node)
	}
	return "…"
}
