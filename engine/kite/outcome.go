package kite

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"backstop/actions"
)

// end is what a call came to. Of a change it is certain that it did not happen where no connection was had, or
// where Kite itself said so; whatever else is no success is ambiguous (docs/kite.md 3.13).
func (c *Client) end(op string, change bool, w *wire) (reply, *actions.Error) {
	if !w.used.Load() {
		return reply{}, internal(op, "the request could not be built")
	}
	if w.failed != nil {
		return reply{}, broken(op, change, w)
	}
	r, err := openReply(w.body)
	switch {
	case w.status >= 400 && (err != nil || !r.refused() && r.message == ""):
		// HTML from the CDN (trap 8). A 4xx without Kite's envelope comes from a gateway, before any order.
		return reply{}, refusal(op, change, w.status, "", "")
	case w.status >= 400 || err == nil && r.refused(): // the latter also under 200 (trap 7)
		return reply{}, c.redacted(refusal(op, change, w.status, r.errorType, oneLine(r.message)))
	case err != nil || w.status < 200 || w.status > 299: // a redirect is followed nowhere
		message := "the reply is no JSON"
		if err == nil {
			message = "Kite answered " + strconv.Itoa(w.status)
		}
		return reply{}, unsure(op, change, w.status, message)
	}
	return r, nil
}

// broken is a call without a whole reply.
func broken(op string, change bool, w *wire) *actions.Error {
	message := cause(w.failed)
	if !w.left.Load() {
		return &actions.Error{Class: actions.ClassDown, Op: op, Message: "not sent: " + message, Hint: hintDown}
	}
	return unsure(op, change, w.status, message)
}

// unsure is ambiguous of a change, and something to be read again of a reading.
func unsure(op string, change bool, status int, message string) *actions.Error {
	e := &actions.Error{Class: actions.ClassDown, Op: op, Message: message, Hint: hintDown, Status: status}
	if change {
		e.Class, e.Hint = actions.ClassAmbiguous, hintAmbiguous
	}
	return e
}

// unreadable is a good reply of a reading that the decoders can't use.
func (c *Client) unreadable(op string, status int, err error) *actions.Error {
	var e *actions.Error
	if errors.As(err, &e) {
		return c.redacted(e)
	}
	return c.redacted(&actions.Error{Class: actions.ClassOther, Op: op, Message: oneLine(err.Error()), Hint: hintOther, Status: status})
}

// cause says in our own words why a call broke. The errors of net/http are not passed on whole: some carry
// addresses with passwords of proxies.
func cause(err error) string {
	var (
		dns         *net.DNSError
		errno       syscall.Errno
		certificate *tls.CertificateVerificationError
		unknown     x509.UnknownAuthorityError
		network     net.Error
	)
	switch {
	case errors.Is(err, errTooLong):
		return errTooLong.Error()
	case errors.Is(err, context.Canceled):
		return "given up before the answer came"
	case errors.Is(err, context.DeadlineExceeded):
		return "no answer in time"
	case errors.As(err, &dns):
		return "no address for " + clip(dns.Name)
	case errors.As(err, &errno):
		return errno.Error()
	case errors.As(err, &certificate), errors.As(err, &unknown):
		return "the certificate is not to be trusted"
	case errors.As(err, &network) && network.Timeout():
		return "no answer in time"
	default:
		return "the connection broke"
	}
}

// redacted takes the key and the token out of words that are not ours, should they ever come back in them.
func (c *Client) redacted(e *actions.Error) *actions.Error {
	secrets := []string{c.o.APIKey}
	if c.o.AccessToken != nil {
		secrets = append(secrets, c.o.AccessToken())
	}
	for _, s := range secrets {
		if len(s) >= 4 { // a shorter one is no secret, and would tear up plain words
			e.Message = strings.ReplaceAll(e.Message, s, "…")
		}
	}
	return e
}

// orderIDOf is the order id in the reply to a change. A placement with autoslice answers with several orders,
// as a flat array or as children (docs/kite.md 3.10): the first that was placed speaks for it; where none was,
// the first refusal is the error.
func (c *Client) orderIDOf(op string, status int, r reply) (string, *actions.Error) {
	var found string
	var refused *actions.Error
	look := func(raw []byte) {
		id, children, failure := readPlaced(raw)
		if found == "" {
			found = id
		}
		if failure != nil && refused == nil {
			refused = c.redacted(refusal(op, true, failure.code, failure.errorType, oneLine(failure.message)))
		}
		if children.kind == kindArray {
			eachRow(children, func(_ int, v value) {
				id, _, failure := readPlaced(v.raw)
				if found == "" {
					found = id
				}
				if failure != nil && refused == nil {
					refused = c.redacted(refusal(op, true, failure.code, failure.errorType, oneLine(failure.message)))
				}
			})
		}
	}
	switch r.data.kind {
	case kindObject:
		look(r.data.raw)
	case kindArray:
		eachRow(r.data, func(_ int, v value) { look(v.raw) })
	}
	switch {
	case found != "":
		return found, nil
	case refused != nil:
		return "", refused
	default:
		return "", unsure(op, true, status, "the reply names no order")
	}
}

// childError is why one slice was not placed.
type childError struct {
	code               int
	errorType, message string
}

// readPlaced reads {order_id, children, error}; what is no object gives nothing.
func readPlaced(raw []byte) (id string, children value, failure *childError) {
	m := membersOf(raw, true)
	for m.next() {
		switch string(m.name) {
		case "order_id":
			id, _ = identifier(m.value) // "": not told
		case "children":
			children = m.value
		case "error":
			if m.value.kind != kindObject {
				continue
			}
			r, _ := openReply(m.value.raw) // the same words; scanned before
			failure = &childError{http.StatusBadRequest, r.errorType, r.message}
			e := membersOf(m.value.raw, true)
			for e.next() {
				if n, err := integer(e.value); string(e.name) == "code" && err == nil && n > 0 && n < 1000 {
					failure.code = int(n)
				}
			}
		}
	}
	return id, children, failure
}

// dayCap tells the cap of 5000 orders a day from that of 400 a minute, which have one text: refusals that have
// lasted longer than any minute are the day's. One that was taken since ends it.
type dayCap struct {
	mu          sync.Mutex
	first, last time.Time
}

const (
	capLasts = 100 * time.Second // longer than any minute's cap
	capGap   = 5 * time.Minute   // refusals further apart than this are two matters
)

// refused notes a refusal by the cap and says whether it is the day's.
func (d *dayCap) refused(now time.Time) (day bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.first.IsZero() || now.Sub(d.last) > capGap {
		d.first = now
	}
	d.last = now
	return now.Sub(d.first) >= capLasts
}

// taken notes a placement that no cap refused.
func (d *dayCap) taken() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.first, d.last = time.Time{}, time.Time{}
}
