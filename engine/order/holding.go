package order

import (
	"cmp"
	"slices"
	"time"
)

// Part is how one order's fill was used: first what reduced, then what entered.
type Part struct {
	Group    string
	Exit     bool
	Quantity int64
}

// Holding is everything of one place (instrument and product) on one layer.
type Holding struct {
	Key      Key
	Position int64 // signed: overnight plus every fill
	Groups   []*Group
	Surplus  int64    // signed: what is held beyond the open groups: more was exited than entered
	Orphans  []string // live exits with nothing behind them
	Carried  bool     // something was carried in
	Realized Price    // of all groups whose averages are told
	layer    Layer
	byID     map[string]*Group
	open     []*Group // those not yet flat, oldest first
	long     int64    // what the open groups of each side hold
	short    int64
	turns    map[string]*turn
	legs     map[string]*Group // by the first leg of an iceberg, where a later one opened a group

	extension
}

// turn is what became of one order at a place.
type turn struct {
	role  Role
	group string
	parts []Part // how its fill was used
	part  [1]Part
	fills bool // its fill was counted, with all that used says
	used  use
}

// turnOf is an order's turn, which begins there with nothing.
func (h *Holding) turnOf(orderID string) *turn {
	t := h.turns[orderID]
	if t == nil {
		t = &turn{}
		t.parts = t.part[:0] // nearly all have one, and need no more than this
		h.turns[orderID] = t
	}
	return t
}

// Role is an order's part. It is RoleUnknown for an order of another place.
func (h *Holding) Role(orderID string) Role {
	if t := h.turns[orderID]; t != nil {
		return t.role
	}
	return RoleUnknown
}

// GroupOf is the id of the group that an order belongs to, "" for none.
func (h *Holding) GroupOf(orderID string) string {
	if t := h.turns[orderID]; t != nil {
		return t.group
	}
	return ""
}

// Parts say how an order's fill was used, in the order of use.
func (h *Holding) Parts(orderID string) []Part {
	if t := h.turns[orderID]; t != nil {
		return t.parts
	}
	return nil
}

// Group is one group by id.
func (h *Holding) Group(id string) (*Group, bool) {
	g, ok := h.byID[id]
	return g, ok
}

// Open are the groups that are not flat, oldest first, and perhaps some that have just become so.
func (h *Holding) Open() []*Group { return h.open }

// carriedGroup is the id of what was carried in from an earlier day at a place and that no known group was.
const carriedGroup = "overnight"

// Holding derives a place from the orders of a layer: fills in exchange time, then by order id. It is a pure
// function of orders, links and overnight quantities, so a fill that turns up late lands where it belongs. The
// result is shared and goes on with the book: don't change it, and don't keep it beyond the next Fold.
func (b *Book) Holding(l Layer, k Key) *Holding {
	if h, ok := b.cache[l][k]; ok && b.extend(h) {
		return h
	}
	h := b.derive(l, k)
	b.cache[l][k] = h
	return h
}

// derive makes a holding from the beginning.
func (b *Book) derive(l Layer, k Key) *Holding {
	all := b.at(k)
	h := &Holding{Key: k, layer: l, byID: make(map[string]*Group, len(all)), turns: make(map[string]*turn, len(all)), extension: newExtension()}
	for _, o := range b.carried[k] {
		h.carry(o)
	}
	h.history = append(h.history, mark{time.Time{}, h.Position})
	fills, rest := b.split(l, all)
	moves := b.moves[k]
	for _, f := range fills {
		moves = b.movesBefore(h, moves, f.at)
		b.use(h, f)
	}
	b.movesBefore(h, moves, time.Time{})
	h.rest = rest
	for _, o := range all {
		if o.Seen(l).Remaining() > 0 {
			h.alive = append(h.alive, o)
		}
	}
	b.settle(h)
	return h
}

// at are the orders of a place, oldest first.
func (b *Book) at(k Key) []*Order {
	list := b.byKey[k]
	if list == nil {
		return nil
	}
	all := list.sorted()
	if slices.ContainsFunc(all, func(o *Order) bool { return o.Key() != k }) { // a refuted claim took an order away
		all = slices.DeleteFunc(slices.Clone(all), func(o *Order) bool { return o.Key() != k })
	}
	return all
}

// mark is the position after the fills up to a moment.
type mark struct {
	at       time.Time
	position int64
}

func (h *Holding) carry(o Overnight) {
	held := magnitude(o.Quantity)
	g := &Group{ID: o.GroupID(), Key: h.Key, Sign: 1, Tag: o.Tag, Filled: held, Carry: held, Baseline: !o.Ours, Carried: true, First: o.Entry, Since: o.Since}
	if held == 0 {
		g.Filled, g.Exited, g.Gone = o.Gone, o.Gone, true
	}
	if o.Quantity < 0 || o.Quantity == 0 && o.Side == Sell {
		g.Sign = -1
	}
	g.entered.add(g.Filled, o.AveragePrice, o.AveragePrice > 0)
	g.brought, g.Close = g.entered, o.Close
	h.Carried = true
	h.Position += o.Quantity
	h.begin(g)
	h.hold(g.Sign, held)
	h.change(g)
}

// hold counts what the open groups of a side hold.
func (h *Holding) hold(sign, quantity int64) {
	if sign > 0 {
		h.long += quantity
	} else {
		h.short += quantity
	}
}

func (h *Holding) begin(g *Group) {
	h.Groups, h.open = append(h.Groups, g), append(h.open, g)
	h.byID[g.ID] = g
}

// filled is an order with fills and its turn among them.
type filled struct {
	*Order
	at     time.Time
	id     string
	behind bool // it has the turn after the order that it stands behind
}

// split gives the orders of a place with fills in exchange time, and those without by id.
func (b *Book) split(l Layer, all []*Order) (fills []filled, rest []*Order) {
	for _, o := range all {
		if f, ok := b.turn(l, o); ok {
			fills = append(fills, f)
		} else if o.Seen(l).Known || o.Link != nil {
			rest = append(rest, o)
		}
	}
	slices.SortFunc(fills, filled.compare)
	return fills, rest
}

// turn is when an order's fills have their turn; false for one without. An exit never has its turn before the entry
// that it was placed behind, though the broker's clock has only seconds and the first of an entry's partial fills,
// with its time, may never have been seen.
func (b *Book) turn(l Layer, o *Order) (filled, bool) {
	s := o.Seen(l)
	if !s.Known || s.Row.FilledQuantity == 0 {
		return filled{}, false
	}
	f := filled{o, s.FilledAt, o.ID, false}
	if e, ok := b.orders[o.behind()]; ok && e.Seen(l).Row.FilledQuantity > 0 &&
		cmp.Or(e.Seen(l).FilledAt.Compare(f.at), compareIDs(e.ID, f.id)) > 0 {
		f = filled{o, e.Seen(l).FilledAt, e.ID, true}
	}
	return f, true
}

func (f filled) compare(g filled) int {
	return cmp.Or(f.at.Compare(g.at), compareIDs(f.id, g.id), cmp.Compare(rank(f.behind), rank(g.behind)), compareIDs(f.ID, g.ID))
}

// rank is 1 for true.
func rank(b bool) int {
	if b {
		return 1
	}
	return 0
}

// behind is the entry that an order was placed behind, "" for none.
func (o *Order) behind() string {
	if o.Link != nil && o.Link.Role.IsExit() {
		return o.Link.Group
	}
	return o.Row().ParentOrderID
}

// fill uses up one order's fill: what reduces goes to its group or the oldest open ones, the rest enters.
func (b *Book) fill(h *Holding, o *Order) {
	sign, left := o.Sign(), o.Seen(h.layer).Row.FilledQuantity
	average, told := o.Average(h.layer)
	before := h.Position
	h.Position += sign * left
	role, own := b.claimedRole(h, o, sign)
	t := h.turnOf(o.ID)
	switch {
	case o.Link != nil && o.Link.Role.IsExit():
		left = h.reduce(o, own, left, average, told)
		if left > 0 { // beyond what was open: an exit of ours never becomes an entry
			t.parts = append(t.parts, Part{Group: t.group, Exit: true, Quantity: left})
		}
		t.role = o.Link.Role
		return
	case before*sign < 0, h.standing(-sign) > 0: // opposite to what is held; or to what is open, where it was exited twice
		can := min(left, max(before, -before, h.standing(-sign)))
		rest := h.reduce(o, own, can, average, told)
		if rest > 0 {
			t.parts = append(t.parts, Part{Exit: true, Quantity: rest})
		}
		left -= can
		t.role = cmp.Or(role, h.typeRole(o, own != nil))
	}
	if left == 0 {
		return
	}
	if alwaysExit(o) {
		t.role = RoleExit
		t.parts = append(t.parts, Part{Exit: true, Quantity: left})
		return
	}
	h.enter(o, sign, left, average, told)
	t.role = RoleEntry
}

// standing is what the open groups of a side hold.
func (h *Holding) standing(sign int64) int64 {
	if sign > 0 {
		return h.long
	}
	return h.short
}

// claimedRole is the role of an order that is known to belong to a group: one of ours, a cover order's leg, or
// an order with the group's own tag; and that group, where it has fills.
func (b *Book) claimedRole(h *Holding, o *Order, sign int64) (Role, *Group) {
	if o.Link != nil && o.Link.Role.IsExit() { // one that was placed to enter nets like any other
		return o.Link.Role, h.behind(o.Link.Group)
	}
	row := o.Row()
	if parent, ok := b.orders[row.ParentOrderID]; ok && parent.Sign() == -sign {
		g := h.byID[h.GroupOf(parent.ID)]
		if g != nil && g.Sign != -sign {
			g = nil
		}
		return h.typeRole(o, true), g
	}
	if tag := o.GroupTag(); tag != "" {
		for _, g := range h.open {
			if g.Tag == tag && g.Open() > 0 && g.Sign == -sign {
				return h.typeRole(o, true), g
			}
		}
	}
	return RoleUnknown, nil
}

// typeRole is the role of an exit that Backstop did not place.
func (h *Holding) typeRole(o *Order, inGroup bool) Role {
	row := &o.Seen(h.layer).Row
	switch {
	case row.OrderType == "SL" || row.OrderType == "SL-M":
		return RoleStopLoss
	case row.OrderType == "LIMIT" && inGroup:
		return RoleTarget
	default:
		return RoleExit
	}
}

// alwaysExit: what is sold of delivery was bought before (rules.md, 'Group, role, position').
func alwaysExit(o *Order) bool {
	r := o.Row()
	return r.TransactionType == Sell && (r.Product == "CNC" || r.Product == "MTF")
}

// behind is the group that an order was linked to, nil for none. Where the first leg of an iceberg entered nothing (a fill that
// turned up late made it a way back), it is the one that a later leg opened: what was placed behind the iceberg stands behind that.
func (h *Holding) behind(group string) *Group {
	if g := h.byID[group]; g != nil {
		return g
	}
	return h.legs[group]
}

// reduce takes quantity off own, then off the oldest open groups on the other side, and returns what found none.
// An exit that Backstop placed behind one group reduces that one alone.
func (h *Holding) reduce(o *Order, own *Group, quantity int64, average Price, told bool) int64 {
	t := h.turnOf(o.ID)
	take := func(g *Group) {
		n := min(quantity, g.Open())
		if n <= 0 {
			return
		}
		g.exit(o.ID, n, average, told)
		h.hold(g.Sign, -n)
		h.change(g)
		t.parts = append(t.parts, Part{Group: g.ID, Exit: true, Quantity: n})
		t.group = cmp.Or(t.group, g.ID)
		quantity -= n
	}
	if own != nil {
		t.group = own.ID
		take(own)
		h.dropFlat()
	}
	if o.behindGroup() {
		return quantity
	}
	for _, g := range h.open {
		if quantity == 0 {
			break
		}
		if g.Sign == -o.Sign() {
			take(g)
		}
	}
	h.dropFlat()
	return quantity
}

// dropFlat takes the flat groups out of the open ones, where the oldest is flat: cheap often, whole in the end.
func (h *Holding) dropFlat() {
	if len(h.open) > 0 && h.open[0].Open() == 0 {
		h.open = slices.DeleteFunc(h.open, func(g *Group) bool { return g.Open() == 0 })
	}
}

// enter opens a group or joins the open one with the same tag.
func (h *Holding) enter(o *Order, sign, quantity int64, average Price, told bool) {
	var g *Group
	if tag := o.GroupTag(); tag != "" {
		for _, have := range h.open {
			if have.Tag == tag && have.Sign == sign && have.Open() > 0 {
				g = have
			}
		}
	}
	if o.Link != nil && o.Link.Group != "" { // it goes on with an order of that group
		if have := h.behind(o.Link.Group); have != nil && have.Sign == sign && have.Open() > 0 {
			g = have
		}
	}
	if g == nil {
		g = &Group{ID: o.ID, Key: h.Key, Sign: sign, Tag: o.GroupTag(), Baseline: true}
		g.Entries = g.entry[:0]
		h.begin(g)
		if o.Link != nil && o.Row().Variety == "iceberg" && o.Link.Group != "" {
			if h.legs == nil {
				h.legs = map[string]*Group{}
			}
			h.legs[o.Link.Group] = g
		}
	}
	g.Entries = append(g.Entries, o.ID)
	g.Baseline = g.Baseline && o.Baseline // what was entered after the first arming is looked after
	g.Filled += quantity
	g.entered.add(quantity, average, told)
	h.hold(sign, quantity)
	h.change(g)
	t := h.turnOf(o.ID)
	t.parts = append(t.parts, Part{Group: g.ID, Quantity: quantity})
	t.group = g.ID
}
