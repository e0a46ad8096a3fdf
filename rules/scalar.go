package rules

import (
	"strings"
	"unicode"

	"gopkg.in/yaml.v3"
)

// locate finds the place of every character of a scalar's value, whichever way it is written. Where the two
// can't be matched the last known place stands.
func (s *source) locate(n *yaml.Node) located {
	w := walker{s: s, line: n.Line - 1, col: n.Column - 1}
	l := located{runes: []rune(n.Value)}
	switch {
	case n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		w.enterBlock()
	case n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0:
		w.col++
	}
	for _, r := range l.runes {
		l.at = append(l.at, w.step(r, n.Style))
	}
	l.at = append(l.at, place{w.line + 1, w.col + 1})
	return l
}

// end is the place behind a scalar, closing quote included.
func (s *source) end(n *yaml.Node) place {
	l := s.locate(n)
	p := l.at[len(l.at)-1]
	if n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0 {
		p.column++
	}
	return p
}

// walker goes through the source text beside a decoded value.
type walker struct {
	s         *source
	line, col int
	indent    int // of a block scalar
}

func (w *walker) current() []rune {
	if w.line < 0 || w.line >= len(w.s.lines) {
		return nil
	}
	return w.s.lines[w.line]
}

func (w *walker) here() place { return place{w.line + 1, w.col + 1} }

// enterBlock goes behind the header of a block scalar and learns its indentation.
func (w *walker) enterBlock() {
	for i := w.line + 1; i < len(w.s.lines); i++ {
		if text := w.s.lines[i]; strings.TrimSpace(string(text)) != "" {
			w.indent = leading(text)
			break
		}
	}
	w.line++
	w.col = w.indent
}

// step gives the place of the next character r of the value and moves behind it.
func (w *walker) step(r rune, style yaml.Style) place {
	if style&yaml.LiteralStyle != 0 {
		at := w.here()
		if r == '\n' {
			w.line, w.col = w.line+1, w.indent
		} else {
			w.col++
		}
		return at
	}
	text := w.current()
	if (r == ' ' || r == '\n') && w.atEnd() {
		return w.fold()
	}
	if r == '\n' && style&yaml.DoubleQuotedStyle == 0 { // more blank lines of a fold that was passed
		return w.here()
	}
	if w.col >= len(text) && style&(yaml.LiteralStyle|yaml.FoldedStyle) == 0 {
		w.fold()
		text = w.current()
	}
	at := w.here()
	if w.col >= len(text) {
		return at
	}
	switch {
	case style&yaml.DoubleQuotedStyle != 0 && text[w.col] == '\\':
		w.escape(text)
	case style&yaml.SingleQuotedStyle != 0 && text[w.col] == '\'':
		w.col += 2
	default:
		w.col++
	}
	return at
}

// atEnd says whether nothing but white space is left of the line.
func (w *walker) atEnd() bool {
	text := w.current()
	for i := w.col; i < len(text); i++ {
		if !unicode.IsSpace(text[i]) {
			return false
		}
	}
	return true
}

// fold goes to the first word of the next line that has one.
func (w *walker) fold() place {
	at := w.here()
	for i := w.line + 1; i < len(w.s.lines); i++ {
		if text := w.s.lines[i]; strings.TrimSpace(string(text)) != "" {
			w.line, w.col = i, leading(text)
			break
		}
	}
	return at
}

// escape passes one escape of a double-quoted scalar; one before the line's end joins the next line.
func (w *walker) escape(text []rune) {
	if w.col+1 >= len(text) {
		w.fold()
		w.col++
		return
	}
	switch text[w.col+1] {
	case 'x':
		w.col += 4
	case 'u':
		w.col += 6
	case 'U':
		w.col += 10
	default:
		w.col += 2
	}
}

// leading counts the white space at a line's beginning.
func leading(text []rune) int {
	n := 0
	for n < len(text) && (text[n] == ' ' || text[n] == '\t') {
		n++
	}
	return n
}
