package kite_test

import (
	"testing"

	"backstop/actions/actionstest"
	"backstop/engine/order"
)

// TestKiteIsABroker: the client passes the suite against the paper exchange.
func TestKiteIsABroker(t *testing.T) {
	t.Parallel()
	actionstest.RunBroker(t, func(t *testing.T) actionstest.Bench {
		d := open(t)
		return actionstest.Bench{Broker: d.Client, Account: user, Product: "NRML", Quantity: 130, Price: 100 * order.Rupee,
			Instrument: order.Instrument{Exchange: "NFO", Tradingsymbol: option, TickSize: order.Rupee / 20, LotSize: 65},
			Secrets:    []string{"paper_key", "paper_token", "my_api_secret"},
			Fault: func(point string, f actionstest.Fault) {
				if err := d.s.Injector().Next(point, string(f)); err != nil {
					t.Fatal(err)
				}
			},
			Reject: func(text string) { d.x.RejectNext(user, text) },
			Fill: func(id string, n int64) {
				if err := d.x.Fill(id, int(n), 0); err != nil {
					t.Fatal(err)
				}
			},
			Pass: d.clock.advance,
			Truth: func() []string {
				var ids []string
				for _, o := range d.x.Book() {
					ids = append(ids, o.OrderID)
				}
				return ids
			}}
	})
}
