package journal

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/cespare/xxhash/v2"
)

// What Verify finds.
const (
	FoundChanged = "changed" // the row is not what was written
	FoundMissing = "missing" // the row was written and is not there
	FoundUnknown = "unknown" // the row is there and no step wrote it
	FoundDamaged = "damaged" // the store can't be read at this place
)

// Finding is one thing that is wrong with a journal.
type Finding struct {
	What    string `json:"what"`
	Table   Table  `json:"table,omitempty"`
	ID      string `json:"id,omitempty"`
	Account string `json:"account,omitempty"`
	Seq     int64  `json:"seq,omitempty"`
	Step    int64  `json:"step,omitempty"` // that wrote it
	Text    string `json:"text"`
}

// Verified says how much Verify looked at.
type Verified struct {
	Rows  int64 `json:"rows"`
	Steps int64 `json:"steps"`
}

// Verify checks every row of a journal: against its own checksum, and against the steps, which tell of each row that
// they wrote. What is wrong is given to report, row by row; an error means that the journal could not be checked.
func Verify(ctx context.Context, k Keeper, report func(Finding)) (Verified, error) {
	v := &verifier{report: report, wanted: map[uint64]wanted{}}
	lines, err := k.Structure(ctx)
	if err != nil {
		return v.seen, err
	}
	for _, line := range lines {
		report(Finding{What: FoundDamaged, Text: line})
	}
	err = k.ReadRows(ctx, v.verify)
	return v.seen, err
}

// wanted is what the steps say of a row.
type wanted struct {
	sum  uint64
	step int64
}

type verifier struct {
	report func(Finding)
	seen   Verified
	cut    *Cut
	next   Step              // number and previous checksum of the next step
	wanted map[uint64]wanted // by keyHash, of rows that were not seen yet
	parts  int64             // of the list of instruments
}

// keyHash names a row: by its key, else by its number.
func keyHash(k Key, seq int64) uint64 {
	var h xxhash.Digest
	h.Reset()
	_, _ = fmt.Fprintf(&h, "%s\x00%d\x00%s\x00%d\x00%s\x00%s", k.Table, len(k.Account), k.Account, len(k.Kind), k.Kind, k.ID) // a hash never fails to write
	if k.Table == TableInputs {
		_, _ = fmt.Fprintf(&h, "\x00%d", seq)
	}
	return h.Sum64()
}

func rowHash(r *Row) uint64 {
	if r.Table == TableInputs {
		return keyHash(Key{Table: TableInputs}, r.Seq)
	}
	return keyHash(r.Key(), 0)
}

func writeHash(w *Write, firstInput int64) uint64 {
	if w.Key.Table == TableInputs {
		return keyHash(Key{Table: TableInputs}, firstInput+w.Seq)
	}
	return keyHash(w.Key, 0)
}

func (v *verifier) verify(read Read) error {
	for _, t := range Tables() {
		err := read(t, func(r Row) error {
			v.seen.Rows++
			v.row(&r)
			return nil
		})
		switch {
		case errors.Is(err, ErrDamaged):
			v.report(Finding{What: FoundDamaged, Table: t, Text: err.Error()})
		case err != nil:
			return err
		}
	}
	if v.parts > 0 {
		v.report(Finding{What: FoundMissing, Table: TableInstruments, Text: fmt.Sprintf("%d parts of the list of instruments are missing: it is fetched anew by itself", v.parts)})
	}
	return v.missing(read)
}

// row checks one row.
func (v *verifier) row(r *Row) {
	if err := r.Whole(); err != nil {
		v.changed(r, "its checksum is not that of what it holds")
		switch r.Table {
		case TableSteps, TableInstruments: // what follows on it is looked at all the same
		default:
			delete(v.wanted, rowHash(r))
			return
		}
	}
	switch r.Table {
	case TableCut:
		c := CutOf(r)
		v.cut = &c
		v.writes(0, "", c.Writes, 0)
	case TableSteps:
		v.step(r)
	case TableInstrumentList:
		v.parts = r.number(1)
	case TableInstruments:
		v.parts--
	default:
		v.told(r)
	}
}

func (v *verifier) changed(r *Row, text string) {
	v.report(Finding{What: FoundChanged, Table: r.Table, ID: r.Name(), Account: r.Account(), Seq: r.Seq, Step: r.Step, Text: text})
}

// step checks a step's place in the chain and takes down what it wrote.
func (v *verifier) step(r *Row) {
	s := StepOf(r)
	if v.cut != nil && s.Seq < v.cut.First {
		return // a prune that was cut short has left it
	}
	v.seen.Steps++
	if v.next.Seq == 0 {
		v.next = Step{Seq: 1}
		if v.cut != nil {
			v.next = Step{Seq: v.cut.First, Previous: v.cut.Previous}
		}
	}
	switch {
	case s.Seq > v.next.Seq:
		text := "a step is missing, and with it what it wrote may be told as unknown or changed"
		if s.Seq > v.next.Seq+1 {
			text = fmt.Sprintf("steps %d to %d are missing, and with them what they wrote may be told as unknown or changed", v.next.Seq, s.Seq-1)
		}
		v.report(Finding{What: FoundMissing, Table: TableSteps, Seq: v.next.Seq, Text: text})
	case s.Previous != v.next.Previous:
		v.changed(r, "it does not follow on the step before it")
	}
	v.next = Step{Seq: s.Seq + 1, Previous: s.Sum}
	v.writes(s.Seq, s.Account, s.Writes, s.FirstInput)
}

func (v *verifier) writes(step int64, account string, writes []byte, firstInput int64) {
	err := EachWrite(writes, account, func(w Write) error {
		h := writeHash(&w, firstInput)
		if w.Gone {
			delete(v.wanted, h)
			return nil
		}
		v.wanted[h] = wanted{w.Sum, step}
		return nil
	})
	if err != nil {
		v.report(Finding{What: FoundDamaged, Table: TableSteps, Seq: step, Account: account, Text: err.Error()})
	}
}

// told compares a row with what the steps say of it.
func (v *verifier) told(r *Row) {
	h := rowHash(r)
	w, ok := v.wanted[h]
	switch {
	case !ok && v.cut != nil && r.Step < v.cut.First: // about to be pruned
	case !ok:
		v.report(Finding{What: FoundUnknown, Table: r.Table, ID: r.Name(), Account: r.Account(), Seq: r.Seq, Step: r.Step, Text: "no step tells that it wrote this row"})
	case w.sum != r.Sum:
		v.changed(r, fmt.Sprintf("step %d wrote another content", w.step))
	case w.step != 0 && w.step != r.Step:
		v.changed(r, fmt.Sprintf("it names step %d, and step %d wrote it", r.Step, w.step))
	}
	delete(v.wanted, h)
}

// missing names the rows that the steps tell of and that did not come.
func (v *verifier) missing(read Read) error {
	if len(v.wanted) == 0 {
		return nil
	}
	var found []Finding
	name := func(step int64, account string, writes []byte, firstInput int64) {
		_ = EachWrite(writes, account, func(w Write) error { // one that can't be read was told
			want, ok := v.wanted[writeHash(&w, firstInput)]
			if !ok || w.Gone || want.step != step {
				return nil
			}
			f := Finding{What: FoundMissing, Table: w.Key.Table, ID: w.Key.ID, Account: w.Key.Account, Step: step, Text: "the row is not there"}
			switch w.Key.Table {
			case TableInputs:
				f.Seq = firstInput + w.Seq
				f.ID = fmt.Sprint(f.Seq)
			case TableDocs:
				f.ID = w.Key.Kind + " " + w.Key.ID
			}
			found = append(found, f)
			return nil
		})
	}
	if v.cut != nil {
		name(0, "", v.cut.Writes, 0)
	}
	err := read(TableSteps, func(r Row) error {
		s := StepOf(&r)
		if v.cut == nil || s.Seq >= v.cut.First {
			name(s.Seq, s.Account, s.Writes, s.FirstInput)
		}
		return nil
	})
	if err != nil && !errors.Is(err, ErrDamaged) {
		return err
	}
	slices.SortStableFunc(found, func(a, b Finding) int {
		return cmp.Compare(slices.Index(Tables(), a.Table), slices.Index(Tables(), b.Table))
	})
	for _, f := range found {
		v.report(f)
	}
	return nil
}
