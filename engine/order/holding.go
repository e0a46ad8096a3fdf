package order

import (
	"cmp"
	"slices"
	"time"
)

// Group is an entry and the exits behind it, as derived from the orders of one layer. It is never stored.
type Group struct {
	ID       string // the first entry's order id, or "overnight"
	Key      Key
	Sign     int64 // +1 bought, -1 sold
	Tag      string
	Entries  []string
	Exits    []string // orders that reduced it or stand ready to, oldest first
	Filled   int64
	Exited   int64
	Live     []Cover          // live exits and how much of the group each covers
	Baseline bool             // its entry was in the book before the first arming, or it was carried in
	Carried  bool             // overnight
	LastExit string           // the order whose fill reduced it last
	ByOrder  map[string]int64 // how much each exit order took
	value    int64            // entry quantity x average, where known
	valued   int64            // the entry quantity that value covers
	realized int64
	unknown  bool // some average that realized needs is not told
}

// Cover is a live exit's part for a group.
type Cover struct {
	OrderID  string
	Role     Role
	Quantity int64
	Linked   bool // ours
}

// Open is what was entered and not exited; never negative.
func (g *Group) Open() int64 { return max(0, g.Filled-g.Exited) }

// Covered is how much of the open quantity has a live exit: stops and exits add up, a target covers what a
// stop does too.
func (g *Group) Covered() int64 {
	var stops, targets, exits int64
	for _, c := range g.Live {
		switch c.Role {
		case RoleStopLoss:
			stops += c.Quantity
		case RoleTarget:
			targets += c.Quantity
		default:
			exits += c.Quantity
		}
	}
	return min(g.Open(), exits+max(stops, targets))
}

// Adopted is how much live exits that Backstop did not place will take.
func (g *Group) Adopted() int64 {
	var n int64
	for _, c := range g.Live {
		if !c.Linked {
			n += c.Quantity
		}
	}
	return min(n, g.Open())
}

// Side is the entry's transaction type.
func (g *Group) Side() string {
	if g.Sign < 0 {
		return Sell
	}
	return Buy
}

// ExitSide is the transaction type that reduces the group.
func (g *Group) ExitSide() string {
	if g.Sign < 0 {
		return Buy
	}
	return Sell
}

// EntryPrice is the average price of the entries, and whether Kite has told it for all that is filled.
func (g *Group) EntryPrice() (Price, bool) {
	if g.Filled == 0 || g.valued != g.Filled {
		return 0, false
	}
	return Price(g.value / g.Filled), true
}

// Realized is the profit of what was exited, before charges, and whether all averages it needs are told.
func (g *Group) Realized() (Price, bool) {
	_, known := g.EntryPrice()
	return Price(g.realized), g.Exited == 0 || known && !g.unknown
}

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
	Surplus  int64 // signed: what is held beyond the open groups: more was exited than entered
	roles    map[string]Role
	member   map[string]string
	parts    map[string][]Part
	Orphans  []string // live exits with nothing behind them
	Realized Price    // of all groups
}

// Role is an order's part. It is RoleUnknown for an order of another place.
func (h *Holding) Role(orderID string) Role { return h.roles[orderID] }

// GroupOf is the id of the group that an order belongs to, "" for none.
func (h *Holding) GroupOf(orderID string) string { return h.member[orderID] }

// Parts say how an order's fill was used, in the order of use.
func (h *Holding) Parts(orderID string) []Part { return h.parts[orderID] }

// Group is one group by id.
func (h *Holding) Group(id string) (*Group, bool) {
	for _, g := range h.Groups {
		if g.ID == id {
			return g, true
		}
	}
	return nil, false
}

// carriedGroup is the id of what was carried in from an earlier day at a place.
const carriedGroup = "overnight"

// Holding derives a place from the orders of a layer: fills in exchange time, then by order id. It is a pure
// function of orders, links and overnight quantities, so a fill that turns up late lands where it belongs. The
// result is shared: don't change it.
func (b *Book) Holding(l Layer, k Key) *Holding {
	if h, ok := b.cache[l][k]; ok {
		return h
	}
	h := &Holding{Key: k, roles: map[string]Role{}, member: map[string]string{}, parts: map[string][]Part{}}
	if o, ok := b.carried[k]; ok {
		h.carry(o)
	}
	filled, rest := b.split(l, k)
	history := []mark{{time.Time{}, h.Position}}
	for _, o := range filled {
		b.fill(h, o, l)
		history = append(history, mark{o.Seen(l).FilledAt, h.Position})
	}
	for _, o := range rest {
		b.stand(h, o, l, history)
	}
	for _, g := range h.Groups {
		h.Surplus -= g.Open() * g.Sign
		h.Realized += Price(g.realized)
	}
	h.Surplus += h.Position
	b.cover(h, l)
	b.cache[l][k] = h
	return h
}

// mark is the position after the fills up to a moment.
type mark struct {
	at       time.Time
	position int64
}

func (h *Holding) carry(o Overnight) {
	g := &Group{ID: carriedGroup, Key: h.Key, Sign: 1, Filled: o.Quantity, Baseline: true, Carried: true, ByOrder: map[string]int64{}}
	if o.Quantity < 0 {
		g.Sign, g.Filled = -1, -o.Quantity
	}
	if o.AveragePrice > 0 {
		g.value, g.valued = int64(o.AveragePrice)*g.Filled, g.Filled
	}
	h.Position = o.Quantity
	h.Groups = append(h.Groups, g)
}

// split gives the orders of a place with fills in exchange time, and those without by id.
func (b *Book) split(l Layer, k Key) (filled, rest []*Order) {
	for _, o := range b.byKey[k] {
		s := o.Seen(l)
		switch {
		case s.Known && s.Row.FilledQuantity > 0:
			filled = append(filled, o)
		case s.Known || o.Link != nil:
			rest = append(rest, o)
		}
	}
	slices.SortFunc(filled, func(x, y *Order) int {
		return cmp.Or(x.Seen(l).FilledAt.Compare(y.Seen(l).FilledAt), compareIDs(x.ID, y.ID))
	})
	slices.SortFunc(rest, func(x, y *Order) int { return compareIDs(x.ID, y.ID) })
	return filled, rest
}

// fill uses up one order's fill: what reduces goes to its group or the oldest open ones, the rest enters.
func (b *Book) fill(h *Holding, o *Order, l Layer) {
	sign, left := o.Sign(), o.Seen(l).Row.FilledQuantity
	average, told := o.Average(l)
	before := h.Position
	h.Position += sign * left
	role, own := b.claimedRole(h, o, sign)
	switch {
	case o.Link != nil && o.Link.Role.IsExit():
		left = h.reduce(o, own, left, average, told, true)
		if left > 0 { // beyond what was open: an exit of ours never becomes an entry
			h.parts[o.ID] = append(h.parts[o.ID], Part{Group: h.member[o.ID], Exit: true, Quantity: left})
		}
		h.roles[o.ID] = o.Link.Role
		return
	case before*sign < 0: // opposite to what is held
		can := min(left, max(before, -before))
		rest := h.reduce(o, own, can, average, told, false)
		if rest > 0 {
			h.parts[o.ID] = append(h.parts[o.ID], Part{Exit: true, Quantity: rest})
		}
		left -= can
		h.roles[o.ID] = cmp.Or(role, exitRole(o, h, own))
	}
	if left == 0 {
		return
	}
	if alwaysExit(o) {
		h.roles[o.ID] = RoleExit
		h.parts[o.ID] = append(h.parts[o.ID], Part{Exit: true, Quantity: left})
		return
	}
	h.enter(o, sign, left, average, told)
	h.roles[o.ID] = RoleEntry
}

// claimedRole is the role of an order that is known to belong to a group: a cover order's leg, or an order
// with the group's own tag; and that group.
func (b *Book) claimedRole(h *Holding, o *Order, sign int64) (Role, *Group) {
	if o.Link != nil {
		g, _ := h.Group(o.Link.Group)
		return o.Link.Role, g
	}
	row := o.Row()
	if row.ParentOrderID != "" {
		if g, ok := h.Group(h.member[row.ParentOrderID]); ok && g.Sign == -sign {
			return typeRole(row.OrderType, true), g
		}
	}
	if row.Tag != "" {
		for _, g := range h.Groups {
			if g.Tag == row.Tag && g.Open() > 0 && g.Sign == -sign {
				return typeRole(row.OrderType, true), g
			}
		}
	}
	return RoleUnknown, nil
}

// exitRole is the role of an exit that Backstop did not place.
func exitRole(o *Order, h *Holding, own *Group) Role { return typeRole(o.Row().OrderType, own != nil) }

func typeRole(orderType string, inGroup bool) Role {
	switch {
	case orderType == "SL" || orderType == "SL-M":
		return RoleStopLoss
	case orderType == "LIMIT" && inGroup:
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

// reduce takes quantity off own, then off the oldest open groups on the other side, and returns what found none.
func (h *Holding) reduce(o *Order, own *Group, quantity int64, average Price, told, linked bool) int64 {
	take := func(g *Group, n int64) {
		if n <= 0 {
			return
		}
		g.exit(o.ID, n, average, told)
		h.parts[o.ID] = append(h.parts[o.ID], Part{Group: g.ID, Exit: true, Quantity: n})
		if h.member[o.ID] == "" {
			h.member[o.ID] = g.ID
		}
		quantity -= n
	}
	if own != nil {
		n := min(quantity, own.Open())
		if linked && o.Link.Group != "" { // ours reduces its own group alone; the rest is surplus
			h.member[o.ID] = own.ID
			take(own, n)
			return quantity
		}
		take(own, n)
	}
	for _, g := range h.Groups {
		if quantity == 0 {
			break
		}
		if g.Sign == -o.Sign() && g != own {
			take(g, min(quantity, g.Open()))
		}
	}
	return quantity
}

func (g *Group) exit(orderID string, n int64, average Price, told bool) {
	if !slices.Contains(g.Exits, orderID) {
		g.Exits = append(g.Exits, orderID)
	}
	g.Exited += n
	g.ByOrder[orderID] += n
	g.LastExit = orderID
	if entry, ok := g.EntryPrice(); ok && told {
		g.realized += (int64(average) - int64(entry)) * n * g.Sign
	} else {
		g.unknown = true
	}
}

// enter opens a group or joins the open one with the same tag.
func (h *Holding) enter(o *Order, sign, quantity int64, average Price, told bool) {
	var g *Group
	if tag := o.Row().Tag; tag != "" {
		for _, have := range h.Groups {
			if have.Tag == tag && have.Sign == sign {
				g = have
			}
		}
	}
	if g == nil {
		g = &Group{ID: o.ID, Key: h.Key, Sign: sign, Tag: o.Row().Tag, Baseline: o.Baseline, ByOrder: map[string]int64{}}
		h.Groups = append(h.Groups, g)
	}
	g.Entries = append(g.Entries, o.ID)
	g.Filled += quantity
	if told {
		g.value += int64(average) * quantity
		g.valued += quantity
	}
	h.parts[o.ID] = append(h.parts[o.ID], Part{Group: g.ID, Quantity: quantity})
	h.member[o.ID] = g.ID
}

// stand gives a role to an order without fills: against the position that it met when it was placed, or that
// stands now, whichever it would reduce.
func (b *Book) stand(h *Holding, o *Order, l Layer, history []mark) {
	sign := o.Sign()
	role, own := b.claimedRole(h, o, sign)
	if own != nil {
		h.member[o.ID] = own.ID
	}
	switch {
	case role != RoleUnknown:
		h.roles[o.ID] = role
	case alwaysExit(o), h.Position*sign < 0, met(history, o.Seen(l).Placed)*sign < 0:
		h.roles[o.ID] = exitRole(o, h, own)
	default:
		h.roles[o.ID] = RoleEntry
		if h.member[o.ID] == "" {
			h.member[o.ID] = o.ID
		}
	}
}

// met is the position at a moment; seconds are all the broker tells, so fills of the same second count.
func met(history []mark, at time.Time) int64 {
	position := history[0].position
	for _, m := range history {
		if !m.at.After(at) {
			position = m.position
		}
	}
	return position
}

// cover spreads the live exits over the open groups: ours over their own, adopted ones over the oldest.
func (b *Book) cover(h *Holding, l Layer) {
	free := map[*Group]int64{} // what adopted exits may still cover
	for _, g := range h.Groups {
		free[g] = g.Open()
	}
	live := slices.Clone(b.byKey[h.Key])
	slices.SortFunc(live, func(x, y *Order) int { return compareIDs(x.ID, y.ID) })
	for _, o := range live {
		remaining, role := o.Seen(l).Remaining(), h.roles[o.ID]
		if remaining == 0 || !role.IsExit() {
			continue
		}
		covered := int64(0)
		put := func(g *Group, n int64, linked bool) {
			if n <= 0 {
				return
			}
			covered += n
			g.Live = append(g.Live, Cover{o.ID, role, n, linked})
			if !slices.Contains(g.Exits, o.ID) {
				g.Exits = append(g.Exits, o.ID)
			}
			if h.member[o.ID] == "" {
				h.member[o.ID] = g.ID
			}
		}
		if o.Link != nil && o.Link.Group != "" {
			if g, ok := h.Group(o.Link.Group); ok {
				put(g, min(remaining, g.Open()), true)
			}
		} else {
			for _, g := range h.Groups {
				if g.Sign == -o.Sign() && covered < remaining {
					n := min(remaining-covered, free[g])
					free[g] -= max(0, n)
					put(g, n, o.Link != nil)
				}
			}
		}
		if covered == 0 {
			h.Orphans = append(h.Orphans, o.ID)
		}
	}
}
