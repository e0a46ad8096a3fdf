package console

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzCursor: a cursor is taken only as it was given out: for the same list, and in the very same letters of meaning.
func FuzzCursor(f *testing.F) {
	for _, k := range []cursor{{List: "updates", Store: "12"}, {List: "decisions", Event: "zz", Index: 3}, {List: "orders", End: true}, {List: "positions", Row: "a\x00b"}} {
		f.Add(k.text(), k.List)
	}
	for _, s := range []string{"", "e30", "bnVsbA", "W10", "eyJsIjoidXBkYXRlcyIsImkiOi0xfQ", "eyJsIjoidXBkYXRlcyIsImkiOjFlOTl9", "%00", "eyJsIjoidXBkYXRlcyJ9=", "💥", "1"} {
		f.Add(s, "updates")
	}
	f.Fuzz(func(t *testing.T, text, list string) {
		if !isList(api + list) {
			list = "updates" // the name of a list is ours
		}
		k, p := parseCursor(text, list)
		if p != nil {
			if p.status != http.StatusBadRequest || p.message == "" || strings.ContainsAny(p.message, "\n\r") {
				t.Fatalf("%+v", p)
			}
			return
		}
		again, p := parseCursor(k.text(), list)
		if p != nil || again != k || k.List != list || k.Index < 0 {
			t.Fatalf("%q: %+v became %+v, %+v", text, k, again, p)
		}
	})
}

// FuzzQuery: every address with every query answers 200 or a refusal of the asker in Kite's envelope, and whatever it
// answers is JSON in UTF-8 of its own length.
func FuzzQuery(f *testing.F) {
	for _, s := range []string{"updates?limit=1&before=eyJsIjoidXBkYXRlcyIsInMiOiJhdC0yIn0", "updates?raw=1&order_id=101", "decisions?limit=1&event=fill&matched=true",
		"decisions/../updates", "actions?state=failed&since=2h", "orders?account=AB1234&since=2026-01-30T09:15:00+05:30", "requests?limit=0", "requests?limit=1e3&limit=2",
		"positions?before=x", "rules?rule=tell", "status?x", "updates?%gh=1;a=b", "actions/%2e%2e%2fetc", "decisions?since=-1d&since=99999999999d", "updates?since=9223372036854775807h",
		"decisions/\u202e", "kill", "updates?ignored=%ff", "requests?state=%E2%80%AE"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, target string) {
		s, d := scene()
		h := New(options(s, d))
		r, err := http.NewRequest(http.MethodGet, "http://127.0.0.1:8788/api/v1/"+target, nil)
		if err != nil {
			return
		}
		r.RequestURI = r.URL.RequestURI()
		r.RemoteAddr = "127.0.0.1:9"
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code == http.StatusMovedPermanently || w.Code == http.StatusTemporaryRedirect || w.Code == http.StatusPermanentRedirect {
			if at := w.Header().Get("Location"); strings.HasPrefix(at, "//") || strings.Contains(at, "://") {
				t.Fatalf("%q leads away: %s", target, at)
			}
			return
		}
		if w.Code >= 500 && w.Code != http.StatusServiceUnavailable && w.Code != http.StatusNotImplemented {
			t.Fatalf("%q: %d %s", target, w.Code, w.Body)
		}
		if w.Header().Get("Content-Type") == "application/json" && (!json.Valid(w.Body.Bytes()) || !utf8.Valid(w.Body.Bytes())) {
			t.Fatalf("%q: %s", target, w.Body)
		}
	})
}
