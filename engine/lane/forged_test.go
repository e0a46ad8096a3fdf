package lane_test

import (
	"strings"
	"testing"
	"time"

	"backstop/actions"
	"backstop/engine/order"
)

// The checksum of a postback that was seen once stays valid for ever, and covers the order's id and one time alone. What
// else stands in the body is the sender's: these tests put there what would cost money.

const (
	priceRule = "version: 1\nrules:\n  - name: stop\n    on: [partial_fill, fill]\n    when: order.role == \"entry\"\n    then:\n      - place_stop_loss: { trigger_price: order.price - 20 }\n"
	farFuture = 73 * 365 * 24 * time.Hour
)

func TestAForgedPriceOfTheFutureMovesNoStop(t *testing.T) {
	for name, at := range map[string]time.Duration{"of the future": farFuture, "of now": 0, "of the next second": time.Second} {
		for _, order1st := range []string{"before the true one", "after the true one", "after its stop"} {
			d := newDesk(t, priceRule)
			d.set("E1", func(u *order.Update) { filled(75)(u); u.AveragePrice = u.Price })
			forge := func() {
				d.forge("E1", func(u *order.Update) {
					u.ExchangeUpdateTimestamp = d.now.Add(at)
					u.Price, u.TriggerPrice, u.AveragePrice, u.Quantity = 5000*order.Rupee, 4000*order.Rupee, 5000*order.Rupee, 75
				})
			}
			if order1st == "before the true one" {
				forge()
			}
			d.postback("E1")
			if order1st == "after the true one" {
				forge()
			}
			d.readBook()
			if order1st == "after its stop" {
				r := d.take(actions.Place)
				d.accept(r, "S1")
				forge()
				d.wait(40 * time.Second)
				if len(d.sends) != 0 {
					t.Errorf("a price %s, %s: %s", name, order1st, show(d.sends))
				}
				continue
			}
			d.wait(5 * time.Second)
			if len(d.sends) != 1 || d.sends[0].Call.Params.TriggerPrice != 100*order.Rupee || d.sends[0].Call.Params.Quantity != 75 {
				t.Errorf("a price %s, %s: a stop at 100 for 75, not %s", name, order1st, show(d.sends))
			}
		}
	}
}

// Ancient and impossible times are kept with their reason, and hold nothing back that is true.
func TestForgedTimesHoldNothingBack(t *testing.T) {
	for name, at := range map[string]time.Time{"zero": {}, "ancient": time.Unix(0, 0), "year 9999": time.Date(9999, 12, 31, 23, 59, 59, 0, order.IST)} {
		d := newDesk(t, stopRule)
		d.set("E1", func(u *order.Update) {})
		d.forge("E1", func(u *order.Update) {
			u.Status = order.StatusOpen
			u.OrderTimestamp, u.ExchangeTimestamp, u.ExchangeUpdateTimestamp = at, at, at
		})
		d.wait(time.Second)
		d.none()
		d.set("E1", func(u *order.Update) { filled(75)(u); u.AveragePrice = u.Price })
		d.postback("E1")
		d.wait(5 * time.Second)
		if len(d.sends) != 1 || d.sends[0].Call.Params.Quantity != 75 || d.sends[0].Call.Params.TriggerPrice != 96*order.Rupee {
			t.Errorf("%s: one stop at 96 for 75, not %s", name, show(d.sends))
		}
	}
}

// A rejection that a postback alone tells fails no placement: nothing answers it, and the stop that lives is looked after.
func TestAForgedRejectionFailsNoStop(t *testing.T) {
	set := parse(t, stopRule+"    on_error:\n      - exit_position: {}\n")
	for _, told := range orders([]string{"answer"}, []string{"forged"}, []string{"read", "crash"}) {
		p := newPlaced(t, set, "")
		p.book["S1"] = p.row("S1", order.StatusTriggerPending)
		for _, what := range told {
			switch what {
			case "forged":
				p.push(order.SourcePostback, p.row("S1", order.StatusRejected))
			case "read":
				p.readBook()
			default:
				p.happens(what)
			}
		}
		p.wait(time.Minute)
		if len(p.sends) > 0 || p.state(p.request.ID) != "done " || p.covered() != 75 {
			t.Errorf("%s: the request is %s, %d are covered, and %s left", told, p.state(p.request.ID), p.covered(), show(p.sends))
		}
		p.set("X1", func(u *order.Update) { u.TransactionType = order.Sell; filled(75)(u) })
		p.readBook()
		if len(p.sends) != 1 || p.sends[0].Call.Method != actions.Cancel || p.sends[0].Call.OrderID != "S1" {
			t.Errorf("%s: flat, the slot was to cancel S1, not %s", told, show(p.sends))
		}
	}
}

// A genuine postback with a field that can't be read decides nothing, and the book is read at once for what it meant.
func TestAnUnreadablePostbackIsReadFromTheBook(t *testing.T) {
	d := newDesk(t, stopRule)
	d.set("E1", func(u *order.Update) { filled(75)(u); u.AveragePrice = u.Price })
	row := d.book["E1"]
	d.forge("E1", func(u *order.Update) {
		u.FilledQuantity, u.Unreadable = 0, `filled_quantity: "75 units" is not a number`
	})
	d.book["E1"] = row
	d.wait(5 * time.Second)
	if len(d.sends) != 1 || d.sends[0].Call.Params.Quantity != 75 {
		t.Errorf("one stop for 75, not %s", show(d.sends))
	}
}

// An order that names nobody's instrument, a huge quantity or a side of its own stands on nothing without the book.
func TestAForgedOrderAloneMovesNothing(t *testing.T) {
	for name, change := range map[string]func(u *order.Update){
		"the greatest quantity": func(u *order.Update) { u.Quantity = 1<<63 - 1; filled(1<<63 - 1)(u); u.AveragePrice = 1<<63 - 1 },
		"a negative quantity":   func(u *order.Update) { u.Quantity = -75; u.FilledQuantity = -75; u.Status = order.StatusComplete },
		"another side":          func(u *order.Update) { u.TransactionType = order.Sell; filled(75)(u) },
		"another instrument":    func(u *order.Update) { u.Tradingsymbol = "SOMETHING\u202eELSE"; filled(75)(u) },
		"no side":               func(u *order.Update) { u.TransactionType = "\x1b[2J"; filled(75)(u) },
		"a tag of ours":         func(u *order.Update) { u.Tag = "bsaaaaaaaaaaaaaaaaaa"; filled(75)(u) },
		"a parent":              func(u *order.Update) { u.ParentOrderID = "E1"; filled(75)(u) },
	} {
		d := newDesk(t, stopRule)
		d.set("X9", func(*order.Update) {})
		d.forge("X9", change)
		delete(d.book, "X9") // the broker never had it
		d.wait(45 * time.Second)
		if len(d.sends) != 0 {
			t.Errorf("%s: %s", name, show(d.sends))
		}
		for _, text := range d.tells {
			if strings.Contains(text, "stopped") {
				t.Errorf("%s stopped the lane: %s", name, text)
			}
		}
		d.set("E1", func(u *order.Update) { filled(75)(u); u.AveragePrice = u.Price })
		d.postback("E1")
		d.wait(5 * time.Second)
		if len(d.sends) != 1 || d.sends[0].Call.Params.Quantity != 75 {
			t.Errorf("%s: afterwards one stop for 75, not %s", name, show(d.sends))
		}
	}
}

// A second wish for the same price stands on the same claim as the first: when the book confirms the fill, the price is
// taken anew and not kept as the claim had it.
func TestAForgedPriceThatTwoRulesAskedForPricesNoStop(t *testing.T) {
	d := newDesk(t, stopRule+strings.Replace(strings.TrimPrefix(stopRule, "\nversion: 1\nrules:\n"), "name: stop", "name: again", 1))
	d.set("E1", func(*order.Update) {})
	d.postback("E1")
	d.readBook()
	d.forge("E1", func(u *order.Update) { filled(75)(u); u.AveragePrice = 150 * order.Rupee })
	d.wait(2 * time.Second)
	d.none()
	d.set("E1", func(u *order.Update) { filled(75)(u); u.AveragePrice = 120 * order.Rupee })
	d.postback("E1")
	d.wait(5 * time.Second)
	if p := d.take(actions.Place).Call.Params; p.TriggerPrice != 96*order.Rupee {
		t.Fatalf("a stop at 96, behind what was paid, not at %s", p.TriggerPrice)
	}
}

// With per: fill a fill's share was told when nobody knew that part of it only took back what a stop had sold too much.
func TestInvariant4AShareOfAFillIsNeverMoreThanIsOpen(t *testing.T) {
	d, _ := entered(t, strings.Replace(stopRule, "loss(20)", "loss(20), per: fill", 1))
	d.set("P1", func(u *order.Update) {
		u.TransactionType, u.Quantity, u.OrderType = order.Sell, 25, "MARKET"
		filled(25)(u)
	}) // on the phone: no postback
	d.now = d.now.Add(2 * time.Second)
	d.set("S1", func(u *order.Update) { filled(75)(u) })
	d.postback("S1")
	d.now = d.now.Add(2 * time.Second)
	d.set("E2", filled(75))
	d.postback("E2")
	d.wait(3 * time.Second)
	for _, r := range d.sends {
		if p := r.Call.Params; p.OrderType == "SL" && p.Quantity > 50 {
			t.Fatalf("50 are open, and a stop asks for %d", p.Quantity)
		}
	}
	for _, text := range d.tells {
		if strings.Contains(text, "stopped") {
			t.Fatal(text)
		}
	}
}

// A forged fill of a stop that ended makes the next entry look like a way back: no rule for entries sees it. Nothing waits for
// that claim, and yet it is refuted thirty seconds after it, or three readings after a start.
func TestAForgeryThatHidesAnEntryIsRefutedInTime(t *testing.T) {
	for name, crash := range map[string]bool{"a process that runs on": false, "one that starts afterwards": true} {
		d, _ := entered(t, stopRule)
		d.set("X1", func(u *order.Update) { u.TransactionType = order.Sell; filled(75)(u) })
		d.postback("X1")
		d.readBook()
		d.accept(d.take(actions.Cancel), "S1")
		d.wait(12 * time.Second)
		forged := d.now
		d.forge("S1", func(u *order.Update) { filled(75)(u) })
		d.wait(20 * time.Second)
		d.set("E2", filled(75))
		d.postback("E2")
		d.wait(5 * time.Second)
		d.none()
		due := refuted
		if crash {
			d.now = forged.Add(2 * refuted)
			d.start()
			d.arm()
			due = 2*refuted + 3*time.Second
		}
		for len(d.sends) == 0 && d.now.Before(forged.Add(3*refuted)) {
			d.wait(100 * time.Millisecond)
		}
		d.take(actions.Place)
		if took := d.now.Sub(forged); took > due+time.Second {
			t.Errorf("%s: the stop leaves %s after the forgery, due after %s", name, took, due)
		}
	}
}

// refuted is when a claim that the book does not show is taken back.
const refuted = 30 * time.Second
