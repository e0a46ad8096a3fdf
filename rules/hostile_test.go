package rules

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// bombs are files that mean harm: each must be refused, or read as what it plainly says, without hanging.
func bombs() map[string]string {
	head := "version: 1\nrules:\n  - name: r\n    on: fill\n"
	when := func(expression string) string {
		return head + "    when: " + expression + "\n    then:\n      - log: x\n"
	}
	laughs := "a: &a [x, x, x, x, x, x, x, x, x]\n"
	for c := 'b'; c < 'k'; c++ {
		laughs += fmt.Sprintf("%c: &%c [*%c, *%c, *%c, *%c, *%c, *%c, *%c, *%c, *%c]\n", c, c, c-1, c-1, c-1, c-1, c-1, c-1, c-1, c-1, c-1)
	}
	return map[string]string{
		"billion laughs":         laughs + "vars: { x: *j }\n" + head + "    then: *j\n",
		"anchor of itself":       "vars: &v { a: *v }\n" + head + "    then: []\n",
		"anchored key":           "&v vars: { a: 1 }\n" + head + "    then: []\n",
		"merge key":              "vars: { <<: { a: 1 } }\n" + head + "    then: []\n",
		"merge of a list":        "vars: { <<: [1, 2] }\n" + head + "    then: []\n",
		"deep flow":              "vars: " + strings.Repeat("[", 20000) + strings.Repeat("]", 20000),
		"deep flow without end":  "vars: " + strings.Repeat("{a: ", 9000),
		"deep flow on a line":    "vars: " + strings.Repeat("{a: ", 1900) + "\n",
		"deep flow on lines":     strings.Repeat(strings.Repeat("[", 7000)+"\n", 100),
		"entries on lines":       "version: 1\n" + strings.Repeat("vars: {"+strings.Repeat("a,:", 2000)+"\n", 100),
		"quotes on lines":        "version: 1\n" + strings.Repeat("a: "+strings.Repeat("\"'", 3000)+"\n", 100),
		"expression on lines":    when(strings.Repeat(strings.Repeat("not ", 1500)+"\n      ", 100) + "true"),
		"chain on lines":         when(strings.Repeat(strings.Repeat("order.quantity > 1 and ", 300)+"\n      ", 100) + "true"),
		"deep block":             deepBlock(3000),
		"deep expression":        when(strings.Repeat("(", 30000) + "true" + strings.Repeat(")", 30000)),
		"deep without end":       when(strings.Repeat("not ", 30000)),
		"long chain":             when(strings.Repeat("order.quantity > 1 and ", 20000) + "true"),
		"long sum":               when(strings.Repeat("1+", 50000) + "1 > 2"),
		"power tower":            when("9**9**9**9**9**9 > 1"),
		"range":                  when("len(1..1000000000) > 1"),
		"nested range":           when("all(1..100000, all(1..100000, # > 0))"),
		"repeat":                 when(`len(repeat("x", 1000000000)) > 1`),
		"regular expression":     when(`order.tag matches "(a*)*(a*)*(a*)*b"`),
		"huge regular":           when(`order.tag matches "` + strings.Repeat("(a{1,1000})", 500) + `"`),
		"octal":                  "vars: { a: 010, b: 0o10, c: 0x10, d: 1_000, e: 1e999, f: .inf, g: .nan, h: 0b11 }\n" + head + "    then: []\n",
		"sexagesimal":            "vars: { a: 190:20:30, b: 12:30, c: 2026-11-24 }\n" + head + "    then: []\n",
		"norway":                 "vars: { a: no, b: yes, c: on, d: ~, e: NULL }\n" + head + "    then: []\n",
		"duplicate keys":         "version: 1\nversion: 1\nrules: []\nrules: []\n",
		"tabs":                   "version: 1\nrules:\n\t- name: r\n\t  on: fill\n",
		"tags":                   "version: !!int 1\nrules: !!seq []\nvars: !!python/object:os.system { a: 1 }\n",
		"binary":                 "vars: { a: !!binary gIGC }\n" + head + "    then: []\n",
		"two documents":          "version: 1\nrules: []\n---\nversion: 1\nrules: []\n",
		"directive":              "%YAML 9.9\n---\nversion: 1\nrules: []\n",
		"latin-1":                "version: 1\nvars: { a: \"\xe9\" }\nrules: []\n",
		"UTF-16":                 "\xff\xfev\x00e\x00r\x00",
		"UTF-32":                 "\xff\xfe\x00\x00v\x00\x00\x00",
		"byte order mark":        "\ufeffversion: 1\nrules: []\n",
		"NUL":                    "version: 1\x00\nrules: []\n",
		"line separators":        "version: 1\u2028rules: []\u0085vars: {}\n",
		"bidi in a name":         "version: 1\nrules:\n  - name: \"a\u202eb\"\n    on: fill\n    then: []\n",
		"bidi in an expression":  when("order.tag == \"\u202e\u2066 and true\u2069\""),
		"carriage returns":       "version: 1\rrules: []\r",
		"only a mark":            "\ufeff",
		"nothing":                "",
		"question keys":          "? version\n: 1\n? [rules]\n: []\n",
		"key of a list":          "version: 1\n[a, b]: c\nrules: []\n",
		"block text without end": "version: 1\nvars:\n  a: |+99\n    x\nrules: []\n",
		"many problems":          head + "    then:\n" + strings.Repeat("      - nothing: { a: 1 }\n", 20000),
		"many rules":             "version: 1\nrules:\n" + strings.Repeat("  - name: r\n    on: fill\n    then:\n      - log: x\n", 2000),
		"template without end":   head + "    then:\n      - log: \"" + strings.Repeat("${", 20000) + "\"\n",
		"template in template":   head + "    then:\n      - log: \"" + strings.Repeat("${\\\"", 3000) + strings.Repeat("\\\"}", 3000) + "\"\n",
		"too large":              "# " + strings.Repeat("x", 2<<20),
		"one long line":          "vars: { a: \"" + strings.Repeat("é", 400000) + "\" }\n",
		"brackets in a value":    "version: 1\nrules: " + strings.Repeat("[{", 5000) + "\n",
	}
}

func deepBlock(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(strings.Repeat(" ", i%400) + "a:\n")
	}
	return b.String()
}

func TestFilesThatMeanHarmAreRefusedOrReadPlainly(t *testing.T) {
	t.Parallel()
	harmless := map[string]bool{"byte order mark": true, "carriage returns": true, "norway": true, "only a mark": true, "nothing": true,
		"regular expression": true, "bidi in an expression": true, "binary": false}
	for name, src := range bombs() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			parsed(t, src)
			set, problems := Parse("f.yaml", []byte(src), testOptions())
			if set != nil && !harmless[name] {
				for _, r := range set.Rules() {
					if _, _, err := r.Match(aFill()); err == nil && name != "long chain" && name != "long sum" {
						t.Errorf("accepted and evaluated: %s", r.Name)
					}
				}
			}
			for _, p := range problems {
				if strings.ContainsAny(p.Message+p.Hint, "\x00\x1b\x07") {
					t.Errorf("a problem that acts on a terminal: %q", p.Message+p.Hint)
				}
			}
		})
	}
}

// FuzzExpression: any text as a condition is refused with its place, or evaluates within its bounds to true, false or
// an error that is told; and as a parameter it gives a value that can be kept.
func FuzzExpression(f *testing.F) {
	paths, err := filepath.Glob("testdata/good/*.yaml")
	if err != nil || len(paths) == 0 {
		f.Fatal("no good files")
	}
	for _, path := range paths {
		src, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		for line := range strings.Lines(string(src)) {
			if _, expression, ok := strings.Cut(line, "when: "); ok {
				f.Add(strings.TrimSpace(expression))
			}
		}
	}
	for _, s := range []string{"9**9**9**9", "1..9", "010", "order", "group.orders", "let a = order; a.price", "any(group.orders, .role == \"entry\")",
		"loss(0/0)", "-0", "1e999", "order.price / 0", "order.quantity % 0", "\"\u202e\"", "recent(\"fill\", \"99999h\")", "like(order.tag, \"*[\")", "vars.a ?? 1", "{\"a\": 1}.a", "[1,2][9]", "order[\"price\"]"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, expression string) {
		if len(expression) > 4000 {
			return
		}
		quoted, err := yaml.Marshal(expression)
		if err != nil {
			return
		}
		text := strings.ReplaceAll(strings.TrimSpace(string(quoted)), "\n", "\n      ")
		parsed(t, "version: 1\nvars: { a: 1 }\nrules:\n  - name: r\n    on: fill\n    when: "+text+"\n    then:\n      - log: x\n")
		parsed(t, "version: 1\nvars: { a: 1 }\nrules:\n  - name: r\n    on: fill\n    then:\n      - place_stop_loss:\n          trigger_price: "+
			strings.ReplaceAll(text, "\n", "\n      ")+"\n")
	})
}
