package market

import (
	"fmt"
	"strings"
	"time"

	"backstop/engine/order"
)

// What people are told of the calendar.

// nextYearFrom is the day of December from which a missing list of the next year is told: by then the exchanges have
// published theirs (docs/kite.md 6.3).
const nextYearFrom = 15

// Note says what the calendar does not know about the time around t, and what to do; empty where it knows all. It is
// never a reason to stop: until the list is there, every weekday counts as a trading day.
func (c *Calendar) Note(t time.Time) string {
	if c.always {
		return ""
	}
	year, month, date := t.In(order.IST).Date()
	switch {
	case !c.years[year]:
		return fmt.Sprintf("the calendar doesn't know the holidays of %d: every weekday counts as a trading day; list them in a calendar file (docs/calendar.md)", year)
	case month == time.December && date >= nextYearFrom && !c.years[year+1]:
		return fmt.Sprintf("the calendar doesn't know the holidays of %d yet: list them in a calendar file before then (docs/calendar.md)", year+1)
	}
	return ""
}

// Today is one line for people: the sessions on the IST day of t, the name of a day that is not like others, and when
// NSE opens next where it doesn't that day.
func (c *Calendar) Today(t time.Time) string {
	if c.always {
		return "every moment is trading time (market_hours: always)"
	}
	d := dayOf(t)
	name := ""
	var sessions []string
	for _, s := range c.segments {
		if o, ok := s.odd[d]; ok && name == "" {
			name = o.name
		}
		h, ok := c.hoursOn(s, d)
		if !ok {
			continue
		}
		text := strings.Join(s.exchanges, " ") + " " + clockSpan(h.open, h.close)
		if a, ok := h.auctionIn(); ok {
			text += " (shares with derivatives: auction from " + clockText(a.from) + ")"
		}
		sessions = append(sessions, text)
	}
	text := strings.Join(sessions, ", ")
	if text == "" {
		text = "all closed"
	}
	switch {
	case name != "":
		text = name + ": " + text
	case len(sessions) == 0:
		text = d.weekday().String() + ": " + text
	}
	if _, ok := c.hoursOn(c.segment(defaultExchange), d); !ok {
		if next := c.NextOpen(defaultExchange, d.at(0)); !next.IsZero() {
			text += "; " + defaultExchange + " opens on " + next.Format("Monday, 2 January at 15:04")
		}
	}
	return "today " + text
}

// auctionIn is the closing auction of a session that has one: odd hours that end before it have none.
func (h hours) auctionIn() (span, bool) {
	return h.auction, h.auction.from > h.open && h.auction.from < h.close
}

func clockSpan(from, to int64) string { return clockText(from) + "–" + clockText(to) }

func clockText(second int64) string { return fmt.Sprintf("%02d:%02d", second/3600, second/60%60) }
