package main

import (
	"bytes"
	_ "embed"
	"errors"
	"io/fs"
	"os"

	"github.com/spf13/cobra"
)

// What init writes. The rules and their test are those of the project's own folder.
var (
	//go:embed demo/rules_test.yaml
	starterTest []byte
	//go:embed init/backstop.yaml
	starterSettings []byte
	//go:embed init/env
	starterEnv []byte
)

func initCommand(p *program) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "init",
		Short: "Write rules, their test, settings and .env to begin with",
		Long: `Init writes four files into the working directory: rules.yaml and rules_test.yaml (a stop behind every fill, a target,
rejections told), backstop.yaml (settings, mode dry-run) and .env (your account and Telegram bot, to be filled in; for your
eyes alone). It overwrites nothing, asks nothing and needs no network.`,
		Args: arguments(0, 0, ""),
		RunE: func(*cobra.Command, []string) error { return p.init(asJSON) },
	}
	jsonFlag(cmd, &asJSON)
	return cmd
}

// starterFile is one of the files, and how it stands after init.
type starterFile struct {
	File  string `json:"file"`
	State string `json:"state"` // written, kept, skipped
	Why   string `json:"why,omitempty"`

	text []byte
	mode fs.FileMode
}

func (p *program) init(asJSON bool) error {
	files := []*starterFile{
		{File: "rules.yaml", text: starterRules(), mode: 0o644},
		{File: "rules_test.yaml", text: withoutSchema(starterTest), mode: 0o644},
		{File: settingsFileName, text: starterSettings, mode: 0o644},
		{File: dotenvName, text: starterEnv, mode: 0o600},
	}
	for _, f := range files {
		if f.File == "rules_test.yaml" && !isStarter(files[0]) {
			f.State, f.Why = "skipped", "rules.yaml is your own"
			continue
		}
		if err := f.write(); err != nil {
			return misuse("%v", err)
		}
	}
	return p.introduceInit(files, asJSON)
}

// starterRules are the rules to begin with, without what only the project's folder has.
func starterRules() []byte {
	return bytes.Replace(withoutSchema(demoRules), []byte("# See what they would do, without a rupee at stake:  backstop dry-run examples/stop-on-fill/payloads\n"),
		[]byte("# backstop check finds mistakes, backstop test plays rules_test.yaml, backstop explain --words lists the language.\n"), 1)
}

// withoutSchema drops the first line, which names a schema that stands beside the project's own files.
func withoutSchema(text []byte) []byte {
	if first, rest, ok := bytes.Cut(text, []byte("\n")); ok && bytes.Contains(first, []byte("yaml-language-server")) {
		return rest
	}
	return text
}

// isStarter says whether a file is the one that init writes, from now or from before.
func isStarter(f *starterFile) bool {
	text, err := os.ReadFile(f.File)
	return f.State == "written" || err == nil && bytes.Equal(text, f.text)
}

// write makes the file where there is none.
func (f *starterFile) write() error {
	file, err := os.OpenFile(f.File, os.O_CREATE|os.O_EXCL|os.O_WRONLY, f.mode)
	if errors.Is(err, fs.ErrExist) {
		f.State, f.Why = "kept", "it is there already"
		return nil
	}
	if err != nil {
		return err
	}
	_, err = file.Write(f.text)
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		_ = os.Remove(f.File) // half a file is worse than none
		return err
	}
	f.State = "written"
	return nil
}

func (p *program) introduceInit(files []*starterFile, asJSON bool) error {
	for _, f := range files {
		if asJSON {
			if err := p.out.json(f); err != nil {
				return err
			}
			continue
		}
		text := f.State
		if f.Why != "" {
			text += ": " + f.Why
		}
		p.out.line("%-16s %s", f.File, text)
	}
	if asJSON {
		return nil
	}
	if note := openToOthers(dotenvName); note != "" {
		p.out.note("%s", note)
	}
	p.out.line("")
	for _, line := range initNext {
		p.out.line("%s", line)
	}
	return nil
}

// initNext is what to do next.
var initNext = []string{
	"next:",
	"  backstop check && backstop test   the rules as they stand; change them, and what their test expects",
	"  edit .env                         the app of Kite's developer console, and a Telegram bot",
	"  backstop login                    once a day; the app's redirect URL leads to /kite/callback here",
	"  backstop serve                    mode dry-run: it decides and tells, and sends nothing to Kite",
	"  backstop doctor                   what stands between you and mode live, each with its fix",
	"without an account yet: backstop demo plays a session on this machine",
}
