package paper

import (
	"net/url"
	"strings"
	"testing"

	kiteconnect "github.com/zerodha/gokiteconnect/v4"
	"github.com/zerodha/gokiteconnect/v4/models"
	kiteticker "github.com/zerodha/gokiteconnect/v4/ticker"
)

func TestOfficialClientVarieties(t *testing.T) {
	x, _ := exchange(t)
	_, h := served(t, x, ServerOptions{})
	k := official(t, h.URL)
	p := params()
	p.Validity, p.ValidityTTL = kiteconnect.ValidityTTL, 3
	ttl, err := k.PlaceOrder(kiteconnect.VarietyRegular, p)
	ok(t, err)
	p = params()
	p.Quantity, p.IcebergLegs, p.IcebergQty = 130, 2, 65
	ice, err := k.PlaceOrder(kiteconnect.VarietyIceberg, p)
	ok(t, err)
	amo, err := k.PlaceOrder(kiteconnect.VarietyAMO, params())
	ok(t, err)
	_, err = k.CancelOrder(kiteconnect.VarietyAMO, amo.OrderID, nil)
	ok(t, err)
	p = params()
	p.Product, p.Price, p.TriggerPrice = kiteconnect.ProductMIS, 121, 100
	cover, err := k.PlaceOrder(kiteconnect.VarietyCO, p)
	ok(t, err)

	orders, err := k.GetOrders()
	ok(t, err)
	rows := map[string]kiteconnect.Order{}
	leg := ""
	for _, o := range orders {
		rows[o.OrderID] = o
		if o.ParentOrderID == cover.OrderID {
			leg = o.OrderID
		}
	}
	equal(t, "ttl", rows[ttl.OrderID].ValidityTTL, 3)
	equal(t, "leg", rows[ice.OrderID].Quantity, 65)
	meta, is := rows[ice.OrderID].Meta["iceberg"].(map[string]any)
	equal(t, "meta", is && meta["total_quantity"] == 130.0, true)
	equal(t, "amo", rows[amo.OrderID].Status+rows[amo.OrderID].Variety, "CANCELLED AMOamo")
	equal(t, "second leg", rows[leg].Status+rows[leg].OrderType, "TRIGGER PENDINGSL")
	// The official client says that it sends parent_order_id, and does not (docs/kite.md 8.4).
	if _, err = k.CancelOrder(kiteconnect.VarietyCO, leg, &cover.OrderID); err == nil || !strings.Contains(err.Error(), "parent_order_id") {
		t.Errorf("the official client's cancel of a second leg: %v", err)
	}
}

func TestOfficialTickerReadsEverySegmentInEveryMode(t *testing.T) {
	x, c := exchange(t)
	s, h := served(t, x, ServerOptions{})
	mustPlace(t, x, shares("price", "1490.5")...)
	ticker := kiteticker.New("paper_key", "paper_token")
	ticker.SetRootURL(url.URL{Scheme: "ws", Host: strings.TrimPrefix(h.URL, "http://"), Path: "/ws"})
	ticker.SetAutoReconnect(false)
	connected, seen := make(chan bool, 1), make(chan models.Tick, 100)
	ticker.OnConnect(func() { connected <- true })
	ticker.OnTick(func(k models.Tick) { seen <- k })
	ended := make(chan bool)
	go func() { ticker.Serve(); close(ended) }()
	receive(t, connected)
	for _, name := range []string{"NSE:INFY", "NFO:" + option, "BSE:RELIANCE", "BFO:SENSEX26DEC80000CE", "MCX:CRUDEOIL26DECFUT", "CDS:USDINR26DECFUT",
		"BCD:USDINR26DECFUT", "NSE:NIFTY 50"} {
		q, is := x.Quote(name)
		equal(t, name, is, true)
		instrument := []uint32{q.InstrumentToken}
		ok(t, ticker.Subscribe(instrument))
		receive(t, seen)
		for _, mode := range []kiteticker.Mode{kiteticker.ModeLTP, kiteticker.ModeQuote, kiteticker.ModeFull} {
			ok(t, ticker.SetMode(mode, instrument))
			k := receive(t, seen)
			equal(t, name+" mode", k.Mode, string(mode))
			equal(t, name+" price", k.LastPrice, q.LastPrice)
			equal(t, name+" tradable", k.IsTradable, name != "NSE:NIFTY 50")
			if mode != kiteticker.ModeLTP {
				equal(t, name+" close", k.OHLC.Close, q.Close)
			}
			if mode == kiteticker.ModeFull && !strings.HasPrefix(name, "NSE:NIFTY") {
				equal(t, name+" time", k.Timestamp.Unix(), c.at.Unix())
			}
			if mode == kiteticker.ModeFull && name == "NSE:INFY" {
				equal(t, "depth", k.Depth.Buy[0], models.DepthItem{Price: 1490.5, Quantity: 5, Orders: 1})
			}
		}
		ok(t, ticker.Unsubscribe(instrument))
	}
	ticker.Stop()
	s.DropSockets()
	receive(t, ended)
}
