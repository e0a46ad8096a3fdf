package main

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"backstop/engine/kite"
	"backstop/engine/order"
	"backstop/engine/postback"
)

// rotating are settings of one account whose api_secret is being changed.
func rotating(t *testing.T, more ...string) ([]account, error) {
	t.Helper()
	env := environmentOf(append([]string{"KITE_USER_ID=AB1234", "KITE_API_KEY=key", "KITE_API_SECRET=new", "KITE_ACCESS_TOKEN=token"}, more...))
	return (&settings{env: env}).accounts()
}

func TestAnOldSecretSignsUntilItsDayIsOver(t *testing.T) {
	t.Parallel()
	accounts, err := rotating(t, "KITE_API_SECRET_OLD=old", "KITE_API_SECRET_OLD_UNTIL=2026-12-01")
	if err != nil {
		t.Fatal(err)
	}
	check := doors(accounts)[0].Check
	signed := func(secret string) []byte {
		body, err := json.Marshal(map[string]any{"order_id": "1", "order_timestamp": "2026-11-30 10:00:00", "status": "OPEN", "user_id": "AB1234",
			"checksum": kite.Checksum("1", "2026-11-30 10:00:00", secret)})
		if err != nil {
			t.Fatal(err)
		}
		return body
	}
	last := time.Date(2026, 12, 1, 23, 59, 59, 0, order.IST)
	for _, c := range []struct {
		secret string
		at     time.Time
		want   error
	}{
		{"new", last, nil}, {"old", last, nil}, {"other", last, postback.ErrChecksum}, {"", last, postback.ErrChecksum},
		{"old", last.Add(time.Second), postback.ErrChecksum}, {"new", last.Add(time.Second), nil}, {"old", last.UTC(), nil},
	} {
		if u, err := check(signed(c.secret), c.at); !errors.Is(err, c.want) || err == nil && u.Account != "AB1234" {
			t.Errorf("%q at %v: %v, not %v", c.secret, c.at, err, c.want)
		}
	}
	if accounts[0].apiSecret.reveal() != "new" {
		t.Error("logins use the new secret")
	}
}

func TestARotationIsWhole(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		env  []string
		want string
	}{
		{[]string{"KITE_API_SECRET_OLD=hidden"}, "api_secret_old needs the day until which it is good: api_secret_old_until: 2026-12-01"},
		{[]string{"KITE_API_SECRET_OLD_UNTIL=2026-12-01"}, "api_secret_old_until is set and api_secret_old is not"},
		{[]string{"KITE_API_SECRET_OLD=new", "KITE_API_SECRET_OLD_UNTIL=2026-12-01"}, "api_secret_old is the api_secret itself"},
		{[]string{"KITE_API_SECRET_OLD=hidden", "KITE_API_SECRET_OLD_UNTIL=1.12."}, `api_secret_old_until: want a day like 2026-12-01, not "1.12."`},
	} {
		_, err := rotating(t, c.env...)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "hidden") {
			t.Errorf("%v: %v", c.env, err)
		}
	}
}
