package rules

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// Kept is the text of a version of the rules, as a journal keeps it so that a replay has the rules of its day. ${env.NAME}
// stands in it as written, and what looks like a secret written in clear is masked: nothing that decides is a secret.
type Kept struct {
	Version string   `json:"version"`
	Files   []Source `json:"files"` // the first, then what it includes
}

// Source is the text of one file.
type Source struct {
	Name string `json:"name"` // as it was named: the first by who loaded it, the others by the include, joined to its folder
	Text string `json:"text"`
}

// Kept is the set's text.
func (s *Set) Kept() Kept { return Kept{s.version, s.kept} }

// Parse compiles the rules again, under the version that they had. Values of ${env.NAME} are those of o.
func (k Kept) Parse(o Options) (*Set, Problems, error) {
	if len(k.Files) == 0 {
		return nil, nil, errors.New("no file is kept")
	}
	o.Read = func(path string) ([]byte, error) {
		i := slices.IndexFunc(k.Files, func(s Source) bool { return filepath.ToSlash(s.Name) == filepath.ToSlash(path) })
		if i < 0 {
			return nil, fmt.Errorf("%s: %w", path, fs.ErrNotExist)
		}
		return []byte(k.Files[i].Text), nil
	}
	set, problems := Parse(k.Files[0].Name, []byte(k.Files[0].Text), o)
	if set != nil {
		set.version = k.Version
	}
	return set, problems, nil
}

// maskKept takes what is secret out of the texts that are kept.
func (r *reader) maskKept() {
	secrets := slices.Clone(r.secrets)
	if r.top != nil {
		for _, sub := range r.top.all {
			secrets = append(secrets, sub.secrets...)
		}
	}
	for i := range r.set.kept {
		text := &r.set.kept[i].Text
		for _, s := range secrets {
			*text = strings.ReplaceAll(*text, s, masked)
		}
		*text = WithoutSecrets(*text)
	}
}

// masked stands where a secret stood.
const masked = "***"

// What looks like a secret written in clear into a rules file, where ${env.NAME} belongs: the value of a key that names
// one, and the shape of a Telegram bot's token anywhere.
var (
	secretValue   = regexp.MustCompile(`(?i)(\b["']?[a-z_]*(?:token|secret|password|passwd|api_key|apikey|authorization)["']?[ \t]*:[ \t]*)(\$\{[^}\n]*\}|"(?:[^"\\\n]|\\.)*"|'[^'\n]*'|[^\s,}"'#][^\n,}#]*)`)
	telegramToken = regexp.MustCompile(`\b\d{6,12}:[A-Za-z0-9_-]{30,}`)
	envReference  = regexp.MustCompile(`^["']?\$\{env\.[A-Za-z0-9_]+\}["']?\s*$`)
)

// WithoutSecrets masks in a rules file what looks like a secret written in clear: the file is the user's, but what is
// kept or shown of it is ours (invariant 7).
func WithoutSecrets(source string) string {
	source = secretValue.ReplaceAllStringFunc(source, func(found string) string {
		parts := secretValue.FindStringSubmatch(found)
		if envReference.MatchString(parts[2]) {
			return found
		}
		return parts[1] + `"` + masked + `"`
	})
	return telegramToken.ReplaceAllString(source, masked)
}

// contentOf is a short hash of a rule as written and of the vars that it reads.
func (r *reader) contentOf(rule *Rule, n *yaml.Node) string {
	h := sha256.New()
	hashNode(h, n)
	words := read{}
	if rule.condition != nil {
		words.add(rule.condition.read)
	}
	for _, list := range [][]*Step{rule.Then, rule.OnError} {
		for _, s := range list {
			words.add(s.allRead())
		}
	}
	for _, name := range r.scope.varList {
		if words.words["vars."+name] {
			fmt.Fprintf(h, "%s=%v\n", name, r.scope.vars[name].value) // a hash never fails to write
		}
	}
	return hex.EncodeToString(h.Sum(nil)[:6])
}

// hashNode writes a node without its place and comments; the fields of a mapping in the order of their names.
func hashNode(h hash.Hash, n *yaml.Node) {
	fmt.Fprintf(h, "%d %s %q %d\n", n.Kind, n.Tag, n.Value, len(n.Content)) // a hash never fails to write
	if n.Kind == yaml.MappingNode {
		places := make([]int, 0, len(n.Content)/2)
		for i := 0; i+1 < len(n.Content); i += 2 {
			places = append(places, i)
		}
		slices.SortStableFunc(places, func(a, b int) int { return strings.Compare(n.Content[a].Value, n.Content[b].Value) })
		for _, i := range places {
			hashNode(h, n.Content[i])
			hashNode(h, n.Content[i+1])
		}
		return
	}
	for _, c := range n.Content {
		hashNode(h, c)
	}
}
