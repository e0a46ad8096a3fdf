package kite_test

import (
	"slices"
	"strings"
	"testing"

	"backstop/actions"
	"backstop/engine/kite"
	"backstop/engine/order"
)

func TestHoldingsCountWhatWasThereWhenTheDayBegan(t *testing.T) {
	row := func(product string, quantity int64, average order.Price) actions.HoldingRow {
		return actions.HoldingRow{Key: order.Key{Exchange: "NSE", Tradingsymbol: "INFY", Product: product}, Quantity: quantity, AveragePrice: average * order.Rupee, ClosePrice: 1500 * order.Rupee}
	}
	for name, k := range map[string]struct {
		row  string
		want []actions.HoldingRow
	}{
		"delivered":                           {`"quantity":10,"t1_quantity":0,"opening_quantity":10`, []actions.HoldingRow{row("CNC", 10, 1400)}},
		"bought yesterday":                    {`"quantity":0,"t1_quantity":4,"opening_quantity":4`, []actions.HoldingRow{row("CNC", 4, 1400)}},
		"both":                                {`"quantity":10,"t1_quantity":4,"opening_quantity":14`, []actions.HoldingRow{row("CNC", 14, 1400)}},
		"sold from today":                     {`"quantity":6,"used_quantity":4,"t1_quantity":0,"opening_quantity":10`, []actions.HoldingRow{row("CNC", 10, 1400)}},
		"an older row":                        {`"quantity":10,"t1_quantity":2`, []actions.HoldingRow{row("CNC", 12, 1400)}},
		"nothing left":                        {`"quantity":0,"t1_quantity":0,"opening_quantity":0`, nil},
		"on the broker's money":               {`"quantity":0,"t1_quantity":0,"opening_quantity":7,"mtf":{"quantity":7,"used_quantity":0,"average_price":1300}`, []actions.HoldingRow{row("MTF", 7, 1300)}},
		"some of it on the broker's money":    {`"quantity":3,"t1_quantity":0,"opening_quantity":10,"mtf":{"quantity":7,"average_price":1300}`, []actions.HoldingRow{row("CNC", 3, 1400), row("MTF", 7, 1300)}},
		"money of the broker's is null there": {`"quantity":3,"t1_quantity":0,"mtf":null`, []actions.HoldingRow{row("CNC", 3, 1400)}},
	} {
		body := `{"status":"success","data":[{"tradingsymbol":"INFY","exchange":"NSE","average_price":1400,"close_price":1500,` + k.row + `}]}`
		rows, unreadable, err := kite.DecodeHoldings([]byte(body))
		if err != nil || len(unreadable) > 0 || !slices.Equal(rows, k.want) {
			t.Errorf("%s: %+v, %v, %v", name, rows, unreadable, err)
		}
	}
}

func TestAHoldingThatCannotBeReadIsToldAndHidesNoOther(t *testing.T) {
	body := `{"status":"success","data":[{"tradingsymbol":"INFY","exchange":"NSE","quantity":"many"},{"exchange":"NSE","quantity":1},
		{"tradingsymbol":"TCS","exchange":"NSE","quantity":1,"mtf":{"quantity":"x"}},{"tradingsymbol":"TCS","exchange":"NSE"},
		{"tradingsymbol":"TCS","exchange":"NSE","quantity":2}]}`
	rows, unreadable, err := kite.DecodeHoldings([]byte(body))
	if err != nil || len(unreadable) != 4 || len(rows) != 1 || rows[0].Quantity != 2 {
		t.Errorf("%+v, %v, %v", rows, unreadable, err)
	}
	for body, want := range map[string]string{
		`{"status":"success","data":{}}`: "want an array",
		`{"status":"success"}`:           "data is missing",
		`<html>`:                         "holdings",
		`{"status":"error","error_type":"TokenException","message":"Token is invalid"}`: "Token is invalid",
	} {
		if _, _, err := kite.DecodeHoldings([]byte(body)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", body, err)
		}
	}
}
