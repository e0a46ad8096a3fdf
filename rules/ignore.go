package rules

import (
	"regexp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// ignore is one code of a comment `# backstop:ignore BS601 reason`.
type ignore struct {
	comment place // of the code
	code    Code
	line    int // whose warnings it silences
	used    bool
}

const ignoreMark = "backstop:ignore"

var (
	ignoreForm  = regexp.MustCompile(`(?:^|\s)#+\s*` + ignoreMark + `(\s.*)?$`)
	ignoredCode = regexp.MustCompile(`^\s*(BS\d+|[a-z]+(?:-[a-z]+)+)\s*,?`)
)

// ignores reads the comments that silence warnings, and tells of those that can't silence anything.
func (r *reader) ignores(root *yaml.Node) []*ignore {
	var out []*ignore
	texts := map[place]bool{}
	r.marksInTexts(root, texts, 0)
	for i, line := range r.src.lines {
		text := string(line)
		m := ignoreForm.FindStringSubmatchIndex(text)
		if m == nil {
			continue
		}
		mark := strings.LastIndex(text, ignoreMark)
		if texts[place{i + 1, len([]rune(text[:mark])) + 1}] {
			continue
		}
		out = append(out, r.readIgnore(i, text, mark, r.silencedBy(i, text))...)
	}
	return out
}

// marksInTexts finds where values, not comments, hold the mark.
func (r *reader) marksInTexts(n *yaml.Node, out map[place]bool, depth int) {
	if n == nil || depth > depthMax {
		return
	}
	if n.Kind == yaml.ScalarNode && strings.Contains(n.Value, ignoreMark) {
		l := r.src.locate(n)
		text := n.Value
		for from := 0; ; {
			i := strings.Index(text[from:], ignoreMark)
			if i < 0 {
				break
			}
			from += i
			out[l.at[len([]rune(text[:from]))]] = true
			from += len(ignoreMark)
		}
	}
	for _, c := range n.Content {
		r.marksInTexts(c, out, depth+1)
	}
}

// silencedBy is the line that a comment speaks of: its own, or the next one where it stands alone.
func (r *reader) silencedBy(i int, text string) int {
	if !strings.HasPrefix(strings.TrimSpace(text), "#") {
		return i + 1
	}
	for i++; i < len(r.src.lines); i++ {
		if !strings.HasPrefix(strings.TrimSpace(string(r.src.lines[i])), "#") {
			break
		}
	}
	return i + 1
}

func (r *reader) readIgnore(i int, text string, mark, line int) []*ignore {
	rest := text[mark+len(ignoreMark):]
	at := func(rest string) place { return place{i + 1, len([]rune(text[:len(text)-len(rest)])) + 1} }
	var out []*ignore
	for {
		m := ignoredCode.FindStringSubmatch(rest)
		if m == nil {
			break
		}
		here := rest[strings.Index(rest, m[1]):]
		rest = rest[len(m[0]):]
		c, ok := CodeNamed(m[1])
		if !ok && !strings.HasPrefix(m[1], "BS") { // a word with a hyphen: the reason begins
			rest = here
			break
		}
		width := len([]rune(m[1]))
		switch {
		case !ok:
			r.add(SeverityWarning, at(here), width, "ignores-nothing", "there is no code "+m[1], "the codes are listed in docs/check.md")
		case c.Severity == SeverityError:
			r.add(SeverityWarning, at(here), width, "ignores-nothing", c.ID+" is an error: it can't be silenced", "mend what it tells of")
		default:
			out = append(out, &ignore{comment: at(here), code: c, line: line})
		}
		if !strings.Contains(m[0], ",") && !ignoredCode.MatchString(rest) {
			break
		}
	}
	begins := place{i + 1, len([]rune(text[:mark])) + 1}
	switch {
	case len(out) == 0 && strings.TrimSpace(rest) == strings.TrimSpace(text[mark+len(ignoreMark):]):
		r.add(SeverityWarning, begins, len(ignoreMark), "ignores-nothing", "this names no code to silence", "write # backstop:ignore BS601 and the reason")
	case strings.TrimSpace(rest) == "":
		r.add(SeverityWarning, begins, len(ignoreMark), "ignore-without-reason", "this does not say why", "write the reason behind the code: the next reader will ask")
	}
	return out
}

// silence takes out the warnings that comments silence. Comments that silence nothing are told, unless an error
// may have kept a warning from being found.
func (r *reader) silence(root *yaml.Node) {
	ignores := r.ignores(root)
	if len(ignores) == 0 {
		return
	}
	r.problems = slices.DeleteFunc(r.problems, func(p Problem) bool {
		if p.Severity != SeverityWarning {
			return false
		}
		silenced := false
		for _, g := range ignores {
			if g.code.ID == p.Code && g.line == p.Line && p.File == r.src.name {
				g.used, silenced = true, true
			}
		}
		return silenced
	})
	if len(r.problems.Errors()) > 0 {
		return
	}
	for _, g := range ignores {
		if !g.used {
			r.add(SeverityWarning, g.comment, len(g.code.ID), "ignores-nothing", "there is no "+g.code.ID+" to silence here", "take the comment out, or put it on the line of the warning, or right above it")
		}
	}
}
