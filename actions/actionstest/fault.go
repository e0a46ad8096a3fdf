package actionstest

import (
	"context"

	"backstop/actions"
)

// Fault is how one call goes wrong. The names are those of the paper exchange's faults.
type Fault string

// The faults. The last one is of readings, the others of changes; DeadSession and TooMany are of both.
const (
	NoFault        Fault = ""
	ReplyLost      Fault = "reply_lost"      // done, and the connection dropped
	ReplyHangs     Fault = "reply_hang"      // done, and no answer comes
	Broken         Fault = "5xx"             // not done, and nobody can tell
	BrokenAfter    Fault = "5xx_accepted"    // done, and nobody can tell
	TooMany        Fault = "429"             // not done
	DeadSession    Fault = "dead_session"    // not done
	AddressRefused Fault = "address_refused" // not done
	BookFails      Fault = "book_fail"       // no book
)

// Faults lists the faults of a change with the class that each must have and whether the change was made.
func Faults() []struct {
	Fault Fault
	Class actions.Class
	Done  bool
} {
	return []struct {
		Fault Fault
		Class actions.Class
		Done  bool
	}{
		{ReplyLost, actions.ClassAmbiguous, true}, {ReplyHangs, actions.ClassAmbiguous, true}, {Broken, actions.ClassAmbiguous, false},
		{BrokenAfter, actions.ClassAmbiguous, true}, {TooMany, actions.ClassBusy, false}, {DeadSession, actions.ClassSession, false},
		{AddressRefused, actions.ClassAddress, false},
	}
}

// Fault makes the next call at a point go wrong: place, modify, cancel, book, trades, positions, instruments or
// profile. Several are met in the order of their asking.
func (b *Broker) Fault(point string, f Fault) {
	defer b.hold()()
	b.faults[point] = append(b.faults[point], f)
}

func (b *Broker) fault(point string) Fault {
	defer b.hold()()
	if next := b.faults[point]; len(next) > 0 {
		b.faults[point] = next[1:]
		return next[0]
	}
	return NoFault
}

// before is the error of a change that is not made.
func (f Fault) before(c actions.Call) error {
	switch f {
	case Broken:
		return refusal(c, actions.ClassAmbiguous, "the answer was no answer")
	case TooMany:
		return refusal(c, actions.ClassBusy, "Too many requests")
	case DeadSession:
		return refusal(c, actions.ClassSession, "Token is invalid or has expired.")
	case AddressRefused:
		return refusal(c, actions.ClassAddress, "IP is not allowed to place orders for this app.")
	}
	return nil
}

// after is the error of a change that was made.
func (f Fault) after(ctx context.Context, c actions.Call) error {
	switch f {
	case ReplyHangs:
		<-ctx.Done()
		return refusal(c, actions.ClassAmbiguous, "no answer in time")
	case ReplyLost, BrokenAfter:
		return refusal(c, actions.ClassAmbiguous, "the connection broke")
	}
	return nil
}

// reading is the error of a reading.
func (f Fault) reading(op string, ctx context.Context) error {
	c := actions.Call{Method: actions.Method(op)}
	switch {
	case f == DeadSession, f == TooMany:
		return f.before(c)
	case f != NoFault:
		return refusal(c, actions.ClassDown, "the broker can't be reached")
	case ctx.Err() != nil:
		return refusal(c, actions.ClassDown, "given up before the answer came")
	}
	return nil
}
