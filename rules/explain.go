package rules

import (
	"fmt"
	"strconv"
	"strings"
)

// Explanation is one sub-expression with what it gave, and below it those that it is made of.
type Explanation struct {
	Source    string        `json:"source"`
	Value     string        `json:"value,omitempty"` // as written in an expression: "NFO", 75, true
	Evaluated bool          `json:"evaluated"`       // false: what came before it had decided already
	Error     string        `json:"error,omitempty"`
	Needed    string        `json:"needed,omitempty"` // of a false condition: what would have had to differ
	Parts     []Explanation `json:"parts,omitempty"`
}

// NotEvaluated is what String shows in place of a value where none was needed.
const NotEvaluated = "not evaluated"

// String shows the tree, each level indented by two spaces.
func (x Explanation) String() string {
	var b strings.Builder
	x.write(&b, 0)
	return b.String()
}

func (x Explanation) write(b *strings.Builder, depth int) {
	what := x.Value
	switch {
	case x.Error != "":
		what = "error: " + x.Error
	case !x.Evaluated:
		what = NotEvaluated
	}
	fmt.Fprintf(b, "%s%s = %s\n", strings.Repeat("  ", depth), x.Source, what)
	if !x.Evaluated {
		return // nor were its parts
	}
	for _, p := range x.Parts {
		p.write(b, depth+1)
	}
}

// Explain evaluates the condition anew and shows each sub-expression with its value. A rule without a condition
// is explained as `true`.
func (r *Rule) Explain(w *Words) Explanation { return r.condition.explain(w) }

// ExplainIf does the same for a step's `if:`.
func (s *Step) ExplainIf(w *Words) Explanation { return s.guard.explain(w) }

// ExplainWhere does the same for a step's `where:`.
func (s *Step) ExplainWhere(w *Words) Explanation { return s.where.explain(w) }

// ExplainMiss explains no more than the first false part of the condition: that is what is kept of a rule that did
// not match.
func (r *Rule) ExplainMiss(w *Words) Explanation {
	if r.condition == nil {
		return r.Explain(w)
	}
	root := r.condition.probed()
	if root.kind != probeAnd {
		return r.Explain(w)
	}
	for _, p := range root.parts {
		if x := p.explain(w, true); x.Value != "true" {
			x.Needed = p.needed(&x, true)
			return x
		}
	}
	return r.Explain(w)
}

func (e *expression) explain(w *Words) Explanation {
	if e == nil {
		return Explanation{Source: "true", Value: "true", Evaluated: true}
	}
	p := e.probed()
	x := p.explain(w, true)
	if x.Value == "false" {
		x.Needed = p.needed(&x, true)
	}
	return x
}

// explain evaluates p and its parts; live is false where it is not evaluated.
func (p *probe) explain(w *Words, live bool) Explanation {
	out := Explanation{Source: p.source, Evaluated: live}
	switch p.kind {
	case probeAnd:
		p.chain(&out, w, live, "false")
		return out
	case probeOr:
		p.chain(&out, w, live, "true")
		return out
	case probeChoice:
		cond := p.parts[0].explain(w, live)
		decided := live && cond.Error == ""
		out.Parts = []Explanation{cond, p.parts[1].explain(w, decided && cond.Value == "true"), p.parts[2].explain(w, decided && cond.Value == "false")}
	case probeAtom, probeNot:
		for _, part := range p.parts {
			out.Parts = append(out.Parts, part.explain(w, live))
		}
	}
	if live {
		out.Value, out.Error = p.evaluate(w)
	}
	return out
}

// chain explains the operands of `and` (decided by the first false) or `or` (by the first true).
func (p *probe) chain(out *Explanation, w *Words, live bool, decides string) {
	open := live
	for _, part := range p.parts {
		x := part.explain(w, open)
		out.Parts = append(out.Parts, x)
		if open {
			out.Value, out.Error = x.Value, x.Error
			open = x.Error == "" && x.Value != decides
		}
	}
}

func (p *probe) evaluate(w *Words) (value, problem string) {
	if p.program == nil {
		return p.shown, ""
	}
	v, err := run(p.program, w)
	if err != nil {
		return "", err.Error()
	}
	return literal(v), ""
}

// literal shows a value as it would be written in an expression.
func literal(v any) string {
	switch v := v.(type) {
	case string:
		return strconv.Quote(v)
	case []string:
		quoted := make([]string, len(v))
		for i, s := range v {
			quoted[i] = strconv.Quote(s)
		}
		return "[" + strings.Join(quoted, ", ") + "]"
	case []OrderWords:
		return fmt.Sprintf("(%d orders)", len(v))
	case []any:
		shown := make([]string, len(v))
		for i, e := range v {
			shown[i] = literal(e)
		}
		return "[" + strings.Join(shown, ", ") + "]"
	}
	text, err := show(v)
	if err != nil {
		return "…"
	}
	return text
}
