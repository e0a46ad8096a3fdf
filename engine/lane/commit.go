package lane

import (
	"encoding/json"
	"maps"
	"slices"
	"time"

	"backstop/engine/journal"
	"backstop/engine/order"
)

// commit turns what the step changed into rows, in a fixed order, so that the same step writes the same bytes.
func (l *Lane) commit() {
	c := &l.batch.Commit
	c.Account, c.At = l.o.Account, l.meta.Now
	c.Events = slices.DeleteFunc(c.Events, l.movedNothing)
	c.Orders = make([]journal.OrderRow, 0, len(l.dirty.orders)+len(l.discarded))
	for _, id := range slices.Sorted(maps.Keys(l.dirty.orders)) {
		o, ok := l.book.Order(id)
		if !ok {
			continue
		}
		c.Orders = append(c.Orders, l.orderRow(o))
	}
	for _, o := range l.discarded {
		c.Orders = append(c.Orders, l.orderRow(o))
	}
	l.discarded = nil
	for _, id := range slices.Sorted(maps.Keys(l.dirty.actions)) {
		c.Actions = append(c.Actions, *l.actions[id])
	}
	for _, id := range slices.Sorted(maps.Keys(l.dirty.requests)) {
		c.Requests = append(c.Requests, *l.requests[id])
	}
	l.docs(c)
	if l.dirty.meta || !c.Empty() {
		c.Docs = append(c.Docs, journal.Doc{Kind: docMeta, ID: l.o.Account, Body: encode(l.meta)})
	}
	l.dirty = newDirty()
}

func (l *Lane) orderRow(o *order.Order) journal.OrderRow {
	return journal.OrderRow{Account: l.o.Account, OrderID: o.ID, Day: o.Day, Status: string(o.Row().Status), Group: l.groupOf(o), Doc: l.json(o)}
}

func (l *Lane) docs(c *journal.Commit) {
	for _, id := range slices.Sorted(maps.Keys(l.dirty.slots)) {
		c.Docs = append(c.Docs, doc(docSlot, id, l.slots[id]))
	}
	for _, id := range slices.Sorted(maps.Keys(l.dirty.runs)) {
		c.Docs = append(c.Docs, doc(docRun, id, l.runs[id]))
	}
	for _, id := range slices.Sorted(maps.Keys(l.dirty.told)) {
		t := l.told[id]
		if t != nil {
			t.kept = true
		}
		c.Docs = append(c.Docs, doc(docTold, id, t))
	}
	for _, id := range slices.Sorted(maps.Keys(l.dirty.flats)) {
		d := journal.Doc{Kind: docFlat, ID: id}
		if l.flats[id] {
			d.Body = []byte("true")
		}
		c.Docs = append(c.Docs, d)
	}
	for _, id := range slices.Sorted(maps.Keys(l.dirty.fired)) {
		var at *time.Time
		if t, ok := l.fired[id]; ok {
			at = &t
		}
		c.Docs = append(c.Docs, doc(docFired, id, at))
	}
	for _, name := range slices.Sorted(maps.Keys(l.dirty.memory)) {
		c.Docs = append(c.Docs, journal.Doc{Kind: docState, ID: name, Body: encode(l.memory[name])})
	}
	for _, id := range slices.Sorted(maps.Keys(l.dirty.past)) {
		c.Docs = append(c.Docs, doc(docPast, id, l.dirty.past[id]))
	}
	for _, name := range slices.Sorted(maps.Keys(l.dirty.freeze)) {
		c.Docs = append(c.Docs, journal.Doc{Kind: docFreeze, ID: name, Body: encode(l.freeze[name])})
	}
	for _, name := range slices.Sorted(maps.Keys(l.dirty.multipliers)) {
		c.Docs = append(c.Docs, journal.Doc{Kind: docMultiplier, ID: name, Body: encode(l.multipliers[name])})
	}
	for _, id := range slices.Sorted(maps.Keys(l.dirty.errands)) {
		c.Docs = append(c.Docs, doc(docErrand, id, l.errands[id]))
	}
	for _, id := range slices.Sorted(maps.Keys(l.dirty.taken)) {
		c.Docs = append(c.Docs, doc(docTaken, id, l.taken[id]))
	}
	for _, id := range slices.Sorted(maps.Keys(l.dirty.clocks)) {
		c.Docs = append(c.Docs, doc(docClock, id, l.clocks[id]))
	}
}

// doc is a row, or its deletion where v is nil.
func doc[T any](kind, id string, v *T) journal.Doc {
	d := journal.Doc{Kind: kind, ID: id}
	if v != nil {
		d.Body = encode(v)
	}
	return d
}

// json writes an order or event, by way of a buffer that knows how long they are.
func (l *Lane) json(v interface{ AppendJSON([]byte) []byte }) []byte {
	l.scratch = v.AppendJSON(l.scratch[:0])
	return slices.Clone(l.scratch)
}

// encode writes JSON; the lane's own types always encode, so a failure is a broken invariant.
func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(BrokenInvariant{"state that does not encode: " + err.Error()})
	}
	return b
}

// BrokenInvariant is what Step panics with when its own state contradicts itself: the caller stops this
// account's lane and tells (invariant 9).
type BrokenInvariant struct{ What string }

func (b BrokenInvariant) Error() string { return "broken invariant: " + b.What }
