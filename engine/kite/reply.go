package kite

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"backstop/actions"
	"backstop/engine/order"
)

// reply is a REST reply's envelope (docs/kite.md 3.11): {"status":"success","data":…} or
// {"status":"error","message":…,"error_type":…}.
type reply struct {
	status    string
	errorType string
	message   string
	data      value // raw is nil where there is none
}

func (r *reply) refused() bool { return r.status == "error" || r.status == "" && r.errorType != "" }

// openReply reads an envelope. An error means that body is no JSON object.
func openReply(body []byte) (r reply, err error) {
	first := func(s *string, v value) {
		if *s == "" && v.kind == kindText {
			*s = v.text()
		}
	}
	m := membersOf(body, true)
	for m.next() {
		switch string(m.name) {
		case "status":
			first(&r.status, m.value)
		case "error_type":
			first(&r.errorType, m.value)
		case "message":
			first(&r.message, m.value)
		case "data":
			if r.data.raw == nil {
				r.data = m.value
			}
		}
	}
	return r, m.err
}

// list is the data of a reply whose data is an array (null counts as an empty one). A reply that tells an error
// gives it as an *actions.Error.
func (r *reply) list(op string) (value, error) {
	switch {
	case r.refused():
		return value{}, refusal(op, false, 0, r.errorType, oneLine(r.message))
	case r.data.raw == nil:
		return value{}, errors.New(op + ": data is missing")
	case r.data.kind == kindNull:
		return value{[]byte("[]"), kindArray}, nil
	case r.data.kind != kindArray:
		return value{}, fmt.Errorf("%s: data: want an array, got %s", op, r.data.kind)
	}
	return r.data, nil
}

// RowError is one row of a reply that can't be read; the others can.
type RowError struct {
	Index   int    // in the reply, from 0
	OrderID string // where it could be read
	Raw     []byte
	Err     error
}

// Error names the row by its place, from 1, and its order.
func (e RowError) Error() string {
	if e.OrderID != "" {
		return fmt.Sprintf("row %d (order %s): %v", e.Index+1, clip(e.OrderID), e.Err)
	}
	return fmt.Sprintf("row %d: %v", e.Index+1, e.Err)
}

// Unwrap is the cause.
func (e RowError) Unwrap() error { return e.Err }

// DecodeBook reads a whole reply of GET /orders, or of one order's history (docs/kite.md 3.4, 3.5): began and
// received are when the reading began and ended. A row that can't be read is told and does not fail the others;
// err is for a reply that is no list of rows at all, an *actions.Error where it says why itself. A row's Raw is
// its own copy. Rows of older shapes name no account: Update.Account is "" then.
func DecodeBook(envelope []byte, began, received time.Time) (rows []order.Update, unreadable []RowError, err error) {
	r, err := openReply(envelope)
	if err != nil {
		return nil, nil, fmt.Errorf("orders: %w", err)
	}
	data, err := r.list("orders")
	if err != nil {
		return nil, nil, err
	}
	eachRow(data, func(index int, v value) {
		raw := bytes.Clone(v.raw)
		u := order.Update{Source: order.SourceBook, Began: began, Received: received, Raw: raw}
		if err := read(&u, raw); err != nil {
			unreadable = append(unreadable, RowError{index, u.OrderID, raw, err})
			return
		}
		rows = append(rows, u)
	})
	return rows, unreadable, nil
}

// eachRow walks an array that was scanned before, so that it can't fail.
func eachRow(array value, each func(index int, v value)) {
	e := elementsOf(array.raw, true)
	for i := 0; e.next(); i++ {
		each(i, e.value)
	}
}

// DecodeTrades reads a reply of GET /trades or of one order's trades (docs/kite.md 3.5). The quantity stands under
// quantity or, in the documentation's table, filled. Rows without an order, a quantity or a price are
// unreadable: a sum over the rest would be wrong in silence.
func DecodeTrades(envelope []byte) (trades []order.Trade, unreadable []RowError, err error) {
	r, err := openReply(envelope)
	if err != nil {
		return nil, nil, fmt.Errorf("trades: %w", err)
	}
	data, err := r.list("trades")
	if err != nil {
		return nil, nil, err
	}
	eachRow(data, func(index int, v value) {
		t, err := readTrade(v.raw)
		if err != nil {
			unreadable = append(unreadable, RowError{index, t.OrderID, bytes.Clone(v.raw), err})
			return
		}
		trades = append(trades, t)
	})
	return trades, unreadable, nil
}

func readTrade(raw []byte) (t order.Trade, err error) {
	var exchange time.Time
	m := membersOf(raw, true)
	for m.next() {
		var err error
		switch string(m.name) {
		case "trade_id":
			t.TradeID, err = identifier(m.value)
		case "order_id":
			t.OrderID, err = identifier(m.value)
		case "quantity", "filled":
			if t.Quantity == 0 {
				t.Quantity, err = integer(m.value)
			}
		case "average_price":
			t.Price, err = price(m.value)
		case "fill_timestamp":
			t.Time = moment(m.value)
		case "exchange_timestamp":
			exchange = moment(m.value)
		}
		if err != nil {
			return t, fmt.Errorf("%s: %w", m.name, err)
		}
	}
	if t.Time.IsZero() {
		t.Time = exchange
	}
	switch {
	case m.err != nil:
		return t, m.err
	case t.OrderID == "":
		return t, errNoOrder
	case t.Quantity <= 0:
		return t, errors.New("quantity is missing")
	case t.Price <= 0:
		return t, errors.New("average_price is missing")
	}
	return t, nil
}

// DecodePositions reads a reply of GET /portfolio/positions and gives its net rows (docs/kite.md 7.2). Only what
// names a row and counts it must be readable; prices that aren't are 0 as is a multiplier that isn't. A row
// that can't be read hides a position, so a caller that needs them all asks that unreadable is empty.
func DecodePositions(envelope []byte) (rows []actions.PositionRow, unreadable []RowError, err error) {
	r, err := openReply(envelope)
	if err != nil {
		return nil, nil, fmt.Errorf("positions: %w", err)
	}
	if r.refused() {
		return nil, nil, refusal("positions", false, 0, r.errorType, oneLine(r.message))
	}
	if r.data.raw == nil || r.data.kind != kindObject {
		return nil, nil, errors.New("positions: data is not an object")
	}
	var net value
	m := membersOf(r.data.raw, true)
	for m.next() {
		if string(m.name) == "net" && net.raw == nil {
			net = m.value
		}
	}
	switch {
	case net.raw == nil:
		return nil, nil, errors.New("positions: net is missing")
	case net.kind == kindNull:
		return nil, nil, nil
	case net.kind != kindArray:
		return nil, nil, fmt.Errorf("positions: net: want an array, got %s", net.kind)
	}
	eachRow(net, func(index int, v value) {
		p, err := readPosition(v.raw)
		if err != nil {
			unreadable = append(unreadable, RowError{Index: index, Raw: bytes.Clone(v.raw), Err: err})
			return
		}
		rows = append(rows, p)
	})
	return rows, unreadable, nil
}

func readPosition(raw []byte) (p actions.PositionRow, err error) {
	m := membersOf(raw, true)
	counted := 0
	for m.next() {
		var err error
		set := func(to *string) { err = keep(m.value, func(s string) { *to = s }) }
		switch string(m.name) {
		case "exchange":
			set(&p.Exchange)
		case "tradingsymbol":
			set(&p.Tradingsymbol)
		case "product":
			set(&p.Product)
		case "quantity":
			p.Quantity, err = integer(m.value)
			counted++
		case "overnight_quantity":
			p.Overnight, err = integer(m.value)
			counted++
		case "multiplier":
			p.Multiplier, _ = integer(m.value) // 0: not told
		case "average_price":
			p.AveragePrice, _ = price(m.value) // 0: not told
		case "last_price":
			p.LastPrice, _ = price(m.value) // 0: not told
		case "close_price":
			p.ClosePrice, _ = price(m.value) // 0: not told
		}
		if err != nil {
			return p, fmt.Errorf("%s: %w", m.name, err)
		}
	}
	p.Multiplier = max(p.Multiplier, 0)
	switch {
	case m.err != nil:
		return p, m.err
	case p.Exchange == "" || p.Tradingsymbol == "" || p.Product == "":
		return p, errors.New("exchange, tradingsymbol or product is missing")
	case counted < 2:
		return p, errors.New("quantity or overnight_quantity is missing")
	}
	return p, nil
}
