package notify

import (
	"strings"
	"testing"
	"unicode/utf16"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestWhatStandsInAMessageIsHarmless(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"":                             "",
		"plain ₹ text\nmore":           "plain ₹ text\nmore",
		"a\r\nb\rc":                    "a\nb\uFFFDc",
		"a\tb\x00c\x1b[31md\x7f\u0085": "a b\uFFFDc\uFFFD[31md\uFFFD\uFFFD",
		"user\u202egnp.exe":            "user\uFFFDgnp.exe",
		"\u2066a\u2069\u200f\u200e\u061c\u202a\u202b\u202c\u202d": strings.Replace(strings.Repeat("\uFFFD", 9), "\uFFFD", "\uFFFDa", 1),
		"a\u200bb\ufeffc": "a\uFFFDb\uFFFDc",
		"a\u2028b\u2029c": "a\nb\nc",
		"\xff\xfea":       "\uFFFDa",
		"क्‍ष 👩‍👩‍👧":      "क्‍ष 👩‍👩‍👧",
		"مرحبا":           "مرحبا",
	} {
		if got := plain(in); got != want {
			t.Errorf("%q gives %q, not %q", in, got, want)
		}
	}
}

func TestATextIsCutWhereTelegramCounts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, in, want string }{
		{"fits", strings.Repeat("x", textMax), strings.Repeat("x", textMax)},
		{"one over", strings.Repeat("x", textMax+1), strings.Repeat("x", textMax-1) + "…"},
		{"wide letters", strings.Repeat("₹", textMax), strings.Repeat("₹", textMax)},
		{"pairs fit", strings.Repeat("👍", textMax/2), strings.Repeat("👍", textMax/2)},
		{"pairs", strings.Repeat("👍", textMax/2) + "x", strings.Repeat("👍", textMax/2-1) + "…"},
		{"a pair at the edge", strings.Repeat("x", textMax-2) + "👍x", strings.Repeat("x", textMax-2) + "…"},
	} {
		if got := plain(c.in); got != c.want {
			t.Errorf("%s: %d units", c.name, len(utf16.Encode([]rune(got))))
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		in, most := rapid.String().Draw(t, "text"), rapid.IntRange(1, 20).Draw(t, "units")
		got := cut(in, most)
		units := len(utf16.Encode([]rune(got)))
		whole := len(utf16.Encode([]rune(in)))
		switch {
		case !utf8.ValidString(got) || units > most:
			t.Fatalf("%q has %d units", got, units)
		case whole <= most && got != in:
			t.Fatalf("%q was cut to %q", in, got)
		case whole > most && (!strings.HasPrefix(in, strings.TrimSuffix(got, ellipsis)) || units < most-1):
			t.Fatalf("%q was cut to %q", in, got)
		}
	})
}
