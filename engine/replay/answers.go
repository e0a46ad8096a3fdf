package replay

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"

	"backstop/actions"
	"backstop/engine/journal"
	"backstop/engine/lane"
	"backstop/engine/order"
)

// answers knows what the journal holds an answer to. What left in the very step that is made again was answered as the
// journal goes on, by an outcome or by what was read after a crash; else an outcome must still be to come.
type answers struct {
	attempts map[string]int     // of requests and messages, by id: how often each left
	asked    map[string][]asked // by order: the prices that Backstop asked for then
	outcomes map[string][]outcome
	seq      int64           // of the step under way
	wrote    map[string]bool // what it wrote of requests and actions
}

type outcome struct {
	step    int64
	attempt int // 0: whichever
}

// asked are the prices of one request.
type asked struct {
	request        string
	price, trigger order.Price
}

var _ lane.Answers = (*answers)(nil)

func newAnswers() *answers {
	return &answers{attempts: map[string]int{}, asked: map[string][]asked{}, outcomes: map[string][]outcome{}}
}

// read learns how often each request and message left.
func (a *answers) read(read journal.Read) error {
	err := read(journal.TableRequests, func(row journal.Row) error {
		r, err := row.Request()
		a.attempts[r.ID] = r.Attempts
		if id, p := cmp.Or(r.Call.OrderID, r.OrderID), r.Call.Params; id != "" && r.Call.Method != actions.Cancel && p.OrderType != "MARKET" {
			a.asked[id] = append(a.asked[id], asked{r.ID, p.Price, p.TriggerPrice})
		}
		return err
	})
	if err != nil {
		return err
	}
	return read(journal.TableActions, func(row journal.Row) error {
		x, err := row.Action()
		if x.Message != nil {
			a.attempts[x.ID] = x.Attempts
		}
		return err
	})
}

// note takes down an answer of the journal.
func (a *answers) note(in *journal.Input) error {
	switch in.Kind {
	case journal.InputOutcome:
		var o lane.Outcome
		if err := json.Unmarshal(in.Doc, &o); err != nil {
			return fmt.Errorf("input %d: %w", in.Seq, err)
		}
		a.outcomes[o.RequestID] = append(a.outcomes[o.RequestID], outcome{in.Step, o.Attempt})
	case journal.InputDelivery:
		var d lane.Delivery
		if err := json.Unmarshal(in.Doc, &d); err != nil {
			return fmt.Errorf("input %d: %w", in.Seq, err)
		}
		a.outcomes[d.ActionID] = append(a.outcomes[d.ActionID], outcome{step: in.Step})
	}
	return nil
}

// asAsked gives an update of an order of ours the prices that are asked for now, where it has those that were asked for
// then: an order that was placed by other rules would else look as if a person had moved it.
func (a *answers) asAsked(l *lane.Lane, u *order.Update) {
	for _, then := range a.asked[u.OrderID] {
		if u.Price != then.price || u.TriggerPrice != then.trigger {
			continue
		}
		if now, ok := l.Asked(then.request); ok && now.OrderType == u.OrderType {
			u.Price, u.TriggerPrice = now.Price, now.TriggerPrice
			return
		}
	}
}

// step turns to the next step.
func (a *answers) step(s *journal.Step) error {
	a.seq, a.wrote = s.Seq, map[string]bool{}
	return journal.EachWrite(s.Writes, s.Account, func(w journal.Write) error {
		if w.Key.Table == journal.TableRequests || w.Key.Table == journal.TableActions {
			a.wrote[w.Key.ID] = true
		}
		return nil
	})
}

// Request says whether the journal has what the broker said to a request that leaves now.
func (a *answers) Request(r *actions.Request) bool { return a.has(r.ID, r.Attempts) }

// Message says whether the journal has what the channel said to a message that leaves now.
func (a *answers) Message(m *actions.Action) bool { return a.has(m.ID, m.Attempts) }

func (a *answers) has(id string, attempt int) bool {
	return a.wrote[id] && a.attempts[id] >= attempt ||
		slices.ContainsFunc(a.outcomes[id], func(o outcome) bool { return o.step > a.seq && (o.attempt == 0 || o.attempt == attempt) })
}
