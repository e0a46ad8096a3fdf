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
// kept none): its lane can't be built up from nothing. With Options.Since it can, as far as a day begins anew.
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
	// Since, the start of a day, leaves out what was before: each lane begins anew in that day's first step, armed, and
	// with nothing remembered (state.*, what once and cooldown counted, a pause). Zero: from the beginning.
	Since time.Time
	// Begin is with what an account began whose start the journal does not have; nil: there is none.
	Begin func(account string) lane.StartDoc
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
// What the lanes would send now and did not then has no answer in the journal: it is planned, as in a dry run.
func Run(ctx context.Context, read journal.Read, o Options, each func(Step) error) error {
	r := &replay{options: o, lanes: map[string]*replayed{}, starts: map[string]*lane.StartDoc{}, store: memory.New(), inputs: map[int64][]journal.Input{},
		answers: newAnswers(), carried: map[string]bool{}, asked: map[string]lane.Errand{}}
	if err := r.answers.read(read); err != nil {
		return err
	}
	if err := read(journal.TableInputs, r.take); err != nil {
		return err
	}
	return read(journal.TableSteps, func(row journal.Row) error {
		s := journal.StepOf(&row)
		kept := r.inputs[s.Seq]
		delete(r.inputs, s.Seq)
		step, err := r.step(ctx, &s, kept)
		if err != nil {
			return fmt.Errorf("step %d of account %s: %w", s.Seq, s.Account, err)
		}
		if step == nil {
			return ctx.Err()
		}
		if err := errors.Join(each(*step), ctx.Err()); err != nil {
			return err
		}
		return r.carry(ctx, step, each)
	})
}

// carry brings what was asked of other accounts, and the journal knows nothing of, to their lanes: other rules asked it.
func (r *replay) carry(ctx context.Context, from *Step, each func(Step) error) error {
	for todo := []*Step{from}; len(todo) > 0; todo = todo[1:] {
		b := &todo[0].Batch
		give := func(account, kind, id string, in lane.Input) error {
			l := r.lanes[account]
			if l == nil || r.carried[kind+" "+id] {
				return nil
			}
			r.carried[kind+" "+id] = true // handed over again it is the same
			next := &Step{Seq: from.Seq, Account: account, At: from.At}
			next.Batch = l.lane.Step(from.At, lane.Unlimited, []lane.Input{in})
			todo = append(todo, next)
			return errors.Join(r.store.Commit(ctx, &next.Batch.Commit), each(*next))
		}
		for i := range b.Errands {
			e := b.Errands[i]
			r.asked[e.ID] = e
			if err := give(e.To, string(journal.InputErrand), e.ID, lane.Input{Errand: &e}); err != nil {
				return err
			}
		}
		for i := range b.Ends {
			if err := give(b.Ends[i].From, string(journal.InputErrandEnd), b.Ends[i].ID, lane.Input{ErrandEnd: &b.Ends[i]}); err != nil {
				return err
			}
		}
	}
	return nil
}

// replay is one run.
type replay struct {
	options Options
	inputs  map[int64][]journal.Input // by step
	lanes   map[string]*replayed
	starts  map[string]*lane.StartDoc // with what each account's process began last, before Since
	store   *memory.Store
	answers *answers
	carried map[string]bool        // errands, and their ends, that the journal has
	asked   map[string]lane.Errand // what lanes asked of other accounts now
}

// replayed is one account's lane.
type replayed struct {
	lane   *lane.Lane
	loaded *gate
}

// take keeps an input for its step. Of what was before Since only what a lane began with is kept.
func (r *replay) take(row journal.Row) error {
	in, err := row.Input()
	if err != nil {
		return err
	}
	if in.At.Before(r.options.Since) && in.Kind != journal.InputStart && in.Kind != journal.InputRules && in.Kind != journal.InputLoaded {
		return nil
	}
	r.inputs[in.Step] = append(r.inputs[in.Step], in)
	if in.Kind == journal.InputErrand || in.Kind == journal.InputErrandEnd {
		var doc struct {
			ID string `json:"id"`
		}
		if err := json.Unmarshal(in.Doc, &doc); err != nil {
			return fmt.Errorf("input %d: %w", in.Seq, err)
		}
		r.carried[string(in.Kind)+" "+doc.ID] = true
	}
	return r.answers.note(&in)
}

// gate shows the instruments once the journal says that they came.
type gate struct {
	lane.Instruments
	open bool
}

func (g *gate) Loaded() bool { return g.open }

// step makes one step again; nil for one of no lane.
func (r *replay) step(ctx context.Context, s *journal.Step, kept []journal.Input) (*Step, error) {
	if s.At.Before(r.options.Since) {
		return nil, r.skip(s.Account, kept)
	}
	if len(kept) > 0 && kept[0].Kind == journal.InputStart {
		var doc lane.StartDoc
		if err := json.Unmarshal(kept[0].Doc, &doc); err != nil {
			return nil, fmt.Errorf("start: %w", err)
		}
		if err := r.start(ctx, s.Account, &doc); err != nil {
			return nil, err
		}
	} else if err := r.beginAnew(ctx, s); err != nil {
		return nil, err
	}
	l := r.lanes[s.Account]
	if l == nil {
		if !slices.ContainsFunc(kept, func(in journal.Input) bool { return in.Kind != journal.InputUpdate }) {
			return nil, nil // an update of nobody's account, which was kept with its reason
		}
		return nil, ErrBeginning
	}
	inputs, err := r.inputsOf(l, kept)
	if err != nil {
		return nil, err
	}
	if err := r.answers.step(s); err != nil {
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

// skip remembers of a step before Since with what the account's process runs.
func (r *replay) skip(account string, kept []journal.Input) error {
	for i := range kept {
		doc := r.starts[account]
		switch in := &kept[i]; {
		case in.Kind == journal.InputStart:
			doc = &lane.StartDoc{}
			if err := json.Unmarshal(in.Doc, doc); err != nil {
				return fmt.Errorf("start: %w", err)
			}
			r.starts[account] = doc
		case doc == nil:
		case in.Kind == journal.InputLoaded:
			doc.Loaded = true
		case in.Kind == journal.InputRules:
			if err := json.Unmarshal(in.Doc, &doc.Rules); err != nil {
				return fmt.Errorf("rules: %w", err)
			}
		}
	}
	return nil
}

// beginAnew gives an account its lane in the first step since Since, where the process had begun before.
func (r *replay) beginAnew(ctx context.Context, s *journal.Step) error {
	if r.options.Since.IsZero() || r.lanes[s.Account] != nil {
		return nil
	}
	doc := r.starts[s.Account]
	if doc == nil {
		if s.Account == "" || r.options.Begin == nil {
			return nil
		}
		begin := r.options.Begin(s.Account)
		doc = &begin
	}
	anew := *doc
	anew.Began, anew.First = s.At, false
	return r.start(ctx, s.Account, &anew)
}

// start builds an account's lane from what the steps before have committed, as a start did.
func (r *replay) start(ctx context.Context, account string, doc *lane.StartDoc) error {
	if r.lanes[account] == nil && !doc.First {
		if r.options.Since.IsZero() {
			return ErrBeginning
		}
		before := journal.Commit{Account: account, At: doc.Began, Docs: []journal.Doc{lane.ArmedBefore(account, doc.Mode, doc.Began)}}
		if err := r.store.Commit(ctx, &before); err != nil {
			return err
		}
	}
	l := &replayed{loaded: &gate{Instruments: r.options.Lane.Instruments, open: doc.Loaded}}
	o := r.options.Lane
	o.Answers = r.answers
	o.Account, o.Label, o.Venue, o.ChatID, o.Instruments = account, doc.Label, doc.Venue, doc.ChatID, l.loaded
	o.Mode, o.Confirm, o.Adopt, o.Accounts = doc.Mode, doc.Confirm, doc.Adopt, doc.Others
	if doc.Rules != "" {
		if o.Rules = r.options.Rules(doc.Rules); o.Rules == nil {
			return fmt.Errorf("%w: version %s", ErrRulesText, doc.Rules)
		}
	}
	snap, err := lane.Load(doc.Began, func(day order.Day) (*journal.Snapshot, error) { return r.store.Load(ctx, account, day) })
	if err != nil {
		return err
	}
	if l.lane, err = lane.New(o, snap, doc.Began); err != nil {
		return err
	}
	r.lanes[account] = l
	return nil
}

// inputsOf turns a step's rows into what the lane took.
func (r *replay) inputsOf(l *replayed, kept []journal.Input) ([]lane.Input, error) {
	var inputs []lane.Input
	var rows []order.Update // of a reading whose own row comes behind them
	for i := range kept {
		in := &kept[i]
		x, err := r.input(l.lane, in, &rows)
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

func (r *replay) input(l *lane.Lane, in *journal.Input, rows *[]order.Update) (x *lane.Input, err error) {
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
		r.answers.asAsked(l, &u)
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
	case journal.InputGTTs:
		decode(&x.GTTs)
	case journal.InputPrices:
		decode(&x.Prices)
	case journal.InputOutcome:
		decode(&x.Outcome)
	case journal.InputDelivery:
		decode(&x.Delivery)
	case journal.InputSession:
		decode(&x.Session)
	case journal.InputStream:
		decode(&x.Stream)
	case journal.InputControl:
		decode(&x.Control)
	case journal.InputErrand:
		if decode(&x.Errand); err == nil { // as it is asked for now
			e, ok := r.asked[x.Errand.ID]
			if !ok {
				return nil, nil
			}
			x.Errand = &e
		}
	case journal.InputErrandEnd:
		decode(&x.ErrandEnd)
	case journal.InputLoaded:
		x.Loaded = true
	case journal.InputRules:
		var version string
		if decode(&version); err == nil {
			if x.Rules = r.options.Rules(version); x.Rules == nil {
				err = fmt.Errorf("%w: version %s", ErrRulesText, version)
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
