package kite

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gorilla/websocket"

	"backstop/engine/order"
)

// Tick is the last price of an instrument, told by its instrument_token.
type Tick struct {
	Token int64
	Last  order.Price
}

// TokensMax is how many instruments one connection takes (docs/kite.md 2.1).
const TokensMax = 3000

// errTicks is a binary frame that is none of ticks.
var errTicks = errors.New("no frame of ticks")

// The kinds of packets, told by nothing but their length (docs/kite.md 2.3). All begin with token and last price.
const (
	packetLTP        = 8
	packetIndexQuote = 28
	packetIndexFull  = 32
	packetQuote      = 44
	packetFull       = 184
)

// DecodeTicks reads the last prices out of a binary frame: a count, and as many packets, each behind its length, all
// big-endian (docs/kite.md 2.3). A packet without a price, or of a length that nobody knows, is left out. A frame that
// does not hold what it says is an error, and gives nothing.
func DecodeTicks(frame []byte) ([]Tick, error) {
	if len(frame) < 2 {
		return nil, fmt.Errorf("%w: %d bytes", errTicks, len(frame))
	}
	packets := int(binary.BigEndian.Uint16(frame))
	rest := frame[2:]
	if most := len(rest) / 2; packets > most {
		return nil, fmt.Errorf("%w: %d packets in %d bytes", errTicks, packets, len(frame))
	}
	ticks := make([]Tick, 0, packets)
	for n := range packets {
		if len(rest) < 2 {
			return nil, fmt.Errorf("%w: it ends in packet %d of %d", errTicks, n+1, packets)
		}
		size := int(binary.BigEndian.Uint16(rest))
		if rest = rest[2:]; size > len(rest) {
			return nil, fmt.Errorf("%w: it ends in packet %d of %d", errTicks, n+1, packets)
		}
		packet := rest[:size]
		rest = rest[size:]
		switch size {
		case packetLTP, packetIndexQuote, packetIndexFull, packetQuote, packetFull:
			token := int64(binary.BigEndian.Uint32(packet))
			if last := binary.BigEndian.Uint32(packet[4:]); token > 0 && last > 0 && last < 1<<31 { // the SDKs read it as signed
				ticks = append(ticks, Tick{token, tickPrice(token, int64(last))})
			}
		}
	}
	return ticks, nil
}

// tickPrice is a packet's whole number as a price. It counts paise, but for currencies: the documents say ten-millionths
// of a rupee for all of them, both SDKs read BCD as ten-thousandths, and the SDKs are followed (docs/kite.md 2.3).
func tickPrice(token, value int64) order.Price {
	const millionths = int64(order.Rupee)
	switch token & 0xff {
	case 3: // CDS
		return order.Price(value * millionths / 10_000_000)
	case 6: // BCD
		return order.Price(value * millionths / 10_000)
	}
	return order.Price(value * millionths / 100)
}

// subscribeWithin is how long asking for ticks may take; then the line is broken.
const subscribeWithin = 2 * time.Second

// follow asks for ticks of the instruments that are wanted now and of no others. It is called by one goroutine alone,
// which is the only one that writes frames of data: the ticker's own Subscribe guards neither the socket nor its list.
func (c *connection) follow(wanted []int64) {
	c.mu.Lock()
	socket := c.socket
	c.mu.Unlock()
	if socket == nil {
		return
	}
	wanted = slices.Clone(wanted)
	slices.Sort(wanted)
	wanted = slices.Compact(wanted)
	wanted = wanted[:min(len(wanted), TokensMax)]
	var off, on []int64
	for _, token := range c.tokens {
		if _, still := slices.BinarySearch(wanted, token); !still {
			off = append(off, token)
		}
	}
	for _, token := range wanted {
		if _, already := slices.BinarySearch(c.tokens, token); !already {
			on = append(on, token)
		}
	}
	c.tokens = wanted
	if len(off) > 0 { // first, or the new ones may be too many
		c.ask(socket, "unsubscribe", off)
	}
	if len(on) > 0 {
		c.ask(socket, "subscribe", on)
		c.ask(socket, "mode", []any{"ltp", on})
	}
}

// ask sends one word about ticks (docs/kite.md 2.2).
func (c *connection) ask(socket *websocket.Conn, what string, about any) {
	text, err := json.Marshal(struct {
		A string `json:"a"`
		V any    `json:"v"`
	}{what, about})
	if err == nil {
		err = socket.SetWriteDeadline(time.Now().Add(subscribeWithin))
	}
	if err == nil {
		err = socket.WriteMessage(websocket.TextMessage, text)
	}
	if err != nil {
		c.cancel(down("ticks could not be asked for: " + clip(err.Error())))
	}
}
