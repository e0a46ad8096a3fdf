package kite_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"
	"go.uber.org/goleak"

	"backstop/actions"
	"backstop/engine/kite"
	"backstop/engine/order"
	"backstop/engine/paper"
)

// told is a sink that keeps what it is told.
type told struct {
	mu      sync.Mutex
	opens   int
	kinds   []string
	texts   []string
	updates []order.Update
	refuse  error
	wanted  []int64
	ticks   []kite.Tick
	news    chan struct{}
}

func newTold() *told { return &told{news: make(chan struct{}, 10_000)} }

func (k *told) sink() kite.Sink {
	note := func(f func()) {
		k.mu.Lock()
		f()
		k.mu.Unlock()
		select {
		case k.news <- struct{}{}:
		default: // there is news enough
		}
	}
	return kite.Sink{
		Open: func() { note(func() { k.opens++ }) },
		Frame: func(kind, text string) {
			note(func() { k.kinds, k.texts = append(k.kinds, kind), append(k.texts, text) })
		},
		Update: func(u order.Update) error {
			note(func() { k.updates = append(k.updates, u) })
			return k.refuse
		},
		Wanted: func() []int64 { k.mu.Lock(); defer k.mu.Unlock(); return k.wanted },
		Ticks:  func(ticks []kite.Tick) { note(func() { k.ticks = append(k.ticks, ticks...) }) },
	}
}

// until waits for what is told.
func (k *told) until(t *testing.T, what string, is func() bool) {
	t.Helper()
	patience := time.After(20 * time.Second)
	for {
		k.mu.Lock()
		yes := is()
		k.mu.Unlock()
		if yes {
			return
		}
		select {
		case <-k.news:
		case <-patience:
			t.Fatal("never: ", what)
		}
	}
}

func (k *told) has(kind kite.FrameKind) func() bool {
	return func() bool { return slices.Contains(k.kinds, string(kind)) }
}

// running is one call of Stream.
type running struct {
	*told
	end   context.CancelFunc
	ended chan error
}

func run(t *testing.T, s *kite.Stream) *running {
	t.Helper()
	return runInto(t, s, newTold())
}

func runInto(t *testing.T, s *kite.Stream, k *told) *running {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{k, cancel, make(chan error, 1)}
	done := make(chan struct{})
	go func() { defer close(done); r.ended <- s.Stream(ctx, r.sink()) }()
	t.Cleanup(func() { cancel(); <-done; s.CloseIdle() })
	return r
}

func (r *running) why(t *testing.T) *actions.Error {
	t.Helper()
	select {
	case err := <-r.ended:
		var e *actions.Error
		if !errors.As(err, &e) {
			t.Fatal("no *actions.Error: ", err)
		}
		return e
	case <-time.After(20 * time.Second):
		t.Fatal("the stream does not end")
		return nil
	}
}

// options are of the paper exchange's user.
func options(address string) kite.StreamOptions {
	return kite.StreamOptions{UserID: user, APIKey: "paper_key", AccessToken: func() string { return "paper_token" }, URL: "ws" + strings.TrimPrefix(address, "http") + "/ws"}
}

// exchange is a paper exchange on the network.
func exchange(t *testing.T, so paper.ServerOptions) (*paper.Exchange, *paper.Server, string) {
	t.Helper()
	at := time.Date(2026, 11, 2, 10, 0, 0, 0, order.IST)
	x := paper.New(paper.Options{Now: func() time.Time { return at }, Seed: 7, UserID: user, APIKey: "paper_key", APISecret: "my_api_secret", AccessToken: "paper_token"})
	s := paper.NewServer(x, so)
	h := httptest.NewServer(s)
	t.Cleanup(func() { s.Close(); h.Close() })
	return x, s, h.URL
}

func byHand(t *testing.T, x *paper.Exchange) string {
	t.Helper()
	id, e := x.PlaceByHand(user, url.Values{"exchange": {"NFO"}, "tradingsymbol": {option}, "transaction_type": {"BUY"}, "quantity": {"65"},
		"product": {"NRML"}, "order_type": {"LIMIT"}, "price": {"120"}, "validity": {"DAY"}})
	if e != nil {
		t.Fatal(e)
	}
	return id
}

// Orders of the web and the phone come too, which no postback tells; nothing is left running at the end.
func TestStreamBringsOrdersOfEveryHand(t *testing.T) {
	before := goleak.IgnoreCurrent()
	x, s, address := exchange(t, paper.ServerOptions{Heartbeat: 20 * time.Millisecond})
	r := run(t, kite.NewStream(options(address)))
	r.until(t, "open", func() bool { return r.opens == 1 })
	r.until(t, "a heartbeat", r.has(kite.FrameHeartbeat))
	id := byHand(t, x)
	r.until(t, "the order", func() bool {
		return slices.ContainsFunc(r.updates, func(u order.Update) bool { return u.OrderID == id && u.Status == order.StatusComplete })
	})
	for _, u := range r.updates {
		if u.Account != user || u.Source != order.SourceStream || !strings.Contains(string(u.Raw), id) {
			t.Errorf("%+v", u)
		}
	}
	r.end()
	if e := r.why(t); e.Class != actions.ClassDown {
		t.Error(e)
	}
	s.Close()
	goleak.VerifyNone(t, before, goleak.IgnoreAnyFunction("net/http.(*Server).Serve"), goleak.IgnoreAnyFunction("net/http.(*conn).serve"))
}

// The cut of a connection ends the call; the next one stands again.
func TestStreamEndsWithItsConnection(t *testing.T) {
	t.Parallel()
	_, s, address := exchange(t, paper.ServerOptions{Heartbeat: 20 * time.Millisecond})
	stream := kite.NewStream(options(address))
	for range 3 {
		r := run(t, stream)
		r.until(t, "a heartbeat", r.has(kite.FrameHeartbeat))
		s.DropSockets()
		if e := r.why(t); e.Class != actions.ClassDown || r.opens != 1 {
			t.Error(e, r.opens)
		}
	}
}

// Prices come of what is wanted, and of that alone, over each connection anew.
func TestStreamTellsPricesOfWhatIsWanted(t *testing.T) {
	t.Parallel()
	x, s, address := exchange(t, paper.ServerOptions{Heartbeat: 20 * time.Millisecond})
	token := int64(quote(t, x, "NFO:"+option).InstrumentToken)
	other := int64(quote(t, x, "NSE:INFY").InstrumentToken)
	o := options(address)
	o.Silence = 500 * time.Millisecond // what is wanted is looked at ten times a second
	stream := kite.NewStream(o)
	r := run(t, stream)
	told := func(token int64, rupees order.Price) func() bool {
		return func() bool { return slices.Contains(r.ticks, kite.Tick{Token: token, Last: rupees * order.Rupee}) }
	}
	r.until(t, "open", func() bool { return r.opens == 1 })
	want := func(tokens ...int64) { r.mu.Lock(); r.wanted, r.ticks = tokens, nil; r.mu.Unlock() }
	price := func(instrument string, rupees float64) {
		exchange, symbol, _ := strings.Cut(instrument, ":")
		if err := x.SetPrice(exchange, symbol, rupees); err != nil {
			t.Error(err)
		}
	}
	want(token)
	r.until(t, "the price as it stands", func() bool { return len(r.ticks) > 0 })
	price("NFO:"+option, 131)
	r.until(t, "the option's move", told(token, 131))
	want(other, other)
	r.until(t, "the other's price", func() bool {
		return slices.ContainsFunc(r.ticks, func(k kite.Tick) bool { return k.Token == other })
	})
	r.mu.Lock()
	r.ticks = nil // what was on its way
	r.mu.Unlock()
	price("NFO:"+option, 132)
	price("NSE:INFY", 1501)
	r.until(t, "the other's move", told(other, 1501))
	r.mu.Lock()
	if slices.ContainsFunc(r.ticks, func(k kite.Tick) bool { return k.Token == token }) {
		t.Error("ticks of what nobody wants any more:", r.ticks)
	}
	r.mu.Unlock()
	s.DropSockets()
	r.why(t)
	again := runInto(t, stream, r.told)
	want(other)
	again.until(t, "the price over the next connection", told(other, 1501))
}

func quote(t *testing.T, x *paper.Exchange, instrument string) paper.Quote {
	t.Helper()
	q, ok := x.Quote(instrument)
	if !ok {
		t.Fatal(instrument, " has no quote")
	}
	return q
}

// Kite says 403 to a free plan and to a dead token alike; the library loses that, and would try for ever.
func TestStreamTellsARefusal(t *testing.T) {
	t.Parallel()
	x, _, address := exchange(t, paper.ServerOptions{})
	x.SetPersonal("paper_key", true)
	if e := run(t, kite.NewStream(options(address))).why(t); e.Class != actions.ClassPermission || e.Status != 403 || e.Hint == "" {
		t.Error(e)
	}
	for code, want := range map[int]actions.Class{429: actions.ClassBusy, 500: actions.ClassDown, 302: actions.ClassDown} {
		var asked atomic.Int64
		h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			asked.Add(1)
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(code)
		}))
		if e := run(t, kite.NewStream(options(h.URL))).why(t); e.Class != want || e.Status != code || asked.Load() != 2 {
			t.Errorf("%d: %v, asked %d times", code, e, asked.Load())
		}
		h.Close()
	}
}

// A dial that fails neither panics nor tells a secret.
func TestStreamWithNobodyThere(t *testing.T) {
	t.Parallel()
	h := httptest.NewServer(http.NotFoundHandler())
	h.Close()
	o := options(h.URL)
	o.AccessToken = func() string { return "S3cret/token" }
	e := run(t, kite.NewStream(o)).why(t)
	if e.Class != actions.ClassDown || strings.Contains(e.Error(), "S3cret") || strings.Contains(e.Error(), "paper_key") {
		t.Error(e)
	}
	for _, address := range []string{"http://x", "ws://", "wss://u:p@x", "::"} {
		o.URL = address
		if e := run(t, kite.NewStream(o)).why(t); e.Class != actions.ClassInternal {
			t.Error(address, e)
		}
	}
}

// talk serves one WebSocket by hand.
func talk(t *testing.T, say func(ctx context.Context, c *websocket.Conn)) string {
	t.Helper()
	h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		defer func() { _ = c.CloseNow() }()
		ctx := c.CloseRead(r.Context())
		say(ctx, c)
		<-ctx.Done()
	}))
	t.Cleanup(h.Close)
	return h.URL
}

// What the library would panic on in a goroutine of its own, and so end the process: errors whose data is no text or
// holds a format, malformed binary of every short length, packets that end too early.
func TestStreamOutlivesWhatTheLibraryDoesNot(t *testing.T) {
	t.Parallel()
	const last = `{"type":"order","id":"","data":{"account_id":"AB1234","order_id":"77","status":"OPEN"}}`
	texts := []string{`{"type":"error","data":{"code":1}}`, `{"type":"error","data":null}`, `{"type":"error"}`, `{"type":"error","data":"100%s %d!"}`,
		`{"type":"message","data":"hello"}`, `{"type":"new","data":[]}`, `{"type":"order","data":{"order_id":[]}}`, `{"type":"order","data":"x"}`, `{`, ``, `null`,
		`{"type":"order","data":{"account_id":"AB1234","order_id":"76","status":"OPEN","meta":"a text","order_timestamp":"16:00:36"}}`, last}
	address := talk(t, func(ctx context.Context, c *websocket.Conn) {
		for _, b := range [][]byte{{}, {0}, {0, 1}, {0, 1, 0}, {0, 1, 0, 9}, {255, 255, 0, 0}, {0, 1, 0, 1, 5}, {0, 1, 0, 3, 1, 2, 3}, {0, 2, 0, 8, 0, 0, 0, 1, 0, 0, 0, 1, 0}} {
			if c.Write(ctx, websocket.MessageBinary, b) != nil {
				return
			}
		}
		for _, s := range texts {
			if c.Write(ctx, websocket.MessageText, []byte(s)) != nil {
				return
			}
		}
	})
	r := run(t, kite.NewStream(options(address)))
	r.until(t, "the last order", func() bool { return len(r.updates) == 2 })
	r.mu.Lock()
	defer r.mu.Unlock()
	if string(r.updates[1].Raw) != last || r.updates[0].OrderID != "76" {
		t.Errorf("%+v", r.updates)
	}
	count := map[string]int{}
	for _, k := range r.kinds {
		count[k]++
	}
	want := map[string]int{"heartbeat": 2, "ticks": 2, "error": 4, "message": 1, "other": 6, "unreadable": 5, "order": 2}
	if fmt.Sprint(count) != fmt.Sprint(want) {
		t.Error(count)
	}
	if !slices.Contains(r.texts, "100%s %d!") || !slices.Contains(r.texts, "hello") {
		t.Error(r.texts)
	}
}

// A socket that stands and says nothing is dead; one whose heart beats is not, however little else comes.
func TestStreamJudgesSilenceByTheAgeOfData(t *testing.T) {
	t.Parallel()
	beats := make(chan struct{})
	address := talk(t, func(ctx context.Context, c *websocket.Conn) {
		for range beats {
			if c.Write(ctx, websocket.MessageBinary, []byte{0}) != nil {
				return
			}
		}
	})
	o := options(address)
	o.Silence = 2 * time.Second
	r := run(t, kite.NewStream(o))
	for range 30 { // over three seconds in all
		select {
		case beats <- struct{}{}:
			time.Sleep(o.Silence / 20) // the heart's pace, not a wait for anything
		case err := <-r.ended:
			t.Fatal("it beat and was taken for dead: ", err)
		}
	}
	close(beats)
	if e := r.why(t); e.Class != actions.ClassDown || !strings.Contains(e.Message, "nothing came for") {
		t.Error(e)
	}
}

// Another token, or none any more at six in the morning, ends a connection that was made with the one before.
func TestStreamEndsWithItsToken(t *testing.T) {
	t.Parallel()
	_, _, address := exchange(t, paper.ServerOptions{Heartbeat: 20 * time.Millisecond})
	for _, next := range []string{"", "another"} {
		var token atomic.Value
		token.Store("paper_token")
		o := options(address)
		o.AccessToken = func() string { return token.Load().(string) }
		o.Silence = time.Second
		r := run(t, kite.NewStream(o))
		r.until(t, "open", func() bool { return r.opens == 1 })
		token.Store(next)
		if e := r.why(t); e.Class != actions.ClassSession {
			t.Error(e)
		}
	}
	o := options(address)
	o.AccessToken = func() string { return "" }
	if e := run(t, kite.NewStream(o)).why(t); e.Class != actions.ClassSession {
		t.Error(e)
	}
}

// An update that the engine can't take ends the connection: the reading behind the next one brings it.
func TestStreamEndsWhereAnUpdateIsNotTaken(t *testing.T) {
	t.Parallel()
	x, _, address := exchange(t, paper.ServerOptions{Heartbeat: 20 * time.Millisecond})
	k := newTold()
	k.refuse = errors.New("no room")
	r := runInto(t, kite.NewStream(options(address)), k)
	r.until(t, "open", func() bool { return r.opens == 1 })
	byHand(t, x)
	if e := r.why(t); e.Class != actions.ClassDown || !strings.Contains(e.Message, "no room") {
		t.Error(e)
	}
}

// A panic behind the sink ends the connection and nothing else.
func TestStreamGuardsItsSink(t *testing.T) {
	t.Parallel()
	_, _, address := exchange(t, paper.ServerOptions{Heartbeat: 20 * time.Millisecond})
	s := kite.NewStream(options(address))
	sink := newTold().sink()
	sink.Frame = func(string, string) { panic("broken") }
	if err := s.Stream(t.Context(), sink); class(err) != actions.ClassDown || !strings.Contains(err.Error(), "broken") {
		t.Error(err)
	}
}

// Accounts dial beside each other (the library's dialer is shared), and nothing is printed.
func TestStreamsOfSeveralAccounts(t *testing.T) {
	_, s, address := exchange(t, paper.ServerOptions{Heartbeat: 20 * time.Millisecond})
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout := os.Stdout
	os.Stdout = writer
	var all []*running
	for range 4 {
		all = append(all, run(t, kite.NewStream(options(address))))
	}
	for _, r := range all {
		r.until(t, "a heartbeat", r.has(kite.FrameHeartbeat))
	}
	s.DropSockets()
	for _, r := range all {
		r.why(t)
	}
	os.Stdout = stdout
	_ = writer.Close()
	printed := make([]byte, 100)
	if n, _ := reader.Read(printed); n > 0 {
		t.Errorf("printed %q", printed[:n])
	}
}
