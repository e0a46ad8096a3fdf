package paper

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"time"
)

// Refusal is where an account is told that funds or holdings fall short.
type Refusal int

const (
	// RefuseWithError answers 400 before there is an order: no row, no
	// postback (docs/kite.md 1.3, the pre-check).
	RefuseWithError Refusal = iota
	// RefuseInBook accepts the order and ends it REJECTED, with a row and pushes.
	RefuseInBook
)

// String names the refusal as the control endpoints do.
func (r Refusal) String() string {
	if r == RefuseInBook {
		return "book"
	}
	return "error"
}

// account is one client of the broker.
type account struct {
	user       string
	apps       []*app
	limited    bool
	funds      amount
	refusal    Refusal
	holdings   []*holding
	positions  []*position
	trades     []*trade
	watched    []*listing  // instruments it has ordered today
	placements []time.Time // of the running day, oldest first
	rejectNext []string
	refuseNext []*APIError
	squared    map[string]bool // exchanges where MIS is squared off today
	// gtts are all it ever had, in the order they were placed.
	gtts        []*gtt
	failNextGTT []string
}

// app is an api_key with its secret.
type app struct {
	key, secret string
	id          int64
	personal    bool
	requests    []time.Time // of the last second
	quotes      []time.Time // likewise
}

// session is an access_token (or a request_token still to be changed for one).
type session struct {
	user, apiKey, token string
	born                time.Time
	dead                bool
}

// requestTokenLife is how long a request_token can be used ("a few minutes", docs/kite.md 5.1).
const requestTokenLife = 5 * time.Minute

// AddAccount adds a user, an app, or both, and a session between them. One
// user may have several apps, and one app several users.
func (x *Exchange) AddAccount(user, apiKey, apiSecret, accessToken string) {
	x.enter()
	defer x.leave()
	acc := x.accounts[user]
	if acc == nil {
		acc = &account{user: user, squared: map[string]bool{}}
		x.accounts[user], x.users = acc, append(x.users, user)
	}
	ap := x.apps[apiKey]
	if ap == nil {
		ap = &app{key: apiKey, secret: apiSecret, id: int64(1001 + len(x.apps))}
		x.apps[apiKey] = ap
	}
	acc.use(ap)
	if accessToken != "" {
		x.sessions[apiKey+":"+accessToken] = &session{user: user, apiKey: apiKey, token: accessToken, born: x.now}
	}
}

func (a *account) use(ap *app) {
	for _, have := range a.apps {
		if have == ap {
			return
		}
	}
	a.apps = append(a.apps, ap)
}

// app is the account's app of that key; its first one when key is empty.
func (a *account) app(key string) *app {
	for _, ap := range a.apps {
		if key == "" || ap.key == key {
			return ap
		}
	}
	return nil
}

// SetPersonal makes an app a free Personal one: no WebSocket and no quotes
// (docs/kite.md 5.3). It reports whether the app exists.
func (x *Exchange) SetPersonal(apiKey string, personal bool) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	ap := x.apps[apiKey]
	if ap != nil {
		ap.personal = personal
	}
	return ap != nil
}

// Authenticate tells whose the pair is; ok is false for a wrong or dead one.
func (x *Exchange) Authenticate(apiKey, accessToken string) (user string, ok bool) {
	x.enter()
	defer x.leave()
	s := x.sessions[apiKey+":"+accessToken]
	if s == nil || s.dead || x.opts.TokensDieAtSix && !x.now.Before(nextSix(s.born)) {
		return "", false
	}
	return s.user, true
}

// nextSix is the first 06:00 IST after t (docs/kite.md 5.1).
func nextSix(t time.Time) time.Time {
	t = t.In(ist)
	six := time.Date(t.Year(), t.Month(), t.Day(), 6, 0, 0, 0, ist)
	if !six.After(t) {
		six = six.AddDate(0, 0, 1)
	}
	return six
}

// KillSessions ends every access token of a user, as the morning or a master
// logout does (docs/kite.md 5.1).
func (x *Exchange) KillSessions(user string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, s := range x.sessions {
		s.dead = s.dead || s.user == user
	}
}

// RequestToken is what the login page would hand to the redirect URL: good
// once, for a few minutes (docs/kite.md 5.1). It is "" when user or app is unknown.
func (x *Exchange) RequestToken(user, apiKey string) string {
	x.enter()
	defer x.leave()
	if x.accounts[user] == nil || x.apps[apiKey] == nil {
		return ""
	}
	s := &session{user: user, apiKey: apiKey, token: x.letters(32), born: x.now}
	x.requests[s.token] = s
	return s.token
}

// exchangeToken changes a request_token for a session (docs/kite.md 5.1).
func (x *Exchange) exchangeToken(apiKey, requestToken, checksum string) (*session, *APIError) {
	x.enter()
	defer x.leave()
	ap := x.apps[apiKey]
	if ap == nil {
		return nil, refuse(http.StatusForbidden, classToken, textMissingAPIKey)
	}
	sum := sha256.Sum256([]byte(apiKey + requestToken + ap.secret))
	if hex.EncodeToString(sum[:]) != checksum {
		return nil, refuse(http.StatusForbidden, classToken, "Invalid `checksum`.")
	}
	s := x.requests[requestToken]
	delete(x.requests, requestToken)
	if s == nil || s.apiKey != apiKey || x.now.Sub(s.born) > requestTokenLife {
		return nil, refuse(http.StatusForbidden, classToken, textTokenExpired)
	}
	s = &session{user: s.user, apiKey: apiKey, token: x.letters(32), born: x.now}
	x.sessions[apiKey+":"+s.token] = s
	x.accounts[s.user].use(ap)
	return s, nil
}

func (x *Exchange) endSession(apiKey, accessToken string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if s := x.sessions[apiKey+":"+accessToken]; s != nil {
		s.dead = true
	}
}

// allowRequest counts one REST request against RequestsPerSecond, and one for
// quotes against QuotesPerSecond too (docs/kite.md 3.9).
func (x *Exchange) allowRequest(apiKey string, quote bool) bool {
	x.enter()
	defer x.leave()
	ap := x.apps[apiKey]
	if ap == nil {
		return true
	}
	allowed := func(made *[]time.Time, limit int) bool {
		*made = since(*made, x.now.Add(-time.Second))
		return limit <= 0 || len(*made) < limit
	}
	if !allowed(&ap.requests, x.opts.Limits.RequestsPerSecond) || quote && !allowed(&ap.quotes, x.opts.Limits.QuotesPerSecond) {
		return false
	}
	ap.requests = append(ap.requests, x.now)
	if quote {
		ap.quotes = append(ap.quotes, x.now)
	}
	return true
}

// since drops what is not after from.
func since(times []time.Time, from time.Time) []time.Time {
	for len(times) > 0 && !times[0].After(from) {
		times = times[1:]
	}
	return times
}

func countSince(times []time.Time, from time.Time) int {
	n := 0
	for i := len(times) - 1; i >= 0 && times[i].After(from); i-- {
		n++
	}
	return n
}

// countPlacement holds the caps of docs/kite.md 3.9. A placement that the pre-check
// refuses counts too; one that a cap refuses does not.
func (a *account) countPlacement(now time.Time, l Limits) *APIError {
	y, m, d := now.In(ist).Date()
	a.placements = since(a.placements, time.Date(y, m, d, 0, 0, 0, -1, ist))
	if l.OrdersPerSecond > 0 && countSince(a.placements, now.Add(-time.Second)) >= l.OrdersPerSecond {
		return refuse(http.StatusTooManyRequests, classNetwork, textTooMany)
	}
	if l.OrdersPerMinute > 0 && countSince(a.placements, now.Add(-time.Minute)) >= l.OrdersPerMinute ||
		l.OrdersPerDay > 0 && len(a.placements) >= l.OrdersPerDay {
		return refuse(http.StatusTooManyRequests, classNetwork, textOrderCap)
	}
	if l != (Limits{}) {
		a.placements = append(a.placements, now)
	}
	return nil
}
