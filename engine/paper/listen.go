package paper

import "slices"

// Listener is told what happens at the exchange, in order and without a lock
// held; it may call the exchange. nil functions are skipped.
type Listener struct {
	Update func(Push)
	Quote  func(Quote)
}

type listener struct{ Listener }

// event is a push or a new price on its way to the listeners.
type event struct {
	push  *Push
	quote Quote
}

// Listen tells l of all that happens from now on, until stop is called.
func (x *Exchange) Listen(l Listener) (stop func()) {
	x.mu.Lock()
	defer x.mu.Unlock()
	entry := &listener{l}
	x.listeners = append(x.listeners, entry)
	return func() {
		x.mu.Lock()
		defer x.mu.Unlock()
		if i := slices.Index(x.listeners, entry); i >= 0 {
			x.listeners = slices.Delete(slices.Clone(x.listeners), i, i+1)
		}
	}
}

// deliver hands events to the listeners, one caller at a time, so that their
// order is the exchange's; a listener that calls the exchange leaves its
// events to the loop that called it.
func (x *Exchange) deliver() {
	x.mu.Lock()
	if x.delivering {
		x.mu.Unlock()
		return
	}
	x.delivering = true
	for len(x.listeners) > 0 && len(x.events) > 0 {
		events, listeners := x.events, slices.Clone(x.listeners)
		x.events = nil
		x.mu.Unlock()
		for _, e := range events {
			for _, l := range listeners {
				if e.push != nil && l.Update != nil {
					l.Update(*e.push)
				}
				if e.push == nil && l.Quote != nil {
					l.Quote(e.quote)
				}
			}
		}
		x.mu.Lock()
	}
	if len(x.listeners) == 0 {
		// Kept for Drain, which has no use for prices.
		x.events = slices.DeleteFunc(x.events, func(e event) bool { return e.push == nil })
		if over := len(x.events) - pushesPendingMax; over > 0 {
			x.events = slices.Clone(x.events[over:])
		}
	}
	x.delivering = false
	x.mu.Unlock()
}

// Drain returns the pushes since the last Drain, oldest first, and forgets
// them. It is for a caller without listeners; with one it returns nothing. At
// most the last 65,536 are kept.
func (x *Exchange) Drain() []Push {
	x.mu.Lock()
	defer x.mu.Unlock()
	if len(x.listeners) > 0 {
		return nil
	}
	pushes := make([]Push, 0, len(x.events))
	for _, e := range x.events {
		if e.push != nil {
			pushes = append(pushes, *e.push)
		}
	}
	x.events = nil
	return pushes
}
