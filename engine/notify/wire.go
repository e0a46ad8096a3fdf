package notify

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"backstop/actions"
)

// wire is the library's way to the network. It reads request and answer whole, so that a request can be repeated on a
// fresh connection where the old one was dead before a byte left, and notes what happened in the request's attempt.
type wire struct{ client *http.Client }

// attempt is what was seen of one request. The library tells an error's text but neither the HTTP status nor whether
// the request ever left.
type attempt struct {
	left   atomic.Bool // a byte may have left this machine; net/http notes it from another goroutine
	status int         // 0: no answer
	answer struct {
		OK          bool   `json:"ok"`
		Code        int    `json:"error_code"`
		Description string `json:"description"`
		Parameters  struct {
			RetryAfter int64 `json:"retry_after"`
			MigratedTo int64 `json:"migrate_to_chat_id"`
		} `json:"parameters"`
	}
	retryAfter string // the header, where a proxy answered
}

type attemptKey struct{}

// watch makes a context whose request notes itself in a.
func (a *attempt) watch(ctx context.Context) context.Context {
	return context.WithValue(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		WroteHeaders: func() { a.left.Store(true) },
	}), attemptKey{}, a)
}

// Do sends one request.
func (w *wire) Do(q *http.Request) (*http.Response, error) {
	a, ok := q.Context().Value(attemptKey{}).(*attempt)
	if !ok {
		a = &attempt{}
	}
	body, err := io.ReadAll(io.LimitReader(q.Body, requestMax+1))
	_ = q.Body.Close()
	if err != nil {
		return nil, fmt.Errorf("making the request: %w", err)
	}
	if len(body) > requestMax {
		return nil, errors.New("making the request: it is too large")
	}
	q.ContentLength = int64(len(body))
	q.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	q.Body, _ = q.GetBody()
	reply, err := w.client.Do(q)
	if err != nil {
		return nil, err
	}
	a.status, a.retryAfter = reply.StatusCode, reply.Header.Get("Retry-After")
	text, err := io.ReadAll(io.LimitReader(reply.Body, answerMax))
	_ = reply.Body.Close()
	if err != nil {
		return nil, fmt.Errorf("reading the answer: %w", err)
	}
	_ = json.Unmarshal(text, &a.answer) // no JSON: the status speaks
	reply.Body = io.NopCloser(bytes.NewReader(text))
	return reply, nil
}

// busy is an error with a time to wait.
type busy struct {
	err   *actions.Error
	after time.Duration
}

var _ actions.RetryAfter = (*busy)(nil)

// Error gives the operation, Telegram's words and what to do.
func (b *busy) Error() string { return b.err.Error() }

// RetryAfter is how long to wait.
func (b *busy) RetryAfter() time.Duration { return b.after }

// Unwrap lets errors.As find the *actions.Error.
func (b *busy) Unwrap() error { return b.err }

func refusal(c actions.Class, status int, message, hint string) *actions.Error {
	return &actions.Error{Class: c, Op: "message", Status: status, Message: message, Hint: hint}
}

// What to do about what Telegram says.
const (
	hintToken = "check TELEGRAM_BOT_TOKEN: @BotFather shows the bot's token"
	hintChat  = "check TELEGRAM_CHAT_ID, or the channel's chat id in the rules: the number of a chat, or the @name of a public group or channel"
	hintStart = "open the chat with the bot and press Start, or add the bot to the group; the chat is TELEGRAM_CHAT_ID or the channel's in the rules"
	hintBase  = "check TELEGRAM_BASE_URL"
)

// outcome is the class of an attempt. err is the library's, nil where it was content.
func (a *attempt) outcome(err error, scrub func(string) string) error {
	if err == nil || a.answer.OK { // it arrived, whatever else stands in the answer
		return nil
	}
	code := a.status
	if a.answer.Code >= http.StatusBadRequest {
		code = a.answer.Code
	}
	words := scrub(a.words(err))
	switch {
	case a.status == 0 && !a.left.Load():
		return refusal(actions.ClassDown, 0, words, "")
	case a.status == 0:
		return refusal(actions.ClassAmbiguous, 0, words, "")
	case code == http.StatusTooManyRequests:
		return &busy{refusal(actions.ClassBusy, code, words, ""), a.wait()}
	case code == http.StatusUnauthorized, code == http.StatusNotFound: // 404 is a token that never was one
		return refusal(actions.ClassPermission, code, words, hintToken)
	case code == http.StatusForbidden: // blocked, kicked, or never started
		return refusal(actions.ClassPermission, code, words, hintStart)
	case code == http.StatusRequestTimeout:
		return refusal(actions.ClassAmbiguous, code, words, "")
	case a.answer.Parameters.MigratedTo != 0:
		return refusal(actions.ClassRefused, code, words, fmt.Sprintf("the group has a new id: set TELEGRAM_CHAT_ID, or the channel's chat id in the rules, to %d", a.answer.Parameters.MigratedTo))
	case code >= 400 && code < 500:
		hint := ""
		if strings.Contains(strings.ToLower(words), "chat") {
			hint = hintChat
		}
		return refusal(actions.ClassRefused, code, words, hint)
	case code >= 300 && code < 400:
		return refusal(actions.ClassRefused, code, words, hintBase)
	default: // 5xx, or a success that nobody can read
		return refusal(actions.ClassAmbiguous, code, words, "")
	}
}

// words are Telegram's own, or what the network says.
func (a *attempt) words(err error) string {
	switch {
	case a.answer.Description != "":
		return cut(strings.ReplaceAll(plain(a.answer.Description), "\n", " "), descriptionMax)
	case a.status != 0:
		return fmt.Sprintf("Telegram answered %d %s", a.status, http.StatusText(a.status))
	case errors.Is(err, context.DeadlineExceeded):
		return "no answer from Telegram in time"
	case errors.Is(err, context.Canceled):
		return "stopped while sending"
	}
	var request *url.Error
	if errors.As(err, &request) { // what is around it repeats the address, with the token
		err = request.Err
	}
	return cut("Telegram can't be reached: "+plain(err.Error()), descriptionMax)
}

// wait is what a 429 says, in Telegram's form or HTTP's.
func (a *attempt) wait() time.Duration {
	seconds := a.answer.Parameters.RetryAfter
	if seconds <= 0 {
		if n, err := strconv.ParseInt(a.retryAfter, 10, 32); err == nil {
			seconds = n
		}
	}
	if seconds <= 0 {
		return retryDefault
	}
	return min(time.Duration(min(seconds, int64(retryMax/time.Second)))*time.Second, retryMax)
}
