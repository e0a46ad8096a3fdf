package rulestest

import (
	"cmp"
	"maps"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"backstop/actions"
	"backstop/engine/order"
)

// given is what stands before the first step. A test's own stands over the file's.
type given struct {
	instruments map[string]order.Instrument
	multipliers map[string]int64
	positions   []actions.PositionRow
	prices      map[string]order.Price
	state       map[string]any
	date        string // YYYY-MM-DD, "" for none
	clock       string // HH:MM:SS

	hasPositions bool
}

// over is g with the other's values where it has none.
func (g given) over(base given) given {
	out := base
	out.instruments = merged(base.instruments, g.instruments)
	out.multipliers = merged(base.multipliers, g.multipliers)
	out.prices = merged(base.prices, g.prices)
	out.state = merged(base.state, g.state)
	if g.hasPositions {
		out.positions, out.hasPositions = g.positions, true
	}
	out.date, out.clock = cmp.Or(g.date, base.date), cmp.Or(g.clock, base.clock)
	return out
}

func merged[V any](base, over map[string]V) map[string]V {
	out := maps.Clone(base)
	if out == nil {
		out = map[string]V{}
	}
	maps.Copy(out, over)
	return out
}

// defaultStart is when a test begins that says no date: a Monday with a session.
var defaultStart = time.Date(2026, 11, 23, 10, 0, 0, 0, order.IST)

// start is when the first step begins.
func (g given) start(otherwise time.Time) time.Time {
	base := otherwise
	if g.date != "" {
		base, _ = time.ParseInLocation(time.DateOnly, g.date, order.IST) // checked when it was read
		base = base.Add(10 * time.Hour)
	}
	if g.clock != "" {
		return atClock(base, g.clock)
	}
	return base
}

// atClock is the time of the day on t's day.
func atClock(t time.Time, clock string) time.Time {
	at, _ := time.Parse(time.TimeOnly, clock) // checked when it was read
	y, m, d := t.In(order.IST).Date()
	return time.Date(y, m, d, at.Hour(), at.Minute(), at.Second(), 0, order.IST)
}

func (r *reader) readGiven(n *yaml.Node) (g given) {
	list, ok := r.fields(n, "given", givenFields)
	if !ok {
		return g
	}
	for _, p := range list {
		switch p.key.Value {
		case "instruments":
			g.instruments, g.multipliers = r.readInstruments(p.value)
		case "positions":
			g.positions, g.hasPositions = r.readPositions(p.value), true
		case "prices":
			g.prices = r.readPrices(p.value)
		case "state":
			g.state = r.readState(p.value)
		case "date":
			g.date, g.clock = r.readDate(p.value, g.clock)
		case "time":
			g.clock = r.clock(p.value)
		}
	}
	return g
}

// readDate takes a day, with a time behind it where one is written.
func (r *reader) readDate(n *yaml.Node, clock string) (date, at string) {
	text, ok := r.text(n, "date")
	if !ok {
		return "", clock
	}
	for _, form := range []string{time.DateOnly, "2006-01-02 15:04", time.DateTime} {
		t, err := time.Parse(form, text)
		switch {
		case err != nil:
		case form == time.DateOnly:
			return text, clock
		default:
			return t.Format(time.DateOnly), t.Format(time.TimeOnly)
		}
	}
	r.fail(n, codeType, text+" is no date", `write 2026-11-23, or "2026-11-23 09:20"`)
	return "", clock
}

// instrument splits EXCHANGE:SYMBOL.
func (r *reader) instrument(n *yaml.Node, text string) (exchange, symbol string, ok bool) {
	exchange, symbol, ok = strings.Cut(text, ":")
	if !ok || exchange == "" || symbol == "" {
		r.fail(n, codeType, text+" is no instrument", `write it as "NFO:NIFTY25NOV24500CE"`)
		return "", "", false
	}
	return exchange, symbol, true
}

func (r *reader) price(n *yaml.Node, what string) order.Price {
	text, ok := r.text(n, what)
	if !ok {
		return 0
	}
	p, err := order.ParsePrice(text)
	if err != nil || p < 0 {
		r.fail(n, codeType, what+" is a price in rupees, not "+text, "")
		return 0
	}
	return p
}

func (r *reader) whole(n *yaml.Node, what string) int64 {
	text, ok := r.text(n, what)
	if !ok {
		return 0
	}
	x, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		r.fail(n, codeType, what+" is a whole number, not "+text, "")
	}
	return x
}

func (r *reader) readInstruments(n *yaml.Node) (out map[string]order.Instrument, multipliers map[string]int64) {
	list, _ := r.fields(n, "instruments", nil)
	out, multipliers = map[string]order.Instrument{}, map[string]int64{}
	for _, p := range list {
		exchange, symbol, ok := r.instrument(p.key, p.key.Value)
		if !ok {
			continue
		}
		i := order.Instrument{Exchange: exchange, Tradingsymbol: symbol, TickSize: order.Rupee * 5 / 100, LotSize: 1}
		values, _ := r.fields(p.value, "an instrument", instrumentFields)
		for _, v := range values {
			switch name := v.key.Value; name {
			case "tick_size":
				if i.TickSize = r.price(v.value, name); i.TickSize <= 0 {
					r.fail(v.value, codeType, "tick_size is above 0", "")
				}
			case "lot_size":
				i.LotSize = r.whole(v.value, name)
			case "strike":
				i.Strike = r.price(v.value, name)
			case "expiry":
				i.Expiry, _ = r.readDate(v.value, "")
			case "segment":
				i.Segment, _ = r.text(v.value, name)
			case "instrument_type":
				i.Type, _ = r.text(v.value, name)
			case "name":
				i.Name, _ = r.text(v.value, name)
			case "multiplier":
				if n := r.whole(v.value, name); n > 0 {
					multipliers[p.key.Value] = n
				}
			case "instrument_token":
				i.Token = r.whole(v.value, name)
			}
		}
		if i.Type == "" && len(symbol) > 2 && (exchange == "NFO" || exchange == "BFO" || exchange == "MCX" || exchange == "CDS" || exchange == "BCD") {
			if end := symbol[len(symbol)-2:]; end == "CE" || end == "PE" {
				i.Type = end
			}
		}
		out[p.key.Value] = i
	}
	return out, multipliers
}

// readPositions takes a list, each in Kite's own field names, or a mapping by instrument.
func (r *reader) readPositions(n *yaml.Node) []actions.PositionRow {
	var out []actions.PositionRow
	if n = followed(n); n.Kind == yaml.MappingNode {
		list, _ := r.fields(n, "positions", nil)
		for _, p := range list {
			if exchange, symbol, ok := r.instrument(p.key, p.key.Value); ok {
				out = append(out, r.readPosition(p.value, order.Key{Exchange: exchange, Tradingsymbol: symbol}))
			}
		}
		return out
	}
	list, _ := r.list(n, "positions", false)
	for _, e := range list {
		out = append(out, r.readPosition(e, order.Key{}))
	}
	return out
}

func (r *reader) readPosition(n *yaml.Node, key order.Key) actions.PositionRow {
	row := actions.PositionRow{Key: key}
	list, ok := r.fields(n, "a position", positionFields)
	if !ok {
		return row
	}
	for _, p := range list {
		switch name := p.key.Value; name {
		case "instrument":
			if text, ok := r.text(p.value, name); ok {
				row.Exchange, row.Tradingsymbol, _ = r.instrument(p.value, text)
			}
		case "exchange":
			row.Exchange, _ = r.text(p.value, name)
		case "tradingsymbol":
			row.Tradingsymbol, _ = r.text(p.value, name)
		case "product":
			row.Product, _ = r.text(p.value, name)
		case "quantity", "overnight_quantity":
			row.Overnight = r.whole(p.value, name)
		case "average_price":
			row.AveragePrice = r.price(p.value, name)
		case "last_price":
			row.LastPrice = r.price(p.value, name)
		}
	}
	if row.Exchange == "" || row.Tradingsymbol == "" || row.Product == "" {
		r.fail(n, codeMissing, "a position names its instrument and its product", `write { instrument: "NFO:NIFTY25NOV24500CE", product: NRML, quantity: 75, average_price: 100 }`)
	}
	row.Quantity = row.Overnight
	return row
}

func (r *reader) readPrices(n *yaml.Node) map[string]order.Price {
	list, _ := r.fields(n, "prices", nil)
	out := map[string]order.Price{}
	for _, p := range list {
		if _, _, ok := r.instrument(p.key, p.key.Value); ok {
			out[p.key.Value] = r.price(p.value, "a price")
		}
	}
	return out
}

func (r *reader) readState(n *yaml.Node) map[string]any {
	list, _ := r.fields(n, "state", nil)
	out := map[string]any{}
	for _, p := range list {
		var v any
		if err := p.value.Decode(&v); err != nil || p.value.Kind != yaml.ScalarNode {
			r.fail(p.value, codeType, "state."+p.key.Value+" is a number, a text, true or false", "")
			continue
		}
		out[p.key.Value] = v
	}
	return out
}

// instrumentList is the list of a test, for the lane. What is not in it is assumed.
type instrumentList map[string]order.Instrument

func (i instrumentList) Instrument(exchange, tradingsymbol string) (order.Instrument, bool) {
	row, ok := i[exchange+":"+tradingsymbol]
	return row, ok
}

func (i instrumentList) Loaded() bool { return true }

// memory is the state as the lane keeps it: texts, booleans and numbers as JSON has them.
func (g given) memory() map[string]any {
	out, _ := asJSON(g.state).(map[string]any)
	return out
}
