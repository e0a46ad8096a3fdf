package engine

// CrashPoint names a moment at which Options.Crash may end the process. Each is named after what then never happens:
// at CrashAnswer the step is durable and nobody was answered.
type CrashPoint string

// The crash points of the engine; those of the SQLite store are in engine/journal/sqlite.
const (
	CrashLoad        CrashPoint = "load"        // a lane was read back from the journal, and nothing of it is written
	CrashCommit      CrashPoint = "commit"      // a step was decided, and nothing of it is durable
	CrashOutcome     CrashPoint = "outcome"     // the same, of a step that takes what came of a request
	CrashAnswer      CrashPoint = "answer"      // a step is durable, and nobody was answered
	CrashRelease     CrashPoint = "release"     // postbacks were answered, and no request has left
	CrashErrand      CrashPoint = "errand"      // what a step asks of another account, or how that ended, is written and nobody was told
	CrashSend        CrashPoint = "send"        // a request is on its way out, and has not left
	CrashRecord      CrashPoint = "record"      // the broker answered, and the lane does not know
	CrashInstruments CrashPoint = "instruments" // a row of the list of instruments is saved
)

// CrashPoints are all of the engine's.
func CrashPoints() []CrashPoint {
	return []CrashPoint{CrashLoad, CrashCommit, CrashOutcome, CrashAnswer, CrashRelease, CrashErrand, CrashSend, CrashRecord, CrashInstruments}
}

// crash is Options.Crash where there is one: in production there is none.
type crash func(point string)

func (c crash) at(p CrashPoint) {
	if c != nil {
		c(string(p))
	}
}
