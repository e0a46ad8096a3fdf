package main

import (
	"cmp"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// release is the version's name; a release build sets it with -ldflags "-X main.release=v1.2.3".
var release string

// build is what is known of this binary.
type build struct {
	Version  string `json:"version"`
	Commit   string `json:"commit"` // with "+changes" where the tree was not clean
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

// buildOf reads what the Go command wrote into the binary.
func buildOf() build {
	b := build{Version: release, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			switch {
			case s.Key == "vcs.revision":
				b.Commit = s.Value[:min(12, len(s.Value))] + b.Commit
			case s.Key == "vcs.modified" && s.Value == "true":
				b.Commit += "+changes"
			}
		}
	}
	b.Version = cmp.Or(b.Version, "development")
	return b
}

func versionCommand(p *program) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "version", Short: "Print which Backstop this is", Args: arguments(0, 0, ""),
		RunE: func(*cobra.Command, []string) error {
			b := buildOf()
			if asJSON {
				return p.out.json(b)
			}
			commit := ""
			if b.Commit != "" {
				commit = " " + b.Commit
			}
			p.out.line("backstop %s%s (%s, %s)", b.Version, commit, b.Go, b.Platform)
			return nil
		},
	}
	jsonFlag(cmd, &asJSON)
	return cmd
}

// jsonFlag gives a command --json.
func jsonFlag(cmd *cobra.Command, asJSON *bool) {
	cmd.Flags().BoolVar(asJSON, "json", false, "one JSON object a line on standard output")
}
