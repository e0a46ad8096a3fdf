package lane

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"backstop/actions"
	"backstop/engine/order"
)

// observe looks at what changed without an update of its own: requests that are done, groups that went flat or
// stand bare, exits without a position, more exited than entered.
func (l *Lane) observe() {
	l.observeRequests()
	if !l.book.OvernightKnown() {
		return
	}
	for _, k := range l.hotKeys() {
		l.observePlace(k, l.hot[k])
	}
}

// observePlace looks at what changed at a place, or at all of it.
func (l *Lane) observePlace(k order.Key, all bool) {
	c := l.book.Changes(k)
	l.correct(c.Orders)
	h := l.book.Holding(order.Claimed, k)
	groups := c.Groups
	if all = all || c.All; all {
		groups = h.Groups
	}
	surplus := l.book.Holding(order.Confirmed, k).Surplus != 0
	if delete(l.surpluses, k); surplus || h.Surplus != 0 {
		l.surpluses[k] = true
	}
	lasts := surplus || len(h.Orphans) > 0
	for _, g := range groups {
		l.observeFlat(g)
		l.observeBare(g)
		lasts = lasts || !g.Baseline && l.bare(g) > 0
	}
	l.observeOrphans(k, h)
	l.observeSurplus(k)
	l.noteWatch(k, h)
	delete(l.hot, k)
	before, lasted := l.lasting[k]
	next := l.nextLook(groups)
	if again := l.surplusAgain(k); again.After(l.meta.Now) {
		next = earlier(next, again)
	}
	switch {
	case lasts && lasted && !all:
		l.lasting[k] = earlier(before, next)
	case lasts:
		l.lasting[k] = next
	case all, lasted && !slices.ContainsFunc(h.Open(), func(g *order.Group) bool { return !g.Baseline && l.bare(g) > 0 }):
		delete(l.lasting, k)
	}
}

// observeTime looks once a step at what only time brings about: what waits too long, stops that the close will end.
func (l *Lane) observeTime() {
	if !l.o.Assume && l.book.OvernightKnown() {
		l.observeWaiting()
		l.observeClosing()
		l.observeLapsed()
		l.observeUnheard()
	}
}

// lookAgain marks the places where something lasts and the time has come to tell it.
func (l *Lane) lookAgain() {
	for k, at := range l.lasting {
		if !l.meta.Now.Before(at) {
			l.hot[k] = true
		}
	}
}

// keptAfter is how long a quantity must be bare until that has a row. A stop is there sooner, nearly always, and then no row
// was written and taken away again on its way; after a crash within this second bare counts from the start.
const keptAfter = time.Second

// nextLook is when something about a place is to be told next.
func (l *Lane) nextLook(groups []*order.Group) time.Time {
	next := l.meta.Now.Add(sayEvery)
	for _, g := range groups {
		if g.Baseline || l.bare(g) <= 0 {
			continue
		}
		t, ok := l.told[bareCause(g)]
		switch {
		case !ok: // the market is closed, or the account is not armed
			next = earlier(next, l.meta.Now.Add(10*time.Second))
		case !t.kept && l.meta.Now.Before(t.Since.Add(keptAfter)):
			next = earlier(next, t.Since.Add(keptAfter))
		case t.Last.IsZero() && l.meta.Now.Before(t.Since.Add(l.unprotectedAfter())):
			next = earlier(next, t.Since.Add(l.unprotectedAfter()))
		case !t.Last.IsZero():
			next = earlier(next, t.Last.Add(sayEvery))
		}
	}
	return next
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// correct tells again what was told with a role that turned out another.
func (l *Lane) correct(orders []*order.Order) {
	for _, o := range orders {
		for _, e := range l.book.Correct(o, l.meta.Now) {
			e.ID = actions.ID(append([]string{"event"}, e.Facts(o)...)...)
			l.dirty.orders[o.ID] = true
			l.emit(e)
			if e.Kind == order.KindRoleChanged && e.Role.IsExit() {
				l.bequeath(o)
			}
		}
	}
}

// bequeath gives what stood behind a group to the one that its other entries opened, where its first entry turned out to be an
// exit: they were told as entries of that group, and are not told again.
func (l *Lane) bequeath(first *order.Order) {
	h := l.book.Holding(order.Claimed, first.Key())
	if _, stands := h.Group(first.ID); stands {
		return
	}
	for _, g := range h.Open() {
		if g.Open() > 0 && g.Sign == first.Sign() && slices.ContainsFunc(g.Entries, func(id string) bool { return l.sharedGroup(first, id) }) {
			l.moveSlots(g.Key, first.ID, g.Key, g.ID)
		}
	}
}

// sharedGroup says whether an order's fills were told when it shared the group of another: by its tag, or as a leg of one iceberg.
func (l *Lane) sharedGroup(first *order.Order, id string) bool {
	o, ok := l.book.Order(id)
	if !ok || o.Told.Filled == 0 {
		return false
	}
	tag := first.GroupTag()
	return tag != "" && o.GroupTag() == tag || o.Link != nil && o.Link.Group == first.ID
}

// hotKeys are the places to look at, in a fixed order.
func (l *Lane) hotKeys() []order.Key {
	if len(l.hot) == 0 {
		return nil
	}
	return slices.SortedFunc(maps.Keys(l.hot), func(a, b order.Key) int {
		return cmp.Or(cmp.Compare(a.Exchange, b.Exchange), cmp.Compare(a.Tradingsymbol, b.Tradingsymbol), cmp.Compare(a.Product, b.Product))
	})
}

// observeFlat tells once that a group's open quantity reached 0.
func (l *Lane) observeFlat(g *order.Group) {
	if g.Carried && g.Exited == 0 || g.Stock() || (g.Baseline || g.Gone) && !l.armed {
		return
	}
	cause := flatKey(g)
	if g.Open() > 0 || g.Filled == 0 || g.Exited == 0 {
		if l.flats[cause] && g.Open() > 0 { // it filled again: flat will be told anew
			delete(l.flats, cause)
			l.dirty.flats[cause] = true
		}
		return
	}
	if l.flats[cause] {
		return
	}
	l.flats[cause] = true
	l.dirty.flats[cause] = true
	l.emit(order.Event{ID: l.groupEvent(g, "flat", fmt.Sprint(g.Filled), fmt.Sprint(g.Exited)),
		Kind: order.KindFlat, OrderID: g.FirstEntry(), Group: g.ID, Key: g.Key, Cause: l.flatCause(g), Quantity: g.Filled})
}

// groupEvent is the id of an event of a group, by its facts. What was carried in counts anew each day.
func (l *Lane) groupEvent(g *order.Group, facts ...string) string {
	name := []string{"event", l.o.Account, g.Key.Instrument(), g.Key.Product, g.ID}
	if g.Carried {
		name = append(name, string(l.meta.Day))
	}
	return actions.ID(append(name, facts...)...)
}

func flatKey(g *order.Group) string {
	return "flat " + g.Key.Exchange + ":" + g.Key.Tradingsymbol + " " + g.Key.Product + " " + g.ID
}

// markFlat takes the groups that were closed before the first arming as told.
func (l *Lane) markFlat() {
	for _, k := range l.book.Keys() {
		for _, g := range l.book.Holding(order.Claimed, k).Groups {
			if g.Baseline && g.Open() == 0 && g.Exited > 0 {
				l.flats[flatKey(g)] = true
				l.dirty.flats[flatKey(g)] = true
			}
		}
	}
}

// flatCause says by what a group went flat: the order that reduced it last.
func (l *Lane) flatCause(g *order.Group) string {
	o, ok := l.book.Order(g.LastExit)
	switch {
	case !ok && g.Gone && l.expired(g.Key):
		return "broker"
	case !ok:
		return "person"
	}
	if _, so := l.slotOf(o.ID); so != nil && so.Exit && so.Triggered.IsZero() {
		return string(order.RoleExit) // a stop that was turned into the exit before it triggered
	} else if so != nil && so.Hand {
		return "person"
	}
	if o.Link != nil && o.Link.Role.IsExit() {
		return string(o.Link.Role)
	}
	if o.Link != nil {
		return string(order.RoleExit) // an order of a rule that met the position
	}
	if role := l.placedAs(o); role != order.RoleUnknown {
		return string(role)
	}
	if by := o.Row().PlacedBy; by != "" && by != l.o.Account {
		return "broker"
	}
	return "person"
}

// bare is how much of a group has no live exit. Where a stop was wanted, a target beside it protects nothing.
func (l *Lane) bare(g *order.Group) int64 {
	if g.Open() <= 0 {
		return 0
	}
	wanted := false
	for _, id := range l.byPlace[g.Key] {
		s := l.slots[id]
		wanted = wanted || s.Kind == actions.SlotStop && s.Group == g.ID
	}
	if !wanted {
		return g.Open() - g.Covered()
	}
	gtt := l.gttCovers(g)
	protected := int64(0)
	for _, c := range g.Live {
		if c.Role != order.RoleTarget {
			protected += c.Quantity
		}
	}
	return max(0, g.Open()-protected-gtt)
}

func bareCause(g *order.Group) string {
	return "unprotected " + g.ID + " " + g.Key.Exchange + ":" + g.Key.Tradingsymbol + " " + g.Key.Product
}

// placedAs is what Backstop placed an order as, by its tag, before the broker's own channel has tied the two.
func (l *Lane) placedAs(o *order.Order) order.Role {
	for _, tag := range append([]string{o.Row().Tag}, o.Row().Tags...) {
		if !actions.IsTag(tag) {
			continue
		}
		if r, ok := l.requests[tag[2:]]; ok {
			if s, ok := l.slots[r.Slot]; ok {
				return slotRole(s.Kind)
			}
		}
	}
	return l.legMet(o)
}

// observeBare tells an open quantity larger than its live exits, for as long as unprotected_after, whether or
// not a rule meant to cover it.
func (l *Lane) observeBare(g *order.Group) {
	cause := bareCause(g)
	bare := l.bare(g)
	if bare <= 0 || g.Baseline || !l.o.Assume && (!l.armed || !l.o.Hours.IsOpen(g.Key.Exchange, l.meta.Now)) {
		l.forget(cause)
		return
	}
	t, ok := l.told[cause]
	if !ok {
		t = &told{Since: l.meta.Now}
		l.told[cause] = t
	}
	if !t.kept && !l.meta.Now.Before(t.Since.Add(keptAfter)) {
		l.dirty.told[cause] = true
	}
	if l.meta.Now.Sub(t.Since) < l.unprotectedAfter() {
		return
	}
	if !t.Event {
		t.Event = true
		l.dirty.told[cause] = true
		l.emit(order.Event{ID: l.groupEvent(g, "unprotected", fmt.Sprint(g.Filled), fmt.Sprint(g.Exited), fmt.Sprint(bare)),
			Kind: order.KindUnprotected, OrderID: g.FirstEntry(), Group: g.ID, Key: g.Key, Quantity: bare})
	}
	if !l.o.Assume {
		l.say(cause, l.bareText(g, bare), sayAgain)
	}
}

func (l *Lane) unprotectedAfter() time.Duration {
	if l.o.Rules == nil {
		return 10 * time.Second
	}
	return l.o.Rules.UnprotectedAfter()
}

// observeOrphans tells a live exit with no position behind it. One of ours is cancelled by its slot anyway; one that a
// lost journal placed has none, and is told although it was there before the first arming.
func (l *Lane) observeOrphans(k order.Key, h *order.Holding) {
	orphan := map[string]bool{}
	for _, id := range h.Orphans {
		if o, ok := l.book.Order(id); ok && (o.Link == nil || o.Link.Slot == "" || l.cancelRefused(o)) && (!o.Baseline || strayTag(o) != "") {
			orphan[id] = true
		}
	}
	for _, id := range h.Orphans {
		cause := "orphaned " + id
		if !orphan[id] {
			continue
		}
		if _, ok := l.told[cause]; !ok {
			l.told[cause] = &told{Since: l.meta.Now, Event: true}
			l.dirty.told[cause] = true
			o, _ := l.book.Order(id)
			l.emit(order.Event{ID: actions.ID("event", l.o.Account, id, "orphaned"), Kind: order.KindOrphaned, OrderID: id, Key: k,
				Quantity: o.Seen(order.Claimed).Remaining()})
		}
		l.say(cause, l.orphanText(id), sayAgain)
	}
}

// cancelRefused says whether the order's slot wants it cancelled and the broker refused that for good.
func (l *Lane) cancelRefused(o *order.Order) bool {
	s, ok := l.slots[o.Link.Slot]
	return ok && s.Blocked == mark(actions.Cancel, o.ID, actions.Params{})
}

// waitsLong is how long something waits before it is told.
const waitsLong = 10 * time.Second

// observeWaiting tells what waits, is unknown or is not seen for longer than ten seconds.
func (l *Lane) observeWaiting() {
	for _, id := range l.openRequests() {
		r := l.requests[id]
		if r.Why == actions.WhyPaused || l.meta.Now.Sub(r.Created) < waitsLong || l.meta.Now.Sub(r.Updated) < waitsLong && !r.Told {
			continue
		}
		r.Told, l.waits[id] = true, true
		l.say("waits "+id, l.waitsText(r), sayAgain)
	}
	for _, id := range sortedKeys(l.waits) {
		if r := l.requests[id]; r == nil || r.State.Final() {
			l.forget("waits " + id)
			delete(l.waits, id)
		}
	}
}

// endsWithDay says whether a stop of a position that may go on ends with the day.
func (l *Lane) endsWithDay(s *slot) bool {
	return s.Kind == actions.SlotStop && s.Active && s.Key.Product != "MIS" && s.Key.Product != "CO" && l.hold(s) == holdDay
}

// observeClosing says, 30 minutes before a segment's close, which stops end with it for good though their position may go
// on: those whose hold is day.
func (l *Lane) observeClosing() {
	for _, id := range sortedKeys(l.slots) {
		s := l.slots[id]
		if !l.endsWithDay(s) || l.meta.Closing[s.Key.Exchange] == l.meta.Day {
			continue
		}
		end := l.o.Hours.Close(s.Key.Exchange, l.meta.Now)
		if end.IsZero() || l.meta.Now.Before(end.Add(-30*time.Minute)) || l.meta.Now.After(end) || len(l.liveOrders(s)) == 0 {
			continue
		}
		if l.meta.Closing == nil {
			l.meta.Closing = map[string]order.Day{}
		}
		l.meta.Closing[s.Key.Exchange] = l.meta.Day
		l.dirty.meta = true
		l.say("closing "+s.Key.Exchange, l.closingText(s.Key.Exchange, end), sayOnce)
	}
}
