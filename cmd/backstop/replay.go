package main

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"backstop/actions"
	"backstop/engine/journal"
	"backstop/engine/kite"
	"backstop/engine/lane"
	"backstop/engine/order"
	"backstop/engine/replay"
	"backstop/rules"
)

func replayCommand(p *program) *cobra.Command {
	c := &replaying{p: p}
	var rulesOld, since, instruments, positions string
	cmd := &cobra.Command{
		Use:   "replay [PAYLOAD…]",
		Short: "Show what other rules would have decided",
		Long: `Replay decides what the journal holds once more, under the rules of --rules, and shows which decisions and requests
appear (added), vanish (removed) or change (changed). It compares with what the journal recorded, or with what the rules
of --rules-old would have decided. With PAYLOADs it takes those in place of the journal, as dry-run does, and compares
with --rules-old (default: the rules of the settings). It reads beside a running service and touches no network.

What nobody can know: what the broker would have said to a request that was never made. Such a request is planned, as in
a dry run: taken as accepted, live and unfilled. What the recorded orders did stays as it was.
Exit code 1 where something differs, 0 where nothing does.`,
		Example: `  backstop replay --rules new.yaml
  backstop replay --rules new.yaml --since 2026-01-30 --json | jq 'select(.change == "added")'
  backstop replay --rules new.yaml --rules-old rules.yaml payloads/`,
		Args: arguments(0, -1, ""),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := p.settings(cmd)
			if err != nil {
				return err
			}
			if c.since, err = sinceDay(since); err != nil {
				return err
			}
			c.settings = s
			if err := c.load(cmd.Context(), rulesOld, instruments, len(args) > 0); err != nil {
				return err
			}
			switch {
			case len(args) == 0 && positions != "":
				return misuse("--positions goes with payloads: the journal has its own")
			case len(args) == 0:
				return c.journal(cmd.Context())
			case since != "":
				return misuse("--since goes with the journal, not with payloads")
			case positions != "":
				if c.positions, err = readPositions(positions); err != nil {
					return err
				}
			}
			return c.payloads(args)
		},
	}
	settingFlags(cmd, "rules", "data", "store", "calendar", "market_hours")
	cmd.Flags().StringVar(&rulesOld, "rules-old", "", "compare with these rules (default what the journal recorded)")
	cmd.Flags().StringVar(&since, "since", "", "only from this day on, such as 2026-01-30 or 7d, with nothing remembered from before")
	cmd.Flags().StringVar(&instruments, "instruments", "", "the day's list, as GET /instruments gives it (CSV; default that of the store)")
	cmd.Flags().StringVar(&positions, "positions", "", "with payloads: a reply of GET /portfolio/positions")
	jsonFlag(cmd, &c.json)
	return cmd
}

// replaying is one run of the command.
type replaying struct {
	p        *program
	json     bool
	settings *settings
	since    time.Time
	now, old *rules.Set // old is nil where the journal says what was
	hours    lane.Hours
	list     lane.Instruments

	positions []actions.PositionRow
}

// sinceDay reads --since: a day, or how many days ago.
func sinceDay(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if n, err := keepDays(text); err == nil {
		return journal.StartOf(order.DayOf(time.Now().AddDate(0, 0, -n)))
	}
	if text == "today" {
		return journal.StartOf(order.DayOf(time.Now()))
	}
	t, err := journal.StartOf(order.Day(text))
	if err != nil {
		return t, misuse("--since %s: write a day (2026-01-30), today, or how many days ago (7d)", text)
	}
	return t, nil
}

// load reads the rules and what the settings say beside them.
func (c *replaying) load(ctx context.Context, old, instruments string, payloads bool) (err error) {
	p, s := c.p, c.settings
	if c.hours, err = s.calendar(); err != nil {
		return err
	}
	if c.now, err = p.rulesToRun(s.text("rules"), false); err != nil {
		return err
	}
	if old == "" && payloads {
		if old = s.without("rules"); old == s.text("rules") {
			return misuse("there is nothing to compare %s with: name the old rules with --rules-old", old)
		}
	}
	if old != "" {
		if c.old, err = p.rulesToRun(old, false); err != nil {
			return err
		}
	}
	c.list, err = p.instrumentsFor(ctx, s, instruments)
	return err
}

// laneOptions are what a lane needs that no journal keeps.
func (s *settings) laneOptions(hours lane.Hours, list lane.Instruments) lane.Options {
	return lane.Options{Hours: hours, Instruments: list, Reasons: kite.Reason, Freeze: freezeOf(s.text("freeze_quantities")), FreezeLimit: kite.FreezeLimit}
}

// replayOptions are how this program's journals are read.
func (s *settings) replayOptions(hours lane.Hours, list lane.Instruments) replay.Options {
	return replay.Options{Lane: s.laneOptions(hours, list),
		Decode: func(in *journal.Input) (order.Update, error) { return kite.DecodeKept(in.Source, in.Doc, in.At) },
		Begin: func(string) lane.StartDoc {
			return lane.StartDoc{Mode: lane.Mode(s.text("mode")), Confirm: s.text("confirm") == "true", Adopt: s.text("adopt") == "today",
				ChatID: s.env["TELEGRAM_CHAT_ID"], Loaded: true}
		}}
}

// compileKept compiles rules as a journal kept them.
func compileKept(env environment) func(rules.Kept) (*rules.Set, error) {
	return func(k rules.Kept) (*rules.Set, error) {
		set, problems, err := k.Parse(ruleOptions(env, false))
		if err == nil && set == nil {
			err = errors.New(problems.Errors()[0].String())
		}
		return set, err
	}
}

// always gives the same rules for every version.
func always(set *rules.Set) replay.Rules { return func(string) *rules.Set { return set } }

// journal compares over the journal.
func (c *replaying) journal(ctx context.Context) error {
	store, err := openReadOnly(ctx, c.settings)
	if err != nil {
		return err
	}
	defer func() { _ = store.Close() }() // only read
	k, ok := store.(journal.Keeper)
	if !ok {
		return misuse("replay: this store can't do that")
	}
	progress := c.p.progress(true)
	o := c.settings.replayOptions(c.hours, c.list)
	o.Since = c.since
	q := replay.Question{New: always(c.now), Kept: compileKept(c.p.env), Step: func(n int) { progress.show(n, "step") }}
	if c.old != nil {
		q.Old = always(c.old)
	}
	answer, err := replay.CompareJournal(ctx, k, o, q)
	progress.end()
	switch {
	case errors.Is(err, replay.ErrRulesText):
		return found("%v (written by an earlier version, or it does not compile any more): name the old rules with --rules-old", oneLine(err))
	case errors.Is(err, replay.ErrBeginning):
		return found("the journal in %s begins in the middle: name a day with --since", c.settings.text("data"))
	case err != nil:
		return keepProblem(c.settings.text("data"), err)
	}
	if answer.Anew {
		c.p.out.note("the journal begins on %s: what was remembered from before (state, once, cooldown) is not known", order.DayOf(answer.Since))
	}
	return c.tell(&answer)
}

// payloads compares over recorded payloads: each goes through two lanes.
func (c *replaying) payloads(args []string) error {
	before, after := c.rehearse(c.old), c.rehearse(c.now)
	progress := c.p.progress(true)
	n := 0
	unreadable, err := c.p.eachUpdate(c.p.payloadSources(args), func(source string, u order.Update) error {
		n++
		progress.show(n, "update")
		return errors.Join(before.dry.take(source, u), after.dry.take(source, u))
	})
	if err == nil {
		err = errors.Join(before.end(), after.end())
	}
	progress.end()
	if err != nil {
		return err
	}
	answer := replay.Answer{Events: after.side.Len(), Steps: n}
	if answer.Changes, err = replay.Compare(before.side, after.side, always(c.old), always(c.now)); err != nil {
		return storeFails("replay: %v", err)
	}
	err = c.tell(&answer)
	if unreadable > 0 {
		return found("%s could not be read", plural(unreadable, "payload"))
	}
	return err
}

// rehearsed is one side over payloads.
type rehearsed struct {
	side *replay.Side
	dry  *dryRun
}

func (c *replaying) rehearse(set *rules.Set) *rehearsed {
	r := &rehearsed{side: replay.NewSide()}
	r.dry = &dryRun{p: c.p, quiet: true, account: cmp.Or(c.settings.env["KITE_USER_ID"], "AB1234"), lanes: map[string]*lane.Rehearsal{},
		set: set, hours: c.hours, instruments: c.list, positions: c.positions, told: func(s *lane.Story) { r.side.AddStory(s) }}
	return r
}

func (r *rehearsed) end() error { return r.dry.flush(noTime) }
