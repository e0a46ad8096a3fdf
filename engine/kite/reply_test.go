package kite

import (
	"errors"
	"testing"

	"backstop/actions"
	"backstop/engine/order"
)

// Trap 14: one row that can't be read fails no other.
func TestTrap14OneBadRowFailsNoOther(t *testing.T) {
	t.Parallel()
	rows, bad, err := DecodeBook([]byte(`{"status":"success","data":[
		{"order_id":"1","status":"OPEN","meta":"","exchange_timestamp":"16:00:36"},
		{"order_id":"2","status":"OPEN","quantity":1e999},
		{"order_id":"3","status":"OPEN","price":NaN},
		null, [], "x",
		{"status":"OPEN"},
		{"order_id":"4","status":"COMPLETE","instrument_token":"408065"}]}`), began, tested)
	if err != nil || len(rows) != 2 || rows[0].OrderID != "1" || rows[1].OrderID != "4" || len(bad) != 6 {
		t.Fatal(rows, bad, err)
	}
	for i, want := range []string{
		"row 2 (order 2): quantity: 1e999 is out of range", "row 3 (order 3): price: NaN is not a number",
		"row 4: byte 1: want an object", "row 5: byte 1: want an object", "row 6: byte 1: want an object",
		"row 7: order_id is missing",
	} {
		if bad[i].Error() != want {
			t.Errorf("%v, want %s", bad[i], want)
		}
	}
	if !errors.Is(bad[5], errNoOrder) || bad[0].Index != 1 || bad[0].OrderID != "2" {
		t.Error(bad[0], bad[5])
	}
}

func TestBooksThatAreNone(t *testing.T) {
	t.Parallel()
	for _, in := range []string{
		``, `[]`, `<html>502</html>`, `{}`, `{"status":"success"}`, `{"status":"success","data":{}}`, `{"data":"x"}`,
		`{"data":[{"order_id":"1"}`, `{"data":[{"order_id":"1"},]}`, `{"data":[{"order_id":"1"}]}x`,
	} {
		if rows, _, err := DecodeBook([]byte(in), began, tested); err == nil || rows != nil {
			t.Errorf("%s: %v %v", in, rows, err)
		}
	}
	var e *actions.Error
	_, _, err := DecodeBook([]byte(`{"status":"error","error_type":"TokenException","message":"Token is invalid or has expired."}`), began, tested)
	if !errors.As(err, &e) || e.Class != actions.ClassSession {
		t.Error(err)
	}
	for _, in := range []string{`{"data":[]}`, `{"data":null}`, `{"data":[],"status":"success","x":1}`} {
		if rows, bad, err := DecodeBook([]byte(in), began, tested); err != nil || len(rows)+len(bad) != 0 {
			t.Errorf("%s: %v %v %v", in, rows, bad, err)
		}
	}
}

// A row outlives its reply without keeping the whole of it.
func TestRowsOwnTheirRaw(t *testing.T) {
	t.Parallel()
	in := []byte(`{"data":[{"order_id":"1","tag":"a"}]}`)
	rows, _, err := DecodeBook(in, began, tested)
	if err != nil {
		t.Fatal(err)
	}
	clear(in)
	if string(rows[0].Raw) != `{"order_id":"1","tag":"a"}` || rows[0].Tag != "a" {
		t.Error(rows[0])
	}
}

// docs/kite.md 3.5: order_timestamp of a trade is a time of day alone, and the quantity has two names.
func TestTrades(t *testing.T) {
	t.Parallel()
	trades, bad, err := DecodeTrades([]byte(`{"status":"success","data":[
		{"trade_id":"10000000","order_id":"251124000123456","average_price":101.35,"quantity":50,"order_timestamp":"09:31:07","fill_timestamp":"2025-11-24 09:31:07","exchange_timestamp":"2025-11-24 09:31:06","instrument_token":"779521"},
		{"trade_id":10000001,"order_id":"251124000123456","average_price":"101.4","filled":25.0,"exchange_timestamp":"2025-11-24 09:31:08","fill_timestamp":"09:31:08"},
		{"trade_id":"10000002","order_id":"251124000123456","quantity":25},
		{"trade_id":"10000003","order_id":"251124000123456","average_price":1},
		{"trade_id":"10000004","average_price":1,"quantity":1},
		{"trade_id":"10000005","order_id":"251124000123456","average_price":1,"quantity":"x"}]}`))
	at := tested.Add(-2*3600e9 - 28*60e9 - 53e9)
	want := []order.Trade{
		{TradeID: "10000000", OrderID: "251124000123456", Quantity: 50, Price: 101_350_000, Time: at},
		{TradeID: "10000001", OrderID: "251124000123456", Quantity: 25, Price: 101_400_000, Time: at.Add(1e9)},
	}
	if err != nil || len(trades) != 2 || len(bad) != 4 {
		t.Fatal(trades, bad, err)
	}
	for i := range want {
		if !trades[i].Time.Equal(want[i].Time) {
			t.Errorf("time %v, want %v", trades[i].Time, want[i].Time)
		}
		trades[i].Time = want[i].Time
		if trades[i] != want[i] {
			t.Errorf("%+v, want %+v", trades[i], want[i])
		}
	}
	if trades, bad, err := DecodeTrades([]byte(`{"data":[]}`)); err != nil || len(trades)+len(bad) != 0 {
		t.Error("an unfilled order's: ", trades, bad, err)
	}
	if _, _, err := DecodeTrades([]byte(`{"status":"success"}`)); err == nil {
		t.Error("no data")
	}
}

func TestPositions(t *testing.T) {
	t.Parallel()
	rows, bad, err := DecodePositions([]byte(`{"status":"success","data":{"day":[{"exchange":"X"}],"net":[
		{"tradingsymbol":"SBIN","exchange":"NSE","instrument_token":779521,"product":"CNC","quantity":-3,"overnight_quantity":0,"multiplier":1,"average_price":812.45,"last_price":813,"pnl":NaN},
		{"tradingsymbol":"CRUDEOIL25DECFUT","exchange":"MCX","product":"NRML","quantity":2.0,"overnight_quantity":"2","multiplier":100.0,"average_price":5401.5},
		{"tradingsymbol":"INFY","exchange":"NSE","product":"MIS","quantity":0,"overnight_quantity":0,"multiplier":null,"average_price":"x","last_price":NaN},
		{"tradingsymbol":"TCS","exchange":"NSE","product":"MIS","quantity":NaN,"overnight_quantity":0},
		{"tradingsymbol":"TCS","exchange":"NSE","product":"MIS","quantity":1},
		{"tradingsymbol":"TCS","product":"MIS","quantity":1,"overnight_quantity":0}]}}`))
	key := func(exchange, symbol, product string) order.Key {
		return order.Key{Exchange: exchange, Tradingsymbol: symbol, Product: product}
	}
	want := []actions.PositionRow{
		{Key: key("NSE", "SBIN", "CNC"), Quantity: -3, AveragePrice: 812_450_000, LastPrice: 813_000_000, Multiplier: 1},
		{Key: key("MCX", "CRUDEOIL25DECFUT", "NRML"), Quantity: 2, Overnight: 2, AveragePrice: 5_401_500_000, Multiplier: 100},
		{Key: key("NSE", "INFY", "MIS")}, // a multiplier that is null is not told
	}
	if err != nil || len(rows) != len(want) || len(bad) != 3 {
		t.Fatal(rows, bad, err)
	}
	for i := range want {
		if rows[i] != want[i] {
			t.Errorf("%+v, want %+v", rows[i], want[i])
		}
	}
	for _, in := range []string{``, `{}`, `{"data":[]}`, `{"data":{}}`, `{"data":{"net":{}}}`, `{"status":"error","message":"x"}`} {
		if _, _, err := DecodePositions([]byte(in)); err == nil {
			t.Errorf("%s: no error", in)
		}
	}
	if rows, bad, err := DecodePositions([]byte(`{"data":{"net":null,"day":null}}`)); err != nil || len(rows)+len(bad) != 0 {
		t.Error(rows, bad, err)
	}
}
