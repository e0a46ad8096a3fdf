package rules

import (
	"regexp"
	"strings"
)

// YAML gives meaning to characters that conditions and messages are full of. Where it can't read a line, what
// follows finds the values that a person meant, says what ate them, and with which quotes they are whole.

// eaten is a value of a line (indices) that needs quotes.
type eaten struct {
	from, to      int
	key           string
	code, message string
}

var keyForm = regexp.MustCompile(`^([A-Za-z_][A-Za-z0-9_-]*)[ \t]*:(?:[ \t]+|$)`)

// findEaten looks at one line of a block.
func findEaten(line []rune) []eaten {
	i := leading(line)
	for i+1 < len(line) && line[i] == '-' && line[i+1] == ' ' {
		for i++; i < len(line) && line[i] == ' '; i++ {
		}
	}
	key := ""
	if m := keyForm.FindStringSubmatchIndex(string(line[i:])); m != nil {
		rest := string(line[i:])
		key = rest[m[2]:m[3]]
		i += len([]rune(rest[:m[1]]))
	} else if i == leading(line) {
		return nil // neither a field nor an element: a continuation of the line before
	}
	return findInValue(line, i, valueEnd(line, i), key, false)
}

// findInValue looks at a value from..to; flow says whether it stands inside { }.
func findInValue(line []rune, from, to int, key string, flow bool) []eaten {
	for to > from && isSpace(line[to-1]) {
		to--
	}
	if from >= to {
		return nil
	}
	value := line[from:to]
	if value[0] == '{' || value[0] == '[' {
		switch end := closingFlow(line, from); {
		case end < 0: // closed on a later line
			return findInFlow(line, from+1, to, key, value[0] == '[')
		case end >= to-1: // behind the value's end where that is taken for a comment
			return findInFlow(line, from+1, end, key, value[0] == '[')
		}
	}
	if value[0] == '-' && !flow && (key == "then" || key == "on_error" || key == "rules") {
		return []eaten{{from, to, key, "yaml", "a list can't begin on the line of its name"}}
	}
	if code, message := eats(value, flow); code != "" {
		return []eaten{{from, to, key, code, message}}
	}
	return nil
}

// findInFlow looks at the entries of { } or [ ], split as a person meant them: a comma ends an entry where a
// new name or element follows, not inside of brackets or quotes.
func findInFlow(line []rune, from, to int, key string, list bool) []eaten {
	var out []eaten
	for from < to {
		for from < to && (isSpace(line[from]) || line[from] == ',') {
			from++
		}
		end := min(to, entryEnd(line, from))
		if list {
			end = min(to, elementEnd(line, from))
		}
		start, name := from, key
		if m := keyForm.FindStringSubmatchIndex(string(line[from:end])); m != nil { // in [ ] too: [log: x] is a list of mappings
			rest := string(line[from:end])
			name, start = rest[m[2]:m[3]], from+len([]rune(rest[:m[1]]))
		}
		out = append(out, findInValue(line, start, end, name, true)...)
		from = max(end, from+1)
	}
	return out
}

// eats says what YAML makes of a value that is not in quotes, "" where it is read whole.
func eats(value []rune, flow bool) (code, message string) {
	text := string(value)
	first := value[0]
	switch {
	case first == '"' || first == '\'':
		end := closingQuote(value)
		if end < 0 {
			return "unclosed", "a quote is opened here and never closed"
		}
		if rest := strings.TrimSpace(string(value[end+1:])); rest != "" && rest[0] != '#' {
			return "yaml-quote", "YAML takes a leading quote for the quotes of the whole value"
		}
		return "", ""
	case strings.ContainsRune("*&@`%!", first):
		return "yaml-indicator", "YAML reads a leading `" + string(first) + "` as a sign of its own"
	case first == '|' || first == '>':
		if blockHeader.MatchString(text) {
			return "", ""
		}
		return "yaml-indicator", "YAML reads a leading `" + string(first) + "` as the beginning of a block of text"
	case first == '{' || first == '[':
		return "yaml-flow", "YAML reads a leading `" + string(first) + "` as a mapping or list"
	case strings.HasPrefix(text, "- ") || strings.HasPrefix(text, "? "):
		return "yaml-indicator", "YAML reads a leading `" + string(first) + "` as a sign of its own"
	case flow && strings.Contains(text, " #"):
		return "yaml-comment", "YAML reads a `#` after a space as the beginning of a comment"
	case flow && strings.ContainsAny(text, "{}[],"):
		return "yaml-flow", "inside { } YAML ends a value at , [ ] { }"
	case strings.Contains(text, ": ") || strings.HasSuffix(text, ":"):
		if strings.Contains(text, " ? ") {
			return "yaml-colon", "YAML reads the `: ` of ? : as the beginning of a mapping"
		}
		return "yaml-colon", "YAML reads `: ` as the beginning of a mapping"
	case flow && strings.Contains(text+" ", "? "):
		return "yaml-flow", "inside { } YAML ends a value at a `?`"
	}
	return "", ""
}

var blockHeader = regexp.MustCompile(`^[|>][0-9+-]{0,2}\s*(#.*)?$`)

// mended is a value in the quotes that keep it whole.
func mended(value string) string {
	switch {
	case !strings.ContainsAny(value, `"\`):
		return `"` + value + `"`
	default:
		return "'" + strings.ReplaceAll(value, "'", "''") + "'"
	}
}

// closingQuote is the index of the quote that closes value[0], -1 where there is none.
func closingQuote(value []rune) int {
	for i := 1; i < len(value); i++ {
		switch {
		case value[0] == '"' && value[i] == '\\':
			i++
		case value[0] == '\'' && value[i] == '\'' && i+1 < len(value) && value[i+1] == '\'':
			i++
		case value[i] == value[0]:
			return i
		}
	}
	return -1
}

// valueEnd is where a block value ends on its line: at a comment, quotes aside, or at the line's end.
func valueEnd(line []rune, from int) int {
	var quote rune
	for i := from; i < len(line); i++ {
		c := line[i]
		switch {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'' && (i == from || !isWordRune(line[i-1])):
			quote = c
		case c == '#' && i > from && isSpace(line[i-1]) && (i+1 == len(line) || line[i+1] == ' '):
			return i
		}
	}
	return len(line)
}

func isWordRune(r rune) bool {
	return r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r > 127
}

// entryEnd is where an entry of a flow mapping ends as a person meant it.
func entryEnd(line []rune, from int) int {
	return scanFlow(line, from, func(i int) bool {
		rest := line[i+1:]
		for len(rest) > 0 && rest[0] == ' ' {
			rest = rest[1:]
		}
		return len(rest) == 0 || keyForm.MatchString(string(rest[:min(len(rest), nameLength)]))
	})
}

// nameLength bounds what may be a field's name in front of its colon, characters.
const nameLength = 200

// elementEnd is where an element of a flow list ends.
func elementEnd(line []rune, from int) int {
	return scanFlow(line, from, func(int) bool { return true })
}

// scanFlow goes to the comma that ends what begins at from, or to the bracket that closes what it stands in.
func scanFlow(line []rune, from int, ends func(comma int) bool) int {
	depth := 0
	var quote rune
	for i := from; i < len(line); i++ {
		c := line[i]
		switch {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'' && (i == from || !isWordRune(line[i-1])):
			quote = c
		case strings.ContainsRune("([{", c):
			depth++
		case strings.ContainsRune(")]}", c):
			if depth == 0 && c != ')' {
				return i
			}
			depth = max(0, depth-1)
		case c == ',' && depth == 0 && ends(i):
			return i
		}
	}
	return len(line)
}

// closingFlow is the index of the bracket that closes line[from], -1 where it is not on this line.
func closingFlow(line []rune, from int) int {
	end := scanFlow(line, from+1, func(int) bool { return false })
	if end < len(line) {
		return end
	}
	return -1
}

// inFlow says whether a place of a line stands inside { } or [ ].
func inFlow(line []rune, at int) bool {
	depth := 0
	for _, c := range line[:min(at, len(line))] {
		switch c {
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		}
	}
	return depth > 0
}
