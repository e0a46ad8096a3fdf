package lane

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"backstop/actions"
	"backstop/engine/order"
)

// obey takes a person's word about one action or request and says why it can't be followed, "" where it was.
func (l *Lane) obey(c *Control) string {
	if c.Verb == Adopt {
		return l.adopt(c)
	}
	if a := l.actionNamed(c, c.ID); a != nil && a.Message != nil {
		return l.obeyMessage(c, a)
	}
	var about []*actions.Request
	for _, id := range sortedKeys(l.requests) {
		if r := l.requests[id]; (r.ID == c.ID || r.ActionID == c.ID) && order.DayOf(r.Created) == l.meta.Day {
			about = append(about, r)
		}
	}
	switch {
	case len(about) > 0 && c.Verb == Retry:
		return l.retry(c, about)
	case len(about) > 0:
		return l.resolve(c, about)
	case c.Action != nil && order.DayOf(c.Action.Created) == l.meta.Day:
		return fmt.Sprintf("it is %s and nothing was asked of the broker for it: only a new match of its rule acts again", c.Action.State)
	}
	return "it is not of today: nothing of an earlier day is sent or settled today"
}

// adopt takes an order of the baseline on: what it has done so far is told and decided as if it were new, once. One that
// was taken on already, or never was of the baseline, stays as it is.
func (l *Lane) adopt(c *Control) string {
	o, ok := l.book.Order(c.OrderID)
	switch {
	case !ok:
		l.readNow = true // it may be newer than the last reading
		return fmt.Sprintf("order %s is not in today's order book", c.OrderID)
	case !l.armed:
		return "the account is not armed yet: the order book and the overnight quantities are still to be read"
	case !l.book.Adopt(o):
		return ""
	}
	l.dirty.orders[o.ID] = true
	l.touchKey(o.Key())
	l.tellOrder(o, &order.Update{Source: order.SourceBook})
	return ""
}

// actionNamed is an action that may have ended: then the lane has forgotten it, and the word brings its row.
func (l *Lane) actionNamed(c *Control, id string) *actions.Action {
	if a, ok := l.actions[id]; ok {
		return a
	}
	if c.Action != nil && c.Action.ID == id {
		a := *c.Action
		return &a
	}
	return nil
}

// obeyMessage offers a message again that its channel did not take.
func (l *Lane) obeyMessage(c *Control, a *actions.Action) string {
	switch {
	case c.Verb == Resolve:
		return "it is a message: it is tried again or left"
	case a.State != actions.Failed:
		return fmt.Sprintf("the message is %s: only one that failed is tried again", a.State)
	}
	a.Attempts, a.NotUntil, a.Error = 0, time.Time{}, nil
	l.actions[a.ID] = a
	l.setAction(a, actions.Waiting, "")
	return ""
}

// those are the requests in a state.
func those(rs []*actions.Request, s actions.State) []*actions.Request {
	var in []*actions.Request
	for _, r := range rs {
		if r.State == s {
			in = append(in, r)
		}
	}
	return in
}

// retry tries what failed once more: a placement as a new generation, after the absence of the one before is proved.
func (l *Lane) retry(c *Control, about []*actions.Request) string {
	for _, r := range about {
		switch {
		case r.State == actions.Unknown && r.Why == actions.WhyRetry:
			return "it is being looked for already: it is sent anew when its absence is proved"
		case r.State == actions.Unknown:
			return "its fate is not known yet: the order book settles that by itself, and sends it again if it is absent"
		case !r.State.Final():
			return fmt.Sprintf("it is under way: %s", strings.TrimSpace(string(r.State)+" "+r.Why))
		}
	}
	failed := those(about, actions.Failed)
	if len(failed) == 0 {
		return fmt.Sprintf("it is %s: only what failed is tried again", about[0].State)
	}
	var refused []string
	var can []*actions.Request
	for _, r := range failed {
		if why := l.mayRetry(r); why != "" {
			refused = append(refused, why)
		} else {
			can = append(can, r)
		}
	}
	if len(can) == 0 {
		return refused[len(refused)-1]
	}
	for _, r := range can {
		l.retryRequest(c, r)
	}
	return ""
}

// mayRetry says why a failed request makes no sense any more, "" where it does.
func (l *Lane) mayRetry(r *actions.Request) string {
	s, ok := l.slots[r.Slot]
	if !ok {
		return l.mayRetryLoose(r)
	}
	if s.Kind == actions.SlotExit {
		switch h := l.book.Holding(order.Confirmed, s.Key); {
		case s.Active || s.Wish != nil:
			return "the exit is under way already"
		case s.Over && h.Surplus == 0, !s.Over && !slices.ContainsFunc(h.Groups, func(g *order.Group) bool { return g.Open() > 0 }):
			return "the position is flat"
		case s.Goal > 0 && l.exitLeft(s) == 0:
			return "what it was to sell is sold"
		}
		return ""
	}
	if r.Call.Method == actions.Cancel { // a flat position is why
		if o, known := l.book.Order(r.Call.OrderID); !known || o.Seen(order.Confirmed).Terminal() {
			return "the order that it was about has ended"
		}
	} else if g := l.group(order.Confirmed, s.Key, s.Group); g == nil || g.Open() == 0 {
		return "the position is flat"
	}
	switch {
	case s.Left != "":
		return "the slot is left alone: " + s.Left
	case !s.Active:
		return "a rule took it back; a new match of a rule asks again"
	case l.exiting(s.Key, s.Group):
		return "the position is being exited"
	case s.Blocked != mark(r.Call.Method, r.Call.OrderID, r.Call.Params):
		return "it has been overtaken: " + l.doesItsWork(s)
	}
	return ""
}

// mayRetryLoose is mayRetry of what a rule asked for beside slots.
func (l *Lane) mayRetryLoose(r *actions.Request) string {
	if r.Call.Method != actions.Place || r.Slot != "" {
		if o, known := l.book.Order(r.Call.OrderID); r.Slot != "" || !known || o.Seen(order.Confirmed).Terminal() {
			return "the order that it was about has ended"
		}
		return ""
	}
	for _, other := range l.requests {
		if other.ID == nextGeneration(r) {
			return "it was tried again already, by request " + other.ID
		}
	}
	if g := l.group(order.Confirmed, r.Key, r.Group); r.Role.IsExit() && (g == nil || g.Open() < r.Call.Params.Quantity) {
		return "less is open by now than it would exit"
	}
	return ""
}

// nextGeneration names the placement that a person asks for after one that failed.
func nextGeneration(r *actions.Request) string { return actions.ID("retry", r.ID) }

// doesItsWork names what stands in the place of a request that failed.
func (l *Lane) doesItsWork(s *slot) string {
	for _, o := range l.liveOrders(s) {
		return "order " + o.OrderID + " does its work"
	}
	return "another request does its work"
}

func (l *Lane) retryRequest(c *Control, r *actions.Request) {
	l.reopen(c, r)
	l.readNow = true
	s, ok := l.slots[r.Slot]
	if !ok && r.Call.Method != actions.Place { // a change of its own; made twice it is made
		r.NotUntil, r.Since = time.Time{}, l.meta.Now
		l.set(r, actions.Waiting, actions.WhySettle)
		return
	}
	var so *slotOrder
	if ok {
		so = s.orderOf(r)
		l.touchSlot(s)
	}
	if r.Call.Method != actions.Place { // what is wanted is derived again from a fresh reading
		s.Blocked, s.Refused, s.Unmoved, s.Reread = "", nil, nil, l.meta.Now
		if so != nil {
			so.Stubborn = false
		}
		return
	}
	if o, lives := l.underTag(r); o != nil && !lives || r.Attempts == 0 {
		l.newGeneration(r) // its row is an answer, nothing of it lives; or it never left
		return
	}
	if so != nil {
		so.Ended = false // nothing is placed beside it until its absence is proved
	}
	r.Absent, r.AbsentLate = 0, 0
	l.set(r, actions.Unknown, actions.WhyRetry)
}

// underTag is the order of a placement in the book: one that lives or has filled, else the last that ended with nothing.
func (l *Lane) underTag(r *actions.Request) (o *order.Order, lives bool) {
	for _, each := range l.book.AllTagged(r.Tag()) {
		switch {
		case !each.Seen(order.Confirmed).Known:
		case endedEmpty(each):
			o = each
		default:
			return each, true
		}
	}
	return o, false
}

// newGeneration gives a failed placement up for good and lets its slot ask anew.
func (l *Lane) newGeneration(r *actions.Request) {
	l.set(r, actions.Failed, "")
	s, ok := l.slots[r.Slot]
	if !ok {
		if r.Slot == "" && l.mayRetryLoose(r) == "" {
			l.placeAgain(r)
		}
		return
	}
	if so := s.orderOf(r); so != nil {
		so.Ended = true
	}
	s.Blocked, s.Refused = "", nil
	l.touchSlot(s)
	l.touchKey(s.Key)
	switch {
	case s.Over:
		s.Active = true
	case s.Kind == actions.SlotExit && (s.Goal == 0 || l.exitLeft(s) > 0):
		l.openExit(s.Key, s.Groups, min(s.Goal, l.exitLeft(s)), s.Owner, s.Rule, actions.Standing{})
	}
}

// placeAgain is the next generation of an order that a rule asked for: what adds risk passes the guardrails like any.
func (l *Lane) placeAgain(r *actions.Request) {
	again := &actions.Request{ID: nextGeneration(r), Account: r.Account, ActionID: r.ActionID, For: r.For, Call: r.Call, Key: r.Key, Priority: r.Priority,
		Created: l.meta.Now, Since: l.meta.Now, Stands: r.Stands, Role: r.Role, Group: r.Group, GroupTag: r.GroupTag, Chain: r.Chain, Assumed: r.Assumed}
	again.Call.Params.Tag = actions.Tag(again.ID)
	l.newRequest(again, l.o.Mode == DryRun)
	if a, ok := l.actions[r.ActionID]; ok {
		a.Requests = append(slices.DeleteFunc(slices.Clone(a.Requests), func(id string) bool { return id == r.ID }), again.ID)
		l.dirty.actions[a.ID] = true
	}
}

// reopen begins an action anew that had ended, and forgets that its failure was told.
func (l *Lane) reopen(c *Control, r *actions.Request) {
	l.forget("failed " + r.ID)
	a := l.actionNamed(c, r.ActionID)
	if a == nil {
		return
	}
	l.forget("failed " + a.ID)
	if !a.State.Final() {
		return
	}
	a.Error = nil
	a.Retries++
	l.actions[a.ID] = a
	l.setAction(a, actions.Waiting, actions.WhyRetry)
}

// resolve takes a person's word for what became of a request that is unknown or failed.
func (l *Lane) resolve(c *Control, about []*actions.Request) string {
	if (c.OrderID == "") != c.Failed {
		return "say what became of it: an order id, or that it failed"
	}
	open := those(about, actions.Unknown)
	failed := those(about, actions.Failed)
	switch {
	case len(open) == 0 && len(failed) == 0:
		return fmt.Sprintf("it is %s: only what is unknown or failed is resolved", about[0].State)
	case len(open) == 0 && c.Failed:
		return "nothing of it is unknown: what has failed needs no word for that"
	case len(open) == 0:
		open = failed
	}
	if len(open) > 1 && c.OrderID != "" { // a generation that another followed is over
		open = open[slices.IndexFunc(open, func(r *actions.Request) bool {
			return r == slices.MaxFunc(open, func(x, y *actions.Request) int { return x.Created.Compare(y.Created) })
		}):][:1]
	}
	if c.Failed {
		for _, r := range open {
			l.fail(r, &actions.Error{Class: actions.ClassOther, Op: string(r.Call.Method), Message: said(c),
				Hint: "retry looks for it once more and then sends it anew"})
		}
		return ""
	}
	if r := open[0]; r.Call.Method == actions.Place {
		return l.resolvePlaced(c, r)
	}
	return l.resolveChanged(c, open[0])
}

// said is a person's word as the record shows it.
func said(c *Control) string {
	return cmp.Or(c.By, "a person") + " says that it failed" + strings.TrimSuffix(": "+c.Why, ": ")
}

// resolvePlaced ties a placement to the order that a person names, where it can be that order.
func (l *Lane) resolvePlaced(c *Control, r *actions.Request) string {
	o, ok := l.book.Order(c.OrderID)
	if !ok || !o.Seen(order.Confirmed).Known {
		l.readNow = true // it may be newer than the last reading
		return fmt.Sprintf("order %s is not in today's order book", c.OrderID)
	}
	row := &o.Seen(order.Confirmed).Row
	s, kept := l.slots[r.Slot]
	switch {
	case row.Key() != r.Key || row.TransactionType != r.Call.Params.TransactionType:
		return fmt.Sprintf("order %s is %s %s %s, and the request is %s %s %s", c.OrderID, row.TransactionType, row.Key().Instrument(), row.Product,
			r.Call.Params.TransactionType, r.Key.Instrument(), r.Key.Product)
	case o.Link != nil && o.Link.Request != r.ID:
		return fmt.Sprintf("order %s belongs to another request, %s", c.OrderID, o.Link.Request)
	case row.Status == order.StatusRejected:
		return fmt.Sprintf("order %s was rejected", c.OrderID)
	case kept && r.State == actions.Failed && l.liveQuantity(s)+l.flyingPlacement(s) > 0:
		return "it has been overtaken: " + l.doesItsWork(s)
	case kept && s.Kind == actions.SlotStop && !row.Status.Terminal() && row.TriggerPrice == 0:
		return fmt.Sprintf("order %s has no trigger: it is no stop", c.OrderID)
	}
	l.reopen(c, r)
	if kept {
		if so := s.orderOf(r); so != nil {
			so.Ended, so.Sent = false, r.Call.Params
		}
		s.Blocked, s.Refused = "", nil
		l.touchSlot(s)
	}
	r.OrderID, r.Error = c.OrderID, nil
	l.set(r, actions.Accepted, "")
	l.noteOrderID(r)
	l.tie(o)
	l.touchKey(r.Key)
	return ""
}

// resolveChanged takes a person's word that a modify or cancel was done; what is wanted is derived again from a
// reading, so a wrong word costs one request more.
func (l *Lane) resolveChanged(c *Control, r *actions.Request) string {
	if c.OrderID != r.Call.OrderID {
		return fmt.Sprintf("the request is about order %s", r.Call.OrderID)
	}
	l.reopen(c, r)
	l.set(r, actions.Done, "")
	l.sent(r)
	if s, ok := l.slots[r.Slot]; ok {
		s.Blocked, s.Refused, s.Reread = "", nil, l.meta.Now
		l.touchSlot(s)
	}
	return ""
}
