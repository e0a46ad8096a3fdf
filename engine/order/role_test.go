package order

import (
	"slices"
	"testing"
)

// Ids of the tests, oldest first.
const (
	id1 = "251121000000011"
	id2 = "251121000000012"
	id3 = "251121000000013"
	id4 = "251121000000014"
)

func bought(id string, at int, n int64) sketch {
	return sketch{id: id, raw: "COMPLETE", at: at, quantity: n, filled: n, average: 100}
}

func sold(id string, at int, n int64) sketch {
	s := bought(id, at, n)
	s.side, s.average = Sell, 110
	return s
}

func open(s sketch) sketch {
	s.raw, s.filled, s.average = "OPEN", 0, 0
	return s
}

func (s sketch) as(typ string) sketch     { s.typ = typ; return s }
func (s sketch) tagged(tag string) sketch { s.tag = tag; return s }
func (s sketch) in(k Key) sketch          { s.key = k; return s }
func (s sketch) of(parent string) sketch  { s.parent = parent; return s }

func TestRole(t *testing.T) {
	mis := Key{nifty.Exchange, nifty.Tradingsymbol, "MIS"}
	mtf := Key{"NSE", "INFY", "MTF"}
	long := []Overnight{{Key: nifty, Quantity: 50}}
	for _, c := range []struct {
		name      string
		overnight []Overnight
		seen      []sketch
		link      *Link  // of the last order
		role      Role   // of the last order
		group     string // of the last order
	}{
		{"a fill that meets flat is an entry and a group alone", nil, []sketch{bought(id1, 0, 10)}, nil, RoleEntry, id1},
		{"a sale that meets flat is an entry", nil, []sketch{sold(id1, 0, 10)}, nil, RoleEntry, id1},
		{"the same side is an entry and a group alone", nil, []sketch{bought(id1, 0, 10), bought(id2, 1, 10)}, nil, RoleEntry, id2},
		{"the same user tag is the same group", nil, []sketch{bought(id1, 0, 10).tagged("a"), bought(id2, 1, 10).tagged("a")}, nil, RoleEntry, id1},
		{"another tag is another group", nil, []sketch{bought(id1, 0, 10).tagged("a"), bought(id2, 1, 10).tagged("b")}, nil, RoleEntry, id2},
		{"the same tag in another product is another group", nil, []sketch{bought(id1, 0, 10).tagged("a"), bought(id2, 1, 10).tagged("a").in(mis)}, nil, RoleEntry, id2},
		{"a tag whose group went flat opens a new group", nil, []sketch{bought(id1, 0, 10).tagged("a"), sold(id2, 1, 10), bought(id3, 2, 10).tagged("a")}, nil, RoleEntry, id3},
		{"the opposite side as MARKET is an exit", nil, []sketch{bought(id1, 0, 10), sold(id2, 1, 10).as("MARKET")}, nil, RoleExit, id1},
		{"the opposite side as SL is a stop", nil, []sketch{bought(id1, 0, 10), sold(id2, 1, 10).as("SL")}, nil, RoleStopLoss, id1},
		{"the opposite side as SL-M is a stop", nil, []sketch{bought(id1, 0, 10), sold(id2, 1, 10).as("SL-M")}, nil, RoleStopLoss, id1},
		{"the opposite side as LIMIT without a tag is an exit", nil, []sketch{bought(id1, 0, 10), sold(id2, 1, 10)}, nil, RoleExit, id1},
		{"the opposite side as LIMIT in a tag group is a target", nil, []sketch{bought(id1, 0, 10).tagged("a"), sold(id2, 1, 10).tagged("a")}, nil, RoleTarget, id1},
		{"an exit goes to its tag's group, not to the oldest", nil, []sketch{bought(id1, 0, 10), bought(id2, 1, 10).tagged("a"), sold(id3, 2, 10).tagged("a")}, nil, RoleTarget, id2},
		{"an exit without a tag goes to the oldest", nil, []sketch{bought(id1, 0, 10).tagged("a"), bought(id2, 1, 10), sold(id3, 2, 10)}, nil, RoleExit, id1},
		{"a live opposite order is an exit", nil, []sketch{bought(id1, 0, 10), open(sold(id2, 1, 10))}, nil, RoleExit, id1},
		{"a live order of the same side is an entry", nil, []sketch{bought(id1, 0, 10), open(bought(id2, 1, 10))}, nil, RoleEntry, id2},
		{"a dead order keeps the role of its time", nil, []sketch{open(bought(id2, 0, 10)).end("CANCELLED"), sold(id3, 5, 10), open(bought(id2, 0, 10)).end("CANCELLED")}, nil, RoleEntry, id2},
		{"an exit that hangs after flat stays an exit", nil, []sketch{bought(id1, 0, 10), sold(id2, 5, 10), open(sold(id3, 3, 10))}, nil, RoleExit, ""},
		{"what was carried in is a position", long, []sketch{sold(id1, 0, 50)}, nil, RoleExit, "overnight"},
		{"a cover order's leg belongs to its parent", nil, []sketch{bought(id1, 0, 10), bought(id2, 0, 10), sold(id3, 5, 10).as("SL").of(id2)}, nil, RoleStopLoss, id2},
		{"a cover order's leg is a stop before its parent fills", nil, []sketch{open(bought(id1, 0, 10)), open(sold(id2, 0, 10)).as("SL").of(id1)}, nil, RoleStopLoss, id1},
		{"a parent of the same side says nothing", nil, []sketch{bought(id1, 0, 10), bought(id2, 0, 10).of(id1)}, nil, RoleEntry, id2},
		{"a parent that is not known says nothing", nil, []sketch{bought(id1, 0, 10), sold(id2, 0, 10).of("251121000000001")}, nil, RoleExit, id1},
		{"what Backstop placed is what it was placed as", nil, []sketch{bought(id1, 0, 10), sold(id2, 5, 10)}, &Link{Group: id1, Role: RoleTarget}, RoleTarget, id1},
		{"what Backstop placed as a stop is one where it is a MARKET now", nil, []sketch{bought(id1, 0, 10), sold(id2, 5, 10).as("MARKET")}, &Link{Group: id1, Role: RoleStopLoss}, RoleStopLoss, id1},
		{"an exit of ours never becomes an entry", nil, []sketch{sold(id2, 5, 10)}, &Link{Group: id1, Role: RoleStopLoss}, RoleStopLoss, ""},
		{"an exit of ours goes to its own group, not to the oldest", nil, []sketch{bought(id1, 0, 10), bought(id2, 1, 10), sold(id3, 5, 10)}, &Link{Group: id2, Role: RoleStopLoss}, RoleStopLoss, id2},
		{"an exit of the whole position goes to the oldest", nil, []sketch{bought(id1, 0, 10), bought(id2, 1, 10), sold(id3, 5, 20)}, &Link{Role: RoleExit}, RoleExit, id1},
		{"a sale of delivery is an exit without a position", nil, []sketch{sold(id1, 0, 10).in(infy)}, nil, RoleExit, ""},
		{"a live sale of delivery is an exit without a position", nil, []sketch{open(sold(id1, 0, 10)).in(infy)}, nil, RoleExit, ""},
		{"a sale in MTF is an exit", nil, []sketch{sold(id1, 0, 10).in(mtf)}, nil, RoleExit, ""},
		{"a sale in MIS may open", nil, []sketch{sold(id1, 0, 10).in(mis)}, nil, RoleEntry, id1},
		{"fills of one second count by order id", nil, []sketch{sold(id2, 0, 10), bought(id1, 0, 10)}, nil, RoleEntry, id1},
		{"15 digits are older than 19", nil, []sketch{sold("1991542000000000010", 0, 10), bought("251121000000099", 0, 10)}, nil, RoleEntry, "251121000000099"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, c.overnight...)
			var id string
			for _, s := range c.seen {
				w.see(s)
				id = s.id
			}
			if c.link != nil {
				w.link(id, *c.link)
			}
			for _, l := range []Layer{Claimed, Confirmed} {
				h := w.Holding(l, w.order(id).Key())
				if h.Role(id) != c.role || h.GroupOf(id) != c.group {
					t.Errorf("layer %d: %q in %q, want %q in %q\n%s", l, h.Role(id), h.GroupOf(id), c.role, c.group, picture(h))
				}
			}
		})
	}
}

// end is the same order, gone.
func (s sketch) end(raw string) sketch { s.raw = raw; return s }

func TestNoRoleIsGivenBeforeTheOvernightQuantitiesAreKnown(t *testing.T) {
	w := &world{t: t, Book: NewBook(account), clock: start}
	wantLines(t, w.see(sold(id1, 0, 10)), "fill 10/10")
	w.SetOvernight([]Overnight{{Key: nifty, Quantity: 10}})
	if h := w.Holding(Claimed, nifty); h.Role(id1) != RoleExit {
		t.Errorf("role %q once known", h.Role(id1))
	}
}

func TestALateEarlierFillChangesRoles(t *testing.T) {
	w := newWorld(t)
	w.see(bought(id2, 10, 10))
	w.see(open(sold(id3, 12, 10)).as("SL"))
	w.link(id3, Link{Group: id2, Role: RoleStopLoss})
	if h := w.Holding(Claimed, nifty); h.Role(id2) != RoleEntry || len(h.Orphans) != 0 {
		t.Fatalf("before:\n%s", picture(h))
	}
	wantLines(t, w.see(sold(id1, 5, 10)), "fill 10/10 entry "+id1)
	h := w.Holding(Claimed, nifty)
	if h.Role(id2) != RoleExit || h.GroupOf(id2) != id1 || h.Position != 0 {
		t.Errorf("after:\n%s", picture(h))
	}
	if !slices.Equal(h.Orphans, []string{id3}) || h.Role(id3) != RoleStopLoss {
		t.Errorf("the stop that was placed behind it is no orphan:\n%s", picture(h))
	}
	w.see(sold(id3, 15, 10).as("SL")) // fills all the same: never an entry, the surplus shows it
	if h = w.Holding(Claimed, nifty); h.Position != -10 || h.Surplus != -10 || h.Role(id3) != RoleStopLoss {
		t.Errorf("at the end:\n%s", picture(h))
	}
}

func TestAnExitOfOursHasItsTurnAfterItsEntry(t *testing.T) {
	for _, c := range []struct {
		name        string
		entry, exit sketch
	}{
		{"in the same second with a shorter id", bought("1991542000000000010", 5, 10), sold("251121000000099", 5, 10)},
		{"where the entry's first fill was never seen", bought(id1, 9, 10), sold(id2, 7, 10)},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.see(c.exit)
			w.link(c.exit.id, Link{Group: c.entry.id, Role: RoleStopLoss})
			w.see(c.entry)
			for _, l := range []Layer{Claimed, Confirmed} {
				h := w.Holding(l, nifty)
				if g, ok := h.Group(c.entry.id); !ok || g.Open() != 0 || h.Surplus != 0 {
					t.Errorf("layer %d\n%s", l, picture(h))
				}
			}
		})
	}
}

func TestAnExitByHandIsAdopted(t *testing.T) {
	w := newWorld(t)
	w.see(bought(id1, 0, 10))
	w.see(bought(id2, 1, 10))
	w.see(open(sold(id3, 5, 15)))
	h := w.Holding(Confirmed, nifty)
	one, _ := h.Group(id1)
	two, _ := h.Group(id2)
	if one.Adopted() != 10 || one.Covered() != 10 || two.Adopted() != 5 || two.Covered() != 5 {
		t.Errorf("alive, it covers the oldest first:\n%s", picture(h))
	}
	if !slices.Equal(one.Exits, []string{id3}) || h.GroupOf(id3) != id1 {
		t.Errorf("it belongs to the oldest:\n%s", picture(h))
	}
	wantLines(t, w.see(sold(id3, 5, 15)), "fill 15/15 exit "+id1)
	h = w.Holding(Confirmed, nifty)
	one, _ = h.Group(id1)
	two, _ = h.Group(id2)
	if one.Open() != 0 || two.Open() != 5 || one.ByOrder[id3] != 10 || two.LastExit != id3 {
		t.Errorf("filled, it reduces the oldest first:\n%s", picture(h))
	}
}

func TestALinkedExitCoversItsOwnGroupAndIsNotAdopted(t *testing.T) {
	w := newWorld(t)
	w.see(bought(id1, 0, 10))
	w.see(bought(id2, 1, 10))
	w.see(open(sold(id3, 5, 10)).as("SL"))
	w.link(id3, Link{Group: id2, Role: RoleStopLoss})
	w.see(open(sold(id4, 6, 10)).as("LIMIT"))
	w.link(id4, Link{Group: id2, Role: RoleTarget})
	h := w.Holding(Confirmed, nifty)
	one, _ := h.Group(id1)
	two, _ := h.Group(id2)
	if one.Covered() != 0 || two.Covered() != 10 || two.Adopted() != 0 || len(two.Live) != 2 {
		t.Errorf("stop and target cover the same ten:\n%s", picture(h))
	}
	w.see(sold(id3, 7, 10).as("SL"))
	h = w.Holding(Confirmed, nifty)
	if !slices.Equal(h.Orphans, []string{id4}) {
		t.Errorf("the target has nothing behind it now:\n%s", picture(h))
	}
}

func TestAStopAndATargetByHandCoverTheSameQuantity(t *testing.T) {
	w := newWorld(t)
	w.see(bought(id1, 0, 10).tagged("a"))
	w.see(open(sold(id2, 5, 10)).as("SL").tagged("a"))
	w.see(open(sold(id3, 6, 10)).tagged("a"))
	w.see(open(sold(id4, 6, 10)).as("SL").tagged("a")) // one too many
	h := w.Holding(Confirmed, nifty)
	g, _ := h.Group(id1)
	if g.Covered() != 10 || g.Adopted() != 10 || len(h.Orphans) != 0 || !slices.Equal(g.Exits, []string{id2, id3, id4}) {
		t.Errorf("%s", picture(h))
	}
}

func TestALiveExitInATagGroupCoversThatGroup(t *testing.T) {
	w := newWorld(t)
	w.see(bought(id1, 0, 10))
	w.see(bought(id2, 1, 10).tagged("a"))
	w.see(open(sold(id3, 5, 10)).tagged("a"))
	h := w.Holding(Confirmed, nifty)
	one, _ := h.Group(id1)
	two, _ := h.Group(id2)
	if one.Covered() != 0 || two.Covered() != 10 {
		t.Errorf("%s", picture(h))
	}
}

// leg is one of an iceberg's, bought.
func leg(id string, at int) sketch {
	s := bought(id, at, 10)
	s.edit = func(u *Update) { u.Variety = "iceberg" }
	return s
}

// A sale that turns up late makes the first leg of an iceberg a way back. The target that was placed behind the iceberg has sold
// what the other leg entered: else twice as much would be bought back, and nothing would stand behind that leg.
func TestWhatWasPlacedBehindAnIcebergStandsBehindItsLaterLeg(t *testing.T) {
	w := newWorld(t)
	w.see(leg(id2, 1))
	w.see(leg(id3, 2))
	w.link(id3, Link{Group: id2, Role: RoleOther})
	w.see(sold(id4, 3, 20))
	w.link(id4, Link{Group: id2, Role: RoleTarget})
	if h := w.Holding(Confirmed, nifty); h.Position != 0 || h.Surplus != 0 || len(h.Groups) != 1 {
		t.Fatalf("%s", picture(h))
	}
	w.see(sold(id1, 0, 10))
	h := w.Holding(Confirmed, nifty)
	if g, ok := h.Group(id3); !ok || g.Filled != 10 || g.Open() != 0 || h.Surplus != -10 || h.Position != -10 || len(h.Groups) != 2 {
		t.Errorf("%s", picture(h))
	}
	if _, ok := h.Group(id2); ok {
		t.Errorf("its first leg opened a group: %s", picture(h))
	}
}

// The leg that the placement is known by need not have had its turn: the book may have hidden an earlier one. Then each opens its own.
func TestAnEarlierLegOfAnIcebergOpensItsOwnGroup(t *testing.T) {
	w := newWorld(t)
	w.see(leg(id2, 2))
	w.see(leg(id1, 1))
	w.link(id1, Link{Group: id2, Role: RoleOther})
	h := w.Holding(Confirmed, nifty)
	one, ok1 := h.Group(id1)
	two, ok2 := h.Group(id2)
	if !ok1 || !ok2 || one.Open() != 10 || two.Open() != 10 || len(h.Groups) != 2 {
		t.Errorf("%s", picture(h))
	}
}

func TestMoreExitedThanEnteredIsSurplus(t *testing.T) {
	w := newWorld(t)
	w.see(bought(id1, 0, 10))
	w.see(sold(id2, 5, 10)) // by hand, first
	w.see(sold(id3, 6, 10).as("SL"))
	w.link(id3, Link{Group: id1, Role: RoleStopLoss})
	h := w.Holding(Confirmed, nifty)
	g, _ := h.Group(id1)
	if h.Position != -10 || h.Surplus != -10 || g.Exited != 10 || len(h.Groups) != 1 {
		t.Fatalf("%s", picture(h))
	}
	w.see(bought(id4, 8, 10).as("MARKET")) // what closes it touches no group
	w.link(id4, Link{Group: "over", Role: RoleExit})
	if h = w.Holding(Confirmed, nifty); h.Position != 0 || h.Surplus != 0 || len(h.Groups) != 1 || h.Role(id4) != RoleExit {
		t.Errorf("%s", picture(h))
	}
}

func TestWhatClosesASurplusLeavesTheGroupsAlone(t *testing.T) {
	w := newWorld(t)
	w.see(bought(id1, 0, 10))
	w.see(sold(id2, 5, 20).as("SL"))
	w.link(id2, Link{Group: id1, Role: RoleStopLoss})
	w.see(sold(id3, 6, 5)) // short by hand, on the same side as the surplus
	w.see(bought(id4, 7, 10).as("MARKET"))
	w.link(id4, Link{Group: "over", Role: RoleExit})
	h := w.Holding(Confirmed, nifty)
	if g, ok := h.Group(id3); !ok || g.Open() != 5 || h.Surplus != 0 || h.Position != -5 {
		t.Errorf("%s", picture(h))
	}
}

func TestEntryPriceAndRealized(t *testing.T) {
	at := func(s sketch, price float64) sketch { s.average = price; return s }
	short := func(s sketch) sketch {
		if s.side == Sell {
			s.side = Buy
		} else {
			s.side = Sell
		}
		return s
	}
	same := func(s sketch) sketch { return s }
	for _, c := range []struct {
		name            string
		seen            []sketch
		side            func(sketch) sketch
		entry, realized float64
		known           bool
	}{
		{"nothing exited", []sketch{at(bought(id1, 0, 10), 100)}, same, 100, 0, true},
		{"bought, sold higher", []sketch{at(bought(id1, 0, 10), 100), at(sold(id2, 1, 4), 110.5)}, same, 100, 42, true},
		{"bought, sold lower", []sketch{at(bought(id1, 0, 10), 100), at(sold(id2, 1, 10), 90)}, same, 100, -100, true},
		{"sold, bought higher", []sketch{at(bought(id1, 0, 10), 100), at(sold(id2, 1, 4), 110.5)}, short, 100, -42, true},
		{"sold, bought lower", []sketch{at(bought(id1, 0, 10), 100), at(sold(id2, 1, 10), 90)}, short, 100, 100, true},
		{"entered twice, exited between", []sketch{at(bought(id1, 0, 10).tagged("a"), 100), at(sold(id2, 1, 5), 110), at(bought(id3, 2, 10).tagged("a"), 120), at(sold(id4, 3, 15), 130)}, same, 110, 300, true},
		{"an exit without an average", []sketch{at(bought(id1, 0, 10), 100), at(sold(id2, 1, 4), 0)}, same, 100, 0, false},
		{"an entry without an average", []sketch{at(bought(id1, 0, 10), 0), at(sold(id2, 1, 4), 100)}, same, 0, 0, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			for _, s := range c.seen {
				w.see(c.side(s))
			}
			h := w.Holding(Claimed, nifty)
			g, _ := h.Group(id1)
			entry, told := g.EntryPrice()
			if entry != rupees(c.entry) || told != (c.entry > 0) {
				t.Errorf("entry %v %v, want %v", entry, told, c.entry)
			}
			if realized, known := g.Realized(); realized != rupees(c.realized) || known != c.known || h.Realized != realized {
				t.Errorf("realized %v %v, of all %v, want %v %v", realized, known, h.Realized, c.realized, c.known)
			}
		})
	}
}

func TestEntryPriceOfManyOddLotsIsExactInTheSum(t *testing.T) {
	w := newWorld(t)
	w.see(sketch{id: id1, raw: "COMPLETE", at: 0, quantity: 3, filled: 3, average: 100.000001, tag: "a"})
	w.see(sketch{id: id2, raw: "COMPLETE", at: 1, quantity: 4, filled: 4, average: 100.000002, tag: "a"})
	w.see(sketch{id: id3, raw: "COMPLETE", at: 2, quantity: 7, filled: 7, average: 101, side: Sell})
	g, _ := w.Holding(Claimed, nifty).Group(id1)
	if realized, _ := g.Realized(); realized != 7*Rupee-11 {
		t.Errorf("realized %v of a flat group, want 6.999989", realized)
	}
}

func TestGroupSides(t *testing.T) {
	w := newWorld(t)
	w.see(sold(id1, 0, 10))
	w.see(bought(id2, 1, 10).in(infy))
	short, _ := w.Holding(Claimed, nifty).Group(id1)
	long, _ := w.Holding(Claimed, infy).Group(id2)
	if short.Side() != Sell || short.ExitSide() != Buy || long.Side() != Buy || long.ExitSide() != Sell {
		t.Errorf("short %s %s, long %s %s", short.Side(), short.ExitSide(), long.Side(), long.ExitSide())
	}
}
