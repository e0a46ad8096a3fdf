package lane

import (
	"time"

	"backstop/actions"
	"backstop/engine/order"
)

// staleAfter is how long an open order may be without news before rules hear that it is stale.
const staleAfter = 5 * time.Minute

// observeStale tells orders that stand open at a trading exchange and of which nothing new came for long, once for each
// piece of news. A stop that waits for its trigger is as it should be.
func (l *Lane) observeStale() {
	if l.o.Rules == nil || !l.armed || !l.o.Rules.Listens(order.KindStale) {
		return
	}
	next := l.meta.Now.Add(staleAfter) // what opens from now on is looked at in time
	for _, o := range l.book.Orders() {
		row := o.Row()
		if row.Status != order.StatusOpen || !l.o.Hours.IsOpen(row.Exchange, l.meta.Now) {
			continue
		}
		news := row.ExchangeUpdateTimestamp
		if news.IsZero() {
			news = o.FirstSeen
		}
		cause := "stale " + o.ID + " " + news.UTC().Format(time.RFC3339Nano)
		_, known := l.told[cause]
		switch due := news.Add(staleAfter); {
		case known:
		case l.meta.Now.Before(due):
			next = earlier(next, due)
		default:
			l.told[cause] = &told{Since: l.meta.Now, Event: true}
			l.dirty.told[cause] = true
			h := l.book.Holding(order.Claimed, o.Key())
			l.emit(order.Event{ID: actions.ID("event", l.o.Account, o.ID, "stale", news.UTC().Format(time.RFC3339Nano)), Kind: order.KindStale, OrderID: o.ID,
				Key: o.Key(), Group: h.GroupOf(o.ID), Role: h.Role(o.ID), Status: row.Status, Filled: row.FilledQuantity})
		}
	}
	l.staleAt = next
}
