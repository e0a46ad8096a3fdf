package lane_test

import (
	"strings"
	"testing"
	"time"

	"backstop/actions"
	"backstop/engine/lane"
	"backstop/engine/market"
	"backstop/engine/order"
)

// carried is a desk on a morning at nine with 75 carried in behind which a stop stood the day before.
func carried(t *testing.T, evening time.Time) *desk {
	t.Helper()
	d := newDesk(t, stopRule, func(o *lane.Options) { o.Hours = market.Default() })
	d.now, d.snap.Orders, d.snap.Docs = evening, nil, nil
	d.start()
	d.arm()
	d.set("E1", func(u *order.Update) { u.Product = "NRML"; filled(75)(u) })
	d.readBook()
	d.accept(d.take(actions.Place), "S1")
	d.now = evening.Add(41 * time.Minute)
	d.set("S1", func(u *order.Update) { u.Status = order.StatusCancelled })
	d.readBook()
	return d
}

// morning is nine o'clock with an empty book and these positions.
func (d *desk) morning(day int, overnight, quantity int64) {
	d.t.Helper()
	d.now = time.Date(2026, 11, day, 9, 0, 0, 0, order.IST)
	clear(d.book)
	d.step()
	d.readBook()
	d.step(lane.Input{Positions: &lane.Positions{Began: d.now, Rows: []actions.PositionRow{{
		Key: order.Key{Exchange: "NFO", Tradingsymbol: call, Product: "NRML"}, Quantity: quantity, Overnight: overnight,
		AveragePrice: 120 * order.Rupee, ClosePrice: 121 * order.Rupee, LastPrice: 121 * order.Rupee}}}})
}

// The stop of what was carried in may be the day's first order, and its answer lost: then every book is empty, and rightly
// so. It is sent again once its absence is proved, and not never.
func TestInvariant2TheDaysFirstPlacementIsSentAgainThoughTheBookIsEmpty(t *testing.T) {
	d := carried(t, time.Date(2026, 11, 12, 15, 0, 0, 0, order.IST))
	d.morning(13, 75, 75)
	d.wait(16 * time.Minute)
	r := d.take(actions.Place)
	d.refuse(r, actions.ClassAmbiguous)
	d.sentAgain(r)
}

// On a holiday of the derivatives on which MCX has its evening, the positions may still be those of the last session:
// nothing carried in, and all of it bought "today". That is no close over night, and on the day after the stop is back.
func TestAHolidayOfItsExchangeClosesNothing(t *testing.T) {
	d := carried(t, time.Date(2026, 11, 9, 15, 0, 0, 0, order.IST))
	d.morning(10, 0, 75) // Diwali: NFO is shut, MCX trades in the evening
	d.wait(20 * time.Minute)
	d.none()
	d.morning(11, 75, 75)
	d.wait(16 * time.Minute)
	if r := d.take(actions.Place); r.Call.Params.TransactionType != order.Sell || r.Call.Params.Quantity != 75 {
		t.Errorf("placed %+v", r.Call.Params)
	}
	for _, text := range d.tells {
		if strings.HasPrefix(text, "CLOSED OVER NIGHT") || strings.HasPrefix(text, "CARRIED IN") {
			t.Error(text)
		}
	}
}
