package engine

import (
	"backstop/actions"
	"backstop/engine/lane"
)

// carry brings what a durable step asks of other accounts to their lanes, and how it ended back to those that asked. What
// is lost on the way, in a crash, is handed over again: a lane knows an errand that it has taken.
func (a *account) carry(b *lane.Batch) {
	if len(b.Errands)+len(b.Ends) > 0 {
		a.crash.at(CrashErrand)
	}
	for i := range b.Errands {
		e := &b.Errands[i]
		if to := a.other(e.To); to != nil {
			to.post(lane.Input{Errand: e})
			continue
		}
		a.post(lane.Input{ErrandEnd: &lane.ErrandEnd{ID: e.ID, From: e.From, By: e.To, State: actions.Failed, Error: &actions.Error{
			Class: actions.ClassRefused, Op: e.Do, Message: "there is no account " + e.To, Hint: "name one of the settings: its Kite user id"}}})
	}
	for i := range b.Ends {
		if from := a.other(b.Ends[i].From); from != nil { // else it is not of the settings any more
			from.post(lane.Input{ErrandEnd: &b.Ends[i]})
		}
	}
}
