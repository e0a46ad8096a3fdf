package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"backstop/engine/order"
	"backstop/engine/replay"
)

// tell prints what differs, and gives the exit code.
func (c *replaying) tell(a *replay.Answer) error {
	out := c.p.out
	if c.json {
		for i := range a.Changes {
			if err := out.json(&a.Changes[i]); err != nil {
				return err
			}
		}
	} else if len(a.Changes) > 0 {
		out.table([]string{"time", "order", "event", "rule", "change", "before", "after"}, changeRows(a.Changes))
		out.line("")
		for _, line := range changesByRule(a.Changes) {
			out.line("%s", line)
		}
	}
	n := replay.Count(a.Changes)
	if n.Assumed > 0 {
		out.note("%s of the new rules %s never made: what the broker would have said is not known, so %s taken as accepted and unfilled",
			plural(n.Assumed, "request"), were(n.Assumed), isAre(n.Assumed))
	}
	if len(a.Changes) == 0 {
		if !c.json {
			out.line("no difference: %s of %s decided alike", plural(a.Events, "event"), plural(a.Steps, "input step"))
		}
		return nil
	}
	return found("%s", differenceLine(a))
}

func were(n int) string {
	if n == 1 {
		return "was"
	}
	return "were"
}

func isAre(n int) string {
	if n == 1 {
		return "it is"
	}
	return "they are"
}

// differenceLine is the whole comparison in a line.
func differenceLine(a *replay.Answer) string {
	n := replay.Count(a.Changes)
	return fmt.Sprintf("%s of %s: %d added, %d removed, %d changed", plural(len(a.Changes), "difference"), plural(a.Events, "event"), n.Added, n.Removed, n.Changed)
}

// changesByRule counts by rule, a line each.
func changesByRule(list []replay.Change) []string {
	counts := map[string]map[string]int{}
	for i := range list {
		c := &list[i]
		if counts[c.Rule] == nil {
			counts[c.Rule] = map[string]int{}
		}
		counts[c.Rule][c.Change]++
	}
	var lines []string
	for _, rule := range slices.Sorted(maps.Keys(counts)) {
		var words []string
		for _, what := range []string{replay.Added, replay.Removed, replay.Changed} {
			if n := counts[rule][what]; n > 0 {
				words = append(words, fmt.Sprintf("%d %s", n, what))
			}
		}
		lines = append(lines, rule+": "+strings.Join(words, ", "))
	}
	return lines
}

// changeRows are the cells of a table.
func changeRows(list []replay.Change) [][]string {
	rows := make([][]string, 0, len(list))
	for i := range list {
		c := &list[i]
		before, after := didParts(c.Before), didParts(c.After)
		rows = append(rows, []string{c.At.In(order.IST).Format("2 Jan " + time.TimeOnly), cmp.Or(c.OrderID, "–"), cmp.Or(string(c.Event), "–"), c.Rule, c.Change,
			onlyIn(before, after), onlyIn(after, before)})
	}
	return rows
}

// onlyIn joins the parts of one side that the other lacks; where both are alike save for their order, all of them.
func onlyIn(parts, other []string) string {
	own := slices.DeleteFunc(slices.Clone(parts), func(p string) bool { return slices.Contains(other, p) })
	if len(own) == 0 && len(parts) > 0 && slices.Equal(slices.Sorted(slices.Values(parts)), slices.Sorted(slices.Values(other))) {
		own = parts
	}
	if len(own) == 0 {
		return "–"
	}
	return strings.Join(own, "; ")
}

// didParts says in short what a rule did for an event.
func didParts(d *replay.Did) []string {
	if d == nil {
		return nil
	}
	if !d.Matched {
		return []string{whyNot(d.Why, "it")}
	}
	var parts []string
	for i := range d.Requests {
		parts = append(parts, askedLine(&d.Requests[i]))
	}
	for i := range d.Actions {
		a := &d.Actions[i]
		switch {
		case a.Message != nil:
			parts = append(parts, fmt.Sprintf("%s %q", a.Type, short(a.Message.Text)))
		case len(a.Args) > 0:
			parts = append(parts, short(a.Type+" "+argsLine(a.Args)))
		default:
			parts = append(parts, a.Type)
		}
	}
	if len(parts) == 0 {
		return []string{"matched"}
	}
	return parts
}

// shortText is how much of a text a cell shows, characters; --json has all.
const shortText = 48

func short(text string) string {
	if r := []rune(text); len(r) > shortText {
		return string(r[:shortText]) + "…"
	}
	return text
}

func argsLine(args map[string]any) string {
	words := make([]string, 0, len(args))
	for _, name := range slices.Sorted(maps.Keys(args)) {
		words = append(words, fmt.Sprintf("%s: %v", name, args[name]))
	}
	return strings.Join(words, ", ")
}

// askedLine is a request in few words.
func askedLine(r *replay.Request) string {
	p := r.Params
	words := []string{map[string]string{"POST": "place", "PUT": "modify", "DELETE": "cancel"}[r.Method]}
	add := func(format string, args ...any) { words = append(words, fmt.Sprintf(format, args...)) }
	if p.TransactionType != "" {
		add("%s", p.TransactionType)
	}
	if r.Method == "DELETE" {
		add("%s", r.Path[strings.LastIndexByte(r.Path, '/')+1:])
	} else {
		add("%d", p.Quantity)
	}
	if p.Tradingsymbol != "" {
		add("%s", p.Tradingsymbol)
	}
	if p.OrderType != "" {
		add("%s", p.OrderType)
	}
	if p.TriggerPrice != 0 {
		add("trigger %s", p.TriggerPrice)
	}
	if p.Price != 0 {
		add("at %s", p.Price)
	}
	return strings.Join(words, " ")
}
