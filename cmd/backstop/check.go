package main

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"backstop/actions"
	"backstop/rules"
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
			set, problems, err := loadRules(name, p.env, false)
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

// loadRules reads a rules file. Where it cannot be read the error says so; its mistakes are problems, and the
// set is nil where one of them is an error.
func loadRules(name string, env environment, missingIsError bool) (*rules.Set, rules.Problems, error) {
	o := rules.Options{Specs: actions.Builtin(), Env: env.lookup, MissingEnvIsError: missingIsError}
	for _, c := range actions.Reasons() {
		o.Reasons = append(o.Reasons, string(c))
	}
	if _, set := env.lookup("TELEGRAM_BOT_TOKEN"); set || !missingIsError { // else the service may have it
		o.Channels = []string{rules.SettingsChannel}
	}
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
