package main

import (
	"strings"
	"testing"
	"time"

	"backstop/engine/market"
	"backstop/engine/order"
)

// TestAnUnknownYearIsANoteInStatus: it says what is missing and leaves the service ready.
func TestAnUnknownYearIsANoteInStatus(t *testing.T) {
	t.Parallel()
	for day, want := range map[time.Time][]string{
		time.Date(2026, time.November, 25, 10, 0, 0, 0, order.IST): {"today NSE BSE 09:15–15:30"},
		time.Date(2027, time.January, 26, 10, 0, 0, 0, order.IST):  {"today ", "; the calendar doesn't know the holidays of 2027: every weekday counts as a trading day"},
	} {
		c := calendarCheck(market.Default(), day)
		for _, part := range want {
			if !c.OK || c.Name != "calendar" || !strings.Contains(c.Text, part) {
				t.Errorf("%s: %+v lacks %q", day, c, part)
			}
		}
	}
}
