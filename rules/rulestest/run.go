package rulestest

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"backstop/actions"
	"backstop/engine/lane"
	"backstop/engine/order"
	"backstop/rules"
)

// Result is what became of one test.
type Result struct {
	File     string    `json:"file"`
	Line     int       `json:"line"`
	Name     string    `json:"name"`
	Passed   bool      `json:"passed"`
	Failures []Failure `json:"failures"`
}

// Failure is a step that did not go as expected. Expected and Got stand side by side; lines that begin with a cross
// are those that have no other half.
type Failure struct {
	Line     int      `json:"line"`
	Column   int      `json:"column"`
	Step     int      `json:"step"` // from 1
	Message  string   `json:"message"`
	Expected []string `json:"expected"`
	Got      []string `json:"got"`
	Why      []string `json:"why"` // what the rules said, where that explains the difference

	SourceLine string `json:"-"`
	Width      int    `json:"-"`
}

// The marks before a line of Expected and Got.
const (
	Met     = "  "
	Missing = "✗ "
)

// Options of a run.
type Options struct {
	Run      *regexp.Regexp // only tests whose name it finds; nil: all
	Coverage *Coverage      // filled; nil: not wanted
	update   func(st *step, h *happened, v *verdict)
}

// Run plays the tests of a file against its rules, one after the other.
func (f *File) Run(set *rules.Set, o Options) []Result {
	var out []Result
	for _, t := range f.Tests {
		if o.Run == nil || o.Run.MatchString(t.Name) {
			out = append(out, f.runTest(t, set, o))
		}
	}
	return out
}

func (f *File) runTest(t *Test, set *rules.Set, o Options) (result Result) {
	result = Result{File: f.Path, Line: t.Pos.Line, Name: t.Name, Failures: []Failure{}}
	at := 0
	defer func() {
		switch broken := recover().(type) {
		case nil:
		case lane.BrokenInvariant:
			n := t.steps[at].node
			result.Failures = append(result.Failures, f.failure(n, at, broken.Error()+": this is a mistake in Backstop, please report it with the test"))
		default:
			panic(broken)
		}
		result.Passed = len(result.Failures) == 0
	}()
	s, err := newScenario(f, t, set)
	if err != nil {
		result.Failures = append(result.Failures, f.failure(t.steps[0].node, 0, err.Error()))
		return result
	}
	acted := map[string]bool{}
	for i, st := range t.steps {
		at = i
		told, err := s.take(st)
		h := happenings(told, acted)
		if o.Coverage != nil {
			o.Coverage.observe(set, h)
		}
		if err != nil {
			result.Failures = append(result.Failures, f.stepFailure(st, i, err))
			return result
		}
		h.state = s.state()
		v := st.judge(h)
		if o.update != nil {
			o.update(st, h, v)
		}
		if !v.good() {
			result.Failures = append(result.Failures, f.tell(st, i, v, h, set))
		}
	}
	return result
}

func (f *File) failure(n *yaml.Node, step int, message string) Failure {
	line := ""
	if n.Line >= 1 && n.Line <= len(f.reader.lines) {
		line = f.reader.lines[n.Line-1]
	}
	return Failure{Line: n.Line, Column: n.Column, Step: step + 1, Message: message, Expected: []string{}, Got: []string{}, Why: []string{},
		SourceLine: line, Width: widthOf(n)}
}

func (f *File) stepFailure(st *step, i int, err error) Failure {
	var own *stepError
	if !errors.As(err, &own) {
		return f.failure(st.node, i, err.Error())
	}
	out := f.failure(own.node, i, own.text)
	if own.hint != "" {
		out.Why = append(out.Why, own.hint)
	}
	return out
}

// verdict is how a step's expectations and what happened fit.
type verdict struct {
	missing    []*expectation
	met        []*expectation
	by         map[*expectation]*happening
	unexpected []*happening
}

func (v *verdict) good() bool { return len(v.missing)+len(v.unexpected) == 0 }

// judge lets each expectation take one happening.
func (st *step) judge(h *happened) *verdict {
	v := &verdict{by: map[*expectation]*happening{}}
	if !st.expects {
		return v
	}
	for _, x := range st.expect {
		if h.meets(x, v) {
			v.met = append(v.met, x)
		} else {
			v.missing = append(v.missing, x)
		}
	}
	if !st.exactly && len(st.expect) > 0 {
		return v
	}
	served := map[string]bool{}
	for _, y := range h.list {
		if y.taken && builtin[y.kind].Name != "" {
			served[y.id] = true
		}
	}
	for _, y := range h.list {
		isAction := builtin[y.kind].Name != ""
		switch {
		case y.taken, !isAction && y.kind != kindRequest, !y.counts():
		case y.kind == kindRequest && y.serves != "" && (served[y.serves] || h.unexpectedAction(y.serves, v)):
		default:
			v.unexpected = append(v.unexpected, y)
		}
	}
	return v
}

// unexpectedAction says whether an action that is told as unexpected stands for its request.
func (h *happened) unexpectedAction(id string, v *verdict) bool {
	return slices.ContainsFunc(v.unexpected, func(y *happening) bool { return y.id == id })
}

func (h *happened) meets(x *expectation, v *verdict) bool {
	switch x.kind {
	case kindState:
		return x.want.accepts(asJSON(h.state))
	case kindRule:
		for _, f := range x.want.fields {
			if !slices.ContainsFunc(h.decisions, func(d lane.Decided) bool { return d.Rule == f.key.Value && isAs(&d, f.value) }) {
				return false
			}
		}
		return true
	}
	for _, y := range h.list {
		if !y.taken && y.takes(x) {
			y.taken, v.by[x] = true, y
			return true
		}
	}
	return false
}

// tell puts a verdict into words.
func (f *File) tell(st *step, i int, v *verdict, h *happened, set *rules.Set) Failure {
	at := st.list
	if len(v.missing) > 0 {
		at = v.missing[0].node
	}
	out := f.failure(at, i, v.message())
	f.rows(&out, st, v, h)
	said := map[string]bool{}
	say := func(lines ...string) {
		if key := strings.Join(lines, "\n"); !said[key] {
			said[key] = true
			out.Why = append(out.Why, lines...)
		}
	}
	for _, x := range v.missing {
		h.whyMissing(x, set, say)
	}
	for _, y := range v.unexpected {
		h.whyDone(y, say)
	}
	return out
}

func (v *verdict) message() string {
	switch {
	case len(v.missing) > 0 && len(v.unexpected) > 0:
		return "what was expected did not happen, and something else did"
	case len(v.missing) == 1:
		return v.missing[0].kind + " did not happen as expected"
	case len(v.missing) > 1:
		return fmt.Sprintf("%d expectations were not met", len(v.missing))
	default:
		return "more happened than was expected"
	}
}

// rows puts each expectation beside what met it or comes nearest, and below them the rest of what happened.
func (f *File) rows(out *Failure, st *step, v *verdict, h *happened) {
	shown := map[string]bool{}
	left := h.shown(st)
	take := func(y *happening) string {
		left = slices.DeleteFunc(left, func(o *happening) bool { return o == y })
		shown[y.id] = true
		return y.line()
	}
	row := func(mark, expected, otherMark, got string) {
		out.Expected, out.Got = append(out.Expected, strings.TrimRight(mark+expected, " ")), append(out.Got, strings.TrimRight(otherMark+got, " "))
	}
	for _, x := range st.expect {
		switch y := v.by[x]; {
		case y != nil:
			row(Met, x.line(), Met, take(y))
		case !slices.Contains(v.missing, x):
			row(Met, x.line(), Met, "so it is")
		default:
			if y := h.nearest(x); y != nil {
				row(Missing, x.line(), Missing, take(y))
			} else {
				row(Missing, x.line(), Met, h.instead(x))
			}
		}
	}
	if len(st.expect) == 0 {
		y := v.unexpected[0]
		row(Missing, "no action and no request", Missing, take(y))
	}
	for _, y := range slices.Clone(left) {
		mark := Met
		if slices.Contains(v.unexpected, y) {
			mark = Missing
		} else if y.kind == kindRequest && shown[y.serves] && y.state != actions.Failed {
			continue // its action stands there
		}
		row(Met, "", mark, take(y))
	}
}

// shown are the happenings that are told beside expectations: events and what was ignored only where one is expected.
func (h *happened) shown(st *step) []*happening {
	asked := func(kind string) bool {
		return slices.ContainsFunc(st.expect, func(x *expectation) bool { return x.kind == kind })
	}
	var out []*happening
	for _, y := range h.list {
		if y.kind != kindEvent && y.kind != kindIgnored || asked(y.kind) {
			out = append(out, y)
		}
	}
	return out
}

// nearest is the happening that comes nearest to an expectation that was not met; nil where nothing of its kind is left.
func (h *happened) nearest(x *expectation) (nearest *happening) {
	most := -1
	for _, y := range h.list {
		if y.kind != x.kind || y.taken {
			continue
		}
		if _, fits := y.misfits(x); fits > most {
			nearest, most = y, fits
		}
	}
	return nearest
}

// instead is what stands in place of an expectation of which nothing happened.
func (h *happened) instead(x *expectation) string {
	switch x.kind {
	case kindState:
		var parts []string
		for _, f := range x.want.fields {
			parts = append(parts, f.key.Value+": "+yamlValue(asJSON(h.state[f.key.Value])))
		}
		return "state: { " + strings.Join(parts, ", ") + " }"
	case kindRule:
		var parts []string
		for _, f := range x.want.fields {
			parts = append(parts, f.key.Value+": "+h.said(f.key.Value))
		}
		return "rule: { " + strings.Join(parts, ", ") + " }"
	}
	return "nothing of the kind"
}

// said is what a rule decided in this step, as a rule expectation would say it.
func (h *happened) said(rule string) string {
	text := "(no event)"
	for i := range h.decisions {
		if d := &h.decisions[i]; d.Rule == rule {
			if d.Matched {
				return matched
			}
			text = yamlText(d.Why)
		}
	}
	return text
}

// whyMissing says what the rules that could have met the expectation decided.
func (h *happened) whyMissing(x *expectation, set *rules.Set, say func(...string)) {
	var rule string
	if f, ok := x.want.field("rule"); ok && !f.isGlob {
		rule = f.node.Value
	}
	if f, ok := x.want.field("for"); ok && !f.isGlob {
		rule = f.node.Value
	}
	if x.kind == kindRule {
		for _, f := range x.want.fields {
			if r, ok := set.Rule(f.key.Value); ok {
				h.whyNot(r, say)
			}
		}
		return
	}
	nearest := h.nearest(x)
	if nearest != nil {
		names, _ := nearest.misfits(x)
		for _, n := range names {
			if w, ok := x.want.field(n); ok {
				say(fmt.Sprintf("%s: %s is %s; expected %s", x.kind, n, yamlValue(nearest.fields[0][n]), flow(w.node)))
			}
		}
		if len(names) == 0 {
			say(fmt.Sprintf("%s is %s: %s (write state: %s to expect that)", x.kind, nearest.state, nearest.why, nearest.state))
		}
		return
	}
	if builtin[x.kind].Name == "" {
		return
	}
	could := 0
	for _, r := range set.Rules() {
		if rule != "" && r.Name != rule || !does(r, x.kind) {
			continue
		}
		could++
		h.whyNot(r, say)
	}
	if could == 0 {
		say("no rule has a " + x.kind)
	}
}

func does(r *rules.Rule, action string) bool {
	is := func(s *rules.Step) bool { return s.Action == action }
	return slices.ContainsFunc(r.Then, is) || slices.ContainsFunc(r.OnError, is)
}

// whyNot says what a rule decided in this step.
func (h *happened) whyNot(r *rules.Rule, say func(...string)) {
	heard := false
	for i := range h.decisions {
		d := &h.decisions[i]
		if d.Rule != r.Name || d.Why == "on" {
			continue
		}
		heard = true
		lines := []string{fmt.Sprintf("%s matched %s", r.Name, eventText(&d.Event))}
		if !d.Matched {
			lines[0] = fmt.Sprintf("%s did not match %s: %s", r.Name, eventText(&d.Event), d.Why)
		}
		say(append(lines, h.tree(d)...)...)
	}
	if !heard {
		say(fmt.Sprintf("%s heard nothing: it listens to %s", r.Name, kindsOf(r)))
	}
}

func (h *happened) whyDone(y *happening, say func(...string)) {
	for i := range h.decisions {
		if d := &h.decisions[i]; d.Matched && d.Rule == y.rule {
			say(append([]string{fmt.Sprintf("%s matched %s", d.Rule, eventText(&d.Event))}, h.tree(d)...)...)
		}
	}
}

// tree is the condition of a decision with the value of each part, and what would have had to differ.
func (h *happened) tree(d *lane.Decided) []string {
	var out []string
	for _, x := range h.explained {
		if x.Decision != d.ID || x.Where != "when" || x.Tree.Source == "true" {
			continue
		}
		for line := range strings.SplitSeq(strings.TrimRight(x.Tree.String(), "\n"), "\n") {
			out = append(out, "  "+line)
		}
		if x.Tree.Needed != "" && !d.Matched {
			out = append(out, "  "+x.Tree.Needed)
		}
		break
	}
	return out
}

func eventText(e *order.Event) string {
	text := string(e.Kind)
	if e.OrderID != "" {
		text += " of order " + e.OrderID
	}
	return text
}

func kindsOf(r *rules.Rule) string {
	var out []string
	for _, k := range r.On {
		out = append(out, string(k))
	}
	return strings.Join(out, ", ")
}
