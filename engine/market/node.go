package market

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// What a calendar file is made of: mappings, lists, days and times. Each mistake is kept with its line.

func (r *reader) wrong(n *yaml.Node, format string, args ...any) {
	r.mistakes = append(r.mistakes, fmt.Errorf("%s:%d: %s", r.file, n.Line, fmt.Sprintf(format, args...)))
}

// unknown says that a word is none of those there are.
func (r *reader) unknown(n *yaml.Node, what string, known []string) {
	if near := nearest(n.Value, known); near != "" {
		r.wrong(n, "no %s %q: did you mean %s?", what, clip(n.Value), near)
		return
	}
	r.wrong(n, "no %s %q: there are %s", what, clip(n.Value), strings.Join(known, ", "))
}

// clip keeps a foreign word short in a message.
func clip(s string) string {
	const most = 40
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}

// fields gives the values of a mapping by key. Other keys than the known ones, and one that stands twice, are mistakes.
func (r *reader) fields(n *yaml.Node, what string, known ...string) map[string]*yaml.Node {
	out := map[string]*yaml.Node{}
	r.each(n, what, func(k, v *yaml.Node) {
		if !slices.Contains(known, k.Value) {
			r.unknown(k, "field of "+what, known)
			return
		}
		out[k.Value] = v
	})
	return out
}

// each goes through a mapping whose keys are free.
func (r *reader) each(n *yaml.Node, what string, do func(k, v *yaml.Node)) {
	n = target(n)
	if n.Kind != yaml.MappingNode {
		r.wrong(n, "%s: want KEY: VALUE", what)
		return
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k := n.Content[i]
		if seen[k.Value] {
			r.wrong(k, "%s stands twice in %s", clip(k.Value), what)
			continue
		}
		seen[k.Value] = true
		do(k, n.Content[i+1])
	}
}

// list gives the members of a list.
func (r *reader) list(n *yaml.Node, what string) []*yaml.Node {
	n = target(n)
	if n.Kind != yaml.SequenceNode {
		r.wrong(n, "%s: want a list", what)
		return nil
	}
	return n.Content
}

// text is a plain value. Dates and times stay as they are written.
func (r *reader) text(n *yaml.Node, what string) (string, bool) {
	n = target(n)
	if n.Kind != yaml.ScalarNode || n.Tag == "!!null" || n.Value == "" {
		r.wrong(n, "%s: want one value", what)
		return "", false
	}
	return n.Value, true
}

func target(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

// span reads "18:00-19:00".
func (r *reader) span(n *yaml.Node, what string) span {
	n = target(n)
	from, to, ok := strings.Cut(n.Value, "-")
	if n.Kind != yaml.ScalarNode || !ok {
		r.wrong(n, `%s: want "18:00-19:00"`, what)
		return span{}
	}
	count := len(r.mistakes)
	s := span{r.clock(n, strings.TrimSpace(from), what), r.clock(n, strings.TrimSpace(to), what)}
	if len(r.mistakes) == count && s.to <= s.from {
		r.wrong(n, "%s: close %s must be later than open %s", what, strings.TrimSpace(to), strings.TrimSpace(from))
	}
	return s
}

// beforeClose ends a square_off that is told from the close.
const beforeClose = " before close"

func (r *reader) squareOff(n *yaml.Node) (off squareOff) {
	text, ok := r.text(n, "square_off")
	if !ok {
		return off
	}
	distance, relative := strings.CutSuffix(text, beforeClose)
	if !relative {
		off.at = r.clock(n, text, "square_off")
		return off
	}
	d, err := time.ParseDuration(distance)
	if err != nil || d <= 0 || d >= 24*time.Hour || d%time.Second != 0 {
		r.wrong(n, `square_off %q: write it as "25m before close"`, clip(text))
		return off
	}
	off.beforeClose = int64(d / time.Second)
	return off
}

func (r *reader) time(n *yaml.Node, what string) int64 {
	text, ok := r.text(n, what)
	if !ok {
		return 0
	}
	return r.clock(n, text, what)
}

// clock reads HH:MM, up to 24:00, as seconds from midnight.
func (r *reader) clock(n *yaml.Node, s, what string) int64 {
	if s == "24:00" {
		return secondsADay
	}
	t, err := time.Parse("15:04", s)
	if err != nil || len(s) != len("15:04") {
		r.wrong(n, `%s: %q is no time of day: write it as "09:15"`, what, clip(s))
		return 0
	}
	return int64(t.Hour())*3600 + int64(t.Minute())*60
}

func (r *reader) day(n *yaml.Node, what string) day {
	text, ok := r.text(n, what)
	if !ok {
		return 0
	}
	t, err := time.Parse(time.DateOnly, text)
	if err != nil {
		r.wrong(n, "%s: %q is no day: write it as 2026-11-24", what, clip(text))
		return 0
	}
	return day(t.Unix() / secondsADay) // midnight in UTC: it divides without a rest
}
