package engine

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"backstop/engine/journal/memory"
	"backstop/engine/order"
)

// BenchmarkSubmit is the way of an update from Submit to its durable answer with 64 submitters, the real lane and
// a journal in memory.
func BenchmarkSubmit(b *testing.B) {
	x, desk := exchange(), &channel{}
	e, err := New(trading(b, x, memory.New(), desk))
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	ended := make(chan error, 1)
	go func() { ended <- e.Run(ctx) }()
	var n atomic.Int64
	now := time.Now()
	b.SetParallelism(32)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			i := n.Add(1)
			u := order.Update{Account: "AB1234", Source: order.SourcePostback, OrderID: fmt.Sprintf("26112300%07d", i%500), Status: order.StatusOpen, RawStatus: "OPEN",
				Exchange: "NSE", Tradingsymbol: fmt.Sprintf("S%d", i%50), TransactionType: order.Buy, OrderType: "LIMIT", Product: "MIS", Quantity: 10,
				Price: order.Rupee, OrderTimestamp: now.Add(time.Duration(i)), ExchangeUpdateTimestamp: now.Add(time.Duration(i)), Raw: fmt.Appendf(nil, "%d", i)}
			if _, err := e.Submit(ctx, u); err != nil {
				b.Error(err)
			}
		}
	})
	b.StopTimer()
	cancel()
	<-ended
}
