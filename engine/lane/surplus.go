package lane

import (
	"fmt"
	"time"

	"backstop/actions"
	"backstop/engine/order"
)

// A surplus is what is held at a place beyond its open groups: more was exited than entered, by a race at the exchange
// or in the time in which nobody was there. One slot a place takes it back.

// observeSurplus takes back at once what was exited beyond the position, when a book reading shows it. What is
// sold of delivery was bought before, so CNC and MTF have none. Each surplus is an event: one more, and one on the other
// side (somebody else took it too, in the same second), are new ones. One that the broker refused is asked for again.
func (l *Lane) observeSurplus(k order.Key) {
	surplus := l.book.Holding(order.Confirmed, k).Surplus
	if surplus == 0 {
		if s, ok := l.slots[overID(k)]; ok && !s.Active && s.Surplus != 0 { // refused, and somebody else took it
			s.Surplus, s.Refused = 0, nil
			l.touchSlot(s)
		}
		return
	}
	if k.Product == "CNC" || k.Product == "MTF" || !l.armed || !l.bookShows(k) {
		return
	}
	id := overID(k)
	s, ok := l.slots[id]
	if !ok {
		s = &slot{ID: id, Kind: actions.SlotExit, Key: k, Over: true, Group: "over"}
		l.addSlot(s)
	}
	again := s.Refused != nil && s.Surplus == surplus
	switch {
	case s.Active && s.Surplus*surplus > 0 && magnitude(surplus) <= magnitude(s.Surplus): // on its way
		if surplus != s.Surplus {
			s.Surplus = surplus
			l.touchSlot(s)
		}
		return
	case !s.Active && again && l.meta.Now.Before(s.overAgain()):
		return
	}
	s.Active, s.Since, s.Surplus, s.Blocked, s.Refused = true, l.meta.Now, surplus, "", nil
	l.touchSlot(s)
	if !again {
		l.emit(order.Event{ID: actions.ID("event", l.o.Account, k.Instrument(), k.Product, "over_exited", fmt.Sprint(surplus), fmt.Sprint(s.generation(0)), fmt.Sprint(l.traded(k))),
			Kind: order.KindOverExited, Key: k, Quantity: magnitude(surplus)})
		l.forget("over " + id)
	}
	l.say("over "+id, fmt.Sprintf("OVER EXITED %s %s (%s): %d more were exited than entered. Backstop closes the surplus now with a protected MARKET.",
		k.Tradingsymbol, k.Product, l.o.Account, magnitude(surplus)), sayAgain)
}

func overID(k order.Key) string {
	return "over " + k.Exchange + ":" + k.Tradingsymbol + " " + k.Product
}

// overAgain is when a surplus that the broker refused to take back is asked for again: five seconds later, then ever
// slower. A rejection is news of its place, so without this it would be asked for at once, and for ever.
func (s *slot) overAgain() time.Time {
	return s.Since.Add(min(sayEvery, time.Duration(s.generation(0))*overEvery))
}

const overEvery = 5 * time.Second

// surplusAgain is when a refused surplus of a place is looked at again, zero for none.
func (l *Lane) surplusAgain(k order.Key) time.Time {
	if s, ok := l.slots[overID(k)]; ok && !s.Active && s.Refused != nil {
		return s.overAgain()
	}
	return time.Time{}
}

// traded is all that was ever filled at a place today: it tells one surplus from another of the same size.
func (l *Lane) traded(k order.Key) int64 {
	var n int64
	for _, o := range l.book.At(k) {
		n += o.Seen(order.Confirmed).Row.FilledQuantity
	}
	return n
}

func magnitude(n int64) int64 { return max(n, -n) }

// overSteps take back what was exited beyond the position: a protected MARKET of the surplus.
func (l *Lane) overSteps(s *slot) []step {
	surplus := l.book.Holding(order.Confirmed, s.Key).Surplus
	side := order.Sell
	if surplus < 0 {
		side = order.Buy
	}
	steps, standing := l.ownExits(s, side, magnitude(surplus))
	standing += l.flyingPlacement(s)
	if surplus == 0 && standing == 0 {
		l.closeExit(s)
		return nil
	}
	if rest := l.surplusLeft(s.Key) - standing; s.Active && rest > 0 {
		steps = append(steps, l.placements(s, actions.Params{Exchange: s.Key.Exchange, Tradingsymbol: s.Key.Tradingsymbol,
			Product: s.Key.Product, TransactionType: side, OrderType: "MARKET", MarketProtection: -1, Validity: "DAY"}, rest)...)
	}
	return steps
}

// surplusLeft is how much of a place's surplus may be taken back now: what the book shows, less what somebody else is
// said to have taken already. A forged claim can hold it back, not move it, and is refuted.
func (l *Lane) surplusLeft(k order.Key) int64 {
	shown, claimed := l.book.Holding(order.Confirmed, k).Surplus, l.book.Holding(order.Claimed, k).Surplus
	if shown < 0 {
		shown, claimed = -shown, -claimed
	}
	return max(0, min(shown, claimed))
}

// fitsSurplus says whether a placement that takes a surplus back is still as much of it as is left, at the moment in
// which it would leave.
func (l *Lane) fitsSurplus(r *actions.Request) bool {
	s, ok := l.slots[r.Slot]
	if !ok || !s.Over || r.Call.Method != actions.Place {
		return true
	}
	surplus := l.book.Holding(order.Confirmed, s.Key).Surplus
	return order.SignOf(r.Call.Params.TransactionType)*surplus < 0 && l.liveQuantity(s)+l.flyingPlacement(s)+r.Call.Params.Quantity <= l.surplusLeft(s.Key)
}

// bookShows says whether the fills of a place were seen in a book reading: a push alone may be early.
func (l *Lane) bookShows(k order.Key) bool {
	for _, o := range l.book.At(k) {
		if o.Ahead() {
			return false
		}
	}
	return true
}
