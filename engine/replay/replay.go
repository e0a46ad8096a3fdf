// Package replay feeds the inputs of a journal to new lanes and tells what they decide: the same rules and settings
// give the same rows, byte for byte (invariant 8), other rules give what they would have decided.
//
// It is pure: what it reads comes in as rows, and the lanes keep what they commit in a journal in memory. It imports
// lane, the records and the memory store. TestInvariant8… here and in testdata/journals would fail if the promise broke.
package replay

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"backstop/actions"
	"backstop/engine/journal"
	"backstop/engine/journal/memory"
	"backstop/engine/lane"
	"backstop/engine/order"
	"backstop/rules"
)

// ErrBeginning means that the account's first start is not in the journal (it was pruned, or written by a version that
// kept none): its lane can't be built up from nothing.
var ErrBeginning = errors.New("the journal does not begin with the account's first start")

// Options say with what the inputs are decided again.
type Options struct {
	// Rules are those of a version that the journal names; nil fails the replay. To see what other rules would have
	// decided, give them for every version.
	Rules func(version string) *rules.Set
	// Lane are the settings that the journal does not keep: Hours, Instruments, Reasons. The rest is
	// filled from each start.
	Lane lane.Options
	// Decode reads the payload of an update. Source, Began and an absent Account are filled from its row.
	Decode func(in *journal.Input) (order.Update, error)
}

// Step is one step that was made again.
type Step struct {
	Seq     int64
	Account string
	At      time.Time
	Inputs  []journal.Input // as the journal has them
	Batch   lane.Batch      // what the lane said now
	// Differs are the rows that the step wrote then and not now, or now and not then, or in other bytes.
	Differs []Difference
}

// Difference is a row that differs.
type Difference struct {
	Row  journal.Key
	Seq  int64  // of an input: its place in the step
	What string // added, removed, changed
}

// What a row that differs is.
const (
	Added   = "added"
	Removed = "removed"
	Changed = "changed"
)

// Run makes every step of the accounts again that have lanes, in the order of the journal, and gives each to each.
func Run(ctx context.Context, read journal.Read, o Options, each func(Step) error) error {
	inputs, err := inputsByStep(read)
	if err != nil {
		return err
	}
	r := &replay{options: o, lanes: map[string]*replayed{}, store: memory.New()}
	return read(journal.TableSteps, func(row journal.Row) error {
		s := journal.StepOf(&row)
		step, err := r.step(ctx, &s, inputs[s.Seq])
		if err != nil {
			return fmt.Errorf("step %d of account %s: %w", s.Seq, s.Account, err)
		}
		if step == nil {
			return nil
		}
		return each(*step)
	})
}

func inputsByStep(read journal.Read) (map[int64][]journal.Input, error) {
	inputs := map[int64][]journal.Input{}
	err := read(journal.TableInputs, func(row journal.Row) error {
		in, err := row.Input()
		inputs[in.Step] = append(inputs[in.Step], in)
		return err
	})
	return inputs, err
}

// replay is one run.
type replay struct {
	options Options
	lanes   map[string]*replayed
	store   *memory.Store
}

// replayed is one account's lane.
type replayed struct {
	lane   *lane.Lane
	loaded *gate
}

// gate shows the instruments once the journal says that they came.
type gate struct {
	lane.Instruments
	open bool
}

func (g *gate) Loaded() bool { return g.open }

// step makes one step again; nil for one of no lane.
func (r *replay) step(ctx context.Context, s *journal.Step, kept []journal.Input) (*Step, error) {
	began := len(kept) > 0 && kept[0].Kind == journal.InputStart
	if began {
		if err := r.start(ctx, s.Account, kept[0].Doc); err != nil {
			return nil, err
		}
	}
	l := r.lanes[s.Account]
	if l == nil {
		if !slices.ContainsFunc(kept, func(in journal.Input) bool { return in.Kind != journal.InputUpdate }) {
			return nil, nil // an update of nobody's account, which was kept with its reason
		}
		return nil, ErrBeginning
	}
	inputs, err := r.inputs(l, kept)
	if err != nil {
		return nil, err
	}
	batch := l.lane.Step(s.At, lane.Grant{Exits: int(s.Exits), Risk: int(s.Risk), Next: s.At.Add(time.Second)}, inputs)
	step := &Step{Seq: s.Seq, Account: s.Account, At: s.At, Inputs: kept, Batch: batch}
	now, err := batch.Commit.Encode()
	if err != nil {
		return nil, err
	}
	if step.Differs, err = differences(s, now.Step.Writes); err != nil {
		return nil, err
	}
	return step, r.store.Commit(ctx, &batch.Commit)
}

// start builds an account's lane from what the steps before have committed, as a start did.
func (r *replay) start(ctx context.Context, account string, text []byte) error {
	var doc lane.StartDoc
	if err := json.Unmarshal(text, &doc); err != nil {
		return fmt.Errorf("start: %w", err)
	}
	if r.lanes[account] == nil && !doc.First {
		return ErrBeginning
	}
	l := &replayed{loaded: &gate{Instruments: r.options.Lane.Instruments, open: doc.Loaded}}
	o := r.options.Lane
	o.Account, o.Label, o.ChatID, o.Instruments = account, doc.Label, doc.ChatID, l.loaded
	o.Mode, o.Confirm, o.Adopt = doc.Mode, doc.Confirm, doc.Adopt
	if doc.Rules != "" {
		if o.Rules = r.options.Rules(doc.Rules); o.Rules == nil {
			return fmt.Errorf("the rules of version %s are not there", doc.Rules)
		}
	}
	snap, err := r.store.Load(ctx, account, order.DayOf(doc.Began))
	if err != nil {
		return err
	}
	if l.lane, err = lane.New(o, snap, doc.Began); err != nil {
		return err
	}
	r.lanes[account] = l
	return nil
}

// inputs turns a step's rows into what the lane took.
func (r *replay) inputs(l *replayed, kept []journal.Input) ([]lane.Input, error) {
	var inputs []lane.Input
	var rows []order.Update // of a reading whose own row comes behind them
	for i := range kept {
		in := &kept[i]
		x, err := r.input(in, &rows)
		if err != nil {
			return nil, fmt.Errorf("input %d (%s): %w", in.Seq, in.Kind, err)
		}
		if x == nil {
			continue
		}
		if x.Loaded {
			l.loaded.open = true
		}
		inputs = append(inputs, *x)
	}
	if len(rows) > 0 {
		return nil, errors.New("rows of a reading without the reading")
	}
	return inputs, nil
}

func (r *replay) input(in *journal.Input, rows *[]order.Update) (x *lane.Input, err error) {
	decode := func(into any) { err = json.Unmarshal(in.Doc, into) }
	x = &lane.Input{}
	switch in.Kind {
	case journal.InputStart:
		return nil, nil
	case journal.InputUpdate:
		u, err := r.options.Decode(in)
		if err != nil {
			return nil, err
		}
		u.Source, u.Began = in.Source, in.Began
		if u.Account == "" {
			u.Account = in.Account
		}
		if in.Source == order.SourceBook {
			*rows = append(*rows, u)
			return nil, nil
		}
		x.Update = &u
	case journal.InputRead:
		var doc lane.ReadDoc
		decode(&doc)
		x.Read = &lane.Read{Began: doc.Began, Ended: doc.Ended, Rows: *rows, Unreadable: doc.Unreadable, Kept: &doc}
		if doc.Error != "" {
			x.Read.Err = &actions.Error{Message: doc.Error} // a session that it found dead is an input of its own
		}
		*rows = nil
	case journal.InputTrades:
		decode(&x.Trades)
	case journal.InputPositions:
		decode(&x.Positions)
	case journal.InputPrices:
		decode(&x.Prices)
	case journal.InputOutcome:
		decode(&x.Outcome)
	case journal.InputDelivery:
		decode(&x.Delivery)
	case journal.InputSession:
		decode(&x.Session)
	case journal.InputControl:
		decode(&x.Control)
	case journal.InputLoaded:
		x.Loaded = true
	case journal.InputRules:
		var version string
		if decode(&version); err == nil {
			if x.Rules = r.options.Rules(version); x.Rules == nil {
				err = fmt.Errorf("the rules of version %s are not there", version)
			}
		}
	default:
		return nil, errors.New("a kind that this version does not know")
	}
	return x, err
}

// differences compares what a step wrote then with what it writes now.
func differences(s *journal.Step, now []byte) ([]Difference, error) {
	type place struct {
		key journal.Key
		seq int64
	}
	then := map[place]journal.Write{}
	if err := journal.EachWrite(s.Writes, s.Account, func(w journal.Write) error {
		then[place{w.Key, w.Seq}] = w
		return nil
	}); err != nil {
		return nil, err
	}
	var list []Difference
	err := journal.EachWrite(now, s.Account, func(w journal.Write) error {
		p := place{w.Key, w.Seq}
		switch old, ok := then[p]; {
		case !ok:
			list = append(list, Difference{w.Key, w.Seq, Added})
		case old.Sum != w.Sum || old.Gone != w.Gone:
			list = append(list, Difference{w.Key, w.Seq, Changed})
		}
		delete(then, p)
		return nil
	})
	for p := range then {
		list = append(list, Difference{p.key, p.seq, Removed})
	}
	slices.SortFunc(list, func(a, b Difference) int {
		return cmp.Or(cmp.Compare(a.Row.Table, b.Row.Table), cmp.Compare(a.Row.Kind, b.Row.Kind), cmp.Compare(a.Row.ID, b.Row.ID), cmp.Compare(a.Seq, b.Seq))
	})
	return list, err
}
