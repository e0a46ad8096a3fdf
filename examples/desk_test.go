package examples_test

import (
	"bytes"
	"fmt"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"backstop/actions"
	"backstop/engine/kite"
	"backstop/engine/lane"
	"backstop/engine/order"
	"backstop/engine/paper"
)

const (
	call = "NIFTY26DEC24500CE"
	put  = "NIFTY26DEC24500PE"
)

// desk is a paper exchange and, beside it, a dry run: what the dry run plans is placed, so that recorded orders
// carry the very tags that it expects.
type desk struct {
	t      *testing.T
	now    time.Time
	x      *paper.Exchange
	run    *rehearsal
	folder string
	n      int
}

func newDesk(t *testing.T, pack string) *desk {
	d := &desk{t: t, now: time.Date(2026, 11, 23, 10, 0, 0, 0, order.IST), folder: filepath.Join(pack, "payloads"), run: newRehearsal(t, pack)}
	d.x = paper.New(paper.Options{Now: func() time.Time { return d.now }, Seed: 1})
	d.price(call, 125)
	d.price(put, 125)
	d.x.AddAccount("CD5678", "her_key", "her_secret", "her_token")
	d.x.Drain()
	d.must(os.RemoveAll(d.folder))
	d.must(os.MkdirAll(d.folder, 0o755))
	return d
}

func (d *desk) must(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
}

// save writes a payload as the next file and shows it to the dry run.
func (d *desk) save(name string, body []byte) {
	d.t.Helper()
	d.n++
	body = append(bytes.TrimSpace(body), '\n')
	d.must(os.WriteFile(filepath.Join(d.folder, fmt.Sprintf("%02d-%s.json", d.n, name)), body, 0o644))
	d.must(kite.DecodeAny(bytes.NewReader(body), func(u order.Update, err error) error {
		d.must(err)
		d.place(d.run.take(u))
		return nil
	}))
}

// place gives the exchange what the dry run planned, each at the time of its plan.
func (d *desk) place(told []lane.Story) {
	d.t.Helper()
	for _, s := range told {
		if s.At.After(d.now) {
			d.now = s.At
		}
		for _, r := range s.Requests {
			d.request(r)
		}
	}
}

func (d *desk) request(r actions.Request) {
	d.t.Helper()
	p := r.Call.Params
	v := url.Values{"exchange": {p.Exchange}, "tradingsymbol": {p.Tradingsymbol}, "transaction_type": {p.TransactionType},
		"product": {p.Product}, "quantity": {strconv.FormatInt(p.Quantity, 10)}, "order_type": {p.OrderType}, "price": {p.Price.String()},
		"trigger_price": {p.TriggerPrice.String()}, "validity": {"DAY"}, "tag": {p.Tag}}
	if p.OrderType == "MARKET" {
		v.Set("market_protection", "-1")
	}
	id := r.Call.OrderID
	for _, o := range d.x.Book() {
		if "planned-"+strings.TrimPrefix(o.Tag, "bs") == id {
			id = o.OrderID
		}
	}
	var refused *paper.APIError
	switch r.Call.Method {
	case actions.Place:
		_, refused = d.x.Place(r.Account, "regular", v)
	case actions.Modify:
		_, refused = d.x.Modify(r.Account, "regular", id, v)
	case actions.Cancel:
		_, refused = d.x.Cancel(r.Account, "regular", id)
	}
	if refused != nil {
		d.t.Fatal(r.For, refused)
	}
}

// after lets time pass, with what becomes due on the way, and forgets the pushes so far.
func (d *desk) after(t time.Duration) {
	d.t.Helper()
	d.pass(t)
	d.x.Drain()
}

// pass lets time pass as after does, and keeps the pushes of what became due.
func (d *desk) pass(t time.Duration) {
	d.t.Helper()
	d.x.Drain()
	until := d.now.Add(t)
	for _, l := range d.run.all() {
		d.place(l.Take(until))
	}
	d.now = until
}

// push is the newest push: its postback or its frame.
func (d *desk) push(render func(paper.Push) []byte) []byte {
	d.t.Helper()
	all := d.x.Drain()
	if len(all) == 0 {
		d.t.Fatal("nothing was pushed")
	}
	return render(all[len(all)-1])
}

func postback(p paper.Push) []byte { return p.PostbackBody() }
func frame(p paper.Push) []byte    { return p.StreamFrame() }

func (d *desk) book() []byte { return d.x.OrdersJSON(d.x.UserID()) }

func (d *desk) price(symbol string, rupees float64) {
	d.t.Helper()
	d.must(d.x.SetPrice("NFO", symbol, rupees))
}

func (d *desk) depth(quantity int) {
	d.t.Helper()
	d.must(d.x.SetDepth("NFO", call, quantity))
}

// stopOut lets the price fall to a stop, or rise to one, that waits there.
func (d *desk) stopOut(symbol string, rupees float64) {
	d.t.Helper()
	d.x.Drain()
	d.price(symbol, rupees)
}

// entry places a LIMIT of the first account in the call, as its program would; fields says what differs.
func (d *desk) entry(side string, quantity int, price float64, fields ...string) string {
	d.t.Helper()
	v := url.Values{"exchange": {"NFO"}, "tradingsymbol": {call}, "transaction_type": {side}, "product": {"MIS"},
		"quantity": {strconv.Itoa(quantity)}, "order_type": {"LIMIT"}, "price": {strconv.FormatFloat(price, 'f', -1, 64)}, "validity": {"DAY"}}
	user := d.x.UserID()
	for i := 0; i+1 < len(fields); i += 2 {
		if fields[i] == "user" {
			user = fields[i+1]
			continue
		}
		v.Set(fields[i], fields[i+1])
	}
	id, refused := d.x.Place(user, "regular", v)
	if refused != nil {
		d.t.Fatal(refused)
	}
	return id
}

func (d *desk) fill(id string, quantity int, price float64) {
	d.t.Helper()
	d.must(d.x.Fill(id, quantity, price))
}

// recorders play a session for each pack.
var recorders = map[string]func(*desk){
	"stop-on-fill": func(d *desk) {
		id := d.entry("BUY", 130, 120)
		d.save("open", d.push(frame))
		d.after(2 * time.Second)
		d.fill(id, 65, 120)
		d.save("part-filled", d.push(postback))
		d.after(3 * time.Second)
		d.fill(id, 65, 120)
		d.save("complete", d.push(postback))
		d.after(2 * time.Second)
		d.save("book", d.book())
		d.after(4 * time.Minute)
		d.depth(0)
		d.price(call, 95.5)
		d.save("triggered", d.push(frame))
		d.after(time.Second)
		d.depth(-1)
		d.price(call, 95)
		d.save("stopped", d.push(postback))
	},
	"oco": func(d *desk) {
		d.price(call, 119)
		d.x.Drain()
		d.entry("BUY", 65, 120)
		d.after(2 * time.Second)
		d.save("book", d.book())
		d.save("target", d.push(frame)) // Kite pushes no frame for a stop that waits for its trigger
		d.after(9 * time.Minute)
		d.price(call, 168)
		d.save("target-filled", d.push(postback))
		d.save("stop-cancelled", d.push(postback))
	},
	"reject-alert": func(d *desk) {
		rejected := func(quantity int, text string) {
			d.x.RejectNext(d.x.UserID(), text)
			d.entry("BUY", quantity, 120)
		}
		rejected(65, "Insufficient funds. Required margin is 16250.00 but available margin is 4820.35. Check the orderbook for open orders.")
		body := d.push(postback)
		d.save("margin", body)
		d.save("margin-again", body)
		d.after(time.Minute)
		rejected(65, "Your order price is lower than the current lower circuit limit of 70.65. Place an order within the daily range.")
		d.save("circuit", d.push(frame))
		d.after(time.Minute)
		rejected(1755, "Quantity 1755 is more than the freeze quantity limit of 1690 for this instrument.")
		d.save("freeze", d.push(postback))
		d.after(time.Minute)
		d.save("book", d.book())
	},
	"seller-stop": func(d *desk) {
		id := d.entry("SELL", 130, 130)
		d.save("open", d.push(frame))
		d.fill(id, 65, 130)
		d.save("part-filled", d.push(frame))
		d.after(5 * time.Second)
		d.fill(id, 65, 130)
		d.save("complete", d.push(postback))
		d.after(2 * time.Second)
		d.save("book", d.book())
		d.after(20 * time.Minute)
		d.stopOut(call, 169.5)
		d.save("stopped", d.push(postback))
	},
	"straddle": func(d *desk) {
		d.entry("SELL", 65, 120, "tag", "straddle")
		d.save("call-sold", d.push(postback))
		d.after(time.Second)
		d.entry("SELL", 65, 120, "tag", "straddle", "tradingsymbol", put)
		d.save("put-sold", d.push(frame))
		d.after(time.Second)
		d.save("book", d.book())
		d.after(40 * time.Minute)
		d.price(put, 90)
		d.stopOut(call, 157)
		d.save("call-stopped", d.push(postback))
		d.after(time.Second)
		d.save("book", d.book())
		d.after(time.Hour)
		d.stopOut(put, 125)
		d.save("put-at-cost", d.push(postback))
	},
	"breakeven-trail": func(d *desk) {
		d.price(call, 100)
		d.x.Drain()
		d.entry("BUY", 65, 100)
		d.save("complete", d.push(postback))
		d.after(2 * time.Second)
		d.save("book", d.book())
		d.after(30 * time.Minute)
		d.stopOut(call, 80)
		d.save("stopped", d.push(frame))
	},
	"partial-fills": func(d *desk) {
		id := d.entry("BUY", 195, 120)
		d.fill(id, 65, 120)
		d.save("part-filled", d.push(postback))
		d.after(time.Second)
		d.fill(id, 65, 120)
		d.save("more-filled", d.push(frame))
		d.after(time.Minute)
		if _, refused := d.x.Cancel(d.x.UserID(), "regular", id); refused != nil {
			d.t.Fatal(refused)
		}
		d.save("cancelled", d.push(postback))
		d.after(time.Second)
		id = d.entry("BUY", 130, 119, "tag", "ladder")
		d.fill(id, 65, 119)
		d.save("ladder-part-filled", d.push(frame))
		d.after(time.Minute)
		d.fill(id, 65, 119)
		d.save("ladder-complete", d.push(postback))
		d.after(time.Second)
		d.save("book", d.book())
	},
	"chase-or-cancel": func(d *desk) {
		id := d.entry("BUY", 130, 120, "tag", "chase")
		d.save("open", d.push(frame))
		for _, name := range []string{"one-step", "two-steps", "three-steps"} {
			d.after(19 * time.Second)
			d.pass(2 * time.Second)
			d.save(name, d.push(postback))
			if name == "two-steps" {
				d.fill(id, 65, 122)
				d.save("part-filled", d.push(frame))
			}
		}
		d.pass(40 * time.Second)
		d.save("cancelled", d.push(postback))
	},
	"flat-at-1512": func(d *desk) {
		d.now = time.Date(2026, 11, 23, 14, 40, 0, 0, order.IST)
		d.price(call, 119)
		d.x.Drain()
		d.entry("BUY", 65, 120)
		d.save("bought", d.push(postback))
		d.after(time.Minute)
		d.entry("BUY", 65, 100)
		d.save("another-rests", d.push(frame))
		d.pass(32 * time.Minute)
		pushes := d.x.Drain()
		d.save("entry-cancelled", postback(pushes[0]))
		d.save("closed", frame(pushes[len(pushes)-1]))
	},
	"daily-limits": func(d *desk) {
		for _, exit := range []float64{118, 119, 117} {
			d.price(call, 121)
			d.x.Drain()
			d.entry("BUY", 65, 122)
			d.save("bought", d.push(postback))
			d.after(5 * time.Minute)
			d.price(call, exit)
			d.entry("SELL", 65, exit-1)
			d.save("sold", d.push(frame))
			d.after(time.Minute)
		}
		d.entry("BUY", 65, 100)
		d.save("one-more", d.push(frame))
		d.save("cancelled", d.push(postback))
	},
	"re-enter-once": func(d *desk) {
		d.price(call, 120)
		d.x.Drain()
		d.entry("BUY", 65, 120)
		d.save("bought", d.push(postback))
		d.after(10 * time.Minute)
		d.stopOut(call, 95.5)
		d.save("stopped", d.push(postback))
		d.after(30 * time.Minute)
		d.save("book", d.book())
		d.stopOut(call, 120.5)
		d.save("in-again", d.push(postback))
		d.after(10 * time.Minute)
		d.stopOut(call, 95)
		d.save("stopped-again", d.push(frame))
	},
	"two-accounts": func(d *desk) {
		d.price(call, 119)
		d.x.Drain()
		d.entry("BUY", 65, 120)
		d.save("mine", d.push(postback))
		d.after(time.Second)
		d.entry("BUY", 65, 120, "user", "CD5678")
		d.save("hers", d.push(postback))
		d.after(time.Minute)
		d.entry("BUY", 650, 100, "user", "CD5678")
		d.save("hers-too-large", d.push(frame))
		d.save("hers-cancelled", d.push(postback))
		d.after(time.Minute)
		d.stopOut(call, 107)
		d.save("hers-stopped", d.push(postback))
	},
}

func (r *rehearsal) all() []*lane.Rehearsal {
	var out []*lane.Rehearsal
	for _, account := range slices.Sorted(maps.Keys(r.lanes)) {
		out = append(out, r.lanes[account])
	}
	return out
}
