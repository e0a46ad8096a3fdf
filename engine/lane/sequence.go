package lane

import (
	"fmt"
	"strings"
	"time"

	"backstop/actions"
	"backstop/engine/order"
	"backstop/rules"
)

// moveRuns decides what waited, and moves every sequence on: the next action starts when the one before is
// done. It says whether anything moved.
func (l *Lane) moveRuns() bool {
	if l.decideWaiting() {
		return true
	}
	for _, id := range sortedKeys(l.runs) {
		if run := l.runs[id]; run.Waits == "" && l.moveRun(run) {
			return true
		}
	}
	return false
}

func (l *Lane) moveRun(run *run) bool {
	rule, ok := l.rule(run.Rule)
	if !ok || l.overtaken(run) {
		l.endRun(run) // the rule is gone, or its actions are others; its slots live on
		return true
	}
	steps := rule.Then
	if run.Part == "on_error" {
		steps = rule.OnError
	}
	switch {
	case run.Action != "":
		return l.afterAction(run, rule, steps)
	case run.Fan != nil:
		return l.afterFan(run, rule, steps)
	}
	if run.Index >= len(steps) {
		l.endRun(run)
		return true
	}
	if steps[run.Index].Of != rules.OfEvent {
		return l.startFan(run, rule, steps[run.Index])
	}
	if run.Holds == actions.WhyInstruments {
		if !l.instrumentKnown(run.Event.Key) {
			return false
		}
		run.Holds = ""
	}
	if next := steps[run.Index].Action; rule.Reads.Price && (next == "place_stop_loss" || next == "place_target") && !l.priceKnown(&run.Event) {
		// another fill came while an action before was under way
		run.Holds = holdsPrice
		return false
	}
	run.Holds = ""
	l.start(run, rule, steps[run.Index])
	return true
}

// Why a decision waits, or a sequence does not go on: a price that it reads is not told. Not known is never 0.
const (
	holdsPrice = "average_price"
	holdsLast  = "last_price"
)

func (l *Lane) rule(name string) (*rules.Rule, bool) {
	if l.o.Rules == nil {
		return nil, false
	}
	return l.o.Rules.Rule(name)
}

// afterAction looks at the action under way and goes on when it has ended.
func (l *Lane) afterAction(run *run, rule *rules.Rule, steps []*rules.Step) bool {
	a, ok := l.actions[run.Action]
	if !ok {
		l.endRun(run)
		return true
	}
	switch {
	case a.Message != nil: // on its way: what follows may be an exit, and waits for no channel
	case a.State == actions.Done, a.State == actions.Planned:
	case a.State == actions.Skipped:
		if !goesOn(run, a) {
			l.endRun(run) // the sequence's ground is gone; a newer decision carries its own
			return true
		}
	case a.State == actions.Failed:
		l.onError(run, rule, a)
		return true
	default:
		return false
	}
	if run.Index >= len(steps) {
		l.endRun(run)
		return true
	}
	l.noteStep(run, steps[run.Index], a)
	return true
}

// goesOn says whether a sequence goes on behind an action that was skipped. What answers a failure stands on the failure,
// so a position that is flat already does not end it.
func goesOn(run *run, a *actions.Action) bool {
	switch a.Why {
	case actions.WhyCondition, actions.WhyFinished, actions.WhyCovered, actions.WhyWinning, actions.WhyNone:
		return true
	case actions.WhyFlat:
		return run.Part == "on_error"
	}
	return false
}

// noteStep gives what an action was given and gave to the actions that follow, and goes on. a is nil where no
// action was done.
func (l *Lane) noteStep(run *run, step *rules.Step, a *actions.Action) {
	if a != nil {
		run.Last = a.Args
		if step.ID != "" {
			run.Steps[step.ID] = a.Args
		}
	}
	run.Index, run.Action = run.Index+1, ""
	l.dirty.runs[run.ID] = true
}

// onError goes on with the rule's answer to a failure. A failure inside on_error ends it: it was told.
func (l *Lane) onError(run *run, rule *rules.Rule, a *actions.Action) {
	if run.Part == "on_error" || !rule.HasOnError {
		l.endRun(run)
		return
	}
	e := a.Error
	if e == nil {
		e = &actions.Error{Class: actions.ClassInternal, Message: "it failed without a reason"}
	}
	run.Part, run.Index, run.Action = "on_error", 0, ""
	run.Error = &rules.ErrorWords{Type: string(e.Class), Message: e.Message, Hint: e.Hint, Action: a.Type}
	l.dirty.runs[run.ID] = true
}

// start begins a step's action on the event's own.
func (l *Lane) start(run *run, rule *rules.Rule, step *rules.Step) {
	s := run.ownSite()
	l.begin(run, rule, step, l.newAction(run, rule, step, s), s)
}

// newAction writes down the action of a step on a site.
func (l *Lane) newAction(run *run, rule *rules.Rule, step *rules.Step, s site) *actions.Action {
	a := &actions.Action{ID: actionID(&run.Event, rule.Name, run.Part, run.Index, s.name()...), Account: l.o.Account, Decision: run.ID,
		Rule: rule.Name, Type: step.Action, Step: stepName(run), OrderID: s.OrderID,
		Created: l.meta.Now, State: actions.Waiting, Updated: l.meta.Now, Assumed: l.assumedOf(&order.Event{OrderID: s.OrderID, Key: s.Key})}
	l.actions[a.ID] = a
	l.dirty.actions[a.ID] = true
	l.storyAction(a.ID)
	if s.own {
		run.Action = a.ID
	}
	l.dirty.runs[run.ID] = true
	return a
}

// stepName is where a run stands: then/0, on_error/1.
func stepName(run *run) string { return fmt.Sprintf("%s/%d", run.Part, run.Index) }

// failStep ends a step that could not be begun.
func (l *Lane) failStep(run *run, rule *rules.Rule, step *rules.Step, e *actions.Error) {
	l.failAction(l.newAction(run, rule, step, run.ownSite()), e)
}

// begin evaluates a step on a site and begins its action.
func (l *Lane) begin(run *run, rule *rules.Rule, step *rules.Step, a *actions.Action, s site) {
	w := l.wordsAt(run, s)
	if l.explains() {
		l.storyExplained(Explained{run.ID, rule.Name, a.Step, step.ExplainIf(w)})
	}
	ok, err := step.Enabled(w)
	if err != nil {
		l.failAction(a, &actions.Error{Class: actions.ClassInternal, Op: "if", Message: err.Error()})
		return
	}
	if !ok {
		l.setAction(a, actions.Skipped, actions.WhyCondition)
		return
	}
	args, err := step.Evaluate(w)
	if err != nil {
		l.failAction(a, &actions.Error{Class: actions.ClassInternal, Op: step.Action, Message: err.Error(), Hint: "run: backstop check"})
		return
	}
	a.Args = args.Map()
	dry := l.o.Mode == DryRun || string(rule.Mode) == string(DryRun)
	switch step.Action {
	case "place_stop_loss":
		l.wishStop(run, s, rule, a, args, dry)
	case "place_target":
		l.wishTarget(run, s, rule, a, args, dry)
	case "exit_position":
		l.wishExit(run, s, rule, step, a, args, dry)
	case "cancel_order":
		l.cancelOrders(run, a, []string{s.OrderID}, dry)
	case "cancel_siblings":
		l.cancelOrders(run, a, l.siblings(s, args), dry)
	case "modify_order":
		l.modifyOrder(run, s, a, args, dry)
	case "place_order":
		l.placeOrder(run, s, a, args, dry)
	case "set":
		l.setMemory(a, args, dry)
	case "pause":
		l.pause(a, args, dry)
	case "telegram":
		l.message(a, args, dry)
	case "log":
		text := args.Text("text")
		l.batch.Logs = append(l.batch.Logs, Log{"info", text, []any{"rule", rule.Name, "order_id", s.OrderID}})
		l.setAction(a, actions.Done, "")
	default:
		l.failAction(a, &actions.Error{Class: actions.ClassInternal, Message: "no such action in this version: " + step.Action})
	}
}

// setAction moves an action to a state.
func (l *Lane) setAction(a *actions.Action, s actions.State, why string) {
	if a.State != s || a.Why != why {
		a.State, a.Why, a.Updated = s, why, l.meta.Now
	}
	l.dirty.actions[a.ID] = true
	l.storyAction(a.ID)
}

// failAction ends an action for good and tells it: as an event for rules, and by itself.
func (l *Lane) failAction(a *actions.Action, e *actions.Error) {
	a.Error = e
	l.setAction(a, actions.Failed, "")
	l.tellFailed(a, nil, e)
	l.emitActionFailed(a, e)
}

// emitActionFailed asks the rules that listen to it.
func (l *Lane) emitActionFailed(a *actions.Action, e *actions.Error) {
	key, group := l.placeOf(a)
	if run, ok := l.runs[a.Decision]; ok && run.Event.Kind == order.KindActionFailed {
		return // a failure of the answer to a failure is told, and no rule is asked again
	}
	facts := []string{"event", l.o.Account, a.ID, "action_failed", string(e.Class)}
	if a.Retries > 0 {
		facts = append(facts, fmt.Sprint(a.Retries))
	}
	l.emit(order.Event{ID: actions.ID(facts...), Kind: order.KindActionFailed, OrderID: a.OrderID,
		Key: key, Group: group, Reason: string(e.Class), Hint: e.Hint, Message: e.Message, Cause: a.Type})
}

// placeOf is where an action acts: its event's place, or its slot's once the sequence is over.
func (l *Lane) placeOf(a *actions.Action) (k order.Key, group string) {
	if run, ok := l.runs[a.Decision]; ok {
		s := run.siteOf(a.ID)
		return s.Key, s.Group
	}
	if s, ok := l.slots[a.Slot]; ok {
		return s.Key, s.Group
	}
	for _, id := range a.Requests {
		if r, ok := l.requests[id]; ok {
			return r.Key, r.Group
		}
	}
	return order.Key{}, ""
}

// message queues a text for a channel; it never waits for a confirmation.
func (l *Lane) message(a *actions.Action, args rules.Args, dry bool) {
	m := l.messageTo(args.Text("to"), args.Text("text"), dry)
	m.Silent = args.Bool("silent")
	a.Message = &m
	if l.o.Assume {
		l.setAction(a, actions.Planned, "")
		return
	}
	if m.ChatID == "" && l.o.Mode == DryRun && l.o.Answers == nil {
		l.setAction(a, actions.Planned, "no Telegram channel is set")
		return
	}
	if m.ChatID == "" && l.o.Answers == nil {
		l.failAction(a, &actions.Error{Class: actions.ClassInternal, Op: "telegram", Message: "no Telegram channel is set", Hint: "set TELEGRAM_BOT_TOKEN and TELEGRAM_CHAT_ID"})
		return
	}
	l.setAction(a, actions.Waiting, "")
}

// messageTo addresses a text: to the channel named, else to alerts if that is Telegram, else to the only
// Telegram channel.
func (l *Lane) messageTo(to, text string, dry bool) actions.Message {
	m := actions.Message{Type: "telegram", Text: text}
	if dry && !l.o.Assume {
		m.Text = "[dry-run] " + text
	}
	if l.o.Rules == nil {
		return m
	}
	if to == "" {
		to = l.telegramDefault()
	}
	m.Channel = to
	if c, ok := l.o.Rules.Channel(to); ok {
		m.ChatID = c.ChatID
	} else if to == rules.SettingsChannel {
		m.ChatID = l.o.ChatID
	}
	return m
}

// telegramDefault is where a message without `to` goes: alerts if that is Telegram, else the only Telegram
// channel of the file, else the one that the settings make.
func (l *Lane) telegramDefault() string {
	set := l.o.Rules
	if _, ok := set.Channel(set.Alerts()); ok {
		return set.Alerts()
	}
	if all := set.Channels(); len(all) == 1 {
		return all[0].Name
	}
	return rules.SettingsChannel
}

// maxTries is how often a message is offered before it fails: with the waits between, about a quarter of an hour.
const maxTries = 10

// takeDelivery learns what a channel answered.
func (l *Lane) takeDelivery(d *Delivery) {
	a, ok := l.actions[d.ActionID]
	if !ok || a.State != actions.Running && (a.State != actions.Waiting || a.Attempts == 0) {
		return
	}
	if d.Err == nil {
		a.Error = nil
		l.setAction(a, actions.Done, "")
		return
	}
	a.Error = d.Err
	again := d.Err.Class.Waits() || d.Err.Class == actions.ClassAmbiguous
	if !again || a.Attempts >= maxTries {
		l.setAction(a, actions.Failed, "")
		l.batch.Logs = append(l.batch.Logs, Log{"error", "message not delivered", []any{"channel", a.Message.Channel, "error", d.Err.Error(), "text", a.Message.Text}})
		return
	}
	wait := d.RetryAfter
	if wait == 0 {
		wait = min(time.Second<<min(a.Attempts, 7), 2*time.Minute)
	}
	a.NotUntil = l.meta.Now.Add(wait)
	l.setAction(a, actions.Waiting, actions.WhyBroker)
}

// releaseMessages claims what is due for the channels.
func (l *Lane) releaseMessages() {
	for _, id := range sortedKeys(l.actions) {
		a := l.actions[id]
		if a.Message == nil || a.State != actions.Waiting || l.meta.Now.Before(a.NotUntil) {
			continue
		}
		a.Attempts++
		if l.o.Answers != nil && !l.o.Answers.Message(a) {
			l.setAction(a, actions.Planned, "")
			continue
		}
		l.setAction(a, actions.Running, "")
		l.batch.Messages = append(l.batch.Messages, *a)
	}
}

// cancelOrders asks for the end of orders; one already finished is fine.
func (l *Lane) cancelOrders(run *run, a *actions.Action, ids []string, dry bool) {
	for _, id := range ids {
		o, ok := l.book.Order(id)
		if !ok || o.Seen(order.Claimed).Terminal() || l.cancelling(id, "") {
			continue
		}
		row := o.Row()
		priority := actions.PriorityCancelExit
		if role := l.book.Holding(order.Claimed, o.Key()).Role(id); !role.IsExit() {
			priority = actions.PriorityCancelEntry
		}
		r := &actions.Request{ID: actions.ID("cancel", a.ID, id), Account: l.o.Account, ActionID: a.ID, For: a.Rule, Key: o.Key(),
			Call:     actions.Call{Method: actions.Cancel, Variety: variety(row), OrderID: id, Params: actions.Params{ParentOrderID: row.ParentOrderID}},
			Priority: priority, OrderID: id, Created: l.meta.Now, Stands: run.Stands}
		l.newRequest(r, dry)
		a.Requests = append(a.Requests, r.ID)
	}
	l.refreshAction(a)
}

// cancelling says whether a cancel of the order is under way, other than by the slot itself.
func (l *Lane) cancelling(id, but string) bool {
	for rid := range l.open {
		if r := l.requests[rid]; r.Call.Method == actions.Cancel && r.Call.OrderID == id && (but == "" || r.Slot != but) {
			return true
		}
	}
	return false
}

// takeWishBack: a cancel that a rule asks for takes a slot's wish back until a rule writes it again.
func (l *Lane) takeWishBack(orderID string) {
	if s, _ := l.slotOf(orderID); s != nil && s.Kind != actions.SlotExit {
		s.Active, s.Wish = false, nil
		l.touchSlot(s)
	}
}

// siblings are the other open orders of the event's group with the roles asked for: by default all exits.
func (l *Lane) siblings(s site, args rules.Args) []string {
	g := l.group(order.Claimed, s.Key, s.Group)
	if g == nil {
		return nil
	}
	want, given := args.Roles("roles"), args.Has("roles")
	h := l.book.Holding(order.Claimed, s.Key)
	var ids []string
	for _, o := range l.book.At(s.Key) {
		if o.ID == s.OrderID || h.GroupOf(o.ID) != g.ID || !o.Seen(order.Claimed).Live() {
			continue
		}
		role := h.Role(o.ID)
		if given && contains(want, role) || !given && role.IsExit() {
			ids = append(ids, o.ID)
		}
	}
	return ids
}

func contains(roles []order.Role, r order.Role) bool {
	for _, have := range roles {
		if have == r {
			return true
		}
	}
	return false
}

// refreshActions gives every open action the state that its requests or its slot have.
func (l *Lane) refreshActions() {
	for _, id := range sortedKeys(l.actions) {
		if a := l.actions[id]; !a.State.Final() && a.Message == nil {
			l.refreshAction(a)
		}
	}
}

func (l *Lane) refreshAction(a *actions.Action) {
	if a.State.Final() || l.errands[a.ID] != nil {
		return
	}
	if s, ok := l.slots[a.Slot]; ok {
		state, why := l.slotState(s, a)
		if state == actions.Done || state == actions.Planned {
			l.echoOrder(s, a)
		}
		l.changeAction(a, state, why)
		return
	}
	if a.Why == actions.WhyInstruments && len(a.Requests) == 0 { // an errand whose instrument is not known yet
		return
	}
	l.placeAnew(a)
	var states []actions.State
	var whys []string
	for _, id := range a.Requests {
		if r := l.requests[id]; r != nil {
			s := r.State
			if s == actions.Skipped && r.Why == actions.WhyFinished {
				s = actions.Done
			}
			states = append(states, s)
			a.Attempts = max(a.Attempts, r.Attempts)
			if r.Why != "" && s == actions.Waiting {
				whys = append(whys, r.Why)
			}
		}
	}
	if a.Type == "place_order" && len(a.Requests) == 1 {
		if r := l.requests[a.Requests[0]]; r != nil && r.OrderID != "" && a.Args["order_id"] != r.OrderID {
			l.echo(a, map[string]any{"order_id": r.OrderID})
		}
	}
	l.changeAction(a, actions.Combine(states), strings.Join(whys, ", "))
}

// echoOrder gives the words of later actions the order that the slot has live.
func (l *Lane) echoOrder(s *slot, a *actions.Action) {
	if orders := l.liveOrders(s); len(orders) > 0 && a.Args["order_id"] != orders[0].OrderID {
		l.echo(a, map[string]any{"order_id": orders[0].OrderID})
	}
}

func (l *Lane) changeAction(a *actions.Action, s actions.State, why string) {
	if a.State != s || a.Why != why {
		l.setAction(a, s, why)
	}
}
