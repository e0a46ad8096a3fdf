package sqlite

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"backstop/engine/journal"
)

// lockName is the file whose lock says that a process writes the folder. The lock, not the file, counts: the
// kernel drops it with the process, however that ends, and the file stays.
const lockName = "backstop.lock"

// lock is a lock that is held.
type lock struct{ file *os.File }

// takeLock takes the lock or fails with journal.ErrLocked.
func takeLock(path string) (*lock, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, fileMode)
	if err != nil {
		return nil, err
	}
	held, err := tryLock(f)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), f.Close())
	}
	if !held {
		err := fmt.Errorf("%w (%s)", journal.ErrLocked, holder(f))
		return nil, errors.Join(err, f.Close())
	}
	// For people who look: a pid that could not be written makes the lock no weaker.
	if f.Truncate(0) == nil {
		_, _ = f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	}
	return &lock{f}, nil
}

// holder names the process that wrote itself into the lock file.
func holder(f *os.File) string {
	text := make([]byte, 20)
	n, err := f.ReadAt(text, 0)
	pid, parseErr := strconv.Atoi(strings.TrimSpace(string(text[:n])))
	if err != nil && !errors.Is(err, io.EOF) || parseErr != nil {
		return "its lock file " + f.Name() + " does not say which"
	}
	return fmt.Sprintf("process %d, by %s", pid, f.Name())
}

// release gives the lock up; closing the file is what does it.
func (l *lock) release() error { return l.file.Close() }
