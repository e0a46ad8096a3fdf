package paper

import (
	"slices"
	"time"
)

// BookRead asks for the order book as a bad reading shows it. The zero value
// is the book as it is.
type BookRead struct {
	// AsOf shows every order as it was then, and none placed later; zero: now.
	AsOf time.Time
	// HideSince hides orders placed after it (they show up late, docs/kite.md 3.13).
	HideSince time.Time
	// Hide, when not nil, says which orders are left out, each by itself.
	Hide func(orderID string) bool
	// Rows, when not nil, is asked how many of n rows the answer holds.
	Rows func(n int) int
}

// OrdersJSON is the answer of GET /orders, envelope and all: today's orders,
// oldest first.
func (x *Exchange) OrdersJSON(user string) []byte { return x.ReadBook(user, BookRead{}) }

// OnBook has f called with each user's order book, as OrdersJSON answers it,
// when NextDay is about to empty it. f must not call the exchange.
func (x *Exchange) OnBook(f func(user string, day time.Time, reply []byte)) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.onBook = f
}

// ReadBook is OrdersJSON through a bad reading.
func (x *Exchange) ReadBook(user string, r BookRead) []byte {
	x.enter()
	defer x.leave()
	return x.readBook(user, r)
}

func (x *Exchange) readBook(user string, r BookRead) []byte {
	rows := []row{}
	for _, o := range x.sequence {
		if o.AccountID != user || !r.HideSince.IsZero() && o.placed.After(r.HideSince) || r.Hide != nil && r.Hide(o.OrderID) {
			continue
		}
		if seen, ok := o.asOf(r.AsOf); ok {
			rows = append(rows, seen)
		}
	}
	if r.Rows != nil {
		rows = rows[:min(max(r.Rows(len(rows)), 0), len(rows))]
	}
	return success(rows)
}

// asOf is the last state not after t; the zero t is now.
func (o *order) asOf(t time.Time) (row, bool) {
	if t.IsZero() {
		return o.row, true
	}
	for _, s := range slices.Backward(o.history) {
		if !s.at.After(t) {
			return s.row, true
		}
	}
	return row{}, false
}

// OrderHistoryJSON is the answer of GET /orders/:order_id: every state,
// oldest first (docs/kite.md 3.4).
func (x *Exchange) OrderHistoryJSON(user, orderID string) ([]byte, *APIError) {
	return x.ReadHistory(user, orderID, BookRead{})
}

// ReadHistory is OrderHistoryJSON through a bad reading; only AsOf counts. An
// order placed after it is unknown.
func (x *Exchange) ReadHistory(user, orderID string, r BookRead) ([]byte, *APIError) {
	x.enter()
	defer x.leave()
	o, e := x.findOrder(user, orderID)
	if e != nil {
		return nil, e
	}
	var rows []row
	for _, s := range o.history {
		if r.AsOf.IsZero() || !s.at.After(r.AsOf) {
			rows = append(rows, s.row)
		}
	}
	if len(rows) == 0 {
		return nil, unknownOrder()
	}
	return success(rows), nil
}

// tradeRow is a fill as GET /trades shows it; order_timestamp is time-only (docs/kite.md 3.5).
type tradeRow struct {
	TradeID           string   `json:"trade_id"`
	OrderID           string   `json:"order_id"`
	Exchange          string   `json:"exchange"`
	Tradingsymbol     string   `json:"tradingsymbol"`
	InstrumentToken   uint32   `json:"instrument_token"`
	Product           string   `json:"product"`
	AveragePrice      amount   `json:"average_price"`
	Quantity          int      `json:"quantity"`
	ExchangeOrderID   nullable `json:"exchange_order_id"`
	TransactionType   string   `json:"transaction_type"`
	FillTimestamp     stamp    `json:"fill_timestamp"`
	OrderTimestamp    string   `json:"order_timestamp"`
	ExchangeTimestamp stamp    `json:"exchange_timestamp"`
}

// TradesJSON is the answer of GET /orders/:order_id/trades, or of GET /trades
// when orderID is empty.
func (x *Exchange) TradesJSON(user, orderID string) ([]byte, *APIError) {
	x.enter()
	defer x.leave()
	var trades []*trade
	if orderID != "" {
		o, e := x.findOrder(user, orderID)
		if e != nil {
			return nil, e
		}
		trades = o.trades
	} else if a := x.accounts[user]; a != nil {
		trades = a.trades
	}
	rows := make([]tradeRow, 0, len(trades))
	for _, t := range trades {
		o := t.order
		rows = append(rows, tradeRow{t.id, o.OrderID, o.Exchange, o.Tradingsymbol, o.InstrumentToken, o.Product, t.price,
			t.quantity, o.ExchangeOrderID, o.TransactionType, stamp(t.at), t.at.In(ist).Format(time.TimeOnly), stamp(t.at)})
	}
	return success(rows), nil
}

// BookOrder is one order of the true book, for a judge. Prices are rupees,
// quantities units (lots at MCX).
type BookOrder struct {
	User            string    `json:"user"`
	APIKey          string    `json:"api_key"` // "" by hand or by the broker
	PlacedBy        string    `json:"placed_by"`
	OrderID         string    `json:"order_id"`
	ParentOrderID   string    `json:"parent_order_id,omitempty"` // of a cover order's second leg
	Variety         string    `json:"variety"`
	Tag             string    `json:"tag"`
	Status          string    `json:"status"`
	StatusMessage   string    `json:"status_message"`
	Exchange        string    `json:"exchange"`
	Tradingsymbol   string    `json:"tradingsymbol"`
	Product         string    `json:"product"`
	TransactionType string    `json:"transaction_type"`
	OrderType       string    `json:"order_type"`
	Quantity        int       `json:"quantity"`
	Filled          int       `json:"filled"`
	Remaining       int       `json:"remaining"` // 0 when finished
	Price           float64   `json:"price"`
	TriggerPrice    float64   `json:"trigger_price"`
	AveragePrice    float64   `json:"average_price"` // of its fills, finished or not
	Modifications   int       `json:"modifications"`
	PlacedAt        time.Time `json:"placed_at"`
	GTT             int       `json:"gtt,omitempty"` // the trigger that placed it
}

// Live tells whether the order can still fill.
func (b BookOrder) Live() bool {
	return !finished(b.Status)
}

// Book is the true book: every order of every user today, as placed. No
// fault touches it.
func (x *Exchange) Book() []BookOrder {
	x.enter()
	defer x.leave()
	book := make([]BookOrder, 0, len(x.sequence))
	for _, o := range x.sequence {
		b := BookOrder{
			User: o.AccountID, PlacedBy: o.PlacedBy, OrderID: o.OrderID, ParentOrderID: string(o.ParentOrderID),
			Variety: o.Variety, Tag: string(o.Tag), Status: o.Status,
			StatusMessage: string(o.StatusMessage), Exchange: o.Exchange, Tradingsymbol: o.Tradingsymbol, Product: o.Product,
			TransactionType: o.TransactionType, OrderType: o.OrderType, Quantity: o.Quantity, Filled: o.FilledQuantity,
			Remaining: o.remaining(), Price: o.Price.rupees(), TriggerPrice: o.TriggerPrice.rupees(),
			AveragePrice: o.value.per(o.FilledQuantity).rupees(), Modifications: o.modifications, PlacedAt: o.placed, GTT: o.gtt,
		}
		if o.app != nil {
			b.APIKey = o.app.key
		}
		book = append(book, b)
	}
	return book
}

// DoubledTags lists, sorted, the tags that stand on more than one order of
// one user today.
func (x *Exchange) DoubledTags() []string {
	type owned struct{ user, tag string }
	count := map[owned]int{}
	doubled := []string{}
	for _, b := range x.Book() {
		key := owned{b.User, b.Tag}
		if count[key]++; b.Tag != "" && count[key] == 2 && !slices.Contains(doubled, b.Tag) {
			doubled = append(doubled, b.Tag)
		}
	}
	slices.Sort(doubled)
	return doubled
}
