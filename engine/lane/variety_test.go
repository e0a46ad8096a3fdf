package lane_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"backstop/actions"
	"backstop/engine/lane"
	"backstop/engine/order"
)

const nextLegs = `
version: 1
rules:
  - name: stop
    on: [partial_fill, fill]
    when: order.role == "entry"
    then: [place_stop_loss: { trigger_price: loss(20) }]
  - name: hedge
    on: rejected
    then: [place_order: { exchange: NFO, tradingsymbol: "${order.tradingsymbol}", transaction_type: BUY, quantity: 225, product: MIS, order_type: LIMIT, price: 100, VARIETY }]
    on_error: [telegram: "${error.type}: ${error.message}"]
`

// hedged is a desk whose rule places an order of a variety.
func hedged(t *testing.T, variety string, change ...func(*lane.Options)) *desk {
	d := newDesk(t, strings.Replace(nextLegs, "VARIETY", variety, 1), change...)
	d.set("R1", func(u *order.Update) { u.Status = order.StatusRejected })
	d.postback("R1")
	d.readBook()
	return d
}

func TestAnIcebergIsOnePlacementWhoseLegsAreOneGroup(t *testing.T) {
	d := hedged(t, "variety: iceberg, iceberg_legs: 3")
	r := d.take(actions.Place)
	if p := r.Call.Params; r.Call.Variety != "iceberg" || p.IcebergLegs != 3 || p.IcebergQuantity != 75 || p.Quantity != 225 {
		t.Fatalf("placed %+v", r.Call)
	}
	leg := func(id string) {
		d.set(id, func(u *order.Update) { u.Variety, u.Tag, u.Price = "iceberg", r.Call.Params.Tag, 100*order.Rupee })
	}
	leg("L1")
	d.step(lane.Input{Outcome: &lane.Outcome{RequestID: r.ID, Attempt: r.Attempts, OrderID: "L1"}})
	d.now = d.now.Add(2 * time.Second)
	d.readBook()
	d.set("L1", filled(75))
	leg("L2")
	d.readBook()
	stop := d.take(actions.Place)
	if stop.Call.Params.Quantity != 75 || stop.Call.Variety != "regular" {
		t.Fatalf("the stop is %+v", stop.Call)
	}
	d.accept(stop, "S1")
	d.restart(time.Second)
	d.set("L2", filled(75))
	leg("L3")
	d.readBook()
	if grown := d.take(actions.Modify); grown.Call.OrderID != "S1" || grown.Call.Params.Quantity != 150 {
		t.Fatalf("the legs are not one group: %+v", grown.Call)
	}
	if slices.ContainsFunc(d.tells, func(s string) bool { return strings.HasPrefix(s, "DOUBLED") }) {
		t.Errorf("told %q", d.tells)
	}
}

func TestInvariant2AnOrderBeyondTheLegsOfAnIcebergIsCancelled(t *testing.T) {
	d := hedged(t, "variety: iceberg, iceberg_legs: 3")
	r := d.take(actions.Place)
	d.step(lane.Input{Outcome: &lane.Outcome{RequestID: r.ID, Attempt: r.Attempts, OrderID: "L1"}})
	for _, id := range []string{"L1", "L2", "L3", "L4"} {
		d.set(id, func(u *order.Update) { u.Variety, u.Tag, u.Price = "iceberg", r.Call.Params.Tag, 100*order.Rupee })
	}
	d.now = d.now.Add(2 * time.Second)
	d.readBook()
	if c := d.take(actions.Cancel); c.Call.Variety != "iceberg" || c.Call.OrderID == "L1" {
		t.Fatalf("cancelled %+v", c.Call)
	}
}

func TestAnAfterMarketOrderIsDoneOnceTheBrokerKeepsIt(t *testing.T) {
	d := hedged(t, "variety: amo", func(o *lane.Options) { o.Hours = shut{o.Hours} })
	r := d.take(actions.Place)
	if r.Call.Variety != "amo" {
		t.Fatalf("placed %+v", r.Call)
	}
	d.set("A1", func(u *order.Update) { u.Variety, u.Tag, u.Status = "amo", r.Call.Params.Tag, order.StatusNone })
	d.book["A1"].RawStatus = "AMO REQ RECEIVED"
	d.step(lane.Input{Outcome: &lane.Outcome{RequestID: r.ID, Attempt: r.Attempts, OrderID: "A1"}})
	d.now = d.now.Add(2 * time.Second)
	d.readBook()
	if s := d.state(r.ID); s != "done " {
		t.Errorf("the request is %s", s)
	}
	d.wait(time.Minute)
	if slices.ContainsFunc(d.tells, func(s string) bool { return strings.HasPrefix(s, "WAITING") }) {
		t.Errorf("told %q", d.tells)
	}
}

// shut are hours in which nothing is open.
type shut struct{ lane.Hours }

func (shut) IsOpen(string, time.Time) bool     { return false }
func (shut) Close(string, time.Time) time.Time { return time.Time{} }
