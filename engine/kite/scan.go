package kite

import (
	"errors"
	"fmt"
	"unicode/utf8"
)

// The scanner below reads JSON in place: no reflection, no case folding of keys (encoding/json v1 matches keys
// in any case and takes the last, so that one body would have two order ids), and values stay slices of the
// input. Texts with invalid UTF-8 are taken, with the replacement character in them.

// kind is what a JSON value is, named by how it begins.
type kind byte

const (
	kindObject kind = '{'
	kindArray  kind = '['
	kindText   kind = '"'
	kindNumber kind = '0'
	kindTrue   kind = 't'
	kindFalse  kind = 'f'
	kindNull   kind = 'n'
	kindNaN    kind = 'N' // NaN or ±Infinity, which are no JSON; lenient scanners take them as a value nobody can use
)

// String is the kind in words, for errors.
func (k kind) String() string {
	switch k {
	case kindObject:
		return "an object"
	case kindArray:
		return "an array"
	case kindText:
		return "a text"
	case kindNumber:
		return "a number"
	case kindTrue, kindFalse:
		return "true or false"
	case kindNull:
		return "null"
	default:
		return "not a number"
	}
}

// value is one JSON value as it stands in the input.
type value struct {
	raw  []byte
	kind kind
}

// text is the value of a kindText, unescaped.
func (v value) text() string { return unescape(v.raw[1 : len(v.raw)-1]) }

// errDepth refuses what is nested deeper than depthMax.
var errDepth = errors.New("nested too deep")

// scanner reads values from in. A strict one takes JSON alone.
type scanner struct {
	in      []byte
	at      int
	lenient bool
}

func (s *scanner) space() {
	for s.at < len(s.in) {
		switch s.in[s.at] {
		case ' ', '\t', '\r', '\n':
			s.at++
		default:
			return
		}
	}
}

func (s *scanner) fail(want string) error {
	if s.at >= len(s.in) {
		return fmt.Errorf("it ends where %s should be", want)
	}
	return fmt.Errorf("byte %d: want %s", s.at+1, want)
}

// value scans the next value whole.
func (s *scanner) value(depth int) (value, error) {
	s.space()
	from := s.at
	k, err := s.skip(depth)
	if err != nil {
		return value{}, err
	}
	return value{s.in[from:s.at], k}, nil
}

func (s *scanner) skip(depth int) (kind, error) {
	if s.at >= len(s.in) {
		return 0, s.fail("a value")
	}
	switch c := s.in[s.at]; {
	case c == '"':
		return kindText, s.skipText()
	case c == '{' || c == '[':
		if depth >= depthMax {
			return 0, errDepth
		}
		return kind(c), s.skipInside(c, depth)
	case c == 't' && s.word("true"):
		return kindTrue, nil
	case c == 'f' && s.word("false"):
		return kindFalse, nil
	case c == 'n' && s.word("null"):
		return kindNull, nil
	case s.lenient && (s.word("NaN") || s.word("Infinity") || s.word("-Infinity")):
		return kindNaN, nil
	case c == '-' || c >= '0' && c <= '9':
		n := numberLength(s.in[s.at:])
		if n == 0 {
			return 0, s.fail("a number")
		}
		s.at += n
		return kindNumber, nil
	}
	return 0, s.fail("a value")
}

func (s *scanner) word(w string) bool {
	if len(s.in)-s.at < len(w) || string(s.in[s.at:s.at+len(w)]) != w {
		return false
	}
	s.at += len(w)
	return true
}

func (s *scanner) skipText() error {
	for s.at++; s.at < len(s.in); s.at++ {
		switch c := s.in[s.at]; {
		case c == '"':
			s.at++
			return nil
		case c < ' ':
			return s.fail("a text without control characters")
		case c == '\\':
			s.at++
			if s.at >= len(s.in) {
				return s.fail("the end of a text")
			}
			switch s.in[s.at] {
			case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
			case 'u':
				if s.at+4 >= len(s.in) {
					s.at = len(s.in)
					return s.fail("the end of a text")
				}
				if _, ok := hex4(s.in[s.at+1:]); !ok {
					return s.fail("four hexadecimal digits")
				}
				s.at += 4
			default:
				return s.fail("an escape that JSON has")
			}
		}
	}
	return s.fail("the end of a text")
}

// skipInside skips an object or an array, from its opening character on.
func (s *scanner) skipInside(open byte, depth int) error {
	closing := byte('}')
	if open == '[' {
		closing = ']'
	}
	s.at++
	for first := true; ; first = false {
		s.space()
		if s.at < len(s.in) && s.in[s.at] == closing && first {
			s.at++
			return nil
		}
		if open == '{' {
			if err := s.key(); err != nil {
				return err
			}
			s.space()
		}
		if _, err := s.skip(depth + 1); err != nil {
			return err
		}
		s.space()
		switch {
		case s.at < len(s.in) && s.in[s.at] == closing:
			s.at++
			return nil
		case s.at < len(s.in) && s.in[s.at] == ',':
			s.at++
		default:
			return s.fail("a comma or " + string(closing))
		}
	}
}

// key skips a member's name and the colon behind it.
func (s *scanner) key() error {
	if s.at >= len(s.in) || s.in[s.at] != '"' {
		return s.fail("a name in quotes")
	}
	if err := s.skipText(); err != nil {
		return err
	}
	s.space()
	if s.at >= len(s.in) || s.in[s.at] != ':' {
		return s.fail("a colon")
	}
	s.at++
	return nil
}

// numberLength is the length of the JSON number that b begins with, 0 where there is none.
func numberLength(b []byte) int {
	i := 0
	digits := func() bool {
		from := i
		for i < len(b) && b[i] >= '0' && b[i] <= '9' {
			i++
		}
		return i > from
	}
	if i < len(b) && b[i] == '-' {
		i++
	}
	if i < len(b) && b[i] == '0' {
		i++
	} else if !digits() {
		return 0
	}
	if i < len(b) && b[i] == '.' {
		if i++; !digits() {
			return 0
		}
	}
	if i < len(b) && (b[i] == 'e' || b[i] == 'E') {
		i++
		if i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		if !digits() {
			return 0
		}
	}
	return i
}

// members walks a JSON object that fills its input: for m.next() { m.name, m.value }; then m.err.
type members struct {
	scanner
	name  []byte // unescaped
	value value
	err   error
	begun bool
}

// membersOf walks the object in b.
func membersOf(b []byte, lenient bool) members {
	return members{scanner: scanner{in: b, lenient: lenient}}
}

func (m *members) next() bool {
	if m.err != nil {
		return false
	}
	if !m.begun {
		m.space()
		if m.at >= len(m.in) || m.in[m.at] != '{' {
			m.err = m.fail("an object")
			return false
		}
		m.at++
	}
	m.space()
	switch {
	case m.at < len(m.in) && m.in[m.at] == '}':
		m.at++
		m.space()
		if m.at != len(m.in) {
			m.err = m.fail("nothing more")
		}
		return false
	case m.begun && m.at < len(m.in) && m.in[m.at] == ',':
		m.at++
		m.space()
	case m.begun:
		m.err = m.fail("a comma or }")
		return false
	}
	m.begun = true
	from := m.at
	if m.err = m.key(); m.err != nil {
		return false
	}
	m.name = nameIn(m.in[from:m.at])
	m.value, m.err = m.scanner.value(1)
	if m.err != nil {
		m.err = fmt.Errorf("%s: %w", clip(string(m.name)), m.err)
		return false
	}
	return true
}

// nameIn is the unescaped name in a scanned `"name" :`.
func nameIn(raw []byte) []byte {
	end := len(raw) - 2
	for raw[end] != '"' {
		end--
	}
	name := raw[1:end]
	for _, c := range name {
		if c == '\\' || c >= utf8.RuneSelf {
			return []byte(unescape(name))
		}
	}
	return name
}

// elements walks a JSON array that fills its input.
type elements struct {
	scanner
	value value
	err   error
	begun bool
}

func elementsOf(b []byte, lenient bool) elements {
	return elements{scanner: scanner{in: b, lenient: lenient}}
}

func (e *elements) next() bool {
	if e.err != nil {
		return false
	}
	if !e.begun {
		e.space()
		if e.at >= len(e.in) || e.in[e.at] != '[' {
			e.err = e.fail("an array")
			return false
		}
		e.at++
	}
	e.space()
	switch {
	case e.at < len(e.in) && e.in[e.at] == ']':
		e.at++
		e.space()
		if e.at != len(e.in) {
			e.err = e.fail("nothing more")
		}
		return false
	case e.begun && e.at < len(e.in) && e.in[e.at] == ',':
		e.at++
	case e.begun:
		e.err = e.fail("a comma or ]")
		return false
	}
	e.begun = true
	e.value, e.err = e.scanner.value(1)
	return e.err == nil
}
