package order

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// Layer says which observations count.
type Layer int

// The layers: events come from Claimed (every update), money moves on Confirmed (the broker's own channels).
const (
	Claimed Layer = iota
	Confirmed
	layers
)

// Link ties an order to what Backstop placed it as.
type Link struct {
	Request string `json:"request"`
	Slot    string `json:"slot,omitempty"`
	Group   string `json:"group,omitempty"` // "" for an exit of the whole position
	Role    Role   `json:"role"`
	Loose   bool   `json:"loose,omitempty"` // a rule's own order: no slot keeps it, and a slot covers what it leaves
	Tag     string `json:"tag,omitempty"`   // the group's own, of an order whose one tag at the broker is ours
}

// Told is how much of an order its events have told.
type Told struct {
	Filled   int64  `json:"filled,omitempty"`
	Terminal bool   `json:"terminal,omitempty"`
	Status   Status `json:"status,omitempty"` // the live status told last
	Values   values `json:"values,omitzero"`
}

// values are what a modification changes.
type values struct {
	Quantity int64  `json:"quantity,omitempty"`
	Price    Price  `json:"price,omitempty"`
	Trigger  Price  `json:"trigger,omitempty"`
	Type     string `json:"type,omitempty"`
}

func valuesOf(r *Update) values { return values{r.Quantity, r.Price, r.TriggerPrice, r.OrderType} }

// Order is what is known of one broker order, in two layers folded by the same join.
type Order struct {
	Account     string           `json:"account"`
	ID          string           `json:"order_id"`
	Layers      [layers]Seen     `json:"layers"`
	FirstSeen   time.Time        `json:"first_seen"`          // the lane's time
	Claimed     time.Time        `json:"claimed_at,omitzero"` // since when claimed is ahead of confirmed
	Valued      time.Time        `json:"valued_at,omitzero"`  // when a claim gave price, trigger and quantity; zero where the broker's channels did
	Trades      map[string]Trade `json:"trades,omitempty"`
	Told        Told             `json:"told"`
	Marks       []int64          `json:"marks,omitempty"`       // what was filled after each event that told of it, as far as a claim may be refuted
	Roled       bool             `json:"roled,omitempty"`       // the role was known when the fills were told
	Entered     int64            `json:"entered,omitempty"`     // how much was told as an entry's
	Corrections int              `json:"corrections,omitempty"` // how often the role turned out another
	Baseline    bool             `json:"baseline,omitempty"`    // was in the book before the first arming: no events
	Assumed     bool             `json:"assumed,omitempty"`     // planned in a dry run
	Link        *Link            `json:"link,omitempty"`
	Claims      []uint64         `json:"claims,omitempty"`  // postbacks that put claimed ahead
	Refuted     []uint64         `json:"refuted,omitempty"` // payloads that the broker's book never confirmed
	Pushed      bool             `json:"pushed,omitempty"`  // a postback or stream update told of it
	Day         Day              `json:"day"`
}

// Seen is one layer of the order.
func (o *Order) Seen(l Layer) *Seen { return &o.Layers[l] }

// GroupTag is the tag that the order's group has: the one that a rule gave it, else the broker's. Ours names one
// placement and no group.
func (o *Order) GroupTag() string {
	if o.Link != nil {
		return o.Link.Tag
	}
	return o.Row().Tag
}

// Row is the order as claimed, in Kite's words.
func (o *Order) Row() *Update { return &o.Layers[Claimed].Row }

// Key is the place of its position.
func (o *Order) Key() Key { return o.Row().Key() }

// Sign is +1 for BUY and -1 for SELL.
func (o *Order) Sign() int64 { return SignOf(o.Row().TransactionType) }

// SignOf is +1 for BUY and -1 for SELL.
func SignOf(transactionType string) int64 {
	if transactionType == Sell {
		return -1
	}
	return 1
}

// Average is the average price of what is filled on a layer, and whether Kite has told it: with the order once
// complete, else by its trades, oldest first. An order without fills has none.
func (o *Order) Average(l Layer) (Price, bool) {
	s := o.Seen(l)
	if s.Row.FilledQuantity == 0 {
		return 0, false
	}
	if s.Row.AveragePrice > 0 {
		return s.Row.AveragePrice, true
	}
	left, value := s.Row.FilledQuantity, int64(0)
	for _, t := range slices.SortedFunc(maps.Values(o.Trades), byTime) {
		n := min(left, t.Quantity)
		value += n * int64(t.Price)
		left -= n
	}
	if left > 0 {
		return 0, false
	}
	return Price(value / s.Row.FilledQuantity), true
}

func byTime(x, y Trade) int { return cmp.Or(x.Time.Compare(y.Time), cmp.Compare(x.TradeID, y.TradeID)) }

// AddTrades joins executions into the order and says whether any was new.
func (o *Order) AddTrades(rows []Trade) bool {
	before := len(o.Trades)
	for _, t := range rows {
		if t.OrderID != "" && t.OrderID != o.ID || t.Quantity <= 0 || t.Price <= 0 || t.TradeID == "" {
			continue
		}
		if o.Trades == nil {
			o.Trades = map[string]Trade{}
		}
		o.Trades[t.TradeID] = t
	}
	return len(o.Trades) > before
}

// ByHand says whether another program or a person placed the order, not Backstop.
func (o *Order) ByHand() bool { return o.Link == nil }

// Ahead says whether claimed tells more than the broker's own channels have shown.
func (o *Order) Ahead() bool {
	c, k := o.Seen(Claimed), o.Seen(Confirmed)
	return c.Known && !k.Reaches(c.Row.Status, c.Row.FilledQuantity)
}

// Refute takes back what was claimed and never confirmed. It returns false where nothing was ahead. The
// payloads that claimed it are remembered, so that they claim nothing again. What the broker's own channels
// tell and no event did is told by the next Tell. The caller touches the place that the order had and has.
func (o *Order) Refute() bool {
	if !o.Ahead() {
		return false
	}
	o.Refuted = append(o.Refuted, o.Claims...)
	k := o.Layers[Confirmed]
	if !k.Known {
		k.Row = Update{Account: o.Account, OrderID: o.ID}
	}
	o.Layers[Claimed] = k
	sure := min(o.Told.Filled, o.sure(k.Row.FilledQuantity)) // an event that told more is taken back as a whole
	taken := o.Told.Filled - sure
	o.Told.Filled = sure
	o.Marks = slices.DeleteFunc(o.Marks, func(m int64) bool { return m > sure })
	o.Entered = max(0, o.Entered-taken) // what reduces comes first: taken back is what entered
	o.Told.Terminal = o.Told.Terminal && k.Row.Status == o.Told.Status
	if o.Told.Status.rank() > k.Row.Status.rank() {
		o.Told.Status = k.Row.Status
	}
	o.Told.Values = valuesOf(&k.Row)
	o.Claimed, o.Valued, o.Claims = time.Time{}, time.Time{}, nil
	return true
}

// claimsMax bounds the payloads that an order remembers as claims: a forger's further ones are folded all the
// same, and may claim once more after a refutation.
const claimsMax = 32

// remember keeps a postback that tells more than the broker's own channels have shown, for Refute.
func (o *Order) remember(u *Update, raw uint64) {
	if !o.Seen(Confirmed).Reaches(u.Status, u.FilledQuantity) && len(o.Claims) < claimsMax && !slices.Contains(o.Claims, raw) {
		o.Claims = append(o.Claims, raw)
	}
}

// Discard ends an order that a dry run planned and that never was.
func (o *Order) Discard() {
	for i := range o.Layers {
		if s := &o.Layers[i]; s.Known {
			s.Row.Status, s.Row.RawStatus, s.Row.StatusMessage = StatusCancelled, string(StatusCancelled), "planned in a dry run, which has ended"
		}
	}
	o.Told.Terminal = true
}

// Presumed says whether a change that a dry run only planned stands in what is known of the order.
func (o *Order) Presumed() bool {
	planned := sourceRank(SourceReplay)
	for i := range o.Layers {
		if s := &o.Layers[i]; s.Known && (sourceRank(s.Row.Source) == planned || s.standing().Source == planned) {
			return true
		}
	}
	return false
}
