package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestACrashPointEndsTheProcessAtItsNthTimeOnly(t *testing.T) {
	t.Parallel()
	for spec, want := range map[string]int{"send": 1, "send:3": 3, "send:9": 0, "record": 0, "checkpoint:1": 0} {
		ended, reached := 0, 0
		crash, err := parseCrash(spec, func() { ended = reached })
		if err != nil {
			t.Fatal(err)
		}
		for reached = 1; reached <= 5; reached++ {
			crash("send")
		}
		if ended != want {
			t.Errorf("%s: ended at the call %d, want %d", spec, ended, want)
		}
	}
	for _, spec := range []string{"sned", "send:0", "send:x", "send+x", "send+-1s", ""} {
		if _, err := parseCrash(spec, func() {}); err == nil || !strings.Contains(err.Error(), crashVariable) {
			t.Errorf("%q: %v", spec, err)
		}
	}
}

func TestADelayedCrashLetsTheProcessGoOn(t *testing.T) {
	t.Parallel()
	ended := make(chan bool)
	crash, err := parseCrash("commit:2+1ms", func() { close(ended) })
	if err != nil {
		t.Fatal(err)
	}
	crash("commit")
	crash("commit")
	crash("commit") // once is enough
	<-ended
}

func TestAWrongClockFollowsItsFile(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "clock")
	at := time.Date(2026, 11, 25, 10, 0, 0, 0, time.UTC)
	now := wrongClock(file, func() time.Time { at = at.Add(time.Second); return at })
	if got := now().Sub(at); got != 0 {
		t.Errorf("without a file it is wrong by %s", got)
	}
	for _, d := range []string{"-90s", "1h0m0s", "0s"} {
		if err := os.WriteFile(file, []byte(d+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, _ := time.ParseDuration(d); now().Sub(at) != got {
			t.Errorf("wrong by %s, want %s", now().Sub(at), d)
		}
	}
}
