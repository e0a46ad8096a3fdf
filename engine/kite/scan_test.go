package kite

import (
	"encoding/json"
	"testing"
)

// accepts says whether a strict scanner takes b whole as JSON.
func accepts(b []byte) bool {
	s := scanner{in: b}
	if _, err := s.value(0); err != nil {
		return false
	}
	s.space()
	return s.at == len(b)
}

func TestScannerTakesWhatJSONIs(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		`{}`, `[]`, ` { "a" : [ 1 , -0.5e+7 , "x\n\u00e9\ud83d" , true , false , null , { } ] } `, `"\u12"`, `"\u12G4"`,
		`"\x"`, "\"\x01\"", "\"caf\xe9\"", `01`, `-`, `1.`, `.5`, `1e`, `1e+`, `+1`, `-01`, `0`, `-0`, `1E9`, `tru`, `nul`,
		`NaN`, `Infinity`, `{"a":1,}`, `[1,]`, `{,}`, `[,]`, `{"a"}`, `{"a":}`, `{a:1}`, `{"a":1 "b":2}`, `[1 2]`, `{`, `[`,
		`"`, `"\`, `"\u`, `"\u123`, `{}{}`, ``, ` `, `]`, `}`, `[}`, `{]`, `//`, `'a'`, "\xef\xbb\xbf{}", `"\/"`,
	} {
		if got, want := accepts([]byte(text)), json.Valid([]byte(text)); got != want {
			t.Errorf("%q: %v, encoding/json says %v", text, got, want)
		}
	}
}

func TestTexts(t *testing.T) {
	t.Parallel()
	for _, text := range []string{`""`, `"plain"`, `"\"\\\/\b\f\n\r\t"`, `"é😀"`, `"\u00e9\ud83d\ude00"`, `"\ud83d"`, `"\ude00x"`, `"\ud83d\u0041"`, "\"caf\xe9\""} {
		var want string
		if err := json.Unmarshal([]byte(text), &want); err != nil {
			t.Fatal(err)
		}
		if got := unescape([]byte(text[1 : len(text)-1])); got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}
