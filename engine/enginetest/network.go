package enginetest

import (
	"encoding/json"
	"math"
	"time"

	"backstop/actions"
	"backstop/engine/kite"
	"backstop/engine/lane"
	"backstop/engine/order"
	"backstop/engine/paper"
)

// push takes what the exchange tells to the network: postbacks may be lost, doubled, late or out of order.
func (w *world) push() {
	pushes := w.x.Drain()
	if len(pushes) == 0 {
		return
	}
	w.changed()
	for _, p := range pushes {
		if !p.Postback {
			continue
		}
		body := p.PostbackBody()
		w.stats.Postbacks++
		delay := 2 * time.Millisecond
		struck := w.meets("postback")
		if struck.Fault != "" {
			w.log("postback of %s, %s: %s", w.short(p.OrderID), p.Status, struck.Fault)
		}
		switch struck.Fault {
		case "lost":
			w.stats.Lost++
			continue
		case "doubled":
			w.stats.Doubled++
			w.at(delay+time.Millisecond, func() { w.deliver(body) })
		case "reordered":
			w.stats.Late++
			delay += 300 * time.Millisecond
		case "late":
			w.stats.Late++
			delay += struck.For
		case "forged":
			w.at(time.Second, func() { w.forge(body) })
		}
		w.at(delay, func() { w.deliver(body) })
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
		w.broke("simulator", "%v", err)
		return
	}
	id, _ := row["order_id"].(string)
	w.log("FORGED fill of %s", w.short(id))
	w.audit.forged[id] = true
	w.stats.Forged++
	w.deliver(forged)
}

// deliver is one POST at the receiver: verified, decoded, answered 200 only after the commit, never retried.
func (w *world) deliver(body []byte) {
	if w.p == nil {
		w.log("a postback meets no process")
		w.stats.Lost++
		return
	}
	if _, err := kite.Verify(body, secret); err != nil {
		w.broke("invariant 3, true postbacks are taken", "%v", err)
		return
	}
	u, err := kite.DecodePostback(body, w.now)
	if err != nil {
		w.broke("invariant 3, true postbacks are taken", "%v", err)
		return
	}
	w.log("postback: %s is %s, %d filled", w.short(u.OrderID), u.RawStatus, u.FilledQuantity)
	if w.month != nil && w.month.Script {
		w.script(&u)
		return
	}
	w.take(lane.Input{Update: &u}, func(ok bool) {
		if ok {
			w.audit.answered(w, body)
		} else {
			w.log("postback of %s answered 503", w.short(u.OrderID))
		}
	})
}

// send is one request on its way: the answer may be lost though the exchange took it.
func (w *world) send(r actions.Request) {
	died := w.meets("send").Fault
	if died == "crash before" {
		w.crash("before the send")
		return
	}
	w.checkSend(&r)
	point := point(r.Call.Method)
	struck := w.meets(point)
	out, answer := &lane.Outcome{RequestID: r.ID, Attempt: r.Attempts}, 20*time.Millisecond
	refusal := w.refusal(point, struck.Fault)
	w.stats.Requests++
	switch {
	case refusal != nil:
		w.stats.Refused++
		class, hint := kite.Classify(refusal.HTTPStatus, refusal.ErrorType, refusal.Message)
		out.Err = &actions.Error{Class: class, Message: refusal.Message, Hint: hint}
		w.log("%s -> %s", w.call(&r), refusal.Message)
	case struck.Fault == "5xx":
		out.Err = &actions.Error{Class: actions.ClassAmbiguous, Message: "502 Bad Gateway"}
		w.log("%s -> never arrives, 502", w.call(&r))
	default:
		w.arrives(&r, out, struck)
	}
	switch struck.Fault {
	case "lost", "lost and hidden", "5xx done":
		w.lost(r.Call.Method)
		out.Err, out.OrderID = &actions.Error{Class: actions.ClassAmbiguous, Message: "connection reset"}, ""
	case "hangs":
		w.lost(r.Call.Method)
		out.Err, out.OrderID = &actions.Error{Class: actions.ClassAmbiguous, Message: "timed out"}, ""
		answer = 7 * time.Second
	}
	w.push()
	if died == "crash after" {
		w.crash("after the send")
		return
	}
	w.alive(answer, func() {
		if w.meets("record").Fault != "" {
			w.crash("before the answer is recorded")
			return
		}
		w.audit.outcome(out)
		w.take(lane.Input{Outcome: out}, nil)
	})
}

// point is where faults of a change strike: a trigger's as an order's.
func point(m actions.Method) string {
	switch m {
	case actions.PlaceGTT:
		return string(actions.Place)
	case actions.ModifyGTT:
		return string(actions.Modify)
	case actions.DeleteGTT:
		return string(actions.Cancel)
	}
	return string(m)
}

func (w *world) lost(m actions.Method) {
	switch m {
	case actions.Place:
		w.stats.LostPlace++
	case actions.Modify:
		w.stats.LostModify++
	default:
		w.stats.LostCancel++
	}
}

// refusal is the exchange's word for what strikes, nil where nothing is refused.
func (w *world) refusal(point, fault string) *paper.APIError {
	next := map[string]string{"429": "429", "session": "dead_session", "address": "address_refused", "fails": "5xx"}[fault]
	if next == "" {
		return nil
	}
	if next == "5xx" {
		if next = "429"; point == "book" {
			next = "book_fail"
		}
	}
	if point == "positions" || point == "trades" {
		point = "read"
	}
	if err := w.inj.Next(point, next); err != nil {
		w.broke("simulator", "%v", err)
		return nil
	}
	return w.inj.Request(point).Refusal
}

// arrives is a request that the exchange takes.
func (w *world) arrives(r *actions.Request, out *lane.Outcome, struck Event) {
	id, e := w.perform(r, struck.Fault)
	ending := ""
	if struck.Fault != "" {
		ending = " (" + struck.Fault + ")"
	}
	if e != nil {
		w.stats.Refused++
		class, hint := kite.Classify(e.HTTPStatus, e.ErrorType, e.Message)
		out.Err = &actions.Error{Class: class, Message: e.Message, Hint: hint, Op: string(r.Call.Method)}
		switch {
		case r.Call.Method == actions.PlaceGTT && (struck.Fault == "lost" || struck.Fault == "hangs" || struck.Fault == "5xx done"):
			w.explain(absentFor + 10*time.Second) // nobody knows that it was refused until its absence is proved
		case !class.Waits() && !r.Call.Method.GTT():
			w.refused(r, out.Err)
		}
		w.log("%s -> %s%s", w.call(r), e.Message, ending)
		return
	}
	out.OrderID = id
	w.changed()
	if r.Call.Method.GTT() {
		w.log("%s -> %s%s", w.call(r), id, ending)
		return
	}
	if struck.Fault == "hidden" || struck.Fault == "lost and hidden" {
		w.audit.hidden[id], w.audit.hiddenTags[r.Tag()] = w.now.Add(struck.For), true
	}
	w.name(id, r)
	w.log("%s -> %s%s", w.call(r), w.short(id), ending)
}

// tell is a message on its way to Telegram, which sometimes does not answer.
func (w *world) tell(m actions.Action) {
	d := &lane.Delivery{ActionID: m.ID}
	if w.meets("message").Fault != "" {
		w.log("message lost: %s", m.Message.Text)
		d.Err = &actions.Error{Class: actions.ClassAmbiguous, Message: "timed out"}
	} else {
		w.log("message: %s", m.Message.Text)
		w.stats.Messages++
		w.watch.told(m.Message.Text, w.now)
	}
	w.take(lane.Input{Delivery: d}, nil)
}

// read answers the readings that a step asked for. Those of a turn before one that failed come back to nobody.
func (w *world) read(reads lane.Reads) {
	p, number, began := w.p, w.p.reads, w.now
	answer := func(point string, make func(fault Event, err error) lane.Input) {
		struck := w.meets(point)
		after := 30 * time.Millisecond
		if struck.Fault == "hangs" {
			after = 7 * time.Second
		}
		w.alive(after, func() {
			var err error
			if refusal := w.refusal(point, struck.Fault); refusal != nil {
				class, hint := kite.Classify(refusal.HTTPStatus, refusal.ErrorType, refusal.Message)
				err = &actions.Error{Class: class, Op: "read", Message: refusal.Message, Hint: hint}
			} else if struck.Fault == "hangs" {
				err = &actions.Error{Class: actions.ClassAmbiguous, Op: "read", Message: "timed out"}
			}
			if err != nil {
				w.stats.Failed++
				w.log("reading of %s: %s", point, struck.Fault)
			}
			if in := make(struck, err); p == w.p && number == p.reads {
				w.take(in, nil)
			}
		})
	}
	if reads.Book {
		w.stats.Reads++
		answer("book", func(struck Event, err error) lane.Input { return lane.Input{Read: w.readBook(began, struck, err)} })
	}
	if reads.Positions {
		answer("positions", func(_ Event, err error) lane.Input {
			in := &lane.Positions{Began: began, Err: err}
			if err == nil {
				in.Rows, _, in.Err = kite.DecodePositions(w.x.PositionsJSON(user))
			}
			if in.Whole = reads.Holdings; in.Err == nil && in.Whole {
				in.Holdings, _, in.Err = kite.DecodeHoldings(w.x.HoldingsJSON(user))
			}
			return lane.Input{Positions: in}
		})
	}
	if reads.GTTs {
		answer("positions", func(_ Event, err error) lane.Input {
			in := &lane.GTTs{Began: began, Err: err}
			if err == nil {
				in.Rows, _, in.Err = kite.DecodeGTTs(w.x.GTTsJSON(user))
			}
			return lane.Input{GTTs: in}
		})
	}
	for _, id := range reads.Trades {
		answer("trades", func(_ Event, err error) lane.Input {
			in := &lane.Trades{OrderID: id, Err: err}
			if err != nil {
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

// readBook is one GET /orders as whatever strikes lets it be.
func (w *world) readBook(began time.Time, struck Event, err error) *lane.Read {
	in := &lane.Read{Began: began, Ended: w.now, Err: err}
	if err != nil {
		return in
	}
	var r paper.BookRead
	plain := true
	if struck.Fault != "" {
		plain = false
		w.log("reading of the book: %s", struck.Fault)
	}
	switch struck.Fault {
	case "stale":
		w.stats.Stale++
		r.AsOf = w.now.Add(-struck.For)
	case "short":
		w.stats.Short++
		r.Rows = func(n int) int { return n / 2 }
	case "late":
		w.stats.Hidden++
		w.watch.late = w.now
		r.HideSince = w.now.Add(-30 * time.Second)
	}
	if w.hides() {
		plain = false
		w.stats.Hidden++
		r.Hide = func(id string) bool { return w.now.Before(w.audit.hidden[id]) }
	}
	w.book()
	body := w.audit.body
	if !plain || body == nil || w.watch.stale {
		body = w.x.ReadBook(user, r)
	}
	if plain && !w.watch.stale {
		w.audit.body = body
	}
	updates, unreadable, err := kite.DecodeBook(body, began, w.now)
	in.Rows, in.Unreadable, in.Err = updates, len(unreadable), err
	return in
}

// hides says whether some order does not show up in the book yet.
func (w *world) hides() bool {
	for _, until := range w.audit.hidden {
		if w.now.Before(until) {
			return true
		}
	}
	return false
}

// tick tells the process a last price, as its stream does: nothing tells it again what it was too late for.
func (w *world) tick(symbol string, rupees float64) {
	if !w.c.Wants.Trails || w.p == nil {
		return
	}
	w.alive(5*time.Millisecond, func() {
		w.take(lane.Input{Prices: &lane.Prices{Last: map[string]order.Price{"NFO:" + symbol: order.Price(math.Round(rupees * float64(order.Rupee)))}}}, nil)
	})
}
