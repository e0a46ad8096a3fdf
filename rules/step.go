package rules

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"backstop/engine/order"
)

// Step is one action of a rule, compiled. Its fields are not to be changed.
type Step struct {
	Index  int    // within then or on_error
	ID     string // "" where none was given
	Action string
	Spec   Spec
	Pos    Position
	Of     Of // whose open groups, orders or positions it runs for; "" the event's own

	rule    string
	guard   *expression // if:
	where   *expression // where:
	params  []param     // those that were written, in the order of the spec
	channel string      // of a Name that was not written
}

// param is one parameter as written: exactly one of the three values is set.
type param struct {
	spec       Param
	literal    any
	expression *expression
	text       *template
}

// Enabled decides the step's `if:`; without one it is true.
func (s *Step) Enabled(w *Words) (bool, error) {
	if s.guard == nil {
		return true, nil
	}
	v, err := s.guard.value(w)
	if err != nil {
		return false, &EvalError{s.rule, "if", oneLine(s.guard.source.String()), err}
	}
	b, _ := v.(bool)
	return b, nil
}

// HasWhere says whether there is a `where:`.
func (s *Step) HasWhere() bool { return s.where != nil }

// Where decides whether the step runs for one of those that `of:` names; without a `where:` it is true.
func (s *Step) Where(w *Words) (bool, error) {
	if s.where == nil {
		return true, nil
	}
	v, err := s.where.value(w)
	if err != nil {
		return false, &EvalError{s.rule, "where", oneLine(s.where.source.String()), err}
	}
	b, _ := v.(bool)
	return b, nil
}

// Reads is what must be known before the step can be evaluated.
func (s *Step) Reads() Reads { return s.reads() }

// IfReads says whether the step's `if:` reads a word, such as error.type.
func (s *Step) IfReads(word string) bool { return s.guard != nil && s.guard.read.words[word] }

// Evaluate gives every parameter its value, defaults filled in. An error is an *EvalError that names the
// parameter.
func (s *Step) Evaluate(w *Words) (Args, error) {
	var args Args
	for _, spec := range s.Spec.Params {
		i := slices.IndexFunc(s.params, func(p param) bool { return p.spec.Name == spec.Name })
		if i < 0 {
			if v, ok := s.defaultOf(spec); ok {
				args.values = append(args.values, arg{spec.Name, v, false})
			}
			continue
		}
		v, source, err := s.params[i].value(w)
		if err != nil {
			return Args{}, &EvalError{s.rule, s.Action + "." + spec.Name, source, err}
		}
		args.values = append(args.values, arg{spec.Name, v, true})
	}
	return args, nil
}

func (s *Step) defaultOf(p Param) (any, bool) {
	if p.Type == ParamName && s.channel != "" {
		return s.channel, true
	}
	if p.Default == "" || slices.Contains(p.Later, "") {
		return nil, false
	}
	switch p.Type {
	case ParamPrice:
		v, err := order.ParsePrice(p.Default)
		return v, err == nil
	case ParamQuantity:
		v, err := strconv.ParseInt(p.Default, 10, 64)
		return v, err == nil
	case ParamNumber:
		v, err := strconv.ParseFloat(p.Default, 64)
		return v, err == nil
	case ParamBool:
		return p.Default == "true", true
	case ParamDuration:
		v, err := time.ParseDuration(p.Default)
		return v, err == nil
	case ParamEnum: // a default that depends on something is told in words
		return p.Default, slices.Contains(p.Enum, p.Default)
	case ParamText, ParamName:
		return p.Default, true
	case ParamRoleList, ParamAny:
		return nil, false
	}
	return nil, false
}

func (p *param) value(w *Words) (value any, source string, err error) {
	switch {
	case p.text != nil:
		v, err := p.text.value(w)
		return v, oneLine(p.text.source.String()), err
	case p.expression == nil:
		return p.literal, "", nil
	}
	source = oneLine(p.expression.source.String())
	v, err := p.expression.value(w)
	if err != nil {
		return nil, source, err
	}
	v, err = p.typed(v)
	return v, source, err
}

// The largest price and quantity that a request can mean; beyond is a mistake, not a wish.
const (
	priceMax    = 1e9
	quantityMax = 1e9
)

// typed turns what an expression gave into what the parameter's type needs.
func (p *param) typed(v any) (any, error) {
	if p.spec.Type == ParamAny {
		return memorable(v)
	}
	if p.spec.Type == ParamBool {
		b, ok := v.(bool)
		if !ok {
			return nil, fmt.Errorf("%v is neither true nor false", v)
		}
		return b, nil
	}
	x, err := finite(v)
	if err != nil {
		return nil, err
	}
	switch p.spec.Type {
	case ParamPrice:
		return p.price(x)
	case ParamQuantity:
		n := math.Round(x)
		switch {
		case math.Abs(n-x) > tolerance:
			return nil, fmt.Errorf("%v is no whole quantity", x)
		case n < 0:
			return nil, fmt.Errorf("the quantity %v is negative", x)
		case n == 0:
			return nil, errors.New("a quantity of 0 asks for nothing")
		case n > quantityMax:
			return nil, fmt.Errorf("the quantity %v is out of range", x)
		case p.spec.Most > 0 && (int64(n) < p.spec.Least || int64(n) > p.spec.Most):
			return nil, fmt.Errorf("%v is not within %d to %d", x, p.spec.Least, p.spec.Most)
		}
		return int64(n), nil
	default:
		return x, nil
	}
}

func (p *param) price(x float64) (order.Price, error) {
	price, ok := order.PriceOf(x)
	switch {
	case !ok || x > priceMax:
		return 0, fmt.Errorf("the price %v is out of range", x)
	case price < 0:
		return 0, fmt.Errorf("the price %v is negative", x)
	case price == 0 && p.spec.Required:
		return 0, errors.New("0 is no price")
	}
	return price, nil
}
