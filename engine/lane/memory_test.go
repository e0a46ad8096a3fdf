package lane_test

import (
	"slices"
	"testing"
	"time"

	"backstop/engine/lane"
	"backstop/engine/order"
)

const countRule = `
version: 1
rules:
  - name: count
    on: rejected
    then:
      - set: { n: "(state.n ?? 0) + 1", last: order.order_id, some: true }
      - telegram: "${state.n} ${state.last} ${state.some} ${action.n}"
  - name: first
    on: open
    when: state.n == nil
    then: [telegram: "nothing yet"]
`

func TestMemoryIsOfTheAccountAndDurable(t *testing.T) {
	d := newDesk(t, countRule)
	d.opened("E1")
	for i, id := range []string{"R1", "R2", "R3"} {
		d.opened(id, func(u *order.Update) { u.Status = order.StatusRejected })
		if i == 1 {
			d.restart(time.Second)
		}
	}
	d.opened("E2")
	if want := []string{"nothing yet", "1 R1 true 1", "2 R2 true 2", "3 R3 true 3"}; !slices.Equal(d.tells, want) {
		t.Fatalf("told %q, want %q", d.tells, want)
	}
}

func TestMemoryIsPartOfTheStepThatWroteIt(t *testing.T) {
	d := newDesk(t, countRule)
	d.set("R1", func(u *order.Update) { u.Status = order.StatusRejected })
	u := *d.book["R1"]
	u.Source = order.SourcePostback
	u.Raw = []byte("{}")
	d.lane.Step(d.now, lane.Unlimited, []lane.Input{{Update: &u}}) // and the commit fails
	d.start()
	d.arm() // the book tells it
	if !slices.Equal(d.tells, []string{"1 R1 true 1"}) {
		t.Fatalf("told %q", d.tells)
	}
}

func TestDayIsDerivedFromTheOrders(t *testing.T) {
	d := newDesk(t, `
version: 1
rules:
  - name: day
    on: flat
    then: [telegram: "${day.realized_pnl} ${day.pnl} ${day.orders} ${day.fills} ${day.rejections} ${day.cancellations} ${day.wins} ${day.losses}"]
`)
	d.opened("R1", func(u *order.Update) { u.Status = order.StatusRejected })
	d.opened("C1", func(u *order.Update) { u.Status = order.StatusCancelled })
	d.opened("E1", filled(75))
	d.opened("E2", func(u *order.Update) { u.Tradingsymbol = "OTHER"; filled(75)(u) })
	d.opened("X1", func(u *order.Update) { u.TransactionType, u.Price = "SELL", 110*order.Rupee; filled(75)(u) })
	if len(d.tells) > 0 {
		t.Fatalf("day.pnl needs the last price of OTHER, but %q", d.tells)
	}
	d.step(lane.Input{Prices: &lane.Prices{Last: map[string]order.Price{"NFO:OTHER": 121 * order.Rupee}}})
	if !slices.Equal(d.tells, []string{"-750 -675 5 3 1 1 0 1"}) {
		t.Fatalf("told %q", d.tells)
	}
}

func TestPriceTellsTheOpenGroupsWhoseInstrumentMoved(t *testing.T) {
	d := newDesk(t, `
version: 1
rules:
  - name: trail
    on: price
    when: gain() > 5
    then: [telegram: "${group.last_price} ${gain()}"]
`)
	d.opened("E1", filled(75))
	b := d.step(lane.Input{Control: &lane.Control{Verb: lane.Reconcile}})
	if !b.Reads.Positions {
		t.Fatal("a reconciliation reads the prices that a rule lives on")
	}
	for _, p := range []order.Price{125, 130, 130, 132} {
		d.step(lane.Input{Prices: &lane.Prices{Last: map[string]order.Price{"NFO:" + call: p * order.Rupee, "NFO:OTHER": p}}})
	}
	if !slices.Equal(d.tells, []string{"130 8.333333", "132 10"}) {
		t.Fatalf("told %q", d.tells)
	}
}

func TestStartedAndStaleAreTold(t *testing.T) {
	d := newDesk(t, `
version: 1
rules:
  - name: up
    on: started
    then: [telegram: "up"]
  - name: stale
    on: stale
    then: [telegram: "stale ${order.order_id}"]
`)
	d.opened("E1")
	d.wait(4 * time.Minute)
	if !slices.Equal(d.tells, []string{"up"}) {
		t.Fatalf("told %q", d.tells)
	}
	d.wait(2 * time.Minute)
	d.restart(time.Second)
	d.wait(20 * time.Minute)
	if !slices.Equal(d.tells, []string{"up", "stale E1", "up"}) {
		t.Fatalf("told %q", d.tells)
	}
}
