package paper

import (
	"fmt"
	"slices"
	"time"
)

// trade is one fill (docs/kite.md 3.5).
type trade struct {
	order    *order
	id       string
	price    amount
	quantity int
	at       time.Time
}

// SetPrice is a tick: the last traded price in rupees, rounded down to the
// instrument's tick size. It refills the depth, then goes through the live
// orders in the order they came: triggers first, then fills. Unknown
// instruments and prices that are not above zero are errors.
func (x *Exchange) SetPrice(exchange, tradingsymbol string, price float64) error {
	x.enter()
	defer x.leave()
	l, err := x.listing(exchange, tradingsymbol)
	if err != nil {
		return err
	}
	ltp := amountOf(price).floorTick(l.tick)
	if ltp <= 0 || price > amountLimit {
		return fmt.Errorf("paper: set price of %s: %v is no price", l.key(), price)
	}
	x.tickTo(l, ltp)
	return nil
}

// tickTo moves the market of one instrument.
func (x *Exchange) tickTo(l *listing, ltp amount) {
	l.ltp, l.left, l.lastTrade = ltp, l.depth, x.now
	if l.open == 0 {
		l.open, l.high, l.low = ltp, ltp, ltp
	}
	l.high, l.low = max(l.high, ltp), min(l.low, ltp)
	x.events = append(x.events, event{quote: l.quote()})
	if !x.isOpen(l) {
		return // a price that nobody traded at
	}
	for _, o := range slices.Clone(l.live) {
		switch {
		case o.done() || !o.opensAt.IsZero():
		case o.Status == statusTriggerPending:
			x.trigger(o)
		default:
			x.match(o, false)
		}
	}
	x.runGTTs(l)
}

// SetDepth is how much each tick offers for all orders together, from now
// on; negative: without end, 0: nothing, so that only Fill fills.
func (x *Exchange) SetDepth(exchange, tradingsymbol string, quantity int) error {
	x.enter()
	defer x.leave()
	l, err := x.listing(exchange, tradingsymbol)
	if err != nil {
		return err
	}
	l.depth = max(quantity, -1)
	l.left = l.depth
	return nil
}

// SetCircuit sets the day's band in rupees; 0 for none.
func (x *Exchange) SetCircuit(exchange, tradingsymbol string, lower, upper float64) error {
	x.enter()
	defer x.leave()
	l, err := x.listing(exchange, tradingsymbol)
	if err != nil {
		return err
	}
	l.lower, l.upper = amountOf(lower), amountOf(upper)
	return nil
}

// Narrow is SetCircuit, and cancels the resting orders outside the new band,
// as exchanges do at the close auction (docs/kite.md 6.1) and by limit price protection
// (docs/kite.md 3.8). It tells how many.
func (x *Exchange) Narrow(exchange, tradingsymbol string, lower, upper float64) (cancelled int, err error) {
	x.enter()
	defer x.leave()
	l, err := x.listing(exchange, tradingsymbol)
	if err != nil {
		return 0, err
	}
	l.lower, l.upper = amountOf(lower), amountOf(upper)
	for _, o := range slices.Clone(l.live) {
		price := o.Price
		if o.OrderType == "SL-M" {
			price = o.TriggerPrice
		}
		if !o.done() && (price < l.lower || l.upper > 0 && price > l.upper) {
			x.close(o, statusCancelled, textPriceProtection, textPriceProtection)
			cancelled++
		}
	}
	return cancelled, nil
}

// Price is the last traded price in rupees; 0 when there is none.
func (x *Exchange) Price(exchange, tradingsymbol string) float64 {
	x.mu.Lock()
	defer x.mu.Unlock()
	l, err := x.listing(exchange, tradingsymbol)
	if err != nil {
		return 0
	}
	return l.ltp.rupees()
}

func (x *Exchange) listing(exchange, tradingsymbol string) (*listing, error) {
	if l := x.listings[exchange+":"+tradingsymbol]; l != nil {
		return l, nil
	}
	return nil, fmt.Errorf("paper: no instrument %s:%s", exchange, tradingsymbol)
}

// Fill fills an open order by hand: quantity units at price rupees (0: its
// limit). Depth and LTP are not asked. It is an error when the order is not
// OPEN or has less left.
func (x *Exchange) Fill(orderID string, quantity int, price float64) error {
	x.enter()
	defer x.leave()
	o := x.orders[orderID]
	switch {
	case o == nil:
		return fmt.Errorf("paper: fill: no order %s", orderID)
	case o.Status != statusOpen:
		return fmt.Errorf("paper: fill: order %s is %s", orderID, o.Status)
	case quantity <= 0 || quantity > o.remaining():
		return fmt.Errorf("paper: fill: order %s has %d left, not %d", orderID, o.remaining(), quantity)
	case price < 0 || price > amountLimit:
		return fmt.Errorf("paper: fill: %v is no price", price)
	}
	at := amountOf(price)
	if at == 0 {
		at = o.Price
	}
	x.fill(o, quantity, at)
	return nil
}

// trigger opens a stop whose trigger the LTP has reached or jumped over.
func (x *Exchange) trigger(o *order) {
	l := o.listing
	if l.ltp == 0 || o.buy() && l.ltp < o.TriggerPrice || !o.buy() && l.ltp > o.TriggerPrice {
		return
	}
	o.triggered = true
	o.ExchangeUpdateTimestamp = stamp(x.now)
	if o.OrderType == "SL-M" {
		o.toMarket()
	}
	x.enterState(o, statusOpen)
	x.push(o, statusOpen, true) // the one OPEN that is notified (docs/kite.md 1.3)
	x.match(o, true)
}

// match fills what the market offers: when the LTP is at or through the
// limit. An order that was already there when the LTP came to it fills at its
// limit; one that came to the LTP (fresh, or still unfilled in full) fills at
// the LTP. What IOC leaves is cancelled.
func (x *Exchange) match(o *order, fresh bool) {
	l := o.listing
	crosses := l.ltp > 0 && (o.buy() && l.ltp <= o.Price || !o.buy() && l.ltp >= o.Price)
	if crosses {
		price := o.Price
		if fresh || o.crossed {
			price = l.ltp
		}
		quantity := o.remaining()
		if l.depth >= 0 {
			quantity = min(quantity, l.left)
			l.left -= quantity
		}
		if quantity > 0 {
			x.fill(o, quantity, price)
		}
	}
	o.crossed = crosses
	if o.Validity == "IOC" && !o.done() {
		x.close(o, statusCancelled, "", "")
	}
}

// fill books one trade. average_price stays 0 until COMPLETE (docs/kite.md 3.5).
func (x *Exchange) fill(o *order, quantity int, price amount) {
	t := &trade{order: o, id: x.newTradeID(), price: price, quantity: quantity, at: x.now}
	o.trades = append(o.trades, t)
	o.account.trades = append(o.account.trades, t)
	o.account.position(o.listing, o.Product).add(o.buy(), quantity, price)
	o.listing.volume += quantity
	o.listing.lastQuantity = quantity
	o.value += price.times(quantity)
	o.FilledQuantity += quantity
	o.PendingQuantity = o.Quantity - o.FilledQuantity
	o.ExchangeTimestamp, o.ExchangeUpdateTimestamp = stamp(x.now), stamp(x.now)
	if o.PendingQuantity == 0 {
		x.close(o, statusComplete, "", "")
		return
	}
	x.enterState(o, statusOpen)
	x.push(o, statusUpdate, true)
}
