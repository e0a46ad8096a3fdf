package engine

import (
	"context"
	"time"

	"backstop/actions"
	"backstop/engine/lane"
)

// watchSession asks whether the account's session lives: at the start, and every 30 s while it is dead or was
// never known, and when AskSession says so. Whatever else meets a dead session (a reading, a request) tells the lane by itself.
func (a *account) watchSession(ctx context.Context, broker actions.Broker) {
	known, told := false, false
	ticker := time.NewTicker(sessionEvery)
	defer ticker.Stop()
	for {
		if told || !known || !a.view().Session {
			known = a.askSession(ctx, broker, func(bool) {}) || known
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			told = false
		case <-a.asked:
			told = true
		}
	}
}

// AskSession says that the account's session is another one now (a login, a logout): it is asked for at once.
func (e *Engine) AskSession(account string) {
	if a := e.byID[account]; a != nil {
		select {
		case a.asked <- struct{}{}:
		default: // it will be asked already
		}
		a.stream.renew()
		if e.list != nil {
			e.list.renew()
		}
	}
}

// askSession asks once and tells the lane and heard; false where the answer says nothing of the session.
func (a *account) askSession(ctx context.Context, broker actions.Broker, heard func(alive bool)) bool {
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
		heard(true)
	case e.Class == actions.ClassSession:
		a.post(lane.Input{Session: &lane.Session{Why: e.Message}})
		heard(false)
	default:
		a.log.Warn("whether the session lives could not be asked; it is asked again", "error", e)
		return false
	}
	return true
}
