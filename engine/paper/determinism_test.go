package paper

import (
	"bytes"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// randomDay is a seeded day of random calls; it returns every byte that went out.
func randomDay(seed uint64) []byte {
	c := tenAM()
	x := New(Options{Now: c.now, Seed: seed, OpenDelay: 10 * time.Millisecond})
	walk := NewPlayer(x, NewWalk(x, seed, 300*time.Millisecond, 20, "NFO:"+option), c.at)
	random := rand.New(rand.NewPCG(seed, 1))
	pick := func(s ...string) string { return s[random.IntN(len(s))] }
	var out bytes.Buffer
	var ids []string
	for range 400 {
		c.advance(time.Duration(random.IntN(500)) * time.Millisecond)
		if err := walk.Advance(c.at); err != nil {
			panic(err)
		}
		switch random.IntN(7) {
		case 4:
			ltp := x.Price("NFO", option)
			if _, e := x.PlaceGTT(user, "", gttOf(ltp, max(ltp-3-float64(random.IntN(3)), 1), ltp+3+float64(random.IntN(3)))); e != nil {
				out.Write(e.Body())
			}
		case 5:
			variety := pick("iceberg", "co", "amo")
			id, e := x.Place(user, variety, with("price", strconv.Itoa(int(x.Price("NFO", option))+1), "product", "MIS", "quantity", "195",
				"iceberg_legs", "3", "iceberg_quantity", "65", "trigger_price", strconv.Itoa(int(x.Price("NFO", option))-5)))
			if e != nil {
				out.Write(e.Body())
				continue
			}
			ids = append(ids, id)
		case 6:
			_ = x.Convert(user, values("exchange", "NFO", "tradingsymbol", option, "transaction_type", "BUY", "position_type", "day",
				"quantity", "65", "old_product", "MIS", "new_product", "NRML"))
			if random.IntN(20) == 0 {
				x.ReleaseAMOs()
			}
		case 0, 1:
			ltp := int(x.Price("NFO", option))
			id, e := x.Place(user, "regular", with("transaction_type", pick("BUY", "SELL"), "quantity", strconv.Itoa(65*(1+random.IntN(4))),
				"order_type", pick("LIMIT", "MARKET", "SL"), "price", strconv.Itoa(ltp-5+random.IntN(10)),
				"trigger_price", strconv.Itoa(ltp-5+random.IntN(10)), "market_protection", pick("", "-1", "2"), "validity", pick("DAY", "IOC")))
			if e != nil {
				out.Write(e.Body())
				continue
			}
			ids = append(ids, id)
		case 2:
			if len(ids) > 0 {
				_, _ = x.Modify(user, "regular", ids[random.IntN(len(ids))], values("quantity", strconv.Itoa(65*(1+random.IntN(4)))))
			}
		case 3:
			if len(ids) > 0 {
				_, _ = x.Cancel(user, "regular", ids[random.IntN(len(ids))])
			}
		}
		for _, p := range x.Drain() {
			out.Write(p.PostbackBody())
			out.Write(p.StreamFrame())
		}
	}
	out.Write(x.OrdersJSON(user))
	out.Write(x.PositionsJSON(user))
	out.Write(x.GTTsJSON(user))
	trades, _ := x.TradesJSON(user, "")
	out.Write(trades)
	out.Write(x.InstrumentsCSV(""))
	return out.Bytes()
}

func TestDeterminism(t *testing.T) {
	first := randomDay(42)
	if !bytes.Equal(first, randomDay(42)) {
		t.Error("the same seed gave other bytes")
	}
	if bytes.Equal(first, randomDay(43)) {
		t.Error("another seed gave the same bytes")
	}
	for _, status := range []string{"COMPLETE", "CANCELLED", "UPDATE", "TRIGGER PENDING", "InputException",
		"AMO REQ RECEIVED", `"iceberg":{"leg":3`, `"parent_order_id":"2`, `"status":"triggered"`} {
		if !bytes.Contains(first, []byte(status)) {
			t.Errorf("the session never saw %s", status)
		}
	}
}

// Whatever is done, the book adds up.
func TestBookAddsUp(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		c := tenAM()
		x := New(Options{Now: c.now})
		var ids []string
		filled := map[string]int{}
		number := func(name string, low, high int) int { return rapid.IntRange(low, high).Draw(r, name) }
		for range number("steps", 1, 40) {
			c.advance(time.Second)
			switch number("what", 0, 5) {
			case 0, 1:
				id, e := x.Place(user, "regular", with("price", strconv.Itoa(number("price", 110, 130)),
					"transaction_type", rapid.SampledFrom([]string{"BUY", "SELL"}).Draw(r, "side"), "quantity", strconv.Itoa(65*number("lots", 1, 5))))
				if e != nil {
					r.Fatal(e)
				}
				ids = append(ids, id)
			case 2:
				if err := x.SetPrice("NFO", option, float64(number("ltp", 110, 130))); err != nil {
					r.Fatal(err)
				}
			case 3:
				if err := x.SetDepth("NFO", option, 65*number("depth", -1, 3)); err != nil {
					r.Fatal(err)
				}
			case 4:
				if len(ids) > 0 {
					_, _ = x.Modify(user, "regular", rapid.SampledFrom(ids).Draw(r, "id"), values("quantity", strconv.Itoa(65*number("to", 1, 5))))
				}
			case 5:
				if len(ids) > 0 {
					_, _ = x.Cancel(user, "regular", rapid.SampledFrom(ids).Draw(r, "id"))
				}
			}
			net := 0
			for _, b := range x.Book() {
				if b.Filled < filled[b.OrderID] || b.Filled > b.Quantity || b.Live() && b.Remaining != b.Quantity-b.Filled || b.Live() == (b.Remaining == 0) {
					r.Fatalf("order %+v after %d filled", b, filled[b.OrderID])
				}
				filled[b.OrderID] = b.Filled
				if b.TransactionType == "BUY" {
					net += b.Filled
				} else {
					net -= b.Filled
				}
				if b.Filled > 0 && (b.TransactionType == "BUY") && b.AveragePrice > 130 {
					r.Fatalf("bought dearer than the market ever was: %+v", b)
				}
			}
			if got := x.NetQuantity(user, "NFO", option, "NRML"); got != net {
				r.Fatalf("position %d, fills say %d", got, net)
			}
		}
	})
}

// However the price runs, a trigger fires once at most, one leg of it, and on the side that its last price said.
func TestATriggerHasOneOrderAtMost(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		c := tenAM()
		x := New(Options{Now: c.now})
		number := func(name string, low, high int) int { return rapid.IntRange(low, high).Draw(r, name) }
		for range number("triggers", 1, 4) {
			at := []float64{float64(number("lower", 80, 118)), float64(number("upper", 122, 160))}
			if _, e := x.PlaceGTT(user, "", gttOf(120, at[:number("legs", 1, 2)]...)); e != nil {
				r.Fatal(e)
			}
		}
		lowest, highest := 120.0, 120.0
		for range number("ticks", 1, 30) {
			c.advance(time.Second)
			price := float64(number("ltp", 75, 165))
			lowest, highest = min(lowest, price), max(highest, price)
			if err := x.SetPrice("NFO", option, price); err != nil {
				r.Fatal(err)
			}
			if number("next day", 0, 9) == 0 {
				x.NextDay()
			}
		}
		for _, g := range x.GTTs() {
			met, reached := 0, false
			for _, leg := range g.Legs {
				reached = reached || leg.Above && highest >= leg.Trigger || !leg.Above && lowest <= leg.Trigger
				if leg.Met {
					met++
				}
				if leg.Met == (leg.OrderID == "" && leg.Failure == "") {
					r.Fatalf("a leg that is met has an order or a failure: %+v", g)
				}
			}
			if met > 1 || (met == 1) != reached || g.Live() == reached {
				r.Fatalf("from %v to %v: %+v", lowest, highest, g)
			}
		}
	})
}
