package lane

import (
	"time"

	"backstop/actions"
	"backstop/engine/order"
)

// refuses is what the broker says to a request where it is not to be taken as placed; nil takes it.
func (l *Lane) refuses(r *actions.Request) *actions.Error {
	if !l.o.Assume || l.o.Refuse == nil {
		return nil
	}
	return l.o.Refuse(r)
}

// assume lets a planned request take effect at once: a dry run goes on as if the broker had taken it.
func (l *Lane) assume(r *actions.Request) {
	defer l.storyRequest(r)
	if r.Call.Method.GTT() {
		r.OrderID, r.Ended = actions.PlannedOrderID(r.ID), l.meta.Now
		l.gttTaken(r)
		l.set(r, actions.Planned, r.Why)
		return
	}
	u := order.Update{Account: l.o.Account, Source: order.SourceReplay, Received: l.meta.Now}
	p := r.Call.Params
	switch r.Call.Method {
	case actions.Place:
		r.OrderID = actions.PlannedOrderID(r.ID)
		u.OrderID, u.Variety, u.Exchange, u.Tradingsymbol = r.OrderID, r.Call.Variety, p.Exchange, p.Tradingsymbol
		u.TransactionType, u.Product, u.Tag = p.TransactionType, p.Product, p.Tag
	default:
		o, ok := l.book.Order(r.Call.OrderID)
		if !ok {
			return
		}
		u = *o.Row()
		u.Source = order.SourceReplay
	}
	if r.Call.Method == actions.Cancel {
		u.Status = order.StatusCancelled
	} else {
		u.OrderType, u.Quantity, u.Price, u.TriggerPrice, u.Validity = p.OrderType, p.Quantity, p.Price, p.TriggerPrice, p.Validity
		if r.Call.Method == actions.Place {
			u.ValidityTTL, u.DisclosedQuantity = p.ValidityTTL, p.Disclosed
		}
		u.Status = order.StatusOpen
		if p.OrderType == "SL" || p.OrderType == "SL-M" {
			u.Status = order.StatusTriggerPending
		}
	}
	u.RawStatus = string(u.Status)
	u.ExchangeUpdateTimestamp, u.OrderTimestamp = l.assumedTime(r), l.meta.Now
	u.Raw = encode(r)
	l.book.Fold(&u, l.meta.Now)
	o, _ := l.book.Order(u.OrderID)
	if r.Call.Method == actions.Place {
		o.Assumed = true
	}
	l.tie(o)
	l.noteOrderID(r)
	l.sent(r)
	told := o.Told
	l.book.Tell(o, false, l.meta.Now) // what is only assumed is no event
	if _, waits := l.untold[o.ID]; l.o.Assume && r.Call.Method != actions.Place && !waits {
		l.untold[o.ID] = told
	}
	l.dirty.orders[o.ID] = true
	l.foldedKey(o.Key())
}

// untell makes an assumed change or cancel untold again where an update shows it, so that it is told now. It says whether
// it did.
func (l *Lane) untell(o *order.Order, u *order.Update) bool {
	told, waits := l.untold[o.ID]
	row := o.Row()
	if row.Status == order.StatusCancelled {
		waits = waits && u.Status == order.StatusCancelled
	} else {
		waits = waits && u.Price == row.Price && u.TriggerPrice == row.TriggerPrice && u.Quantity == row.Quantity && u.OrderType == row.OrderType
	}
	if !waits {
		return false
	}
	delete(l.untold, o.ID)
	o.Told.Terminal, o.Told.Values = told.Terminal, told.Values
	return true
}

// assumedTime makes an assumed change later than what it changes.
func (l *Lane) assumedTime(r *actions.Request) time.Time {
	at := l.meta.Now
	if o, ok := l.book.Order(r.Call.OrderID); ok {
		if before := o.Row().ExchangeUpdateTimestamp; !before.Before(at) {
			at = before.Add(time.Microsecond)
		}
	}
	return at
}

// replacePlanned lets a recorded order with a planned order's tag take its place.
func (l *Lane) replacePlanned(u *order.Update) {
	for _, tag := range append([]string{u.Tag}, u.Tags...) {
		if !actions.IsTag(tag) {
			continue
		}
		planned := actions.PlannedOrderID(tag[2:])
		if _, ok := l.book.Order(planned); !ok || u.OrderID == planned {
			continue
		}
		if old, ok := l.book.Order(planned); ok {
			l.touchKey(old.Key())
		}
		l.book.Drop(planned)
		r := l.requests[tag[2:]]
		if r == nil {
			continue
		}
		r.OrderID = u.OrderID
		l.links[u.OrderID] = r.ID
		if s, ok := l.slots[r.Slot]; ok {
			if so := s.byOrder(planned); so != nil {
				so.OrderID = u.OrderID
			}
		}
	}
}
