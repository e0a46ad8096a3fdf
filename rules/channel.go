package rules

import (
	"fmt"
	"slices"

	"gopkg.in/yaml.v3"
)

// Channel is where messages go.
type Channel struct {
	Name   string
	Kind   string // telegram
	Token  Secret
	ChatID string
}

// Secret is a text that no way of printing shows. Reveal gives it, for the one place that sends it.
type Secret struct{ value string }

// NewSecret hides a text.
func NewSecret(text string) Secret { return Secret{text} }

const hidden = "[secret]"

// Reveal is the text itself.
func (s Secret) Reveal() string { return s.value }

// IsSet says whether there is one.
func (s Secret) IsSet() bool { return s.value != "" }

// String never shows the text; nor do the ways below.
func (s Secret) String() string { return hidden }

// GoString hides it from %#v.
func (s Secret) GoString() string { return hidden }

// Format hides it from every verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(hidden)) }

// MarshalJSON hides it from JSON.
func (s Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + hidden + `"`), nil }

// MarshalText hides it from every text encoding.
func (s Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }

func (r *reader) readChannels(n *yaml.Node) {
	if !r.mapping(n, "channels", "channels: { desk: { telegram: { token: \"${env.TELEGRAM_BOT_TOKEN}\", chat_id: \"${env.TELEGRAM_CHAT_ID}\" } } }") {
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if r.skip[key] {
			continue
		}
		name, ok := r.name(key, "a channel's name")
		if ok && name == NoAlerts {
			r.failNode(key, "bad-name", "a channel can't be named none", "alerts: none means no channel at all")
			ok = false
		}
		c := Channel{Name: name}
		r.readChannel(&c, value)
		if ok {
			r.set.channels = append(r.set.channels, c)
		}
	}
}

func (r *reader) readChannel(c *Channel, n *yaml.Node) {
	if !r.mapping(n, "a channel", "write telegram: { token: …, chat_id: … }") {
		return
	}
	kinds := r.fields(n, "a channel", channelTable)
	p, ok := kinds["telegram"]
	if !ok {
		if len(n.Content) == 0 {
			r.failNode(n, "empty-value", "a channel needs its kind", "write telegram: { token: …, chat_id: … }")
		}
		return
	}
	c.Kind = "telegram"
	if !r.mapping(p.value, "telegram", "write telegram: { token: …, chat_id: … }") {
		return
	}
	known := paramNames(telegramTable, false)
	fields := r.fields(p.value, "a Telegram channel", telegramTable)
	for _, name := range known {
		f, ok := fields[name]
		if !ok {
			r.failNode(p.key, "missing-field", "a Telegram channel needs "+name, "write "+name+": \"${env.TELEGRAM_"+map[string]string{"token": "BOT_TOKEN", "chat_id": "CHAT_ID"}[name]+"}\"")
			continue
		}
		v, ok := r.setting(f.value, name)
		if !ok {
			continue
		}
		if name == "chat_id" {
			c.ChatID = v.text
			continue
		}
		c.Token = NewSecret(v.text)
		if !v.env {
			r.secrets = append(r.secrets, f.value.Value)
			r.warnNode(f.value, "secret-in-file", "a token stands in the file in clear", "put it into the environment and write \"${env.TELEGRAM_BOT_TOKEN}\"")
		}
	}
}

// setting is a text outside of rules, worked out.
type setting struct {
	text  string
	env   bool // a part of it comes from the environment
	unset bool // a part of it is not set there, which is told: text is not to be judged
}

// setting reads a text outside of rules: literal, with ${env.NAME} and ${vars.NAME} inside.
func (r *reader) setting(n *yaml.Node, what string) (setting, bool) {
	l, ok := r.scalar(n, what)
	if !ok {
		return setting{}, false
	}
	if l.String() == "" {
		r.failNode(n, "empty-value", what+" is empty", "write a value, or leave the field out")
		return setting{}, false
	}
	t, ok := r.template(l, r.constantScope())
	if !ok {
		return setting{}, false
	}
	v := setting{unset: r.readsUnset(t.read)}
	for w := range t.read.words {
		path := splitDots(w)
		v.env = v.env || path[0] == "env" || r.scope.vars[path[1]].env
	}
	text, err := t.value(&Words{})
	if err != nil && !v.unset {
		r.failNode(n, "wrong-type", what+" can't be worked out: "+err.Error(), "write the value itself")
		return setting{}, false
	}
	v.text = text
	return v, true
}

// constantScope is what texts outside of rules can read: the vars known so far, and the environment.
func (r *reader) constantScope() *scope {
	return &scope{vars: r.scope.vars, varList: r.scope.varList, only: onlyVars, env: r.envValue}
}

func (r *reader) readsUnset(rd read) bool {
	for w := range rd.words {
		path := splitDots(w)
		if path[0] == "vars" && r.scope.vars[path[1]].unset {
			return true
		}
		if path[0] == "env" {
			if _, ok := r.env(path[1]); !ok {
				return true
			}
		}
	}
	return false
}

// channelNames are all that a rule can send to.
func (r *reader) channelNames() []string {
	var out []string
	for _, c := range r.set.channels {
		out = append(out, c.Name)
	}
	for _, name := range append([]string{SettingsChannel}, r.o.Channels...) {
		if !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

// isChannel says whether a rule can send to name; where the channels could not be read, it may be right.
func (r *reader) isChannel(name string) bool {
	return slices.Contains(r.channelNames(), name) || slices.Contains(r.lost, "channels")
}
