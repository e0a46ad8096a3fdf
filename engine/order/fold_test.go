package order

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestImpossibleUpdatesAreNotFolded(t *testing.T) {
	good := bought(id1, 0, 10).row()
	for _, c := range []struct {
		name string
		edit func(*Update)
		why  string
	}{
		{"no order id", func(u *Update) { u.OrderID = "" }, "no order id"},
		{"negative quantity", func(u *Update) { u.Quantity = -1 }, "negative quantity"},
		{"negative fill", func(u *Update) { u.FilledQuantity = -1 }, "negative quantity"},
		{"negative pending", func(u *Update) { u.PendingQuantity = -1 }, "negative quantity"},
		{"negative cancelled", func(u *Update) { u.CancelledQuantity = -1 }, "negative quantity"},
		{"overfilled", func(u *Update) { u.FilledQuantity = 11 }, "more filled"},
		{"negative price", func(u *Update) { u.Price = -1 }, "negative price"},
		{"negative trigger", func(u *Update) { u.TriggerPrice = -1 }, "negative price"},
		{"negative average", func(u *Update) { u.AveragePrice = -1 }, "negative price"},
		{"rejected with fills", func(u *Update) { u.Status = StatusRejected }, "rejected with fills"},
		{"complete with nothing", func(u *Update) { u.FilledQuantity = 0 }, "nothing filled"},
		{"neither side", func(u *Update) { u.TransactionType = "buy" }, "neither BUY nor SELL"},
		{"a quantity that overflows", func(u *Update) { u.Quantity, u.FilledQuantity = 1<<62, 1<<62 }, "larger than any order"},
		{"a value that overflows", func(u *Update) { u.AveragePrice = 1 << 62 }, "larger than any order"},
		{"another account", func(u *Update) { u.Account = "ZZ9999" }, "another account"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			u := *good
			c.edit(&u)
			out := w.Fold(&u, start)
			if !strings.HasPrefix(out.Ignored, "impossible: ") || !strings.Contains(out.Ignored, c.why) || out.Order != nil || w.Len() != 0 {
				t.Errorf("%q, %d orders", out.Ignored, w.Len())
			}
			w.fold(good)
			before := seen(w.order(id1).Seen(Claimed))
			if out = w.Fold(&u, start); out.Ignored == "" || seen(w.order(id1).Seen(Claimed)) != before {
				t.Errorf("%q of a known order", out.Ignored)
			}
		})
	}
	if why := good.Impossible(); why != "" {
		t.Error(why)
	}
}

func TestFoldSaysWhatItDid(t *testing.T) {
	b := NewBook(account)
	later := open(bought(id1, 5, 10))
	if out := b.Fold(later.row(), start); !out.New || out.Ignored != "" {
		t.Errorf("first: %+v", out)
	}
	if out := b.Fold(later.row(), start); out.New || out.Ignored != "duplicate" {
		t.Errorf("twice: %+v", out)
	}
	older := open(bought(id1, 5, 10))
	older.raw = "OPEN PENDING"
	if out := b.Fold(older.row(), start); out.Ignored != "stale" {
		t.Errorf("older: %+v", out)
	}
	if out := b.Fold(bought(id1, 6, 10).row(), start); out.New || out.Ignored != "" {
		t.Errorf("more: %+v", out)
	}
	b.Fold(sold(id2, 3, 10).row(), start)
	late := open(bought(id1, 4, 10))
	late.raw, late.filled = "UPDATE", 5
	if out := b.Fold(late.row(), start); out.Ignored != "stale" { // nothing was filled between 4 and 6
		t.Errorf("an earlier fill: %+v", out)
	}
	late.at = 2
	if out := b.Fold(late.row(), start); out.Ignored != "" { // it bought before the other sold: roles change
		t.Errorf("a fill earlier than another's: %+v", out)
	}
}

func TestFoldCallsStaleWhatComesAfterTheEnd(t *testing.T) {
	for _, source := range []Source{SourcePostback, SourceStream, SourceBook, SourceReplay} {
		end := bought(id1, 5, 10)
		end.source = source
		b := NewBook(account)
		b.Fold(end.row(), start)
		for _, raw := range []string{"OPEN PENDING", "OPEN", "UPDATE"} {
			for _, at := range []int{5, 2} { // in the same second, and before
				late := open(bought(id1, at, 10))
				late.raw, late.source = raw, source
				if out := b.Fold(late.row(), start); out.Ignored != "stale" {
					t.Errorf("%s: %s at %d: %+v", source, raw, at, out)
				}
			}
		}
	}
}

// forge is a postback whose checksum holds (order_id and order_timestamp are true) and whose rest is a lie.
func forge(s sketch, edit func(*Update)) *Update {
	s.source = SourcePostback
	u := s.row()
	u.ExchangeUpdateTimestamp = second(9999)
	edit(u)
	u.Raw = fmt.Append(nil, "forged", u.Tradingsymbol, u.TransactionType, u.Tag, u.AveragePrice, u.Status, u.FilledQuantity)
	return u
}

func TestAForgedPostbackNeverRenamesWhatTheBrokerTold(t *testing.T) {
	truth := bought(id1, 0, 10)
	truth.tag, truth.tags, truth.placedBy = "mine", []string{"mine"}, account
	for _, c := range []struct {
		name string
		edit func(*Update)
	}{
		{"instrument", func(u *Update) { u.Tradingsymbol = "ZOMATO" }},
		{"exchange", func(u *Update) { u.Exchange = "NSE" }},
		{"product", func(u *Update) { u.Product = "XXX" }},
		{"side", func(u *Update) { u.TransactionType = Sell }},
		{"tag", func(u *Update) { u.Tag = "zzz" }},
		{"tags", func(u *Update) { u.Tags = []string{"zzz"} }},
		{"parent", func(u *Update) { u.ParentOrderID = id2 }},
		{"who placed it", func(u *Update) { u.PlacedBy = "ZZZ" }},
		{"variety", func(u *Update) { u.Variety = "zzz" }},
		{"average", func(u *Update) { u.AveragePrice = rupees(5000) }},
	} {
		for _, first := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, forged first %v", c.name, first), func(t *testing.T) {
				w, honest := newWorld(t), newWorld(t)
				honest.see(truth)
				lie := forge(truth, c.edit)
				if first {
					w.fold(lie)
				}
				w.see(truth)
				if !first {
					w.fold(lie)
				}
				got, want := w.order(id1).Row(), honest.order(id1).Row()
				if got.Key() != want.Key() || got.TransactionType != want.TransactionType || got.Tag != want.Tag || !slices.Equal(got.Tags, want.Tags) ||
					got.ParentOrderID != want.ParentOrderID || got.PlacedBy != want.PlacedBy || got.Variety != want.Variety || got.AveragePrice != want.AveragePrice {
					t.Errorf("claimed %+v", got)
				}
				if a, b := seen(w.order(id1).Seen(Confirmed)), seen(honest.order(id1).Seen(Confirmed)); a != b {
					t.Errorf("confirmed\n%s\nwant\n%s", a, b)
				}
				for _, l := range []Layer{Claimed, Confirmed} {
					if a, b := picture(w.Holding(l, nifty)), picture(honest.Holding(l, nifty)); a != b {
						t.Errorf("layer %d\n%s\nwant\n%s", l, a, b)
					}
				}
				if keys := w.Keys(); !slices.Equal(keys, []Key{nifty}) {
					t.Errorf("places %v", keys)
				}
				if _, ok := w.Tagged("zzz"); ok {
					t.Error("found under a forged tag")
				}
				if o, ok := w.Tagged("mine"); !ok || o.ID != id1 {
					t.Error("not found under its own tag")
				}
			})
		}
	}
}

func TestForgedPostbacksNeverMoveTheConfirmedHolding(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := drawDay(t)
		d.plans = slices.DeleteFunc(d.plans, func(p *plan) bool { return p.link != nil })
		if len(d.plans) == 0 {
			t.Skip("nothing but exits of ours")
		}
		rows := d.all()
		honest := NewBook(account)
		honest.SetOvernight(d.overnight())
		for _, u := range rows {
			honest.Fold(u, start)
		}
		for range rapid.IntRange(1, 5).Draw(t, "lies") {
			p := d.plans[rapid.IntRange(0, len(d.plans)-1).Draw(t, "order")]
			lie := *p.rows[rapid.IntRange(0, len(p.rows)-1).Draw(t, "row")]
			lie.Source, lie.Began = SourcePostback, time.Time{}
			lie.Tradingsymbol = rapid.SampledFrom([]string{lie.Tradingsymbol, "A", "ZZZ"}).Draw(t, "symbol")
			lie.TransactionType = rapid.SampledFrom([]string{Buy, Sell}).Draw(t, "side")
			lie.Tag = rapid.SampledFrom([]string{"", "a", "zzz"}).Draw(t, "tag")
			lie.OrderType = rapid.SampledFrom([]string{"SL", "LIMIT"}).Draw(t, "type")
			lie.ParentOrderID = rapid.SampledFrom([]string{"", d.plans[0].id}).Draw(t, "parent")
			lie.Status, lie.FilledQuantity = StatusComplete, lie.Quantity
			lie.ExchangeUpdateTimestamp = second(rapid.IntRange(-100, 9999).Draw(t, "time"))
			lie.AveragePrice = rupees(float64(rapid.IntRange(0, 1000).Draw(t, "average")))
			lie.Raw = fmt.Append(nil, "lie", len(rows))
			rows = append(rows, &lie)
		}
		b := NewBook(account)
		b.SetOvernight(d.overnight())
		for _, u := range rapid.Permutation(rows).Draw(t, "arrival") {
			o := b.Fold(u, start).Order
			b.Tell(o, false, start)
		}
		if got, want := picture(b.Holding(Confirmed, d.key)), picture(honest.Holding(Confirmed, d.key)); got != want {
			t.Fatalf("with lies\n%s\nwithout\n%s", got, want)
		}
		for _, o := range b.Orders() {
			old := o.Key()
			o.Refute()
			b.Touch(old)
			b.Touch(o.Key())
		}
		if got, want := picture(b.Holding(Claimed, d.key)), picture(honest.Holding(Confirmed, d.key)); got != want && !anyClaim(b) {
			t.Fatalf("refuted\n%s\nwithout lies\n%s", got, want)
		}
		for _, o := range b.Orders() {
			if o.Ahead() || !o.Claimed.IsZero() || len(o.Claims) > 0 {
				t.Fatalf("%s is ahead after a refutation", o.ID)
			}
		}
	})
}

// anyClaim says whether some order's claimed values or times differ from the confirmed ones without being ahead:
// those stay until the broker shows a later version.
func anyClaim(b *Book) bool {
	return slices.ContainsFunc(b.Orders(), func(o *Order) bool {
		c, k := o.Seen(Claimed), o.Seen(Confirmed)
		return c.version() != k.version() || !c.FilledAt.Equal(k.FilledAt) || !c.Placed.Equal(k.Placed)
	})
}

func TestAnInstrumentThatIsKnownLaterGetsTheFill(t *testing.T) {
	w := newWorld(t)
	bare := bought(id1, 0, 10)
	bare.edit = func(u *Update) { u.Exchange, u.Tradingsymbol, u.Product = "", "", "" }
	wantLines(t, w.see(bare), "fill 10/10")
	if len(w.Keys()) != 0 {
		t.Errorf("places %v", w.Keys())
	}
	w.see(bought(id1, 0, 10))
	if h := w.Holding(Claimed, nifty); h.Position != 10 || h.Role(id1) != RoleEntry {
		t.Errorf("%s", picture(h))
	}
}

func TestAClaimedInstrumentIsLeftWhenTheBrokerTellsAnother(t *testing.T) {
	w := newWorld(t)
	w.see(bought(id1, 0, 10).in(infy).by(SourcePostback))
	if h := w.Holding(Claimed, infy); h.Position != 10 {
		t.Fatalf("%s", picture(h))
	}
	w.see(bought(id1, 0, 10))
	for _, l := range []Layer{Claimed, Confirmed} {
		if a, b := w.Holding(l, infy).Position, w.Holding(l, nifty).Position; a != 0 || b != 10 {
			t.Errorf("layer %d: %d and %d", l, a, b)
		}
	}
}

func TestRefuteTakesBackAndATrueFillIsToldAnew(t *testing.T) {
	w := newWorld(t)
	w.see(open(bought(id1, 0, 75)))
	part := open(bought(id1, 1, 75))
	part.raw, part.filled = "UPDATE", 25
	w.see(part)
	claim := bought(id1, 2, 75).by(SourcePostback).row()
	first := w.fold(claim)
	wantLines(t, lines(first), "fill 50/75 entry "+id1)
	o := w.order(id1)
	factsBefore := first[0].Facts(o)
	if !o.Ahead() || o.Claimed.IsZero() || w.Holding(Claimed, nifty).Position != 75 || w.Holding(Confirmed, nifty).Position != 25 {
		t.Fatal("not ahead")
	}
	if !o.Refute() {
		t.Fatal("not refuted")
	}
	w.Touch(nifty)
	if o.Ahead() || !o.Claimed.IsZero() || w.Holding(Claimed, nifty).Position != 25 || o.Refute() {
		t.Fatalf("after: %s", picture(w.Holding(Claimed, nifty)))
	}
	if out := w.Fold(claim, start); !strings.HasPrefix(out.Ignored, "refuted") {
		t.Errorf("the same payload again: %q", out.Ignored)
	}
	wantLines(t, lines(w.Tell(o, false, start)))
	again := w.fold(bought(id1, 9, 75).row())
	wantLines(t, lines(again), "fill 50/75 entry "+id1)
	if slices.Equal(again[0].Facts(o), factsBefore) {
		t.Error("the true fill would be taken for the refuted one")
	}
}

func TestRefuteOfAnOrderThatTheBookNeverHeld(t *testing.T) {
	w := newWorld(t)
	claim := bought(id1, 0, 10).tagged("zzz").by(SourcePostback)
	w.see(claim)
	o := w.order(id1)
	if !o.Refute() {
		t.Fatal("not refuted")
	}
	w.Touch(nifty)
	if h := w.Holding(Claimed, nifty); h.Position != 0 || h.Role(id1) != RoleUnknown {
		t.Errorf("%s", picture(h))
	}
	if _, ok := w.Tagged("zzz"); ok || len(w.AllTagged("zzz")) > 0 {
		t.Error("found under the refuted tag")
	}
	if o.Refute() {
		t.Error("refuted twice")
	}
	wantLines(t, w.see(bought(id1, 5, 10).in(infy)), "fill 10/10 entry "+id1) // the id was true, the rest was not
	if a, b := w.Holding(Claimed, nifty).Position, w.Holding(Claimed, infy).Position; a != 0 || b != 10 {
		t.Errorf("positions %d and %d", a, b)
	}
	if c := again(t, w.Book); c.Holding(Confirmed, infy).Position != 10 || c.Holding(Confirmed, nifty).Position != 0 {
		t.Error("the journal's copy differs")
	}
}

func TestRefuteTellsTheTrueEnd(t *testing.T) {
	w := newWorld(t)
	w.see(bought(id1, 0, 75).by(SourcePostback)) // a lie
	s := sketch{id: id1, raw: "CANCELLED", at: 3, quantity: 75, filled: 25, cancelled: 50}
	wantLines(t, w.see(s))
	o := w.order(id1)
	if !o.Refute() {
		t.Fatal("not refuted")
	}
	w.Touch(nifty)
	// the lie told of 75 as one fill: what is true of it is told anew, or nothing would stand behind it
	wantLines(t, lines(w.Tell(o, false, start)), "partial_fill 25/25 entry "+id1, "cancelled 0/25 entry "+id1)
}

func TestRefuteDoesNotTellAModificationThatWasNone(t *testing.T) {
	w := newWorld(t)
	s := open(bought(id1, 0, 75))
	s.price = 120
	w.see(s)
	lie := s.by(SourcePostback)
	lie.raw, lie.at, lie.filled, lie.price = "UPDATE", 5, 25, 999
	w.see(lie)
	o := w.order(id1)
	o.Refute()
	w.Touch(nifty)
	wantLines(t, lines(w.Tell(o, false, start)))
}

func TestOtherNewsDoesNotProlongAClaim(t *testing.T) {
	w := newWorld(t)
	w.see(open(bought(id1, 0, 75)))
	w.see(bought(id1, 2, 75).by(SourcePostback))
	since := w.order(id1).Claimed
	part := open(bought(id1, 9, 75))
	part.raw, part.filled = "UPDATE", 25
	w.see(part)
	lie := bought(id1, 2, 75).by(SourcePostback)
	lie.message = "again"
	w.see(lie)
	if o := w.order(id1); !o.Claimed.Equal(since) {
		t.Errorf("claimed since %v, now %v", since, o.Claimed)
	}
	w.see(bought(id1, 10, 75))
	if o := w.order(id1); !o.Claimed.IsZero() || o.Claims != nil {
		t.Errorf("confirmed, and still claimed since %v", o.Claimed)
	}
}

func TestClaimsAreBounded(t *testing.T) {
	w := newWorld(t)
	for i := range 10 * claimsMax {
		s := bought(id1, 2, 75).by(SourcePostback)
		s.message = fmt.Sprint(i)
		w.see(s)
	}
	if o := w.order(id1); len(o.Claims) != claimsMax {
		t.Errorf("%d claims", len(o.Claims))
	}
}

func TestABookReadMayComeLateAndTakesNothingBack(t *testing.T) {
	w := newWorld(t)
	w.see(bought(id1, 5, 10).by(SourceStream))
	late := open(bought(id1, 1, 10))
	late.edit = func(u *Update) { u.Began = second(100) }
	w.see(late)
	if s := w.order(id1).Seen(Confirmed); s.Row.Status != StatusComplete || s.Row.FilledQuantity != 10 || s.Remaining() != 0 || s.Live() {
		t.Errorf("%+v", s.Row)
	}
}

func TestRemainingOfATerminalOrderIsNothing(t *testing.T) { // docs/kite.md 1.5: pending_quantity lies there
	w := newWorld(t)
	w.see(sketch{id: id1, raw: "CANCELLED", quantity: 10, cancelled: 10})
	if s := w.order(id1).Seen(Claimed); s.Row.PendingQuantity != 10 || s.Remaining() != 0 {
		t.Errorf("pending %d, remaining %d", s.Row.PendingQuantity, s.Remaining())
	}
	w.see(open(bought(id2, 0, 10)))
	if s := w.order(id2).Seen(Claimed); s.Remaining() != 10 {
		t.Errorf("remaining %d of a live order", s.Remaining())
	}
	if s := (&Seen{}); s.Remaining() != 0 || s.Live() || s.Reaches(StatusNone, 0) {
		t.Error("what is not known is taken for known")
	}
}

func TestAverageComesFromTradesUntilTheOrderTellsIt(t *testing.T) {
	w := newWorld(t)
	s := open(bought(id1, 0, 75))
	s.filled = 50
	w.see(s)
	o := w.order(id1)
	if _, told := o.Average(Claimed); told {
		t.Error("an average that nobody told")
	}
	trade := func(id string, n int64, price float64, at int) Trade {
		return Trade{TradeID: id, OrderID: id1, Quantity: n, Price: rupees(price), Time: second(at)}
	}
	if !o.AddTrades([]Trade{trade("2", 25, 102, 2)}) || o.AddTrades([]Trade{trade("2", 25, 102, 2)}) {
		t.Error("new once, not twice")
	}
	if _, told := o.Average(Claimed); told {
		t.Error("half of the trades are told as all")
	}
	if o.AddTrades([]Trade{{TradeID: "x", OrderID: id2, Quantity: 1, Price: 1}, {TradeID: "y", Quantity: 0, Price: 1}, {TradeID: "z", Quantity: 1}, {Quantity: 1, Price: 1}}) {
		t.Error("trades that are none")
	}
	o.AddTrades([]Trade{trade("1", 25, 100, 1), trade("3", 25, 120, 3)})
	if p, told := o.Average(Claimed); !told || p != rupees(101) { // the third trade is beyond what the row shows
		t.Errorf("average %v %v", p, told)
	}
	done := bought(id1, 5, 75)
	done.average = 107.35
	w.see(done)
	if p, told := o.Average(Claimed); !told || p != rupees(107.35) {
		t.Errorf("average %v %v", p, told)
	}
	if _, told := (&Order{}).Average(Claimed); told {
		t.Error("an order without fills has an average")
	}
}

func TestUpdatesWithoutAPayloadFoldInAnyOrder(t *testing.T) {
	a, b := open(bought(id1, 0, 10)).row(), open(bought(id1, 0, 20)).row()
	a.Raw, b.Raw = nil, nil
	one, two := newWorld(t), newWorld(t)
	one.fold(a)
	one.fold(b)
	two.fold(b)
	two.fold(a)
	if x, y := seen(one.order(id1).Seen(Claimed)), seen(two.order(id1).Seen(Claimed)); x != y {
		t.Errorf("%s\n%s", x, y)
	}
}

func TestBrokerTimeIsTheExchangesWhereItIsTold(t *testing.T) {
	u := Update{OrderTimestamp: second(3)}
	for _, want := range []int{3, 2, 1} {
		if got := brokerTime(&u); !got.Equal(second(want)) {
			t.Errorf("%v, want %v", got, second(want))
		}
		if want == 3 {
			u.ExchangeTimestamp = second(2)
		} else {
			u.ExchangeUpdateTimestamp = second(1)
		}
	}
}

func TestOfOneSecondTheBookHoldsThenStreamThenPostback(t *testing.T) {
	sources := []Source{SourceReplay, SourcePostback, SourceStream, SourceBook}
	permutations(len(sources), func(p []int) {
		w := newWorld(t)
		for _, i := range p {
			s := open(bought(id1, 0, int64(10+i))).by(sources[i])
			w.see(s)
		}
		if row := w.order(id1).Row(); row.Quantity != 13 || row.Source != SourceBook {
			t.Fatalf("%v: quantity %d of %s", p, row.Quantity, row.Source)
		}
	})
	if o := (&Order{}); !o.ByHand() {
		t.Error("an order without a link is by hand")
	}
}
