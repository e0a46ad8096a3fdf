package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// settingsFileName is read where it exists and no other is named.
const settingsFileName = "backstop.yaml"

// settingsFileMax bounds backstop.yaml, bytes.
const settingsFileMax = 1 << 20

// settingsFile is backstop.yaml. Unknown keys are errors, so that no slip of the pen is a silent default.
type settingsFile struct {
	name     string
	values   map[string]value
	accounts []accountEntry
}

// accountEntry is one account as written: its values are expanded only by who needs them, so that commands
// without need of secrets run without them.
type accountEntry struct {
	user   string
	line   int
	values map[string]value
}

// accountKeys are the names under an account, as the environment has them with KITE_ before.
var accountKeys = []string{"user_id", "api_key", "api_secret", "api_secret_old", "api_secret_old_until", "access_token", "base_url", "ws_url", "login_url", "label"}

// value is a setting of the file.
func (f *settingsFile) value(key string) (value, bool) {
	if f == nil {
		return value{}, false
	}
	v, ok := f.values[key]
	return v, ok
}

// readSettingsFile reads the named file, or backstop.yaml where name is empty and it exists.
func readSettingsFile(name, from string, env environment) (*settingsFile, error) {
	asked := name != ""
	if !asked {
		name = settingsFileName
	}
	text, err := readBounded(name, settingsFileMax)
	switch {
	case errors.Is(err, fs.ErrNotExist) && !asked:
		return nil, nil
	case err != nil && asked:
		return nil, misuse("%s: %v", from, err)
	case err != nil:
		return nil, misuse("settings: %v", err)
	}
	f := &settingsFile{name: filepath.Base(name), values: map[string]value{}}
	if asked {
		f.name = name
	}
	if err := f.parse(text, env); err != nil {
		return nil, err
	}
	return f, nil
}

// readBounded reads a whole file of at most max bytes.
func readBounded(name string, max int64) ([]byte, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return nil, fmt.Errorf("%s is a folder", name)
	}
	if info.Size() > max {
		return nil, fmt.Errorf("%s has more than %d bytes", name, max)
	}
	return os.ReadFile(name)
}

func (f *settingsFile) wrong(n *yaml.Node, format string, args ...any) error {
	return misuse("%s:%d: %s", f.name, n.Line, fmt.Sprintf(format, args...))
}

// yamlLine finds the line in the YAML reader's own errors.
var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?(.*)$`)

func (f *settingsFile) parse(text []byte, env environment) error {
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		m := yamlLine.FindStringSubmatch(err.Error())
		if m == nil {
			return misuse("%s: %v", f.name, err)
		}
		hint := ""
		if strings.Contains(m[2], "cannot start any token") {
			hint = ` (put the value in quotes: "@every 15s")`
		}
		if m[1] == "" {
			m[1] = "1"
		}
		return misuse("%s:%s: %s%s", f.name, m[1], m[2], hint)
	}
	if len(doc.Content) == 0 {
		return nil // an empty file sets nothing
	}
	root := doc.Content[0]
	return f.members(root, "settings", func(key string, k, v *yaml.Node) error {
		switch key {
		case "accounts":
			return f.parseAccounts(v)
		case "freeze_quantities":
			if v.Kind != yaml.MappingNode {
				return f.wrong(v, "freeze_quantities: want NAME: QUANTITY lines")
			}
			text, err := f.freezeQuantities(v)
			f.values[key] = value{text: text, from: f.at(v)}
			return err
		}
		if _, ok := settingOf(key); !ok {
			return f.unknown(k, settingNames())
		}
		text, err := f.scalar(key, v)
		if err != nil {
			return err
		}
		expanded, err := expand(text, env)
		if err != nil {
			return f.wrong(v, "%s: %v", key, err)
		}
		f.values[key] = value{text: expanded, from: f.at(v)}
		if expanded != text {
			f.values[key] = value{text: expanded, from: f.at(v), written: text}
		}
		return nil
	})
}

func (f *settingsFile) at(n *yaml.Node) string { return fmt.Sprintf("%s:%d", f.name, n.Line) }

// members calls each for the members of a mapping, and refuses a key that stands twice.
func (f *settingsFile) members(n *yaml.Node, what string, each func(key string, k, v *yaml.Node) error) error {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if n.Kind != yaml.MappingNode {
		return f.wrong(n, "%s: want KEY: VALUE lines", what)
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		if seen[k.Value] {
			return f.wrong(k, "%s stands twice", k.Value)
		}
		seen[k.Value] = true
		if v.Kind == yaml.AliasNode {
			v = v.Alias
		}
		if err := each(k.Value, k, v); err != nil {
			return err
		}
	}
	return nil
}

// scalar is a plain value; a list is joined with commas.
func (f *settingsFile) scalar(key string, v *yaml.Node) (string, error) {
	switch {
	case v.Kind == yaml.SequenceNode && key == "trusted_proxies":
		var items []string
		for _, item := range v.Content {
			text, err := f.scalar("", item)
			if err != nil {
				return "", err
			}
			items = append(items, text)
		}
		return strings.Join(items, ","), nil
	case v.Kind != yaml.ScalarNode:
		return "", f.wrong(v, "%s: want one value", key)
	case v.Tag == "!!null" || v.Value == "":
		return "", f.wrong(v, "%s is empty: write a value or remove the line", key)
	case strings.HasPrefix(v.Tag, "!") && !strings.HasPrefix(v.Tag, "!!"):
		return "", f.wrong(v, "%s: %s is no value: put it in quotes", key, v.Tag)
	}
	return v.Value, nil
}

func (f *settingsFile) unknown(k *yaml.Node, known []string) error {
	if near := nearest(k.Value, known); near != "" {
		return f.wrong(k, "no setting %q: did you mean %s?", k.Value, near)
	}
	return f.wrong(k, "no setting %q: there are %s", k.Value, strings.Join(known, ", "))
}

func settingNames() []string {
	names := []string{"accounts"}
	for _, s := range settingTable {
		names = append(names, s.key)
	}
	slices.Sort(names)
	return names
}

func (f *settingsFile) parseAccounts(n *yaml.Node) error {
	return f.members(n, "accounts", func(user string, k, v *yaml.Node) error {
		a := accountEntry{user: user, line: k.Line, values: map[string]value{}}
		err := f.members(v, user, func(key string, k, v *yaml.Node) error {
			if !slices.Contains(accountKeys, key) {
				return f.unknown(k, accountKeys)
			}
			text, err := f.scalar(key, v)
			a.values[key] = value{text: text, from: f.at(v)}
			return err
		})
		if err != nil {
			return err
		}
		if own, ok := a.values["user_id"]; ok && own.text != user {
			return misuse("%s: user_id %s stands under %s: an account's key is its user id", own.from, own.text, user)
		}
		f.accounts = append(f.accounts, a)
		return nil
	})
}

// reference is ${env.NAME}; anything else between ${ and } is a mistake.
var reference = regexp.MustCompile(`\$\{([^}]*)\}`)

// missingVariable is a reference to a variable that is not set.
type missingVariable struct{ name string }

func (e *missingVariable) Error() string {
	return fmt.Sprintf("the environment variable %s is not set", e.name)
}

// expand puts environment values in place of ${env.NAME}.
func expand(text string, env environment) (string, error) {
	var failed error
	out := reference.ReplaceAllStringFunc(text, func(m string) string {
		name, ok := strings.CutPrefix(m[2:len(m)-1], "env.")
		v, set := env.lookup(name)
		switch {
		case !ok || name == "":
			failed = fmt.Errorf("%s: want ${env.NAME}", m)
		case !set && failed == nil:
			failed = &missingVariable{name}
		}
		return v
	})
	return out, failed
}

// nearest is the word of known that a slip of the pen most likely meant, or "".
func nearest(word string, known []string) string {
	best, least := "", 1+len(word)/3
	for _, k := range known {
		if d := editDistance(strings.ToLower(word), k); d <= least && (best == "" || d < least) {
			best, least = k, d
		}
	}
	return best
}

// editDistance counts the letters to add, drop or change between a and b.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}

// freezeQuantities reads the greatest quantities of one order, by underlying: `NIFTY: 1800`.
func (f *settingsFile) freezeQuantities(n *yaml.Node) (string, error) {
	var out []string
	err := f.members(n, "freeze_quantities", func(name string, _, v *yaml.Node) error {
		q, err := strconv.ParseInt(v.Value, 10, 64)
		if err != nil || q <= 0 || v.Kind != yaml.ScalarNode {
			return f.wrong(v, "freeze_quantities: %s: want a whole number above 0", name)
		}
		out = append(out, strings.ToUpper(name)+"="+strconv.FormatInt(q, 10))
		return nil
	})
	return strings.Join(out, ","), err
}

// freezeOf is what freezeQuantities wrote.
func freezeOf(text string) map[string]int64 {
	out := map[string]int64{}
	for _, each := range items(text) {
		name, quantity, _ := strings.Cut(each, "=")
		if n, err := strconv.ParseInt(quantity, 10, 64); err == nil {
			out[name] = n
		}
	}
	return out
}
