package kite

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync/atomic"
	"time"
)

// NewTransport is the connection pool to Kite that a Client makes for itself, for programs that share one among
// several accounts. It speaks HTTP/1.1 alone: with one request a connection it is certain whether a request's
// bytes can have left. Idle connections are given up early, since a request written to one that the other side
// has just closed ends ambiguously. Proxies come from the environment.
func NewTransport() *http.Transport {
	dialer := &net.Dialer{Timeout: 5 * time.Second, KeepAlive: 15 * time.Second}
	var http1 http.Protocols
	http1.SetHTTP1(true)
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            dialer.DialContext,
		Protocols:              &http1,
		TLSHandshakeTimeout:    5 * time.Second,
		MaxIdleConns:           64,
		MaxIdleConnsPerHost:    16,
		IdleConnTimeout:        20 * time.Second,
		MaxResponseHeaderBytes: 64 << 10,
	}
}

// wire is the http.RoundTripper of one call. gokiteconnect builds the request and wire carries it: under the
// call's context and deadline, with the whole reply kept as it came. gokiteconnect itself is answered with a
// small reply that it can always read, because it prints what it can't to standard output, loses the status of
// what is not JSON, and refuses a whole list for one odd row (docs/kite.md 8.4: 5 to 10, 13, 14).
type wire struct {
	ctx   context.Context
	inner http.RoundTripper
	limit int64
	amend func(*http.Request) error // what gokiteconnect leaves out of a request

	used   atomic.Bool // the request was built and sent
	traced atomic.Bool // the carrier calls our hooks
	left   atomic.Bool // a connection was had, so bytes of the request may have left
	status int
	body   []byte
	failed error // no reply, or none that could be read whole
}

// errTooLong is a reply beyond its bound.
var errTooLong = errors.New("the reply is too long")

// RoundTrip sends the request once, keeps its end, and answers gokiteconnect.
func (w *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	if w.used.Swap(true) { // gokiteconnect sends a call once; a second time could double an order
		return stub(r), nil
	}
	w.failed = w.exchange(r)
	return stub(r), nil
}

func (w *wire) exchange(r *http.Request) error {
	ctx := httptrace.WithClientTrace(w.ctx, w.trace())
	r = r.Clone(ctx)
	if r.Body != nil {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return err
		}
		setBody(r, body)
	}
	if w.amend != nil {
		if err := w.amend(r); err != nil {
			return err
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	reply, err := w.inner.RoundTrip(r)
	if err != nil {
		if _, ours := w.inner.(*http.Transport); !ours && !w.traced.Load() {
			w.left.Store(true) // a carrier that doesn't tell: assume the worse
		}
		return err
	}
	defer func() { _ = reply.Body.Close() }() // read whole or given up
	w.left.Store(true)
	w.status = reply.StatusCode
	w.body, err = io.ReadAll(io.LimitReader(reply.Body, w.limit+1))
	switch {
	case err != nil:
		return err
	case int64(len(w.body)) > w.limit:
		w.body = nil
		return errTooLong
	}
	return nil
}

// trace follows whether a connection was had. net/http takes a second one for a change only where the first
// carried no byte of it, so a new search takes the mark back.
func (w *wire) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		GetConn: func(string) { w.traced.Store(true); w.left.Store(false) },
		GotConn: func(httptrace.GotConnInfo) { w.left.Store(true) },
	}
}

// setBody replaces a request's form.
func setBody(r *http.Request, body []byte) {
	r.Body = io.NopCloser(bytes.NewReader(body))
	r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	r.ContentLength = int64(len(body))
}

// stub is a success without data.
func stub(r *http.Request) *http.Response {
	const body = `{"status":"success","data":null}`
	return &http.Response{
		Status: "200 OK", StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {"application/json"}}, Request: r,
		Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)),
	}
}
