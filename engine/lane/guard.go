package lane

import (
	"fmt"
	"slices"
	"time"

	"backstop/actions"
	"backstop/engine/order"
	"backstop/rules"
)

// Guardrails hold back what adds risk and nothing else (invariant 9): each refusal ends the request as failed, so that
// it is told and rules hear of it. They are looked at when the request is about to leave, not when it was decided.

// lapsedAfter is how long what adds risk may wait after its event.
const lapsedAfter = 60 * time.Second

// lapse ends what adds risk and has waited too long: its event is no ground to act on any more.
func (l *Lane) lapse(r *actions.Request) verdict {
	if r.Priority == actions.PriorityRisk && !r.Since.IsZero() && l.meta.Now.Sub(r.Since) > lapsedAfter {
		why := "it came too late"
		if r.Why != "" {
			why = "it waited too long (" + r.Why + ")"
		}
		l.fail(r, guardrail(why+": what adds risk is not sent more than 60 s after its event", "do it by hand if it is still meant"))
	}
	return verdict{}
}

// guard judges what adds risk.
func (l *Lane) guard(r *actions.Request) verdict {
	if r.Priority != actions.PriorityRisk {
		return verdict{}
	}
	l.observeLoss()
	if l.meta.Paused {
		return verdict{wait: actions.WhyPaused}
	}
	if l.o.Rules == nil {
		return verdict{}
	}
	if d := l.differing(r.Key); d != nil {
		l.fail(r, guardrail(fmt.Sprintf("the position differs: the order book gives %d of %s %s, Zerodha's positions say %d", d.Have, d.Key.Tradingsymbol, d.Key.Product, d.Told),
			"look at the position in Kite; it is read again each minute"))
		return verdict{}
	}
	if bad := l.shut(r); bad != nil {
		l.fail(r, bad)
		return verdict{}
	}
	if bad := l.guardrails(r, l.o.Rules.Guardrails()); bad != nil {
		l.fail(r, bad)
	}
	return verdict{}
}

// shut refuses an order on a day without a session of its exchange: Zerodha would keep it for the next one, which a rule
// that ran because another exchange trades did not mean. A schedule with holidays: true means it.
func (l *Lane) shut(r *actions.Request) *actions.Error {
	exchange := r.Call.Params.Exchange
	if r.Call.Method != actions.Place || r.Call.Variety == "amo" || !l.o.Hours.Close(exchange, l.meta.Now).IsZero() {
		return nil
	}
	if rule, ok := l.o.Rules.Rule(r.For); ok && rule.Schedule != nil && rule.Schedule.Holidays {
		return nil
	}
	return guardrail(fmt.Sprintf("%s has no session on %s", exchange, l.meta.Now.In(order.IST).Format("Monday, 2 January")),
		"write holidays: true beside the schedule if an order for the next session is meant; if the exchange does trade today, the calendar file lacks it")
}

func guardrail(message, hint string) *actions.Error {
	return &actions.Error{Class: actions.ClassGuardrail, Op: "guardrail", Message: message, Hint: hint}
}

// guardrails is the first limit that a request breaks, or nil.
func (l *Lane) guardrails(r *actions.Request, g rules.Guardrails) *actions.Error {
	p := r.Call.Params
	p.Quantity = max(p.Quantity, r.Whole)
	raise := "change the guardrail if it is meant"
	fits := func(patterns []string, text string) bool {
		return len(patterns) == 0 || slices.ContainsFunc(patterns, func(x string) bool { return rules.Glob(text, x) })
	}
	switch {
	case !fits(g.Instruments, p.Key().Instrument()):
		return guardrail(fmt.Sprintf("instruments: %s is not among them", p.Key().Instrument()), raise)
	case !fits(g.Products, p.Product):
		return guardrail("products: "+p.Product+" is not among them", raise)
	case !within(g.TradingHours, l.meta.Now):
		return guardrail(fmt.Sprintf("trading_hours: it is %s", l.meta.Now.In(order.IST).Format("15:04")), raise)
	case g.MaxOrderQuantity > 0 && p.Quantity > g.MaxOrderQuantity:
		return guardrail(fmt.Sprintf("max_order_quantity: %d is more than %d", p.Quantity, g.MaxOrderQuantity), raise)
	}
	if g.MaxOrderValue > 0 {
		price := p.Price
		if price == 0 {
			price = l.knownPrice(p.Key())
		}
		if price == 0 {
			return guardrail("max_order_value: the value of a MARKET order in "+p.Tradingsymbol+" is not known: no price of it was seen today", "write order_type: LIMIT and price")
		}
		m, known := l.multiplier(p.Key())
		if !known {
			return guardrail("max_order_value: the value of an order in "+p.Tradingsymbol+" is not known: Zerodha tells what a lot of it is worth with its position, and none was seen yet",
				"write max_order_quantity, or trade it once by hand")
		}
		if value := price * order.Price(p.Quantity*m); value > g.MaxOrderValue {
			return guardrail(fmt.Sprintf("max_order_value: %s is more than %s", value, g.MaxOrderValue), raise)
		}
	}
	if r.Call.Method != actions.Place {
		return nil
	}
	return l.guardCounts(r, g, raise)
}

// guardCounts are the limits on how many.
func (l *Lane) guardCounts(r *actions.Request, g rules.Guardrails, raise string) *actions.Error {
	if g.MaxChain > 0 && int64(r.Chain) > g.MaxChain {
		return guardrail(fmt.Sprintf("max_chain: %d orders in a row answered events of Backstop's own orders", g.MaxChain), "look whether the rule answers itself")
	}
	minute, flying := int64(0), int64(0)
	for _, other := range l.requests {
		if other.Call.Method != actions.Place || other.Attempts == 0 || other.ID == r.ID {
			continue
		}
		if other.Priority == actions.PriorityRisk && l.meta.Now.Sub(other.Sent) < time.Minute {
			minute++
		}
		if other.State.InFlight() && other.OrderID == "" {
			flying += ordersOf(other)
		}
	}
	if g.MaxOrdersPerMinute > 0 && minute >= g.MaxOrdersPerMinute {
		return guardrail(fmt.Sprintf("max_orders_per_minute: %d left within a minute", minute), raise)
	}
	if today := int64(l.book.Len()) + flying; g.MaxOrdersPerDay > 0 && today+ordersOf(r) > g.MaxOrdersPerDay {
		return guardrail(fmt.Sprintf("max_orders_per_day: the account has %d orders today", today), raise)
	}
	if open := l.openPositions(r.Key); g.MaxOpenPositions > 0 && open >= g.MaxOpenPositions {
		return guardrail(fmt.Sprintf("max_open_positions: %d are open", open), raise)
	}
	return nil
}

// ordersOf is how many orders a placement becomes: each leg of an iceberg counts (docs/kite.md 3.9).
func ordersOf(r *actions.Request) int64 { return max(1, r.Call.Params.IcebergLegs) }

// openPositions counts the positions beside the one at k, entries of ours on their way included; 0 where k is open
// already.
func (l *Lane) openPositions(k order.Key) int64 {
	open := map[order.Key]bool{}
	for _, at := range l.book.Keys() {
		if h := l.book.Holding(order.Claimed, at); h.Position != 0 && (!h.Carried || traded(h)) {
			open[at] = true
		}
	}
	for id := range l.open {
		if r := l.requests[id]; r.Priority == actions.PriorityRisk && r.Call.Method == actions.Place && r.Attempts > 0 {
			open[r.Key] = true
		}
	}
	for _, o := range l.book.Orders() {
		if o.Link != nil && o.Link.Role == order.RoleEntry && o.Seen(order.Claimed).Live() {
			open[o.Key()] = true
		}
	}
	if open[k] {
		return 0
	}
	return int64(len(open))
}

// within says whether a moment lies in the hours; none written is always.
func within(h rules.Hours, t time.Time) bool {
	t = t.In(order.IST)
	minutes := t.Hour()*60 + t.Minute()
	return h == (rules.Hours{}) || minutes >= h.From && minutes < h.To
}

// knownPrice is a price of an instrument that was seen today: the last one, else what its orders filled or asked.
func (l *Lane) knownPrice(k order.Key) order.Price {
	if p := l.lastPrice(k); p > 0 {
		return p
	}
	best := order.Price(0)
	for _, at := range l.book.Keys() {
		if at.Instrument() != k.Instrument() {
			continue
		}
		for _, o := range l.book.At(at) {
			average, _ := o.Average(order.Claimed)
			best = max(best, average, o.Row().Price)
		}
	}
	return best
}

// observeLoss pauses the account once a day when the day's loss reaches the guardrail.
func (l *Lane) observeLoss() {
	if l.o.Rules == nil || l.o.Rules.Guardrails().MaxDailyLoss == 0 || !l.armed || !l.book.OvernightKnown() {
		return
	}
	cause := "daily loss " + string(l.meta.Day)
	if _, told := l.told[cause]; told {
		return
	}
	most := l.o.Rules.Guardrails().MaxDailyLoss
	realized, open := l.dayProfit()
	if loss := -(realized + open); loss < most && (-realized < most || l.dayLacks(true) == "" && !l.dayMultiplied(l.multiplierUnknown)) {
		return
	}
	l.told[cause] = &told{Since: l.meta.Now, Event: true}
	l.dirty.told[cause] = true
	text := fmt.Sprintf("the day's result is %s, and max_daily_loss is %s", realized+open, most)
	l.pauseNow("max_daily_loss", text)
	l.emit(order.Event{ID: actions.ID("event", l.o.Account, "guardrail", "max_daily_loss", string(l.meta.Day)), Kind: order.KindGuardrail,
		Cause: "max_daily_loss", Message: text})
}
