package rules

import (
	"cmp"
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"

	"backstop/engine/order"
)

// Facts are what an event says of its order that does not change while the order lives. All are "" for an event
// without an order.
type Facts struct {
	Account         string
	Exchange        string
	Tradingsymbol   string
	Product         string
	TransactionType string
}

// factWords are the words whose values Facts has, in the order of Facts.values.
var factWords = []string{"order.exchange", "order.tradingsymbol", "order.product", "order.transaction_type"}

func (f *Facts) values() [4]string {
	return [...]string{f.Exchange, f.Tradingsymbol, f.Product, f.TransactionType}
}

// Lead is a part that a condition begins with and that compares a fact with texts: order.exchange == "NFO", or in
// [...]. What it says no to is not looked at any further, so that a thousand rules of which three match cost little
// more than three.
type Lead struct {
	Fact   int      `json:"fact"` // index of factWords
	Values []string `json:"values"`
	Source string   `json:"source"` // as written, on one line
}

func (l *Lead) holds(values *[4]string) bool { return slices.Contains(l.Values, values[l.Fact]) }

// leadsOf are the leads of a condition: the first of its operands, as far as they are leads.
func leadsOf(e *expression) []Lead {
	if e == nil {
		return nil
	}
	var leads []Lead
	for _, p := range e.parts {
		l, ok := leadOf(p.node)
		if !ok {
			break
		}
		l.Source = p.source
		leads = append(leads, l)
	}
	return leads
}

func leadOf(n ast.Node) (Lead, bool) {
	b, ok := n.(*ast.BinaryNode)
	if !ok {
		return Lead{}, false
	}
	switch b.Operator {
	case "==":
		for _, sides := range [][2]ast.Node{{b.Left, b.Right}, {b.Right, b.Left}} {
			text, ok := sides[1].(*ast.StringNode)
			if fact := factOf(sides[0]); ok && fact >= 0 {
				return Lead{Fact: fact, Values: []string{text.Value}}, true
			}
		}
	case "in":
		list, ok := b.Right.(*ast.ArrayNode)
		fact := factOf(b.Left)
		if !ok || fact < 0 {
			return Lead{}, false
		}
		l := Lead{Fact: fact}
		for _, e := range list.Nodes {
			text, ok := e.(*ast.StringNode)
			if !ok {
				return Lead{}, false
			}
			l.Values = append(l.Values, text.Value)
		}
		return l, true
	}
	return Lead{}, false
}

func factOf(n ast.Node) int { return slices.Index(factWords, strings.Join(pathOf(n), ".")) }

// index finds the rules that an event faces. It is made once with the set.
type index map[order.Kind]*kindIndex

// kindIndex is of the rules that listen to one kind. Each is found under the value of one of its leads, or always.
type kindIndex struct {
	always []int
	by     [4]map[string][]int
}

func newIndex(list []*Rule) index {
	distinct := [4]map[string]bool{}
	for i := range distinct {
		distinct[i] = map[string]bool{}
	}
	for _, r := range list {
		for _, l := range r.leads {
			for _, v := range l.Values {
				distinct[l.Fact][v] = true
			}
		}
	}
	x := index{}
	for i, r := range list {
		for _, k := range r.On {
			if x[k] == nil {
				x[k] = &kindIndex{}
			}
			x[k].add(i, r.leads, func(l *Lead) int { return len(distinct[l.Fact]) })
		}
	}
	return x
}

// add puts a rule under the lead whose fact tells most rules apart.
func (x *kindIndex) add(rule int, leads []Lead, tells func(*Lead) int) {
	if len(leads) == 0 {
		x.always = append(x.always, rule)
		return
	}
	best := &leads[0]
	for i := range leads {
		if tells(&leads[i]) > tells(best) {
			best = &leads[i]
		}
	}
	if x.by[best.Fact] == nil {
		x.by[best.Fact] = map[string][]int{}
	}
	for _, v := range slices.Compact(slices.Sorted(slices.Values(best.Values))) {
		x.by[best.Fact][v] = append(x.by[best.Fact][v], rule)
	}
}

// Facing are the rules that an event of that kind and with those facts faces, in the order of the file: they listen,
// are enabled, are of the account, and their leads hold. What any other rule says is told by Record.Rest.
func (s *Set) Facing(k order.Kind, f Facts) []*Rule {
	x := s.index[k]
	if x == nil {
		return nil
	}
	values := f.values()
	found := slices.Clone(x.always)
	for fact, by := range x.by {
		found = append(found, by[values[fact]]...)
	}
	slices.Sort(found)
	var facing []*Rule
	for _, i := range found {
		if r := s.rules[i]; r.Enabled && r.For(f.Account) && r.led(&values) == nil {
			facing = append(facing, r)
		}
	}
	return facing
}

// led is the first lead that does not hold, nil where all do.
func (r *Rule) led(values *[4]string) *Lead {
	for i := range r.leads {
		if !r.leads[i].holds(values) {
			return &r.leads[i]
		}
	}
	return nil
}

// Led says why the rule's leads keep it from facing an event with those facts: as Match's why, or "".
func (r *Rule) Led(f Facts) string {
	values := f.values()
	if l := r.led(&values); l != nil {
		return "when: " + l.Source
	}
	return ""
}

// Record is what of a set must be kept to say later what each rule said of an event, although only the rules that
// faced it were written down with it.
type Record struct {
	Version string       `json:"version"`
	Rules   []RuleRecord `json:"rules"`
}

// RuleRecord is one rule of a Record.
type RuleRecord struct {
	Name     string       `json:"name"`
	On       []order.Kind `json:"on"`
	Disabled bool         `json:"disabled,omitempty"`
	Accounts []string     `json:"accounts,omitempty"`
	Leads    []Lead       `json:"leads,omitempty"`
}

// Record is the set's.
func (s *Set) Record() Record {
	rec := Record{Version: s.version}
	for _, r := range s.rules {
		rec.Rules = append(rec.Rules, RuleRecord{r.Name, r.On, !r.Enabled, r.Accounts, r.leads})
	}
	return rec
}

// Miss is what a rule said that did not face an event.
type Miss struct {
	Rule    string
	Why     string
	Explain *Explanation // nil: there is nothing to explain
}

// Rest is what each rule that listens to an event's kind said of it, in the order of the file: faced says of which
// something is kept, and those come with their names alone.
func (rec *Record) Rest(k order.Kind, f Facts, faced func(rule string) bool) []Miss {
	values := f.values()
	var rest []Miss
	for i := range rec.Rules {
		r := &rec.Rules[i]
		if !slices.Contains(r.On, k) {
			continue
		}
		m := Miss{Rule: r.Name}
		switch {
		case faced(r.Name):
		case r.Disabled:
			m.Why = "enabled"
		case len(r.Accounts) > 0 && !slices.Contains(r.Accounts, f.Account):
			m.Why = "accounts"
		default:
			m.led(r.Leads, &values)
		}
		rest = append(rest, m)
	}
	return rest
}

func (m *Miss) led(leads []Lead, values *[4]string) {
	for i := range leads {
		l := &leads[i]
		if l.holds(values) {
			continue
		}
		word, value := factWords[l.Fact], literal(values[l.Fact])
		needed := make([]string, len(l.Values))
		for j, v := range l.Values {
			needed[j] = literal(v)
		}
		list := strings.Join(needed, ", ")
		m.Why = "when: " + l.Source
		m.Explain = &Explanation{Source: l.Source, Value: "false", Evaluated: true,
			Needed: word + " is " + value + "; needed " + cmp.Or(map[bool]string{true: "one of " + list}[strings.Contains(l.Source, " in ")], list),
			Parts:  []Explanation{{Source: word, Value: value, Evaluated: true}}}
		return
	}
}
