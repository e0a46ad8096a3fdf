package rules

import (
	"fmt"
	"slices"
	"strings"

	"backstop/engine/order"
)

// lintStops warns of stops and targets that the broker or the market will make useless.
func (r *reader) lintStops(rule *Rule, fields map[string]pair) {
	for _, s := range append(slices.Clone(rule.Then), rule.OnError...) {
		switch s.Action {
		case "place_stop_loss":
			r.lintStop(rule, s, fields)
		case "place_target":
			r.lintSide(rule, s, "price", +1)
		}
	}
}

func (r *reader) lintStop(rule *Rule, s *Step, fields map[string]pair) {
	r.lintSide(rule, s, "trigger_price", -1)
	option := assumption{"order.exchange": "NFO", "instrument.segment": "NFO-OPT", "instrument.instrument_type": "CE"}
	other := option.with(assumption{"instrument.instrument_type": "PE"})
	if s.literalOf("order_type") == "SL-M" && (rule.mayHold(option) || rule.mayHold(other)) {
		r.warnStep(s, "slm-on-options", "the exchange refuses SL-M for options", `leave order_type out (SL), or add instrument.instrument_type in ["EQ", "FUT"] to when`)
	}
	if s.literalOf("hold") == "gtt" && rule.mayBeOf("MIS") {
		r.failStep(s, "gtt-in-mis", "Zerodha keeps no GTT for MIS, and this rule can match MIS orders", `add order.product != "MIS" to when, or leave hold out`)
	}
	if f, ok := fields["on"]; ok && s.Of == OfEvent && rule.Listens(order.KindFill) && !rule.Listens(order.KindPartialFill) && (rule.mayHold(entryAssumption(order.Buy)) || rule.mayHold(entryAssumption(order.Sell))) {
		r.warnNode(f.value, "stop-without-partial-fill", "an entry that fills in part and is then cancelled gets no stop", "write on: [partial_fill, fill]")
	}
}

// mayBeOf says whether the rule can match an order of a product.
func (r *Rule) mayBeOf(product string) bool { return r.mayHold(assumption{"order.product": product}) }

// onlyCNC says whether the rule can match no other product than CNC (or MTF).
func (r *Rule) onlyCNC() bool {
	return r.mayBeOf("CNC") && !r.mayBeOf("MIS") && !r.mayBeOf("NRML")
}

// lintSide works a price out for an entry at 100 and looks at which side of it the price lies: a stop belongs
// on the losing side (-1), a target on the winning one (+1). It says something only where the price depends on
// nothing but the entry's price and side.
func (r *reader) lintSide(rule *Rule, s *Step, name string, belongs int) {
	i := slices.IndexFunc(s.params, func(p param) bool { return p.spec.Name == name && p.expression != nil })
	if i < 0 || !rule.listensToFills() || s.guard != nil || s.Of != OfEvent {
		return
	}
	e := s.params[i].expression
	if len(e.read.words) == 0 || rule.condition != nil && readsMarket(rule.condition.read) {
		return
	}
	for w := range e.read.words {
		if !slices.Contains(entryWords, w) && !strings.HasPrefix(w, "vars.") {
			return
		}
	}
	var wrong, right []string
	for _, side := range []string{order.Buy, order.Sell} {
		if !rule.mayHold(entryAssumption(side)) {
			continue
		}
		v, err := e.value(entryAt100(side))
		if err != nil {
			return
		}
		x, err := finite(v)
		if err != nil {
			return
		}
		towards := compareNumbers(x, 100)
		if side == order.Sell {
			towards = -towards
		}
		if towards == -belongs || towards == 0 && belongs < 0 {
			wrong = append(wrong, side)
		} else {
			right = append(right, side)
		}
	}
	r.tellSide(e, name, belongs, wrong, right)
}

func (r *reader) tellSide(e *expression, name string, belongs int, wrong, right []string) {
	if len(wrong) == 0 {
		return
	}
	where, use := "winning", "loss(20)"
	if belongs > 0 {
		where, use = "losing", "profit(50)"
	}
	if len(right) > 0 {
		r.warnAt(e.source, "wrong-side", fmt.Sprintf("behind a %s entry this %s lies on the %s side", wrong[0], name, where),
			fmt.Sprintf("%s is right for both sides; or add order.transaction_type == %q to when", use, right[0]))
		return
	}
	r.warnAt(e.source, "wrong-side", fmt.Sprintf("this %s lies on the %s side of the entry price", name, where), "write "+use)
}

// entryWords are what an entry at a known price says.
var entryWords = []string{"group.side", "group.entry_price", "order.average_price", "event.fill_price", "instrument.tick_size", "order.transaction_type"}

// readsMarket says whether a condition looks at where the market is: then a stop may lie anywhere.
func readsMarket(rd read) bool {
	return rd.reads().LastPrice || rd.functions["gain"]
}

func entryAt100(side string) *Words {
	w := &Words{}
	w.Group.Side, w.Group.EntryPrice, w.Order.AveragePrice, w.Event.FillPrice = side, 100, 100, 100
	w.Order.TransactionType, w.Instrument.TickSize = side, 0.05
	return w
}

// lintAcross warns of what only all rules together show.
func (r *reader) lintAcross() {
	r.lintTests()
	r.lintCNC()
}

// lintTests warns of rules that no test covers, where there are tests.
func (r *reader) lintTests() {
	if r.o.Tested == nil || r.damaged || len(r.chain) > 1 { // an included file has its own
		return
	}
	for _, rule := range r.set.rules {
		if rule.File == r.src.name && rule.Enabled && rule.Name != "" && !r.o.Tested(rule.Name) {
			r.add(SeverityWarning, place{rule.Pos.Line, rule.Pos.Column}, len([]rune(rule.Name)), "no-test", "no test beside the file makes "+rule.Name+" act", "write one, or let `backstop test record` make it from the journal")
		}
	}
}

// lintCNC warns of a stop and a target in CNC, in one rule or in two.
func (r *reader) lintCNC() {
	var stop *Rule
	for _, rule := range r.set.rules {
		if rule.onlyCNC() && hasAction(rule, "place_stop_loss") {
			stop = rule
		}
	}
	if stop == nil {
		return
	}
	for _, rule := range r.set.rules {
		i := slices.IndexFunc(rule.Then, func(s *Step) bool { return s.Action == "place_target" })
		if i >= 0 && rule.onlyCNC() && rule.File == r.src.name {
			r.warnStep(rule.Then[i], "two-exits-in-cnc", "in CNC the broker takes one exit for the shares: beside the stop of "+stop.Name+" this target is refused", "keep the stop, and take profit with a rule")
		}
	}
}

func hasAction(r *Rule, name string) bool {
	return slices.ContainsFunc(r.Then, func(s *Step) bool { return s.Action == name })
}
