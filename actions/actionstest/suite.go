package actionstest

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"backstop/actions"
	"backstop/engine/order"
)

// Bench is a broker under test, with the exchange behind it in the suite's hands.
type Bench struct {
	Broker     actions.Broker
	Account    string
	Instrument order.Instrument // it trades, and its last price lies above Price
	Product    string
	Quantity   int64       // a lot of it
	Price      order.Price // a limit that a BUY order rests at, on the tick
	Secrets    []string    // must never stand in an error

	Fault  func(point string, f Fault)   // the next call at a point goes wrong (see Broker.Fault)
	Reject func(text string)             // the next placement is taken and ends REJECTED
	Fill   func(orderID string, n int64) // so much of a live order trades
	Pass   func(d time.Duration)         // the exchange's clock goes on
	Truth  func() []string               // the order ids that the exchange really has
}

// RunBroker is the suite that every actions.Broker passes. open gives a fresh bench with an empty book.
func RunBroker(t *testing.T, open func(t *testing.T) Bench) {
	t.Helper()
	for name, test := range map[string]func(t *testing.T, b Bench){
		"an order lives from placement to cancel":           aLife,
		"fills, trades and positions say the same":          fills,
		"what is over takes no change":                      over,
		"a refusal says that nothing was done":              refusals,
		"a rejected order is in the book with its reason":   rejected,
		"each fault has its class and its truth":            faults,
		"a reading that fails is no empty book":             readings,
		"a call whose context has ended changes nothing":    ended,
		"the list of instruments has the one that is known": list,
		"a trigger is listed as it was placed":              triggers,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open(t))
		})
	}
}

const suiteTag = "bsabcdefghijklmnop23"

func (b Bench) entry() actions.Call {
	return actions.Call{Method: actions.Place, Variety: "regular", Params: actions.Params{Exchange: b.Instrument.Exchange,
		Tradingsymbol: b.Instrument.Tradingsymbol, TransactionType: order.Buy, Quantity: b.Quantity, Product: b.Product, OrderType: "LIMIT",
		Price: b.Price, Validity: "DAY", Tag: suiteTag}}
}

func (b Bench) place(t *testing.T) string {
	t.Helper()
	id, err := b.Broker.Do(t.Context(), b.entry())
	if err != nil || id == "" {
		t.Fatalf("place: %q, %v", id, err)
	}
	return id
}

func (b Bench) row(t *testing.T, id string) order.Update {
	t.Helper()
	rows, unreadable, err := b.Broker.Orders(t.Context())
	if err != nil || unreadable > 0 {
		t.Fatalf("orders: %d unreadable, %v", unreadable, err)
	}
	for _, row := range rows {
		if row.OrderID == id {
			if row.Account != b.Account {
				t.Errorf("the row is of account %q", row.Account)
			}
			return row
		}
	}
	t.Fatalf("no order %s in the book", id)
	return order.Update{}
}

// class is an error's class; an error that is no *actions.Error, or one that says too much, fails the test.
func (b Bench) class(t *testing.T, err error) actions.Class {
	t.Helper()
	if err == nil {
		return actions.ClassNone
	}
	var e *actions.Error
	if !errors.As(err, &e) || e.Message == "" {
		t.Errorf("%v is no *actions.Error with words", err)
		return actions.ClassNone
	}
	for _, s := range b.Secrets {
		if strings.Contains(err.Error(), s) {
			t.Errorf("a secret stands in %q", err)
		}
	}
	return e.Class
}

func aLife(t *testing.T, b Bench) {
	id := b.place(t)
	row := b.row(t, id)
	if p := b.entry().Params; row.Status != order.StatusOpen || row.Key() != p.Key() || row.TransactionType != p.TransactionType || row.Quantity != p.Quantity ||
		row.Price != p.Price || row.OrderType != "LIMIT" || row.FilledQuantity != 0 || !row.HasTag(suiteTag) || row.OrderTimestamp.IsZero() {
		t.Errorf("placed: %+v", row)
	}
	move := b.entry()
	move.Method, move.OrderID, move.Params.Price = actions.Modify, id, b.Price-b.Instrument.TickSize
	move.Params.Quantity = 2 * b.Quantity
	b.Pass(time.Second)
	if got, err := b.Broker.Do(t.Context(), move); err != nil || got != id {
		t.Errorf("modify: %q, %v", got, err)
	}
	if row := b.row(t, id); row.Price != move.Params.Price || row.Quantity != 2*b.Quantity || row.Status != order.StatusOpen || !row.HasTag(suiteTag) {
		t.Errorf("modified: %+v", row)
	}
	if got, err := b.Broker.Do(t.Context(), actions.Call{Method: actions.Cancel, Variety: "regular", OrderID: id}); err != nil || got != id {
		t.Errorf("cancel: %q, %v", got, err)
	}
	if row := b.row(t, id); row.Status != order.StatusCancelled || row.FilledQuantity != 0 {
		t.Errorf("cancelled: %+v", row)
	}
	if n := len(b.Truth()); n != 1 {
		t.Errorf("%d orders", n)
	}
}

// gtt is a trigger behind a bought position: a stop, and a target besides where two is true.
func (b Bench) gtt(two bool) actions.Call {
	tick := b.Instrument.TickSize
	p := actions.Params{Exchange: b.Instrument.Exchange, Tradingsymbol: b.Instrument.Tradingsymbol, TransactionType: order.Sell, Quantity: b.Quantity, Product: "NRML",
		OrderType: "LIMIT", TriggerPrice: (b.Price * 8 / 10).Round(tick, order.Down), Price: (b.Price * 7 / 10).Round(tick, order.Down), LastPrice: b.Price}
	if two {
		p.TargetPrice = (b.Price * 2).Round(tick, order.Down)
	}
	return actions.Call{Method: actions.PlaceGTT, Variety: "gtt", Params: p}
}

func triggers(t *testing.T, b Bench) {
	listed := func(id string) (actions.Params, string) {
		rows, err := b.Broker.GTTs(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for i := range rows {
			if rows[i].ID == id {
				p, ok := rows[i].Params()
				if !ok {
					t.Errorf("%+v is of no form that was placed", rows[i])
				}
				return p, rows[i].Status
			}
		}
		return actions.Params{}, ""
	}
	for _, two := range []bool{false, true} {
		place := b.gtt(two)
		id, err := b.Broker.Do(t.Context(), place)
		if err != nil || id == "" {
			t.Fatalf("place: %q, %v", id, err)
		}
		want := place.Params
		want.LastPrice = 0
		if got, status := listed(id); status != "active" || got != want {
			t.Errorf("placed %s: %+v, want %+v", status, got, want)
		}
		move := place
		move.Method, move.OrderID, move.Params.Quantity, move.Params.TriggerPrice = actions.ModifyGTT, id, 2*b.Quantity, place.Params.TriggerPrice+b.Instrument.TickSize
		if got, err := b.Broker.Do(t.Context(), move); err != nil || got != id {
			t.Errorf("modify: %q, %v", got, err)
		}
		if got, _ := listed(id); got.Quantity != 2*b.Quantity || got.TriggerPrice != move.Params.TriggerPrice {
			t.Errorf("modified: %+v", got)
		}
		gone := actions.Call{Method: actions.DeleteGTT, Variety: "gtt", OrderID: id}
		if _, err := b.Broker.Do(t.Context(), gone); err != nil {
			t.Errorf("delete: %v", err)
		}
		if _, status := listed(id); status != "deleted" && status != "" {
			t.Errorf("deleted: %s", status)
		}
		if _, err := b.Broker.Do(t.Context(), gone); b.class(t, err) == actions.ClassNone || b.class(t, err) == actions.ClassAmbiguous {
			t.Errorf("deleted twice: %v", err)
		}
	}
	if n := len(b.Truth()); n != 0 {
		t.Errorf("%d orders", n)
	}
}

func fills(t *testing.T, b Bench) {
	if rows, _, err := b.Broker.Orders(t.Context()); err != nil || len(rows) > 0 {
		t.Errorf("an empty book: %v, %v", rows, err)
	}
	id := b.place(t)
	part := b.Quantity / 2
	b.Pass(time.Second)
	b.Fill(id, part)
	if row := b.row(t, id); row.Status != order.StatusOpen || row.FilledQuantity != part || row.PendingQuantity != b.Quantity-part {
		t.Errorf("filled in part: %+v", row)
	}
	b.Fill(id, b.Quantity-part)
	if row := b.row(t, id); row.Status != order.StatusComplete || row.FilledQuantity != b.Quantity || row.AveragePrice != b.Price {
		t.Errorf("filled: %+v", row)
	}
	trades, err := b.Broker.Trades(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	var sum int64
	seen := map[string]bool{}
	for _, tr := range trades {
		sum += tr.Quantity
		if tr.OrderID != id || tr.Price != b.Price || tr.TradeID == "" || seen[tr.TradeID] || tr.Time.IsZero() {
			t.Errorf("trade %+v", tr)
		}
		seen[tr.TradeID] = true
	}
	if sum != b.Quantity {
		t.Errorf("trades of %d", sum)
	}
	positions, err := b.Broker.Positions(t.Context())
	if err != nil || len(positions) != 1 || positions[0].Key != b.entry().Params.Key() || positions[0].Quantity != b.Quantity || positions[0].Overnight != 0 {
		t.Errorf("positions %+v, %v", positions, err)
	}
	if err := b.Broker.Alive(t.Context()); err != nil {
		t.Error(err)
	}
}

func over(t *testing.T, b Bench) {
	id := b.place(t)
	b.Pass(time.Second)
	b.Fill(id, b.Quantity)
	gone := actions.Call{Method: actions.Cancel, Variety: "regular", OrderID: id}
	move := b.entry()
	move.Method, move.OrderID = actions.Modify, id
	for _, c := range []actions.Call{gone, move} {
		if _, err := b.Broker.Do(t.Context(), c); b.class(t, err) != actions.ClassProcessing {
			t.Errorf("%s of a filled order: %v", c.Method, err)
		}
		c.OrderID = "999999999999999"
		if _, err := b.Broker.Do(t.Context(), c); b.class(t, err) != actions.ClassNotFound {
			t.Errorf("%s of no order: %v", c.Method, err)
		}
	}
	if _, err := b.Broker.Trades(t.Context(), "999999999999999"); err == nil {
		t.Error("trades of no order")
	}
}

func refusals(t *testing.T, b Bench) {
	change := func(f func(p *actions.Params)) actions.Call { c := b.entry(); f(&c.Params); return c }
	for name, k := range map[string]struct {
		call actions.Call
		want actions.Class
	}{
		"off the tick":        {change(func(p *actions.Params) { p.Price += b.Instrument.TickSize / 2 }), actions.ClassTick},
		"no such instrument":  {change(func(p *actions.Params) { p.Tradingsymbol = "NOSUCH99" }), actions.ClassInstrument},
		"MARKET, unprotected": {change(func(p *actions.Params) { p.OrderType, p.Price = "MARKET", 0 }), actions.ClassProtection},
	} {
		if id, err := b.Broker.Do(t.Context(), k.call); b.class(t, err) != k.want || id != "" {
			t.Errorf("%s: %q, %v; want %s", name, id, err, k.want)
		}
	}
	if ids := b.Truth(); len(ids) > 0 {
		t.Errorf("refused, and in the book: %v", ids)
	}
}

func rejected(t *testing.T, b Bench) {
	text := "RMS:Margin Exceeds,Required:95417.84, Available:74251.80"
	b.Reject(text)
	id := b.place(t) // accepted is not done
	if row := b.row(t, id); row.Status != order.StatusRejected || !strings.Contains(row.StatusMessage+row.StatusMessageRaw, "Margin Exceeds") || !row.HasTag(suiteTag) {
		t.Errorf("rejected: %+v", row)
	}
}

// hangs is how long a test waits for an answer that does not come.
const hangs = 150 * time.Millisecond

func faults(t *testing.T, b Bench) {
	for _, k := range Faults() {
		before := len(b.Truth())
		b.Fault("place", k.Fault)
		ctx, cancel := context.WithCancel(t.Context())
		if k.Fault == ReplyHangs {
			ctx, cancel = context.WithTimeout(t.Context(), hangs)
		}
		id, err := b.Broker.Do(ctx, b.entry())
		cancel()
		if b.class(t, err) != k.Class || id != "" {
			t.Errorf("%s: %q, %v; want %s", k.Fault, id, err, k.Class)
		}
		if done := len(b.Truth()) > before; done != k.Done {
			t.Errorf("%s: the order is at the exchange: %v", k.Fault, done)
		}
		b.Pass(2 * time.Second)
	}
	id := b.place(t)
	for _, method := range []actions.Method{actions.Modify, actions.Cancel} {
		b.Pass(2 * time.Second)
		b.Fault(string(method), ReplyLost)
		c := b.entry()
		c.Method, c.OrderID, c.Params.Price = method, id, b.Price-b.Instrument.TickSize
		if _, err := b.Broker.Do(t.Context(), c); b.class(t, err) != actions.ClassAmbiguous {
			t.Errorf("a lost answer to %s: %v", method, err)
		}
		row := b.row(t, id) // and the row says what is true
		if method == actions.Modify && row.Price != c.Params.Price || method == actions.Cancel && row.Status != order.StatusCancelled {
			t.Errorf("after %s: %+v", method, row)
		}
	}
}

func readings(t *testing.T, b Bench) {
	b.place(t)
	b.Fault("book", BookFails)
	if rows, _, err := b.Broker.Orders(t.Context()); b.class(t, err) != actions.ClassDown || len(rows) > 0 {
		t.Errorf("a book that fails: %v, %v", rows, err)
	}
	b.Fault("book", DeadSession)
	if _, _, err := b.Broker.Orders(t.Context()); b.class(t, err) != actions.ClassSession {
		t.Errorf("a dead session: %v", err)
	}
	if rows, _, err := b.Broker.Orders(t.Context()); err != nil || len(rows) != 1 {
		t.Errorf("the book after that: %v, %v", rows, err)
	}
}

func ended(t *testing.T, b Bench) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := b.Broker.Do(ctx, b.entry()); b.class(t, err) == actions.ClassNone {
		t.Error("a call after the end of its context succeeds")
	}
	if _, _, err := b.Broker.Orders(ctx); b.class(t, err) != actions.ClassDown {
		t.Errorf("a reading after the end of its context: %v", err)
	}
	if ids := b.Truth(); len(ids) > 0 {
		t.Errorf("at the exchange: %v", ids)
	}
}

func list(t *testing.T, b Bench) {
	found := 0
	if err := b.Broker.Instruments(t.Context(), func(i order.Instrument) error {
		if i.Exchange == b.Instrument.Exchange && i.Tradingsymbol == b.Instrument.Tradingsymbol {
			found++
			if i.TickSize != b.Instrument.TickSize || i.LotSize != b.Instrument.LotSize {
				t.Errorf("%+v", i)
			}
		}
		return nil
	}); err != nil || found != 1 {
		t.Errorf("listed %d times, %v", found, err)
	}
	stop := errors.New("enough")
	if err := b.Broker.Instruments(t.Context(), func(order.Instrument) error { return stop }); err == nil {
		t.Error("an error of the one who takes the list is lost")
	}
}
