package kite

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
	"unique"
)

// words are the texts that stand in every order. They are one text each, for a day's orders are kept in memory.
var words = func() map[string]string {
	known := map[string]string{}
	for _, w := range strings.Fields("COMPLETE REJECTED CANCELLED OPEN UPDATE BUY SELL MARKET LIMIT SL SL-M DAY IOC TTL CNC NRML MIS MTF CO regular amo co " +
		"iceberg auction NSE BSE NFO BFO MCX CDS BCD") {
		known[w] = w
	}
	return known
}()

// canonical is s as the one text that all orders share which name the same account or instrument.
func canonical(s string) string { return unique.Make(s).Value() }

// unescape is the text of what stands between a scanned text's quotes.
func unescape(b []byte) string {
	if w, ok := words[string(b)]; ok {
		return w
	}
	plain := true
	for _, c := range b {
		if c == '\\' || c >= utf8.RuneSelf {
			plain = false
			break
		}
	}
	if plain {
		return string(b)
	}
	out := make([]byte, 0, len(b))
	for i := 0; i < len(b); {
		switch c := b[i]; {
		case c == '\\' && b[i+1] == 'u':
			r, n := escapedRune(b[i:])
			out = utf8.AppendRune(out, r)
			i += n
		case c == '\\':
			out = append(out, escaped(b[i+1]))
			i += 2
		case c < utf8.RuneSelf:
			out = append(out, c)
			i++
		default:
			r, n := utf8.DecodeRune(b[i:])
			out = utf8.AppendRune(out, r)
			i += n
		}
	}
	return string(out)
}

func escaped(c byte) byte {
	switch c {
	case 'b':
		return '\b'
	case 'f':
		return '\f'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	default:
		return c
	}
}

// escapedRune reads \uXXXX, with its other half where it is a surrogate, and how many bytes that took.
func escapedRune(b []byte) (rune, int) {
	high, _ := hex4(b[2:])
	if !utf16.IsSurrogate(high) {
		return high, 6
	}
	if len(b) >= 12 && b[6] == '\\' && b[7] == 'u' {
		if low, ok := hex4(b[8:]); ok {
			if r := utf16.DecodeRune(high, low); r != utf8.RuneError {
				return r, 12
			}
		}
	}
	return utf8.RuneError, 6
}

func hex4(b []byte) (rune, bool) {
	if len(b) < 4 {
		return 0, false
	}
	var r rune
	for _, c := range b[:4] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

// clip quotes foreign text for an error: short, on one line.
func clip(s string) string {
	const most = 60
	if r := []rune(s); len(r) > most {
		s = string(r[:most]) + "…"
	}
	q := strconv.Quote(s)
	return q[1 : len(q)-1]
}

// oneLine is a foreign message without line ends, control characters and invisible marks, of bounded length.
func oneLine(s string) string {
	const most = 500
	s = strings.Map(func(r rune) rune {
		if unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) && r != '\u200c' && r != '\u200d' {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
	if r := []rune(s); len(r) > most {
		s = string(r[:most]) + "…"
	}
	return strings.TrimSpace(s)
}
