package actions

import (
	"time"

	"backstop/engine/order"
)

// Priority orders what waits: what reduces risk goes first.
type Priority int

// The priorities, in the order in which requests are dispatched.
const (
	PriorityCancelEntry Priority = iota // cancels of entries
	PriorityExit                        // exits
	PriorityStop                        // stops: placing and keeping them true
	PriorityCancelExit                  // cancels of exits of a flat group
	PriorityTarget                      // targets
	PriorityRisk                        // new risk
)

// SlotKind is what a slot keeps at the broker.
type SlotKind string

// The kinds of slots.
const (
	SlotStop   SlotKind = "stop_loss"
	SlotTarget SlotKind = "target"
	SlotExit   SlotKind = "exit"
	SlotNone   SlotKind = ""
)

// Request is one call that changes something at the broker: a durable row with its own id, state and, for a
// placement, tag.
type Request struct {
	ID       string    `json:"id"`
	Account  string    `json:"account"`
	ActionID string    `json:"action,omitempty"` // the action it serves, "" where the engine acts by itself
	For      string    `json:"for"`              // the rule's name, or what it keeps true: keep-stop, over-exit …
	Slot     string    `json:"slot,omitempty"`   // id of the slot it belongs to
	Call     Call      `json:"call"`
	Key      order.Key `json:"key"`
	Priority Priority  `json:"priority"`
	State    State     `json:"state"`
	Why      string    `json:"why,omitempty"`
	OrderID  string    `json:"order_id,omitempty"`
	Error    *Error    `json:"error,omitempty"`
	Attempts int       `json:"attempts"`

	Created  time.Time `json:"created_at"`
	Updated  time.Time `json:"updated_at"`
	Sent     time.Time `json:"sent_at,omitzero"`  // when the last attempt was claimed
	Ended    time.Time `json:"ended_at,omitzero"` // when its answer came or was given up
	NotUntil time.Time `json:"not_until,omitzero"`

	// Of a rule's own order: what it is to its group, the group that it exits, the tag of the group that it opens, the
	// event's time, and how many orders in a row answered events of Backstop's own.
	Role     order.Role `json:"role,omitempty"`
	Group    string     `json:"group,omitempty"`
	GroupTag string     `json:"group_tag,omitempty"`
	Since    time.Time  `json:"since,omitzero"`
	Chain    int        `json:"chain,omitempty"`
	Whole    int64      `json:"whole,omitempty"` // of a slice: the quantity that the rule asked for
	Anew     *Params    `json:"anew,omitempty"`  // of a cancel: what is placed in the order's stead once it has ended; Quantity is its total

	Stands Standing `json:"stands,omitzero"` // what confirmed must have reached before it is released
	// Absent counts the good book reads since Ended that held every known order and not this one's tag.
	Absent     int      `json:"absent,omitempty"`
	AbsentLate int      `json:"absent_late,omitempty"` // those that began late enough not to miss a slow order
	Told       bool     `json:"told,omitempty"`        // that it waits
	Assumed    []string `json:"assumed,omitempty"`
}

// Tag is the tag of a placement, "" for others.
func (r *Request) Tag() string { return r.Call.Params.Tag }

// Standing is the observation that a request stands on.
type Standing struct {
	OrderID string       `json:"order_id,omitempty"`
	Status  order.Status `json:"status,omitempty"`
	Filled  int64        `json:"filled,omitempty"`
	// Key, where it is set: nothing of this place is claimed that the broker's own channels have not shown. What is told
	// of a group stands on all of its orders.
	Key order.Key `json:"key,omitzero"`
}

// Action is one planned effect of a decision.
type Action struct {
	ID       string         `json:"id"`
	Account  string         `json:"account"`
	Decision string         `json:"decision"`
	Rule     string         `json:"rule"`
	Type     string         `json:"type"`
	Step     string         `json:"step"` // then/0, on_error/1
	State    State          `json:"state"`
	Why      string         `json:"why,omitempty"`
	OrderID  string         `json:"order_id,omitempty"` // the order it is about
	Slot     string         `json:"slot,omitempty"`
	Requests []string       `json:"requests,omitempty"`
	Message  *Message       `json:"message,omitempty"`
	Attempts int            `json:"attempts"`
	Error    *Error         `json:"error,omitempty"`
	Assumed  []string       `json:"assumed,omitempty"`
	Args     map[string]any `json:"args,omitempty"` // as evaluated: the words of action.*
	Created  time.Time      `json:"created_at"`
	Updated  time.Time      `json:"updated_at"`
	NotUntil time.Time      `json:"not_until,omitzero"`
	Retries  int            `json:"retries,omitempty"` // how often a person began it anew
}
