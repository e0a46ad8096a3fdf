package rulestest

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"backstop/actions"
	"backstop/rules"
)

// Update plays the tests and rewrites each expectation that is not met to what happens, in place: what is met, how
// the file is laid out and its comments stay. It says how many it rewrote.
func (f *File) Update(set *rules.Set, o Options) (int, error) {
	text, count := f.Rewritten(set, o)
	if count == 0 {
		return 0, nil
	}
	if bytes.Contains(f.src, []byte("\r\n")) {
		text = strings.ReplaceAll(text, "\n", "\r\n")
	}
	info, err := os.Stat(f.Path)
	if err != nil {
		return 0, fmt.Errorf("tests: %w", err)
	}
	if err := os.WriteFile(f.Path, []byte(text), info.Mode().Perm()); err != nil {
		return 0, fmt.Errorf("tests: %w", err)
	}
	return count, nil
}

// Rewritten is the text of the file as Update would leave it, and how many expectations it rewrote.
func (f *File) Rewritten(set *rules.Set, o Options) (string, int) {
	e := &editor{lines: f.reader.lines}
	o.Coverage = nil
	o.update = func(st *step, h *happened, v *verdict) {
		if st.expects && !v.good() {
			e.step(st, h, v)
		}
	}
	f.Run(set, o)
	return e.apply(), e.count
}

// editor collects changes of a text; no two of them touch.
type editor struct {
	lines []string
	edits []edit
	count int
}

// edit replaces what lies between two places (line from 0, byte of the line).
type edit struct {
	from, to spot
	text     string
}

type spot struct{ line, byte int }

func (s spot) before(o spot) bool { return s.line < o.line || s.line == o.line && s.byte < o.byte }

func (e *editor) replace(from, to spot, text string) {
	e.edits = append(e.edits, edit{from, to, text})
}

// spotOf is where a node begins.
func (e *editor) spotOf(n *yaml.Node) spot {
	line := n.Line - 1
	at := 0
	for range n.Column - 1 {
		_, size := utf8.DecodeRuneInString(e.lines[line][at:])
		at += size
	}
	return spot{line, at}
}

// step rewrites what a step expects.
func (e *editor) step(st *step, h *happened, v *verdict) {
	var extra []*happening
	extra = append(extra, v.unexpected...)
	kept := len(st.expect)
	for _, x := range v.missing {
		e.count++
		y := h.nearest(x)
		if y != nil && !y.counts() {
			y = nil
		}
		if y != nil {
			y.taken = true
			extra = slices.DeleteFunc(extra, func(o *happening) bool { return o == y || o.serves != "" && o.serves == y.id })
		}
		if !e.expectation(x, y, h) {
			kept--
		}
	}
	e.count += len(extra)
	e.appendItems(st, extra, kept == 0)
}

// expectation rewrites one; false: nothing is left of it.
func (e *editor) expectation(x *expectation, y *happening, h *happened) bool {
	switch {
	case x.kind == kindState || x.kind == kindRule:
		e.replaceNode(x.node, h.instead(x))
		return true
	case y == nil:
		e.remove(x.node)
		return false
	}
	names, _ := y.misfits(x)
	if y.state == actions.Failed || len(names) == 0 || x.node.Kind != yaml.MappingNode {
		e.replaceNode(x.node, y.yaml(append(slices.Clone(y.order), "state", "error")))
		return true
	}
	got := y.closest(x)
	for _, name := range names {
		w, _ := x.want.field(name)
		value, known := got[name]
		if from, to, ok := e.span(w.node); ok && known {
			e.replace(from, to, yamlValue(value))
			continue
		}
		e.edits = slices.DeleteFunc(e.edits, func(d edit) bool { return d.from.line >= x.node.Line-1 && d.to.line <= lastLine(x.node)-1 })
		e.replaceNode(x.node, y.yaml(y.order))
		return true
	}
	return true
}

// closest are the fields of the request that fits an expectation best.
func (x *happening) closest(w *expectation) map[string]any {
	best, out := -1, x.fields[0]
	for _, f := range x.fields {
		good := 0
		for _, field := range w.want.fields {
			if field.value.accepts(f[field.key.Value]) {
				good++
			}
		}
		if good > best {
			best, out = good, f
		}
	}
	return out
}

// lastLine is the last line that a node takes.
func lastLine(n *yaml.Node) int {
	last := n.Line + strings.Count(strings.TrimRight(n.Value, "\n"), "\n")
	if n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0 {
		last++
	}
	for _, c := range n.Content {
		last = max(last, lastLine(c))
	}
	return last
}

// replaceNode puts an element of a list anew, on one line.
func (e *editor) replaceNode(n *yaml.Node, text string) {
	from := e.spotOf(n)
	if _, to, ok := e.span(n); ok {
		e.replace(from, to, text)
		return
	}
	last := lastLine(n) - 1
	end := spot{last, len(e.lines[last])}
	if last == from.line { // a comment behind it stays
		if i := strings.Index(e.lines[last][from.byte:], " #"); i >= 0 && !strings.ContainsAny(e.lines[last][from.byte:from.byte+i], `"'`) {
			end.byte = from.byte + i
		}
	}
	if _, inner, ok := e.span(lastOf(n)); ok && inner.line == last {
		end = inner
	}
	e.replace(from, end, text)
}

// lastOf is the value that ends a mapping written over lines.
func lastOf(n *yaml.Node) *yaml.Node {
	for n.Kind == yaml.MappingNode && n.Style&yaml.FlowStyle == 0 && len(n.Content) > 0 {
		n = n.Content[len(n.Content)-1]
	}
	return n
}

// remove takes an element of a block list out, its lines whole.
func (e *editor) remove(n *yaml.Node) {
	from, last := n.Line-1, lastLine(n)-1
	if last+1 < len(e.lines) {
		e.replace(spot{from, 0}, spot{last + 1, 0}, "")
		return
	}
	e.replace(spot{from, 0}, spot{last, len(e.lines[last])}, "")
}

// appendItems adds elements to the end of expect; empty says that none of the old ones is left.
func (e *editor) appendItems(st *step, items []*happening, empty bool) {
	flowStyle := st.list.Style&yaml.FlowStyle != 0
	if len(items) == 0 && !(empty && !flowStyle && len(st.expect) > 0) {
		return
	}
	if len(items) == 0 { // a list written over lines that has lost all its elements
		line := st.listKey.Line - 1
		at := strings.Index(e.lines[line], "expect:") + len("expect:")
		e.replace(spot{line, at}, spot{line, at}, " []")
		return
	}
	indent := strings.Repeat(" ", st.listKey.Column+1)
	if !flowStyle && len(st.expect) > 0 {
		indent = strings.Repeat(" ", st.list.Column-1)
	}
	var lines []string
	for _, y := range items {
		names := y.order
		if y.state == actions.Failed {
			names = append(slices.Clone(names), "state", "error")
		}
		lines = append(lines, indent+"- "+y.yaml(names))
	}
	text := "\n" + strings.Join(lines, "\n")
	if flowStyle {
		from, to, ok := e.span(st.list)
		if !ok {
			return
		}
		if len(st.expect) > 0 { // [a, b]: the elements that stand there go on, each on its line
			var old []string
			for _, x := range st.expect {
				old = append(old, indent+"- "+x.line())
			}
			text = "\n" + strings.Join(old, "\n") + text
		}
		if from.byte > 0 && e.lines[from.line][from.byte-1] == ' ' {
			from.byte--
		}
		e.edits = slices.DeleteFunc(e.edits, func(d edit) bool { return !d.from.before(from) && !to.before(d.to) })
		e.replace(from, to, text)
		return
	}
	last := lastLine(st.list) - 1
	end := spot{last, len(e.lines[last])}
	e.replace(end, end, text)
}

// span is where a value on one line begins and ends; false for what is written over several.
func (e *editor) span(n *yaml.Node) (from, to spot, ok bool) {
	from = e.spotOf(n)
	line := e.lines[from.line]
	switch {
	case n.Kind == yaml.ScalarNode && n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0:
		end := quoteEnd(line, from.byte)
		return from, spot{from.line, end}, end > 0
	case n.Kind == yaml.ScalarNode && n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) == 0:
		return from, spot{from.line, from.byte + len(n.Value)}, strings.HasPrefix(line[from.byte:], n.Value)
	case n.Style&yaml.FlowStyle != 0:
		depth := 0
		for i := from.byte; i < len(line); i++ {
			switch line[i] {
			case '"', '\'':
				if end := quoteEnd(line, i); end > 0 {
					i = end - 1
				}
			case '{', '[':
				depth++
			case '}', ']':
				if depth--; depth == 0 {
					return from, spot{from.line, i + 1}, true
				}
			}
		}
	}
	return from, from, false
}

// quoteEnd is where a quoted text that begins at i ends on its line; 0: not on this line.
func quoteEnd(line string, i int) int {
	quote := line[i]
	for j := i + 1; j < len(line); j++ {
		switch {
		case quote == '"' && line[j] == '\\':
			j++
		case quote == '\'' && line[j] == '\'' && j+1 < len(line) && line[j+1] == '\'':
			j++
		case line[j] == quote:
			return j + 1
		}
	}
	return 0
}

// apply makes the changes, from the end of the text to its beginning.
func (e *editor) apply() string {
	slices.SortStableFunc(e.edits, func(a, b edit) int {
		switch {
		case b.from.before(a.from):
			return -1
		case a.from.before(b.from):
			return 1
		}
		return 0
	})
	lines := slices.Clone(e.lines)
	for _, d := range e.edits {
		if d.to.line >= len(lines) {
			continue
		}
		text := lines[d.from.line][:d.from.byte] + d.text + lines[d.to.line][d.to.byte:]
		lines = slices.Replace(lines, d.from.line, d.to.line+1, strings.Split(text, "\n")...)
	}
	return strings.Join(lines, "\n")
}
