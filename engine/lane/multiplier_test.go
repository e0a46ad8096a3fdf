package lane_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"backstop/actions"
	"backstop/engine/lane"
	"backstop/engine/market"
	"backstop/engine/order"
	"backstop/rules"
)

const crude = "CRUDEOIL26DECFUT"

const crudeRules = `
version: 1
RAILS
rules:
  - name: large
    on: fill
    when: order.role == "entry" and order.value > 100_000
    then: [telegram: "worth ${order.value}"]
  - name: flat
    on: flat
    then: [telegram: "made ${group.realized_pnl}, today ${day.realized_pnl}"]
  - name: plain
    on: fill
    then: [telegram: "filled at ${order.average_price}"]
  - name: again
    on: rejected
    then: [place_order: { exchange: MCX, tradingsymbol: CRUDEOIL26DECFUT, transaction_type: BUY, quantity: 1, product: MIS, order_type: LIMIT, price: 5400 }]
    on_error: [telegram: "${error.message}"]
`

func oil(u *order.Update) { u.Exchange, u.Tradingsymbol, u.Quantity = "MCX", crude, 2 }

func crudeDesk(t *testing.T, rails string) *desk {
	return newDesk(t, strings.Replace(crudeRules, "RAILS", rails, 1), func(o *lane.Options) {
		o.Instruments = list{"MCX:" + crude: {Exchange: "MCX", Tradingsymbol: crude, TickSize: order.Rupee, LotSize: 1, Type: "FUT"}}
	})
}

func bought(u *order.Update) {
	oil(u)
	u.Price, u.AveragePrice, u.FilledQuantity, u.Status = 5400*order.Rupee, 5400*order.Rupee, 2, order.StatusComplete
}

func soldAt(rupees order.Price) func(*order.Update) {
	return func(u *order.Update) {
		bought(u)
		u.TransactionType, u.Price, u.AveragePrice = "SELL", rupees*order.Rupee, rupees*order.Rupee
	}
}

// positions answers a reading of the positions with a multiplier, 0: a row that tells none.
func (d *desk) positions(multiplier int64, last order.Price) {
	d.step(lane.Input{Positions: &lane.Positions{Began: d.now, Rows: []actions.PositionRow{{
		Key: order.Key{Exchange: "MCX", Tradingsymbol: crude, Product: "MIS"}, Quantity: 2, Multiplier: multiplier, LastPrice: last}}}})
}

func TestWhatALotIsWorthIsWaitedForAndNeverTakenForOne(t *testing.T) {
	d := crudeDesk(t, "")
	d.set("E1", bought)
	b := d.postback("E1")
	if told := d.byRules(); !slices.Equal(told, []string{"filled at 5400"}) || !b.Reads.Positions {
		t.Fatalf("told %q, positions wanted: %v", told, b.Reads.Positions)
	}
	d.positions(0, 0)
	if len(d.byRules()) > 1 {
		t.Fatalf("told %q", d.tells)
	}
	d.restart(time.Second)
	d.positions(100, 0)
	if told := d.byRules(); !slices.Contains(told, "worth 1080000") {
		t.Fatalf("told %q", told)
	}
	d.restart(time.Second) // what was told is remembered
	d.set("X1", soldAt(5350))
	d.postback("X1")
	if told := d.byRules(); !slices.Contains(told, "made -10000, today -10000") {
		t.Fatalf("told %q", told)
	}
}

func TestTheDaysLossCountsWhatALotIsWorth(t *testing.T) {
	d := crudeDesk(t, "guardrails: { max_daily_loss: 5000 }")
	d.set("E1", bought)
	d.postback("E1")
	d.readBook()
	if d.lane.View().Paused {
		t.Fatal("paused on nothing")
	}
	d.positions(100, 5370*order.Rupee) // 30 rupees of 2 lots of 100 barrels
	if !d.lane.View().Paused {
		t.Error("a loss of 6000 does not pause at 5000")
	}
}

func TestAnOrderWhoseValueIsNotKnownPassesNoLimitOfValue(t *testing.T) {
	d := crudeDesk(t, "guardrails: { max_order_value: 600000 }")
	d.end("R1", order.StatusRejected, 75)
	d.none()
	if told := d.byRules(); !slices.ContainsFunc(told, func(s string) bool {
		return strings.HasPrefix(s, "max_order_value: the value of an order in "+crude+" is not known")
	}) {
		t.Fatalf("told %q", told)
	}
	d.set("E1", bought)
	d.readBook()
	d.positions(100, 0)
	d.end("R2", order.StatusRejected, 75)
	if r := d.take(actions.Place); r.Call.Params.Quantity != 1 {
		t.Errorf("placed %+v", r.Call)
	}
}

func TestARehearsalAssumesAMultiplierByName(t *testing.T) {
	set, problems := rules.Parse("rules.yaml", []byte(strings.Replace(crudeRules, "RAILS", "", 1)), rules.Options{Specs: actions.Builtin(), Channels: []string{"telegram"}})
	if errs := problems.Errors(); len(errs) > 0 {
		t.Fatal(errs)
	}
	for multiplier, want := range map[int64][]string{0: {"multiplier"}, 100: nil} {
		given := map[string]int64{}
		if multiplier > 0 {
			given["MCX:"+crude] = multiplier
		}
		now := time.Date(2026, 11, 23, 10, 0, 0, 0, order.IST)
		r, err := lane.NewRehearsal(lane.Options{Account: "AB1234", Mode: lane.DryRun, Rules: set, Hours: market.Always(), Assume: true,
			Instruments: list{"MCX:" + crude: {Exchange: "MCX", Tradingsymbol: crude, TickSize: order.Rupee, LotSize: 1}}, Multipliers: given}, nil, now)
		if err != nil {
			t.Fatal(err)
		}
		r.Take(now, lane.Input{Positions: &lane.Positions{Began: now}})
		u := order.Update{Account: "AB1234", OrderID: "E1", TransactionType: "BUY", Product: "MIS", OrderType: "LIMIT", OrderTimestamp: now, Source: order.SourceReplay, Raw: []byte("{}")}
		bought(&u)
		var assumed []string
		matched := false
		for _, s := range r.Take(now, lane.Input{Update: &u}) {
			for _, x := range s.Decisions {
				if x.Rule == "large" && x.Why != "on" {
					assumed, matched = x.Assumed, x.Matched
				}
			}
		}
		if !slices.Equal(assumed, want) || matched != (multiplier == 100) {
			t.Errorf("multiplier %d: matched %v, assumed %q", multiplier, matched, assumed)
		}
	}
}
