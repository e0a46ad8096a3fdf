//go:build unix

package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// What is planted: each secret is a text that stands nowhere else.
const (
	plantedSecret   = "PLANTapisecret8f3a1c"
	plantedOld      = "PLANToldsecret61d7ea"
	plantedToken    = "PLANTaccesstoken77b2e0"
	plantedBot      = "7311:PLANTbottoken5d09aa"
	plantedDeskBot  = "8422:PLANTdeskbot1e44f7"
	plantedPassword = "PLANTadminpassword90cd3b"
	plantedVar      = "PLANTvariable2b6fe1"
)

// leaks looks for the planted in texts, in every way in which it could stand there.
type leaks struct {
	t     *testing.T
	forms map[string]string // as it could stand → what it is

	mu        sync.Mutex
	checksums map[string]bool // of postbacks that were sent
	seen      []string
}

func newLeaks(t *testing.T) *leaks {
	l := &leaks{t: t, forms: map[string]string{}, checksums: map[string]bool{}}
	for what, secretText := range map[string]string{"api_secret": plantedSecret, "api_secret_old": plantedOld, "access token": plantedToken, "Telegram's token": plantedBot,
		"the desk's token": plantedDeskBot, "admin_password": plantedPassword, "${env.X}": plantedVar} {
		l.forms[secretText] = what
		l.forms[url.QueryEscape(secretText)] = what + ", escaped"
		l.forms[hex.EncodeToString([]byte(secretText))] = what + ", in hexadecimal"
		for shift := range 3 { // wherever it stands in a longer text
			inside := base64.StdEncoding.EncodeToString(append(make([]byte, shift), secretText...))
			l.forms[inside[4:len(inside)-4]] = what + ", in base64"
		}
	}
	return l
}

// check looks through one output or file; raw says that payloads stand in it as they came, with their checksums.
func (l *leaks) check(where string, text []byte, raw bool) {
	l.t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.seen = append(l.seen, where)
	for form, what := range l.forms {
		if at := bytes.Index(text, []byte(form)); at >= 0 {
			l.t.Errorf("%s stands in %s: …%q…", what, where, text[max(0, at-80):min(len(text), at+len(form)+20)])
		}
	}
	for sum := range l.checksums {
		if at := bytes.Index(text, []byte(sum)); at >= 0 && !raw {
			l.t.Errorf("a postback's checksum stands in %s: …%q…", where, text[max(0, at-80):at])
		}
	}
}

// told is a program's output as it grows.
type told struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *told) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(b)
}

func (o *told) bytes() []byte {
	o.mu.Lock()
	defer o.mu.Unlock()
	return bytes.Clone(o.text.Bytes())
}

// spawned starts the program with files open to everybody unless it sees to them itself.
func spawned(t *testing.T, dir string, env []string, args ...string) (*exec.Cmd, *told) {
	t.Helper()
	out := &told{}
	cmd := exec.Command("sh", append([]string{"-c", `umask 000; exec backstop "$@"`, "sh"}, args...)...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = dir, env, out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	return cmd, out
}

// eventually waits until a condition holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
	}
}

const secretRules = `version: 1
alerts: desk
vars: { hidden: "${env.PLANTED}", pct: 20 }
channels:
  desk: { telegram: { token: "${env.DESK_TOKEN}", chat_id: "${env.DESK_CHAT}" } }
rules:
  - name: stop
    on: [partial_fill, fill]
    when: order.role == "entry" and order.tag != vars.hidden
    then:
      - place_stop_loss: { trigger_price: loss(vars.pct) }
      - telegram: "Stop behind ${order.tradingsymbol}"
  - name: never
    on: fill
    when: order.tag == vars.hidden
    then:
      - log: "never"
`

// TestInvariant7NoSecretStandsAnywhere plants secrets, makes everything go wrong that could tell one, and looks through
// all that was written: outputs, logs, pages, answers, metrics, messages, the data folder, and a crash's dump.
func TestInvariant7NoSecretStandsAnywhere(t *testing.T) {
	t.Parallel()
	l := newLeaks(t)
	dir := t.TempDir()
	at := func() string {
		a, err := freeAddress()
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	paperAt, publicAt, adminAt := at(), at(), at()

	// The broker: the paper exchange behind one that now and then tells what it was sent.
	upstream := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: paperAt})
	upstream.ErrorLog = nil
	var mu sync.Mutex
	echoes := map[string]int{}
	broker := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		key := r.Method + " " + r.URL.Path
		echoes[key]++
		n := echoes[key]
		mu.Unlock()
		if r.URL.Path != "/instruments" && n == 2 && r.Method == http.MethodGet || r.Method == http.MethodPost && n == 1 {
			w.Header().Set("Content-Type", "application/json")
			status, kind := http.StatusTooManyRequests, "NetworkException"
			if r.Method == http.MethodPost {
				status, kind = http.StatusBadRequest, "InputException" // for good: it is kept, and told
			}
			w.WriteHeader(status)
			body, _ := io.ReadAll(r.Body)
			_ = json.NewEncoder(w).Encode(map[string]any{"status": "error", "error_type": kind,
				"message": "Too many requests. Authorization: " + r.Header.Get("Authorization") + " body " + string(body)})
			return
		}
		upstream.ServeHTTP(w, r)
	}))
	defer broker.Close()

	// Telegram, failing in each of its ways with the token in the address.
	var calls int
	telegram := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		calls++
		n := calls
		mu.Unlock()
		switch n % 5 {
		case 0:
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprintf(w, `{"ok":false,"error_code":401,"description":"Unauthorized: %s"}`, r.URL.Path)
		case 1:
			if c, _, err := http.NewResponseController(w).Hijack(); err == nil {
				_ = c.Close()
			}
		case 2:
			http.Redirect(w, r, "http://127.0.0.1:1"+r.URL.Path, http.StatusTemporaryRedirect)
		case 3:
			w.WriteHeader(http.StatusBadGateway)
			fmt.Fprintf(w, "<html>%s %s</html>", r.URL.Path, r.Host)
		default:
			fmt.Fprint(w, `{"ok":true,"result":{"message_id":1}}`)
		}
	}))
	defer telegram.Close()

	// Postbacks pass through here, so that their checksums are known.
	public := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: publicAt})
	public.ErrorHandler = func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) }
	var lastBody []byte
	postbacks := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var p struct{ Checksum string }
		if json.Unmarshal(body, &p) == nil && p.Checksum != "" {
			l.mu.Lock()
			l.checksums[p.Checksum], lastBody = true, body
			l.mu.Unlock()
		}
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		public.ServeHTTP(w, r)
	}))
	defer postbacks.Close()

	env := []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "BACKSTOP_ADMIN=" + adminAt, "BACKSTOP_LISTEN=" + publicAt, "BACKSTOP_MARKET_HOURS=always",
		"BACKSTOP_ADMIN_PASSWORD=" + plantedPassword, "KITE_BASE_URL=" + broker.URL, "KITE_WS_URL=ws://" + paperAt + "/ws", "KITE_USER_ID=AB1234", "KITE_API_KEY=paper_key", "KITE_API_SECRET=" + plantedSecret,
		"KITE_API_SECRET_OLD_UNTIL=2099-12-31", "KITE_ACCESS_TOKEN=" + plantedToken, "TELEGRAM_BOT_TOKEN=" + plantedBot, "TELEGRAM_CHAT_ID=1", "TELEGRAM_BASE_URL=" + telegram.URL,
		"DESK_TOKEN=" + plantedDeskBot, "DESK_CHAT=2", "PLANTED=" + plantedVar}
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(".env", "KITE_API_SECRET_OLD="+plantedOld+"\n")
	write("rules.yaml", secretRules)
	paper, paperOut := spawned(t, dir, []string{"PATH=" + os.Getenv("PATH")}, "paper", "--listen", paperAt, "--postback-url", postbacks.URL+"/postback",
		"--api-secret", plantedSecret, "--access-token", plantedToken)
	serve, serveOut := spawned(t, dir, env, "serve", "--mode", "live", "--verbose", "--reconcile", "@every 5s")

	private := func(method, path, user, password string) (int, []byte) {
		r, err := http.NewRequestWithContext(context.Background(), method, "http://"+adminAt+path, strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		if password != "" {
			r.SetBasicAuth(user, password)
		}
		reply, err := http.DefaultClient.Do(r)
		if err != nil {
			return 0, nil
		}
		defer reply.Body.Close()
		text, _ := io.ReadAll(reply.Body)
		head, _ := httputil.DumpResponse(reply, false)
		return reply.StatusCode, append(head, text...)
	}
	eventually(t, "ready", func() bool {
		code, _ := private("GET", "/readyz", "admin", plantedPassword)
		return code == http.StatusOK
	})
	enter := func() {
		form := url.Values{"exchange": {"NFO"}, "tradingsymbol": {"NIFTY26DEC24500CE"}, "transaction_type": {"BUY"}, "quantity": {"65"}, "product": {"MIS"},
			"order_type": {"LIMIT"}, "price": {"300"}, "validity": {"DAY"}}
		r, err := http.NewRequestWithContext(context.Background(), "POST", "http://"+paperAt+"/orders/regular", strings.NewReader(form.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Authorization", "token paper_key:"+plantedToken)
		r.Header.Set("X-Kite-Version", "3")
		reply, err := http.DefaultClient.Do(r)
		if err != nil || reply.StatusCode != http.StatusOK {
			t.Fatal("no entry: ", err, reply)
		}
		reply.Body.Close()
	}
	for n := 1; n <= 5; n++ { // each brings a message, and Telegram fails in another way
		enter()
		eventually(t, fmt.Sprint("stops behind entries: ", n), func() bool {
			_, text := private("GET", "/api/v1/requests?state=done", "admin", plantedPassword)
			return bytes.Count(text, []byte(`"order_type":"SL"`)) >= n-1 // the first is refused
		})
		eventually(t, fmt.Sprint("messages tried: ", n), func() bool {
			mu.Lock()
			defer mu.Unlock()
			return calls >= n
		})
	}

	// Wrong and broken postbacks, with secrets where none belong.
	l.mu.Lock()
	forged := bytes.Replace(lastBody, []byte(`"checksum":"`), []byte(`"checksum":"0`), 1)
	l.mu.Unlock()
	for _, body := range []string{string(forged), plantedSecret, `{"order_id":"` + plantedSecret + `"}`, ""} {
		reply, err := http.Post("http://"+publicAt+"/postback/paper_key", "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(reply.Body)
		reply.Body.Close()
		l.check(fmt.Sprintf("the answer %d to a broken postback", reply.StatusCode), text, false)
	}

	// Every page and answer, the password wrong and right.
	pages := []string{"/", "/healthz", "/readyz", "/metrics", "/nothing", "/debug/pprof/", "/api/v1/nothing", "/api/v1/updates?limit=x"}
	for _, name := range []string{"status", "updates", "orders", "positions", "decisions", "actions", "requests", "rules"} {
		pages = append(pages, "/api/v1/"+name)
	}
	_, text := private("GET", "/api/v1/decisions", "admin", plantedPassword)
	var decisions []string
	for _, m := range regexp.MustCompile(`"id":"([^"]+)"`).FindAllSubmatch(text, 20) {
		decisions = append(decisions, string(m[1]))
		pages = append(pages, "/api/v1/decisions/"+string(m[1]))
	}
	for _, page := range pages {
		for _, password := range []string{"", plantedPassword, "wrong"} {
			_, text := private("GET", page, "admin", password)
			if len(text) == 0 {
				t.Errorf("no answer from %s", page)
			}
			l.check("GET "+page, text, false)
		}
	}
	_, text = private("GET", "/api/v1/requests?state=failed", "admin", plantedPassword)
	if !bytes.Contains(text, []byte("Authorization: token")) {
		t.Errorf("the broker's echo is not among the failures, so nothing was redacted: %s", text)
	}
	_, text = private("GET", "/api/v1/updates?raw=1", "admin", plantedPassword)
	l.check("GET /api/v1/updates?raw=1", text, true)
	for _, verb := range []string{"pause", "resume", "reconcile"} {
		_, text := private("POST", "/api/v1/"+verb, "admin", plantedPassword)
		l.check("POST "+verb, text, false)
	}

	// Every command, right and wrong.
	write("inline.yaml", "accounts:\n  AB1234: { api_key: k, api_secret: "+plantedSecret+", access_token: "+plantedToken+", nothing: 1 }\n")
	write("broken.yaml", "accounts:\n  AB1234:\n    api_secret: \""+plantedSecret+"\n   access_token: "+plantedToken+"\n")
	write("wrong.yaml", "admin_password: "+plantedPassword+"\nmode: ${env.PLANTED}\n")
	write("wrong2.yaml", "store: postgres://user:"+plantedPassword+"@db/x\n")
	write("wrong3.yaml", "listen: ${env.PLANTED}\n")
	write("wrong4.yaml", "accounts:\n  AB1234: { api_key: k, api_secret: s, access_token: t, base_url: \"https://u:"+plantedToken+"@api.kite.trade\" }\n")
	write("wrong5.yaml", "trusted_proxies: [\"${env.PLANTED}\"]\nreconcile: ${env.PLANTED}\n")
	write("bad.yaml", strings.Replace(secretRules, "loss(vars.pct)", "loss(vars.pct) +", 1)+"    nothing: ${env.PLANTED}\n")
	write("literal.yaml", strings.Replace(strings.Replace(secretRules, "${env.DESK_TOKEN}", plantedDeskBot, 1), "chat_id:", "chat-id:", 1))
	l.mu.Lock()
	write("payload.json", string(lastBody))
	l.mu.Unlock()
	orderID := func() string {
		var p struct {
			ID string `json:"order_id"`
		}
		_ = json.Unmarshal(lastBody, &p)
		return p.ID
	}()
	type call struct {
		args []string
		raw  bool
	}
	commands := []call{
		{args: []string{"status"}}, {args: []string{"status", "--json"}},
		{args: []string{"check", "rules.yaml"}}, {args: []string{"check", "--json", "bad.yaml"}}, {args: []string{"check", "bad.yaml"}}, {args: []string{"check", "literal.yaml"}},
		{args: []string{"dry-run", "payload.json"}}, {args: []string{"dry-run", "--json", "payload.json"}}, {args: []string{"dry-run", "--rules", "bad.yaml", "payload.json"}},
		{args: []string{"explain", orderID}}, {args: []string{"explain", orderID, "--json"}, raw: true},
		{args: []string{"journal", "list"}}, {args: []string{"journal", "list", "--json"}}, {args: []string{"journal", "list", "decisions", "--json"}},
		{args: []string{"journal", "list", "requests", "--json"}}, {args: []string{"journal", "list", "orders", "--json"}}, {args: []string{"journal", "show", orderID}},
		{args: []string{"journal", "show", "1"}, raw: true}, {args: []string{"journal", "show", "2"}, raw: true}, {args: []string{"journal", "show", orderID, "--json"}},
		{args: []string{"actions", "list"}}, {args: []string{"actions", "list", "--json"}}, {args: []string{"pause"}}, {args: []string{"resume"}},
		{args: []string{"serve"}}, {args: []string{"serve", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"}},
		{args: []string{"serve", "--config", "inline.yaml"}}, {args: []string{"serve", "--config", "broken.yaml"}}, {args: []string{"serve", "--config", "wrong.yaml"}},
		{args: []string{"serve", "--config", "wrong2.yaml"}}, {args: []string{"serve", "--config", "wrong3.yaml"}}, {args: []string{"serve", "--config", "wrong4.yaml"}},
		{args: []string{"serve", "--config", "wrong5.yaml"}}, {args: []string{"serve", "--rules", "bad.yaml"}}, {args: []string{"doctor"}}, {args: []string{"doctor", "--json", "--public-url", "http://" + publicAt}},
		{args: []string{"doctor", "--public-url", "http://" + paperAt}}, {args: []string{"init", "--json"}},
		{args: []string{"status", "--admin", "127.0.0.1:1"}}, {args: []string{"version", "--json"}}, {args: []string{"--help"}}, {args: []string{"serve", "--help"}},
	}
	for _, id := range decisions {
		commands = append(commands, call{args: []string{"explain", id}}, call{args: []string{"explain", id, "--json"}})
	}
	for _, c := range commands {
		cmd := exec.Command("backstop", c.args...)
		cmd.Dir, cmd.Env = dir, env
		if strings.HasPrefix(strings.Join(c.args, " "), "serve --config wrong3") || strings.HasPrefix(strings.Join(c.args, " "), "serve --config wrong5") {
			cmd.Env = append(env[:len(env):len(env)], "BACKSTOP_LISTEN=", "BACKSTOP_ADMIN=")
		}
		out, _ := cmd.CombinedOutput() // wrong use is among them
		if len(out) == 0 {
			t.Errorf("backstop %v printed nothing", c.args)
		}
		l.check("backstop "+strings.Join(c.args, " "), out, c.raw)
	}

	// A crash, with every goroutine's dump.
	if err := serve.Process.Signal(syscall.SIGQUIT); err != nil {
		t.Fatal(err)
	}
	_ = serve.Wait() // it ends by the signal
	if !bytes.Contains(serveOut.bytes(), []byte("goroutine ")) {
		t.Error("no dump")
	}
	l.check("the service's log and dump", serveOut.bytes(), false)
	_ = paper.Process.Signal(os.Interrupt)
	_ = paper.Wait()
	l.check("the paper exchange's output", paperOut.bytes(), false)

	wantPrivate(t, l, filepath.Join(dir, "data"))
	if len(l.seen) < 80 || len(l.checksums) == 0 {
		t.Errorf("%d outputs were looked through, %d checksums known", len(l.seen), len(l.checksums))
	}
}

// wantPrivate looks through a data folder: folders 0700, files 0600, no secret in any (the journal keeps payloads as they
// came, with their checksums).
func wantPrivate(t *testing.T, l *leaks, folder string) {
	t.Helper()
	files := 0
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		want := fs.FileMode(0o600)
		if d.IsDir() {
			want = 0o700
		}
		if info.Mode().Perm() != want {
			t.Errorf("%s has mode %o, not %o", path, info.Mode().Perm(), want)
		}
		if d.IsDir() {
			return nil
		}
		files++
		text, err := os.ReadFile(path)
		l.check("the file "+filepath.Base(path), text, true)
		return err
	})
	if err != nil || files < 2 {
		t.Errorf("%d files in %s: %v", files, folder, err)
	}
}
