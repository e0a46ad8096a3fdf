//go:build unix

package crashtest

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// world is one exchange with the service beside it.
type world struct {
	t        testing.TB
	dice     *rand.Rand
	dir      string // everything is in it; kept where the test fails
	data     string
	accounts []account
	paper    *process
	exchange *exchange
	serve    *process
	admin    string
	public   string
	settings map[string]string // of serve
}

// newWorld starts an exchange with so many accounts. serve is not started.
func newWorld(t testing.TB, seed uint64, accounts int) *world {
	t.Helper()
	dir, err := os.MkdirTemp("", "backstop-crash-world")
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, dice: rand.New(rand.NewPCG(seed, 0x6b696c6c)), dir: dir, data: filepath.Join(dir, "data"), accounts: accountsOf(accounts)}
	address := fmt.Sprintf("127.0.0.1:%d", freePort(t))
	w.public, w.admin = fmt.Sprintf("127.0.0.1:%d", freePort(t)), fmt.Sprintf("127.0.0.1:%d", freePort(t))
	w.exchange = newExchange("http://" + address)
	t.Cleanup(w.end)
	first := w.accounts[0]
	w.paper = startProcess(t, dir, "paper.log", nil, "paper", "--listen", address, "--user-id", first.user, "--api-key", first.key,
		"--api-secret", first.secret, "--access-token", first.token, "--postback-url", w.postbackURL(first), "--record", "kept")
	w.until("the exchange listens", 10*time.Second, func() bool { _, err := w.exchange.book(); return err == nil })
	for _, a := range w.accounts[1:] {
		w.must(w.exchange.control("account", map[string]any{"user": a.user, "api_key": a.key, "api_secret": a.secret,
			"access_token": a.token, "url": w.postbackURL(a)}, nil))
	}
	w.configure()
	if seed%2 == 1 { // half of the worlds have postbacks and the book alone
		w.settings["KITE_WS_URL"] = "ws" + strings.TrimPrefix(w.exchange.base, "http") + "/ws"
	}
	return w
}

func (w *world) postbackURL(a account) string { return "http://" + w.public + "/postback/" + a.key }

// configure writes backstop.yaml and takes the rules that a first user starts from.
func (w *world) configure() {
	var b strings.Builder
	b.WriteString("accounts:\n")
	for _, a := range w.accounts {
		fmt.Fprintf(&b, "  %s: { api_key: %s, api_secret: %s, access_token: %s }\n", a.user, a.key, a.secret, a.token)
	}
	rules, err := os.ReadFile(filepath.Join("..", "..", "rules.yaml"))
	w.must(err)
	w.must(os.WriteFile(filepath.Join(w.dir, "backstop.yaml"), []byte(b.String()), 0o600))
	w.must(os.WriteFile(filepath.Join(w.dir, "rules.yaml"), rules, 0o600))
	w.settings = map[string]string{"KITE_BASE_URL": w.exchange.base, "TELEGRAM_BASE_URL": w.exchange.base + "/telegram",
		"TELEGRAM_BOT_TOKEN": "1:paper", "TELEGRAM_CHAT_ID": "1", "BACKSTOP_MODE": "live", "BACKSTOP_DATA": w.data,
		"BACKSTOP_LISTEN": w.public, "BACKSTOP_ADMIN": w.admin, "BACKSTOP_MARKET_HOURS": "always", "BACKSTOP_RECONCILE": "@every 5s"}
}

// start starts serve; own settings come on top of the world's.
func (w *world) start(own ...string) *process {
	w.serve = startProcess(w.t, w.dir, "serve.log", w.environment(own...), "serve")
	return w.serve
}

func (w *world) environment(own ...string) []string {
	var env []string
	for name, value := range w.settings {
		env = append(env, name+"="+value)
	}
	return append(env, own...)
}

// ready waits until serve says that it is armed.
func (w *world) ready() {
	w.t.Helper()
	w.until("serve is armed", 60*time.Second, func() bool {
		if w.serve.within(0) {
			w.t.Fatalf("serve ended by itself with code %d:\n%s", w.serve.code(), w.serve.tail())
		}
		return w.armed()
	})
}

func (w *world) armed() bool {
	reply, err := w.exchange.client.Get("http://" + w.admin + "/readyz")
	if err != nil {
		return false
	}
	_ = reply.Body.Close()
	return reply.StatusCode == http.StatusOK
}

// reconcile reads every account's order book once.
func (w *world) reconcile() error {
	r, err := http.NewRequest(http.MethodPost, "http://"+w.admin+"/api/v1/reconcile", strings.NewReader("{}"))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	return w.exchange.ask(r, nil)
}

// until waits for what must come.
func (w *world) until(what string, most time.Duration, true_ func() bool) {
	w.t.Helper()
	for end := time.Now().Add(most); !true_(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			last := ""
			if w.serve != nil {
				last = w.serve.tail()
			}
			w.t.Fatalf("after %s it is not so that %s\n%s", most, what, last)
		}
	}
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// end stops what runs, and keeps the folder where the test failed.
func (w *world) end() {
	for _, p := range []*process{w.serve, w.paper} {
		if p != nil {
			p.kill()
		}
	}
	if w.t.Failed() {
		w.t.Logf("kept: %s", w.dir)
		return
	}
	_ = os.RemoveAll(w.dir)
}
