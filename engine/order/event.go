package order

import "time"

// Event is what an update means once folded: a kind plus deltas. An event is told once.
type Event struct {
	ID        string    `json:"id"`
	Kind      Kind      `json:"kind"`
	Account   string    `json:"account"`
	OrderID   string    `json:"order_id,omitempty"`
	Group     string    `json:"group,omitempty"`
	Key       Key       `json:"key,omitzero"`
	Side      string    `json:"side,omitempty"` // the order's transaction type
	Source    Source    `json:"source,omitempty"`
	Time      time.Time `json:"time"` // the lane's
	Cause     string    `json:"cause,omitempty"`
	Role      Role      `json:"role,omitempty"`
	Status    Status    `json:"status,omitempty"` // of the order when told
	Filled    int64     `json:"filled_quantity"`  // cumulative, with this event
	Fill      int64     `json:"fill_quantity"`    // this fill alone
	Confirmed bool      `json:"confirmed,omitempty"`
	Quantity  int64     `json:"quantity,omitempty"` // of group events: how many units it is about
	Reason    string    `json:"reason,omitempty"`
	Hint      string    `json:"hint,omitempty"`
	Message   string    `json:"message,omitempty"`
	Rule      string    `json:"rule,omitempty"` // of schedule: whose time it is
	Previous  *Update   `json:"previous,omitempty"`
}
