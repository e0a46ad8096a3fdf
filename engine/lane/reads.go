package lane

import (
	"time"

	"backstop/actions"
	"backstop/engine/order"
)

// When the book is read again for what waits on it, after its cause. A read that shows less proves nothing yet.
var (
	confirmReads  = []time.Duration{0, 500 * time.Millisecond, time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 20 * time.Second, 30 * time.Second}
	acceptedReads = []time.Duration{time.Second, 3 * time.Second, 10 * time.Second, 11 * time.Second}
	unknownReads  = []time.Duration{0, time.Second, 3 * time.Second, 10 * time.Second, 16 * time.Second, 20 * time.Second, 22 * time.Second}
)

// Paces of book readings: at once when the last is over a second old; beyond 20 a minute one in 3 s,
// save for uncovered quantity.
const (
	readGap     = time.Second
	readUrgent  = 200 * time.Millisecond // where a fill is bare until it is confirmed: its first reading only,
	readsAtOnce = 3                      // once so many began within a second; before that it goes at once
	readsMinute = 20
	readSlow    = 3 * time.Second
	readsLater  = 10 * time.Second // what lasts is looked at so often
	readsDead   = 15 * time.Minute // without a session: one that lives again brings a reading at once, and the schedule goes on
	readRetries = 5                // a reading that failed is tried again so often; then it is left to the next schedule
)

// wantReads asks for the readings that are due.
func (l *Lane) wantReads() {
	if l.o.Assume {
		return
	}
	now := l.meta.Now
	if at := l.nextRead(); !at.IsZero() && !now.Before(at) && !l.reading {
		l.reading, l.readNow, l.readBegan = true, false, now
		l.readTimes = append(l.readTimes, now)
		for len(l.readTimes) > readsMinute {
			l.readTimes = l.readTimes[1:]
		}
		l.batch.Reads.Book = true
	}
	if at := l.nextPositions(); !at.IsZero() && !now.Before(at) {
		l.asked["positions"] = now
		l.batch.Reads.Positions, l.batch.Reads.Holdings = true, !l.book.OvernightKnown()
	}
	if at := l.nextGTTs(); !at.IsZero() && !now.Before(at) {
		l.asked["gtts"] = now
		l.batch.Reads.GTTs = true
	}
	for _, id := range l.tradesWanted() {
		if at := l.asked["trades again "+id]; !now.Before(at) {
			l.asked["trades "+id] = now
			l.batch.Reads.Trades = append(l.batch.Reads.Trades, id)
		}
	}
}

// paceAgain is when a request that its pace holds back is looked at again, where the grant does not say sooner.
const paceAgain = 100 * time.Millisecond

// nextRead is when the book is to be read next; zero: nothing waits on it.
func (l *Lane) nextRead() time.Time {
	var due time.Time
	sooner := func(t time.Time) {
		if !t.IsZero() && (due.IsZero() || t.Before(due)) {
			due = t
		}
	}
	if l.readNow || !l.armed && !l.bookRead() {
		sooner(l.started)
	}
	gap := readGap
	l.eachAwaited(func(o *order.Order) {
		at := l.after(o.Claimed, confirmReads)
		sooner(at)
		if at.Equal(o.Claimed) && l.bareAt(o.Key()) {
			gap = l.urgent()
		}
	})
	sooner(l.refuteDue()) // also where nothing waits for the claim: a forgery may hide what is open
	for _, id := range l.openRequests() {
		switch r := l.requests[id]; r.State {
		case actions.Accepted:
			sooner(l.after(r.Ended, acceptedReads))
		case actions.Unknown:
			since := r.Ended
			if r.Why == actions.WhyRetry {
				since = r.Updated // the send is long over; the readings begin with the word
			}
			sooner(l.after(since, unknownReads))
		}
	}
	for id := range l.awake {
		if s := l.slots[id]; !s.Reread.IsZero() && !l.meta.LastGood.After(s.Reread) {
			sooner(s.Reread.Add(time.Millisecond))
		}
	}
	sooner(l.suspectsDue())
	if due.IsZero() {
		return due
	}
	if l.partBook() {
		gap = l.urgent()
	}
	return l.paced(due, gap)
}

// urgent is how far behind the last reading one may begin on which a bare fill waits.
func (l *Lane) urgent() time.Duration {
	if n := len(l.readTimes); n >= readsAtOnce && l.meta.Now.Sub(l.readTimes[n-readsAtOnce]) < time.Second {
		return readUrgent
	}
	return 0
}

// after is the first moment of a schedule that the last reading does not serve.
func (l *Lane) after(cause time.Time, schedule []time.Duration) time.Time {
	for _, d := range schedule {
		if at := cause.Add(d); at.After(l.readBegan) || at.Equal(l.readBegan) && !l.readBegan.After(l.started) {
			return at
		}
	}
	return l.readBegan.Add(readsLater)
}

// paced puts a reading off as the paces ask: one is not begun sooner than gap behind the last.
func (l *Lane) paced(due time.Time, gap time.Duration) time.Time {
	if l.readBegan.IsZero() {
		return due
	}
	if len(l.readTimes) >= readsMinute && l.meta.Now.Sub(l.readTimes[0]) < time.Minute && !l.anyBare() {
		gap = readSlow
	}
	if l.failures > 0 {
		gap = min(readGap<<min(l.failures, 4), readsLater)
	}
	if l.meta.Dead && !l.readNow {
		gap = readsDead
	}
	if at := l.readBegan.Add(gap); at.After(due) {
		return at
	}
	return due
}

// anyBare says whether some open quantity has no live exit.
func (l *Lane) anyBare() bool {
	for k := range l.lasting {
		if l.bareAt(k) {
			return true
		}
	}
	return false
}

// bareAt says whether some open quantity of a place has no live exit.
func (l *Lane) bareAt(k order.Key) bool {
	for _, g := range l.book.Holding(order.Claimed, k).Open() {
		if !g.Baseline && g.Open() > g.Covered() {
			return true
		}
	}
	return false
}

// eachAwaited calls f for the orders whose confirmation something waits for: an action of a rule, a slot whose
// quantity the claim would change, or a place where something is amiss.
func (l *Lane) eachAwaited(f func(o *order.Order)) {
	if len(l.ahead) == 0 {
		return
	}
	for _, r := range l.runs {
		if a := l.actions[r.Action]; l.ahead[r.Event.OrderID] && (r.Waits == "" || r.Waits == holdsPrice) && (a == nil || a.Message == nil && !a.State.Final()) {
			if o, ok := l.book.Order(r.Event.OrderID); ok {
				f(o)
			}
		}
	}
	places := map[order.Key]bool{}
	for _, r := range l.runs {
		if r.Stands.Key.Tradingsymbol != "" {
			places[r.Stands.Key] = true
		}
	}
	for id := range l.awake {
		s := l.slots[id]
		if s.Active || s.Wish != nil || l.liveQuantity(s) > 0 {
			places[s.Key] = true
		}
	}
	for k := range l.surpluses { // one waits for the claims at its place
		places[k] = true
	}
	if len(places) == 0 {
		return
	}
	for id := range l.ahead {
		if o, ok := l.book.Order(id); ok && places[o.Key()] {
			f(o)
		}
	}
}

// nextPositions is when positions are to be read: once a day for what was carried in.
func (l *Lane) nextPositions() time.Time {
	if _, asked := l.asked["positions"]; asked {
		return time.Time{}
	}
	prices, wanted := l.asked["prices"]
	if l.book.OvernightKnown() && !l.lastPriceWanted() && !l.multiplierWanted() && !wanted {
		at := l.nextCheck()
		if again, ok := l.asked["positions again"]; ok && !at.IsZero() && again.After(at) {
			at = again
		}
		return at
	}
	at := l.started
	if wanted {
		at = prices
	}
	if again, ok := l.asked["positions again"]; ok {
		at = again
	}
	return l.morning(at)
}

// morning puts a moment of the night off to six o'clock: until the broker's own new day the positions still show
// yesterday, and what was bought then would be missing from what was carried in.
func (l *Lane) morning(at time.Time) time.Time {
	y, m, d := at.In(order.IST).Date()
	six := time.Date(y, m, d, 6, 0, 0, 0, order.IST)
	if !at.Before(six) || l.o.Hours.IsOpen("NSE", at) || l.o.Hours.IsOpen("MCX", at) {
		return at
	}
	return six
}

func (l *Lane) lastPriceWanted() bool {
	for _, r := range l.runs {
		if r.Waits == holdsLast || r.Holds == holdsLast {
			return true
		}
	}
	return false
}

// tradesWanted are the orders whose average price some rule waits for and no trades were asked for.
func (l *Lane) tradesWanted() []string {
	var ids []string
	seen := map[string]bool{}
	for _, id := range sortedKeys(l.runs) {
		r := l.runs[id]
		if r.Waits != holdsPrice && r.Holds != holdsPrice {
			continue
		}
		for _, oid := range l.unpriced(&r.Event) {
			if _, asked := l.asked["trades "+oid]; !asked && !seen[oid] {
				seen[oid] = true
				ids = append(ids, oid)
			}
		}
	}
	return ids
}

// unpriced are the orders behind an event whose average is not told.
func (l *Lane) unpriced(e *order.Event) []string {
	ids := []string{e.OrderID}
	layer, _ := l.pricedBy(e)
	if g := l.group(order.Claimed, e.Key, e.Group); g != nil {
		ids = append(ids, g.Entries...)
	}
	var out []string
	for _, id := range ids {
		o, ok := l.book.Order(id)
		if !ok || o.Seen(layer).Row.FilledQuantity == 0 {
			continue
		}
		if _, told := o.Average(layer); !told {
			out = append(out, id)
		}
	}
	return out
}

// wake is when Step wants to be called although nothing came in.
func (l *Lane) wake() time.Time {
	var at time.Time
	now := l.meta.Now
	sooner := func(t time.Time) {
		if t.After(now) && (at.IsZero() || t.Before(at)) {
			at = t
		}
	}
	if !l.reading {
		sooner(l.nextRead())
	}
	sooner(l.nextPositions())
	sooner(l.nextGTTs())
	for _, id := range l.tradesWanted() {
		sooner(l.asked["trades again "+id])
	}
	for _, id := range l.openRequests() {
		r := l.requests[id]
		sooner(r.NotUntil)
		if r.State == actions.Waiting && r.Why == actions.WhyPace {
			at := now.Add(paceAgain)
			if l.paceNext.After(now) && l.paceNext.Before(at) {
				at = l.paceNext
			}
			sooner(at)
		}
		sooner(r.Created.Add(waitsLong))
		sooner(r.Updated.Add(waitsLong))
	}
	for _, id := range sortedKeys(l.actions) {
		if a := l.actions[id]; a.Message != nil && a.State == actions.Waiting {
			sooner(a.NotUntil)
		}
	}
	for _, at := range l.lasting {
		sooner(at)
	}
	if len(l.slots) > 0 && !l.o.Assume { // what goes on is looked at as soon as the new day begins
		sooner(midnight(now))
	}
	for _, r := range l.runs {
		sooner(r.Due)
		if r.Fan != nil {
			sooner(r.Fan.Began.Add(longsAfter))
		}
	}
	for id := range l.errands {
		sooner(l.errandWake(id))
	}
	sooner(l.due)
	sooner(l.partUntil)
	sooner(l.staleAt)
	for _, h := range l.unheard {
		sooner(h.since.Add(heardLate))
	}
	for _, at := range l.unposted {
		sooner(at.Add(heardLate))
	}
	for id := range l.awake {
		sooner(l.morningAt(l.slots[id]))
		if lapsed := l.slots[id].Lapsed; !lapsed.IsZero() {
			sooner(lapsed.Add(lapsedFor))
		}
		for i := range l.slots[id].Orders {
			so := &l.slots[id].Orders[i]
			if l.slots[id].Kind == actions.SlotStop && !so.Ended && !so.Triggered.IsZero() && !so.Exit {
				sooner(so.unfilledAt())
			}
			if !so.Ended && !so.Turned.IsZero() && so.Exit {
				sooner(so.Turned.Add(repriceEvery))
			}
			if s := l.slots[id]; s.Kind == actions.SlotExit && !so.Ended && !so.Turned.IsZero() {
				sooner(so.Turned.Add(repriceEvery))
			}
		}
	}
	return at
}
