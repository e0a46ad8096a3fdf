package lane

import (
	"cmp"
	"slices"

	"backstop/engine/order"
	"backstop/rules"
)

// words is the snapshot that an expression reads for an event: the claimed layer as it stands.
func (l *Lane) words(e *order.Event, r *run) *rules.Words {
	w := &rules.Words{Event: l.eventWords(e), Account: rules.AccountWords{ID: l.o.Account, Label: cmp.Or(l.o.Label, l.o.Account)}}
	if o, ok := l.book.Order(e.OrderID); ok {
		w.Order = l.orderWords(o)
		if e.Reason != "" {
			w.Order.Reason, w.Order.Hint = e.Reason, e.Hint
		}
		if e.Role != order.RoleUnknown {
			w.Order.Role, w.Order.IsExit = string(e.Role), e.Role.IsExit()
		}
	}
	if e.OrderID == "" { // of a group whose entry is not known: its instrument is
		w.Order.Exchange, w.Order.Tradingsymbol, w.Order.Product = e.Key.Exchange, e.Key.Tradingsymbol, e.Key.Product
	}
	if g := l.group(order.Claimed, e.Key, e.Group); g != nil {
		w.Group = l.groupWords(g)
		if g.First != nil && e.OrderID == g.ID { // its entry is of an earlier day and in no book
			w.Order = l.earlierWords(g)
		}
	}
	if layer, _ := l.pricedBy(e); layer == order.Confirmed {
		l.confirmedPrices(w, e)
	}
	w.Event.Order, w.Event.Group = w.Order, w.Group
	l.placeWords(w, e.Key)
	w.State = l.memory
	if l.dayKinds[e.Kind] && l.book.OvernightKnown() {
		w.Day = l.dayWords()
	}
	if r != nil {
		w.Action, w.Steps = r.Last, r.Steps
		if r.Error != nil {
			w.Error = *r.Error
		}
	}
	return w
}

// earlierWords are the words of a group's first entry, as it was last seen on its own day.
func (l *Lane) earlierWords(g *order.Group) rules.OrderWords {
	w := l.rowWords(g.First)
	w.Role, w.Tag = string(order.RoleEntry), g.Tag
	w.Age = age(l.meta.Now, g.First.OrderTimestamp)
	return w
}

// placeWords are the words of a place: its position, instrument, session and what happened there.
func (l *Lane) placeWords(w *rules.Words, k order.Key) {
	w.Position = l.positionWords(k)
	w.Instrument = rules.InstrumentWords{}
	if i, ok := l.instrument(k); ok {
		w.Instrument = rules.InstrumentWords{TickSize: i.TickSize.Rupees(), LotSize: int(i.LotSize), Expiry: i.Expiry,
			Strike: i.Strike.Rupees(), Segment: i.Segment, InstrumentType: i.Type}
	}
	if l.needs.Clock {
		w.Clock = l.clockWords(k.Exchange)
	}
	w.Recent = l.recentWords(k)
}

// confirmedPrices puts the averages of the broker's own channels in the place of claimed ones.
func (l *Lane) confirmedPrices(w *rules.Words, e *order.Event) {
	if o, ok := l.book.Order(e.OrderID); ok {
		if p, told := o.Average(order.Confirmed); told {
			w.Order.AveragePrice = p.Rupees()
		}
	}
	if g := l.group(order.Confirmed, e.Key, e.Group); g != nil {
		if p, told := g.EntryPrice(); told {
			w.Group.EntryPrice = p.Rupees()
		}
	}
}

func (l *Lane) eventWords(e *order.Event) rules.EventWords {
	w := rules.EventWords{Kind: string(e.Kind), Source: string(e.Source), Time: e.Time.In(order.IST), Cause: e.Cause,
		FillQuantity: int(e.Fill), Confirmed: e.Confirmed}
	o, ok := l.book.Order(e.OrderID)
	if ok && e.Fill > 0 {
		if p, told := fillPrice(o, e); told {
			w.FillPrice = p.Rupees()
		}
	}
	if e.Previous != nil {
		w.Previous = l.rowWords(e.Previous)
	}
	return w
}

// fillPrice is the average of one event's fill: by trades where they are told, else what the order's average leaves
// beside the trades of its fills before.
func fillPrice(o *order.Order, e *order.Event) (order.Price, bool) {
	trades := make([]order.Trade, 0, len(o.Trades))
	for _, t := range o.Trades {
		trades = append(trades, t)
	}
	slices.SortFunc(trades, func(a, b order.Trade) int {
		return cmp.Or(a.Time.Compare(b.Time), cmp.Compare(a.TradeID, b.TradeID))
	})
	skip, want, value, before := e.Filled-e.Fill, e.Fill, int64(0), int64(0)
	for _, t := range trades {
		n := min(t.Quantity, skip)
		skip -= n
		before += n * int64(t.Price)
		n = min(t.Quantity-n, want)
		want -= n
		value += n * int64(t.Price)
	}
	if want == 0 && e.Fill > 0 {
		return order.Price(value / e.Fill), true
	}
	average, told := o.Average(order.Claimed)
	if rest := int64(average)*e.Filled - before; told && skip == 0 && e.Filled == o.Row().FilledQuantity && rest > 0 && e.Fill > 0 {
		return order.Price(rest / e.Fill), true
	}
	return average, told
}

func (l *Lane) orderWords(o *order.Order) rules.OrderWords {
	row := *o.Row()
	if p, told := o.Average(order.Claimed); told {
		row.AveragePrice = p
	}
	w := l.rowWords(&row)
	w.RemainingQuantity = int(o.Seen(order.Claimed).Remaining())
	if o.Link != nil && o.Link.Tag != "" {
		w.Tag = o.Link.Tag // what the rule that placed it called it; at the broker stands Backstop's own
	}
	w.Age = age(l.meta.Now, o.FirstSeen)
	if row.Status == order.StatusRejected || row.Status == order.StatusCancelled {
		w.Reason, w.Hint = l.reason(&row)
	}
	if l.book.OvernightKnown() {
		role := l.book.Holding(order.Claimed, o.Key()).Role(o.ID)
		w.Role, w.IsExit = string(role), role.IsExit()
	}
	return w
}

// rowWords are Kite's own fields.
func (l *Lane) rowWords(r *order.Update) rules.OrderWords {
	w := rules.OrderWords{
		OrderID: r.OrderID, ExchangeOrderID: r.ExchangeOrderID, ParentOrderID: r.ParentOrderID, UserID: r.Account,
		PlacedBy: r.PlacedBy, Status: string(r.Status), StatusMessage: r.StatusMessage, StatusMessageRaw: r.StatusMessageRaw,
		Variety: r.Variety, Exchange: r.Exchange, Tradingsymbol: r.Tradingsymbol, InstrumentToken: int(r.InstrumentToken),
		OrderType: r.OrderType, TransactionType: r.TransactionType, Validity: r.Validity, ValidityTTL: int(r.ValidityTTL),
		Product: r.Product, Quantity: int(r.Quantity), DisclosedQuantity: int(r.DisclosedQuantity),
		FilledQuantity: int(r.FilledQuantity), PendingQuantity: int(r.PendingQuantity), CancelledQuantity: int(r.CancelledQuantity),
		Price: r.Price.Rupees(), TriggerPrice: r.TriggerPrice.Rupees(), AveragePrice: r.AveragePrice.Rupees(),
		MarketProtection: r.MarketProtection, Tag: r.Tag, Tags: r.Tags, GUID: r.GUID, AppID: int(r.AppID),
	}
	if r.Status == order.StatusNone {
		w.Status = r.RawStatus
	}
	if r.Quantity > r.FilledQuantity && !r.Status.Terminal() {
		w.RemainingQuantity = int(r.Quantity - r.FilledQuantity)
	}
	w.Value = w.Price * float64(r.Quantity)
	if r.AveragePrice > 0 {
		w.Value = w.AveragePrice * float64(r.Quantity)
	}
	w.Value = l.worth(r.Key(), w.Value)
	return w
}

func (l *Lane) groupWords(g *order.Group) rules.GroupWords {
	w := rules.GroupWords{Side: g.Side(), Tag: g.Tag, FilledQuantity: int(g.Filled), ExitedQuantity: int(g.Exited),
		OpenQuantity: int(g.Open()), CoveredQuantity: int(g.Covered()), LastPrice: l.lastPrice(g.Key).Rupees()}
	entry, told := g.EntryPrice()
	if told {
		w.EntryPrice = entry.Rupees()
	}
	if realized, told := g.Realized(); told {
		w.RealizedPnL = realized.Rupees()
		w.PnL = w.RealizedPnL
		if w.LastPrice > 0 && g.Open() > 0 {
			w.PnL += (w.LastPrice - w.EntryPrice) * float64(g.Open()*g.Sign)
		}
		w.RealizedPnL, w.PnL = l.worth(g.Key, w.RealizedPnL), l.worth(g.Key, w.PnL)
	}
	for _, id := range append(slices.Clone(g.Entries), g.Exits...) {
		if o, ok := l.book.Order(id); ok {
			w.Orders = append(w.Orders, l.orderWords(o))
		}
	}
	return w
}

func (l *Lane) positionWords(k order.Key) rules.PositionWords {
	if k.Tradingsymbol == "" {
		return rules.PositionWords{}
	}
	h := l.book.Holding(order.Claimed, k)
	w := rules.PositionWords{Quantity: int(h.Position), RealizedPnL: l.worth(k, h.Realized.Rupees()), DayQuantity: int(h.Position)}
	var value, quantity int64
	for _, g := range h.Groups {
		if g.Carried && !g.Gone {
			w.DayQuantity -= int(g.Carry * g.Sign)
		}
	}
	for _, g := range h.Open() {
		if p, told := g.EntryPrice(); told {
			value += int64(p) * g.Open()
			quantity += g.Open()
		}
	}
	if quantity > 0 {
		w.AveragePrice = order.Price(value / quantity).Rupees()
	}
	return w
}
