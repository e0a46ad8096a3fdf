package main

import "github.com/spf13/cobra"

func testRecordCommand(p *program) *cobra.Command {
	return &cobra.Command{Use: "record DECISION…", Short: "Make a test from the journal", RunE: func(*cobra.Command, []string) error { return misuse("record") }}
}
