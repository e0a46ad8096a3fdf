package order

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
)

// Price is an amount in millionths of a rupee. Ticks go down to 0.0025 rupees and average prices carry more
// digits, so paise would be too coarse; sums are exact in it.
type Price int64

// Rupee is one rupee as a Price.
const Rupee Price = 1_000_000

// PriceOf is x rupees, taken to six decimals (so 0.1+0.2 is 0.3). NaN, infinities and amounts beyond the
// range of a Price give 0 and false.
func PriceOf(x float64) (Price, bool) {
	scaled := math.Round(x * float64(Rupee))
	if math.IsNaN(scaled) || math.Abs(scaled) >= math.MaxInt64/2 {
		return 0, false
	}
	return Price(scaled), true
}

// Rupees is the price as a number of rupees.
func (p Price) Rupees() float64 { return float64(p) / float64(Rupee) }

// String is the shortest decimal form: 96, 96.05, 0.0025.
func (p Price) String() string { return string(p.Append(nil)) }

// Append appends the price in its shortest decimal form.
func (p Price) Append(b []byte) []byte {
	n := uint64(p)
	if p < 0 {
		b, n = append(b, '-'), uint64(-p)
	}
	whole, frac := n/uint64(Rupee), n%uint64(Rupee)
	b = strconv.AppendUint(b, whole, 10)
	if frac == 0 {
		return b
	}
	b = append(b, '.')
	for digit := uint64(Rupee) / 10; frac > 0; digit /= 10 {
		b = append(b, byte('0'+frac/digit))
		frac %= digit
	}
	return b
}

// MarshalJSON writes the price as a JSON number of rupees in its shortest form.
func (p Price) MarshalJSON() ([]byte, error) { return p.Append(nil), nil }

// UnmarshalJSON reads a JSON number of rupees; null is 0. It is an error for a number beyond a Price's range.
func (p *Price) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		*p = 0
		return nil
	}
	var n json.Number
	if err := json.Unmarshal(b, &n); err != nil {
		return fmt.Errorf("price: %w", err)
	}
	v, err := ParsePrice(n.String())
	if err != nil {
		return err
	}
	*p = v
	return nil
}

// ParsePrice reads a decimal number of rupees, exactly to six decimals and rounded beyond.
func ParsePrice(s string) (Price, error) {
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return 0, fmt.Errorf("price %q is not a number", s)
	}
	p, ok := PriceOf(f)
	if !ok {
		return 0, fmt.Errorf("price %q is out of range", s)
	}
	return p, nil
}

// Rounding says to which multiple of the tick a price goes that lies between two.
type Rounding int

// The three directions. What is already on a tick stays.
const (
	Nearest Rounding = iota
	Up
	Down
)

// Round is p as a multiple of tick. A tick of zero or less leaves p as it is. Half a tick goes up.
func (p Price) Round(tick Price, how Rounding) Price {
	if tick <= 0 {
		return p
	}
	floor := p / tick * tick
	if p < 0 && floor != p {
		floor -= tick
	}
	rest := p - floor
	switch {
	case rest == 0, how == Down:
		return floor
	case how == Up, rest*2 >= tick:
		return floor + tick
	default:
		return floor
	}
}
