package actionstest_test

import (
	"sync"
	"testing"
	"time"

	"backstop/actions"
	"backstop/actions/actionstest"
	"backstop/engine/order"
)

func TestTheFakeBrokerIsABroker(t *testing.T) {
	t.Parallel()
	actionstest.RunBroker(t, func(*testing.T) actionstest.Bench {
		var mu sync.Mutex
		now := time.Date(2026, 11, 2, 10, 0, 0, 0, order.IST)
		clock := func() time.Time { mu.Lock(); defer mu.Unlock(); return now }
		i := order.Instrument{Exchange: "NSE", Tradingsymbol: "INFY", TickSize: order.Rupee / 20, LotSize: 1}
		b := actionstest.NewBroker("AB1234", clock, i)
		return actionstest.Bench{Broker: b, Account: "AB1234", Instrument: i, Product: "MIS", Quantity: 10, Price: 1400 * order.Rupee,
			Fault: b.Fault, Reject: b.RejectNext, Fill: b.Fill,
			Pass:  func(d time.Duration) { mu.Lock(); defer mu.Unlock(); now = now.Add(d) },
			Truth: func() []string { return ids(b.Rows()) }}
	})
}

func ids(rows []order.Update) []string {
	var list []string
	for _, row := range rows {
		list = append(list, row.OrderID)
	}
	return list
}

func TestTheFakeTakesTwentyFiveModificationsOfAnOrder(t *testing.T) {
	t.Parallel()
	var b actionstest.Broker
	p := actions.Params{Exchange: "NSE", Tradingsymbol: "INFY", TransactionType: order.Sell, Quantity: 1, Product: "MIS", OrderType: "SL",
		Price: 99 * order.Rupee, TriggerPrice: 100 * order.Rupee}
	id, err := b.Do(t.Context(), actions.Call{Method: actions.Place, Params: p})
	if err != nil {
		t.Fatal(err)
	}
	for i := range actionstest.ModificationsMost {
		p.TriggerPrice += order.Rupee
		if _, err := b.Do(t.Context(), actions.Call{Method: actions.Modify, OrderID: id, Params: p}); err != nil {
			t.Fatal(i, err)
		}
	}
	if _, err := b.Do(t.Context(), actions.Call{Method: actions.Modify, OrderID: id, Params: p}); err == nil {
		t.Error("one more")
	}
	if row, _ := b.Row(id); row.Status != order.StatusTriggerPending || row.TriggerPrice != 125*order.Rupee {
		t.Errorf("%+v", row)
	}
}

func TestTheFakeChannelKeepsWhatItWasTold(t *testing.T) {
	t.Parallel()
	var c actionstest.Channel
	for _, text := range []string{"one", "two"} {
		if err := c.Send(t.Context(), actions.Message{Text: text}); err != nil {
			t.Error(err)
		}
	}
	if said := c.Said(); c.Count() != 2 || said[0] != "one" || said[1] != "two" {
		t.Error(said)
	}
}
