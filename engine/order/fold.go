package order

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// version orders the observations of fields that may go both ways (price, trigger, quantity): the greatest one
// holds. It is a total order over distinct observations, so that arrival order cannot matter.
type version struct {
	Settled bool      `json:"settled,omitempty"` // not an interim status, whose row may still show old values
	Update  time.Time `json:"update,omitzero"`   // exchange_update_timestamp
	Order   time.Time `json:"order,omitzero"`    // order_timestamp
	Source  int       `json:"source,omitempty"`
	Began   time.Time `json:"began,omitzero"`
	Raw     uint64    `json:"raw,omitempty"`
}

func versionOf(u *Update) version {
	raw := u.Raw
	if len(raw) == 0 { // an update that was made, not received: its values tell it from another of the same second
		raw = fmt.Append(nil, u.RawStatus, u.Status, valuesOf(u), u.FilledQuantity, u.PendingQuantity, u.StatusMessage, u.AveragePrice)
	}
	return versionWith(u, fnv1a(raw))
}

func versionWith(u *Update, raw uint64) version {
	return version{!u.Interim, u.ExchangeUpdateTimestamp, u.OrderTimestamp, sourceRank(u.Source), u.Began, raw}
}

// fnv1a is the hash of hash/fnv, without its allocation on the way of every update.
func fnv1a(b []byte) uint64 {
	h := uint64(14695981039346656037)
	for _, c := range b {
		h = (h ^ uint64(c)) * 1099511628211
	}
	return h
}

func sourceRank(s Source) int {
	switch s {
	case SourceBook:
		return 3
	case SourceStream:
		return 2
	case SourcePostback:
		return 1
	default:
		return 0
	}
}

func (v version) compare(w version) int {
	return cmp.Or(
		cmp.Compare(rank(v.Settled), rank(w.Settled)),
		v.Update.Compare(w.Update),
		v.Order.Compare(w.Order),
		cmp.Compare(v.Source, w.Source),
		v.Began.Compare(w.Began),
		cmp.Compare(v.Raw, w.Raw),
	)
}

// Seen is what one layer knows of one order: the join of its observations. The zero value knows nothing.
type Seen struct {
	Known    bool      `json:"known,omitempty"`
	Row      Update    `json:"row,omitzero"`         // Kite's fields; Status, fills and average are the joined ones
	Raw      uint64    `json:"raw,omitempty"`        // the hash of the payload that told the fields of Row which go both ways
	Standing *version  `json:"standing,omitempty"`   // of Status and its messages: the greatest among the updates of that rank; nil where it is that of Row
	Average  Price     `json:"average,omitempty"`    // told with AverageOf filled; Row.AveragePrice is set where it fits
	Averaged int64     `json:"average_of,omitempty"` // the filled quantity that Average belongs to
	Placed   time.Time `json:"placed,omitzero"`      // the earliest broker time seen of the order
	FilledAt time.Time `json:"filled_at,omitzero"`   // the earliest broker time seen with a fill; once the broker's own channels showed one, theirs
}

// fold joins u into s.
func (s *Seen) fold(u *Update, v version) {
	if !s.Known {
		s.Known, s.Raw, s.Standing, s.Row = true, v.Raw, nil, *u
		s.Row.Raw, s.Row.Tags = nil, nil
	} else {
		s.identity(u)
		standing := s.standing()
		if v.compare(s.version()) > 0 {
			s.values(u)
			s.Raw = v.Raw
		}
		if cmp.Or(cmp.Compare(u.Status.rank(), s.Row.Status.rank()), v.compare(standing)) > 0 {
			s.Row.Status, s.Row.RawStatus = u.Status, u.RawStatus
			s.Row.StatusMessage, s.Row.StatusMessageRaw = u.StatusMessage, u.StatusMessageRaw
			standing = v
		}
		s.stand(standing)
		s.Row.FilledQuantity = max(s.Row.FilledQuantity, u.FilledQuantity)
		s.Row.CancelledQuantity = max(s.Row.CancelledQuantity, u.CancelledQuantity)
	}
	if u.AveragePrice > 0 && cmp.Or(cmp.Compare(u.FilledQuantity, s.Averaged), cmp.Compare(u.AveragePrice, s.Average)) > 0 {
		s.Average, s.Averaged = u.AveragePrice, u.FilledQuantity
	}
	s.fitAverage()
	s.Placed = earliest(s.Placed, brokerTime(u))
	if u.FilledQuantity > 0 {
		s.FilledAt = earliest(s.FilledAt, brokerTime(u))
	}
	s.tags(u)
}

// version is that of the fields of Row that go both ways: the times and the source come with them.
func (s *Seen) version() version {
	if !s.Known {
		return version{}
	}
	return versionWith(&s.Row, s.Raw)
}

func (s *Seen) standing() version {
	if s.Standing != nil {
		return *s.Standing
	}
	return s.version()
}

func (s *Seen) stand(v version) {
	s.Standing = nil
	if v != s.version() {
		kept := v // never written again: layers may share it
		s.Standing = &kept
	}
}

// fitAverage shows the average where it is that of what is filled: another quantity's average is not known.
func (s *Seen) fitAverage() {
	s.Row.AveragePrice = 0
	if s.Averaged == s.Row.FilledQuantity && s.Averaged > 0 {
		s.Row.AveragePrice = s.Average
	}
}

// identity joins the fields that never change once told: the greatest text wins, so that an absent one never
// hides a told one, whatever came first.
func (s *Seen) identity(u *Update) {
	have, got := identityOf(&s.Row), identityOf(u)
	for i := range have {
		*have[i] = max(*have[i], *got[i])
	}
	s.Row.InstrumentToken = max(s.Row.InstrumentToken, u.InstrumentToken)
	s.Row.AppID = max(s.Row.AppID, u.AppID)
}

// identityOf are the texts of an order that never change once told.
func identityOf(u *Update) [11]*string {
	return [...]*string{&u.Account, &u.ExchangeOrderID, &u.ParentOrderID, &u.PlacedBy, &u.GUID, &u.Variety, &u.Exchange,
		&u.Tradingsymbol, &u.TransactionType, &u.Product, &u.Tag}
}

// trust lets what the broker's own channels told stand over what postbacks claim: a postback's checksum covers
// order_id and order_timestamp alone (docs/kite.md 1.4), so a right one may still name another instrument, side,
// tag or average. A row of the broker's names the order whole, so that a tag or parent which it lacks is lacking.
// Nor does it cover the exchange's times, which give a fill its turn among the others: a partial fill that only a
// postback told must not put the same fills of the two layers in another order, or their roles differ for ever.
func (s *Seen) trust(k *Seen) {
	s.Placed, s.FilledAt = orTime(k.Placed, s.Placed), orTime(k.FilledAt, s.FilledAt)
	if k.Averaged > 0 && k.Averaged >= s.Averaged {
		s.Average, s.Averaged = k.Average, k.Averaged
		s.fitAverage()
	}
	if !k.Row.placed() {
		return
	}
	r, t := &s.Row, &k.Row
	r.Exchange, r.Tradingsymbol, r.Product, r.TransactionType = t.Exchange, t.Tradingsymbol, t.Product, t.TransactionType
	r.ParentOrderID, r.PlacedBy, r.Variety, r.Tag, r.Tags = t.ParentOrderID, t.PlacedBy, t.Variety, t.Tag, t.Tags
	r.Account, r.ExchangeOrderID, r.GUID = cmp.Or(t.Account, r.Account), cmp.Or(t.ExchangeOrderID, r.ExchangeOrderID), cmp.Or(t.GUID, r.GUID)
	r.InstrumentToken, r.AppID = cmp.Or(t.InstrumentToken, r.InstrumentToken), cmp.Or(t.AppID, r.AppID)
}

// checked lets the fields that go both ways stand as k shows them, the broker's own word. A claim's times are its sender's
// word, so one of the far future would hold for ever.
func (s *Seen) checked(k *Seen) {
	standing := s.standing()
	s.values(&k.Row)
	s.Raw = k.Raw
	if s.Row.Status == k.Row.Status {
		s.Row.RawStatus, s.Row.StatusMessage, s.Row.StatusMessageRaw = k.Row.RawStatus, k.Row.StatusMessage, k.Row.StatusMessageRaw
		standing = k.standing()
	}
	s.stand(standing)
}

// values takes the fields that may go both ways.
func (s *Seen) values(u *Update) {
	r := &s.Row
	r.Quantity, r.DisclosedQuantity, r.PendingQuantity = u.Quantity, u.DisclosedQuantity, u.PendingQuantity
	r.Price, r.TriggerPrice, r.MarketProtection = u.Price, u.TriggerPrice, u.MarketProtection
	r.OrderType, r.Validity, r.ValidityTTL = u.OrderType, u.Validity, u.ValidityTTL
	r.OrderTimestamp, r.ExchangeTimestamp, r.ExchangeUpdateTimestamp = u.OrderTimestamp, u.ExchangeTimestamp, u.ExchangeUpdateTimestamp
	r.Source, r.Received, r.Began, r.Interim = u.Source, u.Received, u.Began, u.Interim
}

func (s *Seen) tags(u *Update) {
	for _, t := range u.Tags {
		if i, found := slices.BinarySearch(s.Row.Tags, t); !found {
			s.Row.Tags = slices.Insert(slices.Clone(s.Row.Tags), i, t)
		}
	}
}

// substance is what counts as a change: a later look at the same state is a duplicate.
type substance struct {
	known                                     bool
	status                                    Status
	filled, quantity, placed, filledAt        int64
	price, trigger, average                   Price
	orderType, side, tag, parent, by, message string
	key                                       Key
	tags                                      int
}

func (s *Seen) substance() substance {
	r := &s.Row
	return substance{s.Known, r.Status, r.FilledQuantity, r.Quantity, s.Placed.Unix(), s.FilledAt.Unix(), r.Price, r.TriggerPrice,
		r.AveragePrice, r.OrderType, r.TransactionType, r.Tag, r.ParentOrderID, r.PlacedBy, r.StatusMessage, r.Key(), len(r.Tags)}
}

// sameButTimes says whether two differ at most in when the order was placed and filled.
func (s substance) sameButTimes(t substance) bool {
	t.placed, t.filledAt = s.placed, s.filledAt
	return s == t
}

// shows says whether u tells just what is known: a second look at one state, by whichever way it came.
func (s *Seen) shows(u *Update) bool {
	r := &s.Row
	return u.RawStatus == r.RawStatus && u.FilledQuantity == r.FilledQuantity && u.Quantity == r.Quantity &&
		u.Price == r.Price && u.TriggerPrice == r.TriggerPrice
}

// beyond says whether more is known than u tells, whatever its time: Kite's clock has seconds.
func (s *Seen) beyond(u *Update) bool {
	return u.Status != "" && u.Status.rank() < s.Row.Status.rank() || u.FilledQuantity < s.Row.FilledQuantity
}

// Terminal says whether nothing can follow on this layer.
func (s *Seen) Terminal() bool { return s.Row.Status.Terminal() }

// Live says whether the order is known to work at the exchange or to wait for its trigger.
func (s *Seen) Live() bool { return s.Known && !s.Terminal() }

// Remaining is what can still fill: 0 once terminal (pending_quantity lies there, docs/kite.md 1.5).
func (s *Seen) Remaining() int64 {
	if !s.Known || s.Terminal() {
		return 0
	}
	return max(0, s.Row.Quantity-s.Row.FilledQuantity)
}

// Reaches says whether s has come at least as far as status and filled.
func (s *Seen) Reaches(status Status, filled int64) bool {
	return s.Known && s.Row.Status.rank() >= status.rank() && s.Row.FilledQuantity >= filled
}

// FoldOutcome says what one update did.
type FoldOutcome struct {
	Order   *Order
	Ignored string // duplicate, stale, impossible: …; "" where it changed something
	New     bool   // the order was not known before
}

// brokerTime is the broker's clock of an update: the exchange's where it was told, else the OMS's.
func brokerTime(u *Update) time.Time {
	if !u.ExchangeUpdateTimestamp.IsZero() {
		return u.ExchangeUpdateTimestamp
	}
	if !u.ExchangeTimestamp.IsZero() {
		return u.ExchangeTimestamp
	}
	return u.OrderTimestamp
}

func earliest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// orTime is the first of the two that is told.
func orTime(a, b time.Time) time.Time {
	if a.IsZero() {
		return b
	}
	return a
}
