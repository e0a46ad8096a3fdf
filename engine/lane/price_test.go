package lane_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"backstop/actions"
	"backstop/engine/journal"
	"backstop/engine/lane"
	"backstop/engine/market"
	"backstop/engine/order"
)

const trailRules = `
version: 1
rules:
  - name: stop
    on: [partial_fill, fill]
    when: order.role == "entry"
    then: [{ place_stop_loss: { trigger_price: loss(20) } }]
  - name: trail
    on: price
    when: gain() >= 30
    then: [{ place_stop_loss: { trigger_price: profit(gain() - 15), step: 2 } }]
`

func tick(paise int64) lane.Input {
	return lane.Input{Prices: &lane.Prices{Last: map[string]order.Price{"NFO:" + call: order.Price(paise) * order.Rupee / 100}}}
}

// watched is what the lane said last of what is open; nil: nothing new.
func watched(b lane.Batch) []string {
	if b.Watch == nil {
		return nil
	}
	return append([]string{"of"}, *b.Watch...)
}

func TestWhatIsOpenIsWatched(t *testing.T) {
	d := newDesk(t, trailRules)
	d.set("E1", filled(75))
	if got := watched(d.postback("E1")); !slices.Equal(got, []string{"of", "NFO:" + call}) {
		t.Fatalf("with an open group: %v", got)
	}
	d.readBook()
	d.accept(d.take(actions.Place), "S1")
	if got := watched(d.step(tick(12100))); got != nil {
		t.Fatalf("told again though nothing changed: %v", got)
	}
	d.set("X1", func(u *order.Update) { u.TransactionType = "SELL"; filled(75)(u) })
	if got := watched(d.postback("X1")); !slices.Equal(got, []string{"of"}) {
		t.Fatalf("when it went flat: %v", got)
	}
	d.set("E2", filled(75))
	d.postback("E2")
	d.start() // a new lane says it anew, once it knows
	if got := watched(d.step()); got != nil {
		t.Fatalf("before the book is read: %v", got)
	}
	if got := watched(d.readBook()); !slices.Equal(got, []string{"of", "NFO:" + call}) {
		t.Fatalf("after a restart: %v", got)
	}
}

// A stop follows the price by steps, and what moves nothing leaves no row but the price's own.
func TestAStopFollowsTicks(t *testing.T) {
	d := newDesk(t, trailRules)
	d.set("E1", filled(75))
	d.postback("E1")
	d.readBook()
	d.accept(d.take(actions.Place), "S1")
	d.readBook()
	for _, paise := range []int64{15000, 15500, 15599} { // of an entry at 120: not yet 30 per cent
		b := d.step(tick(paise))
		if len(b.Commit.Events) > 0 || len(b.Commit.Inputs) != 1 {
			t.Fatalf("at %d: %d events, %d inputs", paise, len(b.Commit.Events), len(b.Commit.Inputs))
		}
	}
	d.none()
	b := d.step(tick(16000))
	if len(b.Commit.Events) != 1 {
		t.Fatalf("%d events of a price that a rule acts on", len(b.Commit.Events))
	}
	move := d.take(actions.Modify)
	if move.Call.Params.TriggerPrice != 142*order.Rupee {
		t.Errorf("moved to %s", move.Call.Params.TriggerPrice)
	}
	d.accept(move, "S1")
	if b := d.step(tick(16001)); len(b.Commit.Events)+len(b.Commit.Actions)+len(b.Commit.Requests) > 0 || len(b.Commit.Inputs) != 1 {
		t.Errorf("a price that moves the stop by less than its step leaves %d events, %d actions, %d requests", len(b.Commit.Events), len(b.Commit.Actions), len(b.Commit.Requests))
	}
	d.restart(time.Second) // the stop stays where it is, though its last action is nowhere
	d.readBook()
	d.none()
}

// What nobody lives on, what did not move and what comes while the exchange is shut is not written down.
func TestPricesThatDontMatterCostNothing(t *testing.T) {
	nothing := func(t *testing.T, d *desk, paise int64) {
		t.Helper()
		if b := d.step(tick(paise)); len(b.Commit.Inputs)+len(b.Commit.Events) > 0 {
			t.Errorf("at %d: %d inputs, %d events", paise, len(b.Commit.Inputs), len(b.Commit.Events))
		}
	}
	d, r := entered(t, stopRule)
	d.accept(r, "S1")
	d.readBook()
	nothing(t, d, 13000)

	d = newDesk(t, trailRules)
	nothing(t, d, 13000) // nothing is open
	d.opened("E1", filled(75))
	if b := d.step(tick(13000)); len(b.Commit.Inputs) != 1 || b.Commit.Inputs[0].Kind != journal.InputPrices {
		t.Fatal("a price that a rule reads is not written down")
	}
	nothing(t, d, 13000)

	d = newDesk(t, trailRules, func(o *lane.Options) { o.Hours = market.Default() })
	d.opened("E1", filled(75))
	d.step(tick(13000))
	d.now = time.Date(2026, 11, 23, 15, 41, 0, 0, order.IST)
	nothing(t, d, 15000)
}

// The positions' last price may lag behind the ticks: it counts where the stream tells none.
func TestAFreshTickStandsOverThePositionsPrice(t *testing.T) {
	d := newDesk(t, `
version: 1
rules:
  - name: told
    on: price
    then: [telegram: "${group.last_price}"]
`)
	d.opened("E1", filled(75))
	positions := func(rupees order.Price) {
		d.step(lane.Input{Positions: &lane.Positions{Began: d.now, Rows: []actions.PositionRow{{Key: order.Key{Exchange: "NFO", Tradingsymbol: call, Product: "NRML"}, LastPrice: rupees * order.Rupee}}}})
	}
	asked := func() bool { return d.step(lane.Input{Control: &lane.Control{Verb: lane.Reconcile}}).Reads.Positions }
	if !asked() {
		t.Error("without a stream the positions are asked")
	}
	positions(121)
	d.step(tick(12500))
	positions(122)
	if asked() {
		t.Error("positions are asked for a price that a tick has just told")
	}
	d.now = d.now.Add(time.Minute)
	if !asked() {
		t.Error("a stream that tells nothing any more is believed for ever")
	}
	positions(123)
	d.tells = slices.DeleteFunc(d.tells, func(s string) bool { return len(s) > 3 }) // what else is told
	if !slices.Equal(d.tells, []string{"121", "125", "123"}) {
		t.Errorf("told %q", d.tells)
	}
}

// A lively day of one instrument, a move each second for six hours: what its prices leave in the journal is bounded.
func TestADayOfTicksKeepsTheJournalSmall(t *testing.T) {
	if testing.Short() {
		t.Skip("a whole day")
	}
	d := newDesk(t, trailRules)
	d.set("E1", filled(75))
	d.postback("E1")
	d.readBook()
	d.accept(d.take(actions.Place), "S1")
	d.readBook()
	bytes, rows := 0, 0
	const moves = 2250 // a tenth of it
	for n := range moves {
		d.now = d.now.Add(time.Second)
		b := d.step(tick(12000 + int64(n%2)*5 + int64(n))) // to 142, and never up 30 per cent
		for _, in := range b.Commit.Inputs {
			bytes, rows = bytes+len(in.Doc), rows+1
		}
		for _, e := range b.Commit.Events {
			bytes, rows = bytes+len(e.Doc), rows+1
		}
		if d.want.Book {
			d.readBook()
		}
	}
	if rows > moves+100 || bytes > 100*moves {
		t.Errorf("%d rows, %d bytes", rows, bytes)
	}
}

// A wish that was written on a claim is evaluated again when the book confirms it. The market may have come back by then: a
// trailing stop never moves away from profit for that.
func TestATrailingStopThatWaitedForTheBookNeverMovesBack(t *testing.T) {
	d := newDesk(t, trailRules)
	d.set("E1", filled(150))
	d.book["E1"].Quantity = 150
	d.set("E1", filled(150))
	d.postback("E1")
	d.readBook()
	d.accept(d.take(actions.Place), "S1")
	d.set("X1", func(u *order.Update) { u.TransactionType = "SELL"; filled(75)(u) })
	d.postback("X1") // claimed: what is asked for from here on stands on it
	d.step(tick(17900))
	d.none()
	d.step(tick(8640)) // the spike is over, before the book was read
	d.readBook()
	if p := d.take(actions.Modify).Call.Params; p.Quantity != 75 || p.TriggerPrice < 96*order.Rupee {
		t.Errorf("%d at %s", p.Quantity, p.TriggerPrice)
	}
}

// A postback may say that a person moved the stop: what a rule asks for waits until a reading has shown which.
func TestATrailingStopWaitsForWhatAPersonMayHaveMoved(t *testing.T) {
	d := newDesk(t, trailRules)
	d.set("E1", filled(75))
	d.postback("E1")
	d.readBook()
	d.accept(d.take(actions.Place), "S1")
	d.readBook()
	d.now = d.now.Add(time.Minute)
	d.step()
	d.set("S1", func(u *order.Update) { u.TriggerPrice, u.Price = 100*order.Rupee, 98*order.Rupee })
	d.postback("S1")
	if b := d.step(tick(16000)); !b.Reads.Book {
		t.Error("the book is not read for it")
	}
	d.none()
	d.readBook()
	d.step(tick(17000))
	d.none() // it stays where the person put it
}

// A move that the broker refused holds no change of the quantity back.
func TestAStopThatCouldNotBeMovedIsKeptTrueWhereItStands(t *testing.T) {
	d := newDesk(t, trailRules)
	d.set("E1", filled(75))
	d.postback("E1")
	d.readBook()
	d.accept(d.take(actions.Place), "S1")
	d.step(tick(16000))
	d.refuse(d.take(actions.Modify), actions.ClassBeyondMarket)
	d.none()
	d.set("X1", func(u *order.Update) { u.TransactionType, u.Quantity = "SELL", 25; filled(25)(u) })
	d.readBook()
	if p := d.take(actions.Modify).Call.Params; p.Quantity != 50 || p.TriggerPrice != 96*order.Rupee {
		t.Errorf("%d at %s", p.Quantity, p.TriggerPrice)
	}
}

// A group has one stop or one for each fill, and never both, which would cover the same twice: a rule that asks for one moves each.
func TestARuleForTheGroupMovesTheStopsOfItsFills(t *testing.T) {
	d := newDesk(t, strings.Replace(trailRules, "loss(20) }", "loss(20), per: fill }", 1))
	d.set("E1", func(u *order.Update) { u.Quantity = 150; filled(75)(u) })
	d.postback("E1")
	d.readBook()
	d.step(lane.Input{Trades: &lane.Trades{OrderID: "E1", Rows: []order.Trade{{TradeID: "1", OrderID: "E1", Quantity: 75, Price: 120 * order.Rupee}}}})
	d.accept(d.take(actions.Place), "S1")
	d.set("E1", filled(150))
	d.postback("E1")
	d.readBook()
	d.accept(d.take(actions.Place), "S2")
	d.step(tick(16000))
	if len(d.sends) != 2 {
		t.Fatal(show(d.sends))
	}
	for _, r := range d.sends {
		if p := r.Call.Params; r.Call.Method != actions.Modify || p.Quantity != 75 || p.TriggerPrice != 142*order.Rupee {
			t.Error(show(d.sends))
		}
	}
}

// A move that a spike asked for waits for the reading with the stop that it moves. When the price has come back by then it
// moves nothing, and what is placed is the stop that the fill asked for.
func TestASpikeBeforeTheConfirmationLoosensNoStop(t *testing.T) {
	d := newDesk(t, trailRules)
	d.set("E1", filled(75))
	d.postback("E1")
	d.now = d.now.Add(time.Second)
	d.step(tick(16000)) // a third above the entry
	d.now = d.now.Add(time.Second)
	d.step(tick(8000)) // and a third below
	d.readBook()
	if p := d.take(actions.Place).Call.Params; p.TriggerPrice != 96*order.Rupee {
		t.Fatalf("a stop at 96, as the fill asked for, not at %s", p.TriggerPrice)
	}
}
