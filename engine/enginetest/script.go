package enginetest

import (
	"fmt"
	"math"
	"net/url"
	"strconv"
	"strings"
	"time"

	"backstop/engine/order"
)

// script is what many traders run: on a postback that says COMPLETE it places a stop behind it, once, and that is all.
// It is no straw man: it takes no order of its own for an entry, and its stop is priced and sized as Backstop's.
func (w *world) script(u *order.Update) {
	if u.RawStatus != "COMPLETE" || strings.HasPrefix(u.Tag, "bs") || u.FilledQuantity == 0 {
		return
	}
	w.alive(time.Millisecond, func() {
		w.stats.Requests++
		struck := w.meets("place")
		if w.refusal("place", struck.Fault) != nil || struck.Fault == "5xx" {
			w.stats.Refused++
			return
		}
		side, s := "SELL", 1.0
		if u.TransactionType == order.Sell {
			side, s = "BUY", -1
		}
		tick := func(p float64) string { return money(math.Round(p*20) / 20) }
		trigger := u.AveragePrice.Rupees() * (1 - 0.12*s)
		id, refused := w.x.PlaceVia(user, apiKey, "regular", url.Values{"exchange": {u.Exchange}, "tradingsymbol": {u.Tradingsymbol},
			"transaction_type": {side}, "product": {u.Product}, "quantity": {strconv.FormatInt(u.FilledQuantity, 10)}, "order_type": {"SL"},
			"validity": {"DAY"}, "trigger_price": {tick(trigger)}, "price": {tick(trigger * (1 - 0.02*s))}, "tag": {fmt.Sprintf("bs%d", w.stats.Requests)}})
		if refused != nil {
			w.stats.Refused++
			return
		}
		w.watch.kind[id] = "SL"
		w.changed()
		w.push()
	})
}
