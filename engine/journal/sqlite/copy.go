package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"backstop/engine/journal"
)

// Backup writes a copy of the store into a new file, as it was at one moment, beside whoever writes it. The file
// appears under its name only once it is whole, synced and verified; it is never written over. Restoring is to put it
// as FileName into an empty folder.
func (s *Store) Backup(ctx context.Context, file string) (journal.Verified, error) {
	seen, err := s.backup(ctx, file)
	if err != nil {
		return seen, fmt.Errorf("backup: %w", err)
	}
	return seen, nil
}

func (s *Store) backup(ctx context.Context, file string) (seen journal.Verified, err error) {
	if err := s.reading(); err != nil {
		return seen, err
	}
	if file, err = filepath.Abs(file); err != nil {
		return seen, err
	}
	if _, err := os.Lstat(file); err == nil {
		return seen, &fs.PathError{Op: "write", Path: file, Err: fs.ErrExist}
	}
	temp, err := tempFile(file)
	if err != nil {
		return seen, err
	}
	defer func() { err = errors.Join(err, removeAll(temp)) }()
	watched, end := s.watched(ctx)
	defer end()
	db, err := openPool(ctx, newSource(s.path, map[string][]string{"mode": {"ro"}}, nil), 1)
	if err != nil {
		return seen, told(err)
	}
	_, err = db.ExecContext(watched, "VACUUM INTO ?", temp)
	if err = errors.Join(why(watched, err), db.Close()); err != nil {
		return seen, err
	}
	if seen, err = verified(ctx, temp); err != nil {
		return seen, err
	}
	return seen, publish(temp, file)
}

// tempFile makes an empty file beside the one that is to be.
func tempFile(file string) (string, error) {
	f, err := os.CreateTemp(filepath.Dir(file), "."+filepath.Base(file)+".*.part") // CreateTemp's mode is 0600
	if err != nil {
		return "", err
	}
	return f.Name(), f.Close()
}

// removeAll removes a database that was not finished, with what SQLite keeps beside it.
func removeAll(path string) error {
	var problems []error
	for _, beside := range []string{"", "-wal", "-shm", "-journal"} {
		if err := os.Remove(path + beside); !errors.Is(err, fs.ErrNotExist) {
			problems = append(problems, err)
		}
	}
	return errors.Join(problems...)
}

// verified checks a file that was just written.
func verified(ctx context.Context, path string) (seen journal.Verified, err error) {
	db, err := openPool(ctx, newSource(path, map[string][]string{"mode": {"ro"}}, readingPragmas(Options{}.orDefault())), 1)
	if err != nil {
		return seen, told(err)
	}
	s := &Store{path: path, walMax: Options{}.orDefault().WALMax, readers: db}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := checkVersion(ctx, db); err != nil {
		return seen, err
	}
	var first *journal.Finding
	n := 0
	seen, err = journal.Verify(ctx, s, func(f journal.Finding) {
		if n++; first == nil {
			first = &f
		}
	})
	if err == nil && n > 0 {
		err = fmt.Errorf("%w: %d findings, the first: %s %s %s: %s (backstop journal verify lists them)", journal.ErrDamaged, n, first.What, first.Table, first.ID, first.Text)
	}
	return seen, err
}

// publish gives a finished file its name, unless that is taken, and makes both durable.
func publish(temp, file string) error {
	f, err := os.OpenFile(temp, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return err
	}
	switch err := os.Link(temp, file); {
	case errors.Is(err, fs.ErrExist):
		return err
	case err != nil: // a file system without links: then nobody else's file of that name was there a moment ago
		if err := os.Rename(temp, file); err != nil {
			return err
		}
	}
	return syncFolder(filepath.Dir(file))
}

// Import makes the store of a folder from an export. It fails with journal.ErrNotEmpty where the folder has a journal with
// rows, with journal.ErrLocked while a process holds it, and leaves no store where the export is not whole.
func Import(ctx context.Context, folder string, export io.Reader) (seen journal.Verified, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("import: %w", err)
		}
	}()
	path, err := makeFolder(folder)
	if err != nil {
		return seen, err
	}
	held, err := takeLock(filepath.Join(filepath.Dir(path), lockName))
	if err != nil {
		return seen, err
	}
	defer func() { err = errors.Join(err, held.release()) }()
	if err := mustBeEmpty(ctx, path); err != nil {
		return seen, err
	}
	temp, err := tempFile(path)
	if err != nil {
		return seen, err
	}
	defer func() { err = errors.Join(err, removeAll(temp)) }()
	if err := importInto(ctx, temp, export); err != nil {
		return seen, err
	}
	if seen, err = verified(ctx, temp); err != nil {
		return seen, err
	}
	if err := removeAll(path); err != nil { // an empty one
		return seen, err
	}
	if err := publish(temp, path); err != nil {
		return seen, err
	}
	return seen, held.mark()
}

// mustBeEmpty fails where there is a journal in which something was written.
func mustBeEmpty(ctx context.Context, path string) error {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Size() == 0:
		return nil
	}
	db, err := openPool(ctx, readingDSN(path, Options{}.orDefault(), false), 1)
	if err != nil {
		return told(err)
	}
	defer func() { _ = db.Close() }() // only read
	if version, err := readVersion(ctx, db); err != nil || version == 0 {
		return told(err)
	}
	var rows bool
	if err := db.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM inputs) OR EXISTS (SELECT 1 FROM docs) OR EXISTS (SELECT 1 FROM orders)").Scan(&rows); err != nil {
		return told(err)
	}
	if rows {
		return journal.ErrNotEmpty
	}
	return nil
}

// importRows is how many rows one transaction of an import takes: nobody reads the file before it is whole.
const importRows = 10_000

// importInto fills a new file.
func importInto(ctx context.Context, path string, export io.Reader) (err error) {
	s := writingDSN(path, Options{}.orDefault())
	if err := migrate(ctx, s); err != nil {
		return err
	}
	t, err := openTransaction(ctx, s)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.close()) }()
	if _, err := t.begin.ExecContext(ctx); err != nil {
		return err
	}
	n := 0
	_, err = journal.ReadLines(export, func(r journal.Row) error {
		if n++; n%importRows == 0 {
			if _, err := t.commit.ExecContext(ctx); err != nil {
				return err
			}
			if _, err := t.begin.ExecContext(ctx); err != nil {
				return err
			}
		}
		return t.take(ctx, &r)
	})
	if err != nil {
		return err
	}
	if _, err := t.commit.ExecContext(ctx); err != nil {
		return err
	}
	_, err = t.conn.ExecContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE); PRAGMA journal_mode = DELETE")
	return err
}

// take writes a row of an export as it is.
func (t *transaction) take(ctx context.Context, r *journal.Row) error {
	var err error
	switch r.Table {
	case journal.TableInstrumentList:
		_, err = t.conn.ExecContext(ctx, "INSERT INTO instrument_list (one, list, day, parts, sum) VALUES (1, 1, ?, ?, ?)", append(append([]any{}, r.Values...), int64(r.Sum))...)
	case journal.TableInstruments:
		_, err = t.conn.ExecContext(ctx, "INSERT INTO instruments (list, part, sum, rows) VALUES (1, ?, ?, ?)", append([]any{r.Seq, int64(r.Sum)}, r.Values...)...)
	default:
		numbered := specs[r.Table].number != ""
		_, err = t.insert(r.Table, numbered, 1, "", args(nil, r, numbered))
	}
	if err != nil {
		return fmt.Errorf("%w: row %s of %s does not fit in: %w", journal.ErrLines, r.Name(), r.Table, err)
	}
	return nil
}
