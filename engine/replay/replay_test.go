package replay_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"backstop/actions"
	"backstop/engine/journal"
	"backstop/engine/journal/memory"
	"backstop/engine/kite"
	"backstop/engine/lane"
	"backstop/engine/market"
	"backstop/engine/order"
	"backstop/engine/replay"
	"backstop/rules"
)

const journals = "../testdata/journals"

// kept is a journal of testdata with what it ran with.
type kept struct {
	store *memory.Store
	rules *rules.Set
	list  map[string]order.Instrument
}

func (k *kept) Instrument(exchange, symbol string) (order.Instrument, bool) {
	i, ok := k.list[exchange+":"+symbol]
	return i, ok
}
func (k *kept) Loaded() bool { return true }

func open(t *testing.T, folder string) *kept {
	t.Helper()
	export, err := os.ReadFile(filepath.Join(folder, "journal.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	k := &kept{list: map[string]order.Instrument{}, rules: parse(t, filepath.Join(folder, "rules.yaml"), nil)}
	if k.store, err = memory.Import(bytes.NewReader(export)); err != nil {
		t.Fatal(err)
	}
	if _, err := k.store.Instruments(t.Context(), func(i order.Instrument) { k.list[i.Exchange+":"+i.Tradingsymbol] = i }); err != nil {
		t.Fatal(err)
	}
	return k
}

// parse reads a rules file, changed as asked.
func parse(t *testing.T, file string, change func(string) string) *rules.Set {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		text = []byte(change(string(text)))
	}
	set, problems := rules.Parse("rules.yaml", text, rules.Options{Specs: actions.Builtin(), Channels: []string{rules.SettingsChannel}})
	if errs := problems.Errors(); len(errs) > 0 {
		t.Fatal(errs)
	}
	return set
}

func (k *kept) replay(t *testing.T, with *rules.Set, each func(replay.Step) error) error {
	t.Helper()
	o := replay.Options{Rules: func(string) *rules.Set { return with },
		Decode: func(in *journal.Input) (order.Update, error) { return kite.DecodeKept(in.Source, in.Doc, in.At) },
		Lane:   lane.Options{Hours: market.Always(), Instruments: k, Reasons: kite.Reason}}
	return k.store.ReadRows(t.Context(), func(read journal.Read) error { return replay.Run(t.Context(), read, o, each) })
}

// words are an event's decisions as they stand in its row, and what it was.
func words(t *testing.T, e *journal.Event) string {
	t.Helper()
	row, err := journal.EventRow(e)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(e.Kind, " ", e.OrderID, " ", e.Group, " ", e.RulesVersion, " ", row.Values[7])
}

// TestInvariant8AJournalOfEveryVersionGivesTheSameDecisions replays what earlier versions wrote, for ever.
func TestInvariant8AJournalOfEveryVersionGivesTheSameDecisions(t *testing.T) {
	t.Parallel()
	folders, err := filepath.Glob(filepath.Join(journals, "*", "journal.jsonl"))
	if err != nil || len(folders) == 0 {
		t.Fatalf("no journals: %v", err)
	}
	for _, file := range folders {
		folder := filepath.Dir(file)
		t.Run(filepath.Base(folder), func(t *testing.T) {
			t.Parallel()
			k := open(t, folder)
			if _, err := journal.Verify(t.Context(), k.store, func(f journal.Finding) { t.Errorf("%+v", f) }); err != nil {
				t.Fatal(err)
			}
			now := map[string]string{}
			steps, matched := 0, 0
			if err := k.replay(t, k.rules, func(s replay.Step) error {
				steps++
				for _, d := range s.Differs {
					if d.Row.Table == journal.TableRequests {
						t.Errorf("step %d: request %s is %s", s.Seq, d.Row.ID, d.What)
					}
				}
				for i := range s.Batch.Commit.Events {
					e := &s.Batch.Commit.Events[i]
					now[e.ID] = words(t, e)
				}
				return nil
			}); err != nil {
				t.Fatal(err)
			}
			rows, _, err := k.store.Events(t.Context(), journal.Query{Limit: 1000})
			if err != nil {
				t.Fatal(err)
			}
			for i := range rows {
				e := &rows[i]
				if then := words(t, e); now[e.ID] != then {
					t.Errorf("event %s\nthen %s\nnow  %s", e.ID, then, now[e.ID])
				}
				for _, d := range e.Decisions {
					if d.Matched {
						matched++
					}
				}
				delete(now, e.ID)
			}
			for id, e := range now {
				t.Errorf("event %s was not told then: %s", id, e)
			}
			if steps < 10 || matched == 0 {
				t.Errorf("%d steps with %d rules that matched", steps, matched)
			}
		})
	}
}

func TestOtherRulesDecideOtherwise(t *testing.T) {
	t.Parallel()
	k := open(t, filepath.Join(journals, "0.1"))
	tighter := parse(t, filepath.Join(journals, "0.1", "rules.yaml"), func(s string) string { return strings.Replace(s, "stop_pct: 20", "stop_pct: 10", 1) })
	differs := map[journal.Table]bool{}
	triggers := map[order.Price]bool{}
	if err := k.replay(t, tighter, func(s replay.Step) error {
		for _, d := range s.Differs {
			differs[d.Row.Table] = true
		}
		for _, r := range s.Batch.Sends {
			triggers[r.Call.Params.TriggerPrice] = true
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if !differs[journal.TableEvents] || !differs[journal.TableRequests] {
		t.Errorf("differs: %v", differs)
	}
	if !triggers[270*order.Rupee] {
		t.Errorf("stops behind a buy at 300 with 10 %%: %v", triggers)
	}
}

func TestAJournalWithoutItsBeginningIsNotReplayed(t *testing.T) {
	t.Parallel()
	k := open(t, filepath.Join(journals, "0.1"))
	starts, _, err := k.store.Inputs(t.Context(), journal.Query{Kind: string(journal.InputStart)})
	if err != nil || len(starts) != 2 {
		t.Fatalf("%d starts: %v", len(starts), err)
	}
	second := starts[0].Step
	err = k.store.ReadRows(context.Background(), func(read journal.Read) error {
		return replay.Run(context.Background(), func(table journal.Table, each func(journal.Row) error) error {
			return read(table, func(r journal.Row) error {
				if table == journal.TableSteps && r.Seq < second {
					return nil
				}
				return each(r)
			})
		}, replay.Options{}, func(replay.Step) error { return nil })
	})
	if !errors.Is(err, replay.ErrBeginning) {
		t.Errorf("%v", err)
	}
}
