package console

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"testing"
)

func TestReloadSaysWhetherAYesWasGiven(t *testing.T) {
	t.Parallel()
	s, d := scene()
	o := options(s, d)
	var asked []bool
	var fails error
	o.Reload = func(_ context.Context, yes bool) error {
		asked = append(asked, yes)
		return fails
	}
	h := New(o)
	for _, body := range []string{``, `{}`, `{"yes":false}`, `{"yes":true}`} {
		wantCode(t, post(h, api+"rules/reload", body), http.StatusOK, `"rules":{"file":"rules.yaml","version":"v1"`)
	}
	if want := []bool{false, false, false, true}; !slices.Equal(asked, want) {
		t.Errorf("asked %v, want %v", asked, want)
	}
	for _, body := range []string{`{"yes":"true"}`, `{"version":"v2"}`, `[]`, `yes`} {
		wantCode(t, post(h, api+"rules/reload", body), http.StatusBadRequest, "the body must be empty")
	}
	fails = &Refusal{Why: "the rules in force stay: rules.yaml:3: a rule needs a name"}
	wantCode(t, post(h, api+"rules/reload", `{}`), http.StatusConflict, "rules.yaml:3: a rule needs a name")
	fails = errors.New("disk full at /secret")
	wantCode(t, post(h, api+"rules/reload", `{}`), http.StatusServiceUnavailable, "the log says why")
	o.Reload = nil
	wantCode(t, post(New(o), api+"rules/reload", `{}`), http.StatusNotImplemented, "")
	if len(asked) != 6 {
		t.Errorf("asked %v", asked)
	}
}
