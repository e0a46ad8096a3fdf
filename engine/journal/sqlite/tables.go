package sqlite

import (
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"
	"strings"

	"modernc.org/sqlite"

	"backstop/engine/journal"
)

// pageBytes is SQLite's page.
const pageBytes = 4096

// spec is how a table of the journal lies in SQLite.
type spec struct {
	number string // the column of Row.Seq; "" for none
	step   bool   // there is a column of Row.Step
	key    string // by which a row replaces another
	from   string // where and in which order all rows are read
}

var specs = map[journal.Table]spec{
	journal.TableCut:            {from: "cut"},
	journal.TableSteps:          {number: "seq", from: "steps ORDER BY seq"},
	journal.TableInputs:         {number: "seq", step: true, from: "inputs ORDER BY seq"},
	journal.TableEvents:         {number: "seq", step: true, key: "order_id, id, account", from: "events ORDER BY seq"},
	journal.TableOrders:         {number: "place", step: true, key: "order_id, account", from: "orders ORDER BY place"},
	journal.TableActions:        {number: "place", step: true, key: "id, account", from: "actions ORDER BY place"},
	journal.TableRequests:       {number: "place", step: true, key: "id, account", from: "requests ORDER BY place"},
	journal.TableDocs:           {step: true, key: "account, kind, id", from: "docs ORDER BY account, kind, id"},
	journal.TableInstrumentList: {from: "instrument_list"},
	journal.TableInstruments:    {number: "part", from: "instruments WHERE list = (SELECT list FROM instrument_list) ORDER BY part"},
}

// columnsOf are what scan reads of a table.
func columnsOf(t journal.Table) string {
	s, names := specs[t], []string{"0", "0", "sum"}
	if s.number != "" {
		names[0] = s.number
	}
	if s.step {
		names[1] = "step"
	}
	for _, c := range t.Columns() {
		names = append(names, c.Name)
	}
	return strings.Join(names, ", ")
}

// insertInto is an INSERT of n rows, with the number where it is given, of step, checksum and values.
func insertInto(t journal.Table, numbered bool, n int, conflict string) string {
	s, names := specs[t], []string{}
	if numbered {
		names = append(names, s.number)
	}
	if s.step {
		names = append(names, "step")
	}
	names = append(names, "sum")
	for _, c := range t.Columns() {
		names = append(names, c.Name)
	}
	one := "(" + strings.TrimSuffix(strings.Repeat("?,", len(names)), ",") + ")"
	return fmt.Sprintf("INSERT INTO %s (%s) VALUES %s%s %s", t, strings.Join(names, ", "), one, strings.Repeat(","+one, n-1), conflict)
}

// replacing is the conflict clause by which a row replaces the one with its key.
func replacing(t journal.Table) string {
	set := []string{"step = excluded.step", "sum = excluded.sum"}
	for _, c := range t.Columns() {
		if !slices.Contains(strings.Split(specs[t].key, ", "), c.Name) {
			set = append(set, c.Name+" = excluded."+c.Name)
		}
	}
	return fmt.Sprintf("ON CONFLICT (%s) DO UPDATE SET %s", specs[t].key, strings.Join(set, ", "))
}

// args adds what insertInto binds for a row: nil, int64, string and []byte, which every driver takes as they are.
func args(list []driver.NamedValue, r *journal.Row, numbered bool) []driver.NamedValue {
	add := func(v driver.Value) { list = append(list, driver.NamedValue{Ordinal: len(list) + 1, Value: v}) }
	if numbered {
		add(r.Seq)
	}
	if specs[r.Table].step {
		add(r.Step)
	}
	add(int64(r.Sum))
	for _, v := range r.Values {
		add(v)
	}
	return list
}

// values are what args adds, as database/sql takes them.
func values(args []driver.NamedValue) []any {
	list := make([]any, len(args))
	for i := range args {
		list[i] = args[i].Value
	}
	return list
}

// key are a row's values in the columns of its table's key.
func key(r *journal.Row) []any {
	var values []any
	for _, name := range strings.Split(specs[r.Table].key, ", ") {
		values = append(values, r.Values[slices.IndexFunc(r.Table.Columns(), func(c journal.Column) bool { return c.Name == name })])
	}
	return values
}

// row is a row of a result.
type row interface{ Scan(...any) error }

// scan reads a row of columnsOf.
func scan(t journal.Table, from row) (journal.Row, error) {
	r := journal.Row{Table: t, Values: make([]any, len(t.Columns()))}
	var sum int64
	into := make([]any, 0, 3+len(r.Values))
	into = append(into, &r.Seq, &r.Step, &sum)
	for i := range r.Values {
		into = append(into, &r.Values[i])
	}
	err := from.Scan(into...)
	r.Sum = uint64(sum)
	return r, err
}

// Codes of SQLite's errors that mean a damaged file.
const (
	sqliteCorrupt = 11
	sqliteNotADB  = 26
)

// told is an error of SQLite's in the journal's words: a damaged file is journal.ErrDamaged.
func told(err error) error {
	var e *sqlite.Error
	if errors.As(err, &e) && (e.Code()&0xff == sqliteCorrupt || e.Code()&0xff == sqliteNotADB) && !errors.Is(err, journal.ErrDamaged) {
		return fmt.Errorf("the file is %w: %w", journal.ErrDamaged, err)
	}
	return err
}

// collect reads up to limit rows (0: all) and closes them; more is the number of the last where there are more.
func collect[T any](rows *sql.Rows, limit int, scan func(row) (int64, T, error)) (list []T, more int64, err error) {
	defer func() { err = errors.Join(err, rows.Close()) }()
	last := int64(0)
	for rows.Next() {
		if limit > 0 && len(list) == limit {
			return list, last, nil
		}
		number, x, err := scan(rows)
		if err != nil {
			return nil, 0, err
		}
		list, last = append(list, x), number
	}
	return list, 0, rows.Err()
}
