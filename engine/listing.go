package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"backstop/actions"
	"backstop/engine/journal"
	"backstop/engine/order"
)

// listing keeps Instruments of today: from the store where its list serves, else from the broker.
type listing struct {
	instruments *Instruments
	store       journal.Store
	sources     []source
	loaded      func() // tells the lanes
	log         *slog.Logger
	now         func() time.Time
	crash       crash

	older *list // kept from an earlier day: used when today's can't be had
	lean  int   // lists in a row that looked cut short
	told  string

	mu      sync.Mutex
	failure string        // why there is none of today
	renewed chan struct{} // capacity 1: a session may be there that was not
}

func newListing(i *Instruments, store journal.Store, log *slog.Logger, now func() time.Time) *listing {
	return &listing{instruments: i, store: store, log: log, now: now, loaded: func() {}, renewed: make(chan struct{}, 1)}
}

// source is a broker that has the list, with its paces.
type source struct {
	broker actions.Broker
	pacer  *Pacer
}

// listReady is when Kite advises to fetch the day's list (docs/kite.md 7.1). What is fetched earlier counts as yesterday's.
const listReady = 8*time.Hour + 30*time.Minute

// listDay is the day of the list that the broker has at t.
func listDay(t time.Time) order.Day { return order.DayOf(t.Add(-listReady)) }

// kept takes the list that the store keeps: it serves, or stands by.
func (s *listing) kept(ctx context.Context) error {
	l := &list{}
	var bad error
	day, err := s.store.Instruments(ctx, func(i order.Instrument) {
		if bad == nil {
			bad = l.add(i)
		}
	})
	switch {
	case err != nil || bad != nil:
		return fmt.Errorf("instruments in the store: %w", errors.Join(err, bad))
	case day == "":
		return nil
	}
	l.day = day
	if err := l.done(); err != nil {
		return fmt.Errorf("instruments in the store: %w", err)
	}
	if day < listDay(s.now()) {
		s.older = l
		return nil
	}
	s.show(l)
	return nil
}

// show makes a list the one that the lanes see.
func (s *listing) show(l *list) {
	s.instruments.list.Store(l)
	s.older = nil
	s.loaded()
}

// run keeps the list of today until ctx ends.
func (s *listing) run(ctx context.Context) {
	if err := s.kept(ctx); err != nil {
		s.log.Warn("the list of instruments is fetched anew", "error", err)
	}
	failures := 0
	timer := time.NewTimer(s.until())
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-s.renewed:
			failures = 0
		}
		wait := s.until()
		if wait == 0 {
			err := s.fetch(ctx)
			switch {
			case ctx.Err() != nil:
				return
			case err == nil:
				failures, wait = 0, s.until()
				s.note("")
			default:
				wait = min(listRetryFirst<<min(failures, 10), listRetryLast)
				failures++
				s.failed(err, wait)
			}
		}
		timer.Reset(max(min(wait, time.Hour), time.Second))
	}
}

// failed says that today's list could not be had; an older one stands in from then on. It is said once for each
// reason: over a weekend without a session nothing else is to be expected.
func (s *listing) failed(err error, wait time.Duration) {
	if s.older != nil {
		s.show(s.older)
	}
	text := oneLine(err)
	s.note(text)
	level := slog.LevelWarn
	if text == s.told {
		level = slog.LevelDebug
	}
	s.told = text
	if day := s.instruments.Day(); day != "" {
		s.log.Log(context.Background(), level, "today's list of instruments could not be fetched; an older one is used", "of", day, "error", err, "again_in", wait)
		return
	}
	s.log.Log(context.Background(), level, "there is no list of instruments: what needs a tick size waits", "error", err, "again_in", wait)
}

// note keeps why there is no list of today, for who asks.
func (s *listing) note(failure string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failure = failure; failure == "" {
		s.told = ""
	}
}

// renew says that a session may be there that was not.
func (s *listing) renew() {
	select {
	case s.renewed <- struct{}{}:
	default: // it will be asked already
	}
}

// check is the list as one condition of readiness: an older one serves, none holds up every order that needs a tick.
func (s *listing) check() (ok bool, text string) {
	s.mu.Lock()
	failure := s.failure
	s.mu.Unlock()
	day := s.instruments.Day()
	switch {
	case day == "" && failure == "":
		return false, "not loaded yet: what needs a tick size waits; cancels and protected MARKET exits go"
	case day == "":
		return false, "none: " + failure + "; what needs a tick size waits; cancels and protected MARKET exits go"
	case day < listDay(s.now()):
		text = fmt.Sprintf("%d of %s: today's could not be fetched", s.instruments.Len(), day)
		if failure != "" {
			text += " (" + failure + ")"
		}
		return true, text
	}
	return true, fmt.Sprintf("%d of %s", s.instruments.Len(), day)
}

// cutShort says why a list can't be the whole one, or "": of some exchange it has less than half of what the one
// before has. One that goes on looking so is taken in the end: exchanges come and go.
func (s *listing) cutShort(l *list) string {
	before := s.instruments.list.Load()
	if before == nil {
		before = s.older
	}
	if before == nil {
		return ""
	}
	had, has := before.byExchange(), l.byExchange()
	for _, exchange := range slices.Sorted(maps.Keys(had)) {
		if has[exchange] < had[exchange]/2 {
			if s.lean++; s.lean >= listLeanMax {
				break
			}
			return fmt.Sprintf("it looks cut short: %d instruments of %s, and %d in the one of %s", has[exchange], exchange, had[exchange], before.day)
		}
	}
	s.lean = 0
	return ""
}

// until is how long the list serves; 0 where it is missing or of an earlier day.
func (s *listing) until() time.Duration {
	now := s.now()
	if s.instruments.Day() < listDay(now) {
		return 0
	}
	t := now.Add(-listReady).In(order.IST)
	return time.Date(t.Year(), t.Month(), t.Day()+1, 0, 0, 0, 0, order.IST).Add(listReady).Sub(now)
}

// fetch takes the list from the first broker that gives it: whole into memory first, since a download inside the
// store's transaction would hold up every commit, and then into the store. One that can't be kept is used all
// the same.
func (s *listing) fetch(ctx context.Context) error {
	var failures error
	for _, from := range s.sources {
		if err := from.pacer.wait(ctx, s.now, departRead); err != nil {
			return err
		}
		day := listDay(s.now())
		l, err := call(ctx, listTimeout, func(ctx context.Context) (*list, error) {
			l := &list{day: day}
			if err := from.broker.Instruments(ctx, l.add); err != nil {
				return nil, err
			}
			return l, l.done()
		})
		if err == nil {
			if why := s.cutShort(l); why != "" {
				err = errors.New(why)
			}
		}
		if err != nil {
			failures = errors.Join(failures, err)
			continue
		}
		s.show(l)
		s.log.Info("instruments loaded", "rows", len(l.rows), "day", day)
		if err := s.save(ctx, l); err != nil {
			s.log.Warn("the list of instruments could not be kept; the next start fetches it again", "error", err)
		}
		return nil
	}
	return failures
}

func (s *listing) save(ctx context.Context, l *list) error {
	return s.store.SaveInstruments(ctx, l.day, func(add func(order.Instrument) error) error {
		for _, r := range l.rows {
			s.crash.at(CrashInstruments)
			if err := add(l.instrument(r)); err != nil {
				return err
			}
		}
		return nil
	})
}
