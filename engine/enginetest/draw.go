package enginetest

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"
)

// People say who acts beside Backstop, and how.
type People struct {
	Shorts   bool // the trader also sells first
	Hands    bool // a person enters and exits by phone, in whole or in part
	Flips    bool // and sells more than is held
	Touch    bool // and moves and cancels Backstop's stops
	Products bool // NRML beside MIS
	NRML     bool // nothing else
	Calm     bool // prices stay far from every stop and target
}

// Trouble says which faults a day draws.
type Trouble struct {
	Network bool // postbacks, answers and readings
	Forge   bool // somebody who saw a postback sends it again as a fill
	Crashes bool // of the process
	Disk    bool // commits that fail or hang
	Outage  bool // spells: a dead session, a refused address, storms
	Refuse  bool // placements of ours that are refused, or rejected afterwards
	Lapse   bool // stops of ours that the exchange cancels
}

// Length of a day: how long it is traded and disturbed, and how long all is quiet afterwards.
const (
	tradedFor = 15 * time.Minute
	quietFor  = 4 * time.Minute
	nightAt   = 12 * time.Minute
	opening   = 120.0 // rupees
)

// drawer draws a day's events.
type drawer struct {
	*rand.Rand
	people  People
	trouble Trouble
	night   bool
	events  []Event
	entries []time.Duration
	names   int
}

// Draw is the day of a seed: the same seed, people and trouble give the same events.
func Draw(seed uint64, people People, trouble Trouble, night bool) []Event {
	d := &drawer{Rand: rand.New(rand.NewPCG(seed, 0x6461)), people: people, trouble: trouble, night: night}
	d.before()
	d.trade(night)
	for _, s := range symbols {
		d.prices(s)
	}
	if night {
		d.add(Event{At: nightAt, Kind: Night})
		if d.IntN(2) == 0 { // what waits at midnight must not leave after it
			d.add(Event{At: nightAt - d.some(time.Minute) - 10*time.Second, Kind: Spell, Fault: d.oneOf("session", "address", "429"), For: 90 * time.Second})
		}
	}
	if d.IntN(6) == 0 {
		at := d.some(tradedFor)
		d.add(Event{At: at, Kind: Pause})
		if d.IntN(2) == 0 {
			d.add(Event{At: at + d.some(5*time.Minute), Kind: Resume})
		}
	}
	if d.IntN(6) == 0 {
		d.add(Event{At: time.Minute + d.some(tradedFor), Kind: Reload})
	}
	d.network() // what strikes is drawn last: without it the rest of the day is the same
	d.process()
	d.spells()
	slices.SortStableFunc(d.events, func(a, b Event) int { return cmp.Compare(a.At, b.At) })
	return d.events
}

func (d *drawer) add(e Event)                        { d.events = append(d.events, e) }
func (d *drawer) some(x time.Duration) time.Duration { return time.Duration(d.Int64N(int64(x))) }
func (d *drawer) oneOf(s ...string) string           { return s[d.IntN(len(s))] }

func (d *drawer) product() string {
	if d.people.Products {
		return d.oneOf("MIS", "NRML")
	}
	if d.night || d.people.NRML {
		return "NRML" // what is intraday does not outlive the day
	}
	return "MIS"
}

// before is what was in the book before Backstop was first started: it is left alone.
func (d *drawer) before() {
	if d.IntN(3) == 0 {
		d.add(Event{At: -time.Minute, Kind: Entry, Name: "OLD", Symbol: oldSymbol, Product: "MIS", Side: "BUY", Lots: 1 + d.IntN(2), Price: 5})
	}
}

func (d *drawer) trade(night bool) {
	for range 3 + d.IntN(3) {
		d.entry(2*time.Second + d.some(tradedFor-4*time.Minute))
	}
	if night {
		for range 2 {
			d.entry(nightAt + time.Second + d.some(2*time.Minute))
		}
	}
	if d.people.Hands {
		for range 1 + d.IntN(3) {
			e := Event{At: d.some(tradedFor), Kind: Hand, Symbol: d.oneOf(symbols...), Product: d.product(), Lots: d.IntN(2)}
			if d.people.Flips && d.IntN(3) == 0 {
				e.Lots = -1
			}
			d.add(e)
		}
	}
	if d.people.Touch {
		for range 1 + d.IntN(4) {
			e := Event{At: time.Minute + d.some(tradedFor-time.Minute), Kind: Touch, Pick: d.IntN(3)}
			if d.IntN(3) == 0 {
				e.Fault = "cancel"
			}
			d.add(e)
		}
	}
}

// entry is a buy or a sell near the market, of one to four lots.
func (d *drawer) entry(at time.Duration) {
	d.names++
	e := Event{At: at, Kind: Entry, Name: fmt.Sprintf("E%d", d.names), Symbol: d.oneOf(symbols...), Product: d.product(),
		Side: "BUY", Lots: 1 + d.IntN(4), Price: float64(d.IntN(9)-2) * 0.5}
	if d.people.Shorts && d.IntN(3) == 0 {
		e.Side = "SELL"
	}
	if d.people.Hands && d.IntN(5) == 0 {
		e.Kind = Phone
	}
	d.add(e)
	d.entries = append(d.entries, at)
	if d.IntN(4) == 0 {
		d.add(Event{At: at + d.some(30*time.Second), Kind: Cancel, Name: e.Name})
	}
}

// prices is the way of one price: steps of a few ticks, now and then a jump through the stops, or a spike that
// reaches a target and a stop before anybody can cancel either.
func (d *drawer) prices(symbol string) {
	p := opening
	tick := func(at time.Duration, price float64) {
		depth := -1
		if d.IntN(3) == 0 {
			depth = lot * (1 + d.IntN(3))
		}
		price = math.Round(max(20, min(300, price))*20) / 20
		d.add(Event{At: at, Kind: Price, Symbol: symbol, Price: price, Depth: depth})
		p = price
	}
	gaps := d.trouble.Crashes && d.people.Hands && !d.people.Calm
	for at := d.some(4 * time.Second); at < tradedFor; at += time.Second + d.some(6*time.Second) {
		switch kind := d.IntN(60); {
		case gaps && kind == 3 && at > 20*time.Second && at < tradedFor-time.Minute: // the market goes on afterwards
			gaps = false
			d.gap(at, symbol, p, tick)
			at += gapFor
		case d.people.Calm:
			tick(at, max(112, min(128, p+float64(d.IntN(21)-10)*0.1)))
		case kind < 2:
			tick(at, p*(1+float64(d.IntN(60)-30)/100))
		case kind == 2:
			up, down := p*1.45, p*0.7
			if d.IntN(2) == 0 {
				up, down = down, up
			}
			tick(at, up)
			tick(at+d.some(40*time.Millisecond), down)
		default:
			tick(at, p+float64(d.IntN(61)-30)*0.05)
		}
	}
}

// gapFor is how long a gap lasts: the process is back by then.
const gapFor = 10 * time.Second

// gap is what the longest outage brings at its worst: a target begins to fill and the postback that says so is the last
// thing that the process hears. While it is down the stop fills, a person trades part of it away or enters anew, and the
// target is finished in the end: more was exited than entered, and in which order only the exchange's clock says.
func (d *drawer) gap(at time.Duration, symbol string, p float64, tick func(time.Duration, float64)) {
	depth := func(at time.Duration, price float64, lots int) {
		d.add(Event{At: at, Kind: Price, Symbol: symbol, Price: math.Round(max(20, min(300, price))*20) / 20, Depth: lot * lots})
	}
	enter := func(at time.Duration, kind Kind, product, side string, lots int) {
		d.names++
		beyond := map[string]float64{"BUY": 3, "SELL": -3}[side] // it fills at once
		d.add(Event{At: at, Kind: kind, Name: fmt.Sprintf("E%d", d.names), Symbol: symbol, Product: product, Side: side, Lots: lots, Price: beyond})
	}
	side, up, down, product := "BUY", p*1.45, p*0.7, d.product()
	if d.people.Shorts && d.IntN(2) == 0 {
		side, up, down = "SELL", p*0.55, p*1.3
	}
	enter(at-12*time.Second, Entry, product, side, 2+d.IntN(3))
	d.add(Event{At: at, Kind: Strike, Point: "commit", Fault: "crash after"})
	depth(at+10*time.Millisecond, up, 1)
	at += time.Second + d.some(time.Second)
	tick(at, p) // nothing fills
	tick(at+d.some(time.Second), down)
	at += time.Second + d.some(time.Second)
	enter(at, Phone, product, d.oneOf("BUY", "SELL", side), 1+d.IntN(3))
	if d.IntN(2) == 0 {
		d.add(Event{At: at + d.some(time.Second), Kind: Hand, Symbol: symbol, Product: product, Lots: d.IntN(2)})
	}
	tick(at+time.Second+d.some(time.Second), up)
	tick(at+3*time.Second, p)
}

// when is a moment of the day, half of the time just after an entry, where it hurts.
func (d *drawer) when() time.Duration {
	if len(d.entries) > 0 && d.IntN(2) == 0 {
		return d.entries[d.IntN(len(d.entries))] + d.some(2*time.Second) - time.Second
	}
	return 3*time.Second + d.some(tradedFor-5*time.Second)
}

func (d *drawer) strike(most int, point string, faults ...string) {
	for range d.IntN(most + 1) {
		e := Event{At: max(3*time.Second, d.when()), Kind: Strike, Point: point, Fault: d.oneOf(faults...)}
		switch point + " " + e.Fault {
		case "postback late":
			e.For = time.Second + d.some(4*time.Minute)
		case "book stale":
			e.For = time.Second + d.some(9*time.Second)
		case "place hidden", "place lost and hidden":
			e.For = 30 * time.Second
		case "commit hangs":
			e.For = time.Second + d.some(8*time.Second)
		}
		d.add(e)
	}
}

func (d *drawer) network() {
	if d.trouble.Network {
		d.strike(8, "postback", "lost", "doubled", "reordered", "late")
		d.strike(3, "place", "lost", "hangs", "429", "5xx", "5xx done")
		d.strike(2, "modify", strikes["modify"]...)
		d.strike(2, "cancel", strikes["cancel"]...)
		d.strike(8, "book", strikes["book"]...)
		d.strike(1, "positions", strikes["positions"]...)
		d.strike(1, "trades", strikes["trades"]...)
		d.strike(2, "message", "lost")
		if d.IntN(2) == 0 {
			d.strike(1, "place", "hidden", "lost and hidden")
		}
	}
	if d.trouble.Forge {
		d.strike(5, "postback", "forged")
	}
	if d.trouble.Refuse {
		d.strike(2, "place", "margin", "rejected")
	}
	if d.trouble.Lapse {
		for range 1 + d.IntN(5) {
			d.add(Event{At: time.Minute + d.some(tradedFor-time.Minute), Kind: Lapse, Pick: d.IntN(2)})
		}
	}
}

func (d *drawer) process() {
	if d.trouble.Crashes {
		d.strike(3, "commit", "crash before", "crash after")
		d.strike(2, "send", "crash before", "crash after")
		d.strike(1, "record", "crash")
	}
	if d.trouble.Disk {
		d.strike(5, "commit", "fails", "lost", "hangs")
	}
}

func (d *drawer) spells() {
	if !d.trouble.Outage {
		return
	}
	for range 1 + d.IntN(2) {
		e := Event{At: max(3*time.Second, d.when()), Kind: Spell, Fault: d.oneOf(spells...), For: 10*time.Second + d.some(50*time.Second)}
		if e.Fault == "disk full" && !d.trouble.Disk {
			e.Fault = "429"
		}
		d.add(e)
	}
}
