package lane_test

import (
	"slices"
	"testing"
	"time"

	"backstop/actions"
	"backstop/engine/lane"
	"backstop/engine/market"
	"backstop/engine/order"
	"backstop/rules"
)

func rupees(x float64) order.Price {
	p, _ := order.PriceOf(x)
	return p
}

// rehearsed shows a dry run an entry that its rules change and cancel, as time passes, and says which kinds each
// update brought.
func rehearsed(t *testing.T, show func(take func(after time.Duration, change func(*order.Update)) []order.Kind)) {
	t.Helper()
	set, problems := rules.Parse("rules.yaml", []byte(`
version: 1
rules:
  - name: chase
    on: open
    for: 20s
    then: [modify_order: { price: order.price + 1 }]
  - name: give-up
    on: open
    for: 60s
    then: [cancel_order: {}]
`), rules.Options{Specs: actions.Builtin()})
	if set == nil {
		t.Fatal(problems)
	}
	now := time.Date(2026, 11, 23, 10, 0, 0, 0, order.IST)
	r, err := lane.NewRehearsal(lane.Options{Account: "AB1234", Mode: lane.DryRun, Rules: set, Hours: market.Always(), Instruments: list{}, Assume: true}, nil, now)
	if err != nil {
		t.Fatal(err)
	}
	u := order.Update{OrderID: "1", Account: "AB1234", Source: order.SourceReplay, Status: order.StatusOpen, RawStatus: "OPEN", Exchange: "NFO",
		Tradingsymbol: "NIFTY26DEC24500CE", TransactionType: order.Buy, Product: "MIS", OrderType: "LIMIT", Quantity: 65, Price: rupees(100), Variety: "regular"}
	show(func(after time.Duration, change func(*order.Update)) (kinds []order.Kind) {
		now = now.Add(after)
		u.OrderTimestamp, u.ExchangeUpdateTimestamp, u.Raw = now, now, []byte(now.String())
		if change != nil {
			change(&u)
		}
		shown := u
		for _, s := range r.Take(now, lane.Input{Update: &shown}) {
			if s.Ignored != "" && len(s.Events) > 0 {
				t.Errorf("at %s an update is ignored (%s) and has events", now, s.Ignored)
			}
			for _, e := range s.Events {
				kinds = append(kinds, e.Kind)
			}
		}
		return kinds
	})
}

func TestAnAssumedChangeIsToldWhenAnUpdateShowsIt(t *testing.T) {
	rehearsed(t, func(take func(time.Duration, func(*order.Update)) []order.Kind) {
		for i, step := range []struct {
			after  time.Duration
			change func(*order.Update)
			want   []order.Kind
		}{
			{0, nil, []order.Kind{order.KindOpen}},
			{21 * time.Second, func(u *order.Update) { u.Price = rupees(101) }, []order.Kind{order.KindModified}},
			{time.Second, nil, nil},
			{40 * time.Second, func(u *order.Update) { u.Status, u.RawStatus = order.StatusCancelled, "CANCELLED" }, []order.Kind{order.KindCancelled}},
			{time.Second, nil, nil},
		} {
			if got := take(step.after, step.change); !slices.Equal(got, step.want) {
				t.Errorf("step %d told %v, want %v", i, got, step.want)
			}
		}
	})
}

func TestWhatFilledInPlaceOfAnAssumedCancelIsAFill(t *testing.T) {
	rehearsed(t, func(take func(time.Duration, func(*order.Update)) []order.Kind) {
		take(0, nil)
		got := take(70*time.Second, func(u *order.Update) {
			u.Status, u.RawStatus, u.Price, u.FilledQuantity, u.AveragePrice = order.StatusComplete, "COMPLETE", rupees(101), 65, rupees(101)
		})
		if !slices.Contains(got, order.KindFill) || slices.Contains(got, order.KindCancelled) {
			t.Errorf("told %v", got)
		}
	})
}
