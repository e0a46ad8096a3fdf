package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"backstop/actions"
	"backstop/rules"
	"backstop/rules/rulestest"
)

func checkCommand(p *program) *cobra.Command {
	var asJSON, strict bool
	var explain string
	cmd := &cobra.Command{
		Use:   "check [RULES]",
		Short: "Find every mistake in the rules at once",
		Long: `Check reads the rules as the service would and prints every mistake at once: file:line:column, the line and a
caret, and a code that --explain and docs/check.md explain. It needs no network and no secrets. Exit code 0 where nothing or only warnings are found (--strict: 1 for
warnings too), 1 for errors, 2 for a file that cannot be read.`,
		Args: arguments(0, 1, ""),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return []string{"yaml", "yml"}, cobra.ShellCompDirectiveFilterFileExt
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if explain != "" {
				return p.explainCode(explain)
			}
			s, err := p.settings(cmd)
			if err != nil {
				return err
			}
			name := s.text("rules")
			if len(args) > 0 {
				name = args[0]
			}
			set, problems, err := checkRules(name, p.env, s.accountIDs())
			if err != nil {
				return err
			}
			return p.reportProblems(name, set, problems, asJSON, strict)
		},
	}
	settingFlags(cmd, "rules")
	jsonFlag(cmd, &asJSON)
	cmd.Flags().StringVar(&explain, "explain", "", "print what a code means, such as BS201, with a wrong and a right example")
	cmd.Flags().BoolVar(&strict, "strict", false, "exit 1 for warnings too")
	return cmd
}

// explainCode prints the page of a code.
func (p *program) explainCode(name string) error {
	c, ok := rules.CodeNamed(name)
	if !ok {
		last := rules.Codes()[len(rules.Codes())-1]
		return misuse("there is no code %s: they go from %s to %s, and docs/check.md lists them", name, rules.Codes()[0].ID, last.ID)
	}
	p.out.line("%s", strings.TrimRight(c.Page(), "\n"))
	return nil
}

// checkRules reads a rules file, and looks at which of its rules the tests beside it cover.
func checkRules(name string, env environment, accounts []string) (*rules.Set, rules.Problems, error) {
	set, problems, err := loadRules(name, env, false, accounts...)
	if err != nil || set == nil {
		return set, problems, err
	}
	tested, err := testedRulesOf(name, set)
	if err != nil || tested == nil {
		return set, problems, err
	}
	o := ruleOptions(env, false)
	o.Accounts = accounts
	o.Tested = func(rule string) bool { return tested[rule] }
	set, problems, err = rules.Load(name, o)
	if err != nil {
		return nil, nil, misuse("%v", err)
	}
	return set, problems, nil
}

// testedRulesOf are the rules that a test beside the file makes act; nil: no test file is of these rules. Files
// with mistakes count as nothing tested: backstop test tells of them.
func testedRulesOf(name string, set *rules.Set) (map[string]bool, error) {
	files, err := testFiles(name, nil)
	if err != nil {
		return nil, err
	}
	var out map[string]bool
	for _, file := range files {
		f, problems, err := rulestest.Load(file)
		if err != nil || !sameFile(f.Rules, name) {
			continue
		}
		if out == nil {
			out = map[string]bool{}
		}
		if len(problems) > 0 || len(f.Check(set)) > 0 {
			continue
		}
		var coverage rulestest.Coverage
		f.Run(set, rulestest.Options{Coverage: &coverage})
		list, _ := coverage.Report(set)
		for _, c := range list {
			if c.Where == rulestest.Acts && c.True > 0 {
				out[c.Rule] = true
			}
		}
	}
	return out, nil
}

func sameFile(a, b string) bool {
	x, errA := os.Stat(a)
	y, errB := os.Stat(b)
	return errA == nil && errB == nil && os.SameFile(x, y)
}

// ruleOptions are what a rules file is checked against.
func ruleOptions(env environment, missingIsError bool) rules.Options {
	o := rules.Options{Specs: actions.Builtin(), Env: env.lookup, MissingEnvIsError: missingIsError}
	for _, c := range actions.Reasons() {
		o.Reasons = append(o.Reasons, string(c))
	}
	if _, set := env.lookup("TELEGRAM_BOT_TOKEN"); set || !missingIsError { // else the service may have it
		o.Channels = []string{rules.SettingsChannel}
	}
	return o
}

// loadRules reads a rules file. Where it cannot be read the error says so; its mistakes are problems, and the
// set is nil where one of them is an error.
func loadRules(name string, env environment, missingIsError bool, accounts ...string) (*rules.Set, rules.Problems, error) {
	o := ruleOptions(env, missingIsError)
	o.Accounts = accounts
	set, problems, err := rules.Load(name, o)
	if err != nil {
		return nil, nil, misuse("%v", err)
	}
	return set, problems, nil
}

// reportProblems prints what check found and gives its exit code.
func (p *program) reportProblems(name string, set *rules.Set, problems rules.Problems, asJSON, strict bool) error {
	for _, problem := range append(problems.Errors(), problems.Warnings()...) { // what must be mended first
		if asJSON {
			if err := p.out.json(problem); err != nil {
				return err
			}
			continue
		}
		p.out.line("%s", p.problem(problem))
	}
	errors, warnings := len(problems.Errors()), len(problems.Warnings())
	counts := fmt.Sprintf("%s: %s, %s", filepath.Base(name), plural(errors, "error"), plural(warnings, "warning"))
	switch {
	case errors > 0, strict && warnings > 0:
		return found("%s", counts)
	case asJSON:
	case warnings > 0:
		p.out.note("%s: good to run", counts)
	default:
		p.out.line("%s: %s, %s", filepath.Base(name), plural(len(set.Rules()), "rule"), p.out.good("no problems"))
	}
	return nil
}

// problem is a problem's text, its severity in colour.
func (p *program) problem(problem rules.Problem) string {
	text := printableLines(problem.String())
	if problem.Severity == rules.SeverityError {
		return p.out.colourWord(text, string(problem.Severity)+":", p.out.bad)
	}
	return p.out.colourWord(text, string(problem.Severity)+":", p.out.warn)
}
