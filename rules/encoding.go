package rules

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"
)

// otherEncoding tells of a file that is not UTF-8, naming what it seems to be. Nothing else of it is read.
func (r *reader) otherEncoding(src []byte) bool {
	wide := ""
	switch {
	case bytes.HasPrefix(src, []byte{0xff, 0xfe, 0, 0}), bytes.HasPrefix(src, []byte{0, 0, 0xfe, 0xff}):
		wide = "UTF-32"
	case bytes.HasPrefix(src, []byte{0xff, 0xfe}), bytes.HasPrefix(src, []byte{0xfe, 0xff}):
		wide = "UTF-16"
	case len(src) > 1 && bytes.Count(src, []byte{0}) > len(src)/3:
		wide = "UTF-16"
	}
	if wide != "" {
		r.src = newSource(r.src.name, "")
		r.fail(place{1, 1}, 1, "encoding", "the file is "+wide+", not UTF-8", "save it as UTF-8, without changing anything else")
		return true
	}
	if utf8.Valid(src) {
		return false
	}
	line, column, bad := 1, 1, byte(0)
	for rest := src; len(rest) > 0; {
		c, size := utf8.DecodeRune(rest)
		if c == utf8.RuneError && size <= 1 {
			bad = rest[0]
			break
		}
		column++
		if c == '\n' {
			line, column = line+1, 1
		}
		rest = rest[size:]
	}
	r.src = newSource(r.src.name, strings.ToValidUTF8(string(src), "?"))
	r.fail(place{line, column}, 1, "encoding", fmt.Sprintf("the file is not UTF-8: the byte %02X stands here (%c in Latin-1)", bad, latin1(bad)), "save it as UTF-8")
	return true
}

// latin1 is the character that a byte is in the old encoding, a dot where it can't be shown.
func latin1(b byte) rune {
	if b < 0xa1 {
		return '.'
	}
	return rune(b)
}

// mendUnseen tells of characters that no editor shows, or that end a line for YAML alone, and goes on as if they
// were spaces: what is read must be what is seen. Joiners are left alone: Indian scripts are written with them.
func (r *reader) mendUnseen() {
	for i, line := range r.src.lines {
		indent := true
		for j, c := range line {
			switch {
			case unseen(c), indent && c == '\u00a0':
				r.fail(place{i + 1, j + 1}, 1, "encoding", fmt.Sprintf("the line holds a character that can't be seen (U+%04X)", c), "delete it, or type the line anew")
				line[j] = ' '
			case c != ' ' && c != '\t':
				indent = false
			}
		}
	}
}

func unseen(c rune) bool {
	switch {
	case c == '\t':
		return false
	case c < ' ', c >= 0x7f && c <= 0x9f, c == '\ufeff', c == '\u200b', c == '\u2060':
		return true
	case c == '\u2028', c == '\u2029': // line breaks for YAML
		return true
	case c >= '\u202a' && c <= '\u202e', c >= '\u2066' && c <= '\u2069': // turn the text around: it is read otherwise than it is seen
		return true
	}
	return false
}
