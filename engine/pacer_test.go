package engine

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"backstop/engine/lane"
)

// left is one request as an observer outside the pacer sees it.
type left struct {
	at     time.Time
	kind   departureKind
	client int
}

// busiest is the most of some kinds within any window of this length.
func busiest(all []left, window time.Duration, kinds ...departureKind) int {
	most := 0
	for i := range all {
		n := 0
		for _, l := range all[i:] {
			if l.at.Sub(all[i].at) >= window {
				break
			}
			for _, k := range kinds {
				if l.kind == k {
					n++
				}
			}
		}
		most = max(most, n)
	}
	return most
}

// TestPacerIsNeverOverALimit: several lanes of one key reserve, use part of what they hold after a commit of any
// length, and readings go in between; no window of a second or a minute ever has too many.
func TestPacerIsNeverOverALimit(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		lanes := rapid.IntRange(1, 4).Draw(t, "lanes")
		pacers := []*Pacer{NewPacer(lanes)}
		for len(pacers) < lanes {
			pacers = append(pacers, pacers[0].Beside())
		}
		now := time.Date(2026, 11, 23, 9, 15, 0, 0, time.UTC)
		var all []left
		var holds []*Hold
		kept := map[*Hold]*lane.Grant{} // whose step has said what it will use
		greed := rapid.IntRange(1, 4).Draw(t, "greed")
		use := func(h *Hold) {
			g := h.Grant()
			exits, risk := g.Exits, g.Risk
			if greed == 1 {
				exits, risk = rapid.IntRange(0, exits).Draw(t, "exits"), rapid.IntRange(0, risk).Draw(t, "risk")
			}
			if k := kept[h]; k != nil {
				exits, risk = k.Exits, k.Risk
			}
			h.Used(now, exits, risk)
			for range exits {
				all = append(all, left{now, departExit, h.pacer.client})
			}
			for range risk {
				all = append(all, left{now, departRisk, h.pacer.client})
			}
		}
		for range rapid.IntRange(50, 400).Draw(t, "steps") {
			p := pacers[rapid.IntRange(0, lanes-1).Draw(t, "client")]
			switch rapid.IntRange(0, 4).Draw(t, "what") {
			case 0:
				now = now.Add(time.Duration(rapid.IntRange(0, 2_000).Draw(t, "ms")) * time.Millisecond / time.Duration(greed))
			case 1, 2:
				if len(holds) < lanes {
					most := rapid.IntRange(0, 20).Draw(t, "most")
					h := p.Reserve(now, most, rapid.IntRange(-4, most).Draw(t, "mostRisk"))
					if g := h.Grant(); g.Exits < 0 || g.Risk < 0 || g.Exits+g.Risk > most || (g.Exits == 0 || g.Risk == 0) && !g.Next.After(now) {
						t.Fatalf("granted %+v of %d", g, most)
					}
					holds = append(holds, h)
					continue
				}
				if g := holds[0].Grant(); kept[holds[0]] == nil && rapid.Bool().Draw(t, "keeps") {
					g.Exits, g.Risk = rapid.IntRange(0, g.Exits).Draw(t, "kept exits"), rapid.IntRange(0, g.Risk).Draw(t, "kept risk")
					holds[0].Keep(g.Exits, g.Risk)
					kept[holds[0]] = &g
					continue
				}
				use(holds[0])
				holds = holds[1:]
			case 3, 4:
				kind := departBook
				if rapid.Bool().Draw(t, "other") {
					kind = departRead
				}
				ok, again := p.read(now, kind)
				if ok {
					all = append(all, left{now, kind, p.client})
				} else if !again.After(now) {
					t.Fatal("asked to come again at once")
				}
			}
		}
		for _, c := range []struct {
			name   string
			window time.Duration
			kinds  []departureKind
			most   int
		}{
			{"requests a second", time.Second, []departureKind{departExit, departRisk, departBook, departRead}, 10},
			{"all but exits a second", time.Second, []departureKind{departRisk, departBook, departRead}, 8},
			{"all but book reads a second", time.Second, []departureKind{departExit, departRisk, departRead}, 9},
			{"new risk and other reads a second", time.Second, []departureKind{departRisk, departRead}, 7},
		} {
			if n := busiest(all, c.window, c.kinds...); n > c.most {
				t.Fatalf("%s: %d, at most %d", c.name, n, c.most)
			}
		}
		for client := range lanes {
			own := slices.DeleteFunc(slices.Clone(all), func(l left) bool { return l.client != client })
			if n := busiest(own, time.Minute, departExit, departRisk); n > changesMinute {
				t.Fatalf("%d changes of one client in a minute", n)
			}
			if n := busiest(own, time.Minute, departRisk); n > riskMinute {
				t.Fatalf("%d times new risk of one client in a minute", n)
			}
		}
	})
}

// TestAReadingNeedNotWaitForACommit: what a step does not use is free while it is made durable.
func TestAReadingNeedNotWaitForACommit(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 23, 9, 15, 0, 0, time.UTC)
	p := NewPacer(1)
	h := p.Reserve(now, 100, 100)
	for i, want := range []bool{true, false} { // one is kept for them
		if ok, _ := p.read(now, departBook); ok != want {
			t.Errorf("reading %d beside a whole hold: %t", i+1, ok)
		}
	}
	h.Keep(1, 0)
	if ok, _ := p.read(now, departBook); !ok {
		t.Error("not beside the one request that will leave")
	}
	h.Keep(2, 2)
	if g := h.Grant(); g.Exits != 1 || g.Risk != 0 {
		t.Errorf("a hold grew to %+v", g)
	}
}

// TestPacerIsUsedUp: the limits are reached, not only kept.
func TestPacerIsUsedUp(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 23, 9, 15, 0, 0, time.UTC)
	p := NewPacer(1)
	exits := 0
	for range 20 {
		h := p.Reserve(now, 16, 0)
		g := h.Grant()
		h.Used(now, g.Exits, 0)
		exits += g.Exits
	}
	if exits != 9 {
		t.Error(exits, "exits in a second")
	}
	if ok, _ := p.read(now, departBook); !ok {
		t.Error("the reading kept for the book is refused")
	}
	if ok, again := p.read(now, departBook); ok || !again.Equal(now.Add(secondWindow)) {
		t.Error(ok, again)
	}

	p, risk := NewPacer(1), 0
	for range 20 {
		h := p.Reserve(now, 16, 16)
		g := h.Grant()
		h.Used(now, 0, g.Risk)
		risk += g.Risk
	}
	h := p.Reserve(now, 16, 16)
	if g := h.Grant(); risk < 5 || risk > 7 || g.Exits < 2 {
		t.Error(risk, "at new risk; then", g)
	}

	p, exits = NewPacer(1), 0
	for range 600 { // a minute full of exits, with new risk shut out before them
		h := p.Reserve(now, 16, 16)
		g := h.Grant()
		if exits >= riskMinute && g.Risk > 0 {
			t.Error("new risk after", exits)
		}
		h.Used(now, g.Exits, 0)
		exits += g.Exits
		now = now.Add(100 * time.Millisecond)
	}
	if exits != changesMinute {
		t.Error(exits, "changes in a minute")
	}
}

// TestPacerOfTwoAccountsOfOneKey: the second is the key's, the minute each client's own.
func TestPacerOfTwoAccountsOfOneKey(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 23, 9, 15, 0, 0, time.UTC)
	a := NewPacer(2)
	b := a.Beside()
	one := 0
	for range 20 {
		one += a.Reserve(now, 16, 0).use(now)
	}
	if n := b.Reserve(now, 16, 0).use(now); one != 9 || n != 0 {
		t.Error(one, "of the one in a second, and of the other", n)
	}
	for ; one < changesMinute; now = now.Add(100 * time.Millisecond) {
		one += a.Reserve(now, 16, 0).use(now)
	}
	now = now.Add(secondWindow)
	if n := a.Reserve(now, 16, 0).use(now); n != 0 {
		t.Error("beyond its minute:", n)
	}
	if n := b.Reserve(now, 16, 0).use(now); n == 0 {
		t.Error("the one account's minute holds the other back")
	}
}

// TestPacerAfterTheClockWasSetBack: what seems to lie ahead counts for one window and no longer.
func TestPacerAfterTheClockWasSetBack(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 23, 9, 15, 0, 0, time.UTC)
	p := NewPacer(1)
	for p.Reserve(now, 9, 0).use(now) > 0 {
	}
	now = now.Add(-time.Hour)
	if n := p.Reserve(now, 9, 0).use(now); n != 0 {
		t.Error(n, "let through")
	}
	now = now.Add(secondWindow)
	if n := p.Reserve(now, 9, 0).use(now); n == 0 {
		t.Error("still shut")
	}
}

// use takes all of a hold.
func (h *Hold) use(now time.Time) int {
	n := h.Grant().Exits
	h.Used(now, n, 0)
	return n
}

func TestPacerWaits(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := NewPacer(1)
		began := time.Now()
		var all sync.WaitGroup
		for range 30 {
			all.Go(func() {
				if err := p.wait(t.Context(), time.Now, departBook); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if took := time.Since(began); took < 3*secondWindow || took > 4*secondWindow {
			t.Error("30 readings took", took)
		}
		ctx, cancel := context.WithCancel(t.Context())
		got := make(chan error, 1)
		go func() {
			for {
				if err := p.wait(ctx, time.Now, departBook); err != nil {
					got <- err
					return
				}
			}
		}()
		synctest.Wait()
		cancel()
		if err := <-got; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}
