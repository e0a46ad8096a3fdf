package rules

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// Bounds of includes.
const (
	includeDepth = 8
	includeFiles = 64
)

// inclusion is how a file is brought in: what its vars are to be, and what stands before its rules' names.
type inclusion struct {
	vars map[string]override
	as   string
}

// override is a var's value from the including file.
type override struct {
	value constant
	told  func(message, hint string) // at its name
}

// readIncludes brings in what the file names, in its order. Its paths are relative to it.
func (r *reader) readIncludes(n *yaml.Node) {
	if n == nil {
		return
	}
	list := []*yaml.Node{n}
	if n.Kind == yaml.SequenceNode {
		list = n.Content
		if len(list) == 0 {
			r.failNode(n, "empty-value", "include lists nothing", "write a file, or leave include out")
		}
	}
	for _, e := range list {
		r.readInclude(e)
	}
}

func (r *reader) readInclude(n *yaml.Node) {
	how := inclusion{vars: map[string]override{}}
	at := n
	if n.Kind == yaml.MappingNode && !r.skip[n] {
		fields := r.fields(n, "include", includeTable)
		f, ok := fields["file"]
		if !ok {
			if !r.damaged {
				r.failNode(n, "missing-field", "include needs file", "write - { file: packs/oco.yaml, vars: { stop_pct: 25 } }")
			}
			return
		}
		at = f.value
		if f, ok := fields["as"]; ok {
			how.as, _ = r.name(f.value, "a beginning of names")
		}
		if f, ok := fields["vars"]; ok && r.mapping(f.value, "vars", "write vars: { stop_pct: 25 }") {
			how.vars = r.overrides(f.value)
		}
	}
	path, ok := r.plain(at, "a file to include")
	if !ok {
		return
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(filepath.Dir(r.src.name), path)
	}
	refuse := func(message, hint string) { r.failNode(at, "bad-include", message, hint) }
	switch {
	case slices.Contains(r.chain, filepath.Clean(path)):
		refuse(path+" includes itself: "+strings.Join(append(slices.Clone(r.chain), filepath.Clean(path)), " → "), "take one of the includes out")
		return
	case len(r.chain) > includeDepth || len(r.top.all) > includeFiles:
		refuse(fmt.Sprintf("there are at most %d files, %d deep", includeFiles, includeDepth), "bring some of them together")
		return
	case r.o.Read == nil:
		refuse("other files can't be read here", "put its rules into this file")
		return
	}
	src, err := r.o.Read(path)
	if err != nil {
		refuse("the file can't be read: "+err.Error(), "paths are relative to "+r.src.name)
		return
	}
	sub := &reader{o: r.o, src: newSource(path, string(src)), set: &Set{}, skip: map[*yaml.Node]bool{}, top: r.top, how: how,
		chain: append(slices.Clone(r.chain), filepath.Clean(path))}
	r.top.contents = append(r.top.contents, path, string(src))
	if sub.readable(src) {
		sub.open()
	}
	for name, o := range how.vars {
		if !slices.Contains(sub.scope.varList, name) {
			hint := "it has no vars"
			if len(sub.scope.varList) > 0 {
				hint = didYouMean(name, sub.scope.varList)
			}
			o.told(path+" has no vars."+name, hint)
		}
	}
	r.top.all = append(r.top.all, sub)
}

// overrides are the values that an including file gives to another one's vars.
func (r *reader) overrides(n *yaml.Node) map[string]override {
	out := map[string]override{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if r.skip[key] {
			continue
		}
		c, ok := r.constant(value)
		if !ok {
			c = constant{unset: true}
		}
		out[key.Value] = override{c, func(message, hint string) { r.failNode(key, "unknown-variable", message, hint) }}
	}
	return out
}

// overridden is what a var is where the including file says so; its type stays.
func (r *reader) overridden(name string, c constant) constant {
	o, ok := r.how.vars[name]
	if !ok {
		return c
	}
	if a, b := kindOfConstant(c), kindOfConstant(o.value); a != "" && b != "" && a != b {
		o.told(fmt.Sprintf("vars.%s is a %s in %s, not a %s", name, a, r.src.name, b), "write a "+a)
		return c
	}
	return o.value
}

func kindOfConstant(c constant) string {
	switch c.value.(type) {
	case string:
		return "text"
	case bool:
		return "true or false"
	case []any:
		return "list"
	case int, float64:
		return "number"
	}
	return ""
}

// adopt takes what an included file says of the whole: channels and guardrails of names that are not written yet.
func (r *reader) adopt(sub *reader) {
	for _, c := range sub.set.channels {
		if _, taken := r.set.Channel(c.Name); !taken {
			r.set.channels = append(r.set.channels, c)
		}
	}
	for name := range sub.limits {
		if !r.limits[name] {
			if r.limits == nil {
				r.limits = map[string]bool{}
			}
			r.limits[name] = true
			r.set.guardrails.take(name, sub.set.guardrails)
		}
	}
}

// take takes one limit from another's.
func (g *Guardrails) take(name string, from Guardrails) {
	switch name {
	case "max_order_value":
		g.MaxOrderValue = from.MaxOrderValue
	case "max_order_quantity":
		g.MaxOrderQuantity = from.MaxOrderQuantity
	case "max_orders_per_minute":
		g.MaxOrdersPerMinute = from.MaxOrdersPerMinute
	case "max_orders_per_day":
		g.MaxOrdersPerDay = from.MaxOrdersPerDay
	case "max_open_positions":
		g.MaxOpenPositions = from.MaxOpenPositions
	case "max_daily_loss":
		g.MaxDailyLoss = from.MaxDailyLoss
	case "instruments":
		g.Instruments = from.Instruments
	case "products":
		g.Products = from.Products
	case "trading_hours":
		g.TradingHours = from.TradingHours
	case "max_chain":
		g.MaxChain = from.MaxChain
	}
}
