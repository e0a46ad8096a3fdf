package replay_test

import (
	"context"
	"encoding/json"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"backstop/engine/journal"
	"backstop/engine/kite"
	"backstop/engine/lane"
	"backstop/engine/market"
	"backstop/engine/order"
	"backstop/engine/replay"
	"backstop/rules"
)

func (k *kept) options() replay.Options {
	return replay.Options{Decode: func(in *journal.Input) (order.Update, error) { return kite.DecodeKept(in.Source, in.Doc, in.At) },
		Lane: lane.Options{Hours: market.Always(), Instruments: k, Reasons: kite.Reason}}
}

func always(set *rules.Set) replay.Rules { return func(string) *rules.Set { return set } }

// TestInvariant8TheSameRulesDifferInNothing on the kept journals: beside what was recorded, beside themselves, and from a
// day on.
func TestInvariant8TheSameRulesDifferInNothing(t *testing.T) {
	t.Parallel()
	folders, err := filepath.Glob(filepath.Join(journals, "*"))
	if err != nil {
		t.Fatal(err)
	}
	tried := 0
	for _, folder := range folders {
		if !strings.Contains(filepath.Base(folder), ".") || strings.HasSuffix(folder, ".md") {
			continue
		}
		k := open(t, folder)
		day := time.Date(2020, 1, 1, 0, 0, 0, 0, order.IST)
		for name, q := range map[string]replay.Question{"recorded": {New: always(k.rules)}, "themselves": {New: always(k.rules), Old: always(k.rules)}} {
			for _, since := range []time.Time{{}, day} {
				if !since.IsZero() && q.Old == nil {
					continue
				}
				o := k.options()
				o.Since = since
				a, err := replay.CompareJournal(t.Context(), k.store, o, q)
				if err != nil {
					t.Fatal(err)
				}
				tried++
				if a.Events < 5 || a.Steps < 10 {
					t.Errorf("%s %s: %d events of %d steps", folder, name, a.Events, a.Steps)
				}
				for _, c := range a.Changes {
					text, _ := json.Marshal(c)
					t.Errorf("%s %s: %s", folder, name, text)
				}
			}
		}
	}
	if tried == 0 {
		t.Error("no journal was compared")
	}
}

func TestAChangedRuleIsToldOncePerDecision(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(journals, "0.1")
	k := open(t, folder)
	file := filepath.Join(folder, "rules.yaml")
	for _, c := range []struct {
		name   string
		change func(string) string
		want   replay.Counts
		look   func(replay.Change) bool
	}{
		{"a tighter stop", func(s string) string { return strings.Replace(s, "stop_pct: 20", "stop_pct: 10", 1) }, replay.Counts{Changed: 4},
			func(c replay.Change) bool { // the stop that was modified later is modified to the new price, and no person moved it
				return c.Rule == "stop-behind-entry" && c.After.Requests[0].Method == "PUT" && c.After.Requests[0].Params.TriggerPrice == 270*order.Rupee
			}},
		{"a rule renamed", func(s string) string { return strings.Replace(s, "name: tell-flat", "name: tell-it", 1) },
			replay.Counts{Added: 1, Removed: 1}, func(c replay.Change) bool { return c.Rule == "tell-it" && c.Change == replay.Added && c.Before == nil }},
		{"a rule that is off", func(s string) string {
			return strings.Replace(s, "  - name: tell-rejections\n", "  - name: tell-rejections\n    enabled: false\n", 1)
		},
			replay.Counts{Removed: 1}, func(c replay.Change) bool { return c.After != nil && c.After.Why == "enabled" && !c.After.Matched }},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, err := replay.CompareJournal(t.Context(), k.store, k.options(), replay.Question{New: always(parse(t, file, c.change))})
			if err != nil {
				t.Fatal(err)
			}
			if got := replay.Count(a.Changes); got != c.want {
				t.Errorf("%+v, want %+v", got, c.want)
			}
			found := false
			for _, change := range a.Changes {
				found = found || c.look(change)
			}
			if !found {
				text, _ := json.Marshal(a.Changes)
				t.Errorf("not among %s", text)
			}
		})
	}
}

// TestANewRuleIsCarriedToItsEnd: what the broker was never asked is taken as live, so that the actions behind it follow.
func TestANewRuleIsCarriedToItsEnd(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(journals, "0.1")
	k := open(t, folder)
	more := parse(t, filepath.Join(folder, "rules.yaml"), func(s string) string {
		return s + "  - name: hedge\n    on: fill\n    when: order.role == \"entry\"\n    once: day\n    then:\n" +
			"      - place_order: { exchange: \"${order.exchange}\", tradingsymbol: \"${order.tradingsymbol}\", transaction_type: BUY, quantity: 65, product: MIS, order_type: MARKET }\n" +
			"      - telegram: hedged\n"
	})
	a, err := replay.CompareJournal(t.Context(), k.store, k.options(), replay.Question{New: always(more)})
	if err != nil {
		t.Fatal(err)
	}
	n := replay.Count(a.Changes)
	if n.Added != 1 || n.Assumed != 1 {
		t.Fatalf("%+v: %+v", n, a.Changes)
	}
	for _, c := range a.Changes {
		if c.Rule == "hedge" && (len(c.After.Actions) != 2 || c.After.Actions[1].Message == nil || c.After.Actions[1].Message.Text != "hedged") {
			t.Errorf("%+v", c.After)
		}
	}
}

// cut is a journal whose first steps were pruned.
type cut struct {
	journal.Keeper
	first int64
}

func (c cut) ReadRows(ctx context.Context, read func(journal.Read) error) error {
	return c.Keeper.ReadRows(ctx, func(rows journal.Read) error {
		return read(func(table journal.Table, each func(journal.Row) error) error {
			return rows(table, func(r journal.Row) error {
				if table == journal.TableSteps && r.Seq < c.first || table == journal.TableInputs && r.Step < c.first {
					return nil
				}
				return each(r)
			})
		})
	})
}

// TestAPrunedJournalIsComparedFromItsFirstDay: both sides begin anew there, for what was recorded is no measure then.
func TestAPrunedJournalIsComparedFromItsFirstDay(t *testing.T) {
	t.Parallel()
	k := open(t, filepath.Join(journals, "0.1"))
	begin := func(string) lane.StartDoc {
		return lane.StartDoc{Mode: lane.Live, Confirm: true, ChatID: "1", Loaded: true}
	}
	for _, first := range []int64{2, 3} {
		o := k.options()
		o.Begin = begin
		pruned := cut{k.store, first}
		if _, err := replay.CompareJournal(t.Context(), pruned, o, replay.Question{New: always(k.rules)}); !errors.Is(err, replay.ErrRulesText) {
			t.Errorf("without the rules of its day: %v", err)
		}
		a, err := replay.CompareJournal(t.Context(), pruned, o, replay.Question{New: always(k.rules), Old: always(k.rules)})
		if err != nil {
			t.Fatal(err)
		}
		if !a.Anew || a.Since.IsZero() || a.Steps < 10 || len(a.Changes) > 0 {
			t.Errorf("from step %d: anew %v, since %v, %d steps, %+v", first, a.Anew, a.Since, a.Steps, a.Changes)
		}
		tighter := parse(t, filepath.Join(journals, "0.1", "rules.yaml"), func(s string) string { return strings.Replace(s, "stop_pct: 20", "stop_pct: 10", 1) })
		if a, err = replay.CompareJournal(t.Context(), pruned, o, replay.Question{New: always(tighter), Old: always(k.rules)}); err != nil || len(a.Changes) == 0 {
			t.Errorf("from step %d: a tighter stop differs in nothing: %v", first, err)
		}
	}
}
