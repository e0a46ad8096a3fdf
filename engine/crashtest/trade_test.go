//go:build unix

package crashtest

import (
	"math/rand/v2"
	"net/http"
	"sync"
	"time"
)

// trader acts at the exchange for all accounts until it is told to stop: entries filled in part, targets and stops
// that fill, exits by phone, entries cancelled. What the exchange refuses it lets be.
type trader struct {
	w    *world
	dice *rand.Rand
	stop chan struct{}
	all  sync.WaitGroup
	last map[string]float64 // price of each symbol when it was still
}

// openMost bounds the positions and resting entries of an account, so that a book stays that of a day.
const openMost = 6

// trade starts a trader; every is the mean time between two acts.
func (w *world) trade(seed uint64, every time.Duration) *trader {
	tr := &trader{w: w, dice: rand.New(rand.NewPCG(seed, 0x74726164)), stop: make(chan struct{}), last: map[string]float64{}}
	for _, s := range symbols {
		tr.last[s] = 300
		w.must(w.exchange.price(s, 300))
	}
	tr.all.Go(func() {
		for {
			select {
			case <-tr.stop:
				return
			case <-time.After(time.Duration((0.3 + 1.4*tr.dice.Float64()) * float64(every))):
				tr.act()
			}
		}
	})
	return tr
}

// end stops the trader; prices stand still from then on.
func (tr *trader) end() {
	close(tr.stop)
	tr.all.Wait()
	for s, p := range tr.last {
		tr.w.must(tr.w.exchange.price(s, p))
	}
}

// act does one thing.
func (tr *trader) act() {
	book, err := tr.w.exchange.book()
	if err != nil {
		return
	}
	a := tr.w.accounts[tr.dice.IntN(len(tr.w.accounts))]
	symbol := symbols[tr.dice.IntN(len(symbols))]
	var entries, stops, targets []row
	open := map[string]int{}
	for _, r := range book {
		if r.User != a.user {
			continue
		}
		open[r.Tradingsymbol] += r.sign() * r.Filled
		switch {
		case !r.live():
		case !r.ours():
			entries = append(entries, r)
		case r.OrderType == "SL":
			stops = append(stops, r)
		case r.OrderType == "LIMIT":
			targets = append(targets, r)
		}
	}
	x := tr.w.exchange
	switch n := tr.dice.IntN(100); {
	case n < 30:
		if len(entries)+len(stops) < openMost {
			away := 0.97
			if side(symbol) == "SELL" {
				away = 1.03
			}
			_, _ = x.entry(a, symbol, 1+tr.dice.IntN(4), tr.last[symbol]*away)
		}
	case n < 68:
		if r, ok := pick(tr.dice, entries); ok {
			_ = x.fill(r.OrderID, lot*(1+tr.dice.IntN(max(1, r.Remaining/lot))))
		}
	case n < 76:
		if r, ok := pick(tr.dice, targets); ok {
			_ = x.fill(r.OrderID, lot*(1+tr.dice.IntN(max(1, r.Remaining/lot))))
		}
	case n < 84:
		if r, ok := pick(tr.dice, stops); ok { // the price comes to the trigger, sometimes through it, and goes back
			through := 1.0
			if tr.dice.IntN(4) == 0 {
				through = 1 - float64(r.sign())*-0.1
			}
			_ = x.price(r.Tradingsymbol, r.TriggerPrice*through)
			if tr.dice.IntN(2) == 0 {
				tr.last[r.Tradingsymbol] = 300
				_ = x.price(r.Tradingsymbol, 300)
			}
		}
	case n < 92:
		if q := open[symbol]; q != 0 {
			out, most := "SELL", q
			if q < 0 {
				out, most = "BUY", -q
			}
			_ = x.phone(a.user, symbol, out, lot*(1+tr.dice.IntN(most/lot)))
		}
	default:
		if r, ok := pick(tr.dice, entries); ok {
			_, _ = x.kite(a, http.MethodDelete, "/orders/regular/"+r.OrderID, nil)
		}
	}
}

func pick(dice *rand.Rand, rows []row) (row, bool) {
	if len(rows) == 0 {
		return row{}, false
	}
	return rows[dice.IntN(len(rows))], true
}
