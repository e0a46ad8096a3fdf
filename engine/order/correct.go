package order

import "time"

// Correct tells that an order's role turned out to be another than its fills were told with: an earlier fill
// turned up late, or a claim was refuted. What was told as an exit and is an entry is taken back (role_changed with
// the quantity below zero) and told again as an entry's partial fill, so that the rules behind entries act on it and
// the sum over the order's events stays its filled quantity.
func (b *Book) Correct(o *Order, now time.Time) []Event {
	if !b.known || o.Baseline || o.Told.Filled == 0 {
		return nil
	}
	enters := max(0, o.Told.Filled-b.exited(o))
	if !o.Roled { // told before roles could be known: whoever waited for one is decided with this one
		o.Roled, o.Entered = true, enters
		return nil
	}
	if enters == o.Entered {
		return nil
	}
	o.Corrections++
	t := teller{o: o, holding: b.Holding(Claimed, o.Key()), known: true, now: now, filled: o.Told.Filled}
	taken := enters - o.Entered
	o.Entered = enters
	if taken < 0 { // told as an entry, an exit in truth: its group is gone, and so is what stood behind it
		t.part(KindRoleChanged, 0, o.Told.Filled, RoleExit)
		return t.events
	}
	t.part(KindRoleChanged, -taken, o.Told.Filled-taken, RoleEntry)
	t.part(KindPartialFill, taken, o.Told.Filled, RoleEntry)
	return t.events
}

// exited is how much of an order's claimed fill reduced something.
func (b *Book) exited(o *Order) int64 {
	var n int64
	for _, p := range b.Holding(Claimed, o.Key()).Parts(o.ID) {
		if p.Exit {
			n += p.Quantity
		}
	}
	return n
}

// At are the orders of a place, oldest first. The result is shared: don't change it.
func (b *Book) At(k Key) []*Order { return b.at(k) }
