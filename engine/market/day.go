package market

import (
	"time"

	"backstop/engine/order"
)

// day counts IST days from 1970-01-01, a Thursday. Plain integers keep every question free of allocation; it is
// asked for each update.
type day int64

const (
	secondsADay = 24 * 60 * 60
	istOffset   = 5*60*60 + 30*60 // order.IST, which has no daylight saving
)

// dayOf is the IST day of an instant.
func dayOf(t time.Time) day {
	s := t.Unix() + istOffset
	if s < 0 {
		s -= secondsADay - 1 // so that the division rounds down before 1970 too
	}
	return day(s / secondsADay)
}

// second is t's distance from the day's midnight. A part of a second does not count: sessions begin and end on
// whole ones.
func (d day) second(t time.Time) int64 { return t.Unix() + istOffset - int64(d)*secondsADay }

// at is the moment so many seconds after the day's midnight.
func (d day) at(second int64) time.Time {
	return time.Unix(int64(d)*secondsADay-istOffset+second, 0).In(order.IST)
}

// weekday counts from Sunday, as time.Weekday does.
func (d day) weekday() time.Weekday {
	return time.Weekday(((int64(d)+int64(time.Thursday))%7 + 7) % 7)
}

func (d day) weekend() bool { return d.weekday() == time.Saturday || d.weekday() == time.Sunday }

// usWinter says whether America is on standard time: from the first Sunday of November until the second Sunday of
// March, when MCX closes later (docs/kite.md 6.1). The change falls on Sundays, so no session sees both.
func (d day) usWinter() bool {
	year, month, date := d.at(0).Date()
	switch month {
	case time.November:
		return date >= sunday(year, month, 1)
	case time.March:
		return date < sunday(year, month, 2)
	default:
		return month == time.December || month < time.March
	}
}

// sunday is the date of the nth Sunday of a month.
func sunday(year int, month time.Month, n int) int {
	first := time.Date(year, month, 1, 0, 0, 0, 0, order.IST).Weekday()
	return 1 + (7-int(first))%7 + 7*(n-1)
}

// String is YYYY-MM-DD.
func (d day) String() string { return d.at(0).Format(time.DateOnly) }
