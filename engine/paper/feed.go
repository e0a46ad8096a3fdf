package paper

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// Step is one change of the market at a time after the feed's start.
type Step struct {
	At         time.Duration
	Instrument string  // EXCHANGE:SYMBOL
	Price      float64 // rupees; 0: Moves
	Moves      int     // ticks up or down from the LTP, kept within the circuit band
	Depth      int     // with SetsDepth: what SetDepth is given
	SetsDepth  bool
}

// Feed gives steps in the order of their times; more is false after the last.
type Feed interface {
	Next() (step Step, more bool)
}

// Walk is a seeded random walk over instruments that never ends. Prices are
// those the exchange has, so that a price set by hand stays.
type Walk struct {
	every       time.Duration
	instruments []string
	random      *rand.Rand
	ticksMax    int
	count       int
}

// NewWalk moves one instrument after the other, one each period, by up to
// ticksMax ticks either way. No instruments: those that x lists now.
func NewWalk(x *Exchange, seed uint64, every time.Duration, ticksMax int, instruments ...string) *Walk {
	if len(instruments) == 0 {
		for _, l := range x.listed {
			instruments = append(instruments, l.key())
		}
	}
	return &Walk{every: max(every, time.Millisecond), instruments: instruments, ticksMax: max(ticksMax, 1),
		random: rand.New(rand.NewPCG(seed, 0x77616c6b))}
}

// Next is the next move.
func (w *Walk) Next() (Step, bool) {
	name := w.instruments[w.count%len(w.instruments)]
	w.count++
	return Step{At: time.Duration(w.count) * w.every, Instrument: name, Moves: w.random.IntN(2*w.ticksMax+1) - w.ticksMax}, true
}

// Player takes a feed to an exchange, in virtual or real time.
type Player struct {
	exchange *Exchange
	feed     Feed
	start    time.Time
	next     Step
	more     bool
}

// NewPlayer plays the feed as if it had begun at start.
func NewPlayer(x *Exchange, feed Feed, start time.Time) *Player {
	p := &Player{exchange: x, feed: feed, start: start}
	p.next, p.more = feed.Next()
	return p
}

// NextAt is when the next step is due; ok is false after the last.
func (p *Player) NextAt() (at time.Time, ok bool) { return p.start.Add(p.next.At), p.more }

// Advance takes every step due at now. An unknown instrument ends it.
func (p *Player) Advance(now time.Time) error {
	for p.more && !p.start.Add(p.next.At).After(now) {
		if err := p.exchange.Step(p.next); err != nil {
			p.more = false
			return err
		}
		p.next, p.more = p.feed.Next()
	}
	return nil
}

// Step changes the market now, whatever its At.
func (x *Exchange) Step(s Step) error {
	exchange, symbol, _ := strings.Cut(s.Instrument, ":")
	if s.SetsDepth {
		if err := x.SetDepth(exchange, symbol, s.Depth); err != nil {
			return err
		}
	}
	if s.Price > 0 {
		return x.SetPrice(exchange, symbol, s.Price)
	}
	x.enter()
	defer x.leave()
	l, err := x.listing(exchange, symbol)
	if err != nil || s.Moves == 0 {
		return err
	}
	to := max(l.ltp+amount(s.Moves)*l.tick, l.tick, l.lower)
	if l.upper > 0 {
		to = min(to, l.upper)
	}
	x.tickTo(l, to.floorTick(l.tick))
	return nil
}

// Play plays a feed in real time until it ends or ctx does. The exchange's
// clock must be a real one too.
func Play(ctx context.Context, x *Exchange, feed Feed) error {
	p := NewPlayer(x, feed, x.Now())
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		at, more := p.NextAt()
		if !more {
			return nil
		}
		timer.Reset(at.Sub(x.Now()))
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-timer.C:
		}
		if err := p.Advance(x.Now()); err != nil {
			return fmt.Errorf("paper: play: %w", err)
		}
	}
}
