package paper

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"time"
)

// Push is one order update that the broker sends out. It holds the order as
// it was at that moment, so it may be rendered any time later.
type Push struct {
	User    string
	OrderID string
	// Status is COMPLETE, CANCELLED, REJECTED, UPDATE or OPEN (docs/kite.md 1.3).
	Status string
	// APIKey is the app that placed the order; "" when none did.
	APIKey string
	// Postback tells that the HTTP channel gets it: only orders of an app, and
	// a fresh OPEN never. The WebSocket gets every push.
	Postback bool
	At       time.Time

	forged bool // by a fault: the checksum is another's
	row    row
	appID  int64
	secret string
}

// Checksum is the lowercase hex SHA-256 of order_id, order_timestamp and
// api_secret without separators (docs/kite.md 1.4).
func Checksum(orderID, orderTimestamp, apiSecret string) string {
	sum := sha256.Sum256([]byte(orderID + orderTimestamp + apiSecret))
	return hex.EncodeToString(sum[:])
}

// push queues an order update. postback is false for transitions that HTTP
// does not tell.
func (x *Exchange) push(o *order, status string, postback bool) {
	if status == statusOpen && !postback && x.opts.HideStreamOpen {
		return
	}
	p := Push{User: o.AccountID, OrderID: o.OrderID, Status: status, At: x.now, row: o.row}
	p.row.Status = status
	if o.app != nil {
		p.APIKey, p.appID, p.secret, p.Postback = o.app.key, o.app.id, o.app.secret, postback && !o.silent
	}
	x.events = append(x.events, event{push: &p})
}

// pushed are the fields that both channels share, in the order of Kite's sample (docs/kite.md 1.5).
type pushed struct {
	PlacedBy                string          `json:"placed_by"`
	OrderID                 string          `json:"order_id"`
	ExchangeOrderID         nullable        `json:"exchange_order_id"`
	ParentOrderID           nullable        `json:"parent_order_id"`
	Status                  string          `json:"status"`
	StatusMessage           nullable        `json:"status_message"`
	StatusMessageRaw        nullable        `json:"status_message_raw"`
	OrderTimestamp          stamp           `json:"order_timestamp"`
	ExchangeUpdateTimestamp stamp           `json:"exchange_update_timestamp"`
	ExchangeTimestamp       stamp           `json:"exchange_timestamp"`
	Variety                 string          `json:"variety"`
	Exchange                string          `json:"exchange"`
	Tradingsymbol           string          `json:"tradingsymbol"`
	InstrumentToken         uint32          `json:"instrument_token"`
	OrderType               string          `json:"order_type"`
	TransactionType         string          `json:"transaction_type"`
	Validity                string          `json:"validity"`
	Product                 string          `json:"product"`
	Quantity                int             `json:"quantity"`
	DisclosedQuantity       int             `json:"disclosed_quantity"`
	Price                   amount          `json:"price"`
	TriggerPrice            amount          `json:"trigger_price"`
	AveragePrice            amount          `json:"average_price"`
	FilledQuantity          int             `json:"filled_quantity"`
	PendingQuantity         int             `json:"pending_quantity"`
	CancelledQuantity       int             `json:"cancelled_quantity"`
	MarketProtection        int             `json:"market_protection"`
	Meta                    json.RawMessage `json:"meta"`
	Tag                     nullable        `json:"tag"`
}

func (p Push) pushed() pushed {
	r := p.row
	return pushed{r.PlacedBy, r.OrderID, r.ExchangeOrderID, r.ParentOrderID, r.Status, r.StatusMessage, r.StatusMessageRaw,
		r.OrderTimestamp, r.ExchangeUpdateTimestamp, r.ExchangeTimestamp, r.Variety, r.Exchange, r.Tradingsymbol,
		r.InstrumentToken, r.OrderType, r.TransactionType, r.Validity, r.Product, r.Quantity, r.DisclosedQuantity,
		r.Price, r.TriggerPrice, r.AveragePrice, r.FilledQuantity, r.PendingQuantity, r.CancelledQuantity,
		r.MarketProtection, r.Meta, r.Tag}
}

// PostbackBody is the raw JSON body of the HTTP postback (docs/kite.md 1.5), signed for
// the app that placed the order. unfilled_quantity is always 0.
func (p Push) PostbackBody() []byte {
	sum := Checksum(p.OrderID, p.row.OrderTimestamp.String(), p.secret)
	if p.forged {
		sum = Checksum(p.OrderID, p.row.OrderTimestamp.String(), "")
	}
	return encode(struct {
		UserID           string `json:"user_id"`
		UnfilledQuantity int    `json:"unfilled_quantity"`
		AppID            int64  `json:"app_id"`
		Checksum         string `json:"checksum"`
		pushed
		GUID string `json:"guid"`
	}{p.User, 0, p.appID, sum, p.pushed(), p.row.GUID})
}

// StreamFrame is the WebSocket's text frame (docs/kite.md 2.2): account_id in place of
// user_id, no app_id, an empty checksum, tags when there are any.
func (p Push) StreamFrame() []byte {
	type data struct {
		AccountID        string `json:"account_id"`
		UnfilledQuantity int    `json:"unfilled_quantity"`
		Checksum         string `json:"checksum"`
		pushed
		Tags []string `json:"tags,omitempty"`
		GUID string   `json:"guid"`
	}
	return encode(struct {
		Type string `json:"type"`
		ID   string `json:"id"`
		Data data   `json:"data"`
	}{"order", "", data{p.User, 0, "", p.pushed(), p.row.Tags, p.row.GUID}})
}
