package lane

import (
	"time"

	"backstop/engine/order"
)

// Who told what first, and what pushes did not tell. A push may trail the book by a moment and has still come.

// News is something of an order that its events told: by which source first, and how long after the broker's own time.
type News struct {
	Source order.Source
	Late   time.Duration // 0 where the broker tells no time
}

// unheard is what the book told of an order and no push did yet.
type unheard struct {
	since time.Time
	news  int
	late  time.Duration
	ended bool
}

// heardLate is how long a push may trail what told it first before it counts as missed.
const heardLate = 10 * time.Second

// pushed says whether Kite pushes an event of this kind: not that a fresh order is open or waits for its trigger
// (docs/kite.md 1.3).
func pushed(k order.Kind) bool {
	switch k {
	case order.KindTriggered, order.KindModified, order.KindPartialFill, order.KindFill, order.KindRejected, order.KindCancelled, order.KindExpired:
		return true
	}
	return false
}

// noteNews remembers who told first, and what pushes have still to tell.
func (l *Lane) noteNews(o *order.Order, u *order.Update, events []order.Event) {
	news := 0
	for i := range events {
		if pushed(events[i].Kind) {
			news++
		}
	}
	if news == 0 || !l.armed {
		return
	}
	late := l.lateness(u)
	for range news {
		l.batch.News = append(l.batch.News, News{u.Source, late})
	}
	ended := o.Seen(order.Claimed).Terminal()
	switch {
	case u.Source == order.SourceBook && (o.Pushed || o.Link != nil):
		h := l.unheard[o.ID]
		l.unheard[o.ID] = unheard{l.meta.Now, h.news + news, max(h.late, late), ended}
	case u.Source == order.SourceStream && o.Link != nil && ended && l.posted:
		l.unposted[o.ID] = l.meta.Now
	}
}

// noteHeard takes a push as come.
func (l *Lane) noteHeard(u *order.Update) {
	switch u.Source {
	case order.SourcePostback:
		l.posted = true
		delete(l.unposted, u.OrderID)
		delete(l.unheard, u.OrderID)
	case order.SourceStream:
		delete(l.unheard, u.OrderID)
	}
}

// lateness is how long after the broker's own time an update was told. That time has seconds.
func (l *Lane) lateness(u *order.Update) time.Duration {
	at := u.ExchangeUpdateTimestamp
	if at.IsZero() {
		at = u.OrderTimestamp
	}
	if at.IsZero() {
		return 0
	}
	return max(0, l.meta.Now.Sub(at))
}

// observeUnheard counts what no push told, some time after the book or the stream did, and tells the orders that ended so.
// Many are one message.
func (l *Lane) observeUnheard() {
	for _, id := range sortedKeys(l.unposted) {
		if l.meta.Now.Sub(l.unposted[id]) >= heardLate {
			delete(l.unposted, id)
			l.meta.Missed.ByStream++
			l.dirty.meta = true
		}
	}
	for _, id := range sortedKeys(l.unheard) {
		h := l.unheard[id]
		if l.meta.Now.Sub(h.since) < heardLate {
			continue
		}
		delete(l.unheard, id)
		m := &l.meta.Missed
		m.Updates, m.Longest = m.Updates+h.news, max(m.Longest, h.late)
		l.dirty.meta = true
		if o, ok := l.book.Order(id); ok && h.ended {
			m.Orders++
			l.say("missed", l.missedText(o, h.late), sayAgain)
		}
	}
}
