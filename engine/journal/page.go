package journal

import (
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"time"

	"backstop/engine/order"
)

// ErrCursor means that Query.Before is not the next of an earlier page.
var ErrCursor = errors.New("not a cursor: before takes the next of the page before")

// ErrClosed means that the store was closed.
var ErrClosed = errors.New("the store is closed")

// ErrReadOnly means that the store was opened for reading.
var ErrReadOnly = errors.New("the store is open for reading only")

// Rows of a page, as Query says.
const (
	limitDefault = 100
	limitMax     = 1000
)

// Page is what a store needs of a query to page: the sequence number below which its rows lie (no bound is the
// greatest one) and how many there may be. A garbled Before is an ErrCursor.
//
// The other fields filter so in every store; a field that a list does not name is not looked at by it.
//
//	Inputs    Account, OrderID, State (the status), ID (the Seq in digits), Kind, Ignored, Since (At)
//	Events    Account, OrderID, Rule (one that decided), ID, Kind, Since (At)
//	Actions   Account, OrderID, Rule, State, ID, Since (Created)
//	Requests  Account, OrderID (that it made or changes), Rule (For), State, ID, Since (Created)
//	Orders    Account, OrderID, ID (the same), State (the status), Since (its day)
func (q Query) Page() (before int64, limit int, err error) {
	limit = q.Limit
	if limit <= 0 {
		limit = limitDefault
	}
	limit = min(limit, limitMax)
	if q.Before == "" {
		return 1<<63 - 1, limit, nil
	}
	before, err = strconv.ParseInt(q.Before, 10, 64)
	if err != nil || before < 1 || Cursor(before) != q.Before {
		return 0, 0, fmt.Errorf("%w: %.40q", ErrCursor, q.Before)
	}
	return before, limit, nil
}

// Cursor is the Before for what is older than the row with this sequence number.
func Cursor(seq int64) string { return strconv.FormatInt(seq, 10) }

// StartOf is the instant at which a day starts, the zero time for "".
func StartOf(day order.Day) (time.Time, error) {
	if day == "" {
		return time.Time{}, nil
	}
	t, err := time.ParseInLocation(time.DateOnly, string(day), order.IST)
	if err != nil {
		return time.Time{}, fmt.Errorf("day %.40q is not YYYY-MM-DD", string(day))
	}
	return t, nil
}

// InUTC turns the times among the fields of the record at p into what every store gives back: UTC, without a
// monotonic reading.
func InUTC[T any](p *T) {
	v := reflect.ValueOf(p).Elem()
	for i := range v.NumField() {
		if t, ok := v.Field(i).Addr().Interface().(*time.Time); ok {
			*t = t.UTC().Round(0)
		}
	}
}

// Check says why a commit can't be written as it is: a row of another account, or one without the id by which
// a later commit would replace it. Every store calls it before it writes.
func (c *Commit) Check() error {
	for i := range c.Inputs {
		if c.Inputs[i].Account != c.Account {
			return c.foreign("an input", c.Inputs[i].Account)
		}
	}
	for i := range c.Events {
		if err := c.row("event", c.Events[i].Account, c.Events[i].ID); err != nil {
			return err
		}
	}
	for i := range c.Orders {
		if err := c.row("order", c.Orders[i].Account, c.Orders[i].OrderID); err != nil {
			return err
		}
	}
	for i := range c.Actions {
		if err := c.row("action", c.Actions[i].Account, c.Actions[i].ID); err != nil {
			return err
		}
	}
	for i := range c.Requests {
		if err := c.row("request", c.Requests[i].Account, c.Requests[i].ID); err != nil {
			return err
		}
	}
	for i := range c.Docs {
		if c.Docs[i].Kind == "" {
			return fmt.Errorf("commit of account %q: a doc has no kind", c.Account)
		}
	}
	return nil
}

func (c *Commit) row(what, account, id string) error {
	if account != c.Account {
		return c.foreign(what+" "+id, account)
	}
	if id == "" {
		return fmt.Errorf("commit of account %q: an %s has no id", c.Account, what)
	}
	return nil
}

func (c *Commit) foreign(what, account string) error {
	return fmt.Errorf("commit of account %q: %s is of account %q", c.Account, what, account)
}
