package paper

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestScript(t *testing.T) {
	s, err := ParseScript(`
# a fall, then a thin book
0s   NFO:NIFTY26NOV24500CE 120
+5s  NFO:NIFTY26NOV24500CE 120..110 over 10s
+1s  NFO:NIFTY26NOV24500CE 98 depth 65   # last
30s  NSE:NIFTY_50 24480
`)
	ok(t, err)
	equal(t, "length", s.Length(), 30*time.Second)
	equal(t, "steps", len(s.Steps), 1+11+1+1)
	x, c := exchange(t)
	p := NewPlayer(x, s.Feed(), c.at)
	begin := c.at
	for _, want := range []struct {
		at    time.Duration
		price float64
	}{{0, 120}, {5 * time.Second, 120}, {6 * time.Second, 119}, {15 * time.Second, 110}, {16 * time.Second, 98}} {
		c.at = begin.Add(want.at)
		ok(t, p.Advance(c.at))
		equal(t, want.at.String(), x.Price("NFO", option), want.price)
	}
	id := mustPlace(t, x, "quantity", "130")
	has(t, bookRow(t, x, id), fields{"filled_quantity": 65})
	at, more := p.NextAt()
	equal(t, "more", more, true)
	equal(t, "next", at.Sub(begin), 30*time.Second)
	c.at = at
	ok(t, p.Advance(c.at))
	equal(t, "index", x.Price("NSE", "NIFTY 50"), 24480)
	if _, more = p.NextAt(); more {
		t.Error("more after the last step")
	}
}

func TestScriptErrors(t *testing.T) {
	for text, want := range map[string]string{
		"0s NFO:X":                       "line 1: want: TIME",
		"\nsoon NFO:X 1":                 "line 2: want a time",
		"0s X 1":                         "want EXCHANGE:SYMBOL",
		"0s NFO:X -1":                    "want a price above 0",
		"0s NFO:X 1..2":                  "wants over DURATION",
		"0s NFO:X 1..z over 1s":          "want a price above 0",
		"0s NFO:X 1 over 1s":             "want PRICE..PRICE over",
		"0s NFO:X 1 depth many":          "want a quantity",
		"0s NFO:X 1 depth":               "wants a value",
		"0s NFO:X 1 width 2":             "unknown word",
		"9s NFO:X 1\n8s NFO:X 1":         "line 2: 8s is before",
		"0s A:B 1..2 over 9s\n5s A:B 1.": "line 2: 5s is before",
	} {
		if _, err := ParseScript(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
	x, c := exchange(t)
	s, _ := ParseScript("0s NFO:NONE 1")
	if err := NewPlayer(x, s.Feed(), c.at).Advance(c.at); err == nil {
		t.Error("an unknown instrument was played")
	}
}

func TestWalkStaysInCircuit(t *testing.T) {
	x, c := exchange(t)
	ok(t, x.SetCircuit("NFO", option, 118, 122))
	p := NewPlayer(x, NewWalk(x, 3, time.Second, 30, "NFO:"+option), c.at)
	low, high := 1e9, 0.0
	for range 500 {
		c.advance(time.Second)
		ok(t, p.Advance(c.at))
		price := x.Price("NFO", option)
		low, high = min(low, price), max(high, price)
	}
	equal(t, "range", fmt.Sprint(low, high), "118 122")
}

func TestPlayInRealTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := New(Options{Now: time.Now})
		s, _ := ParseScript("1s NSE:INFY 1510\n+1h NSE:INFY 1520")
		start := time.Now()
		ok(t, Play(t.Context(), x, s.Feed()))
		equal(t, "took", time.Since(start), time.Hour+time.Second)
		equal(t, "price", x.Price("NSE", "INFY"), 1520)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := Play(ctx, x, NewWalk(x, 1, time.Second, 2)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("ended with %v", err)
		}
	})
}
