package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"backstop/actions"
	"backstop/engine/journal"
	"backstop/engine/kite"
	"backstop/engine/lane"
	"backstop/engine/order"
	"backstop/rules"
	"backstop/rules/rulestest"
)

func testRecordCommand(p *program) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "record DECISION…",
		Short: "Make a test from the journal",
		Long: `Record prints a test file of decisions that were taken: every update of that instrument and product on that day up to
the decision as a step, and what the rules do with it as what to expect. Of a rule that looks beyond its event's instrument (of:
account, day, state, a schedule) it is every update of the account on that day. Where the rules of today decide otherwise than
the journal says, that is told. It reads the store beside a running service.`,
		Example: `  backstop test record 4kx2…-stop-behind-entry > recorded_test.yaml`,
		Args:    arguments(1, -1, "the ids of decisions (backstop journal list decisions)"),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := p.settings(cmd)
			if err != nil {
				return err
			}
			set, err := p.rulesToRun(s.text("rules"), false)
			if err != nil {
				return err
			}
			r, err := openRecord(cmd.Context(), s)
			if err != nil {
				return err
			}
			defer r.close()
			account := ""
			var list []rulestest.Recorded
			for _, id := range args {
				recorded, of, err := r.recorded(cmd.Context(), id, set)
				if err != nil {
					return err
				}
				if account = cmp.Or(account, of); of != account {
					return misuse("%s is of account %s and not of %s: record each account by itself", id, of, account)
				}
				list = append(list, recorded)
			}
			text := rulestest.Record(filepath.Base(s.text("rules")), account, list)
			f, problems := rulestest.Parse(filepath.Join(filepath.Dir(s.text("rules")), "recorded_test.yaml"), []byte(text))
			if len(problems) == 0 {
				problems = f.Check(set)
			}
			if len(problems) > 0 {
				return found("what was recorded can't be told as a test: %v", problems)
			}
			p.noteOthers(f.Run(set, rulestest.Options{}), list)
			text, _ = f.Rewritten(set, rulestest.Options{})
			p.out.line("%s", strings.TrimRight(text, "\n"))
			return nil
		},
	}
	settingFlags(cmd, "rules", "data", "store")
	return cmd
}

// noteOthers tells which decisions the rules of today take otherwise.
func (p *program) noteOthers(results []rulestest.Result, list []rulestest.Recorded) {
	for i, r := range results {
		for _, f := range r.Failures {
			if f.Step >= len(list[i].Updates) && slices.ContainsFunc(f.Expected, func(line string) bool {
				return strings.HasPrefix(line, rulestest.Missing+"rule:")
			}) {
				p.out.note("%s: the journal says %s: %s; these rules say otherwise", r.Name, list[i].Rule, list[i].Said)
			}
		}
	}
}

// recordedPages bounds how far back a day is read, in pages of pageRows.
const recordedPages = 100

// recorded gathers what led to a decision.
func (r *record) recorded(ctx context.Context, id string, set *rules.Set) (out rulestest.Recorded, account string, err error) {
	if len(id) <= idLength || id[idLength] != '-' {
		return out, "", misuse("%s is no decision: backstop journal list decisions lists their ids", id)
	}
	events, _, err := r.store.Events(ctx, query(id[:idLength]))
	if err != nil {
		return out, "", storeFails("journal: %v", err)
	}
	if len(events) == 0 {
		return out, "", notFound(id)
	}
	e := &events[0]
	i := slices.IndexFunc(e.Decisions, func(d journal.Decision) bool { return d.ID == id })
	if i < 0 {
		return out, "", notFound(id)
	}
	d := &e.Decisions[i]
	var event order.Event
	if err := json.Unmarshal(e.Doc, &event); err != nil || event.OrderID == "" && e.Kind != order.KindSchedule {
		return out, "", found("%s is of no order: only decisions on orders and schedules can be recorded", id)
	}
	out = rulestest.Recorded{Name: d.Rule + " on " + string(e.Kind) + " of order " + e.OrderID, Rule: d.Rule, Said: "matched", At: e.At}
	if e.OrderID == "" {
		out.Name = d.Rule + " at " + e.At.In(order.IST).Format("15:04")
	}
	rule, known := set.Rule(d.Rule)
	wide := known && rule.Wide()
	if known && d.Matched {
		out.For = rule.For
	}
	if !d.Matched {
		out.Said = d.Why
	}
	if out.Updates, err = r.updatesUntil(ctx, e, func(k order.Key) bool { return wide || k == event.Key }); err != nil {
		return out, "", err
	}
	if len(out.Updates) == 0 {
		return out, "", found("%s: the updates behind it are not in the journal any more", id)
	}
	seen := map[string]bool{}
	for _, u := range out.Updates {
		seen[u.Update.Key().Instrument()] = true
	}
	if _, err := r.store.Instruments(ctx, func(row order.Instrument) {
		if seen[row.Exchange+":"+row.Tradingsymbol] {
			out.Instruments = append(out.Instruments, row)
		}
	}); err != nil {
		return out, "", storeFails("journal: %v", err)
	}
	out.Overnight, err = r.overnight(ctx, e, func(k order.Key) bool { return wide || k == event.Key })
	return out, e.Account, err
}

// updatesUntil are the updates of some places on the event's day up to the event, those that changed something.
func (r *record) updatesUntil(ctx context.Context, e *journal.Event, of func(order.Key) bool) ([]rulestest.RecordedUpdate, error) {
	var out []rulestest.RecordedUpdate
	q := journal.Query{Account: e.Account, Kind: string(journal.InputUpdate), Since: dayOf(e.At), Limit: pageRows}
	for range recordedPages {
		rows, next, err := r.store.Inputs(ctx, q)
		if err != nil {
			return nil, storeFails("journal: %v", err)
		}
		for _, in := range rows {
			if in.At.After(e.At) || in.Ignored != "" {
				continue
			}
			var u order.Update
			if kite.DecodeAny(bytes.NewReader(in.Doc), func(got order.Update, err error) error { u = got; return err }) != nil ||
				u.OrderID != in.OrderID || !of(u.Key()) || u.Interim {
				continue
			}
			u.Account = cmp.Or(u.Account, e.Account)
			out = append(out, rulestest.RecordedUpdate{At: in.At, Update: u, Answers: r.placedFor(ctx, &u)})
		}
		if q.Before = next; next == "" {
			break
		}
	}
	slices.Reverse(out) // the store gives the newest first
	return out, nil
}

// placedFor is the rule that placed an order, by its tag; "" for an order of somebody else.
func (r *record) placedFor(ctx context.Context, u *order.Update) string {
	for _, tag := range append([]string{u.Tag}, u.Tags...) {
		if !actions.IsTag(tag) {
			continue
		}
		if rows, _, err := r.store.Requests(ctx, query(tag[2:])); err == nil && len(rows) == 1 {
			if as, _, err := r.store.Actions(ctx, query(rows[0].ActionID)); err == nil && len(as) == 1 {
				return rows[0].For + "/" + as[0].Type
			}
			return rows[0].For
		}
	}
	return ""
}

// overnight is what was carried into the event's day at some places.
func (r *record) overnight(ctx context.Context, e *journal.Event, of func(order.Key) bool) ([]order.Overnight, error) {
	q := journal.Query{Account: e.Account, Kind: string(journal.InputPositions), Since: dayOf(e.At), Limit: pageRows}
	var first *lane.Positions // of the day: the store gives the newest first
	for range recordedPages {
		rows, next, err := r.store.Inputs(ctx, q)
		if err != nil {
			return nil, storeFails("journal: %v", err)
		}
		for _, in := range rows {
			var p lane.Positions
			if !in.At.After(e.At) && json.Unmarshal(in.Doc, &p) == nil && !p.Differ {
				first = &p
			}
		}
		if q.Before = next; next == "" {
			break
		}
	}
	if first == nil {
		return nil, nil
	}
	carried := map[order.Key]order.Overnight{}
	for _, row := range first.Rows {
		carried[row.Key] = order.Overnight{Key: row.Key, Quantity: row.Overnight, AveragePrice: row.AveragePrice}
	}
	for _, row := range first.Holdings {
		carried[row.Key] = order.Overnight{Key: row.Key, Quantity: max(row.Quantity, carried[row.Key].Quantity), AveragePrice: row.AveragePrice}
	}
	var out []order.Overnight
	for k, o := range carried {
		if o.Quantity != 0 && of(k) {
			out = append(out, o)
		}
	}
	slices.SortFunc(out, func(a, b order.Overnight) int {
		return cmp.Or(cmp.Compare(a.Instrument(), b.Instrument()), cmp.Compare(a.Product, b.Product))
	})
	return out, nil
}

// dayOf is the beginning of a moment's day in IST.
func dayOf(t time.Time) time.Time {
	y, m, d := t.In(order.IST).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, order.IST)
}
