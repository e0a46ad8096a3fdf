package rules

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Severity says whether a problem keeps the file from being used.
type Severity string

// The severities.
const (
	SeverityError   Severity = "error"
	SeverityWarning Severity = "warning"
)

// Problem is one mistake in a rules file, at the very word that is wrong. Line and Column count from 1, in
// characters. Code is the ID of a Code (BS101); Hint says how to mend it.
type Problem struct {
	File     string   `json:"file"`
	Line     int      `json:"line"`
	Column   int      `json:"column"`
	Severity Severity `json:"severity"`
	Code     string   `json:"code"`
	Message  string   `json:"message"`
	Hint     string   `json:"hint"`

	SourceLine string `json:"-"` // the line as written; literal secrets in it are masked
	Width      int    `json:"-"` // how many characters of it are wrong; at least 1
}

// shownLine bounds how much of a source line String shows: a terminal's width, less the indentation.
const shownLine = 116

// String is `file:line:column: error: message [BS101]`, then the source line with carets below, then the hint.
func (p Problem) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s:%d:%d: %s: %s [%s]", p.File, p.Line, p.Column, p.Severity, p.Message, p.Code)
	if strings.TrimSpace(p.SourceLine) != "" {
		line := []rune(strings.ReplaceAll(p.SourceLine, "\t", " "))
		at := min(max(p.Column-1, 0), len(line))
		width := max(1, min(p.Width, len(line)-at))
		if len(line) > shownLine { // the part around the caret
			from := max(0, min(at-shownLine/3, len(line)-shownLine))
			to := min(len(line), from+shownLine)
			line = slices.Clone(line[from:to])
			if from > 0 {
				line[0] = '…'
			}
			at -= from
			width = max(1, min(width, len(line)-at))
		}
		fmt.Fprintf(&b, "\n    %s\n    %s%s", strings.TrimRight(string(line), " "), strings.Repeat(" ", at), strings.Repeat("^", width))
	}
	if p.Hint != "" {
		b.WriteString("\n  hint: " + p.Hint)
	}
	return b.String()
}

// Problems are all mistakes of a file, sorted by place. It is an error; Err gives nil where nothing is wrong
// enough to refuse the file.
type Problems []Problem

// Error joins all problems, one after the other.
func (ps Problems) Error() string {
	texts := make([]string, len(ps))
	for i, p := range ps {
		texts[i] = p.String()
	}
	return strings.Join(texts, "\n")
}

// Err is the problems as an error if one of them is an error, else nil.
func (ps Problems) Err() error {
	if len(ps.Errors()) == 0 {
		return nil
	}
	return ps
}

// Errors are those that refuse the file.
func (ps Problems) Errors() Problems { return ps.of(SeverityError) }

// Warnings are those that don't.
func (ps Problems) Warnings() Problems { return ps.of(SeverityWarning) }

func (ps Problems) of(s Severity) Problems {
	var out Problems
	for _, p := range ps {
		if p.Severity == s {
			out = append(out, p)
		}
	}
	return out
}

// sorted puts problems in the order of the file and drops repetitions.
func (ps Problems) sorted() Problems {
	slices.SortStableFunc(ps, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column),
			cmp.Compare(a.Severity, b.Severity), cmp.Compare(a.Code, b.Code), cmp.Compare(a.Message, b.Message))
	})
	return slices.Compact(ps)
}
