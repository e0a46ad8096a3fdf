package order

import (
	"encoding/json"
	"strconv"
	"time"
)

// What the journal keeps of each update is written here by hand, byte for byte as encoding/json would (a test
// compares them), for it stands on the way of every acknowledgement. Reading it back is rare and left to encoding/json.

// AppendJSON appends the order as JSON.
func (o *Order) AppendJSON(b []byte) []byte {
	w := object{append(b, '{')}
	w.text("account", o.Account)
	w.text("order_id", o.ID)
	w.name("layers")
	w.b = append(w.b, '[')
	for i := range o.Layers {
		if i > 0 {
			w.b = append(w.b, ',')
		}
		w.b = o.Layers[i].appendJSON(w.b)
	}
	w.b = append(w.b, ']')
	w.time("first_seen", o.FirstSeen)
	w.someTime("claimed_at", o.Claimed)
	w.someTime("valued_at", o.Valued)
	if len(o.Trades) > 0 {
		w.any("trades", o.Trades)
	}
	w.name("told")
	w.b = o.Told.appendJSON(w.b)
	w.someNumbers("marks", o.Marks)
	w.flag("roled", o.Roled)
	w.someNumber("entered", o.Entered)
	w.someNumber("corrections", int64(o.Corrections))
	w.flag("baseline", o.Baseline)
	w.flag("assumed", o.Assumed)
	if o.Link != nil {
		w.any("link", o.Link)
	}
	w.someHashes("claims", o.Claims)
	w.someHashes("refuted", o.Refuted)
	w.flag("pushed", o.Pushed)
	w.text("day", string(o.Day))
	return append(w.b, '}')
}

// AppendJSON appends the event as JSON.
func (e *Event) AppendJSON(b []byte) []byte {
	w := object{append(b, '{')}
	w.text("id", e.ID)
	w.text("kind", string(e.Kind))
	w.text("account", e.Account)
	w.someText("order_id", e.OrderID)
	w.someText("group", e.Group)
	if e.Key != (Key{}) {
		w.name("key")
		k := object{append(w.b, '{')}
		k.text("exchange", e.Key.Exchange)
		k.text("tradingsymbol", e.Key.Tradingsymbol)
		k.text("product", e.Key.Product)
		w.b = append(k.b, '}')
	}
	w.someText("side", e.Side)
	w.someText("source", string(e.Source))
	w.time("time", e.Time)
	w.someText("cause", e.Cause)
	w.someText("role", string(e.Role))
	w.someText("status", string(e.Status))
	w.number("filled_quantity", e.Filled)
	w.number("fill_quantity", e.Fill)
	w.flag("confirmed", e.Confirmed)
	w.someNumber("quantity", e.Quantity)
	w.someText("reason", e.Reason)
	w.someText("hint", e.Hint)
	w.someText("message", e.Message)
	w.someText("rule", e.Rule)
	if e.Previous != nil {
		w.name("previous")
		w.b = e.Previous.appendJSON(w.b)
	}
	return append(w.b, '}')
}

func (s *Seen) appendJSON(b []byte) []byte {
	w := object{append(b, '{')}
	w.flag("known", s.Known)
	if !s.Row.IsZero() {
		w.name("row")
		w.b = s.Row.appendJSON(w.b)
	}
	if s.Raw != 0 {
		w.name("raw")
		w.b = strconv.AppendUint(w.b, s.Raw, 10)
	}
	if s.Standing != nil {
		w.name("standing")
		w.b = s.Standing.appendJSON(w.b)
	}
	w.somePrice("average", s.Average)
	w.someNumber("average_of", s.Averaged)
	w.someTime("placed", s.Placed)
	w.someTime("filled_at", s.FilledAt)
	return append(w.b, '}')
}

func (v *version) appendJSON(b []byte) []byte {
	w := object{append(b, '{')}
	w.flag("settled", v.Settled)
	w.someTime("update", v.Update)
	w.someTime("order", v.Order)
	w.someNumber("source", int64(v.Source))
	w.someTime("began", v.Began)
	if v.Raw != 0 {
		w.name("raw")
		w.b = strconv.AppendUint(w.b, v.Raw, 10)
	}
	return append(w.b, '}')
}

func (t *Told) appendJSON(b []byte) []byte {
	w := object{append(b, '{')}
	w.someNumber("filled", t.Filled)
	w.flag("terminal", t.Terminal)
	w.someText("status", string(t.Status))
	if t.Values != (values{}) {
		w.name("values")
		v := object{append(w.b, '{')}
		v.someNumber("quantity", t.Values.Quantity)
		v.somePrice("price", t.Values.Price)
		v.somePrice("trigger", t.Values.Trigger)
		v.someText("type", t.Values.Type)
		w.b = append(v.b, '}')
	}
	return append(w.b, '}')
}

func (u *Update) appendJSON(b []byte) []byte {
	w := object{append(b, '{')}
	w.text("account", u.Account)
	w.text("source", string(u.Source))
	w.time("received_at", u.Received)
	w.someTime("began", u.Began)
	w.text("order_id", u.OrderID)
	w.someText("exchange_order_id", u.ExchangeOrderID)
	w.someText("parent_order_id", u.ParentOrderID)
	w.someText("placed_by", u.PlacedBy)
	w.someText("guid", u.GUID)
	w.someNumber("app_id", u.AppID)
	w.text("status", string(u.Status))
	w.someText("raw_status", u.RawStatus)
	w.flag("interim", u.Interim)
	w.someText("status_message", u.StatusMessage)
	w.someText("status_message_raw", u.StatusMessageRaw)
	w.someTime("order_timestamp", u.OrderTimestamp)
	w.someTime("exchange_update_timestamp", u.ExchangeUpdateTimestamp)
	w.someTime("exchange_timestamp", u.ExchangeTimestamp)
	w.someText("variety", u.Variety)
	w.someText("exchange", u.Exchange)
	w.someText("tradingsymbol", u.Tradingsymbol)
	w.someNumber("instrument_token", u.InstrumentToken)
	w.someText("order_type", u.OrderType)
	w.someText("transaction_type", u.TransactionType)
	w.someText("validity", u.Validity)
	w.someNumber("validity_ttl", u.ValidityTTL)
	w.someText("product", u.Product)
	w.number("quantity", u.Quantity)
	w.someNumber("disclosed_quantity", u.DisclosedQuantity)
	w.number("filled_quantity", u.FilledQuantity)
	w.number("pending_quantity", u.PendingQuantity)
	w.someNumber("cancelled_quantity", u.CancelledQuantity)
	w.price("price", u.Price)
	w.price("trigger_price", u.TriggerPrice)
	w.price("average_price", u.AveragePrice)
	if u.MarketProtection != 0 {
		w.any("market_protection", u.MarketProtection)
	}
	w.someText("tag", u.Tag)
	if len(u.Tags) > 0 {
		w.any("tags", u.Tags)
	}
	return append(w.b, '}')
}

// object writes one JSON object; a member whose method is called some… is left out where it is zero.
type object struct{ b []byte }

func (w *object) name(name string) {
	if w.b[len(w.b)-1] != '{' {
		w.b = append(w.b, ',')
	}
	w.b = append(append(append(w.b, '"'), name...), '"', ':')
}

func (w *object) text(name, v string) {
	w.name(name)
	w.b = appendText(w.b, v)
}

func (w *object) someText(name, v string) {
	if v != "" {
		w.text(name, v)
	}
}

func (w *object) number(name string, v int64) {
	w.name(name)
	w.b = strconv.AppendInt(w.b, v, 10)
}

func (w *object) someNumber(name string, v int64) {
	if v != 0 {
		w.number(name, v)
	}
}

func (w *object) someNumbers(name string, list []int64) {
	for i, v := range list {
		w.element(name, i)
		w.b = strconv.AppendInt(w.b, v, 10)
	}
	w.end(len(list) > 0)
}

func (w *object) someHashes(name string, list []uint64) {
	for i, v := range list {
		w.element(name, i)
		w.b = strconv.AppendUint(w.b, v, 10)
	}
	w.end(len(list) > 0)
}

// element begins the i-th element of a list.
func (w *object) element(name string, i int) {
	if i > 0 {
		w.b = append(w.b, ',')
		return
	}
	w.name(name)
	w.b = append(w.b, '[')
}

func (w *object) end(list bool) {
	if list {
		w.b = append(w.b, ']')
	}
}

func (w *object) price(name string, v Price) {
	w.name(name)
	w.b = v.Append(w.b)
}

func (w *object) somePrice(name string, v Price) {
	if v != 0 {
		w.price(name, v)
	}
}

func (w *object) flag(name string, v bool) {
	if v {
		w.name(name)
		w.b = append(w.b, "true"...)
	}
}

func (w *object) time(name string, v time.Time) {
	w.name(name)
	w.b = append(w.b, '"')
	w.b = append(v.AppendFormat(w.b, time.RFC3339Nano), '"')
}

func (w *object) someTime(name string, v time.Time) {
	if !v.IsZero() {
		w.time(name, v)
	}
}

// any is for what is rare or small.
func (w *object) any(name string, v any) {
	w.name(name)
	w.b = appendAny(w.b, v)
}

// appendAny appends what always encodes: texts, numbers and the package's own structs of them.
func appendAny(b []byte, v any) []byte {
	raw, err := json.Marshal(v)
	if err != nil {
		panic("order: " + err.Error())
	}
	return append(b, raw...)
}

// appendText appends a JSON text; what needs an escape is left to encoding/json.
func appendText(b []byte, v string) []byte {
	for i := range len(v) {
		if c := v[i]; c < ' ' || c > '~' || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			return appendAny(b, v)
		}
	}
	return append(append(append(b, '"'), v...), '"')
}
