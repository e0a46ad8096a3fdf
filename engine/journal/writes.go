package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"
)

// Step is one step's own row: which account stepped, when, what it was allowed to send, and every row that it wrote
// with its checksum. Steps are numbered without a gap and each carries the checksum of the one before, so that a
// missing row is named like a changed one, and the end of each step is known to a replay.
type Step struct {
	Seq        int64
	Account    string
	At         time.Time // the lane's
	Exits      int64     // the grant: how many exits, stops and cancels might leave
	Risk       int64     // and how many requests that add risk
	FirstInput int64     // the number of its first input, or of the next one where it has none
	Previous   uint64    // the checksum of the step before
	Writes     []byte    // in the form of AppendWrite
	Sum        uint64
}

// Row is the step as a row, with its checksum.
func (s *Step) Row() Row {
	r := Row{Table: TableSteps, Seq: s.Seq, Values: []any{s.Account, Instant(s.At), s.Exits, s.Risk, s.FirstInput, int64(s.Previous), blob(s.Writes)}}
	r.Sum = r.SumOf()
	return r
}

// StepOf is the row as a step.
func StepOf(r *Row) Step {
	return Step{Seq: r.Seq, Account: r.text(0), At: r.time(1), Exits: r.number(2), Risk: r.number(3), FirstInput: r.number(4),
		Previous: uint64(r.number(5)), Writes: r.bytes(6), Sum: r.Sum}
}

// Cut is what pruning left in place of the steps that it removed: the number of the first that is kept, the checksum
// of the one before it, and the rows that only removed steps told of and that were kept all the same.
type Cut struct {
	First    int64
	Previous uint64
	At       time.Time
	Writes   []byte
}

// Row is the cut as a row, with its checksum.
func (c *Cut) Row() Row {
	return newRow(TableCut, c.First, int64(c.Previous), Instant(c.At), blob(c.Writes))
}

// CutOf is the row as a cut.
func CutOf(r *Row) Cut {
	return Cut{First: r.number(0), Previous: uint64(r.number(1)), At: r.time(2), Writes: r.bytes(3)}
}

// Write is one row that a step wrote, or took away.
type Write struct {
	Key  Key   // of a row that later commits replace
	Seq  int64 // of an input: how many before it in the step; in a cut its number
	Gone bool
	Sum  uint64
}

// Codes of tables in a list of writes.
var writeCodes = map[Table]byte{TableInputs: 'i', TableEvents: 'e', TableOrders: 'o', TableActions: 'a', TableRequests: 'r', TableDocs: 'd'}

const codeGone = 'x' // a doc that was deleted

// AppendWrite adds a row to a list of writes: a letter for the table, the account where it is not the step's own
// (stepAccount), the id with its length, and the checksum.
func AppendWrite(b []byte, r *Row, stepAccount string) []byte {
	if r.Table == TableInputs {
		return binary.LittleEndian.AppendUint64(append(b, 'i'), r.Sum)
	}
	k := r.Key()
	if k.Account != stepAccount {
		b = appendText(append(b, '@'), k.Account)
	}
	if r.Table == TableDocs && r.Values[3] == nil {
		return appendText(appendText(append(b, codeGone), k.Kind), k.ID)
	}
	b = append(b, writeCodes[r.Table])
	if r.Table == TableDocs {
		b = appendText(b, k.Kind)
	}
	return binary.LittleEndian.AppendUint64(appendText(b, k.ID), r.Sum)
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

var errWrites = errors.New("a list of writes that can't be read")

// EachWrite reads a list of writes.
func EachWrite(b []byte, stepAccount string, each func(Write) error) error {
	account, inputs := stepAccount, int64(0)
	for len(b) > 0 {
		code := b[0]
		b = b[1:]
		w := Write{Key: Key{Account: account}}
		var ok bool
		switch code {
		case '@':
			if account, b, ok = cutText(b); !ok {
				return errWrites
			}
			continue
		case 'i':
			w.Key, w.Seq = Key{Table: TableInputs, Account: stepAccount}, inputs
			inputs++
		case 'n':
			n, size := binary.Uvarint(b)
			if size <= 0 {
				return errWrites
			}
			w.Key, w.Seq, b = Key{Table: TableInputs}, int64(n), b[size:]
		case 'd', codeGone:
			w.Key.Table, w.Gone = TableDocs, code == codeGone
			if w.Key.Kind, b, ok = cutText(b); !ok {
				return errWrites
			}
			if w.Key.ID, b, ok = cutText(b); !ok {
				return errWrites
			}
		default:
			if w.Key.Table, ok = tableOf(code); !ok {
				return fmt.Errorf("%w: %q names no table", errWrites, code)
			}
			if w.Key.ID, b, ok = cutText(b); !ok {
				return errWrites
			}
		}
		account = stepAccount // what @ said holds for one row
		if !w.Gone {
			if len(b) < 8 {
				return errWrites
			}
			w.Sum, b = binary.LittleEndian.Uint64(b), b[8:]
		}
		if err := each(w); err != nil {
			return err
		}
	}
	return nil
}

func cutText(b []byte) (string, []byte, bool) {
	n, size := binary.Uvarint(b)
	if size <= 0 || n > uint64(len(b)-size) {
		return "", nil, false
	}
	b = b[size:]
	return string(b[:n]), b[n:], true
}

func tableOf(code byte) (Table, bool) {
	for t, c := range writeCodes {
		if c == code {
			return t, true
		}
	}
	return "", false
}

// Rows are a commit as its rows, made before the store's own lock or transaction is taken.
type Rows struct {
	Inputs, Events, Orders, Actions, Requests []Row
	Docs, Gone                                []Row // each doc at most once: what the commit says of it last
	Step                                      Step  // without number, previous and checksum
}

// Encode turns a commit into its rows, or says what can't be written.
func (c *Commit) Encode() (*Rows, error) {
	x := &Rows{Step: Step{Account: c.Account, At: c.At, Exits: int64(c.Exits), Risk: int64(c.Risk)}, Inputs: make([]Row, 0, len(c.Inputs)),
		Events: make([]Row, 0, len(c.Events)), Orders: make([]Row, 0, len(c.Orders))}
	for i := range c.Inputs {
		x.Inputs = append(x.Inputs, InputRow(&c.Inputs[i]))
	}
	for i := range c.Events {
		r, err := EventRow(&c.Events[i])
		if err != nil {
			return nil, fmt.Errorf("commit: %w", err)
		}
		x.Events = append(x.Events, r)
	}
	for i := range c.Orders {
		x.Orders = append(x.Orders, OrderRowOf(&c.Orders[i]))
	}
	for i := range c.Actions {
		r, err := ActionRow(&c.Actions[i])
		if err != nil {
			return nil, fmt.Errorf("commit: %w", err)
		}
		x.Actions = append(x.Actions, r)
	}
	for i := range c.Requests {
		r, err := RequestRow(&c.Requests[i])
		if err != nil {
			return nil, fmt.Errorf("commit: %w", err)
		}
		x.Requests = append(x.Requests, r)
	}
	x.docs(c)
	x.writes()
	return x, nil
}

func (x *Rows) docs(c *Commit) {
	last := map[[2]string]int(nil)
	if len(c.Docs) > 1 {
		last = make(map[[2]string]int, len(c.Docs))
		for i := range c.Docs {
			last[[2]string{c.Docs[i].Kind, c.Docs[i].ID}] = i
		}
	}
	for i := range c.Docs {
		d := &c.Docs[i]
		if last != nil && last[[2]string{d.Kind, d.ID}] != i {
			continue
		}
		if r := DocRow(c.Account, d); d.Body == nil {
			x.Gone = append(x.Gone, r)
		} else {
			if x.Docs == nil {
				x.Docs = make([]Row, 0, len(c.Docs)-i)
			}
			x.Docs = append(x.Docs, r)
		}
	}
}

func (x *Rows) writes() {
	size := 0
	for _, rows := range x.tables() {
		size += len(rows) * 40
	}
	b := make([]byte, 0, size)
	for _, rows := range x.tables() {
		for i := range rows {
			b = AppendWrite(b, &rows[i], x.Step.Account)
		}
	}
	x.Step.Writes = b
}

func (x *Rows) tables() [7][]Row {
	return [...][]Row{x.Inputs, x.Events, x.Orders, x.Actions, x.Requests, x.Docs, x.Gone}
}

// Bytes is about how much the rows take.
func (x *Rows) Bytes() int {
	n := len(x.Step.Writes)
	for _, rows := range x.tables() {
		for i := range rows {
			for _, v := range rows[i].Values {
				switch v := v.(type) {
				case string:
					n += len(v)
				case []byte:
					n += len(v)
				default:
					n += 8
				}
			}
		}
	}
	return n
}

// Len is how many rows there are, the step's own among them.
func (x *Rows) Len() int {
	n := 1
	for _, rows := range x.tables() {
		n += len(rows)
	}
	return n
}

// AppendKept adds a row that outlives the steps which told of it to the writes of a cut.
func AppendKept(b []byte, r *Row) []byte {
	if r.Table == TableInputs { // the newest of all: it is kept for its number
		return binary.LittleEndian.AppendUint64(binary.AppendUvarint(append(b, 'n'), uint64(r.Seq)), r.Sum)
	}
	return AppendWrite(b, r, "")
}
