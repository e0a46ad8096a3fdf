//go:build unix

package crashtest

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestADamagedJournal is found at start and told in one line with the way back.
func TestADamagedJournal(t *testing.T) {
	wholeOnly(t)
	w := newWorld(t, *seed, 1)
	w.start()
	w.ready()
	for i := range 4 {
		w.position(w.accounts[0], symbols[i], 2)
	}
	w.judge(judging{}, 30*time.Second)
	w.must(w.serve.cmd.Process.Signal(syscall.SIGTERM))
	<-w.serve.ended
	good, err := os.ReadFile(w.database())
	w.must(err)
	damage := map[string]func() []byte{
		"truncated to half":     func() []byte { return good[:len(good)/2] },
		"truncated within page": func() []byte { return good[:len(good)-1000] },
		"the head overwritten":  func() []byte { return append(bytes.Repeat([]byte{0xff}, 100), good[100:]...) },
		"no database at all":    func() []byte { return []byte("gone\n") },
	}
	for i := range 6 {
		at := len(good) / 7 * (i + 1)
		damage[fmt.Sprintf("flipped bytes at %d of %d", at, len(good))] = func() []byte {
			bad := bytes.Clone(good)
			for k := range 64 {
				bad[at+k] ^= 0x55
			}
			return bad
		}
	}
	harmless := 0
	for what, bad := range damage {
		w.must(os.WriteFile(w.database(), bad(), 0o600))
		w.removeWAL()
		if verify := startProcess(t, w.dir, "verify.log", nil, "journal", "verify", "--data", w.data); verify.within(30*time.Second) && verify.code() == 0 {
			t.Logf("%s: in a page that nothing uses", what)
			harmless++
			continue
		}
		p := w.apart()
		if p.within(3 * time.Second) { // what a start stands on is damaged
			t.Logf("%s: refused", what)
			w.refuse(4, p, w.data, "damaged", "backup")
			continue
		}
		w.until("a damage elsewhere is told: "+what, 30*time.Second, func() bool {
			if p.within(0) {
				t.Fatalf("%s: serve ended by itself:\n%s", what, p.tail())
			}
			text, err := os.ReadFile(p.log)
			w.must(err)
			return strings.Contains(string(text), "JOURNAL DAMAGED") && strings.Contains(string(text), "restore a backup")
		})
		t.Logf("%s: told", what)
		p.kill()
	}
	if harmless > 4 {
		t.Errorf("%d of %d harmed nothing", harmless, len(damage))
	}
	w.must(os.WriteFile(w.database(), good, 0o600))
	w.removeWAL()
	w.start()
	w.ready()
	w.judge(judging{}, 30*time.Second)
}

func (w *world) removeWAL() {
	for _, end := range []string{"-wal", "-shm"} {
		if err := os.Remove(w.database() + end); err != nil && !errors.Is(err, fs.ErrNotExist) {
			w.t.Fatal(err)
		}
	}
}
