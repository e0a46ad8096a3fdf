package rules_test

import (
	"io/fs"
	"strings"
	"testing"

	"backstop/actions"
	"backstop/rules"
)

// made are the wrong examples that no page could show.
var made = map[string]string{
	"BS102": strings.Repeat("# a long file\n", 400_000),
	"BS312": "version: 1\nrules:\n  - name: tell\n    on: rejected\n    when: order.tag in [\"a\"" + strings.Repeat(", \"b\"", 1000) + "]\n    then:\n      - log: x\n",
}

// options read an included file as a pack that has what examples of include name.
func options() rules.Options {
	env := map[string]string{"TELEGRAM_BOT_TOKEN": "1:x", "TELEGRAM_CHAT_ID": "42"}
	o := rules.Options{Specs: actions.Builtin(), Channels: []string{rules.SettingsChannel}, Accounts: []string{"AB1234", "CD5678"},
		Env: func(name string) (string, bool) { v, ok := env[name]; return v, ok },
		Read: func(path string) ([]byte, error) {
			if strings.HasPrefix(path, "packs/") {
				return []byte("version: 1\nvars: { stop_pct: 20 }\nrules: []\n"), nil
			}
			return nil, fs.ErrNotExist
		}}
	for _, c := range actions.Reasons() {
		o.Reasons = append(o.Reasons, string(c))
	}
	return o
}

// The wrong example of each code gives exactly that code, and its right one gives nothing at all.
func TestExamplesOfCodes(t *testing.T) {
	t.Parallel()
	for _, c := range rules.Codes() {
		t.Run(c.ID+" "+c.Slug, func(t *testing.T) {
			t.Parallel()
			o := options()
			if c.Slug == "no-test" {
				o.Tested = func(string) bool { return false }
			}
			wrong, ok := made[c.ID]
			if !ok {
				wrong = rules.Example(c.Wrong)
			}
			_, problems := rules.Parse("wrong.yaml", []byte(wrong), o)
			if len(problems) == 0 {
				t.Errorf("the wrong example gives nothing:\n%s", wrong)
			}
			for _, p := range problems {
				if p.Code != c.ID || p.Severity != c.Severity {
					t.Errorf("the wrong example gives %s too:\n%s", p.Code, p)
				}
			}
			if set, problems := rules.Parse("right.yaml", []byte(rules.Example(c.Right)), o); set == nil || len(problems) > 0 {
				t.Errorf("the right example:\n%s\ngives %v", rules.Example(c.Right), problems)
			}
			page := c.Page()
			for _, part := range []string{c.ID, c.Title, c.Explanation, "Wrong:", "Right:"} {
				if !strings.Contains(page, part) {
					t.Errorf("the page lacks %q:\n%s", part, page)
				}
			}
		})
	}
}

func TestCodeNamed(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"BS201", "bs201", "unknown-field"} {
		if c, ok := rules.CodeNamed(name); !ok || c.ID != "BS201" {
			t.Errorf("%s is %v", name, c)
		}
	}
	if _, ok := rules.CodeNamed("BS999"); ok {
		t.Error("a code that is not there")
	}
}

// docs/check.md is made of the table of codes.
func TestCheckPage(t *testing.T) {
	t.Parallel()
	page(t, "../docs/check.md", []byte(rules.CodesPage()))
}
