package rules_test

import (
	"strings"
	"testing"

	"backstop/actions"
	"backstop/rules"
)

// The reference names everything with its type, an example and what it is.
func TestReferenceIsWhole(t *testing.T) {
	t.Parallel()
	parts := map[string]int{}
	for _, e := range rules.Reference(actions.Builtin()) {
		parts[e.Part]++
		if e.Name == "" || e.Type == "" || e.Doc == "" || e.Example == "" && e.Name != "rules" {
			t.Errorf("%s %q lacks its type, example or meaning: %+v", e.Part, e.Name, e)
		}
	}
	for part, least := range map[string]int{rules.PartWord: 60, rules.PartFunction: 8, rules.PartKind: 15, rules.PartFile: 7,
		rules.PartRule: 12, rules.PartGuardrail: 10, rules.PartAction: 20} {
		if parts[part] < least {
			t.Errorf("only %d of %s", parts[part], part)
		}
	}
}

// The examples of fields can be written as they stand.
func TestExamplesOfFields(t *testing.T) {
	t.Parallel()
	for _, table := range []struct {
		fields []rules.Param
		before string
		after  string
	}{
		{rules.FileFields(), "", "\nrules: []\n"},
		{rules.RuleFields(), "version: 1\nrules:\n  - ", "\n"},
		{rules.GuardrailFields(), "version: 1\nrules: []\nguardrails:\n  ", "\n"},
	} {
		for _, p := range table.fields {
			if p.Name == "rules" || len(p.Later) > 0 && p.Later[0] == "" {
				continue
			}
			text := table.before + p.Name + ": " + p.Example + table.after
			if p.Type == rules.ParamActions {
				text = table.before + p.Name + ":\n      " + p.Example + table.after
			}
			_, problems := rules.Parse(p.Name, []byte(text), options())
			for _, problem := range problems.Errors() {
				c, _ := rules.CodeNamed(problem.Code)
				missing := c.Slug == "missing-field" || c.Slug == "unknown-channel" && p.Name == "alerts"
				if !missing && !strings.HasPrefix(problem.Message, "a rule needs") {
					t.Errorf("%s", problem)
				}
			}
		}
	}
}
