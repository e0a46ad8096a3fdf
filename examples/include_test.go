package examples_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"backstop/rules"
	"backstop/rules/rulestest"
)

// TestPacksGoTogetherInOneFile: the file that README.md shows, with the including file's vars.
func TestPacksGoTogetherInOneFile(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	shown := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindSubmatch(readme)
	if shown == nil {
		t.Fatal("README.md shows no file")
	}
	here, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	file := write("rules.yaml", strings.ReplaceAll(string(shown[1]), "examples/", filepath.ToSlash(here)+"/examples/"))
	set, problems, err := rules.Load(file, ruleOptions())
	if set == nil || len(problems) > 0 {
		t.Fatal(err, problems)
	}
	var names []string
	for _, r := range set.Rules() {
		names = append(names, r.Name)
	}
	for _, name := range []string{"stop", "target", "losses-reached", "day-flat-at-1512", "too-many"} {
		if !slices.Contains(names, name) {
			t.Errorf("no rule %s among %v", name, names)
		}
	}
	runTests(t, set, write("rules_test.yaml", `
rules: rules.yaml
defaults: { exchange: NFO, tradingsymbol: NIFTY26DEC24500CE, product: MIS, quantity: 650, price: 100 }
tests:
  - name: the numbers are those of the including file
    steps:
      - update: { status: COMPLETE }
        expect:
          - place_stop_loss: { trigger_price: 75 }
          - place_target: { price: 150 }
      - prices: { "NFO:NIFTY26DEC24500CE": 92 }     # 5200 down: the guardrail follows its var
        expect:
          - event: guardrail
          - exit_position: { rule: loss-reached }
      - answers: stop                               # the stop was turned into the exit
        update: { status: COMPLETE, average_price: 92 }
        expect:
          - event: { kind: flat, cause: exit }
      - update: { order_id: "2", status: OPEN, quantity: 65 }
        expect:
          - cancel_order: { rule: no-more-entries }
      - update: { order_id: "3", status: COMPLETE, quantity: 65 }
      - at: "15:12"
        expect:
          - exit_position: { rule: day-flat-at-1512 }
`), rulestest.Options{})
}
