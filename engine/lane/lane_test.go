package lane_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"backstop/actions"
	"backstop/engine/journal"
	"backstop/engine/journal/memory"
	"backstop/engine/lane"
	"backstop/engine/market"
	"backstop/engine/order"
	"backstop/rules"
)

const stopRule = `
version: 1
rules:
  - name: stop
    on: [partial_fill, fill]
    when: order.role == "entry"
    then:
      - place_stop_loss: { trigger_price: loss(20) }
      - telegram: "Stop at ${action.trigger_price} for ${group.open_quantity}"
`

const targetRule = `
  - name: target
    on: [partial_fill, fill]
    when: order.role == "entry"
    then:
      - place_target: { price: profit(50) }
`

// desk is a broker's book in the test's hands and a lane that reads it.
type desk struct {
	t     *testing.T
	now   time.Time
	opts  lane.Options
	lane  *lane.Lane
	snap  *journal.Snapshot
	book  map[string]*order.Update
	sends []actions.Request // what left and was not answered
	tells []string
	want  lane.Reads
	seq   int
	rows  map[string]journal.Event
	mute  bool // messages reach nobody

	store   *memory.Store // that gets each commit too; nil: none
	errands []lane.Errand // for other accounts
	ends    []lane.ErrandEnd
}

type list map[string]order.Instrument

func (l list) Instrument(exchange, symbol string) (order.Instrument, bool) {
	i, ok := l[exchange+":"+symbol]
	return i, ok
}
func (l list) Loaded() bool { return l != nil }

const call = "NIFTY26NOV24500CE"

func newDesk(t *testing.T, source string, change ...func(*lane.Options)) *desk {
	t.Helper()
	return newDeskOf(t, parse(t, source), change...)
}

func parse(t *testing.T, source string) *rules.Set {
	t.Helper()
	set, problems := rules.Parse("rules.yaml", []byte(source), rules.Options{Specs: actions.Builtin(), Channels: []string{"telegram"}})
	if errs := problems.Errors(); len(errs) > 0 {
		t.Fatalf("rules: %v", errs)
	}
	return set
}

// newDeskOf is newDesk with rules that were read before.
func newDeskOf(t *testing.T, set *rules.Set, change ...func(*lane.Options)) *desk {
	t.Helper()
	d := &desk{t: t, now: time.Date(2026, 11, 23, 10, 0, 0, 0, order.IST), book: map[string]*order.Update{}, rows: map[string]journal.Event{}}
	d.opts = lane.Options{Account: "AB1234", Mode: lane.Live, Confirm: true, Rules: set, Hours: market.Always(), ChatID: "42",
		Instruments: list{"NFO:" + call: {Exchange: "NFO", Tradingsymbol: call, TickSize: order.Rupee / 20, LotSize: 75, Type: "CE"}},
		Reasons: func(message, _ string, _ order.Status) (actions.Class, string) {
			if strings.Contains(message, "Insufficient") {
				return actions.ClassMargin, "add funds"
			}
			return actions.ClassOther, ""
		}}
	for _, c := range change {
		c(&d.opts)
	}
	d.snap = &journal.Snapshot{}
	d.start()
	d.arm()
	d.now = d.now.Add(2 * time.Second)
	return d
}

// start builds the lane from what was committed, as a restart does.
func (d *desk) start() {
	d.t.Helper()
	l, err := lane.New(d.opts, d.snap, d.now)
	if err != nil {
		d.t.Fatal(err)
	}
	d.lane = l
}

func (d *desk) arm() {
	d.step()
	d.readBook()
	d.step(lane.Input{Positions: &lane.Positions{Began: d.now}})
}

// step steps and commits: what was written is what a restart finds.
func (d *desk) step(in ...lane.Input) lane.Batch {
	d.t.Helper()
	b := d.lane.Step(d.now, lane.Unlimited, in)
	d.commit(b.Commit)
	d.sends = append(d.sends, b.Sends...)
	d.errands, d.ends = append(d.errands, b.Errands...), append(d.ends, b.Ends...)
	for _, m := range b.Messages {
		d.tells = append(d.tells, m.Message.Text)
		if d.mute {
			continue
		}
		b2 := d.lane.Step(d.now, lane.Unlimited, []lane.Input{{Delivery: &lane.Delivery{ActionID: m.ID}}})
		d.commit(b2.Commit)
		d.sends = append(d.sends, b2.Sends...)
		for _, m := range b2.Messages { // delivered with the next step
			d.tells = append(d.tells, m.Message.Text)
			b3 := d.lane.Step(d.now, lane.Unlimited, []lane.Input{{Delivery: &lane.Delivery{ActionID: m.ID}}})
			d.commit(b3.Commit)
			d.sends = append(d.sends, b3.Sends...)
		}
	}
	d.want.Book = d.want.Book || b.Reads.Book // wanted until it is answered
	return b
}

func (d *desk) commit(c journal.Commit) {
	if d.store != nil && !c.Empty() {
		if err := d.store.Commit(d.t.Context(), &c); err != nil {
			d.t.Fatal(err)
		}
	}
	for _, e := range c.Events {
		d.rows[e.ID] = e
	}
	upsert(&d.snap.Orders, c.Orders, func(a, b journal.OrderRow) bool { return a.OrderID == b.OrderID })
	upsert(&d.snap.Actions, c.Actions, func(a, b actions.Action) bool { return a.ID == b.ID })
	upsert(&d.snap.Requests, c.Requests, func(a, b actions.Request) bool { return a.ID == b.ID })
	upsert(&d.snap.Docs, c.Docs, func(a, b journal.Doc) bool { return a.Kind == b.Kind && a.ID == b.ID })
	d.snap.Docs = slices.DeleteFunc(d.snap.Docs, func(x journal.Doc) bool { return x.Body == nil })
}

func upsert[T any](have *[]T, rows []T, same func(a, b T) bool) {
	for _, r := range rows {
		if i := slices.IndexFunc(*have, func(x T) bool { return same(x, r) }); i >= 0 {
			(*have)[i] = r
		} else {
			*have = append(*have, r)
		}
	}
}

// wait lets time pass, stepping whenever the lane asks for it and answering every reading.
func (d *desk) wait(t time.Duration) {
	d.t.Helper()
	until := d.now.Add(t)
	for d.now.Before(until) {
		b := d.step()
		if d.want.Book {
			d.readBook()
			continue
		}
		next := d.now.Add(500 * time.Millisecond)
		if !b.Wake.IsZero() && b.Wake.Before(next) && b.Wake.After(d.now) {
			next = b.Wake
		}
		if next.After(until) {
			next = until
		}
		d.now = next
	}
	d.step()
	if d.want.Book {
		d.readBook()
	}
}

// readBook answers a reading with the book as it stands.
func (d *desk) readBook() lane.Batch {
	d.t.Helper()
	began := d.now
	d.want.Book = false
	d.now = d.now.Add(20 * time.Millisecond)
	var rows []order.Update
	for _, u := range d.book {
		row := *u
		row.Raw, _ = json.Marshal(row)
		rows = append(rows, row)
	}
	return d.step(lane.Input{Read: &lane.Read{Began: began, Ended: d.now, Rows: rows}})
}

// set changes an order in the broker's book.
func (d *desk) set(id string, change func(u *order.Update)) *order.Update {
	d.seq++
	u, ok := d.book[id]
	if !ok {
		u = &order.Update{Account: d.opts.Account, OrderID: id, Status: order.StatusOpen, Exchange: "NFO", Tradingsymbol: call, Product: "MIS",
			TransactionType: order.Buy, OrderType: "LIMIT", Variety: "regular", Validity: "DAY", Quantity: 75, Price: 120 * order.Rupee, PlacedBy: d.opts.Account}
		d.book[id] = u
	}
	u.ExchangeUpdateTimestamp = d.now
	u.OrderTimestamp = d.now
	change(u)
	u.RawStatus = string(u.Status)
	return u
}

// postback pushes an order as it stands in the book.
func (d *desk) postback(id string) lane.Batch {
	d.t.Helper()
	u := *d.book[id]
	u.Source = order.SourcePostback
	u.Raw, _ = json.Marshal(struct {
		order.Update
		Via string
	}{u, "postback"})
	return d.step(lane.Input{Update: &u})
}

func filled(n int64) func(*order.Update) {
	return func(u *order.Update) {
		u.FilledQuantity = n
		if n >= u.Quantity {
			u.Status, u.AveragePrice = order.StatusComplete, u.Price
		}
	}
}

// take pops the only request that left.
func (d *desk) take(method actions.Method) actions.Request {
	d.t.Helper()
	if len(d.sends) != 1 || d.sends[0].Call.Method != method {
		d.t.Fatalf("want one %s, have %s", method, show(d.sends))
	}
	r := d.sends[0]
	d.sends = nil
	return r
}

func (d *desk) none() {
	d.t.Helper()
	if len(d.sends) > 0 {
		d.t.Fatalf("nothing was to leave, but %s", show(d.sends))
	}
}

func show(rs []actions.Request) string {
	var lines []string
	for _, r := range rs {
		p := r.Call.Params
		lines = append(lines, fmt.Sprintf("%s %s %s %d @%s/%s", r.Call.Method, r.Call.OrderID, p.OrderType, p.Quantity, p.TriggerPrice, p.Price))
	}
	return "[" + strings.Join(lines, "; ") + "]"
}

// accept makes the broker take a request: the order stands in the book.
func (d *desk) accept(r actions.Request, id string) {
	d.t.Helper()
	d.apply(r, id)
	d.step(lane.Input{Outcome: &lane.Outcome{RequestID: r.ID, Attempt: r.Attempts, OrderID: id}})
	d.now = d.now.Add(1100 * time.Millisecond)
	d.readBook()
}

func (d *desk) apply(r actions.Request, id string) {
	p := r.Call.Params
	d.set(id, func(u *order.Update) {
		switch r.Call.Method {
		case actions.Cancel:
			u.Status = order.StatusCancelled
			return
		case actions.Place:
			u.TransactionType, u.Tag, u.Product = p.TransactionType, p.Tag, p.Product
		}
		u.Quantity, u.Price, u.TriggerPrice, u.OrderType = p.Quantity, p.Price, p.TriggerPrice, p.OrderType
		u.Status = order.StatusOpen
		switch p.OrderType {
		case "SL", "SL-M":
			u.Status = order.StatusTriggerPending
		case "MARKET":
			u.OrderType, u.Price = "LIMIT", 100*order.Rupee
		}
	})
}

func (d *desk) refuse(r actions.Request, class actions.Class) {
	d.step(lane.Input{Outcome: &lane.Outcome{RequestID: r.ID, Attempt: r.Attempts, Err: &actions.Error{Class: class, Message: "the broker's words", Hint: "do this"}}})
}

// entered is a desk with one bought order filled, confirmed, and its stop live as order S1.
func entered(t *testing.T, source string) (*desk, actions.Request) {
	d := newDesk(t, source)
	d.set("E1", filled(75))
	d.postback("E1")
	d.readBook()
	r := d.take(actions.Place)
	d.accept(r, "S1")
	return d, r
}

func (d *desk) kinds(orderID string) []string {
	var got []journal.Event
	for _, e := range d.rows {
		if e.OrderID == orderID {
			got = append(got, e)
		}
	}
	slices.SortFunc(got, func(a, b journal.Event) int { return a.At.Compare(b.At) })
	var kinds []string
	for _, e := range got {
		kinds = append(kinds, string(e.Kind))
	}
	return kinds
}

func (d *desk) state(id string) string {
	for _, r := range d.snap.Requests {
		if r.ID == id {
			return string(r.State) + " " + r.Why
		}
	}
	return "none"
}

func TestAStopStandsOnTheOrderBookAndNotOnThePostback(t *testing.T) {
	d := newDesk(t, stopRule)
	d.set("E1", filled(75))
	d.postback("E1")
	d.none()
	if !d.want.Book {
		t.Fatal("the book is to be read at once")
	}
	d.readBook()
	p := d.take(actions.Place).Call.Params
	if p.OrderType != "SL" || p.TransactionType != "SELL" || p.Quantity != 75 || p.TriggerPrice != 96*order.Rupee || p.Price != 931*order.Rupee/10 {
		t.Fatalf("the stop is %+v", p)
	}
}

func TestTheMessageFollowsWhenTheStopIsLive(t *testing.T) {
	d, _ := entered(t, stopRule)
	if len(d.tells) != 1 || d.tells[0] != "Stop at 96 for 75" {
		t.Fatalf("told %q", d.tells)
	}
}

func TestAStopGrowsWithItsEntryAndIsOneOrder(t *testing.T) {
	d := newDesk(t, stopRule)
	d.set("E1", func(u *order.Update) { u.Quantity = 150; u.FilledQuantity = 75 })
	d.postback("E1")
	d.step(lane.Input{Trades: &lane.Trades{OrderID: "E1", Rows: []order.Trade{{TradeID: "1", OrderID: "E1", Quantity: 75, Price: 120 * order.Rupee}}}})
	d.readBook()
	d.accept(d.take(actions.Place), "S1")
	d.set("E1", func(u *order.Update) { filled(150)(u); u.AveragePrice = 121 * order.Rupee })
	d.postback("E1")
	d.readBook()
	r := d.take(actions.Modify)
	if r.Call.OrderID != "S1" || r.Call.Params.Quantity != 150 || r.Call.Params.TriggerPrice != order.Rupee*968/10 {
		t.Fatalf("the change is %+v", r.Call)
	}
}

func TestAPartialFillWaitsForItsTradesWhenTheRuleReadsThePrice(t *testing.T) {
	d := newDesk(t, stopRule)
	d.set("E1", func(u *order.Update) { u.Quantity = 150; u.FilledQuantity = 75 })
	b := d.postback("E1")
	if !slices.Contains(b.Reads.Trades, "E1") {
		t.Fatalf("the trades of E1 are to be read, have %+v", b.Reads)
	}
	d.readBook()
	d.none()
	d.step(lane.Input{Trades: &lane.Trades{OrderID: "E1", Rows: []order.Trade{{TradeID: "1", OrderID: "E1", Quantity: 75, Price: 110 * order.Rupee}}}})
	if p := d.take(actions.Place).Call.Params; p.TriggerPrice != 88*order.Rupee || p.Quantity != 75 {
		t.Fatalf("the stop is %+v", p)
	}
}

func TestTheLastFillsPriceIsItsOwnWhereTheOrderTellsItsAverage(t *testing.T) {
	d := newDesk(t, strings.Replace(stopRule, "loss(20)", "\"loss(20, event.fill_price)\"", 1))
	d.set("E1", func(u *order.Update) { u.Quantity, u.FilledQuantity = 150, 75 })
	d.postback("E1")
	d.readBook()
	d.step(lane.Input{Trades: &lane.Trades{OrderID: "E1", Rows: []order.Trade{{TradeID: "1", OrderID: "E1", Quantity: 75, Price: 110 * order.Rupee}}}})
	d.apply(d.take(actions.Place), "S1")
	d.set("E1", func(u *order.Update) {
		u.Status, u.FilledQuantity, u.AveragePrice = order.StatusComplete, 150, 105*order.Rupee
	})
	d.readBook()
	if p := d.take(actions.Modify).Call.Params; p.TriggerPrice != 80*order.Rupee || p.Quantity != 150 {
		t.Fatalf("the stop is %+v", p) // the other 75 filled at 100
	}
}

func TestAPersonsExitCancelsTheStop(t *testing.T) {
	d, _ := entered(t, stopRule)
	d.set("X1", func(u *order.Update) { u.TransactionType = "SELL"; filled(75)(u) })
	d.readBook()
	if r := d.take(actions.Cancel); r.Call.OrderID != "S1" {
		t.Fatalf("cancelled %s", r.Call.OrderID)
	}
	if got := d.kinds("E1"); !slices.Contains(got, "flat") {
		t.Fatalf("events of E1: %v", got)
	}
}

func TestAPersonsPartialExitShrinksTheStop(t *testing.T) {
	d := newDesk(t, stopRule)
	d.set("E1", func(u *order.Update) { u.Quantity = 150; filled(150)(u) })
	d.readBook()
	d.accept(d.take(actions.Place), "S1")
	d.set("X1", func(u *order.Update) { u.TransactionType = "SELL"; filled(75)(u) })
	d.readBook()
	if r := d.take(actions.Modify); r.Call.OrderID != "S1" || r.Call.Params.Quantity != 75 {
		t.Fatalf("the change is %+v", r.Call)
	}
}

func TestTheTargetFollowsTheLiveStopAndItsFillEndsTheStop(t *testing.T) {
	d := newDesk(t, stopRule+targetRule)
	d.set("E1", filled(75))
	d.readBook()
	d.accept(d.take(actions.Place), "S1")
	r := d.take(actions.Place)
	if r.Call.Params.OrderType != "LIMIT" || r.Call.Params.Price != 180*order.Rupee {
		t.Fatalf("the target is %+v", r.Call.Params)
	}
	d.accept(r, "T1")
	d.none()
	d.set("T1", filled(75))
	d.postback("T1")
	d.none() // a claim moves no money
	d.readBook()
	if r := d.take(actions.Cancel); r.Call.OrderID != "S1" {
		t.Fatalf("cancelled %s", r.Call.OrderID)
	}
}

func TestATriggeredStopTakesTheTargetAwayAtOnce(t *testing.T) {
	d := newDesk(t, stopRule+targetRule)
	d.set("E1", filled(75))
	d.readBook()
	d.accept(d.take(actions.Place), "S1")
	d.accept(d.take(actions.Place), "T1")
	d.set("S1", func(u *order.Update) { u.Status = order.StatusOpen })
	d.readBook()
	if r := d.take(actions.Cancel); r.Call.OrderID != "T1" {
		t.Fatalf("cancelled %s", r.Call.OrderID)
	}
}

func TestInvariant2ALostAnswerIsFoundByItsTag(t *testing.T) {
	d := newDesk(t, stopRule)
	d.set("E1", filled(75))
	d.readBook()
	r := d.take(actions.Place)
	d.apply(r, "S1") // it reached the exchange
	d.refuse(r, actions.ClassAmbiguous)
	d.now = d.now.Add(2 * time.Second)
	d.readBook()
	d.none()
	if got := d.state(r.ID); got != "done " {
		t.Fatalf("the request is %s", got)
	}
	d.wait(2 * time.Minute)
	d.none()
}

func TestInvariant2AnAbsentPlacementIsSentAgainWithItsTagAndNotBefore(t *testing.T) {
	d := newDesk(t, stopRule)
	d.set("E1", filled(75))
	d.readBook()
	r := d.take(actions.Place)
	d.refuse(r, actions.ClassAmbiguous)
	d.sentAgain(r)
}

// sentAgain wants a placement that never arrived to be sent again under its tag, once its absence is proved.
func (d *desk) sentAgain(r actions.Request) {
	d.t.Helper()
	ended := d.now
	for len(d.sends) == 0 {
		d.wait(200 * time.Millisecond)
		if d.now.Sub(ended) > time.Minute {
			d.t.Fatal("it was never sent again")
		}
	}
	if took := d.now.Sub(ended); took < 20*time.Second {
		d.t.Errorf("sent again after %s", took)
	}
	if again := d.take(actions.Place); again.ID != r.ID || again.Tag() != r.Tag() {
		d.t.Errorf("sent again as %s, first was %s", again.ID, r.ID)
	}
}

func TestInvariant2AnEmptyOrShorterBookProvesNothing(t *testing.T) {
	d := newDesk(t, stopRule)
	d.set("E1", filled(75))
	d.readBook()
	r := d.take(actions.Place)
	d.refuse(r, actions.ClassAmbiguous)
	d.book = map[string]*order.Update{}
	d.wait(3 * time.Minute)
	d.none()
	if got := d.state(r.ID); got != "unknown " {
		t.Fatalf("the request is %s", got)
	}
}

func TestInvariant2ACrashBetweenClaimAndAnswerIsSettledByReading(t *testing.T) {
	d := newDesk(t, stopRule)
	d.set("E1", filled(75))
	d.readBook()
	r := d.take(actions.Place)
	d.apply(r, "S1")
	d.start() // the process died and came back
	d.arm()
	d.wait(time.Minute)
	d.none()
	if got := d.state(r.ID); got != "done " {
		t.Fatalf("the request is %s", got)
	}
}

func TestInvariant2ALostDataFolderFindsItsOrders(t *testing.T) {
	d, _ := entered(t, stopRule)
	d.snap = &journal.Snapshot{}
	d.opts.Adopt = true
	d.start()
	d.arm()
	d.wait(30 * time.Second)
	d.none()
}

func TestAForgedFillIsRefutedAndNothingIsSent(t *testing.T) {
	d := newDesk(t, stopRule)
	d.set("E1", func(*order.Update) {})
	d.readBook()
	d.set("E1", filled(75))
	d.postback("E1")
	d.set("E1", func(u *order.Update) { u.Status, u.FilledQuantity, u.AveragePrice = order.StatusOpen, 0, 0 })
	d.wait(40 * time.Second)
	d.none()
	if got := d.kinds("E1"); !slices.Contains(got, "refuted") {
		t.Fatalf("events: %v", got)
	}
	if v := d.lane.View(); len(v.Groups) != 0 {
		t.Fatalf("open groups: %+v", v.Groups)
	}
	d.now = d.now.Add(time.Second)
	d.set("E1", filled(75)) // the true fill
	d.readBook()
	d.take(actions.Place)
}

func TestAFirstStopBeyondTheMarketExitsThePosition(t *testing.T) {
	d := newDesk(t, stopRule)
	d.set("E1", filled(75))
	d.readBook()
	d.refuse(d.take(actions.Place), actions.ClassBeyondMarket)
	p := d.take(actions.Place).Call.Params
	if p.OrderType != "MARKET" || p.MarketProtection != -1 || p.Quantity != 75 || p.TransactionType != "SELL" {
		t.Fatalf("the exit is %+v", p)
	}
}

func TestAnExitTurnsTheLiveStopIntoIt(t *testing.T) {
	d, _ := entered(t, stopRule+`
  - name: out
    on: cancelled
    then: [{ exit_position: {} }]
`+tellFlat)
	d.set("E2", func(u *order.Update) {})
	d.readBook()
	d.set("E2", func(u *order.Update) { u.Status = order.StatusCancelled })
	d.readBook()
	r := d.take(actions.Modify)
	if p := r.Call.Params; r.Call.OrderID != "S1" || p.OrderType != "MARKET" || p.MarketProtection != -1 || p.Quantity != 75 {
		t.Fatalf("the exit is %+v", r.Call)
	}
	d.accept(r, "S1")
	d.none()
	d.wait(2 * time.Second) // it hangs as a LIMIT: asked for again
	again := d.take(actions.Modify)
	if again.ID == r.ID || again.Call.OrderID != "S1" {
		t.Fatalf("again: %+v", again)
	}
	d.accept(again, "S1")
	d.set("S1", filled(75))
	d.readBook()
	d.wait(30 * time.Second)
	d.none()
	if !slices.Contains(d.tells, "flat by exit") {
		t.Errorf("told %q", d.tells)
	}
}

func TestAnExitWaitsForNoMessageBeforeIt(t *testing.T) {
	for name, answer := range map[string]*actions.Error{"no answer": nil, "refused": {Class: actions.ClassRefused, Message: "chat not found"}} {
		t.Run(name, func(t *testing.T) {
			d, _ := entered(t, stopRule+`
  - name: out
    on: cancelled
    then: [{ telegram: "going out" }, { exit_position: {} }, { telegram: "out" }]
    on_error: [{ telegram: "could not: ${error.message}" }]
`)
			d.mute = true
			d.set("E2", func(u *order.Update) {})
			d.readBook()
			d.set("E2", func(u *order.Update) { u.Status = order.StatusCancelled })
			d.readBook()
			if answer != nil {
				for _, a := range d.snap.Actions {
					if a.Message != nil && a.Message.Text == "going out" {
						d.step(lane.Input{Delivery: &lane.Delivery{ActionID: a.ID, Err: answer}})
					}
				}
			}
			r := d.take(actions.Modify)
			if r.Call.OrderID != "S1" || r.Call.Params.OrderType != "MARKET" {
				t.Fatalf("the exit is %+v", r.Call)
			}
			d.accept(r, "S1")
			d.set("S1", filled(75))
			d.readBook()
			d.restart(time.Second)
			if told := d.byRules(); !slices.Contains(told, "out") || slices.ContainsFunc(told, func(text string) bool { return strings.HasPrefix(text, "could not") }) {
				t.Errorf("told %q", told)
			}
		})
	}
}

func TestATriggeredStopThatIsTurnedIntoTheExitStaysTheCause(t *testing.T) {
	d, _ := entered(t, stopRule+`
  - name: out
    on: triggered
    then: [{ exit_position: {} }]
`+tellFlat)
	d.set("S1", func(u *order.Update) { u.Status = order.StatusOpen })
	d.readBook()
	r := d.take(actions.Modify)
	d.accept(r, "S1")
	d.set("S1", filled(75))
	d.readBook()
	if !slices.Contains(d.tells, "flat by stop_loss") {
		t.Errorf("told %q", d.tells)
	}
}

// tellFlat is a rule that tells by what a group went flat.
const tellFlat = `
  - name: flat
    on: flat
    then: [telegram: "flat by ${event.cause}"]
`

func TestAStopThatAPersonCancelledStaysCancelledAndIsTold(t *testing.T) {
	d, _ := entered(t, stopRule)
	d.set("S1", func(u *order.Update) { u.Status = order.StatusCancelled })
	d.readBook()
	d.wait(15 * time.Second)
	d.none()
	if got := d.kinds("E1"); !slices.Contains(got, "unprotected") {
		t.Fatalf("events: %v", got)
	}
	if !strings.Contains(strings.Join(d.tells, "\n"), "NOT PROTECTED") {
		t.Fatalf("told %q", d.tells)
	}
}

func TestAStopThatTheExchangeCancelledIsReplaced(t *testing.T) {
	d, first := entered(t, stopRule)
	d.set("S1", func(u *order.Update) { u.Status, u.StatusMessage = order.StatusCancelled, "outside the price band" })
	d.readBook()
	if again := d.take(actions.Place); again.ID == first.ID || again.Call.Params.Quantity != 75 {
		t.Fatalf("replaced by %+v", again.Call)
	}
}

func TestATriggerThatAPersonMovedStaysMoved(t *testing.T) {
	d, _ := entered(t, stopRule)
	d.set("S1", func(u *order.Update) { u.TriggerPrice, u.Price = 100*order.Rupee, 98*order.Rupee })
	d.readBook()
	d.wait(time.Minute)
	d.none()
}

func TestATriggerThatAPersonMovedBeforeThePlacementWasAnsweredStaysMoved(t *testing.T) {
	d := newDesk(t, stopRule)
	d.set("E1", filled(75))
	d.postback("E1")
	d.readBook()
	r := d.take(actions.Place)
	d.apply(r, "S1") // taken, and the answer is on its way for ten seconds
	d.set("S1", func(u *order.Update) { u.TriggerPrice, u.Price = 90*order.Rupee, 88*order.Rupee })
	d.postback("S1")
	d.readBook()
	d.wait(10 * time.Second)
	d.none()
	d.step(lane.Input{Outcome: &lane.Outcome{RequestID: r.ID, Attempt: r.Attempts, OrderID: "S1"}})
	d.wait(time.Minute)
	d.none()
}

func TestWhatWasExitedBeyondThePositionIsTakenBack(t *testing.T) {
	d, _ := entered(t, stopRule)
	d.set("X1", func(u *order.Update) { u.TransactionType = "SELL"; filled(75)(u) })
	d.now = d.now.Add(time.Second)
	d.set("S1", filled(75))
	d.readBook()
	p := d.take(actions.Place).Call.Params
	if p.TransactionType != "BUY" || p.OrderType != "MARKET" || p.Quantity != 75 {
		t.Fatalf("the surplus goes by %+v", p)
	}
}

func TestInvariant5InDryRunNothingLeaves(t *testing.T) {
	d := newDesk(t, stopRule+targetRule, func(o *lane.Options) { o.Mode = lane.DryRun })
	d.set("E1", filled(75))
	d.readBook()
	d.wait(time.Minute)
	d.none()
	planned := 0
	for _, r := range d.snap.Requests {
		if r.State == actions.Planned {
			planned++
		}
	}
	if planned != 2 || len(d.tells) != 1 || !strings.HasPrefix(d.tells[0], "[dry-run] ") {
		t.Fatalf("planned %d, told %q", planned, d.tells)
	}
}

func TestInvariant9PauseHoldsNoStopBack(t *testing.T) {
	d := newDesk(t, stopRule)
	d.step(lane.Input{Control: &lane.Control{Verb: lane.Pause}})
	d.set("E1", filled(75))
	d.readBook()
	d.take(actions.Place)
}

func TestADeadSessionHoldsRequestsAndDecidesAllTheSame(t *testing.T) {
	d := newDesk(t, stopRule)
	d.step(lane.Input{Session: &lane.Session{Why: "Token is invalid or has expired."}})
	d.set("E1", filled(75))
	d.postback("E1")
	d.none()
	if got := d.kinds("E1"); !slices.Contains(got, "fill") {
		t.Fatalf("events: %v", got)
	}
	d.step(lane.Input{Session: &lane.Session{Alive: true}})
	d.readBook()
	d.take(actions.Place)
}

func TestARefusedTargetBesideALiveStopIsASecondExit(t *testing.T) {
	d := newDesk(t, stopRule+targetRule+`    on_error:
      - exit_position: {}
      - telegram: "${error.type}"
`)
	d.set("E1", filled(75))
	d.readBook()
	d.accept(d.take(actions.Place), "S1")
	d.refuse(d.take(actions.Place), actions.ClassMargin)
	d.wait(5 * time.Second)
	d.none()
	if !slices.Contains(d.tells, "second_exit") {
		t.Fatalf("told %q", d.tells)
	}
}

func TestOrdersOfBeforeTheFirstArmingAreLeftAlone(t *testing.T) {
	d := newDesk(t, stopRule)
	d.snap, d.rows = &journal.Snapshot{}, map[string]journal.Event{}
	d.set("E1", filled(75))
	d.now = d.now.Add(time.Minute)
	d.start()
	d.arm()
	d.wait(time.Minute)
	d.none()
	if len(d.kinds("E1")) != 0 {
		t.Fatalf("events: %v", d.kinds("E1"))
	}
	if len(d.tells) != 1 || !strings.Contains(d.tells[0], "ALREADY OPEN WITHOUT AN EXIT") {
		t.Fatalf("told %q", d.tells)
	}
}

func TestAForgedAveragePriceMovesNoStop(t *testing.T) {
	d := newDesk(t, stopRule)
	d.set("E1", filled(75))
	true120 := d.book["E1"].AveragePrice
	d.book["E1"].AveragePrice = 40 * order.Rupee
	d.postback("E1") // the checksum does not cover the price
	d.book["E1"].AveragePrice = true120
	d.readBook()
	if p := d.take(actions.Place).Call.Params; p.TriggerPrice != 96*order.Rupee {
		t.Fatalf("the stop triggers at %s", p.TriggerPrice)
	}
}

func TestAnActionWhoseRequestHasLeftIsNotSuperseded(t *testing.T) {
	d := newDesk(t, stopRule)
	d.set("E1", func(u *order.Update) { u.Quantity = 150; u.FilledQuantity = 75 })
	d.postback("E1")
	d.step(lane.Input{Trades: &lane.Trades{OrderID: "E1", Rows: []order.Trade{{TradeID: "1", OrderID: "E1", Quantity: 75, Price: 120 * order.Rupee}}}})
	d.readBook()
	first := d.take(actions.Place) // on its way when the rest fills
	d.set("E1", filled(150))
	d.postback("E1")
	d.accept(first, "S1")
	d.accept(d.take(actions.Modify), "S1")
	if want := []string{"Stop at 96 for 150", "Stop at 96 for 150"}; !slices.Equal(d.tells, want) {
		t.Fatalf("told %q", d.tells)
	}
	for _, a := range d.snap.Actions {
		if a.Type == "place_stop_loss" && a.State != actions.Done {
			t.Errorf("%s is %s %s", a.ID, a.State, a.Why)
		}
	}
}

func TestAStopWaitsForTheInstrumentsListAndGoesWhenItIsThere(t *testing.T) {
	loaded := list(nil)
	d := newDesk(t, strings.Replace(stopRule, "on: [partial_fill, fill]", "on: [partial_fill, fill]\n    once: order", 1), func(o *lane.Options) { o.Instruments = &loaded })
	d.set("E1", filled(75))
	d.readBook()
	d.none()
	d.start() // also over a restart
	d.arm()
	d.none()
	loaded = list{"NFO:" + call: {Exchange: "NFO", Tradingsymbol: call, TickSize: order.Rupee / 20, LotSize: 75, Type: "CE"}}
	d.step(lane.Input{Loaded: true})
	if p := d.take(actions.Place).Call.Params; p.Quantity != 75 || p.TriggerPrice != 96*order.Rupee {
		t.Fatalf("the stop is %+v", p)
	}
}

func TestAnOrderWithoutAPostbackIsToldAfterAWhileAndNotWhenItOnlyTrails(t *testing.T) {
	for _, trails := range []bool{true, false} {
		d, _ := entered(t, stopRule)
		d.set("S1", filled(75))
		d.readBook()
		d.now = d.now.Add(2 * time.Second)
		if trails {
			d.postback("S1")
		}
		d.wait(20 * time.Second)
		if told := strings.Contains(strings.Join(d.tells, "\n"), "NO POSTBACK"); told == trails {
			t.Errorf("trails %v: told %q", trails, d.tells)
		}
	}
}

func TestAStepClaimsNoMoreThanItsGrant(t *testing.T) {
	d := newDesk(t, stopRule)
	for i := range 7 {
		d.set(fmt.Sprintf("E%d", i), filled(75))
	}
	began := d.now
	var rows []order.Update
	for _, u := range d.book {
		row := *u
		row.Raw, _ = json.Marshal(row)
		rows = append(rows, row)
	}
	sent := 0
	for range 20 {
		d.now = d.now.Add(time.Second)
		b := d.lane.Step(d.now, lane.Grant{Exits: 4, Risk: 1}, []lane.Input{{Read: &lane.Read{Began: began, Ended: d.now, Rows: rows}}})
		if len(b.Sends) > 4 {
			t.Fatalf("%d requests left where 4 were allowed", len(b.Sends))
		}
		sent += len(b.Sends)
	}
	if sent != 7 {
		t.Errorf("%d of 7 stops left in the end", sent)
	}
}

// A stop that its pace holds back is looked at again as soon as there is room, and at the latest a tenth of a second later.
func TestAStopLeavesAsSoonAsItsPaceAllows(t *testing.T) {
	for room, want := range map[time.Duration]time.Duration{35 * time.Millisecond: 35 * time.Millisecond, time.Second: 100 * time.Millisecond} {
		d := newDesk(t, stopRule)
		d.set("E1", filled(75))
		row := *d.book["E1"]
		row.Raw, _ = json.Marshal(row)
		b := d.lane.Step(d.now, lane.Grant{Next: d.now.Add(room)}, []lane.Input{{Read: &lane.Read{Began: d.now, Ended: d.now, Rows: []order.Update{row}}}})
		if after := b.Wake.Sub(d.now); len(b.Sends) > 0 || after != want {
			t.Errorf("room in %s: looked at again in %s", room, after)
		}
	}
}

func TestACancelledStopIsToldAlthoughATargetLives(t *testing.T) {
	d := newDesk(t, stopRule+targetRule)
	d.set("E1", filled(75))
	d.readBook()
	d.accept(d.take(actions.Place), "S1")
	d.accept(d.take(actions.Place), "T1")
	d.set("S1", func(u *order.Update) { u.Status = order.StatusCancelled })
	d.readBook()
	d.wait(15 * time.Second)
	if told := strings.Join(d.tells, "\n"); !strings.Contains(told, "NOT PROTECTED") {
		t.Fatalf("told %q", d.tells)
	}
}

func TestGroupsClosedBeforeTheFirstArmingAreNotToldFlat(t *testing.T) {
	d := newDesk(t, stopRule)
	d.snap, d.rows = &journal.Snapshot{}, map[string]journal.Event{}
	d.set("E1", filled(75))
	d.now = d.now.Add(time.Second)
	d.set("X1", func(u *order.Update) { u.TransactionType = "SELL"; filled(75)(u) })
	d.now = d.now.Add(time.Minute)
	d.start()
	d.arm()
	d.wait(10 * time.Second)
	if len(d.rows) != 0 {
		t.Fatalf("events: %v", d.kinds("E1"))
	}
}

func TestAForgedExitThatMakesAGroupLookFlatKeepsNoStopAway(t *testing.T) {
	d := newDesk(t, stopRule)
	d.set("E1", func(*order.Update) {})
	d.readBook()
	d.now = d.now.Add(time.Second)
	d.set("E1", filled(75)) // true, and its postback is lost
	d.now = d.now.Add(time.Second)
	d.set("X1", func(u *order.Update) { u.TransactionType = "SELL"; filled(75)(u) })
	d.postback("X1") // forged: the book never shows it
	delete(d.book, "X1")
	d.now = d.now.Add(time.Second)
	d.readBook()
	d.wait(time.Minute)
	if p := d.take(actions.Place).Call.Params; p.TransactionType != "SELL" || p.Quantity != 75 || p.OrderType != "SL" {
		t.Fatalf("the stop is %+v", p)
	}
}

// A lane that runs for months holds the requests of its day alone.
func TestRequestsOfDaysBeforeAreForgotten(t *testing.T) {
	d, _ := entered(t, stopRule)
	if n := lane.Requests(d.lane); n != 1 {
		t.Fatalf("%d requests on the day", n)
	}
	d.book = map[string]*order.Update{}
	d.now = d.now.Add(24 * time.Hour)
	d.step()
	if n := lane.Requests(d.lane); n != 0 {
		t.Errorf("%d requests on the day after", n)
	}
}
