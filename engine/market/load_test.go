package market

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestTheBuiltInCalendarReads(t *testing.T) {
	t.Parallel()
	c := Default()
	if len(c.segments) != 4 || !c.years[2026] || len(c.years) != 1 {
		t.Errorf("%d segments, years %v", len(c.segments), c.years)
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
  - { date: 2026-11-24, name: Guru Nanak Jayanti, segments: [commodity] }
  - { date: 2026-11-15, name: Muhurat, open: { equity: "18:00 - 19:00" } }
  - { date: 2026-11-22, name: Test of the second site, square_off: "5m before close", open: { derivatives: "10:00-11:00" } }
  - { date: 2026-12-24, segments: [equity], open: { equity: "09:15-13:00" } }
  - { date: 2026-12-25, name: Not Christmas, open: { equity: usual } }
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
		{"MCX", "2026-11-24", "", "", ""}, // of this segment alone
		{"MCX", "2026-11-10", "2026-11-10 17:00:00", "2026-11-10 23:55:00", "2026-11-10 23:30:00"}, // as built in
		{"NSE", "2026-11-15", "2026-11-15 18:00:00", "2026-11-15 19:00:00", "2026-11-15 19:00:00"}, // a Sunday, beyond the usual square-off
		{"MCX", "2026-11-15", "", "", ""},
		{"NFO", "2026-11-22", "2026-11-22 10:00:00", "2026-11-22 11:00:00", "2026-11-22 10:55:00"},
		{"NSE", "2026-12-24", "2026-12-24 09:15:00", "2026-12-24 13:00:00", "2026-12-24 13:00:00"}, // a short day
		{"NFO", "2026-12-24", "2026-12-24 09:15:00", "2026-12-24 15:40:00", "2026-12-24 15:25:00"},
		{"NSE", "2026-12-25", "2026-12-25 09:15:00", "2026-12-25 15:30:00", "2026-12-25 15:20:00"},
		{"NFO", "2026-12-25", "", "", ""},
	} {
		m := at(t, want.day+" 12:00")
		open, end, _ := c.Session(want.exchange, m)
		if clock(open) != want.open || clock(end) != want.close || clock(c.SquareOff(want.exchange, "MIS", m)) != want.squareOff {
			t.Errorf("%s on %s: %s to %s, square-off %s", want.exchange, want.day, clock(open), clock(end), clock(c.SquareOff(want.exchange, "MIS", m)))
		}
	}
	for day, want := range map[string]bool{"2026-11-24": false, "2026-11-15": true, "2026-12-25": true, "2026-11-29": false} {
		if c.TradingDay(at(t, day+" 08:00")) != want {
			t.Errorf("%s: trading day is not %v", day, want)
		}
	}
	if got := clock(c.NextOpen("NFO", at(t, "2026-12-24 15:40"))); got != "2026-12-28 09:15:00" { // Friday's Christmas, a weekend
		t.Errorf("after Christmas Eve: %s", got)
	}
	if Default().TradingDay(at(t, "2026-11-15 08:00")) || Default().TradingDay(at(t, "2026-12-25 08:00")) || !Default().TradingDay(at(t, "2026-11-24 08:00")) {
		t.Error("the built-in calendar changed")
	}
}

// A row with a date adds to what is built in; it replaces the row of its own date.
func TestHoursAreAddedByDate(t *testing.T) {
	t.Parallel()
	c, err := Parse("mine.yaml", []byte(`
segments:
  derivatives:
    hours:
      - { from: 2026-08-03, open: "09:15", close: "15:45", square_off: "15:30" }
      - { from: 2027-04-01, open: "09:00", close: "17:00", square_off: "16:30" }
  metals:
    exchanges: [XMX]
    hours: [ { from: 2026-06-01, open: "10:00", close: "18:00" } ]
`))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []struct{ exchange, day, close, squareOff string }{
		{"NFO", "2026-07-31", "2026-07-31 15:30:00", "2026-07-31 15:25:00"},
		{"NFO", "2026-08-03", "2026-08-03 15:45:00", "2026-08-03 15:30:00"},
		{"BFO", "2027-03-31", "2027-03-31 15:45:00", "2027-03-31 15:30:00"},
		{"BFO", "2027-04-01", "2027-04-01 17:00:00", "2027-04-01 16:30:00"},
		{"XMX", "2026-05-29", "", ""}, // before its first row
		{"XMX", "2026-06-01", "2026-06-01 18:00:00", "2026-06-01 18:00:00"},
		{"XMX", "2026-12-25", "2026-12-25 18:00:00", "2026-12-25 18:00:00"}, // a segment that the built-in holidays don't know
	} {
		m := at(t, want.day+" 12:00")
		if got := clock(c.Close(want.exchange, m)); got != want.close || clock(c.SquareOff(want.exchange, "MIS", m)) != want.squareOff {
			t.Errorf("%s on %s: closes at %s, square-off %s", want.exchange, want.day, got, clock(c.SquareOff(want.exchange, "MIS", m)))
		}
	}
}

func TestNothingIsAnEmptyFile(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "# nothing\n", "---\n", "~\n", "holidays: []\n"} {
		c, err := Parse("mine.yaml", []byte(text))
		if err != nil || !c.IsOpen("NSE", at(t, "2026-11-23 10:00")) || c.IsOpen("NSE", at(t, "2026-12-25 10:00")) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestMistakesInAFileAreNamed(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"\nsegmnts: {}": `mine.yaml:2: no field of the calendar "segmnts": did you mean segments?`,
		"zzz: 1":        `mine.yaml:1: no field of the calendar "zzz": there are years, segments, holidays`,
		"[1, 2]":        `mine.yaml:1: the calendar: want KEY: VALUE`,
		"a: [":          `mine.yaml:1: `,
		"years: [soon]": `mine.yaml:1: "soon" is no year: write it as 2027`,
		"years: 2027":   `mine.yaml:1: years: want a list`,
		"segments:\n  equity:\n    hours:\n      - { open: \"9:15\", close: \"15:30\" }":                                              `mine.yaml:4: segment equity: row 1 of hours: open: "9:15" is no time of day: write it as "09:15"`,
		`segments: { equity: { hours: [ { open: "09:15", close: "09:15" } ] } }`:                                                      `row 1 of hours: close must be later than open`,
		`segments: { equity: { hours: [ { open: "09:15", close: "24:01" } ] } }`:                                                      `close: "24:01" is no time of day`,
		`segments: { equity: { hours: [ { open: "09:15" } ] } }`:                                                                      `close is needed`,
		`segments: { equity: { hours: [ { opens: "09:15", close: "15:30" } ] } }`:                                                     `no field of segment equity: row 1 of hours "opens": did you mean open?`,
		`segments: { equity: { hours: [ { open: "09:15", close: "15:30", us_winter_close: "09:00" } ] } }`:                            `us_winter_close must be later than open`,
		`segments: { equity: { hours: [ { open: "09:15", close: "15:30", square_off: "soon before close" } ] } }`:                     `write it as "25m before close"`,
		`segments: { equity: { hours: [ { open: "09:15", close: "15:30", from: tomorrow } ] } }`:                                      `"tomorrow" is no day: write it as 2026-11-24`,
		`segments: { equity: { hours: [ { open: "09:15", close: "15:30", from: 2026-02-30 } ] } }`:                                    `"2026-02-30" is no day`,
		`segments: { equity: { hours: [ { open: "09:15", close: "15:30", from: 2026-01-02 }, { open: "09:15", close: "15:30" } ] } }`: `row 2 of hours: from must be later`,
		`segments: { equty: { hours: [ { open: "09:15", close: "15:30" } ] } }`:                                                       `mine.yaml:1: no segment "equty": did you mean equity?`,
		`segments: { metals: { hours: [ { open: "09:15", close: "15:30" } ] } }`:                                                      `mine.yaml:1: segment metals: exchanges and hours are needed`,
		`segments: { metals: { exchanges: [MCX], hours: [ { open: "09:15", close: "15:30" } ] } }`:                                    `mine.yaml: exchange MCX stands in two segments, commodity and metals`,
		`segments: { equity: { exchanges: [BSE], hours: [ { open: "09:15", close: "15:30" } ] } }`:                                    `stands in for unknown ones`,
		"holidays:\n  - 2026-12-31":                                                           `mine.yaml:2: a holiday is written { date: 2026-12-31, name: NAME }`,
		"holidays: [ { name: Diwali } ]":                                                      `mine.yaml:1: a holiday needs date: 2026-12-25`,
		"holidays: [ { date: 25.12.2026 } ]":                                                  `date: "25.12.2026" is no day: write it as 2026-11-24`,
		"holidays: [ { date: 2026-12-25, nam: X } ]":                                          `no field of a holiday "nam": did you mean name?`,
		`holidays: [ { date: 2026-11-08, open: { equities: "18:00-19:00" } } ]`:               `no segment "equities": did you mean equity?`,
		`holidays: [ { date: 2026-11-08, open: { shares: "18:00-19:00" } } ]`:                 `no segment "shares": there are equity, derivatives, currency, commodity`,
		`holidays: [ { date: 2026-11-08, segments: [comodity] } ]`:                            `no segment "comodity": did you mean commodity?`,
		`holidays: [ { date: 2026-11-08, open: { equity: "18:00" } } ]`:                       `open: equity: want "18:00-19:00"`,
		`holidays: [ { date: 2026-11-08, open: { equity: "19:00-18:00" } } ]`:                 `close 18:00 must be later than open 19:00`,
		"holidays:\n  - { date: 2027-01-26 }\n  - { date: 2027-01-26, segments: [currency] }": `mine.yaml:3: 2027-01-26 was already told of in line 2, for currency`,
		"years: [2027]\nyears: [2028]":                                                        `mine.yaml:2: years stands twice in the calendar`,
		"holidays: []\n---\nholidays: []":                                                     "more than one document",
		"a: &a [*a, *a]\n":                                                                    `no field of the calendar "a"`,
		"holidays: &a [*a, *a]\n":                                                             `mine.yaml:1: a holiday: want KEY: VALUE`,
	} {
		_, err := Parse("mine.yaml", []byte(text))
		var wrong Mistakes
		if !errors.As(err, &wrong) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\n\tgives %v\n\twithout %q", text, err, want)
		}
	}
	if _, err := Load(filepath.Join(t.TempDir(), "absent.yaml")); !errors.Is(err, fs.ErrNotExist) {
		t.Error("an absent file reads:", err)
	}
}

func TestEveryMistakeIsToldAtOnce(t *testing.T) {
	t.Parallel()
	_, err := Parse("mine.yaml", []byte("years: [x]\nholidays:\n  - { date: no }\n  - { date: 2027-01-26, open: { equty: usual } }\n"))
	want := "3 mistakes in the calendar:\n" +
		"mine.yaml:1: \"x\" is no year: write it as 2027\n" +
		"mine.yaml:3: date: \"no\" is no day: write it as 2026-11-24\n" +
		"mine.yaml:4: no segment \"equty\": did you mean equity?"
	if err == nil || err.Error() != want {
		t.Errorf("%v", err)
	}
	_, err = Parse("mine.yaml", []byte("holidays: ["+strings.Repeat("{}, ", 1000)+"]"))
	if err == nil || strings.Count(err.Error(), "\n") != mistakesShown+1 || !strings.HasSuffix(err.Error(), "and 980 more") {
		t.Errorf("%v", err)
	}
}

// The examples of docs/calendar.md are calendars.
func TestTheExamplesOfTheManualRead(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "calendar.md"))
	if err != nil {
		t.Fatal(err)
	}
	blocks := strings.Split(string(text), "```yaml\n")[1:]
	for _, b := range blocks {
		example, _, _ := strings.Cut(b, "```")
		if _, err := Parse("docs/calendar.md", []byte(example)); err != nil {
			t.Errorf("%v\n%s", err, example)
		}
	}
	if len(blocks) < 4 {
		t.Errorf("%d examples", len(blocks))
	}
}
