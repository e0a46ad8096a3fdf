package main

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"

	"backstop/engine/lane"
)

// summary counts what a dry run has shown.
type summary struct {
	updates int
	ignored map[string]int // by reason
	events  map[string]int // by kind
	rules   map[string]*ruleSummary
	other   int // requests that no rule of the file asked for
}

// ruleSummary counts one rule's words.
type ruleSummary struct {
	matched  int
	not      map[string]int // by the first reason
	actions  map[string]int
	requests int
}

// reasonsMost bounds how many different reasons are counted apart.
const reasonsMost = 100

func (s *summary) add(told []lane.Story) {
	if s.rules == nil {
		s.ignored, s.events, s.rules = map[string]int{}, map[string]int{}, map[string]*ruleSummary{}
	}
	s.updates++
	for i := range told {
		t := &told[i]
		if t.Ignored != "" {
			count(s.ignored, t.Ignored)
		}
		for _, e := range t.Events {
			s.events[string(e.Kind)]++
		}
		for _, d := range t.Decisions {
			r := s.rule(d.Rule)
			if d.Matched {
				r.matched++
			} else {
				count(r.not, d.Why)
			}
		}
		for _, a := range t.Actions {
			what := a.Type
			if a.State != "planned" {
				what += " " + string(a.State)
			}
			count(s.rule(a.Rule).actions, what)
		}
		for _, r := range t.Requests {
			if by, ok := s.rules[r.For]; ok {
				by.requests++
			} else {
				s.other++
			}
		}
	}
}

func (s *summary) rule(name string) *ruleSummary {
	r, ok := s.rules[name]
	if !ok {
		r = &ruleSummary{not: map[string]int{}, actions: map[string]int{}}
		s.rules[name] = r
	}
	return r
}

func count(counts map[string]int, what string) {
	if _, known := counts[what]; !known && len(counts) >= reasonsMost {
		what = "another reason"
	}
	counts[what]++
}

// counted is one line of a count, the greatest first.
type counted struct {
	What  string `json:"what"`
	Count int    `json:"count"`
}

func inOrder(counts map[string]int) []counted {
	out := make([]counted, 0, len(counts))
	for what, n := range counts {
		out = append(out, counted{what, n})
	}
	slices.SortFunc(out, func(a, b counted) int { return cmp.Or(b.Count-a.Count, strings.Compare(a.What, b.What)) })
	return out
}

func total(counts map[string]int) int {
	n := 0
	for _, c := range counts {
		n += c
	}
	return n
}

// summaryRow is what dry-run --summary --json prints.
type summaryRow struct {
	Updates int       `json:"updates"`
	Ignored []counted `json:"ignored"`
	Events  []counted `json:"events"`
	Rules   []ruleRow `json:"rules"`
	Others  int       `json:"other_requests"`
}

type ruleRow struct {
	Rule       string    `json:"rule"`
	Matched    int       `json:"matched"`
	NotMatched []counted `json:"not_matched"`
	Actions    []counted `json:"actions"`
	Requests   int       `json:"requests"`
}

// tellSummary prints the counts, rules in the order of the file.
func (d *dryRun) tellSummary() error {
	s := &d.summary
	var names []string
	for _, r := range d.set.Rules() {
		names = append(names, r.Name)
	}
	for _, name := range slices.Sorted(maps.Keys(s.rules)) {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if d.json {
		row := summaryRow{Updates: s.updates, Ignored: inOrder(s.ignored), Events: inOrder(s.events), Rules: []ruleRow{}, Others: s.other}
		for _, name := range names {
			r := s.rule(name)
			row.Rules = append(row.Rules, ruleRow{name, r.matched, inOrder(r.not), inOrder(r.actions), r.requests})
		}
		return d.p.out.json(map[string]summaryRow{"summary": row})
	}
	out := d.p.out
	if !d.only {
		out.line("")
	}
	out.line("%s", out.bold("summary: "+plural(s.updates, "update")+", "+plural(total(s.events), "event")+", "+strconv.Itoa(total(s.ignored))+" ignored"))
	for _, c := range inOrder(s.ignored) {
		out.line("  ignored %d: %s", c.Count, printable(c.What))
	}
	for _, c := range inOrder(s.events) {
		out.line("  %d %s", c.Count, c.What)
	}
	for _, name := range names {
		r := s.rule(name)
		out.line("%s: matched %d, not %d, %s", out.bold(name), r.matched, total(r.not), plural(r.requests, "request"))
		for _, c := range inOrder(r.actions) {
			out.line("  %d %s", c.Count, c.What)
		}
		for _, c := range inOrder(r.not) {
			out.line("  %s", out.faint(strconv.Itoa(c.Count)+" not: "+printable(reasonText(c.What))))
		}
	}
	if s.other > 0 {
		out.line("%s that no rule asked for", plural(s.other, "request"))
	}
	return nil
}

// reasonText is a reason without the event that it was of.
func reasonText(why string) string {
	if why == "on" {
		return "another kind than it listens to"
	}
	return whyNot(why, "it")
}
