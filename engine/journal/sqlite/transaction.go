package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// transaction is the connection that writes with its prepared statements and the numbers that come next. It
// serves one transaction after the other until one fails.
type transaction struct {
	source source
	db     *sql.DB
	conn   *sql.Conn

	begin, commit, input, event, eventAgain, order, action, request, doc, docGone *sql.Stmt

	inputSeq, eventSeq int64 // of the last rows
}

// background is the context of everything in a transaction: once begun it is not given up.
var background = context.Background()

func openTransaction(ctx context.Context, s source) (*transaction, error) {
	db, conn, err := openConn(ctx, s)
	if err != nil {
		return nil, err
	}
	t := &transaction{source: s, db: db, conn: conn}
	for _, p := range []struct {
		to  **sql.Stmt
		sql string
	}{
		{&t.begin, `BEGIN IMMEDIATE`},
		{&t.commit, `COMMIT`},
		{&t.input, `INSERT INTO inputs (seq, account, at, kind, source, began, order_id, status, filled, ignored, doc)
			VALUES (?,?,?,?,?,?,?,?,?,?,?)`},
		{&t.event, `INSERT INTO events (seq, id, account, at, kind, order_id, group_id, rules_version, decisions, doc)
			VALUES (?,?,?,?,?,?,?,?,?,?) ON CONFLICT (id, account) DO NOTHING`},
		{&t.eventAgain, `UPDATE events SET at = ?, kind = ?, order_id = ?, group_id = ?, rules_version = ?, decisions = ?, doc = ?
			WHERE id = ? AND account = ? RETURNING seq`},
		{&t.order, `INSERT INTO orders (order_id, account, day, status, group_id, doc) VALUES (?,?,?,?,?,?)
			ON CONFLICT (order_id, account) DO UPDATE SET day = excluded.day, status = excluded.status, group_id = excluded.group_id,
			doc = excluded.doc`},
		{&t.action, `INSERT INTO actions (id, account, rule, state, final, order_id, created, doc) VALUES (?,?,?,?,?,?,?,?)
			ON CONFLICT (id, account) DO UPDATE SET rule = excluded.rule, state = excluded.state, final = excluded.final,
			order_id = excluded.order_id, created = excluded.created, doc = excluded.doc`},
		{&t.request, `INSERT INTO requests (id, account, rule, state, final, order_id, target_id, created, doc) VALUES (?,?,?,?,?,?,?,?,?)
			ON CONFLICT (id, account) DO UPDATE SET rule = excluded.rule, state = excluded.state, final = excluded.final,
			order_id = excluded.order_id, target_id = excluded.target_id, created = excluded.created, doc = excluded.doc`},
		{&t.doc, `INSERT INTO docs (account, kind, id, body) VALUES (?,?,?,?) ON CONFLICT (account, kind, id) DO UPDATE SET body = excluded.body`},
		{&t.docGone, `DELETE FROM docs WHERE account = ? AND kind = ? AND id = ?`},
	} {
		if *p.to, err = conn.PrepareContext(ctx, p.sql); err != nil {
			return nil, errors.Join(fmt.Errorf("prepare: %w", err), t.close())
		}
	}
	for table, last := range map[string]*int64{"inputs": &t.inputSeq, "events": &t.eventSeq} {
		if err := conn.QueryRowContext(ctx, "SELECT coalesce(max(seq), 0) FROM "+table).Scan(last); err != nil {
			return nil, errors.Join(fmt.Errorf("read %s: %w", table, err), t.close())
		}
	}
	return t, nil
}

// do writes the tasks in one transaction. After an error this connection is of no more use.
func (t *transaction) do(group []*task) error {
	if _, err := t.begin.ExecContext(background); err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	for _, x := range group {
		if err := x.write(t); err != nil {
			return err
		}
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
	for _, s := range []*sql.Stmt{t.begin, t.commit, t.input, t.event, t.eventAgain, t.order, t.action, t.request, t.doc, t.docGone} {
		if s != nil {
			problems = append(problems, s.Close())
		}
	}
	problems = append(problems, t.conn.Close(), t.db.Close())
	return errors.Join(problems...)
}
