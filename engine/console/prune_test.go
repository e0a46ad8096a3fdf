package console

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"backstop/engine/journal"
	"backstop/engine/order"
)

// pruner is a journal that notes what it is asked to remove.
type pruner struct {
	journal.Keeper
	day order.Day
	err error
}

func (p *pruner) Prune(_ context.Context, day order.Day, _ time.Time) (journal.Pruned, error) {
	p.day = day
	return journal.Pruned{journal.TableInputs: 3, journal.TableSteps: 2}, p.err
}

func TestPruneKeepsSoManyDaysTodayAmongThem(t *testing.T) {
	t.Parallel()
	s, d := scene()
	o, p := options(s, d), &pruner{}
	o.Keeper = p
	o.Now = func() time.Time { return time.Date(2026, 11, 22, 20, 0, 0, 0, time.UTC) } // the 23rd in India
	post := func(h http.Handler, body string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodPost, "http://localhost"+api+"journal/prune", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w
	}
	h := New(o)
	for body, day := range map[string]order.Day{`{"keep_days":1}`: "2026-11-23", `{"keep_days":90}`: "2026-08-26"} {
		w := post(h, body)
		wantCode(t, w, http.StatusOK, `{"before":"`+string(day)+`","rows":5,"pruned":{"inputs":3,"steps":2}}`)
		if p.day != day {
			t.Errorf("%s removes the days before %s", body, p.day)
		}
	}
	for _, body := range []string{``, `{}`, `{"keep_days":0}`, `{"keep_days":-1}`, `{"keep_days":1e9}`, `{"keep_days":"90"}`, `{"keep_days":9,"account":"AB"}`, `[]`} {
		wantCode(t, post(h, body), http.StatusBadRequest, "keep_days")
	}
	p.err = errors.New("/secret/path: disk full")
	w := post(h, `{"keep_days":90}`)
	wantCode(t, w, http.StatusServiceUnavailable, "the journal can't be written now")
	if strings.Contains(w.Body.String(), "secret") {
		t.Errorf("%s", w.Body)
	}
	p.err = context.DeadlineExceeded
	wantCode(t, post(h, `{"keep_days":90}`), http.StatusGatewayTimeout, "prune again")
	o.Keeper = nil
	wantCode(t, post(New(o), `{"keep_days":90}`), http.StatusNotImplemented, "can't be pruned")
}
