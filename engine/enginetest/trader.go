package enginetest

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"time"

	"backstop/engine/lane"
	"backstop/engine/paper"
)

// happen lets one event of the day happen. What finds nothing to act on does nothing.
func (w *world) happen(e Event) {
	w.stats.Events++
	switch e.Kind {
	case Price:
		_ = w.x.SetDepth("NFO", e.Symbol, e.Depth) // the symbols are the exchange's own
		_ = w.x.SetPrice("NFO", e.Symbol, e.Price)
		w.tick(e.Symbol, e.Price)
	case Entry, Phone:
		w.entry(e)
	case Cancel:
		w.withdraw(e)
	case Hand:
		w.hand(e)
	case Touch:
		w.touch(e)
	case Lapse:
		w.lapse(e)
	case Strike, Spell:
		w.arm(e)
	case Pause, Resume:
		w.log("%s", e.Kind)
		if w.p != nil {
			w.take(lane.Input{Control: &lane.Control{Verb: lane.ControlVerb(e.Kind)}}, nil)
		}
	case Reload:
		w.reload()
	case Night:
		w.night()
	}
	w.push()
}

// entry places a buy or a sell near the last price.
func (w *world) entry(e Event) {
	p := w.x.Price("NFO", e.Symbol)
	v := url.Values{"exchange": {"NFO"}, "tradingsymbol": {e.Symbol}, "transaction_type": {e.Side}, "product": {e.Product},
		"quantity": {strconv.Itoa(lot * e.Lots)}, "order_type": {"LIMIT"}, "validity": {"DAY"}, "price": {money(float64(int((p+e.Price)*20)) / 20)}}
	var id string
	var refused *paper.APIError
	if e.Kind == Phone {
		id, refused = w.x.PlaceByHand(user, v)
		w.explain(explains["postback lost"])
	} else {
		id, refused = w.x.PlaceVia(user, apiKey, "regular", v)
	}
	if refused != nil {
		w.log("the trader's %s is refused: %s", e.Name, refused.Message)
		return
	}
	w.watch.names[id], w.watch.ids[e.Name] = e.Name, id
	w.log("the trader's %s: %s %s %s %s at %s", e.Name, e.Side, v.Get("quantity"), short(e.Symbol), e.Product, v.Get("price"))
	if e.At < 0 {
		w.audit.old[id] = true
	}
	w.changed()
}

func (w *world) withdraw(e Event) {
	id := w.watch.ids[e.Name]
	if id == "" {
		return
	}
	if _, refused := w.x.Cancel(user, "regular", id); refused == nil {
		w.log("the trader cancels %s", e.Name)
		if slices.ContainsFunc(w.book(), func(o paper.BookOrder) bool { return o.OrderID == id && o.APIKey == "" }) {
			w.explain(explains["postback lost"]) // of the phone: until the next reconciliation it stands before what is held
		}
	}
}

// hand is a person on the phone: sells what is held, one lot of it, or more.
func (w *world) hand(e Event) {
	net := w.x.NetQuantity(user, "NFO", e.Symbol, e.Product)
	if net == 0 {
		return
	}
	side, quantity := "SELL", net
	if net < 0 {
		side, quantity = "BUY", -net
	}
	switch e.Lots {
	case -1:
		quantity += lot
	case 1:
		quantity = min(quantity, lot)
	}
	id, refused := w.x.PlaceByHand(user, url.Values{"exchange": {"NFO"}, "tradingsymbol": {e.Symbol}, "transaction_type": {side},
		"product": {e.Product}, "quantity": {strconv.Itoa(quantity)}, "order_type": {"MARKET"}, "market_protection": {"-1"}, "validity": {"DAY"}})
	if refused != nil {
		return
	}
	w.watch.count["P"]++
	w.watch.names[id] = fmt.Sprintf("P%d", w.watch.count["P"])
	w.log("a person on the phone: %s, %s %d of %s %s", w.short(id), side, quantity, short(e.Symbol), e.Product)
	w.explain(explains["postback lost"])
	w.changed()
}

// stops are the live stops of ours that have not triggered.
func (w *world) stops() []paper.BookOrder {
	var all []paper.BookOrder
	for _, o := range w.book() {
		if o.Live() && ours(o) && o.Status == "TRIGGER PENDING" {
			all = append(all, o)
		}
	}
	return all
}

// touch is a person who moves or cancels one of Backstop's live stops.
func (w *world) touch(e Event) {
	stops := w.stops()
	if len(stops) == 0 {
		return
	}
	o := stops[e.Pick%len(stops)]
	if e.Fault == "cancel" {
		if w.x.CancelByHand(o.OrderID) == nil {
			w.log("a person cancels %s", w.short(o.OrderID))
			w.watch.byHand[o.OrderID] = "cancelled"
			w.excuse(keyOf(o), "a person cancelled the stop", !w.c.Wants.Replace)
			w.explain(explains["postback lost"])
		}
		return
	}
	away := float64(sign(o)) * 2 // further from the market
	v := url.Values{"trigger_price": {money(o.TriggerPrice + away)}, "price": {money(o.Price + away)}}
	if w.x.ModifyByHand(o.OrderID, v) == nil {
		w.log("a person moves %s to %s", w.short(o.OrderID), v.Get("trigger_price"))
		w.watch.byHand[o.OrderID] = v.Get("trigger_price")
		w.watch.moved[keyOf(o)] = true
		w.changed()
	}
}

// lapse is the exchange that cancels a stop of ours with a word, as limit price protection does.
func (w *world) lapse(e Event) {
	stops := w.stops()
	if len(stops) == 0 {
		return
	}
	o := stops[e.Pick%len(stops)]
	w.log("the exchange cancels %s", w.short(o.OrderID))
	_ = w.x.ExchangeCancel(o.OrderID, "Order cancelled by the exchange: limit price protection") // live, so it can
	w.watch.lapsed[keyOf(o)]++
}

func money(p float64) string { return strconv.FormatFloat(p, 'f', 2, 64) }

// reload changes the rules of a process that runs; one that is down reads the new file when it starts.
func (w *world) reload() {
	if w.c.Changed == nil {
		return
	}
	w.log("the rules change")
	w.rules = w.c.Changed
	w.audit.reloaded, w.audit.reload = map[string]float64{}, w.now
	twice := map[string]int{}
	for _, o := range w.book() {
		twice[o.Tag]++
	}
	for _, o := range w.stops() {
		if twice[o.Tag] == 1 { // of two with one tag the one that stays is brought to what is wanted, reload or not
			w.audit.reloaded[o.OrderID] = o.TriggerPrice
		}
	}
	if w.p != nil {
		w.take(lane.Input{Rules: w.rules}, nil)
	}
}

// night is midnight: the exchange's book begins anew, and what is held is carried over. A position whose stop stood before
// its whole quantity is to have one again in the morning; what was bare, or of a day's product, may stay so.
func (w *world) night() {
	w.book()
	held := map[key]bool{}
	for _, k := range w.keys() {
		p := w.place(k)
		held[k] = w.p != nil && !w.now.Before(w.watch.outage) && w.watch.excused[k] == "" && k.product != "MIS" && p.open > 0 && p.stops == p.open && p.others == 0 && p.exits == 0
	}
	w.x.NextDay()
	w.x.Drain()
	w.changed()
	for _, k := range w.keys() {
		if w.x.NetQuantity(user, "NFO", k.symbol, k.product) != 0 && !held[k] {
			w.excuse(k, carried, true)
		}
	}
	w.ledger.nextDay(w)
	w.audit.nextDay()
	w.watch.over = map[key]time.Time{}
	w.log("the next day")
}
