//go:build unix

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"backstop/engine/paper"
)

const appsSettings = `market_hours: always
reconcile: "@every 5s"
accounts:
  AB1234: { api_key: one, api_secret: secret_of_one, access_token: token_of_ab }
  EF9012: { api_key: one, api_secret: secret_of_one, access_token: token_of_ef }
  CD5678: { api_key: two, api_secret: secret_of_two, access_token: token_of_cd }
`

// TestAccountsAndAppsApart: two accounts of one app and one of another, each with its own orders, session and stream. What happens to
// one leaves the others alone; a user of the app whom nobody declared is kept, told, and not acted on.
func TestAccountsAndAppsApart(t *testing.T) {
	t.Parallel()
	public, err := freeAddress()
	if err != nil {
		t.Fatal(err)
	}
	admin, err := freeAddress()
	if err != nil {
		t.Fatal(err)
	}
	x := paper.New(paper.Options{Now: time.Now, UserID: "AB1234", APIKey: "one", APISecret: "secret_of_one", AccessToken: "token_of_ab"})
	x.AddAccount("EF9012", "one", "secret_of_one", "token_of_ef")
	x.AddAccount("CD5678", "two", "secret_of_two", "token_of_cd")
	x.AddAccount("ZZ9999", "one", "secret_of_one", "token_of_zz")
	if err := x.SetPrice("NFO", streamSymbol, 120); err != nil {
		t.Fatal(err)
	}
	at := "http://" + public + "/postback/"
	postbacks := paper.NewPostbacks(x, paper.PostbackOptions{URLs: map[string]string{"one": at + "one", "two": at + "two"}})
	s := paper.NewServer(x, paper.ServerOptions{Postbacks: postbacks, Heartbeat: 200 * time.Millisecond})
	h := httptest.NewServer(s)
	t.Cleanup(func() { postbacks.Close(); s.Close(); h.CloseClientConnections(); h.Close() })
	dir := t.TempDir()
	for name, text := range map[string]string{"backstop.yaml": appsSettings, "rules.yaml": streamRules} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd, log := spawned(t, dir, []string{"PATH=" + os.Getenv("PATH"), "BACKSTOP_ADMIN=" + admin, "BACKSTOP_LISTEN=" + public,
		"KITE_BASE_URL=" + h.URL, "KITE_WS_URL=ws" + strings.TrimPrefix(h.URL, "http") + "/ws"}, "serve", "--mode", "live", "--stream", "on")
	f := &floor{t: t, x: x, s: s, postbacks: postbacks, admin: admin, dir: dir, serve: cmd, out: log}
	eventually(t, "ready", func() bool { code, _ := f.get("/readyz"); return code == http.StatusOK })
	eventually(t, "a stream each", func() bool { return s.Sockets() == 3 })
	enter := func(user string) {
		t.Helper()
		if _, e := x.Place(user, "regular", url.Values{"exchange": {"NFO"}, "tradingsymbol": {streamSymbol}, "transaction_type": {"BUY"}, "quantity": {"65"},
			"product": {"NRML"}, "order_type": {"LIMIT"}, "price": {"121"}, "validity": {"DAY"}}); e != nil {
			t.Fatal(e)
		}
	}
	stops := func(user string) (n int) {
		for _, o := range x.Book() {
			if o.User == user && o.TransactionType == "SELL" && o.Status == "TRIGGER PENDING" {
				n++
			}
		}
		return n
	}
	for n, user := range []string{"AB1234", "EF9012", "CD5678", "AB1234"} {
		enter(user)
		want := 1 + n/3
		eventually(t, fmt.Sprint("a stop for ", user), func() bool { return stops(user) == want })
	}
	for user, want := range map[string]int{"AB1234": 2, "EF9012": 1, "CD5678": 1} {
		if n := len(f.list("requests?account=" + user)); stops(user) != want || n != want {
			t.Errorf("%s: %d stops, %d requests, want %d", user, stops(user), n, want)
		}
		for _, source := range []string{"postback", "stream"} {
			eventually(t, source+"s for "+user, func() bool {
				return f.metric("backstop_updates_total", `account="`+user+`"`, `source="`+source+`"`) > 0
			})
		}
	}

	// Nobody's: kept with its reason, told once, and nothing is done about it.
	enter("ZZ9999")
	eventually(t, "the stranger's update is kept", func() bool { return f.metric("backstop_updates_total", `ignored="unknown_user"`) > 0 })
	eventually(t, "and told", func() bool { return strings.Contains(string(log.bytes()), "UNKNOWN USER ZZ9999: a postback of order ") })
	if n := len(f.list("updates?account=ZZ9999")); n != 1 || stops("ZZ9999") != 0 {
		t.Errorf("%d of the stranger's updates are kept, and %d stops placed", n, stops("ZZ9999"))
	}

	// One session dies: its stop waits, the others' go on, and with the next session it is placed.
	x.KillSessions("EF9012")
	check := func(name string) (ok bool) {
		_, body := f.get("/readyz")
		var r struct {
			Checks []struct {
				Name string
				OK   bool
			}
		}
		if json.Unmarshal(body, &r) != nil {
			return false
		}
		for _, c := range r.Checks {
			if c.Name == name {
				return c.OK
			}
		}
		return false
	}
	eventually(t, "its session is known to be dead", func() bool { return !check("session EF9012") })
	enter("EF9012")
	enter("CD5678")
	eventually(t, "the other's stop", func() bool { return stops("CD5678") == 2 })
	eventually(t, "its own waits", func() bool {
		for _, r := range f.list("requests?account=EF9012") {
			if r["state"] == "waiting" && r["why"] == "session" {
				return true
			}
		}
		return false
	})
	if stops("EF9012") != 1 || !check("session AB1234") || !check("session CD5678") {
		t.Error("stops of EF9012: ", stops("EF9012"), ", sessions of the others: ", check("session AB1234"), check("session CD5678"))
	}
	x.AddAccount("EF9012", "one", "secret_of_one", "token_of_ef")
	eventually(t, "its stop, in the new session", func() bool { return stops("EF9012") == 2 })
	if reply, err := http.Post("http://"+public+"/postback", "application/json", strings.NewReader("{}")); err != nil {
		t.Error(err)
	} else {
		_, _ = io.Copy(io.Discard, reply.Body)
		_ = reply.Body.Close()
		if reply.StatusCode != http.StatusNotFound {
			t.Error("POST /postback with two keys: ", reply.StatusCode)
		}
	}
	f.end()
}
