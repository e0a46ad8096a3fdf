package actions

import "fmt"

// Class says what an error means for what happens next. Classes first, text second: code never looks at a
// broker's words outside the one table that maps them (engine/kite).
type Class string

// Classes of an outcome. The first group waits and is tried again, the second is unknown and is settled by
// reading, the third fails for good.
const (
	ClassNone Class = ""

	ClassSession    Class = "session"    // the Kite session is dead: log in
	ClassAddress    Class = "address"    // this machine's address is not allowed to order
	ClassBusy       Class = "busy"       // 429, per second
	ClassMinuteCap  Class = "minute_cap" // 400 a minute
	ClassDown       Class = "down"       // the connection was never made: certainly not sent
	ClassProcessing Class = "processing" // "being processed" on modify or cancel: no refusal, read and derive again

	ClassAmbiguous Class = "ambiguous" // it may have happened

	ClassRefused         Class = "refused"
	ClassBeyondMarket    Class = "beyond_market"
	ClassMargin          Class = "margin"
	ClassHoldings        Class = "holdings"
	ClassSecondExit      Class = "second_exit"
	ClassTick            Class = "tick"
	ClassCircuit         Class = "circuit"
	ClassFreeze          Class = "freeze"
	ClassFarPrice        Class = "far_price"
	ClassProtection      Class = "protection"
	ClassPriceBand       Class = "price_band"
	ClassModificationCap Class = "modification_cap"
	ClassOrderCap        Class = "order_cap"
	ClassPermission      Class = "permission"
	ClassGuardrail       Class = "guardrail"
	ClassInstrument      Class = "instrument"
	ClassNotFound        Class = "not_found" // no such order
	ClassRefuted         Class = "refuted"
	ClassDayOver         Class = "day_over"
	ClassInternal        Class = "internal"
	ClassOther           Class = "other"
)

// Waits says whether the request goes back to waiting and is tried again by itself.
func (c Class) Waits() bool {
	switch c {
	case ClassSession, ClassAddress, ClassBusy, ClassMinuteCap, ClassDown:
		return true
	}
	return false
}

// Reasons lists the classes that order.reason and error.type can have, for checks and the reference page.
func Reasons() []Class {
	return []Class{ClassRefused, ClassBeyondMarket, ClassMargin, ClassHoldings, ClassSecondExit, ClassTick,
		ClassCircuit, ClassFreeze, ClassFarPrice, ClassProtection, ClassPriceBand, ClassAddress, ClassSession,
		ClassModificationCap, ClassOrderCap, ClassPermission, ClassGuardrail, ClassInstrument, ClassNotFound,
		ClassRefuted, ClassDayOver, ClassInternal, ClassOther}
}

// Error is an outcome that is not success.
type Error struct {
	Class   Class  `json:"type"`
	Op      string `json:"op,omitempty"` // place, modify, cancel, orders …
	Message string `json:"message"`      // the broker's own words, free of secrets
	Hint    string `json:"hint,omitempty"`
	Status  int    `json:"status,omitempty"` // HTTP, 0 where there was none
}

// Error gives the operation, the broker's words and what to do.
func (e *Error) Error() string {
	s := e.Message
	if e.Op != "" {
		s = e.Op + ": " + s
	}
	if e.Hint != "" {
		s = fmt.Sprintf("%s (%s)", s, e.Hint)
	}
	return s
}
