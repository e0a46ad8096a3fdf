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

const flatAtNoon = `
version: 1
rules:
  - name: flat
    on: { schedule: "30 10 * * *" }
    then:
      - cancel_order: {}
        of: account
        where: order.role == "entry"
      - exit_position: {}
        of: account
        where: order.product == "MIS"
      - telegram: "done"
`

// two adds a second instrument, so that there are two places.
func two(o *lane.Options) {
	all := list{}
	for k, v := range o.Instruments.(list) {
		all[k] = v
	}
	all["NFO:"+put] = order.Instrument{Exchange: "NFO", Tradingsymbol: put, TickSize: order.Rupee / 20, LotSize: 75, Type: "PE"}
	o.Instruments = all
}

const put = "NIFTY26NOV24500PE"

func short(u *order.Update) { u.Tradingsymbol, u.TransactionType = put, "SELL" }

// acceptAll makes the broker take everything that left; placements get ids that begin with prefix.
func (d *desk) acceptAll(prefix string) []actions.Request {
	d.t.Helper()
	sends := d.sends
	d.sends = nil
	for i, r := range sends {
		id := r.Call.OrderID
		if r.Call.Method == actions.Place {
			id = prefix + string(rune('1'+i))
		}
		d.apply(r, id)
		d.book[id].Tradingsymbol = r.Key.Tradingsymbol
		d.step(lane.Input{Outcome: &lane.Outcome{RequestID: r.ID, Attempt: r.Attempts, OrderID: id}})
	}
	d.now = d.now.Add(1100 * time.Millisecond)
	d.readBook()
	return sends
}

func TestAScheduleClosesTheAccountShortsBeforeLongs(t *testing.T) {
	d := newDesk(t, flatAtNoon, two)
	d.opened("E1", filled(75))
	d.opened("E2", short, filled(75))
	d.opened("E3", func(u *order.Update) { u.Product = "NRML"; filled(75)(u) })
	d.opened("E4")
	d.now = time.Date(2026, 11, 23, 10, 30, 0, 0, order.IST)
	d.step()
	if r := d.take(actions.Cancel); r.Call.OrderID != "E4" {
		t.Fatalf("cancelled %s", r.Call.OrderID)
	} else {
		d.accept(r, "E4")
	}
	r := d.take(actions.Place)
	if r.Key.Tradingsymbol != put || r.Call.Params.TransactionType != "BUY" {
		t.Fatalf("the short is closed first, not %+v", r.Call.Params)
	}
	d.accept(r, "X2")
	d.book["X2"].Tradingsymbol = put
	d.none()
	d.restart(time.Second) // in the middle
	d.none()
	d.set("X2", func(u *order.Update) { u.Tradingsymbol = put; filled(75)(u) })
	d.readBook()
	r = d.take(actions.Place)
	if r.Key.Tradingsymbol != call || r.Key.Product != "MIS" || r.Call.Params.TransactionType != "SELL" {
		t.Fatalf("then the long, not %+v", r.Call.Params)
	}
	d.accept(r, "X1")
	d.set("X1", filled(75))
	d.readBook()
	d.none()
	if told := d.byRules(); !slices.Equal(told, []string{"done"}) {
		t.Errorf("told %q", told)
	}
}

func TestAShortThatHangsHoldsNoLongBack(t *testing.T) {
	d := newDesk(t, flatAtNoon, two)
	d.opened("E1", filled(75))
	d.opened("E2", short, filled(75))
	d.now = time.Date(2026, 11, 23, 10, 30, 0, 0, order.IST)
	d.step()
	d.accept(d.take(actions.Place), "X2")
	d.book["X2"].Tradingsymbol = put
	d.wait(11 * time.Second)
	if !slices.ContainsFunc(d.sends, func(r actions.Request) bool { return r.Key.Tradingsymbol == call && r.Call.Method == actions.Place }) {
		t.Fatalf("the long goes too: %s", show(d.sends))
	}
}

func TestOfGivesEachActionItsOwnWordsAndKeepsTheEvents(t *testing.T) {
	d := newDesk(t, `
version: 1
rules:
  - name: tell
    on: rejected
    then:
      - telegram: "${order.tradingsymbol} ${group.open_quantity} ${position.quantity} for ${event.order.order_id}"
        of: account
        where: group.open_quantity > 50
      - log: x
`, two)
	d.opened("E1", filled(75))
	d.opened("E2", short, filled(75))
	d.opened("E3", func(u *order.Update) { u.Tradingsymbol, u.Quantity = "OTHER", 10; filled(10)(u) })
	d.opened("R1", func(u *order.Update) { u.Status = order.StatusRejected })
	want := []string{put + " 75 -75 for R1", call + " 75 75 for R1"}
	if told := d.byRules(); len(told) != 2 || !slices.Contains(told, want[0]) || !slices.Contains(told, want[1]) {
		t.Fatalf("told %q", told)
	}
}

func TestOfThatNamesNothingGoesOn(t *testing.T) {
	d := newDesk(t, flatAtNoon)
	d.now = time.Date(2026, 11, 23, 10, 30, 0, 0, order.IST)
	d.step()
	d.none()
	if !slices.Equal(d.tells, []string{"done"}) {
		t.Fatalf("told %q", d.tells)
	}
}

func TestOfTagMovesTheOtherLeg(t *testing.T) {
	d := newDesk(t, stopRule+`
  - name: other-leg
    on: flat
    when: event.cause == "stop_loss"
    then:
      - place_stop_loss: { trigger_price: group.entry_price, loosen: true }
        of: tag
`, two)
	d.opened("E1", short, func(u *order.Update) { u.Tradingsymbol = call; u.Tag = "straddle" }, filled(75))
	d.accept(d.take(actions.Place), "S1")
	d.opened("E2", short, func(u *order.Update) { u.Tag = "straddle" }, filled(75))
	d.accept(d.take(actions.Place), "S2")
	d.book["S2"].Tradingsymbol = put
	d.set("S1", filled(75))
	d.readBook()
	r := d.take(actions.Modify)
	if r.Call.OrderID != "S2" || r.Call.Params.TriggerPrice != 120*order.Rupee {
		t.Fatalf("the other leg's stop to cost, not %+v", r.Call)
	}
}

const reenter = `
version: 1
rules:
  - name: again
    on: flat
    when: event.cause == "person"
    then:
      - place_order: { exchange: "${order.exchange}", tradingsymbol: "${order.tradingsymbol}", transaction_type: "${group.side}", quantity: group.filled_quantity, product: MIS, order_type: LIMIT, price: 100.02, tag: again }
      - telegram: "placed ${action.order_id} ${action.price}"
    on_error: [telegram: "${error.type}: ${error.message}"]
  - name: entered
    on: fill
    when: order.role == "entry" and group.tag == "again"
    then: [telegram: "in"]
`

// exited is a desk whose one entry was closed by a person.
func exited(t *testing.T, source string, change ...func(*lane.Options)) *desk {
	d := newDesk(t, source, change...)
	d.opened("E1", filled(75))
	d.opened("X1", func(u *order.Update) { u.TransactionType = "SELL"; filled(75)(u) })
	return d
}

func TestPlaceOrderPlacesOnceAndOpensAGroupWithItsTag(t *testing.T) {
	d := exited(t, reenter)
	r := d.take(actions.Place)
	if p := r.Call.Params; p.Price != 100*order.Rupee || p.Quantity != 75 || p.TransactionType != "BUY" || !actions.IsTag(p.Tag) || r.Priority != actions.PriorityRisk {
		t.Fatalf("placed %+v", p)
	}
	d.restart(time.Second) // it may have left: looked for, not sent again
	d.none()
	d.apply(r, "N1")
	d.wait(5 * time.Second)
	d.none()
	d.set("N1", filled(75))
	d.readBook()
	if told := d.byRules(); !slices.Equal(told, []string{"placed N1 100", "in"}) {
		t.Fatalf("told %q", told)
	}
}

func TestAPlacementThatAddsRiskLapsesAMinuteAfterItsEvent(t *testing.T) {
	d := newDesk(t, reenter)
	d.opened("E1", filled(75))
	d.step(lane.Input{Session: &lane.Session{Why: "expired"}})
	d.set("X1", func(u *order.Update) { u.TransactionType = "SELL"; filled(75)(u); u.ExchangeUpdateTimestamp = d.now })
	u := *d.book["X1"]
	u.Source, u.Raw = order.SourceStream, []byte("{}")
	d.step(lane.Input{Update: &u})
	d.none()
	d.now = d.now.Add(61 * time.Second)
	d.step()
	d.step(lane.Input{Session: &lane.Session{Alive: true}})
	d.none()
	if !slices.ContainsFunc(d.byRules(), func(s string) bool { return strings.HasPrefix(s, "guardrail: it waited too long (session)") }) {
		t.Fatalf("told %q", d.tells)
	}
}

func TestNewsFromBeforeAGapAddsNoRisk(t *testing.T) {
	d := newDesk(t, reenter)
	d.opened("E1", filled(75))
	d.set("X1", func(u *order.Update) { u.TransactionType = "SELL"; filled(75)(u) })
	d.restart(5 * time.Minute)
	d.none()
	if !slices.ContainsFunc(d.byRules(), func(s string) bool { return strings.HasPrefix(s, "guardrail: it came too late") }) {
		t.Fatalf("told %q", d.tells)
	}
}

func TestPlaceOrderRefusesByNameWhatTheBrokerWould(t *testing.T) {
	for change, want := range map[string]string{
		"order_type: LIMIT, price: 100.02":                                                          "",
		"order_type: LIMIT, price: 0":                                                               "a LIMIT order needs price",
		"order_type: LIMIT, price: 100, disclosed_quantity: 10":                                     "disclosed_quantity is of shares, not of NFO",
		"order_type: LIMIT, price: 100, variety: amo":                                               "NFO is open",
		"order_type: LIMIT, price: 100, variety: iceberg, iceberg_legs: order.filled_quantity - 24": "51 is not within 2 to 50",
		"order_type: LIMIT, price: 100, variety: iceberg, iceberg_legs: 2":                          "2 legs of 75 are not 75",
		"order_type: LIMIT, price: 100, variety: iceberg, iceberg_legs: 2, iceberg_quantity: 40":    "no multiple of the lot of 75",
		"order_type: LIMIT, price: 100, validity: TTL, validity_ttl: 3":                             "",
		"order_type: SL, price: 90, trigger_price: 100":                                             "wrong side of its trigger",
		"order_type: LIMIT, price: 100, quantity: 50":                                               "no multiple of the lot of 75",
		"order_type: LIMIT, price: 100, role: target":                                               "there is no open group",
		"order_type: SL-M, trigger_price: 100":                                                      "",
		"order_type: LIMIT, price: 100, tradingsymbol: WRONG":                                       "is not in the instruments list",
	} {
		source := strings.Replace(reenter, "order_type: LIMIT, price: 100.02", change, 1)
		if strings.Contains(change, ", quantity") {
			source = strings.Replace(source, "quantity: group.filled_quantity, ", "", 1)
		}
		if strings.Contains(change, "tradingsymbol") {
			source = strings.Replace(source, `tradingsymbol: "${order.tradingsymbol}", `, "", 1)
		}
		d := exited(t, source)
		told := strings.Join(d.byRules(), "; ")
		if want == "" && len(d.sends) != 1 || want != "" && (len(d.sends) > 0 || !strings.Contains(told, want)) {
			t.Errorf("%s: sent %s, told %q", change, show(d.sends), told)
		}
	}
}

func TestAnExitThatARulePlacesIsNoNewGroup(t *testing.T) {
	d := newDesk(t, `
version: 1
rules:
  - name: out
    on: fill
    when: order.role == "entry"
    then: [place_order: { exchange: NFO, tradingsymbol: "${order.tradingsymbol}", transaction_type: SELL, quantity: 75, product: MIS, order_type: LIMIT, price: 150, role: target }]
    on_error: [telegram: "${error.message}"]
`)
	d.step(lane.Input{Control: &lane.Control{Verb: lane.Pause}})
	d.opened("E1", filled(75))
	r := d.take(actions.Place) // pause never holds back an exit
	d.accept(r, "T1")
	d.set("T1", filled(75))
	d.readBook()
	d.none()
	if kinds := d.kinds("E1"); !slices.Contains(kinds, "flat") {
		t.Errorf("events of E1: %v", kinds)
	}
}

func TestModifyOrderIsAbsoluteAndAFinishedOneIsFine(t *testing.T) {
	source := `
version: 1
rules:
  - name: chase
    on: open
    for: 1m
    when: order.status == "OPEN"
    then:
      - modify_order: { price: order.price + 1.03 }
      - telegram: "moved to ${action.price}"
`
	d := newDesk(t, source)
	d.opened("E1")
	d.wait(61 * time.Second)
	r := d.take(actions.Modify)
	if p := r.Call.Sent(); r.Call.OrderID != "E1" || p.Price != order.Rupee*12105/100 || p.Quantity != 75 || p.OrderType != "LIMIT" {
		t.Fatalf("modified %+v", r.Call)
	}
	d.restart(time.Second) // its answer is lost: the row says that it was not made
	d.wait(3 * time.Second)
	again := d.take(actions.Modify)
	if again.ID != r.ID {
		t.Fatalf("another request: %+v", again)
	}
	d.accept(again, "E1")
	if told := d.byRules(); !slices.Equal(told, []string{"moved to 121.05"}) {
		t.Errorf("told %q", told)
	}
}

func TestModifyOrderOfAStopMovesItsSlot(t *testing.T) {
	d, _ := entered(t, stopRule+`
  - name: to-cost
    on: trigger_pending
    when: order.role == "stop_loss"
    then: [modify_order: { trigger_price: group.entry_price }]
`)
	r := d.take(actions.Modify)
	if r.Call.OrderID != "S1" || r.Call.Params.TriggerPrice != 120*order.Rupee {
		t.Fatalf("modified %+v", r.Call)
	}
	d.accept(r, "S1")
	d.wait(time.Minute)
	d.none() // it stays there
}

func TestAnOrderThatWasModifiedTwentyTimesIsReplacedAndItsGroupGoesOn(t *testing.T) {
	d := newDesk(t, `
version: 1
rules:
  - name: chase
    on: [open, modified, partial_fill]
    when: order.role == "entry"
    then: [modify_order: { price: order.price + 0.05 }]
    on_error: [telegram: "${error.message}"]
`)
	d.opened("E1")
	for range 20 {
		d.accept(d.take(actions.Modify), "E1")
	}
	d.set("E1", func(u *order.Update) { u.FilledQuantity = 25; u.AveragePrice = u.Price })
	c := d.take(actions.Cancel)
	d.apply(c, "E1")
	d.restart(time.Second) // in the middle: the answer is lost, the book shows it
	d.wait(5 * time.Second)
	r := d.take(actions.Place)
	if p := r.Call.Params; p.Quantity != 50 || p.TransactionType != "BUY" || p.Price != order.Rupee*12105/100 || !actions.IsTag(p.Tag) {
		t.Fatalf("placed %+v", p)
	}
	d.apply(r, "N1")
	d.set("N1", filled(50))
	d.step(lane.Input{Outcome: &lane.Outcome{RequestID: r.ID, Attempt: r.Attempts, OrderID: "N1"}})
	d.wait(3 * time.Second)
	var open []int64
	for _, g := range d.lane.View().Groups {
		open = append(open, g.Open)
	}
	if !slices.Equal(open, []int64{75}) {
		t.Errorf("groups of %v", open)
	}
}

func TestAForgedExitEntersNothingAgainAndATrueOneDoes(t *testing.T) {
	d := newDesk(t, reenter)
	d.opened("E1", filled(75))
	d.opened("X1", func(u *order.Update) { u.TransactionType = "SELL" })
	d.forge("X1", filled(75))
	d.none()
	d.wait(40 * time.Second) // refuted
	d.none()
	d.set("X1", filled(75))
	d.postback("X1")
	d.none() // a claim moves no money
	d.readBook()
	if p := d.take(actions.Place).Call.Params; p.TransactionType != "BUY" || p.Quantity != 75 {
		t.Fatalf("placed %+v", p)
	}
}

func TestAnOrderOfARuleThatMeetsThePositionCoversItAsAPersonsDoes(t *testing.T) {
	d := newDesk(t, stopRule+`
  - name: other-side
    on: rejected
    then: [place_order: { exchange: NFO, tradingsymbol: "${order.tradingsymbol}", transaction_type: SELL, quantity: 75, product: MIS, order_type: LIMIT, price: 150, tag: out }]
    on_error: [telegram: "${error.message}"]
  - name: out
    on: flat
    then: [telegram: "flat by ${event.cause}"]
`)
	d.opened("E1", filled(75))
	d.accept(d.take(actions.Place), "S1")
	d.opened("R1", func(u *order.Update) { u.Status = order.StatusRejected })
	d.accept(d.take(actions.Place), "N1")
	if r := d.take(actions.Cancel); r.Call.OrderID != "S1" { // two that could both fill would sell twice
		t.Fatalf("cancelled %s", r.Call.OrderID)
	}
	d.set("S1", func(u *order.Update) { u.Status = order.StatusCancelled })
	d.set("N1", filled(75))
	d.readBook()
	if told := strings.Join(d.byRules(), "; "); !strings.Contains(told, "flat by exit") {
		t.Errorf("told %q", told)
	}
}

func TestWhatWasCarriedInIsClosedByItsPlace(t *testing.T) {
	d := newDesk(t, `
version: 1
rules:
  - name: out
    on: rejected
    then:
      - exit_position: {}
        of: account
        where: order.product == "NRML" and position.quantity < 0
`)
	d.now = d.now.Add(24 * time.Hour)
	d.step()
	d.readBook()
	d.step(lane.Input{Positions: &lane.Positions{Began: d.now, Rows: []actions.PositionRow{
		{Key: order.Key{Exchange: "NFO", Tradingsymbol: call, Product: "NRML"}, Quantity: -75, Overnight: -75, AveragePrice: 100 * order.Rupee},
		{Key: order.Key{Exchange: "NFO", Tradingsymbol: call, Product: "MIS"}, Quantity: 75, Overnight: 75}}}})
	d.opened("R1", func(u *order.Update) { u.Status = order.StatusRejected })
	if p := d.take(actions.Place).Call.Params; p.Product != "NRML" || p.TransactionType != "BUY" || p.Quantity != 75 {
		t.Fatalf("placed %+v", p)
	}
}

func TestALossInDryRunPausesNothingLater(t *testing.T) {
	d := newDesk(t, strings.Replace(reenter, "version: 1", "version: 1\nguardrails: { max_daily_loss: 100 }", 1), func(o *lane.Options) { o.Mode = lane.DryRun })
	d.opened("E1", filled(75))
	d.opened("X1", func(u *order.Update) { u.TransactionType, u.Price = "SELL", 100*order.Rupee; filled(75)(u) })
	if !slices.ContainsFunc(d.tells, func(s string) bool { return strings.HasPrefix(s, "[dry-run] PAUSED") }) || d.lane.View().Paused {
		t.Errorf("told %q", d.tells)
	}
}

func TestInvariant4AnExitThatARulePlacedDoesNotOutliveItsGroup(t *testing.T) {
	d := newDesk(t, `
version: 1
rules:
  - name: out
    on: fill
    when: order.role == "entry"
    then: [place_order: { exchange: NFO, tradingsymbol: "${order.tradingsymbol}", transaction_type: SELL, quantity: 150, product: MIS, order_type: LIMIT, price: 150, role: target }]
    on_error: [telegram: "${error.message}"]
`)
	d.opened("E1", big(150))
	d.accept(d.take(actions.Place), "T1")
	d.set("X1", func(u *order.Update) { u.TransactionType = "SELL"; filled(75)(u) })
	d.readBook()
	r := d.take(actions.Modify)
	if r.Call.OrderID != "T1" || r.Call.Sent().Quantity != 75 || r.Call.Sent().Price != 150*order.Rupee {
		t.Fatalf("made smaller: %+v", r.Call)
	}
	d.accept(r, "T1")
	d.set("X2", func(u *order.Update) { u.TransactionType = "SELL"; filled(75)(u) })
	d.readBook()
	c := d.take(actions.Cancel)
	if c.Call.OrderID != "T1" {
		t.Fatalf("cancelled %s", c.Call.OrderID)
	}
	d.restart(time.Second) // its answer is lost
	d.wait(3 * time.Second)
	d.accept(d.take(actions.Cancel), "T1")
	d.wait(5 * time.Second)
	d.none()
}
