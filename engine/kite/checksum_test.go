package kite

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

// Vectors of our own, by the formula of docs/kite.md 1.4.
func TestChecksum(t *testing.T) {
	t.Parallel()
	for _, v := range [][4]string{
		{"220303000308932", "2022-03-03 09:24:25", "my_api_secret", "60f6735188cce077a723b8d53432ffcb985cdc0437474e3b55dd5991aacd936c"},
		{"230411401989627", "2023-04-11 14:21:05", "test_secret", "46fa2920259d245f665d1dd2afa9c257fd761585fe92ead573637836b06fcf8e"},
		{"2042130686722629633", "2026-04-09 12:11:11", "kite_secret", "859d05fde58edd1d6b4a4626e27d67757bad0595c4fb1ec0a098385b15af4ce9"},
	} {
		if got := Checksum(v[0], v[1], v[2]); got != v[3] {
			t.Errorf("%s: %s", v[0], got)
		}
		body := fmt.Sprintf(`{"order_id":%q,"order_timestamp":%q,"checksum":%q}`, v[0], v[1], v[3])
		if c, err := Verify([]byte(body), v[2]); err != nil || c != (Claim{v[0], v[1]}) {
			t.Errorf("%s: %v %v", v[0], c, err)
		}
	}
}

const (
	signedID     = "251124000123456"
	signedAt     = "2025-11-24 09:31:07"
	signedSecret = "a-secret-of-the-app"
)

func signedBody(id, at, checksum string) []byte {
	return fmt.Appendf(nil, `{"user_id":"AB1234","status":"COMPLETE","order_id":%q,"order_timestamp":%q,"checksum":%q}`, id, at, checksum)
}

func TestVerifyRefuses(t *testing.T) {
	t.Parallel()
	sum := Checksum(signedID, signedAt, signedSecret)
	good := string(signedBody(signedID, signedAt, sum))
	with := func(more string) string { return strings.TrimSuffix(good, "}") + "," + more + "}" }
	swap := func(old, to string) string {
		if !strings.Contains(good, old) {
			t.Fatalf("no %s", old)
		}
		return strings.Replace(good, old, to, 1)
	}
	if _, err := Verify([]byte(good), signedSecret); err != nil {
		t.Fatal(err)
	}
	malformed := map[string]string{
		"empty":               ``,
		"text":                `"x"`,
		"array":               `[` + good + `]`,
		"form":                `order_id=1&checksum=2`,
		"cut off":             good[:len(good)-1],
		"two":                 good + good,
		"NaN":                 with(`"price":NaN`),
		"trailing comma":      strings.TrimSuffix(good, "}") + ",}",
		"id twice":            with(`"order_id":"9"`),
		"id twice, the same":  with(`"order_id":"` + signedID + `"`),
		"id in capitals":      with(`"ORDER_ID":"9"`),
		"id, first letter":    with(`"Order_id":"9"`),
		"id escaped":          with(`"order\u005fid":"9"`),
		"id escaped capitals": with(`"\u004frder_id":"9"`),
		"time twice":          with(`"order_timestamp":"9"`),
		"time in capitals":    with(`"order_TIMESTAMP":"9"`),
		"sum twice":           with(`"checksum":"9"`),
		"sum, Kelvin sign":    with(`"chec\u212asum":"9"`),
		"sum, long s":         with(`"check` + "\u017f" + `um":"9"`),
		"id only capitals":    swap(`"order_id"`, `"ORDER_ID"`),
		"no id":               swap(`"order_id"`, `"id"`),
		"no time":             swap(`"order_timestamp"`, `"timestamp"`),
		"no sum":              swap(`"checksum"`, `"sum"`),
		"id null":             swap(`"`+signedID+`"`, `null`),
		"id empty":            swap(signedID, ``),
		"id number":           swap(`"`+signedID+`"`, signedID),
		"time null":           swap(`"`+signedAt+`"`, `null`),
		"time empty":          swap(signedAt, ``),
		"time object":         swap(`"`+signedAt+`"`, `{}`),
		"sum empty, a frame":  swap(sum, ``),
		"sum null":            swap(`"`+sum+`"`, `null`),
		"sum array":           swap(`"`+sum+`"`, `["`+sum+`"]`),
	}
	for name, body := range malformed {
		var m *MalformedError
		if _, err := Verify([]byte(body), signedSecret); !errors.As(err, &m) || errors.Is(err, ErrChecksum) {
			t.Errorf("%s: %v, want a *MalformedError", name, err)
		}
	}
	other := strings.Repeat("0", 64)
	forged := map[string]string{
		"sum":         swap(sum, other),
		"sum upper":   swap(sum, strings.ToUpper(sum)),
		"sum short":   swap(sum, sum[:63]),
		"sum long":    swap(sum, sum+"0"),
		"sum padded":  swap(sum, sum+" "),
		"id":          swap(signedID, "251124000123457"),
		"time":        swap(signedAt, "2025-11-24 09:31:08"),
		"id space":    swap(signedID, signedID+" "),
		"empty field": string(signedBody(signedID, signedAt, Checksum(signedID, signedAt, ""))),
	}
	for name, body := range forged {
		if _, err := Verify([]byte(body), signedSecret, ""); !errors.Is(err, ErrChecksum) {
			t.Errorf("%s: %v, want ErrChecksum", name, err)
		}
	}
	if _, err := Verify([]byte(good)); !errors.Is(err, ErrChecksum) {
		t.Errorf("no secret: %v", err)
	}
}

// The hash covers the two fields joined: whoever holds one genuine body could move the cut between them and
// have a signed postback about another order.
func TestVerifyRefusesAnotherCutThroughASignedPair(t *testing.T) {
	t.Parallel()
	joined := signedID + signedAt
	sum := Checksum(signedID, signedAt, signedSecret)
	for at := 1; at < len(joined); at++ {
		_, err := Verify(signedBody(joined[:at], joined[at:], sum), signedSecret)
		if at == len(signedID) && err != nil || at != len(signedID) && !errors.Is(err, ErrChecksum) {
			t.Errorf("cut at %d (%q, %q): %v", at, joined[:at], joined[at:], err)
		}
	}
	for _, odd := range []string{"16:00:36", "2025-11-24T09:31:07+05:30", "2025-11-24"} { // other shapes stay possible
		if _, err := Verify(signedBody(signedID, odd, Checksum(signedID, odd, signedSecret)), signedSecret); err != nil {
			t.Errorf("%s: %v", odd, err)
		}
	}
}

func TestVerifyTakesAnyOfSeveralSecrets(t *testing.T) {
	t.Parallel()
	body := signedBody(signedID, signedAt, Checksum(signedID, signedAt, "old"))
	for _, secrets := range [][]string{{"old"}, {"new", "old"}, {"old", "new"}, {"", "old", ""}} {
		if _, err := Verify(body, secrets...); err != nil {
			t.Errorf("%q: %v", secrets, err)
		}
	}
	if _, err := Verify(body, "new", "newer"); !errors.Is(err, ErrChecksum) {
		t.Error(err)
	}
}

// A body that Verify took is about the order that the decoder reads (the trap of keys in any case).
func TestVerifyAndDecodeAgreeOnTheOrder(t *testing.T) {
	t.Parallel()
	agreed := 0
	for _, v := range vectors(t) {
		u, _, err := v.decode()
		if v.shape != "postback" || err != nil || u.OrderTimestamp.IsZero() {
			continue
		}
		at := u.OrderTimestamp.Format(time.DateTime)
		body := strings.Replace(string(v.raw), strings.Repeat("c", 64), Checksum(u.OrderID, at, signedSecret), 1)
		c, err := Verify([]byte(body), signedSecret)
		var m *MalformedError
		if errors.As(err, &m) || errors.Is(err, ErrChecksum) && !strings.Contains(body, at) { // ids as numbers, other time forms
			continue
		}
		if err != nil || c.OrderID != u.OrderID {
			t.Errorf("%s: %v %v", v.name, c, err)
		}
		agreed++
	}
	if agreed < 15 {
		t.Errorf("only %d bodies were verified", agreed)
	}
}
