package lane

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"backstop/actions"
	"backstop/engine/journal"
	"backstop/engine/order"
	"backstop/rules"
)

// A rule that is decided in one account may ask something of another one's lane: an order, a pause. Such an errand is a
// row of the step that decided it, and is handed over once that is written and what it stands on is confirmed. The other
// lane journals it as an input, knows it by its id, and does it by its own mode, guardrails and paces; how it ended goes
// back, and the rule's sequence goes on. What was not answered is handed over again, at a start and every ten seconds: a
// lane that has taken it already only answers once more.

// Errand is what one account's rule asks of another account.
type Errand struct {
	ID      string         `json:"id"` // of the action that asks
	From    string         `json:"from"`
	To      string         `json:"to"`
	Rule    string         `json:"rule"`
	Decided string         `json:"decided"` // the decision that asks
	Do      string         `json:"do"`      // place_order, pause
	Params  actions.Params `json:"params,omitzero"`
	Variety string         `json:"variety,omitempty"`
	Tag     string         `json:"tag,omitempty"` // of the group that it opens
	Since   time.Time      `json:"since,omitzero"`
	Chain   int            `json:"chain,omitempty"`
}

// ErrandEnd is how an errand ended.
type ErrandEnd struct {
	ID    string         `json:"id"`
	From  string         `json:"from"` // the account that asked
	By    string         `json:"by"`
	State actions.State  `json:"state"`
	Why   string         `json:"why,omitempty"`
	Args  map[string]any `json:"args,omitempty"` // what became of the parameters, and order_id
	Error *actions.Error `json:"error,omitempty"`
}

// asked is an errand of this lane's that has not ended.
type asked struct {
	Errand
	Stands actions.Standing `json:"stands,omitzero"`
	Handed bool             `json:"handed,omitempty"` // it may be under way there
}

// taken is an errand that another lane asked of this one.
type taken struct {
	Errand
	Day    order.Day  `json:"day"`
	Action string     `json:"action"`
	Waits  bool       `json:"waits,omitempty"` // for the list of instruments
	End    *ErrandEnd `json:"end,omitempty"`
}

// handAgain is how long an errand may go unanswered before it is handed over again.
const handAgain = 10 * time.Second

// elsewhere says whether an action names another account than this one.
func (l *Lane) elsewhere(args rules.Args) (to string, other bool) {
	to = strings.TrimSpace(args.Text("account"))
	return to, args.Has("account") && to != l.o.Account
}

// askOther writes an errand down, or says why there is none.
func (l *Lane) askOther(a *actions.Action, e Errand, stands actions.Standing, dry bool) {
	switch {
	case e.To == "", len(l.o.Accounts) > 0 && !slices.Contains(l.o.Accounts, e.To):
		l.failAction(a, &actions.Error{Class: actions.ClassRefused, Op: a.Type, Message: fmt.Sprintf("there is no account %q", e.To),
			Hint: "name one of the settings: its Kite user id"})
		return
	case dry && l.o.Mode != DryRun:
		l.setAction(a, actions.Planned, actions.WhyDryRun)
		return
	}
	e.ID, e.From, e.Rule, e.Do, e.Decided = a.ID, l.o.Account, a.Rule, a.Type, a.Decision
	l.errands[e.ID] = &asked{Errand: e, Stands: stands}
	l.dirty.errands[e.ID] = true
	l.setAction(a, actions.Waiting, actions.WhyConfirm)
}

// handOverAll carries errands on as far as this step can.
func (l *Lane) handOverAll(grant *Grant) {
	for l.handOver() { // what ends there asks rules again, and what they ask for is due at once
		l.settle(grant)
	}
	l.endTaken()
}

// handOver gives the errands that are due to whoever carries them, with this step's commit. It says whether anything
// followed.
func (l *Lane) handOver() bool {
	changed := false
	for _, id := range sortedKeys(l.errands) {
		e := l.errands[id]
		if !e.Handed {
			switch {
			case l.lapsed(&e.Errand):
				l.endErrand(id)
				changed = true
				if a := l.actions[id]; a != nil {
					l.failAction(a, guardrail("it waited too long (confirm): what adds risk is not sent more than 60 s after its event", "do it by hand if it is still meant"))
				}
				continue
			case !l.armed || !l.stands(e.Stands):
				continue
			}
			e.Handed = true
			l.dirty.errands[id] = true
		}
		if at, ok := l.handed[id]; ok && l.meta.Now.Sub(at) < handAgain {
			continue
		}
		changed = true
		l.handed[id] = l.meta.Now
		l.batch.Errands = append(l.batch.Errands, e.Errand)
		if a := l.actions[id]; a != nil {
			l.changeAction(a, actions.Waiting, actions.WhyAccount)
		}
	}
	return changed
}

func (l *Lane) lapsed(e *Errand) bool {
	return e.Do == "place_order" && !e.Since.IsZero() && l.meta.Now.Sub(e.Since) > lapsedAfter
}

// endErrand forgets an errand of this lane's.
func (l *Lane) endErrand(id string) {
	delete(l.errands, id)
	delete(l.handed, id)
	l.dirty.errands[id] = true
}

// takeEnd learns how an errand ended; the first word counts.
func (l *Lane) takeEnd(end *ErrandEnd) {
	e, ok := l.errands[end.ID]
	if !ok || end.By != e.To {
		return
	}
	l.journalJSON(journal.InputErrandEnd, end)
	l.endErrand(end.ID)
	a := l.actions[end.ID]
	if a == nil || a.State.Final() {
		return
	}
	l.echo(a, end.Args)
	if end.State == actions.Failed && end.Error != nil {
		a.Error = end.Error // told where it failed
		l.setAction(a, actions.Failed, "")
		l.emitActionFailed(a, end.Error)
		return
	}
	l.setAction(a, end.State, end.Why)
}

// takeErrand begins what another lane asks, once.
func (l *Lane) takeErrand(e *Errand) {
	if e.To != l.o.Account {
		return
	}
	if t, ok := l.taken[e.ID]; ok { // handed over again
		if t.End != nil {
			l.batch.Ends = append(l.batch.Ends, *t.End)
		}
		return
	}
	l.journalJSON(journal.InputErrand, e)
	t := &taken{Errand: *e, Day: l.meta.Day, Action: actions.ID("errand", e.ID)}
	if l.o.Assume { // the two lanes of a rehearsal are one story
		t.Action = e.ID
	}
	l.taken[e.ID] = t
	l.dirty.taken[e.ID] = true
	a := &actions.Action{ID: t.Action, Account: l.o.Account, Decision: e.Decided, Rule: e.Rule, Type: e.Do, State: actions.Waiting, Created: l.meta.Now, Updated: l.meta.Now,
		Args: map[string]any{"account": e.To}}
	l.actions[a.ID] = a
	l.dirty.actions[a.ID] = true
	l.storyAction(a.ID)
	switch {
	case e.Do == "pause" && l.o.Mode == DryRun:
		l.setAction(a, actions.Planned, "")
	case e.Do == "pause":
		l.pauseNow("rule "+e.Rule, fmt.Sprintf("rule %s, in %s, asked for it", e.Rule, e.From))
		l.setAction(a, actions.Done, "")
	case !e.Since.IsZero() && order.DayOf(e.Since) != l.meta.Day && !l.o.Assume:
		l.setAction(a, actions.Skipped, actions.WhyDayOver)
	default:
		l.beginErrand(t, a)
	}
}

// beginErrand places the order of an errand, or waits for the list of instruments.
func (l *Lane) beginErrand(t *taken, a *actions.Action) {
	r := actions.Request{Account: l.o.Account, ActionID: a.ID, For: t.Rule, Created: l.meta.Now, Since: t.Since, Chain: t.Chain,
		Call: actions.Call{Method: actions.Place, Variety: t.Variety, Params: t.Params}, Priority: actions.PriorityRisk, Role: order.RoleEntry, GroupTag: t.Tag,
		Key: t.Params.Key(), Assumed: l.assumedOf(&order.Event{Key: t.Params.Key()})}
	a.Assumed = r.Assumed
	inst, known := l.instrument(r.Key)
	t.Waits = !known && !l.loaded
	l.dirty.taken[t.ID] = true
	switch {
	case t.Waits:
		l.setAction(a, actions.Waiting, actions.WhyInstruments)
	case !known:
		l.failAction(a, notListed(a.Type, r.Key))
	default:
		l.writeOrder(a, &r, inst)
	}
}

// moveErrands begins what waited for the list of instruments.
func (l *Lane) moveErrands() bool {
	if !l.loaded {
		return false
	}
	for _, id := range sortedKeys(l.taken) {
		if t := l.taken[id]; t.Waits && t.End == nil && l.actions[t.Action] != nil {
			l.beginErrand(t, l.actions[t.Action])
			return true
		}
	}
	return false
}

// endTaken answers those whose action has ended.
func (l *Lane) endTaken() {
	for _, id := range sortedKeys(l.taken) {
		t := l.taken[id]
		a := l.actions[t.Action]
		if t.End != nil || a == nil || !a.State.Final() {
			continue
		}
		t.End = &ErrandEnd{ID: t.ID, From: t.From, By: l.o.Account, State: a.State, Why: a.Why, Args: a.Args, Error: a.Error}
		l.dirty.taken[id] = true
		l.batch.Ends = append(l.batch.Ends, *t.End)
	}
}

// forgetTaken forgets, when a day begins, the errands of those before the last one: whoever asked forgot them when the
// day ended.
func (l *Lane) forgetTaken() {
	yesterday := order.DayOf(l.meta.Now.AddDate(0, 0, -1))
	for _, id := range sortedKeys(l.taken) {
		if l.taken[id].Day < yesterday {
			delete(l.taken, id)
			l.dirty.taken[id] = true
		}
	}
	for _, id := range sortedKeys(l.errands) {
		l.endErrand(id)
	}
}

// errandWake is when an errand is handed over again, zero for none.
func (l *Lane) errandWake(id string) time.Time {
	if at, ok := l.handed[id]; ok {
		return at.Add(handAgain)
	}
	return l.errands[id].Since.Add(lapsedAfter + time.Millisecond)
}
