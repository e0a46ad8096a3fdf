package paper

import (
	"math"
	"strconv"
	"strings"
)

// amount is money in ten-thousandths of a rupee: fine enough for currency
// ticks (0.0025), coarse enough that a day's value fits an int64.
type amount int64

// rupee is one rupee.
const rupee amount = 10_000

// amountLimit is the greatest price taken from outside, in rupees. Beyond it
// a product of price and quantity could overflow.
const amountLimit = 1e8

// amountOf rounds rupees to the nearest ten-thousandth.
func amountOf(rupees float64) amount {
	return amount(math.Round(rupees * float64(rupee)))
}

// parseAmount reads decimal rupees. exact is false when digits finer than an
// amount can hold were cut off; such a price is a multiple of no tick.
func parseAmount(text string) (a amount, exact, ok bool) {
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(f) || f < 0 || f > amountLimit {
		return 0, false, false
	}
	a = amountOf(f)
	return a, math.Abs(f*float64(rupee)-float64(a)) < 1e-4, true
}

// String is the shortest decimal, as Kite's JSON writes it: 470, 159.82.
func (a amount) String() string {
	sign := ""
	if a < 0 {
		sign, a = "-", -a
	}
	whole := strconv.FormatInt(int64(a/rupee), 10)
	if a%rupee == 0 {
		return sign + whole
	}
	frac := strconv.FormatInt(int64(rupee+a%rupee), 10)[1:]
	return sign + whole + "." + strings.TrimRight(frac, "0")
}

// fixed has two decimals at least, as Kite's messages write prices: 0.10.
func (a amount) fixed() string {
	s := a.String()
	dot := strings.IndexByte(s, '.')
	switch {
	case dot < 0:
		return s + ".00"
	case len(s)-dot == 2:
		return s + "0"
	}
	return s
}

// MarshalJSON writes a bare number; whole rupees without a point (docs/kite.md 1.5).
func (a amount) MarshalJSON() ([]byte, error) { return []byte(a.String()), nil }

func (a amount) rupees() float64 { return float64(a) / float64(rupee) }

// times is the value of quantity at this price.
func (a amount) times(quantity int) amount { return a * amount(quantity) }

// per is the average price of quantity that together cost a.
func (a amount) per(quantity int) amount {
	if quantity == 0 {
		return 0
	}
	return amount(math.Round(float64(a) / float64(quantity)))
}

// floorTick and ceilTick round to a multiple of tick.
func (a amount) floorTick(tick amount) amount { return a - a%tick }

func (a amount) ceilTick(tick amount) amount {
	if a%tick == 0 {
		return a
	}
	return a - a%tick + tick
}
