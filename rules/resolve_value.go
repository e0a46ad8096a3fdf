package rules

import (
	"fmt"
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"
)

// checkClosed looks at `word == "text"` and `word in ["text"]` where the word has a closed list of values.
func (v *resolver) checkClosed(n *ast.BinaryNode) {
	var word, value ast.Node
	switch n.Operator {
	case "==", "!=":
		word, value = n.Left, n.Right
		if _, ok := word.(*ast.StringNode); ok {
			word, value = value, word
		}
	case "in":
		word, value = n.Left, n.Right
	default:
		return
	}
	name, list, ok := v.closedOf(word)
	if !ok {
		return
	}
	values := []ast.Node{value}
	if array, ok := value.(*ast.ArrayNode); ok {
		values = array.Nodes
	}
	for _, each := range values {
		text, ok := each.(*ast.StringNode)
		if !ok || slices.Contains(list.values, text.Value) || text.Value == "" {
			continue
		}
		v.unknownValue(each, name, text.Value, list)
	}
}

func (v *resolver) unknownValue(n ast.Node, name, value string, list closedList) {
	from, to := v.e.spans.of(n)
	hint := "it is one of: " + strings.Join(list.values, ", ")
	if near := nearest(value, list.values); near != "" {
		hint = fmt.Sprintf("did you mean %q?", near)
	}
	switch {
	case strings.HasSuffix(name, ".status"):
		v.r.warnAt(v.e.source.slice(from, to), "unknown-status", fmt.Sprintf("%s is never %q", name, value), hint)
	case list.own:
		v.failAt(from, to, "unknown-value", fmt.Sprintf("%s is never %q", name, value), hint)
	default:
		v.r.warnAt(v.e.source.slice(from, to), "unlikely-value", fmt.Sprintf("%s is never %q", name, value), hint)
	}
}

// closedOf is the closed list of a word's values, if it has one.
func (v *resolver) closedOf(n ast.Node) (string, closedList, bool) {
	path := pathOf(n)
	name := dotted(path)
	key := closedKey(name)
	if m, ok := n.(*ast.MemberNode); ok && path == nil && v.names {
		if p, ok := m.Property.(*ast.StringNode); ok {
			name, key = "."+p.Value, "order."+p.Value
		}
	}
	if key == "order.reason" || key == "error.type" {
		return name, closedList{v.r.o.Reasons, false}, len(v.r.o.Reasons) > 0
	}
	list, ok := closedWords[key]
	return name, list, ok
}

// closedKey is where the closed list of a word stands: fields of another order have those of order.
func closedKey(name string) string {
	for from, to := range map[string]string{"event.previous.": "order.", "event.order.": "order.", "event.group.": "group."} {
		if rest, ok := strings.CutPrefix(name, from); ok {
			return to + rest
		}
	}
	return name
}

// checkGlob warns of `matches "NIFTY*"`: in a regular expression that is NIFT, then any number of Y.
func (v *resolver) checkGlob(n ast.Node) {
	pattern, ok := n.(*ast.StringNode)
	if !ok || strings.ContainsAny(pattern.Value, `.^$()[]{}+|\`) || !strings.ContainsAny(pattern.Value, "*?") || strings.HasPrefix(pattern.Value, "*") {
		return
	}
	from, to := v.e.spans.of(n)
	v.r.warnAt(v.e.source.slice(from, to), "glob-in-matches", fmt.Sprintf("%q looks like a pattern with *, but matches takes a regular expression", pattern.Value),
		fmt.Sprintf("write like(…, %q)", pattern.Value))
}
