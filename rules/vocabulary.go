package rules

import (
	"reflect"
	"slices"
	"strings"
	"time"

	"backstop/engine/order"
)

// family is a struct of words: order, event.previous, group …
type family struct {
	names  []string // in the order of the struct
	fields map[string]reflect.StructField
}

// families by their dotted path, and root the words that an expression begins with. Both come from the tags of
// Words and never change.
var families, roots = readFamilies()

// errorFamily is the root word that only on_error knows.
const errorFamily = "error"

func readFamilies() (map[string]family, []string) {
	out := map[string]family{}
	var names []string
	words := reflect.TypeFor[Words]()
	for i := range words.NumField() {
		f := words.Field(i)
		if f.Type.Kind() == reflect.Struct {
			name := f.Tag.Get("expr")
			if strings.HasPrefix(name, "$") {
				continue
			}
			names = append(names, name)
			readFamily(out, name, f.Type)
		}
	}
	return out, names
}

func readFamily(out map[string]family, path string, t reflect.Type) {
	fam := family{fields: map[string]reflect.StructField{}}
	for i := range t.NumField() {
		f := t.Field(i)
		name := f.Tag.Get("expr")
		fam.names = append(fam.names, name)
		fam.fields[name] = f
		if f.Type.Kind() == reflect.Struct && f.Type != reflect.TypeFor[time.Time]() {
			readFamily(out, path+"."+name, f.Type)
		}
	}
	out[path] = fam
}

// closedList is all values that a word can have. Own lists are Backstop's: another value is an error. The
// others are the broker's: another value is a warning.
type closedList struct {
	values []string
	own    bool
}

// closedWords by dotted path; the fields of event.previous and of group.orders stand under order (closedOf).
var closedWords = map[string]closedList{
	"event.kind":                 {kindNames(true), true},
	"event.source":               {[]string{"postback", "stream", "book", "replay"}, true},
	"event.cause":                {[]string{"stop_loss", "target", "exit", "person", "broker", "max_daily_loss"}, true},
	"group.side":                 {[]string{order.Buy, order.Sell}, true},
	"instrument.instrument_type": {[]string{"EQ", "FUT", "CE", "PE"}, false},
	"order.role":                 {roleNames(), true},
	"order.status":               {statusNames, false},
	"order.transaction_type":     {[]string{order.Buy, order.Sell}, true},
	"order.exchange":             {[]string{"NSE", "BSE", "NFO", "BFO", "CDS", "BCD", "MCX", "NCO"}, false},
	"order.product":              {[]string{"CNC", "NRML", "MIS", "MTF", "CO", "BO"}, false},
	"order.order_type":           {[]string{"MARKET", "LIMIT", "SL", "SL-M"}, false},
	"order.variety":              {[]string{"regular", "amo", "co", "iceberg", "auction", "bo"}, false},
	"order.validity":             {[]string{"DAY", "IOC", "TTL"}, false},
}

// statusNames are the statuses that an order's words can have: what Kite sends on the way (OPEN PENDING,
// UPDATE …) says nothing of the state and never shows.
var statusNames = []string{string(order.StatusTriggerPending), string(order.StatusOpen), string(order.StatusRejected),
	string(order.StatusCancelled), string(order.StatusComplete)}

func roleNames() []string {
	var out []string
	for _, r := range order.Roles() {
		out = append(out, string(r))
	}
	return out
}

// kindNames are the kinds of the language, of this version only or all.
func kindNames(all bool) []string {
	var out []string
	for _, k := range order.Kinds() {
		if all || k.Built {
			out = append(out, string(k.Kind))
		}
	}
	return out
}

// WordDoc describes one word or function of the language.
type WordDoc struct {
	Name    string `json:"name"`
	Type    string `json:"type"` // text, number, bool, time, list
	Unit    string `json:"unit,omitempty"`
	Example string `json:"example,omitempty"`
	Doc     string `json:"doc"`
}

// WordList is every word that an expression can read, in the order of the reference page, then the functions.
func WordList() []WordDoc {
	var out []WordDoc
	for _, root := range roots {
		for _, name := range families[root].names {
			f := families[root].fields[name]
			shown := root + "." + name
			if _, many := families[shown]; many {
				shown += ".NAME"
			}
			out = append(out, WordDoc{shown, typeName(f.Type), f.Tag.Get("unit"), f.Tag.Get("example"), f.Tag.Get("doc")})
		}
	}
	out = append(out,
		WordDoc{"vars.NAME", "any", "", "vars.stop_pct", "your constants, of the type that you wrote"},
		WordDoc{"state.NAME", "any", "", "state.losses ?? 0", "what `set` remembers; unset is nil"},
		WordDoc{"action.NAME", "any", "", "action.trigger_price", "a parameter or result of the action before, in then and on_error"},
		WordDoc{"steps.ID.NAME", "any", "", "steps.stop.order_id", "the same of an earlier action that carries this id"})
	for _, f := range functions {
		if f.usage != "" {
			out = append(out, WordDoc{f.usage, f.gives, f.unit, f.example, f.doc})
		}
	}
	return out
}

// typeName is a Go type in the words of the reference page.
func typeName(t reflect.Type) string {
	switch {
	case t == nil:
		return "any"
	case t == reflect.TypeFor[time.Time]():
		return "time"
	}
	switch t.Kind() {
	case reflect.String:
		return "text"
	case reflect.Bool:
		return "bool"
	case reflect.Int, reflect.Int64, reflect.Float64:
		return "number"
	case reflect.Slice, reflect.Array, reflect.Map:
		return "list"
	case reflect.Struct:
		if t == reflect.TypeFor[GroupWords]() {
			return "group"
		}
		return "order"
	default:
		return "any"
	}
}

// isDottedWord says whether a path is a word of the list: a text that is nothing but one was meant as its value.
func isDottedWord(path []string) bool {
	if len(path) < 2 {
		return false
	}
	if slices.Contains([]string{"vars", "state", "action", "steps", "env"}, path[0]) {
		return true
	}
	if fam, ok := families[path[0]]; ok {
		_, ok = fam.fields[path[1]]
		return ok
	}
	return false
}
