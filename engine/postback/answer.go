package postback

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// answer is one reply. Bodies are made once and shared: nobody writes to them.
type answer struct {
	code  int
	body  []byte
	name  string   // of one header more, "" for none
	value []string // its value
	page  bool     // the body is a line for a person's eyes, not JSON
	close bool     // the connection is not used again
}

// The envelope's words for what went wrong, Kite's own (docs/kite.md 3.11).
const (
	inputException   = "InputException"
	tokenException   = "TokenException"
	networkException = "NetworkException"
	generalException = "GeneralException"
)

var (
	success = answer{code: http.StatusOK, body: []byte(`{"status":"success"}`)}

	noLogin        = refuse(http.StatusBadRequest, inputException, "no login was begun here")
	unreadable     = refuse(http.StatusBadRequest, inputException, "not a postback")
	halfBody       = refuse(http.StatusBadRequest, inputException, "the body did not come whole and in time").last()
	wrongChecksum  = refuse(http.StatusUnauthorized, tokenException, ErrChecksum.Error())
	notFound       = refuse(http.StatusNotFound, generalException, "nothing is here: postbacks go to POST /postback/{api_key}")
	wrongMethod    = refuse(http.StatusMethodNotAllowed, generalException, "only POST").with("Allow", http.MethodPost)
	onlyGet        = refuse(http.StatusMethodNotAllowed, generalException, "only GET").with("Allow", http.MethodGet)
	tooLarge       = refuse(http.StatusRequestEntityTooLarge, inputException, "the body is over 64 KiB")
	compressedBody = refuse(http.StatusUnsupportedMediaType, inputException, "the body is compressed").with("Accept-Encoding", "identity")
	shuttingDown   = refuse(http.StatusServiceUnavailable, networkException, "shutting down").with("Retry-After", retryAfterClosing).last()
	notDurable     = refuse(http.StatusServiceUnavailable, networkException, "the journal can't take it now").with("Retry-After", retryAfterFailed)
)

func refuse(code int, kind, message string) answer {
	body, err := json.Marshal(struct {
		Status  string `json:"status"`
		Kind    string `json:"error_type"`
		Message string `json:"message"`
	}{"error", kind, message})
	if err != nil { // three texts always marshal
		panic(err)
	}
	return answer{code: code, body: body}
}

func (a answer) with(name, value string) answer {
	a.name, a.value = name, []string{value}
	return a
}

func (a answer) last() answer {
	a.close = true
	return a
}

// proved answers a test of the line: whoever gets it has reached this program, and not another one behind the address.
func proved(proof string) answer {
	body, err := json.Marshal(struct {
		Status string `json:"status"`
		Proof  string `json:"proof"`
	}{"success", proof})
	if err != nil { // two texts always marshal
		panic(err)
	}
	return answer{code: http.StatusOK, body: body}
}

// loggedIn is what the person at the browser sees. The address that led here holds what Kite sent, so nothing keeps or
// passes it on.
func loggedIn(text string) answer {
	return answer{code: http.StatusOK, body: []byte(text + "\n"), page: true}
}

// malformedBody tells the check's own words, which may repeat what a stranger wrote: bounded, and without characters
// that act on a terminal.
func malformedBody(message string) answer {
	cut := len(message) > messageMax
	if cut {
		message = message[:messageMax]
	}
	message = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '\uFFFD'
		}
		return r
	}, strings.ToValidUTF8(message, "\uFFFD"))
	if cut {
		message += "…"
	}
	return refuse(http.StatusBadRequest, inputException, message)
}

func tooManyWrong(wait time.Duration) answer {
	seconds := int64((wait + time.Second - 1) / time.Second)
	return manyWrong.with("Retry-After", strconv.FormatInt(max(1, seconds), 10))
}

var manyWrong = refuse(http.StatusTooManyRequests, networkException, "too many wrong checksums from this address")

// Header values that every answer shares; no append can reach into them.
var (
	jsonType    = []string{"application/json"}[:1:1]
	textType    = []string{"text/plain; charset=utf-8"}[:1:1]
	closedAfter = []string{"close"}[:1:1]
)

func (a answer) write(w http.ResponseWriter) {
	h := w.Header()
	h["Content-Type"] = jsonType
	if a.page {
		h["Content-Type"] = textType
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-store")
	}
	if a.name != "" {
		h[a.name] = a.value
	}
	if a.close {
		h["Connection"] = closedAfter
	}
	w.WriteHeader(a.code)
	_, _ = w.Write(a.body) // a sender that went away has nothing to be told
}
