package main

import (
	"strings"

	"github.com/spf13/cobra"
)

// laterCommands are the commands of the language of the command line that this version does not have. They
// stand by name, so that nobody takes a refusal for a slip of the pen; each says what to do until then.
func laterCommands() []*cobra.Command {
	return []*cobra.Command{
		later("kill", "backstop pause stops new risk; exit open positions in Kite"),
	}
}

// laterActionsCommands are those of actions.
func laterActionsCommands() []*cobra.Command {
	return []*cobra.Command{
		later("approve", "nothing waits for a yes, since mode approve is not in this version either"),
		later("reject", "nothing waits for a yes, since mode approve is not in this version either"),
	}
}

// later is a command that is refused by name.
func later(name, until string) *cobra.Command {
	return &cobra.Command{
		Use: name, Short: "(not in this version)", Hidden: true,
		DisableFlagParsing: true, // whatever stands behind it, the answer is the same
		ValidArgsFunction:  cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return misuse("%s is not in this version (until then: %s)", strings.TrimPrefix(cmd.CommandPath(), "backstop "), until)
		},
	}
}
