package paper

import (
	"encoding/binary"
	"time"
)

// Quote is the market of one instrument at one moment; prices are rupees,
// quantities units.
type Quote struct {
	Exchange, Tradingsymbol      string
	InstrumentToken              uint32
	LastPrice                    float64
	Open, High, Low, Close       float64
	LastQuantity, Volume         int
	LowerCircuit, UpperCircuit   float64 // 0: none
	At, LastTrade                time.Time
	buyQuantity, sellQuantity    int
	ltp, open, high, low, closed amount
	index                        bool
	bids, asks                   depth
}

// depth is the five best prices of one side, from the orders that rest here.
type depth [5]level

type level struct {
	Price    amount `json:"price"`
	Quantity int    `json:"quantity"`
	Orders   int    `json:"orders"`
}

// add counts an order in; better tells which of two prices comes first.
func (d *depth) add(price amount, quantity int, better func(a, b amount) bool) {
	for i := range d {
		switch {
		case d[i].Price == price:
			d[i].Quantity, d[i].Orders = d[i].Quantity+quantity, d[i].Orders+1
			return
		case d[i].Orders == 0 || better(price, d[i].Price):
			copy(d[i+1:], d[i:])
			d[i] = level{price, quantity, 1}
			return
		}
	}
}

func (l *listing) quote() Quote {
	q := Quote{
		Exchange: l.Exchange, Tradingsymbol: l.Tradingsymbol, InstrumentToken: l.token, LastPrice: l.ltp.rupees(),
		Open: l.open.rupees(), High: l.high.rupees(), Low: l.low.rupees(), Close: l.close.rupees(),
		LastQuantity: l.lastQuantity, Volume: l.volume, LowerCircuit: l.lower.rupees(), UpperCircuit: l.upper.rupees(),
		LastTrade: l.lastTrade, At: l.lastTrade,
		ltp: l.ltp, open: l.open, high: l.high, low: l.low, closed: l.close, index: l.isIndex(),
	}
	for _, o := range l.live {
		if o.Status != statusOpen {
			continue
		}
		if o.buy() {
			q.buyQuantity += o.remaining()
			q.bids.add(o.Price, o.remaining(), func(a, b amount) bool { return a > b })
		} else {
			q.sellQuantity += o.remaining()
			q.asks.add(o.Price, o.remaining(), func(a, b amount) bool { return a < b })
		}
	}
	return q
}

// Quote is the market of an instrument, "NSE:INFY"; ok is false for an unknown one.
func (x *Exchange) Quote(instrument string) (q Quote, ok bool) {
	x.enter()
	defer x.leave()
	l := x.listings[instrument]
	if l == nil {
		return Quote{}, false
	}
	q = l.quote()
	q.At = x.now
	return q, true
}

// quoteByToken is Quote by instrument_token.
func (x *Exchange) quoteByToken(token uint32) (Quote, bool) {
	x.mu.Lock()
	l := x.tokens[token]
	x.mu.Unlock()
	if l == nil {
		return Quote{}, false
	}
	return x.Quote(l.key())
}

// Lengths of tick packets in bytes; a packet's kind is told by nothing else
// (docs/kite.md 2.3).
const (
	packetLTP        = 8
	packetIndexQuote = 28
	packetIndexFull  = 32
	packetQuote      = 44
	packetFull       = 184
)

// packet is the binary tick of docs/kite.md 2.3 in the mode ltp, quote or full.
func (q Quote) packet(mode string) []byte {
	put := binary.BigEndian.AppendUint32
	b := put(nil, q.InstrumentToken)
	b = put(b, q.wire(q.ltp))
	switch {
	case mode == "ltp":
		return b
	case q.index:
		for _, a := range []amount{q.high, q.low, q.open, q.closed, q.ltp - q.closed} {
			b = put(b, q.wire(a))
		}
		if mode == "full" {
			b = put(b, uint32(q.At.Unix()))
		}
		return b
	}
	b = put(b, uint32(q.LastQuantity))
	b = put(b, q.wire(q.ltp)) // average traded price
	b = put(b, uint32(q.Volume))
	b = put(b, uint32(q.buyQuantity))
	b = put(b, uint32(q.sellQuantity))
	for _, a := range []amount{q.open, q.high, q.low, q.closed} {
		b = put(b, q.wire(a))
	}
	if mode != "full" {
		return b
	}
	b = put(b, epoch(q.LastTrade))
	b = append(b, make([]byte, 12)...) // open interest, its high and low
	b = put(b, epoch(q.At))
	for _, side := range []depth{q.bids, q.asks} {
		for _, at := range side {
			b = put(put(b, uint32(at.Quantity)), q.wire(at.Price))
			b = binary.BigEndian.AppendUint16(b, uint16(at.Orders))
			b = append(b, 0, 0)
		}
	}
	return b
}

func epoch(t time.Time) uint32 {
	if t.IsZero() {
		return 0
	}
	return uint32(t.Unix())
}

// wire is the price as the packet's integer: paise, but ÷10,000,000 for CDS
// and ÷10,000 for BCD as the SDKs read them (docs/kite.md 2.3).
func (q Quote) wire(a amount) uint32 {
	switch q.InstrumentToken & 0xff {
	case segments["CDS"]:
		return uint32(a * 1000)
	case segments["BCD"]:
		return uint32(a)
	}
	return uint32(a / 100)
}

// ticks is one binary frame of packets.
func ticks(packets ...[]byte) []byte {
	b := binary.BigEndian.AppendUint16(nil, uint16(len(packets)))
	for _, p := range packets {
		b = binary.BigEndian.AppendUint16(b, uint16(len(p)))
		b = append(b, p...)
	}
	return b
}
