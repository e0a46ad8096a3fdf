package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"backstop/actions"
	"backstop/engine"
	"backstop/engine/console"
	"backstop/engine/journal"
	"backstop/engine/kite"
	"backstop/engine/lane"
	"backstop/engine/market"
	"backstop/engine/notify"
	"backstop/engine/order"
	"backstop/engine/postback"
	"backstop/rules"
)

// channels are where messages go: those of the rules, and the one that the environment makes.
func (s *settings) channels(set *rules.Set) (notify.Registry, error) {
	own, err := s.telegram()
	if err != nil {
		return nil, err
	}
	registry := notify.Registry{}
	byToken := map[string]*notify.Telegram{} // one bot's channels share its paces
	add := func(name, token string) error {
		if byToken[token] == nil {
			t, err := notify.NewTelegram(notify.TelegramOptions{Token: token, BaseURL: s.env["TELEGRAM_BASE_URL"]})
			if err != nil {
				return misuse("channel %s: %v", name, err)
			}
			byToken[token] = t
		}
		registry[name] = byToken[token]
		return nil
	}
	if err := checkTelegramURL(s.env["TELEGRAM_BASE_URL"]); err != nil {
		return nil, err
	}
	if own != nil {
		if err := add(rules.SettingsChannel, own.reveal()); err != nil {
			return nil, err
		}
	}
	for _, c := range set.Channels() {
		if err := add(c.Name, c.Token.Reveal()); err != nil {
			return nil, err
		}
	}
	return registry, nil
}

// wire builds the service's parts and ties them together.
func (sv *server) wire(accounts []account, channels notify.Registry, hours *market.Calendar) error {
	s := sv.settings
	sv.vault = s.vault()
	sv.reloader = newReloader(sv, sv.rules, map[string]actions.Channel(channels), hours)
	metrics := prometheus.NewRegistry()
	metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	o := engine.Options{Store: sv.store, Channels: map[string]actions.Channel(channels), Hours: hours,
		MarketAlways: s.text("market_hours") == "always", ReconcileSpec: s.text("reconcile"), Log: sv.log, Registerer: metrics,
		Alert: sv.tell, Now: s.tests.now, Crash: s.tests.crash}
	for _, a := range accounts {
		broker, streamer := sv.broker(a)
		o.Accounts = append(o.Accounts, engine.AccountOptions{ID: a.user, Label: a.label, APIKey: a.apiKey, Broker: broker,
			Streamer: streamer, StreamMust: s.text("stream") == "on", StreamOff: s.streamOff(a),
			Lane: lane.Options{Mode: sv.modeOf(a.user), Venue: a.venue(), Confirm: s.text("confirm") == "true", Adopt: s.text("adopt") == "today",
				ChatID: s.env["TELEGRAM_CHAT_ID"], Rules: sv.rules, Reasons: kite.Reason, Freeze: freezeOf(s.text("freeze_quantities")), FreezeLimit: kite.FreezeLimit}})
	}
	var err error
	if sv.engine, err = engine.New(o); err != nil {
		return storeProblem(s.text("data"), err)
	}
	proxies, err := postback.ParseProxies(items(s.text("trusted_proxies")))
	if err != nil {
		return misuse("%s: %v", s.origin("trusted_proxies"), err)
	}
	sv.morning = newMorning(sv, accounts, hours)
	login := &logins{accounts: accounts, vault: sv.vault, now: s.tests.clock, log: sv.log}
	if sv.morning != nil {
		login.failed = sv.morning.failed
	}
	sv.receiver, err = postback.New(postback.Options{Doors: doors(accounts), Submit: sv.engine.SubmitSigned, TrustedProxies: proxies, Now: s.tests.now,
		Login: login.finish, Observe: observe(metrics), Log: sv.log})
	if err != nil {
		return misuse("%v", err)
	}
	host, _, _ := net.SplitHostPort(s.text("admin")) // the form was checked
	keeper, _ := sv.store.(journal.Keeper)
	sv.console = console.New(console.Options{Store: journal.Whole(sv.store), Keeper: keeper, Engine: seat{sv.engine, hours, s.tests.clock, sv.sessionUntil, sv.exchange == onPaper}, Rules: sv.reloader.info, Reload: sv.reloader.asked,
		Metrics: metrics, Version: buildOf().Version, Public: !loopback(host), AdminPassword: s.text("admin_password"), Log: sv.log})
	return nil
}

// modeOf is an account's mode.
func (sv *server) modeOf(user string) lane.Mode {
	if m, ok := sv.modes[user]; ok {
		return m
	}
	return lane.Mode(sv.settings.text("mode"))
}

// broker opens what an account trades at, and its stream, nil where there is none.
func (sv *server) broker(a account) (actions.Broker, engine.Streamer) {
	t := &sessionToken{account: a, vault: sv.vault, now: sv.settings.tests.clock, log: sv.log}
	sv.tokens = append(sv.tokens, t)
	b, end := brokers["kite"](a, t.current, t.absent)
	sv.closers = append(sv.closers, end)
	if sv.settings.streamOff(a) != "" {
		return b, nil
	}
	stream, end := streams["kite"](a, t.current)
	sv.closers = append(sv.closers, end)
	return b, stream
}

// streamOff is why an account has no stream; "" where it has one.
func (s *settings) streamOff(a account) string {
	switch {
	case s.text("stream") == "off":
		return "stream is off"
	case a.wsURL == "":
		return "KITE_BASE_URL is not Kite's and KITE_WS_URL is not set"
	}
	return ""
}

// items splits a setting at its commas; an empty one has no items.
func items(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(text, ",")
}

// tell tells the alerts channel of the rules in force what no lane can say: that a lane has stopped, that rules were
// refused.
func (sv *server) tell(text string) {
	sv.log.Error("alert", "text", text)
	sv.alerts.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), alertWithin)
		defer cancel()
		if err := sv.deliver(ctx, text); err != nil {
			sv.log.Error("the alert could not be delivered", "error", err)
		}
	})
}

// deliver sends a text to the alerts channel of the rules in force, and waits for it. With no such channel there is
// nobody to tell.
func (sv *server) deliver(ctx context.Context, text string) error {
	channel, m := sv.reloader.told()
	if channel == nil {
		return nil
	}
	if m.Text = text; sv.settings.text("mode") == modeDryRun {
		m.Text = "[dry-run] " + text
	}
	ctx, cancel := context.WithTimeout(ctx, alertWithin)
	defer cancel()
	if err := channel.Send(ctx, m); err != nil {
		return fmt.Errorf("channel %s: %w", m.Channel, err)
	}
	return nil
}

// alertsEnd waits at the end for alerts on their way: an alert is in no journal, and would be lost with the process.
func (sv *server) alertsEnd() {
	sent := make(chan struct{})
	go func() {
		sv.alerts.Wait()
		close(sent)
	}()
	select {
	case <-sent:
	case <-time.After(consoleEnds):
	}
}

// alertWithin is how long an alert may take; the next comes a minute later.
const alertWithin = 30 * time.Second

// doors are the addresses of the public side: one for each api_key.
func doors(accounts []account) []postback.Door {
	users := map[string][]string{}
	var list []postback.Door
	for _, a := range accounts {
		if users[a.apiKey] = append(users[a.apiKey], a.user); len(users[a.apiKey]) > 1 {
			continue
		}
		key := a.apiKey
		list = append(list, postback.Door{Key: key, Check: func(body []byte, received time.Time) (order.Update, error) {
			u, err := checkPostback(body, received, a.secrets(received)...)
			if own := users[key]; err == nil && u.Account == "" && len(own) == 1 {
				u.Account = own[0]
			}
			return u, err
		}})
	}
	return list
}

// checkPostback verifies a body and reads it, in the receiver's own words for what is wrong.
func checkPostback(body []byte, received time.Time, secrets ...string) (order.Update, error) {
	claim, err := kite.Verify(body, secrets...)
	if err != nil {
		var malformed *kite.MalformedError
		switch {
		case errors.As(err, &malformed):
			return order.Update{}, postback.Malformed(malformed.Error())
		case errors.Is(err, kite.ErrChecksum):
			return order.Update{}, postback.ErrChecksum
		}
		return order.Update{}, err
	}
	if probe := probeOf(claim, secrets); probe != nil {
		return order.Update{}, probe
	}
	u, err := kite.DecodeProved(body, received)
	if err != nil {
		return order.Update{}, postback.Malformed(err.Error())
	}
	return u, nil
}

// observe counts the public side's answers.
func observe(r prometheus.Registerer) func(code int, d time.Duration) {
	count := prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "backstop", Name: "postback_answers_total",
		Help: "Answers of the public side, by HTTP status."}, []string{"code"})
	seconds := prometheus.NewHistogram(prometheus.HistogramOpts{Namespace: "backstop", Name: "postback_seconds",
		Help: "From a request's head to its answer on the public side.", Buckets: prometheus.ExponentialBuckets(0.0005, 2, 14)})
	r.MustRegister(count, seconds)
	return func(code int, d time.Duration) {
		count.WithLabelValues(strconv.Itoa(code)).Inc()
		seconds.Observe(d.Seconds())
	}
}

// seat is the engine as the console asks it.
type seat struct {
	engine *engine.Engine
	hours  *market.Calendar
	now    func() time.Time
	until  func(account string) time.Time // when its session ends, at the latest
	paper  bool                           // where all accounts trade
}

// sessionUntil is when an account's session ends, at the latest; zero where it has none.
func (sv *server) sessionUntil(account string) time.Time {
	for _, t := range sv.tokens {
		if t.account.user == account {
			return t.until()
		}
	}
	return time.Time{}
}

var _ console.Engine = seat{}

// Views turns the lanes' pictures into the console's.
func (e seat) Views() []console.View {
	views := e.engine.Views()
	out := make([]console.View, len(views))
	for i, v := range views {
		out[i] = console.View{Account: v.Account, Mode: string(v.Mode), Paper: e.paper, Armed: v.Armed, Session: v.Session, SessionWhy: v.SessionWhy,
			Paused: v.Paused, Stopped: v.Stopped, Orders: v.Orders, Waiting: v.Waiting, WaitsSince: v.WaitsSince, WaitsWhy: v.WaitsWhy, Unknown: v.Unknown,
			Missed: console.Missed{Updates: v.Missed.Updates, Orders: v.Missed.Orders, ByStream: v.Missed.ByStream, LongestSeconds: v.Missed.Longest.Seconds()}}
		if v.Session {
			out[i].SessionUntil = e.until(v.Account)
		}
		if v.LastRead > 0 {
			out[i].LastRead = time.UnixMilli(v.LastRead)
		}
		for _, p := range v.Positions {
			out[i].Positions = append(out[i].Positions, console.Position(p))
		}
		for _, g := range v.Groups {
			out[i].Groups = append(out[i].Groups, console.Group(g))
		}
	}
	return out
}

// Ready names a check by its account too where there are several.
func (e seat) Ready() []console.Check {
	many := len(e.engine.Accounts()) > 1
	var checks []console.Check
	for _, c := range e.engine.Ready().Checks {
		name := c.Name
		if many && c.Account != "" {
			name += " " + c.Account
		}
		if ends := e.until(c.Account); c.Name == "session" && c.OK && !ends.IsZero() {
			c.Text += " until " + ends.In(order.IST).Format("2 Jan 15:04") + " IST"
		}
		checks = append(checks, console.Check{Name: name, OK: c.OK, Text: c.Text})
	}
	return append(checks, calendarCheck(e.hours, e.now()))
}

// calendarCheck tells the day's sessions. What the calendar doesn't know is a note and holds nothing up.
func calendarCheck(hours *market.Calendar, now time.Time) console.Check {
	text := hours.Today(now)
	if note := hours.Note(now); note != "" {
		text += "; " + note
	}
	return console.Check{Name: "calendar", OK: true, Text: text}
}

// Control says a person's word to one account, or to all.
func (e seat) Control(ctx context.Context, account string, verb console.Verb) error {
	return e.each(account, func(id string) error {
		return e.engine.Control(ctx, id, lane.Control{Verb: lane.ControlVerb(verb), By: "console"})
	})
}

// Reconcile reads the book of one account, or of all.
func (e seat) Reconcile(ctx context.Context, account string) error {
	return e.each(account, func(id string) error { return e.engine.Reconcile(ctx, id) })
}

// Obey says a person's word about one action or order.
func (e seat) Obey(ctx context.Context, w console.Word) error {
	obey := e.engine.Obey
	if w.Verb == console.Adopt {
		obey = e.engine.Adopt
	}
	err := obey(ctx, lane.Control{Verb: lane.ControlVerb(w.Verb), By: w.By, ID: w.ID, OrderID: w.OrderID, Failed: w.Failed, Why: w.Why})
	var refused *engine.NotFollowed
	if errors.As(err, &refused) {
		return &console.Refusal{Why: refused.Why}
	}
	return err
}

func (e seat) each(account string, do func(id string) error) error {
	if account != "" {
		return do(account)
	}
	var failed []error
	for _, id := range e.engine.Accounts() {
		failed = append(failed, do(id))
	}
	return errors.Join(failed...)
}
