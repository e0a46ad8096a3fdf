package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"backstop/engine/paper"
)

// demoChapter is one thing that happens, and what must follow from it.
type demoChapter struct {
	title string
	play  func(ctx context.Context) error
}

// The options that the session trades, and their lot.
const (
	demoFirst  = "NIFTY26DEC24500CE"
	demoSecond = "NIFTY26DEC24400CE"
	demoThird  = "NIFTY26DEC24600CE"
	demoFourth = "NIFTY26DEC24400PE"
	demoLot    = 65
)

func (d *demo) chapters() []demoChapter {
	return []demoChapter{
		{"An entry fills in two parts: one stop, enlarged", d.playParts},
		{"A postback is lost: the order book tells of the fill", d.playLost},
		{"The target fills: the stop is cancelled", d.playTarget},
		{"An order is rejected: Telegram says why", d.playRejected},
		{"A duplicate and a forged postback: nothing happens", d.playForged},
		{"Backstop is killed after its stop was accepted and before the answer came: still one stop", d.playKilled},
	}
}

func (d *demo) playParts(ctx context.Context) error {
	if err := d.exchange.SetDepth("NFO", demoFirst, 0); err != nil { // it fills when we say so
		return err
	}
	id, err := d.buy(demoFirst, 2*demoLot, 300)
	if err != nil {
		return err
	}
	if err := d.fill(id, demoLot, 2*demoLot, 300); err != nil {
		return err
	}
	if err := d.await(ctx, "a stop over the first part", d.covered(demoFirst, demoLot)); err != nil {
		return err
	}
	if err := d.quiet(ctx); err != nil {
		return err
	}
	if err := d.fill(id, demoLot, 2*demoLot, 300); err != nil {
		return err
	}
	if err := d.await(ctx, "the same stop over both parts", d.covered(demoFirst, 2*demoLot)); err != nil {
		return err
	}
	if n := len(d.orders(demoFirst, isStop)); n != 1 {
		return fmt.Errorf("%d stop orders in place of one", n)
	}
	return d.await(ctx, "the target beside it", d.targeted(demoFirst, 2*demoLot))
}

func (d *demo) playLost(ctx context.Context) error {
	if err := d.injector.Next("postback", "lose"); err != nil {
		return err
	}
	id, err := d.buy(demoSecond, demoLot, 350)
	if err != nil {
		return err
	}
	d.line("exchange", "filled at once; its only postback is lost on the way, and Kite sends none again")
	if err := d.await(ctx, "a stop", d.covered(demoSecond, demoLot)); err != nil {
		return err
	}
	sources, err := d.sources(ctx, id)
	if err != nil {
		return err
	}
	if slices.Contains(sources, "postback") {
		return errors.New("a postback came after all")
	}
	d.line("backstop", "no postback came; its reading of the order book told of the fill (source %s)", strings.Join(sources, ", "))
	return d.await(ctx, "the target beside the stop", d.targeted(demoSecond, demoLot))
}

func (d *demo) playTarget(ctx context.Context) error {
	if err := d.exchange.SetDepth("NFO", demoFirst, -1); err != nil {
		return err
	}
	d.line("exchange", "%s trades at 425", demoFirst)
	if err := d.exchange.SetPrice("NFO", demoFirst, 425); err != nil {
		return err
	}
	if net := d.net(demoFirst); net != 0 {
		return fmt.Errorf("the target did not fill: %d are still open", net)
	}
	d.line("exchange", "the target filled: the position is flat")
	return d.await(ctx, "the stop cancelled", func() bool {
		return len(d.orders(demoFirst, func(b paper.BookOrder) bool { return b.Live() })) == 0
	})
}

func (d *demo) playRejected(ctx context.Context) error {
	d.exchange.RejectNext(demoUser, "Insufficient funds. Required margin is 16250.00 but available margin is 4820.35.")
	told := d.told()
	if _, err := d.buy(demoThird, demoLot, 250); err != nil {
		return err
	}
	if err := d.await(ctx, "a message that says why", func() bool {
		return slices.ContainsFunc(d.messagesSince(told), func(text string) bool { return strings.Contains(text, "Insufficient funds") })
	}); err != nil {
		return err
	}
	return nil
}

func (d *demo) playForged(ctx context.Context) error {
	before := d.bookText()
	genuine, err := d.lastPostback()
	if err != nil {
		return err
	}
	status, err := d.post(ctx, genuine)
	if err != nil {
		return err
	}
	if status != http.StatusOK {
		return fmt.Errorf("the duplicate was answered %d, not 200", status)
	}
	d.line("network", "a postback comes a second time: answered 200")
	if err := d.await(ctx, "the duplicate kept with its reason", func() bool { return d.ignoredDuplicate(ctx) }); err != nil {
		return err
	}
	var body map[string]any
	if err := json.Unmarshal(genuine, &body); err != nil {
		return err
	}
	body["order_id"], body["status"], body["filled_quantity"] = "261123000000666", "COMPLETE", demoLot
	body["checksum"] = paper.Checksum("261123000000666", fmt.Sprint(body["order_timestamp"]), "a guess")
	forged, err := json.Marshal(body)
	if err != nil {
		return err
	}
	if status, err = d.post(ctx, forged); err != nil {
		return err
	}
	if status != http.StatusUnauthorized {
		return fmt.Errorf("the forged one was answered %d, not 401", status)
	}
	d.line("network", "a forged fill, signed with a guess: answered 401 and kept out")
	select {
	case <-ctx.Done():
	case <-time.After(300 * time.Millisecond): // whatever would follow would follow at once
	}
	if d.bookText() != before {
		return errors.New("the order book changed")
	}
	d.line("backstop", "nothing: no event, no decision, no order")
	return nil
}

func (d *demo) playKilled(ctx context.Context) error {
	killed := make(chan string, 1)
	hook := func(orderID, tag string) {
		if d.killAt.Swap(nil) == nil {
			return
		}
		process, _ := d.child.running()
		d.child.kill() // before a byte of the answer is written
		d.line("exchange", "accepted %s under the tag %s; Backstop (process %d) is killed before the answer", orderID, tag, process.Pid)
		killed <- tag
	}
	d.killAt.Store(&hook)
	if _, err := d.buy(demoFourth, demoLot, 250); err != nil {
		return err
	}
	var tag string
	select {
	case tag = <-killed:
	case <-ctx.Done():
		return errors.New("no placement came that could be cut off")
	}
	if err := d.child.start(); err != nil {
		return err
	}
	if err := d.child.ready(ctx, d.api.base); err != nil {
		return err
	}
	process, _ := d.child.running()
	d.line("backstop", "started again (process %d): its journal says that a request may have left", process.Pid)
	if err := d.narrate(ctx); err != nil {
		return err
	}
	if err := d.await(ctx, "the request settled by its tag", func() bool { return d.settled(ctx, tag) }); err != nil {
		return err
	}
	if err := d.await(ctx, "one stop over the position", d.covered(demoFourth, demoLot)); err != nil {
		return err
	}
	if n := len(d.orders(demoFourth, isStop)); n != 1 {
		return fmt.Errorf("%d stop orders in place of one", n)
	}
	d.line("backstop", "found its stop in the order book by the tag %s: nothing is sent again", tag)
	return d.await(ctx, "the target beside it", d.targeted(demoFourth, demoLot))
}

// buy places the trader's own entry through the app, as another program of theirs would.
func (d *demo) buy(symbol string, quantity int, price float64) (string, error) {
	id, refused := d.exchange.PlaceVia(demoUser, demoKey, "regular", url.Values{"exchange": {"NFO"}, "tradingsymbol": {symbol},
		"transaction_type": {"BUY"}, "quantity": {strconv.Itoa(quantity)}, "product": {"MIS"}, "order_type": {"LIMIT"},
		"price": {strconv.FormatFloat(price, 'f', -1, 64)}, "validity": {"DAY"}})
	if refused != nil {
		return "", refused
	}
	d.line("trader", "BUY %d %s at %v, order %s", quantity, symbol, price, id)
	return id, nil
}

// fill fills a part of an order.
func (d *demo) fill(id string, quantity, of int, price float64) error {
	d.line("exchange", "filled %d of %d at %v", quantity, of, price)
	return d.exchange.Fill(id, quantity, price)
}

// await waits until something is so at the exchange, and tells meanwhile what Backstop does.
func (d *demo) await(ctx context.Context, what string, so func() bool) error {
	for i := 1; !so(); i++ {
		if i%5 == 0 {
			_ = d.narrate(ctx) // while Backstop is down it cannot be asked; the chapter's end asks again
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s did not come within %s", what, chapterMax)
		case <-time.After(20 * time.Millisecond):
		}
	}
	return nil
}

// post sends a body to Backstop's public side, as Kite or anybody may.
func (d *demo) post(ctx context.Context, body []byte) (int, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, d.public+"/postback", bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	reply, err := d.api.client.Do(r)
	if err != nil {
		return 0, err
	}
	return reply.StatusCode, reply.Body.Close()
}
