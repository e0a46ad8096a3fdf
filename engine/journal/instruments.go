package journal

import (
	"encoding/json"

	"backstop/engine/order"
)

// PartRows is how many instruments a part of the list has. A part is written by itself, so that commits go in
// between and never wait for a list.
const PartRows = 1000

// instrumentRow is an instrument as a part holds it: prices as whole numbers and short names, since 100,000 of
// them are read at start.
type instrumentRow struct {
	Exchange      string `json:"e,omitempty"`
	Tradingsymbol string `json:"t,omitempty"`
	Token         int64  `json:"i,omitempty"`
	Name          string `json:"n,omitempty"`
	Expiry        string `json:"x,omitempty"`
	Strike        int64  `json:"k,omitempty"` // millionths of a rupee, as the tick
	TickSize      int64  `json:"s,omitempty"`
	LotSize       int64  `json:"l,omitempty"`
	Type          string `json:"y,omitempty"`
	Segment       string `json:"g,omitempty"`
}

// InstrumentsRow is a part of the list as a row; number is its place, from 1.
func InstrumentsRow(number int64, part []order.Instrument) (Row, error) {
	rows := make([]instrumentRow, len(part))
	for n, i := range part {
		rows[n] = instrumentRow{i.Exchange, i.Tradingsymbol, i.Token, i.Name, i.Expiry, int64(i.Strike), int64(i.TickSize), i.LotSize, i.Type, i.Segment}
	}
	text, err := json.Marshal(rows)
	r := newRow(TableInstruments, string(text))
	r.Seq = number
	return r, err
}

// EachInstrument calls each for the instruments of a part.
func (r *Row) EachInstrument(each func(order.Instrument)) error {
	var rows []instrumentRow
	if err := json.Unmarshal([]byte(r.text(0)), &rows); err != nil {
		return r.Damaged(err)
	}
	for _, i := range rows {
		each(order.Instrument{Exchange: i.Exchange, Tradingsymbol: i.Tradingsymbol, Token: i.Token, Name: i.Name, Expiry: i.Expiry,
			Strike: order.Price(i.Strike), TickSize: order.Price(i.TickSize), LotSize: i.LotSize, Type: i.Type, Segment: i.Segment})
	}
	return nil
}

// InstrumentListRow says which day's list is kept, in how many parts.
func InstrumentListRow(day order.Day, parts int64) Row {
	return newRow(TableInstrumentList, string(day), parts)
}

// InstrumentList is what InstrumentListRow was made of.
func (r *Row) InstrumentList() (day order.Day, parts int64) { return order.Day(r.text(0)), r.number(1) }
