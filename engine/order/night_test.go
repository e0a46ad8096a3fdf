package order

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestTheMorningSaysWhatOfEachGroupThereStillIs(t *testing.T) {
	group := func(id string, n int64) Overnight { return Overnight{Key: nifty, Group: id, Quantity: n, Ours: true} }
	nobody := func(n int64) Overnight { return Overnight{Key: nifty, Quantity: n} }
	left := func(o Overnight, quantity, gone int64) Overnight {
		o.Quantity, o.Gone = quantity, gone
		return o
	}
	for name, k := range map[string]struct {
		stood []Overnight
		told  int64
		want  []Overnight
	}{
		"all of it":                                 {[]Overnight{group("1", 10), group("2", 5)}, 15, []Overnight{group("1", 10), group("2", 5)}},
		"the oldest is taken off first":             {[]Overnight{group("1", 10), group("2", 5)}, 7, []Overnight{left(group("1", 10), 2, 8), group("2", 5)}},
		"one is gone":                               {[]Overnight{group("1", 10), group("2", 5)}, 5, []Overnight{left(group("1", 10), 0, 10), group("2", 5)}},
		"all are gone":                              {[]Overnight{group("1", 10), group("2", 5)}, 0, []Overnight{left(group("1", 10), 0, 10), left(group("2", 5), 0, 5)}},
		"more than stood is of no group":            {[]Overnight{group("1", 10)}, 25, []Overnight{group("1", 10), nobody(15)}},
		"what is of no group grows":                 {[]Overnight{nobody(20), group("1", 10)}, 35, []Overnight{nobody(25), group("1", 10)}},
		"what is of no group goes without a word":   {[]Overnight{nobody(20), group("1", 10)}, 10, []Overnight{group("1", 10)}},
		"nothing stood":                             {nil, -30, []Overnight{nobody(-30)}},
		"sold, and some was bought back":            {[]Overnight{group("1", -10)}, -4, []Overnight{left(group("1", -10), -4, 6)}},
		"turned to the other side":                  {[]Overnight{group("1", 10)}, -4, []Overnight{left(group("1", 10), 0, 10), nobody(-4)}},
		"turned, and what was of nobody goes along": {[]Overnight{nobody(10)}, -4, []Overnight{nobody(-4)}},
	} {
		var told []Overnight
		if k.told != 0 {
			told = []Overnight{{Key: nifty, Quantity: k.told}}
		}
		if got := Carry(k.stood, told); !slices.EqualFunc(got, k.want, func(a, b Overnight) bool {
			return a.Key == b.Key && a.Group == b.Group && a.Quantity == b.Quantity && a.Gone == b.Gone
		}) {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// Whatever stood and whatever the broker tells, the rows of a place add up to what it tells, and no group grows.
func TestInvariant4WhatIsCarriedInIsWhatTheBrokerTells(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		side := rapid.SampledFrom([]int64{1, -1}).Draw(t, "side")
		var stood []Overnight
		for i, n := range rapid.SliceOfN(rapid.Int64Range(1, 50), 0, 5).Draw(t, "stood") {
			o := Overnight{Key: nifty, Quantity: side * n, Ours: true}
			if i > 0 || rapid.Bool().Draw(t, "group") {
				o.Group = string(rune('a' + i))
			}
			stood = append(stood, o)
		}
		q := rapid.Int64Range(-200, 200).Draw(t, "told")
		var sum int64
		for _, row := range Carry(stood, []Overnight{{Key: nifty, Quantity: q}}) {
			sum += row.Quantity
			for _, s := range stood {
				if s.Group != "" && s.Group == row.Group && magnitude(row.Quantity)+row.Gone != magnitude(s.Quantity) {
					t.Fatalf("%+v of %+v", row, s)
				}
			}
		}
		if sum != q {
			t.Fatalf("%d carried in, %d told", sum, q)
		}
	})
}
