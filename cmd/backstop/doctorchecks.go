package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"backstop/actions"
	"backstop/engine/journal"
	"backstop/engine/journal/sqlite"
	"backstop/engine/kite"
	"backstop/engine/kite/session"
	"backstop/engine/order"
)

var discard = slog.New(slog.DiscardHandler)

// venue is where an account's orders go: the broker's host.
func (a account) venue() string {
	u, err := url.Parse(a.baseURL)
	if err != nil {
		return a.baseURL
	}
	return u.Host
}

// files looks at who can read what holds secrets, and at the secret of a rotation.
func (d *doctor) files(context.Context) []finding {
	name := dotenvName
	if f := d.settings.file; f != nil {
		name = dotenvOf(f.name)
	}
	var list []finding
	if note := openToOthers(name); note != "" {
		list = append(list, bad("files", "", name+" holds secrets and is open to others", "chmod 600 "+name))
	}
	for _, a := range d.accounts {
		switch now := d.settings.tests.clock(); {
		case a.oldUntil.IsZero():
		case now.Before(a.oldUntil):
			list = append(list, noted("files", a.user, "the api_secret before this one counts until "+a.oldUntil.Add(-time.Second).Format("2 Jan"), ""))
		default:
			list = append(list, noted("files", a.user, "the api_secret before this one counts no more", "remove api_secret_old and its day"))
		}
	}
	return list
}

// service asks the running service how it stands.
func (d *doctor) service(ctx context.Context) []finding {
	var status serviceStatus
	if err := d.settings.service().get(ctx, "/api/v1/status", nil, &status); err != nil {
		var e *exit
		if errors.As(err, &e) && e.code == exitStore {
			return []finding{bad("service", "", "no service answers at "+d.settings.text("admin"), "start it in mode dry-run: backstop serve").of(exitStore)}
		}
		return []finding{bad("service", "", err.Error(), "")}
	}
	list := []finding{fine("service", "", "version %s runs in mode %s", status.Version, status.Mode)}
	if own := buildOf().Version; own != status.Version {
		list[0] = noted("service", "", fmt.Sprintf("version %s runs, and this is %s", status.Version, own), "restart it with this one")
	}
	for _, c := range status.Checks {
		if !c.OK && !strings.HasPrefix(c.Name, "session") && !strings.HasPrefix(c.Name, "instruments") {
			list = append(list, bad("service", "", c.Name+": "+c.Text, "backstop status, and the service's log, say more"))
		}
	}
	for _, a := range status.Accounts {
		if a.Paused {
			list = append(list, noted("service", a.Account, "paused: no new risk", "backstop resume"))
		}
	}
	return list
}

// rules says how the rules stand; what is wrong with them was found before.
func (d *doctor) rules(context.Context) []finding {
	if d.set == nil {
		return nil
	}
	list := []finding{fine("rules", "", "%s: %s", d.settings.text("rules"), plural(len(d.set.Rules()), "rule"))}
	if len(d.set.Rules()) == 0 {
		list[0] = noted("rules", "", d.settings.text("rules")+" has no rule: nothing will be done", "write one, or copy one of examples/")
	}
	return list
}

// client is a client of the account with its token, and where it has none, why there is nothing to ask.
func (d *doctor) client(a *account, check string) (*kite.Client, []finding) {
	t := d.tokens[a.user]
	if t.current() == "" {
		return nil, []finding{noted(check, a.user, "not asked: there is no session", "")}
	}
	return kiteClient(*a, t.current, t.absent, outsideWithin), nil
}

// of is a broker's error as a finding.
func brokerFinding(check, account string, err error) finding {
	var e *actions.Error
	if !errors.As(err, &e) {
		return bad(check, account, err.Error(), "").of(exitBroker)
	}
	f := bad(check, account, "Kite said: "+strings.TrimRight(e.Message, ". "), e.Hint)
	switch e.Class {
	case actions.ClassDown, actions.ClassAmbiguous:
		f.Text = "Kite could not be asked: " + strings.TrimRight(e.Message, ". ")
		f.Fix = "look at this machine's line, and at Kite's status page"
		f.code = exitBroker
	case actions.ClassBusy, actions.ClassMinuteCap, actions.ClassOther:
		f.code = exitBroker
	}
	return f
}

// patiently asks again where Kite is busy: quotes are one a second, and the service asks besides.
func patiently(ctx context.Context, ask func(context.Context) error) error {
	for try := 0; ; try++ {
		err := ask(ctx)
		var e *actions.Error
		if try == 3 || !errors.As(err, &e) || e.Class != actions.ClassBusy {
			return err
		}
		select {
		case <-time.After(1200 * time.Millisecond):
		case <-ctx.Done():
			return err
		}
	}
}

func (d *doctor) session(ctx context.Context, a *account) []finding {
	t := d.tokens[a.user]
	if t.current() == "" {
		why := t.absent()
		if _, _, err := t.vault.Load(a.user, t.now()); err != nil && !errors.Is(err, session.ErrNone) && !errors.Is(err, session.ErrExpired) {
			why += ": " + err.Error()
		}
		return []finding{bad("session", a.user, why, "backstop login; it ends every day at 06:00")}
	}
	client, _ := d.client(a, "session")
	defer client.CloseIdle()
	if err := patiently(ctx, client.Alive); err != nil {
		return []finding{brokerFinding("session", a.user, err)}
	}
	return []finding{fine("session", a.user, "alive until %s IST", t.until().In(order.IST).Format("2 Jan 15:04"))}
}

// address asks whether orders may come from here. A service in dry-run asks nothing that looks like a change.
func (d *doctor) address(ctx context.Context, a *account) []finding {
	if d.within && d.settings.text("mode") == modeDryRun {
		return nil
	}
	client, none := d.client(a, "address")
	if client == nil {
		return none
	}
	defer client.CloseIdle()
	err := patiently(ctx, client.Address)
	var e *actions.Error
	switch {
	case err == nil:
		return []finding{fine("address", a.user, "Kite takes orders from this machine")}
	case errors.As(err, &e) && e.Class == actions.ClassSession:
		return []finding{noted("address", a.user, "not asked: there is no session", "")}
	case errors.As(err, &e) && e.Class == actions.ClassAddress:
		f := brokerFinding("address", a.user, err)
		f.Fix = "add this machine's public address in the Kite developer console, Profile, IP whitelist (one change a week)"
		return []finding{f}
	}
	return []finding{brokerFinding("address", a.user, err)}
}

// plan asks whether the app has the stream.
func (d *doctor) plan(ctx context.Context, a *account) []finding {
	client, none := d.client(a, "plan")
	if client == nil {
		return none
	}
	defer client.CloseIdle()
	var data bool
	err := patiently(ctx, func(ctx context.Context) (err error) {
		data, err = client.MarketData(ctx)
		return err
	})
	var e *actions.Error
	switch {
	case errors.As(err, &e) && e.Class == actions.ClassSession:
		return []finding{noted("plan", a.user, "not asked: there is no session", "")}
	case err != nil:
		return []finding{brokerFinding("plan", a.user, err)}
	case !data && d.settings.text("stream") == "on":
		return []finding{bad("plan", a.user, "a Personal app has no stream, and stream is on", "subscribe the app to Kite Connect, or write stream: auto")}
	case !data:
		return []finding{noted("plan", a.user, "a Personal app: no stream, so orders of the web and the phone are seen at the next reading", "")}
	case d.settings.streamOff(*a) != "":
		return []finding{noted("plan", a.user, "Kite Connect, and its stream is not used: "+d.settings.streamOff(*a), "")}
	}
	return []finding{fine("plan", a.user, "Kite Connect: quotes and the stream")}
}

// clockMost is by how much this machine's clock may differ from Kite's.
const clockMost = 2 * time.Second

// clock compares with the time that Kite's answers carry, which has whole seconds. It asks without a session.
func (d *doctor) clock(ctx context.Context, a *account) []finding {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, a.baseURL+"/", nil)
	if err != nil {
		return []finding{bad("clock", a.user, err.Error(), "")}
	}
	began := d.settings.tests.clock()
	transport := kite.NewTransport()
	defer transport.CloseIdleConnections()
	reply, err := transport.RoundTrip(request)
	if err != nil {
		return []finding{brokerFinding("clock", a.user, &actions.Error{Class: actions.ClassDown, Message: err.Error()})}
	}
	took := d.settings.tests.clock().Sub(began)
	_, _ = io.CopyN(io.Discard, reply.Body, 4<<10) // only its head counts
	_ = reply.Body.Close()
	theirs, err := http.ParseTime(reply.Header.Get("Date"))
	if err != nil {
		return []finding{noted("clock", a.user, "Kite's answer carries no time", "")}
	}
	off := began.Add(took / 2).Sub(theirs.Add(500 * time.Millisecond))
	if off.Abs() > clockMost+500*time.Millisecond+took/2 {
		ahead := "ahead of"
		if off < 0 {
			ahead = "behind"
		}
		return []finding{bad("clock", a.user, fmt.Sprintf("this machine is %s %s Kite", off.Abs().Round(time.Second), ahead), "let NTP keep it right: timedatectl set-ntp true")}
	}
	return []finding{fine("clock", a.user, "right to the second or two")}
}

// instruments says which list is kept.
func (d *doctor) instruments(ctx context.Context) []finding {
	s := d.settings
	var status serviceStatus
	if s.service().get(ctx, "/api/v1/status", nil, &status) == nil { // what it serves from counts
		for _, c := range status.Checks {
			switch {
			case c.Name != "instruments":
			case c.OK:
				return []finding{fine("instruments", "", "%s", c.Text)}
			default:
				return []finding{bad("instruments", "", c.Text, "they are fetched with a living session: what needs a tick size waits until then")}
			}
		}
	}
	if _, err := os.Stat(filepath.Join(s.text("data"), sqlite.FileName)); err != nil {
		return []finding{noted("instruments", "", "no list is kept yet", "backstop serve fetches it with the first session")}
	}
	store, err := openReadOnly(ctx, s)
	if err != nil {
		return []finding{bad("instruments", "", err.Error(), "").of(exitStore)}
	}
	defer func() { _ = store.Close() }() // only read
	n := 0
	day, err := store.Instruments(ctx, func(order.Instrument) { n++ })
	switch {
	case errors.Is(err, journal.ErrDamaged):
		return []finding{bad("instruments", "", err.Error(), "backstop journal verify names the rows").of(exitStore)}
	case err != nil:
		return []finding{bad("instruments", "", err.Error(), "").of(exitStore)}
	case n == 0:
		return []finding{noted("instruments", "", "no list is kept yet", "backstop serve fetches it with the first session")}
	}
	return []finding{fine("instruments", "", "%s of %s are kept", plural(n, "instrument"), day)}
}

func (d *doctor) calendar(context.Context) []finding {
	now := d.settings.tests.clock()
	if note := d.hours.Note(now); note != "" {
		return []finding{noted("calendar", "", note, "")}
	}
	if d.within {
		return nil
	}
	return []finding{fine("calendar", "", "%s", d.hours.Today(now))}
}

// noPublicURL is that nothing says how the public side is reached.
const noPublicURL = "public_url is not set, so it is not known whether postbacks arrive"

// outside looks at the public side as Kite and a phone do: the postback of each app, and the login's return.
func (d *doctor) outside(ctx context.Context) []finding {
	s, base := d.settings, d.settings.text("public_url")
	switch {
	case base != "":
	case d.within:
		return nil // said once, by the command: not each morning
	case d.onPaper(): // which sends to listen itself
		base = "http://" + s.text("listen")
	default:
		return []finding{bad("postback", "", noPublicURL, "put a proxy with HTTPS in front of listen, and write public_url: https://YOUR.HOST into "+settingsFileName)}
	}
	base = strings.TrimRight(base, "/")
	var list []finding
	seen := map[string]bool{}
	for _, a := range d.accounts {
		if seen[a.apiKey] {
			continue
		}
		seen[a.apiKey] = true
		if why := sendProbe(ctx, base+"/postback/"+url.PathEscape(a.apiKey), a.apiSecret.reveal(), s.tests.clock()); why != nil {
			list = append(list, bad("postback", a.user, base+"/postback"+": "+why.text, why.fix))
			continue
		}
		list = append(list, fine("postback", a.user, "a signed test came through %s and was recognised", base+"/postback"))
	}
	if f := d.unreachable(); f != nil {
		list = append(list, *f)
	}
	if why := askCallback(ctx, base+"/kite/callback"); why != nil {
		return append(list, bad("callback", "", base+"/kite/callback"+": "+why.text, why.fix))
	}
	return append(list, fine("callback", "", "the login's return reaches this service: the app's redirect URL is %s", base+"/kite/callback"))
}

// onPaper says whether every account is at a paper exchange.
func (d *doctor) onPaper() bool {
	return !slices.ContainsFunc(d.accounts, func(a account) bool { return !a.onLoopback() })
}

// unreachable says why Kite can't reach an address that this machine may: it sends to public addresses alone, and as users
// found to port 443 (docs/kite.md 1.2). Of paper nothing is wanted.
func (d *doctor) unreachable() *finding {
	u, err := url.Parse(d.settings.text("public_url"))
	if err != nil || d.onPaper() {
		return nil
	}
	var f finding
	switch address, _ := netip.ParseAddr(u.Hostname()); {
	case loopback(u.Hostname()) || address.IsPrivate():
		f = bad("postback", "", "public_url is "+u.Host+", which Kite can't reach", "name the host under which this machine is known outside")
	case cmp.Or(u.Port(), "443") != "443":
		f = bad("postback", "", "public_url names port "+u.Port()+", and Kite sends to 443 alone", "let the proxy listen on 443")
	default:
		return nil
	}
	return &f
}

// message sends a test message to the alerts channel.
func (d *doctor) message(ctx context.Context) []finding {
	switch {
	case d.set == nil:
		return []finding{noted("message", "", "not sent: the rules say to whom", "")}
	case d.set.Alerts() == "none":
		return []finding{noted("message", "", "the rules say alerts: none: nobody is told what goes wrong", "")}
	}
	channel, m := alertsOf(d.settings, d.set, d.channels)
	if channel == nil || m.ChatID == "" {
		return []finding{bad("message", "", "no channel is told what goes wrong", "set TELEGRAM_BOT_TOKEN and TELEGRAM_CHAT_ID, in .env")}
	}
	m.Text = "TEST: backstop doctor looks whether its messages arrive. They do."
	if err := channel.Send(ctx, m); err != nil {
		var e *actions.Error
		f := bad("message", "", "the test message was not taken: "+err.Error(), "").of(exitBroker)
		if errors.As(err, &e) {
			f.Text, f.Fix = "the test message was not taken: "+strings.TrimRight(e.Message, ". "), cmp.Or(e.Hint, "look at the channel's token and chat, and at this machine's line")
		}
		return []finding{f}
	}
	return []finding{fine("message", "", "a test message went to channel %s", m.Channel)}
}
