package enginetest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"backstop/actions"
	"backstop/engine/journal"
	"backstop/engine/lane"
	"backstop/engine/order"
)

// teller puts what a lane does into words that are the same in every run: requests are R1, R2 … and actions A1,
// A2 … in the order of their coming, and a tag is named by its request.
type teller struct {
	lines    []string
	clock    string
	names    map[string]string // by id
	kinds    map[string]int
	requests map[string]*actions.Request
	actions  map[string]*actions.Action
	told     map[string]bool // decisions
}

func newTeller() teller {
	return teller{names: map[string]string{}, kinds: map[string]int{}, requests: map[string]*actions.Request{},
		actions: map[string]*actions.Action{}, told: map[string]bool{}}
}

// remember begins anew with what these commits wrote; names stay.
func (t *teller) remember(commits []journal.Commit) {
	t.told = map[string]bool{}
	clear(t.requests)
	clear(t.actions)
	for i := range commits {
		for _, r := range commits[i].Requests {
			t.requests[r.ID] = &r
		}
		for _, a := range commits[i].Actions {
			t.actions[a.ID] = &a
		}
	}
}

// say adds a line under the time that it happened at.
func (t *teller) say(now time.Time, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	clock := now.In(order.IST).Format("15:04:05.000")
	shown := clock
	if clock == t.clock {
		shown = strings.Repeat(" ", len(clock))
	}
	t.clock = clock
	t.lines = append(t.lines, shown+"  "+strings.ReplaceAll(t.named(text), "\n", " / "))
}

// named puts the story's names in the place of ids.
func (t *teller) named(text string) string {
	for id, name := range t.names {
		text = strings.ReplaceAll(text, actions.Tag(id), "<tag of "+name+">")
		text = strings.ReplaceAll(text, id, name)
	}
	return text
}

// name gives an id its name.
func (t *teller) name(kind, id string) string {
	if t.names[id] == "" {
		t.kinds[kind]++
		t.names[id] = fmt.Sprintf("%s%d", kind, t.kinds[kind])
	}
	return t.names[id]
}

// id finds what a name stands for.
func (t *teller) id(name string) (string, error) {
	for id, n := range t.names {
		if n == name {
			return id, nil
		}
	}
	return "", fmt.Errorf("nothing is named %s yet", name)
}

// tell says what a turn did: events and what matched, requests and how they stand, messages.
func (t *teller) tell(now time.Time, b *lane.Batch) {
	for _, e := range b.Commit.Events {
		var doc order.Event
		if json.Unmarshal(e.Doc, &doc) == nil && !t.told[e.ID] {
			t.told[e.ID] = true
			t.say(now, "event %s", eventText(&doc))
		}
		for _, d := range e.Decisions {
			if d.Matched && !t.told[d.ID] {
				t.told[d.ID] = true
				t.say(now, "  matches %s", d.Rule)
			} else if strings.HasPrefix(d.Why, "error") {
				t.say(now, "  %s: %s", d.Rule, d.Why)
			}
		}
	}
	reqs := slices.Clone(b.Commit.Requests)
	slices.SortStableFunc(reqs, func(x, y actions.Request) int { return cmp.Compare(x.Priority, y.Priority) })
	for i := range reqs {
		t.tellRequest(now, &reqs[i])
	}
	for i := range b.Sends {
		t.say(now, "  sends %s: %s", t.name("R", b.Sends[i].ID), callText(&b.Sends[i]))
	}
	for i := range b.Commit.Actions {
		t.tellAction(now, &b.Commit.Actions[i])
	}
	for i := range b.Messages {
		t.say(now, "  says %q", b.Messages[i].Message.Text)
	}
}

func eventText(e *order.Event) string {
	s := string(e.Kind)
	if e.OrderID != "" {
		s += " " + e.OrderID
	}
	switch {
	case e.Fill > 0:
		s += fmt.Sprintf(" +%d, %d in all", e.Fill, e.Filled)
	case e.Quantity > 0:
		s += fmt.Sprintf(" %d", e.Quantity)
	}
	for _, word := range []string{string(e.Role), e.Cause, e.Reason, e.Message} {
		if word != "" {
			s += ", " + word
		}
	}
	return s
}

// tellRequest says how a request stands where that is news; that it left is told with its call.
func (t *teller) tellRequest(now time.Time, r *actions.Request) {
	name := t.name("R", r.ID)
	before := t.requests[r.ID]
	kept := *r
	t.requests[r.ID] = &kept
	if before != nil && before.State == r.State && before.Why == r.Why && before.OrderID == r.OrderID {
		return
	}
	if r.State == actions.Running {
		return
	}
	t.say(now, "  %s is %s", name, standing(r))
}

func standing(r *actions.Request) string {
	s := string(r.State)
	if r.Why != "" {
		s += " (" + r.Why + ")"
	}
	if r.OrderID != "" && r.Call.Method == actions.Place {
		s += " as " + r.OrderID
	}
	if r.Error != nil && r.State != actions.Done && r.State != actions.Accepted {
		s += fmt.Sprintf(", %s: %s", r.Error.Class, r.Error.Message)
	}
	return s
}

// tellAction says how an action of a rule ended, or began anew.
func (t *teller) tellAction(now time.Time, a *actions.Action) {
	before := t.actions[a.ID]
	kept := *a
	t.actions[a.ID] = &kept
	if a.Message != nil || before != nil && before.State == a.State && before.Why == a.Why {
		return
	}
	name := t.name("A", a.ID)
	if !a.State.Final() && (before == nil || !before.State.Final()) {
		return
	}
	t.say(now, "  %s, %s of %s, is %s", name, a.Type, a.Rule, actionStanding(a))
}

func actionStanding(a *actions.Action) string {
	s := string(a.State)
	if a.Why != "" {
		s += " (" + a.Why + ")"
	}
	if a.Error != nil && a.State == actions.Failed {
		s += fmt.Sprintf(", %s: %s", a.Error.Class, a.Error.Message)
	}
	return s
}

// callText is a call in one line, in Kite's own words.
func callText(r *actions.Request) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s", r.Call.Method.HTTP(), r.Call.Path())
	p := r.Call.Sent()
	word := func(name, value string) {
		if value != "" && value != "0" {
			fmt.Fprintf(&b, " %s=%s", name, value)
		}
	}
	word("parent_order_id", p.ParentOrderID)
	word("exchange", p.Exchange)
	word("tradingsymbol", p.Tradingsymbol)
	word("transaction_type", p.TransactionType)
	word("quantity", fmt.Sprint(p.Quantity))
	word("product", p.Product)
	word("order_type", p.OrderType)
	word("price", p.Price.String())
	word("trigger_price", p.TriggerPrice.String())
	if p.TargetPrice > 0 {
		word("target_price", p.TargetPrice.String())
	}
	word("validity", p.Validity)
	word("market_protection", fmt.Sprint(p.MarketProtection))
	word("tag", p.Tag)
	return b.String()
}
