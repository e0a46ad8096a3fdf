package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"backstop/actions"
	"backstop/engine/kite"
	"backstop/engine/kite/session"
	"backstop/engine/order"
	"backstop/engine/postback"
)

// credentialName is the key's name among systemd's credentials (LoadCredential=backstop.key:…).
const credentialName = "backstop.key"

// vault is where the day's tokens are kept: in the data folder, under the key of BACKSTOP_KEY_FILE, else of systemd's
// credentials, else of the folder itself.
func (s *settings) vault() *session.Vault {
	v := &session.Vault{Folder: s.text("data"), KeyFile: s.env["BACKSTOP_KEY_FILE"]}
	if folder := s.env["CREDENTIALS_DIRECTORY"]; v.KeyFile == "" && folder != "" {
		name := filepath.Join(folder, credentialName)
		if _, err := os.Stat(name); err == nil {
			v.KeyFile, v.Guarded = name, true
		}
	}
	return v
}

// sessionToken is an account's access token as the broker's client asks for it: the one of the settings, else the one
// that login keeps, which may be another one at any time.
type sessionToken struct {
	account account
	vault   *session.Vault
	now     func() time.Time
	log     *slog.Logger

	mu      sync.Mutex // guards what follows
	refused bool       // Kite takes the settings' token no longer, and a kept one lives
	asked   time.Time
	stamp   string
	watched string // the stamp that changed has told
	text    string
	ends    time.Time
}

// sessionLookEvery is how often the kept token is looked for, at most.
const sessionLookEvery = time.Second

// fixed says whether the settings' token counts.
func (t *sessionToken) fixed() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.account.accessToken.reveal() != "" && !t.refused
}

// current is the token, "" where there is none that lives.
func (t *sessionToken) current() string {
	if t.fixed() {
		return t.account.accessToken.reveal()
	}
	return t.kept()
}

// absent is why there is no token.
func (t *sessionToken) absent() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.ends.IsZero() && !t.now().Before(t.ends) {
		return "the session ended at 06:00, as every day"
	}
	return "there is no Kite session"
}

// kept is the token that login keeps, "" where it is none that lives.
func (t *sessionToken) kept() string {
	t.look(false)
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.now().Before(t.ends) {
		return ""
	}
	return t.text
}

// refuse takes the kept token from now on, where one lives: Kite has refused the settings' one, which is of an earlier day
// or ended by a later login. It says whether that changed anything.
func (t *sessionToken) refuse() bool {
	if !t.fixed() || t.kept() == "" {
		return false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.refused = true
	return true
}

// until is when the token ends, at the latest; zero where there is none.
func (t *sessionToken) until() time.Time {
	if t.current() == "" {
		return time.Time{}
	}
	if t.fixed() {
		return session.Ends(t.now())
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.ends
}

// changed says whether the kept token is another one than when it was asked last, whoever has read it meanwhile.
func (t *sessionToken) changed() bool {
	t.look(true)
	t.mu.Lock()
	defer t.mu.Unlock()
	changed := t.stamp != t.watched
	t.watched = t.stamp
	return changed
}

// look reads the kept token again where it has changed since the last look. It looks once a second at most, unless now
// is asked for.
func (t *sessionToken) look(atOnce bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	if age := now.Sub(t.asked); !atOnce && age >= 0 && age < sessionLookEvery {
		return
	}
	t.asked = now
	stamp := t.vault.Stamp(t.account.user)
	if stamp == t.stamp {
		return
	}
	t.stamp = stamp
	text, ends, err := t.vault.Load(t.account.user, now)
	t.text, t.ends = text, ends
	if err != nil && !errors.Is(err, session.ErrNone) && !errors.Is(err, session.ErrExpired) {
		t.log.Error("the kept session is of no use: log in again (backstop login)", "account", t.account.user, "error", err)
	}
}

// watchTokens tells the engine at once when a kept token is another one, and at 06:00, when every token ends. A login is
// confirmed on the alerts channel: who opened the link on a phone sees that it has arrived.
func (sv *server) watchTokens(ctx context.Context) {
	tick := time.NewTicker(sessionLookEvery)
	defer tick.Stop()
	ends, first := session.Ends(sv.settings.tests.clock()), true
	for {
		over := !sv.settings.tests.clock().Before(ends)
		if over {
			ends = session.Ends(sv.settings.tests.clock())
		}
		for _, t := range sv.tokens {
			var changed bool
			if t.fixed() {
				changed = t.kept() != "" && sv.dead(t.account.user) && t.refuse()
			} else {
				changed = t.changed()
			}
			if changed || over {
				sv.engine.AskSession(t.account.user)
			}
			if changed && !first && sv.morning != nil && t.current() != "" {
				sv.morning.loggedIn(&t.account)
			}
		}
		first = false
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// dead says whether the account's session is known to be over.
func (sv *server) dead(user string) bool {
	for _, v := range sv.engine.Views() {
		if v.Account == user {
			return !v.Session
		}
	}
	return false
}

// logins finish what backstop login began, whichever process the browser comes back to.
type logins struct {
	accounts []account
	vault    *session.Vault
	now      func() time.Time
	log      *slog.Logger           // nil: none
	failed   func(user, why string) // is told of a login that came back and failed; nil: nobody
}

// finish takes the browser's return: a state that waits, once, and Kite's request_token.
func (l *logins) finish(ctx context.Context, query url.Values) (string, error) {
	user, err := l.vault.Take(query.Get("state"), l.now())
	if err != nil {
		return "", postback.ErrState
	}
	ends, err := l.take(ctx, user, query)
	if err != nil {
		if l.log != nil {
			l.log.Error("a login failed", "account", user, "error", err)
		}
		if l.failed != nil {
			l.failed(user, printable(err.Error()))
		}
		return "", &postback.LoginError{Text: printable(err.Error())}
	}
	if l.log != nil {
		l.log.Info("logged in", "account", user, "until", ends)
	}
	return fmt.Sprintf("Backstop is logged in as %s until %s. You can close this page.", user, ends.In(order.IST).Format("2 Jan 15:04")), nil
}

func (l *logins) take(ctx context.Context, user string, query url.Values) (time.Time, error) {
	for _, a := range l.accounts {
		if a.user == user {
			if status := query.Get("status"); status != "" && status != "success" {
				return time.Time{}, fmt.Errorf("Kite says that the login did not succeed (%s): begin again with backstop login", printable(cut(status)))
			}
			return l.exchange(ctx, a, query.Get("request_token"))
		}
	}
	return time.Time{}, fmt.Errorf("no account %s here: the settings of backstop login and backstop serve differ", user)
}

// exchange changes a request_token for the day's token, asks Kite whose it is, and keeps it.
func (l *logins) exchange(ctx context.Context, a account, requestToken string) (time.Time, error) {
	began := l.now()
	granted, err := openKite(a, func() string { return "" }).Exchange(ctx, requestToken, a.apiSecret.reveal())
	if err != nil {
		return time.Time{}, advised(err)
	}
	if !strings.EqualFold(granted.UserID, a.user) {
		return time.Time{}, fmt.Errorf("this login is of %s, not of %s: log out of Kite in the browser and log in as %s", printable(cut(granted.UserID)), a.user, a.user)
	}
	if err := openKite(a, func() string { return granted.AccessToken }).Alive(ctx); err != nil {
		return time.Time{}, advised(err)
	}
	return l.vault.Save(a.user, granted.AccessToken, began)
}

// openKite is a client of one account.
func openKite(a account, token func() string) *kite.Client {
	return kiteClient(a, token, nil, 4*time.Second)
}

// advised is a broker's error with what to do.
func advised(err error) error {
	var e *actions.Error
	if errors.As(err, &e) && e.Hint != "" {
		return fmt.Errorf("%s (%s)", e.Message, e.Hint)
	}
	return err
}

// cut bounds a foreign word.
func cut(s string) string {
	if r := []rune(s); len(r) > 40 {
		return string(r[:40]) + "…"
	}
	return s
}

// loginURL is the page where an account's login begins.
func loginURL(a account, state string) string {
	return kite.LoginURL(cmp.Or(a.loginURL, kite.DefaultLoginURL), a.apiKey, state)
}
