package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"sync"
	"unicode"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"backstop/actions"
	"backstop/engine/console"
)

// The rules of all output:
//
//   - Standard output carries what was asked for: a list, a story, problems of a rules file. It can be piped.
//   - Standard error carries messages: what went wrong, each as one line "backstop: …" that ends with what to do,
//     and the service's log.
//   - --json prints JSON Lines on standard output, one object a line, and nothing else there; field names are
//     those of the HTTP API.
//   - Colour only on a terminal, never with NO_COLOR or TERM=dumb, never in --json. Progress only on a terminal (progress.go).
//   - Times are shown in IST, prices in rupees in their shortest form, quantities in units.
//   - Secrets are of type secret, which prints as stars.
//
// Exit codes:
//
//	0  fine
//	1  it ran and found something: invalid rules, an unreadable payload, a chapter of the demo that did not happen
//	2  wrong use or settings, or a file that cannot be read
//	3  the broker or a channel failed
//	4  the store failed, or no service runs for a command that needs one
const (
	exitFine   = 0
	exitFound  = 1
	exitMisuse = 2
	exitBroker = 3
	exitStore  = 4
)

// exit is an error that carries the process's exit code. An empty message means that all was said already.
type exit struct {
	code    int
	message string
}

func (e *exit) Error() string { return e.message }

func found(format string, args ...any) error  { return &exit{exitFound, fmt.Sprintf(format, args...)} }
func misuse(format string, args ...any) error { return &exit{exitMisuse, fmt.Sprintf(format, args...)} }
func brokerFails(format string, args ...any) error {
	return &exit{exitBroker, fmt.Sprintf(format, args...)}
}
func storeFails(format string, args ...any) error {
	return &exit{exitStore, fmt.Sprintf(format, args...)}
}

// secret is a text that no output shows. It hides behind a pointer, since fmt asks no method of a field that is
// not exported.
type secret struct{ hidden *string }

func secretOf(text string) secret { return secret{&text} }

const stars = "***"

func (secret) String() string               { return stars }
func (secret) GoString() string             { return stars }
func (secret) MarshalText() ([]byte, error) { return []byte(stars), nil }

// reveal is the text itself, for the one who must send it.
func (s secret) reveal() string {
	if s.hidden == nil {
		return ""
	}
	return *s.hidden
}

// printer writes a command's output. Several goroutines may use it; each line stays whole.
type printer struct {
	mu       sync.Mutex // guards w and failed
	w        *bufio.Writer
	stderr   io.Writer
	colour   bool // on standard output
	terminal bool // standard output is one
	failed   error
}

func newPrinter(stdout, stderr io.Writer, env environment) *printer {
	return &printer{w: bufio.NewWriter(stdout), stderr: stderr, colour: colourful(stdout, env), terminal: isTerminal(stdout)}
}

// colourful says whether colours may be written to w.
func colourful(w io.Writer, env environment) bool {
	if _, off := env["NO_COLOR"]; off || env["TERM"] == "dumb" {
		return false
	}
	if runtime.GOOS == "windows" && env["WT_SESSION"] == "" && env["TERM"] == "" {
		return false // an old console shows the codes as they are
	}
	return isTerminal(w)
}

// isTerminal says whether w is a terminal: a character device other than the null device.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok || f.Name() == os.DevNull {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// finish writes what is left and gives the exit code of a command's end.
func (p *printer) finish(err error) int {
	p.flush()
	if err == nil && p.failed != nil {
		err = misuse("standard output: %v", p.failed)
	}
	if err == nil {
		return exitFine
	}
	var e *exit
	if !errors.As(err, &e) { // cobra's own words about flags and arguments
		e = &exit{exitMisuse, err.Error()}
	}
	if e.message != "" {
		p.note("%s", e.message)
	}
	return e.code
}

// flush writes what waits.
func (p *printer) flush() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.w.Flush(); err != nil && p.failed == nil {
		p.failed = err
	}
}

// note writes one message to standard error, behind all output before it.
func (p *printer) note(format string, args ...any) {
	p.flush()
	fmt.Fprintln(p.stderr, printableLines(fmt.Sprintf("backstop: "+format, args...)))
}

// line writes one line.
func (p *printer) line(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	fmt.Fprintf(p.w, format+"\n", args...)
}

// json writes v as one line.
func (p *printer) json(v any) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	var line bytes.Buffer
	e := json.NewEncoder(&line)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return misuse("json: %v", err)
	}
	_, _ = p.w.Write(console.EscapeInvisible(line.Bytes())) // flush tells what went wrong
	return nil
}

// table writes rows under a head, columns aligned, without lines that a pipe would have to cut away.
func (p *printer) table(head []string, rows [][]string) {
	t := table.NewWriter()
	style := table.StyleDefault
	style.Options = table.OptionsNoBordersAndSeparators
	style.Box.PaddingLeft, style.Box.PaddingRight = "", "  "
	style.Format.Header = text.FormatDefault
	t.SetStyle(style)
	t.AppendHeader(tableRow(head))
	for _, r := range rows {
		row := tableRow(r)
		for i := range row {
			row[i] = p.shade(head[i], row[i].(string))
		}
		t.AppendRow(row)
	}
	for row := range strings.SplitSeq(t.Render(), "\n") {
		p.line("%s", strings.TrimRight(row, " "))
	}
}

// shade paints a cell by what its column means.
func (p *printer) shade(column, cell string) string {
	switch {
	case column == "state":
		return p.state(actions.State(cell))
	case column == "matched" && cell == "yes":
		return p.good(cell)
	}
	return cell
}

// state is a state in the colour of its meaning.
func (p *printer) state(s actions.State) string {
	switch s {
	case actions.Done, actions.Accepted:
		return p.good(string(s))
	case actions.Failed:
		return p.bad(string(s))
	case actions.Waiting, actions.Unknown, actions.Running:
		return p.warn(string(s))
	default:
		return string(s)
	}
}

func tableRow(cells []string) table.Row {
	row := make(table.Row, len(cells))
	for i, c := range cells {
		row[i] = printable(c)
	}
	return row
}

// printable takes out what would move a terminal's cursor, and shows as U+FFFD what would reorder or hide the rest of a
// line (bidirectional and other invisible marks): texts come from brokers and other people. The joiners that Indian
// scripts need stay.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t' || r == '\r':
			return ' '
		case unicode.Is(unicode.Cc, r):
			return -1
		case r == '\u200c' || r == '\u200d':
			return r
		case unicode.In(r, unicode.Cf, unicode.Co, unicode.Zl, unicode.Zp):
			return unicode.ReplacementChar
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
}

// The few colours that carry a meaning; without colour the text stands as it is.
func (p *printer) bold(s string) string  { return p.paint("1", s) }
func (p *printer) faint(s string) string { return p.paint("2", s) }
func (p *printer) good(s string) string  { return p.paint("32", s) }
func (p *printer) bad(s string) string   { return p.paint("31", s) }
func (p *printer) warn(s string) string  { return p.paint("33", s) }

func (p *printer) paint(code, s string) string {
	if !p.colour || s == "" {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

// printableLines is printable for a text of several lines.
func printableLines(s string) string {
	lines := strings.Split(s, "\n")
	for i, l := range lines {
		lines[i] = printable(l)
	}
	return strings.Join(lines, "\n")
}

// colourWord paints the first occurrence of word.
func (p *printer) colourWord(text, word string, paint func(string) string) string {
	return strings.Replace(text, word, paint(word), 1)
}

// plural counts things: 1 rule, 3 rules.
func plural(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
