package console

import "time"

// Every bound of the package, with what happens when it is reached.
const (
	limitDefault = 100  // rows of a page that names no limit
	limitMax     = 1000 // a larger limit is refused with 400: journal.Query takes no more

	eventsPageMax = 200  // events read at once for a page of decisions
	eventsScanMax = 5000 // events looked through for one page of decisions; then it ends short, with a cursor
	pageTriesMax  = 3    // readings of a page of decisions that a late decision overtook; then 503

	wordMax  = 200      // characters of one text of a person's word
	bodyMax  = 64 << 10 // bytes of a POST's body; then 413
	queryMax = 4 << 10  // bytes of a query; then 400

	readWithin      = 15 * time.Second // for the store to answer a GET; then 503
	controlWithin   = 30 * time.Second // for the engine to obey; then 504, and what was asked may still happen
	refusalLogEvery = 10 * time.Second // one log line for all wrong passwords of that time

	headerReadWithin  = 5 * time.Second
	requestReadWithin = 10 * time.Second
	answerWithin      = 60 * time.Second // beyond controlWithin, so that its 504 still gets out
	idleWithin        = 2 * time.Minute
	headerBytesMax    = 16 << 10
)
