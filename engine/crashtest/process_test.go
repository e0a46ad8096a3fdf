//go:build unix

package crashtest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// built is the program, made once for all tests.
var built = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "backstop-crash")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "backstop")
	build := exec.Command("go", "build", "-o", path, "./cmd/backstop")
	build.Dir = filepath.Join("..", "..")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w: %s", err, out)
	}
	return path, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if path, err := built(); err == nil {
		_ = os.RemoveAll(filepath.Dir(path))
	}
	os.Exit(code)
}

func program(t testing.TB) string {
	t.Helper()
	path, err := built()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// process is one running program. Its output goes to a file, which a kill does not cut short.
type process struct {
	cmd   *exec.Cmd
	log   string
	ended chan struct{}
}

// startProcess starts the program in dir; of the environment it has what env says, and a PATH.
func startProcess(t testing.TB, dir, log string, env []string, args ...string) *process {
	t.Helper()
	return startAs(t, -1, dir, log, env, args...)
}

// startAs starts it as another user; -1 is this one.
func startAs(t testing.TB, user int, dir, log string, env []string, args ...string) *process {
	t.Helper()
	out, err := os.OpenFile(filepath.Join(dir, log), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program(t), args...)
	if user >= 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(user), Gid: uint32(user)}}
	}
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, out, out
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir}, env...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := &process{cmd: cmd, log: out.Name(), ended: make(chan struct{})}
	go func() {
		_ = cmd.Wait() // how it ended is in ProcessState
		_ = out.Close()
		close(p.ended)
	}()
	t.Cleanup(p.kill) // whatever becomes of the test
	return p
}

// kill is kill -9; it returns when the process is gone.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // it may be gone already
	<-p.ended
}

// within waits for the process to end by itself.
func (p *process) within(d time.Duration) bool {
	select {
	case <-p.ended:
		return true
	case <-time.After(d):
		return false
	}
}

// killed says whether a kill -9 ended it, its own or ours.
func (p *process) killed() bool {
	status, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == syscall.SIGKILL
}

// code is how it ended: the exit code, -1 by a signal.
func (p *process) code() int { return p.cmd.ProcessState.ExitCode() }

// tail is the end of what it printed.
func (p *process) tail() string {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimRight(string(text), "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-12):], "\n")
}

// freePort is a port below those that the kernel gives to connections, so that nobody takes it while serve is down.
func freePort(t testing.TB) int {
	t.Helper()
	for range 200 {
		port := 10_000 + rand.IntN(10_000)
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue
		}
		_ = l.Close()
		return port
	}
	t.Fatal(errors.New("no free port"))
	return 0
}
