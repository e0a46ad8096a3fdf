package lane

import (
	"time"

	"backstop/engine/order"
	"backstop/rules"
)

// dayWords is the account's day: derived from the orders, so that no update can count twice.
func (l *Lane) dayWords() rules.DayWords {
	var w rules.DayWords
	for _, o := range l.book.Orders() {
		if o.Assumed {
			continue
		}
		w.Orders++
		switch o.Seen(order.Claimed).Row.Status {
		case order.StatusComplete:
			w.Fills++
		case order.StatusRejected:
			w.Rejections++
		case order.StatusCancelled:
			w.Cancellations++
		}
	}
	realized, open := l.dayProfit()
	for _, k := range l.book.Keys() {
		for _, g := range l.book.Holding(order.Claimed, k).Groups {
			if g.Stock() {
				continue
			}
			won, told := g.Realized()
			switch {
			case g.Open() > 0 || g.Exited == 0 || !told:
			case won > 0:
				w.Wins++
			case won < 0:
				w.Losses++
			}
		}
	}
	w.RealizedPnL, w.PnL = realized.Rupees(), (realized + open).Rupees()
	return w
}

// dayProfit is what was exited today, and what is open at the last prices.
func (l *Lane) dayProfit() (realized, open order.Price) {
	for _, k := range l.book.Keys() {
		h := l.book.Holding(order.Claimed, k)
		m, known := l.multiplier(k)
		if !known {
			continue
		}
		made := h.Realized
		if h.Carried {
			made += carriedToday(h)
		}
		realized += made * order.Price(m)
		for _, g := range h.Open() {
			if entry, told := g.DayEntry(); told && !g.Stock() && l.lastPrice(k) > 0 {
				open += (l.lastPrice(k) - entry) * order.Price(g.Open()*g.Sign*m)
			}
		}
	}
	return realized, open
}

// carriedToday is by how much the day's result of a place differs from that of its groups: what was carried in counts from
// the last close, and shares that are held don't count.
func carriedToday(h *order.Holding) order.Price {
	var differs order.Price
	for _, g := range h.Groups {
		if g.Carried {
			whole, _ := g.Realized()
			differs -= whole
			if today, _ := g.DayRealized(); !g.Stock() {
				differs += today
			}
		}
	}
	return differs
}

// dayLacks is what the day's profit needs and nobody has told: "average_price", "last_price" or "".
func (l *Lane) dayLacks(last bool) string {
	lacks := ""
	for _, k := range l.book.Keys() {
		h := l.book.Holding(order.Claimed, k)
		for _, g := range h.Groups {
			if g.Gone || g.Stock() {
				continue // at what price it went nobody knows, and nothing was exited today
			}
			if _, told := g.DayRealized(); !told {
				return "average_price"
			}
			if g.Open() == 0 || !last {
				continue
			}
			if _, told := g.DayEntry(); !told {
				return "average_price"
			}
			if l.lastPrice(k) == 0 {
				lacks = "last_price"
			}
		}
	}
	return lacks
}

// clockWords are what the clock says for an event's exchange.
func (l *Lane) clockWords(exchange string) rules.ClockWords {
	if exchange == "" {
		exchange = "NSE"
	}
	now := l.meta.Now.In(order.IST)
	w := rules.ClockWords{TimeOfDay: now.Format("15:04"), Open: l.o.Hours.IsOpen(exchange, now)}
	if end := l.o.Hours.Close(exchange, now); !end.IsZero() {
		w.Session, w.Minutes = true, end.Sub(now).Truncate(time.Second).Minutes()
	}
	return w
}
