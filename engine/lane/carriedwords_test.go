package lane_test

import (
	"slices"
	"testing"
	"time"

	"backstop/actions"
	"backstop/engine/lane"
	"backstop/engine/market"
	"backstop/engine/order"
)

const flatByName = `version: 1
rules:
  - name: flat
    on: flat
    when: order.exchange == "NFO" and order.product == "NRML"
    then:
      - telegram: "Flat: ${order.tradingsymbol} ${order.transaction_type}"
  - name: known
    on: flat
    when: order.role == "entry" and order.transaction_type == "BUY" and order.exchange == "NFO"
    then:
      - telegram: "entered before"
`

// A position that was carried in goes flat: its instrument is known, whether or not its entry is.
func TestWhatWasCarriedInGoesFlatByName(t *testing.T) {
	key := order.Key{Exchange: "NFO", Tradingsymbol: call, Product: "NRML"}
	for name, c := range map[string]struct {
		entry bool
		want  string
	}{"its entry was seen": {true, "Flat: " + call + " BUY"}, "it was entered before": {false, "Flat: " + call + " "}} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t, flatByName, func(o *lane.Options) { o.Hours = market.Default() })
			d.now, d.snap.Orders, d.snap.Docs = time.Date(2026, 11, 12, 15, 0, 0, 0, order.IST), nil, nil
			d.start()
			if c.entry {
				d.arm()
				d.set("E1", func(u *order.Update) { u.Product = "NRML"; filled(75)(u) })
				d.readBook()
			}
			d.now = time.Date(2026, 11, 13, 9, 30, 0, 0, order.IST)
			clear(d.book)
			d.step()
			d.readBook()
			d.step(lane.Input{Positions: &lane.Positions{Began: d.now, Rows: []actions.PositionRow{{Key: key, Quantity: 75, Overnight: 75,
				AveragePrice: 120 * order.Rupee, ClosePrice: 121 * order.Rupee, LastPrice: 121 * order.Rupee}}}})
			d.now = d.now.Add(time.Minute)
			d.set("X1", func(u *order.Update) { u.Product, u.TransactionType = "NRML", order.Sell; filled(75)(u) })
			d.postback("X1")
			d.readBook()
			if !slices.Contains(d.tells, c.want) {
				t.Errorf("want %q, told %q", c.want, d.tells)
			}
			if slices.Contains(d.tells, "entered before") != c.entry {
				t.Errorf("its entry is known: %v; told %q", c.entry, d.tells)
			}
		})
	}
}
