package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"backstop/actions"
	"backstop/engine/order"
	"backstop/engine/paper"
)

// What the demo sees: the exchange's true book, and what Backstop says of itself through its API.

func isStop(b paper.BookOrder) bool {
	return b.TransactionType == "SELL" && (b.OrderType == "SL" || b.OrderType == "SL-M")
}

func isTarget(b paper.BookOrder) bool { return b.TransactionType == "SELL" && b.OrderType == "LIMIT" }

// orders are those of an option in the exchange's book.
func (d *demo) orders(symbol string, which func(paper.BookOrder) bool) []paper.BookOrder {
	return slices.DeleteFunc(d.exchange.Book(), func(b paper.BookOrder) bool { return b.Tradingsymbol != symbol || !which(b) })
}

func (d *demo) net(symbol string) int { return d.exchange.NetQuantity(demoUser, "NFO", symbol, "MIS") }

// live is the quantity of the live orders among these.
func live(orders []paper.BookOrder) (quantity int) {
	for _, b := range orders {
		if b.Live() {
			quantity += b.Remaining
		}
	}
	return quantity
}

// covered says whether live stops cover exactly this quantity.
func (d *demo) covered(symbol string, quantity int) func() bool {
	return func() bool { return live(d.orders(symbol, isStop)) == quantity }
}

// targeted says whether a live target is as large.
func (d *demo) targeted(symbol string, quantity int) func() bool {
	return func() bool { return live(d.orders(symbol, isTarget)) == quantity }
}

// count looks at the exchange's book alone. Lost: a position that its live stops don't cover. Doubled: stops or
// targets beyond the position, a position turned over, or one tag on two orders.
func (d *demo) count() (lost, doubled int) {
	symbols := map[string]bool{}
	for _, b := range d.exchange.Book() {
		symbols[b.Tradingsymbol] = true
	}
	for symbol := range symbols {
		net := d.net(symbol)
		stops, targets := live(d.orders(symbol, isStop)), live(d.orders(symbol, isTarget))
		if stops < net {
			lost++
		}
		for _, surplus := range []bool{stops > max(net, 0), targets > max(net, 0), net < 0} {
			if surplus {
				doubled++
			}
		}
	}
	return lost, doubled + len(d.exchange.DoubledTags())
}

// bookText is the book as one text, to see whether it changed.
func (d *demo) bookText() string { return fmt.Sprintf("%+v", d.exchange.Book()) }

// showBook prints the exchange's book.
func (d *demo) showBook() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.p.out.line("")
	d.p.out.line("%s", d.p.out.bold("The exchange's order book"))
	var rows [][]string
	for _, b := range d.exchange.Book() {
		by := "trader"
		if actions.IsTag(b.Tag) {
			by = "Backstop"
		}
		rows = append(rows, []string{b.PlacedAt.In(order.IST).Format(time.TimeOnly), b.OrderID, by, b.TransactionType,
			strconv.Itoa(b.Quantity), b.Tradingsymbol, b.OrderType, rupees(b.TriggerPrice), rupees(b.Price), strconv.Itoa(b.Filled),
			b.Status})
	}
	d.p.out.table([]string{"at", "order", "by", "side", "quantity", "instrument", "type", "trigger", "limit", "filled", "status"}, rows)
	d.p.out.flush()
}

func rupees(x float64) string {
	if x == 0 {
		return "-"
	}
	return strconv.FormatFloat(x, 'f', -1, 64)
}

// chapter begins a part of the story.
func (d *demo) chapter(number, title string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.p.out.line("")
	d.p.out.line("%s", d.p.out.bold(number+title))
	d.p.out.flush()
}

// line says what somebody did.
func (d *demo) line(who, format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.write(who, fmt.Sprintf(format, args...))
}

func (d *demo) write(who, text string) {
	name := fmt.Sprintf("%-9s", who)
	switch who {
	case "backstop":
		name = d.p.out.good(name)
	case "telegram":
		name = d.p.out.warn(name)
	}
	d.p.out.line("  %5.1fs  %s  %s", time.Since(d.began).Seconds(), name, printable(text))
	d.p.out.flush()
}

// gotMessage prints what Telegram's stand-in got.
func (d *demo) gotMessage(_, text string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.messages = append(d.messages, text)
	d.write("telegram", text)
}

func (d *demo) told() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.messages)
}

func (d *demo) messagesSince(n int) []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.messages[n:])
}

// sentPostback keeps the postbacks that were acknowledged.
func (d *demo) sentPostback(p paper.Push, status int) {
	if status/100 != 2 {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.pushes = append(d.pushes, p)
}

// lastPostback is the body of the last postback of a fill that Backstop has acknowledged.
func (d *demo) lastPostback() ([]byte, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, p := range slices.Backward(d.pushes) {
		if p.Status == "COMPLETE" {
			return p.PostbackBody(), nil
		}
	}
	return nil, errors.New("no postback was acknowledged yet")
}

// apiRow is what the story reads of the API's rows.
type apiRow struct {
	ID      string     `json:"id"`
	At      *time.Time `json:"at"`
	Sent    *time.Time `json:"sent_at"`
	Event   string     `json:"event"`
	OrderID string     `json:"order_id"`
	Rule    string     `json:"rule"`
	Matched bool       `json:"matched"`
	Source  string     `json:"source"`
	Ignored string     `json:"ignored"`

	For    string         `json:"for"`
	Method string         `json:"method"`
	Path   string         `json:"path"`
	Params actions.Params `json:"params"`
	State  actions.State  `json:"state"`
	Tag    string         `json:"tag"`
}

func (d *demo) rows(ctx context.Context, path string, q url.Values) ([]apiRow, error) {
	var answer struct {
		Data []apiRow `json:"data"`
	}
	err := d.api.get(ctx, "/api/v1/"+path, q, &answer)
	return answer.Data, err
}

// narrate prints the decisions that matched and the requests that left since the last time, as Backstop's API has
// them: what it did and why.
func (d *demo) narrate(ctx context.Context) error {
	decisions, err := d.rows(ctx, "decisions", url.Values{"matched": {"true"}, "limit": {"200"}})
	if err != nil {
		return err
	}
	requests, err := d.rows(ctx, "requests", url.Values{"limit": {"200"}})
	if err != nil {
		return err
	}
	type told struct {
		at   time.Time
		text string
	}
	var lines []told
	d.mu.Lock()
	defer d.mu.Unlock()
	add := func(r apiRow, at *time.Time, text string) {
		if at != nil && !d.seen[r.ID] {
			d.seen[r.ID] = true
			lines = append(lines, told{*at, text})
		}
	}
	for _, r := range decisions { // newest event first, but the rules of one event in their order; the sort below is stable
		add(r, r.At, fmt.Sprintf("rule %s matched: %s of order %s", r.Rule, r.Event, r.OrderID))
	}
	for _, r := range slices.Backward(requests) {
		call := actions.Request{For: r.For, Call: actions.Call{Method: methodOf(r.Method), Params: r.Params}}
		call.Call.Variety, call.Call.OrderID = splitPath(r.Path)
		if call.Key = r.Params.Key(); call.Key.Tradingsymbol == "" {
			call.Key = d.keyOf(call.Call.OrderID)
		}
		add(r, r.Sent, requestLine(&call)) // what never left is not told
	}
	slices.SortStableFunc(lines, func(a, b told) int { return a.at.Compare(b.at) })
	for _, l := range lines {
		d.write("backstop", l.text)
	}
	return nil
}

// keyOf is where an order of the exchange's book stands; a cancel names only its id.
func (d *demo) keyOf(orderID string) order.Key {
	for _, b := range d.exchange.Book() {
		if b.OrderID == orderID {
			return order.Key{Exchange: b.Exchange, Tradingsymbol: b.Tradingsymbol, Product: b.Product}
		}
	}
	return order.Key{}
}

// quietMax is how long quiet waits: a chat takes one message a second.
const quietMax = 2 * time.Second

// quiet waits until nothing of Backstop's is about to leave any more, so that the story keeps its order, and tells what
// it did.
func (d *demo) quiet(ctx context.Context) error {
	for end := time.Now().Add(quietMax); time.Now().Before(end) && d.busy(ctx); {
		_ = d.narrate(ctx) // the last one counts
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
	return d.narrate(ctx)
}

// busy says whether an action or a request waits or has no answer yet.
func (d *demo) busy(ctx context.Context) bool {
	for _, path := range []string{"actions", "requests"} {
		rows, err := d.rows(ctx, path, url.Values{"limit": {"200"}})
		if err != nil || slices.ContainsFunc(rows, func(r apiRow) bool { return !r.State.Final() && r.State != actions.Accepted }) {
			return true
		}
	}
	return false
}

func methodOf(verb string) actions.Method {
	for _, m := range []actions.Method{actions.Place, actions.Modify} {
		if m.HTTP() == verb {
			return m
		}
	}
	return actions.Cancel
}

// splitPath is the variety and the order id of /orders/VARIETY/ORDER_ID.
func splitPath(path string) (variety, orderID string) {
	variety, orderID, _ = strings.Cut(strings.TrimPrefix(path, "/orders/"), "/")
	return variety, orderID
}

// sources are where updates of an order came from.
func (d *demo) sources(ctx context.Context, orderID string) ([]string, error) {
	rows, err := d.rows(ctx, "updates", url.Values{"order_id": {orderID}})
	var sources []string
	for _, r := range rows {
		if !slices.Contains(sources, r.Source) {
			sources = append(sources, r.Source)
		}
	}
	return sources, err
}

// ignoredDuplicate says whether the journal has an update that changed nothing, and tells its reason.
func (d *demo) ignoredDuplicate(ctx context.Context) bool {
	rows, err := d.rows(ctx, "updates", url.Values{"ignored": {"true"}, "limit": {"1"}})
	if err != nil || len(rows) == 0 || rows[0].Source != "postback" {
		return false
	}
	d.line("backstop", "kept it and ignored it: %s", rows[0].Ignored)
	return true
}

// settled says whether the request with this tag has come to its end.
func (d *demo) settled(ctx context.Context, tag string) bool {
	rows, err := d.rows(ctx, "requests", url.Values{"limit": {"200"}})
	if err != nil {
		return false
	}
	for _, r := range rows {
		if r.Tag == tag {
			return r.State == actions.Accepted || r.State == actions.Done
		}
	}
	return false
}
