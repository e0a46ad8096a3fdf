package order

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
	Carried  bool             // in from an earlier day: the orders of that day are in no book
	Carry    int64            // of Filled: what was carried in
	Close    Price            // of what was carried in: the last close, 0 where that is not told
	Gone     bool             // it was closed over night, and nobody saw by what and at what price
	Since    Day              // of what was carried in: the day on which it began
	First    *Update          // of what was carried in: its first entry, where that is known
	LastExit string           // the order whose fill reduced it last
	ByOrder  map[string]int64 // how much each exit order took
	entry    [1]string        // room for Entries of nearly all
	entered  value
	brought  value // of entered: what was carried in
	left     value // what the exits brought

	reducedBy []string // the exits that took something, in the order of their fills
	standing  []string // those that stand ready and took nothing
	counted   Price    // what of it is in Holding.Realized
	stirred   bool     // it changed, and Exits and counted lag
	news      bool     // it changed since the last Changes
}

// value is quantity x average, and the quantity whose average Kite has told.
type value struct{ amount, quantity int64 }

func (v *value) add(quantity int64, average Price, told bool) {
	if told {
		v.amount += int64(average) * quantity
		v.quantity += quantity
	}
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

// FirstEntry is the order id of the first entry, "" where nobody knows it.
func (g *Group) FirstEntry() string {
	switch {
	case g.Carried && g.ID != carriedGroup:
		return g.ID
	case len(g.Entries) > 0:
		return g.Entries[0]
	}
	return ""
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
	if g.Filled == 0 || g.entered.quantity != g.Filled {
		return 0, false
	}
	return Price(g.entered.amount / g.Filled), true
}

// Realized is the profit of what was exited against the entry price, before charges, and whether all averages
// that it needs are told. Of a flat group it is exactly what was sold less what was bought.
func (g *Group) Realized() (Price, bool) {
	if g.Exited == 0 {
		return 0, true
	}
	if _, told := g.EntryPrice(); !told || g.left.quantity != g.Exited {
		return 0, false
	}
	whole, rest := g.entered.amount/g.Filled, g.entered.amount%g.Filled
	return Price(g.Sign * (g.left.amount - whole*g.Exited - rest*g.Exited/g.Filled)), true
}

// Stock says whether the group is delivery that was there before Backstop saw any of its entries: shares that are held, not
// traded. They are nobody's business but their owner's.
func (g *Group) Stock() bool {
	return g.Carried && g.Baseline && (g.Key.Product == "CNC" || g.Key.Product == "MTF")
}

// ofToday is the group as today sees it: what was carried in was entered at the last close.
func (g *Group) ofToday() *Group {
	if g.Carry == 0 || g.Close == 0 {
		return g
	}
	t := *g
	t.entered.amount += int64(g.Close)*g.Carry - g.brought.amount
	t.entered.quantity += g.Carry - g.brought.quantity
	return &t
}

// DayEntry is the entry price for the day's result: of what was carried in it is the last close, where that is told.
func (g *Group) DayEntry() (Price, bool) { return g.ofToday().EntryPrice() }

// DayRealized is what the group's exits brought today.
func (g *Group) DayRealized() (Price, bool) { return g.ofToday().Realized() }

// exit takes n off the group by an order's fill.
func (g *Group) exit(orderID string, n int64, average Price, told bool) {
	if g.ByOrder[orderID] == 0 {
		g.reducedBy = append(g.reducedBy, orderID)
	}
	g.Exited += n
	if g.ByOrder == nil {
		g.ByOrder = map[string]int64{}
	}
	g.ByOrder[orderID] += n
	g.LastExit = orderID
	g.left.add(n, average, told)
}
