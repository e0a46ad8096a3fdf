//go:build linux || darwin

package sqlite

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"testing"

	"backstop/engine/journal"
	"backstop/engine/journal/journaltest"
)

// fillTheDisk commits until writes fail with the kernel's own error, then with room again, and tells each outcome.
func fillTheDisk(folder string) error {
	signal.Ignore(syscall.SIGXFSZ)
	s, err := Open(context.Background(), folder, Options{})
	if err != nil {
		return err
	}
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		return err
	}
	room := limit
	write := func(n int) {
		c := journaltest.Numbered("AB", n)
		c.Docs[0].Body = make([]byte, 20_000)
		if err := s.Commit(context.Background(), c); err != nil {
			fmt.Println("failed", n)
			return
		}
		fmt.Println("kept", n)
	}
	for round := range 3 {
		room.Cur = uint64(800_000 * (round + 1))
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &room); err != nil {
			return err
		}
		for n := range 60 {
			write(round*100 + n)
		}
		room.Cur = limit.Cur
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &room); err != nil {
			return err
		}
		for n := range 3 {
			write(round*100 + 60 + n)
		}
	}
	return syscall.Kill(os.Getpid(), syscall.SIGKILL)
}

func TestADiskThatFailsIsNeverToldAsSuccess(t *testing.T) {
	folder := t.TempDir()
	_, lines := child(t, "full", folder)
	kept, failed, last := map[string]bool{}, map[string]bool{}, ""
	for lines.Scan() {
		word, n, _ := strings.Cut(lines.Text(), " ")
		id := fmt.Sprintf("2611230%08s", n)
		switch word {
		case "kept":
			kept[id] = true
		case "failed":
			failed[id] = true
		default:
			t.Fatalf("the child says %q", lines.Text())
		}
		last = lines.Text()
	}
	if len(failed) == 0 || len(kept) < 9 || last != "kept 262" {
		t.Fatalf("%d kept, %d failed, the last line %q", len(kept), len(failed), last)
	}
	s := open(t, folder)
	rows, _, err := s.Orders(t.Context(), journal.Query{Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range rows {
		if !kept[o.OrderID] {
			t.Errorf("%s is there (failed: %v)", o.OrderID, failed[o.OrderID])
		}
		delete(kept, o.OrderID)
	}
	if len(kept) > 0 {
		t.Errorf("acknowledged and lost: %v", kept)
	}
}
