package lane_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"backstop/actions"
	"backstop/engine/lane"
	"backstop/engine/order"
)

// race is a drawn day at one place: entries, stops and targets that both fill, a person who trades in between, a
// process that dies, postbacks that get lost.
type race struct {
	*desk
	rt  *rapid.T
	ids int
}

func (r *race) id() string { r.ids++; return fmt.Sprint(1_000_000 + r.ids) }

func (r *race) draw(label string, n int) int { return rapid.IntRange(0, n-1).Draw(r.rt, label) }

// change changes an order in the broker's book; its clock has only seconds.
func (r *race) change(id string, change func(u *order.Update)) {
	r.set(id, change)
	u := r.book[id]
	u.ExchangeUpdateTimestamp, u.OrderTimestamp = r.now.Truncate(time.Second), r.now.Truncate(time.Second)
}

// heard pushes an order's postback, or it gets lost, or nobody is there.
func (r *race) heard(id string, down bool) {
	if !down && r.draw("heard", 2) == 0 {
		r.postback(id)
	}
}

// live are the orders in the broker's book that can still fill and fit.
func (r *race) live(fits func(u *order.Update) bool) []string {
	var ids []string
	for _, id := range slices.Sorted(maps.Keys(r.book)) {
		if u := r.book[id]; !u.Status.Terminal() && fits(u) {
			ids = append(ids, id)
		}
	}
	return ids
}

func own(u *order.Update) bool { return strings.HasPrefix(u.Tag, "bs") }

// fill fills some live order of ours, whole or in part.
func (r *race) fill(down bool) {
	ids := r.live(own)
	if len(ids) == 0 {
		return
	}
	id := ids[r.draw("which", len(ids))]
	left := (r.book[id].Quantity - r.book[id].FilledQuantity) / 75
	n := r.book[id].FilledQuantity + 75*left
	if left > 1 && r.draw("whole", 2) == 0 {
		n = r.book[id].FilledQuantity + 75*int64(1+r.draw("part", int(left-1)))
	}
	r.change(id, func(u *order.Update) { u.Status = order.StatusOpen; filled(n)(u) })
	r.heard(id, down)
}

// person trades on the market: an entry, an exit, or both.
func (r *race) person(down bool) {
	id := r.id()
	r.change(id, func(u *order.Update) {
		u.TransactionType = []string{order.Buy, order.Sell}[r.draw("side", 2)]
		u.Quantity = 75 * int64(1+r.draw("lots", 4))
		filled(u.Quantity)(u)
	})
	r.heard(id, down)
}

// carryOut lets the broker take a request; false: its order has ended, or filled more by now.
func (r *race) carryOut(q actions.Request) (string, bool) {
	id := q.Call.OrderID
	if q.Call.Method == actions.Place {
		id = r.id()
	} else if u := r.book[id]; u.Status.Terminal() || q.Call.Method == actions.Modify && u.FilledQuantity > 0 && u.FilledQuantity >= q.Call.Params.Quantity {
		return id, false
	}
	r.apply(q, id)
	u := r.book[id]
	u.ExchangeUpdateTimestamp, u.OrderTimestamp = r.now.Truncate(time.Second), r.now.Truncate(time.Second)
	return id, true
}

func (r *race) purpose(request string) string {
	for _, q := range r.snap.Requests {
		if q.ID == request {
			return q.For
		}
	}
	return ""
}

// answer answers what left.
func (r *race) answer() {
	sends := r.sends
	r.sends = nil
	for _, q := range sends {
		id, done := r.carryOut(q)
		out := &lane.Outcome{RequestID: q.ID, Attempt: q.Attempts, OrderID: id}
		if !done {
			out.OrderID, out.Err = "", &actions.Error{Class: actions.ClassProcessing, Message: "it has ended"}
		}
		r.step(lane.Input{Outcome: out})
	}
}

// down kills the process; what was on its way left or not. Trade goes on, and it starts again.
func (r *race) down() {
	for _, q := range r.sends {
		if r.draw("left", 2) == 0 {
			r.carryOut(q)
		}
	}
	r.sends = nil
	for range r.draw("while down", 5) {
		if r.draw("who", 2) == 0 {
			r.fill(true)
		} else {
			r.person(true)
		}
		r.now = r.now.Add(time.Duration(r.draw("seconds", 3)) * time.Second)
	}
	r.want.Book = false
	r.start()
	r.step()
	r.readBook()
}

// rest lets everything come to its end: requests are answered, market orders fill, the book is read.
func (r *race) rest() {
	market := func(u *order.Update) bool {
		return own(u) && u.Status == order.StatusOpen && u.Price == 100*order.Rupee
	}
	for quiet := 0; quiet < 3; quiet++ {
		r.answer()
		for _, id := range r.live(market) {
			r.change(id, func(u *order.Update) { filled(u.Quantity)(u) })
			quiet = 0
		}
		r.wait(40 * time.Second)
		r.step(lane.Input{Control: &lane.Control{Verb: lane.Reconcile}})
		r.readBook()
		if len(r.sends) > 0 {
			quiet = 0
		}
	}
}

// judge reads the broker's book alone: what is held is covered by stops of exactly its size, and nothing of ours
// stands where nothing is held.
func (r *race) judge() {
	var net, stops, targets int64
	for _, u := range r.book {
		net += order.SignOf(u.TransactionType) * u.FilledQuantity
	}
	for _, id := range r.live(own) {
		u := r.book[id]
		if left := u.Quantity - u.FilledQuantity; order.SignOf(u.TransactionType)*net >= 0 {
			r.rt.Fatalf("%d are held, and %s would add %d%s", net, id, left, r.picture())
		} else if u.TriggerPrice > 0 {
			stops += left
		} else {
			targets += left
		}
	}
	if held := max(net, -net); stops != held || targets > held {
		r.rt.Fatalf("%d are held: stops %d, targets %d%s", net, stops, targets, r.picture())
	}
	for _, q := range r.snap.Requests {
		if !q.State.Final() {
			r.rt.Fatalf("request %s of %s is %s %s%s", q.ID, q.For, q.State, q.Why, r.picture())
		}
	}
}

func (r *race) picture() string {
	var s strings.Builder
	for _, id := range slices.Sorted(maps.Keys(r.book)) {
		u := r.book[id]
		fmt.Fprintf(&s, "\n%s %s %s %d of %d %s %s %s for %s", id, u.TransactionType, u.OrderType, u.FilledQuantity, u.Quantity, u.Status, u.Tag,
			u.ExchangeUpdateTimestamp.Format("15:04:05"), r.purpose(strings.TrimPrefix(u.Tag, "bs")))
	}
	for _, e := range r.rows {
		var doc order.Event
		_ = json.Unmarshal(e.Doc, &doc)
		fmt.Fprintf(&s, "\n%s %s %s %s +%d", e.At.Format("15:04:05.000"), e.Kind, e.OrderID, doc.Role, doc.Fill)
	}
	return s.String()
}

func TestInvariant4WhateverWasExitedTwiceAllThatIsHeldIsCoveredAtRest(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		r := &race{desk: newDesk(t, stopRule+targetRule), rt: rt}
		r.person(false)
		for range rapid.IntRange(1, 14).Draw(rt, "events") {
			switch r.draw("event", 8) {
			case 0, 1:
				r.person(false)
			case 2, 3:
				r.fill(false)
			case 4:
				r.down()
			case 5:
				r.readBook()
			case 6:
				r.answer()
			default:
				r.wait(time.Duration(1+r.draw("wait", 30)) * 200 * time.Millisecond)
			}
			r.now = r.now.Add(time.Duration(r.draw("later", 4)) * 300 * time.Millisecond)
		}
		r.rest()
		r.judge()
	})
}

// overExited is a desk whose stop and a person's exit both filled: 75 are short that nobody entered.
func overExited(t *testing.T) *desk {
	d, _ := entered(t, stopRule)
	d.set("X1", func(u *order.Update) { u.TransactionType = order.Sell; filled(75)(u) })
	d.now = d.now.Add(time.Second)
	d.set("S1", filled(75))
	d.readBook()
	return d
}

func TestARefusedSurplusIsAskedForAgainEverSlower(t *testing.T) {
	d := overExited(t)
	for i, pause := range []time.Duration{5, 10, 15} {
		r := d.take(actions.Place)
		if p := r.Call.Params; p.TransactionType != order.Buy || p.Quantity != 75 || r.For != "over_exited" {
			t.Fatalf("time %d: %+v", i, r.Call)
		}
		d.refuse(r, actions.ClassMargin)
		d.readBook()
		d.wait((pause - 3) * time.Second)
		d.none()
		d.wait(4 * time.Second)
	}
	d.take(actions.Place)
	events := 0
	for _, e := range d.rows {
		if e.Kind == order.KindOverExited {
			events++
		}
	}
	if events != 1 {
		t.Errorf("one surplus is one event, not %d", events)
	}
}

func TestASurplusThatSomebodyElseTookIsNotTakenAgain(t *testing.T) {
	d := overExited(t)
	d.refuse(d.take(actions.Place), actions.ClassMargin)
	d.set("X2", filled(75)) // bought back by phone
	d.readBook()
	d.wait(time.Minute)
	d.none()
	d.now = d.now.Add(time.Second)
	d.set("E2", filled(75))
	d.readBook()
	d.accept(d.take(actions.Place), "S2")
	d.set("X3", func(u *order.Update) { u.TransactionType = order.Sell; filled(75)(u) })
	d.now = d.now.Add(time.Second)
	d.set("S2", filled(75))
	d.tells = nil
	d.readBook()
	d.take(actions.Place)
	if !slices.ContainsFunc(d.tells, func(s string) bool { return strings.Contains(s, "OVER EXITED") }) {
		t.Errorf("a second surplus of the same size is told as well, not only %q", d.tells)
	}
}

func TestWhatAPostbackSaysIsTakenOfASurplusHoldsItBackUntilTheBookSays(t *testing.T) {
	d := overExited(t)
	d.refuse(d.take(actions.Place), actions.ClassMargin)
	d.set("X2", func(u *order.Update) { u.Quantity = 75; filled(75)(u) })
	row := d.book["X2"]
	d.postback("X2")
	delete(d.book, "X2") // a forgery, or the book lags
	d.wait(20 * time.Second)
	d.none()
	d.wait(30 * time.Second) // refuted by now
	if p := d.take(actions.Place).Call.Params; p.Quantity != 75 || p.TransactionType != order.Buy {
		t.Errorf("the surplus that is there is taken back, not %+v; %s was claimed", p, row.OrderID)
	}
}

func TestInvariant4ASurplusWaitsForNoOtherPlacement(t *testing.T) {
	d, _ := entered(t, stopRule)
	d.set("E2", filled(75))
	d.postback("E2")
	d.readBook()
	d.refuse(d.take(actions.Place), actions.ClassAmbiguous) // the stop of E2: nobody knows for half a minute
	d.set("X1", func(u *order.Update) { u.TransactionType, u.Quantity = order.Sell, 150; filled(150)(u) })
	d.now = d.now.Add(time.Second)
	d.set("S1", filled(75))
	d.readBook()
	if p := d.take(actions.Place).Call.Params; p.OrderType != "MARKET" || p.TransactionType != order.Buy || p.Quantity != 75 {
		t.Errorf("the surplus is taken back at once, not %+v", p)
	}
}

func TestAStopThatWasRefusedIsAskedForAgainWhereItsPositionOpensAgain(t *testing.T) {
	d := newDesk(t, stopRule)
	d.set("E1", filled(75))
	d.postback("E1")
	d.readBook()
	d.refuse(d.take(actions.Place), actions.ClassBeyondMarket) // the default: out
	out := d.take(actions.Place)
	d.accept(out, "X1")
	d.set("X1", filled(75))
	d.readBook()
	d.none()
	d.set("E1", func(u *order.Update) { u.Quantity = 150; filled(150)(u) }) // more of it turns up
	d.postback("E1")
	d.readBook()
	if p := d.take(actions.Place).Call.Params; p.OrderType != "SL" || p.Quantity != 75 {
		t.Errorf("what is open has its stop asked for, not %+v", p)
	}
}
