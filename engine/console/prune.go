package console

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"backstop/engine/journal"
	"backstop/engine/order"
)

// keepDaysMax bounds keep_days: a century.
const keepDaysMax = 36500

var pruneProblem = bad(`the body must be {"keep_days":90}, at least 1`)

// pruned is the answer of a prune.
type pruned struct {
	Before order.Day      `json:"before"` // the first day that is kept
	Rows   int64          `json:"rows"`
	Pruned journal.Pruned `json:"pruned"` // by table
}

// prune removes the days before the last keep_days from the journal.
func (c *console) prune(r *http.Request) (any, *problem) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, bad("the body could not be read")
	}
	var want struct {
		KeepDays int `json:"keep_days"`
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(&want); err != nil || want.KeepDays < 1 || want.KeepDays > keepDaysMax {
		return nil, pruneProblem
	}
	if c.Keeper == nil {
		return nil, &problem{http.StatusNotImplemented, general, "this store can't be pruned"}
	}
	now := c.Now()
	// Not the request's own end: what began is finished although the asker hung up.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), controlWithin)
	defer cancel()
	day := order.DayOf(now.AddDate(0, 0, 1-want.KeepDays))
	rows, err := c.Keeper.Prune(ctx, day, now)
	answer := pruned{Before: day, Pruned: rows}
	for _, n := range rows {
		answer.Rows += n
	}
	c.Log.Info("console: prune", "before", day, "rows", answer.Rows, "from", r.RemoteAddr)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return nil, &problem{http.StatusGatewayTimeout, network, fmt.Sprintf("%d rows were removed in %v, and more are left: prune again", answer.Rows, controlWithin)}
	case err != nil:
		c.Log.Error("console: prune", "error", err)
		return nil, &problem{http.StatusServiceUnavailable, network, "the journal can't be written now; the log says why"}
	}
	return answer, nil
}
