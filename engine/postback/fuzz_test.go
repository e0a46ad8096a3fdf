package postback

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
)

// FuzzSender: a stranger's header changes nothing, and behind trusted proxies it is the first stranger from the right
// that counts, or the last of many.
func FuzzSender(f *testing.F) {
	f.Add("203.0.113.7:1", "1.1.1.1")
	f.Add("127.0.0.1:1", "9.9.9.9, 1.1.1.1, 10.1.1.1")
	f.Add("127.0.0.1:1", "9.9.9.9\n1.1.1.1,10.0.0.1")
	f.Add("[::1]:1", "[2001:db8::1%x]:99, ::ffff:10.1.2.3")
	f.Add("@", ",,,")
	f.Add("127.0.0.1:1", strings.Repeat("10.1.1.1,", 100)+"8.8.8.8")
	proxies, err := ParseProxies([]string{"127.0.0.0/8", "::1", "10.0.0.0/8"})
	if err != nil {
		f.Fatal(err)
	}
	r := receiver(f, Options{TrustedProxies: proxies})
	f.Fuzz(func(t *testing.T, remote, forwarded string) {
		q := &http.Request{RemoteAddr: remote, Header: http.Header{}}
		for line := range strings.SplitSeq(forwarded, "\n") {
			q.Header.Add("X-Forwarded-For", line)
		}
		got := r.sender(q)
		want := addressOf(remote)
		hops := strings.Split(strings.Join(q.Header["X-Forwarded-For"], ","), ",")
		for i := len(hops) - 1; i >= 0 && len(hops)-i <= hopsMax && trustedIn(proxies, want); i-- {
			a := addressOf(strings.TrimSpace(hops[i]))
			if !a.IsValid() {
				break
			}
			want = a
		}
		if got != want {
			t.Fatalf("%s with %q: %s, not %s", remote, forwarded, got, want)
		}
		if n := network(got); got.IsValid() && !n.IsValid() || n.Is6() && n.AsSlice()[8] != 0 {
			t.Fatalf("%s counts as %s", got, n)
		}
	})
}

func trustedIn(list []netip.Prefix, a netip.Addr) bool {
	for _, p := range list {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// FuzzAnswer: any path, method, coding and body is answered with a code of the contract, in Kite's envelope.
func FuzzAnswer(f *testing.F) {
	f.Add("POST", "/postback/k", "", "{}")
	f.Add("POST", "/postback", "gzip", "\x1f\x8b")
	f.Add("PUT", "/postback/k/", "identity", "wrong")
	f.Add("POST", "/postback/../kite/callback", "identity, br", "bad \u202e\x00\x1b[31m")
	f.Add("GET", "/kite/callback", "", "")
	f.Add("OPTIONS", "*", "", "")
	f.Add("POST", "//postback//k", " , ", "odd")
	r := receiver(f, Options{})
	contract := map[int]bool{200: true, 400: true, 401: true, 404: true, 405: true, 413: true, 415: true, 429: true}
	f.Fuzz(func(t *testing.T, method, path, coding, body string) {
		q := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
		q.Method, q.URL.Path, q.RequestURI = method, path, path
		if coding != "" {
			q.Header.Set("Content-Encoding", coding)
		}
		w := httptest.NewRecorder()
		r.ServeHTTP(w, q)
		var envelope struct {
			Status, Message string
			Type            string `json:"error_type"`
		}
		if err := json.Unmarshal(w.Body.Bytes(), &envelope); err != nil || !contract[w.Code] || (w.Code == 200) != (envelope.Status == "success") ||
			w.Code != 200 && (envelope.Status != "error" || envelope.Type == "" || envelope.Message == "") {
			t.Fatalf("%s %q (%q): %d %s, %v", method, path, coding, w.Code, w.Body, err)
		}
	})
}
