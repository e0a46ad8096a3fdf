package order

import (
	"cmp"
	"slices"
)

// Over the night the broker forgets its order book and tells no more than quantities. What each group had open when the
// day ended is kept, and in the morning the quantities say how much of it there still is.

// GroupID is the id of the row's group.
func (o *Overnight) GroupID() string { return cmp.Or(o.Group, carriedGroup) }

// Standing is what is open when the day ends, group by group, oldest first at each place. Where the two layers differ the
// larger quantity stands: the morning's quantities decide.
func (b *Book) Standing() []Overnight {
	var rows []Overnight
	for _, k := range b.Keys() {
		confirmed := b.Holding(Confirmed, k)
		for _, g := range b.Holding(Claimed, k).Groups {
			open, seen := g.Open(), int64(0)
			if c, ok := confirmed.Group(g.ID); ok {
				seen = c.Open()
			}
			if open = max(open, seen); open > 0 {
				row := b.standingRow(g, open)
				row.Claim = seen == 0
				rows = append(rows, row)
			}
		}
	}
	return rows
}

func (b *Book) standingRow(g *Group, open int64) Overnight {
	row := Overnight{Key: g.Key, Quantity: g.Sign * open, Tag: g.Tag, Ours: !g.Baseline, Side: g.Side(), Entry: g.First, Since: g.Since}
	row.AveragePrice, _ = g.EntryPrice()
	if g.ID != carriedGroup {
		row.Group = g.ID
	}
	if o, ok := b.orders[g.FirstEntry()]; ok {
		entry := *o.Row()
		entry.Raw, entry.StatusMessageRaw = nil, ""
		row.Entry, row.Since = &entry, o.Day
	}
	return row
}

// Carry gives the groups that stood at the end of an earlier day what the broker says was carried in: told has one row a
// place. What is missing is taken off the oldest first, as an exit of nobody would be; what is more is of no group.
func Carry(stood, told []Overnight) []Overnight {
	at := map[Key]Overnight{}
	for _, t := range told {
		at[t.Key] = t
	}
	missing := map[Key]int64{}
	for _, s := range stood {
		if s.Quantity*at[s.Key].Quantity >= 0 {
			missing[s.Key] += magnitude(s.Quantity)
		}
	}
	left := map[Key]int64{}
	for k, stands := range missing {
		missing[k], left[k] = max(0, stands-magnitude(at[k].Quantity)), max(0, magnitude(at[k].Quantity)-stands)
	}
	for k, t := range at {
		if _, stands := missing[k]; !stands {
			left[k] = magnitude(t.Quantity)
		}
	}
	var rows []Overnight
	for _, s := range stood {
		t := at[s.Key]
		gone := magnitude(s.Quantity)
		if s.Quantity*t.Quantity >= 0 {
			gone = min(gone, missing[s.Key])
			missing[s.Key] -= gone
		}
		s.Quantity -= sign(s.Quantity) * gone
		s.Gone, s.Close, s.AveragePrice = gone, t.Close, cmp.Or(s.AveragePrice, t.AveragePrice)
		if s.Group == "" { // of nobody: what is gone of it is told nobody, and what came is added
			s.Gone = 0
			if s.Quantity != 0 {
				s.Quantity += sign(t.Quantity) * left[s.Key]
				left[s.Key] = 0
			}
		}
		if s.Quantity != 0 || s.Gone != 0 {
			rows = append(rows, s)
		}
	}
	for _, t := range told {
		if more := left[t.Key]; more > 0 {
			t.Quantity = sign(t.Quantity) * more
			rows = append(rows, t)
		}
	}
	slices.SortStableFunc(rows, func(x, y Overnight) int { return x.Key.compare(y.Key) })
	return rows
}

// Missing says whether the broker tells less at a place than what stood there.
func Missing(stood, told []Overnight, k Key) bool {
	var have, want int64
	for _, t := range told {
		if t.Key == k {
			have = t.Quantity
		}
	}
	for _, s := range stood {
		if s.Key == k {
			want += s.Quantity
		}
	}
	return want > 0 && have < want || want < 0 && have > want
}

func magnitude(n int64) int64 { return max(n, -n) }

func sign(n int64) int64 {
	if n < 0 {
		return -1
	}
	return 1
}

func (k Key) compare(o Key) int {
	return cmp.Or(cmp.Compare(k.Exchange, o.Exchange), cmp.Compare(k.Tradingsymbol, o.Tradingsymbol), cmp.Compare(k.Product, o.Product))
}
