package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"backstop/actions"
	"backstop/engine/lane"
	"backstop/engine/order"
)

// story is one object of dry-run --json: an update and all that followed from it.
type story struct {
	Update    updateRow     `json:"update"`
	Ignored   string        `json:"ignored,omitempty"`
	Events    []eventRow    `json:"events"`
	Decisions []decisionRow `json:"decisions"`
	Actions   []actionRow   `json:"actions"`
	Requests  []requestRow  `json:"requests"`
}

// updateRow is an update in Kite's own fields and words.
type updateRow struct {
	Source string `json:"source"`
	order.Update
	Status                  string `json:"status"`
	OrderTimestamp          string `json:"order_timestamp,omitempty"`
	ExchangeUpdateTimestamp string `json:"exchange_update_timestamp,omitempty"`
	ExchangeTimestamp       string `json:"exchange_timestamp,omitempty"`

	// What is ours and not Kite's, or stands above, is left out.
	Received  *struct{} `json:"received_at,omitempty"`
	Began     *struct{} `json:"began,omitempty"`
	RawStatus *struct{} `json:"raw_status,omitempty"`
	Interim   *struct{} `json:"interim,omitempty"`
}

func updateRowOf(u *order.Update) updateRow {
	return updateRow{Source: string(u.Source), Update: *u, Status: statusOf(u), OrderTimestamp: kiteTime(u.OrderTimestamp),
		ExchangeUpdateTimestamp: kiteTime(u.ExchangeUpdateTimestamp), ExchangeTimestamp: kiteTime(u.ExchangeTimestamp)}
}

// statusOf is the status, or the word that says nothing of the state as Kite wrote it.
func statusOf(u *order.Update) string {
	if u.Status == order.StatusNone {
		return u.RawStatus
	}
	return string(u.Status)
}

// kiteTime is an instant as Kite writes it, "" for none.
func kiteTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.In(order.IST).Format(time.DateTime)
}

// eventRow is an event without the order that it met.
type eventRow struct {
	order.Event
	Time     string    `json:"time"`
	Previous *struct{} `json:"previous,omitempty"`
}

type decisionRow struct {
	ID      string   `json:"id"`
	Event   string   `json:"event"` // its kind
	Rule    string   `json:"rule"`
	Matched bool     `json:"matched"`
	Why     string   `json:"why"`
	Needed  string   `json:"needed,omitempty"` // what would have had to differ
	Actions []string `json:"actions,omitempty"`
	Assumed []string `json:"assumed,omitempty"` // what the rule read and nobody told
}

type actionRow struct {
	ID      string           `json:"id"`
	Rule    string           `json:"rule"`
	Type    string           `json:"type"`
	State   actions.State    `json:"state"`
	Why     string           `json:"why,omitempty"`
	OrderID string           `json:"order_id,omitempty"`
	Error   *actions.Error   `json:"error,omitempty"`
	Message *actions.Message `json:"message,omitempty"`
	Assumed []string         `json:"assumed,omitempty"`
}

type requestRow struct {
	ID      string         `json:"id"`
	For     string         `json:"for"`
	Method  string         `json:"method"`
	Path    string         `json:"path"`
	Params  actions.Params `json:"params"`
	Account string         `json:"account,omitempty"` // where it is another than the update's
	Why     string         `json:"why,omitempty"`
	Assumed []string       `json:"assumed,omitempty"`
}

// storyOf turns what happened to an update into what is printed: before it, what time brought about since the one
// before.
func storyOf(told []lane.Story) story {
	own := &told[ownStory(told)]
	out := story{Update: updateRowOf(&own.Update), Ignored: own.Ignored,
		Events: []eventRow{}, Decisions: []decisionRow{}, Actions: []actionRow{}, Requests: []requestRow{}}
	for i := range told {
		out.add(&told[i])
	}
	return out
}

// ownStory is which of the stories is the update's own; those before it are of the time since the update before.
func ownStory(told []lane.Story) int {
	return max(0, slices.IndexFunc(told, func(s lane.Story) bool { return s.Update.OrderID != "" }))
}

func (out *story) add(s *lane.Story) {
	needed := map[string]string{}
	for _, x := range s.Explained {
		if x.Where == "when" && x.Tree.Needed != "" {
			needed[x.Decision] = x.Tree.Needed
		}
	}
	for _, e := range s.Events {
		out.Events = append(out.Events, eventRow{Event: e, Time: kiteTime(e.Time)})
	}
	for _, d := range s.Decisions {
		out.Decisions = append(out.Decisions, decisionRow{d.ID, string(d.Event.Kind), d.Rule, d.Matched, d.Why, needed[d.ID], d.Actions, d.Assumed})
	}
	for _, a := range s.Actions {
		out.Actions = append(out.Actions, actionRow{a.ID, a.Rule, a.Type, a.State, a.Why, a.OrderID, a.Error, a.Message, a.Assumed})
	}
	for _, r := range s.Requests {
		row := requestRow{ID: r.ID, For: r.For, Method: r.Call.Method.HTTP(), Path: r.Call.Path(), Params: r.Call.Sent(), Why: r.Why, Assumed: r.Assumed}
		if r.Account != s.Account {
			row.Account = r.Account
		}
		out.Requests = append(out.Requests, row)
	}
}

// tell prints to be read what happened to an update, and before it what time brought about.
func (d *dryRun) tell(source string, told []lane.Story) {
	out := d.p.out
	if d.summary.updates > 1 {
		out.line("")
	}
	own := ownStory(told)
	for i := range told {
		s := &told[i]
		if i != own {
			out.line("%s %s", out.bold(s.At.In(order.IST).Format(time.TimeOnly)), out.faint("(time passed)"))
			d.tellStory(s)
			continue
		}
		out.line("%s %s", out.bold(printable(updateLine(&s.Update))), out.faint("("+source+")"))
		switch {
		case s.Ignored != "":
			out.line("  ignored: %s", printable(s.Ignored))
		case len(s.Events) == 0:
			out.line("  nothing new")
		}
		d.tellStory(s)
	}
}

// tellStory prints what followed: events, what the rules said of them, actions and requests.
func (d *dryRun) tellStory(s *lane.Story) {
	out := d.p.out
	row := story{}
	row.add(s)
	told := map[string]bool{}
	for i := range s.Events {
		e := &s.Events[i]
		out.line("  %s", printable(eventLine(e)))
		for _, w := range row.Decisions {
			if strings.TrimSuffix(w.ID, "-"+w.Rule) == e.ID {
				told[w.ID] = true
				d.tellDecision(w)
			}
		}
	}
	for _, w := range row.Decisions { // of earlier events that waited
		if !told[w.ID] {
			out.line("  the earlier %s", w.Event)
			d.tellDecision(w)
		}
	}
	for _, a := range row.Actions {
		d.tellAction(a)
	}
	for i := range s.Requests {
		r := &s.Requests[i]
		line := requestLine(r)
		if r.Account != s.Account {
			line += " in account " + r.Account
		}
		out.line("  %s %s", out.good("goes out:"), printable(line))
	}
}

func (d *dryRun) tellDecision(w decisionRow) {
	out := d.p.out
	if w.Matched {
		out.line("    %s %s", out.good("match"), w.Rule)
		return
	}
	why := whyNot(w.Why, w.Event)
	if w.Needed != "" && strings.HasPrefix(w.Why, "when: ") {
		why += " (" + w.Needed + ")"
	}
	out.line("    %s %s", out.faint("no   "), out.faint(w.Rule+": "+printable(why)))
}

func (d *dryRun) tellAction(a actionRow) {
	out := d.p.out
	what := fmt.Sprintf("%s of %s: %s", a.Type, a.Rule, a.State)
	if a.Why != "" {
		what += " (" + a.Why + ")"
	}
	if len(a.Assumed) > 0 {
		what += ", assumed: " + strings.Join(a.Assumed, ", ")
	}
	switch {
	case a.Error != nil:
		out.line("  %s: %s", what, out.bad(printable(a.Error.Error())))
	case a.Message != nil:
		out.line("  %s", what)
		out.line("  %s %s", out.good("tells:   "), printable(messageLine(a.Message)))
	default:
		out.line("  %s", what)
	}
}

// whyNot puts a decision's reason into words.
func whyNot(why, kind string) string {
	switch why {
	case "on":
		return "does not listen to " + kind
	case "enabled":
		return "is switched off (enabled: false)"
	case "accounts":
		return "is not for this account"
	case "once":
		return "has acted already (once)"
	case "cooldown":
		return "acted shortly before (cooldown)"
	}
	if part, ok := strings.CutPrefix(why, "when: "); ok {
		return "is not true: " + part
	}
	if what, ok := strings.CutPrefix(why, "waits: "); ok {
		return "waits for " + what
	}
	return why
}

// updateLine says which order an update is of and how it stands.
func updateLine(u *order.Update) string {
	var b strings.Builder
	if !u.OrderTimestamp.IsZero() {
		b.WriteString(u.OrderTimestamp.In(order.IST).Format(time.TimeOnly) + "  ")
	}
	fmt.Fprintf(&b, "order %s", u.OrderID)
	if u.Tradingsymbol != "" {
		fmt.Fprintf(&b, "  %s %d %s %s", u.TransactionType, u.Quantity, u.Key().Instrument(), u.Product)
	}
	fmt.Fprintf(&b, "  %s", statusOf(u))
	if u.FilledQuantity > 0 {
		fmt.Fprintf(&b, ", filled %d", u.FilledQuantity)
		if u.AveragePrice > 0 {
			fmt.Fprintf(&b, " at %s", u.AveragePrice)
		}
	}
	if u.StatusMessage != "" {
		b.WriteString(": " + u.StatusMessage)
	}
	return b.String()
}

// eventLine says what an update meant.
func eventLine(e *order.Event) string {
	s := string(e.Kind)
	if e.Fill > 0 {
		s += fmt.Sprintf(" of %d", e.Fill)
	}
	if e.Role != order.RoleUnknown {
		s += ", role " + string(e.Role)
	}
	if e.Cause != "" {
		s += ", by " + e.Cause
	}
	if e.Reason != "" {
		s += ", reason " + e.Reason
	}
	return s
}

// requestLine is a request as one reads it aloud: what leaves, and what for.
func requestLine(r *actions.Request) string {
	p := r.Call.Params
	var words []string
	add := func(format string, args ...any) { words = append(words, fmt.Sprintf(format, args...)) }
	add("%s %s", r.Call.Method.HTTP(), r.Call.Path())
	switch r.Call.Method {
	case actions.Place:
		add("%s %d %s:%s %s", p.TransactionType, p.Quantity, p.Exchange, p.Tradingsymbol, p.Product)
	case actions.Modify:
		add("%s quantity %d", r.Key.Instrument(), p.Quantity)
	case actions.Cancel:
		if r.Key.Tradingsymbol != "" {
			add("%s", r.Key.Instrument())
		}
	}
	if r.Call.Method != actions.Cancel {
		add("%s", p.OrderType)
		if p.TriggerPrice != 0 {
			add("trigger %s", p.TriggerPrice)
		}
		if p.Price != 0 {
			add("limit %s", p.Price)
		}
		if p.MarketProtection != 0 {
			add("protected")
		}
		if p.ValidityTTL != 0 {
			add("for %d minutes", p.ValidityTTL)
		}
		if p.Disclosed != 0 {
			add("of which %d are shown", p.Disclosed)
		}
		if p.IcebergLegs != 0 {
			add("in %d legs of %d", p.IcebergLegs, p.IcebergQuantity)
		}
	}
	s := strings.Join(words, " ") + " (for " + r.For
	if len(r.Assumed) > 0 {
		s += ", assumed: " + strings.Join(r.Assumed, ", ")
	}
	return s + ")"
}

// messageLine is a message on its way to a channel.
func messageLine(m *actions.Message) string { return fmt.Sprintf("%s %q", m.Channel, m.Text) }
