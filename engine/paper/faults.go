package paper

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Timed is a fault that lasts: how likely, and for how long.
type Timed struct {
	Probability float64 // 0…1
	By          time.Duration
}

// Faults are what goes wrong, each with its probability of 0…1 (0: never).
// The name in brackets is the one ParseFaults, Next and String use.
type Faults struct {
	Lose       float64 // [lose] a postback is never sent (docs/kite.md 1.3: none is sent again)
	Double     float64 // [double] a postback is sent twice
	Reorder    float64 // [reorder] a postback is sent after the one that follows it
	Late       Timed   // [late] a postback is held back, others overtake it
	Forged     float64 // [forged] a postback's checksum is wrong
	StreamLose float64 // [stream_lose] an order frame is left out on the WebSocket

	ReplyLost     float64 // [reply_lost] place, modify, cancel: done, and the connection dropped
	ReplyHang     Timed   // [reply_hang] the same, but the connection hangs
	TooMany       float64 // [429] not done; the body of docs/kite.md 3.9
	ServerError   float64 // [5xx] HTML from the gateway; one half of them after the order was accepted
	DeadSession   bool    // [dead_session] 403 TokenException for every call (docs/kite.md 3.11)
	AddressDenied bool    // [address_refused] 403 PermissionException for place, modify, cancel (docs/kite.md 3.12)

	BookStale Timed         // [book_stale] order book and history as they were that long ago
	BookShort float64       // [book_short] the last rows are missing, perhaps all
	BookFail  float64       // [book_fail] 503 NetworkException
	BookLate  time.Duration // [book_late] new orders show up in the book only that much later (docs/kite.md 3.13)
}

// Defaults of times that a flag leaves out.
const (
	lateBy  = 2 * time.Second
	hangBy  = 30 * time.Second
	staleBy = 5 * time.Second
)

// flag is one named field of Faults.
type flag struct {
	name     string
	share    *float64
	timed    *Timed
	fallback time.Duration
	on       *bool
	duration *time.Duration
}

func (f *Faults) flags() []flag {
	return []flag{
		{name: "lose", share: &f.Lose}, {name: "double", share: &f.Double}, {name: "reorder", share: &f.Reorder},
		{name: "late", timed: &f.Late, fallback: lateBy}, {name: "forged", share: &f.Forged}, {name: "stream_lose", share: &f.StreamLose},
		{name: "reply_lost", share: &f.ReplyLost}, {name: "reply_hang", timed: &f.ReplyHang, fallback: hangBy},
		{name: "429", share: &f.TooMany}, {name: "5xx", share: &f.ServerError},
		{name: "dead_session", on: &f.DeadSession}, {name: "address_refused", on: &f.AddressDenied},
		{name: "book_stale", timed: &f.BookStale, fallback: staleBy}, {name: "book_short", share: &f.BookShort},
		{name: "book_fail", share: &f.BookFail}, {name: "book_late", duration: &f.BookLate},
	}
}

// ParseFaults reads a flag such as
//
//	lose=0.1,double=0.05,reorder=0.1,late=2s,reply_lost=0.1,429=0.05,5xx=0.02,dead_session,book_late=5s
//
// A probability is 0…1; a timed fault takes a duration (always), a
// probability (its usual duration) or both as 0.3/2s. The empty text is no fault.
func ParseFaults(text string) (Faults, error) {
	var f Faults
	for item := range strings.SplitSeq(text, ",") {
		item = strings.TrimSpace(item)
		if item == "" {
			continue
		}
		name, value, _ := strings.Cut(item, "=")
		if err := f.set(strings.TrimSpace(name), strings.TrimSpace(value)); err != nil {
			return Faults{}, fmt.Errorf("paper: parse faults: %q: %w", item, err)
		}
	}
	return f, nil
}

func (f *Faults) set(name, value string) (err error) {
	var names []string
	for _, g := range f.flags() {
		names = append(names, g.name)
		if g.name != name {
			continue
		}
		switch {
		case g.on != nil:
			*g.on, err = true, nil
			if value != "" {
				*g.on, err = strconv.ParseBool(value)
			}
		case g.share != nil:
			*g.share, err = parseShare(value)
		case g.duration != nil:
			*g.duration, err = parsePeriod(value)
		default:
			*g.timed, err = parseTimed(value, g.fallback)
		}
		return err
	}
	return fmt.Errorf("no such fault; there are %s", strings.Join(names, ", "))
}

func parseShare(value string) (float64, error) {
	p, err := strconv.ParseFloat(value, 64)
	if err != nil || !(p >= 0 && p <= 1) {
		return 0, fmt.Errorf("want a probability of 0 to 1, not %q", value)
	}
	return p, nil
}

func parsePeriod(value string) (time.Duration, error) {
	d, err := time.ParseDuration(value)
	if err != nil || d < 0 {
		return 0, fmt.Errorf("want a duration like 2s, not %q", value)
	}
	return d, nil
}

func parseTimed(value string, fallback time.Duration) (t Timed, err error) {
	share, period, both := strings.Cut(value, "/")
	if both {
		if t.Probability, err = parseShare(share); err == nil {
			t.By, err = parsePeriod(period)
		}
		return t, err
	}
	if t.By, err = parsePeriod(value); err == nil {
		t.Probability = 1
		return t, nil
	}
	t.By = fallback
	if t.Probability, err = parseShare(value); err != nil {
		return Timed{}, fmt.Errorf("want a duration like 2s, a probability, or both as 0.3/2s, not %q", value)
	}
	return t, nil
}

// String is a flag that ParseFaults reads back; "" for no fault.
func (f Faults) String() string {
	var parts []string
	number := func(p float64) string { return strconv.FormatFloat(p, 'g', -1, 64) }
	for _, g := range f.flags() {
		switch {
		case g.on != nil && *g.on:
			parts = append(parts, g.name)
		case g.share != nil && *g.share > 0:
			parts = append(parts, g.name+"="+number(*g.share))
		case g.duration != nil && *g.duration > 0:
			parts = append(parts, g.name+"="+g.duration.String())
		case g.timed != nil && g.timed.Probability == 1:
			parts = append(parts, g.name+"="+g.timed.By.String())
		case g.timed != nil && g.timed.Probability > 0:
			parts = append(parts, g.name+"="+number(g.timed.Probability)+"/"+g.timed.By.String())
		}
	}
	return strings.Join(parts, ",")
}
