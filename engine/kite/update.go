package kite

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"backstop/engine/order"
)

// field reads one member of an order's JSON into an update. Its bit marks it as seen: where a key stands twice
// the first counts, as it does for the checksum's fields, of which Verify takes one alone.
type field struct {
	bit  uint64
	read func(u *order.Update, v value) error
}

// fields is every member that Backstop knows of a postback, a stream frame's data and an order-book row
// (docs/kite.md 1.5, 2.2, 3.4). What is not in it (meta, unfilled_quantity, which is always 0, checksum …) stays
// in Update.Raw.
var fields = numbered([]named{
	{"user_id", func(u *order.Update, v value) error {
		return keep(v, func(s string) { u.Account = canonical(s) })
	}},
	{"account_id", func(u *order.Update, v value) error {
		return keep(v, func(s string) {
			if u.Account == "" {
				u.Account = canonical(s)
			}
		})
	}},
	{"order_id", id(func(u *order.Update) *string { return &u.OrderID })},
	{"exchange_order_id", id(func(u *order.Update) *string { return &u.ExchangeOrderID })},
	{"parent_order_id", id(func(u *order.Update) *string { return &u.ParentOrderID })},
	{"placed_by", func(u *order.Update, v value) error {
		if v.kind == kindText && string(v.raw[1:len(v.raw)-1]) == u.Account {
			u.PlacedBy = u.Account // nearly always, and then one text
			return nil
		}
		return keep(v, func(s string) { u.PlacedBy = s })
	}},
	{"guid", text(func(u *order.Update) *string { return &u.GUID })},
	{"app_id", count(func(u *order.Update) *int64 { return &u.AppID })},

	{"status", text(func(u *order.Update) *string { return &u.RawStatus })},
	{"status_message", text(func(u *order.Update) *string { return &u.StatusMessage })},
	{"status_message_raw", text(func(u *order.Update) *string { return &u.StatusMessageRaw })},

	{"order_timestamp", func(u *order.Update, v value) error { u.OrderTimestamp = moment(v); return nil }},
	{"exchange_update_timestamp", func(u *order.Update, v value) error { u.ExchangeUpdateTimestamp = moment(v); return nil }},
	{"exchange_timestamp", func(u *order.Update, v value) error { u.ExchangeTimestamp = moment(v); return nil }},

	{"variety", text(func(u *order.Update) *string { return &u.Variety })},
	{"exchange", text(func(u *order.Update) *string { return &u.Exchange })},
	{"tradingsymbol", func(u *order.Update, v value) error {
		return keep(v, func(s string) { u.Tradingsymbol = canonical(s) })
	}},
	{"instrument_token", count(func(u *order.Update) *int64 { return &u.InstrumentToken })},
	{"order_type", text(func(u *order.Update) *string { return &u.OrderType })},
	{"transaction_type", text(func(u *order.Update) *string { return &u.TransactionType })},
	{"validity", text(func(u *order.Update) *string { return &u.Validity })},
	{"validity_ttl", count(func(u *order.Update) *int64 { return &u.ValidityTTL })},
	{"product", text(func(u *order.Update) *string { return &u.Product })},

	{"quantity", count(func(u *order.Update) *int64 { return &u.Quantity })},
	{"disclosed_quantity", count(func(u *order.Update) *int64 { return &u.DisclosedQuantity })},
	{"filled_quantity", count(func(u *order.Update) *int64 { return &u.FilledQuantity })},
	{"pending_quantity", count(func(u *order.Update) *int64 { return &u.PendingQuantity })},
	{"cancelled_quantity", count(func(u *order.Update) *int64 { return &u.CancelledQuantity })},

	{"price", amount(func(u *order.Update) *order.Price { return &u.Price })},
	{"trigger_price", amount(func(u *order.Update) *order.Price { return &u.TriggerPrice })},
	{"average_price", amount(func(u *order.Update) *order.Price { return &u.AveragePrice })},
	{"market_protection", func(u *order.Update, v value) (err error) {
		u.MarketProtection, err = float(v)
		return err
	}},

	{"tag", text(func(u *order.Update) *string { return &u.Tag })},
	{"tags", func(u *order.Update, v value) (err error) {
		u.Tags, err = tags(v)
		return err
	}},
})

// FieldNames are the members that an order's JSON can have for Backstop, sorted.
func FieldNames() []string { return slices.Sorted(maps.Keys(fields)) }

type named struct {
	name string
	read func(u *order.Update, v value) error
}

func numbered(list []named) map[string]field {
	table := make(map[string]field, len(list))
	for i, f := range list {
		table[f.name] = field{1 << i, f.read}
	}
	return table
}

func text(of func(*order.Update) *string) func(*order.Update, value) error {
	return func(u *order.Update, v value) error {
		return keep(v, func(s string) { *of(u) = s })
	}
}

func id(of func(*order.Update) *string) func(*order.Update, value) error {
	return func(u *order.Update, v value) (err error) {
		*of(u), err = identifier(v)
		return err
	}
}

func count(of func(*order.Update) *int64) func(*order.Update, value) error {
	return func(u *order.Update, v value) (err error) {
		*of(u), err = integer(v)
		return err
	}
}

func amount(of func(*order.Update) *order.Price) func(*order.Update, value) error {
	return func(u *order.Update, v value) (err error) {
		*of(u), err = price(v)
		return err
	}
}

// keep hands a text to set, and leaves out what is null or empty. A number or a boolean counts as its letters.
func keep(v value, set func(string)) error {
	switch v.kind {
	case kindNull:
	case kindText:
		if s := v.text(); s != "" {
			set(s)
		}
	case kindNumber, kindTrue, kindFalse:
		set(string(v.raw))
	default:
		return fmt.Errorf("want a text, got %s", v.kind)
	}
	return nil
}

// identifier is an id, which stays a text: ids have 15 or 19 digits (docs/kite.md 3.3), and a float would change
// the longer ones. A number is taken as written, where it is whole.
func identifier(v value) (string, error) {
	switch v.kind {
	case kindNull:
		return "", nil
	case kindText:
		return v.text(), nil
	case kindNumber:
		if digits(string(v.raw)) {
			return string(v.raw), nil
		}
		return "", fmt.Errorf("%s is no id", clip(string(v.raw)))
	default:
		return "", fmt.Errorf("want a text, got %s", v.kind)
	}
}

// tags are the tags in v, each once: an array whose members may be null, or one text.
func tags(v value) (out []string, err error) {
	add := func(s string) {
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	if v.kind != kindArray {
		err = keep(v, add)
		return out, err
	}
	e := elementsOf(v.raw, true)
	for e.next() {
		if err := keep(e.value, add); err != nil {
			return nil, err
		}
	}
	return out, e.err
}

// errNoOrder is a payload without an order id: it says nothing of any order.
var errNoOrder = errors.New("order_id is missing")

// read decodes one order's JSON object into u. A field that can't be read does not stop it, so that u names the
// order; the first such field is the error. What is not JSON does.
func read(u *order.Update, raw []byte) error {
	var seen uint64
	var first error
	m := membersOf(raw, true)
	for m.next() {
		f, ok := fields[string(m.name)]
		if !ok || seen&f.bit != 0 {
			continue
		}
		seen |= f.bit
		if err := f.read(u, m.value); err != nil && first == nil {
			first = fmt.Errorf("%s: %w", m.name, err)
		}
	}
	u.Status, u.Interim = statusOf(u.RawStatus)
	switch {
	case m.err != nil:
		return m.err
	case first != nil:
		return first
	case u.OrderID == "":
		return errNoOrder
	}
	return nil
}

// statusOf normalises a status (docs/kite.md 1.1, 3.4). UPDATE says that something changed and not what: no
// status, yet its values hold. Every status that is not known is interim: on the way, saying nothing of state
// or values.
func statusOf(raw string) (s order.Status, interim bool) {
	switch strings.ToUpper(strings.TrimSpace(raw)) {
	case "COMPLETE":
		return order.StatusComplete, false
	case "REJECTED":
		return order.StatusRejected, false
	case "CANCELLED", "CANCEL", "CANCELLED AMO":
		return order.StatusCancelled, false
	case "OPEN":
		return order.StatusOpen, false
	case "TRIGGER PENDING":
		return order.StatusTriggerPending, false
	case "UPDATE":
		return order.StatusNone, false
	default:
		return order.StatusNone, true
	}
}
