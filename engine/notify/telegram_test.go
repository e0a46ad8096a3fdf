package notify

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"backstop/actions"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// token is a marked one: no output may hold its second half.
const (
	tokenSecret = "AAmarkedSecret-of_the_bot"
	token       = "123456:" + tokenSecret
)

func telegram(t *testing.T, o TelegramOptions) *Telegram {
	t.Helper()
	o.Token = token
	channel, err := NewTelegram(o)
	if err != nil {
		t.Fatal(err)
	}
	return channel
}

// served makes a channel to a handler.
func served(t *testing.T, h http.HandlerFunc) *Telegram {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return telegram(t, TelegramOptions{BaseURL: s.URL + "/", Client: s.Client()})
}

// message is to a chat of its own, so that no pace holds it.
func message(text string) actions.Message {
	return actions.Message{Channel: "desk", Type: "telegram", ChatID: "42", Text: text}
}

const arrived = `{"ok":true,"result":{"message_id":7,"date":1,"chat":{"id":42,"type":"private"}}}`

func TestASentMessageIsTheMessage(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		message actions.Message
		want    map[string]string
	}{
		"to a person": {
			actions.Message{ChatID: "42", Text: "<b>NOT PROTECTED</b> *NIFTY* _x_ @all https://kite.trade/x"},
			map[string]string{"chat_id": "42", "text": "<b>NOT PROTECTED</b> *NIFTY* _x_ @all https://kite.trade/x"},
		},
		"to a group, silent": {
			actions.Message{ChatID: "-1001234567890", Text: "filled\n₹ 120", Silent: true},
			map[string]string{"chat_id": "-1001234567890", "text": "filled\n₹ 120", "disable_notification": "true"},
		},
		"to a channel": {
			actions.Message{ChatID: "@my_desk", Text: "x"}, map[string]string{"chat_id": "@my_desk", "text": "x"},
		},
	} {
		var path string
		got := map[string]string{}
		channel := served(t, func(w http.ResponseWriter, q *http.Request) {
			path = q.Method + " " + q.URL.Path
			if q.ContentLength <= 0 {
				t.Errorf("%s: no length", name)
			}
			if err := q.ParseMultipartForm(1 << 20); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			for k, v := range q.Form {
				got[k] = strings.Join(v, "|")
			}
			_, _ = io.WriteString(w, arrived)
		})
		if err := channel.Send(t.Context(), c.message); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if path != "POST /bot"+token+"/sendMessage" {
			t.Errorf("%s: %s", name, path)
		}
		c.want["link_preview_options"] = `{"is_disabled":true}`
		if fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("%s:\n%v\n%v", name, got, c.want)
		}
	}
}

func TestEveryAnswerHasItsClass(t *testing.T) {
	t.Parallel()
	refused := func(code int, description, parameters string) string {
		return fmt.Sprintf(`{"ok":false,"error_code":%d,"description":%q,"parameters":{%s}}`, code, description, parameters)
	}
	for _, c := range []struct {
		name   string
		status int
		body   string
		class  actions.Class
		says   string
		hint   string
		after  time.Duration
	}{
		{"arrived", 200, arrived, actions.ClassNone, "", "", 0},
		{"arrived, an odd result", 200, `{"ok":true,"result":true}`, actions.ClassNone, "", "", 0},
		{"arrived, no result", 200, `{"ok":true}`, actions.ClassNone, "", "", 0},
		{"too many", 429, refused(429, "Too Many Requests: retry after 7", `"retry_after":7`), actions.ClassBusy, "retry after 7", "", 7 * time.Second},
		{"too many, from a proxy", 429, "slow down", actions.ClassBusy, "answered 429", "", 3 * time.Second},
		{"too many, for a year", 429, refused(429, "x", `"retry_after":31536000`), actions.ClassBusy, "x", "", retryMax},
		{"wrong token", 401, refused(401, "Unauthorized", ""), actions.ClassPermission, "Unauthorized", "TELEGRAM_BOT_TOKEN", 0},
		{"no token at all", 404, refused(404, "Not Found", ""), actions.ClassPermission, "Not Found", "TELEGRAM_BOT_TOKEN", 0},
		{"not this path", 404, "<html>not found</html>", actions.ClassPermission, "answered 404 Not Found", "TELEGRAM_BOT_TOKEN", 0},
		{"blocked", 403, refused(403, "Forbidden: bot was blocked by the user", ""), actions.ClassPermission, "blocked by the user", "press Start", 0},
		{"no such chat", 400, refused(400, "Bad Request: chat not found", ""), actions.ClassRefused, "chat not found", "TELEGRAM_CHAT_ID", 0},
		{"another mistake", 400, refused(400, "Bad Request: message is too long", ""), actions.ClassRefused, "too long", "", 0},
		{"a new id", 400, refused(400, "Bad Request: group chat was upgraded to a supergroup chat", `"migrate_to_chat_id":-100777`), actions.ClassRefused, "upgraded", "-100777", 0},
		{"conflict", 409, refused(409, "Conflict", ""), actions.ClassRefused, "Conflict", "", 0},
		{"slow", 408, "", actions.ClassAmbiguous, "answered 408", "", 0},
		{"moved", 302, "", actions.ClassRefused, "answered 302", "TELEGRAM_BASE_URL", 0},
		{"broken", 500, refused(500, "Internal Server Error", ""), actions.ClassAmbiguous, "Internal", "", 0},
		{"gateway", 502, "<html>Bad Gateway</html>", actions.ClassAmbiguous, "Telegram answered 502 Bad Gateway", "", 0},
		{"unreadable", 200, "<html>sign in to the wi-fi</html>", actions.ClassAmbiguous, "answered 200", "", 0},
		{"nothing", 200, "", actions.ClassAmbiguous, "answered 200", "", 0},
		{"the token told back", 400, refused(400, "Bad \u202eRequest\n"+token, ""), actions.ClassRefused, "Bad \uFFFDRequest ***", "", 0},
		{"endless words", 400, refused(400, strings.Repeat("x", 5000), ""), actions.ClassRefused, strings.Repeat("x", descriptionMax-1) + "…", "", 0},
	} {
		elsewhere := false
		channel := served(t, func(w http.ResponseWriter, q *http.Request) {
			if q.URL.Path == "/elsewhere" {
				elsewhere = true
			}
			w.Header().Set("Location", "/elsewhere")
			w.Header().Set("Retry-After", "3")
			w.WriteHeader(c.status)
			_, _ = io.WriteString(w, c.body)
		})
		err := channel.Send(t.Context(), message("x"))
		if c.class == actions.ClassNone {
			if err != nil {
				t.Errorf("%s: %v", c.name, err)
			}
			continue
		}
		e := wantClass(t, c.name, err, c.class)
		if !strings.Contains(e.Message, c.says) || !strings.Contains(e.Hint, c.hint) || c.hint == "" && e.Hint != "" {
			t.Errorf("%s: %q, hint %q", c.name, e.Message, e.Hint)
		}
		if c.status >= 300 && e.Status != c.status {
			t.Errorf("%s: status %d", c.name, e.Status)
		}
		var again actions.RetryAfter
		if errors.As(err, &again) != (c.after != 0) || again != nil && again.RetryAfter() != c.after {
			t.Errorf("%s: %v", c.name, again)
		}
		if elsewhere {
			t.Errorf("%s: the redirect was followed", c.name)
		}
	}
}

func wantClass(t *testing.T, name string, err error, want actions.Class) *actions.Error {
	t.Helper()
	var e *actions.Error
	if !errors.As(err, &e) {
		t.Fatalf("%s: %v is no *actions.Error", name, err)
	}
	if e.Class != want || e.Op != "message" || e.Message == "" {
		t.Errorf("%s: %+v, not %s", name, *e, want)
	}
	if strings.Contains(err.Error(), tokenSecret) {
		t.Errorf("%s: the token stands in %s", name, err)
	}
	return e
}

func TestAConnectionNeverMadeIsDown(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	channel := telegram(t, TelegramOptions{BaseURL: "http://" + l.Addr().String()})
	e := wantClass(t, "refused", channel.Send(t.Context(), message("x")), actions.ClassDown)
	if !strings.Contains(e.Message, "connection refused") {
		t.Errorf("%s", e.Message)
	}
	stopped, stop := context.WithCancel(t.Context())
	stop()
	wantClass(t, "stopped before it began", telegram(t, TelegramOptions{}).Send(stopped, message("x")), actions.ClassBusy)
}

func TestAnAnswerThatIsLostIsAmbiguous(t *testing.T) {
	t.Parallel()
	hangUp := func(w http.ResponseWriter, q *http.Request) {
		_, _ = io.Copy(io.Discard, q.Body)
		c, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		c.Close()
	}
	wantClass(t, "reset", served(t, hangUp).Send(t.Context(), message("x")), actions.ClassAmbiguous)
	half := func(w http.ResponseWriter, q *http.Request) {
		w.Header().Set("Content-Length", "1000")
		_, _ = io.WriteString(w, `{"ok":`)
	}
	wantClass(t, "half an answer", served(t, half).Send(t.Context(), message("x")), actions.ClassAmbiguous)
}

// wireTap answers without a network, so that time is virtual.
type wireTap func(q *http.Request) (*http.Response, error)

func (w wireTap) RoundTrip(q *http.Request) (*http.Response, error) { return w(q) }

func answered(code int, body string) *http.Response {
	return &http.Response{StatusCode: code, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body))}
}

// piped is a client whose server is the far end of a net.Pipe.
func piped(server func(net.Conn)) *http.Client {
	return &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(context.Context, string, string) (net.Conn, error) {
		near, far := net.Pipe()
		go server(far)
		return near, nil
	}}}
}

func TestATimeOutIsAmbiguousOnceSomethingLeft(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		hang := piped(func(c net.Conn) { _, _ = io.Copy(io.Discard, c) })
		channel := telegram(t, TelegramOptions{BaseURL: "http://telegram.test", Client: hang, Timeout: 3 * time.Second})
		began := time.Now()
		e := wantClass(t, "hangs", channel.Send(t.Context(), message("x")), actions.ClassAmbiguous)
		if e.Message != "no answer from Telegram in time" || time.Since(began) != 3*time.Second {
			t.Errorf("%s after %s", e.Message, time.Since(began))
		}
		dead := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			time.Sleep(30 * time.Second) // net/http lets a dial outlive its request
			return nil, ctx.Err()
		}}}
		channel = telegram(t, TelegramOptions{BaseURL: "http://telegram.test", Client: dead})
		wantClass(t, "no connection", channel.Send(t.Context(), message("x")), actions.ClassDown)

		channel = telegram(t, TelegramOptions{BaseURL: "http://telegram.test", Client: hang})
		ctx, stop := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, stop)
		e = wantClass(t, "stopped", channel.Send(ctx, message("x")), actions.ClassAmbiguous)
		if e.Message != "stopped while sending" {
			t.Error(e.Message)
		}
		time.Sleep(time.Minute) // until the dial has ended
	})
}

func TestAChatThatCannotBeIsRefused(t *testing.T) {
	t.Parallel()
	channel := telegram(t, TelegramOptions{Client: &http.Client{Transport: wireTap(func(*http.Request) (*http.Response, error) {
		t.Error("something was sent")
		return nil, io.EOF
	})}})
	for _, id := range []string{"", "0", "me", "@", "@a/b", "12x", "99999999999999999999", " 42", "@" + strings.Repeat("x", 100)} {
		m := message("x")
		m.ChatID = id
		if e := wantClass(t, id, channel.Send(t.Context(), m), actions.ClassRefused); !strings.Contains(e.Hint, "TELEGRAM_CHAT_ID") {
			t.Errorf("%q: %s", id, e.Hint)
		}
	}
	wantClass(t, "no text", channel.Send(t.Context(), message(" \n\t")), actions.ClassRefused)
}

func TestTheTokenNeverLeaves(t *testing.T) {
	t.Parallel()
	o := TelegramOptions{Token: token, BaseURL: "http://telegram.test", Client: &http.Client{Transport: wireTap(func(q *http.Request) (*http.Response, error) {
		return nil, fmt.Errorf("can't do %s", q.URL)
	})}}
	channel, err := NewTelegram(o)
	if err != nil {
		t.Fatal(err)
	}
	sent := channel.Send(t.Context(), message("x"))
	wantClass(t, "an address in the error", sent, actions.ClassDown)
	var log bytes.Buffer
	logger := slog.New(slog.NewJSONHandler(&log, nil))
	logger.Info("x", "options", o, "channel", channel, "error", sent)
	marshalled, err := json.Marshal([]any{o, channel, sent})
	if err != nil {
		t.Fatal(err)
	}
	for _, out := range []string{
		log.String(), string(marshalled),
		fmt.Sprint(o, &o, channel, sent), fmt.Sprintf("%+v %+v %+v %+v", o, &o, channel, sent), fmt.Sprintf("%#v %#v %#v %#v", o, &o, channel, sent),
	} {
		if strings.Contains(out, tokenSecret) {
			t.Errorf("the token stands in %s", out)
		}
	}
}

func TestSettingsThatCannotBeAreNamed(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		o    TelegramOptions
		want string
	}{
		{TelegramOptions{}, "TELEGRAM_BOT_TOKEN is not set"},
		{TelegramOptions{Token: tokenSecret + "/../x"}, "TELEGRAM_BOT_TOKEN is no bot token"},
		{TelegramOptions{Token: tokenSecret + "\n"}, "TELEGRAM_BOT_TOKEN"},
		{TelegramOptions{Token: token, BaseURL: "api.telegram.org"}, "TELEGRAM_BASE_URL"},
		{TelegramOptions{Token: token, BaseURL: "ftp://x"}, "TELEGRAM_BASE_URL"},
		{TelegramOptions{Token: token, BaseURL: "http://x/?" + tokenSecret}, "TELEGRAM_BASE_URL"},
		{TelegramOptions{Token: token, BaseURL: "http://%zz"}, "TELEGRAM_BASE_URL"},
	} {
		if _, err := NewTelegram(c.o); err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), tokenSecret) {
			t.Errorf("%v", err)
		}
	}
}
