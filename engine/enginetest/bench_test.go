package enginetest_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"backstop/actions"
	"backstop/engine"
	"backstop/engine/journal/sqlite"
	"backstop/engine/kite"
	"backstop/engine/lane"
	"backstop/engine/market"
	"backstop/engine/order"
	"backstop/engine/postback"
	"backstop/rules"
)

const (
	benchSecret      = "bench_secret"
	benchConnections = 64
	benchSeconds     = 2
)

// still is a broker with an empty book: the bench measures what it costs to take an update, not to trade.
type still struct{}

func (still) Do(context.Context, actions.Call) (string, error) {
	return "", &actions.Error{Class: actions.ClassRefused, Message: "the bench does not trade"}
}
func (still) Orders(context.Context) ([]order.Update, int, error)             { return nil, 0, nil }
func (still) Trades(context.Context, string) ([]order.Trade, error)           { return nil, nil }
func (still) Positions(context.Context) ([]actions.PositionRow, error)        { return nil, nil }
func (still) Instruments(context.Context, func(order.Instrument) error) error { return nil }
func (still) Alive(context.Context) error                                     { return nil }

// postbacks makes distinct signed bodies: each is another order, cancelled unfilled, over 500 instruments.
func postbacks(n int) [][]byte {
	bodies := make([][]byte, n)
	for i := range bodies {
		id, at := fmt.Sprintf("26112300%08d", i), "2026-11-23 10:00:00"
		bodies[i] = fmt.Appendf(nil, `{"user_id":"AB1234","unfilled_quantity":0,"app_id":1001,"checksum":"%s","placed_by":"AB1234","order_id":"%s","exchange_order_id":"1100000021264291","parent_order_id":null,"status":"CANCELLED","status_message":null,"status_message_raw":null,"order_timestamp":"%s","exchange_update_timestamp":"%s","exchange_timestamp":"%s","variety":"regular","exchange":"NFO","tradingsymbol":"NIFTY26NOV%05dCE","instrument_token":408065,"order_type":"LIMIT","transaction_type":"BUY","validity":"DAY","product":"MIS","quantity":75,"disclosed_quantity":0,"price":120.5,"trigger_price":0,"average_price":0,"filled_quantity":0,"pending_quantity":75,"cancelled_quantity":75,"market_protection":0,"meta":{},"tag":null,"guid":"19Xpbjggknpgbqa"}`,
			kite.Checksum(id, at, benchSecret), id, at, at, at, i%500)
	}
	return bodies
}

// load posts bodies over 64 kept connections for two seconds and gives the answered ones a second.
func load(b *testing.B, address string, bodies [][]byte) float64 {
	b.Helper()
	var next, done int
	var mu sync.Mutex
	take := func() []byte {
		mu.Lock()
		defer mu.Unlock()
		if next == len(bodies) {
			return nil
		}
		next++
		return bodies[next-1]
	}
	began := time.Now()
	until := began.Add(benchSeconds * time.Second)
	var all sync.WaitGroup
	for range benchConnections {
		all.Go(func() {
			conn, err := net.Dial("tcp", address)
			if err != nil {
				b.Error(err)
				return
			}
			defer conn.Close()
			r, answered := bufio.NewReader(conn), 0
			for time.Now().Before(until) {
				body := take()
				if body == nil {
					break
				}
				fmt.Fprintf(conn, "POST /postback HTTP/1.1\r\nHost: bench\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
				resp, err := http.ReadResponse(r, nil)
				if err != nil {
					b.Error(err)
					return
				}
				_, _ = io.Copy(io.Discard, resp.Body)
				resp.Body.Close()
				if resp.StatusCode != 200 {
					b.Errorf("answered %s", resp.Status)
					return
				}
				answered++
			}
			mu.Lock()
			done += answered
			mu.Unlock()
		})
	}
	all.Wait()
	return float64(done) / time.Since(began).Seconds()
}

// bare is a net/http handler that only checks the checksum.
func bare(b *testing.B) (address string, stop func()) {
	b.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err == nil {
			_, err = kite.Verify(body, benchSecret)
		}
		if err != nil {
			w.WriteHeader(http.StatusBadRequest)
		}
	})}
	go func() { _ = server.Serve(listener) }()
	return listener.Addr().String(), func() { _ = server.Close() }
}

// backstop is the whole way of an update: receiver, lane, rules, SQLite.
func backstop(b *testing.B, set *rules.Set) (address string, stop func()) {
	b.Helper()
	store, err := sqlite.Open(b.Context(), b.TempDir(), sqlite.Options{})
	if err != nil {
		b.Fatal(err)
	}
	e, err := engine.New(engine.Options{Store: store, Hours: market.Always(), MarketAlways: true, Log: slog.New(slog.DiscardHandler),
		Accounts: []engine.AccountOptions{{ID: "AB1234", APIKey: "key", Broker: still{},
			Lane: lane.Options{Mode: lane.DryRun, Confirm: true, Rules: set, Hours: market.Always(), Reasons: kite.Reason}}}})
	if err != nil {
		b.Fatal(err)
	}
	receiver, err := postback.New(postback.Options{Submit: e.Submit, Doors: []postback.Door{{Key: "key", Check: func(body []byte, at time.Time) (order.Update, error) {
		if _, err := kite.Verify(body, benchSecret); err != nil {
			return order.Update{}, postback.ErrChecksum
		}
		return kite.DecodePostback(body, at)
	}}}})
	if err != nil {
		b.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	all.Go(func() {
		if err := e.Run(ctx); err != nil && !errors.Is(err, context.Canceled) {
			b.Error(err)
		}
	})
	serving, hang := context.WithCancel(context.Background())
	all.Go(func() { _ = receiver.Serve(serving, listener) })
	time.Sleep(200 * time.Millisecond) // armed
	return listener.Addr().String(), func() {
		hang()
		cancel()
		all.Wait()
		_ = store.Close()
	}
}

func benchRules(b *testing.B, n int) *rules.Set {
	b.Helper()
	source := "version: 1\nrules:\n"
	for i := range n {
		source += fmt.Sprintf("  - name: r%d\n    on: [fill, cancelled]\n    when: order.exchange == \"NFO\" and order.quantity > %d\n    then: [{ log: \"never\" }]\n", i, 1000+i)
	}
	set, problems := rules.Parse("rules.yaml", []byte(source), rules.Options{Specs: actions.Builtin()})
	if len(problems.Errors()) > 0 {
		b.Fatal(problems)
	}
	return set
}

// BenchmarkAcknowledged prints acknowledged postbacks a second, durable and decided by one rule, beside a bare
// handler in the same run; generator and servers share the machine. Medians of three.
func BenchmarkAcknowledged(b *testing.B) {
	bodies := postbacks(200_000)
	var ratios, bares, ours [3]float64
	for i := range ratios {
		address, stop := bare(b)
		bares[i] = load(b, address, bodies)
		stop()
		address, stop = backstop(b, benchRules(b, 1))
		ours[i] = load(b, address, bodies)
		stop()
		ratios[i] = ours[i] / bares[i]
	}
	b.ReportMetric(median(bares), "bare/s")
	b.ReportMetric(median(ours), "backstop/s")
	b.ReportMetric(median(ratios), "ratio")
	b.ReportMetric(0, "ns/op")
}

func median(v [3]float64) float64 {
	return max(min(v[0], v[1]), min(max(v[0], v[1]), v[2]))
}
