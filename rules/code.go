package rules

import (
	"slices"
	"strings"
)

// Code is one kind of mistake or warning that a file can have. The tables of codes_*.go are the only place where
// one is declared: what reports a mistake names it by its slug, `check` shows its ID, docs/check.md and
// `check --explain` are made from it, and a test proves that its wrong example gives this code and nothing else,
// and that its right one gives nothing.
//
// A new code takes the next free number of its range and is never given to another mistake: 1xx the file and what
// YAML makes of it, 2xx fields, names and values, 3xx expressions and words, all of them errors; 5xx conditions
// and texts that hardly mean what was wanted, 6xx positions and money, 7xx the file as a whole, warnings.
type Code struct {
	ID          string // BS101
	Slug        string // unknown-field
	Severity    Severity
	Title       string
	Explanation string
	// Wrong and Right are whole files, single rules (`- name: …`) or fields of the top.
	Wrong, Right string
}

// Codes are all codes in the order of their numbers.
func Codes() []Code {
	return slices.Concat(codesOfFile, codesOfFields, codesOfExpressions, codesOfConditions, codesOfMoney, codesOfUpkeep)
}

var codeOfSlug = func() map[string]Code {
	out := map[string]Code{}
	for _, c := range Codes() {
		out[c.Slug] = c
	}
	return out
}()

// CodeNamed finds a code by its ID, in any case, or by its slug.
func CodeNamed(name string) (Code, bool) {
	for _, c := range Codes() {
		if strings.EqualFold(c.ID, name) || c.Slug == name {
			return c, true
		}
	}
	return Code{}, false
}

// Page is what `check --explain` prints.
func (c Code) Page() string {
	var b strings.Builder
	b.WriteString(c.ID + " " + c.Slug + " (" + string(c.Severity) + ")\n\n" + c.Title + "\n\n" + c.Explanation + "\n")
	for _, e := range []struct{ title, text string }{{"Wrong", c.Wrong}, {"Right", c.Right}} {
		b.WriteString("\n" + e.title + ":\n\n")
		for line := range strings.Lines(shownExample(e.text)) {
			b.WriteString("    " + line)
		}
		b.WriteString("\n")
	}
	return b.String()
}

// Markdown is the code's part of docs/check.md.
func (c Code) Markdown() string {
	return "### " + c.ID + " " + c.Slug + "\n\n" + c.Title + ".\n\n" + c.Explanation + "\n\nWrong:\n\n```yaml\n" + shownExample(c.Wrong) +
		"\n```\n\nRight:\n\n```yaml\n" + shownExample(c.Right) + "\n```\n"
}

// shownExample shows bytes that are no text as a mark.
func shownExample(text string) string {
	return strings.ToValidUTF8(strings.TrimRight(text, "\n"), "\ufffd")
}

// Example makes a whole file of a Wrong or Right.
func Example(text string) string {
	switch {
	case strings.HasPrefix(text, "- name:"), strings.HasPrefix(text, "# backstop:"):
		return "version: 1\nrules:\n  " + strings.ReplaceAll(text, "\n", "\n  ") + "\n"
	case strings.Contains(text, "version:"):
		return text + "\n"
	case strings.Contains(text, "rules:"):
		return "version: 1\n" + text + "\n"
	}
	return "version: 1\n" + text + "\nrules: []\n"
}

// CodesPage is docs/check.md.
func CodesPage() string {
	var b strings.Builder
	b.WriteString(`# What check finds

<!-- Made from the tables of rules/codes_*.go by: go test ./rules -update -->

` + "`backstop check`" + ` tells every mistake of a rules file at once, with a code for each. This page says what each code means;
` + "`backstop check --explain BS201`" + ` prints the same. Errors keep the file from being used. Warnings don't: the rules can be
carried out, but hardly mean what was wanted.

A warning that you have thought about is silenced on its line, or on the line above it, with the reason:

` + "```yaml\n    on: fill # backstop:ignore BS601 entries of this account never fill in part\n```" + `

An error can't be silenced.

| code | | what it says |
| --- | --- | --- |
`)
	for _, c := range Codes() {
		b.WriteString("| [" + c.ID + "](#" + strings.ToLower(c.ID) + "-" + c.Slug + ") | " + string(c.Severity) + " | " + c.Title + " |\n")
	}
	for _, part := range []struct {
		title string
		codes []Code
	}{
		{"The file, and what YAML makes of it", codesOfFile}, {"Fields, names and values", codesOfFields},
		{"Expressions and words", codesOfExpressions}, {"Warnings: conditions and texts", codesOfConditions},
		{"Warnings: positions and money", codesOfMoney}, {"Warnings: upkeep", codesOfUpkeep},
	} {
		b.WriteString("\n## " + part.title + "\n")
		for _, c := range part.codes {
			b.WriteString("\n" + c.Markdown())
		}
	}
	return b.String()
}
