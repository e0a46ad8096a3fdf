package lane

import (
	"slices"
	"strings"
	"time"

	"backstop/actions"
	"backstop/engine/journal"
	"backstop/engine/order"
)

// takeRead folds an order book: each difference is an update, and what it holds or lacks settles requests.
func (l *Lane) takeRead(r *Read) {
	l.reading = false
	began := r.Began.UTC().Round(0)
	doc := ReadDoc{Began: began, Ended: r.Ended.UTC().Round(0), Rows: len(r.Rows), Unreadable: r.Unreadable}
	if r.Err != nil {
		doc.Error = r.Err.Error()
		l.journalJSON(journal.InputRead, doc)
		l.failures++
		l.noteError(r.Err)
		l.readNow = !l.meta.Dead && l.failures < readRetries // whoever asked for it wants it all the same
		return
	}
	if order.DayOf(r.Began) != l.meta.Day {
		l.readNow = true // begun before midnight: yesterday's book
		return
	}
	l.failures = 0
	l.sessionLives()
	rows := slices.Clone(r.Rows)
	slices.SortFunc(rows, func(a, b order.Update) int { return strings.Compare(a.OrderID, b.OrderID) })
	arming := !l.armed && l.newBaseline()
	held, folded := map[string]bool{}, map[string]bool{}
	for i := range rows {
		u := &rows[i]
		held[u.OrderID] = true
		if l.seenBefore(u) {
			continue
		}
		folded[u.OrderID] = true
		u.Began, u.Received, u.Source = began, l.meta.Now, order.SourceBook
		_, known := l.book.Order(u.OrderID)
		ignored := l.fold(u, arming && !known && !l.o.Adopt && !u.OrderTimestamp.After(r.Began))
		l.journalUpdate(u, ignored)
	}
	if r.Kept != nil { // of a replay: rows that did not change are not among its rows
		doc = *r.Kept
	}
	doc.Missing, doc.Other = nil, nil
	for _, o := range l.book.Orders() {
		if r.Kept != nil && !folded[o.ID] {
			held[o.ID] = !o.Assumed && !slices.Contains(r.Kept.Missing, o.ID) && !slices.Contains(r.Kept.Other, o.ID)
		}
		switch {
		case !held[o.ID] && o.Assumed: // planned in a dry run: no book has it
		case !held[o.ID] && o.FirstSeen.Before(r.Began) && (o.Ahead() || o.Seen(order.Confirmed).Known):
			doc.Missing = append(doc.Missing, o.ID)
		case !held[o.ID]:
			doc.Other = append(doc.Other, o.ID)
		case !folded[o.ID]:
			l.unchanged(o)
		}
	}
	l.readSuspects(began)
	l.meta.LastGood = began
	l.goodReads = append(l.goodReads, began)
	l.journalJSON(journal.InputRead, doc)
	l.wholeAgain(doc.Missing)
	l.settleUnknown(r, (doc.Rows > 0 || l.firstOfDay()) && len(doc.Missing) == 0 && doc.Unreadable == 0)
	l.refute(r)
	l.arm(arming)
}

// firstOfDay says whether no order of today is known yet: then an empty book is what is to be expected, and what was lost
// is the day's first order, such as the stop of what was carried in.
func (l *Lane) firstOfDay() bool {
	return !slices.ContainsFunc(l.book.Orders(), func(o *order.Order) bool { return !o.Assumed })
}

// wholeAgain asks for another reading where one lacked orders that the broker's own channels have shown: it may lack
// others too, and whoever asked for it wants the whole book.
func (l *Lane) wholeAgain(missing []string) {
	for _, id := range missing {
		if o, ok := l.book.Order(id); ok && o.Seen(order.Confirmed).Known {
			l.partial++
			l.readNow = l.partial <= readRetries
			if l.partUntil = (time.Time{}); l.partial == 1 {
				l.partUntil = l.meta.Now.Add(partFor)
			}
			return
		}
	}
	l.partial, l.partUntil = 0, time.Time{}
}

// partFor is how long at most nothing is placed after a reading that lacked orders, where the next one does not come.
const partFor = 2 * time.Second

// partBook says whether the last reading lacked orders and another is on its way: an order that a person placed meanwhile may be
// among them, and what looks open be none. A second one that lacks some is acted on: rather a stop too much than none.
func (l *Lane) partBook() bool { return l.meta.Now.Before(l.partUntil) }

// newBaseline says whether the orders in the book are folded without events: at the first arming of an
// account and when dry-run ends.
func (l *Lane) newBaseline() bool {
	return l.meta.ArmedMode == "" || l.meta.ArmedMode == DryRun && l.o.Mode != DryRun
}

// arm begins to act once book and overnight quantities are known.
func (l *Lane) arm(baseline bool) {
	l.listing = l.listing || baseline
	if l.armed || !l.book.OvernightKnown() {
		if baseline {
			l.meta.ArmedMode = l.o.Mode
		}
		return
	}
	l.armed, l.checked = true, l.meta.Now
	l.markFlat()
	l.lookEverywhere()
	if baseline || l.meta.ArmedMode != l.o.Mode {
		l.meta.ArmedMode = l.o.Mode
	}
	if v := l.o.Venue; l.o.Mode == Live && v != "" && !slices.Contains(l.meta.LiveAt, v) {
		l.meta.LiveAt = append(l.meta.LiveAt, v)
	}
	l.dirty.meta = true
	if l.listing {
		l.listing = false
		l.tellBaseline()
	}
	if !l.startTold && l.o.Rules != nil && l.o.Rules.Listens(order.KindStarted) {
		l.startTold = true
		l.emit(order.Event{ID: actions.ID("event", l.o.Account, "started", l.started.UTC().Format(time.RFC3339Nano)), Kind: order.KindStarted})
	}
}
