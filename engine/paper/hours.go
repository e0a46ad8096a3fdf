package paper

import (
	"slices"
	"time"
)

// Hours are when the exchanges trade; a market calendar is one. All times are
// of the IST day of at.
type Hours interface {
	// IsOpen says whether at lies in a session.
	IsOpen(exchange string, at time.Time) bool
	// TradingDay says whether any exchange has a session on that day.
	TradingDay(at time.Time) bool
	// SquareOff is when the broker begins to close positions of an intraday
	// product; zero on a day without.
	SquareOff(exchange, product string, at time.Time) time.Time
}

// exchanges are those that an Instrument can be listed on.
var exchanges = []string{"NSE", "BSE", "NFO", "BFO", "CDS", "BCD", "MCX"}

// dayBegins is when one trading day ends and the next begins: with the
// access tokens, at 06:00 IST (docs/kite.md 5.1).
const dayBegins = 6 * time.Hour

// runDays does what Options.Hours bring about: at 06:00 of a trading day the
// next day, at its time the square-off of MIS, at each close the end of DAY
// orders (docs/kite.md 3.14). Without Hours the days are the caller's.
func (x *Exchange) runDays() {
	hours := x.opts.Hours
	if hours == nil {
		return
	}
	if dateOf(x.now).After(dateOf(x.day)) && hours.TradingDay(dateOf(x.now)) {
		x.nextDay()
	}
	for _, exchange := range exchanges {
		if off := hours.SquareOff(exchange, "MIS", x.now); !off.IsZero() && !x.now.Before(off) && !x.squared[exchange] {
			x.squared[exchange] = true
			for _, user := range x.users {
				x.squareOff(x.accounts[user], exchange)
			}
		}
		open := hours.IsOpen(exchange, x.now)
		if x.wasOpen[exchange] && !open {
			x.endOfDay(exchange)
		}
		x.wasOpen[exchange] = open
	}
}

// dateOf is the day that t belongs to, from 06:00 to 06:00 IST.
func dateOf(t time.Time) time.Time {
	t = t.In(ist).Add(-dayBegins)
	return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, ist)
}

// isOpen says whether an instrument can be traded now.
func (x *Exchange) isOpen(l *listing) bool {
	return x.opts.Open == nil || x.opts.Open(l.Exchange, x.now)
}

// on says whether the order is on one of the exchanges; none named are all.
func (o *order) on(exchanges ...string) bool {
	return len(exchanges) == 0 || slices.Contains(exchanges, o.Exchange)
}
