package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"backstop/engine/order"
)

// serviceStatus is what status prints of GET /api/v1/status.
type serviceStatus struct {
	Version      string `json:"version"`
	Mode         string `json:"mode"`
	RulesVersion string `json:"rules_version"`
	Ready        bool   `json:"ready"`
	Checks       []struct {
		Name string `json:"name"`
		OK   bool   `json:"ok"`
		Text string `json:"text"`
	} `json:"checks"`
	Accounts []accountStatus `json:"accounts"`
	Rules    struct {
		File      string     `json:"file"`
		Version   string     `json:"version"`
		LoadedAt  *time.Time `json:"loaded_at"`
		Problem   string     `json:"problem"`
		RefusedAt *time.Time `json:"refused_at"`
		Compared  string     `json:"compared"`
		Waiting   *struct {
			Version  string     `json:"version"`
			Since    *time.Time `json:"since"`
			Compared string     `json:"compared"`
		} `json:"waiting"`
	} `json:"rules"`
}

type accountStatus struct {
	Account    string     `json:"account"`
	Mode       string     `json:"mode"`
	Paper      bool       `json:"paper"`
	Armed      bool       `json:"armed"`
	Session    bool       `json:"session"`
	SessionWhy string     `json:"session_why"`
	Paused     bool       `json:"paused"`
	Stopped    string     `json:"stopped"`
	LastReadAt *time.Time `json:"last_read_at"`
	Orders     int        `json:"orders"`
	Waiting    int        `json:"waiting"`
	WaitsSince *time.Time `json:"waits_since"`
	WaitsWhy   string     `json:"waits_why"`
	Unknown    int        `json:"unknown"`
	Missed     struct {
		Updates  int     `json:"updates"`
		ByStream int     `json:"by_stream"`
		Longest  float64 `json:"longest_seconds"`
	} `json:"missed"`
	Groups []struct {
		order.Key
		Side    string       `json:"side"`
		Open    int64        `json:"open_quantity"`
		Covered int64        `json:"covered_quantity"`
		Entry   *order.Price `json:"entry_price"`
	} `json:"groups"`
}

func statusCommand(p *program) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "status", Short: "Say how the running service stands", Args: arguments(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := p.settings(cmd)
			if err != nil {
				return err
			}
			var answer asObject[serviceStatus]
			if err := s.service().get(cmd.Context(), "/api/v1/status", nil, &answer); err != nil {
				return err
			}
			return p.printStatus(&answer, asJSON)
		},
	}
	settingFlags(cmd, "admin")
	jsonFlag(cmd, &asJSON)
	return cmd
}

func (p *program) printStatus(answer *asObject[serviceStatus], asJSON bool) error {
	if asJSON {
		return p.out.json(answer.raw)
	}
	s, out := &answer.value, p.out
	word := out.good("ready")
	if !s.Ready {
		word = out.bad("not ready")
	}
	mode := s.Mode
	if slices.ContainsFunc(s.Accounts, func(a accountStatus) bool { return a.Paper }) {
		mode += " on " + out.warn(onPaper)
	}
	out.line("backstop %s, mode %s, rules %s: %s", s.Version, mode, shortVersion(s.RulesVersion), word)
	for _, c := range s.Checks {
		mark := out.good("ok ")
		if !c.OK {
			mark = out.bad("no ")
		}
		out.line("  %s %s: %s", mark, c.Name, printable(c.Text))
	}
	p.printRules(s)
	for i := range s.Accounts {
		p.printAccount(&s.Accounts[i])
	}
	return nil
}

// printRules says which rules are in force, and what became of a change of theirs.
func (p *program) printRules(s *serviceStatus) {
	out, r := p.out, &s.Rules
	if r.LoadedAt != nil {
		out.line("%s %s, loaded at %s", printable(r.File), shortVersion(r.Version), clockTime(r.LoadedAt))
	}
	if r.Problem != "" {
		out.line("  %s", out.bad("a change of "+clockTime(r.RefusedAt)+" was refused: "+printable(r.Problem)))
	}
	if w := r.Waiting; w != nil {
		out.line("  %s", out.warn(shortVersion(w.Version)+" waits for a yes since "+clockTime(w.Since)+" (backstop reload --yes): "+printable(w.Compared)))
	}
}

// clockTime is a time of day, with its day where that is not today's.
func clockTime(t *time.Time) string {
	if t == nil {
		return "–"
	}
	at := t.In(order.IST)
	if order.DayOf(at) == order.DayOf(time.Now()) {
		return at.Format(time.TimeOnly)
	}
	return at.Format("2 Jan " + time.TimeOnly)
}

func (p *program) printAccount(a *accountStatus) {
	out := p.out
	var words []string
	if a.Armed {
		words = append(words, "armed")
	} else {
		words = append(words, out.warn("not armed"))
	}
	if a.Stopped != "" {
		words = append(words, out.bad("STOPPED: "+printable(a.Stopped)))
	}
	if a.Paused {
		words = append(words, out.warn("paused"))
	}
	if !a.Session {
		words = append(words, out.bad(strings.TrimSuffix("no session: "+printable(a.SessionWhy), ": ")))
	}
	if a.LastReadAt != nil {
		words = append(words, "order book read at "+a.LastReadAt.In(order.IST).Format(time.TimeOnly))
	} else {
		words = append(words, "order book not read yet")
	}
	words = append(words, plural(a.Orders, "order"), a.waitingText(), fmt.Sprintf("%d unknown", a.Unknown))
	if a.Missed.Updates > 0 {
		late := ""
		if d := time.Duration(a.Missed.Longest * float64(time.Second)).Round(time.Second); d > 0 {
			late = fmt.Sprintf(", at most %s later", d)
		}
		words = append(words, plural(a.Missed.Updates, "update")+" today that no push told (the order book did"+late+")")
	}
	if a.Missed.ByStream > 0 {
		words = append(words, plural(a.Missed.ByStream, "order")+" that the stream told and no postback")
	}
	out.line("%s: %s", out.bold(a.Account), strings.Join(words, ", "))
	for _, g := range a.Groups {
		covered := fmt.Sprintf("%d covered", g.Covered)
		if g.Covered < g.Open {
			covered = out.bad(covered)
		}
		entry := ""
		if g.Entry != nil {
			entry = " at " + g.Entry.String()
		}
		out.line("  %s %s: %s %d open%s, %s", g.Instrument(), g.Product, g.Side, g.Open, entry, covered)
	}
}

// waitingText counts the requests that wait, and says how long the first of them has waited, and for what.
func (a *accountStatus) waitingText() string {
	text := fmt.Sprintf("%d waiting", a.Waiting)
	if a.Waiting > 0 && a.WaitsSince != nil {
		text += fmt.Sprintf(" (longest %s, for %s)", time.Since(*a.WaitsSince).Round(time.Second), printable(a.WaitsWhy))
	}
	return text
}

// shortVersion is enough of a rules version to tell two apart.
func shortVersion(v string) string {
	return v[:min(12, len(v))]
}
