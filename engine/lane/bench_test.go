package lane_test

import (
	"fmt"
	"testing"
	"time"

	"backstop/actions"
	"backstop/engine/journal"
	"backstop/engine/lane"
	"backstop/engine/market"
	"backstop/engine/order"
	"backstop/rules"
)

// benchRule listens to fills, reads a role and does not match what the benchmark posts.
const benchRule = `
version: 1
rules:
  - name: stop
    on: [partial_fill, fill]
    when: order.role == "entry" and order.exchange == "NFO"
    then:
      - place_stop_loss: { trigger_price: loss(20) }
`

// benchLane is an armed lane in dry-run under the rules given, as the service runs it.
func benchLane(b *testing.B, source string) *lane.Lane {
	b.Helper()
	set, problems := rules.Parse("rules.yaml", []byte(source), rules.Options{Specs: actions.Builtin(), Channels: []string{"telegram"}})
	if errs := problems.Errors(); len(errs) > 0 {
		b.Fatalf("rules: %v", errs)
	}
	now := time.Date(2026, 11, 23, 10, 0, 0, 0, order.IST)
	l, err := lane.New(lane.Options{Account: "AB1234", Mode: lane.DryRun, Confirm: true, Rules: set, Hours: market.Always(), Instruments: list{}}, &journal.Snapshot{}, now)
	if err != nil {
		b.Fatal(err)
	}
	l.Step(now, lane.Unlimited, nil)
	l.Step(now, lane.Unlimited, []lane.Input{{Read: &lane.Read{Began: now, Ended: now}}, {Positions: &lane.Positions{Began: now}}})
	return l
}

// completed is the postback of the i-th order, filled whole, at one of so many places.
func completed(i, places int) lane.Input {
	at := time.Date(2026, 11, 23, 10, 0, 0, 0, order.IST).Add(time.Duration(i) * 4 * time.Millisecond).Truncate(time.Second)
	u := &order.Update{Account: "AB1234", Source: order.SourcePostback, OrderID: fmt.Sprintf("2611230000%05d", i), ExchangeOrderID: fmt.Sprintf("12%013d", i),
		PlacedBy: "AB1234", GUID: fmt.Sprintf("abc%d", i), AppID: 1001, Status: order.StatusComplete, RawStatus: "COMPLETE", OrderTimestamp: at,
		ExchangeUpdateTimestamp: at, ExchangeTimestamp: at, Variety: "regular", Exchange: "NSE", Tradingsymbol: fmt.Sprintf("BENCH%d", i%places),
		InstrumentToken: 408065, OrderType: "LIMIT", TransactionType: order.Buy, Validity: "DAY", Product: "MIS", Quantity: 10, FilledQuantity: 10,
		Price: 1500 * order.Rupee, AveragePrice: 1500 * order.Rupee, Raw: fmt.Appendf(nil, `{"order_id":"%d"}`, i)}
	return lane.Input{Update: u}
}

// BenchmarkStep is what one postback of a filled order costs the lane, 32 of them a step, on a day that has so many
// orders already.
func BenchmarkStep(b *testing.B) {
	const batch, places = 32, 50
	for _, day := range []int{10, 1000, 10_000} {
		b.Run(fmt.Sprintf("day=%d", day), func(b *testing.B) {
			l := benchLane(b, benchRule)
			now := time.Date(2026, 11, 23, 10, 0, 1, 0, order.IST)
			n := 0
			step := func() {
				inputs := make([]lane.Input, 0, batch)
				for range batch {
					inputs = append(inputs, completed(n, places))
					n++
				}
				now = now.Add(time.Millisecond)
				l.Step(now, lane.Unlimited, inputs)
			}
			for n < day {
				step()
			}
			b.ReportAllocs()
			b.ResetTimer()
			from := n
			for b.Loop() {
				step()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n-from), "ns/update")
		})
	}
}
