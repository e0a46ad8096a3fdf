package enginetest

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"backstop/actions"
	"backstop/engine/kite"
	"backstop/engine/lane"
	"backstop/engine/market"
	"backstop/engine/order"
)

// words are a directive's, past its name: bare ones, and key=value.
type words struct {
	bare []string
	keys map[string]string
}

func split(list []string) words {
	w := words{keys: map[string]string{}}
	for _, x := range list {
		if k, v, ok := strings.Cut(x, "="); ok {
			w.keys[k] = v
			continue
		}
		w.bare = append(w.bare, x)
	}
	return w
}

func (w words) has(word string) bool { return slices.Contains(w.bare, word) }

func (w words) first() string {
	if len(w.bare) == 0 {
		return ""
	}
	return w.bare[0]
}

// after is the word that follows another, "" for none.
func (w words) after(word string) string {
	if i := slices.Index(w.bare, word); i >= 0 && i+1 < len(w.bare) {
		return w.bare[i+1]
	}
	return ""
}

// follow does what a directive says and gives what came of it.
func (p *player) follow(d part) ([]string, error) {
	p.lines, p.clock = nil, ""
	do, ok := directives[d.words[0]]
	if !ok {
		return nil, errors.New("no such directive")
	}
	if err := do(p, split(d.words[1:]), d.input); err != nil {
		return nil, err
	}
	if d.words[0] == "tick" && slices.Contains(d.words, "wake") {
		next := "nothing"
		if !p.wake.IsZero() {
			next = p.wake.In(order.IST).Format("15:04:05.000")
		}
		p.say(p.now, "next wake: %s", next)
	}
	return p.lines, nil
}

var directives = map[string]func(p *player, w words, input []string) error{
	"rules":    (*player).followRules,
	"book":     (*player).followBook,
	"update":   (*player).followUpdate,
	"reads":    (*player).followReads,
	"read":     (*player).followRead,
	"answer":   (*player).followAnswer,
	"tick":     (*player).followTick,
	"crash":    (*player).followCrash,
	"backup":   (*player).followBackup,
	"restart":  (*player).followRestart,
	"midnight": (*player).followMidnight,
	"session":  (*player).followSession,
	"control":  (*player).followControl,
	"carry":    (*player).followCarry,
	"market":   (*player).followMarket,
	"until":    (*player).followUntil,
	"closed":   (*player).followClosed,
	"convert":  (*player).followConvert,
	"gtt":      (*player).followGTT,
	"state":    (*player).followState,
	"exits":    (*player).followExits,
}

// followRules takes the rules and, the first time, starts the process and arms it: two seconds pass.
func (p *player) followRules(w words, input []string) error {
	if mode := w.keys["mode"]; mode != "" {
		p.o.Mode = lane.Mode(mode)
	}
	if err := p.parse("version: 1\nalerts: telegram\nrules:\n" + strings.Join(input, "\n")); err != nil {
		return err
	}
	if p.turner != nil {
		return p.turn(lane.Input{Rules: p.o.Rules})
	}
	if err := p.begin(); err != nil {
		return err
	}
	p.now = p.now.Add(2 * time.Second).Truncate(time.Second)
	p.lines = nil
	return nil
}

// followCarry says what was carried in: before rules, or while the process is down. carry 10 CNC NSE:INFY; of INFY in
// NRML where nothing else is said.
func (p *player) followCarry(w words, _ []string) error {
	n, err := strconv.ParseInt(w.first(), 10, 64)
	k := order.Key{Exchange: "NSE", Tradingsymbol: "INFY", Product: "NRML"}
	if len(w.bare) > 1 {
		k.Product = w.bare[1]
	}
	if len(w.bare) > 2 {
		k.Exchange, k.Tradingsymbol, _ = strings.Cut(w.bare[2], ":")
	}
	p.broker.Carry(order.Overnight{Key: k, Quantity: n, AveragePrice: 100 * order.Rupee})
	return err
}

// followMarket gives the story the market's own hours, and the day and time at which it begins: without it every moment
// is trading time.
func (p *player) followMarket(w words, _ []string) error {
	p.o.Hours = market.Default()
	var err error
	p.now, err = time.ParseInLocation(dayAndTime, w.first(), order.IST)
	return err
}

const dayAndTime = "2006-01-02T15:04:05"

// followUntil lets time pass until a time of the day, 15:30:00. The lane is called when it asked to be.
func (p *player) followUntil(w words, _ []string) error {
	at, err := time.ParseInLocation(dayAndTime, p.now.In(order.IST).Format(time.DateOnly)+"T"+w.first(), order.IST)
	if err != nil {
		return err
	}
	if at.Before(p.now) {
		return errors.New("that is over")
	}
	return p.wait(at.Sub(p.now))
}

// followClosed says where INFY closed on the day before.
func (p *player) followClosed(w words, _ []string) error {
	price, err := order.ParsePrice(w.first())
	p.broker.Close("NSE:INFY", price)
	return err
}

// followConvert makes so much of INFY another product, by hand: convert 10 MIS NRML.
func (p *player) followConvert(w words, _ []string) error {
	n, err := strconv.ParseInt(w.first(), 10, 64)
	if err != nil || len(w.bare) != 3 {
		return errors.New("convert QUANTITY FROM TO")
	}
	k := order.Key{Exchange: "NSE", Tradingsymbol: "INFY"}
	from, to := k, k
	from.Product, to.Product = w.bare[1], w.bare[2]
	p.broker.Convert(from, to, n)
	return nil
}

// followGTT is what happens to a GTT at Zerodha: gtt 501 met [target] as G1 (its order is placed), gtt 501 failed with the
// reason below, gtt 501 deleted, disabled …, or gtt 501 trigger=91 price=90, by hand.
func (p *player) followGTT(w words, input []string) error {
	id, bad := w.first(), error(nil)
	p.broker.SetGTT(id, func(row *actions.GTTRow) {
		stop := row.StopLeg()
		leg := stop
		if w.has("target") {
			leg = 1 - stop
		}
		switch {
		case w.has("met"):
			row.Status = "triggered"
			row.Legs[leg].Met, row.Legs[leg].OrderID = true, w.after("as")
		case w.has("failed"):
			row.Status = "triggered"
			row.Legs[leg].Met, row.Legs[leg].Failed = true, strings.Join(input, " ")
		case w.keys["trigger"] != "":
			row.Triggers[stop], bad = order.ParsePrice(w.keys["trigger"])
			if price, err := order.ParsePrice(w.keys["price"]); err == nil {
				row.Legs[stop].Price = price
			}
		default:
			row.Status, row.Reason = w.bare[1], strings.Join(input, " ")
		}
	})
	if w.has("met") {
		for _, row := range p.broker.GTTRows() {
			if row.ID == id {
				i := row.StopLeg()
				if w.has("target") {
					i = 1 - i
				}
				leg := row.Legs[i]
				return p.setRow(fmt.Sprintf("%s %s %d LIMIT %s %s OPEN", w.after("as"), leg.TransactionType, leg.Quantity, leg.Price, leg.Product))
			}
		}
	}
	return bad
}

// followUpdate pushes an order as it stands in the book, or as the words have it (a forger's, or one that the book
// shows later).
func (p *player) followUpdate(w words, _ []string) error {
	u, ok := p.broker.Row(w.first())
	if !ok {
		u = order.Update{Account: user, PlacedBy: user, OrderID: w.first(), Exchange: "NSE", Tradingsymbol: "INFY", Product: "MIS", OrderType: "LIMIT",
			TransactionType: order.Buy, Status: order.StatusOpen, Variety: "regular", Quantity: 10, Price: 100 * order.Rupee,
			OrderTimestamp: p.now.Truncate(time.Second), ExchangeUpdateTimestamp: p.now.Truncate(time.Second)}
	}
	for _, f := range w.bare[1:] {
		switch f {
		case "stream", "postback":
		case order.Buy, order.Sell:
			u.TransactionType = f
		default:
			u.Status = order.Status(strings.ReplaceAll(f, "_", " "))
		}
	}
	for key, value := range w.keys {
		fills := int64(-1)
		if err := p.setKey(&u, key, value, &fills); err != nil {
			return err
		}
		if fills >= 0 {
			u.FilledQuantity = fills
		}
	}
	if u.Status == order.StatusComplete {
		u.FilledQuantity, u.AveragePrice = u.Quantity, u.Price
	}
	u.Source, u.RawStatus = order.SourcePostback, string(u.Status)
	if w.has("stream") {
		u.Source = order.SourceStream
	}
	u.Raw = raw(u, string(u.Source))
	p.say(p.now, "%s: %s %s, filled %d of %d", u.Source, u.OrderID, u.Status, u.FilledQuantity, u.Quantity)
	return p.turn(lane.Input{Update: &u})
}

// followReads says how the broker answers readings from here on: good; short, without the orders named or without
// any; empty; failing; off: no answer comes.
func (p *player) followReads(w words, _ []string) error {
	p.reads = reads{how: w.first(), gtts: w.keys["gtts"]}
	if list := w.keys["without"]; list != "" {
		p.reads.without = strings.Split(list, ",")
	}
	if !slices.Contains([]string{"good", "short", "empty", "failing", "off"}, p.reads.how) {
		return errors.New("readings are good, short, empty, failing or off")
	}
	if p.turner == nil {
		return nil
	}
	return p.serve()
}

// followRead makes the service's own schedule ask for a reading; begin and end stand apart where something happens
// between the two.
func (p *player) followRead(w words, _ []string) error {
	switch w.first() {
	case "begin":
		p.began = p.snapshot()
		return nil
	case "end":
		r := p.began
		if r == nil {
			return errors.New("no reading has begun")
		}
		p.began = nil
		return p.read(r)
	}
	return p.turn(lane.Input{Control: &lane.Control{Verb: lane.Reconcile}})
}

// followAnswer answers a request that left, the oldest or the one named: ok, lost (done, and nobody told), broken
// (not done, and nobody can tell), refused STATUS TYPE with Kite's text below, down (it never left), or taken
// (done, and the answer is still on its way: ok brings it later). as ID names the order.
func (p *player) followAnswer(w words, input []string) error {
	at := 0
	if strings.HasPrefix(w.first(), "R") {
		at = slices.IndexFunc(p.pending, func(r actions.Request) bool { return p.names[r.ID] == w.first() })
		w.bare = w.bare[1:]
	}
	if at < 0 || at >= len(p.pending) {
		return errors.New("no such request is on its way")
	}
	r := p.pending[at]
	how := w.first()
	if how != "taken" {
		p.pending = slices.Delete(p.pending, at, at+1)
	}
	out := &lane.Outcome{RequestID: r.ID, Attempt: r.Attempts}
	fail := func(class actions.Class, message string) {
		out.Err = &actions.Error{Class: class, Op: string(r.Call.Method), Message: message}
	}
	p.now = p.now.Add(took)
	switch how {
	case "ok", "lost", "taken":
		id, done := p.taken[r.ID]
		var err error
		if !done {
			id, err = p.broker.Take(r.Call, w.after("as"))
		}
		delete(p.taken, r.ID)
		switch {
		case how == "taken":
			p.taken[r.ID] = id
			return err
		case how == "lost":
			fail(actions.ClassAmbiguous, "the connection broke")
			if err != nil {
				return err
			}
		case err != nil:
			var e *actions.Error
			if !errors.As(err, &e) {
				return err
			}
			fail(e.Class, e.Message)
		default:
			out.OrderID = id
		}
	case "broken":
		fail(actions.ClassAmbiguous, "the connection broke")
	case "down":
		fail(actions.ClassDown, "not sent: connection refused")
	case "refused":
		status, err := strconv.Atoi(w.bare[1])
		if err != nil {
			return err
		}
		message := strings.Join(input, " ")
		class, hint := kite.Classify(status, w.bare[2], message)
		fail(class, message)
		out.Err.Hint = hint
	default:
		return errors.New("an answer is ok, lost, broken, taken, down or refused")
	}
	text := "ok"
	if out.Err != nil {
		text = fmt.Sprintf("%s, %s", out.Err.Class, out.Err.Message)
	}
	p.say(p.now, "the answer to %s: %s", p.names[r.ID], text)
	return p.turn(lane.Input{Outcome: out})
}

func (p *player) followTick(w words, _ []string) error {
	d, err := time.ParseDuration(w.first())
	if err != nil {
		return err
	}
	return p.wait(d)
}

func (p *player) followCrash(words, []string) error {
	for _, r := range p.pending {
		p.say(p.now, "%s was on its way", p.names[r.ID])
	}
	return p.end()
}

// followBackup keeps the folder as it is now.
func (p *player) followBackup(words, []string) error {
	p.backup = slices.Clone(p.commits)
	return nil
}

// followRestart starts the process again on its folder, on an empty one (lost), or on the backup.
func (p *player) followRestart(w words, _ []string) error {
	if p.turner != nil {
		return errors.New("it runs: crash first")
	}
	p.o.Adopt = w.has("adopt")
	switch {
	case w.has("lost"):
		if err := p.restore(nil); err != nil {
			return err
		}
	case w.has("backup"):
		if err := p.restore(p.backup); err != nil {
			return err
		}
	}
	return p.begin()
}

// followMidnight goes to nine o'clock of the next day, or of the day that is named; the broker's book begins anew, and
// what is held is carried over.
func (p *player) followMidnight(w words, _ []string) error {
	y, m, d := p.now.In(order.IST).Date()
	next := time.Date(y, m, d+1, 9, 0, 0, 0, order.IST)
	if w.first() != "" {
		var err error
		if next, err = time.ParseInLocation(dayAndTime, w.first(), order.IST); err != nil {
			return err
		}
	}
	p.now = next
	p.broker.Night()
	p.pending = nil
	if p.turner == nil {
		return nil
	}
	return p.turn()
}

// followExits lets a person sell one by phone, so many times; each time the stop's change is taken. What came of it
// is not told: it is what one such exit told before.
func (p *player) followExits(w words, _ []string) error {
	n, err := strconv.Atoi(w.first())
	if err != nil {
		return err
	}
	for i := range n {
		if err := p.setRow(fmt.Sprintf("P%d SELL 1 LIMIT 101 COMPLETE", i+1)); err != nil {
			return err
		}
		if err := p.followRead(words{}, nil); err != nil {
			return err
		}
		if err := p.followAnswer(split([]string{"ok"}), nil); err != nil {
			return err
		}
		if err := p.wait(6 * time.Second); err != nil {
			return err
		}
	}
	p.lines = nil
	return nil
}

// followSession says that the session lives, or that it died, and why.
func (p *player) followSession(w words, input []string) error {
	return p.turn(lane.Input{Session: &lane.Session{Alive: w.first() == "alive", Why: strings.Join(input, " ")}})
}

// followControl gives the lane a person's word: pause, resume; retry NAME; resolve NAME order=ID, or resolve NAME
// failed with why below. NAME is a request's or an action's.
func (p *player) followControl(w words, input []string) error {
	c := &lane.Control{Verb: lane.ControlVerb(w.first()), By: "the trader", OrderID: w.keys["order"], Failed: w.has("failed"), Why: strings.Join(input, " ")}
	if len(w.bare) > 1 && c.Verb != lane.Adopt {
		id, err := p.id(w.bare[1])
		if err != nil {
			return err
		}
		c.ID = id
		if a := p.actions[id]; a != nil {
			c.Action = a
		} else if r := p.requests[id]; r != nil {
			c.Action = p.actions[r.ActionID]
		}
	}
	return p.turn(lane.Input{Control: c})
}
