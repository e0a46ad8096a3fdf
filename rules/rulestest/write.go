package rulestest

import (
	"math"
	"regexp"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// plainText is what YAML takes for a text without quotes, in a flow mapping too.
var plainText = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_./-]*( [A-Za-z0-9_./-]+)*$`)

// yamlValue writes a value on one line, as a person would.
func yamlValue(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case string:
		return yamlText(v)
	case bool:
		return strconv.FormatBool(v)
	case int:
		return strconv.Itoa(v)
	case int64:
		return strconv.FormatInt(v, 10)
	case float64:
		if math.Trunc(v) == v && math.Abs(v) < 1e15 {
			return strconv.FormatInt(int64(v), 10)
		}
		return strconv.FormatFloat(v, 'f', -1, 64)
	case []any:
		parts := make([]string, len(v))
		for i, e := range v {
			parts[i] = yamlValue(e)
		}
		return "[" + strings.Join(parts, ", ") + "]"
	}
	return "…"
}

// yamlText quotes a text where YAML would take it for something else.
func yamlText(s string) string {
	if plainText.MatchString(s) {
		var n yaml.Node
		if yaml.Unmarshal([]byte(s), &n) == nil && len(n.Content) == 1 && n.Content[0].Tag == "!!str" && n.Content[0].Value == s {
			switch strings.ToLower(s) { // older readers take these for booleans
			case "y", "n", "yes", "no", "on", "off":
			default:
				return s
			}
		}
	}
	return strconv.Quote(s)
}

// flow writes a node on one line.
func flow(n *yaml.Node) string {
	n = followed(n)
	switch n.Kind {
	case yaml.MappingNode:
		if len(n.Content) == 0 {
			return "{}"
		}
		var parts []string
		for i := 0; i+1 < len(n.Content); i += 2 {
			parts = append(parts, n.Content[i].Value+": "+flow(n.Content[i+1]))
		}
		return "{ " + strings.Join(parts, ", ") + " }"
	case yaml.SequenceNode:
		var parts []string
		for _, e := range n.Content {
			parts = append(parts, flow(e))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case yaml.ScalarNode:
		if n.Tag == "!!str" {
			return yamlText(n.Value)
		}
		return n.Value
	}
	return ""
}

// line is an expectation on one line.
func (x *expectation) line() string {
	if x.node.Kind == yaml.ScalarNode {
		return x.node.Value
	}
	return x.key.Value + ": " + flow(x.node.Content[1])
}
