package lane

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"time"

	"backstop/actions"
	"backstop/engine/journal"
	"backstop/engine/order"
)

// What the journal keeps of inputs that are no updates, so that a replay can give a new lane the very same ones.
// Outcome, Delivery, Session, Control, Trades, Positions and Prices are kept as they are, rules by their version.

// StartDoc is a lane's start: with what it began. It is the first input of its first step.
type StartDoc struct {
	Began   time.Time `json:"began"`           // the lane's time at New
	First   bool      `json:"first,omitempty"` // the account's first start: nothing was kept of it
	Mode    Mode      `json:"mode"`
	Confirm bool      `json:"confirm"`
	Adopt   bool      `json:"adopt,omitempty"`
	Label   string    `json:"label,omitempty"`
	Venue   string    `json:"venue,omitempty"`
	Others  []string  `json:"accounts,omitempty"` // all accounts, where there are several
	ChatID  string    `json:"chat_id,omitempty"`
	Rules   string    `json:"rules,omitempty"`       // their version
	Loaded  bool      `json:"instruments,omitempty"` // a list of instruments was there
}

// ReadDoc is a reading of the order book: when, and what it lacked. The rows that this lane had not seen in the same
// words before are updates of source book in front of it; every other order that it knew was in it.
type ReadDoc struct {
	Began      time.Time `json:"began"`
	Ended      time.Time `json:"ended"`
	Rows       int       `json:"rows"`
	Unreadable int       `json:"unreadable,omitempty"`
	Missing    []string  `json:"missing,omitempty"` // orders that it should have had
	Other      []string  `json:"other,omitempty"`   // orders that it did not have and need not: claimed since it began
	Error      string    `json:"error,omitempty"`
}

// recordStart journals the start with the lane's first step.
func (l *Lane) recordStart() {
	if l.begun || l.o.Assume {
		return
	}
	l.begun = true
	doc := StartDoc{Began: l.started, First: l.first, Mode: l.o.Mode, Confirm: l.o.Confirm, Adopt: l.o.Adopt, Label: l.o.Label, Venue: l.o.Venue, ChatID: l.o.ChatID, Loaded: l.loaded}
	if len(l.o.Accounts) > 1 {
		doc.Others = l.o.Accounts
	}
	if l.o.Rules != nil {
		doc.Rules = l.o.Rules.Version()
	}
	l.journalJSON(journal.InputStart, doc)
	l.keepText()
}

// ArmedBefore is what is kept of an account that was armed on an earlier day and of which nothing else is known: a lane
// that is restored from it takes the day's first book for news and not for a baseline.
func ArmedBefore(account string, mode Mode, now time.Time) journal.Doc {
	before := now.AddDate(0, 0, -1).UTC().Round(0)
	return journal.Doc{Kind: docMeta, ID: account, Body: encode(meta{Now: before, Day: order.DayOf(before), ArmedMode: mode})}
}

// LiveAt are the venues (Options.Venue) where an account was ever armed in live, by what is kept of it.
func LiveAt(snap *journal.Snapshot) ([]string, error) {
	for _, d := range snap.Docs {
		if d.Kind != docMeta {
			continue
		}
		var m meta
		if err := json.Unmarshal(d.Body, &m); err != nil {
			return nil, fmt.Errorf("lane: what is kept of the account: %w", err)
		}
		return m.LiveAt, nil
	}
	return nil, nil
}

// Asked are the values that a request of this lane asks for; false where it made none of that id.
func (l *Lane) Asked(requestID string) (actions.Params, bool) {
	r, ok := l.requests[requestID]
	if !ok {
		return actions.Params{}, false
	}
	return r.Call.Params, true
}

// seenBefore says whether the book showed this order in the same words before: then there is nothing to fold.
func (l *Lane) seenBefore(u *order.Update) bool {
	if len(u.Raw) == 0 {
		return false // it was made, not received
	}
	h := fnv.New64a()
	_, _ = h.Write(u.Raw) // a hash never fails to write
	sum := h.Sum64()
	if have, ok := l.shown[u.OrderID]; ok && have == sum {
		return true
	}
	l.shown[u.OrderID] = sum
	return false
}

// unchanged looks again at an order that a reading held as it was: what else is known of it may have changed.
func (l *Lane) unchanged(o *order.Order) {
	l.tie(o)
	l.noteStray(o)
	told, roled, entered := o.Told, o.Roled, o.Entered
	l.tellOrder(o, &order.Update{Source: order.SourceBook})
	if o.Told != told || o.Roled != roled || o.Entered != entered {
		l.dirty.orders[o.ID] = true
	}
	l.foldedKey(o.Key())
}
