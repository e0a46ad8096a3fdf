package lane

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"backstop/actions"
	"backstop/engine/journal"
	"backstop/engine/order"
	"backstop/rules"
)

// decide lets every rule that listens decide one event, and begins the sequences of those that matched.
func (l *Lane) decide(e *order.Event) {
	l.selfTell(e)
	l.keepEvent(e)
	l.misses = 0
	row := &journal.Event{ID: e.ID, Account: l.o.Account, At: e.Time, Kind: e.Kind, OrderID: e.OrderID, Group: e.Group}
	if l.o.Rules == nil {
		l.record(row, e)
		return
	}
	row.RulesVersion = l.o.Rules.Version()
	words := sync.OnceValue(func() *rules.Words { return l.words(e, nil) }) // one snapshot for all rules
	facts, indexed := l.facts(e)
	if indexed && !l.o.Tell {
		l.keepRules()
		for _, r := range l.o.Rules.Facing(e.Kind, facts) {
			row.Decisions = append(row.Decisions, l.decideRule(e, r, facts, words))
		}
	} else {
		for _, r := range l.o.Rules.Rules() {
			switch {
			case r.Listens(e.Kind):
				row.Decisions = append(row.Decisions, l.decideRule(e, r, facts, words))
			case l.o.Tell:
				row.Decisions = append(row.Decisions, journal.Decision{ID: decisionID(e, r), Rule: r.Name, Why: l.deaf(r)})
			}
		}
	}
	for _, d := range row.Decisions {
		if w, ok := l.runs[d.ID]; ok && w.Waits != "" {
			w.Row = row.Decisions
		}
	}
	if e.Kind == order.KindPrice && !worthKeeping(row) {
		l.storyDecisions(e, row.Decisions)
	} else {
		l.record(row, e)
		l.fresh[e.ID] = true
	}
	l.recheck(e)
}

// deaf is the first field of a rule that does not listen which says no.
func (l *Lane) deaf(r *rules.Rule) string {
	switch {
	case !r.Enabled:
		return "enabled"
	case len(r.Accounts) > 0 && !slices.Contains(r.Accounts, l.o.Account):
		return "accounts"
	}
	return "on"
}

// worthKeeping says whether the row of a price event tells anything that the prices beside it don't: prices move a
// thousand times for once that a rule acts.
func worthKeeping(row *journal.Event) bool {
	return slices.ContainsFunc(row.Decisions, func(d journal.Decision) bool {
		return d.Matched || d.Why == whyFor || strings.HasPrefix(d.Why, "waits: ") || strings.HasPrefix(d.Why, "error: ")
	})
}

// facts are what the rules' leads look at. They are told to be indexed where the event's own words say the same, so
// that what the rules which did not face it said can be told from the journal's row alone.
func (l *Lane) facts(e *order.Event) (f rules.Facts, indexed bool) {
	o, ok := l.book.Order(e.OrderID)
	if !ok { // of a group that was carried in, or of none
		f = journal.FactsOf(e)
		f.Account = l.o.Account
		return f, e.OrderID == ""
	}
	f.Account = l.o.Account
	row := o.Row()
	f.Exchange, f.Tradingsymbol, f.Product, f.TransactionType, f.Role = row.Exchange, row.Tradingsymbol, row.Product, row.TransactionType, string(e.Role)
	return f, journal.FactsOf(e) == f
}

// keepRules keeps once what of the rules is needed to tell what each of them said of an event.
func (l *Lane) keepRules() {
	if v := l.o.Rules.Version(); !l.recorded[v] {
		l.recorded[v] = true
		l.batch.Commit.Docs = append(l.batch.Commit.Docs, journal.Doc{Kind: journal.DocRules, ID: v, Body: encode(l.o.Rules.Record())})
	}
}

// keepText keeps once the text of the rules in force, so that a replay has them.
func (l *Lane) keepText() {
	if l.o.Rules == nil || l.o.Assume {
		return
	}
	if v := l.o.Rules.Version(); !l.texts[v] {
		l.texts[v] = true
		l.batch.Commit.Docs = append(l.batch.Commit.Docs, journal.Doc{Kind: journal.DocRulesText, ID: v, Body: encode(l.o.Rules.Kept())})
	}
}

func decisionID(e *order.Event, r *rules.Rule) string { return e.ID + "-" + r.Name }

// record keeps the event with its decisions as one row.
func (l *Lane) record(row *journal.Event, e *order.Event) {
	row.Doc = l.eventDoc(e)
	l.batch.Commit.Events = append(l.batch.Commit.Events, *row)
	l.storyDecisions(e, row.Decisions)
}

// eventDoc is an event as its row keeps it: without the order as it was before, which the updates before it tell.
func (l *Lane) eventDoc(e *order.Event) []byte {
	previous := e.Previous
	e.Previous = nil
	defer func() { e.Previous = previous }()
	return l.json(e)
}

// decideRule is one rule's word on one event.
func (l *Lane) decideRule(e *order.Event, r *rules.Rule, facts rules.Facts, words func() *rules.Words) journal.Decision {
	d := journal.Decision{ID: decisionID(e, r), Rule: r.Name}
	if l.o.Assume && r.Reads.Role && !l.nights {
		d.Assumed = []string{"overnight_quantity"} // taken as 0
	}
	if r.Reads.Value && l.multiplierAssumed(e.Key) || r.Reads.DayValue && l.dayMultiplied(l.multiplierAssumed) {
		d.Assumed = append(d.Assumed, "multiplier") // taken as 1
	}
	switch {
	case !r.Enabled:
		d.Why = "enabled"
		return d
	case e.Rule != "" && e.Rule != r.Name: // another rule's time
		d.Why = "on"
		return d
	case len(r.Accounts) > 0 && !slices.Contains(r.Accounts, l.o.Account):
		d.Why = "accounts"
		return d
	}
	if why := r.Led(facts); why != "" {
		d.Why = why
		if l.o.Tell {
			d.Explain = l.explainMiss(r, words())
		}
		if l.explains() {
			l.storyExplained(Explained{d.ID, r.Name, "when", r.Explain(words())})
		}
		return d
	}
	if waits := l.lacks(e, r); waits != "" {
		d.Why = "waits: " + waits
		l.saveRun(&run{ID: d.ID, Event: *e, Rule: r.Name, Waits: waits, Created: l.meta.Now})
		return d
	}
	if r.After != nil && !l.before(e, r.After) {
		d.Why = "after"
		return d
	}
	w := words()
	if l.explains() {
		l.storyExplained(Explained{d.ID, r.Name, "when", r.Explain(w)})
	}
	ok, miss, err := r.Match(w)
	switch {
	case err != nil:
		d.Why = "error: " + err.Error()
		l.ruleError(e, r, err)
		return d
	case !ok:
		d.Why = miss
		d.Explain = l.explainMiss(r, w)
		return d
	}
	if r.For > 0 {
		d.Why = whyFor
		l.saveRun(&run{ID: d.ID, Event: *e, Rule: r.Name, Waits: whyFor, Due: e.Time.Add(r.For), Created: l.meta.Now, Content: r.Content()})
		return d
	}
	l.act(&d, e, r, w)
	return d
}

// act begins the sequence of a rule that matched, unless once, cooldown or max_per_day hold it back.
func (l *Lane) act(d *journal.Decision, e *order.Event, r *rules.Rule, w *rules.Words) {
	why, fired := l.spent(e, r)
	if d.Why = why; why != "" {
		return
	}
	d.Matched = true
	if x, err := json.Marshal(r.Explain(w)); err == nil {
		d.Explain = x
	}
	for i := range r.Then {
		d.Actions = append(d.Actions, actionID(e, r.Name, "then", i))
	}
	l.saveRun(&run{ID: d.ID, Event: *e, Rule: r.Name, Part: "then", Created: l.meta.Now, Since: l.since(e, r), Fired: fired, Steps: map[string]map[string]any{}, Shape: r.Shape(),
		Stands: standingOf(e)})
}

// missesExplained bounds how many rules that did not match are kept with the values of their first false part, an event.
const missesExplained = 20

// explainMiss is the first false part of a condition with its values, kept so that explain can say what was missing.
func (l *Lane) explainMiss(r *rules.Rule, w *rules.Words) []byte {
	if l.misses++; l.misses > missesExplained {
		return nil
	}
	x, err := json.Marshal(r.ExplainMiss(w))
	if err != nil {
		return nil
	}
	return x
}

// actionID is made of the event's facts and the rule, so that the same fill gives the same action wherever it
// is decided.
func actionID(e *order.Event, rule, part string, index int, site ...string) string {
	return actions.ID(append([]string{"action", e.ID, rule, part, fmt.Sprint(index)}, site...)...)
}

// lacks is what the rule reads and nobody has told yet, or "": not known is never 0 and never false.
func (l *Lane) lacks(e *order.Event, r *rules.Rule) string {
	switch {
	case r.Reads.Role && !l.book.OvernightKnown():
		return "overnight quantities"
	case r.Reads.Instrument && !l.instrumentKnown(e.Key):
		return "instruments"
	case r.Reads.Price && !l.priceKnown(e):
		return "average_price"
	case r.Reads.Value && l.multiplierUnknown(e.Key), r.Reads.DayValue && l.dayMultiplied(l.multiplierUnknown):
		return holdsMultiplier
	case r.Reads.LastPrice && l.lastPrice(e.Key) == 0 && e.Key.Tradingsymbol != "":
		return holdsLast
	case r.Reads.Day && !l.book.OvernightKnown():
		return "overnight quantities"
	case r.Reads.DayPrice:
		return l.dayLacks(r.Reads.DayLast)
	}
	return ""
}

func (l *Lane) instrumentKnown(k order.Key) bool {
	return l.o.Assume || k.Tradingsymbol == "" || l.loaded
}

// priceKnown says whether every average price that the event's order and group have is told.
func (l *Lane) priceKnown(e *order.Event) bool {
	layer, known := l.pricedBy(e)
	if !known {
		return false
	}
	o, ok := l.book.Order(e.OrderID)
	if ok && o.Seen(layer).Row.FilledQuantity > 0 {
		if _, told := o.Average(layer); !told {
			return false
		}
	}
	g := l.group(layer, e.Key, e.Group)
	if g == nil || g.Filled == 0 {
		return true
	}
	_, told := g.EntryPrice()
	return told
}

// pricedBy is the layer whose average prices a decision on an event reads, and whether there is one yet. Where a
// postback claims more of the event's order than the broker's own channels show, an average that came with it may be
// a forgery: then it is the confirmed layer once that has reached the event, and before that only an event that is
// the claim itself reads it, for its wish is evaluated again when the book confirms it.
func (l *Lane) pricedBy(e *order.Event) (layer order.Layer, known bool) {
	o, ok := l.book.Order(e.OrderID)
	switch {
	case !ok || !o.Ahead():
		return order.Claimed, true
	case o.Seen(order.Confirmed).Reaches(e.Status, e.Filled):
		return order.Confirmed, true
	}
	return order.Claimed, o.Seen(order.Claimed).Row.FilledQuantity <= e.Filled
}

func (l *Lane) lastPrice(k order.Key) order.Price { return l.prices[k.Instrument()] }

// group is a group on a layer, nil where there is none.
func (l *Lane) group(layer order.Layer, k order.Key, id string) *order.Group {
	if id == "" {
		return nil
	}
	g, ok := l.book.Holding(layer, k).Group(id)
	if !ok {
		return nil
	}
	return g
}

// spent says which of once, cooldown and max_per_day holds a matched rule back, or remembers that it acts now.
func (l *Lane) spent(e *order.Event, r *rules.Rule) (why string, keys []string) {
	once, cool := "", ""
	if r.Once != "" {
		once = "once " + r.Name + " " + l.scope(e, r.Once)
		if _, fired := l.fired[once]; fired {
			return "once", nil
		}
	}
	if r.Cooldown > 0 {
		cool = "cooldown " + r.Name + " " + l.scope(e, r.By)
		if at, fired := l.fired[cool]; fired && l.meta.Now.Sub(at) < r.Cooldown {
			return "cooldown", nil
		}
	}
	most := ""
	if r.MaxPerDay > 0 {
		for n := 1; n <= r.MaxPerDay; n++ {
			if most = fmt.Sprintf("max %s %s %s %d", r.Name, l.meta.Day, l.scope(e, r.By), n); l.fired[most].IsZero() {
				break
			}
			most = ""
		}
		if most == "" {
			return "max_per_day", nil
		}
	}
	for _, key := range []string{once, cool, most} {
		if key != "" {
			l.fired[key] = l.meta.Now
			l.dirty.fired[key] = true
			keys = append(keys, key)
		}
	}
	return "", keys
}

// scope names what once and by count: the order, the group, the symbol of the day, the day, or the rule.
func (l *Lane) scope(e *order.Event, by rules.By) string {
	switch string(by) {
	case "order":
		return "order " + e.OrderID
	case "group":
		began := l.meta.Day
		if g := l.group(order.Claimed, e.Key, e.Group); g != nil && g.Since != "" { // one that was carried in keeps its name
			began = g.Since
		}
		return "group " + string(began) + " " + e.Key.Instrument() + " " + e.Key.Product + " " + e.Group
	case "symbol":
		return "symbol " + string(l.meta.Day) + " " + e.Key.Instrument()
	case "day":
		return "day " + string(l.meta.Day)
	default:
		return "rule"
	}
}

// decideWaiting decides what waited and is known now.
func (l *Lane) decideWaiting() bool {
	for _, id := range sortedKeys(l.runs) {
		run := l.runs[id]
		if run.Waits == "" || l.o.Rules == nil || run.Waits == whyFor && !l.over(run) && !l.overtaken(run) {
			continue
		}
		r, ok := l.o.Rules.Rule(run.Rule)
		if !ok || run.Waits == whyFor && l.overtaken(run) { // the time of a rule that is another one now, or gone, ends
			l.endRun(run)
			l.amend(run, journal.Decision{ID: run.ID, Rule: run.Rule, Why: whyChanged})
			return true
		}
		if waits := l.lacks(&run.Event, r); waits != "" {
			if waits != run.Waits { // what is known now shows what else is not: it must be asked for
				run.Waits = waits
				l.dirty.runs[id] = true
			}
			continue
		}
		l.endRun(run)
		l.complete(&run.Event)
		facts, _ := l.facts(&run.Event)
		if run.Waits == whyFor {
			l.amend(run, l.decideFor(run, r))
			return true
		}
		l.amend(run, l.decideRule(&run.Event, r, facts, func() *rules.Words { return l.words(&run.Event, nil) }))
		return true
	}
	return false
}

// complete gives an event the role and group that were not known when it was told.
func (l *Lane) complete(e *order.Event) {
	if e.Key.Tradingsymbol == "" || e.OrderID == "" || !l.book.OvernightKnown() {
		return
	}
	h := l.book.Holding(order.Claimed, e.Key)
	if e.Role == order.RoleUnknown {
		e.Role = h.Role(e.OrderID)
	}
	if e.Group == "" {
		e.Group = h.GroupOf(e.OrderID)
	}
}

// amend adds a late decision to the journal: the event's row in this step, or a row of its own that replaces
// the waiting word.
func (l *Lane) amend(waited *run, d journal.Decision) {
	e := &waited.Event
	l.storyDecisions(e, []journal.Decision{d})
	row := slices.Clone(waited.Row)
	for i := range row {
		if row[i].ID == d.ID {
			row[i] = d
		}
	}
	for _, id := range sortedKeys(l.runs) {
		if other := l.runs[id]; other.Waits != "" && other.Event.ID == e.ID {
			other.Row = row
			l.dirty.runs[id] = true
		}
	}
	delete(l.fresh, e.ID)
	c := &l.batch.Commit
	c.Events = slices.DeleteFunc(c.Events, func(x journal.Event) bool { return x.ID == e.ID })
	c.Events = append(c.Events, journal.Event{ID: e.ID, Account: l.o.Account, At: e.Time, Kind: e.Kind, OrderID: e.OrderID,
		Group: e.Group, RulesVersion: l.o.Rules.Version(), Decisions: row, Doc: l.eventDoc(e)})
}

// saveRun keeps a run and marks it.
func (l *Lane) saveRun(r *run) {
	l.runs[r.ID] = r
	l.dirty.runs[r.ID] = true
}

func (l *Lane) endRun(r *run) {
	delete(l.runs, r.ID)
	l.dirty.runs[r.ID] = true
}

// age is how long ago, in seconds.
func age(now, since time.Time) float64 {
	if since.IsZero() {
		return 0
	}
	return now.Sub(since).Seconds()
}
