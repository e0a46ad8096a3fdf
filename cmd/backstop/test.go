package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"backstop/rules"
	"backstop/rules/rulestest"
)

func testCommand(p *program) *cobra.Command {
	t := &testRun{p: p}
	cmd := &cobra.Command{
		Use:   "test [FILE…]",
		Short: "Run the tests of the rules",
		Long: `Test plays scenarios (*_test.yaml) through the very code that trades, in virtual time, and compares what would be
done, asked of the broker and told with what each step expects. It needs no network and no secrets. Without arguments
it runs the tests beside the rules; a folder stands for every *_test.yaml below it. docs/testing.md has the language.

Exit code 0 where every test passed; 1 where one failed, a file has mistakes, coverage is below --coverage-min, or
nothing was run; 2 for a file that cannot be read.`,
		Example: `  backstop test
  backstop test examples --run 'partial' --coverage`,
		Args: arguments(0, -1, ""),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return []string{"yaml"}, cobra.ShellCompDirectiveFilterFileExt
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := p.settings(cmd)
			if err != nil {
				return err
			}
			t.gate = cmd.Flags().Changed("coverage-min")
			return t.run(s.text("rules"), args)
		},
	}
	settingFlags(cmd, "rules")
	jsonFlag(cmd, &t.json)
	cmd.Flags().BoolVar(&t.coverage, "coverage", false, "show which rules acted, and which parts of conditions were seen true and false")
	cmd.Flags().Float64Var(&t.least, "coverage-min", 0, "exit 1 where coverage is below so many per cent")
	cmd.Flags().StringVar(&t.junit, "junit", "", "write the results to this file as JUnit XML too")
	cmd.Flags().StringVar(&t.pattern, "run", "", "only tests whose name this regular expression finds")
	cmd.Flags().BoolVar(&t.update, "update", false, "rewrite expectations that are not met to what happens; comments stay")
	cmd.AddCommand(testRecordCommand(p))
	return cmd
}

// testRun is one run of backstop test.
type testRun struct {
	p        *program
	json     bool
	coverage bool
	gate     bool
	least    float64
	junit    string
	pattern  string
	update   bool

	only    *regexp.Regexp
	sets    map[string]*testedRules // by path
	order   []string
	results []rulestest.Result
	count   int // tests in the files, asked for or not
	bad     int // files with mistakes
	many    bool
}

// testedRules are a rules file and what the tests have shown of it.
type testedRules struct {
	set      *rules.Set // nil: it has errors
	coverage rulestest.Coverage
}

func (t *testRun) run(rulesFile string, args []string) error {
	t.sets = map[string]*testedRules{}
	if t.pattern != "" {
		only, err := regexp.Compile(t.pattern)
		if err != nil {
			return misuse("--run %s: %v", t.pattern, err)
		}
		t.only = only
	}
	files, err := testFiles(rulesFile, args)
	if err != nil {
		return err
	}
	t.many = len(files) > 1
	for _, name := range files {
		if err := t.file(name); err != nil {
			return err
		}
	}
	if t.junit != "" {
		if err := writeJUnit(t.junit, t.results); err != nil {
			return misuse("junit: %v", err)
		}
	}
	low := t.reportCoverage()
	return t.end(rulesFile, files, low)
}

// end says what came of it all.
func (t *testRun) end(rulesFile string, files []string, low []string) error {
	failed := 0
	for _, r := range t.results {
		if !r.Passed {
			failed++
		}
	}
	switch {
	case len(files) == 0:
		return found("no test file: write one beside %s, named *_test.yaml (docs/testing.md)", rulesFile)
	case t.bad > 0 && failed == 0:
		return found("%s with mistakes: not run", plural(t.bad, "file"))
	case len(t.results) == 0 && t.count > 0:
		return found("no test was run: --run %s finds none of %d", t.pattern, t.count)
	case len(t.results) == 0:
		return found("no test was run: %s none", holds(len(files)))
	case failed > 0 && t.bad > 0:
		return found("%d of %s failed; %s with mistakes: not run", failed, plural(len(t.results), "test"), plural(t.bad, "file"))
	case failed > 0:
		return found("%d of %s failed", failed, plural(len(t.results), "test"))
	case len(low) > 0:
		return found("%s", strings.Join(low, "; "))
	}
	if !t.json {
		t.p.out.line("%s: %s", plural(len(t.results), "test"), t.p.out.good("all passed"))
	}
	return nil
}

func holds(files int) string {
	if files == 1 {
		return "the file holds"
	}
	return "the files hold"
}

// testFiles are the files that the arguments name; without any those beside the rules.
func testFiles(rulesFile string, args []string) ([]string, error) {
	if len(args) == 0 {
		files, err := filepath.Glob(filepath.Join(filepath.Dir(rulesFile), "*_test.yaml"))
		if err != nil {
			return nil, misuse("%v", err)
		}
		return files, nil
	}
	var files []string
	for _, arg := range args {
		info, err := os.Stat(arg)
		switch {
		case err != nil:
			return nil, misuse("%v", err)
		case !info.IsDir():
			files = append(files, arg)
			continue
		}
		err = filepath.WalkDir(arg, func(path string, d fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case d.IsDir() && path != arg && strings.HasPrefix(d.Name(), "."):
				return filepath.SkipDir
			case !d.IsDir() && strings.HasSuffix(d.Name(), "_test.yaml"):
				files = append(files, path)
			}
			return nil
		})
		if err != nil {
			return nil, misuse("%v", err)
		}
	}
	return files, nil
}

// file runs one test file and tells its results as they come.
func (t *testRun) file(name string) error {
	f, problems, err := rulestest.Load(name)
	if err != nil {
		return misuse("%v", err)
	}
	tested, err := t.rules(f.Rules)
	switch {
	case err != nil && len(problems) == 0:
		t.bad++
		return t.tellProblems(f.RulesProblem(err))
	case err == nil && tested.set == nil:
		t.bad++
		if len(problems) > 0 {
			return t.tellProblems(problems)
		}
		return nil // the rules' own mistakes are told
	case err == nil:
		problems = f.Check(tested.set)
	}
	if len(problems) > 0 {
		t.bad++
		return t.tellProblems(problems)
	}
	t.count += len(f.Tests)
	if t.many && !t.json {
		t.p.out.line("%s", t.p.out.faint(name))
	}
	o := rulestest.Options{Run: t.only, Coverage: &tested.coverage}
	if t.update {
		n, err := f.Update(tested.set, o)
		if err != nil {
			return misuse("update: %v", err)
		}
		if n > 0 {
			t.p.out.note("%s: %s rewritten: read what changed before you keep it", name, plural(n, "expectation"))
			if f, problems, err = rulestest.Load(name); err != nil || len(problems) > 0 {
				return found("%s can't be read after it was rewritten: %v", name, problems)
			}
			f.Check(tested.set)
		}
	}
	for _, r := range f.Run(tested.set, o) {
		t.results = append(t.results, r)
		if t.json {
			if err := t.p.out.json(r); err != nil {
				return err
			}
			continue
		}
		t.tell(&r)
	}
	t.p.out.flush()
	return nil
}

// rules loads a rules file once; its mistakes are told once.
func (t *testRun) rules(name string) (*testedRules, error) {
	if have, ok := t.sets[name]; ok {
		return have, nil
	}
	set, problems, err := loadRules(name, t.p.env, false)
	if err != nil {
		return nil, err
	}
	tested := &testedRules{set: set}
	t.sets[name] = tested
	t.order = append(t.order, name)
	if set == nil {
		return tested, t.tellProblems(problems.Errors())
	}
	return tested, nil
}

func (t *testRun) tellProblems(problems rules.Problems) error {
	for _, problem := range problems {
		if t.json {
			if err := t.p.out.json(problem); err != nil {
				return err
			}
			continue
		}
		t.p.out.line("%s", t.p.problem(problem))
	}
	t.p.out.flush()
	return nil
}

// reportCoverage shows what the tests have shown of each rules file, and says which are below the gate.
func (t *testRun) reportCoverage() (low []string) {
	if !t.coverage && !t.gate {
		return nil
	}
	slices.Sort(t.order)
	for _, name := range t.order {
		tested := t.sets[name]
		if tested.set == nil {
			continue
		}
		list, percent := tested.coverage.Report(tested.set)
		if t.gate && percent < t.least {
			low = append(low, strings.TrimSpace(coverageLine(name, percent)+" is below "+shortPercent(t.least)))
		}
		if !t.coverage {
			continue
		}
		if t.json {
			_ = t.p.out.json(coverageObject{coverageOf{name, percent, list}}) // plain data: it always encodes
			continue
		}
		t.tellCoverage(name, list, percent)
	}
	return low
}

// coverageObject is the line of a rules file under --json --coverage.
type coverageObject struct {
	Coverage coverageOf `json:"coverage"`
}

type coverageOf struct {
	File    string              `json:"file"`
	Percent float64             `json:"percent"`
	Parts   []rulestest.Covered `json:"parts"`
}
