package replay

import (
	"bytes"
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"backstop/engine/order"
	"backstop/rules"
)

// Change is one decision that differs between two sides, or a request that no decision asked for.
type Change struct {
	Event    order.Kind `json:"event"` // its kind; "" of a request that Backstop made by itself
	Rule     string     `json:"rule"`  // or what such a request is for
	Change   string     `json:"change"`
	Decision string     `json:"decision,omitempty"` // its id
	Account  string     `json:"account"`
	OrderID  string     `json:"order_id,omitempty"`
	At       time.Time  `json:"at"`
	Before   *Did       `json:"before"` // nil: the event, or a rule of that name, was not there
	After    *Did       `json:"after"`
}

// Rules are the sets of one side by their version, so that Compare can say why a rule did nothing.
type Rules func(version string) *rules.Set

// Compare tells what of the decisions that did something differs, in the order of the events.
func Compare(before, after *Side, old, now Rules) ([]Change, error) {
	was, is := before.did(), after.did()
	var list []Change
	for id, d := range was {
		after := is[id]
		if after == nil {
			list = append(list, before.change(id, Removed, d, nil))
			continue
		}
		same, err := equal(d, after)
		if err != nil {
			return nil, err
		}
		if !same {
			list = append(list, before.change(id, Changed, d, after))
		}
	}
	for id, d := range is {
		if was[id] == nil {
			list = append(list, after.change(id, Added, nil, d))
		}
	}
	for i := range list {
		c := &list[i]
		if c.Before == nil {
			c.Before = before.nothing(c, old)
		}
		if c.After == nil {
			c.After = after.nothing(c, now)
		}
	}
	slices.SortFunc(list, func(a, b Change) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Decision, b.Decision), cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.OrderID, b.OrderID))
	})
	return list, nil
}

func equal(a, b *Did) (bool, error) {
	x, err := json.Marshal(a.asAsked())
	if err != nil {
		return false, err
	}
	y, err := json.Marshal(b.asAsked())
	return bytes.Equal(x, y), err
}

// asAsked is what was done without what is assumed of its answers.
func (d *Did) asAsked() Did {
	asked := *d
	asked.Requests = slices.Clone(d.Requests)
	for i := range asked.Requests {
		asked.Requests[i].Assumed = nil
	}
	return asked
}

// change names a difference by what its side knows of it.
func (s *Side) change(id, what string, before, after *Did) Change {
	c := Change{Change: what, Before: before, After: after}
	if own, ok := strings.CutPrefix(id, "request "); ok {
		r := s.requests[own]
		c.Rule, c.Account, c.OrderID, c.At = r.For, r.Account, r.OrderID, r.Created
		return c
	}
	c.Decision = id
	event, rule, _ := strings.Cut(id, "-")
	c.Rule = rule
	if e := s.events[event]; e != nil {
		c.Event, c.Account, c.OrderID, c.At = e.kind, e.account, e.orderID, e.at
		return c
	}
	for _, a := range s.actions { // of an event before what is compared
		if a.Decision == id {
			c.Account, c.OrderID, c.At = a.Account, a.OrderID, a.Created
			break
		}
	}
	return c
}

// nothing is why the rule did nothing for the event on this side, nil where there was no such event or rule.
func (s *Side) nothing(c *Change, by Rules) *Did {
	event, rule, ok := strings.Cut(c.Decision, "-")
	e := s.events[event]
	if !ok || e == nil {
		return nil
	}
	if d, ok := e.decisions[rule]; ok {
		return &Did{Why: d.why}
	}
	set := by(e.version)
	if set == nil {
		return nil
	}
	record := set.Record()
	for _, m := range record.Rest(e.kind, e.facts, func(string) bool { return false }) {
		if m.Rule == rule {
			return &Did{Why: m.Why}
		}
	}
	return nil
}

// Counts are how many changes there are of each sort.
type Counts struct {
	Added   int `json:"added"`
	Removed int `json:"removed"`
	Changed int `json:"changed"`
	Assumed int `json:"assumed"` // requests that were never made: what the broker would have said to them nobody knows
}

// Count counts changes.
func Count(list []Change) Counts {
	var n Counts
	for i := range list {
		switch list[i].Change {
		case Added:
			n.Added++
		case Removed:
			n.Removed++
		default:
			n.Changed++
		}
		if after := list[i].After; after != nil {
			for _, r := range after.Requests {
				n.Assumed += len(r.Assumed)
			}
		}
	}
	return n
}
