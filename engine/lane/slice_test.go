package lane_test

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"backstop/actions"
	"backstop/engine/lane"
	"backstop/engine/order"
)

// named reads the limit that a refusal names.
func named(o *lane.Options) {
	o.FreezeLimit = func(message string) (int64, bool) {
		n, err := strconv.ParseInt(regexp.MustCompile(`\d+`).FindString(message), 10, 64)
		return n, err == nil
	}
}

func big(n int64) func(*order.Update) {
	return func(u *order.Update) { u.Quantity = n; filled(n)(u) }
}

func quantities(rs []actions.Request) []int64 {
	var out []int64
	for _, r := range rs {
		out = append(out, r.Call.Params.Quantity)
	}
	slices.Sort(out)
	return out
}

func TestAStopAboveTheFreezeQuantityIsSlicedAndKeptTrue(t *testing.T) {
	d := newDesk(t, stopRule, func(o *lane.Options) { o.Freeze = map[string]int64{call: 1800} })
	d.opened("E1", big(4500))
	sent := d.acceptAll("S")
	if q := quantities(sent); !slices.Equal(q, []int64{900, 1800, 1800}) || sent[0].Tag() == sent[1].Tag() {
		t.Fatalf("placed %v", q)
	}
	d.wait(2 * time.Second)
	d.none()
	d.set("X1", func(u *order.Update) { u.TransactionType = "SELL"; big(3000)(u) })
	d.readBook()
	for range 3 { // a cancel and a modify, each seen before the next
		d.acceptAll("N")
		d.wait(2 * time.Second)
	}
	live := int64(0)
	for id, u := range d.book {
		if strings.HasPrefix(id, "S") && u.Status == order.StatusTriggerPending {
			live += u.Quantity
		}
	}
	if live != 1500 {
		t.Errorf("%d live behind 1500", live)
	}
}

func TestARefusalNamesTheFreezeQuantityAndItIsRemembered(t *testing.T) {
	d := newDesk(t, stopRule, named)
	d.opened("E1", big(3600))
	r := d.take(actions.Place)
	d.step(lane.Input{Outcome: &lane.Outcome{RequestID: r.ID, Attempt: 1, Err: &actions.Error{Class: actions.ClassFreeze, Message: "more than the freeze limit of 1825"}}})
	if q := quantities(d.acceptAll("S")); !slices.Equal(q, []int64{1800, 1800}) { // whole lots
		t.Fatalf("placed %v", q)
	}
	for _, text := range d.tells {
		if strings.HasPrefix(text, "FAILED") {
			t.Errorf("nothing has failed: %q", text)
		}
	}
	d.restart(time.Second)
	d.opened("E2", func(u *order.Update) { u.Product = "NRML"; big(2700)(u) })
	if q := quantities(d.sends); !slices.Equal(q, []int64{900, 1800}) {
		t.Fatalf("placed %v", q)
	}
}

func TestAnExitAndARulesOwnOrderAreSlicedToo(t *testing.T) {
	d := newDesk(t, `
version: 1
guardrails: { max_order_quantity: 5000 }
rules:
  - name: out
    on: fill
    when: order.role == "entry" and order.product == "MIS"
    then:
      - exit_position: {}
      - place_order: { exchange: NFO, tradingsymbol: "${order.tradingsymbol}", transaction_type: BUY, quantity: 3600, product: NRML, order_type: LIMIT, price: 100 }
      - telegram: "${action.order_id}"
    on_error: [telegram: "${error.message}"]
`, func(o *lane.Options) { o.Freeze = map[string]int64{call: 1800} })
	d.opened("E1", big(2700))
	if q := quantities(d.acceptAll("X")); !slices.Equal(q, []int64{900, 1800}) {
		t.Fatalf("exits %v", q)
	}
	for _, id := range []string{"X1", "X2"} {
		d.set(id, func(u *order.Update) { filled(u.Quantity)(u) })
	}
	d.readBook()
	if q := quantities(d.acceptAll("N")); !slices.Equal(q, []int64{1800, 1800}) {
		t.Fatalf("orders %v", q)
	}
	d.readBook()
	if told := d.byRules(); len(told) != 1 {
		t.Errorf("told %q", told)
	}
}

// untilSent lets time pass until something leaves.
func (d *desk) untilSent(most time.Duration) {
	d.t.Helper()
	for until := d.now.Add(most); len(d.sends) == 0 && d.now.Before(until); {
		d.wait(250 * time.Millisecond)
	}
}

// triggered is a desk whose stop has triggered and does not fill: 96 with its limit at 93.10.
func triggered(t *testing.T, options string) *desk {
	d, _ := entered(t, strings.Replace(stopRule, "loss(20)", "loss(20)"+options, 1)+`
  - name: unfilled
    on: unfilled_stop
    then: [telegram: "unfilled ${order.order_id} ${order.role}"]
`)
	d.tells = nil
	d.set("S1", func(u *order.Update) { u.Status = order.StatusOpen })
	d.readBook()
	d.none()
	return d
}

func TestAStopThatDoesNotFillIsPricedAgainTwiceThenExits(t *testing.T) {
	d := triggered(t, "")
	d.wait(4 * time.Second)
	d.none()
	d.wait(1500 * time.Millisecond)
	r := d.take(actions.Modify)
	if p := r.Call.Sent(); p.OrderType != "LIMIT" || p.Price != 902*order.Rupee/10 || p.Quantity != 75 {
		t.Fatalf("priced again %+v", p)
	}
	d.accept(r, "S1")
	d.restart(time.Second) // in the middle
	d.none()
	d.wait(5 * time.Second)
	r = d.take(actions.Modify)
	if p := r.Call.Sent(); p.Price != 873*order.Rupee/10 {
		t.Fatalf("priced again %+v", p)
	}
	d.accept(r, "S1")
	d.untilSent(5 * time.Second)
	r = d.take(actions.Modify)
	if p := r.Call.Sent(); r.Call.OrderID != "S1" || p.OrderType != "MARKET" || p.MarketProtection != -1 {
		t.Fatalf("then the exit, not %+v", p)
	}
	d.accept(r, "S1")
	d.set("S1", filled(75))
	d.readBook()
	d.wait(5 * time.Second)
	d.none()
	told := d.byRules()
	if len(told) != 2 || told[0] != "unfilled S1 stop_loss" || !strings.HasPrefix(told[1], "STOP NOT FILLED "+call+" 75 (AB1234)") {
		t.Errorf("told %q", told)
	}
}

func TestIfUnfilledExitAndLeave(t *testing.T) {
	d := triggered(t, ", if_unfilled: exit")
	d.wait(6 * time.Second)
	if r := d.take(actions.Modify); r.Call.Params.OrderType != "MARKET" {
		t.Fatalf("an exit, not %+v", r.Call)
	}
	d = triggered(t, ", if_unfilled: leave")
	d.wait(time.Minute)
	d.none()
	if told := d.byRules(); !slices.Equal(told, []string{"unfilled S1 stop_loss"}) {
		t.Errorf("told %q", told)
	}
}

func TestARefusedNewPriceExits(t *testing.T) {
	d := triggered(t, "")
	d.wait(6 * time.Second)
	d.refuse(d.take(actions.Modify), actions.ClassRefused)
	d.wait(6 * time.Second)
	if r := d.take(actions.Modify); r.Call.Params.OrderType != "MARKET" {
		t.Fatalf("an exit, not %+v", r.Call)
	}
}
