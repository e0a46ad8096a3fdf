package enginetest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"backstop/actions"
	"backstop/actions/actionstest"
	"backstop/engine"
	"backstop/engine/journal"
	"backstop/engine/kite"
	"backstop/engine/lane"
	"backstop/engine/market"
	"backstop/engine/order"
	"backstop/rules"
)

// player is the world of a story: a broker's book, a clock, and the lane as the service turns it.
type player struct {
	shelf  Shelf
	folder int
	store  journal.Store
	turner *engine.Turner // nil: the process is down
	o      lane.Options
	broker *actionstest.Broker
	now    time.Time
	wake   time.Time

	reads   reads
	began   *lane.Read // a reading that has begun and whose answer is on its way
	want    lane.Reads
	pending []actions.Request // left, and not answered
	taken   map[string]string // of those that the broker has carried out: the order's id
	commits []journal.Commit  // of this folder
	backup  []journal.Commit

	teller
}

// reads is how the broker answers readings.
type reads struct {
	how     string // good, short, empty, failing, off
	without []string
	gtts    string // failing: the list of GTTs does
}

// took is how long a call takes in stories.
const took = 20 * time.Millisecond

func newPlayer(shelf Shelf) *player {
	p := &player{shelf: shelf, now: time.Date(2026, 11, 23, 10, 0, 0, 0, order.IST), reads: reads{how: "good"}, teller: newTeller()}
	list := instruments{
		"NSE:INFY":              {Exchange: "NSE", Tradingsymbol: "INFY", TickSize: order.Rupee / 20, LotSize: 1, Type: "EQ"},
		"NFO:NIFTY26NOV24500CE": {Exchange: "NFO", Tradingsymbol: "NIFTY26NOV24500CE", TickSize: order.Rupee / 20, LotSize: 75, Type: "CE", Expiry: "2026-11-24"},
	}
	p.broker = actionstest.NewBroker(user, func() time.Time { return p.now })
	p.broker.Close("NSE:INFY", 100*order.Rupee)
	p.o = lane.Options{Account: user, Mode: lane.Live, Confirm: true, Hours: market.Always(), ChatID: "42", Instruments: list, Reasons: kite.Reason}
	return p
}

func (p *player) close() {
	if p.store != nil {
		_ = p.store.Close() // the story is told
	}
}

// begin starts the process on the folder in hand, and lets it read what it asks for.
func (p *player) begin() error {
	store, err := p.shelf(fmt.Sprintf("data%d", p.folder))
	if err != nil {
		return err
	}
	p.store = store
	p.turner = engine.NewTurner(recorder{p}, p.o)
	p.want, p.began, p.taken = lane.Reads{}, nil, map[string]string{}
	return p.turn()
}

// end kills the process: what was on its way is answered to nobody.
func (p *player) end() error {
	p.turner, p.pending, p.want, p.began, p.wake = nil, nil, lane.Reads{}, nil, time.Time{}
	return p.store.Close()
}

// restore gives the process a new folder that holds what these commits wrote.
func (p *player) restore(commits []journal.Commit) error {
	p.folder++
	p.commits = nil
	p.remember(commits)
	store, err := p.shelf(fmt.Sprintf("data%d", p.folder))
	if err != nil {
		return err
	}
	for i := range commits {
		if err := store.Commit(context.Background(), &commits[i]); err != nil {
			return errors.Join(err, store.Close())
		}
		p.commits = append(p.commits, commits[i])
	}
	return store.Close()
}

// recorder is the journal as the turner sees it; it keeps what was committed, for backups.
type recorder struct{ p *player }

func (r recorder) Commit(ctx context.Context, c *journal.Commit) error {
	if err := r.p.store.Commit(ctx, c); err != nil {
		return err
	}
	r.p.commits = append(r.p.commits, *c)
	return nil
}

func (r recorder) Load(ctx context.Context, account string, day order.Day) (*journal.Snapshot, error) {
	return r.p.store.Load(ctx, account, day)
}

// turn makes one turn of the lane with the inputs, tells what it did, and follows it with what it asks for.
func (p *player) turn(inputs ...lane.Input) error {
	if p.turner == nil {
		return errors.New("the process is down: restart")
	}
	b, err := p.turner.Turn(context.Background(), p.now, lane.Unlimited, inputs)
	if err != nil {
		return err
	}
	p.tell(p.now, &b)
	for _, answer := range b.Answers {
		switch in := inputs[answer.Input]; {
		case answer.Ignored == "":
		case in.Control != nil:
			p.say(p.now, "refused: %s", answer.Ignored)
		default:
			p.say(p.now, "  it changes nothing: %s", answer.Ignored)
		}
	}
	p.pending = append(p.pending, b.Sends...)
	p.wake = b.Wake
	p.want.Book = p.want.Book || b.Reads.Book
	p.want.Positions = p.want.Positions || b.Reads.Positions
	p.want.Holdings = p.want.Holdings || b.Reads.Holdings
	p.want.GTTs = p.want.GTTs || b.Reads.GTTs
	p.want.Trades = append(p.want.Trades, b.Reads.Trades...)
	for i := range b.Messages {
		if err := p.turn(lane.Input{Delivery: &lane.Delivery{ActionID: b.Messages[i].ID}}); err != nil {
			return err
		}
	}
	return p.serve()
}

// serve answers the readings that the lane asks for, as the story says that they are answered.
func (p *player) serve() error {
	ctx := context.Background()
	switch {
	case p.want.Positions:
		in := &lane.Positions{Began: p.now, Whole: p.want.Holdings}
		p.want.Positions, p.want.Holdings = false, false
		in.Rows, in.Err = p.broker.Positions(ctx)
		if in.Err == nil && in.Whole {
			in.Holdings, in.Err = p.broker.Holdings(ctx)
		}
		return p.turn(lane.Input{Positions: in})
	case p.want.GTTs:
		p.want.GTTs = false
		in := &lane.GTTs{Began: p.now}
		if in.Rows, in.Err = p.broker.GTTs(ctx); p.reads.gtts == "failing" {
			in.Rows, in.Err = nil, &actions.Error{Class: actions.ClassDown, Op: "gtts", Message: "Kite answered 503 Service Unavailable"}
			p.say(p.now, "the list of GTTs can't be read")
			return p.turn(lane.Input{GTTs: in})
		}
		p.now = p.now.Add(took)
		list := ""
		for _, row := range in.Rows {
			list += " " + row.ID + " " + row.Status
		}
		if list == "" {
			list = " nothing"
		}
		p.say(p.now, "the list of GTTs shows%s", list)
		return p.turn(lane.Input{GTTs: in})
	case len(p.want.Trades) > 0:
		id := p.want.Trades[0]
		p.want.Trades = p.want.Trades[1:]
		rows, err := p.broker.Trades(ctx, id)
		return p.turn(lane.Input{Trades: &lane.Trades{OrderID: id, Rows: rows, Err: err}})
	case p.want.Book && p.reads.how != "off" && p.began == nil:
		r := p.snapshot()
		p.now = p.now.Add(took)
		return p.read(r)
	}
	return nil
}

// snapshot is a reading that begins now.
func (p *player) snapshot() *lane.Read {
	r := &lane.Read{Began: p.now}
	switch p.reads.how {
	case "failing":
		r.Err = &actions.Error{Class: actions.ClassDown, Op: "orders", Message: "Kite answered 503 Service Unavailable"}
		return r
	case "empty":
		return r
	}
	for _, row := range p.broker.Rows() {
		if p.reads.how == "short" && (len(p.reads.without) == 0 || contains(p.reads.without, row.OrderID)) {
			continue
		}
		row.Raw = raw(row, "book")
		r.Rows = append(r.Rows, row)
	}
	return r
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

// read gives the lane a reading's answer.
func (p *player) read(r *lane.Read) error {
	p.want.Book = false
	r.Ended = p.now
	if r.Err != nil {
		p.say(p.now, "a reading of the book fails")
	} else {
		ids := ""
		for _, row := range r.Rows {
			ids += " " + row.OrderID
		}
		if ids == "" {
			ids = " nothing"
		}
		p.say(p.now, "the book shows%s", ids)
	}
	return p.turn(lane.Input{Read: r})
}

// wait lets time pass: the lane is called when it asked to be.
func (p *player) wait(d time.Duration) error {
	until := p.now.Add(d)
	for {
		if p.turner != nil && !p.wake.IsZero() && !p.wake.After(until) {
			if p.wake.After(p.now) {
				p.now = p.wake
			}
			p.wake = time.Time{}
			if err := p.turn(); err != nil {
				return err
			}
			continue
		}
		if p.now.Before(until) {
			p.now = until
		}
		return nil
	}
}

// parse reads the rules of a story.
func (p *player) parse(source string) error {
	set, problems := rules.Parse("rules.yaml", []byte(source), rules.Options{Specs: actions.Builtin(), Channels: []string{"telegram"}})
	if err := problems.Err(); err != nil {
		return err
	}
	p.o.Rules = set
	return nil
}
