package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"backstop/actions"
	"backstop/engine/journal/memory"
	"backstop/engine/order"
)

func instrument(exchange, symbol string) order.Instrument {
	return order.Instrument{Exchange: exchange, Tradingsymbol: symbol, Token: 7, Name: "NAME OF " + symbol, Expiry: "2026-11-26",
		Strike: 24500 * order.Rupee, TickSize: order.Rupee / 20, LotSize: 75, Type: "CE", Segment: exchange + "-OPT"}
}

func TestInstrumentsAreLookedUp(t *testing.T) {
	t.Parallel()
	var i Instruments
	if _, ok := i.Instrument("NSE", "INFY"); ok || i.Loaded() || i.Day() != "" || i.Len() != 0 {
		t.Error("a list that is not there")
	}
	l := &list{day: "2026-11-23"}
	for _, x := range []string{"NSE", "BSE", "NFO"} {
		for n := range 500 {
			if err := l.add(instrument(x, fmt.Sprintf("S%d", n*7919%500))); err != nil {
				t.Fatal(err)
			}
		}
	}
	twice := instrument("NSE", "S3")
	twice.LotSize = 1
	if err := errors.Join(l.add(twice), l.add(order.Instrument{Exchange: "NSE"}), l.done()); err != nil {
		t.Fatal(err)
	}
	i.list.Store(l)
	if i.Len() != 1500 || !i.Loaded() || i.Day() != "2026-11-23" {
		t.Error(i.Len(), i.Day())
	}
	for _, x := range []string{"NSE", "BSE", "NFO"} {
		for n := range 500 {
			want := instrument(x, fmt.Sprintf("S%d", n))
			if x == "NSE" && n == 3 {
				want.LotSize = 1 // of two rows the last counts
			}
			if got, ok := i.Instrument(x, want.Tradingsymbol); !ok || got != want {
				t.Fatalf("%+v, want %+v", got, want)
			}
		}
	}
	for _, miss := range [][2]string{{"NSE", "S500"}, {"NSE", ""}, {"NSE", "S"}, {"MCX", "S1"}, {"", "S1"}, {"CE", "S1"}, {"NFO-OPT", "S1"}} {
		if got, ok := i.Instrument(miss[0], miss[1]); ok {
			t.Errorf("%v found %+v", miss, got)
		}
	}
	if err := (&list{}).done(); !errors.Is(err, errUnfit) {
		t.Error("an empty list:", err)
	}
}

func TestInstrumentsAreBounded(t *testing.T) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	l := &list{}
	for n := range 100_000 {
		i := instrument("NFO", fmt.Sprintf("NIFTY26NOV%dCE", n))
		i.Name = fmt.Sprint("NAME ", n%2000)
		if err := l.add(i); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.done(); err != nil {
		t.Fatal(err)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if used := int64(after.HeapAlloc) - int64(before.HeapAlloc); used > 12<<20 {
		t.Errorf("100 000 rows take %d MB", used>>20)
	}
	l.rows = make([]row, instrumentsMax)
	if err := l.add(instrument("NSE", "X")); !errors.Is(err, errUnfit) {
		t.Error(err)
	}
	many := &list{}
	var err error
	for n := 0; n < 2*shortMax && err == nil; n++ {
		err = many.add(order.Instrument{Exchange: fmt.Sprint(n), Tradingsymbol: "X"})
	}
	if !errors.Is(err, errUnfit) {
		t.Error("any number of exchanges:", err)
	}
	runtime.KeepAlive(l)
}

// listed runs a listing over a store and brokers.
func listed(t *testing.T, store *memory.Store, brokers ...*broker) (i *Instruments, loaded *atomic.Int64) {
	t.Helper()
	i, loaded = &Instruments{}, new(atomic.Int64)
	l := newListing(i, store, slog.New(slog.DiscardHandler), time.Now)
	l.loaded = func() { loaded.Add(1) }
	for _, b := range brokers {
		l.sources = append(l.sources, source{b, NewPacer(1)})
	}
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	go l.run(ctx)
	synctest.Wait()
	return i, loaded
}

// The bubble's clock begins at 2000-01-01 05:30 IST: the broker's list is that of 1999-12-31 until 08:30.
const (
	bubbleDay  = order.Day("1999-12-31")
	bubbleNext = order.Day("2000-01-01")
)

func TestTodaysKeptListServes(t *testing.T) {
	bubble(t, func(t *testing.T) {
		store, b := memory.New(), &broker{List: infy}
		saved(t, store, bubbleDay, instrument("NSE", "KEPT"))
		i, loaded := listed(t, store, b)
		if _, ok := i.Instrument("NSE", "KEPT"); !ok || b.Count("instruments") != 0 || loaded.Load() != 1 {
			t.Error(ok, b.Calls(), loaded.Load())
		}
		time.Sleep(3*time.Hour + time.Second) // past 08:30
		if _, ok := i.Instrument("NSE", "INFY"); !ok || b.Count("instruments") != 1 || loaded.Load() != 2 || i.Day() != bubbleNext {
			t.Error("the new day:", ok, b.Calls(), loaded.Load(), i.Day())
		}
		time.Sleep(24 * time.Hour)
		if b.Count("instruments") != 2 || i.Day() != "2000-01-02" {
			t.Error("the day after:", b.Calls(), i.Day())
		}
	})
}

func TestAMissingListIsFetchedAndKept(t *testing.T) {
	bubble(t, func(t *testing.T) {
		store, bad, good := memory.New(), &broker{OnInstruments: func(context.Context, func(order.Instrument) error) error { return errors.New("502") }}, &broker{List: infy}
		i, loaded := listed(t, store, bad, good)
		if _, ok := i.Instrument("NSE", "INFY"); !ok || loaded.Load() != 1 || i.Day() != bubbleDay || bad.Count("instruments") != 1 {
			t.Error(ok, loaded.Load(), i.Day())
		}
		rows := 0
		if day, err := store.Instruments(t.Context(), func(order.Instrument) { rows++ }); day != bubbleDay || err != nil || rows != 1 {
			t.Error(day, err, rows)
		}
	})
}

// TestAnOlderListStandsInOnlyAfterAFailure: before it what needs a tick waits, for an instrument of today may be
// missing from the older one.
func TestAnOlderListStandsInOnlyAfterAFailure(t *testing.T) {
	bubble(t, func(t *testing.T) {
		store, gate, failing := memory.New(), make(chan struct{}), &atomic.Bool{}
		failing.Store(true)
		saved(t, store, "1999-12-30", instrument("NSE", "OLD"))
		b := &broker{OnInstruments: func(_ context.Context, each func(order.Instrument) error) error {
			<-gate
			if failing.Load() {
				return errors.Join(each(instrument("NSE", "HALF")), &actions.Error{Class: actions.ClassDown, Message: "cut short"})
			}
			return each(instrument("NSE", "NEW"))
		}}
		i, loaded := listed(t, store, b)
		if i.Loaded() || loaded.Load() != 0 {
			t.Error("the older list is shown before today's failed")
		}
		close(gate)
		synctest.Wait()
		if _, ok := i.Instrument("NSE", "OLD"); !ok || loaded.Load() != 1 {
			t.Error("no list after the failure", loaded.Load())
		}
		if _, ok := i.Instrument("NSE", "HALF"); ok {
			t.Error("half a list is shown")
		}
		time.Sleep(4 * time.Second)
		if b.Count("instruments") != 1 {
			t.Error("tried again too soon")
		}
		time.Sleep(time.Minute)
		if n := b.Count("instruments"); n < 3 || n > 5 {
			t.Error(n, "tries in a minute")
		}
		failing.Store(false)
		time.Sleep(listRetryLast)
		if _, ok := i.Instrument("NSE", "NEW"); !ok || loaded.Load() != 2 || i.Day() != bubbleDay {
			t.Error("the new list:", ok, loaded.Load(), i.Day())
		}
	})
}

func TestAnEmptyListIsAFailure(t *testing.T) {
	bubble(t, func(t *testing.T) {
		store := memory.New()
		saved(t, store, "1999-12-30", instrument("NSE", "OLD"))
		i, _ := listed(t, store, &broker{OnInstruments: func(context.Context, func(order.Instrument) error) error { return nil }})
		if i.Day() != "1999-12-30" {
			t.Error(i.Day())
		}
	})
}

// TestAListThatLooksCutShortReplacesNone: an exchange of which half is missing is no change of a day; one that stays so is
// believed in the end.
func TestAListThatLooksCutShortReplacesNone(t *testing.T) {
	bubble(t, func(t *testing.T) {
		store, whole := memory.New(), &atomic.Bool{}
		var old []order.Instrument
		for n := range 20 {
			old = append(old, instrument("BSE", fmt.Sprint("B", n)), instrument("NSE", fmt.Sprint("N", n)))
		}
		saved(t, store, "1999-12-30", old...)
		rows := func(each func(order.Instrument) error, exchange string, n int) {
			for i := range n {
				if err := each(instrument(exchange, fmt.Sprint("NEW", i))); err != nil {
					t.Error(err)
				}
			}
		}
		b := &broker{OnInstruments: func(_ context.Context, each func(order.Instrument) error) error {
			rows(each, "BSE", 20) // more than half of all, and yet not whole
			if rows(each, "NSE", 9); whole.Load() {
				rows(each, "NSE", 20)
			}
			return nil
		}}
		i, _ := listed(t, store, b)
		if _, ok := i.Instrument("NSE", "N19"); !ok || i.Day() != "1999-12-30" {
			t.Error("the older list does not stand in:", i.Day())
		}
		whole.Store(true)
		time.Sleep(time.Minute)
		if i.Day() != bubbleDay {
			t.Error("a whole list is not taken:", i.Day())
		}
		whole.Store(false)
		time.Sleep(4 * time.Hour)
		if i.Day() != bubbleNext || b.Count("instruments") < listLeanMax {
			t.Error("what stays so is never believed:", i.Day(), b.Count("instruments"))
		}
		n := 0
		if day, err := store.Instruments(t.Context(), func(order.Instrument) { n++ }); day != bubbleNext || err != nil || n != 29 {
			t.Error(day, err, n)
		}
	})
}

func saved(t *testing.T, store *memory.Store, day order.Day, rows ...order.Instrument) {
	t.Helper()
	if err := store.SaveInstruments(t.Context(), day, func(add func(order.Instrument) error) error {
		for _, r := range rows {
			if err := add(r); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}
