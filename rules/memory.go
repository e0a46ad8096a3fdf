package rules

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/parser"
	"gopkg.in/yaml.v3"
)

// setAction is the action that writes memory.
const setAction = "set"

// Memory is typed: what a rule compares must be known when the file is read. So before any expression is compiled
// the types of all names that some set writes are worked out from what it writes, whichever rule stands first.

// memory collects the types of state.*, over all files.
type memory struct {
	written map[string][]writing
	order   []string
}

// writing is one `name: expression` of a set, and what action.* and steps.* mean there.
type writing struct {
	r      *reader
	key    *yaml.Node
	node   ast.Node
	before *Spec
	steps  map[string]Spec
}

// readMemory works out what state.* is, of the rules of all files together.
func readMemory(files []*reader) map[string]ParamType {
	m := &memory{written: map[string][]writing{}}
	for _, r := range files {
		m.collect(r, r.fieldsOf["rules"].value)
	}
	types := map[string]ParamType{}
	for range m.order { // what one name is may follow from another's
		for _, name := range m.order {
			for _, w := range m.written[name] {
				if _, known := types[name]; !known {
					if t := m.typeOf(w.node, w, types); t != "" {
						types[name] = t
					}
				}
			}
		}
	}
	for _, name := range m.order {
		for _, w := range m.written[name] {
			switch t := m.typeOf(w.node, w, types); {
			case types[name] == "":
				w.r.failNode(w.key, "unknown-type", "it can't be told whether state."+name+" is a number, a text, or true or false", "write "+name+": (state."+name+" ?? 0) + 1, or a plain value")
			case t != "" && t != types[name]:
				w.r.failNode(w.key, "wrong-type", fmt.Sprintf("state.%s is a %s here and a %s elsewhere", name, t, types[name]), "a name of state has one type: use another name")
			}
		}
		if types[name] == "" {
			types[name] = ParamNumber // told; what reads it is not told again
		}
	}
	return types
}

// collect finds every set of a list of rules.
func (m *memory) collect(r *reader, list *yaml.Node) {
	if list == nil || list.Kind != yaml.SequenceNode {
		return
	}
	for _, rule := range list.Content {
		if rule.Kind != yaml.MappingNode {
			continue
		}
		steps := map[string]Spec{}
		for _, part := range []string{"then", "on_error"} {
			if f := valueOf(rule, part); f != nil && f.Kind == yaml.SequenceNode {
				m.sequence(r, f, steps)
			}
		}
	}
}

func (m *memory) sequence(r *reader, list *yaml.Node, steps map[string]Spec) {
	var before *Spec
	for _, e := range list.Content {
		name := e.Value
		var params *yaml.Node
		id := ""
		if e.Kind == yaml.MappingNode {
			for i := 0; i+1 < len(e.Content); i += 2 {
				switch key := e.Content[i].Value; {
				case key == "id":
					id = e.Content[i+1].Value
				case !slices.Contains(besideAction, key):
					name, params = key, e.Content[i+1]
				}
			}
		}
		spec, _ := r.spec(name)
		if name == setAction && params != nil && params.Kind == yaml.MappingNode {
			for i := 0; i+1 < len(params.Content); i += 2 {
				m.write(r, params.Content[i], params.Content[i+1], before, steps)
			}
		}
		before = &spec
		if id != "" {
			steps[id] = spec
		}
	}
}

func (m *memory) write(r *reader, key, value *yaml.Node, before *Spec, steps map[string]Spec) {
	if r.skip[key] || !identifier.MatchString(key.Value) {
		return
	}
	if _, seen := m.written[key.Value]; !seen {
		m.order = append(m.order, key.Value)
	}
	w := writing{r: r, key: key, before: before, steps: map[string]Spec{}}
	for id, s := range steps {
		w.steps[id] = s
	}
	if value.Kind == yaml.ScalarNode && !r.skip[value] {
		if tree, err := parser.ParseWithConfig(unwrap(r.src.locate(value).trim()).String(), newConfig()); err == nil {
			w.node = tree.Node
		}
	}
	m.written[key.Value] = append(m.written[key.Value], w)
}

// typeOf is what a node gives, as far as it can be told: ParamNumber, ParamText, ParamBool, or "".
func (m *memory) typeOf(n ast.Node, w writing, types map[string]ParamType) ParamType {
	switch n := n.(type) {
	case *ast.IntegerNode, *ast.FloatNode:
		return ParamNumber
	case *ast.StringNode:
		return ParamText
	case *ast.BoolNode:
		return ParamBool
	case *ast.UnaryNode:
		if n.Operator == "-" || n.Operator == "+" {
			return ParamNumber
		}
		return ParamBool
	case *ast.ConditionalNode:
		return firstType(m.typeOf(n.Exp1, w, types), m.typeOf(n.Exp2, w, types))
	case *ast.BinaryNode:
		left, right := m.typeOf(n.Left, w, types), m.typeOf(n.Right, w, types)
		switch n.Operator {
		case "??":
			return firstType(right, left)
		case "+":
			return firstType(left, right)
		case "-", "*", "/", "%", "**", "^":
			return ParamNumber
		}
		return ParamBool
	case *ast.CallNode:
		if callee, ok := n.Callee.(*ast.IdentifierNode); ok {
			if f, ok := functionNamed(callee.Value); ok {
				return plainType(f.gives)
			}
		}
	case *ast.BuiltinNode:
		switch n.Name {
		case "len", "count", "sum", "int", "float", "ceil", "floor", "round", "indexOf":
			return ParamNumber
		case "all", "none", "any", "one", "hasPrefix", "hasSuffix":
			return ParamBool
		case "string", "trim", "trimPrefix", "trimSuffix", "upper", "lower", "join":
			return ParamText
		}
	case *ast.MemberNode:
		return m.wordType(pathOf(n), w, types)
	}
	return ""
}

func firstType(a, b ParamType) ParamType {
	if a == "" {
		return b
	}
	return a
}

func (m *memory) wordType(path []string, w writing, types map[string]ParamType) ParamType {
	if len(path) < 2 {
		return ""
	}
	switch path[0] {
	case "state":
		return types[path[1]]
	case "vars":
		switch c := w.r.scope.vars[path[1]]; c.value.(type) {
		case string:
			return ParamText
		case bool:
			return ParamBool
		case int, float64:
			return ParamNumber
		}
		return ""
	case "action", "steps":
		spec := w.before
		if path[0] == "steps" {
			s := w.steps[path[1]]
			spec = &s
		}
		if spec == nil {
			return ""
		}
		switch t, _ := spec.word(path[len(path)-1]); t {
		case ParamPrice, ParamNumber, ParamQuantity:
			return ParamNumber
		case ParamBool:
			return ParamBool
		case ParamText, ParamEnum, ParamDuration, ParamName:
			return ParamText
		}
		return ""
	}
	fam, ok := families[strings.Join(path[:len(path)-1], ".")]
	if !ok {
		return ""
	}
	f, ok := fam.fields[path[len(path)-1]]
	if !ok {
		return ""
	}
	return plainType(typeName(f.Type))
}

func plainType(name string) ParamType {
	switch name {
	case "number":
		return ParamNumber
	case "text":
		return ParamText
	case "bool":
		return ParamBool
	}
	return ""
}

func valueOf(n *yaml.Node, key string) *yaml.Node {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}

// stateWord checks state.NAME: one that no set writes would be nil for ever.
func (v *resolver) stateWord(n *ast.MemberNode, path []string) {
	if _, ok := v.e.scope.state[path[1]]; !ok {
		if v.r.damaged { // a set may stand in what was left out
			v.bad = true
			return
		}
		var names []string
		for name := range v.e.scope.state {
			names = append(names, name)
		}
		slices.Sort(names)
		hint := "write it somewhere: - set: { " + path[1] + ": 1 }"
		if near := nearest(path[1], names); near != "" {
			hint = "did you mean state." + near + "?"
		}
		v.fail(n.Property, "unknown-variable", "no set writes "+dotted(path[:2]), hint)
		return
	}
	if len(path) > 2 {
		v.fail(n.Property, "unknown-word", dotted(path[:2])+" is one value, without parts", "leave out what follows it")
		return
	}
	v.e.read.word(dotted(path))
}

var errNotSet = errors.New("was never set")

// memories are the functions that state.* becomes.
var memories = []function{
	{name: "$stateNumber", types: []any{new(func(any, string) float64)}, call: remembered},
	{name: "$stateBool", types: []any{new(func(any, string) bool)}, call: remembered},
	{name: "$stateText", types: []any{new(func(any, string) string)}, call: remembered},
	{name: "$orNumber", types: []any{new(func(any, float64) float64)}, call: func(a []any) (any, error) {
		if a[0] == nil {
			return numberOf(a[1])
		}
		return numberOf(a[0])
	}},
	{name: "$orBool", types: []any{new(func(any, bool) bool)}, call: orElse},
	{name: "$orText", types: []any{new(func(any, string) string)}, call: orElse},
	{name: "$isNil", types: []any{new(func(any) bool)}, call: func(a []any) (any, error) { return a[0] == nil, nil }},
}

func remembered(a []any) (any, error) {
	if a[0] == nil {
		return nil, fmt.Errorf("%s %w: write %s ?? 0, or what it is until then", textOf(a[1]), errNotSet, textOf(a[1]))
	}
	return a[0], nil
}

func orElse(a []any) (any, error) {
	if a[0] == nil {
		return a[1], nil
	}
	return a[0], nil
}

// memoryLookup is the function that reads a word of memory, and what it gives.
func memoryLookup(t ParamType) (string, reflect.Type) {
	switch t {
	case ParamBool:
		return "$stateBool", reflect.TypeFor[bool]()
	case ParamText:
		return "$stateText", reflect.TypeFor[string]()
	default:
		return "$stateNumber", reflect.TypeFor[float64]()
	}
}

// memory binds `state.x ?? y` and comparisons with nil, whose left side was bound before.
func (b bind) memory(node *ast.Node, n *ast.BinaryNode) {
	call, ok := n.Left.(*ast.CallNode)
	if !ok {
		return
	}
	callee, ok := call.Callee.(*ast.IdentifierNode)
	if !ok || !strings.HasPrefix(callee.Value, "$state") {
		return
	}
	_, none := n.Right.(*ast.NilNode)
	switch {
	case n.Operator == "??":
		kind := strings.TrimPrefix(callee.Value, "$state")
		_, gives := memoryLookup(map[string]ParamType{"Bool": ParamBool, "Text": ParamText}[kind])
		replaceBy(node, "$or"+kind, gives, call.Arguments[0], n.Right)
	case none && n.Operator == "==":
		replaceBy(node, "$isNil", reflect.TypeFor[bool](), call.Arguments[0])
	case none && n.Operator == "!=":
		is := &ast.CallNode{Callee: &ast.IdentifierNode{Value: "$isNil"}, Arguments: []ast.Node{call.Arguments[0]}}
		is.SetType(reflect.TypeFor[bool]())
		ast.Patch(node, &ast.UnaryNode{Operator: "!", Node: is})
	}
}

// memoryWant is the type that a name of memory was found to have.
func (r *reader) memoryWant(name string) want {
	switch r.scope.state[name] {
	case ParamBool:
		return wantBool
	case ParamText:
		return wantText
	default:
		return wantNumber
	}
}

// memoryNames checks the names that a set writes.
func (r *reader) memoryNames(n *yaml.Node) {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if key := n.Content[i]; !r.skip[key] && !identifier.MatchString(key.Value) {
			r.failNode(key, "bad-name", fmt.Sprintf("%q can't be a name of state", key.Value), "letters, digits and _, beginning with a letter")
			r.drop(key)
		}
	}
}

// memorable is a value as memory keeps it: numbers are float64, as after a restart.
func memorable(v any) (any, error) {
	switch v.(type) {
	case bool, string:
		return v, nil
	}
	return finite(v)
}
