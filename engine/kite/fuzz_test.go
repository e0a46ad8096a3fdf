package kite

import (
	"bytes"
	"encoding/json"
	"fmt"
	"testing"

	"backstop/engine/order"
)

func seeds(f *testing.F, shape string) {
	f.Helper()
	for _, v := range vectors(f) {
		if v.shape == shape && len(v.raw) < 2000 {
			f.Add(v.raw)
		}
	}
}

// checkUpdate is what holds of every update that a decoder gives.
func checkUpdate(t *testing.T, u order.Update) {
	t.Helper()
	if u.OrderID == "" || u.Received != tested {
		t.Errorf("%+v", u)
	}
	for i, tag := range u.Tags {
		for _, other := range u.Tags[:i] {
			if tag == other || tag == "" {
				t.Errorf("tags %q", u.Tags)
			}
		}
	}
	if _, err := json.Marshal(u); err != nil {
		t.Errorf("%+v can't be kept: %v", u, err)
	}
}

func FuzzDecodePostback(f *testing.F) {
	seeds(f, "postback")
	f.Fuzz(func(t *testing.T, body []byte) {
		u, err := DecodePostback(body, tested)
		if err != nil {
			return
		}
		checkUpdate(t, u)
		again, err := DecodePostback(body, tested)
		if err != nil || fmt.Sprint(u) != fmt.Sprint(again) {
			t.Error("it depends on the day")
		}
	})
}

func FuzzDecodeFrame(f *testing.F) {
	seeds(f, "frame")
	f.Fuzz(func(t *testing.T, frame []byte) {
		u, ok, err := DecodeFrame(frame, tested)
		if ok && err != nil {
			t.Error(err)
		}
		if ok {
			checkUpdate(t, u)
		}
	})
}

func FuzzDecodeBook(f *testing.F) {
	for _, v := range vectors(f) {
		if v.shape == "row" {
			f.Add(fmt.Appendf(nil, `{"status":"success","data":[%s,7]}`, v.raw))
		}
	}
	f.Add([]byte(`{"status":"error","message":"Too many requests","error_type":"NetworkException"}`))
	f.Fuzz(func(t *testing.T, envelope []byte) {
		rows, bad, err := DecodeBook(envelope, began, tested)
		if err != nil && len(rows)+len(bad) > 0 {
			t.Error(err)
		}
		for _, u := range rows {
			checkUpdate(t, u)
			if again, err := DecodePostback(u.Raw, tested); err != nil || again.OrderID != u.OrderID {
				t.Error("the row's raw is another row", err)
			}
		}
		for _, e := range bad {
			_ = e.Error()
		}
		_, _, _ = DecodeTrades(envelope)
		_, _, _ = DecodePositions(envelope)
	})
}

func FuzzDecodeAny(f *testing.F) {
	f.Add([]byte(one + "\n" + two + "\n[" + three + "]"))
	f.Add([]byte("{\"order_id\":\"1\",\n" + two))
	f.Fuzz(func(t *testing.T, in []byte) {
		n := 0
		err := DecodeAny(bytes.NewReader(in), func(u order.Update, err error) error {
			if n++; err == nil && u.OrderID == "" {
				t.Errorf("%+v", u)
			}
			return nil
		})
		if n > len(in) {
			t.Errorf("%d payloads in %d bytes", n, len(in))
		}
		_ = err // UTF-16
	})
}

func FuzzDecodeInstruments(f *testing.F) {
	f.Add([]byte(instrumentHeader + "7,1,A,\"x,\"\"y\",0,2025-11-27,0,0.05,1,EQ,NSE,NSE\n"))
	f.Add([]byte("exchange,tradingsymbol,tick_size,lot_size,instrument_token\nNSE,A,1e2,1.0,7"))
	f.Fuzz(func(t *testing.T, in []byte) {
		n := 0
		rows, err := DecodeInstruments(bytes.NewReader(in), func(i order.Instrument) error {
			if n++; i.Tradingsymbol == "" || i.Exchange == "" || i.Token <= 0 || i.TickSize < 0 || i.LotSize < 0 {
				t.Errorf("%+v", i)
			}
			return nil
		})
		if rows.Read != n || (rows.Skipped > 0) != (rows.First != nil) {
			t.Error(rows, err)
		}
	})
}

// FuzzVerify: what Verify takes is JSON, names one order, and the decoder reads that one.
func FuzzVerify(f *testing.F) {
	good := signedBody(signedID, signedAt, Checksum(signedID, signedAt, signedSecret))
	f.Add(good)
	f.Add(append(bytes.TrimSuffix(good, []byte("}")), `,"ORDER_ID":"9"}`...))
	f.Add(append([]byte(`{"price":1e999,"order_id":null,`), good[1:]...))
	f.Fuzz(func(t *testing.T, body []byte) {
		if accepts(body) != json.Valid(body) && !deep(body) {
			t.Errorf("%q: the scanner says %v", body, accepts(body))
		}
		c, err := Verify(body, signedSecret)
		if err != nil {
			return
		}
		if !json.Valid(body) {
			t.Errorf("not JSON: %q", body)
		}
		if u, err := DecodePostback(body, tested); err == nil && u.OrderID != c.OrderID {
			t.Errorf("verified %q, decoded %q", c.OrderID, u.OrderID)
		}
	})
}

// deep says whether a body may be nested beyond what the scanner takes.
func deep(b []byte) bool { return bytes.Count(b, []byte("["))+bytes.Count(b, []byte("{")) > depthMax }
