package sqlite

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"

	"backstop/engine/journal"
)

// lockName is the file whose lock says that a process writes the folder. The lock, not the file, counts: the
// kernel drops it with the process, however that ends, and the file stays.
const lockName = "backstop.lock"

// lockMark stands behind the pid once a journal was made in the folder: then a file of no bytes is a damaged journal
// and not a new one.
const lockMark = "journal"

// held refers to every lock that is held: the collector closes a file that nobody refers to, and with it a store that
// was dropped and not closed would give the folder up under the goroutine that still writes.
var held sync.Map

// lock is a lock that is held.
type lock struct {
	file   *os.File
	marked bool // a journal was made here
}

// takeLock takes the lock or fails with journal.ErrLocked.
func takeLock(path string) (*lock, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, fileMode)
	if err != nil {
		return nil, err
	}
	taken, err := tryLock(f)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), f.Close())
	}
	if !taken {
		err := fmt.Errorf("%w (%s)", journal.ErrLocked, holder(f))
		return nil, errors.Join(err, f.Close())
	}
	// For people who look: a pid that could not be written makes the lock no weaker.
	l := &lock{file: f, marked: marked(f)}
	l.write()
	held.Store(l, true)
	return l, nil
}

// write writes the pid and the mark.
func (l *lock) write() {
	text := strconv.Itoa(os.Getpid()) + "\n"
	if l.marked {
		text += lockMark + "\n"
	}
	if _, err := l.file.WriteAt([]byte(text), 0); err == nil {
		_ = l.file.Truncate(int64(len(text)))
	}
}

// mark notes that the folder has a journal.
func (l *lock) mark() error {
	if l.marked {
		return nil
	}
	l.marked = true
	l.write()
	return l.file.Sync()
}

// marked says whether the lock file has the mark.
func marked(f *os.File) bool {
	text := make([]byte, 64)
	n, _ := f.ReadAt(text, 0) // a short file is none that was marked
	_, rest, _ := strings.Cut(string(text[:n]), "\n")
	return strings.HasPrefix(rest, lockMark)
}

// holder names the process that wrote itself into the lock file.
func holder(f *os.File) string {
	text := make([]byte, 20)
	n, err := f.ReadAt(text, 0)
	first, _, _ := strings.Cut(string(text[:n]), "\n")
	pid, parseErr := strconv.Atoi(strings.TrimSpace(first))
	if err != nil && !errors.Is(err, io.EOF) || parseErr != nil {
		return "its lock file " + f.Name() + " does not say which"
	}
	return fmt.Sprintf("process %d, by %s", pid, f.Name())
}

// release gives the lock up; closing the file is what does it.
func (l *lock) release() error {
	held.Delete(l)
	return l.file.Close()
}
