package rules

import (
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
	Role            string // as the event tells it; "" where it tells none: then every rule that reads it faces the event
}

// factWords are the words whose values Facts has, in the order of facts.
var factWords = [...]string{"order.exchange", "order.tradingsymbol", "order.product", "order.transaction_type", "order.role"}

const factRole = len(factWords) - 1

// facts are the values of factWords.
type facts [len(factWords)]string

func (f *Facts) values() facts {
	return facts{f.Exchange, f.Tradingsymbol, f.Product, f.TransactionType, f.Role}
}

// Lead is a part that a condition begins with and that compares a fact with texts: order.exchange == "NFO", or in
// [...]. What it says no to is not looked at any further, so that a thousand rules of which three match cost little
// more than three.
type Lead struct {
	Fact   int      `json:"fact"` // index of factWords
	Values []string `json:"values"`
	Source string   `json:"source"` // as written, on one line
}

func (l *Lead) holds(values *facts) bool { return slices.Contains(l.Values, values[l.Fact]) }

// led is the first of the leads that does not hold, nil where all do. One that reads a role which is not told can't be
// judged here, nor can those behind it: the rule faces the event.
func led(leads []Lead, values *facts) *Lead {
	for i := range leads {
		l := &leads[i]
		switch {
		case l.Fact == factRole && values[factRole] == "":
			return nil
		case !l.holds(values):
			return l
		}
	}
	return nil
}

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

func factOf(n ast.Node) int { return slices.Index(factWords[:], strings.Join(pathOf(n), ".")) }

// index finds the rules that an event faces. It is made once with the set.
type index map[order.Kind]*kindIndex

// kindIndex is of the rules that listen to one kind. Each is found under the value of one of its leads, or always.
type kindIndex struct {
	all    []int
	always []int
	by     [len(factWords)]map[string][]int
}

func newIndex(list []*Rule) index {
	distinct := [len(factWords)]map[string]bool{}
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
	x.all = append(x.all, rule)
	if len(leads) == 0 {
		x.always = append(x.always, rule)
		return
	}
	best := &leads[0]
	for i := range leads {
		if l := &leads[i]; l.Fact != factRole && (tells(l) > tells(best) || best.Fact == factRole) {
			best = l
		}
	}
	if best.Fact == factRole { // two or three values, and not always told
		x.always = append(x.always, rule)
		return
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
	found := x.all
	if f.Role != "" {
		found = slices.Clone(x.always)
		for fact, by := range x.by {
			found = append(found, by[values[fact]]...)
		}
		slices.Sort(found)
	}
	var facing []*Rule
	for _, i := range found {
		if r := s.rules[i]; r.Enabled && r.Concerns(f.Account) && led(r.leads, &values) == nil {
			facing = append(facing, r)
		}
	}
	return facing
}

// Led says why the rule's leads keep it from facing an event with those facts: as Match's why, or "".
func (r *Rule) Led(f Facts) string {
	values := f.values()
	if l := led(r.leads, &values); l != nil {
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

func (m *Miss) led(leads []Lead, values *facts) {
	l := led(leads, values)
	if l == nil {
		return
	}
	word, value := factWords[l.Fact], literal(values[l.Fact])
	needed := make([]string, len(l.Values))
	for i, v := range l.Values {
		needed[i] = literal(v)
	}
	list := strings.Join(needed, ", ")
	if strings.Contains(l.Source, " in ") {
		list = "one of " + list
	}
	m.Why = "when: " + l.Source
	m.Explain = &Explanation{Source: l.Source, Value: "false", Evaluated: true, Needed: word + " is " + value + "; needed " + list,
		Parts: []Explanation{{Source: word, Value: value, Evaluated: true}}}
}
