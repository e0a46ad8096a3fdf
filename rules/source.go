package rules

import "strings"

// place is a position in the text as parsed, line and column from 1, in characters.
type place struct{ line, column int }

// source is the text of a file. Where YAML would stop at a mistake, the text is mended and parsed again, so
// that the mistakes after it are found too; origins keep where each character stood in the file.
type source struct {
	name     string
	original []string
	lines    [][]rune
	origins  map[int][]int // by line index: the original column index of each rune; absent for untouched lines
}

func newSource(name, text string) *source {
	text = strings.TrimPrefix(text, "\ufeff")
	s := &source{name: name, origins: map[int][]int{}}
	for line := range strings.SplitSeq(lineEnds.Replace(text), "\n") {
		s.original = append(s.original, line)
		s.lines = append(s.lines, []rune(line))
	}
	return s
}

var lineEnds = strings.NewReplacer("\r\n", "\n", "\r", "\n")

// text is lines from..to (indices, to excluded) as parsed.
func (s *source) text(from, to int) []byte {
	var b strings.Builder
	for _, line := range s.lines[from:to] {
		b.WriteString(string(line))
		b.WriteByte('\n')
	}
	return []byte(b.String())
}

// replace puts other characters in the place of from..to (indices) of a line.
func (s *source) replace(line, from, to int, with []rune) {
	old := s.lines[line]
	origin := s.origins[line]
	if origin == nil {
		origin = make([]int, len(old))
		for i := range origin {
			origin[i] = i
		}
	}
	var runes []rune
	var columns []int
	runes, columns = append(runes, old[:from]...), append(columns, origin[:from]...)
	for i, r := range with {
		runes = append(runes, r)
		// What was inserted stands for the character it was inserted at.
		columns = append(columns, origin[min(from+max(0, i-1), len(origin)-1)])
	}
	runes, columns = append(runes, old[to:]...), append(columns, origin[to:]...)
	s.lines[line], s.origins[line] = runes, columns
}

// quote wraps from..to of a line in quotes, keeping each character's origin.
func (s *source) quote(line, from, to int) {
	value := s.lines[line][from:to]
	origin := s.origins[line]
	at := func(i int) int {
		if origin == nil {
			return i
		}
		return origin[min(i, len(origin)-1)]
	}
	runes, columns := []rune{'\''}, []int{at(from)}
	for i, r := range value {
		if r == '\'' {
			runes, columns = append(runes, '\''), append(columns, at(from+i))
		}
		runes, columns = append(runes, r), append(columns, at(from+i))
	}
	runes, columns = append(runes, '\''), append(columns, at(to-1))
	s.replace(line, from, to, runes)
	copy(s.origins[line][from:], columns)
}

// blank empties lines from..to (indices, to excluded).
func (s *source) blank(from, to int) {
	for i := from; i < to; i++ {
		s.lines[i] = nil
		delete(s.origins, i)
	}
}

// origin is where p stood in the file.
func (s *source) origin(p place) place {
	if o, ok := s.origins[p.line-1]; ok && len(o) > 0 {
		if i := p.column - 1; i >= 0 && i < len(o) {
			p.column = o[i] + 1
		} else if i >= len(o) {
			p.column = o[len(o)-1] + 1 + (i - len(o)) + 1
		}
	}
	return p
}

// line is a line of the file as written, "" beyond its end.
func (s *source) line(n int) string {
	if n < 1 || n > len(s.original) {
		return ""
	}
	return s.original[n-1]
}

// located is a text together with the place of each of its characters; at has one more, the end.
type located struct {
	runes []rune
	at    []place
}

func (l located) String() string { return string(l.runes) }

func (l located) slice(from, to int) located {
	from, to = max(0, min(from, len(l.runes))), max(0, min(to, len(l.runes)))
	if to < from {
		to = from
	}
	return located{l.runes[from:to], l.at[from : to+1]}
}

// trim cuts white space off both ends.
func (l located) trim() located {
	from, to := 0, len(l.runes)
	for from < to && isSpace(l.runes[from]) {
		from++
	}
	for to > from && isSpace(l.runes[to-1]) {
		to--
	}
	return l.slice(from, to)
}

// width is how many columns the text takes on its first line.
func (l located) width() int {
	if len(l.runes) == 0 {
		return 1
	}
	first := l.at[0]
	last := first
	for _, p := range l.at[:len(l.runes)] {
		if p.line == first.line {
			last = p
		}
	}
	return last.column - first.column + 1
}

func isSpace(r rune) bool { return r == ' ' || r == '\t' || r == '\n' || r == '\r' }
