package rulestest

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"backstop/rules"
)

// Codes of mistakes in a test file; docs/testing.md explains each.
const (
	codeYAML    = "BT101" // the file can't be read as YAML
	codeUnknown = "BT102" // an unknown field, rule, action, kind or value
	codeType    = "BT103" // a value of the wrong type
	codeMissing = "BT104" // something that is needed is missing
	codeFile    = "BT105" // a file that it names can't be read
	codeTwice   = "BT106" // the same thing stands twice
)

// fileSize bounds a test file, depthMost its nesting.
const (
	fileSize  = 4 << 20
	depthMost = 16
)

// reader collects every mistake of a test file at its place.
type reader struct {
	path     string
	lines    []string
	problems rules.Problems
}

func (r *reader) failAt(line, column, width int, code, message, hint string) {
	text := ""
	if line >= 1 && line <= len(r.lines) {
		text = r.lines[line-1]
	}
	r.problems = append(r.problems, rules.Problem{File: r.path, Line: max(1, line), Column: max(1, column), Severity: rules.SeverityError,
		Code: code, Message: message, Hint: hint, SourceLine: text, Width: max(1, width)})
}

func (r *reader) fail(n *yaml.Node, code, message, hint string) {
	r.failAt(n.Line, n.Column, widthOf(n), code, message, hint)
}

// widthOf is how many columns a node's own text takes; 1 for lists and mappings.
func widthOf(n *yaml.Node) int {
	if n.Kind != yaml.ScalarNode || strings.Contains(n.Value, "\n") {
		return 1
	}
	w := utf8.RuneCountInString(n.Value)
	if n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0 {
		w += 2
	}
	return w
}

// didYouMean is a hint with the nearest known word.
func didYouMean(word string, known []string) string { return rules.DidYouMean(word, known) }

// document is the root of the file, nil where it can't be read.
func (r *reader) document(src []byte) *yaml.Node {
	switch {
	case len(src) > fileSize:
		r.failAt(1, 1, 1, codeYAML, fmt.Sprintf("a test file has at most %d bytes, this one %d", fileSize, len(src)), "split it")
		return nil
	case !utf8.Valid(src):
		r.failAt(1, 1, 1, codeYAML, "the file is not UTF-8", "save it as UTF-8")
		return nil
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(src, &doc); err != nil {
		r.syntax(err)
		return nil
	}
	if doc.Kind != yaml.DocumentNode || len(doc.Content) == 0 {
		r.failAt(1, 1, 1, codeMissing, "the file is empty", "it begins with rules: rules.yaml and tests:")
		return nil
	}
	return doc.Content[0]
}

var yamlLine = regexp.MustCompile(`line (\d+): (.*)`)

// syntax puts a mistake of YAML at its line.
func (r *reader) syntax(err error) {
	text, line := strings.TrimPrefix(err.Error(), "yaml: "), 1
	if m := yamlLine.FindStringSubmatch(text); m != nil {
		line, _ = strconv.Atoi(m[1]) // digits by the pattern
		text = m[2]
	}
	column, hint := 1, "texts with : # or { } inside stand in quotes"
	if line >= 1 && line <= len(r.lines) {
		trimmed := strings.TrimLeft(r.lines[line-1], " ")
		column = len(r.lines[line-1]) - len(trimmed) + 1
		if strings.HasPrefix(trimmed, "\t") {
			hint = "YAML takes no tabs: indent with spaces"
		}
	}
	r.failAt(line, column, 1, codeYAML, "YAML can't read this: "+text, hint)
}

// pair is one field of a mapping.
type pair struct{ key, value *yaml.Node }

// followed is the node itself, or what an alias stands for.
func followed(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode && n.Alias != nil {
		return n.Alias
	}
	return n
}

// fields reads a mapping whose keys are known (any where known is nil), and reports the others.
func (r *reader) fields(n *yaml.Node, what string, known []string) (list []pair, ok bool) {
	n = followed(n)
	if n.Kind != yaml.MappingNode {
		r.fail(n, codeType, what+" is a mapping of names and values", "")
		return nil, false
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], followed(n.Content[i+1])
		switch {
		case key.Kind != yaml.ScalarNode:
			r.fail(key, codeType, "a name is a plain word", "")
		case seen[key.Value]:
			r.fail(key, codeTwice, key.Value+" stands twice", "keep one of them")
		case known != nil && !slices.Contains(known, key.Value):
			r.fail(key, codeUnknown, fmt.Sprintf("unknown field %s of %s", key.Value, what), didYouMean(key.Value, known))
		default:
			list = append(list, pair{key, value})
		}
		seen[key.Value] = true
	}
	return list, true
}

// byName finds a field.
func byName(list []pair, name string) (pair, bool) {
	i := slices.IndexFunc(list, func(p pair) bool { return p.key.Value == name })
	if i < 0 {
		return pair{}, false
	}
	return list[i], true
}

// list gives the elements of a list; a single value counts as a list of one where single is set.
func (r *reader) list(n *yaml.Node, what string, single bool) ([]*yaml.Node, bool) {
	n = followed(n)
	switch {
	case n.Kind == yaml.SequenceNode:
		out := make([]*yaml.Node, len(n.Content))
		for i, e := range n.Content {
			out[i] = followed(e)
		}
		return out, true
	case single && n.Kind == yaml.ScalarNode && n.Tag != "!!null":
		return []*yaml.Node{n}, true
	}
	r.fail(n, codeType, what+" is a list", "write each on a line of its own behind `- `, or all as [a, b]")
	return nil, false
}

// text gives a single value.
func (r *reader) text(n *yaml.Node, what string) (string, bool) {
	n = followed(n)
	switch {
	case n.Kind != yaml.ScalarNode:
		r.fail(n, codeType, what+" is a single value, not a list or mapping", "")
		return "", false
	case strings.TrimSpace(n.Value) == "" || n.Tag == "!!null":
		r.fail(n, codeMissing, what+" is empty", "write a value, or leave the field out")
		return "", false
	}
	return n.Value, true
}

func (r *reader) boolean(n *yaml.Node, what string) bool {
	text, ok := r.text(n, what)
	if ok && text != "true" && text != "false" {
		r.fail(n, codeType, what+" is true or false, not "+text, "")
	}
	return text == "true"
}

// longest bounds how long a step waits.
const longest = 31 * 24 * time.Hour

func (r *reader) duration(n *yaml.Node, what string) time.Duration {
	text, ok := r.text(n, what)
	if !ok {
		return 0
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 || d > longest {
		r.fail(n, codeType, text+" is no duration", "write a number and its unit: 10s, 2m, 1h30m; at most 744h")
		return 0
	}
	return d
}
