package enginetest

import (
	"bytes"
	"encoding/json"
	"math"
	"time"

	"backstop/actions"
	"backstop/engine/journal"
	"backstop/engine/lane"
	"backstop/engine/order"
)

// audit follows what is durable and what leaves, in plain maps of its own.
type audit struct {
	kept       map[string]bool       // raw updates in the journal
	decisions  int                   // that events in the journal came to
	acked      []string              // raw postbacks that were answered 200
	events     map[string]bool       // ids of those in the journal
	fills      map[string]int64      // what events told, by order
	ends       map[string]int        // terminal events, by order
	refuted    map[string]bool       // what was told of a forgery was taken back
	forged     map[string]bool       // orders that somebody forged a fill of
	states     map[string]*durable   // requests as the journal has them
	placed     map[string]*placement // placements that left and whose fate is open, by tag
	tags       map[string]string     // the tag of each placement, by request
	known      map[string]bool       // orders that readings have shown today
	begun      map[string]int64      // orders that readings have shown begun: their quantity
	old        map[string]bool       // orders from before the first arming
	hidden     map[string]time.Time  // orders that do not show up in the book until then
	hiddenTags map[string]bool
	reloaded   map[string]float64 // live stops when the rules changed: their triggers
	reload     time.Time          // and when; what was decided before is no work of the reload, though it is sent again
	body       []byte             // the book as it is, already written
}

type durable struct {
	state    actions.State
	attempts int
}

// placement is a placement that left, and the readings since that did not show it.
type placement struct {
	left   time.Time
	found  bool
	absent []time.Time
}

func newAudit() audit {
	return audit{kept: map[string]bool{}, events: map[string]bool{}, fills: map[string]int64{}, ends: map[string]int{}, refuted: map[string]bool{}, forged: map[string]bool{},
		states: map[string]*durable{}, placed: map[string]*placement{}, tags: map[string]string{}, known: map[string]bool{}, begun: map[string]int64{},
		old: map[string]bool{}, hidden: map[string]time.Time{}, hiddenTags: map[string]bool{}, reloaded: map[string]float64{}}
}

func (a *audit) nextDay() {
	a.known, a.begun, a.placed, a.reloaded, a.hidden = map[string]bool{}, map[string]int64{}, map[string]*placement{}, map[string]float64{}, map[string]time.Time{}
}

// checkCommit looks at what has become durable: invariant 1 holds at every commit, and no secret is written down.
func (w *world) checkCommit(c *journal.Commit) {
	a := &w.audit
	if w.digest != nil {
		_ = json.NewEncoder(w.digest).Encode(c) // a hash takes everything
	}
	for i := range c.Inputs {
		in := &c.Inputs[i]
		if in.Kind == journal.InputUpdate {
			a.kept[string(in.Doc)] = true
		}
		w.checkSecret(in.Doc)
	}
	for i := range c.Requests {
		r := &c.Requests[i]
		a.states[r.ID] = &durable{r.State, r.Attempts}
	}
	told := map[string]bool{}
	for i := range c.Events {
		e := &c.Events[i]
		w.checkSecret(e.Doc)
		var doc struct {
			Fill int64 `json:"fill_quantity"`
		}
		if err := json.Unmarshal(e.Doc, &doc); err != nil {
			w.broke("invariant 1, every update is decided once", "event %s is not readable: %v", e.ID, err)
		}
		if a.events[e.ID] { // written down again, with what was decided later
			continue
		}
		told[e.OrderID], a.events[e.ID] = true, true
		a.decisions += len(e.Decisions)
		a.fills[e.OrderID] += doc.Fill
		switch e.Kind {
		case order.KindFill, order.KindCancelled, order.KindExpired, order.KindRejected:
			a.ends[e.OrderID]++
		case order.KindRefuted:
			a.refuted[e.OrderID] = true
		}
	}
	if len(told) == 0 {
		return
	}
	for _, o := range w.book() {
		if !told[o.OrderID] || a.forged[o.OrderID] || a.refuted[o.OrderID] {
			continue
		}
		if a.fills[o.OrderID] > int64(o.Filled) || a.ends[o.OrderID] > 1 {
			w.broke("invariant 1, every update is decided once", "%s filled %d, its events told %d and %d ends", w.short(o.OrderID), o.Filled, a.fills[o.OrderID], a.ends[o.OrderID])
		}
	}
}

func (w *world) checkSecret(doc []byte) {
	if bytes.Contains(doc, []byte(secret)) || bytes.Contains(doc, []byte("paper_token")) {
		w.broke("invariant 7, secrets are in no row", "%.200s", doc)
	}
}

// answered is a 200: what was answered is in the journal by then.
func (a *audit) answered(w *world, body []byte) {
	a.acked = append(a.acked, string(body))
	if !a.kept[string(body)] {
		w.broke("invariant 3, 200 comes after the commit", "%.120s", body)
	}
}

// checkSend looks at a request that leaves.
func (w *world) checkSend(r *actions.Request) {
	a := &w.audit
	if w.c.Mode == lane.DryRun {
		w.broke("invariant 5, nothing leaves in dry-run", "%s", w.call(r))
	}
	if d := a.states[r.ID]; d == nil || d.state != actions.Running || d.attempts != r.Attempts {
		w.broke("invariant 3, nothing leaves before it is durable", "%s: the journal has %+v", w.call(r), d)
	}
	if today := order.DayOf(w.now); order.DayOf(r.Created) != today {
		w.broke("nothing of yesterday is sent today", "%s was decided at %s", w.call(r), r.Created.In(order.IST).Format(time.DateTime))
	}
	if r.Key.Tradingsymbol == oldSymbol {
		w.broke("the baseline is left alone", "%s", w.call(r))
	}
	switch r.Call.Method {
	case actions.Place:
		w.checkPlacement(r)
	case actions.Modify:
		w.checkModify(r)
	}
	if r.Call.Params.OrderType == "SL" {
		w.checkStop(r)
	}
}

// Absence as invariant 2 defines it.
const (
	absentReads = 3
	absentFor   = 20 * time.Second
)

// checkPlacement is invariant 2: sent again only after its absence, and with the same tag.
func (w *world) checkPlacement(r *actions.Request) {
	a := &w.audit
	const name = "invariant 2, sent again only after its absence"
	if tag, ok := a.tags[r.ID]; ok && tag != r.Tag() || r.Tag() == "" {
		w.broke(name, "%s has tag %q, and had %q", w.call(r), r.Tag(), tag)
	}
	a.tags[r.ID] = r.Tag()
	if r.Role == order.RoleEntry {
		w.ledger.asked[r.Tag()] = true
	}
	if r.For == "over_exited" {
		w.ledger.covers[r.Tag()] = true
	}
	if p := a.placed[r.Tag()]; p != nil {
		n := len(p.absent)
		if p.found || n < absentReads || p.absent[n-1].Sub(p.left) < absentFor {
			w.broke(name, "%s: it left at %s, found by a reading: %v, whole readings without it: %d", w.call(r), clock(p.left.Sub(w.began)), p.found, n)
		}
	}
	a.placed[r.Tag()] = &placement{left: w.now}
}

// checkModify: the quantity of an order that a reading has shown begun is left alone, and a reload moves nothing.
func (w *world) checkModify(r *actions.Request) {
	p := r.Call.Params
	if had, ok := w.audit.begun[r.Call.OrderID]; ok && p.OrderType != "MARKET" && p.Quantity != had {
		w.broke("a begun order's quantity is left alone", "%s: a reading had shown it begun with %d", w.call(r), had)
	}
	if at, ok := w.audit.reloaded[r.Call.OrderID]; ok && !r.Created.Before(w.audit.reload) && p.OrderType == "SL" && w.watch.byHand[r.Call.OrderID] == "" && !w.c.Wants.Trails && money(p.TriggerPrice.Rupees()) != money(at) {
		w.broke("invariant 6, a reload moves no live order", "%s: it stood behind %.2f", w.call(r), at)
	}
}

// checkStop: a stop stands where the rule says, behind what others paid, and its limit behind its trigger.
func (w *world) checkStop(r *actions.Request) {
	p, k := r.Call.Params, key{r.Key.Tradingsymbol, r.Key.Product}
	t, limit, s := p.TriggerPrice.Rupees(), p.Price.Rupees(), 1 // of a bought position
	if p.TransactionType == "BUY" || p.TransactionType == "" && w.ledger.net[k] < 0 {
		s = -1
	}
	if (limit-t)*float64(s) > 0 {
		w.broke("a stop stands where the rule says", "%s: its limit lies before its trigger", w.call(r))
	}
	w.book()
	paid, ok := w.ledger.entered[side{k, s}]
	if !ok || w.watch.moved[k] {
		return
	}
	for _, behind := range []float64{w.c.Wants.Behind, w.c.Wants.Changed} {
		share := 1 - float64(s)*behind
		from, to := paid.low*share-0.051, paid.high*share+0.051
		if w.c.Wants.Trails && s > 0 {
			to = math.Inf(1)
		} else if w.c.Wants.Trails {
			from = 0
		}
		if behind > 0 && t >= from && t <= to {
			return
		}
	}
	w.broke("a stop stands where the rule says", "%s: entered between %.2f and %.2f", w.call(r), paid.low, paid.high)
}

// outcome is an answer that the process gets: what was refused has surely not left.
func (a *audit) outcome(out *lane.Outcome) {
	if out.Err != nil && out.Err.Class != actions.ClassAmbiguous {
		delete(a.placed, a.tags[out.RequestID])
	}
}

// learned are inputs whose turn is durable: what good readings showed and did not show.
func (a *audit) learned(inputs []lane.Input) {
	for i := range inputs {
		if in := inputs[i].Read; in != nil && in.Err == nil {
			a.read(in)
		}
	}
}

func (a *audit) read(in *lane.Read) {
	shown, tags := 0, map[string]bool{}
	for i := range in.Rows {
		row := &in.Rows[i]
		if a.known[row.OrderID] {
			shown++
		}
		tags[row.Tag] = true
		if ours := actions.IsTag(row.Tag); ours && (row.FilledQuantity > 0 || row.Status == order.StatusOpen && row.OrderType == "SL") {
			a.begun[row.OrderID] = row.Quantity
		}
	}
	whole := shown == len(a.known) && in.Unreadable == 0
	for i := range in.Rows {
		a.known[in.Rows[i].OrderID] = true
	}
	for tag, p := range a.placed {
		switch {
		case tags[tag]:
			p.found = true
		case whole && in.Began.After(p.left):
			p.absent = append(p.absent, in.Began)
		}
	}
}

// afterCrash is what a crash explains once the process is back: a request that was on its way must be found, or its
// absence be proved.
func (a *audit) afterCrash() time.Duration {
	for _, d := range a.states {
		if d.state == actions.Running || d.state == actions.Unknown {
			return 26 * time.Second
		}
	}
	return 4 * time.Second
}
