package rules

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// pair is one field of a mapping.
type pair struct{ key, value *yaml.Node }

// laterHint is how to mend what the language has and this version has not.
const laterHint = "leave it out: a later version has it"

// fields reads a mapping whose keys are known, and reports the others: those of a later version by name, the
// rest with the nearest right one. What is one of `what` in the messages ("a rule").
func (r *reader) fields(n *yaml.Node, what string, table []Param) map[string]pair {
	out := map[string]pair{}
	known, later := paramNames(table, false), paramNames(table, true)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		switch {
		case r.skip[key]:
		case slices.Contains(known, key.Value):
			if _, twice := out[key.Value]; !twice {
				out[key.Value] = pair{key, value}
			}
		case slices.Contains(later, key.Value):
			r.failNode(key, "not-in-this-version", key.Value+": not in this version", laterHint)
		default:
			r.failNode(key, "unknown-field", fmt.Sprintf("unknown field %s of %s", key.Value, what), didYouMean(key.Value, known))
		}
	}
	return out
}

// mapping says whether n is a mapping, and reports where not.
func (r *reader) mapping(n *yaml.Node, what, example string) bool {
	if r.skip[n] {
		return false
	}
	if n.Kind == yaml.MappingNode {
		return true
	}
	r.failNode(n, "wrong-type", what+" is a mapping of names and values", example)
	return false
}

// list gives the elements of a list; a single value counts as a list of one where single is set.
func (r *reader) list(n *yaml.Node, what string, single bool) ([]*yaml.Node, bool) {
	switch {
	case r.skip[n]:
		return nil, false
	case n.Kind == yaml.SequenceNode:
		return n.Content, true
	case single && n.Kind == yaml.ScalarNode:
		return []*yaml.Node{n}, true
	}
	r.failNode(n, "wrong-type", what+" is a list", "write each on a line of its own behind `- `, or all as [a, b]")
	return nil, false
}

// scalar gives the text of a single value with the place of each character.
func (r *reader) scalar(n *yaml.Node, what string) (located, bool) {
	if r.skip[n] {
		return located{}, false
	}
	if n.Kind != yaml.ScalarNode {
		hint := "write " + what + " on one line"
		if n.Style&yaml.FlowStyle != 0 {
			hint = "YAML reads a leading `{` or `[` as a mapping or list: put the whole value in quotes"
		}
		r.failNode(n, "wrong-type", what+" is a single value, not a list or mapping", hint)
		return located{}, false
	}
	return r.src.locate(n), true
}

// plain gives a single value that is a literal word: no ${…} in it.
func (r *reader) plain(n *yaml.Node, what string) (string, bool) {
	l, ok := r.scalar(n, what)
	if !ok {
		return "", false
	}
	text := l.String()
	if i := strings.Index(text, "${"); i >= 0 {
		from := len([]rune(text[:i]))
		r.failAt(l.slice(from, from+2), "not-here", what+" is a fixed text: no ${…} in it", "write the word itself")
		return "", false
	}
	if strings.TrimSpace(text) == "" {
		r.failNode(n, "empty-value", what+" is empty", "write a value, or leave the field out")
		return "", false
	}
	return text, true
}

// boolean gives true or false.
func (r *reader) boolean(n *yaml.Node, what string) (bool, bool) {
	text, ok := r.plain(n, what)
	if !ok {
		return false, false
	}
	switch text {
	case "true":
		return true, true
	case "false":
		return false, true
	}
	hint := "write true or false"
	switch strings.ToLower(text) {
	case "yes", "on", "y", "true", "1":
		hint = "write true"
	case "no", "off", "n", "false", "0":
		hint = "write false"
	}
	r.failNode(n, "wrong-type", what+" is true or false, not "+text, hint)
	return false, false
}

// longest bounds durations: a trading day is shorter.
const longest = 7 * 24 * time.Hour

// duration gives a duration such as 90s, 5m or 1h30m.
func (r *reader) duration(n *yaml.Node, what string) (time.Duration, bool) {
	text, ok := r.plain(n, what)
	if !ok {
		return 0, false
	}
	d, err := time.ParseDuration(text)
	switch {
	case err != nil:
		hint := "write a number and its unit: 500ms, 10s, 5m, 1h30m"
		if _, err := strconv.ParseFloat(text, 64); err == nil {
			hint = "write the unit too: " + text + "s or " + text + "m"
		}
		if compact := strings.ReplaceAll(text, " ", ""); compact != text {
			if _, err := time.ParseDuration(compact); err == nil {
				hint = "write " + compact
			}
		}
		r.failNode(n, "bad-duration", text+" is no duration", hint)
	case d <= 0 || d > longest:
		r.failNode(n, "bad-duration", text+" is out of range", "between 1ms and 168h")
	default:
		return d, true
	}
	return 0, false
}

// oneOf gives a word of a list; those in later are refused by name.
func (r *reader) oneOf(n *yaml.Node, what string, words, later []string) (string, bool) {
	text, ok := r.plain(n, what)
	if !ok {
		return "", false
	}
	switch {
	case slices.Contains(later, text):
		r.failNode(n, "not-in-this-version", what+" "+text+": not in this version", oneOfHint(words, later))
	case slices.Contains(words, text):
		return text, true
	default:
		hint := oneOfHint(words, later)
		if near := nearest(text, words); near != "" {
			hint = "did you mean " + near + "?"
		}
		r.failNode(n, "unknown-value", fmt.Sprintf("%s is never %s", what, text), hint)
	}
	return "", false
}

// choice is oneOf with the words that a table declares.
func (r *reader) choice(n *yaml.Node, table []Param, name string) (string, bool) {
	p := paramNamed(table, name)
	return r.oneOf(n, name, p.Enum, p.Later)
}

func oneOfHint(words, later []string) string {
	var now []string
	for _, w := range words {
		if !slices.Contains(later, w) {
			now = append(now, w)
		}
	}
	return "it is one of: " + strings.Join(now, ", ")
}

var (
	slug       = regexp.MustCompile(`^[a-z0-9](?:[a-z0-9_-]{0,62}[a-z0-9])?$`)
	identifier = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	notSlug    = regexp.MustCompile(`[^a-z0-9]+`)
)

// name gives a slug: it becomes part of ids.
func (r *reader) name(n *yaml.Node, what string) (string, bool) {
	text, ok := r.plain(n, what)
	if !ok {
		return "", false
	}
	if !slug.MatchString(text) {
		hint := "small letters, digits, - and _, at most 64"
		if better := strings.Trim(notSlug.ReplaceAllString(strings.ToLower(text), "-"), "-"); slug.MatchString(better) {
			hint += ": " + better
		}
		r.failNode(n, "bad-name", fmt.Sprintf("%q can't be %s", text, what), hint)
		return "", false
	}
	return text, true
}

// decimal reads a number as a person writes it: no octal, hex or underscores.
var decimal = regexp.MustCompile(`^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,2})?$`)

// mistakenNumber tells of a plain scalar that YAML, or expr, reads as another number than the one written.
func (r *reader) mistakenNumber(n *yaml.Node, l located) bool {
	if n.Style != 0 || n.Tag != "!!int" && n.Tag != "!!float" || decimal.MatchString(n.Value) || strings.HasPrefix(n.Value, ".") && n.Tag == "!!float" && !strings.ContainsAny(n.Value, "infaINFA") {
		return false
	}
	hint := "write it with digits and a point"
	if bare := strings.TrimLeft(strings.ReplaceAll(n.Value, "_", ""), "+0"); decimal.MatchString(bare) {
		hint = "write " + bare
	}
	r.failAt(l, "bad-number", n.Value+" is not read as the number that it looks like", hint)
	return true
}
