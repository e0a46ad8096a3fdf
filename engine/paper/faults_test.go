package paper

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestParseFaults(t *testing.T) {
	const all = "lose=0.1,double=0.05,reorder=0.2,late=0.3/4s,stream_lose=0.5,reply_lost=0.1,reply_hang=1s,429=0.05,5xx=0.02,dead_session,address_refused,book_stale=0.5/5s,book_short=0.25,book_fail=1,book_late=7s"
	f, err := ParseFaults(all)
	ok(t, err)
	equal(t, "text", f.String(), all)
	f, err = ParseFaults(" late=2s , book_stale=0.5, dead_session=false ")
	ok(t, err)
	equal(t, "faults", f, Faults{Late: Timed{1, 2 * time.Second}, BookStale: Timed{0.5, 5 * time.Second}})
	f, err = ParseFaults("")
	ok(t, err)
	equal(t, "none", f, Faults{})
	for _, bad := range []string{"loose=1", "lose", "lose=2", "lose=-1", "lose=NaN", "late=soon", "late=2/2s", "late=0.5/x", "book_late=0.5", "dead_session=perhaps"} {
		if _, err := ParseFaults(bad); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
}

func TestInjectorIsSeeded(t *testing.T) {
	run := func(seed uint64) string {
		i := NewInjector(seed, Faults{Lose: 0.3, Double: 0.3, ReplyLost: 0.3, ServerError: 0.3, BookShort: 0.4})
		s := ""
		for range 50 {
			s += fmt.Sprint(i.Postback(), i.Request("place"), i.Request("book"))
		}
		return s
	}
	if first, again, other := run(1), run(1), run(2); first != again || first == other {
		t.Error("the seed does not decide")
	}
	i := NewInjector(1, Faults{Lose: 0.25})
	lost := 0
	for range 4000 {
		if i.Postback().Lost {
			lost++
		}
	}
	if lost < 900 || lost > 1100 {
		t.Errorf("%d of 4000 lost, want about 1000", lost)
	}
	for _, bad := range [][2]string{{"lunch", "lose"}, {"place", "lose"}, {"postback", "429"}, {"book", "reply_lost"}, {"read", "address_refused"}} {
		if i.Next(bad[0], bad[1]) == nil {
			t.Errorf("%v was taken", bad)
		}
	}
}

// rest calls the server without a client's comforts: 0 means no answer came.
func rest(t *testing.T, ctx context.Context, method, address string, form url.Values) (int, string) {
	t.Helper()
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	r := must(http.NewRequestWithContext(ctx, method, address, body))
	r.Header.Set("X-Kite-Version", "3")
	r.Header.Set("Authorization", "token paper_key:paper_token")
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	answer, err := (&http.Client{Transport: transport}).Do(r)
	if err != nil {
		return 0, err.Error()
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	ok(t, err)
	return answer.StatusCode, string(text)
}

func TestFaults(t *testing.T) {
	x, c := exchange(t)
	var mu sync.Mutex // guards accepted: a connection that was cut says nothing of when its handler ended
	var accepted []string
	s, h := served(t, x, ServerOptions{OnAccepted: func(u, id, tag string) {
		if _, e := x.OrderHistoryJSON(u, id); e != nil {
			t.Errorf("accepted before it was booked: %v", e)
		}
		mu.Lock()
		defer mu.Unlock()
		accepted = append(accepted, tag)
	}})
	ctx := t.Context()
	place := func(tag string) (int, string) {
		return rest(t, ctx, "POST", h.URL+"/orders/regular", with("tag", tag))
	}
	next := func(point, fault string) { t.Helper(); ok(t, s.Injector().Next(point, fault)) }
	count := func() int { return len(x.Book()) }

	next("place", "reply_lost")
	status, text := place("lost")
	equal(t, "reply lost", status, 0)
	if !strings.Contains(text, "EOF") && !strings.Contains(text, "reset") {
		t.Errorf("lost with %q", text)
	}
	equal(t, "placed all the same", count(), 1)
	status, _ = place("fine")
	equal(t, "one fault only", status, 200)
	mu.Lock()
	equal(t, "accepted", fmt.Sprint(accepted), "[lost fine]")
	mu.Unlock()

	next("place", "429")
	status, text = place("no")
	equal(t, "429", fmt.Sprint(status, " ", text), `429 {"status":"error","message":"Too many requests","error_type":"NetworkException"}`)
	next("place", "5xx")
	status, text = place("no")
	equal(t, "5xx", fmt.Sprint(status, " ", text[:6]), "502 <html>")
	next("place", "address_refused")
	status, text = place("no")
	equal(t, "address", fmt.Sprint(status, " ", text), `403 {"status":"error","message":"No IPs configured for this app. Add allowed IPs on the Kite developer console.","error_type":"PermissionException"}`)
	equal(t, "none of them placed", count(), 2)
	next("place", "5xx_accepted")
	status, _ = place("yes")
	equal(t, "5xx", status, 502)
	equal(t, "placed", count(), 3)

	// Replies of modify and cancel get lost too, and the work is done.
	id := x.Book()[0].OrderID
	next("modify", "reply_lost")
	status, _ = rest(t, ctx, "PUT", h.URL+"/orders/regular/"+id, values("price", "99"))
	equal(t, "modify", status, 0)
	equal(t, "price", x.Book()[0].Price, 99)
	next("cancel", "reply_hang")
	hangs, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
	defer cancel()
	status, text = rest(t, hangs, "DELETE", h.URL+"/orders/regular/"+id, nil)
	equal(t, "cancel", status, 0)
	if !strings.Contains(text, "deadline") {
		t.Errorf("hung with %q", text)
	}
	equal(t, "status", x.Book()[0].Status, "CANCELLED")

	// The book, read badly.
	rows := func() int {
		_, text := rest(t, ctx, "GET", h.URL+"/orders", nil)
		return len(decode[[]fields](t, []byte(text)))
	}
	next("book", "book_fail")
	status, text = rest(t, ctx, "GET", h.URL+"/orders", nil)
	equal(t, "fails", fmt.Sprint(status, " ", text), `503 {"status":"error","message":"Request failed (kitetrade-oms)","error_type":"NetworkException"}`)
	next("book", "book_short")
	if n := rows(); n >= 3 {
		t.Errorf("a short book has %d rows", n)
	}
	s.Injector().Set(Faults{BookStale: Timed{1, 10 * time.Second}})
	equal(t, "all of it is too new", rows(), 0)
	c.advance(10 * time.Second)
	place("new")
	_, text = rest(t, ctx, "GET", h.URL+"/orders", nil)
	equal(t, "stale rows", len(decode[[]fields](t, []byte(text))), 3)
	mustCancel(t, x, x.Book()[1].OrderID)
	_, text = rest(t, ctx, "GET", h.URL+"/orders", nil)
	has(t, decode[[]fields](t, []byte(text))[1], fields{"status": "OPEN"})
	status, _ = rest(t, ctx, "GET", h.URL+"/orders/"+x.Book()[3].OrderID, nil)
	equal(t, "history of a newer order", status, 404)
	s.Injector().Set(Faults{BookLate: 5 * time.Second})
	equal(t, "late", rows(), 3)
	c.advance(5 * time.Second)
	equal(t, "late no more", rows(), 4)

	next("instruments", "5xx")
	status, _ = rest(t, ctx, "GET", h.URL+"/instruments", nil)
	equal(t, "instruments fail", status, 502)
	status, text = rest(t, ctx, "GET", h.URL+"/instruments/MCX", nil)
	equal(t, "instruments", fmt.Sprint(status, " ", strings.Count(text, "\n")), "200 2")

	s.Injector().Set(Faults{DeadSession: true})
	status, text = rest(t, ctx, "GET", h.URL+"/user/profile", nil)
	equal(t, "dead", fmt.Sprint(status, " ", text), "403 "+string(wrongToken().Body()))
	s.Injector().Set(Faults{AddressDenied: true})
	equal(t, "reading needs no address", rows(), 4)
	status, _ = rest(t, ctx, "DELETE", h.URL+"/orders/regular/"+id, nil)
	equal(t, "cancelling does", status, 403)
	equal(t, "doubled", fmt.Sprint(x.DoubledTags()), "[]")
	s.Injector().Set(Faults{})
	place("new")
	equal(t, "doubled", fmt.Sprint(x.DoubledTags()), "[new]")
}

func TestCloseEndsHangingReplies(t *testing.T) {
	x, _ := exchange(t)
	s, h := served(t, x, ServerOptions{})
	ok(t, s.Injector().Next("place", "reply_hang"))
	answered := make(chan int)
	go func() {
		status, _ := rest(t, context.Background(), "POST", h.URL+"/orders/regular", with())
		answered <- status
	}()
	for len(x.Book()) == 0 {
		time.Sleep(time.Millisecond)
	}
	s.Close()
	equal(t, "status", receive(t, answered), 0)
}

func TestVersionAndRate(t *testing.T) {
	x, c := exchange(t, func(o *Options) { o.Limits = KiteLimits() })
	_, h := served(t, x, ServerOptions{})
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	answer, err := transport.RoundTrip(must(http.NewRequest("GET", h.URL+"/orders", nil)))
	ok(t, err)
	answer.Body.Close()
	equal(t, "no version", answer.StatusCode, 400)
	for range 10 {
		status, _ := rest(t, t.Context(), "GET", h.URL+"/trades", nil)
		equal(t, "status", status, 200)
	}
	status, _ := rest(t, t.Context(), "GET", h.URL+"/trades", nil)
	equal(t, "the eleventh in a second", status, 429)
	c.advance(time.Second)
	status, _ = rest(t, t.Context(), "GET", h.URL+"/trades", nil)
	equal(t, "a second later", status, 200)
}

func TestAPIErrorIsAnError(t *testing.T) {
	x, _ := exchange(t)
	var e *APIError
	if err := x.SetFunds("nobody", 1, RefuseInBook); !errors.As(err, &e) || e.HTTPStatus != 403 {
		t.Errorf("error %v", err)
	}
	if asError(nil) != nil {
		t.Error("a nil refusal is an error")
	}
}
