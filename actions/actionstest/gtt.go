package actionstest

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"backstop/actions"
	"backstop/engine/order"
)

// takeGTT carries a change of a trigger out. A new one has the id given, or the next free number.
func (b *Broker) takeGTT(c actions.Call, id string) (string, error) {
	if c.Method == actions.PlaceGTT {
		b.placed++
		if id == "" {
			id = fmt.Sprint(500 + b.placed)
		}
		b.gtts[id] = gttOf(id, c.Params)
		return id, nil
	}
	row, ok := b.gtts[c.OrderID]
	switch {
	case !ok:
		return "", refusal(c, actions.ClassNotFound, "Trigger does not exist.")
	case row.Status != "active":
		return "", refusal(c, actions.ClassRefused, "Trigger is not active.")
	case c.Method == actions.DeleteGTT:
		row.Status = "deleted"
	default:
		b.gtts[c.OrderID] = gttOf(c.OrderID, c.Params)
	}
	return c.OrderID, nil
}

func gttOf(id string, p actions.Params) *actions.GTTRow {
	leg := func(price order.Price) actions.GTTLeg {
		return actions.GTTLeg{Product: p.Product, TransactionType: p.TransactionType, OrderType: p.OrderType, Quantity: p.Quantity, Price: price}
	}
	row := &actions.GTTRow{ID: id, Status: "active", Exchange: p.Exchange, Tradingsymbol: p.Tradingsymbol, Triggers: []order.Price{p.TriggerPrice}, Legs: []actions.GTTLeg{leg(p.Price)}}
	if p.TargetPrice > 0 {
		row.Triggers, row.Legs = append(row.Triggers, p.TargetPrice), append(row.Legs, leg(p.TargetPrice))
		if p.TargetPrice < p.TriggerPrice {
			slices.Reverse(row.Triggers)
			slices.Reverse(row.Legs)
		}
	}
	return row
}

// SetGTT changes a trigger behind everybody's back, a new one where there is none.
func (b *Broker) SetGTT(id string, change func(row *actions.GTTRow)) {
	defer b.hold()()
	row, ok := b.gtts[id]
	if !ok {
		row = &actions.GTTRow{ID: id, Status: "active"}
		b.gtts[id] = row
	}
	change(row)
}

// GTTRows are all triggers, by id.
func (b *Broker) GTTRows() []actions.GTTRow {
	defer b.hold()()
	var rows []actions.GTTRow
	for _, id := range slices.Sorted(maps.Keys(b.gtts)) {
		row := *b.gtts[id]
		row.Triggers, row.Legs = slices.Clone(row.Triggers), slices.Clone(row.Legs)
		rows = append(rows, row)
	}
	return rows
}

// GTTs are all triggers, unless a fault was asked for.
func (b *Broker) GTTs(ctx context.Context) ([]actions.GTTRow, error) {
	b.note("gtts")
	if e := b.fault("gtts").reading("gtts", ctx); e != nil {
		return nil, e
	}
	return b.GTTRows(), nil
}
