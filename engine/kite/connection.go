package kite

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"
	kiteticker "github.com/zerodha/gokiteconnect/v4/ticker"
)

// connection is one connection of gokiteconnect's ticker, and never a second one: the ticker's own reconnecting has a
// delay that can't be interrupted and a count that each connection resets, retries a refusal for ever, and prints. It
// is given a new ticker for each connection, and everything that its own decoding would panic on is taken from it
// (docs/kite.md 8.5).
type connection struct {
	ticker *kiteticker.Ticker
	stream *Stream
	to     Sink
	cancel context.CancelCauseFunc
	dialed func()  // the dial is over, however it went
	tokens []int64 // of whom ticks were asked for, sorted; of follow alone

	mu     sync.Mutex
	socket *websocket.Conn // nil until it stands
	last   time.Time       // when something came
	shook  bool            // the handshake was refused
	closed bool
}

// dialing is held by the one ticker that dials: all share one dialer, which each writes to.
var dialing = make(chan struct{}, 1)

func newConnection(s *Stream, token string, to Sink, cancel context.CancelCauseFunc) *connection {
	c := &connection{ticker: kiteticker.New(s.o.APIKey, token), stream: s, to: to, cancel: cancel, dialed: func() {}, last: time.Now()}
	c.ticker.SetRootURL(url.URL{Scheme: s.url.Scheme, Host: s.url.Host, Path: s.url.Path, RawQuery: s.url.RawQuery})
	c.ticker.SetConnectTimeout(connectWithin)
	// With reconnecting a dial that failed comes back to look whether ctx is done, which it is then; without it the
	// ticker goes on with no connection and panics. Once connected it is switched off.
	c.ticker.SetAutoReconnect(true)
	c.ticker.OnConnect(c.connected)
	c.ticker.OnError(c.failed)
	c.ticker.OnMessage(c.message)
	return c
}

// serve runs the ticker until ctx is done. A panic of the ticker's is one more way to end.
func (c *connection) serve(ctx context.Context) {
	select {
	case dialing <- struct{}{}:
	case <-ctx.Done():
		return
	}
	c.dialed = sync.OnceFunc(func() { <-dialing })
	defer c.dialed()
	defer c.guard()
	c.ticker.ServeWithContext(ctx)
	c.cancel(errors.New("the connection ended"))
}

// guard turns a panic into the connection's end.
func (c *connection) guard() {
	if p := recover(); p != nil {
		c.cancel(down(clip(fmt.Sprintf("panic: %v", p))))
	}
}

// connected is called by the ticker before it reads.
func (c *connection) connected() {
	c.ticker.SetAutoReconnect(false)
	c.dialed()
	socket := c.ticker.Conn
	if socket == nil {
		c.cancel(errors.New("no connection"))
		return
	}
	socket.SetReadLimit(frameMax)
	c.mu.Lock()
	c.socket, c.last = socket, time.Now()
	closed := c.closed
	c.mu.Unlock()
	if closed {
		_ = socket.Close() // nobody waits for it any more
		return
	}
	c.to.Open()
}

// failed is called by the ticker with a dial's or a reading's error.
func (c *connection) failed(err error) {
	c.mu.Lock()
	c.shook = c.socket == nil && errors.Is(err, websocket.ErrBadHandshake)
	c.mu.Unlock()
	if err == nil {
		err = errors.New("an error without words")
	}
	c.cancel(errors.New(strings.TrimPrefix(err.Error(), "Error reading data: ")))
	c.dialed()
}

// message is called by the ticker with each frame, before it decodes the very same bytes. They are taken and wiped: a
// frame of zeros is nothing to it, while an error whose data is no text or a few malformed bytes would end the process
// from a goroutine that nobody can guard.
func (c *connection) message(kind int, frame []byte) {
	defer c.guard()
	own := bytes.Clone(frame)
	clear(frame)
	now := wallClock()
	c.mu.Lock()
	c.last = time.Now()
	c.mu.Unlock()
	switch {
	case kind == websocket.BinaryMessage && len(own) < 2:
		c.to.Frame(string(FrameHeartbeat), "")
	case kind == websocket.BinaryMessage:
		c.ticks(own)
	default:
		c.text(own, now)
	}
}

// ticks takes a binary frame. One that can't be read costs prices alone, and the next one tells them.
func (c *connection) ticks(frame []byte) {
	ticks, err := DecodeTicks(frame)
	if err != nil {
		c.to.Frame(string(FrameOther), err.Error())
		return
	}
	c.to.Frame(string(FrameTicks), "")
	if len(ticks) > 0 && c.to.Ticks != nil {
		c.to.Ticks(ticks)
	}
}

// text takes a text frame.
func (c *connection) text(frame []byte, now time.Time) {
	u, ok, err := DecodeFrame(frame, now)
	switch {
	case err != nil:
		c.to.Frame(string(FrameUnreadable), err.Error())
	case ok:
		c.to.Frame(string(FrameOrder), "")
		if u.Account == "" {
			u.Account = c.stream.o.UserID
		}
		if err := c.to.Update(u); err != nil {
			c.cancel(down("an update could not be taken: " + clip(err.Error())))
		}
	default:
		c.to.Frame(wordOf(frame))
	}
}

// wordOf is the kind and the text of a frame that is no order's. The data of an error is a text by Kite's word alone.
func wordOf(frame []byte) (kind, text string) {
	typ, data, err := envelopeOfFrame(frame)
	if err != nil {
		return string(FrameUnreadable), err.Error()
	}
	if data.kind == kindText {
		text = oneLine(data.text())
	} else {
		text = oneLine(string(data.raw))
	}
	switch typ {
	case "message":
		return string(FrameMessage), text
	case "error":
		return string(FrameError), text
	}
	return string(FrameOther), clip(typ)
}

// close says goodbye and closes the socket, now or as soon as it stands.
func (c *connection) close() {
	c.mu.Lock()
	c.closed = true
	socket := c.socket
	c.mu.Unlock()
	if socket == nil {
		return
	}
	// The one write that may be made beside any other.
	_ = socket.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseNormalClosure, ""), time.Now().Add(goodbyeWithin))
	_ = socket.Close() // it ends the ticker's reading
}

// heard is when something came.
func (c *connection) heard() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.last
}

// stands says whether the connection was made.
func (c *connection) stands() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.socket != nil
}

// refused says whether the other side answered the upgrade with something else.
func (c *connection) refused() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.shook
}
