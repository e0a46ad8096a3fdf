package journaltest

import (
	"fmt"
	"reflect"
	"time"

	"backstop/actions"
	"backstop/engine/journal"
	"backstop/engine/order"
)

// full is a value of any record with every field set, so that a store which forgets one is found, also one that
// is added later. Times are in zone, to the millisecond.
func full[T any](n int, zone *time.Location) T {
	var v T
	f := filler{n: n, zone: zone}
	f.fill(reflect.ValueOf(&v).Elem())
	return v
}

type filler struct {
	n    int
	zone *time.Location
}

var timeType = reflect.TypeFor[time.Time]()

func (f *filler) fill(v reflect.Value) {
	f.n++
	if v.Type() == timeType {
		v.Set(reflect.ValueOf(noon.Add(time.Duration(f.n) * 1234567 * time.Millisecond).In(f.zone)))
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(fmt.Sprintf("text %d ₹", f.n))
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(f.n) * 10_000)
	case reflect.Float64:
		v.SetFloat(float64(f.n) + 0.5)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		f.fill(v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		f.fill(v.Index(0))
		f.fill(v.Index(1))
	case reflect.Uint8:
		v.SetUint(uint64(f.n % 256))
	case reflect.Map:
		v.Set(reflect.ValueOf(map[string]any{"text": fmt.Sprint(f.n), "number": float64(f.n), "yes": true,
			"list": []any{"a", float64(f.n)}, "deep": map[string]any{"x": nil}}))
	case reflect.Struct:
		for i := range v.NumField() {
			f.fill(v.Field(i))
		}
	default:
		panic("no full value for " + v.Type().String())
	}
}

// scramble changes everything that can be reached from v, as a caller might that goes on using what it gave.
func scramble(v reflect.Value) {
	if v.Type() == timeType {
		return
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			scramble(v.Elem())
		}
	case reflect.Slice:
		for i := range v.Len() {
			scramble(v.Index(i))
		}
	case reflect.Map:
		for _, k := range v.MapKeys() {
			scramble(v.MapIndex(k))
			v.SetMapIndex(k, reflect.ValueOf("scrambled"))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			scramble(v.Field(i))
		}
	case reflect.String:
		if v.CanSet() {
			v.SetString("scrambled")
		}
	case reflect.Uint8:
		if v.CanSet() {
			v.SetUint(v.Uint() ^ 0xff)
		}
	}
}

// fullCommit is a commit with two full rows of each record, ids and numbers made of n.
func fullCommit(account string, n int, zone *time.Location) *journal.Commit {
	c := &journal.Commit{Account: account, At: noon.In(zone)}
	for i := n; i < n+2; i++ {
		in := full[journal.Input](i, zone)
		in.Account, in.Seq, in.Step = account, 0, 0
		c.Inputs = append(c.Inputs, in)
		e := full[journal.Event](i, zone)
		e.Account, e.Seq = account, 0
		c.Events = append(c.Events, e)
		o := full[journal.OrderRow](i, zone)
		o.Account, o.Day = account, today
		c.Orders = append(c.Orders, o)
		a := full[actions.Action](i, zone)
		a.Account = account
		c.Actions = append(c.Actions, a)
		r := full[actions.Request](i, zone)
		r.Account = account
		c.Requests = append(c.Requests, r)
		d := full[journal.Doc](i, zone)
		c.Docs = append(c.Docs, d)
	}
	return c
}

// action is a small action.
func action(account, id string, state actions.State, created time.Time) actions.Action {
	return actions.Action{ID: id, Account: account, State: state, Created: created, Updated: created}
}

// request is a small request.
func request(account, id string, state actions.State, created time.Time) actions.Request {
	return actions.Request{ID: id, Account: account, State: state, Created: created, Updated: created}
}

// orderRow is a small order.
func orderRow(account, id string, day order.Day) journal.OrderRow {
	return journal.OrderRow{Account: account, OrderID: id, Day: day, Doc: []byte(id)}
}
