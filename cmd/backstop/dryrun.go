package main

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"backstop/actions"
	"backstop/engine/kite"
	"backstop/engine/lane"
	"backstop/engine/order"
	"backstop/rules"
)

func dryRunCommand(p *program) *cobra.Command {
	var instruments, positions string
	var asJSON, only bool
	cmd := &cobra.Command{
		Use:   "dry-run PAYLOAD…",
		Short: "Show what the rules would do with recorded updates",
		Long: `Dry-run takes recorded order updates (files, folders or - for standard input) through the very code that trades,
and says for each what happened, which rules matched, why the others did not, and the exact requests that would go
out. Planned orders are assumed live at once. Time is that of the payloads: what a rule does later happens when a
payload's time has passed it. Many payloads are read one by one and end with a summary by rule. It touches no network
and needs no secrets.

A payload is a JSON object, an array, JSON Lines, a WebSocket frame or a whole reply of GET /orders. Ticks and lots
come from --instruments or the store; else a tick of 0.05 and a lot of 1 are assumed, and the action says so.
Exit code 1 where a payload cannot be read or the rules have errors.`,
		Example: `  backstop dry-run payloads/
  backstop dry-run --json --rules rules.yaml fill.json | jq .requests
  backstop dry-run --summary last-month.jsonl`,
		Args: arguments(1, -1, "at least one file, folder or -"),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := p.settings(cmd)
			if err != nil {
				return err
			}
			d := &dryRun{p: p, json: asJSON, account: cmp.Or(s.env["KITE_USER_ID"], "AB1234"), lanes: map[string]*lane.Rehearsal{}, only: only}
			if d.hours, err = s.calendar(); err != nil {
				return err
			}
			if d.set, err = p.rulesToRun(s.text("rules"), false); err != nil {
				return err
			}
			if d.instruments, err = p.instrumentsFor(cmd.Context(), s, instruments); err != nil {
				return err
			}
			if positions != "" {
				if d.positions, err = readPositions(positions); err != nil {
					return err
				}
			}
			return d.run(args)
		},
	}
	settingFlags(cmd, "rules", "data", "store", "calendar", "market_hours")
	jsonFlag(cmd, &asJSON)
	cmd.Flags().BoolVar(&only, "summary", false, "print the summary by rule alone")
	cmd.Flags().StringVar(&instruments, "instruments", "", "the day's list, as GET /instruments gives it (CSV)")
	cmd.Flags().StringVar(&positions, "positions", "", "a reply of GET /portfolio/positions: what was carried overnight")
	return cmd
}

// dryRun takes recorded updates through one lane an account. Of what it has seen it keeps what the lanes keep, and
// counts.
type dryRun struct {
	p           *program
	json        bool
	only        bool              // the summary alone
	quiet       bool              // nothing is printed
	told        func(*lane.Story) // hears every story; nil: nobody does
	account     string            // of updates that name none
	set         *rules.Set
	hours       lane.Hours
	instruments lane.Instruments
	positions   []actions.PositionRow

	lanes    map[string]*lane.Rehearsal
	now      time.Time     // the last time that a payload told
	undated  []datedUpdate // those before the first that tells a time
	summary  summary
	progress *progress
}

// datedUpdate is an update and where it was recorded.
type datedUpdate struct {
	source string
	update order.Update
}

func (d *dryRun) run(args []string) error {
	d.progress = d.p.progress(d.only)
	unreadable, err := d.p.eachUpdate(d.p.payloadSources(args), d.take)
	if err == nil {
		err = d.flush(noTime)
	}
	d.progress.end()
	if err != nil {
		return err
	}
	if d.summary.updates > 0 && (d.only || !d.json && d.summary.updates > 1) {
		if err := d.tellSummary(); err != nil {
			return err
		}
	}
	switch {
	case unreadable > 0:
		return found("%s could not be read", plural(unreadable, "payload"))
	case d.summary.updates == 0:
		d.p.out.note("no order update in what was given")
	}
	return nil
}

// noTime is when it is where no payload tells a time: any will do, but always the same.
var noTime = time.Date(2026, 1, 1, 10, 0, 0, 0, order.IST)

// undatedMost is how many updates without a time wait for one; then the time is taken as told.
const undatedMost = 1000

// take takes one update at its own time, or the last time told.
func (d *dryRun) take(source string, u order.Update) error {
	at := u.Latest()
	if at.IsZero() && d.now.IsZero() && len(d.undated) < undatedMost {
		d.undated = append(d.undated, datedUpdate{source, u})
		return nil
	}
	if at.IsZero() && d.now.IsZero() {
		at = noTime
	}
	if err := d.flush(at); err != nil {
		return err
	}
	return d.step(source, u)
}

// flush sets the time and takes the updates that waited for it.
func (d *dryRun) flush(at time.Time) error {
	if d.now.IsZero() || at.After(d.now) {
		d.now = at
	}
	waiting := d.undated
	d.undated = nil
	for _, w := range waiting {
		if err := d.step(w.source, w.update); err != nil {
			return err
		}
	}
	return nil
}

// step lets one update be decided, and prints what follows.
func (d *dryRun) step(source string, u order.Update) (err error) {
	defer func() {
		switch broken := recover().(type) {
		case nil:
		case lane.BrokenInvariant:
			err = found("%s: order %s: %v: this is a mistake in Backstop, please report it with the payloads", source, u.OrderID, broken)
		default:
			panic(broken)
		}
	}()
	u.Source, u.Received = order.SourceReplay, d.now
	u.Account = cmp.Or(u.Account, d.account)
	l, err := d.lane(u.Account)
	if err != nil {
		return err
	}
	told, err := lane.Carry(d.now, l.Take(d.now, lane.Input{Update: &u}), l, d.lane) // with what it asks of other accounts
	if err != nil {
		return err
	}
	d.summary.add(told)
	for i := range told {
		if d.told != nil {
			d.told(&told[i])
		}
	}
	switch {
	case d.only, d.quiet:
	case d.json:
		err = d.p.out.json(storyOf(told))
		d.p.out.flush()
	default:
		d.tell(source, told)
		d.p.out.flush()
	}
	d.progress.show(d.summary.updates, "update")
	return err
}

// lane is the account's lane, made at its first update.
func (d *dryRun) lane(account string) (*lane.Rehearsal, error) {
	if l, ok := d.lanes[account]; ok {
		return l, nil
	}
	l, err := lane.NewRehearsal(lane.Options{Account: account, Mode: lane.DryRun, Rules: d.set, Hours: d.hours,
		Instruments: d.instruments, Reasons: kite.Reason, ChatID: d.p.env["TELEGRAM_CHAT_ID"], Assume: true}, nil, d.now)
	if err != nil {
		return nil, found("account %s: %v", account, err)
	}
	if d.positions != nil {
		l.Take(d.now, lane.Input{Positions: &lane.Positions{Began: d.now, Rows: d.positions}})
	}
	d.lanes[account] = l
	return l, nil
}

// rulesToRun loads rules that must be free of errors; their problems go to standard error. Without accounts the rules may
// name any.
func (p *program) rulesToRun(name string, missingIsError bool, accounts ...string) (*rules.Set, error) {
	set, problems, err := loadRules(name, p.env, missingIsError, accounts...)
	if err != nil {
		return nil, err
	}
	if missing := missingSecrets(problems.Errors()); missing != "" {
		return nil, misuse("%s", missing)
	}
	for _, problem := range problems.Errors() {
		p.out.flush()
		fmt.Fprintln(p.stderr, printableLines(problem.String()))
	}
	if set == nil {
		return nil, found("%s: %s", name, plural(len(problems.Errors()), "error"))
	}
	if n := len(problems.Warnings()); n > 0 {
		p.out.note("%s: %s (backstop check %s shows them)", name, plural(n, "warning"), name)
	}
	return set, nil
}

// missingSecrets says in one line which variables rules lack that have no other mistake, "" where they have one or none.
func missingSecrets(errs rules.Problems) string {
	var names []string
	for _, e := range errs {
		if e.Code != "BS703" {
			return ""
		}
		if name, _, _ := strings.Cut(e.Message, " "); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return ""
	}
	return fmt.Sprintf("%s (%s:%d:%d reads it: write it into .env, or set it)", notSet(names), errs[0].File, errs[0].Line, errs[0].Column)
}

// readPositions reads a recorded reply of GET /portfolio/positions.
func readPositions(name string) ([]actions.PositionRow, error) {
	text, err := readBounded(name, 64<<20)
	if err != nil {
		return nil, misuse("positions: %v", err)
	}
	rows, unreadable, err := kite.DecodePositions(text)
	if err == nil && len(unreadable) > 0 {
		err = unreadable[0]
	}
	if err != nil {
		return nil, misuse("positions: %s: %v", name, err)
	}
	if rows == nil {
		rows = []actions.PositionRow{}
	}
	return rows, nil
}

// instrumentList is the day's list in memory.
type instrumentList map[string]order.Instrument

func (i instrumentList) Instrument(exchange, tradingsymbol string) (order.Instrument, bool) {
	row, ok := i[exchange+":"+tradingsymbol]
	return row, ok
}

// Loaded is true: whatever is not in the list is assumed.
func (i instrumentList) Loaded() bool { return true }

func (i instrumentList) add(row order.Instrument) { i[row.Exchange+":"+row.Tradingsymbol] = row }

// readInstruments reads a list as Kite serves it.
func readInstruments(name string) (instrumentList, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, misuse("instruments: %v", err)
	}
	defer func() { _ = f.Close() }() // only read
	list := instrumentList{}
	if _, err := kite.DecodeInstruments(f, func(row order.Instrument) error { list.add(row); return nil }); err != nil {
		return nil, misuse("%s: %v", name, err)
	}
	return list, nil
}
