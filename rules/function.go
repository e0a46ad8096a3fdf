package rules

import (
	"errors"
	"fmt"
	"math"
	"reflect"

	"github.com/expr-lang/expr/builtin"

	"backstop/engine/order"
)

// function is a function of the language. What it reads beside its arguments (the group's side and entry
// price) is handed to it as further arguments, put there when the expression is compiled: so it is pure, and
// what an expression reads can be seen in it.
type function struct {
	name     string
	usage    string // as the reference page shows it; "" for those that only stand for operators
	gives    string // its type, in the words of the reference page
	unit     string
	example  string
	doc      string
	min, max int      // how many arguments a person writes; max < 0: any number
	hidden   []string // words appended to them
	types    []any    // signatures, hidden arguments included
	call     func(args []any) (any, error)
}

var functions = []function{
	{name: "loss", usage: "loss(25)", gives: "number", unit: "rupees", example: "90", doc: "the price at which the group has lost so many per cent of its entry price, bought or sold; of a second value, such as event.fill_price, in place of the entry price",
		min: 1, max: 2, hidden: []string{"group.side", "group.entry_price"}, types: awayTypes,
		call: func(a []any) (any, error) { return away(a, -1) }},
	{name: "profit", usage: "profit(50)", gives: "number", unit: "rupees", example: "180", doc: "the price at which the group has won so many per cent of its entry price, bought or sold; of a second value, such as event.fill_price, in place of the entry price",
		min: 1, max: 2, hidden: []string{"group.side", "group.entry_price"}, types: awayTypes,
		call: func(a []any) (any, error) { return away(a, +1) }},
	{name: "gain", usage: "gain()", gives: "number", unit: "per cent", example: "-1.25", doc: "how many per cent of its entry price the group has won at the last price",
		hidden: []string{"group.side", "group.entry_price", "group.last_price"}, types: []any{new(func(string, float64, float64) float64)}, call: gain},
	{name: "round_tick", usage: "round_tick(x)", gives: "number", unit: "rupees", example: "96.05", doc: "the nearest price on the instrument's tick",
		min: 1, max: 1, hidden: []string{"instrument.tick_size"}, types: []any{new(func(float64, float64) float64)}, call: roundTick},
	{name: "like", usage: "like(text, \"NIFTY*\")", gives: "bool", example: "true", doc: "whether the text fits the pattern; * is any characters, ? one",
		min: 2, max: 2, types: []any{new(func(string, string) bool)},
		call: func(a []any) (any, error) { return Glob(textOf(a[0]), textOf(a[1])), nil }},
	{name: "min", usage: "min(a, b)", gives: "number", example: "90", doc: "the smallest of its numbers",
		min: 1, max: -1, types: []any{new(func(int, ...int) int), new(func(float64, ...float64) float64)},
		call: func(a []any) (any, error) { return extreme(a, func(x, y float64) bool { return x < y }) }},
	{name: "max", usage: "max(a, b)", gives: "number", example: "96", doc: "the largest of its numbers",
		min: 1, max: -1, types: []any{new(func(int, ...int) int), new(func(float64, ...float64) float64)},
		call: func(a []any) (any, error) { return extreme(a, func(x, y float64) bool { return x > y }) }},
	{name: "abs", usage: "abs(x)", gives: "number", example: "75", doc: "the number without its sign",
		min: 1, max: 1, types: []any{new(func(int) int), new(func(float64) float64)}, call: absolute},
	{name: recentName, usage: "recent(\"rejected\", \"5m\")", gives: "number", example: "2", doc: "how many events of the kind there were that shortly before, this one included; of the account, or with \"symbol\" as a third value of the event's symbol",
		min: 2, max: 3, types: []any{new(func(map[string]int, string) int)},
		call: func(a []any) (any, error) { counts, _ := a[0].(map[string]int); return counts[textOf(a[1])], nil }},
	{name: "minutes_to_close", usage: "minutes_to_close()", gives: "number", unit: "minutes", example: "18", doc: "to the end of today's session of the order's exchange (NSE where there is no order); negative after it",
		hidden: []string{"$clock.session", "$clock.minutes"}, types: []any{new(func(bool, float64) float64)},
		call: func(a []any) (any, error) {
			if session, _ := a[0].(bool); !session {
				return nil, fmt.Errorf("the close of a day without a session %w", errNotKnown)
			}
			return a[1], nil
		}},
	{name: "is_open", usage: "is_open()", gives: "bool", example: "true", doc: "whether the order's exchange (NSE where there is no order) trades now",
		hidden: []string{"$clock.open"}, types: []any{new(func(bool) bool)}, call: func(a []any) (any, error) { return a[0], nil }},
	{name: "time_of_day", usage: "time_of_day()", gives: "text", example: "09:31", doc: "HH:MM in IST; compare it as a text: time_of_day() > \"15:00\"",
		hidden: []string{"$clock.time_of_day"}, types: []any{new(func(string) string)}, call: func(a []any) (any, error) { return a[0], nil }},
}

// recentName is the one function whose values are read when the file is: what it counts must be remembered.
const recentName = "recent"

// builtins are expr's own functions that stay on: pure, and no larger than what they are given. The rest is
// off: now and date read the clock, repeat, split and the like grow without need.
var builtins = []string{"all", "none", "any", "one", "filter", "map", "count", "sum", "find", "len", "ceil", "floor", "round",
	"int", "float", "string", "trim", "trimPrefix", "trimSuffix", "upper", "lower", "hasPrefix", "hasSuffix", "indexOf", "first", "last", "join"}

// loops are those of them that look at each element of a list.
var loops = []string{"all", "none", "any", "one", "filter", "map", "count", "sum", "find"}

func functionNamed(name string) (function, bool) {
	for _, f := range functions {
		if f.name == name {
			return f, true
		}
	}
	return function{}, false
}

// forExpr is the table that expr's checker and compiler want, operators included.
func forExpr() map[string]*builtin.Function {
	out := map[string]*builtin.Function{}
	for _, list := range [][]function{functions, operators, lookups, memories} {
		for _, f := range list {
			e := &builtin.Function{Name: f.name, Func: func(args ...any) (any, error) { return f.call(args) }}
			for _, t := range f.types {
				e.Types = append(e.Types, reflect.TypeOf(t).Elem())
			}
			out[f.name] = e
		}
	}
	return out
}

// errNotKnown: what is not known is never 0 and never false.
var errNotKnown = errors.New("is not known")

var awayTypes = []any{new(func(float64, float64, string, float64) float64), new(func(float64, string, float64) float64)}

// away is the entry price, or the one given behind the per cent, moved by so many per cent, towards profit (+1) or
// loss (-1).
func away(a []any, towards float64) (any, error) {
	percent, err := numberOf(a[0])
	if err != nil {
		return nil, err
	}
	side, price := a[1], a[2]
	if len(a) == 4 {
		side, price = a[2], a[1]
		if given, _ := numberOf(price); given <= 0 {
			return nil, fmt.Errorf("the price to move from %w", errNotKnown)
		}
	}
	entry, err := entryPrice(side, price)
	if err != nil {
		return nil, err
	}
	if textOf(side) == order.Sell {
		towards = -towards
	}
	return exact(entry * (1 + towards*percent/100))
}

func gain(a []any) (any, error) {
	entry, err := entryPrice(a[0], a[1])
	if err != nil {
		return nil, err
	}
	last, err := numberOf(a[2])
	if err != nil {
		return nil, err
	}
	if last <= 0 {
		return nil, fmt.Errorf("group.last_price %w", errNotKnown)
	}
	g := (last - entry) / entry * 100
	if textOf(a[0]) == order.Sell {
		g = -g
	}
	return exact(g)
}

func entryPrice(side, price any) (float64, error) {
	entry, err := numberOf(price)
	if err != nil {
		return 0, err
	}
	if s := textOf(side); s != order.Buy && s != order.Sell {
		return 0, fmt.Errorf("group.side %w", errNotKnown)
	}
	if entry <= 0 {
		return 0, fmt.Errorf("group.entry_price %w", errNotKnown)
	}
	return entry, nil
}

func roundTick(a []any) (any, error) {
	x, err := numberOf(a[0])
	if err != nil {
		return nil, err
	}
	size, err := numberOf(a[1])
	if err != nil {
		return nil, err
	}
	tick, ok := order.PriceOf(size)
	if !ok || tick <= 0 {
		return nil, fmt.Errorf("instrument.tick_size %w", errNotKnown)
	}
	p, ok := order.PriceOf(x)
	if !ok {
		return nil, fmt.Errorf("%v is no price", x)
	}
	return p.Round(tick, order.Nearest).Rupees(), nil
}

func extreme(args []any, better func(x, y float64) bool) (any, error) {
	var best any
	var value float64
	for i, a := range args {
		x, err := numberOf(a)
		if err != nil {
			return nil, err
		}
		if i == 0 || better(x, value) {
			best, value = a, x
		}
	}
	for _, a := range args { // of numbers of both kinds the answer is a float, whichever wins
		if _, whole := a.(int); !whole {
			return value, nil
		}
	}
	return best, nil
}

func absolute(a []any) (any, error) {
	if n, ok := a[0].(int); ok {
		if n == math.MinInt {
			return nil, errOverflow
		}
		return max(n, -n), nil
	}
	x, err := numberOf(a[0])
	return math.Abs(x), err
}

// exact takes the noise of binary fractions off a price or percentage: six decimals, as prices are taken.
func exact(x float64) (any, error) {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return nil, errNoNumber
	}
	if p, ok := order.PriceOf(x); ok {
		return p.Rupees(), nil
	}
	return x, nil
}

func textOf(v any) string {
	s, _ := v.(string)
	return s
}
