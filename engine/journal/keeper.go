package journal

import (
	"context"
	"errors"
	"time"

	"backstop/engine/order"
)

// ErrOutgrown means that a long reading was ended, since what is written meanwhile can't be moved into the main file
// before it ends.
var ErrOutgrown = errors.New("the reading took too long beside so many commits")

// ErrNotEmpty means that an import found rows where it wants none.
var ErrNotEmpty = errors.New("there is a journal already")

// Read gives the rows of one table, in the order of their numbers (docs: of their keys). A table that can't be read
// on is an ErrDamaged.
type Read func(t Table, each func(Row) error) error

// Keeper is what keeps a journal over the years, beside the business of Store. Every store is one.
type Keeper interface {
	// ReadRows calls read, whose rows are all as one moment had them. It may end early with ErrOutgrown.
	ReadRows(ctx context.Context, read func(Read) error) error
	// Structure says what is wrong with the store below its rows, a line each.
	Structure(ctx context.Context) ([]string, error)
	// Prune removes the days before day: inputs, events, orders, and the actions and requests that are final. What
	// Load gives and what is not final stays, and so do docs. Commits go on beside it.
	Prune(ctx context.Context, day order.Day, now time.Time) (Pruned, error)
}

// Pruned is how many rows Prune removed of each table.
type Pruned map[Table]int64

// PrunedTables are the tables that Prune removes rows from, in the order in which it does. Steps go last, so that a
// prune that was cut short is finished by the next one.
func PrunedTables() []Table {
	return []Table{TableInputs, TableEvents, TableOrders, TableActions, TableRequests, TableSteps}
}

// Prunable says whether Prune removes a row of a table other than steps that was written before the cut.
func (r *Row) Prunable(day order.Day) bool {
	switch r.Table {
	case TableInputs, TableEvents:
		return true
	case TableOrders:
		return r.text(2) < string(day)
	case TableActions, TableRequests:
		return r.number(4) != 0
	}
	return false
}
