package lane_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"backstop/actions"
	"backstop/engine/lane"
	"backstop/engine/order"
	"backstop/rules"
)

// The broker takes a placement and rejects it a moment later. The lane may learn of that in any order: from the answer,
// a postback, the stream, readings that began before, in between and after; and the process may die at any moment. These
// tests play every order of them.

// placed is a desk whose placement has left, to be rejected under its tag, before anybody was told of it.
type placed struct {
	*desk
	request actions.Request
	sent    time.Time
	first   time.Time // of two attempts
	seen    bool      // the rejection was told, by whichever way
	shown   bool      // and by a reading
	died    bool      // what the earlier process had asked for reaches no later one
	word    string    // that a person says when a reading has shown it: retry, resolve, "" for none
	said    bool
	refused string // why it was not followed
}

func newPlaced(t *testing.T, set *rules.Set, word string) *placed {
	d := newDeskOf(t, set)
	d.set("E1", filled(75))
	d.postback("E1")
	d.readBook()
	p := &placed{desk: d, request: d.take(actions.Place), sent: d.now, word: word}
	p.now = p.now.Add(5 * time.Millisecond)
	return p
}

// row is the placement's order as the broker has it.
func (p *placed) row(id string, status order.Status) *order.Update {
	w := p.request.Call.Params
	u := &order.Update{Account: p.opts.Account, OrderID: id, Status: status, RawStatus: string(status), Exchange: "NFO", Tradingsymbol: call, Product: "MIS",
		TransactionType: w.TransactionType, OrderType: w.OrderType, Variety: "regular", Validity: "DAY", Quantity: w.Quantity, Price: w.Price,
		TriggerPrice: w.TriggerPrice, PlacedBy: p.opts.Account, Tag: w.Tag, OrderTimestamp: p.sent.Truncate(time.Second)}
	switch status {
	case order.StatusNone:
		u.RawStatus, u.Interim = "VALIDATION PENDING", true
	case order.StatusRejected:
		u.StatusMessage = "RMS:Margin Exceeds"
	}
	return u
}

func (p *placed) push(from order.Source, u *order.Update) {
	u.Source = from
	u.Raw, _ = json.Marshal([]any{u, from})
	p.step(lane.Input{Update: u})
}

// read gives a reading of these rows beside what the book has.
func (p *placed) read(began time.Time, rows ...*order.Update) {
	in := &lane.Read{Began: began, Ended: p.now}
	for _, id := range []string{"E1", "H1"} {
		if u, ok := p.book[id]; ok {
			rows = append(rows, u)
		}
	}
	for _, u := range rows {
		row := *u
		row.Raw, _ = json.Marshal(row)
		in.Rows = append(in.Rows, row)
	}
	p.step(lane.Input{Read: in})
}

// happens plays one observation.
func (p *placed) happens(what string) {
	p.now = p.now.Add(time.Millisecond)
	switch what {
	case "answer", "lost":
		if out := (&lane.Outcome{RequestID: p.request.ID, Attempt: p.request.Attempts, OrderID: "S1"}); !p.died {
			if what == "lost" {
				out.OrderID, out.Err = "", &actions.Error{Class: actions.ClassAmbiguous, Message: "the connection broke"}
			}
			p.step(lane.Input{Outcome: out})
		}
	case "postback":
		p.seen = true
		p.push(order.SourcePostback, p.row("S1", order.StatusRejected))
	case "on the way":
		if !p.died {
			p.push(order.SourceStream, p.row("S1", order.StatusNone))
		}
	case "stream":
		p.seen = true
		p.push(order.SourceStream, p.row("S1", order.StatusRejected))
	case "read before":
		if !p.died {
			p.read(p.sent.Add(-time.Millisecond))
		}
	case "read between":
		if !p.died {
			p.read(p.sent.Add(time.Millisecond), p.row("S1", order.StatusNone))
		}
	case "read after":
		p.seen, p.shown = true, true
		p.book["S1"] = p.row("S1", order.StatusRejected)
		if p.word == "resolve" { // the person has placed one meanwhile
			p.set("H1", func(u *order.Update) {
				u.TransactionType, u.Status, u.OrderType, u.Price, u.TriggerPrice = order.Sell, order.StatusTriggerPending, "SL", 85*order.Rupee, 90*order.Rupee
			})
		}
		p.read(p.now, p.book["S1"])
	case "crash":
		p.died = true
		p.start()
		p.step()
		now := p.row("S1", order.StatusRejected)
		if !p.seen {
			now = p.row("S1", order.StatusNone)
		}
		p.read(p.now, now)
		p.step(lane.Input{Positions: &lane.Positions{Began: p.now}})
	case "given up":
		p.say(lane.Control{Verb: lane.Resolve, ID: p.request.ActionID, Failed: true})
	case "word":
		p.said = true
		c := lane.Control{Verb: lane.ControlVerb(p.word), ID: p.request.ActionID}
		if p.word == "resolve" {
			c.OrderID = "H1"
		}
		_, p.refused = p.say(c)
	}
}

// orders are all orders of the observations in which each group keeps its own.
func orders(groups ...[]string) [][]string {
	var all [][]string
	done := true
	for i, g := range groups {
		if len(g) == 0 {
			continue
		}
		done = false
		rest := slices.Clone(groups)
		rest[i] = g[1:]
		for _, tail := range orders(rest...) {
			all = append(all, append([]string{g[0]}, tail...))
		}
	}
	if done {
		return [][]string{nil}
	}
	return all
}

// withCrash are the orders with a crash at each place of each.
func withCrash(all [][]string) [][]string {
	var out [][]string
	for _, o := range all {
		for i := range len(o) + 1 {
			out = append(out, slices.Insert(slices.Clone(o), i, "crash"))
		}
	}
	return out
}

// tellings are the orders in which a rejection may be told, and a person say a word once the book has shown it: all of them,
// or a few of each kind.
func tellings(word string, all bool) [][]string {
	var said []string
	if word != "" {
		said = []string{"word"}
	}
	reads := func(before ...string) []string { return slices.Concat(before, []string{"read after"}, said) }
	answer, lost, postback, stream := []string{"answer"}, []string{"lost"}, []string{"postback"}, []string{"on the way", "stream"}
	few := slices.Concat(
		orders(answer, postback, reads("read between")),
		orders(lost, reads(), stream[1:]),
		withCrash(orders(answer, reads(), stream[1:])))
	if word == "retry" { // said of what is not known: the next one waits for the book
		for _, tail := range append(orders(stream[1:], postback, reads()[:1]), []string{"stream", "crash", "read after"}) {
			few = append(few, slices.Concat(lost, []string{"given up"}, said, tail))
		}
	}
	if !all {
		return few
	}
	return slices.Concat(few,
		orders(answer, reads()),
		orders(lost, postback, reads("read before", "read between")),
		orders(answer, postback, reads("read before", "read between")),
		orders(answer, postback, reads("read between"), stream),
		withCrash(orders(answer, postback, reads("read between"))))
}

const looseRule = `
version: 1
rules:
  - name: loose
    on: fill
    when: order.role == "entry"
    then:
      - place_order: { exchange: NFO, tradingsymbol: ` + call + `, transaction_type: SELL, quantity: 75, product: MIS, order_type: SL, price: 90, trigger_price: 95, role: stop_loss }
`

const outRule = `
version: 1
rules:
  - name: out
    on: fill
    when: order.role == "entry"
    then:
      - exit_position: {}
`

// TestARejectedPlacementIsOverInWhicheverOrderItIsTold: what the broker rejected is not asked for again by itself, though
// the rejection is seen before the answer; and it stands in nobody's way: a person's word is followed as soon as a reading
// has shown it.
func TestARejectedPlacementIsOverInWhicheverOrderItIsTold(t *testing.T) {
	onlyTarget := "version: 1\nrules:" + targetRule
	for name, source := range map[string]string{"stop": stopRule, "target": onlyTarget, "exit": outRule, "order": looseRule} {
		for _, word := range []string{"", "retry", "resolve"} {
			if word == "resolve" && name != "stop" {
				continue
			}
			t.Run(strings.TrimSpace(name+" "+word), func(t *testing.T) {
				t.Parallel()
				set := parse(t, source)
				for _, told := range tellings(word, name == "stop") {
					p := newPlaced(t, set, word)
					for i, what := range told {
						p.happens(what)
						p.checkRejected(strings.Join(told[:i+1], ", "))
					}
					p.now = p.now.Add(time.Second)
					p.checkRest(strings.Join(told, ", "))
					if t.Failed() {
						return
					}
				}
			})
		}
	}
}

// checkRejected holds at any moment: nothing leaves but by a person's word, and what a reading has shown is over.
func (p *placed) checkRejected(told string) {
	p.t.Helper()
	if most := map[bool]int{true: 1}[p.said && p.word == "retry"]; len(p.sends) > most {
		p.t.Errorf("%s: %s left", told, show(p.sends))
	}
	if p.refused != "" {
		p.t.Errorf("%s: %s is refused: %s", told, p.word, p.refused)
	}
	if p.shown && !p.said && p.state(p.request.ID) != "failed " {
		p.t.Errorf("%s: the request is %s", told, p.state(p.request.ID))
	}
}

// checkRest is what follows when all is told.
func (p *placed) checkRest(told string) {
	p.t.Helper()
	p.wait(2 * time.Second)
	want := map[string]int64{"": 0, "retry": 0, "resolve": 75}[p.word]
	if got := p.covered(); got != want {
		p.t.Errorf("%s: %d are covered, not %d", told, got, want)
	}
	switch p.word {
	case "":
		p.wait(12 * time.Second)
		if len(p.sends) > 0 || !slices.Contains(p.kinds("E1"), "unprotected") {
			p.t.Errorf("%s: %s left, and of E1 was told %s", told, show(p.sends), p.kinds("E1"))
		}
	case "retry":
		if len(p.sends) != 1 || p.sends[0].Call.Method != actions.Place || p.sends[0].Tag() == p.request.Tag() {
			p.t.Errorf("%s: one placement under another tag was to leave, not %s", told, show(p.sends))
			return
		}
		again := p.take(actions.Place)
		if p.accept(again, "S2"); again.Call.Params.OrderType == "MARKET" { // it hangs, and is priced again
			return
		}
		if got := p.covered(); len(p.sends) > 0 || p.request.Call.Params.OrderType == "SL" && got != 75 {
			p.t.Errorf("%s: behind the new one %s left, and %d are covered", told, show(p.sends), got)
		}
	case "resolve":
		p.set("X1", func(u *order.Update) { u.TransactionType = order.Sell; filled(75)(u) })
		p.readBook()
		if len(p.sends) != 1 || p.sends[0].Call.Method != actions.Cancel || p.sends[0].Call.OrderID != "H1" {
			p.t.Errorf("%s: flat, the slot was to cancel H1, not %s", told, show(p.sends))
		}
	}
}

func (p *placed) covered() int64 {
	var n int64
	for _, g := range p.lane.View().Groups {
		n += g.Covered
	}
	return n
}

// TestInvariant2OfTwoAttemptsTheRejectedOneSaysNothingOfTheOther: a placement was sent again after its absence was proved, and
// then the first attempt turns up, rejected. The second may live all the same: nothing is placed beside it, and where it lives
// it is looked after.
func TestInvariant2OfTwoAttemptsTheRejectedOneSaysNothingOfTheOther(t *testing.T) {
	set := parse(t, stopRule)
	for _, second := range []order.Status{order.StatusTriggerPending, order.StatusRejected, order.StatusNone} {
		for _, told := range attempts(second) {
			p := newPlaced(t, set, "")
			p.happens("lost")
			p.wait(30 * time.Second)
			p.first, p.request, p.sent = p.sent, p.take(actions.Place), p.now
			if p.request.Attempts != 2 {
				t.Fatalf("attempt %d", p.request.Attempts)
			}
			for i, what := range told {
				p.now = p.now.Add(time.Millisecond)
				p.retried(what, second)
				if len(p.sends) > 0 {
					t.Errorf("second %s, %s: %s left", second, told[:i+1], show(p.sends))
				}
			}
			p.now = p.now.Add(time.Second)
			p.wait(30 * time.Second)
			state, covered := "done ", int64(75)
			if second != order.StatusTriggerPending {
				state, covered = "failed ", 0
			}
			if p.state(p.request.ID) != state || p.covered() != covered || len(p.sends) > 0 {
				t.Errorf("second %s, %s: %d are covered, the request is %s, and %s left", second, told, p.covered(), p.state(p.request.ID), show(p.sends))
			}
			if failed := slices.Contains(p.kinds("E1"), "action_failed"); failed != (covered == 0) {
				t.Errorf("second %s, %s: told failed: %v", second, told, failed)
			}
			p.set("X1", func(u *order.Update) { u.TransactionType = order.Sell; filled(75)(u) })
			p.readBook()
			if cancelled := len(p.sends) == 1 && p.sends[0].Call.Method == actions.Cancel && p.sends[0].Call.OrderID == "S2"; cancelled != (covered > 0) {
				t.Errorf("second %s, %s: flat, %s left", second, told, show(p.sends))
			}
			if t.Failed() {
				return
			}
		}
	}
}

// attempts are the orders in which two attempts may be told. "": the second never reached the broker.
func attempts(second order.Status) [][]string {
	answer, lost, reads := []string{"answer"}, []string{"lost"}, []string{"read first", "read both"}
	if second == order.StatusNone {
		return orders(lost, reads[:1], []string{"stream first"}, []string{"postback first"})
	}
	var all [][]string
	for _, a := range [][]string{answer, lost} {
		all = slices.Concat(all, withCrash(orders(a, reads, []string{"stream second"})),
			orders(a, reads, []string{"stream first"}, []string{"stream second"}), orders(a, reads, []string{"postback first"}))
	}
	return all
}

// retried plays one observation of two attempts, of which the first was rejected.
func (p *placed) retried(what string, status order.Status) {
	first, second := p.row("S1", order.StatusRejected), p.row("S2", status)
	first.OrderTimestamp = p.first.Truncate(time.Second)
	switch what {
	case "answer":
		if !p.died {
			p.step(lane.Input{Outcome: &lane.Outcome{RequestID: p.request.ID, Attempt: 2, OrderID: "S2"}})
		}
	case "lost":
		p.happens(what)
	case "read first":
		p.book["S1"] = first
		p.read(p.now, first)
	case "read both":
		p.book["S1"], p.book["S2"] = first, second
		p.read(p.now, first, second)
	case "postback first":
		p.push(order.SourcePostback, first)
	case "stream first":
		p.book["S1"] = first
		p.push(order.SourceStream, first)
	case "stream second":
		p.push(order.SourceStream, second)
	case "crash":
		p.died = true
		p.start()
		p.arm()
	}
}
