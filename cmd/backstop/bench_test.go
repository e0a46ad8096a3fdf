package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"backstop/engine/kite"
	"backstop/engine/market"
	"backstop/engine/notify"
	"backstop/engine/order"
	"backstop/engine/paper"
)

// The benchmark's load: a heavy day of one account, over 64 connections.
const (
	benchOrders      = 5000 // Kite takes no more in a day
	benchConnections = 64
	benchSymbols     = 50
)

// BenchmarkAcknowledgedPostbacks measures durable acknowledgements a second of the service as serve wires it (in
// dry-run, rules.yaml, SQLite with synchronous=FULL), against a bare net/http handler that only reads the body and
// checks the checksum, in the same run. What counts is the ratio: the machine's speed is in both.
func BenchmarkAcknowledgedPostbacks(b *testing.B) {
	bodies := benchBodies()
	for range b.N {
		bare := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			if err == nil {
				_, err = kite.Verify(body, "bench_secret")
			}
			if err != nil {
				http.Error(w, err.Error(), http.StatusUnauthorized)
				return
			}
			_, _ = io.WriteString(w, `{"status":"success"}`)
		}))
		bench(b, bare.URL, bodies[:min(1000, len(bodies))]) // connections and caches warm
		cpu := cpuTime()
		bareRate, _ := bench(b, bare.URL, bodies)
		bareCPU := cpuTime() - cpu
		bare.Close()
		url, stop := benchService(b)
		cpu = cpuTime()
		rate, refused := bench(b, url+"/postback", bodies)
		b.ReportMetric(float64((cpuTime()-cpu).Microseconds())/benchOrders, "cpu-us/ack")
		b.ReportMetric(float64(bareCPU.Microseconds())/benchOrders, "cpu-us/bare")
		stop()
		b.ReportMetric(rate, "acks/s")
		b.ReportMetric(bareRate, "bare/s")
		b.ReportMetric(rate/bareRate, "ratio")
		b.ReportMetric(float64(refused), "refused")
	}
}

// benchBodies are signed postbacks, each of an order of its own that filled.
func benchBodies() [][]byte {
	bodies := make([][]byte, benchOrders)
	day := time.Now().In(order.IST) // what is not of today changes nothing, and would be measured as that
	for i := range bodies {
		id, at := fmt.Sprintf("%s0000%05d", day.Format("060102"), i), day.Format(time.DateTime)
		bodies[i] = fmt.Appendf(nil, `{"user_id":"AB1234","unfilled_quantity":0,"app_id":1001,"checksum":%q,"placed_by":"AB1234","order_id":%q,`+
			`"exchange_order_id":"12%013d","parent_order_id":null,"status":"COMPLETE","status_message":null,"status_message_raw":null,`+
			`"order_timestamp":%q,"exchange_update_timestamp":%q,"exchange_timestamp":%q,"variety":"regular","exchange":"NSE",`+
			`"tradingsymbol":"BENCH%d","instrument_token":408065,"order_type":"LIMIT","transaction_type":"BUY","validity":"DAY","product":"CNC",`+
			`"quantity":10,"disclosed_quantity":0,"price":1500,"trigger_price":0,"average_price":1500,"filled_quantity":10,"pending_quantity":0,`+
			`"cancelled_quantity":0,"market_protection":0,"meta":{},"tag":null,"guid":"abc%d"}`,
			kite.Checksum(id, at, "bench_secret"), id, i, at, at, at, i%benchSymbols, i)
	}
	return bodies
}

// bench posts every body once and gives the acknowledgements a second, and how many were refused with 503.
func bench(b *testing.B, url string, bodies [][]byte) (rate float64, refused int64) {
	transport := &http.Transport{MaxIdleConnsPerHost: benchConnections}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	var next, busy atomic.Int64
	var all sync.WaitGroup
	began := time.Now()
	for range benchConnections {
		all.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(bodies)); i = next.Add(1) - 1 {
				reply, err := client.Post(url, "application/x-www-form-urlencoded", bytes.NewReader(bodies[i]))
				if err != nil {
					b.Error(err)
					return
				}
				_, _ = io.Copy(io.Discard, reply.Body)
				_ = reply.Body.Close()
				switch reply.StatusCode {
				case http.StatusOK:
				case http.StatusServiceUnavailable:
					busy.Add(1)
				default:
					b.Errorf("answered %d", reply.StatusCode)
					return
				}
			}
		})
	}
	all.Wait()
	return float64(int64(len(bodies))-busy.Load()) / time.Since(began).Seconds(), busy.Load()
}

// benchService is the service over a paper exchange, wired as serve wires it.
func benchService(b *testing.B) (url string, stop func()) {
	x := paper.New(paper.Options{Now: time.Now, APIKey: "bench_key", APISecret: "bench_secret"})
	exchange := httptest.NewServer(paper.NewServer(x, paper.ServerOptions{}))
	p := &program{stderr: io.Discard, env: environment{}, out: newPrinter(io.Discard, io.Discard, environment{})}
	s := &settings{values: map[string]value{}, env: p.env}
	for _, d := range settingTable {
		s.values[d.key] = value{text: d.fallback}
	}
	s.values["rules"] = value{text: filepath.Join("..", "..", "rules.yaml")}
	s.values["data"] = value{text: b.TempDir()}
	s.values["market_hours"] = value{text: "always"}
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
	one := account{user: "AB1234", apiKey: "bench_key", apiSecret: secretOf("bench_secret"), accessToken: secretOf("paper_token"), baseURL: exchange.URL}
	if err := sv.wire([]account{one}, notify.Registry{}, market.Always()); err != nil {
		b.Fatal(err)
	}
	for _, l := range []*net.Listener{&sv.public, &sv.admin} {
		if *l, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			b.Fatal(err)
		}
	}
	ended := make(chan error, 1)
	go func() { ended <- sv.run(ctx) }()
	for end := time.Now().Add(10 * time.Second); !sv.engine.Ready().Ready; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			b.Fatal("the service did not become ready")
		}
	}
	return "http://" + sv.public.Addr().String(), func() {
		cancel()
		if err := <-ended; err != nil {
			b.Error(err)
		}
		if err := store.Close(); err != nil {
			b.Error(err)
		}
		exchange.Close()
	}
}

// cpuTime is what the process has used of the processors.
func cpuTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
