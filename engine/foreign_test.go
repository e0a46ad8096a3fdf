package engine

import (
	"strings"
	"testing"

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
