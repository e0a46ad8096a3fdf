package main

import (
	"strings"

	"github.com/spf13/cobra"

	"backstop/actions"
	"backstop/rules"
)

func schemaCommand(p *program) *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of a rules file, for editors",
		Long: `Schema prints the JSON Schema (2020-12) of a rules file. An editor with a YAML language server then completes fields,
kinds and actions, and underlines mistakes as one types. The files that Backstop ships name it in their first line:

  # yaml-language-server: $schema=docs/schema/rules.json`,
		Args: arguments(0, 0, ""),
		RunE: func(*cobra.Command, []string) error {
			p.out.line("%s", strings.TrimSpace(string(rules.Schema(actions.Builtin()))))
			return nil
		},
	}
}
