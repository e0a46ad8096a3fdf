package market

import (
	"strings"
	"testing"
)

func TestAnUnknownYearIsToldAndBlocksNothing(t *testing.T) {
	t.Parallel()
	c := Default()
	for day, want := range map[string]string{
		"2026-01-01 00:00": "",
		"2026-12-14 23:59": "",
		"2026-12-15 00:00": "doesn't know the holidays of 2027 yet",
		"2026-12-31 23:59": "doesn't know the holidays of 2027 yet",
		"2027-01-01 00:00": "doesn't know the holidays of 2027: every weekday counts as a trading day",
		"2025-06-02 12:00": "doesn't know the holidays of 2025:",
	} {
		if got := c.Note(at(t, day)); (got == "") != (want == "") || !strings.Contains(got, want) {
			t.Errorf("%s: %q", day, got)
		}
	}
	if !c.IsOpen("NSE", at(t, "2027-01-26 10:00")) || c.IsOpen("NSE", at(t, "2027-01-30 10:00")) {
		t.Error("an unknown year doesn't go by weekdays")
	}
	mine, err := Parse("mine.yaml", []byte("years: [2027]\nholidays: [{ date: 2027-01-26, name: Republic Day }]"))
	if err != nil || mine.Note(at(t, "2027-01-04 12:00")) != "" || mine.Note(at(t, "2026-12-20 12:00")) != "" {
		t.Error(err, mine.Note(at(t, "2027-01-04 12:00")))
	}
	if Always().Note(at(t, "2027-01-04 12:00")) != "" {
		t.Error("always has no holidays to know")
	}
}

func TestTodayInOneLine(t *testing.T) {
	t.Parallel()
	for day, want := range map[string]string{
		"2026-11-25": "today NSE BSE 09:15–15:30 (shares with derivatives: auction from 15:15), NFO BFO 09:15–15:40, CDS BCD 09:00–17:00, MCX 09:00–23:55",
		"2026-07-31": "today NSE BSE 09:15–15:30, NFO BFO 09:15–15:30, CDS BCD 09:00–17:00, MCX 09:00–23:30",
		"2026-11-24": "today Guru Nanak Jayanti: MCX 17:00–23:55; NSE opens on Wednesday, 25 November at 09:15",
		"2026-12-25": "today Christmas: all closed; NSE opens on Monday, 28 December at 09:15",
		"2026-11-28": "today Saturday: all closed; NSE opens on Monday, 30 November at 09:15",
		"2026-11-08": "today Muhurat: NSE BSE 18:00–19:00, NFO BFO 18:00–19:00, CDS BCD 18:00–19:00, MCX 18:00–19:00",
	} {
		if got := Default().Today(at(t, day+" 10:00")); got != want {
			t.Errorf("%s: %q", day, got)
		}
	}
	if got := Always().Today(at(t, "2026-11-28 10:00")); !strings.Contains(got, "market_hours: always") {
		t.Error(got)
	}
}
