package journal

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/cespare/xxhash/v2"

	"backstop/actions"
	"backstop/engine/order"
)

// ErrDamaged means that a row is not what was written.
var ErrDamaged = errors.New("damaged")

// Table is one of the tables of a journal.
type Table string

// The tables, in the order in which Keeper.Rows gives them.
const (
	TableCut            Table = "cut" // at most one row: what was pruned
	TableSteps          Table = "steps"
	TableInputs         Table = "inputs"
	TableEvents         Table = "events"
	TableOrders         Table = "orders"
	TableActions        Table = "actions"
	TableRequests       Table = "requests"
	TableDocs           Table = "docs"
	TableInstrumentList Table = "instrument_list" // at most one row
	TableInstruments    Table = "instruments"
)

// Tables are all tables, in the order in which Keeper.Rows gives them.
func Tables() []Table {
	return []Table{TableCut, TableSteps, TableInputs, TableEvents, TableOrders, TableActions, TableRequests, TableDocs,
		TableInstrumentList, TableInstruments}
}

// Row is one row of a table as every store keeps it: what its checksum covers, and what export writes.
type Row struct {
	Table Table
	Seq   int64 // its number, or its place: rises with the order of writing; 0 in docs, cut and instrument_list
	Step  int64 // the step that wrote it last; 0 where the table has none
	// Values are nil, int64, string or []byte, in the order of Table.Columns. They may be bound as they are.
	Values []any
	Sum    uint64
}

// Column is a column of a table, beside its number, its step and its checksum.
type Column struct {
	Name string
	Blob bool // holds bytes; the others hold text and whole numbers
}

// Columns are what a checksum of a row covers. A later version may add to the end, never change what stands here.
func (t Table) Columns() []Column { return columns[t] }

var columns = map[Table][]Column{
	TableCut:            list("first", "previous", "at", "*writes"),
	TableSteps:          list("account", "at", "exits", "risk", "first_input", "previous", "*writes"),
	TableInputs:         list("account", "at", "kind", "source", "began", "order_id", "status", "filled", "ignored", "*doc"),
	TableEvents:         list("id", "account", "at", "kind", "order_id", "group_id", "rules_version", "decisions", "*doc"),
	TableOrders:         list("order_id", "account", "day", "status", "group_id", "*doc"),
	TableActions:        list("id", "account", "rule", "state", "final", "order_id", "created", "doc"),
	TableRequests:       list("id", "account", "rule", "state", "final", "order_id", "target_id", "created", "doc"),
	TableDocs:           list("account", "kind", "id", "*body"),
	TableInstrumentList: list("day", "parts"),
	TableInstruments:    list("rows"),
}

// list names columns; a star marks bytes.
func list(names ...string) []Column {
	var all []Column
	for _, n := range names {
		name, blob := strings.CutPrefix(n, "*")
		all = append(all, Column{name, blob})
	}
	return all
}

// SumOf is the checksum of a row: XXH64 over the table's name, the number where the row is a step, and each value
// with its type and length.
func (r *Row) SumOf() uint64 {
	var h xxhash.Digest
	h.Reset()
	var b [9]byte
	number := func(tag byte, n int64) {
		b[0] = tag
		binary.LittleEndian.PutUint64(b[1:], uint64(n))
		_, _ = h.Write(b[:]) // a hash never fails to write
	}
	number('t', int64(len(r.Table)))
	_, _ = h.WriteString(string(r.Table))
	if r.Table == TableSteps {
		number('q', r.Seq)
	}
	for _, v := range r.Values {
		switch v := v.(type) {
		case nil:
			number('n', 0)
		case int64:
			number('i', v)
		case string:
			number('s', int64(len(v)))
			_, _ = h.WriteString(v)
		case []byte:
			number('b', int64(len(v)))
			_, _ = h.Write(v)
		default:
			number('?', 0) // no store gives such a value
		}
	}
	return h.Sum64()
}

// Whole fails with ErrDamaged where the row's checksum is not that of its values.
func (r *Row) Whole() error {
	if r.SumOf() == r.Sum {
		return nil
	}
	return r.Damaged(errors.New("its checksum is not that of what it holds"))
}

// Damaged is an error that names the row.
func (r *Row) Damaged(why error) error {
	return fmt.Errorf("table %s, row %s is %w: %w", r.Table, r.Name(), ErrDamaged, why)
}

// Name is what people find the row by: its id, else its number.
func (r *Row) Name() string {
	switch key := r.Key(); {
	case key == (Key{}):
		return fmt.Sprint(r.Seq)
	case r.Table == TableDocs:
		return key.Kind + " " + key.ID
	default:
		return key.ID
	}
}

// Key names a row that later commits replace; inputs and steps have none.
type Key struct {
	Table   Table
	Account string
	Kind    string // of docs
	ID      string
}

// Key is the row's key.
func (r *Row) Key() Key {
	switch r.Table {
	case TableEvents, TableOrders, TableActions, TableRequests:
		return Key{Table: r.Table, Account: r.text(1), ID: r.text(0)}
	case TableDocs:
		return Key{Table: r.Table, Account: r.text(0), Kind: r.text(1), ID: r.text(2)}
	}
	return Key{}
}

// Account is whose the row is, "" where it is of none.
func (r *Row) Account() string {
	switch r.Table {
	case TableInputs, TableSteps:
		return r.text(0)
	}
	return r.Key().Account
}

func (r *Row) text(i int) string {
	s, _ := r.value(i).(string)
	return s
}

func (r *Row) number(i int) int64 {
	n, _ := r.value(i).(int64)
	return n
}

func (r *Row) bytes(i int) []byte {
	b, _ := r.value(i).([]byte)
	if len(b) == 0 {
		return nil
	}
	return b
}

func (r *Row) value(i int) any {
	if i >= len(r.Values) {
		return nil
	}
	return r.Values[i]
}

// Instants between which a column holds a time to the nanosecond; beyond it holds the nearest of the two.
var (
	instantMin = time.Unix(0, math.MinInt64)
	instantMax = time.Unix(0, math.MaxInt64)
)

// Instant is a time as a column holds it: nanoseconds since 1970, nil for the zero time.
func Instant(t time.Time) any {
	switch {
	case t.IsZero():
		return nil
	case t.Before(instantMin):
		return int64(math.MinInt64)
	case t.After(instantMax):
		return int64(math.MaxInt64)
	}
	return t.UnixNano()
}

func (r *Row) time(i int) time.Time {
	n, ok := r.value(i).(int64)
	if !ok {
		return time.Time{}
	}
	return time.Unix(0, n).UTC()
}

// blob is bytes as a column holds them: none are nil.
func blob(b []byte) any {
	if len(b) == 0 {
		return nil
	}
	return b
}

func flag(yes bool) int64 {
	if yes {
		return 1
	}
	return 0
}

// newRow makes a row with its checksum.
func newRow(t Table, values ...any) Row {
	r := Row{Table: t, Values: values}
	r.Sum = r.SumOf()
	return r
}

// InputRow is an input as a row, without its number.
func InputRow(in *Input) Row {
	return newRow(TableInputs, in.Account, Instant(in.At), string(in.Kind), string(in.Source), Instant(in.Began), in.OrderID, in.Status,
		in.Filled, in.Ignored, blob(in.Doc))
}

// Input is the row as an input.
func (r *Row) Input() (Input, error) {
	return Input{Seq: r.Seq, Step: r.Step, Account: r.text(0), At: r.time(1), Kind: InputKind(r.text(2)), Source: order.Source(r.text(3)), Began: r.time(4),
		OrderID: r.text(5), Status: r.text(6), Filled: r.number(7), Ignored: r.text(8), Doc: r.bytes(9)}, nil
}

// EventRow is an event as a row, without its number.
func EventRow(e *Event) (Row, error) {
	decisions := "[]"
	if len(e.Decisions) > 0 {
		b, err := json.Marshal(e.Decisions)
		if err != nil {
			return Row{}, fmt.Errorf("event %s: %w", e.ID, err)
		}
		decisions = string(b)
	}
	return newRow(TableEvents, e.ID, e.Account, Instant(e.At), string(e.Kind), e.OrderID, e.Group, e.RulesVersion, decisions, blob(e.Doc)), nil
}

// Event is the row as an event.
func (r *Row) Event() (Event, error) {
	e := Event{Seq: r.Seq, ID: r.text(0), Account: r.text(1), At: r.time(2), Kind: order.Kind(r.text(3)), OrderID: r.text(4), Group: r.text(5),
		RulesVersion: r.text(6), Doc: r.bytes(8)}
	if err := json.Unmarshal([]byte(r.text(7)), &e.Decisions); err != nil {
		return e, r.Damaged(err)
	}
	if len(e.Decisions) == 0 {
		e.Decisions = nil
	}
	return e, nil
}

// OrderRowOf is an order as a row, without its place.
func OrderRowOf(o *OrderRow) Row {
	return newRow(TableOrders, o.OrderID, o.Account, string(o.Day), o.Status, o.Group, blob(o.Doc))
}

// Order is the row as an order.
func (r *Row) Order() (OrderRow, error) {
	return OrderRow{OrderID: r.text(0), Account: r.text(1), Day: order.Day(r.text(2)), Status: r.text(3), Group: r.text(4), Doc: r.bytes(5)}, nil
}

// ActionRow is an action as a row, without its place.
func ActionRow(a *actions.Action) (Row, error) {
	x := *a
	InUTC(&x)
	doc, err := json.Marshal(&x)
	if err != nil {
		return Row{}, fmt.Errorf("action %s: %w", a.ID, err)
	}
	return newRow(TableActions, a.ID, a.Account, a.Rule, string(a.State), flag(a.State.Final()), a.OrderID, Instant(a.Created), string(doc)), nil
}

// Action is the row as an action.
func (r *Row) Action() (actions.Action, error) {
	var a actions.Action
	if err := json.Unmarshal([]byte(r.text(7)), &a); err != nil {
		return a, r.Damaged(err)
	}
	if a.ID != r.text(0) || a.Account != r.text(1) {
		return a, r.Damaged(fmt.Errorf("its document is of %s of account %s", a.ID, a.Account))
	}
	return a, nil
}

// RequestRow is a request as a row, without its place.
func RequestRow(x *actions.Request) (Row, error) {
	y := *x
	InUTC(&y)
	doc, err := json.Marshal(&y)
	if err != nil {
		return Row{}, fmt.Errorf("request %s: %w", x.ID, err)
	}
	return newRow(TableRequests, x.ID, x.Account, x.For, string(x.State), flag(x.State.Final()), x.OrderID, x.Call.OrderID, Instant(x.Created),
		string(doc)), nil
}

// Request is the row as a request.
func (r *Row) Request() (actions.Request, error) {
	var x actions.Request
	if err := json.Unmarshal([]byte(r.text(8)), &x); err != nil {
		return x, r.Damaged(err)
	}
	if x.ID != r.text(0) || x.Account != r.text(1) {
		return x, r.Damaged(fmt.Errorf("its document is of %s of account %s", x.ID, x.Account))
	}
	return x, nil
}

// DocRow is a doc of an account as a row; a deletion has no body and no checksum.
func DocRow(account string, d *Doc) Row {
	if d.Body == nil {
		return Row{Table: TableDocs, Values: []any{account, d.Kind, d.ID, nil}}
	}
	return newRow(TableDocs, account, d.Kind, d.ID, d.Body)
}

// Doc is the row as a doc.
func (r *Row) Doc() (Doc, error) {
	body, _ := r.value(3).([]byte)
	if body == nil {
		body = []byte{}
	}
	return Doc{Kind: r.text(1), ID: r.text(2), Body: body}, nil
}
