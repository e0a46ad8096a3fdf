package order

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// fillIn gives every field of a struct a drawn value, or leaves it zero.
func fillIn(t *rapid.T, v reflect.Value) {
	if rapid.IntRange(0, 3).Draw(t, "zero") == 0 {
		return
	}
	switch p := v.Addr().Interface().(type) {
	case *time.Time:
		*p = time.Unix(rapid.Int64Range(1, 2_000_000_000).Draw(t, "s"), rapid.SampledFrom([]int64{0, 0, 1_000_000, 123_456_789}).Draw(t, "ns")).In(rapid.SampledFrom([]*time.Location{IST, time.UTC}).Draw(t, "zone"))
		return
	case *[]byte:
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(rapid.SampledFrom([]string{"NIFTY25NOV24500CE", "M&M", `a "b" \ c`, "<b>", "é\u202e", "\x01", string([]byte{0xff}), ""}).Draw(t, "text"))
	case reflect.Int64, reflect.Int:
		v.SetInt(rapid.Int64().Draw(t, "n"))
	case reflect.Uint64:
		v.SetUint(rapid.Uint64().Draw(t, "n"))
	case reflect.Float64:
		v.SetFloat(rapid.SampledFrom([]float64{-1, 2.5, 1e-9, 1e30}).Draw(t, "f"))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Struct:
		for i := range v.NumField() {
			fillIn(t, v.Field(i))
		}
	case reflect.Array:
		for i := range v.Len() {
			fillIn(t, v.Index(i))
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), rapid.IntRange(0, 3).Draw(t, "len"), 3))
		for i := range v.Len() {
			fillIn(t, v.Index(i))
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fillIn(t, v.Elem())
	case reflect.Map:
		v.Set(reflect.ValueOf(map[string]Trade{"2": {TradeID: "2", Price: 5}, "1": {TradeID: "1"}}))
	default:
		t.Fatalf("a field of kind %s: encode.go must learn it", v.Kind())
	}
}

func TestWhatTheJournalKeepsIsWrittenAsEncodingJSONWould(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var o Order
		var e Event
		fillIn(t, reflect.ValueOf(&o).Elem())
		fillIn(t, reflect.ValueOf(&e).Elem())
		for _, c := range []struct {
			v    any
			have []byte
		}{{&o, o.AppendJSON(nil)}, {&e, e.AppendJSON(nil)}} {
			want, err := json.Marshal(c.v)
			if err != nil {
				t.Fatal(err)
			}
			if string(c.have) != string(want) {
				t.Fatalf("by hand\n%s\nencoding/json\n%s", c.have, want)
			}
		}
	})
}

func BenchmarkOrderAppendJSON(b *testing.B) {
	at := time.Date(2026, 11, 23, 10, 0, 0, 0, IST)
	u := &Update{Account: "AB1234", Source: SourcePostback, OrderID: "260123220461909", Status: StatusComplete, RawStatus: "COMPLETE", OrderTimestamp: at,
		ExchangeTimestamp: at, Exchange: "NSE", Tradingsymbol: "INFY", TransactionType: Buy, Product: "MIS", Quantity: 10, FilledQuantity: 10, AveragePrice: 1500 * Rupee}
	book := NewBook("AB1234")
	o := book.Fold(u, at).Order
	b.Run("by hand", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_ = o.AppendJSON(make([]byte, 0, 2048))
		}
	})
	b.Run("encoding/json", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := json.Marshal(o); err != nil {
				b.Fatal(err)
			}
		}
	})
}
