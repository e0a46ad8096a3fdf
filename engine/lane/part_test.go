package lane_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"backstop/actions"
	"backstop/engine/lane"
	"backstop/engine/order"
)

const partRules = stopRule + `
  - name: part
    on: cancelled
    then: [{ exit_position: { quantity: 75 } }, { telegram: "sold ${action.quantity}" }]
    on_error: [{ telegram: "${error.type}: ${error.message}" }]
  - name: more
    on: rejected
    then: [exit_position: { quantity: "order.quantity" }]
    on_error: [{ telegram: "${error.type}: ${error.message}" }]
`

// lots is an order of so many lots of 75.
func lots(n int64, change func(*order.Update)) func(*order.Update) {
	return func(u *order.Update) { u.Quantity = 75 * n; change(u) }
}

// held is a desk that bought 225 in one order, with its stop live as S1.
func held(t *testing.T, source string) *desk {
	d := newDesk(t, source)
	d.set("E1", lots(3, filled(225)))
	d.postback("E1")
	d.readBook()
	d.accept(d.take(actions.Place), "S1")
	return d
}

// end has another order end, which is what the rules listen to.
func (d *desk) end(id string, as order.Status, quantity int64) {
	d.set(id, func(u *order.Update) { u.Quantity = quantity })
	d.readBook()
	d.set(id, func(u *order.Update) { u.Status = as })
	d.readBook()
}

// again sends an order's postback another time, later.
func (d *desk) again(id string) { d.postback(id); d.postback(id) }

func TestAPartIsSoldOnlyOnceTheStopHasGivenItUp(t *testing.T) {
	d := held(t, partRules)
	d.end("C1", order.StatusCancelled, 75)
	shrink := d.take(actions.Modify)
	if p := shrink.Call.Params; shrink.Call.OrderID != "S1" || p.OrderType != "SL" || p.Quantity != 150 {
		t.Fatalf("the stop becomes %+v", shrink.Call)
	}
	d.again("C1") // told twice it is one
	d.restart(time.Second)
	d.wait(2 * time.Second)
	shrink = d.take(actions.Modify) // the answer was lost and the book shows it as it was: the same again
	d.step(lane.Input{Outcome: &lane.Outcome{RequestID: shrink.ID, Attempt: shrink.Attempts, OrderID: "S1"}})
	d.none() // taken is not shown
	d.apply(shrink, "S1")
	d.now = d.now.Add(2 * time.Second)
	d.readBook()
	sell := d.take(actions.Place)
	if p := sell.Call.Params; p.OrderType != "MARKET" || p.Quantity != 75 || p.TransactionType != "SELL" || p.MarketProtection != -1 {
		t.Fatalf("sold by %+v", p)
	}
	d.apply(sell, "X1")
	d.restart(time.Second) // its answer was lost too, and the order is there
	d.wait(3 * time.Second)
	if r := d.take(actions.Modify); r.Call.OrderID != "X1" { // it hangs as a LIMIT: priced again
		t.Fatalf("sent %+v", r.Call)
	} else {
		d.accept(r, "X1")
	}
	d.set("X1", filled(75))
	d.readBook()
	d.wait(time.Minute)
	d.none()
	if s := d.book["S1"]; s.Quantity != 150 || s.Status != order.StatusTriggerPending {
		t.Errorf("the stop is %+v", s)
	}
	if told := d.byRules(); !slices.Contains(told, "sold 75") {
		t.Errorf("told %q", told)
	}
}

func TestAPartExitThatIsAbsentIsSentAgainWithItsTagAndNoSecondOne(t *testing.T) {
	d := held(t, partRules)
	d.end("C1", order.StatusCancelled, 75)
	d.accept(d.take(actions.Modify), "S1")
	sell := d.take(actions.Place)
	d.restart(time.Second)
	d.wait(19 * time.Second)
	d.none()
	d.wait(10 * time.Second)
	if again := d.take(actions.Place); again.ID != sell.ID || again.Tag() != sell.Tag() {
		t.Fatalf("again as %+v", again)
	}
}

func TestOfTwoPartExitsAtOnceTheGreaterCounts(t *testing.T) {
	d := held(t, partRules)
	d.end("C1", order.StatusCancelled, 75)
	shrink := d.take(actions.Modify)
	d.end("R1", order.StatusRejected, 150)
	d.accept(shrink, "S1")
	sold := int64(0)
	for range 2 { // what the stop has given up goes at once, the rest when it has given up that
		more := d.sends
		d.sends = nil
		for _, r := range more {
			if r.Call.Method == actions.Place {
				sold += r.Call.Params.Quantity
			}
			d.accept(r, map[actions.Method]string{actions.Modify: "S1", actions.Place: fmt.Sprint("X", sold)}[r.Call.Method])
		}
	}
	for _, r := range d.sends {
		if r.Call.Method == actions.Place {
			sold += r.Call.Params.Quantity
		}
	}
	if sold != 150 || d.book["S1"].Quantity != 75 {
		t.Fatalf("sold %d, the stop is of %d", sold, d.book["S1"].Quantity)
	}
}

func TestAStopThatThePartTakesWholeBecomesTheExit(t *testing.T) {
	d := newDesk(t, strings.Replace(partRules, "trigger_price: loss(20)", "trigger_price: loss(20), per: fill", 1))
	d.set("E1", lots(2, func(u *order.Update) { filled(75)(u); u.AveragePrice = 120 * order.Rupee }))
	d.postback("E1")
	d.readBook()
	d.accept(d.take(actions.Place), "S1")
	d.set("E1", filled(150))
	d.postback("E1")
	d.readBook()
	d.accept(d.take(actions.Place), "S2")
	d.end("C1", order.StatusCancelled, 75)
	r := d.take(actions.Modify)
	if p := r.Call.Params; r.Call.OrderID != "S2" || p.OrderType != "MARKET" || p.Quantity != 75 {
		t.Fatalf("turned %+v", r.Call)
	}
	d.restart(time.Second)
	d.wait(2 * time.Second)
	d.accept(d.take(actions.Modify), "S2")
	d.set("S2", filled(75))
	d.readBook()
	d.wait(time.Minute)
	d.none()
	if s := d.book["S1"]; s.Quantity != 75 || s.Status != order.StatusTriggerPending {
		t.Errorf("the other stop is %+v", s)
	}
}

func TestAPartExitThatIsRefusedGivesItsPartBackToTheStop(t *testing.T) {
	d := held(t, partRules)
	d.end("C1", order.StatusCancelled, 75)
	d.accept(d.take(actions.Modify), "S1")
	d.refuse(d.take(actions.Place), actions.ClassMargin)
	if r := d.take(actions.Modify); r.Call.OrderID != "S1" || r.Call.Params.Quantity != 225 {
		t.Fatalf("the stop becomes %+v", r.Call)
	}
	if told := d.byRules(); !slices.ContainsFunc(told, func(s string) bool { return strings.HasPrefix(s, "margin: ") }) {
		t.Errorf("told %q", told)
	}
}

func TestAStopThatWontShrinkIsReplacedForAPartExit(t *testing.T) {
	d := held(t, partRules)
	d.end("C1", order.StatusCancelled, 75)
	d.refuse(d.take(actions.Modify), actions.ClassRefused)
	c := d.take(actions.Cancel)
	if c.Call.OrderID != "S1" {
		t.Fatalf("cancelled %+v", c.Call)
	}
	d.accept(c, "S1")
	var sold, covered int64
	for _, r := range d.sends {
		if p := r.Call.Params; p.OrderType == "MARKET" {
			sold += p.Quantity
		} else {
			covered += p.Quantity
		}
	}
	if len(d.sends) != 2 || sold != 75 || covered != 150 {
		t.Fatalf("placed %s", show(d.sends))
	}
}

func TestWhatAPersonSellsMeanwhileIsNotSoldAgain(t *testing.T) {
	d := held(t, partRules)
	d.end("C1", order.StatusCancelled, 75)
	shrink := d.take(actions.Modify)
	d.set("P1", func(u *order.Update) { u.TransactionType = "SELL"; u.AppID = 0; filled(75)(u) })
	d.readBook()
	d.accept(shrink, "S1")
	d.wait(time.Minute)
	d.none()
	if s := d.book["S1"]; s.Quantity != 150 {
		t.Errorf("the stop is %+v", s)
	}
}

func TestAPartOfAllIsAllAndNoLotIsSplit(t *testing.T) {
	d := held(t, partRules)
	d.end("R1", order.StatusRejected, 80)
	d.none()
	if told := d.byRules(); !slices.Contains(told, "refused: 80 is no multiple of the lot of 75") {
		t.Errorf("told %q", told)
	}
	d.end("R2", order.StatusRejected, 300)
	if r := d.take(actions.Modify); r.Call.OrderID != "S1" || r.Call.Params.OrderType != "MARKET" || r.Call.Params.Quantity != 225 {
		t.Fatalf("the exit is %+v", r.Call)
	}
}

func TestATargetGivesUpItsPartToo(t *testing.T) {
	d := newDesk(t, stopRule+targetRule+strings.TrimPrefix(partRules, stopRule))
	d.set("E1", lots(3, filled(225)))
	d.postback("E1")
	d.readBook()
	d.accept(d.take(actions.Place), "S1")
	d.accept(d.take(actions.Place), "T1")
	d.end("C1", order.StatusCancelled, 75)
	if len(d.sends) != 2 {
		t.Fatalf("sent %s", show(d.sends))
	}
	shrinks := d.sends
	d.sends = nil
	d.accept(shrinks[0], shrinks[0].Call.OrderID)
	d.none() // the other still stands before the same quantity
	d.accept(shrinks[1], shrinks[1].Call.OrderID)
	if r := d.take(actions.Place); r.Call.Params.Quantity != 75 || r.Call.Params.OrderType != "MARKET" {
		t.Fatalf("sold by %+v", r.Call)
	}
	if d.book["S1"].Quantity != 150 || d.book["T1"].Quantity != 150 {
		t.Errorf("stop %d, target %d", d.book["S1"].Quantity, d.book["T1"].Quantity)
	}
}

func TestARestoredBackupFindsThePartThatWasSold(t *testing.T) {
	d := held(t, partRules)
	backup := *d.snap
	backup.Docs, backup.Requests, backup.Actions, backup.Orders = slices.Clone(backup.Docs), slices.Clone(backup.Requests), slices.Clone(backup.Actions), slices.Clone(backup.Orders)
	d.end("C1", order.StatusCancelled, 75)
	d.accept(d.take(actions.Modify), "S1")
	sell := d.take(actions.Place)
	d.accept(sell, "X1")
	d.set("X1", func(u *order.Update) { filled(75)(u); u.Tag = sell.Tag() })
	d.readBook()
	d.snap = &backup
	d.now = d.now.Add(time.Second)
	d.start()
	d.arm()
	d.wait(time.Minute)
	for _, r := range d.sends {
		if r.Call.Method == actions.Place {
			t.Fatalf("sold again: %s", show(d.sends))
		}
	}
}
