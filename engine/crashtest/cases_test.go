//go:build unix

package crashtest

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// database is the journal's file, and its WAL's.
func (w *world) database() string { return filepath.Join(w.data, "backstop.db") }

// refuse starts serve and wants it to end by itself with that code and one line on standard error that holds all of words.
func (w *world) refuse(code int, p *process, words ...string) {
	w.t.Helper()
	if !p.within(20 * time.Second) {
		p.kill()
		w.t.Fatalf("serve runs, where it was to be refused: %v\n%s", words, p.tail())
	}
	text, err := os.ReadFile(p.log)
	w.must(err)
	said := strings.TrimSpace(string(text))
	if p.code() != code {
		w.t.Errorf("exit code %d, want %d: %s", p.code(), code, said)
	}
	if strings.Count(said, "\n") > 0 || !strings.HasPrefix(said, "backstop: ") {
		w.t.Errorf("want one line that begins with backstop:, not\n%s", said)
	}
	for _, word := range words {
		if !strings.Contains(said, word) {
			w.t.Errorf("it says %q, and nothing of %q", said, word)
		}
	}
}

// apart starts serve with a log of its own, as a second program would.
func (w *world) apart(own ...string) *process {
	w.t.Helper()
	return startProcess(w.t, w.dir, fmt.Sprintf("apart%d.log", time.Now().UnixNano()), w.environment(own...), "serve")
}

// position enters and fills, and waits until the stop stands.
func (w *world) position(a account, symbol string, lots int) {
	w.t.Helper()
	w.must(w.exchange.price(symbol, 300))
	limit, id := 290.0, ""
	if side(symbol) == "SELL" {
		limit = 310
	}
	w.until("an entry is taken", 10*time.Second, func() (ok bool) {
		var err error
		id, err = w.exchange.entry(a, symbol, lots, limit)
		return err == nil
	})
	w.must(w.exchange.fill(id, lots*lot))
}

func (w *world) covered(most time.Duration) {
	w.t.Helper()
	w.until("everything is covered", most, func() bool {
		book, err := w.exchange.book()
		return err == nil && len(judgeCover(book)) == 0
	})
}

// TestTwoProcessesOnOneFolder: the second is refused and the first goes on.
func TestTwoProcessesOnOneFolder(t *testing.T) {
	wholeOnly(t)
	w := newWorld(t, *seed, 1)
	w.start()
	w.ready()
	w.refuse(4, w.apart("BACKSTOP_LISTEN=127.0.0.1:0", "BACKSTOP_ADMIN=127.0.0.1:0"), w.data, "held by another Backstop", "--data")
	w.position(w.accounts[0], symbols[0], 2)
	w.judge(judging{}, 30*time.Second)
}

// TestAFolderThatCannotBeWritten is refused at start in one line.
func TestAFolderThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	w := newWorld(t, *seed, 1)
	w.start()
	w.ready()
	w.serve.kill()
	closed := func(mode fs.FileMode, fileMode fs.FileMode) {
		files, err := filepath.Glob(filepath.Join(w.data, "*"))
		w.must(err)
		for _, f := range files {
			w.must(os.Chmod(f, fileMode))
		}
		w.must(os.Chmod(w.data, mode))
	}
	// root may write anywhere, so the program runs as nobody there
	start := func() *process {
		if os.Geteuid() != 0 {
			return w.apart()
		}
		w.must(os.Chmod(w.dir, 0o755))
		w.must(os.Chmod(filepath.Dir(program(t)), 0o755))
		w.must(os.Chmod(filepath.Join(w.dir, "backstop.yaml"), 0o644))
		w.must(os.Chmod(filepath.Join(w.dir, "rules.yaml"), 0o644))
		return startAs(t, nobody, w.dir, fmt.Sprintf("apart%d.log", time.Now().UnixNano()), w.environment(), "serve")
	}
	closed(0o555, 0o444)
	w.refuse(4, start(), w.data, "can't be written")
	closed(0o755, 0o444) // the files alone
	w.refuse(4, start(), w.data, "can't be written")
	closed(0o700, 0o600)
	w.start()
	w.ready()
	w.position(w.accounts[0], symbols[0], 1)
	w.judge(judging{}, 30*time.Second)
}

// nobody is a user without rights.
const nobody = 65534

// TestAFullDisk: nothing is acknowledged that is not kept, a kill and a start on the full disk tell what is wrong, and
// with room again all is made good without a word from anybody.
func TestAFullDisk(t *testing.T) {
	wholeOnly(t)
	w := newWorld(t, *seed, 1)
	w.must(os.Mkdir(w.data, 0o700))
	if err := syscall.Mount("tmpfs", w.data, "tmpfs", 0, "size=6m,mode=0700"); errors.Is(err, syscall.EPERM) {
		t.Skip("a small disk can be mounted by root alone")
	} else if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		w.serve.kill()
		if err := syscall.Unmount(w.data, 0); err != nil {
			t.Error(err)
		}
	})
	w.start()
	w.ready()
	w.position(w.accounts[0], symbols[0], 2)
	w.covered(20 * time.Second)

	filler := filepath.Join(w.data, "filler")
	w.must(fillDisk(filler))
	refused := func() bool {
		var s struct{ Failed int }
		return w.exchange.look("postbacks", &s) == nil && s.Failed > 0
	}
	for i := 0; !refused(); i++ {
		if i > 400 {
			t.Fatal("the disk is full and every postback is acknowledged")
		}
		w.position(w.accounts[0], symbols[i%4], 1)
		time.Sleep(20 * time.Millisecond)
		w.must(fillDisk(filler))
	}
	w.until("readiness says that the journal can't be written", 10*time.Second, func() bool { return !w.armed() })
	w.serve.kill()
	full := w.apart()
	if full.within(3 * time.Second) {
		w.refuse(4, full, w.data)
		t.Logf("a start on a full disk: %s", full.tail())
	} else { // it found room enough to start, and takes nothing that it can't keep
		full.kill()
	}
	w.must(os.Remove(filler))
	w.start()
	w.ready()
	w.judge(judging{}, 60*time.Second)

	// The same without a start in between: it goes on by itself.
	w.must(fillDisk(filler))
	for i := 0; w.armed(); i++ {
		if i > 400 {
			t.Fatal("the disk is full and the service is ready")
		}
		w.position(w.accounts[0], symbols[i%4], 1)
		time.Sleep(20 * time.Millisecond)
		w.must(fillDisk(filler))
	}
	w.until("a person is told", 60*time.Second, func() bool { // a journal is given 10 s
		text, err := os.ReadFile(w.serve.log)
		w.must(err)
		return bytes.Contains(text, []byte("JOURNAL FAILS"))
	})
	w.must(os.Remove(filler))
	w.ready()
	w.judge(judging{}, 60*time.Second)
}

// fillDisk takes all that is left.
func fillDisk(name string) error {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	for size := 64 << 10; size > 0; {
		if _, err := f.Write(make([]byte, size)); err != nil {
			size /= 2
		}
	}
	return f.Close()
}
