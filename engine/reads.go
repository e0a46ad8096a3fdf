package engine

import (
	"context"
	"sync"
	"time"

	"backstop/actions"
	"backstop/engine/lane"
	"backstop/engine/order"
)

// reads make the readings that a lane wants. One order book is read at a time, and wants that come while one
// waits for its turn are served by that one together; each want that is not coalesced comes back as one input,
// good or not. A reading that was wanted by a lane which has been thrown away comes back to nobody: the new lane
// asks for its own, and that must begin after the failure.
type reads struct {
	broker actions.Broker
	pacer  *Pacer
	post   func(lane.Input)
	now    func() time.Time

	book chan struct{} // capacity 1: held by the one reading of the book

	mu      sync.Mutex
	life    *life // of the present lane
	stopped bool
	all     sync.WaitGroup
}

// life is the time of one lane, as far as readings go.
type life struct {
	ctx    context.Context
	cancel context.CancelFunc
	queued bool // a reading of the book waits for its turn
}

func newReads(broker actions.Broker, pacer *Pacer, post func(lane.Input), now func() time.Time) *reads {
	r := &reads{broker: broker, pacer: pacer, post: post, now: now, book: make(chan struct{}, 1)}
	r.life = newLife()
	return r
}

func newLife() *life {
	ctx, cancel := context.WithCancel(context.Background())
	return &life{ctx: ctx, cancel: cancel}
}

// want begins what the lane asked for. It never waits.
func (r *reads) want(w lane.Reads) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stopped {
		return
	}
	l := r.life
	if w.Book && !l.queued {
		l.queued = true
		r.all.Go(func() { r.answer(l, r.readBook(l)) })
	}
	if w.Positions {
		r.all.Go(func() { r.answer(l, r.readPositions(l, w.Holdings)) })
	}
	if w.GTTs {
		r.all.Go(func() { r.answer(l, r.readGTTs(l)) })
	}
	for _, id := range w.Trades {
		r.all.Go(func() { r.answer(l, r.readTrades(l, id)) })
	}
}

// answer gives a reading to the lane that wanted it.
func (r *reads) answer(l *life, in lane.Input) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if l == r.life {
		r.post(in)
	}
}

// reset begins the life of a new lane: what the one before wanted is given up.
func (r *reads) reset() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stopped {
		return
	}
	r.life.cancel()
	r.life = newLife()
}

// stop ends every reading; each is answered, as failed. It returns when all are.
func (r *reads) stop() {
	r.mu.Lock()
	r.stopped = true
	r.life.cancel()
	r.mu.Unlock()
	r.all.Wait()
}

// begin ends the wait of a reading of the book: from here on another want makes another one.
func (r *reads) begin(l *life) {
	r.mu.Lock()
	defer r.mu.Unlock()
	l.queued = false
}

func (r *reads) readBook(l *life) lane.Input {
	var turn bool
	select {
	case r.book <- struct{}{}:
		turn = true
		defer func() { <-r.book }()
	case <-l.ctx.Done():
	}
	err := l.ctx.Err()
	if turn && err == nil {
		err = r.pacer.wait(l.ctx, r.now, departBook)
	}
	r.begin(l)
	began := r.now()
	if err != nil {
		return lane.Input{Read: &lane.Read{Began: began, Ended: began, Err: asError(err, "orders", actions.ClassDown)}}
	}
	type book struct {
		rows       []order.Update
		unreadable int
	}
	b, err := call(l.ctx, readTimeout, func(ctx context.Context) (book, error) {
		rows, unreadable, err := r.broker.Orders(ctx)
		return book{rows, unreadable}, err
	})
	if err != nil {
		return lane.Input{Read: &lane.Read{Began: began, Ended: r.now(), Err: asError(err, "orders", actions.ClassDown)}}
	}
	return lane.Input{Read: &lane.Read{Began: began, Ended: r.now(), Rows: b.rows, Unreadable: b.unreadable}}
}

func (r *reads) readTrades(l *life, id string) lane.Input {
	t := &lane.Trades{OrderID: id}
	err := r.pacer.wait(l.ctx, r.now, departRead)
	if err == nil {
		t.Rows, err = call(l.ctx, readTimeout, func(ctx context.Context) ([]order.Trade, error) { return r.broker.Trades(ctx, id) })
	}
	if err != nil {
		t.Rows, t.Err = nil, asError(err, "trades", actions.ClassDown)
	}
	return lane.Input{Trades: t}
}

// readPositions reads the positions, and where it is asked for the holdings: one answer without the other would tell too
// little, so that both fail together, save where the account may not read holdings.
func (r *reads) readPositions(l *life, whole bool) lane.Input {
	p := &lane.Positions{Whole: whole}
	err := r.pacer.wait(l.ctx, r.now, departRead)
	p.Began = r.now()
	if err == nil {
		p.Rows, err = call(l.ctx, readTimeout, r.broker.Positions)
	}
	if err == nil && whole {
		p.Holdings, err = r.readHoldings(l)
		if e := asError(err, "holdings", actions.ClassDown); e != nil && e.Class == actions.ClassPermission {
			p.Whole, err = false, nil // not today and not tomorrow
		}
	}
	if err != nil {
		p.Rows, p.Holdings, p.Err = nil, nil, asError(err, "positions", actions.ClassDown)
	}
	return lane.Input{Positions: p}
}

func (r *reads) readHoldings(l *life) ([]actions.HoldingRow, error) {
	if err := r.pacer.wait(l.ctx, r.now, departRead); err != nil {
		return nil, err
	}
	return call(l.ctx, readTimeout, r.broker.Holdings)
}

func (r *reads) readGTTs(l *life) lane.Input {
	in := &lane.GTTs{}
	err := r.pacer.wait(l.ctx, r.now, departRead)
	in.Began = r.now()
	if err == nil {
		in.Rows, err = call(l.ctx, readTimeout, r.broker.GTTs)
	}
	if err != nil {
		in.Rows, in.Err = nil, asError(err, "gtts", actions.ClassDown)
	}
	return lane.Input{GTTs: in}
}
