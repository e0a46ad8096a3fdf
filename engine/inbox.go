package engine

import (
	"context"
	"sync"
	"time"

	"backstop/engine/lane"
)

// entry is one input on its way to a lane, with whoever waits for it.
type entry struct {
	input   lane.Input
	arrived time.Time
	reply   chan<- answer // of capacity 1, nil where nobody waits
	read    chan<- error  // of capacity 1: waits until a reading that begins after this input was folded
	room    bool          // takes one of the places for updates
}

// answer is what became of an entry.
type answer struct {
	ignored string
	err     error
}

// answer tells whoever waits. Who waits for a reading hears of failure only: success is the reading.
func (e *entry) answer(a answer) {
	if e.reply != nil {
		e.reply <- a
	}
	if e.read != nil && a.err != nil {
		e.read <- a.err
	}
}

// inbox is what waits for a lane's next step, in the order of its coming. What the engine itself posts (outcomes,
// deliveries, readings: bounded by what was released) always finds room and never waits, so that no sender can
// hold up the lane that it answers; updates from outside wait for one of updatesMax places.
type inbox struct {
	ready chan struct{} // capacity 1: something waits
	rooms chan struct{} // one element a taken place

	mu      sync.Mutex
	waiting []entry
	spare   []entry // room for those that wait next
	refuses bool    // no more entries that somebody waits for
	closed  bool    // no more entries at all
}

func newInbox() *inbox {
	return &inbox{ready: make(chan struct{}, 1), rooms: make(chan struct{}, updatesMax)}
}

// submit puts an update in as soon as there is room.
func (b *inbox) submit(ctx context.Context, closing <-chan struct{}, e entry) error {
	select {
	case b.rooms <- struct{}{}:
	case <-closing:
		return ErrClosing
	case <-ctx.Done():
		return ctx.Err()
	}
	e.room = true
	if !b.put(e) {
		<-b.rooms
		return ErrClosing
	}
	return nil
}

// put adds an entry; false where the inbox takes it no more.
func (b *inbox) put(e entry) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed || b.refuses && (e.reply != nil || e.read != nil) {
		return false
	}
	b.waiting = append(b.waiting, e)
	b.signal()
	return true
}

// take gives the oldest n entries, and signals again where more wait. They are good until done.
func (b *inbox) take(n int) []entry {
	b.mu.Lock()
	defer b.mu.Unlock()
	n = min(n, len(b.waiting))
	taken := b.waiting[:n:n]
	b.waiting, b.spare = append(b.spare, b.waiting[n:]...), nil
	if len(b.waiting) > 0 {
		b.signal()
	}
	for i := range taken {
		if taken[i].room {
			<-b.rooms
		}
	}
	return taken
}

// done gives back what take gave, to be written over.
func (b *inbox) done(taken []entry) {
	b.mu.Lock()
	defer b.mu.Unlock()
	clear(taken)
	b.spare = taken[:0]
}

func (b *inbox) signal() {
	select {
	case b.ready <- struct{}{}:
	default:
	}
}

// depth is how many entries wait.
func (b *inbox) depth() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.waiting)
}

// refuse takes no more entries that somebody waits for; the engine's own still come in.
func (b *inbox) refuse() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.refuses = true
}

// close takes no more entries, unless some wait: then it says false.
func (b *inbox) close() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = len(b.waiting) == 0
	return b.closed
}
