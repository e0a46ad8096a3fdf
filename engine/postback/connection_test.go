package postback

import (
	"fmt"
	"net"
	"testing"
	"time"
)

// fakeConn is a connection from an address that only knows whether it was closed.
type fakeConn struct {
	net.Conn
	from   string
	closed bool
}

type fakeAddr string

func (a fakeAddr) Network() string { return "tcp" }
func (a fakeAddr) String() string  { return string(a) }

func (c *fakeConn) RemoteAddr() net.Addr { return fakeAddr(c.from) }
func (c *fakeConn) Close() error         { c.closed = true; return nil }

func TestWhenAllPlacesAreTakenTheOldestThatWaitsGoes(t *testing.T) {
	t.Parallel()
	proxies, err := ParseProxies([]string{"10.0.0.0/8"})
	if err != nil {
		t.Fatal(err)
	}
	l := receiver(t, Options{TrustedProxies: proxies}).bound(nil)
	clock := time.Unix(0, 0)
	l.now = func() time.Time { return clock }
	var raw []*fakeConn
	var open []*connection
	dial := func(from string) *connection {
		clock = clock.Add(3 * time.Millisecond)
		f := &fakeConn{from: from}
		raw = append(raw, f)
		c, _ := l.admit(f).(*connection)
		open = append(open, c)
		return c
	}
	for i := range openMax {
		dial(fmt.Sprintf("203.0.113.%d:%d", i%250, i))
	}
	open[0].answering.Store(true)
	for _, near := range []string{"127.0.0.1:5", "[::1]:5", "10.1.1.1:5", "@"} {
		if dial(near) == nil {
			t.Errorf("%s found no place", near)
		}
	}
	if dial("198.51.100.1:5") == nil || raw[0].closed || !raw[1].closed || raw[2].closed {
		t.Errorf("closed: first (being answered) %v, second %v, third %v", raw[0].closed, raw[1].closed, raw[2].closed)
	}
	open[1].Close() // net/http closes it too, later: one place, not two
	if n := l.strangers.Len(); n != openMax {
		t.Errorf("%d open", n)
	}
	open[0].answering.Store(false)
	dial("198.51.100.2:5")
	if !raw[0].closed {
		t.Error("the oldest stayed")
	}
	open[2].genuine.Store(true)
	dial("198.51.100.5:5")
	if raw[2].closed || !raw[3].closed {
		t.Error("the connection of a genuine sender went before a stranger's")
	}
	for _, c := range open {
		c.genuine.Store(true)
	}
	dial("198.51.100.6:5")
	if !raw[2].closed {
		t.Error("with genuine ones alone the oldest stayed")
	}
	for _, c := range open {
		c.answering.Store(true)
	}
	for l.strangers.Len() < openMost {
		last := dial("198.51.100.7:5")
		if last == nil {
			t.Fatal("no place, though nobody had his moment")
		}
		last.answering.Store(true)
		open = append(open, last)
	}
	if dial("198.51.100.3:5") != nil {
		t.Error("one more than there are places")
	}
	open[5].Close()
	if dial("198.51.100.4:5") == nil {
		t.Error("a freed place was not given")
	}
	if l.nears != 4 {
		t.Errorf("%d near ones", l.nears)
	}
}

func TestNearConnectionsAreBoundedToo(t *testing.T) {
	t.Parallel()
	l := receiver(t, Options{}).bound(nil)
	var first net.Conn
	for i := range nearMax {
		c := l.admit(&fakeConn{from: fmt.Sprintf("127.0.0.1:%d", i)})
		if c == nil {
			t.Fatalf("number %d found no place", i)
		}
		if first == nil {
			first = c
		}
	}
	if l.admit(&fakeConn{from: "127.0.0.1:1"}) != nil {
		t.Error("one more than there are places")
	}
	first.Close()
	first.Close()
	if l.admit(&fakeConn{from: "127.0.0.1:1"}) == nil || l.nears != nearMax {
		t.Errorf("a freed place was not given: %d", l.nears)
	}
}
