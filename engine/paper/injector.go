package paper

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"time"
)

// Injector decides, seeded, which fault strikes which call. Server and
// Postbacks ask it; a simulator without HTTP may ask it too.
type Injector struct {
	mu     sync.Mutex
	faults Faults
	random *rand.Rand
	next   map[string][]string
}

// NewInjector decides by the seed; same seed and same questions, same faults.
func NewInjector(seed uint64, f Faults) *Injector {
	return &Injector{faults: f, random: rand.New(rand.NewPCG(seed, 0x6661756c)), next: map[string][]string{}}
}

// Set replaces the faults from now on.
func (i *Injector) Set(f Faults) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.faults = f
}

// Faults are those set now, without the ones asked by Next.
func (i *Injector) Faults() Faults {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.faults
}

// Points where a fault can strike, and which ones can.
var (
	orderFaults = []string{"reply_lost", "reply_hang", "429", "5xx", "5xx_accepted", "dead_session", "address_refused"}
	gttFaults   = []string{"reply_lost", "reply_hang", "429", "5xx", "5xx_accepted", "dead_session"}
	readFaults  = []string{"429", "5xx", "dead_session", "book_fail"}
	points      = map[string][]string{
		"place":       orderFaults,
		"modify":      orderFaults,
		"cancel":      orderFaults,
		"book":        append([]string{"book_stale", "book_short", "book_late"}, readFaults...),
		"history":     append([]string{"book_stale"}, readFaults...),
		"read":        readFaults,
		"gtt_place":   gttFaults,
		"gtt_modify":  gttFaults,
		"gtt_delete":  gttFaults,
		"gtts":        readFaults,
		"instruments": {"429", "5xx", "dead_session"},
		"convert":     gttFaults,
		"postback":    {"lose", "double", "reorder", "late", "forged"},
	}
)

// nextMax bounds the faults waiting at one point.
const nextMax = 1000

// Next asks for exactly one fault: at the next call of that point (place,
// modify, cancel, book, history, read, gtt_place, gtt_modify, gtt_delete,
// gtts, convert, instruments, postback), and nothing else of chance there. Several queue up. The names are those of Faults, and 5xx_accepted for
// HTML after the order was accepted.
func (i *Injector) Next(point, fault string) error {
	may, ok := points[point]
	if !ok {
		return fmt.Errorf("paper: next fault: no point %q", point)
	}
	if !slices.Contains(may, fault) {
		return fmt.Errorf("paper: next fault: %q cannot strike at %s; %v can", fault, point, may)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if len(i.next[point]) >= nextMax {
		return fmt.Errorf("paper: next fault: %d already wait at %s", nextMax, point)
	}
	i.next[point] = append(i.next[point], fault)
	return nil
}

// Verdict is what happens to one request. The zero value: nothing goes wrong.
type Verdict struct {
	Refusal  *APIError     // answered in place of doing it
	HTML     bool          // not done; 502 HTML
	HTMLDone bool          // done; 502 HTML
	Drop     bool          // done; the connection is dropped
	Hang     time.Duration // done; the connection hangs that long, then drops
	Stale    time.Duration // the book as it was that long ago
	Late     time.Duration // new orders are hidden that long
	Short    bool          // the book lacks its last rows
	share    float64       // of the rows that a short book has
}

// Reading is how a call with this verdict sees the order book at now.
func (v Verdict) Reading(now time.Time) BookRead {
	var r BookRead
	if v.Stale > 0 {
		r.AsOf = now.Add(-v.Stale)
	}
	if v.Late > 0 {
		r.HideSince = now.Add(-v.Late)
	}
	if v.Short {
		// One row at least is missing, for share is below 1.
		r.Rows = func(n int) int { return int(v.share * float64(n)) }
	}
	return r
}

// Request decides about one call at a point (see Next).
func (i *Injector) Request(point string) Verdict {
	i.mu.Lock()
	defer i.mu.Unlock()
	var v Verdict
	if q := i.next[point]; len(q) > 0 {
		i.next[point] = q[1:]
		i.apply(&v, q[0])
		return v
	}
	f, may := i.faults, points[point]
	strikes := func(name string, p float64) {
		if slices.Contains(may, name) && i.roll(p) {
			i.apply(&v, name)
		}
	}
	if f.DeadSession {
		i.apply(&v, "dead_session")
	}
	if f.AddressDenied && v.Refusal == nil && slices.Contains(may, "address_refused") {
		i.apply(&v, "address_refused")
	}
	if v.Refusal != nil {
		return v
	}
	strikes("429", f.TooMany)
	switch {
	case slices.Contains(may, "5xx_accepted") && i.roll(f.ServerError/2):
		i.apply(&v, "5xx_accepted")
	case slices.Contains(may, "5xx_accepted"):
		strikes("5xx", f.ServerError/2)
	default:
		strikes("5xx", f.ServerError)
	}
	strikes("reply_lost", f.ReplyLost)
	strikes("reply_hang", f.ReplyHang.Probability)
	strikes("book_stale", f.BookStale.Probability)
	strikes("book_short", f.BookShort)
	strikes("book_fail", f.BookFail)
	if f.BookLate > 0 {
		strikes("book_late", 1)
	}
	return v
}

// roll asks for no random number when the answer is certain, so that faults
// which are off leave the others' dice alone.
func (i *Injector) roll(p float64) bool {
	return p > 0 && (p >= 1 || i.random.Float64() < p)
}

func (i *Injector) apply(v *Verdict, fault string) {
	switch fault {
	case "reply_lost":
		v.Drop = true
	case "reply_hang":
		v.Hang = period(i.faults.ReplyHang.By, hangBy)
	case "429":
		v.Refusal = refuse(http.StatusTooManyRequests, classNetwork, textTooMany)
	case "5xx":
		v.HTML = true
	case "5xx_accepted":
		v.HTMLDone = true
	case "dead_session":
		v.Refusal = wrongToken()
	case "address_refused":
		v.Refusal = refuse(http.StatusForbidden, classPermission, textAddressRefused)
	case "book_stale":
		v.Stale = period(i.faults.BookStale.By, staleBy)
	case "book_short":
		v.Short, v.share = true, i.random.Float64()
	case "book_late":
		v.Late = period(i.faults.BookLate, staleBy)
	case "book_fail":
		v.Refusal = refuse(http.StatusServiceUnavailable, classNetwork, textOMS)
	}
}

func period(set, fallback time.Duration) time.Duration {
	if set > 0 {
		return set
	}
	return fallback
}

// Delivery is what happens to one postback. The zero value: sent once, in order.
type Delivery struct {
	Lost    bool
	Doubled bool
	Forged  bool          // its checksum is wrong
	After   bool          // sent after the one that follows it
	Late    time.Duration // held back that long
}

// Postback decides about one HTTP postback.
func (i *Injector) Postback() Delivery {
	i.mu.Lock()
	defer i.mu.Unlock()
	f := i.faults
	late := period(f.Late.By, lateBy)
	if q := i.next["postback"]; len(q) > 0 {
		i.next["postback"] = q[1:]
		switch q[0] {
		case "lose":
			return Delivery{Lost: true}
		case "double":
			return Delivery{Doubled: true}
		case "reorder":
			return Delivery{After: true}
		case "forged":
			return Delivery{Forged: true}
		default:
			return Delivery{Late: late}
		}
	}
	d := Delivery{Lost: i.roll(f.Lose), Doubled: i.roll(f.Double), After: i.roll(f.Reorder)}
	if i.roll(f.Late.Probability) {
		d.Late = late
	}
	d.Forged = i.roll(f.Forged)
	return d
}

// Stream tells whether one order frame is left out on the WebSocket.
func (i *Injector) Stream() (lost bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.roll(i.faults.StreamLose)
}
