package rules

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/builtin"
)

func (v *resolver) call(n *ast.CallNode) {
	callee, ok := n.Callee.(*ast.IdentifierNode)
	if !ok {
		v.refuse(n, "words have no functions of their own", "the functions are "+strings.Join(usages(), ", "))
		return
	}
	name := callee.Value
	f, ok := functionNamed(name)
	switch {
	case v.e.scope.only == onlyVars && ok && (len(f.hidden) > 0 || name == recentName):
		v.fail(n, "not-here", name+"() reads what happens, which is not known here", "only vars and ${env.NAME} can be read here")
		return
	case !ok:
		v.failAt(callee.Location().From, callee.Location().To, "unknown-function", "unknown function "+name, v.functionHint(name))
		return
	case len(n.Arguments) < f.min || f.max >= 0 && len(n.Arguments) > f.max:
		v.fail(n, "wrong-arguments", fmt.Sprintf("%s takes %s", name, takes(f)), "write "+f.usage)
		return
	}
	v.e.read.function(name)
	if name == recentName {
		v.recent(n)
		return
	}
	for _, h := range f.hidden {
		v.e.read.word(h)
	}
	for _, a := range n.Arguments {
		v.walk(a)
	}
}

// takes says how many values a function is given.
func takes(f function) string {
	switch {
	case f.max < 0:
		return "one value or more"
	case f.max == 0:
		return "no value"
	case f.max == 1:
		return "one value"
	}
	if f.min != f.max {
		return strconv.Itoa(f.min) + " or " + strconv.Itoa(f.max) + " values"
	}
	return strconv.Itoa(f.max) + " values"
}

func (v *resolver) functionHint(name string) string {
	if near := nearest(name, functionNames()); near != "" {
		return "did you mean " + usageOf(near) + "?"
	}
	return "the functions are " + strings.Join(usages(), ", ")
}

func (v *resolver) builtin(n *ast.BuiltinNode) {
	if !slices.Contains(builtins, n.Name) {
		hint := "the functions are " + strings.Join(usages(), ", ")
		if n.Name == "now" || n.Name == "date" {
			hint = "the one clock of a rule is the event's: event.time"
		}
		if near := nearest(n.Name, functionNames()); near != "" && n.Name != "now" && n.Name != "date" {
			hint = "did you mean " + usageOf(near) + "?"
		}
		v.failAt(n.Location().From, n.Location().To, "unknown-function", n.Name+"() is off here", hint)
		return
	}
	if !slices.Contains(loops, n.Name) {
		for _, a := range n.Arguments {
			v.walk(a)
		}
		return
	}
	if v.loop > 0 {
		v.refuse(n, "a loop inside of a loop is not part of the language", "split the condition in two rules")
		return
	}
	before := v.names
	for i, a := range n.Arguments {
		if _, predicate := a.(*ast.PredicateNode); !predicate {
			v.walk(a)
			continue
		}
		v.names = overOrders(n.Arguments[0])
		v.loop++
		v.walk(n.Arguments[i])
		v.loop--
	}
	v.names = before
}

// overOrders says whether a list is group.orders, filtered or not.
func overOrders(n ast.Node) bool {
	if b, ok := n.(*ast.BuiltinNode); ok && b.Name == "filter" && len(b.Arguments) > 0 {
		return overOrders(b.Arguments[0])
	}
	path := dotted(pathOf(n))
	return path == "group.orders" || path == "event.group.orders"
}

func functionNames() []string {
	var out []string
	for _, f := range functions {
		out = append(out, f.name)
	}
	return append(out, builtins...)
}

func usages() []string {
	var out []string
	for _, f := range functions {
		out = append(out, f.usage)
	}
	return out
}

func usageOf(name string) string {
	if f, ok := functionNamed(name); ok {
		return f.usage
	}
	return name + "(…)"
}

func isFunctionName(name string) bool {
	if _, ok := functionNamed(name); ok {
		return true
	}
	_, ok := builtin.Index[name]
	return ok && slices.Contains(builtins, name)
}
