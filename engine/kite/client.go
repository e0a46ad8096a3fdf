package kite

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	kiteconnect "github.com/zerodha/gokiteconnect/v4"

	"backstop/actions"
	"backstop/engine/order"
)

// Options are one account's client.
type Options struct {
	UserID string // Kite's user id; Alive refuses a session of another user
	APIKey string
	// AccessToken is asked before every call, since the token changes every morning; "" means that there is no
	// session.
	AccessToken func() string
	Absent      func() string     // why there is no session, where AccessToken is ""; nil: "there is no Kite session"
	BaseURL     string            // default DefaultBaseURL
	Transport   http.RoundTripper // default NewTransport(); accounts may share one
	// Timeout is of one call with its whole reply; default 10 s. Kite answers a change in well under one, and
	// what takes longer ends ambiguously. The list of instruments has two minutes.
	Timeout time.Duration
}

// Client is one account at Kite: an actions.Broker over gokiteconnect. It is safe for concurrent use, paces
// nothing, repeats nothing, prints nothing and follows no redirect.
type Client struct {
	o     Options
	base  string
	bad   string // why no call can be made
	inner http.RoundTripper
	cap   dayCap
}

var _ actions.Broker = (*Client)(nil)

const (
	defaultTimeout     = 10 * time.Second
	instrumentsTimeout = 2 * time.Minute
)

// New is a client. A BaseURL that is no http or https address makes every call fail as ClassInternal, which
// names it.
func New(o Options) *Client {
	c := &Client{o: o, inner: o.Transport, base: strings.TrimRight(o.BaseURL, "/")}
	if c.base == "" {
		c.base = DefaultBaseURL
	}
	if u, err := url.Parse(c.base); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" ||
		u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		c.bad = "the base URL is not of the form https://host"
	}
	if o.APIKey == "" || strings.ContainsFunc(o.APIKey, unprintable) {
		c.bad = "the api_key is missing or has characters that no key has"
	}
	if c.inner == nil {
		c.inner = NewTransport()
	}
	if c.o.Timeout <= 0 {
		c.o.Timeout = defaultTimeout
	}
	return c
}

func unprintable(r rune) bool { return r <= ' ' || r > '~' }

// CloseIdle closes the connections that no call uses.
func (c *Client) CloseIdle() {
	if t, ok := c.inner.(interface{ CloseIdleConnections() }); ok {
		t.CloseIdleConnections()
	}
}

// call sends one request that ask makes with gokiteconnect, and gives its end.
func (c *Client) call(ctx context.Context, op string, change bool, w *wire, ask func(*kiteconnect.Client)) (reply, *actions.Error) {
	token, e := c.session(op)
	if e != nil {
		return reply{}, e
	}
	return c.send(ctx, op, change, w, token, ask)
}

// send is call with a token given, "" for the one call that has none yet.
func (c *Client) send(ctx context.Context, op string, change bool, w *wire, token string, ask func(*kiteconnect.Client)) (reply, *actions.Error) {
	if c.bad != "" {
		return reply{}, &actions.Error{Class: actions.ClassInternal, Op: op, Message: c.bad, Hint: "correct the settings"}
	}
	ctx, cancel := context.WithTimeout(ctx, c.o.Timeout)
	defer cancel()
	w.ctx, w.inner = ctx, c.inner
	// One gokiteconnect client a call: it knows no contexts (docs/kite.md 8.1), and its transport is how a call finds its own.
	k := kiteconnect.New(c.o.APIKey)
	k.SetHTTPClient(&http.Client{Transport: w})
	k.SetBaseURI(c.base)
	k.SetAccessToken(token)
	k.SetAppName("backstop")
	ask(k)
	return c.end(op, change, w)
}

// session is the access token, or why there can be no call.
func (c *Client) session(op string) (string, *actions.Error) {
	if c.bad != "" {
		return "", &actions.Error{Class: actions.ClassInternal, Op: op, Message: c.bad, Hint: "correct the settings"}
	}
	var token string
	if c.o.AccessToken != nil {
		token = c.o.AccessToken()
	}
	if token == "" || strings.ContainsFunc(token, unprintable) {
		why := "there is no Kite session"
		if token == "" && c.o.Absent != nil {
			why = c.o.Absent()
		}
		return "", &actions.Error{Class: actions.ClassSession, Op: op, Message: why, Hint: sessionTexts.hint}
	}
	return token, nil
}

// Orders is the whole order book of the day (GET /orders). Rows that name no account get the client's.
func (c *Client) Orders(ctx context.Context) ([]order.Update, int, error) {
	const op = "orders"
	began := wallClock()
	w := &wire{limit: bookMax}
	if _, e := c.call(ctx, op, false, w, func(k *kiteconnect.Client) {
		_, _ = k.GetOrders() // w has the reply
	}); e != nil {
		return nil, 0, e
	}
	rows, unreadable, err := DecodeBook(w.body, began, wallClock())
	if err != nil {
		return nil, 0, c.unreadable(op, w.status, err)
	}
	for i := range rows {
		if rows[i].Account == "" {
			rows[i].Account = c.o.UserID
		}
	}
	return rows, len(unreadable), nil
}

// Trades are the executions of one order (GET /orders/:order_id/trades). Where rows can't be read, the others
// come together with an error that names the first: their sum is not the order's.
func (c *Client) Trades(ctx context.Context, orderID string) ([]order.Trade, error) {
	const op = "trades"
	if !plainID(orderID) {
		return nil, internal(op, "no order id: "+clip(orderID))
	}
	w := &wire{limit: bookMax}
	if _, e := c.call(ctx, op, false, w, func(k *kiteconnect.Client) {
		_, _ = k.GetOrderTrades(orderID) // w has the reply
	}); e != nil {
		return nil, e
	}
	trades, unreadable, err := DecodeTrades(w.body)
	if err == nil && len(unreadable) > 0 {
		err = unreadable[0]
	}
	if err != nil {
		return trades, c.unreadable(op, w.status, err)
	}
	return trades, nil
}

// Positions are the net rows of the day (GET /portfolio/positions). Where rows can't be read, the others come
// together with an error that names the first: a hidden row would count as no position.
func (c *Client) Positions(ctx context.Context) ([]actions.PositionRow, error) {
	const op = "positions"
	w := &wire{limit: bookMax}
	if _, e := c.call(ctx, op, false, w, func(k *kiteconnect.Client) {
		_, _ = k.GetPositions() // w has the reply
	}); e != nil {
		return nil, e
	}
	rows, unreadable, err := DecodePositions(w.body)
	if err == nil && len(unreadable) > 0 {
		err = unreadable[0]
	}
	if err != nil {
		return rows, c.unreadable(op, w.status, err)
	}
	return rows, nil
}

// Alive asks for the user's profile, the cheapest call that needs the session (docs/kite.md 5.1). A session that
// belongs to another user than Options.UserID is ClassSession too: its orders would go to the wrong account.
func (c *Client) Alive(ctx context.Context) error {
	const op = "session"
	w := &wire{limit: changeReplyMax}
	r, e := c.call(ctx, op, false, w, func(k *kiteconnect.Client) {
		_, _ = k.GetUserProfile() // w has the reply
	})
	if e != nil {
		return e
	}
	var user string
	if r.data.kind == kindObject {
		m := membersOf(r.data.raw, true)
		for m.next() {
			if string(m.name) == "user_id" && m.value.kind == kindText {
				user = m.value.text()
			}
		}
	}
	if c.o.UserID != "" && user != "" && !strings.EqualFold(user, c.o.UserID) {
		return &actions.Error{Class: actions.ClassSession, Op: op, Status: w.status,
			Message: "the Kite session belongs to " + clip(user) + ", not to " + c.o.UserID,
			Hint:    "log in as " + c.o.UserID}
	}
	return nil
}

// wallClock is the time without the monotonic reading: what is compared before and after it was journalled must
// come out the same.
func wallClock() time.Time { return time.Now().Round(0) }

func internal(op, message string) *actions.Error {
	return &actions.Error{Class: actions.ClassInternal, Op: op, Message: message,
		Hint: "a mistake in Backstop: please report it"}
}
