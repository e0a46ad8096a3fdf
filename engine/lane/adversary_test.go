package lane_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"backstop/actions"
	"backstop/engine/journal"
	"backstop/engine/lane"
	"backstop/engine/order"
)

// forge sends an order's postback with another fill: the checksum covers neither status nor quantity.
func (d *desk) forge(id string, change func(u *order.Update)) {
	d.t.Helper()
	u := *d.book[id]
	change(&u)
	u.Source, u.Raw = order.SourcePostback, []byte("forged "+d.now.String())
	u.RawStatus = string(u.Status)
	d.step(lane.Input{Update: &u})
}

func TestAForgedFillTakesNoTrueStopAway(t *testing.T) {
	d := newDesk(t, stopRule)
	d.set("E1", func(u *order.Update) { u.Quantity = 150; u.FilledQuantity = 75; u.AveragePrice = u.Price })
	d.postback("E1") // true, and not confirmed yet
	d.forge("E1", func(u *order.Update) { filled(150)(u); u.AveragePrice = u.Price })
	d.wait(5 * time.Second)
	if p := d.take(actions.Place).Call.Params; p.Quantity != 75 {
		t.Fatalf("a stop for the true fill, not %d", p.Quantity)
	}
}

func TestWhatIsTrueOfARefutedFillGetsItsStop(t *testing.T) {
	d := newDesk(t, stopRule)
	d.set("E1", func(u *order.Update) { u.Quantity = 150 })
	d.postback("E1")
	d.readBook()
	d.forge("E1", filled(150))
	d.set("E1", func(u *order.Update) { u.FilledQuantity, u.AveragePrice = 75, u.Price }) // the truth, inside the lie
	d.wait(40 * time.Second)
	if p := d.take(actions.Place).Call.Params; p.Quantity != 75 {
		t.Fatalf("a stop for the true fill, not %d", p.Quantity)
	}
}

func TestARefutedFillUsesUpNoOnce(t *testing.T) {
	d := newDesk(t, strings.Replace(stopRule, "    then:", "    once: group\n    then:", 1))
	d.set("E1", func(u *order.Update) {})
	d.postback("E1")
	d.readBook()
	d.forge("E1", filled(75))
	d.wait(40 * time.Second)
	d.none()
	d.set("E1", filled(75))
	d.postback("E1")
	d.wait(3 * time.Second)
	d.take(actions.Place)
}

func TestAModifyThatWasNotLetInWaitsAndCountsForNothing(t *testing.T) {
	d := newDesk(t, stopRule)
	d.set("E1", func(u *order.Update) { u.Quantity = 150; u.FilledQuantity = 75; u.AveragePrice = u.Price })
	d.postback("E1")
	d.readBook()
	d.accept(d.take(actions.Place), "S1")
	d.set("E1", filled(150))
	d.postback("E1")
	d.readBook()
	first := d.take(actions.Modify)
	d.refuse(first, actions.ClassBusy)
	d.none() // not again at once
	d.wait(2 * time.Second)
	if again := d.take(actions.Modify); again.ID != first.ID {
		t.Errorf("the same request, not %s after %s", again.ID, first.ID)
	}
}

func TestAnExitWhoseModifyWasNotLetInIsAskedForAgain(t *testing.T) {
	for _, class := range []actions.Class{actions.ClassBusy, actions.ClassAmbiguous, actions.ClassProcessing} {
		d, _ := entered(t, stopRule+`
  - name: out
    on: cancelled
    then:
      - exit_position: {}
`)
		d.set("E2", func(u *order.Update) { u.Status = order.StatusCancelled })
		d.postback("E2")
		d.readBook()
		d.refuse(d.take(actions.Modify), class)
		d.wait(5 * time.Second)
		if r := d.take(actions.Modify); r.Call.OrderID != "S1" || r.Call.Params.OrderType != "MARKET" {
			t.Errorf("%s: the stop is to be turned again, not %+v", class, r.Call)
		}
	}
}

func TestInvariant5WhatWaitedInDryRunIsNeverSentLater(t *testing.T) {
	d := newDesk(t, "version: 1\nrules:\n  - name: stop-it\n    on: partial_fill\n    then:\n      - cancel_order: {}\n", func(o *lane.Options) { o.Mode = lane.DryRun })
	d.set("E1", func(u *order.Update) { u.FilledQuantity = 50 })
	d.postback("E1") // waits for the book
	d.opts.Mode = lane.Live
	d.start()
	d.arm()
	d.wait(10 * time.Second)
	d.none()
}

// What a dry run planned covers nothing once it has ended, after the second start as after the first.
func TestInvariant5PlannedStopsCoverNothingInLive(t *testing.T) {
	d := newDesk(t, stopRule, func(o *lane.Options) { o.Mode = lane.DryRun })
	d.snap, d.rows = &journal.Snapshot{}, map[string]journal.Event{}
	d.set("A1", filled(75)) // listed when the dry run begins, and again when it ends
	d.start()
	d.arm()
	d.set("E1", filled(75))
	d.postback("E1")
	d.readBook()
	d.opts.Mode = lane.Live
	for _, first := range []bool{true, false} { // twice in live
		d.now = d.now.Add(time.Minute)
		d.start()
		d.tells = nil
		d.arm()
		if listed := slices.ContainsFunc(d.tells, func(s string) bool { return strings.HasPrefix(s, "ALREADY OPEN WITHOUT AN EXIT") }); listed != first {
			t.Errorf("first start in live: %v; listed: %q", first, d.tells)
		}
		d.wait(time.Minute)
		d.none()
		if !slices.ContainsFunc(d.tells, func(s string) bool { return strings.HasPrefix(s, "NOT PROTECTED") }) {
			t.Errorf("first start in live: %v; told %q", first, d.tells)
		}
	}
}

// A cancel that a dry run planned has cancelled nothing.
func TestInvariant5APlannedCancelHasEndedNoOrder(t *testing.T) {
	d := newDesk(t, "version: 1\nrules:\n  - name: off\n    on: [open, partial_fill]\n    then:\n      - cancel_order: {}\n", func(o *lane.Options) { o.Mode = lane.DryRun })
	d.set("E1", func(u *order.Update) { u.Status = order.StatusOpen })
	d.postback("E1")
	d.readBook()
	d.opts.Mode = lane.Live
	d.now = d.now.Add(time.Minute)
	d.start()
	d.arm()
	d.wait(10 * time.Second)
	d.none()
	d.set("E1", func(u *order.Update) { u.Status, u.FilledQuantity = order.StatusOpen, 25 })
	d.postback("E1")
	d.wait(5 * time.Second)
	if r := d.take(actions.Cancel); r.Call.OrderID != "E1" {
		t.Errorf("E1 is to be cancelled, not %+v", r.Call)
	}
}

func TestAPostbackOfYesterdayMovesNothing(t *testing.T) {
	d := newDesk(t, stopRule, func(o *lane.Options) { o.Confirm = false })
	d.set("E1", filled(75))
	d.book["E1"].ExchangeUpdateTimestamp = d.now.Add(-24 * time.Hour)
	d.book["E1"].OrderTimestamp = d.now.Add(-24 * time.Hour)
	d.postback("E1")
	d.wait(5 * time.Second)
	d.none()
	if kinds := d.kinds("E1"); len(kinds) != 0 {
		t.Errorf("told %v", kinds)
	}
}

func TestALatePostbackOfAnOrderThatLivedYesterdayIsNoOrderOfToday(t *testing.T) {
	yesterday := func(d *desk, id string, atExchange bool) {
		u := d.set(id, func(u *order.Update) { u.OrderTimestamp = d.now.Add(-24 * time.Hour) })
		u.ExchangeTimestamp, u.ExchangeUpdateTimestamp = time.Time{}, time.Time{}
		if atExchange {
			u.ExchangeTimestamp, u.ExchangeUpdateTimestamp = u.OrderTimestamp, u.OrderTimestamp
		}
		d.postback(id)
		delete(d.book, id)
	}
	d := newDesk(t, stopRule, func(o *lane.Options) { o.Confirm = false })
	yesterday(d, "A1", false) // waits for today's session: an order of today
	if len(d.kinds("A1")) == 0 {
		t.Error("an order that no exchange had yesterday is today's")
	}
	d = newDesk(t, stopRule, func(o *lane.Options) { o.Confirm = false })
	yesterday(d, "Y1", true)
	if kinds := d.kinds("Y1"); len(kinds) != 0 {
		t.Errorf("told %v", kinds)
	}
	d.set("E1", filled(75))
	d.postback("E1")
	r := d.take(actions.Place)
	d.refuse(r, actions.ClassAmbiguous)
	d.wait(40 * time.Second)
	if again := d.take(actions.Place); again.Call.Params.Tag != r.Call.Params.Tag { // no reading lacks it, so the absence is proved
		t.Error("sent again with another tag")
	}
}

func TestInvariant2AnOrderThatOnlyAForgeryNamedHidesNoAbsence(t *testing.T) {
	d := newDesk(t, stopRule)
	d.set("X1", filled(75))
	d.forge("X1", func(*order.Update) {})
	delete(d.book, "X1") // the broker never had it
	d.wait(40 * time.Second)
	d.set("E1", filled(75))
	d.postback("E1")
	d.readBook()
	r := d.take(actions.Place)
	d.refuse(r, actions.ClassAmbiguous)
	d.wait(40 * time.Second)
	if again := d.take(actions.Place); again.Call.Params.Tag != r.Call.Params.Tag {
		t.Error("sent again with another tag")
	}
}

func TestInvariant4AStopBehindWhatWasAnExitIsCancelled(t *testing.T) {
	d := newDesk(t, stopRule)
	d.set("E2", filled(75))
	d.postback("E2")
	d.readBook()
	d.accept(d.take(actions.Place), "S1")
	d.now = d.now.Add(time.Second)
	d.set("E1", func(u *order.Update) { // it came first, and nobody told of it
		u.TransactionType, u.Quantity = order.Sell, 150
		filled(150)(u)
		u.ExchangeUpdateTimestamp = d.now.Add(-time.Minute)
		u.OrderTimestamp = u.ExchangeUpdateTimestamp
	})
	d.step(lane.Input{Control: &lane.Control{Verb: lane.Reconcile}})
	d.readBook()
	for _, r := range d.sends {
		if r.Call.Method == actions.Cancel && r.Call.OrderID == "S1" {
			return
		}
	}
	t.Fatalf("the stop that would add to the short is to go, but %s", show(d.sends))
}

func TestAReadingThatFailedIsTriedAgain(t *testing.T) {
	d := newDesk(t, stopRule)
	d.step(lane.Input{Control: &lane.Control{Verb: lane.Reconcile}})
	if !d.want.Book {
		t.Fatal("no reading")
	}
	d.want.Book = false
	d.step(lane.Input{Read: &lane.Read{Began: d.now, Ended: d.now, Err: &actions.Error{Class: actions.ClassAmbiguous}}})
	for range 4 {
		d.now = d.now.Add(time.Second)
		d.step()
	}
	if !d.want.Book {
		t.Error("whoever asked for the book still wants it")
	}
}

func TestInvariant4AHandThatSellsWhatAStopSellsInTheSameSecondOpensNothing(t *testing.T) {
	d, _ := entered(t, stopRule)
	d.now = d.now.Add(2 * time.Second)
	d.set("E2", filled(75))
	d.postback("E2")
	d.readBook()
	d.accept(d.take(actions.Place), "S2")
	d.now = d.now.Add(10 * time.Second)
	sold := func(u *order.Update) { u.TransactionType = order.Sell; filled(75)(u) }
	d.set("Z1", sold) // takes what E1 bought
	d.now = d.now.Add(2 * time.Second)
	d.set("S1", filled(75)) // and so does its stop: a race
	d.set("Z2", sold)       // in the same second, what E2 bought
	d.step(lane.Input{Control: &lane.Control{Verb: lane.Reconcile}})
	d.readBook()
	for _, r := range d.sends {
		p := r.Call.Params
		switch {
		case r.Call.Method == actions.Cancel && r.Call.OrderID == "S2":
		case r.Call.Method == actions.Place && p.OrderType == "MARKET" && p.TransactionType == order.Buy && p.Quantity == 75:
		default:
			t.Errorf("the surplus is bought back and the stop cancelled, not %s", show(d.sends))
		}
	}
	if len(d.sends) != 2 {
		t.Errorf("two changes, not %s", show(d.sends))
	}
}

func TestInvariant4ATargetThatTheBrokerWontShrinkIsReplaced(t *testing.T) {
	d, _ := entered(t, strings.Replace(stopRule, "loss(20)", "80", 1)+targetRule)
	d.accept(d.take(actions.Place), "T1")
	d.set("P1", func(u *order.Update) { u.TransactionType, u.Quantity = order.Sell, 25; filled(25)(u) })
	d.postback("P1")
	d.readBook()
	for _, r := range d.sends {
		if r.Call.Method != actions.Modify {
			t.Fatalf("both are shrunk, not %s", show(d.sends))
		}
		if r.Call.OrderID == "T1" {
			d.sends = nil
			d.refuse(r, actions.ClassFarPrice)
			break
		}
	}
	if r := d.take(actions.Cancel); r.Call.OrderID != "T1" {
		t.Errorf("the target that sells too much is to go, not %s", r.Call.OrderID)
	}
}

func TestATrueFillThatAForgeryForetoldIsReadAtOnce(t *testing.T) {
	d := newDesk(t, stopRule)
	d.set("E1", func(u *order.Update) { u.Quantity = 150; u.FilledQuantity = 75; u.AveragePrice = u.Price })
	d.postback("E1")
	d.readBook()
	d.accept(d.take(actions.Place), "S1")
	d.forge("E1", func(u *order.Update) { filled(150)(u); u.AveragePrice = u.Price })
	d.wait(13 * time.Second)
	d.set("E1", filled(150))
	d.postback("E1") // it claims nothing new, and the next look at the forgery would be seven seconds away
	d.wait(2 * time.Second)
	if p := d.take(actions.Modify).Call.Params; p.Quantity != 150 {
		t.Errorf("the stop grows to %d", p.Quantity)
	}
}

func TestAForgedAveragePricesNoStopAfterARefusal(t *testing.T) {
	d := newDesk(t, stopRule)
	d.set("E1", func(u *order.Update) { u.Quantity, u.FilledQuantity, u.AveragePrice = 150, 75, u.Price })
	d.postback("E1")
	d.readBook()
	first := d.take(actions.Place)
	d.forge("E1", func(u *order.Update) { filled(150)(u); u.AveragePrice = 200 * order.Rupee })
	d.refuse(first, actions.ClassMargin) // the sequence that would evaluate again has ended
	d.set("E1", filled(150))
	d.book["E1"].AveragePrice = 120 * order.Rupee
	d.postback("E1")
	d.readBook()
	d.wait(2 * time.Second)
	if p := d.take(actions.Place).Call.Params; p.Quantity != 150 || p.TriggerPrice != 96*order.Rupee {
		t.Errorf("a stop of %d behind %s", p.Quantity, p.TriggerPrice)
	}
}

func TestAForgedAveragePricesNoTrueFill(t *testing.T) {
	for _, confirmedFirst := range []bool{true, false} {
		d := newDesk(t, stopRule)
		d.set("E1", func(u *order.Update) { u.Quantity, u.FilledQuantity, u.AveragePrice = 150, 75, 0 })
		d.postback("E1")
		if confirmedFirst {
			d.readBook()
		}
		d.forge("E1", func(u *order.Update) { filled(150)(u); u.AveragePrice = 200 * order.Rupee })
		d.readBook()
		d.none() // the trades of the true fill are not told yet
		d.step(lane.Input{Trades: &lane.Trades{OrderID: "E1", Rows: []order.Trade{{TradeID: "1", OrderID: "E1", Quantity: 75, Price: 110 * order.Rupee}}}})
		d.wait(2 * time.Second)
		if p := d.take(actions.Place).Call.Params; p.Quantity != 75 || p.TriggerPrice != 88*order.Rupee {
			t.Errorf("confirmed before the forgery %v: a stop of %d behind %s", confirmedFirst, p.Quantity, p.TriggerPrice)
		}
	}
}

// A fill that came before the overnight quantities were read waits for them, and then for its trades.
func TestWhatWaitedForOneThingAsksForTheNext(t *testing.T) {
	d := newDesk(t, stopRule)
	d.snap = &journal.Snapshot{} // a new account: nothing is read yet
	d.start()
	d.set("E1", func(u *order.Update) { u.Quantity = 150; u.FilledQuantity = 75 })
	if b := d.postback("E1"); len(b.Reads.Trades) != 0 {
		t.Fatalf("no role is known, and the trades are asked for: %v", b.Reads.Trades)
	}
	d.readBook()
	if b := d.step(lane.Input{Positions: &lane.Positions{Began: d.now}}); !slices.Contains(b.Reads.Trades, "E1") {
		t.Fatalf("the trades of E1 are to be read, have %+v", b.Reads)
	}
	d.step(lane.Input{Trades: &lane.Trades{OrderID: "E1", Rows: []order.Trade{{TradeID: "1", OrderID: "E1", Quantity: 75, Price: 110 * order.Rupee}}}})
	if p := d.take(actions.Place).Call.Params; p.TriggerPrice != 88*order.Rupee {
		t.Errorf("the stop is %+v", p)
	}
}

// What an exit closed stays closed: an older group that fills again afterwards is open for itself.
func TestInvariant4AnExitOfOneGroupIsNotTakenForAnOlderOneThatFillsAgain(t *testing.T) {
	d := newDesk(t, stopRule)
	d.set("E1", func(u *order.Update) { u.Quantity, u.FilledQuantity, u.AveragePrice = 150, 75, u.Price })
	d.postback("E1")
	d.readBook()
	d.accept(d.take(actions.Place), "S1")
	d.set("X1", func(u *order.Update) { u.TransactionType = order.Sell; filled(75)(u) }) // a person closes it
	d.readBook()
	d.accept(d.take(actions.Cancel), "S1")
	d.set("S1", func(u *order.Update) { u.Status = order.StatusCancelled })
	d.now = d.now.Add(2 * time.Second)
	d.set("E2", filled(75))
	d.postback("E2")
	d.readBook()
	d.refuse(d.take(actions.Place), actions.ClassBeyondMarket)
	d.accept(d.take(actions.Place), "X2")
	d.set("X2", func(u *order.Update) { u.TransactionType = order.Sell; filled(75)(u) })
	d.postback("X2")
	d.readBook()
	d.none()
	d.now = d.now.Add(2 * time.Second)
	d.set("E1", filled(150))
	d.postback("E1")
	d.readBook()
	if p := d.take(actions.Place).Call.Params; p.OrderType != "SL" || p.Quantity != 75 {
		t.Errorf("E1 is open again, and gets %s of %d", p.OrderType, p.Quantity)
	}
	for _, g := range d.lane.View().Groups {
		if g.ID == "E2" && g.Open != 0 {
			t.Errorf("E2 was closed, and %d of it are open", g.Open)
		}
	}
}
