package engine

import (
	"context"
	"sync"
	"time"

	"backstop/engine/lane"
)

// Pacer keeps the requests of one api_key under the broker's limits; accounts of one key share it. It is an exact
// record of what left in the last second and minute, not a token bucket: a bucket of ten that refills at ten a
// second lets twenty through within one.
type Pacer struct {
	mu     sync.Mutex
	lanes  int // accounts that share it
	second []departure
	minute []departure // changes only
	held   [4]int      // granted, and neither used nor given back, by kind
}

// departure is one request that left.
type departure struct {
	at   time.Time
	kind departureKind
}

type departureKind int

const (
	departExit departureKind = iota // a change that reduces risk
	departRisk                      // a change that adds risk
	departBook                      // a reading of the order book
	departRead                      // any other reading
)

// NewPacer is a pacer for this many accounts.
func NewPacer(accounts int) *Pacer { return &Pacer{lanes: max(accounts, 1)} }

// Reserve holds what may leave at now, at most most requests with at most mostRisk of them adding risk, until the
// step that it is for is durable: two lanes that step at once can't overshoot together. The hold must be ended
// with Used.
func (p *Pacer) Reserve(now time.Time, most, mostRisk int) *Hold {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.forget(now)
	exits, risk := min(p.room(departExit), most), min(p.room(departRisk), max(mostRisk, 0))
	if p.lanes > 1 { // a lane beside this one may have to act too before this one has given back
		exits = (exits + 1) / 2
	}
	// Both are of one room: exits have what is left beside a third for new risk, and the rest at the next step.
	risk = min(risk, exits/3)
	exits -= risk
	h := &Hold{pacer: p, grant: lane.Grant{Exits: exits, Risk: risk}}
	if exits == 0 || risk == 0 {
		h.grant.Next = p.next(now, departExit)
	}
	p.held[departExit] += exits
	p.held[departRisk] += risk
	return h
}

// Hold is what one step may use.
type Hold struct {
	pacer *Pacer
	grant lane.Grant
}

// Grant is the hold in the lane's words.
func (h *Hold) Grant() lane.Grant { return h.grant }

// Used ends the hold: so many requests leave now, the rest is given back.
func (h *Hold) Used(now time.Time, exits, risk int) {
	p := h.pacer
	p.mu.Lock()
	defer p.mu.Unlock()
	p.held[departExit] -= h.grant.Exits
	p.held[departRisk] -= h.grant.Risk
	h.grant = lane.Grant{}
	for range exits {
		p.note(now, departExit)
	}
	for range risk {
		p.note(now, departRisk)
	}
}

// read notes a reading, or says when to ask again.
func (p *Pacer) read(now time.Time, kind departureKind) (ok bool, again time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.forget(now)
	if p.room(kind) <= 0 {
		return false, p.next(now, kind)
	}
	p.note(now, kind)
	return true, time.Time{}
}

// wait holds a reading back until its pace allows it.
func (p *Pacer) wait(ctx context.Context, now func() time.Time, kind departureKind) error {
	for {
		at := now()
		ok, again := p.read(at, kind)
		if ok {
			return nil
		}
		timer := time.NewTimer(again.Sub(at))
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-timer.C:
		}
	}
}

func (p *Pacer) note(now time.Time, kind departureKind) {
	p.second = append(p.second, departure{now, kind})
	if kind == departExit || kind == departRisk {
		p.minute = append(p.minute, departure{now, kind})
	}
}

// forget drops what has left its window. A clock that was set back makes departures of the future: they count
// until their window is over, at most a window from now.
func (p *Pacer) forget(now time.Time) {
	p.second = stillIn(p.second, now, secondWindow)
	p.minute = stillIn(p.minute, now, minuteWindow)
}

func stillIn(all []departure, now time.Time, window time.Duration) []departure {
	kept := all[:0]
	for _, d := range all {
		if d.at.After(now) {
			d.at = now
		}
		if now.Sub(d.at) < window {
			kept = append(kept, d)
		}
	}
	return kept
}

// room is how many more of a kind may leave now.
func (p *Pacer) room(kind departureKind) int {
	n := p.held
	for _, d := range p.second {
		n[d.kind]++
	}
	changes := n[departExit] + n[departRisk]
	others := n[departRisk] + n[departRead]
	all := changes + n[departBook] + n[departRead]
	room := requestsSecond - all
	if kind != departBook {
		room = min(room, requestsSecond-keptForBook-(all-n[departBook]))
	}
	if kind != departExit {
		room = min(room, requestsSecond-keptForExits-(all-n[departExit]))
	}
	if kind == departRisk || kind == departRead {
		room = min(room, requestsSecond-keptForExits-keptForBook-others)
	}
	if kind == departRisk {
		room = min(room, riskSecond-changes, riskMinute-len(p.minute)-p.held[departExit]-p.held[departRisk])
	}
	if kind == departExit {
		room = min(room, changesMinute-len(p.minute)-p.held[departExit]-p.held[departRisk])
	}
	return max(room, 0)
}

// next is when more may leave: when the oldest departure leaves its window, or soon where only holds are in the way.
func (p *Pacer) next(now time.Time, kind departureKind) time.Time {
	at := now.Add(10 * time.Millisecond)
	if len(p.second) > 0 && p.held[departExit]+p.held[departRisk] == 0 {
		at = p.second[0].at.Add(secondWindow)
	}
	if (kind == departExit || kind == departRisk) && len(p.minute) >= riskMinute {
		at = later(at, p.minute[0].at.Add(minuteWindow))
	}
	return later(at, now.Add(time.Millisecond))
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
