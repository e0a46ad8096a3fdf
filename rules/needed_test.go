package rules

import (
	"strings"
	"testing"
)

// aFill is of a BUY of 75 in NFO; what a false condition would have needed is told in its own words.
func TestNeededSaysWhatWouldHaveHadToDiffer(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ when, needed string }{
		{`order.exchange == "NSE"`, `order.exchange is "NFO"; needed "NSE"`},
		{`"NSE" == order.exchange`, `order.exchange is "NFO"; needed "NSE"`},
		{`order.exchange != "NFO"`, `order.exchange is "NFO"; needed anything but "NFO"`},
		{`order.exchange in ["NSE", "BSE"]`, `order.exchange is "NFO"; needed one of "NSE", "BSE"`},
		{`order.exchange not in ["NFO", "BFO"]`, `order.exchange is "NFO"; needed none of "NFO", "BFO"`},
		{`order.quantity > 100`, `order.quantity is 75; needed more than 100`},
		{`100 < order.quantity`, `order.quantity is 75; needed more than 100`},
		{`not (order.quantity >= 75)`, `order.quantity is 75; needed less than 75`},
		{`order.quantity > order.price`, `order.quantity is 75; needed more than order.price (120)`},
		{`order.exchange == "NFO" and order.quantity > 100`, `order.quantity is 75; needed more than 100`},
		{`order.exchange == "NSE" or order.quantity > 100`, `order.exchange is "NFO"; needed "NSE", or order.quantity is 75; needed more than 100`},
		{`not (order.exchange == "NFO" and order.quantity == 75)`,
			`order.exchange is "NFO"; needed anything but "NFO", or order.quantity is 75; needed anything but 75`},
		{`order.is_exit`, `order.is_exit is false; needed true`},
		{`not order.is_exit and order.is_exit`, `order.is_exit is false; needed true`},
		{`like(order.exchange, "B*")`, `order.exchange is "NFO"; needed one like "B*"`},
		{`order.exchange startsWith "B"`, `order.exchange is "NFO"; needed a text that begins with "B"`},
		{`order.is_exit ? true : order.quantity < 10`, `order.quantity is 75; needed less than 10`},
		{`any(group.orders, .role == "other")`, `any(group.orders, .role == "other") is false; needed true`},
		{`order.exchange == "NFO"`, ``},
		{`order.quantity / order.price > 1`, ``}, // an error means neither
	} {
		r := ruleWith(t, c.when)
		words := aFill()
		if c.needed == "" {
			words.Order.Price = 0
		} else {
			words.Order.Price = 120
		}
		if got := r.Explain(words).Needed; got != c.needed {
			t.Errorf("%s:\n got %q\nwant %q", c.when, got, c.needed)
		}
	}
}

// What is kept of a rule that did not match is its first false part alone.
func TestExplainMissIsTheFirstFalsePart(t *testing.T) {
	t.Parallel()
	x := ruleWith(t, `order.exchange == "NFO" and order.quantity > 100 and order.is_exit`).ExplainMiss(aFill())
	if x.Source != "order.quantity > 100" || x.Needed != "order.quantity is 75; needed more than 100" || len(x.Parts) != 1 {
		t.Errorf("%+v", x)
	}
	if x := ruleWith(t, `order.exchange == "NSE"`).ExplainMiss(aFill()); x.Source != `order.exchange == "NSE"` || x.Needed == "" {
		t.Errorf("%+v", x)
	}
}

// The clauses of a condition stand one for one beside its explanation, each with its place.
func TestConditionsStandBesideTheirExplanation(t *testing.T) {
	t.Parallel()
	r := ruleWith(t, `order.exchange == "NFO" and (order.is_exit or not (order.quantity > 100))`)
	root := r.Conditions()["when"]
	var counted []string
	var walk func(c Clause, x Explanation)
	walk = func(c Clause, x Explanation) {
		if c.Source != x.Source || len(c.Parts) != len(x.Parts) || c.Pos.Line == 0 || c.Width == 0 {
			t.Fatalf("%+v beside %+v", c, x)
		}
		if c.Counts {
			counted = append(counted, c.Source)
		}
		for i := range c.Parts {
			walk(c.Parts[i], x.Parts[i])
		}
	}
	walk(root, r.Explain(aFill()))
	want := []string{root.Source, `order.exchange == "NFO"`, `order.is_exit or not (order.quantity > 100)`, `order.is_exit`, `order.quantity > 100`}
	if strings.Join(counted, "\n") != strings.Join(want, "\n") {
		t.Errorf("counted\n%s", strings.Join(counted, "\n"))
	}
}
