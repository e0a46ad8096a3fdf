package sqlite

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"backstop/engine/journal"
	"backstop/engine/journal/journaltest"
)

// The test binary runs itself again as a process that can be killed; these settings say as what.
const (
	childVariable  = "BACKSTOP_SQLITE_TEST_CHILD"
	folderVariable = "BACKSTOP_SQLITE_TEST_FOLDER"
)

func TestMain(m *testing.M) {
	if what := os.Getenv(childVariable); what != "" {
		if err := children[what](os.Getenv(folderVariable)); err != nil {
			fmt.Println("error", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

var children = map[string]func(folder string) error{"hold": holdTheFolder, "commit": commitForEver, "full": fillTheDisk}

// holdTheFolder opens the store, commits once and waits to be killed.
func holdTheFolder(folder string) error {
	s, err := Open(context.Background(), folder, Options{})
	if err != nil {
		return err
	}
	if err := s.Commit(context.Background(), journaltest.Numbered("AB", 1)); err != nil {
		return err
	}
	runtime.GC() // the store is used no more, and its lock holds all the same
	runtime.GC()
	fmt.Println("held")
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// commitForEver commits from several goroutines and tells each commit once it is acknowledged.
func commitForEver(folder string) error {
	s, err := Open(context.Background(), folder, Options{})
	if err != nil {
		return err
	}
	var group sync.WaitGroup
	for g := range 8 {
		group.Go(func() {
			account := fmt.Sprint("account-", g)
			for n := 0; ; n++ {
				if err := s.Commit(context.Background(), journaltest.Numbered(account, n)); err != nil {
					fmt.Println("error", err)
					os.Exit(1)
				}
				fmt.Println(account, n)
			}
		})
	}
	group.Wait()
	return nil
}

// child starts the test binary as a child, which is killed at the latest at the end of the test.
func child(t *testing.T, what, folder string) (kill func(), lines *bufio.Scanner) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childVariable+"="+what, folderVariable+"="+folder)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var once sync.Once
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // a child that has ended can't be
		_ = in.Close()
		once.Do(func() { _ = cmd.Wait() })
	})
	return func() {
		if err := cmd.Process.Kill(); err != nil {
			t.Error(err)
		}
	}, bufio.NewScanner(out)
}

func TestASecondWriterIsRefusedUntilTheFirstIsGone(t *testing.T) {
	folder := t.TempDir()
	kill, lines := child(t, "hold", folder)
	if !lines.Scan() || lines.Text() != "held" {
		t.Fatalf("the child says %q", lines.Text())
	}
	_, err := Open(t.Context(), folder, Options{})
	if !errors.Is(err, journal.ErrLocked) || !strings.Contains(err.Error(), "process ") {
		t.Fatalf("a second writer: %v", err)
	}
	reader, err := OpenReadOnly(t.Context(), folder)
	if err != nil {
		t.Fatalf("a reader beside the writer: %v", err)
	}
	if rows, _, err := reader.Inputs(t.Context(), journal.Query{}); err != nil || len(rows) != 1 {
		t.Errorf("the reader sees %d inputs: %v", len(rows), err)
	}
	if err := reader.Commit(t.Context(), journaltest.Typical("AB")); !errors.Is(err, journal.ErrReadOnly) {
		t.Errorf("the reader commits: %v", err)
	}
	kill()
	for lines.Scan() { // until the pipe says that the child is gone
	}
	if rows, _, err := reader.Inputs(t.Context(), journal.Query{}); err != nil || len(rows) != 1 {
		t.Errorf("after the kill the reader sees %d inputs: %v", len(rows), err)
	}
	if err := reader.Close(); err != nil {
		t.Error(err)
	}
	alone, err := OpenReadOnly(t.Context(), folder)
	if err != nil {
		t.Fatalf("a reader after the kill: %v", err)
	}
	if rows, _, err := alone.Inputs(t.Context(), journal.Query{}); err != nil || len(rows) != 1 {
		t.Errorf("a reader after the kill sees %d inputs: %v", len(rows), err)
	}
	s := open(t, folder)
	if err := s.Commit(t.Context(), journaltest.Numbered("AB", 2)); err != nil {
		t.Error(err)
	}
	if rows, _, err := alone.Inputs(t.Context(), journal.Query{}); err != nil || len(rows) != 2 {
		t.Errorf("a reader beside the next writer sees %d inputs: %v", len(rows), err)
	}
	if err := alone.Close(); err != nil {
		t.Error(err)
	}
}

func TestEveryAcknowledgedCommitOutlivesAKill(t *testing.T) {
	folder := t.TempDir()
	acknowledged, most := map[string]int{}, 0
	for round := range 3 {
		kill, lines := child(t, "commit", folder+fmt.Sprint(round))
		for n := 0; lines.Scan(); n++ {
			var account string
			var number int
			if _, err := fmt.Sscan(lines.Text(), &account, &number); err != nil {
				t.Fatalf("the child says %q", lines.Text())
			}
			acknowledged[account] = number + 1
			if n == 100+100*round {
				kill()
			}
		}
		s := open(t, folder+fmt.Sprint(round)) // at once: the kernel dropped the lock
		for account, n := range acknowledged {
			snap, err := s.Load(t.Context(), account, "")
			if err != nil {
				t.Fatal(err)
			}
			inputs := count(t, s, "inputs", account)
			if len(snap.Orders) < n || inputs != len(snap.Orders) || count(t, s, "events", account) != inputs || len(snap.Docs) != inputs+1 {
				t.Errorf("%s: of %d acknowledged commits there are %d orders, %d inputs, %d events, %d docs", account, n,
					len(snap.Orders), inputs, count(t, s, "events", account), len(snap.Docs))
			}
			for i, o := range snap.Orders {
				want := journaltest.Numbered(account, i).Orders[0]
				if o.OrderID != want.OrderID || string(o.Doc) != string(want.Doc) {
					t.Fatalf("%s: order %d is %s", account, i, o.OrderID)
				}
			}
			most = max(most, n)
		}
		var check string
		if err := s.readers.QueryRowContext(t.Context(), "PRAGMA integrity_check").Scan(&check); err != nil || check != "ok" {
			t.Errorf("integrity: %s, %v", check, err)
		}
		clear(acknowledged)
	}
	if most == 0 {
		t.Error("nothing was acknowledged")
	}
}

func count(t *testing.T, s *Store, table, account string) (n int) {
	t.Helper()
	if err := s.readers.QueryRowContext(t.Context(), "SELECT count(*) FROM "+table+" WHERE account = ?", account).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestAReaderBesideTheWriterSeesWholeCommits(t *testing.T) {
	folder := t.TempDir()
	s := open(t, folder)
	reader, err := OpenReadOnly(t.Context(), folder)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := reader.Close(); err != nil {
			t.Error(err)
		}
	}()
	stop := make(chan struct{})
	var group sync.WaitGroup
	group.Go(func() {
		for n := 0; ; n++ {
			select {
			case <-stop:
				return
			default:
			}
			if err := s.Commit(context.Background(), journaltest.Numbered("AB", n)); err != nil {
				t.Error(err)
				return
			}
		}
	})
	seen := 0
	for deadline := time.Now().Add(5 * time.Second); seen < 50 && time.Now().Before(deadline); {
		snap, err := reader.Load(t.Context(), "AB", "")
		if err != nil {
			t.Fatal(err)
		}
		if n := len(snap.Orders); n < seen || n > 0 && len(snap.Docs) != n+1 {
			t.Fatalf("%d orders after %d, %d docs", n, seen, len(snap.Docs))
		}
		seen = len(snap.Orders)
	}
	close(stop)
	group.Wait()
	if seen < 50 {
		t.Errorf("the reader saw %d commits", seen)
	}
}
