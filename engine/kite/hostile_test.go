package kite

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"unicode"

	"backstop/actions"
	"backstop/engine/order"
)

// A refusal is one line of bounded length without anything that acts on a terminal: it stands in logs and answers.
func wantOneLine(t *testing.T, err error) {
	t.Helper()
	if err == nil {
		return
	}
	text := err.Error()
	if text == "" || len(text) > 2000 || strings.ContainsFunc(text, unicode.IsControl) {
		t.Errorf("no plain line: %.300q", text)
	}
}

// FuzzSignedBody: whatever stands around a signed pair, a body that Verify takes is about the order and the time that
// the decoder reads, and about the pair that was signed.
func FuzzSignedBody(f *testing.F) {
	f.Add(signedID, signedAt, `"status":"COMPLETE"`, `"filled_quantity":75`, 0)
	f.Add(signedID, signedAt, `"order_id":"9"`, ``, 0)
	f.Add(signedID, signedAt, `"Order_Id":"9"`, `"x":1`, 0)
	f.Add(signedID, signedAt, `"order\u005fid":"9"`, `"x":1`, 0)
	f.Add(signedID, signedAt, `"a":{"order_id":"9","checksum":"0"}`, `"b":[[]]`, 0)
	f.Add(signedID, signedAt, `"a":"\",\"order_id\":\"9"`, `"b":"\ud800"`, 0)
	f.Add(signedID, signedAt, `"quantity":9223372036854775808`, `"price":1e999`, 0)
	f.Add(signedID, signedAt, `"quantity":75.5`, `"price":-0`, 0)
	f.Add(signedID, signedAt, `"user_id":"ZZ9999"`, "\"status_message\":\"\u202e\xff\"", 0)
	f.Add(signedID, signedAt, ``, ``, 7)  // another cut through the signed text
	f.Add(signedID, signedAt, ``, ``, -7) // to the other side
	f.Add(signedID, "", ``, ``, 0)
	f.Add(signedID, "2025-11-24T09:31:07+05:30", ``, ``, -3)
	f.Fuzz(func(t *testing.T, id, at, before, behind string, shift int) {
		sum := Checksum(id, at, signedSecret)
		joined := id + at
		cut := min(max(len(id)+shift%32, 0), len(joined))
		quote := func(s string) string {
			b, err := json.Marshal(s)
			if err != nil {
				t.Fatal(err)
			}
			return string(b)
		}
		body := `{"order_id":` + quote(joined[:cut]) + `,"order_timestamp":` + quote(joined[cut:]) + `,"checksum":"` + sum + `"}`
		if before != "" {
			body = "{" + before + "," + body[1:]
		}
		if behind != "" {
			body = body[:len(body)-1] + "," + behind + "}"
		}
		c, err := Verify([]byte(body), signedSecret)
		wantOneLine(t, err)
		if err != nil {
			var malformed *MalformedError
			if !errors.As(err, &malformed) && !errors.Is(err, ErrChecksum) {
				t.Fatalf("neither 400 nor 401: %v", err)
			}
			return
		}
		if strings.Contains(before+behind, sum) {
			return // the input brought its own signed pair
		}
		if c.OrderID+c.OrderTimestamp != joined {
			t.Fatalf("signed %q, taken %q", joined, c)
		}
		if _, kites := stamp(at); kites && (c.OrderID != id || c.OrderTimestamp != at) {
			t.Fatalf("another cut: signed %q %q, taken %q", id, at, c)
		}
		u, err := DecodePostback([]byte(body), tested)
		wantOneLine(t, err)
		if err == nil && (u.OrderID != c.OrderID || !u.OrderTimestamp.Equal(momentOf(strings.TrimSpace(c.OrderTimestamp)))) {
			t.Fatalf("verified %q, decoded %q of %v", c, u.OrderID, u.OrderTimestamp)
		}
	})
}

// FuzzDecodeTrades: a trade that is handed on counts; rows that don't are told one by one and lost none.
func FuzzDecodeTrades(f *testing.F) {
	f.Add([]byte(`{"status":"success","data":[{"trade_id":"1","order_id":"2","quantity":75,"average_price":120.05,"fill_timestamp":"2025-11-24 09:31:07"},{"order_id":"2","filled":"5","average_price":1},7,{"order_id":"2","quantity":-1,"average_price":1},{"order_id":"2","quantity":1e99,"average_price":1}]}`))
	f.Add([]byte(`{"status":"success","data":null}`))
	f.Add([]byte(`{"status":"error","message":"Insufficient permission\u202e","error_type":"PermissionException"}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		trades, unreadable, err := DecodeTrades(body)
		wantOneLine(t, err)
		if err != nil && len(trades)+len(unreadable) > 0 {
			t.Error("rows and an error")
		}
		for _, r := range trades {
			if r.OrderID == "" || r.Quantity <= 0 || r.Price <= 0 {
				t.Errorf("%+v", r)
			}
		}
		for _, e := range unreadable {
			wantOneLine(t, e)
		}
	})
}

// FuzzDecodePositions: what is handed on has its key and a multiplier, and no row is lost in silence.
func FuzzDecodePositions(f *testing.F) {
	f.Add([]byte(`{"status":"success","data":{"net":[{"tradingsymbol":"INFY","exchange":"NSE","product":"CNC","quantity":10,"overnight_quantity":10,"multiplier":1,"average_price":1500.5,"last_price":null},{"tradingsymbol":"X"},null],"day":[]}}`))
	f.Add([]byte(`{"status":"success","data":{"net":[{"tradingsymbol":"A","exchange":"NSE","product":"MIS","quantity":"9223372036854775807","overnight_quantity":-0.0,"multiplier":-1}]}}`))
	f.Add([]byte(`{"status":"success","data":{"net":null}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		rows, unreadable, err := DecodePositions(body)
		wantOneLine(t, err)
		if err != nil && len(rows)+len(unreadable) > 0 {
			t.Error("rows and an error")
		}
		for _, r := range rows {
			if r.Exchange == "" || r.Tradingsymbol == "" || r.Product == "" || r.Multiplier < 0 {
				t.Errorf("%+v", r)
			}
		}
		for _, e := range unreadable {
			wantOneLine(t, e)
		}
	})
}

// FuzzRefusal: every answer to a change has a class and advice, and what may have happened is never taken for a refusal.
func FuzzRefusal(f *testing.F) {
	f.Add(http.StatusBadRequest, []byte(`{"status":"error","message":"Insufficient funds. Required margin is 95417.84","error_type":"MarginException"}`))
	f.Add(http.StatusInternalServerError, []byte(`{"status":"error","message":"Something went wrong","error_type":"GeneralException"}`))
	f.Add(http.StatusOK, []byte(`{"status":"error","error_type":"NetworkException","message":"Gateway timed out"}`))
	f.Add(http.StatusServiceUnavailable, []byte(`<html>503</html>`))
	f.Add(http.StatusForbidden, []byte("{\"error_type\":\"TokenException\",\"message\":\"\u202etoken\\n\u001b[31m\"}"))
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		r, err := openReply(body)
		wantOneLine(t, err)
		message := oneLine(r.message)
		if strings.ContainsFunc(message, unicode.IsControl) || len([]rune(message)) > 501 {
			t.Errorf("no plain line: %q", message)
		}
		e := refusal("place", true, status, r.errorType, message)
		if e.Class == "" || e.Class == actions.ClassNone || e.Hint == "" || e.Message == "" {
			t.Errorf("%+v", e)
		}
		_, capped := find(capTexts, message)
		if status >= 500 && !capped && e.Class != actions.ClassAmbiguous {
			t.Errorf("%d %s counts as %s: it may have happened", status, body, e.Class)
		}
		if limit, ok := FreezeLimit(message); ok && limit <= 0 {
			t.Error(limit)
		}
	})
}

// What a hostile or broken body must never become: each is refused by name, or read as nothing.
func TestNumbersAndTextsThatNoOrderHas(t *testing.T) {
	t.Parallel()
	body := func(more string) []byte {
		return fmt.Appendf(nil, `{"user_id":"AB1234","status":"COMPLETE","order_id":"%s","order_timestamp":"%s","checksum":"%s",%s}`,
			signedID, signedAt, Checksum(signedID, signedAt, signedSecret), more)
	}
	for _, bad := range []struct{ more, field string }{
		{`"filled_quantity":9223372036854775808`, "filled_quantity"},
		{`"filled_quantity":-9223372036854775809`, "filled_quantity"},
		{`"quantity":1e19`, "quantity"},
		{`"quantity":1.5`, "quantity"},
		{`"quantity":"NaN"`, "quantity"},
		{`"quantity":"1e"`, "quantity"},
		{`"quantity":true`, "quantity"},
		{`"price":1e999`, "price"},
		{`"price":-1e999`, "price"},
		{`"average_price":"Infinity"`, "average_price"},
		{`"average_price":9300000000000`, "average_price"},
		{`"market_protection":1e999`, "market_protection"},
		{`"tags":[{"a":1}]`, "tags"},
	} {
		raw := body(bad.more)
		if _, err := Verify(raw, signedSecret); err != nil {
			t.Errorf("%s: the checksum is right: %v", bad.more, err)
		}
		_, err := DecodePostback(raw, tested)
		if err == nil || !strings.Contains(err.Error(), bad.field) {
			t.Errorf("%s: %v", bad.more, err)
		}
		wantOneLine(t, err)
		for _, decode := range []func() (order.Update, error){
			func() (order.Update, error) { return DecodeProved(raw, tested) },
			func() (order.Update, error) { return DecodeKept(order.SourcePostback, raw, tested) },
		} {
			if u, err := decode(); err != nil || u.OrderID == "" || !strings.HasPrefix(u.Impossible(), "impossible: "+bad.field) {
				t.Errorf("%s: a genuine one is kept, with the reason: %q, %v", bad.more, u.Impossible(), err)
			}
		}
	}
	u, err := DecodePostback(body("\"price\":-0,\"trigger_price\":-0.0,\"quantity\":75.0,\"filled_quantity\":\"7.5e1\",\"status_message\":\"\xff\xfe\u202e\""), tested)
	if err != nil || u.Price != 0 || u.TriggerPrice != 0 || u.Quantity != 75 || u.FilledQuantity != 75 {
		t.Errorf("%+v, %v", u, err)
	}
	if u.StatusMessage != "\uFFFD\uFFFD\u202e" {
		t.Errorf("invalid UTF-8 is kept as such: %q", u.StatusMessage)
	}
	for _, at := range []string{"0000-00-00 00:00:00", "9999-12-31 23:59:59", "1969-12-31 23:59:59", "2026-02-31 10:00:00", "now", "99999999999999999999"} {
		raw := fmt.Appendf(nil, `{"order_id":"1","order_timestamp":%q}`, at)
		if u, err := DecodePostback(raw, tested); err != nil || !u.OrderTimestamp.IsZero() && u.OrderTimestamp.Year() != 9999 {
			t.Errorf("%s: %v, %v", at, u.OrderTimestamp, err)
		} else if _, err := json.Marshal(u); err != nil {
			t.Errorf("%s can't be kept: %v", at, err)
		}
	}
}
