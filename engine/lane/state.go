package lane

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"backstop/actions"
	"backstop/engine/journal"
	"backstop/engine/order"
	"backstop/rules"
)

// meta is the account's own row: what is neither an order nor a slot.
type meta struct {
	Now       time.Time            `json:"now"`
	Day       order.Day            `json:"day"`
	ArmedMode Mode                 `json:"armed_mode,omitempty"` // the mode of the last arming; a change makes a new baseline
	LiveAt    []string             `json:"live_at,omitempty"`    // the venues where it was ever armed in live
	Overnight []order.Overnight    `json:"overnight,omitempty"`
	NightsOf  order.Day            `json:"nights_of,omitempty"` // the day that Overnight is of
	Differs   []difference         `json:"differs,omitempty"`   // what the positions tell beyond the order book
	Moves     []order.Move         `json:"moves,omitempty"`     // what was converted today
	Stood     []order.Overnight    `json:"stood,omitempty"`     // what was open when the day before ended, until the morning's quantities are known
	Dead      bool                 `json:"session_dead,omitempty"`
	DeadWhy   string               `json:"session_why,omitempty"`
	Died      time.Time            `json:"session_died,omitzero"`
	Paused    bool                 `json:"paused,omitempty"`
	LastGood  time.Time            `json:"last_good_read,omitzero"` // when it began
	Missed    Missed               `json:"missed,omitzero"`
	Closing   map[string]order.Day `json:"closing,omitempty"` // exchanges whose close was announced today
}

// slot is what desired state keeps at the broker. It outlives reload, renaming and removal of its rule.
type slot struct {
	ID      string           `json:"id"`
	Kind    actions.SlotKind `json:"kind"`
	Group   string           `json:"group,omitempty"` // of stops and targets
	Part    int64            `json:"part,omitempty"`  // with per: fill, the entry's cumulative quantity after that fill
	Share   int64            `json:"share,omitempty"` // with per: fill, that fill's quantity
	Fills   []string         `json:"fills,omitempty"` // the events that the share adds up
	Key     order.Key        `json:"key"`
	Groups  []string         `json:"groups,omitempty"`  // of an exit: the groups that it closes
	Over    bool             `json:"over,omitempty"`    // an exit of what was exited beyond the position
	Surplus int64            `json:"surplus,omitempty"` // of it: what was told last, and what is left of that
	Goal    int64            `json:"goal,omitempty"`    // of an exit: how much it sells; 0: all
	Base    int64            `json:"base,omitempty"`    // and what was exited of its groups when that began
	Found   int64            `json:"found,omitempty"`   // and what an earlier journal's orders for it had sold already

	Wish       *wish       `json:"wish,omitempty"` // written on a claim that the book has not confirmed yet
	Active     bool        `json:"active"`
	Left       string      `json:"left,omitempty"` // why it is left alone for good: a person cancelled it, the close came
	Trigger    order.Price `json:"trigger,omitempty"`
	Limit      order.Price `json:"limit,omitempty"` // 0: the band behind the trigger
	OrderType  string      `json:"order_type,omitempty"`
	Price      order.Price `json:"price,omitempty"` // of a target
	Most       int64       `json:"most,omitempty"`  // of a target: at most so much
	Replace    bool        `json:"replace,omitempty"`
	IfUnfilled string      `json:"if_unfilled,omitempty"` // "" is reprice
	Person     bool        `json:"person,omitempty"`      // a person moved it: the price stays theirs
	Hold       string      `json:"hold,omitempty"`        // what follows at the close; "" is the product's own: day for MIS, else until_flat
	GTT        *trigger    `json:"gtt,omitempty"`         // of a stop that is held at the broker
	GTTAsked   time.Time   `json:"gtt_asked,omitzero"`    // when its last change ended: only a later list tells
	After      string      `json:"after,omitempty"`       // of a group that was converted or bequeathed: the slot that it had, whose orders end first
	Morning    bool        `json:"morning,omitempty"`     // it comes from an earlier day and waits for the market to open
	Lapsed     time.Time   `json:"lapsed,omitzero"`       // when the session's end took its order away, until that is told
	Doubt      string      `json:"doubt,omitempty"`       // why it was not placed again in the morning
	Rule       string      `json:"rule"`                  // whose wish it was first: its matches on entry fills move it freely
	Owner      string      `json:"owner,omitempty"`       // the action that wished last
	Assumed    []string    `json:"assumed,omitempty"`

	Orders   []slotOrder    `json:"orders,omitempty"`
	Refused  *actions.Error `json:"refused,omitempty"` // what the broker said to the step that is blocked
	Blocked  string         `json:"blocked,omitempty"` // the step that the broker refused; not asked again until it differs
	Unmoved  *unmoved       `json:"unmoved,omitempty"` // of a stop: where the broker refused to move it
	Reread   time.Time      `json:"reread,omitzero"`   // nothing is derived before a reading that began after this
	Replaced []time.Time    `json:"replaced,omitempty"`
	First    bool           `json:"first,omitempty"` // no order of it was ever live
	Since    time.Time      `json:"since,omitzero"`  // of an exit
}

// unmoved are prices to which the broker refused to move a stop.
type unmoved struct {
	Trigger order.Price `json:"trigger"`
	Limit   order.Price `json:"limit"`
}

// wish is what a rule wrote last. It is taken when the confirmed layer has reached what it stands on: until
// then the slot keeps what it has, so that a forged postback moves nothing and freezes nothing.
type wish struct {
	Action    string           `json:"action,omitempty"` // whose it is
	Stands    actions.Standing `json:"stands"`
	Confirmed bool             `json:"confirmed,omitempty"` // it stood on the confirmed layer when it was written
	Trigger   order.Price      `json:"trigger,omitempty"`
	Limit     order.Price      `json:"limit,omitempty"`
	OrderType string           `json:"order_type,omitempty"`
	Price     order.Price      `json:"price,omitempty"`
	Most      int64            `json:"most,omitempty"`
	Quantity  int64            `json:"quantity,omitempty"` // of an exit; 0: all
	Keep      bool             `json:"keep,omitempty"`     // the values stay as they are
	Groups    []string         `json:"groups,omitempty"`
	Before    *wish            `json:"before,omitempty"` // the one before, not taken yet: a claim that turns out wrong takes away no true one
}

// without is the wish and those before it, less the ones that drop says.
func (w *wish) without(drop func(*wish) bool) *wish {
	if w == nil {
		return nil
	}
	w.Before = w.Before.without(drop)
	if drop(w) {
		return w.Before
	}
	return w
}

// slotOrder is one placement of a slot.
type slotOrder struct {
	Slice     int            `json:"slice"`
	Gen       int            `json:"gen"`
	Request   string         `json:"request"`
	OrderID   string         `json:"order_id,omitempty"`
	Ended     bool           `json:"ended,omitempty"`
	Sent      actions.Params `json:"sent"` // the values that we last set
	Mods      int            `json:"mods,omitempty"`
	Cancels   int            `json:"cancels,omitempty"`
	Exit      bool           `json:"exit,omitempty"`     // turned into a market exit
	Stubborn  bool           `json:"stubborn,omitempty"` // it could not be turned: cancel and sell anew
	Tries     int            `json:"tries,omitempty"`    // how often the hanging remainder was re-priced
	Turned    time.Time      `json:"turned,omitzero"`
	Hand      bool           `json:"hand,omitempty"`     // of a stop: a person made it a LIMIT or a market exit of their own
	Triggered time.Time      `json:"triggered,omitzero"` // of a stop: when it was first seen triggered
	Repriced  time.Time      `json:"repriced,omitzero"`
	Reprices  int            `json:"reprices,omitempty"` // how often it was priced again because it did not fill
	Unfilled  bool           `json:"unfilled,omitempty"` // that was told
	FromGTT   bool           `json:"from_gtt,omitempty"` // a trigger placed it
	Planned   bool           `json:"planned,omitempty"`  // its last change never left: it waits for no fill
}

// run is one matched rule's sequence of actions, or an event that waits to be decided by a rule.
type run struct {
	ID      string                    `json:"id"` // the decision's
	Event   order.Event               `json:"event"`
	Rule    string                    `json:"rule"`
	Waits   string                    `json:"waits,omitempty"` // not decided yet: what it waits for
	Since   time.Time                 `json:"since,omitzero"`  // when what it answers happened: what adds risk lapses after it
	Due     time.Time                 `json:"due,omitzero"`    // of for: when it acts, if its condition is still true
	Row     []journal.Decision        `json:"row,omitempty"`   // what all rules said of the event, while it waits
	Part    string                    `json:"part"`            // then, on_error
	Index   int                       `json:"index"`
	Action  string                    `json:"action,omitempty"` // the one under way
	Fan     *fan                      `json:"fan,omitempty"`    // with of: the actions under way
	Holds   string                    `json:"holds,omitempty"`  // why the next action is not begun yet
	Last    map[string]any            `json:"last,omitempty"`
	Steps   map[string]map[string]any `json:"steps,omitempty"`
	Error   *rules.ErrorWords         `json:"error,omitempty"`
	Stands  actions.Standing          `json:"stands,omitzero"`
	Fired   []string                  `json:"fired,omitempty"` // what once and cooldown counted with it
	Created time.Time                 `json:"created"`
	// Of the rule as it was: what it said, while its time runs (for), and its actions, while they are under way.
	Content string `json:"content,omitempty"`
	Shape   string `json:"shape,omitempty"`
}

// told is what was said of a cause, so that it is said once and again every five minutes while it lasts.
type told struct {
	Since time.Time `json:"since"`
	Last  time.Time `json:"last,omitzero"`
	Event bool      `json:"event,omitempty"`
	kept  bool      // it has a row
}

// Kinds of docs in the store.
const (
	docMeta       = "lane"
	docSlot       = "slot"
	docRun        = "run"
	docTold       = "told"
	docFired      = "fired"
	docState      = "state"    // one value of state.*
	docPast       = "happened" // an event that some rule looks back for
	docFreeze     = "freeze"   // the greatest quantity of one order, as a refusal named it
	docClock      = "clock"    // how far a rule's schedule has come
	docFlat       = "flat"
	docMultiplier = "multiplier"   // of an instrument
	docErrand     = "errand"       // what a rule asked of another account and that has not ended
	docTaken      = "errand taken" // what another account's rule asked of this one
)

// Load asks a store for what New takes: the orders from the last day on that the account had, for what stood open when
// it ended goes on.
func Load(now time.Time, load func(order.Day) (*journal.Snapshot, error)) (*journal.Snapshot, error) {
	today := order.DayOf(now)
	snap, err := load(today)
	if err != nil || snap == nil {
		return snap, err
	}
	for _, d := range snap.Docs {
		var m meta
		if d.Kind == docMeta && json.Unmarshal(d.Body, &m) == nil && m.Day != "" && m.Day < today {
			return load(m.Day)
		}
	}
	return snap, nil
}

// restore fills the lane from what the store kept.
func (l *Lane) restore(snap *journal.Snapshot) error {
	for _, d := range snap.Docs {
		if err := l.restoreDoc(d); err != nil {
			return fmt.Errorf("%s %s: %w", d.Kind, d.ID, err)
		}
	}
	slices.SortFunc(l.past, func(a, b *happened) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.ID, b.ID)) })
	for i := range snap.Requests {
		l.index(&snap.Requests[i])
	}
	for i := range snap.Actions {
		a := snap.Actions[i]
		l.actions[a.ID] = &a
	}
	for _, row := range snap.Orders {
		if row.Day != l.meta.Day {
			continue
		}
		var o order.Order
		if err := json.Unmarshal(row.Doc, &o); err != nil {
			return fmt.Errorf("order %s: %w", row.OrderID, err)
		}
		if o.Assumed && l.o.Mode != DryRun && l.meta.ArmedMode != DryRun { // of a dry run that has ended
			continue
		}
		l.book.Restore(&o)
		l.noteLoose(&o)
		l.noteStray(&o)
		l.hot[o.Key()] = true // also what lasts
		if !o.Claimed.IsZero() {
			l.ahead[o.ID] = true
			l.claims = append(l.claims, claim{o.Claimed, o.ID})
		}
	}
	slices.SortStableFunc(l.claims, func(a, b claim) int { return a.at.Compare(b.at) })
	if l.meta.NightsOf == l.meta.Day && l.meta.Day != "" {
		l.book.SetOvernight(l.meta.Overnight)
		l.book.SetMoves(l.meta.Moves)
	}
	return nil
}

// index takes a request that the store kept.
func (l *Lane) index(r *actions.Request) {
	l.requests[r.ID] = r
	if !r.State.Final() {
		l.open[r.ID] = true
	}
	switch {
	case r.Call.Method == actions.Place && r.OrderID != "":
		l.links[r.OrderID] = r.ID
	case r.Call.Method == actions.Cancel && r.Attempts > 0 && r.State != actions.Failed:
		l.cancelled[r.Call.OrderID] = true
	}
}

func (l *Lane) restoreDoc(d journal.Doc) error {
	switch d.Kind {
	case docMeta:
		return json.Unmarshal(d.Body, &l.meta)
	case docSlot:
		s := &slot{}
		if err := json.Unmarshal(d.Body, s); err != nil {
			return err
		}
		l.slots[s.ID] = s
		l.byPlace[s.Key] = append(l.byPlace[s.Key], s.ID)
		l.awake[s.ID] = true
		l.noteSlot(s)
	case docRun:
		r := &run{}
		l.runs[d.ID] = r
		return json.Unmarshal(d.Body, r)
	case docTold:
		t := &told{}
		t.kept = true
		l.told[d.ID] = t
		if id, ok := strings.CutPrefix(d.ID, "waits "); ok {
			l.waits[id] = true
		}
		return json.Unmarshal(d.Body, t)
	case docFlat:
		l.flats[d.ID] = true
	case journal.DocRules:
		l.recorded[d.ID] = true
	case journal.DocRulesText:
		l.texts[d.ID] = true
	case docState:
		var v any
		err := json.Unmarshal(d.Body, &v)
		l.memory[d.ID] = v
		return err
	case docPast:
		h := &happened{}
		l.past = append(l.past, h)
		l.pastIDs[d.ID] = true
		return json.Unmarshal(d.Body, h)
	case docFreeze:
		var n int64
		err := json.Unmarshal(d.Body, &n)
		l.freeze[d.ID] = n
		return err
	case docClock:
		c := &clock{}
		l.clocks[d.ID] = c
		return json.Unmarshal(d.Body, c)
	case docMultiplier:
		var n int64
		err := json.Unmarshal(d.Body, &n)
		l.multipliers[d.ID] = n
		return err
	case docErrand:
		e := &asked{}
		l.errands[d.ID] = e
		return json.Unmarshal(d.Body, e)
	case docTaken:
		t := &taken{}
		l.taken[d.ID] = t
		return json.Unmarshal(d.Body, t)
	case docFired:
		var at time.Time
		err := json.Unmarshal(d.Body, &at)
		l.fired[d.ID] = at
		return err
	}
	return nil
}

// dirty collects what a step changed.
type dirty struct {
	meta        bool
	orders      map[string]bool
	slots       map[string]bool
	runs        map[string]bool
	told        map[string]bool
	flats       map[string]bool
	fired       map[string]bool
	memory      map[string]bool
	past        map[string]*happened // nil: forgotten
	freeze      map[string]bool
	clocks      map[string]bool
	multipliers map[string]bool
	errands     map[string]bool
	taken       map[string]bool
	requests    map[string]bool
	actions     map[string]bool
}

func newDirty() dirty {
	return dirty{orders: map[string]bool{}, slots: map[string]bool{}, runs: map[string]bool{}, told: map[string]bool{}, flats: map[string]bool{},
		fired: map[string]bool{}, memory: map[string]bool{}, past: map[string]*happened{}, clocks: map[string]bool{}, freeze: map[string]bool{}, multipliers: map[string]bool{}, errands: map[string]bool{}, taken: map[string]bool{}, requests: map[string]bool{}, actions: map[string]bool{}}
}
