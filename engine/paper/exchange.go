package paper

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"
)

// Options is how an exchange starts. Only Now must be given; every other zero
// value has a default.
type Options struct {
	// Now is the only clock of the exchange; it may be virtual. A fall of it
	// is ignored: the exchange's time never goes back.
	Now func() time.Time
	// Seed decides guids, access tokens and 15-digit ids. Same seed and same
	// calls at the same times give the same bytes.
	Seed uint64

	// The first account and its app; empty: AB1234, paper_key, paper_secret,
	// paper_token, 1001.
	UserID, APIKey, APISecret, AccessToken string
	AppID                                  int64 // numeric app_id of postbacks (docs/kite.md 1.1)

	Instruments []Instrument // nil: DefaultInstruments
	IDForm      IDForm       // shape of order ids (docs/kite.md 3.3)

	// HistoryRowsMax bounds the state rows kept of one order; beyond it the
	// oldest goes. 0: 512.
	HistoryRowsMax int
	// FarFromLTP is how far from the LTP a LIMIT may be, in percent (docs/kite.md 3.8;
	// the true figure is not published). 0: 60. Negative: no check.
	FarFromLTP float64
	// OpenDelay is how long a placed order stays OPEN PENDING before the
	// exchange has it. While it lasts modify and cancel answer "being
	// processed".
	OpenDelay time.Duration
	// AverageOnCancelled fills average_price on CANCELLED rows that have
	// fills, which some users saw (docs/kite.md 1.5).
	AverageOnCancelled bool
	// HideStreamOpen sends no OPEN frame for fresh orders: what staff say,
	// against what recordings show (docs/kite.md 1.3).
	HideStreamOpen bool
	// TokensDieAtSix ends access tokens at the next 06:00 IST (docs/kite.md 5.1).
	TokensDieAtSix bool
	Limits         Limits
	// Open tells trading time of an exchange; nil: always. Outside it
	// placements get the AMO refusal of docs/kite.md 3.12.
	Open func(exchange string, at time.Time) bool
	// Hours take the exchange through its days by themselves (hours.go) and say
	// trading time where Open is nil. nil: the caller's, by EndOfDay and NextDay.
	Hours Hours
	// ConvertToAMO queues regular placements outside trading time as AMOs
	// (docs/kite.md 6.2) in place of the refusal.
	ConvertToAMO bool
	// FlatAutoslice answers autoslice with a bare list, as the pages say,
	// instead of the clients' order_id and children (docs/kite.md 3.10).
	FlatAutoslice bool

	// OnUpdate is called for every push, in order, without a lock held. With
	// it (or any Listen) nothing is left for Drain.
	OnUpdate func(Push)
}

// Limits are Kite's caps of an account; 0 means no cap (docs/kite.md 3.9).
type Limits struct {
	OrdersPerSecond   int // placements; beyond: 429 Too many requests
	OrdersPerMinute   int // placements; beyond: Maximum allowed order requests exceeded
	OrdersPerDay      int // placements, refused ones too
	RequestsPerSecond int // any REST request of an api_key; asked by Server
	QuotesPerSecond   int // requests for quotes of an api_key; asked by Server
	Sockets           int // WebSockets of an api_key; beyond: 429 at the upgrade (docs/kite.md 2.1)
}

// KiteLimits are the figures of docs/kite.md 3.9: 10/s, 400/min, 5000/day, 10 requests/s,
// 1 quote/s, 3 sockets.
func KiteLimits() Limits {
	return Limits{OrdersPerSecond: 10, OrdersPerMinute: 400, OrdersPerDay: 5000, RequestsPerSecond: 10, QuotesPerSecond: 1, Sockets: 3}
}

// pushesPendingMax bounds what Drain keeps; beyond it the oldest is dropped.
const pushesPendingMax = 1 << 16

// ist is the zone of every time that Kite writes.
var ist = time.FixedZone("IST", 5*3600+1800)

// Exchange is the broker and the market in memory. All methods may be called
// from several goroutines; it starts none and sets no timer: time passes only
// when a method is called and Options.Now says so.
type Exchange struct {
	opts Options

	mu               sync.Mutex
	skew             time.Duration // ahead of Options.Now
	now              time.Time
	random           *rand.Rand
	listed           []*listing
	listings         map[string]*listing // EXCHANGE:SYMBOL
	tokens           map[uint32]*listing
	accounts         map[string]*account
	users            []string // accounts in the order they were added
	apps             map[string]*app
	sessions         map[string]*session // api_key:access_token
	requests         map[string]*session // request_token
	orders           map[string]*order
	sequence         []*order        // all of the day's orders as they came
	timed            []*order        // waiting for OpenDelay or a TTL
	armed            []*gtt          // active triggers of all accounts, in the order they came
	squared, wasOpen map[string]bool // by exchange, with Options.Hours: MIS is squared off; the session was open
	gttSilent        bool            // orders of triggers have no HTTP postback
	day              time.Time       // when the running day began
	counters         counters

	onBook     func(user string, day time.Time, reply []byte)
	events     []event
	listeners  []*listener
	delivering bool
}

// New makes an exchange with one account. It panics without Options.Now: the
// exchange must not take a clock of its own.
func New(o Options) *Exchange {
	if o.Now == nil {
		panic("paper: Options.Now is nil")
	}
	if o.Instruments == nil {
		o.Instruments = DefaultInstruments()
	}
	if o.HistoryRowsMax <= 0 {
		o.HistoryRowsMax = 512
	}
	if o.FarFromLTP == 0 {
		o.FarFromLTP = 60
	}
	if o.Hours != nil && o.Open == nil {
		o.Open = o.Hours.IsOpen
	}
	x := &Exchange{squared: map[string]bool{}, wasOpen: map[string]bool{},
		opts: o, random: rand.New(rand.NewPCG(o.Seed, 0x6b697465)),
		listings: map[string]*listing{}, tokens: map[uint32]*listing{},
		accounts: map[string]*account{}, apps: map[string]*app{},
		sessions: map[string]*session{}, requests: map[string]*session{}, orders: map[string]*order{},
	}
	x.now = o.Now()
	x.day = x.now
	for i, ins := range o.Instruments {
		l := list(ins, uint32(900_000+i))
		x.listed = append(x.listed, l)
		x.listings[l.key()], x.tokens[l.token] = l, l
	}
	if o.OnUpdate != nil {
		x.Listen(Listener{Update: o.OnUpdate})
	}
	x.AddAccount(or(o.UserID, "AB1234"), or(o.APIKey, "paper_key"), or(o.APISecret, "paper_secret"), or(o.AccessToken, "paper_token"))
	if o.AppID != 0 {
		x.apps[or(o.APIKey, "paper_key")].id = o.AppID
	}
	return x
}

func or(s, fallback string) string {
	if s == "" {
		return fallback
	}
	return s
}

// enter takes the lock, moves the clock and does what has fallen due.
func (x *Exchange) enter() {
	x.mu.Lock()
	if t := x.opts.Now().Add(x.skew); t.After(x.now) {
		x.now = t
	}
	x.runTimed()
}

// Skip sets the exchange's clock forward by d, and does what falls due
// meanwhile: mornings, expiries. It never goes back.
func (x *Exchange) Skip(d time.Duration) error {
	if d < 0 {
		return fmt.Errorf("paper: skip: %s is backwards", d)
	}
	x.mu.Lock()
	x.skew += d
	x.mu.Unlock()
	x.Advance()
	return nil
}

// SetOpenDelay changes Options.OpenDelay for the orders to come.
func (x *Exchange) SetOpenDelay(d time.Duration) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.opts.OpenDelay = d
}

// leave gives the lock back and then hands out what happened.
func (x *Exchange) leave() {
	x.mu.Unlock()
	x.deliver()
}

// findOrder is the order of that user, or the refusal of docs/kite.md 3.12.
func (x *Exchange) findOrder(user, orderID string) (*order, *APIError) {
	o := x.orders[orderID]
	if o == nil || user != "" && o.AccountID != user {
		return nil, unknownOrder()
	}
	return o, nil
}

func (x *Exchange) account(user string) (*account, *APIError) {
	if a := x.accounts[user]; a != nil {
		return a, nil
	}
	return nil, refuse(http.StatusForbidden, classToken, textWrongToken)
}

// UserID is the first account's user, whom all of Options' names belong to.
func (x *Exchange) UserID() string { return or(x.opts.UserID, "AB1234") }

// Users lists the accounts in the order they were added.
func (x *Exchange) Users() []string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return append([]string(nil), x.users...)
}
