package main

import (
	"cmp"
	"errors"
	"net/url"
	"slices"
	"strings"
	"time"

	"backstop/engine/order"
)

// account is one Kite account of the settings.
type account struct {
	user        string
	label       string
	apiKey      string
	apiSecret   secret
	oldSecret   secret    // of a rotation: what signed postbacks until oldUntil
	oldUntil    time.Time // zero: there is none
	accessToken secret
	baseURL     string
	loginURL    string // "" for Kite's own
	wsURL       string // of the stream; "" where there is none: a base_url of one's own, and no ws_url beside it
	from        string // where it was written
}

// kiteBaseURL is Kite's own address, where no other is set.
const kiteBaseURL = "https://api.kite.trade"

// kiteStreamURL is Kite's own WebSocket, where no other is set. It goes with Kite's own address alone: a paper key is not for Kite.
const kiteStreamURL = "wss://ws.kite.trade"

// accounts are the accounts that the service runs: those of backstop.yaml, else the one of the environment,
// which also overrides the file for the user that KITE_USER_ID names.
func (s *settings) accounts() ([]account, error) {
	own := s.env["KITE_USER_ID"]
	if s.file == nil || len(s.file.accounts) == 0 {
		a, err := s.account(accountEntry{user: own}, true)
		if err != nil {
			return nil, err
		}
		return []account{a}, nil
	}
	named := false
	var list []account
	for _, entry := range s.file.accounts {
		a, err := s.account(entry, entry.user == own)
		if err != nil {
			return nil, err
		}
		named = named || entry.user == own
		list = append(list, a)
	}
	switch {
	case own != "" && !named:
		return nil, misuse("KITE_USER_ID: %s is not among the accounts of %s: add it there or unset the variable", own, s.file.name)
	case own == "" && s.env["KITE_API_KEY"] != "":
		return nil, misuse("KITE_API_KEY is set beside the accounts of %s: set KITE_USER_ID to say whose it is, or unset it", s.file.name)
	}
	for i, a := range list {
		for _, b := range list[:i] {
			switch {
			case a.apiKey != b.apiKey:
			case a.apiSecret.reveal() != b.apiSecret.reveal():
				return nil, misuse("%s and %s have one api_key and two api_secrets: an app has one", b.from, a.from)
			case a.oldSecret.reveal() != b.oldSecret.reveal() || !a.oldUntil.Equal(b.oldUntil):
				return nil, misuse("%s and %s have one api_key, and api_secret_old or its date differ: write the same to both", b.from, a.from)
			}
		}
	}
	return list, nil
}

// accountIDs are the user ids that the settings name, without asking for their secrets; none: there are no accounts.
func (s *settings) accountIDs() []string {
	var ids []string
	if s.file != nil {
		for _, entry := range s.file.accounts {
			ids = append(ids, entry.user)
		}
	}
	if own := s.env["KITE_USER_ID"]; own != "" && len(ids) == 0 {
		ids = []string{own}
	}
	return ids
}

// account is one account from its entry in the file and, for the user of the environment, from KITE_….
func (s *settings) account(entry accountEntry, environmentToo bool) (account, error) {
	var missing []string
	var failed error
	get := func(key string, environmentToo, required bool) string {
		variable := "KITE_" + strings.ToUpper(key)
		if text, ok := s.env.lookup(variable); ok && environmentToo {
			return text
		}
		v, ok := entry.values[key]
		if !ok {
			switch {
			case required && entry.line == 0:
				missing = append(missing, variable)
			case required && failed == nil:
				failed = misuse("%s:%d: account %s has no %s: write %s: ${env.%s_%s}", s.file.name, entry.line, entry.user, key,
					key, entry.user, strings.ToUpper(key))
			}
			return ""
		}
		text, err := expand(v.text, s.env)
		var unset *missingVariable
		switch {
		case err == nil:
		case errors.As(err, &unset) && !required: // optional: as if the line were not there
			return ""
		case failed == nil:
			failed = misuse("%s: account %s: %s: %v", v.from, entry.user, key, err)
		}
		return text
	}
	a := account{
		user:        entry.user,
		apiKey:      get("api_key", environmentToo, true),
		apiSecret:   secretOf(get("api_secret", environmentToo, true)),
		accessToken: secretOf(get("access_token", environmentToo, false)), // else the one that login keeps
		// The addresses count for every account that names none: whoever points the environment at a paper
		// exchange means all of them.
		baseURL:  strings.TrimRight(cmp.Or(get("base_url", environmentToo, false), s.env["KITE_BASE_URL"], kiteBaseURL), "/"),
		loginURL: cmp.Or(get("login_url", environmentToo, false), s.env["KITE_LOGIN_URL"]),
		wsURL:    cmp.Or(get("ws_url", environmentToo, false), s.env["KITE_WS_URL"]),
		label:    get("label", false, false),
		from:     "KITE_USER_ID",
	}
	if entry.line > 0 {
		a.from = "account " + a.user
	} else if a.user == "" {
		missing = slices.Insert(missing, 0, "KITE_USER_ID")
	}
	switch {
	case failed != nil:
		return account{}, failed
	case len(missing) > 0:
		return account{}, misuse("%s (the Kite account: write them into .env, which backstop init makes, or set them)", notSet(missing))
	}
	if err := a.rotation(get("api_secret_old", environmentToo, false), get("api_secret_old_until", environmentToo, false)); err != nil {
		return account{}, err
	}
	if failed != nil {
		return account{}, failed
	}
	if err := checkBaseURL(a); err != nil {
		return account{}, err
	}
	if a.wsURL == "" && a.baseURL == kiteBaseURL {
		a.wsURL = kiteStreamURL
	}
	if err := checkStreamURL(a); err != nil {
		return account{}, err
	}
	return a, checkLoginURL(a)
}

// rotation takes an app's earlier secret, which is good beside the new one until the end of a day.
func (a *account) rotation(old, until string) error {
	switch {
	case old == "" && until == "":
		return nil
	case old == "":
		return misuse("%s: api_secret_old_until is set and api_secret_old is not: set both or neither", a.from)
	case until == "":
		return misuse("%s: api_secret_old needs the day until which it is good: api_secret_old_until: 2026-12-01 (KITE_API_SECRET_OLD_UNTIL)", a.from)
	case old == a.apiSecret.reveal():
		return misuse("%s: api_secret_old is the api_secret itself: write the one before it, or remove both lines", a.from)
	}
	day, err := time.ParseInLocation(time.DateOnly, until, order.IST)
	if err != nil {
		return misuse("%s: api_secret_old_until: want a day like 2026-12-01, not %q", a.from, printable(cut(until)))
	}
	a.oldSecret, a.oldUntil = secretOf(old), day.AddDate(0, 0, 1)
	return nil
}

// secrets are those whose signature counts at a moment.
func (a account) secrets(at time.Time) []string {
	if at.Before(a.oldUntil) {
		return []string{a.apiSecret.reveal(), a.oldSecret.reveal()}
	}
	return []string{a.apiSecret.reveal()}
}

// notSet says which variables are missing.
func notSet(names []string) string {
	if len(names) == 1 {
		return names[0] + " is not set"
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1] + " are not set"
}

// checkBaseURL refuses an address that would send the session's token in clear.
func checkBaseURL(a account) error {
	u, err := url.Parse(a.baseURL)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		return misuse("%s: base_url: want a URL like %s", a.from, kiteBaseURL)
	case u.User != nil:
		return misuse("%s: base_url: must not hold a user or password", a.from)
	case u.Scheme == "http" && !loopback(u.Hostname()):
		return misuse("%s: base_url: http would send the access token in clear to %s: write https", a.from, u.Hostname())
	}
	return nil
}

// checkStreamURL refuses an address that would send the session's token in clear, or that mixes paper and Kite.
func checkStreamURL(a account) error {
	if a.wsURL == "" {
		return nil
	}
	u, err := url.Parse(a.wsURL)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "ws" && u.Scheme != "wss" || u.Fragment != "":
		return misuse("%s: ws_url: want a URL like %s", a.from, kiteStreamURL)
	case u.User != nil:
		return misuse("%s: ws_url: must not hold a user or password", a.from)
	case u.Scheme == "ws" && !loopback(u.Hostname()):
		return misuse("%s: ws_url: ws would send the access token in clear to %s: write wss", a.from, u.Hostname())
	case a.onLoopback() != loopback(u.Hostname()):
		return misuse("%s: base_url is %s and ws_url is at %s: both are the paper exchange's or neither is", a.from, a.baseURL, u.Host)
	}
	return nil
}

// checkLoginURL refuses a login page that is none.
func checkLoginURL(a account) error {
	u, err := url.Parse(a.loginURL)
	switch {
	case a.loginURL == "":
		return nil
	case err != nil || u.Host == "" || u.Scheme != "https" && !(u.Scheme == "http" && loopback(u.Hostname())) || u.User != nil || u.Fragment != "":
		return misuse("%s: login_url: want a URL like https://kite.zerodha.com/connect/login", a.from)
	}
	return nil
}

// checkTelegramURL refuses an address that would send the bot's token in clear.
func checkTelegramURL(text string) error {
	u, err := url.Parse(text)
	if err == nil && u.Scheme == "http" && !loopback(u.Hostname()) {
		return misuse("TELEGRAM_BASE_URL: http would send the bot's token in clear to %s: write https", u.Hostname())
	}
	return nil // any other mistake is named by the channel itself
}

// onLoopback says whether the account's broker is on this machine: a paper exchange.
func (a account) onLoopback() bool {
	u, err := url.Parse(a.baseURL)
	return err == nil && loopback(u.Hostname())
}

// telegram is the bot's token of the channel that the environment makes; nil where there is none.
func (s *settings) telegram() (*secret, error) {
	token, hasToken := s.env.lookup("TELEGRAM_BOT_TOKEN")
	_, hasChat := s.env.lookup("TELEGRAM_CHAT_ID")
	switch {
	case !hasToken && !hasChat:
		return nil, nil
	case !hasToken:
		return nil, misuse("TELEGRAM_BOT_TOKEN is not set, but TELEGRAM_CHAT_ID is (the bot's token comes from @BotFather)")
	case !hasChat:
		return nil, misuse("TELEGRAM_CHAT_ID is not set, but TELEGRAM_BOT_TOKEN is (write to your bot, then look at getUpdates)")
	}
	t := secretOf(token)
	return &t, nil
}
