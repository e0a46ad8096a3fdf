package engine

import (
	"context"
	"slices"
	"sync"
	"time"

	"backstop/engine/lane"
)

// Pacer keeps one account's requests under the broker's limits: those of its api_key, which the accounts of that key share, and its own (of a
// client, docs/kite.md 3.9). It is an exact record of what left in the last second and minute, not a token bucket: a bucket of ten that
// refills at ten a second lets twenty through within one.
type Pacer struct {
	key    *keyPace
	client int
}

// keyPace is the record of an api_key.
type keyPace struct {
	mu      sync.Mutex
	lanes   int // accounts that share it
	clients int // of them that have a pacer
	second  []departure
	minute  []departure     // changes only
	held    map[int]*[4]int // granted, and neither used nor given back: by client and kind
}

// departure is one request that left.
type departure struct {
	at     time.Time
	kind   departureKind
	client int
}

type departureKind int

const (
	departExit departureKind = iota // a change that reduces risk
	departRisk                      // a change that adds risk
	departBook                      // a reading of the order book
	departRead                      // any other reading
)

// NewPacer is the pacer of the first of this many accounts of an api_key.
func NewPacer(accounts int) *Pacer {
	return (&Pacer{key: &keyPace{lanes: max(accounts, 1), held: map[int]*[4]int{}}}).Beside()
}

// Beside is the pacer of the next account of the same api_key.
func (p *Pacer) Beside() *Pacer {
	k := p.key
	k.mu.Lock()
	defer k.mu.Unlock()
	next := &Pacer{key: k, client: k.clients}
	k.held[next.client] = &[4]int{}
	k.clients++
	return next
}

// Reserve holds what may leave at now, at most most requests with at most mostRisk of them adding risk, until the
// step that it is for is durable: two lanes that step at once can't overshoot together. The hold must be ended
// with Used.
func (p *Pacer) Reserve(now time.Time, most, mostRisk int) *Hold {
	k := p.key
	k.mu.Lock()
	defer k.mu.Unlock()
	k.forget(now)
	exits, risk := min(k.room(departExit, p.client), most), min(k.room(departRisk, p.client), max(mostRisk, 0))
	if k.lanes > 1 { // a lane beside this one may have to act too before this one has given back
		exits = (exits + 1) / 2
	}
	// Both are of one room: exits have what is left beside a third for new risk, and the rest at the next step.
	risk = min(risk, exits/3)
	exits -= risk
	h := &Hold{pacer: p, grant: lane.Grant{Exits: exits, Risk: risk}}
	if exits == 0 || risk == 0 {
		h.grant.Next = k.next(now, departExit, p.client)
	}
	k.held[p.client][departExit] += exits
	k.held[p.client][departRisk] += risk
	return h
}

// Hold is what one step may use.
type Hold struct {
	pacer *Pacer
	grant lane.Grant
}

// Grant is the hold in the lane's words.
func (h *Hold) Grant() lane.Grant { return h.grant }

// Keep gives back what the step did not use; so many requests will leave once it is durable. More than is held keeps all of it.
func (h *Hold) Keep(exits, risk int) {
	k, client := h.pacer.key, h.pacer.client
	k.mu.Lock()
	defer k.mu.Unlock()
	exits, risk = min(exits, h.grant.Exits), min(risk, h.grant.Risk)
	k.held[client][departExit] -= h.grant.Exits - exits
	k.held[client][departRisk] -= h.grant.Risk - risk
	h.grant.Exits, h.grant.Risk = exits, risk
}

// Used ends the hold: so many requests leave now, the rest is given back.
func (h *Hold) Used(now time.Time, exits, risk int) {
	k, client := h.pacer.key, h.pacer.client
	k.mu.Lock()
	defer k.mu.Unlock()
	k.held[client][departExit] -= h.grant.Exits
	k.held[client][departRisk] -= h.grant.Risk
	h.grant = lane.Grant{}
	for range exits {
		k.note(departure{now, departExit, client})
	}
	for range risk {
		k.note(departure{now, departRisk, client})
	}
}

// read notes a reading, or says when to ask again.
func (p *Pacer) read(now time.Time, kind departureKind) (ok bool, again time.Time) {
	k := p.key
	k.mu.Lock()
	defer k.mu.Unlock()
	k.forget(now)
	if k.room(kind, p.client) <= 0 {
		return false, k.next(now, kind, p.client)
	}
	k.note(departure{now, kind, p.client})
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

func (k *keyPace) note(d departure) {
	k.second = append(k.second, d)
	if d.kind == departExit || d.kind == departRisk {
		k.minute = append(k.minute, d)
	}
}

// forget drops what has left its window. A clock that was set back makes departures of the future: they count
// until their window is over, at most a window from now.
func (k *keyPace) forget(now time.Time) {
	k.second = stillIn(k.second, now, secondWindow)
	k.minute = stillIn(k.minute, now, minuteWindow)
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

// room is how many more of a kind a client may send now.
func (k *keyPace) room(kind departureKind, client int) int {
	var n, own [4]int // of the key, of the client
	for c, held := range k.held {
		for i := range held {
			n[i] += held[i]
		}
		if c == client {
			own = *held
		}
	}
	minute := own[departExit] + own[departRisk]
	for _, d := range k.second {
		n[d.kind]++
		if d.client == client {
			own[d.kind]++
		}
	}
	for _, d := range k.minute {
		if d.client == client {
			minute++
		}
	}
	changes := own[departExit] + own[departRisk]
	others := n[departRisk] + n[departRead]
	all := n[departExit] + n[departRisk] + n[departBook] + n[departRead]
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
		room = min(room, riskSecond-changes, riskMinute-minute)
	}
	if kind == departExit {
		room = min(room, changesMinute-minute)
	}
	return max(room, 0)
}

// next is when a client may send more: when the oldest departure leaves its window, or soon where only holds are in the way.
func (k *keyPace) next(now time.Time, kind departureKind, client int) time.Time {
	at, held := now.Add(10*time.Millisecond), 0
	for _, h := range k.held {
		held += h[departExit] + h[departRisk]
	}
	if len(k.second) > 0 && held == 0 {
		at = k.second[0].at.Add(secondWindow)
	}
	if kind == departExit || kind == departRisk {
		own := slices.DeleteFunc(slices.Clone(k.minute), func(d departure) bool { return d.client != client })
		if len(own) >= riskMinute {
			at = later(at, own[0].at.Add(minuteWindow))
		}
	}
	return later(at, now.Add(time.Millisecond))
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
