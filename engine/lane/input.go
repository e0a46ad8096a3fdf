package lane

import (
	"time"

	"backstop/actions"
	"backstop/engine/order"
	"backstop/rules"
)

// Input is one thing that a step takes. Exactly one field is set.
type Input struct {
	Update    *order.Update
	Read      *Read
	Trades    *Trades
	Positions *Positions
	GTTs      *GTTs
	Prices    *Prices
	Outcome   *Outcome
	Delivery  *Delivery
	Session   *Session
	Stream    *Stream
	Rules     *rules.Set // from this step on
	Control   *Control
	Errand    *Errand    // another account's rule asks for it
	ErrandEnd *ErrandEnd // and this is how one of this account's ended
	Loaded    bool       // instruments were loaded: what waited for them goes on
}

// Read is one answer of the whole order book, good or not. Rows need no order.
type Read struct {
	Began, Ended time.Time
	Rows         []order.Update
	Unreadable   int   // rows that could not be read: then the book proves no absence
	Err          error // an *actions.Error; Rows is empty then

	Kept *ReadDoc // of a replay: Rows are those that differed, and every other known order was in it unless Kept names it
}

// Trades is an answer of one order's executions.
type Trades struct {
	OrderID string
	Rows    []order.Trade
	Err     error
}

// Positions is an answer of the positions and, where the lane asked for them, the holdings.
type Positions struct {
	Began    time.Time
	Rows     []actions.PositionRow
	Holdings []actions.HoldingRow `json:",omitempty"`
	Whole    bool                 `json:",omitempty"` // the holdings were read too
	Differ   bool                 `json:",omitempty"` // as the journal keeps a check: Rows are those that differ from what the order book gives
	Err      error
}

// Outcome is what the broker answered to a request that was sent. Err nil means accepted.
type Outcome struct {
	RequestID string
	Attempt   int
	OrderID   string
	Err       *actions.Error
}

// Delivery is what a channel answered to a message.
type Delivery struct {
	ActionID   string
	Err        *actions.Error
	RetryAfter time.Duration
}

// Session says whether the Kite session lives.
type Session struct {
	Alive bool
	Why   string
}

// Stream says that updates of the stream may have been missed until now: the order book is read.
type Stream struct {
	Back bool   `json:"back,omitempty"` // it stands again after a gap, which is told as an event
	Why  string `json:"why,omitempty"`  // what was the matter
}

// ControlVerb is a person's word.
type ControlVerb string

// The verbs of this version.
const (
	Pause     ControlVerb = "pause"
	Resume    ControlVerb = "resume"
	Reconcile ControlVerb = "reconcile"
	Retry     ControlVerb = "retry"   // what failed is tried once more
	Adopt     ControlVerb = "adopt"   // an order of the baseline is taken on
	Resolve   ControlVerb = "resolve" // what is unknown or failed became this order, or failed
)

// Control is a person's word, from the console or the command line.
//
// A retry, resolve or adopt that can't be followed changes nothing: the batch's answer to it says why, in one sentence.
type Control struct {
	Verb    ControlVerb     `json:"verb"`
	By      string          `json:"by,omitempty"`
	ID      string          `json:"id,omitempty"`       // of retry and resolve: an action, or a request
	OrderID string          `json:"order_id,omitempty"` // of resolve: what it became; of adopt: the order
	Failed  bool            `json:"failed,omitempty"`   // of resolve: it failed
	Why     string          `json:"why,omitempty"`
	Action  *actions.Action `json:"action,omitempty"` // the action as the store keeps it: what has ended is in no lane's memory
}
