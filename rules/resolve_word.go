package rules

import (
	"fmt"
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"
)

// member is a dotted word, an index, or a field of what a loop looks at.
func (v *resolver) member(n *ast.MemberNode) {
	path := pathOf(n)
	if path == nil {
		v.walk(n.Node)
		if p, ok := n.Property.(*ast.StringNode); ok {
			if v.names {
				v.field(n, families["order"], "order", p.Value)
			}
			return
		}
		v.walk(n.Property)
		return
	}
	switch root := path[0]; {
	case !v.reachable(n, path):
	case root == "vars":
		v.variable(n, path)
	case root == "state":
		v.stateWord(n, path)
	case root == "action":
		v.actionWord(n, path, v.e.scope.action)
	case root == "steps":
		v.stepWord(n, path)
	default:
		v.familyWord(n, path)
	}
}

// reachable says whether the word's root can be read at this place, and reports where not.
func (v *resolver) reachable(n *ast.MemberNode, path []string) bool {
	sc, first := v.e.scope, path[0]
	switch {
	case first == "$env":
		v.refuse(n, "$env is not part of the language", "write the word itself, such as order.status")
	case first == "env":
		v.env(n, path)
		return false
	case sc.only == onlyVars && first != "vars":
		v.fail(n, "not-here", "only vars and ${env.NAME} can be read here, not "+dotted(path), "rules read the order; this is read once, when the file is loaded")
	case first == errorFamily && !sc.inError:
		v.fail(n, "not-here", dotted(path)+" is known only in on_error", "of a rejected order the words are order.status_message, order.reason and order.hint")
	case (first == "action" || first == "steps") && !sc.inSteps:
		v.fail(n, "not-here", dotted(path)+" is known only in actions that follow another one", "in when, read order, event or group")
	case first == "vars" || first == "state" || first == "action" || first == "steps" || slices.Contains(roots, first):
		return true
	default:
		at, _ := v.e.spans.of(n)
		v.failAt(at, at+len([]rune(first)), "unknown-word", "unknown word "+dotted(path), v.hintForPath(path))
	}
	return false
}

func (v *resolver) hintForPath(path []string) string {
	if near := nearest(path[0], append(slices.Clone(roots), "vars", "state", "action", "steps")); near != "" {
		return "did you mean " + dotted(append([]string{near}, path[1:]...)) + "?"
	}
	return "the words begin with " + strings.Join(append(slices.Clone(roots), "vars"), ", ")
}

func (v *resolver) env(n *ast.MemberNode, path []string) {
	if v.e.scope.env == nil {
		v.envHere(n)
		return
	}
	if len(path) != 2 {
		v.fail(n, "unknown-word", dotted(path)+" is no environment value", "write ${env.NAME}")
		return
	}
	v.e.read.word(dotted(path))
	from, to := v.e.spans.of(n)
	v.r.checkEnv(v.e.source.slice(from, to), path[1])
}

func (v *resolver) envHere(n ast.Node) {
	v.fail(n, "env-here", "environment values are read only in vars, channels and guardrails",
		"name it there (vars: { NAME: \"${env.NAME}\" }) and write vars.NAME here")
}

func (v *resolver) variable(n *ast.MemberNode, path []string) {
	if slices.Contains(v.r.lost, "vars") { // it may be right
		v.bad = true
		return
	}
	if _, ok := v.e.scope.vars[path[1]]; !ok {
		hint := "no vars are written in this file"
		if len(v.e.scope.varList) > 0 {
			hint = "one of: " + strings.Join(prefixed("vars.", v.e.scope.varList), ", ")
			if near := nearest(path[1], v.e.scope.varList); near != "" {
				hint = "did you mean vars." + near + "?"
			}
		}
		v.fail(n.Property, "unknown-variable", "unknown variable "+dotted(path[:2]), hint)
		return
	}
	if len(path) > 2 {
		v.fail(n.Property, "unknown-word", dotted(path[:2])+" is one value, without parts", "leave out what follows it")
		return
	}
	v.e.read.word(dotted(path))
}

func (v *resolver) actionWord(n *ast.MemberNode, path []string, spec *Spec) {
	switch {
	case spec != nil && spec.Name == "": // the action before is no action, which is told there
		v.bad = true
	case spec == nil:
		v.fail(n, "not-here", "no action comes before this one", "action.* reads the action before; this is the first")
	case len(path) != 2:
		v.fail(n.Property, "unknown-word", dotted(path[:2])+" is one value, without parts", "leave out what follows it")
	default:
		v.specWord(n, path, *spec)
	}
}

func (v *resolver) stepWord(n *ast.MemberNode, path []string) {
	spec, ok := v.e.scope.steps[path[1]]
	switch {
	case !ok:
		var ids []string
		for id := range v.e.scope.steps {
			ids = append(ids, id)
		}
		slices.Sort(ids)
		hint := "give an earlier action an `id:` and read steps.ID.*"
		if len(ids) > 0 {
			hint = didYouMean(path[1], ids)
		}
		v.fail(n, "unknown-word", "no earlier action has the id "+path[1], hint)
	case len(path) != 3:
		v.fail(n, "unknown-word", dotted(path)+" is no word of "+spec.Name, "write steps."+path[1]+".order_id")
	default:
		v.specWord(n, path, spec)
	}
}

func (v *resolver) specWord(n *ast.MemberNode, path []string, spec Spec) {
	name := path[len(path)-1]
	if _, ok := spec.word(name); !ok {
		hint := didYouMean(name, spec.wordNames())
		if near := nearest(name, spec.wordNames()); near != "" {
			hint = "did you mean " + dotted(append(slices.Clone(path[:len(path)-1]), near)) + "?"
		}
		if len(spec.wordNames()) == 0 {
			hint = spec.Name + " has nothing to read"
		}
		v.fail(n.Property, "unknown-word", fmt.Sprintf("unknown word %s (the action is %s)", dotted(path), spec.Name), hint)
		return
	}
	v.e.read.word(dotted(path))
}

func (v *resolver) familyWord(n *ast.MemberNode, path []string) {
	fam := families[path[0]]
	prefix := path[0]
	for i, name := range path[1:] {
		if len(fam.fields) == 0 {
			v.fail(n.Property, "unknown-word", prefix+" is one value, without parts", "leave out what follows it")
			return
		}
		if !v.field(n, fam, prefix, name) {
			return
		}
		prefix += "." + name
		fam = families[prefix]
		if i == len(path)-2 && len(fam.fields) > 0 {
			v.fail(n, "bare-family", prefix+" stands for many words", "write one of them, such as "+prefix+".status")
			return
		}
	}
	v.e.read.word(dotted(path))
}

// field checks one name against a family.
func (v *resolver) field(n *ast.MemberNode, fam family, prefix, name string) bool {
	if _, ok := fam.fields[name]; ok {
		return true
	}
	hint := "one of: " + strings.Join(fam.names, ", ")
	if len(fam.names) > 24 {
		hint = "the words are listed by backstop explain --words"
	}
	if near := nearest(name, fam.names); near != "" {
		hint = "did you mean " + prefix + "." + near + "?"
	}
	v.fail(propertyOf(n, name), "unknown-word", "unknown word "+prefix+"."+name, hint)
	return false
}

// propertyOf is the node of a name within a dotted word.
func propertyOf(n *ast.MemberNode, name string) ast.Node {
	for m := n; ; {
		if p, ok := m.Property.(*ast.StringNode); ok && p.Value == name {
			return p
		}
		inner, ok := m.Node.(*ast.MemberNode)
		if !ok {
			return n.Property
		}
		m = inner
	}
}

func prefixed(prefix string, names []string) []string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = prefix + n
	}
	return out
}
