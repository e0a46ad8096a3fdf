package notify

import (
	"strings"
	"unicode"
	"unicode/utf16"
)

// ellipsis ends a text that was cut; it is one UTF-16 unit.
const ellipsis = "…"

// plain makes a text harmless to read and short enough to send. Parts of a message come from whoever placed the order
// (tags, a broker's status texts), so what would reorder, hide or erase the rest is replaced by the visible U+FFFD:
// control characters, invalid UTF-8, bidirectional overrides and marks, other invisible format characters. Line breaks
// stay, a tab becomes a space, and the joiners that Indian scripts and emoji need stay too.
func plain(text string) string {
	text = strings.ReplaceAll(text, "\r\n", "\n")
	text = strings.Map(func(r rune) rune {
		switch {
		case r == '\n', r == '\u2028', r == '\u2029':
			return '\n'
		case r == '\t':
			return ' '
		case r == '\u200c', r == '\u200d': // zero-width non-joiner and joiner
			return r
		case unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co, unicode.Cs):
			return '\uFFFD'
		}
		return r
	}, strings.ToValidUTF8(text, "\uFFFD"))
	return cut(text, textMax)
}

// cut shortens a text to so many UTF-16 units, which is how Telegram counts, between two characters.
func cut(text string, unitsMax int) string {
	units, keep := 0, 0 // keep: bytes that leave room for the ellipsis
	for i, r := range text {
		if units < unitsMax {
			keep = i
		}
		if units += utf16.RuneLen(r); units > unitsMax {
			return text[:keep] + ellipsis
		}
	}
	return text
}
