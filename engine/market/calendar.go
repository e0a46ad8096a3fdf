package market

import (
	"slices"
	"time"

	"backstop/engine/order"
)

// Calendar knows the sessions of every exchange. It never changes, so any number of goroutines may ask it.
//
// All days are IST days: "the day of t" is the one that t falls on in Mumbai. Times come back in IST. An exchange
// that the calendar does not name is treated like NSE.
type Calendar struct {
	always   bool
	segments []*segment          // as listed
	byName   map[string]*segment // by exchange
	years    map[int]bool        // whose holidays are all known
}

// segment is one group of exchanges with the same hours.
type segment struct {
	name      string
	exchanges []string
	hours     []hours     // by from, rising
	odd       map[day]odd // days that are not like others
}

// hours is a segment's session from a day on. Seconds are counted from midnight IST.
type hours struct {
	from        day
	open, close int64
	winterClose int64     // 0: the same all year
	squareOff   squareOff // of intraday products
	auction     span      // the closing auction of some shares; zero: none
}

// span is a part of a day.
type span struct{ from, to int64 }

// squareOff is a time of day or a distance from the close.
type squareOff struct {
	at          int64
	beforeClose int64
}

// odd is a day that is not like others: a session of its own, the usual one (on a weekend), or none.
type odd struct {
	name      string
	usual     bool
	session   span // zero: closed, unless usual
	squareOff squareOff
}

// defaultExchange stands in for an exchange that the calendar does not name.
const defaultExchange = "NSE"

// searchDays is how far NextOpen looks ahead: longer than any closure that a calendar can mean.
const searchDays = 400

// Always is the calendar of market_hours: always, for the paper exchange and tests: every day is a trading day, a
// session lasts from midnight to midnight IST, and nothing is squared off. Its Close is therefore the midnight that
// ends the IST day of t, always after t.
func Always() *Calendar { return &Calendar{always: true} }

// Session is the exchange's session on the IST day of t; ok is false on a day without one. The session holds the
// moments from open up to, but without, close.
func (c *Calendar) Session(exchange string, t time.Time) (open, close time.Time, ok bool) {
	d := dayOf(t)
	if c.always {
		return d.at(0), (d + 1).at(0), true
	}
	h, ok := c.hoursOn(c.segment(exchange), d)
	if !ok {
		return time.Time{}, time.Time{}, false
	}
	return d.at(h.open), d.at(h.close), true
}

// IsOpen says whether t lies in a session of the exchange.
func (c *Calendar) IsOpen(exchange string, t time.Time) bool {
	return c.always || c.openAt(c.segment(exchange), t)
}

// AnyOpen says whether t lies in a session of any exchange.
func (c *Calendar) AnyOpen(t time.Time) bool {
	return c.always || slices.ContainsFunc(c.segments, func(s *segment) bool { return c.openAt(s, t) })
}

// Close is the end of the exchange's session on the IST day of t, before or after t; zero on a day without one.
func (c *Calendar) Close(exchange string, t time.Time) time.Time {
	_, end, _ := c.Session(exchange, t)
	return end
}

// TradingDay says whether any exchange has a session on the IST day of t.
func (c *Calendar) TradingDay(t time.Time) bool {
	return c.always || c.anySession(dayOf(t))
}

// NextOpen is the first moment, t or later, at which the exchange is open: t itself within a session. It is zero
// where no session begins within 400 days.
func (c *Calendar) NextOpen(exchange string, t time.Time) time.Time {
	if c.IsOpen(exchange, t) {
		return t.In(order.IST)
	}
	s := c.segment(exchange)
	for d, last := dayOf(t), dayOf(t)+searchDays; d <= last; d++ {
		if h, ok := c.hoursOn(s, d); ok && d.at(h.open).After(t) {
			return d.at(h.open)
		}
	}
	return time.Time{}
}

// Auction is when the closing auction of the exchange's session on the IST day of t begins; zero on a day without one.
func (c *Calendar) Auction(exchange string, t time.Time) time.Time {
	d := dayOf(t)
	if c.always {
		return time.Time{}
	}
	h, ok := c.hoursOn(c.segment(exchange), d)
	if !ok {
		return time.Time{}
	}
	a, ok := h.auctionIn()
	if !ok {
		return time.Time{}
	}
	return d.at(a.from)
}

// SquareOff is when the broker begins to close positions of an intraday product (MIS, CO) on the IST day of t
// (docs/kite.md 3.14; it may do so earlier on a wild day). It is zero for other products, on a day without a session,
// and under Always. On a day of odd hours whose session does not hold the usual time it is the close.
func (c *Calendar) SquareOff(exchange, product string, t time.Time) time.Time {
	if c.always || product != "MIS" && product != "CO" {
		return time.Time{}
	}
	d := dayOf(t)
	h, ok := c.hoursOn(c.segment(exchange), d)
	if !ok {
		return time.Time{}
	}
	at := h.squareOff.at
	if at == 0 {
		at = h.close - h.squareOff.beforeClose
	}
	if at <= h.open || at > h.close {
		at = h.close
	}
	return d.at(at)
}

func (c *Calendar) segment(exchange string) *segment {
	if s, ok := c.byName[exchange]; ok {
		return s
	}
	return c.byName[defaultExchange]
}

func (c *Calendar) openAt(s *segment, t time.Time) bool {
	d := dayOf(t)
	h, ok := c.hoursOn(s, d)
	if !ok {
		return false
	}
	second := d.second(t)
	return second >= h.open && second < h.close
}

func (c *Calendar) anySession(d day) bool {
	return slices.ContainsFunc(c.segments, func(s *segment) bool {
		_, ok := c.hoursOn(s, d)
		return ok
	})
}

// hoursOn is a segment's session on a day, the winter close already in it.
func (c *Calendar) hoursOn(s *segment, d day) (hours, bool) {
	var h hours
	for _, row := range s.hours {
		if row.from > d {
			break
		}
		h = row
	}
	if h.winterClose != 0 && d.usWinter() {
		h.close = h.winterClose
	}
	o, isOdd := s.odd[d]
	switch {
	case !isOdd:
		return h, h.close != 0 && !d.weekend()
	case o.usual:
		return h, h.close != 0
	}
	h.open, h.close = o.session.from, o.session.to
	if o.squareOff != (squareOff{}) {
		h.squareOff = o.squareOff
	}
	return h, h.close != 0
}
