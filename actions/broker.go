package actions

import (
	"context"
	"time"

	"backstop/engine/order"
)

// Method is what a request does at the broker.
type Method string

// The three changes. Kite's verbs are POST, PUT and DELETE.
const (
	Place  Method = "place"
	Modify Method = "modify"
	Cancel Method = "cancel"
)

// HTTP is Kite's verb for the method.
func (m Method) HTTP() string {
	switch m {
	case Place:
		return "POST"
	case Modify:
		return "PUT"
	default:
		return "DELETE"
	}
}

// Params are an order's parameters in Kite's words. Zero values are not sent. A modify is absolute: it names
// every value the order shall have.
type Params struct {
	Exchange         string      `json:"exchange,omitempty"`
	Tradingsymbol    string      `json:"tradingsymbol,omitempty"`
	TransactionType  string      `json:"transaction_type,omitempty"`
	Quantity         int64       `json:"quantity,omitempty"` // units; on a modify the order's total
	Product          string      `json:"product,omitempty"`
	OrderType        string      `json:"order_type,omitempty"`
	Price            order.Price `json:"price,omitempty"`
	TriggerPrice     order.Price `json:"trigger_price,omitempty"`
	Validity         string      `json:"validity,omitempty"`
	ValidityTTL      int64       `json:"validity_ttl,omitempty"` // minutes, of TTL
	Disclosed        int64       `json:"disclosed_quantity,omitempty"`
	IcebergLegs      int64       `json:"iceberg_legs,omitempty"`
	IcebergQuantity  int64       `json:"iceberg_quantity,omitempty"`  // of one leg
	MarketProtection float64     `json:"market_protection,omitempty"` // -1: automatic, mandatory on MARKET and SL-M (kite-facts 3.7)
	Tag              string      `json:"tag,omitempty"`
	ParentOrderID    string      `json:"parent_order_id,omitempty"` // on the cancel of a cover order's leg
}

// Key is the place of the order's position.
func (p Params) Key() order.Key {
	return order.Key{Exchange: p.Exchange, Tradingsymbol: p.Tradingsymbol, Product: p.Product}
}

// Call is one request as the broker needs it.
type Call struct {
	Method  Method
	Variety string // regular, amo, co, iceberg, auction
	OrderID string // of modify and cancel
	Params  Params
}

// Sent are the parameters that leave with the call: of a modify and a cancel Kite takes only some.
func (c Call) Sent() Params {
	p := c.Params
	switch c.Method {
	case Modify:
		return Params{Quantity: p.Quantity, OrderType: p.OrderType, Price: p.Price, TriggerPrice: p.TriggerPrice,
			Validity: p.Validity, MarketProtection: p.MarketProtection}
	case Cancel:
		return Params{ParentOrderID: p.ParentOrderID}
	default:
		return p
	}
}

// Path is the call's path at Kite, as dry-run shows it.
func (c Call) Path() string {
	if c.OrderID == "" {
		return "/orders/" + c.Variety
	}
	return "/orders/" + c.Variety + "/" + c.OrderID
}

// PositionRow is a net row of the broker's positions.
type PositionRow struct {
	order.Key
	Quantity     int64       `json:"quantity"`           // now, signed
	Overnight    int64       `json:"overnight_quantity"` // carried in, signed
	AveragePrice order.Price `json:"average_price"`
	LastPrice    order.Price `json:"last_price"`            // 0 where not told
	ClosePrice   order.Price `json:"close_price,omitempty"` // of the day before; 0 where not told
	Multiplier   int64       `json:"multiplier"`            // what a quantity of 1 is worth a rupee of price; 0 where not told
}

// HoldingRow is delivery that the account held when the day began: CNC, or MTF.
type HoldingRow struct {
	order.Key
	Quantity     int64       `json:"quantity"` // T1 included, what was sold today not taken off
	AveragePrice order.Price `json:"average_price"`
	LastPrice    order.Price `json:"last_price"`            // 0 where not told
	ClosePrice   order.Price `json:"close_price,omitempty"` // of the day before; 0 where not told
}

// Broker is what Backstop needs of a broker, for one account. Every method returns an *Error on failure.
// ClassAmbiguous from Do means that the change may have happened; every other class means that it has not.
// A placement that the broker took returns its order id.
type Broker interface {
	// Do makes one change and returns the order id.
	Do(ctx context.Context, c Call) (orderID string, err error)
	// Orders is the whole order book of the day. One row that can't be read does not fail the others: it comes
	// back among the unreadable, and then the book proves no absence.
	Orders(ctx context.Context) (rows []order.Update, unreadable int, err error)
	// Trades are the executions of one order.
	Trades(ctx context.Context, orderID string) ([]order.Trade, error)
	// Positions are the net rows of the day, rows with quantity 0 included.
	Positions(ctx context.Context) ([]PositionRow, error)
	// Holdings are what of delivery was carried in, in CNC and in MTF.
	Holdings(ctx context.Context) ([]HoldingRow, error)
	// Instruments streams the day's list to each.
	Instruments(ctx context.Context, each func(order.Instrument) error) error
	// Alive checks the session cheaply; nil means it lives.
	Alive(ctx context.Context) error
}

// Message is one text for a channel.
type Message struct {
	Channel string `json:"channel"`
	Type    string `json:"type"` // telegram
	ChatID  string `json:"chat_id"`
	Text    string `json:"text"`
	Silent  bool   `json:"silent,omitempty"`
}

// Channel delivers messages to people. Send returns an *Error; ClassBusy and ClassDown are tried again after
// RetryAfter where that is not zero.
type Channel interface {
	Send(ctx context.Context, m Message) error
}

// RetryAfter is an error that says when to try again (Telegram's 429).
type RetryAfter interface {
	error
	RetryAfter() time.Duration
}
