package rulestest

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"backstop/engine/kite"
	"backstop/engine/order"
	"backstop/rules"
)

// File is a test file as read: which rules it is of, and its tests. What its expectations name is checked against
// the rules by Check.
type File struct {
	Path  string
	Rules string // the rules file, found from where the test file stands
	Tests []*Test

	reader    *reader
	src       []byte
	rulesNode *yaml.Node
	given     given
	defaults  map[string]any
	account   string
}

// Test is one scenario.
type Test struct {
	Name string
	Pos  rules.Position

	given given
	steps []*step
}

// step is one thing that happens, and what is to follow.
type step struct {
	node    *yaml.Node
	after   time.Duration
	at      string // a time of the day, "" for none
	prices  map[string]order.Price
	refuse  []*refusal
	answers *answer
	update  *yaml.Node // nil: none
	fields  map[string]any
	payload []*yaml.Node

	expects bool
	list    *yaml.Node // of expect
	listKey *yaml.Node
	expect  []*expectation
	exactly bool
}

// answer names the order that a rule placed: RULE, RULE/ACTION, each with /N for the Nth.
type answer struct {
	node   *yaml.Node
	rule   string
	action string
	nth    int
}

// DefaultAccount is whose orders a test is about where it says nothing.
const DefaultAccount = "AB1234"

// Load reads a test file. The error is that of reading it; what is wrong with its content are the problems.
func Load(path string) (*File, rules.Problems, error) {
	src, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, fmt.Errorf("tests: %w", err)
	}
	f, problems := Parse(path, src)
	return f, problems, nil
}

// Parse reads the text of a test file; every mistake is told at once.
func Parse(path string, src []byte) (*File, rules.Problems) {
	text := strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(strings.TrimPrefix(string(src), "\ufeff"))
	r := &reader{path: path, lines: strings.Split(text, "\n")}
	f := &File{Path: path, Rules: filepath.Join(filepath.Dir(path), "rules.yaml"), reader: r, src: src, account: DefaultAccount}
	if root := r.document([]byte(text)); root != nil {
		f.read(root)
	}
	return f, r.problems
}

func (f *File) read(root *yaml.Node) {
	r := f.reader
	list, ok := r.fields(root, "a test file", fileFields)
	if !ok {
		return
	}
	for _, p := range list {
		switch p.key.Value {
		case "rules":
			if name, ok := r.text(p.value, "rules"); ok {
				f.rulesNode, f.Rules = p.value, name
				if !filepath.IsAbs(name) {
					f.Rules = filepath.Join(filepath.Dir(f.Path), filepath.FromSlash(name))
				}
			}
		case "account":
			f.account, _ = r.text(p.value, "account")
		case "given":
			f.given = r.readGiven(p.value)
		case "defaults":
			f.defaults = r.readUpdate(p.value, "defaults")
		}
	}
	tests, ok := byName(list, "tests")
	if !ok {
		r.fail(root, codeMissing, "the file has no tests", "write them under tests:, each as - name: …")
		return
	}
	elements, _ := r.list(tests.value, "tests", false)
	names := map[string]int{}
	for _, e := range elements {
		t := r.readTest(e)
		if t == nil {
			continue
		}
		if line, twice := names[t.Name]; twice {
			r.failAt(t.Pos.Line, t.Pos.Column, len([]rune(t.Name)), codeTwice, fmt.Sprintf("a test named %q stands on line %d already", t.Name, line), "give it another name")
		}
		names[t.Name] = t.Pos.Line
		f.Tests = append(f.Tests, t)
	}
}

func (r *reader) readTest(n *yaml.Node) *Test {
	list, ok := r.fields(n, "a test", testFields)
	if !ok {
		return nil
	}
	t := &Test{Pos: rules.Position{Line: n.Line, Column: n.Column}}
	for _, p := range list {
		switch p.key.Value {
		case "name":
			if t.Name, ok = r.text(p.value, "a test's name"); ok {
				t.Pos = rules.Position{Line: p.value.Line, Column: p.value.Column}
			}
		case "given":
			t.given = r.readGiven(p.value)
		case "steps":
			elements, _ := r.list(p.value, "steps", false)
			for _, e := range elements {
				if s := r.readStep(e); s != nil {
					t.steps = append(t.steps, s)
				}
			}
		}
	}
	if _, named := byName(list, "name"); !named {
		r.fail(n, codeMissing, "a test needs a name", "write - name: a fill gets one stop")
	}
	if p, ok := byName(list, "steps"); !ok || len(t.steps) == 0 && len(r.problems) == 0 {
		at := n
		if ok {
			at = p.value
		}
		r.fail(at, codeMissing, "a test needs steps", "write steps: with an update or payload and what to expect of it")
	}
	return t
}

func (r *reader) readStep(n *yaml.Node) *step {
	list, ok := r.fields(n, "a step", stepFields)
	if !ok {
		return nil
	}
	s := &step{node: n}
	for _, p := range list {
		switch p.key.Value {
		case "after":
			s.after = r.duration(p.value, "after")
		case "at":
			s.at = r.clock(p.value)
		case "prices":
			s.prices = r.readPrices(p.value)
		case "refuse":
			s.refuse = r.readRefusals(p.value)
		case "answers":
			s.answers = r.readAnswer(p.value)
		case "update":
			s.update, s.fields = p.value, r.readUpdate(p.value, "an update")
		case "payload":
			s.payload, _ = r.list(p.value, "payload", true)
		case "expect":
			s.expects, s.list, s.listKey = true, p.value, p.key
			elements, _ := r.list(p.value, "expect", false)
			for _, e := range elements {
				if x := r.readExpectation(e); x != nil {
					s.expect = append(s.expect, x)
				}
			}
		case "exactly":
			s.exactly = r.boolean(p.value, "exactly")
		}
	}
	r.checkStep(s, list)
	return s
}

// checkStep finds what does not go together.
func (r *reader) checkStep(s *step, list []pair) {
	key := func(name string) *yaml.Node {
		p, _ := byName(list, name)
		return p.key
	}
	switch {
	case s.update != nil && s.payload != nil:
		r.fail(key("payload"), codeTwice, "a step has an update or a payload, not both", "make two steps of it")
	case s.answers != nil && s.payload != nil:
		r.fail(key("answers"), codeType, "answers goes with an update, not with a payload", "a payload names its order itself")
	case len(list) == 0:
		r.fail(s.node, codeMissing, "the step is empty", "write an update or payload and what to expect of it")
	}
	if s.after != 0 && s.at != "" {
		r.fail(key("at"), codeTwice, "after and at exclude each other", "keep one of them")
	}
	if s.exactly && !s.expects {
		r.fail(key("exactly"), codeMissing, "exactly says how to take expect, and there is none", "write expect: too")
	}
	if s.answers != nil {
		if _, given := s.fields["order_id"]; given {
			r.fail(key("answers"), codeTwice, "answers finds the order by itself", "take order_id out of the update")
		}
	}
}

func (r *reader) clock(n *yaml.Node) string {
	text, ok := r.text(n, "at")
	if !ok {
		return ""
	}
	for _, form := range []string{"15:04", "15:04:05"} {
		if t, err := time.Parse(form, text); err == nil {
			return t.Format(time.TimeOnly)
		}
	}
	r.fail(n, codeType, text+" is no time of the day", `write it in quotes, as "15:12" or "15:12:30"`)
	return ""
}

func (r *reader) readAnswer(n *yaml.Node) *answer {
	text, ok := r.text(n, "answers")
	if !ok {
		return nil
	}
	a := &answer{node: n}
	a.rule, a.action, a.nth = splitName(text)
	return a
}

// splitName reads RULE, RULE/ACTION, RULE/N and RULE/ACTION/N.
func splitName(text string) (rule, action string, nth int) {
	parts := strings.Split(text, "/")
	rule, parts = parts[0], parts[1:]
	for _, p := range parts {
		n := 0
		if _, err := fmt.Sscanf(p, "%d", &n); err == nil && n > 0 {
			nth = n
		} else {
			action = p
		}
	}
	return rule, action, nth
}

// updateFields are the fields of an inline update: Kite's own.
var updateFields = kite.FieldNames()

// statuses are Kite's own words for an order's status.
var statuses = []string{"COMPLETE", "REJECTED", "CANCELLED", "OPEN", "TRIGGER PENDING", "UPDATE", "OPEN PENDING", "VALIDATION PENDING",
	"PUT ORDER REQ RECEIVED", "TRIGGER PENDING", "MODIFY PENDING", "MODIFY VALIDATION PENDING", "CANCEL PENDING", "MODIFIED", "AMO REQ RECEIVED"}

// readUpdate reads Kite's fields as JSON values.
func (r *reader) readUpdate(n *yaml.Node, what string) map[string]any {
	list, ok := r.fields(n, what, updateFields)
	if !ok {
		return nil
	}
	out := map[string]any{}
	for _, p := range list {
		name := p.key.Value
		var v any
		if err := p.value.Decode(&v); err != nil {
			r.fail(p.value, codeType, name+": "+err.Error(), "")
			continue
		}
		if t, isTime := v.(time.Time); isTime {
			v = t.Format(time.DateTime)
		}
		switch name {
		case "status":
			if text, ok := r.text(p.value, name); ok && !slices.Contains(statuses, text) {
				r.fail(p.value, codeUnknown, "Kite sends no status "+text, didYouMean(text, statuses))
			}
		case "transaction_type":
			if text, ok := r.text(p.value, name); ok && text != order.Buy && text != order.Sell {
				r.fail(p.value, codeUnknown, "transaction_type is BUY or SELL, not "+text, didYouMean(text, []string{order.Buy, order.Sell}))
			}
		case "order_id", "exchange_order_id", "parent_order_id":
			v = p.value.Value // an id is a text, however long
		}
		switch v.(type) {
		case map[string]any, map[any]any:
			r.fail(p.value, codeType, name+" is a single value", "")
			continue
		}
		out[name] = v
	}
	return out
}
