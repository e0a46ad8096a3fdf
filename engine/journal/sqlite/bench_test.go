package sqlite

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"backstop/engine/journal"
	"backstop/engine/journal/journaltest"
	"backstop/engine/order"
)

// BenchmarkCommit is durable commits of typical size, each with an order of its own, from callers that wait for
// each of theirs.
func BenchmarkCommit(b *testing.B) {
	for _, callers := range []int{1, 16, 128} {
		b.Run(fmt.Sprint(callers, " waiting"), func(b *testing.B) {
			s := open(b, b.TempDir())
			var next atomic.Int64
			var group sync.WaitGroup
			b.ReportAllocs()
			b.ResetTimer()
			for g := range callers {
				group.Go(func() {
					account := fmt.Sprintf("AB%04d", g)
					for {
						n := next.Add(1)
						if n > int64(b.N) {
							return
						}
						if err := s.Commit(context.Background(), journaltest.Numbered(account, int(n))); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			group.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "commits/s")
		})
	}
}

// BenchmarkSync is what the disk gives: 4 kB more in a file, and synced. Commits are to be compared with it.
func BenchmarkSync(b *testing.B) {
	f, err := os.Create(filepath.Join(b.TempDir(), "file"))
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	for b.Loop() {
		if _, err := f.Write(make([]byte, pageBytes)); err != nil {
			b.Fatal(err)
		}
		if err := f.Sync(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "syncs/s")
}

// filled is a store of more than 100,000 rows, with 1,000 orders of the day.
func filled(b *testing.B, folder string) *Store {
	s := open(b, folder)
	for n := 0; n < 34_000; n += 100 {
		c := journaltest.Numbered("AB", n)
		for i := 1; i < 100; i++ {
			more := journaltest.Numbered("AB", n+i)
			c.Inputs, c.Events, c.Orders = append(c.Inputs, more.Inputs...), append(c.Events, more.Events...), append(c.Orders, more.Orders...)
		}
		for i := range c.Orders {
			if n < 33_000 {
				c.Orders[i].Day = "2026-11-20"
			}
		}
		if err := s.Commit(context.Background(), c); err != nil {
			b.Fatal(err)
		}
	}
	return s
}

// BenchmarkLoad is what a lane starts from: 1,000 orders of the day among 100,000 rows of the journal.
func BenchmarkLoad(b *testing.B) {
	s := filled(b, b.TempDir())
	for b.Loop() {
		if snap, err := s.Load(context.Background(), "AB", "2026-11-23"); err != nil || len(snap.Orders) != 1000 {
			b.Fatal(len(snap.Orders), err)
		}
	}
}

// BenchmarkOpen is what a start adds to that.
func BenchmarkOpen(b *testing.B) {
	folder := b.TempDir()
	if err := filled(b, folder).Close(); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		s, err := Open(context.Background(), folder, Options{})
		if err == nil {
			err = s.Close()
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkVerify checks all 100,000 rows, and SQLite's own pages.
func BenchmarkVerify(b *testing.B) {
	s := filled(b, b.TempDir())
	for b.Loop() {
		seen, err := journal.Verify(context.Background(), s, func(f journal.Finding) { b.Fatal(f) })
		if err != nil || seen.Rows < 100_000 {
			b.Fatal(seen, err)
		}
	}
}

// BenchmarkInstruments saves and reads a day's 100,000 instruments.
func BenchmarkInstruments(b *testing.B) {
	s := open(b, b.TempDir())
	const rows = 100_000
	b.Run("save", func(b *testing.B) {
		for b.Loop() {
			err := s.SaveInstruments(context.Background(), "2026-11-23", func(add func(order.Instrument) error) error {
				for i := range rows {
					if err := add(order.Instrument{Exchange: "NFO", Tradingsymbol: fmt.Sprint("NIFTY26NOV", i, "CE"), Token: int64(i), TickSize: 50_000, LotSize: 75,
						Strike: order.Price(i) * order.Rupee, Type: "CE", Segment: "NFO-OPT", Expiry: "2026-11-24", Name: "NIFTY"}); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("read", func(b *testing.B) {
		for b.Loop() {
			n := 0
			if _, err := s.Instruments(context.Background(), func(order.Instrument) { n++ }); err != nil || n != rows {
				b.Fatal(n, err)
			}
		}
	})
}
