package paper

import (
	"fmt"
	"strconv"
)

// IDForm is the shape of order ids (docs/kite.md 3.3).
type IDForm int

const (
	// Snowflake is the 19-digit form that holds the placement's millisecond.
	// Before May 2018 the number is shorter.
	Snowflake IDForm = iota
	// Dated is the 15-digit form that begins YYMMDD.
	Dated
)

// String is the name used by flags.
func (f IDForm) String() string {
	if f == Dated {
		return "dated"
	}
	return "snowflake"
}

const (
	snowflakeEpoch = 1288834974657 // ms since 1970 (docs/kite.md 3.3)
	snowflakeNode  = 6
)

// counters number what the exchange hands out.
type counters struct {
	flakeMilli, flakeSequence int64
	dated, exchangeOrder      int64
	trade                     int64
	gtt                       int
}

// newOrderID is greater than every id before it.
func (x *Exchange) newOrderID() string {
	c := &x.counters
	if x.opts.IDForm == Dated {
		c.dated += 1 + x.random.Int64N(97)
		return x.now.In(ist).Format("060102") + fmt.Sprintf("%09d", 200_000_000+c.dated)
	}
	milli := max(x.now.UnixMilli()-snowflakeEpoch, 1)
	if milli > c.flakeMilli {
		c.flakeMilli, c.flakeSequence = milli, 0
	} else if c.flakeSequence++; c.flakeSequence > 4095 {
		c.flakeMilli, c.flakeSequence = c.flakeMilli+1, 0
	}
	return strconv.FormatInt(c.flakeMilli<<22|snowflakeNode<<12|c.flakeSequence, 10)
}

// newExchangeOrderID differs in shape per exchange: 19 digits at BSE's, 16
// elsewhere (docs/kite.md 3.3); the 15 at MCX are ours.
func (x *Exchange) newExchangeOrderID(l *listing) string {
	x.counters.exchangeOrder++
	n := x.counters.exchangeOrder
	switch {
	case l.isBSE():
		return strconv.FormatInt(1_711_099_883_046_870_000+n, 10)
	case l.Exchange == "MCX":
		return strconv.FormatInt(632_700_000_000_000+n, 10)
	case l.isDerivative():
		return strconv.FormatInt(1_200_000_021_264_000+n, 10)
	}
	return strconv.FormatInt(1_100_000_021_264_000+n, 10)
}

func (x *Exchange) newTradeID() string {
	x.counters.trade++
	return strconv.FormatInt(10_000_000+x.counters.trade, 10)
}

const letterSet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// letters is n seeded characters: guids and tokens.
func (x *Exchange) letters(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = letterSet[x.random.IntN(len(letterSet))]
	}
	return string(b)
}
