package actionstest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"backstop/actions"
	"backstop/engine/order"
)

// ModificationsMost is how often an order may be modified; the next one is refused (Kite's own number).
const ModificationsMost = 25

// Broker is a broker in memory for one account: an order book that changes as an exchange's does, and calls that
// end as a test asks. Its zero value has no account, an empty book and a clock that stands still. It may be used by
// several goroutines.
type Broker struct {
	List []order.Instrument // the day's list; empty: every instrument is traded, and no price is off its tick

	// Hooks answer in place of the book where they are set; they run without the lock held.
	OnDo          func(ctx context.Context, c actions.Call) (string, error)
	OnOrders      func(ctx context.Context) ([]order.Update, int, error)
	OnInstruments func(ctx context.Context, each func(order.Instrument) error) error
	OnAlive       func(ctx context.Context) error

	account string
	now     func() time.Time

	mu       sync.Mutex
	rows     map[string]*order.Update
	modified map[string]int
	trades   map[string][]order.Trade
	carried  map[order.Key]order.Overnight
	gtts     map[string]*actions.GTTRow
	moved    map[order.Key]int64    // converted today, signed
	closes   map[string]order.Price // the last close by instrument
	faults   map[string][]Fault
	rejects  []string
	placed   int
	calls    []string
}

var _ actions.Broker = (*Broker)(nil)

// NewBroker is a broker with an empty book. now gives its clock, of which rows show whole seconds.
func NewBroker(account string, now func() time.Time, instruments ...order.Instrument) *Broker {
	return &Broker{account: account, now: now, List: instruments}
}

// hold locks the broker and makes it ready.
func (b *Broker) hold() (release func()) {
	b.mu.Lock()
	if b.rows == nil {
		b.rows, b.modified, b.trades = map[string]*order.Update{}, map[string]int{}, map[string][]order.Trade{}
		b.carried, b.faults, b.closes = map[order.Key]order.Overnight{}, map[string][]Fault{}, map[string]order.Price{}
		b.moved, b.gtts = map[order.Key]int64{}, map[string]*actions.GTTRow{}
	}
	return b.mu.Unlock
}

func refusal(c actions.Call, class actions.Class, message string) *actions.Error {
	return &actions.Error{Class: class, Op: string(c.Method), Message: message, Hint: "the broker's own words"}
}

// Do makes one change, unless a fault was asked for.
func (b *Broker) Do(ctx context.Context, c actions.Call) (string, error) {
	b.note("do " + string(c.Method) + " " + c.OrderID)
	if b.OnDo != nil {
		return b.OnDo(ctx, c)
	}
	if ctx.Err() != nil {
		return "", refusal(c, actions.ClassDown, "not sent: given up before it left")
	}
	fault := b.fault(string(c.Method))
	if e := fault.before(c); e != nil {
		return "", e
	}
	id, err := b.Take(c, "")
	if err != nil {
		return "", err
	}
	if err := fault.after(ctx, c); err != nil {
		return "", err
	}
	return id, nil
}

// Take carries a call out as the exchange does, whatever fault was asked for: a placement under id, or the next
// free one where id is "".
func (b *Broker) Take(c actions.Call, id string) (string, error) {
	defer b.hold()()
	switch {
	case c.Method.GTT():
		return b.takeGTT(c, id)
	case c.Method == actions.Place:
		return b.place(c, id)
	}
	row, ok := b.rows[c.OrderID]
	switch {
	case !ok:
		return "", refusal(c, actions.ClassNotFound, "Couldn't find that `order_id`.")
	case row.Status.Terminal():
		return "", refusal(c, actions.ClassProcessing, "Order cannot be changed as it is being processed. Try later.")
	case c.Method == actions.Cancel:
		row.Status, row.CancelledQuantity, row.PendingQuantity = order.StatusCancelled, row.Quantity-row.FilledQuantity, 0
	case b.modified[c.OrderID] >= ModificationsMost:
		return "", refusal(c, actions.ClassModificationCap, "Maximum allowed order modifications exceeded.")
	default:
		p := c.Params
		if e := b.check(c, row.Key(), p); e != nil {
			return "", e
		}
		b.modified[c.OrderID]++
		row.Quantity, row.PendingQuantity = p.Quantity, p.Quantity-row.FilledQuantity
		row.Price, row.TriggerPrice = p.Price, p.TriggerPrice
		row.OrderType, row.Status = p.OrderType, stands(p.OrderType, row.Status)
		b.hang(row)
	}
	b.stamp(row)
	return c.OrderID, nil
}

// stands is the status of a live order of a type: a stop that became something else has left its trigger behind.
func stands(orderType string, was order.Status) order.Status {
	if orderType == "SL" || orderType == "SL-M" {
		return was
	}
	return order.StatusOpen
}

func (b *Broker) place(c actions.Call, id string) (string, error) {
	p := c.Params
	if e := b.check(c, p.Key(), p); e != nil {
		return "", e
	}
	b.placed++
	if id == "" {
		id = fmt.Sprintf("9%014d", b.placed)
	}
	row := &order.Update{Account: b.account, PlacedBy: b.account, Source: order.SourceBook, OrderID: id, Status: order.StatusOpen, Variety: c.Variety, Exchange: p.Exchange,
		Tradingsymbol: p.Tradingsymbol, Product: p.Product, TransactionType: p.TransactionType, OrderType: p.OrderType, Validity: p.Validity,
		Quantity: p.Quantity, PendingQuantity: p.Quantity, Price: p.Price, TriggerPrice: p.TriggerPrice, MarketProtection: p.MarketProtection, Tag: p.Tag}
	if p.OrderType == "SL" || p.OrderType == "SL-M" {
		row.Status = order.StatusTriggerPending
	}
	b.hang(row)
	if len(b.rejects) > 0 {
		row.Status, row.StatusMessage, row.PendingQuantity = order.StatusRejected, b.rejects[0], 0
		b.rejects = b.rejects[1:]
	}
	b.rows[id] = row
	b.stamp(row)
	return id, nil
}

// hang shows a MARKET order as the LIMIT that it becomes, at its own price where it names one.
func (b *Broker) hang(row *order.Update) {
	if row.OrderType == "MARKET" {
		row.OrderType, row.TriggerPrice = "LIMIT", 0
		row.Price = max(row.Price, order.Rupee)
	}
}

// check refuses what an exchange surely refuses.
func (b *Broker) check(c actions.Call, k order.Key, p actions.Params) *actions.Error {
	if p.Quantity <= 0 {
		return refusal(c, actions.ClassRefused, "Invalid quantity.")
	}
	if p.OrderType == "MARKET" && p.MarketProtection == 0 {
		return refusal(c, actions.ClassProtection, "Market orders without market protection are not allowed.")
	}
	if len(b.List) == 0 {
		return nil
	}
	i := slices.IndexFunc(b.List, func(i order.Instrument) bool {
		return i.Exchange == k.Exchange && i.Tradingsymbol == k.Tradingsymbol
	})
	switch {
	case i < 0:
		return refusal(c, actions.ClassInstrument, "The instrument you are placing an order for has either expired or does not exist.")
	case b.List[i].TickSize > 0 && (p.Price%b.List[i].TickSize != 0 || p.TriggerPrice%b.List[i].TickSize != 0):
		return refusal(c, actions.ClassTick, "Tick size for this script is "+b.List[i].TickSize.String())
	}
	return nil
}

// stamp writes the clock and the status, as Kite spells it, into a row that changed.
func (b *Broker) stamp(row *order.Update) {
	at := time.Unix(0, 0)
	if b.now != nil {
		at = b.now().Truncate(time.Second)
	}
	row.ExchangeUpdateTimestamp = at
	if row.OrderTimestamp.IsZero() {
		row.OrderTimestamp = at
	}
	row.RawStatus = string(row.Status)
}

// Set changes a row of the book, a new one where there is none, behind everybody's back.
func (b *Broker) Set(id string, change func(row *order.Update)) order.Update {
	defer b.hold()()
	row, ok := b.rows[id]
	if !ok {
		row = &order.Update{Account: b.account, PlacedBy: b.account, Source: order.SourceBook, OrderID: id, Status: order.StatusOpen, Variety: "regular", Validity: "DAY"}
		b.rows[id] = row
	}
	change(row)
	b.stamp(row)
	return *row
}

// Fill fills so much of a live order, at its limit.
func (b *Broker) Fill(id string, quantity int64) {
	defer b.hold()()
	row := b.rows[id]
	if row == nil || row.Status.Terminal() {
		return
	}
	quantity = min(quantity, row.Quantity-row.FilledQuantity)
	row.FilledQuantity += quantity
	row.PendingQuantity = row.Quantity - row.FilledQuantity
	row.Status = order.StatusOpen
	if row.PendingQuantity == 0 {
		row.Status, row.AveragePrice = order.StatusComplete, row.Price
	}
	b.stamp(row)
	b.trades[id] = append(b.trades[id], order.Trade{TradeID: fmt.Sprintf("%s-%d", id, len(b.trades[id])+1), OrderID: id, Quantity: quantity,
		Price: row.Price, Time: row.ExchangeUpdateTimestamp})
}

// RejectNext makes the next placement be taken and end REJECTED with this text.
func (b *Broker) RejectNext(text string) {
	defer b.hold()()
	b.rejects = append(b.rejects, text)
}

// Forget takes rows out of the book, all of them where none is named.
func (b *Broker) Forget(ids ...string) {
	defer b.hold()()
	if len(ids) == 0 {
		clear(b.rows)
	}
	for _, id := range ids {
		delete(b.rows, id)
	}
}

// Carry says what was carried in from an earlier day. Delivery (CNC, MTF) is in the holdings, all else in the positions.
func (b *Broker) Carry(o order.Overnight) {
	defer b.hold()()
	b.carried[o.Key] = o
}

// Close says where an instrument (EXCHANGE:SYMBOL) closed on the day before.
func (b *Broker) Close(instrument string, p order.Price) {
	defer b.hold()()
	b.closes[instrument] = p
}

// Convert makes so much of a position another product, signed as it is held: no order tells it.
func (b *Broker) Convert(from, to order.Key, quantity int64) {
	defer b.hold()()
	b.moved[from] -= quantity
	b.moved[to] += quantity
}

// Night ends the broker's day: its order book is empty, what is held is carried into the next day, and what is intraday is
// gone.
func (b *Broker) Night() {
	defer b.hold()()
	for _, row := range b.rows {
		if row.FilledQuantity == 0 {
			continue
		}
		o := b.carried[row.Key()]
		o.Key = row.Key()
		o.Quantity += order.SignOf(row.TransactionType) * row.FilledQuantity
		if row.AveragePrice > 0 && o.AveragePrice == 0 {
			o.AveragePrice = row.AveragePrice
		}
		b.carried[row.Key()] = o
	}
	for k, n := range b.moved {
		o := b.carried[k]
		o.Key, o.Quantity = k, o.Quantity+n
		b.carried[k] = o
	}
	clear(b.moved)
	for k, o := range b.carried {
		if k.Product == "MIS" || k.Product == "CO" || o.Quantity == 0 {
			delete(b.carried, k)
		}
	}
	clear(b.rows)
	clear(b.modified)
	clear(b.trades)
}

func delivery(product string) bool { return product == "CNC" || product == "MTF" }

// Holdings are what of delivery was carried in.
func (b *Broker) Holdings(ctx context.Context) ([]actions.HoldingRow, error) {
	b.note("holdings")
	if e := b.fault("holdings").reading("holdings", ctx); e != nil {
		return nil, e
	}
	defer b.hold()()
	var rows []actions.HoldingRow
	for k, o := range b.carried {
		if delivery(k.Product) {
			rows = append(rows, actions.HoldingRow{Key: k, Quantity: o.Quantity, AveragePrice: o.AveragePrice, ClosePrice: b.closes[k.Instrument()]})
		}
	}
	slices.SortFunc(rows, func(x, y actions.HoldingRow) int {
		return strings.Compare(x.Instrument()+x.Product, y.Instrument()+y.Product)
	})
	return rows, nil
}

// Row is one order of the book.
func (b *Broker) Row(id string) (order.Update, bool) {
	defer b.hold()()
	row, ok := b.rows[id]
	if !ok {
		return order.Update{}, false
	}
	return *row, true
}

// Rows are the whole book, in truth and by order id, whatever readings show.
func (b *Broker) Rows() []order.Update {
	defer b.hold()()
	rows := make([]order.Update, 0, len(b.rows))
	for _, id := range slices.Sorted(maps.Keys(b.rows)) {
		rows = append(rows, *b.rows[id])
	}
	return rows
}

// Tags are the tags in the book, one an order, by order id.
func (b *Broker) Tags() []string {
	var tags []string
	for _, row := range b.Rows() {
		if row.Tag != "" {
			tags = append(tags, row.Tag)
		}
	}
	return tags
}

// Orders is the book.
func (b *Broker) Orders(ctx context.Context) ([]order.Update, int, error) {
	b.note("orders")
	if b.OnOrders != nil {
		return b.OnOrders(ctx)
	}
	if e := b.fault("book").reading("orders", ctx); e != nil {
		return nil, 0, e
	}
	return b.Rows(), 0, nil
}

// Trades are one order's fills.
func (b *Broker) Trades(ctx context.Context, orderID string) ([]order.Trade, error) {
	b.note("trades " + orderID)
	if e := b.fault("trades").reading("trades", ctx); e != nil {
		return nil, e
	}
	defer b.hold()()
	if b.rows[orderID] == nil {
		return nil, &actions.Error{Class: actions.ClassNotFound, Op: "trades", Message: "Couldn't find that `order_id`."}
	}
	return slices.Clone(b.trades[orderID]), nil
}

// Positions are what was carried in and every fill of the book.
func (b *Broker) Positions(ctx context.Context) ([]actions.PositionRow, error) {
	b.note("positions")
	if e := b.fault("positions").reading("positions", ctx); e != nil {
		return nil, e
	}
	defer b.hold()()
	net := map[order.Key]*actions.PositionRow{}
	at := func(k order.Key) *actions.PositionRow {
		if net[k] == nil {
			net[k] = &actions.PositionRow{Key: k, Multiplier: 1}
		}
		return net[k]
	}
	for k, o := range b.carried {
		if delivery(k.Product) {
			continue
		}
		p := at(k)
		p.Overnight, p.Quantity, p.AveragePrice = o.Quantity, o.Quantity, o.AveragePrice
	}
	for _, row := range b.rows {
		if row.FilledQuantity > 0 {
			p := at(row.Key())
			p.Quantity += order.SignOf(row.TransactionType) * row.FilledQuantity
			p.LastPrice = row.Price
		}
	}
	var rows []actions.PositionRow
	for k, n := range b.moved {
		at(k).Quantity += n
	}
	for k, p := range net {
		p.ClosePrice = b.closes[k.Instrument()]
		rows = append(rows, *p)
	}
	slices.SortFunc(rows, func(x, y actions.PositionRow) int {
		return strings.Compare(x.Instrument()+x.Product, y.Instrument()+y.Product)
	})
	return rows, nil
}

// Instruments is the list that NewBroker was given.
func (b *Broker) Instruments(ctx context.Context, each func(order.Instrument) error) error {
	b.note("instruments")
	if b.OnInstruments != nil {
		return b.OnInstruments(ctx, each)
	}
	if e := b.fault("instruments").reading("instruments", ctx); e != nil {
		return e
	}
	for _, i := range b.List {
		if err := each(i); err != nil {
			return err
		}
	}
	return nil
}

// Alive says that the session lives, unless a fault was asked for.
func (b *Broker) Alive(ctx context.Context) error {
	b.note("alive")
	if b.OnAlive != nil {
		return b.OnAlive(ctx)
	}
	if e := b.fault("profile").reading("profile", ctx); e != nil {
		return e
	}
	return nil
}

func (b *Broker) note(call string) {
	defer b.hold()()
	b.calls = append(b.calls, call)
}

// Calls are what was asked of the broker, oldest first: "do place ", "do cancel 101", "orders", "trades 101",
// "positions", "instruments", "alive".
func (b *Broker) Calls() []string {
	defer b.hold()()
	return slices.Clone(b.calls)
}

// Count is how many calls begin so.
func (b *Broker) Count(prefix string) int {
	n := 0
	for _, c := range b.Calls() {
		if strings.HasPrefix(c, prefix) {
			n++
		}
	}
	return n
}
