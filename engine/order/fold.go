package order

import (
	"cmp"
	"hash/fnv"
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
	h := fnv.New64a()
	_, _ = h.Write(u.Raw) // a hash never fails to write
	return version{!u.Interim, u.ExchangeUpdateTimestamp, u.OrderTimestamp, sourceRank(u.Source), u.Began, h.Sum64()}
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
	settled := func(b bool) int {
		if b {
			return 1
		}
		return 0
	}
	return cmp.Or(
		cmp.Compare(settled(v.Settled), settled(w.Settled)),
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
	Row      Update    `json:"row"`                  // Kite's fields; Status, fills and average are the joined ones
	Version  version   `json:"version"`              // of the fields of Row that go both ways
	Average  Price     `json:"average,omitempty"`    // told with AverageOf filled; Row.AveragePrice is set where it fits
	Averaged int64     `json:"average_of,omitempty"` // the filled quantity that Average belongs to
	Placed   time.Time `json:"placed,omitzero"`      // the earliest broker time seen of the order
	FilledAt time.Time `json:"filled_at,omitzero"`   // the earliest broker time seen with a fill
}

// fold joins u into s and says whether anything that matters changed.
func (s *Seen) fold(u *Update) (changed bool) {
	before := s.substance()
	v := versionOf(u)
	if !s.Known {
		s.Known, s.Version, s.Row = true, v, *u
		s.Row.Raw, s.Row.Tags = nil, nil
	} else {
		s.identity(u)
		if v.compare(s.Version) > 0 {
			s.values(u)
			s.Version = v
		}
		if u.Status.rank() > s.Row.Status.rank() {
			s.Row.Status, s.Row.RawStatus = u.Status, u.RawStatus
		}
		s.Row.FilledQuantity = max(s.Row.FilledQuantity, u.FilledQuantity)
	}
	if u.AveragePrice > 0 && (u.FilledQuantity > s.Averaged || u.FilledQuantity == s.Averaged && u.AveragePrice > s.Average) {
		s.Average, s.Averaged = u.AveragePrice, u.FilledQuantity
	}
	s.Row.AveragePrice = 0
	if s.Averaged == s.Row.FilledQuantity && s.Averaged > 0 {
		s.Row.AveragePrice = s.Average
	}
	s.Placed = earliest(s.Placed, brokerTime(u))
	if u.FilledQuantity > 0 {
		s.FilledAt = earliest(s.FilledAt, brokerTime(u))
	}
	s.Row.CancelledQuantity = max(s.Row.CancelledQuantity, u.CancelledQuantity)
	s.tags(u)
	return before != s.substance()
}

// identity joins the fields that never change once told: the greatest text wins, so that an absent one never
// hides a told one, whatever came first.
func (s *Seen) identity(u *Update) {
	r := &s.Row
	for _, f := range []struct {
		have *string
		got  string
	}{
		{&r.Account, u.Account}, {&r.ExchangeOrderID, u.ExchangeOrderID}, {&r.ParentOrderID, u.ParentOrderID},
		{&r.PlacedBy, u.PlacedBy}, {&r.GUID, u.GUID}, {&r.Variety, u.Variety}, {&r.Exchange, u.Exchange},
		{&r.Tradingsymbol, u.Tradingsymbol}, {&r.TransactionType, u.TransactionType}, {&r.Product, u.Product},
		{&r.Tag, u.Tag},
	} {
		*f.have = max(*f.have, f.got)
	}
	r.InstrumentToken = max(r.InstrumentToken, u.InstrumentToken)
	r.AppID = max(r.AppID, u.AppID)
}

// values takes the fields that may go both ways.
func (s *Seen) values(u *Update) {
	r := &s.Row
	r.Quantity, r.DisclosedQuantity, r.PendingQuantity = u.Quantity, u.DisclosedQuantity, u.PendingQuantity
	r.Price, r.TriggerPrice, r.MarketProtection = u.Price, u.TriggerPrice, u.MarketProtection
	r.OrderType, r.Validity, r.ValidityTTL = u.OrderType, u.Validity, u.ValidityTTL
	r.StatusMessage, r.StatusMessageRaw = u.StatusMessage, u.StatusMessageRaw
	r.OrderTimestamp, r.ExchangeTimestamp, r.ExchangeUpdateTimestamp = u.OrderTimestamp, u.ExchangeTimestamp, u.ExchangeUpdateTimestamp
	r.Source, r.Received, r.Began = u.Source, u.Received, u.Began
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
	known                             bool
	status                            Status
	filled, quantity                  int64
	price, trigger, average           Price
	orderType, symbol, side, tag, msg string
	tags                              int
}

func (s *Seen) substance() substance {
	r := &s.Row
	return substance{s.Known, r.Status, r.FilledQuantity, r.Quantity, r.Price, r.TriggerPrice, r.AveragePrice,
		r.OrderType, r.Tradingsymbol, r.TransactionType, r.Tag, r.StatusMessage, len(r.Tags)}
}

// Terminal says whether nothing can follow on this layer.
func (s *Seen) Terminal() bool { return s.Row.Status.Terminal() }

// Live says whether the order is known to work at the exchange or to wait for its trigger.
func (s *Seen) Live() bool { return s.Known && !s.Terminal() }

// Remaining is what can still fill: 0 once terminal (pending_quantity lies there, kite-facts 1.5).
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
