package paper

import (
	"net/http"
	"net/url"
	"slices"
	"time"
)

// queue keeps an AMO until the morning; nobody is told (docs/kite.md 1.3).
func (x *Exchange) queue(o *order) {
	x.enterState(o, statusAMO)
	o.releaseAt = x.releaseOf(o)
	x.timed = append(x.timed, o)
}

// releaseOf is when a queued order goes to the exchange (docs/kite.md 6.2): at 9:00 at
// MCX, in currencies and as a plain equity order; at 9:15 in F&O and as an
// equity stop, IOC or disclosed one. The first such morning on which the
// market opens, within a month; the next one where nobody knows.
func (x *Exchange) releaseOf(o *order) time.Time {
	now := x.now.In(ist)
	minute := 0
	equity := o.listing.Segment == "NSE" || o.listing.Segment == "BSE"
	switch o.Exchange {
	case "NFO", "BFO":
		minute = 15
	default:
		if equity && (o.OrderType == "SL" || o.OrderType == "SL-M" || o.Validity == "IOC" || o.DisclosedQuantity > 0) {
			minute = 15
		}
	}
	at := func(day int) time.Time {
		return time.Date(now.Year(), now.Month(), now.Day()+day, 9, minute, 0, 0, ist)
	}
	first := 0
	if !at(0).After(now) {
		first = 1
	}
	for day := first; day < 30; day++ {
		opens := at(day).Add(16 * time.Minute) // equity opens after its release
		if x.opts.Open == nil || x.opts.Open(o.Exchange, opens) {
			return at(day)
		}
	}
	return at(first)
}

// ReleaseAMOs sends all queued orders to the exchange now.
func (x *Exchange) ReleaseAMOs() (released int) {
	x.enter()
	defer x.leave()
	for _, o := range slices.Clone(x.timed) {
		if o.queued {
			x.release(o)
			released++
		}
	}
	return released
}

// release is the morning of an AMO: from then on it lives as any order does,
// though its variety stays amo. It is judged again, fully.
func (x *Exchange) release(o *order) {
	x.forgetTimed(o)
	o.queued, o.placed = false, x.now
	o.account.watched = addListing(o.account.watched, o.listing)
	o.OrderTimestamp = stamp(x.now)
	message, raw, e := "", "", x.check(o.listing, o.buy(), o.terms(), false)
	if e == nil {
		x.take(o, o.terms()) // a MARKET order becomes what it is today
		message, raw, e = x.judge(o)
	}
	if e != nil {
		message, raw = e.Message, e.Message
	}
	x.submit(o, message, raw)
}

// modifyQueued changes an AMO that waits.
func (x *Exchange) modifyQueued(o *order, params url.Values) *APIError {
	t, e := o.terms().read(params)
	if e == nil {
		e = t.complete()
	}
	if e == nil {
		e = x.check(o.listing, o.buy(), t, false)
	}
	if e != nil {
		return e
	}
	o.modifications++
	o.OrderTimestamp = stamp(x.now)
	x.take(o, t)
	o.Modified, o.PendingQuantity = true, o.Quantity
	x.enterState(o, statusAMOModified)
	o.releaseAt = x.releaseOf(o)
	return nil
}

// cancelQueued ends an AMO that waits; nobody is told of that either.
func (x *Exchange) cancelQueued(o *order) {
	o.OrderTimestamp = stamp(x.now)
	o.CancelledQuantity = o.PendingQuantity
	x.forgetTimed(o)
	o.queued = false
	x.enterState(o, statusAMOCancelled)
}

// named holds the variety in a request's path against the order's. An AMO
// that has opened is called regular, though the book says amo; called amo, the
// request times out (docs/kite.md 6.2).
func (o *order) named(variety string) *APIError {
	if o.Variety == "amo" && !o.queued && !o.done() {
		switch variety {
		case "regular":
			return nil
		case "amo":
			return refuse(http.StatusGatewayTimeout, classNetwork, textTimedOut, o.GUID)
		}
		return unknownOrder()
	}
	if o.Variety != variety {
		return unknownOrder()
	}
	return nil
}
