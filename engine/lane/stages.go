package lane

import (
	"cmp"
	"slices"
	"time"

	"backstop/actions"
	"backstop/engine/order"
)

// stage lets a waiting request pass, or says why not: it waits, is skipped or fails.
type stage struct {
	name string
	pass func(l *Lane, r *actions.Request, g *Grant) verdict
}

// verdict is a stage's word. The zero value lets the request pass.
type verdict struct {
	wait string // why it waits
	skip string // why it ends without leaving
}

// stages are what a request passes before it may leave, in this order. Send and record follow in engine, once
// the claim is durable.
var stages = []stage{
	{"lapse", func(l *Lane, r *actions.Request, _ *Grant) verdict { return l.lapse(r) }},
	{"later", func(l *Lane, r *actions.Request, _ *Grant) verdict {
		if l.meta.Now.Before(r.NotUntil) {
			return verdict{wait: cmp.Or(r.Why, actions.WhyBroker)}
		}
		return verdict{}
	}},
	{"guard", func(l *Lane, r *actions.Request, _ *Grant) verdict {
		return l.guard(r)
	}},
	{"finished", func(l *Lane, r *actions.Request, _ *Grant) verdict {
		if o, ok := l.book.Order(r.Call.OrderID); ok && r.Call.Method != actions.Place && o.Seen(order.Confirmed).Terminal() {
			return verdict{skip: actions.WhyFinished}
		}
		return verdict{}
	}},
	{"session", func(l *Lane, r *actions.Request, _ *Grant) verdict {
		switch {
		case l.meta.Dead:
			return verdict{wait: actions.WhySession}
		case !l.armed, l.meta.LastGood.Before(l.meta.Died): // what waited over a dead session is judged again first
			return verdict{wait: actions.WhyConfirm}
		}
		return verdict{}
	}},
	{"confirm", func(l *Lane, r *actions.Request, _ *Grant) verdict {
		if !l.stands(r.Stands) {
			return verdict{wait: actions.WhyConfirm}
		}
		return verdict{}
	}},
	{"whole", func(l *Lane, r *actions.Request, _ *Grant) verdict {
		if (r.Call.Method == actions.Place || r.Call.Method == actions.PlaceGTT) && l.partBook() {
			return verdict{wait: actions.WhyConfirm}
		}
		return verdict{}
	}},
	{"settle", func(l *Lane, r *actions.Request, _ *Grant) verdict {
		if r.Call.Method != actions.Place {
			return verdict{}
		}
		if o, _ := l.underTag(r); o != nil { // a restored backup or a second copy finds its order here
			l.becomes(r, o)
			return verdict{wait: actions.WhySettle}
		}
		return verdict{}
	}},
	{"surplus", func(l *Lane, r *actions.Request, _ *Grant) verdict {
		if !l.fitsSurplus(r) {
			return verdict{wait: actions.WhySlot} // derived again
		}
		return verdict{}
	}},
	{"pace", func(l *Lane, r *actions.Request, g *Grant) verdict {
		allowed := &g.Exits
		if r.Priority == actions.PriorityRisk {
			allowed = &g.Risk
		}
		if *allowed <= 0 {
			return verdict{wait: actions.WhyPace}
		}
		*allowed--
		return verdict{}
	}},
}

// release claims what every stage lets pass, what reduces risk first. It says whether
// anything left or ended: a sequence that waits for it goes on in the same step.
func (l *Lane) release(g *Grant) bool {
	l.releaseMessages()
	var waiting []*actions.Request
	for _, id := range l.openRequests() {
		if r := l.requests[id]; r.State == actions.Waiting {
			waiting = append(waiting, r)
		}
	}
	slices.SortStableFunc(waiting, func(a, b *actions.Request) int {
		return cmp.Or(cmp.Compare(a.Priority, b.Priority), a.Created.Compare(b.Created))
	})
	released := false
	for _, r := range waiting {
		if r.State != actions.Waiting {
			continue
		}
		if l.passes(r, g) {
			l.claim(r)
		}
		released = released || r.State != actions.Waiting
	}
	l.refreshActions()
	return released
}

func (l *Lane) passes(r *actions.Request, g *Grant) bool {
	for _, s := range stages {
		v := s.pass(l, r, g)
		switch {
		case r.State != actions.Waiting: // it failed there
			return false
		case v.skip != "":
			l.set(r, actions.Skipped, v.skip)
			return false
		case v.wait != "":
			l.set(r, actions.Waiting, v.wait)
			return false
		}
	}
	return true
}

// claim makes the request durable as running before anything leaves. In dry-run it is only planned.
func (l *Lane) claim(r *actions.Request) {
	if s, ok := l.slots[r.Slot]; ok {
		l.checkClaim(s, r)
		if so := s.orderOf(r); so != nil {
			l.countChange(s, so, r)
		} else if owner, so := l.slotOf(r.Call.OrderID); so != nil {
			l.countChange(owner, so, r)
		}
	}
	r.Attempts++
	r.Sent = l.meta.Now
	if r.Call.Method == actions.Cancel {
		l.cancelled[r.Call.OrderID] = true
		if r.Slot == "" { // a rule's own word
			l.takeWishBack(r.Call.OrderID)
		}
	}
	if e := l.refuses(r); e != nil {
		l.set(r, actions.Running, "")
		l.takeOutcome(&Outcome{RequestID: r.ID, Attempt: r.Attempts, Err: e})
		l.storyRequest(r)
		return
	}
	if l.plans(r) {
		why := ""
		if l.o.Mode != DryRun {
			why = actions.WhyNeverAsked
		}
		l.set(r, actions.Planned, why)
		l.assume(r)
		return
	}
	r.Absent, r.AbsentLate = 0, 0
	l.set(r, actions.Running, "")
	l.batch.Sends = append(l.batch.Sends, *r)
	l.storyRequest(r)
}

// plans says whether a request is only planned: in a dry run, and in a replay where its answer is not known.
func (l *Lane) plans(r *actions.Request) bool {
	if l.o.Mode != DryRun && l.o.Answers == nil {
		return false
	}
	planned := l.o.Mode == DryRun || !l.o.Answers.Request(r)
	s, ok := l.slots[r.Slot]
	if !ok {
		return planned
	}
	so := s.orderOf(r)
	if so == nil {
		_, so = l.slotOf(r.Call.OrderID)
	}
	if so != nil && so.Planned != planned {
		so.Planned = planned
		l.dirty.slots[s.ID] = true
	}
	return planned
}

// countChange counts an order's modifications, of which Kite allows 25, and its cancels.
func (l *Lane) countChange(s *slot, so *slotOrder, r *actions.Request) {
	switch r.Call.Method {
	case actions.Modify:
		so.Mods++
		if s.Kind == actions.SlotStop && !so.Triggered.IsZero() && r.Call.Params.OrderType == "LIMIT" {
			so.Reprices, so.Repriced = so.Reprices+1, l.meta.Now
		}
		if r.Call.Params.OrderType == "MARKET" {
			if so.Exit || s.Kind == actions.SlotExit {
				so.Tries++
			}
			so.Exit, so.Turned = true, l.meta.Now
		}
	case actions.Cancel:
		so.Cancels++
	case actions.Place:
		so.Turned = l.meta.Now
	}
	l.dirty.slots[s.ID] = true
}

// uncount takes back what countChange counted: the broker did not let the change in.
func (l *Lane) uncount(r *actions.Request) {
	s, so := l.slotOf(r.Call.OrderID)
	if so == nil || r.Call.Method == actions.Place {
		return
	}
	if r.Call.Method == actions.Cancel {
		so.Cancels = max(0, so.Cancels-1)
	} else {
		so.Mods = max(0, so.Mods-1)
		if r.Call.Params.OrderType == "LIMIT" {
			so.Reprices = max(0, so.Reprices-1)
		}
		if r.Call.Params.OrderType == "MARKET" && so.Tries == 0 {
			so.Exit, so.Turned = false, time.Time{}
		}
	}
	l.touchSlot(s)
}

// checkClaim is invariant 4 at its last moment: what a slot has live, what flies and what leaves now is never
// more than is open. (What takes a surplus back has a stage of its own.)
func (l *Lane) checkClaim(s *slot, r *actions.Request) {
	if r.Call.Method != actions.Place || s.Over {
		return
	}
	var open int64
	if s.Kind == actions.SlotExit {
		for _, id := range s.Groups {
			if g := l.group(order.Confirmed, s.Key, id); g != nil {
				open += g.Open()
			}
		}
	} else if g := l.group(order.Confirmed, s.Key, s.Group); g != nil {
		open = g.Open()
	}
	if have := l.liveQuantity(s) + r.Call.Params.Quantity; have > open {
		panic(BrokenInvariant{"slot " + s.ID + " would have more live than is open"})
	}
}
