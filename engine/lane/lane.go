package lane

import (
	"slices"
	"time"

	"backstop/actions"
	"backstop/engine/journal"
	"backstop/engine/order"
	"backstop/rules"
)

// Lane is the state of one account. It belongs to one goroutine.
type Lane struct {
	o           Options
	meta        meta
	book        *order.Book
	slots       map[string]*slot
	runs        map[string]*run
	requests    map[string]*actions.Request
	actions     map[string]*actions.Action
	told        map[string]*told
	fired       map[string]time.Time
	flats       map[string]bool // groups that were told flat, by cause
	recorded    map[string]bool // versions of the rules that the journal knows
	memory      map[string]any  // state.*; never changed in place
	loose       map[string]bool // live exits that rules placed by themselves
	pastIDs     map[string]bool
	past        []*happened // what some rule looks back for, oldest first
	clocks      map[string]*clock
	errands     map[string]*asked // of rules of this account, to others
	taken       map[string]*taken // of rules of other accounts
	multipliers map[string]int64  // by instrument, as positions told them
	freeze      map[string]int64  // limits of one order that refusals named, by underlying
	dirty       dirty

	// What follows from the rules alone.
	needs    rules.Reads
	remember map[order.Kind]time.Duration
	furthest time.Duration // the longest of them
	recents  []rules.Recent
	dayKinds map[order.Kind]bool // on which some rule reads the day
	timed    bool                // some rule has for
	staleAt  time.Time           // when orders are looked at for news again
	due      time.Time           // the next moment of a schedule; zero: not worked out

	// Indexes over the above, so that a step costs what changed and not what the day holds.
	open      map[string]bool         // requests that are not final
	prunedOn  order.Day               // the day on which the requests of those before were forgotten
	openIDs   []string                // of open, sorted; nil where it changed. The slice is never changed, for callers walk it
	ahead     map[string]bool         // orders whose claims are not confirmed
	paceNext  time.Time               // when this step's grant would be larger
	claims    []claim                 // of those, oldest first, and some that are over
	untold    map[string]order.Told   // with Assume: what was told of an order before a change that is only assumed
	cancelled map[string]bool         // orders that we asked to end
	hot       map[order.Key]bool      // places that changed; true: all of the place is looked at
	lasting   map[order.Key]time.Time // places where something lasts, and when to look again
	surpluses map[order.Key]bool      // places where more was exited than entered, on either layer
	waits     map[string]bool         // requests whose waiting was told
	awake     map[string]bool         // slots to look at: the others have nothing to do until their place changes
	byPlace   map[order.Key][]string  // slots by place
	strays    map[order.Key][]string  // orders with a tag of ours that no request is behind

	// Not kept: a new start begins with readings.
	unheard   map[string]unheard   // orders of which the book told what no push did yet
	unposted  map[string]time.Time // orders that the stream told ended, and no postback yet
	posted    bool                 // a postback came since the start
	suspects  map[string]*suspect  // orders that should have moved
	handed    map[string]time.Time // errands that this process handed over
	armed     bool
	gtts      map[string]bool // slots that a trigger is or may be kept for
	lapsing   map[string]bool // slots whose order the session's end took away, until that is told
	gttsRead  time.Time       // when the last good list of triggers began
	checked   time.Time       // when the positions were last held against the book
	listing   bool            // the arming is a first one: what is open is listed
	startTold bool            // that this process began
	nights    bool            // positions were read: the overnight quantities are not assumed
	reading   bool            // a book reading is under way
	readBegan time.Time       // when the last one was asked for, good or not
	readTimes []time.Time
	failures  int                  // book readings in a row that failed
	partial   int                  // and that lacked orders which they had shown before
	partUntil time.Time            // until when nothing is placed on the word of the first of those
	asked     map[string]time.Time // trades and positions that were asked for
	goodReads []time.Time          // starts of good readings, for refuting
	started   time.Time
	prices    map[string]order.Price // last prices by instrument, from ticks and positions
	ticked    map[string]time.Time   // when a tick told one last
	watched   map[order.Key]bool     // places with something open
	watchNews bool                   // they are others now
	readNow   bool                   // a person asked for a reading
	links     map[string]string      // order id to the request that placed it
	begun     bool                   // the start is in the journal
	first     bool                   // nothing was kept of the account
	loaded    bool                   // a list of instruments is there
	texts     map[string]bool        // versions of the rules whose text the journal has
	shown     map[string]uint64      // what the book last showed of each order: a hash of the row

	batch       Batch
	queue       []*order.Event
	scratch     []byte
	story       *Story
	afterDryRun bool           // this start ended a dry run
	discarded   []*order.Order // what it had planned: written once more, as ended

	fresh map[string]bool // events that this step is the first to write

	misses int // how many decisions of the event under way did not match
}

// New builds a lane from what the store kept; an empty snapshot starts a new account. now is the start's time:
// what was running becomes unknown. The first Step asks for the readings that arm it.
func New(o Options, snap *journal.Snapshot, now time.Time) (*Lane, error) {
	l := &Lane{o: o, book: order.NewBook(o.Account), slots: map[string]*slot{}, runs: map[string]*run{},
		requests: map[string]*actions.Request{}, actions: map[string]*actions.Action{}, told: map[string]*told{},
		fired: map[string]time.Time{}, dirty: newDirty(), asked: map[string]time.Time{}, links: map[string]string{}, flats: map[string]bool{}, recorded: map[string]bool{},
		open: map[string]bool{}, ahead: map[string]bool{}, untold: map[string]order.Told{}, cancelled: map[string]bool{}, hot: map[order.Key]bool{}, lasting: map[order.Key]time.Time{}, surpluses: map[order.Key]bool{}, waits: map[string]bool{}, unheard: map[string]unheard{}, unposted: map[string]time.Time{}, suspects: map[string]*suspect{},
		awake: map[string]bool{}, byPlace: map[order.Key][]string{}, strays: map[order.Key][]string{}, memory: map[string]any{}, clocks: map[string]*clock{}, freeze: map[string]int64{}, pastIDs: map[string]bool{}, loose: map[string]bool{}}
	l.texts, l.gtts, l.lapsing = map[string]bool{}, map[string]bool{}, map[string]bool{}
	l.multipliers = map[string]int64{}
	l.errands, l.taken, l.handed = map[string]*asked{}, map[string]*taken{}, map[string]time.Time{}
	l.ticked, l.watched, l.watchNews = map[string]time.Time{}, map[order.Key]bool{}, true
	l.shown, l.loaded = map[string]uint64{}, o.Instruments != nil && o.Instruments.Loaded()
	l.useRules(o.Rules)
	if snap != nil {
		if err := l.restore(snap); err != nil {
			return nil, err
		}
	}
	l.first = l.meta.Day == ""
	l.advance(now)
	l.started = l.meta.Now
	for _, id := range l.openRequests() {
		r := l.requests[id]
		if r.State == actions.Running { // it may have left: only reading can tell
			l.set(r, actions.Unknown, "")
			r.Ended, r.Absent, r.AbsentLate = l.meta.Now, 0, 0
		}
	}
	for _, id := range sortedKeys(l.actions) {
		if a := l.actions[id]; a.State == actions.Running { // a message may arrive twice rather than never
			l.setAction(a, actions.Waiting, "")
		}
	}
	if o.Mode != DryRun && l.meta.ArmedMode == DryRun {
		l.dropDryRun()
	}
	if o.Assume {
		l.armed = true
		l.book.SetOvernight(nil)
	}
	return l, nil
}

// dropDryRun forgets what a dry run assumed: its slots and orders don't survive the change of mode.
func (l *Lane) dropDryRun() {
	for _, id := range sortedKeys(l.slots) {
		delete(l.slots, id)
		l.dirty.slots[id] = true
	}
	l.byPlace, l.awake = map[order.Key][]string{}, map[string]bool{}
	clear(l.gtts)
	clear(l.lapsing)
	for _, id := range sortedKeys(l.runs) {
		delete(l.runs, id)
		l.dirty.runs[id] = true
	}
	for _, id := range l.openRequests() { // what was decided in dry-run is never sent later
		l.set(l.requests[id], actions.Skipped, actions.WhyDryRun)
	}
	for _, id := range sortedKeys(l.actions) {
		if a := l.actions[id]; a.Message == nil && !a.State.Final() {
			l.setAction(a, actions.Skipped, actions.WhyDryRun)
		}
	}
	for _, id := range sortedKeys(l.errands) {
		l.endErrand(id)
	}
	kept := order.NewBook(l.o.Account)
	for _, o := range l.book.Orders() {
		switch {
		case o.Assumed:
			o.Discard()
			l.discarded = append(l.discarded, o)
		case !o.Presumed(): // else what the broker has of it is taken from its book
			kept.Restore(o)
		}
	}
	l.afterDryRun = true
	l.meta.Overnight, l.meta.Stood = unlookedAfter(l.meta.Overnight), unlookedAfter(l.meta.Stood)
	if l.book.OvernightKnown() {
		kept.SetOvernight(unlookedAfter(l.book.Overnight()))
	}
	l.book = kept
}

// Step takes everything that waits. now may lag: the lane's time never falls.
func (l *Lane) Step(now time.Time, grant Grant, inputs []Input) Batch {
	l.batch, l.queue, l.fresh = Batch{}, nil, map[string]bool{}
	l.advance(now)
	l.batch.Commit.Exits, l.batch.Commit.Risk = grant.Exits, grant.Risk
	l.paceNext = grant.Next
	l.batch.Commit.Inputs, l.batch.Commit.Events = make([]journal.Input, 0, len(inputs)), make([]journal.Event, 0, len(inputs)+1)
	l.batch.Answers = make([]Answer, 0, len(inputs))
	l.recordStart()
	l.beginStory(&order.Update{})
	l.lookAgain()
	for i := range inputs {
		l.apply(i, &inputs[i])
		l.carry()
		if l.o.Tell {
			l.settle(&grant)
			l.handOverAll(&grant)
			l.beginStory(&order.Update{})
		}
	}
	l.settle(&grant)
	l.observeLoss()
	l.observeStale()
	l.observeTime()
	l.settle(&grant)
	for l.handOver() { // what ends there asks rules again, and what they ask for is due at once
		l.settle(&grant)
	}
	l.endTaken()
	l.endStory()
	l.wantReads()
	l.forgetEvents()
	l.commit()
	l.prune()
	l.batch.Wake = l.wake()
	l.watch()
	return l.batch
}

// advance moves the lane's time, which never falls, and rolls the day over.
func (l *Lane) advance(now time.Time) {
	if now.After(l.meta.Now) {
		l.meta.Now = now.UTC().Round(0) // the machine's zone is in no row
	}
	if day := order.DayOf(l.meta.Now); day != l.meta.Day {
		l.rollDay(day)
	}
}

// restful bounds the loops of a step: more rounds than this mean that it turns in a circle.
const restful = 10_000

// settle carries on and releases until nothing follows.
func (l *Lane) settle(grant *Grant) {
	for range restful {
		l.carry()
		if !l.release(grant) {
			return
		}
	}
	panic(BrokenInvariant{"a step that does not come to rest"})
}

// carry goes on until nothing follows: what happened to groups is observed, events are decided, sequences
// move, slots are derived.
func (l *Lane) carry() {
	for range restful {
		l.observe()
		l.ring()
		switch {
		case len(l.queue) > 0:
			e := l.queue[0]
			l.queue = l.queue[1:]
			l.decide(e)
		case l.moveErrands():
		case l.moveRuns():
		case l.deriveSlots():
		case l.keepLoose():
		default:
			return
		}
	}
	panic(BrokenInvariant{"a step that does not come to rest"})
}

// rollDay ends the day that was: nothing of yesterday is sent today, and Kite's book begins anew. Groups that stand open
// go on, and with them the stops and targets that are held over the night.
func (l *Lane) rollDay(day order.Day) {
	first := l.meta.Day == ""
	if !first {
		l.endDay()
	}
	l.meta.Day, l.meta.Closing, l.meta.Missed = day, nil, Missed{}
	l.meta.Differs, l.meta.Moves = nil, nil
	l.started = l.meta.Now
	l.dirty.meta = true
	if first {
		return
	}
	l.book.Clear()
	clear(l.shown)
	clear(l.watched)
	clear(l.suspects)
	clear(l.unheard)
	clear(l.unposted)
	l.watchNews = true
	l.ahead, l.claims = map[string]bool{}, nil
	clear(l.hot)
	clear(l.lasting)
	clear(l.surpluses)
	clear(l.strays)
	l.asked = map[string]time.Time{}
	if l.o.Assume {
		l.setOvernight(l.meta.Stood)
	} else {
		l.armed = false
	}
}

// endDay ends what a day holds: requests, sequences, what was told, and the slots that nothing carries over the night.
func (l *Lane) endDay() {
	l.standOver()
	over := l.heldOver()
	for _, id := range l.openRequests() {
		r := l.requests[id]
		switch {
		case r.State == actions.Unknown || r.State == actions.Running || r.State == actions.Accepted:
			r.Error = &actions.Error{Class: actions.ClassDayOver, Message: "the day ended before its fate was known", Hint: "look at the order in Kite"}
			l.set(r, actions.Failed, actions.WhyDayOver)
		case !r.State.Final():
			l.set(r, actions.Skipped, actions.WhyDayOver)
		}
	}
	l.awake, l.byPlace = map[string]bool{}, map[order.Key][]string{}
	clear(l.gtts)
	clear(l.lapsing)
	for _, id := range sortedKeys(l.slots) {
		s := l.slots[id]
		l.dirty.slots[id] = true
		o, goesOn := over[id]
		if !goesOn {
			delete(l.slots, id)
			continue
		}
		l.toMorning(s, o)
		l.noteSlot(s)
		l.byPlace[s.Key] = append(l.byPlace[s.Key], id)
		l.awake[id] = true
	}
	for _, id := range sortedKeys(l.runs) {
		delete(l.runs, id)
		l.dirty.runs[id] = true
	}
	for _, id := range sortedKeys(l.actions) {
		if a := l.actions[id]; a.Message == nil && !a.State.Final() {
			l.setAction(a, actions.Skipped, actions.WhyDayOver)
		}
	}
	for _, id := range sortedKeys(l.told) {
		l.forget(id)
	}
	for _, id := range sortedKeys(l.flats) {
		delete(l.flats, id)
		l.dirty.flats[id] = true
	}
	for _, id := range sortedKeys(l.fired) { // longer than any cooldown; what counts within a day has it in its name
		if l.meta.Now.Sub(l.fired[id]) > firedFor && !l.firedByStanding(id) {
			delete(l.fired, id)
			l.dirty.fired[id] = true
		}
	}
	l.forgetTaken()
}

// firedFor is how long it is remembered that a rule acted: longer than a cooldown can be.
const firedFor = 8 * 24 * time.Hour

// touchKey marks a place as changed by more than a fold: all of it is observed and its slots derived in this step.
func (l *Lane) touchKey(k order.Key) {
	l.book.Touch(k)
	l.hot[k] = true
	l.wakeSlots(k)
}

// foldedKey marks a place as changed by a fold: what the book says has changed is observed and its slots derived.
func (l *Lane) foldedKey(k order.Key) {
	if !l.hot[k] {
		l.hot[k] = false // known, and no more than what changed
	}
	l.wakeSlots(k)
}

func (l *Lane) wakeSlots(k order.Key) {
	for _, id := range l.byPlace[k] {
		l.awake[id] = true
	}
}

// slotsAt are the slots of a place, sorted.
func (l *Lane) slotsAt(k order.Key) []*slot {
	ids := slices.Sorted(slices.Values(l.byPlace[k]))
	slots := make([]*slot, len(ids))
	for i, id := range ids {
		slots[i] = l.slots[id]
	}
	return slots
}

// addSlot keeps a new slot and finds it by its place.
func (l *Lane) addSlot(s *slot) {
	l.slots[s.ID] = s
	l.byPlace[s.Key] = append(l.byPlace[s.Key], s.ID)
	l.touchSlot(s)
}

// touchSlot marks a slot as changed.
func (l *Lane) touchSlot(s *slot) {
	l.dirty.slots[s.ID] = true
	l.awake[s.ID] = true
	l.noteSlot(s)
}

// noteSlot puts a slot into the indexes of what is looked at by time alone.
func (l *Lane) noteSlot(s *slot) {
	if s.Kind == actions.SlotStop && (s.Hold == holdGTT || s.GTT != nil) {
		l.gtts[s.ID] = true
	}
	if !s.Lapsed.IsZero() {
		l.lapsing[s.ID] = true
	}
}

// pruneRequests forgets, once a day, the requests of the days before: the store keeps them, and a start reads none of
// them either.
func (l *Lane) pruneRequests() {
	if l.prunedOn == l.meta.Day {
		return
	}
	l.prunedOn = l.meta.Day
	for id, r := range l.requests {
		if r.State.Final() && order.DayOf(r.Created) < l.meta.Day {
			delete(l.requests, id)
			delete(l.links, r.OrderID)
			delete(l.cancelled, r.Call.OrderID)
		}
	}
}

// prune forgets actions that ended and that nothing waits for; the store keeps them.
func (l *Lane) prune() {
	l.pruneRequests()
	for id, a := range l.actions {
		if !a.State.Final() {
			continue
		}
		if _, needed := l.runs[a.Decision]; !needed && !l.owns(a) {
			delete(l.actions, id)
		}
	}
}

// owns says whether the action is a slot's last word: its failure text is told with the slot.
func (l *Lane) owns(a *actions.Action) bool {
	s, ok := l.slots[a.Slot]
	return ok && s.Owner == a.ID && l.awake[s.ID]
}
