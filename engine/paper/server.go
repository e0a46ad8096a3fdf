package paper

import (
	"compress/gzip"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// ServerOptions is how the exchange is served.
type ServerOptions struct {
	Injector  *Injector  // nil: one without faults
	Postbacks *Postbacks // nil: the control endpoints about postbacks answer 404
	// OnAccepted is called the moment a placement was accepted, before a byte
	// of the reply is written: where a test may kill the client.
	OnAccepted func(user, orderID, tag string)
	// RedirectURLs are where /connect/login sends the user of an api_key, with
	// request_token and status (docs/kite.md 5.1).
	RedirectURLs map[string]string
	// Heartbeat is the WebSocket's; 0: one second.
	Heartbeat time.Duration
}

// Server speaks Kite Connect v3 for an Exchange: REST, the WebSocket at /ws
// (and at / when the request asks for an upgrade), and the control endpoints
// under /paper/. It serves until Close.
type Server struct {
	exchange *Exchange
	options  ServerOptions
	mux      *http.ServeMux
	unlisten func()
	done     chan struct{}

	mu      sync.Mutex
	sockets map[*socket]struct{}
	closed  bool
	wg      sync.WaitGroup
}

// NewServer serves x. It starts no goroutine before the first WebSocket.
func NewServer(x *Exchange, o ServerOptions) *Server {
	if o.Injector == nil {
		o.Injector = NewInjector(0, Faults{})
	}
	if o.Heartbeat <= 0 {
		o.Heartbeat = time.Second
	}
	s := &Server{exchange: x, options: o, mux: http.NewServeMux(), done: make(chan struct{}), sockets: map[*socket]struct{}{}}
	s.routes()
	s.controls()
	s.unlisten = x.Listen(Listener{Update: s.update, Quote: s.quote})
	return s
}

// Injector is where faults are set.
func (s *Server) Injector() *Injector { return s.options.Injector }

// Header stands on every answer of a paper exchange and on none of Kite's, so
// that a program can tell them apart. Its value is PAPER.
const Header = "X-Paper-Exchange"

// ServeHTTP serves one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set(Header, "PAPER")
	s.mux.ServeHTTP(w, r)
}

// Close ends the WebSockets and the hanging replies, and returns when their
// goroutines are gone. An http.Server around it is closed after it.
func (s *Server) Close() {
	s.unlisten()
	s.mu.Lock()
	if !s.closed {
		s.closed = true
		close(s.done)
	}
	s.mu.Unlock()
	s.wg.Wait()
}

// call is one authenticated REST request.
type call struct {
	*http.Request
	user, apiKey string
	verdict      Verdict
}

func (c call) params() url.Values { return c.Form }

// handler answers a call with a whole body, or a refusal.
type handler func(c call) ([]byte, *APIError)

// bodyMax bounds a request's form, bytes.
const bodyMax = 1 << 20

// authorized wraps what needs X-Kite-Version and Authorization (docs/kite.md 3.1), and
// lets faults strike at that point.
func (s *Server) authorized(point string, h handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Kite-Version") != "3" {
			answer(w, nil, inputError(textVersionOwn))
			return
		}
		apiKey, token, _ := strings.Cut(strings.TrimPrefix(r.Header.Get("Authorization"), "token "), ":")
		user, ok := s.exchange.Authenticate(apiKey, token)
		if !ok {
			answer(w, nil, wrongToken())
			return
		}
		if !s.exchange.allowRequest(apiKey, strings.HasPrefix(r.URL.Path, "/quote")) {
			answer(w, nil, refuse(http.StatusTooManyRequests, classNetwork, textTooMany))
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, bodyMax)
		if r.ParseForm() != nil {
			answer(w, nil, inputError("Invalid request body."))
			return
		}
		c := call{Request: r, user: user, apiKey: apiKey, verdict: s.options.Injector.Request(point)}
		switch {
		case c.verdict.Refusal != nil:
			answer(w, nil, c.verdict.Refusal)
			return
		case c.verdict.HTML:
			badGateway(w)
			return
		}
		body, e := h(c)
		switch {
		case c.verdict.Drop:
			panic(http.ErrAbortHandler) // net/http closes the connection, silently
		case c.verdict.Hang > 0:
			s.hang(r, c.verdict.Hang)
			panic(http.ErrAbortHandler)
		case c.verdict.HTMLDone:
			badGateway(w)
			return
		}
		answer(w, body, e)
	}
}

// hang waits for the client to give up, but not beyond d or Close.
func (s *Server) hang(r *http.Request, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.Context().Done():
	case <-s.done:
	}
}

func answer(w http.ResponseWriter, body []byte, e *APIError) {
	w.Header().Set("Content-Type", "application/json")
	if e != nil {
		w.WriteHeader(e.HTTPStatus)
		body = e.Body()
	}
	_, _ = w.Write(body) // a client that went away loses its reply
}

// badGateway is the CDN's page: no JSON, so that the official client loses
// the code (docs/kite.md 8.4).
func badGateway(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/html")
	w.WriteHeader(http.StatusBadGateway)
	_, _ = w.Write([]byte("<html><head><title>502 Bad Gateway</title></head><body><center><h1>502 Bad Gateway</h1></center></body></html>\r\n"))
}

// instruments serves the dump, compressed when the client takes it (docs/kite.md 7.1).
func (s *Server) instruments(w http.ResponseWriter, r *http.Request) {
	switch v := s.options.Injector.Request("instruments"); {
	case v.Refusal != nil:
		answer(w, nil, v.Refusal)
		return
	case v.HTML:
		badGateway(w)
		return
	}
	body := s.exchange.InstrumentsCSV(r.PathValue("exchange"))
	w.Header().Set("Content-Type", "text/csv")
	if !strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		_, _ = w.Write(body)
		return
	}
	w.Header().Set("Content-Encoding", "gzip")
	z := gzip.NewWriter(w)
	_, _ = z.Write(body)
	_ = z.Close()
}
