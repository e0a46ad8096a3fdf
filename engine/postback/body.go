package postback

import (
	"errors"
	"io"
	"net/http"
	"time"
)

// incoming is one request on its way in.
type incoming struct {
	w http.ResponseWriter
	q *http.Request
}

// unread refuses without looking at the body. net/http reads on for a while so that the sender sees the answer; the
// deadline bounds that, and the connection is not used again.
func (in incoming) unread(a answer) answer {
	if in.q.ContentLength != 0 {
		in.deadline(bodyTimeout)
		a.close = true
	}
	return a
}

// read takes the whole body within its bounds of size and time, or tells the refusal.
func (in incoming) read() (body []byte, refused answer) {
	if in.q.ContentLength == 0 {
		return nil, answer{}
	}
	in.deadline(bodyTimeout)
	size := int64(bodyFirst)
	if in.q.ContentLength > 0 {
		size = min(size, in.q.ContentLength)
	}
	body = make([]byte, 0, size+1) // one more, so that the end is met without growing
	for {
		n, err := in.q.Body.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		switch {
		case len(body) > bodyMax:
			tooLarge := tooLarge
			tooLarge.close = true
			return nil, tooLarge
		case errors.Is(err, io.EOF):
			in.deadline(0)
			return body, answer{}
		case err != nil: // cut off, or not here in time
			return nil, halfBody
		}
		if len(body) == cap(body) {
			body = append(body, 0)[:len(body)]
		}
	}
}

// deadline bounds reading from the connection; 0 lifts the bound. A writer without deadlines (a recorder in a test)
// has none to bound.
func (in incoming) deadline(d time.Duration) {
	var at time.Time
	if d > 0 {
		at = time.Now().Add(d) // the connection's clock, not Options.Now
	}
	_ = http.NewResponseController(in.w).SetReadDeadline(at)
}
