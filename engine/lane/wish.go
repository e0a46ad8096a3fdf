package lane

import (
	"cmp"
	"fmt"
	"slices"

	"backstop/actions"
	"backstop/engine/order"
	"backstop/rules"
)

// stepTicks is the smallest move of a stop by a rule other than its own entry match, in ticks.
const stepTicks = 5

// wishStop writes what is wanted of a group's stop into its slot.
func (l *Lane) wishStop(run *run, at site, rule *rules.Rule, a *actions.Action, args rules.Args, dry bool) {
	g := l.wishGroup(at, a)
	if g == nil {
		return
	}
	inst, ok := l.instrument(g.Key)
	if !ok {
		l.lackInstrument(run, a, g.Key)
		return
	}
	want, bad := l.stopValues(g, inst, args)
	if bad != nil {
		l.failAction(a, bad)
		return
	}
	l.echo(a, map[string]any{"trigger_price": want.Trigger.Rupees(), "limit_price": want.limit(inst).Rupees(), "quantity": int(g.Open())})
	if dry && l.o.Mode != DryRun {
		l.planOnce(a, l.stopParams(&want, g, inst, g.Open()))
		return
	}
	took, not := false, ""
	for _, s := range l.slotsFor(actions.SlotStop, run, g, args) {
		w := &wish{Stands: run.Stands, Confirmed: l.stands(run.Stands), Trigger: want.Trigger, Limit: want.Limit, OrderType: want.OrderType}
		switch why := l.mayWrite(s, run, at, &want, inst, args); {
		case why == "same": // as the slot is; not as a wish that still waits, whose prices may be those of a forgery
			w.Keep = s.Person || s.Wish == nil || s.Wish.Keep
		case why != "":
			not = why
			continue
		}
		s.Replace, s.IfUnfilled, s.Hold = args.Enum("if_cancelled") == "replace", args.Enum("if_unfilled"), ""
		if args.Has("hold") {
			s.Hold = args.Enum("hold")
		}
		if !took {
			a.Slot = s.ID
		}
		l.own(s, a, rule, w)
		took = true
	}
	if !took {
		l.setAction(a, actions.Skipped, not)
	}
}

// wishTarget writes what is wanted of a group's target into its slot.
func (l *Lane) wishTarget(run *run, at site, rule *rules.Rule, a *actions.Action, args rules.Args, dry bool) {
	g := l.wishGroup(at, a)
	if g == nil {
		return
	}
	inst, ok := l.instrument(g.Key)
	if !ok {
		l.lackInstrument(run, a, g.Key)
		return
	}
	price, bad := targetPrice(g, inst, args)
	if bad != nil {
		l.failAction(a, bad)
		return
	}
	most, _ := args.Quantity("quantity")
	l.echo(a, map[string]any{"price": price.Rupees(), "quantity": int(g.Open())})
	if dry && l.o.Mode != DryRun {
		l.planOnce(a, actions.Params{Exchange: g.Key.Exchange, Tradingsymbol: g.Key.Tradingsymbol, Product: g.Key.Product,
			TransactionType: g.ExitSide(), Quantity: g.Open(), OrderType: "LIMIT", Price: price, Validity: "DAY"})
		return
	}
	took, not := false, ""
	for _, s := range l.slotsFor(actions.SlotTarget, run, g, args) {
		if s.Left != "" {
			not = s.Left
			continue
		}
		if !took {
			a.Slot = s.ID
		}
		l.own(s, a, rule, &wish{Stands: run.Stands, Confirmed: l.stands(run.Stands), Price: price, Most: most, Keep: s.Person})
		took = true
	}
	if !took {
		l.setAction(a, actions.Skipped, not)
	}
}

// targetPrice is a target's limit, rounded towards the market: a SELL target lies above it, so down.
func targetPrice(g *order.Group, inst order.Instrument, args rules.Args) (order.Price, *actions.Error) {
	how := order.Down
	if g.Sign < 0 {
		how = order.Up
	}
	price, _ := args.Price("price")
	if price = price.Round(inst.TickSize, how); price <= 0 {
		return 0, &actions.Error{Class: actions.ClassRefused, Op: "place_target", Message: "the price is not above 0"}
	}
	return price, nil
}

// wishGroup is the group that a stop or target is for; without one the action ends here. One that looks flat gets its
// wish all the same: nothing is placed for it, and should it turn out to be open its slot is there.
func (l *Lane) wishGroup(at site, a *actions.Action) *order.Group {
	g := l.group(order.Claimed, at.Key, at.Group)
	if g != nil && g.Stock() {
		l.setAction(a, actions.Skipped, "shares that were held before")
		return nil
	}
	if g == nil {
		l.failAction(a, &actions.Error{Class: actions.ClassRefused, Op: a.Type, Message: "the event has no group to stand behind",
			Hint: "listen to partial_fill and fill of entries: order.role == \"entry\""})
		return nil
	}
	return g
}

// lackInstrument waits for the day's list, or fails where the list is there and the instrument is not.
func (l *Lane) lackInstrument(run *run, a *actions.Action, k order.Key) {
	if l.loaded {
		l.failAction(a, notListed(a.Type, k))
		return
	}
	run.Action, run.Fan, run.Holds = "", nil, actions.WhyInstruments // evaluated again when the list is there
	l.setAction(a, actions.Waiting, actions.WhyInstruments)
	l.dirty.runs[run.ID] = true
}

func notListed(op string, k order.Key) *actions.Error {
	return &actions.Error{Class: actions.ClassInstrument, Op: op, Message: k.Instrument() + " is not in the instruments list",
		Hint: "is the symbol spelt as Kite spells it?"}
}

// echo adds what became of the parameters to the words of the actions that follow.
func (l *Lane) echo(a *actions.Action, results map[string]any) {
	if a.Args == nil {
		a.Args = map[string]any{}
	}
	for k, v := range results {
		a.Args[k] = v
	}
	l.dirty.actions[a.ID] = true
}

// own makes the action the slot's last word; the one before, where it has not ended, is overtaken.
func (l *Lane) own(s *slot, a *actions.Action, rule *rules.Rule, w *wish) {
	if before, ok := l.actions[s.Owner]; ok && before.ID != a.ID {
		l.overtake(before)
	}
	if s.Rule == "" {
		s.Rule = rule.Name
	}
	w.Action, w.Before = a.ID, s.Wish
	s.Owner, s.Wish = a.ID, w
	s.Assumed = a.Assumed
	l.touchSlot(s)
	l.changeAction(a, actions.Waiting, actions.WhyConfirm)
}

// overtake ends an action whose slot another one has taken over: superseded where nothing of it has left, else it
// takes the state of what has.
func (l *Lane) overtake(a *actions.Action) {
	if a.State.Final() {
		return
	}
	a.Slot = ""
	left := a.Requests[:0:0]
	for _, id := range a.Requests {
		if r := l.requests[id]; r != nil && r.Attempts > 0 {
			left = append(left, id)
		}
	}
	if a.Requests = left; len(left) == 0 {
		l.setAction(a, actions.Skipped, actions.WhySuperseded)
		return
	}
	l.refreshAction(a)
}

// takeWish makes the slot's last wish its own once the confirmed layer has reached what it stands on.
func (l *Lane) takeWish(s *slot) {
	if s.Kind == actions.SlotExit {
		l.takeExit(s)
		return
	}
	if s.Wish == nil || s.Kind == actions.SlotStop && l.movedByClaim(s) {
		return
	}
	w, waits := s.Wish, (*wish)(nil)
	for w != nil && !l.stands(w.Stands) {
		w, waits = w.Before, w
	}
	if w == nil {
		return
	}
	var older []*wish // what w was measured against when it was written
	for o := w.Before; o != nil; o = o.Before {
		if l.stands(o.Stands) {
			older = append(older, o)
		}
	}
	w.Before = nil
	if waits == nil {
		s.Wish = nil
	} else {
		waits.Before = nil // the newer ones still wait
	}
	l.touchSlot(s)
	if !w.Confirmed && waits == nil { // where newer ones wait it keeps its own prices: what they saw may be a forgery
		if l.moves(s, w) {
			for _, o := range slices.Backward(older) {
				l.evaluateAgain(s, o)
				l.useWish(s, o)
			}
		}
		l.evaluateAgain(s, w)
	}
	l.useWish(s, w)
}

// moves says whether a wish moves a stop or target that others asked for: it answers no fill of an entry, and what it
// comes to anew is measured against theirs.
func (l *Lane) moves(s *slot, w *wish) bool {
	a := l.actions[cmp.Or(w.Action, s.Owner)]
	if a == nil {
		return false
	}
	run := l.runs[a.Decision]
	return run != nil && (run.Event.Role != order.RoleEntry || run.Event.Fill == 0)
}

// useWish makes what a wish asks for a stop's or target's own.
func (l *Lane) useWish(s *slot, w *wish) {
	s.Active = true
	if w.Keep && (s.Trigger > 0 || s.Price > 0) {
		return
	}
	if w.Trigger != s.Trigger || w.Limit != s.Limit || w.OrderType != s.OrderType || w.Price != s.Price || w.Most != s.Most {
		s.Blocked, s.Doubt, s.Unmoved = "", "", nil
	}
	s.Trigger, s.Limit, s.OrderType, s.Price, s.Most = w.Trigger, w.Limit, w.OrderType, w.Price, w.Most
}

// evaluateAgain takes a wish's prices anew, for they were evaluated on a claim: a postback's checksum does not cover
// its average price, and the broker's own row has corrected that by now.
func (l *Lane) evaluateAgain(s *slot, w *wish) {
	a := l.actions[cmp.Or(w.Action, s.Owner)]
	if a == nil || w.Keep {
		return
	}
	run := l.runs[a.Decision]
	rule, ok := l.rule(a.Rule)
	g := l.group(order.Claimed, s.Key, s.Group)
	inst, known := l.instrument(s.Key)
	if run == nil || !ok || g == nil || !known {
		w.Keep = true // its sequence has ended: rather the prices that the slot has than those of a claim
		return
	}
	step := stepOf(rule, run)
	if step == nil {
		w.Keep = true
		return
	}
	args, err := step.Evaluate(l.wordsAt(run, run.siteOf(a.ID)))
	if err != nil {
		w.Keep = true
		return
	}
	if s.Kind == actions.SlotTarget {
		if price, bad := targetPrice(g, inst, args); bad == nil {
			w.Price = price
			l.echo(a, map[string]any{"price": price.Rupees()})
		}
		return
	}
	if v, bad := l.stopValues(g, inst, args); bad == nil {
		if why := l.mayWrite(s, run, run.siteOf(a.ID), &v, inst, args); why != "" && why != "same" {
			w.Keep = true // the market has come back meanwhile: what it says now moves nothing
			return
		}
		w.Trigger, w.Limit, w.OrderType = v.Trigger, v.Limit, v.OrderType
		l.echo(a, map[string]any{"trigger_price": v.Trigger.Rupees(), "limit_price": v.limit(inst).Rupees()})
	}
}

// stepOf is the step that a run is at.
func stepOf(rule *rules.Rule, run *run) *rules.Step {
	steps := rule.Then
	if run.Part == "on_error" {
		steps = rule.OnError
	}
	if run.Index >= len(steps) {
		return nil
	}
	return steps[run.Index]
}

// slotsFor are the slots that a wish for a group is about. A group has one stop, or one for each fill, and never both: they would
// cover the same twice. So what asks for one moves each that stands for a fill, and a fill gets none of its own beside one for all.
func (l *Lane) slotsFor(kind actions.SlotKind, run *run, g *order.Group, args rules.Args) []*slot {
	perFill := args.Enum("per") == "fill" && run.Event.Fill > 0
	var parts []*slot
	for _, s := range l.slotsAt(g.Key) {
		switch {
		case s.Kind != kind || s.Group != g.ID || !s.Active && s.Wish == nil && l.liveQuantity(s) == 0:
		case s.Part > 0:
			parts = append(parts, s)
		case perFill:
			return []*slot{s}
		}
	}
	if len(parts) > 0 && !perFill {
		slices.SortFunc(parts, func(a, b *slot) int { return cmp.Compare(a.Part, b.Part) })
		return parts
	}
	return []*slot{l.slotFor(kind, run, g, args)}
}

// slotFor finds or opens the slot of a group, or of one fill with per: fill.
func (l *Lane) slotFor(kind actions.SlotKind, run *run, g *order.Group, args rules.Args) *slot {
	part, share := int64(0), int64(0)
	if args.Enum("per") == "fill" && run.Event.Fill > 0 {
		part, share = run.Event.Filled, run.Event.Fill
	}
	id := slotID(kind, g.Key, g.ID, part)
	s, ok := l.slots[id]
	if !ok {
		s = &slot{ID: id, Kind: kind, Group: g.ID, Part: part, Key: g.Key, First: true}
		l.addSlot(s)
	}
	if part > 0 && !slices.Contains(s.Fills, run.Event.ID) { // told again in part, or of a second entry of the group
		s.Share, s.Fills = s.Share+share, append(s.Fills, run.Event.ID)
		l.touchSlot(s)
	}
	return s
}

func slotID(kind actions.SlotKind, k order.Key, group string, part int64) string {
	if part > 0 {
		return fmt.Sprintf("%s %s %s %s %d", kind, k.Instrument(), k.Product, group, part)
	}
	return fmt.Sprintf("%s %s %s %s", kind, k.Instrument(), k.Product, group)
}

// stopWish is a stop's values as evaluated and rounded.
type stopWish struct {
	Trigger, Limit order.Price // Limit 0: the band
	OrderType      string
	sign           int64
}

// limit is the price behind the trigger.
func (w *stopWish) limit(inst order.Instrument) order.Price {
	if w.OrderType == "SL-M" {
		return 0
	}
	if w.Limit > 0 {
		return w.Limit
	}
	return bandLimit(w.Trigger, w.sign, inst)
}

// bandLimit is Kite's protection band for a price like the trigger's (docs/kite.md 3.7), at least two ticks, away
// from the trigger, so that it fills surely.
func bandLimit(trigger order.Price, sign int64, inst order.Instrument) order.Price {
	offset := max(trigger*order.Price(bandBasisPoints(trigger, inst))/10_000, 2*inst.TickSize)
	how := order.Down
	if sign < 0 {
		how = order.Up
	}
	return (trigger - order.Price(sign)*offset).Round(inst.TickSize, how)
}

// bandBasisPoints is the width of the band in hundredths of a per cent.
func bandBasisPoints(p order.Price, inst order.Instrument) int64 {
	option := inst.Type == "CE" || inst.Type == "PE"
	switch {
	case option && p < 10*order.Rupee:
		return 500
	case option && p < 100*order.Rupee:
		return 300
	case option && p <= 500*order.Rupee:
		return 200
	case option:
		return 100
	case p < 100*order.Rupee:
		return 200
	case p <= 500*order.Rupee:
		return 100
	default:
		return 50
	}
}

// stopValues evaluates, rounds and checks: what the broker would surely refuse is refused here, by name.
func (l *Lane) stopValues(g *order.Group, inst order.Instrument, args rules.Args) (stopWish, *actions.Error) {
	w := stopWish{sign: g.Sign}
	refuse := func(message, hint string) (stopWish, *actions.Error) {
		return w, &actions.Error{Class: actions.ClassRefused, Op: "place_stop_loss", Message: message, Hint: hint}
	}
	trigger, _ := args.Price("trigger_price")
	towards, away := order.Up, order.Down // of a SELL stop
	if g.Sign < 0 {
		towards, away = order.Down, order.Up
	}
	w.Trigger = trigger.Round(inst.TickSize, towards)
	w.OrderType = args.Enum("order_type")
	if w.OrderType == "" {
		w.OrderType = "SL"
	}
	if w.Trigger <= 0 {
		return refuse("the trigger is not above 0", "check the percentage")
	}
	option := inst.Type == "CE" || inst.Type == "PE"
	if w.OrderType == "SL-M" && (option || inst.Exchange == "BSE" || inst.Exchange == "BFO" || inst.Exchange == "BCD") {
		return refuse("the exchange takes no SL-M for "+inst.Exchange+":"+inst.Tradingsymbol, "leave order_type out: SL with a limit is the default")
	}
	if p, ok := args.Price("limit_price"); ok {
		w.Limit = p.Round(inst.TickSize, away)
	} else if off, ok := args.Price("limit_offset"); ok {
		w.Limit = (w.Trigger - order.Price(g.Sign)*off).Round(inst.TickSize, away)
	}
	limit := w.limit(inst)
	if w.OrderType == "SL" && limit <= 0 {
		return refuse("the limit behind the trigger is not above 0", "write limit_price")
	}
	if w.OrderType == "SL" && (limit-w.Trigger)*order.Price(g.Sign) > 0 {
		return refuse(fmt.Sprintf("a %s stop's limit %s lies on the wrong side of its trigger %s", g.ExitSide(), limit, w.Trigger),
			"the limit of a SELL stop is at or below its trigger, of a BUY stop at or above")
	}
	return w, nil
}

// mayWrite says why a new wish for a stop is not taken: "" takes it, "same" keeps what is there.
func (l *Lane) mayWrite(s *slot, run *run, at site, want *stopWish, inst order.Instrument, args rules.Args) string {
	have := stopWish{Trigger: s.Trigger, Limit: s.Limit, OrderType: s.OrderType}
	if w := s.Wish; w != nil && !w.Keep {
		have = stopWish{Trigger: w.Trigger, Limit: w.Limit, OrderType: w.OrderType}
	}
	switch {
	case s.Left != "":
		return s.Left
	case s.Person:
		return "same" // a trigger that a person moved stays moved; the quantity is kept true
	case have.Trigger == 0:
		return ""
	case have.Trigger == want.Trigger && have.Limit == want.Limit && have.OrderType == want.OrderType:
		return "same"
	case at.own && run.Rule == s.Rule && run.Event.Role == order.RoleEntry && run.Event.Fill > 0:
		return ""
	}
	step, ok := args.Price("step")
	if !ok {
		step = stepTicks * inst.TickSize
	}
	if args.Bool("loosen") {
		return ""
	}
	if move := (want.Trigger - have.Trigger) * order.Price(want.sign); move < step || move <= 0 {
		return "not towards profit by a step"
	}
	return ""
}

// stopParams are the order that a stop wants to be.
func (l *Lane) stopParams(w *stopWish, g *order.Group, inst order.Instrument, quantity int64) actions.Params {
	p := actions.Params{Exchange: g.Key.Exchange, Tradingsymbol: g.Key.Tradingsymbol, Product: g.Key.Product,
		TransactionType: g.ExitSide(), Quantity: quantity, OrderType: w.OrderType, TriggerPrice: w.Trigger, Price: w.limit(inst), Validity: "DAY"}
	if w.OrderType == "SL-M" {
		p.MarketProtection = -1
	}
	return p
}

// planOnce is what a rule in dry-run shows inside a live service: the placement that it would begin with.
func (l *Lane) planOnce(a *actions.Action, p actions.Params) {
	id := actions.ID("planned", a.ID)
	p.Tag = actions.Tag(id)
	r := &actions.Request{ID: id, Account: l.o.Account, ActionID: a.ID, For: a.Rule, Key: p.Key(), Created: l.meta.Now,
		Call: actions.Call{Method: actions.Place, Variety: "regular", Params: p}, Priority: actions.PriorityStop}
	l.requests[id] = r
	l.set(r, actions.Planned, actions.WhyDryRun)
	a.Requests = append(a.Requests, id)
	l.setAction(a, actions.Planned, actions.WhyDryRun)
}
