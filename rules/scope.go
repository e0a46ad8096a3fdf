package rules

import (
	"fmt"
	"reflect"
	"slices"

	"github.com/expr-lang/expr/ast"
)

// constant is a value of vars.
type constant struct {
	value any  // string, float64, int, bool, or a list of them; nil while its environment value is not set
	unset bool // it comes from the environment, where it is not set: its type is not known
	env   bool // it comes from the environment: never printed
}

// scope is what an expression may read at its place in the file.
type scope struct {
	vars    map[string]constant
	varList []string             // in the order of the file
	state   map[string]ParamType // what some set writes, and its type: ParamNumber, ParamText or ParamBool
	steps   map[string]Spec      // earlier actions of the sequence with an id
	action  *Spec                // the action before; nil where there is none
	inSteps bool                 // action and steps make sense here
	inError bool                 // error makes sense here
	only    string               // "vars": nothing but constants (and env) can be read; see onlyVars
	env     func(string) string  // ${env.NAME} is allowed, and what it gives; nil: not here
}

// onlyVars is the scope of texts outside of rules.
const onlyVars = "vars"

// inSequence adds what a step can read.
func (s scope) inSequence(action *Spec, steps map[string]Spec, inError bool) scope {
	s.action, s.steps, s.inSteps, s.inError = action, steps, true, inError
	return s
}

// word is the type of a parameter or result of an action.
func (s Spec) word(name string) (ParamType, bool) {
	for _, list := range [][]Param{s.Params, s.Results} {
		for _, p := range list {
			if p.Name == name && !slices.Contains(p.Later, "") {
				return p.Type, true
			}
		}
	}
	return "", false
}

func (s Spec) wordNames() []string {
	var out []string
	for _, list := range [][]Param{s.Params, s.Results} {
		for _, p := range list {
			if !slices.Contains(p.Later, "") && !slices.Contains(out, p.Name) {
				out = append(out, p.Name)
			}
		}
	}
	return out
}

// lookups stand for words of action and steps, whose values are kept in maps that JSON may have passed.
var lookups = []function{
	{name: "$number", types: []any{new(func(any, string) float64)}, call: func(a []any) (any, error) {
		x, err := numberOf(a[0])
		if err != nil {
			return nil, fmt.Errorf("%s %w", textOf(a[1]), err)
		}
		return x, nil
	}},
	{name: "$whole", types: []any{new(func(any, string) int)}, call: func(a []any) (any, error) {
		x, err := numberOf(a[0])
		if err != nil {
			return nil, fmt.Errorf("%s %w", textOf(a[1]), err)
		}
		if n := int(x); float64(n) == x {
			return n, nil
		}
		return nil, fmt.Errorf("%s is %v, no whole number", textOf(a[1]), x)
	}},
	{name: "$bool", types: []any{new(func(any, string) bool)}, call: func(a []any) (any, error) {
		if b, ok := a[0].(bool); ok {
			return b, nil
		}
		return nil, fmt.Errorf("%s %w", textOf(a[1]), errNotKnown)
	}},
	{name: "$text", types: []any{new(func(any, string) string)}, call: func(a []any) (any, error) { return textOf(a[0]), nil }},
	{name: "$list", types: []any{new(func(any, string) []string)}, call: func(a []any) (any, error) {
		switch list := a[0].(type) {
		case []string:
			return list, nil
		case []any:
			out := make([]string, len(list))
			for i, v := range list {
				out[i] = textOf(v)
			}
			return out, nil
		}
		return []string{}, nil
	}},
	{name: "$unset", types: []any{new(func(string) any)}, call: func(a []any) (any, error) {
		return nil, fmt.Errorf("%s is not set in the environment", textOf(a[0]))
	}},
}

// lookupOf is the function that reads a word of such a type, and what it gives.
func lookupOf(t ParamType) (string, reflect.Type) {
	switch t {
	case ParamPrice, ParamNumber:
		return "$number", reflect.TypeFor[float64]()
	case ParamQuantity:
		return "$whole", reflect.TypeFor[int]()
	case ParamBool:
		return "$bool", reflect.TypeFor[bool]()
	case ParamRoleList:
		return "$list", reflect.TypeFor[[]string]()
	case ParamAny, ParamText, ParamEnum, ParamDuration, ParamName:
		return "$text", reflect.TypeFor[string]()
	}
	return "$text", reflect.TypeFor[string]()
}

// bind puts into a parsed tree what the scope knows: constants in the place of vars, typed lookups in the
// place of action and steps, and the hidden arguments of functions.
type bind struct{ scope *scope }

// Visit replaces one node; children come before their parents.
func (b bind) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.MemberNode:
		b.member(node, n)
	case *ast.BinaryNode:
		b.memory(node, n)
	case *ast.CallNode:
		callee, ok := n.Callee.(*ast.IdentifierNode)
		if !ok {
			return
		}
		f, ok := functionNamed(callee.Value)
		if !ok {
			return
		}
		if f.name == recentName {
			if c, ok := recentOf(n); ok {
				n.Arguments = []ast.Node{&ast.IdentifierNode{Value: "$recent"}, &ast.StringNode{Value: c.String()}}
			}
			return
		}
		for _, h := range f.hidden {
			n.Arguments = append(n.Arguments, wordNode(h))
		}
	}
}

func (b bind) member(node *ast.Node, n *ast.MemberNode) {
	path := pathOf(n)
	switch {
	case len(path) == 2 && path[0] == "vars":
		if c, ok := b.scope.vars[path[1]]; ok {
			ast.Patch(node, constantNode(path[1], c))
		}
	case len(path) == 2 && path[0] == "env" && b.scope.env != nil:
		ast.Patch(node, &ast.StringNode{Value: b.scope.env(path[1])})
	case len(path) == 2 && path[0] == "state":
		name, gives := memoryLookup(b.scope.state[path[1]])
		replaceBy(node, name, gives, n, &ast.StringNode{Value: dotted(path)})
	case len(path) == 2 && path[0] == "action" && b.scope.action != nil:
		b.lookup(node, n, *b.scope.action, path)
	case len(path) == 3 && path[0] == "steps":
		if spec, ok := b.scope.steps[path[1]]; ok {
			b.lookup(node, n, spec, path)
		}
	}
}

func (b bind) lookup(node *ast.Node, n *ast.MemberNode, spec Spec, path []string) {
	t, _ := spec.word(path[len(path)-1])
	if t == ParamAny { // what a set wrote is of the type that its name has
		t = b.scope.state[path[len(path)-1]]
	}
	name, gives := lookupOf(t)
	replaceBy(node, name, gives, n, &ast.StringNode{Value: dotted(path)})
}

func constantNode(name string, c constant) ast.Node {
	if c.unset {
		callee := &ast.IdentifierNode{Value: "$unset"}
		return &ast.CallNode{Callee: callee, Arguments: []ast.Node{&ast.StringNode{Value: "vars." + name}}}
	}
	return literalNode(c.value)
}

func literalNode(v any) ast.Node {
	switch v := v.(type) {
	case string:
		return &ast.StringNode{Value: v}
	case int:
		return &ast.IntegerNode{Value: v}
	case float64:
		return &ast.FloatNode{Value: v}
	case bool:
		return &ast.BoolNode{Value: v}
	case []any:
		list := &ast.ArrayNode{}
		for _, e := range v {
			list.Nodes = append(list.Nodes, literalNode(e))
		}
		return list
	}
	return &ast.NilNode{}
}

func wordNode(path string) ast.Node {
	var node ast.Node
	for i, name := range splitDots(path) {
		if i == 0 {
			node = &ast.IdentifierNode{Value: name}
			continue
		}
		node = &ast.MemberNode{Node: node, Property: &ast.StringNode{Value: name}}
	}
	return node
}
