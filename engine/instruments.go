package engine

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"

	"backstop/engine/lane"
	"backstop/engine/order"
)

// Instruments is the day's list in memory, some 8 MB for 100 000 rows: symbols in one arena, the few other words
// once each. It is replaced whole and may be asked by every lane at once.
type Instruments struct{ list atomic.Pointer[list] }

var _ lane.Instruments = (*Instruments)(nil)

// Loaded says whether a list is there, of today or, where today's could not be had, of an earlier day.
func (i *Instruments) Loaded() bool { return i.list.Load() != nil }

// Day is the day of the list; "" while there is none.
func (i *Instruments) Day() order.Day {
	if l := i.list.Load(); l != nil {
		return l.day
	}
	return ""
}

// Len is how many instruments the list has.
func (i *Instruments) Len() int {
	if l := i.list.Load(); l != nil {
		return len(l.rows)
	}
	return 0
}

// Instrument is the row of a tradingsymbol.
func (i *Instruments) Instrument(exchange, tradingsymbol string) (order.Instrument, bool) {
	l := i.list.Load()
	if l == nil {
		return order.Instrument{}, false
	}
	ex, ok := l.short.number[exchange]
	if !ok {
		return order.Instrument{}, false
	}
	at, ok := slices.BinarySearchFunc(l.rows, []byte(tradingsymbol), func(r row, symbol []byte) int {
		return cmp.Or(cmp.Compare(uint32(r.exchange), ex), bytes.Compare(l.symbol(r), symbol))
	})
	if !ok {
		return order.Instrument{}, false
	}
	return l.instrument(l.rows[at]), true
}

// list is one day's list, never changed once it is shown.
type list struct {
	day   order.Day
	rows  []row // sorted by exchange and symbol
	arena []byte
	short words // exchanges, types, segments
	long  words // names, expiries
}

// row is one instrument; words are numbers in the list's.
type row struct {
	symbol, expiry, name             uint32 // symbol: where it begins in the arena
	exchange, kind, segment, letters uint16
	token, lot                       int64
	strike, tick                     order.Price
}

// words keeps each word once.
type words struct {
	all    []string
	number map[string]uint32
}

func (w *words) add(s string) uint32 {
	if n, ok := w.number[s]; ok {
		return n
	}
	if w.number == nil {
		w.number = map[string]uint32{}
	}
	n := uint32(len(w.all))
	s = strings.Clone(s) // not a piece of a whole line
	w.all = append(w.all, s)
	w.number[s] = n
	return n
}

// Bounds of a row and of the short words, of which Kite has some thirty.
const (
	symbolMax = 1 << 10 // bytes
	shortMax  = 1 << 10 // words
)

// errUnfit refuses what is no list of instruments.
var errUnfit = errors.New("the list of instruments is not one")

// add puts an instrument into a list that is being made.
func (l *list) add(i order.Instrument) error {
	switch {
	case len(l.rows) >= instrumentsMax:
		return fmt.Errorf("%w: more than %d rows", errUnfit, instrumentsMax)
	case len(l.short.all) >= shortMax:
		return fmt.Errorf("%w: more than %d exchanges, types and segments", errUnfit, shortMax)
	case i.Tradingsymbol == "" || i.Exchange == "" || len(i.Tradingsymbol) > symbolMax:
		return nil // nothing is looked up under it
	}
	l.rows = append(l.rows, row{symbol: uint32(len(l.arena)), letters: uint16(len(i.Tradingsymbol)),
		exchange: uint16(l.short.add(i.Exchange)), kind: uint16(l.short.add(i.Type)), segment: uint16(l.short.add(i.Segment)),
		expiry: l.long.add(i.Expiry), name: l.long.add(i.Name), token: i.Token, lot: i.LotSize, strike: i.Strike, tick: i.TickSize})
	l.arena = append(l.arena, i.Tradingsymbol...)
	return nil
}

// done sorts the list; of rows with one symbol the last counts.
func (l *list) done() error {
	if len(l.rows) == 0 {
		return fmt.Errorf("%w: it is empty", errUnfit)
	}
	slices.Reverse(l.rows)
	compare := func(a, b row) int {
		return cmp.Or(cmp.Compare(a.exchange, b.exchange), bytes.Compare(l.symbol(a), l.symbol(b)))
	}
	slices.SortStableFunc(l.rows, compare)
	l.rows = slices.Clip(slices.CompactFunc(l.rows, func(a, b row) bool { return compare(a, b) == 0 }))
	l.arena = slices.Clip(l.arena)
	return nil
}

// byExchange counts the rows of each exchange.
func (l *list) byExchange() map[string]int {
	n := map[string]int{}
	for i := range l.rows {
		n[l.short.all[l.rows[i].exchange]]++
	}
	return n
}

func (l *list) symbol(r row) []byte { return l.arena[r.symbol : r.symbol+uint32(r.letters)] }

func (l *list) instrument(r row) order.Instrument {
	return order.Instrument{Exchange: l.short.all[r.exchange], Tradingsymbol: string(l.symbol(r)), Token: r.token, Name: l.long.all[r.name],
		Expiry: l.long.all[r.expiry], Strike: r.strike, TickSize: r.tick, LotSize: r.lot, Type: l.short.all[r.kind], Segment: l.short.all[r.segment]}
}
