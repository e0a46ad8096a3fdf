package rulestest_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"backstop/actions"
	"backstop/engine/order"
	"backstop/rules"
	"backstop/rules/rulestest"
)

var rewrite = flag.Bool("update", false, "rewrite the .want files")

func load(t *testing.T, name string) *rules.Set {
	t.Helper()
	o := rules.Options{Specs: actions.Builtin(), Channels: []string{rules.SettingsChannel}}
	for _, c := range actions.Reasons() {
		o.Reasons = append(o.Reasons, string(c))
	}
	set, problems, err := rules.Load(name, o)
	if set == nil {
		t.Fatal(err, problems)
	}
	return set
}

func read(t *testing.T, name string) (*rulestest.File, *rules.Set) {
	t.Helper()
	f, problems, err := rulestest.Load(name)
	if err != nil || len(problems) > 0 {
		t.Fatal(err, problems)
	}
	set := load(t, f.Rules)
	if problems := f.Check(set); len(problems) > 0 {
		t.Fatal(problems)
	}
	return f, set
}

// report is what a run says of every test.
func report(results []rulestest.Result) string {
	var b strings.Builder
	for _, r := range results {
		fmt.Fprintf(&b, "%s: passed %v\n", r.Name, r.Passed)
		for _, f := range r.Failures {
			fmt.Fprintf(&b, "  %d:%d: step %d: %s\n", f.Line, f.Column, f.Step, f.Message)
			for i := range f.Expected {
				fmt.Fprintf(&b, "    %s | %s\n", f.Expected[i], f.Got[i])
			}
			for _, why := range f.Why {
				fmt.Fprintf(&b, "    # %s\n", why)
			}
		}
	}
	return b.String()
}

// TestTheLanguageItself: Backstop's own meaning as scenarios, decided by the code that trades.
func TestTheLanguageItself(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*_test.yaml")
	if err != nil || len(files) < 8 {
		t.Fatal("too few scenarios", files, err)
	}
	for _, name := range files {
		t.Run(filepath.Base(name), func(t *testing.T) {
			t.Parallel()
			f, set := read(t, name)
			results := f.Run(set, rulestest.Options{})
			if len(results) == 0 {
				t.Fatal("no test in it")
			}
			for _, r := range results {
				if !r.Passed {
					t.Error(report([]rulestest.Result{r}))
				}
			}
		})
	}
}

// golden compares a text with the file beside its source.
func golden(t *testing.T, source, got string) {
	t.Helper()
	name := strings.TrimSuffix(source, filepath.Ext(source)) + ".want"
	if *rewrite {
		if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s:\n%s\nwant\n%s", source, got, want)
	}
}

// TestFailuresStandSideBySideWithTheirReason: what is shown of a step that did not go as expected.
func TestFailuresStandSideBySideWithTheirReason(t *testing.T) {
	t.Parallel()
	files, _ := filepath.Glob("testdata/failing/*.yaml")
	if len(files) == 0 {
		t.Fatal("no files")
	}
	for _, name := range files {
		f, set := read(t, name)
		results := f.Run(set, rulestest.Options{})
		for _, r := range results {
			if r.Passed {
				t.Errorf("%s: %s passed", name, r.Name)
			}
		}
		golden(t, name, report(results))
	}
}

// TestMistakesInTestFiles: every mistake at once, at its place, with the nearest word.
func TestMistakesInTestFiles(t *testing.T) {
	t.Parallel()
	files, _ := filepath.Glob("testdata/bad/*.yaml")
	if len(files) == 0 {
		t.Fatal("no files")
	}
	for _, name := range files {
		f, problems, err := rulestest.Load(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(f.Rules); err == nil {
			problems = f.Check(load(t, f.Rules))
		} else if len(problems) == 0 {
			problems = f.RulesProblem(fmt.Errorf("%s is not there", filepath.Base(f.Rules)))
		}
		if len(problems) == 0 {
			t.Errorf("%s: no mistake found", name)
		}
		golden(t, name, problems.Error()+"\n")
	}
}

// TestUpdateRewritesInPlace: what is not met becomes what happens; what is met, the layout and comments stay; and
// afterwards every test passes.
func TestUpdateRewritesInPlace(t *testing.T) {
	t.Parallel()
	files, _ := filepath.Glob("testdata/update/*.yaml")
	if len(files) == 0 {
		t.Fatal("no files")
	}
	here, err := filepath.Abs("testdata/rules.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		src, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, ends := range []string{"\n", "\r\n"} {
			work := filepath.Join(t.TempDir(), "x.yaml")
			text := strings.ReplaceAll(strings.Replace(string(src), "rules: ../rules.yaml", "rules: "+here, 1), "\n", ends)
			if err := os.WriteFile(work, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
			f, set := read(t, work)
			n, err := f.Update(set, rulestest.Options{})
			if err != nil || n == 0 {
				t.Fatal(n, err)
			}
			got, err := os.ReadFile(work)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Count(string(got), "\r\n") != 0 && ends == "\n" || ends == "\r\n" && strings.Count(string(got), "\n") != strings.Count(string(got), "\r\n") {
				t.Errorf("%s: mixed line ends", name)
			}
			golden(t, name, strings.Replace(strings.ReplaceAll(string(got), "\r\n", "\n"), "rules: "+here, "rules: ../rules.yaml", 1))
			f, set = read(t, work)
			for _, r := range f.Run(set, rulestest.Options{}) {
				if !r.Passed {
					t.Errorf("%s: after the rewriting:\n%s", name, report([]rulestest.Result{r}))
				}
			}
			if n, err := f.Update(set, rulestest.Options{}); n != 0 || err != nil {
				t.Errorf("%s: a second rewriting changes %d more, %v", name, n, err)
			}
		}
	}
}

// TestCoverageSeesEachPartTrueAndFalse: parts that were decided before they were reached don't count.
func TestCoverageSeesEachPartTrueAndFalse(t *testing.T) {
	t.Parallel()
	f, problems := rulestest.Parse("testdata/x.yaml", []byte(`
tests:
  - name: one
    steps:
      - update: { tag: stop }
        expect: [place_stop_loss]
      - update: { order_id: "2", tag: other, transaction_type: SELL }
        expect: []
`))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	set := load(t, "testdata/rules.yaml")
	var c rulestest.Coverage
	f.Run(set, rulestest.Options{Coverage: &c})
	list, percent := c.Report(set)
	said := map[string]string{}
	for _, x := range list {
		if x.Rule == "stop" || x.Rule == "out" {
			said[x.Source] = x.Missing()
		}
	}
	for source, want := range map[string]string{
		"stop": "",
		`order.role == "entry" and order.tag == "stop"`: "",
		`order.role == "entry"`:                         "",
		`order.tag == "stop"`:                           "never false",
		"out":                                           "never acted",
		`order.tag == "out"`:                            "never evaluated",
	} {
		if got, ok := said[source]; !ok || got != want {
			t.Errorf("%s: %q, want %q", source, got, want)
		}
	}
	if percent < 20 || percent > 60 {
		t.Errorf("%v %%", percent)
	}
}

// TestOnlyTheTestsAskedFor run.
func TestOnlyTheTestsAskedFor(t *testing.T) {
	t.Parallel()
	f, set := read(t, "testdata/fills_test.yaml")
	results := f.Run(set, rulestest.Options{Run: regexp.MustCompile("^partial")})
	if len(results) != 1 || results[0].Name != "partial fills add up to the filled quantity" {
		t.Error(results)
	}
}

// FuzzParse: no input makes the reader panic or hang.
func FuzzParse(f *testing.F) {
	for _, pattern := range []string{"testdata/*.yaml", "testdata/*/*.yaml"} {
		files, _ := filepath.Glob(pattern)
		for _, name := range files {
			text, _ := os.ReadFile(name)
			f.Add(text)
		}
	}
	f.Add([]byte("a: &a [*a]\n"))
	f.Add([]byte("tests: &t\n  - *t\n"))
	f.Add([]byte("tests:\n\t- name: x"))
	f.Fuzz(func(t *testing.T, text []byte) {
		file, _ := rulestest.Parse("x_test.yaml", text)
		for _, p := range file.Check(empty(t)) {
			_ = p.String()
		}
	})
}

func empty(t *testing.T) *rules.Set {
	set, problems := rules.Parse("rules.yaml", []byte("version: 1\nrules:\n  - name: a\n    on: fill\n    then: [cancel_order]\n"), rules.Options{Specs: actions.Builtin()})
	if set == nil {
		t.Fatal(problems)
	}
	return set
}

// TestARecordedScheduleIsPlayedAtItsTime: what came in two instruments, then the time at which a schedule acted on both.
func TestARecordedScheduleIsPlayedAtItsTime(t *testing.T) {
	set, problems := rules.Parse("rules.yaml", []byte(`
version: 1
rules:
  - name: flat
    on: { schedule: "12 15 * * 1-5" }
    then:
      - exit_position: {}
        of: account
`), rules.Options{Specs: actions.Builtin()})
	if errs := problems.Errors(); len(errs) > 0 {
		t.Fatal(errs)
	}
	at := time.Date(2026, 11, 23, 15, 10, 0, 0, order.IST)
	fill := func(id, symbol string) rulestest.RecordedUpdate {
		return rulestest.RecordedUpdate{At: at, Update: order.Update{Account: "AB1234", PlacedBy: "AB1234", OrderID: id, Status: order.StatusComplete, Exchange: "NSE", Tradingsymbol: symbol,
			TransactionType: "BUY", Product: "MIS", OrderType: "LIMIT", Quantity: 10, FilledQuantity: 10, Price: 100 * order.Rupee, AveragePrice: 100 * order.Rupee}}
	}
	text := rulestest.Record("rules.yaml", "AB1234", []rulestest.Recorded{{Name: "flat at 15:12", Rule: "flat", Said: "matched",
		Updates: []rulestest.RecordedUpdate{fill("1", "INFY"), fill("2", "SBIN")}, At: at.Add(2 * time.Minute)}})
	f, found := rulestest.Parse("recorded_test.yaml", []byte(text))
	if len(found) > 0 {
		t.Fatal(found, text)
	}
	text, _ = f.Rewritten(set, rulestest.Options{})
	if f, found = rulestest.Parse("recorded_test.yaml", []byte(text)); len(found) > 0 || strings.Count(text, "exit_position") != 2 || !strings.Contains(text, `at: "15:12:00"`) {
		t.Fatal(found, text)
	}
	for _, r := range f.Run(set, rulestest.Options{}) {
		if !r.Passed {
			t.Error(text, report([]rulestest.Result{r}))
		}
	}
}
