//go:build unix

package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"backstop/engine/journal"
	"backstop/engine/journal/memory"
	"backstop/engine/lane"
	"backstop/engine/order"
)

// farAddress is an address of this machine that is not loopback, so that what listens there counts as Kite.
func farAddress(t *testing.T) net.IP {
	t.Helper()
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range addresses {
		if n, ok := a.(*net.IPNet); ok && n.IP.To4() != nil && !n.IP.IsLoopback() {
			return n.IP
		}
	}
	t.Skip("this machine has no address but loopback")
	return nil
}

// far puts TLS in front of an address of this machine, as Kite or a proxy has it, and gives its address and the file of its
// certificate.
func far(t *testing.T, to string) (host, certificate string) {
	t.Helper()
	ip := farAddress(t)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	form := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "far"}, IPAddresses: []net.IP{ip}, NotBefore: time.Now().Add(-48 * time.Hour),
		NotAfter: time.Now().Add(48 * time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, form, form, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	certificate = filepath.Join(t.TempDir(), "far.pem")
	if err := os.WriteFile(certificate, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	listener, err := tls.Listen("tcp", net.JoinHostPort(ip.String(), "0"), &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}})
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: to}), ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	return listener.Addr().String(), certificate
}

// control says a word to the paper exchange.
func (d *desk) control(path string, body any) {
	d.t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		d.t.Fatal(err)
	}
	reply, err := http.Post("http://"+d.paperAt+"/paper/"+path, "application/json", strings.NewReader(string(text)))
	if err != nil {
		d.t.Fatal(err)
	}
	defer reply.Body.Close()
	if answer, err := io.ReadAll(reply.Body); reply.StatusCode != http.StatusOK {
		d.t.Fatalf("%s: %d %s %v", path, reply.StatusCode, answer, err)
	}
}

// place places an order at the paper exchange, as the user's own program does.
func (d *desk) place(form url.Values) {
	d.t.Helper()
	request, err := http.NewRequest(http.MethodPost, "http://"+d.paperAt+"/orders/regular", strings.NewReader(form.Encode()))
	if err != nil {
		d.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("Authorization", "token paper_key:paper_token")
	request.Header.Set("X-Kite-Version", "3")
	reply, err := http.DefaultClient.Do(request)
	if err != nil || reply.StatusCode != http.StatusOK {
		d.t.Fatal(reply, err)
	}
	_ = reply.Body.Close()
}

func TestTheFirstChangeToLiveWantsADoctorThatFoundNothing(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the certificate is taken from SSL_CERT_FILE")
	}
	t.Parallel()
	d := newDesk(t)
	kiteAt, certificate := far(t, d.paperAt)
	d.env = append(d.env, "SSL_CERT_FILE="+certificate, "KITE_BASE_URL=https://"+kiteAt, "KITE_WS_URL=wss://"+kiteAt+"/ws", "KITE_LOGIN_URL=https://"+kiteAt+"/connect/login",
		"KITE_ACCESS_TOKEN=paper_token", "TELEGRAM_BOT_TOKEN=1:paper", "TELEGRAM_CHAT_ID=1", "TELEGRAM_BASE_URL=http://"+d.paperAt+"/telegram")
	if err := os.WriteFile(filepath.Join(d.dir, "rules.yaml"), []byte(strings.Replace(hostileRules, "alerts: none\n", "", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	refused := func(why string) {
		t.Helper()
		if code, text := d.run("serve", "--mode", "live"); code != exitMisuse || !strings.Contains(text, why) || !strings.Contains(text, "--live-without-doctor") {
			t.Fatalf("exit %d: %s", code, text)
		}
	}
	start := func(args ...string) (serve *exec.Cmd) {
		t.Helper()
		serve, out := spawned(t, d.dir, d.env, append([]string{"serve"}, args...)...)
		eventually(t, "ready: "+strings.Join(args, " "), func() bool {
			_, text := d.run("status")
			return strings.Contains(text, ": ready\n") || serve.ProcessState != nil && t.Failed()
		})
		_ = out
		return serve
	}
	kill := func(serve *exec.Cmd) {
		_ = serve.Process.Kill()
		_ = serve.Wait()
	}

	refused("AB1234: the doctor has not looked yet")
	serve := start()
	d.control("faults", map[string]string{"faults": "address_refused"})
	if code, text := d.run("doctor"); code != exitFound || !strings.Contains(text, "finding address AB1234: Kite said: No IPs configured") {
		t.Fatalf("exit %d: %s", code, text)
	}
	kill(serve)
	refused("AB1234: the doctor found: address: Kite said: No IPs configured")

	d.control("faults", map[string]string{"faults": ""})
	serve = start()
	if code, text := d.run("doctor"); code != exitFine {
		t.Fatalf("exit %d: %s", code, text)
	}
	kill(serve)
	serve = start("--mode", "live")
	d.control("price", map[string]any{"exchange": "NFO", "tradingsymbol": "NIFTY26DEC24500CE", "price": 300})
	d.place(url.Values{"exchange": {"NFO"}, "tradingsymbol": {"NIFTY26DEC24500CE"}, "transaction_type": {"BUY"}, "quantity": {"65"}, "product": {"MIS"},
		"order_type": {"LIMIT"}, "price": {"301"}, "validity": {"DAY"}})
	eventually(t, "a stop is live", func() bool {
		_, text := d.run("status")
		return strings.Contains(text, "65 open") && strings.Contains(text, "65 covered")
	})

	// A crash with a position open, and everything that the doctor looks at is wrong, or forgotten: the restart goes on.
	kill(serve)
	d.control("faults", map[string]string{"faults": "address_refused"})
	serve = start("--mode", "live")
	if code, _ := d.run("doctor"); code != exitFound {
		t.Errorf("the doctor: exit %d", code)
	}
	d.trade("BUY", "301") // by hand: only what comes from here is refused
	eventually(t, "the refusal is told at once, and the age of what waits is shown", func() bool {
		_, text := d.run("status")
		return strings.Contains(string(d.paper.bytes()), "telegram: ADDRESS REFUSED (AB1234): Zerodha said: No IPs configured for this app.") &&
			regexp.MustCompile(`\d waiting \(longest \d+s, for address\)`).MatchString(text)
	})
	kill(serve)
	if err := os.Remove(filepath.Join(d.dir, "data", "doctor.json")); err != nil {
		t.Fatal(err)
	}
	kill(start("--mode", "live"))
	kill(start()) // and back to dry-run, and live again
	kill(start("--mode", "live"))

	// A new folder is a new beginning; whoever knows better says so.
	d.env = append(d.env, "BACKSTOP_DATA="+filepath.Join(t.TempDir(), "data"))
	refused("the doctor has not looked yet")
	kill(start("--mode", "live", "--live-without-doctor"))
}

func TestAnAccountThatWasLiveIsNeverHeldBack(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	now := time.Now()
	s := &settings{env: environment{}, values: map[string]value{"mode": {text: modeLive}, "data": {text: t.TempDir()}}}
	list := []account{{user: "AB1234", baseURL: kiteBaseURL}, {user: "CD5678", baseURL: kiteBaseURL}, {user: "EF9012", baseURL: "http://127.0.0.1:1"}}
	store := memory.New()
	was := func(user, venue string) {
		t.Helper()
		body, err := json.Marshal(map[string]any{"now": now, "day": order.DayOf(now), "armed_mode": "dry-run", "live_at": []string{venue}})
		if err == nil {
			err = store.Commit(ctx, &journal.Commit{Account: user, At: now, Docs: []journal.Doc{{Kind: "lane", ID: user, Body: body}}})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	examinedNow := func(user, venue string, at time.Time, findings ...string) {
		t.Helper()
		kept := readExamined(s)
		kept[user] = examined{venue, at, findings}
		text, err := json.Marshal(kept)
		if err == nil {
			err = writePrivate(doctorFile(s), text)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	modes := func() (string, []string) {
		t.Helper()
		m, held, err := s.modes(ctx, store, list, false)
		var e *exit
		if errors.As(err, &e) && e.code == exitMisuse {
			return "refused", nil
		}
		if err != nil {
			t.Fatal(err)
		}
		var users, text []string
		for _, h := range held {
			users = append(users, h.user)
		}
		for _, a := range list {
			text = append(text, string(m[a.user]))
		}
		return strings.Join(text, " "), users
	}

	if got, _ := modes(); got != "refused" {
		t.Error("nobody was live, and the doctor has not looked:", got)
	}
	was("AB1234", "127.0.0.1:8790")
	if got, _ := modes(); got != "refused" {
		t.Error("live on paper counts for nothing at Kite:", got)
	}
	examinedNow("AB1234", "api.kite.trade", now)
	if got, _ := modes(); got != "refused" {
		t.Error("one of two new ones:", got)
	}
	examinedNow("CD5678", "api.kite.trade", now.Add(-25*time.Hour))
	if got, _ := modes(); got != "refused" {
		t.Error("the doctor's word has lapsed:", got)
	}
	examinedNow("CD5678", "127.0.0.1:8790", now)
	if got, _ := modes(); got != "refused" {
		t.Error("the doctor looked at paper:", got)
	}
	examinedNow("CD5678", "api.kite.trade", now)
	if got, held := modes(); got != "live live live" || held != nil {
		t.Error(got, held)
	}
	examinedNow("CD5678", "api.kite.trade", now, "address: no")
	if got, _ := modes(); got != "refused" {
		t.Error("a finding:", got)
	}
	was("AB1234", "api.kite.trade")
	examinedNow("AB1234", "api.kite.trade", now, "session: dead")
	if got, held := modes(); got != "live dry-run live" || !slices.Equal(held, []string{"CD5678"}) {
		t.Error("who was live goes on, the new one waits:", got, held)
	}
	if m, _, err := s.modes(ctx, store, list, true); err != nil || m["CD5678"] != lane.Live {
		t.Error("whoever knows better:", m, err)
	}
}

func TestADeadSessionHoldsBackRequestsAndNothingElse(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.control("account", map[string]string{"user": "AB1234", "api_key": "paper_key", "api_secret": plantedSecret, "url": "http://" + d.publicAt + "/postback"})
	d.env = append(d.env, "BACKSTOP_RECONCILE=@every 5s", "TELEGRAM_BOT_TOKEN=1:paper", "TELEGRAM_CHAT_ID=1", "TELEGRAM_BASE_URL=http://"+d.paperAt+"/telegram")
	rules := strings.Replace(hostileRules, "alerts: none\n", "", 1) + "      - telegram: \"Stop behind ${order.tradingsymbol}\"\n  - name: tell\n    on: fill\n    then:\n      - telegram: \"Filled ${order.tradingsymbol}\"\n"
	if err := os.WriteFile(filepath.Join(d.dir, "rules.yaml"), []byte(rules), 0o600); err != nil {
		t.Fatal(err)
	}
	login := func() {
		t.Helper()
		cmd, out, _ := d.login(d.env)
		if code, text, _ := d.browse(d.link(out)); code != http.StatusOK {
			t.Fatalf("%d %s", code, text)
		}
		if code := ended(t, cmd); code != exitFine {
			t.Fatalf("exit %d: %s", code, out.bytes())
		}
	}
	login()
	spawned(t, d.dir, d.env, "serve", "--mode", "live")
	eventually(t, "ready", func() bool { _, text := d.run("status"); return strings.Contains(text, ": ready\n") })
	d.control("price", map[string]any{"exchange": "NFO", "tradingsymbol": "NIFTY26DEC24500CE", "price": 300})
	d.place(url.Values{"exchange": {"NFO"}, "tradingsymbol": {"NIFTY26DEC24500CE"}, "transaction_type": {"BUY"}, "quantity": {"65"}, "product": {"MIS"},
		"order_type": {"LIMIT"}, "price": {"299"}, "validity": {"DAY"}})
	eventually(t, "the order is known", func() bool { _, text := d.run("journal", "list", "orders"); return strings.Contains(text, "OPEN") })

	// The session dies, and then the order fills. The postback is taken and decided, and its message goes; no stop can.
	d.control("kill_sessions", map[string]string{"user": "AB1234"})
	d.control("price", map[string]any{"exchange": "NFO", "tradingsymbol": "NIFTY26DEC24500CE", "price": 298})
	d.told(1, "Filled NIFTY26DEC24500CE")
	d.told(1, "SESSION DEAD (AB1234): ")
	_, text := d.run("status")
	if !strings.Contains(text, "no session: ") || !strings.Contains(text, "65 open at 299, ") || !strings.Contains(text, "0 covered") {
		t.Errorf("%s", text)
	}
	if _, text := d.run("journal", "list", "decisions", "--rule", "stop"); !strings.Contains(text, "yes") {
		t.Errorf("%s", text)
	}
	if list := d.messages("Stop behind"); len(list) > 0 {
		t.Error(list)
	}

	// Logged in again: the book is read, and the stop goes.
	login()
	d.told(1, "Stop behind NIFTY26DEC24500CE")
	if _, text := d.run("status"); !strings.Contains(text, "65 covered") {
		t.Errorf("%s", text)
	}
}
