package rules

import (
	"slices"
	"strings"
)

// read is what an expression reads, as the words and functions in it.
type read struct {
	words     map[string]bool // dotted: order.status, event.previous.status, vars.x, action.order_id
	functions map[string]bool
	recents   []Recent
}

func (r *read) word(path string) {
	if r.words == nil {
		r.words = map[string]bool{}
	}
	r.words[path] = true
}

func (r *read) function(name string) {
	if r.functions == nil {
		r.functions = map[string]bool{}
	}
	r.functions[name] = true
}

func (r *read) add(o read) {
	for w := range o.words {
		r.word(w)
	}
	for f := range o.functions {
		r.function(f)
	}
	for _, c := range o.recents {
		if !slices.Contains(r.recents, c) {
			r.recents = append(r.recents, c)
		}
	}
}

// Reads says what must be known before a rule can be decided.
type Reads struct {
	Price      bool // an average price, value or profit, which Kite tells late for partial fills
	LastPrice  bool // the last price of the group's instrument
	Role       bool // roles, the group or the position: the overnight quantities
	Instrument bool // the instrument's tick or terms
	Day        bool // the account's day: the overnight quantities
	DayPrice   bool // every average price of the day
	DayLast    bool // and every last price of what is open
	Clock      bool // the time or the session; it is always known
	Value      bool // an amount of the order, group or position: what a quantity of 1 is worth a rupee of price
	DayValue   bool // an amount of the day
}

func (r Reads) or(o Reads) Reads {
	return Reads{r.Price || o.Price, r.LastPrice || o.LastPrice, r.Role || o.Role, r.Instrument || o.Instrument,
		r.Day || o.Day, r.DayPrice || o.DayPrice, r.DayLast || o.DayLast, r.Clock || o.Clock, r.Value || o.Value, r.DayValue || o.DayValue}
}

var (
	priceWords = []string{"order.average_price", "order.value", "event.fill_price", "event.previous.average_price", "event.previous.value",
		"group.entry_price", "group.realized_pnl", "group.pnl", "group.orders", "position.average_price", "position.realized_pnl"}
	valueWords     = []string{"order.value", "event.previous.value", "group.realized_pnl", "group.pnl", "group.orders", "position.realized_pnl"}
	dayValueWords  = []string{"day.realized_pnl", "day.pnl"}
	dayPriceWords  = []string{"day.realized_pnl", "day.pnl", "day.wins", "day.losses"}
	lastPriceWords = []string{"group.last_price", "group.pnl"}
	roleWords      = []string{"order.role", "order.is_exit", "event.previous.role", "event.previous.is_exit"}
)

func (r read) reads() Reads {
	var out Reads
	for w := range r.words {
		if rest, own := strings.CutPrefix(w, "event.order."); own {
			w = "order." + rest
		} else if rest, own := strings.CutPrefix(w, "event.group."); own {
			w = "group." + rest
		}
		out.Day = out.Day || strings.HasPrefix(w, "day.")
		out.DayPrice = out.DayPrice || slices.Contains(dayPriceWords, w)
		out.DayLast = out.DayLast || w == "day.pnl"
		out.Value = out.Value || slices.Contains(valueWords, w)
		out.DayValue = out.DayValue || slices.Contains(dayValueWords, w)
		out.Price = out.Price || slices.Contains(priceWords, w)
		out.LastPrice = out.LastPrice || slices.Contains(lastPriceWords, w)
		out.Role = out.Role || slices.Contains(roleWords, w) || strings.HasPrefix(w, "group.") || strings.HasPrefix(w, "position.")
		out.Instrument = out.Instrument || strings.HasPrefix(w, "instrument.")
	}
	for f := range r.functions {
		switch f {
		case "loss", "profit":
			out.Price, out.Role = true, true
		case "gain":
			out.Price, out.Role, out.LastPrice = true, true, true
		case "minutes_to_close", "is_open", "time_of_day":
			out.Clock = true
		case "round_tick":
			out.Instrument = true
		}
	}
	return out
}
