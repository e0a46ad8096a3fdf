// Package contract_test runs clients that others wrote against the built paper exchange. The official Go client's tests
// stand in engine/paper (TestOfficial…); here is the official JavaScript client, under node.
package contract_test

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// whole installs the client and fails where that cannot be done; without it the test is skipped there.
var whole = flag.Bool("whole", false, "install the JavaScript client, and fail without node")

const (
	installWithin = 4 * time.Minute
	runWithin     = 4 * time.Minute
)

// needsClient ends or skips a test that has no JavaScript client, and installs it once where it may.
func needsClient(t *testing.T) {
	t.Helper()
	for _, tool := range []string{"node", "npm"} {
		if _, err := exec.LookPath(tool); err != nil && *whole {
			t.Fatalf("%s is not installed: the contract tests need node 18 or later and npm (Debian: apt-get install nodejs npm)", tool)
		} else if err != nil {
			t.Skipf("%s is not installed; make test-contract needs it", tool)
		}
	}
	if *whole {
		install.Do(func() { command(t, installWithin, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund") })
	}
	if _, err := os.Stat(filepath.Join("node_modules", "kiteconnect")); err != nil {
		t.Skip("the client is not installed; make test-contract installs it")
	}
}

var install sync.Once

func TestTheOfficialJavaScriptClient(t *testing.T) {
	needsClient(t)
	base, socket := exchange(t)
	told := command(t, runWithin, "node", "contract.mjs", base, socket)
	for _, part := range []string{"session", "orders", "varieties", "gtt", "portfolio", "margins", "market", "ticker", "postback", "failures"} {
		if !strings.Contains(told, "ok "+part+"\n") {
			t.Errorf("no word of %s", part)
		}
	}
	t.Log(told)
}

// command runs a program in this folder and gives what it said; its failure is the test's.
func command(t *testing.T, within time.Duration, name string, arguments ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	c := exec.CommandContext(ctx, name, arguments...)
	c.WaitDelay = 10 * time.Second
	said, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(arguments, " "), err, said)
	}
	return string(said)
}

// exchange is the built program as a paper exchange; it ends with the test.
func exchange(t *testing.T) (base, socket string) {
	t.Helper()
	c := exec.Command(program(t), "paper", "--listen", "127.0.0.1:0", "--json")
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait() })
	var at struct {
		Base   string `json:"base_url"`
		Socket string `json:"ws_url"`
	}
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &at)
	}
	if err != nil {
		t.Fatalf("the exchange said %q: %v", line, err)
	}
	return at.Base, at.Socket
}

// program is Backstop, built once for all tests here.
func program(t *testing.T) string {
	t.Helper()
	build.Do(func() { command(t, 5*time.Minute, "go", "build", "-o", built, "../../../cmd/backstop") })
	return built
}

var (
	build sync.Once
	built string
)

func TestMain(m *testing.M) {
	folder, err := os.MkdirTemp("", "backstop-contract")
	if err != nil {
		panic(err)
	}
	built = filepath.Join(folder, "backstop")
	if runtime.GOOS == "windows" {
		built += ".exe"
	}
	flag.Parse()
	code := m.Run()
	_ = os.RemoveAll(folder)
	os.Exit(code)
}
