package rules

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// Options are what a file is checked against.
type Options struct {
	// Specs are the actions: actions.Builtin().
	Specs []Spec
	// Env gives the values for ${env.NAME}; nil: nothing is set.
	Env func(name string) (string, bool)
	// MissingEnvIsError makes an unset ${env.NAME} an error (serve); else it is a warning (check).
	MissingEnvIsError bool
	// Channels are names of channels that the settings make (telegram, from TELEGRAM_BOT_TOKEN …).
	Channels []string
	// Accounts are the ids that the settings name; none: they are not known, and not checked.
	Accounts []string
	// Reasons are the words that order.reason and error.type can have; none: they are not checked.
	Reasons []string
	// Read reads an included file; nil: none can be included. Load reads them from the disk.
	Read func(path string) ([]byte, error)
	// Tested says whether a rule test makes the rule of this name act; nil: there are no tests to look at.
	Tested func(rule string) bool
}

// Bounds of a file.
const (
	fileSize   = 4 << 20 // bytes: ten thousand rules fit
	lineLength = 8000    // characters; an expression has 4000 at most, and what YAML eats of a line is sought in its square
	problems   = 500     // more are not told
)

// Load reads and parses a file. The error is that of reading it (errors.Is fs.ErrNotExist …); what is wrong
// with its content are the problems, and then the set is nil.
func Load(path string, o Options) (*Set, Problems, error) {
	src, err := readBounded(path)
	if err != nil {
		return nil, nil, fmt.Errorf("rules: %w", err)
	}
	if o.Read == nil {
		o.Read = readBounded
	}
	set, problems := Parse(path, src, o)
	return set, problems, nil
}

// readBounded reads a file; whatever it is, it has an end.
func readBounded(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	return io.ReadAll(io.LimitReader(f, fileSize+1))
}

// Parse checks and compiles a file. All mistakes are told at once, sorted by place; with an error among them
// the set is nil.
func Parse(name string, src []byte, o Options) (*Set, Problems) {
	r := &reader{o: o, src: newSource(name, string(src)), set: &Set{version: versionOf(src)}, skip: map[*yaml.Node]bool{}}
	r.set.files = []string{name}
	r.set.kept = []Source{{name, string(src)}}
	if r.readable(src) {
		r.file()
	}
	found := append(r.finish(), r.others...)
	if len(found.Errors()) > 0 {
		return nil, found
	}
	r.set.index = newIndex(r.set.rules)
	r.maskKept()
	return r.set, found
}

// readable says whether a file can be read at all, and tells where not.
func (r *reader) readable(src []byte) bool {
	switch {
	case len(src) > fileSize:
		r.src = newSource(r.src.name, "")
		r.fail(place{1, 1}, 1, "too-large", fmt.Sprintf("a rules file has at most %d bytes, this one has more", fileSize), "a list that long belongs in another place")
	case r.otherEncoding(src):
	case r.longLine():
	default:
		return true
	}
	return false
}

// versionOf is a short hash of the content; a byte order mark and the kind of line ends don't count.
func versionOf(src []byte) string {
	text := lineEnds.Replace(strings.TrimPrefix(string(src), "\ufeff"))
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:6])
}

// reader is one parse: what was found and what is known so far.
type reader struct {
	o        Options
	src      *source
	set      *Set
	scope    scope // of rules: the vars
	problems Problems
	skip     map[*yaml.Node]bool // already told
	secrets  []string            // literal secrets of the file, masked wherever a line is shown
	damaged  bool                // a part of the file was left out because YAML can't read it
	lost     []string            // the fields of the top that were left out

	root     *yaml.Node
	fieldsOf map[string]pair // of the top
	limits   map[string]bool // guardrails that are written
	how      inclusion       // how this file was included
	chain    []string        // the files from the first to this one
	top      *includes
	others   Problems // of included files
}

// includes are the files that were brought in, in the order of their rules.
type includes struct {
	all      []*reader
	contents []string
}

// add notes a problem. slug names its Code; the severity is said at the place, since serve is stricter than check.
func (r *reader) add(s Severity, at place, width int, slug, message, hint string) {
	if len(r.problems) >= problems {
		return
	}
	o := r.src.origin(at)
	r.problems = append(r.problems, Problem{File: r.src.name, Line: max(1, o.line), Column: max(1, o.column), Severity: s,
		Code: codeOfSlug[slug].ID, Message: message, Hint: hint, SourceLine: r.src.line(o.line), Width: max(1, width)})
}

func (r *reader) fail(at place, width int, slug, message, hint string) {
	r.add(SeverityError, at, width, slug, message, hint)
}

func (r *reader) failAt(l located, slug, message, hint string) {
	r.fail(l.at[0], l.width(), slug, message, hint)
}

func (r *reader) warnAt(l located, slug, message, hint string) {
	r.add(SeverityWarning, l.at[0], l.width(), slug, message, hint)
}

// failNode points at a node's own text, or at the beginning of a list or mapping.
func (r *reader) failNode(n *yaml.Node, slug, message, hint string) {
	r.fail(place{n.Line, n.Column}, r.widthOf(n), slug, message, hint)
}

func (r *reader) warnNode(n *yaml.Node, slug, message, hint string) {
	r.add(SeverityWarning, place{n.Line, n.Column}, r.widthOf(n), slug, message, hint)
}

func (r *reader) widthOf(n *yaml.Node) int {
	if n.Kind != yaml.ScalarNode {
		return 1
	}
	if end := r.src.end(n); end.line == n.Line {
		return end.column - n.Column
	}
	return 1
}

// finish sorts what was found and masks literal secrets.
func (r *reader) finish() Problems {
	found := r.problems.sorted()
	for i := range found {
		for _, text := range []*string{&found[i].SourceLine, &found[i].Message, &found[i].Hint} {
			for _, secret := range r.secrets {
				*text = strings.ReplaceAll(*text, secret, strings.Repeat("*", utf8.RuneCountInString(secret)))
			}
		}
	}
	return found
}

// longLine refuses a file with a line that nobody wrote by hand, and looks no further.
func (r *reader) longLine() bool {
	for i, line := range r.src.lines {
		if n := len(line); n > lineLength {
			r.src = newSource(r.src.name, strings.Repeat("\n", i)+string(line[:lineShown])+"…")
			r.fail(place{i + 1, 1}, 1, "too-long", fmt.Sprintf("a line has at most %d characters, this one %d", lineLength, n), "write it on several lines")
			return true
		}
	}
	return false
}

// lineShown is how much of such a line is shown, characters.
const lineShown = 100

// checkEnv looks an environment value up and tells where it is not set.
func (r *reader) checkEnv(at located, name string) {
	if _, ok := r.env(name); ok {
		return
	}
	s := SeverityWarning
	if r.o.MissingEnvIsError {
		s = SeverityError
	}
	r.add(s, at.at[0], at.width(), "env-unset", name+" is not set in the environment", "set it, for example in .env")
}

func (r *reader) env(name string) (string, bool) {
	if r.o.Env == nil {
		return "", false
	}
	return r.o.Env(name)
}

// envValue is a value for a compiled text; what is not set is "".
func (r *reader) envValue(name string) string {
	v, _ := r.env(name)
	return v
}

func (r *reader) spec(name string) (Spec, bool) {
	i := slices.IndexFunc(r.o.Specs, func(s Spec) bool { return s.Name == name })
	if i < 0 {
		return Spec{}, false
	}
	return r.o.Specs[i], true
}
