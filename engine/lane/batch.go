package lane

import (
	"time"

	"backstop/actions"
	"backstop/engine/journal"
)

// Batch is what one step decided. Nothing in it may leave before Commit is durable.
type Batch struct {
	Commit   journal.Commit
	Answers  []Answer          // one an update among the inputs, and one a person's word that was not followed
	Sends    []actions.Request // claimed; each wants one Outcome
	Messages []actions.Action  // claimed; each wants one Delivery; Message is set
	Errands  []Errand          // for other accounts' lanes: each wants one ErrandEnd, and is handed over again until that comes
	Ends     []ErrandEnd       // for the lanes that asked
	Logs     []Log             // lines for the service's log
	Reads    Reads
	News     []News    // what was told of orders, by whom first
	Watch    *[]string // the instruments (EXCHANGE:SYMBOL) with something open, whose last prices the lane takes; nil: as before
	Wake     time.Time // when Step wants to be called although nothing came in; zero: never
	Steps    []Story   // with Options.Tell: what happened, update by update
}

// Answer says what became of one update, or why a person's word was not followed.
type Answer struct {
	Input   int    // index among the inputs of the step
	Ignored string // why it changed nothing, or ""
}

// Log is one line that the lane wants logged. Attrs are alternating keys and values.
type Log struct {
	Level string // info, warn, error
	Text  string
	Attrs []any
}

// Reads are the readings that the lane wants now. Each is wanted once: the caller answers each with one input.
type Reads struct {
	Book      bool
	Positions bool
	GTTs      bool     // the list of triggers
	Holdings  bool     // with the positions: what of delivery was carried in
	Trades    []string // order ids
}

// Grant is how many requests the paces allow at this moment; what a step used is len(Batch.Sends).
type Grant struct {
	Exits int       // exits, stops, cancels (10 a second for all placements of a client)
	Risk  int       // what adds risk (8 a second)
	Next  time.Time // when more will be allowed, where one of them is 0
}

// Unlimited is a grant without bound, for dry-run and tests.
var Unlimited = Grant{Exits: 1 << 30, Risk: 1 << 30}
