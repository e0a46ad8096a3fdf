package reconcile

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

// Least is the shortest time that a schedule may leave between two readings: Kite takes polling every 2 s as
// abuse, and the lane's own reads come besides.
const Least = 5 * time.Second

// off leaves only the reading at the start and on demand.
const off = "off"

// measured is how many readings of a schedule ParseSpec looks at: over a day of the densest one allowed, so that
// the ends of minutes, hours and the day are among them.
const measured = 20_000

var parser = cron.NewParser(cron.SecondOptional | cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow | cron.Descriptor)

// Schedule is when readings are due. The zero value is off.
type Schedule struct {
	spec  string
	fires cron.Schedule
}

// ParseSpec reads a cron spec: five fields, six with seconds before them, @every 15s and the like, or off.
// Fields are in the zone of the time that Next is given, unless the spec names one (CRON_TZ=…). It refuses what
// is no spec, what never comes and what comes more often than Least, each in one line.
func ParseSpec(spec string) (Schedule, error) {
	spec = strings.TrimSpace(spec)
	if spec == off {
		return Schedule{spec: spec}, nil
	}
	if zone, _, fields := strings.Cut(spec, " "); strings.Contains(zone, "TZ=") && !fields {
		return Schedule{}, fmt.Errorf("%q names a zone and no time", spec) // cron would panic
	}
	fires, err := parser.Parse(spec)
	if err != nil {
		return Schedule{}, fmt.Errorf("%q is no cron spec, nor off: %w", spec, err)
	}
	s := Schedule{spec: spec, fires: fires}
	least, err := s.least()
	switch {
	case err != nil:
		return Schedule{}, fmt.Errorf("%q: %w", spec, err)
	case least < Least:
		return Schedule{}, fmt.Errorf("%q reads again after %s: at most every %s, or Zerodha takes it as abuse", spec, least, Least)
	}
	return s, nil
}

// least is the shortest time between two readings.
func (s Schedule) least() (time.Duration, error) {
	at := s.Next(time.Date(2026, time.November, 23, 0, 0, 0, 0, time.UTC)) // any day does: fields repeat
	if at.IsZero() {
		return 0, errors.New("this time never comes")
	}
	end, least := at.Add(25*time.Hour), time.Duration(1<<62)
	for range measured {
		next := s.Next(at)
		if next.IsZero() || next.After(end) {
			break
		}
		if least = min(least, next.Sub(at)); least < Least {
			break
		}
		at = next
	}
	return least, nil
}

// Off says whether there is no schedule: only the reading at the start and those on demand.
func (s Schedule) Off() bool { return s.fires == nil }

// String is the spec as written.
func (s Schedule) String() string {
	if s.Off() {
		return off
	}
	return s.spec
}

// Next is the first reading after t; zero where there is none.
func (s Schedule) Next(t time.Time) time.Time {
	if s.Off() {
		return time.Time{}
	}
	return s.fires.Next(t)
}

// Gap is the time between the next two readings after t; 0 where there are none. Who asks whether readings are
// recent measures by it.
func (s Schedule) Gap(t time.Time) time.Duration {
	first := s.Next(t)
	if first.IsZero() {
		return 0
	}
	second := s.Next(first)
	if second.IsZero() {
		return 0
	}
	return second.Sub(first)
}
