package paper

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// receiver is a postback endpoint that notes what it got.
type receiver struct {
	*httptest.Server
	mu     sync.Mutex
	bodies []fields
	types  []string
	got    chan bool
	status int
	wait   chan bool // when set, answers wait for it
}

func newReceiver(t *testing.T) *receiver {
	r := &receiver{got: make(chan bool, 1000), status: 200}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		raw, _ := io.ReadAll(q.Body)
		var body fields
		_ = json.Unmarshal(raw, &body)
		r.mu.Lock()
		r.bodies, r.types = append(r.bodies, body), append(r.types, q.Header.Get("Content-Type"))
		status, wait := r.status, r.wait
		r.mu.Unlock()
		r.got <- true
		if wait != nil {
			<-wait
		}
		w.WriteHeader(status)
	}))
	t.Cleanup(r.Server.Close)
	return r
}

// take waits for n more and names them: order's tag and status.
func (r *receiver) take(t *testing.T, n int) string {
	t.Helper()
	for range n {
		receive(t, r.got)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []string
	for _, b := range r.bodies {
		all = append(all, b["tag"].(string)+" "+b["status"].(string))
	}
	r.bodies = nil
	return strings.Join(all, ", ")
}

func posting(t *testing.T, x *Exchange, r *receiver) (*Postbacks, *Injector) {
	t.Helper()
	i := NewInjector(1, Faults{})
	transport := &http.Transport{}
	p := NewPostbacks(x, PostbackOptions{URLs: map[string]string{"paper_key": r.URL}, Injector: i, Client: &http.Client{Transport: transport}})
	t.Cleanup(p.Close)
	return p, i
}

func TestPostbacks(t *testing.T) {
	x, _ := exchange(t)
	r := newReceiver(t)
	p, i := posting(t, x, r)
	fill := func(tag string) string { return mustPlace(t, x, "price", "120", "tag", tag) }

	id := mustPlace(t, x, "tag", "a")
	mustModify(t, x, id, "price", "99")
	mustCancel(t, x, id)
	equal(t, "in order", r.take(t, 2), "a UPDATE, a CANCELLED")
	equal(t, "content type", r.types[0], "application/x-www-form-urlencoded;charset=UTF-8")

	ok(t, i.Next("postback", "lose"))
	fill("b")
	fill("c")
	equal(t, "lost", r.take(t, 1), "c COMPLETE")
	ok(t, i.Next("postback", "double"))
	fill("d")
	equal(t, "doubled", r.take(t, 2), "d COMPLETE, d COMPLETE")
	ok(t, i.Next("postback", "reorder"))
	fill("e")
	fill("f")
	equal(t, "reordered", r.take(t, 2), "f COMPLETE, e COMPLETE")
	ok(t, i.Next("postback", "reorder"))
	fill("g")
	equal(t, "reordered with no follower", r.take(t, 1), "g COMPLETE")
	i.Set(Faults{Late: Timed{0, 50 * time.Millisecond}})
	ok(t, i.Next("postback", "late"))
	fill("h")
	fill("i")
	equal(t, "late", r.take(t, 2), "i COMPLETE, h COMPLETE")

	if _, e := x.PlaceByHand(user, with("price", "120", "tag", "hand")); e != nil {
		t.Fatal(e)
	}
	r.mu.Lock()
	r.status = 500 // no second try
	r.mu.Unlock()
	fill("j")
	r.take(t, 1)
	r.mu.Lock()
	r.status = 200
	r.mu.Unlock()
	fill("k")
	equal(t, "after a 500", r.take(t, 1), "k COMPLETE")
	p.Close()
	s := p.Stats()
	equal(t, "stats", [3]int{s.Due, s.Failed, s.Lost}, [3]int{12, 1, 1})
	p.SetURL("paper_key", "")
}

// The answer may take 3 s, no more; and Close waits for no slow receiver.
func TestPostbackTimesOut(t *testing.T) {
	x, _ := exchange(t)
	r := newReceiver(t)
	r.wait = make(chan bool)
	t.Cleanup(func() { close(r.wait) })
	ended := make(chan int, 1)
	slow := time.Duration(0)
	i := NewInjector(1, Faults{})
	transport := &deadline{seen: &slow}
	p := NewPostbacks(x, PostbackOptions{URLs: map[string]string{"paper_key": r.URL}, Injector: i,
		Client: &http.Client{Transport: transport}, OnSent: func(_ Push, status int) { ended <- status }})
	mustPlace(t, x, "price", "120", "tag", "a")
	equal(t, "status", receive(t, ended), 0)
	p.Close()
	if slow < 2900*time.Millisecond || slow > 3*time.Second {
		t.Errorf("the POST had %v", slow)
	}
}

// deadline notes how long a request may take, and fails it.
type deadline struct{ seen *time.Duration }

func (d *deadline) RoundTrip(r *http.Request) (*http.Response, error) {
	at, _ := r.Context().Deadline()
	*d.seen = time.Until(at)
	return nil, http.ErrHandlerTimeout
}
