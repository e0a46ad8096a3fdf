//go:build unix

package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"backstop/engine/kite"
	"backstop/engine/order"
)

// The load of the benchmarks: a heavy day of one account.
const (
	benchOrders      = 5000 // Kite takes no more in a day
	benchConnections = 64
	benchSymbols     = 500
	benchAccount     = "AB1234"
	benchSecret      = "bench_secret"
)

// benchUser is the i-th account; the first one is benchAccount.
func benchUser(i int) string {
	if i == 0 {
		return benchAccount
	}
	return fmt.Sprintf("AB%04d", i)
}

// benchBodies are signed postbacks of an account, each of an order of its own that filled, from the first number on.
func benchBodies(user string, first, n int) [][]byte {
	return benchFills(user, first, n, 1)
}

// benchFills are n orders of an account that each fill in so many parts, a postback a part.
func benchFills(user string, first, n, parts int) [][]byte {
	bodies := make([][]byte, n*parts)
	day := time.Now().In(order.IST) // what is not of today changes nothing, and would be measured as that
	for i := range bodies {
		k, part := first+i%n, i/n+1
		status := "UPDATE"
		if part == parts {
			status = "COMPLETE"
		}
		id, at := fmt.Sprintf("%s%s%07d", day.Format("060102"), user[4:], k), day.Format(time.DateTime)
		bodies[i] = fmt.Appendf(nil, `{"user_id":%q,"unfilled_quantity":0,"app_id":1001,"checksum":%q,"placed_by":%q,"order_id":%q,`+
			`"exchange_order_id":"12%013d","parent_order_id":null,"status":%q,"status_message":null,"status_message_raw":null,`+
			`"order_timestamp":%q,"exchange_update_timestamp":%q,"exchange_timestamp":%q,"variety":"regular","exchange":"NSE",`+
			`"tradingsymbol":"BENCH%d","instrument_token":408065,"order_type":"LIMIT","transaction_type":"BUY","validity":"DAY","product":"CNC",`+
			`"quantity":%d,"disclosed_quantity":0,"price":1500,"trigger_price":0,"average_price":1500,"filled_quantity":%d,"pending_quantity":0,`+
			`"cancelled_quantity":0,"market_protection":0,"meta":{},"tag":null,"guid":"abc%d"}`,
			user, kite.Checksum(id, at, benchSecret), user, id, k, status, at, at, at, k%benchSymbols, 10*parts, 10*part, k)
	}
	return bodies
}

// interleaved spreads the equally many bodies of so many accounts over one another.
func interleaved(bodies [][]byte, accounts int) [][]byte {
	each := len(bodies) / accounts
	mixed := make([][]byte, 0, len(bodies))
	for i := range each {
		for a := range accounts {
			mixed = append(mixed, bodies[a*each+i])
		}
	}
	return mixed
}

// sample is one measurement.
type sample struct {
	rate    float64 // acknowledged a second
	cpu     float64 // microseconds of the processors an acknowledgement, load and server
	refused int64   // answered 503
	took    latencies
}

// saturate posts every body once over 64 connections, as fast as it goes.
func saturate(b *testing.B, url string, bodies [][]byte) sample {
	client, idle := newClient()
	defer idle()
	took := make(latencies, len(bodies))
	var next, busy atomic.Int64
	var all sync.WaitGroup
	cpu, began := cpuTime(), time.Now()
	for range benchConnections {
		all.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(bodies)); i = next.Add(1) - 1 {
				sent := time.Now()
				if post(b, client, url, bodies[i]) == http.StatusServiceUnavailable {
					busy.Add(1)
				}
				took[i] = time.Since(sent)
			}
		})
	}
	all.Wait()
	slices.Sort(took)
	n := float64(int64(len(bodies)) - busy.Load())
	return sample{rate: n / time.Since(began).Seconds(), cpu: float64((cpuTime() - cpu).Microseconds()) / n, refused: busy.Load(), took: took}
}

// paced posts every body at its time, whether or not the ones before were answered.
func paced(b *testing.B, url string, bodies [][]byte, rate int) latencies {
	client, idle := newClient()
	defer idle()
	took := make(latencies, len(bodies))
	var all sync.WaitGroup
	gap := time.Second / time.Duration(rate)
	began := time.Now()
	for i := range bodies {
		at := began.Add(time.Duration(i) * gap)
		time.Sleep(time.Until(at))
		all.Go(func() {
			post(b, client, url, bodies[i])
			took[i] = time.Since(at)
		})
	}
	all.Wait()
	slices.Sort(took)
	return took
}

func newClient() (client *http.Client, idle func()) {
	transport := &http.Transport{MaxIdleConnsPerHost: 4 * benchConnections, MaxConnsPerHost: 4 * benchConnections}
	return &http.Client{Transport: transport}, transport.CloseIdleConnections
}

func post(b *testing.B, client *http.Client, url string, body []byte) int {
	reply, err := client.Post(url, "application/x-www-form-urlencoded", bytes.NewReader(body))
	if err != nil {
		b.Error(err)
		return 0
	}
	_, _ = io.Copy(io.Discard, reply.Body)
	_ = reply.Body.Close()
	if reply.StatusCode != http.StatusOK && reply.StatusCode != http.StatusServiceUnavailable {
		b.Errorf("answered %d", reply.StatusCode)
	}
	return reply.StatusCode
}

// latencies are sorted.
type latencies []time.Duration

// at is a percentile.
func (l latencies) at(percent int) time.Duration { return l[min(len(l)*percent/100, len(l)-1)] }

func ratio(a, b time.Duration) float64 { return float64(a) / float64(b) }

func median(list []float64) float64 {
	slices.Sort(list)
	return list[len(list)/2]
}

// samples are the measurements of several rounds.
type samples struct {
	rates, cpus []float64
	refused     int64
}

func newSamples() *samples { return &samples{} }

func (s *samples) add(m sample) {
	s.rates, s.cpus, s.refused = append(s.rates, m.rate), append(s.cpus, m.cpu), s.refused+m.refused
}

func (s *samples) rate() float64 { return median(s.rates) }
func (s *samples) cpu() float64  { return median(s.cpus) }

// cpuTime is what the process has used of the processors.
func cpuTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
