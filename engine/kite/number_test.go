package kite

import (
	"testing"
	"time"

	"backstop/engine/order"
)

func TestPricesAreExact(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]order.Price{
		"0": 0, "-0": 0, "470": 470_000_000, "0.05": 50_000, "0.0025": 2_500, "101.3333": 101_333_300, "-1.5": -1_500_000,
		"1.0000005": 1_000_001, "1.0000004": 1_000_000, "1e2": 100_000_000, "1.5E-2": 15_000, "999999999999.999999": 999_999_999_999_999_999,
		"1234567.85": 1_234_567_850_000,
	} {
		for _, v := range []value{{[]byte(text), kindNumber}, {[]byte(`"` + text + `"`), kindText}, {[]byte(`" ` + text + `\t"`), kindText}} {
			if got, err := price(v); err != nil || got != want {
				t.Errorf("%s: %v %v, want %v", v.raw, got, err, want)
			}
		}
	}
	for _, text := range []string{"1e999", "-1e999", "9999999999999", "1e13"} {
		if got, err := price(value{[]byte(text), kindNumber}); err == nil {
			t.Errorf("%s: %v", text, got)
		}
	}
	for _, text := range []string{`"abc"`, `"1,000.5"`, `"0x10"`, `"1_0"`, `"Inf"`, `"NaN"`, `"--1"`, `"1.2.3"`, `"٣"`} {
		if got, err := price(value{[]byte(text), kindText}); err == nil {
			t.Errorf("%s: %v", text, got)
		}
	}
}

func TestWholeNumbers(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int64{
		"75": 75, "75.0": 75, "75.000": 75, "7.5e1": 75, "-3": -3, "-0": 0, "9223372036854775807": 1<<63 - 1,
		"9007199254740993.0": 9007199254740993, "-9223372036854775808": -1 << 63,
	} {
		if got, err := integer(value{[]byte(text), kindNumber}); err != nil || got != want {
			t.Errorf("%s: %d %v", text, got, err)
		}
	}
	for _, text := range []string{"9223372036854775808", "-9223372036854775809", "1e19", "1e999", "0.5", "75.01", "1e-3"} {
		if got, err := integer(value{[]byte(text), kindNumber}); err == nil {
			t.Errorf("%s: %d", text, got)
		}
	}
	for text, want := range map[string]int64{`"007"`: 7, `""`: 0, `" "`: 0, `"75.0"`: 75} {
		if got, err := integer(value{[]byte(text), kindText}); err != nil || got != want {
			t.Errorf("%s: %d %v", text, got, err)
		}
	}
}

func TestMoments(t *testing.T) {
	t.Parallel()
	want := time.Date(2025, 11, 24, 9, 31, 7, 0, order.IST)
	for _, text := range []string{
		"2025-11-24 09:31:07", " 2025-11-24 09:31:07 ", "2025-11-24T09:31:07", "2025-11-24T09:31:07+05:30",
		"2025-11-24T04:01:07Z", "2025-11-24T09:31:07+0530", "2025-11-24 09:31:07.000", "2025-11-24 09:31:07+0530",
	} {
		got := moment(value{[]byte(`"` + text + `"`), kindText})
		if !got.Equal(want) || got.Location() != order.IST {
			t.Errorf("%s: %v", text, got)
		}
	}
	if got := momentOf("2025-11-24"); !got.Equal(time.Date(2025, 11, 24, 0, 0, 0, 0, order.IST)) {
		t.Error(got)
	}
	for _, text := range []string{
		"", "16:00:36", "24-11-2025 09:31:07", "2025-02-30 09:31:07", "2025-13-01 00:00:00", "2025-11-24 24:00:00",
		"2025-11-24 09:60:07", "0000-00-00 00:00:00", "0001-01-01 00:00:00", "0001-01-01T00:00:00Z", "1970-01-01 05:30:00", "soon", "2025-11-24X09:31:07",
	} {
		if got := momentOf(text); !got.IsZero() {
			t.Errorf("%s: %v", text, got)
		}
	}
}
