//go:build unix

package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

var shellFence = regexp.MustCompile("(?ms)^```sh\n(.*?)^```$")

// TestTheGoingLivePageIsFollowedWordForWord runs every command of docs/going-live.md in its order, on the paper exchange:
// an app, a bot and the proxy are stood in for by the lines of .env that paper prints, and by public_url on loopback.
func TestTheGoingLivePageIsFollowedWordForWord(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/going-live.md")
	if err != nil {
		t.Fatal(err)
	}
	d := newDesk(t)
	d.env = d.env[:1] // PATH alone: all else stands in .env and backstop.yaml
	d.control("account", map[string]string{"user": "AB1234", "api_key": "paper_key", "api_secret": plantedSecret, "url": "http://" + d.publicAt + "/postback"})
	d.dir = t.TempDir()
	var serve *exec.Cmd
	stages := []func(){
		func() { // behind "A folder": the account, the bot and the line
			d.append(".env", "KITE_USER_ID=AB1234", "KITE_API_KEY=paper_key", "KITE_API_SECRET="+plantedSecret, "KITE_BASE_URL=http://"+d.paperAt,
				"KITE_WS_URL=ws://"+d.paperAt+"/ws", "KITE_LOGIN_URL=http://"+d.paperAt+"/connect/login", "TELEGRAM_BOT_TOKEN=1:paper", "TELEGRAM_CHAT_ID=1",
				"TELEGRAM_BASE_URL=http://"+d.paperAt+"/telegram")
			d.append("backstop.yaml", "public_url: http://"+d.publicAt, "listen: "+d.publicAt, "admin: "+d.adminAt, "market_hours: always")
		},
		nil,
		func() { // behind login, doctor and status: the day
			d.trade("BUY", "301")
			eventually(t, "the stop is planned", func() bool {
				_, text := d.run("actions", "list")
				return strings.Contains(text, "place_stop_loss  planned")
			})
			if doubled := d.exits(); doubled != 0 {
				t.Errorf("%d orders left in a dry run", doubled)
			}
		},
		func() { // behind the evening: one rule live, as the page has it
			d.write("rules.yaml", yamlOf(t, string(page), "guardrails:"))
			d.write("rules_test.yaml", "rules: rules.yaml\ntests: []\n")
			d.trade("SELL", "299")
		},
		func() {
			// What fills before the service has read its first book was there before it began.
			eventually(t, "the book is read", func() bool { _, text := d.run("status"); return strings.Contains(text, ": ready\n") })
			d.trade("BUY", "301")
			eventually(t, "the stop is live, and nothing else", func() bool { return d.exits() == 1 })
			_, text := d.run("actions", "list")
			if !strings.Contains(text, "place_target") || !strings.Contains(text, "planned") {
				t.Errorf("%s", text)
			}
		},
	}
	fences := shellFence.FindAllStringSubmatch(string(page), -1)
	if len(fences) != len(stages) {
		t.Fatalf("%d blocks of commands, and %d stages", len(fences), len(stages))
	}
	for i, fence := range fences {
		for command := range strings.SplitSeq(strings.TrimSpace(fence[1]), "\n") {
			words := strings.Fields(command)
			switch {
			case words[0] == "mkdir":
				if err := os.Mkdir(filepath.Join(d.dir, words[1]), 0o755); err != nil {
					t.Fatal(err)
				}
			case words[0] == "cd":
				d.dir = filepath.Join(d.dir, words[1])
			case words[0] != "backstop":
				t.Fatalf("the page has a command that this test doesn't know: %s", command)
			case words[1] == "serve":
				if serve != nil { // "end the service and start it live"
					_ = serve.Process.Signal(syscall.SIGTERM)
					_ = serve.Wait()
				}
				serve, _ = spawned(t, d.dir, d.env, words[1:]...)
				eventually(t, "the service answers", func() bool { code, _ := d.run("status"); return code == exitFine })
			case words[1] == "login":
				login, out, _ := d.login(d.env)
				if code, text, _ := d.browse(d.link(out)); code != http.StatusOK {
					t.Fatalf("%d %s", code, text)
				}
				if code := ended(t, login); code != exitFine {
					t.Fatalf("exit %d: %s", code, out.bytes())
				}
				eventually(t, "ready", func() bool { _, text := d.run("status"); return strings.Contains(text, ": ready\n") })
			default:
				code, text := d.run(words[1:]...)
				if code != exitFine {
					t.Fatalf("%s: exit %d: %s", command, code, text)
				}
				if words[1] == "doctor" && !strings.Contains(text, "nothing was found") {
					t.Errorf("%s", text)
				}
				if strings.Join(words[1:], " ") == "journal list requests" && !strings.Contains(text, "planned") {
					t.Errorf("%s: %s", command, text)
				}
			}
		}
		if stages[i] != nil {
			stages[i]()
		}
	}
}

// yamlOf is the page's YAML block that holds a word.
func yamlOf(t *testing.T, page, word string) string {
	t.Helper()
	for _, m := range regexp.MustCompile("(?ms)^```yaml\n(.*?)^```$").FindAllStringSubmatch(page, -1) {
		if strings.Contains(m[1], word) {
			return m[1]
		}
	}
	t.Fatalf("no YAML with %s on the page", word)
	return ""
}

func (d *desk) write(name, text string) {
	d.t.Helper()
	if err := os.WriteFile(filepath.Join(d.dir, name), []byte(text), 0o600); err != nil {
		d.t.Fatal(err)
	}
}

// append fills in lines of a file that init wrote; those of .env stand in place of its empty ones.
func (d *desk) append(name string, lines ...string) {
	d.t.Helper()
	text, err := os.ReadFile(filepath.Join(d.dir, name))
	if err != nil {
		d.t.Fatal(err)
	}
	out := string(text)
	for _, line := range lines {
		key, _, _ := strings.Cut(line, "=")
		if strings.Contains(out, "\n"+key+"=\n") {
			out = strings.Replace(out, "\n"+key+"=\n", "\n"+line+"\n", 1)
			continue
		}
		out += line + "\n"
	}
	d.write(name, out)
}

// trade trades one lot by hand, on the phone.
func (d *desk) trade(side, price string) {
	d.t.Helper()
	d.control("price", map[string]any{"exchange": "NFO", "tradingsymbol": "NIFTY26DEC24500CE", "price": 300})
	d.control("hand/place", map[string]any{"params": map[string]string{"exchange": "NFO", "tradingsymbol": "NIFTY26DEC24500CE", "transaction_type": side,
		"quantity": "65", "product": "MIS", "order_type": "LIMIT", "price": price, "validity": "DAY"}})
}

// exits counts live sell orders in the exchange's book.
func (d *desk) exits() int {
	d.t.Helper()
	request, err := http.NewRequest(http.MethodGet, "http://"+d.paperAt+"/orders", nil)
	if err != nil {
		d.t.Fatal(err)
	}
	request.Header.Set("Authorization", "token paper_key:paper_token")
	request.Header.Set("X-Kite-Version", "3")
	reply, err := http.DefaultClient.Do(request)
	if err != nil {
		d.t.Fatal(err)
	}
	defer reply.Body.Close()
	var book struct {
		Data []struct {
			TransactionType string `json:"transaction_type"`
			Status          string `json:"status"`
		} `json:"data"`
	}
	if err := json.NewDecoder(reply.Body).Decode(&book); err != nil {
		d.t.Fatal(fmt.Errorf("%s: %w", url.PathEscape(reply.Status), err))
	}
	n := 0
	for _, o := range book.Data {
		if o.TransactionType == "SELL" && (o.Status == "OPEN" || o.Status == "TRIGGER PENDING") {
			n++
		}
	}
	return n
}
