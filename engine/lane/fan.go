package lane

import (
	"cmp"
	"slices"
	"time"

	"backstop/actions"
	"backstop/engine/order"
	"backstop/rules"
)

// site is what one action is about: the event's own order, group and position, or one that `of:` names.
type site struct {
	OrderID string    `json:"order_id,omitempty"`
	Group   string    `json:"group,omitempty"`
	Key     order.Key `json:"key,omitzero"`
	Short   bool      `json:"short,omitempty"`
	Action  string    `json:"action,omitempty"` // "" before it has begun
	own     bool      // the event's
}

// fan is a step with `of:` under way: one action for each open one that fits.
type fan struct {
	Sites []site    `json:"sites"` // shorts first
	Began time.Time `json:"began"`
}

// longsAfter is how long exits of longs wait for those of the shorts of the same step: what is bought back first frees the margin that
// the longs hedge, but an exit that hangs keeps no other one away for ever.
const longsAfter = 10 * time.Second

// ownSite is the event's.
func (r *run) ownSite() site {
	return site{OrderID: r.Event.OrderID, Group: r.Event.Group, Key: r.Event.Key, Action: r.Action, own: true}
}

// siteOf is what an action of the run is about.
func (r *run) siteOf(actionID string) site {
	if r.Fan != nil {
		for _, s := range r.Fan.Sites {
			if s.Action == actionID {
				return s
			}
		}
	}
	return r.ownSite()
}

// holds says whether the action is one that the run waits for.
func (r *run) holds(actionID string) bool {
	return slices.Contains(r.underWay(), actionID)
}

// underWay are the actions that the run waits for.
func (r *run) underWay() []string {
	if r.Fan == nil {
		if r.Action == "" {
			return nil
		}
		return []string{r.Action}
	}
	var ids []string
	for _, s := range r.Fan.Sites {
		if s.Action != "" {
			ids = append(ids, s.Action)
		}
	}
	return ids
}

// wordsAt are the words of an action: those of its site, with the event's own beside them.
func (l *Lane) wordsAt(run *run, s site) *rules.Words {
	w := l.words(&run.Event, run)
	if s.own {
		return w
	}
	w.Order = rules.OrderWords{Exchange: s.Key.Exchange, Tradingsymbol: s.Key.Tradingsymbol, Product: s.Key.Product} // what was carried in has no order
	w.Group = rules.GroupWords{}
	if o, ok := l.book.Order(s.OrderID); ok {
		w.Order = l.orderWords(o)
	}
	if g := l.group(order.Claimed, s.Key, s.Group); g != nil {
		w.Group = l.groupWords(g)
		if g.First != nil && s.OrderID == g.ID {
			w.Order = l.earlierWords(g)
		}
	}
	l.placeWords(w, s.Key)
	return w
}

// startFan begins a step with `of:`. It says whether anything happened: where a price is not told yet it waits.
func (l *Lane) startFan(run *run, rule *rules.Rule, step *rules.Step) bool {
	sites := l.sitesOf(run, step)
	reads := step.Reads()
	reads.Instrument = reads.Instrument || step.Action == "place_stop_loss" || step.Action == "place_target" || step.Action == "modify_order"
	if why := l.sitesLack(sites, reads); why != "" {
		if run.Holds == why {
			return false
		}
		run.Holds = why
		return true
	}
	run.Holds = ""
	var fit []site
	for _, s := range sites {
		w := l.wordsAt(run, s)
		if l.explains() && step.HasWhere() {
			l.storyExplained(Explained{run.ID, rule.Name, stepName(run) + rules.WhereSuffix, step.ExplainWhere(w)})
		}
		ok, err := step.Where(w)
		if err != nil {
			l.failStep(run, rule, step, &actions.Error{Class: actions.ClassInternal, Op: "where", Message: err.Error(), Hint: "run: backstop check"})
			return true
		}
		if ok {
			fit = append(fit, s)
		}
	}
	if len(fit) == 0 {
		l.setAction(l.newAction(run, rule, step, run.ownSite()), actions.Skipped, actions.WhyNone)
		return true
	}
	slices.SortStableFunc(fit, func(a, b site) int {
		switch {
		case a.Short == b.Short:
			return 0
		case a.Short:
			return -1
		default:
			return 1
		}
	})
	run.Fan = &fan{Sites: fit, Began: l.meta.Now}
	l.dirty.runs[run.ID] = true
	l.beginSites(run, rule, step, fit[0].Short && step.Spec.On == rules.UnitPosition)
	return true
}

// beginSites begins the shorts, or all that have not begun.
func (l *Lane) beginSites(run *run, rule *rules.Rule, step *rules.Step, shorts bool) {
	f := run.Fan
	for i := range f.Sites {
		if s := &f.Sites[i]; s.Action == "" && (s.Short || !shorts) {
			s.Action = actionID(&run.Event, rule.Name, run.Part, run.Index, s.name()...)
			l.begin(run, rule, step, l.newAction(run, rule, step, *s), *s)
		}
	}
	l.dirty.runs[run.ID] = true
}

// name tells sites of one step apart in the ids of their actions.
func (s *site) name() []string {
	if s.own {
		return nil
	}
	return []string{s.Key.Exchange, s.Key.Tradingsymbol, s.Key.Product, s.Group, s.OrderID}
}

// afterFan looks at the actions under way: the longs follow the shorts, and the sequence goes on when all have ended.
func (l *Lane) afterFan(run *run, rule *rules.Rule, steps []*rules.Step) bool {
	f := run.Fan
	var failed, last *actions.Action
	ended, begun := true, true
	for _, s := range f.Sites {
		a := l.actions[s.Action]
		switch {
		case s.Action == "":
			begun = false
		case a == nil:
		case a.Message != nil:
			last = a
		case !a.State.Final():
			ended = false
		case a.State == actions.Failed:
			failed = cmp.Or(failed, a)
		case a.State == actions.Done || a.State == actions.Planned:
			last = a
		}
	}
	switch {
	case run.Index >= len(steps):
		l.endRun(run)
		return true
	case !begun && (ended || !l.meta.Now.Before(f.Began.Add(longsAfter))):
		l.beginSites(run, rule, steps[run.Index], false)
		return true
	case !begun || !ended:
		return false
	case failed != nil:
		run.Fan = nil
		l.onError(run, rule, failed)
		return true
	}
	l.noteStep(run, steps[run.Index], last)
	run.Fan = nil
	return true
}

// sitesOf are the open groups, orders or positions that `of:` names, in a fixed order.
func (l *Lane) sitesOf(run *run, step *rules.Step) []site {
	tag := ""
	if g := l.group(order.Claimed, run.Event.Key, run.Event.Group); g != nil {
		tag = g.Tag
	} else if o, ok := l.book.Order(run.Event.OrderID); ok {
		tag = o.GroupTag()
	}
	var out []site
	for _, k := range l.book.Keys() {
		if k.Tradingsymbol == "" || !inScope(run, step.Of, k) {
			continue
		}
		h := l.book.Holding(order.Claimed, k)
		fits := func(group, orderID string) bool {
			switch step.Of {
			case rules.OfOrder:
				return orderID == run.Event.OrderID || step.Spec.On != rules.UnitOrder && h.GroupOf(run.Event.OrderID) == group
			case rules.OfGroup:
				return group != "" && group == run.Event.Group && k == run.Event.Key
			case rules.OfTag:
				if o, ok := l.book.Order(orderID); ok && o.GroupTag() == tag {
					return tag != ""
				}
				g, ok := h.Group(group)
				return tag != "" && ok && g.Tag == tag
			}
			return true
		}
		switch step.Spec.On {
		case rules.UnitOrder:
			for _, o := range l.book.At(k) {
				if o.Seen(order.Claimed).Live() && fits(h.GroupOf(o.ID), o.ID) {
					out = append(out, site{OrderID: o.ID, Group: h.GroupOf(o.ID), Key: k, Short: h.Position < 0})
				}
			}
		case rules.UnitPosition:
			if i := slices.IndexFunc(h.Open(), func(g *order.Group) bool { return g.Open() > 0 && !g.Stock() && fits(g.ID, "") }); i >= 0 && h.Position != 0 {
				g := h.Open()[i]
				out = append(out, site{OrderID: g.FirstEntry(), Group: g.ID, Key: k, Short: h.Position < 0})
			}
		default:
			for _, g := range h.Open() {
				if g.Open() > 0 && !g.Stock() && fits(g.ID, "") {
					out = append(out, site{OrderID: g.FirstEntry(), Group: g.ID, Key: k, Short: g.Sign < 0})
				}
			}
		}
	}
	return out
}

// inScope says whether a place can hold what `of:` names.
func inScope(run *run, of rules.Of, k order.Key) bool {
	switch of {
	case rules.OfOrder, rules.OfGroup:
		return k == run.Event.Key
	case rules.OfSymbol:
		return k.Instrument() == run.Event.Key.Instrument()
	}
	return true
}

// sitesLack is what the step reads of one of its sites and nobody has told, or "".
func (l *Lane) sitesLack(sites []site, reads rules.Reads) string {
	for _, s := range sites {
		e := order.Event{OrderID: s.OrderID, Group: s.Group, Key: s.Key}
		switch {
		case reads.Instrument && !l.instrumentKnown(s.Key):
			return actions.WhyInstruments
		case reads.Price && !l.priceKnown(&e):
			return holdsPrice
		case reads.Value && l.multiplierUnknown(s.Key):
			return holdsMultiplier
		case reads.LastPrice && l.lastPrice(s.Key) == 0:
			return holdsLast
		}
	}
	return ""
}
