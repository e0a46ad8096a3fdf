package sqlite

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"math"
	"time"

	"backstop/actions"
	"backstop/engine/journal"
)

// Instants between which a column holds a time to the nanosecond; beyond it holds the nearest of the two.
var (
	instantMin = time.Unix(0, math.MinInt64)
	instantMax = time.Unix(0, math.MaxInt64)
)

// instant is a time as a column holds it.
func instant(t time.Time) any {
	switch {
	case t.IsZero():
		return nil
	case t.Before(instantMin):
		return int64(math.MinInt64)
	case t.After(instantMax):
		return int64(math.MaxInt64)
	}
	return t.UnixNano()
}

// timeOf is the time that a column holds.
func timeOf(column sql.NullInt64) time.Time {
	if !column.Valid {
		return time.Time{}
	}
	return time.Unix(0, column.Int64).UTC()
}

// blob is bytes as a column holds them: none are NULL.
func blob(b []byte) any {
	if len(b) == 0 {
		return nil
	}
	return b
}

// bytesOf are the bytes that a column holds.
func bytesOf(column []byte) []byte {
	if len(column) == 0 {
		return nil
	}
	return column
}

func encodeAction(a *actions.Action) (string, error) {
	x := *a
	journal.InUTC(&x)
	b, err := json.Marshal(&x)
	return string(b), err
}

func encodeRequest(r *actions.Request) (string, error) {
	x := *r
	journal.InUTC(&x)
	b, err := json.Marshal(&x)
	return string(b), err
}

// row is a row of a result.
type row interface{ Scan(...any) error }

const inputColumns = `seq, account, at, kind, source, began, order_id, status, filled, ignored, doc`

func scanInput(r row) (int64, journal.Input, error) {
	var in journal.Input
	var at, began sql.NullInt64
	var doc []byte
	err := r.Scan(&in.Seq, &in.Account, &at, &in.Kind, &in.Source, &began, &in.OrderID, &in.Status, &in.Filled, &in.Ignored, &doc)
	in.At, in.Began, in.Doc = timeOf(at), timeOf(began), bytesOf(doc)
	return in.Seq, in, err
}

const eventColumns = `seq, id, account, at, kind, order_id, group_id, rules_version, decisions, doc`

func scanEvent(r row) (int64, journal.Event, error) {
	var e journal.Event
	var at sql.NullInt64
	var doc []byte
	var decisions sql.RawBytes
	if err := r.Scan(&e.Seq, &e.ID, &e.Account, &at, &e.Kind, &e.OrderID, &e.Group, &e.RulesVersion, &decisions, &doc); err != nil {
		return 0, e, err
	}
	e.At, e.Doc = timeOf(at), bytesOf(doc)
	if err := json.Unmarshal(decisions, &e.Decisions); err != nil {
		return 0, e, corrupt("events", e.ID, err)
	}
	if len(e.Decisions) == 0 {
		e.Decisions = nil
	}
	return e.Seq, e, nil
}

const orderColumns = `place, order_id, account, day, status, group_id, doc`

func scanOrder(r row) (int64, journal.OrderRow, error) {
	var o journal.OrderRow
	var place int64
	var doc []byte
	err := r.Scan(&place, &o.OrderID, &o.Account, &o.Day, &o.Status, &o.Group, &doc)
	o.Doc = bytesOf(doc)
	return place, o, err
}

// docColumns are those of actions and of requests, whose rows are whole in doc.
const docColumns = `place, id, account, doc`

func scanAction(r row) (int64, actions.Action, error) {
	var a actions.Action
	place, id, account, err := scanDoc(r, "actions", &a)
	if err == nil && (a.ID != id || a.Account != account) {
		err = corrupt("actions", id, fmt.Errorf("its document is of %s of account %s", a.ID, a.Account))
	}
	return place, a, err
}

func scanRequest(r row) (int64, actions.Request, error) {
	var x actions.Request
	place, id, account, err := scanDoc(r, "requests", &x)
	if err == nil && (x.ID != id || x.Account != account) {
		err = corrupt("requests", id, fmt.Errorf("its document is of %s of account %s", x.ID, x.Account))
	}
	return place, x, err
}

func scanDoc(r row, table string, into any) (place int64, id, account string, err error) {
	var doc sql.RawBytes
	if err := r.Scan(&place, &id, &account, &doc); err != nil {
		return 0, "", "", err
	}
	if err := json.Unmarshal(doc, into); err != nil {
		return 0, "", "", corrupt(table, id, err)
	}
	return place, id, account, nil
}

// corrupt names the row that can't be read.
func corrupt(table, id string, err error) error {
	return fmt.Errorf("table %s, row %s is damaged: %w", table, id, err)
}
