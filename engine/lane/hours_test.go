package lane_test

import (
	"strings"
	"testing"
	"time"

	"backstop/actions"
	"backstop/engine/lane"
	"backstop/engine/market"
	"backstop/engine/order"
)

const morning = `
version: 1
rules:
  - name: morning
    on: { schedule: "30 10 * * *" }
    then:
      - place_order: { exchange: NFO, tradingsymbol: ` + call + `, transaction_type: BUY, quantity: 75, product: NRML, order_type: LIMIT, price: 100 }
    on_error: [telegram: "${error.type}: ${error.message}"]
`

// On 24 November 2026 the derivatives have a holiday and MCX trades in the evening (docs/kite.md 6.3): a trading day, on
// which Zerodha would keep the order for the next one.
func TestNothingIsPlacedForTheNextDayBecauseAnotherExchangeTrades(t *testing.T) {
	for source, want := range map[string]int{morning: 0, strings.Replace(morning, `* * *" }`, `* * *", holidays: true }`, 1): 1} {
		d := newDesk(t, source, func(o *lane.Options) { o.Hours = market.Default() })
		d.restart(24 * time.Hour)
		d.arm()
		d.sends, d.tells = nil, nil
		d.wait(31 * time.Minute)
		told := strings.Join(d.tells, "; ")
		if len(d.sends) != want || (want == 0) != strings.Contains(told, "guardrail: NFO has no session on Tuesday, 24 November") {
			t.Errorf("sent %s, told %q", show(d.sends), told)
		}
	}
	d := newDesk(t, morning, func(o *lane.Options) { o.Hours = market.Default() })
	d.restart(48 * time.Hour)
	d.arm()
	d.wait(31 * time.Minute)
	d.take(actions.Place)
}

// An after-market order keeps its variety in the book when it opens, and is a regular one from then on (docs/kite.md 6.2).
func TestAnAfterMarketOrderIsCancelledAsRegularOnceItIsOpen(t *testing.T) {
	for status, want := range map[order.Status]string{order.StatusNone: "amo", order.StatusOpen: "regular", order.StatusTriggerPending: "regular"} {
		d := newDesk(t, flatAtNoon)
		d.set("A1", func(u *order.Update) { u.Variety, u.Status = "amo", status })
		if status == order.StatusNone {
			d.book["A1"].RawStatus = "AMO REQ RECEIVED"
		}
		d.readBook()
		d.wait(31 * time.Minute)
		if r := d.take(actions.Cancel); r.Call.Variety != want || r.Call.OrderID != "A1" {
			t.Errorf("%q: cancelled %s as %s", status, r.Call.OrderID, r.Call.Variety)
		}
	}
}

// What the clock says follows the calendar: the closes of docs/kite.md 6.1, holidays of 6.3.
func TestTheWordsOfTheClockFollowTheCalendar(t *testing.T) {
	const source = `
version: 1
rules:
  - name: open
    on: { schedule: "30 10 * * *", holidays: true }
    then: [telegram: "${is_open()}"]
  - name: left
    on: { schedule: "30 10 * * *", holidays: true }
    then: [telegram: "${minutes_to_close()}"]
`
	for days, want := range map[int][]string{0: {"300", "true"}, 1: {"the close of a day without a session is not known", "false"}, 2: {"300", "true"}} { // NSE stands in where the event has no exchange
		d := newDesk(t, source, func(o *lane.Options) { o.Hours = market.Default() })
		if days > 0 {
			d.restart(time.Duration(days) * 24 * time.Hour)
			d.arm()
			d.tells = nil
		}
		d.wait(31 * time.Minute)
		if told := strings.Join(d.tells, "; "); len(d.tells) != 2 || !strings.Contains(told, want[0]) || !strings.Contains(told, want[1]) {
			t.Errorf("after %d days: %q, not %q", days, d.tells, want)
		}
	}
}
