package lane

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"backstop/actions"
	"backstop/engine/journal"
	"backstop/engine/order"
)

// apply takes one input into the state and writes it into the journal.
func (l *Lane) apply(i int, in *Input) {
	switch {
	case in.Update != nil:
		ignored := l.takeUpdate(in.Update)
		l.batch.Answers = append(l.batch.Answers, Answer{i, ignored})
	case in.Read != nil:
		l.takeRead(in.Read)
	case in.Trades != nil:
		l.takeTrades(in.Trades)
	case in.Positions != nil:
		l.takePositions(in.Positions)
	case in.GTTs != nil:
		l.takeGTTs(in.GTTs)
	case in.Prices != nil:
		l.takeTicks(in.Prices.Last)
	case in.Outcome != nil:
		l.journalJSON(journal.InputOutcome, in.Outcome)
		l.takeOutcome(in.Outcome)
	case in.Delivery != nil:
		l.journalJSON(journal.InputDelivery, in.Delivery)
		l.takeDelivery(in.Delivery)
	case in.Session != nil:
		l.takeSession(in.Session)
	case in.Stream != nil:
		l.takeStream(in.Stream)
	case in.Rules != nil:
		l.useRules(in.Rules)
		l.keepText()
		l.journalJSON(journal.InputRules, in.Rules.Version())
	case in.Control != nil:
		l.takeControl(i, in.Control)
	case in.Errand != nil:
		l.takeErrand(in.Errand)
	case in.ErrandEnd != nil:
		l.takeEnd(in.ErrandEnd)
	case in.Loaded:
		l.journalJSON(journal.InputLoaded, nil)
		l.loaded = true
	}
}

func (l *Lane) journalJSON(kind journal.InputKind, v any) {
	l.batch.Commit.Inputs = append(l.batch.Commit.Inputs,
		journal.Input{Account: l.o.Account, At: l.meta.Now, Kind: kind, Doc: encode(v)})
}

func (l *Lane) journalUpdate(u *order.Update, ignored string) {
	status := u.RawStatus
	if status == "" {
		status = string(u.Status)
	}
	l.batch.Commit.Inputs = append(l.batch.Commit.Inputs, journal.Input{Account: l.o.Account, At: l.meta.Now,
		Kind: journal.InputUpdate, Source: u.Source, Began: u.Began, OrderID: u.OrderID, Status: status,
		Filled: u.FilledQuantity, Ignored: ignored, Doc: u.Raw})
}

// takeUpdate folds a push and tells its events.
func (l *Lane) takeUpdate(u *order.Update) string {
	l.beginStory(u)
	u.Received = l.meta.Now
	if u.Account != "" && u.Account != l.o.Account {
		l.journalUpdate(u, "unknown user")
		return l.storyIgnored("unknown user")
	}
	l.readNow = l.readNow || u.Unreadable != "" // there is news, and only the book can tell it
	ignored := l.fold(u, false)
	l.journalUpdate(u, ignored)
	return l.storyIgnored(ignored)
}

// fold joins one update, ties the order to the request that placed it, and queues its events.
func (l *Lane) fold(u *order.Update, baseline bool) string {
	if !l.o.Confirm && u.Source == order.SourcePostback {
		trusted := *u
		trusted.Source = order.SourceStream // counted as the broker's own channel, as the setting says
		u = &trusted
	}
	if l.o.Assume {
		l.replacePlanned(u)
	} else if l.earlier(u) {
		return "of an earlier day"
	}
	l.noteHeard(u)
	out := l.book.Fold(u, l.meta.Now)
	if out.Order == nil {
		return out.Ignored
	}
	o := out.Order
	if strings.HasPrefix(out.Ignored, "impossible") || strings.HasPrefix(out.Ignored, "refuted") {
		return out.Ignored
	}
	if out.New && baseline {
		o.MarkBaseline()
	}
	l.tie(o)
	l.noteStray(o)
	if l.o.Assume {
		l.assumeTrade(o)
	}
	l.dirty.orders[o.ID] = true
	l.foldedKey(o.Key())
	l.clearSuspect(o)
	if o.Claimed.IsZero() {
		delete(l.ahead, o.ID)
	} else {
		l.ahead[o.ID] = true
		if o.Claimed.Equal(l.meta.Now) { // it has just begun
			l.claims = append(l.claims, claim{o.Claimed, o.ID})
		}
	}
	if u.Source == order.SourcePostback && o.Ahead() && o.Claimed.Before(l.meta.Now) {
		l.readNow = true // news of an order of which more is claimed than the book has shown: what claimed it may be a forgery
	}
	shown := l.untell(o, u)
	l.tellOrder(o, u)
	if shown {
		return ""
	}
	return out.Ignored
}

// earlier says whether an update tells what was over before today: a postback that comes late or is sent again over
// night, or a book that still shows yesterday. Its fills are in the overnight quantities. An order that was placed on
// an earlier evening and waits (AMO) is today's: no exchange has it yet.
func (l *Lane) earlier(u *order.Update) bool {
	last := u.Latest()
	if !u.Status.Terminal() && u.FilledQuantity == 0 {
		if last = u.ExchangeTimestamp; u.ExchangeUpdateTimestamp.After(last) {
			last = u.ExchangeUpdateTimestamp
		}
	}
	return !last.IsZero() && order.DayOf(last) < l.meta.Day
}

// tie links an order that carries one of our tags, or an order id that we were answered, to its request.
func (l *Lane) tie(o *order.Order) {
	if o.Link != nil {
		return
	}
	r := l.requestOf(o)
	if r == nil || r.Call.Method != actions.Place {
		return
	}
	l.noteDouble(r, o)
	link := &order.Link{Request: r.ID, Slot: r.Slot, Role: cmp.Or(r.Role, order.RoleOther), Group: r.Group, Tag: r.GroupTag, Loose: r.Slot == ""}
	if s, ok := l.slots[r.Slot]; ok {
		link.Role = slotRole(s.Kind)
		link.Group = s.Group
		if s.Kind == actions.SlotExit && !s.Over && len(s.Groups) == 1 { // an older group that fills again later is not what it closed
			link.Group = s.Groups[0]
		}
	}
	if r.OrderID != o.ID && icebergLeg(r, o) {
		link.Group = r.OrderID // each leg goes on with the group of the first
	}
	o.Link = link
	l.noteLoose(o)
	l.book.Relink(o)
	l.foldedKey(o.Key())
	l.dirty.orders[o.ID] = true
	if r.OrderID == "" {
		r.OrderID = o.ID
		l.touch(r)
	}
	l.noteOrderID(r)
	if r.State == actions.Failed && o.Seen(order.Confirmed).Live() {
		r.Error = nil
		l.set(r, actions.Accepted, "")
		l.say("turned up "+o.ID, fmt.Sprintf("TURNED UP %s (%s): order %s was given up as failed and lives. Backstop looks after it; of two exits for one quantity it cancels one.",
			o.Row().Tradingsymbol, l.o.Account, o.ID), sayOnce)
	}
}

// noteDouble: of two orders with one tag of ours the one with more filled, else the older, is kept and the other
// is cancelled; what both filled is closed as surplus. One that ended with nothing filled (the broker rejected it, and a
// person named another for it, or another attempt lives) doubles nothing.
func (l *Lane) noteDouble(r *actions.Request, o *order.Order) {
	if r.OrderID == "" || !actions.IsTag(r.Tag()) || icebergLeg(r, o) && int64(len(l.book.AllTagged(r.Tag()))) <= r.Call.Params.IcebergLegs {
		return
	}
	if r.OrderID == o.ID { // the one that was answered shows up after another that was answered by nobody
		for _, before := range l.book.AllTagged(r.Tag()) {
			if before.ID != o.ID && before.Link != nil && before.Link.Request == r.ID && !endedEmpty(before) {
				l.keepOne(r, o, before)
			}
		}
		return
	}
	switch kept, ok := l.book.Order(r.OrderID); {
	case !ok || endedEmpty(o):
	case endedEmpty(kept):
		r.OrderID = o.ID
		l.touch(r)
	default:
		l.keepOne(r, kept, o)
	}
}

// icebergLeg says whether an order is one of the several that an iceberg becomes under one tag.
func icebergLeg(r *actions.Request, o *order.Order) bool {
	return r.Call.Variety == "iceberg" && o.Row().Variety == "iceberg"
}

// endedEmpty says whether the broker's own channels show an order ended with nothing filled.
func endedEmpty(o *order.Order) bool {
	s := o.Seen(order.Confirmed)
	return s.Terminal() && s.Row.FilledQuantity == 0
}

// keepOne keeps one of two orders of a request; kept is the one that the request takes for its own.
func (l *Lane) keepOne(r *actions.Request, kept, o *order.Order) {
	other := o
	if a, b := o.Row().FilledQuantity, kept.Row().FilledQuantity; a > b || a == b && (len(o.ID) < len(kept.ID) || len(o.ID) == len(kept.ID) && o.ID < kept.ID) {
		kept, other = o, kept
		r.OrderID = kept.ID
		if s, ok := l.slots[r.Slot]; ok {
			if so := s.orderOf(r); so != nil {
				so.OrderID = kept.ID
				if row := &kept.Seen(order.Confirmed).Row; so.Sent.OrderType != "" && row.OrderType == so.Sent.OrderType {
					so.Sent.Quantity, so.Sent.Price, so.Sent.TriggerPrice = row.Quantity, row.Price, row.TriggerPrice // another attempt's: no person moved it
				}
				l.touchSlot(s)
			}
		}
		l.touch(r)
	}
	l.say("double "+other.ID, fmt.Sprintf("DOUBLED %s (%s): orders %s and %s are one placement. Backstop keeps %s and cancels the other.",
		o.Row().Tradingsymbol, l.o.Account, kept.ID, other.ID, kept.ID), sayOnce)
	l.newRequest(&actions.Request{ID: actions.ID("cancel double", l.o.Account, other.ID), Account: l.o.Account, For: "doubled order", Key: other.Key(),
		Call: actions.Call{Method: actions.Cancel, Variety: variety(other.Row()), OrderID: other.ID}, Priority: actions.PriorityExit,
		OrderID: other.ID, Created: l.meta.Now}, l.o.Mode == DryRun)
}

// requestOf finds the request that placed an order: by tag, else by the order id that the broker answered.
func (l *Lane) requestOf(o *order.Order) *actions.Request {
	row := o.Row()
	for _, tag := range append([]string{row.Tag}, row.Tags...) {
		if actions.IsTag(tag) && o.Seen(order.Confirmed).Known { // a claim could name a tag that is not its own
			if r, ok := l.requests[tag[2:]]; ok {
				return r
			}
		}
	}
	return l.requests[l.links[o.ID]]
}

func slotRole(k actions.SlotKind) order.Role {
	switch k {
	case actions.SlotStop:
		return order.RoleStopLoss
	case actions.SlotTarget:
		return order.RoleTarget
	default:
		return order.RoleExit
	}
}

// tellOrder queues what the fold of u into o means.
func (l *Lane) tellOrder(o *order.Order, u *order.Update) {
	previous := o.Told
	events := l.book.Tell(o, l.closed(o), l.meta.Now)
	for _, e := range events {
		e.ID = actions.ID(append([]string{"event"}, e.Facts(o)...)...)
		if e.Kind == order.KindRejected || e.Kind == order.KindCancelled || e.Kind == order.KindExpired {
			row := o.Row()
			e.Message = row.StatusMessage
			e.Reason, e.Hint = l.reason(row)
		}
		e.Source = u.Source
		before := *o.Row()
		before.Tags = nil
		before.FilledQuantity = e.Filled - e.Fill
		before.Status, before.RawStatus = previous.Status, string(previous.Status)
		before.Quantity, before.Price = previous.Values.Quantity, previous.Values.Price
		before.TriggerPrice, before.OrderType = previous.Values.Trigger, previous.Values.Type
		e.Previous = &before
		l.emit(e)
	}
	l.noteNews(o, u, events)
}

func (l *Lane) reason(row *order.Update) (class, hint string) {
	if l.o.Reasons == nil {
		return string(actions.ClassOther), ""
	}
	c, hint := l.o.Reasons(row.StatusMessage, row.StatusMessageRaw, row.Status)
	return string(c), hint
}

// closed says whether the order's session is over, so that a cancel without a word is the day's end.
func (l *Lane) closed(o *order.Order) bool {
	if l.o.Assume {
		return false
	}
	end := l.o.Hours.Close(o.Key().Exchange, l.meta.Now)
	return !end.IsZero() && !l.meta.Now.Before(end)
}

// emit queues an event to be decided.
func (l *Lane) emit(e order.Event) {
	e.Account = l.o.Account
	if e.Time.IsZero() {
		e.Time = l.meta.Now
	}
	if o, ok := l.book.Order(e.OrderID); ok {
		e.Side = o.Row().TransactionType
	}
	l.queue = append(l.queue, &e)
	l.storyEvent(e)
}

func (l *Lane) takeTrades(t *Trades) {
	delete(l.asked, "trades "+t.OrderID)
	if t.Err != nil {
		l.asked["trades again "+t.OrderID] = l.meta.Now.Add(2 * time.Second)
		l.noteError(t.Err)
		return
	}
	o, ok := l.book.Order(t.OrderID)
	if !ok || !o.AddTrades(t.Rows) {
		l.asked["trades again "+t.OrderID] = l.meta.Now.Add(2 * time.Second)
		return
	}
	l.journalJSON(journal.InputTrades, t)
	l.touchKey(o.Key())
	l.dirty.orders[o.ID] = true
}

// bookRead says whether this lane has read the book today: what an earlier process read is no ground to act on.
func (l *Lane) bookRead() bool { return !l.meta.LastGood.Before(l.started) }

func (l *Lane) takeControl(i int, c *Control) {
	switch c.Verb {
	case Reconcile: // a wish to read changes nothing by itself
		l.readNow = true
		if l.pricesWanted() && !l.allTicked() {
			l.asked["prices"] = l.meta.Now
		}
		return
	case Retry, Resolve, Adopt:
		if why := l.obey(c); why != "" {
			l.batch.Answers = append(l.batch.Answers, Answer{i, why})
			return
		}
		l.journalJSON(journal.InputControl, c)
		return
	}
	l.journalJSON(journal.InputControl, c)
	l.meta.Paused = c.Verb == Pause
	l.dirty.meta = true
}

// takeSession learns that the session lives or died.
func (l *Lane) takeSession(s *Session) {
	if s.Alive {
		l.sessionLives()
		return
	}
	l.sessionDied(s.Why)
}

func (l *Lane) sessionLives() {
	if !l.meta.Dead {
		return
	}
	l.meta.Dead, l.meta.DeadWhy = false, ""
	l.dirty.meta = true
	l.readNow, l.failures = true, 0 // what waited is judged again by what the book shows now
	delete(l.asked, "positions again")
	l.forget("session")
	l.journalJSON(journal.InputSession, Session{Alive: true})
}

func (l *Lane) sessionDied(why string) {
	if l.meta.Dead {
		l.remindSession()
		return
	}
	l.meta.Dead, l.meta.DeadWhy, l.meta.Died = true, why, l.meta.Now
	l.dirty.meta = true
	l.journalJSON(journal.InputSession, Session{Why: why})
	l.emit(order.Event{ID: actions.ID("event", l.o.Account, "session_expired", string(l.meta.Day), l.meta.Now.Format(time.RFC3339)),
		Kind: order.KindSessionExpired, Message: why})
}

// takeStream has the book read for what the stream did not bring: it never says anything again.
func (l *Lane) takeStream(s *Stream) {
	l.journalJSON(journal.InputStream, s)
	l.readNow = true
	if s.Back {
		l.emit(order.Event{ID: actions.ID("event", l.o.Account, "reconnected", l.meta.Now.UTC().Format(time.RFC3339Nano)),
			Kind: order.KindReconnected, Message: s.Why})
	}
}

// noteError learns of a dead session from whatever met it.
func (l *Lane) noteError(err error) {
	var e *actions.Error
	if asError(err, &e) && e.Class == actions.ClassSession {
		l.sessionDied(e.Message)
	}
}

// lookEverywhere makes every place be observed and every slot be derived.
func (l *Lane) lookEverywhere() {
	for _, k := range l.book.Keys() {
		l.touchKey(k)
	}
	for id := range l.slots {
		l.awake[id] = true
	}
}

func sortedKeys[V any](m map[string]V) []string {
	if len(m) == 0 {
		return nil
	}
	return slices.Sorted(maps.Keys(m))
}
