package kite

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"backstop/actions"
	"backstop/engine/order"
)

// DefaultStreamURL is Kite's own WebSocket (docs/kite.md 2.1).
const DefaultStreamURL = "wss://ws.kite.trade"

// FrameKind says what a frame of the stream is.
type FrameKind string

// The kinds of frames (docs/kite.md 2.2).
const (
	FrameHeartbeat  FrameKind = "heartbeat"  // one byte every second or two
	FrameTicks      FrameKind = "ticks"      // prices
	FrameOrder      FrameKind = "order"      // an order update
	FrameMessage    FrameKind = "message"    // a word of the broker's
	FrameError      FrameKind = "error"      // what the broker complains of; the connection stays
	FrameUnreadable FrameKind = "unreadable" // it may have been an order update
	FrameOther      FrameKind = "other"      // a kind that nobody knows
)

// FrameKinds are all of them.
func FrameKinds() []FrameKind {
	return []FrameKind{FrameHeartbeat, FrameTicks, FrameOrder, FrameMessage, FrameError, FrameUnreadable, FrameOther}
}

// Sink is where a stream's frames go. Its functions are called one at a time, in the order in which the frames came.
type Sink struct {
	Open   func()                     // the connection stands: from here on nothing is missed while it does
	Frame  func(kind, text string)    // a FrameKind, and what a message, an error or an unreadable frame says
	Update func(u order.Update) error // an error ends the connection
	// Wanted is asked every second, by a goroutine of its own, for the instrument_tokens whose last prices are wanted;
	// Ticks takes them. Both nil: none are.
	Wanted func() []int64
	Ticks  func(ticks []Tick)
}

// StreamOptions are one account's stream.
type StreamOptions struct {
	UserID string // whose updates they are where a frame names nobody
	APIKey string
	// AccessToken is asked before a connection and every second while it stands: another token ends it.
	AccessToken func() string
	URL         string        // default DefaultStreamURL
	Silence     time.Duration // a connection that sent nothing for so long is dead; default 5 s, Kite's own client's
	Transport   http.RoundTripper
}

// Stream is the order updates of one account over Kite's WebSocket, all of the user's orders, those of the web and the
// phone too; and the last prices of what its caller wants.
type Stream struct {
	o   StreamOptions
	url url.URL
	bad string // why no connection can be made
}

const (
	silence       = 5 * time.Second
	connectWithin = 5 * time.Second
	frameMax      = 1 << 20
	goodbyeWithin = time.Second
)

// NewStream is a stream. A URL that is no ws or wss address makes every connection fail as ClassInternal.
func NewStream(o StreamOptions) *Stream {
	s := &Stream{o: o}
	if s.o.URL == "" {
		s.o.URL = DefaultStreamURL
	}
	u, err := url.Parse(s.o.URL)
	if err != nil || u.Host == "" || u.Scheme != "ws" && u.Scheme != "wss" || u.User != nil || u.Fragment != "" {
		s.bad = "the stream's URL is not of the form wss://host"
	} else {
		s.url = *u
	}
	if o.APIKey == "" || strings.ContainsFunc(o.APIKey, unprintable) {
		s.bad = "the api_key is missing or has characters that no key has"
	}
	if s.o.Silence <= 0 {
		s.o.Silence = silence
	}
	if s.o.Transport == nil {
		s.o.Transport = NewTransport()
	}
	return s
}

// CloseIdle closes the connections that no call uses.
func (s *Stream) CloseIdle() {
	if t, ok := s.o.Transport.(interface{ CloseIdleConnections() }); ok {
		t.CloseIdleConnections()
	}
}

const opStream = "stream"

// Stream makes one connection and serves it until it ends or ctx does. It returns an *actions.Error, never nil:
// ClassSession where there is no token or another one now, ClassPermission where Kite refused the connection with 403
// (a dead token or a plan without a stream: Kite does not say which), ClassBusy on 429 (three connections an api_key),
// ClassDown for all else. One call at a time.
func (s *Stream) Stream(ctx context.Context, to Sink) error {
	if s.bad != "" {
		return &actions.Error{Class: actions.ClassInternal, Op: opStream, Message: s.bad, Hint: "correct the settings"}
	}
	token := s.token()
	if token == "" {
		return &actions.Error{Class: actions.ClassSession, Op: opStream, Message: "there is no Kite session", Hint: sessionTexts.hint}
	}
	within, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	c := newConnection(s, token, to, cancel)
	served := make(chan struct{})
	go func() {
		defer close(served)
		c.serve(within)
	}()
	s.watch(within, c, token)
	c.close()
	<-served
	cause := context.Cause(within)
	var e *actions.Error
	switch {
	case ctx.Err() != nil:
		return down("the stream was ended")
	case errors.As(cause, &e):
		return e
	case c.refused():
		return s.why(ctx, token)
	}
	return down(s.clean(cause.Error(), token))
}

func down(message string) *actions.Error {
	return &actions.Error{Class: actions.ClassDown, Op: opStream, Message: message}
}

// token is the day's token, "" where there is none that can be sent.
func (s *Stream) token() string {
	if s.o.AccessToken == nil {
		return ""
	}
	token := s.o.AccessToken()
	if strings.ContainsFunc(token, unprintable) {
		return ""
	}
	return token
}

// watch keeps the instruments of a connection's ticks those that are wanted, and ends one that is silent, or whose token is
// not the day's any more. Silence is the age of what came:
// a socket can stand for minutes over a broken line.
func (s *Stream) watch(ctx context.Context, c *connection, token string) {
	tick := time.NewTicker(max(min(s.o.Silence/5, time.Second), time.Millisecond))
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if age := time.Since(c.heard()); age > s.o.Silence && c.stands() {
			c.cancel(down(fmt.Sprintf("nothing came for %s", age.Round(100*time.Millisecond))))
			return
		}
		if c.to.Wanted != nil && c.stands() {
			c.follow(c.to.Wanted())
		}
		if s.token() != token {
			c.cancel(&actions.Error{Class: actions.ClassSession, Op: opStream, Message: "the session is another one now"})
			return
		}
	}
}

// clean keeps secrets out of a foreign error's text.
func (s *Stream) clean(text, token string) string {
	for _, secret := range []string{token, url.QueryEscape(token), s.o.APIKey, url.QueryEscape(s.o.APIKey)} {
		text = strings.ReplaceAll(text, secret, "…")
	}
	return oneLine(text)
}

// why asks for the status of a refused upgrade, which gokiteconnect loses (docs/kite.md 8.5), with an upgrade of its own.
func (s *Stream) why(ctx context.Context, token string) error {
	ctx, cancel := context.WithTimeout(ctx, connectWithin)
	defer cancel()
	u := s.url
	u.Scheme = strings.Replace(u.Scheme, "ws", "http", 1)
	q := u.Query()
	q.Set("api_key", s.o.APIKey)
	q.Set("access_token", token)
	u.RawQuery = q.Encode()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return down("the stream was refused")
	}
	for name, value := range map[string]string{"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
		"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="} { // RFC 6455's own; the connection is given up at once
		r.Header.Set(name, value)
	}
	answer, err := s.o.Transport.RoundTrip(r) // a Client would follow redirects with the token
	if err != nil {
		return down("the stream was refused, and why could not be asked: " + s.clean(err.Error(), token))
	}
	_ = answer.Body.Close() // nothing of it is of use
	e := &actions.Error{Class: actions.ClassDown, Op: opStream, Status: answer.StatusCode,
		Message: fmt.Sprintf("Kite refused the stream (HTTP %d)", answer.StatusCode)}
	switch answer.StatusCode {
	case http.StatusSwitchingProtocols:
		e.Message = "Kite refused the stream once"
	case http.StatusForbidden:
		e.Class, e.Hint = actions.ClassPermission, "a personal (free) app has no stream: subscribe the app to Kite Connect, or set stream: off"
	case http.StatusTooManyRequests:
		e.Class, e.Hint = actions.ClassBusy, "Kite takes three connections of one api_key: end the other programs that use it"
	}
	return e
}
