package contract_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

const page = "../../../docs/paper.md"

var blocks = regexp.MustCompile("(?ms)^```([a-z]+)\n(.*?)^```$")

// code are the page's blocks of a language, with the exchange's address in place of the page's.
func code(t *testing.T, language, base string) []string {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, m := range blocks.FindAllStringSubmatch(string(text), -1) {
		if m[1] == language {
			all = append(all, strings.ReplaceAll(m[2], "127.0.0.1:8790", strings.TrimPrefix(base, "http://")))
		}
	}
	return all
}

func only(t *testing.T, all []string) string {
	t.Helper()
	if len(all) != 1 {
		t.Fatalf("%d examples on the page", len(all))
	}
	return all[0]
}

func TestThePagesGoProgramRuns(t *testing.T) {
	base, _ := exchange(t)
	source := filepath.Join(t.TempDir(), "main.go")
	if err := os.WriteFile(source, []byte(only(t, code(t, "go", base))), 0o600); err != nil {
		t.Fatal(err)
	}
	if told := command(t, 5*time.Minute, "go", "run", source); told != "COMPLETE\n" {
		t.Errorf("it said %q", told)
	}
}

func TestThePagesJavaScriptProgramRuns(t *testing.T) {
	needsClient(t)
	base, _ := exchange(t)
	source := "page_example.mjs" // beside the installed client
	if err := os.WriteFile(source, []byte(only(t, code(t, "js", base))), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Remove(source) })
	if told := command(t, runWithin, "node", source); told != "COMPLETE 1500\nfull 1500\n" {
		t.Errorf("it said %q", told)
	}
}

// TestThePageWordForWord does what the page says in its three terminals. It takes two minutes, for the page waits as a
// person would.
func TestThePageWordForWord(t *testing.T) {
	if !*whole {
		t.Skip("make test-contract runs it")
	}
	for _, tool := range []string{"bash", "curl", "sed"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Fatalf("%s is not installed", tool)
		}
	}
	paper, public, admin := free(t), free(t), free(t)
	own := strings.NewReplacer("127.0.0.1:8787", public, "127.0.0.1:8791", free(t))
	shell := code(t, "sh", "http://"+paper)
	for i := range shell {
		shell[i] = own.Replace(shell[i])
	}
	if len(shell) < 10 || !strings.HasPrefix(shell[0], "go build -o backstop") || !strings.Contains(shell[1], "./backstop serve") {
		t.Fatalf("the page no longer begins with the exchange and Backstop: %q", shell[:2])
	}
	root, folder := "../../..", t.TempDir()
	if err := os.Symlink(program(t), filepath.Join(folder, "backstop")); err != nil {
		t.Fatal(err)
	}
	rules, err := os.ReadFile(root + "/rules.yaml")
	if err == nil {
		err = os.WriteFile(filepath.Join(folder, "rules.yaml"), rules, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	environment := append(os.Environ(), "BACKSTOP_LISTEN="+public, "BACKSTOP_ADMIN="+admin, "NO_COLOR=1")
	first := terminal(t, folder, environment, strings.TrimSpace(strings.TrimPrefix(shell[0], "go build -o backstop ./cmd/backstop\n"))+" --listen "+paper)
	listens(t, paper, first)
	second := terminal(t, folder, environment, shell[1])
	listens(t, admin, second)

	// The third terminal: every command must do what it does without an error, the exchange's answers too, but for the
	// dead token of the night. A machine with much to do gets two seconds more than a person, and what has become of the
	// orders is read once more in the end.
	third := "sleep() { command sleep $(( $1 < 10 ? $1 + 2 : $1 )); }\nset -eo pipefail\nexport KITE_BASE_URL=http://" + paper + "\nuntil [[ $(./backstop status 2>&1) == *': ready'* ]]; do sleep 0.2; done\n"
	for i, block := range shell[2:] {
		third += fmt.Sprintf("echo '== %d'\n%s\n", i+3, block)
	}
	third += "./backstop journal list orders --data paper-data\n"
	ctx, cancel := context.WithTimeout(context.Background(), 6*time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, "bash", "-c", third)
	c.Dir, c.Env, c.WaitDelay = folder, environment, 10*time.Second
	said, err := c.CombinedOutput()
	text := string(said)
	if err != nil || strings.Count(text, `"status":"error"`) != 1 || !strings.Contains(text, `"status":"error","message":"Incorrect`) {
		t.Errorf("%v\n%s", err, text)
	}
	for _, want := range []string{
		`stop_loss.* COMPLETE|COMPLETE.* stop_loss`, // a stop, from entry to flat
		`CANCELLED`,            // its target
		`"data":\[\]`,          // doubled: nothing
		`"status":"triggered"`, // the GTT …
		`"status":"failed"`,    // … whose order failed
		`no session`,           // the dead session
		`exchange_token`,       // the instruments
	} {
		if !regexp.MustCompile(want).MatchString(text) {
			t.Errorf("nothing like %q in what the third terminal said", want)
		}
	}
	messages := first.String()
	for _, want := range []string{"telegram: [PAPER] ", "NO POSTBACK", "FAILED", "NOT PROTECTED"} {
		if !strings.Contains(messages, want) {
			t.Errorf("the first terminal has no message %q", want)
		}
	}
	if t.Failed() {
		t.Logf("first terminal:\n%s\nsecond:\n%s\nthird:\n%s", messages, second.String(), text)
	}
}

// terminal runs a block until the test ends.
func terminal(t *testing.T, folder string, environment []string, block string) *output {
	t.Helper()
	// exec, so that the program and not the shell is ended.
	lines := strings.Split(strings.TrimSpace(block), "\n")
	lines[len(lines)-1] = "exec " + lines[len(lines)-1]
	c := exec.Command("bash", "-c", strings.Join(lines, "\n"))
	said := new(output)
	c.Dir, c.Env, c.Stdout, c.Stderr = folder, environment, said, said
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait() })
	return said
}

// output is what a program says, read while it runs.
type output struct {
	mu   sync.Mutex
	said bytes.Buffer
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.said.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.said.String()
}

// free is an address that nobody listens on.
func free(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

// listens waits until the terminal's program does.
func listens(t *testing.T, address string, in *output) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; {
		c, err := net.Dial("tcp", address)
		if err == nil {
			_ = c.Close()
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%v; the terminal said:\n%s", err, in)
		}
		time.Sleep(50 * time.Millisecond)
	}
}
