package console

import (
	"bytes"
	"encoding/base64"
	"log/slog"
	"net/http"
	"strings"
	"testing"
)

// TestForeignOriginChangesNothing: what a page of another site can make a browser send never reaches the engine.
func TestForeignOriginChangesNothing(t *testing.T) {
	t.Parallel()
	s, d := scene()
	h := New(options(s, d))
	const own = "http://127.0.0.1:8788"
	for _, c := range []struct {
		name    string
		code    int
		headers []string
	}{
		{"a form", 415, []string{"Content-Type", "application/x-www-form-urlencoded", "Origin", own}},
		{"text", 415, []string{"Content-Type", "text/plain"}},
		{"text that names json", 415, []string{"Content-Type", "text/plain; application/json"}},
		{"no type", 415, nil},
		{"another site", 403, []string{"Content-Type", "application/json", "Origin", "https://evil.example"}},
		{"another port", 403, []string{"Content-Type", "application/json", "Origin", "http://127.0.0.1:9000"}},
		{"a sandbox", 403, []string{"Content-Type", "application/json", "Origin", "null"}},
		{"an empty origin", 403, []string{"Content-Type", "application/json", "Origin", ""}},
		{"two origins", 403, []string{"Content-Type", "application/json", "Origin", own, "Origin", "https://evil.example"}},
		{"an extension", 403, []string{"Content-Type", "application/json", "Origin", "chrome-extension://127.0.0.1:8788"}},
		{"a browser that says so", 403, []string{"Content-Type", "application/json", "Sec-Fetch-Site", "cross-site"}},
		{"a rebound name", 403, []string{"Content-Type", "application/json", "Host", "evil.example:8788", "Origin", "http://evil.example:8788"}},
	} {
		if w := ask(h, "POST", api+"pause", "", c.headers...); w.Code != c.code {
			t.Errorf("%s: %d %s; want %d", c.name, w.Code, w.Body, c.code)
		}
		if w := ask(h, "POST", api+"kill", "", c.headers...); w.Code != c.code {
			t.Errorf("%s, kill: %d; want %d", c.name, w.Code, c.code)
		}
	}
	if len(d.words) != 0 {
		t.Errorf("the engine heard %v", d.words)
	}
	wantCode(t, post(h, api+"pause", "", "Origin", own, "Sec-Fetch-Site", "same-origin"), 200)
	wantCode(t, post(h, api+"pause", "", "Host", "LocalHost:8788", "Origin", "http://localhost:8788"), 200)
	wantCode(t, post(h, api+"pause", ""), 200)
}

func TestHostMustBeLoopback(t *testing.T) {
	t.Parallel()
	h := New(options(scene()))
	for host, code := range map[string]int{
		"127.0.0.1:8788": 200, "127.0.0.1": 200, "127.8.9.10:1": 200, "localhost:8788": 200, "localhost": 200, "LOCALHOST.:8788": 200, "[::1]:8788": 200, "[::1]": 200,
		"[::ffff:127.0.0.1]:8788": 200,
		"evil.example":            403, "localhost.evil.example:8788": 403, "127.0.0.1.evil.example": 403, "192.168.1.5:8788": 403, "0.0.0.0:8788": 403, "": 403, "[::]:8788": 403, "2130706433": 403,
	} {
		for _, path := range []string{"/", "/readyz", "/metrics", api + "updates"} {
			if w := ask(h, "GET", path, "", "Host", host); w.Code != code {
				t.Errorf("Host %q, %s: %d; want %d", host, path, w.Code, code)
			}
		}
		wantCode(t, ask(h, "GET", "/healthz", "", "Host", host), 200)
	}
}

func TestPasswordBeyondLoopback(t *testing.T) {
	t.Parallel()
	s, d := scene()
	o := options(s, d)
	var log bytes.Buffer
	o.Public, o.AdminPassword, o.Log = true, "correct: horse", slog.New(slog.NewTextHandler(&log, nil))
	h := New(o)
	basic := func(user, password string) []string {
		return []string{"Host", "backstop.example", "Authorization", "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))}
	}
	for name, headers := range map[string][]string{
		"none": {"Host", "backstop.example"}, "loopback": nil, "wrong": basic("admin", "correct: hors"), "longer": basic("admin", "correct: horse "), "empty": basic("admin", ""),
		"other user": basic("root", "correct: horse"), "bad basic": {"Authorization", "Basic %%%"}, "wrong token": {"Authorization", "Bearer x"}, "no token": {"Authorization", "Bearer"},
	} {
		for _, path := range []string{"/", "/readyz", "/metrics", api + "updates", api + "nothing"} {
			w := ask(h, "GET", path, "", headers...)
			if w.Code != 401 || !strings.HasPrefix(w.Header().Get("WWW-Authenticate"), "Basic ") || strings.Contains(w.Body.String(), "horse") {
				t.Errorf("%s, %s: %d %v %s", name, path, w.Code, w.Header(), w.Body)
			}
		}
		wantCode(t, post(h, api+"pause", "", headers...), 401)
		wantCode(t, ask(h, "GET", "/healthz", "", headers...), 200)
	}
	if len(d.words) != 0 {
		t.Errorf("the engine heard %v", d.words)
	}
	if n := strings.Count(log.String(), "wrong admin password"); n != 1 || strings.Contains(log.String(), "horse") {
		t.Errorf("%d lines of wrong passwords: %s", n, log.String())
	}
	wantCode(t, ask(h, "GET", api+"updates", "", basic("admin", "correct: horse")...), 200)
	wantCode(t, ask(h, "GET", api+"updates", "", "Authorization", "bearer correct: horse"), 200)
	wantCode(t, post(h, api+"pause", "", append(basic("admin", "correct: horse"), "Origin", "https://backstop.example")...), 200)
	wantCode(t, post(h, api+"pause", "", append(basic("admin", "correct: horse"), "Origin", "https://evil.example")...), 403)

	o.AdminPassword = ""
	h = New(o)
	wantCode(t, ask(h, "GET", api+"updates", "", basic("admin", "")...), 403, "admin_password")
	wantCode(t, ask(h, "GET", "/healthz", ""), 200)
}

func TestHeaders(t *testing.T) {
	t.Parallel()
	h := New(options(scene()))
	for _, path := range []string{"/", "/healthz", "/metrics", api + "updates", "/nothing"} {
		w := ask(h, "GET", path, "")
		for name, value := range headers {
			if got := w.Header().Get(name); got != value {
				t.Errorf("%s: %s is %q", path, name, got)
			}
		}
		if w.Header().Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s may be read by other sites", path)
		}
	}
}

func TestServerIsBounded(t *testing.T) {
	t.Parallel()
	s := Server(http.NotFoundHandler())
	if s.ReadHeaderTimeout == 0 || s.ReadTimeout == 0 || s.IdleTimeout == 0 || s.MaxHeaderBytes == 0 {
		t.Errorf("%+v", s)
	}
	if s.WriteTimeout <= controlWithin || s.WriteTimeout <= readWithin {
		t.Errorf("an answer has %v, less than it takes to be made", s.WriteTimeout)
	}
}
