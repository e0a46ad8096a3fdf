package rules

import (
	"slices"
	"strings"
	"time"

	"backstop/engine/order"
)

// Set is a checked and compiled rules file. It never changes and may be shared; what its methods return must
// not be changed either.
type Set struct {
	version     string
	rules       []*Rule
	alerts      string
	unprotected time.Duration
	channels    []Channel
	guardrails  Guardrails
	files       []string
	kept        []Source
	index       index
}

// UnprotectedDefault is how long an open quantity may be without a live exit before it is told.
const UnprotectedDefault = 10 * time.Second

// NoAlerts is what `alerts` says where Backstop is to say nothing by itself.
const NoAlerts = "none"

// SettingsChannel is the channel that the settings make (TELEGRAM_BOT_TOKEN …).
const SettingsChannel = "telegram"

// Rules are in the order of the file.
func (s *Set) Rules() []*Rule { return s.rules }

// Rule is one by its name.
func (s *Set) Rule(name string) (*Rule, bool) {
	i := slices.IndexFunc(s.rules, func(r *Rule) bool { return r.Name == name })
	if i < 0 {
		return nil, false
	}
	return s.rules[i], true
}

// Version is a short hash of the file's content; decisions carry it.
func (s *Set) Version() string { return s.version }

// Alerts is the channel that is told what Backstop says by itself: a name, NoAlerts where the file says so on
// purpose, "" where none can be found.
func (s *Set) Alerts() string { return s.alerts }

// UnprotectedAfter is how long an open quantity may be without a live exit before it is told.
func (s *Set) UnprotectedAfter() time.Duration { return s.unprotected }

// Files are the files that the set was read from: the first, then what it includes.
func (s *Set) Files() []string { return s.files }

// Channels are those written in the file.
func (s *Set) Channels() []Channel { return s.channels }

// Channel is one by its name; the one that the settings make is not among them.
func (s *Set) Channel(name string) (Channel, bool) {
	i := slices.IndexFunc(s.channels, func(c Channel) bool { return c.Name == name })
	if i < 0 {
		return Channel{}, false
	}
	return s.channels[i], true
}

// Guardrails are the limits on what adds risk.
func (s *Set) Guardrails() Guardrails { return s.guardrails }

// By says of what something is counted.
type By string

// What once and cooldown count. Day is of once only, rule of cooldown only.
const (
	ByNone   By = ""
	ByOrder  By = "order"
	ByGroup  By = "group"
	BySymbol By = "symbol"
	ByDay    By = "day"
	ByRule   By = "rule"
)

// Position is a place in the file, from 1.
type Position struct{ Line, Column int }

// Rule is one rule, compiled. Its fields are not to be changed.
type Rule struct {
	Name        string
	Description string
	Enabled     bool
	Mode        string   // "" the service's, dry-run, live
	Accounts    []string // none: all
	On          []order.Kind
	Schedule    *Schedule     // with On [schedule]
	When        string        // as written, on one line; "" where there is none
	For         time.Duration // 0: at once
	After       *After        // nil: none
	Once        By
	Cooldown    time.Duration // 0: none
	MaxPerDay   int           // 0: no limit
	By          By            // of what the cooldown and the limit are
	Then        []*Step
	OnError     []*Step
	HasOnError  bool // also where it is an empty list: then nothing follows a failure

	Reads     Reads // of the condition and of all that its actions evaluate
	WhenReads Reads // of the condition alone
	Recents   []Recent

	Pos       Position
	File      string // that it stands in, as it was named
	content   string
	condition *expression
	leads     []Lead
}

// Content tells two versions of a rule apart: it is the same where nothing of the rule changed, nor a value of vars that
// it reads. Comments, the order of fields and the place in the file don't count.
func (r *Rule) Content() string { return r.content }

// Wide says whether the rule looks beyond its event's instrument: at the account's day, at what was remembered or
// happened elsewhere, or by `of:` at other places.
func (r *Rule) Wide() bool {
	wide := func(rd read) bool {
		for w := range rd.words {
			if strings.HasPrefix(w, "day.") || strings.HasPrefix(w, "state.") {
				return true
			}
		}
		return false
	}
	for _, s := range append(slices.Clone(r.Then), r.OnError...) {
		if s.Of == OfAccount || s.Of == OfTag || wide(s.allRead()) {
			return true
		}
	}
	counts := r.Cooldown > 0 || r.MaxPerDay > 0
	return r.Once == ByDay || counts && r.By != ByOrder && r.By != ByGroup && r.By != BySymbol || r.Schedule != nil ||
		r.condition != nil && wide(r.condition.read) || slices.ContainsFunc(r.Recents, func(c Recent) bool { return !c.BySymbol })
}

// Shape are the actions of the rule, in their order: a sequence that is under way can go on with another version of the
// rule only where they are the same.
func (r *Rule) Shape() string {
	var b strings.Builder
	for _, list := range [][]*Step{r.Then, r.OnError} {
		for _, s := range list {
			b.WriteString(s.Action + " " + string(s.Of) + ",")
		}
		b.WriteByte(';')
	}
	return b.String()
}

// After asks for another event shortly before: of the same order, group or symbol.
type After struct {
	Kind   order.Kind
	Within time.Duration
	Of     By
}

// Remember is how far back the rules look for events of each kind (after, recent).
func (s *Set) Remember() map[order.Kind]time.Duration {
	out := map[order.Kind]time.Duration{}
	for _, r := range s.rules {
		if a := r.After; a != nil {
			out[a.Kind] = max(out[a.Kind], a.Within)
		}
		for _, c := range r.Recents {
			out[c.Kind] = max(out[c.Kind], c.Within)
		}
	}
	return out
}

// Needs is what must be known before some rule can be decided: all of them together.
func (s *Set) Needs() Reads {
	var out Reads
	for _, r := range s.rules {
		out = out.or(r.Reads)
	}
	return out
}

// Listens says whether some rule listens to events of this kind.
func (s *Set) Listens(k order.Kind) bool {
	return slices.ContainsFunc(s.rules, func(r *Rule) bool { return r.Enabled && r.Listens(k) })
}

// Listens says whether the rule is decided on events of this kind.
func (r *Rule) Listens(k order.Kind) bool { return slices.Contains(r.On, k) }

// Concerns says whether the rule is of this account.
func (r *Rule) Concerns(account string) bool {
	return len(r.Accounts) == 0 || slices.Contains(r.Accounts, account)
}

// Match decides the condition. Where it is false, why is `when: ` and the source of its first false part. An
// error is an *EvalError: it is told, and never means "did not match".
func (r *Rule) Match(w *Words) (ok bool, why string, err error) {
	if r.condition == nil {
		return true, "", nil
	}
	for _, p := range r.condition.parts {
		v, err := run(p.program, w)
		if err != nil {
			return false, "", &EvalError{r.Name, "when", p.source, err}
		}
		if b, _ := v.(bool); !b {
			return false, "when: " + p.source, nil
		}
	}
	return true, "", nil
}
