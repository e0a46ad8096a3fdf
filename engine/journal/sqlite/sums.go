package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"backstop/engine/journal"
)

// sumSchema is what version 2 adds: a checksum and the step for each row, and a row for each step.
var sumSchema = `
CREATE TABLE steps (
    seq         INTEGER PRIMARY KEY, -- without a gap
    account     TEXT NOT NULL,
    at          INTEGER,
    exits       INTEGER NOT NULL,    -- what the step was allowed to send
    risk        INTEGER NOT NULL,
    first_input INTEGER NOT NULL,
    previous    INTEGER NOT NULL,    -- the checksum of the step before
    writes      BLOB,                -- every row that it wrote, with its checksum
    sum         INTEGER NOT NULL
) STRICT;
CREATE TABLE cut (
    one      INTEGER PRIMARY KEY DEFAULT 1 CHECK (one = 1),
    first    INTEGER NOT NULL, -- the first step that is kept
    previous INTEGER NOT NULL, -- the checksum of the one before it
    at       INTEGER,
    writes   BLOB,             -- rows that only removed steps told of
    sum      INTEGER NOT NULL
) STRICT;
ALTER TABLE instrument_list ADD COLUMN parts INTEGER NOT NULL DEFAULT 0;
ALTER TABLE instrument_list ADD COLUMN sum INTEGER NOT NULL DEFAULT 0;
ALTER TABLE instruments ADD COLUMN sum INTEGER NOT NULL DEFAULT 0;
`

// summed are the tables whose rows version 2 gives a step, in the order of its adoption.
var summed = []journal.Table{journal.TableInputs, journal.TableEvents, journal.TableOrders, journal.TableActions, journal.TableRequests, journal.TableDocs}

// adoptRows is how many rows of an older store one step adopts.
const adoptRows = 1000

// sumRows brings a store of version 1 to version 2: its rows get their checksums, and steps tell of them as they are.
func sumRows(ctx context.Context, tx *sql.Tx) error {
	sql := sumSchema
	for _, t := range summed {
		sql += fmt.Sprintf("ALTER TABLE %s ADD COLUMN step INTEGER NOT NULL DEFAULT 0;\nALTER TABLE %s ADD COLUMN sum INTEGER NOT NULL DEFAULT 0;\n", t, t)
	}
	if _, err := tx.ExecContext(ctx, sql); err != nil {
		return err
	}
	a := adopter{ctx: ctx, tx: tx}
	for _, t := range summed {
		if err := a.table(t); err != nil {
			return fmt.Errorf("checksums of %s: %w", t, err)
		}
	}
	// The list of instruments is fetched anew each day: an old one is dropped.
	_, err := tx.ExecContext(ctx, "DELETE FROM instruments; DELETE FROM instrument_list")
	return err
}

// adopter writes the steps that adopt rows.
type adopter struct {
	ctx  context.Context
	tx   *sql.Tx
	last journal.Step
}

// table adopts the rows of a table, some at a time.
func (a *adopter) table(t journal.Table) error {
	for {
		rows, err := a.unsummed(t)
		if err != nil || len(rows) == 0 {
			return err
		}
		byAccount := map[string][]journal.Row{}
		var accounts []string
		for _, r := range rows {
			if byAccount[r.Account()] == nil {
				accounts = append(accounts, r.Account())
			}
			byAccount[r.Account()] = append(byAccount[r.Account()], r)
		}
		for _, account := range accounts {
			if err := a.adopt(account, byAccount[account]); err != nil {
				return err
			}
		}
	}
}

func (a *adopter) unsummed(t journal.Table) ([]journal.Row, error) {
	from := specs[t].from
	name, order, _ := strings.Cut(from, " ORDER BY ")
	rows, err := a.tx.QueryContext(a.ctx, fmt.Sprintf("SELECT %s FROM %s WHERE step = 0 ORDER BY %s LIMIT %d", columnsOf(t), name, order, adoptRows))
	if err != nil {
		return nil, err
	}
	list, _, err := collect(rows, 0, func(from row) (int64, journal.Row, error) {
		r, err := scan(t, from)
		return r.Seq, r, err
	})
	return list, err
}

// adopt writes one step that tells of the rows of one account.
func (a *adopter) adopt(account string, rows []journal.Row) error {
	s := journal.Step{Seq: a.last.Seq + 1, Account: account, At: time.Now(), Previous: a.last.Sum}
	for i := range rows {
		r := &rows[i]
		r.Step, r.Sum = s.Seq, r.SumOf()
		if r.Table == journal.TableInputs {
			s.Writes = journal.AppendKept(s.Writes, r)
		} else {
			s.Writes = journal.AppendWrite(s.Writes, r, account)
		}
		where, key := specs[r.Table].number+" = ?", []any{r.Seq}
		if r.Table == journal.TableDocs {
			where, key = "account = ? AND kind = ? AND id = ?", r.Values[:3]
		}
		if _, err := a.tx.ExecContext(a.ctx, "UPDATE "+string(r.Table)+" SET step = ?, sum = ? WHERE "+where, append([]any{s.Seq, int64(r.Sum)}, key...)...); err != nil {
			return err
		}
	}
	r := s.Row()
	a.last = journal.Step{Seq: s.Seq, Sum: r.Sum}
	_, err := a.tx.ExecContext(a.ctx, insertInto(journal.TableSteps, true, 1, ""), values(args(nil, &r, true))...)
	return errors.Join(err, a.ctx.Err())
}
