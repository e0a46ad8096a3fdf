package lane

import (
	"fmt"
	"time"

	"backstop/actions"
	"backstop/engine/journal"
	"backstop/engine/order"
	"backstop/rules"
)

// Timers are data: a run that waits for its time and how far each schedule has come are rows, and Batch.Wake says
// when to look. So a restart in the middle changes nothing: what is due acts once.

// whyFor is why a decision waits whose condition must stay true for a while, or that it did not.
const whyFor = "for"

// whyChanged is why what waited for a rule ended: the rule is another one now, or gone.
const whyChanged = "for: the rule was changed meanwhile"

// overtaken says whether the rule that a run is of is not in the file any more as it was when the run began.
func (l *Lane) overtaken(r *run) bool {
	now, ok := l.rule(r.Rule)
	return !ok || r.Content != "" && r.Content != now.Content() || r.Shape != "" && r.Shape != now.Shape()
}

// over says whether a wait is over. A lane that is not armed knows too little to say what is still true.
func (l *Lane) over(r *run) bool { return l.armed && !l.meta.Now.Before(r.Due) }

// decideFor decides at the end of `for` whether the condition is still true.
func (l *Lane) decideFor(run *run, r *rules.Rule) journal.Decision {
	d := journal.Decision{ID: run.ID, Rule: r.Name, Why: whyFor}
	if !r.Enabled || r.For == 0 || !r.Listens(run.Event.Kind) || !r.Concerns(l.o.Account) {
		return d // the rule is another one now
	}
	w := l.words(&run.Event, nil)
	if l.explains() {
		l.storyExplained(Explained{d.ID, r.Name, "when", r.Explain(w)})
	}
	switch ok, _, err := r.Match(w); {
	case err != nil:
		d.Why = "error: " + err.Error()
		l.ruleError(&run.Event, r, err)
	case ok:
		l.act(&d, &run.Event, r, w)
	}
	return d
}

// since is when what a rule answers happened: by the broker's clock where that is earlier than when it was heard of, so
// that news from before a gap is as old as it is; with `for`, when its time had come.
func (l *Lane) since(e *order.Event, r *rules.Rule) time.Time {
	at, id := e.Time, e.OrderID
	if g := l.group(order.Claimed, e.Key, e.Group); g != nil && e.Kind == order.KindFlat {
		id = g.LastExit
	}
	if o, ok := l.book.Order(id); ok && !l.o.Assume && (e.Source != "" || e.Kind == order.KindFlat) {
		if told := o.Row().ExchangeUpdateTimestamp; !told.IsZero() && told.Before(at) {
			at = told
		}
	}
	return at.Add(r.For)
}

// recheck looks again at what waits by `for` in the event's group: a condition that is false in between cancels it.
func (l *Lane) recheck(e *order.Event) {
	if !l.timed {
		return
	}
	for _, id := range sortedKeys(l.runs) {
		run := l.runs[id]
		if run.Waits != whyFor || run.Event.ID == e.ID || !sameGroup(&run.Event, e) {
			continue
		}
		r, ok := l.rule(run.Rule)
		if !ok || l.lacks(&run.Event, r) != "" {
			continue // told when it is known, or when its time has come
		}
		l.complete(&run.Event)
		w := l.words(&run.Event, nil)
		if l.explains() {
			l.storyExplained(Explained{run.ID, r.Name, "when", r.Explain(w)})
		}
		switch still, _, err := r.Match(w); {
		case err != nil:
			l.ruleError(&run.Event, r, err)
		case still:
			continue
		}
		l.endRun(run)
		l.amend(run, journal.Decision{ID: run.ID, Rule: r.Name, Why: whyFor})
	}
}

func sameGroup(a, b *order.Event) bool {
	if a.OrderID != "" && a.OrderID == b.OrderID {
		return true
	}
	return a.Group != "" && a.Group == b.Group && a.Key == b.Key
}

// ruleError tells that a rule could not be decided.
func (l *Lane) ruleError(e *order.Event, r *rules.Rule, err error) {
	l.say("rule "+r.Name+" "+e.ID, fmt.Sprintf("RULE ERROR %s (%s): %v. The rule did nothing for this event. Run: backstop check", r.Name, l.o.Account, err), sayOnce)
}

// clock is how far a rule's schedule has come.
type clock struct {
	Spec     string    `json:"spec"`
	Holidays bool      `json:"holidays,omitempty"`
	Last     time.Time `json:"last"` // what came up to here is done
}

// missedFor is how late a moment of a schedule still runs, where Backstop was down at its time.
const missedFor = 10 * time.Minute

// ring tells the moments of schedules that have come, once the account's orders and positions are known.
func (l *Lane) ring() {
	if !l.armed || l.o.Rules == nil || !l.due.IsZero() && l.meta.Now.Before(l.due) {
		return
	}
	l.due = time.Time{}
	for _, r := range l.o.Rules.Rules() {
		if r.Schedule == nil || !r.Enabled || !r.Concerns(l.o.Account) {
			continue
		}
		next := l.ringRule(r)
		if !next.IsZero() && (l.due.IsZero() || next.Before(l.due)) {
			l.due = next
		}
	}
	if l.due.IsZero() {
		l.due = l.meta.Now.Add(24 * time.Hour) // no schedule
	}
}

// ringRule tells a rule's moments that have come, and says when the next one is.
func (l *Lane) ringRule(r *rules.Rule) time.Time {
	c, ok := l.clocks[r.Name]
	if !ok || c.Spec != r.Schedule.Spec || c.Holidays != r.Schedule.Holidays {
		c = &clock{Spec: r.Schedule.Spec, Holidays: r.Schedule.Holidays, Last: l.meta.Now} // it begins now
		l.clocks[r.Name] = c
		l.dirty.clocks[r.Name] = true
	}
	if began := l.meta.Now.Add(-firedFor); c.Last.Before(began) {
		c.Last = began // a long absence is not counted through
	}
	var last time.Time
	count := 0
	next := r.Schedule.Next(c.Last)
	for ; !next.IsZero() && !next.After(l.meta.Now); next = r.Schedule.Next(next) {
		c.Last = next
		l.dirty.clocks[r.Name] = true
		if r.Schedule.Holidays || l.o.Hours.TradingDay(next) {
			last = next
			count++
		}
	}
	if count == 0 {
		return next
	}
	late := l.meta.Now.Sub(last)
	if late > missedFor {
		l.sayMissed(r, last, count)
		return next
	}
	if count > 1 {
		l.sayMissed(r, last, count-1)
	}
	l.emit(order.Event{ID: actions.ID("event", l.o.Account, "schedule", r.Name, r.Schedule.Spec, last.UTC().Format(time.RFC3339)), Kind: order.KindSchedule, Rule: r.Name})
	return next
}

// sayMissed tells moments of a schedule that passed while Backstop was down. A rehearsal lives through all of them.
func (l *Lane) sayMissed(r *rules.Rule, last time.Time, count int) {
	what := "It did not run"
	if count > 1 {
		what = fmt.Sprintf("%d of its times did not run", count)
	}
	l.say("schedule "+r.Name+" "+last.UTC().Format(time.RFC3339), fmt.Sprintf("MISSED SCHEDULE %s (%s): Backstop was not running at %s. %s; do it by hand if it still matters.",
		r.Name, l.o.Account, last.In(order.IST).Format("15:04 on 2 Jan"), what), sayOnce)
}
