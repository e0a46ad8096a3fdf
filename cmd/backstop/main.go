// Command backstop puts rules behind every order update that Zerodha's Kite Connect sends.
//
// This package is the command line and the only place that knows all others: it turns flags, environment and
// backstop.yaml into their options, and what they say into text or JSON. It promises the exit codes and the
// forms of output that the head of output.go lists, and that no secret is ever printed. It decides nothing about
// orders. TestScripts, which runs testdata/script, fails first where a promise breaks.
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the program at once
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr, os.Environ()))
}

// program is what a command may touch of the world outside.
type program struct {
	stdin  io.Reader
	out    *printer
	stderr io.Writer
	env    environment
	warned bool // that .env is open to others
}

// environment is the process's environment. A variable that is set to nothing counts as not set.
type environment map[string]string

func environmentOf(list []string) environment {
	env := environment{}
	for _, entry := range list {
		if name, value, ok := strings.Cut(entry, "="); ok && name != "" && value != "" {
			env[name] = value
		}
	}
	return env
}

// lookup is the variable's value, and whether it is set.
func (e environment) lookup(name string) (string, bool) {
	value, ok := e[name]
	return value, ok
}

// run is the whole program: it runs one command and returns the exit code.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer, environ []string) int {
	env := environmentOf(environ)
	p := &program{stdin: stdin, stderr: stderr, env: env, out: newPrinter(stdout, stderr, env)}
	root := rootCommand(p)
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	return p.out.finish(root.ExecuteContext(ctx))
}

// rootCommand is the table of commands: what a user sees first comes first.
func rootCommand(p *program) *cobra.Command {
	cobra.EnableCommandSorting = false // the table below is in the order of a user's days
	root := &cobra.Command{
		Use:   "backstop",
		Short: "Rules behind every order update that Zerodha's Kite Connect sends",
		Long: `Backstop puts rules behind every order update that Zerodha's Kite Connect sends: a stop-loss behind a fill,
the sibling cancelled, a Telegram message on a rejection.

Begin with: backstop demo`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cmd.Help()
			}
			return unknownCommand(cmd, args[0])
		},
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return misuse("%s (see %s --help)", err, cmd.CommandPath())
	})
	root.PersistentFlags().String("config", "", "settings file (default backstop.yaml where there is one)")
	root.AddCommand(
		demoCommand(p),
		initCommand(p),
		serveCommand(p),
		loginCommand(p), logoutCommand(p),
		doctorCommand(p),
		statusCommand(p), pauseCommand(p), resumeCommand(p), adoptCommand(p), reloadCommand(p),
		checkCommand(p),
		dryRunCommand(p),
		replayCommand(p),
		testCommand(p),
		explainCommand(p),
		schemaCommand(p),
		journalCommand(p),
		actionsCommand(p),
		paperCommand(p),
		versionCommand(p),
	)
	root.AddCommand(laterCommands()...)
	root.InitDefaultCompletionCmd()
	for _, c := range root.Commands() {
		if c.Name() == "completion" { // cobra's own answers a shell that there is not with its help, and exit 0
			c.Args, c.RunE = cobra.ArbitraryArgs, onlyHolds("completion")
		}
	}
	return root
}

// unknownCommand names the nearest command.
func unknownCommand(cmd *cobra.Command, name string) error {
	cmd.SuggestionsMinimumDistance = 2
	if near := cmd.SuggestionsFor(name); len(near) > 0 {
		return misuse("no command %q: did you mean %s?", name, strings.Join(near, " or "))
	}
	return misuse("no command %q: %s --help lists them", name, cmd.CommandPath())
}

// parent is a command that only holds others.
func parent(use, short string, commands ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{
		Use: use, Short: short, Args: cobra.ArbitraryArgs, RunE: onlyHolds(use),
	}
	cmd.AddCommand(commands...)
	return cmd
}

// onlyHolds is what a command that only holds others does by itself: it is wrong use.
func onlyHolds(use string) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return misuse("%s wants one of its commands: %s --help lists them", use, cmd.CommandPath())
		}
		return unknownCommand(cmd, args[0])
	}
}

// arguments refuses a wrong number of arguments in words of the command itself; atMost -1 is without end.
func arguments(atLeast, atMost int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) < atLeast:
			return misuse("%s wants %s: %s", cmd.Name(), what, cmd.UseLine())
		case atMost == 0 && len(args) > 0:
			return misuse("%s takes no argument, not %q: %s", cmd.Name(), args[0], cmd.UseLine())
		case atMost >= 0 && len(args) > atMost:
			return misuse("%s takes no further argument %q: %s", cmd.Name(), args[atMost], cmd.UseLine())
		}
		return nil
	}
}
