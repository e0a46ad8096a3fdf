package examples_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"backstop/rules"
	"backstop/rules/rulestest"
)

// TestEveryPackPassesItsOwnTests: each pack, and the rules that a first user starts from, is without a warning and has
// tests that pass and show every rule and every part of every condition.
func TestEveryPackPassesItsOwnTests(t *testing.T) {
	for _, pack := range append(packs(t), "..") {
		t.Run(filepath.Base(pack), func(t *testing.T) {
			t.Parallel()
			rulesFile, testFile := filepath.Join(pack, "rules.yaml"), filepath.Join(pack, "rules_test.yaml")
			set, problems, err := rules.Load(rulesFile, ruleOptions())
			if set == nil || len(problems) > 0 {
				t.Fatal(err, problems)
			}
			var coverage rulestest.Coverage
			runTests(t, set, testFile, rulestest.Options{Coverage: &coverage})
			list, _ := coverage.Report(set)
			for _, c := range list {
				if missing := c.Missing(); missing != "" {
					t.Errorf("%s:%d:%d: %s: %s", rulesFile, c.Line, c.Column, c.Source, missing)
				}
			}
		})
	}
}

// runTests runs a test file against its rules.
func runTests(t *testing.T, set *rules.Set, testFile string, o rulestest.Options) {
	t.Helper()
	f, problems, err := rulestest.Load(testFile)
	if err != nil {
		t.Fatal(err)
	}
	if problems = append(problems, f.Check(set)...); len(problems) > 0 {
		t.Fatal(problems)
	}
	if want := filepath.Join(filepath.Dir(testFile), "rules.yaml"); filepath.Clean(f.Rules) != want {
		t.Fatalf("it tests %s", f.Rules)
	}
	for _, r := range f.Run(set, o) {
		for _, failed := range r.Failures {
			t.Errorf("%s: %s:%d: step %d: %s\n%s", r.Name, r.File, failed.Line, failed.Step, failed.Message, sideBySide(failed))
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

// TestEveryPackIsWhole: the files, the header for editors, and a README that says how to try it, what it can't do and
// what to change; each pack stands in the table of README.md and can be recorded anew.
func TestEveryPackIsWhole(t *testing.T) {
	table := read(t, "README.md")
	for _, pack := range packs(t) {
		for name, header := range map[string]string{"rules.yaml": "rules.json", "rules_test.yaml": "tests.json"} {
			if text := read(t, filepath.Join(pack, name)); !strings.HasPrefix(text, "# yaml-language-server: $schema=../../docs/schema/"+header+"\n") {
				t.Errorf("%s/%s does not begin with its schema", pack, name)
			}
		}
		text := read(t, filepath.Join(pack, "README.md"))
		for _, line := range []string{
			"    backstop dry-run --rules examples/" + pack + "/rules.yaml examples/" + pack + "/payloads\n",
			"    backstop test examples/" + pack + " --coverage\n", "**What it can't do.** ", "**Change first.** "} {
			if !strings.Contains(text, line) {
				t.Errorf("%s/README.md lacks %q", pack, line)
			}
		}
		if !strings.Contains(table, "\n| ["+pack+"]("+pack+"/README.md) |") {
			t.Errorf("README.md's table lacks %s", pack)
		}
		if recorders[pack] == nil {
			t.Errorf("nothing records the payloads of %s", pack)
		}
	}
	for pack := range recorders {
		if !slices.Contains(packs(t), pack) {
			t.Errorf("%s is recorded and no pack", pack)
		}
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
