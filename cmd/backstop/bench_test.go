//go:build unix

package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"backstop/engine/paper"
)

// The benchmarks below measure Backstop as serve wires it, SQLite with synchronous=FULL, against plain handlers that
// do less, in the same run on the same two processors: load, server and broker share them. What counts is the ratio;
// each is the median of three rounds. `make bench` runs them all.

// rounds is how often each pair is measured.
const rounds = 3

// BenchmarkAcknowledged is durable acknowledgements a second at 64 connections, decisions journalled, against a bare
// handler that only reads the body and checks the checksum; and what each costs the processors.
func BenchmarkAcknowledged(b *testing.B) {
	for _, n := range []int{1, 100, 1000} {
		b.Run(fmt.Sprintf("rules=%d", n), func(b *testing.B) {
			ours, bare := newSamples(), newSamples()
			for range rounds {
				warm, bodies := benchBodies(benchAccount, 0, 1000), benchBodies(benchAccount, 1000, benchOrders)
				url, stop := bareChecksum()
				saturate(b, url, warm) // connections and caches warm
				bare.add(saturate(b, url, bodies))
				stop()
				s := newBenched(b, serviceOptions{rules: benchRules(n)})
				saturate(b, s.url, warm)
				ours.add(saturate(b, s.url, bodies))
				s.stop()
			}
			b.ReportMetric(ours.rate()/bare.rate(), "ratio")
			b.ReportMetric(ours.rate(), "acks/s")
			b.ReportMetric(ours.cpu(), "cpu-us/ack")
			b.ReportMetric(bare.cpu(), "cpu-us/bare")
			b.ReportMetric(float64(ours.refused), "refused")
		})
	}
}

// BenchmarkGroupCommit is what a handler reaches that makes raw bodies durable in groups and does nothing else.
func BenchmarkGroupCommit(b *testing.B) {
	group, bare := newSamples(), newSamples()
	for range rounds {
		bodies := benchBodies(benchAccount, 0, benchOrders)
		url, stop := bareChecksum()
		saturate(b, url, bodies[:1000])
		bare.add(saturate(b, url, bodies))
		stop()
		url, stop = bareGroup(b, nil)
		group.add(saturate(b, url, bodies))
		stop()
	}
	b.ReportMetric(group.rate()/bare.rate(), "ratio")
}

// BenchmarkAckLatency is how long an acknowledgement takes at half of the load that Backstop reaches, against bare
// with group commit; and at 20 a second, against bare with one sync a request.
func BenchmarkAckLatency(b *testing.B) {
	b.Run("half-load", func(b *testing.B) {
		bodies := benchBodies(benchAccount, 0, benchOrders)
		s := newBenched(b, serviceOptions{rules: benchRules(1)})
		rate := saturate(b, s.url, bodies).rate / 2
		s.stop()
		compareLatency(b, int(rate), benchOrders, func() (string, func()) { return bareGroup(b, nil) })
	})
	b.Run("20-a-second", func(b *testing.B) {
		compareLatency(b, 20, 100, func() (string, func()) { return bareSync(b) })
	})
}

func compareLatency(b *testing.B, rate, n int, bare func() (string, func())) {
	var p50, p99, worst []float64
	for range rounds {
		bodies := benchBodies(benchAccount, 0, n)
		url, stop := bare()
		plain := paced(b, url, bodies, rate)
		stop()
		s := newBenched(b, serviceOptions{rules: benchRules(1)})
		ours := paced(b, s.url, bodies, rate)
		s.stop()
		p50, p99 = append(p50, ratio(ours.at(50), plain.at(50))), append(p99, ratio(ours.at(99), plain.at(99)))
		worst = append(worst, ours.at(99).Seconds()*1000)
	}
	b.ReportMetric(median(p50), "p50-ratio")
	b.ReportMetric(median(p99), "p99-ratio")
	b.ReportMetric(median(worst), "p99-ms")
}

// BenchmarkBrokerTrouble is what acknowledgements suffer from a broker that answers in 50 ms, hangs, or is down,
// against a fast one.
func BenchmarkBrokerTrouble(b *testing.B) {
	for _, c := range []struct {
		name string
		with serviceOptions
	}{
		{"50ms", serviceOptions{broker: func(h http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				time.Sleep(50 * time.Millisecond)
				h.ServeHTTP(w, r)
			})
		}}},
		{"hanging", serviceOptions{trouble: hang}},
		{"down", serviceOptions{trouble: refuse}},
	} {
		b.Run(c.name, func(b *testing.B) {
			var rate, p99 []float64
			for range rounds {
				bodies := benchBodies(benchAccount, 0, benchOrders)
				measured := [2]sample{}
				for i, o := range []serviceOptions{{}, c.with} {
					o.rules, o.live = benchRules(1), true
					s := newBenched(b, o)
					measured[i] = saturate(b, s.url, bodies)
					s.stop()
				}
				rate = append(rate, measured[1].rate/measured[0].rate)
				p99 = append(p99, ratio(measured[1].took.at(99), measured[0].took.at(99)))
			}
			b.ReportMetric(median(rate), "rate-ratio")
			b.ReportMetric(median(p99), "p99-ratio")
		})
	}
}

// BenchmarkStop is the time from a postback of a fill to the stop order at the broker, two a second, against a bare
// handler that makes the body durable and orders at once.
func BenchmarkStop(b *testing.B) {
	for _, confirm := range []bool{false, true} {
		b.Run(fmt.Sprintf("confirm=%v", confirm), func(b *testing.B) {
			var p50, p99, ms []float64
			for range rounds {
				plain := fills(b, newBenchDesk(b, func(x *paper.Exchange, broker string) (string, func()) { return bareGroup(b, stopAtOnce(b, broker)) }), 20)
				ours := fills(b, newBenchDesk(b, func(x *paper.Exchange, broker string) (string, func()) {
					s := newBenched(b, serviceOptions{rules: stopRules, live: true, unconfirmed: !confirm, exchange: x, brokerURL: broker})
					return s.url, s.stop
				}), 20)
				p50, p99, ms = append(p50, ratio(ours.at(50), plain.at(50))), append(p99, ratio(ours.at(99), plain.at(99))), append(ms, ours.at(50).Seconds()*1000)
			}
			b.ReportMetric(median(p50), "p50-ratio")
			b.ReportMetric(median(p99), "p99-ratio")
			b.ReportMetric(median(ms), "p50-ms")
		})
	}
}

// BenchmarkBrokerLies is how many stops stand behind each fill where the broker takes the order and answers 503, hangs,
// or resets the connection: exactly one.
func BenchmarkBrokerLies(b *testing.B) {
	for _, c := range []struct {
		name   string
		answer func(http.ResponseWriter)
	}{
		{"503", func(w http.ResponseWriter) { http.Error(w, "<html>503</html>", http.StatusServiceUnavailable) }},
		{"hangs", func(http.ResponseWriter) { time.Sleep(8 * time.Second) }},
		{"resets", func(w http.ResponseWriter) { reset(w) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			x := newExchange(b)
			s := newBenched(b, serviceOptions{rules: stopRules, live: true, exchange: x, broker: func(h http.Handler) http.Handler { return lie(h, c.answer) }})
			const entries = 8
			for range entries {
				buy(b, x, s.url)
			}
			stops := settled(b, x, entries)
			s.stop()
			b.ReportMetric(float64(stops)/entries, "stops/fill")
		})
	}
}

// BenchmarkMemory is the service's resident memory, as a process of its own, after 5,000 orders at 64 connections.
func BenchmarkMemory(b *testing.B) {
	p := startProcess(b, b.TempDir(), benchRules(1))
	saturate(b, p.url, benchBodies(benchAccount, 0, benchOrders))
	b.ReportMetric(p.resident(b), "MB")
	p.kill()
}

// BenchmarkReady is the time from the start until a service is ready that was killed with some 100,000 rows in its
// journal: as many orders as Kite takes in a day, each filled in nine parts.
func BenchmarkReady(b *testing.B) {
	data := b.TempDir()
	p := startProcess(b, data, benchRules(1))
	saturate(b, p.url, benchFills(benchAccount, 0, benchOrders, 9))
	p.kill()
	var took []float64
	for range rounds {
		began := time.Now()
		p := startProcess(b, data, benchRules(1))
		took = append(took, time.Since(began).Seconds())
		p.kill()
	}
	b.ReportMetric(median(took), "s")
}

// BenchmarkGrowth is what an acknowledgement costs the processors on a day that has so many orders already, and spread
// over so many accounts.
func BenchmarkGrowth(b *testing.B) {
	for _, orders := range []int{10, 1000, 100_000} {
		b.Run(fmt.Sprintf("orders=%d", orders), func(b *testing.B) {
			s := newBenched(b, serviceOptions{rules: benchRules(1)})
			saturate(b, s.url, benchBodies(benchAccount, 0, orders))
			m := saturate(b, s.url, benchBodies(benchAccount, orders, 2000))
			s.stop()
			b.ReportMetric(m.cpu, "cpu-us/ack")
		})
	}
	for _, accounts := range []int{1, 10, 100} {
		b.Run(fmt.Sprintf("accounts=%d", accounts), func(b *testing.B) {
			s := newBenched(b, serviceOptions{rules: benchRules(1), accounts: accounts})
			var bodies [][]byte
			for i := range accounts {
				bodies = append(bodies, benchBodies(benchUser(i), 0, benchOrders/accounts)...)
			}
			m := saturate(b, s.url, interleaved(bodies, accounts))
			s.stop()
			b.ReportMetric(m.rate, "acks/s")
			b.ReportMetric(m.cpu, "cpu-us/ack")
		})
	}
}

// benchRules are n rules of which none matches the load: one reads a role and an exchange, each of the others has an
// instrument of its own.
func benchRules(n int) string {
	var s strings.Builder
	s.WriteString("version: 1\nalerts: none\nrules:\n  - { name: stop, on: [partial_fill, fill], when: 'order.role == \"entry\" and order.exchange == \"NFO\"', then: [place_stop_loss: { trigger_price: loss(20) }] }\n")
	for i := range n - 1 {
		fmt.Fprintf(&s, "  - { name: rule%d, on: [partial_fill, fill], when: 'order.exchange == \"NFO\" and order.tradingsymbol == \"SYMBOL%d\"', then: [place_stop_loss: { trigger_price: loss(20) }] }\n", i, i)
	}
	return s.String()
}

// stopRules put a stop behind each entry.
const stopRules = "version: 1\nalerts: none\nrules:\n  - { name: stop, on: [partial_fill, fill], when: 'order.role == \"entry\"', then: [place_stop_loss: { trigger_price: loss(20) }] }\n"

// writeRules puts rules into a file of their own.
func writeRules(b *testing.B, source string) string {
	path := filepath.Join(b.TempDir(), "rules.yaml")
	if err := os.WriteFile(path, []byte(source), 0o600); err != nil {
		b.Fatal(err)
	}
	return path
}
