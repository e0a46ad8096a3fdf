package console

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"backstop/engine/order"
)

// Kite's words for classes of errors, so that a program that reads Kite's envelope reads ours.
const (
	general    = "GeneralException"
	input      = "InputException"
	network    = "NetworkException"
	permission = "PermissionException"
	token      = "TokenException"
)

// problem is an answer that is not success.
type problem struct {
	status  int
	kind    string // error_type
	message string
}

// bad is a 400 whose message says what to write.
func bad(message string) *problem { return &problem{http.StatusBadRequest, input, message} }

// missing is a 404 for one thing by its id.
func missing(what, id string) *problem {
	return &problem{http.StatusNotFound, general, "no " + what + " " + strconv.Quote(id)}
}

// unread logs why the store did not answer and tells only that: a store's error may name a database's address.
func (c *console) unread(ctx context.Context, err error) *problem {
	if !errors.Is(ctx.Err(), context.Canceled) { // else the asker hung up
		c.Log.Error("console: read the journal", "error", err)
	}
	return &problem{http.StatusServiceUnavailable, network, "the journal can't be read now; the log says why"}
}

// answer writes v as JSON. It is encoded whole before the first byte leaves, so that a failure is still a 500.
func (c *console) answer(w http.ResponseWriter, status int, v any) {
	var body bytes.Buffer
	enc := json.NewEncoder(&body)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		c.Log.Error("console: encode an answer", "error", err)
		c.refuse(w, &problem{http.StatusInternalServerError, general, "the answer could not be encoded; the log says why"})
		return
	}
	text := EscapeInvisible(body.Bytes())
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	w.WriteHeader(status)
	_, _ = w.Write(text) // a client that went away loses its answer
}

// refuse writes a problem in Kite's envelope.
func (c *console) refuse(w http.ResponseWriter, p *problem) {
	if p.status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "1")
	}
	c.answer(w, p.status, struct {
		Status  string `json:"status"`
		Type    string `json:"error_type"`
		Message string `json:"message"`
	}{"error", p.kind, p.message})
}

// page is the form of every list.
type page[T any] struct {
	Data []T    `json:"data"`
	Next string `json:"next"`
}

// stamp is a time as the API writes it: RFC 3339 with milliseconds in IST; the zero time is null.
type stamp time.Time

func (s stamp) MarshalJSON() ([]byte, error) {
	if time.Time(s).IsZero() {
		return []byte("null"), nil
	}
	return time.Time(s).In(order.IST).AppendFormat(nil, `"2006-01-02T15:04:05.000-07:00"`), nil
}
