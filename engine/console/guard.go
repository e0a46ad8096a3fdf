package console

import (
	"crypto/sha256"
	"crypto/subtle"
	"log/slog"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"time"
)

// headers go with every answer: nothing here is to be cached, framed, sniffed or read by another site.
var headers = map[string]string{
	"Cache-Control":                "no-store",
	"Content-Security-Policy":      "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
	"Cross-Origin-Opener-Policy":   "same-origin",
	"Cross-Origin-Resource-Policy": "same-origin",
	"Referrer-Policy":              "no-referrer",
	"X-Content-Type-Options":       "nosniff",
	"X-Frame-Options":              "DENY",
}

// guard lets through whoever may ask at all. /healthz is open: it tells nothing and its askers have no password.
func (c *console) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for name, value := range headers {
			w.Header().Set(name, value)
		}
		if r.URL.Path != "/healthz" {
			if p := c.admit(r); p != nil {
				if p.status == http.StatusUnauthorized {
					w.Header().Set("WWW-Authenticate", `Basic realm="Backstop", charset="UTF-8"`)
				}
				c.refuse(w, p)
				return
			}
		}
		r.Body = http.MaxBytesReader(w, r.Body, bodyMax)
		next.ServeHTTP(w, r)
	})
}

// admit judges the asker: a password beyond loopback, a loopback Host within. The latter stops a web page whose
// name was pointed at 127.0.0.1 (DNS rebinding): its requests are same-origin to the browser, but carry its name.
func (c *console) admit(r *http.Request) *problem {
	if !c.Public {
		if loopbackHost(r.Host) {
			return nil
		}
		return &problem{http.StatusForbidden, permission, "the Host must be localhost or a loopback address, since the private side listens on loopback only; " +
			"ask http://127.0.0.1, or set admin and admin_password to serve it under another name"}
	}
	if c.AdminPassword == "" {
		return &problem{http.StatusForbidden, permission, "beyond loopback the private side needs admin_password (BACKSTOP_ADMIN_PASSWORD)"}
	}
	if !c.knows(r) {
		c.refusals.note(c.Log, c.Now(), r)
		return &problem{http.StatusUnauthorized, token, "user admin and the admin password, please (HTTP Basic, or the password as Bearer token)"}
	}
	return nil
}

// knows says whether the request carries the password, in a time that doesn't tell how much of it was right:
// hashes are compared, so that neither length nor prefix shows.
func (c *console) knows(r *http.Request) bool {
	user, password, ok := r.BasicAuth()
	if !ok {
		scheme, bearer, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		if !strings.EqualFold(scheme, "Bearer") {
			return false
		}
		user, password = "admin", bearer
	}
	return same(user, "admin")&same(password, c.AdminPassword) == 1
}

func same(a, b string) int {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:])
}

// refusals logs wrong passwords, a line for many: who guesses shall not fill the log.
type refusals struct {
	mu    sync.Mutex
	last  time.Time
	count int
}

func (f *refusals) note(log *slog.Logger, now time.Time, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if r.Header.Get("Authorization") == "" { // a browser asks first without
		return
	}
	f.count++
	if now.Sub(f.last) < refusalLogEvery {
		return
	}
	log.Warn("console: wrong admin password", "from", r.RemoteAddr, "times", f.count)
	f.last, f.count = now, 0
}

// loopbackHost says whether a Host header names this machine's loopback.
func loopbackHost(host string) bool {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	if strings.EqualFold(strings.TrimSuffix(name, "."), "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(strings.Trim(name, "[]"))
	return err == nil && addr.Unmap().IsLoopback()
}

// checkPost is what every POST needs besides: a browser sends application/json across sites only after asking,
// and never without an Origin.
func checkPost(r *http.Request) *problem {
	if foreign(r) {
		return &problem{http.StatusForbidden, permission, "the request comes from another site"}
	}
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return &problem{http.StatusUnsupportedMediaType, input, "a POST needs Content-Type: application/json"}
	}
	return nil
}

// foreign says whether another site's page sent the request. Programs send neither header.
func foreign(r *http.Request) bool {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "same-origin", "none":
	default:
		return true
	}
	for _, origin := range r.Header.Values("Origin") {
		u, err := url.Parse(origin)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || !strings.EqualFold(u.Host, r.Host) {
			return true
		}
	}
	return false
}
