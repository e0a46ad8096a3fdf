package order

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
)

const account = "AB1234"

var (
	nifty = Key{"NFO", "NIFTY25NOV24500CE", "NRML"}
	infy  = Key{"NSE", "INFY", "CNC"}
	start = time.Date(2025, 11, 21, 10, 0, 0, 0, IST)
)

func rupees(x float64) Price {
	p, ok := PriceOf(x)
	if !ok {
		panic(x)
	}
	return p
}

func second(n int) time.Time { return start.Add(time.Duration(n) * time.Second) }

// sketch describes one observation; row makes it an update. Zero fields take what most orders have.
type sketch struct {
	id       string
	source   Source
	raw      string // the status as Kite writes it
	at       int    // seconds after ten: order_timestamp and exchange_update_timestamp
	key      Key
	side     string
	typ      string
	quality  string // validity
	tag      string
	tags     []string
	parent   string
	placedBy string
	message  string

	quantity, filled, cancelled int64
	price, trigger, average     float64
	edit                        func(*Update)
}

// row is the update that a sketch describes, with a payload of its own.
func (s sketch) row() *Update {
	u := &Update{
		Account: account, Source: s.source, OrderID: s.id, ParentOrderID: s.parent, PlacedBy: s.placedBy, RawStatus: s.raw, StatusMessage: s.message,
		OrderTimestamp: second(s.at), ExchangeUpdateTimestamp: second(s.at), Variety: "regular",
		Exchange: s.key.Exchange, Tradingsymbol: s.key.Tradingsymbol, Product: s.key.Product, OrderType: s.typ, TransactionType: s.side,
		Validity: s.quality, Quantity: s.quantity, FilledQuantity: s.filled, PendingQuantity: s.quantity - s.filled,
		CancelledQuantity: s.cancelled, Price: rupees(s.price), TriggerPrice: rupees(s.trigger), AveragePrice: rupees(s.average),
		Tag: s.tag, Tags: s.tags,
	}
	u.Status, u.Interim = statusOf(s.raw)
	if s.key == (Key{}) {
		u.Exchange, u.Tradingsymbol, u.Product = nifty.Exchange, nifty.Tradingsymbol, nifty.Product
	}
	orElse(&u.OrderID, "251121000000001")
	orElse((*string)(&u.Source), string(SourceBook))
	orElse(&u.TransactionType, Buy)
	orElse(&u.OrderType, "LIMIT")
	orElse(&u.Validity, "DAY")
	if u.Source == SourceBook {
		u.Began = second(s.at + 1)
	}
	if s.edit != nil {
		s.edit(u)
	}
	u.Raw = fmt.Append(nil, u.Source, u.Began, s)
	return u
}

func orElse(s *string, other string) {
	if *s == "" {
		*s = other
	}
}

// statusOf repeats what engine/kite decodes: this package reads no payloads.
func statusOf(raw string) (Status, bool) {
	switch raw {
	case "CANCELLED AMO":
		return StatusCancelled, false
	case "UPDATE":
		return StatusNone, false
	}
	s := Status(raw)
	return s.orNone(), s.rank() == 0
}

func (s Status) orNone() Status {
	if s.rank() == 0 {
		return StatusNone
	}
	return s
}

// world is a book with everything that its events told.
type world struct {
	t *testing.T
	*Book
	events []Event
	clock  time.Time
}

func newWorld(t *testing.T, overnight ...Overnight) *world {
	t.Helper()
	w := &world{t: t, Book: NewBook(account), clock: start}
	w.SetOvernight(overnight)
	return w
}

// see folds one observation and gives the events that it told, as lines.
func (w *world) see(s sketch) []string { return lines(w.fold(s.row())) }

func (w *world) fold(u *Update) []Event {
	w.clock = w.clock.Add(time.Second)
	out := w.Fold(u, w.clock)
	if out.Order == nil || strings.HasPrefix(out.Ignored, "impossible") || strings.HasPrefix(out.Ignored, "refuted") {
		return nil
	}
	events := w.Tell(out.Order, false, w.clock)
	w.events = append(w.events, events...)
	return events
}

// link ties an order as the lane does: from its first fold on.
func (w *world) link(id string, l Link) {
	o, _ := w.Order(id)
	o.Link = &l
	w.Touch(o.Key())
}

func (w *world) order(id string) *Order {
	w.t.Helper()
	o, ok := w.Order(id)
	if !ok {
		w.t.Fatalf("no order %s", id)
	}
	return o
}

// lines writes events short: kind, quantity of this fill / cumulative, role, group.
func lines(events []Event) []string {
	var out []string
	for _, e := range events {
		out = append(out, strings.TrimSpace(fmt.Sprintf("%s %d/%d %s %s", e.Kind, e.Fill, e.Filled, e.Role, e.Group)))
	}
	return out
}

func wantLines(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Fatalf("got  %s\nwant %s", strings.Join(got, "; "), strings.Join(want, "; "))
	}
}

// picture writes everything of a holding that a caller can see, so that two can be compared.
func picture(h *Holding) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%v position %d surplus %d orphans %v realized %v\n", h.Key, h.Position, h.Surplus, h.Orphans, h.Realized)
	for _, g := range h.Groups {
		entry, told := g.EntryPrice()
		realized, all := g.Realized()
		fmt.Fprintf(&b, "group %s %+d tag %q filled %d exited %d entries %v exits %v live %v by %v last %s baseline %v entry %v %v realized %v %v\n",
			g.ID, g.Sign, g.Tag, g.Filled, g.Exited, g.Entries, g.Exits, g.Live, g.ByOrder, g.LastExit, g.Baseline, entry, told, realized, all)
	}
	for _, id := range slices.Sorted(maps.Keys(h.turns)) {
		if h.Role(id) != RoleUnknown || h.GroupOf(id) != "" || len(h.Parts(id)) > 0 {
			fmt.Fprintf(&b, "order %s %s in %s %v\n", id, h.Role(id), h.GroupOf(id), h.Parts(id))
		}
	}
	return b.String()
}

// seen writes one layer whole but for the time of receipt.
func seen(s *Seen) string {
	c := *s
	c.Row.Received = time.Time{}
	doc, err := json.Marshal(&c)
	if err != nil {
		panic(err)
	}
	return string(doc)
}

// again is a book made anew from what the journal would have kept of b.
func again(t testing.TB, b *Book) *Book {
	t.Helper()
	c := NewBook(b.Account)
	for _, o := range b.Orders() {
		doc, err := json.Marshal(o)
		if err != nil {
			t.Fatal(err)
		}
		var kept Order
		if err := json.Unmarshal(doc, &kept); err != nil {
			t.Fatal(err)
		}
		c.Restore(&kept)
	}
	if b.OvernightKnown() {
		c.SetOvernight(b.Overnight())
	}
	return c
}
