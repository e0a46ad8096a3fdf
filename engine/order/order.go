package order

import (
	"cmp"
	"hash/fnv"
	"maps"
	"slices"
	"time"
)

// Layer says which observations count.
type Layer int

// The layers: events come from Claimed (every update), money moves on Confirmed (the broker's own channels).
const (
	Claimed Layer = iota
	Confirmed
	layers
)

// Link ties an order to what Backstop placed it as.
type Link struct {
	Request string `json:"request"`
	Slot    string `json:"slot,omitempty"`
	Group   string `json:"group,omitempty"` // "" for an exit of the whole position
	Role    Role   `json:"role"`
}

// Told is how much of an order its events have told.
type Told struct {
	Filled   int64  `json:"filled,omitempty"`
	Terminal bool   `json:"terminal,omitempty"`
	Status   Status `json:"status,omitempty"` // the live status told last
	Values   values `json:"values,omitzero"`
}

// values are what a modification changes.
type values struct {
	Quantity int64  `json:"quantity,omitempty"`
	Price    Price  `json:"price,omitempty"`
	Trigger  Price  `json:"trigger,omitempty"`
	Type     string `json:"type,omitempty"`
}

func valuesOf(r *Update) values { return values{r.Quantity, r.Price, r.TriggerPrice, r.OrderType} }

// Order is what is known of one broker order, in two layers folded by the same join.
type Order struct {
	Account   string           `json:"account"`
	ID        string           `json:"order_id"`
	Layers    [layers]Seen     `json:"layers"`
	FirstSeen time.Time        `json:"first_seen"`          // the lane's time
	Claimed   time.Time        `json:"claimed_at,omitzero"` // since when claimed is ahead of confirmed
	Trades    map[string]Trade `json:"trades,omitempty"`
	Told      Told             `json:"told"`
	Baseline  bool             `json:"baseline,omitempty"` // was in the book before the first arming: no events
	Assumed   bool             `json:"assumed,omitempty"`  // planned in a dry run
	Link      *Link            `json:"link,omitempty"`
	Claims    []uint64         `json:"claims,omitempty"`  // postbacks that put claimed ahead
	Refuted   []uint64         `json:"refuted,omitempty"` // payloads that the broker's book never confirmed
	Pushed    bool             `json:"pushed,omitempty"`  // a postback or stream update told of it
	Day       Day              `json:"day"`
}

// Seen is one layer of the order.
func (o *Order) Seen(l Layer) *Seen { return &o.Layers[l] }

// Row is the order as claimed, in Kite's words.
func (o *Order) Row() *Update { return &o.Layers[Claimed].Row }

// Key is the place of its position.
func (o *Order) Key() Key { return o.Row().Key() }

// Sign is +1 for BUY and -1 for SELL.
func (o *Order) Sign() int64 { return SignOf(o.Row().TransactionType) }

// SignOf is +1 for BUY and -1 for SELL.
func SignOf(transactionType string) int64 {
	if transactionType == Sell {
		return -1
	}
	return 1
}

// Average is the average price of what is filled on a layer, and whether Kite has told it: with the order once
// complete, else by its trades. An order without fills has none.
func (o *Order) Average(l Layer) (Price, bool) {
	s := o.Seen(l)
	if s.Row.FilledQuantity == 0 {
		return 0, false
	}
	if s.Row.AveragePrice > 0 {
		return s.Row.AveragePrice, true
	}
	var quantity, value int64
	for _, t := range o.Trades {
		quantity += t.Quantity
		value += t.Quantity * int64(t.Price)
	}
	if quantity < s.Row.FilledQuantity || quantity == 0 {
		return 0, false
	}
	return Price(value / quantity), true
}

// AddTrades joins executions into the order and says whether any was new.
func (o *Order) AddTrades(rows []Trade) bool {
	before := len(o.Trades)
	for _, t := range rows {
		if t.OrderID != "" && t.OrderID != o.ID || t.Quantity <= 0 || t.Price <= 0 || t.TradeID == "" {
			continue
		}
		if o.Trades == nil {
			o.Trades = map[string]Trade{}
		}
		o.Trades[t.TradeID] = t
	}
	return len(o.Trades) > before
}

// ByHand says whether another program or a person placed the order, not Backstop.
func (o *Order) ByHand() bool { return o.Link == nil }

// Ahead says whether claimed tells more than the broker's own channels have shown.
func (o *Order) Ahead() bool {
	c, k := o.Seen(Claimed), o.Seen(Confirmed)
	return !k.Reaches(c.Row.Status, c.Row.FilledQuantity)
}

// Refute takes back what was claimed and never confirmed. It returns false where nothing was ahead. The
// payloads that claimed it are remembered, so that they claim nothing again.
func (o *Order) Refute() bool {
	if !o.Ahead() {
		return false
	}
	o.Refuted = append(o.Refuted, o.Claims...)
	o.Claims = nil
	k := o.Layers[Confirmed]
	if !k.Known {
		k.Row = Update{Account: o.Account, OrderID: o.ID}
	}
	o.Layers[Claimed] = k
	o.Layers[Claimed].Row.Tags = slices.Clone(k.Row.Tags)
	o.Told.Filled = min(o.Told.Filled, k.Row.FilledQuantity)
	o.Told.Terminal = o.Told.Terminal && k.Terminal()
	if !k.Terminal() {
		o.Told.Status = k.Row.Status
	}
	o.Claimed = time.Time{}
	return true
}

func rawHash(raw []byte) uint64 {
	h := fnv.New64a()
	_, _ = h.Write(raw)
	return h.Sum64()
}

// Book is every order of an account's day, with its positions and groups.
type Book struct {
	Account string
	orders  map[string]*Order
	byKey   map[Key][]*Order
	byTag   map[string]string
	carried map[Key]Overnight
	known   bool // the overnight quantities are known
	cache   [layers]map[Key]*Holding
}

// NewBook makes an empty book.
func NewBook(account string) *Book {
	b := &Book{Account: account}
	b.Clear()
	return b
}

// Clear forgets the day: Kite's book begins anew.
func (b *Book) Clear() {
	b.orders, b.byKey, b.byTag = map[string]*Order{}, map[Key][]*Order{}, map[string]string{}
	b.carried, b.known = map[Key]Overnight{}, false
	for l := range b.cache {
		b.cache[l] = map[Key]*Holding{}
	}
}

// Restore puts an order back that the journal kept.
func (b *Book) Restore(o *Order) {
	b.orders[o.ID] = o
	b.index(o)
	b.Touch(o.Key())
}

// Touch makes the holdings of a key be derived anew; whoever changes an order's link or trades calls it.
func (b *Book) Touch(k Key) {
	for l := range b.cache {
		delete(b.cache[l], k)
	}
}

func (b *Book) index(o *Order) {
	k := o.Key()
	if !slices.Contains(b.byKey[k], o) {
		b.byKey[k] = append(b.byKey[k], o)
	}
	r := o.Row()
	if r.Tag != "" {
		b.byTag[r.Tag] = lesserID(b.byTag[r.Tag], o.ID)
	}
	for _, t := range r.Tags {
		b.byTag[t] = lesserID(b.byTag[t], o.ID)
	}
}

func lesserID(have, id string) string {
	if have == "" || compareIDs(id, have) < 0 {
		return id
	}
	return have
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
	id, ok := b.byTag[tag]
	if !ok {
		return nil, false
	}
	return b.Order(id)
}

// AllTagged are all orders under a tag, oldest first.
func (b *Book) AllTagged(tag string) []*Order {
	var all []*Order
	for _, o := range b.Orders() {
		if o.Row().HasTag(tag) {
			all = append(all, o)
		}
	}
	return all
}

// Orders are all orders, oldest first.
func (b *Book) Orders() []*Order {
	return slices.SortedFunc(maps.Values(b.orders), func(x, y *Order) int { return compareIDs(x.ID, y.ID) })
}

// Len is how many orders the day has.
func (b *Book) Len() int { return len(b.orders) }

// Keys are all places with an order or an overnight quantity, sorted.
func (b *Book) Keys() []Key {
	seen := map[Key]bool{}
	for k := range b.byKey {
		seen[k] = true
	}
	for k := range b.carried {
		seen[k] = true
	}
	return slices.SortedFunc(maps.Keys(seen), func(x, y Key) int {
		return cmp.Or(cmp.Compare(x.Exchange, y.Exchange), cmp.Compare(x.Tradingsymbol, y.Tradingsymbol), cmp.Compare(x.Product, y.Product))
	})
}

// SetOvernight says what was carried in; before it no role is given. Rows with quantity 0 are dropped.
func (b *Book) SetOvernight(rows []Overnight) {
	b.carried, b.known = map[Key]Overnight{}, true
	for _, r := range rows {
		if r.Quantity != 0 {
			b.carried[r.Key] = r
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
		if o, ok := b.carried[k]; ok {
			rows = append(rows, o)
		}
	}
	return rows
}

// Fold takes one update into the layers it counts for. It never tells events: Tell does.
func (b *Book) Fold(u *Update, now time.Time) FoldOutcome {
	if why := u.Impossible(); why != "" {
		o := b.orders[u.OrderID]
		return FoldOutcome{Order: o, Ignored: why}
	}
	o, known := b.orders[u.OrderID]
	if !known {
		o = &Order{Account: b.Account, ID: u.OrderID, FirstSeen: now, Day: DayOf(now)}
	}
	if slices.Contains(o.Refuted, rawHash(u.Raw)) && !u.Source.Confirms() {
		return FoldOutcome{Order: o, Ignored: "refuted: the broker's book never showed it"}
	}
	oldKey := o.Key()
	older := o.Seen(Claimed).Known && versionOf(u).compare(o.Seen(Claimed).Version) < 0
	changed := o.Seen(Claimed).fold(u)
	if u.Source.Confirms() {
		changed = o.Seen(Confirmed).fold(u) || changed
	} else {
		o.Pushed = true
	}
	if u.Source == SourceStream {
		o.Pushed = true
	}
	if changed && !u.Source.Confirms() {
		o.Claims = append(o.Claims, rawHash(u.Raw))
	}
	switch {
	case !o.Ahead():
		o.Claimed, o.Claims = time.Time{}, nil
	case o.Claimed.IsZero() || changed:
		o.Claimed = now
	}
	if !known {
		b.orders[o.ID] = o
	}
	if known && oldKey != o.Key() {
		b.byKey[oldKey] = slices.DeleteFunc(b.byKey[oldKey], func(x *Order) bool { return x == o })
		b.Touch(oldKey)
	}
	b.index(o)
	b.Touch(o.Key())
	switch {
	case changed:
		return FoldOutcome{Order: o, New: !known}
	case older:
		return FoldOutcome{Order: o, Ignored: "stale"}
	default:
		return FoldOutcome{Order: o, Ignored: "duplicate"}
	}
}

// Drop forgets an order that was only assumed.
func (b *Book) Drop(id string) {
	o, ok := b.orders[id]
	if !ok {
		return
	}
	k := o.Key()
	delete(b.orders, id)
	b.byKey[k] = slices.DeleteFunc(b.byKey[k], func(x *Order) bool { return x == o })
	for tag, have := range b.byTag {
		if have == id {
			delete(b.byTag, tag)
		}
	}
	b.Touch(k)
}
