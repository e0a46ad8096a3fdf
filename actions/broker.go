package actions

import (
	"context"
	"strings"
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

	PlaceGTT  Method = "place gtt"
	ModifyGTT Method = "modify gtt"
	DeleteGTT Method = "delete gtt"
)

// GTT says whether the method is about a trigger that the broker keeps (docs/kite.md 4.1), and not about an order.
func (m Method) GTT() bool { return m == PlaceGTT || m == ModifyGTT || m == DeleteGTT }

// HTTP is Kite's verb for the method.
func (m Method) HTTP() string {
	switch m {
	case Place, PlaceGTT:
		return "POST"
	case Modify, ModifyGTT:
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
	MarketProtection float64     `json:"market_protection,omitempty"` // -1: automatic, mandatory on MARKET and SL-M (docs/kite.md 3.7)
	Tag              string      `json:"tag,omitempty"`
	TargetPrice      order.Price `json:"target_price,omitempty"`    // of a GTT with two legs: where the target lies; trigger_price and price are the stop's
	LastPrice        order.Price `json:"last_price,omitempty"`      // of a GTT: on which side of it the market is
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
	OrderID string // of modify and cancel; of a GTT its trigger id
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
	case DeleteGTT:
		return Params{}
	default:
		return p
	}
}

// Path is the call's path at Kite, as dry-run shows it.
func (c Call) Path() string {
	if c.Method.GTT() {
		return strings.TrimSuffix("/gtt/triggers/"+c.OrderID, "/")
	}
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

// GTTRow is a trigger that the broker keeps, of one leg or of two, as its list shows it.
type GTTRow struct {
	ID            string        `json:"id"`
	Status        string        `json:"status"` // active, triggered, disabled, expired, cancelled, rejected, deleted
	Reason        string        `json:"reason,omitempty"`
	Exchange      string        `json:"exchange"`
	Tradingsymbol string        `json:"tradingsymbol"`
	Triggers      []order.Price `json:"triggers"`
	Legs          []GTTLeg      `json:"legs"` // beside the triggers
}

// GTTLeg is the order of one trigger, and what became of it where it was met.
type GTTLeg struct {
	Product         string      `json:"product"`
	TransactionType string      `json:"transaction_type"`
	OrderType       string      `json:"order_type"`
	Quantity        int64       `json:"quantity"`
	Price           order.Price `json:"price"`
	Met             bool        `json:"met,omitempty"`      // it has a result
	OrderID         string      `json:"order_id,omitempty"` // "" where no order came of it
	Failed          string      `json:"failed,omitempty"`   // why
}

// Params are the row's values as a stop's GTT has them; false where it is none of that form. Of two legs the stop is the
// lower one of what sells and the upper one of what buys.
func (r *GTTRow) Params() (Params, bool) {
	if len(r.Legs) != len(r.Triggers) || len(r.Legs) < 1 || len(r.Legs) > 2 {
		return Params{}, false
	}
	stop := r.StopLeg()
	leg := r.Legs[stop]
	p := Params{Exchange: r.Exchange, Tradingsymbol: r.Tradingsymbol, Product: leg.Product, TransactionType: leg.TransactionType,
		Quantity: leg.Quantity, OrderType: leg.OrderType, TriggerPrice: r.Triggers[stop], Price: leg.Price}
	if len(r.Legs) == 2 {
		target := r.Legs[1-stop]
		if target.Quantity != leg.Quantity || target.TransactionType != leg.TransactionType || target.Product != leg.Product {
			return Params{}, false
		}
		p.TargetPrice = target.Price
	}
	return p, true
}

// StopLeg is which of the row's legs is the stop.
func (r *GTTRow) StopLeg() int {
	if len(r.Legs) == 2 && r.Legs[0].TransactionType == order.Buy {
		return 1
	}
	return 0
}

// Broker is what Backstop needs of a broker, for one account. Every method returns an *Error on failure.
// ClassAmbiguous from Do means that the change may have happened; every other class means that it has not.
// A placement that the broker took returns its order id.
type Broker interface {
	// Do makes one change and returns the order id, or a GTT's trigger id.
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
	// GTTs are the triggers that the broker keeps: the active ones, and others for some days.
	GTTs(ctx context.Context) ([]GTTRow, error)
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
