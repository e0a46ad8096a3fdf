package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"

	"backstop/engine/market"
	"backstop/engine/order"
)

// wantPlain is what every message of the command line is: one line, without anything that acts on a terminal, and
// without a value of the environment.
func wantPlain(t *testing.T, err error) {
	t.Helper()
	var e *exit
	if !errors.As(err, &e) || e.code != exitMisuse {
		t.Fatalf("no misuse: %v", err)
	}
	var out bytes.Buffer
	newPrinter(io.Discard, &out, nil).finish(err)
	text := strings.TrimSuffix(out.String(), "\n")
	if strings.ContainsFunc(text, func(r rune) bool { return unicode.In(r, unicode.Cc, unicode.Cf) && r != '\u200c' && r != '\u200d' }) {
		t.Fatalf("no plain line: %q", text)
	}
	if strings.Contains(text, plantedValue) {
		t.Fatalf("it tells a secret: %q", text)
	}
}

const plantedValue = "planted-4f1c9e-secret"

// FuzzDotenv: .env is read or refused with one line that names the file and tells no value; what is read are names with
// texts.
func FuzzDotenv(f *testing.F) {
	for _, s := range []string{"A=b\n# c\nexport D='e f'\n", "A=" + plantedValue, plantedValue, "A = \"" + plantedValue, "A=1\nA=" + plantedValue, "BACKSTOP_CONFIG=x", "\ufeffA=\r\n", "=x", "A=\x00", "A='"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		values, err := parseDotenv(".env", text)
		if err != nil {
			wantPlain(t, err)
			if !strings.HasPrefix(err.Error(), ".env:") {
				t.Fatalf("no place: %v", err)
			}
			return
		}
		for name, value := range values {
			if !variableName.MatchString(name) || strings.ContainsAny(value, "\n\x00") {
				t.Fatalf("%q=%q", name, value)
			}
		}
	})
}

// FuzzSettingsFile: backstop.yaml is read or refused with one line that names the file; what is read is what stands in
// it, and each value passes the check of its setting or is refused.
func FuzzSettingsFile(f *testing.F) {
	for _, s := range []string{
		"mode: live\nlisten: 127.0.0.1:8787\ntrusted_proxies: [10.0.0.0/8, \"::1\"]\n",
		"accounts:\n  AB1234: { api_key: ${env.SECRET}, api_secret: ${env.SECRET}, label: x }\n",
		"accounts: { AB1234: { user_id: CD5678 } }",
		"mode: ${env.SECRET}\n", "mode: ${env.NOTHING}\n", "mode: ${SECRET}\n",
		"reconcile: @every 15s\n", "reconcile: \"@every 1s\"\n", "login_at: 8:30\nconfirm: no\n",
		"mode: live\nmode: dry-run\n", "a: &a [*a]\n", "<<: { mode: live }\n", "? [mode]\n: live\n", "mode: !x live\n", "mode:\n",
		"\xff\xfe", "\ufeffmode: live\n", "mode: \"li\u202eve\"\n", "listen: \"[::1%eth0]:010\"\n", "- a\n", "mode: { a: 1 }\n",
		"freeze_quantities: { NIFTY: 1800 }\n", "admin: 0.0.0.0:99999\n", "\t\n", "---\n---\n", "%YAML 9\n---\n",
	} {
		f.Add(s)
	}
	env := environmentOf([]string{"SECRET=" + plantedValue, "EMPTY="})
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 20_000 {
			return
		}
		file := &settingsFile{name: "backstop.yaml", values: map[string]value{}}
		if err := file.parse([]byte(text), env); err != nil {
			wantPlain(t, err)
			if !strings.HasPrefix(err.Error(), "backstop.yaml") {
				t.Fatalf("no place: %v", err)
			}
			return
		}
		s := &settings{values: map[string]value{}, file: file, env: env}
		for _, d := range settingTable {
			v, ok := file.value(d.key)
			if !ok {
				continue
			}
			if v.text == "" || !strings.HasPrefix(v.from, "backstop.yaml:") {
				t.Fatalf("%s: %+v", d.key, v)
			}
			if d.judge(v.text) == nil && d.words != nil && !strings.Contains(" "+strings.Join(d.words, " ")+" ", " "+v.text+" ") {
				t.Fatalf("%s: %q is none of %v", d.key, v.text, d.words)
			}
		}
		list, err := s.accounts()
		if err != nil {
			wantPlain(t, err)
			return
		}
		for _, a := range list {
			wantSafeAccount(t, a)
		}
	})
}

// wantSafeAccount is what an account must be that the settings let through.
func wantSafeAccount(t *testing.T, a account) {
	t.Helper()
	if a.user == "" || a.apiKey == "" || a.apiSecret.reveal() == "" {
		t.Fatalf("%+v", a)
	}
	u, err := url.Parse(a.baseURL)
	if err != nil || u.User != nil || u.Host == "" || u.Scheme != "https" && !(u.Scheme == "http" && loopback(u.Hostname())) {
		t.Fatalf("the token would go to %q in clear", a.baseURL)
	}
}

// FuzzEnvironment: the account of the environment is whole and safe, or refused in one line.
func FuzzEnvironment(f *testing.F) {
	f.Add("AB1234", "key", plantedValue, "token", "https://api.kite.trade", "")
	f.Add("AB1234", "key", plantedValue, "token", "http://127.0.0.1:8790", "http://127.0.0.1:1/telegram")
	f.Add("AB1234", "key", plantedValue, "token", "http://example.com", "http://example.com")
	f.Add("AB1234", "k/e y", plantedValue, "to\x00ken", "https://user:pass@api.kite.trade", "")
	f.Add("", "", plantedValue, "", "http://localhost.example.com", "http://[::1]")
	f.Add("AB\u202e", "key", plantedValue, "token", "http://2130706433", "http://0x7f.1")
	f.Fuzz(func(t *testing.T, user, key, secretText, token, base, telegram string) {
		env := environmentOf([]string{"KITE_USER_ID=" + user, "KITE_API_KEY=" + key, "KITE_API_SECRET=" + secretText,
			"KITE_ACCESS_TOKEN=" + token, "KITE_BASE_URL=" + base})
		s := &settings{values: map[string]value{}, env: env}
		list, err := s.accounts()
		if err != nil {
			wantPlain(t, err)
			return
		}
		wantSafeAccount(t, list[0])
		if u, err := url.Parse(telegram); checkTelegramURL(telegram) == nil && err == nil && u.Scheme == "http" && !loopback(u.Hostname()) {
			t.Fatalf("the bot's token would go to %q in clear", telegram)
		}
	})
}

// FuzzDryRun: whatever a payload file holds, the command ends with 0 or 1, names what it can't read on one line each,
// and what it prints acts on no terminal.
func FuzzDryRun(f *testing.F) {
	files, err := filepath.Glob("../../examples/*/payloads/*.json")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range files[:min(len(files), 6)] {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add([]byte("{\"order_id\":\"1\",\"status\":\"COMPLETE\",\"exchange\":\"NSE\",\"tradingsymbol\":\"A\u202e\u001b[2J\",\"transaction_type\":\"BUY\",\"product\":\"MIS\",\"quantity\":9223372036854775807,\"filled_quantity\":9223372036854775807,\"average_price\":1,\"price\":0.00000001}"))
	f.Add([]byte("{\"order_id\":\"1\",\"status\":\"REJECTED\",\"status_message\":\"\u202e\u0085\u009b31m\\u001b]0;x\\u0007\"}\n{\"order_id\":\"1\",\"quantity\":1e999}\n7\n[[]]"))
	f.Add([]byte(`{"order_id":"1","status":"COMPLETE","exchange":"NFO","tradingsymbol":"X","transaction_type":"SELL","product":"NRML","quantity":-75,"filled_quantity":75,"average_price":-120}`))
	f.Add([]byte("\xff\xfe{\x00"))
	rules, err := filepath.Abs("../../rules.yaml")
	if err != nil {
		f.Fatal(err)
	}
	data := f.TempDir()
	f.Fuzz(func(t *testing.T, payload []byte) {
		if len(payload) > 50_000 {
			return
		}
		for _, asJSON := range []bool{false, true} {
			var out, messages bytes.Buffer
			args := []string{"dry-run", "--rules", rules, "--data", data, "-"}
			if asJSON {
				args = append(args, "--json")
			}
			code := run(context.Background(), args, bytes.NewReader(payload), &out, &messages, nil)
			if code != exitFine && code != exitFound {
				t.Fatalf("exit %d: %s", code, messages.String())
			}
			for _, r := range out.String() + messages.String() {
				if r != '\n' && r != '\u200c' && r != '\u200d' && unicode.In(r, unicode.Cc, unicode.Cf) {
					t.Fatalf("%U stands in\n%q\n%q", r, out.String(), messages.String())
				}
			}
		}
	})
}

// FuzzCalendar: a calendar file is refused with lines that name it, or gives hours that can be asked.
func FuzzCalendar(f *testing.F) {
	f.Add("holidays: [2026-01-26]\n")
	f.Add("a: &a [*a, *a]\n")
	f.Add("segments: { equity: { exchanges: [NSE], hours: [{ open: \"09:15\", close: \"15:30\", square_off: 25m before close }] } }\n")
	f.Add("holidays:\n  - { date: 2026-11-08, name: Muhurat, open: { equity: \"18:00-19:00\" } }\n")
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 5000 {
			return
		}
		c, err := market.Parse("calendar.yaml", []byte(text))
		if (err == nil) != (c != nil) {
			t.Fatal(c, err)
		}
		var wrong market.Mistakes
		if err != nil && (!errors.As(err, &wrong) || len(wrong) == 0 || !strings.HasPrefix(wrong[0].Error(), "calendar.yaml:")) {
			t.Fatal(err)
		}
		if err == nil {
			for at, end := time.Date(2026, 1, 1, 0, 0, 0, 0, order.IST), time.Date(2027, 1, 10, 0, 0, 0, 0, order.IST); at.Before(end); at = at.AddDate(0, 0, 1) {
				for _, exchange := range []string{"NSE", "NFO", "CDS", "MCX", "XYZ"} {
					open, close, ok := c.Session(exchange, at)
					off := c.SquareOff(exchange, "MIS", at)
					if ok && (!close.After(open) || !off.After(open) || off.After(close)) {
						t.Fatal(exchange, open, close, off)
					}
				}
				_ = c.Today(at) + c.Note(at)
			}
		}
	})
}
