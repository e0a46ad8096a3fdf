package paper

import (
	"strings"
	"testing"
	"time"

	"backstop/engine/market"
)

// at sets the clock to a time of November 2026.
func (c *clock) to(t *testing.T, x *Exchange, day int, at string) {
	t.Helper()
	moment, err := time.ParseInLocation(time.TimeOnly, at, ist)
	ok(t, err)
	c.at = time.Date(2026, 11, day, moment.Hour(), moment.Minute(), moment.Second(), 0, ist)
	x.Advance()
}

// TestAWholeDayByTheCalendar: from a Thursday's morning over the weekend to Monday.
func TestAWholeDayByTheCalendar(t *testing.T) {
	x, c := exchange(t, func(o *Options) {
		o.Hours, o.TokensDieAtSix = market.Default(), true
	})
	c.to(t, x, 5, "14:00:00")
	x.AddAccount(user, "paper_key", "", "paper_token") // the morning's login
	day := mustPlace(t, x)                             // rests
	intraday := mustPlace(t, x, "product", "MIS")      // rests
	mustPlace(t, x, "product", "MIS", "price", "121")  // fills
	mustPlace(t, x, shares()...)                       // a purchase of delivery
	commodity := mustPlace(t, x, "exchange", "MCX", "tradingsymbol", "CRUDEOIL26DECFUT", "quantity", "1", "price", "5700")
	trigger := mustGTT(t, x, gttOf(120, 80))
	status := func(id string) string { return bookRow(t, x, id)["status"].(string) }

	c.to(t, x, 5, "15:24:59")
	equal(t, "MIS before the square-off", status(intraday), "OPEN")
	c.to(t, x, 5, "15:25:00")
	equal(t, "MIS at the square-off", status(intraday), "CANCELLED")
	equal(t, "squared off", x.NetQuantity(user, "NFO", option, "MIS"), 0)
	equal(t, "by", x.Book()[len(x.Book())-1].PlacedBy, squareOffBy)
	_, e := x.Place(user, "regular", with("product", "MIS"))
	refused(t, e, 400, classOrder, textSquaredOffOwn)
	mustPlace(t, x, "exchange", "MCX", "tradingsymbol", "CRUDEOIL26DECFUT", "quantity", "1", "price", "5700", "product", "MIS")

	equal(t, "before the close", status(day), "OPEN")
	c.to(t, x, 5, "15:40:00")
	equal(t, "at the close", status(day), "CANCELLED")
	equal(t, "MCX goes on", status(commodity), "OPEN")
	setPrice(t, x, 70) // nobody trades at it
	equal(t, "the trigger waits", gttRowOf(t, x, trigger)["status"].(string), "active")
	c.to(t, x, 5, "23:55:00")
	equal(t, "MCX at its close", status(commodity), "CANCELLED")

	c.to(t, x, 6, "05:59:59")
	if _, alive := x.Authenticate("paper_key", "paper_token"); !alive || len(x.Book()) == 0 {
		t.Error("the day ended before 06:00")
	}
	c.to(t, x, 6, "06:00:00")
	if _, alive := x.Authenticate("paper_key", "paper_token"); alive || len(x.Book()) != 0 {
		t.Error("the day goes on after 06:00")
	}
	t1 := func() float64 { return decode[[]fields](t, x.HoldingsJSON(user))[0]["t1_quantity"].(float64) }
	equal(t, "T1", t1(), 5)
	setPrice(t, x, 70)
	c.to(t, x, 6, "09:15:00")
	setPrice(t, x, 71) // the gap, on the first tick of the day
	equal(t, "the trigger fired", gttRowOf(t, x, trigger)["status"].(string), "triggered")

	c.to(t, x, 7, "12:00:00") // Saturday: no day begins, and nobody trades
	equal(t, "Friday's book stays", len(x.Book()), 1)
	equal(t, "delivered on Friday's morning alone", t1(), 5)
	_, e = x.Place(user, "regular", with())
	equal(t, "shut", strings.Contains(e.Message, "After Market Order"), true)
	amo := mustPlaceAs(t, x, "amo", "price", "60")
	c.to(t, x, 9, "09:14:59") // Monday; Sunday the 8th has the Muhurat session
	equal(t, "AMO", status(amo), "AMO REQ RECEIVED")
}
