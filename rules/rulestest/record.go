package rulestest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"backstop/engine/order"
)

// Recorded is a decision of the journal with what led to it, to be made into a test.
type Recorded struct {
	Name        string
	Rule        string
	Said        string // matched, or why not
	Instruments []order.Instrument
	Overnight   []order.Overnight
	Updates     []RecordedUpdate // in the order in which they came
	At          time.Time        // when it was decided: later than the last update where time brought it about
	For         time.Duration    // how long its condition had to stay true
}

// RecordedUpdate is an update as it came. Answers is the rule that placed its order, "" for an order of somebody else.
type RecordedUpdate struct {
	At      time.Time
	Update  order.Update
	Answers string
}

// Record writes tests of recorded decisions: each update a step that says what changed, with nothing expected yet but
// the decision itself. Rewritten fills in what happens.
func Record(rulesFile, account string, list []Recorded) string {
	var b strings.Builder
	b.WriteString("# Recorded from the journal: what came, and what the rules made of it.\n")
	fmt.Fprintf(&b, "rules: %s\naccount: %s\ntests:\n", yamlText(rulesFile), yamlText(account))
	for i := range list {
		list[i].write(&b)
	}
	return b.String()
}

func (r *Recorded) write(b *strings.Builder) {
	fmt.Fprintf(b, "  - name: %s\n", yamlText(r.Name))
	b.WriteString("    given:\n")
	if len(r.Updates) > 0 {
		fmt.Fprintf(b, "      date: %q\n", r.Updates[0].At.In(order.IST).Format(time.DateTime))
	}
	if len(r.Instruments) > 0 {
		b.WriteString("      instruments:\n")
		for _, i := range r.Instruments {
			fmt.Fprintf(b, "        %q: { tick_size: %s, lot_size: %d%s }\n", i.Exchange+":"+i.Tradingsymbol, i.TickSize, i.LotSize, instrumentRest(i))
		}
	}
	if len(r.Overnight) > 0 {
		b.WriteString("      positions:\n")
		for _, o := range r.Overnight {
			fmt.Fprintf(b, "        - { instrument: %q, product: %s, quantity: %d, average_price: %s }\n", o.Instrument(), o.Product, o.Quantity, o.AveragePrice)
		}
	}
	b.WriteString("    steps:\n")
	known := map[string]order.Update{}
	for i := range r.Updates {
		u := &r.Updates[i]
		first := "- "
		line := func(format string, args ...any) {
			fmt.Fprintf(b, "      "+first+format+"\n", args...)
			first = "  "
		}
		if i > 0 {
			if passed := u.At.Sub(r.Updates[i-1].At).Round(time.Second); passed > 0 {
				line("after: %s", shortDuration(passed))
			}
		}
		if u.Answers != "" {
			line("answers: %s", u.Answers)
		}
		line("update: %s", changes(&u.Update, known, u.Answers != ""))
		known[u.Update.OrderID] = u.Update
		if i < len(r.Updates)-1 || r.later() {
			line("expect: []")
		} else {
			r.writeSaid(b)
		}
	}
	switch {
	case r.For > 0:
		fmt.Fprintf(b, "      - after: %s\n", shortDuration(r.For))
		r.writeSaid(b)
	case r.later():
		fmt.Fprintf(b, "      - at: %q\n", r.At.In(order.IST).Format(time.TimeOnly))
		r.writeSaid(b)
	}
}

// later says whether time brought the decision about, and no update.
func (r *Recorded) later() bool {
	return r.For > 0 || len(r.Updates) == 0 || r.At.Sub(r.Updates[len(r.Updates)-1].At) > 2*time.Second
}

func (r *Recorded) writeSaid(b *strings.Builder) {
	fmt.Fprintf(b, "        exactly: true\n        expect:\n          - rule: { %s: %s }\n", r.Rule, yamlText(r.Said))
}

func instrumentRest(i order.Instrument) string {
	var out string
	for _, f := range [][2]string{{"instrument_type", i.Type}, {"expiry", i.Expiry}, {"segment", i.Segment}} {
		if f[1] != "" {
			out += ", " + f[0] + ": " + yamlText(f[1])
		}
	}
	if i.Strike > 0 {
		out += ", strike: " + i.Strike.String()
	}
	return out
}

func shortDuration(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// changes is an inline update of what an order's update says beyond the one before.
func changes(u *order.Update, known map[string]order.Update, answered bool) string {
	before, seen := known[u.OrderID]
	var parts []string
	add := func(name, value string) { parts = append(parts, name+": "+value) }
	text := func(name, now, was string) {
		if now != was || !seen && now != "" {
			add(name, yamlText(now))
		}
	}
	if !answered {
		add("order_id", fmt.Sprintf("%q", u.OrderID))
		text("exchange", u.Exchange, before.Exchange)
		text("tradingsymbol", u.Tradingsymbol, before.Tradingsymbol)
		text("transaction_type", u.TransactionType, before.TransactionType)
		text("product", u.Product, before.Product)
		text("order_type", u.OrderType, before.OrderType)
		if !slices.Contains([]string{"", "regular"}, u.Variety) {
			text("variety", u.Variety, before.Variety)
		}
		text("tag", u.Tag, before.Tag)
		if u.PlacedBy != u.Account {
			text("placed_by", u.PlacedBy, before.PlacedBy)
		}
		text("parent_order_id", u.ParentOrderID, before.ParentOrderID)
	}
	status := string(u.Status)
	if status == "" {
		status = u.RawStatus
	}
	add("status", yamlText(status))
	if !answered && (!seen || u.Quantity != before.Quantity) {
		add("quantity", fmt.Sprint(u.Quantity))
	}
	if !answered && (!seen || u.Price != before.Price) {
		add("price", u.Price.String())
	}
	if !answered && u.TriggerPrice != before.TriggerPrice {
		add("trigger_price", u.TriggerPrice.String())
	}
	if u.FilledQuantity > 0 {
		add("filled_quantity", fmt.Sprint(u.FilledQuantity))
		add("average_price", u.AveragePrice.String())
	}
	if u.StatusMessage != "" {
		add("status_message", yamlText(u.StatusMessage))
	}
	return "{ " + strings.Join(parts, ", ") + " }"
}
