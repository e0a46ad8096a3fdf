package market

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"backstop/engine/order"
)

// at reads a moment in IST.
func at(t *testing.T, s string) time.Time {
	t.Helper()
	for _, layout := range []string{"2006-01-02 15:04", "2006-01-02 15:04:05", "2006-01-02 15:04:05.000000000"} {
		if m, err := time.ParseInLocation(layout, s, order.IST); err == nil {
			return m
		}
	}
	t.Fatalf("no time: %s", s)
	return time.Time{}
}

// clock writes a moment in IST; nothing where it is zero.
func clock(m time.Time) string {
	if m.IsZero() {
		return ""
	}
	return m.Format("2006-01-02 15:04:05")
}

// Sessions of docs/kite.md 6.1, square-off of 3.14.
func TestEveryBoundaryOfEverySegment(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ exchange, day, open, close, squareOff string }{
		{"NSE", "2026-11-23", "09:15", "15:30", "15:20"},
		{"BSE", "2026-11-23", "09:15", "15:30", "15:20"},
		{"NSE", "2026-07-31", "09:15", "15:30", "15:20"},
		{"NFO", "2026-07-31", "09:15", "15:30", "15:25"}, // Friday before the change
		{"NFO", "2026-08-03", "09:15", "15:40", "15:25"}, // its day
		{"BFO", "2026-11-23", "09:15", "15:40", "15:25"},
		{"BFO", "2021-07-09", "09:15", "15:30", "15:25"},
		{"CDS", "2026-11-23", "09:00", "17:00", "16:45"},
		{"BCD", "2026-11-23", "09:00", "17:00", "16:45"},
		{"MCX", "2026-10-30", "09:00", "23:30", "23:05"}, // Friday; America leaves summer time on Sunday 1 November
		{"MCX", "2026-11-02", "09:00", "23:55", "23:30"},
		{"MCX", "2026-12-31", "09:00", "23:55", "23:30"},
		{"MCX", "2027-01-01", "09:00", "23:55", "23:30"},
		{"MCX", "2026-03-06", "09:00", "23:55", "23:30"}, // second Sunday of March is the 8th
		{"MCX", "2026-03-09", "09:00", "23:30", "23:05"},
		{"MCX", "2027-11-05", "09:00", "23:30", "23:05"}, // first Sunday of November is the 7th
		{"MCX", "2027-11-08", "09:00", "23:55", "23:30"},
		{"XYZ", "2026-11-23", "09:15", "15:30", "15:20"}, // unknown: like NSE
		{"", "2026-11-23", "09:15", "15:30", "15:20"},
	} {
		c9 := Default()
		open, end := at(t, c.day+" "+c.open), at(t, c.day+" "+c.close)
		for _, m := range []time.Time{at(t, c.day+" 00:00"), open, end, at(t, c.day+" 23:59:59")} {
			gotOpen, gotEnd, ok := c9.Session(c.exchange, m)
			if !ok || !gotOpen.Equal(open) || !gotEnd.Equal(end) {
				t.Errorf("%s: session at %s is %s to %s, %v", c.exchange, m, clock(gotOpen), clock(gotEnd), ok)
			}
			if got := c9.Close(c.exchange, m); !got.Equal(end) {
				t.Errorf("%s: close at %s is %s", c.exchange, m, clock(got))
			}
			if !c9.TradingDay(m) {
				t.Errorf("%s is no trading day", m)
			}
			if got := clock(c9.SquareOff(c.exchange, "MIS", m)); got != c.day+" "+c.squareOff+":00" {
				t.Errorf("%s: square-off on %s is %q", c.exchange, c.day, got)
			}
		}
		for _, b := range []struct {
			m    time.Time
			want bool
		}{
			{open.Add(-1), false}, {open, true}, {end.Add(-1), true}, {end, false},
		} {
			if got := c9.IsOpen(c.exchange, b.m); got != b.want {
				t.Errorf("%s: open at %s: %v", c.exchange, b.m, got)
			}
		}
	}
}

// Holidays of docs/kite.md 6.3, and of the exchanges' circulars where those leave it open.
func TestDaysThatAreNotLikeOthers(t *testing.T) {
	t.Parallel()
	const closed = ""
	for _, c := range []struct{ day, equity, derivatives, currency, commodity string }{
		{"2026-01-01", "09:15-15:30", "09:15-15:30", "09:00-17:00", "09:00-17:00"}, // New Year: no evening at MCX
		{"2026-01-15", closed, closed, closed, "17:00-23:55"},                      // elections in Maharashtra
		{"2026-01-26", closed, closed, closed, closed},
		{"2026-02-01", "09:15-15:30", "09:15-15:30", closed, "09:00-17:00"}, // a Sunday: the budget
		{"2026-02-02", "09:15-15:30", "09:15-15:30", "09:00-17:00", "09:00-23:55"},
		{"2026-02-15", closed, closed, closed, closed}, // a Sunday: Mahashivratri
		{"2026-02-19", "09:15-15:30", "09:15-15:30", closed, "09:00-23:55"},
		{"2026-03-03", closed, closed, closed, "17:00-23:55"}, // American winter
		{"2026-03-19", "09:15-15:30", "09:15-15:30", closed, "09:00-23:30"},
		{"2026-03-26", closed, closed, closed, "17:00-23:30"}, // American summer
		{"2026-03-31", closed, closed, closed, "17:00-23:30"},
		{"2026-04-01", "09:15-15:30", "09:15-15:30", closed, "09:00-23:30"},
		{"2026-04-03", closed, closed, closed, closed},
		{"2026-04-14", closed, closed, closed, "17:00-23:30"},
		{"2026-05-01", closed, closed, closed, "17:00-23:30"},
		{"2026-05-28", closed, closed, closed, "17:00-23:30"},
		{"2026-06-26", closed, closed, closed, "17:00-23:30"},
		{"2026-08-15", closed, closed, closed, closed}, // a Saturday: Independence Day
		{"2026-08-26", "09:15-15:30", "09:15-15:40", closed, "09:00-23:30"},
		{"2026-09-14", closed, closed, closed, "17:00-23:30"},
		{"2026-10-02", closed, closed, closed, closed},
		{"2026-10-20", closed, closed, closed, "17:00-23:30"},
		{"2026-11-08", "18:00-19:00", "18:00-19:00", "18:00-19:00", "18:00-19:00"}, // a Sunday: Muhurat
		{"2026-11-10", closed, closed, closed, "17:00-23:55"},
		{"2026-11-24", closed, closed, closed, "17:00-23:55"},
		{"2026-12-25", closed, closed, closed, closed},
	} {
		for exchanges, want := range map[string]string{"NSE BSE": c.equity, "NFO BFO": c.derivatives, "CDS BCD": c.currency, "MCX": c.commodity} {
			for _, exchange := range strings.Fields(exchanges) {
				m := at(t, c.day+" 08:00")
				open, end, ok := Default().Session(exchange, m)
				got := ""
				if ok {
					got = open.Format("15:04") + "-" + end.Format("15:04")
				}
				if got != want {
					t.Errorf("%s on %s: %q, not %q", exchange, c.day, got, want)
				}
				if ok && (Default().IsOpen(exchange, open.Add(-time.Second)) || !Default().IsOpen(exchange, open) ||
					!Default().IsOpen(exchange, end.Add(-time.Second)) || Default().IsOpen(exchange, end)) {
					t.Errorf("%s on %s: the boundaries are not to the second", exchange, c.day)
				}
			}
		}
		any := c.equity+c.derivatives+c.currency+c.commodity != ""
		if Default().TradingDay(at(t, c.day+" 08:00")) != any {
			t.Errorf("%s: trading day is not %v", c.day, any)
		}
	}
}

// The year 2026 has 261 weekdays.
func TestTradingDaysOfTheYear(t *testing.T) {
	t.Parallel()
	for exchange, want := range map[string]int{
		"NSE": 261 - 16 + 2, // docs/kite.md 6.3: 15, and the election day; the budget's Sunday, Muhurat
		"NFO": 261 - 16 + 2,
		"CDS": 261 - 20 + 1, // four holidays of the banks besides; Muhurat
		"MCX": 261 - 4 + 2,  // docs/kite.md 6.3: closed on four days alone
	} {
		days := 0
		for m := at(t, "2026-01-01 12:00"); m.Year() == 2026; m = m.AddDate(0, 0, 1) {
			if _, _, ok := Default().Session(exchange, m); ok {
				days++
			}
		}
		if days != want {
			t.Errorf("%s has %d days, not %d", exchange, days, want)
		}
	}
}

// On every day of every segment: a close after the open, a square-off in between, no two sessions that touch, and
// answers that agree with each other.
func TestEverySessionIsWhole(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		c := Default()
		exchange := rapid.SampledFrom([]string{"NSE", "BSE", "NFO", "BFO", "CDS", "BCD", "MCX"}).Draw(rt, "exchange")
		d := day(rapid.Int64Range(int64(dayOf(at(t, "2020-01-01 00:00"))), int64(dayOf(at(t, "2035-12-31 00:00")))).Draw(rt, "day"))
		m := d.at(rapid.Int64Range(0, secondsADay-1).Draw(rt, "second"))
		open, end, ok := c.Session(exchange, m)
		off := c.SquareOff(exchange, "MIS", m)
		if !ok {
			if c.IsOpen(exchange, m) || !c.Close(exchange, m).IsZero() || !off.IsZero() {
				rt.Fatalf("%s has no session on %s and is open all the same", exchange, d)
			}
			return
		}
		switch {
		case !end.After(open) || !off.After(open) || off.After(end):
			rt.Fatalf("%s on %s: open %s, square-off %s, close %s", exchange, d, open, off, end)
		case dayOf(open) != d || dayOf(end.Add(-time.Second)) != d:
			rt.Fatalf("%s on %s: the session leaves the day", exchange, d)
		case !c.TradingDay(m):
			rt.Fatalf("%s has a session on %s, which is no trading day", exchange, d)
		case c.IsOpen(exchange, m) != (!m.Before(open) && m.Before(end)):
			rt.Fatalf("%s at %s: IsOpen and Session disagree", exchange, m)
		}
		if next := c.NextOpen(exchange, end); !next.IsZero() && !next.After(end) {
			rt.Fatalf("%s: a session begins at %s, when another ends", exchange, next)
		}
	})
}

func TestWeekendsAreClosed(t *testing.T) {
	t.Parallel()
	c := Default()
	for _, s := range []string{"2026-11-21 10:00", "2026-11-22 10:00", "1969-12-28 10:00", "1969-12-27 00:00"} {
		m := at(t, s)
		_, _, ok := c.Session("NSE", m)
		if ok || c.IsOpen("MCX", m) || c.AnyOpen(m) || c.TradingDay(m) || !c.Close("NFO", m).IsZero() || !c.SquareOff("NSE", "MIS", m).IsZero() {
			t.Errorf("%s is not closed", s)
		}
	}
	for _, s := range []string{"1969-12-29 10:00", "1970-01-01 10:00", "1969-12-31 23:59:59"} {
		if !c.TradingDay(at(t, s)) {
			t.Errorf("%s is closed", s)
		}
	}
}

func TestAnyOpen(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]bool{
		"2026-11-23 08:59:59": false,
		"2026-11-23 09:00":    true, // CDS and MCX
		"2026-11-23 15:45":    true,
		"2026-11-23 23:54":    true,
		"2026-11-23 23:55":    false,
		"2026-06-23 23:30":    false,
	} {
		if got := Default().AnyOpen(at(t, s)); got != want {
			t.Errorf("%s: %v", s, got)
		}
	}
}

func TestNextOpen(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ exchange, from, want string }{
		{"NSE", "2026-11-23 09:14:59", "2026-11-23 09:15:00"},
		{"NSE", "2026-11-23 09:15", "2026-11-23 09:15:00"},
		{"NSE", "2026-11-23 12:00:01", "2026-11-23 12:00:01"}, // open: now
		{"NSE", "2026-11-23 15:30", "2026-11-25 09:15:00"},    // a holiday between,
		{"NSE", "2026-11-20 15:30", "2026-11-23 09:15:00"},    // Friday
		{"MCX", "2026-11-21 12:00", "2026-11-23 09:00:00"},
		{"NSE", "2026-12-31 16:00", "2027-01-01 09:15:00"},
	} {
		if got := clock(Default().NextOpen(c.exchange, at(t, c.from))); got != c.want {
			t.Errorf("%s from %s: %s, not %s", c.exchange, c.from, got, c.want)
		}
	}
	if got := clock(Default().NextOpen("NSE", at(t, "2026-11-23 09:14:59.999999999"))); got != "2026-11-23 09:15:00" {
		t.Errorf("a nanosecond before: %s", got)
	}
}

func TestOnlyIntradayProductsAreSquaredOff(t *testing.T) {
	t.Parallel()
	m := at(t, "2026-11-23 10:00")
	for product, want := range map[string]string{
		"MIS": "2026-11-23 15:20:00", "CO": "2026-11-23 15:20:00", "CNC": "", "NRML": "", "MTF": "", "": "",
	} {
		if got := clock(Default().SquareOff("NSE", product, m)); got != want {
			t.Errorf("%s: %q", product, got)
		}
	}
}

func TestTheZoneOfTheQuestionDoesNotMatter(t *testing.T) {
	t.Parallel()
	c := Default()
	zones := []*time.Location{time.UTC, order.IST, time.FixedZone("far west", -12*3600), time.FixedZone("far east", 14*3600)}
	for m, end := at(t, "2026-10-30 00:00"), at(t, "2026-11-10 00:00"); m.Before(end); m = m.Add(7 * time.Minute) {
		for _, exchange := range []string{"NSE", "NFO", "CDS", "MCX"} {
			open, shut, ok := c.Session(exchange, m)
			if ok && order.DayOf(open) != order.DayOf(m) {
				t.Fatalf("%s: the session of %s is on %s", exchange, m, open)
			}
			if want := ok && !m.Before(open) && m.Before(shut); want != c.IsOpen(exchange, m) {
				t.Fatalf("%s: IsOpen and Session disagree at %s", exchange, m)
			}
			for _, z := range zones {
				if c.IsOpen(exchange, m.In(z)) != c.IsOpen(exchange, m) || !c.Close(exchange, m.In(z)).Equal(shut) ||
					!c.NextOpen(exchange, m.In(z)).Equal(c.NextOpen(exchange, m)) || c.TradingDay(m.In(z)) != c.TradingDay(m) {
					t.Fatalf("%s: %s gives another answer in %s", exchange, m, z)
				}
			}
		}
	}
}

func TestAlwaysIsOpenAtEveryMoment(t *testing.T) {
	t.Parallel()
	c := Always()
	for _, s := range []string{"2026-11-22 00:00", "2026-11-22 15:30", "2026-11-22 23:59:59.999999999", "2026-11-23 03:00"} {
		m := at(t, s)
		open, end, ok := c.Session("NSE", m)
		if !ok || !c.IsOpen("MCX", m) || !c.AnyOpen(m) || !c.TradingDay(m) || !c.NextOpen("NSE", m).Equal(m) || !c.SquareOff("NSE", "MIS", m).IsZero() {
			t.Errorf("%s is not open", s)
		}
		if open.After(m) || !end.After(m) || end.Sub(open) != 24*time.Hour || !c.Close("NFO", m).Equal(end) || clock(open)[11:] != "00:00:00" {
			t.Errorf("%s: session from %s to %s", s, open, end)
		}
	}
}

func TestAsksWithoutAllocation(t *testing.T) {
	c, m := Default(), at(t, "2026-11-23 10:00")
	if n := testing.AllocsPerRun(100, func() {
		_ = c.IsOpen("MCX", m) && c.TradingDay(m)
		_ = c.Close("NFO", m)
		_ = c.SquareOff("NSE", "MIS", m)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkIsOpen(b *testing.B) {
	c, m := Default(), time.Date(2026, 11, 23, 10, 0, 0, 0, order.IST)
	b.ReportAllocs()
	for b.Loop() {
		c.IsOpen("MCX", m)
	}
}

func TestTheClosingAuctionOfADay(t *testing.T) {
	at := func(day string) time.Time {
		m, err := time.ParseInLocation("2006-01-02 15:04", day+" 12:00", order.IST)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	c := Default()
	for _, k := range []struct{ exchange, day, want string }{
		{"NSE", "2026-11-25", "15:15"}, {"BSE", "2026-08-03", "15:15"}, {"NSE", "2026-07-31", ""}, {"NFO", "2026-11-25", ""}, {"NSE", "2026-11-28", ""}, {"NSE", "2026-11-08", ""},
	} {
		got := ""
		if a := c.Auction(k.exchange, at(k.day)); !a.IsZero() {
			got = a.Format("15:04")
		}
		if got != k.want {
			t.Errorf("%s on %s: %q, want %q", k.exchange, k.day, got, k.want)
		}
	}
	if !Always().Auction("NSE", at("2026-11-25")).IsZero() {
		t.Error("an auction where every moment is trading time")
	}
}
