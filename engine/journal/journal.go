// Package journal is the durable record of every input of a step, in order, and of what followed from it.
//
// It promises that a Commit is all or nothing and durable when it returns (invariant 3 stands on that), and
// that Load gives back exactly what the last successful commits wrote, without replaying history. Stores live
// in the folders below and all pass journaltest; this package holds only the records and the interface, and
// imports actions and order for them. journaltest's "a failed commit leaves nothing" would fail if the promise broke.
package journal

import (
	"context"
	"errors"
	"time"

	"backstop/actions"
	"backstop/engine/order"
)

// ErrLocked means that another process holds the store for writing.
var ErrLocked = errors.New("another process holds the store")

// ErrNewer means that a newer version of Backstop wrote the store.
var ErrNewer = errors.New("the store was written by a newer version")

// Store keeps the journal. All methods may be called from several goroutines. Times are stored as UTC
// milliseconds or finer and come back in UTC.
type Store interface {
	// Commit writes everything in c in one transaction and returns when it is durable. It assigns Seq to
	// c.Inputs and c.Events, rising within an account. Several commits that wait may share one transaction;
	// then they all fail or all succeed.
	Commit(ctx context.Context, c *Commit) error
	// Load gives an account's state: its docs, the orders of day and later, every action and request that is
	// not final, and the final requests of day and later.
	Load(ctx context.Context, account string, day order.Day) (*Snapshot, error)
	// Inputs, Events, Actions, Requests and Orders list newest first; next is the Before of the next page, ""
	// at the end.
	Inputs(ctx context.Context, q Query) (rows []Input, next string, err error)
	Events(ctx context.Context, q Query) (rows []Event, next string, err error)
	Actions(ctx context.Context, q Query) (rows []actions.Action, next string, err error)
	Requests(ctx context.Context, q Query) (rows []actions.Request, next string, err error)
	Orders(ctx context.Context, q Query) (rows []OrderRow, next string, err error)
	// SaveInstruments replaces the kept list with what fill yields, in one transaction.
	SaveInstruments(ctx context.Context, day order.Day, fill func(add func(order.Instrument) error) error) error
	// Instruments calls each for the kept list and returns its day, "" where there is none.
	Instruments(ctx context.Context, each func(order.Instrument)) (order.Day, error)
	// Close finishes what is under way and releases the lock.
	Close() error
}

// InputKind says what kind of input a step took.
type InputKind string

// The kinds of inputs.
const (
	InputUpdate    InputKind = "update"
	InputRead      InputKind = "read" // an order book reading: what it lacked; its changes are updates
	InputTrades    InputKind = "trades"
	InputPositions InputKind = "positions"
	InputGTTs      InputKind = "gtts"
	InputOutcome   InputKind = "outcome"
	InputDelivery  InputKind = "delivery"
	InputSession   InputKind = "session"
	InputStream    InputKind = "stream" // the stream may have missed something
	InputControl   InputKind = "control"
	InputRules     InputKind = "rules"
	InputStart     InputKind = "start"
	InputTimer     InputKind = "timer"
	InputPrices    InputKind = "prices"
	InputErrand    InputKind = "errand"      // what another account's rule asks of this one
	InputErrandEnd InputKind = "errand end"  // how one that this account's rule asked for ended
	InputLoaded    InputKind = "instruments" // the day's list came
)

// Input is one input of a step. Of an update the columns are filled and Doc is the raw payload as it came;
// of the others Doc is JSON.
type Input struct {
	Seq     int64
	Step    int64 // the step that took it; 0 before it is committed
	Account string
	At      time.Time // the lane's time
	Kind    InputKind
	Source  order.Source
	Began   time.Time // of a book row
	OrderID string
	Status  string
	Filled  int64
	Ignored string // why it changed nothing, or ""
	Doc     []byte
}

// Decision is the outcome of one event for one rule. Its id is the event's id, a dash and the rule's name.
type Decision struct {
	ID      string   `json:"id"`
	Rule    string   `json:"rule"`
	Matched bool     `json:"matched"`
	Why     string   `json:"why,omitempty"`
	Actions []string `json:"actions,omitempty"`
	Assumed []string `json:"assumed,omitempty"` // in a dry run: what the rule read and nobody told
	Explain []byte   `json:"explain,omitempty"` // JSON: the condition's parts with their values
}

// Event is one event with every decision that followed, one row; written again it has the same order. Doc is the event and the snapshot of words
// that it met, as JSON.
type Event struct {
	Seq          int64      `json:"seq"`
	ID           string     `json:"id"`
	Account      string     `json:"account"`
	At           time.Time  `json:"at"`
	Kind         order.Kind `json:"kind"`
	OrderID      string     `json:"order_id,omitempty"`
	Group        string     `json:"group,omitempty"`
	RulesVersion string     `json:"rules_version"`
	Decisions    []Decision `json:"decisions"`
	Doc          []byte     `json:"doc,omitempty"`
}

// OrderRow is the folded state of one order as the lane keeps it, with columns to list by.
type OrderRow struct {
	Account string
	OrderID string
	Day     order.Day
	Status  string
	Group   string
	Doc     []byte
}

// Doc is a small piece of lane state: a slot, a run of actions, a timer, the account's own row.
type Doc struct {
	Kind string
	ID   string
	Body []byte // nil deletes it
}

// Commit is what one step wrote. Actions, Requests, Orders and Docs replace the row with the same id (of the
// same account); Events likewise (a decision that waited is decided later). Exits and Risk are what the step was
// allowed to send, for a replay.
type Commit struct {
	Account  string
	At       time.Time
	Exits    int
	Risk     int
	Inputs   []Input
	Events   []Event
	Orders   []OrderRow
	Actions  []actions.Action
	Requests []actions.Request
	Docs     []Doc
}

// Empty says whether there is nothing to write.
func (c *Commit) Empty() bool {
	return len(c.Inputs)+len(c.Events)+len(c.Orders)+len(c.Actions)+len(c.Requests)+len(c.Docs) == 0
}

// Snapshot is what a lane starts from.
type Snapshot struct {
	Orders   []OrderRow
	Actions  []actions.Action
	Requests []actions.Request
	Docs     []Doc
}

// Query selects rows for a list. Zero fields do not filter. Limit 0 is 100; more than 1000 is 1000.
type Query struct {
	Account string
	OrderID string
	Rule    string
	State   string
	ID      string
	Kind    string // of inputs and events
	Ignored *bool  // of inputs
	Since   time.Time
	Before  string // the next of the page before
	Limit   int
}
