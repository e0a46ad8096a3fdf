//go:build unix

package main

import (
	"bufio"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"syscall"
	"testing"
	"time"
)

// TestSIGHUPReloadsAtOnce with a real service, whose file is replaced in one piece.
func TestSIGHUPReloadsAtOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("version: 1\nrules:\n  - name: "+text+"\n    on: fill\n    then:\n      - log: filled\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("rules.yaml", "first")
	write("next.yaml", "second")
	closed, err := net.Listen("tcp", "127.0.0.1:0") // nobody answers there
	if err != nil {
		t.Fatal(err)
	}
	_ = closed.Close()
	cmd := exec.Command("backstop", "serve", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--log", "json")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "KITE_USER_ID=AB1234", "KITE_API_KEY=k", "KITE_API_SECRET=s", "KITE_ACCESS_TOKEN=t", "KITE_BASE_URL=http://"+closed.Addr().String(), "TELEGRAM_USERS=42")
	log, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	bound := time.AfterFunc(time.Minute, func() { _ = cmd.Process.Kill() })
	defer bound.Stop()
	defer func() { _ = cmd.Wait() }()
	lines := bufio.NewScanner(log)
	until := func(patterns ...string) { // in whatever order
		t.Helper()
		for len(patterns) > 0 && lines.Scan() {
			patterns = slices.DeleteFunc(patterns, func(p string) bool { return regexp.MustCompile(p).MatchString(lines.Text()) })
		}
		if len(patterns) > 0 {
			t.Fatalf("the log ended before %q", patterns)
		}
	}
	until(`"msg":"backstop serves"`, `"msg":"TELEGRAM_USERS has no effect in this version`)
	if err := os.Rename(filepath.Join(dir, "next.yaml"), filepath.Join(dir, "rules.yaml")); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	until(`"msg":"the rules are read: SIGHUP"`, `"msg":"rules loaded"`, `"msg":"rules compared over today".*"comparison":"no difference today: 0 events decided alike"`)
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	until(`"msg":"ended"`)
}
