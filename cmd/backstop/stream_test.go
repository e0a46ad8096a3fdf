//go:build unix

package main

import (
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
	"syscall"
	"testing"
	"time"

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
	serve     *exec.Cmd
	out       *told
}

func newFloor(t *testing.T, stream string, faults paper.Faults, change func(*paper.Exchange)) *floor {
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
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "rules.yaml"), []byte(streamRules), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd, out := spawned(t, dir, []string{"PATH=" + os.Getenv("PATH"), "BACKSTOP_ADMIN=" + admin, "BACKSTOP_LISTEN=" + public, "BACKSTOP_MARKET_HOURS=always",
		"KITE_BASE_URL=" + h.URL, "KITE_WS_URL=ws" + strings.TrimPrefix(h.URL, "http") + "/ws", "KITE_USER_ID=AB1234", "KITE_API_KEY=paper_key",
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
	f := newFloor(t, "on", paper.Faults{Double: 0.5, Reorder: 0.3, StreamLose: 0.2, Late: paper.Timed{Probability: 0.2, By: 300 * time.Millisecond}}, nil)
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
	stops := func() (n int) {
		for _, o := range f.x.Book() {
			if o.TransactionType == "SELL" && o.Status == "TRIGGER PENDING" {
				n++
			}
		}
		return n
	}
	eventually(t, "a stop behind each", func() bool { return stops() == orders })
	eventually(t, "all three told of them", func() bool {
		return f.metric("backstop_updates_total", `source="postback"`) > orders && f.metric("backstop_updates_total", `source="stream"`) > orders &&
			f.metric("backstop_book_reads_total", `good="true"`) > 3
	})
	fills, ids := 0, map[any]bool{}
	for _, d := range f.list("decisions?limit=1000&rule=stop") {
		if d["event"] == "fill" && d["matched"] == true {
			fills++
			ids[d["id"]] = true
		}
	}
	if fills != orders || len(ids) != orders || stops() != orders {
		t.Errorf("%d fills decided, %d stops, of %d", fills, stops(), orders)
	}
	if gaps := f.list("decisions?limit=1000&rule=gap"); len(gaps) == 0 || gaps[0]["event"] != "reconnected" || gaps[0]["matched"] != true {
		t.Errorf("%v", gaps)
	}
	for _, name := range []string{`backstop_stream_connected{account="AB1234"} 1`, `backstop_stream_frames_total{account="AB1234",kind="heartbeat"}`, `backstop_stream_data_age_seconds{`} {
		if _, body := f.get("/metrics"); !strings.Contains(string(body), name) {
			t.Error("no metric ", name)
		}
	}
	if err := f.serve.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := f.serve.Wait(); err != nil {
		t.Error("the end: ", err, string(f.out.bytes()))
	}
	eventually(t, "the socket is closed", func() bool { return f.s.Sockets() == 0 })
}

// A personal app has no stream: that is said once, and everything goes on by postback and book.
func TestServeDoesWithoutAStreamWhereThePlanHasNone(t *testing.T) {
	t.Parallel()
	f := newFloor(t, "auto", paper.Faults{}, func(x *paper.Exchange) { x.SetPersonal("paper_key", true) })
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
