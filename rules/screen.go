package rules

import (
	"fmt"
	"strings"

	"gopkg.in/yaml.v3"
)

// depthMax bounds how deep mappings and lists may nest: the language needs six.
const depthMax = 40

// screen looks at every node for what YAML allows and this language doesn't: tags, anchors and aliases, merge
// keys, keys written twice, empty values. What it tells is not told again.
func (r *reader) screen(n *yaml.Node, depth int) {
	if depth > depthMax {
		r.failNode(n, "too-deep", "this nests too deep", "the language needs six levels at most")
		r.drop(n)
		return
	}
	switch {
	case n.Kind == yaml.AliasNode:
		r.refuseStart(n, "YAML reads a leading `*` as a reference", "references are not part of the language: write the value again, or put it under vars")
		return
	case n.Anchor != "":
		r.refuseStart(n, "YAML reads a leading `&` as a name for later", "names are not part of the language: put a constant under vars")
		return
	case n.Style&yaml.TaggedStyle != 0:
		r.fail(place{n.Line, n.Column}, 1, "yaml-tag", "YAML reads a leading `!` as a tag", "tags are not part of the language: leave it out")
		r.drop(n)
		return
	}
	switch n.Kind {
	case yaml.MappingNode:
		r.screenMapping(n, depth)
	case yaml.SequenceNode:
		for _, e := range n.Content {
			if e.Kind == yaml.ScalarNode && e.Tag == "!!null" {
				r.emptyValue(nil, e)
				continue
			}
			r.screen(e, depth+1)
		}
	}
}

func (r *reader) screenMapping(n *yaml.Node, depth int) {
	seen := map[string]*yaml.Node{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if key.Kind != yaml.ScalarNode || key.Style&yaml.TaggedStyle != 0 || key.Anchor != "" {
			r.failNode(key, "wrong-type", "a name is one word", "names of fields are written as they are listed: name: value")
			r.drop(key)
			r.drop(value)
			continue
		}
		if key.Tag == "!!merge" {
			r.failNode(key, "alias", "merge keys (<<) are not part of the language", "write the fields out")
			r.drop(key)
			r.drop(value)
			continue
		}
		if first, twice := seen[key.Value]; twice {
			r.failNode(key, "duplicate-field", fmt.Sprintf("%s is written twice here, first on line %d", key.Value, r.src.origin(place{first.Line, 1}).line), "keep one of them")
			r.drop(key)
			r.screen(value, depth+1)
			continue
		}
		seen[key.Value] = key
		if value.Kind == yaml.ScalarNode && value.Tag == "!!null" {
			r.emptyValue(key, value)
			continue
		}
		r.screen(value, depth+1)
	}
}

// drop leaves a node and all below it out of what follows.
func (r *reader) drop(n *yaml.Node) {
	r.skip[n] = true
	for _, c := range n.Content {
		r.drop(c)
	}
}

// emptyValue tells of a field without a value: nothing, ~ or null, or a comment where the value should be.
func (r *reader) emptyValue(key, value *yaml.Node) {
	r.drop(value)
	at, width, hint := place{value.Line, value.Column}, 1, "write a value, or leave the field out"
	what := "an empty value"
	if key != nil {
		at, width, what = place{key.Line, key.Column}, r.widthOf(key), key.Value+" has no value"
		if spec, ok := r.spec(key.Value); ok {
			hint = emptyAction(spec)
		} else if key.Value == "rules" || key.Value == "on_error" || key.Value == "accounts" {
			hint = "write " + key.Value + ": [] for none"
		}
	} else if value.Value == "" {
		what = "an empty list element"
	}
	if r.damaged && key != nil && (key.Value == "rules" || key.Value == "then") {
		return // what stood here was left out
	}
	if key != nil && value.Value == "" {
		if comment := r.commentBehind(place{key.Line, key.Column + r.widthOf(key) + 1}); comment != "" && eatsText(comment) {
			r.fail(at, width, "yaml-comment", "YAML reads a `#` as the beginning of a comment: "+what, "put the value in quotes: "+key.Value+": "+mended(comment))
			return
		}
	}
	r.fail(at, width, "empty-value", what, hint)
}

// emptyAction says how an action is written that was given nothing.
func emptyAction(spec Spec) string {
	for _, p := range spec.Params {
		switch {
		case !p.Required:
		case spec.Short == p.Name:
			return "write " + spec.Name + ": " + exampleOf(p)
		default:
			return "write " + spec.Name + ": { " + p.Name + ": " + exampleOf(p) + " }"
		}
	}
	return "write " + spec.Name + ": {}"
}

// refuseStart tells of a value that begins with a sign of YAML's that the language leaves out.
func (r *reader) refuseStart(n *yaml.Node, message, hint string) {
	raw := r.rawValue(n)
	if raw != "" {
		hint += "; a text that begins so stands in quotes: " + mended(raw)
	}
	r.fail(place{n.Line, n.Column}, len([]rune(raw)), "alias", message, hint)
	r.drop(n)
}

// rawValue is a value as written, from a node to the end of its line or flow entry.
func (r *reader) rawValue(n *yaml.Node) string {
	if n.Line < 1 || n.Line > len(r.src.lines) {
		return ""
	}
	line := r.src.lines[n.Line-1]
	from := min(n.Column-1, len(line))
	to := len(line)
	if entry := entryEnd(line, from); inFlow(line, from) {
		to = entry
	}
	return strings.TrimSpace(string(line[from:to]))
}

// commentBehind is the comment that follows a place on its line, without the `#`-less rest.
func (r *reader) commentBehind(p place) string {
	if p.line < 1 || p.line > len(r.src.lines) {
		return ""
	}
	line := r.src.lines[p.line-1]
	if p.column-1 > len(line) {
		return ""
	}
	rest := strings.TrimLeft(string(line[max(0, p.column-1):]), " \t,}]")
	if strings.HasPrefix(rest, "#") {
		return strings.TrimSpace(rest)
	}
	return ""
}

// eatsText says whether a comment looks like the rest of a text: `#1` or one with ${…} in it. A comment that
// people write has a space behind its `#`.
func eatsText(comment string) bool {
	return !strings.HasPrefix(comment, "#"+ignoreMark) && (strings.Contains(comment, "${") || len(comment) > 1 && comment[1] != ' ' && comment[1] != '#' && comment[1] != '-' && comment[1] != '!')
}

// eatenComment tells of a plain value whose rest YAML took for a comment: an expression that is cut in the
// middle, or a text whose comment looks like text.
func (r *reader) eatenComment(n *yaml.Node, isText bool) bool {
	if n.Kind != yaml.ScalarNode || n.Style != 0 {
		return false
	}
	end := r.src.end(n)
	comment := r.commentBehind(end)
	if comment == "" || !(isText && eatsText(comment)) && !unbalanced(n.Value) {
		return false
	}
	r.fail(end, 1, "yaml-comment", "YAML reads a `#` after a space as the beginning of a comment: the value ends before it",
		"put the whole value in quotes: "+mended(strings.TrimSpace(n.Value)+" "+comment))
	return true
}

// unbalanced says whether a bracket or quote of an expression is open at its end.
func unbalanced(text string) bool {
	depth := 0
	var quote rune
	for _, c := range text {
		switch {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case strings.ContainsRune("([{", c):
			depth++
		case strings.ContainsRune(")]}", c):
			depth--
		}
	}
	return quote != 0 || depth > 0
}
