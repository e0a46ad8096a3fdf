package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"

	"backstop/engine/journal"
)

//go:embed migrations/*.sql
var migrations embed.FS

// schemaVersion is the number of the last step: the files in migrations, and those that need more than SQL in
// stepsInGo. One that was released is never changed.
const schemaVersion = 2

// versionTable is where goose keeps what it applied.
const versionTable = "goose_db_version"

// errOlder means that the schema waits for a writing process to bring it up to date.
var errOlder = errors.New("the store was written by an older version; starting the service brings it up to date")

// errNone means that no schema was made yet.
var errNone = fmt.Errorf("no journal: %w", fs.ErrNotExist)

// migrate brings the schema up to date, each step in a transaction of its own.
func migrate(ctx context.Context, s source) error {
	db, err := openPool(ctx, s, 1)
	if err != nil {
		return err
	}
	err = checkVersion(ctx, db)
	if errors.Is(err, errOlder) || errors.Is(err, errNone) {
		s.crashAt(CrashMigration)
		err = migrateUp(ctx, db)
	}
	return errors.Join(err, db.Close())
}

func migrateUp(ctx context.Context, db *sql.DB) error {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	provider, err := goose.NewProvider(goose.DialectSQLite3, db, files, goose.WithTableName(versionTable), goose.WithDisableGlobalRegistry(true),
		goose.WithGoMigrations(goose.NewGoMigration(2, &goose.GoFunc{RunTx: sumRows}, nil)))
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	return checkVersion(ctx, db)
}

// checkVersion compares the schema with the one that this program knows.
func checkVersion(ctx context.Context, db *sql.DB) error {
	version, err := readVersion(ctx, db)
	switch {
	case err != nil:
		return fmt.Errorf("schema version: %w", err)
	case version > schemaVersion:
		return fmt.Errorf("%w: its schema is %d, this one knows %d", journal.ErrNewer, version, schemaVersion)
	case version == 0:
		return fmt.Errorf("%w (the file is empty)", errNone)
	case version < schemaVersion:
		return fmt.Errorf("%w (schema %d, not %d)", errOlder, version, schemaVersion)
	}
	return nil
}

// readVersion is the schema's version, 0 of an empty file.
func readVersion(ctx context.Context, db *sql.DB) (int64, error) {
	var tables int
	if err := db.QueryRowContext(ctx, `SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = ?`, versionTable).Scan(&tables); err != nil || tables == 0 {
		return 0, err
	}
	var version int64
	err := db.QueryRowContext(ctx, `SELECT coalesce(max(version_id), 0) FROM `+versionTable+` WHERE is_applied`).Scan(&version)
	return version, err
}
