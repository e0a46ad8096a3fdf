package rules

import (
	"fmt"
	"strconv"

	"gopkg.in/yaml.v3"
)

// readVars reads the constants in the order of the file: a later one may use an earlier one.
func (r *reader) readVars(n *yaml.Node) {
	r.scope.vars = map[string]constant{}
	if n == nil || !r.mapping(n, "vars", "write vars: { stop_pct: 20 }") {
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if r.skip[key] {
			continue
		}
		name, ok := r.plain(key, "a variable's name")
		if !ok {
			continue
		}
		if !identifier.MatchString(name) {
			r.failNode(key, "bad-name", fmt.Sprintf("%q can't be a variable's name", name), "letters, digits and _, beginning with a letter")
			continue
		}
		c, ok := r.constant(value)
		if !ok {
			c = constant{unset: true} // told; what uses it is not told again
		}
		c = r.overridden(name, c)
		if _, twice := r.scope.vars[name]; !twice {
			r.scope.vars[name] = c
			r.scope.varList = append(r.scope.varList, name)
		}
	}
}

// constant is one value of vars: a number, true or false, a text, or a list of them.
func (r *reader) constant(n *yaml.Node) (constant, bool) {
	switch {
	case r.skip[n]:
		return constant{}, false
	case n.Kind == yaml.SequenceNode:
		return r.constantList(n)
	case n.Kind != yaml.ScalarNode:
		r.failNode(n, "wrong-type", "a variable is a number, a text, true, false, or a list of them", "write vars: { stop_pct: 20 }")
		return constant{}, false
	}
	l := r.src.locate(n)
	switch n.Tag {
	case "!!bool":
		return constant{value: n.Value == "true" || n.Value == "True" || n.Value == "TRUE"}, true
	case "!!int", "!!float":
		if r.mistakenNumber(n, l) {
			return constant{}, false
		}
		if v, ok := numeric(n.Value); ok {
			return constant{value: v}, true
		}
		r.failNode(n, "bad-number", n.Value+" is out of range", "write a smaller number")
		return constant{}, false
	}
	return r.constantText(l)
}

// constantText is a text, with ${env.NAME} and earlier vars in it. One that is nothing but `${…}` has the type
// of what it reads; an environment value that looks like a number, true or false is one.
func (r *reader) constantText(l located) (constant, bool) {
	sc := r.constantScope()
	t, ok := r.template(l, sc)
	if !ok {
		return constant{}, false
	}
	var c constant
	for w := range t.read.words {
		path := splitDots(w)
		c.env = c.env || path[0] == "env" || r.scope.vars[path[1]].env
	}
	if r.readsUnset(t.read) {
		c.unset = true
		return c, true
	}
	if len(t.segments) != 1 || t.segments[0].expression == nil {
		text, err := t.value(&Words{})
		if err != nil {
			r.failAt(l, "wrong-type", "this can't be worked out: "+err.Error(), "write the value itself")
			return c, false
		}
		c.value = text
		return c, true
	}
	v, err := t.segments[0].expression.value(&Words{})
	if err != nil {
		r.failAt(l, "wrong-type", "this can't be worked out: "+err.Error(), "write the value itself")
		return c, false
	}
	if text, ok := v.(string); ok && c.env {
		v = fromEnvironment(text)
	}
	c.value = v
	return c, true
}

func (r *reader) constantList(n *yaml.Node) (constant, bool) {
	list, good := []any{}, true
	var c constant
	for _, e := range n.Content {
		one, ok := r.constant(e)
		if ok && e.Kind == yaml.SequenceNode {
			r.failNode(e, "wrong-type", "a list of lists is no variable", "write one list")
			ok = false
		}
		if ok && len(list) > 0 && !one.unset && fmt.Sprintf("%T", one.value) != fmt.Sprintf("%T", list[0]) && !bothNumbers(one.value, list[0]) {
			r.failNode(e, "wrong-type", "the values of a list are all of one type", "quote them all, or none")
			ok = false
		}
		good = good && ok
		c.env, c.unset = c.env || one.env, c.unset || one.unset
		list = append(list, one.value)
	}
	if len(list) == 0 && good {
		r.failNode(n, "empty-value", "the list is empty", "write at least one value")
		return c, false
	}
	c.value = list
	return c, good
}

func bothNumbers(a, b any) bool {
	_, errA := numberOf(a)
	_, errB := numberOf(b)
	return errA == nil && errB == nil
}

func numeric(text string) (any, bool) {
	if n, err := strconv.Atoi(text); err == nil {
		return n, true
	}
	if x, err := strconv.ParseFloat(text, 64); err == nil {
		if _, err := finite(x); err == nil {
			return x, true
		}
	}
	return nil, false
}

func fromEnvironment(text string) any {
	switch text {
	case "true":
		return true
	case "false":
		return false
	}
	if decimal.MatchString(text) {
		if v, ok := numeric(text); ok {
			return v
		}
	}
	return text
}
