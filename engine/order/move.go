package order

import (
	"slices"
	"time"
)

// Move is a quantity of one group that became another product: a conversion. No order tells it.
type Move struct {
	At   time.Time `json:"at"`   // when it was seen, not before
	From Key       `json:"from"` // Row.Key is where it went
	Row  Overnight `json:"row"`  // the group as it arrives, signed
}

// SetMoves says what was converted today, oldest first.
func (b *Book) SetMoves(moves []Move) {
	for k := range b.moves {
		b.Touch(k)
	}
	b.moves, b.keys = map[Key][]Move{}, nil
	for _, m := range moves {
		for _, k := range []Key{m.From, m.Row.Key} {
			b.moves[k] = append(b.moves[k], m)
			b.Touch(k)
		}
	}
}

// move takes a conversion into a holding at its moment among the fills.
func (h *Holding) move(m Move) {
	if m.Row.Key == h.Key {
		h.arrive(m.Row)
	} else if g := h.byID[m.Row.GroupID()]; g != nil {
		n := min(magnitude(m.Row.Quantity), g.Open())
		if price, told := g.EntryPrice(); told {
			g.entered.add(-n, price, true)
		}
		g.Filled -= n
		g.Carry = min(g.Carry, g.Filled)
		h.hold(g.Sign, -n)
		h.Position -= g.Sign * n
		h.change(g)
		h.dropFlat()
	}
	h.history = append(h.history, mark{m.At, h.Position})
	h.moved = m.At
}

// arrive takes in what was converted into the place: a group of its own, or more of the one that is there.
func (h *Holding) arrive(row Overnight) {
	g := h.byID[row.GroupID()]
	n := magnitude(row.Quantity)
	if g == nil || g.Sign != sign(row.Quantity) {
		h.carry(row)
		return
	}
	g.Filled += n
	g.entered.add(n, row.AveragePrice, row.AveragePrice > 0)
	h.hold(g.Sign, n)
	h.Position += row.Quantity
	if !slices.Contains(h.open, g) {
		h.open = append(h.open, g)
	}
	h.change(g)
}

// movesBefore takes the conversions that come before a moment.
func (b *Book) movesBefore(h *Holding, moves []Move, at time.Time) []Move {
	for len(moves) > 0 && (at.IsZero() || moves[0].At.Before(at)) {
		h.move(moves[0])
		moves = moves[1:]
	}
	return moves
}
