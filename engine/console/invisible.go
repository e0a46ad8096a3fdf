package console

import (
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// EscapeInvisible writes as \uXXXX what JSON may hold raw and a terminal or an eye would not take as text: controls
// beyond ASCII's, bidirectional marks and other invisible format characters, line and paragraph separators, private use,
// and bytes that are no UTF-8. The value stays the same to every program (bytes that are no UTF-8 become U+FFFD). JSON
// from brokers and strangers is shown by curl and by --json on a terminal, where such characters reorder or hide the rest.
func EscapeInvisible(text []byte) []byte {
	plain := true
	for _, c := range text {
		if c >= 0x7f {
			plain = false
			break
		}
	}
	if plain {
		return text
	}
	out := make([]byte, 0, len(text)+64)
	for len(text) > 0 {
		r, n := utf8.DecodeRune(text)
		switch {
		case r == utf8.RuneError && n == 1, r >= 0x7f && unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co, unicode.Zl, unicode.Zp):
			out = appendEscape(out, r)
		default:
			out = append(out, text[:n]...)
		}
		text = text[n:]
	}
	return out
}

func appendEscape(out []byte, r rune) []byte {
	if high, low := utf16.EncodeRune(r); high != utf8.RuneError {
		return appendEscape(appendEscape(out, high), low)
	}
	const digits = "0123456789abcdef"
	return append(out, '\\', 'u', digits[r>>12&15], digits[r>>8&15], digits[r>>4&15], digits[r&15])
}
