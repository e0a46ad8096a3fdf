package replay

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"backstop/engine/journal"
	"backstop/engine/lane"
	"backstop/engine/order"
	"backstop/rules"
)

// Question is what a comparison over a journal asks.
type Question struct {
	New Rules // what would these have decided
	Old Rules // beside these; nil: beside what the journal recorded
	// Kept compiles the rules of a version as the journal kept them, where what was recorded is no measure: with
	// Options.Since, and where the account's beginning is not in the journal.
	Kept func(rules.Kept) (*rules.Set, error)
	// Step is called for each step that was made again; nil: nobody looks.
	Step func(n int)
}

// Answer is what a comparison found.
type Answer struct {
	Changes []Change
	Events  int // compared
	Steps   int
	// Since is from when on it was compared, zero for the whole journal. What was remembered from before is not known then.
	Since time.Time
	Anew  bool // the beginning is not in the journal
}

// ErrRulesText means that the journal does not keep the text of the rules of its day.
var ErrRulesText = errors.New("the journal does not keep the rules of that time")

// CompareJournal decides the inputs of a journal under new rules and tells what differs from the old ones.
func CompareJournal(ctx context.Context, k journal.Keeper, o Options, q Question) (Answer, error) {
	var a Answer
	err := k.ReadRows(ctx, func(read journal.Read) error {
		var err error
		if a, err = compareRows(ctx, read, o, q); errors.Is(err, ErrBeginning) && o.Since.IsZero() {
			if o.Since, err = firstDay(read); err == nil {
				a, err = compareRows(ctx, read, o, q)
				a.Anew = true
			}
		}
		return err
	})
	return a, err
}

func compareRows(ctx context.Context, read journal.Read, o Options, q Question) (Answer, error) {
	a := Answer{Since: o.Since}
	if begin := o.Begin; begin != nil && !o.Since.IsZero() {
		versions, err := firstVersions(read, o.Since)
		if err != nil {
			return a, err
		}
		o.Begin = func(account string) lane.StartDoc {
			doc := begin(account)
			doc.Rules = versions[account]
			return doc
		}
	}
	run := func(by Rules) (*Side, error) {
		side := NewSide()
		o.Rules = by
		return side, Run(ctx, read, o, func(s Step) error {
			a.Steps++
			if q.Step != nil {
				q.Step(a.Steps)
			}
			return side.Add(&s.Batch.Commit)
		})
	}
	after, err := run(q.New)
	if err != nil {
		return a, err
	}
	steps := a.Steps
	old, kept, err := q.Old, q.Old, error(nil)
	if old == nil {
		if kept, err = keptRules(read, q.Kept); err != nil {
			return a, err
		}
	}
	var before *Side
	switch {
	case old == nil && o.Since.IsZero():
		before, err = Recorded(read, o.Since)
	default:
		before, err = run(kept)
	}
	if err != nil {
		return a, err
	}
	a.Steps, a.Events = steps, len(after.events)
	a.Changes, err = Compare(before, after, kept, q.New)
	return a, err
}

// firstVersions are the versions of the rules that decided first since a time, by account.
func firstVersions(read journal.Read, since time.Time) (map[string]string, error) {
	versions := map[string]string{}
	err := read(journal.TableEvents, func(row journal.Row) error {
		e, err := row.Event()
		if err == nil && !e.At.Before(since) && versions[e.Account] == "" {
			versions[e.Account] = e.RulesVersion
		}
		return err
	})
	return versions, err
}

// firstDay is the start of the day of the first step that is kept: a prune leaves whole days.
func firstDay(read journal.Read) (time.Time, error) {
	found := errors.New("found")
	var first time.Time
	err := read(journal.TableSteps, func(row journal.Row) error {
		first = journal.StepOf(&row).At
		return found
	})
	if err != nil && !errors.Is(err, found) {
		return first, err
	}
	return journal.StartOf(order.DayOf(first))
}

// keptRules are the rules whose text the journal keeps, compiled when they are asked for. A version that it does not keep,
// or that does not compile any more, is nil.
func keptRules(read journal.Read, compile func(rules.Kept) (*rules.Set, error)) (Rules, error) {
	texts := map[string]rules.Kept{}
	err := read(journal.TableDocs, func(row journal.Row) error {
		d, err := row.Doc()
		if err != nil || d.Kind != journal.DocRulesText {
			return err
		}
		var k rules.Kept
		if err := json.Unmarshal(d.Body, &k); err != nil {
			return fmt.Errorf("rules %s: %w", d.ID, err)
		}
		texts[d.ID] = k
		return nil
	})
	sets := map[string]*rules.Set{}
	return func(version string) *rules.Set {
		if set, ok := sets[version]; ok {
			return set
		}
		var set *rules.Set
		if k, ok := texts[version]; ok && compile != nil {
			set, _ = compile(k) // nil where it doesn't: the replay says so
		}
		sets[version] = set
		return set
	}, err
}
