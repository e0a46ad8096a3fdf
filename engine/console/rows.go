package console

import (
	"encoding/base64"
	"encoding/json"
	"strconv"
	"unicode/utf8"

	"backstop/actions"
	"backstop/engine/journal"
	"backstop/engine/order"
)

// updateRow is one update as acknowledged. Raw is the payload as it came, a text and not an object, so that it is
// the same byte for byte; one that is no UTF-8 comes in RawBase64 besides.
type updateRow struct {
	ID         string       `json:"id"`
	Account    string       `json:"account"`
	Source     order.Source `json:"source"`
	ReceivedAt stamp        `json:"received_at"`
	OrderID    string       `json:"order_id"`
	Status     string       `json:"status"`
	Filled     int64        `json:"filled_quantity"`
	Ignored    string       `json:"ignored"`
	Raw        *string      `json:"raw,omitempty"`
	RawBase64  string       `json:"raw_base64,omitempty"`
}

func newUpdateRow(in journal.Input, raw bool) updateRow {
	row := updateRow{strconv.FormatInt(in.Seq, 10), in.Account, in.Source, stamp(in.At), in.OrderID, in.Status, in.Filled, in.Ignored, nil, ""}
	if raw {
		text := string(in.Doc)
		row.Raw = &text
		if !utf8.Valid(in.Doc) {
			row.RawBase64 = base64.StdEncoding.EncodeToString(in.Doc)
		}
	}
	return row
}

// orderRow is one folded order as claimed, with what the broker's own channels have confirmed beside it.
type orderRow struct {
	Account         string          `json:"account"`
	OrderID         string          `json:"order_id"`
	Day             order.Day       `json:"day"`
	Status          string          `json:"status"`
	Group           string          `json:"group"`
	PlacedAs        order.Role      `json:"placed_as"` // "" for an order that Backstop did not place
	Request         string          `json:"request"`
	Exchange        string          `json:"exchange"`
	Tradingsymbol   string          `json:"tradingsymbol"`
	Product         string          `json:"product"`
	Variety         string          `json:"variety"`
	TransactionType string          `json:"transaction_type"`
	OrderType       string          `json:"order_type"`
	Quantity        int64           `json:"quantity"`
	Filled          int64           `json:"filled_quantity"`
	Price           order.Price     `json:"price"`
	TriggerPrice    order.Price     `json:"trigger_price"`
	AveragePrice    order.Price     `json:"average_price"` // 0 while Kite has not told it
	Tag             string          `json:"tag"`
	StatusMessage   string          `json:"status_message"`
	Baseline        bool            `json:"baseline"`
	FirstSeen       stamp           `json:"first_seen_at"`
	Confirmed       *confirmedOrder `json:"confirmed"` // null before any
}

type confirmedOrder struct {
	Status order.Status `json:"status"`
	Filled int64        `json:"filled_quantity"`
}

// newOrderRow reads the lane's own form of an order. A form that can't be read (of another version) leaves the
// columns alone: a list must not fail for one row.
func newOrderRow(kept journal.OrderRow) orderRow {
	row := orderRow{Account: kept.Account, OrderID: kept.OrderID, Day: kept.Day, Status: kept.Status, Group: kept.Group}
	var o order.Order
	if json.Unmarshal(kept.Doc, &o) != nil {
		return row
	}
	u := o.Row()
	row.Exchange, row.Tradingsymbol, row.Product, row.Variety = u.Exchange, u.Tradingsymbol, u.Product, u.Variety
	row.TransactionType, row.OrderType, row.Tag, row.StatusMessage = u.TransactionType, u.OrderType, u.Tag, u.StatusMessage
	row.Quantity, row.Filled = u.Quantity, u.FilledQuantity
	row.Price, row.TriggerPrice, row.AveragePrice = u.Price, u.TriggerPrice, u.AveragePrice
	row.Baseline, row.FirstSeen = o.Baseline, stamp(o.FirstSeen)
	if o.Link != nil {
		row.PlacedAs, row.Request = o.Link.Role, o.Link.Request
	}
	if k := o.Seen(order.Confirmed); k.Known {
		row.Confirmed = &confirmedOrder{k.Row.Status, k.Row.FilledQuantity}
	}
	return row
}

// decisionRow is the outcome of one event for one rule.
type decisionRow struct {
	ID           string     `json:"id"`
	Account      string     `json:"account"`
	At           stamp      `json:"at"`
	Event        order.Kind `json:"event"`
	OrderID      string     `json:"order_id"`
	Group        string     `json:"group"`
	Rule         string     `json:"rule"`
	Matched      bool       `json:"matched"`
	Why          string     `json:"why"`
	RulesVersion string     `json:"rules_version"`
	Actions      []string   `json:"actions"`
}

func newDecisionRow(e *journal.Event, d *journal.Decision) decisionRow {
	return decisionRow{d.ID, e.Account, stamp(e.At), e.Kind, e.OrderID, e.Group, d.Rule, d.Matched, d.Why, e.RulesVersion, orEmpty(d.Actions)}
}

// errorRow is why something failed; null where nothing did.
type errorRow struct {
	Type    actions.Class `json:"type"`
	Message string        `json:"message"`
	Hint    string        `json:"hint"`
}

func newErrorRow(e *actions.Error) *errorRow {
	if e == nil {
		return nil
	}
	return &errorRow{e.Class, e.Message, e.Hint}
}

// actionRow is one planned effect of a decision.
type actionRow struct {
	ID        string           `json:"id"`
	Account   string           `json:"account"`
	Decision  string           `json:"decision"`
	Rule      string           `json:"rule"`
	Type      string           `json:"type"`
	Step      string           `json:"step"`
	State     actions.State    `json:"state"`
	Why       string           `json:"why"`
	OrderID   string           `json:"order_id"`
	Attempts  int              `json:"attempts"`
	Error     *errorRow        `json:"error"`
	Message   *actions.Message `json:"message"` // of an alert; else null
	Requests  []string         `json:"requests"`
	Assumed   []string         `json:"assumed,omitempty"`
	CreatedAt stamp            `json:"created_at"`
	UpdatedAt stamp            `json:"updated_at"`
}

func newActionRow(a actions.Action) actionRow {
	return actionRow{a.ID, a.Account, a.Decision, a.Rule, a.Type, a.Step, a.State, a.Why, a.OrderID, a.Attempts, newErrorRow(a.Error),
		a.Message, orEmpty(a.Requests), a.Assumed, stamp(a.Created), stamp(a.Updated)}
}

// requestRow is one call that changes something at the broker.
type requestRow struct {
	ID        string         `json:"id"`
	Account   string         `json:"account"`
	Action    string         `json:"action"` // "" where the engine acts by itself
	For       string         `json:"for"`
	Method    string         `json:"method"`
	Path      string         `json:"path"`
	Params    actions.Params `json:"params"` // as they leave
	Tag       string         `json:"tag"`
	State     actions.State  `json:"state"`
	Why       string         `json:"why"`
	OrderID   string         `json:"order_id"`
	Attempts  int            `json:"attempts"`
	Error     *errorRow      `json:"error"`
	Assumed   []string       `json:"assumed,omitempty"`
	CreatedAt stamp          `json:"created_at"`
	UpdatedAt stamp          `json:"updated_at"`
	SentAt    stamp          `json:"sent_at"`
}

func newRequestRow(r actions.Request) requestRow {
	return requestRow{r.ID, r.Account, r.ActionID, r.For, r.Call.Method.HTTP(), r.Call.Path(), r.Call.Sent(), r.Tag(), r.State, r.Why, r.OrderID,
		r.Attempts, newErrorRow(r.Error), r.Assumed, stamp(r.Created), stamp(r.Updated), stamp(r.Sent)}
}

// orEmpty makes an absent list [] and not null.
func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// object is kept JSON as it stands; what is absent or none is null.
func object(b []byte) json.RawMessage {
	if !json.Valid(b) {
		return json.RawMessage("null")
	}
	return b
}
