package order

import "time"

// IST is India's time, UTC+5:30 without daylight saving.
var IST = time.FixedZone("IST", 5*3600+1800)

// Day is a calendar day in IST, YYYY-MM-DD. Kite's book is of one day.
type Day string

// DayOf is the IST day of an instant.
func DayOf(t time.Time) Day { return Day(t.In(IST).Format(time.DateOnly)) }
