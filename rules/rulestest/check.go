package rulestest

import (
	"cmp"
	"slices"

	"gopkg.in/yaml.v3"

	"backstop/rules"
)

// Check finds what a test file says of rules that are not there, and tests that could not fail.
func (f *File) Check(set *rules.Set) rules.Problems {
	r := f.reader
	var names []string
	for _, rule := range set.Rules() {
		names = append(names, rule.Name)
	}
	isRule := func(n *yaml.Node, name string) {
		if _, ok := set.Rule(name); !ok {
			r.fail(n, codeUnknown, "there is no rule "+name, didYouMean(name, names))
		}
	}
	for _, t := range f.Tests {
		expects := false
		for _, s := range t.steps {
			expects = expects || s.expects
			if s.answers != nil {
				isRule(s.answers.node, s.answers.rule)
				r.checkAction(s.answers.node, s.answers.action)
			}
			for _, x := range s.refuse {
				isRule(x.node, x.rule)
				r.checkAction(x.node, x.action)
			}
			for _, x := range s.expect {
				if x.kind == kindRule {
					for _, w := range x.want.fields {
						isRule(w.key, w.key.Value)
					}
				} else if w, ok := x.want.field("rule"); ok && !w.isGlob {
					isRule(w.node, w.node.Value)
				}
			}
		}
		if !expects && len(t.steps) > 0 {
			r.failAt(t.Pos.Line, t.Pos.Column, len([]rune(t.Name)), codeMissing, "the test expects nothing: it could not fail", "write expect: to a step; expect: [] means that nothing follows")
		}
	}
	slices.SortStableFunc(r.problems, func(a, b rules.Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return r.problems
}

func (r *reader) checkAction(n *yaml.Node, action string) {
	if _, ok := builtin[action]; action != "" && !ok {
		var names []string
		for name := range sorted(builtin) {
			names = append(names, name)
		}
		r.fail(n, codeUnknown, "there is no action "+action, didYouMean(action, names))
	}
}

// RulesProblem is the mistake of a test file whose rules can't be read.
func (f *File) RulesProblem(err error) rules.Problems {
	r := f.reader
	if f.rulesNode != nil {
		r.fail(f.rulesNode, codeFile, err.Error(), "rules is found from where the test file stands")
	} else {
		r.failAt(1, 1, 1, codeFile, err.Error(), "write rules: and the name of the rules file")
	}
	return r.problems
}
