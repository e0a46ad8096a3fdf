package postback

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"backstop/engine/order"
)

// Why a check refuses a body.
var (
	// ErrMalformed is a body that can be no postback whatever its checksum: 400, and the error's text is shown to
	// the sender. Malformed makes one.
	ErrMalformed = errors.New("not a postback")
	// ErrChecksum is a body that nobody who knows the secret made: 401.
	ErrChecksum = errors.New("the checksum is wrong")
)

// Malformed is an ErrMalformed with a reason as its whole text. The sender sees it.
func Malformed(reason string) error { return malformed(reason) }

type malformed string

func (m malformed) Error() string        { return string(m) }
func (m malformed) Is(target error) bool { return target == ErrMalformed }

// Probe is what a check makes of a body that is genuine and no order: a test of the line from outside. It is answered 200
// with the proof, which only who knows the secret can make, and given to nobody.
type Probe struct{ Proof string }

// Error says what it is.
func (p *Probe) Error() string { return "a test of the line" }

// Door is what stands behind one address, POST /postback/{Key}.
type Door struct {
	// Key is the api_key of the address.
	Key string
	// Check verifies a raw body and reads it. It owns the body from then on. An error is ErrChecksum or ErrMalformed
	// by errors.Is, or a *Probe; any other counts as malformed without its text. It must take the same time whatever part of a
	// checksum is wrong, and any number of goroutines call it.
	Check func(body []byte, received time.Time) (order.Update, error)
}

// Submit makes an update durable that came in through the door of that key: whoever signed it knows that door's secret
// and no other, so an update that names a user of another door must change nothing. It returns when the commit is done,
// with the reason where the update changes nothing (which is acknowledged like any other), or an error where it is not
// known to be durable: the sender gets 503. The context ends after 2.5 s; it does not end when the sender goes away,
// since the broker sends only once.
type Submit func(ctx context.Context, key string, u order.Update) (ignored string, err error)

// Login finishes a login with what the broker's login page sent along with the browser. It must take a state once, and
// answer within 9 s. An error is ErrState, or a *LoginError whose text the browser shows.
type Login func(ctx context.Context, query url.Values) (done string, err error)

// ErrState is a return from a login page that belongs to no login that was begun here.
var ErrState = errors.New("no login was begun here")

// LoginError is a login that failed; the person at the browser sees its text.
type LoginError struct{ Text string }

// Error is the text.
func (e *LoginError) Error() string { return e.Text }

// Options are a receiver's settings. Submit is needed.
type Options struct {
	Doors          []Door
	Submit         Submit
	TrustedProxies []netip.Prefix                  // whose X-Forwarded-For is believed; see ParseProxies
	Login          Login                           // finishes a login that was begun; nil: none can begin
	Observe        func(code int, d time.Duration) // each answer and the time from head to answer
	Log            *slog.Logger                    // what net/http has to say (a broken accept); nil is silent
	Now            func() time.Time                // default time.Now
}

// Receiver is the public side's handler. Make one with New.
type Receiver struct {
	doors   map[string]*Door
	only    *Door // of POST /postback: there is one key
	submit  Submit
	login   Login
	proxies []netip.Prefix
	observe func(int, time.Duration)
	log     *slog.Logger
	now     func() time.Time
	wrong   *wrongTable
	closing atomic.Bool
}

var _ http.Handler = (*Receiver)(nil)

// New makes a receiver. Keys are non-empty, different, and without a slash.
func New(o Options) (*Receiver, error) {
	if o.Submit == nil {
		return nil, errors.New("postback: no Submit")
	}
	r := &Receiver{doors: make(map[string]*Door, len(o.Doors)), submit: o.Submit, login: o.Login, proxies: o.TrustedProxies,
		observe: o.Observe, log: o.Log, now: o.Now, wrong: newWrongTable()}
	if r.now == nil {
		r.now = time.Now
	}
	for _, d := range o.Doors {
		switch {
		case d.Key == "" || strings.Contains(d.Key, "/"):
			return nil, fmt.Errorf("postback: %q can be no api_key", d.Key)
		case r.doors[d.Key] != nil:
			return nil, fmt.Errorf("postback: api_key %s stands twice", d.Key)
		case d.Check == nil:
			return nil, fmt.Errorf("postback: api_key %s: no Check", d.Key)
		}
		r.doors[d.Key] = &d
		r.only = &d
	}
	if len(r.doors) != 1 {
		r.only = nil
	}
	return r, nil
}

// Close answers 503 to every postback whose answer has not begun with its body from now on. Serve calls it.
func (r *Receiver) Close() { r.closing.Store(true) }

// ServeHTTP answers one request by the contract.
func (r *Receiver) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	if r.observe == nil {
		r.serve(w, q).write(w)
		return
	}
	began := r.now()
	a := r.serve(w, q)
	a.write(w)
	r.observe(a.code, r.now().Sub(began))
}

// serve comes to an answer. The order is the contract's: where it went, how, whether it can be read, whether it is
// genuine, whether it is durable.
func (r *Receiver) serve(w http.ResponseWriter, q *http.Request) answer {
	in := incoming{w: w, q: q}
	door, known := r.door(q.URL.Path)
	switch {
	case q.URL.Path == callbackPath:
		return r.finishLogin(in)
	case !known:
		return in.unread(notFound)
	case q.Method != http.MethodPost:
		return in.unread(wrongMethod)
	case r.closing.Load():
		return in.unread(shuttingDown)
	case compressed(q.Header):
		return in.unread(compressedBody)
	case q.ContentLength > bodyMax:
		return in.unread(tooLarge)
	}
	body, refused := in.read()
	if refused.code != 0 {
		return refused
	}
	u, err := door.Check(body, r.now())
	var probe *Probe
	switch {
	case errors.As(err, &probe):
		return proved(probe.Proof)
	case err == nil:
		return r.accept(q, door.Key, u)
	case errors.Is(err, ErrChecksum):
		return r.wrongChecksum(q)
	case errors.Is(err, ErrMalformed):
		return malformedBody(err.Error())
	default:
		return unreadable
	}
}

// callbackPath ends a login that Backstop began.
const callbackPath = "/kite/callback"

// finishLogin takes a browser's return from the login page. Whatever has no state that waits is 400, at once.
func (r *Receiver) finishLogin(in incoming) answer {
	if in.q.Method != http.MethodGet {
		return in.unread(onlyGet)
	}
	query, err := url.ParseQuery(in.q.URL.RawQuery)
	if r.login == nil || err != nil || len(query["state"]) != 1 {
		return in.unread(noLogin)
	}
	ctx, cancel := context.WithTimeout(context.Background(), loginTimeout)
	defer cancel()
	done, err := r.login(ctx, query)
	var told *LoginError
	switch {
	case err == nil:
		return loggedIn(done)
	case errors.As(err, &told):
		return in.unread(refuse(http.StatusBadGateway, tokenException, told.Text))
	default:
		return in.unread(noLogin)
	}
}

// door finds who stands behind a path; false is 404.
func (r *Receiver) door(path string) (*Door, bool) {
	rest, ok := strings.CutPrefix(path, "/postback")
	if !ok {
		return nil, false
	}
	if rest == "" {
		return r.only, r.only != nil
	}
	key, ok := strings.CutPrefix(rest, "/")
	d := r.doors[key]
	return d, ok && d != nil
}

// accept waits until the update is durable.
func (r *Receiver) accept(q *http.Request, key string, u order.Update) answer {
	beginAnswer(q)
	// Not the request's context: the broker hangs up after 2 to 3 s and never sends again (docs/kite.md 1.3), so what
	// was received must not be dropped with the connection.
	ctx, cancel := context.WithTimeout(context.Background(), submitTimeout)
	defer cancel()
	if _, err := r.submit(ctx, key, u); err != nil {
		return notDurable
	}
	return success
}

// wrongChecksum counts one against its sender.
func (r *Receiver) wrongChecksum(q *http.Request) answer {
	if wait, limited := r.wrong.add(network(r.sender(q)), r.now()); limited {
		return tooManyWrong(wait)
	}
	return wrongChecksum
}

// compressed says whether the body is in a coding that would have to be undone, which is never done: it is how a
// small body becomes a large one.
func compressed(h http.Header) bool {
	for _, line := range h["Content-Encoding"] {
		for coding := range strings.SplitSeq(line, ",") {
			if coding = strings.TrimSpace(coding); coding != "" && !strings.EqualFold(coding, "identity") {
				return true
			}
		}
	}
	return false
}
