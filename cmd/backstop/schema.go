package main

import (
	"strings"

	"github.com/spf13/cobra"

	"backstop/actions"
	"backstop/rules"
	"backstop/rules/rulestest"
)

func schemaCommand(p *program) *cobra.Command {
	var tests bool
	cmd := &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of a rules file or a test file, for editors",
		Long: `Schema prints the JSON Schema (2020-12) of a rules file, or with --tests of a file of rule tests. An editor with a YAML language server then completes fields,
kinds and actions, and underlines mistakes as one types. The files that Backstop ships name it in their first line:

  # yaml-language-server: $schema=docs/schema/rules.json`,
		Args: arguments(0, 0, ""),
		RunE: func(*cobra.Command, []string) error {
			schema := rules.Schema(actions.Builtin())
			if tests {
				schema = rulestest.Schema()
			}
			p.out.line("%s", strings.TrimSpace(string(schema)))
			return nil
		},
	}
	cmd.Flags().BoolVar(&tests, "tests", false, "of a file of rule tests (*_test.yaml)")
	return cmd
}
