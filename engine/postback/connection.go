package postback

import (
	"container/list"
	"context"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// drainedEvery is how often a shutdown looks whether all connections have ended.
const drainedEvery = 5 * time.Millisecond

// boundListener keeps the number of open connections bounded without ever closing the door to a genuine sender: when
// all places are taken, the oldest connection goes that has brought no genuine postback yet, and only where there is no
// such one the oldest that is not being answered. Someone who holds connections open with half a request (slowloris)
// or with nothing thus loses them first; a broker that opens many at once in a burst loses none, since its bodies come
// at once, and the connection that it keeps for the next postback stays. A newcomer has a moment to say what it brings
// before it can be the one that goes, so that a burst of strangers doesn't push out who came in with them.
type boundListener struct {
	net.Listener
	near func(netip.Addr) bool
	now  func() time.Time
	once sync.Once // closes it

	mu        sync.Mutex // guards all below
	strangers *list.List // of *connection, oldest first
	nears     int
}

// connection is one accepted connection.
type connection struct {
	net.Conn
	from      *boundListener
	since     time.Time
	place     *list.Element // among the strangers; nil for this machine and trusted proxies
	answering atomic.Bool   // its body is here whole and its answer not yet gone
	genuine   atomic.Bool   // it has brought a postback whose checksum was right
	left      sync.Once
}

func (r *Receiver) bound(l net.Listener) *boundListener {
	return &boundListener{Listener: l, strangers: list.New(), now: time.Now, near: func(a netip.Addr) bool {
		return !a.IsValid() || a.IsLoopback() || r.trusted(a)
	}}
}

// Accept waits for the next connection that finds a place.
func (l *boundListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if admitted := l.admit(c); admitted != nil {
			return admitted, nil
		}
		_ = c.Close()
	}
}

// Close ends accepting. Connections that are open stay.
func (l *boundListener) Close() (err error) {
	l.once.Do(func() { err = l.Listener.Close() })
	return err
}

func (l *boundListener) admit(c net.Conn) net.Conn {
	admitted := &connection{Conn: c, from: l, since: l.now()}
	near := l.near(addressOf(c.RemoteAddr().String()))
	l.mu.Lock()
	var leave []*connection
	switch {
	case near && l.nears >= nearMax:
		admitted = nil
	case near:
		l.nears++
	default:
		leave = l.makeRoom(admitted.since)
		if l.strangers.Len() >= openMost {
			admitted = nil
			break
		}
		admitted.place = l.strangers.PushBack(admitted)
	}
	l.mu.Unlock()
	for _, c := range leave {
		_ = c.Close()
	}
	if admitted == nil {
		return nil
	}
	return admitted
}

// makeRoom takes out who goes for a newcomer: nobody while there are places, else who waits longest beyond the moment that
// each has, and two of them where the moment has let in more than there are places.
func (l *boundListener) makeRoom(now time.Time) (leave []*connection) {
	for len(leave) < 2 && l.strangers.Len() >= openMax {
		c := l.oldestWaiting()
		if c == nil || now.Sub(c.since) < openGrace && l.strangers.Len() < openMost {
			break
		}
		l.strangers.Remove(c.place)
		leave = append(leave, c)
	}
	return leave
}

func (l *boundListener) oldestWaiting() *connection {
	var idle *connection // of a genuine sender
	for e := l.strangers.Front(); e != nil; e = e.Next() {
		c, ok := e.Value.(*connection)
		switch {
		case !ok || c.answering.Load():
		case !c.genuine.Load():
			return c
		case idle == nil:
			idle = c
		}
	}
	return idle
}

// drained waits until no connection is open any more, or most has passed. net/http's own Shutdown would drop a request
// whose head has not come whole, without an answer.
func (l *boundListener) drained(most time.Duration) {
	tick := time.NewTicker(drainedEvery)
	defer tick.Stop()
	for until := time.Now().Add(most); l.open() > 0 && time.Now().Before(until); {
		<-tick.C
	}
}

func (l *boundListener) open() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.strangers.Len() + l.nears
}

// Close closes the connection and frees its place.
func (c *connection) Close() error {
	c.left.Do(func() {
		c.from.mu.Lock()
		defer c.from.mu.Unlock()
		if c.place == nil {
			c.from.nears--
			return
		}
		c.from.strangers.Remove(c.place) // nothing where it has already left
	})
	return c.Conn.Close()
}

// CloseWrite lets net/http end its side first, so that a refused sender still reads the answer.
func (c *connection) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

type connectionKey struct{}

// rememberConnection lets a handler find its connection, beginAnswer.
func rememberConnection(ctx context.Context, c net.Conn) context.Context {
	if own, ok := c.(*connection); ok {
		return context.WithValue(ctx, connectionKey{}, own)
	}
	return ctx
}

// beginAnswer keeps the connection of a genuine request from being closed for a newcomer.
func beginAnswer(q *http.Request) {
	if c, ok := q.Context().Value(connectionKey{}).(*connection); ok {
		c.genuine.Store(true)
		c.answering.Store(true)
	}
}

// endAnswer is told by net/http once an answer has left the machine.
func endAnswer(c net.Conn, s http.ConnState) {
	if own, ok := c.(*connection); ok && s == http.StateIdle {
		own.answering.Store(false)
	}
}
