package rules

import "time"

// Words is what an expression can read: the event and the state it met, as one immutable snapshot. Whoever
// decides fills it; evaluation never looks anywhere else. Absent text is "", absent number 0. Amounts are
// rupees, quantities units, times IST. The tags are the one description of each word: type checks, hints and
// WordList read them.
type Words struct {
	Event      EventWords      `expr:"event"`
	Order      OrderWords      `expr:"order"`
	Group      GroupWords      `expr:"group"`
	Position   PositionWords   `expr:"position"`
	Day        DayWords        `expr:"day"`
	Instrument InstrumentWords `expr:"instrument"`
	Account    AccountWords    `expr:"account"`
	// Action holds the parameters, as evaluated, of the action before this one in the sequence, and its
	// results (order_id); Steps the same by the id: of an action. Numbers may have been through JSON.
	Action map[string]any            `expr:"action"`
	Steps  map[string]map[string]any `expr:"steps"`
	Error  ErrorWords                `expr:"error"` // in on_error only
	State  map[string]any            `expr:"state"` // what set remembers: float64, string or bool; absent where nothing was set
	Clock  ClockWords                `expr:"$clock"`
	Recent map[string]int            `expr:"$recent"` // how many, by Recent.String
}

// ClockWords are what is_open(), minutes_to_close() and time_of_day() give, of the event's exchange (NSE where it
// has none). Expressions can't name them.
type ClockWords struct {
	TimeOfDay string  `expr:"time_of_day"` // HH:MM, IST
	Open      bool    `expr:"open"`
	Session   bool    `expr:"session"` // the exchange has a session today
	Minutes   float64 `expr:"minutes"` // to its end; negative after it
}

// EventWords is what happened.
type EventWords struct {
	Kind         string     `expr:"kind" example:"fill" doc:"what happened: a kind of the list under on"`
	Source       string     `expr:"source" example:"postback" doc:"where it was seen: postback, stream, book, replay"`
	Time         time.Time  `expr:"time" example:"2026-11-25 09:31:05" doc:"when, in IST"`
	Cause        string     `expr:"cause" example:"target" doc:"of flat: stop_loss, target, exit, person, broker; of guardrail: max_daily_loss"`
	FillQuantity int        `expr:"fill_quantity" unit:"units" example:"75" doc:"this fill alone"`
	FillPrice    float64    `expr:"fill_price" unit:"rupees" example:"120" doc:"the average price of this fill alone"`
	Previous     OrderWords `expr:"previous" example:"event.previous.status" doc:"a field of the order as it was before the event"`
	Confirmed    bool       `expr:"confirmed" example:"true" doc:"the broker's own channel has shown it"`
	Order        OrderWords `expr:"order" example:"event.order.tradingsymbol" doc:"the event's own order, where of: makes order another one"`
	Group        GroupWords `expr:"group" example:"event.group.side" doc:"the event's own group, where of: makes group another one"`
}

// OrderWords carries Kite's own field names and what Backstop derives.
type OrderWords struct {
	OrderID           string   `expr:"order_id" example:"260123220461909" doc:"Kite's id of the order"`
	ExchangeOrderID   string   `expr:"exchange_order_id" example:"1300000001887410" doc:"the exchange's id of the order"`
	ParentOrderID     string   `expr:"parent_order_id" example:"260123220461908" doc:"of a leg: its parent's order id"`
	UserID            string   `expr:"user_id" example:"AB1234" doc:"the account"`
	PlacedBy          string   `expr:"placed_by" example:"AB1234" doc:"who placed it"`
	Status            string   `expr:"status" example:"COMPLETE" doc:"TRIGGER PENDING, OPEN, REJECTED, CANCELLED, COMPLETE"`
	StatusMessage     string   `expr:"status_message" example:"Insufficient funds" doc:"why it was rejected or cancelled, in the broker's words"`
	StatusMessageRaw  string   `expr:"status_message_raw" example:"RMS:Margin Exceeds" doc:"the same as the order system wrote it"`
	Variety           string   `expr:"variety" example:"regular" doc:"regular, amo, co, iceberg, auction"`
	Exchange          string   `expr:"exchange" example:"NFO" doc:"NSE, BSE, NFO, BFO, CDS, BCD, MCX"`
	Tradingsymbol     string   `expr:"tradingsymbol" example:"NIFTY25NOV24500CE" doc:"the instrument's symbol"`
	InstrumentToken   int      `expr:"instrument_token" example:"256265" doc:"the instrument's number"`
	OrderType         string   `expr:"order_type" example:"LIMIT" doc:"MARKET, LIMIT, SL, SL-M"`
	TransactionType   string   `expr:"transaction_type" example:"BUY" doc:"BUY or SELL"`
	Validity          string   `expr:"validity" example:"DAY" doc:"DAY, IOC, TTL"`
	ValidityTTL       int      `expr:"validity_ttl" unit:"minutes" example:"5" doc:"of TTL: how long"`
	Product           string   `expr:"product" example:"MIS" doc:"CNC, NRML, MIS, MTF"`
	Quantity          int      `expr:"quantity" unit:"units" example:"75" doc:"ordered"`
	DisclosedQuantity int      `expr:"disclosed_quantity" unit:"units" example:"0" doc:"shown to the market"`
	FilledQuantity    int      `expr:"filled_quantity" unit:"units" example:"75" doc:"filled so far"`
	PendingQuantity   int      `expr:"pending_quantity" unit:"units" example:"0" doc:"Kite's own; wrong once cancelled: see remaining_quantity"`
	CancelledQuantity int      `expr:"cancelled_quantity" unit:"units" example:"0" doc:"cancelled"`
	RemainingQuantity int      `expr:"remaining_quantity" unit:"units" example:"0" doc:"what can still fill: 0 once it has ended"`
	Price             float64  `expr:"price" unit:"rupees" example:"120" doc:"the limit"`
	TriggerPrice      float64  `expr:"trigger_price" unit:"rupees" example:"96" doc:"the trigger"`
	AveragePrice      float64  `expr:"average_price" unit:"rupees" example:"120" doc:"of what filled"`
	MarketProtection  float64  `expr:"market_protection" unit:"per cent" example:"-1" doc:"of MARKET and SL-M; -1 is Kite's own band"`
	Tag               string   `expr:"tag" example:"scalp" doc:"the tag it was placed with"`
	Tags              []string `expr:"tags" example:"[\"scalp\"]" doc:"every tag, the system's too"`
	GUID              string   `expr:"guid" example:"174694xOz1kCwSjd8RrCd" doc:"of the request that placed it"`
	AppID             int      `expr:"app_id" example:"100" doc:"the app that placed it"`

	Role   string  `expr:"role" example:"entry" doc:"its part in its group: entry, stop_loss, target, exit, other"`
	IsExit bool    `expr:"is_exit" example:"false" doc:"it reduces a position"`
	Age    float64 `expr:"age" unit:"seconds" example:"2.5" doc:"since it was first seen"`
	Value  float64 `expr:"value" unit:"rupees" example:"9000" doc:"quantity x average price, else x price, x the multiplier"`
	Reason string  `expr:"reason" example:"margin" doc:"of a rejection or cancellation: one word"`
	Hint   string  `expr:"hint" example:"add funds, or lower the quantity" doc:"what to do about it"`
}

// GroupWords is an entry and the exits behind it.
type GroupWords struct {
	Side            string       `expr:"side" example:"BUY" doc:"BUY or SELL, of the entry"`
	Tag             string       `expr:"tag" example:"scalp" doc:"its entry's tag"`
	EntryPrice      float64      `expr:"entry_price" unit:"rupees" example:"120" doc:"the average price of its entries"`
	FilledQuantity  int          `expr:"filled_quantity" unit:"units" example:"75" doc:"entered"`
	ExitedQuantity  int          `expr:"exited_quantity" unit:"units" example:"0" doc:"exited"`
	OpenQuantity    int          `expr:"open_quantity" unit:"units" example:"75" doc:"entered and not exited"`
	CoveredQuantity int          `expr:"covered_quantity" unit:"units" example:"75" doc:"of it, what has a live exit"`
	LastPrice       float64      `expr:"last_price" unit:"rupees" example:"118.5" doc:"the instrument's last price"`
	RealizedPnL     float64      `expr:"realized_pnl" unit:"rupees" example:"0" doc:"profit of what was exited, before charges"`
	PnL             float64      `expr:"pnl" unit:"rupees" example:"-112.5" doc:"the same with what is open, at the last price"`
	Orders          []OrderWords `expr:"orders" example:"count(group.orders, .is_exit)" doc:"its orders, for any(), count() and the like"`
}

// PositionWords is of the order's account, instrument and product.
type PositionWords struct {
	Quantity     int     `expr:"quantity" unit:"units" example:"75" doc:"signed: negative is short"`
	AveragePrice float64 `expr:"average_price" unit:"rupees" example:"120" doc:"of what is open"`
	RealizedPnL  float64 `expr:"realized_pnl" unit:"rupees" example:"0" doc:"of today, before charges"`
	DayQuantity  int     `expr:"day_quantity" unit:"units" example:"75" doc:"of today's fills, signed"`
}

// DayWords is of the account's trading day, before charges.
type DayWords struct {
	RealizedPnL   float64 `expr:"realized_pnl" unit:"rupees" example:"1200" doc:"of what was exited today"`
	PnL           float64 `expr:"pnl" unit:"rupees" example:"950" doc:"the same with what is open, at the last prices"`
	Orders        int     `expr:"orders" example:"12" doc:"orders of today, whoever placed them"`
	Fills         int     `expr:"fills" example:"8" doc:"orders that are complete"`
	Rejections    int     `expr:"rejections" example:"1" doc:"orders that were rejected"`
	Cancellations int     `expr:"cancellations" example:"2" doc:"orders that were cancelled"`
	Wins          int     `expr:"wins" example:"3" doc:"groups that went flat with a profit"`
	Losses        int     `expr:"losses" example:"1" doc:"groups that went flat with a loss"`
}

// InstrumentWords is of the day's instruments list.
type InstrumentWords struct {
	TickSize       float64 `expr:"tick_size" unit:"rupees" example:"0.05" doc:"the smallest step of its price"`
	LotSize        int     `expr:"lot_size" unit:"units" example:"75" doc:"one lot"`
	Expiry         string  `expr:"expiry" example:"2025-11-25" doc:"YYYY-MM-DD, of a derivative"`
	Strike         float64 `expr:"strike" unit:"rupees" example:"24500" doc:"of an option"`
	Segment        string  `expr:"segment" example:"NFO-OPT" doc:"as Kite names it"`
	InstrumentType string  `expr:"instrument_type" example:"CE" doc:"EQ, FUT, CE, PE"`
}

// AccountWords names the account.
type AccountWords struct {
	ID    string `expr:"id" example:"AB1234" doc:"the Kite user id"`
	Label string `expr:"label" example:"family" doc:"the name you gave it; without one its id"`
}

// ErrorWords is the failure that on_error answers.
type ErrorWords struct {
	Type    string `expr:"type" example:"margin" doc:"why, in one word"`
	Message string `expr:"message" example:"Insufficient funds" doc:"why, in the broker's words"`
	Hint    string `expr:"hint" example:"add funds, or lower the quantity" doc:"what to do about it"`
	Action  string `expr:"action" example:"place_stop_loss" doc:"the action that failed"`
}
