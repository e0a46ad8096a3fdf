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
	"sync"
	"time"

	"github.com/spf13/cobra"

	"backstop/actions"
	"backstop/engine/market"
	"backstop/rules"
)

func doctorCommand(p *program) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Look for what stands between you and mode live",
		Long: `Doctor looks at everything that must hold before real orders go out, and says of each finding what mends it: the
settings and rules, the running service, the Kite session, whether Kite takes orders from this machine's address (asked by
cancelling an order that can't exist: nothing is placed, changed or cancelled), the clock, the app's plan, the day's
instruments, the calendar, whether postbacks and the login reach this machine through public_url (a signed test, which
decides nothing), and the alerts channel (a test message). It takes ten seconds at most for each.

Exit code 0 where nothing was found (notes are no findings), 1 for findings; 3 where the only ones are that Kite or a
channel failed, 4 where they are that no service runs, or that the store can't be read. The first change of an account to
mode live wants a doctor without findings of the last 24 hours.`,
		Args: arguments(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := p.settings(cmd)
			if err != nil {
				return err
			}
			return p.doctor(cmd.Context(), s, asJSON)
		},
	}
	settingFlags(cmd, "rules", "data", "store", "mode", "listen", "public_url", "admin", "market_hours", "stream", "calendar")
	jsonFlag(cmd, &asJSON)
	return cmd
}

// How a thing stands.
const (
	stateOK      = "ok"
	stateNote    = "note"    // worth knowing, and no reason to wait
	stateFinding = "finding" // to be mended
)

// finding is how one thing stands.
type finding struct {
	Check   string `json:"check"`
	Account string `json:"account,omitempty"`
	State   string `json:"state"`
	Text    string `json:"text"`
	Fix     string `json:"fix,omitempty"`

	code int // the exit code where nothing else was found; 0: exitFound
}

func fine(check, account, format string, args ...any) finding {
	return finding{Check: check, Account: account, State: stateOK, Text: fmt.Sprintf(format, args...)}
}

func noted(check, account, text, fix string) finding {
	return finding{Check: check, Account: account, State: stateNote, Text: text, Fix: fix}
}

func bad(check, account, text, fix string) finding {
	return finding{Check: check, Account: account, State: stateFinding, Text: text, Fix: fix}
}

func (f finding) of(code int) finding {
	f.code = code
	return f
}

// line is the finding as a sentence.
func (f finding) line() string {
	text := f.Check
	if f.Account != "" {
		text += " " + f.Account
	}
	text += ": " + f.Text
	if f.Fix != "" {
		text += " (" + f.Fix + ")"
	}
	return text
}

// checkWithin bounds one look.
const checkWithin = 10 * time.Second

// doctor looks. The service itself uses one too, with what it has in hand.
type doctor struct {
	settings *settings
	accounts []account
	hours    *market.Calendar
	tokens   map[string]*sessionToken
	set      *rules.Set // nil: they have errors
	channels map[string]actions.Channel
	within   bool // inside the running service
}

// look makes every check at once, each within its time, and gives what they say in a fixed order.
func (d *doctor) look(ctx context.Context) []finding {
	var checks []func(context.Context) []finding
	if !d.within {
		checks = append(checks, d.files, d.service, d.rules)
	}
	for i := range d.accounts {
		a := &d.accounts[i]
		checks = append(checks, d.of(a, d.session), d.of(a, d.address), d.of(a, d.plan), d.of(a, d.clock))
	}
	if !d.within {
		checks = append(checks, d.instruments)
	}
	checks = append(checks, d.calendar, d.outside)
	if !d.within {
		checks = append(checks, d.message)
	}
	said := make([][]finding, len(checks))
	var all sync.WaitGroup
	for i, check := range checks {
		all.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, checkWithin)
			defer cancel()
			said[i] = check(ctx)
		})
	}
	all.Wait()
	return withoutLine(slices.Concat(said...))
}

func (d *doctor) of(a *account, check func(context.Context, *account) []finding) func(context.Context) []finding {
	return func(ctx context.Context) []finding { return check(ctx, a) }
}

// withoutLine takes an untried line for a note where a stream brings the updates.
func withoutLine(list []finding) []finding {
	stream := slices.ContainsFunc(list, func(f finding) bool { return f.Check == "plan" && f.State == stateOK })
	for i := range list {
		if f := &list[i]; f.Check == "postback" && f.Text == noPublicURL && stream {
			f.State = stateNote
		}
	}
	return list
}

// doctor is the command.
func (p *program) doctor(ctx context.Context, s *settings, asJSON bool) error {
	d, list, err := p.newDoctor(ctx, s)
	if err != nil {
		return err
	}
	list = append(list, d.look(ctx)...)
	if ctx.Err() != nil {
		return found("the doctor was interrupted")
	}
	for _, f := range list {
		if asJSON {
			if err := p.out.json(f); err != nil {
				return err
			}
			continue
		}
		p.printFinding(f)
	}
	if err := d.remember(list); err != nil {
		return storeFails("what the doctor found can't be kept in %s: %v", s.text("data"), err)
	}
	findings := findingsOf(list)
	if len(findings) == 0 {
		if !asJSON {
			p.out.line("doctor: %s", p.out.good("nothing was found"))
		}
		return nil
	}
	code := findings[0].code
	for _, f := range findings {
		if f.code != code {
			code = exitFound
		}
	}
	if code == 0 {
		code = exitFound
	}
	return &exit{code, "doctor: " + plural(len(findings), "finding")}
}

// newDoctor is a doctor of the settings; what stands in the way of its looking is a finding too.
func (p *program) newDoctor(ctx context.Context, s *settings) (*doctor, []finding, error) {
	var list []finding
	accounts, err := s.permitted()
	if err != nil {
		return nil, nil, err
	}
	if s.tests, err = s.testHooks(accounts); err != nil {
		return nil, nil, err
	}
	where, err := exchange(accounts)
	if err != nil {
		return nil, nil, err
	}
	if where == onPaper {
		if err := provePaper(ctx, accounts); err != nil {
			return nil, nil, err
		}
	}
	d := &doctor{settings: s, accounts: accounts, tokens: map[string]*sessionToken{}}
	for _, a := range accounts {
		d.tokens[a.user] = &sessionToken{account: a, vault: s.vault(), now: s.tests.clock, log: discard}
	}
	if d.hours, err = s.calendar(); err != nil {
		return nil, nil, err
	}
	set, problems, err := loadRules(s.text("rules"), p.env, true)
	if err != nil {
		list = append(list, bad("rules", "", err.Error(), "backstop init writes a file to begin with"))
		return d, list, nil
	}
	if set == nil {
		first := problems.Errors()[0]
		list = append(list, bad("rules", "", fmt.Sprintf("%s has %s: line %d: %s", s.text("rules"), plural(len(problems.Errors()), "error"), first.Line, first.Message), "backstop check names each"))
		return d, list, nil
	}
	channels, err := s.channels(set)
	if err != nil {
		list = append(list, bad("message", "", err.Error(), ""))
	}
	d.set, d.channels = set, marked(channels, where)
	return d, list, nil
}

func findingsOf(list []finding) []finding {
	return slices.DeleteFunc(slices.Clone(list), func(f finding) bool { return f.State != stateFinding })
}

func (p *program) printFinding(f finding) {
	mark := p.out.good("ok     ")
	switch f.State {
	case stateNote:
		mark = p.out.warn("note   ")
	case stateFinding:
		mark = p.out.bad("finding")
	}
	name := f.Check
	if f.Account != "" {
		name += " " + f.Account
	}
	p.out.line("%s %s: %s", mark, name, printable(f.Text))
	if f.Fix != "" {
		p.out.line("          %s", printable(f.Fix))
	}
}

// examined is what the doctor last found of an account at a venue.
type examined struct {
	Venue    string    `json:"venue"`
	At       time.Time `json:"at"`
	Findings []string  `json:"findings"`
}

// doctorFile keeps, in the data folder, what the doctor last found of each account.
func doctorFile(s *settings) string { return filepath.Join(s.text("data"), "doctor.json") }

func (d *doctor) remember(list []finding) error {
	kept := readExamined(d.settings)
	for _, a := range d.accounts {
		e := examined{Venue: a.venue(), At: d.settings.tests.clock().UTC().Round(0), Findings: []string{}}
		for _, f := range findingsOf(list) {
			if f.Account == "" || f.Account == a.user {
				e.Findings = append(e.Findings, f.Check+": "+f.Text)
			}
		}
		kept[a.user] = e
	}
	text, err := json.MarshalIndent(kept, "", "  ")
	if err == nil {
		err = os.MkdirAll(d.settings.text("data"), 0o700)
	}
	if err != nil {
		return err
	}
	return writePrivate(doctorFile(d.settings), append(text, '\n'))
}

// readExamined is what was kept; what can't be read counts as nothing.
func readExamined(s *settings) map[string]examined {
	kept := map[string]examined{}
	if text, err := readBounded(doctorFile(s), 1<<20); err == nil && json.Unmarshal(text, &kept) == nil {
		return kept
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return map[string]examined{}
	}
	return map[string]examined{}
}

// doctorLasts is for how long the doctor's word counts for a first change to live.
const doctorLasts = 24 * time.Hour

// unproven is why an account may not go live for the first time; "" where it may.
func (s *settings) unproven(a account) string {
	e, ok := readExamined(s)[a.user]
	now := s.tests.clock()
	switch {
	case !ok || e.Venue != a.venue():
		return "the doctor has not looked yet"
	case now.Sub(e.At) > doctorLasts || e.At.After(now.Add(time.Minute)):
		return "the doctor looked last on " + clockTime(&e.At)
	case len(e.Findings) > 0:
		return fmt.Sprintf("the doctor found: %s", strings.Join(e.Findings, "; "))
	}
	return ""
}
