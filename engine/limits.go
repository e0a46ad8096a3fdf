package engine

import "time"

// The bounds of every queue, wait and loop, and what happens when one is reached.
const (
	batchMax   = 256  // inputs of one step; the rest makes the next one
	updatesMax = 4096 // updates waiting for their step; the next Submit waits for room

	sendersMax   = 16 // requests of one account in flight; the lane is granted no more than are free
	sendersExits = 4  // of them kept for what reduces risk

	sendTimeout    = 7 * time.Second  // of one change at the broker; beyond it the outcome is ambiguous
	readTimeout    = 10 * time.Second // of one reading; beyond it the reading failed
	messageTimeout = 10 * time.Second // of one message; beyond it the lane tries again
	listTimeout    = 3 * time.Minute  // of the list of instruments; beyond it it is tried again
	grace          = time.Second      // what a call may take to notice its deadline; then it is left behind

	reconcileMax  = time.Minute            // for a reading on demand; beyond it the caller is told, and the reading goes on
	commitTimeout = 10 * time.Second       // of one commit or load; beyond it it failed
	retryFirst    = 100 * time.Millisecond // until the journal is tried again after a failure; then doubling
	retryLast     = 5 * time.Second        // its end
	wakeLeast     = 5 * time.Millisecond   // between two steps that nothing but the lane's clock asked for
	viewTimeout   = time.Second            // for a fresh view; beyond it the one before is shown

	shutdownMax = 12 * time.Second // for what is in flight at the end; what is left is settled at the next start

	alertEvery   = time.Minute      // a stopped lane is told
	alarmAfter   = 10 * time.Second // a journal that fails for so long is told
	alarmEvery   = 5 * time.Minute  // and again
	inspectAfter = 2 * time.Second  // from the start: first the lanes are armed
	sessionEvery = 30 * time.Second // a dead session is asked for

	streamRetryFirst = time.Second      // until a stream that ended is tried again, about; then doubling
	streamRetryLast  = time.Minute      // its end
	streamSteady     = 30 * time.Second // a connection that stood for so long begins the delays anew: a flapping one does not
	streamTellAfter  = 30 * time.Second // a stream that was asked for and is down for so long is told, and again every alarmEvery
	streamNoteEvery  = 15 * time.Second // one line of the log at most for frames of a kind that are no updates, and one reading of the book for unreadable ones

	pricesEvery = time.Second      // between two inputs of last prices to a lane
	pricesAgain = 30 * time.Second // after which a price that did not change is given again: a lane may have had no use for it

	listRetryFirst = 5 * time.Second // until the list of instruments is asked for again; then doubling
	listRetryLast  = 5 * time.Minute
	listLeanMax    = 8       // lists in a row that look cut short, over some ten minutes, until one is believed
	instrumentsMax = 500_000 // rows of the list (Kite's has some 100,000); beyond it the list is refused

	panicTextMax = 300 // characters of a panic's text that are kept
)

// Kite's paces (docs/kite.md 3.9) and what of them is kept back. A window is a little longer than its second or
// minute, since the network may bring two requests closer together than they left.
const (
	secondWindow = 1050 * time.Millisecond
	minuteWindow = 61 * time.Second

	requestsSecond = 10  // all endpoints together, of an api_key
	keptForExits   = 2   // of them
	keptForBook    = 1   // of them
	riskSecond     = 8   // changes of an account, beyond which none may add risk
	changesMinute  = 380 // of 400 orders a minute; modifications and cancels are counted too, to be sure
	riskMinute     = 340 // of them, beyond which none may add risk
)
