package paper

import (
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"time"

	"github.com/coder/websocket"
)

const (
	socketQueueMax   = 4096 // frames waiting for one slow client; then it is cut off
	socketTokensMax  = 3000 // instruments of one connection (docs/kite.md 2.1)
	socketReadMax    = 1 << 20
	socketWriteLimit = 5 * time.Second
)

// frame is what a socket sends.
type frame struct {
	binary bool
	body   []byte
}

// socket is one WebSocket connection.
type socket struct {
	user   string
	apiKey string
	out    chan frame
	cancel context.CancelFunc

	mu    sync.Mutex
	modes map[uint32]string // by instrument_token
}

// send queues a frame; a client that reads too slowly is cut off.
func (k *socket) send(f frame) {
	select {
	case k.out <- f:
	default:
		k.cancel()
	}
}

func (k *socket) mode(token uint32) string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.modes[token]
}

// socket upgrades a request with a good api_key and access_token; all others,
// and those of a Personal app, get 403 (docs/kite.md 2.1, 5.3).
func (s *Server) socket(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	user, ok := s.exchange.Authenticate(q.Get("api_key"), q.Get("access_token"))
	if !ok || s.exchange.personal(q.Get("api_key")) || s.options.Injector.Faults().DeadSession {
		answer(w, nil, wrongToken())
		return
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(r.Context()))
	defer cancel()
	k := &socket{user: user, apiKey: q.Get("api_key"), out: make(chan frame, socketQueueMax), cancel: cancel, modes: map[uint32]string{}}
	if e := s.add(k); e != nil { // before the upgrade is answered: a client that knows it is connected misses nothing
		answer(w, nil, e)
		return
	}
	defer s.remove(k)
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true})
	if err != nil {
		return // Accept has answered
	}
	conn.SetReadLimit(socketReadMax)
	reading := make(chan struct{})
	go func() {
		defer close(reading)
		defer cancel()
		s.read(ctx, conn, k)
	}()
	s.write(ctx, conn, k)
	cancel()
	_ = conn.CloseNow() // the peer has gone or must go; it ends the reading
	<-reading
}

// add lists a socket, unless the server is closing or the app has its three.
func (s *Server) add(k *socket) *APIError {
	limit := s.exchange.opts.Limits.Sockets
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return refuse(http.StatusServiceUnavailable, classNetwork, textOMS)
	}
	same := 0
	for other := range s.sockets {
		if other.apiKey == k.apiKey {
			same++
		}
	}
	if limit > 0 && same >= limit {
		return refuse(http.StatusTooManyRequests, classNetwork, textTooMany)
	}
	s.sockets[k] = struct{}{}
	s.wg.Add(1)
	return nil
}

func (s *Server) remove(k *socket) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.sockets, k)
	s.wg.Done()
}

// write sends frames and the heartbeat of one byte (docs/kite.md 2.2).
func (s *Server) write(ctx context.Context, conn *websocket.Conn, k *socket) {
	beat := time.NewTicker(s.options.Heartbeat)
	defer beat.Stop()
	for {
		f := frame{binary: true, body: []byte{0}}
		select {
		case <-ctx.Done():
			return
		case <-s.done:
			return
		case <-beat.C:
			s.exchange.Advance() // TTLs expire though nobody calls
		case f = <-k.out:
		}
		kind := websocket.MessageText
		if f.binary {
			kind = websocket.MessageBinary
		}
		limited, cancel := context.WithTimeout(ctx, socketWriteLimit)
		err := conn.Write(limited, kind, f.body)
		cancel()
		if err != nil {
			return
		}
	}
}

// read takes subscribe, unsubscribe and mode (docs/kite.md 2.2); anything else is ignored.
func (s *Server) read(ctx context.Context, conn *websocket.Conn, k *socket) {
	for {
		_, body, err := conn.Read(ctx)
		if err != nil {
			return
		}
		var m struct {
			A string          `json:"a"`
			V json.RawMessage `json:"v"`
		}
		if json.Unmarshal(body, &m) != nil {
			continue
		}
		var tokens []uint32
		mode := ""
		switch m.A {
		case "subscribe", "unsubscribe":
			if json.Unmarshal(m.V, &tokens) != nil {
				continue
			}
		case "mode":
			var pair []json.RawMessage
			if json.Unmarshal(m.V, &pair) != nil || len(pair) != 2 || json.Unmarshal(pair[0], &mode) != nil || json.Unmarshal(pair[1], &tokens) != nil {
				continue
			}
		default:
			continue
		}
		s.subscribe(k, m.A, mode, tokens)
	}
}

func (s *Server) subscribe(k *socket, what, mode string, tokens []uint32) {
	// Asked before k.mu is held: the exchange may hand out ticks meanwhile.
	quotes := map[uint32]Quote{}
	for _, t := range tokens {
		if q, known := s.exchange.quoteByToken(t); known {
			quotes[t] = q
		}
	}
	var now [][]byte
	k.mu.Lock()
	for _, t := range tokens {
		q, known := quotes[t]
		if what == "unsubscribe" {
			delete(k.modes, t)
			continue
		}
		if !known {
			continue
		}
		_, subscribed := k.modes[t]
		switch {
		case !subscribed && len(k.modes) >= socketTokensMax:
			k.send(frame{body: encode(map[string]string{"type": "error", "data": "Instrument subscription limit exceeded."})})
			k.mu.Unlock()
			return
		case what == "mode":
			k.modes[t] = mode
		case !subscribed:
			k.modes[t] = "quote"
		}
		now = append(now, q.packet(k.modes[t]))
	}
	k.mu.Unlock()
	if len(now) > 0 {
		k.send(frame{binary: true, body: ticks(now...)})
	}
}

// update sends an order frame to all of the user's sockets: they carry the
// orders of every front-end (docs/kite.md 2.1).
func (s *Server) update(p Push) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for k := range s.sockets {
		if k.user == p.User && !s.options.Injector.Stream() {
			k.send(frame{body: p.StreamFrame()})
		}
	}
}

// quote sends a tick to the sockets that asked for the instrument.
func (s *Server) quote(q Quote) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for k := range s.sockets {
		if mode := k.mode(q.InstrumentToken); mode != "" {
			k.send(frame{binary: true, body: ticks(q.packet(mode))})
		}
	}
}

// Broadcast sends every socket of a user a text frame that is no order:
// message, which the broker shows to people, or error (docs/kite.md 2.2).
func (s *Server) Broadcast(user, kind, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for k := range s.sockets {
		if k.user == user {
			k.send(frame{body: encode(map[string]string{"type": kind, "data": text})})
		}
	}
}

// DropSockets cuts every WebSocket at once; what happens until a client is
// back is lost to it (docs/kite.md 2.2).
func (s *Server) DropSockets() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for k := range s.sockets {
		k.cancel()
	}
}

// Sockets is how many WebSockets are open.
func (s *Server) Sockets() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.sockets)
}
