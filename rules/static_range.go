package rules

import (
	"math"
	"slices"

	"github.com/expr-lang/expr/ast"
)

// What comparisons of one word leave of its values, together: `x > 100 and x < 50` leaves nothing, and
// `x != "A" or x != "B"` leaves everything, since its contrary leaves nothing.

// interval is a range of numbers; an end may be left out.
type interval struct {
	low, high               float64
	withoutLow, withoutHigh bool
}

func wholeLine() interval { return interval{low: math.Inf(-1), high: math.Inf(1)} }

func (i interval) empty() bool {
	c := compareNumbers(i.low, i.high)
	return c > 0 || c == 0 && (i.withoutLow || i.withoutHigh)
}

func (i interval) and(j interval) interval {
	if c := compareNumbers(j.low, i.low); c > 0 || c == 0 && j.withoutLow {
		i.low, i.withoutLow = j.low, j.withoutLow
	}
	if c := compareNumbers(j.high, i.high); c < 0 || c == 0 && j.withoutHigh {
		i.high, i.withoutHigh = j.high, j.withoutHigh
	}
	return i
}

var contrary = map[string]string{"<": ">=", "<=": ">", ">": "<=", ">=": "<", "==": "!=", "!=": "=="}

// comparison is `word operator value`, whichever side the word stands on; not turns it into its contrary.
func (s static) comparison(n ast.Node, not bool) (word, operator string, value any, ok bool) {
	if u, is := n.(*ast.UnaryNode); is && (u.Operator == "not" || u.Operator == "!") {
		return s.comparison(u.Node, !not)
	}
	if path := pathOf(n); path != nil && path[0] != "vars" { // a bare condition: order.is_exit
		return dotted(path), "==", !not, true
	}
	b, is := n.(*ast.BinaryNode)
	if !is || contrary[b.Operator] == "" {
		return "", "", nil, false
	}
	operator = b.Operator
	left, right := b.Left, b.Right
	path := pathOf(left)
	if path == nil || path[0] == "vars" {
		left, right, operator = right, left, mirrored[operator]
		path = pathOf(left)
	}
	v, known := s.value(right)
	if path == nil || path[0] == "vars" || !known {
		return "", "", nil, false
	}
	if not {
		operator = contrary[operator]
	}
	return dotted(path), operator, v, true
}

// contradict says whether comparisons leave no value of some word; not turns each into its contrary.
func (s static) contradict(parts []ast.Node, not bool) bool {
	ranges := map[string]interval{}
	equal := map[string]any{}
	unequal := map[string][]any{}
	for _, p := range parts {
		word, operator, v, ok := s.comparison(p, not)
		if !ok {
			continue
		}
		if x, number := v.(float64); number {
			i := wholeLine()
			switch operator {
			case "<", "<=":
				i.high, i.withoutHigh = x, operator == "<"
			case ">", ">=":
				i.low, i.withoutLow = x, operator == ">"
			case "==":
				i.low, i.high = x, x
			}
			have, ok := ranges[word]
			if !ok {
				have = wholeLine()
			}
			if ranges[word] = have.and(i); ranges[word].empty() {
				return true
			}
			continue
		}
		switch operator {
		case "==":
			if have, ok := equal[word]; ok && have != v {
				return true
			}
			equal[word] = v
		case "!=":
			unequal[word] = append(unequal[word], v)
		}
		if v, ok := equal[word]; ok && slices.Contains(unequal[word], v) {
			return true
		}
	}
	return false
}
