package paper

import (
	"net/http"
	"net/url"
	"time"
)

// Modify changes a live order with the parameters of PUT
// /orders/:variety/:order_id (docs/kite.md 3.2); what is absent stays.
// quantity is the new total, fills included (docs/kite.md 3.2 leaves it open; so modelled).
func (x *Exchange) Modify(user, variety, orderID string, params url.Values) (string, *APIError) {
	x.enter()
	defer x.leave()
	o, e := x.findOrder(user, orderID)
	if e != nil {
		return "", e
	}
	if e := o.named(variety); e != nil {
		return "", e
	}
	if e := x.modify(o, params); e != nil {
		return "", e
	}
	return orderID, nil
}

// ModifyByHand is Modify from the phone or the web.
func (x *Exchange) ModifyByHand(orderID string, params url.Values) *APIError {
	x.enter()
	defer x.leave()
	o, e := x.findOrder("", orderID)
	if e != nil {
		return e
	}
	if v := params.Get("order_type"); v == "MARKET" || v == "SL-M" {
		params = protectedByHand(params)
	}
	return x.modify(o, params)
}

func (x *Exchange) modify(o *order, params url.Values) *APIError {
	if o.done() || !o.opensAt.IsZero() {
		return inputError(textModifyProcessed)
	}
	if o.modifications >= modificationsMax {
		// Looks as if it could be tried again, and never can (docs/kite.md 3.9).
		return refuse(http.StatusTooManyRequests, classNetwork, textModificationCap)
	}
	if o.queued {
		return x.modifyQueued(o, params)
	}
	was := o.terms()
	if o.OrderType != "SL-M" {
		was.protection = 0 // a change to MARKET brings its own (docs/kite.md 3.2)
	}
	t, e := was.read(params)
	if e != nil {
		return e
	}
	if e := t.complete(); e != nil {
		return e
	}
	if o.OrderType == "LIMIT" && (t.orderType == "SL" || t.orderType == "SL-M") {
		return inputError(textTypeChangeOwn, t.orderType)
	}
	if t.quantity < o.FilledQuantity {
		return inputError(textBelowFilledOwn, o.FilledQuantity)
	}
	if e := x.check(o.listing, o.buy(), t, o.triggered); e != nil {
		return e
	}
	if t.orderType == "MARKET" && o.listing.ltp == 0 {
		return orderError(textNotTraded)
	}
	// Money is asked for the order as it would become.
	next := *o
	x.take(&next, t)
	if next.Quantity > o.Quantity || next.Price > o.Price {
		if e, _ := x.checkMoney(&next); e != nil {
			return e
		}
	}

	if o.stopAt > 0 && t.trigger > 0 {
		o.stopAt = t.trigger // of the stop that follows
	}
	o.modifications++
	o.OrderTimestamp = stamp(x.now) // it is no placement time (docs/kite.md 1.5)
	x.enterState(o, statusModifyValidation)
	x.enterState(o, statusModifyPending)
	o.ExchangeTimestamp, o.ExchangeUpdateTimestamp = stamp(x.now), stamp(x.now)
	x.enterState(o, statusModified)
	x.take(o, t)
	o.Modified = true
	o.PendingQuantity = o.Quantity - o.FilledQuantity
	if t.validity == "TTL" && params.Get("validity_ttl") != "" {
		x.forgetTimed(o)
		o.expires = x.now.Add(time.Duration(t.ttl) * time.Minute)
		x.timed = append(x.timed, o)
	}
	waits := (o.OrderType == "SL" || o.OrderType == "SL-M") && !o.triggered
	if waits {
		x.enterState(o, statusTriggerPending)
	} else {
		x.enterState(o, statusOpen)
	}
	x.push(o, statusUpdate, true)
	switch {
	case o.PendingQuantity == 0:
		x.close(o, statusComplete, "", "")
	case !waits:
		x.match(o, true)
	}
	return nil
}

// Cancel cancels a live order, as DELETE /orders/:variety/:order_id does. A
// finished one is answered "being processed" (docs/kite.md 3.12).
func (x *Exchange) Cancel(user, variety, orderID string) (string, *APIError) {
	return x.CancelLeg(user, variety, orderID, "")
}

// CancelLeg is Cancel with parent_order_id, which the second leg of a cover
// order must have: its cancel is the position's exit.
func (x *Exchange) CancelLeg(user, variety, orderID, parentOrderID string) (string, *APIError) {
	x.enter()
	defer x.leave()
	o, e := x.findOrder(user, orderID)
	if e != nil {
		return "", e
	}
	if o.ParentOrderID != "" && string(o.ParentOrderID) != parentOrderID {
		return "", missing("parent_order_id")
	}
	if e := o.named(variety); e != nil {
		return "", e
	}
	if e := x.cancel(o); e != nil {
		return "", e
	}
	return orderID, nil
}

// CancelByHand is Cancel from the phone or the web.
func (x *Exchange) CancelByHand(orderID string) *APIError {
	x.enter()
	defer x.leave()
	o, e := x.findOrder("", orderID)
	if e != nil {
		return e
	}
	return x.cancel(o)
}

func (x *Exchange) cancel(o *order) *APIError {
	if o.done() || !o.opensAt.IsZero() {
		return inputError(textCancelProcessed)
	}
	switch {
	case o.queued:
		x.cancelQueued(o)
		return nil
	case o.ParentOrderID != "":
		return x.exitCover(o)
	}
	o.OrderTimestamp = stamp(x.now)
	x.enterState(o, statusCancelPending)
	x.close(o, statusCancelled, "", "") // no text on a user's cancel (docs/kite.md 1.5)
	return nil
}

// Reject ends a live order REJECTED with that text, as the exchange may do
// after it was accepted.
func (x *Exchange) Reject(orderID, text string) *APIError {
	return x.endFromOutside(orderID, statusRejected, text)
}

// ExchangeCancel ends a live order CANCELLED with that status_message, as
// limit price protection does (docs/kite.md 3.8).
func (x *Exchange) ExchangeCancel(orderID, text string) *APIError {
	return x.endFromOutside(orderID, statusCancelled, text)
}

func (x *Exchange) endFromOutside(orderID, status, text string) *APIError {
	x.enter()
	defer x.leave()
	o, e := x.findOrder("", orderID)
	if e != nil {
		return e
	}
	if o.done() {
		return inputError(textCancelProcessed)
	}
	x.close(o, status, text, text)
	return nil
}
