package enginetest

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Event is one thing that happens to a day from outside, at a moment that is fixed beforehand. A day is a list of
// them and nothing else, so that a day which fails can be lived again with fewer of them.
type Event struct {
	At      time.Duration // since the day began; below zero: before the process was ever started
	Kind    Kind
	Name    string // of an entry; of a cancel: the entry's
	Symbol  string
	Product string
	Side    string  // BUY or SELL
	Lots    int     // 0 of a hand: all that is held
	Price   float64 // of a price, in rupees; of an entry its distance from the last price
	Depth   int     // of a price: how much the tick offers, below zero without end
	Point   string  // of a strike
	Fault   string  // of a strike or a spell
	For     time.Duration
	Pick    int // which of several live stops
}

// Kind is what sort of thing happens.
type Kind string

// The kinds.
const (
	Price  Kind = "price"  // the market moves
	Entry  Kind = "entry"  // the trader buys or sells through the app
	Phone  Kind = "phone"  // the same on the phone: no postback tells it
	Cancel Kind = "cancel" // the trader cancels an entry
	Hand   Kind = "hand"   // a person exits on the phone, in whole, in part or beyond
	Touch  Kind = "touch"  // a person moves or cancels a stop of Backstop's
	Lapse  Kind = "lapse"  // the exchange cancels a stop of Backstop's
	Strike Kind = "strike" // a fault waits for the next call at a point
	Spell  Kind = "spell"  // a fault lasts for a while
	Pause  Kind = "pause"
	Resume Kind = "resume"
	Reload Kind = "reload" // the rules file changes
	Night  Kind = "night"  // the exchange ends its day and begins the next
)

// Points where a strike can wait, and what can strike there.
var strikes = map[string][]string{
	"place":     {"lost", "hangs", "429", "5xx", "5xx done", "margin", "rejected", "hidden", "lost and hidden"},
	"modify":    {"lost", "hangs", "429", "5xx", "5xx done"},
	"cancel":    {"lost", "hangs", "429", "5xx", "5xx done"},
	"book":      {"fails", "hangs", "429", "stale", "short"},
	"positions": {"fails", "429"},
	"trades":    {"fails", "429"},
	"postback":  {"lost", "doubled", "reordered", "late", "forged"},
	"commit":    {"fails", "lost", "hangs", "crash before", "crash after"},
	"send":      {"crash before", "crash after"},
	"record":    {"crash"},
	"message":   {"lost"},
}

// spells are the faults that last: a dead session, a refused address, a storm of 429 or of 5xx, books that never
// answer or show new orders late, a full disk, postbacks that are all lost.
var spells = []string{"session", "address", "429", "5xx", "books fail", "books late", "disk full", "postbacks lost"}

// short names a symbol in a story.
func short(symbol string) string {
	if i := slices.Index(symbols, symbol); i >= 0 {
		return []string{"CE", "PE"}[i]
	}
	return "OLD"
}

// String tells the event in one short line.
func (e Event) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%8s  ", clock(e.At))
	place := short(e.Symbol) + " " + e.Product
	switch e.Kind {
	case Price:
		fmt.Fprintf(&b, "%s trades at %.2f", short(e.Symbol), e.Price)
		if e.Depth >= 0 {
			fmt.Fprintf(&b, ", %d offered", e.Depth)
		}
	case Entry, Phone:
		fmt.Fprintf(&b, "%s: %s %d lots of %s at the last price %+.2f", e.Name, e.Side, e.Lots, place, e.Price)
		if e.Kind == Phone {
			b.WriteString(", on the phone")
		}
	case Cancel:
		fmt.Fprintf(&b, "the trader cancels %s", e.Name)
	case Hand:
		fmt.Fprintf(&b, "a person exits %s on the phone: %s", place, map[int]string{-1: "all and one lot more", 0: "all", 1: "one lot"}[e.Lots])
	case Touch:
		fmt.Fprintf(&b, "a person %s stop %d", map[bool]string{true: "cancels", false: "moves"}[e.Fault == "cancel"], e.Pick)
	case Lapse:
		fmt.Fprintf(&b, "the exchange cancels stop %d", e.Pick)
	case Strike:
		fmt.Fprintf(&b, "the next %s: %s", e.Point, e.Fault)
		if e.For > 0 {
			fmt.Fprintf(&b, " (%s)", e.For)
		}
	case Spell:
		fmt.Fprintf(&b, "for %s: %s", e.For, e.Fault)
	case Pause, Resume, Reload, Night:
		b.WriteString(string(e.Kind))
	}
	return b.String()
}

func clock(d time.Duration) string {
	sign := ""
	if d < 0 {
		sign, d = "-", -d
	}
	return fmt.Sprintf("%s%02d:%06.3f", sign, int(d/time.Minute), (d % time.Minute).Seconds())
}
