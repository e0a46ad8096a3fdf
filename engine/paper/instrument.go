package paper

import (
	"bytes"
	"fmt"
	"time"
)

// Instrument is one row of the instruments dump (docs/kite.md 7.1) and what the
// exchange needs to know beside it. Prices are rupees.
type Instrument struct {
	Exchange      string // NSE, BSE, NFO, BFO, CDS, BCD, MCX
	Tradingsymbol string
	Name          string
	// ExchangeToken is the exchange's number; instrument_token is
	// ExchangeToken*256 + segment (docs/kite.md 2.3, 7.1). 0: New gives one.
	ExchangeToken  uint32
	Segment        string  // NSE, NFO-FUT, NFO-OPT, INDICES, …; "": made from exchange and type
	InstrumentType string  // EQ, FUT, CE, PE
	Expiry         string  // YYYY-MM-DD, "" for equity
	Strike         float64 // rupees
	TickSize       float64 // rupees
	LotSize        int     // units; MCX counts in lots (docs/kite.md 7.2)
	// Multiplier is the units in one lot at MCX; 1 elsewhere (docs/kite.md 7.2).
	Multiplier int
	// LastPrice is the price before the first SetPrice, rupees. 0: not traded.
	LastPrice float64
	// ClosePrice is yesterday's close, rupees. 0: LastPrice.
	ClosePrice float64
	// LowerCircuit and UpperCircuit bound today's prices, rupees; 0: none (docs/kite.md 3.8).
	LowerCircuit, UpperCircuit float64
	// FreezeQuantity is the greatest quantity of one order; 0: none (docs/kite.md 3.8).
	FreezeQuantity int
}

// DefaultInstruments is the list an exchange has when Options names none:
// equities with four different ticks, NIFTY options and futures, one option
// and one equity of BSE, one MCX future, the dollar on both currency segments
// and the NIFTY 50 index.
func DefaultInstruments() []Instrument {
	equity := func(exchange, symbol, name string, token uint32, tick, last float64) Instrument {
		return Instrument{Exchange: exchange, Tradingsymbol: symbol, Name: name, ExchangeToken: token,
			InstrumentType: "EQ", TickSize: tick, LotSize: 1, LastPrice: last,
			LowerCircuit: roundTo(last*0.9, tick), UpperCircuit: roundTo(last*1.1, tick)}
	}
	future := func(exchange, symbol, name, expiry string, token uint32, tick, last float64, lot, freeze int) Instrument {
		return Instrument{Exchange: exchange, Tradingsymbol: symbol, Name: name, ExchangeToken: token,
			InstrumentType: "FUT", Expiry: expiry, TickSize: tick, LotSize: lot, LastPrice: last,
			LowerCircuit: roundTo(last*0.9, tick), UpperCircuit: roundTo(last*1.1, tick), FreezeQuantity: freeze}
	}
	list := []Instrument{
		equity("NSE", "INFY", "INFOSYS", 1594, 0.10, 1500),
		equity("NSE", "RELIANCE", "RELIANCE INDUSTRIES", 2885, 0.10, 1400),
		equity("NSE", "SBIN", "STATE BANK OF INDIA", 3045, 0.05, 800),
		equity("NSE", "IDEA", "VODAFONE IDEA", 14366, 0.01, 8.50),
		equity("BSE", "RELIANCE", "RELIANCE INDUSTRIES", 500325, 0.05, 1400),
		future("NFO", "NIFTY26NOVFUT", "NIFTY", "2026-11-23", 35001, 0.10, 24550, 65, 1800),
		future("NFO", "NIFTY26DECFUT", "NIFTY", "2026-12-29", 35101, 0.10, 24650, 65, 1800),
		future("MCX", "CRUDEOIL26DECFUT", "CRUDEOIL", "2026-12-18", 110001, 1, 5800, 1, 100),
		{Exchange: "NSE", Tradingsymbol: "NIFTY 50", Name: "NIFTY 50", ExchangeToken: 1001, Segment: "INDICES",
			InstrumentType: "EQ", TickSize: 0.05, LotSize: 1, LastPrice: 24530},
	}
	for i := range list {
		if list[i].Exchange == "MCX" {
			list[i].Multiplier = 100
		}
	}
	option := func(exchange, symbol, name, expiry, kind string, token uint32, strike, last float64, lot, freeze int) {
		list = append(list, Instrument{Exchange: exchange, Tradingsymbol: symbol, Name: name, ExchangeToken: token,
			InstrumentType: kind, Expiry: expiry, Strike: strike, TickSize: 0.05, LotSize: lot, LastPrice: last,
			LowerCircuit: 0.05, UpperCircuit: roundTo(last*5, 0.05), FreezeQuantity: freeze})
	}
	token := uint32(36001)
	for _, series := range []struct {
		code, expiry string
		premium      float64
	}{{"NOV", "2026-11-23", 0}, {"DEC", "2026-12-29", 180}} {
		for i, strike := range []float64{24400, 24500, 24600} {
			above := 50 * float64(2-i)
			option("NFO", fmt.Sprintf("NIFTY26%s%.0fCE", series.code, strike), "NIFTY", series.expiry, "CE", token, strike, 70+above+series.premium, 65, 1800)
			option("NFO", fmt.Sprintf("NIFTY26%s%.0fPE", series.code, strike), "NIFTY", series.expiry, "PE", token+1, strike, 170-above+series.premium, 65, 1800)
			token += 2
		}
	}
	option("BFO", "SENSEX26DEC80000CE", "SENSEX", "2026-12-31", "CE", 860001, 80000, 420, 20, 1000)
	return append(list,
		future("CDS", "USDINR26DECFUT", "USDINR", "2026-12-29", 2001, 0.0025, 88.5, 1000, 0),
		future("BCD", "USDINR26DECFUT", "USDINR", "2026-12-29", 2101, 0.0025, 88.5, 1000, 0))
}

func roundTo(rupees, tick float64) float64 {
	return amountOf(rupees).floorTick(amountOf(tick)).rupees()
}

// segments numbers the exchanges inside an instrument_token (docs/kite.md 2.3).
var segments = map[string]uint32{"NSE": 1, "NFO": 2, "CDS": 3, "BSE": 4, "BFO": 5, "BCD": 6, "MCX": 7}

// segmentIndices is the segment of an index, which cannot be traded (docs/kite.md 2.3).
const segmentIndices = 9

// listing is an instrument with its market of the moment.
type listing struct {
	Instrument
	token                  uint32
	tick                   amount
	ltp, lower, upper      amount
	open, high, low, close amount
	depth                  int // quantity each tick offers; -1 without end
	left                   int // what is left of it on this tick
	volume                 int
	lastQuantity           int
	lastTrade              time.Time
	live                   []*order // in the order they came
	expired                bool     // its contract is over: no order, no row in the dump
}

func (l *listing) key() string { return l.Exchange + ":" + l.Tradingsymbol }

func (l *listing) isOption() bool { return l.InstrumentType == "CE" || l.InstrumentType == "PE" }

func (l *listing) isDerivative() bool { return l.isOption() || l.InstrumentType == "FUT" }

// expiryEnd is when the contract's last day is over; ok is false for what has none.
func (l *listing) expiryEnd() (end time.Time, ok bool) {
	day, err := time.ParseInLocation(time.DateOnly, l.Expiry, ist)
	return day.AddDate(0, 0, 1), err == nil
}

func (l *listing) isIndex() bool { return l.Segment == "INDICES" }

func (l *listing) isBSE() bool {
	return l.Exchange == "BSE" || l.Exchange == "BFO" || l.Exchange == "BCD"
}

// list turns an instrument into a listing; number is used when it has no
// exchange token of its own.
func list(i Instrument, number uint32) *listing {
	if i.ExchangeToken == 0 {
		i.ExchangeToken = number
	}
	i.LotSize, i.Multiplier = max(i.LotSize, 1), max(i.Multiplier, 1)
	if i.TickSize <= 0 {
		i.TickSize = 0.05
	}
	if i.InstrumentType == "" {
		i.InstrumentType = "EQ"
	}
	if i.Segment == "" {
		i.Segment = i.Exchange
		switch i.InstrumentType {
		case "FUT":
			i.Segment += "-FUT"
		case "CE", "PE":
			i.Segment += "-OPT"
		}
	}
	if i.ClosePrice == 0 {
		i.ClosePrice = i.LastPrice
	}
	l := &listing{Instrument: i, tick: amountOf(i.TickSize), ltp: amountOf(i.LastPrice), close: amountOf(i.ClosePrice),
		lower: amountOf(i.LowerCircuit), upper: amountOf(i.UpperCircuit), depth: -1}
	l.token = i.ExchangeToken*256 + segments[i.Exchange]
	if l.isIndex() {
		l.token = i.ExchangeToken*256 + segmentIndices
	}
	l.open, l.high, l.low = l.ltp, l.ltp, l.ltp
	return l
}

// InstrumentsCSV is the dump of GET /instruments, or of one exchange when
// exchange is not empty: twelve columns (docs/kite.md 7.1).
func (x *Exchange) InstrumentsCSV(exchange string) []byte {
	x.mu.Lock()
	defer x.mu.Unlock()
	var b bytes.Buffer
	b.WriteString("instrument_token,exchange_token,tradingsymbol,name,last_price,expiry,strike,tick_size,lot_size,instrument_type,segment,exchange\n")
	for _, l := range x.listed {
		if l.expired || exchange != "" && l.Exchange != exchange {
			continue
		}
		// last_price of the dump is not live (docs/kite.md 7.1): the price the day began with.
		fmt.Fprintf(&b, "%d,%d,%s,%q,%s,%s,%s,%s,%d,%s,%s,%s\n", l.token, l.ExchangeToken, l.Tradingsymbol, l.Name,
			amountOf(l.LastPrice), l.Expiry, amountOf(l.Strike), l.tick, l.LotSize, l.InstrumentType, l.Segment, l.Exchange)
	}
	return b.Bytes()
}
