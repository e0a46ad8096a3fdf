package lane

import (
	"time"

	"backstop/actions"
	"backstop/engine/journal"
	"backstop/engine/order"
	"backstop/rules"
)

// Story is what happened to one update, or what time and other inputs brought about (Update.OrderID is "" then), for
// the dry-run command and rule tests.
type Story struct {
	Account   string
	At        time.Time // the lane's
	Update    order.Update
	Ignored   string
	Events    []order.Event
	Decisions []Decided
	Actions   []actions.Action
	Requests  []actions.Request // every change that would go out after this update
	Explained []Explained       // every condition that was decided
}

// Decided is a decision with the event that it is of, which may be one of an earlier story.
type Decided struct {
	journal.Decision
	Event order.Event
}

// Explained is a condition of a rule with what each part of it gave.
type Explained struct {
	Decision string
	Rule     string
	Where    string // when, or the step that the if: stands at: then/0, on_error/1; of a where: with rules.WhereSuffix behind it
	Tree     rules.Explanation
}

// View is a read-only picture of a lane for the console, status and metrics. It shares nothing with the lane.
type View struct {
	Account    string         `json:"account"`
	Now        time.Time      `json:"now"` // the lane's time
	Mode       Mode           `json:"mode"`
	Armed      bool           `json:"armed"`
	Session    bool           `json:"session"`
	SessionWhy string         `json:"session_why,omitempty"`
	Paused     bool           `json:"paused"`
	Stopped    string         `json:"stopped,omitempty"` // a broken invariant stopped the lane
	LastRead   int64          `json:"last_read_ms"`      // Unix milliseconds of the last good book reading's start
	Orders     int            `json:"orders"`
	Waiting    int            `json:"waiting"`
	WaitsSince time.Time      `json:"waits_since,omitzero"` // of the one that waits longest
	WaitsWhy   string         `json:"waits_why,omitempty"`  // and what it waits for
	Unknown    int            `json:"unknown"`
	Positions  []PositionView `json:"positions"`
	Groups     []GroupView    `json:"groups"`
	Missed     Missed         `json:"missed"`
}

// Missed counts, of today, what pushes did not tell.
type Missed struct {
	Updates  int           `json:"updates"`            // that the book told and no push did
	Orders   int           `json:"orders"`             // that ended so
	ByStream int           `json:"by_stream,omitzero"` // orders that the stream told ended and no postback did
	Longest  time.Duration `json:"longest,omitzero"`   // how long after the broker's own time the book told one
}

// PositionView is a position on the claimed layer, with the confirmed quantity beside it.
type PositionView struct {
	Account string `json:"account"`
	order.Key
	Quantity  int64 `json:"quantity"`
	Confirmed int64 `json:"confirmed_quantity"`
	Overnight int64 `json:"overnight_quantity"`
}

// GroupView is an open group: what is open and what covers it.
type GroupView struct {
	Account string `json:"account"`
	ID      string `json:"id"`
	order.Key
	Side    string      `json:"side"`
	Open    int64       `json:"open_quantity"`
	Covered int64       `json:"covered_quantity"`
	Entry   order.Price `json:"entry_price"` // 0 while not known
}

// beginStory opens the account of one update, and closes the one before.
func (l *Lane) beginStory(u *order.Update) {
	if l.o.Tell {
		l.endStory()
		l.story = &Story{Account: l.o.Account, At: l.meta.Now, Update: *u}
	}
}

// explains says whether conditions are to be explained: in the service only those that matched.
func (l *Lane) explains() bool { return l.story != nil }

func (l *Lane) storyExplained(x Explained) { l.story.Explained = append(l.story.Explained, x) }

func (l *Lane) storyIgnored(why string) string {
	if l.story != nil {
		l.story.Ignored = why
	}
	return why
}

func (l *Lane) storyEvent(e order.Event) {
	if l.story != nil {
		l.story.Events = append(l.story.Events, e)
	}
}

func (l *Lane) storyDecisions(e *order.Event, ds []journal.Decision) {
	if l.story == nil {
		return
	}
	for _, d := range ds {
		l.story.Decisions = append(l.story.Decisions, Decided{d, *e})
	}
}

// storyAction notes an action; its state is read when the story ends.
func (l *Lane) storyAction(id string) {
	if l.story == nil {
		return
	}
	for _, a := range l.story.Actions {
		if a.ID == id {
			return
		}
	}
	l.story.Actions = append(l.story.Actions, actions.Action{ID: id})
}

func (l *Lane) storyRequest(r *actions.Request) {
	if l.story != nil {
		l.story.Requests = append(l.story.Requests, *r)
	}
}

func (l *Lane) endStory() {
	if l.story == nil {
		return
	}
	s := l.story
	l.story = nil
	if s.Update.OrderID == "" && s.Ignored == "" && len(s.Events)+len(s.Decisions)+len(s.Actions)+len(s.Requests) == 0 {
		return // nothing but time passed
	}
	for i := range s.Actions {
		if a, ok := l.actions[s.Actions[i].ID]; ok {
			s.Actions[i] = *a
		}
	}
	l.batch.Steps = append(l.batch.Steps, *s)
}

// View is a picture of the lane as it stands.
func (l *Lane) View() View {
	v := View{Account: l.o.Account, Now: l.meta.Now, Mode: l.o.Mode, Armed: l.armed, Session: !l.meta.Dead, SessionWhy: l.meta.DeadWhy,
		Paused: l.meta.Paused, Orders: l.book.Len(), Missed: l.meta.Missed}
	if !l.meta.LastGood.IsZero() {
		v.LastRead = l.meta.LastGood.UnixMilli()
	}
	for _, id := range l.openRequests() {
		switch r := l.requests[id]; r.State {
		case actions.Waiting:
			if v.Waiting++; v.WaitsSince.IsZero() || r.Created.Before(v.WaitsSince) {
				v.WaitsSince, v.WaitsWhy = r.Created, r.Why
			}
		case actions.Unknown:
			v.Unknown++
		}
	}
	carried := map[order.Key]int64{}
	for _, o := range l.book.Overnight() {
		carried[o.Key] += o.Quantity
	}
	for _, k := range l.book.Keys() {
		if k.Tradingsymbol == "" {
			continue
		}
		h := l.book.Holding(order.Claimed, k)
		v.Positions = append(v.Positions, PositionView{Account: l.o.Account, Key: k, Quantity: h.Position,
			Confirmed: l.book.Holding(order.Confirmed, k).Position, Overnight: carried[k]})
		for _, g := range h.Groups {
			if g.Open() > 0 {
				entry, _ := g.EntryPrice()
				v.Groups = append(v.Groups, GroupView{Account: l.o.Account, ID: g.ID, Key: k, Side: g.Side(), Open: g.Open(), Covered: min(g.Open(), g.Covered()+l.gttCovers(g)), Entry: entry})
			}
		}
	}
	return v
}

// groupOf is the group that an order belongs to on the claimed layer.
func (l *Lane) groupOf(o *order.Order) string {
	return l.book.Holding(order.Claimed, o.Key()).GroupOf(o.ID)
}
