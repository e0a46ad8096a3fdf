package kite

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"backstop/engine/order"
)

// Kite writes numbers as integers, as floats and, in some channels, as texts (docs/kite.md 1.5). Absent, null and
// "" are 0. What no int64 or price can hold is an error, never a wrapped or infinite number.

var (
	errRange = errors.New("is out of range")
	errNaN   = errors.New("is not a number")
)

// literal is the number in v as text, "" where it is null or empty.
func literal(v value) (string, error) {
	switch v.kind {
	case kindNumber:
		return string(v.raw), nil
	case kindNull:
		return "", nil
	case kindText:
		s := strings.TrimSpace(v.text())
		if s != "" && !numeric(s) {
			return "", fmt.Errorf("%q %w", clip(s), errNaN)
		}
		return s, nil
	case kindNaN:
		return "", fmt.Errorf("%s %w", v.raw, errNaN)
	default:
		return "", fmt.Errorf("want a number, got %s", v.kind)
	}
}

// numeric says whether s is a number as JSON writes it, or digits alone.
func numeric(s string) bool { return numberLength([]byte(s)) == len(s) || digits(s) }

// digits says whether s is digits alone, with leading zeros as texts may have them.
func digits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// integer is a whole number; 75.0 and 7.5e1 are whole.
func integer(v value) (int64, error) {
	s, err := literal(v)
	if s == "" || err != nil {
		return 0, err
	}
	return integerOf(s)
}

// integerOf is the whole number in a numeric text.
func integerOf(s string) (int64, error) {
	whole := s
	if i := strings.IndexByte(s, '.'); i > 0 && strings.Trim(s[i+1:], "0") == "" {
		whole = s[:i]
	}
	if n, err := strconv.ParseInt(whole, 10, 64); err == nil {
		return n, nil
	}
	f, err := strconv.ParseFloat(s, 64)
	switch {
	case err != nil, math.Abs(f) >= 1<<63:
		return 0, fmt.Errorf("%s %w", clip(s), errRange)
	case f != math.Trunc(f):
		return 0, fmt.Errorf("%s is not a whole number", clip(s))
	}
	return int64(f), nil
}

// float is a finite number.
func float(v value) (float64, error) {
	s, err := literal(v)
	if s == "" || err != nil {
		return 0, err
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsInf(f, 0) {
		return 0, fmt.Errorf("%s %w", clip(s), errRange)
	}
	return f, nil
}

// price is an amount in rupees, exact to six decimals.
func price(v value) (order.Price, error) {
	s, err := literal(v)
	if s == "" || err != nil {
		return 0, err
	}
	if p, ok := decimal(s); ok {
		return p, nil
	}
	p, err := order.ParsePrice(s)
	if err != nil {
		return 0, fmt.Errorf("%s %w", clip(s), errRange)
	}
	return p, nil
}

// decimal reads the plain decimals that prices are, without a float between; false leaves the text to
// order.ParsePrice.
func decimal(s string) (order.Price, bool) {
	const wholeMax, fracMax = 12, 6
	negative := strings.HasPrefix(s, "-")
	if negative {
		s = s[1:]
	}
	whole, frac, dotted := strings.Cut(s, ".")
	if !digits(whole) || len(whole) > wholeMax || dotted && (!digits(frac) || len(frac) > fracMax) {
		return 0, false
	}
	var n int64
	for i := range len(whole) {
		n = n*10 + int64(whole[i]-'0')
	}
	for i := range fracMax {
		n *= 10
		if i < len(frac) {
			n += int64(frac[i] - '0')
		}
	}
	if negative {
		n = -n
	}
	return order.Price(n), true
}

// moment is a time as Kite writes it: IST without a zone, now and then RFC 3339 or a date alone (midnight IST).
// What is none of these, a time of day alone for one (docs/kite.md 3.5), is not known: the zero time and no error,
// since one odd time must not cost an update.
func moment(v value) time.Time {
	if v.kind != kindText {
		return time.Time{}
	}
	if t, ok := stamp(v.raw[1 : len(v.raw)-1]); ok {
		return known(t)
	}
	return momentOf(strings.TrimSpace(v.text()))
}

func momentOf(s string) time.Time {
	if t, ok := stamp(s); ok {
		return known(t)
	}
	for _, layout := range []string{
		"2006-01-02 15:04:05.999999999", "2006-01-02T15:04:05.999999999", time.DateOnly,
		time.RFC3339Nano, "2006-01-02T15:04:05.999999999-0700", "2006-01-02 15:04:05.999999999-0700",
	} {
		if t, err := time.ParseInLocation(layout, s, order.IST); err == nil {
			return known(t.In(order.IST))
		}
	}
	return time.Time{}
}

// known is t, or zero for the years that systems write when they mean none.
func known(t time.Time) time.Time {
	if t.Year() < 1980 {
		return time.Time{}
	}
	return t
}

// stamp reads YYYY-MM-DD HH:MM:SS, which all but a few times are, without time.Parse.
func stamp[T string | []byte](s T) (time.Time, bool) {
	if len(s) != len(time.DateTime) || s[4] != '-' || s[7] != '-' || s[10] != ' ' || s[13] != ':' || s[16] != ':' {
		return time.Time{}, false
	}
	var n [6]int
	for i, at := range [6][2]int{{0, 4}, {5, 7}, {8, 10}, {11, 13}, {14, 16}, {17, 19}} {
		for j := at[0]; j < at[1]; j++ {
			c := s[j]
			if c < '0' || c > '9' {
				return time.Time{}, false
			}
			n[i] = n[i]*10 + int(c-'0')
		}
	}
	t := time.Date(n[0], time.Month(n[1]), n[2], n[3], n[4], n[5], 0, order.IST)
	if t.Month() != time.Month(n[1]) || t.Day() != n[2] || t.Hour() != n[3] || t.Minute() != n[4] || t.Second() != n[5] {
		return time.Time{}, false // 31 February, 25 o'clock
	}
	return t, true
}
