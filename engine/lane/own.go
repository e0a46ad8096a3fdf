package lane

import (
	"fmt"
	"slices"
	"strings"

	"backstop/actions"
	"backstop/engine/order"
	"backstop/rules"
)

// What rules ask for beside slots: orders of their own, changes of live orders, and the end of new risk.

// placeOrder writes one placement down. Its id is made of the event's facts and the rule, so that the same event
// places it once.
func (l *Lane) placeOrder(run *run, s site, a *actions.Action, args rules.Args, dry bool) {
	p, bad := placeParams(args)
	role := order.Role(args.Enum("role"))
	if to, other := l.elsewhere(args); other {
		if bad == nil && role.IsExit() {
			bad = refusedOrder("an order in another account is no exit of this one's group", "leave role out")
		}
		if bad != nil {
			l.failAction(a, bad)
			return
		}
		l.askOther(a, Errand{To: to, Params: p, Variety: args.Enum("variety"), Tag: args.Text("tag"), Since: run.Since, Chain: l.chain(&run.Event)}, run.Stands, dry)
		return
	}
	r := &actions.Request{Account: l.o.Account, ActionID: a.ID, For: a.Rule, Created: l.meta.Now, Since: run.Since,
		Call: actions.Call{Method: actions.Place, Variety: args.Enum("variety")}, Priority: actions.PriorityRisk, Stands: run.Stands, Role: role, GroupTag: args.Text("tag"),
		Assumed: l.assumedOf(&order.Event{Key: p.Key()})}
	if bad == nil && role.IsExit() {
		bad = l.exitOrderFits(s, &p, r)
	}
	if bad != nil {
		l.failAction(a, bad)
		return
	}
	inst, known := l.instrument(p.Key())
	if !known {
		l.lackInstrument(run, a, p.Key())
		return
	}
	r.Chain = l.chain(&run.Event)
	r.Call.Params, r.Key = p, p.Key()
	if dry && l.o.Mode != DryRun {
		r.State = actions.Planned
	}
	l.writeOrder(a, r, inst)
}

// writeOrder writes a rule's order down, where the broker would take it.
func (l *Lane) writeOrder(a *actions.Action, r *actions.Request, inst order.Instrument) {
	p := r.Call.Params
	bad := l.roundOrder(&p, inst)
	if bad == nil {
		bad = l.varietyFits(r, &p, inst)
	}
	if bad != nil {
		l.failAction(a, bad)
		return
	}
	r.Call.Params, r.Whole = p, p.Quantity
	l.echo(a, map[string]any{"price": p.Price.Rupees(), "trigger_price": p.TriggerPrice.Rupees(), "quantity": int(p.Quantity)})
	l.writeSlices(a, *r, p.Quantity)
	l.refreshAction(a)
}

// placeParams are Kite's parameters as the rule wrote them; what the broker would surely refuse is refused by name.
func placeParams(args rules.Args) (actions.Params, *actions.Error) {
	p := actions.Params{Exchange: strings.TrimSpace(args.Text("exchange")), Tradingsymbol: strings.TrimSpace(args.Text("tradingsymbol")),
		TransactionType: strings.TrimSpace(args.Text("transaction_type")), Product: strings.TrimSpace(args.Text("product")),
		OrderType: args.Enum("order_type"), Validity: args.Enum("validity")}
	p.Quantity, _ = args.Quantity("quantity")
	p.Price, _ = args.Price("price")
	p.TriggerPrice, _ = args.Price("trigger_price")
	p.ValidityTTL, _ = args.Quantity("validity_ttl")
	p.Disclosed, _ = args.Quantity("disclosed_quantity")
	p.IcebergLegs, _ = args.Quantity("iceberg_legs")
	p.IcebergQuantity, _ = args.Quantity("iceberg_quantity")
	limit, trigger := p.OrderType == "LIMIT" || p.OrderType == "SL", p.OrderType == "SL" || p.OrderType == "SL-M"
	switch {
	case p.TransactionType != order.Buy && p.TransactionType != order.Sell:
		return p, refusedOrder(fmt.Sprintf("transaction_type is %q", p.TransactionType), "it is BUY or SELL")
	case p.Exchange == "" || p.Tradingsymbol == "":
		return p, refusedOrder("no instrument is named", "write exchange and tradingsymbol")
	case !slices.Contains([]string{"CNC", "NRML", "MIS", "MTF"}, p.Product):
		return p, refusedOrder(fmt.Sprintf("product is %q", p.Product), "it is CNC, NRML, MIS or MTF")
	case limit && p.Price <= 0:
		return p, refusedOrder("a "+p.OrderType+" order needs price", "write price")
	case trigger && p.TriggerPrice <= 0:
		return p, refusedOrder("an "+p.OrderType+" order needs trigger_price", "write trigger_price")
	case p.Disclosed > 0 && p.Exchange != "NSE" && p.Exchange != "BSE":
		return p, refusedOrder("disclosed_quantity is of shares, not of "+p.Exchange, "leave disclosed_quantity out")
	case p.Disclosed > p.Quantity:
		return p, refusedOrder(fmt.Sprintf("disclosed_quantity %d is more than the quantity %d", p.Disclosed, p.Quantity), "write a part of the quantity")
	case p.Validity == "IOC" && p.Exchange == "MCX":
		return p, refusedOrder("MCX takes no IOC from programs", "write validity: DAY, or TTL with validity_ttl")
	case p.OrderType == "SL" && (p.TriggerPrice-p.Price)*order.Price(order.SignOf(p.TransactionType)) > 0:
		return p, refusedOrder(fmt.Sprintf("a %s order's limit %s lies on the wrong side of its trigger %s", p.TransactionType, p.Price, p.TriggerPrice),
			"the limit of a BUY is at or above its trigger, of a SELL at or below")
	}
	if !limit {
		p.MarketProtection = -1
		if x, ok := args.Number("market_protection"); ok {
			p.MarketProtection = x
		}
	}
	return p, nil
}

func refusedOrder(message, hint string) *actions.Error {
	return &actions.Error{Class: actions.ClassRefused, Op: "place_order", Message: message, Hint: hint}
}

// exitOrderFits makes an order that a rule calls an exit one of its group: never more than is open beside it.
func (l *Lane) exitOrderFits(s site, p *actions.Params, r *actions.Request) *actions.Error {
	g := l.group(order.Claimed, s.Key, s.Group)
	switch {
	case g == nil || g.Open() == 0:
		return refusedOrder("there is no open group that it could exit", "leave role out for a new group")
	case p.Key() != g.Key || p.TransactionType != g.ExitSide():
		return refusedOrder(fmt.Sprintf("%s %s %s is no exit of %s %s", p.TransactionType, p.Tradingsymbol, p.Product, g.Key.Tradingsymbol, g.Key.Product),
			"an exit has its group's instrument and product, and the other side")
	case p.Quantity > g.Open():
		return refusedOrder(fmt.Sprintf("%d is more than the %d that are open", p.Quantity, g.Open()), "write group.open_quantity")
	}
	r.Priority, r.Group = actions.PriorityStop, g.ID
	if r.Role == order.RoleTarget {
		r.Priority = actions.PriorityTarget
	}
	return nil
}

// roundOrder puts the prices on the tick and checks the lot.
func (l *Lane) roundOrder(p *actions.Params, inst order.Instrument) *actions.Error {
	p.Price, p.TriggerPrice = p.Price.Round(inst.TickSize, order.Nearest), p.TriggerPrice.Round(inst.TickSize, order.Nearest)
	if inst.LotSize > 1 && p.Quantity%inst.LotSize != 0 {
		return refusedOrder(fmt.Sprintf("%d is no multiple of the lot of %d", p.Quantity, inst.LotSize), "write lots as instrument.lot_size * 2")
	}
	return nil
}

// varietyFits checks what amo and iceberg ask for, and works the leg out.
func (l *Lane) varietyFits(r *actions.Request, p *actions.Params, inst order.Instrument) *actions.Error {
	switch r.Call.Variety {
	case "amo":
		if l.o.Hours.IsOpen(p.Exchange, l.meta.Now) {
			return refusedOrder(p.Exchange+" is open, and an after-market order is placed while it is shut", "leave variety out")
		}
	case "iceberg":
		lot := max(inst.LotSize, 1)
		if p.IcebergQuantity == 0 && p.IcebergLegs > 0 {
			p.IcebergQuantity = (p.Quantity + p.IcebergLegs*lot - 1) / (p.IcebergLegs * lot) * lot
		}
		most := l.most(p.Key())
		switch {
		case r.Role.IsExit():
			return refusedOrder("an iceberg shows one leg of what it will sell, so it is no exit", "leave variety out, or role")
		case p.IcebergQuantity%lot != 0:
			return refusedOrder(fmt.Sprintf("iceberg_quantity %d is no multiple of the lot of %d", p.IcebergQuantity, lot), "leave iceberg_quantity out")
		case p.IcebergQuantity*p.IcebergLegs < p.Quantity || p.IcebergQuantity*(p.IcebergLegs-1) >= p.Quantity:
			return refusedOrder(fmt.Sprintf("%d legs of %d are not %d", p.IcebergLegs, p.IcebergQuantity, p.Quantity), "leave iceberg_quantity out: it is quantity by legs, rounded up to the lot")
		case most > 0 && p.IcebergQuantity > most:
			return refusedOrder(fmt.Sprintf("a leg of %d is more than the %d that the exchange takes in one order", p.IcebergQuantity, most), "write more iceberg_legs")
		}
	}
	return nil
}

// modifyOrder asks for other values of a live order. A slot's own prices become the slot's.
func (l *Lane) modifyOrder(run *run, s site, a *actions.Action, args rules.Args, dry bool) {
	o, ok := l.book.Order(s.OrderID)
	if !ok || o.Seen(order.Claimed).Terminal() {
		l.setAction(a, actions.Skipped, actions.WhyFinished)
		return
	}
	inst, known := l.instrument(o.Key())
	if !known {
		l.lackInstrument(run, a, o.Key())
		return
	}
	if slot, so := l.slotOf(o.ID); so != nil {
		l.modifySlot(run, slot, a, inst, args, dry)
		return
	}
	row := o.Row()
	p := actions.Params{Exchange: row.Exchange, Tradingsymbol: row.Tradingsymbol, TransactionType: row.TransactionType, Product: row.Product,
		Quantity: row.Quantity, OrderType: row.OrderType, Price: row.Price, TriggerPrice: row.TriggerPrice, Validity: row.Validity, ValidityTTL: row.ValidityTTL, Disclosed: row.DisclosedQuantity}
	if v, ok := args.Price("price"); ok {
		p.Price = v.Round(inst.TickSize, order.Nearest)
	}
	if v, ok := args.Price("trigger_price"); ok {
		p.TriggerPrice = v.Round(inst.TickSize, order.Nearest)
	}
	if q, ok := args.Quantity("quantity"); ok {
		p.Quantity = q
	}
	l.echo(a, map[string]any{"price": p.Price.Rupees(), "trigger_price": p.TriggerPrice.Rupees(), "quantity": int(p.Quantity), "order_id": o.ID})
	switch bad := modifyFits(row, p, args); {
	case bad != nil:
		l.failAction(a, bad)
		return
	case sameValues(row, p):
		l.setAction(a, actions.Done, "")
		return
	}
	priority := actions.PriorityRisk
	if role := l.book.Holding(order.Claimed, o.Key()).Role(o.ID); role.IsExit() {
		priority = actions.PriorityStop
	}
	if p.OrderType == "MARKET" || p.OrderType == "SL-M" {
		p.MarketProtection = -1
	}
	if l.modifications(o.ID) >= modificationsMost {
		l.replaceOrder(run, a, o, p, dry)
		return
	}
	r := &actions.Request{ID: actions.ID("modify order", a.ID), Account: l.o.Account, ActionID: a.ID, For: a.Rule, Key: o.Key(), Since: run.Since,
		Call: actions.Call{Method: actions.Modify, Variety: variety(row), OrderID: o.ID, Params: p}, Priority: priority, OrderID: o.ID,
		Created: l.meta.Now, Stands: run.Stands}
	a.Requests = append(a.Requests, r.ID)
	l.newRequest(r, dry)
	l.refreshAction(a)
}

// modifyFits says what an order of this type can't have.
func modifyFits(row *order.Update, p actions.Params, args rules.Args) *actions.Error {
	refuse := func(message, hint string) *actions.Error {
		return &actions.Error{Class: actions.ClassRefused, Op: "modify_order", Message: message, Hint: hint}
	}
	limit, trigger := row.OrderType == "LIMIT" || row.OrderType == "SL", row.OrderType == "SL" || row.OrderType == "SL-M"
	switch {
	case args.Has("price") && !limit, args.Has("trigger_price") && !trigger:
		return refuse("the order is a "+row.OrderType, "price is of LIMIT and SL, trigger_price of SL and SL-M")
	case p.Quantity <= row.FilledQuantity:
		return refuse(fmt.Sprintf("%d is not above the %d that are filled", p.Quantity, row.FilledQuantity), "cancel_order ends what is left")
	case limit && p.Price <= 0 || trigger && p.TriggerPrice <= 0:
		return refuse("a price is not above 0", "write another one")
	}
	return nil
}

// modifySlot gives a slot's order other prices: they become the slot's, whose quantity is kept true by itself.
func (l *Lane) modifySlot(run *run, s *slot, a *actions.Action, inst order.Instrument, args rules.Args, dry bool) {
	g := l.group(order.Claimed, s.Key, s.Group)
	switch {
	case args.Has("quantity"), s.Kind == actions.SlotExit, g == nil:
		l.failAction(a, &actions.Error{Class: actions.ClassRefused, Op: "modify_order", Message: "Backstop keeps the quantity of its own exits true by itself",
			Hint: "leave quantity out; place_target takes one"})
		return
	}
	towards, away := order.Up, order.Down // of what sells
	if g.Sign < 0 {
		towards, away = order.Down, order.Up
	}
	w := &wish{Stands: run.Stands, Confirmed: true, Trigger: s.Trigger, Limit: s.Limit, OrderType: s.OrderType, Price: s.Price, Most: s.Most}
	if p, ok := args.Price("trigger_price"); ok && s.Kind == actions.SlotStop {
		w.Trigger = p.Round(inst.TickSize, towards)
		if w.Limit > 0 { // the limit moves with it
			w.Limit += w.Trigger - s.Trigger
		}
	}
	if p, ok := args.Price("price"); ok {
		if s.Kind == actions.SlotStop {
			w.Limit = p.Round(inst.TickSize, away)
		} else {
			w.Price = p.Round(inst.TickSize, away) // a target's towards the market
		}
	}
	stop := stopWish{Trigger: w.Trigger, Limit: w.Limit, OrderType: w.OrderType, sign: g.Sign}
	if s.Kind == actions.SlotStop && w.OrderType != "SL-M" && (stop.limit(inst)-w.Trigger)*order.Price(g.Sign) > 0 {
		l.failAction(a, &actions.Error{Class: actions.ClassRefused, Op: "modify_order", Message: "the limit lies on the wrong side of the trigger",
			Hint: "the limit of a SELL stop is at or below its trigger, of a BUY stop at or above"})
		return
	}
	l.echo(a, map[string]any{"trigger_price": w.Trigger.Rupees(), "price": (w.Price + w.Limit).Rupees()})
	if dry && l.o.Mode != DryRun {
		l.setAction(a, actions.Planned, actions.WhyDryRun)
		return
	}
	a.Slot = s.ID
	rule, _ := l.rule(a.Rule)
	l.own(s, a, rule, w)
}

// pause holds back what adds risk, until a person resumes.
func (l *Lane) pause(a *actions.Action, args rules.Args, dry bool) {
	if to, other := l.elsewhere(args); other {
		l.askOther(a, Errand{To: to}, actions.Standing{}, dry)
		return
	}
	if dry {
		l.setAction(a, actions.Planned, "")
		return
	}
	l.pauseNow("rule "+a.Rule, "rule "+a.Rule+" asked for it")
	l.setAction(a, actions.Done, "")
}

// pauseNow pauses the account and tells it.
func (l *Lane) pauseNow(cause, why string) {
	if l.meta.Paused {
		return
	}
	if l.o.Mode != DryRun || l.o.Assume { // what a service decides in dry-run holds nothing back later
		l.meta.Paused = true
		l.dirty.meta = true
	}
	l.forget("paused " + cause)
	l.say("paused "+cause, fmt.Sprintf("PAUSED (%s): %s. No new risk; stops, exits and cancels go on. Resume with: backstop resume", l.o.Account, why), sayOnce)
}

// chain is how many orders in a row Backstop has placed in answer to its own orders' events, with the next one.
func (l *Lane) chain(e *order.Event) int {
	answers := []string{e.OrderID} // whose event it is
	chained := answers
	if g := l.group(order.Claimed, e.Key, e.Group); g != nil {
		chained = append(chained, g.Entries...)
		if e.Kind == order.KindFlat {
			answers = append(answers, g.LastExit)
		}
	}
	ours := slices.ContainsFunc(answers, func(id string) bool {
		o, ok := l.book.Order(id)
		return ok && o.Link != nil
	})
	if !ours {
		return 0
	}
	most := 0
	for _, id := range chained {
		if o, ok := l.book.Order(id); ok && o.Link != nil && l.requests[o.Link.Request] != nil {
			most = max(most, l.requests[o.Link.Request].Chain)
		}
	}
	return most + 1
}
