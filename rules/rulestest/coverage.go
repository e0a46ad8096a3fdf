package rulestest

import (
	"fmt"
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"

	"backstop/rules"
)

// Coverage is what tests have seen of a rules file: each rule acting, and each part of each condition true and false.
type Coverage struct {
	acted map[string]int
	seen  map[string]*seen // by rule, where and path
}

type seen struct{ yes, no int }

// observe adds what one step has shown.
func (c *Coverage) observe(set *rules.Set, h *happened) {
	if c.acted == nil {
		c.acted, c.seen = map[string]int{}, map[string]*seen{}
	}
	for i := range h.decisions {
		if d := &h.decisions[i]; d.Matched {
			c.acted[d.Rule]++
		}
	}
	for i := range h.explained {
		x := &h.explained[i]
		if r, ok := set.Rule(x.Rule); ok {
			if clause, ok := r.Conditions()[x.Where]; ok {
				c.walk(x.Rule+" "+x.Where, clause, &x.Tree)
			}
		}
	}
}

func (c *Coverage) walk(path string, clause rules.Clause, x *rules.Explanation) {
	if !x.Evaluated || len(clause.Parts) != len(x.Parts) {
		return
	}
	if clause.Counts && (x.Value == "true" || x.Value == "false") {
		s, ok := c.seen[path]
		if !ok {
			s = &seen{}
			c.seen[path] = s
		}
		if x.Value == "true" {
			s.yes++
		} else {
			s.no++
		}
	}
	for i := range clause.Parts {
		c.walk(path+"."+strconv.Itoa(i), clause.Parts[i], &x.Parts[i])
	}
}

// Covered is one thing that tests can show: a rule acting, or a part of a condition being true and being false.
type Covered struct {
	Rule   string `json:"rule"`
	Where  string `json:"where"` // acts, when, then/0, on_error/1, then/0 where
	Line   int    `json:"line"`
	Column int    `json:"column"`
	Source string `json:"source"`
	True   int    `json:"true"`  // how often it was; of acts: how often the rule acted
	False  int    `json:"false"` // of acts: not counted

	Width int `json:"-"`
}

// Acts is the Where of a rule acting at all.
const Acts = "acts"

// Missing says what no test has shown, "" where all was.
func (c Covered) Missing() string {
	switch {
	case c.Where == Acts && c.True == 0:
		return "never acted"
	case c.Where == Acts:
		return ""
	case c.True == 0 && c.False == 0:
		return "never evaluated"
	case c.True == 0:
		return "never true"
	case c.False == 0:
		return "never false"
	}
	return ""
}

// Report is what was covered, in the order of the file, and the share in per cent: every rule acting is one point,
// every part of a condition two.
func (c *Coverage) Report(set *rules.Set) (list []Covered, percent float64) {
	points, got := 0, 0
	for _, r := range set.Rules() {
		list = append(list, Covered{Rule: r.Name, Where: Acts, Line: r.Pos.Line, Column: r.Pos.Column, Source: r.Name, True: c.acted[r.Name], Width: len([]rune(r.Name))})
		conditions := r.Conditions()
		for _, where := range slices.SortedFunc(maps.Keys(conditions), byPart) {
			c.report(r.Name, where, r.Name+" "+where, conditions[where], &list)
		}
	}
	for _, x := range list {
		if x.Where == Acts {
			points++
			got += min(1, x.True)
			continue
		}
		points += 2
		got += min(1, x.True) + min(1, x.False)
	}
	if points == 0 {
		return list, 100
	}
	return list, 100 * float64(got) / float64(points)
}

// byPart orders when, then, on_error, each by its number.
func byPart(a, b string) int {
	rank := func(s string) int {
		step, isWhere := strings.CutSuffix(s, rules.WhereSuffix)
		part, n, _ := strings.Cut(step, "/")
		i, _ := strconv.Atoi(n) // "" of when
		i = slices.Index([]string{"when", "then", "on_error"}, part)*2000 + 2*i
		if isWhere {
			i++
		}
		return i
	}
	return rank(a) - rank(b)
}

func (c *Coverage) report(rule, where, path string, clause rules.Clause, list *[]Covered) {
	if clause.Counts {
		x := Covered{Rule: rule, Where: where, Line: clause.Pos.Line, Column: clause.Pos.Column, Source: clause.Source, Width: clause.Width}
		if s, ok := c.seen[path]; ok {
			x.True, x.False = s.yes, s.no
		}
		*list = append(*list, x)
	}
	for i := range clause.Parts {
		c.report(rule, where, path+"."+strconv.Itoa(i), clause.Parts[i], list)
	}
}

// String is a line for people.
func (c Covered) String() string {
	if c.Where == Acts {
		return fmt.Sprintf("acted %d", c.True)
	}
	return fmt.Sprintf("true %d, false %d", c.True, c.False)
}

// sorted goes through a mapping in the order of its names.
func sorted[V any](m map[string]V) iter.Seq2[string, V] {
	return func(yield func(string, V) bool) {
		for _, name := range slices.Sorted(maps.Keys(m)) {
			if !yield(name, m[name]) {
				return
			}
		}
	}
}
