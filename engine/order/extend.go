package order

import (
	"slices"
	"time"
)

// extension is what lets a holding go on with the book in place of being derived anew: news of an order whose turn
// is the last, or that has no fills, changes nothing of what was used before. Whatever else comes (a fill that turns
// up late, one that grows, another link) derives the place from the beginning, so that the result is always the
// one that derive gives.
type extension struct {
	pending []*Order        // folded since, in the order of their coming
	moved   time.Time       // when the last conversion was seen
	last    filled          // the fill that had the last turn
	behinds map[string]bool // orders that some fill was placed behind, or names as its parent
	history []mark
	rest    []*Order // without fills, by id
	alive   []*Order // that can still fill, by id

	stood   []string // orders that settle gave a role
	joined  []string // orders that settle gave a group
	covered []*Group // groups that settle gave a cover
	stirred []*Group // groups that changed since the last settle

	fresh      bool // derived anew since the last Changes: anything may have changed
	newsOrders []*Order
	newsGroups []*Group
}

func newExtension() extension { return extension{behinds: map[string]bool{}, fresh: true} }

// use is all that an order's fill was counted with.
type use struct {
	at                time.Time
	turn, behind      string
	filled, sign      int64
	average           Price
	told              bool
	tag, parent, kind string
	link              *Link
}

// useOf is what an order's fill counts with now.
func (h *Holding) useOf(f filled) use {
	s, row := f.Seen(h.layer), f.Row()
	average, told := f.Average(h.layer)
	return use{f.at, f.id, f.Order.behind(), s.Row.FilledQuantity, f.Sign(), average, told, f.GroupTag(), row.ParentOrderID, s.Row.OrderType, f.Link}
}

// use uses up the fill that has the next turn.
func (b *Book) use(h *Holding, f filled) {
	t, u := h.turnOf(f.ID), h.useOf(f)
	t.fills, t.used, h.last = true, u, f
	if u.behind != "" {
		h.behinds[u.behind] = true
	}
	if u.parent != "" {
		h.behinds[u.parent] = true
	}
	b.fill(h, f.Order)
	h.history = append(h.history, mark{f.at, h.Position})
}

// extend takes into a holding what was folded since. False: it must be derived anew.
func (b *Book) extend(h *Holding) bool {
	if len(h.pending) == 0 {
		return true
	}
	pending := h.pending
	h.pending = nil
	h.unsettle()
	for _, o := range pending {
		if !b.extendBy(h, o) {
			return false
		}
	}
	b.settle(h)
	return true
}

func (b *Book) extendBy(h *Holding, o *Order) bool {
	if o.Key() != h.Key {
		return false
	}
	was := h.turns[o.ID]
	f, fills := b.turn(h.layer, o)
	switch {
	case was != nil && was.fills:
		if !fills || h.useOf(f) != was.used {
			return false
		}
	case fills:
		if h.behinds[o.ID] || !h.moved.IsZero() && !h.moved.Before(f.at) || h.last.Order != nil && h.last.compare(f) >= 0 {
			return false
		}
		h.rest = without(h.rest, o)
		b.use(h, f)
	case o.Seen(h.layer).Known || o.Link != nil:
		h.rest = with(h.rest, o)
	default:
		h.rest = without(h.rest, o)
	}
	h.alive = without(h.alive, o)
	if o.Seen(h.layer).Remaining() > 0 {
		h.alive = with(h.alive, o)
	}
	h.newsOrders = append(h.newsOrders, o)
	return true
}

// with is list, sorted by id, with o in it.
func with(list []*Order, o *Order) []*Order {
	i, found := slices.BinarySearchFunc(list, o, func(x, y *Order) int { return compareIDs(x.ID, y.ID) })
	if found {
		return list
	}
	return slices.Insert(list, i, o)
}

// without is list, sorted by id, less o.
func without(list []*Order, o *Order) []*Order {
	i, found := slices.BinarySearchFunc(list, o, func(x, y *Order) int { return compareIDs(x.ID, y.ID) })
	if !found {
		return list
	}
	return slices.Delete(list, i, i+1)
}

// change notes that a group changed.
func (h *Holding) change(g *Group) {
	if !g.stirred {
		g.stirred = true
		h.stirred = append(h.stirred, g)
	}
	if !g.news {
		g.news = true
		h.newsGroups = append(h.newsGroups, g)
	}
}

// Changes are what may have changed at a place on the claimed layer since the last call: with All everything.
type Changes struct {
	All    bool
	Orders []*Order
	Groups []*Group
}

// Changes tells once what may have changed at a place.
func (b *Book) Changes(k Key) Changes {
	h := b.Holding(Claimed, k)
	c := Changes{All: h.fresh, Orders: h.newsOrders, Groups: h.newsGroups}
	for _, g := range h.newsGroups {
		g.news = false
	}
	if c.All {
		c.Orders, c.Groups = b.at(k), h.Groups
	}
	h.fresh, h.newsOrders, h.newsGroups = false, nil, nil
	return c
}

// pend notes that an order was folded: its place goes on from there.
func (b *Book) pend(o *Order) {
	for l := range b.cache {
		if h, ok := b.cache[l][o.Key()]; ok {
			h.pending = append(h.pending, o)
		}
	}
}
