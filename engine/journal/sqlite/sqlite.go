// Package sqlite keeps the journal in one SQLite file in the data folder: what a service uses.
//
// It promises that a commit is in the file and synced when it is acknowledged (WAL, synchronous=FULL, read back
// at open), that commits which wait together share one transaction, that one process at a time writes and any
// number read beside it, and that a process which is killed leaves nothing to clear away. It imports the records
// alone and never decides anything. journaltest would fail if the promise broke, and for what only a disk can
// show TestEveryAcknowledgedCommitOutlivesAKill.
package sqlite

import (
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	_ "modernc.org/sqlite" // the driver "sqlite"

	"backstop/engine/journal"
)

// FileName is the store's file in its folder; SQLite keeps two more beside it, with -wal and -shm at the end.
const FileName = "backstop.db"

// Modes of what a store makes: it holds trades, and nobody else's business.
const (
	folderMode fs.FileMode = 0o700
	fileMode   fs.FileMode = 0o600
)

// Options change how a store works; the zero value is right for a service.
type Options struct {
	BusyTimeout time.Duration // how long SQLite waits for a lock of another process; 0 is 5 s
	Readers     int           // connections that read; 0 is 4
	GroupMax    int           // commits that share a transaction; 0 is 256
	WALMax      int64         // bytes of the WAL at which long readings end; 0 is 256 MB

	// Crash is called at each crash point and need not return: tests of crashes end the process there. nil in production.
	Crash func(point string)
}

func (o Options) orDefault() Options {
	if o.BusyTimeout <= 0 {
		o.BusyTimeout = 5 * time.Second
	}
	if o.Readers <= 0 {
		o.Readers = 4
	}
	if o.GroupMax <= 0 {
		o.GroupMax = 256
	}
	if o.WALMax <= 0 {
		o.WALMax = 256 << 20
	}
	return o
}

// The crash points of the store: what begins at each moves pages that a killed process leaves half moved.
const (
	CrashMigration  = "migration"  // a step of the schema is about to be applied
	CrashCheckpoint = "checkpoint" // pages of the WAL are about to be moved into the main file
	CrashSync       = "sync"       // a transaction is written, and not committed
)

// Store is a journal in a SQLite file.
type Store struct {
	path    string
	walMax  int64
	readers *sql.DB
	writer  *writer // nil in a store that was opened for reading
	lock    *lock   // nil likewise
	saving  sync.Mutex
	closed  atomic.Bool
}

var _ journal.Store = (*Store)(nil)

// Open opens the store in folder for writing and makes both where they are missing. It fails with
// journal.ErrLocked while another process holds the folder and with journal.ErrNewer where a newer version
// wrote it.
func Open(ctx context.Context, folder string, o Options) (_ *Store, err error) {
	o = o.orDefault()
	path, err := makeFolder(folder)
	if err != nil {
		return nil, fmt.Errorf("open journal: %w", err)
	}
	s := &Store{path: path, walMax: o.WALMax}
	defer func() {
		if err != nil {
			_ = s.Close() // the first failure is the one to tell
			err = fmt.Errorf("open journal %s: %w", path, told(err))
		}
	}()
	if s.lock, err = takeLock(filepath.Join(filepath.Dir(path), lockName)); err != nil {
		return nil, err
	}
	if s.lock.marked && emptied(path) {
		return nil, fmt.Errorf("%w: the file is empty, and a journal was in it", journal.ErrDamaged)
	}
	if err := makeFile(path); err != nil {
		return nil, err
	}
	if err := shorter(path); err != nil {
		return nil, err
	}
	writing := writingDSN(path, o)
	if err := migrate(ctx, writing); err != nil {
		return nil, err
	}
	if err := s.lock.mark(); err != nil {
		return nil, err
	}
	if s.readers, err = openPool(ctx, readingDSN(path, o, false), o.Readers); err != nil {
		return nil, err
	}
	if s.writer, err = startWriter(ctx, writing, o.GroupMax); err != nil {
		return nil, err
	}
	return s, nil
}

// OpenReadOnly opens the store in folder for reading, beside whoever writes it; Commit fails with
// journal.ErrReadOnly. It makes no store: where there is none the error is fs.ErrNotExist.
func OpenReadOnly(ctx context.Context, folder string) (*Store, error) {
	o := Options{}.orDefault()
	path, err := filepath.Abs(filepath.Join(folder, FileName))
	if err != nil {
		return nil, fmt.Errorf("open journal: %w", err)
	}
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("open journal: %w", err)
	}
	if err := shorter(path); err != nil {
		return nil, fmt.Errorf("open journal %s: %w", path, err)
	}
	readers, err := openPool(ctx, readingDSN(path, o, true), o.Readers)
	if err != nil {
		return nil, fmt.Errorf("open journal %s: %w", path, told(err))
	}
	if err := checkVersion(ctx, readers); err != nil {
		return nil, errors.Join(fmt.Errorf("open journal %s: %w", path, told(err)), readers.Close())
	}
	return &Store{path: path, walMax: o.WALMax, readers: readers}, nil
}

// Close waits for the commits under way, moves what they wrote into the main file and gives the folder up.
func (s *Store) Close() error {
	if s.closed.Swap(true) {
		return nil
	}
	var problems []error
	if s.writer != nil {
		problems = append(problems, s.writer.stop())
	}
	if s.readers != nil {
		problems = append(problems, s.readers.Close())
	}
	if s.lock != nil {
		problems = append(problems, s.lock.release())
	}
	if err := errors.Join(problems...); err != nil {
		return fmt.Errorf("close journal: %w", err)
	}
	return nil
}

// Commit writes c in one transaction, perhaps with other commits that wait, and returns when it is synced. A
// context that ends while c waits withdraws it; once its transaction has begun Commit waits for the truth.
func (s *Store) Commit(ctx context.Context, c *journal.Commit) error {
	if s.closed.Load() {
		return fmt.Errorf("commit: %w", journal.ErrClosed)
	}
	if s.writer == nil {
		return fmt.Errorf("commit: %w", journal.ErrReadOnly)
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	if c.Empty() {
		return nil
	}
	if err := c.Check(); err != nil {
		return err
	}
	t, err := newTask(c)
	if err != nil {
		return err
	}
	if err := s.writer.submit(ctx, t); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

// reading fails where the store is closed. A read that is under way at Close may fail with SQLite's own words.
func (s *Store) reading() error {
	if s.closed.Load() {
		return journal.ErrClosed
	}
	return nil
}

// makeFolder makes the folder where it is missing and gives the store's path in it. A folder that was there
// keeps its mode: it may be anybody's, and the files in it are closed to others all the same.
func makeFolder(folder string) (path string, err error) {
	if folder, err = filepath.Abs(folder); err != nil {
		return "", err
	}
	if _, err := os.Stat(folder); errors.Is(err, fs.ErrNotExist) {
		if err := os.MkdirAll(folder, folderMode); err != nil {
			return "", err
		}
		if err := syncFolder(filepath.Dir(folder)); err != nil {
			return "", err
		}
	}
	return filepath.Join(folder, FileName), nil
}

// shorter fails where the file has less than its head says, or part of a page: SQLite itself would take such a file
// and fail once it comes to what is missing. With a WAL beside it the head may be older than the file.
func shorter(path string) error {
	if _, err := os.Stat(path + "-wal"); err == nil {
		return nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil // there is none yet, or SQLite says what is wrong with it
	}
	defer func() { _ = f.Close() }() // only read
	head := make([]byte, 100)
	info, err := f.Stat()
	if err != nil || info.Size() == 0 {
		return err
	}
	if _, err := io.ReadFull(f, head); err != nil {
		return fmt.Errorf("%w: the file has %d bytes", journal.ErrDamaged, info.Size())
	}
	page, pages := int64(binary.BigEndian.Uint16(head[16:])), int64(binary.BigEndian.Uint32(head[28:]))
	if page == 1 {
		page = 64 << 10
	}
	if want := page * pages; info.Size() < want {
		return fmt.Errorf("%w: the file has %d bytes of %d", journal.ErrDamaged, info.Size(), want)
	}
	return nil
}

// emptied says whether the file is there and has no bytes. One that is missing was taken away by a person.
func emptied(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Size() == 0
}

// makeFile makes the file before SQLite does, which would take the umask's mode; SQLite gives its files beside
// it the same mode.
func makeFile(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, fileMode)
	if err != nil {
		return err
	}
	if err := errors.Join(f.Chmod(fileMode), f.Close()); err != nil && runtime.GOOS != "windows" {
		return err
	}
	return syncFolder(filepath.Dir(path))
}

// syncFolder makes a new name in a folder durable; Windows has no such call and needs none.
func syncFolder(folder string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	f, err := os.Open(folder)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
