package main

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"backstop/engine/postback"
	"backstop/engine/reconcile"
)

// setting is one line of the table in docs/settings.md. Flag beats environment (with .env, where it sets nothing) beats backstop.yaml beats fallback.
type setting struct {
	key      string // in backstop.yaml
	env      string // "" where there is none
	flag     string // "" where there is none
	fallback string
	doc      string
	words    []string                // the values there are; nil: see check
	check    func(text string) error // what a value must look like; nil: any text
}

// The modes that are written in settings.
const (
	modeDryRun = "dry-run"
	modeLive   = "live"
)

// settingTable is every setting.
var settingTable = []setting{
	{"rules", "BACKSTOP_RULES", "rules", "rules.yaml", "the rules file", nil, nil},
	{"data", "BACKSTOP_DATA", "data", "data", "folder of the embedded store", nil, nil},
	{"store", "BACKSTOP_STORE", "store", "sqlite", "where the journal is kept: sqlite (in the data folder)", nil, nil},
	{"mode", "BACKSTOP_MODE", "mode", modeDryRun, "dry-run or live", []string{modeDryRun, modeLive}, checkMode},
	{"adopt", "BACKSTOP_ADOPT", "adopt", "new", "orders already in the book at the first arming: new leaves them", []string{"new", "today"}, nil},
	{"listen", "BACKSTOP_LISTEN", "listen", "127.0.0.1:8787", "address of the public side: postbacks", nil, checkAddress},
	{"public_url", "BACKSTOP_PUBLIC_URL", "public-url", "", "how Kite and your browser reach the public side, such as https://YOUR.HOST: doctor tries it", nil, checkPublicURL},
	{"admin", "BACKSTOP_ADMIN", "admin", "127.0.0.1:8788", "address of the private side: JSON API, health, metrics", nil, checkAddress},
	{"reconcile", "BACKSTOP_RECONCILE", "reconcile", "@every 15s", "cron spec of the order book readings, or off", nil, checkReconcile},
	{"market_hours", "BACKSTOP_MARKET_HOURS", "market-hours", "auto", "auto or always", []string{"auto", "always"}, nil},
	{"stream", "BACKSTOP_STREAM", "stream", "auto", "order updates over WebSocket: auto (does without on a plan that has none), on or off", []string{"auto", "on", "off"}, nil},
	{"confirm", "BACKSTOP_CONFIRM", "confirm", "true", "read the order book before acting on a postback", []string{"true", "false"}, nil},
	{"login_at", "BACKSTOP_LOGIN_AT", "login-at", "08:30", "when, on a trading day, the alerts channel gets the login link while there is no session; again at 09:00 and 09:10", nil, checkTimeOfDay},
	{"admin_password", "BACKSTOP_ADMIN_PASSWORD", "", "", "needed where the private side is not on loopback", nil, nil},
	{"trusted_proxies", "BACKSTOP_TRUSTED_PROXIES", "", "", "whose X-Forwarded-For is believed", nil, checkNetworks},
	{"calendar", "BACKSTOP_CALENDAR", "calendar", "", "a file of sessions and holidays", nil, nil},
	{"freeze_quantities", "", "", "", "greatest quantity of one order, by underlying", nil, nil},
	{"reload", "BACKSTOP_RELOAD", "", "swap", "what a changed rules file does: swap, or ask for a yes first", []string{"swap", "ask"}, nil},
	{"log", "BACKSTOP_LOG", "log", "", "log form: text or json (default text on a terminal, else json)", []string{"text", "json"}, nil},
}

func settingOf(key string) (setting, bool) {
	i := slices.IndexFunc(settingTable, func(s setting) bool { return s.key == key })
	if i < 0 {
		return setting{}, false
	}
	return settingTable[i], true
}

// value is a setting's text and where it was written.
type value struct {
	text string
	from string // "--mode", "BACKSTOP_MODE", "backstop.yaml:3"; "" for the default

	written string // as it stands in the file, where ${env.NAME} made text of it: that may be a secret, and is never shown
}

// settings are all values of one run.
type settings struct {
	values map[string]value
	file   *settingsFile // nil where there is none
	env    environment
	tests  testHooks
}

// settingFlags gives a command the flags of these settings.
func settingFlags(cmd *cobra.Command, keys ...string) {
	for _, key := range keys {
		s, ok := settingOf(key)
		if !ok || s.flag == "" {
			panic("no flag for setting " + key)
		}
		doc := s.doc
		if s.fallback != "" {
			doc += fmt.Sprintf(" (default %s)", s.fallback)
		}
		cmd.Flags().String(s.flag, "", doc)
		if s.words != nil {
			_ = cmd.RegisterFlagCompletionFunc(s.flag, cobra.FixedCompletions(s.words, cobra.ShellCompDirectiveNoFileComp)) // the flag is there
		}
	}
}

// settings reads every setting for a command. A value of a wrong form is an error that names where it stands.
func (p *program) settings(cmd *cobra.Command) (*settings, error) {
	config, _ := cmd.Flags().GetString("config") // every command inherits it
	from := "--config"
	if config == "" {
		config, from = p.env["BACKSTOP_CONFIG"], "BACKSTOP_CONFIG"
	}
	if err := p.takeDotenv(config); err != nil {
		return nil, err
	}
	file, err := readSettingsFile(config, from, p.env)
	if err != nil {
		return nil, err
	}
	s := &settings{values: map[string]value{}, file: file, env: p.env}
	for _, d := range settingTable {
		v := s.resolve(cmd, d)
		if v.from != "" {
			err := d.judge(v.text)
			switch {
			case err != nil && v.written != "":
				return nil, misuse("%s: %s: what %s gives does not fit: write the value itself to see why", v.from, d.key, v.written)
			case err != nil:
				return nil, misuse("%s: %s: %s", v.from, d.key, err)
			}
		}
		s.values[d.key] = v
	}
	return s, nil
}

func (s *settings) resolve(cmd *cobra.Command, d setting) value {
	if d.flag != "" {
		if f := cmd.Flags().Lookup(d.flag); f != nil && f.Changed {
			return value{text: f.Value.String(), from: "--" + d.flag}
		}
	}
	if text, ok := s.env.lookup(d.env); ok {
		return value{text: text, from: d.env}
	}
	if v, ok := s.file.value(d.key); ok {
		return v
	}
	return value{text: d.fallback}
}

// without is a setting's value where no flag names it.
func (s *settings) without(key string) string {
	d, _ := settingOf(key)
	d.flag = ""
	return s.resolve(nil, d).text
}

// text is a setting's value.
func (s *settings) text(key string) string { return s.values[key].text }

// origin names where a setting was written.
func (s *settings) origin(key string) string {
	if from := s.values[key].from; from != "" {
		return from
	}
	return key
}

// storeKind checks the store's name: this version has SQLite in the data folder.
func (s *settings) storeKind() error {
	name := s.text("store")
	scheme, _, isURL := strings.Cut(name, "://")
	switch {
	case name == "sqlite":
		return nil
	case isURL && (scheme == "postgres" || scheme == "postgresql"):
		return misuse("%s: store: %s:// is not in this version (until then: remove store; SQLite in the data folder keeps the journal)", s.origin("store"), scheme)
	}
	return misuse("%s: store: there is no store %q: remove store; SQLite in the data folder keeps the journal", s.origin("store"), strings.SplitN(name, ":", 2)[0])
}

// judge says what is wrong with a value's form.
func (d setting) judge(text string) error {
	if d.check != nil {
		if err := d.check(text); err != nil {
			return err
		}
	}
	if d.words != nil && !slices.Contains(d.words, text) {
		return fmt.Errorf("want %s, not %q", strings.Join(d.words, " or "), text)
	}
	return nil
}

// checkMode refuses by name what this version does not do.
func checkMode(text string) error {
	if text == "approve" {
		return errors.New("approve is not in this version (until then: mode: dry-run shows what would be done)")
	}
	return nil
}

func checkAddress(text string) error {
	_, port, err := net.SplitHostPort(text)
	if err != nil {
		return fmt.Errorf("want HOST:PORT, not %q", text)
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return fmt.Errorf("want a port of 0 to 65535 behind the colon, not %q", port)
	}
	return nil
}

// loopback says whether a host reaches this machine only. Of names localhost alone counts: any other may
// resolve elsewhere tomorrow.
func loopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	address, err := netip.ParseAddr(host)
	return err == nil && address.Unmap().IsLoopback()
}

// checkPublicURL wants what Kite takes: HTTPS, save on this machine, where the paper exchange is.
func checkPublicURL(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "https" && !(u.Scheme == "http" && loopback(u.Hostname())) || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return errors.New("want an address like https://YOUR.HOST")
	}
	return nil
}

func checkTimeOfDay(text string) error {
	if _, err := time.Parse("15:04", text); err != nil {
		return fmt.Errorf("want a time like 08:30, not %q", text)
	}
	return nil
}

func checkNetworks(text string) error {
	_, err := postback.ParseProxies(strings.Split(text, ","))
	if err != nil {
		return errors.New(strings.TrimPrefix(err.Error(), "trusted_proxies: "))
	}
	return nil
}

func checkReconcile(text string) error {
	_, err := reconcile.ParseSpec(text)
	return err
}
