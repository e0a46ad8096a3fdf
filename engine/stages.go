package engine

import (
	"context"
	"time"

	"backstop/actions"
	"backstop/engine/lane"
)

// attempt is one claimed request on its way.
type attempt struct {
	request actions.Request
	earlier <-chan struct{} // ends when the same request's attempt before this one has; nil: there is none
	orderID string
	err     *actions.Error
	took    time.Duration
}

// stage does one thing to an attempt.
type stage struct {
	name string
	do   func(ctx context.Context, s *senders, a *attempt)
}

// stages are what is left of a request's way once its claim is durable. The whole way, in order:
//
//	lapse, later, guard, finished, session, confirm, whole, settle, surplus, pace, claim    in the lane, pure, one step
//	commit                                                                                  in run.go
//	after, send, record                                                                     here
//
// What a request waits for is in engine/lane/stages.go; from the commit on it has left.
var stages = []stage{
	{"after", afterStage},
	{"send", sendStage},
	{"record", recordStage},
}

// afterStage lets the same request's earlier attempt end first. A lane that was read back from the journal may
// settle a modification by a reading and claim it again while the first call still hangs.
func afterStage(ctx context.Context, _ *senders, a *attempt) {
	if a.earlier == nil {
		return
	}
	select {
	case <-a.earlier:
	case <-ctx.Done():
	}
}

// sendStage is the one place that changes something at the broker. Whatever is not surely a refusal is ambiguous:
// a deadline, an error of no class, a panic of the adapter, and a placement without an order id.
func sendStage(ctx context.Context, s *senders, a *attempt) {
	op := string(a.request.Call.Method)
	if ctx.Err() != nil {
		a.err = &actions.Error{Class: actions.ClassDown, Op: op, Message: "not sent: shutting down"}
		return
	}
	s.crash.at(CrashSend)
	began := time.Now()
	orderID, err := call(ctx, sendTimeout, func(ctx context.Context) (string, error) { return s.broker.Do(ctx, a.request.Call) })
	a.took = time.Since(began)
	a.orderID, a.err = orderID, asError(err, op, actions.ClassAmbiguous)
	if err == nil && orderID == "" && a.request.Call.Method == actions.Place {
		a.err = &actions.Error{Class: actions.ClassAmbiguous, Op: op, Message: "the broker answered without an order id"}
	}
}

// recordStage gives the outcome back to the lane, whose next step makes it durable.
func recordStage(_ context.Context, s *senders, a *attempt) {
	s.crash.at(CrashRecord)
	class := actions.ClassNone
	if a.err != nil {
		class = a.err.Class
	}
	s.metrics.outcome(a.request.Call.Method, class, a.took)
	s.post(lane.Input{Outcome: &lane.Outcome{RequestID: a.request.ID, Attempt: a.request.Attempts, OrderID: a.orderID, Err: a.err}})
}
