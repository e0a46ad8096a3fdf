package replay

import (
	"cmp"
	"encoding/json"
	"slices"
	"time"

	"backstop/actions"
	"backstop/engine/journal"
	"backstop/engine/lane"
	"backstop/engine/order"
	"backstop/rules"
)

// Side is what one set of rules decided, or did decide: what a comparison looks at.
type Side struct {
	events   map[string]*told
	actions  map[string]*actions.Action
	requests map[string]*actions.Request
}

// told is an event with what the rules said that faced it.
type told struct {
	id, account, orderID string
	at                   time.Time
	kind                 order.Kind
	facts                rules.Facts
	version              string
	decisions            map[string]said
}

// said is one rule's word.
type said struct {
	matched bool
	why     string
}

// NewSide is an empty side.
func NewSide() *Side {
	return &Side{events: map[string]*told{}, actions: map[string]*actions.Action{}, requests: map[string]*actions.Request{}}
}

// Len is how many events there are.
func (s *Side) Len() int { return len(s.events) }

// Add takes what a step committed.
func (s *Side) Add(c *journal.Commit) error {
	for i := range c.Events {
		if err := s.event(&c.Events[i]); err != nil {
			return err
		}
	}
	for i := range c.Actions {
		s.action(c.Actions[i])
	}
	for i := range c.Requests {
		s.request(c.Requests[i])
	}
	return nil
}

// Recorded is what the journal says was decided since a time.
func Recorded(read journal.Read, since time.Time) (*Side, error) {
	s := NewSide()
	err := read(journal.TableEvents, func(row journal.Row) error {
		e, err := row.Event()
		if err != nil || e.At.Before(since) {
			return err
		}
		return s.event(&e)
	})
	if err != nil {
		return nil, err
	}
	err = read(journal.TableActions, func(row journal.Row) error {
		a, err := row.Action()
		if err == nil && !a.Created.Before(since) {
			s.action(a)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return s, read(journal.TableRequests, func(row journal.Row) error {
		r, err := row.Request()
		if err == nil && !r.Created.Before(since) {
			s.request(r)
		}
		return err
	})
}

// AddStory takes what a rehearsal told.
func (s *Side) AddStory(t *lane.Story) {
	for i := range t.Decisions {
		d := &t.Decisions[i]
		e := s.events[d.Event.ID]
		if e == nil {
			e = &told{id: d.Event.ID, account: d.Event.Account, orderID: d.Event.OrderID, at: d.Event.Time, kind: d.Event.Kind, decisions: map[string]said{}}
			s.events[e.id] = e
		}
		if d.Why != "on" {
			e.decisions[d.Rule] = said{d.Matched, d.Why}
		}
	}
	for _, a := range t.Actions {
		s.action(a)
	}
	for _, r := range t.Requests {
		s.request(r)
	}
}

func (s *Side) event(row *journal.Event) error {
	e := &told{id: row.ID, account: row.Account, orderID: row.OrderID, at: row.At, kind: row.Kind, version: row.RulesVersion, decisions: map[string]said{}}
	var doc order.Event
	if len(row.Doc) > 0 {
		if err := json.Unmarshal(row.Doc, &doc); err != nil {
			return err
		}
		e.facts = journal.FactsOf(&doc)
	}
	for _, d := range row.Decisions {
		e.decisions[d.Rule] = said{d.Matched, d.Why}
	}
	s.events[e.id] = e
	return nil
}

func (s *Side) action(a actions.Action) {
	a.Error = nil
	s.actions[a.ID] = &a
}

func (s *Side) request(r actions.Request) { s.requests[r.ID] = &r }

// Did is what a rule did for an event, on one side.
type Did struct {
	Matched  bool      `json:"matched"`
	Why      string    `json:"why,omitempty"` // why it did nothing
	Actions  []Action  `json:"actions,omitempty"`
	Requests []Request `json:"requests,omitempty"` // what leaves for the broker in its name, in the order of leaving
}

// Action is an action as it is compared.
type Action struct {
	Type    string           `json:"type"`
	Step    string           `json:"step"`
	OrderID string           `json:"order_id,omitempty"`
	Message *actions.Message `json:"message,omitempty"`
	Args    map[string]any   `json:"args,omitempty"` // of actions that ask the broker for nothing

	created time.Time
}

// Request is a request as it is compared.
type Request struct {
	ID     string         `json:"id"`
	Method string         `json:"method"`
	Path   string         `json:"path"`
	Params actions.Params `json:"params"`

	Assumed []string `json:"assumed,omitempty"` // answer: nobody knows what the broker would have said to it

	created time.Time
}

// left says whether a request left, or would have.
func left(r *actions.Request) bool { return r.Attempts > 0 || r.State == actions.Planned }

// did gathers what each decision that matched did, by its id. What was asked for in no decision's name stands under the
// request's own id.
func (s *Side) did() map[string]*Did {
	out := map[string]*Did{}
	of := func(id string) *Did {
		if out[id] == nil {
			out[id] = &Did{Matched: true}
		}
		return out[id]
	}
	for _, e := range s.events {
		for rule, d := range e.decisions {
			if d.matched {
				of(e.id + "-" + rule)
			}
		}
	}
	for _, a := range s.actions {
		if a.Decision == "" || a.State == actions.Skipped && a.Why == actions.WhyCondition {
			continue
		}
		x := Action{Type: a.Type, Step: a.Step, OrderID: a.OrderID, created: a.Created}
		switch {
		case a.Message != nil:
			m := *a.Message
			m.ChatID = "" // of the settings, which another place need not have
			x.Message = &m
		case len(a.Requests) == 0 && a.Slot == "":
			x.Args = a.Args
		}
		d := of(a.Decision)
		d.Actions = append(d.Actions, x)
	}
	for _, r := range s.requests {
		if !left(r) {
			continue
		}
		id := "request " + r.ID
		if a := s.actions[r.ActionID]; a != nil && a.Decision != "" {
			id = a.Decision
		}
		d := of(id)
		x := Request{ID: r.ID, Method: r.Call.Method.HTTP(), Path: r.Call.Path(), Params: r.Call.Sent(), created: cmp.Or(r.Sent, r.Created)}
		if r.Why == actions.WhyNeverAsked {
			x.Assumed = []string{"answer"}
		}
		d.Requests = append(d.Requests, x)
	}
	for _, d := range out {
		slices.SortFunc(d.Actions, func(a, b Action) int {
			return cmp.Or(a.created.Compare(b.created), cmp.Compare(a.Step, b.Step), cmp.Compare(a.OrderID, b.OrderID))
		})
		slices.SortFunc(d.Requests, func(a, b Request) int { return cmp.Or(a.created.Compare(b.created), cmp.Compare(a.ID, b.ID)) })
	}
	return out
}
