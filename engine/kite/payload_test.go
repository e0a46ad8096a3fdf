package kite

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"backstop/engine/order"
)

func decodeAll(t *testing.T, r io.Reader) (told []string, err error) {
	t.Helper()
	err = DecodeAny(r, func(u order.Update, err error) error {
		if err != nil {
			told = append(told, "! "+err.Error())
		} else {
			told = append(told, u.OrderID+" "+u.RawStatus)
		}
		return nil
	})
	return told, err
}

const (
	one   = `{"order_id":"1","status":"OPEN"}`
	two   = `{"order_id":"2","status":"COMPLETE"}`
	three = `{"type":"order","id":"","data":{"order_id":"3","status":"UPDATE"}}`
)

func TestDecodeAny(t *testing.T) {
	t.Parallel()
	pretty := "{\n  \"order_id\": \"1\",\n  \"meta\":\n  {\n    \"a\": [ 1,\n [ 2 ] ]\n  },\n  \"status\": \"OPEN\"\n}\n"
	for name, c := range map[string]struct {
		in   string
		want []string
	}{
		"nothing":          {"", nil},
		"space":            {" \n\t\r\n", nil},
		"postback":         {one, []string{"1 OPEN"}},
		"byte order mark":  {"\xef\xbb\xbf" + one, []string{"1 OPEN"}},
		"frame":            {three, []string{"3 UPDATE"}},
		"array":            {"[" + one + ",\n" + two + " , " + three + "]", []string{"1 OPEN", "2 COMPLETE", "3 UPDATE"}},
		"empty array":      {"[]", nil},
		"lines":            {one + "\n" + two + "\r\n\n" + three + "\n", []string{"1 OPEN", "2 COMPLETE", "3 UPDATE"}},
		"no line end":      {one + two, []string{"1 OPEN", "2 COMPLETE"}},
		"pretty":           {pretty + pretty, []string{"1 OPEN", "1 OPEN"}},
		"pretty in array":  {"[\n" + pretty + ",\n" + pretty + "]", []string{"1 OPEN", "1 OPEN"}},
		"order book":       {`{"status":"success","data":[` + one + `,` + two + `]}`, []string{"1 OPEN", "2 COMPLETE"}},
		"empty book":       {`{"status":"success","data":[]}`, nil},
		"null book":        {`{"status":"success","data":null}`, nil},
		"other frames":     {`{"type":"message","data":"x"}` + "\n" + one, []string{"1 OPEN"}},
		"brackets in text": {`{"order_id":"1","status_message":"a } ] { \" \\","status":"OPEN"}` + two, []string{"1 OPEN", "2 COMPLETE"}},
		"arrays in lines":  {"[" + one + "]\n[" + two + "]", []string{"1 OPEN", "2 COMPLETE"}},

		"bad row in a book": {`{"data":[` + one + `,{"order_id":"7","price":"x"},7,` + two + `]}`, []string{"1 OPEN",
			`! line 1, item 2: order 7: price: "x" is not a number`, "! line 1, item 3: byte 1: want an object", "2 COMPLETE"}},
		"bad line":          {one + "\nhello {}\n" + two, []string{"1 OPEN", "! line 2: not a JSON object", "2 COMPLETE"}},
		"bad field":         {one + "\n" + `{"order_id":"7","quantity":1e999}` + "\n" + two, []string{"1 OPEN", "! line 2: order 7: quantity: 1e999 is out of range", "2 COMPLETE"}},
		"cut off":           {`{"order_id":"1"` + "\n" + two, []string{"! line 1: it breaks off", "2 COMPLETE"}},
		"cut off at comma":  {`{"order_id":"1",` + "\n" + two, []string{"! line 1: it breaks off", "2 COMPLETE"}},
		"cut off in text":   {`{"order_id":"1","sta` + "\n" + two, []string{"! line 1: a text has no end", "2 COMPLETE"}},
		"cut off at end":    {one + "\n" + `{"order_id":`, []string{"1 OPEN", "! line 2: it has no end"}},
		"array without end": {"[" + one + ",\n", []string{"1 OPEN", "! line 2: the array has no end"}},
		"bad in array":      {"[" + one + ",\n x,\n" + two + "\n]", []string{"1 OPEN", "! line 2, item 2: not a JSON object", "2 COMPLETE"}},
		"nested array":      {"[[" + one + "],\n" + two + "]", []string{"! line 1, item 1: not a JSON object", "2 COMPLETE"}},
		"array of others": {`[5,null,"a, ] \" {",[` + one + `,{"x":[1]}],` + two + `] ` + one, []string{"! line 1, item 1: not a JSON object",
			"! line 1, item 2: not a JSON object", "! line 1, item 3: not a JSON object", "! line 1, item 4: not a JSON object", "2 COMPLETE", "1 OPEN"}},
		"other at the end": {"[" + one + ",7]\n" + two, []string{"1 OPEN", "! line 1, item 2: not a JSON object", "2 COMPLETE"}},
		"brackets":         {`{"a":[1}` + "\n" + two, []string{"! line 1: brackets do not match", "2 COMPLETE"}},
		"not JSON inside":  {`{"order_id":"1" "status":"x"}` + "\n" + two, []string{"! line 1: byte 17: want a comma or }", "2 COMPLETE"}},
		"other object":     {`{"hello":1}`, []string{"! line 1: neither a postback, a stream frame, an order row nor a reply of GET /orders"}},
		"place reply":      {`{"status":"success","data":{"order_id":"1"}}`, []string{"! line 1: orders: data: want an array, got an object"}},
		"error reply":      {`{"status":"error","message":"Too many requests","error_type":"NetworkException"}`, nil},
		"number":           {`7`, []string{"! line 1: not a JSON object"}},
		"stray end":        {"]\n" + one, []string{"! line 1: not a JSON object", "1 OPEN"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if name == "error reply" {
				got, err := decodeAll(t, strings.NewReader(c.in))
				if err != nil || len(got) != 1 || !strings.Contains(got[0], "Too many requests") {
					t.Errorf("%q %v", got, err)
				}
				return
			}
			for _, r := range []io.Reader{strings.NewReader(c.in), iotest.OneByteReader(strings.NewReader(c.in))} {
				if got, err := decodeAll(t, r); err != nil || strings.Join(got, "|") != strings.Join(c.want, "|") {
					t.Errorf("%q %v\nwant %q", got, err, c.want)
				}
			}
		})
	}
}

func TestDecodeAnyStops(t *testing.T) {
	t.Parallel()
	stop := errors.New("enough")
	for _, in := range []string{one + two, "[" + one + "," + two + "]", `{"data":[` + one + "," + two + "]}", "x\n" + one} {
		n := 0
		err := DecodeAny(strings.NewReader(in), func(order.Update, error) error { n++; return stop })
		if !errors.Is(err, stop) || n != 1 {
			t.Errorf("%s: %v after %d", in, err, n)
		}
	}
	broken := errors.New("disk")
	got, err := decodeAll(t, io.MultiReader(strings.NewReader(one+"\n{"), iotest.ErrReader(broken)))
	if !errors.Is(err, broken) || len(got) != 1 {
		t.Errorf("%q %v", got, err)
	}
	if _, err := decodeAll(t, strings.NewReader("\xff\xfe{\x00}\x00")); err == nil || !strings.Contains(err.Error(), "UTF-8") {
		t.Error(err)
	}
}

// A recorded day is read one payload at a time.
func TestDecodeAnyStreams(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	const n = 5000
	for i := range n {
		fmt.Fprintf(&b, `{"order_id":"%d","status":"OPEN","quantity":75}`+"\n", i)
	}
	i := 0
	err := DecodeAny(&b, func(u order.Update, err error) error {
		if u.OrderID != fmt.Sprint(i) {
			t.Fatalf("%s at %d", u.OrderID, i)
		}
		i++
		return err
	})
	if err != nil || i != n {
		t.Error(i, err)
	}
}
