package examples_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"backstop/actions"
	"backstop/rules"
	"backstop/rules/rulestest"
)

// TestEveryPackPassesItsOwnTests: each pack, and the rules that a first user starts from, has tests that pass and
// show every rule and every part of every condition.
func TestEveryPackPassesItsOwnTests(t *testing.T) {
	packs, err := filepath.Glob("*/rules.yaml")
	if err != nil || len(packs) < 3 {
		t.Fatal("no packs", err)
	}
	for _, pack := range append(packs, filepath.Join("..", "rules.yaml")) {
		t.Run(filepath.Base(filepath.Dir(pack)), func(t *testing.T) {
			t.Parallel()
			runTests(t, pack, filepath.Join(filepath.Dir(pack), "rules_test.yaml"))
		})
	}
}

func runTests(t *testing.T, rulesFile, testFile string) {
	t.Helper()
	o := rules.Options{Specs: actions.Builtin(), Channels: []string{rules.SettingsChannel}}
	for _, c := range actions.Reasons() {
		o.Reasons = append(o.Reasons, string(c))
	}
	set, problems, err := rules.Load(rulesFile, o)
	if set == nil {
		t.Fatal(err, problems)
	}
	f, problems, err := rulestest.Load(testFile)
	if err != nil {
		t.Fatal(err)
	}
	if problems = f.Check(set); len(problems) > 0 {
		t.Fatal(problems)
	}
	if filepath.Clean(f.Rules) != filepath.Clean(rulesFile) {
		t.Fatalf("it tests %s", f.Rules)
	}
	var coverage rulestest.Coverage
	for _, r := range f.Run(set, rulestest.Options{Coverage: &coverage}) {
		for _, failed := range r.Failures {
			t.Errorf("%s: %s:%d: step %d: %s\n%s", r.Name, r.File, failed.Line, failed.Step, failed.Message, sideBySide(failed))
		}
	}
	list, _ := coverage.Report(set)
	for _, c := range list {
		if missing := c.Missing(); missing != "" {
			t.Errorf("%s:%d:%d: %s: %s", rulesFile, c.Line, c.Column, c.Source, missing)
		}
	}
}

func sideBySide(f rulestest.Failure) string {
	var b strings.Builder
	for i := range f.Expected {
		fmt.Fprintf(&b, "  %-60s %s\n", f.Expected[i], f.Got[i])
	}
	return b.String() + strings.Join(f.Why, "\n")
}
