package kite

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	kiteconnect "github.com/zerodha/gokiteconnect/v4"

	"backstop/actions"
	"backstop/engine/order"
)

// Holdings are what of delivery the account held when the day began (GET /portfolio/holdings), in CNC and in MTF. Where
// rows can't be read, the others come together with an error that names the first.
func (c *Client) Holdings(ctx context.Context) ([]actions.HoldingRow, error) {
	const op = "holdings"
	w := &wire{limit: bookMax}
	if _, e := c.call(ctx, op, false, w, func(k *kiteconnect.Client) {
		_, _ = k.GetHoldings() // w has the reply
	}); e != nil {
		return nil, e
	}
	rows, unreadable, err := DecodeHoldings(w.body)
	if err == nil && len(unreadable) > 0 {
		err = unreadable[0]
	}
	if err != nil {
		return rows, c.unreadable(op, w.status, err)
	}
	return rows, nil
}

// DecodeHoldings reads a reply of GET /portfolio/holdings (docs/kite.md 7.2). Of one row come up to two: what is held in CNC,
// and what of it the broker has lent money for (MTF). Rows of nothing are left out.
func DecodeHoldings(envelope []byte) (rows []actions.HoldingRow, unreadable []RowError, err error) {
	r, err := openReply(envelope)
	if err != nil {
		return nil, nil, fmt.Errorf("holdings: %w", err)
	}
	data, err := r.list("holdings")
	if err != nil {
		return nil, nil, err
	}
	eachRow(data, func(index int, v value) {
		h, err := readHolding(v.raw)
		if err != nil {
			unreadable = append(unreadable, RowError{index, "", bytes.Clone(v.raw), err})
			return
		}
		for _, row := range []actions.HoldingRow{h.row("CNC", h.carried(), h.AveragePrice), h.row("MTF", h.mtf, h.mtfAverage)} {
			if row.Quantity > 0 {
				rows = append(rows, row)
			}
		}
	})
	return rows, unreadable, nil
}

// holding is one row as Kite writes it. What is in MTF is counted apart from what is in CNC.
type holding struct {
	actions.HoldingRow
	t1, opening, mtf int64
	mtfAverage       order.Price
}

// carried is what was held in CNC when the day began. opening_quantity says it; where that is not told, or lags, it is what
// is delivered and what is not yet (T1).
func (h *holding) carried() int64 {
	if h.mtf > 0 {
		return h.Quantity + h.t1
	}
	return max(h.opening, h.Quantity+h.t1)
}

func (h *holding) row(product string, quantity int64, average order.Price) actions.HoldingRow {
	row := h.HoldingRow
	row.Product, row.Quantity, row.AveragePrice = product, quantity, average
	return row
}

func readHolding(raw []byte) (h holding, err error) {
	m := membersOf(raw, true)
	counted := false
	for m.next() {
		var err error
		switch string(m.name) {
		case "exchange":
			err = keep(m.value, func(s string) { h.Exchange = s })
		case "tradingsymbol":
			err = keep(m.value, func(s string) { h.Tradingsymbol = s })
		case "quantity":
			h.Quantity, err = integer(m.value)
			counted = true
		case "t1_quantity":
			h.t1, err = integer(m.value)
		case "opening_quantity":
			h.opening, _ = integer(m.value) // 0: not told
		case "average_price":
			h.AveragePrice, _ = price(m.value) // 0: not told
		case "last_price":
			h.LastPrice, _ = price(m.value) // 0: not told
		case "close_price":
			h.ClosePrice, _ = price(m.value) // 0: not told
		case "mtf":
			err = h.readMTF(m.value)
		}
		if err != nil {
			return h, fmt.Errorf("%s: %w", m.name, err)
		}
	}
	switch {
	case m.err != nil:
		return h, m.err
	case h.Exchange == "" || h.Tradingsymbol == "":
		return h, errors.New("exchange or tradingsymbol is missing")
	case !counted:
		return h, errors.New("quantity is missing")
	}
	return h, nil
}

// readMTF reads what of a row is held on the broker's money. Older rows have none.
func (h *holding) readMTF(v value) error {
	if v.kind != kindObject {
		return nil
	}
	m := membersOf(v.raw, true)
	for m.next() {
		switch string(m.name) {
		case "quantity":
			n, err := integer(m.value)
			if err != nil {
				return err
			}
			h.mtf = n
		case "average_price":
			h.mtfAverage, _ = price(m.value) // 0: not told
		}
	}
	return m.err
}
