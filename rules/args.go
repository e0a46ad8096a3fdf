package rules

import (
	"time"

	"backstop/engine/order"
)

// Args are the values of an action's parameters, in the order of its Spec, defaults filled in.
type Args struct{ values []arg }

type arg struct {
	name    string
	value   any
	written bool
}

func (a Args) find(name string) (arg, bool) {
	for _, v := range a.values {
		if v.name == name {
			return v, true
		}
	}
	return arg{}, false
}

func get[T any](a Args, name string) (T, bool) {
	v, _ := a.find(name)
	t, ok := v.value.(T)
	return t, ok
}

// Has says whether the parameter was written in the file; a default does not count.
func (a Args) Has(name string) bool {
	v, _ := a.find(name)
	return v.written
}

// Names are those that have a value, in the order of the Spec.
func (a Args) Names() []string {
	names := make([]string, len(a.values))
	for i, v := range a.values {
		names[i] = v.name
	}
	return names
}

// Price is a price parameter; false where it has no value.
func (a Args) Price(name string) (order.Price, bool) { return get[order.Price](a, name) }

// Quantity is a whole number of units; false where it has no value.
func (a Args) Quantity(name string) (int64, bool) { return get[int64](a, name) }

// Number is a number; false where it has no value.
func (a Args) Number(name string) (float64, bool) { return get[float64](a, name) }

// Duration is a duration; false where it has no value.
func (a Args) Duration(name string) (time.Duration, bool) { return get[time.Duration](a, name) }

// Bool is true or false; false where it has no value.
func (a Args) Bool(name string) bool {
	b, _ := get[bool](a, name)
	return b
}

// Text is a text, or a channel's name; "" where it has no value. A channel that was not written is the one
// that the message goes to by default.
func (a Args) Text(name string) string {
	s, _ := get[string](a, name)
	return s
}

// Enum is a word of the parameter's list, its default where none was written.
func (a Args) Enum(name string) string { return a.Text(name) }

// Roles is a list of roles; none where it has no value.
func (a Args) Roles(name string) []order.Role {
	r, _ := get[[]order.Role](a, name)
	return r
}

// Map is the values as words of action.* and steps.ID.*: prices and numbers as float64, quantities as int,
// texts, enums and durations as string, roles as a list of string. They survive JSON.
func (a Args) Map() map[string]any {
	out := make(map[string]any, len(a.values))
	for _, v := range a.values {
		switch x := v.value.(type) {
		case order.Price:
			out[v.name] = x.Rupees()
		case int64:
			out[v.name] = int(x)
		case time.Duration:
			out[v.name] = x.String()
		case []order.Role:
			roles := make([]string, len(x))
			for i, r := range x {
				roles[i] = string(r)
			}
			out[v.name] = roles
		default:
			out[v.name] = x
		}
	}
	return out
}
