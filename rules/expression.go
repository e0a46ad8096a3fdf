package rules

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/checker"
	"github.com/expr-lang/expr/compiler"
	"github.com/expr-lang/expr/conf"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/optimizer"
	"github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/vm"
)

// Bounds of an expression. Without `let`, `..`, a loop in a loop and functions that multiply, an expression's
// work is bounded by its length times the longest list it reads; the budget stops what we did not foresee.
const (
	expressionLength = 4000 // characters
	expressionNodes  = 1000
	memoryBudget     = 100_000
)

// want is what a place needs from an expression.
type want int

const (
	wantAny want = iota
	wantBool
	wantNumber
	wantText
)

// expression is a compiled expression. A condition is kept as the parts of its chain of `and`, so that a
// decision can say at which it failed.
type expression struct {
	source located
	parts  []part
	root   ast.Node // as parsed, before anything was bound
	spans  *spans
	scope  *scope
	read   read

	once  sync.Once // makes probe
	probe *probe
}

// part is one operand, compiled by itself.
type part struct {
	source  string // on one line
	node    ast.Node
	program *vm.Program
}

// configs are used again, since making one costs more than most compilations. A configuration belongs to one
// compilation at a time: its cache of types must not be shared.
var configs = sync.Pool{New: func() any { return newConfig() }}

// borrowConfig gives a configuration for one compilation, and the way to give it back.
func borrowConfig() (c *conf.Config, giveBack func()) {
	c, _ = configs.Get().(*conf.Config)
	c.Expect, c.ExpectAny = reflect.Invalid, false
	return c, func() { configs.Put(c) }
}

// newConfig is expr's configuration.
func newConfig() *conf.Config {
	c := conf.New(Words{}) // by value: only then are fields read without copying whole families
	c.MaxNodes = expressionNodes
	c.DisableIfOperator = true
	for name, f := range exprFunctions {
		c.Functions[name] = f
	}
	return c
}

var exprFunctions = forExpr()

// expression compiles src, an expression by itself, or reports every mistake in it.
func (r *reader) expression(src located, sc *scope, w want) (*expression, bool) {
	src = unwrap(src.trim())
	switch {
	case len(src.runes) == 0:
		r.failAt(src, "empty-value", "an expression is missing here", "write one, such as order.status == \"COMPLETE\"")
		return nil, false
	case len(src.runes) > expressionLength:
		r.failAt(src.slice(0, 1), "too-long", fmt.Sprintf("an expression has at most %d characters, this one %d", expressionLength, len(src.runes)), "split the rule in two")
		return nil, false
	}
	text := src.String()
	config, giveBack := borrowConfig()
	tree, err := parser.ParseWithConfig(text, config)
	giveBack()
	if err != nil {
		r.syntax(src, err)
		return nil, false
	}
	e := &expression{source: src, root: tree.Node, spans: newSpans(text), scope: sc}
	nodes := []ast.Node{tree.Node}
	if w == wantBool {
		nodes = operands(tree.Node)
	}
	good := true
	for _, n := range nodes {
		if !r.resolve(e, n) { // one part's unknown word hides no mistake of another part
			good = false
			continue
		}
		from, to := e.spans.of(n)
		if len(nodes) == 1 {
			from, to = 0, len(src.runes)
		}
		p, err := compile(src.slice(from, to).String(), sc, w)
		if err != nil {
			r.mistyped(e, from, to, err, w)
			good = false
			continue
		}
		e.parts = append(e.parts, part{oneLine(src.slice(from, to).String()), n, p})
	}
	return e, good
}

// unwrap takes `${…}` off an expression that is nothing else.
func unwrap(src located) located {
	if n := len(src.runes); n > 3 && src.runes[0] == '$' && src.runes[1] == '{' {
		if end := closingBrace(src.runes, 2); end == n-1 {
			return src.slice(2, n-1).trim()
		}
	}
	return src
}

// typeError is an expression that reads well but whose types don't fit; at is in characters, -1 for all of it.
type typeError struct {
	at      int
	message string
}

func (e *typeError) Error() string { return e.message }

// compile makes a program of an expression whose words are known.
func compile(text string, sc *scope, w want) (*vm.Program, error) {
	config, giveBack := borrowConfig()
	defer giveBack()
	tree, err := parser.ParseWithConfig(text, config)
	if err != nil {
		return nil, err
	}
	ast.Walk(&tree.Node, bind{sc})
	if _, err := checker.Check(tree, config); err != nil {
		return nil, err
	}
	ast.Walk(&tree.Node, checkedOperators{})
	gives, err := checker.Check(tree, config)
	if err != nil {
		return nil, err
	}
	unsure := gives.Kind() == reflect.Interface && !mentions(tree.Node, "$unset")
	switch {
	case unsure:
		return nil, &typeError{-1, "the two sides of this ? : are of different types"}
	case gives.Kind() == reflect.Interface:
	case w == wantBool && gives.Kind() != reflect.Bool:
		return nil, &typeError{-1, fmt.Sprintf("this is %s; a condition is true or false", typeWord(gives))}
	case w == wantNumber && !isNumber(gives.Kind()):
		return nil, &typeError{-1, fmt.Sprintf("this is %s; a number is needed", typeWord(gives))}
	case w == wantText && gives.Kind() != reflect.String:
		return nil, &typeError{-1, fmt.Sprintf("this is %s; a text is needed", typeWord(gives))}
	case gives.Kind() == reflect.Struct && (typeName(gives) == "order" || typeName(gives) == "group"):
		return nil, &typeError{-1, "this is a whole " + typeName(gives) + "; take one of its fields"}
	}
	switch w {
	case wantBool:
		config.Expect, config.ExpectAny = reflect.Bool, true
	case wantNumber:
		config.Expect, config.ExpectAny = reflect.Float64, true
	case wantText:
		config.Expect, config.ExpectAny = reflect.String, true
	case wantAny:
	}
	if err := optimizer.Optimize(&tree.Node, config); err != nil {
		return nil, err
	}
	return compiler.Compile(tree, config)
}

func mentions(n ast.Node, callee string) bool {
	return ast.Find(n, func(n ast.Node) bool {
		id, ok := n.(*ast.IdentifierNode)
		return ok && id.Value == callee
	}) != nil
}

func oneLine(text string) string {
	if !strings.ContainsAny(text, "\n\t") {
		return text
	}
	return strings.Join(strings.Fields(text), " ")
}

// vms are used again: a machine belongs to one evaluation at a time, programs to all.
var vms = sync.Pool{New: func() any { return &vm.VM{MemoryBudget: memoryBudget} }}

// run evaluates one program. The error says what went wrong, without the source.
func run(p *vm.Program, w *Words) (any, error) {
	m, _ := vms.Get().(*vm.VM)
	out, err := m.Run(p, w)
	vms.Put(m)
	if err == nil {
		return out, nil
	}
	var located *file.Error
	if errors.As(err, &located) {
		if located.Prev != nil {
			return nil, located.Prev
		}
		return nil, errors.New(located.Message)
	}
	return nil, err
}

// EvalError is a run-time error of an expression: it is told, and never means "did not match".
type EvalError struct {
	Rule   string
	Where  string // when, if, or a parameter's name
	Source string // the expression
	Err    error
}

// Error names the rule, the place and the expression.
func (e *EvalError) Error() string {
	return fmt.Sprintf("rule %s: %s: %s: %v", e.Rule, e.Where, e.Source, e.Err)
}

// Unwrap gives the cause.
func (e *EvalError) Unwrap() error { return e.Err }
