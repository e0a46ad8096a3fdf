package lane_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"backstop/actions"
	"backstop/engine/lane"
	"backstop/engine/order"
)

// pushed pushes an order as it stands in the book, from a source.
func (d *desk) pushed(id string, from order.Source) lane.Batch {
	d.t.Helper()
	u := *d.book[id]
	u.Source = from
	u.Raw, _ = json.Marshal(struct {
		order.Update
		Via order.Source
	}{u, from})
	return d.step(lane.Input{Update: &u})
}

func (d *desk) missed() lane.Missed { return d.lane.View().Missed }

func TestWhoToldFirstIsCounted(t *testing.T) {
	d := newDesk(t, stopRule)
	d.set("E1", filled(75))
	d.now = d.now.Add(700 * time.Millisecond)
	if n := d.pushed("E1", order.SourceStream).News; len(n) != 1 || n[0] != (lane.News{Source: order.SourceStream, Late: 700 * time.Millisecond}) {
		t.Errorf("%+v", n)
	}
	if n := d.pushed("E1", order.SourcePostback).News; len(n) > 0 {
		t.Errorf("told before: %+v", n)
	}
	d.readBook()
	d.accept(d.take(actions.Place), "S1") // open: no push is to be expected of that
	d.wait(15 * time.Second)
	if m := d.missed(); m != (lane.Missed{}) {
		t.Errorf("%+v", m)
	}
}

// A push that trails the book by a moment has come; one that never comes is missed, with what the book told and how late.
func TestWhatNoPushToldIsCountedWithItsDelay(t *testing.T) {
	for name, push := range map[string]order.Source{"never": "", "late": order.SourcePostback} {
		d, r := entered(t, stopRule)
		_ = r
		d.set("S1", func(u *order.Update) {
			u.Status, u.FilledQuantity, u.AveragePrice = order.StatusComplete, 75, 95*order.Rupee
		})
		d.now = d.now.Add(4 * time.Second)
		d.readBook()
		d.now = d.now.Add(3 * time.Second)
		if push != "" {
			d.pushed("S1", push)
		}
		d.wait(12 * time.Second)
		m, said := d.missed(), strings.Contains(strings.Join(d.tells, "\n"), "the order book told it 4s later, no push came (1 so today)")
		switch {
		case push != "" && (m != (lane.Missed{}) || said):
			t.Errorf("%s: %+v, %q", name, m, d.tells)
		case push == "" && (m.Updates != 1 || m.Orders != 1 || m.Longest < 4*time.Second || m.Longest > 5*time.Second || !said):
			t.Errorf("%s: %+v, %q", name, m, d.tells)
		}
		d.now = d.now.Add(24 * time.Hour)
		if d.step(); d.missed() != (lane.Missed{}) {
			t.Errorf("%s: the next day: %+v", name, d.missed())
		}
	}
}

// Of an order of its own that the stream told ended a postback is to be expected too, where there are postbacks at all.
func TestAPostbackThatTheStreamOvertookForGoodIsCountedApart(t *testing.T) {
	for _, posts := range []bool{false, true} {
		d := newDesk(t, stopRule)
		d.set("E1", filled(75))
		if posts {
			d.postback("E1")
		} else {
			d.pushed("E1", order.SourceStream)
		}
		d.readBook()
		d.accept(d.take(actions.Place), "S1")
		d.set("S1", func(u *order.Update) {
			u.Status, u.FilledQuantity, u.AveragePrice = order.StatusComplete, 75, 95*order.Rupee
		})
		d.pushed("S1", order.SourceStream)
		d.wait(12 * time.Second)
		want := lane.Missed{}
		if posts {
			want.ByStream = 1
		}
		if m := d.missed(); m != want {
			t.Errorf("postbacks %t: %+v", posts, m)
		}
	}
}

// reads lets time pass and tells when the book was read, in seconds from now.
func (d *desk) reads(t time.Duration) (at []float64) {
	began := d.now
	for until := d.now.Add(t); d.now.Before(until); {
		b := d.step()
		if d.want.Book {
			at = append(at, d.now.Sub(began).Round(100*time.Millisecond).Seconds())
			d.readBook()
			continue
		}
		next := d.now.Add(100 * time.Millisecond)
		if !b.Wake.IsZero() && b.Wake.After(d.now) && b.Wake.Before(next) {
			next = b.Wake
		}
		d.now = next
	}
	return at
}

// A stop whose trigger the price went through and of which nothing came has the book read sooner, and not for ever.
func TestAnOrderThatThePriceWentThroughHasTheBookRead(t *testing.T) {
	d, _ := entered(t, stopRule)
	d.reads(time.Minute) // what was accepted is seen
	if at := d.reads(time.Minute); len(at) > 0 {
		t.Fatal("read for nothing: ", at)
	}
	d.step(tick(9601)) // the stop's trigger is 96
	if at := d.reads(time.Minute); len(at) > 0 {
		t.Fatal("read though nothing was passed: ", at)
	}
	d.step(tick(9595))
	if at := d.reads(time.Minute); len(at) != 3 || at[0] < 2 || at[0] > 2.2 || at[1]-at[0] < 5 || at[2]-at[1] < 5 {
		t.Errorf("read after %v", at)
	}
	d.step(tick(9700))
	d.step(tick(9590))
	d.set("S1", func(u *order.Update) {
		u.Status, u.FilledQuantity, u.AveragePrice = order.StatusComplete, 75, 9590*order.Rupee/100
	})
	if at := d.reads(time.Minute); len(at) != 1 {
		t.Errorf("read after %v", at)
	}
	if d.state("S1") != "COMPLETE" && !strings.Contains(strings.Join(d.kinds("S1"), " "), "fill") {
		t.Error(d.state("S1"), d.kinds("S1"))
	}
}

// An order that hangs in a status on the way, whoever's it is, is looked at again.
func TestAnOrderOnItsWayHasTheBookRead(t *testing.T) {
	d := newDesk(t, stopRule)
	d.set("E1", func(u *order.Update) { u.Status, u.RawStatus = order.StatusNone, "PUT ORDER REQ RECEIVED" })
	d.pushed("E1", order.SourceStream)
	if at := d.reads(20 * time.Second); len(at) < 3 || at[0] > 5.2 {
		t.Errorf("read after %v", at)
	}
	d.set("E1", func(u *order.Update) { u.Status, u.Variety = order.StatusNone, "amo" })
	d.now = d.now.Add(time.Minute)
	d.reads(time.Second)
	if at := d.reads(time.Minute); len(at) > 0 {
		t.Errorf("an after-market order waits for the morning: read after %v", at)
	}
}
