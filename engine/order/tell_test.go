package order

import (
	"slices"
	"testing"
	"time"
)

func (s sketch) by(source Source) sketch { s.source = source; return s }

func TestFillComesOnceWithTheRest(t *testing.T) {
	w := newWorld(t)
	s := bought(id1, 0, 75).by(SourcePostback)
	wantLines(t, w.see(open(s).by(SourceStream)), "open 0/0 entry "+id1)
	part := open(s).end("UPDATE")
	part.at, part.filled = 1, 25
	wantLines(t, w.see(part), "partial_fill 25/25 entry "+id1)
	wantLines(t, w.see(part))
	s.at = 2
	wantLines(t, w.see(s), "fill 50/75 entry "+id1)
	wantLines(t, w.see(s.by(SourceBook)))
	part.filled = 50 // overtaken (docs/kite.md 1.3)
	wantLines(t, w.see(part))
}

func TestFillIsToldThoughPartialFillsToldItAll(t *testing.T) {
	w := newWorld(t)
	s := bought(id1, 0, 75)
	s.raw = "UPDATE"
	wantLines(t, w.see(s), "partial_fill 75/75 entry "+id1)
	wantLines(t, w.see(bought(id1, 0, 75)), "fill 0/75 entry "+id1)
}

func TestAFillThatCrossesFlatIsTwoEvents(t *testing.T) {
	w := newWorld(t)
	w.see(bought(id1, 0, 75))
	wantLines(t, w.see(sold(id2, 5, 100)), "partial_fill 75/75 exit "+id1, "fill 25/100 entry "+id2)

	w = newWorld(t)
	w.see(bought(id1, 0, 75))
	s := sold(id2, 5, 100)
	s.raw, s.filled = "UPDATE", 50
	wantLines(t, w.see(s), "partial_fill 50/50 exit "+id1)
	s.at, s.filled = 6, 90
	wantLines(t, w.see(s), "partial_fill 25/75 exit "+id1, "partial_fill 15/90 entry "+id2)
	s.at, s.raw, s.filled = 7, "CANCELLED", 95
	wantLines(t, w.see(s), "partial_fill 5/95 entry "+id2, "cancelled 0/95 entry "+id2)
}

func TestAnExitOfOursIsOneEventThoughItCrosses(t *testing.T) {
	w := newWorld(t)
	w.see(bought(id1, 0, 10))
	w.see(open(sold(id2, 1, 20)).as("SL"))
	w.link(id2, Link{Group: id1, Role: RoleStopLoss})
	wantLines(t, w.see(sold(id2, 2, 20).as("SL")), "fill 20/20 stop_loss "+id1)
}

func TestCancelGivesFillsFirst(t *testing.T) {
	for _, c := range []struct {
		name   string
		edit   func(*sketch)
		closed bool
		kind   Kind
	}{
		{"by a person", func(*sketch) {}, false, KindCancelled},
		{"immediate-or-cancel", func(s *sketch) { s.quality = "IOC" }, false, KindExpired},
		{"the day's end", func(*sketch) {}, true, KindExpired},
		{"its minutes are over", func(s *sketch) {
			s.quality, s.at = "TTL", 600
			s.edit = func(u *Update) { u.ValidityTTL, u.ExchangeTimestamp = 5, second(0) }
		}, false, KindExpired},
		{"its minutes are not over", func(s *sketch) {
			s.quality, s.at = "TTL", 200
			s.edit = func(u *Update) { u.ValidityTTL, u.ExchangeTimestamp = 5, second(0) }
		}, false, KindCancelled},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			s := sketch{id: id1, raw: "CANCELLED", at: 9, quantity: 75, filled: 25, cancelled: 50}
			c.edit(&s)
			o := w.Fold(s.row(), start).Order
			wantLines(t, lines(w.Tell(o, c.closed, start)), "partial_fill 25/25 entry "+id1, string(c.kind)+" 0/25 entry "+id1)
		})
	}
}

func TestAFillAfterTheEndIsToldAsAPart(t *testing.T) {
	w := newWorld(t)
	s := sketch{id: id1, raw: "CANCELLED", at: 9, quantity: 75, filled: 25}
	w.see(s)
	s.raw, s.at, s.filled = "UPDATE", 8, 50
	wantLines(t, w.see(s), "partial_fill 25/50 entry "+id1)
}

func TestStop(t *testing.T) {
	stop := func(raw string, at int, filled int64) sketch {
		return sketch{id: id2, raw: raw, at: at, side: Sell, typ: "SL", quantity: 10, filled: filled, price: 79, trigger: 80}
	}
	for _, c := range []struct {
		name string
		seen []sketch
		want []string
	}{
		{"waits, triggers, fills", []sketch{stop("TRIGGER PENDING", 1, 0), stop("OPEN", 2, 0), stop("COMPLETE", 3, 10)},
			[]string{"trigger_pending 0/0 stop_loss " + id1, "triggered 0/0 stop_loss " + id1, "fill 10/10 stop_loss " + id1}},
		{"triggered is all that was seen", []sketch{stop("OPEN", 2, 0)}, []string{"triggered 0/0 stop_loss " + id1}},
		{"triggered and filled in part at once", []sketch{stop("TRIGGER PENDING", 1, 0), stop("OPEN", 2, 5)},
			[]string{"trigger_pending 0/0 stop_loss " + id1, "triggered 0/0 stop_loss " + id1, "partial_fill 5/5 stop_loss " + id1}},
		{"filled at once", []sketch{stop("TRIGGER PENDING", 1, 0), stop("COMPLETE", 2, 10)},
			[]string{"trigger_pending 0/0 stop_loss " + id1, "fill 10/10 stop_loss " + id1}},
		{"waiting is told too late", []sketch{stop("OPEN", 2, 0), stop("TRIGGER PENDING", 1, 0)}, []string{"triggered 0/0 stop_loss " + id1}},
		{"turned into a market exit", []sketch{stop("TRIGGER PENDING", 1, 0), {id: id2, raw: "OPEN", at: 2, side: Sell, typ: "MARKET", quantity: 10}},
			[]string{"trigger_pending 0/0 stop_loss " + id1, "modified 0/0 exit " + id1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.see(bought(id1, 0, 10))
			w.events = nil
			for _, s := range c.seen {
				w.see(s)
			}
			wantLines(t, lines(w.events), c.want...)
		})
	}
}

func TestModified(t *testing.T) {
	s := sketch{id: id1, raw: "OPEN", quantity: 75, price: 120}
	for _, c := range []struct {
		name string
		edit func(*sketch)
		want []string
	}{
		{"price", func(s *sketch) { s.price = 121 }, []string{"modified 0/0 entry " + id1}},
		{"quantity", func(s *sketch) { s.quantity = 50 }, []string{"modified 0/0 entry " + id1}},
		{"nothing", func(*sketch) {}, nil},
		{"an interim row says nothing of values", func(s *sketch) { s.price, s.raw = 121, "MODIFY PENDING" }, nil},
		{"an older row", func(s *sketch) { s.price, s.at = 121, -5 }, nil},
		{"and filled in part", func(s *sketch) { s.price, s.filled = 121, 25 }, []string{"modified 0/0 entry " + id1, "partial_fill 25/25 entry " + id1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.see(s)
			m := s
			m.raw, m.at = "UPDATE", 5
			c.edit(&m)
			wantLines(t, w.see(m), c.want...)
		})
	}
}

func TestEachModificationHasItsOwnFacts(t *testing.T) {
	w := newWorld(t)
	s := sketch{id: id1, raw: "OPEN", quantity: 75, price: 120}
	w.see(s)
	var facts [][]string
	for i, price := range []float64{121, 120, 121} {
		s.at, s.price = i+1, price
		for _, e := range w.fold(s.row()) {
			facts = append(facts, e.Facts(w.order(id1)))
		}
	}
	if len(facts) != 3 || slices.Equal(facts[0], facts[2]) {
		t.Errorf("facts %v", facts)
	}
}

func TestRejectedKeepsItsWords(t *testing.T) {
	w := newWorld(t)
	w.see(sketch{id: id1, raw: "REJECTED", at: 3, quantity: 10, message: "RMS:Margin Exceeds"})
	w.see(sketch{id: id1, raw: "UPDATE", at: 9, quantity: 10})
	if row := w.order(id1).Row(); row.StatusMessage != "RMS:Margin Exceeds" || row.RawStatus != "REJECTED" {
		t.Errorf("%q %q", row.RawStatus, row.StatusMessage)
	}
	wantLines(t, lines(w.events), "rejected 0/0 entry "+id1)
}

func TestBaselineIsNotToldAndALaterFillEndsIt(t *testing.T) {
	for _, c := range []struct {
		name string
		rest int64 // bought beyond what was there
	}{{"by a fill", 10}, {"by nothing", 0}} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			s := open(bought(id1, 0, 20))
			s.filled = 10
			o := w.Fold(s.row(), start).Order
			o.MarkBaseline()
			wantLines(t, lines(w.Tell(o, false, start)))
			if g, _ := w.Holding(Claimed, nifty).Group(id1); !g.Baseline {
				t.Fatal("no baseline group")
			}
			s.at, s.filled = 5, 10+c.rest
			w.see(s)
			if g, _ := w.Holding(Claimed, nifty).Group(id1); g.Baseline != (c.rest == 0) {
				t.Errorf("baseline %v after %d more", g.Baseline, c.rest)
			}
		})
	}
}

func TestBaselineEndsWithAFillThatCrossesFlat(t *testing.T) {
	w := newWorld(t, Overnight{Key: nifty, Quantity: 10})
	s := open(sold(id1, 0, 20))
	o := w.Fold(s.row(), start).Order
	o.MarkBaseline()
	wantLines(t, w.see(sold(id1, 5, 20)), "partial_fill 10/10 exit overnight", "fill 10/20 entry "+id1)
	if g, _ := w.Holding(Claimed, nifty).Group(id1); g.Baseline {
		t.Error("what was entered after the first arming is baseline")
	}
}

func TestAnEntryAfterTheArmingEndsItsGroupsBaseline(t *testing.T) {
	w := newWorld(t)
	w.see(bought(id1, 0, 10).tagged("a"))
	w.order(id1).MarkBaseline()
	w.see(bought(id2, 5, 10).tagged("a"))
	if g, _ := w.Holding(Claimed, nifty).Group(id1); g.Baseline || g.Open() != 20 {
		t.Errorf("baseline %v, open %d", g.Baseline, g.Open())
	}
}

func TestNothingIsToldOfWhatIsNotKnown(t *testing.T) {
	b := NewBook(account)
	if events := b.Tell(&Order{Account: account, ID: id1}, false, start); events != nil {
		t.Error(events)
	}
}

func TestEventSaysWhetherItIsConfirmed(t *testing.T) {
	w := newWorld(t)
	events := w.fold(bought(id1, 0, 10).by(SourcePostback).row())
	if len(events) != 1 || events[0].Confirmed || events[0].Key != nifty || events[0].Account != account || events[0].Status != StatusComplete {
		t.Errorf("%+v", events)
	}
	if events = w.fold(bought(id2, 0, 10).by(SourceStream).row()); len(events) != 1 || !events[0].Confirmed {
		t.Errorf("%+v", events)
	}
	if !events[0].Time.Equal(start.Add(2 * time.Second)) {
		t.Errorf("time %v is not the lane's", events[0].Time)
	}
}
