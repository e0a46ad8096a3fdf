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

func TestEachGuardrailRefusesByNameAndIsTold(t *testing.T) {
	for limit, want := range map[string]string{
		"max_order_value: 7000":        "max_order_value: 7500 is more than 7000",
		"max_order_value: 7500":        "",
		"max_order_quantity: 74":       "max_order_quantity: 75 is more than 74",
		`instruments: ["NFO:BANK*"]`:   "instruments: NFO:" + call + " is not among them",
		`instruments: ["NFO:NIFTY*"]`:  "",
		"products: [NRML]":             "products: MIS is not among them",
		`trading_hours: "10:30-15:00"`: "trading_hours: it is 10:00",
		`trading_hours: "09:20-15:00"`: "",
		"max_orders_per_day: 2":        "max_orders_per_day: the account has 2 orders today",
		"max_orders_per_day: 3":        "",
		"max_daily_loss: 100":          "",
	} {
		d := exited(t, strings.Replace(reenter, "version: 1", "version: 1\nguardrails: { "+limit+" }", 1))
		told := strings.Join(d.byRules(), "; ")
		if want == "" && len(d.sends) != 1 || want != "" && (len(d.sends) > 0 || !strings.Contains(told, "guardrail: "+want)) {
			t.Errorf("%s: sent %s, told %q", limit, show(d.sends), told)
		}
		failed := 0
		for _, e := range d.rows {
			if e.Kind == order.KindActionFailed {
				failed++
			}
		}
		if (want != "") != (failed == 1) {
			t.Errorf("%s: %d action_failed", limit, failed)
		}
	}
}

func TestInvariant9GuardrailsNeverHoldBackAnExit(t *testing.T) {
	d := newDesk(t, strings.Replace(stopRule, "version: 1", `version: 1
guardrails: { max_order_value: 1, max_order_quantity: 1, max_orders_per_minute: 1, max_orders_per_day: 1, max_open_positions: 1, max_daily_loss: 1, instruments: ["X:Y"], products: [CNC], trading_hours: "23:00-23:01", max_chain: 1 }`, 1)+targetRule)
	d.step(lane.Input{Control: &lane.Control{Verb: lane.Pause}})
	d.opened("E1", filled(75))
	d.accept(d.take(actions.Place), "S1")
	d.accept(d.take(actions.Place), "T1")
	d.set("T1", filled(75))
	d.readBook()
	d.take(actions.Cancel)
}

func TestTheDaysLossPausesOnceAndIsAnEvent(t *testing.T) {
	d := newDesk(t, strings.Replace(reenter, "version: 1\nrules:", `version: 1
guardrails: { max_daily_loss: 700 }
rules:
  - name: loss
    on: guardrail
    then:
      - exit_position: {}
        of: account
      - telegram: "stop: ${day.pnl} ${event.cause}"
`, 1), two)
	d.opened("E1", filled(75))
	d.opened("E2", short, filled(75))
	prices := func(c, p order.Price) {
		d.step(lane.Input{Prices: &lane.Prices{Last: map[string]order.Price{"NFO:" + call: c * order.Rupee, "NFO:" + put: p * order.Rupee}}})
	}
	prices(115, 120)
	d.none()
	prices(110, 120) // -750
	if sent := d.acceptAll("X"); len(sent) != 1 || sent[0].Key.Tradingsymbol != put {
		t.Fatalf("the short is closed first: %s", show(sent))
	}
	d.set("X1", filled(75))
	d.readBook()
	if sent := d.acceptAll("Y"); len(sent) != 1 || sent[0].Key.Tradingsymbol != call {
		t.Fatalf("then the long: %s", show(sent))
	}
	d.set("Y1", filled(75))
	d.readBook()
	d.none() // paused: nothing is entered again
	d.restart(time.Second)
	prices(100, 130)
	var paused, events int
	for _, text := range d.tells {
		if strings.HasPrefix(text, "PAUSED (AB1234): the day's result is -750, and max_daily_loss is 700") {
			paused++
		}
	}
	for _, e := range d.rows {
		if e.Kind == order.KindGuardrail {
			events++
		}
	}
	if paused != 1 || events != 1 || !d.lane.View().Paused {
		t.Errorf("paused %d times, %d events: %q", paused, events, d.tells)
	}
}

func TestMaxChainEndsALoop(t *testing.T) {
	d := newDesk(t, `
version: 1
rules:
  - name: loop
    on: fill
    then: [place_order: { exchange: NFO, tradingsymbol: "${order.tradingsymbol}", transaction_type: BUY, quantity: 75, product: MIS, order_type: LIMIT, price: 100 }]
    on_error: [telegram: "${error.message}"]
`)
	d.opened("E1", filled(75))
	placed := 0
	for len(d.sends) > 0 {
		placed++
		id := "N" + string(rune('0'+placed))
		d.accept(d.take(actions.Place), id)
		d.set(id, filled(75))
		d.readBook()
	}
	if placed != 4 { // the first answers a person's order, three more answer Backstop's own
		t.Errorf("%d orders", placed)
	}
	if told := d.byRules(); len(told) != 2 || !slices.ContainsFunc(told, func(s string) bool { return strings.HasPrefix(s, "max_chain: 3 orders in a row") }) {
		t.Errorf("told %q", told)
	}
}

func TestMaxOrdersPerMinuteCountsWhatLeft(t *testing.T) {
	d := exited(t, strings.Replace(reenter, "version: 1", "version: 1\nguardrails: { max_orders_per_minute: 1 }", 1))
	d.accept(d.take(actions.Place), "N1")
	d.opened("E5", func(u *order.Update) { u.Product = "NRML"; filled(75)(u) })
	d.opened("X5", func(u *order.Update) { u.Product, u.TransactionType = "NRML", "SELL"; filled(75)(u) })
	d.none()
	if !strings.Contains(strings.Join(d.tells, ";"), "max_orders_per_minute: 1 left within a minute") {
		t.Errorf("told %q", d.tells)
	}
	d.wait(time.Minute)
	d.opened("E6", func(u *order.Update) { u.Product = "NRML"; filled(75)(u) })
	d.opened("X6", func(u *order.Update) { u.Product, u.TransactionType = "NRML", "SELL"; filled(75)(u) })
	d.take(actions.Place)
}
