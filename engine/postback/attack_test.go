package postback

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"backstop/engine/order"
)

// strangers is a listener on loopback whose connections seem to come from elsewhere: places are bounded for strangers.
type strangers struct{ net.Listener }

type strange struct {
	net.Conn
	from string
}

type elsewhere string

func (e elsewhere) Network() string { return "tcp" }
func (e elsewhere) String() string  { return string(e) }

func (s strangers) Accept() (net.Conn, error) {
	c, err := s.Listener.Accept()
	if err != nil {
		return nil, err
	}
	port := 0
	if a, ok := c.RemoteAddr().(*net.TCPAddr); ok {
		port = a.Port
	}
	return &strange{c, fmt.Sprintf("198.51.%d.%d:%d", port>>8, port&255, port)}, nil
}

func (c *strange) RemoteAddr() net.Addr { return elsewhere(c.from) }
func (c *strange) CloseWrite() error {
	if half, ok := c.Conn.(*net.TCPConn); ok {
		return half.CloseWrite()
	}
	return nil
}

// field is a receiver under attack.
type field struct {
	t      *testing.T
	addr   string
	ended  <-chan struct{} // the genuine ones are through
	taken  *atomic.Int64
	answer sync.Map // code → how many the attackers read
}

// dial gives a connection that is closed at the end, nil where there is none.
func (f *field) dial() net.Conn {
	c, err := net.DialTimeout("tcp", f.addr, time.Second)
	if err != nil {
		return nil
	}
	go func() { <-f.ended; _ = c.Close() }()
	return c
}

func (f *field) over() bool {
	select {
	case <-f.ended:
		return true
	default:
		return false
	}
}

// wait is a pause of an attacker, false once it is over.
func (f *field) wait(d time.Duration) bool {
	select {
	case <-f.ended:
		return false
	case <-time.After(d):
		return true
	}
}

// throw sends a text on a connection of its own and notes the codes of what comes back, up to so many answers.
func (f *field) throw(text string, answers int) {
	c := f.dial()
	if c == nil {
		return
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.WriteString(c, text); err != nil {
		return
	}
	r := bufio.NewReader(c)
	for range answers {
		reply, err := http.ReadResponse(r, nil)
		if err != nil {
			return
		}
		_, err = io.Copy(io.Discard, reply.Body)
		reply.Body.Close()
		n, _ := f.answer.LoadOrStore(reply.StatusCode, new(atomic.Int64))
		if count, ok := n.(*atomic.Int64); ok {
			count.Add(1)
		}
		if err != nil {
			return
		}
	}
}

// again repeats an attack until it is over.
func (f *field) again(attack func()) {
	for !f.over() {
		attack()
		if !f.wait(2 * time.Millisecond) {
			return
		}
	}
}

// hold opens so many connections and keeps each alive with a byte now and then.
func (f *field) hold(connections int, head, drip string) {
	var all sync.WaitGroup
	for range connections {
		all.Go(func() {
			for !f.over() {
				c := f.dial()
				if c == nil {
					return
				}
				_, err := io.WriteString(c, head)
				for err == nil && f.wait(20*time.Millisecond) {
					_, err = io.WriteString(c, drip)
				}
			}
		})
	}
	all.Wait()
}

func body(n int) string { return fmt.Sprintf(`{"n":%d}`, n) }

func head(more ...string) string {
	return "POST /postback/k HTTP/1.1\r\nHost: x\r\n" + strings.Join(more, "")
}

func gzipped(text string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = io.WriteString(z, text)
	_ = z.Close()
	return b.String()
}

// attacks, each with the codes that its senders may read; a genuine postback is never among the sufferers.
var attacks = map[string]struct {
	do    func(f *field)
	codes []int
}{
	"slow heads":   {func(f *field) { f.hold(300, "POST /postback/k HTTP/1.1\r\nHost: x\r\nX: ", "a") }, nil},
	"slow bodies":  {func(f *field) { f.hold(300, head("Content-Length: 60000\r\n\r\n"), "x") }, []int{400}},
	"slow chunks":  {func(f *field) { f.hold(200, head("Transfer-Encoding: chunked\r\n\r\n"), "1\r\nx\r\n") }, []int{400}},
	"silence":      {func(f *field) { f.hold(1000, "", "") }, nil},
	"huge heads":   {func(f *field) { f.again(func() { f.throw(head("X: ", strings.Repeat("a", 200_000), "\r\n\r\n"), 1) }) }, []int{431}},
	"many headers": {func(f *field) { f.again(func() { f.throw(head(strings.Repeat("a: b\r\n", 5000), "\r\n"), 1) }) }, []int{431}},
	"pipelining": {func(f *field) {
		f.again(func() { f.throw(strings.Repeat(head("Content-Length: 5\r\n\r\n", "wrong"), 200), 200) })
	}, []int{401, 429}},
	"pipelining, nothing read": {func(f *field) {
		f.again(func() {
			if c := f.dial(); c != nil {
				_ = c.SetWriteDeadline(time.Now().Add(200 * time.Millisecond))
				_, _ = io.WriteString(c, strings.Repeat(head("Content-Length: 5\r\n\r\n", "wrong"), 2000))
			}
		})
	}, nil},
	"half bodies": {func(f *field) {
		f.again(func() {
			if c := f.dial(); c != nil {
				_, _ = io.WriteString(c, head("Content-Length: 50\r\n\r\n", `{"order`))
				_ = c.Close()
			}
		})
	}, nil},
	"length too long":  {func(f *field) { f.again(func() { f.throw(head("Content-Length: 5000\r\n\r\n", "wrong"), 1) }) }, []int{400}},
	"length too short": {func(f *field) { f.again(func() { f.throw(head("Content-Length: 2\r\n\r\n", "wrong\r\n\r\n"), 3) }) }, []int{200, 400}},
	"chunks with trailers": {func(f *field) {
		f.again(func() {
			f.throw(head("Transfer-Encoding: chunked\r\nTrailer: X-Checksum\r\n\r\n", "5;ext="+strings.Repeat("e", 500)+"\r\nwrong\r\n0\r\nContent-Length: 3\r\nX-Checksum: 1\r\n\r\n"), 2)
		})
	}, []int{400, 401, 429}},
	"two lengths": {func(f *field) {
		f.again(func() { f.throw(head("Content-Length: 5\r\nContent-Length: 6\r\n\r\n", "wrong!"), 2) })
	}, []int{400}},
	"length and chunks": {func(f *field) {
		f.again(func() {
			f.throw(head("Content-Length: 40\r\nTransfer-Encoding: chunked\r\n\r\n", "0\r\n\r\nPOST /postback/k HTTP/1.1\r\nX: y\r\n\r\n"), 2)
		})
	}, []int{400}},
	"odd chunkings": {func(f *field) {
		f.again(func() {
			for _, coding := range []string{"xchunked", " chunked, identity", "chunked\r\nTransfer-Encoding: x", "\x0bchunked", "gzip, chunked"} {
				f.throw(head("Transfer-Encoding: "+coding+"\r\n\r\n", "5\r\nwrong\r\n0\r\n\r\n"), 1)
			}
		})
	}, []int{400, 501}},
	"odd lines": {func(f *field) {
		f.again(func() {
			for _, text := range []string{"POST /postback/k HTTP/1.1\nHost: x\nContent-Length: 5\n\nwrong", "POST /postback/k HTTP/1.1\r\nHost : x\r\n\r\n", head(" folded: x\r\n\r\n"),
				"POST /postback/k HTTP/9.9\r\nHost: x\r\n\r\n", "POST  /postback/k HTTP/1.1\r\n\r\n", "POST /postback/k\r\n\r\n", "\r\n\r\n\r\nPOST", "POST /postback/k HTTP/1.1\r\n\r\n",
				"POST /postback/k HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "POST /postback/k HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n", "POST /postback/k HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n"} {
				f.throw(text, 1)
			}
		})
	}, []int{400, 401, 429, 505}},
	"HTTP/1.0": {func(f *field) {
		f.again(func() { f.throw("POST /postback/k HTTP/1.0\r\nContent-Length: 5\r\n\r\nwrong", 1) })
	}, []int{401, 429}},
	"h2c": {func(f *field) {
		f.again(func() { f.throw("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00", 1) })
	}, []int{400, 404, 505}},
	"h2c asked": {func(f *field) {
		f.again(func() {
			f.throw(head("Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\nContent-Length: 5\r\n\r\n", "wrong"), 1)
		})
	}, []int{401, 429}},
	"TLS": {func(f *field) {
		f.again(func() { f.throw("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"+strings.Repeat("\x00", 300), 1) })
	}, []int{400}},
	"expect": {func(f *field) {
		f.again(func() { f.throw(head("Expect: 100-continue\r\nContent-Length: 5\r\n\r\n", "wrong"), 2) })
	}, []int{100, 401, 429}},
	"compressed": {func(f *field) {
		f.again(func() {
			z := gzipped(strings.Repeat("0", 1<<20))
			f.throw(head(fmt.Sprintf("Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n", len(z)), z), 1)
		})
	}, []int{415}},
	"large": {func(f *field) {
		f.again(func() { f.throw(head("Content-Length: 1000000\r\n\r\n", strings.Repeat("x", 1_000_000)), 1) })
	}, []int{413}},
	"large chunks": {func(f *field) {
		f.again(func() {
			f.throw(head("Transfer-Encoding: chunked\r\n\r\n", strings.Repeat("1000\r\n"+strings.Repeat("x", 0x1000)+"\r\n", 100)), 1)
		})
	}, []int{413}},
	"paths and methods": {func(f *field) {
		f.again(func() {
			for _, line := range []string{"GET /postback/k", "POST /postback/k/", "POST /postback/%6b/x", "POST /postback/../postback/k", "POST //postback/k", "POST /postback/k%00", "POST /POSTBACK/k", "POST /api/v1/kill",
				"TRACE /", "CONNECT x:80", "OPTIONS *", "POST http://169.254.169.254/latest", "DELETE /postback/k", "GET /kite/callback?state=x&request_token=y", "GET /metrics", "PROPFIND /postback/k"} {
				f.throw(line+" HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", 1)
			}
		})
	}, []int{400, 404, 405}},
	"wrong checksums": {func(f *field) {
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				f.again(func() {
					f.throw(strings.Repeat(head("X-Forwarded-For: 1.2.3.4, 5.6.7.8\r\nContent-Length: 5\r\n\r\n", "wrong"), 50), 50)
				})
			})
		}
		all.Wait()
	}, []int{401, 429}},
}

// Whatever strangers send, each genuine postback beside it is answered 200 within the three seconds that Kite waits.
func TestAGenuinePostbackIsAnsweredDuringEachAttack(t *testing.T) {
	t.Parallel()
	for name, attack := range attacks {
		t.Run(name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			var took atomic.Int64
			r := receiver(t, Options{Submit: func(_ context.Context, _ string, u order.Update) (string, error) {
				if strings.HasPrefix(string(u.Raw), `{"n":`) {
					took.Add(1)
				}
				return "", nil
			}})
			ctx, stop := context.WithCancel(t.Context())
			served := make(chan error, 1)
			go func() { served <- r.Serve(ctx, strangers{l}) }()
			ended := make(chan struct{})
			f := &field{t: t, addr: l.Addr().String(), ended: ended, taken: &took}
			var attackers sync.WaitGroup
			for range 2 {
				attackers.Go(func() { attack.do(f) })
			}

			const senders, each = 4, 12
			var genuine sync.WaitGroup
			for s := range senders {
				genuine.Go(func() {
					transport := &http.Transport{DisableKeepAlives: s%2 == 0}
					defer transport.CloseIdleConnections()
					client := &http.Client{Transport: transport, Timeout: 3 * time.Second} // Kite's patience
					for i := range each {
						reply, err := client.Post("http://"+f.addr+"/postback/k", "application/json", strings.NewReader(body(s*each+i)))
						if err != nil {
							t.Errorf("a genuine postback: %v", err)
							return
						}
						text, err := io.ReadAll(reply.Body)
						reply.Body.Close()
						if err != nil || reply.StatusCode != http.StatusOK {
							t.Errorf("a genuine postback: %d %s, %v", reply.StatusCode, text, err)
							return
						}
						time.Sleep(5 * time.Millisecond) // the attack goes on meanwhile
					}
				})
			}
			genuine.Wait()
			close(ended)
			attackers.Wait()
			if n := took.Load(); n != senders*each {
				t.Errorf("%d of %d genuine postbacks reached the journal", n, senders*each)
			}
			f.answer.Range(func(code, n any) bool {
				for _, allowed := range attack.codes {
					if code == allowed {
						return true
					}
				}
				t.Errorf("attackers read %v (%d times), not one of %v", code, n.(*atomic.Int64).Load(), attack.codes)
				return true
			})
			stop()
			if err := <-served; err != nil && !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		})
	}
}
