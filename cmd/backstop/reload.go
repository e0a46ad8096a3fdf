package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"backstop/actions"
	"backstop/engine/console"
	"backstop/engine/journal"
	"backstop/engine/lane"
	"backstop/engine/order"
	"backstop/engine/replay"
	"backstop/rules"
)

// reloader keeps the rules in force and takes changed ones: read, judged, compared with those in force over today, and
// only then put into every lane. What can't be taken changes nothing and is told.
type reloader struct {
	server *server
	hours  lane.Hours
	turn   chan struct{} // capacity 1: one reload at a time

	mu       sync.Mutex
	set      *rules.Set
	channels map[string]actions.Channel
	loaded   time.Time
	source   string
	files    []string    // that were read at the last try: what is watched
	tried    fingerprint // of what they held then
	refused  *refusal
	waiting  *waitingRules
	said     string // how the last comparison came out
}

// refusal is why changed rules were not taken.
type refusal struct {
	at   time.Time
	text string
}

// waitingRules are rules that wait for a yes.
type waitingRules struct {
	set      *rules.Set
	at       time.Time
	source   string
	channels map[string]actions.Channel
	said     string
}

// fingerprint tells two states of the files apart.
type fingerprint [sha256.Size]byte

func newReloader(sv *server, set *rules.Set, channels map[string]actions.Channel, hours lane.Hours) *reloader {
	r := &reloader{server: sv, hours: hours, turn: make(chan struct{}, 1), set: set, channels: channels, loaded: time.Now(), files: set.Files()}
	r.source, r.tried = firstFile(r.files), look(r.files)
	return r
}

// look reads what the files hold now. A file that can't be read counts as such.
func look(files []string) fingerprint {
	h := sha256.New()
	for _, name := range files {
		text, err := readBounded(name, rulesFileMax)
		note(h, name, text, err)
	}
	return fingerprint(h.Sum(nil))
}

func note(h hash.Hash, name string, text []byte, err error) {
	fmt.Fprintf(h, "%q %d %t\n", name, len(text), err == nil) // a hash never fails to write
	_, _ = h.Write(text)
}

// rulesFileMax bounds what is read of a rules file to see whether it changed; one as large is refused anyway.
const rulesFileMax = 8 << 20

func firstFile(files []string) string {
	text, err := readBounded(files[0], rulesFileMax)
	if err != nil {
		return "" // it was there a moment ago; the rules themselves are in memory
	}
	return string(text)
}

// current are the rules in force.
func (r *reloader) current() *rules.Set {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.set
}

// told is the channel that is told what goes wrong, and what to send it; nil where there is none.
func (r *reloader) told() (actions.Channel, actions.Message) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return alertsOf(r.server.settings, r.set, r.channels)
}

// alertsOf is the alerts channel of some rules, and a message for it that lacks its text; nil where there is none.
func alertsOf(s *settings, set *rules.Set, channels map[string]actions.Channel) (actions.Channel, actions.Message) {
	name := set.Alerts()
	m := actions.Message{Channel: name, Type: "telegram", ChatID: s.env["TELEGRAM_CHAT_ID"]}
	if c, ok := set.Channel(name); ok {
		m.ChatID = c.ChatID
	}
	return channels[name], m
}

// errRefused means that changed rules were not taken; the text says why.
type errRefused struct{ text string }

func (e *errRefused) Error() string { return e.text }

// reload takes the rules from their files as they are now. With yes they are not held back by reload: ask.
func (r *reloader) reload(ctx context.Context, cause string, yes bool) error {
	select {
	case r.turn <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-r.turn }()
	set, channels, source, err := r.read()
	if err != nil {
		return r.refuse(err)
	}
	old := r.current()
	if set.Version() == old.Version() {
		r.mu.Lock()
		back := r.refused != nil || r.waiting != nil
		r.refused, r.waiting = nil, nil
		r.mu.Unlock()
		if back {
			r.server.log.Info("the rules file is again as it is in force", "rules_version", old.Version(), "cause", cause)
		}
		return nil
	}
	w := &waitingRules{set: set, at: time.Now(), source: source, channels: channels}
	held := r.held()
	if held != nil && held.set.Version() == set.Version() {
		w = held // it was compared and told
		if !yes {
			return nil
		}
	} else {
		w.said = r.compare(ctx, old, set)
	}
	r.server.log.Info("rules compared over today", "from", old.Version(), "to", set.Version(), "cause", cause, "comparison", w.said)
	switch {
	case held != nil && held != w && yes: // the yes was to another file
		r.hold(w)
		return &errRefused{"the file changed since the comparison that was told; now: " + w.said + ". Say yes again, or not"}
	case r.server.settings.text("reload") == "ask" && !yes:
		r.hold(w)
		return nil
	}
	return r.swap(ctx, w, cause)
}

// read reads and judges the files as a start does.
func (r *reloader) read() (*rules.Set, map[string]actions.Channel, string, error) {
	s := r.server.settings
	name := s.text("rules")
	var files []string
	h := sha256.New()
	o := ruleOptions(s.env, true)
	o.Accounts = s.accountIDs()
	o.Read = func(path string) ([]byte, error) {
		text, err := readBounded(path, rulesFileMax)
		files = append(files, path)
		note(h, path, text, err)
		return text, err
	}
	text, err := o.Read(name)
	var set *rules.Set
	var problems rules.Problems
	if err == nil {
		set, problems = rules.Parse(name, text, o)
	}
	r.mu.Lock()
	r.files, r.tried = files, fingerprint(h.Sum(nil))
	r.mu.Unlock()
	if err != nil {
		return nil, nil, "", fmt.Errorf("rules: %w", err)
	}
	if found := problems.Errors(); set == nil {
		first := fmt.Sprintf("%s:%d: %s", found[0].File, found[0].Line, found[0].Message)
		if more := len(found) - 1; more > 0 {
			first += fmt.Sprintf(" (and %d more)", more)
		}
		return nil, nil, "", errors.New(first)
	}
	if err := s.alerted(set); err != nil {
		return nil, nil, "", err
	}
	channels, err := s.channels(set)
	if err != nil {
		return nil, nil, "", err
	}
	return set, marked(channels, r.server.exchange), string(text), nil
}

// refuse keeps the rules in force and tells why, once.
func (r *reloader) refuse(why error) error {
	text := oneLine(why)
	r.mu.Lock()
	again := r.refused != nil && r.refused.text == text
	r.refused, r.waiting = &refusal{time.Now(), text}, nil
	in := inForce(r.set, r.loaded)
	r.mu.Unlock()
	if !again {
		r.server.tell(fmt.Sprintf("RULES REFUSED %s. The old ones stay: %s. Mend the file: it is read again when it changes (backstop check shows all).", text, in))
	}
	return &errRefused{text}
}

// inForce names rules as people tell them apart.
func inForce(set *rules.Set, loaded time.Time) string {
	return shortVersion(set.Version()) + ", loaded at " + loaded.In(order.IST).Format("15:04:05 on 2 Jan")
}

// hold lets rules wait for a yes.
func (r *reloader) hold(w *waitingRules) {
	r.mu.Lock()
	r.refused, r.waiting = nil, w
	r.mu.Unlock()
	r.server.tell(fmt.Sprintf("RULES WAIT %s for a yes: %s. Say it with: backstop reload --yes", shortVersion(w.set.Version()), w.said))
}

func (r *reloader) held() *waitingRules {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.waiting
}

// swap puts rules into every lane. It returns when each has them durably.
func (r *reloader) swap(ctx context.Context, w *waitingRules, cause string) error {
	r.server.engine.UseChannels(w.channels)
	// Not the asker's own end: a lane takes them with its next step, whoever waits for it.
	if err := r.server.engine.SetRules(context.WithoutCancel(ctx), w.set); err != nil {
		return fmt.Errorf("rules %s: %w", shortVersion(w.set.Version()), err)
	}
	r.mu.Lock()
	r.set, r.channels, r.loaded, r.source, r.refused, r.waiting, r.said = w.set, w.channels, time.Now(), w.source, nil, nil, w.said
	r.mu.Unlock()
	r.server.log.Info("rules loaded", "rules_version", w.set.Version(), "rules", len(w.set.Rules()), "cause", cause)
	return nil
}

// compareWithin bounds the comparison: it holds the swap back.
const compareWithin = 5 * time.Second

// compare says what the new rules would have decided of today otherwise.
func (r *reloader) compare(ctx context.Context, old, set *rules.Set) string {
	k, ok := r.server.store.(journal.Keeper)
	if !ok {
		return "today was not compared: this store can't be read through"
	}
	ctx, cancel := context.WithTimeout(ctx, compareWithin)
	defer cancel()
	o := r.server.settings.replayOptions(r.hours, r.server.engine.Instruments())
	since, err := journal.StartOf(order.DayOf(time.Now()))
	o.Since = since
	var a replay.Answer
	if err == nil {
		a, err = safely(func() (replay.Answer, error) {
			return replay.CompareJournal(ctx, k, o, replay.Question{New: always(set), Old: always(old)})
		})
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Sprintf("today was not compared: it took over %v (backstop replay --since today does)", compareWithin)
	case err != nil:
		r.server.log.Warn("the rules were not compared", "error", err)
		return "today could not be compared (the log says why)"
	case len(a.Changes) == 0:
		return fmt.Sprintf("no difference today: %s decided alike", plural(a.Events, "event"))
	}
	by := changesByRule(a.Changes)
	if len(by) > rulesTold {
		by = append(by[:rulesTold], fmt.Sprintf("and %d rules more", len(by)-rulesTold))
	}
	return "today: " + differenceLine(&a) + " (" + strings.Join(by, "; ") + ")"
}

// rulesTold bounds how many rules a comparison names.
const rulesTold = 8

// safely turns a broken invariant of a lane that only rehearses into an error: the lanes that trade go on.
func safely(do func() (replay.Answer, error)) (a replay.Answer, err error) {
	defer func() {
		if broken := recover(); broken != nil {
			err = fmt.Errorf("a mistake in Backstop, please report it: %v", broken)
		}
	}()
	return do()
}

// info is what the API shows.
func (r *reloader) info() console.RulesInfo {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.server.settings
	info := console.RulesInfo{File: s.text("rules"), Version: r.set.Version(), Mode: s.text("mode"), Source: r.source, Loaded: r.loaded, Compared: r.said}
	if r.refused != nil {
		info.Problem, info.RefusedAt = r.refused.text, r.refused.at
	}
	if r.waiting != nil {
		info.Waiting = &console.WaitingRules{Version: r.waiting.set.Version(), Since: r.waiting.at, Compared: r.waiting.said}
	}
	for _, rule := range r.set.Rules() {
		row := console.Rule{Name: rule.Name, Description: rule.Description, Enabled: rule.Enabled, Mode: rule.Mode, Accounts: rule.Accounts}
		for _, k := range rule.On {
			row.On = append(row.On, string(k))
		}
		info.Rules = append(info.Rules, row)
	}
	return info
}

// asked reloads at a person's word.
func (r *reloader) asked(ctx context.Context, yes bool) error {
	err := r.reload(ctx, "a person asked", yes)
	var refused *errRefused
	if errors.As(err, &refused) {
		return &console.Refusal{Why: "the rules in force stay: " + refused.text}
	}
	return err
}

// watched are the files to watch, and the folders that they stand in.
func (r *reloader) watched() (files, folders []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	seen := map[string]bool{}
	for _, f := range r.files {
		seen[folderOf(f)] = true
	}
	return slices.Clone(r.files), slices.Sorted(maps.Keys(seen))
}

// changed says whether the files are another than at the last try.
func (r *reloader) changed(now fingerprint) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return now != r.tried
}

// stamp is what a file's entry says of it, to see without reading whether it may have changed.
func stamp(files []string) string {
	var b strings.Builder
	for _, f := range files {
		if info, err := os.Stat(f); err == nil {
			fmt.Fprintf(&b, "%d %d %s;", info.Size(), info.ModTime().UnixNano(), info.Mode())
		} else {
			b.WriteString("-;")
		}
	}
	return b.String()
}
