package rules

import (
	"slices"
	"strings"
)

// read is what an expression reads, as the words and functions in it.
type read struct {
	words     map[string]bool // dotted: order.status, event.previous.status, vars.x, action.order_id
	functions map[string]bool
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
}

// Reads says what must be known before a rule can be decided.
type Reads struct {
	Price      bool // an average price, value or profit, which Kite tells late for partial fills
	LastPrice  bool // the last price of the group's instrument
	Role       bool // roles, the group or the position: the overnight quantities
	Instrument bool // the instrument's tick or terms
}

func (r Reads) or(o Reads) Reads {
	return Reads{r.Price || o.Price, r.LastPrice || o.LastPrice, r.Role || o.Role, r.Instrument || o.Instrument}
}

var (
	priceWords = []string{"order.average_price", "order.value", "event.fill_price", "event.previous.average_price", "event.previous.value",
		"group.entry_price", "group.realized_pnl", "group.pnl", "group.orders", "position.average_price", "position.realized_pnl"}
	lastPriceWords = []string{"group.last_price", "group.pnl"}
	roleWords      = []string{"order.role", "order.is_exit", "event.previous.role", "event.previous.is_exit"}
)

func (r read) reads() Reads {
	var out Reads
	for w := range r.words {
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
		case "round_tick":
			out.Instrument = true
		}
	}
	return out
}
