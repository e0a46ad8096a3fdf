package lane

import (
	"fmt"
	"strings"
	"time"

	"backstop/actions"
	"backstop/engine/order"
)

// What Backstop says by itself goes to the alerts channel, once a cause and, where it lasts, again every five
// minutes.
type sayHow int

const (
	sayOnce sayHow = iota
	sayAgain
)

const sayEvery = 5 * time.Minute

// say tells a cause through the alerts channel and the log.
func (l *Lane) say(cause, text string, how sayHow) {
	t, ok := l.told[cause]
	switch {
	case !ok:
		t = &told{Since: l.meta.Now}
		l.told[cause] = t
	case !t.Last.IsZero() && (how == sayOnce || l.meta.Now.Sub(t.Last) < sayEvery):
		return
	}
	t.Last = l.meta.Now
	l.dirty.told[cause] = true
	l.batch.Logs = append(l.batch.Logs, Log{"warn", text, nil})
	if l.o.Assume {
		return
	}
	l.alert(cause, text)
}

// alert is a message of Backstop's own: an action without a rule.
func (l *Lane) alert(cause, text string) {
	if l.o.Rules == nil || l.o.Rules.Alerts() == "" || l.o.Rules.Alerts() == "none" {
		return
	}
	m := l.messageTo(l.o.Rules.Alerts(), text, l.o.Mode == DryRun)
	if m.ChatID == "" {
		return // no channel: the log has it
	}
	a := &actions.Action{ID: actions.ID("alert", l.o.Account, cause, l.meta.Now.UTC().Format(time.RFC3339Nano)), Account: l.o.Account,
		Rule: "backstop", Type: "telegram", State: actions.Waiting, Message: &m, Created: l.meta.Now, Updated: l.meta.Now}
	l.actions[a.ID] = a
	l.dirty.actions[a.ID] = true
}

// forget ends a cause, so that it is told anew when it comes back.
func (l *Lane) forget(cause string) {
	t, ok := l.told[cause]
	switch {
	case !ok:
	case t.kept:
		delete(l.told, cause)
		l.dirty.told[cause] = true
	default:
		delete(l.told, cause)
		delete(l.dirty.told, cause)
	}
}

// selfTell tells the events that Backstop speaks of with no rule at all.
func (l *Lane) selfTell(e *order.Event) {
	switch e.Kind {
	case order.KindRefuted:
		l.say("refuted "+e.ID, fmt.Sprintf("REFUTED %s (%s): %s. Nothing was sent on it. If it is true after all, the next reading acts.",
			e.OrderID, l.o.Account, e.Message), sayOnce)
	case order.KindSessionExpired:
		l.say("session", l.sessionText(), sayAgain)
	}
}

func (l *Lane) sessionText() string {
	return fmt.Sprintf("SESSION DEAD (%s): %s. Updates are still taken and decided; requests wait. Log in: backstop login.", l.o.Account, sentence(l.meta.DeadWhy))
}

// remindSession tells a dead session again where that can hurt: something is open, or waits, and can be traded now.
func (l *Lane) remindSession() {
	if l.o.Assume || !l.atStake() {
		return
	}
	l.say("session", l.sessionText(), sayAgain)
}

// atStake says whether a group is open, or a request, whose exchange is.
func (l *Lane) atStake() bool {
	for _, id := range l.openRequests() {
		if l.o.Hours.IsOpen(l.requests[id].Key.Exchange, l.meta.Now) {
			return true
		}
	}
	for _, k := range l.book.Keys() {
		if l.o.Hours.IsOpen(k.Exchange, l.meta.Now) && traded(l.book.Holding(order.Claimed, k)) {
			return true
		}
	}
	return false
}

func (l *Lane) addressText(r *actions.Request) string {
	return fmt.Sprintf("ADDRESS REFUSED (%s): Zerodha said: %s. Until this machine's address is allowed, nothing is placed, changed or cancelled from here: %s %s %s for %s waits, tried again every %d s. %s.",
		l.o.Account, sentence(r.Error.Message), r.Call.Method, r.Key.Tradingsymbol, quantityText(r), r.For, int(addressWait.Seconds()), sentence(r.Error.Hint))
}

// bareText: account, instrument, quantity, what is live at the broker now, what Backstop does next, what you can do.
func (l *Lane) bareText(g *order.Group, bare int64) string {
	at := ""
	if p, told := g.EntryPrice(); told {
		at = " @ " + p.String()
	}
	live := "No exit is live"
	if g.Covered() > 0 {
		live = fmt.Sprintf("Exits for %d of %d are live", g.Covered(), g.Open())
	}
	next, hint := "no rule asked for a stop", "Place a stop in Kite, or exit."
	if l.ofDryRun(g) {
		next = "what was decided in dry-run is not sent"
	}
	for _, s := range l.slotsAt(g.Key) {
		if s.Kind != actions.SlotStop || s.Group != g.ID {
			continue
		}
		next, hint = l.slotNext(s)
	}
	return strings.TrimSpace(fmt.Sprintf("NOT PROTECTED %s %d%s (%s): %s; %s. %s", g.Key.Tradingsymbol, bare, at, l.o.Account, live, next, hint))
}

// slotNext says what stands between a stop and being live, and what to do.
func (l *Lane) slotNext(s *slot) (next, hint string) {
	if open := l.slotRequests(s); len(open) > 0 {
		r := open[0]
		next = fmt.Sprintf("the stop is %s", r.State)
		if r.Why != "" {
			next += " (" + r.Why + ")"
		}
		switch {
		case r.State == actions.Unknown && r.Why == actions.WhyRetry:
			return next + ": it is looked for before it is sent anew", ""
		case r.State == actions.Unknown:
			return next + ": its answer was lost; the order book decides", ""
		case r.Error != nil:
			return next + ": Zerodha said: " + sentence(r.Error.Message), sentence(r.Error.Hint)
		}
		return next, ""
	}
	if s.Wish != nil {
		return "the stop waits for the order book to show the fill", ""
	}
	if e := s.Refused; e != nil {
		return "Zerodha refused the stop: " + sentence(e.Message), sentence(e.Hint)
	}
	if s.Doubt != "" {
		return fmt.Sprintf("the stop at %s was not placed again: %s", s.Trigger, s.Doubt), "Place a stop in Kite, or exit."
	}
	if s.Morning {
		return "the stop is placed again when the market has opened", ""
	}
	switch s.Left {
	case "":
	case actions.WhyPerson:
		return "a person cancelled the stop and it stays so", "Place a stop in Kite, or exit."
	default:
		return "the stop ended with the session", "Place a stop in Kite, or exit."
	}
	if !s.Active {
		return "a rule took the stop back", "Place a stop in Kite, or exit."
	}
	if l.byGTT(s) && !l.gttsKnown(s) {
		return "the stop waits for Zerodha's list of GTTs", ""
	}
	return "the stop waits for the order book", ""
}

func (l *Lane) orphanText(id string) string {
	o, _ := l.book.Order(id)
	row := o.Row()
	return fmt.Sprintf("ORPHANED %s %s %d %s (%s): order %s is live and there is no position behind it; filled, it would open one. Cancel it in Kite if it is not meant.",
		row.Tradingsymbol, row.TransactionType, o.Seen(order.Claimed).Remaining(), row.OrderType, l.o.Account, id)
}

func (l *Lane) missedText(o *order.Order, late time.Duration) string {
	row := o.Row()
	after := ""
	if late >= time.Second {
		after = fmt.Sprintf(" %s later", late.Round(time.Second))
	}
	return fmt.Sprintf("NO POSTBACK %s %s %d (%s): order %s is %s; the order book told it%s, no push came (%d so today). Backstop has acted on it. If this repeats, check the postback URL, and the stream in backstop status.",
		row.Tradingsymbol, row.TransactionType, row.FilledQuantity, l.o.Account, o.ID, row.Status, after, l.meta.Missed.Orders)
}

func (l *Lane) waitsText(r *actions.Request) string {
	text := fmt.Sprintf("WAITING %s %s %s for %s (%s): %s", r.Call.Method, r.Key.Tradingsymbol, quantityText(r), r.For, l.o.Account, r.State)
	if r.Why != "" {
		text += ", " + r.Why
	}
	text += fmt.Sprintf(", for %s.", l.meta.Now.Sub(r.Created).Round(time.Second))
	switch {
	case r.State == actions.Unknown && r.Why == actions.WhyRetry:
		text += " It is looked for in the order book first; when its absence is proved it is sent anew."
	case r.State == actions.Unknown:
		text += " Its answer was lost; the order book decides, nothing is sent twice."
	case r.Error != nil:
		text += " Zerodha said: " + sentence(r.Error.Message) + ". " + sentence(r.Error.Hint)
	}
	return text
}

func quantityText(r *actions.Request) string {
	if r.Call.Params.Quantity == 0 {
		return r.Call.OrderID
	}
	return fmt.Sprint(r.Call.Params.Quantity)
}

// tellFailed tells an action or request that failed for good.
func (l *Lane) tellFailed(a *actions.Action, r *actions.Request, e *actions.Error) {
	what, key, group, cause := "", order.Key{}, "", ""
	switch {
	case r != nil:
		what, key, group, cause = fmt.Sprintf("%s for %s", r.Call.Method, r.For), r.Key, r.Group, r.ID
		if s, ok := l.slots[r.Slot]; ok {
			group = s.Group
		}
	case a != nil:
		what, cause = fmt.Sprintf("%s of %s", a.Type, a.Rule), a.ID
		key, group = l.placeOf(a)
	}
	text := fmt.Sprintf("FAILED %s %s (%s): %s", what, key.Tradingsymbol, l.o.Account, sentence(e.Message))
	if g := l.openGroup(key, group); g != nil {
		text += fmt.Sprintf(". Open %d, covered %d", g.Open(), g.Covered())
	}
	l.say("failed "+cause, text+". "+sentence(e.Hint), sayOnce)
}

// openGroup is a group of a place where it is open, else the oldest open one.
func (l *Lane) openGroup(k order.Key, id string) *order.Group {
	if k.Tradingsymbol == "" {
		return nil
	}
	if g := l.group(order.Claimed, k, id); g != nil && g.Open() > 0 {
		return g
	}
	for _, g := range l.book.Holding(order.Claimed, k).Groups {
		if g.Open() > 0 {
			return g
		}
	}
	return nil
}

// ofDryRun says whether a group was entered in the dry run that this start ended: what was decided of it then is never sent.
func (l *Lane) ofDryRun(g *order.Group) bool {
	o, ok := l.book.Order(g.ID)
	return l.afterDryRun && ok && o.FirstSeen.Before(l.started)
}

// tellBaseline lists once what was open before Backstop began and has no exit.
func (l *Lane) tellBaseline() {
	var lines []string
	for _, k := range l.book.Keys() {
		for _, g := range l.book.Holding(order.Confirmed, k).Groups {
			if bare := g.Open() - g.Covered(); (g.Baseline || l.ofDryRun(g)) && bare > 0 {
				lines = append(lines, fmt.Sprintf("%s %s %d", k.Tradingsymbol, k.Product, bare*g.Sign))
			}
		}
	}
	if len(lines) == 0 {
		return
	}
	cause := "baseline"
	if l.afterDryRun { // each time anew
		cause += " " + l.started.UTC().Format(time.RFC3339)
	}
	l.say(cause, fmt.Sprintf("ALREADY OPEN WITHOUT AN EXIT (%s): %s. Backstop leaves what was there before it began.",
		l.o.Account, listed(lines)), sayOnce)
}

func (l *Lane) closingText(exchange string, end time.Time) string {
	var stops []string
	for _, id := range sortedKeys(l.slots) {
		s := l.slots[id]
		if l.endsWithDay(s) && s.Key.Exchange == exchange && len(l.liveOrders(s)) > 0 {
			stops = append(stops, fmt.Sprintf("%s %d", s.Key.Tradingsymbol, l.liveQuantity(s)))
		}
	}
	return fmt.Sprintf("STOPS END AT THE CLOSE (%s): %s closes at %s and these day orders end with it: %s. Nothing covers them overnight; place a GTT in Kite, or exit.",
		l.o.Account, exchange, end.In(order.IST).Format("15:04"), strings.Join(stops, "; "))
}

func (l *Lane) keptText(run *run) string {
	return fmt.Sprintf("KEPT %s (%s): rule %s asked to exit after a failure; a live stop covers the position, so nothing was sold. Name error.type in the exit's if: to sell all the same.",
		run.Event.Key.Tradingsymbol, l.o.Account, run.Rule)
}

func (l *Lane) winningText(run *run) string {
	return fmt.Sprintf("KEPT %s (%s): the stop that rule %s asked for was refused and its trigger lies on the winning side of the entry; nothing was sold. Check the sign of trigger_price.",
		run.Event.Key.Tradingsymbol, l.o.Account, run.Rule)
}

// sentence is a broker's text or a hint without its full stop, begun with a capital letter, to stand among others.
func sentence(text string) string {
	text = strings.TrimRight(text, ". ")
	if text == "" {
		return ""
	}
	return strings.ToUpper(text[:1]) + text[1:]
}
