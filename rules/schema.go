package rules

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"backstop/engine/order"
)

// schema is a JSON Schema or a part of one.
type schema map[string]any

const schemaDialect = "https://json-schema.org/draft/2020-12/schema"

// Schema is the JSON Schema (2020-12) of a rules file, for editors: what may be written where, with the words to
// complete. It is made from the tables that the parser reads by; what only the parser can know (words of
// expressions, channels, names used twice) it lets pass.
func Schema(specs []Spec) []byte {
	s := objectOf(fileTable)
	s["$schema"], s["title"] = schemaDialect, "Rules of Backstop"
	s["$defs"] = definitions(specs)
	return s.json()
}

// SchemaOf is the JSON Schema of a file of other fields in which actions stand too, such as rule tests.
func SchemaOf(title string, fields []Param, specs []Spec) []byte {
	s := objectOf(fields)
	s["$schema"], s["title"] = schemaDialect, title
	s["$defs"] = definitions(specs)
	return s.json()
}

// Mapping is the JSON Schema of a mapping of these fields.
func Mapping(fields []Param) map[string]any { return objectOf(fields) }

func (s schema) json() []byte {
	out, err := json.MarshalIndent(s, "", "  ")
	if err != nil { // texts, numbers and lists only
		panic(err)
	}
	return append(out, '\n')
}

// definitions are the parts that stand in more than one place.
func definitions(specs []Spec) schema {
	scalar := schema{"type": []string{"string", "number", "boolean"}}
	return schema{
		"scalar":    scalar,
		"condition": schema{"type": []string{"string", "boolean"}, "minLength": 1},
		"number":    schema{"type": []string{"number", "string"}, "minLength": 1},
		"text":      schema{"type": []string{"string", "number", "boolean"}, "minLength": 1, "maxLength": textLength},
		"duration":  schema{"type": "string", "pattern": `^([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h)([0-9.]+(ns|us|µs|μs|ms|s|m|h))*$`},
		"kind":      schema{"oneOf": kindSchemas()},
		"rule":      objectOf(ruleTable),
		"action":    actionSchema(specs),
	}
}

func ref(name string) schema { return schema{"$ref": "#/$defs/" + name} }

// objectOf is a mapping of declared fields.
func objectOf(table []Param) schema {
	properties, required := schema{}, []string{}
	for _, p := range table {
		if p.later() {
			continue
		}
		properties[p.Name] = p.described()
		if p.Required {
			required = append(required, p.Name)
		}
	}
	s := schema{"type": "object", "properties": properties, "additionalProperties": false}
	if len(required) > 0 {
		s["required"] = required
	}
	return s
}

// described is the type of a field with what its declaration says besides.
func (p Param) described() schema {
	s := p.typeSchema()
	doc := p.Doc
	if p.Unit != "" {
		doc += " (" + p.Unit + ")"
	}
	if p.Default != "" {
		doc += "; default: " + p.Default
	}
	s["description"] = doc
	if p.Example != "" {
		var v any
		if yaml.Unmarshal([]byte(p.Example), &v) == nil {
			s["examples"] = []any{v}
		}
	}
	return s
}

// one is a single value or a list of them.
func one(element schema, unique bool) schema {
	list := schema{"type": "array", "items": element, "minItems": 1}
	if unique {
		list["uniqueItems"] = true
	}
	return schema{"anyOf": []schema{element, list}}
}

// typeSchema is how a value of the type is written.
func (p Param) typeSchema() schema {
	setting := schema{"type": "string", "pattern": `^\s*[0-9]+(\.[0-9]+)?\s*$|\$\{`}
	switch p.Type {
	case ParamPrice, ParamQuantity, ParamNumber:
		if p.Most > 0 {
			return schema{"anyOf": []schema{{"type": "integer", "minimum": p.Least, "maximum": p.Most}, {"type": "string", "minLength": 1}}}
		}
		return ref("number")
	case ParamBool:
		return ref("condition")
	case ParamText:
		if len(p.Words) > 0 {
			return schema{"anyOf": []schema{{"enum": p.Words}, {"type": "string", "pattern": `\$\{`}}}
		}
		return ref("text")
	case ParamEnum:
		return schema{"enum": p.words()}
	case ParamDuration:
		return ref("duration")
	case ParamRoleList:
		return one(schema{"enum": roleNames()}, false)
	case ParamName:
		return schema{"type": []string{"string", "integer"}, "minLength": 1}
	case ParamSlug:
		return schema{"type": []string{"string", "integer"}, "pattern": slug.String()}
	case ParamIdentifier:
		return schema{"type": "string", "pattern": identifier.String()}
	case ParamLine, ParamSetting:
		return schema{"type": []string{"string", "number", "boolean"}, "minLength": 1}
	case ParamSwitch:
		return schema{"enum": []any{true, false, "true", "false"}}
	case ParamWords:
		return one(schema{"type": []string{"string", "integer"}, "minLength": 1}, true)
	case ParamAny:
		return ref("scalar")
	case ParamKinds:
		s := one(ref("kind"), true)
		if p.Fields != nil { // or a schedule
			return schema{"anyOf": []schema{s, objectOf(p.Fields)}}
		}
		return s
	case ParamActions:
		s := schema{"type": "array", "items": ref("action")}
		if p.Required {
			s["minItems"] = 1
		}
		return s
	case ParamIncludes:
		path := schema{"type": "string", "minLength": 1}
		return one(schema{"anyOf": []schema{path, objectOf(p.Fields)}}, false)
	case ParamRules:
		return schema{"type": "array", "items": ref("rule")}
	case ParamMapping:
		return objectOf(p.Fields)
	case ParamConstants:
		return schema{"type": "object", "propertyNames": schema{"pattern": identifier.String()}, "additionalProperties": one(ref("scalar"), false)}
	case ParamChannels:
		channel := objectOf(channelTable)
		channel["minProperties"], channel["maxProperties"] = 1, 1
		return schema{"type": "object", "propertyNames": schema{"pattern": slug.String()}, "additionalProperties": channel}
	case ParamLimit:
		return schema{"anyOf": []schema{{"type": "number", "exclusiveMinimum": 0}, setting}}
	case ParamCount:
		return schema{"anyOf": []schema{{"type": "integer", "minimum": 1}, setting}}
	case ParamGlobs:
		return one(schema{"type": "string", "minLength": 1}, false)
	case ParamShape:
		return schema(maps.Clone(p.Shape))
	case ParamHours:
		return schema{"type": "string", "pattern": hoursForm.String()}
	}
	return schema{}
}

// words are those of an Enum that this version has; a number may be written as one.
func (p Param) words() []any {
	var out []any
	for _, w := range p.Enum {
		if paramLater(p, w) {
			continue
		}
		var n int
		if _, err := fmt.Sscanf(w, "%d", &n); err == nil && itoa(n) == w {
			out = append(out, n)
		}
		out = append(out, w)
	}
	return out
}

func paramLater(p Param, word string) bool {
	for _, w := range p.Later {
		if w == word {
			return true
		}
	}
	return false
}

func kindSchemas() []schema {
	var out []schema
	for _, k := range order.Kinds() {
		if k.Built {
			out = append(out, schema{"const": string(k.Kind), "description": "of " + k.Of + ": " + k.Doc})
		}
	}
	return out
}

// actionSchema is one element of then: a bare name, or a mapping of one action's name to its parameters.
func actionSchema(specs []Spec) schema {
	properties := schema{}
	var bare []string
	var which []schema
	for _, p := range besideTable {
		if !p.later() {
			properties[p.Name] = p.described()
		}
	}
	for _, spec := range specs {
		if spec.Later {
			continue
		}
		properties[spec.Name] = spec.schema()
		which = append(which, schema{"required": []string{spec.Name}})
		if !spec.needs() {
			bare = append(bare, spec.Name)
		}
	}
	return schema{"anyOf": []schema{
		{"type": "string", "enum": bare},
		{"type": "object", "properties": properties, "additionalProperties": false, "oneOf": which},
	}}
}

// needs says whether a parameter is required.
func (s Spec) needs() bool {
	if s.Free {
		return true
	}
	for _, p := range s.Params {
		if p.Required {
			return true
		}
	}
	return false
}

func (s Spec) schema() schema {
	mapping := objectOf(s.Params)
	if s.Free {
		mapping = schema{"type": "object", "propertyNames": schema{"pattern": identifier.String()}, "additionalProperties": ref("scalar"), "minProperties": 1}
	}
	var not []schema
	for _, only := range s.OneOf {
		for i, a := range only {
			for _, b := range only[i+1:] {
				not = append(not, schema{"required": []string{a, b}})
			}
		}
	}
	if not != nil {
		mapping["not"] = schema{"anyOf": not}
	}
	if with := s.withSchemas(); with != nil {
		mapping["allOf"] = with
	}
	doc := strings.ToUpper(s.Doc[:1]) + s.Doc[1:]
	if s.Short == "" {
		mapping["description"] = doc
		return mapping
	}
	short := paramNamed(s.Params, s.Short).described()
	return schema{"anyOf": []schema{short, mapping}, "description": doc}
}

// withSchemas say which parameters go with which words of an Enum beside them.
func (s Spec) withSchemas() []schema {
	var out []schema
	for _, p := range s.Params {
		if p.With == nil {
			continue
		}
		of := paramNamed(s.Params, p.With.Param)
		word := schema{"properties": schema{of.Name: schema{"enum": p.With.Words}}}
		then := maps.Clone(word)
		if !slices.Contains(p.With.Words, of.Default) {
			then["required"] = []string{of.Name}
		}
		out = append(out, schema{"if": schema{"required": []string{p.Name}}, "then": then})
		if p.With.Needed {
			when := maps.Clone(word)
			when["required"] = []string{of.Name}
			out = append(out, schema{"if": when, "then": schema{"required": []string{p.Name}}})
		}
	}
	return out
}
