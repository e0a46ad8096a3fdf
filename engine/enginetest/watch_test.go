package enginetest

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestInvariant4WhatTakesASurplusBackExcusesNoMoreThanItOpens: while the market takes nothing, a purchase that takes a surplus
// back hangs beside the exits of another group of the place, and both together end flat. Whatever does not is found.
func TestInvariant4WhatTakesASurplusBackExcusesNoMoreThanItOpens(t *testing.T) {
	t.Parallel()
	type live struct {
		side, kind string
		quantity   int
		covers     bool
	}
	back := func(quantity int) live { return live{"BUY", "MARKET", quantity, true} }
	stop := func(quantity int) live { return live{"SELL", "SL", quantity, false} }
	target := func(quantity int) live { return live{"SELL", "LIMIT", quantity, false} }
	for _, c := range []struct {
		name string
		net  int
		live []live
		over bool
	}{
		{"beyond a short it opens what a stop closes", -130, []live{back(195), stop(65)}, false},
		{"a stop and a target close it once", -130, []live{back(195), stop(65), target(65)}, false},
		{"a stop for more than it opens", -130, []live{back(195), stop(130)}, true},
		{"a target for more than it opens", -130, []live{back(195), stop(65), target(130)}, true},
		{"more bought back than closes", -130, []live{back(260), stop(65)}, true},
		{"a stop beside what only closes the short", -130, []live{back(130), stop(65)}, true},
		{"an exit that takes no surplus back", -130, []live{{"BUY", "MARKET", 195, false}, stop(65)}, true},
		{"an exit beside it", -130, []live{back(195), {"BUY", "LIMIT", 65, false}, stop(65)}, true},
		{"flat, and it opens what a stop and a target close", 0, []live{back(65), stop(65), target(65)}, false},
		{"flat, and a target for more", 0, []live{back(65), stop(65), target(130)}, true},
		{"flat, and a target on its own side", 0, []live{back(65), stop(65), {"BUY", "LIMIT", 65, false}}, true},
		{"flat, and nothing is taken back", 0, []live{stop(65), target(65)}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			day, err := Day(1)
			if err != nil {
				t.Fatal(err)
			}
			day.Events, day.Poor = nil, false
			w, err := newWorld(day)
			if err != nil {
				t.Fatal(err)
			}
			defer w.store.Close()
			k := key{symbols[0], "NRML"}
			w.p, w.ledger.net[k] = &process{}, c.net
			if c.net != 0 {
				w.ledger.surplus[k], w.ledger.since[k] = c.net, w.now
			}
			for i, o := range c.live {
				tag := fmt.Sprint("bs", i)
				id, refused := w.x.PlaceVia(user, apiKey, "regular", url.Values{"exchange": {"NFO"}, "tradingsymbol": {k.symbol}, "transaction_type": {o.side}, "product": {k.product},
					"quantity": {fmt.Sprint(o.quantity)}, "order_type": {"LIMIT"}, "price": {map[string]string{"BUY": "100", "SELL": "140"}[o.side]}, "validity": {"DAY"}, "tag": {tag}})
				if refused != nil {
					t.Fatal(refused)
				}
				w.watch.kind[id], w.ledger.covers[tag] = o.kind, o.covers
			}
			w.changed()
			w.sample()
			w.now = w.now.Add(overClean + time.Second)
			w.sample()
			over := slices.ContainsFunc(w.broken, func(what string) bool { return strings.HasPrefix(what, "invariant 4, no more is live than is open") })
			if over != c.over || !c.over && len(w.broken) > 0 {
				t.Errorf("more is live than is open: %v, want %v: %+v %v", over, c.over, w.place(k), w.broken)
			}
		})
	}
}
