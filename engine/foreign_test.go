package engine

import (
	"strings"
	"testing"
	"time"

	"backstop/engine/journal"
)

// A checksum covers no user id: who knows one app's secret could name another app's user. With confirm off that user's
// lane would act on it.
func TestAnUpdateThatAnotherKeySignedIsKeptAndFoldedIntoNothing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		a, b := scripted("A", &broker{}, nil), scripted("B", &broker{}, nil)
		a.Lane.Confirm, b.Lane.Confirm = false, false
		e, store, _ := start(t, Options{Accounts: []AccountOptions{a, b}})
		forged := update("B", "1")
		why, err := e.SubmitSigned(t.Context(), "key of A", forged)
		if err != nil || why != "another api_key's user: B" {
			t.Errorf("%q, %v", why, err)
		}
		if ids := kept(t, store, "B", journal.InputUpdate); len(ids) != 0 {
			t.Errorf("B's lane took %v", ids)
		}
		rows, _, err := store.Inputs(t.Context(), journal.Query{OrderID: "1"})
		if err != nil || len(rows) != 1 || rows[0].Account != "" || rows[0].Ignored != why || string(rows[0].Doc) != string(forged.Raw) {
			t.Errorf("%+v, %v", rows, err)
		}
		for key, user := range map[string]string{"key of A": "A", "key of B": "B"} {
			if why, err := e.SubmitSigned(t.Context(), key, update(user, "2")); err != nil || strings.HasPrefix(why, foreignUser) {
				t.Errorf("%s by its own key: %q, %v", user, why, err)
			}
		}
		if why, err := e.SubmitSigned(t.Context(), "key of A", update("ZZ9999", "3")); err != nil || why != unknownUser {
			t.Errorf("%q, %v", why, err)
		}
	})
}

// A stranger is told once a day, one message in five minutes, in words that are nobody's but ours.
func TestAnUpdateOfAStrangerIsTold(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var told []string
		e, _, _ := start(t, Options{Accounts: []AccountOptions{scripted("A", &broker{}, nil), scripted("B", &broker{}, nil)},
			Alert: func(text string) { told = append(told, text) }})
		send := func(key, user string) {
			t.Helper()
			if _, err := e.SubmitSigned(t.Context(), key, update(user, "77")); err != nil {
				t.Error(err)
			}
		}
		send("key of A", "ZZ9999")
		send("key of A", "ZZ9999")
		send("key of A", "YY8888") // in the five minutes
		if len(told) != 1 || !strings.HasPrefix(told[0], "UNKNOWN USER ZZ9999: a postback of order 77 (") || !strings.Contains(told[0], "add it to backstop.yaml") {
			t.Fatalf("%q", told)
		}
		time.Sleep(alarmEvery)
		send("key of A", "ZZ9999")
		send("key of A", "Y\u202eY\n<b>8888 "+strings.Repeat("x", 100))
		if len(told) != 2 || !strings.HasPrefix(told[1], "UNKNOWN USER YYb8888 xxx") || strings.ContainsAny(told[1], "\n\u202e<") || len(told[1]) > 400 {
			t.Fatalf("%q", told)
		}
		time.Sleep(alarmEvery)
		send("key of A", "B")
		if len(told) != 3 || !strings.Contains(told[2], "UNKNOWN USER B: ") || !strings.Contains(told[2], "another api_key") {
			t.Fatalf("%q", told)
		}
		time.Sleep(24 * time.Hour)
		send("key of A", "ZZ9999")
		if len(told) != 4 {
			t.Errorf("%q", told)
		}
	})
}

// Users of one app share its secret, so its word for each of them is as good.
func TestUsersOfOneKeyTakeItsUpdates(t *testing.T) {
	bubble(t, func(t *testing.T) {
		a, b := scripted("A", &broker{}, nil), scripted("B", &broker{}, nil)
		a.APIKey, b.APIKey = "app", "app"
		e, store, _ := start(t, Options{Accounts: []AccountOptions{a, b}})
		for _, user := range []string{"A", "B"} {
			if why, err := e.SubmitSigned(t.Context(), "app", update(user, user)); err != nil || why != "" {
				t.Errorf("%s: %q, %v", user, why, err)
			}
			if ids := kept(t, store, user, journal.InputUpdate); len(ids) != 1 {
				t.Errorf("%s: %v", user, ids)
			}
		}
	})
}
