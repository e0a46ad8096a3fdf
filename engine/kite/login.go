package kite

import (
	"context"
	"net/url"
	"strings"

	kiteconnect "github.com/zerodha/gokiteconnect/v4"

	"backstop/actions"
)

// DefaultLoginURL is Kite's login page for apps (docs/kite.md 5.1).
const DefaultLoginURL = "https://kite.zerodha.com/connect/login"

// LoginURL is the page where a user logs in to an app; state comes back with the browser, beside request_token.
func LoginURL(page, apiKey, state string) string {
	if page == "" {
		page = DefaultLoginURL
	}
	q := url.Values{"v": {"3"}, "api_key": {apiKey}, "redirect_params": {url.Values{"state": {state}}.Encode()}}
	separator := "?"
	if strings.Contains(page, "?") {
		separator = "&"
	}
	return page + separator + q.Encode()
}

// Granted is the day's session of a user.
type Granted struct {
	UserID      string
	AccessToken string
}

// Exchange changes the request_token that a login brought for the day's access token (POST /session/token). A
// request_token is good once and for a few minutes.
func (c *Client) Exchange(ctx context.Context, requestToken, apiSecret string) (Granted, error) {
	const op = "login"
	if !plainToken(requestToken) {
		return Granted{}, &actions.Error{Class: actions.ClassRefused, Op: op, Message: "that is no request_token", Hint: "begin again: backstop login"}
	}
	w := &wire{limit: changeReplyMax}
	r, e := c.send(ctx, op, false, w, "", func(k *kiteconnect.Client) {
		_, _ = k.GenerateSession(requestToken, apiSecret) // w has the reply
	})
	if e != nil {
		for _, s := range []string{requestToken, apiSecret} {
			e.Message = strings.ReplaceAll(e.Message, s, "…")
		}
		return Granted{}, e
	}
	var g Granted
	if r.data.kind == kindObject {
		m := membersOf(r.data.raw, true)
		for m.next() {
			switch {
			case m.value.kind != kindText:
			case string(m.name) == "user_id":
				g.UserID = m.value.text()
			case string(m.name) == "access_token":
				g.AccessToken = m.value.text()
			}
		}
	}
	if g.UserID == "" || !plainToken(g.AccessToken) {
		return Granted{}, &actions.Error{Class: actions.ClassOther, Op: op, Status: w.status, Message: "Kite answered without a session", Hint: "begin again: backstop login"}
	}
	return g, nil
}

// Invalidate ends the session at Kite (DELETE /session/token): its token is good nowhere any more.
func (c *Client) Invalidate(ctx context.Context) error {
	const op = "logout"
	w := &wire{limit: changeReplyMax}
	if _, e := c.call(ctx, op, false, w, func(k *kiteconnect.Client) {
		_, _ = k.InvalidateAccessToken() // w has the reply
	}); e != nil {
		return e
	}
	return nil
}

// plainToken says whether a text can be one of Kite's tokens: a word without what a header or address gives meaning to.
func plainToken(s string) bool {
	return s != "" && len(s) <= 256 && !strings.ContainsFunc(s, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_.~+/=", r))
	})
}
