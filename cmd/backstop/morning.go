package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"backstop/engine/kite/session"
	"backstop/engine/lane"
	"backstop/engine/market"
	"backstop/engine/order"
)

// morning tells the alerts channel, on trading days, what stands between an account and the opening bell: the link of the
// login page while there is no session, and at 09:10 whether Backstop is armed. What was told is kept in the data folder,
// so that a restart neither repeats nor loses it; a message may come twice rather than never.
type morning struct {
	server   *server
	accounts []account
	tokens   map[string]*sessionToken
	hours    *market.Calendar
	loginAt  time.Duration // after midnight IST
	slots    []slotOfDay
	doctor   *doctor
	today    morningFile
	lived    map[string]bool      // at the last look
	linked   map[string]time.Time // when the last link of a session's sudden end was sent
	again    map[string]time.Time // of what could not be delivered: when it is tried again
}

// slotOfDay is a time of the day at which the morning looks.
type slotOfDay struct {
	at     time.Duration // after midnight IST
	report bool          // whether armed or not; else only a missing session is told
}

// The times besides login_at.
const (
	linkAgain  = 9 * time.Hour
	reportAt   = 9*time.Hour + 10*time.Minute
	morningTry = 30 * time.Second // until what could not be delivered is tried again
	// reportPatience is how long the report waits for what is not ready yet, where there is a session.
	reportPatience = 20 * time.Second
	// morningLate is how long a time that passed while Backstop was down is made good for; a link, where a market is open.
	morningLate = 10 * time.Minute
	// morningSettles is what a start may take until it is known whether the session lives.
	morningSettles = 5 * time.Second
)

// newMorning is nil where no morning is kept: under market_hours: always no day has one, unless login_at is written.
func newMorning(sv *server, accounts []account, hours *market.Calendar) *morning {
	s := sv.settings
	if s.text("market_hours") == "always" && s.values["login_at"].from == "" {
		return nil
	}
	m := &morning{server: sv, accounts: accounts, hours: hours, tokens: map[string]*sessionToken{}, lived: map[string]bool{}, linked: map[string]time.Time{}, again: map[string]time.Time{}}
	for _, t := range sv.tokens {
		m.tokens[t.account.user] = t
	}
	m.doctor = &doctor{settings: s, accounts: accounts, hours: hours, tokens: m.tokens, within: true}
	m.loginAt = timeOfDay(s.text("login_at"))
	m.slots = slotsOf(m.loginAt)
	m.today = m.read()
	return m
}

// slotsOf are the day's times in their order: login_at, those of the link after it, and the report.
func slotsOf(loginAt time.Duration) []slotOfDay {
	slots := []slotOfDay{{at: reportAt, report: true}}
	for _, at := range []time.Duration{loginAt, linkAgain} {
		if at >= loginAt && at != reportAt && !slices.ContainsFunc(slots, func(s slotOfDay) bool { return s.at == at }) {
			slots = append(slots, slotOfDay{at: at})
		}
	}
	slices.SortFunc(slots, func(a, b slotOfDay) int { return int(a.at - b.at) })
	return slots
}

// timeOfDay reads a time like 08:30, whose form was checked.
func timeOfDay(text string) time.Duration {
	t, err := time.Parse("15:04", text)
	if err != nil {
		return 0
	}
	return time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute
}

// run looks every second until ctx ends.
func (m *morning) run(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	settled := time.After(morningSettles)
	select {
	case <-settled:
	case <-ctx.Done():
		return
	}
	for {
		for i := range m.accounts {
			m.look(ctx, &m.accounts[i])
			m.watch(ctx, &m.accounts[i])
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// look tells an account's present time of the day, once. Of several that passed the last counts.
func (m *morning) look(ctx context.Context, a *account) {
	now := m.server.settings.tests.clock().In(order.IST)
	midnight := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, order.IST)
	i := -1
	for j, s := range m.slots {
		if !now.Before(midnight.Add(s.at)) {
			i = j
		}
	}
	if i < 0 || !m.hours.TradingDay(now) {
		return
	}
	slot, late := m.slots[i], now.Sub(midnight.Add(m.slots[i].at))
	name := a.user + " " + clockOf(slot.at)
	if day := order.DayOf(now); m.today.Day != day {
		m.today, m.again = morningFile{Day: day}, map[string]time.Time{}
	}
	if now.Before(m.again[name]) || slices.Contains(m.today.Told, name) {
		return
	}
	alive := m.alive(a)
	if late > morningLate && (alive || !m.hours.AnyOpen(now)) {
		return
	}
	if slot.report && alive && late < reportPatience && len(m.unready(a)) > 0 {
		return // a reading that is just late is no news
	}
	if err := m.tell(ctx, a, slot, alive, now); err != nil {
		m.again[name] = now.Add(morningTry)
		m.server.log.Error("the morning's message could not be delivered", "account", a.user, "error", err)
		return
	}
	m.keep(name)
}

// linkEvery is how long a session that ends again and again brings no further link.
const linkEvery = 5 * time.Minute

// watch sends a link when a session ends while a market trades: a logout in Kite, say. Who sits at a phone has no other
// way in.
func (m *morning) watch(ctx context.Context, a *account) {
	alive := m.alive(a)
	ended := m.lived[a.user] && !alive
	m.lived[a.user] = alive
	now := m.server.settings.tests.clock().In(order.IST)
	midnight := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, order.IST)
	if !ended || now.Before(midnight.Add(m.loginAt)) || !m.hours.AnyOpen(now) || now.Sub(m.linked[a.user]).Abs() < linkEvery {
		return
	}
	m.linked[a.user] = now
	why := m.view(a).SessionWhy
	if why == "" { // the lane learns it in a moment
		why = m.tokens[a.user].absent()
	}
	if err := m.sendLink(ctx, a, fmt.Sprintf("LOG IN (%s): the Kite session is over: %s. %s", a.user, strings.TrimRight(why, ". "), withoutSession)); err != nil {
		m.server.log.Error("a login link could not be sent", "account", a.user, "error", err)
	}
}

// tell says what there is to say at a time; nothing where a session lives and no report is due.
func (m *morning) tell(ctx context.Context, a *account, slot slotOfDay, alive bool, now time.Time) error {
	if alive && !slot.report {
		return nil
	}
	if !alive && !slot.report {
		return m.sendLink(ctx, a, fmt.Sprintf("LOG IN (%s): no Kite session for today, %s. %s", a.user, now.Format("Monday, 2 January"), withoutSession))
	}
	if why := m.unready(a); len(why) > 0 {
		text := fmt.Sprintf("NOT ARMED (%s): %s.", a.user, strings.Join(why, "; "))
		if !alive {
			return m.sendLink(ctx, a, text+" "+withoutSession)
		}
		return m.say(ctx, text)
	}
	findings := m.examine(ctx, a)
	if i := slices.IndexFunc(findings, func(f finding) bool { return f.Check == "address" }); i >= 0 {
		return m.say(ctx, fmt.Sprintf("NOT ARMED (%s): %s.", a.user, findings[i].line()))
	}
	return m.say(ctx, m.armedText(a)+but(findings))
}

// examine is what the doctor finds of an account, from inside.
func (m *morning) examine(ctx context.Context, a *account) []finding {
	d := *m.doctor
	d.accounts = []account{*a}
	return findingsOf(d.look(ctx))
}

// but puts findings behind a text that is otherwise good news.
func but(findings []finding) string {
	var lines []string
	for _, f := range findings {
		lines = append(lines, f.line())
	}
	if lines == nil {
		return ""
	}
	return " But " + strings.Join(lines, "; ") + "."
}

const withoutSession = "Postbacks are taken and decided; nothing is placed, changed or cancelled until you log in."

// say tells the alerts channel and the log.
func (m *morning) say(ctx context.Context, text string) error {
	m.server.log.Info("morning", "text", text)
	return m.server.deliver(ctx, text)
}

func (m *morning) armedText(a *account) string {
	s := m.server
	text := fmt.Sprintf("ARMED (%s): mode %s, %s", a.user, s.modeOf(a.user), plural(len(s.reloader.current().Rules()), "rule"))
	if ends := m.tokens[a.user].until(); !ends.IsZero() {
		text += ", session until " + ends.In(order.IST).Format("2 Jan 15:04")
	}
	return text + "."
}

// unready is what stands between the account and being armed.
func (m *morning) unready(a *account) []string {
	var why []string
	if !m.alive(a) && m.view(a).Session { // the lane learns it in a moment
		why = append(why, "session dead: there is no Kite session")
	}
	for _, c := range m.server.engine.Ready().Checks {
		if (c.Account == a.user || c.Account == "") && !c.OK {
			why = append(why, c.Name+" "+c.Text)
		}
	}
	return why
}

// alive says whether the account has a session, as far as is known.
func (m *morning) alive(a *account) bool {
	if m.tokens[a.user].current() == "" {
		return false
	}
	return m.view(a).Session
}

func (m *morning) view(a *account) lane.View {
	for _, v := range m.server.engine.Views() {
		if v.Account == a.user {
			return v
		}
	}
	return lane.View{}
}

// sendLink sends a text with a login link behind it. Each link is good once, until the evening; its state stands in no log.
func (m *morning) sendLink(ctx context.Context, a *account, text string) error {
	state, err := m.server.vault.Begin(a.user, m.server.settings.tests.clock(), session.LinkFor)
	if err != nil {
		m.server.log.Error("no login could be begun", "account", a.user, "error", err)
		return m.say(ctx, text+" Log in: backstop login.")
	}
	m.server.log.Info("morning", "text", text, "link", "sent to the alerts channel")
	return m.server.deliver(ctx, text+" Open this and log in: "+loginURL(*a, state)) // a link that failed to go out may have arrived: it stays good
}

// loggedIn confirms a session that is new.
func (m *morning) loggedIn(a *account) {
	text := fmt.Sprintf("LOGGED IN (%s)", a.user)
	if ends := m.tokens[a.user].until(); !ends.IsZero() {
		text += ": the session lives until " + ends.In(order.IST).Format("2 Jan 15:04") + " IST"
	}
	m.server.alerts.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), alertWithin)
		defer cancel()
		if err := m.say(ctx, text+"."+but(m.examine(ctx, a))); err != nil {
			m.server.log.Error("a login could not be confirmed", "account", a.user, "error", err)
		}
	})
}

// failed sends a new link in place of one that was used and led to no session.
func (m *morning) failed(user, why string) {
	i := slices.IndexFunc(m.accounts, func(a account) bool { return a.user == user })
	if i < 0 || m.alive(&m.accounts[i]) {
		return
	}
	m.server.alerts.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), alertWithin)
		defer cancel()
		text := fmt.Sprintf("LOG IN (%s): the login failed: %s. %s", user, strings.TrimRight(why, ". "), withoutSession)
		if err := m.sendLink(ctx, &m.accounts[i], text); err != nil {
			m.server.log.Error("a new login link could not be sent", "account", user, "error", err)
		}
	})
}

// morningFile is what was told today.
type morningFile struct {
	Day  order.Day `json:"day"`
	Told []string  `json:"told"` // account and time of the day
}

func (m *morning) file() string { return filepath.Join(m.server.settings.text("data"), "morning.json") }

// read is what was told before the start; a file that can't be read says nothing.
func (m *morning) read() (f morningFile) {
	text, err := readBounded(m.file(), 64<<10)
	if err == nil {
		err = json.Unmarshal(text, &f)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		m.server.log.Warn("what was told this morning can't be read; it may be told again", "error", err)
		return morningFile{}
	}
	return f
}

// keep notes that something was told, or that there was nothing to tell.
func (m *morning) keep(name string) {
	m.today.Told = append(m.today.Told, name)
	text, err := json.Marshal(m.today)
	if err == nil {
		err = writePrivate(m.file(), text)
	}
	if err != nil {
		m.server.log.Error("what was told this morning can't be kept; a restart may tell it again", "error", err)
	}
}

// writePrivate puts a whole file in place at once, for the owner's eyes alone.
func writePrivate(name string, text []byte) error {
	f, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+"-*") // 0600, whatever the umask
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }() // there no more where it was renamed
	_, err = f.Write(text)
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}

// clockOf shows a time of the day.
func clockOf(at time.Duration) string {
	return fmt.Sprintf("%02d:%02d", int(at.Hours()), int(at.Minutes())%60)
}
