package rules

import "time"

// Words is what an expression can read: the event and the state it met, as one immutable snapshot. Whoever
// decides fills it; evaluation never looks anywhere else. Absent text is "", absent number 0. Amounts are
// rupees, quantities units, times IST.
type Words struct {
	Event      EventWords      `expr:"event"`
	Order      OrderWords      `expr:"order"`
	Group      GroupWords      `expr:"group"`
	Position   PositionWords   `expr:"position"`
	Instrument InstrumentWords `expr:"instrument"`
	Account    AccountWords    `expr:"account"`
	// Action holds the parameters, as evaluated, of the action before this one in the sequence, and its
	// results (order_id); Steps the same by the id: of an action.
	Action map[string]any            `expr:"action"`
	Steps  map[string]map[string]any `expr:"steps"`
	Error  ErrorWords                `expr:"error"` // in on_error only
}

// EventWords is what happened.
type EventWords struct {
	Kind         string     `expr:"kind"`
	Source       string     `expr:"source"`
	Time         time.Time  `expr:"time"`
	Cause        string     `expr:"cause"`         // of flat: stop_loss, target, exit, person, broker
	FillQuantity int        `expr:"fill_quantity"` // this fill alone
	FillPrice    float64    `expr:"fill_price"`    // its average
	Previous     OrderWords `expr:"previous"`      // the order before
	Confirmed    bool       `expr:"confirmed"`     // the broker's own channel has shown it
}

// OrderWords carries Kite's own field names and what Backstop derives.
type OrderWords struct {
	OrderID           string   `expr:"order_id"`
	ExchangeOrderID   string   `expr:"exchange_order_id"`
	ParentOrderID     string   `expr:"parent_order_id"`
	UserID            string   `expr:"user_id"`
	PlacedBy          string   `expr:"placed_by"`
	Status            string   `expr:"status"`
	StatusMessage     string   `expr:"status_message"`
	StatusMessageRaw  string   `expr:"status_message_raw"`
	Variety           string   `expr:"variety"`
	Exchange          string   `expr:"exchange"`
	Tradingsymbol     string   `expr:"tradingsymbol"`
	InstrumentToken   int      `expr:"instrument_token"`
	OrderType         string   `expr:"order_type"`
	TransactionType   string   `expr:"transaction_type"`
	Validity          string   `expr:"validity"`
	ValidityTTL       int      `expr:"validity_ttl"`
	Product           string   `expr:"product"`
	Quantity          int      `expr:"quantity"`
	DisclosedQuantity int      `expr:"disclosed_quantity"`
	FilledQuantity    int      `expr:"filled_quantity"`
	PendingQuantity   int      `expr:"pending_quantity"`
	CancelledQuantity int      `expr:"cancelled_quantity"`
	RemainingQuantity int      `expr:"remaining_quantity"` // 0 once terminal, else quantity - filled
	Price             float64  `expr:"price"`
	TriggerPrice      float64  `expr:"trigger_price"`
	AveragePrice      float64  `expr:"average_price"`
	MarketProtection  float64  `expr:"market_protection"`
	Tag               string   `expr:"tag"`
	Tags              []string `expr:"tags"`
	GUID              string   `expr:"guid"`
	AppID             int      `expr:"app_id"`

	Role   string  `expr:"role"`
	IsExit bool    `expr:"is_exit"`
	Age    float64 `expr:"age"`    // seconds since it was first seen
	Value  float64 `expr:"value"`  // quantity x average price, else x price
	Reason string  `expr:"reason"` // of a rejection or cancellation: a word of one list
	Hint   string  `expr:"hint"`   // what to do about it
}

// GroupWords is an entry and the exits behind it.
type GroupWords struct {
	Side            string       `expr:"side"` // BUY or SELL, of the entry
	Tag             string       `expr:"tag"`
	EntryPrice      float64      `expr:"entry_price"`
	FilledQuantity  int          `expr:"filled_quantity"`
	ExitedQuantity  int          `expr:"exited_quantity"`
	OpenQuantity    int          `expr:"open_quantity"`
	CoveredQuantity int          `expr:"covered_quantity"`
	LastPrice       float64      `expr:"last_price"`
	RealizedPnL     float64      `expr:"realized_pnl"`
	PnL             float64      `expr:"pnl"`
	Orders          []OrderWords `expr:"orders"`
}

// PositionWords is of the order's account, instrument and product.
type PositionWords struct {
	Quantity     int     `expr:"quantity"` // signed
	AveragePrice float64 `expr:"average_price"`
	RealizedPnL  float64 `expr:"realized_pnl"`
	DayQuantity  int     `expr:"day_quantity"`
}

// InstrumentWords is of the day's instruments list.
type InstrumentWords struct {
	TickSize       float64 `expr:"tick_size"`
	LotSize        int     `expr:"lot_size"`
	Expiry         string  `expr:"expiry"` // YYYY-MM-DD
	Strike         float64 `expr:"strike"`
	Segment        string  `expr:"segment"`
	InstrumentType string  `expr:"instrument_type"`
}

// AccountWords names the account.
type AccountWords struct {
	ID    string `expr:"id"`
	Label string `expr:"label"`
}

// ErrorWords is the failure that on_error answers.
type ErrorWords struct {
	Type    string `expr:"type"`
	Message string `expr:"message"`
	Hint    string `expr:"hint"`
	Action  string `expr:"action"`
}
