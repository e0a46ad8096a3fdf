package rules

import (
	"fmt"
	"strings"
	"testing"

	"github.com/expr-lang/expr/builtin"
)

func TestWordList(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	for _, w := range WordList() {
		if w.Name == "" || w.Type == "" || w.Doc == "" {
			t.Errorf("%+v lacks something", w)
		}
		fmt.Fprintf(&b, "%-26s %-7s %-9s %-18s %s\n", w.Name, w.Type, w.Unit, w.Example, w.Doc)
	}
	golden(t, "testdata/words.want", b.String())
}

// What each word and function needs to be known, of the condition and of the actions.
func TestReads(t *testing.T) {
	t.Parallel()
	for expression, want := range map[string]Reads{
		`order.status == "OPEN"`:                          {},
		`order.average_price > 1`:                         {Price: true},
		`order.value > 1`:                                 {Price: true, Value: true},
		`event.fill_price > 1`:                            {Price: true},
		`event.previous.average_price > 1`:                {Price: true},
		`event.previous.role == "entry"`:                  {Role: true},
		`order.role == "entry"`:                           {Role: true},
		`order.is_exit`:                                   {Role: true},
		`group.open_quantity > 1`:                         {Role: true},
		`group.entry_price > 1`:                           {Role: true, Price: true},
		`group.realized_pnl > 1`:                          {Role: true, Price: true, Value: true},
		`group.last_price > 1`:                            {Role: true, LastPrice: true},
		`group.pnl > 1`:                                   {Role: true, Price: true, LastPrice: true, Value: true},
		`any(group.orders, .status == "OPEN")`:            {Role: true, Price: true, Value: true},
		`day.pnl > 1`:                                     {Day: true, DayPrice: true, DayLast: true, DayValue: true},
		`day.wins > 1`:                                    {Day: true, DayPrice: true},
		`position.quantity > 1`:                           {Role: true},
		`position.average_price > 1`:                      {Role: true, Price: true},
		`loss(5) > 1`:                                     {Role: true, Price: true},
		`profit(5) > 1`:                                   {Role: true, Price: true},
		`gain() > 1`:                                      {Role: true, Price: true, LastPrice: true},
		`round_tick(5) > 1`:                               {Instrument: true},
		`instrument.lot_size > 1`:                         {Instrument: true},
		`order.price > 1 ? order.is_exit : order.is_exit`: {Role: true},
	} {
		if got := ruleWith(t, expression).WhenReads; got != want {
			t.Errorf("%s reads %+v; want %+v", expression, got, want)
		}
	}
	set, problems := parseFile(t, "testdata/good/sample.yaml")
	if set == nil {
		t.Fatal(problems)
	}
	r := set.Rules()[0]
	if r.WhenReads != (Reads{Role: true}) || r.Reads != (Reads{Role: true, Price: true}) {
		t.Errorf("%+v %+v", r.WhenReads, r.Reads)
	}
}

// expr's functions are either listed as on, or off; none slips in with a new version.
func TestBuiltinsAreChosen(t *testing.T) {
	t.Parallel()
	for _, f := range builtin.Builtins {
		_, problems := Parse("r.yaml", []byte("version: 1\nrules:\n  - name: r\n    on: fill\n    when: "+f.Name+"(group.orders, true) == 1\n    then: [cancel_order]\n"), testOptions())
		refused := false
		for _, p := range problems {
			refused = refused || p.Code == "BS304"
		}
		if on := isFunctionName(f.Name); refused == on {
			t.Errorf("%s: on %v, refused %v", f.Name, on, refused)
		}
	}
	for _, name := range []string{"now", "date", "repeat", "split", "fromJSON"} {
		if isFunctionName(name) {
			t.Errorf("%s is on", name)
		}
	}
}

func TestNearest(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		word string
		of   string
		want string
	}{
		{"exchagne", "exchange exchange_order_id", "exchange"}, {"SLM", "SL SL-M", "SL-M"}, {"complete", "COMPLETE", "COMPLETE"}, {"onerror", "on on_error", "on_error"},
		{"average", "price average_price", "average_price"}, {"x", "a b", ""}, {"zebra", "price tag", ""}, {"", "a", ""}, {strings.Repeat("x", 100), "xx", ""},
	} {
		if got := nearest(c.word, strings.Fields(c.of)); got != c.want {
			t.Errorf("%q: %q; want %q", c.word, got, c.want)
		}
	}
}
