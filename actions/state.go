package actions

// State is where a request or an action stands.
type State string

// The states. Accepted is not done: a placement is done when the book or a push shows it live or filled, a
// modify when a row shows its values, a cancel when the order is terminal.
const (
	Planned  State = "planned"  // dry-run: it would have gone out
	Waiting  State = "waiting"  // held back; Why says by what
	Running  State = "running"  // claimed: durable before anything leaves
	Unknown  State = "unknown"  // it may or may not have happened; settled by reading, never by guessing
	Accepted State = "accepted" // the broker took it for processing
	Done     State = "done"
	Failed   State = "failed"
	Skipped  State = "skipped" // Why says why it never left
)

// States lists all states, in the order in which an action takes the state of its requests: the first that
// one of them has.
func States() []State {
	return []State{Failed, Unknown, Waiting, Running, Accepted, Planned, Done, Skipped}
}

// Final says whether nothing more will happen by itself; a person may retry or resolve what failed.
func (s State) Final() bool {
	return s == Done || s == Failed || s == Skipped || s == Planned
}

// InFlight says whether the request may have left and its effect is not yet seen.
func (s State) InFlight() bool { return s == Running || s == Unknown || s == Accepted }

// Combine is the state of an action whose requests are in these states; with none it is Done.
func Combine(states []State) State {
	for _, s := range States() {
		for _, have := range states {
			if have == s {
				return s
			}
		}
	}
	return Done
}

// Why a request waits or was skipped.
const (
	WhyApproval    = "approval"
	WhyConfirm     = "confirm"
	WhyPrice       = "price"
	WhySession     = "session"
	WhyAddress     = "address"
	WhyPace        = "pace"
	WhyInstruments = "instruments"
	WhySlot        = "slot"
	WhyAccount     = "account" // another account's lane has it
	WhyBroker      = "broker"
	WhySettle      = "settle" // its tag is looked for in a fresh book first
	WhyPaused      = "paused"
	WhyRetry       = "retry" // a person asked for it again: it is looked for first

	WhySuperseded = "superseded"
	WhyRefuted    = "refuted"
	WhyFlat       = "flat"
	WhyDayOver    = "day over"
	WhyFinished   = "order finished"
	WhyPerson     = "person"
	WhyCondition  = "if"
	WhyBefore     = "an action before it failed"
	WhyDryRun     = "dry-run"
	WhyCovered    = "a live stop covers"
	WhyWinning    = "the trigger lay on the winning side"
	WhyNone       = "none fits"
	WhyNeverAsked = "never asked" // of a replay: nobody knows what the broker would have said
)
