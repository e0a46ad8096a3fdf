package postback

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"backstop/engine/order"
)

// pipes is a listener in memory, so that time-outs pass in virtual time.
type pipes struct {
	incoming chan net.Conn
	closed   chan struct{}
}

func newPipes() *pipes { return &pipes{incoming: make(chan net.Conn), closed: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.incoming:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}
func (p *pipes) Close() error   { close(p.closed); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

// caller is the far end of a connection.
type caller struct {
	net.Conn
	*bufio.Reader
	t *testing.T
}

func (p *pipes) dial(t *testing.T) *caller {
	t.Helper()
	near, far := net.Pipe()
	select {
	case p.incoming <- far:
	case <-p.closed:
		t.Fatal("the listener is closed")
	}
	return &caller{near, bufio.NewReader(near), t}
}

func (c *caller) send(text string) {
	c.t.Helper()
	if _, err := io.WriteString(c.Conn, text); err != nil {
		c.t.Errorf("sending: %v", err)
	}
}

// answer reads one answer: its code, and whether the connection is to be closed.
func (c *caller) answer() (code int, closes bool) {
	c.t.Helper()
	reply, err := http.ReadResponse(c.Reader, nil)
	if err != nil {
		c.t.Fatalf("no answer: %v", err)
	}
	defer reply.Body.Close()
	if _, err := io.ReadAll(reply.Body); err != nil {
		c.t.Fatalf("half an answer: %v", err)
	}
	return reply.StatusCode, reply.Close
}

// gone waits for the end of the connection and gives how long it took.
func (c *caller) gone() time.Duration {
	c.t.Helper()
	began := time.Now()
	if b, err := c.ReadByte(); err == nil {
		c.t.Errorf("a byte %q where the end should be", b)
	}
	return time.Since(began)
}

func (c *caller) Read(b []byte) (int, error) { return c.Reader.Read(b) }

const request = "POST /postback/k HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}"

// serving runs the test against a served receiver in virtual time.
func serving(t *testing.T, o Options, test func(t *testing.T, p *pipes, stop func(), served <-chan error)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		p, served := newPipes(), make(chan error, 1)
		r := receiver(t, o)
		go func() {
			defer close(served)
			served <- r.Serve(ctx, p)
		}()
		test(t, p, stop, served)
		stop()
		for err := range served {
			if err != nil {
				t.Error(err)
			}
		}
	})
}

func TestInvariant3NothingIsAnsweredBeforeItIsDurable(t *testing.T) {
	t.Parallel()
	commit := make(chan error)
	serving(t, Options{Submit: func(ctx context.Context, _ string, _ order.Update) (string, error) {
		select {
		case err := <-commit:
			return "", err
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}}, func(t *testing.T, p *pipes, _ func(), _ <-chan error) {
		commit = make(chan error) // of this bubble
		c := p.dial(t)
		defer c.Close()
		for _, result := range []struct {
			err  error
			code int
		}{{nil, 200}, {errors.New("disk full"), 503}, {nil, 200}} {
			c.send(request)
			synctest.Wait() // all that can happen has happened
			if n := c.Buffered(); n != 0 {
				t.Fatalf("%d bytes of an answer before the commit", n)
			}
			time.Sleep(2 * time.Second)
			commit <- result.err
			if code, closes := c.answer(); code != result.code || closes {
				t.Errorf("%d, closes %v", code, closes)
			}
		}
		began := time.Now()
		c.send(request) // a journal that hangs
		if code, _ := c.answer(); code != 503 || time.Since(began) != submitTimeout {
			t.Errorf("%d after %s", code, time.Since(began))
		}
	})
}

func TestAnUpdateOutlivesItsSender(t *testing.T) {
	t.Parallel()
	done := false
	serving(t, Options{Submit: func(ctx context.Context, _ string, _ order.Update) (string, error) {
		select {
		case <-time.After(time.Second):
			done = true
			return "", nil
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}}, func(t *testing.T, p *pipes, _ func(), _ <-chan error) {
		c := p.dial(t)
		c.send(request)
		synctest.Wait()
		c.Close()
		time.Sleep(1500 * time.Millisecond)
		synctest.Wait()
		if !done {
			t.Error("it was dropped with the connection")
		}
	})
}

func TestHostileRequestsAreBounded(t *testing.T) {
	t.Parallel()
	const head = "POST /postback/k HTTP/1.1\r\nHost: x\r\n"
	for name, c := range map[string]struct {
		sends  []string // the first at once, the others each a second later
		code   int      // 0: no answer
		within time.Duration
	}{
		"nothing at all":   {[]string{""}, 0, headerTimeout},
		"half a head":      {[]string{head}, 0, headerTimeout},
		"a head by drops":  {[]string{head, "A: b\r\n", "C: d\r\n", "E: f\r\n"}, 0, headerTimeout},
		"half a body":      {[]string{head + "Content-Length: 900\r\n\r\n{"}, 400, bodyTimeout},
		"a body by drops":  {[]string{head + "Content-Length: 900\r\n\r\n{", "\"order"}, 400, bodyTimeout},
		"endless chunks":   {[]string{head + "Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n"}, 400, bodyTimeout},
		"no chunk":         {[]string{head + "Transfer-Encoding: chunked\r\n\r\nzz\r\n"}, 400, 0},
		"two lengths":      {[]string{head + "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}"}, 400, 0},
		"negative length":  {[]string{head + "Content-Length: -1\r\n\r\n"}, 400, 0},
		"length and chunk": {[]string{head + "Content-Length: 2\r\nTransfer-Encoding: gzip\r\n\r\n{}"}, 501, 0},
		"huge head":        {[]string{head + "A: " + strings.Repeat("b", 3*headerMax) + "\r\n\r\n"}, 431, 0},
		"claims a GB":      {[]string{head + "Content-Length: 1073741824\r\n\r\n{}"}, 413, 0},
		"slow and refused": {[]string{"GET /nothing HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{}"}, 404, bodyTimeout},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			serving(t, Options{}, func(t *testing.T, p *pipes, _ func(), _ <-chan error) {
				h := p.dial(t)
				defer h.Close()
				began := time.Now()
				var sender sync.WaitGroup
				defer sender.Wait()
				sender.Go(func() {
					for i, s := range c.sends {
						if i > 0 {
							time.Sleep(time.Second)
						}
						if _, err := io.WriteString(h.Conn, s); err != nil {
							return // the server has hung up
						}
					}
				})
				if c.code != 0 {
					if code, closes := h.answer(); code != c.code || !closes {
						t.Errorf("%d, closes %v", code, closes)
					}
				}
				h.gone()
				if d := time.Since(began); d < c.within || d > c.within+time.Second {
					t.Errorf("gone after %s", d)
				}
				genuine := p.dial(t) // and nobody else is held up
				defer genuine.Close()
				genuine.send(request)
				if code, _ := genuine.answer(); code != 200 {
					t.Errorf("a genuine one: %d", code)
				}
			})
		})
	}
}

func TestPipelinedRequestsAreAnsweredInTurn(t *testing.T) {
	t.Parallel()
	serving(t, Options{}, func(t *testing.T, p *pipes, _ func(), _ <-chan error) {
		c := p.dial(t)
		defer c.Close()
		go c.send(request + strings.Replace(request, "{}", "ba", 1) + request)
		for _, want := range []int{200, 200, 200} {
			if code, closes := c.answer(); code != want || closes {
				t.Errorf("%d, closes %v", code, closes)
			}
		}
		if d := c.gone(); d != idleTimeout {
			t.Errorf("an idle connection stays %s", d)
		}
	})
}

func TestShutdownLosesNone(t *testing.T) {
	t.Parallel()
	serving(t, Options{Submit: func(context.Context, string, order.Update) (string, error) {
		time.Sleep(2 * time.Second)
		return "", nil
	}}, func(t *testing.T, p *pipes, stop func(), served <-chan error) {
		began := time.Now()
		inside, half, late, idle := p.dial(t), p.dial(t), p.dial(t), p.dial(t)
		for _, c := range []*caller{inside, half, late, idle} {
			defer c.Close()
		}
		idle.send(request)
		if code, _ := idle.answer(); code != 200 {
			t.Errorf("%d", code)
		}
		inside.send(request)
		half.send(strings.TrimSuffix(request, "{}") + "{") // its body is on the way: it was taken in
		late.send("POST /postback/k HTTP/1.1\r\nHost: x\r\n")
		synctest.Wait()
		stop()
		synctest.Wait()
		select {
		case <-p.closed:
		default:
			t.Error("it still accepts")
		}
		idle.gone()
		half.send("}")
		late.send("Content-Length: 2\r\n\r\n{}")
		if code, closes := late.answer(); code != 503 || !closes {
			t.Errorf("while shutting down: %d, closes %v", code, closes)
		}
		select {
		case err := <-served:
			t.Fatalf("Serve returned with a postback in its hands: %v", err)
		default:
		}
		for _, c := range []*caller{inside, half} {
			if code, closes := c.answer(); code != 200 || !closes {
				t.Errorf("taken in before: %d, closes %v", code, closes)
			}
		}
		if err := <-served; err != nil {
			t.Error(err)
		}
		if d := time.Since(began); d > 6*time.Second {
			t.Errorf("it took %s", d)
		}
	})
}

func TestAfterCloseTheHandlerRefuses(t *testing.T) {
	t.Parallel()
	r := receiver(t, Options{})
	r.Close()
	w := post(r, "/postback/k", "{}")
	wantEnvelope(t, "closed", w.Code, w.Header(), w.Body.Bytes(), http.StatusServiceUnavailable, networkException)
	if w.Header().Get("Retry-After") != "5" {
		t.Errorf("Retry-After %q", w.Header().Get("Retry-After"))
	}
	if w := post(r, "/postback/x", "{}"); w.Code != http.StatusNotFound {
		t.Errorf("unknown key: %d", w.Code)
	}
}

func TestShutdownEndsThoughAPostbackHangs(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	serving(t, Options{Submit: func(context.Context, string, order.Update) (string, error) {
		<-release // against the contract: it does not heed its context
		return "", nil
	}}, func(t *testing.T, p *pipes, stop func(), served <-chan error) {
		release = make(chan struct{}) // of this bubble
		c := p.dial(t)
		defer c.Close()
		c.send(request)
		synctest.Wait()
		stop()
		began := time.Now()
		if err := <-served; !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != shutdownMax {
			t.Errorf("after %s: %v", time.Since(began), err)
		}
		close(release)
	})
}

func TestAFailedListenerIsAnError(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	r := receiver(t, Options{Log: slog.New(slog.DiscardHandler)})
	if err := r.Serve(t.Context(), l); !errors.Is(err, net.ErrClosed) {
		t.Errorf("%v", err)
	}
}

func TestServeOverLoopback(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	r := receiver(t, Options{})
	go func() { served <- r.Serve(ctx, l) }()
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	for _, body := range []string{"{}", strings.Repeat("x", 1<<20), "{}"} {
		q, err := http.NewRequest(http.MethodPost, "http://"+l.Addr().String()+"/postback/k", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		reply, err := transport.RoundTrip(q)
		if err != nil {
			t.Fatal(err)
		}
		reply.Body.Close()
		if want := map[bool]int{false: 200, true: 413}[len(body) > bodyMax]; reply.StatusCode != want {
			t.Errorf("%d, not %d", reply.StatusCode, want)
		}
	}
	stop()
	if err := <-served; err != nil {
		t.Error(err)
	}
}
