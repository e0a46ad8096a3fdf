package kite

import (
	"encoding/json"
	"os"
	"slices"
	"testing"

	"backstop/actions"
	"backstop/engine/order"
)

type errorTexts struct {
	Replies []struct {
		Status int
		Type   string
		Text   string
		Class  actions.Class
		Limit  int64
	}
	Rows []struct {
		Status    order.Status
		Text, Raw string
		Class     actions.Class
	}
}

func readErrorTexts(t *testing.T) (e errorTexts) {
	t.Helper()
	data, err := os.ReadFile("testdata/errors.json")
	if err == nil {
		err = json.Unmarshal(data, &e)
	}
	if err != nil || len(e.Replies) == 0 || len(e.Rows) == 0 {
		t.Fatal(err)
	}
	return e
}

// Every text that is known (docs/kite.md 3.12) has its class, and what to do.
func TestErrorTable(t *testing.T) {
	t.Parallel()
	e := readErrorTexts(t)
	for _, r := range e.Replies {
		class, hint := Classify(r.Status, r.Type, r.Text)
		if class != r.Class {
			t.Errorf("%d %s %q: %s, want %s", r.Status, r.Type, r.Text, class, r.Class)
		}
		if hint == "" {
			t.Errorf("%q: no hint", r.Text)
		}
		limit, ok := FreezeLimit(r.Text)
		if r.Class == actions.ClassFreeze && (limit != r.Limit || ok != (r.Limit > 0)) {
			t.Errorf("%q: limit %d %v, want %d", r.Text, limit, ok, r.Limit)
		}
	}
	known := append(actions.Reasons(), actions.ClassNone)
	for _, r := range e.Rows {
		class, hint := Reason(r.Text, r.Raw, r.Status)
		if class != r.Class {
			t.Errorf("%s %q %q: %s, want %s", r.Status, r.Text, r.Raw, class, r.Class)
		}
		if (hint == "") != (class == actions.ClassNone) {
			t.Errorf("%q: hint %q", r.Text, hint)
		}
		if !slices.Contains(known, class) {
			t.Errorf("%q: order.reason can't be %s", r.Text, class)
		}
	}
}

// Every line of the table has a text that finds it, so that none is dead or shadowed by one before it.
func TestEveryLineOfTheErrorTableIsFound(t *testing.T) {
	t.Parallel()
	e := readErrorTexts(t)
	var texts []string
	for _, r := range e.Replies {
		texts = append(texts, r.Text)
	}
	for _, r := range e.Rows {
		texts = append(texts, r.Text, r.Raw)
	}
	for _, table := range [][]entry{capTexts, tradeTexts} {
		found := map[string]bool{}
		for _, text := range texts {
			if e, ok := find(table, text); ok {
				found[e.text.String()] = true
			}
		}
		for _, e := range table {
			if !found[e.text.String()] {
				t.Errorf("nothing finds %s %s", e.class, e.text)
			}
			if e.hint == "" {
				t.Errorf("%s: no hint", e.text)
			}
		}
	}
}

// What cost other bots money (docs/kite.md 3.9, 3.11).
func TestTheCapOfModificationsIsARefusal(t *testing.T) {
	t.Parallel()
	class, _ := Classify(429, "NetworkException", "Maximum allowed order modifications exceeded.")
	if class != actions.ClassModificationCap || class.Waits() {
		t.Error(class)
	}
}

func TestA403IsNoLogoutUnlessTheTokenIsMeant(t *testing.T) {
	t.Parallel()
	for _, r := range readErrorTexts(t).Replies {
		if r.Status == 403 && r.Type != "TokenException" && r.Type != "TwoFAException" && r.Class == actions.ClassSession {
			t.Errorf("%s %q", r.Type, r.Text)
		}
	}
}

// A reading that may have failed has only to be read again.
func TestAReadingIsNeverAmbiguous(t *testing.T) {
	t.Parallel()
	for _, r := range readErrorTexts(t).Replies {
		if e := refusal("orders", false, r.Status, r.Type, r.Text); e.Class == actions.ClassAmbiguous {
			t.Errorf("%d %s %q", r.Status, r.Type, r.Text)
		}
	}
}
