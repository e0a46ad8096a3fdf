package rules

import (
	"slices"
	"strings"

	"backstop/engine/order"
)

// Entry is one line of the reference: a word, a function, a kind, a field, an action, or a parameter or result of
// one.
type Entry struct {
	WordDoc
	Part     string   `json:"part"`
	Default  string   `json:"default,omitempty"`
	Required bool     `json:"required,omitempty"`
	Values   []string `json:"values,omitempty"` // all that there are, where there is a list
}

// The parts of the reference, in its order.
const (
	PartWord      = "word"
	PartFunction  = "function"
	PartKind      = "kind"
	PartFile      = "field of the file"
	PartRule      = "field of a rule"
	PartGuardrail = "guardrail"
	PartAction    = "action"
)

// Reference is everything that can be written in a rules file of this version, from the declarations that it is
// read by.
func Reference(specs []Spec) []Entry {
	var out []Entry
	for _, w := range WordList() {
		e := Entry{Part: PartWord, WordDoc: w}
		if strings.HasSuffix(w.Name, ")") {
			e.Part = PartFunction
		} else if list, ok := closedWords[w.Name]; ok {
			e.Values = list.values
		}
		out = append(out, e)
	}
	for _, k := range order.Kinds() {
		if k.Built {
			out = append(out, Entry{Part: PartKind, WordDoc: WordDoc{Name: string(k.Kind), Type: "kind of " + k.Of, Example: "on: " + string(k.Kind), Doc: k.Doc}})
		}
	}
	out = append(out, entriesOf(PartFile, "", fileTable)...)
	out = append(out, entriesOf(PartRule, "", ruleTable)...)
	out = append(out, entriesOf(PartGuardrail, "", guardrailTable)...)
	for _, s := range specs {
		if s.Later {
			continue
		}
		out = append(out, Entry{Part: PartAction, WordDoc: WordDoc{Name: s.Name, Type: "action", Example: s.example(), Doc: s.Doc}})
		out = append(out, entriesOf(PartAction, s.Name+".", s.Params)...)
		for _, r := range s.Results {
			e := entryOf(PartAction, "action.", r)
			e.Example = "${action." + r.Name + "}"
			e.Doc = "of " + s.Name + ", behind it: " + e.Doc
			out = append(out, e)
		}
	}
	return append(out, entriesOf(PartAction, "(any action) ", besideTable)...)
}

func entriesOf(part, prefix string, table []Param) []Entry {
	var out []Entry
	for _, p := range table {
		if !p.later() {
			out = append(out, entryOf(part, prefix, p))
		}
	}
	return out
}

func entryOf(part, prefix string, p Param) Entry {
	e := Entry{Part: part, WordDoc: WordDoc{Name: prefix + p.Name, Type: string(p.Type), Unit: p.Unit, Example: p.example(), Doc: p.Doc}, Default: p.Default, Required: p.Required}
	e.Values = slices.Clone(p.Words)
	for _, w := range p.Enum {
		if !paramLater(p, w) {
			e.Values = append(e.Values, w)
		}
	}
	return e
}

// example is how the parameter may be written.
func (p Param) example() string {
	switch {
	case p.Example != "":
		return p.Example
	case len(p.Enum) > 0:
		return p.Enum[0]
	case len(p.Words) > 0:
		return p.Words[0]
	case p.Default != "":
		return p.Default
	}
	switch p.Type {
	case ParamPrice:
		return exampleOf(p)
	case ParamQuantity:
		return "group.open_quantity / 2"
	case ParamNumber:
		return "2.5"
	case ParamText:
		return `"${order.tradingsymbol}"`
	case ParamDuration:
		return "5m"
	case ParamRoleList:
		return "[target]"
	case ParamName:
		return "desk"
	}
	return ""
}

// example is the action as it is written at its shortest.
func (s Spec) example() string {
	for _, p := range s.Params {
		switch {
		case !p.Required:
		case s.Short == p.Name:
			return s.Name + ": " + p.example()
		default:
			return s.Name + ": { " + p.Name + ": " + p.example() + " }"
		}
	}
	return s.Name
}
