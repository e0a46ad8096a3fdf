package main

import (
	"cmp"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"backstop/actions"
	"backstop/engine/kite"
	"backstop/engine/lane"
	"backstop/engine/market"
	"backstop/engine/order"
	"backstop/rules"
)

func dryRunCommand(p *program) *cobra.Command {
	var instruments, positions string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "dry-run PAYLOAD…",
		Short: "Show what the rules would do with recorded updates",
		Long: `Dry-run takes recorded order updates (files, folders or - for standard input) through the very code that trades,
and says for each what happened, which rules matched, why the others did not, and the exact requests that would go
out. Planned orders are assumed live at once. It touches no network and needs no secrets.

A payload is a JSON object, an array, JSON Lines, a WebSocket frame or a whole reply of GET /orders. Ticks and lots
come from --instruments or the store; else a tick of 0.05 and a lot of 1 are assumed, and the action says so.
Exit code 1 where a payload cannot be read or the rules have errors.`,
		Example: `  backstop dry-run payloads/
  backstop dry-run --json --rules rules.yaml fill.json | jq .requests`,
		Args: arguments(1, -1, "at least one file, folder or -"),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := p.settings(cmd)
			if err != nil {
				return err
			}
			d := &dryRun{p: p, json: asJSON, account: cmp.Or(s.env["KITE_USER_ID"], "AB1234"), lanes: map[string]*lane.Lane{}, kinds: map[string]order.Kind{}}
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
	settingFlags(cmd, "rules", "data", "store")
	jsonFlag(cmd, &asJSON)
	cmd.Flags().StringVar(&instruments, "instruments", "", "the day's list, as GET /instruments gives it (CSV)")
	cmd.Flags().StringVar(&positions, "positions", "", "a reply of GET /portfolio/positions: what was carried overnight")
	return cmd
}

// dryRun takes recorded updates through one lane an account.
type dryRun struct {
	p           *program
	json        bool
	account     string // of updates that name none
	set         *rules.Set
	instruments lane.Instruments
	positions   []actions.PositionRow

	lanes   map[string]*lane.Lane
	kinds   map[string]order.Kind // of every event seen, by id: a decision may come after a later update
	now     time.Time             // the last time that a payload told
	undated []datedUpdate         // those before the first that tells a time
	count   int
}

// datedUpdate is an update and where it was recorded.
type datedUpdate struct {
	source string
	update order.Update
}

func (d *dryRun) run(args []string) error {
	unreadable, err := d.p.eachUpdate(d.p.payloadSources(args), d.take)
	if err == nil {
		err = d.flush(time.Date(2026, 1, 1, 10, 0, 0, 0, order.IST)) // no payload tells a time: any will do, but always the same
	}
	switch {
	case err != nil:
		return err
	case unreadable > 0:
		return found("%s could not be read", plural(unreadable, "payload"))
	case d.count == 0:
		d.p.out.note("no order update in what was given")
	}
	return nil
}

// take takes one update at its own time, or the last time told.
func (d *dryRun) take(source string, u order.Update) error {
	at := timeOf(&u)
	if at.IsZero() && d.now.IsZero() {
		d.undated = append(d.undated, datedUpdate{source, u})
		return nil
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

// timeOf is when the payload says that it happened.
func timeOf(u *order.Update) time.Time {
	for _, t := range []time.Time{u.OrderTimestamp, u.ExchangeUpdateTimestamp, u.ExchangeTimestamp} {
		if !t.IsZero() {
			return t
		}
	}
	return time.Time{}
}

// step lets one update be decided, and prints what follows.
func (d *dryRun) step(source string, u order.Update) (err error) {
	defer func() {
		if broken, ok := recover().(lane.BrokenInvariant); ok {
			err = found("%s: order %s: %v: this is a mistake in Backstop, please report it with the payloads", source, u.OrderID, broken)
		}
	}()
	u.Source, u.Received = order.SourceReplay, d.now
	u.Account = cmp.Or(u.Account, d.account)
	l, err := d.lane(u.Account)
	if err != nil {
		return err
	}
	for _, s := range l.Step(d.now, lane.Unlimited, []lane.Input{{Update: &u}}).Steps {
		if s.Update.OrderID == "" {
			continue
		}
		for _, e := range s.Events {
			d.kinds[e.ID] = e.Kind
		}
		d.count++
		story := storyOf(&s, d.kinds)
		if d.json {
			err = d.p.out.json(story)
		} else {
			d.tell(source, &s, story)
		}
		d.p.out.flush()
	}
	return err
}

// lane is the account's lane, made at its first update.
func (d *dryRun) lane(account string) (*lane.Lane, error) {
	if l, ok := d.lanes[account]; ok {
		return l, nil
	}
	l, err := lane.New(lane.Options{Account: account, Mode: lane.DryRun, Rules: d.set, Hours: market.Always(),
		Instruments: d.instruments, Reasons: kite.Reason, ChatID: d.p.env["TELEGRAM_CHAT_ID"], Assume: true, Tell: true}, nil, d.now)
	if err != nil {
		return nil, found("account %s: %v", account, err)
	}
	if d.positions != nil {
		l.Step(d.now, lane.Unlimited, []lane.Input{{Positions: &lane.Positions{Began: d.now, Rows: d.positions}}})
	}
	d.lanes[account] = l
	return l, nil
}

// rulesToRun loads rules that must be free of errors; their problems go to standard error.
func (p *program) rulesToRun(name string, missingIsError bool) (*rules.Set, error) {
	set, problems, err := loadRules(name, p.env, missingIsError)
	if err != nil {
		return nil, err
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
