package examples_test

import (
	"bytes"
	"flag"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"backstop/actions"
	"backstop/engine/journal"
	"backstop/engine/kite"
	"backstop/engine/lane"
	"backstop/engine/market"
	"backstop/engine/order"
	"backstop/engine/paper"
	"backstop/rules"
)

var record = flag.Bool("record", false, "record the payloads anew from the paper exchange, and the stories that they tell")

const symbol = "NIFTY26DEC24500CE"

// desk is a paper exchange and a dry-running lane beside it: what the lane plans is placed, so that recorded
// orders carry the very tags that a dry run expects.
type desk struct {
	t      *testing.T
	now    time.Time
	x      *paper.Exchange
	lane   *lane.Lane
	folder string
	n      int
	placed map[string]bool
}

func newDesk(t *testing.T, pack string) *desk {
	d := &desk{t: t, now: time.Date(2026, 11, 23, 10, 0, 0, 0, order.IST), folder: filepath.Join(pack, "payloads"), placed: map[string]bool{}}
	d.x = paper.New(paper.Options{Now: func() time.Time { return d.now }, Seed: 1})
	d.must(d.x.SetPrice("NFO", symbol, 125))
	d.lane = newLane(t, pack)
	if err := os.RemoveAll(d.folder); err != nil {
		t.Fatal(err)
	}
	d.must(os.MkdirAll(d.folder, 0o755))
	return d
}

func (d *desk) must(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
}

// save writes a payload as the next file and shows it to the lane, whose plans are then placed.
func (d *desk) save(name string, body []byte) {
	d.t.Helper()
	d.n++
	d.must(os.WriteFile(filepath.Join(d.folder, fmt.Sprintf("%02d-%s.json", d.n, name)), append(bytes.TrimSpace(body), '\n'), 0o644))
	d.must(kite.DecodeAny(bytes.NewReader(body), func(u order.Update, err error) error {
		d.must(err)
		b := d.lane.Step(d.now, lane.Unlimited, []lane.Input{{Update: &u}})
		for _, s := range b.Steps {
			for _, r := range s.Requests {
				d.place(r)
			}
		}
		return nil
	}))
}

func (d *desk) place(r actions.Request) {
	d.t.Helper()
	p := r.Call.Params
	v := url.Values{"exchange": {p.Exchange}, "tradingsymbol": {p.Tradingsymbol}, "transaction_type": {p.TransactionType},
		"product": {p.Product}, "quantity": {strconv.FormatInt(p.Quantity, 10)}, "order_type": {p.OrderType}, "price": {p.Price.String()},
		"trigger_price": {p.TriggerPrice.String()}, "validity": {"DAY"}, "tag": {p.Tag}}
	switch r.Call.Method {
	case actions.Place:
		d.placed[p.Tag] = true
		if _, e := d.x.Place(d.x.UserID(), "regular", v); e != nil {
			d.t.Fatal(e)
		}
	case actions.Modify:
		id := r.Call.OrderID
		for _, o := range d.x.Book() {
			if "planned-"+strings.TrimPrefix(o.Tag, "bs") == id {
				id = o.OrderID
			}
		}
		if _, e := d.x.Modify(d.x.UserID(), "regular", id, v); e != nil {
			d.t.Fatal(e)
		}
	}
}

// after lets time pass and forgets the pushes so far.
func (d *desk) after(t time.Duration) { d.now = d.now.Add(t); d.x.Drain() }

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

func (d *desk) entry(quantity int, price float64) string {
	d.t.Helper()
	id, e := d.x.Place(d.x.UserID(), "regular", url.Values{"exchange": {"NFO"}, "tradingsymbol": {symbol}, "transaction_type": {"BUY"},
		"product": {"MIS"}, "quantity": {strconv.Itoa(quantity)}, "order_type": {"LIMIT"}, "price": {strconv.FormatFloat(price, 'f', -1, 64)}, "validity": {"DAY"}})
	if e != nil {
		d.t.Fatal(e)
	}
	return id
}

func recordStopOnFill(t *testing.T) {
	d := newDesk(t, "stop-on-fill")
	id := d.entry(130, 120)
	d.save("open", d.push(frame))
	d.after(2 * time.Second)
	d.must(d.x.Fill(id, 65, 120))
	d.save("part-filled", d.push(postback))
	d.after(3 * time.Second)
	d.must(d.x.Fill(id, 65, 120))
	d.save("complete", d.push(postback))
	d.after(2 * time.Second)
	d.save("book", d.x.OrdersJSON(d.x.UserID()))
	d.after(4 * time.Minute)
	d.must(d.x.SetDepth("NFO", symbol, 0))
	d.must(d.x.SetPrice("NFO", symbol, 95.5))
	d.save("triggered", d.push(frame))
	d.after(time.Second)
	d.must(d.x.SetDepth("NFO", symbol, -1))
	d.must(d.x.SetPrice("NFO", symbol, 95))
	d.save("stopped", d.push(postback))
}

func recordOCO(t *testing.T) {
	d := newDesk(t, "oco")
	d.must(d.x.SetPrice("NFO", symbol, 119))
	d.x.Drain()
	d.entry(65, 120)
	d.after(2 * time.Second)
	d.save("book", d.x.OrdersJSON(d.x.UserID()))
	d.save("target", d.push(frame)) // Kite pushes no frame for a stop that waits for its trigger
	d.after(9 * time.Minute)
	d.must(d.x.SetPrice("NFO", symbol, 168))
	d.save("target-filled", d.push(postback))
	d.after(time.Second)
	for _, o := range d.x.Book() {
		if o.Live() {
			if _, e := d.x.Cancel(d.x.UserID(), "regular", o.OrderID); e != nil {
				t.Fatal(e)
			}
		}
	}
	d.save("stop-cancelled", d.push(postback))
}

func recordRejectAlert(t *testing.T) {
	d := newDesk(t, "reject-alert")
	d.x.RejectNext(d.x.UserID(), "Insufficient funds. Required margin is 16250.00 but available margin is 4820.35. Check the orderbook for open orders.")
	d.entry(65, 120)
	body := d.push(postback)
	d.save("margin", body)
	d.save("margin-again", body)
	d.after(time.Minute)
	d.x.RejectNext(d.x.UserID(), "Your order price is lower than the current lower circuit limit of 70.65. Place an order within the daily range.")
	d.entry(65, 120)
	d.save("circuit", d.push(frame))
	d.after(time.Minute)
	d.save("book", d.x.OrdersJSON(d.x.UserID()))
}

func newLane(t *testing.T, pack string) *lane.Lane {
	t.Helper()
	set, problems, err := rules.Load(filepath.Join(pack, "rules.yaml"), rules.Options{Specs: actions.Builtin(), Channels: []string{"telegram"}})
	if err != nil || len(problems) > 0 {
		t.Fatal(err, problems)
	}
	l, err := lane.New(lane.Options{Account: "AB1234", Mode: lane.DryRun, Confirm: true, Rules: set, Hours: market.Always(), Reasons: kite.Reason,
		Assume: true, Tell: true}, &journal.Snapshot{}, time.Date(2026, 11, 23, 9, 0, 0, 0, order.IST))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// story is what a pack's payloads come to, a line an event, message and request.
func story(t *testing.T, pack string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(pack, "payloads", "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatal("no payloads", err)
	}
	var out strings.Builder
	l := newLane(t, pack)
	for _, f := range files {
		body, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&out, "%s\n", filepath.Base(f))
		if err := kite.DecodeAny(bytes.NewReader(body), func(u order.Update, err error) error {
			if err != nil {
				return err
			}
			for _, s := range l.Step(u.OrderTimestamp, lane.Unlimited, []lane.Input{{Update: &u}}).Steps {
				tell(&out, s)
			}
			return nil
		}); err != nil {
			t.Fatal(f, err)
		}
	}
	return out.String()
}

func tell(out *strings.Builder, s lane.Story) {
	if s.Ignored != "" {
		fmt.Fprintf(out, "  ignored: %s\n", s.Ignored)
	}
	for _, e := range s.Events {
		fmt.Fprintf(out, "  %s %s %d %s\n", e.Kind, e.Role, e.Fill, e.Cause)
	}
	for _, a := range s.Actions {
		if a.Message != nil {
			fmt.Fprintf(out, "  tells %q\n", a.Message.Text)
		}
	}
	for _, r := range s.Requests {
		p := r.Call.Params
		fmt.Fprintf(out, "  %s %s %d %s trigger %s price %s for %s\n", r.Call.Method, p.TransactionType, p.Quantity, p.OrderType, p.TriggerPrice, p.Price, r.For)
	}
}

func TestEveryPackTellsItsStory(t *testing.T) {
	if *record {
		recordStopOnFill(t)
		recordOCO(t)
		recordRejectAlert(t)
	}
	packs, err := filepath.Glob("*/rules.yaml")
	if err != nil || len(packs) < 3 {
		t.Fatal("no packs", err)
	}
	for _, p := range packs {
		pack := filepath.Dir(p)
		t.Run(pack, func(t *testing.T) {
			want := filepath.Join(pack, "story.txt")
			got := story(t, pack)
			if *record {
				if err := os.WriteFile(want, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			have, err := os.ReadFile(want)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(have) {
				t.Errorf("the story is\n%s\nwant\n%s", got, have)
			}
		})
	}
}
