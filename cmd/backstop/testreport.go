package main

import (
	"encoding/xml"
	"fmt"
	"os"
	"strconv"
	"strings"
	"unicode/utf8"

	"backstop/rules/rulestest"
)

// tell prints a test's result: one line where it passed, else every step that did not go as expected.
func (t *testRun) tell(r *rulestest.Result) {
	out := t.p.out
	if r.Passed {
		out.line("%s %s", out.good("ok  "), printable(r.Name))
		return
	}
	out.line("%s %s", out.bad("FAIL"), out.bold(printable(r.Name)))
	for i := range r.Failures {
		t.tellFailure(r.File, &r.Failures[i])
	}
}

func (t *testRun) tellFailure(file string, f *rulestest.Failure) {
	out := t.p.out
	out.line("  %s:%d:%d: step %d: %s", file, f.Line, f.Column, f.Step, printable(f.Message))
	if len(f.Expected) > 0 {
		t.sideBySide(f)
	} else if strings.TrimSpace(f.SourceLine) != "" {
		out.line("    %s", printable(f.SourceLine))
		out.line("    %s%s", strings.Repeat(" ", max(0, f.Column-1)), strings.Repeat("^", max(1, f.Width)))
	}
	for _, why := range f.Why {
		out.line("    %s", out.faint(printable(why)))
	}
}

// The widest columns that stand side by side; longer ones stand one below the other.
const (
	expectedWidth = 56
	gotWidth      = 84
)

func (t *testRun) sideBySide(f *rulestest.Failure) {
	out := t.p.out
	width, other := len("expected"), 0
	for i := range f.Expected {
		width, other = max(width, utf8.RuneCountInString(f.Expected[i])), max(other, utf8.RuneCountInString(f.Got[i]))
	}
	paint := func(line string) string {
		if strings.HasPrefix(line, rulestest.Missing) {
			return out.bad(printable(line))
		}
		return printable(line)
	}
	if width <= expectedWidth && other <= gotWidth {
		pad := func(s string) string { return strings.Repeat(" ", width-utf8.RuneCountInString(s)+3) }
		out.line("    %s%s%s", out.faint("  expected"), pad("  expected"), out.faint("  got"))
		for i, line := range f.Expected {
			out.line("%s", strings.TrimRight("    "+paint(line)+pad(line)+paint(f.Got[i]), " "))
		}
		return
	}
	for _, column := range []struct {
		name  string
		lines []string
	}{{"expected", f.Expected}, {"got", f.Got}} {
		out.line("    %s", out.faint("  "+column.name))
		for _, line := range column.lines {
			if strings.TrimSpace(line) != "" {
				out.line("    %s", paint(line))
			}
		}
	}
}

func shortPercent(x float64) string { return strconv.FormatFloat(x, 'f', -1, 64) + " %" }

// coverageLine says how much of a rules file was covered. It rounds down: 100 is all.
func coverageLine(name string, percent float64) string {
	return fmt.Sprintf("%s: coverage %d %%", name, int(percent))
}

// tellCoverage prints every rule and part of a condition with what was seen, and what was not beside its YAML line.
func (t *testRun) tellCoverage(name string, list []rulestest.Covered, percent float64) {
	out := t.p.out
	out.line("%s", out.bold(coverageLine(name, percent)))
	text, _ := os.ReadFile(name) // it was read a moment ago; without it no lines are shown
	lines := strings.Split(strings.ReplaceAll(string(text), "\r\n", "\n"), "\n")
	shown := 0
	for _, c := range list {
		if c.Line != shown && c.Line >= 1 && c.Line <= len(lines) {
			out.line("%5d  %s", c.Line, out.faint(printable(strings.TrimRight(lines[c.Line-1], " "))))
			shown = c.Line
		}
		missing := c.Missing()
		what := c.String()
		if missing != "" {
			what = out.bad(missing)
		}
		out.line("       %s%s %s", strings.Repeat(" ", max(0, c.Column-1)), strings.Repeat("~", max(1, c.Width)), what)
	}
}

// The form of JUnit that continuous integration reads.
type junitSuites struct {
	XMLName  xml.Name     `xml:"testsuites"`
	Tests    int          `xml:"tests,attr"`
	Failures int          `xml:"failures,attr"`
	Suites   []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	Name    string        `xml:"name,attr"`
	Class   string        `xml:"classname,attr"`
	File    string        `xml:"file,attr"`
	Line    int           `xml:"line,attr"`
	Failure *junitFailure `xml:"failure,omitempty"`
}

type junitFailure struct {
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

func writeJUnit(name string, results []rulestest.Result) error {
	all := junitSuites{}
	for _, r := range results {
		if len(all.Suites) == 0 || all.Suites[len(all.Suites)-1].Name != r.File {
			all.Suites = append(all.Suites, junitSuite{Name: r.File})
		}
		s := &all.Suites[len(all.Suites)-1]
		c := junitCase{Name: r.Name, Class: r.File, File: r.File, Line: r.Line}
		if !r.Passed {
			c.Failure = junitText(&r)
			s.Failures++
			all.Failures++
		}
		s.Tests++
		all.Tests++
		s.Cases = append(s.Cases, c)
	}
	text, err := xml.MarshalIndent(all, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(name, append([]byte(xml.Header), append(text, '\n')...), 0o644)
}

func junitText(r *rulestest.Result) *junitFailure {
	var b strings.Builder
	for _, f := range r.Failures {
		fmt.Fprintf(&b, "%s:%d:%d: step %d: %s\n", r.File, f.Line, f.Column, f.Step, f.Message)
		for _, column := range []struct {
			name  string
			lines []string
		}{{"expected", f.Expected}, {"got", f.Got}, {"why", f.Why}} {
			if len(column.lines) > 0 {
				fmt.Fprintf(&b, "  %s\n    %s\n", column.name, strings.Join(column.lines, "\n    "))
			}
		}
	}
	return &junitFailure{Message: r.Failures[0].Message, Text: b.String()}
}
