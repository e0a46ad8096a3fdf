package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"

	"backstop/engine/journal"
)

// transaction is the connection that writes with its prepared statements and the numbers that come next. It
// serves one transaction after the other until one fails.
type transaction struct {
	source source
	db     *sql.DB
	conn   *sql.Conn

	begin, commit, eventAgain, docGone *sql.Stmt
	statements                         map[statementKey]driver.StmtExecContext
	wave                               wave

	inputSeq, eventSeq int64        // of the last rows
	step               journal.Step // number and checksum of the last one
}

// statementKey names an INSERT; of one table all have the same conflict clause but events.
type statementKey struct {
	table    journal.Table
	rows     int
	numbered bool
}

// background is the context of everything in a transaction: once begun it is not given up.
var background = context.Background()

func openTransaction(ctx context.Context, s source) (*transaction, error) {
	db, conn, err := openConn(ctx, s)
	if err != nil {
		return nil, err
	}
	t := &transaction{source: s, db: db, conn: conn, statements: map[statementKey]driver.StmtExecContext{}, wave: wave{accounts: map[string]bool{}}}
	set := []string{"step = ?", "sum = ?"}
	for _, c := range journal.TableEvents.Columns() {
		set = append(set, c.Name+" = ?")
	}
	for _, p := range []struct {
		to  **sql.Stmt
		sql string
	}{
		{&t.begin, `BEGIN IMMEDIATE`},
		{&t.commit, `COMMIT`},
		{&t.eventAgain, `UPDATE events SET ` + strings.Join(set, ", ") + ` WHERE order_id = ? AND id = ? AND account = ? RETURNING seq`},
		{&t.docGone, `DELETE FROM docs WHERE account = ? AND kind = ? AND id = ?`},
	} {
		if *p.to, err = conn.PrepareContext(ctx, p.sql); err != nil {
			return nil, errors.Join(fmt.Errorf("prepare: %w", err), t.close())
		}
	}
	if err := t.numbers(ctx); err != nil {
		return nil, errors.Join(err, t.close())
	}
	return t, nil
}

// numbers reads where the numbers of the file end.
func (t *transaction) numbers(ctx context.Context) error {
	for table, last := range map[string]*int64{"inputs": &t.inputSeq, "events": &t.eventSeq} {
		if err := t.conn.QueryRowContext(ctx, "SELECT coalesce(max(seq), 0) FROM "+table).Scan(last); err != nil {
			return fmt.Errorf("read %s: %w", table, err)
		}
	}
	r, err := scan(journal.TableSteps, t.conn.QueryRowContext(ctx, "SELECT "+columnsOf(journal.TableSteps)+" FROM steps ORDER BY seq DESC LIMIT 1"))
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil
	case err != nil:
		return fmt.Errorf("read steps: %w", err)
	}
	t.step = journal.StepOf(&r)
	return r.Whole()
}

// insert runs the statement that writes n rows of a table, and says how many were new or changed. It goes past database/sql,
// which would copy every value twice on the way of every acknowledgement.
func (t *transaction) insert(table journal.Table, numbered bool, n int, conflict string, args []driver.NamedValue) (affected int64, err error) {
	err = t.conn.Raw(func(c any) error {
		key := statementKey{table, n, numbered}
		s := t.statements[key]
		if s == nil {
			prepared, err := c.(driver.ConnPrepareContext).PrepareContext(background, insertInto(table, numbered, n, conflict))
			if err != nil {
				return fmt.Errorf("prepare: %w", err)
			}
			s = prepared.(driver.StmtExecContext)
			t.statements[key] = s
		}
		result, err := s.ExecContext(background, args)
		if err != nil {
			return err
		}
		affected, err = result.RowsAffected()
		return err
	})
	return affected, err
}

// do writes the tasks in one transaction. After an error this connection is of no more use.
func (t *transaction) do(group []*task) error {
	if _, err := t.begin.ExecContext(background); err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	for _, x := range group {
		if x.rows == nil || t.wave.accounts[x.rows.Step.Account] {
			if err := t.wave.flush(t); err != nil {
				return err
			}
		}
		if x.rows != nil {
			t.wave.add(t, x.rows)
		} else if err := x.write(t); err != nil {
			return err
		}
	}
	if err := t.wave.flush(t); err != nil {
		return err
	}
	t.source.crashAt(CrashSync)
	if _, err := t.commit.ExecContext(background); err != nil {
		return fmt.Errorf("sync: %w", err)
	}
	return nil
}

// close ends the connection; what it did not commit is rolled back.
func (t *transaction) close() error {
	var problems []error
	for _, s := range []*sql.Stmt{t.begin, t.commit, t.eventAgain, t.docGone} {
		if s != nil {
			problems = append(problems, s.Close())
		}
	}
	problems = append(problems, t.conn.Raw(func(any) error {
		var problems []error
		for _, s := range t.statements {
			problems = append(problems, s.(driver.Stmt).Close())
		}
		return errors.Join(problems...)
	}))
	problems = append(problems, t.conn.Close(), t.db.Close())
	return errors.Join(problems...)
}
