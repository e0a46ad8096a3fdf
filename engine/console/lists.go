package console

import (
	"cmp"
	"context"
	"net/http"
	"slices"

	"backstop/engine/journal"
)

// read gives the store its time.
func read(r *http.Request) (context.Context, context.CancelFunc) {
	return context.WithTimeout(r.Context(), readWithin)
}

// listed asks the store for one page and turns its rows into answers.
func listed[R, A any](c *console, r *http.Request, name string, q journal.Query,
	from func(context.Context, journal.Query) ([]R, string, error), row func(R) A) (any, *problem) {
	ctx, cancel := read(r)
	defer cancel()
	rows, next, err := from(ctx, q)
	if err != nil {
		return nil, c.unread(ctx, err)
	}
	answer := page[A]{Data: make([]A, len(rows))}
	for i := range rows {
		answer.Data[i] = row(rows[i])
	}
	if next != "" {
		answer.Next = cursor{List: name, Store: next}.text()
	}
	return answer, nil
}

func (c *console) updates(r *http.Request) (any, *problem) {
	q, _, p := c.list(r, "updates")
	if p != nil {
		return nil, p
	}
	q.Kind, q.State = string(journal.InputUpdate), parseStatus(r)
	raw, p := parseBool(r, "raw")
	if p != nil {
		return nil, p
	}
	if q.Ignored, p = parseBool(r, "ignored"); p != nil {
		return nil, p
	}
	return listed(c, r, "updates", q, c.Store.Inputs, func(in journal.Input) updateRow { return newUpdateRow(in, raw != nil && *raw) })
}

func (c *console) orders(r *http.Request) (any, *problem) {
	q, _, p := c.list(r, "orders")
	if p != nil {
		return nil, p
	}
	q.State = parseStatus(r)
	return listed(c, r, "orders", q, c.Store.Orders, newOrderRow)
}

func (c *console) actions(r *http.Request) (any, *problem) {
	q, _, p := c.list(r, "actions")
	if p != nil {
		return nil, p
	}
	if q.State, p = parseState(r); p != nil {
		return nil, p
	}
	return listed(c, r, "actions", q, c.Store.Actions, newActionRow)
}

func (c *console) requests(r *http.Request) (any, *problem) {
	q, _, p := c.list(r, "requests")
	if p != nil {
		return nil, p
	}
	if q.State, p = parseState(r); p != nil {
		return nil, p
	}
	return listed(c, r, "requests", q, c.Store.Requests, newRequestRow)
}

// action is one action whole: its row, and its parameters as evaluated.
func (c *console) action(r *http.Request) (any, *problem) {
	ctx, cancel := read(r)
	defer cancel()
	id := r.PathValue("id")
	rows, _, err := c.Store.Actions(ctx, journal.Query{ID: id, Limit: 1})
	switch {
	case err != nil:
		return nil, c.unread(ctx, err)
	case len(rows) == 0:
		return nil, missing("action", id)
	}
	return newActionDetail(rows[0]), nil
}

// request is one request whole: its row, and what holds it.
func (c *console) request(r *http.Request) (any, *problem) {
	ctx, cancel := read(r)
	defer cancel()
	id := r.PathValue("id")
	rows, _, err := c.Store.Requests(ctx, journal.Query{ID: id, Limit: 1})
	switch {
	case err != nil:
		return nil, c.unread(ctx, err)
	case len(rows) == 0:
		return nil, missing("request", id)
	}
	return newRequestDetail(rows[0]), nil
}

// positions come from the lanes' memory, sorted by place.
func (c *console) positions(r *http.Request) (any, *problem) {
	q, from, p := c.list(r, "positions")
	if p != nil {
		return nil, p
	}
	rows := []Position{}
	for _, v := range c.Engine.Views() {
		if q.Account == "" || q.Account == v.Account {
			rows = append(rows, v.Positions...)
		}
	}
	slices.SortFunc(rows, func(x, y Position) int {
		return cmp.Or(cmp.Compare(x.Account, y.Account), cmp.Compare(x.Exchange, y.Exchange),
			cmp.Compare(x.Tradingsymbol, y.Tradingsymbol), cmp.Compare(x.Product, y.Product))
	})
	list, p := pageOf("positions", rows, q.Limit, from, func(x Position) string {
		return x.Account + " " + x.Instrument() + " " + x.Product
	})
	return list, p
}

// pageOf cuts a page out of a list in memory; name is unique among the rows.
func pageOf[T any](list string, rows []T, limit int, from cursor, name func(T) string) (page[T], *problem) {
	if from.Row != "" {
		last := slices.IndexFunc(rows, func(x T) bool { return name(x) == from.Row })
		if last < 0 {
			return page[T]{}, bad("before names a row that is gone; begin again without it")
		}
		rows = rows[last+1:]
	}
	answer := page[T]{Data: rows}
	if len(rows) > limit {
		answer.Data = rows[:limit]
		answer.Next = cursor{List: list, Row: name(rows[limit-1])}.text()
	}
	return answer, nil
}
