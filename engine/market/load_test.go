package market

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestTheBuiltInCalendarReads(t *testing.T) {
	t.Parallel()
	c := Default()
	if len(c.segments) != 4 || len(c.holidays) != 0 {
		t.Errorf("%d segments, %d holidays", len(c.segments), len(c.holidays))
	}
	for _, e := range []string{"NSE", "BSE", "NFO", "BFO", "CDS", "BCD", "MCX"} {
		if c.byName[e] == nil {
			t.Errorf("%s is missing", e)
		}
	}
}

func TestAFileStandsOverTheBuiltInCalendar(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "calendar.yaml")
	if err := os.WriteFile(path, []byte(`
segments:
  currency:
    hours:
      - { open: "09:00", close: "15:30" }
      - { from: 2027-01-04, open: "10:00", close: "24:00", square_off: "30m before close" }
holidays:
  - { date: 2026-11-24, name: Guru Nanak Jayanti, open: { commodity: "17:00-23:55" } }
  - { date: 2026-11-08, name: Muhurat, open: { equity: "18:00 - 19:00" } }
  - { date: 2026-12-25, name: Christmas }
`), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []struct{ exchange, day, open, close, squareOff string }{
		{"CDS", "2026-11-23", "2026-11-23 09:00:00", "2026-11-23 15:30:00", "2026-11-23 15:30:00"},
		{"BCD", "2027-01-04", "2027-01-04 10:00:00", "2027-01-05 00:00:00", "2027-01-04 23:30:00"},
		{"NFO", "2026-11-23", "2026-11-23 09:15:00", "2026-11-23 15:40:00", "2026-11-23 15:25:00"}, // untouched
		{"NSE", "2026-11-24", "", "", ""},
		{"MCX", "2026-11-24", "2026-11-24 17:00:00", "2026-11-24 23:55:00", "2026-11-24 23:30:00"},
		{"NSE", "2026-11-08", "2026-11-08 18:00:00", "2026-11-08 19:00:00", "2026-11-08 19:00:00"}, // a Sunday, beyond the usual square-off
		{"MCX", "2026-11-08", "", "", ""},
		{"NSE", "2026-12-25", "", "", ""},
	} {
		m := at(t, want.day+" 12:00")
		open, end, _ := c.Session(want.exchange, m)
		if clock(open) != want.open || clock(end) != want.close || clock(c.SquareOff(want.exchange, "MIS", m)) != want.squareOff {
			t.Errorf("%s on %s: %s to %s, square-off %s", want.exchange, want.day, clock(open), clock(end), clock(c.SquareOff(want.exchange, "MIS", m)))
		}
	}
	for day, want := range map[string]bool{"2026-11-24": true, "2026-11-08": true, "2026-12-25": false, "2026-11-15": false} {
		if c.TradingDay(at(t, day+" 08:00")) != want {
			t.Errorf("%s: trading day is not %v", day, want)
		}
	}
	if got := clock(c.NextOpen("NSE", at(t, "2026-12-24 15:30"))); got != "2026-12-28 09:15:00" { // Friday's Christmas, a weekend
		t.Errorf("after Christmas Eve: %s", got)
	}
	if Default().TradingDay(at(t, "2026-11-08 08:00")) {
		t.Error("the built-in calendar changed")
	}
}

func TestNothingIsAnEmptyFile(t *testing.T) {
	t.Parallel()
	c, err := Parse(nil)
	if err != nil || !c.IsOpen("NSE", at(t, "2026-11-23 10:00")) {
		t.Errorf("%v", err)
	}
}

func TestMistakesInAFileAreNamed(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`segmnts: {}`: "line 1",
		`segments: { equity: { hours: [ { open: "9:15", close: "15:30" } ] } }`:                                                       `segment equity: row 1 of hours: "9:15" is no time of day`,
		`segments: { equity: { hours: [ { open: "09:15", close: "09:15" } ] } }`:                                                      "must be later than open",
		`segments: { equity: { hours: [ { open: "09:15", close: "24:01" } ] } }`:                                                      "no time of day",
		`segments: { equity: { hours: [ { open: "09:15", close: "15:30", us_winter_close: "09:00" } ] } }`:                            "us_winter_close",
		`segments: { equity: { hours: [ { open: "09:15", close: "15:30", square_off: "soon before close" } ] } }`:                     "25m before close",
		`segments: { equity: { hours: [ { open: "09:15", close: "15:30", from: tomorrow } ] } }`:                                      "no day",
		`segments: { equity: { hours: [ { open: "09:15", close: "15:30", from: 2026-01-02 }, { open: "09:15", close: "15:30" } ] } }`: "row 2 of hours: from must be later",
		`segments: { equity: { hours: [ ] } }`:                                                                                        "hours are needed",
		`segments: { metals: { hours: [ { open: "09:15", close: "15:30" } ] } }`:                                                      "exchanges and hours are needed",
		`segments: { metals: { exchanges: [MCX], hours: [ { open: "09:15", close: "15:30" } ] } }`:                                    "MCX stands in two segments, commodity and metals",
		`segments: { equity: { exchanges: [BSE], hours: [ { open: "09:15", close: "15:30" } ] } }`:                                    "stands in for unknown ones",
		`holidays: [ { name: Diwali } ]`:                                      "no day",
		`holidays: [ { date: 2026-11-08, open: { shares: "18:00-19:00" } } ]`: `no segment is called "shares"`,
		`holidays: [ { date: 2026-11-08, open: { equity: "18:00" } } ]`:       "no time of day",
		"holidays: []\n---\nholidays: []":                                     "more than one document",
	} {
		if _, err := Parse([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\n\tgives %v\n\twithout %q", text, err, want)
		}
	}
	if _, err := Load(filepath.Join(t.TempDir(), "absent.yaml")); err == nil {
		t.Error("an absent file reads")
	}
}
