package kite_test

import (
	"bytes"
	"errors"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"backstop/actions"
	"backstop/engine/kite"
	"backstop/engine/order"
	"backstop/engine/paper"
)

// The client against the paper exchange, which shares no code with it.

const (
	user   = "AB1234"
	option = "NIFTY26NOV24500CE"
)

type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

type desk struct {
	*kite.Client
	x     *paper.Exchange
	s     *paper.Server
	clock *clock
}

func open(t *testing.T, change ...func(*paper.Options)) *desk {
	t.Helper()
	c := &clock{at: time.Date(2026, 11, 2, 10, 0, 0, 0, order.IST)}
	o := paper.Options{Now: c.now, Seed: 7, UserID: user, APIKey: "paper_key", APISecret: "my_api_secret", AccessToken: "paper_token"}
	for _, f := range change {
		f(&o)
	}
	x := paper.New(o)
	s := paper.NewServer(x, paper.ServerOptions{})
	h := httptest.NewServer(s)
	client := kite.New(kite.Options{UserID: user, APIKey: "paper_key", AccessToken: func() string { return "paper_token" },
		BaseURL: h.URL, Timeout: 2 * time.Second})
	t.Cleanup(func() { client.CloseIdle(); s.Close(); h.Close() })
	return &desk{client, x, s, c}
}

func entry() actions.Call {
	return actions.Call{Method: actions.Place, Variety: "regular", Params: actions.Params{
		Exchange: "NFO", Tradingsymbol: option, TransactionType: order.Buy, Quantity: 65, Product: "NRML",
		OrderType: "LIMIT", Price: 100_050_000, Validity: "DAY", Tag: "bsabcdefghijklmnop23"}}
}

func stopAt(trigger, limit order.Price) actions.Call {
	c := entry()
	c.Params.TransactionType, c.Params.OrderType, c.Params.TriggerPrice, c.Params.Price = order.Sell, "SL", trigger, limit
	c.Params.Tag = "bsabcdefghijklmnop24"
	return c
}

func class(err error) actions.Class {
	var e *actions.Error
	if errors.As(err, &e) {
		return e.Class
	}
	if err != nil {
		return "no *actions.Error"
	}
	return actions.ClassNone
}

func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func (d *desk) row(t *testing.T, id string) order.Update {
	t.Helper()
	rows, unreadable, err := d.Orders(t.Context())
	if err != nil || unreadable != 0 {
		t.Fatal(unreadable, err)
	}
	for _, u := range rows {
		if u.OrderID == id {
			return u
		}
	}
	t.Fatalf("no order %s in the book", id)
	return order.Update{}
}

func TestOneTradeOnPaper(t *testing.T) {
	t.Parallel()
	d := open(t)
	ctx := t.Context()
	if err := d.Alive(ctx); err != nil {
		t.Fatal(err)
	}
	id := must[string](t)(d.Do(ctx, entry()))
	if u := d.row(t, id); u.Status != order.StatusOpen || u.Account != user || !u.HasTag(entry().Params.Tag) || u.Price != 100_050_000 || u.Quantity != 65 {
		t.Errorf("%+v", u)
	}
	d.clock.advance(time.Second)
	if err := d.x.Fill(id, 65, 0); err != nil {
		t.Fatal(err)
	}
	if u := d.row(t, id); u.Status != order.StatusComplete || u.FilledQuantity != 65 || u.AveragePrice != 100_050_000 {
		t.Errorf("%+v", u)
	}
	trades := must[[]order.Trade](t)(d.Trades(ctx, id))
	if len(trades) != 1 || trades[0].OrderID != id || trades[0].Quantity != 65 || trades[0].Price != 100_050_000 || trades[0].Time.IsZero() {
		t.Errorf("%+v", trades)
	}
	positions := must[[]actions.PositionRow](t)(d.Positions(ctx))
	if len(positions) != 1 || positions[0].Quantity != 65 || positions[0].Key != entry().Params.Key() || positions[0].Multiplier != 1 {
		t.Errorf("%+v", positions)
	}

	stop := must[string](t)(d.Do(ctx, stopAt(96_000_000, 95_000_000)))
	if u := d.row(t, stop); u.Status != order.StatusTriggerPending || u.TriggerPrice != 96_000_000 {
		t.Errorf("%+v", u)
	}
	moved := stopAt(97_050_000, 96_050_000)
	moved.Method, moved.OrderID = actions.Modify, stop
	if got := must[string](t)(d.Do(ctx, moved)); got != stop {
		t.Error(got)
	}
	if u := d.row(t, stop); u.TriggerPrice != 97_050_000 || u.Price != 96_050_000 {
		t.Errorf("%+v", u)
	}
	gone := actions.Call{Method: actions.Cancel, Variety: "regular", OrderID: stop}
	if got := must[string](t)(d.Do(ctx, gone)); got != stop {
		t.Error(got)
	}
	if u := d.row(t, stop); u.Status != order.StatusCancelled {
		t.Errorf("%+v", u)
	}
	if _, err := d.Do(ctx, gone); class(err) != actions.ClassProcessing {
		t.Error("a second cancel: ", err)
	}
	gone.OrderID = "999"
	if _, err := d.Do(ctx, gone); class(err) != actions.ClassNotFound {
		t.Error("an unknown order: ", err)
	}
}

// What the exchange pushes verifies and decodes, and says the same on all channels.
func TestWhatPaperPushesDecodes(t *testing.T) {
	t.Parallel()
	d := open(t)
	var mu sync.Mutex
	var pushes []paper.Push
	t.Cleanup(d.x.Listen(paper.Listener{Update: func(p paper.Push) {
		mu.Lock()
		defer mu.Unlock()
		pushes = append(pushes, p)
	}}))
	id := must[string](t)(d.Do(t.Context(), entry()))
	d.clock.advance(time.Second)
	for _, quantity := range []int{40, 25} {
		if err := d.x.Fill(id, quantity, 0); err != nil {
			t.Fatal(err)
		}
		d.clock.advance(time.Second)
	}
	var postbacks, frames []order.Status
	var last [2]order.Update
	var lines bytes.Buffer
	mu.Lock()
	defer mu.Unlock()
	for _, push := range pushes {
		u, ok, err := kite.DecodeFrame(push.StreamFrame(), d.clock.now())
		if err != nil || !ok || u.OrderID != id || u.Account != user || u.Source != order.SourceStream {
			t.Fatal(u, ok, err)
		}
		frames, last[0] = append(frames, u.Status), u
		if !push.Postback {
			continue
		}
		body := push.PostbackBody()
		lines.Write(append(body, '\n'))
		claim, err := kite.Verify(body, "not this one", "my_api_secret")
		if err != nil || claim.OrderID != id {
			t.Fatal(claim, err)
		}
		if _, err := kite.Verify(body, "not this one"); !errors.Is(err, kite.ErrChecksum) {
			t.Error(err)
		}
		u, err = kite.DecodePostback(body, d.clock.now())
		if err != nil || u.Account != user || u.AppID == 0 {
			t.Fatal(u, err)
		}
		postbacks, last[1] = append(postbacks, u.Status), u
	}
	if len(frames) < 3 || len(postbacks) != 2 || postbacks[0] != order.StatusNone || postbacks[1] != order.StatusComplete {
		t.Fatal(frames, postbacks)
	}
	row := d.row(t, id)
	for _, u := range last {
		if u.Status != row.Status || u.FilledQuantity != 65 || u.AveragePrice != row.AveragePrice || u.Key() != row.Key() ||
			!u.OrderTimestamp.Equal(row.OrderTimestamp) || !u.HasTag(entry().Params.Tag) {
			t.Errorf("%+v\nthe book says %+v", u, row)
		}
	}
	n := 0
	if err := kite.DecodeAny(&lines, func(u order.Update, err error) error { n++; return err }); err != nil || n != 2 {
		t.Error(n, err)
	}
	if err := kite.DecodeAny(bytes.NewReader(d.x.OrdersJSON(user)), func(u order.Update, err error) error {
		if u.OrderID != id || u.Source != order.SourceReplay {
			t.Error(u)
		}
		return err
	}); err != nil {
		t.Error(err)
	}
	history, e := d.x.OrderHistoryJSON(user, id)
	if e != nil {
		t.Fatal(e)
	}
	rows, bad, err := kite.DecodeBook(history, time.Time{}, time.Time{})
	if err != nil || len(bad) != 0 || len(rows) < 4 || !rows[0].Interim || rows[len(rows)-1].Status != order.StatusComplete {
		t.Error(rows, bad, err)
	}
}

// Faults of the exchange, and what is true of the book behind each class.
func TestFaultsOfPaper(t *testing.T) {
	t.Parallel()
	for _, k := range []struct {
		fault string
		want  actions.Class
		there bool
	}{
		{"reply_lost", actions.ClassAmbiguous, true},
		{"reply_hang", actions.ClassAmbiguous, true},
		{"5xx", actions.ClassAmbiguous, false},
		{"5xx_accepted", actions.ClassAmbiguous, true},
		{"429", actions.ClassBusy, false},
		{"dead_session", actions.ClassSession, false},
		{"address_refused", actions.ClassAddress, false},
	} {
		t.Run(k.fault, func(t *testing.T) {
			t.Parallel()
			d := open(t)
			if k.fault == "reply_hang" {
				c := kite.New(kite.Options{UserID: user, APIKey: "paper_key", AccessToken: func() string { return "paper_token" },
					BaseURL: base(t, d), Timeout: 200 * time.Millisecond})
				t.Cleanup(c.CloseIdle)
				d.Client = c
			}
			if err := d.s.Injector().Next("place", k.fault); err != nil {
				t.Fatal(err)
			}
			_, err := d.Do(t.Context(), entry())
			if class(err) != k.want {
				t.Errorf("%v (%s), want %s", err, class(err), k.want)
			}
			if n := len(d.x.Book()); (n == 1) != k.there || n > 1 {
				t.Errorf("%d orders in the book", n)
			}
		})
	}
	d := open(t)
	if err := d.s.Injector().Next("book", "book_fail"); err != nil {
		t.Fatal(err)
	}
	if _, _, err := d.Orders(t.Context()); class(err) != actions.ClassDown {
		t.Error(err)
	}
	d.x.KillSessions(user)
	if err := d.Alive(t.Context()); class(err) != actions.ClassSession {
		t.Error(err)
	}
}

// base serves the desk's exchange a second time, for a client with other options.
func base(t *testing.T, d *desk) string {
	t.Helper()
	h := httptest.NewServer(d.s)
	t.Cleanup(h.Close)
	return h.URL
}

// The exchange's refusals, in its words, have their classes.
func TestRefusalsOfPaper(t *testing.T) {
	t.Parallel()
	d := open(t, func(o *paper.Options) { o.Limits.OrdersPerDay = 40 })
	change := func(f func(*actions.Params)) actions.Call { c := entry(); f(&c.Params); return c }
	sell := func(trigger, limit order.Price) actions.Call { return stopAt(trigger, limit) }
	for name, k := range map[string]struct {
		call actions.Call
		want actions.Class
	}{
		"tick":          {change(func(p *actions.Params) { p.Price = 100_020_000 }), actions.ClassTick},
		"freeze":        {change(func(p *actions.Params) { p.Quantity = 1820 }), actions.ClassFreeze},
		"far":           {change(func(p *actions.Params) { p.Price = 40 * order.Rupee }), actions.ClassFarPrice},
		"protection":    {change(func(p *actions.Params) { p.OrderType, p.Price = "MARKET", 0 }), actions.ClassProtection},
		"instrument":    {change(func(p *actions.Params) { p.Tradingsymbol = "NIFTY99" }), actions.ClassInstrument},
		"side":          {change(func(p *actions.Params) { p.TransactionType = "HOLD" }), actions.ClassRefused},
		"beyond market": {sell(121*order.Rupee, 115*order.Rupee), actions.ClassBeyondMarket},
		"wrong sides":   {sell(109*order.Rupee, 110*order.Rupee), actions.ClassRefused},
		"holdings": {change(func(p *actions.Params) {
			p.Exchange, p.Tradingsymbol, p.Product, p.Quantity, p.TransactionType, p.Price = "NSE", "INFY", "CNC", 1, "SELL", 1500*order.Rupee
		}), actions.ClassHoldings},
		"circuit": {change(func(p *actions.Params) {
			p.Exchange, p.Tradingsymbol, p.Product, p.Quantity, p.Price = "NSE", "INFY", "MIS", 1, 1_650_100_000
		}), actions.ClassCircuit},
	} {
		_, err := d.Do(t.Context(), k.call)
		if class(err) != k.want {
			t.Errorf("%s: %v (%s), want %s", name, err, class(err), k.want)
		}
		if k.want == actions.ClassFreeze {
			if limit, ok := kite.FreezeLimit(err.Error()); !ok || limit != 1800 {
				t.Errorf("%d %v of %v", limit, ok, err)
			}
		}
	}
	d.x.RejectNext(user, "RMS:Margin Exceeds,Required:95417.84, Available:74251.80")
	id := must[string](t)(d.Do(t.Context(), entry()))
	u := d.row(t, id)
	if reason, _ := kite.Reason(u.StatusMessage, u.StatusMessageRaw, u.Status); u.Status != order.StatusRejected || reason != actions.ClassMargin {
		t.Errorf("%s of %+v", reason, u)
	}
	for range 40 {
		if _, err := d.Do(t.Context(), entry()); err != nil {
			if class(err) != actions.ClassMinuteCap {
				t.Error(err)
			}
			return
		}
	}
	t.Error("no cap")
}

// The address and the plan (docs/kite.md 5.2, 5.3).
func TestWhatTheAppMayIsAskedWithoutAnOrder(t *testing.T) {
	t.Parallel()
	injector := paper.NewInjector(1, paper.Faults{})
	x := paper.New(paper.Options{Now: time.Now, Seed: 7, UserID: user, APIKey: "paper_key", APISecret: "my_api_secret", AccessToken: "paper_token"})
	s := paper.NewServer(x, paper.ServerOptions{Injector: injector})
	h := httptest.NewServer(s)
	defer h.Close()
	token := "paper_token"
	c := kite.New(kite.Options{UserID: user, APIKey: "paper_key", AccessToken: func() string { return token }, BaseURL: h.URL})

	class := func(err error) actions.Class {
		var e *actions.Error
		if err == nil {
			return actions.ClassNone
		}
		if !errors.As(err, &e) {
			t.Fatal(err)
		}
		return e.Class
	}
	ctx := t.Context()
	if err := c.Address(ctx); err != nil {
		t.Errorf("an allowed address: %v", err)
	}
	if data, err := c.MarketData(ctx); !data || err != nil {
		t.Errorf("a paid plan: %v, %v", data, err)
	}
	x.SetPersonal("paper_key", true)
	if data, err := c.MarketData(ctx); data || err != nil {
		t.Errorf("a personal app: %v, %v", data, err)
	}
	injector.Set(paper.Faults{AddressDenied: true})
	if err := c.Address(ctx); class(err) != actions.ClassAddress {
		t.Errorf("a refused address: %v", err)
	}
	injector.Set(paper.Faults{})
	token = "another"
	if err := c.Address(ctx); class(err) != actions.ClassSession {
		t.Errorf("a dead session: %v", err)
	}
	if _, err := c.MarketData(ctx); class(err) != actions.ClassSession {
		t.Errorf("a dead session: %v", err)
	}
	if book := x.Book(); len(book) > 0 {
		t.Errorf("orders: %v", book)
	}
	h.Close()
	if err := c.Address(ctx); err == nil {
		t.Error("nobody answers, and the address is allowed")
	}
}

// Twenty-five modifications, and then a NetworkException that is a refusal (docs/kite.md 3.9).
func TestTheModificationCapOnPaper(t *testing.T) {
	t.Parallel()
	d := open(t)
	move := entry()
	move.OrderID, move.Method = must[string](t)(d.Do(t.Context(), entry())), actions.Modify
	for i := range kite.ModificationsMax {
		move.Params.Price = 100*order.Rupee + order.Price(i)*50_000
		if _, err := d.Do(t.Context(), move); err != nil {
			t.Fatal(i, err)
		}
	}
	if _, err := d.Do(t.Context(), move); class(err) != actions.ClassModificationCap {
		t.Error(err)
	}
}

func TestInstrumentsOfPaper(t *testing.T) {
	t.Parallel()
	d := open(t)
	found := map[string]order.Instrument{}
	if err := d.Instruments(t.Context(), func(i order.Instrument) error {
		found[i.Exchange+":"+i.Tradingsymbol] = i
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	i := found["NFO:"+option]
	if i.TickSize != 50_000 || i.LotSize != 65 || i.Strike != 24500*order.Rupee || i.Type != "CE" || i.Expiry != "2026-11-23" || i.Token&0xff != 2 {
		t.Errorf("%+v", i)
	}
	rows := strings.Count(string(d.x.InstrumentsCSV("")), "\n") - 1
	if len(found) != rows {
		t.Errorf("%d of %d", len(found), rows)
	}
}
