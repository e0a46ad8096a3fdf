package reconcile

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestParseSpec(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		spec string
		want string // in the error; "" is good
	}{
		{"@every 15s", ""},
		{"@every 5s", ""},
		{" @every 1m ", ""},
		{"@every 5500ms", ""}, // cron takes it as 5s
		{"off", ""},
		{"@hourly", ""},
		{"*/5 * * * * *", ""},
		{"0,30 * 9-15 * * 1-5", ""},
		{"* * * * *", ""},
		{"30 9 * * 1-5", ""},
		{"CRON_TZ=Asia/Kolkata 0 9 * * *", ""},
		{"@every 4s", "reads again after 4s: at most every 5s"},
		{"@every 4900ms", "reads again after 4s"},
		{"@every 100ms", "reads again after 1s"},
		{"* * * * * *", "reads again after 1s"},
		{"0,3 0 9 * * *", "reads again after 3s"},
		{"2,58 * * * * *", "reads again after 4s"},      // over the end of a minute
		{"2,58 0,59 * * * *", "reads again after 4s"},   // over the end of an hour
		{"1,59 0,59 0,23 * * *", "reads again after 2"}, // over midnight
		{"*/7 * * * * *", "reads again after 4s"},       // 56 and 0
		{"0 0 30 2 *", "never comes"},
		{", * * * *", "never comes"},
		{"", "no cron spec"},
		{"every 15s", "no cron spec"},
		{"TZ=Asia/Kolkata", "names a zone and no time"},
		{"CRON_TZ=", "names a zone and no time"},
		{"CRON_TZ=Nowhere/Else 0 9 * * *", "no cron spec"},
		{"@every x", "no cron spec"},
		{"61 * * * * *", "no cron spec"},
	} {
		s, err := ParseSpec(c.spec)
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%q: %v", c.spec, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%q: error %v, want %q in it", c.spec, err, c.want)
		case err != nil && strings.Contains(err.Error(), "\n"):
			t.Errorf("%q: more than one line: %v", c.spec, err)
		case err == nil && s.Off() != (c.spec == "off"):
			t.Errorf("%q: off is %v", c.spec, s.Off())
		case err == nil && s.String() != strings.TrimSpace(c.spec):
			t.Errorf("%q reads %q", c.spec, s)
		}
	}
}

func TestGap(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 23, 9, 20, 1, 0, time.UTC)
	for spec, want := range map[string]time.Duration{"@every 15s": 15 * time.Second, "off": 0, "*/20 * * * * *": 20 * time.Second} {
		s, err := ParseSpec(spec)
		if err != nil {
			t.Fatal(err)
		}
		if got := s.Gap(at); got != want {
			t.Errorf("%s: gap %s, want %s", spec, got, want)
		}
	}
	if (Schedule{}).String() != "off" {
		t.Error("the zero schedule is not off")
	}
}

// log of readings, by seconds since the bubble began.
type reads struct {
	mu    sync.Mutex
	began time.Time
	at    []int
	slow  time.Duration
	err   error
}

func (r *reads) Reconcile(ctx context.Context, _ string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.at = append(r.at, int(time.Since(r.began)/time.Second))
	if r.slow > 0 {
		select {
		case <-time.After(r.slow):
		case <-ctx.Done():
		}
	}
	return r.err
}

// run lets a schedule go on for so long and says when it read.
func run(t *testing.T, spec string, open func(time.Time) bool, r *reads, long time.Duration) []int {
	t.Helper()
	s, err := ParseSpec(spec)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), long)
	defer cancel()
	r.began = time.Now()
	Run(ctx, Options{Accounts: []string{"AB1234"}, Schedule: s, Reader: r, Open: open, Log: slog.New(slog.DiscardHandler), Now: time.Now})
	return r.at
}

func always(time.Time) bool { return true }
func never(time.Time) bool  { return false }

func TestRunOnSchedule(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		if at := run(t, "@every 15s", always, &reads{}, 50*time.Second); !slices.Equal(at, []int{0, 15, 30, 45}) {
			t.Error("read at", at)
		}
		if at := run(t, "off", always, &reads{}, time.Hour); !slices.Equal(at, []int{0}) {
			t.Error("off: read at", at)
		}
	})
}

func TestRunSparseSchedule(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { // the bubble begins on the hour
		if at := run(t, "@hourly", always, &reads{}, 150*time.Minute); !slices.Equal(at, []int{0, 3600, 7200}) {
			t.Error("hourly: read at", at)
		}
	})
}

func TestRunSlowReadingsAreNotBackToBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &reads{slow: 40 * time.Second, err: errors.New("down")}
		if at := run(t, "@every 15s", always, r, 3*time.Minute); !slices.Equal(at, []int{0, 55, 110, 165}) {
			t.Error("read at", at)
		}
	})
}

func TestRunOutsideMarketHours(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		if at := run(t, "@every 15s", never, &reads{}, 31*time.Minute); !slices.Equal(at, []int{0, 900, 1800}) {
			t.Error("closed: read at", at)
		}
		began := time.Now()
		opens := func(at time.Time) bool { return at.Sub(began) >= 1000*time.Second }
		if at := run(t, "@every 15s", opens, &reads{}, 1040*time.Second); !slices.Equal(at, []int{0, 900, 1005, 1020, 1035}) {
			t.Error("opening: read at", at)
		}
		began = time.Now()
		closes := func(at time.Time) bool { return at.Sub(began) <= 31*time.Second }
		if at := run(t, "@every 15s", closes, &reads{}, 16*time.Minute); !slices.Equal(at, []int{0, 15, 30, 930}) {
			t.Error("closing: read at", at)
		}
	})
}

func TestRunAccountsApart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, _ := ParseSpec("@every 10s")
		ctx, cancel := context.WithTimeout(t.Context(), 25*time.Second)
		defer cancel()
		r := &apart{count: map[string]int{}}
		Run(ctx, Options{Accounts: []string{"HANGS", "FINE"}, Schedule: s, Reader: r, Open: always, Log: slog.New(slog.DiscardHandler), Now: time.Now})
		if r.count["FINE"] != 3 || r.count["HANGS"] != 1 {
			t.Error("readings:", r.count)
		}
	})
}

type apart struct {
	mu    sync.Mutex
	count map[string]int
}

func (a *apart) Reconcile(ctx context.Context, account string) error {
	a.mu.Lock()
	a.count[account]++
	a.mu.Unlock()
	if account == "HANGS" {
		<-ctx.Done()
		return ctx.Err()
	}
	return nil
}
