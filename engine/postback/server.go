package postback

import (
	"context"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
)

// Server is a net/http server around the receiver with every time-out and bound set. Serve is the usual way; this is
// for who brings an own listener or TLS.
func (r *Receiver) Server(addr string) *http.Server {
	s := &http.Server{
		Addr:              addr,
		Handler:           r,
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       headerTimeout + bodyTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    headerMax,
		Protocols:         new(http.Protocols),
		ConnContext:       rememberConnection,
		ConnState:         endAnswer,
		ErrorLog:          log.New(io.Discard, "", 0),

		DisableGeneralOptionsHandler: true, // OPTIONS * is a path like any other: 404
	}
	s.Protocols.SetHTTP1(true)
	if r.log != nil {
		s.ErrorLog = slog.NewLogLogger(r.log.Handler(), slog.LevelWarn)
	}
	return s
}

// Serve answers on the listener until ctx ends, with openMax connections of strangers at most. Then it accepts none
// any more, answers 503 to postbacks that come on open connections, waits until each one that was taken in before is
// durable and answered, and returns nil. The receiver is closed after that. Submit must go on working until Serve has
// returned. An error is a listener that failed, or a postback that was not answered within 15 s.
func (r *Receiver) Serve(ctx context.Context, l net.Listener) error {
	s, bound := r.Server(""), r.bound(l)
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(bound) }()
	var failure error
	select {
	case <-ctx.Done():
		r.Close() // first: what comes from here on is told so
		_ = bound.Close()
		<-ended
	case err := <-ended:
		failure = fmt.Errorf("postback: %w", err)
		r.Close()
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownMax)
	defer cancel()
	s.SetKeepAlivesEnabled(false) // idle connections end, the others after their answer
	bound.drained(lingerMax)
	if err := s.Shutdown(last); err != nil {
		_ = s.Close()
		if failure == nil {
			failure = fmt.Errorf("postback: shut down with postbacks unanswered: %w", err)
		}
	}
	return failure
}
