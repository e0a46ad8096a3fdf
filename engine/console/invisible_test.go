package console

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestInvisibleCharactersAreEscapedAndMeanTheSame(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		`{"a":"₹ 120, निफ्टी 🙂"}`:        `{"a":"₹ 120, निफ्टी 🙂"}`,
		"{\"a\":\"x\u202ey\u2066z\"}":    `{"a":"x\u202ey\u2066z"}`,
		"{\"a\":\"\u009b31m\u007f\"}":    `{"a":"\u009b31m\u007f"}`,
		"{\"a\":\"\u2028\ufeff\u200b\"}": `{"a":"\u2028\ufeff\u200b"}`,
		"{\"a\":\"\U000e0041\"}":         `{"a":"\udb40\udc41"}`,
		"{\"a\":\"\xff\xc3\"}":           `{"a":"\ufffd\ufffd"}`,
	} {
		if got := string(EscapeInvisible([]byte(in))); got != want {
			t.Errorf("%q: %s, not %s", in, got, want)
		}
	}
}

// FuzzEscapeInvisible: valid JSON stays valid and keeps its value, and nothing invisible is left in it.
func FuzzEscapeInvisible(f *testing.F) {
	f.Add([]byte("{\"status_message\":\"\u202e\u0085\xff\U000e0001\",\"n\":[1,2.5]}"))
	f.Add([]byte(`"\u202e"`))
	f.Fuzz(func(t *testing.T, in []byte) {
		out := EscapeInvisible(in)
		for _, r := range string(out) {
			if r != utf8.RuneError && r >= 0x7f && unicode.In(r, unicode.Cc, unicode.Cf) {
				t.Fatalf("%q keeps %U", out, r)
			}
		}
		if !utf8.Valid(out) {
			t.Fatalf("%q is no UTF-8", out)
		}
		if !json.Valid(in) {
			return
		}
		var before, after any
		if json.Unmarshal(in, &before) != nil || json.Unmarshal(out, &after) != nil {
			if !bytes.ContainsAny(in, "0123456789") { // a number beyond float64 is JSON that Unmarshal refuses
				t.Fatalf("%q became %q", in, out)
			}
			return
		}
		if !reflect.DeepEqual(before, after) {
			t.Fatalf("%q became %q", in, out)
		}
	})
}
