//go:build unix

package main

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"backstop/engine/market"
	"backstop/engine/notify"
	"backstop/engine/paper"
)

const (
	benchKey    = "bench_key"
	benchToken  = "paper_token"
	benchSymbol = "NIFTY26DEC24500CE"
)

// serviceOptions say what is measured.
type serviceOptions struct {
	rules       string
	live        bool
	unconfirmed bool
	accounts    int                             // 0: one
	exchange    *paper.Exchange                 // nil: one of its own
	broker      func(http.Handler) http.Handler // between Backstop and the exchange
	trouble     http.HandlerFunc                // what the exchange answers once Backstop is ready
	brokerURL   string                          // instead of a server of its own
}

// benched is Backstop over a paper exchange, wired as serve wires it.
type benched struct {
	url  string
	stop func()
}

func newExchange(b *testing.B) *paper.Exchange {
	x := paper.New(paper.Options{Now: time.Now, APIKey: benchKey, APISecret: benchSecret})
	if err := x.SetPrice("NFO", benchSymbol, 120); err != nil {
		b.Fatal(err)
	}
	return x
}

func newBenched(b *testing.B, o serviceOptions) *benched {
	debug.SetGCPercent(gcPercent) // as serve does
	if o.exchange == nil {
		o.exchange = newExchange(b)
	}
	var ready atomic.Bool
	closeBroker := func() {}
	if o.brokerURL == "" {
		var handler http.Handler = paper.NewServer(o.exchange, paper.ServerOptions{})
		if o.broker != nil {
			handler = o.broker(handler)
		}
		if o.trouble != nil {
			handler = troubled(handler, o.trouble, &ready)
		}
		broker := httptest.NewServer(handler)
		o.brokerURL, closeBroker = broker.URL, func() { broker.CloseClientConnections(); broker.Close() }
	}
	p := &program{stderr: io.Discard, env: environment{}, out: newPrinter(io.Discard, io.Discard, environment{})}
	s := &settings{values: map[string]value{}, env: p.env}
	for _, d := range settingTable {
		s.values[d.key] = value{text: d.fallback}
	}
	s.values["rules"] = value{text: writeRules(b, o.rules)}
	s.values["data"] = value{text: b.TempDir()}
	s.values["market_hours"] = value{text: "always"}
	if o.live {
		s.values["mode"] = value{text: "live"}
	}
	if o.unconfirmed {
		s.values["confirm"] = value{text: "false"}
	}
	set, err := p.rulesToRun(s.text("rules"), true)
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	store, err := openStore(ctx, s)
	if err != nil {
		b.Fatal(err)
	}
	sv := &server{settings: s, rules: set, log: slog.New(slog.DiscardHandler), store: store}
	var accounts []account
	for i := range max(1, o.accounts) {
		token := benchToken
		if i > 0 { // accounts of one api_key, so that one address serves them all
			token += strconv.Itoa(i)
			o.exchange.AddAccount(benchUser(i), benchKey, benchSecret, token)
		}
		accounts = append(accounts, account{user: benchUser(i), apiKey: benchKey, apiSecret: secretOf(benchSecret), accessToken: secretOf(token), baseURL: o.brokerURL})
	}
	if err := sv.wire(accounts, notify.Registry{}, market.Always()); err != nil {
		b.Fatal(err)
	}
	for _, l := range []*net.Listener{&sv.public, &sv.admin} {
		if *l, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			b.Fatal(err)
		}
	}
	ended := make(chan error, 1)
	go func() { ended <- sv.run(ctx) }()
	for end := time.Now().Add(3 * time.Minute); !sv.engine.Ready().Ready; time.Sleep(10 * time.Millisecond) { // many accounts of one key read in turn
		if time.Now().After(end) {
			b.Fatal("the service did not become ready")
		}
	}
	ready.Store(true)
	return &benched{url: "http://" + sv.public.Addr().String() + "/postback", stop: func() {
		cancel()
		if err := <-ended; err != nil && o.broker == nil && o.trouble == nil {
			b.Error(err)
		}
		if err := store.Close(); err != nil {
			b.Error(err)
		}
		closeBroker()
	}}
}

// troubled answers with trouble from a moment on.
func troubled(h http.Handler, trouble http.HandlerFunc, now *atomic.Bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if now.Load() {
			trouble(w, r)
			return
		}
		h.ServeHTTP(w, r)
	})
}

// hang holds a request until its sender gives up.
func hang(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

func refuse(w http.ResponseWriter, _ *http.Request) { reset(w) }

// reset closes the connection without an answer.
func reset(w http.ResponseWriter) {
	if c, _, err := http.NewResponseController(w).Hijack(); err == nil {
		_ = c.Close()
	}
}

// lie lets every first placement of a tag reach the exchange and answers it otherwise than the exchange did.
func lie(h http.Handler, answer func(http.ResponseWriter)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost || !strings.HasPrefix(r.URL.Path, "/orders/") {
			h.ServeHTTP(w, r)
			return
		}
		h.ServeHTTP(httptest.NewRecorder(), r)
		answer(w)
	})
}

// benchDesk is a trader at the exchange, whose fills are told to whoever is measured.
type benchDesk struct {
	x     *paper.Exchange
	url   string
	stops chan time.Time
	close func()
}

func newBenchDesk(b *testing.B, start func(x *paper.Exchange, broker string) (url string, stop func())) *benchDesk {
	d := &benchDesk{x: newExchange(b), stops: make(chan time.Time, 16)}
	handler := paper.NewServer(d.x, paper.ServerOptions{})
	broker := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost && r.URL.Path == "/orders/regular" {
			d.stops <- time.Now()
		}
		handler.ServeHTTP(w, r)
	}))
	u, stop := start(d.x, broker.URL)
	d.url, d.close = u, func() { stop(); broker.Close() }
	return d
}

// fills buys n times, two a second, and gives the time from each postback to its stop at the broker.
func fills(b *testing.B, d *benchDesk, n int) latencies {
	defer d.close()
	client, idle := newClient()
	defer idle()
	var took latencies
	time.Sleep(1500 * time.Millisecond) // the readings of the start count for the pace of a second
	for range n {
		began := time.Now()
		body := bought(b, d.x)
		sent := time.Now()
		post(b, client, d.url, body)
		select {
		case at := <-d.stops:
			took = append(took, at.Sub(sent))
		case <-time.After(10 * time.Second):
			b.Fatal("no stop came")
		}
		time.Sleep(500*time.Millisecond - time.Since(began))
	}
	slices.Sort(took)
	return took
}

// bought is the postback of an entry that filled.
func bought(b *testing.B, x *paper.Exchange) []byte {
	told := make(chan paper.Push, 64)
	defer x.Listen(paper.Listener{Update: func(p paper.Push) { told <- p }})()
	if _, err := x.PlaceVia(benchAccount, benchKey, "regular", url.Values{"exchange": {"NFO"}, "tradingsymbol": {benchSymbol}, "transaction_type": {"BUY"},
		"product": {"MIS"}, "quantity": {"65"}, "order_type": {"LIMIT"}, "price": {"125"}, "validity": {"DAY"}}); err != nil {
		b.Fatal(err)
	}
	for {
		select {
		case p := <-told:
			if p.Postback && p.Status == "COMPLETE" {
				return p.PostbackBody()
			}
		case <-time.After(5 * time.Second):
			b.Fatal("the entry did not fill")
		}
	}
}

func buy(b *testing.B, x *paper.Exchange, to string) {
	client, idle := newClient()
	defer idle()
	post(b, client, to, bought(b, x))
}

// settled waits until so many entries have their stops and nothing more comes, and counts the stops.
func settled(b *testing.B, x *paper.Exchange, entries int) int {
	count := func() (n int) {
		for _, o := range x.Book() {
			if strings.HasPrefix(o.Tag, "bs") && o.OrderType == "SL" {
				n++
			}
		}
		return n
	}
	for end := time.Now().Add(90 * time.Second); count() < entries && time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
	}
	time.Sleep(25 * time.Second) // an absence would be proved by now, and its order sent again
	return count()
}

// process is the real binary, serving.
type process struct {
	cmd    *exec.Cmd
	url    string
	broker *httptest.Server
}

// startProcess builds the binary, starts serve on a data folder and waits until it is ready.
func startProcess(b *testing.B, data, source string) *process {
	binary := filepath.Join(benchBinary(b), "backstop")
	x := newExchange(b)
	p := &process{broker: httptest.NewServer(paper.NewServer(x, paper.ServerOptions{}))}
	listen, admin := benchPort(b), benchPort(b)
	p.cmd = exec.Command(binary, "serve", "--rules", writeRules(b, source), "--data", data, "--listen", listen, "--admin", admin, "--market-hours", "always")
	p.cmd.Env = append(os.Environ(), "KITE_USER_ID="+benchAccount, "KITE_API_KEY="+benchKey, "KITE_API_SECRET="+benchSecret, "KITE_ACCESS_TOKEN="+benchToken, "KITE_BASE_URL="+p.broker.URL)
	p.cmd.Stderr = io.Discard
	if err := p.cmd.Start(); err != nil {
		b.Fatal(err)
	}
	p.url = "http://" + listen + "/postback"
	for end := time.Now().Add(60 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			b.Fatal("the process did not become ready")
		}
		reply, err := http.Get("http://" + admin + "/readyz")
		if err != nil {
			continue
		}
		_ = reply.Body.Close()
		if reply.StatusCode == http.StatusOK {
			return p
		}
	}
}

// benchBinary is the folder with the binary, built once.
var benchBinaryDir string

func benchBinary(b *testing.B) string {
	if benchBinaryDir != "" {
		return benchBinaryDir
	}
	dir, err := os.MkdirTemp("", "backstop-bench-")
	if err != nil {
		b.Fatal(err)
	}
	if out, err := exec.Command("go", "build", "-o", filepath.Join(dir, "backstop"), ".").CombinedOutput(); err != nil {
		b.Fatalf("%v: %s", err, out)
	}
	benchBinaryDir = dir
	return dir
}

// benchPort is an address that nobody listens on.
func benchPort(b *testing.B) string {
	address, err := freeAddress()
	if err != nil {
		b.Fatal(err)
	}
	return address
}

// resident is the process's memory in MB.
func (p *process) resident(b *testing.B) float64 {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(p.cmd.Process.Pid) + "/status")
	if err != nil {
		b.Skip("no /proc here")
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kb, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
			if err != nil {
				b.Fatal(err)
			}
			return kb / 1024
		}
	}
	b.Fatal("no VmRSS")
	return 0
}

func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
	p.broker.CloseClientConnections()
	p.broker.Close()
}
