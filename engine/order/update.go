package order

import "time"

// Source says where an update was seen. The broker's authenticated channels are stream and book.
type Source string

// The sources; book beats stream beats postback where two updates carry the same times.
const (
	SourcePostback Source = "postback"
	SourceStream   Source = "stream"
	SourceBook     Source = "book"
	SourceReplay   Source = "replay"
)

// Confirms says whether an update of this source counts for the confirmed layer: a postback's checksum
// covers two fields, so alone it is a claim.
func (s Source) Confirms() bool { return s != SourcePostback }

// Status is an order's status after normalisation; the raw one stays in Update.RawStatus.
type Status string

// The statuses that say something of the state. Interim ones (PUT ORDER REQ RECEIVED, VALIDATION PENDING …)
// and UPDATE do not: they decode to StatusNone.
const (
	StatusNone           Status = ""
	StatusTriggerPending Status = "TRIGGER PENDING"
	StatusOpen           Status = "OPEN"
	StatusRejected       Status = "REJECTED"
	StatusCancelled      Status = "CANCELLED"
	StatusComplete       Status = "COMPLETE"
)

// rank orders statuses for the join: a greater one is never taken back by a lesser one.
func (s Status) rank() int {
	switch s {
	case StatusComplete:
		return 5
	case StatusCancelled:
		return 4
	case StatusRejected:
		return 3
	case StatusOpen:
		return 2
	case StatusTriggerPending:
		return 1
	default:
		return 0
	}
}

// Terminal says whether nothing can follow.
func (s Status) Terminal() bool { return s.rank() >= StatusRejected.rank() }

// Buy and Sell are Kite's transaction types.
const (
	Buy  = "BUY"
	Sell = "SELL"
)

// Key names an instrument in an account under one product: the place where a position lives.
type Key struct {
	Exchange      string `json:"exchange"`
	Tradingsymbol string `json:"tradingsymbol"`
	Product       string `json:"product"`
}

// Instrument is EXCHANGE:TRADINGSYMBOL, as Kite writes instruments.
func (k Key) Instrument() string { return k.Exchange + ":" + k.Tradingsymbol }

// Update is one observation of an order in Kite's own field names. Absent and null fields are zero values.
// Times are instants (Kite writes IST without a zone); prices are rupees, quantities units.
type Update struct {
	Account  string    `json:"account"` // Kite user id: user_id of a postback, account_id of a stream frame or row
	Source   Source    `json:"source"`
	Received time.Time `json:"received_at"`
	Began    time.Time `json:"began,omitzero"` // of a book row: when that reading began

	Unreadable string `json:"-"` // of a postback: the field that can't be read, and why; the others are then not to be relied on

	OrderID         string `json:"order_id"`
	ExchangeOrderID string `json:"exchange_order_id,omitempty"`
	ParentOrderID   string `json:"parent_order_id,omitempty"`
	PlacedBy        string `json:"placed_by,omitempty"`
	GUID            string `json:"guid,omitempty"`
	AppID           int64  `json:"app_id,omitempty"`

	Status           Status `json:"status"`
	RawStatus        string `json:"raw_status,omitempty"` // as it stood in the payload
	Interim          bool   `json:"interim,omitempty"`    // a status on the way (… PENDING, … RECEIVED): says nothing of state or values
	StatusMessage    string `json:"status_message,omitempty"`
	StatusMessageRaw string `json:"status_message_raw,omitempty"`

	OrderTimestamp          time.Time `json:"order_timestamp,omitzero"`
	ExchangeUpdateTimestamp time.Time `json:"exchange_update_timestamp,omitzero"`
	ExchangeTimestamp       time.Time `json:"exchange_timestamp,omitzero"`

	Variety         string `json:"variety,omitempty"`
	Exchange        string `json:"exchange,omitempty"`
	Tradingsymbol   string `json:"tradingsymbol,omitempty"`
	InstrumentToken int64  `json:"instrument_token,omitempty"`
	OrderType       string `json:"order_type,omitempty"`
	TransactionType string `json:"transaction_type,omitempty"`
	Validity        string `json:"validity,omitempty"`
	ValidityTTL     int64  `json:"validity_ttl,omitempty"` // minutes
	Product         string `json:"product,omitempty"`

	Quantity          int64 `json:"quantity"`
	DisclosedQuantity int64 `json:"disclosed_quantity,omitempty"`
	FilledQuantity    int64 `json:"filled_quantity"`
	PendingQuantity   int64 `json:"pending_quantity"`
	CancelledQuantity int64 `json:"cancelled_quantity,omitempty"`

	Price            Price   `json:"price"`
	TriggerPrice     Price   `json:"trigger_price"`
	AveragePrice     Price   `json:"average_price"` // 0 while Kite has not told it
	MarketProtection float64 `json:"market_protection,omitempty"`

	Tag  string   `json:"tag,omitempty"`
	Tags []string `json:"tags,omitempty"` // never contains Tag twice; system tags (mktp, autoslice …) too

	Raw []byte `json:"-"` // the payload as it came
}

// Key is the place of the update's position.
func (u *Update) Key() Key { return Key{u.Exchange, u.Tradingsymbol, u.Product} }

// Latest is the latest moment that the update tells: when it happened. Zero where it tells none.
func (u *Update) Latest() time.Time {
	last := u.OrderTimestamp
	for _, t := range []time.Time{u.ExchangeTimestamp, u.ExchangeUpdateTimestamp} {
		if t.After(last) {
			last = t
		}
	}
	return last
}

// IsZero says whether the update is of no order: what encoding/json leaves out.
func (u Update) IsZero() bool { return u.OrderID == "" && u.Account == "" }

// placed says whether the update tells where its fills count: before that an order is in no holding.
func (u *Update) placed() bool { return u.Tradingsymbol != "" && u.TransactionType != "" }

// HasTag says whether the order carries tag, whichever field Kite put it in.
func (u *Update) HasTag(tag string) bool {
	if tag == "" {
		return false
	}
	if u.Tag == tag {
		return true
	}
	for _, t := range u.Tags {
		if t == tag {
			return true
		}
	}
	return false
}

// Bounds of one order, far beyond any real one, so that no sum or product of a day overflows.
const (
	quantityMax = 1_000_000_000
	valueMax    = 1_000_000_000_000 * Rupee
)

// Impossible is why no broker can have sent this update in truth, or "". Such an update is kept and never folded.
func (u *Update) Impossible() string {
	switch {
	case u.OrderID == "":
		return "impossible: no order id"
	case u.Unreadable != "":
		return "impossible: " + u.Unreadable
	case u.FilledQuantity < 0 || u.Quantity < 0 || u.PendingQuantity < 0 || u.CancelledQuantity < 0:
		return "impossible: a negative quantity"
	case u.Quantity > 0 && u.FilledQuantity > u.Quantity:
		return "impossible: more filled than ordered"
	case u.Price < 0 || u.TriggerPrice < 0 || u.AveragePrice < 0:
		return "impossible: a negative price"
	case u.Status == StatusRejected && u.FilledQuantity > 0:
		return "impossible: rejected with fills"
	case u.Status == StatusComplete && u.FilledQuantity == 0:
		return "impossible: complete with nothing filled"
	case max(u.Quantity, u.FilledQuantity, u.PendingQuantity, u.CancelledQuantity) > quantityMax,
		max(u.Price, u.TriggerPrice, u.AveragePrice) > valueMax/Price(max(1, u.Quantity, u.FilledQuantity)):
		return "impossible: larger than any order"
	case u.TransactionType != "" && u.TransactionType != Buy && u.TransactionType != Sell:
		return "impossible: neither BUY nor SELL"
	}
	return ""
}

// Trade is one execution of an order; only trades carry the prices of a partial fill.
type Trade struct {
	TradeID  string    `json:"trade_id"`
	OrderID  string    `json:"order_id"`
	Quantity int64     `json:"quantity"`
	Price    Price     `json:"average_price"`
	Time     time.Time `json:"fill_timestamp,omitzero"`
}

// Instrument is what the day's dump says of one instrument.
type Instrument struct {
	Exchange      string `json:"exchange"`
	Tradingsymbol string `json:"tradingsymbol"`
	Token         int64  `json:"instrument_token"`
	Name          string `json:"name,omitempty"`
	Expiry        string `json:"expiry,omitempty"` // YYYY-MM-DD
	Strike        Price  `json:"strike,omitempty"`
	TickSize      Price  `json:"tick_size"`
	LotSize       int64  `json:"lot_size"`
	Type          string `json:"instrument_type,omitempty"` // EQ, FUT, CE, PE
	Segment       string `json:"segment,omitempty"`
}

// Multiplied says whether what a quantity of 1 is worth is the exchange's to say: commodities, whose quantities Kite counts
// in lots, and to be sure currencies, of which it does not say (docs/kite.md 7.2). Elsewhere it is a rupee a rupee of the price.
func Multiplied(exchange string) bool {
	return exchange == "MCX" || exchange == "CDS" || exchange == "BCD"
}

// Overnight is a quantity carried in from an earlier day, signed; negative is short. What Backstop saw entered is
// carried as its group, one row each; the rest of a place is one row without a group.
type Overnight struct {
	Key
	Quantity     int64 `json:"overnight_quantity"`
	AveragePrice Price `json:"average_price"`

	Group string  `json:"group,omitempty"` // the group that it is of: its first entry's order id
	Tag   string  `json:"tag,omitempty"`   // the group's
	Since Day     `json:"since,omitempty"` // the day on which the group began
	Ours  bool    `json:"ours,omitempty"`  // Backstop looked after it
	Claim bool    `json:"claim,omitempty"` // no more than a postback's word
	Gone  int64   `json:"gone,omitempty"`  // units, never signed: closed over night, and nobody saw by what
	Side  string  `json:"side,omitempty"`  // of the entry, of a row with a group
	Entry *Update `json:"entry,omitempty"` // the first entry's row, as it was last seen
	Close Price   `json:"close,omitempty"` // of the instrument, on the day before; 0 where not told
}
