package order

import (
	"slices"
	"time"
)

// settle gives the orders without fills their roles and spreads the live exits over the open groups: what depends on
// the position as it stands now, and is therefore done anew whenever the place changed.
func (b *Book) settle(h *Holding) {
	for _, o := range h.rest {
		b.stand(h, o, h.history)
	}
	b.cover(h)
	for _, g := range h.stirred {
		g.Exits = append(append(g.Exits[:0:0], g.reducedBy...), g.standing...)
		slices.SortFunc(g.Exits, compareIDs)
		realized, _ := g.Realized()
		h.Realized += realized - g.counted
		g.counted, g.stirred = realized, false
	}
	h.stirred = h.stirred[:0]
	h.Surplus = h.Position - h.long + h.short
}

// unsettle takes back what settle gave before.
func (h *Holding) unsettle() {
	for _, id := range h.stood {
		delete(h.turns, id)
	}
	for _, id := range h.joined {
		if t := h.turns[id]; t != nil {
			t.group = ""
		}
	}
	for _, g := range h.covered {
		g.Live, g.standing = nil, nil
		h.change(g)
	}
	h.stood, h.joined, h.covered, h.Orphans = h.stood[:0], h.joined[:0], h.covered[:0], nil
}

// stand gives a role to an order without fills: against the position that it met when it was placed, or that
// stands now while it lives, whichever it would reduce.
func (b *Book) stand(h *Holding, o *Order, history []mark) {
	sign, s := o.Sign(), o.Seen(h.layer)
	role, own := b.claimedRole(h, o, sign)
	h.stood = append(h.stood, o.ID)
	t := h.turnOf(o.ID)
	if own != nil {
		t.group = own.ID
	}
	switch {
	case role != RoleUnknown:
		t.role = role
		if o.Link == nil && own == nil { // a cover order's leg whose parent has not filled
			t.group = h.GroupOf(o.Row().ParentOrderID)
		}
	case alwaysExit(o), s.Live() && h.Position*sign < 0, met(history, s.Placed)*sign < 0:
		t.role = h.typeRole(o, false)
	default:
		t.role, t.group = RoleEntry, o.ID
	}
}

// met is the position at a moment; seconds are all the broker tells, so fills of the same second count.
func met(history []mark, at time.Time) int64 {
	after, _ := slices.BinarySearchFunc(history[1:], at, func(m mark, at time.Time) int {
		if m.at.After(at) {
			return 1
		}
		return -1
	})
	return history[after].position
}

// cover spreads the live exits over the open groups: ours over their own, adopted ones over the group that they
// belong to, then over what has no exit of ours, then over the oldest. A stop and a target may stand before the same
// quantity: only one of them fills.
func (b *Book) cover(h *Holding) {
	used := map[shelf]int64{} // what adopted exits of a role cover already
	for _, o := range h.alive {
		if o.behindGroup() {
			b.coverBy(h, o, used)
		}
	}
	for _, o := range h.alive {
		if !o.behindGroup() {
			b.coverBy(h, o, used)
		}
	}
}

// shelf is where adopted exits of a role stand before a group.
type shelf struct {
	group string
	role  Role
}

// behindGroup says whether Backstop placed the order behind one group.
func (o *Order) behindGroup() bool {
	return o.Link != nil && o.Link.Group != "" && o.Link.Role.IsExit()
}

// uncovered is what of a group no live exit of ours with a role like this one stands before.
func (g *Group) uncovered(role Role) int64 {
	n := g.Open()
	for _, c := range g.Live {
		if c.Linked && (c.Role == RoleTarget) == (role == RoleTarget) {
			n -= c.Quantity
		}
	}
	return max(0, n)
}

// coverBy spreads one live exit.
func (b *Book) coverBy(h *Holding, o *Order, used map[shelf]int64) {
	t := h.turnOf(o.ID)
	remaining, role, sign := o.Seen(h.layer).Remaining(), t.role, o.Sign()
	if remaining > 0 && role.IsExit() {
		behind := int64(0) // the open quantity that it could reduce
		put := func(g *Group, n int64, linked bool) {
			behind += g.Open()
			if g.Open() == 0 {
				return
			}
			if t.group == "" {
				t.group = g.ID
				h.joined = append(h.joined, o.ID)
			}
			if n > 0 {
				remaining -= n
				g.Live = append(g.Live, Cover{o.ID, role, n, linked})
			}
			if g.ByOrder[o.ID] == 0 && (n > 0 || t.group == g.ID) && !slices.Contains(g.standing, o.ID) {
				g.standing = append(g.standing, o.ID)
			}
			h.covered = append(h.covered, g)
			h.change(g)
		}
		if o.behindGroup() {
			if g := h.behind(o.Link.Group); g != nil {
				put(g, min(remaining, g.Open()), o.kept())
			}
		} else {
			adopt := func(g *Group) {
				n := min(remaining, g.Open()-used[shelf{g.ID, role}])
				used[shelf{g.ID, role}] += n
				put(g, n, o.kept())
			}
			own := h.byID[t.group]
			if own != nil && own.Sign == -sign {
				adopt(own)
			}
			for _, g := range h.open {
				if n := min(remaining, g.uncovered(role)-used[shelf{g.ID, role}]); g != own && g.Sign == -sign && n > 0 {
					used[shelf{g.ID, role}] += n
					put(g, n, o.kept())
				}
			}
			for _, g := range h.open {
				if remaining == 0 {
					break
				}
				if g != own && g.Sign == -sign {
					adopt(g)
				}
			}
		}
		parent, ok := b.orders[o.Row().ParentOrderID]
		if waits := ok && parent.Seen(h.layer).Live(); behind == 0 && !waits {
			h.Orphans = append(h.Orphans, o.ID)
		}
	}
}

// kept says whether Backstop's own stops stand beside the order: what a slot keeps, and a target that a rule placed.
func (o *Order) kept() bool { return o.Link != nil && (!o.Link.Loose || o.Link.Role == RoleTarget) }
