package order

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// Book is every order of an account's day, with its positions and groups.
type Book struct {
	Account string
	orders  map[string]*Order
	all     byAge
	byKey   map[Key]*byAge
	byTag   map[string]*byAge
	indexed map[string]entry // under what each order stands in byKey and byTag
	keys    []Key            // what Keys answers; nil where places came or went
	carried map[Key][]Overnight
	moves   map[Key][]Move // conversions by both of their places, oldest first
	known   bool           // the overnight quantities are known
	today   Day            // of the order that came last: one text for all
	cache   [layers]map[Key]*Holding
	events  []Event // what Tell gave last, to be written over
}

// entry is where an order is indexed. Its Tags are never changed.
type entry struct {
	key    Key
	placed bool
	tag    string
	tags   []string
}

// NewBook makes an empty book.
func NewBook(account string) *Book {
	b := &Book{Account: account}
	b.Clear()
	return b
}

// Clear forgets the day: Kite's book begins anew.
func (b *Book) Clear() {
	b.orders, b.all, b.indexed = map[string]*Order{}, byAge{}, map[string]entry{}
	b.byKey, b.byTag = map[Key]*byAge{}, map[string]*byAge{}
	b.keys, b.carried, b.known = nil, map[Key][]Overnight{}, false
	b.moves = map[Key][]Move{}
	for l := range b.cache {
		b.cache[l] = map[Key]*Holding{}
	}
}

// Restore puts an order back that the journal kept.
func (b *Book) Restore(o *Order) {
	b.Drop(o.ID)
	b.orders[o.ID] = o
	b.all.add(o)
	b.index(o)
	b.Touch(o.Key())
}

// Relink tells that an order's link changed: its place goes on with it where its fills were not counted yet.
func (b *Book) Relink(o *Order) {
	for l := range b.cache {
		h, ok := b.cache[l][o.Key()]
		if !ok {
			continue
		}
		if t := h.turns[o.ID]; t != nil && t.fills {
			delete(b.cache[l], o.Key())
		} else {
			h.pending = append(h.pending, o)
		}
	}
}

// Touch makes the holdings of a key be derived anew; whoever changes an order's trades calls it.
func (b *Book) Touch(k Key) {
	for l := range b.cache {
		delete(b.cache[l], k)
	}
}

// index puts an order under its place and tags, and away from those that it had before.
func (b *Book) index(o *Order) {
	r, old := o.Row(), b.indexed[o.ID]
	now := entry{r.Key(), r.placed(), r.Tag, r.Tags}
	if old.placed == now.placed && old.key == now.key && old.tag == now.tag && slices.Equal(old.tags, now.tags) {
		return
	}
	b.unindex(o)
	b.indexed[o.ID] = now
	if now.placed {
		if b.byKey[now.key] == nil {
			b.byKey[now.key], b.keys = &byAge{}, nil
		}
		b.byKey[now.key].add(o)
	}
	for _, t := range now.allTags() {
		if b.byTag[t] == nil {
			b.byTag[t] = &byAge{}
		}
		b.byTag[t].add(o)
	}
}

func (b *Book) unindex(o *Order) {
	old := b.indexed[o.ID]
	delete(b.indexed, o.ID)
	if old.placed {
		if b.byKey[old.key].remove(o) == 0 {
			delete(b.byKey, old.key)
			b.keys = nil
		}
		b.Touch(old.key)
	}
	for _, t := range old.allTags() {
		if b.byTag[t].remove(o) == 0 {
			delete(b.byTag, t)
		}
	}
}

func (e *entry) allTags() []string {
	if e.tag == "" || slices.Contains(e.tags, e.tag) {
		return e.tags
	}
	return append(slices.Clone(e.tags), e.tag)
}

// byAge is orders, oldest first. Adding is cheap, since ids mostly come in their order; sorting waits until
// someone looks. What sorted gave is never changed.
type byAge struct {
	orders   []*Order
	unsorted bool
}

func (l *byAge) add(o *Order) {
	if n := len(l.orders); n > 0 && compareIDs(l.orders[n-1].ID, o.ID) > 0 {
		l.unsorted = true
	}
	l.orders = append(l.orders, o)
}

func (l *byAge) remove(o *Order) (left int) {
	l.orders = slices.DeleteFunc(slices.Clone(l.orders), func(x *Order) bool { return x == o })
	return len(l.orders)
}

func (l *byAge) sorted() []*Order {
	if l.unsorted {
		l.orders, l.unsorted = slices.SortedFunc(slices.Values(l.orders), func(x, y *Order) int { return compareIDs(x.ID, y.ID) }), false
	}
	return l.orders[:len(l.orders):len(l.orders)]
}

// compareIDs orders order ids by age: shorter ones (15 digits) first, then by digits.
func compareIDs(a, b string) int { return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b)) }

// Order is one order of the day.
func (b *Book) Order(id string) (*Order, bool) {
	o, ok := b.orders[id]
	return o, ok
}

// Tagged is the order under a tag; of several the oldest.
func (b *Book) Tagged(tag string) (*Order, bool) {
	for _, o := range b.under(tag) {
		if o.Row().HasTag(tag) { // a refuted claim may have taken it back
			return o, true
		}
	}
	return nil, false
}

// AllTagged are all orders under a tag, oldest first.
func (b *Book) AllTagged(tag string) []*Order {
	var all []*Order
	for _, o := range b.under(tag) {
		if o.Row().HasTag(tag) {
			all = append(all, o)
		}
	}
	return all
}

func (b *Book) under(tag string) []*Order {
	if l := b.byTag[tag]; l != nil {
		return l.sorted()
	}
	return nil
}

// Orders are all orders, oldest first. The slice is shared: don't change it.
func (b *Book) Orders() []*Order { return b.all.sorted() }

// Len is how many orders the day has.
func (b *Book) Len() int { return len(b.orders) }

// Keys are all places with an order or an overnight quantity, sorted. The slice is shared: don't change it.
func (b *Book) Keys() []Key {
	if b.keys == nil {
		seen := maps.Clone(b.carried)
		for k := range b.byKey {
			seen[k] = nil
		}
		for k := range b.moves {
			seen[k] = nil
		}
		b.keys = slices.SortedFunc(maps.Keys(seen), Key.compare)
	}
	return b.keys
}

// SetOvernight says what was carried in; before it no role is given. Of one place the oldest row comes first. Rows of
// nothing are dropped.
func (b *Book) SetOvernight(rows []Overnight) {
	b.keys, b.carried, b.known = nil, map[Key][]Overnight{}, true
	for _, r := range rows {
		if r.Quantity != 0 || r.Gone != 0 {
			b.carried[r.Key] = append(b.carried[r.Key], r)
		}
	}
	for l := range b.cache {
		b.cache[l] = map[Key]*Holding{}
	}
}

// OvernightKnown says whether SetOvernight was called today.
func (b *Book) OvernightKnown() bool { return b.known }

// Overnight are the carried quantities, sorted by place.
func (b *Book) Overnight() []Overnight {
	var rows []Overnight
	for _, k := range b.Keys() {
		rows = append(rows, b.carried[k]...)
	}
	return rows
}

// Fold takes one update into the layers it counts for. It never tells events: Tell does.
func (b *Book) Fold(u *Update, now time.Time) FoldOutcome {
	o, known := b.orders[u.OrderID]
	if why := u.Impossible(); why != "" {
		return FoldOutcome{Order: o, Ignored: why}
	}
	if u.Account != "" && b.Account != "" && u.Account != b.Account {
		return FoldOutcome{Order: o, Ignored: "impossible: of another account"}
	}
	v, claims := versionOf(u), !u.Source.Confirms()
	if !known {
		o = &Order{Account: b.Account, ID: u.OrderID, FirstSeen: now, Day: b.dayOf(now)}
	} else if claims && slices.Contains(o.Refuted, v.Raw) {
		return FoldOutcome{Order: o, Ignored: "refuted: the broker's book never showed it"}
	}
	c, k := o.Seen(Claimed), o.Seen(Confirmed)
	older := c.Known && !c.shows(u) && (v.compare(c.version()) < 0 || c.beyond(u))
	beforeC, beforeK := c.substance(), k.substance()
	if !claims {
		k.fold(u, v)
	}
	given := c.version()
	c.fold(u, v)
	switch taken := c.version() != given; {
	case taken && claims:
		o.Valued = now
	case taken:
		o.Valued = time.Time{}
	case !o.Valued.IsZero() && u.Source == SourceBook && !u.Began.Before(o.Valued) && k.Reaches(c.Row.Status, c.Row.FilledQuantity):
		c.checked(k) // a reading that began after the claim, and is not behind it
		o.Valued = time.Time{}
	}
	c.trust(k)
	afterC, afterK := c.substance(), k.substance()
	changed := beforeC != afterC || beforeK != afterK
	if older && beforeC.sameButTimes(afterC) && beforeK.sameButTimes(afterK) {
		changed = b.turnsMove(o, beforeC, afterC) || b.turnsMove(o, beforeK, afterK)
	}
	if claims {
		o.remember(u, v.Raw)
	}
	o.Pushed = o.Pushed || u.Source == SourcePostback || u.Source == SourceStream
	switch {
	case !o.Ahead():
		o.Claimed, o.Claims = time.Time{}, nil
	case o.Claimed.IsZero(), claims && (beforeC.status != afterC.status || beforeC.filled != afterC.filled):
		o.Claimed = now // a new claim has its own time to be confirmed; other news doesn't prolong an old one's
	}
	if !known {
		b.orders[o.ID] = o
		b.all.add(o)
	}
	b.index(o)
	b.pend(o)
	switch {
	case changed:
		return FoldOutcome{Order: o, New: !known}
	case older:
		return FoldOutcome{Order: o, Ignored: "stale"}
	default:
		return FoldOutcome{Order: o, Ignored: "duplicate"}
	}
}

func (b *Book) dayOf(now time.Time) Day {
	if d := DayOf(now); d != b.today {
		b.today = d
	}
	return b.today
}

// turnsMove says whether an earlier time of o's fill puts it before a fill of another order of its place, or into the
// same second: only then can it change a role.
func (b *Book) turnsMove(o *Order, before, after substance) bool {
	list := b.byKey[o.Key()]
	if before.filledAt == after.filledAt || list == nil {
		return false
	}
	for _, other := range list.orders {
		for _, s := range []*Seen{other.Seen(Claimed), other.Seen(Confirmed)} {
			if at := s.FilledAt.Unix(); other != o && s.Row.FilledQuantity > 0 && after.filledAt <= at && at <= before.filledAt {
				return true
			}
		}
	}
	return false
}

// Drop forgets an order that was only assumed.
func (b *Book) Drop(id string) {
	if o, ok := b.orders[id]; ok {
		b.unindex(o)
		b.all.remove(o)
		delete(b.orders, id)
		b.Touch(o.Key())
	}
}
