//go:build unix

package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"backstop/engine/order"
)

func TestTheMorningHasItsTimes(t *testing.T) {
	t.Parallel()
	for loginAt, want := range map[string]string{
		"08:30": "08:30 09:00 09:10!", "09:00": "09:00 09:10!", "09:05": "09:05 09:10!", "09:10": "09:10!", "10:30": "09:10! 10:30", "07:00": "07:00 09:00 09:10!",
	} {
		var got []string
		for _, s := range slotsOf(timeOfDay(loginAt)) {
			text := clockOf(s.at)
			if s.report {
				text += "!"
			}
			got = append(got, text)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("login_at %s: %v, not %s", loginAt, got, want)
		}
	}
}

// clockOfDay sets a service's clock by its file: to a time on a day from now, where it then goes on.
type clockOfDay struct {
	t    *testing.T
	file string
}

func (c clockOfDay) set(days int, clock string) {
	c.t.Helper()
	at, err := time.ParseInLocation(time.TimeOnly, clock, order.IST)
	if err != nil {
		c.t.Fatal(err)
	}
	now := time.Now().In(order.IST)
	to := time.Date(now.Year(), now.Month(), now.Day()+days, at.Hour(), at.Minute(), at.Second(), 0, order.IST)
	if err := os.WriteFile(c.file, []byte(to.Sub(now).String()), 0o600); err != nil {
		c.t.Fatal(err)
	}
}

// messages are those that the alerts channel got, of a beginning.
func (d *desk) messages(begin string) []string {
	var list []string
	for line := range strings.SplitSeq(string(d.paper.bytes()), "\n") {
		text, ok := strings.CutPrefix(line, "telegram: [PAPER] ")
		if text = strings.TrimPrefix(text, "[dry-run] "); ok && strings.HasPrefix(text, begin) {
			list = append(list, text)
		}
	}
	return list
}

func (d *desk) told(n int, begin string) []string {
	d.t.Helper()
	eventually(d.t, fmt.Sprintf("message %d that begins with %s", n, begin), func() bool { return len(d.messages(begin)) >= n })
	list := d.messages(begin)
	if len(list) != n {
		d.t.Fatalf("%d messages: %q", len(list), list)
	}
	return list
}

func TestTheMorningSendsTheLinkAndSaysWhetherArmed(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	clock := clockOfDay{t, filepath.Join(d.dir, "clock")}
	d.env = append(d.env, "BACKSTOP_TEST_CLOCK="+clock.file, "BACKSTOP_LOGIN_AT=08:30", "BACKSTOP_RECONCILE=@every 5s", "TELEGRAM_BOT_TOKEN=1:paper", "TELEGRAM_CHAT_ID=1",
		"TELEGRAM_BASE_URL=http://"+d.paperAt+"/telegram")

	// 08:30 on a trading day, and no session: the link. A process that dies right behind it tells it no second time.
	clock.set(1, "08:30:01")
	serve, log := spawned(t, d.dir, d.env, "serve")
	first := d.told(1, "LOG IN (AB1234): no Kite session for today, ")
	eventually(t, "that it was told is kept", func() bool {
		text, _ := os.ReadFile(filepath.Join(d.dir, "data", "morning.json"))
		return strings.Contains(string(text), `"AB1234 08:30"`)
	})
	_ = serve.Process.Kill()
	_ = serve.Wait()
	clock.set(1, "08:59:55")
	_, log2 := spawned(t, d.dir, d.env, "serve")

	// Again at 09:00, with a link of its own. The first one is still good, here and in the process that did not send it;
	// what comes back from the page is good once, and the others of the account end with it.
	second := d.told(2, "LOG IN (AB1234)")[1]
	links := []string{loginLink.FindString(first[0]), loginLink.FindString(second)}
	if links[0] == "" || links[1] == "" || links[0] == links[1] {
		t.Fatal(links)
	}
	later := d.redirect(links[1])
	code, text, at := d.browse(links[0])
	if code != http.StatusOK || !regexp.MustCompile(`^Backstop is logged in as AB1234 until \d+ \w+ 06:00\.`).MatchString(text) {
		t.Fatalf("%d %s", code, text)
	}
	for _, address := range []string{at, later} {
		if code, _, _ := d.browse(address); code != http.StatusBadRequest {
			t.Errorf("%s: %d", address, code)
		}
	}
	d.told(1, "LOGGED IN (AB1234): the session lives until ")
	eventually(t, "the session's end is shown", func() bool {
		_, text := d.run("status")
		return regexp.MustCompile(`ok  session: alive until \d+ \w+ 06:00 IST`).MatchString(text)
	})

	clock.set(1, "09:10:00")
	// 09:10: armed, and what the doctor finds: this clock is a day ahead.
	if text := d.told(1, "ARMED (AB1234): mode dry-run, 0 rules, session until ")[0]; !strings.Contains(text, ". But clock AB1234: this machine is ") ||
		!strings.Contains(text, " ahead of Kite (let NTP keep it right") || strings.Contains(text, "address") {
		t.Error(text)
	}

	// It ends in the middle of the day: a link comes at once.
	if code, text := d.run("logout"); code != exitFine {
		t.Fatalf("%d %s", code, text)
	}
	third := d.told(1, "LOG IN (AB1234): the Kite session is over: ")[0]
	if code, text, _ := d.browse(loginLink.FindString(third)); code != http.StatusOK {
		t.Fatalf("%d %s", code, text)
	}
	d.told(2, "LOGGED IN (AB1234)")
	eventually(t, "armed again", func() bool { _, text := d.run("status"); return strings.Contains(text, ": ready\n") })

	// 06:00: it is over at once, and said; the next morning begins anew, and at 09:10 says why it is not armed, with a link.
	clock.set(2, "05:59:59")
	d.told(1, "SESSION DEAD (AB1234): The session ended at 06:00, as every day.")
	clock.set(2, "09:10:00")
	text = d.told(1, "NOT ARMED (AB1234): session dead: the session ended at 06:00, as every day")[0]
	link := loginLink.FindString(text)
	if link == "" || len(d.messages("LOG IN")) != 3 {
		t.Fatal(text, d.messages("LOG IN"))
	}

	// What comes back and leads to no session: the page says why, and a new link comes.
	back := d.redirect(link)
	if code, text, _ := d.browse(regexp.MustCompile(`request_token=[^&]+`).ReplaceAllString(back, "request_token=another")); code != http.StatusBadGateway {
		t.Fatalf("%d %s", code, text)
	}
	if code, _, _ := d.browse(loginLink.FindString(d.told(1, "LOG IN (AB1234): the login failed: ")[0])); code != http.StatusOK {
		t.Errorf("the new link: %d", code)
	}
	d.told(3, "LOGGED IN (AB1234)")

	for _, log := range []*told{log, log2} {
		if slices.ContainsFunc(links, func(l string) bool { return strings.Contains(string(log.bytes()), l) }) || strings.Contains(string(log.bytes()), "state%3D") {
			t.Errorf("a link stands in the log: %s", log.bytes())
		}
	}
}

func TestATokenOfTheSettingsGivesWayToALoginOnceKiteRefusesIt(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.env = append(d.env, "BACKSTOP_LOGIN_AT=08:30", "TELEGRAM_BOT_TOKEN=1:paper", "TELEGRAM_CHAT_ID=1", "TELEGRAM_BASE_URL=http://"+d.paperAt+"/telegram",
		"KITE_ACCESS_TOKEN=ofyesterday", "BACKSTOP_TEST_CLOCK="+filepath.Join(d.dir, "clock"))
	clock := clockOfDay{t, filepath.Join(d.dir, "clock")}
	clock.set(1, "08:00:00")
	spawned(t, d.dir, d.env, "serve")
	clock.set(1, "09:00:01")
	link := loginLink.FindString(d.told(1, "LOG IN (AB1234)")[0])
	if code, text, _ := d.browse(link); code != http.StatusOK {
		t.Fatalf("%d %s", code, text)
	}
	d.told(1, "LOGGED IN (AB1234)")
	eventually(t, "the session lives", func() bool {
		_, text := d.run("status")
		return regexp.MustCompile(`ok  session: alive until \d+ \w+ 06:00 IST`).MatchString(text)
	})
}

func TestAtTenPastNineARefusedAddressIsNotArmed(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.env = append(d.env, "BACKSTOP_LOGIN_AT=08:30", "TELEGRAM_BOT_TOKEN=1:paper", "TELEGRAM_CHAT_ID=1", "TELEGRAM_BASE_URL=http://"+d.paperAt+"/telegram",
		"KITE_ACCESS_TOKEN=paper_token", "BACKSTOP_TEST_CLOCK="+filepath.Join(d.dir, "clock"))
	clockOfDay{t, filepath.Join(d.dir, "clock")}.set(1, "09:09:45")
	d.control("faults", map[string]string{"faults": "address_refused"})
	spawned(t, d.dir, d.env, "serve", "--mode", "live")
	d.told(1, "NOT ARMED (AB1234): address AB1234: Kite said: No IPs configured for this app. Add allowed IPs on the Kite developer console (add this machine's public address")
	if list := d.messages("ARMED"); len(list) > 0 {
		t.Error(list)
	}
}
