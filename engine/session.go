package engine

import (
	"context"
	"time"

	"backstop/actions"
	"backstop/engine/lane"
)

// watchSession asks whether the account's session lives: at the start, and every 30 s while it is dead or was
// never known. Whatever else meets a dead session (a reading, a request) tells the lane by itself.
func (a *account) watchSession(ctx context.Context, broker actions.Broker) {
	known := false
	ticker := time.NewTicker(sessionEvery)
	defer ticker.Stop()
	for {
		if !known || !a.view().Session {
			known = a.askSession(ctx, broker) || known
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// askSession asks once and tells the lane; false where the answer says nothing of the session.
func (a *account) askSession(ctx context.Context, broker actions.Broker) bool {
	if a.pacer.wait(ctx, a.now, departRead) != nil {
		return false
	}
	_, err := call(ctx, readTimeout, func(ctx context.Context) (struct{}, error) { return struct{}{}, broker.Alive(ctx) })
	if ctx.Err() != nil {
		return false
	}
	e := asError(err, "session", actions.ClassDown)
	switch {
	case e == nil:
		a.post(lane.Input{Session: &lane.Session{Alive: true}})
	case e.Class == actions.ClassSession:
		a.post(lane.Input{Session: &lane.Session{Why: e.Message}})
	default:
		a.log.Warn("whether the session lives could not be asked; it is asked again", "error", e)
		return false
	}
	return true
}
