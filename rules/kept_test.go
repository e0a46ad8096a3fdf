package rules_test

import (
	"strings"
	"testing"

	"backstop/actions"
	"backstop/rules"
)

// TestInvariant7TheKeptRulesHoldNoSecret, and give the same rules again under the version that they had.
func TestInvariant7TheKeptRulesHoldNoSecret(t *testing.T) {
	t.Parallel()
	files := map[string]string{
		"rules/main.yaml": "version: 1\ninclude: packs/stop.yaml\nvars: { pct: \"${env.PCT}\" }\nalerts: desk\nchannels:\n" +
			"  desk: { telegram: { token: \"123456789:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\", chat_id: \"${env.CHAT}\" } }\n" +
			"rules:\n  - name: own\n    on: fill\n    when: group.filled_quantity > vars.pct\n    then:\n      - telegram: \"${order.tradingsymbol}\"\n",
		"rules/packs/stop.yaml": "version: 1\nrules:\n  - name: packed\n    on: flat\n    then:\n      - log: flat\n",
	}
	env := func(name string) (string, bool) { return map[string]string{"PCT": "7", "CHAT": "4242"}[name], true }
	o := rules.Options{Specs: actions.Builtin(), Env: env, Read: func(path string) ([]byte, error) { return []byte(files[path]), nil }}
	set, problems := rules.Parse("rules/main.yaml", []byte(files["rules/main.yaml"]), o)
	if errs := problems.Errors(); len(errs) > 0 {
		t.Fatal(errs)
	}
	kept := set.Kept()
	if len(kept.Files) != 2 || kept.Version != set.Version() {
		t.Fatalf("%+v", kept)
	}
	for _, f := range kept.Files {
		for _, secret := range []string{"AAAAAAAA", "4242"} {
			if strings.Contains(f.Text, secret) {
				t.Errorf("%s holds %s:\n%s", f.Name, secret, f.Text)
			}
		}
	}
	if !strings.Contains(kept.Files[0].Text, "${env.PCT}") {
		t.Errorf("what is no secret is gone:\n%s", kept.Files[0].Text)
	}
	again, problems, err := kept.Parse(rules.Options{Specs: actions.Builtin(), Env: env})
	if err != nil || len(problems.Errors()) > 0 {
		t.Fatal(err, problems)
	}
	if again.Version() != set.Version() || len(again.Rules()) != 2 {
		t.Errorf("version %s with %d rules, want %s", again.Version(), len(again.Rules()), set.Version())
	}
	for i, r := range set.Rules() {
		if a := again.Rules()[i]; a.Name != r.Name || a.Content() != r.Content() {
			t.Errorf("rule %s is %s now", r.Name, a.Name)
		}
	}
}

func TestARuleIsTheSameWhateverStandsAroundIt(t *testing.T) {
	t.Parallel()
	const one = "version: 1\nvars: { a: 1, b: 2 }\nrules:\n  - name: x\n    on: fill\n    when: group.open_quantity > vars.a\n    then:\n      - telegram: hello\n"
	content := func(text string) string {
		t.Helper()
		set, problems := rules.Parse("rules.yaml", []byte(text), rules.Options{Specs: actions.Builtin(), Channels: []string{"telegram"}})
		if errs := problems.Errors(); len(errs) > 0 {
			t.Fatal(errs)
		}
		r, _ := set.Rule("x")
		return r.Content()
	}
	base := content(one)
	for name, c := range map[string]struct {
		old, now string
		same     bool
	}{
		"a comment":             {"  - name: x\n", "  # here\n  - name: x\n", true},
		"the order of fields":   {"    on: fill\n    when: group.open_quantity > vars.a\n", "    when: group.open_quantity > vars.a\n    on: fill\n", true},
		"a var that it reads":   {"a: 1", "a: 3", false},
		"another var":           {"b: 2", "b: 3", true},
		"its text":              {"hello", "hallo", false},
		"its condition":         {"quantity >", "quantity <", false},
		"a rule in front of it": {"rules:\n", "rules:\n  - name: w\n    on: flat\n    then:\n      - log: w\n", true},
	} {
		if got := content(strings.Replace(one, c.old, c.now, 1)) == base; got != c.same {
			t.Errorf("%s: the same is %v, want %v", name, got, c.same)
		}
	}
}
