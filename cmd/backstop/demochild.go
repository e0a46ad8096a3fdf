package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// child is a backstop serve in a process of its own, so that it can be killed as a power cut would.
type child struct {
	path string
	args []string
	env  []string
	dir  string
	log  *tail

	mu      sync.Mutex
	process *os.Process
	ended   chan struct{} // of the running process
}

// childOf is this very program as a service. Of the environment only what a program needs anywhere is passed on:
// nothing of the user's own settings, accounts and secrets.
func childOf(env environment, dir string, own map[string]string) (*child, error) {
	path, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	c := &child{path: path, args: []string{os.Args[0], "serve"}, dir: dir, log: &tail{}}
	for _, name := range slices.Sorted(mapKeys(env)) {
		if !strings.HasPrefix(name, "BACKSTOP_") && !strings.HasPrefix(name, "KITE_") && !strings.HasPrefix(name, "TELEGRAM_") {
			c.env = append(c.env, name+"="+env[name])
		}
	}
	for _, name := range slices.Sorted(mapKeys(own)) {
		c.env = append(c.env, name+"="+own[name])
	}
	return c, nil
}

// mapKeys iterates over a map's keys.
func mapKeys[V any, M ~map[string]V](m M) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// start starts the process.
func (c *child) start() error {
	cmd := &exec.Cmd{Path: c.path, Args: c.args, Env: c.env, Dir: c.dir, Stdout: c.log, Stderr: c.log}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start backstop serve: %w", err)
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait() // why it ended stands in its log
		close(ended)
	}()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.process, c.ended = cmd.Process, ended
	return nil
}

func (c *child) running() (*os.Process, chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.process, c.ended
}

// kill ends the process at once, as a power cut would, and returns when it is gone.
func (c *child) kill() {
	process, ended := c.running()
	if process == nil {
		return
	}
	_ = process.Kill() // it may be gone already
	<-ended
}

// stop asks the process to end, and kills it where it does not.
func (c *child) stop() {
	process, ended := c.running()
	if process == nil {
		return
	}
	if runtime.GOOS == "windows" || process.Signal(os.Interrupt) != nil {
		c.kill()
		return
	}
	select {
	case <-ended:
	case <-time.After(childStopMax):
		c.kill()
	}
}

const (
	childReadyMax = 15 * time.Second // from start to ready
	childStopMax  = 15 * time.Second // from asking to the end
)

// ready waits until the service says that it is armed.
func (c *child) ready(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, childReadyMax)
	defer cancel()
	_, ended := c.running()
	client := &http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{Proxy: nil, DisableKeepAlives: true}}
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/readyz", nil)
		if err != nil {
			return err
		}
		if reply, err := client.Do(request); err == nil {
			_ = reply.Body.Close()
			if reply.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-ended:
			return errors.New("backstop serve ended by itself")
		case <-ctx.Done():
			return errors.New("backstop serve did not become ready")
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Ports that freeAddress gives lie below those that kernels give to connections on their way out: such a one may be taken
// by anybody between the end of a process and its next start.
const (
	portsFrom = 20_000
	portsTo   = 32_000
)

var portsGiven sync.Map // none is given twice by one process

// freeAddress is a loopback address that nobody listens on at this moment.
func freeAddress() (string, error) {
	for range portsTo - portsFrom {
		port := portsFrom + rand.IntN(portsTo-portsFrom)
		if _, given := portsGiven.LoadOrStore(port, true); given {
			continue
		}
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			continue // somebody's
		}
		return l.Addr().String(), l.Close()
	}
	return "", errors.New("no port of this machine is free")
}

// tailMax is how much of a process's log is kept.
const tailMax = 16 << 10

// tail keeps the end of what is written to it.
type tail struct {
	mu   sync.Mutex
	text []byte
}

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, b...)
	if over := len(t.text) - tailMax; over > 0 {
		t.text = append(t.text[:0], t.text[over:]...)
	}
	return len(b), nil
}

// lines are the last n lines.
func (t *tail) lines(n int) []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := strings.Split(strings.TrimRight(string(t.text), "\n"), "\n")
	return all[max(0, len(all)-n):]
}
