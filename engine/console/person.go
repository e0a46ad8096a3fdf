package console

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"backstop/actions"
	"backstop/engine/journal"
)

// The words about one action.
const (
	Retry   Verb = "retry"   // what failed is tried once more
	Resolve Verb = "resolve" // what is unknown or failed became an order, or failed
	Adopt   Verb = "adopt"   // an order that was in the book before the first arming is taken on
)

// Word is what a person says about one action, or about one of its requests.
type Word struct {
	Verb    Verb
	ID      string // of the action or request
	By      string // who says it
	OrderID string // of resolve: what it became; of adopt: the order
	Failed  bool   // of resolve: it failed
	Why     string
}

// Refusal is why a word was not followed, in one sentence: nothing has changed, and 409 says so.
type Refusal struct{ Why string }

func (r *Refusal) Error() string { return r.Why }

// word gives the engine a person's word about the action of the address and answers with it as it then is. The id may
// be a request's: what the engine does by itself has no action.
func (c *console) word(verb Verb) func(r *http.Request) (any, *problem) {
	return func(r *http.Request) (any, *problem) {
		return c.follow(r, Word{Verb: verb, ID: r.PathValue("id")}, c.named)
	}
}

// adopt takes the order of the address on and answers with it as it then is. Said again it changes nothing.
func (c *console) adopt(r *http.Request) (any, *problem) {
	return c.follow(r, Word{Verb: Adopt, OrderID: r.PathValue("id")}, c.order)
}

// follow reads the rest of a word, gives it to the engine and answers with what it was about, before and after.
func (c *console) follow(r *http.Request, w Word, about func(r *http.Request) (any, *problem)) (any, *problem) {
	if p := readWord(r, &w); p != nil {
		return nil, p
	}
	if _, p := about(r); p != nil {
		return nil, p
	}
	// Not the request's own end: what was said holds although the sayer hung up.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), controlWithin)
	defer cancel()
	id := r.PathValue("id")
	err := c.Engine.Obey(ctx, w)
	var refused *Refusal
	switch {
	case errors.As(err, &refused):
		return nil, &problem{http.StatusConflict, input, refused.Why}
	case err != nil:
		return nil, c.disobeyed(string(w.Verb), id, err)
	}
	c.Log.Info("console: "+string(w.Verb), "id", id, "by", w.By, "from", r.RemoteAddr)
	return about(r)
}

// order is the order of the address, of the last day that has one of its id.
func (c *console) order(r *http.Request) (any, *problem) {
	ctx, cancel := read(r)
	defer cancel()
	id := r.PathValue("id")
	rows, _, err := c.Store.Orders(ctx, journal.Query{OrderID: id, Limit: 1})
	switch {
	case err != nil:
		return nil, c.unread(ctx, err)
	case len(rows) == 0:
		return nil, missing("order", id)
	}
	return newOrderRow(rows[0]), nil
}

// named is the action of the address, or the request where the id is one's.
func (c *console) named(r *http.Request) (any, *problem) {
	ctx, cancel := read(r)
	defer cancel()
	id := r.PathValue("id")
	rows, _, err := c.Store.Actions(ctx, journal.Query{ID: id, Limit: 1})
	if err != nil {
		return nil, c.unread(ctx, err)
	}
	if len(rows) > 0 {
		return newActionDetail(rows[0]), nil
	}
	requests, _, err := c.Store.Requests(ctx, journal.Query{ID: id, Limit: 1})
	switch {
	case err != nil:
		return nil, c.unread(ctx, err)
	case len(requests) == 0:
		return nil, missing("action", id)
	}
	return newRequestDetail(requests[0]), nil
}

// readWord reads the body of a word: {"by":"…"} for every one, and for resolve {"order_id":"…"} or
// {"failed":true,"why":"…"} besides.
func readWord(r *http.Request, w *Word) *problem {
	body, err := io.ReadAll(r.Body)
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return &problem{http.StatusRequestEntityTooLarge, input, fmt.Sprintf("the body is larger than %d bytes", bodyMax)}
	case err != nil:
		return bad("the body could not be read")
	}
	var said struct {
		By      string  `json:"by"`
		OrderID *string `json:"order_id"`
		Failed  bool    `json:"failed"`
		Why     string  `json:"why"`
	}
	form := bad(`the body must be empty, {} or {"by":"who says it"}`)
	if w.Verb == Resolve {
		form = bad(`the body must be {"order_id":"what it became"} or {"failed":true,"why":"…"}, and may say by`)
	}
	if len(bytes.TrimSpace(body)) > 0 {
		d := json.NewDecoder(bytes.NewReader(body))
		d.DisallowUnknownFields()
		if d.Decode(&said) != nil || d.Decode(&struct{}{}) != io.EOF {
			return form
		}
	}
	named := said.OrderID != nil
	if w.Verb != Resolve && (named || said.Failed || said.Why != "") || w.Verb == Resolve && (named == said.Failed || named && *said.OrderID == "") {
		return form
	}
	if named {
		w.OrderID = *said.OrderID
	}
	w.Failed, w.Why = said.Failed, strings.TrimSpace(said.Why)
	if w.By = strings.TrimSpace(said.By); w.By == "" {
		w.By = "somebody at " + r.RemoteAddr
	}
	if len(w.By) > wordMax || len(w.Why) > wordMax || len(w.OrderID) > wordMax {
		return bad(fmt.Sprintf("by, why and order_id take %d characters each", wordMax))
	}
	return nil
}

// actionDetail is one action whole: its row, and its parameters as evaluated.
type actionDetail struct {
	actionRow
	Slot     string         `json:"slot"`
	Args     map[string]any `json:"args"`
	NotUntil stamp          `json:"not_until"`
}

func newActionDetail(a actions.Action) actionDetail {
	return actionDetail{newActionRow(a), a.Slot, a.Args, stamp(a.NotUntil)}
}

// requestDetail is one request whole: its row, and what holds it.
type requestDetail struct {
	requestRow
	Slot     string           `json:"slot"`
	Stands   actions.Standing `json:"stands_on"`
	EndedAt  stamp            `json:"ended_at"`
	NotUntil stamp            `json:"not_until"`
}

func newRequestDetail(q actions.Request) requestDetail {
	return requestDetail{newRequestRow(q), q.Slot, q.Stands, stamp(q.Ended), stamp(q.NotUntil)}
}
