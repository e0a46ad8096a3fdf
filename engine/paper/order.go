package paper

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// Statuses of docs/kite.md 3.4.
const (
	statusPut              = "PUT ORDER REQ RECEIVED"
	statusValidation       = "VALIDATION PENDING"
	statusOpenPending      = "OPEN PENDING"
	statusOpen             = "OPEN"
	statusTriggerPending   = "TRIGGER PENDING"
	statusModifyValidation = "MODIFY VALIDATION PENDING"
	statusModifyPending    = "MODIFY PENDING"
	statusModified         = "MODIFIED"
	statusCancelPending    = "CANCEL PENDING"
	statusComplete         = "COMPLETE"
	statusCancelled        = "CANCELLED"
	statusRejected         = "REJECTED"
	statusAMO              = "AMO REQ RECEIVED"
	statusAMOModified      = "MODIFY AMO REQ RECEIVED"
	statusAMOCancelled     = "CANCELLED AMO"
	statusUpdate           = "UPDATE" // of pushes only
)

// modificationsMax is the cap of docs/kite.md 3.9.
const modificationsMax = 25

// stamp is a time as Kite writes it: IST without a zone, null when unknown.
type stamp time.Time

const stampLayout = "2006-01-02 15:04:05"

func (s stamp) String() string {
	if time.Time(s).IsZero() {
		return ""
	}
	return time.Time(s).In(ist).Format(stampLayout)
}

// MarshalJSON is the quoted time or null.
func (s stamp) MarshalJSON() ([]byte, error) { return nullable(s.String()).MarshalJSON() }

// nullable is a string that is null when empty.
type nullable string

// MarshalJSON is null for the empty string.
func (n nullable) MarshalJSON() ([]byte, error) {
	if n == "" {
		return []byte("null"), nil
	}
	return encode(string(n)), nil
}

var emptyObject = json.RawMessage("{}")

// row is an order as GET /orders shows it (docs/kite.md 1.5, 3.4, 3.5).
type row struct {
	AccountID               string          `json:"account_id"`
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
	Modified                bool            `json:"modified"`
	Exchange                string          `json:"exchange"`
	Tradingsymbol           string          `json:"tradingsymbol"`
	InstrumentToken         uint32          `json:"instrument_token"`
	OrderType               string          `json:"order_type"`
	TransactionType         string          `json:"transaction_type"`
	Validity                string          `json:"validity"`
	ValidityTTL             int             `json:"validity_ttl"`
	Product                 string          `json:"product"`
	Quantity                int             `json:"quantity"`
	DisclosedQuantity       int             `json:"disclosed_quantity"`
	Price                   amount          `json:"price"`
	TriggerPrice            amount          `json:"trigger_price"`
	AveragePrice            amount          `json:"average_price"`
	FilledQuantity          int             `json:"filled_quantity"`
	PendingQuantity         int             `json:"pending_quantity"`
	CancelledQuantity       int             `json:"cancelled_quantity"`
	MarketProtection        int             `json:"market_protection"` // 0 even for protected orders (docs/kite.md 1.6)
	Meta                    json.RawMessage `json:"meta"`
	Tag                     nullable        `json:"tag"`
	Tags                    []string        `json:"tags,omitempty"` // replaced, never changed in place
	GUID                    string          `json:"guid"`
}

// state is a row with the moment it came about.
type state struct {
	row
	at time.Time
}

// order is one order of the true book.
type order struct {
	row
	account       *account
	app           *app // nil: by hand or by the broker
	listing       *listing
	placed        time.Time
	protection    float64 // percent, -1 automatic, 0 none
	triggered     bool    // an SL whose trigger was hit
	crossed       bool    // its price was marketable at the last tick
	modifications int
	opensAt       time.Time // while OpenDelay lasts
	expires       time.Time // TTL
	value         amount    // of its fills
	history       []state
	trades        []*trade
	gtt           int  // the trigger that placed it; 0: none
	silent        bool // no HTTP postback tells of it

	queued    bool // an AMO that waits for the morning
	releaseAt time.Time
	slice     *icebergLeg // nil: no iceberg
	stopAt    amount      // the trigger of the stop that follows a cover order's first leg; 0: none follows
	request   placement   // what it was placed with
}

func (o *order) buy() bool { return o.TransactionType == "BUY" }

func (o *order) done() bool { return finished(o.Status) }

func finished(status string) bool {
	return status == statusComplete || status == statusCancelled || status == statusRejected || status == statusAMOCancelled
}

// remaining is what can still be filled; pending_quantity tells it wrongly
// once the order is cancelled (docs/kite.md 1.5).
func (o *order) remaining() int {
	if o.done() {
		return 0
	}
	return o.Quantity - o.FilledQuantity
}

// addTags keeps the user's tag first and adds the system's.
func (o *order) addTags(tags ...string) {
	all := slices.Clone(o.Tags)
	for _, t := range tags {
		if !slices.Contains(all, t) {
			all = append(all, t)
		}
	}
	o.Tags = all
}

// protectionTags mark a protected market order (docs/kite.md 1.6).
func protectionTags(percent float64) []string {
	return []string{"mktp", fmt.Sprintf("mktp:%.2f", percent)}
}

// enterState gives the order a status and a row in its history.
func (x *Exchange) enterState(o *order, status string) {
	o.Status = status
	if len(o.history) >= x.opts.HistoryRowsMax {
		o.history = slices.Delete(o.history, 0, 1)
	}
	o.history = append(o.history, state{o.row, x.now})
}

// close ends an order: its row, its place among the live, its push.
func (x *Exchange) close(o *order, status, message, raw string) {
	o.StatusMessage, o.StatusMessageRaw = nullable(message), nullable(raw)
	switch status {
	case statusCancelled:
		// pending_quantity stays as it was (docs/kite.md 1.5).
		o.CancelledQuantity = o.PendingQuantity
		if x.opts.AverageOnCancelled {
			o.AveragePrice = o.value.per(o.FilledQuantity)
		}
	case statusRejected:
		o.PendingQuantity = 0
	case statusComplete:
		o.AveragePrice = o.value.per(o.FilledQuantity)
	}
	if o.ExchangeOrderID != "" {
		o.ExchangeUpdateTimestamp = stamp(x.now)
	}
	x.enterState(o, status)
	l := o.listing
	if i := slices.Index(l.live, o); i >= 0 {
		l.live = slices.Delete(l.live, i, i+1)
	}
	x.forgetTimed(o)
	x.push(o, status, true)
	x.follow(o)
}

// follow places what the end of an order brings: the next leg of an iceberg,
// the stop of a cover order.
func (x *Exchange) follow(o *order) {
	switch {
	case o.slice != nil && o.Status == statusComplete:
		x.placeNextSlice(o)
	case o.stopAt > 0 && o.FilledQuantity > 0:
		x.placeStopLeg(o)
	}
}

func (x *Exchange) forgetTimed(o *order) {
	if i := slices.Index(x.timed, o); i >= 0 {
		x.timed = slices.Delete(x.timed, i, i+1)
	}
}
