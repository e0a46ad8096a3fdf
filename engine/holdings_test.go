package engine

import (
	"context"
	"testing"
	"time"

	"backstop/actions"
	"backstop/actions/actionstest"
	"backstop/engine/lane"
	"backstop/engine/order"
)

// refusing is a broker whose holdings can't be had.
type refusing struct {
	*actionstest.Broker
	class actions.Class
}

func (b refusing) Holdings(ctx context.Context) ([]actions.HoldingRow, error) {
	if b.class != actions.ClassNone {
		return nil, &actions.Error{Class: b.class, Op: "holdings", Message: "not now"}
	}
	return b.Broker.Holdings(ctx)
}

// One without the other would tell too little, save where the account may not read holdings: then the lane is told so.
func TestHoldingsComeWithThePositionsOrBothFail(t *testing.T) {
	for class, want := range map[actions.Class]struct{ failed, whole bool }{
		actions.ClassNone: {false, true}, actions.ClassDown: {true, false}, actions.ClassPermission: {false, false}, actions.ClassSession: {true, false},
	} {
		b := refusing{actionstest.NewBroker("AB1234", time.Now), class}
		b.Carry(order.Overnight{Key: order.Key{Exchange: "NSE", Tradingsymbol: "INFY", Product: "CNC"}, Quantity: 10})
		got := make(chan lane.Input, 1)
		r := newReads(b, NewPacer(1), func(in lane.Input) { got <- in }, time.Now)
		r.want(lane.Reads{Positions: true, Holdings: true})
		p := (<-got).Positions
		r.stop()
		if (p.Err != nil) != want.failed || !want.failed && p.Whole != want.whole || want.whole && len(p.Holdings) != 1 {
			t.Errorf("%s: %+v", class, p)
		}
	}
}
