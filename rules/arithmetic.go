package rules

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/bits"
	"reflect"

	"github.com/expr-lang/expr/ast"

	"backstop/engine/order"
)

// What expr's own operators do in silence is an error here: a whole number that grows too large wraps, x/0 is
// infinite and then larger than everything, and 0.1+0.2 is not 0.3. So operators on numbers are replaced by
// these functions when an expression is compiled.

var (
	errOverflow = errors.New("the number grows too large")
	errDivide   = errors.New("division by zero")
	errNoNumber = errors.New("this is no number (infinite, or 0/0)")
)

// tolerance: numbers are compared as prices are taken, to six decimals.
const tolerance = 0.5e-6

var operators = []function{
	{name: "$+", types: []any{new(func(int, int) int)}, call: func(a []any) (any, error) { return whole(a, addWhole) }},
	{name: "$-", types: []any{new(func(int, int) int)}, call: func(a []any) (any, error) { return whole(a, subtractWhole) }},
	{name: "$*", types: []any{new(func(int, int) int)}, call: func(a []any) (any, error) { return whole(a, multiplyWhole) }},
	{name: "$/", types: []any{new(func(float64, float64) float64)}, call: divide},
	{name: "$float", types: []any{new(func(float64) float64)}, call: func(a []any) (any, error) { return numberOf(a[0]) }},
	comparison("$==", func(c int) bool { return c == 0 }),
	comparison("$!=", func(c int) bool { return c != 0 }),
	comparison("$<", func(c int) bool { return c < 0 }),
	comparison("$<=", func(c int) bool { return c <= 0 }),
	comparison("$>", func(c int) bool { return c > 0 }),
	comparison("$>=", func(c int) bool { return c >= 0 }),
}

func comparison(name string, fits func(int) bool) function {
	return function{name: name, types: []any{new(func(float64, float64) bool)}, call: func(a []any) (any, error) {
		x, err := finite(a[0])
		if err != nil {
			return nil, err
		}
		y, err := finite(a[1])
		if err != nil {
			return nil, err
		}
		return fits(compareNumbers(x, y)), nil
	}}
}

func compareNumbers(x, y float64) int {
	switch {
	case x == y || math.Abs(x-y) < tolerance:
		return 0
	case x < y:
		return -1
	default:
		return 1
	}
}

func divide(a []any) (any, error) {
	x, err := finite(a[0])
	if err != nil {
		return nil, err
	}
	y, err := finite(a[1])
	if err != nil {
		return nil, err
	}
	if y == 0 {
		return nil, errDivide
	}
	return x / y, nil
}

func whole(a []any, op func(x, y int) (int, bool)) (any, error) {
	x, okX := a[0].(int)
	y, okY := a[1].(int)
	if !okX || !okY {
		return nil, fmt.Errorf("%v and %v are not both whole numbers", a[0], a[1])
	}
	if n, ok := op(x, y); ok {
		return n, nil
	}
	return nil, errOverflow
}

func addWhole(x, y int) (int, bool) {
	sum := x + y
	return sum, (sum > x) == (y > 0)
}

func subtractWhole(x, y int) (int, bool) {
	difference := x - y
	return difference, (difference < x) == (y > 0)
}

func multiplyWhole(x, y int) (int, bool) {
	if x == math.MinInt || y == math.MinInt {
		return x * y, x == 0 || y == 0 || x == 1 || y == 1
	}
	high, low := bits.Mul64(uint64(max(x, -x)), uint64(max(y, -y)))
	return x * y, high == 0 && low <= math.MaxInt64
}

// numberOf reads a number, whichever way it was kept; nil and what is no number are errors.
func numberOf(v any) (float64, error) {
	switch n := v.(type) {
	case float64:
		return n, nil
	case int:
		return float64(n), nil
	case int64:
		return float64(n), nil
	case order.Price:
		return n.Rupees(), nil
	case json.Number:
		return n.Float64()
	case nil:
		return 0, errNotKnown
	default:
		return 0, fmt.Errorf("%v is no number", v)
	}
}

func finite(v any) (float64, error) {
	x, err := numberOf(v)
	if err == nil && (math.IsNaN(x) || math.IsInf(x, 0)) {
		err = errNoNumber
	}
	return x, err
}

// checkedOperators replaces operators by the functions above. It needs a tree whose types are known, and is
// called for children before their parents.
type checkedOperators struct{}

// Visit replaces one node.
func (checkedOperators) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.BinaryNode:
		left, right := kindOf(n.Left), kindOf(n.Right)
		bothWhole := left == reflect.Int && right == reflect.Int
		numbers := isNumber(left) && isNumber(right)
		switch n.Operator {
		case "+", "-", "*":
			if bothWhole {
				replaceBy(node, "$"+n.Operator, reflect.TypeFor[int](), n.Left, n.Right)
			}
		case "/":
			if numbers {
				replaceBy(node, "$/", reflect.TypeFor[float64](), n.Left, n.Right)
			}
		case "==", "!=", "<", "<=", ">", ">=":
			if numbers && !bothWhole {
				replaceBy(node, "$"+n.Operator, reflect.TypeFor[bool](), n.Left, n.Right)
			}
		}
	case *ast.ConditionalNode: // `x ? 1 : 2.5` is a number, not "any"
		left, right := kindOf(n.Exp1), kindOf(n.Exp2)
		if isNumber(left) && isNumber(right) && left != right {
			for _, side := range []*ast.Node{&n.Exp1, &n.Exp2} {
				if kindOf(*side) == reflect.Int {
					replaceBy(side, "$float", reflect.TypeFor[float64](), *side)
				}
			}
			n.SetType(reflect.TypeFor[float64]())
		}
	}
}

func kindOf(n ast.Node) reflect.Kind { return n.Type().Kind() }

func isNumber(k reflect.Kind) bool { return k == reflect.Int || k == reflect.Float64 }

// replaceBy puts a call of one of our functions in a node's place.
func replaceBy(node *ast.Node, name string, gives reflect.Type, args ...ast.Node) {
	callee := &ast.IdentifierNode{Value: name}
	callee.SetLocation((*node).Location())
	call := &ast.CallNode{Callee: callee, Arguments: args}
	ast.Patch(node, call)
	call.SetType(gives)
}
