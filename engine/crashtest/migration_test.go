//go:build unix

package crashtest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/pressly/goose/v3"

	"backstop/engine/journal"
	"backstop/engine/journal/sqlite"
)

// TestAMigrationThatIsKilled: a journal of the first version is brought up to date however often that is cut short, and
// no row of it changes.
func TestAMigrationThatIsKilled(t *testing.T) {
	wholeOnly(t)
	const rows = 30_000
	w := newWorld(t, *seed, 1)
	w.must(os.Mkdir(w.data, 0o700))
	w.must(firstVersion(w.database(), rows))
	cut := 0
	for i := range 12 {
		w.start(fmt.Sprintf("BACKSTOP_TEST_CRASH=migration+%dms", i*i*3))
		if !w.serve.within(2 * time.Second) { // it was brought up to date before the point was reached
			break
		}
		if !w.serve.killed() {
			t.Fatalf("serve ended by itself with code %d:\n%s", w.serve.code(), w.serve.tail())
		}
		cut++
	}
	if cut < 3 {
		t.Errorf("the migration was cut short %d times only", cut)
	}
	w.serve.kill()
	w.start()
	w.ready()
	w.position(w.accounts[0], symbols[0], 1)
	w.judge(judging{}, 60*time.Second)
	store, err := sqlite.OpenReadOnly(context.Background(), w.data)
	w.must(err)
	defer func() { _ = store.Close() }() // only read
	old := 0
	w.must(pages(store.Inputs, journal.Query{Account: "OLD"}, func(*journal.Input) { old++ }))
	if old != rows {
		t.Errorf("%d rows of %d are left of the first version", old, rows)
	}
	if _, err := journal.Verify(context.Background(), store, func(f journal.Finding) { t.Errorf("%+v", f) }); err != nil {
		t.Error(err)
	}
}

// firstVersion makes a journal of version 1 with so many inputs.
func firstVersion(path string, rows int) error {
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=journal_mode(WAL)")
	if err != nil {
		return err
	}
	provider, err := goose.NewProvider(goose.DialectSQLite3, db, os.DirFS("../journal/sqlite/migrations"), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return errors.Join(err, db.Close())
	}
	if _, err := provider.UpTo(context.Background(), 1); err != nil {
		return errors.Join(err, db.Close())
	}
	_, err = db.Exec(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < ?)
		INSERT INTO inputs (seq, account, at, kind, source, order_id, status, filled, ignored, doc)
		SELECT i, 'OLD', 1764000000000000000 + i, 'update', 'postback', 'old' || i, 'COMPLETE', 1, '', CAST('{"n":' || i || '}' AS BLOB) FROM n`, rows)
	return errors.Join(err, db.Close())
}
