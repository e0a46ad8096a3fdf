package lane

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"backstop/actions"
	"backstop/engine/order"
)

// How long things take, and how long they are waited for.
const (
	absentFor   = 20 * time.Second // the last of three good reads without the tag begins so long after the send ended
	absentLate  = 15 * time.Second // and two of them begin after this: one short book proves nothing
	absentReads = 3
	refuteAfter = 30 * time.Second // a claim that the book does not show by then is refuted
	takenFor    = 10 * time.Second // an accepted change that no row shows by then was not made
	addressWait = 30 * time.Second
)

func asError(err error, target **actions.Error) bool { return errors.As(err, target) }

// set moves a request to a state.
func (l *Lane) set(r *actions.Request, s actions.State, why string) {
	if r.State != s || r.Why != why {
		r.State, r.Why, r.Updated = s, why, l.meta.Now
		if s == actions.Done {
			r.Error = nil // an answer that was lost on the way is no error in the end
		}
		r.Told = false
	}
	l.touch(r)
}

func (l *Lane) touch(r *actions.Request) {
	l.dirty.requests[r.ID] = true
	if s, ok := l.slots[r.Slot]; ok {
		l.awake[s.ID] = true
	}
	if r.State.Final() {
		if l.open[r.ID] {
			delete(l.open, r.ID)
			l.openIDs = nil
		}
		return
	}
	if !l.open[r.ID] {
		l.open[r.ID] = true
		l.openIDs = nil
	}
}

// noteOrderID remembers which order a placement became.
func (l *Lane) noteOrderID(r *actions.Request) {
	if r.OrderID == "" || r.Call.Method != actions.Place {
		return
	}
	l.links[r.OrderID] = r.ID
	s, ok := l.slots[r.Slot]
	if !ok {
		return
	}
	known := false
	for i := range s.Orders {
		so := &s.Orders[i]
		if so.Request != r.ID {
			continue
		}
		known = true
		if so.OrderID != r.OrderID { // of another attempt the end is not known
			so.OrderID, so.Ended = r.OrderID, so.Ended && !r.State.InFlight()
			l.touchSlot(s)
		}
		if o, ok := l.book.Order(r.OrderID); so.Ended && ok && o.Seen(order.Confirmed).Live() { // given up, and it lives all the same
			so.Ended = false
			l.touchSlot(s)
		}
	}
	if !known { // given up after its absence was proved, and it turned up all the same: the slot looks after it
		slice := 0
		for _, so := range s.Orders {
			slice = max(slice, so.Slice+1)
		}
		s.Orders = append(s.Orders, slotOrder{Slice: slice, Request: r.ID, OrderID: r.OrderID, Sent: r.Call.Params})
		l.touchSlot(s)
	}
}

// takeOutcome learns what the broker answered to a request that was sent.
func (l *Lane) takeOutcome(out *Outcome) {
	r, ok := l.requests[out.RequestID]
	if !ok || r.State != actions.Running && r.State != actions.Unknown || out.Attempt != 0 && out.Attempt != r.Attempts {
		return
	}
	r.Ended, r.Absent, r.AbsentLate = l.meta.Now, 0, 0
	if out.Err == nil {
		r.Error = nil
		l.forget("address")
		if out.OrderID != "" {
			r.OrderID = out.OrderID
		}
		if r.Call.Method.GTT() {
			l.gttTaken(r)
			l.sent(r)
			return
		}
		l.set(r, actions.Accepted, "")
		l.noteOrderID(r)
		if o, ok := l.book.Order(r.OrderID); ok {
			l.tie(o)
		}
		l.sent(r)
		return
	}
	r.Error = out.Err
	switch class := out.Err.Class; {
	case class == actions.ClassAmbiguous:
		l.set(r, actions.Unknown, "")
	case class.Waits():
		l.postpone(r, class)
	case r.Call.Method.GTT():
		l.gttRefused(r, out.Err)
	case class == actions.ClassProcessing, class == actions.ClassNotFound && r.Call.Method != actions.Place:
		l.reread(r)
	default:
		l.fail(r, out.Err)
	}
}

// sent remembers the values that the order now shall have.
func (l *Lane) sent(r *actions.Request) {
	s, ok := l.slots[r.Slot]
	if !ok {
		return
	}
	if so := s.orderOf(r); so != nil && r.Call.Method != actions.Cancel && (r.Call.Method == actions.Modify || so.Mods == 0) { // a late answer to the placement
		so.Sent = r.Call.Params
		l.touchSlot(s)
	}
}

// postpone puts a request back that certainly did not leave or was not let in.
func (l *Lane) postpone(r *actions.Request, class actions.Class) {
	why, wait := actions.WhyBroker, time.Second
	l.uncount(r)
	switch class {
	case actions.ClassSession:
		why, wait = actions.WhySession, 0
		l.sessionDied(r.Error.Message)
	case actions.ClassAddress:
		why, wait = actions.WhyAddress, addressWait
		l.say("address", l.addressText(r), sayAgain) // at once: nothing gets through from here
	case actions.ClassBusy, actions.ClassMinuteCap:
		why, wait = actions.WhyPace, time.Second
		if class == actions.ClassMinuteCap {
			wait = 5 * time.Second
		}
	case actions.ClassDown: // never made: tried again at once, then slower
		wait = time.Duration(min(r.Attempts-1, 10)) * 500 * time.Millisecond
	}
	r.NotUntil = l.meta.Now.Add(wait)
	l.set(r, actions.Waiting, why)
}

// reread ends a modify or cancel that met an order under way: what it wants is derived again from a reading.
func (l *Lane) reread(r *actions.Request) {
	if s, ok := l.slots[r.Slot]; ok {
		l.set(r, actions.Skipped, "being processed")
		s.Reread = l.meta.Now
		l.touchSlot(s)
		return
	}
	o, ok := l.book.Order(r.Call.OrderID)
	switch {
	case ok && o.Seen(order.Confirmed).Terminal():
		l.set(r, actions.Skipped, actions.WhyFinished)
	case ok && r.Attempts < 5:
		r.NotUntil = l.meta.Now.Add(time.Second)
		l.set(r, actions.Waiting, actions.WhySettle) // a cancel of its own: a reading decides
		l.readNow = true
	default:
		l.fail(r, r.Error)
	}
}

// settleUnknown looks for what is unknown in a good reading. A placement is absent only after three of them,
// the last one long enough after the send, each whole.
func (l *Lane) settleUnknown(read *Read, whole bool) {
	for _, id := range l.openRequests() {
		r := l.requests[id]
		if r.State != actions.Unknown {
			continue
		}
		after := read.Began.After(r.Ended)
		if r.Call.Method != actions.Place {
			if after {
				l.settleChange(r)
			}
			continue
		}
		o, lives := l.underTag(r)
		switch {
		case o != nil && !lives && r.Why == actions.WhyRetry:
			l.newGeneration(r)
			continue
		case o != nil && !l.earlierAttempt(r, o): // it is there, whenever the reading began
			l.becomes(r, o)
			continue
		}
		if !whole || !after {
			continue
		}
		r.Absent++
		if read.Began.Sub(r.Ended) >= absentLate {
			r.AbsentLate++
		}
		l.touch(r)
		if r.Absent >= absentReads && r.AbsentLate >= 2 && read.Began.Sub(r.Ended) >= absentFor {
			switch {
			case r.Why == actions.WhyRetry:
				l.newGeneration(r)
			case o != nil:
				l.becomes(r, o)
			default:
				l.set(r, actions.Waiting, actions.WhySettle)
			}
		}
	}
}

// becomes takes an order under a placement's tag for what became of it.
func (l *Lane) becomes(r *actions.Request, o *order.Order) {
	r.OrderID = o.ID
	l.set(r, actions.Accepted, "")
	l.noteOrderID(r)
	l.tie(o)
	l.sent(r)
}

// earlierAttempt says whether an order that ended with nothing filled is what became of an earlier attempt, so that of the last
// one nothing is known: it may live. Absence is proved long after an attempt, which the broker's clock tells apart.
func (l *Lane) earlierAttempt(r *actions.Request, o *order.Order) bool {
	return r.Attempts > 1 && endedEmpty(o) && o.Seen(order.Confirmed).Placed.Before(r.Sent.Add(-absentFor/2))
}

// settleChange settles an unknown modify or cancel by its order's row: done, or the same absolute one again.
func (l *Lane) settleChange(r *actions.Request) {
	o, ok := l.book.Order(r.Call.OrderID)
	if !ok {
		return
	}
	if row := o.Seen(order.Confirmed); row.Terminal() || r.Call.Method == actions.Modify && l.shows(r, o) {
		l.set(r, actions.Accepted, "")
		l.sent(r)
		return
	}
	l.set(r, actions.Waiting, actions.WhySettle)
}

// shows says whether an order's row has the values of a modify. A protected MARKET becomes a LIMIT in the book
// (docs/kite.md 3.7), so of it only the type can be seen.
func (l *Lane) shows(r *actions.Request, o *order.Order) bool {
	row, want := &o.Seen(order.Confirmed).Row, r.Call.Params
	if row.Quantity != want.Quantity {
		return false
	}
	if want.OrderType == "MARKET" {
		return row.OrderType == "MARKET" || row.OrderType == "LIMIT" && l.meta.LastGood.After(r.Ended)
	}
	return row.Price == want.Price && row.TriggerPrice == want.TriggerPrice
}

// observeRequests moves what was accepted to done, failed or again, by what the book and pushes show.
func (l *Lane) observeRequests() {
	for _, id := range l.openRequests() {
		switch r := l.requests[id]; {
		case r.Call.Method == actions.Place && (r.State == actions.Running || r.State == actions.Unknown):
			l.observeUnanswered(r)
		case r.State != actions.Accepted:
		case r.Call.Method == actions.Place:
			l.observePlaced(r)
		default:
			l.observeChange(r)
		}
	}
}

// observeUnanswered: a rejection that is seen before the answer to its placement is the answer, and what comes later changes
// nothing. Without it the slot would find its order ended and place the next one, as often as the broker rejects it.
func (l *Lane) observeUnanswered(r *actions.Request) {
	o, _ := l.underTag(r)
	if o == nil || o.Seen(order.Confirmed).Row.Status != order.StatusRejected || r.Why == actions.WhyRetry || l.earlierAttempt(r, o) {
		return
	}
	if r.State == actions.Running {
		r.Ended = l.meta.Now
	}
	l.observePlaced(r)
}

func (l *Lane) observePlaced(r *actions.Request) {
	o, ok := l.book.Order(r.OrderID)
	if !ok {
		if o, _ = l.underTag(r); o == nil || l.earlierAttempt(r, o) {
			return
		}
	}
	l.tie(o)
	s, k := o.Seen(order.Claimed), o.Seen(order.Confirmed)
	switch {
	case k.Row.Status == order.StatusRejected:
		class, hint := l.reason(&k.Row)
		l.fail(r, &actions.Error{Class: actions.Class(class), Op: "place", Message: k.Row.StatusMessage, Hint: hint})
	case s.Row.Status == order.StatusRejected: // by a postback alone: what answers a failure moves money, so the book is waited for
	case s.Row.Status != order.StatusNone || s.Row.FilledQuantity > 0, r.Call.Variety == "amo" && o.Seen(order.Confirmed).Known: // one that waits for the exchange to open
		l.set(r, actions.Done, "")
		if slot, ok := l.slots[r.Slot]; ok && slot.First {
			slot.First = false
			l.touchSlot(slot)
		}
	}
}

func (l *Lane) observeChange(r *actions.Request) {
	o, ok := l.book.Order(r.Call.OrderID)
	if !ok {
		return
	}
	seen := o.Seen(order.Confirmed)
	late := l.meta.LastGood.Sub(r.Ended) >= takenFor
	switch {
	case seen.Terminal(), r.Call.Method == actions.Modify && l.shows(r, o):
		l.set(r, actions.Done, "")
	case !late:
	case r.Call.Method == actions.Cancel && r.Attempts < 5:
		l.set(r, actions.Waiting, actions.WhySettle)
	default:
		l.fail(r, &actions.Error{Class: actions.ClassRefused, Op: string(r.Call.Method),
			Message: "accepted, but the order did not change", Hint: "look at the order in Kite"})
	}
}

// fail ends a request for good: the slot remembers what was refused, and the action that asked for it answers.
func (l *Lane) fail(r *actions.Request, e *actions.Error) {
	r.Error = e
	l.set(r, actions.Failed, "")
	if s, ok := l.slots[r.Slot]; ok {
		l.refused(s, r, e)
		return
	}
	if l.learnFreeze(r, e) && l.sliceAgain(r) {
		return
	}
	if a, ok := l.actions[r.ActionID]; ok && !a.State.Final() {
		l.failAction(a, e)
		return
	}
	l.tellFailed(nil, r, e)
}

// refute takes back what a postback claimed and the book did not show in time.
func (l *Lane) refute(read *Read) {
	cutoff := l.meta.Now.Add(-2 * refuteAfter)
	l.goodReads = slices.DeleteFunc(l.goodReads, func(t time.Time) bool { return t.Before(cutoff) })
	for _, id := range sortedKeys(l.ahead) {
		o, ok := l.book.Order(id)
		if !ok || o.Claimed.IsZero() || read.Began.Before(o.Claimed.Add(refuteAfter)) {
			continue
		}
		if l.goodSince(o.Claimed) < absentReads {
			continue
		}
		row := *o.Row()
		if !o.Refute() {
			continue
		}
		l.touchKey(row.Key())
		l.touchKey(o.Key())
		delete(l.ahead, o.ID)
		l.dirty.orders[o.ID] = true
		l.refuteRuns(o.ID, row.Key())
		l.emit(order.Event{ID: actions.ID("event", l.o.Account, o.ID, "refuted", fmt.Sprint(len(o.Refuted))), Kind: order.KindRefuted,
			OrderID: o.ID, Key: row.Key(), Status: row.Status, Filled: row.FilledQuantity,
			Message: fmt.Sprintf("a postback said %s, filled %d; the order book does not show it", cmp.Or(row.RawStatus, "nothing of its status"), row.FilledQuantity)})
		if k := o.Seen(order.Confirmed); k.Known { // what is true of it is told anew
			seen := k.Row
			seen.Source = order.SourceBook
			l.tellOrder(o, &seen)
		}
	}
}

// goodSince counts the good readings that began since a moment.
func (l *Lane) goodSince(at time.Time) int {
	n := 0
	for _, t := range l.goodReads {
		if !t.Before(at) {
			n++
		}
	}
	return n
}

// claim is an order whose claim began at a moment.
type claim struct {
	at      time.Time
	orderID string
}

// refuteDue is when the book is to be read next to refute a claim, zero where none waits for that: thirty seconds after it, then
// until there are enough good readings. Those that an earlier process made are not known any more.
func (l *Lane) refuteDue() time.Time {
	over := func(c claim) bool {
		o, ok := l.book.Order(c.orderID)
		return !ok || !l.ahead[c.orderID] || !o.Claimed.Equal(c.at)
	}
	for len(l.claims) > 0 && over(l.claims[0]) {
		l.claims = l.claims[1:]
	}
	for _, c := range l.claims {
		at := c.at.Add(refuteAfter)
		switch {
		case over(c):
		case l.readBegan.Before(at):
			return at
		case l.meta.LastGood.Before(at) || l.goodSince(c.at) < absentReads:
			return l.readBegan.Add(readGap)
		}
	}
	return time.Time{}
}

// refuteRuns ends what waits for a claim that turned out wrong.
func (l *Lane) refuteRuns(orderID string, key order.Key) {
	l.unkeepEvents(orderID)
	for _, id := range sortedKeys(l.slots) {
		s := l.slots[id]
		if s.Wish == nil {
			continue
		}
		s.Wish = s.Wish.without(func(w *wish) bool { return w.Stands.OrderID == orderID && !l.stands(w.Stands) })
		l.touchSlot(s)
		if s.Wish != nil {
			continue
		}
		if !s.Active && len(s.Orders) == 0 && s.GTT == nil { // opened for what never was
			delete(l.slots, id)
			delete(l.gtts, id)
			delete(l.lapsing, id)
			delete(l.awake, id)
			l.byPlace[s.Key] = slices.DeleteFunc(l.byPlace[s.Key], func(x string) bool { return x == id })
		}
	}
	for _, id := range sortedKeys(l.runs) {
		run := l.runs[id]
		e := &run.Event
		if e.Kind == order.KindFlat && e.Key == key {
			if g := l.group(order.Claimed, e.Key, e.Group); g != nil && g.Open() == 0 {
				continue // flat all the same
			}
		} else if e.OrderID != orderID || l.stands(actions.Standing{OrderID: e.OrderID, Status: e.Status, Filled: e.Filled}) {
			continue // what the book shows stays true
		}
		for _, id := range run.underWay() {
			a, ok := l.actions[id]
			if !ok || a.State.Final() || a.Message != nil {
				continue
			}
			for _, rid := range a.Requests {
				if r := l.requests[rid]; r != nil && r.State == actions.Waiting {
					l.set(r, actions.Skipped, actions.WhyRefuted)
				}
			}
			l.setAction(a, actions.Skipped, actions.WhyRefuted)
			if l.errands[id] != nil { // not handed over: what it stands on was confirmed then
				l.endErrand(id)
			}
		}
		for _, key := range run.Fired { // once and cooldown count what happened
			delete(l.fired, key)
			l.dirty.fired[key] = true
		}
		l.endRun(run)
	}
}
