package engine

import (
	"testing"
	"time"

	"backstop/engine/market"
	"backstop/rules"
)

// The reconciler follows the calendar: on a holiday, at a weekend and at night the book is read every 15 minutes, in a
// session as its schedule says, special sessions on a Sunday too.
func TestTheOrderBookIsReadAsTheCalendarSays(t *testing.T) {
	bubble(t, func(t *testing.T) { // from Saturday, 1 January 2000, 05:30 IST
		hours, err := market.Parse("calendar.yaml", []byte(`
holidays:
  - { date: 2000-01-02, name: Muhurat, open: { equity: "18:00-19:00" } }
  - { date: 2000-01-03, name: A holiday, open: { commodity: "17:00-23:55" } }
`))
		if err != nil {
			t.Fatal(err)
		}
		b := &broker{}
		ao := scripted("A", b, nil)
		ao.Lane.Rules = &rules.Set{}
		start(t, Options{Accounts: []AccountOptions{ao}, ReconcileSpec: "@every 30s", Hours: hours})
		at := time.Duration(5*time.Hour + 30*time.Minute) // since Saturday's midnight
		for _, c := range []struct {
			day, hour   int
			least, most int
		}{
			{0, 10, 3, 5},     // Saturday
			{1, 10, 3, 5},     // Sunday
			{1, 18, 110, 121}, // Muhurat
			{1, 20, 3, 5},
			{2, 10, 3, 5},     // the holiday
			{2, 18, 110, 121}, // its evening at MCX
			{3, 3, 3, 5},      // the night
			{3, 10, 110, 121}, // Tuesday
		} {
			from := time.Duration(c.day*24+c.hour) * time.Hour
			time.Sleep(from - at)
			before := b.Count("orders")
			time.Sleep(time.Hour)
			at = from + time.Hour
			if n := b.Count("orders") - before; n < c.least || n > c.most {
				t.Errorf("day %d, from %d:00: %d readings in an hour", c.day, c.hour, n)
			}
		}
	})
}
