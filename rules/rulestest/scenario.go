package rulestest

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"backstop/actions"
	"backstop/engine/kite"
	"backstop/engine/lane"
	"backstop/engine/market"
	"backstop/engine/order"
	"backstop/rules"
)

// scenario is one test under way: a lane an account, in one virtual time.
type scenario struct {
	file   *File
	set    *rules.Set
	given  given
	lanes  map[string]*lane.Rehearsal
	now    time.Time
	stamp  time.Time // of the last inline update: the next is later
	orders map[string]map[string]any
	last   string // the order of the last inline update
	about  string // the account of the last update
	prices map[string]order.Price
	placed []placed
	types  map[string]string // of every action seen, by id
	refuse []*refusal
}

// placed is an order that a rule placed.
type placed struct{ orderID, rule, action, tag string }

func newScenario(f *File, t *Test, set *rules.Set) (*scenario, error) {
	g := t.given.over(f.given)
	s := &scenario{file: f, set: set, given: g, lanes: map[string]*lane.Rehearsal{}, orders: map[string]map[string]any{},
		prices: maps.Clone(g.prices), types: map[string]string{}}
	s.now = g.start(f.firstTime(t))
	if _, err := s.lane(f.account); err != nil {
		return nil, err
	}
	return s, nil
}

// firstTime is when a test begins that says no date: at its first payload's time where it begins with one.
func (f *File) firstTime(t *Test) time.Time {
	for _, s := range t.steps {
		if s.update != nil || len(s.payload) == 0 {
			continue
		}
		var at time.Time
		_ = f.eachPayload(s.payload[0], func(u order.Update) { // what can't be read is told when its step comes
			if at.IsZero() {
				at = u.Latest()
			}
		})
		if !at.IsZero() {
			return at
		}
		break
	}
	return defaultStart
}

// lane is the account's lane, made when it is first named.
func (s *scenario) lane(account string) (*lane.Rehearsal, error) {
	if l, ok := s.lanes[account]; ok {
		return l, nil
	}
	l, err := lane.NewRehearsal(lane.Options{Account: account, Mode: lane.DryRun, Rules: s.set, Hours: market.Default(),
		Instruments: instrumentList(s.given.instruments), Multipliers: s.given.multipliers, Reasons: kite.Reason, Assume: true, Refuse: s.refuses}, s.given.memory(), s.now)
	if err != nil {
		return nil, fmt.Errorf("account %s: %w", account, err)
	}
	s.lanes[account] = l
	if s.given.hasPositions {
		l.Take(s.now, lane.Input{Positions: &lane.Positions{Began: s.now, Rows: s.given.positions}})
	}
	if len(s.prices) > 0 {
		l.Take(s.now, lane.Input{Prices: &lane.Prices{Last: s.prices}})
	}
	return l, nil
}

// refuses answers a request as the step under way asks; each refusal serves once.
func (s *scenario) refuses(r *actions.Request) *actions.Error {
	i := slices.IndexFunc(s.refuse, func(f *refusal) bool {
		return f.rule == r.For && (f.action == "" || f.action == s.typeOf(r))
	})
	if i < 0 {
		return nil
	}
	f := s.refuse[i]
	if f.nth > 1 { // one of the later ones
		again := *f
		again.nth--
		s.refuse[i] = &again
		return nil
	}
	s.refuse = slices.Delete(s.refuse, i, i+1)
	return &actions.Error{Class: f.class, Op: string(r.Call.Method), Message: f.text}
}

// typeOf is the action that a request serves: by its slot where the action is not told yet.
func (s *scenario) typeOf(r *actions.Request) string {
	if t, ok := s.types[r.ActionID]; ok {
		return t
	}
	switch kind, _, _ := strings.Cut(r.Slot, " "); actions.SlotKind(kind) {
	case actions.SlotStop:
		return "place_stop_loss"
	case actions.SlotTarget:
		return "place_target"
	case actions.SlotExit:
		return "exit_position"
	}
	return ""
}

// take plays one step and tells what happened in it.
func (s *scenario) take(st *step) ([]lane.Story, error) {
	s.refuse = slices.Clone(st.refuse)
	var told []lane.Story
	take := func(l *lane.Rehearsal, inputs ...lane.Input) error {
		more, err := lane.Carry(s.now, l.Take(s.now, inputs...), l, s.lane) // with what it asks of other accounts
		s.learn(more)
		told = append(told, more...)
		return err
	}
	all := func(inputs ...lane.Input) error {
		for _, a := range slices.Sorted(maps.Keys(s.lanes)) {
			if err := take(s.lanes[a], inputs...); err != nil {
				return err
			}
		}
		return nil
	}
	if st.after > 0 {
		s.now = s.now.Add(st.after)
		if err := all(); err != nil {
			return told, err
		}
	}
	if st.at != "" {
		to := atClock(s.now, st.at)
		if to.Before(s.now) {
			return nil, &stepError{st.node, fmt.Sprintf("it is %s already", s.now.In(order.IST).Format(time.TimeOnly)), "a step goes forward in time"}
		}
		s.now = to
		if err := all(); err != nil {
			return told, err
		}
	}
	if len(st.prices) > 0 {
		s.prices = merged(s.prices, st.prices)
		if err := all(lane.Input{Prices: &lane.Prices{Last: st.prices}}); err != nil {
			return told, err
		}
	}
	give := func(u order.Update) error {
		l, err := s.lane(cmp.Or(u.Account, s.file.account))
		if err != nil {
			return err
		}
		u.Account = cmp.Or(u.Account, s.file.account)
		s.about = u.Account
		return take(l, lane.Input{Update: &u})
	}
	var err error
	switch {
	case st.update != nil || st.answers != nil:
		err = s.inline(st, give)
	case len(st.payload) > 0:
		err = s.payloads(st, give)
	}
	return told, err
}

// stepError is a step that can't be played.
type stepError struct {
	node       *yaml.Node
	text, hint string
}

func (e *stepError) Error() string { return e.text }

// payloads gives recorded updates at their own times.
func (s *scenario) payloads(st *step, give func(order.Update) error) error {
	for _, n := range st.payload {
		var first error
		err := s.file.eachPayload(n, func(u order.Update) {
			if at := u.Latest(); at.After(s.now) {
				s.now = at
			}
			s.remember(&u)
			if err := give(u); err != nil && first == nil {
				first = err
			}
		})
		if err := cmp.Or(err, first); err != nil {
			return err
		}
	}
	return nil
}

// eachPayload reads a payload file beside the test file.
func (f *File) eachPayload(n *yaml.Node, each func(order.Update)) error {
	if n.Kind != yaml.ScalarNode {
		return &stepError{n, "a payload is the name of a file", ""}
	}
	name := filepath.FromSlash(n.Value)
	if !filepath.IsAbs(name) {
		name = filepath.Join(filepath.Dir(f.Path), name)
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return &stepError{n, err.Error(), "a payload is found from where the test file stands"}
	}
	count := 0
	err = kite.DecodeAny(bytes.NewReader(text), func(u order.Update, bad error) error {
		if bad != nil {
			return bad
		}
		count++
		each(u)
		return nil
	})
	switch {
	case err != nil:
		return &stepError{n, n.Value + ": " + err.Error(), ""}
	case count == 0:
		return &stepError{n, n.Value + " holds no order update", ""}
	}
	return nil
}

// remember keeps a payload's fields, so that a later inline update of the order need only say what changed.
func (s *scenario) remember(u *order.Update) {
	fields := map[string]any{}
	d := json.NewDecoder(bytes.NewReader(u.Raw))
	d.UseNumber()
	if d.Decode(&fields) != nil {
		return
	}
	for name := range fields {
		if !slices.Contains(updateFields, name) {
			delete(fields, name)
		}
	}
	s.orders[u.OrderID] = fields
	for i := range s.placed { // a recorded order takes the place of the planned one that has its tag
		if tag := s.placed[i].tag; tag != "" && u.HasTag(tag) {
			s.placed[i].orderID = u.OrderID
		}
	}
}

// learn keeps which orders the rules placed, and how they stand.
func (s *scenario) learn(told []lane.Story) {
	for i := range told {
		for _, a := range told[i].Actions {
			s.types[a.ID] = a.Type
		}
		for j := range told[i].Requests {
			s.learnRequest(&told[i].Requests[j])
		}
	}
}

func (s *scenario) learnRequest(r *actions.Request) {
	if r.State == actions.Failed {
		return
	}
	p := r.Call.Params
	id := cmp.Or(r.OrderID, r.Call.OrderID)
	fields := s.orders[id]
	switch {
	case r.Call.Method == actions.Place:
		s.placed = append(s.placed, placed{id, r.For, s.typeOf(r), p.Tag})
		fields = map[string]any{"order_id": id, "user_id": r.Account, "variety": r.Call.Variety, "exchange": p.Exchange, "tradingsymbol": p.Tradingsymbol,
			"transaction_type": p.TransactionType, "product": p.Product, "validity": p.Validity, "tag": p.Tag}
	case fields == nil || r.Call.Method != actions.Modify:
		return
	}
	fields["quantity"], fields["order_type"] = p.Quantity, p.OrderType
	fields["price"], fields["trigger_price"] = p.Price.Rupees(), p.TriggerPrice.Rupees()
	s.orders[id] = fields
}

// answered is the order that answers means: the newest one of the rule that is not over, or the Nth.
func (s *scenario) answered(a *answer) (string, error) {
	var fits []string
	for _, p := range s.placed {
		if p.rule == a.rule && (a.action == "" || a.action == p.action) {
			fits = append(fits, p.orderID)
		}
	}
	name := a.rule
	if a.action != "" {
		name += "/" + a.action
	}
	switch {
	case len(fits) == 0:
		return "", &stepError{a.node, name + " has placed no order yet", s.placedHint()}
	case a.nth > len(fits):
		return "", &stepError{a.node, fmt.Sprintf("%s has placed %d orders so far, not %d", name, len(fits), a.nth), ""}
	case a.nth > 0:
		return fits[a.nth-1], nil
	}
	for _, id := range slices.Backward(fits) {
		if status, _ := s.orders[id]["status"].(string); !over(status) {
			return id, nil
		}
	}
	return fits[len(fits)-1], nil
}

func over(status string) bool {
	return status == "COMPLETE" || status == "REJECTED" || status == "CANCELLED"
}

// placedHint says who has placed orders.
func (s *scenario) placedHint() string {
	var names []string
	for _, p := range s.placed {
		name := p.rule
		if p.action != "" {
			name += "/" + p.action
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if names == nil {
		return "no rule has placed one"
	}
	return "orders were placed by " + strings.Join(names, ", ")
}

// state is the memory as it stands: of the file's account, or of the one that the step was about.
func (s *scenario) state() map[string]any { return s.lanes[cmp.Or(s.about, s.file.account)].Memory() }
