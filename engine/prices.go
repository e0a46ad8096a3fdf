package engine

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"backstop/engine/lane"
	"backstop/engine/order"
)

// prices carries last prices from an account's stream to its lane: of what is open, at most once a second, all that
// moved in one input. What nobody trades in costs nothing, and a storm of ticks one step a second.
type prices struct {
	a      *account
	listed lane.Instruments // tells the broker's tokens; nil: no prices
	moved  chan struct{}    // capacity 1: something waits to be given

	mu      sync.Mutex
	names   []string         // what the lane has open
	byToken map[int64]string // as wanted last told them
	waiting map[string]order.Price
	given   map[string]givenPrice // what the lane was given last
}

// givenPrice is a price that the lane was given.
type givenPrice struct {
	price order.Price
	at    time.Time
}

func newPrices(a *account, listed lane.Instruments) *prices {
	return &prices{a: a, listed: listed, moved: make(chan struct{}, 1), byToken: map[int64]string{}, waiting: map[string]order.Price{},
		given: map[string]givenPrice{}}
}

// watch follows what the lane has open. It may be a new lane, which knows no price: each is given anew.
func (p *prices) watch(names []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.names = names
	clear(p.given)
	maps.DeleteFunc(p.waiting, func(name string, _ order.Price) bool { return !slices.Contains(names, name) })
}

// wanted are the tokens of what is open, as today's list has them.
func (p *prices) wanted() []int64 {
	if p.listed == nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	clear(p.byToken)
	var tokens []int64
	for _, name := range p.names {
		exchange, symbol, _ := strings.Cut(name, ":")
		if i, ok := p.listed.Instrument(exchange, symbol); ok && i.Token > 0 {
			p.byToken[i.Token] = name
			tokens = append(tokens, i.Token)
		}
	}
	return tokens
}

// ticks takes what the stream says.
func (p *prices) ticks(ticks []Tick) {
	now := p.a.now()
	p.mu.Lock()
	for _, t := range ticks {
		name, ok := p.byToken[t.Token]
		if !ok || t.Last <= 0 {
			continue // asked for no longer
		}
		if g, ok := p.given[name]; ok && g.price == t.Last && now.Sub(g.at) < pricesAgain {
			delete(p.waiting, name) // it went and came back within the second
			continue
		}
		p.waiting[name] = t.Last
	}
	waits := len(p.waiting) > 0
	p.mu.Unlock()
	if waits {
		select {
		case p.moved <- struct{}{}:
		default: // it will be given
		}
	}
}

// run gives the lane what moved until ctx ends.
func (p *prices) run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	<-timer.C
	for {
		select {
		case <-ctx.Done():
			return
		case <-p.moved:
		}
		p.give()
		timer.Reset(pricesEvery)
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
	}
}

func (p *prices) give() {
	now := p.a.now()
	p.mu.Lock()
	last := p.waiting
	p.waiting = map[string]order.Price{}
	for name, price := range last {
		p.given[name] = givenPrice{price, now}
	}
	p.mu.Unlock()
	if len(last) > 0 { // at the end nobody wants one any more
		_ = p.a.inbox.put(entry{input: lane.Input{Prices: &lane.Prices{Last: last}}, arrived: now})
	}
}

// text says of how many instruments prices come, as a part of the stream's check.
func (p *prices) text() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.byToken) == 0 {
		return ""
	}
	return fmt.Sprintf("; it tells prices of %s", instrumentsOf(len(p.byToken)))
}

func instrumentsOf(n int) string {
	if n == 1 {
		return "1 instrument"
	}
	return fmt.Sprintf("%d instruments", n)
}
