package engine

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"backstop/actions"
	"backstop/actions/actionstest"
	"backstop/engine/journal"
	"backstop/engine/journal/memory"
	"backstop/engine/lane"
	"backstop/engine/order"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// script is a lane by hand: each update is journalled and acknowledged, outcomes and deliveries are journalled,
// and more may be added.
type script struct {
	account string
	add     func(b *lane.Batch, now time.Time, grant lane.Grant, inputs []lane.Input)
	view    lane.View
}

func (s *script) View() lane.View { return s.view }

func (s *script) Step(now time.Time, grant lane.Grant, inputs []lane.Input) lane.Batch {
	b := lane.Batch{Commit: journal.Commit{Account: s.account, At: now}}
	note := func(kind journal.InputKind, id string) {
		b.Commit.Inputs = append(b.Commit.Inputs, journal.Input{Account: s.account, At: now, Kind: kind, OrderID: id})
	}
	for i := range inputs {
		switch in := &inputs[i]; {
		case in.Update != nil:
			note(journal.InputUpdate, in.Update.OrderID)
			b.Answers = append(b.Answers, lane.Answer{Input: i})
		case in.Outcome != nil:
			note(journal.InputOutcome, in.Outcome.RequestID)
		case in.Delivery != nil:
			note(journal.InputDelivery, in.Delivery.ActionID)
		case in.Session != nil:
			note(journal.InputSession, fmt.Sprint(in.Session.Alive))
			s.view.Session = in.Session.Alive
		case in.Control != nil:
			note(journal.InputControl, string(in.Control.Verb))
			b.Reads.Book = in.Control.Verb == lane.Reconcile
		case in.Loaded:
			note(journal.InputStart, "loaded")
		}
	}
	if s.add != nil {
		s.add(&b, now, grant, inputs)
	}
	return b
}

type addition = func(b *lane.Batch, now time.Time, grant lane.Grant, inputs []lane.Input)

// scripted makes an account whose lane is a script.
func scripted(id string, b actions.Broker, add addition) AccountOptions {
	return AccountOptions{ID: id, APIKey: "key of " + id, Broker: b, Lane: lane.Options{Mode: lane.Live, Instruments: &Instruments{}},
		build: func(o lane.Options, _ *journal.Snapshot, _ time.Time) (Stepper, error) {
			return &script{account: o.Account, add: add, view: lane.View{Session: true, Armed: true}}, nil
		}}
}

// broker and channel are the world in the tests' hands.
type (
	broker  = actionstest.Broker
	channel = actionstest.Channel
)

// infy is a day's list.
var infy = []order.Instrument{{Exchange: "NSE", Tradingsymbol: "INFY", TickSize: order.Rupee / 20, LotSize: 1}}

// start runs an engine in the bubble until the test or end says so.
func start(t *testing.T, o Options) (e *Engine, store *memory.Store, end func()) {
	t.Helper()
	if o.Store == nil {
		o.Store = memory.New()
	}
	store, _ = o.Store.(*memory.Store)
	e, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := e.Run(ctx); err != nil {
			t.Error(err)
		}
	}()
	synctest.Wait()
	end = func() { cancel(); <-ended }
	t.Cleanup(end)
	return e, store, end
}

// bubble runs a test in virtual time.
func bubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, f)
}

func update(account, id string) order.Update {
	return order.Update{Account: account, Source: order.SourcePostback, OrderID: id, Status: order.StatusOpen, Raw: []byte(`{"order_id":"` + id + `"}`)}
}

// kept are the ids of the journalled inputs of a kind, oldest first.
func kept(t *testing.T, s journal.Store, account string, kind journal.InputKind) []string {
	t.Helper()
	var ids []string
	q := journal.Query{Account: account, Kind: string(kind), Limit: 1000}
	for {
		rows, next, err := s.Inputs(context.Background(), q)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rows {
			ids = append([]string{r.OrderID}, ids...)
		}
		if next == "" {
			return ids
		}
		q.Before = next
	}
}

// each sends one request a update, as the grant allows.
func each(b *lane.Batch, now time.Time, grant lane.Grant, inputs []lane.Input) {
	for i := range inputs {
		if u := inputs[i].Update; u != nil && grant.Exits > 0 {
			grant.Exits--
			b.Sends = append(b.Sends, request(u.OrderID, now))
		}
	}
}

func request(id string, now time.Time) actions.Request {
	return actions.Request{ID: id, Call: actions.Call{Method: actions.Cancel, OrderID: id}, Priority: actions.PriorityExit, Attempts: 1, Sent: now}
}

func message(id, channel string) actions.Action {
	return actions.Action{ID: id, State: actions.Running, Message: &actions.Message{Channel: channel, Text: id}}
}

var errDisk = errors.New("the disk is full")
