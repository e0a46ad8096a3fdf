package enginetest

import (
	"encoding/json"
	"net/url"
	"strconv"
	"time"

	"backstop/actions"
	"backstop/engine/kite"
	"backstop/engine/lane"
	"backstop/engine/paper"
)

// push takes what the exchange tells to the network: postbacks may be lost, doubled, late or out of order.
func (w *world) push() {
	for _, p := range w.x.Drain() {
		if !p.Postback {
			continue
		}
		body := p.PostbackBody()
		d := w.posts.Postback()
		w.stats.Postbacks++
		if d.Lost {
			w.stats.Lost++
			w.log("postback lost: %s %s", p.OrderID, p.Status)
			continue
		}
		if w.strikes(w.wire, w.c.Forge) {
			w.at(time.Second, func() { w.forge(body) })
		}
		times := 1
		if d.Doubled {
			times = 2
		}
		for range times {
			delay := 2*time.Millisecond + d.Late
			if d.After {
				delay += 300 * time.Millisecond
			}
			w.at(delay, func() { w.deliver(body) })
		}
	}
}

// forge sends a seen body again as a complete fill: its checksum covers two fields only, so it verifies.
func (w *world) forge(body []byte) {
	var row map[string]any
	if err := json.Unmarshal(body, &row); err != nil || row["status"] == "COMPLETE" || row["status"] == "REJECTED" {
		return
	}
	row["status"], row["filled_quantity"], row["average_price"] = "COMPLETE", row["quantity"], row["price"]
	row["pending_quantity"], row["cancelled_quantity"] = 0, 0
	forged, err := json.Marshal(row)
	if err != nil {
		w.break_("%v", err)
		return
	}
	w.log("FORGED fill of %v", row["order_id"])
	w.stats.Forged++
	w.deliver(forged)
}

// deliver is one POST at the receiver: verified, decoded, answered 200 only after the commit, never retried.
func (w *world) deliver(body []byte) {
	if w.p == nil {
		w.stats.Lost++
		return
	}
	if _, err := kite.Verify(body, secret); err != nil {
		w.break_("a true postback is refused: %v", err)
		return
	}
	u, err := kite.DecodePostback(body, w.now)
	if err != nil {
		w.break_("a true postback does not decode: %v", err)
		return
	}
	w.log("postback %s %s filled %d", u.OrderID, u.RawStatus, u.FilledQuantity)
	w.take(lane.Input{Update: &u}, func(ok bool) {
		if ok {
			w.acked = append(w.acked, string(body))
		}
	})
}

// send is one request on its way: the answer may be lost though the exchange took it.
func (w *world) send(r actions.Request) {
	if w.strikes(w.dice, w.c.Crashes) {
		w.crash("before the send")
		return
	}
	v := w.inj.Request(string(r.Call.Method))
	out := &lane.Outcome{RequestID: r.ID, Attempt: r.Attempts}
	answer := 20 * time.Millisecond
	if v.Refusal == nil && !v.HTML {
		id, e := w.call(r)
		w.stats.Sends++
		if e != nil {
			class, hint := kite.Classify(e.HTTPStatus, e.ErrorType, e.Message)
			out.Err = &actions.Error{Class: class, Message: e.Message, Hint: hint, Op: string(r.Call.Method)}
		}
		out.OrderID = id
		if e == nil {
			w.sample()
		} else if !out.Err.Class.Waits() {
			w.refused(r, out.Err)
		}
		w.log("send %s %s %s %+v -> %s %v", r.ID, r.Call.Method, r.Call.OrderID, r.Call.Params, id, e)
	}
	switch {
	case v.Refusal != nil:
		class, hint := kite.Classify(v.Refusal.HTTPStatus, v.Refusal.ErrorType, v.Refusal.Message)
		out.Err = &actions.Error{Class: class, Message: v.Refusal.Message, Hint: hint}
	case v.HTML:
		out.Err = &actions.Error{Class: actions.ClassAmbiguous, Message: "502 Bad Gateway"}
	case v.Drop, v.HTMLDone:
		w.log("reply lost: %s", r.ID)
		out.Err, out.OrderID = &actions.Error{Class: actions.ClassAmbiguous, Message: "connection reset"}, ""
	case v.Hang > 0:
		w.log("reply hangs: %s", r.ID)
		out.Err, out.OrderID = &actions.Error{Class: actions.ClassAmbiguous, Message: "timed out"}, ""
		answer = 7 * time.Second
	}
	w.push()
	w.alive(answer, func() {
		if w.strikes(w.dice, w.c.Crashes) {
			w.crash("before the answer is recorded")
			return
		}
		w.take(lane.Input{Outcome: out}, nil)
	})
}

func (w *world) call(r actions.Request) (string, *paper.APIError) {
	p := r.Call.Params
	v := url.Values{}
	set := func(name, value string) {
		if value != "" && value != "0" {
			v.Set(name, value)
		}
	}
	set("quantity", strconv.FormatInt(p.Quantity, 10))
	set("price", p.Price.String())
	set("trigger_price", p.TriggerPrice.String())
	set("order_type", p.OrderType)
	set("validity", p.Validity)
	if p.MarketProtection != 0 {
		set("market_protection", strconv.FormatFloat(p.MarketProtection, 'f', -1, 64))
	}
	switch r.Call.Method {
	case actions.Place:
		w.misfortune()
		set("exchange", p.Exchange)
		set("tradingsymbol", p.Tradingsymbol)
		set("transaction_type", p.TransactionType)
		set("product", p.Product)
		set("tag", p.Tag)
		id, e := w.x.PlaceVia(user, apiKey, r.Call.Variety, v)
		w.watch.kind[id] = p.OrderType
		return id, e
	case actions.Modify:
		id, e := w.x.Modify(user, r.Call.Variety, r.Call.OrderID, v)
		if e == nil {
			w.watch.kind[id] = p.OrderType
		}
		return id, e
	default:
		return w.x.Cancel(user, r.Call.Variety, r.Call.OrderID)
	}
}

// tell is a message on its way to Telegram, which sometimes does not answer.
func (w *world) tell(m actions.Action) {
	w.log("message: %s", m.Message.Text)
	d := &lane.Delivery{ActionID: m.ID}
	if w.strikes(w.wire, w.c.Faults.ReplyLost) {
		d.Err = &actions.Error{Class: actions.ClassAmbiguous, Message: "timed out"}
	} else {
		w.stats.Messages++
		w.watch.told(m.Message.Text, w.now)
	}
	w.take(lane.Input{Delivery: d}, nil)
}

// read answers the readings that a step asked for. Those of a turn before one that failed come back to nobody.
func (w *world) read(reads lane.Reads) {
	p, number := w.p, w.p.reads
	answer := func(began time.Time, make func() lane.Input) {
		w.alive(30*time.Millisecond, func() {
			if in := make(); p == w.p && number == p.reads {
				w.take(in, nil)
			}
		})
	}
	began := w.now
	if reads.Book {
		w.stats.Reads++
		answer(began, func() lane.Input { return lane.Input{Read: w.readBook(began)} })
	}
	if reads.Positions {
		answer(began, func() lane.Input {
			if e := w.failing("read"); e != nil {
				return lane.Input{Positions: &lane.Positions{Began: began, Err: e}}
			}
			rows, _, err := kite.DecodePositions(w.x.PositionsJSON(user))
			return lane.Input{Positions: &lane.Positions{Began: began, Rows: rows, Err: err}}
		})
	}
	for _, id := range reads.Trades {
		answer(began, func() lane.Input {
			in := &lane.Trades{OrderID: id}
			if e := w.failing("read"); e != nil {
				in.Err = e
				return lane.Input{Trades: in}
			}
			body, e := w.x.TradesJSON(user, id)
			if e != nil {
				in.Err = &actions.Error{Class: actions.ClassNotFound, Message: e.Message}
			} else {
				in.Rows, _, in.Err = kite.DecodeTrades(body)
			}
			return lane.Input{Trades: in}
		})
	}
}

func (w *world) readBook(began time.Time) *lane.Read {
	in := &lane.Read{Began: began, Ended: w.now}
	v := w.inj.Request("book")
	w.log("book read: %+v", v)
	if e := failed(v); e != nil {
		in.Err = e
	} else if rows, unreadable, err := kite.DecodeBook(w.x.ReadBook(user, v.Reading(w.now)), began, w.now); err != nil {
		in.Err = err
	} else {
		in.Rows, in.Unreadable = rows, len(unreadable)
	}
	return in
}

// failing is why a reading fails, nil where it does not.
func (w *world) failing(point string) error { return failed(w.inj.Request(point)) }

func failed(v paper.Verdict) error {
	switch {
	case v.Refusal != nil:
		class, hint := kite.Classify(v.Refusal.HTTPStatus, v.Refusal.ErrorType, v.Refusal.Message)
		return &actions.Error{Class: class, Op: "read", Message: v.Refusal.Message, Hint: hint}
	case v.HTML, v.Drop, v.Hang > 0:
		return &actions.Error{Class: actions.ClassAmbiguous, Op: "read", Message: "the reading failed"}
	}
	return nil
}
