//go:build unix

package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// desk is a paper exchange with a login page, and how Backstop is pointed at it.
type desk struct {
	t                          *testing.T
	dir                        string
	env                        []string
	paperAt, publicAt, adminAt string
	paper                      *told // what the paper exchange printed, its messages too
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	d := &desk{t: t, dir: t.TempDir()}
	for _, at := range []*string{&d.paperAt, &d.publicAt, &d.adminAt} {
		var err error
		if *at, err = freeAddress(); err != nil {
			t.Fatal(err)
		}
	}
	d.env = []string{"PATH=" + os.Getenv("PATH"), "BACKSTOP_ADMIN=" + d.adminAt, "BACKSTOP_LISTEN=" + d.publicAt, "BACKSTOP_MARKET_HOURS=always",
		"KITE_BASE_URL=http://" + d.paperAt, "KITE_LOGIN_URL=http://" + d.paperAt + "/connect/login", "KITE_USER_ID=AB1234", "KITE_API_KEY=paper_key",
		"KITE_API_SECRET=" + plantedSecret}
	if err := os.WriteFile(filepath.Join(d.dir, "rules.yaml"), []byte("version: 1\nrules: []\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, d.paper = spawned(t, d.dir, d.env[:1], "paper", "--listen", d.paperAt, "--redirect-url", "http://"+d.publicAt+"/kite/callback", "--api-secret", plantedSecret)
	eventually(t, "the paper exchange answers", func() bool {
		reply, err := http.Get("http://" + d.paperAt + "/instruments")
		if err == nil {
			reply.Body.Close()
		}
		return err == nil
	})
	return d
}

// login starts backstop login; in is where lines can be pasted.
func (d *desk) login(env []string, args ...string) (cmd *exec.Cmd, out *told, in io.WriteCloser) {
	d.t.Helper()
	out = &told{}
	cmd = exec.Command("backstop", append([]string{"login"}, args...)...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = d.dir, env, out, out
	in, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	return cmd, out, in
}

var loginLink = regexp.MustCompile(`http://[^"\s]+/connect/login[^"\s]+`)

// link waits for the address of the login page.
func (d *desk) link(out *told) (link string) {
	d.t.Helper()
	eventually(d.t, "the link", func() bool {
		link = loginLink.FindString(string(out.bytes()))
		return link != ""
	})
	return link
}

// browse opens an address as a browser does and gives where it ended.
func (d *desk) browse(address string) (code int, text, at string) {
	d.t.Helper()
	reply, err := http.Get(address)
	if err != nil {
		d.t.Fatal(err)
	}
	defer reply.Body.Close()
	body, err := io.ReadAll(reply.Body)
	if err != nil {
		d.t.Fatal(err)
	}
	return reply.StatusCode, string(body), reply.Request.URL.String()
}

// redirect is where the login page would send the browser, which doesn't go there.
func (d *desk) redirect(link string) string {
	d.t.Helper()
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	reply, err := client.Get(link)
	if err != nil {
		d.t.Fatal(err)
	}
	defer reply.Body.Close()
	return reply.Header.Get("Location")
}

// ended waits for a command and gives its exit code.
func ended(t *testing.T, cmd *exec.Cmd) int {
	t.Helper()
	done := make(chan struct{})
	go func() { defer close(done); _ = cmd.Wait() }()
	select {
	case <-done:
	case <-time.After(30 * time.Second):
		t.Fatal("the command does not end")
	}
	return cmd.ProcessState.ExitCode()
}

func (d *desk) run(args ...string) (int, string) {
	d.t.Helper()
	cmd := exec.Command("backstop", args...)
	cmd.Dir, cmd.Env = d.dir, d.env
	out, _ := cmd.CombinedOutput() // the code says it
	return cmd.ProcessState.ExitCode(), string(out)
}

func (d *desk) kept() bool {
	_, err := os.Stat(filepath.Join(d.dir, "data", "session-AB1234.json"))
	return err == nil
}

func TestLogin(t *testing.T) {
	t.Parallel()
	d := newDesk(t)

	// Without a service the browser comes back to the command itself.
	cmd, out, _ := d.login(d.env)
	code, text, _ := d.browse(d.link(out))
	if code != http.StatusOK || !regexp.MustCompile(`^Backstop is logged in as AB1234 until \d+ \w+ 06:00\. You can close this page\.\n$`).MatchString(text) {
		t.Fatalf("%d %s", code, text)
	}
	if code := ended(t, cmd); code != exitFine || !strings.Contains(string(out.bytes()), "logged in as AB1234 until ") || !d.kept() {
		t.Fatalf("exit %d: %s", code, out.bytes())
	}

	// The service takes the kept session at its start, and notices a logout.
	serve, log := spawned(t, d.dir, d.env, "serve")
	ready := func() bool { _, text := d.run("status"); return strings.Contains(text, ": ready\n") }
	eventually(t, "ready with the kept session", ready)
	if code, text := d.run("logout"); code != exitFine || text != "the session of AB1234 is forgotten, and ended at Kite\n" || d.kept() {
		t.Errorf("exit %d: %s", code, text)
	}
	eventually(t, "the service knows that the session is over", func() bool {
		_, text := d.run("status")
		return strings.Contains(text, "no session: there is no Kite session")
	})

	// A return that belongs to no login is refused, whatever it brings, and ends no login that waits.
	cmd, out, _ = d.login(d.env, "--json")
	link := d.link(out)
	for _, query := range []string{"", "?state=", "?state=guessed&request_token=x&status=success", "?state=a&state=b", "?request_token=x", "?%zz"} {
		if code, text, _ := d.browse("http://" + d.publicAt + "/kite/callback" + query); code != http.StatusBadRequest || !strings.Contains(text, `"error_type":"InputException"`) {
			t.Errorf("%q: %d %s", query, code, text)
		}
	}

	// With a service the browser comes back to it; it goes on without restart, and the same return is good once.
	code, text, at := d.browse(link)
	if code != http.StatusOK {
		t.Fatalf("%d %s", code, text)
	}
	if code, _, _ := d.browse(at); code != http.StatusBadRequest {
		t.Errorf("the same return again: %d", code)
	}
	if code := ended(t, cmd); code != exitFine {
		t.Errorf("exit %d: %s", code, out.bytes())
	}
	var last map[string]string
	lines := strings.Split(strings.TrimSpace(string(out.bytes())), "\n")
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &last); err != nil || last["account"] != "AB1234" || !strings.HasSuffix(last["until"], "T06:00:00+05:30") {
		t.Errorf("%v, %v", lines, err)
	}
	eventually(t, "ready with the new session", ready)
	if code, text := d.run("logout"); code != exitFine {
		t.Errorf("exit %d: %s", code, text)
	}

	// Pasted, with the service elsewhere: an address of another login is a slip, the right one finishes.
	cmd, out, in := d.login(d.env)
	link = d.link(out)
	other, err := url.Parse(d.redirect(link))
	if err != nil {
		t.Fatal(err)
	}
	wrong := *other
	query := wrong.Query()
	query.Set("state", "another")
	wrong.RawQuery = query.Encode()
	_, _ = io.WriteString(in, wrong.String()+"\nhttp://x/?nothing=1\n")
	eventually(t, "the slips are told", func() bool {
		return strings.Contains(string(out.bytes()), "belongs to another login") && strings.Contains(string(out.bytes()), "no request_token stands in it")
	})
	_, _ = io.WriteString(in, other.String()+"\n")
	if code := ended(t, cmd); code != exitFine || !d.kept() {
		t.Errorf("exit %d: %s", code, out.bytes())
	}
	_, _ = d.run("logout")

	// The request_token alone.
	cmd, out, in = d.login(d.env)
	other, err = url.Parse(d.redirect(d.link(out)))
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(in, other.Query().Get("request_token")+"\n")
	if code := ended(t, cmd); code != exitFine || !d.kept() {
		t.Errorf("exit %d: %s", code, out.bytes())
	}
	_, _ = d.run("logout")

	// A wrong secret: told, nothing kept, the secret not repeated. And a login that is given up leaves no state behind.
	env := append(d.env[:len(d.env):len(d.env)], "KITE_API_SECRET=PLANTanothersecret", "BACKSTOP_LISTEN=127.0.0.1:0")
	cmd, out, in = d.login(env)
	other, err = url.Parse(d.redirect(d.link(out)))
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(in, other.String()+"\n")
	if code := ended(t, cmd); code != exitBroker || d.kept() || strings.Contains(string(out.bytes()), "PLANT") {
		t.Errorf("exit %d: %s", code, out.bytes())
	}
	cmd, out, _ = d.login(d.env)
	link = d.link(out)
	_ = cmd.Process.Signal(os.Interrupt)
	if code := ended(t, cmd); code != exitFound {
		t.Errorf("exit %d: %s", code, out.bytes())
	}
	if code, _, _ := d.browse(link); code != http.StatusBadRequest {
		t.Errorf("a login that was given up was finished: %d", code)
	}

	// No secret and no token stands in what was written.
	_ = serve.Process.Signal(syscall.SIGTERM)
	_ = serve.Wait()
	l := newLeaks(t)
	l.check("the service's log", log.bytes(), false)
	wantPrivate(t, l, filepath.Join(d.dir, "data"))
	if strings.Contains(string(log.bytes()), "request_token=") || !strings.Contains(string(log.bytes()), `"msg":"logged in","account":"AB1234"`) {
		t.Errorf("%s", log.bytes())
	}
}
