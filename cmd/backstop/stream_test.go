//go:build unix

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"

	"backstop/engine/paper"
)

const streamSymbol = "NIFTY26DEC24500CE"

const streamRules = `version: 1
alerts: none
rules:
  - name: stop
    on: [partial_fill, fill]
    when: order.role == "entry"
    then: [{ place_stop_loss: { trigger_price: loss(20) } }]
  - name: trail
    on: price
    when: gain() >= 30
    then: [{ place_stop_loss: { trigger_price: profit(gain() - 15), step: 2 } }]
  - name: gap
    on: reconnected
    then: [{ log: "a gap" }]
`

// floor is a paper exchange in this process, and the built Backstop beside it with every source of updates.
type floor struct {
	t         *testing.T
	x         *paper.Exchange
	s         *paper.Server
	postbacks *paper.Postbacks
	admin     string
	dir       string
	serve     *exec.Cmd
	out       *told
}

// newFloor opens it. A socket given stands in for the exchange's own.
func newFloor(t *testing.T, stream string, faults paper.Faults, change func(*paper.Exchange), socket func(*paper.Exchange) http.Handler) *floor {
	t.Helper()
	public, err := freeAddress()
	if err != nil {
		t.Fatal(err)
	}
	admin, err := freeAddress()
	if err != nil {
		t.Fatal(err)
	}
	f := &floor{t: t, admin: admin}
	f.x = paper.New(paper.Options{Now: time.Now, UserID: "AB1234", APIKey: "paper_key", APISecret: plantedSecret, AccessToken: "paper_token"})
	if err := f.x.SetPrice("NFO", streamSymbol, 120); err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(f.x)
	}
	injector := paper.NewInjector(5, faults)
	f.postbacks = paper.NewPostbacks(f.x, paper.PostbackOptions{URLs: map[string]string{"paper_key": "http://" + public + "/postback"}, Injector: injector})
	f.s = paper.NewServer(f.x, paper.ServerOptions{Injector: injector, Postbacks: f.postbacks, Heartbeat: 200 * time.Millisecond})
	h := httptest.NewServer(f.s)
	t.Cleanup(func() { f.postbacks.Close(); f.s.Close(); h.CloseClientConnections(); h.Close() })
	ws := "ws" + strings.TrimPrefix(h.URL, "http") + "/ws"
	if socket != nil {
		k := httptest.NewServer(socket(f.x))
		t.Cleanup(func() { k.CloseClientConnections(); k.Close() })
		ws = "ws" + strings.TrimPrefix(k.URL, "http")
	}
	f.dir = t.TempDir()
	dir := f.dir
	if err := os.WriteFile(filepath.Join(dir, "rules.yaml"), []byte(streamRules), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd, out := spawned(t, dir, []string{"PATH=" + os.Getenv("PATH"), "BACKSTOP_ADMIN=" + admin, "BACKSTOP_LISTEN=" + public, "BACKSTOP_MARKET_HOURS=always",
		"KITE_BASE_URL=" + h.URL, "KITE_WS_URL=" + ws, "KITE_USER_ID=AB1234", "KITE_API_KEY=paper_key",
		"KITE_API_SECRET=" + plantedSecret, "KITE_ACCESS_TOKEN=paper_token"}, "serve", "--mode", "live", "--stream", stream, "--reconcile", "@every 5s")
	f.serve, f.out = cmd, out
	eventually(t, "ready", func() bool { code, _ := f.get("/readyz"); return code == http.StatusOK })
	return f
}

func (f *floor) get(path string) (int, []byte) {
	reply, err := http.Get("http://" + f.admin + path)
	if err != nil {
		return 0, nil
	}
	defer reply.Body.Close()
	body, _ := io.ReadAll(reply.Body)
	return reply.StatusCode, body
}

// list is the newest rows of an API list.
func (f *floor) list(what string) (rows []map[string]any) {
	_, body := f.get("/api/v1/" + what)
	var page struct{ Data []map[string]any }
	if json.Unmarshal(body, &page) != nil {
		return nil
	}
	return page.Data
}

// metric is the sum of a metric's values whose line has all these words.
func (f *floor) metric(words ...string) (sum float64) {
	_, body := f.get("/metrics")
lines:
	for line := range strings.Lines(string(body)) {
		for _, w := range words {
			if strings.HasPrefix(line, "#") || !strings.Contains(line, w) {
				continue lines
			}
		}
		fields := strings.Fields(line)
		v, _ := strconv.ParseFloat(fields[len(fields)-1], 64)
		sum += v
	}
	return sum
}

// stops is how many live stops the exchange has.
func (f *floor) stops() (n int) {
	for _, o := range f.x.Book() {
		if o.TransactionType == "SELL" && o.Status == "TRIGGER PENDING" {
			n++
		}
	}
	return n
}

// decidedOnce checks that each of the orders had one fill decided and has one stop.
func (f *floor) decidedOnce(orders int) {
	f.t.Helper()
	fills, ids := 0, map[any]bool{}
	for _, d := range f.list("decisions?limit=1000&rule=stop") {
		if d["event"] == "fill" && d["matched"] == true {
			fills++
			ids[d["id"]] = true
		}
	}
	if fills != orders || len(ids) != orders || f.stops() != orders || len(f.x.Book()) != 2*orders {
		f.t.Errorf("%d fills decided, %d stops, %d orders, of %d entries", fills, f.stops(), len(f.x.Book()), orders)
	}
}

// end ends serve as SIGTERM does; what its journal says of the day comes out the same when it is replayed.
func (f *floor) end() {
	f.t.Helper()
	if err := f.serve.Process.Signal(syscall.SIGTERM); err != nil {
		f.t.Fatal(err)
	}
	if err := f.serve.Wait(); err != nil {
		f.t.Error("the end: ", err, string(f.out.bytes()))
	}
	for _, args := range [][]string{{"replay", "--rules", "rules.yaml"}, {"journal", "verify"}} {
		cmd := exec.Command("backstop", args...)
		cmd.Dir, cmd.Env = f.dir, []string{"PATH=" + os.Getenv("PATH"), "BACKSTOP_MARKET_HOURS=always"}
		if out, err := cmd.CombinedOutput(); err != nil {
			f.t.Errorf("%v: %v\n%s", args, err, out)
		}
	}
}

// stream is the stream's line of readiness.
func (f *floor) stream() string {
	_, body := f.get("/readyz")
	var r struct {
		Checks []struct {
			Name, Text string
			OK         bool
		}
	}
	if json.Unmarshal(body, &r) != nil {
		return ""
	}
	for _, c := range r.Checks {
		if c.Name == "stream" {
			return fmt.Sprint(c.OK, " ", c.Text)
		}
	}
	return ""
}

// TestInvariant1AnUpdateOfThreeSourcesDecidesOnce: postbacks (doubled, out of order, late), the stream (with frames left
// out and its connection cut) and the book tell of the same fills; each is decided once and gets one stop. Orders by
// hand, which no postback tells, are among them.
func TestInvariant1AnUpdateOfThreeSourcesDecidesOnce(t *testing.T) {
	t.Parallel()
	f := newFloor(t, "on", paper.Faults{Double: 0.5, Reorder: 0.3, StreamLose: 0.2, Late: paper.Timed{Probability: 0.2, By: 300 * time.Millisecond}}, nil, nil)
	eventually(t, "the stream stands", func() bool { return strings.HasPrefix(f.stream(), "true connected; the last data came ") })
	const orders = 12
	entry := url.Values{"exchange": {"NFO"}, "tradingsymbol": {streamSymbol}, "transaction_type": {"BUY"}, "quantity": {"65"}, "product": {"NRML"},
		"order_type": {"LIMIT"}, "price": {"121"}, "validity": {"DAY"}}
	for i := range orders {
		switch {
		case i%3 == 2:
			if _, e := f.x.PlaceByHand("AB1234", entry); e != nil {
				t.Fatal(e)
			}
		default:
			if _, e := f.x.Place("AB1234", "regular", entry); e != nil {
				t.Fatal(e)
			}
		}
		if i == 4 || i == 8 {
			before := f.metric("backstop_stream_reconnects_total")
			f.s.DropSockets()
			if i == 8 {
				eventually(t, "connected again", func() bool { return f.metric("backstop_stream_reconnects_total") > before })
			}
		}
	}
	eventually(t, "a stop behind each", func() bool { return f.stops() == orders })
	eventually(t, "all three told of them", func() bool {
		return f.metric("backstop_updates_total", `source="postback"`) > 0 && f.metric("backstop_updates_total", `source="stream"`) > 0 &&
			f.metric("backstop_book_reads_total", `good="true"`) > 0
	})
	f.decidedOnce(orders)
	if gaps := f.list("decisions?limit=1000&rule=gap"); len(gaps) == 0 || gaps[0]["event"] != "reconnected" || gaps[0]["matched"] != true {
		t.Errorf("%v", gaps)
	}
	for _, name := range []string{`backstop_stream_connected{account="AB1234"} 1`, `backstop_stream_frames_total{account="AB1234",kind="heartbeat"}`, `backstop_stream_data_age_seconds{`} {
		eventually(t, "the metric "+name, func() bool { _, body := f.get("/metrics"); return strings.Contains(string(body), name) })
	}
	f.end()
	eventually(t, "the socket is closed", func() bool { return f.s.Sockets() == 0 })
}

// A stop follows the price by ticks alone, over a cut of the connection too; what the ticks made of the day comes out the
// same when the journal is replayed.
func TestServeTrailsAStopByTicks(t *testing.T) {
	t.Parallel()
	f := newFloor(t, "on", paper.Faults{}, nil, nil)
	eventually(t, "the stream stands", func() bool { return strings.HasPrefix(f.stream(), "true connected; ") })
	if _, e := f.x.PlaceByHand("AB1234", url.Values{"exchange": {"NFO"}, "tradingsymbol": {streamSymbol}, "transaction_type": {"BUY"}, "quantity": {"65"},
		"product": {"NRML"}, "order_type": {"LIMIT"}, "price": {"121"}, "validity": {"DAY"}}); e != nil {
		t.Fatal(e)
	}
	stopAt := func(trigger string) func() bool {
		return func() bool {
			for _, o := range f.x.Book() {
				if o.TransactionType == "SELL" && fmt.Sprint(o.TriggerPrice) == trigger {
					return f.stops() == 1
				}
			}
			return false
		}
	}
	eventually(t, "a stop", stopAt("96"))
	eventually(t, "prices are wanted", func() bool { return strings.HasSuffix(f.stream(), "it tells prices of 1 instrument") })
	rise := func(rupees float64) {
		if err := f.x.SetPrice("NFO", streamSymbol, rupees); err != nil {
			t.Fatal(err)
		}
	}
	rise(140)
	rise(160)
	eventually(t, "it follows", stopAt("142"))
	before := f.metric("backstop_stream_reconnects_total")
	f.s.DropSockets()
	rise(170)
	eventually(t, "connected again", func() bool { return f.metric("backstop_stream_reconnects_total") > before })
	eventually(t, "it follows what moved meanwhile", stopAt("152"))
	if f.metric("backstop_stream_frames_total", `kind="ticks"`) == 0 {
		t.Error("no ticks came")
	}
	f.end()
}

// mischief is a WebSocket that sends each two frames in the wrong order, all of them twice, garbage between them, and on its
// first connection falls silent without closing.
func mischief(x *paper.Exchange) http.Handler {
	var connections atomic.Int64
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		defer func() { _ = c.CloseNow() }()
		first := connections.Add(1) == 1
		ctx, cancel := context.WithCancel(r.Context())
		defer cancel()
		go func() { // what it is asked for (prices) it hears and forgets
			defer cancel()
			for {
				if _, _, err := c.Read(ctx); err != nil {
					return
				}
			}
		}()
		pushes := make(chan []byte, 1000)
		defer x.Listen(paper.Listener{Update: func(p paper.Push) { pushes <- p.StreamFrame() }})()
		say := func(kind websocket.MessageType, frames ...string) {
			for _, b := range frames {
				_ = c.Write(ctx, kind, []byte(b)) // the reader's end is seen by ctx
			}
		}
		say(websocket.MessageBinary, "\x00")
		var held string
		beat := time.NewTicker(200 * time.Millisecond)
		defer beat.Stop()
		for n := 0; ; {
			if first && n >= 6 {
				<-ctx.Done() // it stands, and says nothing any more
				return
			}
			select {
			case <-ctx.Done():
				return
			case <-beat.C:
				say(websocket.MessageBinary, "\x00", "\x00\x01\x00", "\x00\x01\x00\xff")
				if held != "" {
					say(websocket.MessageText, held)
				}
				held = ""
			case b := <-pushes:
				n++
				say(websocket.MessageText, `{"type":"error","data":{"code":7}}`, `{"type":"order"`, `{"type":"message","data":"%s%d"}`)
				if held == "" {
					held = string(b)
					continue
				}
				say(websocket.MessageText, string(b), held, held, string(b))
				held = ""
			}
		}
	})
}

// Nothing that a stream can do decides twice, loses a fill, or ends the process: frames twice and in the wrong order,
// errors that are no text, bytes that are no packets, half a frame, silence.
func TestInvariant1AMischievousStreamDecidesOnce(t *testing.T) {
	t.Parallel()
	f := newFloor(t, "auto", paper.Faults{Lose: 1}, nil, mischief)
	const orders = 8
	for range orders {
		if _, e := f.x.Place("AB1234", "regular", url.Values{"exchange": {"NFO"}, "tradingsymbol": {streamSymbol}, "transaction_type": {"BUY"}, "quantity": {"65"},
			"product": {"NRML"}, "order_type": {"LIMIT"}, "price": {"121"}, "validity": {"DAY"}}); e != nil {
			t.Fatal(e)
		}
	}
	eventually(t, "a stop behind each", func() bool { return f.stops() == orders })
	eventually(t, "the silent one is given up", func() bool { return f.metric("backstop_stream_reconnects_total") >= 1 })
	if !strings.Contains(string(f.out.bytes()), "nothing came for ") {
		t.Error("it was not for its silence: ", string(f.out.bytes()))
	}
	for _, kind := range []string{"error", "message", "other", "unreadable", "order"} {
		eventually(t, "frames of kind "+kind, func() bool { return f.metric("backstop_stream_frames_total", `kind="`+kind+`"`) > 0 })
	}
	f.decidedOnce(orders)
	f.end()
}

// A personal app has no stream: that is said once, and everything goes on by postback and book.
func TestServeDoesWithoutAStreamWhereThePlanHasNone(t *testing.T) {
	t.Parallel()
	f := newFloor(t, "auto", paper.Faults{}, func(x *paper.Exchange) { x.SetPersonal("paper_key", true) }, nil)
	eventually(t, "it falls back", func() bool {
		return strings.Contains(f.stream(), "true none: Kite refused the stream (HTTP 403); postbacks and the order book")
	})
	if _, e := f.x.Place("AB1234", "regular", url.Values{"exchange": {"NFO"}, "tradingsymbol": {streamSymbol}, "transaction_type": {"BUY"},
		"quantity": {"65"}, "product": {"NRML"}, "order_type": {"LIMIT"}, "price": {"121"}, "validity": {"DAY"}}); e != nil {
		t.Fatal(e)
	}
	eventually(t, "a stop", func() bool { return len(f.x.Book()) == 2 })
	if n := len(regexp.MustCompile("no stream of updates with this app").FindAll(f.out.bytes(), -1)); n != 1 {
		t.Errorf("said %d times", n)
	}
	if out := string(f.out.bytes()); strings.Contains(out, "paper_token") || strings.Contains(out, plantedSecret) {
		t.Error("a secret in the log")
	}
}
