package rules

import (
	"cmp"
	"regexp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// parseBudget bounds how many bytes are given to YAML while looking for the lines that it can't read.
const parseBudget = 32 << 20

// mendTabs tells of lines indented with tabs, which YAML refuses, and goes on as if they were two spaces.
func (r *reader) mendTabs() {
	for i, line := range r.src.lines {
		n := leading(line)
		at := -1
		for j := range n {
			if line[j] == '\t' {
				at = j
				break
			}
		}
		if text := strings.TrimSpace(string(line)); at < 0 || text == "" || text[0] == '#' {
			continue
		}
		r.fail(place{i + 1, at + 1}, 1, "yaml-tab", "a tab indents this line: YAML allows spaces only", "indent with two spaces")
		for j := n - 1; j >= 0; j-- {
			if line[j] == '\t' {
				r.src.replace(i, j, j+1, []rune("  "))
			}
		}
	}
}

// mend tells why YAML can't read the text and changes the text so that the rest can be read. False: it
// can't be helped. The text is looked at piece by piece, so that a long file with many mistakes is told as fast
// as a short one.
func (r *reader) mend(err error, budget *int) bool {
	changed := false
	for _, piece := range r.pieces() {
		for range mendTries {
			_, err := decode(r.src.text(piece.from, piece.to))
			if err == nil || len(r.problems) >= problems {
				break
			}
			r.mendLine(r.badLine(piece, budget), piece, err)
			changed = true
		}
	}
	if len(r.problems) >= problems {
		return false
	}
	if !changed { // each piece is fine by itself: they don't fit together
		bad := r.badLine(piece{0, len(r.src.lines)}, budget)
		if bad < 0 {
			message, hint := explainYAML(err)
			r.fail(place{min(yamlLine(err), len(r.src.lines)), 1}, 1, "yaml", message, hint)
			return false
		}
		i := slices.IndexFunc(r.pieces(), func(p piece) bool { return bad >= p.from && bad < p.to })
		r.tellUnreadable(bad, err)
		return i >= 0 && r.leaveOut(r.pieces()[i])
	}
	return true
}

// mendTries bounds how many mistakes of one piece are mended before it is left out.
const mendTries = 12

// mendLine tells what is wrong with a line, and mends it or leaves its piece out.
func (r *reader) mendLine(bad int, p piece, err error) {
	if bad < 0 {
		message, hint := explainYAML(err)
		r.fail(place{p.from + 1, 1}, 1, "yaml", message, hint)
		r.leaveOut(p)
		return
	}
	line := r.src.lines[bad]
	found := findEaten(line)
	for i := len(found) - 1; i >= 0; i-- { // from the end: places before it stay
		f := found[i]
		r.tellEaten(bad, f)
		switch f.code {
		case "yaml":
			r.leaveOut(p)
			return
		case "unclosed":
			r.src.replace(bad, f.to, f.to, []rune{line[f.from]})
		default:
			r.src.quote(bad, f.from, f.to)
		}
	}
	if len(found) == 0 {
		r.tellUnreadable(bad, err)
		r.leaveOut(p)
	}
}

func (r *reader) tellUnreadable(bad int, err error) {
	line := r.src.lines[bad]
	message, hint := explainYAML(err)
	if strings.Contains(err.Error(), "exceeded max depth") {
		r.fail(place{bad + 1, leading(line) + 1}, 1, "too-deep", "this nests too deep", "the language needs six levels at most")
		return
	}
	if noSpace.MatchString(string(line)) {
		hint = "a colon needs a space after it"
	} else if previous := r.continues(bad); previous != "" {
		message, hint = previous, "put the whole value in quotes, or behind `|` on lines of its own"
	}
	from := leading(line)
	r.fail(place{bad + 1, from + 1}, max(1, len(strings.TrimRight(string(line), " "))-from), "yaml", message, hint)
}

// piece is a part of the file that can be read by itself: a field of the top, or one rule. Lines from..to.
type piece struct{ from, to int }

func (r *reader) pieces() []piece {
	var out []piece
	for i, line := range r.src.lines {
		text := string(line)
		top := text != "" && leading(line) == 0 && !strings.ContainsAny(text[:1], "#}]")
		if i > 0 && (top || blockStart.MatchString(text)) || i == 0 {
			if len(out) > 0 {
				out[len(out)-1].to = i
			}
			out = append(out, piece{i, len(r.src.lines)})
		}
	}
	return out
}

// mendRead looks at what YAML could read, but not as it was meant: `!x`, which it drops, a comma inside { },
// where it ends the value, and a word in { }. It tells, quotes the value and says whether the text must be read again.
func (r *reader) mendRead(root *yaml.Node) bool {
	var found []place
	var values []eaten
	var walk func(n *yaml.Node, depth int)
	note := func(n *yaml.Node, f eaten) {
		found, values = append(found, place{n.Line, f.from}), append(values, f)
	}
	walk = func(n *yaml.Node, depth int) {
		if depth > depthMax {
			return
		}
		for i, c := range n.Content {
			key := ""
			if n.Kind == yaml.MappingNode && i%2 == 1 {
				key = n.Content[i-1].Value
			}
			if f, ok := r.eatenTag(c, key); ok {
				note(c, f)
			} else if f, ok := r.eatenComma(n, i); ok {
				note(c, f)
			} else if f, ok := r.eatenBrace(c, key); ok {
				note(c, f)
			}
			walk(c, depth+1)
		}
	}
	walk(root, 0)
	order := make([]int, len(found))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { // from the end: places before it stay
		return cmp.Or(-cmp.Compare(found[a].line, found[b].line), -cmp.Compare(found[a].column, found[b].column))
	})
	last := place{}
	for _, i := range order {
		if found[i] == last { // a second comma of the same value
			continue
		}
		last = found[i]
		r.tellEaten(last.line-1, values[i])
		r.src.quote(last.line-1, values[i].from, values[i].to)
	}
	return len(found) > 0
}

func (r *reader) eatenTag(n *yaml.Node, key string) (eaten, bool) {
	if n.Kind != yaml.ScalarNode || n.Style&yaml.TaggedStyle == 0 || n.Line > len(r.src.lines) || strings.HasPrefix(n.Tag, "!!") {
		return eaten{}, false
	}
	line := r.src.lines[n.Line-1]
	from := n.Column - 1
	to := valueEnd(line, from)
	if inFlow(line, from) {
		to = entryEnd(line, from)
	}
	for to > from && isSpace(line[to-1]) {
		to--
	}
	return eaten{from, to, key, "yaml-tag", "YAML reads a leading `!` as a tag and drops it"}, to > from && line[from] == '!'
}

// eatenComma looks at value i of a flow mapping: does the name behind it have no value, since it was a part of
// this one?
func (r *reader) eatenComma(n *yaml.Node, i int) (eaten, bool) {
	if n.Kind != yaml.MappingNode || n.Style&yaml.FlowStyle == 0 || i%2 == 0 || i+2 >= len(n.Content) {
		return eaten{}, false
	}
	value, next := n.Content[i], n.Content[i+1]
	if value.Kind != yaml.ScalarNode || value.Style != 0 || value.Value == "" || next.Line != value.Line ||
		next.Kind != yaml.ScalarNode || !implicitNull(n.Content[i+2]) {
		return eaten{}, false
	}
	line := r.src.lines[value.Line-1]
	from := value.Column - 1
	to := entryEnd(line, from)
	for to > from && isSpace(line[to-1]) {
		to--
	}
	return eaten{from, to, n.Content[i-1].Value, "yaml-flow", "inside { } YAML ends a value at a comma"}, next.Column-1 < to
}

// eatenBrace looks at `{order.status}`, which YAML reads as a mapping of one name without a value.
func (r *reader) eatenBrace(n *yaml.Node, key string) (eaten, bool) {
	if n.Kind != yaml.MappingNode || n.Style&yaml.FlowStyle == 0 || len(n.Content) != 2 || !implicitNull(n.Content[1]) ||
		!isDottedWord(splitDots(n.Content[0].Value)) || n.Line > len(r.src.lines) {
		return eaten{}, false
	}
	line := r.src.lines[n.Line-1]
	from := n.Column - 1
	to := closingFlow(line, from) + 1
	return eaten{from, to, key, "yaml-flow", "YAML reads a leading `{` as a mapping or list"}, to > from
}

func implicitNull(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && n.Tag == "!!null" && n.Value == ""
}

func (r *reader) tellEaten(line int, f eaten) {
	value := string(r.src.lines[line][f.from:f.to])
	value = withoutOuter(value)
	hint := "put the value in quotes: " + mended(value)
	if f.key != "" {
		hint = "put the value in quotes: " + f.key + ": " + mended(value)
	}
	switch f.code {
	case "unclosed":
		hint = "close it at the end of the value"
	case "yaml":
		hint = "write each element on a line of its own below " + f.key + ":, behind `- `"
	}
	r.fail(place{line + 1, f.from + 1}, f.to-f.from, f.code, f.message, hint)
}

// withoutOuter is a value without the quotes around all of it, which a quote inside a ${…} ended too early.
func withoutOuter(value string) string {
	inner, begins := strings.CutPrefix(value, `"`)
	inner, ends := strings.CutSuffix(inner, `"`)
	first, _, more := strings.Cut(inner, `"`)
	if begins && ends && more && strings.LastIndex(first, "${") > strings.LastIndex(first, "}") {
		return inner
	}
	return value
}

// continues says what YAML ate on a line that goes on with the value of the line before; "" for none.
func (r *reader) continues(bad int) string {
	text := strings.TrimSpace(string(r.src.lines[bad]))
	if text == "" || keyForm.MatchString(text) || strings.HasPrefix(text, "- ") {
		return ""
	}
	_, message := eats([]rune(text), false)
	return message
}

var noSpace = regexp.MustCompile(`^\s*(?:- )*[a-z_]+:[^\s]`)

// badLine is the index of the first line of a piece that YAML can't read, -1 where it can't be told. A text that
// is cut off in the middle may be unreadable by itself, so a cut counts as bad only if no longer one near it is
// good.
func (r *reader) badLine(p piece, budget *int) int {
	good, bad := p.from, p.to
	for bad-good > 1 {
		middle := (good + bad) / 2
		at := -1
		for n := middle; n < min(bad, middle+30); n++ {
			if *budget <= 0 {
				return -1
			}
			text := r.src.text(p.from, n)
			*budget -= len(text) + 100
			if _, err := decode(text); err == nil {
				at = n
				break
			}
		}
		if at >= 0 {
			good = at
		} else {
			bad = middle
		}
	}
	return bad - 1
}

var blockStart = regexp.MustCompile(`^ *- +name *:`)

// leaveOut empties a piece, so that the others can be read. What reads it is not told: it may be right.
func (r *reader) leaveOut(p piece) bool {
	r.damaged = true
	if m := keyForm.FindStringSubmatch(string(r.src.lines[p.from])); m != nil {
		r.lost = append(r.lost, m[1])
		if m[1] == "rules" { // the list goes on in the next pieces
			r.src.lines[p.from] = []rune("rules:")
			p.from++
		}
	}
	if p.from >= p.to {
		return false
	}
	r.src.blank(p.from, p.to)
	return true
}

var lineForm = regexp.MustCompile(`line (\d+): `)

func yamlLine(err error) int {
	m := lineForm.FindStringSubmatch(err.Error())
	if m == nil {
		return 1
	}
	n := 0
	for _, c := range m[1] {
		n = min(n*10+int(c-'0'), 1<<30)
	}
	return n
}

// explainYAML says in our words what YAML's parser means.
func explainYAML(err error) (message, hint string) {
	text := lineForm.ReplaceAllString(strings.TrimPrefix(err.Error(), "yaml: "), "")
	for _, known := range []struct{ theirs, message, hint string }{
		{"did not find expected key", "this line does not fit the ones above it", "check its indentation, and quotes that are not closed"},
		{"did not find expected '-' indicator", "this line does not fit the list above it", "fields of one element begin in the same column"},
		{"mapping values are not allowed", "this line does not fit the ones above it", "check its indentation; a value with `: ` in it needs quotes"},
		{"block sequence entries are not allowed", "a list can't begin on this line", "write each element on a line of its own behind `- `"},
		{"found unexpected end of stream", "a quote is opened here and never closed", "close it at the end of the value"},
		{"did not find expected ',' or '}'", "a { is not closed", "close it with }"},
		{"did not find expected ',' or ']'", "a [ is not closed", "close it with ]"},
		{"did not find expected node content", "the value on this line is not complete", "close its brackets"},
		{"could not find expected ':'", "this line has no `name: value`", "a colon needs a space after it"},
		{"found unknown escape character", `inside of " " a \ is a sign of its own`, "use ' ' around this value"},
		{"found character that cannot start any token", "YAML can't read this line", "put the value in quotes"},
		{"control characters are not allowed", "the line holds a character that can't be seen", "type the line anew"},
		{"unknown anchor", "YAML reads a leading `*` as a reference", "put the value in quotes"},
		{"found a tab character", "a tab indents this line: YAML allows spaces only", "indent with two spaces"},
	} {
		if strings.Contains(text, known.theirs) {
			return known.message, known.hint
		}
	}
	return "YAML can't read this: " + text, "check the indentation, brackets and quotes of this line and the one above"
}
