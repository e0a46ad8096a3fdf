package lane

import (
	"time"

	"backstop/actions"
	"backstop/engine/order"
	"backstop/rules"
)

// Mode is how far Backstop goes.
type Mode string

// The modes. Approve comes in a later version.
const (
	DryRun Mode = "dry-run"
	Live   Mode = "live"
)

// Hours is what a lane must know of the calendar, as pure functions of time.
type Hours interface {
	IsOpen(exchange string, t time.Time) bool
	Close(exchange string, t time.Time) time.Time              // of the IST day of t; zero without a session
	SquareOff(exchange, product string, t time.Time) time.Time // of intraday positions; zero for others
	Auction(exchange string, t time.Time) time.Time            // when the closing auction of the day begins; zero without one
	NextOpen(exchange string, t time.Time) time.Time           // t itself within a session; zero where none is known
	TradingDay(t time.Time) bool
}

// Instruments looks an instrument up in the day's list.
type Instruments interface {
	Instrument(exchange, tradingsymbol string) (order.Instrument, bool)
	Loaded() bool // false until a list is there: what needs a tick waits
}

// Reasons maps what a broker wrote on a rejected or cancelled order to a class of actions.Reasons and a hint.
type Reasons func(message, raw string, status order.Status) (class actions.Class, hint string)

// Answers says of a request or message that is about to leave whether its answer is still to come.
type Answers interface {
	Request(r *actions.Request) bool
	Message(a *actions.Action) bool
}

// Options are a lane's settings.
type Options struct {
	Account  string
	Accounts []string // all that there are; none: not known, and each name is taken for one
	Label    string
	Mode     Mode
	Confirm  bool   // requests stand on the broker's own channel; false counts a postback as confirmed
	Adopt    bool   // act on the orders already in the book at the first arming (adopt: today)
	Venue    string // where orders go (the broker's host): an account that was live there once is remembered; "" is not
	ChatID   string // of the channel that the settings make (TELEGRAM_CHAT_ID); "" for none

	Rules       *rules.Set
	Hours       Hours
	Instruments Instruments
	Reasons     Reasons

	// Freeze are the greatest quantities of one order, by underlying; FreezeLimit reads one from the broker's refusal.
	Freeze      map[string]int64
	FreezeLimit func(message string) (int64, bool)

	// Assume makes a lane for the dry-run command and rule tests: every update counts as confirmed, planned
	// orders live at once, tick 0.05 and lot 1 where the instrument is unknown, no overnight quantities, the
	// limit price where the average is not told; each named in Assumed. Nothing is waited for.
	Assume bool
	// Multipliers, with Assume, are what a quantity of 1 is worth a rupee of price, by instrument (EXCHANGE:SYMBOL).
	Multipliers map[string]int64
	// Refuse, with Assume, lets the broker refuse a request that would else be assumed live; nil takes it.
	Refuse func(*actions.Request) *actions.Error
	// Answers, of a replay, says what the journal holds an answer to. What it doesn't is planned, as in a dry run: nobody
	// knows what the broker would have said to it. nil: everything is answered.
	Answers Answers
	// Tell fills Batch.Steps and lists rules that do not listen among the decisions (why: on).
	Tell bool
}
