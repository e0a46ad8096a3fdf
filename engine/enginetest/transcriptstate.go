package enginetest

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"backstop/actions"
	"backstop/engine/order"
)

// followState tells how everything stands: the broker's own book, what is open and covered, slots, requests and
// actions that have not ended well.
func (p *player) followState(words, []string) error {
	p.clock = "none" // every line of it is of one moment
	for _, row := range p.broker.GTTRows() {
		p.say(p.now, "gtt %s %s %d at %v: %s", row.ID, row.Legs[0].TransactionType, row.Legs[0].Quantity, row.Triggers, row.Status)
	}
	for _, row := range p.broker.Rows() {
		p.say(p.now, "order %s", rowText(&row))
	}
	if p.turner != nil {
		if v, ok := p.turner.View(); ok {
			for _, g := range v.Groups {
				p.say(p.now, "group %s: open %d, covered %d", g.ID, g.Open, g.Covered)
			}
		}
	}
	if err := p.tellSlots(); err != nil {
		return err
	}
	byName := func(x, y string) int {
		a, b := p.names[x], p.names[y]
		return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b))
	}
	for _, id := range slices.SortedFunc(maps.Keys(p.requests), byName) {
		r := p.requests[id]
		what := r.Call.OrderID
		if r.Call.Method == actions.Place {
			what = fmt.Sprintf("%s %d %s", r.Call.Params.TransactionType, r.Call.Params.Quantity, r.Call.Params.OrderType)
		}
		p.say(p.now, "%s, %s %s for %s, is %s", p.names[id], r.Call.Method, what, r.For, standing(r))
	}
	for _, id := range slices.SortedFunc(maps.Keys(p.actions), byName) {
		if a := p.actions[id]; a.Message == nil {
			p.say(p.now, "%s, %s of %s, is %s", p.names[id], a.Type, a.Rule, actionStanding(a))
		}
	}
	return nil
}

func rowText(u *order.Update) string {
	s := fmt.Sprintf("%s %s %d %s", u.OrderID, u.TransactionType, u.Quantity, u.OrderType)
	if u.TriggerPrice > 0 {
		s += " trigger " + u.TriggerPrice.String()
	}
	s += fmt.Sprintf(" at %s: %s", u.Price, u.Status)
	if u.FilledQuantity > 0 {
		s += fmt.Sprintf(", filled %d", u.FilledQuantity)
	}
	if u.Tag != "" {
		s += ", tag " + u.Tag
	}
	return s
}

// tellSlots reads the slots from the journal, as a restart would find them.
func (p *player) tellSlots() error {
	if p.turner == nil {
		return nil
	}
	snap, err := p.store.Load(context.Background(), user, order.DayOf(p.now))
	if err != nil {
		return err
	}
	for _, d := range snap.Docs {
		if d.Kind != "slot" {
			continue
		}
		var s struct {
			ID     string `json:"id"`
			Active bool   `json:"active"`
			Left   string `json:"left"`
			Orders []struct {
				Slice   int    `json:"slice"`
				Gen     int    `json:"gen"`
				OrderID string `json:"order_id"`
				Ended   bool   `json:"ended"`
			} `json:"orders"`
		}
		if err := json.Unmarshal(d.Body, &s); err != nil {
			return err
		}
		var list []string
		for _, o := range s.Orders {
			text := fmt.Sprintf("slice %d generation %d %s", o.Slice, o.Gen, cmp.Or(o.OrderID, "not seen"))
			if o.Ended {
				text += " ended"
			}
			list = append(list, text)
		}
		how := "wants nothing"
		switch {
		case s.Left != "":
			how = "left alone (" + s.Left + ")"
		case s.Active:
			how = "wanted"
		}
		p.say(p.now, "slot %s: %s; %s", s.ID, how, cmp.Or(strings.Join(list, ", "), "no order yet"))
	}
	return nil
}
