//go:build unix

package crashtest

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// busy lets the trader trade for so long, with a kill at the end.
func (w *world) busy(seed uint64, d time.Duration) {
	tr := w.trade(seed, 30*time.Millisecond)
	time.Sleep(d)
	w.serve.kill()
	time.Sleep(300 * time.Millisecond) // what happens now nobody sees
	tr.end()
}

// TestABackupOfYesterdayRestoredAtNoon: the tags in the book find what was sent since, nothing is sent twice, and what
// is open has its stop in the end.
func TestABackupOfYesterdayRestoredAtNoon(t *testing.T) {
	wholeOnly(t)
	w := newWorld(t, *seed, 2)
	clock, backup := filepath.Join(w.dir, "clock"), filepath.Join(w.dir, "yesterday.db")
	w.settings["BACKSTOP_TEST_CLOCK"] = clock
	w.must(os.WriteFile(clock, []byte("-24h"), 0o600))
	w.start()
	w.ready()
	w.must(w.serve.cmd.Process.Signal(syscall.SIGTERM))
	<-w.serve.ended
	w.backup(backup)

	w.must(os.WriteFile(clock, []byte("0s"), 0o600))
	w.start()
	w.ready()
	w.busy(*seed, 3*time.Second)
	w.restore(backup)
	w.start()
	w.ready()
	w.judge(judging{lost: true}, 60*time.Second)
	w.busy(*seed+1, 2*time.Second)
	w.start()
	w.ready()
	w.judge(judging{lost: true}, 60*time.Second)
}

// TestABackupOfThisMorningRestored is the same with a day's orders in the backup.
func TestABackupOfThisMorningRestored(t *testing.T) {
	wholeOnly(t)
	w := newWorld(t, *seed, 2)
	backup := filepath.Join(w.dir, "morning.db")
	w.start()
	w.ready()
	w.busy(*seed+2, 2*time.Second)
	w.start()
	w.ready()
	w.backup(backup) // beside the running service
	w.busy(*seed+3, 3*time.Second)
	w.restore(backup)
	w.start()
	w.ready()
	w.judge(judging{lost: true}, 60*time.Second)
}

// TestALostTailOfTheWAL: a WAL that lost its last pages is an older journal, and no more than that.
func TestALostTailOfTheWAL(t *testing.T) {
	wholeOnly(t)
	w := newWorld(t, *seed, 2)
	w.start()
	w.ready()
	w.busy(*seed+4, 3*time.Second)
	info, err := os.Stat(w.database() + "-wal")
	w.must(err)
	w.must(os.Truncate(w.database()+"-wal", info.Size()*2/3))
	w.start()
	w.ready()
	w.judge(judging{lost: true}, 60*time.Second)
}

// TestALostDataFolder with adopt: today is as good as none lost: everything in the book is decided anew, and what was
// sent is found by its tag.
func TestALostDataFolder(t *testing.T) {
	wholeOnly(t)
	w := newWorld(t, *seed, 2)
	w.start()
	w.ready()
	w.busy(*seed+5, 3*time.Second)
	w.must(os.RemoveAll(w.data))
	w.start("BACKSTOP_ADOPT=today")
	w.ready()
	w.judge(judging{lost: true}, 60*time.Second)
}

// TestALostDataFolderLeftAlone: with adopt: new the first arming leaves what is in the book, and nothing is sent twice;
// what comes afterwards is covered.
func TestALostDataFolderLeftAlone(t *testing.T) {
	wholeOnly(t)
	w := newWorld(t, *seed, 1)
	w.start()
	w.ready()
	for i := range 3 {
		w.position(w.accounts[0], symbols[i], 2)
	}
	w.judge(judging{}, 30*time.Second)
	before, err := w.exchange.book()
	w.must(err)
	w.serve.kill()
	w.must(os.RemoveAll(w.data))
	w.start()
	w.ready()
	w.position(w.accounts[0], symbols[3], 1)
	w.covered(30 * time.Second)
	time.Sleep(2 * time.Second) // what is wrongly sent would be by now
	after, err := w.exchange.book()
	w.must(err)
	w.condemn("after the loss", judgeTags(after))
	now := map[string]row{}
	for _, o := range after {
		now[o.OrderID] = o
	}
	for _, o := range before {
		if now[o.OrderID] != o {
			t.Errorf("an order of before was touched: %+v is %+v", o, now[o.OrderID])
		}
	}
	if added := len(after) - len(before); added != 3 {
		t.Errorf("%d orders were added, want the entry, its stop and its target", added)
	}
}

// backup is journal backup.
func (w *world) backup(file string) {
	w.t.Helper()
	p := startProcess(w.t, w.dir, "backup.log", nil, "journal", "backup", file, "--data", w.data)
	if !p.within(30*time.Second) || p.code() != 0 {
		p.kill()
		w.t.Fatalf("journal backup: %s", p.tail())
	}
}

// restore puts a backup in the place of the journal, as its help says.
func (w *world) restore(backup string) {
	w.t.Helper()
	text, err := os.ReadFile(backup)
	w.must(err)
	w.must(os.RemoveAll(w.data))
	w.must(os.Mkdir(w.data, 0o700))
	w.must(os.WriteFile(w.database(), text, 0o600))
}

// TestAClockThatJumps: a lane's time never falls, and goes on although the clock went back.
func TestAClockThatJumps(t *testing.T) {
	wholeOnly(t)
	w := newWorld(t, *seed, 1)
	clock := filepath.Join(w.dir, "clock")
	w.settings["BACKSTOP_TEST_CLOCK"] = clock
	w.start()
	w.ready()
	tr := w.trade(*seed+6, 40*time.Millisecond)
	for i, wrong := range []string{"90s", "-45s", "20m", "0s", "-10m", "5m", "0s"} {
		w.must(os.WriteFile(clock, []byte(wrong), 0o600))
		time.Sleep(700 * time.Millisecond)
		if i%2 == 1 {
			w.serve.kill()
			w.start()
		}
	}
	w.ready()
	tr.end()
	w.judge(judging{}, 90*time.Second)
	// Long after the jump back, what needs time to pass still gets it.
	w.must(w.exchange.control("next", map[string]any{"point": "place", "fault": "5xx"}, nil)) // not done, and not known
	w.position(w.accounts[0], symbols[1], 1)
	w.judge(judging{}, 90*time.Second)
}
